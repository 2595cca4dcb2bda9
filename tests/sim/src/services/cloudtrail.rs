//! `LookupEvents` over what was recorded ("AWS CloudTrail API Reference").
//!
//! Not here: who records what ([`crate::trail`]). Of the attributes, those are known that the agent and people ask by.

use super::{Place, input, refused, unknown};
use crate::{
    fault::Refusal,
    trail::{Lookup, Record},
    world::World,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LookupEvents {
    #[serde(default)]
    lookup_attributes: Vec<Attribute>,
    /// Seconds since 1970.
    start_time: Option<f64>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_key: String,
    attribute_value: String,
}

/// Does one action.
///
/// # Errors
/// What CloudTrail would refuse, with its code.
pub fn call(world: &mut World, at: &Place<'_>, action: &str, body: &[u8]) -> Result<Value, Refusal> {
    match action {
        "LookupEvents" => lookup(world, at, &input(body)?),
        other => Err(unknown(other)),
    }
}

fn lookup(world: &mut World, at: &Place<'_>, asked: &LookupEvents) -> Result<Value, Refusal> {
    let most = asked.max_results.unwrap_or(50);
    if !(1..=50).contains(&most) {
        return Err(refused("InvalidMaxResultsException", "MaxResults has to be from 1 to 50"));
    }
    let mut what = Lookup {
        // Whole seconds, as the SDK sends them here.
        since: asked.start_time.and_then(|seconds| Timestamp::from_second(seconds as i64).ok()),
        ..Lookup::default()
    };
    match asked.lookup_attributes.as_slice() {
        [] => {}
        [one] => match one.attribute_key.as_str() {
            "EventId" => what.event = Some(one.attribute_value.clone()),
            "ResourceName" => what.resource = Some(one.attribute_value.clone()),
            other => return Err(refused("InvalidLookupAttributesException", format!("{other} is not simulated"))),
        },
        _ => return Err(refused("InvalidLookupAttributesException", "only one attribute can be given")),
    }
    let from: usize = match &asked.next_token {
        None => 0,
        Some(token) => token.parse().map_err(|_| refused("InvalidNextTokenException", "no such token"))?,
    };
    let all = world.lookup(at.account, at.region, &what);
    let page: Vec<Value> = all.iter().skip(from).take(most).map(event).collect();
    let next = from + page.len();
    let mut answer = json!({ "Events": page });
    if next < all.len() {
        answer["NextToken"] = next.to_string().into();
    }
    Ok(answer)
}

fn event(record: &Record) -> Value {
    let json = &record.json;
    let resources: Vec<Value> = record.names.iter().map(|name| json!({ "ResourceName": name })).collect();
    json!({
        "EventId": record.id,
        "EventName": json["eventName"],
        "ReadOnly": "false",
        "EventTime": record.at.as_second(),
        "EventSource": json["eventSource"],
        "Username": json["userIdentity"]["arn"].as_str().and_then(|arn| arn.rsplit('/').next()),
        "Resources": resources,
        "CloudTrailEvent": json.to_string(),
    })
}
