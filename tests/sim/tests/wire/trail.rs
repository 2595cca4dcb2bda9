//! CloudTrail's event history, over the wire.

use crate::{
    cloudformation::{change_set, execute, template},
    door::{exchange, knock},
    stage::{DEV, REGION, account, server},
};
use aws_sdk_cloudformation::types::ChangeSetType;
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use sim::wire::Server;

/// LookupEvents, as a client without an SDK asks for it.
fn look(server: &Server, asked: &Value) -> (u16, Value) {
    let headers = format!(
        "\r\nauthorization: AWS4-HMAC-SHA256 Credential={DEV}/20260101/{REGION}/cloudtrail/aws4_request\
         \r\ncontent-type: application/x-amz-json-1.1\
         \r\nx-amz-target: com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
    );
    exchange(&server.url(), "POST /", &headers, asked)
}

fn names(found: &Value) -> Vec<&str> {
    found["Events"].as_array().unwrap().iter().map(|event| event["EventName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_comes_through_the_side_door_is_looked_up_with_who_did_it() {
    let server = server();
    let which = json!({ "account": DEV, "region": REGION, "type": "AWS::SSM::Parameter", "id": "/a" });
    let act = |what: &str, more: Value| {
        let mut body = which.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(knock(&server.url(), "POST", what, &body).0, 200, "{what} {body}");
    };
    act("place", json!({ "properties": { "Type": "String", "Value": "one" } }));
    let eve = "arn:aws:iam::111111111111:user/eve";
    act("drift", json!({ "property": "Value", "value": "two", "by": eve, "from": "203.0.113.9" }));
    act("delete", json!({}));
    let asked = json!({ "LookupAttributes": [{ "AttributeKey": "Username", "AttributeValue": "eve" }] });
    let (status, found) = look(&server, &asked);
    assert_eq!((status, names(&found)), (200, vec!["PutParameter"]));
    let event = &found["Events"][0];
    assert_eq!((&event["ReadOnly"], &event["EventSource"]), (&json!("false"), &json!("ssm.amazonaws.com")));
    assert!(event["EventTime"].is_number());
    let record: Value = serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!((&record["userIdentity"]["arn"], &record["sourceIPAddress"]), (&json!(eve), &json!("203.0.113.9")));
    assert_eq!(names(&look(&server, &json!({})).1), ["DeleteParameter", "PutParameter", "PutParameter"]);
    let (status, refused) = look(&server, &json!({ "MaxResults": 51 }));
    assert_eq!((status, &refused["__type"]), (400, &json!("InvalidMaxResultsException")));
}

#[tokio::test]
async fn writes_over_the_wire_are_recorded_and_reads_are_not() {
    let server = server();
    let config = account(&server, DEV).await;
    let cfn = aws_sdk_cloudformation::Client::new(&config);
    change_set(&cfn, "first", ChangeSetType::Create, &template(1, "one")).await;
    execute(&cfn, "first").await;
    let ssm = aws_sdk_ssm::Client::new(&config);
    ssm.put_parameter().name("/mine").value("x").r#type(ParameterType::String).send().await.unwrap();
    ssm.put_parameter().name("/mine").value("x").r#type(ParameterType::String).send().await.unwrap_err();
    let sqs = aws_sdk_sqs::Client::new(&config);
    let queue = sqs.create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(&queue).message_body("data").send().await.unwrap();
    let (_, found) = look(&server, &json!({}));
    assert_eq!(names(&found), ["CreateQueue", "PutParameter", "ExecuteChangeSet", "CreateChangeSet"]);
    let record: Value = serde_json::from_str(found["Events"][3]["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!(record["userIdentity"]["type"], "Root");
    assert_eq!(record["requestParameters"]["stackName"], "app");
    assert!(record["requestParameters"]["templateBody"].is_null());
    let put: Value = serde_json::from_str(found["Events"][1]["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!(put["requestParameters"], json!({ "name": "/mine", "type": "String" }));
}
