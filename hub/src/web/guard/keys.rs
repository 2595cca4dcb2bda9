//! The keys that an issuer publishes (a JWK Set), and which of them a token is held against.
//!
//! Pure. Not here: asking for them ([`super::ask`]).

use super::jwt::{Flaw, Unproven};
use jsonwebtoken::{
    AlgorithmFamily, DecodingKey,
    jwk::{Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// More keys than this nobody has; what comes after them is left out.
const MOST: usize = 100;

/// Everything that an issuer signs with at the moment.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Published")]
pub(super) struct Keys(Vec<Key>);

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Option<String>,
    key: DecodingKey,
}

impl From<Published> for Keys {
    /// A key that nobody here understands is no reason to leave the others out.
    fn from(published: Published) -> Self {
        Self(published.keys.into_iter().take(MOST).filter_map(key).collect())
    }
}

fn key(value: Value) -> Option<Key> {
    let algorithm = value.get("alg").and_then(Value::as_str).map(ToOwned::to_owned);
    let read: Jwk = serde_json::from_value(value).ok()?;
    let signs = read.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    let key = DecodingKey::from_jwk(&read).ok()?;
    // A secret that is published is none.
    let is_public = key.family() != AlgorithmFamily::Hmac;
    (signs && is_public).then_some(Key { id: read.common.key_id, algorithm, key })
}

impl Keys {
    /// The key that a token names; where it names none, the one that it can only be.
    pub(super) fn of(&self, token: &Unproven<'_>) -> Result<&DecodingKey, Flaw> {
        let name = format!("{:?}", token.algorithm);
        let fits = |key: &&Key| {
            key.key.family() == token.algorithm.family() && key.algorithm.as_ref().is_none_or(|known| *known == name)
        };
        let mut all = self.0.iter().filter(fits).filter(|key| token.key.is_none() || key.id == token.key);
        match (all.next(), all.next()) {
            (Some(key), None) => Ok(&key.key),
            (Some(_), Some(_)) | (None, _) => Err(Flaw::Key),
        }
    }
}
