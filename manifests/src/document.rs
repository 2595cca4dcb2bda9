//! A door to the reading of YAML for documents that are nobody's manifests, such as those that only the hub reads: the same
//! places, the same words, the same "did you mean".
//!
//! Not here: what such a document says; whoever asks for one brings the types.

use crate::{
    findings::Findings,
    id::RepoPath,
    parse::{self, place},
    yaml::{Node, brief},
};
pub use crate::{
    typed::{At, nearest},
    yaml::{Fault, Mark},
};
use serde::{Deserialize, de::IgnoredAny};

/// A document: its head, and what it is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<T> {
    #[serde(rename = "apiVersion")]
    _api_version: IgnoredAny,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    #[serde(rename = "metadata", default = "nothing")]
    _metadata: Option<IgnoredAny>,
    spec: T,
}

fn nothing() -> Option<IgnoredAny> {
    None
}

/// The `spec` of the one document in this text, which must be of that kind.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8], kind: &str) -> Result<T, Vec<Fault>> {
    let nowhere: RepoPath = "document.yaml".parse().map_err(|_| Vec::new())?;
    let mut findings = Findings::new(&nowhere, None);
    let found = spec(bytes, kind, &mut findings);
    match found {
        Some(found) if findings.none() => Ok(found),
        Some(_) | None => Err(findings.problems.into_iter().map(fault).collect()),
    }
}

fn spec<T: for<'de> Deserialize<'de>>(bytes: &[u8], kind: &str, findings: &mut Findings<'_>) -> Option<T> {
    let root = parse::single(bytes, findings)?;
    match root.get("kind").and_then(Node::text) {
        Some(found) if found == kind => {}
        other => {
            let found = other.map_or_else(String::new, |kind| format!(", found `{}`", brief(kind)));
            findings.refuse(place(&root, "kind"), format!("expected `kind: {kind}`{found}"));
            return None;
        }
    }
    let document: Document<T> = parse::typed_as(&root, findings)?;
    Some(document.spec)
}

fn fault(problem: crate::problem::Problem) -> Fault {
    let at = Mark { line: problem.line, column: problem.column };
    Fault { at, message: problem.message, hint: problem.hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Content, File, parse};
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Spec {
        colour: At<String>,
    }

    fn check(text: &str, expect: Result<&str, &str>) {
        let told = read::<Spec>(text.as_bytes(), "Paint").map(|spec| spec.colour.value).map_err(|faults| {
            let one = |fault: &Fault| {
                let hint = fault.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                format!("{}:{} {}{hint}", fault.at.line, fault.at.column, fault.message)
            };
            faults.iter().map(one).collect::<Vec<_>>().join("; ")
        });
        assert_eq!(told, expect.map(ToOwned::to_owned).map_err(ToOwned::to_owned), "{text}");
    }

    #[test]
    fn a_document_of_the_kind_is_read_and_a_slip_has_its_place() {
        let head = "apiVersion: holdfast/v1\nkind: Paint\n";
        check(&format!("{head}spec: {{colour: red}}\n"), Ok("red"));
        check(&format!("{head}metadata: {{name: x}}\nspec: {{colour: red}}\n"), Ok("red"));
        check(
            &format!("{head}spec:\n  color: red\n"),
            Err("4:3 unknown field `color` (did you mean `colour`?); 4:3 `spec`: the field `colour` is missing"),
        );
        check(
            "kind: Paint\nspec: {colour: red}\n",
            Err("1:1 the field `apiVersion` is missing (begin the document with `apiVersion: holdfast/v1`)"),
        );
        check("apiVersion: holdfast/v1\nkind: Pain\nspec: {}\n", Err("2:7 expected `kind: Paint`, found `Pain`"));
        check("", Err("0:0 there is nothing in it"));
    }
    #[test]
    fn one_that_lies_among_the_manifests_is_told_and_costs_nobody() {
        let content = Content::Bytes(b"apiVersion: holdfast/v1\nkind: Alerts\nspec: {}\n");
        let file = File { path: "alerts.yaml".parse().unwrap(), content };
        let repository = parse(&[file], &BTreeMap::new());
        assert!(repository.complete && repository.fleet.is_some());
        let told: Vec<String> = repository.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["alerts.yaml:2:7: whom a hub tells is not read from the repository\n  hint: keep it where the hub runs: \
              `holdfast-hub run --alerts FILE`"]
        );
    }
}
