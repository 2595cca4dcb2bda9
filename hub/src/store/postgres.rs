//! A store in PostgreSQL: one connection, driven by a thread of its own, so that whoever asks waits as for a file, inside of a
//! runtime or out of it.
//!
//! What is written goes out when something is read or at the end, all of it at once: a server that is far away costs a store
//! few waits. A connection that is lost is made anew when somebody asks next, but never in the middle of what belongs together:
//! that is begun again from the queue. Several hubs write to one store, one after the other, whoever holds the row of its version.
//!
//! Not here: what is asked ([`super::sql`]), and how a database becomes a store ([`form`]).

mod address;
mod driver;
pub(super) mod form;
mod session;
mod tls;
mod values;
mod words;

use super::{
    Place, StoreError,
    sql::{Param, Value},
};
pub use address::AddressError;
use driver::{DriveError, Driver};
use session::Session;
use std::{
    cell::{Cell, RefCell},
    time::Duration,
};
use tokio::time::Instant;
use tokio_postgres::error::SqlState;
use values::Owned;
pub(super) use values::Stands;

/// Which version of the form this hub writes, and whoever holds its row writes alone.
const LOCK: &str = "SELECT version FROM holdfast FOR UPDATE";

/// How long nobody tries again after an attempt that failed: whoever asks in between has the same answer at once.
const PACE: Duration = Duration::from_secs(3);

/// How long it may take to bring a store to a new form.
const LEISURE: Duration = Duration::from_secs(4 * 3_600);

/// Why a database does not do what it is told.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// Where it is said to be makes no sense.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It says no, or says nothing any more.
    #[error(transparent)]
    Database(#[from] tokio_postgres::Error),
    /// It does not answer.
    #[error("no answer after {} s", .0.as_secs())]
    Silent(Duration),
    /// It did not a moment ago.
    #[error("it could not be reached a moment ago: {0}")]
    Lately(String),
    /// The connection was lost in the middle.
    #[error("the connection was lost, and what was begun with it is nothing; what is not acknowledged comes again")]
    Lost,
    /// There is no thread to be had.
    #[error("no thread could be had for the connection")]
    Thread(#[source] std::io::Error),
}

/// An open database.
#[derive(Debug)]
pub(super) struct Postgres {
    place: Place,
    is_read_only: bool,
    session: RefCell<Option<Session>>,
    failed: RefCell<Option<(Instant, String)>>,
    /// Whether something has been begun; then no other connection will do.
    is_open: Cell<bool>,
    /// The last: it goes when nothing needs it any more.
    driver: Driver,
}

impl Postgres {
    /// Connects.
    pub(super) fn connect(place: Place, is_read_only: bool) -> Result<Self, StoreError> {
        let driver = Driver::start().map_err(|error| unreachable(&place, PostgresError::Thread(error)))?;
        let (session, failed, is_open) = (RefCell::default(), RefCell::default(), Cell::new(false));
        let postgres = Self { place, is_read_only, session, failed, is_open, driver };
        postgres.with(|_, _| Ok(()))?;
        Ok(postgres)
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// What is done with a connection, which is made if there is none.
    fn with<T>(&self, act: impl FnOnce(&Driver, &mut Session) -> Result<T, PostgresError>) -> Result<T, StoreError> {
        let mut session = self.session.borrow_mut();
        if session.as_ref().is_some_and(Session::is_closed) {
            *session = None;
        }
        if session.is_none() {
            if self.is_open.get() {
                return Err(StoreError::of(PostgresError::Lost));
            }
            *session = Some(self.reach()?);
        }
        let Some(open) = session.as_mut() else { return Err(StoreError::of(PostgresError::Lost)) };
        act(&self.driver, open).map_err(|error| {
            if is_over(&error) {
                *session = None;
            }
            StoreError::of(error)
        })
    }

    fn reach(&self) -> Result<Session, StoreError> {
        let Place::Postgres(address) = &self.place else { return Err(StoreError::of(PostgresError::Lost)) };
        let now = Instant::now();
        if let Some((at, why)) = &*self.failed.borrow()
            && now.duration_since(*at) < PACE
        {
            return Err(unreachable(&self.place, PostgresError::Lately(why.clone())));
        }
        let reached = Session::connect(&self.driver, address, self.is_read_only);
        *self.failed.borrow_mut() = reached.as_ref().err().map(|error| (now, crate::chain(error)));
        reached.map_err(|error| unreachable(&self.place, error))
    }

    /// Writes, before anything is read or committed.
    pub(super) fn execute(&self, sql: &str, with: &[&dyn Param]) -> Result<(), StoreError> {
        self.with(|driver, session| {
            session.put(driver, sql, owned(with))?;
            if self.is_open.get() { Ok(()) } else { session.flush(driver) }
        })
    }

    /// All rows.
    pub(super) fn query(&self, sql: &str, with: &[&dyn Param]) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        self.with(|driver, session| session.query(driver, sql, owned(with)))
    }

    /// Does what a text of several statements says.
    pub(super) fn batch(&self, sql: String) -> Result<(), StoreError> {
        self.with(|driver, session| session.batch(driver, sql, driver::PATIENCE))
    }

    /// The same, of what may take long in a large store.
    fn batch_at_leisure(&self, sql: String) -> Result<(), StoreError> {
        self.with(|driver, session| session.batch(driver, sql, LEISURE))
    }

    /// Begins to write, alone: waits until others have done so. Answers of which version the store is by now.
    pub(super) fn begin(&self) -> Result<u32, StoreError> {
        self.begin_bare()?;
        let version = self.query(LOCK, &[]).and_then(|rows| form::version(&rows));
        if version.is_err() {
            self.rollback();
        }
        version
    }

    /// Begins to write, with nothing to hold yet.
    fn begin_bare(&self) -> Result<(), StoreError> {
        self.with(|driver, session| session.begin(driver))?;
        self.is_open.set(true);
        Ok(())
    }

    /// On disk when this answers. Whoever has no answer does not know whether it is.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        let done = self.with(|driver, session| session.commit(driver));
        if done.is_err() {
            self.rollback();
        }
        self.is_open.set(false);
        done
    }

    /// As if nothing had been begun.
    pub(super) fn rollback(&self) {
        if let Some(session) = self.session.borrow_mut().as_mut() {
            session.forget();
        }
        // Without a connection there is nothing to take back; whatever else is wrong, the next one begins anew.
        let taken = self.batch("ROLLBACK".into());
        self.is_open.set(false);
        if taken.is_err() {
            *self.session.borrow_mut() = None;
        }
    }
}

