//! SQS over the account's `AWS::SQS::Queue` resources ("Amazon SQS API Reference", JSON protocol).
//!
//! Standard queues only: a FIFO queue is refused. Policies are kept and not evaluated. Visibility follows the world's
//! clock; how long a receiver waits for a message is the caller's real time, and [`crate::wire::server`]'s business.

mod messages;

use super::{
    Place, input,
    post::{Address, Post},
    refused, unknown,
};
use crate::{
    fault::Refusal,
    store::{Key, Properties, Resource},
    world::World,
};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const KIND: &str = "AWS::SQS::Queue";

/// The attributes that are numbers: name, default, least, most.
const NUMBERS: [(&str, i64, i64, i64); 5] = [
    ("DelaySeconds", 0, 0, 900),
    ("MaximumMessageSize", 1_048_576, 1024, 1_048_576),
    ("MessageRetentionPeriod", 345_600, 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0, 20),
    ("VisibilityTimeout", 30, 0, 43_200),
];

/// The attributes that are not numbers and can be set.
const OTHERS: [&str; 6] = [
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
];

/// Does one `AmazonSQS` action.
///
/// # Errors
/// What SQS would refuse, with its code.
pub fn call(world: &mut World, post: &mut Post, at: &Place<'_>, action: &str, body: &[u8]) -> Result<Value, Refusal> {
    match action {
        "CreateQueue" => create(world, at, input(body)?),
        "GetQueueUrl" => url(world, at, &input(body)?),
        "ListQueues" => Ok(list(world, at, &input(body)?)),
        "GetQueueAttributes" => attributes(world, post, at, &input(body)?),
        "SetQueueAttributes" => set_attributes(world, at, &input(body)?),
        "DeleteQueue" => delete(world, at, &input(body)?),
        "PurgeQueue" => {
            let desk = Desk::open(world, post, at, &input::<Named>(body)?.queue_url)?;
            desk.queue.purge();
            Ok(json!({}))
        }
        "SendMessage" => messages::send(world, post, at, input(body)?),
        "SendMessageBatch" => messages::send_batch(world, post, at, input(body)?),
        "ReceiveMessage" => messages::receive(world, post, at, &input(body)?),
        "DeleteMessage" => messages::delete(world, post, at, &input(body)?),
        "DeleteMessageBatch" => messages::delete_batch(world, post, at, input(body)?),
        "ChangeMessageVisibility" => messages::hide(world, post, at, &input(body)?),
        "ChangeMessageVisibilityBatch" => messages::hide_batch(world, post, at, input(body)?),
        other => Err(unknown(other)),
    }
}

pub use messages::{deliver, deliver_all, patience};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default, rename = "tags")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Lookup {
    queue_name: String,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    #[serde(default)]
    queue_name_prefix: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// A queue with its messages in hand.
#[derive(Debug)]
struct Desk<'a> {
    address: Address,
    resource: &'a Resource,
    queue: &'a mut super::queue::Queue,
}

impl<'a> Desk<'a> {
    fn open(world: &'a World, post: &'a mut Post, at: &Place<'_>, url: &str) -> Result<Self, Refusal> {
        let address = Address::of_url(url, at.region).ok_or_else(missing)?;
        Self::at(world, post, at, address).ok_or_else(missing)
    }

    fn at(world: &'a World, post: &'a mut Post, at: &Place<'_>, address: Address) -> Option<Self> {
        let key = Key::new(&address.region, KIND, &address.url());
        // Not `world.account`: a receiver that waits and looks again must not make the world go on.
        let resource = world.accounts.get(&address.account)?.store.get(&key)?;
        let queue = post.queue(&address, resource);
        queue.expire(at.now, seconds(number(resource, "MessageRetentionPeriod")));
        Some(Self { address, resource, queue })
    }
}

