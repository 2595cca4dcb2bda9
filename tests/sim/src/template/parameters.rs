//! From the parameters of a request to values: defaults, previous values, constraints, SSM.
//!
//! Patterns (`AllowedPattern`) are matched by a small matcher of the constructs that templates use; a pattern that it
//! does not know is not enforced.

use super::{Declared, Template, pattern};
use crate::cfn::api::Parameter;
use serde_json::Value;
use std::collections::BTreeMap;

/// A parameter with all that CloudFormation keeps of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// As it was given: for an SSM parameter, its name.
    pub text: String,
    /// What an SSM parameter's name stood for.
    pub resolved: Option<String>,
    /// What `Ref` gives.
    pub value: Value,
    /// Whether answers mask it.
    pub no_echo: bool,
}

/// Resolves every parameter of a template. `previous` is what the stack has, `ssm` reads an SSM parameter.
///
/// # Errors
/// CloudFormation's sentence.
pub fn resolve(
    template: &Template,
    given: &[Parameter],
    previous: &BTreeMap<String, Given>,
    ssm: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, Given>, String> {
    let unknown: Vec<&str> =
        given.iter().map(|p| p.key.as_str()).filter(|key| !template.parameters.contains_key(*key)).collect();
    if !unknown.is_empty() {
        return Err(format!("Parameters: [{}] do not exist in the template", unknown.join(", ")));
    }
    let mut values = BTreeMap::new();
    let mut missing = vec![];
    for (name, declared) in &template.parameters {
        let text = match given.iter().find(|p| p.key == *name) {
            Some(p) if p.use_previous_value => match previous.get(name) {
                Some(previous) => Some(previous.text.clone()),
                None => {
                    return Err(format!(
                        "Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                    ));
                }
            },
            Some(p) => p.value.clone(),
            None => declared.default.clone(),
        };
        match text {
            Some(text) => {
                values.insert(name.clone(), one(name, declared, text, &ssm)?);
            }
            None => missing.push(name.as_str()),
        }
    }
    if missing.is_empty() { Ok(values) } else { Err(format!("Parameters: [{}] must have values", missing.join(", "))) }
}

fn one(name: &str, declared: &Declared, text: String, ssm: impl Fn(&str) -> Option<String>) -> Result<Given, String> {
    constraints(name, declared, &text)?;
    let inner = declared.kind.strip_prefix("AWS::SSM::Parameter::Value<").and_then(|kind| kind.strip_suffix('>'));
    let resolved = match inner {
        None => None,
        Some(_) => Some(
            ssm(&text)
                .ok_or_else(|| format!("Unable to fetch parameters [{text}] from parameter store for this account."))?,
        ),
    };
    let plain = resolved.as_deref().unwrap_or(&text);
    let kind = inner.unwrap_or(&declared.kind);
    let value = if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        plain.split(',').map(|part| part.trim().to_owned()).collect()
    } else {
        Value::String(plain.to_owned())
    };
    Ok(Given { text, resolved, value, no_echo: declared.no_echo })
}

fn constraints(name: &str, declared: &Declared, text: &str) -> Result<(), String> {
    let refused = |rule: String| {
        Err(match &declared.constraint {
            Some(description) => format!("Parameter {name} failed to satisfy constraint: {description}"),
            None => rule,
        })
    };
    if text.len() > 4096 {
        return Err(format!("Parameter {name} exceeds maximum length of 4096 bytes"));
    }
    let items: Vec<&str> =
        if declared.kind == "CommaDelimitedList" { text.split(',').map(str::trim).collect() } else { vec![text] };
    let allowed = |item: &&str| declared.allowed_values.iter().any(|allowed| allowed == item);
    if !declared.allowed_values.is_empty() && !items.iter().all(allowed) {
        return refused(format!("Parameter '{name}' must be one of AllowedValues"));
    }
    if let Some(pattern) = &declared.allowed_pattern
        && pattern::fits(pattern, text) == Some(false)
    {
        return refused(format!("Parameter {name} failed to satisfy constraint: must match pattern {pattern}"));
    }
    let length = text.chars().count() as u64;
    if declared.length.0.is_some_and(|least| length < least) || declared.length.1.is_some_and(|most| length > most) {
        return refused(format!(
            "Parameter '{name}' must contain at least {} and at most {} characters",
            declared.length.0.unwrap_or(0),
            declared.length.1.unwrap_or(4096)
        ));
    }
    if declared.kind == "Number" {
        let Ok(number) = text.parse::<f64>() else { return refused(format!("Parameter '{name}' must be a number.")) };
        if declared.range.0.is_some_and(|least| number < least) || declared.range.1.is_some_and(|most| number > most) {
            return refused(format!("Parameter '{name}' must be a number within its MinValue and MaxValue"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::parse;

    const TEMPLATE: &str = "
Parameters:
  Env: {Type: String, Default: dev, AllowedValues: [dev, prod]}
  Name: {Type: String, Default: web, AllowedPattern: '[a-z]+', ConstraintDescription: lower case only}
  Size: {Type: Number, Default: 3, MinValue: 1, MaxValue: 5}
  Nets: {Type: CommaDelimitedList, Default: 'a, b'}
  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /image}
Resources: {T: {Type: AWS::SNS::Topic}}
";

    fn given(key: &str, value: &str) -> Result<BTreeMap<String, Given>, String> {
        let parameter = Parameter { key: key.into(), value: Some(value.into()), ..Parameter::default() };
        let read = |name: &str| (name == "/image").then(|| "ami-1".to_owned());
        resolve(&parse::template(TEMPLATE)?, &[parameter], &BTreeMap::new(), read)
    }

    #[test]
    fn values_come_from_the_request_the_default_and_ssm() {
        let values = given("Env", "prod").unwrap();
        let value = |name: &str| values[name].value.clone();
        assert_eq!(value("Env"), "prod");
        assert_eq!(value("Nets"), Value::from(vec!["a", "b"]));
        assert_eq!(value("Image"), "ami-1");
        assert_eq!((values["Image"].text.as_str(), values["Image"].resolved.as_deref()), ("/image", Some("ami-1")));
    }

    #[test]
    fn constraints_hold() {
        let check = |key: &str, value: &str, sentence: &str| assert_eq!(given(key, value).unwrap_err(), sentence);
        check("Env", "stage", "Parameter 'Env' must be one of AllowedValues");
        check("Name", "Web", "Parameter Name failed to satisfy constraint: lower case only");
        check("Size", "x", "Parameter 'Size' must be a number.");
        check("Size", "9", "Parameter 'Size' must be a number within its MinValue and MaxValue");
        check("Image", "/none", "Unable to fetch parameters [/none] from parameter store for this account.");
        check("Other", "1", "Parameters: [Other] do not exist in the template");
    }
}
