//! A manifest with another value of a parameter, written there if it was not: its template's default was the value then.
//!
//! Not here: parameters that a manifest does not write itself. What it looks up (a label, an output, an SSM parameter) has
//! its value elsewhere.

use super::{
    compared, edit, parent,
    tree::{Document, Node, Shape},
    verify::Change,
    walk::{inside, walk},
    write::Value,
};

/// The manifest with this parameter changed (`spec.parameters.<key>`), and nothing else.
///
/// # Errors
/// A sentence, when the parameter is not written there as a literal, or the file has several manifests: then ask
/// [`manifest_of`].
pub fn manifest(text: &str, key: &str, value: &str) -> Result<String, String> {
    let document = Document::read(text.to_owned()).map_err(|why| format!("the manifest: {why}"))?;
    match document.roots.as_slice() {
        [root] => changed(&document, root, key, value),
        [] => Err("the manifest is empty".to_owned()),
        [..] => Err("the file has several manifests: change the parameter by hand".to_owned()),
    }
}

/// The same, of the stack of this name in a file of several manifests.
///
/// # Errors
/// A sentence, when there is no such stack, or the parameter is not written there as a literal.
pub fn manifest_of(text: &str, name: &str, key: &str, value: &str) -> Result<String, String> {
    let document = Document::read(text.to_owned()).map_err(|why| format!("the manifest: {why}"))?;
    let is_it = |root: &&Node| {
        let named = root.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::text);
        root.get("kind").and_then(Node::text) == Some("Stack") && named == Some(name)
    };
    let mut found = document.roots.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(root), None) => changed(&document, root, key, value),
        (None, _) => Err(format!("the file has no stack `{name}`")),
        (Some(_), Some(_)) => Err(format!("the file has the stack `{name}` more than once")),
    }
}

fn changed(document: &Document, root: &Node, key: &str, value: &str) -> Result<String, String> {
    let parts = ["spec", "parameters", key];
    let spec = root.get("spec");
    match spec.map(|spec| spec.get("parameters")) {
        Some(Some(parameters)) if parameters.get(key).is_none() => {
            return added(document, root, &parts, &Value::Text(value.to_owned()));
        }
        Some(None) => {
            let all = serde_json::json!({ key: value });
            return added(document, root, &parts[..2], &Value::read(&all.to_string(), None, false)?);
        }
        Some(Some(_)) | None => {}
    }
    let way = walk(root, &parts)?;
    let node = way.last().ok_or("the manifest is empty")?.node;
    if let Some((_, what)) = inside(node) {
        return Err(format!("{what} stands at the parameter `{key}`: change it by hand"));
    }
    let to = match &node.shape {
        Shape::Map { entries, .. } => {
            let how = entries.first().and_then(|(how, _)| how.text()).unwrap_or("…");
            return Err(format!("the parameter `{key}` is looked up (`{how}`): change it where it comes from"));
        }
        Shape::List { .. } => {
            let items: serde_json::Value = value.split(',').collect();
            Value::read(&items.to_string(), None, false)?
        }
        Shape::Nothing | Shape::Text { .. } | Shape::Alias(_) => Value::Text(value.to_owned()),
    };
    let text = edit::set(document, &way, &to)?;
    compared(document, root, text, &parts, Change::Set(&to)).map(|changed| changed.text)
}

