//! How long to wait before looking again: the only module that knows `backoff`.
//!
//! It paces polls inside a turn and turns after a failed fetch. It retries nothing: AWS calls are retried by the SDK,
//! and a failed turn is followed by the next one.

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};
use std::time::Duration;

/// Waits that grow, with jitter, up to a bound, and never end.
pub struct Pace(ExponentialBackoff);

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pacing {
    /// The first wait.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
    /// How far one may lie beside its mark, as a share of it; 0 makes waits repeatable.
    pub jitter: f64,
}

impl Pace {
    /// Waits that grow like this.
    pub fn new(pacing: Pacing) -> Self {
        let Pacing { first, most, jitter } = pacing;
        let mut builder = ExponentialBackoffBuilder::new();
        builder.with_initial_interval(first).with_max_interval(most).with_multiplier(1.5);
        builder.with_randomization_factor(jitter).with_max_elapsed_time(None);
        Self(builder.build())
    }

    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let most = self.0.max_interval;
        self.0.next_backoff().unwrap_or(most)
    }

    /// Something moved: begin with short waits again.
    pub fn restart(&mut self) {
        self.0.reset();
    }
}
