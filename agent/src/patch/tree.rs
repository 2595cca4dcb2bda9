//! A template or a manifest as a tree that knows where in the text each part of it stands.
//!
//! Not here: what anything means. Anchors are not followed and tags are not worked out; that they are there is told.

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StructureStyle, Tag};
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// How deep lists and maps may stand in each other, each way of writing them by itself.
const MAX_DEPTH: usize = 100;

/// A text, and what it says.
pub(super) struct Document {
    pub(super) text: String,
    /// It is JSON, and has to stay that.
    pub(super) json: bool,
    /// One for each YAML document.
    pub(super) roots: Vec<Node>,
}

/// A text, list or map, and where it stands: bytes, counted from the beginning.
pub(super) struct Node {
    /// Where it begins, its anchor and its tag included.
    pub(super) outer: usize,
    /// Where it begins by itself. For a text in lines (`|`, `>`): where the first line of it begins.
    pub(super) start: usize,
    /// Where it ends; white space and comments behind it are not its own.
    pub(super) end: usize,
    /// How far the lines of a text in lines are indented.
    pub(super) indent: Option<usize>,
    /// As written: `!Sub`.
    pub(super) tag: Option<String>,
    /// The number of its anchor; 0 is none.
    pub(super) anchor: usize,
    pub(super) shape: Shape,
}

/// What a node is.
pub(super) enum Shape {
    /// Nothing is written at all, as after the colon of `key:`.
    Nothing,
    Text {
        text: String,
        style: ScalarStyle,
    },
    List {
        flow: bool,
        items: Vec<Node>,
    },
    Map {
        flow: bool,
        entries: Vec<(Node, Node)>,
    },
    /// Stands for what has the anchor of this number.
    Alias(usize),
}

impl Node {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Text { text, .. } => Some(text),
            Shape::Nothing | Shape::List { .. } | Shape::Map { .. } | Shape::Alias(_) => None,
        }
    }

    /// What stands in it, with its key in a map.
    pub(super) fn children(&self) -> Vec<(Option<&Node>, &Node)> {
        match &self.shape {
            Shape::List { items, .. } => items.iter().map(|item| (None, item)).collect(),
            Shape::Map { entries, .. } => entries.iter().map(|(key, value)| (Some(key), value)).collect(),
            Shape::Nothing | Shape::Text { .. } | Shape::Alias(_) => Vec::new(),
        }
    }

    /// A map's keys and values; nothing for what is no map.
    pub(super) fn entries(&self) -> &[(Node, Node)] {
        match &self.shape {
            Shape::Map { entries, .. } => entries,
            Shape::Nothing | Shape::Text { .. } | Shape::List { .. } | Shape::Alias(_) => &[],
        }
    }

    /// The value of a map's key, if the key is there.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Whether it is a list or map in brackets or braces.
    pub(super) fn is_flow(&self) -> bool {
        match self.shape {
            Shape::List { flow, .. } | Shape::Map { flow, .. } => flow,
            Shape::Nothing | Shape::Text { .. } | Shape::Alias(_) => false,
        }
    }
}

impl Document {
    /// Reads it, or says why it can't be read.
    pub(super) fn read(text: String) -> Result<Self, String> {
        if text.contains('\0') {
            return Err("it can't be read: there is a NUL in it".to_owned());
        }
        let bare = text.trim_start_matches('\u{feff}');
        let json = bare.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(bare).is_ok();
        // JSON may be indented by tabs, which YAML forbids; none stands inside of a JSON text.
        let readable = if json { Cow::Owned(text.replace('\t', " ")) } else { Cow::Borrowed(text.as_str()) };
        let roots = Reader { text: &readable, open: Vec::new(), roots: Vec::new(), opened: false }.read()?;
        drop(readable);
        Ok(Self { text, json, roots })
    }

    /// What its lines end with.
    pub(super) fn line_end(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            Some(_) | None => "\n",
        }
    }
}

/// A document while it is being read.
struct Reader<'a> {
    text: &'a str,
    /// Lists and maps whose end has not been seen, with what stands in them so far; a map's keys and values alternate.
    open: Vec<(Node, Vec<Node>)>,
    roots: Vec<Node>,
    /// Whether the last node is the innermost open one.
    opened: bool,
}

