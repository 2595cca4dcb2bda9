//! A subscription's filter policy over message attributes ("Amazon SNS subscription filter policies", SNS Developer
//! Guide): strings, numbers, `prefix`, `suffix`, `anything-but`, `exists` and `numeric`.
//!
//! Policies over the message body are not here: one is refused when it is set, never ignored.

use super::message::{Attribute, Attributes};
use serde_json::Value;
use std::collections::BTreeMap;

/// All of the named attributes must match one of their patterns.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPolicy(BTreeMap<String, Vec<Pattern>>);

#[derive(Debug, Clone, PartialEq)]
enum Pattern {
    /// A string, number, boolean or null, equal as JSON.
    Equals(Value),
    Prefix(String),
    Suffix(String),
    /// None of these.
    AnythingBut(Vec<Pattern>),
    /// Whether the attribute is there at all.
    Exists(bool),
    /// Pairs of a comparison and a number, all of which must hold.
    Numeric(Vec<(Comparison, f64)>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why a filter policy was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("FilterPolicy: {0}")]
pub struct NoPolicy(String);

impl FilterPolicy {
    /// Reads a policy; `{}` lets everything through.
    ///
    /// # Errors
    /// When it is no policy, or one of a kind that is not supported.
    pub fn read(json: &Value) -> Result<Self, NoPolicy> {
        let map = json.as_object().ok_or_else(|| NoPolicy("must be a JSON object".to_owned()))?;
        map.iter()
            .map(|(name, patterns)| {
                let list = patterns
                    .as_array()
                    .ok_or_else(|| NoPolicy(format!("\"{name}\" must be an object or an array of values")))?;
                Ok((name.clone(), list.iter().map(pattern).collect::<Result<_, _>>()?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a message with these attributes goes through.
    pub fn admits(&self, attributes: &Attributes) -> bool {
        self.0.iter().all(|(name, patterns)| match attributes.get(name) {
            None => patterns.contains(&Pattern::Exists(false)),
            Some(attribute) => values(attribute).iter().any(|value| patterns.iter().any(|p| p.matches(value))),
        })
    }
}

/// The values of an attribute: each of an array's, or the one.
fn values(attribute: &Attribute) -> Vec<Value> {
    let text = attribute.string_value.clone().unwrap_or_default();
    match attribute.data_type.as_str() {
        "String.Array" => serde_json::from_str(&text).unwrap_or_default(),
        kind if kind.split('.').next() == Some("Number") => {
            vec![serde_json::from_str(&text).unwrap_or(Value::String(text))]
        }
        _ => vec![Value::String(text)],
    }
}

fn pattern(json: &Value) -> Result<Pattern, NoPolicy> {
    let Value::Object(map) = json else { return Ok(Pattern::Equals(json.clone())) };
    let Some((word, value)) = map.iter().next().filter(|_| map.len() == 1) else {
        return Err(NoPolicy("a pattern must have exactly one key".to_owned()));
    };
    let text = || value.as_str().map(str::to_owned).ok_or_else(|| NoPolicy(format!("\"{word}\" must be a string")));
    match word.as_str() {
        "prefix" => text().map(Pattern::Prefix),
        "suffix" => text().map(Pattern::Suffix),
        "exists" => value
            .as_bool()
            .map(Pattern::Exists)
            .ok_or_else(|| NoPolicy("exists match pattern must be either true or false".to_owned())),
        "anything-but" => {
            let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            list.iter().map(pattern).collect::<Result<_, _>>().map(Pattern::AnythingBut)
        }
        "numeric" => numeric(value),
        other => Err(NoPolicy(format!("unrecognized match type {other}"))),
    }
}

fn numeric(value: &Value) -> Result<Pattern, NoPolicy> {
    let wrong = || NoPolicy("value of numeric must be an array of comparisons and numbers".to_owned());
    let pairs = value.as_array().filter(|list| !list.is_empty() && list.len() % 2 == 0).ok_or_else(wrong)?;
    let pair = |pair: &[Value]| {
        let comparison = match pair[0].as_str().ok_or_else(wrong)? {
            "=" => Comparison::Equal,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return Err(wrong()),
        };
        Ok((comparison, pair[1].as_f64().ok_or_else(wrong)?))
    };
    pairs.chunks(2).map(pair).collect::<Result<_, _>>().map(Pattern::Numeric)
}

impl Pattern {
    fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Equals(Value::Number(wanted)) => value.as_f64().is_some_and(|v| Some(v) == wanted.as_f64()),
            Self::Equals(wanted) => wanted == value,
            Self::Prefix(prefix) => value.as_str().is_some_and(|v| v.starts_with(prefix)),
            Self::Suffix(suffix) => value.as_str().is_some_and(|v| v.ends_with(suffix)),
            Self::AnythingBut(patterns) => !patterns.iter().any(|p| p.matches(value)),
            Self::Exists(there) => *there,
            Self::Numeric(pairs) => value.as_f64().is_some_and(|v| {
                pairs.iter().all(|(comparison, bound)| match comparison {
                    Comparison::Equal => v == *bound,
                    Comparison::Less => v < *bound,
                    Comparison::LessOrEqual => v <= *bound,
                    Comparison::Greater => v > *bound,
                    Comparison::GreaterOrEqual => v >= *bound,
                })
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &str, attributes: &[(&str, &str, &str)]) -> bool {
        let attributes = attributes
            .iter()
            .map(|(name, kind, value)| {
                let (data_type, string_value) = ((*kind).to_owned(), Some((*value).to_owned()));
                ((*name).to_owned(), Attribute { data_type, string_value, binary_value: None })
            })
            .collect();
        FilterPolicy::read(&serde_json::from_str(policy).unwrap()).unwrap().admits(&attributes)
    }

    #[test]
    fn every_named_attribute_must_match_one_of_its_patterns() {
        let policy = r#"{"severity": ["error", {"prefix": "warn"}], "ring": [{"anything-but": ["canary", "none"]}]}"#;
        assert!(check(policy, &[("severity", "String", "warning"), ("ring", "String", "one")]));
        assert!(!check(policy, &[("severity", "String", "info"), ("ring", "String", "one")]));
        assert!(!check(policy, &[("severity", "String", "error"), ("ring", "String", "canary")]));
        assert!(!check(policy, &[("severity", "String", "error")]));
    }

    #[test]
    fn existence_can_be_asked_for_and_forbidden() {
        assert!(check(r#"{"a": [{"exists": true}]}"#, &[("a", "String", "x")]));
        assert!(!check(r#"{"a": [{"exists": true}]}"#, &[]));
        assert!(check(r#"{"a": [{"exists": false}]}"#, &[]));
        assert!(!check(r#"{"a": [{"exists": false}]}"#, &[("a", "String", "x")]));
    }

    #[test]
    fn numbers_compare_as_numbers_and_arrays_by_their_values() {
        assert!(check(r#"{"n": [5]}"#, &[("n", "Number", "5.0")]));
        assert!(check(r#"{"n": [{"numeric": [">", 1, "<=", 2]}]}"#, &[("n", "Number", "2")]));
        assert!(!check(r#"{"n": [{"numeric": [">", 1, "<", 2]}]}"#, &[("n", "Number", "2")]));
        assert!(check(r#"{"n": ["b"]}"#, &[("n", "String.Array", r#"["a", "b"]"#)]));
    }

    #[test]
    fn a_policy_that_is_not_understood_is_refused() {
        for policy in ["[]", "{\"a\": 1}", "{\"a\": [{\"cidr\": \"10.0.0.0/8\"}]}", "{\"a\": {\"b\": [1]}}"] {
            assert!(FilterPolicy::read(&serde_json::from_str(policy).unwrap()).is_err(), "{policy}");
        }
    }
}
