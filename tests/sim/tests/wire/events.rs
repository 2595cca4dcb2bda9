//! EventBridge's events in a queue, received by the SDK.

use crate::{
    door::knock,
    stage::{DEV, REGION, account, server},
};
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use std::time::Duration;

/// A queue that gets the events of its region.
async fn queue(url: &str, sqs: &aws_sdk_sqs::Client) -> String {
    let queue = sqs.create_queue().queue_name("events").send().await.unwrap().queue_url.unwrap();
    let deliver =
        |queue: &str| knock(url, "POST", "events", &json!({ "account": DEV, "region": REGION, "queue": queue })).0;
    assert_eq!((deliver("none"), deliver(&queue)), (404, 200));
    queue
}

#[tokio::test]
async fn what_somebody_writes_is_delivered_at_once() {
    let server = server();
    let config = account(&server, DEV).await;
    let (sqs, ssm) = (aws_sdk_sqs::Client::new(&config), aws_sdk_ssm::Client::new(&config));
    let queue = queue(&server.url(), &sqs).await;
    let waiting = sqs.receive_message().queue_url(&queue).wait_time_seconds(20).send();
    let write = async {
        // The receiver is waiting when its first, empty look has been counted.
        while crate::stage::calls(&server, DEV, "sqs:ReceiveMessage") == 0 {
            tokio::task::yield_now().await;
        }
        ssm.put_parameter().name("/a").value("x").r#type(ParameterType::String).send().await.unwrap();
    };
    let (received, ()) = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(waiting, write) })
        .await
        .expect("the event ends the wait");
    let event: Value = serde_json::from_str(received.unwrap().messages()[0].body().unwrap()).unwrap();
    assert_eq!(
        (&event["detail-type"], &event["detail"]["eventName"]),
        (&"AWS API Call via CloudTrail".into(), &"PutParameter".into())
    );
}

#[tokio::test]
async fn a_storm_is_received_page_by_page() {
    const MANY: usize = 10_000;
    let server = server();
    let sqs = aws_sdk_sqs::Client::new(&account(&server, DEV).await);
    let queue = queue(&server.url(), &sqs).await;
    let storm = json!({ "account": DEV, "region": REGION, "count": MANY });
    assert_eq!(knock(&server.url(), "POST", "storm", &storm).0, 200);
    let mut received = 0;
    // Some pages of it are enough here.
    for _ in 0..20 {
        let page = sqs.receive_message().queue_url(&queue).max_number_of_messages(10).send().await.unwrap();
        let entry = |(at, message): (usize, &aws_sdk_sqs::types::Message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
            entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
        };
        let entries: Vec<_> = page.messages().iter().enumerate().map(entry).collect();
        received += entries.len();
        sqs.delete_message_batch().queue_url(&queue).set_entries(Some(entries)).send().await.unwrap();
    }
    let left = server.world().lock().unwrap().messages(&DEV.parse().unwrap(), &REGION.parse().unwrap(), "events");
    assert_eq!((received, left.unwrap().len()), (200, MANY - 200));
}
