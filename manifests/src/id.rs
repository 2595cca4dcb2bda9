//! The words that manifest and report share, each checked once where it enters and never again.
//!
//! Not here: anything that knows what a name *refers to*.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{cmp::Ordering, fmt, str::FromStr, sync::Arc};

/// Why a text is not the identifier it was meant to be: one lower-case clause that reads after "because it …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: it {why}")]
pub struct Malformed {
    /// The text that was offered, cut to a readable length.
    pub text: String,
    /// What it was meant to be, with its article: "an account id".
    pub what: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Malformed {
    pub(crate) fn new(text: &str, what: &'static str, why: &'static str) -> Self {
        // Hostile input may be megabytes long; an error message may not.
        let text = text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        Self { text, what, why }
    }
}

/// A checked text: parsing, printing, JSON in and out, all through the one `check`. It is shared and not copied, because
/// every map of a turn has the same ten thousand for its keys.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transparent))]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(text).map_err(|why| Malformed::new(text, $what, why))?;
                Ok(Self(text.into()))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                // The keys of one region all share its code.
                if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

text! {
    /// An AWS account: twelve digits, kept as text because of its leading zeros.
    AccountId, "an account id", |text| {
        let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        if digits { Ok(()) } else { Err("must be twelve digits, in quotes") }
    }
}

text! {
    /// An AWS region's code, such as `eu-central-1`. Only the shape is checked: new regions open without asking us.
    Region, "a region", |text| {
        let parts: Vec<&str> = text.split('-').collect();
        let words = parts.len() >= 3 && parts.iter().rev().skip(1).all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()));
        let number = parts.last().is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
        if words && number && text.len() <= 32 { Ok(()) } else { Err("must look like `eu-central-1`") }
    }
}

text! {
    /// A CloudFormation stack name: `[a-zA-Z][-a-zA-Z0-9]*`, at most 128 characters.
    StackName, "a stack name", |text| {
        if text.len() > 128 { return Err("may have at most 128 characters"); }
        let mut bytes = text.bytes();
        if !bytes.next().is_some_and(|b| b.is_ascii_alphabetic()) { return Err("must begin with a letter"); }
        if bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-') { Ok(()) } else { Err("may hold only letters, digits and hyphens") }
    }
}

text! {
    /// A manifest's name, its identity inside the repository. The characters of a stack name and of a DNS name alike,
    /// so that it can be either by default.
    Name, "a name", |text| {
        if text.len() > 128 { return Err("may have at most 128 characters"); }
        let mut bytes = text.bytes();
        if !bytes.next().is_some_and(|b| b.is_ascii_alphabetic()) { return Err("must begin with a letter"); }
        if bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-') { Ok(()) } else { Err("may hold only letters, digits and hyphens") }
    }
}

text! {
    /// A resource's name inside its template: `[a-zA-Z0-9]{1,255}`.
    LogicalId, "a logical id", |text| {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits { Ok(()) } else { Err("may hold only letters and digits, at most 255") }
    }
}

text! {
    /// A resource by its logical id, through the nested stacks that it lies in: `Table`, or `Child/Table`.
    ResourcePath, "a resource", |text| {
        let fits = |id: &str| (1..=255).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if text.len() <= 2048 && text.split('/').all(fits) { Ok(()) } else { Err("must be a logical id, or some with `/` between them") }
    }
}

text! {
    /// What a plan destroys, by the first digits of its digest: 16 to 64 lower-case hex digits.
    PlanDigest, "a plan's digest", |text| {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && (16..=64).contains(&text.len()) { Ok(()) } else { Err("must be 16 to 64 lower-case hex digits") }
    }
}

text! {
    /// A git commit, by its full object id in lower-case hex (SHA-1 or SHA-256).
    CommitId, "a commit id", |text| {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && (text.len() == 40 || text.len() == 64) { Ok(()) } else { Err("must be 40 or 64 lower-case hex digits") }
    }
}

text! {
    /// An ARN, checked for its six parts and no further.
    Arn, "an ARN", |text| {
        let shaped = text.starts_with("arn:") && text.splitn(6, ':').count() == 6 && text.len() <= 2048;
        if shaped && !text.contains(char::is_whitespace) { Ok(()) } else { Err("must look like `arn:aws:iam::123456789012:role/name`") }
    }
}

