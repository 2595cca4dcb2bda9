//! What a policy says, question by question.

use super::*;

fn permissions(identity: &str, boundary: Option<&str>) -> Permissions {
    Permissions {
        policies: vec![Policy::parse(identity).unwrap()],
        boundary: boundary.map(|text| Policy::parse(text).unwrap()),
    }
}

fn policy(statements: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#)
}

#[track_caller]
fn check(statements: &str, question: &Question, expect: Decision) {
    assert_eq!(permissions(&policy(statements), None).decide(question), expect, "{question:?}");
}

const READ: &str = r#"{"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "arn:aws:s3:::mine/*"}"#;

#[test]
fn what_nobody_allows_is_not_allowed_and_what_somebody_denies_is_denied() {
    let get = Question::new("s3:GetObject", "arn:aws:s3:::mine/a");
    check(READ, &get, Decision::Allowed);
    check(READ, &Question::new("s3:PutObject", "arn:aws:s3:::mine/a"), Decision::NotAllowed);
    check(READ, &Question::new("s3:GetObject", "arn:aws:s3:::theirs/a"), Decision::NotAllowed);
    let deny = format!(r#"{READ}, {{"Effect": "Deny", "NotAction": "s3:Put*", "Resource": "*"}}"#);
    check(&deny, &get, Decision::Denied);
}

#[test]
fn a_boundary_allows_nothing_and_everything_has_to_be_within_it() {
    let get = Question::new("s3:GetObject", "arn:aws:s3:::mine/a");
    let inside = policy(r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#);
    let outside = policy(r#"{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}"#);
    assert_eq!(permissions(&policy(READ), Some(&inside)).decide(&get), Decision::Allowed);
    assert_eq!(permissions(&policy(READ), Some(&outside)).decide(&get), Decision::OutOfBounds);
    assert_eq!(permissions(&outside, Some(&inside)).decide(&get), Decision::NotAllowed);
}

#[track_caller]
fn meets(condition: &str, expect: bool) {
    let statement = format!(r#"{{"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": {condition}}}"#);
    let question = Question::new("a:B", "*").with("aws:RequestTag/Owner", "me").with("aws:TagKeys", "Owner");
    let question = question.with("aws:TagKeys", "Team").with("a:Role", "arn:aws:iam::1:role/x/y");
    let expect = if expect { Decision::Allowed } else { Decision::NotAllowed };
    check(&statement, &question.with("aws:PrincipalAccount", "me"), expect);
}

#[test]
fn conditions_have_to_be_met_all_of_them_by_any_of_their_values() {
    meets(r#"{"StringEquals": {"aws:requesttag/Owner": "me"}}"#, true);
    meets(r#"{"StringEquals": {"aws:RequestTag/Owner": ["you", "me"]}}"#, true);
    meets(r#"{"StringEquals": {"aws:RequestTag/Owner": "me", "a:Missing": "x"}}"#, false);
    meets(r#"{"StringEqualsIfExists": {"a:Missing": "x"}}"#, true);
    meets(r#"{"StringNotEquals": {"a:Missing": "x"}}"#, true);
    meets(r#"{"StringNotEquals": {"aws:RequestTag/Owner": ["me", "you"]}}"#, false);
    meets(r#"{"StringLike": {"aws:RequestTag/Owner": "m*"}}"#, true);
    meets(r#"{"ArnLike": {"a:Role": "arn:aws:iam::*:role/x/*"}}"#, true);
    meets(r#"{"ArnLike": {"a:Role": "arn:aws:iam::2:role/x/*"}}"#, false);
    meets(r#"{"Null": {"a:Missing": "true"}}"#, true);
    meets(r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["Owner", "Team", "More"]}}"#, true);
    meets(r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "Owner"}}"#, false);
    meets(r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": "Owner"}}"#, true);
    meets(r#"{"StringEquals": {"aws:RequestTag/Owner": "${aws:PrincipalAccount}"}}"#, true);
    meets(r#"{"StringEquals": {"aws:RequestTag/Owner": "${aws:Missing}"}}"#, false);
}

#[test]
fn what_is_not_understood_is_no_policy() {
    let refused = |text: &str| Policy::parse(text).unwrap_err().to_string();
    assert!(
        refused(&policy(r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}"#))
            .contains("Principal")
    );
    let condition = r#"{"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Like": {}}}"#;
    assert!(refused(&policy(condition)).starts_with("statement A: the condition Like"));
    assert!(refused(&policy(r#"{"Effect": "Allow", "Action": "*"}"#)).contains("its resources"));
    assert!(refused(r#"{"Version": "2008-10-17", "Statement": []}"#).contains("version"));
    assert!(refused("[]").contains("no object"));
}
