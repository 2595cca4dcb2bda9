//! The daemon: turn, rest, turn, until somebody says stop.

use crate::{
    cloud::Clock,
    pace::{Pace, Pacing},
    stop::Stopped,
    turn::{Standing, turn},
    wake::{Bell, Queue},
    world::{Settings, World, now},
};
use jiff::SignedDuration;
use manifests::report::Report;
use plan::drift::schedule::Budget;
use std::{future::Future, pin::Pin, time::Duration};

/// Turns until `stop` comes.
///
/// # Errors
/// When going on makes no sense: another account's credentials, or a bug.
pub async fn run<W: World>(
    world: &W,
    settings: &Settings,
    interval: Duration,
    stop: impl Future<Output = ()>,
) -> Result<(), Stopped> {
    let mut settings = settings.clone();
    settings.rest = SignedDuration::try_from(interval).ok();
    let mut standing = Standing::default();
    let mut stop = std::pin::pin!(stop);
    // Thousands of agents that were started by one event must not ask one git server in one second.
    let mut steady = Pace::new(Pacing { first: interval, most: interval, jitter: 0.2 });
    let mut trouble = Pace::new(Pacing { first: interval, most: interval.saturating_mul(8), jitter: 0.5 });
    let mut woken_turns = Budget::default();
    loop {
        let rest = match finish(world, turn(world, &settings, &mut standing), stop.as_mut()).await {
            Ok(report) if report.source.trouble.is_none() => {
                trouble.restart();
                steady.wait()
            }
            Ok(_) => trouble.wait(),
            Err(stopped @ (Stopped::WrongAccount { .. } | Stopped::Unsound(_))) => return Err(stopped),
            Err(stopped @ (Stopped::Fenced { .. } | Stopped::Unlooked { .. })) => {
                tracing::warn!("{stopped}");
                steady.wait()
            }
            Err(stopped @ (Stopped::Identity(_) | Stopped::Memory(_))) => {
                tracing::error!(error = %crate::error::chain(&stopped), "the turn ended before it could look at anything");
                trouble.wait()
            }
        };
        if world.leaving() {
            return Ok(());
        }
        let rest = if standing.has_more() { rest.min(SOON) } else { rest };
        tokio::select! {
            // Cancel-safe: dropping a sleep loses nothing.
            () = world.clock().sleep(rest) => (),
            // Cancel-safe: a message that was asked for and not taken comes again.
            () = woken(world, &standing, &mut woken_turns) => (),
            // Cancel-safe: it is pinned outside the loop, and polled again.
            () = &mut stop => return Ok(()),
        }
    }
}

/// How soon the next turn comes when there is more to look at, or to read.
const SOON: Duration = Duration::from_secs(30);
/// How many messages are read at once before a turn follows what they say: a storm is followed in pieces.
const AT_ONCE: usize = 1_000;

/// How many turns a minute events may lead to: whoever makes events must not make an account's whole day of calls.
pub(crate) const WOKEN: u32 = 12;
/// How soon it is looked again whether there is room for one.
const AGAIN: Duration = Duration::from_secs(2);

/// Comes back when something came that is worth a turn, and there is room for one. What comes in the same moment is read
/// before it does.
async fn woken<W: World>(world: &W, standing: &Standing, turns: &mut Budget) {
    heard(world, standing).await;
    while !turns.take(1, WOKEN, now(world)) {
        world.clock().sleep(AGAIN).await;
    }
}

/// Comes back when something came that is worth a turn.
async fn heard<W: World>(world: &W, standing: &Standing) {
    let mut trouble = Pace::new(Pacing { first: Duration::from_secs(5), most: Duration::from_mins(5), jitter: 0.5 });
    let (mut reason, mut read) = (false, 0);
    loop {
        let wait = if reason { Duration::ZERO } else { Queue::LONGEST };
        match world.bell().ring(wait).await {
            Ok(bodies) => {
                trouble.restart();
                read += bodies.len();
                reason |= standing.hear(&bodies);
                if reason && (bodies.is_empty() || read >= AT_ONCE) {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(error = %error.said(), "the queue of events can't be read; drift is found by its schedule");
                if reason {
                    return;
                }
                world.clock().sleep(trouble.wait()).await;
            }
        }
    }
}

/// A turn, to its end. When somebody says stop, it is not cut off but told to watch no longer: what it has started goes
/// on in CloudFormation, and the next agent finds it.
async fn finish<W: World>(
    world: &W,
    turn: impl Future<Output = Result<Report, Stopped>>,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<Report, Stopped> {
    let mut turn = std::pin::pin!(turn);
    loop {
        tokio::select! {
            // Cancel-safe: it is pinned outside the loop, and polled again.
            done = &mut turn => return done,
            // Polled no more once it has come.
            () = &mut stop, if !world.leaving() => world.leave(),
        }
    }
}
