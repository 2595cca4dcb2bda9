//! Publishing: from a topic into the queues that subscribed to it.

use super::{FilterPolicy, SUBSCRIPTION, topic, wrong};
use crate::{
    fault::Refusal,
    services::{
        Place,
        message::{self, Attributes},
        post::{Address, Letter, Post},
        refused, sqs,
    },
    store::Resource,
    wire::xml::iso,
    world::World,
};
use serde_json::{Map, Value, json};

/// Message and attributes together.
const MOST_BYTES: usize = 262_144;

/// What is published.
#[derive(Debug, Clone, Default)]
pub struct Publication {
    /// Its id within a batch.
    pub id: String,
    /// What it says.
    pub message: String,
    /// Its subject.
    pub subject: Option<String>,
    /// `json`: the message is an object with a text for each protocol.
    pub structure: Option<String>,
    /// Its attributes.
    pub attributes: Attributes,
}

/// What became of each message of a batch: by its id there, its message id or why it was refused.
pub type Fates = Vec<(String, Result<String, Refusal>)>;

/// One delivery to make.
struct Delivery {
    to: Address,
    raw: bool,
    subscription: String,
}

impl Publication {
    fn size(&self) -> usize {
        message::size(&self.message, &self.attributes)
    }

    /// What a queue gets of it.
    fn body(&self) -> Result<String, Refusal> {
        match self.structure.as_deref() {
            None | Some("") => Ok(self.message.clone()),
            Some("json") => {
                let texts: Map<String, Value> = serde_json::from_str(&self.message)
                    .map_err(|_| wrong("Message Structure - JSON message body failed to parse"))?;
                let text = texts.get("sqs").or_else(|| texts.get("default")).and_then(Value::as_str);
                text.map(str::to_owned)
                    .ok_or_else(|| wrong("Message Structure - No default entry in JSON message body"))
            }
            Some(_) => Err(wrong("MessageStructure")),
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.message.is_empty() {
            Err(wrong("Empty message"))
        } else if self.size() > MOST_BYTES {
            Err(wrong("Message too long"))
        } else if let Some((name, _)) = self.attributes.iter().find(|(_, attribute)| !attribute.is_valid()) {
            let message = format!("The message attribute '{name}' must contain a non-empty value of its type.");
            Err(refused("ParameterValueInvalid", message))
        } else {
            Ok(())
        }
    }
}

/// Publishes to a topic and answers the message's id. A queue that is gone is passed over, as SNS does.
///
/// # Errors
/// `NotFound` for the topic, `InvalidParameter` for a message that is empty or too long.
pub fn publish(
    world: &mut World,
    post: &mut Post,
    at: &Place<'_>,
    topic_arn: &str,
    publication: &Publication,
) -> Result<String, Refusal> {
    topic(world, at, topic_arn)?;
    publication.check()?;
    let body = publication.body()?;
    let id = post.id();
    for delivery in deliveries(world, at, topic_arn, &publication.attributes) {
        let letter = if delivery.raw {
            Letter {
                body: body.clone(),
                attributes: publication.attributes.clone(),
                sender: SENDER.to_owned(),
                visible: at.now,
            }
        } else {
            let body = envelope(at, topic_arn, &delivery.subscription, (&id, &body), publication).to_string();
            Letter { body, attributes: Attributes::new(), sender: SENDER.to_owned(), visible: at.now }
        };
        sqs::deliver(world, post, at, &delivery.to, letter);
    }
    Ok(id)
}

/// The `SenderId` that SQS shows for SNS: an id of the service, never the publisher's.
const SENDER: &str = "AIDAIT2UOQQY3AUEKVGXU";

/// Publishes up to ten messages, each by itself, and answers an id or a refusal for each.
///
/// # Errors
/// When the batch is none: empty, more than ten, two of one id, or too long as a whole.
pub fn publish_batch(
    world: &mut World,
    post: &mut Post,
    at: &Place<'_>,
    topic_arn: &str,
    batch: &[Publication],
) -> Result<Fates, Refusal> {
    topic(world, at, topic_arn)?;
    let mut ids: Vec<&str> = batch.iter().map(|publication| publication.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    if batch.is_empty() {
        Err(refused("EmptyBatchRequest", "The batch request doesn't contain any entries."))
    } else if batch.len() > 10 {
        Err(refused("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."))
    } else if ids.len() < batch.len() {
        Err(refused("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."))
    } else if batch.iter().map(Publication::size).sum::<usize>() > MOST_BYTES {
        Err(refused("BatchRequestTooLong", "The length of all the batch messages put together is more than the limit."))
    } else {
        Ok(batch.iter().map(|one| (one.id.clone(), publish(world, post, at, topic_arn, one))).collect())
    }
}

/// Where a message with these attributes goes.
fn deliveries(world: &World, at: &Place<'_>, topic_arn: &str, attributes: &Attributes) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for (owner, account) in world.accounts() {
        let own = account.store.of_kind(at.region, SUBSCRIPTION).filter(|(_, r)| r.text("TopicArn") == Some(topic_arn));
        deliveries.extend(own.filter(|(arn, r)| admits(arn, r, attributes)).filter_map(|(arn, r)| {
            let raw = r.properties.get("RawMessageDelivery").is_some_and(|v| *v == true || *v == "true");
            Some(Delivery { to: Address::of_arn(r.text("Endpoint")?)?, raw, subscription: arn.to_owned() })
        }));
        // A topic's own property `Subscription`, as a template may spell it.
        let inline = account.store.get(&crate::store::Key::new(at.region, super::TOPIC, topic_arn));
        let inline = inline.and_then(|topic| topic.properties.get("Subscription")?.as_array());
        deliveries.extend(inline.into_iter().flatten().filter_map(|entry| {
            let to = Address::of_arn(entry.get("Endpoint")?.as_str()?)?;
            Some(Delivery { to, raw: false, subscription: format!("{topic_arn}:{owner}") })
        }));
    }
    deliveries
}

fn admits(arn: &str, resource: &Resource, attributes: &Attributes) -> bool {
    let Some(policy) = resource.properties.get("FilterPolicy") else { return true };
    match FilterPolicy::read(policy) {
        Ok(policy) => policy.admits(attributes),
        Err(error) => {
            tracing::warn!(%arn, %error, "a template made a filter policy that lets nothing through");
            false
        }
    }
}

/// The envelope of a delivery that is not raw. Its signature is none: the simulated SNS holds no key.
fn envelope(
    at: &Place<'_>,
    topic_arn: &str,
    subscription: &str,
    (id, body): (&str, &str),
    publication: &Publication,
) -> Value {
    let host = format!("https://sns.{}.amazonaws.com", at.region);
    let mut envelope = json!({
        "Type": "Notification",
        "MessageId": id,
        "TopicArn": topic_arn,
        "Message": body,
        "Timestamp": iso(at.now),
        "SignatureVersion": "1",
        "Signature": "bm90IHNpZ25lZA==",
        "SigningCertURL": format!("{host}/SimpleNotificationService-simulated.pem"),
        "UnsubscribeURL": format!("{host}/?Action=Unsubscribe&SubscriptionArn={subscription}"),
    });
    if let Some(subject) = &publication.subject {
        envelope["Subject"] = subject.as_str().into();
    }
    if !publication.attributes.is_empty() {
        let attributes = publication.attributes.iter().map(|(name, a)| (name.clone(), a.envelope()));
        envelope["MessageAttributes"] = attributes.collect::<Map<_, _>>().into();
    }
    envelope
}
