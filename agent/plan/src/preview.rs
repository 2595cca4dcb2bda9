//! What CloudFormation made of a request: a change set to judge, nothing to do, or a refusal in words.

use crate::{
    facts::{ChangeSet, ChangeSetStatus, FailedEvent, FailedHook},
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
            Some(reason) => Outcome::Refused(refused(reason, &[])),
            None => Outcome::Refused("CloudFormation refused the change and says nothing about why".into()),
        },
    }
}

/// Where it stands what is wrong with a change set that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Details {
    /// In its own reason.
    Reason,
    /// In the events of its early validation.
    Validation,
    /// In the results of hooks.
    Hooks,
    /// In the reason of the nested change set of this ARN.
    Nested(String),
}

/// Where it stands what is wrong with a change set that failed: its reason only says that something is, in words that
/// the CDK's diagnosis of a failed deployment goes by too.
pub fn details(set: &ChangeSet) -> Details {
    let reason = set.reason.as_deref().unwrap_or_default();
    // What is nested comes first: the outer reason quotes the inner one, whatever that is.
    if let Some((_, nested)) = reason.split_once("Nested change set ")
        && let Some(arn) = nested.split_whitespace().next().filter(|arn| arn.starts_with("arn:") && *arn != set.id)
    {
        return Details::Nested(arn.into());
    }
    if reason.contains("AWS::EarlyValidation") {
        return Details::Validation;
    }
    if reason.to_ascii_lowercase().contains("hook") {
        return Details::Hooks;
    }
    Details::Reason
}

/// Why a change was refused, as one sentence: what is wrong with it, or the reason where nobody says more.
pub fn refused(reason: &str, details: &[String]) -> String {
    const SHOWN: usize = 3;
    if details.is_empty() {
        return format!("CloudFormation refused the change: {}", quote(reason));
    }
    let more = details.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let shown: Vec<&str> = details.iter().take(SHOWN).map(String::as_str).collect();
    format!("CloudFormation refused the change: {}{more}", shown.join("; "))
}

/// What early validation found, in one sentence.
pub fn found_early(event: &FailedEvent) -> String {
    let place = event.path.as_ref().map(|path| format!(" at {}", quote(path))).unwrap_or_default();
    format!("{} ({}){place}: {}", event.logical, event.kind, quote(&event.reason))
}

/// What a hook says, in one sentence.
pub fn found_by(hook: &FailedHook) -> String {
    let why = hook.reason.as_deref().map_or_else(|| "it does not say why".into(), quote);
    format!("the hook {} forbids it: {why}", quote(&hook.hook))
}
