//! An issuer of OpenID Connect: where it has people sign in, what it makes of the code that they come back with, and whether
//! a token is its own.
//!
//! Not here: what holds a sign-in together in the browser ([`super::session`]), and what a token has to say ([`super::jwt`]).

use super::{
    Refusal,
    ask::{AskError, Kept, document, posted},
    config::{Oidc, is_private},
    jwt::{Claims, Expect, Unproven},
    keys::Keys,
};
use crate::asked::plain;
use base64::{Engine, engine::general_purpose::STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use manifests::id::Digest;
use reqwest::{Client, Url};
use serde::Deserialize;
use std::sync::Arc;

/// An issuer, and what was read of it.
#[derive(Debug)]
pub(super) struct Issuer {
    oidc: Oidc,
    client: Client,
    found: Kept<Found>,
    keys: Kept<Keys>,
}

/// What an issuer says of itself (OpenID Connect Discovery 1.0).
#[derive(Debug, Deserialize)]
struct Found {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What holds a sign-in together: made for one browser and one time.
#[derive(Debug)]
pub(super) struct Bond<'a> {
    pub(super) state: &'a str,
    pub(super) nonce: &'a str,
    /// What the issuer is told the digest of first, and itself in the end (PKCE).
    pub(super) verifier: &'a str,
    /// Where people come back to.
    pub(super) back: &'a str,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Issuer {
    pub(super) fn new(oidc: Oidc, client: Client) -> Self {
        Self { oidc, client, found: Kept::default(), keys: Kept::default() }
    }

    async fn found(&self, now: Timestamp) -> Result<Arc<Found>, AskError> {
        let place = format!("{}/.well-known/openid-configuration", self.oidc.issuer.0.trim_end_matches('/'));
        let place = parsed(&place)?;
        let read = async || {
            let found: Found = document(&self.client, &place).await?;
            if found.issuer == self.oidc.issuer.0 {
                return Ok(found);
            }
            let why = format!("it calls itself `{}`, and `{}` is asked for", found.issuer, self.oidc.issuer.0);
            Err(AskError::Senseless { url: place.clone(), why })
        };
        self.found.get(now, |_| true, read).await
    }

    /// Where somebody goes to sign in.
    pub(super) async fn entrance(&self, bond: &Bond<'_>, now: Timestamp) -> Result<Url, AskError> {
        let mut place = parsed(&self.found(now).await?.authorization_endpoint)?;
        if !is_private(&place) {
            return Err(AskError::Open(place));
        }
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Digest::of(bond.verifier.as_bytes()).0);
        let scopes: Vec<&str> = self.oidc.scopes.iter().map(|scope| scope.0.as_str()).collect();
        place
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.oidc.client.0)
            .append_pair("redirect_uri", bond.back)
            .append_pair("scope", format!("openid {}", scopes.join(" ")).trim_end())
            .append_pair("state", bond.state)
            .append_pair("nonce", bond.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(place)
    }

    /// Who came back with a code. `from` is who the answer says that it is of (RFC 9207).
    pub(super) async fn came_back(
        &self,
        (code, from): (&str, Option<&str>),
        bond: &Bond<'_>,
        now: Timestamp,
    ) -> Result<Claims, Refusal> {
        let found = self.found(now).await?;
        if from.map_or(found.authorization_response_iss_parameter_supported, |from| from != found.issuer) {
            return Err(Refusal::Mixed);
        }
        let place = parsed(&found.token_endpoint)?;
        let client = self.oidc.client.0.as_str();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", bond.back),
            ("code_verifier", bond.verifier),
        ];
        let secret = self.oidc.secret().map_err(Refusal::Secret)?;
        let methods = &found.token_endpoint_auth_methods_supported;
        let says = |name: &str| methods.iter().any(|method| method == name);
        // The standard's usual way, where nothing else is asked for.
        let basic = says("client_secret_basic") || !says("client_secret_post");
        let authorization = match &secret {
            Some(secret) if basic => Some(format!("Basic {}", STANDARD.encode(pair(client, &secret.0)))),
            Some(secret) => {
                fields.extend([("client_id", client), ("client_secret", secret.0.as_str())]);
                None
            }
            None => {
                fields.push(("client_id", client));
                None
            }
        };
        let Tokens { id_token } = posted(&self.client, &place, &fields, authorization).await.map_err(refused)?;
        self.proven(&id_token, Some(bond.nonce), now).await
    }

    /// What a token says that this issuer made: one that was asked for with this nonce, or one of a program.
    pub(super) async fn proven(&self, text: &str, nonce: Option<&str>, now: Timestamp) -> Result<Claims, Refusal> {
        let token = Unproven::of(text)?;
        let read = async || {
            let place = parsed(&self.found(now).await?.jwks_uri)?;
            document(&self.client, &place).await
        };
        let keys: Arc<Keys> = self.keys.get(now, |keys: &Keys| keys.of(&token).is_ok(), read).await?;
        let key = keys.of(&token)?;
        let claims = token.verified(key)?;
        let audience = if nonce.is_some() { &self.oidc.client.0 } else { self.oidc.audience() };
        claims.held(&Expect { issuer: &self.oidc.issuer.0, audience, nonce }, now)?;
        Ok(claims)
    }

    pub(super) fn roles(&self) -> &super::role::Roles {
        &self.oidc.roles.0
    }
}

/// A name and its secret, as RFC 6749 §2.3.1 has them written.
fn pair(client: &str, secret: &str) -> String {
    format!("{}:{}", plain(client), plain(secret))
}

/// A code that was used, or is of nobody, is the fault of whoever came with it.
fn refused(error: AskError) -> Refusal {
    match &error {
        AskError::Status { status: 400, said, .. } if said.contains("invalid_grant") => Refusal::Code,
        AskError::Status { .. }
        | AskError::Open(_)
        | AskError::Unreachable { .. }
        | AskError::Long(_)
        | AskError::Senseless { .. }
        | AskError::Url(_)
        | AskError::Soon => Refusal::Unreachable(error),
    }
}

fn parsed(text: &str) -> Result<Url, AskError> {
    Url::parse(text).map_err(|_| AskError::Url(text.to_owned()))
}
