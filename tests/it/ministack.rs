//! The shipped agent against accounts that somebody else simulates: ministack, from PyPI, pinned, in an environment that
//! this test makes itself. The second opinion: where our own accounts are wrong about AWS, so would be every other test.
//!
//! It runs inside a wrapper of ours ([`strict`]), which refuses to change a stack that is busy or never came up, knows
//! which change set a stack was last given, and heals drift. What it can't show, and [`crate::shipped`] has to: change
//! sets that take time or have several pages; values in a change set; throttling, lost answers and every other fault.
//! Nothing that passes here is thereby so on AWS.

mod account;
mod bootstrap;
mod contract;
mod drift;
mod forms;
mod hub_stack;
mod lambda;
mod organization;
mod policy;
mod proof;
mod strict;

use crate::{
    binary::until,
    site::{manifest, parameter, table},
};
use account::Account;
use manifests::report::{State, What};
use serde_json::Value;

#[test]
fn one_turn_makes_everything_and_the_next_one_writes_nothing() {
    let Some(account) = Account::new() else { return };
    account.write("base", "", &parameter("base", "first"));
    account.write("top", "parameters: {Value: {output: {stack: base, key: Value}}}", &parameter("top", "one"));
    account.repository.commit();
    let turn = account.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["base", "top"]);
    assert_eq!(account.operator.parameter("/top").as_deref(), Some("first"));
    let turn = account.once().expect(State::InSync, 0);
    let calls: Vec<&str> = turn.report.calls.keys().map(String::as_str).collect();
    assert_eq!(calls, ["cloudformation:DescribeStacks", "ssm:GetParameters", "sts:GetCallerIdentity"]);
}

#[test]
fn a_change_is_made_and_a_replacement_is_held_until_it_is_spelled_out() {
    let Some(account) = Account::new() else { return };
    account.write("stack", "", &parameter("stack", "one"));
    account.write("kept", "", &table("Id"));
    account.repository.commit();
    account.once().expect(State::InSync, 0);
    account.operator.guardrails("{types: {neverReplaced: []}}");
    account.write("stack", "parameters: {Value: two}", &parameter("stack", "one"));
    account.write("kept", "", &table("Name"));
    account.repository.commit();
    let turn = account.once().expect(State::Held, 3);
    assert_eq!((turn.happened(What::Updated), turn.happened(What::Held)), (vec!["stack"], vec!["kept"]));
    assert!(turn.why("kept").contains("would replace Table (AWS::DynamoDB::Table)"), "{turn:#?}");
    assert_eq!(account.operator.parameter("/stack").as_deref(), Some("two"));
    account.write("kept", "allow: [{replace: Table}]", &table("Name"));
    account.repository.commit();
    assert_eq!(account.once().expect(State::InSync, 0).happened(What::Updated), ["kept"]);
}

#[test]
fn a_creation_that_fails_is_cleared_away_and_made_again() {
    let Some(account) = Account::new() else { return };
    account.operator.put("/stack", "String", "somebody else's");
    account.write("stack", "", &parameter("stack", "one"));
    account.write("other", "", &parameter("other", "one"));
    account.repository.commit();
    let turn = account.once().expect(State::Failed, 1);
    assert_eq!((turn.happened(What::Failed), turn.state("other")), (vec!["stack"], State::InSync));
    assert!(turn.why("stack").starts_with("ROLLBACK_COMPLETE: Parameter (AWS::SSM::Parameter): "), "{turn:#?}");
    assert_eq!(account.operator.parameter("/stack").as_deref(), Some("somebody else's"));
    account.operator.ssm("DeleteParameter", &serde_json::json!({ "Name": "/stack" }));
    let turn = account.once_with(&["--retry-after", "0s"]).expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["stack"]);
    assert_eq!(account.operator.parameter("/stack").as_deref(), Some("one"));
}

