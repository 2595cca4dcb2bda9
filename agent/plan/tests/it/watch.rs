//! What became of what was started.

use crate::table::{World, at, fingerprint, found, key};
use jiff::{SignedDuration, Timestamp};
use plan::{
    facts::{FailedEvent, Found},
    memory::{Failed, Known, Memory, Pending, Started, WasHeld, generation},
    quote::quote,
    watch::{End, Ended, UNSEEN, ended, orphaned, root_cause, settle},
};

/// Something started at second 100 on a stack that was then as `before` says (`""`: not there).
fn pending(act: Started, before: &str) -> Pending {
    let asks = matches!(act, Started::Create | Started::Update);
    Pending {
        act,
        fingerprint: asks.then(|| fingerprint("app@2")),
        generation: (!before.is_empty()).then(|| generation(&found(before).1)),
        token: "t".into(),
        since: at(100),
        attempt: 1,
        commit: None,
        allowed: vec![],
    }
}

/// How that stands when it is looked at so many seconds later and found like this, in one word.
fn end(act: Started, before: &str, after: &str, seconds: i64) -> &'static str {
    let mut memory = Memory::new("e1".into());
    memory.change(&key("app"), |known| known.pending = Some(pending(act, before)));
    let mut world = World::of("app@2", after);
    if after != before
        && let Some(stack) = world.found.stacks.get_mut(&key("app"))
    {
        stack.updated = Some(at(101));
    }
    let mut all = ended(&memory, &world.found, at(100) + SignedDuration::from_secs(seconds));
    assert!(all.len() <= 1);
    match all.pop().map(|ended| ended.end) {
        None => "goes on",
        Some(End::Never) => "never began",
        Some(End::Done { orphans: Some(_), .. }) => "done, and left something",
        Some(End::Done { settled: None, .. }) => "done",
        Some(End::Done { settled: Some(_), .. }) => "done, unnamed",
        Some(End::Failed { .. }) => "failed",
    }
}

const OLD: &str = "app@1 CREATE_COMPLETE ours";
const HALF: &str = "app@- DELETE_FAILED ours";
const STUCK: &str = "app@2 UPDATE_ROLLBACK_FAILED ours";
const DEAD: &str = "app@- ROLLBACK_COMPLETE ours";

