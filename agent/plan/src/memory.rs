//! The little that an agent remembers beside what CloudFormation knows, as a value.
//!
//! All of it can be lost without harm: a lost mark costs one change set, a lost attempt count one more attempt, a lost
//! region a line in a report, a lost sequence begins a new epoch. Where it is kept, and that it is written before the
//! act it accounts for, is the shell's business.

pub use crate::trusted::{Approved, Seal, Trusted};

use crate::{
    asked::Fingerprint,
    orders::Leave,
    pair::{self, Pair},
    short::{self, Short},
    spent::Spent,
    texts::{hex, maybe_hex, pairs},
    trial::{Good, Trial},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use jiff::Timestamp;
use manifests::{
    id::{CommitId, Digest, Region, StackKey},
    report::Happening,
};
use serde::{Deserialize, Serialize};

/// What an agent remembers of its account.
///
/// An older agent may have to go on with what a newer one wrote, when that one was tried and given up. So a field may be added
/// if an agent that loses it does no harm by that, and everything else is another version of the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Made anew with each new memory, so that the hub can tell a young agent from an old report.
    pub epoch: String,
    /// How many reports this epoch has sent or tried to send.
    pub sequence: u64,
    /// The last commit that was accepted: the floor that every later one must descend from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<CommitId>,
    /// When it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What the signature of the accepted commit was worth when it was accepted; `None` when nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// The last commit that was refused, so that it is told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<CommitId>,
    /// When that one was first seen: by that time its signature is judged, whenever that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
    /// Whether the account had a list of signers: once there was one, none is no longer taken for "anybody may".
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub signers: bool,
    /// What the repository itself says of who may sign, as far as that holds here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<Trusted>,
    /// The last commit that every stack reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<CommitId>,
    /// When the git remote last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    /// What is known of single stacks, where something is.
    #[serde(default, with = "pairs", skip_serializing_if = "BTreeMap::is_empty")]
    stacks: BTreeMap<StackKey, Known>,
    /// Requests that CloudFormation answered with "no changes", or whose change sets' names their stacks don't show;
    /// the newest last.
    #[serde(default, with = "short", skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<Short>,
    /// Requests that failed, and whose reasons had to be forgotten because they no longer fit; the newest last.
    #[serde(default, with = "short", skip_serializing_if = "Vec::is_empty")]
    pub given_up: Vec<Short>,
    /// Which stacks came up in the last day, and in which hour; the newest last.
    #[serde(default, with = "short", skip_serializing_if = "Vec::is_empty")]
    pub births: Vec<Short>,
    /// Entries of `allow` that are used up, because the change that they let through is done; the newest last.
    #[serde(default, with = "short", skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<Short>,
    /// The stacks that are ours, each with its ARN: what has our tag and another ARN is somebody else's.
    #[serde(default, with = "pair", skip_serializing_if = "BTreeSet::is_empty")]
    pub owned: BTreeSet<Pair>,
    /// The regions whose stacks were all looked at since then: what has our tag there and is not among ours was made by
    /// somebody else.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub noticed: BTreeSet<Region>,
    /// What was destroyed in the last 24 hours.
    #[serde(default, skip_serializing_if = "Spent::is_empty")]
    pub spent: Spent,
    /// Digest of the guardrails that were read last: once there were some, none is no longer taken for "none wanted".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<String>,
    /// Regions in which something of ours is, or was and was not seen to be gone: they are looked at even when nothing is
    /// wanted there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub regions: BTreeSet<Region>,
    /// The commits at which stacks were good last; the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub good: Vec<Good>,
    /// When unused objects of the artifact bucket were last looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<Timestamp>,
    /// The version of itself that it is asked to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Own>,
    /// What happened and was not yet told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Happening>,
    /// The last report that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// The version of itself that an agent is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// What it is known by.
    pub sha256: Digest,
    /// Since when a commit in force asks for it.
    pub since: Timestamp,
    /// Digest of what the updater was told of it.
    pub said: String,
    /// Where it lies, once it is the one that runs and is good: nobody has to look any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<String>,
    /// Whether it was told that it was given up.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub fell: bool,
    /// Whether a copy of memory was kept, because another version was about to be tried.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub copied: bool,
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
    /// What was started and not yet seen to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// What did not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// What was tried to get it going again, or to get rid of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Tried>,
    /// What was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<WasHeld>,
    /// The change that has yet to prove itself, or failed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// Since when its manifest is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Timestamp>,
    /// Whether its last manifest said that it stays, while the stack's tag does not say so yet.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub stays: bool,
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
    /// The entries of `allow` that let it through: used up once it is done.
    #[serde(default, with = "short", skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Short>,
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
    /// An update's rollback that stopped goes on.
    Continue,
    /// A change that failed where rollback was switched off is taken back.
    RollBack,
    /// A stack goes because its manifest did.
    Remove,
    /// A stack goes back to its last good form.
    Back,
    /// What somebody changed is put back.
    Heal,
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
    /// Whether the request itself was refused: then nothing was touched, and it may be asked again, ever more rarely.
    pub refused: bool,
}

/// What was tried to get a stack going again that was left half done, or to get rid of it. It is counted before it is
/// done, because a try that nobody saw end would otherwise be made for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// What.
    pub act: Started,
    /// Which stack and request it is counted for.
    #[serde(with = "hex")]
    pub case: Fingerprint,
    /// How often.
    pub attempts: u32,
    /// When last.
    pub at: Timestamp,
    /// The names that were given up last.
    #[serde(default, with = "maybe_hex", skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<Fingerprint>,
    /// Why it did not help, in CloudFormation's words, once that is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What was held, under which judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WasHeld {
    /// Everything that the judgement depended on ([`crate::guard::case`]); when it changes, the change is judged again.
    #[serde(with = "hex")]
    pub case: Fingerprint,
    /// The sentence.
    pub why: String,
    /// The plan's digest.
    pub plan: String,
    /// Whose leave it had all the same.
    #[serde(default, skip_serializing_if = "is_nobodys")]
    pub leave: Leave,
}