#[test]
fn an_update_that_fails_is_really_undone() {
    let Some(account) = Account::new() else { return };
    let template = |value: &str, more: &str| {
        format!(
            "Resources:\n  First: {{Type: AWS::SSM::Parameter, Properties: {{Name: /first, Type: String, Value: {value}}}}}\n{more}"
        )
    };
    account.write("stack", "", &template("one", ""));
    account.repository.commit();
    account.once().expect(State::InSync, 0);
    account.operator.put("/taken", "String", "somebody else's");
    let taken =
        "  Second: {Type: AWS::SSM::Parameter, DependsOn: First, Properties: {Name: /taken, Type: String, Value: x}}\n";
    account.write("stack", "", &template("two", taken));
    account.repository.commit();
    let turn = account.once().expect(State::Failed, 1);
    assert!(turn.why("stack").starts_with("UPDATE_ROLLBACK_COMPLETE: Second (AWS::SSM::Parameter): "), "{turn:#?}");
    assert_eq!(account.operator.parameter("/first").as_deref(), Some("one"));
    account.write("stack", "", &template("one", ""));
    account.repository.commit();
    account.once().expect(State::InSync, 0);
    assert_eq!(account.operator.parameter("/first").as_deref(), Some("one"));
}

#[test]
fn a_stack_whose_manifest_left_stays_unless_it_said_that_it_may_go() {
    let Some(account) = Account::new() else { return };
    account.operator.guardrails("{prune: {grace: 0s, shrink: 100}}");
    for (name, spec) in [("stays", ""), ("kept", ""), ("goes", "prune: true\ndeletionPolicy: delete")] {
        account.write(name, spec, &parameter(name, "one"));
    }
    account.repository.commit();
    account.once().expect(State::InSync, 0);
    account.repository.remove("kept.yaml");
    account.repository.remove("goes.yaml");
    account.repository.commit();
    let turn = account.once().expect(State::Excepted, 0);
    assert_eq!((turn.happened(What::Deleted), turn.state("kept")), (vec!["goes"], State::Excepted));
    assert_eq!(account.operator.parameter("/goes"), None);
    assert_eq!(account.operator.parameter("/kept").as_deref(), Some("one"));
}

#[test]
fn a_plan_leaves_nothing_behind() {
    let Some(account) = Account::new() else { return };
    account.write("stack", "", &parameter("stack", "one"));
    account.repository.commit();
    let ran = account.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert_eq!(account.operator.status("stack"), None);
    account.once().expect(State::InSync, 0);
    assert_eq!(account.run(&["plan", "--detailed-exitcode"]).code, Some(0));
}

#[test]
fn reports_arrive_at_the_hub() {
    let Some(account) = Account::new() else { return };
    let topic = account.hub();
    account.repository.write("stack.yaml", manifest("stack", ""));
    account.repository.write("stack.template", parameter("stack", "one"));
    account.repository.commit();
    let turn = account.once_with(&["--topic", &topic]).expect(State::InSync, 0);
    let watched = account.watch();
    let all: Vec<Value> = watched.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (picture, news) = all.split_last().unwrap();
    assert_eq!(news.len(), 2, "accepted and created: {watched}");
    let row = &picture["accounts"][0];
    assert_eq!((row["account"].as_str(), row["state"].as_str()), (Some(turn.report.account.as_str()), Some("in-sync")));
}

