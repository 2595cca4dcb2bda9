//! How the accounts stood at some entry of the journal, made from what is left of it: in a database of its own that nobody else sees
//! and that is gone afterwards, by the same rules by which the store's own picture is made.
//!
//! Not here: what becomes of it ([`super::make`]).

use super::{Database, End, Left, Line, Stays, StoreError, walk};
use crate::{
    ingest,
    journal::Origin,
    store::{
        ENTRIES, FORMS, entry, insert,
        picture::{Picture, at, json, number},
        signed,
        sql::{Row, params},
        view::id,
    },
};
use fleet::{
    belief::Record,
    cut::{Carried, Cut},
};
use manifests::{id::Digest, report::Event};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// The picture at an entry.
#[derive(Debug)]
pub(super) struct Scratch {
    database: Database,
    /// Which of the hub's own records are in force: the policy under 0, keys under their accounts.
    own: BTreeMap<i64, u64>,
    /// What the journal began with, and where the picture is.
    base: Option<Cut>,
    pub(super) end: End,
    /// What there is of the journal up to here.
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl Scratch {
    /// The picture after this entry.
    pub(super) fn at(store: &Database, through: u64) -> Result<Self, StoreError> {
        // A file that goes with its connection; a large fleet is more than should lie in memory.
        let connection = Connection::open("")?;
        FORMS.iter().try_for_each(|form| connection.execute_batch(form))?;
        connection.execute_batch(
            "DROP TRIGGER journal_is_not_changed; DROP TRIGGER journal_is_not_cut; PRAGMA synchronous = OFF;
             CREATE INDEX account_n ON account (n);
             CREATE TRIGGER account_says_more AFTER UPDATE OF n ON account WHEN OLD.n <> NEW.n
                 BEGIN DELETE FROM journal WHERE n = OLD.n; END;",
        )?;
        connection.set_prepared_statement_cache_capacity(256);
        let database = Database::Sqlite(connection);
        let mut scratch = Self { database, own: BTreeMap::new(), base: None, end: End::NOTHING, entries: 0, bytes: 0 };
        scratch.expect(store)?;
        scratch.read(store, through)?;
        Ok(scratch)
    }

    /// Whoever nobody expects has no part in what is told of commits.
    fn expect(&self, store: &Database) -> Result<(), StoreError> {
        let read = |row: &Row<'_>| {
            Ok((row.get::<i64>(0)?, row.get::<Option<String>>(1)?, row.get::<String>(2)?, row.get::<i64>(3)?))
        };
        for (id, name, ring, spoke) in store.rows("SELECT id, name, ring, spoke FROM expected", params![], read)? {
            self.database.execute(
                "INSERT INTO expected (id, name, ring, spoke) VALUES (?1, ?2, ?3, ?4)",
                params![id, name, ring, spoke],
            )?;
        }
        let sql = "SELECT value FROM mark WHERE name = 'expected'";
        match store.row(sql, params![], |row| row.get::<String>(0))? {
            Some(mark) => self.database.execute("INSERT INTO mark VALUES ('expected', ?1)", params![mark]),
            None => Ok(()),
        }
    }

    fn read(&mut self, store: &Database, through: u64) -> Result<(), StoreError> {
        /// How many pieces are taken in at once.
        const STEP: usize = 1_000;
        let mut some = Vec::with_capacity(STEP);
        let end = walk(store, through, |left| {
            some.push(left);
            if some.len() < STEP { Ok(()) } else { self.take(&std::mem::take(&mut some)) }
        })?;
        self.take(&some)?;
        self.end = end;
        Ok(())
    }

    fn take(&mut self, some: &[Left]) -> Result<(), StoreError> {
        let transaction = self.database.begin()?;
        let mut picture = Picture::new(&transaction)?;
        for left in some {
            let entry = match left {
                Left::Cut(cut) => {
                    self.base = Some(cut.clone());
                    continue;
                }
                Left::Line(Line { stays: None, .. }) => None,
                Left::Line(Line { stays: Some(Stays { entry, .. }), .. }) | Left::Entry(entry) => Some(entry),
            };
            if let Some(entry) = entry {
                insert(&transaction, entry)?;
                (self.entries, self.bytes) = (self.entries + 1, self.bytes + entry.body.len() as u64);
            }
            match left {
                Left::Line(line) => picture.restore(line)?,
                Left::Entry(entry) => picture.read(entry)?,
                Left::Cut(_) => {}
            }
            if let Some(entry) = entry.filter(|entry| entry.origin == Origin::Hub) {
                note(&transaction, &mut self.own, &entry.body, entry.n)?;
            }
        }
        let last = transaction.row("SELECT max(n) FROM journal", params![], |row| row.get::<Option<i64>>(0))?.flatten();
        picture.end(last.unwrap_or_default().unsigned_abs())?;
        // Only what an account said last is read again.
        let sql = "DELETE FROM journal WHERE NOT EXISTS (SELECT 1 FROM account WHERE account.n = journal.n)";
        transaction.execute(sql, params![])?;
        transaction.commit()
    }

