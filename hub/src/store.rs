//! The journal in a file: SQLite, one writer, every batch on disk before anybody is told that it was kept.
//!
//! A batch is kept whole or not at all. What was kept before is recognised by the digest of its text and not kept again:
//! queues deliver more than once. Triggers of the database itself refuse every change to what was kept; whoever goes round
//! them is found by [`Store::verify`].
//!
//! Not here: what messages say, and PostgreSQL.

use crate::{
    ingest,
    journal::{Broken, End, Entry},
    keep::{Heard, Keep},
};
use fleet::{
    fold::Outcome,
    page::{Page, View},
    presence::Freshness,
};
use jiff::Timestamp;
use manifests::id::Digest;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
pub mod alerts;
mod error;
mod expect;
mod picture;
pub mod view;

pub use error::StoreError;
use picture::Picture;
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// `HOLD`, so that other programs' databases are not taken for a store.
const APPLICATION: u32 = 0x484f_4c44;

/// What makes each version of the form out of the one before. What has shipped is never changed.
const FORMS: [&str; 3] = [
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
    alerts::FORM,
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
    /// To look at the journal alone, which is the same in every form.
    Journal,
}

/// A store.
#[derive(Debug)]
pub struct Store {
    database: Connection,
    end: End,
    /// The list of those who are expected, as this process took it in last.
    expected: String,
    /// Held as long as the store is open to be written to.
    _lock: Option<File>,
}

impl Store {
    /// The store in this file.
    ///
    /// # Errors
    /// When there is none, it is something else, or another hub writes to it.
    pub fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        let path = &itself(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
        let lock = match access {
            Access::Write(_) => Some(locked(path)?),
            Access::Read | Access::Alerts | Access::Journal => None,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut database = Connection::open_with_flags(path, flags).map_err(|error| unopened(path, error))?;
        database.busy_timeout(Duration::from_secs(10))?;
        // More than there are: what is prepared once stays so.
        database.set_prepared_statement_cache_capacity(256);
        prepare(&mut database, path, access)?;
        let end = end(&database)?;
        let mut store = Self { database, end, expected: String::new(), _lock: lock };
        if let Access::Write(_) = access {
            store.catch_up()?;
        }
        Ok(store)
    }

    /// Where the journal ends.
    pub fn end(&self) -> End {
        self.end
    }

    /// Shows every entry, in order, until one is refused.
    fn each<E: From<StoreError>>(&self, mut each: impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        let read = |error: rusqlite::Error| StoreError::from(error);
        let mut all = self.database.prepare(&format!("{ENTRIES} ORDER BY n")).map_err(read)?;
        let mut rows = all.query([]).map_err(read)?;
        while let Some(row) = rows.next().map_err(read)? {
            each(entry(row)?)?;
        }
        Ok(())
    }

    /// Shows every entry, in order, as long as each follows from what is before it.
    ///
    /// # Errors
    /// At the first that does not, or can't be read; and what `each` says.
    pub fn each_sound<E: From<StoreError>>(&self, mut each: impl FnMut(Entry) -> Result<(), E>) -> Result<End, E> {
        let mut end = End::NOTHING;
        self.each(|entry| {
            end = end.after(&entry).map_err(StoreError::from)?;
            each(entry)
        })?;
        Ok(end)
    }

    /// Looks whether everything is as it was received, and the entry that somebody has noted is still the same.
    ///
    /// # Errors
    /// Which entry is not; or that SQLite's own structures are damaged.
    pub fn verify(&self, noted: Option<End>) -> Result<End, StoreError> {
        let mut found = noted.is_none_or(|noted| noted == End::NOTHING);
        let end = self.each_sound(|entry| {
            found |= noted == Some(End { entries: entry.n, chain: entry.chain });
            Ok::<_, StoreError>(())
        })?;
        if let Some(noted) = noted.filter(|_| !found) {
            return Err(Broken::Noted { n: noted.entries }.into());
        }
        let whole: String = self.database.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if whole != "ok" {
            return Err(StoreError::Damaged(whole));
        }
        Ok(end)
    }

    /// Takes in entries of another store's journal, all or none; the same ones again are no harm.
    ///
    /// # Errors
    /// When it does not follow from what is here.
    pub fn take(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut end = end(&transaction)?;
        for entry in entries {
            if entry.n <= end.entries {
                let same = transaction.query_row(
                    "SELECT chain = ?2 FROM journal WHERE n = ?1",
                    params![signed(entry.n), entry.chain.0],
                    |row| row.get(0),
                );
                if !same.optional()?.unwrap_or(false) {
                    return Err(StoreError::Other { entries: end.entries, n: entry.n });
                }
            } else {
                end = end.after(entry)?;
                if is_known(&transaction, &entry.body)? {
                    return Err(Broken::Odd { n: entry.n, what: "an entry before it has the same text" }.into());
                }
                insert(&transaction, entry)?;
            }
        }
        // What comes from another store is nobody's news.
        transaction.execute("DELETE FROM noted WHERE name = 'looked'", [])?;
        transaction.commit()?;
        self.end = end;
        self.catch_up()
    }

    /// Brings the picture to the journal's end: entries of another store, or of a hub that made no picture yet.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        /// How many entries go into it at once.
        const STEP: u64 = 1_000;
        loop {
            let from = view::mark(&self.database)?;
            if from >= self.end.entries {
                return Ok(());
            }
            let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut picture = Picture::new(&transaction);
            {
                let mut all = transaction.prepare_cached(&format!("{ENTRIES} WHERE n > ?1 ORDER BY n LIMIT ?2"))?;
                let mut rows = all.query([signed(from), signed(STEP)])?;
                while let Some(row) = rows.next()? {
                    let entry = entry(row)?;
                    picture.take(entry.n, &entry.body, entry.received)?;
                }
            }
            picture.end((from + STEP).min(self.end.entries))?;
            transaction.commit()?;
        }
    }
}

