//! What is remembered of drift: when each stack was looked at, what was found, what was done about it. A document of its
//! own beside memory, because it is written at another pace.
//!
//! All of it can be lost without harm: a stack of which nothing is known is looked at again, and what was noise before is
//! found once more and told. What a heal is counted by is in memory itself ([`crate::memory`]).

use super::{author::Author, doubt::Doubt};
use crate::{asked::Fingerprint, facts::Seen, short::Short};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use manifests::id::{LogicalId, StackKey};
use serde::{Deserialize, Serialize};

mod quiet;

pub use quiet::{Coverage, Quiet};

/// Everything that is remembered of drift.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drifts {
    /// When each stack was looked at as a whole, and how much of it could be seen.
    #[serde(default, with = "quiet", skip_serializing_if = "BTreeMap::is_empty")]
    pub looked: BTreeMap<u64, Quiet>,
    /// The types that could not be seen, by which [`Quiet::unseen`] counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// What there is to know of single stacks.
    #[serde(default, with = "crate::texts::pairs", skip_serializing_if = "BTreeMap::is_empty")]
    stacks: BTreeMap<StackKey, Drifted>,
}

/// What is remembered of one stack's drift.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drifted {
    /// The look that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// Why the last look was not whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Differences that were there right after our own change.
    #[serde(default, with = "crate::short", skip_serializing_if = "BTreeSet::is_empty")]
    pub baseline: BTreeSet<Short>,
    /// What of it may yet turn out to be somebody's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// How many differences of the last look were known noise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub noise: u32,
    /// How many the manifest ignores.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored: u32,
    /// Resources of which detection names nothing but what is noise here or was so from the beginning.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub noisy: BTreeSet<LogicalId>,
    /// Resources of which detection names something that the manifest ignores.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ignoring: BTreeSet<LogicalId>,
    /// What somebody changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// When it was tried to put something back, whatever came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heals: Vec<Timestamp>,
    /// When something was put back last, and seen to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_back: Option<Timestamp>,
    /// Why it is not put back any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
    /// What is being put back, and has yet to be seen to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub healing: Vec<LogicalId>,
}

/// A look at a whole stack that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// CloudFormation's number of it.
    pub id: String,
    /// When it began.
    pub since: Timestamp,
    /// The stack as it was then.
    #[serde(with = "crate::texts::hex")]
    pub generation: Fingerprint,
    /// When our own change began, if it is the first look after it: what differs in what we changed is a baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
}

/// A resource that somebody changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Its name in the template.
    pub logical: LogicalId,
    /// Its name in the account, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical: Option<String>,
    /// `AWS::…::…`.
    pub kind: String,
    /// Whether it is gone, and not only changed.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub gone: bool,
    /// Where in its properties; at most [`Finding::PATHS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// When it was found first.
    pub since: Timestamp,
    /// What exactly was found: another value is another mark.
    #[serde(with = "crate::short::one")]
    pub mark: Short,
    /// Who did it, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// When CloudTrail was asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
}

impl Finding {
    /// As many places as are remembered of one resource.
    pub const PATHS: usize = 8;

    /// How it stands, in CloudFormation's word.
    pub fn seen(&self) -> Seen {
        if self.gone { Seen::Deleted } else { Seen::Modified }
    }
}

/// Why drift of a stack is not put back any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// What it was said of: other findings, or a stack that was changed since, are tried again.
    #[serde(with = "crate::texts::hex")]
    pub case: Fingerprint,
    /// The sentence.
    pub why: String,
    /// What a person can approve, if that helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Drifts {
    /// What is remembered of this stack.
    pub fn of(&self, key: &StackKey) -> Option<&Drifted> {
        self.stacks.get(key)
    }

    /// Everything of which more is remembered than when it was looked at.
    pub fn stacks(&self) -> &BTreeMap<StackKey, Drifted> {
        &self.stacks
    }

    /// What somebody changed in this stack.
    pub fn findings(&self, key: &StackKey) -> &[Finding] {
        self.of(key).map_or(&[], |known| &known.findings)
    }

    /// Changes what is remembered of this stack; nothing is kept of one of which nothing is left to remember.
    pub fn change<T>(&mut self, key: &StackKey, change: impl FnOnce(&mut Drifted) -> T) -> T {
        let mut known = self.stacks.remove(key).unwrap_or_default();
        let done = change(&mut known);
        if known != Drifted::default() {
            self.stacks.insert(key.clone(), known);
        }
        done
    }

    /// When this stack was looked at as a whole, and how much of it could be seen.
    pub fn looked(&self, key: &StackKey) -> Option<&Quiet> {
        self.looked.get(&quiet::mark(key))
    }

    /// Writes down that it was.
    pub fn look(&mut self, key: &StackKey, at: Timestamp, coverage: &Coverage) {
        let quiet = Quiet::new(at, coverage, &mut self.types);
        self.looked.insert(quiet::mark(key), quiet);
    }

    /// The types of which something in this stack could not be seen.
    pub fn unseen(&self, key: &StackKey) -> Vec<String> {
        self.looked(key).map(|quiet| quiet.unseen(&self.types)).unwrap_or_default()
    }

    /// How often something of this stack was put back within so long.
    pub fn heals(&self, key: &StackKey, now: Timestamp, within: SignedDuration) -> usize {
        let recent = |at: &&Timestamp| now.duration_since(**at) < within;
        self.of(key).map_or(0, |known| known.heals.iter().filter(recent).count())
    }

    /// Forgets every stack that is not there any more.
    pub fn keep<'a>(&mut self, still: impl Iterator<Item = &'a StackKey> + Clone) {
        let marks: BTreeSet<u64> = still.clone().map(quiet::mark).collect();
        let keys: BTreeSet<&StackKey> = still.collect();
        self.looked.retain(|mark, _| marks.contains(mark));
        self.stacks.retain(|key, _| keys.contains(key));
    }

    /// Forgets what matters least of what is left, when it does not fit where it is kept. Answers whether there was
    /// anything left to forget.
    pub fn forget(&mut self) -> bool {
        let widest = |of: fn(&Drifted) -> usize| {
            let all = self.stacks.iter().map(|(key, known)| (of(known), key)).filter(|(size, _)| *size > 0);
            all.max().map(|(_, key)| key.clone())
        };
        if let Some(key) = widest(|known| known.noisy.len()) {
            self.change(&key, |known| known.noisy.clear());
        } else if let Some(key) = widest(|known| known.findings.iter().filter(|one| one.paths.len() > 1).count()) {
            self.change(&key, |known| known.findings.iter_mut().for_each(|one| one.paths.truncate(1)));
        } else if let Some(key) = widest(|known| known.doubts.len()) {
            self.change(&key, Drifted::withdraw_all);
        } else if let Some(key) = widest(|known| known.baseline.len()) {
            self.change(&key, |known| known.baseline.clear());
        } else if let Some(key) = widest(|known| known.findings.iter().filter(|one| one.author.is_some()).count()) {
            self.change(&key, |known| known.findings.iter_mut().for_each(|one| one.author = None));
        } else if let Some(key) = widest(|known| known.findings.len()) {
            self.change(&key, |known| known.findings.pop());
        } else if !self.types.is_empty() {
            self.types.clear();
            self.looked.values_mut().for_each(Quiet::unname);
        } else if self.looked.pop_first().is_none() {
            return self.stacks.pop_first().is_some();
        }
        true
    }
}
