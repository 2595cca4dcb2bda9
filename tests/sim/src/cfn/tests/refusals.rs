//! Every no, in CloudFormation's words.

use super::bench::{Bench, SMALL};
use crate::{
    cfn::{
        api::{
            CfnError, CreateStack, DeleteStack, DescribeChangeSet, ExecuteChangeSet, Page, Status, TemplateSource,
            UpdateStack,
        },
        words::{ChangeSetStatus, ChangeSetType, ExecutionStatus},
    },
    fault::Rule,
    store::Work,
};
use serde_json::json;

fn create(bench: &mut Bench, stack: &str, body: &str) -> Result<(), CfnError> {
    let deployment = Bench::deployment(stack, body, &[]);
    bench.cfn().create_stack(CreateStack { deployment, ..CreateStack::default() }).map(drop)
}

fn update(bench: &mut Bench, stack: &str, body: &str) -> Result<(), CfnError> {
    let deployment = Bench::deployment(stack, body, &[]);
    bench.cfn().update_stack(UpdateStack { deployment, ..UpdateStack::default() }).map(drop)
}

fn refused<T: std::fmt::Debug>(result: Result<T, CfnError>) -> (&'static str, String) {
    let refusal = result.unwrap_err();
    (refusal.code, refusal.message)
}

#[test]
fn templates_are_refused_before_anything_is_made() {
    let check = |resources: &str, sentence: &str| {
        let body = format!("Resources:\n{resources}\n");
        assert_eq!(refused(create(&mut Bench::new(), "s", &body)), ("ValidationError", sentence.to_owned()));
    };
    check("  A: {Type: AWS::Fake::Thing}", "Template format error: Unrecognized resource types: [AWS::Fake::Thing]");
    check("  A: {Type: Custom::Thing}", "Template format error: Unrecognized resource types: [Custom::Thing]");
    check(
        "  A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref B}}",
        "Template format error: Unresolved resource dependencies [B] in the Resources block of the template",
    );
    check(
        "  A: {Type: AWS::SNS::Topic, DependsOn: B}\n  B: {Type: AWS::SNS::Topic, DependsOn: A}",
        "Circular dependency between resources: [A, B]",
    );
    check(
        "  A: {Type: AWS::SNS::Topic}\n  B: {Type: AWS::SNS::Topic, Properties: {TopicName: !GetAtt A.Colour}}",
        "Template error: resource A does not support attribute type Colour in Fn::GetAtt",
    );
}

#[test]
fn parameters_and_sizes_are_refused() {
    let mut bench = Bench::new();
    let body = "Parameters: {P: {Type: String}}\nResources: {A: {Type: AWS::SNS::Topic}}";
    assert_eq!(refused(create(&mut bench, "s", body)).1, "Parameters: [P] must have values");
    let deployment = Bench::deployment("s", SMALL, &[("X", "1")]);
    let extra = bench.cfn().create_stack(CreateStack { deployment, ..CreateStack::default() });
    assert_eq!(refused(extra).1, "Parameters: [X] do not exist in the template");
    let large = format!("{SMALL}#{}", "x".repeat(51_200));
    assert!(
        refused(create(&mut bench, "s", &large)).1.ends_with("Member must have length less than or equal to 51200")
    );
    let missing = TemplateSource { template_url: Some("https://b.s3.amazonaws.com/none".into()), ..Default::default() };
    assert!(
        refused(bench.cfn().validate_template(&missing)).1.starts_with("S3 error: The specified key does not exist.")
    );
}

#[test]
fn capabilities_are_never_implied() {
    let check = |role: &str, given: &[&str], needed: Option<&str>| {
        let body =
            format!("Resources: {{R: {{Type: AWS::IAM::Role, Properties: {{{role}AssumeRolePolicyDocument: {{}}}}}}}}");
        let mut deployment = Bench::deployment("s", &body, &[]);
        deployment.capabilities = given.iter().map(|given| (*given).to_owned()).collect();
        let result = Bench::new().cfn().create_stack(CreateStack { deployment, ..CreateStack::default() });
        let expected = needed.map(|needed| format!("Requires capabilities : [{needed}]"));
        assert_eq!(
            result.err().map(|refusal| (refusal.code, refusal.message)),
            expected.map(|m| ("InsufficientCapabilitiesException", m))
        );
    };
    check("", &[], Some("CAPABILITY_IAM"));
    check("", &["CAPABILITY_IAM"], None);
    check("RoleName: r, ", &["CAPABILITY_IAM"], Some("CAPABILITY_NAMED_IAM"));
    check("RoleName: r, ", &["CAPABILITY_NAMED_IAM"], None);
}

