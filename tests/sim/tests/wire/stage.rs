//! A server for one test, and SDK configurations of its accounts.

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_sts::config::Credentials;
use sim::{
    clock::Clock,
    wire::Server,
    world::{Timing, World},
};
use std::time::Duration;

pub(crate) const DEV: &str = "111111111111";
pub(crate) const HUB: &str = "222222222222";
pub(crate) const REGION: &str = "eu-central-1";

/// A server whose world takes no time: one status for each call.
pub(crate) fn server() -> Server {
    Server::start(World::new(7, Clock::Real { scale: 1.0 }, Timing::instant())).unwrap()
}

/// What the SDK needs to be in an account.
pub(crate) async fn account(server: &Server, key: &str) -> SdkConfig {
    session(server, key, None).await
}

/// The same with a session token.
pub(crate) async fn session(server: &Server, key: &str, token: Option<String>) -> SdkConfig {
    // Three attempts, as by default, but without the default's seconds between them.
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(server.url())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(key, "not verified", token, None, "test"))
        .retry_config(retries)
        .load()
        .await
}

/// How often an account made this call.
pub(crate) fn calls(server: &Server, account: &str, action: &str) -> u64 {
    let world = server.world();
    let mut world = world.lock().unwrap();
    world.account(&account.parse().unwrap()).calls.get(action).copied().unwrap_or_default()
}
