//! Values as they are written into a document: plain where that reads back as the same text, quoted otherwise.
//!
//! Not here: where they go. YAML is read by several programs of several ages here (CloudFormation's own is one of 1.1), so
//! whatever any of them might take for a number, a date or a truth value is quoted.

use super::{
    tree::{Document, Node, Shape},
    walk::{is_dynamic, is_function},
};
use granit_parser::ScalarStyle;
use serde::de::IgnoredAny;

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On lines of its own or behind a key.
    Block,
    /// Inside of brackets or braces.
    Flow,
    /// In a JSON document.
    Json,
}

/// What a text is written like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before<'a> {
    /// Nothing was there.
    New,
    /// A text was there, without quotes.
    Plain(&'a str),
    /// A text in single quotes was.
    Single,
    /// A text in double quotes, or in lines, was.
    Double,
}

/// What programs take an unquoted text for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// A number that every program reads and prints the same.
    Number,
    Truth,
    /// Something that some program may take for a number, a date, a truth value or nothing.
    Unclear,
}

/// A value to write.
pub(super) enum Value {
    Text(String),
    /// A list or map, read from JSON.
    Tree(Node),
}

impl Value {
    /// The value that CloudFormation prints like this, in the place of a node if there is one. A text stays one, whatever it
    /// looks like, unless `open` says that a list may stand there as well.
    pub(super) fn read(actual: &str, before: Option<&Node>, open: bool) -> Result<Self, String> {
        let is_text = before.and_then(Node::text).is_some_and(|before| !open || is_json(before));
        if !is_text && is_json(actual) {
            let unwritable = |why: String| format!("the value in the account can't be written: {why}");
            let mut read = Document::read(actual.to_owned()).map_err(unwritable)?;
            let root = read.roots.pop().ok_or("the value in the account is nothing")?;
            return writable(&root).map(|()| Self::Tree(root));
        }
        if is_dynamic(actual) {
            return Err(reads_as("a dynamic reference (`{{resolve:…}}`)"));
        }
        Ok(Self::Text(actual.to_owned()))
    }
}

/// Whether it is a list or a map, written as JSON.
pub(super) fn is_json(text: &str) -> bool {
    is_json_like(text) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn is_json_like(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

fn reads_as(what: &str) -> String {
    format!("the value in the account would be read as {what} if it stood in a template")
}

/// Whether a template can say this, and mean it.
fn writable(node: &Node) -> Result<(), String> {
    if let Shape::Text { text, style: ScalarStyle::Plain } = &node.shape
        && text == "null"
    {
        return Err("the value in the account has a `null` in it, which a template can't say".to_owned());
    }
    if node.text().is_some_and(is_dynamic) {
        return Err(reads_as("a dynamic reference (`{{resolve:…}}`)"));
    }
    for (key, value) in node.children() {
        if let Some(key) = key.and_then(Node::text).filter(|key| is_function(key) || *key == "Ref" || *key == "<<") {
            return Err(reads_as(&format!("`{key}`")));
        }
        writable(value)?;
    }
    Ok(())
}

/// The value in one piece.
pub(super) fn value(value: &Value, before: Before<'_>, place: Place) -> String {
    match value {
        Value::Text(text) => scalar(text, before, place),
        Value::Tree(node) => tree(node, if place == Place::Json { place } else { Place::Flow }),
    }
}

fn tree(node: &Node, place: Place) -> String {
    match &node.shape {
        Shape::Text { text, style: ScalarStyle::Plain } => text.clone(),
        Shape::Text { text, .. } => word(text, place),
        Shape::List { items, .. } => {
            let items: Vec<String> = items.iter().map(|item| tree(item, place)).collect();
            format!("[{}]", items.join(", "))
        }
        Shape::Map { entries, .. } => {
            let entry = |(key, value): &(Node, Node)| format!("{}: {}", tree(key, place), tree(value, place));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Shape::Nothing | Shape::Alias(_) => "null".to_owned(), // JSON has neither
    }
}

/// A text that has to be read as a text: a key, or a string of JSON.
pub(super) fn word(text: &str, place: Place) -> String {
    if kind(text) == Kind::Text && place != Place::Json && is_safe(text, place) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// A text on one line, like the one that was there.
pub(super) fn scalar(text: &str, before: Before<'_>, place: Place) -> String {
    let plain = match (kind(text), before) {
        (Kind::Text, Before::New | Before::Plain(_)) => return word(text, place),
        (Kind::Number, Before::New) => text.len() < 10,
        (Kind::Truth, Before::New) => true,
        (Kind::Number | Kind::Truth, Before::Plain(old)) => kind(text) == kind(old),
        (Kind::Unclear, _) | (_, Before::Single | Before::Double) => false,
    };
    if plain {
        return text.to_owned();
    }
    let printable = !text.chars().any(is_odd);
    if before == Before::Single && place != Place::Json && printable {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        quoted(text)
    }
}

/// In double quotes, as JSON and YAML both read it.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let escape = |c: char| if is_odd(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    json.chars().map(escape).collect()
}

/// Characters that are not shown, or that some take for the end of a line.
fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn kind(text: &str) -> Kind {
    const WORDS: [&str; 14] = ["", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<", "=", ".nan"];
    let lower = text.to_ascii_lowercase();
    let digit = |byte: u8| byte.is_ascii_hexdigit() || b"+-.:_xotz ".contains(&byte);
    let numeric = lower.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) && lower.bytes().all(digit);
    let infinite = lower.trim_start_matches(['+', '-']) == ".inf";
    if is_number(text) {
        Kind::Number
    } else if text == "true" || text == "false" {
        Kind::Truth
    } else if numeric || infinite || WORDS.contains(&lower.as_str()) {
        Kind::Unclear
    } else {
        Kind::Text
    }
}

/// `0`, `-12`, `0.25`: no leading zeros, none at the end of a fraction, and few enough digits for any number type.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.len() <= 15 && part.bytes().all(|byte| byte.is_ascii_digit());
    let positive = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = positive.split_once('.').map_or((positive, None), |(whole, rest)| (whole, Some(rest)));
    let whole = digits(whole) && (whole == "0" || !whole.starts_with('0')) && text != "-0";
    whole && fraction.is_none_or(|fraction| digits(fraction) && !fraction.ends_with('0') && text.len() <= 15)
}

/// Whether a text needs no quotes.
fn is_safe(text: &str, place: Place) -> bool {
    let starts = text.starts_with(|c: char| "-?:,[]{}#&*!|>'\"%@`".contains(c));
    let spaced = text.trim() != text || text.is_empty();
    let breaks = text.contains(": ") || text.contains(" #") || text.ends_with(':') || text.chars().any(is_odd);
    let enclosed = place == Place::Flow && text.contains([',', '[', ']', '{', '}', '"', '\'']);
    !(starts || spaced || breaks || enclosed || text.starts_with("..."))
}

/// A text in lines (`|`), each indented by so much, if it can be written like that.
pub(super) fn lines(text: &str, indent: usize, line_end: &str) -> Option<String> {
    let (head, body) = text.strip_suffix('\n').map_or(("|-", text), |body| ("|", body));
    let is_line = |line: &str| !line.ends_with([' ', '\t']) && !line.chars().any(|c| c != '\t' && is_odd(c));
    if body.is_empty() || body.starts_with([' ', '\t', '\n']) || body.ends_with('\n') || !body.split('\n').all(is_line)
    {
        return None;
    }
    let written = body.split('\n').map(|line| match line {
        "" => line_end.to_owned(),
        line => format!("{line_end}{}{line}", " ".repeat(indent)),
    });
    Some(head.to_owned() + &written.collect::<String>())
}
