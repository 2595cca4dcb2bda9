//! Wrong plans, made by hand: each is found, by its own note and no other.

use crate::table::{World, asked, key};
use plan::{
    lint::lint,
    memory::Started,
    step::{Action, Plan, Row, Stand, Step},
};
use std::collections::BTreeSet;

fn step(stack: &str, action: Action) -> Step {
    let manifest = stack.split('/').next().unwrap_or(stack).parse().expect("a name");
    Step {
        key: key(stack),
        manifest,
        action,
        stack_id: None,
        generation: None,
        case: None,
        attempt: 1,
        adopting: false,
    }
}

fn delete(stack: &str) -> String {
    let key = key(stack);
    format!("arn:aws:cloudformation:{}:111122223333:stack/{}/1", key.region, key.stack)
}

fn create(stack: &str) -> Step {
    step(stack, Action::Create(asked("app@1")))
}

fn update(stack: &str) -> Step {
    step(stack, Action::Update(asked("app@1")))
}

fn clear(stack: &str) -> Step {
    step(stack, Action::Clear { stack_id: delete(stack), retain: BTreeSet::new() })
}

fn remove(stack: &str) -> Step {
    step(stack, Action::Remove { stack_id: delete(stack), retain: BTreeSet::new() })
}

/// The plan that this world has, with these steps instead of its own, gets these notes.
#[track_caller]
fn check(world: &World, steps: Vec<Step>, expect: &[&str]) {
    let selected = world.selected();
    let facts = world.facts(&selected);
    let mut rows = plan::plan::plan(&facts).rows;
    for row in rows.values_mut().filter(|row| matches!(row.stand, Stand::Due(_))) {
        row.stand = Stand::Not(plan::why::Why::ForSeat);
    }
    for step in &steps {
        let due = || Row { manifest: step.manifest.clone(), status: None, fingerprint: None, stand: Stand::Settled };
        rows.entry(step.key.clone()).or_insert_with(due).stand = Stand::Due(step.action.clone());
    }
    let notes = lint(&Plan { rows, steps }, &facts);
    assert_eq!(notes, expect);
}

const NET: &str = "net@1 CREATE_COMPLETE ours";

/// `app` and `net` are wanted; `net` is in place, and what else is there is said.
fn there(app: &str) -> World {
    World::of("net@1, app@2", &format!("{NET}, {app}"))
}

/// `net` alone is wanted and in place, and what else is there is said.
fn left(old: &str) -> World {
    World::of("net@1", &format!("{NET}, {old}"))
}

#[test]
fn a_sound_plan_gets_no_note() {
    check(&there(""), vec![create("app")], &[]);
    check(&there("app@1 REVIEW_IN_PROGRESS"), vec![create("app")], &[]);
    check(&there("app@1 REVIEW_IN_PROGRESS ours"), vec![create("app")], &[]);
    check(&there("app@1 CREATE_COMPLETE ours"), vec![update("app")], &[]);
    check(&there("app@1 ROLLBACK_COMPLETE ours"), vec![clear("app")], &[]);
    check(&left("old@1 CREATE_COMPLETE ours prune"), vec![remove("old")], &[]);
}

#[test]
fn one_stack_one_step() {
    check(&there(""), vec![create("app"), create("app")], &["eu-central-1/app: there are two steps for it"]);
}

#[test]
fn nothing_is_done_where_nobody_looked() {
    let note = "eu-central-1/app: there is a step in a region that was not looked at";
    let mut world = World::of("app@2", "");
    world.found.regions.clear();
    check(&world, vec![create("app")], &[note]);
}

#[test]
fn nothing_is_done_beside_what_is_under_way() {
    let world = there("").pending("app", Started::Create, 5);
    check(&world, vec![create("app")], &["eu-central-1/app: there is a step for it while one is under way"]);
    let busy = "eu-central-1/app: there is a step for it while CloudFormation is at work on it";
    check(&there("app@1 UPDATE_IN_PROGRESS ours"), vec![update("app")], &[busy]);
    check(&there("app@1 CREATE_IN_PROGRESS ours"), vec![create("app")], &[busy]);
}

#[test]
fn nothing_is_done_to_what_is_not_ours() {
    let note = &["eu-central-1/app: it is not ours"];
    check(&there("app@1 CREATE_COMPLETE theirs"), vec![update("app")], note);
    check(&there("app@1 CREATE_COMPLETE"), vec![update("app")], note);
    check(&there("app@1 CREATE_COMPLETE ours nested"), vec![update("app")], note);
    check(&there("app@1 ROLLBACK_COMPLETE theirs"), vec![clear("app")], note);
    check(&there("app@1 REVIEW_IN_PROGRESS theirs"), vec![create("app")], note);
    check(&left("old@1 CREATE_COMPLETE theirs prune"), vec![remove("old")], &["eu-central-1/old: it is not ours"]);
}

