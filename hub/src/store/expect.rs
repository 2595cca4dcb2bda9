//! The list of those who are expected, as rows: only what has changed in it is written.
//!
//! Not here: where the list comes from ([`crate::expected`]).

use super::{
    Store, StoreError,
    picture::{EXPECTED, Picture, SUSPENDED, UNEXPECTED, json, number},
    sql::{self, Transaction, params},
};
use ::fleet::page::View;
use manifests::{fleet, id::Digest};
use std::collections::{BTreeMap, BTreeSet};

/// What the table has beside names and rings.
pub(super) const FORM: &str = include_str!("parts.sql");

/// The label whose values are rings.
const RING: &str = "ring";

/// What the table says of one: its name, its ring, and all of its labels.
type Row = (Option<String>, String, String);

impl Store {
    /// Takes in who is expected, and who is suspended.
    pub(super) fn expect(&mut self, view: &View<'_>) -> Result<(), StoreError> {
        let list = List {
            wanted: view.expected.iter().flat_map(|fleet| &fleet.accounts).map(row).collect(),
            suspended: view.suspended.iter().map(number).collect(),
            is_one: view.expected.is_some(),
        };
        let mark = format!("{} {}", list.is_one, Digest::of(json(&(&list.wanted, &list.suspended)).as_bytes()));
        if self.expected == mark {
            return Ok(());
        }
        let transaction = self.database.begin()?;
        let sql = "SELECT value FROM mark WHERE name = 'expected'";
        let known: Option<String> = transaction.row(sql, params![], |row| row.get(0))?;
        if known.as_ref() != Some(&mark) {
            list.rewrite(&transaction)?;
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
    (number(id), (account.name.clone(), ring, json(&account.labels)))
}

/// What there is to be written.
struct List {
    wanted: BTreeMap<i64, Row>,
    suspended: BTreeSet<i64>,
    /// Whether somebody has said who is expected.
    is_one: bool,
}

impl List {
    fn rewrite(&self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        let sql = "SELECT id, name, ring, labels FROM expected";
        let read = |row: &sql::Row<'_>| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)));
        let before: BTreeMap<i64, Row> = transaction.rows(sql, params![], read)?.into_iter().collect();
        for id in before.keys().filter(|id| !self.wanted.contains_key(id)) {
            transaction.execute("DELETE FROM expected WHERE id = ?1", params![id])?;
        }
        for (id, (name, ring, labels)) in self.wanted.iter().filter(|(id, row)| before.get(id) != Some(row)) {
            transaction.execute(
                "INSERT INTO expected VALUES (?1, ?2, ?3, (SELECT count(*) FROM account WHERE id = ?1), ?4)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, ring = excluded.ring, spoke = excluded.spoke,
                     labels = excluded.labels",
                params![id, name, ring, labels],
            )?;
        }
        let gone = transaction.rows("SELECT id FROM suspended", params![], |row| row.get::<i64>(0))?.len();
        transaction.execute("DELETE FROM suspended", params![])?;
        for id in &self.suspended {
            transaction.execute("INSERT INTO suspended VALUES (?1)", params![id])?;
        }
        let mut picture = Picture::new(transaction)?;
        picture.sum("suspended", "", 0, self.suspended.len() as i64 - gone as i64);
        before.values().for_each(|(_, ring, _)| picture.sum("expected", ring, 0, -1));
        self.wanted.values().for_each(|(_, ring, _)| picture.sum("expected", ring, 0, 1));
        let spoke = transaction.rows("SELECT id FROM account", params![], |row| row.get::<i64>(0))?;
        for id in spoke {
            let (ring, listed) = self.place(id);
            picture.moved(id, ring, listed)?;
        }
        picture.settle().map(drop)
    }

    /// In which ring an account is, and how it stands to the list.
    fn place(&self, id: i64) -> (&str, i64) {
        if self.suspended.contains(&id) {
            return ("", SUSPENDED);
        }
        match self.wanted.get(&id) {
            Some((_, ring, _)) => (ring, EXPECTED),
            None if self.is_one => ("", UNEXPECTED),
            None => ("", EXPECTED),
        }
    }
}
