//! A message and its attributes, as SNS and SQS both carry them, with the digests that clients check.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeMap, fmt::Write as _};

/// Attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// One message attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attribute {
    /// `String`, `Number`, `Binary` or `String.Array`, with an optional label after a dot.
    pub data_type: String,
    /// The value, unless it is binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value in base64, if it is binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

impl Attribute {
    /// The value's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.string_value, &self.binary_value) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    /// Whether the attribute has a type and a value that fit each other.
    pub fn is_valid(&self) -> bool {
        match self.data_type.split('.').next() {
            Some("String" | "Number") => self.string_value.as_ref().is_some_and(|v| !v.is_empty()),
            Some("Binary") => self.binary_value.as_ref().is_some_and(|v| STANDARD.decode(v).is_ok()),
            Some(_) | None => false,
        }
    }

    /// As the SNS envelope spells it.
    pub fn envelope(&self) -> serde_json::Value {
        json!({ "Type": self.data_type, "Value": self.string_value.as_ref().or(self.binary_value.as_ref()) })
    }
}

/// The size that the quotas of SNS and SQS count: body, and name, type and value of every attribute.
pub fn size(body: &str, attributes: &Attributes) -> usize {
    let attribute = |(name, a): (&String, &Attribute)| name.len() + a.data_type.len() + a.bytes().len();
    body.len() + attributes.iter().map(attribute).sum::<usize>()
}

/// An MD5 digest in lower-case hex.
pub fn md5_hex(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().fold(String::with_capacity(32), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}

/// The digest over attributes that SQS answers: name, type, kind and value of each, in the order of their names, each
/// with its length before it ("Calculating the MD5 message digest for message attributes", SQS Developer Guide).
pub fn md5_of_attributes(attributes: &Attributes) -> Option<String> {
    let mut all = Vec::new();
    let mut sized = |bytes: &[u8], kind: Option<u8>| {
        all.extend(kind);
        all.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        all.extend(bytes);
    };
    for (name, attribute) in attributes {
        sized(name.as_bytes(), None);
        sized(attribute.data_type.as_bytes(), None);
        let kind = if attribute.binary_value.is_some() { 2 } else { 1 };
        sized(&attribute.bytes(), Some(kind));
    }
    (!attributes.is_empty()).then(|| md5_hex(&all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Attribute {
        Attribute { data_type: "String".to_owned(), string_value: Some(value.to_owned()), binary_value: None }
    }

    #[test]
    fn the_digest_of_nothing_is_the_well_known_one() {
        assert_eq!(md5_hex(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(md5_of_attributes(&Attributes::new()), None);
    }

    #[test]
    fn the_digest_of_attributes_tells_their_kinds_apart() {
        let binary =
            Attribute { data_type: "String".to_owned(), string_value: None, binary_value: Some("YQ==".to_owned()) };
        let (a, b) = (Attributes::from([("n".to_owned(), text("a"))]), Attributes::from([("n".to_owned(), binary)]));
        assert_ne!(md5_of_attributes(&a), md5_of_attributes(&b));
    }

    #[test]
    fn the_size_counts_names_types_and_values() {
        let attributes = Attributes::from([("ring".to_owned(), text("one"))]);
        assert_eq!(size("body", &attributes), "body".len() + "ring".len() + "String".len() + "one".len());
    }
}
