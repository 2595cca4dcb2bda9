//! Digests of 48 bits, eight letters each: what an agent remembers by the hundred has to fit into a parameter of 4 KB.
//!
//! Nobody can choose what is digested here so that two are alike: stacks' ARNs and fingerprints are made by AWS and by
//! SHA-256. Two of a thousand being alike by chance is one in half a billion.

use crate::asked::Fingerprint;
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;
use serde::{Deserialize, Deserializer, Serializer, de};

/// 48 bits of a digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Short(u64);

/// The letters of base64 that need no escape anywhere.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS: usize = 8;

impl Short {
    /// Bytes that one takes in a memory that is written.
    pub const BYTES: usize = DIGITS;

    /// Of a text.
    pub(crate) fn of(text: &str) -> Self {
        Self(Fingerprint::of(text.as_bytes()).short() >> 16)
    }

    /// Half of a text, and a number below 2^24.
    pub(crate) fn with_number(text: &str, number: u64) -> Self {
        Self(Self::of(text).0 & !0xff_ffff | number & 0xff_ffff)
    }

    /// The second half, as a number.
    pub(crate) fn second_half(self) -> u64 {
        self.0 & 0xff_ffff
    }

    /// Whether two of them have their first half in common.
    pub(crate) fn begins_like(self, other: Self) -> bool {
        self.0 >> 24 == other.0 >> 24
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let digit = |letter: &u8| LETTERS.iter().position(|known| known == letter);
        let digits = text.iter().map(|letter| digit(letter).map(|digit| digit as u64));
        digits.into_iter().try_fold(0, |sum, digit| Some(sum << 6 | digit?)).map(Self)
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |place: usize| LETTERS[(self.0 >> (6 * place) & 63) as usize] as char;
        let text: String = (0..DIGITS).rev().map(digit).collect();
        f.write_str(&text)
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Short({self})")
    }
}

/// Many of them as one text, without anything between.
pub(crate) fn serialize<'a, S: Serializer, I>(many: &'a I, serializer: S) -> Result<S::Ok, S::Error>
where
    &'a I: IntoIterator<Item = &'a Short>,
{
    serializer.serialize_str(&many.into_iter().map(ToString::to_string).collect::<String>())
}

/// The other way.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, I: FromIterator<Short>>(deserializer: D) -> Result<I, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (many, rest) = text.as_bytes().as_chunks::<DIGITS>();
    let whole = rest.is_empty().then_some(many);
    let many: Option<Vec<Short>> = whole.and_then(|many| many.iter().map(|text| Short::parse(text)).collect());
    many.map(|many| many.into_iter().collect()).ok_or_else(|| de::Error::custom("a short digest has eight letters"))
}

/// One of them.
pub(crate) mod one {
    use super::Short;
    use alloc::string::String;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(one: &Short, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(one)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Short, D::Error> {
        let text = String::deserialize(deserializer)?;
        let one = Some(text.as_bytes()).filter(|text| text.len() == Short::BYTES).and_then(Short::parse);
        one.ok_or_else(|| de::Error::custom("a short digest has eight letters"))
    }
}
