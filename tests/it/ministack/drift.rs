//! Drift, found and put back by the shipped agent in somebody else's accounts: detection is ministack's own, drift-aware change
//! sets are what `strict.py` makes of it after AWS's documentation.

use super::account::Account;
use crate::{
    binary::{Ran, Running, until},
    site::{Turn, parameter},
};
use manifests::report::{State, What};
use serde_json::json;
use std::process::Command;

/// A parameter, a topic and a queue.
const THREE: &str = "Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /three, Type: String, Value: one}}
  T: {Type: AWS::SNS::Topic, Properties: {TopicName: three, DisplayName: asked}}
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: three, VisibilityTimeout: 45}}
";

/// The agent, which looks for drift.
fn watchful(account: &Account, arguments: &[&str]) -> Command {
    let mut agent = account.agent(arguments);
    agent.env("HOLDFAST_DRIFT_CALLS", "1000");
    agent
}

#[test]
fn what_was_changed_and_what_was_deleted_is_put_back_and_seen_to_be() {
    let Some(account) = Account::new() else { return };
    account.write("three", "drift: {mode: heal}", THREE);
    account.repository.commit();
    account.once().expect(State::InSync, 0);
    account.operator.put("/three", "String", "tampered");
    let queue = format!("{}/{}/three", account.operator.endpoint, account.operator.account);
    let (status, answer) = account.operator.json(
        "sqs",
        "application/x-amz-json-1.0",
        "AmazonSQS.DeleteQueue",
        &json!({ "QueueUrl": queue }),
    );
    assert_eq!(status, 200, "{answer}");
    let ran = Ran::of(&mut watchful(&account, &["drift", "--detect"]));
    assert!(ran.stdout.contains("~ P (AWS::SSM::Parameter)\n      /Value  one → tampered"), "{ran:#?}");
    assert!(ran.stdout.contains("- Q (AWS::SQS::Queue) was deleted"), "{ran:#?}");
    let ran = Ran::of(&mut watchful(&account, &["drift", "heal", "three", "-o", "json"]));
    let turn = Turn::of(ran).expect(State::Healed, 0);
    assert_eq!(turn.happened(What::Healed), ["three"], "{turn:#?}");
    assert_eq!(account.operator.parameter("/three").as_deref(), Some("one"));
    // Nothing is left, and nothing is done again.
    let ran = Ran::of(&mut watchful(&account, &["drift", "--detect", "--detailed-exitcode"]));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let turn = account.once();
    assert_eq!((turn.state("three"), turn.report.calls.get("cloudformation:CreateChangeSet")), (State::Healed, None));
}

#[test]
fn an_event_in_a_queue_wakes_the_agent() {
    let Some(account) = Account::new() else { return };
    account.operator.create("events", "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: events}}}");
    until("the queue", || account.operator.status("events").as_deref() == Some("CREATE_COMPLETE"));
    let queue = format!("{}/{}/events", account.operator.endpoint, account.operator.account);
    account.write("stack", "drift: {mode: heal}", &parameter("stack", "one"));
    account.repository.commit();
    account.once().expect(State::InSync, 0);
    let agent = Running::start(watchful(&account, &["run", "--interval", "1h"]).env("HOLDFAST_EVENTS", &queue));
    account.operator.put("/stack", "String", "tampered");
    let event = json!({
        "account": account.operator.account, "source": "aws.ssm", "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "ssm.amazonaws.com", "eventName": "PutParameter", "eventTime": "2026-11-26T10:00:00Z",
            "eventID": "1", "awsRegion": account.operator.region, "readOnly": false,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/mallory"},
            "requestParameters": {"name": "/stack"},
        },
    });
    let send = json!({ "QueueUrl": queue, "MessageBody": event.to_string() });
    let (status, answer) = account.operator.json("sqs", "application/x-amz-json-1.0", "AmazonSQS.SendMessage", &send);
    assert_eq!(status, 200, "{answer}");
    until("the heal", || account.operator.parameter("/stack").as_deref() == Some("one"));
    let ran = agent.terminate();
    assert!(ran.stderr.contains("changed by arn:aws:iam::123456789012:user/mallory"), "{ran:#?}");
}

#[test]
fn what_is_accepted_is_what_git_says_afterwards() {
    let Some(account) = Account::new() else { return };
    account.write("three", "", THREE);
    account.repository.commit();
    account.once().expect(State::InSync, 0);
    account.operator.put("/three", "String", "by hand");
    let ran = Ran::of(&mut watchful(&account, &["drift", "accept", "three"]));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let line = "P: {Type: AWS::SSM::Parameter, Properties: {Name: /three, Type: String, Value:";
    assert!(ran.stdout.contains(&format!("-  {line} one}}}}\n+  {line} by hand}}}}\n")), "{ran:#?}");
    assert!(ran.stderr.contains("three: with this patch, CloudFormation finds nothing of it to change"), "{ran:#?}");
    account.write("three", "", &THREE.replace("one", "by hand"));
    account.repository.commit();
    account.once().expect(State::InSync, 0);
    let ran = Ran::of(&mut watchful(&account, &["drift", "--detect", "--detailed-exitcode"]));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(account.operator.parameter("/three").as_deref(), Some("by hand"));
}
