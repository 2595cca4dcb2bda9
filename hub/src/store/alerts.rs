//! Incidents and the outbox in the store: what was open before, what is so now by the picture, and both what is decided and what
//! somebody is to be told of it in one transaction.
//!
//! Not here: what is told, and to whom (`fleet::alert`).

mod list;
mod outbox;

use super::{
    Store, StoreError,
    picture::{EXPECTED, at, json, ms, number, rank, state},
    sql::{Database, Param, Row, params},
    view::{Moment, id, is_list},
};
use fleet::alert::{About, Condition, Fact, Incident, Key, Looked, Over, message::Message};
use jiff::{SignedDuration, Timestamp};
use manifests::report::{Severity, State};
use std::collections::BTreeMap;

pub use list::{Alert, Counts};
pub use outbox::{Due, Waiting};

/// The tables.
pub(super) const FORM: &str = include_str!("alerts/form.sql");

/// How long a message that is no report, or a contested one, is something that is not well.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// How long what ended is remembered, and how much of it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
const ENDED: i64 = 20_000;

/// What is kept of a look.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// What came of it.
    pub looked: &'a Looked,
    /// Messages, each with its route.
    pub messages: &'a [(String, Message)],
    /// Notes for the next look.
    pub notes: &'a [(String, String)],
}

/// How an account stands, since when, when it was seen last, and whether it is expected.
struct How {
    state: State,
    since: Timestamp,
    seen: Timestamp,
    is_expected: bool,
}

const INCIDENT: &str = "SELECT id, account, name, ring, revision, condition, since, why, noticed, worst, told, quiet, \
                        cleared, ended, n FROM incident";

impl Store {
    /// Everything that is not over.
    ///
    /// # Errors
    /// When the store can't be read; so with all of them.
    pub fn open_incidents(&self) -> Result<BTreeMap<Key, Incident>, StoreError> {
        let sql = format!("{INCIDENT} WHERE ended IS NULL ORDER BY key");
        let all = self.database.rows(&sql, params![], incident_of)?;
        Ok(all.into_iter().map(|incident| (incident.key(), incident)).collect())
    }

