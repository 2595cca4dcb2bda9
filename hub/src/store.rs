//! The journal, kept: in a file of SQLite with one writer, or in PostgreSQL, where several hubs write one after the other. Every
//! batch is on disk before anybody is told that it was kept.
//!
//! A batch is kept whole or not at all. What was kept before is recognised by the digest of its text and not kept again:
//! queues deliver more than once. Triggers of the database itself refuse every change to what was kept; whoever goes round
//! them is found by [`Store::verify`].
//!
//! Not here: what messages say, and how a database is spoken to ([`sql`]).

use crate::{
    ingest::Message,
    journal::{Broken, End, Entry, Line, Origin},
    keep::{Heard, Keep, recorded},
};
use fleet::{
    belief::{Enrolled, Policy, Record},
    cut::Cut,
    fold::Outcome,
    page::{Page, View},
    presence::Freshness,
};
use jiff::Timestamp;
use manifests::id::{AccountId, Digest};
use std::collections::BTreeMap;

pub mod alerts;
mod cut;
mod error;
mod excerpt;
mod expect;
mod picture;
mod place;
mod postgres;
mod sql;
mod sqlite;
pub mod view;

pub(crate) use cut::recorded_in;
pub use cut::{Cutting, Left, Plan, Reach};
pub use error::{Cause, StoreError};
use picture::{Known, Picture};
pub use place::Place;
pub use postgres::{AddressError, PostgresError};
use sql::{Database, Row, Transaction, params};

/// `HOLD`, so that other programs' databases are not taken for a store.
const APPLICATION: u32 = 0x484f_4c44;

/// What makes each version of the form out of the one before. What has shipped is never changed.
const FORMS: [&str; 6] = [
    "
    CREATE TABLE journal (
        n        INTEGER PRIMARY KEY CHECK (n > 0), -- from 1, without a gap
        received INTEGER NOT NULL,                  -- milliseconds since 1970
        chain    BLOB NOT NULL CHECK (length(chain) = 32),
        digest   BLOB NOT NULL UNIQUE CHECK (length(digest) = 32), -- SHA-256 of the text
        body     BLOB NOT NULL                      -- as it was received
    ) STRICT;
    CREATE TRIGGER journal_is_not_changed BEFORE UPDATE ON journal
        BEGIN SELECT RAISE(ABORT, 'what was received is not changed'); END;
    CREATE TRIGGER journal_is_not_cut BEFORE DELETE ON journal
        BEGIN SELECT RAISE(ABORT, 'what was received is not deleted'); END;
",
    picture::FORM,
    picture::BELIEF,
    alerts::FORM,
    cut::FORM,
    expect::FORM,
];

fn newest() -> u32 {
    u32::try_from(FORMS.len()).unwrap_or(u32::MAX)
}

/// How the store is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To keep more; made if it is not there. With how large it may become, in bytes.
    Write(Option<u64>),
    /// To look at what is there, also while somebody else writes.
    Read,
    /// To look, and to keep what people are told, beside a hub of the same process that writes the rest.
    Alerts,
    /// To take out the oldest part of the journal, beside a hub of the same process that writes the rest.
    Cut,
    /// To look at the journal alone, which is the same in every form.
    Journal,
}

/// A store.
#[derive(Debug)]
pub struct Store {
    database: Database,
    end: End,
    /// The list of those who are expected, as this process took it in last.
    expected: String,
    /// What the tables are known to hold, until somebody else writes.
    known: Known,
    /// Held as long as the store is open to be written to.
    #[cfg_attr(not(test), expect(dead_code, reason = "what is held needs no reader"))]
    lock: Option<sqlite::Lock>,
}

impl Store {
    /// The store that is there.
    ///
    /// # Errors
    /// When there is none, it can't be reached, it is something else, or another hub writes to the file.
    pub fn open(place: impl Into<Place>, access: Access) -> Result<Self, StoreError> {
        let (database, lock) = match &place.into() {
            Place::File(path) => sqlite::open(path, access)?,
            place @ Place::Postgres(_) => (postgres::form::open(place, access)?, None),
        };
        let end = cut::end(&database)?;
        let store = Self { database, end, expected: String::new(), known: Known::default(), lock };
        if let Access::Write(_) = access {
            store.catch_up()?;
        }
        Ok(store)
    }

    /// Where the journal ends.
    pub fn end(&self) -> End {
        self.end
    }

    /// Shows everything that is left of it, in order, as long as each follows from what is before it.
    ///
    /// # Errors
    /// At the first that does not, or can't be read; and what `each` says.
    pub fn each_sound<E: From<StoreError>>(&self, each: impl FnMut(Left) -> Result<(), E>) -> Result<End, E> {
        cut::walk(&self.database, u64::MAX, each)
    }

