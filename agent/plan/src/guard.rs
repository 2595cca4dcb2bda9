//! What a change may destroy. The change set is the judge: what is counted here is what will be executed.
//!
//! Three fences stand one behind the other: what the commit spells out (`allow`), what one change may destroy unspelled
//! (the tighter of the manifest's and the account's limits, nothing unless somebody raised both), and what one turn may
//! destroy in all, spelled out or not. A commit can move the first, and tighten the second; only the account moves the rest.

use crate::{
    asked::Fingerprint,
    facts::{Action, Change, PolicyAction, Replacement},
    permit::{Act, Permit},
    preview::Preview,
    step::{self, Step},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use manifests::{
    id::{Digest, LogicalId},
    stack::Stack,
};
use serde::{Deserialize, Serialize};

/// How much may be destroyed: the account's own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Resources that one change may remove without naming them.
    pub removals_per_change: u32,
    /// Resources that one change may replace without naming them.
    pub replacements_per_change: u32,
    /// Resources that one turn may remove in all.
    pub removals_per_turn: u32,
    /// Resources that one turn may replace in all.
    pub replacements_per_turn: u32,
    /// Stacks that one turn may delete because their manifests left.
    pub deletions_per_turn: u32,
}

impl Default for Limits {
    /// Nothing unspelled; a handful spelled out; one stack at a time.
    fn default() -> Self {
        Self {
            removals_per_change: 0,
            replacements_per_change: 0,
            removals_per_turn: 20,
            replacements_per_turn: 10,
            deletions_per_turn: 1,
        }
    }
}

/// What is left of a turn's share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    removals: u32,
    replacements: u32,
    deletions: u32,
}

impl Budget {
    /// A whole turn's.
    pub fn new(limits: &Limits) -> Self {
        Self {
            removals: limits.removals_per_turn,
            replacements: limits.replacements_per_turn,
            deletions: limits.deletions_per_turn,
        }
    }
}

/// What came of judging one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It may be done.
    Permitted(Permit),
    /// It may not, until a person changes something.
    Held(Held),
    /// It may, but this turn has destroyed its share.
    NextTurn,
}

/// A change that was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// One sentence that says what ends it.
    pub why: String,
    /// The digest of what would be destroyed: the same in every account where that is the same.
    pub plan: Digest,
    /// Everything the judgement depended on.
    pub case: Fingerprint,
}

/// What a change does to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// The resource is removed, or CloudFormation uses a word that we don't know.
    Removes,
    /// The resource is replaced, or might be: Conditional, Dynamic, and what can't be seen into.
    Replaces,
    /// The resource stays in the account, but no longer in the stack.
    Orphans,
    /// Nothing is lost.
    Nothing,
}

/// What a change does to what is there, at worst.
pub fn harm(change: &Change) -> Harm {
    match change.action {
        None => Harm::Removes,
        Some(Action::Remove) => match change.policy {
            Some(PolicyAction::Retain) => Harm::Orphans,
            Some(
                PolicyAction::Delete
                | PolicyAction::Snapshot
                | PolicyAction::ReplaceAndDelete
                | PolicyAction::ReplaceAndRetain
                | PolicyAction::ReplaceAndSnapshot,
            )
            | None => Harm::Removes,
        },
        Some(Action::Dynamic) => Harm::Replaces,
        Some(Action::Modify) => match change.replacement {
            // CloudFormation says it of every Modify; one of which it doesn't could be the worst.
            Some(Replacement::True | Replacement::Conditional) | None => Harm::Replaces,
            Some(Replacement::False) if is_opaque(&change.kind) => Harm::Replaces,
            Some(Replacement::False) => Harm::Nothing,
        },
        // An Add may come with `Replacement: True` in old recordings; there is nothing yet that it could replace.
        Some(Action::Add | Action::Import | Action::SyncWithActual) => Harm::Nothing,
    }
}

/// Whether a change to it can do what the change set doesn't show: a nested stack that was not walked, code that runs.
fn is_opaque(kind: &str) -> bool {
    kind == "AWS::CloudFormation::Stack"
        || kind == "AWS::CloudFormation::CustomResource"
        || kind.starts_with("Custom::")
}

