//! What a resource really is, as far as its template speaks of it: the ground of drift detection and drift-aware
//! change sets (reference/cloudformation.md 1.5 and 1.6).
//!
//! What the template does not set is invisible; so are write-only properties and dynamic references.

use super::{
    Cfn,
    api::{CfnError, CreateChangeSet, PropertyDifference, StackResourceDrift},
    invalid,
    stack::{Goal, Member, Stack},
    words::{DifferenceType, ResourceDriftStatus},
};
use crate::{
    store::{Key, Properties, Work, strike},
    template::parse::text,
    types::{self, Kind, shape::same},
};
use serde_json::{Map, Value};

/// Whether a property can be compared.
fn visible(kind: &Kind, property: &str, declared: &Value) -> bool {
    !kind.write_only.contains(&property) && !declared.to_string().contains("{{resolve:")
}

impl Cfn<'_> {
    /// Whether a drift-aware change set is to be had.
    pub(crate) fn revertible(&self, request: &CreateChangeSet, goal: &Goal) -> Result<(), CfnError> {
        let nested = goal.template.resources.values().any(|resource| resource.kind == "AWS::CloudFormation::Stack");
        match self.refuses_revert(&request.deployment.stack_name) {
            _ if !request.revert_drift => Ok(()),
            Some(reason) => Err(invalid(reason)),
            // AWS does not document the two together, and CDK never asks for them: reference/cloudformation.md 1.6.
            None if nested => {
                Err(invalid("DeploymentMode REVERT_DRIFT is not supported for stacks with nested stacks"))
            }
            None => Ok(()),
        }
    }

    /// What a drift-aware change set compares a wanted resource with: live values, save where they can't be read or
    /// can't be put back (immutable properties).
    pub(crate) fn actual(&self, member: &Member, kind: &Kind, wanted: &Properties) -> Properties {
        let key = Key::new(&self.region, &member.kind, member.physical.as_deref().unwrap_or_default());
        let Some(live) = self.account.store.get(&key) else { return member.declared.clone() };
        let mut base = Properties::new();
        for name in member.declared.keys().chain(wanted.keys()) {
            let declared = member.declared.get(name);
            let said = wanted.get(name).or(declared).unwrap_or(&Value::Null);
            let live = live.properties.get(name);
            let value = match live {
                _ if kind.replaces.contains(&name.as_str()) || !visible(kind, name, said) => declared.cloned(),
                Some(live) if name == "Tags" => Some(known_tags(live, &[Some(said), declared])),
                live => live.cloned(),
            };
            if let Some(value) = value {
                base.insert(name.clone(), value);
            }
        }
        base
    }

    /// One resource's drift, seen now.
    pub(crate) fn drift_of(&self, stack: &Stack, logical: &str, member: &Member) -> StackResourceDrift {
        let mut drift = StackResourceDrift {
            stack_id: stack.id.clone(),
            logical_resource_id: logical.to_owned(),
            physical_resource_id: member.physical.clone(),
            resource_type: member.kind.clone(),
            status: ResourceDriftStatus::NotChecked,
            status_reason: None,
            expected_properties: None,
            actual_properties: None,
            property_differences: vec![],
            timestamp: self.now,
        };
        let Some(kind) = types::find(&member.kind).filter(|kind| kind.drift && member.physical.is_some()) else {
            return drift;
        };
        let comparable = |(name, value): &(&String, &Value)| visible(kind, name, value);
        let expected: Properties =
            member.declared.iter().filter(comparable).map(|(n, v)| (n.clone(), v.clone())).collect();
        drift.expected_properties = Some(Value::Object(expected.clone()).to_string());
        let key = Key::new(&self.region, &member.kind, member.physical.as_deref().unwrap_or_default());
        let Some(live) = self.account.store.get(&key) else {
            drift.status = ResourceDriftStatus::Deleted;
            return drift;
        };
        if let Some(reason) = strike(&mut live.breaks.clone(), Work::Read) {
            drift.status = ResourceDriftStatus::Unknown;
            drift.status_reason = Some(reason);
            return drift;
        }
        let actual: Properties = expected
            .keys()
            .filter_map(|name| live.properties.get(name).map(|value| (name.clone(), value.clone())))
            .collect();
        drift.actual_properties = Some(Value::Object(actual.clone()).to_string());
        compare("", &Value::Object(expected), &Value::Object(actual), &mut drift.property_differences);
        drift.property_differences.extend(self.noise(stack, logical));
        drift.status = match drift.property_differences.is_empty() {
            true => ResourceDriftStatus::InSync,
            false => ResourceDriftStatus::Modified,
        };
        drift
    }
}