/// What was started; what was there; what is found; how that is taken at once, and after the grace.
#[test]
fn every_end_of_every_start() {
    let table = [
        (Started::Create, "", "", "goes on", "never began"),
        (Started::Create, "", "app@- DELETE_COMPLETE ours", "goes on", "never began"),
        (Started::Create, "", "app@- REVIEW_IN_PROGRESS ours", "goes on", "never began"),
        (Started::Create, "", "app@- CREATE_IN_PROGRESS ours", "goes on", "goes on"),
        (Started::Create, "", "app@- ROLLBACK_IN_PROGRESS ours", "goes on", "goes on"),
        (Started::Create, "", "app@2 CREATE_COMPLETE ours", "done", "done"),
        (Started::Create, "", "app@- CREATE_COMPLETE ours", "done, unnamed", "done, unnamed"),
        (Started::Create, "", "app@- ROLLBACK_COMPLETE ours", "failed", "failed"),
        (Started::Create, "", "app@- ROLLBACK_FAILED ours", "failed", "failed"),
        (Started::Create, "", "app@- NEW_WORD ours", "goes on", "goes on"),
        (Started::Update, OLD, OLD, "goes on", "never began"),
        (Started::Update, OLD, "", "goes on", "never began"),
        (Started::Update, OLD, "app@2 UPDATE_IN_PROGRESS ours", "goes on", "goes on"),
        (Started::Update, OLD, "app@2 UPDATE_COMPLETE_CLEANUP_IN_PROGRESS ours", "goes on", "goes on"),
        (Started::Update, OLD, "app@2 UPDATE_COMPLETE ours", "done", "done"),
        (Started::Update, OLD, "app@- UPDATE_COMPLETE ours", "done, unnamed", "done, unnamed"),
        (Started::Update, OLD, "app@x UPDATE_COMPLETE ours", "done", "done"),
        (Started::Update, OLD, "app@1 UPDATE_ROLLBACK_COMPLETE ours", "failed", "failed"),
        (Started::Update, OLD, "app@2 UPDATE_ROLLBACK_FAILED ours", "failed", "failed"),
        (Started::Heal, OLD, OLD, "goes on", "never began"),
        (Started::Heal, OLD, "", "goes on", "never began"),
        (Started::Heal, OLD, "app@1 UPDATE_IN_PROGRESS ours", "goes on", "goes on"),
        (Started::Heal, OLD, "app@1 UPDATE_COMPLETE ours", "never began", "never began"),
        (Started::Heal, OLD, "app@x UPDATE_COMPLETE ours", "never began", "never began"),
        (Started::Heal, OLD, "app@- UPDATE_COMPLETE ours", "never began", "never began"),
        (Started::Heal, OLD, "app@1 UPDATE_ROLLBACK_COMPLETE ours", "failed", "failed"),
        (Started::Heal, OLD, "app@1 UPDATE_ROLLBACK_FAILED ours", "failed", "failed"),
        (Started::Clear, DEAD, DEAD, "goes on", "never began"),
        (Started::Clear, DEAD, "app@- DELETE_IN_PROGRESS ours", "goes on", "goes on"),
        (Started::Clear, DEAD, "", "done", "done"),
        (Started::Clear, DEAD, "app@- DELETE_COMPLETE ours", "done", "done"),
        (Started::Clear, DEAD, "app@- DELETE_FAILED ours", "failed", "failed"),
        (Started::Clear, HALF, HALF, "goes on", "failed"),
        (Started::Clear, HALF, "", "done", "done"),
        (Started::Continue, STUCK, STUCK, "goes on", "failed"),
        (Started::Continue, STUCK, "app@2 UPDATE_ROLLBACK_IN_PROGRESS ours", "goes on", "goes on"),
        (Started::Continue, STUCK, "app@2 UPDATE_ROLLBACK_COMPLETE ours", "done", "done"),
        (Started::Continue, STUCK, "", "goes on", "never began"),
        (Started::RollBack, "app@2 UPDATE_FAILED ours", "app@2 UPDATE_ROLLBACK_COMPLETE ours", "done", "done"),
        (Started::RollBack, "app@2 UPDATE_FAILED ours", "app@2 UPDATE_ROLLBACK_FAILED ours", "failed", "failed"),
        (Started::RollBack, "app@- CREATE_FAILED ours", "", "done", "done"),
        (Started::RollBack, "app@- CREATE_FAILED ours", "app@- DELETE_FAILED ours", "failed", "failed"),
        (Started::Remove, HALF, HALF, "goes on", "failed"),
        (Started::Remove, OLD, OLD, "goes on", "never began"),
        (Started::Remove, OLD, "app@1 DELETE_IN_PROGRESS ours", "goes on", "goes on"),
        (Started::Remove, OLD, "", "done", "done"),
        (Started::Remove, OLD, "app@1 DELETE_FAILED ours", "failed", "failed"),
        (Started::Remove, OLD, "app@2 UPDATE_COMPLETE ours", "goes on", "never began"),
    ];
    let grace = UNSEEN.as_secs();
    for (act, before, after, soon, later) in table {
        let got = (end(act, before, after, grace), end(act, before, after, grace + 1));
        assert_eq!(got, (soon, later), "{act:?}: {before:?} → {after:?}");
    }
}

#[test]
fn a_stack_that_somebody_changed_right_after_us_is_not_remembered_as_ours() {
    // Its change set is another's: the next plan has to see that, so nothing is remembered that would hide it.
    let mut world = World::of("app@2", "app@x UPDATE_COMPLETE ours");
    world.memory.change(&key("app"), |known| known.pending = Some(pending(Started::Update, OLD)));
    let ended = ended(&world.memory, &world.found, world.now);
    settle(&mut world.memory, &ended[0], None, at(200));
    world.reads("update app");
}