impl Keep for Store {
    fn keep(&mut self, bodies: &[&str], received: Timestamp) -> Result<Vec<Heard>, StoreError> {
        let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (mut end, mut heard) = (end(&transaction)?, Vec::with_capacity(bodies.len()));
        let mut picture = Picture::new(&transaction);
        for body in bodies {
            if is_known(&transaction, body)? {
                heard.push(Heard { outcome: Outcome::Known, event: ingest::read(body).ok() });
                continue;
            }
            let entry = end.next(received, body);
            insert(&transaction, &entry)?;
            end = End { entries: entry.n, chain: entry.chain };
            heard.push(picture.take(entry.n, body, received)?);
        }
        picture.end(end.entries)?;
        transaction.commit()?;
        self.end = end;
        Ok(heard)
    }

    fn page(&mut self, view: &View<'_>) -> Result<Page, StoreError> {
        self.expect(view.expected)?;
        view::page(&self.database, view)
    }

    fn freshness(&mut self, view: &View<'_>) -> Result<BTreeMap<Freshness, u64>, StoreError> {
        view::freshness(&self.database, view)
    }
}

/// The file that is meant, whatever leads to it: there is one lock for it. To SQLite `:memory:` and `file:…` are no files, and
/// what is kept there is kept nowhere.
fn itself(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(path),
        found => found,
    }
}

/// The one writer's lock, and the file itself: readable by nobody but its owner.
fn locked(path: &Path) -> Result<File, StoreError> {
    let file = |path: &Path| {
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        opened.map_err(|source| StoreError::File { path: path.to_owned(), source })
    };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = file(Path::new(&name))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => return Err(StoreError::File { path: PathBuf::from(name), source }),
    }
    file(path)?;
    Ok(lock)
}

fn unopened(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: path.to_owned() },
        Some(ErrorCode::CannotOpen) => {
            StoreError::File { path: path.to_owned(), source: io::Error::other(crate::chain(&error)) }
        }
        Some(_) | None => error.into(),
    }
}

