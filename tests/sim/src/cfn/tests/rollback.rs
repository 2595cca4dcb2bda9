//! What is undone, what is replaced, what stays.

use super::bench::{Bench, SMALL};
use crate::{
    cfn::{
        api::{Action, CreateStack, PolicyAction, Replacement, Status},
        words::{ChangeSource, Evaluation},
    },
    side_door::Signal,
    store::{Object, Work},
    world::Timing,
};
use serde_json::json;

/// A queue that names itself after a parameter, and a parameter that names the queue.
const CHAIN: &str = "
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: first, VisibilityTimeout: 30}}
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /q, Type: String, Value: !Ref Q}}
  Z: {Type: AWS::SSM::Parameter, DependsOn: P, Properties: {Name: /z, Type: String, Value: same}}
";

fn renamed() -> String {
    CHAIN.replace("first", "second")
}

#[test]
fn a_replacement_makes_the_new_one_and_deletes_the_old_one_in_cleanup() {
    let mut bench = Bench::new();
    bench.create("s", CHAIN);
    let old = bench.key("s", "Q");
    let deployment = Bench::deployment("s", &renamed(), &[]);
    bench.cfn().update_stack(crate::cfn::api::UpdateStack { deployment, ..Default::default() }).unwrap();
    while bench.status("s") != Status::UpdateCompleteCleanupInProgress {
        bench.pass(1);
    }
    let new = bench.key("s", "Q");
    assert_ne!(old, new);
    assert!(bench.exists(&old.kind, &old.id) && bench.exists(&new.kind, &new.id));
    assert_eq!(bench.live("s", "P", "Value"), Some(new.id.clone().into()));
    bench.rest("s");
    assert!(!bench.exists(&old.kind, &old.id) && bench.exists(&new.kind, &new.id));
}

#[test]
fn a_failed_update_puts_everything_back() {
    let mut bench = Bench::new();
    bench.create("s", CHAIN);
    let old = bench.key("s", "Q");
    bench.wreck("s", "Z", Work::Update, 0);
    bench.update("s", &renamed().replace("same", "other"));
    assert_eq!(bench.status("s"), Status::UpdateRollbackComplete);
    assert_eq!(bench.key("s", "Q"), old);
    assert_eq!(bench.live("s", "P", "Value"), Some(old.id.clone().into()));
    let second = old.id.replace("first", "second");
    assert!(bench.exists(&old.kind, &old.id) && !bench.exists(&old.kind, &second));
    // Back on the old configuration, there is nothing to do.
    assert_eq!(bench.changes("s", CHAIN), []);
}

#[test]
fn a_failed_creation_leaves_nothing_last_first() {
    let mut bench = Bench::new();
    let plant = json!({"stack": "s", "logical": "Z", "work": "create", "reason": "no"});
    bench.world.faults.plant(serde_json::from_value(plant).unwrap());
    bench.create("s", CHAIN);
    assert_eq!(bench.status("s"), Status::RollbackComplete);
    let events = bench.cfn().describe_stack_events("s", None).unwrap().items;
    let deleted: Vec<&str> = events
        .iter()
        .rev()
        .filter(|event| event.resource_status == "DELETE_COMPLETE")
        .map(|event| event.logical_resource_id.as_str())
        .collect();
    assert_eq!(deleted, ["P", "Q"]);
    let account = bench.account.clone();
    assert_eq!(bench.world.account(&account).store.iter().count(), 0);
    let failed: Vec<_> = events.iter().filter(|event| event.resource_status == "CREATE_FAILED").collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].resource_status_reason.as_deref(), Some("no"));
}

#[test]
fn a_failed_creation_keeps_what_is_retained_unless_told_otherwise() {
    let body = CHAIN.replace("Queue,", "Queue, DeletionPolicy: Retain,");
    for retain_except_on_create in [false, true] {
        let mut bench = Bench::new();
        let plant = json!({"stack": "s", "logical": "Z", "work": "create", "reason": "no"});
        bench.world.faults.plant(serde_json::from_value(plant).unwrap());
        let deployment = Bench::deployment("s", &body, &[]);
        let request = CreateStack { deployment, retain_except_on_create, ..CreateStack::default() };
        bench.cfn().create_stack(request).unwrap();
        bench.rest("s");
        let account = bench.account.clone();
        assert_eq!(bench.world.account(&account).store.iter().count() == 1, !retain_except_on_create);
    }
}

