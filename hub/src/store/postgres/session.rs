//! One connection: its prepared statements, and what is to be written with the next question.

use super::{
    PostgresError,
    address::{Address, Own},
    driver::Driver,
    tls,
    values::Owned,
    words,
};
use std::{
    collections::BTreeMap,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Error, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How a server treats this connection: a hub that stopped in the middle holds up no other for long, nothing waits for ever, and
/// what was acknowledged is on disk whatever the database's own setting is. Every question of the store's has an index, and a
/// table that has just begun to fill is read by it too.
const SETTINGS: &str = "
    SET lock_timeout = '30s'; SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s';
    SET client_min_messages = warning; SET jit = off; SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off; SET enable_bitmapscan = off;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// How many writes wait at most.
const MOST: usize = 1_000;

type Writes = Vec<(Statement, Vec<Owned>)>;
type Answer<'w> = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + 'w>>;

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    client: Arc<Client>,
    connection: JoinHandle<()>,
    statements: BTreeMap<String, Statement>,
    writes: Writes,
    /// Whether something went wrong since the last beginning; then there is nothing to commit.
    has_failed: bool,
}

impl Session {
    pub(super) fn connect(driver: &Driver, address: &str, is_read_only: bool) -> Result<Self, PostgresError> {
        let Address { mut config, mode, roots } = Address::of(address, &Own)?;
        let tls = MakeRustlsConnect::new(tls::config(mode, roots.as_deref())?);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_application_name().is_none() {
            config.application_name("holdfast-hub");
        }
        // A server that is gone without a word is found to be within a minute.
        config
            .keepalives_idle(Duration::from_secs(20))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        config.tcp_user_timeout(Duration::from_secs(40));
        let settings = format!("{SETTINGS}; SET default_transaction_read_only = {}", u8::from(is_read_only));
        let connected = driver.run(async move {
            let (client, connection) = config.connect(tls).await?;
            let connection = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(error = crate::chain(&error), "the connection to the store's database is lost");
                }
            });
            client.batch_execute(&settings).await?;
            Ok::<_, Error>((client, connection))
        });
        let (client, connection) = connected??;
        let (statements, writes) = Default::default();
        Ok(Self { client: Arc::new(client), connection, statements, writes, has_failed: false })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Says goodbye.
    pub(super) fn end(self, driver: &Driver) {
        let Self { client, connection, .. } = self;
        drop(client);
        // However that ends, it has ended.
        let _ = driver.run(async { tokio::time::timeout(Duration::from_secs(1), connection).await });
    }

    fn prepared(&mut self, driver: &Driver, sql: &str) -> Result<Statement, PostgresError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let (client, words) = (Arc::clone(&self.client), words::statement(sql));
        let statement = self.seen(driver.run(async move { client.prepare(&words).await })?)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Writes with the next question.
    pub(super) fn put(&mut self, driver: &Driver, sql: &str, with: Vec<Owned>) -> Result<(), PostgresError> {
        let statement = self.prepared(driver, sql)?;
        self.writes.push((statement, with));
        if self.writes.len() < MOST { Ok(()) } else { self.flush(driver) }
    }

    pub(super) fn flush(&mut self, driver: &Driver) -> Result<(), PostgresError> {
        if self.writes.is_empty() {
            return Ok(());
        }
        let (client, writes) = (Arc::clone(&self.client), std::mem::take(&mut self.writes));
        self.seen(driver.run(async move { with_writes(&client, &writes, async { Ok(()) }).await })?)
    }

    pub(super) fn query(&mut self, driver: &Driver, sql: &str, with: Vec<Owned>) -> Result<Vec<Row>, PostgresError> {
        let statement = self.prepared(driver, sql)?;
        let (client, writes) = (Arc::clone(&self.client), std::mem::take(&mut self.writes));
        self.seen(driver.run(async move {
            let with: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = with.iter().map(|one| one as _).collect();
            with_writes(&client, &writes, client.query(&statement, &with)).await
        })?)
    }

    pub(super) fn batch(&mut self, driver: &Driver, sql: String, patience: Duration) -> Result<(), PostgresError> {
        self.flush(driver)?;
        let client = Arc::clone(&self.client);
        self.seen(driver.run_for(patience, async move { client.batch_execute(&sql).await })?)
    }

    pub(super) fn begin(&mut self, driver: &Driver) -> Result<(), PostgresError> {
        self.forget();
        self.put(driver, "BEGIN", Vec::new())
    }

    /// What was written is on disk, all of it.
    pub(super) fn commit(&mut self, driver: &Driver) -> Result<(), PostgresError> {
        // To PostgreSQL it is no error to commit what has failed: it takes it back, and says so in passing.
        if self.has_failed {
            return Err(PostgresError::Lost);
        }
        self.put(driver, "COMMIT", Vec::new())?;
        self.flush(driver)
    }

    /// What was to be written is not.
    pub(super) fn forget(&mut self) {
        self.writes.clear();
        self.has_failed = false;
    }

    fn seen<T>(&mut self, done: Result<T, Error>) -> Result<T, PostgresError> {
        self.has_failed |= done.is_err();
        Ok(done?)
    }
}

/// Sends all that is to be written, and a question after it, before it waits for any answer; answers when all of it is done.
async fn with_writes<T>(
    client: &Client,
    writes: &Writes,
    question: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut question = pin!(question);
    let mut answers: Vec<Answer<'_>> = Vec::with_capacity(writes.len());
    for (statement, with) in writes {
        answers.push(Box::pin(client.execute_raw(statement, with)));
    }
    let mut done = Vec::with_capacity(answers.len());
    // What is looked at first is sent first.
    let asked = poll_fn(|context| {
        done.extend(answers.iter_mut().map(|answer| answer.as_mut().poll(context)));
        Poll::Ready(question.as_mut().poll(context))
    });
    let asked = asked.await;
    for (answer, done) in answers.into_iter().zip(done) {
        match done {
            Poll::Ready(result) => result?,
            Poll::Pending => answer.await?,
        };
    }
    match asked {
        Poll::Ready(result) => result,
        Poll::Pending => question.await,
    }
}
