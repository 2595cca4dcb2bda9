//! Sending, receiving, deleting and hiding messages.

use super::{Desk, number, seconds};
use crate::{
    fault::Refusal,
    services::{
        Place, input,
        message::{self, Attributes, md5_hex, md5_of_attributes},
        post::{Address, Letter, Post},
        queue::{Message, Receipt},
        refused,
    },
    world::World,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Send {
    queue_url: String,
    #[serde(flatten)]
    entry: Entry,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    #[serde(default)]
    id: String,
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: Attributes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<T> {
    queue_url: String,
    entries: Vec<T>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<u64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Received {
    queue_url: String,
    #[serde(flatten)]
    entry: ReceivedEntry,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceivedEntry {
    #[serde(default)]
    id: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

/// Puts a message into a queue, as SNS does; `false` when there is no such queue.
pub fn deliver(world: &mut World, post: &mut Post, at: &Place<'_>, address: &Address, letter: Letter) -> bool {
    deliver_all(world, post, at, address, vec![letter])
}

/// Puts messages into a queue, in this order; `false` when there is no such queue.
pub fn deliver_all(
    world: &mut World,
    post: &mut Post,
    at: &Place<'_>,
    address: &Address,
    letters: Vec<Letter>,
) -> bool {
    let letters: Vec<_> = letters.into_iter().map(|letter| (post.id(), letter)).collect();
    let Some(desk) = Desk::at(world, post, at, address.clone()) else { return false };
    for (id, letter) in letters {
        desk.queue.send(Message {
            id,
            body: letter.body,
            attributes: letter.attributes,
            sender: letter.sender,
            sent: at.now,
            visible: letter.visible,
            first_received: None,
            receives: 0,
        });
    }
    true
}

/// How long a `ReceiveMessage` waits for a message, in real time.
pub fn patience(world: &mut World, post: &mut Post, at: &Place<'_>, body: &[u8]) -> Duration {
    let asked = input::<Receive>(body).ok();
    let seconds = asked.and_then(|asked| match asked.wait_time_seconds {
        Some(seconds) => Some(seconds),
        None => {
            let desk = Desk::open(world, post, at, &asked.queue_url).ok()?;
            u64::try_from(number(desk.resource, "ReceiveMessageWaitTimeSeconds")).ok()
        }
    });
    Duration::from_secs(seconds.unwrap_or_default().min(20))
}

pub(super) fn send(world: &mut World, post: &mut Post, at: &Place<'_>, asked: Send) -> Result<Value, Refusal> {
    send_one(world, post, at, &asked.queue_url, asked.entry)
}

fn send_one(world: &mut World, post: &mut Post, at: &Place<'_>, url: &str, entry: Entry) -> Result<Value, Refusal> {
    let id = post.id();
    let desk = Desk::open(world, post, at, url)?;
    check(&entry, number(desk.resource, "MaximumMessageSize"))?;
    let delay = entry.delay_seconds.unwrap_or_else(|| number(desk.resource, "DelaySeconds"));
    if !(0..=900).contains(&delay) {
        return Err(refused("InvalidParameterValue", format!("Value {delay} for parameter DelaySeconds is invalid.")));
    }
    let mut answer = json!({ "MessageId": id, "MD5OfMessageBody": md5_hex(entry.message_body.as_bytes()) });
    if let Some(digest) = md5_of_attributes(&entry.message_attributes) {
        answer["MD5OfMessageAttributes"] = digest.into();
    }
    desk.queue.send(Message {
        id,
        body: entry.message_body,
        attributes: entry.message_attributes,
        sender: at.account.to_string(),
        sent: at.now,
        visible: at.now.saturating_add(seconds(delay)).unwrap_or(at.now),
        first_received: None,
        receives: 0,
    });
    Ok(answer)
}

fn check(entry: &Entry, most: i64) -> Result<(), Refusal> {
    let body = &entry.message_body;
    // What XML 1.0 can hold.
    let spelled = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    if body.is_empty() {
        Err(refused("MissingParameter", "The request must contain the parameter MessageBody."))
    } else if !body.chars().all(spelled) {
        Err(refused(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        ))
    } else if entry.message_attributes.len() > 10 {
        Err(refused("InvalidParameterValue", "Number of message attributes exceeds the allowed maximum [10]."))
    } else if let Some((name, _)) = entry.message_attributes.iter().find(|(_, a)| !a.is_valid()) {
        Err(refused(
            "InvalidParameterValue",
            format!("The message attribute '{name}' must contain a non-empty message attribute value of its type."),
        ))
    } else if i64::try_from(message::size(body, &entry.message_attributes)).unwrap_or(i64::MAX) > most {
        Err(refused(
            "InvalidParameterValue",
            format!("One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."),
        ))
    } else {
        Ok(())
    }
}

/// Does each entry of a batch by itself, after the rules for batches as wholes.
fn batch<T>(
    entries: Vec<T>,
    id: impl Fn(&T) -> &str,
    mut each: impl FnMut(T) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let ids: BTreeSet<String> = entries.iter().map(|entry| id(entry).to_owned()).collect();
    if entries.is_empty() {
        return Err(refused("EmptyBatchRequest", "There should be at least one entry in the request."));
    }
    if entries.len() > 10 {
        let message = format!("Maximum number of entries per request are 10. You have sent {}.", entries.len());
        return Err(refused("TooManyEntriesInBatchRequest", message));
    }
    if ids.len() < entries.len() {
        return Err(refused("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let id = id(&entry).to_owned();
        match each(entry) {
            Ok(mut answer) => {
                answer["Id"] = id.into();
                successful.push(answer);
            }
            Err(refusal) if refusal.code == "QueueDoesNotExist" => return Err(refusal),
            Err(refusal) => {
                failed.push(json!({ "Id": id, "SenderFault": true, "Code": refusal.code, "Message": refusal.message }))
            }
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

pub(super) fn send_batch(
    world: &mut World,
    post: &mut Post,
    at: &Place<'_>,
    asked: Batch<Entry>,
) -> Result<Value, Refusal> {
    let total: usize = asked.entries.iter().map(|e| message::size(&e.message_body, &e.message_attributes)).sum();
    if total > 1_048_576 {
        let message = format!("Batch requests cannot be longer than 1048576 bytes. You have sent {total} bytes.");
        return Err(refused("BatchRequestTooLong", message));
    }
    batch(asked.entries, |entry| &entry.id, |entry| send_one(world, post, at, &asked.queue_url, entry))
}

pub(super) fn receive(world: &mut World, post: &mut Post, at: &Place<'_>, asked: &Receive) -> Result<Value, Refusal> {
    let most = asked.max_number_of_messages.unwrap_or(1);
    if !(1..=10).contains(&most) {
        let message = format!(
            "Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        );
        return Err(refused("InvalidParameterValue", message));
    }
    let desk = Desk::open(world, post, at, &asked.queue_url)?;
    let hidden = asked.visibility_timeout.unwrap_or_else(|| number(desk.resource, "VisibilityTimeout"));
    let redrive = desk.resource.properties.get("RedrivePolicy").cloned().unwrap_or_default();
    // A template may hold the count as a text.
    let count = redrive.get("maxReceiveCount").and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
    let dead_letters = redrive.get("deadLetterTargetArn").and_then(Value::as_str).and_then(Address::of_arn);
    let limit = count.and_then(|count| u32::try_from(count).ok()).filter(|_| dead_letters.is_some());
    let (taken, dead) = desk.queue.receive(at.now, most, seconds(hidden), limit);
    if let Some(address) = dead_letters {
        for message in dead {
            let Message { body, attributes, sender, .. } = message;
            deliver(world, post, at, &address, Letter { body, attributes, sender, visible: at.now });
        }
    }
    let shown: Vec<_> = taken.iter().map(|message| shown(message, asked)).collect();
    Ok(if shown.is_empty() { json!({}) } else { json!({ "Messages": shown }) })
}

fn shown(message: &Message, asked: &Receive) -> Value {
    let mut shown = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt(),
        "MD5OfBody": md5_hex(message.body.as_bytes()),
        "Body": message.body,
    });
    let milliseconds = |time: jiff::Timestamp| time.as_millisecond().to_string();
    let system = [
        ("SenderId", message.sender.clone()),
        ("SentTimestamp", milliseconds(message.sent)),
        ("ApproximateReceiveCount", message.receives.to_string()),
        ("ApproximateFirstReceiveTimestamp", milliseconds(message.first_received.unwrap_or(message.sent))),
    ];
    let wanted = |name: &str| {
        let mut names = asked.attribute_names.iter().chain(&asked.message_system_attribute_names);
        names.any(|asked| asked == "All" || asked == name)
    };
    let system: serde_json::Map<_, _> = system
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    if !system.is_empty() {
        shown["Attributes"] = system.into();
    }
    let fits = |name: &str| {
        asked.message_attribute_names.iter().any(|asked| match asked.as_str() {
            "All" | ".*" => true,
            asked => asked.strip_suffix(".*").map_or(asked == name, |prefix| name.starts_with(prefix)),
        })
    };
    let attributes: Attributes =
        message.attributes.iter().filter(|(name, _)| fits(name)).map(|(n, a)| (n.clone(), a.clone())).collect();
    if let Some(digest) = md5_of_attributes(&attributes) {
        shown["MD5OfMessageAttributes"] = digest.into();
        shown["MessageAttributes"] = json!(attributes);
    }
    shown
}

pub(super) fn delete(world: &mut World, post: &mut Post, at: &Place<'_>, asked: &Received) -> Result<Value, Refusal> {
    delete_one(world, post, at, &asked.queue_url, &asked.entry)
}

fn delete_one(
    world: &mut World,
    post: &mut Post,
    at: &Place<'_>,
    url: &str,
    entry: &ReceivedEntry,
) -> Result<Value, Refusal> {
    let desk = Desk::open(world, post, at, url)?;
    match desk.queue.find(&entry.receipt_handle) {
        Receipt::Current(place) => desk.queue.delete(place),
        // Deleting twice is fine, and an old handle deletes nothing.
        Receipt::Stale => {}
        Receipt::Malformed => return Err(no_handle(&entry.receipt_handle)),
    }
    Ok(json!({}))
}

pub(super) fn delete_batch(
    world: &mut World,
    post: &mut Post,
    at: &Place<'_>,
    asked: Batch<ReceivedEntry>,
) -> Result<Value, Refusal> {
    batch(asked.entries, |entry| &entry.id, |entry| delete_one(world, post, at, &asked.queue_url, &entry))
}

pub(super) fn hide(world: &mut World, post: &mut Post, at: &Place<'_>, asked: &Received) -> Result<Value, Refusal> {
    hide_one(world, post, at, &asked.queue_url, &asked.entry)
}

fn hide_one(
    world: &mut World,
    post: &mut Post,
    at: &Place<'_>,
    url: &str,
    entry: &ReceivedEntry,
) -> Result<Value, Refusal> {
    let hidden = entry.visibility_timeout.unwrap_or_default();
    if !(0..=43_200).contains(&hidden) {
        let message =
            format!("Value {hidden} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.");
        return Err(refused("InvalidParameterValue", message));
    }
    let desk = Desk::open(world, post, at, url)?;
    let idle = || refused("MessageNotInflight", "The message referred to is not in flight.");
    match desk.queue.find(&entry.receipt_handle) {
        Receipt::Current(place) if desk.queue.hide(place, at.now, seconds(hidden)) => Ok(json!({})),
        Receipt::Current(_) | Receipt::Stale => Err(idle()),
        Receipt::Malformed => Err(no_handle(&entry.receipt_handle)),
    }
}

pub(super) fn hide_batch(
    world: &mut World,
    post: &mut Post,
    at: &Place<'_>,
    asked: Batch<ReceivedEntry>,
) -> Result<Value, Refusal> {
    batch(asked.entries, |entry| &entry.id, |entry| hide_one(world, post, at, &asked.queue_url, &entry))
}

fn no_handle(handle: &str) -> Refusal {
    refused("ReceiptHandleIsInvalid", format!("The input receipt handle \"{handle}\" is not a valid receipt handle."))
}
