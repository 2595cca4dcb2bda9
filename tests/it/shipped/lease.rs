//! Two agents in one account: one is at work at a time, and the other one says so.

use crate::{
    binary::{Ran, Running},
    site::{Site, Turn, parameter},
};
use manifests::report::{State, What};
use sim::{fault::Fault, world::Timing};

const LEASE: &str = "/holdfast/lease";

/// Somebody else is at work, on a machine that this one knows nothing of.
fn elsewhere(site: &Site, over: u64) {
    let until = site.world(|world, _| world.now()) + jiff::SignedDuration::from_mins(4);
    let holder = serde_json::json!({ "host": "elsewhere", "process": 7, "began": "2026-01-01T00:00:00Z" });
    let lease = serde_json::json!({ "holder": holder, "until": until, "over": over });
    site.operator().put(LEASE, "String", &lease.to_string());
}

#[test]
fn the_second_agent_says_who_is_at_work_and_changes_nothing() {
    let site = Site::of(&[("stack", "")]);
    elsewhere(&site, 0);
    let before = site.inventory();
    let ran = site.run(&["once"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(75), ""), "{ran:#?}");
    let words = "another agent is at work in this account (process 7 on elsewhere), so nothing was changed; ends when it is done";
    assert!(ran.stderr.contains(words), "{ran:#?}");
    assert_eq!((site.inventory(), site.called("ssm:PutParameter")), (before, 1));
    // What only looks is not kept out.
    assert_eq!(site.run(&["status"]).code, Some(4));
    assert_eq!(site.run(&["plan"]).code, Some(0));
}

#[test]
fn while_a_turn_is_under_way_another_process_of_the_machine_waits_for_its_end() {
    let site = Site::with(Timing::realistic(), &[("stack", "")]);
    let first = Running::start(&mut site.agent(&["once", "-o", "json"]));
    site.reached("cloudformation:ExecuteChangeSet", 1);
    let second = site.run(&["once"]);
    assert_eq!(second.code, Some(75), "{second:#?}");
    assert!(second.stderr.contains("another agent is at work"), "{second:#?}");
    // Killed, it is seen to be dead from here, and nobody waits for its term to end.
    let _ = first.kill();
    site.once().expect(State::InSync, 0);
    assert_eq!(site.called("cloudformation:ExecuteChangeSet"), 1, "what runs already is not started again");
}

#[test]
fn overlapping_invocations_of_a_function_are_kept_apart() {
    let site = Site::with(Timing::realistic(), &[("stack", "")]);
    // Every instance of a function has the same name and the same first process; what it logs to is its own.
    let instance = |stream: &str| {
        let mut agent = site.agent(&["once", "-o", "json"]);
        agent.env("AWS_LAMBDA_LOG_STREAM_NAME", stream);
        agent
    };
    let first = Running::start(&mut instance("one"));
    site.reached("cloudformation:ExecuteChangeSet", 1);
    assert_eq!(Ran::of(&mut instance("two")).code, Some(75));
    let _ = first.kill();
    // Whether a process of another instance is dead can't be seen from here, so its term is waited for.
    assert_eq!(Ran::of(&mut instance("two")).code, Some(75));
    Turn::of(Ran::of(&mut instance("one"))).expect(State::InSync, 0);
    assert_eq!(site.called("cloudformation:ExecuteChangeSet"), 1, "what runs already is not started again");
}

#[test]
fn an_answer_that_was_lost_on_taking_the_lease_costs_nothing() {
    let site = Site::of(&[("stack", "")]);
    // The lease is the first thing that a turn writes: its work is done, its answer is lost, and the SDK asks again.
    site.fault("ssm:PutParameter", Some(1), Fault::Crash { after: true });
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["stack"]);
    assert_eq!(site.called("ssm:GetParameter"), 3, "two that were written are read, and that there is no third");
    site.write("stack", "parameters: {Value: two}");
    site.template("stack", &parameter("stack", "two"));
    site.repository.commit();
    let (turn, calls) = site.costs(|| site.once());
    assert_eq!(turn.expect(State::InSync, 0).happened(What::Updated), ["stack"]);
    assert_eq!(calls.get("ssm:GetParameter"), None, "and the next turn is one like any other");
}
