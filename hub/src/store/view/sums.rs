//! The fleet in numbers, from sums that are kept as it changes.

use super::Moment;
use crate::store::{
    Reach, StoreError, cut,
    picture::{SUSPENDED, UNEXPECTED, ms, state},
    sql::{Database, Param, Row, params},
};
use fleet::{
    page::{Senders, View},
    presence::{Compliance, Freshness},
};
use jiff::Timestamp;
use manifests::report::State;
use serde::Serialize;
use std::collections::BTreeMap;

/// The fleet in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Shares of what is expected.
    pub compliance: Compliance,
    /// How many accounts stand how, of those that are expected.
    pub accounts: BTreeMap<State, u64>,
    /// How many stacks of them stand how.
    pub stacks: BTreeMap<State, u64>,
    /// How many of those that spoke are how fresh.
    pub freshness: BTreeMap<Freshness, u64>,
    /// How many should have spoken and never did; `None` when nobody has said who should.
    pub not_ready: Option<u64>,
    /// How many speak although nobody expects them.
    pub unexpected: u64,
    /// How many are suspended, by what their organization says.
    pub suspended: u64,
    /// How many of those that spoke have proven that it is they who speak.
    pub senders: Senders,
    /// How many messages are in quarantine; `None` where only some accounts are shown: nobody knows whose they are.
    pub quarantine: Option<u64>,
    /// How many accounts run which version of the agent.
    pub versions: BTreeMap<String, u64>,
    /// How far back the journal reaches; `None` of an empty one, and where only some accounts are shown.
    pub journal: Option<Reach>,
    /// How many messages did what, ever.
    pub messages: BTreeMap<String, u64>,
}

/// How many accounts are how fresh; `None` of what there is none.
pub(in crate::store) fn freshness(
    database: &Database,
    view: &View<'_>,
) -> Result<BTreeMap<Freshness, u64>, StoreError> {
    fresh(database, Moment { patience: view.patience, now: view.now })
}

fn fresh(database: &Database, moment: Moment) -> Result<BTreeMap<Freshness, u64>, StoreError> {
    let older = |than| {
        let before = moment.now.checked_sub(than).unwrap_or(Timestamp::MIN);
        count(database, "SELECT count(*) FROM account WHERE seen < ?1 AND unexpected < 2", &[&ms(before)])
    };
    let (late, silent) = (older(moment.patience.late)?, older(moment.patience.silent)?);
    let all = sums(database, "share", "accounts")?;
    let all: u64 = all.into_iter().filter(|(listed, _)| *listed != SUSPENDED).map(|(_, n)| n).sum();
    let counts = [
        (Freshness::Fresh, all.saturating_sub(late)),
        (Freshness::Late, late.saturating_sub(silent)),
        (Freshness::Silent, silent),
    ];
    Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
}

/// How many there are.
fn count(database: &Database, sql: &str, with: &[&dyn Param]) -> Result<u64, StoreError> {
    Ok(database.row(sql, with, |row| row.get::<i64>(0))?.unwrap_or_default().unsigned_abs())
}

/// A sum, by its values.
pub(super) fn sums(database: &Database, what: &str, key: &str) -> Result<BTreeMap<i64, u64>, StoreError> {
    let sql = "SELECT value, n FROM tally WHERE what = ?1 AND key = ?2 AND n <> 0";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<i64>(1)?.unsigned_abs()));
    Ok(database.rows(sql, params![what, key], read)?.into_iter().collect())
}

/// A sum of one value.
pub(super) fn sum(database: &Database, what: &str, key: &str) -> Result<u64, StoreError> {
    Ok(sums(database, what, key)?.values().sum())
}

pub(super) fn states(sums: BTreeMap<i64, u64>) -> BTreeMap<State, u64> {
    sums.into_iter().map(|(value, n)| (state(value), n)).collect()
}

/// All sums of a kind, by their keys.
pub(super) fn keyed(database: &Database, what: &str) -> Result<Vec<(String, i64, u64)>, StoreError> {
    let sql = "SELECT key, value, n FROM tally WHERE what = ?1 AND n <> 0 ORDER BY key, value";
    database.rows(sql, params![what], |row| Ok((row.get(0)?, row.get(1)?, row.get::<i64>(2)?.unsigned_abs())))
}

/// Whether somebody has said who is expected.
pub(in crate::store) fn is_list(database: &Database) -> Result<bool, StoreError> {
    let sql = "SELECT value FROM mark WHERE name = 'expected'";
    let mark: Option<String> = database.row(sql, params![], |row| row.get(0))?;
    Ok(mark.is_some_and(|mark| mark.starts_with("true")))
}

/// Whether it is a store of some accounts.
fn is_part(database: &Database) -> Result<bool, StoreError> {
    Ok(database.row("SELECT value FROM mark WHERE name = 'part'", params![], |_| Ok(()))?.is_some())
}

/// How many have proven that it is they who speak.
pub(super) fn senders(database: &Database) -> Result<Senders, StoreError> {
    let sums = sums(database, "proven", "")?;
    let of = |value| sums.get(&value).copied().unwrap_or_default();
    Ok(Senders { proven: of(1), unproven: of(0) })
}

pub(super) fn overview(database: &Database, moment: Moment) -> Result<Overview, StoreError> {
    let count = |sql| count(database, sql, &[]);
    let is_part = is_part(database)?;
    let not_ready = match is_list(database)? {
        true => Some(count("SELECT count(*) FROM expected WHERE spoke = 0")?),
        false => None,
    };
    let counts = |what: &str| -> Result<BTreeMap<String, u64>, StoreError> {
        Ok(keyed(database, what)?.into_iter().map(|(key, _, n)| (key, n)).collect())
    };
    Ok(Overview {
        compliance: compliance(database, moment, not_ready.unwrap_or_default())?,
        accounts: states(sums(database, "account", "")?),
        stacks: states(sums(database, "stack", "")?),
        freshness: fresh(database, moment)?,
        not_ready,
        unexpected: sums(database, "share", "accounts")?.get(&UNEXPECTED).copied().unwrap_or_default(),
        suspended: sum(database, "suspended", "")?,
        senders: senders(database)?,
        quarantine: if is_part { None } else { Some(count("SELECT count(*) FROM quarantine")?) },
        versions: counts("version")?,
        journal: if is_part { None } else { cut::reach(database)? },
        messages: counts("heard")?,
    })
}

/// The shares: of everybody, without those who are silent.
fn compliance(database: &Database, moment: Moment, not_ready: u64) -> Result<Compliance, StoreError> {
    let share =
        |key| -> Result<u64, StoreError> { Ok(sums(database, "share", key)?.get(&0).copied().unwrap_or_default()) };
    let sql = "SELECT CAST(coalesce(sum(good), 0) AS BIGINT), CAST(coalesce(sum(stacks_good), 0) AS BIGINT)
               FROM account WHERE seen < ?1 AND unexpected = 0";
    let before = moment.now.checked_sub(moment.patience.silent).unwrap_or(Timestamp::MIN);
    let silent = database.row(sql, params![ms(before)], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
    let (good, stacks) = silent.unwrap_or_default();
    Ok(Compliance {
        accounts: share("accounts")? + not_ready,
        accounts_good: share("accountsGood")?.saturating_sub(good.unsigned_abs()),
        stacks: share("stacks")?,
        stacks_good: share("stacksGood")?.saturating_sub(stacks.unsigned_abs()),
        resources: share("resources")?,
        compared: share("compared")?,
    })
}
