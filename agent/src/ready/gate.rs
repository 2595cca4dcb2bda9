//! Where readiness is said: an SSM parameter or a file, and the handle of a CloudFormation wait condition.
//!
//! A handle is a URL that may be written to once: whoever has it can say that the account is ready. So nothing that is
//! logged, told or remembered holds more than a digest of it.

use super::{Answer, Gate};
use crate::{
    cloud::{Trouble, count::Calls, trouble::trouble},
    store::{self, StoreError},
};
use aws_sdk_ssm::types::ParameterType;
use jiff::SignedDuration;
use manifests::id::Digest;
use plan::{
    quote::quote,
    ready::{Ready, Signal, Waiting},
};
use reqwest::{Client, Url, redirect::Policy};
use std::{
    fmt::{self, Debug, Formatter},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

/// The longest that an answer is waited for.
const DEADLINE: Duration = Duration::from_secs(10);
/// How much of a refusal is read.
const WORDS: usize = 2_048;

/// Where a wait condition is signalled.
#[derive(Clone)]
pub struct Handle(Url);

impl Handle {
    /// A name for it that gives nothing away: what signs the URL is left out.
    fn name(&self) -> String {
        let mut place = self.0.clone();
        place.set_query(None);
        Digest::of(place.as_str().as_bytes()).short(16).to_owned()
    }
}

impl FromStr for Handle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is no URL ({error})"))?;
        match url.scheme() {
            "https" | "http" => Ok(Self(url)),
            _ => Err("is the URL of a wait condition's handle: it begins with https".into()),
        }
    }
}

impl Debug for Handle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.name())
    }
}

/// Where it is said.
pub struct Shipped {
    board: Board,
    waiting: Option<Waits>,
}

enum Board {
    Parameter { ssm: aws_sdk_ssm::Client, name: String },
    File(PathBuf),
}

struct Waits {
    handle: Handle,
    name: String,
    within: SignedDuration,
}

impl Shipped {
    /// An SSM parameter.
    pub(crate) fn parameter(config: &aws_config::SdkConfig, calls: &Calls, name: String) -> Self {
        let config = aws_sdk_ssm::config::Builder::from(config).interceptor(calls.clone()).build();
        Self { board: Board::Parameter { ssm: aws_sdk_ssm::Client::from_conf(config), name }, waiting: None }
    }

    /// A file.
    pub(crate) fn file(path: PathBuf) -> Self {
        Self { board: Board::File(path), waiting: None }
    }

    /// The same, with somebody who waits for so long.
    pub(crate) fn with(self, handle: Option<(Handle, SignedDuration)>) -> Self {
        let waits = |(handle, within): (Handle, _)| Waits { name: handle.name(), handle, within };
        Self { waiting: handle.map(waits), ..self }
    }
}

impl Gate for Shipped {
    async fn read(&self) -> Result<Option<Ready>, StoreError> {
        let text = match &self.board {
            Board::Parameter { ssm, name } => match ssm.get_parameter().name(name).send().await {
                Ok(answer) => answer.parameter.and_then(|parameter| parameter.value),
                Err(error) => {
                    let source = trouble("ssm:GetParameter", &error);
                    if source.problem != Trouble::NotFound {
                        return Err(StoreError::Parameter { what: "readiness", parameter: name.clone(), source });
                    }
                    None
                }
            },
            Board::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(source) => return Err(StoreError::File { what: "readiness", path: path.clone(), source }),
            },
        };
        // What can't be understood is found out again, and told once more.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    async fn write(&self, ready: &Ready) -> Result<(), StoreError> {
        let text = serde_json::to_string(ready).unwrap_or_default();
        match &self.board {
            Board::Parameter { ssm, name } => {
                let put = ssm.put_parameter().name(name).value(text).r#type(ParameterType::String).overwrite(true);
                put.send().await.map(drop).map_err(|error| StoreError::Parameter {
                    what: "readiness",
                    parameter: name.clone(),
                    source: trouble("ssm:PutParameter", &error),
                })
            }
            Board::File(path) => store::plain::replace(path, text.as_bytes(), store::plain::OURS)
                .map_err(|source| StoreError::File { what: "readiness", path: path.clone(), source }),
        }
    }

    fn waiting(&self) -> Option<Waiting<'_>> {
        self.waiting.as_ref().map(|waits| Waiting { name: &waits.name, within: waits.within })
    }

    async fn signal(&self, signal: &Signal) -> Answer {
        let Some(Waits { handle: Handle(url), .. }) = &self.waiting else {
            return Answer::Refused("nobody waits".into());
        };
        let put = put(url.clone(), serde_json::to_vec(signal).unwrap_or_default());
        let answer = tokio::time::timeout(DEADLINE, put).await;
        answer.unwrap_or_else(|_| Answer::Silence(format!("nothing came within {} s", DEADLINE.as_secs())))
    }
}

/// Writes to the handle. It takes no content type (User Guide, "To send a signal"), and the proxies that AWS is asked through
/// are asked here too.
async fn put(url: Url, body: Vec<u8>) -> Answer {
    let client = match Client::builder().redirect(Policy::none()).referer(false).build() {
        Ok(client) => client,
        Err(error) => return Answer::Silence(format!("the HTTP client can't be set up: {error}")),
    };
    let answer = match client.put(url).body(body).send().await {
        Ok(answer) => answer,
        Err(error) => return Answer::Silence(crate::error::chain(&error.without_url())),
    };
    let status = answer.status();
    if status.is_success() {
        return Answer::Taken;
    }
    let words = answer.text().await.unwrap_or_default();
    let said = format!("{status} {}", quote(words.get(..WORDS).unwrap_or(&words)));
    // A handle that has run out, or whose stack is gone, is refused; a bucket that has a bad day is asked again.
    match status.as_u16() {
        408 | 429 => Answer::Silence(said),
        400..500 => Answer::Refused(said),
        _ => Answer::Silence(said),
    }
}
