//! What is done to single resources through the side door.

use super::wrong;
use crate::{
    fault::Refusal,
    side_door::{Missing, Signal},
    store::{Break, Key, Properties},
    trail::Actor,
    world::World,
};
use manifests::id::{AccountId, Region};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The fields of a request that say which resource it is about.
const WHICH: [&str; 6] = ["account", "region", "stack", "logical", "type", "id"];

#[derive(Debug, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Which {
    InStack { account: AccountId, region: Region, stack: String, logical: String },
    Live { account: AccountId, region: Region, r#type: String, id: String },
}

/// Who does it, if that is said.
#[derive(Debug, Default, Deserialize)]
struct By {
    by: Option<String>,
    from: Option<String>,
}

impl By {
    /// Takes the fields that say who out of a request.
    fn take(rest: &mut Map<String, Value>, account: &AccountId) -> Result<Actor, Refusal> {
        let said = ["by", "from"].into_iter().filter_map(|name| rest.remove_entry(name));
        let By { by, from } = read(said.collect())?;
        let actor = by.map_or_else(|| Actor::mallory(account), Actor::new);
        Ok(match from {
            Some(address) => actor.at(address),
            None => actor,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drift {
    property: String,
    value: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    attribute: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Custom {
    account: AccountId,
    r#type: String,
    attributes: Option<Properties>,
    failure: Option<String>,
}

/// What is done to a resource, with the rest of the request.
type Act = fn(&mut World, &AccountId, Key, Map<String, Value>) -> Result<(), Refusal>;

/// Does one thing to one resource; `None` when the side door has no such thing.
pub(super) fn act(world: &mut World, what: &str, body: &[u8]) -> Option<Result<(), Refusal>> {
    let act: Act = match what {
        "custom" => return Some(answer_custom(world, body)),
        "drift" => |world, account, key, mut rest| {
            let actor = By::take(&mut rest, account)?;
            let Drift { property, value } = read(rest)?;
            world.set_property_as(account, &key, &property, value, &actor).map_err(missing)
        },
        "attribute" => |world, account, key, rest| {
            let Attribute { attribute, value } = read(rest)?;
            world.set_attribute(account, &key, &attribute, value).map_err(missing)
        },
        "delete" => |world, account, key, mut rest| {
            let actor = By::take(&mut rest, account)?;
            let Nothing {} = read(rest)?;
            world.delete_resource_as(account, &key, &actor).map_err(missing)
        },
        "place" => |world, account, key, mut rest| {
            let actor = By::take(&mut rest, account)?;
            let Place { properties } = read(rest)?;
            world.place_resource_as(account, key, properties, &actor);
            Ok(())
        },
        "break" => {
            |world, account, key, rest| world.break_resource(account, &key, read::<Break>(rest)?).map_err(missing)
        }
        "mend" => |world, account, key, rest| {
            let Nothing {} = read(rest)?;
            world.mend_resource(account, &key).map_err(missing)
        },
        "signal" => |world, account, key, rest| world.signal(account, &key, &read::<Signal>(rest)?).map_err(missing),
        _ => return None,
    };
    Some(on_resource(world, body, act))
}

/// Tells the resource from the rest of the request, and acts on it.
fn on_resource(world: &mut World, body: &[u8], act: Act) -> Result<(), Refusal> {
    let all: Map<String, Value> = serde_json::from_slice(body).map_err(|error| wrong(&error))?;
    let (which, rest): (Map<_, _>, Map<_, _>) = all.into_iter().partition(|(name, _)| WHICH.contains(&name.as_str()));
    let which: Which = serde_json::from_value(which.into()).map_err(|_| {
        Refusal::new(
            "Invalid",
            400,
            "the resource is said by `account`, `region` and either `stack` and `logical` or `type` and `id`",
        )
    })?;
    match which {
        Which::InStack { account, region, stack, logical } => {
            let key = world.locate(&account, &region, &stack, &logical).map_err(missing)?;
            act(world, &account, key, rest)
        }
        Which::Live { account, region, r#type, id } => act(world, &account, Key::new(&region, &r#type, &id), rest),
    }
}

fn answer_custom(world: &mut World, body: &[u8]) -> Result<(), Refusal> {
    let custom: Custom = serde_json::from_slice(body).map_err(|error| wrong(&error))?;
    let answer = custom.failure.map_or_else(|| Ok(custom.attributes.unwrap_or_default()), Err);
    world.answer_custom(&custom.account, &custom.r#type, answer);
    Ok(())
}

fn read<T: DeserializeOwned>(rest: Map<String, Value>) -> Result<T, Refusal> {
    serde_json::from_value(rest.into()).map_err(|error| wrong(&error))
}

pub(super) fn missing(missing: Missing) -> Refusal {
    Refusal::new("NotFound", 404, missing.to_string())
}
