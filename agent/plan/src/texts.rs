//! How what is remembered stands in JSON, where serde's own way has none. Not here: what is remembered ([`crate::memory`]).

/// Stacks as a list of pairs, because a key of two parts can't be a key in JSON.
pub(crate) mod pairs {
    use alloc::{collections::BTreeMap, vec::Vec};
    use manifests::id::StackKey;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    type Stacks<T> = BTreeMap<StackKey, T>;

    pub(crate) fn serialize<S: Serializer, T: Serialize>(stacks: &Stacks<T>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(stacks)
    }

    pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<Stacks<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        Vec::<(StackKey, T)>::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
    }
}

/// Fingerprints as hex texts.
pub(crate) mod hex {
    use crate::asked::Fingerprint;
    use alloc::string::String;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(value: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| de::Error::custom("a fingerprint has 32 hex digits"))
    }
}

/// Fingerprints that may be absent.
pub(crate) mod maybe_hex {
    use crate::asked::Fingerprint;
    use alloc::string::String;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(value: &Option<Fingerprint>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Fingerprint>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let parse = |text: String| text.parse().map_err(|()| de::Error::custom("a fingerprint has 32 hex digits"));
        text.map(parse).transpose()
    }
}
