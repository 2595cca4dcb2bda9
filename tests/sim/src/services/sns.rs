//! SNS over the accounts' `AWS::SNS::Topic` and `AWS::SNS::Subscription` resources ("Amazon SNS API Reference").
//!
//! Standard topics and subscriptions of queues only; other protocols are refused. Topic policies are kept and not
//! evaluated. A subscription lives in the account that made it, whosever the topic is.

mod publish;

use super::{Place, filter::FilterPolicy, post::Address, refused};
use crate::{
    fault::Refusal,
    store::{Key, Properties, Resource},
    world::World,
};
use manifests::id::{AccountId, Region};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub use publish::{Fates, Publication, publish, publish_batch};

const TOPIC: &str = "AWS::SNS::Topic";
const SUBSCRIPTION: &str = "AWS::SNS::Subscription";
/// Items on a page of every listing.
const PAGE: usize = 100;

/// Attributes by name, as the API takes and gives them.
pub type Attributes = BTreeMap<String, String>;

/// A subscription as the listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its ARN.
    pub arn: String,
    /// Whose it is.
    pub owner: AccountId,
    /// `sqs`.
    pub protocol: String,
    /// The queue's ARN.
    pub endpoint: String,
    /// The topic's ARN.
    pub topic: String,
}

fn wrong(what: impl std::fmt::Display) -> Refusal {
    refused("InvalidParameter", format!("Invalid parameter: {what}"))
}

fn missing(what: &str) -> Refusal {
    Refusal::new("NotFound", 404, format!("{what} does not exist"))
}

/// The account and the key of a topic's ARN, if it is one of the caller's region.
fn topic_key(at: &Place<'_>, arn: &str) -> Result<(AccountId, Key), Refusal> {
    let read = || {
        let mut parts = arn.strip_prefix("arn:aws:sns:")?.split(':');
        let (region, account): (Region, AccountId) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        (parts.next().is_some() && parts.next().is_none() && region == *at.region).then_some(account)
    };
    let account = read().ok_or_else(|| wrong("TopicArn"))?;
    Ok((account, Key::new(at.region, TOPIC, arn)))
}

fn topic<'w>(world: &'w mut World, at: &Place<'_>, arn: &str) -> Result<&'w mut Resource, Refusal> {
    let (account, key) = topic_key(at, arn)?;
    world.account(&account).store.get_mut(&key).ok_or_else(|| missing("Topic"))
}

/// Makes a topic, or answers the ARN of the one that is there.
///
/// # Errors
/// `InvalidParameter` for a name that is none, a FIFO topic, or attributes that differ from those that are there.
pub fn create_topic(
    world: &mut World,
    at: &Place<'_>,
    name: &str,
    attributes: &Attributes,
    tags: &Attributes,
) -> Result<String, Refusal> {
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if name.is_empty() || name.len() > 256 || !fits {
        return Err(wrong("Topic Name"));
    }
    let mut properties =
        attributes.iter().map(|(n, text)| topic_property(n, text)).collect::<Result<Properties, _>>()?;
    let arn = at.arn("sns", name);
    let store = &mut world.account(at.account).store;
    let key = Key::new(at.region, TOPIC, &arn);
    if let Some(there) = store.get(&key) {
        let same = properties.iter().all(|(name, value)| there.properties.get(name) == Some(value));
        return if same {
            Ok(arn)
        } else {
            Err(wrong("Attributes Reason: Topic already exists with different attributes"))
        };
    }
    properties.insert("TopicName".to_owned(), name.into());
    if !tags.is_empty() {
        let list: Vec<_> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        properties.insert("Tags".to_owned(), list.into());
    }
    let mut resource = Resource::new(properties, at.now);
    resource.attributes =
        Map::from_iter([("TopicArn".to_owned(), arn.clone().into()), ("TopicName".to_owned(), name.into())]);
    store.insert(key, resource);
    Ok(arn)
}

fn topic_property(name: &str, text: &str) -> Result<(String, Value), Refusal> {
    let value = match name {
        "DisplayName" | "KmsMasterKeyId" | "SignatureVersion" | "TracingConfig" => text.into(),
        "Policy" | "DeliveryPolicy" => serde_json::from_str(text).map_err(|_| wrong("Policy failed to parse"))?,
        _ => return Err(wrong("AttributeName")),
    };
    Ok((name.to_owned(), value))
}

/// Deletes a topic and its subscriptions; one that is gone already is fine.
///
/// # Errors
/// `InvalidParameter` when the ARN is none of this region.
pub fn delete_topic(world: &mut World, at: &Place<'_>, arn: &str) -> Result<(), Refusal> {
    let (account, key) = topic_key(at, arn)?;
    if world.account(&account).store.remove(&key).is_some() {
        for gone in of_topic(world, at.region, arn) {
            world.account(&gone.owner).store.remove(&Key::new(at.region, SUBSCRIPTION, &gone.arn));
        }
    }
    Ok(())
}

