//! What the wrapper (`strict.py`) makes of ministack, call by call: every hook that it has is in one of these stories.
//!
//! The agent is not in them. They hold the wrapper to what reference/cloudformation.md says of AWS, so that what the
//! agent does through it can be believed.

use super::account::{Account, STRICT, VERSION, run};
use crate::{
    binary::until,
    wire::{CFN, Operator, request},
    world::HOME,
};
use std::process::Command;

const NO_CHANGES: &str =
    "The submitted information didn&#x27;t contain changes. Submit different information to create a change set.";

/// What can drift: a value, a name, a property that is taken away, a resource that is. The last one is made when others
/// were written, so that there is something to undo when it fails.
const DRIFTING: &str = "
Parameters: {Value: {Type: String}}
Resources:
  Parameter: {Type: AWS::SSM::Parameter, Properties: {Name: /drifts, Type: String, Value: !Ref Value}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: drifts, DisplayName: good}}
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: drifts, RetentionInDays: 7}}
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub 'drifts-${AWS::AccountId}'}}
  Again: {Type: AWS::SSM::Parameter, DependsOn: Parameter, Properties: {Name: /again, Type: String, Value: x}}
";

const ROLE: &str = "arn:aws:iam::123456789012:role/cloudformation";
const TAG: [(&str, &str); 2] = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "one")];
/// How the agent asks: nothing but the drift is to change.
const KEPT: [(&str, &str); 7] = [
    ("UsePreviousTemplate", "true"),
    ("Parameters.member.1.ParameterKey", "Value"),
    ("Parameters.member.1.UsePreviousValue", "true"),
    ("RoleARN", ROLE),
    ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
    TAG[0],
    TAG[1],
];

/// What stands in every element of this name.
fn every<'a>(answer: &'a str, element: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    answer.split(&*begin).skip(1).filter_map(|rest| Some(rest.split_once(&*end)?.0)).collect()
}

/// What stands in the first element of this name; nothing where there is none.
fn first<'a>(answer: &'a str, element: &str) -> &'a str {
    every(answer, element).first().copied().unwrap_or_default()
}

/// A stack in an account of its own.
struct Bench {
    account: Account,
    arn: String,
}

impl Bench {
    fn new(template: &str) -> Option<Self> {
        let account = Account::new()?;
        let value = [("Parameters.member.1.ParameterKey", "Value"), ("Parameters.member.1.ParameterValue", "good")];
        let value = if template.contains("Parameters:") { &value[..] } else { &[] };
        let asked = [&[("StackName", "stack"), ("TemplateBody", template)], &TAG[..], value].concat();
        let made = account.operator.query("cloudformation", CFN, "CreateStack", &asked);
        let bench = Self { arn: first(&made, "StackId").to_owned(), account };
        bench.becomes("CREATE_COMPLETE");
        Some(bench)
    }

    fn operator(&self) -> &Operator {
        &self.account.operator
    }

    #[track_caller]
    fn becomes(&self, status: &str) {
        until(status, || self.operator().status("stack").as_deref() == Some(status));
    }

    /// A call about the stack, by its ARN; it must succeed.
    #[track_caller]
    fn call(&self, action: &str, more: &[(&str, &str)]) -> String {
        let asked = [&[("StackName", &*self.arn)], more].concat();
        self.operator().query("cloudformation", CFN, action, &asked)
    }

    /// A call about the stack that must be refused; answers the sentence, without the ARN.
    #[track_caller]
    fn refused(&self, action: &str, more: &[(&str, &str)]) -> String {
        let asked = [&[("StackName", &*self.arn)], more].concat();
        let answer = self.operator().ask("cloudformation", CFN, action, &asked);
        assert_eq!((answer.status, first(&answer.body, "Code")), (400, "ValidationError"), "{action}: {answer:?}");
        first(&answer.body, "Message").replace(&self.arn, "ARN")
    }

    /// Makes a drift-aware change set, and answers its description.
    #[track_caller]
    fn revert(&self, name: &str, more: &[(&str, &str)]) -> String {
        let set = ("ChangeSetName", name);
        self.call("CreateChangeSet", &[&[set, ("DeploymentMode", "REVERT_DRIFT")], more].concat());
        self.call("DescribeChangeSet", &[set])
    }

