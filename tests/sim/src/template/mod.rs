//! A CloudFormation template as a value: its sections, with every intrinsic function in its long form
//! (`{"Fn::Sub": …}`), whatever it was written in.
//!
//! Not here: what the functions give ([`eval`]), and which resource types there are ([`crate::types`]).

pub mod check;
pub mod eval;
pub mod parameters;
pub mod parse;
pub(crate) mod pattern;

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// As it was given.
    pub body: String,
    /// `AWSTemplateFormatVersion`.
    pub version: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `Transform`.
    pub transforms: Vec<String>,
    /// `Metadata`.
    pub metadata: Option<Value>,
    /// `Parameters`.
    pub parameters: BTreeMap<String, Declared>,
    /// `Mappings`.
    pub mappings: Map<String, Value>,
    /// `Conditions`.
    pub conditions: Map<String, Value>,
    /// `Resources`.
    pub resources: BTreeMap<String, Declaration>,
    /// `Outputs`.
    pub outputs: BTreeMap<String, OutputDeclaration>,
}

/// One of `Parameters`.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// `Type`.
    pub kind: String,
    /// `Default`.
    pub default: Option<String>,
    /// `NoEcho`.
    pub no_echo: bool,
    /// `Description`.
    pub description: Option<String>,
    /// `AllowedValues`.
    pub allowed_values: Vec<String>,
    /// `AllowedPattern`.
    pub allowed_pattern: Option<String>,
    /// `ConstraintDescription`.
    pub constraint: Option<String>,
    /// `MinLength`, `MaxLength`.
    pub length: (Option<u64>, Option<u64>),
    /// `MinValue`, `MaxValue`.
    pub range: (Option<f64>, Option<f64>),
}

/// What becomes of a resource that leaves its stack (`DeletionPolicy`) or that is replaced (`UpdateReplacePolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// It goes.
    Delete,
    /// It stays, and is nobody's.
    Retain,
    /// It stays, unless it was made by the very operation that fails.
    RetainExceptOnCreate,
    /// It goes, and a snapshot stays.
    Snapshot,
}

/// One of `Resources`.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// `Type`.
    pub kind: String,
    /// `Properties`.
    pub properties: Map<String, Value>,
    /// `DependsOn`.
    pub depends_on: BTreeSet<String>,
    /// `Condition`.
    pub condition: Option<String>,
    /// `DeletionPolicy`, when it is said.
    pub deletion: Option<Policy>,
    /// `UpdateReplacePolicy`, when it is said.
    pub replacement: Option<Policy>,
    /// `Metadata`.
    pub metadata: Option<Value>,
    /// `CreationPolicy`.
    pub creation_policy: Option<Value>,
    /// `UpdatePolicy`.
    pub update_policy: Option<Value>,
}

/// One of `Outputs`.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputDeclaration {
    /// `Value`.
    pub value: Value,
    /// `Description`.
    pub description: Option<String>,
    /// `Export.Name`.
    pub export: Option<Value>,
    /// `Condition`.
    pub condition: Option<String>,
}

/// What an expression refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// `Ref`: a parameter, a resource or a pseudo parameter.
    Name(String),
    /// `Fn::GetAtt`: a resource's attribute.
    Attribute(String, String),
}

/// Everything that an expression refers to, the branches of `Fn::If` that are not taken included.
pub fn references(expression: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    collect(expression, &mut found);
    found
}

fn collect(expression: &Value, found: &mut BTreeSet<Reference>) {
    match expression {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => match single(map) {
            Some(("Ref", Value::String(name))) => {
                found.insert(Reference::Name(name.clone()));
            }
            Some(("Fn::GetAtt", argument)) => {
                if let Some((logical, attribute)) = attribute(argument) {
                    found.insert(Reference::Attribute(logical, attribute));
                }
            }
            Some(("Fn::Sub", argument)) => collect_sub(argument, found),
            Some(("Condition", Value::String(_))) => {}
            _ => map.values().for_each(|value| collect(value, found)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn collect_sub(argument: &Value, found: &mut BTreeSet<Reference>) {
    let (text, own) = match argument {
        Value::Array(parts) => (parts.first(), parts.get(1).and_then(Value::as_object)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => (Some(argument), None),
    };
    if let Some(own) = own {
        own.values().for_each(|value| collect(value, found));
    }
    for hole in eval::holes(text.and_then(Value::as_str).unwrap_or_default()) {
        if let eval::Piece::Hole(name) = hole {
            if own.is_some_and(|own| own.contains_key(&name)) {
                continue;
            }
            found.insert(match name.split_once('.') {
                Some((logical, attribute)) => Reference::Attribute(logical.to_owned(), attribute.to_owned()),
                None => Reference::Name(name),
            });
        }
    }
}

/// The one entry of a map that has one: what an intrinsic function looks like.
pub fn single(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = map.iter();
    let (key, value) = entries.next()?;
    entries.next().is_none().then_some((key.as_str(), value))
}

/// The argument of `Fn::GetAtt`, in either form.
pub fn attribute(argument: &Value) -> Option<(String, String)> {
    match argument {
        Value::String(text) => text.split_once('.').map(|(logical, name)| (logical.to_owned(), name.to_owned())),
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(logical), Value::String(name)] => Some((logical.clone(), name.clone())),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}