/// A heal asked nothing: what the stack was it is still, and what a failure of it leaves is no failure of the request.
#[test]
fn after_a_heal_a_stack_is_what_it_was_unless_somebody_changed_it_since() {
    let after = |there: &str, change_set: Option<&str>| {
        let mut world = World::of("app@1", there);
        let app = world.found.stacks.get_mut(&key("app")).expect("it is there");
        app.change_set = change_set.map(Into::into).or(app.change_set.take());
        app.updated = Some(at(101));
        let known = Pending { fingerprint: Some(fingerprint("app@1")), ..pending(Started::Heal, OLD) };
        world.memory.change(&key("app"), |it| it.pending = Some(known));
        let all = ended(&world.memory, &world.found, world.now);
        settle(&mut world.memory, &all[0], None, at(200));
        assert!(world.memory.of(&key("app")).is_none(), "nothing is left to remember");
        world
    };
    let case = plan::asked::Fingerprint::of(b"case");
    after(OLD, Some(&fingerprint("app@1").heal(case))).reads("app: in sync");
    after(OLD, Some(&format!("holdfast-heal-{case}"))).reads("app: in sync");
    after("app@x UPDATE_COMPLETE ours", None).reads("update app");
    after("app@1 UPDATE_ROLLBACK_COMPLETE ours", None).reads("update app");
}

#[test]
fn a_stack_that_names_no_change_set_is_remembered_until_somebody_touches_it() {
    let mut world = World::of("app@2", "app@- UPDATE_COMPLETE ours");
    world.memory.change(&key("app"), |known| known.pending = Some(pending(Started::Update, OLD)));
    let ended = ended(&world.memory, &world.found, world.now);
    settle(&mut world.memory, &ended[0], None, at(200));
    world.reads("app: in sync");
}

#[test]
fn an_incomplete_listing_ends_nothing() {
    let mut memory = Memory::new("e1".into());
    memory.change(&key("app"), |known| known.pending = Some(pending(Started::Remove, OLD)));
    assert_eq!(ended(&memory, &Found::default(), at(1_000_000)), []);
}

/// What is remembered of `app` when what was started on it ended like that, and the whole memory.
fn after(known: &Known, act: Started, end: End, why: Option<&str>) -> (Known, Memory) {
    let mut memory = Memory::new("e1".into());
    memory.change(&key("app"), |is| *is = Known { pending: Some(pending(act, OLD)), ..known.clone() });
    let ended = Ended { key: key("app"), pending: Pending { attempt: 2, ..pending(act, OLD) }, end, stack_id: None };
    settle(&mut memory, &ended, why.map(Into::into), at(200));
    let known = memory.of(&key("app")).cloned().unwrap_or_default();
    assert_eq!(known.pending, None, "whatever ended is no longer under way");
    (known, memory)
}

fn failed() -> End {
    End::Failed { status: "UPDATE_ROLLBACK_COMPLETE".into(), reason: Some("Resource\nfailed.".into()), stack_id: None }
}

fn failure(attempts: u32, when: Timestamp, why: &str) -> Failed {
    Failed { fingerprint: fingerprint("app@2"), attempts, at: when, why: why.into(), refused: false }
}

#[test]
fn what_worked_wipes_out_what_did_not() {
    let held = Some(WasHeld {
        case: fingerprint("app@2"),
        why: "w".into(),
        plan: "p".into(),
        leave: plan::orders::Leave::None,
    });
    let known = Known { failed: Some(failure(1, at(1), "no")), held, ..Known::default() };
    let done = |settled| after(&known, Started::Update, End::Done { settled, orphans: None }, None).1;
    assert_eq!(done(None), Memory::new("e1".into()));
    let (request, generation) = (fingerprint("app@2"), fingerprint("app@9"));
    let memory = done(Some(generation));
    assert_eq!(memory.of(&key("app")), None);
    assert!(memory.is_settled(&key("app"), request, generation));
    assert!(!memory.is_settled(&key("web"), request, generation), "nor is any other stack");
    assert!(!memory.is_settled(&key("app/eu-west-1"), request, generation), "nor the same name elsewhere");
    assert!(!memory.is_settled(&key("app"), fingerprint("app@1"), generation), "nor for another request");
    assert!(!memory.is_settled(&key("app"), request, fingerprint("app@8")), "nor when somebody touched it");
}