    #[track_caller]
    fn execute(&self, name: &str) {
        self.call("ExecuteChangeSet", &[("ChangeSetName", name), ("DisableRollback", "false")]);
    }

    /// Looks for drift, and answers what it is: nothing before anybody has asked whether the look is over.
    #[track_caller]
    fn drift(&self) -> (String, usize) {
        let begun = self.call("DetectStackDrift", &[]);
        let asked = [("StackDriftDetectionId", first(&begun, "StackDriftDetectionId"))];
        let looked = || self.call("DescribeStackDriftDetectionStatus", &asked);
        let early = looked();
        assert_eq!(
            (first(&early, "DetectionStatus"), first(&early, "StackDriftStatus")),
            ("DETECTION_IN_PROGRESS", "")
        );
        let late = looked();
        assert_eq!(first(&late, "DetectionStatus"), "DETECTION_COMPLETE");
        assert_eq!(first(&late, "StackDriftDetectionId"), asked[0].1);
        let count = first(&late, "DriftedStackResourceCount").parse().unwrap();
        (first(&late, "StackDriftStatus").to_owned(), count)
    }

    /// How each resource has drifted, as far as anybody has looked.
    fn drifts(&self) -> Vec<String> {
        let answer = self.call("ListStackResources", &[]);
        let each = every(&answer, "LogicalResourceId").into_iter().zip(every(&answer, "StackResourceDriftStatus"));
        let mut each: Vec<String> = each.map(|(name, status)| format!("{name} {status}")).collect();
        each.sort();
        each
    }

    /// Somebody changes everything by hand.
    fn tamper(&self) {
        let operator = self.operator();
        operator.put("/drifts", "String", "bad");
        let topic = format!("arn:aws:sns:{HOME}:{}:drifts", operator.account);
        let set = [("TopicArn", &*topic), ("AttributeName", "DisplayName"), ("AttributeValue", "bad")];
        operator.query("sns", "2010-03-31", "SetTopicAttributes", &set);
        let log = serde_json::json!({ "logGroupName": "drifts" });
        operator.json("logs", "application/x-amz-json-1.1", "Logs_20140328.DeleteRetentionPolicy", &log);
        operator.ssm("DeleteParameter", &serde_json::json!({ "Name": "/again" }));
        assert_eq!(self.bucket("DELETE"), 204);
    }

    fn bucket(&self, method: &str) -> u16 {
        let Operator { endpoint, account, .. } = self.operator();
        let credential = self.operator().credential("s3");
        request(method, endpoint, &format!("/drifts-{account}"), &[("Authorization", &credential)], "").unwrap().status
    }
}

/// The changes of a change set: action, resource, drift, and the first property.
fn rows(set: &str) -> Vec<String> {
    let row = |change: &str| {
        let told = ["Action", "LogicalResourceId", "ResourceDriftStatus", "Name"].map(|name| first(change, name));
        told.join(" ").trim_end().to_owned()
    };
    every(set, "ResourceChange").into_iter().map(row).collect()
}

