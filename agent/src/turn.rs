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
    eyes::Eyes,
    git::Source,
    law::Law,
    reading::Reading,
    ready::announce,
    rounds::{Begin, Rounds, StackDrift},
    stop::{Stopped, Trouble, meant},
    store::{Store, StoreError},
    trust::Trust,
    wake::{Hints, hear},
    world::{Settings, Sight, Which, World, costs, now},
};
use jiff::Timestamp;
use manifests::{
    id::{AccountId, CommitId, StackKey},
    report::{Happening, Report, What},
};
use plan::{
    memory::{Memory, Trusted},
    orders::Orders,
    owned::spend_the_day,
    ready::Ready,
    resolve::dependencies,
    select::{Account, Wanted},
    tell,
    update::Did,
};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

/// What stays in the process between two turns. All of it can be made again; a Lambda that is new has none.
#[derive(Debug, Default)]
pub struct Standing {
    account: Option<AccountId>,
    reading: Option<Reading>,
    /// What it knows was said of whether the account is ready.
    ready: Option<Ready>,
    /// What it knows of resources, and what woke it.
    eyes: Rc<RefCell<Eyes>>,
    /// A function that may have been at work on this account and is known not to be any more.
    pub(crate) over: Option<String>,
    /// What its last turn got done.
    pub(crate) did: Did,
}

impl Standing {
    /// Takes in what woke it. Answers whether that is a reason to make a turn.
    pub fn hear(&self, events: &[String]) -> bool {
        self.account.as_ref().is_some_and(|account| hear(&mut self.eyes.borrow_mut(), events, account))
    }

    /// Whether something that woke it has not been followed yet.
    pub fn has_hints(&self) -> bool {
        !self.eyes.borrow().hints.is_empty()
    }

    /// Somebody else has made the turn that it was woken for.
    pub(crate) fn passed_on(&self) {
        self.eyes.borrow_mut().hints = Hints::default();
    }

    /// Whether the last turn left something to look at, or to read, soon.
    pub fn has_more(&self) -> bool {
        self.eyes.borrow().more
    }
}

/// One turn.
///
/// # Errors
/// When it could not look at anything. Everything else that goes wrong is in the report.
pub async fn turn<W: World>(world: &W, settings: &Settings, standing: &mut Standing) -> Result<Report, Stopped> {
    let over = standing.over.clone();
    standing.did = Did::default();
    let (Start { account, begin, reading }, trouble) = start(world, settings, standing).await?;
    let another = begin.lease.anothers(&settings.me, begin.began, |process| world.alive(process));
    if let Some((holder, until)) =
        another.filter(|(holder, _)| !over.is_some_and(|over| begin.lease.is_of(holder, &over)))
    {
        return Err(Stopped::Fenced { by: holder.name(), until });
    }
    let mut rounds = Rounds::new(world, settings, begin);
    if let Some(reading) = reading {
        world.show(&Sight::Commit(&reading.commit));
        rounds.run(reading, &account).await?;
    }
    rounds.own(reading, &account).await?;
    let (told, did, plan, memory) = rounds.tell(&account, reading.map_or(&[][..], Reading::problems), trouble).await?;
    world.show(&Sight::Told(&told));
    standing.did = did;
    // A person who asked for one heal asked for nothing else.
    if settings.heal.is_none() {
        announce(world, settings, &mut standing.ready, (&told, &plan, &memory)).await;
    }
    Ok(told)
}

/// What a turn would find.
#[derive(Debug)]
pub struct Survey {
    /// How everything stands.
    pub report: Report,
    /// What each stack builds on.
    pub needs: BTreeMap<StackKey, Vec<StackKey>>,
}

