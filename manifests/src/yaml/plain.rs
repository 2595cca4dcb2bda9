//! The YAML that manifests are nearly always written in, read in a tenth of the time: maps and lists by indentation, in
//! braces or in brackets, of texts that stand on one line.
//!
//! Not here: everything else. Anchors, tags, escapes, texts of several lines, tabs, empty values, mistakes of any kind:
//! at the first sign of what is not certain the answer is `None`, and the document is left to the library. Where there
//! is an answer it is the library's own, node for node and place for place; a property test holds the two together.

use super::{Document, MAX_DEPTH, MAX_NODES, Mark, Node, Shape, duplicates, shape};
use std::borrow::Cow;

/// The longest key that is read here; YAML itself has a limit.
pub(super) const MAX_KEY: usize = 128;

/// The whole document, or `None` for "ask the library".
pub(super) fn read(document: Document<'_>) -> Option<Node<'_>> {
    let text = document.text.strip_prefix("---\n").unwrap_or(document.text);
    let skipped = u32::from(text.len() < document.text.len());
    let mut reader = Reader { rest: text, line: document.first_line + skipped, here: Line::default(), nodes: 0 };
    reader.advance()?;
    let root = reader.block(0, 0)?;
    (reader.here.is_end && reader.nodes <= MAX_NODES).then_some(root)
}

/// A line that says something.
#[derive(Debug, Clone, Copy, Default)]
struct Line<'a> {
    /// The whole line, without its end.
    text: &'a str,
    number: u32,
    /// How many bytes, all of them spaces, stand before the first other.
    indent: usize,
    /// There is no such line: the document is over.
    is_end: bool,
}