#[test]
fn each_thing_is_done_only_to_a_stack_that_it_can_be_done_to() {
    let created = &["eu-central-1/app: it is to be created, and is there already"];
    check(&there("app@1 CREATE_COMPLETE ours"), vec![create("app")], created);
    check(&there("app@1 NEW_WORD ours"), vec![create("app")], created);
    let updated = &["eu-central-1/app: it is to be updated, and can't be as it is"];
    check(&there("app@1 UPDATE_ROLLBACK_FAILED ours"), vec![update("app")], updated);
    check(&there("app@1 REVIEW_IN_PROGRESS ours"), vec![update("app")], updated);
    check(&there(""), vec![update("app")], &["eu-central-1/app: it is to be changed, and is not there"]);
    let sent_back = &["eu-central-1/app: it is to be rolled back, and can't be as it is"];
    let rolled_back = |stack: &str| step(stack, Action::RollBack { stack_id: delete(stack) });
    check(&there("app@1 CREATE_COMPLETE ours"), vec![rolled_back("app")], sent_back);
    check(&there("app@1 UPDATE_FAILED ours"), vec![rolled_back("app")], &[]);
    let go_on = |stack: &str| step(stack, Action::Continue { stack_id: delete(stack), skip: BTreeSet::new() });
    let gone_on = &["eu-central-1/app: its rollback is to go on, and has not stopped"];
    check(&there("app@1 UPDATE_ROLLBACK_COMPLETE ours"), vec![go_on("app")], gone_on);
    check(&there("app@1 UPDATE_ROLLBACK_FAILED ours"), vec![go_on("app")], &[]);
    let cleared = &["eu-central-1/app: it is to be cleared away, and it did come up"];
    check(&there("app@1 CREATE_COMPLETE ours"), vec![clear("app")], cleared);
}

#[test]
fn a_stack_is_deleted_by_its_own_arn() {
    let other = step("old", Action::Remove { stack_id: delete("other"), retain: BTreeSet::new() });
    let note = &["eu-central-1/old: it is to be deleted under another stack's ARN"];
    check(&left("old@1 CREATE_COMPLETE ours prune"), vec![other], note);
}

#[test]
fn nothing_is_removed_without_proof() {
    let old = "old@1 CREATE_COMPLETE ours prune";
    let removed =
        |world: &World, note: &str| check(world, vec![remove("old")], &[&format!("eu-central-1/old: {note}")]);
    removed(&left("old@1 CREATE_COMPLETE ours"), "it is to be removed, and its manifest did not say that it may");
    removed(&World::of("net@1, old!", &format!("{NET}, {old}")), "it is to be removed, and its manifest can't be read");
    removed(&World::of("net@1, ?", &format!("{NET}, {old}")), "it is to be removed on an incomplete reading");
    removed(&World::of("", old), "it is to be removed by an empty repository");
    let mut nameless = left(old);
    let tags = &mut nameless.found.stacks.get_mut(&key("old")).expect("it is there").tags;
    tags.remove(plan::resolve::MANIFEST);
    removed(&nameless, "it is to be removed, and no manifest ever asked for it");
    removed(&World::of("old@2", old), "it is wanted and to be removed");
}

#[test]
fn removals_wait_for_everything_else() {
    let world = World::of("net@2", &format!("{NET}, old@1 CREATE_COMPLETE ours prune"));
    let early = "eu-central-1/old: it is to be removed before everything that is wanted is in place";
    check(&world, vec![remove("old")], &[early]);
    check(&world, vec![update("net"), remove("old")], &[early, "removals and other changes are mixed"]);
}

#[test]
fn no_more_is_begun_than_there_are_seats() {
    let note = &["more is changed at a time than the account allows"];
    check(&World::of("a@1, b@1", "").seats(1), vec![create("a"), create("b")], note);
    let world = World::of("a@1, b@1", "a@1 CREATE_IN_PROGRESS ours").seats(1).pending("a", Started::Create, 5);
    check(&world, vec![create("b")], note);
    let mut hung = world.clone();
    hung.now = crate::table::at(100_000);
    check(&hung, vec![create("b")], &[]);
    check(&World::of("a@1", "a@1 CREATE_IN_PROGRESS ours").seats(0).pending("a", Started::Create, 5), vec![], &[]);
}

