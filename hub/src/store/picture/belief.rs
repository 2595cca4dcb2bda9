//! The policy and the accounts' keys, as they were put on record.

use super::{Picture, at, json, ms, number};
use crate::store::{
    StoreError,
    sql::{Database, Row, params},
};
use fleet::belief::{Enrolled, Policy, Record, is_newer};
use jiff::Timestamp;
use manifests::{
    id::{AccountId, Digest},
    report::proof::Key,
};

/// The policy that is on record; the one that believes nobody before there is any.
pub(in crate::store) fn policy(database: &Database) -> Result<Policy, StoreError> {
    let sql = "SELECT value FROM mark WHERE name = 'policy'";
    let policy: Option<String> = database.row(sql, params![], |row| row.get(0))?;
    Ok(policy.and_then(|policy| serde_json::from_str(&policy).ok()).unwrap_or_default())
}

/// The key of an account that is on record.
pub(in crate::store) fn enrolled(database: &Database, account: &AccountId) -> Result<Option<Enrolled>, StoreError> {
    let read = |row: &Row<'_>| {
        let (key, account) = (Key(Digest(row.get(0)?)), account.clone());
        Ok(Enrolled { account, key, arn: row.get(1)?, at: at(row.get(2)?) })
    };
    database.row("SELECT key, arn, at FROM enrolled WHERE account = ?1", params![number(account)], read)
}

impl Picture<'_> {
    /// Takes in what the hub put on record then, in these words.
    pub(in crate::store) fn learn(
        &mut self,
        record: Record,
        body: &str,
        recorded: Timestamp,
    ) -> Result<(), StoreError> {
        match record {
            Record::Policy(policy) => {
                self.transaction.execute(
                    "INSERT INTO mark VALUES ('policy', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    params![json(&policy)],
                )?;
                self.policy = policy;
                Ok(())
            }
            // What it takes out is swept away by whoever made it.
            Record::Cut(_) => Ok(()),
            Record::Dropped(dropped) => self.quarantine(body, dropped.to_string(), recorded),
            Record::Enrolled(one) => {
                if !is_newer(&one, enrolled(self.transaction, &one.account)?.as_ref()) {
                    return Ok(());
                }
                self.transaction.execute(
                    "INSERT INTO enrolled VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account) DO UPDATE SET
                         key = excluded.key, arn = excluded.arn, at = excluded.at",
                    params![number(&one.account), one.key.0.0, one.arn, ms(one.at)],
                )
            }
        }
    }
}