    /// Looks whether everything is as it was received, and the entry that somebody has noted is still the same.
    ///
    /// # Errors
    /// Which entry is not; or that SQLite's own structures are damaged.
    pub fn verify(&self, noted: Option<End>) -> Result<End, StoreError> {
        let (mut found, mut cut) = (noted.is_none_or(|noted| noted == End::NOTHING), 0);
        let mut is_it = |n: u64, chain: Digest| found |= noted == Some(End { entries: n, chain });
        let end = self.each_sound(|left| {
            match left {
                Left::Cut(of) => {
                    cut = of.through;
                    is_it(of.through, of.chain);
                }
                Left::Line(line) => line.stays.iter().for_each(|stays| is_it(stays.entry.n, stays.entry.chain)),
                Left::Entry(entry) => is_it(entry.n, entry.chain),
            }
            Ok::<_, StoreError>(())
        })?;
        match noted.filter(|_| !found) {
            Some(noted) if noted.entries <= cut => return Err(StoreError::CutSince { n: noted.entries, through: cut }),
            Some(noted) => return Err(Broken::Noted { n: noted.entries }.into()),
            None => {}
        }
        match self.database.damage()? {
            None => Ok(end),
            Some(damage) => Err(StoreError::Damaged(damage)),
        }
    }

    /// Takes in entries of another store's journal, all or none; the same ones again are no harm.
    ///
    /// # Errors
    /// When it does not follow from what is here.
    pub fn take(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let known = std::mem::take(&mut self.known);
        let (transaction, mut end) = self.begin()?;
        let own = cut::of(&transaction)?.map_or(0, |cut| cut.through);
        let mut picture = Picture::knowing(&transaction, known.at(end))?;
        for entry in entries {
            if entry.n <= end.entries {
                cut::is_same(&transaction, entry, own, end)?;
            } else {
                end = end.after(entry)?;
                if is_known(&transaction, &entry.origin.digest(&entry.body), &entry.body)? {
                    return Err(Broken::Odd { n: entry.n, what: "an entry before it has the same text" }.into());
                }
                insert(&transaction, entry)?;
                picture.read(entry)?;
            }
        }
        // What comes from another store is nobody's news.
        transaction.execute("DELETE FROM noted WHERE name = 'looked'", params![])?;
        let known = picture.end(end.entries)?;
        transaction.commit()?;
        (self.end, self.known) = (end, known.kept(end));
        Ok(())
    }

    /// Takes in what stands for the part that another store has cut out of its journal, all or none: into an empty store, or one
    /// that has that part, and then only if it is the same.
    ///
    /// # Errors
    /// When it is not, or a line is not as it was kept; and what `lines` says.
    pub fn take_cut<E: From<StoreError>>(
        &mut self,
        cut: &Cut,
        lines: impl Iterator<Item = Result<Line, E>>,
    ) -> Result<End, E> {
        self.known = Known::default();
        let (transaction, end) = self.begin()?;
        let there = cut::take(&transaction, (cut, end), lines)?;
        transaction.commit()?;
        self.end = cut::end(&self.database)?;
        Ok(there)
    }

    /// How far back it reaches; `None` of an empty one.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn reach(&self) -> Result<Option<Reach>, StoreError> {
        cut::reach(&self.database)
    }

    /// Begins to write where the journal ends, with a picture that shows all of it.
    fn begin(&self) -> Result<(Transaction<'_>, End), StoreError> {
        let sql = "SELECT n, chain, (SELECT value FROM mark WHERE name = 'journal'),
                          (SELECT coalesce(max(through), 0) FROM cut) FROM journal ORDER BY n DESC LIMIT 1";
        loop {
            let transaction = self.database.begin()?;
            let last = transaction.row(sql, params![], |row| {
                let end = End { entries: row.get::<i64>(0)?.unsigned_abs(), chain: Digest(row.get(1)?) };
                Ok((end, row.get::<Option<String>>(2)?, row.get::<i64>(3)?.unsigned_abs()))
            })?;
            let (end, mark) = match last {
                Some((end, mark, through)) if end.entries > through => (end, mark),
                // Nothing, or what another store has left of its journal.
                Some((_, mark, _)) => (cut::end(&transaction)?, mark),
                None => (cut::end(&transaction)?, Some(view::mark(&transaction)?.to_string())),
            };
            if mark.and_then(|mark| mark.parse().ok()).is_some_and(|mark: u64| mark >= end.entries) {
                return Ok((transaction, end));
            }
            drop(transaction);
            self.catch_up()?;
        }
    }

    /// Brings the picture to the journal's end: entries of another store, or of a hub that made no picture yet.
    fn catch_up(&self) -> Result<(), StoreError> {
        /// How many entries go into it at once.
        const STEP: u64 = 1_000;
        loop {
            if view::mark(&self.database)? >= cut::end(&self.database)?.entries {
                return Ok(());
            }
            let transaction = self.database.begin()?;
            // Another hub may have been at it in between.
            let (mut from, end) = (view::mark(&transaction)?, cut::end(&transaction)?);
            let mut picture = Picture::new(&transaction)?;
            if let Some(cut) = cut::of(&transaction)?.filter(|cut| from < cut.through) {
                cut::restore(&transaction, &mut picture, &cut)?;
                from = cut.through;
            }
            let sql = format!("{ENTRIES} WHERE n > ?1 ORDER BY n LIMIT ?2");
            for entry in transaction.rows(&sql, params![signed(from), signed(STEP)], entry)? {
                picture.read(&entry)?;
            }
            picture.end((from + STEP).min(end.entries).max(from))?;
            transaction.commit()?;
        }
    }
}