/// The manifest with this at a place where nothing was.
fn added(document: &Document, root: &Node, parts: &[&str], to: &Value) -> Result<String, String> {
    let text = edit::add(document, &parent(root, parts)?, parts[parts.len() - 1], to)?;
    compared(document, root, text, parts, Change::Add(to)).map(|changed| changed.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Ours\nkind: Stack\nmetadata: {name: one}\nspec:\n  parameters:\n    A: \"30\" # why\n    B: 30\n    C: [a, b]\n    D: {label: x}\n    E: { ssm: /a/b }\n    F:\n      output: {stack: s, key: k}\n    G: plain\n    H: *x\n";

    fn text() -> String {
        TEXT.replace("    H: *x\n", "")
    }

    #[track_caller]
    fn check(key: &str, value: &str, old: &str, new: &str) {
        for line_end in ["\n", "\r\n"] {
            let before = text().replace('\n', line_end);
            assert_eq!(manifest(&before, key, value), Ok(before.replace(old, new)));
        }
    }

    #[track_caller]
    fn refused(key: &str, why: &str) {
        assert_eq!(manifest(&text(), key, "x"), Err(why.to_owned()));
    }

    #[test]
    fn a_literal_is_replaced() {
        check("A", "60", "\"30\"", "\"60\"");
        check("B", "60", "B: 30", "B: 60");
        check("B", "060", "B: 30", "B: \"060\"");
        check("G", "a b", "plain", "a b");
        check("G", "", "plain", "\"\"");
        check("C", "a,444444444444,c d", "[a, b]", "[a, \"444444444444\", c d]");
    }

    /// The value was the default of the template.
    #[test]
    fn what_is_not_there_is_added() {
        let before = "kind: Stack\nspec:\n  parameters:\n    A: b # why\n  region: x\n";
        let after = "kind: Stack\nspec:\n  parameters:\n    A: b # why\n    Size: 2\n  region: x\n";
        assert_eq!(manifest(before, "Size", "2").as_deref(), Ok(after));
        let before = "kind: Stack\nspec: {parameters: {A: b}}\n";
        assert_eq!(manifest(before, "C", "d").as_deref(), Ok("kind: Stack\nspec: {parameters: {A: b, C: d}}\n"));
        let (before, after) = ("spec:\n  region: x\n", "spec:\n  region: x\n  parameters: {C: \"07\"}\n");
        assert_eq!(manifest(before, "C", "07").as_deref(), Ok(after));
        let merged = "base: &b {A: b}\nspec:\n  parameters:\n    <<: *b\n    C: d\n";
        assert!(manifest(merged, "A", "x").is_err_and(|why| why.contains("merge key")), "it may be there");
    }

    #[test]
    fn what_is_looked_up_is_left_alone() {
        let why = |key, how| format!("the parameter `{key}` is looked up (`{how}`): change it where it comes from");
        refused("D", &why("D", "label"));
        refused("E", &why("E", "ssm"));
        refused("F", &why("F", "output"));
        let why = manifest(TEXT, "A", "x").unwrap_err();
        assert!(why.starts_with("the manifest: line 14 can't be read"), "{why}");
        assert_eq!(manifest("", "A", "x"), Err("the manifest is empty".to_owned()));
        assert_eq!(manifest("kind: Stack", "A", "x"), Err("there is no `spec` in the document".to_owned()));
        let aliased = text().replace("A: \"30\"", "A: &x y").replace("G: plain", "G: *x");
        let why = "an anchor (`&…`), for which other places may stand, stands at the parameter `A`: change it by hand";
        assert_eq!(manifest(&aliased, "A", "x"), Err(why.to_owned()));
        assert_eq!(
            manifest(&aliased, "G", "x"),
            Err("an alias (`*…`) stands at the parameter `G`: change it by hand".to_owned())
        );
    }

    #[test]
    fn one_of_several_manifests_is_named() {
        let other = text().replace("name: one", "name: two");
        let both = format!("{}---\n{other}", text());
        assert_eq!(
            manifest(&both, "B", "60"),
            Err("the file has several manifests: change the parameter by hand".to_owned())
        );
        let after = format!("{}---\n{}", text(), other.replace("B: 30", "B: 60"));
        assert_eq!(manifest_of(&both, "two", "B", "60"), Ok(after));
        assert_eq!(manifest_of(&both, "three", "B", "60"), Err("the file has no stack `three`".to_owned()));
        let twice = format!("{}---\n{}", text(), text());
        assert_eq!(
            manifest_of(&twice, "one", "B", "60"),
            Err("the file has the stack `one` more than once".to_owned())
        );
    }
}
