//! When an account counts as ready: after its first good turn, and what whoever made the account is told then.
//!
//! A turn is good when every stack is as the commit in force says and the hub has heard it. Until then whoever waits goes on
//! waiting: most of what is in the way ends by itself, or with somebody's help. Told at once is only what needs a person or
//! another commit; and what has not come to a good end when most of the time is over, with what was in the way, because a
//! wait that just ends says nothing.
//!
//! Not here: where it is kept, who waits, and how they are told (the shell's business); nor how the account stands later: an
//! account that was ready once is looked after by its hub.

use crate::{
    memory::Memory,
    quote::quote,
    step::{Plan, Stand},
    tell,
    why::Why,
};
use alloc::{
    format,
    string::{String, ToString},
};
use jiff::{SignedDuration, Timestamp};
use manifests::{id::CommitId, report::Report};
use serde::{Deserialize, Serialize};

/// What is kept of it, for the agent, and for whoever asks the account whether it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// How far it is.
    pub state: Stage,
    /// Since when it is so.
    pub at: Timestamp,
    /// When the first turn was that counts.
    pub began: Timestamp,
    /// The commit of the first good turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The agent that made the last turn that changed any of this.
    pub version: String,
    /// What was in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// A name for whoever waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// What they were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signalled: Option<Signalled>,
}

/// How far an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// No turn was good so far.
    Waiting,
    /// One was.
    Ready,
    /// None was, and none will be without somebody's doing.
    Failed,
}

/// What whoever waits was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signalled {
    /// What.
    pub status: Status,
    /// When.
    pub at: Timestamp,
    /// Why it was not taken, where it was not: then nobody waits there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// CloudFormation's words for how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Well.
    Success,
    /// Not.
    Failure,
}

/// What a wait condition's handle takes (CloudFormation User Guide, "Create wait conditions in a CloudFormation template").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Signal {
    /// How it went.
    pub status: Status,
    /// Why, in a sentence.
    pub reason: String,
    /// Always the same: who signals again, because nobody knows that it has, is not counted twice.
    pub unique_id: &'static str,
    /// The commit.
    pub data: String,
}

/// Whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting<'a> {
    /// A name for them: what was told to others says nothing of these.
    pub name: &'a str,
    /// For how long.
    pub within: SignedDuration,
}

/// A turn that has come to its end.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// What it told, or would have.
    pub report: &'a Report,
    /// Its last plan.
    pub plan: &'a Plan,
    /// What is remembered after it.
    pub memory: &'a Memory,
    /// Whoever waits.
    pub waiting: Option<Waiting<'a>>,
    /// The agent's version.
    pub version: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// How ready the account is after this turn.
pub fn after(known: Option<&Ready>, turn: &Turn<'_>) -> Ready {
    let waiting = turn.waiting.map(|waiting| waiting.name);
    let new = Ready {
        state: Stage::Waiting,
        at: turn.now,
        began: turn.now,
        commit: None,
        version: turn.version.to_string(),
        why: None,
        waiting: waiting.map(ToString::to_string),
        signalled: None,
    };
    let known = known.filter(|known| known.waiting.as_deref() == waiting).cloned().unwrap_or(new);
    let is_this = known.version == turn.version;
    match (known.state, commit(turn), over(&known, turn)) {
        // The same again, by another version: whoever asks hears which one has proved itself.
        (Stage::Ready, Some(_), _) if is_this => known,
        (Stage::Ready, None, _) => known,
        (Stage::Waiting | Stage::Failed | Stage::Ready, Some(commit), _) => Ready {
            state: Stage::Ready,
            at: turn.now,
            commit: Some(commit.clone()),
            version: turn.version.to_string(),
            why: None,
            ..known
        },
        (Stage::Waiting, None, Some(why)) => Ready { state: Stage::Failed, at: turn.now, why: Some(why), ..known },
        (Stage::Waiting | Stage::Failed, None, _) => known,
    }
}

