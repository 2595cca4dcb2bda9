//! What a change may destroy. The change set is the judge: what is counted here is what will be executed.
//!
//! The fences stand one behind the other: what the account's guardrails forbid outright ([`crate::fence`]); types that are
//! never destroyed without a person in the account; what one change may destroy unspelled (the tighter of the manifest's and
//! the account's limits); what any 24 hours and one turn may destroy in all. A commit can move none of them: it can spell
//! out what it destroys, and tighten. Who can release what:
//!
//! | held because of | `allow` in the manifest | `Approval` in the repository | `holdfast approve` in the account |
//! |---|---|---|---|
//! | unspelled destruction | yes, once | yes | yes |
//! | a type that is never destroyed | no | no | yes |
//! | denied types, names, macros, 24 hours, windows | no | no | no |

use crate::{
    adopt,
    asked::Fingerprint,
    facts::{Action, Change, PolicyAction, Replacement},
    fence,
    memory::Memory,
    orders::{Leave, Orders},
    permit::{Act, Permit},
    preview::Preview,
    short::Short,
    spent::Toll,
    step::{self, Step},
    why::Why,
};
use alloc::{format, string::String, vec::Vec};
use jiff::Timestamp;
use manifests::{
    approval::Approval,
    guardrails::{Guardrails, Limits},
    id::{CommitId, Digest, ResourcePath, StackKey},
    stack::Stack,
};

mod heal;
mod kind;

pub use heal::judge_heal;
use kind::{Kind, named};

/// What a change is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Law<'a> {
    /// What the account allows.
    pub guardrails: &'a Guardrails,
    /// What people told the account.
    pub orders: &'a Orders,
    /// What the repository approves for this account.
    pub approvals: &'a [Approval],
    /// What is remembered: what was destroyed, which entries of `allow` are used up.
    pub memory: &'a Memory,
    /// What this turn has begun.
    pub begun: Begun,
    /// For which commit it would be done; `None` where nothing will be.
    pub commit: Option<&'a CommitId>,
    /// Now, by AWS's clock.
    pub now: Timestamp,
}

/// What a turn has begun so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Begun {
    /// Stacks that it began to change.
    pub stacks: u32,
    /// Stacks that it began to delete because their manifests left.
    pub deletions: u32,
}

/// What came of judging one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It may be done. What it destroys is written down before it is.
    Permitted(Permit, Cost),
    /// It may not, until a person changes something.
    Held(Held),
    /// It may, but not now.
    Later(Why),
}

/// What a permitted change takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    /// What it destroys.
    pub toll: Toll,
    /// The entries of `allow` that let it through.
    pub allowed: Vec<Short>,
}

/// A change that was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// One sentence that says what ends it.
    pub why: String,
    /// The digest of what would be destroyed: the same in every account where that is the same.
    pub plan: Digest,
    /// Everything the judgement depended on, but for whose leave it had.
    pub case: Fingerprint,
    /// Whose leave it had all the same.
    pub leave: Leave,
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
            Some(Replacement::False) if is_opaque(change) => Harm::Replaces,
            Some(Replacement::False) => Harm::Nothing,
        },
        // An Add may come with `Replacement: True` in old recordings; there is nothing yet that it could replace.
        Some(Action::Add | Action::Import | Action::SyncWithActual) => Harm::Nothing,
    }
}

/// Whether a change to it can do what the change set doesn't show: a nested stack that was not walked, code that runs.
fn is_opaque(change: &Change) -> bool {
    (change.kind == "AWS::CloudFormation::Stack" && !change.walked) || is_code(&change.kind)
}

/// Whether code of the account runs when it changes.
pub(crate) fn is_code(kind: &str) -> bool {
    kind == "AWS::CloudFormation::CustomResource" || kind.starts_with("Custom::")
}

