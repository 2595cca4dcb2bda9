//! Which stacks are looked at, and in which order.
//!
//! Not here: how many a minute ([`super::schedule::Budget`]).

use super::{
    heal::{is_asked, mode, rules},
    learn,
    remembered::Drifts,
    schedule,
    seen::Place,
};
use crate::{
    asked::Fingerprint,
    facts::{FoundStack, Status},
    memory::generation,
    plan::{Facts, is_strange},
};
use alloc::vec::Vec;
use jiff::Timestamp;
use manifests::{drift::Mode, id::StackKey};

/// A look that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// At which stack.
    pub place: Place,
    /// The stack as it is now.
    pub generation: Fingerprint,
    /// When our own change began, if it is the first after it: what it finds there is a baseline.
    pub first: Option<Timestamp>,
}

/// Every look that is due: first ones first, because they can't wait, then what was due longest ago.
pub fn due(facts: &Facts<'_>, drifts: &Drifts) -> Vec<Due> {
    let mut all: Vec<(bool, Timestamp, Due)> =
        facts.found.stacks.iter().filter_map(|(key, found)| one(facts, drifts, key, found)).collect();
    all.sort_by(|(first, at, due), (other_first, other_at, other)| {
        (!first, at, &due.place).cmp(&(!other_first, other_at, &other.place))
    });
    all.into_iter().map(|(.., due)| due).collect()
}

fn one(facts: &Facts<'_>, drifts: &Drifts, key: &StackKey, found: &FoundStack) -> Option<(bool, Timestamp, Due)> {
    let place = lookable(facts, key)?;
    if drifts.of(key).is_some_and(|known| known.running.is_some()) {
        return None;
    }
    // What lies in the future was written by a clock that was wrong.
    let looked = drifts.looked(key).map(|quiet| quiet.at).filter(|at| *at <= facts.now);
    let touched = found.updated.or(found.created);
    let first = learn::first(is_asked(found), touched, looked, facts.now);
    let every = rules(facts, key)?.every;
    let at = schedule::due(every, &facts.selected.account.id, key, looked);
    (first.is_some() || at <= facts.now)
        .then(|| (first.is_some(), at, Due { place, generation: generation(found), first }))
}

/// The place of a stack at which drift detection may look: wanted, ours, not turned off, at rest. CloudFormation looks at a
/// stack in four statuses only (User Guide, "Detect unmanaged configuration changes").
pub fn lookable(facts: &Facts<'_>, key: &StackKey) -> Option<Place> {
    let found = facts.found.stacks.get(key)?;
    let at_rest = matches!(
        found.status,
        Ok(Status::CreateComplete
            | Status::UpdateComplete
            | Status::UpdateRollbackComplete
            | Status::UpdateRollbackFailed)
    );
    let pending = facts.memory.of(key).is_some_and(|known| known.pending.is_some());
    let ours = !found.nested && !is_strange(facts.policy, facts.memory, key, found);
    let wanted = mode(facts, key) != Mode::Off;
    (at_rest && !pending && ours && wanted).then(|| Place { key: key.clone(), stack_id: found.id.clone() })
}
