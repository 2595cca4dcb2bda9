//! The change to a repository's text by which it says what is in the account: in a template, in a manifest, and as a diff.
//!
//! A place is found by its bytes, and only what stands there is written anew: comments, order, quotes and the ends of lines
//! of everything else stay as they are. What was made is read once more and compared with what it was made from, node by
//! node; where anything else has changed, or the place does not read as it should, there is no change but a reason.
//!
//! What is deliberately not here:
//! * no file, no git, no account: texts come in, texts go out;
//! * no guessing: what an intrinsic comes to is known to CloudFormation alone, so whatever is more than a literal is left to
//!   people, with a sentence that says what stands there. The one exception is `!Ref` of a parameter that nothing else
//!   uses: then it is the parameter that has another value;
//! * no order of lists: what is added goes to their end.

use std::cmp::Reverse;
use tree::{Document, Node};
use verify::{Change, agrees, same};
use walk::{Step, inside, named, walk};
use write::{Value, is_json};

mod diff;
mod edit;
mod manifest;
mod refer;
mod tree;
mod verify;
mod walk;
mod write;

#[cfg(test)]
mod tests;

pub use diff::diff;
pub use manifest::{manifest, manifest_of};

/// A difference that git should agree with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// The resource, by its name in the template.
    pub logical: &'a str,
    /// A JSON pointer into its properties, as CloudFormation's drift detection writes it: `/Tags/0/Value`.
    pub path: &'a str,
    /// The value that was asked for, printed likewise.
    pub expected: &'a str,
    /// The value there, as CloudFormation prints it: a text as it is, a list or map as JSON. `None`: it is gone.
    pub actual: Option<&'a str>,
    /// The template does not have it yet.
    pub add: bool,
}

/// What a repository has to say instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patched {
    /// The template.
    pub template: String,
    /// Parameters that need another value in the manifest, and which.
    pub parameters: Vec<(String, String)>,
}

/// A difference that can't be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpatched {
    /// The resource.
    pub logical: String,
    /// The place in its properties.
    pub path: String,
    /// What stands there, and what to do by hand.
    pub why: String,
}

