//! What must be true of any plan, whoever made it. Tests run this on every plan they see; a turn runs it again before
//! the first change, and a note ends the turn with nothing changed.
//!
//! It repeats no decision of [`crate::plan`]: each rule is a property that the plan has to have, checked from the outside.

use crate::{
    facts::{FoundStack, Status},
    plan::Facts,
    recover::{CONTINUES, ROLLBACKS},
    resolve::{MANIFEST, OWNER, PRUNE, RETAIN, dependencies},
    stance::Stance,
    step::{Action, Plan, Row, Stand, Step},
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use manifests::{
    drift::Mode,
    id::{CommitId, LogicalId, Name, StackKey},
    report::State,
};

/// Everything wrong with a plan, as sentences. Empty is good.
pub fn lint(plan: &Plan, facts: &Facts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut seen = BTreeSet::new();
    for step in &plan.steps {
        let key = &step.key;
        if !seen.insert(key) {
            notes.push(format!("{key}: there are two steps for it"));
        }
        notes.extend(one(step, facts));
        if let Some(waits) = unmet(plan, facts, key) {
            notes.push(format!("{key}: {waits}"));
        }
    }
    let removals = plan.steps.iter().filter(|step| matches!(step.action, Action::Remove { .. })).count();
    if removals > 0 && removals < plan.steps.len() {
        notes.push("removals and other changes are mixed".into());
    }
    let taken = plan.rows.values().filter(|row| row.takes_seat()).count();
    let begun = facts.begun.stacks as usize;
    if !plan.steps.is_empty() && plan.steps.len() + begun > facts.policy.guardrails.limits.stacks_per_turn as usize {
        notes.push("more is changed in a turn than the account allows".into());
    }
    if !plan.steps.is_empty() && plan.steps.len() + taken > facts.policy.seats() {
        notes.push("more is changed at a time than the account allows".into());
    }
    for (key, _) in plan.rows.iter().filter(|(key, row)| matches!(row.stand, Stand::Due(_)) != seen.contains(key)) {
        notes.push(format!("{key}: it is due without a step, or has a step and is not due"));
    }
    notes
}

/// Everything wrong with heals that are about to begin, as sentences.
pub fn lint_heals(steps: &[Step], facts: &Facts<'_>) -> Vec<String> {
    let mut notes: Vec<String> = steps.iter().flat_map(|step| one(step, facts)).collect();
    let keys: BTreeSet<&StackKey> = steps.iter().map(|step| &step.key).collect();
    if keys.len() < steps.len() {
        notes.push("there are two heals of one stack".into());
    }
    for step in steps.iter().filter(|step| !matches!(step.action, Action::Heal(_))) {
        notes.push(format!("{}: it is no heal", step.key));
    }
    let begun = facts.begun.stacks as usize;
    if !steps.is_empty() && steps.len() + begun > facts.policy.guardrails.limits.stacks_per_turn as usize {
        notes.push("more is changed in a turn than the account allows".into());
    }
    notes
}

/// Everything wrong with one step, whatever else there is.
fn one(step: &Step, facts: &Facts<'_>) -> Vec<String> {
    let key = &step.key;
    let mut notes = Vec::new();
    let found = facts.found.stacks.get(key);
    let mut note = |text: &str| notes.push(format!("{key}: {text}"));
    if facts.closed.is_some() {
        note("there is a step for it while nothing may begin");
    }
    if facts.policy.guardrails.protects(&key.stack).is_some() {
        note("there is a step for it, and the account protects it");
    }
    if facts.orders.holds.iter().any(|hold| hold.stack.as_ref().is_none_or(|stack| *stack == key.stack)) {
        note("there is a step for it while a person holds it");
    }
    if !facts.found.regions.contains(&key.region) {
        note("there is a step in a region that was not looked at");
    }
    if facts.memory.of(key).is_some_and(|known| known.pending.is_some()) {
        note("there is a step for it while one is under way");
    }
    if found.and_then(FoundStack::stance) == Some(Stance::Busy) {
        note("there is a step for it while CloudFormation is at work on it");
    } else if let Some(wrong) = wrong(&step.action, key, facts) {
        note(wrong);
    }
    if unlisted(&step.action, key, facts) {
        note("it is to give up what no manifest lets it");
    }
    if is_worn_out(step) {
        note("it was tried as often as it may be");
    }
    notes
}

/// What is wrong with doing this to what is there.
fn wrong(action: &Action, key: &StackKey, facts: &Facts<'_>) -> Option<&'static str> {
    let Some(found) = facts.found.stacks.get(key) else {
        return (!matches!(action, Action::Create(_))).then_some("it is to be changed, and is not there");
    };
    let stance = found.stance();
    let gives_up = action.gives_up().is_some();
    let ours = found.tags.get(OWNER) == Some(&facts.policy.owner) && !found.nested;
    let another = facts.memory.owns(key, &found.id) == Some(false) && stance != Some(Stance::Shell);
    let adopts = facts.selected.wanted.get(key).is_some_and(|wanted| wanted.manifest.adopt)
        && facts.policy.guardrails.may.adopt
        && found.tags.get(OWNER).is_none_or(|owner| *owner == facts.policy.owner);
    match action {
        Action::Create(_) => match stance {
            Some(Stance::Absent) => None,
            Some(Stance::Shell) => (!ours && !found.tags.is_empty()).then_some("it is not ours"),
            Some(Stance::Busy | Stance::Ready | Stance::Undone | Stance::Stillborn | Stance::Stuck(_)) | None => {
                Some("it is to be created, and is there already")
            }
        },
        Action::Update(_) if adopts && !found.nested && (!ours || another) => None,
        _ if !ours => Some("it is not ours"),
        _ if another => Some("it is not the one that was ours"),
        Action::Back(_, commit) if !fell(key, facts) && !is_sent_back(key, commit, facts) => {
            Some("it is to go back, and neither did a change of it fail its checks nor did a person say so")
        }
        Action::Heal(_)
            if facts.selected.wanted.get(key).is_none_or(|wanted| wanted.manifest.drift.mode == Mode::Off) =>
        {
            Some("it is to be healed, and its manifest has nobody look")
        }
        Action::Heal(_) if facts.policy.guardrails.drift.most == Mode::Off => {
            Some("it is to be healed, and the account has nobody look")
        }
        Action::Heal(_) if facts.selected.wanted.get(key).is_some_and(|wanted| wanted.manifest.suspend.is_some()) => {
            Some("it is to be healed, and is suspended")
        }
        Action::Update(_) | Action::Back(..) | Action::Heal(_) => {
            let can = matches!(stance, Some(Stance::Ready | Stance::Undone));
            (!can).then_some("it is to be updated, and can't be as it is")
        }
        Action::Clear { stack_id, .. } | Action::Remove { stack_id, .. } if *stack_id != found.id => {
            Some("it is to be deleted under another stack's ARN")
        }
        Action::Continue { stack_id, .. } | Action::RollBack { stack_id } if *stack_id != found.id => {
            Some("it is to be sent back under another stack's ARN")
        }
        Action::Clear { .. } | Action::Remove { .. } if found.protected => {
            Some("it is to be deleted, and is protected against that")
        }
        Action::RollBack { .. } if found.protected && found.is_unborn() => {
            Some("it is to be rolled back to nothing, and is protected against that")
        }
        Action::Clear { .. } | Action::Remove { .. } if found.status != Ok(Status::DeleteFailed) && gives_up => {
            Some("it is to leave resources standing in a deletion that did not fail")
        }
        Action::Clear { .. } => {
            let dead = found.is_unborn() || found.status == Ok(Status::DeleteFailed);
            (!dead).then_some("it is to be cleared away, and it did come up")
        }
        Action::Continue { .. } => (found.status != Ok(Status::UpdateRollbackFailed))
            .then_some("its rollback is to go on, and has not stopped"),
        Action::RollBack { .. } => (!matches!(found.status, Ok(Status::CreateFailed | Status::UpdateFailed)))
            .then_some("it is to be rolled back, and can't be as it is"),
        Action::Remove { .. } => removed(key, found, facts),
    }
}

/// Whether a change failed its checks, and was not taken back yet.
fn fell(key: &StackKey, facts: &Facts<'_>) -> bool {
    let trial = facts.memory.of(key).and_then(|known| known.trial.as_ref());
    trial.and_then(|trial| trial.fell.as_ref()).is_some_and(|fell| !fell.done && fell.to.is_some())
}

/// Whether a person sent it back to what this commit asked.
fn is_sent_back(key: &StackKey, commit: &CommitId, facts: &Facts<'_>) -> bool {
    facts.orders.rollback(key).is_some_and(|rollback| rollback.commit == *commit)
}

/// What is wrong with giving something up for it.
fn unlisted(action: &Action, key: &StackKey, facts: &Facts<'_>) -> bool {
    let Some(names) = action.gives_up() else { return false };
    let manifest = facts.selected.wanted.get(key).map(|wanted| &wanted.manifest.recovery);
    let tag = facts.found.stacks.get(key).and_then(|found| found.tags.get(RETAIN));
    let listed = |name: &LogicalId| match (action, manifest) {
        (Action::Continue { .. }, Some(recovery)) => recovery.skip.contains(name),
        (Action::Clear { .. }, Some(recovery)) => recovery.retain.contains(name),
        (Action::Remove { .. }, _) => tag.is_some_and(|tag| tag.split(' ').any(|listed| listed == name.as_str())),
        _ => false,
    };
    !names.iter().all(listed)
}

/// Whether it was tried as often as it may be, and gives up nothing that would make it another try.
fn is_worn_out(step: &Step) -> bool {
    let most = match step.action {
        Action::Continue { .. } => CONTINUES,
        Action::RollBack { .. } => ROLLBACKS,
        Action::Create(_)
        | Action::Update(_)
        | Action::Back(..)
        | Action::Heal(_)
        | Action::Clear { .. }
        | Action::Remove { .. } => return false,
    };
    step.attempt > most && step.action.gives_up().is_none()
}

/// What is wrong with removing a stack that is ours.
fn removed(key: &StackKey, found: &FoundStack, facts: &Facts<'_>) -> Option<&'static str> {
    let selected = facts.selected;
    let manifest: Option<Name> = found.tags.get(MANIFEST).and_then(|name| name.parse().ok());
    if selected.wanted.contains_key(key) {
        return Some("it is wanted and to be removed");
    }
    if !selected.complete {
        return Some("it is to be removed on an incomplete reading");
    }
    if selected.wanted.is_empty() {
        return Some("it is to be removed by an empty repository");
    }
    let shell = found.stance() == Some(Stance::Shell);
    if !shell && found.tags.get(PRUNE).map(String::as_str) != Some("delete") {
        return Some("it is to be removed, and its manifest did not say that it may");
    }
    match manifest {
        None => Some("it is to be removed, and no manifest ever asked for it"),
        Some(manifest) => {
            selected.broken.contains_key(&manifest).then_some("it is to be removed, and its manifest can't be read")
        }
    }
}

/// What a step still waits for.
fn unmet(plan: &Plan, facts: &Facts<'_>, key: &StackKey) -> Option<String> {
    let in_place = |row: &Row| matches!(row.state(), State::InSync | State::Excepted);
    let Some(wanted) = facts.selected.wanted.get(key) else {
        let open = facts.selected.wanted.keys().any(|key| !plan.rows.get(key).is_some_and(in_place));
        return open.then(|| "it is to be removed before everything that is wanted is in place".to_string());
    };
    let on = dependencies(facts.selected, key, &wanted.manifest).ok()?;
    let unmet = on.into_iter().find(|on| !plan.rows.get(*on).is_some_and(|row| is_met(row, facts, on)))?;
    Some(format!("it depends on {unmet}, which is not in sync"))
}

/// Whether what depends on this stack may begin: it is in sync, or suspended, held or sent back by a person while it stood.
fn is_met(row: &Row, facts: &Facts<'_>, on: &StackKey) -> bool {
    let suspended = facts.selected.wanted.get(on).is_some_and(|wanted| wanted.manifest.suspend.is_some());
    let on_hold = facts.orders.hold(on).is_some() || facts.orders.rollback(on).is_some();
    let stance = facts.found.stacks.get(on).and_then(FoundStack::stance);
    let stands = matches!(stance, Some(Stance::Ready | Stance::Undone));
    row.state() == State::InSync || (row.state() == State::Excepted && (suspended || on_hold) && stands)
}