/// What a turn would find: the account and the repository as they are, with nothing changed, remembered or sent.
///
/// # Errors
/// As [`turn`].
pub async fn survey<W: World>(world: &W, settings: &Settings, standing: &mut Standing) -> Result<Survey, Stopped> {
    let (Start { account, begin, reading }, trouble) = start(world, settings, standing).await?;
    let mut rounds = Rounds::new(world, settings, begin);
    let mut needs = BTreeMap::new();
    if let Some(reading) = reading {
        let (selected, _) = rounds.survey(reading, &account).await?;
        let on = |(key, wanted): (&StackKey, &Wanted)| {
            let on = dependencies(&selected, key, &wanted.manifest).unwrap_or_default();
            (key.clone(), on.into_iter().cloned().collect())
        };
        needs = selected.wanted.iter().map(on).collect();
    }
    let report = rounds.report(&account, reading.map_or(&[][..], Reading::problems), trouble);
    Ok(Survey { report, needs })
}

/// How an account, or one stack, stands towards drift: nothing is changed, remembered or sent. With `detect`, CloudFormation
/// looks at all of it first.
///
/// # Errors
/// As [`turn`].
pub(crate) async fn drifting<W: World>(
    world: &W,
    settings: &Settings,
    standing: &mut Standing,
    (which, detect): (Option<&Which>, bool),
) -> Result<Vec<StackDrift>, Stopped> {
    let (Start { account, begin, reading }, _) = start(world, settings, standing).await?;
    let Some(reading) = reading else { return Ok(Vec::new()) };
    Rounds::new(world, settings, begin).drifting(reading, &account, which, detect).await
}

/// What a turn begins with.
pub(crate) struct Start<'s> {
    /// Whose turn it is.
    pub(crate) account: Account,
    /// What it finds.
    pub(crate) begin: Begin,
    /// The commit that is in force, if there is one.
    pub(crate) reading: Option<&'s Reading>,
}

/// Who, what is remembered, and which commit is in force; with the trouble that the head made, if it did.
pub(crate) async fn start<'s, W: World>(
    world: &W,
    settings: &Settings,
    standing: &'s mut Standing,
) -> Result<(Start<'s>, Option<Trouble>), Stopped> {
    let calls = costs(world);
    let id = identity(world, settings, standing).await?;
    let eyes = Rc::clone(&standing.eyes);
    let found = match world.store().open().await {
        // A newer version was tried here and wrote memory, and no copy is left from before. The updater has gone back to this
        // one, so there is nobody else whose memory it could be: it is lost, as one that is damaged.
        Err(StoreError::Newer { .. }) if settings.itself.is_good() => world.store().open_anew().await?,
        found => found?,
    };
    let began = now(world);
    let mut memory = found.memory.clone().unwrap_or_else(|| Memory::new(epoch(world.clock().now())));
    let mut kept = memory.clone();
    let mut law = Law::of(&found, settings, &mut memory, began);
    if found.lost {
        spend_the_day(&mut memory, &law.policy, began);
    }
    let trust = Trust::of(&found, settings, &mut memory, began);
    let trouble = fetch(world, standing, &mut memory, (&trust, &law.orders), began).await.err();
    if let Some(Trouble::Fetch(error)) = trouble.as_ref().filter(|trouble| trouble.is_denial()) {
        world.show(&Sight::Denied(&error.message));
    }
    // That the remote has answered once more is worth no write of its own.
    kept.answered = memory.answered;
    let reading = remembered(world, standing, &memory, &mut law).await;
    let account = Account::new(id, settings.home.clone(), reading.map_or(&Default::default(), Reading::fleet));
    let new = found.memory.is_none() && !found.lost;
    let begin = Begin { memory, kept, law, lease: found.lease, began, calls, new, drifts: found.drifts, eyes };
    Ok((Start { account, begin, reading }, trouble))
}

/// Asks whose account this is, without which no event can be understood.
///
/// # Errors
/// When it can't be told, or is not the one that it was configured for.
pub async fn meet<W: World>(world: &W, settings: &Settings, standing: &mut Standing) -> Result<(), Stopped> {
    identity(world, settings, standing).await.map(drop)
}

/// Whose account this is: asked once in the life of a process.
async fn identity<W: World>(world: &W, settings: &Settings, standing: &mut Standing) -> Result<AccountId, Stopped> {
    let found = match &standing.account {
        Some(known) => known.clone(),
        None => world.cloud().account().await.map_err(Stopped::Identity)?,
    };
    standing.account = Some(found.clone());
    meant(settings.account.as_ref(), found)
}

