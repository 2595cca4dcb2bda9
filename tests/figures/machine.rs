//! The machine that the figures were measured on, and its clock: without these nobody can compare two runs.

use manifests::id::Digest;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use serde::Serialize;
use std::fmt;
use tokio::time::Instant;

/// What there is, and how busy it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    /// Processors that this process may use.
    cores: usize,
    /// The load average of the last minute, before and after.
    load: [String; 2],
    /// Processor seconds of a piece of work that is always the same, before and after: SHA-256 of 64 MiB.
    yardstick: [f64; 2],
}

impl Machine {
    /// Looks at it for the first time.
    pub(crate) fn before() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cores, load: [load(), String::new()], yardstick: [yardstick(), 0.0] }
    }

    /// Looks at it again.
    pub(crate) fn after(self) -> Self {
        let (Self { cores, load: [before, _], yardstick: [early, _] }, late) = (self, yardstick());
        Self { cores, load: [before, load()], yardstick: [early, late] }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, load: [early, late], yardstick: [before, after] } = self;
        write!(f, "Machine: {cores} processors, load {early} before and {late} after; SHA-256 of 64 MiB took ")?;
        write!(f, "{:.0} ms and {:.0} ms of a processor.", before * 1e3, after * 1e3)
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

fn yardstick() -> f64 {
    let bytes = vec![7; 64 << 20];
    let (digest, spent) = spent(|| Digest::of(&bytes));
    std::hint::black_box(digest);
    spent
}

/// What was done, and the processor seconds of this process that it took.
pub(crate) fn spent<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = processor(UsageWho::RUSAGE_SELF);
    let done = work();
    (done, processor(UsageWho::RUSAGE_SELF) - before)
}

/// Processor seconds so far, in user and system mode. 0 when the system does not say.
pub(crate) fn processor(whose: UsageWho) -> f64 {
    let seconds = |usage: Usage| {
        let (user, system) = (usage.user_time(), usage.system_time());
        let whole = user.tv_sec() + system.tv_sec();
        whole as f64 + (user.tv_usec() + system.tv_usec()) as f64 / 1e6
    };
    getrusage(whose).map(seconds).unwrap_or_default()
}

/// The most memory that a child of this process ever had, in bytes.
pub(crate) fn peak_of_children() -> u64 {
    let kibibytes = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| usage.max_rss());
    u64::try_from(kibibytes).unwrap_or_default() * 1024
}

/// The moment.
pub(crate) fn now() -> Instant {
    Instant::now()
}
