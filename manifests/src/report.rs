//! What came of it: one account at one moment, and what happened there since the last report.
//!
//! The envelope is CloudEvents 1.0 in structured JSON. Version 1 is frozen by the fixtures beside the tests: a field
//! may be added, never renamed, moved or given another meaning. Every enum ends in `Unknown`, so an older reader shows
//! "unknown" for a newer agent's word and never drops the report.
//!
//! Only what is listed here leaves an account: names, statuses, hashes, sentences. No parameter value, no template
//! text, no output. The sentences are ours; where one quotes CloudFormation's reason, `plan::tell` has cut it.

use crate::{
    id::{AccountId, CommitId, Digest, Name, Region, StackName},
    problem::Problem,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod drift;
mod orders;
mod state;
mod update;
pub mod proof;

pub use drift::{DriftMode, DriftReport, DriftedReport, How};
pub use orders::{ApprovalReport, HoldReport, PinReport, RollbackReport};
pub use state::State;
pub use update::{UpdatePhase, UpdateReport};

/// `type` of the envelope for [`Report`] version 1.
pub const TYPE: &str = "holdfast.report.v1";

/// The CloudEvents 1.0 envelope of a [`Report`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique for this source: `<epoch>-<sequence>`.
    pub id: String,
    /// `/holdfast/<account>`.
    pub source: String,
    /// [`TYPE`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The account.
    pub subject: AccountId,
    /// When the report was made.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The report itself.
    pub data: Report,
}

/// The whole account at one moment, and what happened since the last report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Who speaks.
    pub account: AccountId,
    /// What the fleet file calls the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// Made anew whenever the agent's memory begins anew, so that a lower `sequence` is not taken for an old report. Later
    /// epochs sort after earlier ones, as texts.
    pub epoch: String,
    /// Counts this epoch's reports from 1, without a gap.
    pub sequence: u64,
    /// The agent that wrote this.
    pub agent: Agent,
    /// The repository and where in it this account stands.
    pub source: Source,
    /// The worst state of any stack, or of the source.
    pub state: State,
    /// One sentence on why `state` is not `in-sync`, and what ends that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Why nothing at all may begin in this account, if that is so: its guardrails, or what its people said, can't be
    /// understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// The stacks that are wanted here or were made here, sorted by region and name.
    #[serde(default)]
    pub stacks: Vec<StackReport>,
    /// How many stacks there are in all: a report that would not fit into a message leaves stacks in sync out.
    #[serde(default)]
    pub stacks_total: u64,
    /// What people told the agent to leave alone, and until when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldReport>,
    /// The commit that people told the agent to stay at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinReport>,
    /// What people in the account let go ahead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<ApprovalReport>,
    /// The stacks that people sent back to an earlier form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollbacks: Vec<RollbackReport>,
    /// What could not be read in the repository; at most 50, `problems_total` says how many there are.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// How many problems there are in all.
    #[serde(default)]
    pub problems_total: u64,
    /// What happened since the last report, oldest first; at most 100.
    #[serde(default)]
    pub happened: Vec<Happening>,
    /// AWS calls and git requests of the turn that made this, by service.
    #[serde(default)]
    pub calls: BTreeMap<String, u64>,
    /// When the agent means to look next, if it stays running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub next: Option<Timestamp>,
}

/// Which agent wrote a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Agent {
    /// Its version.
    pub version: String,
    /// The region it is at home in.
    pub region: Region,
    /// SHA-256 of it, where it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub digest: Option<Digest>,
    /// Another version that it is to have, and how far that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateReport>,
}

/// Where in the repository an account stands. Revisions are written as Flux writes them: `main@sha1:<40 hex>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The repository's address, without credentials.
    pub repository: String,
    /// The branch that is followed.
    pub branch: String,
    /// The commit that every stack here has reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// The commit that this turn worked towards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted: Option<String>,
    /// When the remote last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub answered: Option<Timestamp>,
    /// What the signature of the commit in force is worth.
    pub signature: Signature,
    /// Who signed it, as the account's list of signers has it, and with which key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// What is wrong with its signature, where the account's policy lets that pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distrust: Option<String>,
    /// Why the repository could not be read this time, or why its head was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What is known of the commit's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// The account's policy is `off`: whoever may push may deploy.
    NotChecked,
    /// Somebody signed it who may.
    Good,
    /// It is not good, and the account's policy is `warn`; `distrust` says what is wrong.
    Tolerated,
    /// A word of a newer agent.
    #[serde(other)]
    Unknown,
}

