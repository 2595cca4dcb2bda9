//! The list of those who are expected, as rows: only what has changed in it is written.
//!
//! Not here: where the list comes from ([`crate::expected`]).

use super::{
    Store, StoreError,
    picture::{Picture, json, number},
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
    let mut picture = Picture::new(transaction);
    for (_, ring) in before.values() {
        picture.sum("expected", ring, 0, -1);
    }
    for (_, ring) in wanted.values() {
        picture.sum("expected", ring, 0, 1);
    }
    let spoke: Vec<i64> = {
        let mut all = transaction.prepare_cached("SELECT id FROM account")?;
        all.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    for id in spoke {
        let ring = wanted.get(&id).map(|(_, ring)| ring.as_str());
        picture.moved(id, ring.unwrap_or_default(), is_list && ring.is_none())?;
    }
    picture.settle()
}