#[cfg(test)]
impl Postgres {
    /// How a statement would be answered, whatever its values are.
    pub(super) fn plan(&self, sql: &str) -> String {
        let values =
            (1..).take_while(|n| sql.contains(&format!("?{n}"))).map(|_| "NULL").collect::<Vec<_>>().join(", ");
        let values = if values.is_empty() { values } else { format!("({values})") };
        self.batch(format!("PREPARE asked AS {}", words::statement(sql))).unwrap();
        let rows = self.query(&format!("EXPLAIN (FORMAT JSON) EXECUTE asked{values}"), &[]).unwrap();
        self.batch("DEALLOCATE asked".into()).unwrap();
        rows[0].get::<_, values::Json>(0).0
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(session) = self.session.borrow_mut().take() {
            session.end(&self.driver);
        }
    }
}

fn owned(with: &[&dyn Param]) -> Vec<Owned> {
    with.iter().map(|one| Owned::from(one.value())).collect()
}

/// Whether another connection is needed: this one is gone, or its server is, or is not the one that writes any more.
fn is_over(error: &PostgresError) -> bool {
    match error {
        PostgresError::Database(error) => match error.code() {
            None => true,
            Some(code) => {
                [
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::CANNOT_CONNECT_NOW,
                    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                    SqlState::READ_ONLY_SQL_TRANSACTION,
                ]
                .contains(code)
                    || code.code().starts_with("08")
            }
        },
        PostgresError::Silent(_) | PostgresError::Lost => true,
        PostgresError::Address(_) | PostgresError::Lately(_) | PostgresError::Thread(_) => false,
    }
}

fn unreachable(place: &Place, source: PostgresError) -> StoreError {
    match source {
        PostgresError::Address(error) => StoreError::Address(error),
        source @ (PostgresError::Database(_)
        | PostgresError::Silent(_)
        | PostgresError::Lately(_)
        | PostgresError::Lost
        | PostgresError::Thread(_)) => StoreError::Unreachable { place: place.clone(), source },
    }
}

impl From<DriveError> for PostgresError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Silent(after) => Self::Silent(after),
            DriveError::Gone => Self::Lost,
        }
    }
}

impl From<Value<'_>> for Owned {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Nothing => Self::Nothing,
            Value::Integer(number) => Self::Integer(number),
            // PostgreSQL's texts have no place for it.
            Value::Text(text) => Self::Text(text.replace('\0', "\u{fffd}")),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
        }
    }
}
