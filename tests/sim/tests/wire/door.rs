//! The operator's side door, and the program in front of it.

use crate::stage::{DEV, REGION, account, calls, server};
use aws_sdk_ssm::{error::ProvideErrorMetadata, types::ParameterType};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

/// One request of the side door, and its answer's status and JSON (or text).
pub(crate) fn knock(url: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    exchange(url, &format!("{method} /_sim/{path}"), "", body)
}

/// One plain request with further headers, each with its line's end before it.
pub(crate) fn exchange(url: &str, what: &str, headers: &str, body: &Value) -> (u16, Value) {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let body = body.to_string();
    let head =
        format!("{what} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}{headers}", body.len());
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| body.into()))
}

#[tokio::test]
async fn faults_can_be_planted_and_cleared() {
    let server = server();
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    let rule = json!({ "action": "ssm:Describe*", "account": DEV, "fault": "denied" });
    assert_eq!(knock(&server.url(), "POST", "faults", &rule).0, 200);
    let denied = ssm.describe_parameters().send().await.unwrap_err();
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    assert_eq!(knock(&server.url(), "DELETE", "faults", &Value::Null).0, 200);
    assert!(ssm.describe_parameters().send().await.is_ok());
}

#[tokio::test]
async fn calls_are_counted_and_counted_from_zero_again() {
    let server = server();
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    ssm.put_parameter().name("/a").value("x").r#type(ParameterType::String).send().await.unwrap();
    let (_, counted) = knock(&server.url(), "GET", "calls", &Value::Null);
    assert_eq!(counted[DEV]["ssm:PutParameter"]["calls"], 1);
    assert_eq!(knock(&server.url(), "DELETE", "calls", &Value::Null).0, 200);
    assert_eq!(knock(&server.url(), "GET", "calls", &Value::Null).1[DEV], json!({}));
    assert_eq!(calls(&server, DEV, "ssm:PutParameter"), 0);
}

#[tokio::test]
async fn a_whole_account_is_shown() {
    let server = server();
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    ssm.put_parameter().name("/a").value("x").r#type(ParameterType::String).send().await.unwrap();
    let (_, shown) = knock(&server.url(), "GET", &format!("accounts/{DEV}"), &Value::Null);
    let resource = &shown["resources"][0];
    assert_eq!((&resource["key"]["id"], &resource["resource"]["properties"]["Value"]), (&"/a".into(), &"x".into()));
}

#[tokio::test]
async fn a_resource_is_changed_deleted_and_put_there_behind_everyones_back() {
    let server = server();
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    let value = async || Some(ssm.get_parameter().name("/a").send().await.ok()?.parameter?.value?);
    let act = |what: &str, more: Value| {
        let mut body = json!({ "account": DEV, "region": REGION, "type": "AWS::SSM::Parameter", "id": "/a" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        knock(&server.url(), "POST", what, &body).0
    };
    assert_eq!(act("place", json!({ "properties": { "Type": "String", "Value": "one" } })), 200);
    assert_eq!(value().await.as_deref(), Some("one"));
    assert_eq!(act("drift", json!({ "property": "Value", "value": "two" })), 200);
    assert_eq!(value().await.as_deref(), Some("two"));
    assert_eq!(act("drift", json!({ "property": "Value", "vlaue": "typo" })), 400);
    assert_eq!(act("delete", json!({})), 200);
    assert_eq!((value().await, act("delete", json!({}))), (None, 404));
}

#[tokio::test]
async fn time_passes_when_it_is_told_to() {
    let server = server();
    let time = |answer: (u16, Value)| answer.1["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    knock(&server.url(), "POST", "time", &json!({ "frozen": true }));
    let before = time(knock(&server.url(), "GET", "health", &Value::Null));
    knock(&server.url(), "POST", "time", &json!({ "pass": "10m" }));
    let after = time(knock(&server.url(), "GET", "health", &Value::Null));
    assert_eq!(after.duration_since(before).as_secs(), 600);
}

#[test]
fn what_the_door_does_not_have_is_named() {
    let server = server();
    for (method, path, body, status) in [
        ("GET", "nothing", Value::Null, 404),
        ("POST", "faults", json!({ "action": "*", "fault": "meteor" }), 400),
        ("POST", "time", json!({ "pass": "soon" }), 400),
        ("GET", "accounts/1", Value::Null, 400),
        ("POST", "delete", json!({ "account": DEV }), 400),
        ("POST", "delete", json!({ "account": DEV, "region": REGION, "stack": "none", "logical": "A" }), 404),
    ] {
        let (answered, error) = knock(&server.url(), method, path, &body);
        assert!(answered == status && error["error"].is_string(), "{method} {path}: {answered} {error}");
    }
    let (status, help) = knock(&server.url(), "GET", "help", &Value::Null);
    assert!(status == 200 && help.as_str().unwrap().contains("/_sim/drift"), "{help}");
}

fn program(port: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast-sim"));
    command.args(["serve", "--port", port, "--exit-when-stdin-closes", "--accounts", "333333333333=prod"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn the_program_tells_its_port_and_goes_with_its_parent() {
    let mut child = program("0");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap().strip_prefix("listening on ").unwrap().to_owned();
    let (status, health) = knock(&url, "GET", "health", &Value::Null);
    assert_eq!((status, &health["accounts"]), (200, &json!(["333333333333"])));

    let port = url.rsplit(':').next().unwrap();
    let second = program(port).wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && complaint.contains("--port"), "{complaint}");

    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(lines.any(|line| line.unwrap().contains("AWS_ACCESS_KEY_ID=333333333333")));
}
