//! What the tables say, as values for pages and machines. Every question is answered from an index or from the sums, so that
//! none costs more in a large fleet than in a small one; a test reads SQLite's plans of all of them.
//!
//! Not here: how any of it looks.

use super::{
    Store, StoreError,
    picture::{SUSPENDED, UNEXPECTED, at, enrolled, ms, rank, state},
    sql::{Database, Param, Row, params},
};
use crate::ingest;
use fleet::{
    belief::Enrolled,
    page::{Page, Quarantined, Row as Listed, Senders, View},
    presence::{Freshness, NotReady, Patience},
};
use jiff::Timestamp;
use manifests::{
    id::{AccountId, Digest},
    report::{Event, State},
};
use serde::Serialize;
use std::collections::BTreeMap;

mod accounts;
mod lists;
mod rows;
mod sums;

pub use accounts::{Filter, Sort, Way};
pub use lists::Of;
pub use rows::{Control, Drifted, Exception, Happened, Place, Placed, Providing, Revision, Ring, Search, StackIn};
pub use sums::Overview;
pub(super) use sums::{freshness, is_list};
use sums::{keyed, overview, states, sum, sums};

/// How many rows a page of a list has.
pub const ROWS: usize = 100;

/// One more, to know whether there are more.
const MORE: i64 = ROWS as i64 + 1;

/// Some of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next ones begin; `None` when these are the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One account, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its id.
    pub account: AccountId,
    /// What the fleet file calls it.
    pub name: Option<String>,
    /// The value of its label `ring`.
    pub ring: String,
    /// The worst of what it says of itself and of each of its stacks.
    pub state: State,
    /// Since which report it has been in that state, as far as was heard in order.
    pub since: Timestamp,
    /// Why, in the account's own sentence.
    pub why: Option<String>,
    /// The commit that every stack has reached.
    pub applied: Option<String>,
    /// The commit that it last worked towards.
    pub attempted: Option<String>,
    /// How many stacks it has.
    pub stacks: u64,
    /// Of those, the ones in sync, or healed.
    pub stacks_good: u64,
    /// When it last gave a sign of life.
    pub seen: Timestamp,
    /// How fresh that is.
    pub freshness: Freshness,
    /// Whether it speaks although nobody expects it.
    pub unexpected: bool,
    /// Whether it is suspended, by what its organization says: what it said last is in no sum.
    pub suspended: bool,
    /// Whether it has proven that it is the one who speaks.
    pub proven: bool,
    /// How many gaps there are in the numbers of its reports.
    pub missing: u64,
    /// The number of its newest report, `<epoch>-<sequence>`.
    pub report: String,
    /// The agent's version.
    pub agent: String,
    /// Where its newest report is in the journal.
    #[serde(skip)]
    pub n: i64,
}

const ACCOUNT: &str = "SELECT id, name, ring, state, since, why, applied, attempted, stacks, stacks_good, seen, unexpected, \
                       missing, epoch, sequence, version, n, proven FROM account";

/// How fresh is fresh, and when it is.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// After how long an account is late.
    pub patience: Patience,
    /// Now.
    pub now: Timestamp,
}

/// How far the journal has been read.
pub(super) fn mark(database: &Database) -> Result<u64, StoreError> {
    let sql = "SELECT value FROM mark WHERE name = 'journal'";
    let mark: Option<String> = first(database, sql, &[], |row| row.get(0))?;
    Ok(mark.and_then(|mark| mark.parse().ok()).unwrap_or_default())
}

/// What a terminal shows of a store: the first of everything.
pub(super) fn page(database: &Database, view: &View<'_>) -> Result<Page, StoreError> {
    let moment = Moment { patience: view.patience, now: view.now };
    let overview = overview(database, moment)?;
    let part = accounts::accounts(database, moment, &Filter::default(), None, 30)?;
    let accounts = part.rows.into_iter().map(|row| listed(database, row)).collect::<Result<_, _>>()?;
    let not_ready = view.expected.map(|_| not_ready(database, -1, MORE - 1)).transpose()?;
    Ok(Page {
        compliance: overview.compliance,
        states: overview.accounts.clone(),
        freshness: overview.freshness,
        not_ready,
        not_ready_total: overview.not_ready.unwrap_or_default(),
        unexpected: overview.unexpected,
        suspended: overview.suspended,
        senders: overview.senders,
        accounts,
        accounts_total: sum(database, "share", "accounts")?,
        quarantine: quarantine(database)?,
        quarantine_total: overview.quarantine.unwrap_or_default(),
    })
}

