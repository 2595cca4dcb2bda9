//! YAML text in, a tree with places out. The only module that knows the YAML library.
//!
//! The library's event stream is read here directly, and not through a ready-made serde layer: every place, every
//! number as it was written and every document that is broken half-way stay within reach, in half the time. What most
//! manifests are written in is read in [`plain`] in less still, and comes out the same.
//!
//! Not here: what the fields mean. [`crate::typed`] reads types out of the tree.

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, Tag};
use std::{borrow::Cow, collections::BTreeMap};

mod plain;
#[cfg(test)]
mod proof;

/// How deep lists and maps may stand in each other. The deepest that a manifest needs is seven
/// (`spec.parameters.Key.output.stack` in a list of a later version); twice that, and some, is nobody's mistake.
pub(crate) const MAX_DEPTH: usize = 16;

/// How many texts, lists and maps a document may have once its aliases are written out. The largest document that
/// makes sense lists 5,000 accounts with ten labels each, which is 150,000.
pub(crate) const MAX_NODES: usize = 200_000;

/// The library's words for a tab in the wrong place.
const TABS: [ErrorKind; 5] = [
    ErrorKind::TabNotAllowed,
    ErrorKind::TabInBlockIndentation,
    ErrorKind::TabAtBlockScalarStart,
    ErrorKind::TabInIndentation,
    ErrorKind::TabInPlainScalar,
];

/// A place in a file. Lines and columns from 1; 0 is "not known".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// What is wrong at a place: a sentence without a full stop, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The place.
    pub at: Mark,
    /// What is wrong there.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// One at this place.
    pub fn new(at: Mark, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// A text, list or map, and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'a> {
    pub(crate) at: Mark,
    pub(crate) shape: Shape<'a>,
}

/// What a node is. YAML's numbers and truth values are texts until a type asks for more: `0012` and `1.10` stay that.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape<'a> {
    /// No value at all: `key:` with nothing behind it, `~` or `null`.
    Nothing,
    Text {
        text: Cow<'a, str>,
        quoted: bool,
    },
    List(Vec<Node<'a>>),
    /// Key, value, key, value, in the order written; the keys are texts.
    Map(Vec<Node<'a>>),
}

impl<'a> Node<'a> {
    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Text { text, .. } => Some(text),
            Shape::Nothing | Shape::List(_) | Shape::Map(_) => None,
        }
    }

    /// The value of a map's key, if the key is there exactly once.
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'a>> {
        let mut found = self.entries().filter(|(k, _)| k.text() == Some(key)).map(|(_, value)| value);
        found.next().filter(|_| found.next().is_none())
    }

    /// A map's keys and values; nothing for what is no map.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Node<'a>, &Node<'a>)> {
        let children = match &self.shape {
            Shape::Map(children) => children.as_slice(),
            Shape::Nothing | Shape::Text { .. } | Shape::List(_) => &[],
        };
        children.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))
    }

    /// How many nodes it has, and how deep it is, itself included.
    fn measure(&self) -> (usize, usize) {
        let children = match &self.shape {
            Shape::Nothing | Shape::Text { .. } => &[],
            Shape::List(children) | Shape::Map(children) => children.as_slice(),
        };
        children.iter().map(Node::measure).fold((1, 1), |(count, depth), (c, d)| (count + c, depth.max(d + 1)))
    }
}

/// One document of a file: its text, and the number of its first line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) text: &'a str,
    pub(crate) first_line: u32,
}

/// The documents of a file, those that hold nothing but comments and directives left out. `---` or `...` at the
/// beginning of a line ends a document wherever it stands (YAML 1.2.2, rule 206), so one that is broken does not take
/// the next along.
pub(crate) fn documents(text: &str) -> Vec<Document<'_>> {
    let mut found = Vec::new();
    let mut open = Document { text: "", first_line: 1 };
    let mut start = 0;
    let mut end = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let marker = |mark| {
            line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        };
        if marker("---") {
            open.text = &text[start..end];
            found.push(open);
            (start, open.first_line) = (end, number);
        }
        end += line.len();
        if marker("...") {
            open.text = &text[start..end];
            found.push(open);
            (start, open.first_line) = (end, number + 1);
        }
    }
    open.text = &text[start..];
    found.push(open);
    found.retain(|document| document.content().is_some());
    found
}

