//! Parameters that a property refers to: whether another value of one says what is wished, and nothing beside it.
//!
//! Not here: where a parameter's value is written; that is a manifest's business.

use super::{
    tree::{Node, Shape},
    walk::{is_dynamic, named, reference},
};

/// The parameter that a node refers to, as the template declares it; why it can't be changed, if it refers to something
/// else; nothing if it is no reference.
pub(super) fn parameter<'n>(root: &'n Node, node: &'n Node) -> Option<Result<(&'n str, &'n Node), String>> {
    let name = reference(node).filter(|_| node.anchor == 0)?;
    let what = if let Some(declared) = root.get("Parameters").and_then(|all| all.get(name)) {
        return Some(Ok((name, declared)));
    } else if name.starts_with("AWS::") {
        "the pseudo parameter"
    } else if root.get("Resources").is_some_and(|all| all.get(name).is_some()) {
        "the resource"
    } else {
        "something that is not in the template,"
    };
    Some(Err(format!("a reference to {what} `{name}` stands there: change it by hand")))
}

/// What a parameter has to be for a property that refers to it to come out as this.
pub(super) fn value(name: &str, declared: &Node, actual: &str) -> Result<String, String> {
    let of = |key| declared.get(key).and_then(Node::text);
    let refused = |why: &str| Err(format!("it refers to the parameter `{name}`, {why}"));
    let Some(kind) = of("Type") else { return refused("whose type can't be told") };
    if of("NoEcho").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return refused("which is a secret (`NoEcho`): no file may hold it");
    }
    if kind.starts_with("AWS::SSM::Parameter::Value") {
        return refused("whose value is looked up in the SSM parameter that it names: change that one");
    }
    if is_dynamic(actual) {
        return refused("and the value in the account would be read as a dynamic reference (`{{resolve:…}}`)");
    }
    let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
    let value = match serde_json::from_str::<Vec<serde_json::Value>>(actual) {
        Ok(items) if is_list => match items.iter().map(item).collect::<Option<Vec<String>>>() {
            Some(items) if !items.is_empty() => items.join(","),
            Some(_) | None => return refused("a list, which can't hold what is in the account"),
        },
        Ok(_) | Err(_) => actual.to_owned(),
    };
    let allowed = |all: &Node| all.children().iter().any(|(_, one)| one.text() == Some(&value));
    if declared.get("AllowedValues").is_some_and(|all| !is_list && !allowed(all)) {
        return refused("whose `AllowedValues` have no such value");
    }
    Ok(value)
}

/// An item that can stand between commas.
fn item(value: &serde_json::Value) -> Option<String> {
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => value.to_string(),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => return None,
    };
    (!text.contains(',') && text.trim() == text && !text.is_empty()).then_some(text)
}

/// Everywhere in a template that a parameter is used.
pub(super) fn uses(root: &Node, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(root, name, &mut Vec::new(), &mut found);
    found
}

fn collect(node: &Node, name: &str, parts: &mut Vec<String>, found: &mut Vec<String>) {
    if is_use(node, name) {
        found.push(named(&parts.iter().map(String::as_str).collect::<Vec<_>>()));
        return;
    }
    for (at, (key, child)) in node.children().into_iter().enumerate() {
        parts.push(key.and_then(Node::text).map_or_else(|| at.to_string(), ToOwned::to_owned));
        collect(child, name, parts, found);
        parts.pop();
    }
}

/// `Ref`, whatever its anchor; `${Name}` in any text or key; `Fn::ValueOf` of a rule.
fn is_use(node: &Node, name: &str) -> bool {
    let refers = reference(node) == Some(name);
    let inserts = |text: &str| text.contains(&format!("${{{name}}}"));
    let in_key = node.entries().iter().any(|(key, _)| key.text().is_some_and(inserts));
    let asked = |list: &Node| list.children().first().is_some_and(|(_, first)| first.text() == Some(name));
    let asks = match (&node.tag, &node.shape) {
        (Some(tag), _) if tag == "!ValueOf" => asked(node),
        (_, Shape::Map { entries, .. }) => {
            entries.iter().any(|(key, value)| key.text() == Some("Fn::ValueOf") && asked(value))
        }
        (_, Shape::Nothing | Shape::Text { .. } | Shape::List { .. } | Shape::Alias(_)) => false,
    };
    refers || in_key || node.text().is_some_and(inserts) || asks
}