/// Offered → Proven → Accepted → read. Only a commit that was accepted *and* could be read is remembered; whatever goes wrong
/// leaves the last one in force.
async fn fetch<W: World>(
    world: &W,
    standing: &mut Standing,
    memory: &mut Memory,
    (trust, orders): (&Trust, &Orders),
    now: Timestamp,
) -> Result<(), Trouble> {
    let last = memory.accepted.as_ref();
    let offered = world.source().offered(last).await?;
    memory.answered = Some(now);
    let seen = memory.first_seen(&offered.commit, now);
    let proven = trust.prove(world.source(), offered, (last, memory.seal.as_ref()), seen).await;
    let accepted = match proven.and_then(|proven| accept(proven, last, orders.reset.as_ref())) {
        Ok(accepted) => accepted,
        Err(refused) => {
            if memory.refused.as_ref() != Some(&refused.commit) {
                (memory.refused, memory.seen) = (Some(refused.commit.clone()), Some(now));
                note(memory, now, What::Refused, &refused.commit, refused.to_string());
            }
            return Err(refused.into());
        }
    };
    let commit = accepted.commit();
    // While people pin the account to another commit, a head that was read when it was accepted is not read again.
    let is_aside = orders.pin.as_ref().is_some_and(|pin| pin.commit != *commit) && last == Some(commit);
    if !is_aside && standing.reading.as_ref().map(|reading| &reading.commit) != Some(commit) {
        standing.reading = Some(Reading::read(world.source(), commit).await?);
    }
    (memory.refused, memory.seen) = (None, None);
    memory.seal = accepted.seal().cloned();
    let version = |trusted: Option<&Trusted>| trusted.map_or(0, |trusted| trusted.version);
    let (before, after) = (version(memory.trusted.as_ref()), version(accepted.trusted()));
    memory.trusted = accepted.trusted().cloned();
    if memory.accepted.as_ref() != Some(commit) {
        let along =
            if after > before { format!(", and with it version {after} of who may sign") } else { String::new() };
        note(memory, now, What::Accepted, commit, format!("commit {} is accepted{along}", commit.short()));
        (memory.accepted, memory.since) = (Some(commit.clone()), Some(now));
    }
    Ok(())
}

fn note(memory: &mut Memory, at: Timestamp, what: What, commit: &CommitId, sentence: String) {
    let happening = Happening { at, what, region: None, stack: None, commit: Some(commit.clone()), sentence };
    tell::note(memory, happening);
}

/// The commit that is in force, as it was read; from the local objects if this process has not read it yet. That is the
/// last one that was accepted, unless people pinned the account to another.
async fn remembered<'s, W: World>(
    world: &W,
    standing: &'s mut Standing,
    memory: &Memory,
    law: &mut Law,
) -> Option<&'s Reading> {
    let pinned = law.orders.pin.as_ref().map(|pin| &pin.commit);
    let commit = pinned.or(memory.accepted.as_ref())?;
    if standing.reading.as_ref().map(|reading| &reading.commit) == Some(commit) {
        return standing.reading.as_ref();
    }
    let read = Reading::trusted(world.source(), commit, memory.accepted.as_ref()).await;
    if let (Err(error), Some(_)) = (&read, pinned) {
        let why =
            format!("the commit to which the account is pinned can't be gone to: {error}; ends with `holdfast unpin`");
        law.closed.get_or_insert(why);
        // What there is instead is shown, and nothing of it begins.
        standing.reading = Reading::read(world.source(), memory.accepted.as_ref()?).await.ok();
        return standing.reading.as_ref();
    }
    standing.reading = read.ok();
    standing.reading.as_ref()
}

/// A name for a memory that begins now. Later names sort after earlier ones, so that a hub can tell which memory is the
/// younger.
pub(crate) fn epoch(now: Timestamp) -> String {
    format!("{:012x}", now.as_millisecond().max(0))
}
