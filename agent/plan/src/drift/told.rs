//! What a report says of one stack's drift: where and by whom, never a value.

use super::{
    author::Told,
    remembered::{Drifts, Finding},
    why::Reason,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    drift::Mode,
    guardrails::Who,
    id::StackKey,
    report::{DriftReport, DriftedReport, How, State},
};

/// How many resources of a stack a report tells of.
const SHOWN: usize = 20;
/// How many types that can't be seen.
const TYPES: usize = 10;
/// How long a stack is called healed.
pub const HEALED: SignedDuration = SignedDuration::from_hours(24);

/// What there is to say.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// Which stack.
    pub key: &'a StackKey,
    /// What is done about drift.
    pub mode: Mode,
    /// How much of a principal may be told.
    pub who: Who,
    /// Why it is not put back, if it is not.
    pub reason: Option<&'a Reason>,
    /// Now.
    pub now: Timestamp,
}

/// What a report says of a stack's drift, and how that makes the stack stand beside how it stands anyway.
pub fn report(drifts: &Drifts, telling: &Telling<'_>) -> Option<(DriftReport, State)> {
    let Telling { key, mode, who, reason, now } = *telling;
    if mode == Mode::Off {
        return None;
    }
    let known = drifts.of(key);
    let findings = drifts.findings(key);
    let looked = drifts.looked(key);
    let healed = known.and_then(|known| known.put_back);
    let recently = healed.is_some_and(|at| now.duration_since(at) < HEALED);
    let state = match (findings.is_empty(), recently) {
        (false, _) => State::Drifted,
        (true, true) => State::Healed,
        (true, false) => State::InSync,
    };
    let count = |number: Option<u32>| number.unwrap_or_default();
    let report = DriftReport {
        mode: mode.into(),
        looked: looked.map(|looked| looked.at),
        compared: looked.map_or(0, |looked| looked.compared),
        resources: looked.map_or(0, |looked| looked.resources),
        unseen: drifts.unseen(key).into_iter().take(TYPES).collect(),
        baseline: count(known.map(|known| u32::try_from(known.baseline.len()).unwrap_or(u32::MAX))),
        noise: count(known.map(|known| known.noise)),
        ignored: count(known.map(|known| known.ignored)),
        drifted: findings.iter().take(SHOWN).map(|finding| drifted(finding, who)).collect(),
        drifted_total: u32::try_from(findings.len()).unwrap_or(u32::MAX),
        healed,
        why: reason.map(ToString::to_string).or_else(|| failed(drifts, key)),
    };
    Some((report, state))
}

fn failed(drifts: &Drifts, key: &StackKey) -> Option<String> {
    drifts
        .of(key)?
        .failed
        .as_ref()
        .map(|why| alloc::format!("the last look was not whole: {why}; tried again when it is due"))
}

fn drifted(finding: &Finding, who: Who) -> DriftedReport {
    let Told { by, from, call, at, claimed } =
        finding.author.as_ref().map(|author| author.told(who)).unwrap_or_default();
    DriftedReport {
        resource: finding.logical.to_string(),
        kind: finding.kind.clone(),
        how: if finding.gone { How::Deleted } else { How::Modified },
        paths: finding.paths.clone(),
        since: finding.since,
        by,
        from,
        call,
        at,
        claimed,
    }
}

/// One sentence on a stack's drift, for where there is room for one.
pub fn sentence(findings: &[Finding], who: Who, reason: Option<&Reason>) -> String {
    let all: Vec<&Finding> = findings.iter().collect();
    let names = super::verdict::names(&all, Some(who));
    let why = reason.map(|reason| alloc::format!("; {reason}")).unwrap_or_default();
    String::from("drifted: ") + &names + &why
}