#[test]
fn a_failure_is_remembered_with_its_attempt_and_its_cause() {
    let (known, memory) = after(&Known::default(), Started::Update, failed(), Some("because"));
    assert_eq!(known.failed, Some(failure(2, at(200), "because")));
    assert_eq!(memory.settled, [], "what failed is not settled");
    let (known, _) = after(&Known::default(), Started::Update, failed(), None);
    assert_eq!(
        known.failed,
        Some(failure(2, at(200), "UPDATE_ROLLBACK_COMPLETE: Resource failed")),
        "never an empty why"
    );
}

#[test]
fn clearing_away_forgets_no_attempt() {
    let known = Known { failed: Some(failure(1, at(1), "no")), ..Known::default() };
    for end in [End::Done { settled: None, orphans: None }, failed(), End::Never] {
        assert_eq!(after(&known, Started::Clear, end, None).0.failed, known.failed);
    }
    assert_eq!(after(&known, Started::Update, End::Never, None).0, known);
}

fn event(logical: &str, reason: &str) -> FailedEvent {
    FailedEvent {
        at: at(0),
        logical: logical.into(),
        kind: "AWS::SNS::Topic".into(),
        reason: reason.into(),
        path: None,
    }
}

#[test]
fn the_cause_is_the_first_failure_that_is_not_an_effect() {
    let cancelled = event("Other", "Resource creation cancelled");
    let summed = event("app", "The following resource(s) failed to create: [Topic]. Rollback requested by user.");
    let topic = event("Topic", "Invalid parameter: Topic Name.");
    let later = event("Queue", "Access denied");
    assert_eq!(
        root_cause("ROLLBACK_COMPLETE", None, &[cancelled.clone(), summed.clone(), topic, later]),
        "ROLLBACK_COMPLETE: Topic (AWS::SNS::Topic): Invalid parameter: Topic Name"
    );
    assert_eq!(
        root_cause("ROLLBACK_COMPLETE", Some("ignored"), &[cancelled, summed]),
        "ROLLBACK_COMPLETE: Other (AWS::SNS::Topic): Resource creation cancelled"
    );
    assert_eq!(root_cause("DELETE_FAILED", Some("No.\n"), &[]), "DELETE_FAILED: No");
    assert_eq!(root_cause("DELETE_FAILED", None, &[]), "DELETE_FAILED, and CloudFormation says nothing about why");
}

#[test]
fn other_peoples_words_stay_on_one_line_and_are_cut() {
    assert_eq!(quote("  a\nb\tc\u{1b}[31m\u{0}. "), "a b c [31m");
    assert_eq!(quote("a\u{2028}b\u{202e}c\u{2066}d"), "a b c d", "nor do they turn the line round");
    assert_eq!(quote("done..."), "done");
    assert_eq!(quote(&"é".repeat(300)), "é".repeat(300));
    assert_eq!(quote(&"é".repeat(301)), format!("{}…", "é".repeat(300)));
    assert_eq!(quote(""), "");
}

#[test]
fn what_an_update_could_not_delete_is_told_once_by_name() {
    let mut world = World::of("app@2", "app@2 UPDATE_COMPLETE ours");
    let stack = world.found.stacks.get_mut(&key("app")).expect("it is there");
    stack.reason = Some("Update successful. One or more resources could not be deleted.".into());
    let id = stack.id.clone();
    world.memory.change(&key("app"), |known| known.pending = Some(pending(Started::Update, OLD)));
    let all = ended(&world.memory, &world.found, world.now);
    let End::Done { orphans: Some((reason, of)), .. } = &all[0].end else { panic!("{all:?}") };
    assert_eq!(*of, id);
    let tries = [event("Topic", "it is busy"), event("Topic", "it is busy"), event("Queue", "it is not empty.")];
    assert_eq!(
        orphaned(reason, &tries),
        "left behind what it could not delete, which no stack knows any more and only a person can remove: Topic \
         (AWS::SNS::Topic): it is busy; Queue (AWS::SNS::Topic): it is not empty"
    );
    assert!(orphaned(reason, &[]).ends_with("One or more resources could not be deleted"));
    settle(&mut world.memory, &all[0], None, at(200));
    assert_eq!(ended(&world.memory, &world.found, world.now), [], "and then never again");
}
