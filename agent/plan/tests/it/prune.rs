//! What becomes of stacks that nobody asks for any more: deleting is never a side effect.

use crate::table::{HOME, World, check, word};
use manifests::id::Region;
use plan::{leave::regions, memory::Started};

const NET: &str = "net@1 CREATE_COMPLETE ours";
const MAY_GO: &str = "net@1 CREATE_COMPLETE ours, old@1 CREATE_COMPLETE ours prune";

#[test]
fn a_stack_whose_manifest_left_stays_unless_that_manifest_said_otherwise() {
    check(
        "net@1",
        "net@1 CREATE_COMPLETE ours, old@1 CREATE_COMPLETE ours",
        "net: in sync
         old: excepted: the manifest `old` no longer asks for it, and did not say `prune: true` with `deletionPolicy: \
         delete`; stays until a person deletes it or a manifest asks for it again",
    );
    check("net@1", MAY_GO, "remove old\nnet: in sync");
}

#[test]
fn what_we_never_made_is_not_ours_to_delete() {
    check(
        "net@1",
        &format!("{NET}, alien@x CREATE_COMPLETE theirs prune, wild@- CREATE_COMPLETE prune"),
        "net: in sync",
    );
}

#[test]
fn a_manifest_that_is_still_there_takes_no_stack_with_it_whoever_it_is_for_now() {
    check(
        "net@1, old@1 prune elsewhere",
        MAY_GO,
        "net: in sync
         old: unknown: the manifest `old` no longer asks for it, but the stack stays: the manifest is still there and asks \
         for it somewhere else now (`targets`, `regions`, `stackName`, a label of this account); ends when the manifest \
         asks for it again, or leaves the repository",
    );
}

#[test]
fn a_reading_with_a_hole_in_it_removes_nothing() {
    check(
        "net@1, ?",
        MAY_GO,
        "net: in sync
         old: unknown: the manifest `old` no longer asks for it, but the stack stays: a manifest's name could not be \
         read, and it might be this one's; ends when every name can be read",
    );
}

#[test]
fn an_empty_repository_removes_nothing() {
    let because = "old: unknown: the manifest `old` no longer asks for it, but the stack stays: the repository asks for \
         nothing at all here, which is more likely a mistake; ends when it asks for something";
    check("", "old@1 CREATE_COMPLETE ours prune", because);
    check("net@1 elsewhere", "old@1 CREATE_COMPLETE ours prune", because);
}

#[test]
fn a_broken_manifest_costs_its_stack_nothing() {
    check(
        "net@1, old!",
        MAY_GO,
        "net: in sync
         old: failed: stacks/old.yaml:7:3: unknown field `parameterz`; ends with a commit that mends it",
    );
}

#[test]
fn an_account_that_allows_no_deletion_says_so_instead_of_waiting_for_a_turn_that_never_comes() {
    let mut world = World::of("net@1", MAY_GO);
    world.policy.guardrails.limits.deletions_per_turn = 0;
    world.reads(
        "net: in sync
         old: unknown: the manifest `old` no longer asks for it, but the stack stays: this account allows no deletion; \
         ends when its guardrails do (`may.prune`, `deletionsPerTurn`, `deletionsPerDay`)",
    );
}

#[test]
fn removals_come_last_and_alone() {
    let waits = "old: pending: is removed once every stack that is wanted here is in sync";
    check("net@2", MAY_GO, &format!("update net\n{waits}"));
    check("net@1, app@1", MAY_GO, &format!("create app\nnet: in sync\n{waits}"));
    World::of("net@1", "net@- UPDATE_IN_PROGRESS ours, old@1 CREATE_COMPLETE ours prune")
        .pending("net", Started::Update, 60)
        .reads(&format!(
            "net: applying: being updated since 2025-06-15T16:05:40Z (UPDATE_IN_PROGRESS); ends when CloudFormation is done
             {waits}"
        ));
    check(
        "net@1, s@1 suspended",
        MAY_GO,
        "remove old\nnet: in sync\ns: excepted: suspended: the audit is on; ends when `suspend` leaves stacks/s.yaml:1",
    );
}

