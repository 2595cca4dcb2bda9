//! CloudFormation's own fences: capabilities, resource types, tags, stack policies.

use super::{
    api::{CfnError, Tags},
    invalid,
};
use crate::{fault::matches, template::Template, types};
use serde_json::Value;

/// The capability that a template needs.
pub(crate) fn needed(template: &Template) -> Option<&'static str> {
    let iam =
        template.resources.values().filter_map(|r| Some((types::find(&r.kind)?, r))).filter(|(kind, _)| kind.is_iam());
    let named = iam.map(|(kind, r)| kind.named.is_some_and(|named| r.properties.contains_key(named)));
    named.max().map(|named| if named { "CAPABILITY_NAMED_IAM" } else { "CAPABILITY_IAM" })
}

/// Whether what a template needs was acknowledged.
pub(crate) fn capabilities(template: &Template, given: &[String]) -> Result<(), CfnError> {
    let Some(needed) = needed(template) else { return Ok(()) };
    if given.iter().any(|given| given == needed || given == "CAPABILITY_NAMED_IAM") {
        return Ok(());
    }
    Err(CfnError::new("InsufficientCapabilitiesException", 400, format!("Requires capabilities : [{needed}]")))
}

/// Whether every type is among `ResourceTypes`, if any were given.
pub(crate) fn resource_types(template: &Template, allowed: &[String]) -> Result<(), CfnError> {
    let fits = |kind: &str| allowed.iter().any(|pattern| matches(pattern, kind));
    match template.resources.values().find(|resource| !allowed.is_empty() && !fits(&resource.kind)) {
        None => Ok(()),
        Some(resource) => Err(invalid(format!(
            "Resource type {} is not allowed by parameter ResourceTypes [{}]",
            resource.kind,
            allowed.join(", ")
        ))),
    }
}

/// Whether stack tags keep to the rules.
pub(crate) fn tags(tags: Option<&Tags>) -> Result<(), CfnError> {
    let Some(tags) = tags else { return Ok(()) };
    if tags.len() > 50 {
        return Err(invalid(
            "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50",
        ));
    }
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(invalid("aws: prefixed tag key names are not allowed for external use."));
    }
    if tags.iter().any(|(key, value)| key.is_empty() || key.len() > 128 || value.len() > 256) {
        return Err(invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint"));
    }
    Ok(())
}

/// Checks the text of a stack policy.
pub(crate) fn policy(body: &str) -> Result<(), CfnError> {
    let refused = |why: &str| Err(invalid(format!("Error validating stack policy: {why}")));
    match serde_json::from_str::<Value>(body) {
        _ if body.len() > 16_384 => refused("Invalid stack policy: longer than 16384 bytes"),
        Ok(value) if value.get("Statement").is_some_and(Value::is_array) => Ok(()),
        Ok(_) => refused("Invalid stack policy: no Statement"),
        Err(_) => refused("Invalid stack policy: not JSON"),
    }
}

/// Why a stack policy forbids something (`Update:Modify`, `Update:Replace`, `Update:Delete`). What no statement allows
/// is denied (user guide, "Prevent updates to stack resources").
pub(crate) fn forbids(policy: Option<&str>, action: &str, logical: &str, kind: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(policy?).ok()?;
    let mut allowed = false;
    for (index, statement) in policy.get("Statement")?.as_array()?.iter().enumerate() {
        let any = |field: &str, text: &str| statement.get(field).is_some_and(|patterns| fits(patterns, text));
        let resource = format!("LogicalResourceId/{logical}");
        let concerns_action =
            any("Action", action) || (statement.get("NotAction").is_some() && !any("NotAction", action));
        let concerns_resource =
            any("Resource", &resource) || (statement.get("NotResource").is_some() && !any("NotResource", &resource));
        let condition = statement.get("Condition").and_then(|c| c.get("StringEquals").or(c.get("StringLike")));
        let concerns_type = condition.and_then(|c| c.get("ResourceType")).is_none_or(|types| fits(types, kind));
        if !(concerns_action && concerns_resource && concerns_type) {
            continue;
        }
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Deny") => {
                return Some(format!(
                    "Action denied by stack policy: Statement [#{}] does not allow [{action}] for resource [{resource}]",
                    index + 1
                ));
            }
            _ => allowed = true,
        }
    }
    (!allowed).then(|| {
        format!(
            "Action not allowed by stack policy: no statement allows [{action}] for resource \
             [LogicalResourceId/{logical}]"
        )
    })
}

fn fits(patterns: &Value, text: &str) -> bool {
    match patterns {
        Value::String(pattern) => matches(pattern, text),
        Value::Array(patterns) => patterns.iter().filter_map(Value::as_str).any(|pattern| matches(pattern, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_policy_denies_what_no_statement_allows() {
        let all = r#"{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}"#;
        let check = |statements: &str, action: &str, forbidden: bool| {
            let policy = format!(r#"{{"Statement":[{statements}]}}"#);
            assert_eq!(forbids(Some(&policy), action, "Db", "AWS::DynamoDB::Table").is_some(), forbidden, "{policy}");
        };
        check("", "Update:Modify", true);
        check(all, "Update:Modify", false);
        let replace =
            r#"{"Effect":"Deny","Action":["Update:Replace","Update:Delete"],"Resource":"LogicalResourceId/Db"}"#;
        check(&format!("{all},{replace}"), "Update:Replace", true);
        check(&format!("{all},{replace}"), "Update:Modify", false);
        let queues = r#"{"Effect":"Deny","Action":"Update:*","Resource":"*","Condition":{"StringEquals":{"ResourceType":["AWS::SQS::Queue"]}}}"#;
        check(&format!("{all},{queues}"), "Update:Delete", false);
        assert_eq!(forbids(None, "Update:Delete", "Db", "AWS::DynamoDB::Table"), None);
    }
}
