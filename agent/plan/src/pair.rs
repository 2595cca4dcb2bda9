//! A name and what it stood for, in ten letters: of every stack that is ours its ARN has to be remembered, in a parameter of
//! 4 KB.
//!
//! 40 bits are of the name, so that two of one account's stacks are hardly ever taken for one (of a thousand, one account in two
//! million), and 20 of the ARN, which AWS makes and nobody can choose.

use crate::asked::Fingerprint;
use alloc::{collections::BTreeSet, string::String, vec::Vec};
use core::ops::RangeInclusive;
use serde::{Deserialize, Deserializer, Serializer, de};

/// 40 bits of one digest and 20 of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair(u64);

/// How many bits are of the second.
const SECOND: u32 = 20;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS: usize = 10;

impl Pair {
    /// Of two texts.
    pub(crate) fn of(one: &str, other: &str) -> Self {
        let bits = |text: &str| Fingerprint::of(text.as_bytes()).short();
        Self((bits(one) >> 24) << SECOND | bits(other) >> (64 - SECOND))
    }

    /// All pairs that have their first half in common with this one.
    pub(crate) fn alike(self) -> RangeInclusive<Self> {
        let second = (1 << SECOND) - 1;
        Self(self.0 & !second)..=Self(self.0 | second)
    }

    fn written(self) -> String {
        let digit = |place: usize| LETTERS[(self.0 >> (6 * place) & 63) as usize] as char;
        (0..DIGITS).rev().map(digit).collect()
    }

    fn read(text: &[u8]) -> Option<Self> {
        let digit = |letter: &u8| LETTERS.iter().position(|known| known == letter);
        text.iter().try_fold(0, |sum, letter| Some(sum << 6 | digit(letter)? as u64)).map(Self)
    }
}

/// Many of them as one text, without anything between.
pub(crate) fn serialize<S: Serializer>(many: &BTreeSet<Pair>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&many.iter().map(|pair| pair.written()).collect::<String>())
}

/// The other way.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Pair>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (many, rest) = text.as_bytes().as_chunks::<DIGITS>();
    let many: Option<Vec<Pair>> = many.iter().map(|text| Pair::read(text)).collect();
    let many = many.filter(|_| rest.is_empty());
    many.map(|many| many.into_iter().collect()).ok_or_else(|| de::Error::custom("a pair has ten letters"))
}