#[test]
fn stacks_that_are_not_there_are_told_in_two_ways() {
    let mut bench = Bench::new();
    let named = |text: &str| ("ValidationError", text.to_owned());
    assert_eq!(refused(bench.cfn().describe_stacks(Some("no"), None)), named("Stack with id no does not exist"));
    assert_eq!(refused(update(&mut bench, "no", SMALL)), named("Stack [no] does not exist"));
    let set = Bench::change_set("no", "c", ChangeSetType::Update, SMALL);
    assert_eq!(refused(bench.cfn().create_change_set(set)), named("Stack [no] does not exist"));
    assert_eq!(bench.cfn().delete_stack(DeleteStack { stack_name: "no".into(), ..Default::default() }), Ok(()));
}

#[test]
fn a_busy_or_dead_stack_takes_no_change() {
    let mut bench = Bench::new();
    let check = |bench: &mut Bench, status: &str| {
        let id = bench.cfn().describe_stacks(Some("s"), None).unwrap().items[0].stack_id.clone();
        let sentence = format!("Stack:{id} is in {status} state and can not be updated.");
        assert_eq!(refused(update(bench, "s", SMALL)), ("ValidationError", sentence.clone()));
        let set = Bench::change_set("s", "c", ChangeSetType::Update, SMALL);
        assert_eq!(refused(bench.cfn().create_change_set(set)), ("ValidationError", sentence));
    };
    create(&mut bench, "s", SMALL).unwrap();
    check(&mut bench, "CREATE_IN_PROGRESS");
    bench.rest("s");
    bench.wreck("s", "P", Work::Delete, 0);
    bench.delete("s");
    check(&mut bench, "DELETE_FAILED");
}

#[test]
fn a_name_is_taken_once() {
    let mut bench = Bench::new();
    bench.create("s", SMALL);
    assert_eq!(
        refused(create(&mut bench, "s", SMALL)),
        ("AlreadyExistsException", "Stack [s] already exists".to_owned())
    );
    let again = Bench::change_set("s", "c", ChangeSetType::Create, SMALL);
    let sentence = "Stack [s] already exists and cannot be created again with the changeSet [c].";
    assert_eq!(refused(bench.cfn().create_change_set(again)).1, sentence);
    let body = SMALL.replace("Default: one", "Default: two");
    let mut set = Bench::change_set("s", "c", ChangeSetType::Update, &body);
    set.client_token = Some("t".into());
    let first = bench.cfn().create_change_set(set.clone()).unwrap();
    assert_eq!(bench.cfn().create_change_set(set.clone()).unwrap(), first);
    set.client_token = None;
    assert_eq!(refused(bench.cfn().create_change_set(set)).0, "AlreadyExistsException");
}

#[test]
fn no_changes_is_a_failed_change_set_and_a_refused_update() {
    let mut bench = Bench::new();
    bench.create("s", SMALL);
    let set = bench.propose(Bench::change_set("s", "c", ChangeSetType::Update, SMALL));
    assert_eq!((set.status, set.execution_status), (ChangeSetStatus::Failed, ExecutionStatus::Unavailable));
    let sentence =
        "The submitted information didn't contain changes. Submit different information to create a change set.";
    assert_eq!(set.status_reason.as_deref(), Some(sentence));
    let execute = ExecuteChangeSet { change_set_name: set.change_set_id.clone(), ..Default::default() };
    let sentence = format!("ChangeSet [{}] cannot be executed in its current status of [FAILED]", set.change_set_id);
    assert_eq!(refused(bench.cfn().execute_change_set(execute)), ("InvalidChangeSetStatus", sentence));
    assert_eq!(refused(update(&mut bench, "s", SMALL)).1, "No updates are to be performed.");
    // A change of nothing but an output has no changes, and can be executed all the same.
    let set = bench.propose(Bench::change_set("s", "o", ChangeSetType::Update, &SMALL.replace("Topic:", "Subject:")));
    assert_eq!((set.changes.len(), set.execution_status), (0, ExecutionStatus::Available));
}

