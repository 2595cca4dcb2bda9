//! A store in a file: found, locked, seen to be one, and brought to the newest form.
//!
//! Not here: what stands in it.

use super::{APPLICATION, Access, CUTS, FORMS, StoreError, cut, newest, sql::Database};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// One writer's hold on a store. It is given up outright when it is dropped: a process that another thread is just starting has
/// the file for a moment too, and closing it here would leave it locked until then.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // What can't be given up is closed next, which gives it up later.
        drop(self.0.unlock());
    }
}

/// How much of the file is at hand for whoever writes it, in KiB.
const CACHE: i64 = 16 * 1_024;

/// After how many pages what was written is put into the file itself: 16 MiB.
const CHECKPOINT: i64 = 4_000;

/// The database in this file, and its lock as long as it is open to be written to.
pub(super) fn open(path: &Path, access: Access) -> Result<(Database, Option<Lock>), StoreError> {
    let path = &itself(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
    let lock = match access {
        Access::Write(_) => Some(locked(path)?),
        Access::Read | Access::Alerts | Access::Cut | Access::Journal => None,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut database = Connection::open_with_flags(path, flags).map_err(|error| unopened(path, error))?;
    database.busy_timeout(Duration::from_secs(10))?;
    // More than there are: what is prepared once stays so.
    database.set_prepared_statement_cache_capacity(256);
    prepare(&mut database, path, access)?;
    Ok((Database::Sqlite(database), lock))
}

#[cfg(test)]
impl Lock {
    /// What a process has that is just being started.
    pub(super) fn inherited(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

/// An empty one that lies nowhere, and is gone with whoever holds it.
pub(super) fn in_memory() -> Result<Database, StoreError> {
    let database = Connection::open_in_memory()?;
    database.set_prepared_statement_cache_capacity(256);
    FORMS.iter().try_for_each(|form| database.execute_batch(form))?;
    Ok(Database::Sqlite(database))
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
fn locked(path: &Path) -> Result<Lock, StoreError> {
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
    let lock = Lock(lock);
    file(path)?;
    Ok(lock)
}

fn unopened(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { place: path.into() },
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
        return Err(StoreError::Foreign { place: path.into() });
    }
    if found > known {
        return Err(StoreError::Newer { place: path.into(), found, known });
    }
    match access {
        Access::Read | Access::Alerts | Access::Cut | Access::Journal if found == 0 => {
            Err(StoreError::Foreign { place: path.into() })
        }
        // It is brought forward by whoever writes.
        Access::Read | Access::Alerts | Access::Cut if found < known => {
            Err(StoreError::Older { place: path.into(), found, known })
        }
        Access::Read | Access::Journal => Ok(database.pragma_update(None, "query_only", true)?),
        // A commit that was answered for survives the machine.
        Access::Alerts | Access::Cut => Ok(database.pragma_update(None, "synchronous", "FULL")?),
        Access::Write(size) => writable(database, found, size),
    }
}

/// Brings the file from this form to the newest, and bounds it.
fn writable(database: &mut Connection, found: u32, size: Option<u64>) -> Result<(), StoreError> {
    if found == 0 {
        // What is taken out is given back step by step; of a file that has tables already, only VACUUM would make it so.
        database.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    database.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit that was answered for survives the machine.
    database.pragma_update(None, "synchronous", "FULL")?;
    // Every report changes pages that the one before has changed: they are at hand, and are not put into the file each time.
    database.pragma_update(None, "cache_size", -CACHE)?;
    database.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT, |_| Ok(()))?;
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (form, number) in FORMS.iter().zip(1..).skip(found as usize) {
        transaction.execute_batch(form)?;
        if number == CUTS {
            transaction.execute_batch(cut::GUARD_SQLITE)?;
        }
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
