//! Drift and what heals it, as the SDK sees them.

use crate::{
    cloudformation::{change_set, execute, template},
    door::knock,
    stage::{DEV, account, server},
};
use aws_sdk_cloudformation::{
    Client,
    types::{
        ChangeSetStatus, ChangeSetType, DeploymentMode, StackDriftDetectionStatus, StackDriftStatus,
        StackResourceDriftStatus,
    },
};
use serde_json::{Value, json};

/// Lets drift detection run to its end, and answers how it ended.
pub(crate) async fn detect(cfn: &Client, stack: &str) -> (StackDriftDetectionStatus, StackDriftStatus) {
    let id = cfn.detect_stack_drift().stack_name(stack).send().await.unwrap().stack_drift_detection_id.unwrap();
    loop {
        let found = cfn.describe_stack_drift_detection_status().stack_drift_detection_id(&id).send().await.unwrap();
        let status = found.detection_status().unwrap().clone();
        if status != StackDriftDetectionStatus::DetectionInProgress {
            return (status, found.stack_drift_status().unwrap().clone());
        }
    }
}

/// Asks for a change set that reverts drift, and waits until it is made.
pub(crate) async fn revert(
    cfn: &Client,
    body: &str,
) -> aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput {
    let create = cfn.create_change_set().stack_name("app").change_set_name("heal").template_body(body);
    let create = create.change_set_type(ChangeSetType::Update).deployment_mode(DeploymentMode::RevertDrift);
    create.send().await.unwrap();
    loop {
        let made = cfn.describe_change_set().stack_name("app").change_set_name("heal").send().await.unwrap();
        match made.status() {
            Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) => {}
            Some(_) | None => return made,
        }
    }
}

#[tokio::test]
async fn drift_is_told_at_the_stack_at_its_resources_and_in_the_change_set_that_reverts_it() {
    let server = server();
    let config = account(&server, DEV).await;
    let (cfn, body) = (Client::new(&config), template(2, "one"));
    change_set(&cfn, "first", ChangeSetType::Create, &body).await;
    execute(&cfn, "first").await;
    let drift = |listed: aws_sdk_cloudformation::operation::list_stacks::ListStacksOutput| {
        listed.stack_summaries()[0].drift_information().unwrap().clone()
    };
    let before = drift(cfn.list_stacks().send().await.unwrap());
    assert_eq!(before.stack_drift_status(), Some(&StackDriftStatus::NotChecked));
    let tamper = aws_sdk_ssm::Client::new(&config).put_parameter().name("/p/1").value("tampered").overwrite(true);
    tamper.send().await.unwrap();
    assert_eq!(detect(&cfn, "app").await, (StackDriftDetectionStatus::DetectionComplete, StackDriftStatus::Drifted));

    let after = drift(cfn.list_stacks().send().await.unwrap());
    assert_eq!(after.stack_drift_status(), Some(&StackDriftStatus::Drifted));
    assert!(after.last_check_timestamp().is_some());
    let described = cfn.describe_stacks().stack_name("app").send().await.unwrap();
    let described = described.stacks()[0].drift_information().unwrap();
    assert_eq!(described.stack_drift_status(), Some(&StackDriftStatus::Drifted));
    let resources = cfn.list_stack_resources().stack_name("app").send().await.unwrap();
    let statuses: Vec<_> = resources
        .stack_resource_summaries()
        .iter()
        .map(|resource| resource.drift_information().unwrap().stack_resource_drift_status().unwrap().clone())
        .collect();
    assert_eq!(statuses, [StackResourceDriftStatus::InSync, StackResourceDriftStatus::Modified]);

    let made = revert(&cfn, &body).await;
    assert_eq!(made.status(), Some(&ChangeSetStatus::CreateComplete), "{:?}", made.status_reason());
    assert_eq!(made.deployment_mode(), Some(&DeploymentMode::RevertDrift));
    assert_eq!(made.stack_drift_status(), Some(&StackDriftStatus::Drifted));
    let [change] = made.changes() else { panic!("{:?}", made.changes()) };
    let change = change.resource_change().unwrap();
    assert_eq!(change.resource_drift_status(), Some(&StackResourceDriftStatus::Modified));
    let told = change.details()[0].target().unwrap().drift().unwrap();
    assert_eq!((told.previous_value(), told.actual_value()), (Some("one v"), Some("tampered")));
    execute(&cfn, "heal").await;
    assert_eq!(detect(&cfn, "app").await.1, StackDriftStatus::InSync);
}

#[tokio::test]
async fn quirks_come_and_go_through_the_side_door() {
    let server = server();
    let (cfn, body) = (Client::new(&account(&server, DEV).await), template(2, "one"));
    change_set(&cfn, "first", ChangeSetType::Create, &body).await;
    execute(&cfn, "first").await;
    let quirks = [
        json!({ "stack": "app", "logical": "P1", "quirk": "phantom" }),
        json!({ "stack": "a*", "logical": "P0", "quirk": { "dropped": { "onlyWithValues": true } } }),
        json!({ "account": DEV, "stack": "app", "logical": "P0", "quirk": "detectionFails" }),
    ];
    for quirk in quirks {
        assert_eq!(knock(&server.url(), "POST", "quirks", &quirk).0, 200);
    }
    assert_eq!(knock(&server.url(), "POST", "quirks", &json!({ "stack": "app", "quirk": "sneeze" })).0, 400);
    assert_eq!(detect(&cfn, "app").await.0, StackDriftDetectionStatus::DetectionFailed);
    let made = revert(&cfn, &body).await;
    let change = made.changes()[0].resource_change().unwrap();
    let told = (change.logical_resource_id(), change.resource_drift_status());
    assert_eq!(told, (Some("P1"), Some(&StackResourceDriftStatus::InSync)));
    execute(&cfn, "heal").await;
    let (_, shown) = knock(&server.url(), "GET", &format!("accounts/{DEV}"), &Value::Null);
    let touched: Vec<_> =
        shown["resources"].as_array().unwrap().iter().map(|live| &live["resource"]["touched"]).collect();
    assert_eq!(touched, [&json!(0), &json!(1)]);

    assert_eq!(knock(&server.url(), "DELETE", "quirks", &Value::Null).0, 200);
    assert_eq!(detect(&cfn, "app").await.0, StackDriftDetectionStatus::DetectionComplete);
    assert_eq!(revert(&cfn, &body).await.status(), Some(&ChangeSetStatus::Failed));
}
