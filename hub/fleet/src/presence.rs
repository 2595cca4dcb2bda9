//! Who should speak, and whether they do: an account that is not there is no account that is in sync.
//!
//! Freshness is an axis of its own: what a silent account said last stays what it said. Deliberately not here: who is
//! expected, and who is suspended: the repository, and an organization, say so.

use crate::{
    fold::{Account, Fleet},
    page::View,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    fleet,
    id::AccountId,
    report::{Report, State},
    stack::Location,
};
use serde::Serialize;

/// How long ago an account last gave a sign of life, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Freshness {
    /// As it should be.
    Fresh,
    /// It should have spoken by now.
    Late,
    /// It has stopped.
    Silent,
}

impl Freshness {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Late => "late",
            Self::Silent => "silent",
        }
    }
}

/// After how long an account is late, and silent. Agents speak when something changes, and once in their heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Longer without a sign of life is late.
    pub late: SignedDuration,
    /// Longer is silent.
    pub silent: SignedDuration,
}

impl Default for Patience {
    /// Of agents whose heartbeat is an hour.
    fn default() -> Self {
        Self { late: SignedDuration::from_mins(90), silent: SignedDuration::from_hours(4) }
    }
}

impl Patience {
    /// How fresh an account is that was last seen then. What lies in the future is fresh: its clock may be ahead.
    pub fn judge(self, seen: Timestamp, now: Timestamp) -> Freshness {
        match now.duration_since(seen) {
            quiet if quiet > self.silent => Freshness::Silent,
            quiet if quiet > self.late => Freshness::Late,
            _ => Freshness::Fresh,
        }
    }
}

/// How an account stands to the list of those who should speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listed {
    /// It should speak; or nobody has said who should.
    Expected,
    /// It is on no list.
    Unexpected,
    /// Its organization says that it can't do anything.
    Suspended,
}

/// When an account last gave a sign of life: its newest report's own time, or the hub's time of receipt if that is earlier. An
/// account whose clock is fast can't make itself look fresher, nor can a queue that was read late.
pub fn seen(account: &Account) -> Timestamp {
    account.standing.time.min(account.standing.received)
}

/// When something happened that a report tells of with this time: never later than it was received, and not longer ago than a
/// message can have been on its way (SQS keeps it for 14 days). A sender's clock, or a liar, can't move what is told of everybody.
pub fn happened(told: Timestamp, received: Timestamp) -> Timestamp {
    const ON_ITS_WAY: SignedDuration = SignedDuration::from_hours(14 * 24);
    told.min(received).max(received.checked_sub(ON_ITS_WAY).unwrap_or(Timestamp::MIN))
}

/// An account that should have spoken and never did: not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotReady {
    /// Its id.
    pub account: AccountId,
    /// What the fleet file calls it.
    pub name: Option<String>,
}

/// Who should speak: everybody on the list, and everybody of an organization, but for those who can't do anything. What the list says of
/// one, labels above all, an organization does not know.
pub fn together(
    mut listed: fleet::Fleet,
    active: BTreeMap<AccountId, Option<String>>,
    suspended: &BTreeSet<AccountId>,
) -> fleet::Fleet {
    listed.accounts.retain(|id, _| !suspended.contains(id));
    for (id, name) in active {
        let at = || Location { file: "organization".parse().expect("a plain name is a path"), line: 1 };
        let one = || fleet::Account { id: id.clone(), name, labels: BTreeMap::new(), at: at() };
        listed.accounts.entry(id.clone()).or_insert_with(one);
    }
    listed
}

/// The expected accounts that never spoke, by id.
pub fn not_ready(fleet: &Fleet, expected: &fleet::Fleet) -> Vec<NotReady> {
    let silent = expected.accounts.iter().filter(|(id, _)| !fleet.accounts.contains_key(*id));
    silent.map(|(id, account)| NotReady { account: id.clone(), name: account.name.clone() }).collect()
}

