//! `drift` of a Stack: what is done about changes that somebody makes behind CloudFormation's back, how often it is looked
//! for them, and what of them does not matter.
//!
//! Not here: looking, and putting back (that is the agent's and `plan`'s). What an account says of drift stands in its
//! guardrails, which can only allow less.

use crate::{
    findings::Findings,
    id::{LogicalId, Malformed},
    pattern::Pattern,
    typed::At,
    yaml::{Fault, brief},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

pub(crate) mod written;

/// How often a stack is looked at, unless its manifest says otherwise.
const EVERY: u64 = 6 * 3_600;
/// Looking costs a read of every resource: more often than this is for events.
const SOONEST: u64 = 15 * 60;
const RAREST: u64 = 30 * 86_400;
/// The longest place in a resource's properties.
const LONGEST: usize = 512;

/// What a manifest says of drift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// What is done about it.
    pub mode: Mode,
    /// How often all of the stack is looked at.
    pub every: Duration,
    /// What of it does not matter, to detection and to heals alike.
    pub ignore: Vec<Ignore>,
}

impl Default for Drift {
    fn default() -> Self {
        Self { mode: Mode::Warn, every: Duration::from_secs(EVERY), ignore: Vec::new() }
    }
}

/// What is done about drift; later ones do more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Mode"))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nobody looks.
    Off,
    /// It is looked for, and told.
    Warn,
    /// What was changed is put back.
    Heal,
}

impl Mode {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Heal => "heal",
        }
    }
}

/// Something that does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// Of which resources.
    pub what: Of,
    /// Where in their properties; anywhere when there are none.
    pub paths: Vec<PropertyPath>,
}

/// Which resources a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// The one of this name in the template.
    Resource(LogicalId),
    /// All of a type, or of several (`AWS::IAM::*`).
    Type(Pattern),
}

impl Of {
    fn fits(&self, logical: &str, kind: &str) -> bool {
        match self {
            Self::Resource(name) => name.as_str() == logical,
            Self::Type(pattern) => pattern.fits(kind),
        }
    }
}

impl Drift {
    /// Whether nothing about a resource matters.
    pub fn ignores_resource(&self, logical: &str, kind: &str) -> bool {
        self.ignore.iter().any(|rule| rule.paths.is_empty() && rule.what.fits(logical, kind))
    }

    /// Whether this property of it does not matter.
    pub fn ignores(&self, logical: &str, kind: &str, path: &str) -> bool {
        let covered = |rule: &Ignore| rule.paths.is_empty() || rule.paths.iter().any(|place| place.covers(path));
        self.ignore.iter().any(|rule| rule.what.fits(logical, kind) && covered(rule))
    }
}

/// A place in a resource's properties, as CloudFormation's drift detection writes it: a JSON pointer, in which a `*` stands
/// for any one part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PropertyPath(String);

impl PropertyPath {
    /// Whether this is the place, or lies below it.
    pub fn covers(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        self.0.split('/').all(|part| parts.next().is_some_and(|other| part == "*" || part == other))
    }
}

impl FromStr for PropertyPath {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let why = match text.strip_prefix('/') {
            None => Some("must begin with `/`, such as `/Tags` or `/Policies/*/PolicyDocument`"),
            Some(_) if text.len() > LONGEST => Some("may have at most 512 characters"),
            Some(rest) if rest.split('/').any(str::is_empty) => Some("has an empty part"),
            Some(_) => None,
        };
        match why {
            Some(why) => Err(Malformed::new(text, "a place in a resource's properties", why)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for PropertyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a manifest says of drift, or every reason why not.
pub(crate) fn drift(written: Option<&written::Drift>, findings: &mut Findings<'_>) -> Drift {
    let usual = Drift::default();
    let Some(written) = written else { return usual };
    let every = written.every.as_ref().and_then(|text| {
        findings.duration(text, SOONEST, RAREST, "a stack is looked at every 15m at most, and every 30d at least")
    });
    Drift {
        mode: written.mode.unwrap_or(usual.mode),
        every: every.unwrap_or(usual.every),
        ignore: written.ignore.iter().filter_map(|rule| ignore(rule, findings)).collect(),
    }
}

fn ignore(rule: &At<written::Ignore>, findings: &mut Findings<'_>) -> Option<Ignore> {
    let written::Ignore { resource, kind, paths } = &rule.value;
    let what = match (resource, kind) {
        (Some(name), None) => findings.id(name).map(Of::Resource),
        (None, Some(kind)) => self::kind(kind, findings).map(Of::Type),
        (None, None) | (Some(_), Some(_)) => {
            findings.refuse(rule.at, "each entry is about exactly one of `resource` and `type`");
            None
        }
    };
    if let Some(empty) = paths.as_ref().filter(|paths| paths.value.is_empty()) {
        let fault = Fault::new(empty.at, "nothing is listed here");
        findings.fault(fault.hint("to ignore the whole resource, leave `paths` out"));
    }
    let mut places = Vec::new();
    for text in paths.iter().flat_map(|paths| &paths.value) {
        match text.value.parse::<PropertyPath>() {
            Ok(place) => places.push(place),
            Err(malformed) => findings.refuse(text.at, malformed.to_string()),
        }
    }
    Some(Ignore { what: what?, paths: places })
}

/// A type or several, in CloudFormation's spelling: another would ignore nothing, and nobody would notice.
fn kind(text: &At<String>, findings: &mut Findings<'_>) -> Option<Pattern> {
    if crate::guardrails::is_type(&text.value) {
        return Some(Pattern::new(&text.value));
    }
    let fault = Fault::new(text.at, format!("`{}` is not a resource type or a pattern of some", brief(&text.value)));
    findings.fault(fault.hint("such as `AWS::SNS::Topic` or `AWS::IAM::*`"));
    None
}
