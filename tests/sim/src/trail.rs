//! An account's trail: who did what to it, as CloudTrail records it ("CloudTrail record contents", version 1.11).
//!
//! Recorded are the side door's acts on live resources and the writes that come over the wire; what CloudFormation
//! itself does to resources is not, nor is what was refused. IAM's events are in us-east-1, wherever the act was, as
//! those of all global services are (user guide, "Global service events"). Not here: how events are looked up
//! ([`crate::services::cloudtrail`]).

mod deeds;

pub use deeds::{Deed, Done};

use crate::{bus::Happened, seed::Seed, world::World};
use jiff::Timestamp;
use manifests::id::{AccountId, Region};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Who did something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The principal's ARN: a role session, a user, or an account's root.
    pub arn: String,
    /// The ARN of a session's role, when that has a path which the session's ARN does not tell.
    pub role: Option<String>,
    /// The access key id.
    pub access_key: String,
    /// The address that the call came from.
    pub source_ip: String,
    /// What it was made with.
    pub user_agent: String,
    /// The AWS service that made the call for the principal (`cloudformation.amazonaws.com`).
    pub invoked_by: Option<String>,
}

impl Actor {
    /// A principal at a desk.
    pub fn new(arn: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            role: None,
            access_key: "ASIAEXAMPLEEXAMPLE00".to_owned(),
            source_ip: "198.51.100.7".to_owned(),
            user_agent: "aws-cli/2.31.0 md/awscrt#0.28.1 ua/2.1 os/linux".to_owned(),
            invoked_by: None,
        }
    }

    /// Who did it when nobody says who: an administrator of the account.
    pub fn mallory(account: &AccountId) -> Self {
        Self::new(format!("arn:aws:sts::{account}:assumed-role/Admin/mallory"))
    }

    /// The same from another address.
    pub fn at(self, source_ip: impl Into<String>) -> Self {
        Self { source_ip: source_ip.into(), ..self }
    }

    /// The same through an AWS service.
    pub fn through(self, service: &str) -> Self {
        let name = service.to_owned();
        Self { source_ip: name.clone(), user_agent: name.clone(), invoked_by: Some(name), ..self }
    }

    /// A principal's kind and its name, with the role's before it for a session: the tail of its ARN.
    fn parts(&self) -> (&str, Option<&str>, &str) {
        let tail = self.arn.splitn(6, ':').nth(5).unwrap_or_default();
        let mut parts = tail.split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("assumed-role"), Some(role), Some(session)) => ("AssumedRole", Some(role), session),
            (Some("user"), ..) => ("IAMUser", None, tail.rsplit('/').next().unwrap_or_default()),
            _ if tail == "root" => ("Root", None, "root"),
            _ => ("Unknown", None, tail),
        }
    }

    /// `userIdentity` ("CloudTrail userIdentity element").
    fn identity(&self, account: &AccountId, now: Timestamp) -> Value {
        let (kind, role, name) = self.parts();
        let mut identity =
            json!({ "type": kind, "arn": self.arn, "accountId": account, "accessKeyId": self.access_key });
        match (kind, role) {
            (_, Some(role)) => {
                let id = format!("AROASIMULATED{account}");
                let arn = self.role.clone().unwrap_or_else(|| format!("arn:aws:iam::{account}:role/{role}"));
                identity["principalId"] = format!("{id}:{name}").into();
                identity["sessionContext"] = json!({
                    "sessionIssuer":
                        { "type": "Role", "principalId": id, "arn": arn, "accountId": account, "userName": role },
                    "attributes": { "creationDate": seconds(now), "mfaAuthenticated": "false" },
                });
            }
            ("IAMUser", None) => {
                identity["principalId"] = "AIDASIMULATEDSIMULATED".into();
                identity["userName"] = name.into();
            }
            (_, None) => identity["principalId"] = account.to_string().into(),
        }
        if let Some(service) = &self.invoked_by {
            identity["invokedBy"] = service.as_str().into();
        }
        identity
    }
}

/// One event of a trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// The API's action.
    pub name: String,
    /// `ssm.amazonaws.com`, …
    pub source: String,
    /// When.
    pub time: Timestamp,
    /// The user's or the session's name.
    pub username: String,
    /// The access key id.
    pub access_key: String,
    /// Types and names of what it was done to.
    pub resources: Vec<(String, String)>,
    /// The whole record.
    pub record: Value,
}

/// The events of one account, by region, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    regions: BTreeMap<Region, Vec<Event>>,
}

impl Trail {
    /// The events of a region, oldest first.
    pub fn of(&self, region: &Region) -> &[Event] {
        self.regions.get(region).map_or(&[], Vec::as_slice)
    }
}

impl World {
    /// Records that somebody did something.
    pub fn record(&mut self, account: &AccountId, region: &Region, deed: Deed, actor: &Actor) {
        // CloudTrail knows whole seconds.
        let now = Timestamp::from_second(self.now().as_second()).unwrap_or_default();
        let region = match deed.source.as_str() {
            "iam.amazonaws.com" => "us-east-1".parse().unwrap_or_else(|_| region.clone()),
            _ => region.clone(),
        };
        let count = self.known(account).trail.of(&region).len();
        let mut ids = Seed::of(count as u64, &format!("{account}/{region}/trail"));
        let id = ids.uuid();
        let Deed { source, name, parameters, resources } = deed;
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": actor.identity(account, now),
            "eventTime": seconds(now),
            "eventSource": source,
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": actor.source_ip,
            "userAgent": actor.user_agent,
            "requestParameters": parameters,
            "responseElements": null,
            "requestID": ids.uuid(),
            "eventID": id,
            "readOnly": false,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": account,
            "eventCategory": "Management",
        });
        let named = |(kind, arn): &&(String, String)| arn.starts_with("arn:") && !kind.is_empty();
        let arns: Vec<Value> = resources
            .iter()
            .filter(named)
            .map(|(kind, arn)| json!({ "accountId": account, "type": kind, "ARN": arn }))
            .collect();
        if !arns.is_empty() {
            record["resources"] = arns.into();
        }
        let (_, _, username) = actor.parts();
        let told = format!("aws.{}", source.split('.').next().unwrap_or_default());
        let event = Event {
            id,
            name,
            source,
            time: now,
            username: username.to_owned(),
            access_key: actor.access_key.clone(),
            resources,
            record: record.clone(),
        };
        let known = self.known(account);
        known.trail.regions.entry(region.clone()).or_default().push(event);
        let Some(queues) = known.listeners.get(&region).cloned() else { return };
        let happened = Happened {
            source: told,
            detail_type: "AWS API Call via CloudTrail",
            resources: vec![],
            detail: record,
            at: now,
        };
        self.announce((account, &region), &queues, happened);
    }
}

/// A time as CloudTrail spells it.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// One field that is an object's only one.
fn only(name: &str, value: impl Into<Value>) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value.into())]))
}
