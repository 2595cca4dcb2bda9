//! A baseline that is doubted. What differs right after our own change is taken for nobody's doing, but the look came some
//! time after the change, and somebody may have been quicker. CloudTrail knows, a while later: until it was asked then, each
//! resource of which something was taken into a baseline is doubted.
//!
//! Not here: what is taken ([`super::learn`]), and the asking (the shell's business).

use super::{
    author::Author,
    remembered::{Drifted, Finding},
};
use crate::short::Short;
use alloc::{collections::BTreeSet, vec::Vec};
use jiff::{SignedDuration, Timestamp};
use manifests::id::LogicalId;
use serde::{Deserialize, Serialize};

/// After so long CloudTrail has told of every call: "within an average of about 5 minutes" of it, which is not guaranteed
/// (CloudTrail User Guide, "How CloudTrail works").
const TELLS: SignedDuration = SignedDuration::from_mins(15);
/// How soon after our change a look has to begin for its baseline to be believed where CloudTrail may not be asked.
const AT_ONCE: SignedDuration = SignedDuration::from_mins(10);
/// How soon one that said nothing is asked again, and how long that goes on.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// See [`AGAIN`].
const LONGEST: SignedDuration = SignedDuration::from_hours(2);

/// A resource of which something was taken into a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doubt {
    /// What will have been found, if it was somebody. Its `since` is when the look began, its `asked` when CloudTrail was.
    pub finding: Finding,
    /// When our own change began.
    pub began: Timestamp,
    /// When the look was read: until then somebody may have made what it saw.
    pub until: Timestamp,
    /// What was taken.
    #[serde(with = "crate::short")]
    pub marks: BTreeSet<Short>,
}

/// What CloudTrail says of a doubted resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Who changed it in that time, as far as it has heard by now.
    Said(Vec<Author>),
    /// Nothing that could be relied on: it may not be asked, or has more to say than it says at once.
    Refused,
    /// Nothing just now: it was out of reach.
    Silent,
}

impl Doubt {
    /// Whether there is something to ask: once at once, because the change may be long enough ago, and once when every call
    /// that matters is told of.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.finding.asked.is_none_or(|asked| self.is_told(now) && now.duration_since(asked) >= AGAIN)
    }

    /// Whether CloudTrail has told by now of everything that was done before the look.
    fn is_told(&self, now: Timestamp) -> bool {
        now.duration_since(self.until) >= TELLS
    }

    /// Whether what this author did came after our own change began, and before the look was read. CloudTrail tells of whole seconds.
    fn may_be_of(&self, author: &Author) -> bool {
        (self.began.as_second()..=self.until.as_second()).contains(&author.at.as_second())
    }
}

impl Drifted {
    /// Takes in what CloudTrail says of a resource that is doubted. Answers what is found by it, if it was somebody.
    pub fn hear(&mut self, logical: &LogicalId, word: Word, now: Timestamp) -> Option<Finding> {
        let doubt = self.doubts.iter_mut().find(|doubt| doubt.finding.logical == *logical)?;
        doubt.finding.asked = Some(now);
        let is_late = doubt.finding.since.duration_since(doubt.began) > AT_ONCE;
        let (author, stays) = match word {
            Word::Said(authors) => {
                let last = authors.into_iter().filter(|author| doubt.may_be_of(author)).max_by_key(|author| author.at);
                (last, !doubt.is_told(now))
            }
            Word::Silent if now.duration_since(doubt.until) < LONGEST => return None,
            // What nobody can ask about is believed only if nobody had the time for it.
            Word::Silent | Word::Refused if is_late => return self.found(logical, None),
            Word::Silent | Word::Refused => (None, false),
        };
        if author.is_some() {
            return self.found(logical, author);
        }
        self.doubts.retain(|doubt| stays || doubt.finding.logical != *logical);
        None
    }

    /// It was somebody: what was taken of this resource is no baseline, and what it would have been found to be is found.
    fn found(&mut self, logical: &LogicalId, author: Option<Author>) -> Option<Finding> {
        let doubt = self.withdraw(logical)?;
        let finding = Finding { author, asked: None, ..doubt.finding };
        self.noisy.remove(logical);
        self.findings.retain(|one| one.logical != *logical);
        self.findings.push(finding.clone());
        self.findings.sort_by(|one, other| one.logical.cmp(&other.logical));
        Some(finding)
    }

    /// An event has named a doubted resource: what was taken of it is no baseline any more, and the look that follows says
    /// what it is. An event of before our change, or of after the look, says nothing of it.
    pub(super) fn suspect(&mut self, logical: &str, author: Option<&Author>) {
        let about = |doubt: &&Doubt| doubt.finding.logical.as_str() == logical;
        let doubt = self.doubts.iter().find(about).filter(|doubt| author.is_none_or(|author| doubt.may_be_of(author)));
        if let Some(logical) = doubt.map(|doubt| doubt.finding.logical.clone()) {
            self.withdraw(&logical);
        }
    }

    /// Takes back what was taken of this resource.
    fn withdraw(&mut self, logical: &LogicalId) -> Option<Doubt> {
        let at = self.doubts.iter().position(|doubt| doubt.finding.logical == *logical)?;
        let doubt = self.doubts.remove(at);
        self.baseline.retain(|mark| !doubt.marks.contains(mark));
        Some(doubt)
    }

    /// Takes back all that is doubted, where there is no room to doubt it: it is found by the next look.
    pub(super) fn withdraw_all(&mut self) {
        for doubt in core::mem::take(&mut self.doubts) {
            self.baseline.retain(|mark| !doubt.marks.contains(mark));
        }
    }
}