impl<'a> Document<'a> {
    /// The value on the line that begins with this key, for a document that is too broken to be read.
    pub(crate) fn value(&self, key: &str) -> Option<&'a str> {
        let value = self.text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        value.split('#').next().map(|value| value.trim().trim_matches(['"', '\'']))
    }

    /// The line on which it says something, counted in the file; `None` when it never does.
    pub(crate) fn content(&self) -> Option<u32> {
        let says = |line: &str| {
            let line = line.strip_prefix("---").unwrap_or(line).trim();
            !line.is_empty() && line != "..." && !line.starts_with(['#', '%'])
        };
        (self.first_line..).zip(self.text.lines()).find(|(_, line)| says(line)).map(|(number, _)| number)
    }
}

/// As much of a document as could be read, and what is wrong with it. What stands before a fault is there.
pub(crate) fn read(document: Document<'_>) -> (Option<Node<'_>>, Vec<Fault>) {
    match plain::read(document) {
        Some(root) => (Some(root), Vec::new()),
        None => library(document),
    }
}

/// The same, through the library.
fn library(document: Document<'_>) -> (Option<Node<'_>>, Vec<Fault>) {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.flow_nesting_limit = MAX_DEPTH + 1;
    options.block_nesting_limit = MAX_DEPTH + 1;
    let mut tree =
        Tree { document, open: Vec::new(), root: None, anchors: BTreeMap::new(), nodes: 0, faults: Vec::new() };
    for event in Parser::new_from_str_with_options(document.text, options) {
        let done = match event {
            Ok((event, span)) => tree.take(event, span),
            Err(error) => Err(tree.unreadable(&error)),
        };
        if let Err(fault) = done {
            tree.faults.push(fault);
            break;
        }
    }
    while let Some(open) = tree.open.pop() {
        let node = open.close();
        tree.put_back(node);
    }
    (tree.root, tree.faults)
}

/// A document while it is being read.
struct Tree<'a> {
    document: Document<'a>,
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    anchors: BTreeMap<usize, Node<'a>>,
    nodes: usize,
    faults: Vec<Fault>,
}

/// A list or map whose end has not been seen.
struct Open<'a> {
    at: Mark,
    anchor: usize,
    map: bool,
    /// For a map: key, value, key, value …
    children: Vec<Node<'a>>,
}

impl<'a> Open<'a> {
    fn close(mut self) -> Node<'a> {
        let shape = if self.map {
            self.children.truncate(self.children.len() / 2 * 2); // a key whose value was never seen
            Shape::Map(self.children)
        } else {
            Shape::List(self.children)
        };
        Node { at: self.at, shape }
    }
}

