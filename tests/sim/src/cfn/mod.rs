//! CloudFormation in one region of one account.
//!
//! [`Cfn`] has one method for each action, beside each other by what they do: `create`, `change_set`, `recover` and
//! `drift` act, `read` answers. An action only begins something; [`run`] carries it on, step by step, when time passes.

pub mod api;
pub mod quirk;
pub mod words;

mod begin;
mod change_set;
mod changes;
mod create;
mod drift;
mod evaluate;
mod events;
mod execute;
mod exports;
mod guard;
mod hooks;
mod nested;
mod operation;
mod phase;
mod read;
mod recover;
mod revert;
mod run;
pub(crate) mod source;
mod stack;
mod status;
mod undo;

#[cfg(test)]
mod tests;

use crate::{
    clock::later,
    seed::Seed,
    world::{Account, World},
};
use api::CfnError;
use jiff::Timestamp;
use manifests::id::{AccountId, Region};
pub(crate) use stack::Stacks;
use std::{collections::BTreeMap, time::Duration};

/// CloudFormation in one region of one account, with the account in its hands: it goes back to the world on drop.
#[derive(Debug)]
pub struct Cfn<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) id: AccountId,
    pub(crate) region: Region,
    pub(crate) account: Account,
    pub(crate) now: Timestamp,
    /// Whether this is a step of what was begun before, not a call.
    stepping: bool,
}

/// Something that goes on by itself when its time has come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Stack(String),
    ChangeSet(String),
    Detection(String),
}

/// What is to come in one account, in the order of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agenda {
    /// By time and turn; with it, the world's tick before which it does not happen.
    queue: BTreeMap<(Timestamp, u64), (Region, Due, u64)>,
    /// Where in the queue each thing stands: once at most.
    places: BTreeMap<(Region, Due), (Timestamp, u64)>,
    count: u64,
}

impl Agenda {
    fn put(&mut self, at: Timestamp, tick: u64, region: &Region, due: Due) {
        self.count += 1;
        let place = (at, self.count);
        if let Some(old) = self.places.insert((region.clone(), due.clone()), place) {
            self.queue.remove(&old);
        }
        self.queue.insert(place, (region.clone(), due, tick));
    }

    fn take(&mut self, now: Timestamp, tick: u64) -> Option<(Timestamp, Region, Due)> {
        let due = self.queue.range(..=(now, u64::MAX)).find(|(_, (_, _, after))| *after <= tick);
        let place = due.map(|(place, _)| *place)?;
        let (region, due, _) = self.queue.remove(&place)?;
        self.places.remove(&(region.clone(), due.clone()));
        Some((place.0, region, due))
    }
}

/// Lets everything happen in an account that is due by now.
pub(crate) fn bring_forward(world: &mut World, id: &AccountId) {
    let (now, tick) = (world.now(), world.ticks);
    while let Some((at, region, due)) = world.accounts.get_mut(id).and_then(|account| account.agenda.take(now, tick)) {
        let mut cfn = Cfn::open(world, id, &region);
        cfn.now = at;
        cfn.stepping = true;
        match due {
            Due::Stack(stack) => cfn.with_stack(&stack, Cfn::step),
            Due::ChangeSet(change_set) => cfn.step_change_set(&change_set),
            Due::Detection(detection) => cfn.step_detection(&detection),
        }
    }
}

impl<'w> Cfn<'w> {
    pub(crate) fn open(world: &'w mut World, id: &AccountId, region: &Region) -> Self {
        let account = world.accounts.remove(id).unwrap_or_default();
        let now = world.now();
        Self { world, id: id.clone(), region: region.clone(), account, now, stepping: false }
    }

    /// Lets something go on after a while. When nothing takes time, one call has to see what there is before.
    fn schedule(&mut self, wait: Duration, due: Due) {
        let seen_first = if self.stepping { 1 } else { 2 };
        let tick = if self.world.timing.by_call { self.world.ticks + seen_first } else { 0 };
        self.account.agenda.put(later(self.now, wait), tick, &self.region.clone(), due);
    }

    /// Somebody has done something that a stack may wait for.
    pub(crate) fn wake(&mut self, stack: &str) {
        self.schedule(Duration::ZERO, Due::Stack(stack.to_owned()));
    }

    /// This region's stacks.
    fn stacks(&mut self) -> &mut Stacks {
        self.account.regions.entry(self.region.clone()).or_default()
    }

    /// Takes a stack out, does something with it, and puts it back.
    fn with_stack(&mut self, id: &str, act: impl FnOnce(&mut Self, &mut stack::Stack)) {
        if let Some(mut stack) = self.stacks().stacks.remove(id) {
            act(self, &mut stack);
            self.stacks().stacks.insert(stack.id.clone(), stack);
        }
    }

    /// The account's stream of random names.
    pub(crate) fn seed(&mut self) -> Seed {
        self.account.seed.clone().unwrap_or_else(|| Seed::new(0))
    }

    pub(crate) fn put_seed(&mut self, seed: Seed) {
        self.account.seed = Some(seed);
    }

    fn uuid(&mut self) -> String {
        let mut seed = self.seed();
        let uuid = seed.uuid();
        self.put_seed(seed);
        uuid
    }

    fn arn(&mut self, what: &str, name: &str) -> String {
        let uuid = self.uuid();
        format!("arn:aws:cloudformation:{}:{}:{what}/{name}/{uuid}", self.region, self.id)
    }

    /// A duration in this world.
    fn takes(&self, time: Duration) -> Duration {
        self.world.timing.of(time)
    }
}

impl Drop for Cfn<'_> {
    fn drop(&mut self) {
        self.world.accounts.insert(self.id.clone(), std::mem::take(&mut self.account));
    }
}

/// A `ValidationError`.
fn invalid(message: impl Into<String>) -> CfnError {
    CfnError::new("ValidationError", 400, message)
}
