//! `holdfast history` and `holdfast events`: what CloudFormation tells of stacks, put together to what was done by whom.
//!
//! It is CloudFormation's own memory (90 days of it), not the agent's: it needs no repository and no agent, and tells of
//! what others did too. Not here: which events make an operation ([`plan::events`]).

use crate::{
    clock::by_aws,
    cloud::{Cloud, CloudError, Trouble, aws::Aws, count::Calls},
    config::Config,
    error::CommandError,
    shipped::{home, place},
    stop::Stopped,
    store::{Place, Store},
};
use aws_config::SdkConfig;
use clap::Args;
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use manifests::id::{CommitId, Region, StackKey, StackName};
use plan::{
    events::{By, Operation, Outcome, Verb, operations},
    facts::StackEvent,
    resolve::OWNER,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Which stack's history.
#[derive(Debug, Clone, Args)]
pub struct HistoryOf {
    /// The stack, by CloudFormation's name; by ARN, if it is deleted
    pub stack: String,
}

/// Which events.
#[derive(Debug, Clone, Args)]
pub struct EventsOf {
    /// The stack, by CloudFormation's name; by ARN, if it is deleted; all stacks of this installation when there is none
    pub stack: Option<String>,
    /// How far back, such as `90m` or `7d`
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub since: String,
    /// Only what failed, and why
    #[arg(long)]
    pub failed: bool,
}

/// One thing that was done to a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Where.
    pub region: Region,
    /// What, and what came of it.
    #[serde(flatten)]
    pub operation: Operation,
}

/// One event of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Where.
    pub region: Region,
    /// Of which stack, as it was asked for.
    pub stack: String,
    /// What.
    #[serde(flatten)]
    pub event: StackEvent,
}

/// What was done to a stack, newest first, region by region.
///
/// # Errors
/// When AWS can't be asked, or there is no such stack.
pub(crate) async fn history(config: &Config, aws: &SdkConfig, of: &HistoryOf) -> Result<Vec<Done>, CommandError> {
    let calls = Calls::default();
    let place = place(config, aws, &calls)?;
    let cloud = Aws::new(aws.clone(), calls);
    done(&cloud, &regions(config, aws, &place).await?, &of.stack).await
}

/// Events, oldest first, as in a log.
///
/// # Errors
/// When AWS can't be asked, or there is no such stack.
pub(crate) async fn events(config: &Config, aws: &SdkConfig, of: &EventsOf) -> Result<Vec<Seen>, CommandError> {
    let time = manifests::id::duration(&of.since)
        .map_err(|error| CommandError::Usage { key: "--since", why: error.to_string() })?;
    let calls = Calls::default();
    let place = place(config, aws, &calls)?;
    let cloud = Aws::new(aws.clone(), calls.clone());
    let regions = regions(config, aws, &place).await?;
    let asked = match &of.stack {
        Some(stack) => places(&regions, stack)?,
        None => ours(&cloud, &regions, &config.owner).await?,
    };
    let now = by_aws(&calls);
    let since = SignedDuration::try_from(time).ok().and_then(|time| now.checked_sub(time).ok());
    let mut seen = told(&cloud, &asked, since, of.stack.as_deref()).await?;
    seen.retain(|seen| since.is_none_or(|since| seen.event.at >= since) && (!of.failed || is_failure(&seen.event)));
    // Newest first within each, and many in the same moment.
    seen.reverse();
    seen.sort_by_key(|seen| seen.event.at);
    Ok(seen)
}

/// The commit that a stack was brought to before the one that it is at.
///
/// # Errors
/// When AWS can't be asked, or CloudFormation tells of none.
pub(crate) async fn before(
    config: &Config,
    aws: &SdkConfig,
    place: &Place,
    stack: &StackName,
) -> Result<CommitId, CommandError> {
    let cloud = Aws::new(aws.clone(), Calls::default());
    let done = done(&cloud, &regions(config, aws, place).await?, stack.as_str()).await?;
    let mut commits = done.iter().filter_map(|done| came_of(&done.operation));
    let last = commits.next().cloned();
    let earlier = commits.find(|commit| Some(*commit) != last.as_ref()).cloned();
    earlier.ok_or_else(|| {
        CommandError::Refused(format!(
            "CloudFormation tells of no earlier change of `{stack}` that an agent made for another commit; name the commit \
             (`holdfast history {stack}` shows them)"
        ))
    })
}

/// The commit that an operation has brought a stack to.
fn came_of(operation: &Operation) -> Option<&CommitId> {
    let brings = match operation.verb {
        // What is under way is where it is going to be.
        Verb::Create | Verb::Update | Verb::Import => matches!(operation.outcome, Outcome::Done | Outcome::UnderWay),
        Verb::Delete | Verb::RollBack => false,
    };
    match &operation.by {
        By::Commit(commit) if brings => Some(commit),
        By::Commit(_) | By::Heal | By::Other(_) => None,
    }
}

