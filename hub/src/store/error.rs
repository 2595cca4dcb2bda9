//! Why a store can't be used, and what to do about it.

use crate::journal::Broken;
use rusqlite::ErrorCode;
use std::{io, path::PathBuf};

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
    #[error("`{path}` is no store of a hub")]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// A newer hub has changed its form.
    #[error("`{path}` is of version {found}, and this hub knows {known}: use the newer hub")]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// An older hub wrote it, and there is nothing in it yet to show.
    #[error(
        "`{path}` is of version {found}, and this hub's is {known}: `holdfast-hub run` brings it forward when it opens it"
    )]
    Older {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// This hub's.
        known: u32,
    },
    /// There is no room left.
    #[error(
        "there is no room to keep more; messages stay on the queue until there is (a larger disk, or `--store-size`)"
    )]
    Full(#[source] rusqlite::Error),
    /// SQLite keeps files beside it even to read it.
    #[error(
        "the store's folder can't be written to, which SQLite needs even to read it: copy it, with its `-wal`, to one that can"
    )]
    ReadOnly(#[source] rusqlite::Error),
    /// Anything else that SQLite says.
    #[error("the store failed")]
    Sqlite(#[source] rusqlite::Error),
    /// What is in it is not what was received.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The file itself is damaged.
    #[error("the store is damaged: {0}; take in what can be read of it into a new one, with `export` and `import`")]
    Damaged(String),
    /// It holds other messages than those that are to come in.
    #[error("the store has {entries} entries already, and entry {n} is another one than that which comes in")]
    Other {
        /// How many.
        entries: u64,
        /// Which differs.
        n: u64,
    },
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(error),
            Some(_) | None => Self::Sqlite(error),
        }
    }
}