/// An account as the terminal lists it: how its stacks stand is in its newest report.
fn listed(database: &Database, row: Account) -> Result<Listed, StoreError> {
    let mut stacks = BTreeMap::new();
    let event = event(database, row.n)?;
    for stack in event.iter().flat_map(|event| &event.data.stacks) {
        *stacks.entry(stack.state).or_default() += 1;
    }
    let sql = "SELECT heard FROM account WHERE id = ?1";
    let heard: Option<String> = first(database, sql, &[&super::picture::number(&row.account)], |row| row.get(0))?;
    let heard: fleet::fold::Heard = heard.and_then(|heard| serde_json::from_str(&heard).ok()).unwrap_or_default();
    let source = event.map(|event| event.data.source);
    Ok(Listed {
        account: row.account,
        name: row.name,
        state: row.state,
        why: row.why,
        applied: source.as_ref().and_then(|source| source.applied.clone()),
        attempted: source.and_then(|source| source.attempted),
        stacks,
        seen: row.seen,
        freshness: row.freshness,
        unexpected: row.unexpected,
        suspended: row.suspended,
        proven: row.proven,
        missing: heard.missing(),
        report: row.report,
        agent: row.agent,
    })
}

fn account_of(row: &Row<'_>, moment: Moment) -> Result<Account, StoreError> {
    let seen = at(row.get(10)?);
    let count = |at| row.get::<i64>(at).map(i64::unsigned_abs);
    let listed: i64 = row.get(11)?;
    let (epoch, sequence): (String, i64) = (row.get(13)?, row.get(14)?);
    Ok(Account {
        account: id(row.get(0)?),
        name: row.get(1)?,
        ring: row.get(2)?,
        state: state(row.get(3)?),
        since: at(row.get(4)?),
        why: row.get(5)?,
        applied: row.get(6)?,
        attempted: row.get(7)?,
        stacks: count(8)?,
        stacks_good: count(9)?,
        seen,
        freshness: moment.patience.judge(seen, moment.now),
        unexpected: listed == UNEXPECTED,
        suspended: listed == SUSPENDED,
        proven: row.get(17)?,
        missing: count(12)?,
        report: format!("{epoch}-{}", sequence.cast_unsigned()),
        agent: row.get(15)?,
        n: row.get(16)?,
    })
}

/// Twelve digits.
pub(super) fn id(number: i64) -> AccountId {
    format!("{number:012}").parse().unwrap_or_else(|_| "000000000000".parse().expect("twelve digits are an account"))
}

/// The report in an entry of the journal.
pub(super) fn event(database: &Database, n: i64) -> Result<Option<Event>, StoreError> {
    let body: Option<Vec<u8>> = first(database, "SELECT body FROM journal WHERE n = ?1", &[&n], |row| row.get(0))?;
    Ok(body.and_then(|body| ingest::event(&String::from_utf8(body).ok()?).ok()))
}

/// The expected accounts that never spoke, after this one.
fn not_ready(database: &Database, after: i64, rows: i64) -> Result<Vec<NotReady>, StoreError> {
    let sql = "SELECT id, name FROM expected WHERE spoke = 0 AND id > ?1 ORDER BY id LIMIT ?2";
    all(database, sql, params![after, rows], |row| Ok(NotReady { account: id(row.get(0)?), name: row.get(1)? }))
}

/// What was refused last, oldest first.
fn quarantine(database: &Database) -> Result<Vec<Quarantined>, StoreError> {
    let sql = "SELECT digest, received, reason, begins FROM quarantine ORDER BY received DESC, digest DESC LIMIT ?1";
    let read = |row: &Row<'_>| {
        let digest = Digest(row.get(0)?);
        Ok(Quarantined { digest, received: at(row.get(1)?), reason: row.get(2)?, begins: row.get(3)? })
    };
    let mut all = all(database, sql, &[&(MORE - 1)], read)?;
    all.reverse();
    Ok(all)
}

