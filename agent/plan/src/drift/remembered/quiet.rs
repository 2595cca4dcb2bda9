//! When a stack was looked at and how much of it could be seen, in twenty letters: of every stack that has to be
//! remembered, in a parameter of 4 KB.
//!
//! 36 bits say which stack (of a thousand, two of one account's are taken for each other in one account of 130,000, and
//! then one is looked at a little later), 30 when (seconds since 2020, until 2054), 9 and 9 how many resources could be compared of how
//! many (CloudFormation allows 500), 36 which types could not.

use crate::asked::Fingerprint;
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use jiff::Timestamp;
use manifests::id::StackKey;
use serde::{Deserialize, Deserializer, Serializer, de};

/// When a stack was looked at, and how much of it could be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// When, to the second.
    pub at: Timestamp,
    /// How many of its resources could be compared.
    pub compared: u32,
    /// How many it has.
    pub resources: u32,
    types: u64,
}

/// How much of a stack could be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How many of its resources could be compared.
    pub compared: u32,
    /// How many it has.
    pub resources: u32,
    /// The types of the others.
    pub unseen: alloc::collections::BTreeSet<String>,
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS: usize = 20;
/// 2020-01-01, in seconds.
const BEGINNING: i64 = 1_577_836_800;
/// As many types have a bit of their own; the one after them stands for all others.
const OTHERS: usize = 35;
const MANY: u32 = 511;

/// By which a stack is known here.
pub(super) fn mark(key: &StackKey) -> u64 {
    Fingerprint::of(crate::memory::text(key).as_bytes()).short() >> 28
}

impl Quiet {
    /// That so much could be seen then. New types are put to those that are known.
    pub(super) fn new(at: Timestamp, coverage: &Coverage, types: &mut Vec<String>) -> Self {
        let mut bits = 0;
        for unseen in &coverage.unseen {
            if !types.contains(unseen) && types.len() < OTHERS {
                types.push(unseen.clone());
            }
            let place = types.iter().position(|known| known == unseen);
            bits |= 1 << place.map_or(OTHERS, |place| place.min(OTHERS));
        }
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        let few = |count: u32| count.min(MANY);
        Self { at, compared: few(coverage.compared), resources: few(coverage.resources), types: bits }
    }

    /// The types that could not be seen.
    pub(super) fn unseen(&self, types: &[String]) -> Vec<String> {
        let has = |place: usize| self.types >> place & 1 == 1;
        let known = types.iter().take(OTHERS).enumerate();
        let mut named: Vec<String> = known.filter(|(place, _)| has(*place)).map(|(_, name)| name.clone()).collect();
        named.sort();
        named.extend(has(OTHERS).then(|| "others".to_string()));
        named
    }

    /// That of these types no name is known any more.
    pub(super) fn unname(&mut self) {
        self.types = u64::from(self.types > 0) << OTHERS;
    }

    fn packed(&self, mark: u64) -> u128 {
        let seconds = u64::try_from(self.at.as_second() - BEGINNING).unwrap_or_default();
        let parts =
            [(mark, 36), (seconds, 30), (self.compared.into(), 9), (self.resources.into(), 9), (self.types, 36)];
        parts.iter().fold(0, |sum, (part, bits)| sum << bits | u128::from(*part) & ((1 << bits) - 1))
    }

    fn unpacked(mut packed: u128) -> Option<(u64, Self)> {
        let mut part = |bits: u32| {
            let part = packed & ((1 << bits) - 1);
            packed >>= bits;
            u64::try_from(part).ok()
        };
        let (types, resources, compared, seconds, mark) = (part(36)?, part(9)?, part(9)?, part(30)?, part(36)?);
        let at = Timestamp::from_second(BEGINNING + i64::try_from(seconds).ok()?).ok()?;
        let small = |number| u32::try_from(number).ok();
        Some((mark, Self { at, compared: small(compared)?, resources: small(resources)?, types }))
    }
}

/// All of them as one text, without anything between.
pub(crate) fn serialize<S: Serializer>(all: &BTreeMap<u64, Quiet>, serializer: S) -> Result<S::Ok, S::Error> {
    let digit = |packed: u128, place: usize| LETTERS[(packed >> (6 * place) & 63) as usize] as char;
    let one = |(mark, quiet): (&u64, &Quiet)| -> String {
        let packed = quiet.packed(*mark);
        (0..DIGITS).rev().map(|place| digit(packed, place)).collect()
    };
    serializer.serialize_str(&all.iter().map(one).collect::<String>())
}

/// The other way.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u64, Quiet>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (many, rest) = text.as_bytes().as_chunks::<DIGITS>();
    let digit = |letter: &u8| LETTERS.iter().position(|known| known == letter);
    let one = |text: &[u8; DIGITS]| {
        let packed = text.iter().try_fold(0_u128, |sum, letter| Some(sum << 6 | digit(letter)? as u128))?;
        Quiet::unpacked(packed)
    };
    let all: Option<BTreeMap<u64, Quiet>> = many.iter().map(one).collect();
    all.filter(|_| rest.is_empty()).ok_or_else(|| de::Error::custom("a look has twenty letters".to_string()))
}
