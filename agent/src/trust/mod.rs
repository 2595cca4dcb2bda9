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
use papers::Paper;
use plan::memory::{Memory, Seal, Trusted};
use signers::Signers;
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
    /// The installation that it is said for.
    pub owner: String,
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
            owner: settings.policy.owner.clone(),
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
            Err(why) if why.contains("; ends with ") => Err(refused(why)),
            Err(why) => Err(refused(format!("{why}; ends with a commit that mends it"))),
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
        let list = self.list()?;
        let papers = papers::of(source, (&self.folder, &self.owner), head).await?;
        let force = self.before(source, (head, last), &papers, seen).await?;
        let seal = vouched(source, &force.signers, self.tags.as_ref(), head, seen).await.map_err(unsigned)?;
        if let Some(last) = last.filter(|_| self.policy == Policy::Every) {
            self.every(source, (last, head), &papers, seen).await?;
        }
        let next = chain::follow(list, self.trusted.as_ref(), &papers, seen)?;
        if next.version < force.version {
            let (before, after) = (force.version, next.version);
            return Err(format!(
                "it goes back from version {before} of who may sign to version {after}; ends with a commit that has version \
                 {before} again"
            ));
        }
        let known = self.trusted.as_ref().map(|trusted| trusted.approved.clone()).unwrap_or_default();
        let approved = paths::approved(source, head, (&force, &papers), &known, seen).await?;
        let document = next.document.map(|digest| digest.to_string()).unwrap_or_default();
        let trusted = Trusted { version: next.version, document, list: list.digest().to_string(), approved };
        let says = trusted.version > 0 || !trusted.approved.is_empty();
        Ok(Good { seal, trusted: says.then_some(trusted) })
    }

    /// What holds for a head.
    pub(crate) async fn held<S: Source>(
        &self,
        source: &S,
        (head, last): (&CommitId, Option<&CommitId>),
        seen: Timestamp,
    ) -> Result<Force, String> {
        let papers = papers::of(source, (&self.folder, &self.owner), head).await?;
        self.before(source, (head, last), &papers, seen).await
    }

    fn list(&self) -> Result<&Signers, String> {
        let ends = |why: &String| format!("{why}; ends with a list of signers in the account that can be read");
        self.signers.as_ref().map_err(ends)
    }

    /// What holds for a commit: the most that one of its parents says of who may sign, because no commit is judged by its own
    /// rules, and none chooses older ones by its parents. Where they say nothing that holds, it is what is in force already.
    /// The first commit that an account sees may say it itself: its parents need not be here. `papers` are the branch's head's.
    async fn before<S: Source>(
        &self,
        source: &S,
        (commit, last): (&CommitId, Option<&CommitId>),
        papers: &[Paper],
        seen: Timestamp,
    ) -> Result<Force, String> {
        let (list, known) = (self.list()?, self.trusted.as_ref());
        let bytes = source.commit(commit).await.map_err(|error| error.to_string())?;
        let mut all = Vec::new();
        for parent in signed::parents(&bytes) {
            match source.commit(&parent).await {
                Ok(_) => {}
                Err(ReadError::NoCommit(_)) => continue,
                Err(error) => {
                    return Err(format!("its parent can't be read: {error}; ends with a commit on another one"));
                }
            }
            let said = papers::of(source, (&self.folder, &self.owner), &parent).await;
            all.extend(said.and_then(|said| chain::follow(list, known, &said, seen)));
        }
        if last.is_none() {
            all.push(chain::follow(list, known, papers, seen)?);
        }
        match all.into_iter().max_by_key(|force| force.version) {
            Some(force) => Ok(force),
            None => chain::standing(list, known, papers, seen),
        }
    }

    /// Whether every commit that the head brings along was signed by somebody who could then.
    async fn every<S: Source>(
        &self,
        source: &S,
        (last, head): (&CommitId, &CommitId),
        papers: &[Paper],
        seen: Timestamp,
    ) -> Result<(), String> {
        let unread = |error: ReadError| format!("the commits before it can't be read: {error}");
        for commit in source.between(last, head, MOST).await.map_err(unread)? {
            let along = |why| format!("of {}, which it brings along, {why}", commit.short());
            let force = self.before(source, (&commit, Some(last)), papers, seen).await.map_err(along)?;
            judge(source, &force.signers, &commit, seen).await.map_err(|why| unsigned(along(why)))?;
        }
        Ok(())
    }
}

fn unsigned(why: String) -> String {
    format!("{why}; ends with a commit that somebody signed who may")
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
