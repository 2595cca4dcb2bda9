//! A stack that a person sent back to what an earlier commit asked.

use crate::table::{World, at, fingerprint, key, printed, repository, word};
use manifests::id::CommitId;
use plan::{
    health::{Past, wayback},
    orders::Rollback,
};

fn commit() -> CommitId {
    word(&"a".repeat(40))
}

/// The branch asks for version 2 of `app`, a person for the form that it had at `a`, which was version 1.
fn sent_back(there: &str) -> World {
    let mut world = World::of("app@2", there);
    let (until, reason, by) = (at(9_000), "two is broken".to_owned(), "alice".to_owned());
    world.orders.rollbacks.push(Rollback { stack: word("app"), commit: commit(), until, reason, by });
    world.knowing_then("app@1")
}

impl World {
    fn knowing_then(mut self, wanted: &str) -> Self {
        let then = Self::of(wanted, "");
        self.pasts.insert(commit(), Ok(Past { selected: then.selected(), values: then.values.clone() }));
        self
    }
}

const STAYS: &str = "rolled back to its form at aaaaaaa: two is broken (alice); ends at 2025-06-15T17:36:40Z, or with `holdfast unpin STACK`";

#[test]
fn it_goes_back_and_stays_there_until_that_ends() {
    let mut world = sent_back("app@2 UPDATE_COMPLETE ours");
    world.reads("back app");
    assert_eq!(world.step("app").action.asked().map(|asked| asked.fingerprint()), Some(fingerprint("app@1")));
    world.found = World::of("", "app@1 UPDATE_COMPLETE ours").found;
    world.reads(&format!("app: excepted: {STAYS}"));
    world.repository = repository("app@3");
    world.reads(&format!("app: excepted: {STAYS}"));
    world.orders = world.orders.in_force(at(9_000));
    world.reads("update app");
}

#[test]
fn what_depends_on_it_goes_on_once_it_is_back() {
    let mut world = sent_back("app@2 UPDATE_COMPLETE ours");
    world.repository = repository("app@2, web@1 <- app");
    world.reads("back app\nweb: pending: waits for eu-central-1/app to be in sync (now: pending)");
    world.found = World::of("", "app@1 UPDATE_COMPLETE ours").found;
    world.reads(&format!("create web\napp: excepted: {STAYS}"));
}

#[track_caller]
fn says(world: &World, state: &str, text: &str) {
    let printed = printed(&world.plan());
    assert!(printed.starts_with(&format!("app: {state}: is to go back to its form at aaaaaaa (two is broken, alice)")));
    assert!(printed.contains(text), "{printed}");
}

#[test]
fn what_cannot_go_back_says_why_and_does_not_go_on_either() {
    let there = "app@2 UPDATE_COMPLETE ours";
    says(&sent_back("").knowing_then("app@1"), "held", "there is no stack that could go back");
    says(&sent_back(there).knowing_then("net@1"), "failed", "no manifest asked for it at that commit");
    let mut theirs = sent_back("app@2 UPDATE_COMPLETE").with("app", |app| app.adopt = true);
    theirs.policy.guardrails.may.adopt = true;
    says(&theirs, "held", "the stack that is there is not ours yet");
    let mut unread = sent_back(there);
    unread.pasts.clear();
    says(&unread, "unknown", "that commit was not read yet");
}

#[test]
fn the_commit_is_read_for_the_stacks_that_are_wanted_here() {
    let world = sent_back("app@2 UPDATE_COMPLETE ours");
    let read = wayback(&world.memory, &world.selected(), &world.orders);
    assert_eq!(read.into_iter().collect::<Vec<_>>(), [(commit(), vec![key("app")])]);
    let other = World::of("net@1", "");
    assert!(wayback(&other.memory, &other.selected(), &world.orders).is_empty());
}
