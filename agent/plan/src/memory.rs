//! The little that an agent remembers beside what CloudFormation knows, as a value.
//!
//! All of it can be lost without harm: a lost settled fingerprint costs one change set, a lost attempt count one more
//! attempt, a lost sequence begins a new epoch. Where it is kept, and that it is written before the act it accounts
//! for, is the shell's business.

use crate::asked::Fingerprint;
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use jiff::Timestamp;
use manifests::{
    id::{CommitId, StackKey},
    report::Happening,
};
use serde::{Deserialize, Serialize};

/// What an agent remembers of its account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Made anew with each new memory, so that the hub can tell a young agent from an old report.
    pub epoch: String,
    /// How many reports this epoch has sent or tried to send.
    pub sequence: u64,
    /// The last commit that was accepted: the floor that every later one must descend from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<CommitId>,
    /// The last commit that was refused, so that it is told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<CommitId>,
    /// The last commit that every stack reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<CommitId>,
    /// When the git remote last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    /// What is known of single stacks, where something is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stacks: Vec<(StackKey, Known)>,
    /// What happened and was not yet told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Happening>,
    /// The last report that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// The last report that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// Digest of what it said of the account.
    pub said: String,
}

/// What is remembered of one stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// A request that CloudFormation answered with "no changes", or whose change set's name the stack does not show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// What was started and not yet seen to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// What did not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// What was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<WasHeld>,
}

/// The stack is what this request asks, for as long as nobody touches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The request.
    #[serde(with = "hex")]
    pub fingerprint: Fingerprint,
    /// The stack as it was then ([`generation`]).
    #[serde(with = "hex")]
    pub generation: Fingerprint,
}

/// What was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What it is.
    pub act: Started,
    /// The request; for a deletion, the last one known.
    #[serde(default, with = "maybe_hex", skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The stack as it was before; `None` when it was not there.
    #[serde(default, with = "maybe_hex", skip_serializing_if = "Option::is_none")]
    pub generation: Option<Fingerprint>,
    /// The `ClientRequestToken` of the operation.
    pub token: String,
    /// When.
    pub since: Timestamp,
    /// Which attempt at this request it is, from 1.
    pub attempt: u32,
    /// The commit it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
}

/// What kinds of operation are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Started {
    /// A stack comes up.
    Create,
    /// A stack changes.
    Update,
    /// A stack that never came up is cleared away, to be created again.
    Clear,
    /// A stack goes because its manifest did.
    Remove,
}

/// What did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The request.
    #[serde(with = "hex")]
    pub fingerprint: Fingerprint,
    /// How often it was tried.
    pub attempts: u32,
    /// When last.
    pub at: Timestamp,
    /// Why, in CloudFormation's words.
    pub why: String,
    /// Whether the request itself was refused: then trying again can't help before the commit changes.
    pub refused: bool,
}

/// What was held, under which judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WasHeld {
    /// Everything that the judgement depended on ([`crate::guard::Case`]); when it changes, the change is judged again.
    #[serde(with = "hex")]
    pub case: Fingerprint,
    /// The sentence.
    pub why: String,
    /// The plan's digest.
    pub plan: String,
}

impl Memory {
    /// A memory that has just begun.
    pub fn new(epoch: String) -> Self {
        Self {
            epoch,
            sequence: 0,
            accepted: None,
            refused: None,
            applied: None,
            answered: None,
            stacks: Vec::new(),
            outbox: Vec::new(),
            told: None,
        }
    }

    /// What is remembered of this stack.
    pub fn of(&self, key: &StackKey) -> Option<&Known> {
        self.stacks.iter().find(|(known, _)| known == key).map(|(_, known)| known)
    }

    /// Changes what is remembered of this stack; nothing is kept of a stack of which nothing is left to remember.
    pub fn change(&mut self, key: &StackKey, change: impl FnOnce(&mut Known)) {
        match self.stacks.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => change(known),
            None => {
                let mut known = Known::default();
                change(&mut known);
                self.stacks.push((key.clone(), known));
            }
        }
        self.stacks.retain(|(_, known)| *known != Known::default());
    }

    /// Every stack of which something is remembered.
    pub fn stacks(&self) -> BTreeMap<&StackKey, &Known> {
        self.stacks.iter().map(|(key, known)| (key, known)).collect()
    }

    /// Forgets every stack that is neither wanted nor there any more. What was started is never forgotten before it was
    /// seen to end, even if nobody wants it now and a stale listing does not show it.
    pub fn keep(&mut self, still: impl Fn(&StackKey) -> bool) {
        self.stacks.retain(|(key, known)| known.pending.is_some() || still(key));
    }
}

/// What moves whenever anybody touches a stack: its ARN, the change set executed last, the time of its last change.
pub fn generation(stack: &crate::facts::FoundStack) -> Fingerprint {
    let touched = stack.updated.or(stack.created).map(|at| at.as_millisecond()).unwrap_or_default();
    let text = alloc::format!("{}|{:?}|{touched}", stack.id, stack.change_set);
    Fingerprint::of(text.as_bytes())
}

/// Fingerprints as hex texts.
mod hex {
    use super::Fingerprint;
    use alloc::string::String;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| de::Error::custom("a fingerprint has 32 hex digits"))
    }
}

/// Fingerprints that may be absent.
mod maybe_hex {
    use super::Fingerprint;
    use alloc::string::String;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &Option<Fingerprint>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Fingerprint>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let parse = |text: String| text.parse().map_err(|()| de::Error::custom("a fingerprint has 32 hex digits"));
        text.map(parse).transpose()
    }
}
