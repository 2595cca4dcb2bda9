//! What the tables hardly ever change, remembered from batch to batch: which number a place has, and a list of controls. It is worth
//! what the journal's end says that it is worth: as soon as anybody else has written, it is forgotten.
//!
//! Not here: anything that a report says of an account.

use crate::journal::End;
use fleet::belief::Policy;
use std::collections::BTreeMap;

/// More than any fleet has; what has more is read again.
const MOST: usize = 20_000;

/// What is remembered, and as of when.
#[derive(Debug, Default)]
pub(in crate::store) struct Known {
    /// By the stack's name, its region and its manifest.
    places: BTreeMap<String, BTreeMap<String, BTreeMap<String, i64>>>,
    /// How many of them there were at most.
    seen: usize,
    /// Lists of controls, as they are told.
    pub(super) told: BTreeMap<Vec<String>, i64>,
    pub(super) controls: BTreeMap<i64, Vec<String>>,
    /// The policy on record.
    pub(super) policy: Option<Policy>,
    as_of: Option<End>,
}

impl Known {
    /// What is still so when the journal ends here.
    pub(in crate::store) fn at(self, end: End) -> Self {
        let few = self.seen.max(self.told.len()) < MOST;
        if self.as_of == Some(end) && few { self } else { Self::default() }
    }

    /// As it is once everything up to here is on disk.
    pub(in crate::store) fn kept(self, end: End) -> Self {
        Self { as_of: Some(end), ..self }
    }

    /// The number of a place.
    pub(super) fn place(&self, stack: &str, region: &str, manifest: &str) -> Option<i64> {
        self.places.get(stack)?.get(region)?.get(manifest).copied()
    }

    /// That a place has this number.
    pub(super) fn is_place(&mut self, (stack, region, manifest): (&str, &str, &str), number: i64) {
        self.seen += 1;
        let regions = self.places.entry(stack.to_owned()).or_default();
        regions.entry(region.to_owned()).or_default().insert(manifest.to_owned(), number);
    }

    /// A place, or a list, that may be gone.
    pub(super) fn forget_place(&mut self, number: i64) {
        let regions = self.places.values_mut().flat_map(BTreeMap::values_mut);
        regions.for_each(|manifests| manifests.retain(|_, known| *known != number));
    }

    pub(super) fn forget_provided(&mut self, number: i64) {
        self.told.retain(|_, known| *known != number);
        self.controls.remove(&number);
    }
}
