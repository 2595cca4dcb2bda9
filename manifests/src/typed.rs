//! Types out of a YAML tree: a serde deserializer whose every error is a place and a sentence that a person can act on.
//!
//! A field that nobody knows does not stop the reading: it is noted, and the rest is read on, so that one look shows
//! them all. A value of the wrong shape does stop it.
//!
//! Not here: whether the texts are right. `validate` checks those.

use crate::yaml::{Fault, Mark, Node, Shape, brief};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};
use std::{cell::RefCell, fmt, marker::PhantomData};

/// A value with the place where it stands. Only this module's deserializer can make one.
#[derive(Debug, Clone)]
pub struct At<T> {
    /// Where.
    pub at: Mark,
    /// Whether a text stood in quotes.
    pub quoted: bool,
    /// What.
    pub value: T,
}

/// Where a thing is written does not make it another thing.
impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for At<T> {}

impl<T: PartialOrd> PartialOrd for At<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for At<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

/// Reads a type out of a tree. What could not be read is added to `faults`; `None` when nothing came of it.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(root: &Node<'_>, faults: &mut Vec<Fault>) -> Option<T> {
    let noted = RefCell::new(Vec::new());
    let read = T::deserialize(Reader { node: root, noted: &noted });
    faults.extend(noted.into_inner());
    read.map_err(|fault| faults.push(fault.at(root.at))).ok()
}

/// The one of `known` that somebody most likely meant, or else all of them.
pub fn nearest(word: &str, known: &[&str]) -> String {
    let similar =
        |candidate: &&&str| strsim::damerau_levenshtein(&brief(word).to_lowercase(), &candidate.to_lowercase());
    let best = known.iter().min_by_key(similar).filter(|best| similar(best) <= best.len().div_ceil(3));
    match best {
        Some(best) => format!("did you mean `{best}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// Reads one node.
#[derive(Clone, Copy)]
struct Reader<'r> {
    node: &'r Node<'r>,
    noted: &'r RefCell<Vec<Fault>>,
}

impl<'r> Reader<'r> {
    fn unlike(self, expected: &str) -> Fault {
        let (found, hint) = match &self.node.shape {
            Shape::Nothing => ("nothing", Some("leave it out, or give it a value (an empty text is `\"\"`)")),
            Shape::Text { quoted: false, .. } if expected == "a list" => ("a text", Some("put it in brackets: `[…]`")),
            Shape::Text { .. } => ("a text", None),
            Shape::List(_) => ("a list", None),
            Shape::Map(_) => ("a map", None),
        };
        let fault = Fault::new(self.node.at, format!("expected {expected}, found {found}"));
        hint.into_iter().fold(fault, Fault::hint)
    }

    fn text(self) -> Result<&'r str, Fault> {
        self.node.text().ok_or_else(|| self.unlike("a text"))
    }

    /// An unquoted word that parses.
    fn word<T: std::str::FromStr>(self, expected: &str) -> Result<T, Fault> {
        let word = match &self.node.shape {
            Shape::Text { text, quoted: false } => text.parse().ok(),
            Shape::Text { .. } | Shape::Nothing | Shape::List(_) | Shape::Map(_) => None,
        };
        word.ok_or_else(|| match self.node.text() {
            Some(text) => Fault::new(self.node.at, format!("expected {expected}, found `{}`", brief(text))),
            None => self.unlike(expected),
        })
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Shape::List(items) = &self.node.shape else { return Err(self.unlike("a list")) };
        visitor.visit_seq(Items { items: items.iter(), noted: self.noted }).map_err(|fault| fault.at(self.node.at))
    }

    fn map<'de, V: Visitor<'de>>(self, fields: Option<&'static [&'static str]>, visitor: V) -> Result<V::Value, Fault> {
        let Shape::Map(children) = &self.node.shape else { return Err(self.unlike("a map")) };
        let entries = Entries { entries: children.chunks_exact(2), value: None, fields, noted: self.noted };
        visitor.visit_map(entries).map_err(|fault| fault.at(self.node.at))
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.shape {
            Shape::Nothing => Err(self.unlike("a value")),
            Shape::Text { text, .. } => visitor.visit_str(text).map_err(|fault: Fault| fault.at(self.node.at)),
            Shape::List(_) => self.list(visitor),
            Shape::Map(_) => self.map(None, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bool(self.word("`true` or `false`")?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u32(self.word("a whole number")?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text()?)
    }

    /// A field that is there has a value: `accounts:` with every line below it commented out must not mean "all".
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.map(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.map(Some(fields), visitor)
    }

    /// The one tuple that there is: an [`At`].
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_seq(Placed { reader: self, told: 0 })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let word: StrDeserializer<'_, Fault> = self.text()?.into_deserializer();
        visitor.visit_enum(word).map_err(|fault| fault.at(self.node.at))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u64 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple identifier
    }
}

/// A list's items, one after the other.
struct Items<'r> {
    items: std::slice::Iter<'r, Node<'r>>,
    noted: &'r RefCell<Vec<Fault>>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.items.next().map(|node| seed.deserialize(Reader { node, noted: self.noted })).transpose()
    }
}

