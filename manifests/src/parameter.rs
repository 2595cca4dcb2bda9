//! A parameter's value as it is written: a literal, a list, or where to look it up.
//!
//! Read by hand and not as an untagged enum, whose errors would name no field.

use crate::typed::At;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// Where a parameter's value comes from.
#[derive(Debug)]
pub(crate) enum Parameter {
    Literal(String),
    List(Vec<At<String>>),
    Reference(Reference),
}

/// A value that is looked up: exactly one of the three.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minProperties" = 1, "maxProperties" = 1)))]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    /// The account's label of this name.
    pub(crate) label: Option<At<String>>,
    /// An output of another manifest's stack in the same account.
    pub(crate) output: Option<Output>,
    /// The account's SSM parameter of this name, of type `String` or `StringList`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9_./-]+$")))]
    pub(crate) ssm: Option<At<String>>,
}

/// An output of another manifest's stack.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    /// The other manifest's name.
    pub(crate) stack: At<String>,
    /// The output's key.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9]{1,255}$")))]
    pub(crate) key: At<String>,
    /// The region to read it in; the stack's own unless said.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]+(-[a-z]+)+-[0-9]+$")))]
    pub(crate) region: Option<At<String>>,
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = Parameter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a list of texts, `{label: …}`, `{output: …}` or `{ssm: …}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Parameter, E> {
                Ok(Parameter::Literal(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parameter, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Parameter::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Parameter, A::Error> {
                Reference::deserialize(MapAccessDeserializer::new(map)).map(Parameter::Reference)
            }
        }

        deserializer.deserialize_any(Forms)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Parameter {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Parameter".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Where a parameter's value comes from.",
            "anyOf": [
                { "type": ["string", "number", "boolean"], "description": "The value itself, as it is written; at most 4,096 bytes." },
                { "type": "array", "items": { "type": ["string", "number", "boolean"] }, "description": "Several values, joined with commas." },
                generator.subschema_for::<Reference>(),
            ],
        })
    }
}
