//! A set of report numbers, as ranges: what a long run of consecutive reports costs does not grow.

use alloc::{collections::BTreeMap, format, string::String};
use serde::{Deserialize, Serialize};

/// The numbers heard: first to last of each unbroken run. No two runs touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers(BTreeMap<u64, u64>);

/// How many runs are told apart: whoever leaves out every second number must not make the hub remember each.
const RUNS: usize = 64;

impl Numbers {
    /// Adds a number; `false` when it was there already.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        let before = self.0.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| number <= last) {
            return false;
        }
        let first = before.filter(|(_, last)| last + 1 == number).map_or(number, |(first, _)| first);
        let last = number.checked_add(1).and_then(|next| self.0.remove(&next)).unwrap_or(number);
        self.0.insert(first, last);
        if self.0.len() > RUNS
            && let (Some((first, _)), Some((_, last))) = (self.0.pop_first(), self.0.pop_first())
        {
            // The oldest gap is forgotten.
            self.0.insert(first, last);
        }
        true
    }

    /// What lies between the runs, as `3-4` or `7`. What came before the first run is not known to be missing: the
    /// hub may have begun to listen later than the account began to speak.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = String> {
        self.0.values().zip(self.0.keys().skip(1)).map(|(last, next)| match (last + 1, next - 1) {
            (from, to) if from == to => format!("{from}"),
            (from, to) => format!("{from}-{to}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Numbers, RUNS};
    use alloc::{string::String, vec::Vec};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn check(heard: &[u64], gaps: &str) {
        let mut numbers = Numbers::default();
        for number in heard {
            numbers.insert(*number);
        }
        assert_eq!(numbers.gaps().collect::<Vec<String>>().join(" "), gaps, "{heard:?}");
    }

    #[test]
    fn an_unbroken_run_has_no_gap() {
        check(&[], "");
        check(&[1, 2, 3], "");
        check(&[3, 1, 2], "");
        check(&[57, 58], "");
    }

    #[test]
    fn gaps_are_named_as_people_write_them() {
        check(&[1, 2, 5], "3-4");
        check(&[9, 1, 5, 2], "3-4 6-8");
        check(&[1, 3], "2");
        check(&[0, u64::MAX], "1-18446744073709551614");
    }

    #[test]
    fn of_very_many_gaps_the_oldest_are_forgotten() {
        let mut numbers = Numbers::default();
        (0..1_000).for_each(|number| assert!(numbers.insert(2 * number)));
        let gaps: Vec<String> = numbers.gaps().collect();
        assert_eq!((gaps.len(), gaps.last().unwrap().as_str()), (RUNS - 1, "1997"));
    }

    proptest! {
        #[test]
        fn it_is_the_set_of_what_was_inserted(heard in proptest::collection::vec(0_u64..40, 0..60)) {
            let (mut numbers, mut set) = (Numbers::default(), BTreeSet::new());
            for number in &heard {
                prop_assert_eq!(numbers.insert(*number), set.insert(*number));
            }
            let members: BTreeSet<u64> = numbers.0.iter().flat_map(|(first, last)| *first..=*last).collect();
            prop_assert_eq!(members, set);
            let touching = numbers.0.values().zip(numbers.0.keys().skip(1)).any(|(last, next)| last + 1 >= *next);
            prop_assert!(!touching);
        }
    }
}
