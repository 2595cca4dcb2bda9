//! The agent's own update where it is one of two functions: the version that proved itself gets every event, and while another one
//! is on trial it hands each to that one. What does not come back as a turn, it makes itself.
//!
//! Nothing of it is worth a turn. Where nobody asks for a version, none of it makes a call after the first event of a process.
//! Not here: what is decided (`plan::update`), and how functions are reached ([`Twin`]).

use super::{Answer, Function};
use crate::{
    error::{CommandError, chain},
    itself::Other,
    store::Store,
    update::{Looked, Place, act, look},
    world::{Settings, World, now},
};
use jiff::Timestamp;
use manifests::{id::Digest, release::Version};
use plan::update::{Asked, Did, Facts, Slot, State, Trial, route, turned};
use serde_json::{Value, json};
use std::{cell::RefCell, time::Duration};
use tokio::time::{Instant, timeout};

/// What is left for a turn of its own when the other one has used up what it was given.
const SPARE: Duration = Duration::from_secs(60);
/// Less than this is given to nobody else.
const LEAST: Duration = Duration::from_secs(30);
/// What is left of an invocation when the updater ends.
const END: Duration = Duration::from_secs(10);
/// How long a code may take to be fetched and brought: events wait meanwhile.
const BROUGHT: Duration = Duration::from_secs(120);

/// One of the two functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// This one, which gets every event.
    Here,
    /// The one on which another version is tried.
    Other,
}

/// Why an event that was handed over led to no answer, as a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The other function was not even started.
    Unstarted(String),
    /// It was, and is at work no longer.
    Failed(String),
    /// It may be at work.
    Unknown(String),
}

/// The two functions, as the one that gets every event sees them. Every error is a clause.
pub trait Twin {
    /// What the code of this one is known by.
    fn here(&self) -> impl Future<Output = Result<Digest, String>>;
    /// Gives one the code that is asked for, verified, and waits until it runs that.
    fn put(&self, on: On, asked: &Asked) -> impl Future<Output = Result<(), String>>;
    /// Hands an event to the other one, and waits for its answer, but not for longer than this.
    fn hand(&self, event: &Value, patience: Duration) -> impl Future<Output = Result<Value, Unanswered>>;
}

/// There is no other function.
#[derive(Debug)]
pub enum Alone {}

impl Twin for Alone {
    async fn here(&self) -> Result<Digest, String> {
        match *self {}
    }

    async fn put(&self, _: On, _: &Asked) -> Result<(), String> {
        match *self {}
    }

    async fn hand(&self, _: &Value, _: Duration) -> Result<Value, Unanswered> {
        match *self {}
    }
}

/// What one function knows of the other.
#[derive(Debug)]
pub(super) struct Pair<T> {
    twin: T,
    other: Other,
    /// Whether one is fetched or on trial; not known before the first event.
    open: Option<bool>,
    /// What this one runs, once that was asked.
    here: Option<Digest>,
    /// Whether this one's code has been replaced: this process is the last of the old one's.
    replaced: bool,
    /// What the version on trial did not do just now, and what is known of it if that is nothing to hold against it.
    lacking: Option<(Did, State)>,
}

impl<T> Pair<T> {
    pub(super) fn new(twin: T, other: Other) -> Self {
        Self { twin, other, open: None, here: None, replaced: false, lacking: None }
    }
}

/// Where versions lie: the two functions, and what is known of them beside memory.
struct Slots<'a, W, T> {
    world: &'a W,
    twin: &'a T,
    here: &'a str,
    other: &'a Other,
    settled: RefCell<State>,
    replaced: RefCell<bool>,
    /// When everything has to be written down.
    until: Instant,
}

impl<W, T: Twin> Slots<'_, W, T> {
    /// Gives one the code, or says in time that there was not enough of it: what was not written down would be begun anew with
    /// every event.
    async fn put(&self, on: On, asked: &Asked) -> Result<(), String> {
        let left = self.until.saturating_duration_since(Instant::now()).min(BROUGHT);
        let late = |_| Err(format!("it was not in its place after {} s", left.as_secs()));
        timeout(left, self.twin.put(on, asked)).await.unwrap_or_else(late)
    }
}

