//! The one way to a database from here: statements with their values go in, columns come out.
//!
//! How to write a statement. It stands once, in words that SQLite and PostgreSQL both take, and is given with its values to
//! [`Database::execute`] (nothing comes back), [`Database::row`] (one or none) or [`Database::rows`]:
//!
//! ```text
//! database.execute("UPDATE account SET ring = ?2 WHERE id = ?1", params![id, ring])?;
//! let ring: Option<String> = database.row("SELECT ring FROM expected WHERE id = ?1", params![id], |row| row.get(0))?;
//! ```
//!
//! Values are numbered (`?1`); a statement is prepared once for each text, so a text does not hold values. A yes or no is a
//! column `INTEGER` of 1 and 0, and is a `bool` here. What both take, and what they do not:
//!
//! - `ON CONFLICT (key) DO UPDATE SET n = tally.n + excluded.n`: with the key, and with the table's name before a column of the
//!   row that is there. No `INSERT OR REPLACE`.
//! - `CASE WHEN … END`, for the lesser of two values too: no `iif`, and no `min` or `max` of two.
//! - `LIMIT` of a number that there is never so much of, not of -1; no `OFFSET` below 0. A name for what is selected from: `FROM (SELECT …) AS told`.
//! - `CAST(sum(n) AS BIGINT)`, and `CAST(?1 AS BIGINT)` where nothing says of which kind a value is. `EXISTS` gives another kind
//!   than an `INTEGER` column takes: `(SELECT count(*) FROM …)` gives the same.
//! - PostgreSQL's texts hold no NUL: it becomes U+FFFD there, so that two texts may become one. A row whose key holds what a report
//!   says needs an `ON CONFLICT`, and several rows of one statement need keys that are numbers.
//! - A number for a new row is `(SELECT coalesce(max(id), 0) + 1 FROM place)`: there is one writer at a time.
//! - `name COLLATE NOCASE` compares without regard to the case of ASCII letters; what it is held against is in lower case.
//!
//! And of tables, in a form of [`super::FORMS`]: kinds of columns are `INTEGER`, `TEXT` and `BLOB`, a table is `STRICT`; what else
//! differs is put right by `postgres/words.rs`, which has a word for each. What anybody may make as long as they like stands in no
//! index: PostgreSQL's hold 2,700 bytes.
//!
//! Writes happen inside of a [`Transaction`], and are done at the latest when something is read or it is committed: what is wrong
//! with one may be said by the next. Not here: what there is to ask for, and how a database is opened ([`super::sqlite`],
//! [`super::postgres`]).

use super::{
    StoreError, newest,
    postgres::{Postgres, Stands},
};
use rusqlite::{
    Connection, TransactionBehavior, params_from_iter,
    types::{ToSql, ToSqlOutput, ValueRef},
};
use std::ops::Deref;

/// What PostgreSQL knows a hub by that cuts: no row, so that nobody else waits for it.
const CUTTING: u32 = super::APPLICATION + 1;
/// What SQLite calls it when room is given back step by step.
const INCREMENTAL: i64 = 2;

/// What stands in a column, or is put into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'v> {
    Nothing,
    Integer(i64),
    Text(&'v str),
    Bytes(&'v [u8]),
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Nothing => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// What can be given to a statement.
pub(super) trait Param {
    fn value(&self) -> Value<'_>;
}

/// The values of a statement, in the order of their numbers.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::store::sql::Param),*] as &[&dyn $crate::store::sql::Param]
    };
}
pub(super) use params;

impl Param for i64 {
    fn value(&self) -> Value<'_> {
        Value::Integer(*self)
    }
}

impl Param for u32 {
    fn value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl Param for bool {
    fn value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl Param for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Param for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Param for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<const N: usize> Param for [u8; N] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Param for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<T: Param> Param for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Nothing, Param::value)
    }
}

impl<T: Param + ?Sized> Param for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

