//! What a report says of a stack's drift: where and by whom, never a value.

use crate::drift::Mode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of a stack's drift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DriftReport {
    /// What is done about it.
    pub mode: DriftMode,
    /// When all of the stack was looked at last; never, when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub looked: Option<Timestamp>,
    /// How many of its resources could be compared then.
    pub compared: u32,
    /// How many resources it has.
    pub resources: u32,
    /// Types of resources that could not be compared; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// Differences that were there right after the agent's own change, and are no findings.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub baseline: u32,
    /// Differences that are known noise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub noise: u32,
    /// Differences that the manifest ignores.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored: u32,
    /// What somebody changed; at most 20, `drifted_total` says how many there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drifted: Vec<DriftedReport>,
    /// How many resources somebody changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub drifted_total: u32,
    /// When something was put back last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub healed: Option<Timestamp>,
    /// One sentence on why it is not put back, or could not be looked at, and what ends that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A resource that somebody changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriftedReport {
    /// Its name in the template.
    pub resource: String,
    /// `AWS::…::…`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What became of it.
    pub how: How,
    /// Where in its properties; at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// When it was found.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub since: Timestamp,
    /// Who did it, as far as the account lets that be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// By what call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub at: Option<Timestamp>,
    /// Whether who, from where, by what and when is what an event says: whoever may send to the agent's queue could have
    /// written that. It is absent once CloudTrail itself has said so.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub claimed: bool,
}

/// What is done about drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DriftMode {
    /// Nobody looks.
    Off,
    /// It is looked for, and told.
    Warn,
    /// What was changed is put back.
    Heal,
    /// A word of a newer agent.
    #[serde(other)]
    Unknown,
}

impl From<Mode> for DriftMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Off => Self::Off,
            Mode::Warn => Self::Warn,
            Mode::Heal => Self::Heal,
        }
    }
}

impl DriftMode {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Heal => "heal",
            Self::Unknown => "unknown",
        }
    }
}

/// What became of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It is otherwise than it was asked for.
    Modified,
    /// It is gone.
    Deleted,
    /// A word of a newer agent.
    #[serde(other)]
    Unknown,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
