//! `holdfast verify [REV]`: who signed a commit, who may, and whether it would be accepted for it.
//!
//! Changes nothing. Not here: whether it descends from the accepted one, which is a matter of the branch and not of the commit.

use crate::{
    clock::by_aws,
    cloud::count::Calls,
    config::Config,
    error::{CommandError, Exit},
    git::Source,
    revision,
    shipped::{Nobody, Shipped, place},
    store::Store,
    trust::{Policy, Trust},
    world::World,
};
use aws_config::SdkConfig;
use manifests::id::CommitId;
use plan::memory::{Memory, Seal};
use serde::Serialize;

/// What there is to say of a commit's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Which commit.
    pub commit: CommitId,
    /// What the account makes of signatures.
    pub policy: Policy,
    /// Who may sign.
    pub signers: Vec<String>,
    /// By which version of the repository's own documents; 0 is the account's list.
    pub version: u32,
    /// Who did; `None` when nobody did who may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<Seal>,
    /// What is wrong with its signature, or with the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether the account would take it.
    pub accepted: bool,
}

impl Verified {
    /// What the command ends with.
    pub fn exit(&self) -> Exit {
        if self.accepted { Exit::Done } else { Exit::Failed }
    }
}

/// Looks at a commit of the branch; at its head when none is named.
///
/// # Errors
/// When there is no such commit, or the repository or the account can't be read.
pub(crate) async fn verify(config: &Config, aws: &SdkConfig, named: Option<&str>) -> Result<Verified, CommandError> {
    let calls = Calls::default();
    let kept = place(config, aws, &calls)?.open().await?;
    let mut memory = kept.memory.clone().unwrap_or_else(|| Memory::new(String::new()));
    let (world, settings) = Shipped::new(config, aws, calls.clone(), Nobody)?;
    let source = world.source();
    let commit = match named {
        Some(named) => revision::named(source, &settings.branch, named).await?,
        None => source.offered(None).await?.commit,
    };
    let now = by_aws(&calls);
    // As a turn would: one that was refused is judged by when it was first seen.
    let seen = memory.first_seen(&commit, now);
    let trust = Trust::of(&kept, &settings, &mut memory, now);
    let policy = trust.policy;
    let last = memory.accepted.as_ref();
    let force = trust.held(source, (&commit, last), seen).await;
    let judged = trust.look(source, &commit, last, seen).await;
    let accepted = judged.is_ok() || matches!(policy, Policy::Off | Policy::Warn);
    // Where the repository's documents don't hold, the account's own list does.
    let who = force.as_ref().map(|force| &force.signers).or(trust.signers.as_ref());
    let signers = who.iter().flat_map(|signers| signers.principals()).map(ToOwned::to_owned).collect();
    let version = force.map_or(0, |force| force.version);
    let (signer, why) = match judged {
        Ok(good) => (Some(good.seal), None),
        Err(why) => (None, Some(why)),
    };
    Ok(Verified { commit, policy, signers, version, signer, why, accepted })
}
