//! A map that is asked for its keys mostly in their order: each is then at hand, and not searched for among ten thousand.

use alloc::collections::{BTreeMap, btree_map::Range};
use core::iter::Peekable;
use manifests::id::StackKey;

/// A map and the place in it after the key that was asked for last.
pub(crate) struct Along<'a, V> {
    map: &'a BTreeMap<StackKey, V>,
    next: Peekable<Range<'a, StackKey, V>>,
}

impl<'a, V> Along<'a, V> {
    /// At the beginning of a map.
    pub(crate) fn new(map: &'a BTreeMap<StackKey, V>) -> Self {
        Self { map, next: map.range::<StackKey, _>(..).peekable() }
    }

    /// The value of this key.
    pub(crate) fn get(&mut self, key: &StackKey) -> Option<&'a V> {
        if self.next.peek().is_none_or(|(next, _)| *next != key) {
            self.next = self.map.range(key..).peekable();
        }
        self.next.next_if(|(next, _)| *next == key).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec::Vec};
    use proptest::prelude::*;

    fn key(number: u8) -> StackKey {
        StackKey { region: "eu-west-1".parse().unwrap(), stack: format!("s{number}").parse().unwrap() }
    }

    proptest! {
        #[test]
        fn every_key_is_found_in_whatever_order_it_is_asked_for(there in prop::collection::vec(0u8..20, 0..20), mut asked in prop::collection::vec(0u8..20, 0..40), sorted: bool) {
            let map: BTreeMap<StackKey, u8> = there.into_iter().map(|number| (key(number), number)).collect();
            if sorted {
                asked.sort_unstable();
            }
            let mut along = Along::new(&map);
            let found: Vec<Option<&u8>> = asked.iter().map(|number| along.get(&key(*number))).collect();
            let expected: Vec<Option<&u8>> = asked.iter().map(|number| map.get(&key(*number))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