fn is_failure(event: &StackEvent) -> bool {
    event.status.ends_with("_FAILED")
}

/// Where a stack may be: at home, and where the agent remembers something of its own.
async fn regions(config: &Config, aws: &SdkConfig, place: &Place) -> Result<BTreeSet<Region>, CommandError> {
    let kept = place.open().await.map_err(Stopped::from)?;
    let mut regions = kept.memory.map(|memory| memory.regions).unwrap_or_default();
    regions.insert(home(config, aws)?);
    Ok(regions)
}

/// Where a stack is looked for, and as what: an ARN says its region itself.
fn places(regions: &BTreeSet<Region>, stack: &str) -> Result<Vec<(Region, String)>, CommandError> {
    let mistake = |why: String| CommandError::Usage { key: "STACK", why };
    if stack.starts_with("arn:") {
        let region = stack.split(':').nth(3).unwrap_or_default().parse();
        let region = region.map_err(|error: manifests::id::Malformed| mistake(error.to_string()))?;
        return Ok(vec![(region, stack.to_owned())]);
    }
    let name: StackName = stack.parse().map_err(|error: manifests::id::Malformed| mistake(error.to_string()))?;
    Ok(regions.iter().map(|region| (region.clone(), name.to_string())).collect())
}

/// Every stack of this installation.
async fn ours(cloud: &Aws, regions: &BTreeSet<Region>, owner: &str) -> Result<Vec<(Region, String)>, CommandError> {
    let mut all = Vec::new();
    for region in regions {
        let stacks = cloud.stacks(region).await?;
        let ours = stacks.into_iter().filter(|(_, found)| found.tags.get(OWNER).is_some_and(|is| is == owner));
        all.extend(ours.map(|(StackKey { region, stack }, _)| (region, stack.to_string())));
    }
    Ok(all)
}

/// Everything that was done to a stack, region by region, newest first.
async fn done(cloud: &Aws, regions: &BTreeSet<Region>, stack: &str) -> Result<Vec<Done>, CommandError> {
    let seen = told(cloud, &places(regions, stack)?, None, Some(stack)).await?;
    let mut all = Vec::new();
    for region in seen.iter().map(|seen| &seen.region).collect::<BTreeSet<_>>() {
        let events: Vec<StackEvent> =
            seen.iter().filter(|seen| seen.region == *region).map(|seen| seen.event.clone()).collect();
        let done = |operation| Done { region: region.clone(), operation };
        all.extend(operations(&events).into_iter().map(done));
    }
    Ok(all)
}

/// What CloudFormation tells of these, newest first within each. A stack that is in none of its places is an error; one that
/// goes while it is asked about is not.
async fn told(
    cloud: &Aws,
    asked: &[(Region, String)],
    since: Option<Timestamp>,
    named: Option<&str>,
) -> Result<Vec<Seen>, CommandError> {
    // A few at a time: the account's people need its API too.
    const AT_A_TIME: usize = 8;
    let each = asked.iter().map(|(region, stack)| async move { cloud.events(region, stack, since).await });
    let answers: Vec<Result<Vec<StackEvent>, CloudError>> = stream::iter(each).buffered(AT_A_TIME).collect().await;
    let mut seen = Vec::new();
    let mut found = false;
    for ((region, stack), answer) in asked.iter().zip(answers) {
        match answer {
            Ok(events) => {
                found = true;
                let event = |event| Seen { region: region.clone(), stack: short(stack).to_owned(), event };
                seen.extend(events.into_iter().map(event));
            }
            // DescribeStackEvents says of a name that is not there that it is not valid.
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match named.filter(|_| !found) {
        Some(stack) => {
            let regions: Vec<&str> = asked.iter().map(|(region, _)| region.as_str()).collect();
            Err(CommandError::Refused(format!(
                "there is no stack `{stack}` in {}; one that is deleted is known by its ARN only",
                regions.join(", ")
            )))
        }
        None => Ok(seen),
    }
}

fn is_absent(error: &CloudError) -> bool {
    error.problem == Trouble::NotFound
}

/// A stack's name, also of an ARN.
fn short(stack: &str) -> &str {
    stack.strip_prefix("arn:").and_then(|arn| arn.split('/').nth(1)).unwrap_or(stack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stack: &str, expect: &[&str]) {
        let regions = ["eu-central-1", "us-east-1"].map(|region| region.parse().unwrap()).into();
        let places = places(&regions, stack).unwrap();
        assert_eq!(places.iter().map(|(region, _)| region.as_str()).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn a_name_is_looked_for_everywhere_and_an_arn_where_it_says() {
        check("net", &["eu-central-1", "us-east-1"]);
        let arn = "arn:aws:cloudformation:ap-southeast-2:111111111111:stack/net/0a";
        check(arn, &["ap-southeast-2"]);
        assert_eq!((short(arn), short("net")), ("net", "net"));
        assert!(places(&BTreeSet::new(), "n_t").is_err());
    }
}
