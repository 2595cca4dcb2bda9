//! SNS and SQS.

use crate::stage::{DEV, HUB, account, server};
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use aws_sdk_sqs::{
    error::ProvideErrorMetadata,
    types::{MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry},
};
use sim::wire::Server;
use std::time::Duration;

struct Post {
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    topic: String,
    queue: String,
    subscription: String,
}

/// A topic in one account, and a queue in another that has subscribed to it.
async fn post(server: &Server) -> Post {
    let (dev, hub) = (account(server, DEV).await, account(server, HUB).await);
    let (sns, sqs) = (aws_sdk_sns::Client::new(&dev), aws_sdk_sqs::Client::new(&hub));
    let topic = sns.create_topic().name("reports").send().await.unwrap().topic_arn.unwrap();
    let queue = sqs.create_queue().queue_name("hub").send().await.unwrap().queue_url.unwrap();
    let attributes = sqs.get_queue_attributes().queue_url(&queue).attribute_names(QueueAttributeName::QueueArn);
    let arn = attributes.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
    let subscribe = aws_sdk_sns::Client::new(&hub).subscribe().topic_arn(&topic).protocol("sqs").endpoint(arn);
    let subscription = subscribe.send().await.unwrap().subscription_arn.unwrap();
    Post { sns, sqs, topic, queue, subscription }
}

impl Post {
    async fn receive(&self) -> Vec<aws_sdk_sqs::types::Message> {
        let receive = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        let receive =
            receive.message_attribute_names("All").message_system_attribute_names(MessageSystemAttributeName::All);
        receive.send().await.unwrap().messages.unwrap_or_default()
    }

    async fn set(&self, name: &str, value: &str) {
        let set = self.sns.set_subscription_attributes().subscription_arn(&self.subscription);
        set.attribute_name(name).attribute_value(value).send().await.unwrap();
    }

    async fn publish(&self, message: &str, ring: &str) {
        let publish = self.sns.publish().topic_arn(&self.topic).message(message);
        publish.message_attributes("ring", text(ring)).send().await.unwrap();
    }
}

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

#[tokio::test]
async fn a_message_crosses_accounts_in_its_envelope() {
    let server = server();
    let post = post(&server).await;
    post.publish("hello", "one").await;
    let received = post.receive().await;
    let envelope: serde_json::Value = serde_json::from_str(received[0].body().unwrap()).unwrap();
    assert_eq!((&envelope["Type"], &envelope["Message"]), (&"Notification".into(), &"hello".into()));
    assert_eq!(envelope["TopicArn"], post.topic.as_str());
    assert_eq!(envelope["MessageAttributes"]["ring"]["Value"], "one");
    assert!(received[0].message_attributes().is_none(), "they are in the envelope");
}

