//! Who may begin now: as many as there are seats, removals last and alone.

use crate::{
    asked::{Asked, Fingerprint},
    facts::FoundStack,
    memory::generation,
    plan::{Facts, is_strange},
    recover::case,
    select::Wanted,
    stance::Stance,
    step::{Action, Row, Stand, Step},
    why::Why,
};
use alloc::{collections::BTreeMap, vec::Vec};
use manifests::id::StackKey;

/// Picks what is done now, and says of everything else that is due what it waits for. `order` is everything wanted,
/// dependencies first. Removals begin only when all of that is in place, because what leaves may be what something wanted
/// still stands on.
pub(crate) fn seat(
    order: &[(&StackKey, &Wanted)],
    rows: &mut BTreeMap<StackKey, Row>,
    facts: &Facts<'_>,
) -> Vec<StackKey> {
    if !rows.values().any(|row| matches!(row.stand, Stand::Due(_))) {
        return Vec::new();
    }
    let order = order.iter().map(|(key, _)| *key);
    let taken = rows.values().filter(|row| row.takes_seat()).count();
    let others_open = order.clone().any(|key| !rows.get(key).is_some_and(Row::is_in_place));
    let mut seats = facts.policy.seats().saturating_sub(taken);
    let most = facts.policy.guardrails.limits.stacks_per_turn;
    let mut left = most.saturating_sub(facts.begun.stacks);
    let due = |key: &&StackKey| rows.get(*key).is_some_and(|row| matches!(row.stand, Stand::Due(_)));
    let removals = rows.iter().filter(|(_, row)| is_removal(row)).map(|(key, _)| key);
    let all: Vec<StackKey> = order.filter(due).chain(removals).cloned().collect();
    let mut seated = Vec::new();
    for key in all {
        let Some(row) = rows.get_mut(&key) else { continue };
        if is_removal(row) && (others_open || taken > 0) {
            row.stand = Stand::Not(Why::ForOthers);
        } else if left == 0 {
            row.stand = Stand::Not(Why::ForTurn { most, what: "changes" });
        } else if seats == 0 {
            row.stand = Stand::Not(Why::ForSeat);
        } else {
            (seats, left) = (seats - 1, left - 1);
            seated.push(key);
        }
    }
    seated
}

fn is_removal(row: &Row) -> bool {
    matches!(row.stand, Stand::Due(Action::Remove { .. }))
}

/// What is done to a stack that is due.
pub(crate) fn step(facts: &Facts<'_>, key: &StackKey, row: &Row) -> Option<Step> {
    let Stand::Due(action) = &row.stand else { return None };
    let found = facts.found.stacks.get(key);
    let strange = found.is_some_and(|found| is_strange(facts.policy, facts.memory, key, found));
    let known = facts.memory.of(key);
    let case = action.stack_id().map(|stack_id| case(row.fingerprint, stack_id));
    let before = match case {
        Some(case) => {
            let tried = known.and_then(|known| known.tried.as_ref());
            tried.filter(|tried| tried.counts(action.started(), case)).map_or(0, |tried| tried.attempts)
        }
        None => {
            let failed = known.and_then(|known| known.failed.as_ref());
            let asked = action.asked().map(Asked::fingerprint);
            failed.filter(|failed| Some(failed.fingerprint) == asked).map_or(0, |failed| failed.attempts)
        }
    };
    Some(Step {
        key: key.clone(),
        manifest: row.manifest.clone(),
        action: action.clone(),
        stack_id: touchable(found).and(found).map(|found| found.id.clone()),
        generation: touchable(found),
        case,
        attempt: before.saturating_add(1),
        adopting: strange && matches!(action, Action::Update(_)),
    })
}

/// The stack as it is now; `None` when there is nothing, or only a shell.
pub(crate) fn touchable(found: Option<&FoundStack>) -> Option<Fingerprint> {
    found.filter(|found| !matches!(found.stance(), Some(Stance::Absent | Stance::Shell))).map(generation)
}