/// What can be read from a column.
pub(super) trait Column: Sized {
    /// `None` of what is of another kind.
    fn of(value: Value<'_>) -> Option<Self>;
}

impl Column for i64 {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(number),
            Value::Nothing | Value::Text(_) | Value::Bytes(_) => None,
        }
    }
}

impl Column for bool {
    fn of(value: Value<'_>) -> Option<Self> {
        i64::of(value).map(|number| number != 0)
    }
}

impl Column for String {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            Value::Nothing | Value::Integer(_) | Value::Bytes(_) => None,
        }
    }
}

impl Column for Vec<u8> {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.to_owned()),
            Value::Nothing | Value::Integer(_) | Value::Text(_) => None,
        }
    }
}

impl<const N: usize> Column for [u8; N] {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => bytes.try_into().ok(),
            Value::Nothing | Value::Integer(_) | Value::Text(_) => None,
        }
    }
}

/// What stands in a column, of whatever kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Any {
    Nothing,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Column for Any {
    fn of(value: Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Nothing => Self::Nothing,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
        })
    }
}

impl Param for Any {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Nothing => Value::Nothing,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

impl<T: Column> Column for Option<T> {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Nothing => Some(None),
            Value::Integer(_) | Value::Text(_) | Value::Bytes(_) => T::of(value).map(Some),
        }
    }
}

/// A row of an answer.
#[derive(Debug)]
pub(super) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    /// What stands in this column, counted from 0.
    pub(super) fn get<T: Column>(&self, at: usize) -> Result<T, StoreError> {
        let value = match self {
            Self::Sqlite(row) => match row.get_ref(at)? {
                ValueRef::Null => Value::Nothing,
                ValueRef::Integer(number) => Value::Integer(number),
                ValueRef::Blob(bytes) => Value::Bytes(bytes),
                ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).map_err(|_| other(at))?),
                ValueRef::Real(_) => return Err(other(at)),
            },
            Self::Postgres(row) => row.try_get::<_, Stands<'_>>(at).map_err(StoreError::of)?.0,
        };
        T::of(value).ok_or_else(|| other(at))
    }

    /// All of it.
    pub(super) fn all(&self) -> Result<Vec<Any>, StoreError> {
        let columns = match self {
            Self::Sqlite(row) => row.as_ref().column_count(),
            Self::Postgres(row) => row.len(),
        };
        (0..columns).map(|at| self.get(at)).collect()
    }
}

/// Nobody but somebody who meddled wrote that.
fn other(at: usize) -> StoreError {
    StoreError::Damaged(format!("what stands in column {} of an answer is of another kind", at + 1))
}