    /// Everything that was told and ended since then.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn ended_incidents(&self, since: Timestamp) -> Result<Vec<Incident>, StoreError> {
        let sql = format!("{INCIDENT} WHERE ended >= ?1 AND ended IS NOT NULL ORDER BY ended DESC, n DESC LIMIT ?2");
        self.database.rows(&sql, params![ms(since), ENDED], incident_of)
    }

    /// What is not well now, by the picture: only what is not good is read.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn facts(&self, moment: Moment) -> Result<BTreeMap<Key, Fact>, StoreError> {
        let mut facts = Vec::new();
        let bad = rank(State::Unknown);
        let sql = format!("{ACCOUNT} WHERE state >= ?1 AND unexpected = 0");
        self.accounts_that(&sql, params![bad], |state, since| (Condition::State(state), Some(since)), &mut facts)?;
        let silent = moment.now.checked_sub(moment.patience.silent).unwrap_or(Timestamp::MIN);
        let sql = format!("{SEEN} WHERE seen < ?1 AND unexpected = 0");
        let patience = moment.patience.silent;
        let stopped = |seen: Timestamp| seen.checked_add(patience).unwrap_or(Timestamp::MAX);
        self.accounts_that(&sql, params![ms(silent)], |_, seen| (Condition::Silent, Some(stopped(seen))), &mut facts)?;
        if is_list(&self.database)? {
            // One that is on no list any more and says nothing is nobody's worry.
            let sql = format!("{ACCOUNT} WHERE unexpected = 1 AND seen >= ?1 ORDER BY state DESC, id");
            self.accounts_that(&sql, params![ms(silent)], |_, _| (Condition::Unexpected, None), &mut facts)?;
            self.not_ready_facts(&mut facts)?;
        }
        facts.extend(self.refused_lately(moment.now)?);
        Ok(facts.into_iter().map(|fact| (fact.key(), fact)).collect())
    }

    fn accounts_that(
        &self,
        sql: &str,
        with: &[&dyn Param],
        is: impl Fn(State, Timestamp) -> (Condition, Option<Timestamp>),
        facts: &mut Vec<Fact>,
    ) -> Result<(), StoreError> {
        let read = |row: &Row<'_>| {
            let (condition, since) = is(state(row.get(3)?), at(row.get(4)?));
            let about =
                About { account: Some(id(row.get(0)?)), name: row.get(1)?, ring: row.get(2)?, commit: row.get(6)? };
            let why: Option<String> = row.get(5)?;
            // Why an account is in its state is not why it is silent.
            let why = why.filter(|_| matches!(condition, Condition::State(_)));
            Ok(Fact { about, condition, since, why })
        };
        facts.extend(self.database.rows(sql, with, read)?);
        Ok(())
    }

    fn not_ready_facts(&self, facts: &mut Vec<Fact>) -> Result<(), StoreError> {
        let sql = "SELECT id, name, ring FROM expected WHERE spoke = 0 ORDER BY id";
        let read = |row: &Row<'_>| {
            let account = Some(id(row.get(0)?));
            let about = About { account, name: row.get(1)?, ring: row.get(2)?, commit: None };
            Ok(Fact { about, condition: Condition::NotReady, since: None, why: None })
        };
        facts.extend(self.database.rows(sql, params![], read)?);
        Ok(())
    }

    /// Whether messages came in the last hour that are no reports.
    fn refused_lately(&self, now: Timestamp) -> Result<Option<Fact>, StoreError> {
        let since = ms(now.checked_sub(RECENT).unwrap_or(Timestamp::MIN));
        let sql = "SELECT count(*) FROM quarantine WHERE received > ?1";
        let some: i64 = self.database.row(sql, params![since], |row| row.get(0))?.unwrap_or_default();
        if some == 0 {
            return Ok(None);
        }
        // What they say, and why they were refused, quotes strangers: that is for those who may see the quarantine.
        let why = format!("{some} in the last hour; quarantine says why");
        Ok(Some(Fact { about: About::default(), condition: Condition::Quarantine, since: None, why: Some(why) }))
    }

    /// How many reports claimed another one's number, ever.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn contested(&self) -> Result<u64, StoreError> {
        let sql = "SELECT n FROM tally WHERE what = 'heard' AND key = 'contested' AND value = 0";
        let n: Option<i64> = self.database.row(sql, params![], |row| row.get(0))?;
        Ok(n.unwrap_or_default().unsigned_abs())
    }

    /// Since when each of these is over, of those that are no fact any more.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn over(
        &self,
        open: &BTreeMap<Key, Incident>,
        facts: &BTreeMap<Key, Fact>,
    ) -> Result<BTreeMap<Key, Over>, StoreError> {
        let mut over = BTreeMap::new();
        let is_list = is_list(&self.database)?;
        for (key, incident) in open.iter().filter(|(key, _)| !facts.contains_key(*key)) {
            let Some(account) = &incident.about.account else { continue };
            let id = number(account);
            let found = match incident.condition {
                Condition::State(_) => self.how(id)?.map(|how| match how.state {
                    // Nobody expects it any more: that is no recovery.
                    _ if !how.is_expected => Over::Gone,
                    State::Pending | State::Applying => Over::Between,
                    State::InSync | State::Healed | State::Excepted => Over::Since(how.since),
                    State::Unknown | State::Drifted | State::Held | State::Failed | State::NeedsAPerson => Over::Gone,
                }),
                Condition::Silent => self.how(id)?.map(|how| match how.is_expected {
                    true => Over::Since(how.seen),
                    false => Over::Gone,
                }),
                Condition::NotReady if !is_list => Some(Over::Gone),
                Condition::NotReady => {
                    let sql = "SELECT id FROM expected WHERE id = ?1";
                    let known: Option<i64> = self.database.row(sql, params![id], |row| row.get(0))?;
                    if known.is_some() { None } else { Some(Over::Gone) }
                }
                // It is expected now, or nobody hears of it any more.
                Condition::Unexpected => self.how(id)?.filter(|how| !how.is_expected).map(|_| Over::Gone),
                Condition::Quarantine | Condition::Contested | Condition::Queue | Condition::List => None,
            };
            over.extend(found.map(|found| (key.clone(), found)));
        }
        Ok(over)
    }

    fn how(&self, id: i64) -> Result<Option<How>, StoreError> {
        let sql = "SELECT state, since, seen, unexpected FROM account WHERE id = ?1";
        let read = |row: &Row<'_>| {
            let is_expected = row.get::<i64>(3)? == EXPECTED;
            Ok(How { state: state(row.get(0)?), since: at(row.get(1)?), seen: at(row.get(2)?), is_expected })
        };
        self.database.row(sql, params![id], read)
    }

    /// What a look noted.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn noted(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.database.row("SELECT value FROM noted WHERE name = ?1", params![name], |row| row.get(0))
    }

    /// Keeps what came of a look and queues what is to be told: all of it or nothing. What is nothing is not written.
    ///
    /// # Errors
    /// When it is not kept.
    pub fn tell(&mut self, told: Told<'_>, now: Timestamp) -> Result<(), StoreError> {
        let Told { looked, messages, notes } = told;
        if looked.changed.is_empty() && looked.dropped.is_empty() && messages.is_empty() && notes.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin()?;
        for incident in &looked.dropped {
            transaction.execute("DELETE FROM incident WHERE id = ?1", params![incident.id])?;
        }
        let mut next = last(&transaction, "incident")?;
        for incident in &looked.changed {
            next += 1;
            write(&transaction, incident, next)?;
        }
        outbox::queue(&transaction, messages, now)?;
        for (name, value) in notes {
            let sql = "INSERT INTO noted VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            transaction.execute(sql, params![name, value])?;
        }
        transaction.commit()
    }

    /// Forgets what ended long ago, and gives up what nobody took for long.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn tidy(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let transaction = self.database.begin()?;
        let before = now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
        let sql = "DELETE FROM incident WHERE ended IS NOT NULL AND ended < ?1";
        transaction.execute(sql, params![ms(before)])?;
        let sql = "DELETE FROM incident WHERE ended IS NOT NULL AND ended < (SELECT ended FROM incident
                   WHERE ended IS NOT NULL ORDER BY ended DESC LIMIT 1 OFFSET ?1)";
        transaction.execute(sql, params![ENDED])?;
        let given_up = outbox::tidy(&transaction, now)?;
        transaction.commit()?;
        Ok(given_up)
    }
}

