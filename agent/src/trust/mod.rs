//! Whether a commit is trusted: who signed it, by the account's own list of signers, and what its policy makes of that.
//!
//! The list lies in the account, where no commit reaches it. A commit that was accepted once stays trusted, whoever may sign
//! later: it is the seal on everything before it. When a key was valid is judged by the time at which the agent first saw the
//! commit, because the date in a commit is its author's to choose. The repository may say who signs from the next commit on
//! ([`chain`]), and what takes several of them ([`paths`]). Not here: whether a commit descends from the last accepted one
//! ([`crate::accept`]).

pub(crate) mod chain;
mod kinds;
mod openpgp;
pub(crate) mod papers;
pub(crate) mod paths;
pub mod sign;
pub(crate) mod signed;
pub mod signers;
pub mod tag;

use crate::{
    accept::Refused,
    git::{Descent, Offered, Source, error::ReadError},
    store::Kept,
    world::Settings,
};
use chain::Force;
use jiff::Timestamp;
use manifests::id::{CommitId, RepoPath};
use plan::memory::{Memory, Seal, Trusted};
use signers::Signers;
use std::collections::BTreeMap;
use tag::{Tags, vouched};

/// What an account makes of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Nobody looks at them: whoever may push may deploy. Every report says so.
    Off,
    /// A commit that nobody trusted signed is told, and deployed.
    Warn,
    /// The branch's head has to be signed, by itself or by a tag.
    Required,
    /// So has every commit since the last accepted one.
    Every,
}

/// What holds in an account.
#[derive(Debug, Clone)]
pub struct Trust {
    /// What it makes of signatures.
    pub policy: Policy,
    /// Who may sign by the account's own list, or why that can't be told.
    pub signers: Result<Signers, String>,
    /// Where the repository says who may.
    pub folder: RepoPath,
    /// What it said so far.
    pub trusted: Option<Trusted>,
    /// Which tags may speak for the head; `None` when none may.
    pub tags: Option<Tags>,
}

/// A commit that was offered, and what its signature is worth. Only [`Trust::prove`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    offered: Offered,
    seal: Option<Seal>,
    trusted: Option<Trusted>,
}

/// What was looked at of a commit, and found good.
pub(crate) struct Good {
    /// Who signed it.
    pub(crate) seal: Seal,
    /// Who may sign after it.
    pub(crate) trusted: Option<Trusted>,
}

impl Proven {
    /// Nobody looks at signatures.
    #[cfg(test)]
    pub(crate) fn unasked(offered: Offered) -> Self {
        Self { offered, seal: None, trusted: None }
    }

    /// The commit, what its signature is worth, and who may sign from it on.
    pub(crate) fn into_parts(self) -> (Offered, Option<Seal>, Option<Trusted>) {
        (self.offered, self.seal, self.trusted)
    }
}

/// How many commits are looked at behind a head, where every one has to be signed.
pub(crate) const MOST: usize = 10_000;

impl Trust {
    /// As it is configured; where nobody said, a list of signers means that commits have to be signed. That there was one is
    /// remembered: one that is gone is not taken for "anybody may".
    pub(crate) fn of(kept: &Kept, settings: &Settings, memory: &mut Memory, now: Timestamp) -> Self {
        memory.signers |= kept.signers.is_some();
        let usual = if memory.signers { Policy::Required } else { Policy::Off };
        let nobody = || Err("the account has no list of signers, so nobody can tell who may sign".into());
        Self {
            policy: settings.signatures.unwrap_or(usual),
            signers: kept.signers.clone().unwrap_or_else(nobody),
            folder: settings.trust.clone(),
            trusted: memory.trusted.clone(),
            tags: settings.signed_tags.clone().map(|prefix| Tags { prefix, now }),
        }
    }

    /// Looks at the signatures that matter. `seal` is what is remembered of the last accepted commit's.
    ///
    /// # Errors
    /// When the policy does not let it pass.
    pub async fn prove<S: Source>(
        &self,
        source: &S,
        offered: Offered,
        (last, seal): (Option<&CommitId>, Option<&Seal>),
        seen: Timestamp,
    ) -> Result<Proven, Refused> {
        let trusted = self.trusted.clone();
        if self.policy == Policy::Off {
            return Ok(Proven { offered, seal: None, trusted });
        }
        if offered.descent == Descent::Same {
            return Ok(Proven { offered, seal: seal.cloned(), trusted });
        }
        let refused = |why: String| Refused { commit: offered.commit.clone(), why };
        match self.look(source, &offered.commit, last, seen).await {
            Ok(Good { seal, trusted }) => Ok(Proven { offered, seal: Some(seal), trusted }),
            Err(why) if self.policy == Policy::Warn => {
                // Nothing waits for what would end it.
                let why = why.split("; ends with ").next().unwrap_or(&why).to_owned();
                Ok(Proven { offered, seal: Some(Seal::Tolerated { why }), trusted })
            }
            Err(why) => Err(refused(why)),
        }
    }

