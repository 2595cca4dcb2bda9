//! Proves whose report it is: signs it with a key of the account's own, and adds a request to STS that says whose key that is.
//!
//! The key is made at the first report and kept beside memory, in an SSM SecureString or a file that only the agent reads. It is
//! worth nothing but reports of this account, and a lost one is made anew. Where the account gives no key, reports go out without
//! a proof and the log says so; the hub knows what to make of them. Not here: what is signed (`manifests::report::proof`).

use crate::{
    clock::by_aws,
    cloud::{CloudError, Trouble, count::Calls, trouble::trouble},
    config::MemoryPlace,
    error::chain,
};
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use ed25519_dalek::{Signer, SigningKey};
use jiff::Timestamp;
use manifests::{
    id::Digest,
    report::proof::{Key, Proof, Request, Signature, joined},
};
use std::{
    cell::OnceCell,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Signs what goes to one topic.
pub struct Seal {
    place: Place,
    /// What the account's requests are signed with.
    credentials: Option<SharedCredentialsProvider>,
    calls: Calls,
    topic: String,
    /// Read once in the life of a process.
    key: OnceCell<SigningKey>,
}

enum Place {
    Parameter { ssm: Box<aws_sdk_ssm::Client>, name: String },
    File(PathBuf),
}

/// Why there is no proof.
#[derive(Debug)]
enum NoKey {
    /// There will be none until somebody does something.
    None(String),
    /// The next turn tries again.
    Yet(CloudError),
}

/// What the key is called, beside memory.
const NAME: &str = "report-key";

impl Seal {
    /// For reports to this topic, with the key beside memory. Nothing is asked of anybody yet.
    pub fn new(memory: &MemoryPlace, aws: &SdkConfig, calls: &Calls, topic: &str) -> Self {
        let place = match memory {
            MemoryPlace::Parameter(memory) => {
                let config = aws_sdk_ssm::config::Builder::from(aws).interceptor(calls.clone()).build();
                let folder = memory.rsplit_once('/').map_or("", |(folder, _)| folder);
                let ssm = Box::new(aws_sdk_ssm::Client::from_conf(config));
                Place::Parameter { ssm, name: format!("{folder}/{NAME}") }
            }
            MemoryPlace::File(memory) => Place::File(memory.with_file_name(NAME)),
        };
        let (credentials, topic) = (aws.credentials_provider(), topic.to_owned());
        Self { place, credentials, calls: calls.clone(), topic, key: OnceCell::new() }
    }

    /// The event's text with its proof; without one where the account gives no key.
    ///
    /// # Errors
    /// When the key can't be reached at the moment.
    pub async fn sealed(&self, event: String) -> Result<String, CloudError> {
        match self.proof(&event).await {
            Ok(proof) => joined(&event, &proof).map_err(|error| CloudError::odd("sns:Publish", &error)),
            Err(NoKey::Yet(error)) => Err(error),
            Err(NoKey::None(why)) => {
                tracing::warn!(why, "the report goes out without a proof of whose it is");
                Ok(event)
            }
        }
    }

    async fn proof(&self, event: &str) -> Result<Proof, NoKey> {
        let key = match self.key.get() {
            Some(key) => key,
            None => {
                let key = self.place.key().await?;
                self.key.get_or_init(|| key)
            }
        };
        let public = Key(Digest(key.verifying_key().to_bytes()));
        let none = |why: &str| NoKey::None(why.to_owned());
        let provider = self.credentials.as_ref().ok_or_else(|| none("there are no AWS credentials"))?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| {
            let message = format!("there are no AWS credentials: {}", chain(&error));
            NoKey::Yet(CloudError { call: "sts:GetCallerIdentity", problem: Trouble::Credentials, message })
        })?;
        let now = by_aws(&self.calls);
        let at = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let session = credentials.session_token().map(str::to_owned);
        let request = Request::new(&self.topic, &public, &at, session.as_deref());
        let request = request.ok_or_else(|| none("the topic is none of a region whose STS could be asked"))?;
        let enrolment = enrolment(&request, credentials.secret_access_key(), now);
        let mut proof = Proof {
            signature: Signature([0; 64]),
            hub: self.topic.clone(),
            key: public,
            at,
            id: credentials.access_key_id().to_owned(),
            session,
            enrolment: enrolment.ok_or_else(|| none("the request to STS can't be signed"))?,
        };
        proof.signature = Signature(key.sign(&proof.signed(event)).to_bytes());
        Ok(proof)
    }
}

