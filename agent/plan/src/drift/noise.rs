//! Differences that drift detection is known to report of resources that nobody has touched. Each has its source.
//!
//! Only differences without a meaning of their own belong here, never one behind which somebody could hide a change: what
//! may mean something in one account is for that account's baseline ([`super::learn`]) or its manifests (`drift.ignore`).

use super::seen::Difference;
use alloc::string::String;
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
    /// When one is the id at the end of the ARN that is the other.
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

/// Whether both are the same JSON, whatever the order of names and however numbers and truth values are written.
fn is_same(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)) else {
        return one.eq_ignore_ascii_case(other) && matches!(one.to_ascii_lowercase().as_str(), "true" | "false");
    };
    // Beyond 2^53 a float no longer tells whole numbers apart.
    match (one.as_f64().filter(|_| !one.is_i64()), other.as_f64().filter(|_| !other.is_i64())) {
        (None, None) => one == other,
        _ => one.as_f64().is_some() && one.as_f64() == other.as_f64(),
    }
}

/// `arn:…:key/<id>` and `<id>`.
fn ends_in(arn: &str, id: &str) -> bool {
    !id.is_empty() && arn.starts_with("arn:") && arn.strip_suffix(id).is_some_and(|rest| rest.ends_with(['/', ':']))
}

fn tag(value: &str) -> Option<String> {
    serde_json::from_str::<Value>(value).ok()?.get("Key")?.as_str().map(String::from)
}