/// Shares of what is expected, each with its denominator: a share without one can be made to look like anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compliance {
    /// Accounts that are expected; without a list of them, those that spoke.
    pub accounts: u64,
    /// Of those, the ones in sync in every stack, that are not silent.
    pub accounts_good: u64,
    /// Stacks of those that spoke.
    pub stacks: u64,
    /// Of those, the ones in sync, or healed, in an account that is not silent.
    pub stacks_good: u64,
    /// Resources of the stacks that are looked at for drift.
    pub resources: u64,
    /// Of those, the ones that drift detection could compare.
    pub compared: u64,
}

/// More stacks than accounts have (2,000 in a region), and more resources than a stack may have: whoever says so must not make
/// everybody else's share look small, or large.
const MOST: u64 = 2_500;
const RESOURCES: u32 = 500;

/// What one account brings to the shares, as long as it is not silent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Whether it is in sync in every stack.
    pub good: bool,
    /// Its stacks.
    pub stacks: u64,
    /// Of those, the ones in sync, or healed.
    pub stacks_good: u64,
    /// Resources of the stacks that are looked at for drift.
    pub resources: u64,
    /// Of those, the ones that drift detection could compare.
    pub compared: u64,
}

impl Share {
    /// What this report says of its account.
    pub fn of(report: &Report) -> Self {
        let good = |state: State| matches!(state, State::InSync | State::Healed);
        let shown = report.stacks.iter().filter(|stack| good(stack.state)).count() as u64;
        // A report that would not fit leaves out stacks in sync, and says how many there are.
        let listed = report.stacks.len() as u64;
        let stacks = report.stacks_total.min(MOST).max(listed);
        let stacks_good = shown + (stacks - listed);
        let drifts = || report.stacks.iter().filter_map(|stack| stack.drift.as_ref());
        Self {
            good: good(report.state) && stacks_good == stacks,
            stacks,
            stacks_good,
            resources: drifts().map(|drift| u64::from(drift.resources.min(RESOURCES))).sum(),
            compared: drifts().map(|drift| u64::from(drift.compared.min(drift.resources).min(RESOURCES))).sum(),
        }
    }
}

impl Compliance {
    /// Adds an account that spoke. One that is silent has stacks, and none of them is known to be good.
    pub fn add(&mut self, share: &Share, speaks: bool) {
        self.accounts += 1;
        self.accounts_good += u64::from(speaks && share.good);
        self.stacks += share.stacks;
        self.stacks_good += if speaks { share.stacks_good } else { 0 };
        self.resources += share.resources;
        self.compared += share.compared;
    }
}

/// The shares of this fleet.
pub fn compliance(fleet: &Fleet, view: &View<'_>) -> Compliance {
    let mut sum = Compliance::default();
    for (_, account) in fleet.accounts.iter().filter(|(id, _)| view.listed(id) == Listed::Expected) {
        let speaks = view.patience.judge(seen(account), view.now) != Freshness::Silent;
        sum.add(&Share::of(&account.newest.data), speaks);
    }
    sum.accounts += view.expected.map_or(0, |expected| not_ready(fleet, expected).len() as u64);
    sum
}