#[test]
fn people_hold_pin_approve_and_send_back() {
    let Some(account) = Account::new() else { return };
    let say = |arguments: &[&str]| {
        let ran = account.run(&[arguments, &["--reason", "r"]].concat());
        assert_eq!(ran.code, Some(0), "{ran:#?}");
    };
    let value = || account.operator.parameter("/stack").unwrap();
    account.write("stack", "", &parameter("stack", "one"));
    let first = account.repository.commit();
    account.once().expect(State::InSync, 0);
    account.write("stack", "parameters: {Value: two}", &parameter("stack", "one"));
    account.repository.commit();
    say(&["hold", "stack", "--for", "1h"]);
    assert_eq!((account.once().expect(State::Excepted, 0).state("stack"), value()), (State::Excepted, "one".into()));
    assert_eq!(account.run(&["release", "stack"]).code, Some(0));
    account.once().expect(State::InSync, 0);
    assert_eq!(value(), "two");
    say(&["rollback", "stack", &first, "--for", "1h"]);
    assert_eq!(account.once().expect(State::Excepted, 0).happened(What::Recovered), ["stack"]);
    assert_eq!(value(), "one");
    account.once().expect(State::Excepted, 0);
    assert_eq!(account.run(&["unpin", "stack"]).code, Some(0));
    account.once().expect(State::InSync, 0);
    say(&["pin", &first, "--for", "1h"]);
    account.once().expect(State::InSync, 0);
    assert_eq!(value(), "one");
    assert_eq!(account.run(&["unpin"]).code, Some(0));
    account.write(
        "stack",
        "parameters: {Value: two}",
        "Resources: {Q: {Type: AWS::SQS::Queue}}\nParameters: {Value: {Type: String}}\n",
    );
    account.repository.commit();
    let turn = account.once().expect(State::Held, 3);
    say(&["approve", turn.stack("stack").plan.as_ref().unwrap()]);
    account.once().expect(State::InSync, 0);
    assert_eq!(account.operator.parameter("/stack"), None);
    let history: Value = serde_json::from_str(&account.run(&["history", "stack", "-o", "json"]).stdout).unwrap();
    let verbs: Vec<&str> = history.as_array().unwrap().iter().filter_map(|done| done["verb"].as_str()).collect();
    assert_eq!(verbs.last(), Some(&"create"), "{history:#}");
}

#[test]
fn a_change_that_fails_its_check_goes_back() {
    let Some(account) = Account::new() else { return };
    let checks = "checks: [{name: ready, within: 1s, ssm: {name: /stack, equals: one}}]";
    account.write("stack", checks, &parameter("stack", "one"));
    account.repository.commit();
    account.once().expect(State::InSync, 0);
    account.write("stack", &format!("parameters: {{Value: two}}\n{checks}"), &parameter("stack", "one"));
    account.repository.commit();
    let turn = account.once().expect(State::Failed, 1);
    assert!(turn.why("stack").contains("it was brought back to its form at"), "{turn:#?}");
    assert_eq!(account.operator.parameter("/stack").as_deref(), Some("one"));
    account.once().expect(State::Failed, 1);
}

#[test]
fn a_large_template_and_a_folder_go_through_a_bucket() {
    let Some(account) = Account::new() else { return };
    let bucket = format!("artifacts-{}", account.operator.account);
    let made = format!("Resources: {{Bucket: {{Type: AWS::S3::Bucket, Properties: {{BucketName: {bucket}}}}}}}");
    account.operator.create("bucket", &made);
    until("the bucket", || account.operator.status("bucket").as_deref() == Some("CREATE_COMPLETE"));
    let given = "Parameters: {Bucket: {Type: String}, Key: {Type: String}}\nResources:\n  P:\n    Type: AWS::SSM::Parameter\n    \
                 Properties: {Name: /app, Type: String, Value: !Sub '${Bucket}/${Key}'}\n";
    account.write("app", "artifacts: [{path: code, parameters: {bucket: Bucket, key: Key}}]", given);
    account.repository.write("code/app.py", "print('one')\n");
    account.write("large", "", &format!("{}#{}\n", parameter("large", "one"), "x".repeat(51_200)));
    account.repository.commit();
    let turn = account.once_with(&["--artifact-bucket", "artifacts-{account}"]).expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["app", "large"]);
    assert_eq!(account.operator.parameter("/large").as_deref(), Some("one"));
    let value = account.operator.parameter("/app").unwrap();
    assert!(value.starts_with(&format!("{bucket}/holdfast/holdfast/artifacts/")), "{value}");
    let turn = account.once_with(&["--artifact-bucket", "artifacts-{account}"]).expect(State::InSync, 0);
    assert!(!turn.report.calls.keys().any(|call| call.starts_with("s3:")), "{turn:#?}");
}
