//! One statement of a policy, as JSON and as YAML of a CloudFormation template. Not here: what it says.

use serde::Serialize;
use std::collections::BTreeMap;

/// A condition: operator, key, values.
pub(super) type Condition = (&'static str, &'static str, &'static [&'static str]);

/// A statement.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement {
    pub(super) sid: &'static str,
    /// For whoever reads it in a template: what for, and why it is no narrower.
    #[serde(skip)]
    pub(super) why: &'static str,
    pub(super) effect: Effect,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) action: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) not_action: Vec<&'static str>,
    pub(super) resource: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) condition: BTreeMap<&'static str, BTreeMap<&'static str, &'static [&'static str]>>,
}

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) enum Effect {
    Allow,
    Deny,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: &'static str,
    statement: &'a [Statement],
}

impl Statement {
    /// A statement that allows these actions, in the order of their names.
    pub(super) fn allow(
        (sid, why): (&'static str, &'static str),
        mut action: Vec<&'static str>,
        resource: &[&'static str],
        conditions: &[Condition],
    ) -> Self {
        action.sort_unstable();
        action.dedup();
        let mut condition: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (operator, key, values) in conditions {
            condition.entry(*operator).or_default().insert(*key, *values);
        }
        Self { sid, why, effect: Effect::Allow, action, not_action: Vec::new(), resource: resource.to_vec(), condition }
    }

    /// The same, denied.
    pub(super) fn denied(self) -> Self {
        Self { effect: Effect::Deny, ..self }
    }

    /// The same, but about all other actions.
    pub(super) fn but(self) -> Self {
        Self { not_action: self.action, action: Vec::new(), ..self }
    }

    /// As an item of a list in a template, every line indented like this.
    pub(super) fn yaml(&self, indent: &str) -> String {
        let mut lines = vec![format!("# {}", self.why), format!("- Sid: {}", self.sid)];
        lines.push(format!("  Effect: {:?}", self.effect));
        for (name, values) in [("Action", &self.action), ("NotAction", &self.not_action), ("Resource", &self.resource)]
        {
            if !values.is_empty() {
                lines.push(format!("  {name}:"));
                lines.extend(values.iter().map(|value| format!("    - {}", scalar(value))));
            }
        }
        if !self.condition.is_empty() {
            lines.push("  Condition:".to_owned());
        }
        for (operator, keys) in &self.condition {
            lines.push(format!("    {operator}:"));
            for (key, values) in keys {
                lines.push(match values {
                    // A list of its own.
                    ["${Regions}"] => format!("      {key}: !Ref Regions"),
                    [value] => format!("      {key}: {}", scalar(value)),
                    values => {
                        let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
                        format!("      {key}: [{}]", values.join(", "))
                    }
                });
            }
        }
        lines.iter().map(|line| format!("{indent}{line}\n")).collect()
    }
}

fn scalar(text: &str) -> String {
    match (text.contains("${"), text.contains('*')) {
        (true, _) => format!("!Sub \"{text}\""),
        (false, true) => format!("\"{text}\""),
        (false, false) => text.to_owned(),
    }
}

/// A whole policy.
pub(super) fn document(statements: &[Statement]) -> String {
    let document = Document { version: "2012-10-17", statement: statements };
    let text = serde_json::to_string_pretty(&document);
    text.unwrap_or_else(|_| unreachable!("texts and lists are JSON")) + "\n"
}
