//! The way to a place in a document, and what makes a place none that can be written: intrinsics, anchors, aliases.
//!
//! Not here: changing anything, and working intrinsics out. Only CloudFormation knows what comes of those.

use super::tree::{Node, Shape};

/// One step of the way: a node, and where it stands in the one before.
#[derive(Clone, Copy)]
pub(super) struct Step<'n> {
    pub(super) node: &'n Node,
    /// Its key, if it stands in a map.
    pub(super) key: Option<&'n Node>,
    /// The how many-th it is there.
    pub(super) at: usize,
}

/// The way from the root to a place, both included. Every step before the last is a literal list or map.
pub(super) fn walk<'n>(root: &'n Node, parts: &[&str]) -> Result<Vec<Step<'n>>, String> {
    let mut way = vec![Step { node: root, key: None, at: 0 }];
    let mut here = root;
    for (depth, part) in parts.iter().enumerate() {
        let place = named(&parts[..depth]);
        if let Some(what) = special(here) {
            return Err(format!("{what} stands at {place}: change it there by hand"));
        }
        let step = step(here, part, &place)?;
        way.push(step);
        here = step.node;
    }
    Ok(way)
}

fn step<'n>(here: &'n Node, part: &str, place: &str) -> Result<Step<'n>, String> {
    match &here.shape {
        Shape::Map { entries, .. } => {
            let mut found = entries.iter().enumerate().filter(|(_, (key, _))| key.text() == Some(part));
            match (found.next(), found.next()) {
                (Some((at, (key, node))), None) if !odd(key) => Ok(Step { node, key: Some(key), at }),
                (Some(_), None) => Err(format!("the key `{part}` in {place} has an anchor or a tag")),
                (Some(_), Some(_)) => Err(format!("`{part}` stands more than once in {place}")),
                (None, _) if merges(here) => Err(format!(
                    "`{part}` is not in {place} itself, which has a merge key (`<<`): look behind it by hand"
                )),
                (None, _) => Err(format!("there is no `{part}` in {place}")),
            }
        }
        Shape::List { items, .. } => {
            let at = index(part).ok_or_else(|| format!("a list stands at {place}, and `{part}` is no place in it"))?;
            let node = items.get(at).ok_or_else(|| {
                let has = items.len();
                format!("there is no `{part}` in {place}, a list of {has}")
            })?;
            Ok(Step { node, key: None, at })
        }
        Shape::Text { .. } => Err(format!("a text stands at {place}, so there is no `{part}` in it")),
        Shape::Nothing => Err(format!("nothing stands at {place}, so there is no `{part}` in it")),
        Shape::Alias(_) => Err(format!("an alias stands at {place}")),
    }
}

/// A number of a list's item, as a JSON pointer writes it.
pub(super) fn index(part: &str) -> Option<usize> {
    let plain = part == "0" || !part.starts_with('0');
    (plain && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok())?
}

/// A place in a sentence.
pub(super) fn named(parts: &[&str]) -> String {
    if parts.is_empty() { "the document".to_owned() } else { format!("`{}`", parts.join("/")) }
}

fn odd(node: &Node) -> bool {
    node.tag.is_some() || node.anchor != 0
}

/// Whether a map has a merge key.
pub(super) fn merges(map: &Node) -> bool {
    map.get("<<").is_some()
}

/// What a `Ref` refers to, short or long.
pub(super) fn reference(node: &Node) -> Option<&str> {
    match (&node.tag, node.entries()) {
        (Some(tag), []) if tag == "!Ref" => node.text(),
        (None, [(key, value)]) if key.text() == Some("Ref") && !odd(value) => value.text(),
        _ => None,
    }
}

/// What makes a node more than the literal text, list or map that it looks like. What stands in it is not looked at.
pub(super) fn special(node: &Node) -> Option<String> {
    if let (Some(name), 0) = (reference(node), node.anchor) {
        return Some(format!("a reference to `{name}`"));
    }
    if matches!(node.shape, Shape::Alias(_)) {
        return Some("an alias (`*…`)".to_owned());
    }
    if node.anchor != 0 {
        return Some("an anchor (`&…`), for which other places may stand,".to_owned());
    }
    if let Some(tag) = &node.tag {
        return Some(format!("`{tag}`"));
    }
    if node.text().is_some_and(is_dynamic) {
        return Some("a dynamic reference (`{{resolve:…}}`)".to_owned());
    }
    let keys = || node.entries().iter().filter_map(|(key, _)| key.text());
    let function = keys().find(|key| is_function(key) || (*key == "Ref" && node.entries().len() == 1));
    function.map(|key| format!("`{key}`"))
}

/// A map with such a key is an intrinsic.
pub(super) fn is_function(key: &str) -> bool {
    key.starts_with("Fn::")
}

/// A text that CloudFormation puts another in place of.
pub(super) fn is_dynamic(text: &str) -> bool {
    text.contains("{{resolve:")
}

/// The first part of a node that is no literal, the node itself included; where it stands in it, and what it is.
pub(super) fn inside(node: &Node) -> Option<(Vec<String>, String)> {
    if let Some(what) = special(node) {
        return Some((Vec::new(), what));
    }
    if merges(node) {
        return Some((Vec::new(), "a merge key (`<<`)".to_owned()));
    }
    node.children().into_iter().enumerate().find_map(|(at, (key, value))| {
        if key.is_some_and(|key| odd(key) || key.text().is_none()) {
            return Some((Vec::new(), "a key with an anchor, an alias or a tag".to_owned()));
        }
        let (mut parts, what) = inside(value)?;
        parts.insert(0, key.and_then(Node::text).map_or_else(|| at.to_string(), ToOwned::to_owned));
        Some((parts, what))
    })
}
