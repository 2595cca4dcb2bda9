//! Who goes first, who waits for whom, and how many at a time.

use crate::table::{World, at, check, key};
use plan::memory::Started;

const UP: &str = "net@1 CREATE_COMPLETE ours Id=vpc-1";

#[test]
fn a_new_stack_is_created() {
    check("net@1", "", "create net");
}

#[test]
fn a_settled_stack_is_left_alone() {
    check("net@1", UP, "net: in sync");
}

#[test]
fn nobody_begins_before_what_it_depends_on_is_in_sync() {
    let pending = "app: pending: waits for eu-central-1/net to be in sync (now: pending)";
    check("net@1, app@2 <- net", "", &format!("create net\n{pending}"));
    check("net@2, app@2 <- net", UP, &format!("update net\n{pending}"));
    check("net@1, app@2 <- net", UP, "create app\nnet: in sync");
}

#[test]
fn steps_come_in_the_order_of_dependencies_and_then_of_names() {
    check(
        "a@2 <- z, z@1, m@2, b@2",
        "z@1 CREATE_COMPLETE ours, a@1 CREATE_COMPLETE ours, m@1 CREATE_COMPLETE ours",
        "create b
         update m
         update a
         z: in sync",
    );
}

#[test]
fn an_output_is_read_from_the_stack_beside_it() {
    let world = World::of(
        "net/eu-central-1+eu-west-1@1, app/eu-central-1+eu-west-1@2 Vpc=net.Id",
        "net@1 CREATE_COMPLETE ours Id=vpc-1, net/eu-west-1@1 CREATE_COMPLETE ours Id=vpc-2",
    );
    let vpc = |stack| world.step(stack).action.asked().expect("it is created").parameters["Vpc"].clone();
    assert_eq!([vpc("app"), vpc("app/eu-west-1")], ["vpc-1", "vpc-2"]);
}

#[test]
fn an_output_is_read_from_the_region_that_is_named() {
    let world = World::of(
        "net/eu-central-1+eu-west-1@1, app@2 Vpc=net.Id@eu-west-1",
        "net@1 CREATE_COMPLETE ours Id=vpc-1, net/eu-west-1@1 CREATE_COMPLETE ours Id=vpc-2",
    );
    assert_eq!(world.step("app").action.asked().expect("it is created").parameters["Vpc"], "vpc-2");
}

#[test]
fn a_stack_that_is_in_one_region_only_serves_the_others() {
    let world = World::of("net@1, app/eu-west-1@2 Vpc=net.Id", UP);
    assert_eq!(world.step("app/eu-west-1").action.asked().expect("it is created").parameters["Vpc"], "vpc-1");
    check(
        "net@1, app/eu-west-1@2 Vpc=net.Id",
        "",
        "create net
         app/eu-west-1: pending: waits for eu-central-1/net to be in sync (now: pending)",
    );
}

#[test]
fn a_dependency_in_the_region_that_is_named_is_waited_for_there() {
    check(
        "net/eu-central-1+eu-west-1@1, app@2 Vpc=net.Id@eu-west-1",
        UP,
        "create net/eu-west-1
         app: pending: waits for eu-west-1/net to be in sync (now: pending)
         net: in sync",
    );
}

#[test]
fn the_stack_beside_it_is_the_one_that_is_waited_for() {
    let wanted = "net/eu-central-1+eu-west-1@1, app/eu-west-1@2 <- net";
    check(
        wanted,
        UP,
        "create net/eu-west-1
         net: in sync
         app/eu-west-1: pending: waits for eu-west-1/net to be in sync (now: pending)",
    );
    check(
        wanted,
        "net/eu-west-1@1 CREATE_COMPLETE ours",
        "create net
         create app/eu-west-1
         net/eu-west-1: in sync",
    );
}

#[test]
fn a_dependency_that_is_not_for_this_account_is_named() {
    let text =
        "app: failed: depends on `net`, which has no stack here; ends when its `targets` and `regions` give it one";
    check("net@1 elsewhere, app@2 <- net", "", text);
    check(
        "net/eu-west-1@1, app@2 Vpc=net.Id@us-east-1",
        "net/eu-west-1@1 CREATE_COMPLETE ours",
        &format!("{text}\nnet/eu-west-1: in sync"),
    );
}

