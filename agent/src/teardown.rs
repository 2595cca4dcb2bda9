//! `holdfast uninstall --delete`: everything goes that the agent of this account manages, and the agent after it.
//!
//! The agent is told to stand aside first, or it would make again what is deleted; a turn of it that is under way is not broken
//! into. Nothing is remembered here: what is still there is what is left to do, so the same command goes on where one was cut off.
//! Not here: which stacks may go, and in which order ([`plan::teardown`]).

use crate::{
    bootstrap::{End, Goal, watched},
    clock::by_aws,
    cloud::{Cloud, aws::Aws, count::Calls},
    config::Config,
    error::CommandError,
    law, people,
    reading::Reading,
    shipped::{Nobody, Shipped, alive, me},
    stop::Stopped,
    store::{Kept, Place, Store},
    world::World,
};
use aws_config::SdkConfig;
use manifests::id::{Name, StackKey, StackName};
use plan::{
    drift::seen,
    facts::{FoundStack, StackEvent},
    permit::{Act, Permit},
    teardown::Teardown,
};
use serde::{Deserialize, de::IgnoredAny};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
};

/// One stack that goes.
#[derive(Debug)]
pub struct Going {
    /// Leave to delete it.
    pub permit: Permit,
    /// How many resources it has.
    pub resources: usize,
    /// Those of them that its template keeps when it goes, or of which it keeps a snapshot.
    pub kept: BTreeSet<String>,
}

/// The stacks that go, in their order, each looked into; nothing is changed.
///
/// # Errors
/// What may not go, or may not stay; when the repository or AWS can't be asked.
pub(crate) async fn look(
    (config, aws, cloud): (&Config, &SdkConfig, &Aws),
    (stacks, kept, keep): (&BTreeMap<StackKey, FoundStack>, &Kept, &BTreeSet<StackName>),
) -> Result<Vec<Going>, CommandError> {
    let found = law::guardrails(kept, config.guardrails.is_some(), kept.memory.as_ref());
    let guardrails = found.map_err(CommandError::Refused)?.cloned().unwrap_or_default();
    let needs = needs(config, aws, kept).await?;
    let asked = Teardown { stacks, needs: &needs, keep, guardrails: &guardrails, memory: kept.memory.as_ref() };
    let permits = asked.permits().map_err(|refused| CommandError::Refused(refused.join("; ")))?;
    let mut going = Vec::with_capacity(permits.len());
    for permit in permits {
        let Act::Delete { stack_id, .. } = permit.act() else { continue };
        let place = seen::Place { key: permit.key().clone(), stack_id: stack_id.clone() };
        let resources = cloud.resources(&place).await?.len();
        let kept = kept_by(&cloud.template(&place.key, stack_id).await?);
        going.push(Going { permit, resources, kept });
    }
    Ok(going)
}

/// What each manifest is built on, by the last commit that was accepted. Without a repository nobody knows, and what came last goes
/// first.
async fn needs(config: &Config, aws: &SdkConfig, kept: &Kept) -> Result<BTreeMap<Name, BTreeSet<Name>>, CommandError> {
    let accepted = kept.memory.as_ref().and_then(|memory| memory.accepted.as_ref());
    let (Some(_), Some(commit)) = (&config.repository, accepted) else { return Ok(BTreeMap::new()) };
    let (world, _) = Shipped::new(config, aws, Calls::default(), Nobody)?;
    let unread = |why: String| {
        CommandError::Refused(format!(
            "what is built on what can't be told: {why}; without a repository (`--repository`) what came last goes first"
        ))
    };
    let reading = Reading::reach(world.source(), commit).await.map_err(unread)?;
    let stacks = reading.repository.stacks.iter();
    Ok(stacks.map(|(name, stack)| (name.clone(), stack.depends_on.clone())).collect())
}

/// The resources that a template keeps, or of which it keeps a snapshot. One that can't be read is not judged here: CloudFormation
/// knows it.
fn kept_by(template: &str) -> BTreeSet<String> {
    #[derive(Deserialize)]
    struct Template {
        #[serde(rename = "Resources", default)]
        resources: BTreeMap<String, Resource>,
        #[serde(flatten)]
        _rest: BTreeMap<String, IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Resource {
        #[serde(rename = "DeletionPolicy")]
        policy: Option<String>,
    }
    let read: Result<Template, _> = serde_saphyr::from_str(template);
    let resources = read.map(|read| read.resources).unwrap_or_default();
    let keeps = |resource: &Resource| resource.policy.as_deref().is_some_and(|policy| policy != "Delete");
    resources.into_iter().filter(|(_, resource)| keeps(resource)).map(|(name, _)| name).collect()
}

/// Has the account's agent stand aside, for as long as this may take.
///
/// # Errors
/// When it is at work just now, or its place can't be written.
pub(crate) async fn begin(aws: &SdkConfig, calls: &Calls, place: &Place) -> Result<(), CommandError> {
    let caller = Aws::new(aws.clone(), calls.clone()).caller().await.map_err(Stopped::Identity)?;
    people::stand_aside(place, by_aws(calls), caller.name()).await?;
    let (me, lease, now) = (me(), place.open().await.map_err(Stopped::from)?.lease, by_aws(calls));
    if let Some((holder, until)) = lease.anothers(&me, now, alive) {
        return Err(Stopped::Fenced { by: holder.name(), until }.into());
    }
    // A turn that began before it could hear of this finds that the lease was somebody's in between, and writes nothing.
    let version = place.lease(&lease.taken(&me, now)).await.map_err(Stopped::from)?;
    if !lease.is_followed_by(version) {
        return Err(Stopped::Fenced { by: "it began in the same moment".into(), until: now }.into());
    }
    let taken = plan::lease::FoundLease { version, ..lease };
    place.lease(&taken.let_go(&me)).await.map_err(Stopped::from)?;
    Ok(())
}

/// Deletes them one after the other, until one can't be, or somebody says stop.
///
/// # Errors
/// When AWS can't be asked.
pub(crate) async fn delete(
    (cloud, calls): (&Aws, &Calls),
    going: &[Going],
    tell: &mut dyn FnMut(&StackEvent),
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<End, CommandError> {
    for Going { permit, .. } in going {
        let Act::Delete { stack_id, .. } = permit.act() else { continue };
        let began = by_aws(calls);
        cloud.act(permit).await?;
        let gone = watched(cloud, (permit.key(), stack_id, Goal::Gone), (began, permit.token()), tell);
        let end = tokio::select! {
            end = gone => end?,
            () = stop.as_mut() => End::Left,
        };
        match end {
            End::Same | End::Done => {}
            End::Failed(why) => return Ok(End::Failed(format!("{}: {why}", permit.key()))),
            End::Held(_) | End::Left => return Ok(end),
        }
    }
    Ok(End::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_template_keeps_is_told() {
        let check = |template: &str, expect: &[&str]| {
            let expect: BTreeSet<String> = expect.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(kept_by(template), expect, "{template}");
        };
        check("Resources:\n  A: {Type: X, DeletionPolicy: Retain}\n  B: {Type: X}\n", &["A"]);
        check(
            "Parameters: {P: {Type: String}}\nResources:\n  A:\n    Type: X\n    DeletionPolicy: Snapshot\n    Properties: {N: !Sub '${P}'}\n",
            &["A"],
        );
        check(
            r#"{"Resources": {"A": {"Type": "X", "DeletionPolicy": "Delete"}, "B": {"Type": "X", "DeletionPolicy": "RetainExceptOnCreate"}}}"#,
            &["B"],
        );
        check("no template", &[]);
    }
}
