//! The list of those who are expected, as rows: only what has changed in it is written.
//!
//! Not here: where the list comes from ([`crate::expected`]).

use super::{
    Store, StoreError,
    picture::{Picture, json, number},
    sql::{Transaction, params},
};
use manifests::{fleet, id::Digest};
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
        let transaction = self.database.begin()?;
        let sql = "SELECT value FROM mark WHERE name = 'expected'";
        let known: Option<String> = transaction.row(sql, params![], |row| row.get(0))?;
        if known.as_ref() != Some(&mark) {
            rewrite(&transaction, &wanted, expected.is_some())?;
            let sql =
                "INSERT INTO mark VALUES ('expected', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            transaction.execute(sql, params![mark])?;
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
    let sql = "SELECT id, name, ring FROM expected";
    let before = transaction.rows(sql, params![], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    let before: BTreeMap<i64, Row> = before.into_iter().collect();
    for id in before.keys().filter(|id| !wanted.contains_key(id)) {
        transaction.execute("DELETE FROM expected WHERE id = ?1", params![id])?;
    }
    for (id, (name, ring)) in wanted.iter().filter(|(id, row)| before.get(id) != Some(row)) {
        transaction.execute(
            "INSERT INTO expected VALUES (?1, ?2, ?3, (SELECT count(*) FROM account WHERE id = ?1))
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, ring = excluded.ring, spoke = excluded.spoke",
            params![id, name, ring],
        )?;
    }
    let mut picture = Picture::new(transaction)?;
    for (_, ring) in before.values() {
        picture.sum("expected", ring, 0, -1);
    }
    for (_, ring) in wanted.values() {
        picture.sum("expected", ring, 0, 1);
    }
    let spoke = transaction.rows("SELECT id FROM account", params![], |row| row.get::<i64>(0))?;
    for id in spoke {
        let ring = wanted.get(&id).map(|(_, ring)| ring.as_str());
        picture.moved(id, ring.unwrap_or_default(), is_list && ring.is_none())?;
    }
    picture.settle().map(drop)
}
