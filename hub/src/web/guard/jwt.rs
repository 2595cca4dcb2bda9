//! A signed token (JWT), taken apart, and held against what it has to say. What it claims can be had only once its signature was
//! verified.
//!
//! Pure: keys and time are told. The arithmetic is `jsonwebtoken`'s; its checks of claims are not used, because they read the time
//! themselves. Not here: whose keys they are ([`super::keys`]), and what somebody may see ([`super::role`]).

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Map, Value};

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;
/// What is longer is no token.
const LONGEST: usize = 16 * 1_024;
/// A load balancer fills up with `=`, which the standard forbids.
const EITHER: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("it is no signed token")]
    Shape,
    #[error("its algorithm is none that is believed")]
    Algorithm,
    #[error("it is a token for something else")]
    Kind,
    #[error("nobody knows the key that it names")]
    Key,
    #[error("its signature is not of the key that it names")]
    Signature,
    #[error("another issuer made it")]
    Issuer,
    #[error("it was made for somebody else")]
    Audience,
    #[error("another load balancer signed it")]
    Signer,
    #[error("its time is over, or it says none")]
    Expired,
    #[error("its time has not come")]
    Early,
    #[error("it was not asked for here")]
    Nonce,
    #[error("it does not say whom it is about")]
    Subject,
}

/// A token that nobody has verified.
#[derive(Debug)]
pub(super) struct Unproven<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key: Option<String>,
    header: Map<String, Value>,
    message: &'a str,
    signature: &'a str,
}

/// What a token says whose signature is right.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    header: Map<String, Value>,
    all: Map<String, Value>,
}

/// What a token has to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expect<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    /// Of an ID token that was asked for: what was given to the issuer for it. Such a token names the one that it was made for
    /// when it is good for several.
    pub(super) nonce: Option<&'a str>,
}

impl<'a> Unproven<'a> {
    /// Of a text as it came.
    pub(super) fn of(text: &'a str) -> Result<Self, Flaw> {
        let parts = text.rsplit_once('.').filter(|_| text.len() <= LONGEST);
        let (message, signature) = parts.ok_or(Flaw::Shape)?;
        let (head, body) = message.split_once('.').ok_or(Flaw::Shape)?;
        if body.contains('.') {
            return Err(Flaw::Shape);
        }
        let header = object(head)?;
        // What somebody has to understand who reads it; nothing here is understood.
        if header.contains_key("crit") {
            return Err(Flaw::Shape);
        }
        let kind = header.get("typ").and_then(Value::as_str).unwrap_or("jwt").to_ascii_lowercase();
        if !["jwt", "at+jwt", "application/at+jwt"].contains(&&*kind) {
            return Err(Flaw::Kind);
        }
        let algorithm = believed(header.get("alg").and_then(Value::as_str)).ok_or(Flaw::Algorithm)?;
        let key = header.get("kid").and_then(Value::as_str).map(ToOwned::to_owned);
        Ok(Self { algorithm, key, header, message, signature: signature.trim_end_matches('=') })
    }

    /// A text of its header, which anybody may have written.
    pub(super) fn claimed(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// What it says, if this key signed it.
    pub(super) fn verified(self, key: &DecodingKey) -> Result<Claims, Flaw> {
        let told = crypto::verify(self.signature, self.message.as_bytes(), key, self.algorithm);
        if !told.map_err(|_| Flaw::Signature)? {
            return Err(Flaw::Signature);
        }
        let body = self.message.split_once('.').map(|(_, body)| body).ok_or(Flaw::Shape)?;
        Ok(Claims { header: self.header, all: object(body)? })
    }
}

/// What is believed: signatures that only the issuer can make. A secret that both know (`HS256`) is none, and `none` even less.
fn believed(name: Option<&str>) -> Option<Algorithm> {
    Some(match name? {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" => Algorithm::EdDSA,
        _ => return None,
    })
}

fn object(text: &str) -> Result<Map<String, Value>, Flaw> {
    let bytes = EITHER.decode(text).map_err(|_| Flaw::Shape)?;
    serde_json::from_slice(&bytes).map_err(|_| Flaw::Shape)
}

impl Claims {
    /// Holds an issuer's token against what it has to say.
    pub(super) fn held(&self, expect: &Expect<'_>, now: Timestamp) -> Result<(), Flaw> {
        if self.text("iss") != Some(expect.issuer) {
            return Err(Flaw::Issuer);
        }
        self.made_for(expect)?;
        if let Some(nonce) = expect.nonce {
            if self.text("nonce") != Some(nonce) {
                return Err(Flaw::Nonce);
            }
            second(self.all.get("iat")).ok_or(Flaw::Early)?;
        }
        self.subject().ok_or(Flaw::Subject)?;
        timely(&self.all, now)
    }

    fn made_for(&self, expect: &Expect<'_>) -> Result<(), Flaw> {
        let audiences: Vec<&str> = match self.all.get("aud") {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one],
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
        };
        let party = self.all.get("azp").map(|party| party.as_str().unwrap_or_default());
        // Programs get tokens of their own, and are the party themselves.
        let of_another = expect.nonce.is_some()
            && match party {
                None => audiences.len() > 1,
                Some(party) => party != expect.audience,
            };
        if of_another || !audiences.contains(&expect.audience) { Err(Flaw::Audience) } else { Ok(()) }
    }

    /// Holds a load balancer's token against what its header has to say.
    pub(super) fn of_balancer(&self, signer: &str, client: &str, now: Timestamp) -> Result<(), Flaw> {
        let said = |name: &str| self.header.get(name).and_then(Value::as_str);
        if said("signer") != Some(signer) {
            return Err(Flaw::Signer);
        }
        if said("client") != Some(client) {
            return Err(Flaw::Audience);
        }
        self.subject().ok_or(Flaw::Subject)?;
        timely(&self.header, now)?;
        if self.all.contains_key("exp") { timely(&self.all, now) } else { Ok(()) }
    }

    /// A claim, by its name, or by a path through objects (`realm_access.roles`).
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let deep = || {
            let mut parts = name.split('.');
            let first = self.all.get(parts.next()?);
            parts.fold(first, |value, part| value?.get(part))
        };
        self.all.get(name).or_else(deep)
    }

    /// A claim that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name)?.as_str()
    }

    /// Whom it is about, in the issuer's own words.
    pub(super) fn subject(&self) -> Option<&str> {
        self.text("sub").filter(|subject| !subject.is_empty())
    }
}

fn timely(said: &Map<String, Value>, now: Timestamp) -> Result<(), Flaw> {
    let (now, at) = (now.as_second(), |name: &str| second(said.get(name)));
    if at("exp").is_none_or(|end| end.saturating_add(LEEWAY) <= now) {
        return Err(Flaw::Expired);
    }
    let later = |begin: i64| begin.saturating_sub(LEEWAY) > now;
    for name in ["nbf", "iat"] {
        if said.contains_key(name) && at(name).is_none_or(later) {
            return Err(Flaw::Early);
        }
    }
    Ok(())
}

/// A moment in seconds, which some write with a fraction.
fn second(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_f64().filter(|second| second.is_finite()).map(|second| second as i64))
}
