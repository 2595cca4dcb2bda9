//! What events of a stack say was done to it.

use crate::table::at;
use plan::{
    events::{Operation, failed, operations},
    facts::StackEvent,
};

/// Events, oldest first, as lines: `token logical STATUS reason`; `stack` is the stack itself, `-` is no token.
fn events(text: &str) -> Vec<StackEvent> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate();
    let mut events: Vec<StackEvent> = lines.map(|(minute, line)| event(minute, line)).collect();
    events.reverse();
    events
}

fn event(minute: usize, line: &str) -> StackEvent {
    let mut words = line.splitn(4, ' ');
    let mut next = || words.next().map(ToOwned::to_owned);
    let mut word = || next().unwrap_or_default();
    let (token, logical, status) = (word(), word(), word());
    let reason = next();
    let itself = logical == "stack";
    StackEvent {
        at: at(minute as i64),
        physical: Some(format!("the-{logical}")),
        kind: if itself { "AWS::CloudFormation::Stack" } else { "AWS::SNS::Topic" }.into(),
        logical,
        status,
        reason,
        token: (token != "-").then_some(token),
        itself,
    }
}

const OURS: &str = "holdfast-0123-c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff";

/// `update done UPDATE_COMPLETE by c0ffeec: why`.
fn told(operation: &Operation) -> String {
    let by = match &operation.by {
        plan::events::By::Commit(commit) => commit.short().to_owned(),
        plan::events::By::Heal => "a heal".into(),
        plan::events::By::Other(token) => token.clone().unwrap_or_else(|| "somebody".into()),
    };
    let why = operation.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let Operation { verb, outcome, status, .. } = operation;
    format!("{} {} {status} by {by}{why}", verb.as_str(), outcome.as_str())
}

#[track_caller]
fn check(text: &str, newest_first: &[&str]) {
    let found = operations(&events(&text.replace("OURS", OURS)));
    assert_eq!(found.iter().map(told).collect::<Vec<_>>(), newest_first);
}

#[test]
fn a_stack_that_is_made_and_changed_has_two_operations() {
    check(
        "OURS stack REVIEW_IN_PROGRESS User Initiated
         OURS stack CREATE_IN_PROGRESS User Initiated
         OURS Topic CREATE_COMPLETE
         OURS stack CREATE_COMPLETE
         Console-1 stack UPDATE_IN_PROGRESS User Initiated
         Console-1 Topic UPDATE_COMPLETE
         Console-1 stack UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
         Console-1 stack UPDATE_COMPLETE",
        &["update done UPDATE_COMPLETE by Console-1", "create done CREATE_COMPLETE by c0ffeec"],
    );
}

#[test]
fn a_change_that_goes_back_is_one_operation_with_its_cause() {
    check(
        "OURS stack UPDATE_IN_PROGRESS User Initiated
         OURS Queue UPDATE_FAILED Resource update cancelled
         OURS Topic UPDATE_FAILED no topics today
         OURS stack UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Topic].
         OURS stack UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
         OURS stack UPDATE_ROLLBACK_COMPLETE",
        &[
            "update undone UPDATE_ROLLBACK_COMPLETE by c0ffeec: UPDATE_ROLLBACK_COMPLETE: Topic (AWS::SNS::Topic): no topics today",
        ],
    );
}

#[test]
fn a_rollback_that_somebody_goes_on_with_is_an_operation_of_its_own() {
    check(
        "OURS stack UPDATE_IN_PROGRESS
         OURS stack UPDATE_ROLLBACK_IN_PROGRESS
         OURS Topic UPDATE_FAILED stuck
         OURS stack UPDATE_ROLLBACK_FAILED
         - stack UPDATE_ROLLBACK_IN_PROGRESS User Initiated
         - stack UPDATE_ROLLBACK_COMPLETE",
        &[
            "roll back done UPDATE_ROLLBACK_COMPLETE by somebody",
            "update failed UPDATE_ROLLBACK_FAILED by c0ffeec: UPDATE_ROLLBACK_FAILED: Topic (AWS::SNS::Topic): stuck",
        ],
    );
}

#[test]
fn what_goes_on_has_no_end_and_what_began_before_the_first_event_is_left_out() {
    check(
        "OURS Topic UPDATE_COMPLETE
         OURS stack UPDATE_COMPLETE
         - stack DELETE_IN_PROGRESS User Initiated",
        &["delete under way DELETE_IN_PROGRESS by somebody"],
    );
    assert_eq!(operations(&events("- stack DELETE_IN_PROGRESS"))[0].ended, None);
}

#[track_caller]
fn causes(text: &str, expect: &[&str]) {
    let found = failed(&events(&text.replace("OURS", OURS)), OURS);
    assert_eq!(found.iter().map(|event| event.reason.as_str()).collect::<Vec<_>>(), expect);
}

#[test]
fn what_failed_is_told_oldest_first_and_of_this_operation_only() {
    let before =
        "other stack UPDATE_IN_PROGRESS\nother A UPDATE_FAILED not this\nother stack UPDATE_ROLLBACK_COMPLETE\n";
    let ours = "OURS stack UPDATE_IN_PROGRESS\nOURS B UPDATE_FAILED first\nOURS C CREATE_FAILED second";
    causes(&format!("{before}{ours}"), &["first", "second"]);
}

#[test]
fn where_nothing_failed_the_stack_says_why_it_went_back() {
    causes(
        "OURS stack UPDATE_IN_PROGRESS User Initiated
         OURS stack UPDATE_ROLLBACK_IN_PROGRESS Rollback triggered by alarm",
        &["Rollback triggered by alarm"],
    );
    causes("OURS stack ROLLBACK_IN_PROGRESS User Initiated", &[]);
}

#[test]
fn without_tokens_the_newest_operation_is_meant() {
    causes(
        "- stack UPDATE_IN_PROGRESS
         - A UPDATE_FAILED long ago
         - stack UPDATE_ROLLBACK_COMPLETE
         - stack UPDATE_IN_PROGRESS
         - B UPDATE_FAILED now",
        &["now"],
    );
}
