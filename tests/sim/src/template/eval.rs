//! What intrinsic functions give.
//!
//! A value that is not known before the change is made is [`UNKNOWN`], as AWS prints it. Dynamic references
//! (`{{resolve:…}}`) stay as they are: they are read when a resource is made, not before.

use super::{Template, attribute, parse::text, single};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What AWS prints for a value that is known only afterwards.
pub const UNKNOWN: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// What a template can't know by itself.
pub trait Outside {
    /// What `Ref` of a resource gives.
    fn reference(&self, logical: &str) -> Result<Value, String>;
    /// What `Fn::GetAtt` gives.
    fn attribute(&self, logical: &str, name: &str) -> Result<Value, String>;
    /// What `Fn::ImportValue` gives.
    fn import(&self, name: &str) -> Result<Value, String>;
}

/// The pseudo parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Pseudo {
    /// `AWS::AccountId`.
    pub account: String,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::StackName`.
    pub stack_name: String,
    /// `AWS::StackId`.
    pub stack_id: String,
    /// `AWS::NotificationARNs`.
    pub notification_arns: Vec<String>,
}

/// One evaluation: a template with everything that it stands on.
pub struct Evaluation<'a, O> {
    template: &'a Template,
    parameters: &'a BTreeMap<String, Value>,
    pseudo: &'a Pseudo,
    outside: O,
}

/// `None` is `AWS::NoValue`.
type Evaluated = Result<Option<Value>, String>;

impl<'a, O: Outside> Evaluation<'a, O> {
    /// An evaluation.
    pub fn new(
        template: &'a Template,
        parameters: &'a BTreeMap<String, Value>,
        pseudo: &'a Pseudo,
        outside: O,
    ) -> Self {
        Self { template, parameters, pseudo, outside }
    }

    /// Which of the template's resources are to be there.
    ///
    /// # Errors
    /// CloudFormation's sentence.
    pub fn present(&self) -> Result<BTreeSet<String>, String> {
        let wanted = self
            .template
            .resources
            .iter()
            .map(|(name, declared)| Ok(self.holds_opt(declared.condition.as_deref())?.then(|| name.clone())));
        wanted.filter_map(Result::transpose).collect()
    }

    /// A map of properties.
    ///
    /// # Errors
    /// CloudFormation's sentence.
    pub fn properties(&self, map: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        let mut out = Map::new();
        for (key, value) in map {
            if let Some(value) = self.value(value)? {
                out.insert(key.clone(), value);
            }
        }
        Ok(out)
    }

    /// Whether a condition holds; no condition always does.
    ///
    /// # Errors
    /// CloudFormation's sentence.
    pub fn holds_opt(&self, condition: Option<&str>) -> Result<bool, String> {
        condition.map_or(Ok(true), |name| self.holds(name, 0))
    }

    fn holds(&self, name: &str, depth: usize) -> Result<bool, String> {
        let Some(condition) = self.template.conditions.get(name) else {
            return Err(format!(
                "Template format error: Unresolved condition dependency {name} in the Conditions block of the template"
            ));
        };
        if depth > self.template.conditions.len() {
            return Err(format!("Template format error: Circular dependencies for conditions: [{name}]"));
        }
        self.truth(condition, depth)
    }

    fn truth(&self, condition: &Value, depth: usize) -> Result<bool, String> {
        let malformed =
            || "Template error: every Fn::Equals, Fn::And, Fn::Or and Fn::Not needs a list of conditions".to_owned();
        let (function, argument) = condition.as_object().and_then(single).ok_or_else(malformed)?;
        if function == "Condition" {
            return self.holds(argument.as_str().ok_or_else(malformed)?, depth + 1);
        }
        let arguments = argument.as_array().ok_or_else(malformed)?;
        match (function, arguments.as_slice()) {
            ("Fn::Equals", [a, b]) => Ok(self.value(a)?.map(|a| text(&a)) == self.value(b)?.map(|b| text(&b))),
            ("Fn::Not", [inner]) => Ok(!self.truth(inner, depth)?),
            ("Fn::And", all) => all.iter().try_fold(true, |so_far, one| Ok(so_far && self.truth(one, depth)?)),
            ("Fn::Or", all) => all.iter().try_fold(false, |so_far, one| Ok(so_far || self.truth(one, depth)?)),
            _ => Err(malformed()),
        }
    }

    /// Any expression.
    ///
    /// # Errors
    /// CloudFormation's sentence.
    pub fn value(&self, expression: &Value) -> Evaluated {
        match expression {
            Value::Array(items) => {
                let items: Vec<Option<Value>> = items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?;
                Ok(Some(Value::Array(items.into_iter().flatten().collect())))
            }
            Value::Object(map) => match single(map) {
                Some((function, argument)) if function == "Ref" || function.starts_with("Fn::") => {
                    self.function(function, argument)
                }
                _ => Ok(Some(Value::Object(self.properties(map)?))),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(Some(expression.clone())),
        }
    }

    fn function(&self, function: &str, argument: &Value) -> Evaluated {
        let malformed = |needs: &str| format!("Template error: every {function} object requires {needs}");
        match function {
            "Ref" => self.reference(argument.as_str().ok_or_else(|| malformed("one string parameter, a name"))?),
            "Fn::GetAtt" => {
                let (logical, name) = attribute(argument).ok_or_else(|| {
                    malformed("two non-empty parameters, the resource name and the resource attribute")
                })?;
                self.outside.attribute(&logical, &name).map(Some)
            }
            "Fn::If" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(name), yes, no]) => self.value(if self.holds(name, 0)? { yes } else { no }),
                _ => Err(malformed("a list of a condition name and two values")),
            },
            "Fn::Sub" => self.substitute(argument),
            "Fn::Join" => self
                .join(argument)
                .and_then(|t| t.ok_or_else(|| malformed("a list of a delimiter and a list of values"))),
            "Fn::Split" => match self.list(argument)?.as_slice() {
                [delimiter, whole] if !text(delimiter).is_empty() => {
                    let (delimiter, whole) = (text(delimiter), text(whole));
                    let parts = if whole.contains(UNKNOWN) { vec![UNKNOWN] } else { whole.split(&delimiter).collect() };
                    Ok(Some(Value::from(parts)))
                }
                _ => Err(malformed("a list of a delimiter and a string")),
            },
            "Fn::Select" => self.select(argument),
            "Fn::FindInMap" => self.find_in_map(argument),
            "Fn::ImportValue" => {
                let name = self.value(argument)?.map(|name| text(&name)).unwrap_or_default();
                if name.contains(UNKNOWN) { Ok(Some(UNKNOWN.into())) } else { self.outside.import(&name).map(Some) }
            }
            "Fn::Base64" => {
                use base64::Engine as _;
                let plain = self.value(argument)?.map(|value| text(&value)).unwrap_or_default();
                if plain.contains(UNKNOWN) {
                    return Ok(Some(UNKNOWN.into()));
                }
                Ok(Some(base64::engine::general_purpose::STANDARD.encode(plain).into()))
            }
            "Fn::GetAZs" => {
                let region = self.value(argument)?.map(|value| text(&value)).filter(|region| !region.is_empty());
                let region = region.unwrap_or_else(|| self.pseudo.region.clone());
                Ok(Some(["a", "b", "c"].iter().map(|zone| format!("{region}{zone}")).collect()))
            }
            "Fn::Cidr" => self.cidr(argument),
            _ => Err(format!("Template format error: Unrecognized function {function}")),
        }
    }

    fn list(&self, argument: &Value) -> Result<Vec<Value>, String> {
        Ok(match self.value(argument)? {
            Some(Value::Array(items)) => items,
            Some(single) => vec![single],
            None => vec![],
        })
    }

    fn reference(&self, name: &str) -> Evaluated {
        let pseudo = self.pseudo;
        Ok(Some(match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => pseudo.account.clone().into(),
            "AWS::Region" => pseudo.region.clone().into(),
            "AWS::StackName" => pseudo.stack_name.clone().into(),
            "AWS::StackId" => pseudo.stack_id.clone().into(),
            "AWS::Partition" => "aws".into(),
            "AWS::URLSuffix" => "amazonaws.com".into(),
            "AWS::NotificationARNs" => pseudo.notification_arns.clone().into(),
            name => match self.parameters.get(name) {
                Some(value) => value.clone(),
                None => self.outside.reference(name)?,
            },
        }))
    }

    fn substitute(&self, argument: &Value) -> Evaluated {
        const NEEDS: &str = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. \
                             Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string";
        let (template, own) = match argument {
            Value::Array(parts) => (parts.first(), parts.get(1).and_then(Value::as_object)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                (Some(argument), None)
            }
        };
        let template = template.and_then(Value::as_str).ok_or(NEEDS)?;
        let mut out = String::new();
        for piece in holes(template) {
            let name = match piece {
                Piece::Text(text) => {
                    out.push_str(&text);
                    continue;
                }
                Piece::Hole(name) => name,
            };
            let value = match (own.and_then(|own| own.get(&name)), name.split_once('.')) {
                (Some(expression), _) => self.value(expression)?,
                (None, Some((logical, attribute))) => Some(self.outside.attribute(logical, attribute)?),
                (None, None) => self.reference(&name)?,
            };
            out.push_str(&match value {
                Some(Value::Array(items)) => items.iter().map(text).collect::<Vec<_>>().join(","),
                Some(value) => text(&value),
                None => String::new(),
            });
        }
        Ok(Some(Value::String(out)))
    }

    fn join(&self, argument: &Value) -> Result<Option<Option<Value>>, String> {
        let Some([delimiter, values]) = argument.as_array().map(Vec::as_slice) else { return Ok(None) };
        let Some(delimiter) = delimiter.as_str() else { return Ok(None) };
        let parts: Vec<String> = self.list(values)?.iter().map(text).collect();
        Ok(Some(Some(parts.join(delimiter).into())))
    }

    fn select(&self, argument: &Value) -> Evaluated {
        const NEEDS: &str =
            "Template error: Fn::Select requires a list argument with two elements: an integer index and a list";
        let Some([index, values]) = argument.as_array().map(Vec::as_slice) else { return Err(NEEDS.to_owned()) };
        let index = self.value(index)?.map(|index| text(&index)).unwrap_or_default();
        let index: usize = index.parse().map_err(|_| NEEDS)?;
        let values = self.list(values)?;
        if values.first().is_some_and(|value| value == UNKNOWN) {
            return Ok(Some(UNKNOWN.into()));
        }
        let nonexistent = || format!("Template error: Fn::Select  cannot select nonexistent value at index {index}");
        values.get(index).cloned().map(Some).ok_or_else(nonexistent)
    }

    fn find_in_map(&self, argument: &Value) -> Evaluated {
        let keys: Vec<String> = self.list(argument)?.iter().map(text).collect();
        let [map, top, second] = keys.as_slice() else {
            return Err("Template error: every Fn::FindInMap object requires three parameters".to_owned());
        };
        let found = self.template.mappings.get(map).and_then(|map| map.get(top)).and_then(|top| top.get(second));
        found
            .cloned()
            .map(Some)
            .ok_or_else(|| format!("Template error: Unable to get mapping for {map}::{top}::{second}"))
    }

    /// `Fn::Cidr` over IPv4.
    fn cidr(&self, argument: &Value) -> Evaluated {
        let malformed = || "Template error: Fn::Cidr requires an IPv4 block, a count and a number of bits".to_owned();
        let arguments: Vec<String> = self.list(argument)?.iter().map(text).collect();
        let [block, count, bits] = arguments.as_slice() else { return Err(malformed()) };
        if block.contains(UNKNOWN) {
            return Ok(Some(vec![UNKNOWN].into()));
        }
        let (address, _) = block.split_once('/').ok_or_else(malformed)?;
        let address: std::net::Ipv4Addr = address.parse().map_err(|_| malformed())?;
        let count: u64 = count.parse().map_err(|_| malformed())?;
        let bits: u32 = bits.parse().ok().filter(|bits| (1..32).contains(bits)).ok_or_else(malformed)?;
        let blocks = (0..count.min(256)).map(|i| {
            let start = u64::from(u32::from(address)) + (i << bits);
            u32::try_from(start).map(|start| format!("{}/{}", std::net::Ipv4Addr::from(start), 32 - bits))
        });
        blocks.collect::<Result<Vec<_>, _>>().map(|blocks| Some(blocks.into())).map_err(|_| malformed())
    }
}

/// A part of the text of `Fn::Sub`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// `${Name}`.
    Hole(String),
}

/// The parts of the text of `Fn::Sub`. `${!x}` is the text `${x}`.
pub fn holes(text: &str) -> Vec<Piece> {
    let mut pieces = vec![];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(match name.strip_prefix('!') {
            Some(literal) => Piece::Text(format!("${{{literal}}}")),
            None => Piece::Hole(name.trim().to_owned()),
        });
        rest = tail;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::parse;
    use serde_json::json;

    /// Knows a resource `R` with an attribute `Arn`, and an export `shared`.
    struct Elsewhere;

    impl Outside for Elsewhere {
        fn reference(&self, logical: &str) -> Result<Value, String> {
            if logical == "R" { Ok("r-1".into()) } else { Ok(UNKNOWN.into()) }
        }
        fn attribute(&self, logical: &str, name: &str) -> Result<Value, String> {
            Ok(format!("{logical}/{name}").into())
        }
        fn import(&self, name: &str) -> Result<Value, String> {
            if name == "shared" { Ok("x".into()) } else { Err(format!("No export named {name} found.")) }
        }
    }

    const TEMPLATE: &str = "
Mappings: {M: {eu: {ami: a-1}}}
Conditions:
  Prod: !Equals [!Ref Env, prod]
  Dev: !Not [!Condition Prod]
  Both: !And [!Condition Prod, !Condition Dev]
  Either: !Or [!Condition Prod, !Condition Dev]
  Round: !Not [!Condition Circle]
  Circle: !Condition Round
Resources: {R: {Type: AWS::SNS::Topic}}
";

    fn evaluated(expression: Value) -> Evaluated {
        let template = parse::template(TEMPLATE)?;
        let parameters =
            BTreeMap::from([("Env".to_owned(), Value::from("prod")), ("List".to_owned(), Value::from(vec!["a", "b"]))]);
        let pseudo = Pseudo {
            account: "111111111111".into(),
            region: "eu-central-1".into(),
            stack_name: "s".into(),
            stack_id: "arn:s".into(),
            notification_arns: vec!["n".into()],
        };
        Evaluation::new(&template, &parameters, &pseudo, Elsewhere).value(&expression)
    }

    #[test]
    fn every_function_gives_what_cloudformation_says() {
        let check = |expression: Value, value: Value| {
            assert_eq!(evaluated(expression.clone()), Ok(Some(value)), "{expression}");
        };
        check(json!({"Ref": "AWS::AccountId"}), json!("111111111111"));
        check(json!({"Ref": "AWS::Partition"}), json!("aws"));
        check(json!({"Ref": "AWS::NotificationARNs"}), json!(["n"]));
        check(json!({"Ref": "List"}), json!(["a", "b"]));
        check(json!({"Fn::GetAtt": ["R", "Arn"]}), json!("R/Arn"));
        check(json!({"Fn::GetAtt": "R.Deep.Arn"}), json!("R/Deep.Arn"));
        check(json!({"Fn::Sub": "${R}-${R.Arn}-${AWS::Region}-${!Kept}"}), json!("r-1-R/Arn-eu-central-1-${Kept}"));
        check(json!({"Fn::Sub": ["${X}${Env}", {"X": {"Ref": "R"}}]}), json!("r-1prod"));
        check(json!({"Fn::Join": ["-", ["a", {"Ref": "R"}, 1]]}), json!("a-r-1-1"));
        check(json!({"Fn::Join": [",", {"Ref": "List"}]}), json!("a,b"));
        check(json!({"Fn::Select": ["1", {"Fn::Split": [".", "a.b.c"]}]}), json!("b"));
        check(json!({"Fn::If": ["Prod", "yes", "no"]}), json!("yes"));
        check(json!({"Fn::If": ["Dev", "yes", "no"]}), json!("no"));
        check(json!({"Fn::If": ["Both", "yes", "no"]}), json!("no"));
        check(json!({"Fn::If": ["Either", "yes", "no"]}), json!("yes"));
        check(json!({"Fn::FindInMap": ["M", "eu", "ami"]}), json!("a-1"));
        check(json!({"Fn::ImportValue": {"Fn::Sub": "shared"}}), json!("x"));
        check(json!({"Fn::Base64": "hi"}), json!("aGk="));
        check(json!({"Fn::GetAZs": ""}), json!(["eu-central-1a", "eu-central-1b", "eu-central-1c"]));
        check(json!({"Fn::Cidr": ["10.0.0.0/16", 3, 8]}), json!(["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]));
        check(json!([{"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"Ref": "AWS::NoValue"}]), json!([{"b": 1}]));
    }

    #[test]
    fn what_is_not_known_yet_stays_unknown() {
        let check = |expression: Value| {
            let value = evaluated(expression.clone()).unwrap().unwrap();
            assert!(value.to_string().contains(UNKNOWN), "{expression}");
        };
        check(json!({"Ref": "New"}));
        check(json!({"Fn::Sub": "x-${New}"}));
        check(json!({"Fn::Base64": {"Ref": "New"}}));
        check(json!({"Fn::Select": [1, {"Fn::Split": [",", {"Ref": "New"}]}]}));
        check(json!({"Fn::ImportValue": {"Ref": "New"}}));
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        let check = |expression: Value, sentence: &str| assert_eq!(evaluated(expression), Err(sentence.to_owned()));
        let select = "Template error: Fn::Select  cannot select nonexistent value at index 5";
        check(json!({"Fn::Select": [5, ["a"]]}), select);
        check(json!({"Fn::FindInMap": ["M", "us", "ami"]}), "Template error: Unable to get mapping for M::us::ami");
        check(json!({"Fn::ImportValue": "other"}), "No export named other found.");
        check(json!({"Fn::Magic": 1}), "Template format error: Unrecognized function Fn::Magic");
        check(
            json!({"Fn::If": ["Round", 1, 2]}),
            "Template format error: Circular dependencies for conditions: [Circle]",
        );
    }
}
