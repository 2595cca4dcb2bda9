//! Hands a message over: to a webhook, in Slack's form or as a CloudEvent with a signature, to an SNS topic, or to Security Hub.
//!
//! No redirect is followed, nothing waits for long, and of an answer only its beginning is read. An address is a secret: it
//! stands in no error and in no log. Not here: when to try again.

use super::{
    routes::To,
    secret::{Secret, SecretError, address},
};
use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_sns::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata},
    types::MessageAttributeValue,
};
use fleet::alert::message::{Message, TYPE};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use manifests::id::Digest;
use reqwest::{StatusCode, header};
use sha2::Sha256;
use std::time::Duration;

/// How long an endpoint may take, all in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Where it goes is not known.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The address in a file, or in the environment, is none.
    #[error("the address in {place} can't be used: {why}")]
    Address {
        /// Where it was read.
        place: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody answered.
    #[error("the endpoint could not be reached")]
    Unreached(#[source] reqwest::Error),
    /// It said no.
    #[error("the endpoint answered {status}{said}")]
    Status {
        /// Its word.
        status: StatusCode,
        /// How the rest of the answer begins.
        said: String,
        /// How many seconds it asked to wait.
        wait: i64,
    },
    /// Security Hub said no, or nothing.
    #[error("securityhub:BatchImportFindings failed: {0}")]
    SecurityHub(String),
    /// Security Hub took others, and not this one.
    #[error("Security Hub does not take the finding: {0}")]
    Finding(String),
    /// SNS said no, or nothing.
    #[error("sns:Publish failed: {0}")]
    Sns(String),
}

impl SendError {
    /// Whether it is this one message that is not taken, and another one may be.
    pub fn is_of_the_message(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(
                *status,
                StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
            ),
            Self::Finding(_) => true,
            Self::Secret(_) | Self::Address { .. } | Self::Unreached(_) | Self::Sns(_) | Self::SecurityHub(_) => false,
        }
    }

    /// How many seconds the endpoint asked to wait.
    pub fn asked_to_wait(&self) -> i64 {
        match self {
            Self::Status { wait, .. } => *wait,
            Self::Secret(_)
            | Self::Address { .. }
            | Self::Unreached(_)
            | Self::Sns(_)
            | Self::SecurityHub(_)
            | Self::Finding(_) => 0,
        }
    }
}

/// What messages are sent with.
#[derive(Debug)]
pub struct Sender {
    pub(super) http: reqwest::Client,
    pub(super) aws: Option<SdkConfig>,
}

impl Sender {
    /// With credentials from the usual places, if AWS is among those who are told.
    ///
    /// # Errors
    /// When this machine's certificates can't be used.
    pub async fn new(with_aws: bool) -> Result<Self, SendError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("holdfast-hub/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .timeout(PATIENCE)
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(SendError::Unreached)?;
        let aws = if with_aws {
            let timeouts = TimeoutConfig::builder().operation_timeout(PATIENCE * 2).build();
            Some(aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts).load().await)
        } else {
            None
        };
        Ok(Self { http, aws })
    }

    /// Hands it over; when it returns well, it was taken.
    ///
    /// # Errors
    /// Why it was not.
    pub async fn send(&self, to: &To, message: &Message, now: Timestamp) -> Result<(), SendError> {
        match to {
            To::Slack { url } => self.post(url, None, message.slack().to_string(), "application/json", now).await,
            To::Webhook { url, secret } => {
                let body = message.event().to_string();
                self.post(url, secret.as_ref(), body, "application/cloudevents+json", now).await
            }
            To::Sns { topic } => self.publish(topic, message).await,
            To::SecurityHub { product } => {
                let finding = message.finding(product).into_iter().collect::<Vec<_>>();
                let refused = self.import(product, &finding, now).await?;
                refused.into_values().next().map_or(Ok(()), |why| Err(SendError::Finding(why)))
            }
        }
    }

    async fn post(
        &self,
        url: &Secret,
        secret: Option<&Secret>,
        body: String,
        kind: &'static str,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let target = address(&url.read()?).map_err(|why| SendError::Address { place: url.place(), why })?;
        let mut request = self.http.post(target).header(header::CONTENT_TYPE, kind);
        if let Some(secret) = secret {
            let at = now.as_second().to_string();
            let signature = signature(secret.read()?.as_bytes(), &at, &body);
            request = request.header("holdfast-timestamp", at).header("holdfast-signature", signature);
        }
        let sent = request.body(body).send().await;
        let mut response = sent.map_err(|error| SendError::Unreached(error.without_url()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let said = response.chunk().await.ok().flatten().map(|bytes| excerpt(&bytes)).unwrap_or_default();
        Err(SendError::Status { status, said, wait: wait.unwrap_or_default() })
    }

    async fn publish(&self, topic: &str, message: &Message) -> Result<(), SendError> {
        let Some(config) = &self.aws else { return Err(SendError::Sns("nobody asked for credentials".into())) };
        let mut builder = aws_sdk_sns::config::Builder::from(config);
        // SNS publishes only to topics of the region that it is asked in.
        if let Some(region) = topic.split(':').nth(3) {
            builder = builder.region(Region::new(region.to_owned()));
        }
        let call = Client::from_conf(builder.build())
            .publish()
            .topic_arn(topic)
            .subject(message.subject())
            .message(message.text())
            .message_attributes("type", text(TYPE))
            .message_attributes("what", text(message.what.word()))
            .message_attributes("severity", text(&message.severity));
        let ring = message.accounts.first().map(|one| one.ring.as_str()).filter(|ring| !ring.is_empty());
        let account = message.accounts.first().map(|one| one.account.as_str()).filter(|_| message.count == 1);
        let beside = [("ring", ring), ("account", account), ("state", message.state.as_deref())];
        let call = beside
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .fold(call, |call, (name, value)| call.message_attributes(name, text(value)));
        let call = if topic.ends_with(".fifo") {
            // In order, and twice only after a while; the message's own id may have what SNS does not take.
            let once = Digest::of(message.id.as_bytes()).to_string();
            call.message_group_id("holdfast").message_deduplication_id(once)
        } else {
            call
        };
        call.send().await.map(drop).map_err(|error| {
            let told = error.code().zip(error.message()).map(|(code, message)| format!("{code}: {message}"));
            SendError::Sns(told.unwrap_or_else(|| DisplayErrorContext(&error).to_string()))
        })
    }
}

/// HMAC-SHA256 over the time, a full stop and the body, so that what was overheard once can't be sent again later.
fn signature(secret: &[u8], at: &str, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { unreachable!("a key may have any length") };
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// What an answer says, if it is a word. Anything longer may be the address that was asked, which is a secret.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
    let text = text.trim();
    let is_word = (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_word { format!(": {text}") } else { String::new() }
}

fn text(value: &str) -> MessageAttributeValue {
    let value = MessageAttributeValue::builder().data_type("String").string_value(value);
    value.build().unwrap_or_else(|_| unreachable!("the data type is given"))
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn of_an_answer_a_word_is_told_and_nothing_that_may_be_an_address() {
        let check = |answer: &str, expect: &str| assert_eq!(excerpt(answer.as_bytes()), expect, "{answer}");
        check("invalid_payload\n", ": invalid_payload");
        check("Cannot POST /services/T0/B0/secret", "");
        check("https://hooks.example/secret", "");
        check("no route to s3cret", "");
        check("<b>\u{1b}", "");
        check("", "");
    }
}
