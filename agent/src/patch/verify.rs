//! Whether a changed document says what it was meant to say, and nothing else has changed: both are read and compared,
//! node by node.
//!
//! Not here: how the change was made. This knows only the two trees, so that a mistake there is caught here.

use super::{
    tree::{Node, Shape},
    walk::index,
    write::Value,
};

/// What was to happen at a place.
#[derive(Clone, Copy)]
pub(super) enum Change<'v> {
    Set(&'v Value),
    Add(&'v Value),
    Remove,
}

/// Whether the one tree is the other with this change at this place.
pub(super) fn agrees(before: &Node, after: &Node, parts: &[&str], change: Change<'_>) -> bool {
    let (part, deeper) = match (parts, change) {
        ([], Change::Set(value)) => return reads(after, value),
        ([], Change::Add(_) | Change::Remove) => return false,
        ([part, deeper @ ..], _) => (*part, deeper),
    };
    if (&before.tag, before.anchor, is_map(before)) != (&after.tag, after.anchor, is_map(after)) {
        return false;
    }
    let (old, new) = (before.children(), after.children());
    let all_same = |old: &[(Option<&Node>, &Node)], new: &[(Option<&Node>, &Node)]| {
        old.len() == new.len() && old.iter().zip(new).all(|(one, other)| same_entry(*one, *other))
    };
    match (change, deeper) {
        (Change::Add(value), []) => new.split_last().is_some_and(|((key, node), others)| {
            let named = key.is_none_or(|key| key.text() == Some(part) && plain(key));
            named && reads(node, value) && all_same(&old, others)
        }),
        (Change::Remove, []) => position(&old, part).is_some_and(|at| {
            let kept: Vec<_> = old[..at].iter().chain(&old[at + 1..]).copied().collect();
            all_same(&kept, &new)
        }),
        (Change::Set(_) | Change::Add(_) | Change::Remove, _) => position(&old, part).is_some_and(|at| {
            let (Some((old_key, one)), Some((new_key, other))) = (old.get(at), new.get(at)) else { return false };
            all_same(&old[..at], &new[..at])
                && all_same(&old[at + 1..], &new[at + 1..])
                && same_key(*old_key, *new_key)
                && agrees(one, other, deeper, change)
        }),
    }
}

/// The how many-th a key or an item is, if there is exactly one of it.
fn position(children: &[(Option<&Node>, &Node)], part: &str) -> Option<usize> {
    let is_it = |at: usize, key: Option<&Node>| match key {
        Some(key) => key.text() == Some(part),
        None => index(part) == Some(at),
    };
    let mut found = children.iter().enumerate().filter(|(at, (key, _))| is_it(*at, *key)).map(|(at, _)| at);
    found.next().filter(|_| found.next().is_none())
}

fn is_map(node: &Node) -> bool {
    matches!(node.shape, Shape::Map { .. })
}

fn plain(node: &Node) -> bool {
    node.tag.is_none() && node.anchor == 0
}

fn same_entry(one: (Option<&Node>, &Node), other: (Option<&Node>, &Node)) -> bool {
    same_key(one.0, other.0) && same(one.1, other.1)
}

fn same_key(one: Option<&Node>, other: Option<&Node>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Whether two nodes are written alike.
pub(super) fn same(one: &Node, other: &Node) -> bool {
    let alike = match (&one.shape, &other.shape) {
        (Shape::Nothing, Shape::Nothing) => true,
        (Shape::Text { text: a, style: b }, Shape::Text { text: c, style: d }) => a == c && b == d,
        (Shape::List { flow: a, .. }, Shape::List { flow: b, .. })
        | (Shape::Map { flow: a, .. }, Shape::Map { flow: b, .. }) => a == b,
        (Shape::Alias(a), Shape::Alias(b)) => a == b,
        (
            Shape::Nothing | Shape::Text { .. } | Shape::List { .. } | Shape::Map { .. } | Shape::Alias(_),
            Shape::Nothing | Shape::Text { .. } | Shape::List { .. } | Shape::Map { .. } | Shape::Alias(_),
        ) => false,
    };
    let (ours, theirs) = (one.children(), other.children());
    alike
        && (&one.tag, one.anchor) == (&other.tag, other.anchor)
        && ours.len() == theirs.len()
        && ours.into_iter().zip(theirs).all(|(ours, theirs)| same_entry(ours, theirs))
}

/// Whether a node reads as a value: CloudFormation compares everything as text, so numbers and texts are one.
fn reads(node: &Node, value: &Value) -> bool {
    match value {
        Value::Text(text) => plain(node) && node.text() == Some(text),
        Value::Tree(tree) => reads_alike(node, tree),
    }
}

fn reads_alike(node: &Node, tree: &Node) -> bool {
    let (ours, theirs) = (node.children(), tree.children());
    let alike = |(ours, theirs): (Option<&Node>, Option<&Node>)| match (ours, theirs) {
        (Some(ours), Some(theirs)) => reads_alike(ours, theirs),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    plain(node)
        && node.text() == tree.text()
        && is_map(node) == is_map(tree)
        && ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|(one, other)| alike((one.0, other.0)) && reads_alike(one.1, other.1))
}