    /// Who signed the head, by what holds before it; where every commit has to be signed, that each was; whether what takes
    /// several was approved; and who may sign after it.
    pub(crate) async fn look<S: Source>(
        &self,
        source: &S,
        head: &CommitId,
        last: Option<&CommitId>,
        seen: Timestamp,
    ) -> Result<Good, String> {
        let list = self.signers.as_ref().map_err(Clone::clone)?;
        let papers = papers::of(source, &self.folder, head).await?;
        let force = self.before(source, head, seen).await?;
        let seal = vouched(source, &force.signers, self.tags.as_ref(), head, seen).await.map_err(unsigned)?;
        if let Some(last) = last.filter(|_| self.policy == Policy::Every) {
            self.every(source, (last, head), seen).await?;
        }
        let next = chain::follow(list, self.trusted.as_ref(), &papers, seen)?;
        if next.version < force.version {
            let (before, after) = (force.version, next.version);
            return Err(format!(
                "it goes back from version {before} of who may sign to version {after}; ends with a commit that has version \
                 {before} again"
            ));
        }
        let empty = BTreeMap::new();
        let known = self.trusted.as_ref().map_or(&empty, |trusted| &trusted.approved);
        let approved = paths::approved(source, head, (&force, &papers), known, seen).await?;
        let document = next.document.map(|digest| digest.short(32)).unwrap_or_default();
        let trusted = Trusted { version: next.version, document, list: list.digest().short(32), approved };
        let says = trusted.version > 0 || !trusted.approved.is_empty();
        Ok(Good { seal, trusted: says.then_some(trusted) })
    }

    /// What holds for a commit: what its first parent says of who may sign, because no commit is judged by its own rules.
    /// Where the parent is not here (the first commit that an account sees), nothing is known before the commit's own. Where
    /// the parent's don't hold, what is in force here already does.
    pub(crate) async fn before<S: Source>(
        &self,
        source: &S,
        commit: &CommitId,
        seen: Timestamp,
    ) -> Result<Force, String> {
        let (list, known) = (self.signers.as_ref().map_err(Clone::clone)?, self.trusted.as_ref());
        let bytes = source.commit(commit).await.map_err(|error| error.to_string())?;
        let papers = papers::of(source, &self.folder, commit).await?;
        match signed::parent(&bytes) {
            Some(parent) if source.commit(&parent).await.is_ok() => {
                let said = papers::of(source, &self.folder, &parent).await;
                let held = said.and_then(|said| chain::follow(list, known, &said, seen));
                held.or_else(|_| chain::standing(list, known, &papers))
            }
            Some(_) | None => chain::follow(list, known, &papers, seen),
        }
    }

    /// Whether every commit that the head brings along was signed by somebody who could then.
    async fn every<S: Source>(
        &self,
        source: &S,
        (last, head): (&CommitId, &CommitId),
        seen: Timestamp,
    ) -> Result<(), String> {
        let unread = |error: ReadError| format!("the commits before it can't be read: {error}");
        for commit in source.between(last, head, MOST).await.map_err(unread)? {
            let force = self.before(source, &commit, seen).await?;
            let judged = judge(source, &force.signers, &commit, seen).await;
            judged.map_err(|why| unsigned(format!("of {}, which it brings along, {why}", commit.short())))?;
        }
        Ok(())
    }
}

fn unsigned(why: String) -> String {
    format!("{why}; ends with a commit that one of the account's signers signed")
}

/// Who signed one commit.
pub(crate) async fn judge<S: Source>(
    source: &S,
    signers: &Signers,
    commit: &CommitId,
    seen: Timestamp,
) -> Result<Seal, String> {
    let bytes = source.commit(commit).await.map_err(|error| error.to_string())?;
    let by = signers.judge(&bytes, seen).map_err(|distrust| distrust.to_string())?;
    Ok(Seal::Good { by: by.principals, key: by.fingerprint, tag: None })
}
