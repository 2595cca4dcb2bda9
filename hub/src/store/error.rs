//! Why a store can't be used, and what to do about it.

use super::{
    Place,
    postgres::{AddressError, PostgresError},
};
use crate::journal::Broken;
use jiff::Timestamp;
use rusqlite::ErrorCode;
use std::{io, path::PathBuf};
use tokio_postgres::error::SqlState;

/// Why a store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file, or the lock beside it.
    #[error("`{path}` can't be opened")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another hub writes to it.
    #[error("another hub has `{path}` open; there is one writer at a time")]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// It is something else.
    #[error("`{place}` is no store of a hub")]
    Foreign {
        /// Which.
        place: Place,
    },
    /// A newer hub has changed its form.
    #[error("`{place}` is of version {found}, and this hub knows {known}: use the newer hub")]
    Newer {
        /// Which.
        place: Place,
        /// Its version.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// An older hub wrote it, and there is nothing in it yet to show.
    #[error(
        "`{place}` is of version {found}, and this hub's is {known}: `holdfast-hub run` brings it forward when it opens it"
    )]
    Older {
        /// Which.
        place: Place,
        /// Its version.
        found: u32,
        /// This hub's.
        known: u32,
    },
    /// There is no room left.
    #[error(
        "there is no room to keep more; messages stay on the queue until there is (a larger disk, or `--store-size`)"
    )]
    Full(#[source] Cause),
    /// SQLite keeps files beside it even to read it.
    #[error(
        "the store's folder can't be written to, which SQLite needs even to read it: copy it, with its `-wal`, to one that can"
    )]
    ReadOnly(#[source] rusqlite::Error),
    /// Anything else that SQLite says.
    #[error("the store failed")]
    Sqlite(#[source] rusqlite::Error),
    /// The address makes no sense, or what it names can't be read.
    #[error(transparent)]
    Address(AddressError),
    /// The database does not answer, or lets nobody in.
    #[error("`{place}` can't be reached")]
    Unreachable {
        /// Which.
        place: Place,
        /// Why.
        #[source]
        source: PostgresError,
    },
    /// It can't hold every text.
    #[error(
        "`{place}` has the encoding {encoding}, and a store needs UTF8: `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`"
    )]
    Encoding {
        /// Which.
        place: Place,
        /// Its own.
        encoding: String,
    },
    /// A database has no size that a hub could see to.
    #[error("`--store-size` is for a store in a file; how large a database becomes is its own disk's to say")]
    Unbounded,
    /// The role may not do that.
    #[error("the role may not do that to the store: see which rights a hub needs, and which its owner, in the README")]
    Denied(#[source] PostgresError),
    /// Anything else that PostgreSQL says.
    #[error("the store failed")]
    Postgres(#[source] PostgresError),
    /// What is in it is not what was received.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The file itself is damaged.
    #[error("the store is damaged: {0}; take in what can be read of it into a new one, with `export` and `import`")]
    Damaged(String),
    /// The journal that comes in was cut further on than this one goes.
    #[error(
        "the store has {entries} entries, and of the journal that comes in the first {through} were cut: take it into a new store"
    )]
    Behind {
        /// How many.
        entries: u64,
        /// Where the other one was cut.
        through: u64,
    },
    /// What somebody noted was before that.
    #[error(
        "entry {n} can't be compared with what was noted: the journal was cut through entry {through} since. Everything that is left is as it was received; note what `verify` prints without `--noted`"
    )]
    CutSince {
        /// Which.
        n: u64,
        /// Where it was cut.
        through: u64,
    },
    /// The part that was to be read is gone.
    #[error("the journal was cut at {reaches}, and how the accounts stood before can't be shown")]
    CutBefore {
        /// Up to when.
        reaches: Timestamp,
    },
    /// What was being read was taken out.
    #[error("the journal was cut while it was being read; begin again")]
    CutMeanwhile,
    /// A report that a page shows would go.
    #[error("{missing} accounts are shown by reports that a cut would take out: it was not made; `verify` may say why")]
    Shown {
        /// How many.
        missing: u64,
    },
    /// It holds other messages than those that are to come in.
    #[error("the store has {entries} entries already, and entry {n} is another one than that which comes in")]
    Other {
        /// How many.
        entries: u64,
        /// Which differs.
        n: u64,
    },
}

/// What a database says.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// SQLite.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

impl StoreError {
    /// What PostgreSQL says, by what there is to do about it.
    pub(super) fn of(error: impl Into<PostgresError>) -> Self {
        let error = error.into();
        let code = match &error {
            PostgresError::Database(error) => error.code().cloned(),
            PostgresError::Address(_)
            | PostgresError::Silent(_)
            | PostgresError::Lately(_)
            | PostgresError::Lost
            | PostgresError::Thread(_) => None,
        };
        match code {
            Some(code) if code == SqlState::DISK_FULL => Self::Full(error.into()),
            Some(code) if code == SqlState::INSUFFICIENT_PRIVILEGE => Self::Denied(error),
            Some(_) | None => Self::Postgres(error),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error.into()),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(error),
            Some(_) | None => Self::Sqlite(error),
        }
    }
}