/// The commit that every stack has reached, if the turn was good.
fn commit<'a>(turn: &Turn<'a>) -> Option<&'a CommitId> {
    let source = &turn.report.source;
    let reached = source.applied.is_some() && source.applied == source.attempted && source.trouble.is_none();
    turn.memory.applied.as_ref().filter(|_| reached && turn.report.state.is_settled() && heard(turn))
}

/// Whether the hub has heard how the account stands.
fn heard(turn: &Turn<'_>) -> bool {
    turn.memory.told.as_ref().is_some_and(|told| told.said == tell::said(turn.report))
}

/// Why there is no use in waiting, if there is none: at once what needs a person or another commit, once the hub has heard of
/// it; the rest when three quarters of the time are over.
fn over(known: &Ready, turn: &Turn<'_>) -> Option<String> {
    let late = turn.waiting.is_some_and(|waiting| turn.now.duration_since(known.began) >= waiting.within / 4 * 3);
    if turn.plan.rows.values().any(|row| matches!(&row.stand, Stand::Not(why) if is_final(why))) && heard(turn) {
        return Some(sentence(turn.report));
    }
    late.then(|| match heard(turn) {
        true => sentence(turn.report),
        false => format!("the hub could not be told that: {}", sentence(turn.report)),
    })
}

/// What is in the way.
fn sentence(report: &Report) -> String {
    let why = report.why.as_deref().unwrap_or("no turn came to a good end");
    format!("{}: {}", report.state.as_str(), quote(why))
}

/// Whether this ends only with a person, or with another commit.
fn is_final(why: &Why) -> bool {
    match why {
        Why::Failed { .. } | Why::Stuck { .. } | Why::Conflict { .. } | Why::Recreated { .. } | Why::Nested => true,
        Why::Applying { .. }
        | Why::Late { .. }
        | Why::Busy { .. }
        | Why::ForSeat
        | Why::ForStack { .. }
        | Why::ForManifest { .. }
        | Why::ForOthers
        | Why::ForRetry { .. }
        | Why::OnHold { .. }
        | Why::RolledBack(_)
        | Why::ForWindow { .. }
        | Why::Leaving { .. }
        | Why::Fenced(_)
        | Why::Closed(_)
        | Why::Suspended { .. }
        | Why::Kept { .. }
        | Why::NotPruned { .. }
        | Why::Held(_)
        | Why::NoLabel { .. }
        | Why::NoParameter { .. }
        | Why::NoOutput { .. }
        | Why::NotHere { .. }
        | Why::Broken(_)
        | Why::Protected { .. }
        | Why::Flapping { .. }
        | Why::UnknownStatus(_)
        | Why::ForBudget { .. }
        | Why::ForTurn { .. }
        | Why::Health(_)
        | Why::Refused(_)
        | Why::Denied(_)
        | Why::Trouble(_)
        | Why::Unreadable { .. } => false,
    }
}

impl Ready {
    /// What there is to tell whoever waits, if they have not been told yet. They are told once: what comes after a failure is
    /// no business of theirs.
    pub fn signal(&self) -> Option<Signal> {
        self.waiting.as_ref().filter(|_| self.signalled.is_none())?;
        let data = self.commit.as_ref().map(ToString::to_string).unwrap_or_default();
        let signal = |status, reason| Signal { status, reason, unique_id: "holdfast", data: data.clone() };
        match self.state {
            Stage::Waiting => None,
            Stage::Ready => Some(signal(Status::Success, format!("the account is in sync with commit {data}"))),
            Stage::Failed => Some(signal(Status::Failure, self.why.clone().unwrap_or_default())),
        }
    }

    /// The same, once they were told.
    #[must_use]
    pub fn told(self, status: Status, at: Timestamp, refused: Option<String>) -> Self {
        Self { signalled: Some(Signalled { status, at, refused }), ..self }
    }

    /// Whether an agent of this version has nothing more to do about it.
    pub fn is_over(&self, version: &str, waiting: Option<&str>) -> bool {
        let told = self.waiting.is_none() || self.signalled.is_some();
        self.state == Stage::Ready && self.version == version && self.waiting.as_deref() == waiting && told
    }
}
