//! How much of one sender is kept: an account that floods the queue delays nobody else, and fills nobody's disk.
//!
//! Messages are counted by the minute in which they were sent, so that what has waited for long is no flood. What is over is
//! counted, and the count is put on record. An account's proven reports and those in its name that prove nothing are two senders:
//! nobody uses up another's share. Whatever proves to be nobody's (no reports, forged ones) is one. Of what came together a sender's
//! newest is kept whatever else is over: it says how the account stands. Not here: who a sender is ([`crate::belief`]).

use alloc::{collections::BTreeMap, vec::Vec};
use core::fmt;
use jiff::{SignedDuration, Timestamp};
use manifests::id::AccountId;
use serde::{Deserialize, Serialize};

/// Who is counted; `None`: nobody.
pub type Sender = Option<(AccountId, bool)>;

/// One message of a batch.
#[derive(Debug, Clone)]
pub struct Came<'m> {
    /// Whose it is.
    pub sender: Sender,
    /// The epoch and the number of its report.
    pub number: (&'m str, u64),
    /// When it was sent.
    pub sent: Timestamp,
}

/// What came of whom.
#[derive(Debug, Clone)]
pub struct Quota {
    /// How many messages of one sender are kept of those that were sent in one minute.
    per_minute: u32,
    came: BTreeMap<(i64, Sender), u32>,
    dropped: BTreeMap<Option<AccountId>, Dropped>,
}

/// How many senders and minutes are told apart; of more, the oldest minutes are forgotten.
const MOST: usize = 200_000;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

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
    /// So many messages of one sender in a minute.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, came: BTreeMap::new(), dropped: BTreeMap::new() }
    }

    /// Which messages of a batch are kept. The others are counted.
    pub fn keeps(&mut self, batch: &[Came<'_>], now: Timestamp) -> Vec<bool> {
        let mut newest: BTreeMap<&Sender, ((&str, u64), usize)> = BTreeMap::new();
        for (n, came) in batch.iter().enumerate().filter(|(_, came)| came.sender.is_some()) {
            let known = newest.entry(&came.sender).or_insert((came.number, n));
            *known = (came.number, n).max(*known);
        }
        let keeps = |(n, came): (usize, &Came<'_>)| {
            let is_newest = newest.get(&came.sender).is_some_and(|(_, newest)| *newest == n);
            let is_kept = self.admits(&came.sender, came.sent) || is_newest;
            if !is_kept {
                self.drop(&came.sender, now);
            }
            is_kept
        };
        batch.iter().enumerate().map(keeps).collect()
    }

    /// Whether one more message of this sender, sent then, is within its share.
    fn admits(&mut self, sender: &Sender, sent: Timestamp) -> bool {
        let minute = sent.as_second().div_euclid(60);
        let came = self.came.entry((minute, sender.clone())).or_default();
        let is_within = *came < self.per_minute;
        *came = came.saturating_add(1);
        if self.came.len() > MOST {
            self.came.pop_first();
        }
        is_within
    }

    /// One of its messages is not kept.
    fn drop(&mut self, sender: &Sender, now: Timestamp) {
        let account = sender.as_ref().map(|(account, _)| account.clone());
        let none = Dropped { account: account.clone(), messages: 0, first: now, last: now };
        let dropped = self.dropped.entry(account).or_insert(none);
        (dropped.messages, dropped.last) = (dropped.messages + 1, now);
    }

    /// What was not kept and is not on record yet, and began at least a minute ago; all of it at the end.
    pub fn due(&mut self, now: Timestamp, at_the_end: bool) -> impl Iterator<Item = Dropped> {
        let is_due = |dropped: &Dropped| at_the_end || now.duration_since(dropped.first) >= MINUTE;
        let due: BTreeMap<_, _> = self.dropped.extract_if(.., |_, dropped| is_due(dropped)).collect();
        due.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::tests::second;
    use alloc::{format, vec};

    fn account(n: u64) -> AccountId {
        format!("{n:012}").parse().unwrap()
    }

    /// How many of so many messages that are sent in each of these seconds are within the share.
    fn within(quota: &mut Quota, seconds: &[i64], messages: usize, sender: &Sender) -> Vec<usize> {
        let one = |at: &i64| (0..messages).filter(|_| quota.admits(sender, second(*at))).count();
        seconds.iter().map(one).collect()
    }

    #[test]
    fn a_flood_is_over_and_hurts_nobody_else() {
        let mut quota = Quota::new(60);
        let (flooding, other) = (Some((account(1), true)), Some((account(2), true)));
        assert_eq!(within(&mut quota, &[0, 1, 59, 60], 1_000, &flooding), [60, 0, 0, 60]);
        assert_eq!(within(&mut quota, &[0, 1], 2, &other), [2, 2]);
        // In its name, and nobody's: neither is its share.
        assert_eq!(within(&mut quota, &[120], 70, &Some((account(1), false))), [60]);
        assert_eq!(within(&mut quota, &[120], 70, &None), [60]);
        assert_eq!(within(&mut quota, &[120], 5, &flooding), [5]);
    }

    #[test]
    fn what_has_waited_is_no_flood_in_whatever_order_it_comes() {
        let mut quota = Quota::new(2);
        let backlog: Vec<i64> = (0..300).map(|n| (n * 7_919) % 300 * 60).collect();
        let sender = Some((account(1), true));
        assert!(within(&mut quota, &backlog, 1, &sender).iter().all(|within| *within == 1));
    }

    #[test]
    fn how_a_sender_stands_now_is_kept_whatever_else_is_over() {
        let mut quota = Quota::new(1);
        let (proven, forged) = (Some((account(1), true)), Some((account(1), false)));
        let came =
            |sender: &Sender, epoch, number| Came { sender: sender.clone(), number: (epoch, number), sent: second(0) };
        let batch = [
            came(&proven, "a", 3),
            came(&proven, "b", 1),
            came(&forged, "zz", 9),
            came(&proven, "a", 4),
            came(&None, "", 0),
            came(&None, "", 0),
        ];
        assert_eq!(quota.keeps(&batch, second(5)), [true, true, true, false, true, false]);
        assert_eq!(quota.keeps(&batch[..1], second(5)), [true], "alone it is the newest");
        assert_eq!(quota.due(second(5), true).map(|it| it.messages).sum::<u64>(), 2);
    }

    #[test]
    fn a_count_is_put_on_record_once_a_minute() {
        let mut quota = Quota::new(1);
        let sender = Some((account(1), true));
        quota.drop(&sender, second(0));
        assert_eq!(quota.due(second(59), false).count(), 0);
        quota.drop(&sender, second(59));
        quota.drop(&None, second(59));
        let expect = Dropped { account: Some(account(1)), messages: 2, first: second(0), last: second(59) };
        assert_eq!(quota.due(second(60), false).collect::<Vec<_>>(), vec![expect]);
        assert_eq!(
            quota.due(second(60), true).map(|it| (it.account, it.messages)).collect::<Vec<_>>(),
            vec![(None, 1)]
        );
        assert_eq!(quota.due(second(60), true).count(), 0);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut quota = Quota::new(1);
        for n in 0..MOST as u64 + 500 {
            quota.admits(&Some((account(n), false)), second(0));
        }
        assert_eq!(quota.came.len(), MOST);
    }
}