const ACCOUNT: &str = "SELECT id, name, ring, state, since, why, attempted FROM account";
const SEEN: &str = "SELECT id, name, ring, state, seen, why, attempted FROM account";

/// The highest number of a table.
fn last(database: &Database, table: &str) -> Result<i64, StoreError> {
    let sql = format!("SELECT n FROM {table} WHERE n > 0 ORDER BY n DESC LIMIT 1");
    Ok(database.row(&sql, params![], |row| row.get(0))?.unwrap_or_default())
}

fn severity(condition: Condition) -> i64 {
    match condition.severity() {
        Severity::Info => 0,
        Severity::Warning => 1,
        Severity::Error => 2,
    }
}

fn write(database: &Database, incident: &Incident, n: i64) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO incident (n, id, key, account, name, ring, revision, condition, severity, since, why, noticed,
                                     worst, told, quiet, cleared, ended)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, ring = excluded.ring, revision = excluded.revision,
                   condition = excluded.condition, severity = excluded.severity, why = excluded.why,
                   noticed = excluded.noticed, worst = excluded.worst, told = excluded.told, quiet = excluded.quiet,
                   cleared = excluded.cleared, ended = excluded.ended";
    let Incident { id, about, condition, since, why, noticed, worst, told, quiet, cleared, ended } = incident;
    let key = incident.key();
    let values = params![
        n,
        id,
        key.as_str(),
        about.account.as_ref().map(number),
        about.name,
        about.ring,
        about.commit,
        condition.word(),
        severity(*condition),
        ms(*since),
        why,
        ms(*noticed),
        worst.word(),
        told.map(Condition::word),
        i64::from(*quiet),
        cleared.map(ms),
        ended.map(ms),
    ];
    database.execute(sql, values)
}

fn incident_of(row: &Row<'_>) -> Result<Incident, StoreError> {
    // A word of a newer hub is not known, and never well.
    let condition = |word: String| Condition::of(&word).unwrap_or(Condition::State(State::Unknown));
    let account: Option<i64> = row.get(1)?;
    Ok(Incident {
        id: row.get(0)?,
        about: About { account: account.map(id), name: row.get(2)?, ring: row.get(3)?, commit: row.get(4)? },
        condition: condition(row.get(5)?),
        since: at(row.get(6)?),
        why: row.get(7)?,
        noticed: at(row.get(8)?),
        worst: condition(row.get(9)?),
        told: row.get::<Option<String>>(10)?.map(condition),
        quiet: row.get::<i64>(11)? != 0,
        cleared: row.get::<Option<i64>>(12)?.map(at),
        ended: row.get::<Option<i64>>(13)?.map(at),
    })
}
