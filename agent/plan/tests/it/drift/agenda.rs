//! Which stacks are looked at, and in which order.

use super::drifts;
use crate::table::{World, at, key};
use jiff::SignedDuration;
use manifests::drift::Mode;
use plan::{
    asked::Fingerprint,
    drift::{
        agenda::{due, lookable},
        remembered::{Coverage, Drifts, Running},
    },
    memory::Started,
};

/// The looks that are due, in order; `!` before a first one.
fn looks(world: &World, drifts: &Drifts) -> String {
    let selected = world.selected();
    let all = due(&world.facts(&selected), drifts);
    let one = |due: &plan::drift::agenda::Due| {
        format!("{}{}", if due.first.is_some() { "!" } else { "" }, due.place.key.stack)
    };
    all.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// All of these were looked at so many seconds after the beginning of time.
fn looked(stacks: &[&str], seconds: i64) -> Drifts {
    let mut drifts = Drifts::default();
    stacks.iter().for_each(|stack| drifts.look(&key(stack), at(seconds), &Coverage::default()));
    drifts
}

fn can(world: &World) -> bool {
    let selected = world.selected();
    lookable(&world.facts(&selected), &key("app")).is_some()
}

#[test]
fn stacks_at_rest_that_are_ours_and_wanted_are_looked_at() {
    for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"] {
        assert!(can(&World::of("app@1", &format!("app@1 {status} ours"))), "{status}");
        assert!(!can(&World::of("app@1", &format!("app@1 {status} theirs"))), "{status}");
        assert!(!can(&World::of("app@1", &format!("app@1 {status} ours nested"))), "{status}");
        assert!(!can(&World::of("", &format!("app@1 {status} ours"))), "{status}");
    }
    for status in ["UPDATE_IN_PROGRESS", "IMPORT_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_FAILED", "NEW_WORD"] {
        assert!(!can(&World::of("app@1", &format!("app@1 {status} ours"))), "{status}");
    }
    assert!(!can(&World::of("app@1", "")));
    let there = World::of("app@1", "app@1 CREATE_COMPLETE ours");
    assert!(!can(&there.clone().pending("app", Started::Update, 5)));
    assert!(!can(&there.clone().with("app", |stack| stack.drift.mode = Mode::Off)));
    let mut off = there;
    off.policy.guardrails.drift.most = Mode::Off;
    assert!(!can(&off));
    off.policy.guardrails.drift.most = Mode::Warn;
    off.memory.own(&key("app"), "arn:aws:cloudformation:eu-central-1:111122223333:stack/app/2");
    assert!(!can(&off), "somebody made it anew");
}

#[test]
fn first_looks_come_first_and_then_what_was_due_longest_ago() {
    let there =
        "a@1 CREATE_COMPLETE ours, b@x CREATE_COMPLETE ours, c@1 CREATE_COMPLETE ours, d@x CREATE_COMPLETE ours";
    let world = World::of("a@1, b@1, c@1, d@1", there);
    assert_eq!(looks(&world, &Drifts::default()), "!a !c b d");
    assert_eq!(looks(&world, &looked(&["a", "b", "c", "d"], 60)), "", "all of them were, a moment ago");
    assert_eq!(looks(&world, &looked(&["a"], 60)), "!c b d");
    let mut later = world.clone();
    later.now = at(3_601);
    assert_eq!(looks(&later, &Drifts::default()), "a b c d", "a baseline that is taken late could be somebody's");
    later.now = at(100_000);
    let mut old = looked(&["a", "b"], 60);
    old.look(&key("c"), at(90_000), &Coverage::default());
    assert!(looks(&later, &old).starts_with("d "), "{}", looks(&later, &old));
}

#[test]
fn a_stack_is_not_looked_at_twice_at_a_time() {
    let world = World::of("app@1", "app@1 CREATE_COMPLETE ours");
    let mut drifts = drifts(0, "Topic DELETED");
    assert_eq!(looks(&world, &drifts), "!app");
    let running = Running { id: "d-1".into(), since: at(5), generation: Fingerprint::of(b"g"), first: Some(at(4)) };
    drifts.change(&key("app"), |known| known.running = Some(running));
    assert_eq!(looks(&world, &drifts), "");
}

#[test]
fn a_look_in_the_future_is_none() {
    let mut world = World::of("app@1", "app@1 CREATE_COMPLETE ours");
    world.now = at(100_000);
    assert_eq!(looks(&world, &looked(&["app"], 99_990)), "");
    assert_eq!(looks(&world, &looked(&["app"], 900_000)), "app");
}

#[test]
fn after_a_heal_the_baseline_stands() {
    let mut world = World::of("app@1", "app@1 UPDATE_COMPLETE ours");
    let app = world.found.stacks.get_mut(&key("app")).expect("it is there");
    let asked = app.change_set.as_deref().and_then(Fingerprint::of_change_set).expect("it is ours");
    app.change_set = Some(asked.heal(Fingerprint::of(b"case")));
    app.updated = Some(world.now - SignedDuration::from_secs(5));
    assert_eq!(looks(&world, &Drifts::default()), "app");
}
