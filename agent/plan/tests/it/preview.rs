//! What CloudFormation made of a request.

use plan::{
    facts::{ChangeSet, ChangeSetStatus},
    preview::{Outcome, outcome},
};

#[track_caller]
fn check(status: ChangeSetStatus, reason: Option<&str>, expect: Outcome) {
    let set = ChangeSet {
        id: "c".into(),
        stack_id: "s".into(),
        status,
        reason: reason.map(Into::into),
        changes: vec![],
        reverts: false,
    };
    assert_eq!(outcome(&set), expect);
}

#[test]
fn an_empty_list_of_changes_is_not_what_makes_a_change_set_empty() {
    check(ChangeSetStatus::Ready, None, Outcome::Ready);
    check(ChangeSetStatus::Pending, None, Outcome::Pending);
    check(ChangeSetStatus::Gone, None, Outcome::Stale);
}

#[test]
fn nothing_to_change_is_told_from_a_refusal_by_how_the_reason_begins() {
    let none = |reason| check(ChangeSetStatus::Failed, Some(reason), Outcome::NoChanges);
    none("The submitted information didn't contain changes. Submit different information to create a change set.");
    none("No updates are to be performed.");
    let refused = |reason, text: &str| check(ChangeSetStatus::Failed, reason, Outcome::Refused(text.into()));
    refused(
        Some("Template error: No updates are to be performed."),
        "CloudFormation refused the change: Template error: No updates are to be performed",
    );
    refused(None, "CloudFormation refused the change and says nothing about why");
    refused(Some(""), "CloudFormation refused the change and says nothing about why");
}
