//! Which stacks go, and in which order, when a person wants everything gone that an account's agent manages.
//!
//! All or nothing is judged beforehand: whatever may not go has to be named as what stays. How many stacks may be deleted in a turn
//! or a day is not asked: those limits are on what a commit can do, and this is a person, who was shown each of them. Not here:
//! asking that person, and the agent's own stack ([`crate::bootstrap`]).

use crate::{
    bootstrap::token,
    facts::FoundStack,
    fence,
    memory::Memory,
    permit::{Act, Permit},
    resolve::MANIFEST,
    stance::Stance,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use manifests::{
    guardrails::Guardrails,
    id::{Name, StackKey, StackName},
};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Teardown<'a> {
    /// The stacks that carry our tag and are nobody's part.
    pub stacks: &'a BTreeMap<StackKey, FoundStack>,
    /// What each manifest is built on, as a commit says.
    pub needs: &'a BTreeMap<Name, BTreeSet<Name>>,
    /// The stacks that stay.
    pub keep: &'a BTreeSet<StackName>,
    /// What the account allows.
    pub guardrails: &'a Guardrails,
    /// What its agent remembers.
    pub memory: Option<&'a Memory>,
}

impl Teardown<'_> {
    /// Leave to delete each of them, in an order in which nothing is deleted that another one is built on.
    ///
    /// # Errors
    /// What may not go, or may not stay, one sentence each.
    pub fn permits(&self) -> Result<Vec<Permit>, Vec<String>> {
        let mut refused: Vec<String> = Vec::new();
        for name in self.keep {
            if !self.stacks.keys().any(|key| key.stack == *name) {
                refused.push(format!("`--keep {name}`: this agent manages no such stack"));
            }
        }
        let (stays, mut going): (Vec<_>, Vec<_>) =
            self.stacks.iter().partition(|(key, _)| self.keep.contains(&key.stack));
        refused.extend(going.iter().filter_map(|(key, found)| self.forbidden(key, found)));
        for (key, found) in &stays {
            for (other, _) in going.iter().filter(|(_, other)| self.is_built_on(found, other)) {
                refused.push(format!(
                    "{key} stays and is built on {other}, which would go; `--keep {}` keeps that too",
                    other.stack
                ));
            }
        }
        if !refused.is_empty() {
            return Err(refused);
        }
        // What came last goes first, unless a commit says otherwise.
        going
            .sort_by(|(key, found), (other, another)| another.created.cmp(&found.created).then_with(|| key.cmp(other)));
        let mut permits = Vec::with_capacity(going.len());
        while !going.is_empty() {
            let free = |(_, found): &(&StackKey, &FoundStack)| {
                !going.iter().any(|(_, other)| other.id != found.id && self.is_built_on(other, found))
            };
            // The parser has refused circles; were there one all the same, CloudFormation would still refuse what is in use.
            let at = going.iter().position(free).unwrap_or(0);
            let (key, found) = going.remove(at);
            let act = Act::Delete { stack_id: found.id.clone(), retain: BTreeSet::new() };
            // One whose deletion failed is deleted again.
            permits.push(Permit::new(key.clone(), act, token(&format!("{}|{:?}", found.id, found.status))));
        }
        Ok(permits)
    }

    /// Whether a commit says that one is built on the other.
    fn is_built_on(&self, found: &FoundStack, other: &FoundStack) -> bool {
        let manifest = |found: &FoundStack| found.tags.get(MANIFEST)?.parse::<Name>().ok();
        let (Some(name), Some(other)) = (manifest(found), manifest(other)) else { return false };
        self.needs.get(&name).is_some_and(|needs| needs.contains(&other))
    }

    /// Why a stack may not go, and what ends that.
    fn forbidden(&self, key: &StackKey, found: &FoundStack) -> Option<String> {
        let or_stays = |why: &str| Some(format!("{key} {why}, or let it stay (`--keep {}`)", key.stack));
        if self.memory.is_some_and(|memory| memory.owns(key, &found.id) == Some(false)) {
            return or_stays(
                "carries our tag and is not the stack that was ours; ends when a person looks at who made it",
            );
        }
        if !self.guardrails.may.prune {
            return or_stays("may not go: this account allows no deletion; ends when its guardrails do (`may.prune`)");
        }
        if let Some(why) = fence::name(self.guardrails, key) {
            return or_stays(&format!("may not go: {why}"));
        }
        if found.protected {
            return or_stays("is protected against termination, which is never lifted here; ends when a person does");
        }
        match found.stance() {
            Some(
                Stance::Absent | Stance::Shell | Stance::Ready | Stance::Undone | Stance::Stillborn | Stance::Stuck(_),
            ) => None,
            Some(Stance::Busy) if found.word() == "DELETE_IN_PROGRESS" => None,
            Some(Stance::Busy) => or_stays(&format!("is {}; ends when CloudFormation is done with it", found.word())),
            None => or_stays(&format!(
                "is {}, which this version does not know; ends when a person looks at it",
                found.word()
            )),
        }
    }
}
