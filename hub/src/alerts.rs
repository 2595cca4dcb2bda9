//! Tells people what is not well, and when it is well again: looks at the picture whenever the queue has run dry, keeps what it
//! decides together with what is to be sent, and hands that over until it is taken.
//!
//! It runs beside the hub, with a connection of its own to the store: no endpoint that is slow holds up a report. Not here:
//! what is told (`fleet::alert`), and how it is kept ([`crate::store::alerts`]).

mod findings;
mod look;
pub mod routes;
pub mod secret;
pub mod send;
mod written;

pub use look::Last;

use crate::{
    expected::Expected,
    reading::Health,
    store::{
        Store, StoreError,
        alerts::{Due, Waiting},
    },
};
use fleet::presence::Patience;
use jiff::{SignedDuration, Timestamp};
use routes::{Route, Routes, To};
use send::{SendError, Sender};
use std::{cell::RefCell, collections::BTreeMap, time::Duration};
use tokio::sync::watch;

/// Whoever tells people.
#[derive(Debug)]
pub struct Teller {
    /// Open beside the one that is written to.
    pub store: Store,
    /// Whom to tell, and of what.
    pub routes: Routes,
    /// Who is expected, with their labels.
    pub expected: Expected,
    /// After how long an account is late.
    pub patience: Patience,
    /// How the hub itself is doing.
    pub health: watch::Receiver<Health>,
    /// The time.
    pub clock: fn() -> Timestamp,
    /// What the last look saw.
    pub last: Last,
    /// Routes that take nothing at the moment.
    pub pauses: Pauses,
}

/// Between two looks, and between two looks into the outbox.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a message is tried again that is refused for itself; then it holds up no other.
const TRIES: u32 = 3;

/// How long one route may take before the others have their turn.
const TURN: SignedDuration = SignedDuration::from_secs(20);

impl Teller {
    /// Tells until nobody reads reports any more, and then what there is to tell at the end.
    pub async fn run(mut self, sender: &Sender) {
        loop {
            let is_over = self.health.has_changed().is_err();
            self.turn(sender).await;
            if is_over {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn turn(&mut self, sender: &Sender) {
        let looked = self.look((self.clock)());
        let told = match looked {
            Ok(()) => self.deliver(sender).await,
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            let error = crate::chain(&error);
            tracing::error!(error, "what there is to tell can't be read or kept; it is tried again");
        }
    }

    /// Hands over what is due, each route for itself.
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn deliver(&mut self, sender: &Sender) -> Result<(), StoreError> {
        let Self { store, routes, clock, pauses, .. } = self;
        let (store, pauses) = (RefCell::new(store), RefCell::new(pauses));
        let (store, pauses) = (&store, &pauses);
        let each = routes.all.iter().map(async |route| match &route.to {
            To::SecurityHub { product } => {
                findings::hand_over((store, pauses), (&route.is.name, product), sender, *clock).await
            }
            To::Slack { .. } | To::Webhook { .. } | To::Sns { .. } => {
                hand_over((store, pauses), route, sender, *clock).await
            }
        });
        futures_util::future::join_all(each).await.into_iter().collect()
    }
}

/// When a route is tried again that takes nothing, and how often it was.
#[derive(Debug, Clone, Copy)]
pub struct Pause {
    until: Timestamp,
    tries: u32,
}

/// Routes that take nothing.
pub type Pauses = BTreeMap<String, Pause>;

/// One route's messages, in their order; none more for now once one is not taken.
async fn hand_over(
    (store, pauses): (&RefCell<&mut Store>, &RefCell<&mut Pauses>),
    route: &Route,
    sender: &Sender,
    clock: fn() -> Timestamp,
) -> Result<(), StoreError> {
    let (began, name) = (clock(), &route.is.name);
    if pauses.borrow().get(name).is_some_and(|pause| began < pause.until) {
        return Ok(());
    }
    let due = store.borrow().due(name, began)?;
    for one in due {
        let Some(message) = &one.message else {
            tracing::error!(route = name, n = one.n, "a message that this version can't read is not sent");
            store.borrow_mut().delivered(one.n, clock())?;
            continue;
        };
        let sent = sender.send(&route.to, message, clock()).await;
        let now = clock();
        match sent {
            Ok(()) => {
                tracing::info!(route = name, id = message.id, title = message.title, "told");
                store.borrow_mut().delivered(one.n, now)?;
                pauses.borrow_mut().remove(name);
            }
            Err(error) => {
                let why = crate::chain(&error);
                // It stays the first of its route: who recovered is not told before who failed.
                if !not_told(&mut store.borrow_mut(), (name, &one), (&why, error.is_of_the_message()), now)? {
                    wait(&mut pauses.borrow_mut(), name, &error, now);
                    break;
                }
            }
        }
        if now.duration_since(began) > TURN {
            break;
        }
    }
    Ok(())
}

/// Notes that a message was not taken; answers whether it is given up, as one is that is refused `for_itself` again and again.
fn not_told(
    store: &mut Store,
    (route, one): (&str, &Due),
    (why, for_itself): (&str, bool),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let is_over = for_itself && one.tries >= TRIES;
    let id = one.message.as_ref().map(|message| &message.id);
    if is_over {
        tracing::error!(route, n = one.n, id, why, "not told, and given up");
        store.given_up(one.n, why, now)?;
    } else {
        tracing::warn!(route, n = one.n, id, why, "not told; it is tried again");
        store.undelivered(one.n, why, now)?;
    }
    Ok(is_over)
}

/// A route is left alone for a while.
fn wait(pauses: &mut Pauses, name: &str, error: &SendError, now: Timestamp) {
    let tries = pauses.get(name).map_or(0, |pause| pause.tries);
    let pause = Pause { until: now + error.pause(tries), tries: tries.saturating_add(1) };
    pauses.insert(name.to_owned(), pause);
}

impl SendError {
    /// How long until the next try, after so many.
    fn pause(&self, tries: u32) -> SignedDuration {
        const FIRST: i64 = 5;
        const LONGEST: i64 = 300;
        let growing = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
        SignedDuration::from_secs(growing.max(self.asked_to_wait().min(3_600)))
    }
}

/// Why people are not told at the moment, in a line; `None` when nothing that was tried waits.
///
/// # Errors
/// When the store can't be read.
pub(crate) fn trouble(store: &Store, now: Timestamp) -> Result<Option<String>, StoreError> {
    let line = |Waiting { route, count, since, error }: Waiting| {
        let since = crate::show::span(now.duration_since(since).max(SignedDuration::ZERO));
        Some(format!("the route `{route}` does not take what it is told, {count} since {since} ago: {}", error?))
    };
    let lines: Vec<String> = store.waiting()?.into_iter().filter_map(line).collect();
    Ok((!lines.is_empty()).then(|| lines.join("; ")))
}

#[cfg(test)]
mod tests;