#[test]
fn execution_without_a_word_on_rollback_rolls_nothing_back() {
    let mut bench = Bench::new();
    bench.create("s", CHAIN);
    bench.wreck("s", "Z", Work::Update, 0);
    let kind = crate::cfn::words::ChangeSetType::Update;
    let set = bench.propose(Bench::change_set("s", "c", kind, &CHAIN.replace("same", "other")));
    let request =
        crate::cfn::api::ExecuteChangeSet { change_set_name: set.change_set_id.clone(), ..Default::default() };
    bench.cfn().execute_change_set(request).unwrap();
    bench.rest("s");
    assert_eq!(bench.status("s"), Status::UpdateFailed);
}

#[test]
fn failed_events_are_found_by_operation_and_carry_the_token() {
    let mut bench = Bench::new();
    bench.create("s", CHAIN);
    bench.wreck("s", "Z", Work::Update, 0);
    let deployment = Bench::deployment("s", &CHAIN.replace("same", "other").replace("30", "60"), &[]);
    let request =
        crate::cfn::api::UpdateStack { deployment, client_request_token: Some("token".into()), ..Default::default() };
    let operation_id = Some(bench.cfn().update_stack(request).unwrap().operation_id);
    bench.rest("s");
    let wanted = crate::cfn::api::DescribeEvents { operation_id, failed_events: true, ..Default::default() };
    let failed = bench.cfn().describe_events(&wanted).unwrap().items;
    let told: Vec<_> = failed
        .iter()
        .map(|failed| {
            (
                failed.event.logical_resource_id.as_str(),
                failed.event_type,
                failed.event.resource_status_reason.as_deref(),
            )
        })
        .collect();
    assert_eq!(told, [("Z", "PROVISIONING_ERROR", Some("wrecked"))]);
    assert_eq!(failed[0].event.client_request_token.as_deref(), Some("token"));
    // Unchanged resources have no events.
    let events = bench.cfn().describe_stack_events("s", None).unwrap().items;
    let updated =
        |name: &str| events.iter().any(|e| e.logical_resource_id == name && e.resource_status == "UPDATE_COMPLETE");
    assert!(updated("Q") && !updated("P"));
}

#[test]
fn an_operator_reads_a_whole_account() {
    let mut bench = Bench::new();
    bench.create("s", SMALL);
    let account = bench.account.clone();
    let all = bench.world.read(&account);
    assert_eq!(all["stacks"][0]["status"], "CREATE_COMPLETE");
    assert_eq!(all["resources"].as_array().unwrap().len(), 2);
}

#[test]
fn removed_resources_go_before_what_they_need() {
    let mut bench = Bench::new();
    bench.create("s", CHAIN);
    bench.update("s", "Resources: {N: {Type: AWS::SNS::Topic}}");
    let events = bench.cfn().describe_stack_events("s", None).unwrap().items;
    let gone: Vec<&str> = events
        .iter()
        .rev()
        .filter(|event| event.resource_status == "DELETE_COMPLETE")
        .map(|event| event.logical_resource_id.as_str())
        .collect();
    assert_eq!(gone, ["Z", "P", "Q"]);
}

#[test]
fn dependents_of_a_replaced_resource_are_dynamic_changes() {
    let mut bench = Bench::new();
    bench.create("s", CHAIN);
    let changes = bench.changes("s", &renamed());
    let of = |name: &str| changes.iter().find(|change| change.logical_resource_id == name).unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!(of("Q").replacement, Some(Replacement::True));
    assert_eq!(of("Q").policy_action, Some(PolicyAction::ReplaceAndDelete));
    assert_eq!(of("P").replacement, Some(Replacement::False));
    let detail = &of("P").details[0];
    assert_eq!(detail.evaluation, Evaluation::Dynamic);
    assert_eq!((detail.change_source, detail.causing_entity.as_deref()), (ChangeSource::ResourceReference, Some("Q")));
}

#[test]
fn a_reference_to_a_replaced_resource_may_replace() {
    let mut bench = Bench::new();
    let subnet = "
Resources:
  V: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  S: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref V, CidrBlock: 10.0.1.0/24}}
";
    bench.create("s", subnet);
    let changes = bench.changes("s", &subnet.replace("10.0.0.0/16", "10.0.0.0/15"));
    let replaced: Vec<_> = changes.iter().map(|change| change.replacement).collect();
    assert_eq!(replaced, [Some(Replacement::Conditional), Some(Replacement::True)]);
    bench.update("s", &subnet.replace("10.0.0.0/16", "10.0.0.0/15"));
    let vpc = bench.key("s", "V").id;
    assert_eq!(bench.live("s", "S", "VpcId"), Some(vpc.into()));
}

