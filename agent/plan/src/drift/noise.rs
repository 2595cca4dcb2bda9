//! Differences that drift detection is known to report of resources that nobody has touched. Each has its source.
//!
//! Only differences without a meaning of their own belong here, never one behind which somebody could hide a change: what
//! may mean something in one account is for that account's baseline ([`super::learn`]) or its manifests (`drift.ignore`).

use super::seen::Difference;
use alloc::{string::String, vec::Vec};
use manifests::drift::PropertyPath;
use serde_json::Value;

/// A difference that says nothing: in resources of this type, at this place or below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    /// `AWS::…::…`; empty for every type.
    pub kind: &'static str,
    /// A JSON pointer; `*` stands for any one part. Empty for every place.
    pub path: &'static str,
    /// When it says nothing.
    pub when: When,
    /// Who says so: a document, or an issue of `aws-cloudformation/cloudformation-coverage-roadmap`.
    pub source: &'static str,
}

/// When a difference at such a place says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// When the property is said to be gone: the service does not read it back.
    Gone,
    /// When both are the same number, truth value or JSON, written in two ways.
    SameValue,
    /// When one is the id of a key, and the other the ARN that ends in it.
    IdOfArn,
    /// When an empty list was asked for and is not told back.
    Empty,
    /// When it is a tag of AWS's own.
    AwsTag,
}

/// All that is known.
pub const KNOWN: [Noise; 9] = [
    Noise {
        kind: "",
        path: "",
        when: When::SameValue,
        source: "CloudFormation User Guide, `Considerations when detecting drift`: equal values that are not identical",
    },
    Noise {
        kind: "",
        path: "/Tags/*",
        when: When::AwsTag,
        source: "issue 1522: tags that begin with `aws:` are put there by AWS",
    },
    Noise { kind: "", path: "/KmsKeyId", when: When::IdOfArn, source: "issue 2564, and its comments on other types" },
    Noise { kind: "", path: "/KMSKeyId", when: When::IdOfArn, source: "issue 2564, and its comments on other types" },
    Noise { kind: "AWS::ECS::Service", path: "/PlacementConstraints", when: When::Empty, source: "issue 2153" },
    Noise { kind: "AWS::ApiGatewayV2::DomainName", path: "/DomainName", when: When::Gone, source: "issue 1026" },
    Noise {
        kind: "AWS::SSM::Association",
        path: "/WaitForSuccessTimeoutSeconds",
        when: When::Gone,
        source: "issue 1225",
    },
    Noise {
        kind: "AWS::EC2::SecurityGroupIngress",
        path: "/SourceSecurityGroupName",
        when: When::Gone,
        source: "issue 1524: a group that was named is told back by its id",
    },
    Noise {
        kind: "AWS::EC2::KeyPair",
        path: "/Tags",
        when: When::Gone,
        source: "issue 1734: the stack's own tags are not put there",
    },
];

/// What is known of a difference in a resource of this type, if it says nothing.
pub fn known(kind: &str, difference: &Difference) -> Option<&'static Noise> {
    KNOWN.iter().find(|noise| noise.is(kind, difference))
}

impl Noise {
    fn is(&self, kind: &str, difference: &Difference) -> bool {
        let here = |path: PropertyPath| path.covers(&difference.path);
        let of_kind = self.kind.is_empty() || self.kind == kind;
        of_kind && (self.path.is_empty() || self.path.parse().is_ok_and(here)) && self.when.holds(difference)
    }
}

impl When {
    fn holds(self, difference: &Difference) -> bool {
        let Difference { path: _, expected, actual, how } = difference;
        match self {
            Self::Gone => how == "REMOVE",
            Self::SameValue => how == "NOT_EQUAL" && is_same(expected, actual),
            Self::IdOfArn => how == "NOT_EQUAL" && (ends_in(actual, expected) || ends_in(expected, actual)),
            Self::Empty => how == "REMOVE" && expected.trim() == "[]",
            Self::AwsTag => how == "ADD" && tag(actual).is_some_and(|key| key.starts_with("aws:")),
        }
    }
}

/// Whether both are the same JSON, whatever the order of names and however truth values and numbers are written.
fn is_same(one: &str, other: &str) -> bool {
    if let (Some(one), Some(other)) = (truth(one), truth(other)) {
        return one == other;
    }
    if let (Some(one), Some(other)) = (Number::read(one), Number::read(other)) {
        return one == other;
    }
    let structure = |text: &str| serde_json::from_str(text).ok().filter(|it: &Value| it.is_object() || it.is_array());
    structure(one).is_some_and(|it| structure(other) == Some(it)) && signs(one) == signs(other)
}

fn truth(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

/// A number, exactly: a float no longer tells great ones apart.
#[derive(PartialEq, Eq)]
struct Number {
    minus: bool,
    /// Without zeros at either end.
    digits: String,
    /// The power of ten by which they are multiplied.
    power: i64,
}

impl Number {
    /// As a program writes one: `1024`, `1024.0`, `1.5`, `1.0E7`. No number ends in a zero behind its point but for that one,
    /// and some versions do: `1.10` is another than `1.1`.
    fn read(text: &str) -> Option<Self> {
        let (minus, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (rest, power) = match rest.split_once(['e', 'E']) {
            Some((rest, power)) => (rest, i64::from(power.parse::<i32>().ok()?)),
            None => (rest, 0),
        };
        let (whole, part) = match rest.split_once('.') {
            Some((_, part)) if part.is_empty() || (part.ends_with('0') && part != "0") => return None,
            Some((whole, part)) => (whole, part.trim_end_matches('0')),
            None => (rest, ""),
        };
        let padded = whole.is_empty() || (whole.starts_with('0') && whole != "0");
        let digits = String::from(whole) + part;
        if padded || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let short = digits.trim_end_matches('0');
        let power = power + i64::try_from(digits.len() - short.len()).ok()? - i64::try_from(part.len()).ok()?;
        let short = short.trim_start_matches('0');
        let zero = short.is_empty();
        Some(Self { minus: minus && !zero, digits: short.into(), power: if zero { 0 } else { power } })
    }
}

/// All that stands in a JSON outside its texts, sorted. Where that differs, a name stands twice, of which every reader
/// takes another, or a number is too great for ours.
fn signs(json: &str) -> Vec<char> {
    let (mut inside, mut escaped) = (false, false);
    let mut signs = Vec::new();
    for sign in json.chars() {
        match sign {
            '"' if !escaped => inside = !inside,
            _ if !inside && !sign.is_whitespace() => signs.push(sign),
            _ => {}
        }
        escaped = sign == '\\' && !escaped;
    }
    signs.sort_unstable();
    signs
}

/// `arn:…:key/<id>` and `<id>`: an id is one account's, while an alias of the same name is every account's.
fn ends_in(arn: &str, id: &str) -> bool {
    !id.is_empty() && arn.starts_with("arn:") && arn.strip_suffix(id).is_some_and(|rest| rest.ends_with(":key/"))
}

fn tag(value: &str) -> Option<String> {
    serde_json::from_str::<Value>(value).ok()?.get("Key")?.as_str().map(String::from)
}
