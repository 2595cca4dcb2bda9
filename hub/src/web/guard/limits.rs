//! How often is often enough: so many at once, and as many again over a time, for each of whom there may be any number.
//!
//! Pure: the time is told. Not here: what is counted.

use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
};

/// Of so many is anything remembered at a time; of more, those are forgotten whose time is over first.
const ROOM: usize = 10_000;

/// A limit, and what each has used up of it.
#[derive(Debug)]
pub(super) struct Limit<K> {
    burst: i64,
    millis: i64,
    /// Until when, in milliseconds, what each took lasts.
    until: BTreeMap<K, i64>,
}

/// How many seconds to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait(pub(super) i64);

impl<K: Ord + Clone> Limit<K> {
    /// So many at once, and as many again in so many seconds.
    pub(super) fn new(burst: u32, seconds: u32) -> Self {
        Self { burst: i64::from(burst.max(1)), millis: i64::from(seconds.max(1)) * 1_000, until: BTreeMap::new() }
    }

    fn step(&self) -> i64 {
        (self.millis / self.burst).max(1)
    }

    /// Until when what this one took lasts. A clock that was put back is not held against anybody.
    fn used(&self, key: &K, now: i64) -> i64 {
        self.until.get(key).copied().unwrap_or(now).clamp(now, now.saturating_add(self.millis))
    }

    /// Whether one more would be too many.
    ///
    /// # Errors
    /// How long it is until it would not be.
    pub(super) fn look(&self, key: &K, now: Timestamp) -> Result<(), Wait> {
        let now = now.as_millisecond();
        let over = self.used(key, now) - now - (self.step() * (self.burst - 1));
        if over > 0 { Err(Wait((over + 999) / 1_000)) } else { Ok(()) }
    }

    /// Takes one more.
    ///
    /// # Errors
    /// How long it is until there is one.
    pub(super) fn take(&mut self, key: &K, now: Timestamp) -> Result<(), Wait> {
        self.look(key, now)?;
        let (millis, step) = (now.as_millisecond(), self.step());
        let until = self.used(key, millis) + step;
        make_room(&mut self.until, millis);
        self.until.insert(key.clone(), until);
        Ok(())
    }
}

/// Makes room for one more, of which each lasts until some time: what is over goes, and if that is not enough, the half that ends
/// first. Seldom, so that it costs nobody anything.
pub(super) fn make_room<K: Ord>(all: &mut BTreeMap<K, i64>, now: i64) {
    if all.len() < ROOM {
        return;
    }
    all.retain(|_, until| *until > now);
    if all.len() > ROOM * 3 / 4 {
        let mut ends: Vec<i64> = all.values().copied().collect();
        ends.sort_unstable();
        let middle = ends.get(ends.len() / 2).copied().unwrap_or(now);
        all.retain(|_, until| *until > middle);
    }
}

/// The addresses that one customer of a network has are one: of IPv6, the first half.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::at;

    #[test]
    fn so_many_at_once_and_then_one_at_a_time() {
        let mut limit = Limit::new(10, 60);
        for n in 0..10 {
            assert_eq!(limit.take(&1, at(n)), Ok(()), "{n}");
        }
        assert_eq!((limit.take(&1, at(10)), limit.take(&2, at(10))), (Err(Wait(6)), Ok(())));
        assert_eq!((limit.look(&1, at(5_900)), limit.look(&1, at(6_000))), (Err(Wait(1)), Ok(())));
        assert_eq!((limit.take(&1, at(6_000)), limit.take(&1, at(6_001))), (Ok(()), Err(Wait(6))));
        // All of it is there again after the whole time, and no more than that.
        let again = (0..20).filter(|n| limit.take(&1, at(200_000 + n)).is_ok()).count();
        assert_eq!(again, 10);
    }

    #[test]
    fn a_clock_that_was_put_back_locks_nobody_out_for_longer_than_the_limit_lasts() {
        let mut limit = Limit::new(2, 60);
        assert!(limit.take(&1, at(9_000_000)).is_ok());
        assert!(limit.take(&1, at(0)).is_err());
        assert!(limit.look(&1, at(0)).is_err_and(|wait| wait.0 <= 60));
    }

    #[test]
    fn however_many_come_there_is_room_for_so_many() {
        let mut limit = Limit::new(1, 60);
        for n in 0..35_000 {
            assert!(limit.take(&n, at(n)).is_ok());
            assert!(limit.until.len() <= ROOM);
        }
        assert!(limit.take(&34_999, at(35_000)).is_err(), "the newest are remembered");
    }

    #[test]
    fn neighbours_in_a_network_are_one() {
        let check = |a: &str, b: &str, same: bool| {
            assert_eq!(network(a.parse().unwrap()) == network(b.parse().unwrap()), same, "{a} {b}");
        };
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("::ffff:192.0.2.1", "192.0.2.1", true);
        check("2001:db8::1", "2001:db8::ffff:1", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
    }
}
