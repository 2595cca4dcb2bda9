//! What a template says by itself: what a stack that is not there yet would be made of, and what rewrites it first.
//!
//! Not here: conditions, macros and defaults. Only CloudFormation works those out, and a template says whether it has any.

use manifests::id::LogicalId;
use plan::facts::{Action, Change};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};

/// As much of a template as is of interest here; the rest may be anything.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    transform: Option<IgnoredAny>,
    resources: BTreeMap<LogicalId, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    #[serde(rename = "Type")]
    kind: String,
    condition: Option<IgnoredAny>,
}

/// What stands in `Transform`: a name, or several.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rewritten {
    transform: Option<Transforms>,
}

struct Transforms(Vec<String>);

impl<'de> Deserialize<'de> for Transforms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Transforms;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a transform, or several")
            }

            fn visit_str<E>(self, name: &str) -> Result<Transforms, E> {
                Ok(Transforms(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Transforms, A::Error> {
                let mut all = Vec::new();
                while let Some(Transforms(some)) = names.next_element()? {
                    all.extend(some);
                }
                Ok(Transforms(all))
            }

            /// `{Name: AWS::Include, Parameters: …}`.
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Transforms, A::Error> {
                let mut name = None;
                while let Some(key) = fields.next_key::<String>()? {
                    match key.as_str() {
                        "Name" => name = Some(fields.next_value()?),
                        _ => drop(fields.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Transforms(vec![name.unwrap_or_else(|| UNNAMED.to_owned())]))
            }
        }
        deserializer.deserialize_any(Names)
    }
}

/// A transform whose name can't be told.
const UNNAMED: &str = "a transform";

/// What rewrites a template before CloudFormation makes anything of it: the names in `Transform`, and `Fn::Transform` where
/// one stands inside. A template that can't be read here is taken for one that is rewritten when it speaks of that at all.
pub(crate) fn transforms(text: &str) -> Vec<String> {
    let read: Result<Rewritten, _> = serde_json::from_str(text).or_else(|_| serde_saphyr::from_str(text));
    let mut names = match read {
        Ok(Rewritten { transform }) => transform.map(|Transforms(names)| names).unwrap_or_default(),
        Err(_) if text.contains("Transform") => vec![UNNAMED.to_owned()],
        Err(_) => Vec::new(),
    };
    if text.contains("Fn::Transform") || text.contains("!Transform") {
        names.push("Fn::Transform".to_owned());
    }
    names
}

/// The resources of a template, each as an addition, and what can't be told of them before they are made.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Change>, Option<String>) {
    let unread = |why: &str| (Vec::new(), Some(format!("what it is made of can't be read from its template: {why}")));
    let Ok(text) = str::from_utf8(bytes) else { return unread("it is not UTF-8") };
    // JSON by itself first: it may be indented by tabs, which YAML forbids.
    let template: Result<Template, _> = serde_json::from_str(text).or_else(|_| serde_saphyr::from_str(text));
    let Template { transform, resources } = match template {
        Ok(template) => template,
        Err(error) => return unread(&error.without_snippet().to_string()),
    };
    let conditional = resources.values().any(|resource| resource.condition.is_some());
    let note = match (transform.is_some(), conditional) {
        (true, _) => Some("its template has a macro, which may make other resources of these"),
        (false, true) => Some("its template has conditions: a resource is made only where its condition holds"),
        (false, false) => None,
    };
    let mut changes: Vec<Change> = resources.into_iter().map(addition).collect();
    changes.sort_by(|one, other| (&one.kind, &one.logical).cmp(&(&other.kind, &other.logical)));
    (changes, note.map(ToOwned::to_owned))
}

fn addition((logical, resource): (LogicalId, Resource)) -> Change {
    Change {
        action: Some(Action::Add),
        logical: logical.into(),
        physical: None,
        kind: resource.kind,
        replacement: None,
        policy: None,
        details: Vec::new(),
        walked: false,
        drift: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, as `Type Name` each, and the beginning of the note.
    #[track_caller]
    fn check(text: &str, expect: &[&str], note: Option<&str>) {
        let (changes, noted) = read(text.as_bytes());
        let all: Vec<String> = changes.iter().map(|change| format!("{} {}", change.kind, change.logical)).collect();
        assert_eq!(all, expect, "{noted:?}");
        assert!(changes.iter().all(|change| change.action == Some(Action::Add)));
        match (&noted, note) {
            (None, None) => {}
            (Some(noted), Some(note)) => assert!(noted.contains(note), "{noted}"),
            (noted, note) => panic!("{noted:?} for {note:?}"),
        }
    }

    #[test]
    fn a_template_is_read_whatever_its_short_tags() {
        let text = r#"
AWSTemplateFormatVersion: 2010-09-09
Parameters: {Value: {Type: String, Default: one}}
Conditions:
  Big: !And [!Not [!Equals [!Ref Value, one]], !Condition Other]
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !Sub "${AWS::StackName}-x"
      Tags: [{Key: a, Value: !If [Big, !Ref Value, !Ref AWS::NoValue]}]
  Role:
    Type: 'AWS::IAM::Role'
    DependsOn: Topic
    Metadata: &shared {a: !GetAtt Topic.Arn, b: !Select [0, !GetAZs '']}
    Properties: {Again: *shared, Body: !Join ['', [!ImportValue x, !Base64 "y"]], Time: 2020-01-01}
  Other:
    Properties: !Transform {Name: AWS::Include, Parameters: {Location: !Sub 's3://b/k'}}
    Type: AWS::SNS::Topic
Outputs:
  Arn: {Value: !GetAtt [Topic, Arn]}
"#;
        check(text, &["AWS::IAM::Role Role", "AWS::SNS::Topic Other", "AWS::SNS::Topic Topic"], None);
    }

    #[test]
    fn a_template_is_read_as_json_too() {
        let topic = &["AWS::SNS::Topic Topic"];
        check(r#"{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}"#, topic, None);
        check(
            "{\n\t\"Resources\": {\n\t\t\"Topic\": {\n\t\t\t\"Type\": \"AWS::SNS::Topic\"\n\t\t}\n\t}\n}\n",
            topic,
            None,
        );
    }

    #[test]
    fn what_only_cloudformation_knows_is_said() {
        let topic = "Topic: {Type: AWS::SNS::Topic, Condition: Big}";
        check(&format!("Resources: {{{topic}}}"), &["AWS::SNS::Topic Topic"], Some("only where its condition holds"));
        let text = format!("Transform: [AWS::Serverless-2016-10-31]\nResources: {{{topic}}}");
        check(&text, &["AWS::SNS::Topic Topic"], Some("macro"));
        let text =
            "Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::All': [A, [b], {'T${A}': {Type: X}}]}";
        check(text, &[], Some("can't be read from its template"));
    }

    #[test]
    fn the_largest_template_that_there_is_can_be_read() {
        let tag = |n: usize| format!("        - {{Key: !Sub 'key-{n}', Value: !Ref AWS::StackName}}\n");
        let topic = |n: usize| {
            format!(
                "  Topic{n}:\n    Type: AWS::SNS::Topic\n    Properties:\n      Tags:\n{}",
                (0..30).map(tag).collect::<String>()
            )
        };
        let text = format!("Resources:\n{}", (0..500).map(topic).collect::<String>());
        assert!((900_000..crate::reading::TEMPLATE_BYTES as usize).contains(&text.len()), "{}", text.len());
        let (changes, note) = read(text.as_bytes());
        assert_eq!((changes.len(), note), (500, None));
    }

    #[test]
    fn a_template_that_is_none_costs_only_its_resources() {
        let bomb = (1..30).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)).collect::<String>();
        let nested = "[".repeat(100_000);
        for text in [
            "",
            "Outputs: {}",
            "Resources: []",
            "Resources: {A: {}}",
            "{",
            "\u{0}",
            &format!("a0: &a0 x\n{bomb}"),
            &nested,
        ] {
            check(text, &[], Some("can't be read from its template"));
        }
        assert_eq!(read(b"Resources: {A: {Type: \xff}}").0, []);
        check("Resources: {}", &[], None);
    }

    #[track_caller]
    fn rewritten(text: &str, by: &[&str]) {
        assert_eq!(transforms(text), by, "{text}");
    }

    #[test]
    fn what_rewrites_a_template_is_told_by_name() {
        rewritten("Resources: {T: {Type: AWS::SNS::Topic, Properties: {Transform: no}}}", &[]);
        rewritten("Transform: AWS::Serverless-2016-10-31\nResources: {}", &["AWS::Serverless-2016-10-31"]);
        rewritten("{\"Transform\": [\"A\", \"B\"], \"Resources\": {}}", &["A", "B"]);
        rewritten(
            "Transform: {Name: AWS::Include, Parameters: {Location: s3://b/k}}\nResources: {}",
            &["AWS::Include"],
        );
        rewritten("Resources: {T: !Transform {Name: Ours}}", &["Fn::Transform"]);
        rewritten("Resources: {'Fn::Transform': {Name: Ours}}", &["Fn::Transform"]);
        rewritten("Resources: [", &[]);
        rewritten("Transform: Ours\nResources: [", &[UNNAMED]);
    }
}
