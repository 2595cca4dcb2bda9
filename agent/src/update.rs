//! `holdfast update`: brings the agent itself to the version that the commit in force asks for, and back if that is no good.
//!
//! It is a small program of its own that looks once and ends. It never is the version that is on trial: on a machine it is the
//! package's own binary, which no update replaces. What it means to do is written down before it is done, and every run begins
//! by putting right what the last one left half done, so one that is killed anywhere leaves the old version or the new one,
//! and never half of either.
//!
//! Not here: what is done when (`plan::update`), where versions lie and how one is started (`program`), how one is fetched
//! (`fetch`). Nothing of an account is changed here, and no commit is read: what is asked for was judged by the agent.

mod fetch;
mod folder;
pub(crate) mod function;
mod program;

use crate::{
    clock::SystemClock,
    cloud::{Clock, count::Calls},
    config::Config,
    error::CommandError,
    law::{self, Law},
    shipped,
    store::{Own, Store, StoreError},
};
use aws_config::SdkConfig;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use manifests::window::Window;
use plan::update::{Asked, Facts, Rest, Slot, State, Step, decide, hold};
use program::Machine;
use serde::Serialize;
use std::path::PathBuf;

/// What can be said to the updater.
#[derive(Debug, Clone, Args)]
pub struct Said {
    /// The folder in which versions of the agent lie
    #[arg(long, env = "HOLDFAST_UPDATE_FOLDER", value_name = "FOLDER", default_value = "/opt/holdfast")]
    pub folder: PathBuf,
    /// What starts the agent anew, in words between spaces; no shell reads it
    #[arg(
        long,
        env = "HOLDFAST_UPDATE_RESTART",
        value_name = "COMMAND",
        default_value = "systemctl restart holdfast-agent.service"
    )]
    pub restart: String,
    /// How long a version has to prove itself [default: two turns as long as they may be (`--turn`) and three rests between
    /// them (`--interval`), and 30m at least]
    #[arg(long, env = "HOLDFAST_UPDATE_TRIAL", value_name = "TIME")]
    pub trial: Option<String>,
    /// Say that the agent is about to be started: counts that, and goes back from a version that never finishes a turn. Asks
    /// nobody
    #[arg(long, conflicts_with = "again")]
    pub starting: bool,
    /// Try once more what was given up: on this machine, or, where no updater of a machine remembers anything and memory is
    /// in SSM, by the account's function
    #[arg(long)]
    pub again: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Updated {
    /// What runs, or is about to.
    pub current: Slot,
    /// What is gone back to when that is no good.
    pub good: Slot,
    /// The version that is asked for, if it was looked up and there is one.
    pub asked: Option<String>,
    /// What was done.
    pub done: Vec<String>,
    /// Why nothing more is done.
    pub rest: String,
}

