//! Asking an issuer, or a load balancer's keeper of keys: small answers, soon, from where one asked and from nowhere else.
//!
//! Not here: what the answers mean.

use super::config::is_private;
use crate::asked::plain;
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Url, redirect::Policy};
use serde::de::DeserializeOwned;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync;

/// Nobody's keys are longer than this.
const LONGEST: usize = 512 * 1_024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("`{0}` is asked neither by https nor on this machine")]
    Open(Url),
    #[error("`{url}` gives no answer")]
    Unreachable {
        url: Url,
        #[source]
        source: reqwest::Error,
    },
    #[error("`{url}` answers {status}{said}")]
    Status { url: Url, status: u16, said: String },
    #[error("`{0}` answers with more than 512 KiB")]
    Long(Url),
    #[error("what `{url}` answers makes no sense: {why}")]
    Senseless { url: Url, why: String },
    #[error("`{0}` is no URL")]
    Url(String),
    #[error("it was asked a moment ago, and will be again")]
    Soon,
}

/// Who asks.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("holdfast-hub/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(10))
        .build()
}

/// What stands there.
pub(super) async fn get(client: &Client, url: &Url) -> Result<Vec<u8>, AskError> {
    sent(client.get(url.clone()), url).await
}

/// The document that stands there.
pub(super) async fn document<T: DeserializeOwned>(client: &Client, url: &Url) -> Result<T, AskError> {
    parsed(&get(client, url).await?, url)
}

/// The document that comes of these fields of a form.
pub(super) async fn posted<T: DeserializeOwned>(
    client: &Client,
    url: &Url,
    fields: &[(&str, &str)],
    authorization: Option<String>,
) -> Result<T, AskError> {
    let mut request = client.post(url.clone()).header("accept", "application/json");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(pairs.join("&"));
    parsed(&sent(request, url).await?, url)
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], url: &Url) -> Result<T, AskError> {
    // What it says of the place is told; what stood there may be a token.
    let senseless = |error: serde_json::Error| format!("line {}, column {}", error.line(), error.column());
    serde_json::from_slice(bytes).map_err(|error| AskError::Senseless { url: url.clone(), why: senseless(error) })
}

async fn sent(request: RequestBuilder, url: &Url) -> Result<Vec<u8>, AskError> {
    if !is_private(url) {
        return Err(AskError::Open(url.clone()));
    }
    let unreachable = |error: reqwest::Error| AskError::Unreachable { url: url.clone(), source: error.without_url() };
    let mut response = request.send().await.map_err(unreachable)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if bytes.len() + chunk.len() > LONGEST {
            return Err(AskError::Long(url.clone()));
        }
        bytes.extend_from_slice(&chunk);
    }
    let status = response.status();
    if status.is_success() {
        return Ok(bytes);
    }
    Err(AskError::Status { url: url.clone(), status: status.as_u16(), said: refused(&bytes) })
}

/// What an issuer says when it refuses (RFC 6749 §5.2), if it says it in a word.
fn refused(bytes: &[u8]) -> String {
    let said: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let word = said.as_ref().and_then(|said| word(said.get("error")?.as_str()?));
    word.map(|word| format!(" ({word})")).unwrap_or_default()
}

/// A word of the standard, such as `access_denied`; anything else is nobody's to read.
pub(super) fn word(text: &str) -> Option<&str> {
    let is_one = text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_one.then_some(text)
}

/// What was read once and is kept, also while whoever has it can't be reached.
#[derive(Debug)]
pub(super) struct Kept<T> {
    held: Mutex<Held<T>>,
    asking: sync::Mutex<()>,
}

#[derive(Debug)]
struct Held<T> {
    value: Option<Arc<T>>,
    /// When it was read, and when somebody last tried to.
    read: Timestamp,
    tried: Option<Timestamp>,
}

/// What is kept is read anew when it is older than this, in seconds.
const AGE: i64 = 3_600;
/// What can't be had is not asked for again before this, in seconds.
const PAUSE: i64 = 60;
/// Before anything was read: somebody waits to sign in.
const FIRST: i64 = 3;

