//! What an account says of drift: how much may be done about it, what may be told of who changed something, and whose
//! changes are left alone for a while.

use super::written;
use crate::{
    drift::Mode,
    findings::Findings,
    pattern::Pattern,
    typed::At,
    yaml::{Fault, brief},
};
use serde::Deserialize;
use std::time::Duration;

/// What an account says of drift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftRules {
    /// The most that a manifest may ask for.
    pub most: Mode,
    /// What may be told of who changed something.
    pub who: Who,
    /// Whose changes are left alone for a while.
    pub people: Vec<PeopleRule>,
}

/// How much of a principal and an address may leave the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// All of it.
    Full,
    /// A hash, the same for the same.
    Hashed,
    /// Nothing.
    None,
}

/// Changes of these principals are left alone for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleRule {
    /// Whose: ARNs of users, sessions or the roles behind them.
    pub by: Pattern,
    /// For how long after the change.
    pub hold: Duration,
}

impl Default for DriftRules {
    fn default() -> Self {
        Self { most: Mode::Heal, who: Who::Full, people: Vec::new() }
    }
}

pub(super) fn rules(written: Option<&written::DriftRules>, findings: &mut Findings<'_>) -> DriftRules {
    let usual = DriftRules::default();
    let Some(written) = written else { return usual };
    DriftRules {
        most: written.mode.unwrap_or(usual.most),
        who: written.who.unwrap_or(usual.who),
        people: written.people.iter().filter_map(|rule| people(rule, findings)).collect(),
    }
}

fn people(rule: &written::PeopleRule, findings: &mut Findings<'_>) -> Option<PeopleRule> {
    const LONGEST: u64 = 30 * 86_400;
    let hold = findings.duration(&rule.hold, 60, LONGEST, "a change is left alone from 1m to 30d");
    Some(PeopleRule { by: principal(&rule.by, findings)?, hold: hold? })
}

/// An ARN with stars. One that is all stars would leave everything alone, for which there is `mode: warn`.
fn principal(text: &At<String>, findings: &mut Findings<'_>) -> Option<Pattern> {
    let fits = |c: char| c.is_ascii_graphic();
    let says_something = text.value.chars().any(|c| c != '*');
    let begins = text.value.starts_with("arn:") || text.value.starts_with('*');
    if says_something && begins && text.value.len() <= 2_048 && text.value.chars().all(fits) {
        return Some(Pattern::new(&text.value));
    }
    let fault =
        Fault::new(text.at, format!("`{}` is not the ARN of a principal or a pattern of some", brief(&text.value)));
    findings.fault(fault.hint("such as `arn:aws:iam::*:role/break-glass*`"));
    None
}
