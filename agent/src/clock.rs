//! The one place that reads the time.

use crate::cloud::{Clock, count::Calls};
use jiff::Timestamp;
use std::time::Duration;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// Now, by the clock that an account's agent counts by: AWS's, once one of these calls has told it.
pub(crate) fn by_aws(calls: &Calls) -> Timestamp {
    calls.time().unwrap_or_else(|| SystemClock.now())
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