impl<T> Default for Kept<T> {
    fn default() -> Self {
        let held = Held { value: None, read: Timestamp::UNIX_EPOCH, tried: None };
        Self { held: Mutex::new(held), asking: sync::Mutex::default() }
    }
}

impl<T> Held<T> {
    /// What there is, unless it is better read anew; and whether it may be.
    fn at(&self, now: Timestamp, enough: impl Fn(&T) -> bool) -> (Option<Arc<T>>, bool) {
        let since = |at: Timestamp| now.duration_since(at).as_secs();
        let good = self.value.as_ref().is_some_and(|value| enough(value) && (0..AGE).contains(&since(self.read)));
        let pause = if self.value.is_some() { PAUSE } else { FIRST };
        let may = self.tried.is_none_or(|tried| !(0..pause).contains(&since(tried)));
        (self.value.clone(), !good && may)
    }
}

impl<T> Kept<T> {
    /// What is kept, read anew when it is old or not enough, though not too often.
    pub(super) async fn get(
        &self,
        now: Timestamp,
        enough: impl Fn(&T) -> bool,
        read: impl AsyncFnOnce() -> Result<T, AskError>,
    ) -> Result<Arc<T>, AskError> {
        if let (Some(value), false) = self.look(now, &enough) {
            return Ok(value);
        }
        // Whoever comes while somebody asks waits for the answer, and does not ask too.
        let _one = self.asking.lock().await;
        let (value, may) = self.look(now, &enough);
        if !may {
            return value.ok_or(AskError::Soon);
        }
        self.held().tried = Some(now);
        match read().await {
            Ok(new) => {
                let new = Arc::new(new);
                let mut held = self.held();
                (held.value, held.read) = (Some(Arc::clone(&new)), now);
                Ok(new)
            }
            Err(error) => {
                tracing::warn!(
                    error = crate::chain(&error),
                    kept = value.is_some(),
                    "what sign-in needs could not be read"
                );
                value.ok_or(error)
            }
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, now: Timestamp, enough: &impl Fn(&T) -> bool) -> (Option<Arc<T>>, bool) {
        self.held().at(now, enough)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::at;

    #[tokio::test]
    async fn what_was_read_is_kept_while_nobody_can_be_reached() {
        let kept = Kept::default();
        let ask = async |second: i64, enough: i32, answer: Option<i32>| {
            let read = async || answer.ok_or(AskError::Soon);
            kept.get(at(second * 1_000), |value| *value >= enough, read).await.ok().map(|value| *value)
        };
        assert_eq!(ask(0, 0, None).await, None, "there is none yet");
        assert_eq!(ask(1, 0, Some(1)).await, None, "not at once again");
        assert_eq!(ask(3, 0, Some(1)).await, Some(1));
        assert_eq!(ask(4, 0, Some(2)).await, Some(1), "it is kept");
        assert_eq!(ask(5, 2, Some(2)).await, Some(1), "not enough, but it was read a moment ago");
        assert_eq!(ask(63, 2, None).await, Some(1), "not enough, and nobody answers");
        assert_eq!(ask(64, 2, Some(2)).await, Some(1), "once a minute");
        assert_eq!(ask(123, 2, Some(2)).await, Some(2));
        assert_eq!(ask(123 + 3_599, 0, Some(3)).await, Some(2));
        assert_eq!(ask(123 + 3_600, 0, Some(3)).await, Some(3), "it is old");
        assert_eq!(ask(0, 0, Some(4)).await, Some(4), "a clock that was put back");
    }

    #[test]
    fn of_a_refusal_a_word_is_told_and_nothing_else() {
        let check = |body: &str, expect: &str| assert_eq!(refused(body.as_bytes()), expect, "{body}");
        check(r#"{"error": "invalid_grant", "error_description": "code SECRET was used"}"#, " (invalid_grant)");
        check(r#"{"error": "SECRET code"}"#, "");
        check("<html>", "");
    }
}