impl<W: World, T: Twin> Place for Slots<'_, W, T> {
    async fn fetch(&self, asked: &Asked) -> Result<Slot, String> {
        self.put(On::Other, asked).await?;
        Ok(Slot { name: self.other.slot.clone(), version: asked.version.clone(), sha256: asked.sha256 })
    }

    async fn settle(&self, state: &State) -> Result<(), CommandError> {
        self.world.store().save_update(state).await?;
        self.settled.replace(state.clone());
        Ok(())
    }

    async fn keep(&self, state: &State, asked: &Asked) -> Result<State, String> {
        self.put(On::Here, asked).await?;
        self.replaced.replace(true);
        Ok(state.clone().kept_as(self.here.to_owned()))
    }

    fn now(&self) -> Timestamp {
        now(self.world)
    }
}

impl<W: World, T: Twin> Function<W, T> {
    /// Hands an event to the version on trial, if there is one. Answers what came of it, if that was a turn.
    pub(super) async fn hand(&mut self, event: &Value, deadline: Instant) -> Option<Answer> {
        let Self { world, settings, standing, pair, .. } = self;
        let pair = pair.as_mut().filter(|pair| !pair.replaced && pair.open != Some(false))?;
        let slot = settings.itself.slot.as_deref()?;
        let before = match world.store().own().await {
            Ok(own) => own,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "whether another version is on trial can't be read");
                return None;
            }
        };
        let state = before.state.as_ref().filter(|state| state.good.name == slot);
        pair.open = Some(state.is_some_and(State::is_open));
        let state = state?;
        let trial = state.trial.as_ref().filter(|trial| trial.slot.name == pair.other.slot)?;
        let patience = deadline.saturating_duration_since(Instant::now()).saturating_sub(SPARE);
        if patience < LEAST {
            return None;
        }
        let (asked, proof) = (before.asked.as_ref(), before.proof.as_ref());
        let (time, garbled) = (trial.lasts.unwrap_or_else(|| settings.trial()), before.garbled.as_deref());
        let facts = Facts { asked, garbled, state, proof, closed: None, windows: &[], trial: time, now: now(world) };
        let route = route(&facts);
        if let Some(first) = &route.first
            && let Err(error) = world.store().save_update(first).await
        {
            tracing::warn!(error = %chain(&error), "what is on trial gets no turn that can't be counted");
            return None;
        }
        let is_counted = route.first.is_some();
        let state = route.first.unwrap_or_else(|| state.clone());
        if !route.other {
            return None;
        }
        let handed = pair.twin.hand(&worth_a_turn(event), patience).await;
        // Unless nobody knows what became of it, the other one is at work no longer.
        let is_over = !matches!(handed, Err(Unanswered::Unknown(_)));
        standing.over = is_over.then(|| pair.other.function.clone());
        let made = match handed {
            Ok(answer) => made(world, (trial, proof), answer).await.map_err(Unanswered::Failed),
            Err(why) => Err(why),
        };
        let (why, state) = match made {
            Ok(report) => {
                standing.passed_on();
                return Some(Answer::Handed { report });
            }
            Err(Unanswered::Unstarted(why)) => (why.clone(), state.unstarted(why)),
            Err(Unanswered::Failed(why) | Unanswered::Unknown(why)) => {
                // Of one that proved itself, and can't take its place, no start was counted before.
                let state = if is_counted { state } else { state.started() };
                pair.lacking = Some((trial.before, state.clone().unstarted(why.clone())));
                (why.clone(), state.failed(why))
            }
        };
        tracing::warn!(%why, "the version on trial made no turn: this one makes it");
        if let Err(error) = world.store().save_update(&state).await {
            tracing::warn!(error = %chain(&error), "why it made none can't be written down");
        }
        None
    }

    /// What a turn of its own did not get done just now either is nothing to hold against the version on trial: nobody can reach a
    /// repository that is out of reach.
    pub(super) async fn excuse(&mut self) {
        let Some((before, state)) = self.pair.as_mut().and_then(|pair| pair.lacking.take()) else { return };
        if self.standing.did.covers(before) {
            return;
        }
        if let Err(error) = self.world.store().save_update(&state).await {
            tracing::warn!(error = %chain(&error), "that nobody could make this turn can't be written down");
        }
    }

    /// Does what is due about the agent's own version, in the time that is left. `wanted` is whether the turn found that
    /// something is.
    pub(super) async fn update(&mut self, wanted: bool, deadline: Instant) {
        let Self { world, settings, pair, .. } = self;
        let Some(pair) = pair.as_mut().filter(|pair| !pair.replaced && (wanted || pair.open == Some(true))) else {
            return;
        };
        let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(END);
        // What is brought ends before the round does.
        let until = Instant::now() + left.saturating_sub(END);
        let done = match timeout(left, round(world, settings, pair, until)).await {
            Ok(done) => done,
            // What was begun is found by the next one.
            Err(_) => Err("there was no time left for it".into()),
        };
        if let Err(why) = &done {
            tracing::warn!(%why, "the agent's own version could not be looked at");
        }
        settings.itself.unlooked = done.err();
    }
}