/// Judges one change set, and takes what it destroys from the turn's share.
pub fn judge(preview: &Preview<'_>, limits: &Limits, budget: &mut Budget) -> Judgement {
    let all = |harm_: Harm| preview.set.changes.iter().filter(move |change| harm(change) == harm_);
    let allow = &preview.manifest.allow;
    let removed: Vec<&Change> = all(Harm::Removes).collect();
    let replaced: Vec<&Change> = all(Harm::Replaces).collect();
    let unspelled = |changes: &[&Change], allowed: &alloc::collections::BTreeSet<LogicalId>| -> Vec<LogicalId> {
        changes
            .iter()
            .filter(|change| !allowed.contains(&change.logical))
            .map(|change| change.logical.clone())
            .collect()
    };
    let removals = Count {
        verb: "remove",
        unspelled: unspelled(&removed, &allow.remove),
        limit: tighter(preview.manifest.limits.removals, limits.removals_per_change),
        total: count(&removed),
        per_turn: limits.removals_per_turn,
    };
    let replacements = Count {
        verb: "replace",
        unspelled: unspelled(&replaced, &allow.replace),
        limit: tighter(preview.manifest.limits.replacements, limits.replacements_per_change),
        total: count(&replaced),
        per_turn: limits.replacements_per_turn,
    };
    if let Some(why) = removals.held(preview).or_else(|| replacements.held(preview)) {
        return Judgement::Held(held(preview, limits, why));
    }
    let left = (budget.removals.checked_sub(removals.total), budget.replacements.checked_sub(replacements.total));
    let (Some(removals_left), Some(replacements_left)) = left else {
        return Judgement::NextTurn;
    };
    (budget.removals, budget.replacements) = (removals_left, replacements_left);
    let act = Act::Execute { change_set: preview.set.id.clone(), stack_id: preview.set.stack_id.clone() };
    Judgement::Permitted(permit(preview.step, act))
}

/// Judges what is done to a whole stack without a change set: one whose manifest left is deleted, one that never came up
/// is cleared away, one that is half done is sent back. `None` for what needs a change set.
///
/// A stack that never came up costs a removal, whatever is left of it, so that a turn can't clear away any number.
pub fn judge_whole(step: &Step, budget: &mut Budget) -> Option<Judgement> {
    let ((removals, deletions), act) = match &step.action {
        step::Action::Create(_) | step::Action::Update(_) => return None,
        step::Action::Remove { stack_id, retain } => {
            ((0, 1), Act::Delete { stack_id: stack_id.clone(), retain: retain.clone() })
        }
        step::Action::Clear { stack_id, retain } => {
            ((1, 0), Act::Delete { stack_id: stack_id.clone(), retain: retain.clone() })
        }
        step::Action::Continue { stack_id, skip } => {
            ((0, 0), Act::Continue { stack_id: stack_id.clone(), skip: skip.clone() })
        }
        // It deletes one that never came up; of any other it only takes back what the last change did.
        step::Action::RollBack { stack_id } => ((1, 0), Act::RollBack { stack_id: stack_id.clone() }),
    };
    let left = (budget.removals.checked_sub(removals), budget.deletions.checked_sub(deletions));
    let (Some(removals), Some(deletions)) = left else { return Some(Judgement::NextTurn) };
    (budget.removals, budget.deletions) = (removals, deletions);
    Some(Judgement::Permitted(permit(step, act)))
}

/// Everything that the judgement of a change depends on. While it is the same, a held change stays held, and nobody
/// has to ask CloudFormation again.
pub fn case(
    fingerprint: Fingerprint,
    generation: Option<Fingerprint>,
    manifest: &Stack,
    limits: &Limits,
) -> Fingerprint {
    let Limits {
        removals_per_change,
        replacements_per_change,
        removals_per_turn,
        replacements_per_turn,
        deletions_per_turn: _,
    } = limits;
    let account = [removals_per_change, replacements_per_change, removals_per_turn, replacements_per_turn];
    let text = format!("{fingerprint}|{generation:?}|{account:?}|{:?}|{:?}", manifest.limits, manifest.allow);
    Fingerprint::of(text.as_bytes())
}

