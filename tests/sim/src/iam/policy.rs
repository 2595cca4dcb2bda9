//! A policy document, read strictly: what this does not know is an error, so that nothing is taken for met that nobody looked at.

use super::{
    Question,
    condition::Condition,
    pattern::{arn_fits, fits},
};
use serde_json::{Map, Value};

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it says.
    pub statements: Vec<Statement>,
}

/// One of its statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it is called.
    pub sid: Option<String>,
    /// Whether it allows; otherwise it denies.
    pub allows: bool,
    /// The actions that it is about.
    pub actions: Vec<String>,
    /// Whether it is about all others.
    pub other_actions: bool,
    /// The resources that it is about.
    pub resources: Vec<String>,
    /// Whether it is about all others.
    pub other_resources: bool,
    conditions: Vec<Condition>,
}

/// Why a document is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

impl Policy {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is none, or has a part that this does not know.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let document: Value = serde_json::from_str(text).map_err(|error| Malformed(error.to_string()))?;
        let odd = |what: &str| Malformed(format!("a policy is an object of Version and Statement: {what}"));
        let document = document.as_object().ok_or_else(|| odd("it is no object"))?;
        if let Some(key) = document.keys().find(|key| !["Version", "Id", "Statement"].contains(&key.as_str())) {
            return Err(odd(key));
        }
        if document.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
            return Err(odd("the version is not 2012-10-17"));
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().map(Statement::read).collect::<Result<_, _>>()?,
            Some(statement) => vec![Statement::read(statement)?],
            None => return Err(odd("it has no statement")),
        };
        Ok(Self { statements })
    }

    pub(super) fn allows(&self, question: &Question) -> bool {
        self.statements.iter().any(|statement| statement.allows && statement.is_about(question))
    }

    pub(super) fn denies(&self, question: &Question) -> bool {
        self.statements.iter().any(|statement| !statement.allows && statement.is_about(question))
    }
}

impl Statement {
    fn read(value: &Value) -> Result<Self, Malformed> {
        let sid = value.get("Sid").and_then(Value::as_str).map(ToOwned::to_owned);
        let odd = |what: &str| Malformed(format!("statement {}: {what}", sid.as_deref().unwrap_or("without a Sid")));
        let fields = value.as_object().ok_or_else(|| odd("it is no object"))?;
        const KNOWN: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
        if let Some(key) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(odd(&format!("an identity policy has no {key}")));
        }
        let allows = match fields.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            Some(_) | None => return Err(odd("its effect is neither Allow nor Deny")),
        };
        let (actions, other_actions) = either(fields, "Action", "NotAction").ok_or_else(|| odd("its actions"))?;
        let (resources, other_resources) =
            either(fields, "Resource", "NotResource").ok_or_else(|| odd("its resources"))?;
        let none = Map::new();
        let conditions =
            fields.get("Condition").map_or(Some(&none), Value::as_object).ok_or_else(|| odd("its condition"))?;
        let conditions = conditions.iter().map(|(operator, keys)| {
            Condition::read(operator, keys).ok_or_else(|| odd(&format!("the condition {operator} is not understood")))
        });
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        Ok(Self { sid: sid.clone(), allows, actions, other_actions, resources, other_resources, conditions })
    }

    fn is_about(&self, question: &Question) -> bool {
        let Question { action, resource, .. } = question;
        let action = action.to_ascii_lowercase();
        let named = self.actions.iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), &action));
        let mut patterns = self.resources.iter().filter_map(|pattern| filled(pattern, question));
        let meant = patterns.any(|pattern| pattern == "*" || arn_fits(&pattern, resource));
        named != self.other_actions
            && meant != self.other_resources
            && self.conditions.iter().all(|condition| condition.is_met(question))
    }
}

/// An element, or the one that means all others; just one of them is there.
fn either(fields: &Map<String, Value>, these: &str, others: &str) -> Option<(Vec<String>, bool)> {
    match (fields.get(these), fields.get(others)) {
        (Some(these), None) => Some((texts(these)?, false)),
        (None, Some(others)) => Some((texts(others)?, true)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// One text or a list of them.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Bool(truth) => Some(vec![truth.to_string()]),
        Value::Array(all) => all.iter().map(|text| text.as_str().map(ToOwned::to_owned)).collect(),
        Value::Null | Value::Number(_) | Value::Object(_) => None,
    }
}

/// A text with its policy variables filled in; `None` when the request has no such key, and then nothing fits it.
pub(super) fn filled(text: &str, question: &Question) -> Option<String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, variable)) = rest.split_once("${") {
        let (name, after) = variable.split_once('}')?;
        whole.push_str(before);
        whole.push_str(question.of(name)?.first()?);
        rest = after;
    }
    whole.push_str(rest);
    Some(whole)
}