#[test]
fn bad_properties_fail_the_change_set_and_say_where() {
    let mut bench = Bench::new();
    let body = "Resources: {A: {Type: AWS::SSM::Parameter, Properties: {Type: String, Vlaue: x}}}";
    let set = bench.propose(Bench::change_set("s", "c", ChangeSetType::Create, body));
    assert_eq!(set.status, ChangeSetStatus::Failed);
    assert!(set.status_reason.unwrap().contains("AWS::EarlyValidation"));
    let request = crate::cfn::api::DescribeEvents { change_set_name: Some(set.change_set_id), ..Default::default() };
    let events = bench.cfn().describe_events(&request).unwrap().items;
    assert_eq!(events[0].validation_path.as_deref(), Some("/Resources/A/Properties/Vlaue"));
    assert_eq!(events[0].event.resource_status_reason.as_deref(), Some("#: extraneous key [Vlaue] is not permitted"));
}

#[test]
fn executing_deletes_the_other_change_sets_and_a_direct_change_makes_them_obsolete() {
    let mut bench = Bench::new();
    bench.create("s", SMALL);
    let body = |value: &str| SMALL.replace("Default: one", &format!("Default: {value}"));
    let a = bench.propose(Bench::change_set("s", "a", ChangeSetType::Update, &body("a"))).change_set_id;
    let b = bench.propose(Bench::change_set("s", "b", ChangeSetType::Update, &body("b"))).change_set_id;
    bench.execute(&a);
    let gone = bench.cfn().describe_change_set(&DescribeChangeSet { change_set_name: b.clone(), ..Default::default() });
    assert_eq!(refused(gone), ("ChangeSetNotFound", format!("ChangeSet [{b}] does not exist")));
    bench.rest("s");
    assert_eq!(bench.describe(&a, false).execution_status, ExecutionStatus::ExecuteComplete);
    let c = bench.propose(Bench::change_set("s", "c", ChangeSetType::Update, &body("c"))).change_set_id;
    bench.update("s", &body("d"));
    assert_eq!(bench.describe(&c, false).execution_status, ExecutionStatus::Obsolete);
    let execute = ExecuteChangeSet { change_set_name: c, ..Default::default() };
    assert!(refused(bench.cfn().execute_change_set(execute)).1.ends_with("[OBSOLETE]"));
}

#[test]
fn a_stack_made_while_in_review_overtakes_its_change_set() {
    let mut bench = Bench::new();
    let set = bench.propose(Bench::change_set("s", "c", ChangeSetType::Create, SMALL));
    bench.create("s", SMALL);
    let after = bench.describe(&set.change_set_id, false);
    assert_eq!((after.execution_status, &after.stack_id), (ExecutionStatus::Obsolete, &set.stack_id));
    assert_eq!(bench.cfn().describe_stacks(Some("s"), None).unwrap().items[0].stack_id, set.stack_id);
}

#[test]
fn the_executed_change_set_is_named_until_a_person_updates() {
    let mut bench = Bench::new();
    let named =
        |bench: &mut Bench| bench.cfn().describe_stacks(Some("s"), None).unwrap().items[0].change_set_id.clone();
    let set = bench.propose(Bench::change_set("s", "a", ChangeSetType::Create, SMALL));
    assert_eq!(named(&mut bench), None);
    bench.execute(&set.change_set_id);
    bench.rest("s");
    assert_eq!(named(&mut bench), Some(set.change_set_id.clone()));
    let body = SMALL.replace("Default: one", "Default: two");
    bench.propose(Bench::change_set("s", "b", ChangeSetType::Update, &body));
    assert_eq!(named(&mut bench), Some(set.change_set_id));
    bench.update("s", &body);
    assert_eq!(named(&mut bench), None);
}

#[test]
fn protected_stacks_and_exports_in_use_are_not_deleted() {
    let mut bench = Bench::new();
    let exporter = "Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs: {T: {Value: !Ref T, Export: {Name: topic}}}";
    let importer = "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !ImportValue topic}}}";
    bench.create("one", exporter);
    bench.create("two", importer);
    let delete = |bench: &mut Bench, name: &str| {
        bench.cfn().delete_stack(DeleteStack { stack_name: name.into(), ..Default::default() })
    };
    assert_eq!(refused(delete(&mut bench, "one")).1, "Export topic cannot be deleted as it is in use by two");
    bench.update("one", "Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: x}}}");
    assert_eq!(bench.status("one"), Status::UpdateRollbackComplete);
    bench.cfn().update_termination_protection("two", true).unwrap();
    assert_eq!(
        refused(delete(&mut bench, "two")).1,
        "Stack [two] cannot be deleted while TerminationProtection is enabled"
    );
    assert_eq!(bench.cfn().list_exports(None).unwrap().items.len(), 1);
}

