//! What becomes of stacks that we made and that nobody wants here any more, and of the regions that they are in.
//!
//! Deleting is never a side effect: absence has to be proved, and the last manifest must have said that the stack may go.

use crate::{
    facts::{Found, FoundStack},
    memory::Memory,
    plan::Facts,
    recover::Stuck,
    resolve::{MANIFEST, OWNER, PRUNE},
    select::Selected,
    stance::Stance,
    step::{Action, Stand},
    why::Why,
};
use alloc::{collections::BTreeSet, string::String};
use manifests::id::{Name, Region, StackKey};

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

/// Whether it carries our tag and is there.
fn is_ours(found: &FoundStack, owner: &str) -> bool {
    found.tags.get(OWNER).map(String::as_str) == Some(owner) && found.stance() != Some(Stance::Absent)
}

/// Whether it may go.
pub(crate) fn leaving(facts: &Facts<'_>, key: &StackKey, found: &FoundStack, manifest: &Name) -> Stand {
    let selected = facts.selected;
    if let Some(why) = selected.broken.get(manifest) {
        return Stand::Not(Why::Broken(why.clone()));
    }
    // A shell that we made to hold a change set holds nothing else, so there is nothing to be asked about.
    let shell = found.stance() == Some(Stance::Shell);
    if !shell && found.tags.get(PRUNE).map(String::as_str) != Some("delete") {
        return Stand::Not(Why::Kept { manifest: manifest.clone() });
    }
    let not_pruned = |because| Stand::Not(Why::NotPruned { manifest: manifest.clone(), because });
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
    if facts.policy.limits.deletions_per_turn == 0 {
        return not_pruned("this account allows no deletion; ends when its limit `deletionsPerTurn` is raised");
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