#[test]
fn drift_is_told_of_and_put_back() {
    let Some(bench) = Bench::new(DRIFTING) else { return };
    assert!(bench.drifts().iter().all(|drift| drift.ends_with(" NOT_CHECKED")), "{:?}", bench.drifts());
    assert_eq!(bench.drift(), ("IN_SYNC".into(), 0));
    bench.tamper();
    assert_eq!(bench.drift(), ("DRIFTED".into(), 5));
    let drifts = ["Again DELETED", "Bucket DELETED", "Log MODIFIED", "Parameter MODIFIED", "Topic MODIFIED"];
    assert_eq!(bench.drifts(), drifts);
    let set = bench.revert("heal", &KEPT);
    assert_eq!((first(&set, "DeploymentMode"), first(&set, "StackDriftStatus")), ("REVERT_DRIFT", "DRIFTED"));
    let changes = [
        "Add Again DELETED",
        "Add Bucket DELETED",
        "Modify Log MODIFIED RetentionInDays",
        "Modify Parameter MODIFIED Value",
        "Modify Topic MODIFIED DisplayName",
    ];
    assert_eq!(rows(&set), changes, "{set}");
    assert_eq!(first(&bench.call("DescribeStacks", &[]), "ChangeSetId"), "");
    bench.execute("heal");
    bench.becomes("UPDATE_COMPLETE");
    let stack = bench.call("DescribeStacks", &[]);
    assert_eq!((first(&stack, "ChangeSetId"), first(&stack, "RoleARN")), (first(&set, "ChangeSetId"), ROLE));
    assert_eq!(bench.drift(), ("IN_SYNC".into(), 0));
    assert_eq!((bench.operator().parameter("/drifts").as_deref(), bench.bucket("HEAD")), (Some("good"), 200));
    let set = bench.revert("again", &KEPT);
    assert_eq!((first(&set, "Status"), first(&set, "StatusReason")), ("FAILED", NO_CHANGES));
    assert_eq!(first(&set, "StackDriftStatus"), "IN_SYNC");
    bench.operator().update("stack", "Resources: {Queue: {Type: AWS::SQS::Queue}}");
    assert_eq!(first(&bench.call("DescribeStacks", &[]), "ChangeSetId"), "");
}

