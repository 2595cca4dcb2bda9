//! Everything that an agent manages is to go: in which order, and what forbids it.

use crate::table::found;
use manifests::{
    guardrails::Guardrails,
    id::{Name, StackKey, StackName},
};
use plan::{facts::FoundStack, memory::Memory, permit::Act, resolve::MANIFEST, teardown::Teardown};
use std::collections::{BTreeMap, BTreeSet};

/// Stacks as `table` writes them, each of the manifest of its name.
fn stacks(all: &[&str]) -> BTreeMap<StackKey, FoundStack> {
    let one = |(at, entry): (usize, &&str)| {
        let (key, mut stack) = found(entry);
        stack.tags.insert(MANIFEST.into(), key.stack.to_string());
        stack.created = jiff::Timestamp::from_second(i64::try_from(at).expect("few")).ok();
        (key, stack)
    };
    all.iter().enumerate().map(one).collect()
}

/// `a < b c`: `a` is built on `b` and `c`.
fn needs(all: &[&str]) -> BTreeMap<Name, BTreeSet<Name>> {
    let name = |text: &str| text.parse::<Name>().expect("a name");
    let one = |line: &&str| {
        let (what, on) = line.split_once(" < ").expect(line);
        (name(what), on.split(' ').map(name).collect())
    };
    all.iter().map(one).collect()
}

/// The names of what goes, in its order; or what forbids it.
fn torn(
    all: &[&str],
    on: &[&str],
    keep: &[&str],
    guardrails: &Guardrails,
    memory: Option<&Memory>,
) -> Result<String, String> {
    let keep: BTreeSet<StackName> = keep.iter().map(|name| name.parse().expect("a name")).collect();
    let (stacks, needs) = (stacks(all), needs(on));
    let asked = Teardown { stacks: &stacks, needs: &needs, keep: &keep, guardrails, memory };
    let permits = asked.permits().map_err(|refused| refused.join("\n"))?;
    let name = |permit: &plan::permit::Permit| {
        let stack = &stacks[permit.key()];
        assert!(matches!(permit.act(), Act::Delete { stack_id, retain } if *stack_id == stack.id && retain.is_empty()));
        permit.key().stack.to_string()
    };
    Ok(permits.iter().map(name).collect::<Vec<_>>().join(" "))
}

const THREE: [&str; 3] = ["a@1 CREATE_COMPLETE ours", "b@1 CREATE_COMPLETE ours", "c@1 UPDATE_COMPLETE ours"];

#[test]
fn what_is_built_on_others_goes_before_those_and_otherwise_what_came_last() {
    let check = |on: &[&str], expect: &str| {
        assert_eq!(torn(&THREE, on, &[], &Guardrails::default(), None).as_deref(), Ok(expect), "{on:?}");
    };
    check(&[], "c b a");
    check(&["a < b", "b < c"], "a b c");
    check(&["a < c"], "b a c");
    check(&["a < elsewhere"], "c b a");
    // No parser lets a circle through; it ends all the same.
    check(&["a < b", "b < a"], "c b a");
}

#[test]
fn what_may_not_go_is_told_with_what_ends_it_and_may_be_kept() {
    let refused = |all: &[&str], guardrails: &Guardrails, expect: &str| {
        let why = torn(all, &[], &[], guardrails, None).expect_err(expect);
        assert!(why.contains(expect) && why.contains("`--keep a`"), "{expect}: {why}");
        assert_eq!(torn(all, &[], &["a"], guardrails, None).as_deref(), Ok(""));
    };
    let usual = Guardrails::default();
    refused(&["a@1 CREATE_COMPLETE ours protected"], &usual, "protected against termination");
    refused(&["a@1 UPDATE_IN_PROGRESS ours"], &usual, "ends when CloudFormation is done");
    refused(&["a@1 A_NEW_WORD ours"], &usual, "A_NEW_WORD");
    let mut none = Guardrails::default();
    none.may.prune = false;
    refused(&["a@1 CREATE_COMPLETE ours"], &none, "`may.prune`");
    for status in ["DELETE_IN_PROGRESS", "DELETE_FAILED", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"] {
        let one = format!("a@1 {status} ours");
        assert_eq!(torn(&[&one], &[], &[], &usual, None).as_deref(), Ok("a"), "{status}");
    }
}

#[test]
fn what_stays_keeps_what_it_is_built_on() {
    let keep = |keep: &[&str]| torn(&THREE, &["a < b", "b < c"], keep, &Guardrails::default(), None);
    assert_eq!(keep(&["c"]).as_deref(), Ok("a b"));
    assert_eq!(keep(&["b", "c"]).as_deref(), Ok("a"));
    let why = keep(&["b"]).expect_err("it is built on another");
    assert!(why.contains("is built on") && why.contains("`--keep c`"), "{why}");
    assert!(keep(&["x"]).expect_err("there is none").contains("manages no such stack"));
}

#[test]
fn what_only_carries_our_tag_is_not_ours_to_delete() {
    let all = ["a@1 CREATE_COMPLETE ours"];
    let mut memory = Memory::new("e".into());
    let (key, stack) = stacks(&all).pop_first().expect("one");
    memory.own(&key, "arn:aws:cloudformation:another");
    let why = torn(&all, &[], &[], &Guardrails::default(), Some(&memory)).expect_err("another of its name was");
    assert!(why.contains("is not the stack that was ours"), "{why}");
    memory.own(&key, &stack.id);
    assert_eq!(torn(&all, &[], &[], &Guardrails::default(), Some(&memory)).as_deref(), Ok("a"));
}
