//! What was done to a stack, and its events, for a person.

use super::{Ink, Style};
use crate::history::{Done, Seen};
use plan::{
    events::{By, Operation, Outcome},
    quote::unprintable,
};
use std::fmt::Write;

/// Operations, newest first; those of several regions say which.
pub fn operations(done: &[Done], style: Style) -> String {
    if done.is_empty() {
        return "CloudFormation tells of nothing that was done to it in the last 90 days".into();
    }
    let several = done.iter().any(|other| other.region != done[0].region);
    let mut text = String::new();
    for Done { region, operation } in done {
        let Operation { verb, began, ended, outcome, status, by, why } = operation;
        let ink = match outcome {
            Outcome::Done => Ink::Good,
            Outcome::UnderWay => Ink::Change,
            Outcome::Undone | Outcome::Failed => Ink::Bad,
        };
        let took = ended.map(|ended| format!("{:#}", round(ended.duration_since(*began)))).unwrap_or_default();
        let place = if several { format!("{region:14} ") } else { String::new() };
        let outcome = style.paint(ink, &format!("{:9}", outcome.as_str()));
        let _ = writeln!(text, "{began:.0}  {place}{:9} {outcome} {took:>8}  {}", verb.as_str(), author(by));
        let reason = why.as_deref().unwrap_or(status);
        if matches!(ink, Ink::Bad) {
            let _ = writeln!(text, "{}", style.paint(Ink::Dim, &format!("    {}", one_line(reason))));
        }
    }
    text
}

/// Events, oldest first.
pub fn events(seen: &[Seen], style: Style) -> String {
    if seen.is_empty() {
        return "nothing happened in that time".into();
    }
    let width = |of: fn(&Seen) -> usize| seen.iter().map(of).max().unwrap_or_default();
    let (stacks, names) = (width(|seen| seen.stack.len()), width(|seen| seen.event.logical.len()).min(40));
    let mut text = String::new();
    for Seen { region, stack, event } in seen {
        let ink = if event.status.ends_with("_FAILED") {
            Ink::Bad
        } else if event.status.ends_with("_COMPLETE") {
            Ink::Good
        } else {
            Ink::Change
        };
        let status = style.paint(ink, &event.status);
        let reason = event.reason.as_ref().map(|reason| format!("  {}", one_line(reason))).unwrap_or_default();
        let (at, logical) = (event.at, &event.logical);
        let _ = writeln!(text, "{at:.0}  {region:14} {stack:stacks$}  {logical:names$}  {status}{reason}");
    }
    text
}

/// Who did it, and for which commit.
fn author(by: &By) -> String {
    match by {
        By::Commit(commit) => format!("holdfast, for {}", commit.short()),
        By::Heal => "holdfast, to put back what was changed".into(),
        By::Other(Some(token)) => format!("somebody else ({})", one_line(token)),
        By::Other(None) => "somebody else".into(),
    }
}

fn round(time: jiff::SignedDuration) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(time.as_secs())
}

/// What AWS says, as one line without control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if unprintable(c) { ' ' } else { c }).collect()
}
