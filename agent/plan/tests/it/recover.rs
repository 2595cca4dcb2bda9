//! The ways out of a stuck stack: how often each is tried, with what, and what is said when it is a person's.

use crate::table::{World, at, fingerprint, key};
use jiff::SignedDuration;
use plan::{
    memory::{Failed, Started, Tried},
    recover::{FLAPS, about_to},
    step::{Action, Stand, Step},
};

/// `app`, stuck like this and wanted like that, beside a `net` that is in place.
fn stuck(wanted: &str, status: &str) -> World {
    let wanted = format!("net@1, {wanted}");
    World::of(&wanted, &format!("net@1 CREATE_COMPLETE ours, app@1 {status}"))
}

/// A step as a person would write it: what is done, what is given up, and which attempt it is.
fn printed(step: &Step) -> String {
    let names = step.action.gives_up().map(|names| format!(" without {names:?}")).unwrap_or_default();
    format!("{:?}{names} #{}", step.action.started(), step.attempt).to_lowercase()
}

/// Remembers a step, as before it is done.
fn try_it(world: &mut World, step: &Step) {
    let now = world.now;
    world.memory.change(&key("app"), |known| known.tried = about_to(step, Some(known), now));
}

/// What is tried, one after the other, when nothing ever helps and all pauses are waited for; at last what is said.
fn all_tries(mut world: World) -> (Vec<String>, String) {
    let mut tries = Vec::new();
    for _ in 0..20 {
        match world.row("app").stand {
            Stand::Due(_) => {
                let step = world.step("app");
                tries.push(printed(&step));
                try_it(&mut world, &step);
            }
            Stand::Not(why) if why.state().as_str() == "needs a person" => return (tries, why.to_string()),
            Stand::Not(_) => {}
            Stand::Settled => panic!("nothing helps"),
        }
        world.now += SignedDuration::from_hours(25);
    }
    panic!("it is tried for ever: {tries:?}")
}

#[track_caller]
fn check(wanted: &str, status: &str, tries: &[&str], says: &str) {
    let (done, said) = all_tries(stuck(wanted, status));
    assert_eq!(done, tries, "{wanted}, {status}");
    assert!(said.contains(says), "{said}");
}

const STUCK: &str = "UPDATE_ROLLBACK_FAILED ours";

#[test]
fn a_rollback_that_stopped_goes_on_three_times_and_then_a_person_is_asked() {
    let says = "UPDATE_ROLLBACK_FAILED; tried 3 times to get it going again; ends when a person acts: mend what stops the \
                rollback, then `aws cloudformation continue-update-rollback` it";
    check("app@2", STUCK, &["continue #1", "continue #2", "continue #3"], says);
    // As often for a request that asks for what was there before: it can't be reached by another way.
    check("app@1", STUCK, &["continue #1", "continue #2", "continue #3"], says);
}

#[test]
fn what_a_manifest_lets_a_rollback_skip_is_skipped_once_and_not_before_it_was_tried_without() {
    let tries = ["continue #1", "continue without {logicalid(\"db\")} #2", "continue #3"];
    check("app@2 skips", STUCK, &tries, "tried 3 times");
    // A list that comes when all else has failed is one more try, and no list is a second one.
    let mut world = stuck("app@2", STUCK);
    world.memory = {
        let mut tried = stuck("app@2", STUCK);
        for _ in 0..3 {
            let step = tried.step("app");
            try_it(&mut tried, &step);
            tried.now += SignedDuration::from_hours(25);
        }
        tried.memory
    };
    let memory = world.memory.clone();
    assert_eq!(world.row("app").state().as_str(), "needs a person");
    let mut listed = stuck("app@2 skips", STUCK);
    listed.memory = memory;
    assert_eq!(printed(&listed.step("app")), "continue without {logicalid(\"db\")} #4");
    let step = listed.step("app");
    try_it(&mut listed, &step);
    assert_eq!(listed.row("app").state().as_str(), "needs a person");
}

#[test]
fn only_what_stops_the_rollback_is_skipped() {
    let world = |reason: &str| {
        let mut world = stuck("app@2 skips", STUCK);
        let step = world.step("app");
        try_it(&mut world, &step);
        world.now += SignedDuration::from_hours(1);
        world.found.stacks.get_mut(&key("app")).expect("it is there").reason = Some(reason.into());
        printed(&world.step("app"))
    };
    let without = "continue without {logicalid(\"db\")} #2";
    assert_eq!(world("The following resource(s) failed to update: [Db, Queue]. "), without);
    assert_eq!(world("The following resource(s) failed to update: [Queue]. "), "continue #2");
    assert_eq!(world("Something went wrong"), without, "words that we don't know hide nothing");
}

