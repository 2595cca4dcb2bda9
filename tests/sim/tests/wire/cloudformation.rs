//! CloudFormation.

use crate::stage::{DEV, REGION, account, calls, server};
use aws_sdk_cloudformation::{
    Client,
    error::ProvideErrorMetadata,
    operation::describe_change_set::DescribeChangeSetOutput,
    types::{
        ChangeAction, ChangeSetStatus, ChangeSetType, ExecutionStatus, Parameter, ResourceStatus,
        StackDriftDetectionStatus, StackDriftStatus, StackResourceDriftStatus, StackStatus, Tag,
    },
};
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{BucketLocationConstraint, CreateBucketConfiguration},
};
use sim::wire::Server;

/// More than stand on one page.
const MANY: usize = 120;

pub(crate) fn template(parameters: usize, value: &str) -> String {
    let resources: Vec<String> = (0..parameters)
        .map(|n| {
            format!(
                r#""P{n}": {{"Type": "AWS::SSM::Parameter",
                    "Properties": {{"Name": "/p/{n}", "Type": "String", "Value": "{value} {{{{Fn}}}}"}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"Description": "<a & b>", "Parameters": {{"Team": {{"Type": "String", "Default": "x"}}}},
            "Resources": {{{}}}, "Outputs": {{"Team": {{"Value": {{"Ref": "Team"}}}}}}}}"#,
        resources.join(",").replace("{{Fn}}", "v")
    )
}

async fn client(server: &Server) -> Client {
    Client::new(&account(server, DEV).await)
}

/// Creates a change set and waits until it is made.
pub(crate) async fn change_set(
    cfn: &Client,
    name: &str,
    kind: ChangeSetType,
    template: &str,
) -> DescribeChangeSetOutput {
    let team = Parameter::builder().parameter_key("Team").parameter_value("a&b").build();
    let create = cfn.create_change_set().stack_name("app").change_set_name(name).change_set_type(kind);
    let tag = Tag::builder().key("managed-by").value("test").build();
    create.template_body(template).parameters(team).tags(tag).send().await.unwrap();
    loop {
        let made = cfn.describe_change_set().stack_name("app").change_set_name(name).send().await.unwrap();
        match made.status() {
            Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) => {}
            Some(_) | None => return made,
        }
    }
}

/// Executes a change set, and answers every status that the stack had until it stood still.
pub(crate) async fn execute(cfn: &Client, name: &str) -> Vec<StackStatus> {
    let execute = cfn.execute_change_set().stack_name("app").change_set_name(name).disable_rollback(false);
    execute.client_request_token("token-1").send().await.unwrap();
    let mut seen = Vec::new();
    loop {
        let found = cfn.describe_stacks().stack_name("app").send().await.unwrap();
        let status = found.stacks()[0].stack_status().unwrap().clone();
        let done = !status.as_str().ends_with("_IN_PROGRESS");
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        if done {
            return seen;
        }
    }
}

#[tokio::test]
async fn a_change_set_goes_from_creation_to_a_stack() {
    let server = server();
    let cfn = client(&server).await;
    let made = change_set(&cfn, "first", ChangeSetType::Create, &template(MANY, "one")).await;
    assert_eq!(made.status(), Some(&ChangeSetStatus::CreateComplete), "{:?}", made.status_reason());
    assert_eq!(made.execution_status(), Some(&ExecutionStatus::Available));
    assert!(made.next_token().is_some(), "{} changes on the first page", made.changes().len());
    let (mut added, mut token) = (made.changes().len(), made.next_token().map(str::to_owned));
    while let Some(next) = token {
        let page = cfn.describe_change_set().stack_name("app").change_set_name("first").next_token(next);
        let page = page.send().await.unwrap();
        let changes = page.changes().iter().filter_map(|change| change.resource_change());
        added += changes.filter(|change| change.action() == Some(&ChangeAction::Add)).count();
        token = page.next_token().map(str::to_owned);
    }
    assert_eq!(added, MANY);

    assert_eq!(execute(&cfn, "first").await.last(), Some(&StackStatus::CreateComplete));
    let found = cfn.describe_stacks().send().await.unwrap();
    let stack = &found.stacks()[0];
    assert!(stack.change_set_id().unwrap().contains(":changeSet/first/"), "{:?}", stack.change_set_id());
    assert_eq!(stack.description(), Some("<a & b>"));
    assert_eq!(stack.outputs()[0].output_value(), Some("a&b"));
    assert_eq!((stack.tags()[0].key(), stack.tags()[0].value()), (Some("managed-by"), Some("test")));
    assert!(stack.creation_time().is_some() && stack.stack_status_reason().is_none() && stack.role_arn().is_none());

    let events = cfn.describe_stack_events().stack_name("app").into_paginator().items().send();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert!(events.iter().filter(|e| e.resource_status() == Some(&ResourceStatus::CreateComplete)).count() > MANY);
    assert!(events.iter().any(|e| e.client_request_token() == Some("token-1")));
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    let value = ssm.get_parameter().name("/p/7").send().await.unwrap();
    assert_eq!(value.parameter().unwrap().value(), Some("one v"));
}

