//! What is written down about the agent's own version: what is asked, what the updater remembers, what an agent says of its
//! own turns. Three small documents with one writer each.
//!
//! They outlive the versions that write them. So fields may be added and none may change its meaning, and whoever reads one
//! lets pass what it does not know.

use alloc::{string::String, vec::Vec};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    id::{Digest, Name},
    release::Version,
};
use serde::{Deserialize, Serialize};

/// The version that the commit in force asks of this account. The agent writes it, the updater reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Which.
    pub version: Version,
    /// What it is known by.
    pub sha256: Digest,
    /// Where it is.
    pub from: String,
    /// Whether it may be older than what is here.
    #[serde(default)]
    pub downgrade: bool,
    /// The ring that the account is in.
    pub ring: Name,
    /// When that ring's turn is.
    pub due: Timestamp,
}

/// A version that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// What it is called where it lies: its digest on a machine; of two functions, which one, and as whose deployment.
    pub name: String,
    /// Which version it is.
    pub version: Version,
    /// What it is known by.
    pub sha256: Digest,
}

/// What the updater remembers. Nobody else writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The version that proved itself last: what everything falls back to.
    pub good: Slot,
    /// One that is here whole and was not tried yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<Fetched>,
    /// One that runs and has to prove itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// The last one that did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell: Option<Fell>,
    /// Why one could not be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Unfetched>,
    /// One that was on trial when nothing was asked any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unasked: Option<Digest>,
}

/// A version that is here whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// Which.
    pub slot: Slot,
    /// Since when.
    pub at: Timestamp,
}

/// A version that runs and has to prove itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Which.
    pub slot: Slot,
    /// Since when it is in its place.
    pub began: Timestamp,
    /// Since when it runs, where that is not the same moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why it does not run yet, where somebody has to start it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// How long it may take to prove itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<SignedDuration>,
    /// What the version before it finished in a turn: it has to finish that too.
    pub before: Did,
    /// How often it was started, where anybody counts.
    #[serde(default)]
    pub starts: u32,
    /// Why the last of them came to nothing, as a clause, where anybody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// A version that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fell {
    /// Which.
    pub version: Version,
    /// What it is known by.
    pub sha256: Digest,
    /// When.
    pub at: Timestamp,
    /// Why, as a clause after "version 1.4.0".
    pub why: String,
}

/// A version that could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfetched {
    /// What it is known by.
    pub sha256: Digest,
    /// How often it was tried.
    pub attempts: u32,
    /// When last.
    pub at: Timestamp,
    /// Why not.
    pub why: String,
}

/// What an agent says of its own turns, while somebody wants to know. Nobody else writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The version that speaks, as it is called where it lies.
    pub slot: String,
    /// Which version it takes itself for.
    pub version: String,
    /// Its last turns, the newest last.
    pub turns: Vec<Turned>,
}

/// A turn that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turned {
    /// When.
    pub at: Timestamp,
    /// What it got done.
    #[serde(flatten)]
    pub did: Did,
}

/// What a turn got done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Did {
    /// The repository was asked, and its head accepted and read.
    #[serde(default)]
    pub read: bool,
    /// Every region was looked at.
    #[serde(default)]
    pub looked: bool,
    /// What there was to tell arrived.
    #[serde(default)]
    pub told: bool,
}

impl Did {
    /// Whether it is at least as much as that.
    pub fn covers(self, before: Self) -> bool {
        (self.read || !before.read) && (self.looked || !before.looked) && (self.told || !before.told)
    }

    /// What is missing of that, in a word.
    pub(crate) fn lacks(self, before: Self) -> Option<&'static str> {
        let lacking = [
            (before.read && !self.read, "did not read the repository"),
            (before.looked && !self.looked, "did not look at every region"),
            (before.told && !self.told, "did not tell what came of them"),
        ];
        lacking.into_iter().find_map(|(lacks, what)| lacks.then_some(what))
    }
}

/// How many turns are kept: more than are asked for.
const KEPT: usize = 4;

impl Proof {
    /// The same with another turn; what another version said is not its own.
    #[must_use]
    pub fn with(before: Option<Self>, slot: &str, version: &str, turned: Turned) -> Self {
        let own = before.filter(|before| before.slot == slot && before.version == version);
        let mut turns = own.map(|own| own.turns).unwrap_or_default();
        turns.push(turned);
        turns.drain(..turns.len().saturating_sub(KEPT));
        Self { slot: slot.into(), version: version.into(), turns }
    }
}