/// One look of the updater, and what is due.
async fn round<W: World, T: Twin>(
    world: &W,
    settings: &Settings,
    pair: &mut Pair<T>,
    until: Instant,
) -> Result<(), String> {
    let said = |error: &CommandError| chain(error);
    let looked: Looked = look(world.store(), settings.guarded, now(world)).await.map_err(|error| chain(&error))?;
    let sha256 = match pair.here {
        Some(known) => known,
        None => pair.twin.here().await?,
    };
    pair.here = Some(sha256);
    let (Some(name), Ok(version)) = (settings.itself.slot.as_ref(), settings.version.parse::<Version>()) else {
        return Err("this build has no version to go by".into());
    };
    let here = Slot { name: name.clone(), version, sha256 };
    let state = State::of(looked.own.state.clone(), here).again(looked.own.again.as_ref());
    let slots = Slots {
        world,
        twin: &pair.twin,
        here: name,
        other: &pair.other,
        settled: RefCell::new(state.clone()),
        replaced: RefCell::new(false),
        until,
    };
    if looked.own.state.as_ref() != Some(&state) {
        slots.settle(&state).await.map_err(|error| said(&error))?;
    }
    let done = act(&slots, state, &looked, settings.trial()).await;
    pair.open = Some(slots.settled.borrow().is_open());
    pair.replaced = slots.replaced.take();
    done.map(drop).map_err(|error| said(&error))
}

/// What an answer is worth: the report in it, if the version on trial has told of a turn that it made.
async fn made<W: World>(
    world: &W,
    (trial, before): (&Trial, Option<&plan::update::Proof>),
    mut answer: Value,
) -> Result<Value, String> {
    if answer.get("turn").and_then(Value::as_str) != Some("made") {
        return Err("it answered, and not with a turn".into());
    }
    let after = world.store().own().await.map_err(|error| chain(&error))?;
    turned(trial, before, after.proof.as_ref())?;
    Ok(answer.get_mut("report").map(Value::take).unwrap_or_default())
}

/// An event that was found worth a turn, in words that leave nobody else the choice: a clock's tick goes with it.
fn worth_a_turn(event: &Value) -> Value {
    let tick = || json!({ "body": "{}" });
    match event.get("Records").and_then(Value::as_array) {
        Some(records) => json!({ "Records": records.iter().cloned().chain([tick()]).collect::<Vec<_>>() }),
        None if event.get("detail-type").is_some() => {
            json!({ "Records": [{ "body": event.to_string() }, tick()] })
        }
        None => event.clone(),
    }
}
