//! A load balancer that has people sign in, and says with every request who it is (`x-amzn-oidc-data`): a signed token whose key
//! stands, as PEM, where its region keeps them.
//!
//! Its token is filled up with `=`, as no other, and says in its header who signed it, for whom and until when
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html>). Not here: what it
//! has to say ([`super::jwt`]).

use super::{
    Refusal,
    ask::{AskError, get},
    config::Alb,
    jwt::{Claims, Flaw, Unproven},
    limits::Limit,
};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Client, Url};
use rustls_pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The header that it says it in.
pub(super) const HEADER: &str = "x-amzn-oidc-data";
/// A region has a few keys at a time.
const KEYS: usize = 50;
/// A P-256 key is a point, and what says so stands before it.
const POINT: usize = 65;

/// A load balancer, and the keys that were read.
#[derive(Debug)]
pub(super) struct Balancer {
    alb: Alb,
    client: Client,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    keys: BTreeMap<String, DecodingKey>,
    /// How often somebody may name a key that nobody knows.
    asked: Limit<()>,
}

impl Balancer {
    pub(super) fn new(alb: Alb, client: Client) -> Self {
        let known = Known { keys: BTreeMap::new(), asked: Limit::new(10, 60) };
        Self { alb, client, known: Mutex::new(known) }
    }

    /// What it says of whom it asks for.
    pub(super) async fn proven(&self, text: &str, now: Timestamp) -> Result<Claims, Refusal> {
        let token = Unproven::of(text)?;
        if token.algorithm != Algorithm::ES256 {
            return Err(Flaw::Algorithm.into());
        }
        // Before anything is asked for: another's token is no reason to.
        if token.claimed("signer") != Some(&*self.alb.signer) {
            return Err(Flaw::Signer.into());
        }
        let id = token.key.clone().filter(|id| is_plain(id)).ok_or(Flaw::Key)?;
        let key = self.key(&id, now).await?;
        let claims = token.verified(&key)?;
        claims.of_balancer(&self.alb.signer, &self.alb.client.0, now)?;
        Ok(claims)
    }

    async fn key(&self, id: &str, now: Timestamp) -> Result<DecodingKey, Refusal> {
        if let Some(key) = self.known().keys.get(id) {
            return Ok(key.clone());
        }
        self.known().asked.take(&(), now).map_err(Refusal::Often)?;
        let place = format!("{}/{id}", self.alb.keys.0.as_str().trim_end_matches('/'));
        let place = Url::parse(&place).map_err(|_| AskError::Url(place))?;
        let text = get(&self.client, &place).await.map_err(|error| {
            tracing::warn!(error = crate::chain(&error), "a load balancer's key could not be read");
            match error {
                // There is no such key.
                AskError::Status { status: 403 | 404, .. } => Flaw::Key.into(),
                AskError::Status { .. }
                | AskError::Open(_)
                | AskError::Unreachable { .. }
                | AskError::Long(_)
                | AskError::Senseless { .. }
                | AskError::Url(_)
                | AskError::Soon => Refusal::Unreachable(error),
            }
        })?;
        let key = point(&text).ok_or(Flaw::Key)?;
        let mut known = self.known();
        if known.keys.len() >= KEYS {
            known.keys.clear();
        }
        known.keys.insert(id.to_owned(), key.clone());
        Ok(key)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn roles(&self) -> &super::role::Roles {
        &self.alb.roles.0
    }
}

/// A key's id becomes part of an address, and is nothing but a name.
fn is_plain(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The key of a PEM text.
fn point(text: &[u8]) -> Option<DecodingKey> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(text).ok()?;
    let point = der.get(der.len().checked_sub(POINT)?..)?;
    (point.first() == Some(&4)).then(|| DecodingKey::from_ec_der(point))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_key_is_a_name_and_no_address() {
        let check = |id: &str, expect: bool| assert_eq!(is_plain(id), expect, "{id}");
        check("5d3b8d5a-6f2e-4d53-9c3b-0a1b2c3d4e5f", true);
        check("", false);
        check("../../etc", false);
        check("a/b", false);
        check("a?b", false);
        check("a%2fb", false);
        check(&"a".repeat(65), false);
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "<html>"] {
            assert!(point(text.as_bytes()).is_none(), "{text}");
        }
    }
}
