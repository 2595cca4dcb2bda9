//! `agent` of a Fleet: the version that the fleet's agents are to have, where it is, what it is known by, and in which order
//! accounts come to it.
//!
//! Not here: when an account goes there and what it does when the release is no good. That is `plan`'s.

use crate::{
    check,
    findings::Findings,
    id::{AccountId, Digest, Name},
    stack::Targets,
    typed::At,
    validate,
    yaml::{Fault, brief},
};
use std::{collections::BTreeMap, time::Duration};
pub use version::Version;

pub(crate) mod written;
mod version;

/// How long a ring may wait at most.
const LONGEST: u64 = 90 * 86_400;

/// The version that the fleet's agents are to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub version: Version,
    /// Where it is, for every form that an agent comes in.
    pub downloads: BTreeMap<Form, Download>,
    /// Whether it may be older than what an account has.
    pub downgrade: bool,
    /// Who goes there, in which order.
    pub rings: Vec<Ring>,
}

/// What an agent is, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A program on a machine.
    Program(Machine),
    /// The zip of a Lambda function.
    Function(Machine),
}

/// What it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// `x86_64`
    X86,
    /// `aarch64`, which AWS calls `arm64`
    Arm,
}

impl Machine {
    /// The one that this was built for.
    pub const HERE: Self = if cfg!(target_arch = "aarch64") { Self::Arm } else { Self::X86 };
}

/// Where a release is, and what it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// `https://…`, or `s3://bucket/key`; `{account}` and `{region}` may stand in it.
    pub from: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// Some of the accounts, and how long they wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// What it is called.
    pub name: Name,
    /// Who is in it.
    pub targets: Targets,
    /// How many of a hundred of them; which ones, an account's id and the release decide.
    pub percent: u32,
    /// How long after an account has accepted the commit.
    pub after: Duration,
}

/// The rings of a fleet that names none.
const USUAL: [(&str, u32, u64); 3] = [("first", 1, 0), ("early", 10, 4 * 3_600), ("everyone", 100, 86_400)];

impl Release {
    /// The ring that an account is in: the first that it fits into.
    pub fn ring(&self, account: &AccountId, labels: &BTreeMap<String, String>) -> Option<&Ring> {
        let seat = self.seat(account);
        self.rings.iter().find(|ring| seat < ring.percent && ring.targets.hold(account, labels))
    }

    /// Where an account sits among a hundred: never at the same place for two versions, so that it is not always the same
    /// ones that go first.
    fn seat(&self, account: &AccountId) -> u32 {
        let Digest(bytes) = Digest::of(format!("{account}|{}", self.version).as_bytes());
        let [a, b, c, d, ..] = bytes;
        u32::from_be_bytes([a, b, c, d]) % 100
    }
}

/// The release that a Fleet asks for. `None` when `findings` say why not.
pub(crate) fn release(written: &written::Release, findings: &mut Findings<'_>) -> Option<Release> {
    let mut downloads = BTreeMap::new();
    type Of = fn(Machine) -> Form;
    for (written, form) in [(&written.program, Form::Program as Of), (&written.function, Form::Function as Of)] {
        let written::Machines { x86_64, aarch64 } = written.as_ref().map_or(&written::NONE, |written| written);
        for (machine, written) in [(Machine::X86, x86_64), (Machine::Arm, aarch64)] {
            let download = written.as_ref().and_then(|written| download(written, findings));
            downloads.extend(download.map(|download| (form(machine), download)));
        }
    }
    if downloads.is_empty() && findings.none() {
        let fault = Fault::new(written.version.at, "nobody says where this release is");
        findings.fault(fault.hint("name it: `program: {x86_64: {from: …, sha256: …}}`, `function: {…}`, or both"));
    }
    Some(Release {
        version: findings.id(&written.version)?,
        downloads,
        downgrade: written.downgrade,
        rings: rings(written.rings.as_ref(), findings),
    })
}

fn download(written: &written::Download, findings: &mut Findings<'_>) -> Option<Download> {
    let written::Download { from, sha256 } = written;
    if let Some(why) = no_place(&from.value) {
        let shown = brief(&check::without_secrets(&from.value));
        findings.refuse(from.at, format!("`{shown}` is no place to fetch a release from: it {why}"));
    }
    Some(Download { from: from.value.clone(), sha256: findings.id(sha256)? })
}

/// Why nothing can be fetched from there, if that is so.
fn no_place(from: &str) -> Option<&'static str> {
    if let Some(rest) = from.strip_prefix("s3://") {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = !from.chars().any(|c| c.is_whitespace() || c.is_control());
        return (bucket.is_empty() || key.is_empty() || !plain).then_some("must look like `s3://bucket/key`");
    }
    if !from.starts_with("https://") {
        return Some("begins with neither `https://` nor `s3://`");
    }
    check::no_address(from)
}

fn rings(written: Option<&At<Vec<written::Ring>>>, findings: &mut Findings<'_>) -> Vec<Ring> {
    let Some(written) = written else { return usual() };
    if written.value.is_empty() {
        let fault = Fault::new(written.at, "nothing is listed here");
        findings
            .fault(fault.hint("for the usual rings, leave the field out; for all at once, say `[{name: everyone}]`"));
    }
    let mut rings: Vec<Ring> = Vec::new();
    for one in &written.value {
        let written::Ring { name, targets, percent, after } = one;
        let share = percent.as_ref().map_or(100, |percent| percent.value);
        if let Some(percent) = percent.as_ref().filter(|_| !(1..=100).contains(&share)) {
            findings.refuse(percent.at, format!("`{share}` is no share of a hundred: it is from 1 to 100"));
        }
        let wait = after.as_ref().and_then(|text| findings.duration(text, 0, LONGEST, "a ring waits for at most 90d"));
        let (wait, before) = (wait.unwrap_or_default(), rings.last().map_or(Duration::ZERO, |ring| ring.after));
        if wait < before {
            let at = after.as_ref().map_or(name.at, |after| after.at);
            findings.refuse(at, format!("the ring `{}` comes before the one above it", brief(&name.value)));
        }
        let Some(name) = findings.id::<Name>(name) else { continue };
        if rings.iter().any(|ring| ring.name == name) {
            findings.refuse(one.name.at, format!("there is a ring `{name}` already"));
        }
        let targets = validate::targets(targets.as_ref(), findings);
        rings.push(Ring { name, targets, percent: share, after: wait });
    }
    rings
}

fn usual() -> Vec<Ring> {
    let ring = |(name, percent, after): (&str, u32, u64)| {
        let name = name.parse().ok()?;
        Some(Ring { name, targets: Targets::default(), percent, after: Duration::from_secs(after) })
    };
    USUAL.into_iter().filter_map(ring).collect()
}