/// A page of the ARNs of the account's topics, and the next token.
pub fn list_topics(world: &mut World, at: &Place<'_>, token: Option<&str>) -> (Vec<String>, Option<String>) {
    let store = &world.account(at.account).store;
    page(store.of_kind(at.region, TOPIC).map(|(arn, _)| arn.to_owned()).collect(), token, String::as_str)
}

fn page<T>(all: Vec<T>, token: Option<&str>, name: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
    let mut page: Vec<T> =
        all.into_iter().filter(|item| token.is_none_or(|token| name(item) > token)).take(PAGE + 1).collect();
    let more = page.len() > PAGE;
    page.truncate(PAGE);
    let next = page.last().filter(|_| more).map(|item| name(item).to_owned());
    (page, next)
}

/// A topic's attributes.
///
/// # Errors
/// `NotFound`.
pub fn topic_attributes(world: &mut World, at: &Place<'_>, arn: &str) -> Result<Attributes, Refusal> {
    let properties = topic(world, at, arn)?.properties.clone();
    let (owner, _) = topic_key(at, arn)?;
    let confirmed = of_topic(world, at.region, arn).len().to_string();
    let mut attributes = Attributes::from_iter([
        ("TopicArn".to_owned(), arn.to_owned()),
        ("Owner".to_owned(), owner.to_string()),
        ("DisplayName".to_owned(), String::new()),
        ("SubscriptionsConfirmed".to_owned(), confirmed),
        ("SubscriptionsPending".to_owned(), "0".to_owned()),
        ("SubscriptionsDeleted".to_owned(), "0".to_owned()),
    ]);
    let shown = ["DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig", "Policy", "DeliveryPolicy"];
    for name in shown {
        if let Some(value) = properties.get(name) {
            attributes.insert(name.to_owned(), spelled(value));
        }
    }
    Ok(attributes)
}

/// A property as an attribute: texts as they are, the rest as JSON.
fn spelled(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Sets one attribute of a topic.
///
/// # Errors
/// `NotFound`, `InvalidParameter`.
pub fn set_topic_attribute(
    world: &mut World,
    at: &Place<'_>,
    arn: &str,
    name: &str,
    value: &str,
) -> Result<(), Refusal> {
    let (name, value) = topic_property(name, value)?;
    topic(world, at, arn)?.set(&name, Some(value), at.now);
    Ok(())
}

/// Subscribes a queue, or answers the ARN of the subscription that is there.
///
/// # Errors
/// `NotFound` for the topic, `InvalidParameter` for the rest.
pub fn subscribe(
    world: &mut World,
    at: &Place<'_>,
    topic_arn: &str,
    (protocol, endpoint): (&str, &str),
    attributes: &Attributes,
) -> Result<String, Refusal> {
    topic(world, at, topic_arn)?;
    if protocol != "sqs" {
        return Err(wrong(format!("Protocol {protocol} is not simulated, only sqs")));
    }
    if Address::of_arn(endpoint).is_none() {
        return Err(wrong("SQS endpoint ARN"));
    }
    let there = of_topic(world, at.region, topic_arn);
    if let Some(there) = there.into_iter().find(|s| s.owner == *at.account && s.endpoint == endpoint) {
        return Ok(there.arn);
    }
    let mut properties =
        attributes.iter().map(|(n, text)| subscription_property(n, text)).collect::<Result<Properties, _>>()?;
    for (name, value) in [("TopicArn", topic_arn), ("Protocol", protocol), ("Endpoint", endpoint)] {
        properties.insert(name.to_owned(), value.into());
    }
    let arn = loop {
        // Ids come from the world's own count of calls, so that a seeded world stays the same.
        let arn = format!("{topic_arn}:{}", crate::seed::Seed::of(world.calls(), topic_arn).uuid());
        if world.account(at.account).store.get(&Key::new(at.region, SUBSCRIPTION, &arn)).is_none() {
            break arn;
        }
    };
    let mut resource = Resource::new(properties, at.now);
    resource.attributes = Map::from_iter([("Arn".to_owned(), arn.clone().into())]);
    world.account(at.account).store.insert(Key::new(at.region, SUBSCRIPTION, &arn), resource);
    Ok(arn)
}

fn subscription_property(name: &str, text: &str) -> Result<(String, Value), Refusal> {
    let value = match name {
        "RawMessageDelivery" => {
            text.parse::<bool>().map_err(|_| wrong("Attributes Reason: RawMessageDelivery"))?.into()
        }
        "FilterPolicy" => {
            let policy: Value = serde_json::from_str(if text.is_empty() { "{}" } else { text })
                .map_err(|error| wrong(format!("FilterPolicy: failed to parse JSON. {error}")))?;
            FilterPolicy::read(&policy).map_err(wrong)?;
            policy
        }
        "FilterPolicyScope" if text == "MessageAttributes" => text.into(),
        "FilterPolicyScope" => return Err(wrong("FilterPolicyScope: only MessageAttributes is simulated")),
        _ => return Err(wrong(format!("Attributes Reason: {name} is not simulated"))),
    };
    Ok((name.to_owned(), value))
}

fn find<'w>(world: &'w mut World, at: &Place<'_>, arn: &str) -> Option<(AccountId, &'w mut Resource)> {
    let key = Key::new(at.region, SUBSCRIPTION, arn);
    let mut accounts = world.accounts.iter_mut();
    accounts.find_map(|(id, account)| account.store.get_mut(&key).map(|r| (id.clone(), r)))
}