#[tokio::test]
async fn a_template_without_changes_fails_in_the_words_of_aws() {
    let server = server();
    let cfn = client(&server).await;
    change_set(&cfn, "first", ChangeSetType::Create, &template(1, "one")).await;
    execute(&cfn, "first").await;
    let made = change_set(&cfn, "second", ChangeSetType::Update, &template(1, "one")).await;
    assert_eq!(made.status(), Some(&ChangeSetStatus::Failed));
    assert!(made.status_reason().unwrap().starts_with("The submitted information didn't contain changes."));
    let refused = cfn.execute_change_set().stack_name("app").change_set_name("second").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidChangeSetStatus"));
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let server = server();
    let cfn = client(&server).await;
    let stack = cfn.describe_stacks().stack_name("none").send().await.unwrap_err();
    assert_eq!((stack.code(), stack.message()), (Some("ValidationError"), Some("Stack with id none does not exist")));
    change_set(&cfn, "first", ChangeSetType::Create, &template(1, "one")).await;
    let missing = cfn.describe_change_set().stack_name("app").change_set_name("other").send().await.unwrap_err();
    assert!(missing.into_service_error().is_change_set_not_found_exception());
    assert_eq!(calls(&server, DEV, "cloudformation:CreateChangeSet"), 1);
}

#[tokio::test]
async fn a_parameter_that_somebody_changed_is_drift() {
    let server = server();
    let config = account(&server, DEV).await;
    let cfn = Client::new(&config);
    change_set(&cfn, "first", ChangeSetType::Create, &template(2, "one")).await;
    execute(&cfn, "first").await;
    let tamper = aws_sdk_ssm::Client::new(&config).put_parameter().name("/p/1").value("tampered").overwrite(true);
    tamper.send().await.unwrap();

    let id = cfn.detect_stack_drift().stack_name("app").send().await.unwrap().stack_drift_detection_id.unwrap();
    let found = loop {
        let found = cfn.describe_stack_drift_detection_status().stack_drift_detection_id(&id).send().await.unwrap();
        if found.detection_status() != Some(&StackDriftDetectionStatus::DetectionInProgress) {
            break found;
        }
    };
    assert_eq!(found.stack_drift_status(), Some(&StackDriftStatus::Drifted));
    assert_eq!(found.drifted_stack_resource_count(), Some(1));
    let drifts = cfn.describe_stack_resource_drifts().stack_name("app");
    let drifts = drifts.stack_resource_drift_status_filters(StackResourceDriftStatus::Modified).send().await.unwrap();
    let drift = &drifts.stack_resource_drifts()[0];
    let difference = &drift.property_differences()[0];
    assert_eq!((drift.logical_resource_id(), difference.property_path()), (Some("P1"), Some("/Value")));
    assert_eq!((difference.expected_value(), difference.actual_value()), (Some("one v"), Some("tampered")));
}

#[tokio::test]
async fn a_large_template_is_read_from_s3() {
    let server = server();
    let config = account(&server, DEV).await;
    let (cfn, s3) = (Client::new(&config), aws_sdk_s3::Client::new(&config));
    let place =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION)).build();
    s3.create_bucket().bucket("artifacts").create_bucket_configuration(place).send().await.unwrap();
    let body = template(450, "a value that makes the template larger than a request may hold, as real ones are");
    assert!(body.len() > 51_200);
    let inline = cfn.validate_template().template_body(&body).send().await.unwrap_err();
    assert_eq!(inline.code(), Some("ValidationError"));
    s3.put_object()
        .bucket("artifacts")
        .key("t/app.json")
        .body(ByteStream::from(body.into_bytes()))
        .send()
        .await
        .unwrap();
    let url = format!("{}/artifacts/t/app.json", server.url());
    let create =
        cfn.create_change_set().stack_name("app").change_set_name("first").change_set_type(ChangeSetType::Create);
    create.template_url(url).send().await.unwrap();
    let valid = cfn.get_template_summary().template_url("https://artifacts.s3.eu-central-1.amazonaws.com/t/app.json");
    assert_eq!(valid.send().await.unwrap().resource_types(), ["AWS::SSM::Parameter"]);
}
