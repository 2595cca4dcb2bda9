//! The catalogue of resource types: which properties each has, which of them replace, and how its names come about.
//!
//! Sources, unless a row says otherwise: the type's page in the CloudFormation Template Reference ("Update requires:
//! …" gives `replaces` and `maybe_replaces`; "Return values" gives `id` and `attributes`), and for `drift` the user
//! guide's page "Resource type support" (reference/cloudformation.md 1.5 and appendix). Durations are what a quiet
//! account shows, in whole seconds. Not here: what is done to resources ([`life`]).

pub mod life;
pub mod shape;

mod compute;
mod control;
mod identity;
mod messaging;
mod stacks;
mod storage;

/// How far a type's names reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Unique in a region of an account.
    Region,
    /// Unique in an account (IAM).
    Account,
    /// Unique in the world (S3 buckets).
    World,
}

/// What making a resource means, beyond putting it in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// Nothing.
    Plain,
    /// It waits for signals (`AWS::CloudFormation::WaitCondition`).
    Wait,
    /// It is a stack.
    Stack,
    /// Its provider answers (`Custom::…`).
    Custom,
}

/// One resource type. In patterns, `{name}`, `{id}`, `{stack}`, `{logical}`, `{tail}` (12 random capitals), `{uuid}`,
/// `{hex}` (17 digits), `{region}`, `{account}` and `{.Property}` stand for what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `AWS::…::…`.
    pub name: &'static str,
    /// Properties without which it is refused.
    pub required: &'static [&'static str],
    /// The other properties.
    pub optional: &'static [&'static str],
    /// Properties whose change replaces the resource ("Update requires: Replacement").
    pub replaces: &'static [&'static str],
    /// Properties whose change may replace it ("Some interruptions", "Conditional").
    pub maybe_replaces: &'static [&'static str],
    /// Properties that can't be read back, and are therefore not compared.
    pub write_only: &'static [&'static str],
    /// The property that names it.
    pub named: Option<&'static str>,
    /// Pattern of a name that CloudFormation chooses.
    pub generated: &'static str,
    /// Pattern of the physical id.
    pub id: &'static str,
    /// Attributes of `Fn::GetAtt` and their patterns.
    pub attributes: &'static [(&'static str, &'static str)],
    /// Attributes that change with every update in place.
    pub moving: &'static [&'static str],
    /// How far its names reach.
    pub reach: Reach,
    /// What making it means.
    pub making: Making,
    /// Whether drift detection supports it.
    pub drift: bool,
    /// Seconds to create, update, delete.
    pub seconds: [u64; 3],
}

impl Kind {
    /// What most types share.
    const PLAIN: Self = Self {
        name: "",
        required: &[],
        optional: &[],
        replaces: &[],
        maybe_replaces: &[],
        write_only: &[],
        named: None,
        generated: "{stack}-{logical}-{tail}",
        id: "{name}",
        attributes: &[],
        moving: &[],
        reach: Reach::Region,
        making: Making::Plain,
        drift: true,
        seconds: [3, 3, 2],
    };

    /// Whether it has this property.
    pub fn knows(&self, property: &str) -> bool {
        self.making == Making::Custom || self.required.contains(&property) || self.optional.contains(&property)
    }

    /// Whether stack tags propagate to it.
    pub fn taggable(&self) -> bool {
        self.optional.contains(&"Tags")
    }

    /// Whether a template that holds it needs a capability. A name of the template's own choosing needs the greater one
    /// (user guide, "Acknowledging IAM resources in CloudFormation templates").
    pub fn is_iam(&self) -> bool {
        self.name.starts_with("AWS::IAM::")
    }
}

/// A type by name; `None` for one that nobody knows.
pub fn find(name: &str) -> Option<&'static Kind> {
    if name.starts_with("Custom::") {
        return Some(&stacks::CUSTOM);
    }
    all().find(|kind| kind.name == name)
}

/// Every type.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    [compute::KINDS, control::KINDS, identity::KINDS, messaging::KINDS, stacks::KINDS, storage::KINDS]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_of_the_catalogue_is_consistent() {
        let mut names = BTreeSet::new();
        for kind in all() {
            assert!(names.insert(kind.name), "{} stands there twice", kind.name);
            let about = kind.replaces.iter().chain(kind.maybe_replaces).chain(kind.write_only).chain(&kind.named);
            for property in about {
                assert!(kind.knows(property), "{} has no property {property}", kind.name);
            }
            let twice = kind.required.iter().find(|property| kind.optional.contains(property));
            assert_eq!(twice, None, "{}", kind.name);
            if let Some(named) = kind.named {
                assert!(kind.replaces.contains(&named), "{} keeps its id when it is renamed", kind.name);
            }
        }
    }

    #[test]
    fn the_types_that_the_fleet_needs_are_there() {
        for name in ["AWS::SSM::Parameter", "AWS::IAM::Role", "AWS::EC2::VPC", "AWS::CloudTrail::Trail", "Custom::X"] {
            assert!(find(name).is_some(), "{name}");
        }
        assert_eq!(find("AWS::Fake::Thing"), None);
    }
}
