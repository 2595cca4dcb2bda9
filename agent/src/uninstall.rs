//! `holdfast uninstall`: takes the agent out of an account, and leaves every stack that it managed as it is.
//!
//! Shows what would happen, and does it when that is said. Not here: deleting what was managed. A commit asks for that, before,
//! and the agent does it under its limits; nor what the agent remembered, which tells a new agent where the last one stopped.

use crate::{
    bootstrap::{End, watched},
    clock::by_aws,
    cloud::{Cloud, aws::Aws, count::Calls},
    config::Config,
    error::{CommandError, Exit},
    shipped::{home, place},
    stop::{Stopped, meant},
    store::Store,
};
use aws_config::SdkConfig;
use clap::Args;
use manifests::id::{Malformed, StackKey};
use plan::{bootstrap::removal, facts::StackEvent, owned::is_ours};
use std::collections::BTreeSet;

/// What is asked for.
#[derive(Debug, Clone, Args)]
pub struct Said {
    /// Do it, and not only show it
    #[arg(long)]
    pub yes: bool,
    /// What the agent's stack is called
    #[arg(long, value_name = "NAME", default_value = "holdfast-agent")]
    pub stack: String,
}

/// What goes, what stays, and what came of it.
#[derive(Debug)]
pub struct Leaving {
    /// The agent's stack.
    pub key: StackKey,
    /// The stacks that stay, and that nobody looks after any more.
    pub stays: BTreeSet<StackKey>,
    /// What came of it, if it was done.
    pub end: Option<End>,
}

impl Leaving {
    /// What the command ends with.
    pub fn exit(&self) -> Exit {
        match &self.end {
            None => Exit::Changes,
            Some(End::Same | End::Done) => Exit::Done,
            Some(End::Held(_)) => Exit::Held,
            Some(End::Failed(_)) => Exit::Failed,
            Some(End::Left) => Exit::Pending,
        }
    }
}

/// Shows it, and does it if that is said; `tell` hears of everything that happens to the agent's stack.
///
/// # Errors
/// When the stack may not go, or AWS can't be asked.
pub(crate) async fn uninstall(
    (config, aws): (&Config, &SdkConfig),
    said: &Said,
    tell: &mut dyn FnMut(&StackEvent),
    stop: impl Future<Output = ()>,
) -> Result<Leaving, CommandError> {
    let calls = Calls::default();
    let cloud = Aws::new(aws.clone(), calls.clone());
    meant(config.account.as_ref(), cloud.account().await.map_err(Stopped::Identity)?)?;
    let mistake = |error: Malformed| CommandError::Usage { key: "--stack", why: error.to_string() };
    let key = StackKey { region: home(config, aws)?, stack: said.stack.parse().map_err(mistake)? };
    let Some(existing) = cloud.stack(&key).await? else {
        let why = format!("there is no stack `{}` in {}; `--stack` names another one", key.stack, key.region);
        return Err(CommandError::Refused(why));
    };
    let permit = removal(&key, &existing.found).map_err(CommandError::Refused)?;
    let kept = place(config, aws, &calls)?.open().await.map_err(Stopped::from)?;
    let mut regions: BTreeSet<_> = kept.memory.map(|memory| memory.regions).into_iter().flatten().collect();
    regions.insert(key.region.clone());
    let mut stays = BTreeSet::new();
    for region in &regions {
        let all = cloud.stacks(region).await?;
        stays.extend(all.into_iter().filter(|(_, found)| is_ours(found, &config.owner)).map(|(key, _)| key));
    }
    let mut leaving = Leaving { key, stays, end: None };
    if said.yes {
        let began = by_aws(&calls);
        cloud.act(&permit).await?;
        let gone = watched(&cloud, &leaving.key, &existing.found.id, (began, permit.token()), tell);
        leaving.end = Some(tokio::select! {
            end = gone => end?,
            () = stop => End::Left,
        });
    }
    Ok(leaving)
}
