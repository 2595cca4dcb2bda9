//! When an account is ready, and what whoever waits is told.

use crate::table::{World, at, fingerprint, key, word};
use jiff::SignedDuration;
use manifests::report::{Report, Signature, Source};
use plan::{
    memory::{Failed, Told},
    ready::{Ready, Stage, Status, Turn, Waiting, after},
    tell::{self, said, tell},
};
use std::collections::BTreeMap;

const NET: &str = "net@1 CREATE_COMPLETE ours";
const COMMIT: &str = "1111111111111111111111111111111111111111";

/// One turn of an agent of this version.
struct Case {
    world: World,
    source: Source,
    heard: bool,
    version: &'static str,
    waiting: Option<&'static str>,
    second: i64,
}

impl Case {
    /// An account in which this is found, and `net@1` is wanted.
    fn of(found: &str) -> Self {
        let revision = Some(format!("main@sha1:{COMMIT}"));
        let source = Source {
            repository: "https://git.example.org/fleet".into(),
            branch: "main".into(),
            applied: revision.clone(),
            attempted: revision,
            answered: Some(at(0)),
            signature: Signature::NotChecked,
            signer: None,
            distrust: None,
            trouble: None,
        };
        let mut world = World::of("net@1", found);
        world.memory.applied = Some(word(COMMIT));
        Self { world, source, heard: true, version: "1.0.0", waiting: Some("one"), second: 0 }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn report(&self) -> Report {
        tell(&tell::Turn {
            account: &self.world.account,
            version: self.version,
            source: &self.source,
            plan: &self.world.plan(),
            unreadable: &self.world.found.unreadable,
            drift: &BTreeMap::new(),
            provides: &BTreeMap::new(),
            problems: &self.world.repository.problems,
            orders: &self.world.orders,
            closed: self.world.closed.as_deref(),
            memory: &self.world.memory,
            calls: &BTreeMap::new(),
            next: None,
            digest: None,
            update: None,
        })
    }

    /// What is said after it.
    fn after(mut self, known: Option<&Ready>) -> Ready {
        let (report, plan) = (self.report(), self.world.plan());
        self.world.memory.told = self.heard.then(|| Told { at: at(0), said: said(&report) });
        let waiting = self.waiting.map(|name| Waiting { name, within: SignedDuration::from_hours(1) });
        let (memory, version, now) = (&self.world.memory, self.version, at(self.second));
        after(known, &Turn { report: &report, plan: &plan, memory, waiting, version, now })
    }
}

/// A stack that has failed for good, or will be tried again at its time.
fn failed(case: &mut Case, attempts: u32) {
    case.source.applied = None;
    let failed = Failed { fingerprint: fingerprint("net@1"), attempts, at: at(0), why: "no".into(), refused: false };
    case.world.memory.change(&key("net"), |known| known.failed = Some(failed));
}

fn status(ready: &Ready) -> Option<Status> {
    ready.signal().map(|signal| signal.status)
}

#[track_caller]
fn check(case: Case, state: Stage, told: Option<Status>) -> Ready {
    let ready = case.after(None);
    assert_eq!((ready.state, status(&ready)), (state, told), "{ready:?}");
    ready
}

#[test]
fn a_turn_is_good_when_all_is_as_the_commit_says_and_the_hub_has_heard_it() {
    let ready = check(Case::of(NET), Stage::Ready, Some(Status::Success));
    assert_eq!(ready.signal().map(|signal| signal.data), Some(COMMIT.to_owned()));
    check(Case::of(NET).with(|case| case.heard = false), Stage::Waiting, None);
    check(Case::of(NET).with(|case| case.source.trouble = Some("no".into())), Stage::Waiting, None);
    check(Case::of(NET).with(|case| case.source.applied = None), Stage::Waiting, None);
    check(Case::of(NET).with(|case| case.source.attempted = Some("main@sha1:2".into())), Stage::Waiting, None);
    check(Case::of("net@1 UPDATE_IN_PROGRESS ours"), Stage::Waiting, None);
    check(Case::of("").with(|case| case.source.applied = None), Stage::Waiting, None);
}

#[test]
fn who_waits_for_nobody_is_ready_all_the_same() {
    let ready = check(Case::of(NET).with(|case| case.waiting = None), Stage::Ready, None);
    assert!(ready.is_over("1.0.0", None) && !ready.is_over("1.0.0", Some("one")) && !ready.is_over("2.0.0", None));
}

#[test]
fn what_needs_a_person_is_told_at_once_and_what_ends_by_itself_is_not() {
    check(
        Case::of("net@x CREATE_COMPLETE theirs").with(|case| case.source.applied = None),
        Stage::Failed,
        Some(Status::Failure),
    );
    check(Case::of("").with(|case| failed(case, 9)), Stage::Failed, Some(Status::Failure));
    check(Case::of("").with(|case| failed(case, 1)), Stage::Waiting, None);
    // The hub hears of it first.
    let unheard = |case: &mut Case| {
        failed(case, 9);
        case.heard = false;
    };
    check(Case::of("").with(unheard), Stage::Waiting, None);
}

#[test]
fn what_is_in_the_way_when_most_of_the_time_is_over_is_told_with_its_reason() {
    let stuck =
        |second| move |case: &mut Case| (case.source.trouble, case.second) = (Some("no such branch".into()), second);
    let first = Case::of(NET).with(stuck(0)).after(None);
    let later = |second| Case::of(NET).with(stuck(second)).after(Some(&first));
    assert_eq!(later(2_699).state, Stage::Waiting);
    let failed = later(2_700);
    let reason = failed.signal().map(|signal| signal.reason).unwrap_or_default();
    assert!(status(&failed) == Some(Status::Failure) && reason.contains("no such branch"), "{reason}");
    let deaf = |case: &mut Case| (case.heard, case.second) = (false, 2_700);
    let deaf = Case::of(NET).with(deaf).after(Some(&first));
    assert!(deaf.why.clone().unwrap_or_default().contains("hub could not be told"), "{deaf:?}");
}

#[test]
fn who_was_told_is_not_told_again_whatever_comes_later() {
    let ready = Case::of(NET).after(None).told(Status::Success, at(1), None);
    let worse = Case::of("").with(|case| failed(case, 9)).after(Some(&ready));
    assert_eq!((&worse, status(&worse)), (&ready, None), "it was ready once");
    let failed = Case::of("").with(|case| failed(case, 9)).after(None).told(Status::Failure, at(1), None);
    let better = Case::of(NET).after(Some(&failed));
    assert_eq!((better.state, status(&better)), (Stage::Ready, None));
    assert!(better.is_over("1.0.0", Some("one")));
}

#[test]
fn whoever_waits_now_is_another_one_and_waits_for_a_turn_of_now() {
    let old = Case::of(NET).after(None).told(Status::Success, at(1), None);
    let another = |case: &mut Case| (case.waiting, case.source.applied) = (Some("two"), None);
    let new = Case::of(NET).with(another).after(Some(&old));
    assert_eq!((new.state, status(&new)), (Stage::Waiting, None));
    let now = Case::of(NET).with(|case| case.waiting = Some("two")).after(Some(&old));
    assert_eq!((now.state, status(&now)), (Stage::Ready, Some(Status::Success)));
}

#[test]
fn another_version_says_when_it_has_proved_itself_and_signals_nothing() {
    let old = Case::of(NET).after(None).told(Status::Success, at(1), None);
    let bad = |case: &mut Case| (case.version, case.source.trouble) = ("2.0.0", Some("no".into()));
    assert_eq!(Case::of(NET).with(bad).after(Some(&old)), old);
    let new = Case::of(NET).with(|case| case.version = "2.0.0").after(Some(&old));
    assert_eq!((new.version.as_str(), status(&new)), ("2.0.0", None));
}