/// A map's entries, one after the other; those that a struct does not know are noted and passed over.
struct Entries<'r> {
    entries: std::slice::ChunksExact<'r, Node<'r>>,
    value: Option<&'r [Node<'r>]>,
    fields: Option<&'static [&'static str]>,
    noted: &'r RefCell<Vec<Fault>>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        for entry in self.entries.by_ref() {
            let key = entry[0].text().unwrap_or_default();
            if let Some(fields) = self.fields
                && !fields.contains(&key)
            {
                let fault =
                    Fault::new(entry[0].at, format!("unknown field `{}`", brief(key))).hint(nearest(key, fields));
                self.noted.borrow_mut().push(fault);
                continue;
            }
            self.value = Some(entry);
            return seed.deserialize(Reader { node: &entry[0], noted: self.noted }).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some([key, node]) = self.value.take() else { return Err(de::Error::custom("a value before its key")) };
        let name = key.text().unwrap_or_default();
        seed.deserialize(Reader { node, noted: self.noted }).map_err(|fault| fault.at(node.at).in_field(name))
    }
}

/// An [`At`] as the tuple that it is read from: line, column, quoted, value.
struct Placed<'r> {
    reader: Reader<'r>,
    told: u8,
}

impl<'de> SeqAccess<'de> for Placed<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Node { at, shape } = self.reader.node;
        self.told += 1;
        match self.told {
            1 => seed.deserialize(at.line.into_deserializer()),
            2 => seed.deserialize(at.column.into_deserializer()),
            3 => seed.deserialize(matches!(shape, Shape::Text { quoted: true, .. }).into_deserializer()),
            _ => seed.deserialize(self.reader),
        }
        .map(Some)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Place<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Place<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<At<T>, A::Error> {
                let short = || de::Error::invalid_length(0, &"a value with its place");
                let line = parts.next_element()?.ok_or_else(short)?;
                let column = parts.next_element()?.ok_or_else(short)?;
                let quoted = parts.next_element()?.ok_or_else(short)?;
                let value = parts.next_element()?.ok_or_else(short)?;
                Ok(At { at: Mark { line, column }, quoted, value })
            }
        }

        deserializer.deserialize_tuple_struct("At", 4, Place(PhantomData))
    }
}

impl Fault {
    /// Gives it a place, if it has none yet.
    fn at(self, at: Mark) -> Self {
        if self.at == Mark::default() { Self { at, ..self } } else { self }
    }

    /// Names the innermost field that it is about.
    fn in_field(self, name: &str) -> Self {
        let named = self.message.starts_with('`');
        if named { self } else { Self { message: format!("`{}`: {}", brief(name), self.message), ..self } }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Mark::default(), message.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("expected {expected}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("unknown word `{}`", brief(variant))).hint(nearest(variant, expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("unknown field `{}`", brief(field))).hint(nearest(field, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("the field `{field}` is missing"))
    }
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}