impl<'a> Reader<'a> {
    fn read(mut self) -> Result<Vec<Node>, String> {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.emit_anchor_events = true;
        options.flow_nesting_limit = MAX_DEPTH;
        options.block_nesting_limit = MAX_DEPTH;
        for event in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) =
                event.map_err(|error| format!("line {} can't be read: {}", error.marker().line(), error.info()))?;
            self.take(event, span).ok_or("the places in it can't be told")?;
        }
        Ok(self.roots)
    }

    fn take(&mut self, event: Event<'a>, span: Span) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(text, style, tag.as_deref(), span)?;
                self.put(Node { anchor, ..node });
            }
            Event::SequenceStart(style, anchor, tag) => {
                let shape = Shape::List { flow: style == StructureStyle::Flow, items: Vec::new() };
                self.begin(Node { anchor, ..node(shape, tag.as_deref(), span)? });
            }
            Event::MappingStart(style, anchor, tag) => {
                let shape = Shape::Map { flow: style == StructureStyle::Flow, entries: Vec::new() };
                self.begin(Node { anchor, ..node(shape, tag.as_deref(), span)? });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (open, children) = self.open.pop()?;
                let closed = self.close(open, children, span)?;
                self.put(closed);
            }
            Event::Alias(anchor) => self.put(node(Shape::Alias(anchor), None, span)?),
            Event::Anchor(..) => {
                let at = span.start.byte_offset()?;
                let named = self.last()?;
                named.outer = named.outer.min(at);
            }
            Event::UnresolvedAlias(_)
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd => {}
            _ => {} // comments, if somebody else switches them on
        }
        Some(())
    }

    fn scalar(&self, text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Option<Node> {
        let written = span.byte_range()?;
        let is_empty = written.is_empty() && style == ScalarStyle::Plain && tag.is_none();
        let shape = if is_empty { Shape::Nothing } else { Shape::Text { text: text.into_owned(), style } };
        let mut node = node(shape, tag, span)?;
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            // The library counts blank lines behind it, and even the next line's indentation.
            node.end = node.start + self.text.get(written)?.trim_end().len();
            node.indent = span.indent;
        }
        Some(node)
    }

    fn begin(&mut self, node: Node) {
        self.open.push((node, Vec::new()));
        self.opened = true;
    }

    fn put(&mut self, node: Node) {
        self.opened = false;
        match self.open.last_mut() {
            Some((_, children)) => children.push(node),
            None => self.roots.push(node),
        }
    }

    fn last(&mut self) -> Option<&mut Node> {
        match self.open.last_mut() {
            Some((open, _)) if self.opened => Some(open),
            Some((_, children)) => children.last_mut(),
            None => self.roots.last_mut(),
        }
    }

    fn close(&self, mut open: Node, children: Vec<Node>, span: Span) -> Option<Node> {
        // What has no closing bracket ends with the last that stands in it.
        let bracket = !span.byte_range()?.is_empty() && open.is_flow();
        let mut end = if bracket { span.end.byte_offset()? } else { open.end };
        match &mut open.shape {
            Shape::List { items, .. } => *items = children,
            Shape::Map { entries, .. } => {
                let mut children = children.into_iter();
                while let (Some(key), Some(mut value)) = (children.next(), children.next()) {
                    if let (Shape::Nothing, Some(at)) = (&value.shape, after_colon(self.text, &key)) {
                        (value.outer, value.start, value.end) = (at, at, at);
                    }
                    entries.push((key, value));
                }
            }
            Shape::Nothing | Shape::Text { .. } | Shape::Alias(_) => return None,
        }
        if let (Some((_, last)), false) = (open.children().last(), bracket) {
            end = end.max(last.end);
        }
        Some(Node { end, ..open })
    }
}

fn node(shape: Shape, tag: Option<&Tag>, span: Span) -> Option<Node> {
    let start = span.start.byte_offset()?;
    let outer = span.tag_start().and_then(|at| at.byte_offset()).unwrap_or(start);
    let tag = tag.map(Tag::original);
    Some(Node { outer, start, end: span.end.byte_offset()?, indent: None, tag, anchor: 0, shape })
}

/// The place right behind the colon after a key.
pub(super) fn after_colon(text: &str, key: &Node) -> Option<usize> {
    let rest = text.get(key.end..)?;
    let colon = rest.len() - rest.trim_start().len();
    rest[colon..].starts_with(':').then_some(key.end + colon + 1)
}
