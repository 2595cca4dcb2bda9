//! Which stacks are ours: by their tag, and by the ARN that is remembered of each. A tag alone can be copied.
//!
//! Not here: what follows of a stack that is somebody else's ([`crate::plan`], [`crate::adopt`]).

use crate::{
    facts::{Found, FoundStack},
    guard::a_day,
    memory::{Memory, text},
    pair::Pair,
    plan::Policy,
    resolve::OWNER,
    stance::Stance,
};
use alloc::string::String;
use jiff::Timestamp;
use manifests::id::StackKey;

impl Memory {
    /// Remembers that the stack of this name and ARN is ours.
    pub fn own(&mut self, key: &StackKey, stack_id: &str) {
        let pair = Pair::of(&text(key), stack_id);
        self.forget(pair);
        self.owned.insert(pair);
    }

    /// Whether the stack of this name and ARN is one that was ours; `None` when that can't be told, because memory is younger
    /// than what it would have to know.
    pub fn owns(&self, key: &StackKey, stack_id: &str) -> Option<bool> {
        let pair = Pair::of(&text(key), stack_id);
        if self.knows(key) || self.noticed.contains(&key.region) {
            return Some(self.owned.contains(&pair));
        }
        None
    }

    /// Whether a stack of this name is, or was, ours.
    pub fn knows(&self, key: &StackKey) -> bool {
        self.owned.range(Pair::of(&text(key), "").alike()).next().is_some()
    }

    /// Forgets that a stack of this name was ours: it is gone by our own hand.
    pub fn disown(&mut self, key: &StackKey) {
        self.forget(Pair::of(&text(key), ""));
    }

    fn forget(&mut self, pair: Pair) {
        while let Some(other) = self.owned.range(pair.alike()).next().copied() {
            self.owned.remove(&other);
        }
    }
}

/// Whether it carries our tag and is there.
pub fn is_ours(found: &FoundStack, owner: &str) -> bool {
    found.tags.get(OWNER).map(String::as_str) == Some(owner) && found.stance() != Some(Stance::Absent)
}

/// What carries our tag where this memory never looked before is ours: then the tag is all that there is to go by. Afterwards
/// it takes more.
pub(crate) fn own(memory: &mut Memory, found: &Found, owner: &str) {
    for (key, stack) in found.stacks.iter().filter(|(_, stack)| is_ours(stack, owner) && !stack.nested) {
        if memory.owns(key, &stack.id).is_none() && stack.stance() != Some(Stance::Shell) {
            memory.own(key, &stack.id);
        }
    }
    memory.noticed.extend(found.regions.iter().cloned());
}

/// Takes the day for spent, as far as the account allows it to be: nobody knows what was destroyed in it.
pub fn spend_the_day(memory: &mut Memory, policy: &Policy, now: Timestamp) {
    memory.spent.add(now, a_day(&policy.guardrails.limits));
}

/// What follows for a memory that is new: where stacks of ours stand already, another one was lost.
pub fn doubt(memory: &mut Memory, found: &Found, policy: &Policy, now: Timestamp) {
    let stands = |stack: &FoundStack| matches!(stack.stance(), Some(Stance::Ready | Stance::Undone));
    if found.stacks.values().any(|stack| is_ours(stack, &policy.owner) && stands(stack)) {
        spend_the_day(memory, policy, now);
    }
}