impl State {
    /// A machine or function that has only this.
    pub fn new(good: Slot) -> Self {
        Self { good, fetched: None, trial: None, fell: None, trouble: None, unasked: None }
    }

    /// What runs, or should.
    pub fn current(&self) -> &Slot {
        self.trial.as_ref().map_or(&self.good, |trial| &trial.slot)
    }

    /// Whether somebody wants to know of turns.
    pub fn is_open(&self) -> bool {
        self.fetched.is_some() || self.trial.is_some()
    }

    /// One is here whole.
    #[must_use]
    pub fn fetched(self, slot: Slot, at: Timestamp) -> Self {
        Self { fetched: Some(Fetched { slot, at }), trouble: None, ..self }
    }

    /// One could not be fetched.
    #[must_use]
    pub fn unfetched(self, sha256: Digest, why: String, at: Timestamp) -> Self {
        let before = self.trouble.as_ref().filter(|trouble| trouble.sha256 == sha256);
        let attempts = before.map_or(0, |trouble| trouble.attempts).saturating_add(1);
        Self { trouble: Some(Unfetched { sha256, attempts, at, why }), ..self }
    }

    /// What was fetched is tried.
    #[must_use]
    pub fn tried(self, before: Did, began: Timestamp) -> Self {
        match self.fetched {
            Some(Fetched { slot, .. }) => {
                let trial = Trial { slot, began, since: None, waits: None, lasts: None, before, starts: 0, last: None };
                Self { trial: Some(trial), fetched: None, ..self }
            }
            None => self,
        }
    }

    /// What is tried may take so long.
    #[must_use]
    pub fn lasting(mut self, time: SignedDuration) -> Self {
        self.trial.iter_mut().for_each(|trial| trial.lasts = Some(time));
        self
    }

    /// What is tried has yet to be started, for this reason: its time begins when it is.
    #[must_use]
    pub fn waiting(mut self, why: &str) -> Self {
        self.trial.iter_mut().for_each(|trial| trial.waits = Some(why.into()));
        self
    }

    /// What is on trial runs, since now if it waited for that.
    #[must_use]
    pub fn running(mut self, now: Timestamp) -> Self {
        if let Some(trial) = &mut self.trial
            && trial.waits.take().is_some()
        {
            trial.since = Some(now);
        }
        self
    }

    /// The same, as it is to be read now: what was started runs, and nothing that was noted happened later than now. A clock
    /// that was set back makes nothing last longer.
    #[must_use]
    pub fn seen(self, now: Timestamp) -> Self {
        let is_started = self.trial.as_ref().is_some_and(|trial| trial.starts > 0);
        let mut seen = if is_started { self.running(now) } else { self };
        if let Some(trial) = &mut seen.trial {
            trial.began = trial.began.min(now);
            trial.since = trial.since.map(|since| since.min(now));
        }
        seen.fetched.iter_mut().for_each(|fetched| fetched.at = fetched.at.min(now));
        seen.trouble.iter_mut().for_each(|trouble| trouble.at = trouble.at.min(now));
        seen
    }

    /// Nothing is asked any more, and one is on trial.
    #[must_use]
    pub fn left(self) -> Self {
        let unasked = self.trial.as_ref().map(|trial| trial.slot.sha256);
        Self { unasked: unasked.or(self.unasked), ..self }
    }

    /// What is on trial was started once more.
    #[must_use]
    pub fn started(mut self) -> Self {
        self.trial.iter_mut().for_each(|trial| trial.starts = trial.starts.saturating_add(1));
        self
    }

    /// What was on trial has proved itself.
    #[must_use]
    pub fn kept(self) -> Self {
        match self.trial {
            Some(Trial { slot, .. }) => Self::new(slot),
            None => self,
        }
    }

    /// What was on trial is given up; for good, unless nobody wants it any more.
    #[must_use]
    pub fn fallen(self, why: Option<String>, at: Timestamp) -> Self {
        let fell = self.trial.zip(why).map(|(trial, why)| {
            let Slot { version, sha256, .. } = trial.slot;
            Fell { version, sha256, at, why }
        });
        Self { fell: fell.or(self.fell), trial: None, fetched: None, ..self }
    }
}

impl Trial {
    /// Since when it runs.
    pub(crate) fn runs(&self) -> Timestamp {
        self.since.unwrap_or(self.began)
    }
}

impl Unfetched {
    /// When it is tried again: ever more rarely, and four times a day at least.
    pub(crate) fn again(&self) -> Timestamp {
        let minutes = 5_i64.saturating_mul(1 << self.attempts.saturating_sub(1).min(10)).min(360);
        self.at.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX)
    }
}
