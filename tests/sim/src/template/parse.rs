//! From YAML or JSON text to a [`Template`].
//!
//! The sentences of the errors are CloudFormation's. Not here: whether references lead anywhere ([`super::check`]).
//! Known difference: a YAML float loses its trailing zeros (`1.10` is 1.1).

use super::{Declaration, Declared, OutputDeclaration, Policy, Template};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The greatest size of a template in a request.
pub const INLINE_LIMIT: usize = 51_200;
/// The greatest size of a template in S3.
pub const OBJECT_LIMIT: usize = 1_000_000;
const RESOURCES: usize = 500;
const PARAMETERS: usize = 200;
const OUTPUTS: usize = 200;

/// Reads a template.
///
/// # Errors
/// CloudFormation's sentence.
pub fn template(body: &str) -> Result<Template, String> {
    if body.len() > OBJECT_LIMIT {
        return Err("Template may not exceed 1000000 bytes in size.".to_owned());
    }
    let value = if body.trim_start().starts_with('{') { json(body)? } else { yaml(body)? };
    let Value::Object(mut sections) = value else {
        return Err("Template format error: unsupported structure.".to_owned());
    };
    let mut take = |name: &str| sections.remove(name);
    let version = take("AWSTemplateFormatVersion").map(|v| text(&v));
    let description = take("Description").map(|v| text(&v));
    let metadata = take("Metadata");
    let transforms = take("Transform").map(|v| texts(&v)).unwrap_or_default();
    let parameters = entries("Parameters", take("Parameters"))?;
    let mappings = entries("Mappings", take("Mappings"))?;
    let conditions = entries("Conditions", take("Conditions"))?;
    let resources = entries("Resources", take("Resources"))?;
    let outputs = entries("Outputs", take("Outputs"))?;
    let _rules = take("Rules");
    if !sections.is_empty() {
        let names: Vec<&str> = sections.keys().map(String::as_str).collect();
        return Err(format!("Invalid template property or properties [{}]", names.join(", ")));
    }
    if version.as_deref().is_some_and(|version| version != "2010-09-09") {
        return Err("Template format error: unsupported value for AWSTemplateFormatVersion.".to_owned());
    }
    if resources.is_empty() {
        return Err("Template format error: At least one Resources member must be defined.".to_owned());
    }
    limit("resources", resources.len(), RESOURCES)?;
    limit("parameters", parameters.len(), PARAMETERS)?;
    limit("outputs", outputs.len(), OUTPUTS)?;
    Ok(Template {
        body: body.to_owned(),
        version,
        description,
        transforms,
        metadata,
        parameters: parameters.into_iter().map(|(n, v)| Ok((n.clone(), parameter(&n, v)?))).collect::<Sections<_>>()?,
        mappings,
        conditions,
        resources: resources.into_iter().map(|(n, v)| Ok((n.clone(), resource(&n, v)?))).collect::<Sections<_>>()?,
        outputs: outputs.into_iter().map(|(n, v)| Ok((n.clone(), output(&n, v)?))).collect::<Sections<_>>()?,
    })
}

type Sections<T> = Result<BTreeMap<String, T>, String>;

fn limit(what: &str, found: usize, most: usize) -> Result<(), String> {
    if found <= most {
        return Ok(());
    }
    Err(format!("Template format error: Number of {what}, {found}, is greater than maximum allowed, {most}"))
}

fn entries(section: &str, value: Option<Value>) -> Result<Map<String, Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err(format!("Template format error: {section} must be an object.")),
    }
}

fn json(body: &str) -> Result<Value, String> {
    serde_json::from_str(body).map_err(|error| {
        format!("Template format error: JSON not well-formed. (line {}, column {})", error.line(), error.column())
    })
}

fn yaml(body: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(body).map_err(|error| {
        let at = error.marker();
        format!("Template format error: YAML not well-formed. (line {}, column {})", at.line(), at.col() + 1)
    })?;
    documents.first().map_or(Ok(Value::Null), value)
}

