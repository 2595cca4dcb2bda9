//! Drift: what is found, what an ordinary update does about it, and what a drift-aware change set does.

use super::bench::{Bench, SMALL};
use crate::{
    cfn::{
        api::{Action, Status},
        words::{
            ChangeSetStatus, ChangeSetType, DetectionStatus, DifferenceType, ResourceDriftStatus, StackDriftStatus,
        },
    },
    store::{Break, Work},
};

const MIXED: &str = "
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /p, Type: String, Value: good}}
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q, VisibilityTimeout: 30}}
  L: {Type: AWS::KMS::Alias, Properties: {AliasName: alias/a, TargetKeyId: k}}
";

pub(super) fn detect(bench: &mut Bench, stack: &str) -> (DetectionStatus, Option<StackDriftStatus>, Option<u32>) {
    let id = bench.cfn().detect_stack_drift(stack, &[]).unwrap();
    let early = bench.cfn().describe_stack_drift_detection_status(&id).unwrap();
    assert_eq!(early.detection_status, DetectionStatus::InProgress);
    assert_eq!(early.drifted_stack_resource_count, None);
    let again = bench.cfn().detect_stack_drift(stack, &[]).unwrap_err();
    assert!(again.message.starts_with("Drift detection is already in progress for stack arn:"), "{}", again.message);
    bench.pass(10);
    let done = bench.cfn().describe_stack_drift_detection_status(&id).unwrap();
    (done.detection_status, done.stack_drift_status, done.drifted_stack_resource_count)
}

pub(super) fn drifts(bench: &mut Bench, stack: &str) -> Vec<(String, ResourceDriftStatus)> {
    let request = crate::cfn::api::DescribeStackResourceDrifts { stack_name: stack.into(), ..Default::default() };
    let page = bench.cfn().describe_stack_resource_drifts(&request).unwrap();
    page.items.into_iter().map(|drift| (drift.logical_resource_id, drift.status)).collect()
}

pub(super) fn revert(bench: &mut Bench, stack: &str, body: &str) -> crate::cfn::api::ChangeSetDescription {
    let mut request = Bench::change_set(stack, "heal", ChangeSetType::Update, body);
    request.revert_drift = true;
    bench.propose(request)
}

#[test]
fn detection_finds_what_was_changed_and_what_is_gone() {
    let mut bench = Bench::new();
    bench.create("s", MIXED);
    let found = detect(&mut bench, "s");
    assert_eq!(found, (DetectionStatus::Complete, Some(StackDriftStatus::InSync), Some(0)));
    bench.drift("s", "P", "Value", "bad");
    let (account, queue) = (bench.account.clone(), bench.key("s", "Q"));
    bench.world.delete_resource(&account, &queue).unwrap();
    let found = detect(&mut bench, "s");
    assert_eq!(found, (DetectionStatus::Complete, Some(StackDriftStatus::Drifted), Some(2)));
    let expected = [("P".to_owned(), ResourceDriftStatus::Modified), ("Q".to_owned(), ResourceDriftStatus::Deleted)];
    assert_eq!(drifts(&mut bench, "s"), expected, "an alias can't be looked at, so it is not told of");
    let listed = bench.cfn().list_stack_resources("s", None).unwrap().items;
    let listed: Vec<_> = listed.iter().map(|r| (r.drift_status, r.drift_checked.is_some())).collect();
    let expected = [
        (ResourceDriftStatus::NotChecked, false),
        (ResourceDriftStatus::Modified, true),
        (ResourceDriftStatus::Deleted, true),
    ];
    assert_eq!(listed, expected);
    let parameter = bench.cfn().detect_stack_resource_drift("s", "P").unwrap();
    let difference = &parameter.property_differences[0];
    assert_eq!(difference.property_path, "/Value");
    assert_eq!((difference.expected_value.as_str(), difference.actual_value.as_str()), ("good", "bad"));
    assert_eq!(difference.difference_type, DifferenceType::NotEqual);
    let refused = bench.cfn().detect_stack_resource_drift("s", "L").unwrap_err();
    assert_eq!(refused.message, "Drift detection is not supported for resource type AWS::KMS::Alias");
}

