//! Whether a commit is trusted: who signed it, by the account's own list of signers, and what its policy makes of that.
//!
//! The list lies in the account, where no commit reaches it. A commit that was accepted once stays trusted, whoever may sign
//! later: it is the seal on everything before it. When a key was valid is judged by the time at which the agent first saw the
//! commit, because the date in a commit is its author's to choose. Not here: whether it descends from the last accepted
//! one ([`crate::accept`]).

pub(crate) mod signed;
pub mod signers;

use crate::{
    accept::Refused,
    git::{Descent, Offered, Source, error::ReadError},
    store::Kept,
};
use jiff::Timestamp;
use manifests::id::CommitId;
use plan::memory::{Memory, Seal};
use signers::Signers;

/// What an account makes of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Nobody looks at them: whoever may push may deploy. Every report says so.
    Off,
    /// A commit that nobody trusted signed is told, and deployed.
    Warn,
    /// The branch's head has to be signed.
    Required,
    /// So has every commit since the last accepted one.
    Every,
}

/// What holds in an account.
#[derive(Debug, Clone)]
pub struct Trust {
    /// What it makes of signatures.
    pub policy: Policy,
    /// Who may sign, or why that can't be told.
    pub signers: Result<Signers, String>,
}

/// A commit that was offered, and what its signature is worth. Only [`Trust::prove`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    offered: Offered,
    seal: Option<Seal>,
}

impl Proven {
    /// Nobody looks at signatures.
    #[cfg(test)]
    pub(crate) fn unasked(offered: Offered) -> Self {
        Self { offered, seal: None }
    }

    /// The two of them.
    pub(crate) fn into_parts(self) -> (Offered, Option<Seal>) {
        (self.offered, self.seal)
    }
}

/// How many commits are looked at behind a head, where every one has to be signed.
pub(crate) const MOST: usize = 10_000;

impl Trust {
    /// As it is configured; where nobody said, a list of signers means that commits have to be signed. That there was one is
    /// remembered: one that is gone is not taken for "anybody may".
    pub(crate) fn of(kept: &Kept, configured: Option<Policy>, memory: &mut Memory) -> Self {
        memory.signers |= kept.signers.is_some();
        let usual = if memory.signers { Policy::Required } else { Policy::Off };
        let nobody = || Err("the account has no list of signers, so nobody can tell who may sign".into());
        Self { policy: configured.unwrap_or(usual), signers: kept.signers.clone().unwrap_or_else(nobody) }
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
        if self.policy == Policy::Off {
            return Ok(Proven { offered, seal: None });
        }
        if offered.descent == Descent::Same {
            return Ok(Proven { offered, seal: seal.cloned() });
        }
        let refused = |why: String| Refused { commit: offered.commit.clone(), why };
        match self.signed(source, &offered.commit, last, seen).await {
            Ok(good) => Ok(Proven { seal: Some(good), offered }),
            Err(why) if self.policy == Policy::Warn => Ok(Proven { seal: Some(Seal::Tolerated { why }), offered }),
            Err(why) => Err(refused(format!("{why}; ends with a commit that one of the account's signers signed"))),
        }
    }

    /// Who signed the head; and, where every commit has to be signed, that each was.
    async fn signed<S: Source>(
        &self,
        source: &S,
        head: &CommitId,
        last: Option<&CommitId>,
        seen: Timestamp,
    ) -> Result<Seal, String> {
        let signers = self.signers.as_ref().map_err(Clone::clone)?;
        let good = judge(source, signers, head, seen).await?;
        if self.policy != Policy::Every {
            return Ok(good);
        }
        let Some(last) = last else { return Ok(good) };
        let unread = |error: ReadError| format!("the commits before it can't be read: {error}");
        for commit in source.between(last, head, MOST).await.map_err(unread)? {
            let judged = judge(source, signers, &commit, seen).await;
            judged.map_err(|why| format!("of {}, which it brings along, {why}", commit.short()))?;
        }
        Ok(good)
    }
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
    Ok(Seal::Good { by: by.principals, key: by.fingerprint })
}