#[test]
fn a_stack_policy_is_enforced_on_execution() {
    let mut bench = Bench::new();
    bench.create("s", SMALL);
    let policy = json!({"Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "Update:Modify", "Principal": "*", "Resource": "LogicalResourceId/P"},
    ]});
    bench.cfn().set_stack_policy("s", &policy.to_string()).unwrap();
    let body = SMALL.replace("Default: one", "Default: two");
    let set = bench.propose(Bench::change_set("s", "c", ChangeSetType::Update, &body));
    bench.execute(&set.change_set_id);
    bench.rest("s");
    assert_eq!(bench.status("s"), Status::UpdateRollbackComplete);
    let events = bench.cfn().describe_stack_events("s", None).unwrap().items;
    let denied = "Action denied by stack policy: Statement [#2] does not allow [Update:Modify] for resource [LogicalResourceId/P]";
    assert!(events.iter().any(|event| event.resource_status_reason.as_deref() == Some(denied)));
}

#[test]
fn listings_come_in_pages() {
    let mut bench = Bench::new();
    for i in 0..120 {
        create(&mut bench, &format!("s{i:03}"), "Resources: {H: {Type: AWS::CloudFormation::WaitConditionHandle}}")
            .unwrap();
    }
    let Page { items, next_token } = bench.cfn().describe_stacks(None, None).unwrap();
    assert_eq!(items.len(), 100);
    let rest = bench.cfn().describe_stacks(None, next_token.as_deref()).unwrap();
    assert_eq!((rest.items.len(), rest.next_token), (20, None));
    assert_eq!(refused(bench.cfn().describe_stacks(None, Some("x"))).1, "Invalid NextToken");

    let many: String = (0..150)
        .map(|i| format!("  P{i}: {{Type: AWS::SSM::Parameter, Properties: {{Type: String, Value: x}}}}\n"))
        .collect();
    let set = bench.propose(Bench::change_set("many", "c", ChangeSetType::Create, &format!("Resources:\n{many}")));
    assert_eq!(set.changes.len(), 100);
    let request = DescribeChangeSet {
        change_set_name: set.change_set_id.clone(),
        next_token: set.next_token,
        ..Default::default()
    };
    assert_eq!(bench.cfn().describe_change_set(&request).unwrap().changes.len(), 50);
    bench.execute(&set.change_set_id);
    bench.rest("many");
    assert_eq!(bench.cfn().describe_stack_resources(Some("many"), None, None).unwrap().len(), 100);
    let events = bench.cfn().describe_stack_events("many", None).unwrap();
    assert_eq!((events.items.len(), events.next_token.is_some()), (100, true));
}

#[test]
fn a_described_change_may_be_dropped_from_the_values() {
    let mut bench = Bench::new();
    bench.create("s", SMALL);
    let body = SMALL.replace("Default: one", "Default: two").replace("'x-", "'y-");
    let set = bench.propose(Bench::change_set("s", "c", ChangeSetType::Update, &body));
    assert_eq!(set.changes.len(), 2);
    let rule: Rule = serde_json::from_value(json!({
        "action": "cloudformation:DescribeChangeSet", "fault": {"droppedChange": {"logical": "P"}}
    }))
    .unwrap();
    bench.world.faults.add(rule);
    let (account, region) = (bench.account.clone(), bench.region.clone());
    let mut describe = |values| {
        let request = DescribeChangeSet {
            change_set_name: set.change_set_id.clone(),
            include_property_values: values,
            ..DescribeChangeSet::default()
        };
        let call = |world: &mut crate::world::World| world.cfn(&account, &region).describe_change_set(&request);
        let reply = bench.world.call(&account, "cloudformation:DescribeChangeSet", call);
        let crate::world::Reply::Answer(set) = reply else { panic!("{reply:?}") };
        set
    };
    assert_eq!(describe(false).changes.len(), 2);
    let told = describe(true);
    assert_eq!((told.changes.len(), told.status), (1, ChangeSetStatus::CreateComplete));
    assert!(told.status_reason.unwrap().starts_with("[WARN] --include-property-values"));
}
