//! What becomes of the agent's own version, as a report carries it.

use super::Agent;
use crate::id::Digest;
use serde::{Deserialize, Serialize};

/// The version that the commit in force asks of the agent, where that is not the one that runs and is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateReport {
    /// Which.
    pub wanted: String,
    /// SHA-256 of it.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub digest: Digest,
    /// How far that is.
    pub phase: UpdatePhase,
    /// The same as a clause, to be read after the version.
    pub why: String,
}

/// How far an update of the agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UpdatePhase {
    /// It is not tried yet.
    Waiting,
    /// It runs, and has yet to prove itself.
    Trial,
    /// It did not, and the version before it runs again.
    FellBack,
    /// Nobody updates this agent.
    Unmanaged,
    /// A word of a newer agent.
    #[serde(other)]
    Unknown,
}

impl Agent {
    /// The version that runs and, where another one is asked for, what came of that: what agents are counted by.
    pub fn standing(&self) -> String {
        let Some(UpdateReport { wanted, phase, .. }) = &self.update else { return self.version.clone() };
        match phase {
            UpdatePhase::Waiting => format!("{}, waits for {wanted}", self.version),
            UpdatePhase::Trial => format!("{}, on trial", self.version),
            UpdatePhase::FellBack => format!("{}, gave up {wanted}", self.version),
            UpdatePhase::Unmanaged => format!("{}, nobody brings {wanted}", self.version),
            UpdatePhase::Unknown => format!("{}, {wanted} is asked for", self.version),
        }
    }
}
