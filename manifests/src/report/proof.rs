//! How a message proves whose it is: the account's key signs its text, and the account's own AWS credentials say that the key is
//! the account's.
//!
//! What is signed is the event's text, byte for byte, the hub that it is meant for, and the rest of the proof. The proof follows
//! inside the same JSON object, as extension attributes of CloudEvents: whoever doesn't ask for a proof reads the same event as
//! before. A key is enrolled by a request to STS that the account has signed and not sent (as Vault's and Kubernetes' AWS logins do it): only STS
//! can tell whether the signature is good, and it answers with the account.
//!
//! Not here: cryptography, and whom to believe. Agent and hub share these forms so that they can't differ.

use crate::id::{Digest, Malformed, Region};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// A public key of Ed25519, printed as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Digest);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A signature of Ed25519, printed as 128 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature(pub [u8; 64]);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chunks, _) = self.0.as_chunks::<32>();
        chunks.iter().try_for_each(|half| Digest(*half).fmt(f))
    }
}

impl FromStr for Signature {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new(text, "a signature", "must be 128 lower-case hex digits");
        let (first, second) = text.split_at_checked(64).ok_or_else(malformed)?;
        let half = |text: &str| text.parse::<Digest>().map_err(|_| malformed());
        let mut bytes = [0; 64];
        let (begin, end) = bytes.split_at_mut(32);
        begin.copy_from_slice(&half(first)?.0);
        end.copy_from_slice(&half(second)?.0);
        Ok(Self(bytes))
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What follows an event in its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub struct Proof {
    /// The hub that it is meant for: the ARN of the topic that it was sent to.
    #[serde(rename = "signedfor")]
    pub hub: String,
    /// The key.
    #[serde(rename = "signedby")]
    pub key: Key,
    /// What the key made of [`Proof::signed`].
    pub signature: Signature,
    /// When the key was enrolled, as SigV4 writes it: `20260501T120000Z`.
    #[serde(rename = "enrolledat")]
    pub at: String,
    /// The id of the access key that signed the request to STS.
    #[serde(rename = "enrolledby")]
    pub id: String,
    /// The session token that goes with it.
    #[serde(rename = "enrolledwith", default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The signature of the request, 64 hex digits.
    pub enrolment: Digest,
}

/// What a proof begins with. In an event's text it can stand nowhere but there: quotes in texts are escaped.
const BEGINS: &str = r#","signedfor":"#;

impl Proof {
    /// The bytes that the key signs: all of the proof but the signature, as a line of JSON in which each part has one place and
    /// one spelling, and the event's text.
    pub fn signed(&self, event: &str) -> Vec<u8> {
        let Self { hub, key, signature: _, at, id, session, enrolment } = self;
        let proof = serde_json::to_string(&(hub, key, at, id, session, enrolment));
        format!("{TYPE}\n{}\n{event}", proof.unwrap_or_default()).into_bytes()
    }
}

/// What is signed says what it is, so that the key's signature of something else is none of this.
const TYPE: &str = "holdfast.signed.v1";

/// The event with its proof, as one JSON object.
///
/// # Errors
/// Never in practice: a proof is a few texts.
pub fn joined(event: &str, proof: &Proof) -> Result<String, serde_json::Error> {
    let proof = serde_json::to_string(proof)?;
    Ok(format!("{},{}", event.strip_suffix('}').unwrap_or(event), proof.strip_prefix('{').unwrap_or(&proof)))
}

/// The event's text as it was signed, and the proof; `None` of a message without one. Nothing of the event is read: what is not
/// under the signature is not in the text.
///
/// # Errors
/// When what follows the event is no proof.
pub fn split(message: &str) -> Result<Option<(String, Proof)>, serde_json::Error> {
    let Some(at) = message.rfind(BEGINS) else { return Ok(None) };
    let (event, proof) = message.split_at(at);
    let (event, proof) =
        (format!("{event}}}"), serde_json::from_str(&format!("{{{}", proof.get(1..).unwrap_or_default()))?);
    // Of one proof there is one spelling: what differs in a blank would be another message.
    if joined(&event, &proof)? != message {
        return Err(de::Error::custom("it is spelled otherwise than it is made"));
    }
    Ok(Some((event, proof)))
}

/// A request to STS that is signed and not sent. Of all that is in it the account chooses nothing but who signs, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// STS's host in the hub's region.
    pub host: String,
    /// The header names in the order of SigV4, each with its value; the session token is among them if there is one.
    pub headers: Vec<(&'static str, String)>,
    region: Region,
    at: String,
}

/// The whole content of the request.
pub const CONTENT: &str = "Action=GetCallerIdentity&Version=2011-06-15";

impl Request {
    /// The request that binds a key to an account, for the hub behind this topic; `None` when that is no topic's ARN or the time
    /// is written otherwise.
    pub fn new(topic: &str, key: &Key, at: &str, session: Option<&str>) -> Option<Self> {
        let mut parts = topic.strip_prefix("arn:")?.split(':');
        let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
        let is_time = at.len() == 16
            && at.bytes().enumerate().all(|(n, byte)| match n {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        let domain = domain(partition)?;
        if service != "sns" || !is_time {
            return None;
        }
        let host = format!("sts.{region}.{domain}");
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("host", host.clone()),
            ("x-amz-date", at.to_owned()),
        ];
        headers.extend(session.map(|session| ("x-amz-security-token", session.to_owned())));
        headers.push(("x-holdfast-hub", topic.to_owned()));
        headers.push(("x-holdfast-key", key.to_string()));
        Some(Self { host, headers, region, at: at.to_owned() })
    }

    /// The region of the hub, whose STS is asked.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// `<day>/<region>/sts/aws4_request`.
    fn scope(&self) -> String {
        format!("{}/{}/sts/aws4_request", self.at.get(..8).unwrap_or_default(), self.region)
    }

    fn names(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }

    /// SigV4's string to sign.
    pub fn to_sign(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let content = Digest::of(CONTENT.as_bytes());
        let canonical = format!("POST\n/\n\n{headers}\n{}\n{content}", self.names());
        format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", self.at, self.scope(), Digest::of(canonical.as_bytes()))
    }

    /// The header `Authorization` of whoever signed it.
    pub fn authorization(&self, id: &str, signature: &Digest) -> String {
        let (scope, names) = (self.scope(), self.names());
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// Under which domain a partition of AWS has its services; `None` of one that is not known.
pub fn domain(partition: &str) -> Option<&'static str> {
    match partition {
        "aws" | "aws-us-gov" => Some("amazonaws.com"),
        "aws-cn" => Some("amazonaws.com.cn"),
        "aws-eusc" => Some("amazonaws.eu"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof() -> Proof {
        Proof {
            hub: "arn:aws:sns:eu-central-1:111111111111:reports".into(),
            key: Key(Digest([7; 32])),
            signature: Signature(std::array::from_fn(|n| n as u8)),
            at: "20260501T120000Z".into(),
            id: "ASIAEXAMPLE".into(),
            session: None,
            enrolment: Digest([9; 32]),
        }
    }

    #[test]
    fn what_was_joined_is_split_into_the_same_bytes() {
        for event in [r#"{"a":1}"#, r#"{"why":"x,\"signedfor\":\"y\""}"#, r#"{"data":{"signedby":2}}"#, r#"{"é":"}"}"#]
        {
            let message = joined(event, &proof()).unwrap();
            assert!(serde_json::from_str::<serde_json::Value>(&message).unwrap().is_object());
            assert_eq!(split(&message).unwrap(), Some((event.to_owned(), proof())), "{message}");
        }
    }

    #[test]
    fn what_follows_a_proof_or_is_none_is_refused() {
        let whole = joined(r#"{"a":1}"#, &proof()).unwrap();
        let cut = whole.strip_suffix('}').unwrap();
        for message in [
            format!(r#"{cut},"data":{{}}}}"#),
            format!(r#"{cut},"signedby":"{}"}}"#, "0".repeat(64)),
            format!("{whole} {{}}"),
            format!("{whole} "),
            whole.replace(r#","signedby"#, r#", "signedby"#),
            cut.to_owned(),
            whole.replace(&"07".repeat(32), "07"),
            whole.replace("enrolment", "enrollment"),
        ] {
            assert!(split(&message).is_err(), "{message}");
        }
        assert_eq!(split(r#"{"a":1}"#).unwrap(), None);
    }

    #[test]
    fn no_two_proofs_are_signed_alike() {
        let with = |change: fn(&mut Proof)| {
            let mut proof = proof();
            change(&mut proof);
            proof.signed("{}")
        };
        let all = [
            with(|_| ()),
            with(|proof| proof.session = Some(String::new())),
            with(|proof| proof.id = "ASIA\nEXAMPLE".into()),
            with(|proof| proof.id = "ASIA EXAMPLE".into()),
            with(|proof| proof.hub.push('\n')),
            with(|proof| proof.at.push('"')),
            with(|proof| proof.enrolment = Digest([8; 32])),
            with(|proof| proof.key = Key(Digest([8; 32]))),
            proof().signed("{} "),
        ];
        let different: std::collections::BTreeSet<&[u8]> = all.iter().map(Vec::as_slice).collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(with(|proof| proof.signature = Signature([1; 64])), all[0], "but for the signature itself");
    }

    #[test]
    fn a_request_can_be_sent_to_sts_alone() {
        let check = |topic: &str, at: &str, expect: Option<&str>| {
            let request = Request::new(topic, &Key(Digest([7; 32])), at, None);
            assert_eq!(request.map(|request| request.host).as_deref(), expect, "{topic} {at}");
        };
        let at = "20260501T120000Z";
        check("arn:aws:sns:eu-central-1:111111111111:reports", at, Some("sts.eu-central-1.amazonaws.com"));
        check("arn:aws-cn:sns:cn-north-1:111111111111:reports", at, Some("sts.cn-north-1.amazonaws.com.cn"));
        check("arn:aws:sns:evil.example/x:111111111111:reports", at, None);
        check("arn:evil:sns:eu-central-1:111111111111:reports", at, None);
        check("arn:aws:sqs:eu-central-1:111111111111:reports", at, None);
        check("arn:aws:sns:eu-central-1:1:r", "20260501T120000+00:00", None);
        check("arn:aws:sns:eu-central-1:1:r", "20260501T12000é", None);
    }

    #[test]
    fn a_signature_is_128_digits() {
        let text = proof().signature.to_string();
        assert_eq!((text.len(), text.parse()), (128, Ok(proof().signature)));
        for bad in [&text[1..], &format!("{text}0"), &text.replace('a', "A"), &format!("{}é", &text[..126])] {
            assert!(bad.parse::<Signature>().is_err(), "{bad}");
        }
    }
}