/// The template that says what is wished, all of it.
///
/// # Errors
/// Every wish that can't be written; then nothing is.
pub fn template(text: &str, wishes: &[Wish<'_>]) -> Result<Patched, Vec<Unpatched>> {
    if wishes.is_empty() {
        return Ok(Patched { template: text.to_owned(), parameters: Vec::new() });
    }
    let mut document = Document::read(text.to_owned()).map_err(|why| all(wishes, &format!("the template: {why}")))?;
    if document.roots.len() != 1 {
        return Err(all(wishes, "the template has to be one YAML document"));
    }
    let places: Vec<Place> = wishes.iter().map(Place::of).collect();
    let mut reasons: Vec<Option<String>> = places.iter().map(|place| conflict(place, &places)).collect();
    let (parameters, mut edits) = parameters(&document.roots[0], &places, &mut reasons);
    edits.sort_by_cached_key(|at| turn(&places[*at]));
    for at in edits {
        match patched(&document, &places[at]) {
            Ok(next) => document = next,
            Err(why) => reasons[at] = Some(why),
        }
    }
    let refused = |(wish, why): (&Wish<'_>, Option<String>)| why.map(|why| unpatched(wish, &why));
    let refused: Vec<Unpatched> = wishes.iter().zip(reasons).filter_map(refused).collect();
    if refused.is_empty() { Ok(Patched { template: document.text, parameters }) } else { Err(refused) }
}

fn all(wishes: &[Wish<'_>], why: &str) -> Vec<Unpatched> {
    wishes.iter().map(|wish| unpatched(wish, why)).collect()
}

fn unpatched(wish: &Wish<'_>, why: &str) -> Unpatched {
    Unpatched { logical: wish.logical.to_owned(), path: wish.path.to_owned(), why: why.to_owned() }
}

/// A wish, and the way to it.
struct Place {
    /// From the root of the template; only its beginning if the path is none.
    parts: Vec<String>,
    /// Whether a list was asked for, in whatever way the template says it.
    listed: bool,
    actual: Option<String>,
    add: bool,
}

/// How many steps lead to a resource's properties.
const PROPERTIES: usize = 3;

impl Place {
    fn of(wish: &Wish<'_>) -> Self {
        let mut parts = vec!["Resources".to_owned(), wish.logical.to_owned(), "Properties".to_owned()];
        if let Some(path) = wish.path.strip_prefix('/') {
            parts.extend(path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")));
        }
        Self { parts, listed: is_json(wish.expected), actual: wish.actual.map(ToOwned::to_owned), add: wish.add }
    }

    fn parts(&self) -> Vec<&str> {
        self.parts.iter().map(String::as_str).collect()
    }

    fn is(&self, other: &Self) -> bool {
        (&self.parts, &self.actual, self.add) == (&other.parts, &other.actual, other.add)
    }

    /// Whether a list or map may come where a text was: one was asked for, or it is inside of a document that CloudFormation
    /// hands on as it is, where a text and a list are often the same (IAM User Guide, "IAM JSON policy elements reference").
    fn is_open(&self) -> bool {
        let around = self.parts.get(PROPERTIES..self.parts.len().saturating_sub(1)).unwrap_or_default();
        let handed =
            |part: &String| ["Document", "Policy", "Pattern", "Definition"].iter().any(|end| part.ends_with(end));
        self.listed || around.iter().any(handed)
    }

    /// Whether it adds an item to a list. That goes to the list's end whatever its number, which counts the items in the
    /// account; all other wishes count those in the template.
    fn adds_item(&self) -> bool {
        self.add && self.parts.last().is_some_and(|part| walk::index(part).is_some())
    }
}

/// Why a wish can't be granted beside the others.
fn conflict(place: &Place, places: &[Place]) -> Option<String> {
    if place.parts.len() <= PROPERTIES {
        return Some("its path is no place in a resource's properties (`/Tags/0/Value`)".to_owned());
    }
    let apart = |other: &Place| other.add != place.add && (other.adds_item() || place.adds_item());
    if places.iter().any(|other| other.parts == place.parts && !other.is(place) && !apart(other)) {
        return Some("two different values are wished for it: take one".to_owned());
    }
    let is_around = |other: &Place| other.parts.len() < place.parts.len() && place.parts.starts_with(&other.parts);
    let around = |other: &&Place| is_around(other) && (place.add || !other.adds_item());
    let outer = places.iter().find(around)?;
    Some(format!("{} is to change as a whole too: take one of the two", named(&outer.parts())))
}

/// Parameters that get another value, and which wishes are for the text of the template.
fn parameters(root: &Node, places: &[Place], reasons: &mut [Option<String>]) -> (Vec<(String, String)>, Vec<usize>) {
    let (mut values, mut edits): (Vec<(String, String, usize)>, _) = (Vec::new(), Vec::new());
    for (at, place) in places.iter().enumerate().filter(|(at, _)| reasons[*at].is_none()).collect::<Vec<_>>() {
        if places[..at].iter().any(|other| other.is(place)) {
            continue; // the same wish once more
        }
        match parameter(root, place) {
            Some(Ok((name, value))) => values.push((name, value, at)),
            Some(Err(why)) => reasons[at] = Some(why),
            None => edits.push(at),
        }
    }
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value, at) in &values {
        let ours: Vec<&(String, String, usize)> = values.iter().filter(|(other, ..)| other == name).collect();
        let sites: Vec<String> = ours.iter().map(|(_, _, at)| named(&places[*at].parts())).collect();
        let mut others = refer::uses(root, name);
        others.retain(|used| !sites.contains(used));
        if ours.iter().any(|(_, other, _)| other != value) {
            reasons[*at] = Some(format!("the parameter `{name}` would need two values, for {}", sites.join(" and ")));
        } else if !others.is_empty() {
            let others = others.join(", ");
            reasons[*at] =
                Some(format!("it refers to the parameter `{name}`, which is also used at {others}: change it by hand"));
        } else if !found.iter().any(|(other, _)| other == name) {
            found.push((name.clone(), value.clone()));
        }
    }
    (found, edits)
}

/// The parameter that says what stands at a place, and what it has to be.
fn parameter(root: &Node, place: &Place) -> Option<Result<(String, String), String>> {
    let way = walk(root, &place.parts()).ok()?;
    let step = way.last()?;
    if place.add && step.key.is_none() {
        return None; // an item of the template, which has nothing to do with the one of this number in the account
    }
    let (name, declared) = match refer::parameter(root, step.node)? {
        Ok(found) => found,
        Err(why) => return Some(Err(why)),
    };
    let here = format!("a reference to the parameter `{name}` stands there");
    match &place.actual {
        Some(_) if place.add => Some(Err(format!("{here} already: change it by hand"))),
        Some(actual) => Some(refer::value(name, declared, actual).map(|value| (name.to_owned(), value))),
        None => Some(Err(format!("{here}: take it out by hand"))),
    }
}

/// What decides whose turn it is.
type Turn = (u8, Vec<String>, Option<usize>, Reverse<Vec<(Option<usize>, String)>>);

/// Values first, then what is new, then what goes, the last of a list first: so no item's number changes before its turn.
fn turn(place: &Place) -> Turn {
    let number = |part: &String| (walk::index(part), part.clone());
    match (&place.actual, place.add, place.parts.split_last()) {
        (Some(_), true, Some((last, parent))) => (1, parent.to_vec(), walk::index(last), Reverse(Vec::new())),
        (Some(_), _, _) => (0, Vec::new(), None, Reverse(Vec::new())),
        (None, _, _) => (2, Vec::new(), None, Reverse(place.parts.iter().map(number).collect())),
    }
}

/// The document with one wish granted, read again and compared.
fn patched(document: &Document, place: &Place) -> Result<Document, String> {
    let (root, parts) = (&document.roots[0], place.parts());
    let (text, added);
    let change = match (&place.actual, place.add) {
        (None, true) => return Err("there is nothing to add".to_owned()),
        (Some(actual), true) => {
            added = Value::read(actual, None, false)?;
            text = edit::add(document, &parent(root, &parts)?, parts[parts.len() - 1], &added)?;
            Change::Add(&added)
        }
        (Some(actual), false) => {
            let way = literal(root, &parts)?;
            added = Value::read(actual, way.last().map(|step| step.node), place.is_open())?;
            text = edit::set(document, &way, &added)?;
            Change::Set(&added)
        }
        (None, false) => {
            text = edit::remove(document, &literal(root, &parts)?)?;
            Change::Remove
        }
    };
    compared(document, root, text, &parts, change)
}

/// The changed text as a document, if it is the old one with just this change below this root.
fn compared(
    document: &Document,
    root: &Node,
    text: String,
    parts: &[&str],
    change: Change<'_>,
) -> Result<Document, String> {
    let odd = || "the way it is written can't be changed safely: change it by hand".to_owned();
    let changed = Document::read(text).map_err(|_| odd())?;
    let alike = (changed.json, changed.roots.len()) == (document.json, document.roots.len());
    let right = |(old, new): (&Node, &Node)| {
        if std::ptr::eq(old, root) { agrees(old, new, parts, change) } else { same(old, new) }
    };
    if alike && document.roots.iter().zip(&changed.roots).all(right) { Ok(changed) } else { Err(odd()) }
}

/// The way to a place where a plain literal stands.
fn literal<'n>(root: &'n Node, parts: &[&str]) -> Result<Vec<Step<'n>>, String> {
    let way = walk(root, parts)?;
    match way.last().and_then(|step| inside(step.node)) {
        None => Ok(way),
        Some((below, what)) if below.is_empty() => Err(format!("{what} stands there: change it by hand")),
        Some((below, what)) => Err(format!("{what} stands in it, at `{}`: change it by hand", below.join("/"))),
    }
}

/// The way to the list or map that gets something new.
fn parent<'n>(root: &'n Node, parts: &[&str]) -> Result<Vec<Step<'n>>, String> {
    let (last, above) = parts.split_last().ok_or("it is the whole document")?;
    let way = walk(root, above)?;
    let Some(node) = way.last().map(|step| step.node) else { return Err("it is the whole document".to_owned()) };
    if let Some(what) = walk::special(node) {
        return Err(format!("{what} stands at {}: change it by hand", named(above)));
    }
    match &node.shape {
        tree::Shape::Map { .. } if node.get(last).is_some() => {
            Err(format!("{} is in the template already: change it by hand", named(parts)))
        }
        tree::Shape::List { .. } if *last != "-" && walk::index(last).is_none() => {
            Err(format!("a list stands at {}, and `{last}` is no place in it", named(above)))
        }
        tree::Shape::Map { .. } | tree::Shape::List { .. } => Ok(way),
        tree::Shape::Nothing | tree::Shape::Text { .. } | tree::Shape::Alias(_) => {
            Err(format!("neither a list nor a map stands at {}: write it by hand", named(above)))
        }
    }
}
