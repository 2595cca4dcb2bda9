//! The parameters of a query request: a flat list of `Name=value`, in which lists are spelled `Name.member.1.Key`.

use crate::{fault::Refusal, services::refused};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::{collections::BTreeMap, str::FromStr};

/// What S3 leaves as it is when it is asked to encode keys.
const SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A key as S3 spells it with `encoding-type=url`.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, SAFE).to_string()
}

/// Parameters by name. A list's entry is reached by its prefix, as another `Params`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads `application/x-www-form-urlencoded`. What is not UTF-8 is replaced: no AWS name or value is.
    pub fn parse(text: &str) -> Self {
        let decode = |t: &str| percent_decode_str(&t.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    /// Everything that is said.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What is said for `name`, if it is said.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An owned [`Self::get`].
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// What must be said.
    ///
    /// # Errors
    /// `ValidationError` in the words of AWS.
    pub fn required(&self, name: &str) -> Result<String, Refusal> {
        self.text(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let field = format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..]);
            Refusal::new("ValidationError", 400, format!(
                "1 validation error detected: Value null at '{field}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// A number or a boolean, if it is said.
    ///
    /// # Errors
    /// `MalformedInput` when it is neither.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let parse = |text: &str| {
            text.parse().map_err(|_| refused("MalformedInput", format!("{text:?} is not a value of {name}")))
        };
        self.get(name).map(parse).transpose()
    }

    /// Whether `name` or something below it is said at all. A client says an empty list as `Name=`.
    pub fn has(&self, name: &str) -> bool {
        let below = format!("{name}.");
        self.0.contains_key(name)
            || self.0.range(below.clone()..).next().is_some_and(|(key, _)| key.starts_with(&below))
    }

    /// Everything below `prefix.`, with the prefix taken off.
    pub fn below(&self, prefix: &str) -> Self {
        let prefix = format!("{prefix}.");
        let below = self.0.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        Self(below.map(|(key, value)| (key[prefix.len()..].to_owned(), value.clone())).collect())
    }

    /// The entries of a list of structures (`Name.member.N.Key`, or `Name.entry.N.Key` with another `word`), in order.
    pub fn entries(&self, name: &str, word: &str) -> Vec<Self> {
        let list = self.below(&format!("{name}.{word}"));
        let mut numbers: Vec<u32> = list.0.keys().filter_map(|key| key.split('.').next()?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.iter().map(|n| list.below(&n.to_string())).collect()
    }

    /// The members of a list of structures.
    pub fn members(&self, name: &str) -> Vec<Self> {
        self.entries(name, "member")
    }

    /// The members of a list of plain texts, in order.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let list = self.below(&format!("{name}.member"));
        let mut numbered: Vec<(u32, &String)> =
            list.0.iter().filter_map(|(key, value)| Some((key.parse().ok()?, value))).collect();
        numbered.sort_unstable();
        numbered.into_iter().map(|(_, value)| value.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_in_the_order_of_their_numbers() {
        let names: Vec<String> = (1..=11).map(|n| format!("Names.member.{n}=v{n}")).collect();
        let params = Params::parse(&names.join("&"));
        let texts = params.texts("Names");
        assert_eq!((texts[1].as_str(), texts[10].as_str()), ("v2", "v11"));
    }

    #[test]
    fn structures_are_reached_by_their_number() {
        let params = Params::parse("P.member.1.Key=a&P.member.1.Value=1+2&P.member.10.Key=c&P.member.2.Key=%C3%A4");
        let members = params.members("P");
        let keys: Vec<_> = members.iter().map(|m| m.get("Key").unwrap()).collect();
        assert_eq!((keys, members[0].get("Value")), (vec!["a", "ä", "c"], Some("1 2")));
    }

    #[test]
    fn an_empty_list_is_said_and_an_absent_one_is_not() {
        let params = Params::parse("NotificationARNs=&Tagsx=1");
        assert!(params.has("NotificationARNs") && !params.has("Tags"));
    }

    #[test]
    fn what_is_missing_is_named_as_aws_names_it() {
        let refusal = Params::default().required("StackName").unwrap_err();
        assert_eq!(refusal.code, "ValidationError");
        assert!(refusal.message.contains("'stackName'"), "{}", refusal.message);
    }
}
