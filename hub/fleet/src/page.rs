//! The fleet as rows and words, worst first: the same for a terminal, a page and a machine.
//!
//! Deliberately not here: colours, columns and relative times.

use crate::{
    fold::{Account, Fleet, Refused},
    presence::{self, Compliance, Freshness, Listed, NotReady, Patience, seen},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use jiff::Timestamp;
use manifests::{
    fleet,
    id::{AccountId, Digest},
    report::{Report, State},
};
use serde::Serialize;

/// How a fleet is looked at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Who should speak; `None` when nobody has said.
    pub expected: Option<&'a fleet::Fleet>,
    /// Accounts that can't do anything, as their organization says: nothing is expected of them.
    pub suspended: &'a BTreeSet<AccountId>,
    /// After how long an account is late.
    pub patience: Patience,
    /// Now.
    pub now: Timestamp,
}

/// What there is to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Shares of what is expected.
    pub compliance: Compliance,
    /// How many accounts stand how, of those that are expected.
    pub states: BTreeMap<State, u64>,
    /// How many of those that spoke are how fresh.
    pub freshness: BTreeMap<Freshness, u64>,
    /// The accounts that should have spoken and never did, by id; `None` when nobody has said who should. Of very many, some.
    pub not_ready: Option<Vec<NotReady>>,
    /// How many there are.
    pub not_ready_total: u64,
    /// How many speak although nobody expects them.
    pub unexpected: u64,
    /// How many are suspended, by what their organization says.
    pub suspended: u64,
    /// How many of those that spoke have proven that it is they who speak.
    pub senders: Senders,
    /// The accounts that spoke: worst state first, of those the one that has been quiet for longest, then by id. Of very
    /// many, the first.
    pub accounts: Vec<Row>,
    /// How many there are.
    pub accounts_total: u64,
    /// What was refused, oldest first. Of very much, the newest.
    pub quarantine: Vec<Quarantined>,
    /// How much there is.
    pub quarantine_total: u64,
}

/// How many accounts have proven that it is they who speak, and how many have not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Senders {
    /// Whose newest report is signed with a key that STS said is theirs.
    pub proven: u64,
    /// Whose may be anybody's.
    pub unproven: u64,
}

impl core::fmt::Display for Senders {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self { proven: 0, .. } => f.write_str("senders unproven"),
            Self { unproven: 0, .. } => f.write_str("senders proven"),
            Self { unproven, proven } => write!(f, "{unproven} of {} senders unproven", unproven + proven),
        }
    }
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Its id.
    pub account: AccountId,
    /// What the fleet file calls it.
    pub name: Option<String>,
    /// The worst of what it says of itself and of each of its stacks.
    pub state: State,
    /// Why, in the account's own sentence.
    pub why: Option<String>,
    /// The revision that every stack has reached (`main@sha1:…`).
    pub applied: Option<String>,
    /// The revision that it last worked towards.
    pub attempted: Option<String>,
    /// How many stacks stand how.
    pub stacks: BTreeMap<State, u64>,
    /// When it last gave a sign of life: [`seen`].
    pub seen: Timestamp,
    /// How fresh that is.
    pub freshness: Freshness,
    /// Whether it speaks although nobody expects it.
    pub unexpected: bool,
    /// Whether it is suspended, by what its organization says: what it said last is in no sum.
    pub suspended: bool,
    /// Whether it has proven that it is the one who speaks.
    pub proven: bool,
    /// Report numbers that never came, as `3-4` or `7`.
    pub missing: Vec<String>,
    /// The number of its newest report, `<epoch>-<sequence>`.
    pub report: String,
    /// The agent's version.
    pub agent: String,
}

/// One refused message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// The digest of its text.
    pub digest: Digest,
    /// When it was first received.
    pub received: Timestamp,
    /// Why it was refused.
    pub reason: String,
    /// How it begins.
    pub begins: String,
}

impl View<'_> {
    /// How an account stands to the list of those who should speak.
    pub fn listed(&self, account: &AccountId) -> Listed {
        if self.suspended.contains(account) {
            Listed::Suspended
        } else if self.expected.is_none_or(|expected| expected.accounts.contains_key(account)) {
            Listed::Expected
        } else {
            Listed::Unexpected
        }
    }
}

impl Page {
    /// The page of this fleet.
    pub fn of(fleet: &Fleet, view: &View<'_>) -> Self {
        let mut accounts: Vec<Row> = fleet.accounts.iter().map(|(id, account)| Row::of(id, account, view)).collect();
        accounts.sort_by_key(|row| (core::cmp::Reverse(row.state), row.seen));
        let mut quarantine: Vec<Quarantined> = fleet.quarantine.iter().map(Quarantined::of).collect();
        quarantine.sort_by_key(|refused| refused.received);
        let not_ready = view.expected.map(|expected| presence::not_ready(fleet, expected));
        Self {
            compliance: presence::compliance(fleet, view),
            states: count(accounts.iter().filter(|row| !row.unexpected && !row.suspended).map(|row| row.state)),
            freshness: presence::count(accounts.iter().filter(|row| !row.suspended).map(|row| row.freshness)),
            not_ready_total: not_ready.as_ref().map_or(0, Vec::len) as u64,
            not_ready,
            unexpected: accounts.iter().filter(|row| row.unexpected).count() as u64,
            suspended: view.suspended.len() as u64,
            senders: Senders {
                proven: accounts.iter().filter(|row| row.proven).count() as u64,
                unproven: accounts.iter().filter(|row| !row.proven).count() as u64,
            },
            accounts_total: accounts.len() as u64,
            accounts,
            quarantine_total: quarantine.len() as u64,
            quarantine,
        }
    }
}