/// Judges one change set.
pub fn judge(preview: &Preview<'_>, law: &Law<'_>) -> Judgement {
    let changes = &preview.set.changes;
    // Asked by name: between looking and asking, another stack of that name may have taken its place.
    if preview.step.stack_id.as_ref().is_some_and(|looked_at| *looked_at != preview.set.stack_id) {
        return Judgement::Later(Why::Trouble("another stack of its name has taken its place".into()));
    }
    let forbidden = fence::transforms(law.guardrails, &preview.transforms)
        .or_else(|| changes.iter().find_map(|change| fence::change(law.guardrails, change)));
    if let Some(why) = forbidden.or_else(|| taken_over(preview)) {
        return Judgement::Held(held(preview, law, why));
    }
    let kinds = [Kind::removal(preview, law), Kind::replacement(preview, law)];
    let leave = law.orders.leave(&digest(preview), law.approvals, law.now);
    if let Some(why) = kinds.iter().find_map(|kind| kind.held(preview, leave)) {
        return Judgement::Held(held(preview, law, why));
    }
    let [removal, replacement] = &kinds;
    let toll = Toll { removals: removal.total(), replacements: replacement.total(), ..Toll::default() };
    if let Some(why) = kinds.iter().find_map(Kind::beyond_a_day) {
        return Judgement::Held(held(preview, law, why));
    }
    if let Some(why) = later(law, toll) {
        return Judgement::Later(why);
    }
    let allowed = kinds.iter().flat_map(|kind| kind.spelled.values().copied()).collect();
    let act = Act::Execute { change_set: preview.set.id.clone(), stack_id: preview.set.stack_id.clone() };
    Judgement::Permitted(permit(preview.step, act, law), Cost { toll, allowed })
}

/// Judges what is done to a whole stack without a change set: one whose manifest left is deleted, one that never came up
/// is cleared away, one that is half done is sent back. `None` for what needs a change set.
///
/// A stack that never came up costs a removal, whatever is left of it, so that nobody can clear away any number.
pub fn judge_whole(step: &Step, law: &Law<'_>) -> Option<Judgement> {
    let removal = Toll { removals: 1, ..Toll::default() };
    let (toll, act) = match &step.action {
        step::Action::Create(_) | step::Action::Update(_) | step::Action::Back(..) | step::Action::Heal(_) => {
            return None;
        }
        step::Action::Remove { stack_id, retain } => {
            let toll = Toll { deletions: 1, ..Toll::default() };
            (toll, Act::Delete { stack_id: stack_id.clone(), retain: retain.clone() })
        }
        step::Action::Clear { stack_id, retain } => {
            (removal, Act::Delete { stack_id: stack_id.clone(), retain: retain.clone() })
        }
        step::Action::Continue { stack_id, skip } => {
            (Toll::default(), Act::Continue { stack_id: stack_id.clone(), skip: skip.clone() })
        }
        // It deletes one that never came up; of any other it only takes back what the last change did.
        step::Action::RollBack { stack_id } => (removal, Act::RollBack { stack_id: stack_id.clone() }),
    };
    let most = law.guardrails.limits.deletions_per_turn;
    if toll.deletions > 0 && law.begun.deletions.saturating_add(toll.deletions) > most {
        return Some(Judgement::Later(Why::ForTurn { most, what: "deletions" }));
    }
    Some(match later(law, toll) {
        Some(why) => Judgement::Later(why),
        None => Judgement::Permitted(permit(step, act, law), Cost { toll, allowed: Vec::new() }),
    })
}

/// What of any 24 hours is still there for a change that destroys this much.
fn later(law: &Law<'_>, toll: Toll) -> Option<Why> {
    let most = a_day(&law.guardrails.limits);
    if law.memory.spent.has_room_for(toll, most, law.now) {
        return None;
    }
    Some(Why::ForBudget { until: law.memory.spent.room_for(toll, most, law.now) })
}

/// What any 24 hours may destroy.
pub fn a_day(limits: &Limits) -> Toll {
    Toll {
        removals: limits.removals_per_day,
        replacements: limits.replacements_per_day,
        deletions: limits.deletions_per_day,
        heals: limits.heals_per_day,
    }
}

/// Taking over a stack may change its tags and nothing else, or it is not the same stack afterwards.
fn taken_over(preview: &Preview<'_>) -> Option<String> {
    let beyond: Vec<&Change> = adopt::beyond_tags(&preview.set.changes).collect();
    (preview.step.adopting && !beyond.is_empty()).then(|| {
        format!(
            "taking it over would change {}, and may change nothing but tags; ends with a commit that asks for the stack as \
             it is (`holdfast adopt {}` writes it)",
            named(&beyond),
            preview.step.key.stack
        )
    })
}