/// How many accounts are how fresh.
pub fn count(all: impl Iterator<Item = Freshness>) -> BTreeMap<Freshness, u64> {
    all.fold(BTreeMap::new(), |mut counts, freshness| {
        *counts.entry(freshness).or_default() += 1;
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::tests::{report, second, taken};
    use alloc::{format, string::ToString, vec};

    fn id(n: u8) -> AccountId {
        format!("{n}").repeat(12).parse().unwrap()
    }

    fn expected(all: &[u8]) -> fleet::Fleet {
        let at = || Location { file: "fleet.yaml".parse().unwrap(), line: 1 };
        let account = |n: &u8| {
            let account = fleet::Account { id: id(*n), name: Some(format!("a{n}")), labels: BTreeMap::new(), at: at() };
            (id(*n), account)
        };
        fleet::Fleet { accounts: all.iter().map(account).collect(), agent: None }
    }

    fn view<'v>(expected: Option<&'v fleet::Fleet>, suspended: &'v BTreeSet<AccountId>, at: i64) -> View<'v> {
        View { expected, suspended, patience: Patience::default(), now: second(at) }
    }

    /// A fleet of accounts, each by its number, its state and those of its stacks, all seen at second 0.
    fn heard(all: &[(u8, &str, &[&str])]) -> Fleet {
        all.iter().fold(Fleet::default(), |fleet, (n, state, stacks)| {
            taken(fleet, report(*n, "a", 1, state, stacks), second(0)).0
        })
    }

    #[test]
    fn an_account_is_late_and_then_silent() {
        let patience = Patience::default();
        for (minutes, expect) in
            [(-5, "fresh"), (0, "fresh"), (90, "fresh"), (91, "late"), (240, "late"), (241, "silent")]
        {
            assert_eq!(patience.judge(second(0), second(minutes * 60)).as_str(), expect, "{minutes}");
        }
    }

    #[test]
    fn whoever_should_have_spoken_and_never_did_is_not_ready() {
        let fleet = heard(&[(1, "in-sync", &[]), (4, "in-sync", &[])]);
        let names: Vec<String> =
            not_ready(&fleet, &expected(&[1, 2, 3])).iter().map(|one| one.account.to_string()).collect();
        assert_eq!(names, [id(2).to_string(), id(3).to_string()]);
    }

    #[test]
    fn shares_are_of_what_is_expected_and_count_nobody_as_good_who_is_silent() {
        let fleet = heard(&[
            (1, "in-sync", &["in-sync", "healed"]),
            (2, "drifted", &["in-sync", "drifted"]),
            (4, "in-sync", &["in-sync"]),
        ]);
        let nobody = BTreeSet::new();
        let all = |expected: Option<&fleet::Fleet>, minutes: i64| {
            let sum = compliance(&fleet, &view(expected, &nobody, minutes * 60));
            vec![sum.accounts_good, sum.accounts, sum.stacks_good, sum.stacks]
        };
        assert_eq!(all(None, 0), [2, 3, 4, 5]);
        assert_eq!(all(Some(&expected(&[1, 2, 3])), 0), [1, 3, 3, 4], "4 is nobody's, and 3 is not there");
        assert_eq!(all(Some(&expected(&[1, 2, 3])), 300), [0, 3, 0, 4]);
        assert_eq!(all(Some(&expected(&[])), 0), [0, 0, 0, 0]);
    }

    #[test]
    fn an_organization_adds_who_is_missing_and_takes_out_who_is_suspended() {
        let active = [(id(1), Some("one".to_string())), (id(2), None)].into();
        let both = together(expected(&[1, 3]), active, &[id(3), id(4)].into());
        let names: Vec<_> = both.accounts.values().map(|one| (one.id.clone(), one.name.as_deref())).collect();
        assert_eq!(names, [(id(1), Some("a1")), (id(2), None)]);
    }

    #[test]
    fn whoever_is_suspended_is_neither_missing_nor_unexpected_and_in_no_sum() {
        let fleet = heard(&[(1, "in-sync", &["in-sync"]), (2, "failed", &["failed"]), (4, "in-sync", &[])]);
        let (expected, suspended) = (expected(&[1]), BTreeSet::from([id(2), id(3)]));
        let view = view(Some(&expected), &suspended, 0);
        let listed = [1, 2, 3, 4].map(|n| view.listed(&id(n)));
        assert_eq!(listed, [Listed::Expected, Listed::Suspended, Listed::Suspended, Listed::Unexpected]);
        let sum = compliance(&fleet, &view);
        assert_eq!((sum.accounts_good, sum.accounts, sum.stacks), (1, 1, 1));
    }

    #[test]
    fn a_stack_that_a_report_left_out_is_in_sync_and_an_account_that_says_otherwise_is_not_good() {
        let mut event = report(1, "a", 1, "held", &["in-sync"]);
        event.data.stacks_total = 7;
        let (fleet, _) = taken(Fleet::default(), event, second(0));
        let nobody = BTreeSet::new();
        let sum = compliance(&fleet, &view(None, &nobody, 0));
        assert_eq!((sum.stacks_good, sum.stacks, sum.accounts_good), (7, 7, 0));
        let liars = (1..4).fold(fleet, |fleet, n| {
            let mut event = report(n, "b", 1, "in-sync", &[]);
            event.data.stacks_total = u64::MAX;
            taken(fleet, event, second(0)).0
        });
        assert_eq!(compliance(&liars, &view(None, &nobody, 0)).stacks, 3 * MOST);
    }
}