#[test]
fn a_revert_that_fails_goes_back_to_the_drift() {
    let Some(bench) = Bench::new(DRIFTING) else { return };
    bench.tamper();
    let set = bench.revert("heal", &KEPT);
    assert_eq!(rows(&set).len(), 5, "{set}");
    // Somebody was faster with one of them.
    bench.operator().put("/again", "String", "theirs");
    bench.execute("heal");
    bench.becomes("UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(bench.operator().parameter("/drifts").as_deref(), Some("bad"));
    assert_eq!((bench.operator().parameter("/again").as_deref(), bench.bucket("HEAD")), (Some("theirs"), 404));
    assert_eq!(bench.drift(), ("DRIFTED".into(), 5));
    let drifts = ["Again MODIFIED", "Bucket DELETED", "Log MODIFIED", "Parameter MODIFIED", "Topic MODIFIED"];
    assert_eq!(bench.drifts(), drifts);
    bench.revert("anew", &KEPT);
    bench.execute("anew");
    bench.becomes("UPDATE_COMPLETE");
    assert_eq!(bench.drift(), ("IN_SYNC".into(), 0));
}

#[test]
fn a_template_that_follows_the_drift_only_synchronises_and_foreign_tags_stay() {
    const TAGGED: &str = "
Resources:
  Followed: {Type: AWS::SSM::Parameter, Properties: {Name: /followed, Type: String, Value: good}}
  Tagged: {Type: AWS::SSM::Parameter, Properties: {Name: /tagged, Type: String, Value: x, Tags: {ours: good}}}
";
    let Some(bench) = Bench::new(TAGGED) else { return };
    bench.operator().put("/followed", "String", "better");
    let tag = |key: &str| {
        let tags = serde_json::json!([{ "Key": key, "Value": "bad" }]);
        let asked = serde_json::json!({ "ResourceType": "Parameter", "ResourceId": "/tagged", "Tags": tags });
        assert_eq!(bench.operator().ssm("AddTagsToResource", &asked).0, 200);
    };
    tag("foreign");
    let template = TAGGED.replacen("good", "better", 1);
    let set = bench.revert("sync", &[("TemplateBody", &template)]);
    assert_eq!(rows(&set), ["SyncWithActual Followed MODIFIED", "SyncWithActual Tagged MODIFIED"]);
    tag("ours");
    let set = bench.revert("heal", &[("TemplateBody", &template)]);
    assert_eq!(rows(&set), ["Modify Tagged MODIFIED Tags", "SyncWithActual Followed MODIFIED"]);
    bench.execute("heal");
    bench.becomes("UPDATE_COMPLETE");
    assert_eq!(bench.operator().parameter("/followed").as_deref(), Some("better"));
    let asked = serde_json::json!({ "ResourceType": "Parameter", "ResourceId": "/tagged" });
    let tags = bench.operator().ssm("ListTagsForResource", &asked).1.to_string();
    assert!(tags.contains(r#"{"Key":"ours","Value":"good"}"#), "{tags}");
    assert!(tags.contains(r#"{"Key":"foreign","Value":"bad"}"#), "{tags}");
}

#[test]
fn drift_among_nested_stacks_is_not_put_back() {
    let Some(bench) = Bench::new(DRIFTING) else { return };
    let nested = "Resources: {Inner: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://x/y/z'}}}";
    let asked = [("ChangeSetName", "heal"), ("TemplateBody", nested), ("DeploymentMode", "REVERT_DRIFT")];
    let why = bench.refused("CreateChangeSet", &asked);
    assert_eq!(why, "DeploymentMode REVERT_DRIFT is not supported with nested stacks");
    assert_eq!(every(&bench.call("ListChangeSets", &[]), "ChangeSetName"), [""; 0]);
}

#[test]
fn a_busy_or_dead_stack_takes_no_change() {
    const BUSY: &str = "
Resources:
  Handle: {Type: AWS::CloudFormation::WaitConditionHandle}
  Wait: {Type: AWS::CloudFormation::WaitCondition, Properties: {Handle: !Ref Handle, Timeout: 60}}
";
    let Some(bench) = Bench::new("Resources: {Queue: {Type: AWS::SQS::Queue}}") else { return };
    let set = [("ChangeSetName", "late"), ("TemplateBody", "Resources: {Topic: {Type: AWS::SNS::Topic}}")];
    bench.call("CreateChangeSet", &set);
    let late = bench.call("DescribeChangeSet", &[("ChangeSetName", "late")]);
    bench.operator().update("stack", BUSY);
    let sentence = "Stack:ARN is in UPDATE_IN_PROGRESS state and can not be updated.";
    assert_eq!(bench.refused("CreateChangeSet", &[("ChangeSetName", "other"), set[1]]), sentence);
    assert_eq!(bench.refused("UpdateStack", &[set[1]]), sentence);
    assert_eq!(bench.refused("ExecuteChangeSet", &[set[0]]), sentence);
    let alone = [("ChangeSetName", first(&late, "ChangeSetId"))];
    let answer = bench.operator().ask("cloudformation", CFN, "ExecuteChangeSet", &alone);
    assert_eq!(first(&answer.body, "Message").replace(&bench.arn, "ARN"), sentence);
    let why = bench.refused("DeleteStack", &[]);
    assert_eq!(why, "Stack [ARN] cannot be deleted while in status UPDATE_IN_PROGRESS");
    let failed = [("LogicalResourceId", "Wait"), ("UniqueId", "one"), ("Status", "FAILURE")];
    bench.call("SignalResource", &failed);
    bench.becomes("UPDATE_ROLLBACK_COMPLETE");
    bench.call("CreateChangeSet", &[("ChangeSetName", "other"), set[1]]);

    let dead = [("StackName", "dead"), ("TemplateBody", BUSY)];
    bench.operator().query("cloudformation", CFN, "CreateStack", &dead);
    let failed = [&dead[..1], &failed].concat();
    bench.operator().query("cloudformation", CFN, "SignalResource", &failed);
    until("the end", || bench.operator().status("dead").as_deref() == Some("ROLLBACK_COMPLETE"));
    let answer = bench.operator().ask("cloudformation", CFN, "UpdateStack", &dead);
    assert!(answer.body.contains(" is in ROLLBACK_COMPLETE state and can not be updated."), "{answer:?}");
    bench.operator().query("cloudformation", CFN, "DeleteStack", &dead[..1]);
    until("the deletion", || bench.operator().status("dead").is_none());
}

#[test]
fn the_wrapper_says_why_it_does_not_start() {
    if Account::new().is_none() {
        return;
    }
    // A Python that has nothing of its own.
    let why = run(Command::new("python3").args(["-I", "-S", STRICT, "--check"])).unwrap_err();
    assert!(why.contains(&format!("strict.py knows ministack {VERSION} from the inside: ")), "{why}");
    assert!(why.ends_with(" has none"), "{why}");
}
