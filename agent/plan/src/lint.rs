//! What must be true of any plan, whoever made it. Tests run this on every plan they see; a turn runs it again before
//! the first change, and a note ends the turn with nothing changed.
//!
//! It repeats no decision of [`crate::plan`]: each rule is a property that the plan has to have, checked from the outside.

use crate::{
    plan::{Action, Facts, Plan, Stand, stance_of},
    resolve::{MANIFEST, OWNER, dependencies},
    stance::Stance,
};
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use manifests::report::State;

/// Everything wrong with a plan, as sentences. Empty is good.
pub fn lint(plan: &Plan, facts: &Facts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut seen = BTreeSet::new();
    for step in &plan.steps {
        let key = &step.key;
        let found = facts.found.stacks.get(key);
        let mut note = |text: &str| notes.push(format!("{key}: {text}"));
        if !seen.insert(key) {
            note("there are two steps for it");
        }
        if !facts.found.regions.contains(&key.region) {
            note("there is a step in a region that was not looked at");
        }
        if facts.memory.of(key).is_some_and(|known| known.pending.is_some()) {
            note("there is a step for it while one is under way");
        }
        if found.and_then(stance_of) == Some(Stance::Busy) {
            note("there is a step for it while CloudFormation is at work on it");
        }
        let ours = found.is_some_and(|found| found.tags.get(OWNER) == Some(&facts.policy.owner));
        let shell = found.is_none_or(|found| matches!(stance_of(found), Some(Stance::Shell | Stance::Absent)));
        match &step.action {
            Action::Create(_) if !shell => note("it is to be created, and is there already"),
            Action::Update(_) | Action::Clear { .. } | Action::Remove { .. } if !ours => note("it is not ours"),
            Action::Remove { .. } if facts.selected.wanted.contains_key(key) => note("it is wanted and to be removed"),
            Action::Remove { .. } if !facts.selected.complete => note("it is to be removed on an incomplete reading"),
            Action::Remove { .. } if facts.selected.wanted.is_empty() => {
                note("it is to be removed by an empty repository")
            }
            Action::Remove { .. } if found.is_some_and(|found| !found.tags.contains_key(MANIFEST)) => {
                note("it is to be removed, and no manifest ever asked for it");
            }
            Action::Clear { .. } if found.and_then(stance_of) != Some(Stance::Stillborn) => {
                note("it is to be cleared away, and it did come up");
            }
            Action::Create(_) | Action::Update(_) | Action::Clear { .. } | Action::Remove { .. } => {}
        }
        if let Some(waits) = unmet(plan, facts, key) {
            note(&waits);
        }
    }
    let removals = plan.steps.iter().filter(|step| matches!(step.action, Action::Remove { .. })).count();
    if removals > 0 && removals < plan.steps.len() {
        notes.push("removals and other changes are mixed".into());
    }
    if plan.steps.len() > facts.policy.concurrency {
        notes.push("more is changed at a time than the account allows".into());
    }
    let due = plan.rows.values().filter(|row| matches!(row.stand, Stand::Due(_))).count();
    if due != plan.steps.len() {
        notes.push("a stack is due without a step".into());
    }
    notes
}

/// A dependency of a step that is not in place.
fn unmet(plan: &Plan, facts: &Facts<'_>, key: &manifests::id::StackKey) -> Option<String> {
    let wanted = facts.selected.wanted.get(key)?;
    let on = dependencies(facts.selected, key, &wanted.manifest).ok()?;
    let unmet = on.into_iter().find(|on| plan.rows.get(*on).is_none_or(|row| row.state() != State::InSync))?;
    Some(format!("it depends on {unmet}, which is not in sync"))
}
