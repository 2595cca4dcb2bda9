//! What becomes of stacks that we made and that nobody wants here any more, and of the regions that they are in.
//!
//! Deleting is never a side effect: absence has to be proved, and the last manifest must have said that the stack may go.

use crate::{
    facts::{Found, FoundStack},
    fence,
    memory::Memory,
    owned::{is_ours, own},
    plan::Facts,
    recover::Stuck,
    resolve::{MANIFEST, PRUNE},
    select::Selected,
    stance::Stance,
    step::{Action, Stand},
    why::Why,
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    id::{Name, Region, StackKey},
    stack::DeletionPolicy,
};

/// How long a deletion may take before it is called late. Its manifest, which said how long, is gone, so this is what a
/// manifest that says nothing gets.
pub(crate) const LEAVING: core::time::Duration = core::time::Duration::from_secs(3600);

/// The manifest that once asked for a stack which we made and nobody wants here any more; `None` for every other stack.
pub(crate) fn left_over(selected: &Selected, owner: &str, key: &StackKey, found: &FoundStack) -> Option<Name> {
    if !is_ours(found, owner) || found.nested || selected.wanted.contains_key(key) {
        return None;
    }
    found.tags.get(MANIFEST)?.parse().ok()
}

/// Whether it may go.
pub(crate) fn leaving(facts: &Facts<'_>, key: &StackKey, found: &FoundStack, manifest: &Name) -> Stand {
    let Facts { selected, policy, .. } = facts;
    let known = facts.memory.of(key);
    if let Some(why) = selected.broken.get(manifest) {
        return Stand::Not(Why::Broken(why.clone()));
    }
    // A shell that we made to hold a change set holds nothing else, so there is nothing to be asked about.
    let shell = found.stance() == Some(Stance::Shell);
    let stays = known.is_some_and(|known| known.stays) || found.tags.get(PRUNE).map(String::as_str) != Some("delete");
    if stays && !shell {
        return Stand::Not(Why::Kept { manifest: manifest.clone() });
    }
    let not_pruned =
        |because: &str| Stand::Not(Why::NotPruned { manifest: manifest.clone(), because: because.to_string() });
    if selected.named.contains(manifest) {
        return not_pruned(
            "the manifest is still there and asks for it somewhere else now (`targets`, `regions`, `stackName`, a label of \
             this account); ends when the manifest asks for it again, or leaves the repository",
        );
    }
    if !selected.complete {
        return not_pruned(
            "a manifest's name could not be read, and it might be this one's; ends when every name can be read",
        );
    }
    if selected.wanted.is_empty() {
        return not_pruned(
            "the repository asks for nothing at all here, which is more likely a mistake; ends when it asks for something",
        );
    }
    if let Some(rollback) = facts.orders.rollback(key) {
        let until = rollback.until;
        return not_pruned(&format!(
            "a person sent it back and lets it stay there; ends at {until:.0}, or with `holdfast unpin`"
        ));
    }
    if facts.orders.pin.is_some() {
        return not_pruned(
            "the account is pinned to a commit that may be older than the stack; ends with `holdfast unpin`",
        );
    }
    let limits = &policy.guardrails.limits;
    if limits.deletions_per_turn == 0 || limits.deletions_per_day == 0 || !policy.guardrails.may.prune {
        return not_pruned(
            "this account allows no deletion; ends when its guardrails do (`may.prune`, `deletionsPerTurn`, `deletionsPerDay`)",
        );
    }
    if let Some(why) = fence::name(&policy.guardrails, key) {
        return Stand::Not(Why::Fenced(why));
    }
    if let Some(because) = shrinks(facts) {
        return not_pruned(&because);
    }
    if let Some(until) = grace(facts, known.and_then(|known| known.left)) {
        return Stand::Not(Why::Leaving { manifest: manifest.clone(), until });
    }
    if found.protected {
        return Stand::Not(Why::Protected { status: found.word() });
    }
    match found.stance() {
        Some(Stance::Stuck(way_out)) => Stuck { facts, key, found, way_out, asked: None }.leaving(),
        None => Stand::Not(Why::UnknownStatus(found.word())),
        Some(Stance::Absent | Stance::Shell | Stance::Busy | Stance::Ready | Stance::Undone | Stance::Stillborn) => {
            Stand::Due(Action::Remove { stack_id: found.id.clone(), retain: BTreeSet::new() })
        }
    }
}

