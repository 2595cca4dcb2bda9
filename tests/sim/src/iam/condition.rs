//! Conditions: operators, and what several keys and several values mean ("IAM JSON policy elements: Condition operators").

use super::{
    Question,
    pattern::{arn_fits, fits},
    policy::{filled, texts},
};
use serde_json::Value;

/// A condition of a statement: an operator, a key and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    operator: Operator,
    /// How several values of the request are taken.
    set: Set,
    /// Whether a request without the key is fine.
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringNotEquals,
    StringLike,
    StringNotLike,
    ArnLike,
    ArnNotLike,
    Bool,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    One,
    Any,
    All,
}

impl Condition {
    /// Reads all conditions under one operator; `None` when the operator or a value is none that is known.
    pub(super) fn read(name: &str, keys: &Value) -> Option<Vec<Self>> {
        let (set, name) = match name.split_once(':') {
            Some(("ForAnyValue", name)) => (Set::Any, name),
            Some(("ForAllValues", name)) => (Set::All, name),
            Some(_) => return None,
            None => (Set::One, name),
        };
        let (if_exists, name) = name.strip_suffix("IfExists").map_or((false, name), |name| (true, name));
        let operator = match name {
            "StringEquals" => Operator::StringEquals,
            "StringNotEquals" => Operator::StringNotEquals,
            "StringLike" => Operator::StringLike,
            "StringNotLike" => Operator::StringNotLike,
            "ArnEquals" | "ArnLike" => Operator::ArnLike,
            "ArnNotEquals" | "ArnNotLike" => Operator::ArnNotLike,
            "Bool" => Operator::Bool,
            "Null" => Operator::Null,
            _ => return None,
        };
        let one = |(key, values): (&String, &Value)| {
            Some(Self { operator, set, if_exists, key: key.clone(), values: texts(values)? })
        };
        keys.as_object()?.iter().map(one).collect()
    }

    /// Whether a request meets it.
    pub(super) fn is_met(&self, question: &Question) -> bool {
        let there = question.of(&self.key);
        if self.operator == Operator::Null {
            let missing = self.values.iter().any(|value| value == "true");
            return there.is_none() == missing;
        }
        let Some(there) = there else {
            return self.if_exists || self.set == Set::All || (self.negates() && self.set == Set::One);
        };
        let met = |value: &String| self.fits(value, question);
        match self.set {
            Set::One | Set::Any => there.iter().any(met),
            Set::All => there.iter().all(met),
        }
    }

    fn negates(&self) -> bool {
        match self.operator {
            Operator::StringNotEquals | Operator::StringNotLike | Operator::ArnNotLike => true,
            Operator::StringEquals | Operator::StringLike | Operator::ArnLike | Operator::Bool | Operator::Null => {
                false
            }
        }
    }

    /// Whether one value of a request is one of those that are wanted, or none of those that are not.
    fn fits(&self, value: &str, question: &Question) -> bool {
        let mut wanted = self.values.iter().map(|wanted| filled(wanted, question));
        let one = |wanted: &Option<String>, how: fn(&str, &str) -> bool| {
            wanted.as_deref().is_some_and(|wanted| how(wanted, value))
        };
        match self.operator {
            Operator::StringEquals | Operator::Bool => wanted.any(|wanted| one(&wanted, |a, b| a == b)),
            Operator::StringLike => wanted.any(|wanted| one(&wanted, fits)),
            Operator::ArnLike => wanted.any(|wanted| one(&wanted, arn_fits)),
            Operator::StringNotEquals => !wanted.any(|wanted| one(&wanted, |a, b| a == b)),
            Operator::StringNotLike => !wanted.any(|wanted| one(&wanted, fits)),
            Operator::ArnNotLike => !wanted.any(|wanted| one(&wanted, arn_fits)),
            Operator::Null => false,
        }
    }
}
