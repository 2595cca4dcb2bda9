//! What a type demands of a resource's properties, and what its patterns give.

use super::Kind;
use crate::{seed::Seed, store::Properties};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a resource's names are made from.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// `{account}`.
    pub account: &'a str,
    /// `{region}`.
    pub region: &'a str,
    /// `{stack}`.
    pub stack: &'a str,
    /// `{logical}`.
    pub logical: &'a str,
    /// `{name}`.
    pub name: &'a str,
    /// `{id}`.
    pub id: &'a str,
    /// `{version}`.
    pub version: u64,
}

/// What is wrong with a resource's properties: the sentence, and the path of the property below the template's root.
pub fn fault(kind: &Kind, logical: &str, properties: &Properties) -> Option<(String, String)> {
    let root = format!("/Resources/{logical}/Properties");
    if let Some(unknown) = properties.keys().find(|name| !kind.knows(name)) {
        return Some((format!("#: extraneous key [{unknown}] is not permitted"), format!("{root}/{unknown}")));
    }
    let missing = kind.required.iter().find(|name| !properties.contains_key(**name));
    missing.map(|name| (format!("#: required key [{name}] not found"), root))
}

/// Fills a pattern; `None` when it needs a property that is not there.
pub fn fill(pattern: &str, names: Names<'_>, properties: &Properties, seed: &mut Seed) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (hole, tail) = after.split_once('}')?;
        out.push_str(before);
        match hole {
            "account" => out.push_str(names.account),
            "region" => out.push_str(names.region),
            "stack" => out.push_str(names.stack),
            "logical" => out.push_str(names.logical),
            "name" => out.push_str(names.name),
            "id" => out.push_str(names.id),
            "version" => out.push_str(&names.version.to_string()),
            "tail" => out.push_str(&seed.tail()),
            "uuid" => out.push_str(&seed.uuid()),
            "hex" => out.push_str(&seed.hex(17)),
            property => out.push_str(&crate::template::parse::text(properties.get(property.strip_prefix('.')?)?)),
        }
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

/// The properties with the stack's tags among them, as CloudFormation propagates them. A resource's own tag of the same
/// key wins.
pub fn with_stack_tags(kind: &Kind, properties: &mut Properties, tags: &BTreeMap<String, String>) {
    if tags.is_empty() || !kind.taggable() {
        return;
    }
    if kind.name == "AWS::SSM::Parameter" {
        let own = properties.entry("Tags").or_insert_with(|| json!({}));
        if let Value::Object(own) = own {
            tags.iter().for_each(|(key, value)| {
                own.entry(key).or_insert_with(|| Value::String(value.clone()));
            });
        }
        return;
    }
    let own = properties.entry("Tags").or_insert_with(|| json!([]));
    let Value::Array(own) = own else { return };
    for (key, value) in tags {
        if own.iter().any(|tag| tag.get("Key").and_then(Value::as_str) == Some(key)) {
            continue;
        }
        own.push(match kind.name {
            "AWS::AutoScaling::AutoScalingGroup" => json!({"Key": key, "Value": value, "PropagateAtLaunch": true}),
            _ => json!({"Key": key, "Value": value}),
        });
    }
}

/// Whether two values mean the same to a service: `30` and `"30"` do, the order of tags does not matter.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            let keyed =
                |items: &[Value]| items.iter().all(|item| item.get("Key").is_some() && item.get("Value").is_some());
            if a.len() != b.len() {
                return false;
            }
            if keyed(a) && keyed(b) {
                return a.iter().all(|item| b.iter().any(|other| same(item, other)));
            }
            a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        (a, b) => a == b || crate::template::parse::text(a) == crate::template::parse::text(b),
    }
}
