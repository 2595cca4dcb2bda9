//! How much of one sender is kept: an account that floods the queue delays nobody else, and fills nobody's disk.
//!
//! Each account has a bucket that fills as time passes; what finds it empty is counted, and the count is put on record. Whatever
//! proves to be nobody's (no reports, forged ones) has one bucket together. Not here: who a sender is ([`crate::belief`]).

use alloc::collections::BTreeMap;
use core::fmt;
use jiff::{SignedDuration, Timestamp};
use manifests::id::AccountId;
use serde::{Deserialize, Serialize};

/// What each sender has left.
#[derive(Debug, Clone)]
pub struct Quota {
    /// How many messages of one sender are kept in a minute, in the long run; twice as many at once.
    per_minute: u32,
    buckets: BTreeMap<Option<AccountId>, Bucket>,
    dropped: BTreeMap<Option<AccountId>, Dropped>,
    /// When those were forgotten whose buckets were full again.
    swept: Option<Timestamp>,
}

/// Parts of a message: one costs as many as a minute has milliseconds, and in each millisecond as many come as messages in a minute.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    parts: u64,
    at: Timestamp,
}

/// What a message costs.
const MESSAGE: u64 = 60_000;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// How many senders are told apart at a time; the others share nobody's bucket. Names in messages that prove nothing are free.
const SENDERS: usize = 200_000;

/// What was not kept of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dropped {
    /// Whose; `None` of what was nobody's.
    pub account: Option<AccountId>,
    /// How many messages.
    pub messages: u64,
    /// When the first of them came.
    pub first: Timestamp,
    /// When the last one did.
    pub last: Timestamp,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, messages, first, last } = self;
        match account {
            Some(account) => write!(f, "{account} sent more than one account may")?,
            None => f.write_str("more came that is nobody's than is kept")?,
        }
        write!(f, ": {messages} messages from {first:.0} to {last:.0} were not kept")
    }
}

impl Quota {
    /// So many messages of one sender in a minute, and twice as many at once.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: BTreeMap::new(), dropped: BTreeMap::new(), swept: None }
    }

    /// Whether one more message of this sender is kept. What is not is counted.
    pub fn admits(&mut self, sender: Option<&AccountId>, now: Timestamp) -> bool {
        let full = u64::from(self.per_minute) * 2 * MESSAGE;
        let sender = self.told_apart(sender, now, full);
        let fresh = Bucket { parts: full, at: now };
        let bucket = self.buckets.entry(sender.clone()).or_insert(fresh);
        *bucket = Bucket { parts: bucket.filled(self.per_minute, now, full), at: now.max(bucket.at) };
        if let Some(left) = bucket.parts.checked_sub(MESSAGE) {
            bucket.parts = left;
            return true;
        }
        let none = Dropped { account: sender.clone(), messages: 0, first: now, last: now };
        let dropped = self.dropped.entry(sender).or_insert(none);
        (dropped.messages, dropped.last) = (dropped.messages + 1, now);
        false
    }

    /// What was not kept and is not on record yet, and began at least a minute ago; all of it at the end.
    pub fn due(&mut self, now: Timestamp, at_the_end: bool) -> impl Iterator<Item = Dropped> {
        let is_due = |dropped: &Dropped| at_the_end || now.duration_since(dropped.first) >= MINUTE;
        let due: BTreeMap<_, _> = self.dropped.extract_if(.., |_, dropped| is_due(dropped)).collect();
        due.into_values()
    }

    /// Whose bucket a message goes into. Those that are full again need not be remembered.
    fn told_apart(&mut self, sender: Option<&AccountId>, now: Timestamp, full: u64) -> Option<AccountId> {
        let sender = sender?;
        let key = Some(sender.clone());
        if self.buckets.len() < SENDERS || self.buckets.contains_key(&key) {
            return key;
        }
        if self.swept.is_none_or(|swept| now.duration_since(swept) >= MINUTE) {
            self.swept = Some(now);
            self.buckets.retain(|_, bucket| bucket.filled(self.per_minute, now, full) < full);
        }
        key.filter(|_| self.buckets.len() < SENDERS)
    }
}

impl Bucket {
    fn filled(&self, per_minute: u32, now: Timestamp, full: u64) -> u64 {
        let passed = u64::try_from(now.duration_since(self.at).as_millis()).unwrap_or(0);
        self.parts.saturating_add(passed.saturating_mul(per_minute.into())).min(full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::tests::second;
    use alloc::{format, vec, vec::Vec};

    fn account(n: u64) -> AccountId {
        format!("{n:012}").parse().unwrap()
    }

    /// Sends so many messages each second, and tells how many are kept in which.
    fn kept(quota: &mut Quota, seconds: core::ops::Range<i64>, messages: usize, sender: Option<u64>) -> Vec<usize> {
        let sender = sender.map(account);
        let one = |at| (0..messages).filter(|_| quota.admits(sender.as_ref(), second(at))).count();
        seconds.map(one).collect()
    }

    #[test]
    fn a_flood_is_cut_to_what_a_sender_may_and_hurts_nobody_else() {
        let mut quota = Quota::new(60);
        assert_eq!(kept(&mut quota, 0..4, 1_000, Some(1)), [120, 1, 1, 1]);
        assert_eq!(kept(&mut quota, 3..5, 2, Some(2)), [2, 2]);
        assert_eq!(kept(&mut quota, 3..4, 200, None), [120]);
        // Whoever was quiet for long has no more than that.
        assert_eq!(kept(&mut quota, 9_000..9_001, 1_000, Some(1)), [120]);
        let dropped: Vec<_> = quota.due(second(9_000), true).map(|it| (it.account, it.messages)).collect();
        assert_eq!(dropped, vec![(None, 80), (Some(account(1)), 3_877 + 880)]);
        assert_eq!(quota.due(second(9_000), true).count(), 0);
    }

    #[test]
    fn a_count_is_put_on_record_once_a_minute() {
        let mut quota = Quota::new(1);
        kept(&mut quota, 0..1, 3, Some(1));
        assert_eq!(quota.due(second(59), false).count(), 0);
        kept(&mut quota, 59..60, 3, Some(1));
        let due: Vec<_> = quota.due(second(60), false).collect();
        let expect = Dropped { account: Some(account(1)), messages: 4, first: second(0), last: second(59) };
        // One message and a half came back in 59 seconds, and no more than the one that cost.
        assert!(due == [expect], "{due:?}");
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut quota = Quota::new(60);
        kept(&mut quota, 100..101, 120, Some(1));
        assert_eq!(kept(&mut quota, 0..3, 5, Some(1)), [0, 0, 0]);
        assert_eq!(kept(&mut quota, 101..102, 5, Some(1)), [1]);
    }

    #[test]
    fn more_names_than_are_told_apart_share_one_bucket() {
        let mut quota = Quota::new(1);
        let all: usize = (0..SENDERS as u64 + 500).map(|n| kept(&mut quota, 0..1, 1, Some(n))[0]).sum();
        assert_eq!((all, quota.buckets.len()), (SENDERS + 2, SENDERS + 1), "two at once of the shared one");
        // Those that are full again are forgotten.
        kept(&mut quota, 600..601, 1, Some(1_000_000));
        assert!(quota.buckets.len() <= 2);
    }
}
