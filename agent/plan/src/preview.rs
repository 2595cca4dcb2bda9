//! What CloudFormation made of a request: a change set to judge, nothing to do, or a refusal in words.

use crate::{
    facts::{ChangeSet, ChangeSetStatus},
    quote::quote,
    step::Step,
};
use alloc::{format, string::String, vec::Vec};
use manifests::stack::Stack;

/// A step's change set as CloudFormation described it: plainly, all pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its manifest.
    pub manifest: &'a Stack,
    /// The change set.
    pub set: ChangeSet,
    /// What rewrites its template (`Transform`, `Fn::Transform`), by name.
    pub transforms: Vec<String>,
}

/// How a change set came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Still being made.
    Pending,
    /// Made, to be judged.
    Ready,
    /// The stack is what is asked already.
    NoChanges,
    /// The request is wrong, in CloudFormation's words; it stays wrong until the commit changes.
    Refused(String),
    /// It can't be executed any more, because the stack has moved since.
    Stale,
}

/// How a change set came out. A failed one has several meanings, told apart by the beginning of the reason alone: an
/// empty list of changes is no sign, because a change of outputs has one too.
pub fn outcome(set: &ChangeSet) -> Outcome {
    // The first is CloudFormation's sentence, the second its sentence where a transform is involved.
    const NO_CHANGES: [&str; 2] =
        ["The submitted information didn't contain changes", "No updates are to be performed"];
    match set.status {
        ChangeSetStatus::Pending => Outcome::Pending,
        ChangeSetStatus::Ready => Outcome::Ready,
        ChangeSetStatus::Gone => Outcome::Stale,
        ChangeSetStatus::Failed => match set.reason.as_deref().filter(|reason| !reason.is_empty()) {
            Some(reason) if NO_CHANGES.iter().any(|none| reason.starts_with(none)) => Outcome::NoChanges,
            Some(reason) => Outcome::Refused(format!("CloudFormation refused the change: {}", quote(reason))),
            None => Outcome::Refused("CloudFormation refused the change and says nothing about why".into()),
        },
    }
}
