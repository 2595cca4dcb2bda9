//! Once a day, for those who would rather read than be called: how everything stands, what began and ended, and what is worst.
//!
//! The numbers are the whole fleet's; what is named is what the route would be told of.

use super::{
    Incident,
    message::{Message, What, plain, says, span, who},
    tell::{Route, Telling, place},
};
use crate::presence::{Compliance, Freshness};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::cmp::Reverse;
use jiff::{SignedDuration, Timestamp};
use manifests::report::{Severity, State};

/// How many are named.
const WORST: usize = 10;

/// The fleet in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Shares of what is expected.
    pub compliance: Compliance,
    /// How many accounts stand how.
    pub states: BTreeMap<State, u64>,
    /// How many are how fresh.
    pub freshness: BTreeMap<Freshness, u64>,
    /// How many should have spoken and never did; `None` when nobody has said who should.
    pub not_ready: Option<u64>,
    /// How many speak although nobody expects them.
    pub unexpected: u64,
    /// How many messages are in quarantine.
    pub quarantine: u64,
}

/// Whether a digest is due that is sent at this second of each day, and on which day (counted from 1970) it was sent last.
pub fn is_due(second: u32, last: Option<i64>, now: Timestamp) -> bool {
    let (day, passed) = (day(now), now.as_second().rem_euclid(86_400));
    last.is_some_and(|last| last < day) && passed >= i64::from(second)
}

/// The day on which it counts as sent when nobody has sent one yet: there is none for a day whose time has passed already.
pub fn begin(second: u32, now: Timestamp) -> i64 {
    let passed = now.as_second().rem_euclid(86_400) >= i64::from(second);
    if passed { day(now) } else { day(now) - 1 }
}

/// The day, counted from 1970.
pub fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(86_400)
}

/// A route's digest. `incidents` is everything that was told and is open, or ended in the last day.
pub fn digest(route: &Route, numbers: &Numbers, incidents: &[Incident], telling: &Telling<'_>) -> Message {
    let yesterday = telling.at.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    let mut mine: Vec<&Incident> = incidents.iter().filter(|one| route.takes(one, telling.expected)).collect();
    mine.sort_by_key(|one| (Reverse(one.condition.severity()), Reverse(one.condition), one.since));
    let open = || mine.iter().filter(|one| one.ended.is_none());
    let ended: Vec<&&Incident> = mine.iter().filter(|one| one.ended.is_some_and(|at| at >= yesterday)).collect();
    let began = mine.iter().filter(|one| one.noticed >= yesterday && !one.quiet).count();
    let share = numbers.compliance;
    let mut lines: Vec<String> = counted(numbers);
    lines.push(format!("in the last day: {began} began, {} ended; {} are open", ended.len(), open().count()));
    let one = |one: &Incident| {
        let why = one.why.as_deref().map(|why| format!(": {}", plain(why, 160))).unwrap_or_default();
        let for_long = span(telling.at.duration_since(one.since));
        let (who, says, link) = (who(&one.about), says(one.condition, true), telling.link);
        format!("- {who} {says} for {for_long}{why} {link}{}", place(one))
    };
    lines.extend(open().take(WORST).map(|incident| one(incident)));
    let over: Vec<String> = ended.iter().take(WORST).map(|one| who(&one.about)).collect();
    if !over.is_empty() {
        lines.push(format!("well again: {}{}", over.join(", "), more(ended.len().saturating_sub(over.len()))));
    }
    let title = format!(
        "[digest] {} of {} accounts in sync, {} alerts open",
        share.accounts_good,
        share.accounts,
        open().count()
    );
    Message {
        id: format!("digest.{}.{}", plain(&route.name, 64), day(telling.at)),
        what: What::Digest,
        severity: Severity::Info.as_str().into(),
        title,
        state: None,
        previous_state: None,
        why: None,
        link: format!("{}/", telling.link),
        at: telling.at,
        since: None,
        recovered_after: None,
        commit: None,
        incidents: open().take(100).map(|one| one.id.clone()).collect(),
        count: 0,
        accounts: Vec::new(),
        lines,
    }
}

fn more(n: usize) -> String {
    if n == 0 { String::new() } else { format!(" and {n} more") }
}

fn counted(numbers: &Numbers) -> Vec<String> {
    let share = numbers.compliance;
    let states: Vec<String> = numbers.states.iter().rev().map(|(state, n)| format!("{n} {}", state.as_str())).collect();
    let quiet = |word| numbers.freshness.get(&word).copied().unwrap_or_default();
    let ready = numbers.not_ready.map_or("nobody said who is expected".to_string(), |n| format!("{n} not ready"));
    [
        format!(
            "{} of {} stacks in sync, {} of {} accounts",
            share.stacks_good, share.stacks, share.accounts_good, share.accounts
        ),
        format!("accounts: {}", if states.is_empty() { "none".to_string() } else { states.join(", ") }),
        format!(
            "{} late, {} silent, {ready}, {} unexpected, {} messages in quarantine",
            quiet(Freshness::Late),
            quiet(Freshness::Silent),
            numbers.unexpected,
            numbers.quarantine
        ),
    ]
    .into()
}