#[test]
fn what_the_template_does_not_set_is_not_seen() {
    let mut bench = Bench::new();
    bench.create("s", MIXED);
    bench.drift("s", "Q", "DelaySeconds", "5");
    assert_eq!(detect(&mut bench, "s").1, Some(StackDriftStatus::InSync));
    // Equal in meaning is not drift: SQS gives numbers back as texts.
    bench.drift("s", "Q", "VisibilityTimeout", "30");
    assert_eq!(detect(&mut bench, "s").1, Some(StackDriftStatus::InSync));
}

#[test]
fn a_resource_that_cannot_be_read_is_unknown() {
    let mut bench = Bench::new();
    bench.create("s", MIXED);
    bench.wreck("s", "P", Work::Read, 0);
    let found = detect(&mut bench, "s");
    assert_eq!(found, (DetectionStatus::Failed, Some(StackDriftStatus::Unknown), Some(0)));
}

#[test]
fn a_changed_stack_has_not_been_checked() {
    let mut bench = Bench::new();
    bench.create("s", SMALL);
    detect(&mut bench, "s");
    bench.update("s", &SMALL.replace("Default: one", "Default: two"));
    let drift = bench.cfn().describe_stacks(Some("s"), None).unwrap().items[0].drift.status;
    assert_eq!(drift, StackDriftStatus::NotChecked);
}

#[test]
fn an_ordinary_update_heals_nothing() {
    let mut bench = Bench::new();
    bench.create("s", MIXED);
    bench.drift("s", "P", "Value", "bad");
    let same = bench.propose(Bench::change_set("s", "same", ChangeSetType::Update, MIXED));
    assert_eq!(same.status, ChangeSetStatus::Failed);
    bench.update("s", &MIXED.replace("Name: /p,", "Name: /p, Description: new,"));
    assert_eq!(bench.live("s", "P", "Value"), Some("bad".into()));
    assert_eq!(bench.live("s", "P", "Description"), Some("new".into()));
}

#[test]
fn an_ordinary_update_of_a_deleted_resource_fails_and_is_rolled_back() {
    let mut bench = Bench::new();
    bench.create("s", MIXED);
    let (account, queue) = (bench.account.clone(), bench.key("s", "Q"));
    bench.world.delete_resource(&account, &queue).unwrap();
    bench.update("s", &MIXED.replace("30", "60"));
    assert_eq!(bench.status("s"), Status::UpdateRollbackComplete);
    assert!(!bench.exists("AWS::SQS::Queue", &queue.id));
}

#[test]
fn a_drift_aware_change_set_heals_what_drifted_and_recreates_what_is_gone() {
    let mut bench = Bench::new();
    bench.create("s", MIXED);
    bench.drift("s", "P", "Value", "bad");
    let (account, queue) = (bench.account.clone(), bench.key("s", "Q"));
    bench.world.delete_resource(&account, &queue).unwrap();
    detect(&mut bench, "s");
    let set = revert(&mut bench, "s", MIXED);
    assert_eq!(set.stack_drift_status, Some(StackDriftStatus::Drifted));
    let told: Vec<_> = set
        .changes
        .iter()
        .map(|change| (change.logical_resource_id.as_str(), change.action, change.resource_drift_status))
        .collect();
    let expected = [
        ("P", Action::Modify, Some(ResourceDriftStatus::Modified)),
        ("Q", Action::Add, Some(ResourceDriftStatus::Deleted)),
    ];
    assert_eq!(told, expected);
    let drift = set.changes[0].details[0].target.drift.as_ref().unwrap();
    assert_eq!((drift.previous_value.as_str(), drift.actual_value.as_str()), ("good", "bad"));
    bench.execute(&set.change_set_id);
    assert_eq!(bench.rest("s").last(), Some(&Status::UpdateComplete));
    assert_eq!(bench.live("s", "P", "Value"), Some("good".into()));
    assert!(bench.exists("AWS::SQS::Queue", &queue.id));
    assert_eq!(detect(&mut bench, "s").1, Some(StackDriftStatus::InSync));
    assert_eq!(revert(&mut bench, "s", MIXED).status, ChangeSetStatus::Failed);
}