/// A list's rows: of each state, worst first, and in it as `order` says.
fn worst_first<T>(
    states: impl Iterator<Item = i64>,
    after: Option<(i64, i64, i64)>,
    rows: usize,
    mut some: impl FnMut(i64, (i64, i64), i64) -> Result<Vec<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    for state in states {
        let from = match after {
            Some((worst, _, _)) if state > worst => continue,
            Some((worst, first, second)) if state == worst => (first, second),
            Some(_) | None => (i64::MIN, i64::MIN),
        };
        let left = left(rows, all.len());
        if left == 0 {
            break;
        }
        all.extend(some(state, from, left)?);
    }
    Ok(all)
}

/// How many rows are still to be read when so many are shown; one more, to know whether there are more.
fn left(rows: usize, read: usize) -> i64 {
    i64::try_from((rows + 1).saturating_sub(read)).unwrap_or_default()
}

/// Every rank, worst first.
fn ranks() -> impl Iterator<Item = i64> {
    State::RANKING.into_iter().rev().map(rank)
}

/// Where a list goes on, as text: three numbers.
pub(super) fn cursor(text: &str) -> Option<(i64, i64, i64)> {
    let mut numbers = text.splitn(3, '.').map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// As many rows as are shown, and where the next begin.
pub(super) fn part<T>(mut rows: Vec<T>, most: usize, cursor: impl FnOnce(&T) -> String) -> Part<T> {
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(cursor);
    Part { rows, next }
}

/// One row or none.
fn first<T>(
    database: &Database,
    sql: &str,
    with: &[&dyn Param],
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    database.row(sql, with, read)
}

/// All rows.
fn all<T>(
    database: &Database,
    sql: &str,
    with: &[&dyn Param],
    read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    database.rows(sql, with, read)
}

impl Store {
    /// How far the journal has been read: whatever else is asked changes only when this does, or time passes.
    ///
    /// # Errors
    /// When the store can't be read; so with all of them.
    pub fn mark(&self) -> Result<u64, StoreError> {
        mark(&self.database)
    }

    /// A word that changes with the list of those who are expected.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn listed(&self) -> Result<Option<String>, StoreError> {
        first(&self.database, "SELECT value FROM mark WHERE name = 'expected'", &[], |row| row.get(0))
    }

    /// The key of an account that is on record.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn key(&self, account: &AccountId) -> Result<Option<Enrolled>, StoreError> {
        enrolled(&self.database, account)
    }

    /// How many accounts have proven that it is they who speak.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn senders(&self) -> Result<Senders, StoreError> {
        sums::senders(&self.database)
    }

    /// The fleet in numbers.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn overview(&self, moment: Moment) -> Result<Overview, StoreError> {
        overview(&self.database, moment)
    }

    /// One account: its row, and what it said last.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn account(&self, id: &AccountId, moment: Moment) -> Result<Option<(Account, Event)>, StoreError> {
        let sql = format!("{ACCOUNT} WHERE id = ?1");
        let row = first(&self.database, &sql, &[&super::picture::number(id)], |row| account_of(row, moment))?;
        let Some(row) = row else { return Ok(None) };
        Ok(event(&self.database, row.n)?.map(|event| (row, event)))
    }

    /// The expected accounts that never spoke.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn not_ready(&self, after: Option<&str>) -> Result<Part<NotReady>, StoreError> {
        let after = after.and_then(|after| after.parse().ok()).unwrap_or(-1);
        let rows = not_ready(&self.database, after, MORE)?;
        Ok(part(rows, ROWS, |row| row.account.to_string()))
    }

    /// What was refused last, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn quarantine(&self) -> Result<Vec<Quarantined>, StoreError> {
        quarantine(&self.database)
    }

    /// How often something happened on each of the last days, oldest first; the last is today.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn days(&self, what: &str, now: Timestamp) -> Result<[u64; 30], StoreError> {
        let today = now.as_second().div_euclid(86_400);
        let sums = sums(&self.database, "day", what)?;
        Ok(std::array::from_fn(|n| sums.get(&(today - 29 + n as i64)).copied().unwrap_or_default()))
    }
}