impl<'a> Tree<'a> {
    fn mark(&self, line: usize, column: usize) -> Mark {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Mark {
            line: number(line).saturating_add(self.document.first_line - 1),
            column: number(column).saturating_add(1),
        }
    }

    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Fault> {
        let at = self.mark(span.start.line(), span.start.col());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let shape = scalar(text, style, tag.as_deref(), at)?;
                self.put(Node { at, shape }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Open { at, anchor, map: false, children: Vec::new() }, tag.as_deref())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.begin(Open { at, anchor, map: true, children: Vec::new() }, tag.as_deref())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let anchor = open.anchor;
                let node = open.close();
                self.faults.extend(duplicates(&node));
                self.put(node, anchor)
            }
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::UnresolvedAlias(_) => Err(Fault::new(at, "this alias stands for nothing")),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..) => Ok(()),
            _ => Ok(()), // comments, if somebody else switches them on
        }
    }

    fn begin(&mut self, open: Open<'a>, tag: Option<&Tag>) -> Result<(), Fault> {
        if tag.is_some() {
            return Err(tagged(open.at));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(open.at));
        }
        self.open.push(open);
        Ok(())
    }

    /// What an anchor stands for is written out; how much may come of that is what the budgets are for.
    fn alias(&mut self, anchor: usize, at: Mark) -> Result<(), Fault> {
        let node = self
            .anchors
            .get(&anchor)
            .ok_or_else(|| Fault::new(at, "this alias stands inside of what it stands for"))?;
        let (count, depth) = node.measure();
        if self.open.len() + depth > MAX_DEPTH + 1 {
            return Err(too_deep(at));
        }
        self.nodes += count - 1;
        if self.nodes >= MAX_NODES {
            return Err(too_many(at));
        }
        let node = node.clone();
        self.put(node, 0)
    }

    fn put(&mut self, node: Node<'a>, anchor: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(too_many(node.at));
        }
        let is_key = self.open.last().is_some_and(|open| open.map && open.children.len() % 2 == 0);
        if is_key {
            match node.text() {
                Some("<<") => {
                    return Err(Fault::new(node.at, "merge keys (`<<`) are not read").hint("write the fields out"));
                }
                Some(_) => {}
                None => return Err(Fault::new(node.at, "a key must be a text")),
            }
        }
        if anchor != 0 {
            self.nodes += node.measure().0; // it is kept a second time
            self.anchors.insert(anchor, node.clone());
        }
        self.put_back(node);
        Ok(())
    }

    fn put_back(&mut self, node: Node<'a>) {
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.root = Some(node),
        }
    }

    /// The library's sentence, unless there is one that says more.
    fn unreadable(&self, error: &ScanError) -> Fault {
        let at = self.mark(error.marker().line(), error.marker().col());
        let line = self.document.text.lines().nth(error.marker().line().saturating_sub(1)).unwrap_or_default();
        let tabbed = line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            return too_deep(at);
        }
        if tabbed || TABS.contains(error.kind()) {
            return Fault::new(at, "a tab stands where YAML allows only spaces").hint("indent with spaces");
        }
        Fault::new(at, format!("this is not YAML: {}", error.info()))
    }
}

fn scalar<'a>(text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>, at: Mark) -> Result<Shape<'a>, Fault> {
    let forced = match tag {
        None => false,
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix() == "str" => true,
        Some(_) => return Err(tagged(at)),
    };
    Ok(shape(text, forced || style != ScalarStyle::Plain))
}

fn shape(text: Cow<'_, str>, quoted: bool) -> Shape<'_> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" if !quoted => Shape::Nothing,
        _ => Shape::Text { text, quoted },
    }
}

/// One fault for every key that stands in the map a second time.
fn duplicates(node: &Node<'_>) -> Vec<Fault> {
    /// Up to so many keys, comparing each with each takes less than sorting them.
    const FEW: usize = 12;
    let Shape::Map(children) = &node.shape else { return Vec::new() };
    let text = |at: usize| children[at].text();
    let alike = |at: usize| (0..at).step_by(2).any(|before| text(before) == text(at));
    if children.len() <= 2 * FEW && !(0..children.len()).step_by(2).any(alike) {
        return Vec::new();
    }
    let mut keys: Vec<(&str, Mark)> = node.entries().filter_map(|(key, _)| Some((key.text()?, key.at))).collect();
    keys.sort_unstable();
    let twice = keys.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let told = twice.map(|pair| {
        let fault = Fault::new(pair[1].1, format!("`{}` stands here for the second time", brief(pair[1].0)));
        fault.hint(format!("the first is on line {}", pair[0].1.line))
    });
    told.collect()
}

fn tagged(at: Mark) -> Fault {
    Fault::new(at, "YAML tags (`!…`) are not read here").hint("CloudFormation's short forms belong in the template")
}

fn too_deep(at: Mark) -> Fault {
    Fault::new(at, format!("lists and maps stand in each other more than {MAX_DEPTH} deep"))
}

fn too_many(at: Mark) -> Fault {
    Fault::new(at, "the document has more than 200,000 values once its aliases are written out")
}

/// A text from outside, cut and cleaned so that it can stand in a sentence.
pub(crate) fn brief(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut brief: String = text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        brief.push('…');
    }
    brief
}
