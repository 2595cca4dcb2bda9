//! The list of those who are expected, as rows: only what has changed in it is written.
//!
//! Not here: where the list comes from ([`crate::expected`]).

use super::{
    Store, StoreError,
    picture::{json, number},
};
use manifests::{fleet, id::Digest};
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;

/// The label whose values are rings.
const RING: &str = "ring";

/// What the table says of one.
type Row = (Option<String>, String);

impl Store {
    /// Takes in who is expected; `None` when nobody has said.
    pub(super) fn expect(&mut self, expected: Option<&fleet::Fleet>) -> Result<(), StoreError> {
        let wanted: BTreeMap<i64, Row> = expected.iter().flat_map(|fleet| &fleet.accounts).map(row).collect();
        let mark = format!("{} {}", expected.is_some(), Digest::of(json(&wanted).as_bytes()));
        if self.expected == mark {
            return Ok(());
        }
        let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT value FROM mark WHERE name = 'expected'";
        let known: Option<String> = transaction.query_row(sql, [], |row| row.get(0)).optional()?;
        if known.as_ref() != Some(&mark) {
            rewrite(&transaction, &wanted, expected.is_some())?;
            transaction.execute("INSERT OR REPLACE INTO mark VALUES ('expected', ?1)", [&mark])?;
        }
        transaction.commit()?;
        self.expected = mark;
        Ok(())
    }
}

fn row((id, account): (&manifests::id::AccountId, &fleet::Account)) -> (i64, Row) {
    let ring = account.labels.get(RING).cloned().unwrap_or_default();
    (number(id), (account.name.clone(), ring))
}

fn rewrite(transaction: &Transaction<'_>, wanted: &BTreeMap<i64, Row>, is_list: bool) -> Result<(), StoreError> {
    let mut before: BTreeMap<i64, Row> = BTreeMap::new();
    {
        let mut all = transaction.prepare_cached("SELECT id, name, ring FROM expected")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            before.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
        }
    }
    for id in before.keys().filter(|id| !wanted.contains_key(id)) {
        transaction.prepare_cached("DELETE FROM expected WHERE id = ?1")?.execute([id])?;
    }
    for (id, (name, ring)) in wanted.iter().filter(|(id, row)| before.get(id) != Some(row)) {
        let mut write = transaction.prepare_cached(
            "INSERT OR REPLACE INTO expected VALUES (?1, ?2, ?3, EXISTS (SELECT 1 FROM account WHERE id = ?1))",
        )?;
        write.execute(params![id, name, ring])?;
    }
    // A list changes seldom: what hangs by it is added up anew.
    transaction
        .prepare_cached(
            "UPDATE account SET
             ring = coalesce((SELECT ring FROM expected WHERE expected.id = account.id), ''),
             unexpected = ?1 AND NOT EXISTS (SELECT 1 FROM expected WHERE expected.id = account.id)",
        )?
        .execute([is_list])?;
    transaction.execute_batch(
        "DELETE FROM tally WHERE what IN ('ring', 'ringApplied', 'ringAttempted', 'share');
         INSERT INTO tally SELECT 'ring', ring, state, count(*) FROM account GROUP BY ring, state;
         INSERT INTO tally SELECT 'ringApplied', applied || ' ' || ring, 0, count(*) FROM account
             WHERE applied IS NOT NULL GROUP BY applied, ring;
         INSERT INTO tally SELECT 'ringAttempted', attempted || ' ' || ring, state, count(*) FROM account
             WHERE attempted IS NOT NULL GROUP BY attempted, ring, state;
         INSERT INTO tally SELECT 'share', 'accounts', unexpected, count(*) FROM account GROUP BY unexpected;
         INSERT INTO tally SELECT 'share', 'accountsGood', unexpected, sum(good) FROM account GROUP BY unexpected;
         INSERT INTO tally SELECT 'share', 'stacks', unexpected, sum(stacks) FROM account GROUP BY unexpected;
         INSERT INTO tally SELECT 'share', 'stacksGood', unexpected, sum(stacks_good) FROM account GROUP BY unexpected;
         INSERT INTO tally SELECT 'share', 'resources', unexpected, sum(resources) FROM account GROUP BY unexpected;
         INSERT INTO tally SELECT 'share', 'compared', unexpected, sum(compared) FROM account GROUP BY unexpected;",
    )?;
    Ok(())
}
