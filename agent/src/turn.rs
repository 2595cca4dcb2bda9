//! The whole product on one screen: look, decide, act, tell.
//!
//! A turn takes no hint about what changed, so a restart, a retry and a first run are the same path. Inside it, rounds
//! do the same once more: as long as something is under way, the account is looked at again and planned again, so a
//! stack begins in the moment that the last one it depends on is in place.
//!
//! Not here: any decision (that is `plan`'s), any call (that is [`crate::cloud`]'s, [`crate::git`]'s and
//! [`crate::send`]'s), any retry (the next turn is the retry).

use crate::{
    accept::{Refused, accept},
    cloud::{Clock, Cloud, CloudError},
    git::{Source, error::FetchError},
    memory::{Store, StoreError},
    pace::Pacing,
    reading::{Reading, ReadingError},
    rounds::Rounds,
    send::Sink,
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    id::{AccountId, CommitId, Region, StackKey},
    report::{Happening, Report, What},
};
use plan::{
    memory::{Memory, Started},
    plan::{Plan, Policy},
    select::Account,
    tell,
};
use std::collections::BTreeMap;

/// The doors of a turn. The shipped ones are git over gix, AWS over its SDK, SSM or a file, SNS, and the machine's
/// clock; tests bring a world in memory.
pub trait World {
    /// Where manifests come from.
    type Source: Source;
    /// The account.
    type Cloud: Cloud;
    /// Where memory is kept.
    type Store: Store;
    /// Where reports go.
    type Sink: Sink;
    /// The time.
    type Clock: Clock;
    /// Where manifests come from.
    fn source(&self) -> &Self::Source;
    /// The account.
    fn cloud(&self) -> &Self::Cloud;
    /// Where memory is kept.
    fn store(&self) -> &Self::Store;
    /// Where reports go.
    fn sink(&self) -> &Self::Sink;
    /// The time.
    fn clock(&self) -> &Self::Clock;
    /// Shows what is going on to whoever watches. Decides nothing.
    fn show(&self, _: &Sight<'_>) {}
    /// Somebody wants the process to end: a turn that is under way watches no longer, and tells what it has.
    fn leave(&self) {}
    /// Whether somebody does.
    fn leaving(&self) -> bool {
        false
    }
}

/// What a watcher of a turn gets to see.
#[derive(Debug)]
pub enum Sight<'a> {
    /// A commit is worked towards.
    Commit(&'a CommitId),
    /// A round has a plan.
    Planned(&'a Plan),
    /// A step was started.
    Started(&'a StackKey, Started),
    /// Something happened that the report will tell.
    Happened(&'a Happening),
    /// The report is out.
    Told(&'a Report),
}

/// The account's own settings for a turn; they come from its configuration, never from the repository.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The agent's version.
    pub version: &'static str,
    /// The repository's address, without credentials.
    pub repository: String,
    /// The branch that is followed.
    pub branch: String,
    /// The region that the agent is at home in.
    pub home: Region,
    /// The account that it was configured for, if that was said.
    pub account: Option<AccountId>,
    /// What `plan` decides by.
    pub policy: Policy,
    /// How long a turn may go on watching.
    pub turn: SignedDuration,
    /// How soon, and how rarely at most, a change is looked at again.
    pub poll: Pacing,
    /// How long it may be quiet when nothing changes.
    pub heartbeat: SignedDuration,
    /// How long the agent rests before the next turn, if there is one.
    pub rest: Option<SignedDuration>,
}

/// What stays in the process between two turns. All of it can be made again; a Lambda that is new has none.
#[derive(Debug, Default)]
pub struct Standing {
    account: Option<AccountId>,
    reading: Option<Reading>,
}

/// Why a turn ended before it could look at anything.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Whose account it is could not be told.
    #[error("could not tell which account this is")]
    Identity(#[source] CloudError),
    /// It is not the account that the agent was configured for.
    #[error("these are credentials of account {found}, and the agent is configured for {configured}")]
    WrongAccount {
        /// Configured.
        configured: AccountId,
        /// Found.
        found: AccountId,
    },
    /// Memory could not be read or written.
    #[error(transparent)]
    Memory(#[from] StoreError),
    /// The plan was not sound: a bug, and nothing was changed.
    #[error("the plan is not sound, so nothing was changed: {0}")]
    Unsound(String),
}

/// Why the repository's head is not what this turn works towards.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The remote could not be read.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The head was refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The commit could not be read.
    #[error(transparent)]
    Reading(#[from] ReadingError),
}

/// One turn.
///
/// # Errors
/// When it could not look at anything. Everything else that goes wrong is in the report.
pub async fn turn<W: World>(world: &W, settings: &Settings, standing: &mut Standing) -> Result<Report, Stopped> {
    let (Start { account, memory, reading, began, calls }, trouble) = start(world, settings, standing).await?;
    let mut rounds = Rounds::new(world, settings, memory, (began, calls));
    if let Some(reading) = reading {
        world.show(&Sight::Commit(&reading.commit));
        rounds.run(reading, &account).await?;
    }
    let told = rounds.tell(&account, reading.map_or(&[][..], Reading::problems), trouble).await?;
    world.show(&Sight::Told(&told));
    Ok(told)
}

/// What a turn would find: the account and the repository as they are, with nothing changed, remembered or sent.
///
/// # Errors
/// As [`turn`].
pub async fn survey<W: World>(world: &W, settings: &Settings, standing: &mut Standing) -> Result<Report, Stopped> {
    let (Start { account, memory, reading, began, calls }, trouble) = start(world, settings, standing).await?;
    let mut rounds = Rounds::new(world, settings, memory, (began, calls));
    if let Some(reading) = reading {
        rounds.survey(reading, &account).await?;
    }
    Ok(rounds.report(&account, reading.map_or(&[][..], Reading::problems), trouble))
}

/// What a turn begins with.
pub(crate) struct Start<'s> {
    /// Whose turn it is.
    pub(crate) account: Account,
    /// What is remembered.
    pub(crate) memory: Memory,
    /// The commit that is in force, if there is one.
    pub(crate) reading: Option<&'s Reading>,
    /// When it began.
    pub(crate) began: Timestamp,
    /// How many calls had been made before.
    pub(crate) calls: BTreeMap<String, u64>,
}

/// Who, what is remembered, and which commit is in force; with the trouble that the head made, if it did.
pub(crate) async fn start<'s, W: World>(
    world: &W,
    settings: &Settings,
    standing: &'s mut Standing,
) -> Result<(Start<'s>, Option<Trouble>), Stopped> {
    let (began, calls) = (world.clock().now(), costs(world));
    let id = identity(world, settings, standing).await?;
    let mut memory = world.store().load().await?.unwrap_or_else(|| Memory::new(epoch(began)));
    let trouble = fetch(world, standing, &mut memory, began).await.err();
    let reading = remembered(world, standing, &memory).await;
    let account = Account::new(id, settings.home.clone(), reading.map_or(&Default::default(), Reading::fleet));
    Ok((Start { account, memory, reading, began, calls }, trouble))
}

/// Whose account this is: asked once in the life of a process.
async fn identity<W: World>(world: &W, settings: &Settings, standing: &mut Standing) -> Result<AccountId, Stopped> {
    let found = match &standing.account {
        Some(known) => known.clone(),
        None => world.cloud().account().await.map_err(Stopped::Identity)?,
    };
    standing.account = Some(found.clone());
    match &settings.account {
        Some(configured) if *configured != found => {
            Err(Stopped::WrongAccount { configured: configured.clone(), found })
        }
        _ => Ok(found),
    }
}

/// Offered → Accepted → read. Only a commit that was accepted *and* could be read is remembered; whatever goes wrong
/// leaves the last one in force.
async fn fetch<W: World>(
    world: &W,
    standing: &mut Standing,
    memory: &mut Memory,
    now: Timestamp,
) -> Result<(), Trouble> {
    let offered = world.source().offered(memory.accepted.as_ref()).await?;
    memory.answered = Some(now);
    let accepted = match accept(offered, memory.accepted.as_ref()) {
        Ok(accepted) => accepted,
        Err(refused) => {
            if memory.refused.as_ref() != Some(&refused.commit) {
                memory.refused = Some(refused.commit.clone());
                note(memory, now, What::Refused, &refused.commit, refused.to_string());
            }
            return Err(refused.into());
        }
    };
    let commit = accepted.commit();
    if standing.reading.as_ref().map(|reading| &reading.commit) != Some(commit) {
        standing.reading = Some(Reading::read(world.source(), commit).await?);
    }
    memory.refused = None;
    if memory.accepted.as_ref() != Some(commit) {
        note(memory, now, What::Accepted, commit, format!("commit {} is accepted", commit.short()));
        memory.accepted = Some(commit.clone());
    }
    Ok(())
}

fn note(memory: &mut Memory, at: Timestamp, what: What, commit: &CommitId, sentence: String) {
    let happening = Happening { at, what, region: None, stack: None, commit: Some(commit.clone()), sentence };
    tell::note(memory, happening);
}

/// The commit that is in force, as it was read; from the local objects if this process has not read it yet.
async fn remembered<'s, W: World>(world: &W, standing: &'s mut Standing, memory: &Memory) -> Option<&'s Reading> {
    let commit = memory.accepted.as_ref()?;
    if standing.reading.as_ref().map(|reading| &reading.commit) != Some(commit) {
        standing.reading = Reading::read(world.source(), commit).await.ok();
    }
    standing.reading.as_ref()
}

/// A name for a memory that begins now. Later names sort after earlier ones, so that a hub can tell which memory is the
/// younger.
fn epoch(now: Timestamp) -> String {
    format!("{:012x}", now.as_millisecond().max(0))
}

/// Every call so far: AWS's by `service:Action`, git's as `git:request`.
pub(crate) fn costs<W: World>(world: &W) -> BTreeMap<String, u64> {
    let mut calls = world.cloud().calls();
    calls.insert("git:request".into(), world.source().traffic().requests);
    calls
}

/// What a turn cost, by service: the difference of two counts.
pub(crate) fn spent(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let spent = after.iter().map(|(call, count)| (call.clone(), count - before.get(call).copied().unwrap_or_default()));
    spent.filter(|(_, count)| *count > 0).collect()
}