    /// Shows every line that stands for what is before this place: first those with an entry, in its order.
    pub(super) fn lines(
        &self,
        store: &Database,
        mut each: impl FnMut(Line) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut own: Vec<u64> = self.own.values().copied().collect();
        own.sort_unstable();
        let mut own = own.into_iter().peekable();
        let record = json(&Carried::Record);
        let mut after = 0;
        loop {
            let accounts = self.accounts(after)?;
            let Some((last, _)) = accounts.last() else { break };
            after = *last;
            for (n, carried) in accounts {
                while let Some(own) = own.next_if(|own| *own < n.unsigned_abs()) {
                    each(self.line(store, own, &record)?)?;
                }
                each(self.line(store, n.unsigned_abs(), &json(&carried))?)?;
            }
        }
        own.try_for_each(|own| each(self.line(store, own, &record)?))?;
        self.commits()?.iter().try_for_each(|commit| each(Line { carried: json(commit), stays: None }))?;
        let sql = "SELECT key, n FROM tally WHERE what = 'heard' ORDER BY key";
        let outcomes = self.database.rows(sql, params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let messages = Carried::Messages { outcomes: outcomes.into_iter().collect() };
        each(Line { carried: json(&messages), stays: None })
    }

    /// Some accounts, in the order of their newest reports.
    fn accounts(&self, after: i64) -> Result<Vec<(i64, Carried)>, StoreError> {
        const STEP: i64 = 200;
        let sql = "SELECT a.id, a.n, a.received, a.heard, a.proven, a.since, j.body
                   FROM account a JOIN journal j ON j.n = a.n WHERE a.n > ?1 ORDER BY a.n LIMIT ?2";
        let read = |row: &Row<'_>| {
            let (id, n): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (heard, body): (String, Vec<u8>) = (row.get(3)?, row.get(6)?);
            let odd = || StoreError::Damaged(format!("what {} said last can't be read again", self::id(id)));
            let event = String::from_utf8(body).ok().and_then(|body| ingest::event(&body).ok()).ok_or_else(odd)?;
            let account = Carried::Account {
                received: at(row.get(2)?),
                heard: serde_json::from_str(&heard).map_err(|_| odd())?,
                proven: row.get(4)?,
                since: row.get(5)?,
                stacks: self.stacks(id, &event)?,
            };
            Ok((n, account))
        };
        self.database.rows(sql, params![after, STEP], read)
    }

    /// Since when each of its stacks stands as it does.
    fn stacks(&self, id: i64, event: &Event) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT p.stack, p.region, p.manifest, s.since FROM stack s JOIN place p ON p.id = s.place WHERE s.account = ?1";
        let read = |row: &Row<'_>| {
            Ok(((row.get::<String>(0)?, row.get::<String>(1)?, row.get::<String>(2)?), row.get::<i64>(3)?))
        };
        let since: BTreeMap<_, _> = self.database.rows(sql, params![id], read)?.into_iter().collect();
        let of = |stack: &manifests::report::StackReport| {
            let key = (stack.stack.to_string(), stack.region.to_string(), stack.manifest.to_string());
            since.get(&key).copied().unwrap_or_default()
        };
        Ok(event.data.stacks.iter().map(of).collect())
    }

    fn commits(&self) -> Result<Vec<Carried>, StoreError> {
        let sql = "SELECT id, first, signature, signer FROM revision ORDER BY first, id";
        let read = |row: &Row<'_>| {
            Ok(Carried::Commit { id: row.get(0)?, first: row.get(1)?, signature: row.get(2)?, signer: row.get(3)? })
        };
        self.database.rows(sql, params![], read)
    }

    /// An entry with what bound everything before it.
    fn line(&self, store: &Database, n: u64, carried: &str) -> Result<Line, StoreError> {
        let gone = || StoreError::CutMeanwhile;
        let sql = format!("{ENTRIES} WHERE n = ?1");
        let entry = store.row(&sql, params![signed(n)], |row| Ok(entry(row)))?.ok_or_else(gone)??;
        let chain = |sql: &str, values: &[&dyn crate::store::sql::Param]| {
            store.row(sql, values, |row| Ok(Digest(row.get(0)?)))?.ok_or_else(gone)
        };
        let through = self.base.as_ref().map_or(0, |cut| cut.through);
        let after = match &self.base {
            Some(cut) if n <= through => {
                chain("SELECT after FROM kept WHERE n = ?1 AND through = ?2", params![signed(n), signed(cut.through)])?
            }
            Some(cut) if n == through + 1 => cut.chain,
            None if n == 1 => End::NOTHING.chain,
            Some(_) | None => chain("SELECT chain FROM journal WHERE n = ?1", params![signed(n - 1)])?,
        };
        Ok(Line { carried: carried.to_owned(), stays: Some(Stays { after, entry }) })
    }

    /// What the journal began with.
    pub(super) fn base(&self) -> Option<&Cut> {
        self.base.as_ref()
    }
}

/// Which record is in force from here on.
fn note(scratch: &Database, own: &mut BTreeMap<i64, u64>, body: &str, n: u64) -> Result<(), StoreError> {
    match serde_json::from_str(body) {
        Ok(Record::Policy(_)) => drop(own.insert(0, n)),
        Ok(Record::Enrolled(one)) => {
            if crate::store::picture::enrolled(scratch, &one.account)?.as_ref() == Some(&one) {
                own.insert(number(&one.account), n);
            }
        }
        Ok(Record::Dropped(_) | Record::Cut(_)) | Err(_) => {}
    }
    Ok(())
}