#[test]
fn pauses_grow() {
    let mut world = stuck("app@2", STUCK);
    let begun = world.now;
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let step = world.step("app");
        try_it(&mut world, &step);
        let since = world.now;
        while world.row("app").state().as_str() == "failed" {
            world.now += SignedDuration::from_mins(1);
        }
        pauses.push(world.now.duration_since(since).as_mins());
    }
    assert_eq!(pauses, [15, 30, 0], "{begun}");
}

#[test]
fn another_commit_and_another_stack_begin_anew_and_a_touched_one_does_not() {
    let mut world = stuck("app@2", STUCK);
    let step = world.step("app");
    world.memory.change(&key("app"), |known| {
        known.tried = about_to(&step, None, at(0)).map(|tried| Tried { attempts: 3, ..tried });
    });
    assert_eq!(world.row("app").state().as_str(), "needs a person");
    let stack = world.found.stacks.get_mut(&key("app")).expect("it is there");
    stack.updated = Some(at(3_000));
    assert_eq!(world.row("app").state().as_str(), "needs a person", "a rollback that goes on may move its time");
    let mut another = stuck("app@3", STUCK);
    another.memory = world.memory.clone();
    assert_eq!(another.step("app").attempt, 1);
    world.found.stacks.get_mut(&key("app")).expect("it is there").id += "2";
    assert_eq!(world.step("app").attempt, 1);
}

#[test]
fn what_failed_with_its_rollback_switched_off_is_sent_back_twice() {
    let says = "roll it back (`aws cloudformation rollback-stack`) or delete it";
    check("app@2", "UPDATE_FAILED ours", &["rollback #1", "rollback #2"], says);
    check("app@2", "CREATE_FAILED ours", &["rollback #1", "rollback #2"], says);
}

#[test]
fn what_never_came_up_and_will_not_go_is_deleted_twice() {
    check("app@2", "ROLLBACK_FAILED ours", &["clear #1", "clear #2"], "mend what stops its deletion");
}

#[test]
fn a_deletion_that_somebody_else_began_is_theirs_to_end() {
    check("app@2", "DELETE_FAILED ours", &[], "name what may be left standing in the manifest's `recovery.retain`");
    let tries = ["clear without {logicalid(\"db\")} #1", "clear #2"];
    check("app@2 retains", "DELETE_FAILED ours", &tries, "tried 2 times");
}

#[test]
fn a_deletion_of_ours_is_tried_once_more_and_then_leaves_standing_what_it_may() {
    let cleared = |wanted: &str| {
        let mut world = stuck(wanted, "ROLLBACK_COMPLETE ours");
        let step = world.step("app");
        try_it(&mut world, &step);
        let stack = world.found.stacks.get_mut(&key("app")).expect("it is there");
        stack.status = Ok(plan::facts::Status::DeleteFailed);
        all_tries(world).0
    };
    assert_eq!(cleared("app@2"), ["clear #2"]);
    assert_eq!(cleared("app@2 retains"), ["clear #2", "clear without {logicalid(\"db\")} #3"]);
}

#[test]
fn what_leaves_is_deleted_twice_and_then_without_what_its_last_manifest_listed() {
    check("x@1 elsewhere", "DELETE_FAILED ours prune", &["remove #1", "remove #2"], "delete-stack");
    let tries = ["remove #1", "remove #2", "remove without {logicalid(\"db\")} #3"];
    check("x@1 elsewhere", "DELETE_FAILED ours prune retains", &tries, "tried 3 times");
    // The list is for a deletion that failed; before one has, CloudFormation refuses it.
    check("x@1 elsewhere", "UPDATE_ROLLBACK_FAILED ours prune retains", &["remove #1", "remove #2"], "tried 2 times");
}

#[test]
fn outputs_disprove_that_nothing_was_ever_in_it() {
    let mut world = stuck("app@2", "ROLLBACK_FAILED ours");
    assert!(world.found.stacks[&key("app")].is_unborn());
    let stack = world.found.stacks.get_mut(&key("app")).expect("it is there");
    stack.outputs.insert("Id".into(), "1".into());
    assert!(!stack.is_unborn());
    assert!(matches!(world.row("app").stand, Stand::Not(_)));
}