#[test]
fn a_template_that_follows_the_drift_only_synchronises() {
    let mut bench = Bench::new();
    bench.create("s", MIXED);
    bench.drift("s", "P", "Value", "bad");
    let set = revert(&mut bench, "s", &MIXED.replace("good", "bad"));
    let told: Vec<_> = set.changes.iter().map(|change| (change.logical_resource_id.as_str(), change.action)).collect();
    assert_eq!(told, [("P", Action::SyncWithActual)]);
    bench.execute(&set.change_set_id);
    bench.rest("s");
    assert_eq!(detect(&mut bench, "s").1, Some(StackDriftStatus::InSync));
}

#[test]
fn a_drift_aware_update_that_fails_goes_back_to_the_drift() {
    let mut bench = Bench::new();
    bench.create("s", MIXED);
    bench.drift("s", "P", "Value", "bad");
    let (account, queue) = (bench.account.clone(), bench.key("s", "Q"));
    let planted = Break { work: Work::Update, reason: "no".into(), after: 0, times: None };
    bench.world.break_resource(&account, &queue, planted).unwrap();
    let set = revert(&mut bench, "s", &MIXED.replace("30", "60"));
    bench.execute(&set.change_set_id);
    bench.rest("s");
    assert_eq!(bench.status("s"), Status::UpdateRollbackComplete);
    assert_eq!(bench.live("s", "P", "Value"), Some("bad".into()));
}

#[test]
fn a_drift_aware_update_that_fails_takes_away_again_what_it_recreated() {
    let mut bench = Bench::new();
    let body = MIXED.replace("Type: AWS::SSM::Parameter,", "Type: AWS::SSM::Parameter, DependsOn: Q,");
    bench.create("s", &body);
    bench.wreck("s", "P", Work::Update, 0);
    bench.drift("s", "P", "Value", "bad");
    let (account, queue) = (bench.account.clone(), bench.key("s", "Q"));
    bench.world.delete_resource(&account, &queue).unwrap();
    let set = revert(&mut bench, "s", &body);
    bench.execute(&set.change_set_id);
    bench.rest("s");
    assert_eq!(bench.status("s"), Status::UpdateRollbackComplete);
    assert_eq!(bench.live("s", "P", "Value"), Some("bad".into()));
    let events = bench.cfn().describe_stack_events("s", None).unwrap().items;
    let said: Vec<_> = events.iter().filter(|e| e.logical_resource_id == "Q").map(|e| &e.resource_status[..]).collect();
    assert_eq!(said[..2], ["DELETE_COMPLETE", "DELETE_IN_PROGRESS"], "{said:?}");
    assert!(!bench.exists("AWS::SQS::Queue", &queue.id));
    assert_eq!(detect(&mut bench, "s").2, Some(2));
}

#[test]
fn foreign_tags_stay_and_immutable_properties_are_not_reverted() {
    let mut bench = Bench::new();
    let tagged = "
Resources:
  V: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16, EnableDnsSupport: true, Tags: [{Key: a, Value: ours}]}}
";
    bench.create("s", tagged);
    let (account, key) = (bench.account.clone(), bench.key("s", "V"));
    let tags = serde_json::json!([{"Key": "a", "Value": "theirs"}, {"Key": "b", "Value": "foreign"}]);
    bench.world.set_property(&account, &key, "Tags", Some(tags)).unwrap();
    bench.drift("s", "V", "CidrBlock", "10.9.0.0/16");
    let set = revert(&mut bench, "s", tagged);
    assert_eq!(set.changes.len(), 1);
    assert!(set.changes[0].details.iter().all(|detail| detail.target.name.is_none()));
    bench.execute(&set.change_set_id);
    bench.rest("s");
    let tags = serde_json::json!([{"Key": "a", "Value": "ours"}, {"Key": "b", "Value": "foreign"}]);
    assert_eq!(bench.live("s", "V", "Tags"), Some(tags));
    assert_eq!(bench.live("s", "V", "CidrBlock"), Some("10.9.0.0/16".into()));
}
