//! What is asked of CloudFormation for one stack, with nothing left open, and its fingerprint.
//!
//! The fingerprint is the name of the change set that carries the request, and `DescribeStacks` hands that name back:
//! that is how an agent without a memory knows what a stack was last asked to be. Whatever is not in it can change
//! without anything happening; whatever is in it can't change unnoticed.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;
use manifests::{
    id::{Arn, Digest},
    stack::Capability,
};

/// One stack's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Digest of the template's bytes as they stand in git.
    pub template: Digest,
    /// Every parameter, resolved.
    pub parameters: BTreeMap<String, String>,
    /// The manifest's tags and our own.
    pub tags: BTreeMap<String, String>,
    /// Capabilities.
    pub capabilities: BTreeSet<Capability>,
    /// The service role.
    pub role: Option<Arn>,
    /// Alarms that undo the change.
    pub alarms: Vec<Arn>,
    /// Minutes for which they are watched.
    pub monitor_min: u64,
    /// Whether resources that exist already are taken into the stack instead of being made.
    pub import_existing: bool,
}

/// 128 bits of a SHA-256: of a request's canonical form, or of whatever else has to be told from its like.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u128);

impl Asked {
    /// Its fingerprint. The canonical form is a list of fields, each with its length in front, so that no two requests
    /// share one; its first line is the version of the form.
    pub fn fingerprint(&self) -> Fingerprint {
        let Self { template, parameters, tags, capabilities, role, alarms, monitor_min, import_existing } = self;
        let mut form = Form(Vec::with_capacity(1024));
        form.put("holdfast/1");
        form.put(&template.to_string());
        form.map(parameters);
        form.map(tags);
        form.list(capabilities.len(), capabilities.iter().map(|c| c.as_str()));
        form.list(role.iter().len(), role.iter().map(Arn::as_str));
        form.list(alarms.len(), alarms.iter().map(Arn::as_str));
        form.put(&monitor_min.to_string());
        // Only where it is asked for: a stack of which it never was has the fingerprint that it always had.
        if *import_existing {
            form.put("import-existing");
        }
        Fingerprint::of(&form.0)
    }
}

/// A text in which every part says how long it is. Written by hand and not with `write!`: ten thousand of them are a turn's
/// work in a large account.
struct Form(Vec<u8>);

impl Form {
    fn put(&mut self, part: &str) {
        self.number(part.len());
        self.0.push(b':');
        self.0.extend_from_slice(part.as_bytes());
        self.0.push(b',');
    }

    fn number(&mut self, number: usize) {
        if number > 9 {
            self.number(number / 10);
        }
        self.0.push(b"0123456789"[number % 10]);
    }

    fn list<'a>(&mut self, length: usize, parts: impl Iterator<Item = &'a str>) {
        self.put(&length.to_string());
        parts.for_each(|part| self.put(part));
    }

    fn map(&mut self, map: &BTreeMap<String, String>) {
        self.list(map.len() * 2, map.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]));
    }
}

impl Fingerprint {
    const PREFIX: &'static str = "holdfast-";

    /// The first 128 bits of these bytes' SHA-256.
    pub fn of(bytes: &[u8]) -> Self {
        let Digest(digest) = Digest::of(bytes);
        Self(digest[..16].iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
    }

    /// Its first 64 bits.
    pub(crate) fn short(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// The name of the change set that carries it: `holdfast-<32 hex digits>`.
    pub fn change_set(self) -> String {
        format!("{}{self}", Self::PREFIX)
    }

    /// From a change set's name; `None` when somebody else made it. That of a heal carries what the stack was before, which
    /// it still is.
    pub fn of_change_set(name: &str) -> Option<Self> {
        let rest = name.strip_prefix(Self::PREFIX)?;
        rest.split_once(HEAL).map_or(rest, |(fingerprint, _)| fingerprint).parse().ok()
    }

    /// Whether a change set of this name is a heal of ours, whatever else it says.
    pub fn is_heal(name: &str) -> bool {
        name.starts_with(Self::PREFIX) && name.contains(HEAL)
    }

    /// The name of the change set of a heal of a stack that is what this request asked.
    pub fn heal(self, case: Self) -> String {
        format!("{}{HEAL}{case}", self.change_set())
    }
}

/// What stands between a request and a heal of what came of it, in the name of the heal's change set.
pub(crate) const HEAL: &str = "-heal-";

impl core::str::FromStr for Fingerprint {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let lower_hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let number = lower_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or(())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