/// A YAML node as JSON, short tags as long functions.
fn value(node: &Yaml<'_>) -> Result<Value, String> {
    Ok(match node {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => Value::Bool(*value),
            Scalar::Integer(value) => Value::from(*value),
            Scalar::FloatingPoint(number) => Value::from(number.0),
            Scalar::String(text) => Value::String(text.to_string()),
        },
        Yaml::Representation(text, _, _) => Value::String(text.to_string()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(value).collect::<Result<_, _>>()?),
        Yaml::Mapping(map) => {
            let entries = map.iter().map(|(key, item)| Ok((text(&value(key)?), value(item)?)));
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        Yaml::Tagged(tag, inner) => function(&tag.suffix, value(inner)?),
        Yaml::Alias(_) | Yaml::BadValue => {
            return Err("Template format error: YAML not well-formed.".to_owned());
        }
    })
}

/// `!Ref X` is `{"Ref": "X"}`, `!Condition X` likewise, and every other tag is an `Fn::`.
fn function(tag: &str, argument: Value) -> Value {
    let (name, argument) = match (tag, argument) {
        ("Ref" | "Condition", argument) => (tag.to_owned(), argument),
        ("GetAtt", Value::String(text)) => {
            let (logical, attribute) = text.split_once('.').unwrap_or((text.as_str(), ""));
            ("Fn::GetAtt".to_owned(), Value::from(vec![logical, attribute]))
        }
        (_, argument) => (format!("Fn::{tag}"), argument),
    };
    Value::Object(Map::from_iter([(name, argument)]))
}

/// A scalar as the text that it was written as.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![text(value)],
    }
}

fn parameter(name: &str, value: Value) -> Result<Declared, String> {
    let Value::Object(map) = value else {
        return Err(format!("Template format error: Any Parameters member must be an object. [{name}]"));
    };
    let kind = map.get("Type").map(text);
    let kind = kind.ok_or_else(|| {
        format!("Template format error: Every Parameters object must contain a Type member. [{name}]")
    })?;
    let known = matches!(kind.as_str(), "String" | "Number" | "CommaDelimitedList" | "List<Number>")
        || kind.starts_with("AWS::")
        || kind.starts_with("List<AWS::");
    if !known {
        return Err(format!("Template format error: Unrecognized parameter type: {kind}"));
    }
    let number = |field: &str| map.get(field).map(text).and_then(|text| text.parse::<f64>().ok());
    let whole = |field: &str| map.get(field).map(text).and_then(|text| text.parse::<u64>().ok());
    Ok(Declared {
        kind,
        default: map.get("Default").map(text),
        no_echo: map.get("NoEcho").is_some_and(|value| text(value) == "true"),
        description: map.get("Description").map(text),
        allowed_values: map.get("AllowedValues").map(texts).unwrap_or_default(),
        allowed_pattern: map.get("AllowedPattern").map(text),
        constraint: map.get("ConstraintDescription").map(text),
        length: (whole("MinLength"), whole("MaxLength")),
        range: (number("MinValue"), number("MaxValue")),
    })
}

fn resource(name: &str, value: Value) -> Result<Declaration, String> {
    if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("Template format error: Resource name {name} is non alphanumeric."));
    }
    let Value::Object(mut map) = value else {
        return Err(format!("Template format error: [/Resources/{name}] resource definition is malformed"));
    };
    let Some(kind) = map.remove("Type").map(|v| text(&v)) else {
        return Err(format!(
            "Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        ));
    };
    let properties = match map.remove("Properties") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err(format!("Template format error: [/Resources/{name}/Properties] must be an object.")),
    };
    let depends_on: BTreeSet<String> = map.remove("DependsOn").iter().flat_map(texts).collect();
    let condition = map.remove("Condition").map(|v| text(&v));
    let deletion = policy(name, "DeletionPolicy", map.remove("DeletionPolicy"))?;
    let replacement = policy(name, "UpdateReplacePolicy", map.remove("UpdateReplacePolicy"))?;
    let metadata = map.remove("Metadata");
    let creation_policy = map.remove("CreationPolicy");
    let update_policy = map.remove("UpdatePolicy");
    if let Some(unknown) = map.keys().next() {
        return Err(format!("Invalid template resource property '{unknown}'"));
    }
    Ok(Declaration {
        kind,
        properties,
        depends_on,
        condition,
        deletion,
        replacement,
        metadata,
        creation_policy,
        update_policy,
    })
}

