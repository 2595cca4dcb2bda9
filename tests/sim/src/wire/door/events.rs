//! Events into queues, through the side door.

use super::resources::missing;
use crate::{fault::Refusal, services::input, world::World};
use manifests::id::{AccountId, Region};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deliver {
    account: AccountId,
    region: Region,
    queue: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Storm {
    account: AccountId,
    region: Region,
    count: usize,
}

/// Switches delivery into a queue on.
pub(super) fn deliver(world: &mut World, body: &[u8]) -> Result<(), Refusal> {
    let Deliver { account, region, queue } = input(body)?;
    world.deliver_events(&account, &region, &queue).map_err(missing)
}

/// Lets many foreign calls happen at once.
pub(super) fn storm(world: &mut World, body: &[u8]) -> Result<(), Refusal> {
    let Storm { account, region, count } = input(body)?;
    world.storm(&account, &region, count);
    Ok(())
}