#[test]
fn a_dependency_that_cant_be_read_is_named() {
    check(
        "net!, app@2 <- net",
        "net@1 CREATE_COMPLETE ours",
        "app: pending: waits for the manifest `net`, which can't be read; ends when it can
         net: failed: stacks/net.yaml:7:3: unknown field `parameterz`; ends with a commit that mends it",
    );
}

#[test]
fn what_a_dependency_stands_at_is_said() {
    let app = |state| format!("app: pending: waits for eu-central-1/net to be in sync (now: {state})");
    let says = |found: &str, state| {
        let plan = World::of("net@1, app@2 <- net", found).plan();
        assert!(crate::table::printed(&plan).contains(&app(state)), "{plan:?}");
    };
    says("net@1 UPDATE_IN_PROGRESS ours", "pending");
    says("net@1 UPDATE_ROLLBACK_FAILED ours", "pending");
    says("net@1 IMPORT_ROLLBACK_FAILED ours", "needs a person");
    says("net@1 CREATE_COMPLETE theirs", "needs a person");
    let world = World::of("net@1, app@2 <- net", "net@1 UPDATE_IN_PROGRESS ours").pending("net", Started::Update, 5);
    assert!(crate::table::printed(&world.plan()).contains(&app("applying")));
    says("net@1 NEW_WORD ours", "unknown");
}

#[test]
fn members_of_a_circle_wait_in_words_and_nobody_hangs() {
    check(
        "a@1 <- b, b@1 <- a, c@1 <- c, d@1 <- a, e@1",
        "",
        "create e
         a: pending: waits for eu-central-1/b to be in sync (now: pending)
         b: pending: waits for eu-central-1/a to be in sync (now: pending)
         c: pending: waits for eu-central-1/c to be in sync (now: pending)
         d: pending: waits for eu-central-1/a to be in sync (now: pending)",
    );
}

#[test]
fn only_so_many_are_changed_at_a_time() {
    let waits = "pending: waits for one of the stacks being changed now to be done";
    World::of("a@1, b@1, c@1", "").seats(2).reads(&format!("create a\ncreate b\nc: {waits}"));
    World::of("a@1, b@1, c@1", "a@1 CREATE_IN_PROGRESS ours")
        .seats(2)
        .pending("a", Started::Create, 60)
        .reads(&format!(
            "create b
             a: applying: being created since 2025-06-15T16:05:40Z (CREATE_IN_PROGRESS); ends when CloudFormation is done
             c: {waits}"
        ));
}

#[test]
fn what_somebody_else_is_changing_takes_a_seat_too() {
    let busy = "a: pending: somebody else is changing it (UPDATE_IN_PROGRESS); ends when CloudFormation is done";
    let world = |seats| World::of("a@1, b@1", "a@1 UPDATE_IN_PROGRESS ours").seats(seats);
    world(2).reads(&format!("create b\n{busy}"));
    world(1).reads(&format!("{busy}\nb: pending: waits for one of the stacks being changed now to be done"));
}

#[test]
fn what_takes_longer_than_its_manifest_allows_is_late_and_gives_its_seat_up() {
    let world =
        |seconds| World::of("a@1, b@1", "a@- UPDATE_IN_PROGRESS ours").seats(1).pending("a", Started::Update, seconds);
    let row = |seconds| world(seconds).row("a");
    assert_eq!([row(3600), row(3601)].map(|row| row.state().as_str()), ["applying", "needs a person"]);
    assert_eq!([row(3600), row(3601)].map(|row| row.takes_seat()), [true, false]);
    assert_eq!([row(3600), row(3601)].map(|row| row.in_flight()), [true, true], "both are worth another look");
    world(7200).reads(
        "create b
         a: needs a person: UPDATE_IN_PROGRESS since 2025-06-15T14:06:40Z, longer than its `timeout`; ends when \
         CloudFormation is done or a person cancels it (`aws cloudformation cancel-update-stack`)",
    );
}