#[test]
fn the_root_cause_is_what_is_said() {
    let why = "UPDATE_ROLLBACK_FAILED: Db (AWS::RDS::DBInstance): it is gone";
    let mut world = stuck("app@2", STUCK);
    let step = world.step("app");
    let tried = about_to(&step, None, at(0)).map(|tried| Tried { attempts: 3, why: String::new(), ..tried });
    let failed = Failed { fingerprint: fingerprint("app@2"), attempts: 1, at: at(0), why: why.into(), refused: false };
    world.memory.change(&key("app"), |known| (known.tried, known.failed) = (tried, Some(failed)));
    let Stand::Not(said) = world.row("app").stand else { panic!("it is a person's") };
    assert!(said.to_string().starts_with(&format!("{why}; tried 3 times")), "{said}");
}

#[test]
fn an_account_that_allows_no_removal_says_so_of_what_never_came_up() {
    let mut world = stuck("app@2", "ROLLBACK_COMPLETE ours");
    world.policy.guardrails.limits.removals_per_day = 0;
    let Stand::Not(said) = world.row("app").stand else { panic!("it is not cleared away") };
    assert!(said.to_string().contains("ends when its limit `removalsPerDay` is raised"), "{said}");
}

#[test]
fn a_stack_policy_that_forbids_a_change_is_not_asked_twice() {
    let denied = "UPDATE_ROLLBACK_COMPLETE: Db (AWS::RDS::DBInstance): Action denied by stack policy: Statement [#1]";
    let failed = |why: &str| Failed {
        fingerprint: fingerprint("app@2"),
        attempts: 1,
        at: at(0),
        why: why.into(),
        refused: false,
    };
    let mut world = stuck("app@2", "UPDATE_ROLLBACK_COMPLETE ours");
    world.memory.change(&key("app"), |known| known.failed = Some(failed(denied)));
    let Stand::Not(said) = world.row("app").stand else { panic!("it is not tried again") };
    assert_eq!(said.to_string(), format!("{denied}; tried once; ends with a commit that asks for something else"));
    world.memory.change(&key("app"), |known| known.failed = Some(failed("UPDATE_ROLLBACK_COMPLETE: Db: no")));
    assert!(matches!(world.row("app").stand, Stand::Due(Action::Update(_))));
}

#[test]
fn a_stack_that_comes_and_goes_is_left_alone_for_the_rest_of_the_day() {
    let mut world = World::of("app@1", "");
    for times in 1..=FLAPS {
        assert!(matches!(world.row("app").stand, Stand::Due(Action::Create(_))), "{times}");
        world.memory.bear(&key("app"), world.now);
        world.now += SignedDuration::from_hours(2);
    }
    let Stand::Not(said) = world.row("app").stand else { panic!("it is made once more") };
    assert_eq!(said.state().as_str(), "held");
    assert!(said.to_string().starts_with("came up 3 times within a day and was gone again each time"), "{said}");
    assert!(matches!(
        World { now: world.now + SignedDuration::from_hours(18), ..world.clone() }.row("app").stand,
        Stand::Not(_)
    ));
    world.now += SignedDuration::from_hours(19);
    assert!(matches!(world.row("app").stand, Stand::Due(Action::Create(_))));
}

#[test]
fn what_goes_because_that_was_asked_for_does_not_count() {
    let mut world = World::of("app@1, web@1", "web@1 CREATE_COMPLETE ours");
    (0..3).for_each(|_| world.memory.bear(&key("app"), world.now));
    (0..3).for_each(|_| world.memory.bear(&key("web"), world.now));
    world.memory.bury(&key("app"));
    assert!(matches!(world.row("app").stand, Stand::Due(Action::Create(_))));
    assert_eq!(world.memory.births(&key("web"), world.now).0, 3, "nor does another stack's end");
    assert_eq!(world.memory.births(&key("web"), world.now + SignedDuration::from_hours(26)).0, 0);
    world.memory.bear(&key("app"), world.now + SignedDuration::from_hours(26));
    assert_eq!(world.memory.births.len(), 1, "what is older than a day takes no room");
}

#[test]
fn what_was_tried_is_what_is_done() {
    let step = stuck("app@2 skips", STUCK).step("app");
    let tried = about_to(&step, None, at(7)).expect("no change set carries it");
    assert_eq!((tried.act, tried.attempts, tried.at, tried.gave_up), (Started::Continue, 1, at(7), None));
    assert_eq!(about_to(&World::of("app@2", "").step("app"), None, at(7)), None);
}
