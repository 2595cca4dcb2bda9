//! CloudTrail's event history: LookupEvents over an account's trail (CloudTrail API Reference, JSON 1.1).
//!
//! An event is found only [`crate::world::Timing::trail`] after it happened, and for 90 days. Not here: what is
//! recorded ([`crate::trail`]), trails as resources, and Insights events, of which there are none.

use super::{Place, input, refused, unknown};
use crate::{clock::later, fault::Refusal, trail::Event, world::World};
use jiff::{SignedDuration, Timestamp};
use manifests::id::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

/// Events on a page, unless fewer are asked for.
const PAGE: usize = 50;
/// How long events are kept.
const HISTORY: SignedDuration = SignedDuration::from_hours(90 * 24);
/// The names of attributes to look for.
const ATTRIBUTES: [&str; 8] =
    ["EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"];

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// Names and values of attributes; one at most.
    pub attributes: Vec<(String, String)>,
    /// Not before.
    pub start: Option<Timestamp>,
    /// Not after.
    pub end: Option<Timestamp>,
    /// At most so many, 1 to 50.
    pub most: Option<usize>,
    /// Where the page before this one ended.
    pub token: Option<String>,
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Newest first.
    pub events: Vec<Event>,
    /// Where to go on.
    pub token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    #[serde(default)]
    lookup_attributes: Vec<Attribute>,
    start_time: Option<f64>,
    end_time: Option<f64>,
    event_category: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_key: String,
    attribute_value: String,
}

/// Does one CloudTrail action.
///
/// # Errors
/// What CloudTrail would refuse, with its code.
pub fn call(world: &mut World, at: &Place<'_>, action: &str, body: &[u8]) -> Result<Value, Refusal> {
    if action != "LookupEvents" {
        return Err(unknown(action));
    }
    let asked: Asked = input(body)?;
    match asked.event_category.as_deref() {
        None => {}
        Some("insight") => return Ok(json!({ "Events": [] })),
        Some(other) => {
            return Err(refused("InvalidEventCategoryException", format!("{other} is no valid event category.")));
        }
    }
    let attributes = asked.lookup_attributes.into_iter().map(|a| (a.attribute_key, a.attribute_value));
    let found = lookup(
        world,
        at,
        &Lookup {
            attributes: attributes.collect(),
            start: asked.start_time.map(time).transpose()?,
            end: asked.end_time.map(time).transpose()?,
            most: asked.max_results.map(|most| usize::try_from(most).unwrap_or_default()),
            token: asked.next_token,
        },
    )?;
    let mut answer = json!({ "Events": found.events.iter().map(shown).collect::<Vec<_>>() });
    if let Some(token) = found.token {
        answer["NextToken"] = token.into();
    }
    Ok(answer)
}

/// LookupEvents.
///
/// # Errors
/// `Invalid…Exception` for whatever of the request is invalid.
pub fn lookup(world: &mut World, at: &Place<'_>, asked: &Lookup) -> Result<Found, Refusal> {
    check(asked)?;
    let (delay, before) = (world.timing.of(world.timing.trail), digest(asked));
    let seen = |event: &&Event| {
        later(event.time, delay) <= at.now
            && at.now.duration_since(event.time) <= HISTORY
            && asked.start.is_none_or(|start| event.time >= start)
            && asked.end.is_none_or(|end| event.time <= end)
            && asked.attributes.iter().all(|(key, value)| has(event, key, value))
    };
    let invalid = || {
        refused(
            "InvalidNextTokenException",
            "Invalid token or token that was previously used in a request with different parameters.",
        )
    };
    let events = world.account(at.account).trail.of(at.region);
    let last = match &asked.token {
        None => None,
        Some(token) => Some(token.strip_prefix(&before).and_then(|rest| rest.strip_prefix('.')).ok_or_else(invalid)?),
    };
    let end = match last {
        None => events.len(),
        Some(id) => events.iter().position(|event| event.id == id).ok_or_else(invalid)?,
    };
    let most = asked.most.unwrap_or(PAGE);
    let mut found: Vec<Event> = events[..end].iter().rev().filter(seen).take(most + 1).cloned().collect();
    let more = found.len() > most;
    found.truncate(most);
    let token = found.last().filter(|_| more).map(|last| format!("{before}.{}", last.id));
    Ok(Found { events: found, token })
}