/// Sees that it is a store, and brings it to the newest form.
fn prepare(database: &mut Connection, path: &Path, access: Access) -> Result<(), StoreError> {
    let number =
        |database: &Connection, name: &str| database.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let application = number(database, "application_id").map_err(|error| unopened(path, error))?;
    let found = number(database, "user_version")?;
    let tables: u32 = database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let known = newest();
    let is_new = (application, found, tables) == (0, 0, 0);
    if !is_new && application != APPLICATION {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    match access {
        Access::Read | Access::Alerts | Access::Journal if found == 0 => {
            Err(StoreError::Foreign { path: path.to_owned() })
        }
        // It is brought forward by whoever writes.
        Access::Read | Access::Alerts if found < known => {
            Err(StoreError::Older { path: path.to_owned(), found, known })
        }
        Access::Read | Access::Journal => Ok(database.pragma_update(None, "query_only", true)?),
        // A commit that was answered for survives the machine.
        Access::Alerts => Ok(database.pragma_update(None, "synchronous", "FULL")?),
        Access::Write(size) => writable(database, found, size),
    }
}

/// Brings the file from this form to the newest, and bounds it.
fn writable(database: &mut Connection, found: u32, size: Option<u64>) -> Result<(), StoreError> {
    database.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit that was answered for survives the machine.
    database.pragma_update(None, "synchronous", "FULL")?;
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for form in FORMS.iter().skip(found as usize) {
        transaction.execute_batch(form)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", newest())?;
    transaction.commit()?;
    if let Some(size) = size {
        let page: u32 = database.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(size / u64::from(page.max(1))).unwrap_or(i64::MAX).max(1);
        database.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// Everything of an entry.
const ENTRIES: &str = "SELECT n, received, chain, digest, body FROM journal";

fn end(database: &Connection) -> Result<End, StoreError> {
    let mut last = database.prepare_cached("SELECT n, chain FROM journal ORDER BY n DESC LIMIT 1")?;
    let last = last.query_row([], |row| Ok((row.get::<_, i64>(0)?, Digest(row.get(1)?)))).optional()?;
    Ok(last.map_or(End::NOTHING, |(n, chain)| End { entries: n.unsigned_abs(), chain }))
}

/// An entry as it stands there. Nothing is made to fit: what does not is not what was received.
fn entry(row: &rusqlite::Row<'_>) -> Result<Entry, StoreError> {
    let (n, received): (i64, i64) = (row.get(0)?, row.get(1)?);
    let (digest, body): (Digest, Vec<u8>) = (Digest(row.get(3)?), row.get(4)?);
    let odd = |what| Broken::Odd { n: n.unsigned_abs(), what };
    let is_own = digest == Digest::of(&body);
    Ok(Entry {
        n: u64::try_from(n).map_err(|_| odd("its place is below zero"))?,
        received: Timestamp::from_millisecond(received).map_err(|_| odd("its time is none"))?,
        chain: Digest(row.get(2)?),
        body: String::from_utf8(body).ok().filter(|_| is_own).ok_or_else(|| odd("its text is another than it was"))?,
    })
}

/// Whether this very text is there.
fn is_known(transaction: &Transaction<'_>, body: &str) -> Result<bool, StoreError> {
    let mut known = transaction.prepare_cached("SELECT body = ?2 FROM journal WHERE digest = ?1")?;
    let same = known.query_row(params![Digest::of(body.as_bytes()).0, body.as_bytes()], |row| row.get(0));
    match same.optional()? {
        None => Ok(false),
        Some(true) => Ok(true),
        Some(false) => Err(StoreError::Damaged("an entry has the digest of another text".into())),
    }
}

fn insert(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let Entry { n, received, chain, body } = entry;
    let digest = Digest::of(body.as_bytes());
    let mut insert = transaction
        .prepare_cached("INSERT INTO journal (n, received, chain, digest, body) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    insert.execute(params![signed(*n), received.as_millisecond(), chain.0, digest.0, body.as_bytes()])?;
    Ok(())
}

/// SQLite's numbers have a sign; nobody gets so far.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