fn missing() -> Refusal {
    refused("QueueDoesNotExist", "The specified queue does not exist.")
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// A number among the queue's properties (CloudFormation's templates may spell one as a text), or its default.
fn number(resource: &Resource, name: &str) -> i64 {
    let read = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let default = NUMBERS.iter().find(|(known, ..)| *known == name).map_or(0, |(_, default, ..)| *default);
    resource.properties.get(name).and_then(read).unwrap_or(default)
}

/// An attribute as a property: numbers as numbers, policies as JSON.
fn property(name: &str, text: &str) -> Result<Value, Refusal> {
    let wrong = || refused("InvalidAttributeValue", format!("Invalid value for the parameter {name}."));
    if let Some((_, _, least, most)) = NUMBERS.iter().find(|(known, ..)| *known == name) {
        let value: i64 = text.parse().map_err(|_| wrong())?;
        return if (*least..=*most).contains(&value) { Ok(value.into()) } else { Err(wrong()) };
    }
    match name {
        "RedrivePolicy" | "RedriveAllowPolicy" | "Policy" => serde_json::from_str(text).map_err(|_| wrong()),
        "SqsManagedSseEnabled" => text.parse::<bool>().map(Value::from).map_err(|_| wrong()),
        known if OTHERS.contains(&known) => Ok(text.into()),
        _ => Err(refused("InvalidAttributeName", format!("Unknown Attribute {name}."))),
    }
}

fn create(world: &mut World, at: &Place<'_>, asked: Create) -> Result<Value, Refusal> {
    let name = asked.queue_name;
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if name.ends_with(".fifo") || asked.attributes.contains_key("FifoQueue") {
        return Err(refused("InvalidParameterValue", "FIFO queues are not simulated."));
    }
    if name.is_empty() || name.len() > 80 || !fits {
        return Err(refused(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    let given: Properties = asked
        .attributes
        .iter()
        .map(|(name, text)| Ok((name.clone(), property(name, text)?)))
        .collect::<Result<_, Refusal>>()?;
    let address = Address { account: at.account.clone(), region: at.region.clone(), name: name.clone() };
    let url = address.url();
    let key = Key::new(at.region, KIND, &url);
    let store = &mut world.account(at.account).store;
    if let Some(there) = store.get(&key) {
        let other = given.iter().find(|(name, value)| there.properties.get(*name) != Some(value));
        return match other {
            None => Ok(json!({ "QueueUrl": url })),
            Some((name, _)) => Err(refused(
                "QueueNameExists",
                format!("A queue already exists with the same name and a different value for attribute {name}"),
            )),
        };
    }
    let mut resource = Resource::new(given, at.now);
    resource.properties.insert("QueueName".to_owned(), name.clone().into());
    if !asked.tags.is_empty() {
        let tags: Vec<_> = asked.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        resource.properties.insert("Tags".to_owned(), tags.into());
    }
    resource.attributes = Map::from_iter([
        ("Arn".to_owned(), address.arn().into()),
        ("QueueName".to_owned(), name.into()),
        ("QueueUrl".to_owned(), url.clone().into()),
    ]);
    store.insert(key, resource);
    Ok(json!({ "QueueUrl": url }))
}

fn url(world: &mut World, at: &Place<'_>, asked: &Lookup) -> Result<Value, Refusal> {
    let account = match &asked.owner {
        None => at.account.clone(),
        Some(owner) => owner.parse().map_err(|_| missing())?,
    };
    let url = Address { account: account.clone(), region: at.region.clone(), name: asked.queue_name.clone() }.url();
    let there = world.account(&account).store.get(&Key::new(at.region, KIND, &url)).is_some();
    if there { Ok(json!({ "QueueUrl": url })) } else { Err(missing()) }
}

fn list(world: &mut World, at: &Place<'_>, asked: &List) -> Value {
    let most = asked.max_results.unwrap_or(1000).clamp(1, 1000);
    let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    let after = |url: &str| asked.next_token.as_deref().is_none_or(|token| url > token);
    let store = &world.account(at.account).store;
    let found = store.of_kind(at.region, KIND).map(|(url, _)| url);
    let mut urls: Vec<_> =
        found.filter(|url| name(url).starts_with(&asked.queue_name_prefix) && after(url)).take(most + 1).collect();
    let more = urls.len() > most;
    urls.truncate(most);
    match urls.last() {
        None => json!({}),
        // AWS answers a token only to those who asked for pages.
        Some(last) if more && asked.max_results.is_some() => json!({ "QueueUrls": urls, "NextToken": last }),
        Some(_) => json!({ "QueueUrls": urls }),
    }
}

fn attributes(world: &mut World, post: &mut Post, at: &Place<'_>, asked: &Named) -> Result<Value, Refusal> {
    let desk = Desk::open(world, post, at, &asked.queue_url)?;
    let (resource, depth) = (desk.resource, desk.queue.depth(at.now));
    let mut all = Map::new();
    let mut say = |name: &str, value: String| all.insert(name.to_owned(), Value::String(value));
    say("QueueArn", desk.address.arn());
    say("ApproximateNumberOfMessages", depth.visible.to_string());
    say("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string());
    say("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string());
    say("CreatedTimestamp", resource.created.as_second().to_string());
    say("LastModifiedTimestamp", resource.modified.as_second().to_string());
    for (name, ..) in NUMBERS {
        say(name, number(resource, name).to_string());
    }
    for name in OTHERS {
        match resource.properties.get(name) {
            Some(Value::String(text)) => say(name, text.clone()),
            Some(value) => say(name, value.to_string()),
            None => continue,
        };
    }
    if !asked.attribute_names.iter().any(|name| name == "All") {
        all.retain(|name, _| asked.attribute_names.contains(name));
    }
    Ok(if all.is_empty() { json!({}) } else { json!({ "Attributes": all }) })
}

fn set_attributes(world: &mut World, at: &Place<'_>, asked: &Named) -> Result<Value, Refusal> {
    let address = Address::of_url(&asked.queue_url, at.region).ok_or_else(missing)?;
    let key = Key::new(at.region, KIND, &address.url());
    let resource = world.account(&address.account).store.get_mut(&key).ok_or_else(missing)?;
    let wanted = asked.attributes.iter().map(|(name, text)| {
        // The empty text takes a policy away.
        Ok((name, if text.is_empty() { None } else { Some(property(name, text)?) }))
    });
    for (name, value) in wanted.collect::<Result<Vec<_>, Refusal>>()? {
        resource.set(name, value, at.now);
    }
    Ok(json!({}))
}

fn delete(world: &mut World, at: &Place<'_>, asked: &Named) -> Result<Value, Refusal> {
    let address = Address::of_url(&asked.queue_url, at.region).ok_or_else(missing)?;
    let gone = world.account(&address.account).store.remove(&Key::new(at.region, KIND, &address.url()));
    gone.map(|_| json!({})).ok_or_else(missing)
}