#[test]
fn what_leaves_stays_while_something_wanted_is_not_in_place() {
    // `app` may still stand on `old`: that it can't be changed now is no reason to take away what it stands on.
    for app in ["IMPORT_ROLLBACK_FAILED ours", "CREATE_COMPLETE theirs", "NEW_WORD ours", "DELETE_IN_PROGRESS ours"] {
        let plan = World::of("net@1, app@2", &format!("{MAY_GO}, app@1 {app}")).plan();
        assert_eq!(plan.steps, [], "{app}");
    }
}

#[test]
fn several_may_go_side_by_side() {
    World::of("net@1", &format!("{MAY_GO}, older@1 ROLLBACK_COMPLETE ours prune, oldest@1 CREATE_COMPLETE ours prune"))
        .seats(2)
        .reads(
            "remove old
             remove older
             net: in sync
             oldest: pending: waits for one of the stacks being changed now to be done",
        );
}

#[test]
fn a_removal_under_way_is_waited_for_and_in_the_end_late() {
    let world = |seconds| {
        World::of("net@1", &format!("{NET}, old@1 DELETE_IN_PROGRESS ours prune")).pending(
            "old",
            Started::Remove,
            seconds,
        )
    };
    assert_eq!(world(60).row("old").state().as_str(), "applying");
    assert_eq!(world(4000).row("old").state().as_str(), "needs a person");
}

#[test]
fn a_stack_that_is_ours_and_names_no_manifest_is_left_out() {
    let mut world = World::of("net@1", MAY_GO);
    world.found.stacks.get_mut(&crate::table::key("old")).expect("it is there").tags.remove(plan::resolve::MANIFEST);
    world.reads("net: in sync");
}

#[test]
fn a_removal_that_hangs_stops_no_other() {
    let old = "old@1 DELETE_IN_PROGRESS ours prune, older@1 CREATE_COMPLETE ours prune";
    let world = |seconds| World::of("net@1", &format!("{NET}, {old}")).pending("old", Started::Remove, seconds);
    assert_eq!(world(60).row("older").state().as_str(), "pending");
    assert_eq!(world(4000).step("older").action.started(), Started::Remove);
}

/// The regions that a turn looks at again after this, of home, `eu-west-1` and `us-east-1`, all of which are remembered.
#[track_caller]
fn looks_again(world: &World, expect: &[&str]) {
    let mut memory = world.memory.clone();
    memory.regions = [HOME, "eu-west-1", "us-east-1"].map(word).into();
    let regions = regions(&memory, &world.selected(), &world.found, "main");
    assert_eq!(regions.iter().map(Region::as_str).collect::<Vec<_>>(), expect);
}

#[test]
fn a_region_is_looked_at_until_a_whole_listing_shows_nothing_of_ours() {
    let world = |wanted: &str, there: &str| {
        let mut world = World::of(wanted, there);
        world.found.regions = [HOME, "eu-west-1", "us-east-1"].map(word).into();
        world
    };
    looks_again(&world("net@1", NET), &[HOME]);
    looks_again(&world("net@1", ""), &[HOME]);
    looks_again(&world("net@1", &format!("{NET}, old/eu-west-1@1 CREATE_COMPLETE ours")), &[HOME, "eu-west-1"]);
    looks_again(&world("net@1", &format!("{NET}, old/eu-west-1@1 NEW_WORD ours")), &[HOME, "eu-west-1"]);
    looks_again(&world("net@1", &format!("{NET}, old/eu-west-1@1 DELETE_COMPLETE ours")), &[HOME]);
    looks_again(&world("net@1", &format!("{NET}, old/eu-west-1@1 CREATE_COMPLETE theirs")), &[HOME]);
    looks_again(&world("net@1, app/us-east-1@1", NET), &[HOME, "us-east-1"]);
    looks_again(&world("net@1", NET).unreadable("us-east-1"), &[HOME, "us-east-1"]);
    looks_again(&world("net@1", NET).pending("old/us-east-1", Started::Remove, 5), &[HOME, "us-east-1"]);
}

#[test]
fn a_region_that_was_forgotten_is_remembered_as_long_as_something_of_ours_is_seen_there() {
    let world = World::of("net@1", &format!("{NET}, old/eu-west-1@1 CREATE_COMPLETE ours"));
    let seen = regions(&world.memory, &world.selected(), &world.found, "main");
    assert_eq!(seen, [HOME, "eu-west-1"].map(word).into());
}
