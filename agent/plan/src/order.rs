//! In which order stacks are looked at: what others depend on first. In time linear in stacks and dependencies, because
//! it is worked out anew at every look.
//!
//! Not here: whether a dependency is in place. That is [`crate::plan`]'s.

use crate::{
    resolve::dependencies,
    select::{Selected, Wanted},
};
use alloc::{vec, vec::Vec};
use core::mem;
use manifests::id::StackKey;

/// Wanted stacks, dependencies first, otherwise by name. The parser has refused cycles; were there one all the same,
/// its members come last, and wait for each other in words instead of for ever.
pub(crate) fn order(selected: &Selected) -> Vec<(&StackKey, &Wanted)> {
    let all: Vec<(&StackKey, &Wanted)> = selected.wanted.iter().collect();
    let mut waits = vec![0_usize; all.len()];
    let mut behind: Vec<(usize, usize)> = Vec::new();
    for (place, (key, wanted)) in all.iter().enumerate() {
        let on = dependencies(selected, key, &wanted.manifest).unwrap_or_default();
        waits[place] = on.len();
        // One that is not wanted would never be in place; who waits for it comes last.
        let found = on.into_iter().filter_map(|on| all.binary_search_by_key(&on, |(key, _)| *key).ok());
        behind.extend(found.map(|on| (on, place)));
    }
    behind.sort_unstable();
    let mut order = Vec::with_capacity(all.len());
    let mut ready: Vec<usize> = (0..all.len()).filter(|place| waits[*place] == 0).collect();
    while !ready.is_empty() {
        let mut next = Vec::new();
        for done in mem::take(&mut ready) {
            order.push(all[done]);
            let from = behind.partition_point(|(on, _)| *on < done);
            for (_, place) in behind[from..].iter().take_while(|(on, _)| *on == done) {
                waits[*place] -= 1;
                if waits[*place] == 0 {
                    next.push(*place);
                }
            }
        }
        next.sort_unstable();
        ready = next;
    }
    order.extend(all.iter().zip(&waits).filter(|(_, waits)| **waits > 0).map(|(one, _)| one));
    order
}