/// Where versions of the agent lie, and how one is put into place.
pub trait Place {
    /// Puts a version beside the others, whole and verified. The error says why not, as a clause.
    fn fetch(&self, asked: &Asked) -> impl Future<Output = Result<Slot, String>>;
    /// Writes down what is meant, and then does it: what runs is `state.current()`.
    fn settle(&self, state: &State) -> impl Future<Output = Result<(), CommandError>>;
    /// What is on trial has proved itself: what is known once it is what is gone back to. The error says why it can't be that
    /// now, as a clause.
    fn keep(&self, state: &State, _: &Asked) -> impl Future<Output = Result<State, String>> {
        let kept = state.clone().kept();
        async { Ok(kept) }
    }
    /// Whether what is put into place has yet to be started, by somebody else.
    fn starts_later(&self) -> bool {
        false
    }
    /// Now.
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

/// Looks once, and does what is due.
///
/// # Errors
/// When what the updater keeps can't be read or written, or the agent can't be started anew.
pub async fn update(config: &Config, aws: &SdkConfig, said: &Said) -> Result<Updated, CommandError> {
    let trial = trial(config, said)?;
    if let Some(told) = function::again(config, aws, said).await? {
        return Ok(told);
    }
    let calls = Calls::default();
    let machine = Machine::open((&said.folder, &said.restart), (aws, shipped::home(config, aws).ok()), calls.clone())?;
    let mut state = machine.put_right()?;
    if said.again {
        (state.fell, state.trouble, state.unasked) = (None, None, None);
        machine.settle(&state).await?;
    }
    let store = shipped::place(config, aws, &calls)?;
    let looked = look(&store, config.guardrails.is_some(), machine.now()).await;
    let updated = loop {
        let updated = match &looked {
            Ok(looked) => act(&machine, state, looked, trial).await,
            Err(error) => blind(&machine, state, error, trial).await,
        };
        // Who started the agent meanwhile wrote that down: it counts, and what is due is decided anew.
        match updated {
            Err(_) if machine.is_overtaken() => state = machine.put_right()?,
            updated => break updated?,
        }
    };
    machine.restart_if_due()?;
    Ok(updated)
}

/// Whoever can't read what is wanted can't tell either whether a version on trial finishes a turn. So when its time is over
/// it is gone back from, and that is not held against it: it may be that nobody could read anything.
async fn blind<P: Place>(
    place: &P,
    state: State,
    error: &StoreError,
    lasts: SignedDuration,
) -> Result<Updated, CommandError> {
    let why = crate::error::chain(error);
    let now = place.now();
    let mut state = seen(place, state, now).await?;
    let mut done = Vec::new();
    if state.trial.as_ref().is_some_and(|trial| plan::update::is_over(trial, lasts, now)) {
        let tried = state.current().version.clone();
        state = state.fallen(None, now);
        place.settle(&state).await?;
        let good = &state.good.version;
        done.push(format!("nobody can tell whether version {tried} is any good: version {good} is started again"));
    }
    Ok(Updated::of(&state, None, done, format!("what is asked for can't be read: {why}")))
}

/// The agent is about to be started.
///
/// # Errors
/// When what the updater keeps can't be read or written.
pub fn starting(said: &Said) -> Result<Updated, CommandError> {
    let machine = Machine::at(&said.folder, &said.restart)?;
    let state = machine.started(SystemClock.now())?;
    Ok(Updated::of(&state, None, Vec::new(), "the agent is started".into()))
}

fn trial(config: &Config, said: &Said) -> Result<SignedDuration, CommandError> {
    let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    let Some(text) = &said.trial else { return Ok(plan::update::trial(signed(config.interval), signed(config.turn))) };
    let read = manifests::id::duration(text).ok().and_then(|time| SignedDuration::try_from(time).ok());
    read.ok_or_else(|| CommandError::Usage { key: "--trial", why: format!("`{text}` is no time, such as `30m`") })
}

/// What an account says of its agent's version, and of when anything may begin.
#[derive(Debug, Clone)]
pub struct Looked {
    /// The documents about it.
    pub(crate) own: Own,
    closed: Option<String>,
    windows: Vec<Window>,
}

/// Reads what is asked for, and whether anything may begin: by the same rules as in a turn. `guarded`: whether somebody says
/// that the account has guardrails.
///
/// # Errors
/// When it can't be read.
pub async fn look<S: Store>(store: &S, guarded: bool, now: Timestamp) -> Result<Looked, StoreError> {
    let own = store.own().await?;
    let (kept, guarded) = match store.open().await {
        // What a newer version remembers is nothing to go by: there may have been guardrails.
        Err(StoreError::Newer { .. }) => (store.open_anew().await?, true),
        kept => (kept?, guarded),
    };
    let (garbled, orders) = Law::orders(&kept, now);
    let rails = law::guardrails(&kept, guarded, kept.memory.as_ref());
    let hold = || hold(&orders).map(|why| why.to_string());
    let (closed, windows) = match rails {
        Ok(rails) => (garbled.or_else(hold), rails.map(|rails| rails.windows.clone()).unwrap_or_default()),
        Err(why) => (Some(why), Vec::new()),
    };
    Ok(Looked { own, closed, windows })
}

/// What is remembered, as it is to be read now; written down if that is not the same.
async fn seen<P: Place>(place: &P, state: State, now: Timestamp) -> Result<State, CommandError> {
    let seen = state.clone().seen(now);
    if seen != state {
        place.settle(&seen).await?;
    }
    Ok(seen)
}

/// Does what is due, one step after the other.
///
/// # Errors
/// When what is meant can't be written down or done.
pub async fn act<P: Place>(
    place: &P,
    state: State,
    looked: &Looked,
    trial: SignedDuration,
) -> Result<Updated, CommandError> {
    let Looked { own: Own { asked, proof, garbled, .. }, closed, windows } = looked;
    let (asked, proof, closed) = (asked.as_ref(), proof.as_ref(), closed.as_deref());
    let mut state = seen(place, state, place.now()).await?;
    let mut done = Vec::new();
    loop {
        let now = place.now();
        let garbled = garbled.as_deref();
        let step = decide(&Facts { asked, garbled, state: &state, proof, closed, windows, trial, now });
        let (next, what) = match (step, asked) {
            (Step::Stay(Rest::Unasked) | Step::Fetch, None) => {
                return Ok(Updated::of(&state, None, done, "the commit in force asks for no version".into()));
            }
            (Step::Stay(rest), _) => return Ok(Updated::of(&state, asked, done, rest.to_string())),
            (Step::Fetch, Some(asked)) => fetched(place, state, asked, now).await,
            (Step::Try(before), _) => {
                let next = state.tried(before, now).lasting(trial);
                let next = if place.starts_later() { next.waiting("nobody has started it yet") } else { next };
                let what = format!("version {} is started on trial", next.current().version);
                (next, what)
            }
            (Step::Keep, asked) => kept(place, state, asked, now).await,
            (Step::FallBack(None), None) => back(state.left(), None, now),
            (Step::FallBack(why), _) => back(state, why, now),
        };
        place.settle(&next).await?;
        tracing::info!("{what}");
        done.push(what);
        state = next;
    }
}

async fn fetched<P: Place>(place: &P, state: State, asked: &Asked, now: Timestamp) -> (State, String) {
    match place.fetch(asked).await {
        Ok(slot) => {
            let what = format!("version {} is here, and is what the commit names", asked.version);
            (state.fetched(slot, now), what)
        }
        Err(why) => {
            let what = format!("version {} could not be fetched: {why}", asked.version);
            (state.unfetched(asked.sha256, why, now), what)
        }
    }
}

async fn kept<P: Place>(place: &P, state: State, asked: Option<&Asked>, now: Timestamp) -> (State, String) {
    let version = state.current().version.clone();
    let kept = match asked {
        Some(asked) => place.keep(&state, asked).await,
        None => Ok(state.clone().kept()),
    };
    match kept {
        Ok(next) => (next, format!("version {version} proved itself and stays")),
        Err(why) => {
            let what = format!("version {version} proved itself, and can't take the place of the one before it: {why}");
            let sha256 = state.current().sha256;
            (state.unfetched(sha256, why, now), what)
        }
    }
}

/// Back to the version that was good.
pub(crate) fn back(state: State, why: Option<String>, now: Timestamp) -> (State, String) {
    let tried = state.current().version.clone();
    let next = state.fallen(why.clone(), now);
    let why = why.unwrap_or_else(|| "is no longer asked for".into());
    let what = format!("version {tried} {why}: version {} is started again", next.good.version);
    (next, what)
}

impl Updated {
    fn of(state: &State, asked: Option<&Asked>, done: Vec<String>, rest: String) -> Self {
        let asked = asked.map(|asked| asked.version.to_string());
        Self { current: state.current().clone(), good: state.good.clone(), asked, done, rest }
    }
}
