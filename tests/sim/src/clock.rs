//! The world's clock: real time (perhaps faster), or time that passes only when somebody says so.
//!
//! Not here: what happens when time passes. That is [`crate::world`]'s.

use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, Instant};

/// What kind of time it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clock {
    /// The machine's time, `scale` times as fast.
    Real {
        /// Simulated seconds in a real one.
        scale: f64,
    },
    /// Time stands still until [`Timekeeper::pass`].
    Stepped,
}

/// A running clock.
#[derive(Debug, Clone)]
pub struct Timekeeper {
    kind: Clock,
    /// The time at `since`.
    reading: Timestamp,
    /// The machine's time of the last reading; `None` while time stands still.
    since: Option<Instant>,
}

impl Timekeeper {
    /// A clock. A stepped one starts at 2026-01-01T00:00:00Z, always.
    pub fn new(kind: Clock) -> Self {
        match kind {
            Clock::Real { .. } => Self { kind, reading: wall(), since: Some(instant()) },
            Clock::Stepped => Self { kind, reading: Timestamp::constant(1_767_225_600, 0), since: None },
        }
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        let (Clock::Real { scale }, Some(since)) = (self.kind, self.since) else { return self.reading };
        let elapsed = instant().duration_since(since).as_secs_f64() * scale;
        later(self.reading, Duration::try_from_secs_f64(elapsed).unwrap_or_default())
    }

    /// Lets time pass at once.
    pub fn pass(&mut self, time: Duration) {
        self.reading = later(self.reading, time);
    }

    /// Stops a real clock until [`Self::thaw`].
    pub fn freeze(&mut self) {
        self.reading = self.now();
        self.since = None;
    }

    /// Lets a real clock run on from where it stopped.
    pub fn thaw(&mut self) {
        if matches!(self.kind, Clock::Real { .. }) && self.since.is_none() {
            self.since = Some(instant());
        }
    }
}

/// `at` and some time, or the end of time.
pub fn later(at: Timestamp, time: Duration) -> Timestamp {
    SignedDuration::try_from(time).ok().and_then(|time| at.checked_add(time).ok()).unwrap_or(Timestamp::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the simulator's one door to real time")]
fn instant() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the simulator's one door to real time")]
fn wall() -> Timestamp {
    Timestamp::now()
}
