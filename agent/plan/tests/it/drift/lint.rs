//! Wrong heals, made by hand: each is found, by its own note and no other.

use super::{drifts, healing};
use crate::table::{World, at, key};
use manifests::drift::Mode;
use plan::{
    drift::{
        heal::{Heal, Towards, towards},
        remembered::Drifts,
    },
    facts::Status,
    lint::{lint, lint_heals},
    memory::Started,
    orders::Hold,
    step::{Action, Plan, Step},
};
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::BTreeSet;

const THERE: &str = "app@1 CREATE_COMPLETE ours";

fn heal(stack: &str) -> Step {
    let heal = Heal {
        change_set: "holdfast-heal-1".into(),
        findings: [].into(),
        places: [].into(),
        noisy: BTreeSet::new(),
        ignoring: BTreeSet::new(),
    };
    Step {
        key: key(stack),
        manifest: stack.parse().expect("a name"),
        action: Action::Heal(heal),
        stack_id: None,
        generation: None,
        case: None,
        attempt: 1,
        adopting: false,
    }
}

/// These heals, in this world, get these notes.
#[track_caller]
fn check(world: &World, heals: &[Step], expect: &[&str]) {
    let selected = world.selected();
    assert_eq!(lint_heals(heals, &world.facts(&selected)), expect);
}

/// The heal of `app` gets this note.
#[track_caller]
fn note(world: &World, expect: &str) {
    check(world, &[heal("app")], &[&format!("eu-central-1/app: {expect}")]);
}

#[test]
fn a_sound_heal_gets_no_note() {
    check(&healing(THERE), &[heal("app")], &[]);
    check(&healing("app@1 UPDATE_ROLLBACK_COMPLETE ours"), &[heal("app")], &[]);
    check(&healing(THERE).with("app", |stack| stack.drift.mode = Mode::Warn), &[heal("app")], &[]);
    check(&healing(THERE), &[], &[]);
}

#[test]
fn nothing_is_put_back_in_what_is_gone_busy_broken_or_somebody_elses() {
    note(&healing(""), "it is to be changed, and is not there");
    note(&healing("app@1 UPDATE_IN_PROGRESS ours"), "there is a step for it while CloudFormation is at work on it");
    note(&healing("app@1 UPDATE_ROLLBACK_FAILED ours"), "it is to be updated, and can't be as it is");
    note(&healing("app@1 NEW_WORD ours"), "it is to be updated, and can't be as it is");
    note(&healing("app@1 CREATE_COMPLETE theirs"), "it is not ours");
    note(&healing("app@1 CREATE_COMPLETE ours nested"), "it is not ours");
    let mut other = healing(THERE);
    other.memory.own(&key("app"), "arn:aws:cloudformation:eu-central-1:111122223333:stack/app/2");
    note(&other, "it is not the one that was ours");
    note(&healing(THERE).pending("app", Started::Heal, 5), "there is a step for it while one is under way");
}

#[test]
fn nothing_is_put_back_where_somebody_says_no() {
    note(
        &healing(THERE).with("app", |stack| stack.drift.mode = Mode::Off),
        "it is to be healed, and its manifest has nobody look",
    );
    let mut off = healing(THERE);
    off.policy.guardrails.drift.most = Mode::Off;
    note(&off, "it is to be healed, and the account has nobody look");
    note(&World::of("", THERE), "it is to be healed, and its manifest has nobody look");
    let suspended = healing(THERE).with("app", |stack| stack.suspend = Some("the audit is on".into()));
    note(&suspended, "it is to be healed, and is suspended");
    let mut hold = healing(THERE);
    hold.orders.holds.push(Hold { stack: None, until: at(9_000), reason: "audit".into(), by: "jane".into() });
    note(&hold, "there is a step for it while a person holds it");
    let closed = World { closed: Some("closed".into()), ..healing(THERE) };
    note(&closed, "there is a step for it while nothing may begin");
    let mut unseen = healing(THERE);
    unseen.found.regions.clear();
    note(&unseen, "there is a step in a region that was not looked at");
}

#[test]
fn no_more_is_put_back_at_a_time_than_may_be() {
    check(&healing(THERE), &[heal("app"), heal("app")], &["there are two heals of one stack"]);
    let mut world = healing(THERE);
    (world.policy.guardrails.limits.stacks_per_turn, world.begun.stacks) = (2, 2);
    check(&world, &[heal("app")], &["more is changed in a turn than the account allows"]);
    world.begun.stacks = 1;
    check(&world, &[heal("app")], &[]);
}

#[test]
fn what_is_no_heal_is_found_among_heals_and_a_heal_in_a_plan() {
    let update = Step { action: Action::Update(crate::table::asked("app@2")), ..heal("app") };
    check(&healing(THERE), &[update], &["eu-central-1/app: it is no heal"]);
    let world = healing(THERE);
    let selected = world.selected();
    let facts = world.facts(&selected);
    let made = Plan { steps: vec![heal("app")], ..world.plan() };
    assert_eq!(lint(&made, &facts), ["eu-central-1/app: it is due without a step, or has a step and is not due"]);
}

/// Worlds in which something was found, whatever else is so.
fn worlds() -> impl Strategy<Value = (World, Drifts, bool)> {
    let mut words: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    words.extend(["NEW_WORD", "CREATE_COMPLETE", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]);
    let found =
        (select(vec!["1", "2", "-", "x"]), select(words), select(vec!["ours", "ours", "theirs", "", "ours nested"]));
    let said = (select(vec![Mode::Off, Mode::Warn, Mode::Heal]), select(vec![Mode::Off, Mode::Warn, Mode::Heal]));
    let flags = vec(prop::bool::weighted(0.15), 8);
    (found, said, flags, any::<bool>(), select(vec!["Topic DELETED", "Topic MODIFIED /X=1, Queue DELETED"])).prop_map(
        |((version, status, whose), (mode, most), flags, asked, text)| {
            let mut world = healing(&format!("app@{version} {status} {whose}")).with("app", |stack| {
                stack.drift.mode = mode;
                stack.suspend = flags[0].then(|| "the audit is on".into());
                stack.adopt = flags[1];
            });
            world.policy.guardrails.drift.most = most;
            world.policy.guardrails.may.adopt = flags[1];
            world.closed = flags[2].then(|| "closed".into());
            if flags[3] {
                world.orders.holds.push(Hold {
                    stack: None,
                    until: at(9_000),
                    reason: "audit".into(),
                    by: "jane".into(),
                });
            }
            if flags[4] {
                world.memory.own(&key("app"), "arn:aws:cloudformation:eu-central-1:111122223333:stack/app/2");
            }
            if flags[5] {
                world = world.pending("app", Started::Update, 5);
            }
            if flags[6] {
                world.begun.stacks = world.policy.guardrails.limits.stacks_per_turn;
            }
            let request = if flags[7] { "app@2" } else { "app@1" };
            (world.settled("app", request), drifts(0, text), asked)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is due is sound, and why it is not due is one sentence.
    #[test]
    fn no_heal_that_is_due_gets_a_note((world, drifts, asked) in worlds()) {
        let selected = world.selected();
        let facts = world.facts(&selected);
        let towards = towards(&facts, &world.plan(), &drifts, &key("app"), asked);
        match towards {
            Towards::Due(step) => prop_assert_eq!(lint_heals(&[step], &facts), Vec::<String>::new()),
            Towards::Not(reason) => prop_assert!(!reason.to_string().contains('\n')),
            Towards::Nothing => prop_assert!(false, "something was found"),
        }
    }
}
