//! What wakes an agent between two turns: a queue of the account's own, filled by EventBridge.
//!
//! A message is taken off the queue when it was read, whatever comes of it. One that is lost, comes twice, is forged or of
//! somebody else does no harm: it is a hint where to look ([`event`]), and what nobody hints at is looked at by its schedule.
//!
//! Nothing listens here either: the agent asks its queue.

pub mod event;

use crate::{
    cloud::{CloudError, count::Calls, trouble::trouble},
    eyes::Eyes,
};
use aws_config::SdkConfig;
use aws_sdk_sqs::{Client, config::Builder, types::DeleteMessageBatchRequestEntry};
use event::{Hint, Said};
use manifests::id::AccountId;
use std::{collections::BTreeMap, time::Duration};

/// Where events come from.
pub trait Bell {
    /// Some events, or none when none came within about that time. What was given is not given again.
    fn ring(&self, wait: Duration) -> impl Future<Output = Result<Vec<String>, CloudError>>;
}

/// The bells that there are.
pub enum Door {
    /// A queue.
    Queue(Queue),
    /// None: an agent that wakes by its clock alone.
    Silent,
}

/// An SQS queue.
pub struct Queue {
    sqs: Client,
    url: String,
}

impl Queue {
    /// The longest that SQS lets a poll wait.
    pub const LONGEST: Duration = Duration::from_secs(20);

    /// The queue at this URL, in the region that the URL names.
    pub fn new(aws: &SdkConfig, calls: &Calls, url: &str) -> Self {
        let mut config = Builder::from(aws).interceptor(calls.clone());
        if let Some(region) = region_of(url) {
            config = config.region(aws_sdk_sqs::config::Region::new(region.to_owned()));
        }
        Self { sqs: Client::from_conf(config.build()), url: url.to_owned() }
    }
}

/// `https://sqs.<region>.amazonaws.com/<account>/<name>`
fn region_of(url: &str) -> Option<&str> {
    url.strip_prefix("https://sqs.")?.split_once(".amazonaws.com").map(|(region, _)| region)
}

impl Queue {
    /// Whether it lets itself be read. What is on it stays there for whoever reads it next.
    pub(crate) async fn probe(&self) -> Result<(), CloudError> {
        let call = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(1);
        let call = call.visibility_timeout(0).wait_time_seconds(0).send().await;
        call.map(drop).map_err(|error| trouble("sqs:ReceiveMessage", &error))
    }
}

impl Bell for Queue {
    async fn ring(&self, wait: Duration) -> Result<Vec<String>, CloudError> {
        const MOST: i32 = 10;
        let wait = i32::try_from(wait.min(Self::LONGEST).as_secs()).unwrap_or_default();
        let call = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(MOST).wait_time_seconds(wait);
        let page = call.send().await.map_err(|error| trouble("sqs:ReceiveMessage", &error))?;
        let receipts = page.messages().iter().filter_map(|message| message.receipt_handle());
        let entry = |(number, receipt): (usize, &str)| {
            DeleteMessageBatchRequestEntry::builder().id(number.to_string()).receipt_handle(receipt).build().ok()
        };
        let entries: Vec<_> = receipts.enumerate().filter_map(entry).collect();
        if !entries.is_empty() {
            let call = self.sqs.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
            // One that stays comes again, and does no harm.
            if let Err(error) = call.send().await {
                let error = trouble("sqs:DeleteMessage", &error);
                tracing::warn!(error = %error.said(), "events stay on the queue, and come again");
            }
        }
        Ok(page.messages().iter().filter_map(|message| message.body().map(ToOwned::to_owned)).collect())
    }
}

impl Bell for Door {
    async fn ring(&self, wait: Duration) -> Result<Vec<String>, CloudError> {
        match self {
            Self::Queue(queue) => queue.ring(wait).await,
            Self::Silent => std::future::pending().await,
        }
    }
}

/// Hints that no turn has followed yet. So many fit that a storm is not followed to its end: what is dropped is looked at
/// by its schedule.
#[derive(Debug, Default)]
pub struct Hints {
    by_names: BTreeMap<Vec<String>, Hint>,
    dropped: u64,
}

/// How many different hints wait for a turn.
const WAITING: usize = 500;

impl Hints {
    /// Keeps a hint for the next turn; of those that name the same, the newest.
    pub fn add(&mut self, hint: Hint) {
        if !self.by_names.contains_key(&hint.names) && self.by_names.len() >= WAITING {
            self.dropped += 1;
        } else if self.by_names.get(&hint.names).is_none_or(|known| known.author.at <= hint.author.at) {
            self.by_names.insert(hint.names.clone(), hint);
        }
    }

    /// All that wait, and how many were dropped.
    pub(crate) fn take(&mut self) -> (Vec<Hint>, u64) {
        let Self { by_names, dropped } = std::mem::take(self);
        (by_names.into_values().collect(), dropped)
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.by_names.is_empty()
    }
}

/// Takes in what came. Answers whether there is a reason to make a turn.
pub(crate) fn hear(eyes: &mut Eyes, bodies: &[String], account: &AccountId) -> bool {
    let mut reason = false;
    for body in bodies {
        match event::read(body, account) {
            Said::Touched(hint) if eyes.concerns(&hint) => {
                eyes.hints.add(hint);
                reason = true;
            }
            Said::Stack(key) => reason |= eyes.is_ours(&key),
            Said::Pushed => reason = true,
            Said::Touched(_) | Said::Nothing => {}
        }
    }
    reason
}
