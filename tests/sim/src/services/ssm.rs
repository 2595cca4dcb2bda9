//! SSM Parameter Store over the account's `AWS::SSM::Parameter` resources ("AWS Systems Manager API Reference").
//!
//! Not here: labels and policies (refused, not ignored), and older versions of what CloudFormation changed (of
//! what was put, the last hundred are kept, as SSM does). A `SecureString` is not encrypted; undecrypted it is shown as a digest.

mod listing;
mod rules;

use super::{Place, input, invalid, refused, unknown};
use crate::fault::Refusal;
use crate::store::{Key, Properties, Resource, Store};
use base64::Engine as _;
use manifests::id::Digest;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const KIND: &str = "AWS::SSM::Parameter";
/// How many versions of a parameter are kept, the newest among them.
const KEPT: usize = 100;

/// Does one `AmazonSSM` action.
///
/// # Errors
/// What SSM would refuse, with its code.
pub fn call(store: &mut Store, at: &Place<'_>, action: &str, body: &[u8]) -> Result<Value, Refusal> {
    match action {
        "PutParameter" => put(store, at, input(body)?),
        "GetParameter" => get(store, at, &input(body)?),
        "GetParameters" => get_all(store, at, &input(body)?),
        "GetParametersByPath" => listing::by_path(store, at, &input(body)?),
        "DescribeParameters" => listing::describe(store, at, &input(body)?),
        "DeleteParameter" => delete(store, at, &input::<Named>(body)?.name),
        "DeleteParameters" => Ok(delete_all(store, at, &input(body)?)),
        "AddTagsToResource" => change_tags(store, at, input(body)?),
        "RemoveTagsFromResource" => change_tags(store, at, input(body)?),
        "ListTagsForResource" => list_tags(store, at, &input(body)?),
        other => Err(unknown(other)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    name: String,
    value: String,
    #[serde(rename = "Type")]
    kind: Option<String>,
    description: Option<String>,
    #[serde(default)]
    overwrite: bool,
    tier: Option<String>,
    data_type: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    allowed_pattern: Option<String>,
    policies: Option<String>,
}

#[derive(Debug, Clone, Deserialize, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Names {
    names: Vec<String>,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tagged {
    resource_type: String,
    resource_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

fn put(store: &mut Store, at: &Place<'_>, put: Put) -> Result<Value, Refusal> {
    rules::check_name(&put.name)?;
    if put.policies.is_some() {
        return Err(invalid("Policies are not simulated."));
    }
    if put.overwrite && !put.tags.is_empty() {
        return Err(invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
             overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    let key = Key::new(at.region, KIND, &put.name);
    let before = store.get(&key);
    if before.is_some() && !put.overwrite {
        return Err(refused(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ));
    }
    rules::check_pattern(&put)?;
    let kind = rules::kind_of(&put, before)?;
    let tier = rules::tier_of(&put, before)?;
    let mut given = Properties::new();
    given.insert("Type".to_owned(), kind.into());
    given.insert("Value".to_owned(), put.value.into());
    given.insert("Tier".to_owned(), tier.into());
    given.extend(put.description.map(|text| ("Description".to_owned(), text.into())));
    given.extend(put.allowed_pattern.map(|text| ("AllowedPattern".to_owned(), text.into())));
    given.extend(put.data_type.map(|text| ("DataType".to_owned(), text.into())));
    let version = if let Some(resource) = store.get_mut(&key) {
        let past = (resource.version, resource.text("Value").unwrap_or_default().to_owned());
        resource.past.push_back(past);
        if resource.past.len() >= KEPT {
            resource.past.pop_front();
        }
        // One call is one version, however many properties it sets.
        let mut properties = resource.properties.clone();
        properties.extend(given);
        resource.properties = properties;
        resource.version += 1;
        resource.modified = at.now;
        resource.version
    } else {
        given.insert("Name".to_owned(), put.name.into());
        if !put.tags.is_empty() {
            given.insert("Tags".to_owned(), json!(put.tags));
        }
        store.insert(key, Resource::new(given, at.now));
        1
    };
    Ok(json!({ "Version": version, "Tier": tier }))
}

/// A parameter by name, ARN or `name:version`, and the selector as it was written.
fn find(store: &Store, at: &Place<'_>, asked: &str) -> Result<(String, Resource, String), Refusal> {
    let missing = || refused("ParameterNotFound", "");
    let own = format!("arn:aws:ssm:{}:{}:parameter", at.region, at.account);
    let plain = asked.strip_prefix(&own).unwrap_or(asked);
    let (name, selector) = plain.split_once(':').unwrap_or((plain, ""));
    let found = |name: &str| store.get(&Key::new(at.region, KIND, name));
    // The ARN of a parameter without a hierarchy has a slash that its name has not.
    let bare = name.strip_prefix('/').filter(|_| plain != asked);
    let (name, resource) = found(name)
        .map(|r| (name, r))
        .or_else(|| bare.and_then(|bare| found(bare).map(|r| (bare, r))))
        .ok_or_else(missing)?;
    let mut resource = resource.clone();
    if !selector.is_empty() && selector != resource.version.to_string() {
        let Some((version, value)) = resource.past.iter().find(|(version, _)| version.to_string() == selector).cloned()
        else {
            let message = format!(
                "Systems Manager could not find version {selector} of {name}. Verify the version and try again."
            );
            return Err(refused("ParameterVersionNotFound", message));
        };
        resource.version = version;
        resource.properties.insert("Value".to_owned(), value.into());
    }
    let selector = if selector.is_empty() { String::new() } else { format!(":{selector}") };
    Ok((name.to_owned(), resource, selector))
}

fn shown(at: &Place<'_>, name: &str, resource: &Resource, selector: &str, decrypt: bool) -> Value {
    let value = resource.text("Value").unwrap_or_default();
    let secret = resource.text("Type") == Some("SecureString") && !decrypt;
    let digest = || base64::engine::general_purpose::STANDARD.encode(Digest::of(value.as_bytes()).0);
    let mut shown = json!({
        "Name": name,
        "Type": resource.text("Type").unwrap_or("String"),
        "Value": if secret { digest() } else { value.to_owned() },
        "Version": resource.version,
        "LastModifiedDate": seconds(resource.modified),
        "ARN": arn(at, name),
        "DataType": resource.text("DataType").unwrap_or("text"),
    });
    if !selector.is_empty() {
        shown["Selector"] = selector.into();
    }
    shown
}

fn arn(at: &Place<'_>, name: &str) -> String {
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{}:{}:parameter{slash}{name}", at.region, at.account)
}

/// Seconds since 1970 with milliseconds, as AWS JSON spells time.
fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

fn get(store: &Store, at: &Place<'_>, asked: &Named) -> Result<Value, Refusal> {
    let (name, resource, selector) = find(store, at, &asked.name)?;
    Ok(json!({ "Parameter": shown(at, &name, &resource, &selector, asked.with_decryption) }))
}

fn get_all(store: &Store, at: &Place<'_>, asked: &Names) -> Result<Value, Refusal> {
    if asked.names.is_empty() || asked.names.len() > 10 {
        return Err(invalid(
            "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less \
             than or equal to 10 and greater than or equal to 1",
        ));
    }
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for asked_name in &asked.names {
        match find(store, at, asked_name) {
            Ok((name, resource, selector)) => {
                found.push(shown(at, &name, &resource, &selector, asked.with_decryption));
            }
            Err(_) => invalid.push(asked_name),
        }
    }
    Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
}

fn delete(store: &mut Store, at: &Place<'_>, name: &str) -> Result<Value, Refusal> {
    let gone = store.remove(&Key::new(at.region, KIND, name));
    gone.map(|_| json!({})).ok_or_else(|| refused("ParameterNotFound", ""))
}

fn delete_all(store: &mut Store, at: &Place<'_>, asked: &Names) -> Value {
    let names = asked.names.iter();
    let (gone, invalid): (Vec<_>, Vec<_>) =
        names.partition(|name| store.remove(&Key::new(at.region, KIND, name)).is_some());
    json!({ "DeletedParameters": gone, "InvalidParameters": invalid })
}

fn tagged<'a>(store: &'a mut Store, at: &Place<'_>, asked: &Tagged) -> Result<&'a mut Resource, Refusal> {
    if asked.resource_type != "Parameter" {
        return Err(refused("InvalidResourceType", "Only parameters are simulated."));
    }
    let missing = || refused("InvalidResourceId", format!("The resource ID \"{}\" is not valid.", asked.resource_id));
    store.get_mut(&Key::new(at.region, KIND, &asked.resource_id)).ok_or_else(missing)
}

/// A resource's tags: a list, or the map that `AWS::SSM::Parameter` takes in a template.
fn tags_of(resource: &Resource) -> Map<String, Value> {
    match resource.properties.get("Tags") {
        Some(Value::Object(map)) => map.clone(),
        Some(Value::Array(list)) => {
            let pair = |tag: &Value| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.clone()));
            list.iter().filter_map(pair).collect()
        }
        _ => Map::new(),
    }
}

fn change_tags(store: &mut Store, at: &Place<'_>, asked: Tagged) -> Result<Value, Refusal> {
    let resource = tagged(store, at, &asked)?;
    let mut tags = tags_of(resource);
    tags.retain(|key, _| !asked.tag_keys.contains(key));
    tags.extend(asked.tags.into_iter().map(|tag| (tag.key, tag.value.into())));
    let list = tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    // Tags are no new version of a parameter.
    resource.properties.insert("Tags".to_owned(), Value::Array(list));
    Ok(json!({}))
}

fn list_tags(store: &mut Store, at: &Place<'_>, asked: &Tagged) -> Result<Value, Refusal> {
    let tags = tags_of(tagged(store, at, asked)?);
    let list: Vec<_> = tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Ok(json!({ "TagList": list }))
}
