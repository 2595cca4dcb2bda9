//! When a stack is looked at: once in every period, at a moment that a hash of account and stack picks, so that neither
//! one account's stacks nor all accounts beat together; and no more calls in a minute than were set aside for it.
//!
//! Not here: looking.

use crate::asked::Fingerprint;
use alloc::{collections::VecDeque, format};
use core::time::Duration;
use jiff::{SignedDuration, Timestamp};
use manifests::id::{AccountId, StackKey};

/// When a stack is due next that was last looked at then; at once when it never was.
pub fn due(every: Duration, account: &AccountId, key: &StackKey, looked: Option<Timestamp>) -> Timestamp {
    let Some(looked) = looked else { return Timestamp::UNIX_EPOCH };
    let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX).max(1);
    let mark = Fingerprint::of(format!("{account}|{key}").as_bytes()).short();
    let offset = i64::try_from(mark % every.unsigned_abs()).unwrap_or_default();
    let period = looked.as_second().saturating_sub(offset).div_euclid(every);
    let next = period.saturating_add(1).saturating_mul(every).saturating_add(offset);
    Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
}

/// Calls of the last minute, and how many there may be in any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget(VecDeque<(Timestamp, u32)>);

impl Budget {
    const MINUTE: SignedDuration = SignedDuration::from_mins(1);
    /// How many calls are remembered whatever the clock says.
    const KEPT: usize = 256;

    /// How many are left of so many. What lies in the future counts too: then a clock was wrong.
    pub fn left(&self, most: u32, now: Timestamp) -> u32 {
        let recent = self.0.iter().filter(|(at, _)| Self::counts(*at, now));
        most.saturating_sub(recent.map(|(_, calls)| *calls).fold(0, u32::saturating_add))
    }

    fn counts(at: Timestamp, now: Timestamp) -> bool {
        now.duration_since(at) < Self::MINUTE
    }

    /// Writes down that so many are made; answers whether there was room for them.
    pub fn take(&mut self, calls: u32, most: u32, now: Timestamp) -> bool {
        let room = self.left(most, now) >= calls;
        if room && calls > 0 {
            self.0.push_back((now, calls));
        }
        // What is over a minute old is not forgotten at once: a clock that ran ahead may be set back.
        let old = || self.0.iter().position(|(at, _)| !Self::counts(*at, now));
        if let Some(old) = (self.0.len() > Self::KEPT).then(old).flatten() {
            self.0.remove(old);
        }
        room
    }
}
