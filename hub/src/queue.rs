//! The SQS queue, as the hub uses it: a long poll, and a delete; where there is more than one answer holds, several at once. Retries
//! are the SDK's.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{DeleteMessageBatchRequestEntry, MessageSystemAttributeName},
};
use futures_util::future::join_all;
use jiff::Timestamp;
use std::{error::Error, time::Duration};

/// Where messages come from. SQS in the program, a list in the tests.
pub trait Inbox {
    /// What `receive` gives and `delete` takes.
    type Message: Delivered;

    /// Some messages, or none when none came within about that time. A message comes again until it is deleted.
    fn receive(&self, wait: Duration) -> impl Future<Output = Result<Vec<Self::Message>, QueueError>>;

    /// Takes messages off the queue.
    fn delete(&self, messages: &[Self::Message]) -> impl Future<Output = Result<(), QueueError>>;
}

/// A message as a queue hands it over.
pub trait Delivered: AsRef<str> {
    /// When it was sent, if the queue says so.
    fn sent(&self) -> Option<Timestamp> {
        None
    }
}

impl Delivered for String {}

/// A call to the queue that did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call} failed: {why}")]
pub struct QueueError {
    /// `service:Action`, as an IAM policy spells it.
    pub call: &'static str,
    /// AWS's own words, or the connection's.
    pub why: String,
}

/// A queue of AWS.
#[derive(Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

/// One message as SQS gave it.
#[derive(Debug)]
pub struct Message {
    body: String,
    receipt: String,
    sent: Option<Timestamp>,
}

impl Delivered for Message {
    fn sent(&self) -> Option<Timestamp> {
        self.sent
    }
}

impl AsRef<str> for Message {
    fn as_ref(&self) -> &str {
        &self.body
    }
}

impl Queue {
    /// The longest that SQS lets a poll wait.
    pub const LONGEST_POLL: Duration = Duration::from_secs(20);

    /// The queue at this URL, in the region that the URL names, with credentials from the usual places.
    pub async fn open(url: &str) -> Self {
        let mut config = aws_config::defaults(BehaviorVersion::v2026_01_12());
        if let Some(region) = region_of(url) {
            config = config.region(Region::new(region.to_owned()));
        }
        Self { client: Client::new(&config.load().await), url: url.to_owned() }
    }
}

impl Inbox for Queue {
    type Message = Message;

    async fn receive(&self, wait: Duration) -> Result<Vec<Message>, QueueError> {
        // Never 0: that is a short poll, which asks some of SQS's servers and may miss what lies on the others.
        let wait = i32::try_from(wait.min(Self::LONGEST_POLL).as_secs()).unwrap_or(1).max(1);
        let mut all = self.some(wait).await?;
        if all.len() == MOST {
            // What these miss, the next poll finds; and what they could not do, it says.
            let more = join_all((1..AT_ONCE).map(|_| self.some(0))).await;
            all.extend(more.into_iter().flatten().flatten());
        }
        Ok(all)
    }

    async fn delete(&self, messages: &[Message]) -> Result<(), QueueError> {
        join_all(messages.chunks(MOST).map(|some| self.delete_some(some))).await.into_iter().collect()
    }
}

/// As many messages as SQS gives, or takes, at once.
const MOST: usize = 10;

/// How many answers are read at once while there is more: one write to the disk keeps them all.
const AT_ONCE: usize = 4;

impl Queue {
    async fn some(&self, wait: i32) -> Result<Vec<Message>, QueueError> {
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(MOST as i32);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let answer =
            request.wait_time_seconds(wait).send().await.map_err(|error| failed("sqs:ReceiveMessage", &error))?;
        let message = |message: aws_sdk_sqs::types::Message| Message {
            body: message.body.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
            sent: message.attributes.and_then(|all| sent(all.get(&MessageSystemAttributeName::SentTimestamp)?)),
        };
        Ok(answer.messages.unwrap_or_default().into_iter().map(message).collect())
    }

    async fn delete_some(&self, messages: &[Message]) -> Result<(), QueueError> {
        const CALL: &str = "sqs:DeleteMessage";
        let entry = |(n, message): (usize, &Message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle(&message.receipt);
            entry.build().expect("an entry with id and receipt is whole")
        };
        let entries = messages.iter().enumerate().map(entry).collect();
        let request = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = request.send().await.map_err(|error| failed(CALL, &error))?;
        answer.failed.first().map_or(Ok(()), |first| {
            let (count, code) = (answer.failed.len(), &first.code);
            let why =
                format!("{count} of {}: {code}: {}", messages.len(), first.message.as_deref().unwrap_or("no reason"));
            Err(QueueError { call: CALL, why })
        })
    }
}

/// Milliseconds since 1970.
fn sent(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(text.parse().ok()?).ok()
}

/// `eu-central-1` of `https://sqs.eu-central-1.amazonaws.com/…`; nothing for an endpoint of another shape.
fn region_of(url: &str) -> Option<&str> {
    let host = url.strip_prefix("https://sqs.")?.split('/').next()?;
    host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))
}

fn failed<E: Error + ProvideErrorMetadata + 'static>(call: &'static str, error: &SdkError<E>) -> QueueError {
    QueueError { call, why: why(error) }
}

/// AWS's code and sentence; without an answer, the chain of causes.
pub(crate) fn why<E: Error + ProvideErrorMetadata + 'static>(error: &SdkError<E>) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => crate::chain(error),
    }
}

#[cfg(test)]
mod tests {
    use super::region_of;

    #[test]
    fn a_queue_of_aws_names_its_region() {
        let check = |url, expect| assert_eq!(region_of(url), expect, "{url}");
        check("https://sqs.eu-central-1.amazonaws.com/111111111111/reports", Some("eu-central-1"));
        check("https://sqs.cn-north-1.amazonaws.com.cn/111111111111/reports", Some("cn-north-1"));
        check("http://127.0.0.1:4566/111111111111/reports", None);
        check("https://sqs.internal/111111111111/reports", None);
    }
}
