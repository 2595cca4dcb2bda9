//! How often stacks came up lately: one that somebody keeps deleting is not made again for ever ([`crate::recover::FLAPS`]).

use crate::{
    memory::{Memory, text},
    short::Short,
};
use alloc::vec::Vec;
use jiff::Timestamp;
use manifests::id::StackKey;

impl Memory {
    /// Remembers that this stack came up, and forgets all of that which is older than a day.
    pub fn bear(&mut self, key: &StackKey, now: Timestamp) {
        let now = hour(now);
        self.births.retain(|birth| now.saturating_sub(birth.second_half()) <= 24);
        self.births.push(birth(key, now));
    }

    /// Forgets that this stack came up: it goes because that was asked for.
    pub fn bury(&mut self, key: &StackKey) {
        let whose = birth(key, 0);
        self.births.retain(|other| !other.begins_like(whose));
    }

    /// How often this stack came up within a day, and until when that counts.
    pub fn births(&self, key: &StackKey, now: Timestamp) -> (usize, Timestamp) {
        let whose = birth(key, 0);
        let hours = self.births.iter().filter(|other| other.begins_like(whose)).map(|other| other.second_half());
        let recent: Vec<u64> = hours.filter(|at| hour(now).saturating_sub(*at) <= 24).collect();
        let until = recent.iter().min().and_then(|first| i64::try_from((first + 25) * 3600).ok());
        let until = until.and_then(|seconds| Timestamp::from_second(seconds).ok());
        (recent.len(), until.unwrap_or(now))
    }
}

/// This stack came up in this hour.
fn birth(key: &StackKey, hour: u64) -> Short {
    Short::with_number(&text(key), hour)
}

/// Hours since 1970.
fn hour(at: Timestamp) -> u64 {
    u64::try_from(at.as_second() / 3600).unwrap_or_default()
}