fn is_nobodys(leave: &Leave) -> bool {
    *leave == Leave::None
}

impl Memory {
    /// A memory that has just begun.
    pub fn new(epoch: String) -> Self {
        Self {
            epoch,
            sequence: 0,
            accepted: None,
            since: None,
            seal: None,
            refused: None,
            seen: None,
            signers: false,
            trusted: None,
            applied: None,
            answered: None,
            stacks: BTreeMap::new(),
            settled: Vec::new(),
            given_up: Vec::new(),
            used: Vec::new(),
            owned: BTreeSet::new(),
            noticed: BTreeSet::new(),
            spent: Spent::default(),
            guardrails: None,
            births: Vec::new(),
            regions: BTreeSet::new(),
            good: Vec::new(),
            swept: None,
            own: None,
            outbox: Vec::new(),
            told: None,
        }
    }

    /// When a commit was first seen, as far as that is remembered: of the one that was refused last it is.
    pub fn first_seen(&self, commit: &CommitId, now: Timestamp) -> Timestamp {
        self.seen.filter(|_| self.refused.as_ref() == Some(commit)).unwrap_or(now)
    }

    /// What is remembered of this stack.
    pub fn of(&self, key: &StackKey) -> Option<&Known> {
        self.stacks.get(key)
    }

    /// Changes what is remembered of this stack; nothing is kept of a stack of which nothing is left to remember.
    pub fn change(&mut self, key: &StackKey, change: impl FnOnce(&mut Known)) {
        let mut known = self.stacks.remove(key).unwrap_or_default();
        change(&mut known);
        if known != Known::default() {
            self.stacks.insert(key.clone(), known);
        }
    }

    /// Every stack of which something is remembered.
    pub fn stacks(&self) -> &BTreeMap<StackKey, Known> {
        &self.stacks
    }

    /// Remembers that this stack, as it is now ([`generation`]), is what this request asks.
    pub fn settle(&mut self, key: &StackKey, fingerprint: Fingerprint, generation: Fingerprint) {
        renew(&mut self.settled, mark(key, fingerprint, generation));
    }

    /// Whether that is remembered.
    pub fn is_settled(&self, key: &StackKey, fingerprint: Fingerprint, generation: Fingerprint) -> bool {
        self.settled.contains(&mark(key, fingerprint, generation))
    }

    /// Forgets why a request of this stack failed, but not that it did.
    pub fn give_up(&mut self, key: &StackKey) {
        if let Some(failed) = self.of(key).and_then(|known| known.failed.as_ref()) {
            let fingerprint = failed.fingerprint;
            self.mark_given_up(key, fingerprint);
            self.change(key, |known| known.failed = None);
        }
    }

    /// Remembers that this request failed, and not why.
    pub(crate) fn mark_given_up(&mut self, key: &StackKey, fingerprint: Fingerprint) {
        renew(&mut self.given_up, mark(key, fingerprint, fingerprint));
    }

    /// Whether this request failed, for a reason that is forgotten.
    pub fn has_given_up(&self, key: &StackKey, fingerprint: Fingerprint) -> bool {
        self.given_up.contains(&mark(key, fingerprint, fingerprint))
    }

    /// Remembers that these entries of `allow` have let through what they were written for.
    pub fn use_up(&mut self, entries: &[Short]) {
        entries.iter().for_each(|entry| renew(&mut self.used, *entry));
        let over = self.used.len().saturating_sub(USED);
        self.used.drain(..over);
    }

    /// Forgets every stack that is neither wanted nor there any more, of so many `rows` that are. What was started is
    /// never forgotten before it was seen to end, even if nobody wants it now and a stale listing does not show it. Of
    /// marks, which don't say whose they are, two for each row stay, and 64 at least.
    pub fn keep(&mut self, rows: usize, still: impl Fn(&StackKey) -> bool) {
        self.stacks.retain(|key, known| known.pending.is_some() || still(key));
        for marks in [&mut self.settled, &mut self.given_up] {
            let over = marks.len().saturating_sub(rows.saturating_mul(2).max(64));
            marks.drain(..over);
        }
    }
}

/// How many used entries of `allow` are remembered: far more than stand in a repository at a time, if people take them out.
const USED: usize = 64;

/// This stack, as it was then, is what this request asks. It holds for as long as nobody touches the stack.
fn mark(key: &StackKey, fingerprint: Fingerprint, generation: Fingerprint) -> Short {
    Short::of(&format!("{key}|{fingerprint}|{generation}"))
}

/// What a stack is remembered by.
pub(crate) fn text(key: &StackKey) -> String {
    [key.region.as_str(), key.stack.as_str()].join("/")
}

/// The newest last, each once.
fn renew(marks: &mut Vec<Short>, mark: Short) {
    marks.retain(|other| *other != mark);
    marks.push(mark);
}

/// What moves whenever anybody touches a stack: its ARN, the change set executed last, the time of its last change.
pub fn generation(stack: &crate::facts::FoundStack) -> Fingerprint {
    let touched = stack.updated.or(stack.created).map(|at| at.as_millisecond()).unwrap_or_default();
    let text = format!("{}|{:?}|{touched}", stack.id, stack.change_set);
    Fingerprint::of(text.as_bytes())
}