/// Everything that the judgement of a change depends on. While it is the same, a held change stays held, and nobody
/// has to ask CloudFormation again.
pub fn case(
    key: &StackKey,
    fingerprint: Fingerprint,
    generation: Option<Fingerprint>,
    manifest: &Stack,
    guardrails: &Guardrails,
    memory: &Memory,
) -> Fingerprint {
    let Guardrails { limits, types, may, .. } = guardrails;
    let Stack { limits: own, allow, .. } = manifest;
    let entry = |verb, (resource, reason): (&ResourcePath, &Option<String>)| {
        memory.used.contains(&entry(key, verb, resource, reason.as_deref()))
    };
    let removals = allow.remove.iter().map(|one| entry("remove", one));
    let used: Vec<bool> = removals.chain(allow.replace.iter().map(|one| entry("replace", one))).collect();
    let text = format!("{fingerprint}|{generation:?}|{limits:?}|{types:?}|{may:?}|{own:?}|{allow:?}|{used:?}");
    Fingerprint::of(text.as_bytes())
}

fn held(preview: &Preview<'_>, law: &Law<'_>, why: String) -> Held {
    let fingerprint = preview.step.action.asked().map_or_else(|| Fingerprint::of(b""), |asked| asked.fingerprint());
    let case =
        case(&preview.step.key, fingerprint, preview.step.generation, preview.manifest, law.guardrails, law.memory);
    let plan = digest(preview);
    let leave = law.orders.leave(&plan, law.approvals, law.now);
    Held { why, plan, case, leave }
}

/// The digest of what a change destroys, and of the template that it destroys it for. No physical id and no account in it:
/// the same destruction in another account has the same digest.
pub fn digest(preview: &Preview<'_>) -> Digest {
    let mut lines: Vec<String> = preview
        .set
        .changes
        .iter()
        .filter(|change| harm(change) != Harm::Nothing)
        .map(|change| format!("{:?} {} {}", harm(change), change.kind, change.logical))
        .collect();
    lines.sort();
    let template = preview.step.action.asked().map(|asked| asked.template);
    lines.insert(0, format!("holdfast/1 {} {} {template:?}", preview.step.manifest, preview.step.key));
    Digest::of(lines.join("\n").as_bytes())
}

fn permit(step: &Step, act: Act, law: &Law<'_>) -> Permit {
    Permit::new(step.key.clone(), act, token(step, law.commit))
}

/// The `ClientRequestToken` of a step: the same for the same request on the same stack at the same attempt, so that an
/// answer lost after the work was done can't make CloudFormation do it twice. Its end says for which commit it is done,
/// where everybody finds it again: in the stack's events.
pub fn token(step: &Step, commit: Option<&CommitId>) -> String {
    let asked = step.action.asked().map(|asked| asked.fingerprint());
    let text = format!("{}|{:?}|{asked:?}|{:?}|{}", step.key, step.action.started(), step.generation, step.attempt);
    // A way back is for the commit whose form it brings back; a heal is for none.
    let commit = match &step.action {
        step::Action::Heal(heal) => {
            return format!("{HEAL}{}", Fingerprint::of(format!("{text}|{}", heal.change_set).as_bytes()));
        }
        step::Action::Back(_, back) => Some(back),
        step::Action::Create(_)
        | step::Action::Update(_)
        | step::Action::Clear { .. }
        | step::Action::Continue { .. }
        | step::Action::RollBack { .. }
        | step::Action::Remove { .. } => commit,
    };
    let commit = commit.map(|commit| format!("-{commit}")).unwrap_or_default();
    format!("holdfast-{}{commit}", Fingerprint::of(text.as_bytes()))
}

/// What the tokens of heals begin with.
pub const HEAL: &str = "holdfast-heal-";

/// The mark of one entry of `allow`: another reason is another entry.
fn entry(key: &StackKey, verb: &str, resource: &ResourcePath, reason: Option<&str>) -> Short {
    Short::of(&format!("{key}|{verb}|{resource}|{reason:?}"))
}