/// The tags that somebody speaks of: tags of other keys are never removed.
fn known_tags(live: &Value, said: &[Option<&Value>]) -> Value {
    let spoken = |key: &str| {
        said.iter().flatten().any(|tags| match tags {
            Value::Array(tags) => tags.iter().any(|tag| tag.get("Key").and_then(Value::as_str) == Some(key)),
            Value::Object(tags) => tags.contains_key(key),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        })
    };
    match live {
        Value::Array(tags) => {
            let key = |tag: &Value| tag.get("Key").map(text).unwrap_or_default();
            Value::Array(tags.iter().filter(|tag| spoken(&key(tag))).cloned().collect())
        }
        Value::Object(tags) => {
            let kept = tags.iter().filter(|(key, _)| spoken(key)).map(|(key, value)| (key.clone(), value.clone()));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => live.clone(),
    }
}

/// Tags that are there and that nobody speaks of, put back among the wanted ones.
pub(crate) fn with_rogue_tags(live: &Value, wanted: &Value) -> Value {
    match (live, wanted) {
        (Value::Array(live), Value::Array(wanted)) => {
            let known = |tag: &&Value| wanted.iter().any(|other| other.get("Key") == tag.get("Key"));
            wanted.iter().chain(live.iter().filter(|tag| !known(tag))).cloned().collect()
        }
        (Value::Object(live), Value::Object(wanted)) => {
            let mut all = live.clone();
            all.extend(wanted.clone());
            Value::Object(all)
        }
        (_, wanted) => wanted.clone(),
    }
}

/// Every difference, by JSON pointer. Of a list, each place is compared.
fn compare(path: &str, expected: &Value, actual: &Value, found: &mut Vec<PropertyDifference>) {
    match (expected, actual) {
        _ if same(expected, actual) => {}
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, value) in expected {
                compare_at(&format!("{path}/{name}"), Some(value), actual.get(name), found);
            }
            for (name, value) in actual.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                compare_at(&format!("{path}/{name}"), None, Some(value), found);
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            for place in 0..expected.len().max(actual.len()) {
                compare_at(&format!("{path}/{place}"), expected.get(place), actual.get(place), found);
            }
        }
        (expected, actual) => found.push(difference(path, Some(expected), Some(actual), DifferenceType::NotEqual)),
    }
}

fn compare_at(path: &str, expected: Option<&Value>, actual: Option<&Value>, found: &mut Vec<PropertyDifference>) {
    match (expected, actual) {
        (Some(expected), Some(actual)) => compare(path, expected, actual, found),
        (Some(_), None) => found.push(difference(path, expected, None, DifferenceType::Remove)),
        (None, Some(_)) => found.push(difference(path, None, actual, DifferenceType::Add)),
        (None, None) => {}
    }
}

fn difference(
    path: &str,
    expected: Option<&Value>,
    actual: Option<&Value>,
    difference_type: DifferenceType,
) -> PropertyDifference {
    let printed = |value: Option<&Value>| value.map_or_else(|| "null".to_owned(), text);
    PropertyDifference {
        property_path: path.to_owned(),
        expected_value: printed(expected),
        actual_value: printed(actual),
        difference_type,
    }
}
