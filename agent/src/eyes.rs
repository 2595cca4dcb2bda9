//! What a process knows between its turns of whose resource is whose: so that an event about somebody else's costs nothing.
//!
//! Not here: anything that is not found out again when the process begins anew.

use crate::wake::{Hints, event::Hint};
use jiff::Timestamp;
use manifests::id::{Region, StackKey};
use plan::{
    asked::Fingerprint,
    drift::{
        schedule::Budget,
        seen::{Member, Place, Resource},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// What a process knows of resources.
#[derive(Debug, Default)]
pub struct Eyes {
    /// Hints that no turn has followed yet.
    pub hints: Hints,
    /// What of the minute's calls is left.
    pub(crate) budget: Budget,
    /// Whether the last turn left something to look at, or to read, soon.
    pub(crate) more: bool,
    /// Where CloudTrail may not be asked, and when it said so.
    pub(crate) blind: BTreeMap<Region, Timestamp>,
    /// The stacks that the last turn was about; before it, nobody knows.
    ours: Option<BTreeSet<StackKey>>,
    members: BTreeMap<String, BTreeSet<Member>>,
    listed: BTreeMap<StackKey, Fingerprint>,
    /// Names that belong to no stack of ours, as far as anybody was asked.
    strangers: BTreeSet<String>,
    complete: bool,
}

/// How many names of strangers are known.
const STRANGERS: usize = 2_000;

impl Eyes {
    /// Takes in which stacks a turn is about.
    pub(crate) fn are_ours<'k>(&mut self, keys: impl Iterator<Item = &'k StackKey>) {
        self.ours = Some(keys.cloned().collect());
    }

    /// Whether a turn would be about this stack, as far as that is known.
    pub(crate) fn is_ours(&self, key: &StackKey) -> bool {
        self.ours.as_ref().is_none_or(|ours| ours.contains(key))
    }

    /// Takes in what there is in a stack, as it is now.
    pub(crate) fn list(&mut self, place: &Place, generation: Fingerprint, resources: &[Resource]) {
        self.members.values_mut().for_each(|members| members.retain(|member| member.place.key != place.key));
        self.members.retain(|_, members| !members.is_empty());
        for resource in resources {
            let Some(physical) = &resource.physical else { continue };
            let member = Member { place: place.clone(), logical: resource.logical.clone() };
            self.strangers.remove(physical);
            self.members.entry(physical.clone()).or_default().insert(member);
        }
        self.listed.insert(place.key.clone(), generation);
    }

    /// That a stack was changed since, and has the same resources: they were put back, and none was made anew.
    pub(crate) fn is_same(&mut self, key: &StackKey, generation: Fingerprint) {
        if let Some(listed) = self.listed.get_mut(key) {
            *listed = generation;
        }
    }

    /// Stacks of which it is not known what there is in them, of these.
    pub(crate) fn unlisted<'a>(&mut self, all: &'a [(Place, Fingerprint)]) -> Vec<&'a (Place, Fingerprint)> {
        let listed = |one: &&(Place, Fingerprint)| self.listed.get(&one.0.key) == Some(&one.1);
        let left: Vec<&(Place, Fingerprint)> = all.iter().filter(|one| !listed(one)).collect();
        self.complete = left.is_empty();
        left
    }

    /// Which resources of ours a hint is about, as far as that is known without asking.
    pub(crate) fn members(&self, hint: &Hint) -> BTreeSet<Member> {
        hint.names.iter().filter_map(|name| self.members.get(name)).flatten().cloned().collect()
    }

    /// Names in a hint of which nobody knows whose they are.
    pub(crate) fn unknown<'h>(&self, hint: &'h Hint) -> Vec<&'h str> {
        if self.complete {
            return Vec::new();
        }
        hint.names.iter().map(String::as_str).filter(|name| !self.strangers.contains(*name)).collect()
    }

    /// That this name is of none of ours.
    pub(crate) fn is_strange(&mut self, name: &str) {
        if self.strangers.len() >= STRANGERS {
            self.strangers.pop_first();
        }
        self.strangers.insert(name.to_owned());
    }

    /// Whether a hint is worth a turn.
    pub(crate) fn concerns(&self, hint: &Hint) -> bool {
        !self.members(hint).is_empty() || !self.unknown(hint).is_empty()
    }
}