#[tokio::test]
async fn raw_delivery_hands_on_message_and_attributes_as_they_are() {
    let server = server();
    let post = post(&server).await;
    post.set("RawMessageDelivery", "true").await;
    post.publish("hello", "one").await;
    let received = post.receive().await;
    assert_eq!(received[0].body(), Some("hello"));
    assert_eq!(received[0].message_attributes().unwrap()["ring"].string_value(), Some("one"));
    assert_eq!(received[0].attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
}

#[tokio::test]
async fn a_filter_policy_keeps_out_what_does_not_match() {
    let server = server();
    let post = post(&server).await;
    post.set("RawMessageDelivery", "true").await;
    post.set("FilterPolicy", r#"{"ring": ["one", {"prefix": "can"}]}"#).await;
    for ring in ["one", "two", "canary"] {
        post.publish(ring, ring).await;
    }
    let received = post.receive().await;
    let bodies: Vec<_> = received.iter().filter_map(|message| message.body()).collect();
    assert_eq!(bodies, ["one", "canary"]);
}

#[tokio::test]
async fn a_message_that_is_too_long_or_goes_nowhere_is_refused() {
    let server = server();
    let post = post(&server).await;
    let publish = |topic: &str, bytes| post.sns.publish().topic_arn(topic).message("x".repeat(bytes)).send();
    assert!(publish(&post.topic, 262_144).await.is_ok());
    assert_eq!(publish(&post.topic, 262_145).await.unwrap_err().code(), Some("InvalidParameter"));
    let nowhere = publish(&format!("{}-none", post.topic), 1).await.unwrap_err();
    assert!(nowhere.into_service_error().is_not_found_exception());
}

#[tokio::test]
async fn a_batch_tells_the_fate_of_each_of_its_messages() {
    let server = server();
    let post = post(&server).await;
    let entry = |id: &str, message: &str| PublishBatchRequestEntry::builder().id(id).message(message).build().unwrap();
    let batch = post.sns.publish_batch().topic_arn(&post.topic);
    let batch = batch.publish_batch_request_entries(entry("a", "x")).publish_batch_request_entries(entry("b", ""));
    let answer = batch.send().await.unwrap();
    assert_eq!(answer.successful()[0].id(), Some("a"));
    assert_eq!((answer.failed()[0].id(), answer.failed()[0].code()), ("b", "InvalidParameter"));
}

#[tokio::test]
async fn a_waiting_receiver_is_woken_by_the_message() {
    let server = server();
    let post = post(&server).await;
    let waiting = post.sqs.receive_message().queue_url(&post.queue).wait_time_seconds(20).send();
    let send = async {
        // The receiver is waiting when its first, empty look has been counted.
        while crate::stage::calls(&server, HUB, "sqs:ReceiveMessage") == 0 {
            tokio::task::yield_now().await;
        }
        post.publish("late", "one").await;
    };
    let (received, ()) = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(waiting, send) })
        .await
        .expect("the message ends the wait");
    assert_eq!(received.unwrap().messages().len(), 1);
}

#[tokio::test]
async fn what_is_received_too_often_lands_in_the_dead_letter_queue() {
    let server = server();
    let post = post(&server).await;
    let dead = post.sqs.create_queue().queue_name("dead").send().await.unwrap().queue_url.unwrap();
    let policy = r#"{"deadLetterTargetArn": "arn:aws:sqs:eu-central-1:222222222222:dead", "maxReceiveCount": 2}"#;
    let set = post.sqs.set_queue_attributes().queue_url(&post.queue);
    let set = set.attributes(QueueAttributeName::RedrivePolicy, policy);
    set.attributes(QueueAttributeName::VisibilityTimeout, "0").send().await.unwrap();
    post.sqs.send_message().queue_url(&post.queue).message_body("poison").send().await.unwrap();
    for _ in 0..2 {
        assert_eq!(post.receive().await.len(), 1);
    }
    assert!(post.receive().await.is_empty());
    let buried = post.sqs.receive_message().queue_url(dead).send().await.unwrap();
    assert_eq!(buried.messages()[0].body(), Some("poison"));
}

#[tokio::test]
async fn a_deleted_message_is_gone_and_a_hidden_one_comes_back() {
    let server = server();
    let post = post(&server).await;
    let entry = |id: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(id).build().unwrap();
    let send = post.sqs.send_message_batch().queue_url(&post.queue).entries(entry("a")).entries(entry("b"));
    assert_eq!(send.send().await.unwrap().successful().len(), 2);
    let received = post.receive().await;
    let handle = |at: usize| received[at].receipt_handle().unwrap();
    post.sqs.delete_message().queue_url(&post.queue).receipt_handle(handle(0)).send().await.unwrap();
    assert!(post.receive().await.is_empty(), "the other one is hidden");
    let show = post.sqs.change_message_visibility().queue_url(&post.queue).receipt_handle(handle(1));
    show.visibility_timeout(0).send().await.unwrap();
    let again = post.receive().await;
    assert_eq!((again.len(), again[0].body()), (1, received[1].body()));
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_the_error_that_the_sdk_knows() {
    let server = server();
    let sqs = aws_sdk_sqs::Client::new(&account(&server, DEV).await);
    let missing = sqs.get_queue_url().queue_name("none").send().await.unwrap_err();
    assert!(missing.into_service_error().is_queue_does_not_exist());
}
