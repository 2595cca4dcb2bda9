//! What goes wrong on purpose, as the SDK sees it.

use crate::stage::{DEV, account, calls, server};
use aws_sdk_ssm::{error::ProvideErrorMetadata, types::ParameterType};
use sim::{
    fault::{Fault, Rule},
    wire::Server,
};
use std::time::Duration;

fn plant(server: &Server, action: &str, count: u64, fault: Fault) {
    let rule =
        Rule { action: action.to_owned(), account: None, after: 0, count: Some(count), probability: None, fault };
    server.world().lock().unwrap().faults.add(rule);
}

#[tokio::test]
async fn a_throttled_call_is_tried_again_and_each_attempt_counts() {
    let server = server();
    plant(&server, "ssm:PutParameter", 2, Fault::Throttle);
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    ssm.put_parameter().name("/a").value("x").r#type(ParameterType::String).send().await.unwrap();
    assert_eq!(calls(&server, DEV, "ssm:PutParameter"), 3);
    let traffic = server.traffic(&DEV.parse().unwrap())["ssm:PutParameter"];
    assert_eq!(traffic.calls, 3);
    assert!(traffic.bytes_in > 0 && traffic.bytes_out > 0);
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_work_leaves_the_work_done() {
    let server = server();
    plant(&server, "ssm:PutParameter", 1, Fault::TimeoutAfter);
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    let put = ssm.put_parameter().name("/a").value("x").r#type(ParameterType::String).send().await;
    // The SDK tries again, and finds its own work.
    assert_eq!(put.unwrap_err().code(), Some("ParameterAlreadyExists"));
    assert_eq!(calls(&server, DEV, "ssm:PutParameter"), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_work_is_tried_again() {
    for fault in [Fault::Reset, Fault::TimeoutBefore, Fault::Server { status: 503 }, Fault::Server { status: 500 }] {
        let server = server();
        plant(&server, "ssm:PutParameter", 1, fault.clone());
        let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
        let put = ssm.put_parameter().name("/a").value("x").r#type(ParameterType::String).send().await.unwrap();
        assert_eq!((put.version(), calls(&server, DEV, "ssm:PutParameter")), (1, 2), "{fault:?}");
    }
}

#[tokio::test]
async fn expired_and_missing_rights_are_told_in_the_words_of_each_service() {
    let server = server();
    plant(&server, "*", 3, Fault::ExpiredToken);
    let config = account(&server, DEV).await;
    let (ssm, sns) = (aws_sdk_ssm::Client::new(&config), aws_sdk_sns::Client::new(&config));
    let s3 = aws_sdk_s3::Client::new(&config);
    assert_eq!(ssm.describe_parameters().send().await.unwrap_err().code(), Some("ExpiredTokenException"));
    assert_eq!(sns.list_topics().send().await.unwrap_err().code(), Some("ExpiredToken"));
    assert_eq!(s3.list_buckets().send().await.unwrap_err().code(), Some("ExpiredToken"));
    server.world().lock().unwrap().faults.clear();
    plant(&server, "ssm:*", 1, Fault::Denied);
    assert_eq!(ssm.describe_parameters().send().await.unwrap_err().code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn an_answer_that_comes_too_late_finds_its_caller_gone_and_its_work_done() {
    let server = server();
    let delay = [serde_json::json!({ "action": "ssm:PutParameter", "milliseconds": 60_000 })];
    assert_eq!(crate::door::knock(&server.url(), "PUT", "delays", &serde_json::json!(delay)).0, 200);
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    let put = ssm.put_parameter().name("/a").value("x").r#type(ParameterType::String).customize();
    let limit = aws_sdk_ssm::config::timeout::TimeoutConfig::builder().operation_timeout(Duration::from_millis(300));
    let late = put.config_override(aws_sdk_ssm::config::Builder::new().timeout_config(limit.build())).send().await;
    assert!(late.is_err());
    assert!(ssm.get_parameter().name("/a").send().await.is_ok());
}