/// One stack in one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StackReport {
    /// The manifest that asks for it.
    pub manifest: Name,
    /// Where it lives.
    pub region: Region,
    /// What CloudFormation calls it.
    pub stack: StackName,
    /// How it stands.
    pub state: State,
    /// One sentence on why it is not in sync and what ends that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// CloudFormation's own word, if the stack exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The fingerprint of what is asked (first 32 hex digits), once everything it depends on is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// For a held change: what `holdfast approve` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Controls that the stack provides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<String>,
    /// What is known of its drift; absent when nobody looks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftReport>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Happening {
    /// When.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// Where, when it is about one stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Which stack, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackName>,
    /// The commit it was done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The same in words, to be read after the stack's name when it is about one.
    pub sentence: String,
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A stack came up.
    Created,
    /// A stack was changed.
    Updated,
    /// A stack was deleted.
    Deleted,
    /// A change failed; CloudFormation undid it if it could.
    Failed,
    /// A change was stopped by a limit.
    Held,
    /// A commit was accepted.
    Accepted,
    /// A commit was refused.
    Refused,
    /// The stack is well again after it was not.
    Recovered,
    /// A change went well and left resources behind that no stack knows any more.
    Orphaned,
    /// Somebody changed something behind CloudFormation's back.
    Drifted,
    /// It was put back.
    Healed,
    /// It could not be put back, or was not.
    NotHealed,
    /// A word of a newer agent.
    #[serde(other)]
    Unknown,
}

/// How loudly a report asks to be read; the `severity` attribute of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is wrong.
    Info,
    /// Something waits, or is not known.
    Warning,
    /// Something is wrong.
    Error,
}

impl Severity {
    /// As the attribute spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl State {
    /// How loudly it asks to be read.
    pub fn severity(self) -> Severity {
        match self {
            Self::InSync | Self::Healed | Self::Pending | Self::Applying | Self::Excepted => Severity::Info,
            Self::Unknown | Self::Drifted | Self::Held => Severity::Warning,
            Self::Failed | Self::NeedsAPerson => Severity::Error,
        }
    }
}

/// The largest message that is read, in bytes: what SNS and SQS carry.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// Why a message is not a report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing that large is looked into.
    #[error("the message has {0} bytes, at most {MAX_MESSAGE} are read")]
    TooLarge(usize),
    /// A report of another major version, or another event altogether.
    #[error("the message is of type `{0}`, and `{TYPE}` is read here: a newer agent needs a newer hub")]
    Type(String),
    /// Not the JSON of a report.
    #[error("the message is not a report")]
    Json(#[from] serde_json::Error),
}

/// Reads a message as the event that it should be. Unknown fields and words are of a newer agent and are let pass.
///
/// # Errors
/// When it is too large, of another type or version, or not a report.
pub fn read(message: &[u8]) -> Result<Event, ReadError> {
    /// As much of the envelope as every version has.
    #[derive(Deserialize)]
    struct Envelope<'e> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'e, str>,
    }
    if message.len() > MAX_MESSAGE {
        return Err(ReadError::TooLarge(message.len()));
    }
    // What is none is looked at twice, to say what it is; nearly all are.
    let (kind, event) = match serde_json::from_slice::<Event>(message) {
        Ok(event) => (event.kind.clone().into(), Ok(event)),
        Err(error) => (serde_json::from_slice::<Envelope<'_>>(message)?.kind, Err(error)),
    };
    if kind != TYPE {
        return Err(ReadError::Type(
            kind.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        ));
    }
    Ok(event?)
}

impl Report {
    /// The report in its envelope.
    pub fn into_event(self, time: Timestamp) -> Event {
        Event {
            specversion: "1.0".into(),
            id: format!("{}-{}", self.epoch, self.sequence),
            source: format!("/holdfast/{}", self.account),
            kind: TYPE.into(),
            subject: self.account.clone(),
            time,
            datacontenttype: "application/json".into(),
            data: self,
        }
    }
}