#[cfg(test)]
thread_local! {
    /// Which statements were made, for a test that reads their plans.
    pub(super) static MADE: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[cfg(test)]
fn note(sql: &str) {
    MADE.with(|made| made.borrow_mut().push(sql.to_owned()));
}

#[cfg(not(test))]
fn note(_: &str) {}

/// An open database.
#[derive(Debug)]
pub(super) enum Database {
    Sqlite(Connection),
    Postgres(Box<Postgres>),
}

impl Database {
    /// Does what the statement says.
    pub(super) fn execute(&self, sql: &str, with: &[&dyn Param]) -> Result<(), StoreError> {
        note(sql);
        match self {
            Self::Sqlite(connection) => {
                connection.prepare_cached(sql)?.execute(params_from_iter(with.iter().map(|one| one.value())))?;
                Ok(())
            }
            Self::Postgres(postgres) => postgres.execute(sql, with),
        }
    }

    /// One row or none.
    pub(super) fn row<T>(
        &self,
        sql: &str,
        with: &[&dyn Param],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        note(sql);
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(params_from_iter(with.iter().map(|one| one.value())))?;
                rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
            }
            Self::Postgres(postgres) => {
                postgres.query(sql, with)?.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
        }
    }

    /// All rows.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        with: &[&dyn Param],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        note(sql);
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(params_from_iter(with.iter().map(|one| one.value())))?;
                let mut all = Vec::new();
                while let Some(row) = rows.next()? {
                    all.push(read(&Row::Sqlite(row))?);
                }
                Ok(all)
            }
            Self::Postgres(postgres) => {
                postgres.query(sql, with)?.iter().map(|row| read(&Row::Postgres(row))).collect()
            }
        }
    }

    /// Begins to write: nobody else does so until it is over.
    pub(super) fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let open = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
                Ok(Transaction { database: self, open: Some(open), is_over: false })
            }
            Self::Postgres(postgres) => {
                let (found, known) = (postgres.begin()?, newest());
                // Dropped, it takes back that it has begun.
                let transaction = Transaction { database: self, open: None, is_over: false };
                if found > known {
                    return Err(StoreError::Newer { place: postgres.place().clone(), found, known });
                }
                Ok(transaction)
            }
        }
    }

    /// Which form its tables have.
    pub(super) fn form(&self) -> Result<u32, StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?),
            Self::Postgres(postgres) => postgres.form(),
        }
    }

    /// Whether nobody else cuts, from here on until [`Self::not_alone`] or the connection's end.
    pub(super) fn alone(&self) -> Result<bool, StoreError> {
        match self {
            // A file has one writer.
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(_) => {
                let sql = format!("SELECT pg_try_advisory_lock({CUTTING})");
                Ok(self.row(&sql, &[], |row| row.get(0))?.unwrap_or_default())
            }
        }
    }

    /// Others may cut.
    pub(super) fn not_alone(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self.row(&format!("SELECT pg_advisory_unlock({CUTTING})"), &[], |_| Ok(())).map(drop),
        }
    }

    /// Gives some of the room back that nothing stands in any more; `false` when there is none, or the database sees to it.
    pub(super) fn give_back(&self) -> Result<bool, StoreError> {
        let Self::Sqlite(connection) = self else { return Ok(false) };
        let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
        if !self.gives_back()? || free()? == 0 {
            return Ok(false);
        }
        let before = free()?;
        let mut statement = connection.prepare("PRAGMA incremental_vacuum(1000)")?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(free()? < before)
    }

    /// Whether room is given back step by step.
    fn gives_back(&self) -> Result<bool, StoreError> {
        let Self::Sqlite(connection) = self else { return Ok(true) };
        Ok(connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0))? == INCREMENTAL)
    }

    /// Writes the whole file anew, if only that gives room back; from then on it is given back step by step. Answers whether it did.
    pub(super) fn make_compact(&self) -> Result<bool, StoreError> {
        let Self::Sqlite(connection) = self else { return Ok(false) };
        if self.gives_back()? {
            return Ok(false);
        }
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")?;
        Ok(true)
    }

    /// What of the database's own structures is damaged, as far as it can tell.
    pub(super) fn damage(&self) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let whole: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
                Ok((whole != "ok").then_some(whole))
            }
            // It looks after its own: checksums, and `pg_amcheck`.
            Self::Postgres(_) => Ok(None),
        }
    }
}

/// What is written together, or not at all: dropped, it never was.
pub(super) struct Transaction<'d> {
    database: &'d Database,
    open: Option<rusqlite::Transaction<'d>>,
    is_over: bool,
}

impl Transaction<'_> {
    /// Keeps it: what was written is on disk when this answers.
    pub(super) fn commit(mut self) -> Result<(), StoreError> {
        self.is_over = true;
        match (self.database, self.open.take()) {
            (Database::Postgres(postgres), _) => postgres.commit(),
            (Database::Sqlite(_), Some(open)) => Ok(open.commit()?),
            (Database::Sqlite(_), None) => Ok(()),
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        match self.database {
            Database::Postgres(postgres) if !self.is_over => postgres.rollback(),
            // SQLite's own does the same.
            Database::Postgres(_) | Database::Sqlite(_) => {}
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.database
    }
}
