//! When a stack is looked at, and how often in a minute anything is asked.

use crate::table::{ACCOUNT, at, key, word};
use jiff::{SignedDuration, Timestamp};
use plan::drift::schedule::{Budget, due};
use proptest::{collection::vec, prelude::*};
use std::time::Duration;

const HOURS: u64 = 6 * 3_600;

fn next(every: u64, stack: u32, looked: Timestamp) -> Timestamp {
    due(Duration::from_secs(every), &word(ACCOUNT), &key(&format!("app-{stack}")), Some(looked))
}

/// As a look is remembered.
fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).expect("a second of this age")
}

#[test]
fn what_was_never_looked_at_is_due_at_once() {
    let at = due(Duration::from_secs(HOURS), &word(ACCOUNT), &key("app"), None);
    assert_eq!(at, Timestamp::UNIX_EPOCH);
}

#[test]
fn a_thousand_stacks_fill_the_period() {
    let mut tenths = [0; 10];
    for stack in 0..1_000 {
        let after = next(HOURS, stack, at(0)).duration_since(at(0)).as_secs();
        assert!((0..=HOURS as i64 + 59).contains(&after), "{after}");
        tenths[(after * 10 / (HOURS as i64 + 60)) as usize] += 1;
    }
    assert!(tenths.iter().all(|many| (1..=200).contains(many)), "{tenths:?}");
}

#[test]
fn another_account_and_another_region_look_at_another_time() {
    let of = |account: &str, stack: &str| due(Duration::from_secs(HOURS), &word(account), &key(stack), Some(at(0)));
    assert_eq!(of(ACCOUNT, "app"), of(ACCOUNT, "app"));
    assert_ne!(of(ACCOUNT, "app"), of("999988887777", "app"));
    assert_ne!(of(ACCOUNT, "app"), of(ACCOUNT, "app/eu-west-1"));
}

#[test]
fn no_period_and_no_time_is_too_odd() {
    for every in [0, 1, 59, 900, u64::MAX] {
        for looked in [Timestamp::MIN, Timestamp::UNIX_EPOCH, at(0), Timestamp::MAX] {
            let next = next(every, 1, looked);
            assert!(next > looked || next == Timestamp::MAX, "{every} {looked} {next}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// However late each look begins, it is remembered to the second, and every period has exactly one.
    #[test]
    fn every_period_has_one_look(stack in 0..500_u32, every in 900..40_000_u64, late in vec(0..600_i64, 6)) {
        let mut due = next(every, stack, at(0));
        for late in late {
            let looked = second(due + SignedDuration::from_secs(late));
            let after = next(every, stack, looked);
            let between = after.duration_since(due).as_secs();
            prop_assert!((every as i64 - 59..=every as i64 + 59).contains(&between), "{between} after {due}");
            due = after;
        }
    }

    /// Whenever in a period it was looked at, the next moment is the same.
    #[test]
    fn when_in_the_period_it_was_does_not_matter(stack in 0..500_u32, part in 0..HOURS as i64 - 60) {
        let begins = next(HOURS, stack, at(0));
        let looked = begins + SignedDuration::from_secs(part);
        prop_assert_eq!(next(HOURS, stack, looked), next(HOURS, stack, begins));
    }

    /// In no minute, as the clock tells it, are there more calls than may be, and no jump of it gives any back early.
    #[test]
    fn no_minute_has_more_calls_than_may_be(most in 1..20_u32, steps in vec((-200..200_i64, 0..8_u32), 1..60)) {
        let (mut budget, mut now, mut taken) = (Budget::default(), 0_i64, Vec::new());
        for (step, calls) in steps {
            now += if step % 3 == 0 { step } else { step.rem_euclid(20) };
            let left = budget.left(most, at(now));
            let room = budget.take(calls, most, at(now));
            prop_assert_eq!(room, calls <= left);
            if room {
                taken.push((now, calls));
            }
        }
        for (begins, _) in &taken {
            let within = taken.iter().filter(|(at, _)| (*begins..begins + 60).contains(at));
            prop_assert!(within.map(|(_, calls)| calls).sum::<u32>() <= most, "{:?}", taken);
        }
    }
}

#[test]
fn a_minute_later_everything_is_given_back() {
    let mut budget = Budget::default();
    assert!(budget.take(20, 30, at(0)));
    assert!(!budget.take(11, 30, at(1)), "all of them or none");
    assert!(budget.take(10, 30, at(30)));
    assert_eq!(budget.left(30, at(59)), 0);
    assert_eq!(budget.left(30, at(60)), 20);
    assert_eq!(budget.left(30, at(90)), 30);
    assert_eq!(budget.left(5, at(60)), 0, "a smaller budget is not overdrawn");
    assert!(!budget.take(1, 0, at(500)));
}

#[test]
fn a_clock_that_ran_ahead_gives_nothing_back() {
    let mut budget = Budget::default();
    assert!(budget.take(30, 30, at(0)));
    assert!(budget.take(1, 30, at(10_000)));
    assert_eq!(budget.left(30, at(5)), 0);
    assert!(!budget.take(1, 30, at(5)));
}
