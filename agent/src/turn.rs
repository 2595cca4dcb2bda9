//! The whole product on one screen: look, decide, act, tell.
//!
//! A turn takes no hint about what changed, so a restart, a retry and a first run are the same path. Inside it, rounds
//! do the same once more: as long as something is under way, the account is looked at again and planned again, so a
//! stack begins in the moment that the last one it depends on is in place.
//!
//! Not here: any decision (that is `plan`'s), any call (that is [`crate::cloud`]'s, [`crate::git`]'s and
//! [`crate::send`]'s), any retry (the next turn is the retry).

use crate::{
    accept::accept,
    cloud::{Clock, Cloud},
    git::Source,
    memory::Store,
    reading::Reading,
    rounds::Rounds,
    stop::{Stopped, Trouble},
    world::{Settings, Sight, World, costs},
};
use jiff::Timestamp;
use manifests::{
    id::{AccountId, CommitId},
    report::{Happening, Report, What},
};
use plan::{memory::Memory, select::Account, tell};
use std::collections::BTreeMap;

/// What stays in the process between two turns. All of it can be made again; a Lambda that is new has none.
#[derive(Debug, Default)]
pub struct Standing {
    account: Option<AccountId>,
    reading: Option<Reading>,
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
    if let Some(Trouble::Fetch(error)) = trouble.as_ref().filter(|trouble| trouble.is_denial()) {
        world.show(&Sight::Denied(&error.message));
    }
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
