//! An agent that is killed in the middle of a turn: the next one finishes, and nothing is done twice.
//!
//! An account that holds one answer back shows where the agent stands; there it is killed, as a machine that loses its
//! power kills it. The work behind the answer is done.

use crate::{
    binary::Running,
    site::{Site, Turn},
    world::HOME,
};
use agent::store::{Place, Store as _};
use jiff::SignedDuration;
use manifests::{
    id::StackKey,
    report::{State, What},
};

/// Starts a turn, kills it once the account has got this call so often, and answers for everything but the answer.
#[track_caller]
fn kill_at(site: &Site, call: &str, arguments: &[&str]) {
    let before = site.called(call);
    site.stall(call);
    let agent = Running::start(&mut site.agent(&[&["once"], arguments].concat()));
    site.reached(call, before + 1);
    agent.kill();
    site.flow();
}

/// A first turn that is killed at this call, and the one after it.
#[track_caller]
fn check(call: &str) -> Turn {
    let site = Site::of(&[("base", ""), ("top", "parameters: {Value: {output: {stack: base, key: Value}}}")]);
    kill_at(&site, call, &[]);
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(site.called("cloudformation:ExecuteChangeSet"), 2, "one for each stack");
    let (settled, calls) = site.costs(|| site.once());
    settled.expect(State::InSync, 0);
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None);
    turn
}

#[test]
fn while_it_asks_who_it_is() {
    check("sts:GetCallerIdentity");
}

#[test]
fn while_it_looks() {
    check("cloudformation:DescribeStacks");
}

#[test]
fn while_it_asks_for_a_change_set() {
    check("cloudformation:CreateChangeSet");
}

#[test]
fn while_it_reads_the_change_set() {
    check("cloudformation:DescribeChangeSet");
}

#[test]
fn while_it_starts_the_change() {
    let turn = check("cloudformation:ExecuteChangeSet");
    assert_eq!(turn.happened(What::Created), ["base", "top"], "what was started before is told all the same");
}

#[test]
fn while_it_updates() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    kill_at(&site, "cloudformation:ExecuteChangeSet", &[]);
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Updated), ["stack"]);
    assert_eq!(site.called("cloudformation:ExecuteChangeSet"), 2);
}

#[test]
fn while_it_deletes() {
    let site = Site::of(&[("stays", ""), ("goes", "prune: true\ndeletionPolicy: delete")]);
    site.without_grace();
    site.once().expect(State::InSync, 0);
    site.repository.remove("goes.yaml");
    site.repository.commit();
    kill_at(&site, "cloudformation:DeleteStack", &[]);
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!((turn.happened(What::Deleted), site.called("cloudformation:DeleteStack")), (vec!["goes"], 1));
}

#[test]
fn while_it_tells() {
    let site = Site::of(&[("stack", "")]);
    let topic = crate::shipped::reports::hub(&site);
    let told = ["--topic", &*topic];
    let before = site.called("sns:Publish");
    site.stall("sns:Publish");
    let agent = Running::start(&mut site.agent(&[&["once"], &told[..]].concat()));
    site.reached("sns:Publish", before + 1);
    agent.kill();
    site.flow();
    let turn = site.once_with(&told).expect(State::InSync, 0);
    assert_eq!(
        (turn.report.sequence, turn.happened(What::Created)),
        (2, vec!["stack"]),
        "no two reports carry one number"
    );
    assert_eq!(site.called("cloudformation:ExecuteChangeSet"), 1);
}

/// Killed after it wrote down what it was about to start, and before it started it. Whether the start happened can't be
/// seen for a while; what was written is set back by a minute here instead of waiting for one.
#[tokio::test]
async fn between_memory_and_start() {
    let site = Site::of(&[("stack", "")]);
    let file = site.file("memory.json");
    let memory = format!("file:{}", file.display());
    let arguments = ["--memory", &*memory, "--turn", "1s"];
    site.fault("cloudformation:ExecuteChangeSet", None, sim::fault::Fault::TimeoutBefore);
    // No start reaches CloudFormation, however often the agent asks before it dies.
    let agent = Running::start(&mut site.agent(&[&["once"], &arguments[..]].concat()));
    site.reached("cloudformation:ExecuteChangeSet", 1);
    agent.kill();
    site.calm();
    let begun = site.called("cloudformation:ExecuteChangeSet");
    assert_eq!(site.operator().status("stack").as_deref(), Some("REVIEW_IN_PROGRESS"));
    let turn = site.once_with(&arguments).expect(State::Applying, 4);
    assert!(turn.why("stack").starts_with("being created since "), "{turn:#?}");
    assert_eq!(site.called("cloudformation:ExecuteChangeSet"), begun, "it may have been started");

    let store = Place::files(&file);
    let mut memory = store.open().await.unwrap().memory.unwrap();
    let key = StackKey { region: HOME.parse().unwrap(), stack: "stack".parse().unwrap() };
    memory.change(&key, |known| {
        let pending = known.pending.as_mut().unwrap();
        pending.since = pending.since.checked_sub(SignedDuration::from_mins(1)).unwrap();
    });
    store.save(&memory).await.unwrap();
    let turn = site.once_with(&arguments[..2]).expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["stack"]);
    assert_eq!(site.called("cloudformation:ExecuteChangeSet"), begun + 1);
}