fn check(asked: &Lookup) -> Result<(), Refusal> {
    if asked.most.is_some_and(|most| !(1..=PAGE).contains(&most)) {
        return Err(refused("InvalidMaxResultsException", format!("MaxResults must be between 1 and {PAGE}.")));
    }
    let unknown = asked.attributes.iter().any(|(key, _)| !ATTRIBUTES.contains(&key.as_str()));
    if unknown || asked.attributes.len() > 1 {
        return Err(refused(
            "InvalidLookupAttributesException",
            "Exactly one known lookup attribute can be specified.",
        ));
    }
    match (asked.start, asked.end) {
        (Some(start), Some(end)) if start > end => {
            Err(refused("InvalidTimeRangeException", "The start time occurs after the end time."))
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// What ties a token to its request.
fn digest(asked: &Lookup) -> String {
    let Lookup { attributes, start, end, most: _, token: _ } = asked;
    Digest::of(format!("{attributes:?} {start:?} {end:?}").as_bytes()).short(16)
}

fn has(event: &Event, key: &str, value: &str) -> bool {
    match key {
        "EventId" => event.id == value,
        "EventName" => event.name == value,
        "EventSource" => event.source == value,
        "ReadOnly" => value == "false",
        "Username" => event.username == value,
        "AccessKeyId" => event.access_key == value,
        "ResourceType" => event.resources.iter().any(|(kind, _)| kind == value),
        "ResourceName" => event.resources.iter().any(|(_, name)| name == value),
        _ => false,
    }
}

fn time(seconds: f64) -> Result<Timestamp, Refusal> {
    let invalid = |_| refused("InvalidTimeRangeException", "The time range is outside the range of possible values.");
    Timestamp::from_millisecond((seconds * 1000.0) as i64).map_err(invalid)
}

fn shown(event: &Event) -> Value {
    let resources: Vec<Value> =
        event.resources.iter().map(|(kind, name)| json!({ "ResourceType": kind, "ResourceName": name })).collect();
    json!({
        "EventId": event.id,
        "EventName": event.name,
        "ReadOnly": "false",
        "AccessKeyId": event.access_key,
        "EventTime": event.time.as_second(),
        "EventSource": event.source,
        "Username": event.username,
        "Resources": resources,
        "CloudTrailEvent": event.record.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        store::{Key, Properties},
        trail::Actor,
        world::Timing,
    };
    use manifests::id::{AccountId, Region};
    use std::time::Duration;

    struct Bench {
        world: World,
        account: AccountId,
        region: Region,
    }

    impl Bench {
        fn new() -> Self {
            let world = World::new(7, Clock::Stepped, Timing::realistic());
            Self { world, account: "111111111111".parse().unwrap(), region: "eu-central-1".parse().unwrap() }
        }

        /// Puts a resource there, as an administrator.
        fn place(&mut self, kind: &str, id: &str) -> Key {
            let key = Key::new(&self.region, kind, id);
            self.world.place_resource(&self.account.clone(), key.clone(), Properties::new());
            key
        }

        fn pass(&mut self, seconds: u64) {
            self.world.pass(Duration::from_secs(seconds));
        }

        fn look(&mut self, region: &str, asked: &Lookup) -> Result<Found, &'static str> {
            let (account, region) = (self.account.clone(), region.parse().map_err(|_| "no region")?);
            let at = Place { account: &account, region: &region, now: self.world.now() };
            lookup(&mut self.world, &at, asked).map_err(|refusal| refusal.code)
        }

        /// The names of what is found by one attribute.
        fn by(&mut self, key: &str, value: &str) -> Vec<String> {
            let attributes = vec![(key.to_owned(), value.to_owned())];
            let found = self.look("eu-central-1", &Lookup { attributes, ..Lookup::default() }).unwrap();
            found.events.into_iter().map(|event| event.name).collect()
        }
    }

    #[test]
    fn what_somebody_did_is_found_when_its_time_has_come() {
        let mut bench = Bench::new();
        let key = bench.place("AWS::SSM::Parameter", "/a");
        bench.pass(10);
        let account = bench.account.clone();
        let eve = Actor::new("arn:aws:iam::111111111111:user/team/eve").at("203.0.113.9");
        bench.world.set_property_as(&account, &key, "Value", Some("x".into()), &eve).unwrap();
        bench.pass(295);
        assert_eq!(bench.by("EventSource", "ssm.amazonaws.com"), ["PutParameter"], "the second is not visible yet");
        bench.pass(10);
        let found = bench.look("eu-central-1", &Lookup::default()).unwrap().events;
        let names: Vec<_> = found.iter().map(|event| event.username.as_str()).collect();
        assert_eq!(names, ["eve", "mallory"], "newest first");
        let record = &found[0].record;
        assert_eq!(record["requestParameters"], json!({ "name": "/a" }));
        assert_eq!(
            (&record["sourceIPAddress"], &record["userIdentity"]["type"]),
            (&"203.0.113.9".into(), &"IAMUser".into())
        );
        assert_eq!(record["resources"][0]["ARN"], "arn:aws:ssm:eu-central-1:111111111111:parameter/a");
        let issuer = &found[1].record["userIdentity"]["sessionContext"]["sessionIssuer"];
        assert_eq!(
            (&issuer["arn"], &issuer["userName"]),
            (&"arn:aws:iam::111111111111:role/Admin".into(), &"Admin".into())
        );
    }

    #[test]
    fn every_attribute_finds_what_it_names() {
        let mut bench = Bench::new();
        let topic = bench.place("AWS::SNS::Topic", "arn:aws:sns:eu-central-1:111111111111:t");
        let account = bench.account.clone();
        bench.world.delete_resource(&account, &topic).unwrap();
        bench.place("AWS::Odd::Thing", "odd");
        bench.pass(300);
        for (key, value, expected) in [
            ("EventName", "DeleteTopic", &["DeleteTopic"][..]),
            ("ReadOnly", "false", &["CreateThing", "DeleteTopic", "CreateTopic"]),
            ("ReadOnly", "true", &[]),
            ("Username", "mallory", &["CreateThing", "DeleteTopic", "CreateTopic"]),
            ("ResourceType", "AWS::SNS::Topic", &["DeleteTopic", "CreateTopic"]),
            ("ResourceName", "odd", &["CreateThing"]),
            ("EventSource", "sns.amazonaws.com", &["DeleteTopic", "CreateTopic"]),
            ("AccessKeyId", "none", &[]),
        ] {
            assert_eq!(bench.by(key, value), expected, "{key} {value}");
        }
        let id = bench.look("eu-central-1", &Lookup::default()).unwrap().events[1].id.clone();
        assert_eq!(bench.by("EventId", &id), ["DeleteTopic"]);
    }

    #[test]
    fn iam_is_recorded_in_one_region_only() {
        let mut bench = Bench::new();
        let role = bench.place("AWS::IAM::Role", "R");
        let account = bench.account.clone();
        bench.world.set_property(&account, &role, "Policies", None).unwrap();
        bench.pass(300);
        assert!(bench.look("eu-central-1", &Lookup::default()).unwrap().events.is_empty());
        let found = bench.look("us-east-1", &Lookup::default()).unwrap().events;
        assert_eq!(found.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["PutRolePolicy", "CreateRole"]);
    }

    #[test]
    fn pages_follow_one_another_and_belong_to_their_request() {
        let mut bench = Bench::new();
        for id in ["/a", "/b", "/c"] {
            bench.place("AWS::SSM::Parameter", id);
        }
        bench.pass(300);
        let mut asked = Lookup { most: Some(2), ..Lookup::default() };
        let first = bench.look("eu-central-1", &asked).unwrap();
        asked.token = first.token;
        let second = bench.look("eu-central-1", &asked).unwrap();
        assert_eq!((first.events.len(), second.events.len(), second.token), (2, 1, None));
        asked.end = Some(Timestamp::MAX);
        assert_eq!(bench.look("eu-central-1", &asked), Err("InvalidNextTokenException"));
    }

    #[test]
    fn what_is_wrong_with_a_request_is_said() {
        let attribute = |key: &str| (key.to_owned(), String::new());
        let (early, late) = (Timestamp::from_second(1).ok(), Timestamp::from_second(2).ok());
        for (asked, code) in [
            (Lookup { most: Some(0), ..Lookup::default() }, "InvalidMaxResultsException"),
            (Lookup { most: Some(51), ..Lookup::default() }, "InvalidMaxResultsException"),
            (Lookup { attributes: vec![attribute("Colour")], ..Lookup::default() }, "InvalidLookupAttributesException"),
            (
                Lookup { attributes: vec![attribute("EventId"); 2], ..Lookup::default() },
                "InvalidLookupAttributesException",
            ),
            (Lookup { start: late, end: early, ..Lookup::default() }, "InvalidTimeRangeException"),
            (Lookup { token: Some("x".to_owned()), ..Lookup::default() }, "InvalidNextTokenException"),
        ] {
            assert_eq!(Bench::new().look("eu-central-1", &asked), Err(code), "{asked:?}");
        }
    }
}