#[test]
fn a_parameter_is_named_as_the_cause() {
    let mut bench = Bench::new();
    bench.create("s", SMALL);
    let changes = bench.changes("s", &SMALL.replace("Default: one", "Default: two"));
    let causes: Vec<_> = changes[0].details.iter().map(|d| (d.change_source, d.causing_entity.as_deref())).collect();
    assert_eq!(causes, [(ChangeSource::ParameterReference, Some("V")), (ChangeSource::DirectModification, None)]);
}

#[test]
fn values_come_only_when_asked_for() {
    let mut bench = Bench::new();
    bench.create("s", SMALL);
    let body = SMALL.replace("Default: one", "Default: two");
    let set = bench.propose(Bench::change_set("s", "c", crate::cfn::words::ChangeSetType::Update, &body));
    assert_eq!(set.changes[0].details[0].target.before_value, None);
    let told = bench.describe(&set.change_set_id, true);
    let target = &told.changes[0].details[0].target;
    assert_eq!((target.before_value.as_deref(), target.after_value.as_deref()), (Some("one"), Some("two")));
}

#[test]
fn deletion_policies_are_kept_and_told() {
    let mut bench = Bench::new();
    let kept = "
Resources:
  K: {Type: AWS::SSM::Parameter, DeletionPolicy: Retain, Properties: {Name: /k, Type: String, Value: x}}
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /p, Type: String, Value: x}}
  R: {Type: AWS::SSM::Parameter, UpdateReplacePolicy: Retain, Properties: {Name: /r, Type: String, Value: x}}
";
    let next = "
Resources:
  R: {Type: AWS::SSM::Parameter, UpdateReplacePolicy: Retain, Properties: {Name: /r2, Type: String, Value: x}}
";
    bench.create("s", kept);
    let told: Vec<_> =
        bench.changes("s", next).into_iter().map(|change| (change.action, change.policy_action)).collect();
    let expected = [
        (Action::Remove, Some(PolicyAction::Retain)),
        (Action::Remove, Some(PolicyAction::Delete)),
        (Action::Modify, Some(PolicyAction::ReplaceAndRetain)),
    ];
    assert_eq!(told, expected);
    bench.update("s", next);
    let there: Vec<bool> = ["/k", "/p", "/r", "/r2"].iter().map(|id| bench.exists("AWS::SSM::Parameter", id)).collect();
    assert_eq!(there, [true, false, true, true]);
}

#[test]
fn a_bucket_with_objects_is_not_deleted() {
    let mut bench = Bench::new();
    bench.create("s", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketName: full}}}");
    let (account, modified) = (bench.account.clone(), bench.world.now());
    bench.world.account(&account).store.put_object("full", "k", Object { body: vec![1], modified, sha256: None });
    bench.delete("s");
    assert_eq!(bench.status("s"), Status::DeleteFailed);
    assert_eq!(bench.reason("s").as_deref(), Some("The following resource(s) failed to delete: [B]."));
    let force = crate::cfn::api::DeleteStack { stack_name: "s".into(), force: true, ..Default::default() };
    let id = bench.cfn().describe_stacks(Some("s"), None).unwrap().items[0].stack_id.clone();
    bench.cfn().delete_stack(force).unwrap();
    assert_eq!(bench.rest(&id).last(), Some(&Status::DeleteComplete));
    assert!(bench.exists("AWS::S3::Bucket", "full"));
}

