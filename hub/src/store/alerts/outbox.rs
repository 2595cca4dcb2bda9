//! Messages on their way: queued with the decision, and marked when they were handed over. Whoever is killed in between hands
//! them over again.

use super::{Database, Message, Row, Store, StoreError, at, json, last, ms, params};
use jiff::{SignedDuration, Timestamp};

/// How long a message waits for a route that does not take it.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How many wait for one route.
const MOST: i64 = 10_000;

/// How long what is done is remembered.
const DONE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A message that is to be handed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// Its number.
    pub n: i64,
    /// How often that was tried.
    pub tries: u32,
    /// The message; `None` when this hub can't read it.
    pub message: Option<Message>,
}

/// What waits for a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub route: String,
    /// How many.
    pub count: u64,
    /// The oldest.
    pub since: Timestamp,
    /// Why one of them was not taken; `None` when none was tried.
    pub error: Option<String>,
}

pub(super) fn queue(database: &Database, messages: &[(String, Message)], now: Timestamp) -> Result<(), StoreError> {
    let mut n = if messages.is_empty() { 0 } else { last(database, "outbox")? };
    for (route, message) in messages {
        n += 1;
        let sql = "INSERT INTO outbox (n, route, queued, message, tries, next, error, done, given_up)
                   VALUES (?1, ?2, ?3, ?4, 0, ?3, NULL, NULL, 0)";
        database.execute(sql, params![n, route, ms(now), json(message)])?;
    }
    Ok(())
}

/// Gives up what has waited for too long, or is too much, and forgets what was done long ago. Answers how many were given up.
pub(super) fn tidy(database: &Database, now: Timestamp) -> Result<u64, StoreError> {
    let before = |time| ms(now.checked_sub(time).unwrap_or(Timestamp::MIN));
    let wait = || database.row("SELECT count(*) FROM outbox WHERE done IS NULL", params![], |row| row.get::<i64>(0));
    let waited = wait()?;
    let sql = "UPDATE outbox SET done = ?1, given_up = 1 WHERE done IS NULL AND queued < ?2";
    database.execute(sql, params![ms(now), before(KEPT)])?;
    let sql = "SELECT DISTINCT route FROM outbox WHERE done IS NULL";
    let routes: Vec<String> = database.rows(sql, params![], |row| row.get(0))?;
    for route in routes {
        let sql =
            "UPDATE outbox SET done = ?1, given_up = 1 WHERE done IS NULL AND route = ?2 AND n <= (SELECT n FROM outbox
                   WHERE done IS NULL AND route = ?2 ORDER BY n DESC LIMIT 1 OFFSET ?3)";
        database.execute(sql, params![ms(now), route, MOST])?;
    }
    let given_up = waited.unwrap_or_default() - wait()?.unwrap_or_default();
    database.execute("DELETE FROM outbox WHERE done IS NOT NULL AND done < ?1", params![before(DONE)])?;
    Ok(given_up.unsigned_abs())
}

impl Store {
    /// What a route is to be told now, the oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn due(&self, route: &str, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        /// As many as are handed over between two looks.
        const SOME: i64 = 50;
        let sql = "SELECT n, tries, message FROM outbox WHERE done IS NULL AND route = ?1 AND next <= ?2
                   ORDER BY n LIMIT ?3";
        let read = |row: &Row<'_>| {
            let text: String = row.get(2)?;
            let tries = u32::try_from(row.get::<i64>(1)?).unwrap_or(u32::MAX);
            Ok(Due { n: row.get(0)?, tries, message: serde_json::from_str(&text).ok() })
        };
        self.database.rows(sql, params![route, ms(now), SOME], read)
    }

    /// A message was handed over.
    ///
    /// # Errors
    /// When that can't be kept: it is handed over again.
    pub fn delivered(&mut self, n: i64, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET done = ?2, error = NULL, tries = tries + 1 WHERE n = ?1";
        self.database.execute(sql, params![n, ms(now)])
    }

    /// A message was not taken, and is not tried again before then.
    ///
    /// # Errors
    /// When that can't be kept.
    pub fn undelivered(&mut self, n: i64, error: &str, next: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET tries = tries + 1, error = ?2, next = ?3 WHERE n = ?1";
        self.database.execute(sql, params![n, error, ms(next)])
    }

    /// A message is refused, and not tried again.
    ///
    /// # Errors
    /// When that can't be kept.
    pub fn given_up(&mut self, n: i64, error: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET done = ?3, given_up = 1, error = ?2, tries = tries + 1 WHERE n = ?1";
        self.database.execute(sql, params![n, error, ms(now)])
    }

    /// What waits, route by route.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        let sql = "SELECT route, count(*), min(queued), max(error) FROM outbox WHERE done IS NULL GROUP BY route ORDER BY route";
        let read = |row: &Row<'_>| {
            let count = row.get::<i64>(1)?.unsigned_abs();
            Ok(Waiting { route: row.get(0)?, count, since: at(row.get(2)?), error: row.get(3)? })
        };
        self.database.rows(sql, params![], read)
    }
}
