//! The shipped program as a function of somebody else's Lambda: `provided.al2023`, its code a zip with the program as
//! `bootstrap`, woken by a queue through an event source mapping, and invoked as a schedule invokes it.

use super::account::{Account, run};
use crate::{
    binary::{program_at, until},
    site::parameter,
    wire::request,
    world::HOME,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The program in a zip. Without what only a debugger reads: it would be six times as large.
pub(super) fn zipped(folder: &Path) -> PathBuf {
    let bootstrap = folder.join("bootstrap");
    let stripped = Command::new("strip").arg("-o").arg(&bootstrap).arg(program_at("holdfast")).status();
    assert!(stripped.unwrap().success(), "`strip` of binutils, which Rust's linker brings along");
    let zip = ["-m", "zipfile", "-c", "code.zip", "bootstrap"];
    run(Command::new("python3").args(zip).current_dir(folder)).unwrap();
    folder.join("code.zip")
}

/// A call of Lambda, which speaks REST.
#[track_caller]
fn lambda(account: &Account, path: &str, body: &Value) -> Value {
    let credential = account.operator.credential("lambda");
    let headers = [("Authorization", &*credential), ("Content-Type", "application/json")];
    let answer = request("POST", &account.operator.endpoint, path, &headers, &body.to_string()).unwrap();
    assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    serde_json::from_str(&answer.body).unwrap_or_default()
}

#[test]
fn a_function_converges_when_its_schedule_says_so_and_heals_when_the_queue_wakes_it() {
    let Some(account) = Account::new() else { return };
    let (folder, operator) = (tempfile::tempdir().unwrap(), &account.operator);
    account.write("stack", "drift: {mode: heal}", &parameter("stack", "one"));
    account.repository.commit();
    let queue = "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: events, VisibilityTimeout: 120}}}";
    operator.create("events", queue);
    until("the queue", || operator.status("events").as_deref() == Some("CREATE_COMPLETE"));
    let set = json!({
        "AWS_ENDPOINT_URL": operator.endpoint, "AWS_ACCESS_KEY_ID": operator.account, "AWS_SECRET_ACCESS_KEY": "simulated",
        "HOLDFAST_REPOSITORY": account.repository.folder(), "HOLDFAST_CACHE": folder.path().join("cache"),
        "HOLDFAST_DRIFT_CALLS": "1000", "HOLDFAST_INTERVAL": "5m",
    });
    let made = json!({
        "FunctionName": "holdfast", "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 60, "MemorySize": 256,
        "Role": format!("arn:aws:iam::{}:role/holdfast", operator.account), "Code": {"ZipFile": STANDARD.encode(fs::read(zipped(folder.path())).unwrap())},
        "Environment": {"Variables": set},
    });
    lambda(&account, "/2015-03-31/functions", &made);
    let tick = || lambda(&account, "/2015-03-31/functions/holdfast/invocations", &json!({}));
    let answer = tick();
    assert_eq!(answer["report"]["state"], "in-sync", "{answer}");
    assert_eq!(operator.parameter("/stack").as_deref(), Some("one"));

    let arn = format!("arn:aws:sqs:{HOME}:{}:events", operator.account);
    let mapping = json!({"FunctionName": "holdfast", "EventSourceArn": arn, "BatchSize": 10, "Enabled": true});
    lambda(&account, "/2015-03-31/event-source-mappings/", &mapping);
    operator.put("/stack", "String", "tampered");
    let event = json!({
        "account": operator.account, "source": "aws.ssm", "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "ssm.amazonaws.com", "eventName": "PutParameter", "eventTime": "2026-11-26T10:00:00Z",
            "eventID": "1", "awsRegion": HOME, "readOnly": false,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/mallory"},
            "requestParameters": {"name": "/stack"},
        },
    });
    let queue = format!("{}/{}/events", operator.endpoint, operator.account);
    let send = json!({ "QueueUrl": queue, "MessageBody": event.to_string() });
    let (status, answer) = operator.json("sqs", "application/x-amz-json-1.0", "AmazonSQS.SendMessage", &send);
    assert_eq!(status, 200, "{answer}");
    until("the heal", || operator.parameter("/stack").as_deref() == Some("one"));
    until("its end", || tick()["report"]["state"] == "healed");
}