impl Row {
    fn of(id: &AccountId, account: &Account, view: &View<'_>) -> Self {
        let event = &account.newest;
        let report = &event.data;
        let (state, why) = worst(report);
        let listed = view.listed(id);
        Self {
            account: id.clone(),
            name: report.account_name.clone(),
            state,
            why: why.cloned(),
            applied: report.source.applied.clone(),
            attempted: report.source.attempted.clone(),
            stacks: count(report.stacks.iter().map(|stack| stack.state)),
            seen: seen(account),
            freshness: view.patience.judge(seen(account), view.now),
            unexpected: listed == Listed::Unexpected,
            suspended: listed == Listed::Suspended,
            proven: account.standing.proven,
            missing: account.standing.heard.missing(),
            report: format!("{}-{}", report.epoch, report.sequence),
            agent: report.agent.standing(),
        }
    }
}

/// The worst of what a report says of its account and of each stack, with its sentence.
pub fn worst(report: &Report) -> (State, Option<&String>) {
    let worst = report.stacks.iter().max_by_key(|stack| stack.state).filter(|stack| stack.state > report.state);
    worst.map_or((report.state, report.why.as_ref()), |stack| (stack.state, stack.why.as_ref()))
}

impl Quarantined {
    fn of((digest, refused): (&Digest, &Refused)) -> Self {
        let Refused { received, reason, begins } = refused.clone();
        Self { digest: *digest, received, reason, begins }
    }
}

fn count(states: impl Iterator<Item = State>) -> BTreeMap<State, u64> {
    states.fold(BTreeMap::new(), |mut counts, state| {
        *counts.entry(state).or_default() += 1;
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::{Page, View};
    use crate::{
        fold::{
            Fleet, refuse,
            tests::{report, second, taken},
        },
        presence::Patience,
    };
    use alloc::{collections::BTreeSet, string::ToString, vec, vec::Vec};
    use manifests::report::State;

    fn page(fleet: &Fleet, now: i64) -> Page {
        let view =
            View { expected: None, suspended: &BTreeSet::new(), patience: Patience::default(), now: second(now) };
        Page::of(fleet, &view)
    }

    fn check(state: &str, stacks: &[&str], expect: State) {
        let (fleet, _) = taken(Fleet::default(), report(1, "a", 1, state, stacks), second(0));
        let page = page(&fleet, 0);
        assert_eq!(page.accounts[0].state, expect, "{state} {stacks:?}");
        assert_eq!(page.states, [(expect, 1)].into());
    }

    #[test]
    fn an_account_is_as_bad_as_its_worst_stack() {
        check("in-sync", &[], State::InSync);
        check("in-sync", &["in-sync", "failed", "held"], State::Failed);
        check("held", &["in-sync"], State::Held);
    }

    #[test]
    fn an_unknown_word_is_never_green() {
        check("in-sync", &["in-sync", "transcended"], State::Unknown);
        check("transcended", &["in-sync"], State::Unknown);
    }

    #[test]
    fn the_worst_accounts_come_first_with_their_own_sentence() {
        let reports = [("in-sync", "in-sync"), ("failed", "failed"), ("in-sync", "held"), ("failed", "failed")];
        let fleet = reports.into_iter().zip(1..).fold(Fleet::default(), |fleet, ((state, stack), account)| {
            taken(fleet, report(account, "a", 1, state, &[stack]), second(0)).0
        });
        let page = page(&fleet, 0);
        let rows: Vec<_> = page.accounts.iter().map(|row| (&row.account.as_str()[..1], row.why.as_deref())).collect();
        assert_eq!(rows, [("2", None), ("4", None), ("3", Some("stack0 says held")), ("1", None)]);
        assert_eq!(page.states, [(State::InSync, 1), (State::Held, 1), (State::Failed, 2)].into());
        assert_eq!(page.accounts[2].stacks, [(State::Held, 1)].into());
    }

    #[test]
    fn of_those_that_stand_alike_the_silent_come_first() {
        let fleet = [(1, 0), (2, -20_000), (3, -6_000)].into_iter().fold(Fleet::default(), |fleet, (account, at)| {
            taken(fleet, report(account, "a", 1, "in-sync", &[]), second(at)).0
        });
        let page = page(&fleet, 0);
        let rows: Vec<_> =
            page.accounts.iter().map(|row| (&row.account.as_str()[..1], row.freshness.as_str())).collect();
        assert_eq!(rows, [("2", "silent"), ("3", "late"), ("1", "fresh")]);
        assert_eq!((page.compliance.accounts_good, page.not_ready), (2, None));
    }

    #[test]
    fn neither_a_fast_clock_nor_a_late_reader_makes_an_account_look_fresher() {
        let spoke = report(1, "a", 1, "in-sync", &[]).time;
        for (received, seen) in [(second(-30), second(-30)), (second(7200), spoke)] {
            let (fleet, _) = taken(Fleet::default(), report(1, "a", 1, "in-sync", &[]), received);
            assert_eq!(page(&fleet, 7200).accounts[0].seen, seen);
        }
    }

    #[test]
    fn what_was_refused_is_shown_oldest_first() {
        let fleet = [(3, "late"), (1, "early"), (2, "between")]
            .iter()
            .fold(Fleet::default(), |fleet, (at, why)| refuse(fleet, why.as_bytes(), why.to_string(), second(*at)));
        let reasons: Vec<_> = page(&fleet, 0).quarantine.into_iter().map(|refused| refused.reason).collect();
        assert_eq!(reasons, vec!["early", "between", "late"]);
    }
}