struct Reader<'a> {
    /// What follows the line.
    rest: &'a str,
    /// The number of the line that follows.
    line: u32,
    /// The first line that is not read yet.
    here: Line<'a>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    /// Goes to the next line that says something.
    fn advance(&mut self) -> Option<()> {
        while !self.rest.is_empty() {
            let (text, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
            let number = self.line;
            (self.rest, self.line) = (rest, number + 1);
            if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !text.chars().all(is_ordinary) {
                return None;
            }
            let indent = text.len() - text.trim_start_matches(' ').len();
            if !matches!(text.as_bytes().get(indent), None | Some(b'#')) {
                self.here = Line { text, number, indent, is_end: false };
                return Some(());
            }
        }
        self.here = Line { is_end: true, ..Line::default() };
        Some(())
    }

    /// Whether the line begins at this column with a list's item.
    fn is_item(&self, column: usize) -> bool {
        !self.here.is_end && self.here.indent == column && self.here.text[column..].starts_with("- ")
    }

    /// The list or map whose lines begin at this column.
    fn block(&mut self, column: usize, depth: usize) -> Option<Node<'a>> {
        if self.here.is_end || self.here.indent != column {
            return None;
        }
        if self.is_item(column) { self.list(column, depth) } else { self.map(column, depth) }
    }

    /// What the lines after a key hold that begins at this column: deeper ones, or a list's items right below it.
    fn below(&mut self, column: usize, depth: usize) -> Option<Node<'a>> {
        if self.here.indent > column {
            return self.block(self.here.indent, depth);
        }
        let is_list = self.is_item(column);
        let mut list = is_list.then(|| self.list(column, depth))??;
        // To the library such a list begins where its first item does.
        if let Shape::List(items) = &list.shape {
            list.at = items.first()?.at;
        }
        Some(list)
    }

    fn list(&mut self, column: usize, depth: usize) -> Option<Node<'a>> {
        let (at, inside) = (self.here.mark(column), deeper(depth)?);
        let mut items = Vec::new();
        while self.is_item(column) {
            let line = self.here;
            let start = column + 1 + spaces(&line.text[column + 1..]);
            if self.key(line, start).is_some() {
                // The item is a map, and its first key stands behind the dash.
                self.here.indent = start;
                items.push(self.map(start, inside)?);
            } else {
                items.push(self.line(line, start, inside)?);
                self.advance()?;
            }
        }
        self.close(column, Node { at, shape: Shape::List(items) })
    }

    fn map(&mut self, column: usize, depth: usize) -> Option<Node<'a>> {
        let (at, inside) = (self.here.mark(column), deeper(depth)?);
        let mut children = Vec::with_capacity(8);
        while !self.here.is_end && self.here.indent == column && !self.is_item(column) {
            let line = self.here;
            let (key, after) = self.key(line, column)?;
            children.push(key);
            let start = after + spaces(&line.text[after..]);
            if is_over(&line.text[after..]) {
                self.advance()?;
                children.push(self.below(column, inside)?);
            } else {
                children.push(self.line(line, start, inside)?);
                self.advance()?;
            }
        }
        self.close(column, Node { at, shape: Shape::Map(children) })
    }

    /// A list or map that is over, unless what follows goes on with its last text, or two of its keys are alike.
    fn close(&mut self, column: usize, node: Node<'a>) -> Option<Node<'a>> {
        let goes_on = !self.here.is_end && self.here.indent > column;
        (!goes_on && duplicates(&node).is_empty()).then(|| self.count(node))
    }

    fn count(&mut self, node: Node<'a>) -> Node<'a> {
        self.nodes += 1;
        node
    }

    /// A key that begins here, and where its colon ends.
    fn key(&mut self, line: Line<'a>, start: usize) -> Option<(Node<'a>, usize)> {
        let text = &line.text[start..];
        let (shape, length) = match text.as_bytes().first()? {
            b'"' | b'\'' => quoted(text)?,
            _ => {
                let length = text.bytes().take_while(|byte| is_word(*byte)).count();
                (shape(Cow::Borrowed(&text[..length]), false), length)
            }
        };
        let is_key = text[length..].starts_with(": ") || text[length..] == *":";
        let fits = (1..=MAX_KEY).contains(&length) && !text.starts_with(['.', '-']);
        let says = matches!(&shape, Shape::Text { text, .. } if text != "<<");
        (is_key && fits && says).then(|| (self.count(Node { at: line.mark(start), shape }), start + length + 1))
    }

    /// The value that begins here and is all that is left of the line.
    fn line(&mut self, line: Line<'a>, start: usize, depth: usize) -> Option<Node<'a>> {
        let text = &line.text[start..];
        let (node, end) = match text.as_bytes().first()? {
            b'"' | b'\'' | b'{' | b'[' => self.value(line, start, depth)?,
            first if is_word(*first) && *first != b'-' => {
                let length = text.find(" #").unwrap_or(text.len());
                let text = text[..length].trim_end_matches(' ');
                let is_text = !text.contains(": ") && !text.ends_with(':');
                let node = Node { at: line.mark(start), shape: shape(Cow::Borrowed(text), false) };
                (is_text.then(|| self.count(node))?, start + length)
            }
            _ => return None,
        };
        is_over(&line.text[end..]).then_some(node)
    }

    /// A value inside of brackets, or one that shows its own end; and where that is.
    fn value(&mut self, line: Line<'a>, start: usize, depth: usize) -> Option<(Node<'a>, usize)> {
        let text = &line.text[start..];
        let (shape, length) = match text.as_bytes().first()? {
            b'{' | b'[' => return self.flow(line, start, depth),
            b'"' | b'\'' => quoted(text)?,
            first if is_word(*first) && *first != b'-' => {
                let length = text.find([',', ']', '}'])?;
                let text = text[..length].trim_end_matches(' ');
                let fits = text.bytes().enumerate().all(|(place, byte)| match byte {
                    b' ' => true,
                    b':' => text.as_bytes().get(place + 1).is_some_and(|next| is_word(*next) || *next == b':'),
                    _ => is_word(byte),
                });
                (fits.then(|| shape(Cow::Borrowed(text), false))?, text.len())
            }
            _ => return None,
        };
        Some((self.count(Node { at: line.mark(start), shape }), start + length))
    }

    /// A list in brackets, or a map in braces.
    fn flow(&mut self, line: Line<'a>, start: usize, depth: usize) -> Option<(Node<'a>, usize)> {
        let inside = deeper(depth)?;
        let is_map = line.text[start..].starts_with('{');
        let close = if is_map { b'}' } else { b']' };
        let skip = |place: usize| place + spaces(&line.text[place..]);
        let mut children = Vec::new();
        let mut place = skip(start + 1);
        if line.text.as_bytes().get(place) != Some(&close) {
            loop {
                if is_map {
                    let (key, after) = self.key(line, place)?;
                    children.push(key);
                    place = skip(after);
                }
                let (value, after) = self.value(line, place, inside)?;
                children.push(value);
                place = skip(after);
                match line.text.as_bytes().get(place)? {
                    b',' => place = skip(place + 1),
                    end if *end == close => break,
                    _ => return None,
                }
            }
        }
        let shape = if is_map { Shape::Map(children) } else { Shape::List(children) };
        let node = Node { at: line.mark(start), shape };
        duplicates(&node).is_empty().then(|| (self.count(node), place + 1))
    }
}

impl Line<'_> {
    /// The place of this byte. Columns are counted in characters.
    fn mark(self, byte: usize) -> Mark {
        let before = &self.text[..byte];
        let characters = if before.is_ascii() { byte } else { before.chars().count() };
        Mark { line: self.number, column: u32::try_from(characters).unwrap_or(u32::MAX).saturating_add(1) }
    }
}

/// One level further down, as long as there is one.
fn deeper(depth: usize) -> Option<usize> {
    (depth < MAX_DEPTH).then_some(depth + 1)
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// Whether nothing is left but spaces and a comment that is set off by one.
fn is_over(text: &str) -> bool {
    let rest = text.trim_start_matches(' ');
    rest.is_empty() || rest.starts_with('#') && rest.len() < text.len()
}

/// A text in quotes without any escape, and its length with them.
fn quoted(text: &str) -> Option<(Shape<'_>, usize)> {
    let quote = char::from(*text.as_bytes().first()?);
    let inner = &text[1..];
    let length = inner.find([quote, '\\'])?;
    let ends = inner[length..].starts_with(quote) && !inner[length + 1..].starts_with(quote);
    ends.then(|| (shape(Cow::Borrowed(&inner[..length]), true), length + 2))
}

/// Letters that have no meaning of their own to YAML, wherever they stand inside of a text.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-' | b'+' | b'$' | b'(' | b')')
}

/// Whether a character is neither a line's end to anybody nor one that does not print.
fn is_ordinary(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}')
}