#[test]
fn somebody_elses_operation_is_late_too_when_it_has_gone_on_longer_than_the_manifest_allows() {
    let world = |there: &str, seconds| {
        let mut world = World::of("a@1, b@1", there).seats(1);
        world.now = at(seconds);
        world
    };
    let state = |there: &str, seconds| world(there, seconds).row("a").state().as_str();
    for there in ["a@- UPDATE_IN_PROGRESS ours", "a@- UPDATE_ROLLBACK_IN_PROGRESS ours"] {
        assert_eq!([state(there, 3600), state(there, 3601)], ["pending", "needs a person"], "{there}");
    }
    world("a@- UPDATE_IN_PROGRESS ours", 3601).reads(
        "create b
         a: needs a person: UPDATE_IN_PROGRESS since 2025-06-15T15:06:40Z, longer than its `timeout`; ends when \
         CloudFormation is done or a person cancels it (`aws cloudformation cancel-update-stack`)",
    );
    let row = |change: fn(&mut plan::facts::FoundStack)| {
        let mut world = world("a@- CREATE_IN_PROGRESS ours", 3601);
        change(world.found.stacks.get_mut(&key("a")).expect("it is there"));
        world.row("a").state().as_str()
    };
    assert_eq!(row(|stack| stack.updated = None), "needs a person", "a creation began when the stack was made");
    assert_eq!(row(|stack| (stack.updated, stack.created) = (None, None)), "pending", "nobody says since when");
    // CloudFormation says when a stack was last changed, and not when its deletion began.
    assert_eq!(state("a@- DELETE_IN_PROGRESS ours", 1_000_000), "pending");
}

#[test]
fn what_was_started_and_is_not_seen_yet_is_waited_for() {
    World::of("a@1", "").pending("a", Started::Create, 5).reads(
        "a: applying: being created since 2025-06-15T16:06:35Z (not to be seen yet); ends when CloudFormation is done",
    );
}

#[test]
fn a_suspended_stack_is_left_as_it_is_and_says_where_that_is_written() {
    let suspended = "app: excepted: suspended: the audit is on; ends when `suspend` leaves stacks/app.yaml:1";
    check("app@2 suspended", "app@1 CREATE_COMPLETE ours", suspended);
    check("app@2 suspended", "", suspended);
    check(
        "app@2 suspended, web@1 <- app",
        "",
        &format!("{suspended}\nweb: pending: waits for eu-central-1/app to be in sync (now: excepted)"),
    );
}

#[test]
fn what_depends_on_a_suspended_stack_begins_when_that_one_stands() {
    let app = |there: &str| World::of("app@2 suspended, web@1 Vpc=app.Id", there);
    for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"] {
        let world = app(&format!("app@1 {status} ours Id=vpc-1"));
        assert_eq!(world.row("app").state().as_str(), "excepted", "{status}");
        assert_eq!(world.step("web").action.asked().expect("it is created").parameters["Vpc"], "vpc-1", "{status}");
    }
    for status in ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "UPDATE_IN_PROGRESS"] {
        assert_eq!(app(&format!("app@1 {status} ours Id=vpc-1")).plan().steps, [], "{status}");
    }
    assert_eq!(app("app@1 CREATE_COMPLETE theirs Id=vpc-1").plan().steps, [], "what is not ours is not built on");
    let started = app("app@1 CREATE_COMPLETE ours Id=vpc-1").pending("app", Started::Update, 5);
    assert_eq!(started.plan().steps, [], "nor what is about to be changed");
}

#[test]
fn a_stack_that_this_turn_does_no_more_with_has_no_step() {
    let mut world = World::of("a@1, b@1", "");
    world.stopped.insert(key("a"), plan::why::Why::Trouble("ThrottlingException: Rate exceeded".into()));
    world.reads("create b\na: unknown: ThrottlingException: Rate exceeded; tried again next turn");
    world.stopped.insert(key("a"), plan::why::Why::ForBudget { until: Some(at(86_400)) });
    world.reads(
        "create b
         a: pending: as much was destroyed in the last 24 hours as this account allows; goes on at 2025-06-16T15:06:40Z",
    );
}

#[test]
fn what_stopped_a_stack_is_forgotten_when_it_is_in_sync() {
    let mut world = World::of("net@1", UP);
    world.stopped.insert(key("net"), plan::why::Why::ForBudget { until: None });
    world.reads("net: in sync");
}

#[test]
fn nothing_is_concluded_from_a_region_that_could_not_be_listed() {
    World::of("net/eu-central-1+eu-west-1@1, app@1 Vpc=net.Id@eu-west-1", UP).unreadable("eu-west-1").reads(
        "app: pending: waits for eu-west-1/net to be in sync (now: unknown)
         net: in sync
         net/eu-west-1: unknown: could not be looked at in eu-west-1: ThrottlingException: Rate exceeded; ends when that \
         succeeds",
    );
}