/// Deletes a subscription; one that is gone already is fine.
pub fn unsubscribe(world: &mut World, at: &Place<'_>, arn: &str) {
    if let Some((owner, _)) = find(world, at, arn) {
        world.account(&owner).store.remove(&Key::new(at.region, SUBSCRIPTION, arn));
    }
}

/// A subscription's attributes.
///
/// # Errors
/// `NotFound`.
pub fn subscription_attributes(world: &mut World, at: &Place<'_>, arn: &str) -> Result<Attributes, Refusal> {
    let (owner, resource) = find(world, at, arn).ok_or_else(|| missing("Subscription"))?;
    let mut attributes = Attributes::from_iter([
        ("SubscriptionArn".to_owned(), arn.to_owned()),
        ("Owner".to_owned(), owner.to_string()),
        ("PendingConfirmation".to_owned(), "false".to_owned()),
        ("ConfirmationWasAuthenticated".to_owned(), "true".to_owned()),
        ("RawMessageDelivery".to_owned(), "false".to_owned()),
    ]);
    attributes.extend(resource.properties.iter().map(|(name, value)| (name.clone(), spelled(value))));
    Ok(attributes)
}

/// Sets one attribute of a subscription.
///
/// # Errors
/// `NotFound`, `InvalidParameter`.
pub fn set_subscription_attribute(
    world: &mut World,
    at: &Place<'_>,
    arn: &str,
    name: &str,
    value: &str,
) -> Result<(), Refusal> {
    let (name, value) = subscription_property(name, value)?;
    let (_, resource) = find(world, at, arn).ok_or_else(|| missing("Subscription"))?;
    resource.set(&name, Some(value), at.now);
    Ok(())
}

/// A page of the account's subscriptions, and the next token.
pub fn list_subscriptions(
    world: &mut World,
    at: &Place<'_>,
    token: Option<&str>,
) -> (Vec<Subscription>, Option<String>) {
    let store = &world.account(at.account).store;
    let all = store.of_kind(at.region, SUBSCRIPTION).map(|(arn, resource)| shown(at.account, arn, resource));
    page(all.collect(), token, |s| &s.arn)
}

/// A page of a topic's subscriptions, whosever they are, and the next token.
///
/// # Errors
/// `NotFound` for the topic.
pub fn list_subscriptions_by_topic(
    world: &mut World,
    at: &Place<'_>,
    topic_arn: &str,
    token: Option<&str>,
) -> Result<(Vec<Subscription>, Option<String>), Refusal> {
    topic(world, at, topic_arn)?;
    let mut all = of_topic(world, at.region, topic_arn);
    all.sort_by(|a, b| a.arn.cmp(&b.arn));
    Ok(page(all, token, |s| &s.arn))
}

fn shown(owner: &AccountId, arn: &str, resource: &Resource) -> Subscription {
    let text = |name: &str| resource.text(name).unwrap_or_default().to_owned();
    Subscription {
        arn: arn.to_owned(),
        owner: owner.clone(),
        protocol: text("Protocol"),
        endpoint: text("Endpoint"),
        topic: text("TopicArn"),
    }
}

/// Every subscription of a topic, in all accounts.
fn of_topic(world: &World, region: &Region, topic_arn: &str) -> Vec<Subscription> {
    let all = world.accounts().flat_map(|(owner, account)| {
        account.store.of_kind(region, SUBSCRIPTION).map(move |(arn, resource)| (owner, arn, resource))
    });
    all.filter(|(_, _, r)| r.text("TopicArn") == Some(topic_arn)).map(|(owner, arn, r)| shown(owner, arn, r)).collect()
}
