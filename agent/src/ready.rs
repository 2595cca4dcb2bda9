//! Says that the account is ready: to whoever asks it, by a document beside memory, and to whoever waits, by the signal of a
//! CloudFormation wait condition.
//!
//! Whoever waits is told before it is written down that they were: a process that dies in between tells them again, by the
//! same id, which CloudFormation counts once. The other way round they might never be told, and would undo everything.
//!
//! Nothing of it can make a turn fail. Not here: what is ready ([`plan::ready`]).

mod gate;

pub use gate::{Handle, Shipped};

use crate::{
    error::chain,
    store::StoreError,
    world::{Settings, World, now},
};
use manifests::report::Report;
use plan::{
    memory::Memory,
    ready::{Ready, Signal, Status, Turn, Waiting, after},
    step::Plan,
};

/// Where it is said.
pub trait Gate {
    /// What was said last; nothing when that can't be understood.
    fn read(&self) -> impl Future<Output = Result<Option<Ready>, StoreError>>;
    /// Says it.
    fn write(&self, ready: &Ready) -> impl Future<Output = Result<(), StoreError>>;
    /// Whoever waits.
    fn waiting(&self) -> Option<Waiting<'_>>;
    /// Tells them.
    fn signal(&self, signal: &Signal) -> impl Future<Output = Answer>;
}

/// What came of a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was taken.
    Taken,
    /// It was not, and never will be: nobody waits there any more.
    Refused(String),
    /// Nobody knows.
    Silence(String),
}

/// After a turn: says what there is to say. `known` is what this process knows was said.
pub(crate) async fn announce<W: World>(
    world: &W,
    settings: &Settings,
    known: &mut Option<Ready>,
    (report, plan, memory): (&Report, &Plan, &Memory),
) {
    let Some(gate) = world.gate() else { return };
    let (version, waiting) = (settings.version, gate.waiting());
    if known.as_ref().is_some_and(|known| known.is_over(version, waiting.map(|waiting| waiting.name))) {
        return;
    }
    if known.is_none() {
        match gate.read().await {
            Ok(found) => *known = found,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "it can't be read whether the account was said to be ready; next turn");
                return;
            }
        }
    }
    let now = now(world);
    let mut ready = after(known.as_ref(), &Turn { report, plan, memory, waiting, version, now });
    if let Some(signal) = ready.signal() {
        match gate.signal(&signal).await {
            Answer::Taken => {
                tracing::info!(status = ?signal.status, reason = %signal.reason, "whoever waits for the account was told");
                ready = ready.told(signal.status, now, None);
            }
            Answer::Refused(why) => {
                tracing::warn!(%why, "nobody waits for the account any more; nothing is signalled again");
                ready = ready.told(signal.status, now, Some(why));
            }
            Answer::Silence(why) => {
                let status = match signal.status {
                    Status::Success => "ready",
                    Status::Failure => "not ready",
                };
                tracing::warn!(%why, "whoever waits could not be told that the account is {status}; next turn");
            }
        }
    }
    if known.as_ref() != Some(&ready) {
        match gate.write(&ready).await {
            Ok(()) => *known = Some(ready),
            Err(error) => {
                tracing::warn!(error = %chain(&error), "it can't be said how ready the account is; next turn")
            }
        }
    }
}
