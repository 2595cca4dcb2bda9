//! What is remembered of a stack's health: the change that has yet to prove itself, the one that failed, and the commits
//! at which stacks were good last.
//!
//! All of it can be lost: then nothing is taken back, and what is not well is told all the same, because it is asked about
//! on every turn. Not here: any judgement ([`crate::health`]).

use crate::{
    asked::Fingerprint,
    memory::{Memory, Started},
    select::Selected,
    short::{self, Short},
    texts::hex,
    watch::{End, Ended},
};
use alloc::{format, string::String, vec::Vec};
use jiff::Timestamp;
use manifests::{
    check::Check,
    id::{CommitId, StackKey},
};
use serde::{Deserialize, Serialize};

/// A change that was applied and is not proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The request.
    #[serde(with = "hex")]
    pub fingerprint: Fingerprint,
    /// When it was seen to be done.
    pub since: Timestamp,
    /// That it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell: Option<Fell>,
}

/// A change that failed its checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fell {
    /// The checks that it failed by: when a commit asks others, the change is tried anew.
    #[serde(with = "hex")]
    pub case: Fingerprint,
    /// What they said.
    pub why: String,
    /// The commit whose form of the stack was good last, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<CommitId>,
    /// Whether the stack is back there.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub done: bool,
}

/// The stacks that were good at a commit, and at none after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// Which commit.
    pub commit: CommitId,
    /// Which stacks.
    #[serde(with = "short")]
    pub stacks: Vec<Short>,
}

/// How many commits are remembered at which some stack was good last. A stack that is good is good at the newest commit,
/// so the others are those of stacks that are not, and of stacks that are gone.
const COMMITS: usize = 12;

impl Trial {
    /// That it failed, by these checks.
    pub(crate) fn fell(&self, checks: &[Check]) -> Option<&Fell> {
        self.fell.as_ref().filter(|fell| fell.case == case(checks))
    }
}

/// What checks are remembered by.
pub(crate) fn case(checks: &[Check]) -> Fingerprint {
    Fingerprint::of(format!("{checks:?}").as_bytes())
}

/// Puts on trial what was changed and has checks, and notes what has gone back.
pub fn begin(memory: &mut Memory, ended: &Ended, selected: &Selected, now: Timestamp) {
    let Ended { key, pending, end: End::Done { .. }, .. } = ended else { return };
    match pending.act {
        Started::Create | Started::Update => {
            let checked = selected.wanted.get(key).is_some_and(|wanted| !wanted.manifest.checks.is_empty());
            let fingerprint = pending.fingerprint.filter(|_| checked);
            let trial = fingerprint.map(|fingerprint| Trial { fingerprint, since: now, fell: None });
            memory.change(key, |known| known.trial = trial);
        }
        Started::Back => memory.change(key, |known| {
            known.trial.iter_mut().filter_map(|trial| trial.fell.as_mut()).for_each(|fell| fell.done = true);
        }),
        Started::Clear | Started::Continue | Started::RollBack | Started::Remove | Started::Heal => {}
    }
}

impl Memory {
    /// Remembers that this stack is good as this commit asks for it.
    pub(crate) fn prove(&mut self, key: &StackKey, commit: &CommitId) {
        let mark = mark(key);
        if self.good.iter().any(|good| good.commit == *commit && good.stacks.contains(&mark)) {
            return;
        }
        self.good.iter_mut().for_each(|good| good.stacks.retain(|other| *other != mark));
        self.good.retain(|good| !good.stacks.is_empty());
        match self.good.iter_mut().find(|good| good.commit == *commit) {
            Some(good) => good.stacks.push(mark),
            None => self.good.push(Good { commit: commit.clone(), stacks: [mark].into() }),
        }
        let over = self.good.len().saturating_sub(COMMITS);
        self.good.drain(..over);
    }

    /// The commit at which this stack was good last, if that is remembered.
    pub fn proven(&self, key: &StackKey) -> Option<&CommitId> {
        let mark = mark(key);
        self.good.iter().find(|good| good.stacks.contains(&mark)).map(|good| &good.commit)
    }

    /// Forgets a trial. A change that failed is remembered as one all the same, without its reason.
    pub fn give_up_trial(&mut self, key: &StackKey) {
        let trial = self.of(key).and_then(|known| known.trial.clone());
        if let Some(Trial { fingerprint, fell: Some(_), .. }) = trial {
            self.mark_given_up(key, fingerprint);
        }
        self.change(key, |known| known.trial = None);
    }
}

/// This stack was good.
fn mark(key: &StackKey) -> Short {
    Short::of(&format!("good|{key}"))
}