#[test]
fn what_is_due_has_a_step_and_the_other_way_round() {
    let world = there("");
    let selected = world.selected();
    let facts = world.facts(&selected);
    let plan = plan::plan::plan(&facts);
    let note = "eu-central-1/app: it is due without a step, or has a step and is not due";
    assert_eq!(lint(&Plan { steps: vec![], ..plan.clone() }, &facts), [note]);
    let rows = plan.rows.into_iter().filter(|(of, _)| *of != key("app")).collect();
    assert_eq!(lint(&Plan { rows, steps: vec![] }, &facts), Vec::<String>::new());
}

#[test]
fn nothing_begins_before_what_it_depends_on() {
    let world = World::of("net@2, app@1 <- net", NET);
    check(&world, vec![create("app")], &["eu-central-1/app: it depends on eu-central-1/net, which is not in sync"]);
}

#[test]
fn a_suspended_stack_can_be_built_on_while_it_stands() {
    let world = |there: &str| World::of("net@2 suspended, app@1 <- net", there);
    let note = &["eu-central-1/app: it depends on eu-central-1/net, which is not in sync"];
    check(&world(NET), vec![create("app")], &[]);
    check(&world(""), vec![create("app")], note);
    check(&world("net@1 ROLLBACK_COMPLETE ours"), vec![create("app")], note);
    check(&world("net@1 CREATE_COMPLETE theirs"), vec![create("app")], note);
    check(&world(NET).pending("net", Started::Update, 5), vec![create("app")], note);
}

#[test]
fn a_stuck_stack_is_sent_back_under_its_own_arn_so_many_times_and_no_more() {
    let stuck = there("app@1 UPDATE_ROLLBACK_FAILED ours");
    let go_on = |arn: &str, attempt| {
        let action = Action::Continue { stack_id: delete(arn), skip: BTreeSet::new() };
        Step { attempt, ..step("app", action) }
    };
    let other = &["eu-central-1/app: it is to be sent back under another stack's ARN"];
    check(&stuck, vec![go_on("net", 1)], other);
    check(&stuck, vec![go_on("app", 3)], &[]);
    check(&stuck, vec![go_on("app", 4)], &["eu-central-1/app: it was tried as often as it may be"]);
    let rolled_back = |attempt| Step { attempt, ..step("app", Action::RollBack { stack_id: delete("app") }) };
    let failed = there("app@1 UPDATE_FAILED ours");
    check(&failed, vec![rolled_back(2)], &[]);
    check(&failed, vec![rolled_back(3)], &["eu-central-1/app: it was tried as often as it may be"]);
}

#[test]
fn nothing_is_given_up_that_no_manifest_lets() {
    let names = || BTreeSet::from(["Db".parse().expect("a name")]);
    let note = &["eu-central-1/app: it is to give up what no manifest lets it"];
    let skipping = || step("app", Action::Continue { stack_id: delete("app"), skip: names() });
    let stuck = "app@1 UPDATE_ROLLBACK_FAILED ours";
    check(&there(stuck), vec![skipping()], note);
    check(&World::of("net@1, app@2 skips", &format!("{NET}, {stuck}")), vec![skipping()], &[]);
    check(&World::of("net@1, app@2 retains", &format!("{NET}, {stuck}")), vec![skipping()], note);
    let leaving = || step("app", Action::Clear { stack_id: delete("app"), retain: names() });
    let half = "app@1 DELETE_FAILED ours";
    check(&there(half), vec![leaving()], note);
    check(&World::of("net@1, app@2 retains", &format!("{NET}, {half}")), vec![leaving()], &[]);
    let note = &["eu-central-1/app: it is to leave resources standing in a deletion that did not fail"];
    let dead = format!("{NET}, app@1 ROLLBACK_COMPLETE ours");
    check(&World::of("net@1, app@2 retains", &dead), vec![leaving()], note);
    let old = || step("old", Action::Remove { stack_id: delete("old"), retain: names() });
    let note = &["eu-central-1/old: it is to give up what no manifest lets it"];
    check(&left("old@1 DELETE_FAILED ours prune"), vec![old()], note);
    check(&left("old@1 DELETE_FAILED ours prune retains"), vec![old()], &[]);
}

#[test]
fn what_is_protected_is_not_deleted() {
    let note = |stack: &str| format!("eu-central-1/{stack}: it is to be deleted, and is protected against that");
    check(&there("app@1 ROLLBACK_COMPLETE ours protected"), vec![clear("app")], &[&note("app")]);
    check(&left("old@1 CREATE_COMPLETE ours prune protected"), vec![remove("old")], &[&note("old")]);
    let back = || step("app", Action::RollBack { stack_id: delete("app") });
    let nothing = &["eu-central-1/app: it is to be rolled back to nothing, and is protected against that"];
    check(&there("app@1 CREATE_FAILED ours protected"), vec![back()], nothing);
    check(&there("app@1 UPDATE_FAILED ours protected"), vec![back()], &[]);
}