/// SigV4's signature of the request.
fn enrolment(request: &Request, secret: &str, now: Timestamp) -> Option<Digest> {
    let signing = generate_signing_key(secret, SystemTime::from(now), request.region().as_str(), "sts");
    calculate_signature(signing, request.to_sign().as_bytes()).parse().ok()
}

impl Place {
    /// The key that is there; one that is made if there is none. Of two agents that make one, the first one's stays.
    async fn key(&self) -> Result<SigningKey, NoKey> {
        match self {
            Self::File(path) => {
                let unusable = |error| NoKey::None(format!("the key `{}` can't be had: {error}", path.display()));
                let text = file(path).map_err(unusable)?;
                read(&text).ok_or_else(|| NoKey::None(garbled(&path.display().to_string())))
            }
            Self::Parameter { ssm, name } => {
                let text = parameter(ssm, name).await.map_err(|error| match error.problem {
                    Trouble::Unavailable | Trouble::Credentials => NoKey::Yet(error),
                    Trouble::Denied
                    | Trouble::NotFound
                    | Trouble::Busy
                    | Trouble::AlreadyExists
                    | Trouble::Invalid
                    | Trouble::Limit
                    | Trouble::Other => NoKey::None(format!("the key `{name}` can't be had: {error}")),
                })?;
                read(&text).ok_or_else(|| NoKey::None(garbled(name)))
            }
        }
    }
}

fn garbled(name: &str) -> String {
    format!("`{name}` holds no key; remove it, and the agent makes one")
}

fn read(text: &str) -> Option<SigningKey> {
    text.trim().parse::<Digest>().ok().map(|seed| SigningKey::from_bytes(&seed.0))
}

/// A key that nobody has.
fn made() -> io::Result<String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::from)?;
    Ok(Digest(seed).to_string())
}

async fn parameter(ssm: &aws_sdk_ssm::Client, name: &str) -> Result<String, CloudError> {
    for is_there in [false, true] {
        let found = ssm.get_parameter().name(name).with_decryption(true).send().await;
        match found.map_err(|error| trouble("ssm:GetParameter", &error)) {
            Ok(answer) => return Ok(answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default()),
            Err(error) if is_there || error.problem != Trouble::NotFound => return Err(error),
            Err(_) => {}
        }
        let key = made().map_err(|error| CloudError::odd("ssm:PutParameter", &error))?;
        let put = ssm.put_parameter().name(name).value(&key).r#type(ParameterType::SecureString);
        let put = put.tier(ParameterTier::Standard).overwrite(false).description("signs this account's reports");
        match put.send().await.map_err(|error| trouble("ssm:PutParameter", &error)) {
            Ok(_) => return Ok(key),
            // Somebody else was first.
            Err(error) if error.problem == Trouble::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("the second look answers or fails")
}

fn file(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut new = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    new.write_all(made()?.as_bytes())?;
    new.sync_all()?;
    // A link is made only where nothing is yet: a key that is there is there whole, and stays.
    let linked = std::fs::hard_link(&beside, path);
    std::fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => std::fs::read_to_string(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_signed_as_another_implementation_signs_it() {
        // Made with Python's hmac and hashlib from the published form.
        let key = Key(Digest([7; 32]));
        let topic = "arn:aws:sns:eu-central-1:111111111111:reports";
        let request = Request::new(topic, &key, "20260501T120000Z", Some("token")).unwrap();
        let now = "2026-05-01T12:00:00Z".parse().unwrap();
        let found = enrolment(&request, "secret", now).unwrap();
        assert_eq!(found.to_string(), "e49417cf043be2dc7b6421e80e5bda312f5f701cf75f9fe9eab55d4078ec4835");
        let header = request.authorization("AKIDEXAMPLE", &found);
        assert!(header.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260501/eu-central-1/sts/aws4_request, "));
        let names = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-holdfast-hub;x-holdfast-key, ";
        assert!(header.contains(names), "{header}");
    }

    #[tokio::test]
    async fn a_file_s_key_is_made_once_and_read_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/report-key");
        let key = |path: &Path| {
            let place = Place::File(path.to_owned());
            async move { place.key().await.map(|key| key.to_bytes()) }
        };
        let first = key(&path).await.unwrap();
        assert_eq!(key(&path).await.unwrap(), first);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_ne!(key(&folder.path().join("another")).await.unwrap(), first);
        std::fs::write(&path, "no key").unwrap();
        assert!(matches!(key(&path).await, Err(NoKey::None(why)) if why.contains("holds no key")));
    }
}