fn policy(name: &str, attribute: &str, value: Option<Value>) -> Result<Option<Policy>, String> {
    let Some(word) = value.map(|v| text(&v)) else { return Ok(None) };
    match (word.as_str(), attribute) {
        ("Delete", _) => Ok(Some(Policy::Delete)),
        ("Retain", _) => Ok(Some(Policy::Retain)),
        ("Snapshot", _) => Ok(Some(Policy::Snapshot)),
        ("RetainExceptOnCreate", "DeletionPolicy") => Ok(Some(Policy::RetainExceptOnCreate)),
        _ => Err(format!("Template format error: Unrecognized {attribute} {word} for resource {name}")),
    }
}

fn output(name: &str, value: Value) -> Result<OutputDeclaration, String> {
    let malformed = || format!("Template format error: Output {name} is malformed.");
    let Value::Object(mut map) = value else { return Err(malformed()) };
    let value = map.remove("Value").ok_or_else(malformed)?;
    let export = match map.remove("Export") {
        None => None,
        Some(Value::Object(mut export)) => Some(export.remove("Name").ok_or_else(malformed)?),
        Some(_) => return Err(malformed()),
    };
    let description = map.remove("Description").map(|v| text(&v));
    let condition = map.remove("Condition").map(|v| text(&v));
    if map.is_empty() { Ok(OutputDeclaration { value, description, export, condition }) } else { Err(malformed()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn properties(body: &str) -> Value {
        let template = template(body).unwrap();
        Value::Object(template.resources["A"].properties.clone())
    }

    #[test]
    fn short_tags_and_long_functions_are_one() {
        let check = |short: &str, long: Value| {
            let body =
                format!("Resources:\n  A:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Value: {short}\n");
            assert_eq!(properties(&body)["Value"], long, "{short}");
        };
        check("!Ref B", json!({"Ref": "B"}));
        check("!GetAtt B.Arn", json!({"Fn::GetAtt": ["B", "Arn"]}));
        check("!GetAtt B.Outputs.Deep", json!({"Fn::GetAtt": ["B", "Outputs.Deep"]}));
        check("!Sub 'x-${B}'", json!({"Fn::Sub": "x-${B}"}));
        check("!Sub ['x-${C}', {C: !Ref B}]", json!({"Fn::Sub": ["x-${C}", {"C": {"Ref": "B"}}]}));
        check("!Join ['-', [a, !Ref B]]", json!({"Fn::Join": ["-", ["a", {"Ref": "B"}]]}));
        check("!If [C, 1, !Ref 'AWS::NoValue']", json!({"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]}));
        check("!Base64 {'Fn::Sub': a}", json!({"Fn::Base64": {"Fn::Sub": "a"}}));
        check("!Select [0, !Split [',', 'a,b']]", json!({"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]}));
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_cloudformations_words() {
        let check = |body: &str, sentence: &str| assert_eq!(template(body).unwrap_err(), sentence);
        check("{", "Template format error: JSON not well-formed. (line 1, column 1)");
        check("- a", "Template format error: unsupported structure.");
        check("Resources: {}", "Template format error: At least one Resources member must be defined.");
        check("Resources: {A: {Type: X}}\nResorces: {}", "Invalid template property or properties [Resorces]");
        check("Resources: {A: {Type: X, Props: {}}}", "Invalid template resource property 'Props'");
        check("Resources: {A-B: {Type: X}}", "Template format error: Resource name A-B is non alphanumeric.");
        check(
            "Resources: {A: {Properties: {}}}",
            "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
        );
        assert!(template("a: [").unwrap_err().starts_with("Template format error: YAML not well-formed. (line "));
    }

    #[test]
    fn the_limits_hold() {
        let many = |n: usize| (0..n).map(|i| format!("  R{i}: {{Type: T}}\n")).collect::<String>();
        assert!(template(&format!("Resources:\n{}", many(500))).is_ok());
        let over = template(&format!("Resources:\n{}", many(501))).unwrap_err();
        assert!(over.ends_with("Number of resources, 501, is greater than maximum allowed, 500"), "{over}");
    }
}