impl Keep for Store {
    fn hear(&mut self, messages: Vec<Message<'_>>, received: Timestamp) -> Result<Vec<Heard>, StoreError> {
        let known = std::mem::take(&mut self.known);
        let (transaction, mut end) = self.begin()?;
        let mut heard = Vec::with_capacity(messages.len());
        let mut picture = Picture::knowing(&transaction, known.at(end))?;
        for message in messages {
            let digest = Origin::Queue.digest(message.body);
            if is_known(&transaction, &digest, message.body)? {
                heard.push(Heard { outcome: Outcome::Known, event: message.said.ok().map(|said| said.event) });
                continue;
            }
            end = end.following(received, &digest);
            put(&transaction, (end, &digest), (received, Origin::Queue), message.body)?;
            heard.push(picture.take(end.entries, message, received)?);
        }
        let known = picture.end(end.entries)?;
        transaction.commit()?;
        (self.end, self.known) = (end, known.kept(end));
        Ok(heard)
    }

    fn record(&mut self, record: Record, now: Timestamp) -> Result<(), StoreError> {
        let (transaction, end) = self.begin()?;
        let text = recorded(&record, now);
        if is_known(&transaction, &Origin::Hub.digest(&text), &text)? {
            return Ok(());
        }
        let entry = end.next(now, Origin::Hub, &text);
        insert(&transaction, &entry)?;
        let mut picture = Picture::new(&transaction)?;
        picture.learn(record, &text, now)?;
        picture.end(entry.n)?;
        transaction.commit()?;
        self.end = End { entries: entry.n, chain: entry.chain };
        Ok(())
    }

    fn policy(&mut self) -> Result<Policy, StoreError> {
        picture::policy(&self.database)
    }

    fn enrolled(&mut self, account: &AccountId) -> Result<Option<Enrolled>, StoreError> {
        self.key(account)
    }

    fn page(&mut self, view: &View<'_>) -> Result<Page, StoreError> {
        self.expect(view)?;
        view::page(&self.database, view)
    }

    fn freshness(&mut self, view: &View<'_>) -> Result<BTreeMap<Freshness, u64>, StoreError> {
        view::freshness(&self.database, view)
    }
}

/// Everything of an entry.
const ENTRIES: &str = "SELECT n, received, chain, digest, body, origin FROM journal";
/// The form since which a part of the journal may have been taken out.
const CUTS: u32 = 5;
/// The form since which the hub writes some of them.
const ORIGIN: u32 = 3;
/// The same of older ones.
const RECEIVED: &str = "SELECT n, received, chain, digest, body, 0 FROM journal";

/// An entry as it stands there. Nothing is made to fit: what does not is not what was received.
fn entry(row: &Row<'_>) -> Result<Entry, StoreError> {
    let (n, received): (i64, i64) = (row.get(0)?, row.get(1)?);
    let (digest, body): (Digest, Vec<u8>) = (Digest(row.get(3)?), row.get(4)?);
    let odd = |what| Broken::Odd { n: n.unsigned_abs(), what };
    let origin = match row.get::<i64>(5)? {
        0 => Origin::Queue,
        1 => Origin::Hub,
        _ => return Err(odd("nobody knows who wrote it").into()),
    };
    let odd_text = || odd("its text is another than it was");
    let body = String::from_utf8(body).map_err(|_| odd_text())?;
    if digest != origin.digest(&body) {
        return Err(odd_text().into());
    }
    Ok(Entry {
        n: u64::try_from(n).map_err(|_| odd("its place is below zero"))?,
        received: Timestamp::from_millisecond(received).map_err(|_| odd("its time is none"))?,
        chain: Digest(row.get(2)?),
        origin,
        body,
    })
}

/// Whether this very text is there.
fn is_known(database: &Database, digest: &Digest, body: &str) -> Result<bool, StoreError> {
    let values = params![digest.0, body.as_bytes()];
    match database.row("SELECT body = ?2 FROM journal WHERE digest = ?1", values, |row| row.get(0))? {
        None => Ok(false),
        Some(true) => Ok(true),
        Some(false) => Err(StoreError::Damaged("an entry has the digest of another text".into())),
    }
}

fn insert(database: &Database, entry: &Entry) -> Result<(), StoreError> {
    let Entry { n, received, chain, origin, body } = entry;
    put(database, (End { entries: *n, chain: *chain }, &origin.digest(body)), (*received, *origin), body)
}

/// Writes the text with this digest, after which the journal ends here.
fn put(
    database: &Database,
    (end, digest): (End, &Digest),
    (received, origin): (Timestamp, Origin),
    body: &str,
) -> Result<(), StoreError> {
    let origin = i64::from(origin == Origin::Hub);
    database.execute(
        "INSERT INTO journal (n, received, chain, digest, body, origin) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![signed(end.entries), received.as_millisecond(), end.chain.0, digest.0, body.as_bytes(), origin],
    )
}

/// SQLite's numbers have a sign; nobody gets so far.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
