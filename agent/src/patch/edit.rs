//! The text of a document with one place in it changed: a value replaced, an entry taken out or put in.
//!
//! Not here: whether it may be, and whether it came out right; [`super::verify`] reads what is made here once more.

use super::{
    tree::{Document, Node, Shape, after_colon},
    walk::{Step, merges},
    write::{self, Before, Place, Value, value},
};
use granit_parser::ScalarStyle;
use std::ops::Range;

/// An edit, or why there is none.
type Edited = Result<String, String>;

/// The value at the end of the way is another one.
pub(super) fn set(document: &Document, way: &[Step<'_>], to: &Value) -> Edited {
    let (node, place) = (end(way)?.node, place(document, way));
    if let (Shape::Text { style: ScalarStyle::Literal, .. }, Value::Text(text), Some(indent)) =
        (&node.shape, to, node.indent)
        && let Some(lines) = write::lines(text, indent, document.line_end())
    {
        return replace(document, way, &lines);
    }
    replace(document, way, &value(to, before(node), place))
}

/// The last step of the way is gone; what it was the last entry of is empty.
pub(super) fn remove(document: &Document, way: &[Step<'_>]) -> Edited {
    let (gone, to_parent) = way.split_last().ok_or("it is the whole document")?;
    let parent = end(to_parent)?.node;
    if merges(parent) {
        return Err("a merge key (`<<`) stands beside it, and may put another value there: look by hand".to_owned());
    }
    let count = parent.children().len();
    if count == 1 {
        let empty = if matches!(parent.shape, Shape::List { .. }) { "[]" } else { "{}" };
        return replace(document, to_parent, empty);
    }
    let text = &document.text;
    let here = lead(text, parent, gone.at)?;
    let next = if gone.at + 1 < count { Some(lead(text, parent, gone.at + 1)?) } else { None };
    let line = line_start(text, here);
    let shares_line = !text[line..here].bytes().all(|byte| byte == b' ');
    match (parent.is_flow() || shares_line, next) {
        (false, _) => Ok(without_lines(text, line..next_line(text, gone.node.end))),
        (true, Some(next)) => Ok(splice(text, uncommented(text, here..next, gone.node.end)?, "")),
        (true, None) => {
            let last = parent.children().get(gone.at - 1).map_or(here, |(_, node)| node.end);
            uncommented(text, last..gone.node.end, last)?;
            Ok(splice(text, last..gone.node.end, ""))
        }
    }
}

/// The list or map at the end of the way has one entry more; in a list, the key is none of it.
pub(super) fn add(document: &Document, way: &[Step<'_>], key: &str, to: &Value) -> Edited {
    let parent = end(way)?.node;
    if merges(parent) {
        return Err("a merge key (`<<`) stands there, and may say it already: look by hand".to_owned());
    }
    let place = if parent.is_flow() { enclosed(document) } else { place(document, way) };
    let written = value(to, Before::New, place);
    let (is_map, key) = (matches!(parent.shape, Shape::Map { .. }), write::word(key, place));
    let children = parent.children();
    let (text, Some((last_key, last))) = (&document.text, children.last().copied()) else {
        let all = if is_map { format!("{{{key}: {written}}}") } else { format!("[{written}]") };
        return replace(document, way, &all);
    };
    if parent.is_flow() {
        let colon = last_key.map_or(": ", |key| colon(document, key, last));
        let entry = if is_map { format!("{key}{colon}{written}") } else { written };
        let gap = gap(text, parent, &children);
        return Ok(splice(text, last.end..last.end, &format!("{gap}{entry}")));
    }
    let entry = if is_map { format!("{key}: {written}") } else { format!("- {written}") };
    let first = lead(text, parent, 0)?;
    let line = " ".repeat(first - line_start(text, first)) + &entry;
    let (at, line_end) = (next_line(text, last.end), document.line_end());
    let line = if text[..at].ends_with('\n') { line + line_end } else { format!("{line_end}{line}") };
    Ok(splice(text, at..at, &line))
}

fn end<'w, 'n>(way: &'w [Step<'n>]) -> Result<&'w Step<'n>, String> {
    way.last().ok_or_else(|| "it is the whole document".to_owned())
}

/// Where a value at the end of the way would stand.
fn place(document: &Document, way: &[Step<'_>]) -> Place {
    let around = way.split_last().map_or(way, |(_, around)| around);
    if document.json || around.iter().any(|step| step.node.is_flow()) { enclosed(document) } else { Place::Block }
}

fn enclosed(document: &Document) -> Place {
    if document.json { Place::Json } else { Place::Flow }
}

fn before(node: &Node) -> Before<'_> {
    match &node.shape {
        Shape::Text { text, style: ScalarStyle::Plain } => Before::Plain(text),
        Shape::Text { style: ScalarStyle::SingleQuoted, .. } => Before::Single,
        Shape::Text { .. } => Before::Double,
        Shape::Nothing | Shape::List { .. } | Shape::Map { .. } | Shape::Alias(_) => Before::New,
    }
}

/// Something else in place of the node at the end of the way.
fn replace(document: &Document, way: &[Step<'_>], with: &str) -> Edited {
    let (text, Step { node, key, .. }) = (&document.text, end(way)?);
    let own = node.start..node.end;
    match &node.shape {
        Shape::Text { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => {
            let head = head(text, node.start).ok_or("its text in lines can't be rewritten: change it by hand")?;
            Ok(splice(text, head..node.end.max(head), with))
        }
        Shape::Nothing => Ok(splice(text, own, &format!(" {with}"))),
        Shape::List { flow: false, .. } | Shape::Map { flow: false, .. } => match key {
            Some(key) if line_start(text, node.start) > key.end => hoist(text, key, node, with),
            Some(_) | None => Ok(splice(text, own, with)),
        },
        Shape::Text { .. } | Shape::List { .. } | Shape::Map { .. } | Shape::Alias(_) => Ok(splice(text, own, with)),
    }
}

/// What stood on lines below a key goes, and something stands right behind the key.
fn hoist(text: &str, key: &Node, node: &Node, with: &str) -> Edited {
    let colon = after_colon(text, key).ok_or("its key has no colon: change it by hand")?;
    let kept = without_lines(text, line_start(text, node.start)..next_line(text, node.end));
    Ok(splice(&kept, colon..colon, &format!(" {with}")))
}

/// Where the `|` or `>` stands that begins a text in lines, if there is no comment behind it.
fn head(text: &str, start: usize) -> Option<usize> {
    let above = text[..start].trim_end();
    let bare = above.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
    bare.ends_with(['|', '>']).then(|| bare.len() - 1)
}

/// Where an entry of a list or map begins: its key, its dash.
fn lead(text: &str, parent: &Node, at: usize) -> Result<usize, String> {
    let children = parent.children();
    let (key, node) = children.get(at).ok_or("there is no such entry")?;
    match key {
        Some(key) => Ok(key.outer),
        None if parent.is_flow() => Ok(node.outer),
        None => {
            let above = text[..node.outer].trim_end();
            let dash = above.ends_with('-').then(|| above.len() - 1);
            dash.ok_or_else(|| "a comment stands between the dash and the item: change it by hand".to_owned())
        }
    }
}

/// The range, unless a comment in it would go along with the part from here on.
fn uncommented(text: &str, range: Range<usize>, from: usize) -> Result<Range<usize>, String> {
    let gap = text[from..range.end].split('\n').next().unwrap_or_default();
    let rest = &text[from..range.end];
    let is_comment = |line: &str| line.trim_start().trim_start_matches(',').trim_start().starts_with('#');
    if is_comment(gap) || rest.lines().skip(1).any(is_comment) {
        return Err("a comment stands behind it: take both out by hand".to_owned());
    }
    Ok(range)
}

/// What stands between the entries in brackets.
fn gap(text: &str, parent: &Node, children: &[(Option<&Node>, &Node)]) -> String {
    let begin = |(key, node): &(Option<&Node>, &Node)| key.map_or(node.outer, |key| key.outer);
    let is_plain = |gap: &&str| gap.trim() == ",";
    let between = match children {
        [.., one, other] => text.get(one.1.end..begin(other)).filter(is_plain).map(ToOwned::to_owned),
        [only] => {
            let space = text.get(parent.start + 1..begin(only));
            space.filter(|space| space.contains('\n') && space.trim().is_empty()).map(|space| format!(",{space}"))
        }
        [] => None,
    };
    between.unwrap_or_else(|| ", ".to_owned())
}

/// What stands between a key and its value; only behind quotes does a colon need no space, and only JSON always has them.
fn colon(document: &Document, key: &Node, value: &Node) -> &'static str {
    match document.text.get(key.end..value.outer) {
        Some(":") if document.json => ":",
        Some(" : ") => " : ",
        Some(_) | None => ": ",
    }
}

fn splice(text: &str, range: Range<usize>, with: &str) -> String {
    [&text[..range.start], with, &text[range.end..]].concat()
}

/// Without these lines; a text that did not end with the end of a line still does not.
fn without_lines(text: &str, range: Range<usize>) -> String {
    let at_end = range.end == text.len() && !text.ends_with('\n');
    let kept = splice(text, range, "");
    if at_end { unended(&kept).to_owned() } else { kept }
}

fn unended(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

fn next_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |found| at + found + 1)
}