#[test]
fn a_wait_condition_waits_for_its_signal_or_its_timeout() {
    let body = "
Resources:
  H: {Type: AWS::CloudFormation::WaitConditionHandle}
  W: {Type: AWS::CloudFormation::WaitCondition, DependsOn: H, Properties: {Handle: !Ref H, Timeout: '600'}}
Outputs: {Data: {Value: !GetAtt W.Data}}
";
    let check = |status: Option<&str>, end: Status| {
        let mut bench = Bench::with(Timing::realistic());
        let deployment = Bench::deployment("s", body, &[]);
        bench.cfn().create_stack(CreateStack { deployment, ..CreateStack::default() }).unwrap();
        bench.pass(300);
        assert_eq!(bench.status("s"), Status::CreateInProgress);
        if let Some(status) = status {
            let (account, key) = (bench.account.clone(), bench.key("s", "H"));
            let signal = Signal { status: status.into(), unique_id: "1".into(), data: "d".into(), reason: "r".into() };
            bench.world.signal(&account, &key, &signal).unwrap();
        }
        let began = bench.world.now();
        assert_eq!(bench.rest("s").last(), Some(&end));
        (bench.world.now().duration_since(began).as_secs(), bench)
    };
    let (took, mut bench) = check(Some("SUCCESS"), Status::CreateComplete);
    assert!(took < 10, "{took}");
    assert_eq!(bench.cfn().describe_stacks(Some("s"), None).unwrap().items[0].outputs[0].value, r#"{"1":"d"}"#);
    check(Some("FAILURE"), Status::RollbackComplete);
    let (took, _) = check(None, Status::RollbackComplete);
    assert!((295..320).contains(&took), "{took}");
}

#[test]
fn nested_stacks_rise_and_fall_with_their_parent() {
    let mut bench = Bench::new();
    let (account, modified) = (bench.account.clone(), bench.world.now());
    let inner = "
Parameters: {V: {Type: String}}
Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: /inner, Type: String, Value: !Ref V}}}
Outputs: {Name: {Value: !Ref P}}
";
    bench.world.account(&account).store.put_object(
        "b",
        "inner.yaml",
        Object { body: inner.into(), modified, sha256: None },
    );
    let outer = "
Resources:
  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://b.s3.amazonaws.com/inner.yaml', Parameters: {V: one}}}
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /outer, Type: String, Value: !GetAtt N.Outputs.Name}}
";
    bench.create("s", outer);
    assert_eq!(bench.status("s"), Status::CreateComplete);
    assert_eq!(bench.live("s", "P", "Value"), Some("/inner".into()));
    let child = bench.key("s", "N").id;
    let told = bench.cfn().describe_stacks(Some(&child), None).unwrap().items.remove(0);
    let parent = bench.cfn().describe_stacks(Some("s"), None).unwrap().items.remove(0).stack_id;
    assert_eq!((told.parent_id, told.root_id), (Some(parent.clone()), Some(parent)));

    // With its nested stacks, a change set can be walked.
    let next = outer.replace("one", "two");
    let mut request = Bench::change_set("s", "deep", crate::cfn::words::ChangeSetType::Update, &next);
    request.include_nested_stacks = true;
    let set = bench.propose(request);
    let below = set.changes.iter().find_map(|change| change.change_set_id.clone()).unwrap();
    let below = bench.describe(&below, false);
    assert_eq!((below.stack_id.as_str(), below.root_change_set_id), (child.as_str(), Some(set.change_set_id)));
    assert_eq!(below.changes[0].logical_resource_id, "P");

    // The child is updated, then the parent fails: the child goes back.
    bench.wreck("s", "P", Work::Update, 0);
    let next = outer.replace("one", "two").replace("/outer, Type: String,", "/outer, Type: String, Description: new,");
    bench.update("s", &next);
    assert_eq!(bench.status("s"), Status::UpdateRollbackComplete);
    assert_eq!(bench.status(&child), Status::UpdateRollbackComplete);
    assert_eq!(bench.live(&child, "P", "Value"), Some("one".into()));

    bench.delete("s");
    assert_eq!(bench.status(&child), Status::DeleteComplete);
    assert!(!bench.exists("AWS::SSM::Parameter", "/inner"));
}

#[test]
fn a_rollback_trigger_in_alarm_undoes_the_change() {
    let mut bench = Bench::new();
    bench.create(
        "alarms",
        "Resources: {A: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: bad, ComparisonOperator: X}}}",
    );
    bench.create("s", SMALL);
    let body = SMALL.replace("Default: one", "Default: two");
    let mut request = Bench::change_set("s", "c", crate::cfn::words::ChangeSetType::Update, &body);
    request.deployment.rollback_configuration = Some(crate::cfn::api::RollbackConfiguration {
        triggers: vec![(
            "arn:aws:cloudwatch:eu-central-1:111111111111:alarm:bad".into(),
            "AWS::CloudWatch::Alarm".into(),
        )],
        monitoring_time_in_minutes: Some(5),
    });
    let set = bench.propose(request);
    bench.execute(&set.change_set_id);
    bench.pass(120);
    assert_eq!(bench.status("s"), Status::UpdateInProgress);
    let (account, key) = (bench.account.clone(), bench.key("alarms", "A"));
    bench.world.set_attribute(&account, &key, "StateValue", json!("ALARM")).unwrap();
    bench.rest("s");
    assert_eq!(bench.status("s"), Status::UpdateRollbackComplete);
    assert_eq!(bench.live("s", "P", "Value"), Some("one".into()));
}
