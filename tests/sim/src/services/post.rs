//! What is under way in all accounts: the messages of every queue.
//!
//! Queues themselves are resources of an account's store; their messages are not, since no template asks for them.
//! A queue that was deleted and made again starts empty.

use super::{message::Attributes, queue::Queue};
use crate::{seed::Seed, store::Resource};
use jiff::Timestamp;
use manifests::id::{AccountId, Region};
use serde::Serialize;
use std::collections::BTreeMap;

/// Where a queue is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Whose it is.
    pub account: AccountId,
    /// Its region.
    pub region: Region,
    /// Its name.
    pub name: String,
}

/// The messages of every queue.
#[derive(Debug)]
pub struct Post {
    boxes: BTreeMap<Address, Mailbox>,
    ids: Seed,
}

#[derive(Debug, Clone, Serialize)]
struct Mailbox {
    /// When the queue that these messages are in was made.
    made: Timestamp,
    queue: Queue,
}

/// A message on its way into a queue.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What it says.
    pub body: String,
    /// Its message attributes.
    pub attributes: Attributes,
    /// Who sent it.
    pub sender: String,
    /// From when on it can be received.
    pub visible: Timestamp,
}

impl Address {
    /// The queue of an ARN, `arn:aws:sqs:region:account:name`.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.strip_prefix("arn:aws:sqs:")?.split(':');
        let (region, account, name) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        Some(Self { account, region, name: name.to_owned() })
    }

    /// The queue of a URL, which ends in `/account/name` whatever its host is.
    pub fn of_url(url: &str, region: &Region) -> Option<Self> {
        let mut parts = url.trim_end_matches('/').rsplit('/');
        let (name, account) = (parts.next()?, parts.next()?.parse().ok()?);
        Some(Self { account, region: region.clone(), name: name.to_owned() })
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        format!("arn:aws:sqs:{}:{}:{}", self.region, self.account, self.name)
    }

    /// Its URL, which is also its resource's physical id.
    pub fn url(&self) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{}", self.region, self.account, self.name)
    }
}

impl Post {
    /// No messages; message ids follow the seed.
    pub fn new(seed: u64) -> Self {
        Self { boxes: BTreeMap::new(), ids: Seed::of(seed, "post") }
    }

    /// The messages of the queue that this resource is.
    pub fn queue(&mut self, address: &Address, resource: &Resource) -> &mut Queue {
        let made = resource.created;
        let empty = || Mailbox { made, queue: Queue::default() };
        let mailbox = self.boxes.entry(address.clone()).or_insert_with(empty);
        if mailbox.made != made {
            *mailbox = empty();
        }
        &mut mailbox.queue
    }

    /// What the messages of a queue say, oldest first.
    pub(crate) fn bodies(&self, address: &Address) -> Vec<String> {
        self.boxes.get(address).into_iter().flat_map(|mailbox| mailbox.queue.bodies()).map(str::to_owned).collect()
    }

    /// A message id that was not used before.
    pub fn id(&mut self) -> String {
        self.ids.uuid()
    }

    /// Everything in one account's queues, for people: by ARN.
    pub fn of(&self, account: &AccountId) -> serde_json::Value {
        let own = self.boxes.iter().filter(|(address, _)| address.account == *account);
        own.map(|(address, mailbox)| (address.arn(), serde_json::json!(mailbox.queue)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}
