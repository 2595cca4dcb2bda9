//! The daemon: turn, rest, turn, until somebody says stop.

use crate::{
    cloud::Clock,
    pace::{Pace, Pacing},
    turn::{Settings, Standing, Stopped, World, turn},
};
use std::{future::Future, time::Duration};

/// Turns until `stop` comes. A turn that is under way is finished first: it is bounded, and what it has started goes on
/// in CloudFormation anyway.
pub async fn run<W: World>(
    world: &W,
    settings: &Settings,
    interval: Duration,
    stop: impl Future<Output = ()>,
) -> Result<(), Stopped> {
    let mut standing = Standing::default();
    let mut stop = std::pin::pin!(stop);
    // Thousands of agents that were started by one event must not ask one git server in one second.
    let mut steady = Pace::new(Pacing { first: interval, most: interval, jitter: 0.2 });
    let mut trouble = Pace::new(Pacing { first: interval, most: interval.saturating_mul(8), jitter: 0.5 });
    loop {
        let rest = match turn(world, settings, &mut standing).await {
            Ok(report) if report.source.trouble.is_none() => {
                trouble.restart();
                steady.wait()
            }
            Ok(_) => trouble.wait(),
            Err(stopped @ (Stopped::WrongAccount { .. } | Stopped::Unsound(_))) => return Err(stopped),
            Err(stopped @ (Stopped::Identity(_) | Stopped::Memory(_))) => {
                tracing::error!(error = %crate::error::chain(&stopped), "the turn ended before it could look at anything");
                trouble.wait()
            }
        };
        tokio::select! {
            // Cancel-safe: dropping a sleep loses nothing.
            () = world.clock().sleep(rest) => (),
            // Cancel-safe: it is pinned outside the loop, and polled again.
            () = &mut stop => return Ok(()),
        }
    }
}