text! {
    /// A path inside the repository: relative, `/` between its parts, no part empty, `.` or `..`.
    RepoPath, "a path in the repository", |text| {
        if text.is_empty() { return Err("is empty"); }
        if text.len() > 1024 { return Err("may have at most 1,024 bytes"); }
        if text.starts_with('/') { return Err("must be relative"); }
        if text.contains('\\') || text.contains('\0') || text.contains(char::is_control) { return Err("may hold no backslash and no control character"); }
        if text.split('/').any(|part| part.is_empty() || part == "." || part == "..") { return Err("may have no empty part, no `.` and no `..`"); }
        Ok(())
    }
}

impl From<LogicalId> for ResourcePath {
    fn from(LogicalId(id): LogicalId) -> Self {
        Self(id)
    }
}

impl ResourcePath {
    /// The same resource, seen from the stack around its own.
    #[must_use]
    pub fn inside(&self, nested: &Self) -> Self {
        Self(format!("{nested}/{self}").into())
    }
}

impl PlanDigest {
    /// Whether a whole digest begins like this.
    pub fn is_of(&self, digest: &Digest) -> bool {
        digest.to_string().starts_with(self.as_str())
    }
}

impl CommitId {
    /// The first seven digits, as git prints them.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl RepoPath {
    /// `relative` as seen from the folder that holds this file; `..` may climb, but never out of the repository.
    ///
    /// # Errors
    /// When the result would lie outside the repository, or is no path.
    pub fn beside(&self, relative: &str) -> Result<Self, Malformed> {
        const WHAT: &str = "a path in the repository";
        if relative.starts_with('/') {
            return Err(Malformed::new(relative, WHAT, "must be relative to the file that names it"));
        }
        let mut parts: Vec<&str> = self.0.split('/').collect();
        parts.pop();
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(|| Malformed::new(relative, WHAT, "leads out of the repository"))?;
                }
                part => parts.push(part),
            }
        }
        parts.join("/").parse()
    }
}

/// A SHA-256 digest, printed as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The first `digits` hex digits (at most 64).
    pub fn short(&self, digits: usize) -> String {
        let mut text = self.to_string();
        text.truncate(digits);
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every fingerprint is made of these, so they are written at once and not digit by digit.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new(text, "a digest", "must be 64 lower-case hex digits");
        let shaped = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !shaped {
            return Err(malformed());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digit = |c: u8| if c.is_ascii_digit() { c - b'0' } else { c - b'a' + 10 };
            *byte = digit(pair[0]) << 4 | digit(pair[1]);
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// One stack in one region of the account: what a turn looks at, changes and reports on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StackKey {
    /// Where it lives.
    pub region: Region,
    /// What CloudFormation calls it.
    pub stack: StackName,
}

impl fmt::Display for StackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.region, self.stack)
    }
}

/// Bytes that a human wrote as `64KiB`, `256MiB` or `20GiB`: a whole number and one unit.
///
/// # Errors
/// When it is something else, or more than a number holds.
pub fn size(text: &str) -> Result<u64, Malformed> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit: Option<u64> = match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    let why = "must be a whole number and `B`, `KiB`, `MiB` or `GiB`, as in `256MiB`";
    bytes.ok_or_else(|| Malformed::new(text, "a size", why))
}

/// Texts that a human wrote as `90s`, `10m`, `6h` or `2d`: a whole number and one unit.
///
/// # Errors
/// When it is something else, or longer than ten years.
pub fn duration(text: &str) -> Result<std::time::Duration, Malformed> {
    const WHAT: &str = "a duration";
    let malformed = |why| Malformed::new(text, WHAT, why);
    let split =
        text.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| malformed("needs a unit: `s`, `m`, `h` or `d`"))?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| malformed("must begin with a whole number, as in `90s`"))?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(malformed("has a unit other than `s`, `m`, `h` or `d`")),
    };
    let seconds = number
        .checked_mul(unit)
        .filter(|s| *s <= 3_650 * 86_400)
        .ok_or_else(|| malformed("is longer than ten years"))?;
    Ok(std::time::Duration::from_secs(seconds))
}
