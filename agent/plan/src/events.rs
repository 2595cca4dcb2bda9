//! What CloudFormation tells of a stack, event by event, put together to what was done to it, by whom, and what came of it.
//!
//! `DescribeStackEvents` is what is read, and not the younger `DescribeEvents`: every event carries the token of the
//! operation that it belongs to, so both know the same, and `ExecuteChangeSet` answers no `OperationId` to ask the other by.
//! Ours carry the commit that they were done for ([`crate::guard::token`]).
//!
//! Not here: what becomes of an operation that is remembered ([`crate::watch`]).

use crate::{
    facts::{FailedEvent, StackEvent},
    guard::HEAL,
    watch::root_cause,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use jiff::Timestamp;
use manifests::id::CommitId;
use serde::Serialize;

/// One thing that was done to a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// What.
    pub verb: Verb,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` while it goes on.
    pub ended: Option<Timestamp>,
    /// What came of it.
    pub outcome: Outcome,
    /// CloudFormation's word for how it left the stack.
    pub status: String,
    /// Who did it.
    pub by: By,
    /// Why it did not work, if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What was done to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It was made.
    Create,
    /// It was changed.
    Update,
    /// It was deleted.
    Delete,
    /// Resources were taken into it.
    Import,
    /// It was sent back to where it had been (`ContinueUpdateRollback`, `RollbackStack`).
    RollBack,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It went well.
    Done,
    /// It did not, and was taken back.
    Undone,
    /// It did not, and was not taken back.
    Failed,
    /// It goes on.
    UnderWay,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// An agent, for this commit.
    Commit(CommitId),
    /// An agent, to put back what somebody changed.
    Heal,
    /// Somebody else, with this token if any.
    Other(Option<String>),
}

impl Verb {
    /// As it is said of something that was done.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Import => "import",
            Self::RollBack => "roll back",
        }
    }

    /// What a stack says of itself when this begins.
    fn begun_with(status: &str) -> Option<Self> {
        Some(match status {
            "CREATE_IN_PROGRESS" => Self::Create,
            "UPDATE_IN_PROGRESS" => Self::Update,
            "DELETE_IN_PROGRESS" => Self::Delete,
            "IMPORT_IN_PROGRESS" => Self::Import,
            _ => return None,
        })
    }
}

impl Outcome {
    /// As it is said to a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Failed => "failed",
            Self::UnderWay => "under way",
        }
    }

    fn of(verb: Verb, status: &str) -> Self {
        let back = status.contains("ROLLBACK");
        if status.ends_with("_IN_PROGRESS") {
            Self::UnderWay
        } else if status.ends_with("_FAILED") {
            Self::Failed
        } else if back && verb != Verb::RollBack {
            Self::Undone
        } else {
            Self::Done
        }
    }
}

impl By {
    /// Whoever gave an operation this token: ours are `holdfast-<digest>-<commit>`, and those of heals begin with [`HEAL`].
    fn of(token: Option<&str>) -> Self {
        if token.is_some_and(|token| token.starts_with(HEAL)) {
            return Self::Heal;
        }
        let commit = token.and_then(|token| token.strip_prefix("holdfast-")?.split_once('-')?.1.parse().ok());
        match commit {
            Some(commit) => Self::Commit(commit),
            None => Self::Other(token.map(ToString::to_string)),
        }
    }
}

/// The failed events of one operation, oldest first; where nothing failed, why the stack went back all the same. An
/// emulator that copies no token gives all of the newest operation: those since the stack itself was last said to begin
/// something.
pub fn failed(newest_first: &[StackEvent], token: &str) -> Vec<FailedEvent> {
    let of = |event: &StackEvent| event.token.as_deref() == Some(token);
    let ours: Vec<&StackEvent> = match newest_first.iter().any(of) {
        true => newest_first.iter().filter(|event| of(event)).collect(),
        false => newest_first.iter().take_while(|event| !begins(event)).collect(),
    };
    causes(ours.into_iter().rev())
}

/// Everything that was done to a stack, newest first. What began before the oldest event is left out.
pub fn operations(newest_first: &[StackEvent]) -> Vec<Operation> {
    let mut all: Vec<(Operation, Vec<&StackEvent>)> = Vec::new();
    for event in newest_first.iter().rev() {
        if let Some(verb) = begun(event, all.last()) {
            let operation = Operation {
                verb,
                began: event.at,
                ended: None,
                outcome: Outcome::UnderWay,
                status: event.status.clone(),
                by: By::of(event.token.as_deref()),
                why: None,
            };
            all.push((operation, Vec::new()));
        }
        let Some((operation, events)) = all.last_mut() else { continue };
        events.push(event);
        if event.itself {
            operation.status.clone_from(&event.status);
            operation.outcome = Outcome::of(operation.verb, &event.status);
            operation.ended = (operation.outcome != Outcome::UnderWay).then_some(event.at);
        }
    }
    let told = |(operation, events): (Operation, Vec<&StackEvent>)| {
        let reason = events.iter().rev().find(|event| event.itself).and_then(|event| event.reason.as_deref());
        let why = match operation.outcome {
            Outcome::Undone | Outcome::Failed => {
                Some(root_cause(&operation.status, reason, &causes(events.iter().copied())))
            }
            Outcome::Done | Outcome::UnderWay => None,
        };
        Operation { why, ..operation }
    };
    all.into_iter().rev().map(told).collect()
}

/// What begins with this event, after that operation.
fn begun(event: &StackEvent, last: Option<&(Operation, Vec<&StackEvent>)>) -> Option<Verb> {
    if !event.itself {
        return None;
    }
    if let Some(verb) = Verb::begun_with(&event.status) {
        return Some(verb);
    }
    // A change that goes back by itself does so under its own token, before it has ended.
    let by_itself = last.is_some_and(|(operation, events)| {
        operation.ended.is_none() && events.first().is_some_and(|first| first.token == event.token)
    });
    (is_back(event) && !by_itself).then_some(Verb::RollBack)
}

/// What went wrong, oldest first, in events of one operation, oldest first.
fn causes<'a>(oldest_first: impl Iterator<Item = &'a StackEvent> + Clone) -> Vec<FailedEvent> {
    let failed: Vec<FailedEvent> = oldest_first.clone().filter(|event| is_failure(event)).map(told).collect();
    // A rollback trigger fails no resource: only the stack itself says why it goes back.
    let told_why = |event: &&StackEvent| {
        event.itself && is_back(event) && event.reason.as_deref().is_some_and(|reason| reason != "User Initiated")
    };
    if failed.is_empty() { oldest_first.filter(told_why).map(told).collect() } else { failed }
}

/// Whether an operation (not its rollback) begins with this event.
fn begins(event: &StackEvent) -> bool {
    event.itself && Verb::begun_with(&event.status).is_some_and(|verb| verb != Verb::Import)
}

fn is_failure(event: &StackEvent) -> bool {
    matches!(event.status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED" | "DELETE_FAILED")
}

fn is_back(event: &StackEvent) -> bool {
    matches!(
        event.status.as_str(),
        "ROLLBACK_IN_PROGRESS" | "UPDATE_ROLLBACK_IN_PROGRESS" | "IMPORT_ROLLBACK_IN_PROGRESS"
    )
}

fn told(event: &StackEvent) -> FailedEvent {
    FailedEvent {
        at: event.at,
        logical: event.logical.clone(),
        kind: event.kind.clone(),
        reason: event.reason.clone().unwrap_or_default(),
        path: None,
    }
}
