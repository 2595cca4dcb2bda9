//! `holdfast uninstall`: takes the agent out of an account, and leaves every stack that it managed as it is, or deletes those first.
//!
//! Shows what would happen, and does it when that is said. Not here: how managed stacks are deleted ([`crate::teardown`]); nor what
//! the agent remembered, which tells a new agent where the last one stopped.

use crate::{
    bootstrap::{End, Goal, watched},
    clock::by_aws,
    cloud::{Cloud, aws::Aws, count::Calls},
    config::Config,
    error::{CommandError, Exit},
    people,
    shipped::{home, place},
    stop::{Stopped, meant},
    store::{Place, Store},
    teardown::{self, Going},
};
use aws_config::SdkConfig;
use clap::Args;
use manifests::id::{AccountId, Malformed, StackKey, StackName};
use plan::{
    bootstrap::removal,
    facts::{FoundStack, StackEvent},
    owned::is_ours,
    permit::Permit,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::{Pin, pin},
};

/// What is asked for.
#[derive(Debug, Clone, Args)]
pub struct Said {
    /// Do it, and not only show it. Without it a terminal is asked for the account's number when stacks would be deleted
    #[arg(long)]
    pub yes: bool,
    /// What the agent's stack is called
    #[arg(long, value_name = "NAME", default_value = "holdfast-agent")]
    pub stack: String,
    /// Delete every stack that the agent manages before, what others are built on last
    #[arg(long)]
    pub delete: bool,
    /// A stack that stays all the same; may be there several times
    #[arg(long, value_name = "STACK", requires = "delete")]
    pub keep: Vec<String>,
}

/// What goes, what stays, and what came of it.
pub struct Leaving {
    /// In which account.
    pub account: AccountId,
    /// The agent's stack.
    pub key: StackKey,
    /// The stacks that stay, and that nobody looks after any more.
    pub stays: BTreeSet<StackKey>,
    /// The stacks that go before the agent, in their order.
    pub going: Vec<Going>,
    /// What came of it, if it was done.
    pub end: Option<End>,
    /// Leave to delete the agent's own stack.
    permit: Permit,
    stack_id: String,
    cloud: Aws,
    calls: Calls,
    place: Place,
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

/// What would go and what would stay; nothing is changed.
///
/// # Errors
/// When something may not go, or AWS can't be asked.
pub(crate) async fn look(config: &Config, aws: &SdkConfig, said: &Said) -> Result<Leaving, CommandError> {
    let calls = Calls::default();
    let cloud = Aws::new(aws.clone(), calls.clone());
    let account = meant(config.account.as_ref(), cloud.account().await.map_err(Stopped::Identity)?)?;
    let mistake = |key: &'static str| move |error: Malformed| CommandError::Usage { key, why: error.to_string() };
    let key = StackKey { region: home(config, aws)?, stack: said.stack.parse().map_err(mistake("--stack"))? };
    let keep: Result<BTreeSet<StackName>, _> = said.keep.iter().map(|name| name.parse()).collect();
    let keep = keep.map_err(mistake("--keep"))?;
    let Some(existing) = cloud.stack(&key).await? else {
        let why = format!("there is no stack `{}` in {}; `--stack` names another one", key.stack, key.region);
        return Err(CommandError::Refused(why));
    };
    let permit = removal(&key, &existing.found).map_err(CommandError::Refused)?;
    let place = place(config, aws, &calls)?;
    let kept = place.open().await.map_err(Stopped::from)?;
    let mut regions: BTreeSet<_> = kept.memory.iter().flat_map(|memory| memory.regions.clone()).collect();
    regions.insert(key.region.clone());
    let mut ours: BTreeMap<StackKey, FoundStack> = BTreeMap::new();
    for region in &regions {
        let all = cloud.stacks(region).await?;
        ours.extend(all.into_iter().filter(|(_, found)| is_ours(found, &config.owner) && !found.nested));
    }
    let going = match said.delete {
        true => teardown::look((config, aws, &cloud), (&ours, &kept, &keep)).await?,
        false => Vec::new(),
    };
    let stays = ours.into_keys().filter(|key| !going.iter().any(|going| going.permit.key() == key)).collect();
    let stack_id = existing.found.id;
    Ok(Leaving { account, key, stays, going, end: None, permit, stack_id, cloud, calls, place })
}

/// Does it; `tell` hears of everything that happens to a stack.
///
/// # Errors
/// When the agent is at work just now, or AWS can't be asked.
pub(crate) async fn leave(
    aws: &SdkConfig,
    leaving: &mut Leaving,
    tell: &mut dyn FnMut(&StackEvent),
    stop: impl Future<Output = ()>,
) -> Result<(), CommandError> {
    let mut stop = pin!(stop);
    let deletes = !leaving.going.is_empty();
    let mut end = End::Done;
    if deletes {
        teardown::begin(aws, &leaving.calls, &leaving.place).await?;
        end = teardown::delete((&leaving.cloud, &leaving.calls), &leaving.going, tell, stop.as_mut()).await?;
    }
    if end == End::Done {
        end = last(leaving, tell, stop).await?;
    }
    if deletes && end == End::Done {
        // What it held is gone, and a later agent would be held too.
        if let Err(error) = people::come_back(&leaving.place, by_aws(&leaving.calls)).await {
            tracing::warn!(error = %crate::error::chain(&error), "the account stays on hold for a day, which nobody is there to hear");
        }
    }
    leaving.end = Some(end);
    Ok(())
}

/// The agent's own stack goes.
async fn last(
    leaving: &Leaving,
    tell: &mut dyn FnMut(&StackEvent),
    stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<End, CommandError> {
    let Leaving { key, permit, stack_id, cloud, calls, .. } = leaving;
    let began = by_aws(calls);
    cloud.act(permit).await?;
    let gone = watched(cloud, (key, stack_id, Goal::Gone), (began, permit.token()), tell);
    Ok(tokio::select! {
        end = gone => end?,
        () = stop => End::Left,
    })
}
