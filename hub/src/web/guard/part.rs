//! Which accounts somebody may see who may not see all: by labels of the list of those who are expected.
//!
//! Pure. Not here: what a page of some accounts is made of (`store::excerpt`).

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// Labels that an account has to have, all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub(in crate::web) struct Labels(BTreeMap<String, String>);

/// The accounts with any of these. Nobody has the empty one: it is of no account.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(in crate::web) struct Part(BTreeSet<Labels>);

impl Part {
    /// Whether an account with these labels is one of them.
    pub(in crate::web) fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().any(|Labels(wanted)| wanted.iter().all(|(name, value)| labels.get(name) == Some(value)))
    }
}

impl FromIterator<Labels> for Part {
    fn from_iter<T: IntoIterator<Item = Labels>>(all: T) -> Self {
        Self(all.into_iter().collect())
    }
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = &'static str;
    fn try_from(labels: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        // Whatever asks for nothing is had by everybody.
        if labels.is_empty() { Err("labels that an account has to have are missing") } else { Ok(Self(labels)) }
    }
}

/// `team=payments`, or several with commas.
impl FromStr for Labels {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let named = !name.is_empty() && !value.is_empty();
            named.then(|| (name.to_owned(), value.to_owned()))
        };
        let labels: Option<BTreeMap<String, String>> = text.split(',').map(pair).collect();
        labels.ok_or("`name=value` is meant, or several with commas").and_then(Self::try_from)
    }
}

/// `team=payments`, or `team=payments,stage=prod or team=search`.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, Labels(labels)) in self.0.iter().enumerate() {
            f.write_str(if n > 0 { " or " } else { "" })?;
            for (n, (name, value)) in labels.iter().enumerate() {
                write!(f, "{}{name}={value}", if n > 0 { "," } else { "" })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(texts: &[&str]) -> Part {
        texts.iter().map(|text| text.parse::<Labels>().unwrap()).collect()
    }

    #[test]
    fn an_account_is_seen_that_has_all_labels_of_any() {
        let check = |texts: &[&str], labels: &[(&str, &str)], expect: bool| {
            let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(part(texts).has(&labels), expect, "{texts:?} {labels:?}");
        };
        check(&["team=a"], &[("team", "a"), ("stage", "prod")], true);
        check(&["team=a"], &[("team", "b")], false);
        check(&["team=a"], &[], false);
        check(&["team=a,stage=prod"], &[("team", "a")], false);
        check(&["team=a,stage=prod", "team=b"], &[("team", "b")], true);
        check(&[], &[("team", "a")], false);
    }

    #[test]
    fn labels_that_ask_for_nothing_are_none() {
        for text in ["", "team", "team=", "=a", "team=a,", ",team=a"] {
            assert!(text.parse::<Labels>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Labels>("{}").is_err());
        assert_eq!(part(&["team=b", "team=a,stage=prod"]).to_string(), "stage=prod,team=a or team=b");
    }
}