/// One kind of destruction in one change.
struct Count {
    verb: &'static str,
    unspelled: Vec<LogicalId>,
    limit: u32,
    total: u32,
    per_turn: u32,
}

impl Count {
    /// Why it is too much, if it is.
    fn held(&self, preview: &Preview<'_>) -> Option<String> {
        let Self { verb, unspelled, limit, total, per_turn } = self;
        let file = &preview.manifest.at.file;
        if unspelled.len() > *limit as usize {
            let names = named(unspelled, &preview.set.changes);
            let entries = entries(verb, unspelled);
            let limit =
                if *limit == 0 { "nothing unnamed may go".to_string() } else { format!("the limit is {limit}") };
            return Some(format!(
                "would {verb} {names}, and {limit}; ends with a commit that leaves them alone, or writes `allow: [{entries}]` in {file}"
            ));
        }
        (*total > *per_turn).then(|| {
            format!(
                "would {verb} {total} resources, and this account allows {per_turn} in a turn; ends with a smaller commit, \
                 or when the account's limits are raised"
            )
        })
    }
}

fn held(preview: &Preview<'_>, limits: &Limits, why: String) -> Held {
    let fingerprint = preview.step.action.asked().map_or_else(|| Fingerprint::of(b""), |asked| asked.fingerprint());
    Held { why, plan: digest(preview), case: case(fingerprint, preview.step.generation, preview.manifest, limits) }
}

/// The digest of what a change destroys. No physical id and no account in it: the same destruction in another account
/// has the same digest.
pub fn digest(preview: &Preview<'_>) -> Digest {
    let mut lines: Vec<String> = preview
        .set
        .changes
        .iter()
        .filter(|change| harm(change) != Harm::Nothing)
        .map(|change| format!("{:?} {} {}", harm(change), change.kind, change.logical))
        .collect();
    lines.sort();
    lines.insert(0, format!("holdfast/1 {} {}", preview.step.manifest, preview.step.key));
    Digest::of(lines.join("\n").as_bytes())
}

fn permit(step: &Step, act: Act) -> Permit {
    Permit::new(step.key.clone(), act, token(step))
}

/// The `ClientRequestToken` of a step: the same for the same request on the same stack at the same attempt, so that an
/// answer lost after the work was done can't make CloudFormation do it twice.
pub fn token(step: &Step) -> String {
    let asked = step.action.asked().map(|asked| asked.fingerprint());
    let text = format!("{}|{:?}|{asked:?}|{:?}|{}", step.key, step.action.started(), step.generation, step.attempt);
    format!("holdfast-{}", Fingerprint::of(text.as_bytes()))
}

fn tighter(manifest: Option<u32>, account: u32) -> u32 {
    manifest.map_or(account, |manifest| manifest.min(account))
}

fn count(changes: &[&Change]) -> u32 {
    u32::try_from(changes.len()).unwrap_or(u32::MAX)
}

/// `{remove: AuditTable}, {remove: Key}, …`: so many that a person copies them, and no more, because the sentence is
/// remembered and sent.
fn entries(verb: &str, ids: &[LogicalId]) -> String {
    const SHOWN: usize = 8;
    let mut entries: Vec<String> = ids.iter().take(SHOWN).map(|id| format!("{{{verb}: {id}}}")).collect();
    if ids.len() > SHOWN {
        entries.push("…".into());
    }
    entries.join(", ")
}

/// `AuditTable (AWS::DynamoDB::Table) and 2 more`.
fn named(ids: &[LogicalId], changes: &[Change]) -> String {
    const SHOWN: usize = 3;
    let kind = |id: &LogicalId| changes.iter().find(|change| change.logical == *id).map_or("?", |change| &change.kind);
    let mut names: Vec<String> = ids.iter().take(SHOWN).map(|id| format!("{id} ({})", kind(id))).collect();
    if ids.len() > SHOWN {
        names.push(format!("{} more", ids.len() - SHOWN));
    }
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