/// Whether so many of the account's stacks want to go at once that it looks like a mistake: a selector with a slip in it, a
/// folder that was moved.
fn shrinks(facts: &Facts<'_>) -> Option<String> {
    let ours = facts.found.stacks.iter().filter(|(_, found)| is_ours(found, &facts.policy.owner) && !found.nested);
    let (mut all, mut going) = (0_usize, 0_usize);
    for (key, found) in ours {
        all += 1;
        let manifest = left_over(facts.selected, &facts.policy.owner, key, found);
        let gone = manifest.is_some_and(|manifest| !facts.selected.named.contains(&manifest));
        going += usize::from(gone && found.tags.get(PRUNE).map(String::as_str) == Some("delete"));
    }
    let most = facts.policy.guardrails.prune.shrink;
    (going * 100 > all * most as usize).then(|| {
        format!(
            "{going} of this account's {all} stacks would go at once, and more than {most} % looks like a mistake; ends with a \
             commit that removes fewer, or when the account's guardrails raise `prune.shrink`"
        )
    })
}

/// Until when a stack is kept whose manifest is gone since then (since now, when that is seen for the first time).
fn grace(facts: &Facts<'_>, since: Option<Timestamp>) -> Option<Timestamp> {
    let grace = SignedDuration::try_from(facts.policy.guardrails.prune.grace).ok()?;
    let until = since.unwrap_or(facts.now).checked_add(grace).ok()?;
    (until > facts.now).then_some(until)
}

/// Notes which stacks are ours, since when manifests are gone, and which stacks must stay although their tags don't say so yet.
pub fn notice(memory: &mut Memory, selected: &Selected, found: &Found, owner: &str, now: Timestamp) {
    own(memory, found, owner);
    for (key, stack) in found.stacks.iter().filter(|(_, stack)| is_ours(stack, owner) && !stack.nested) {
        let may_go = stack.tags.get(PRUNE).map(String::as_str) == Some("delete");
        match selected.wanted.get(key) {
            Some(wanted) => {
                let asked = wanted.manifest.prune && wanted.manifest.deletion == DeletionPolicy::Delete;
                memory.change(key, |known| (known.left, known.stays) = (None, may_go && !asked));
            }
            None => {
                let gone = left_over(selected, owner, key, stack);
                let gone = selected.complete && gone.is_some_and(|manifest| !selected.named.contains(&manifest));
                memory
                    .change(key, |known| known.left = known.left.filter(|_| gone).or((gone && may_go).then_some(now)));
            }
        }
    }
}

/// The regions to look at again: those in which something of ours is, or was and was not seen to be gone. One is left
/// only after a whole listing without our tag, with nothing wanted there and nothing under way.
pub fn regions(memory: &Memory, selected: &Selected, found: &Found, owner: &str) -> BTreeSet<Region> {
    let ours = found.stacks.iter().filter(|(_, stack)| is_ours(stack, owner)).map(|(key, _)| key);
    let pending = memory.stacks().iter().filter(|(_, known)| known.pending.is_some()).map(|(key, _)| key);
    let here: BTreeSet<&Region> = ours.chain(pending).map(|key| &key.region).collect();
    let wanted: BTreeSet<&Region> = selected.wanted.keys().map(|key| &key.region).collect();
    let unproved = |region: &&Region| wanted.contains(*region) || !found.regions.contains(*region);
    here.iter().copied().chain(memory.regions.iter().filter(unproved)).cloned().collect()
}
