//! The operator's side door over HTTP: what people do to an account behind AWS's back, and what no AWS API tells.
//!
//! Not here: what a fault or a drift is ([`crate::fault`], [`crate::side_door`]).
#![doc = include_str!("door.md")]

mod events;
mod resources;

use super::{
    answer::Answer,
    ledger::Delay,
    request::Received,
    server::{Site, lock},
};
use crate::{
    cfn::quirk::Quirky,
    fault::{Plant, Refusal, Rule},
    services::{input, refused},
};
use manifests::id::{AccountId, duration};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What `GET /_sim/help` answers: the table of this module's documentation.
const HELP: &str = include_str!("door.md");

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Time {
    pass: Option<String>,
    frozen: Option<bool>,
}

/// Answers one request whose path begins with `/_sim/`. An error is `{"error": "…"}` with a status of 400 or 404.
pub(crate) fn answer(site: &Site, request: &Received) -> Answer {
    let path: Vec<&str> = request.path.trim_matches('/').split('/').skip(1).collect();
    match act(site, request, &path) {
        Ok(Value::String(text)) => Answer::new(200, text.into_bytes()).with("content-type", "text/plain"),
        Ok(value) => Answer::json(200, &value),
        Err(refusal) => Answer::json(refusal.status, &json!({ "error": refusal.message })),
    }
}

fn act(site: &Site, request: &Received, path: &[&str]) -> Result<Value, Refusal> {
    let body = &request.body;
    let mut world = lock(&site.world);
    match (request.method.as_str(), path) {
        ("GET", ["help"]) => return Ok(HELP.into()),
        ("GET", ["health"]) => {
            let accounts: Vec<_> = world.accounts().map(|(id, _)| id.to_string()).collect();
            return Ok(json!({ "time": world.now().to_string(), "accounts": accounts, "calls": world.calls() }));
        }
        ("GET", ["accounts", id]) => {
            let id: AccountId = id.parse().map_err(|error: manifests::id::Malformed| wrong(&error))?;
            drop(world);
            return Ok(account(site, &id));
        }
        ("GET", ["calls"]) => {
            let ledger = lock(&site.ledger);
            return Ok(world
                .accounts()
                .map(|(id, _)| (id.to_string(), json!(ledger.of(id))))
                .collect::<Map<_, _>>()
                .into());
        }
        ("DELETE", ["calls"]) => {
            world.accounts.values_mut().for_each(|account| account.calls.clear());
            lock(&site.ledger).reset();
        }
        ("POST", ["faults"]) => world.faults.add(input::<Rule>(body)?),
        ("POST", ["failures"]) => world.faults.plant(input::<Plant>(body)?),
        ("DELETE", ["faults"]) => world.faults.clear(),
        ("POST", ["quirks"]) => world.quirks.add(input::<Quirky>(body)?),
        ("DELETE", ["quirks"]) => world.quirks.clear(),
        ("PUT", ["delays"]) => lock(&site.ledger).delay(input::<Vec<Delay>>(body)?),
        ("POST", ["time"]) => {
            let time: Time = input(body)?;
            match time.frozen {
                Some(true) => world.freeze(),
                Some(false) => world.thaw(),
                None => {}
            }
            if let Some(pass) = &time.pass {
                world.pass(duration(pass).map_err(|error| wrong(&error))?);
            }
        }
        ("POST", ["events"]) => events::deliver(&mut world, body)?,
        ("POST", ["storm"]) => events::storm(&mut world, body)?,
        ("POST", [what]) => match resources::act(&mut world, what, body) {
            Some(done) => done?,
            None => return Err(no_such_door(request)),
        },
        _ => return Err(no_such_door(request)),
    }
    site.arrivals.notify_waiters();
    Ok(json!({}))
}

fn no_such_door(request: &Received) -> Refusal {
    let Received { method, path, .. } = request;
    Refusal::new("NotFound", 404, format!("the side door has no {method} {path}; `GET /_sim/help` lists what it has"))
}

fn wrong(error: &dyn std::error::Error) -> Refusal {
    refused("Invalid", error.to_string())
}

/// Everything in an account.
fn account(site: &Site, id: &AccountId) -> Value {
    let mut world = lock(&site.world);
    let mut all = world.read(id);
    let store = &world.account(id).store;
    let buckets = store.iter().filter(|(key, _)| key.kind == "AWS::S3::Bucket");
    let objects = buckets.flat_map(|(key, _)| {
        store
            .objects(&key.id)
            .map(|(name, object)| json!({ "bucket": key.id, "key": name, "bytes": object.body.len() }))
    });
    all["objects"] = objects.collect::<Vec<_>>().into();
    all["messages"] = world.with_post(|_, post| post.of(id));
    all["calls"] = json!(lock(&site.ledger).of(id));
    all
}
