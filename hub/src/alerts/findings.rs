//! Findings on their way to AWS Security Hub: many in one call, of each the newest, signed as AWS asks for it.
//!
//! The call is made by hand: the SDK's client for it is its largest by far, for one call of a handful of texts. What a finding says is
//! `fleet::alert::finding`'s. Not tried on the real Security Hub.

use super::{
    Pauses, TRIES, not_told,
    send::{SendError, Sender},
    wait,
};
use crate::store::{Store, StoreError, alerts::Due};
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use fleet::alert::finding::{Finding, Product};
use jiff::Timestamp;
use manifests::id::Digest;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{cell::RefCell, collections::BTreeMap, time::SystemTime};

const PATH: &str = "/findings/import";
const KIND: &str = "application/json";

/// What waits for Security Hub, in one call: it takes ten a second, and a hundred findings in each. `due` has no more.
pub(super) async fn hand_over(
    (store, pauses): (&RefCell<&mut Store>, &RefCell<&mut Pauses>),
    (name, product): (&str, &Product),
    sender: &Sender,
    clock: fn() -> Timestamp,
) -> Result<(), StoreError> {
    let began = clock();
    if pauses.borrow().get(name).is_some_and(|pause| began < pause.until) {
        return Ok(());
    }
    let mut due = store.borrow().due(name, began)?;
    // What holds up all others goes alone at last.
    if due.first().is_some_and(|first| first.tries >= TRIES) {
        due.truncate(1);
    }
    if due.is_empty() {
        return Ok(());
    }
    let (newest, rest) = newest(product, due);
    let findings: Vec<Finding> = newest.values().map(|(_, finding)| finding.clone()).collect();
    let sent = if findings.is_empty() { Ok(BTreeMap::new()) } else { sender.import(product, &findings, clock()).await };
    let now = clock();
    let refused = match sent {
        Ok(refused) => refused,
        Err(error) => {
            let (why, is_alone) = (crate::chain(&error), newest.len() == 1);
            for (one, _) in newest.values() {
                let for_itself = is_alone && error.is_of_the_message();
                not_told(&mut store.borrow_mut(), (name, one), (&why, for_itself), now)?;
            }
            wait(&mut pauses.borrow_mut(), name, &error, now);
            return Ok(());
        }
    };
    // What is told with a later one of the same thing, or is no finding, is done.
    rest.iter().try_for_each(|n| store.borrow_mut().delivered(*n, now))?;
    let mut trouble = None;
    for (id, (one, _)) in &newest {
        match refused.get(id) {
            None => store.borrow_mut().delivered(one.n, now)?,
            Some(why) => {
                if !not_told(&mut store.borrow_mut(), (name, one), (why, true), now)? {
                    trouble = Some(SendError::Finding(why.clone()));
                }
            }
        }
    }
    match trouble {
        Some(error) => wait(&mut pauses.borrow_mut(), name, &error, now),
        None => drop(pauses.borrow_mut().remove(name)),
    }
    Ok(())
}

/// Of each finding the newest, by its id, and the numbers of all other messages.
fn newest(product: &Product, due: Vec<Due>) -> (BTreeMap<String, (Due, Finding)>, Vec<i64>) {
    let (mut newest, mut rest) = (BTreeMap::<String, (Due, Finding)>::new(), Vec::new());
    for one in due {
        match one.message.as_ref().and_then(|message| message.finding(product)) {
            None => rest.push(one.n),
            Some(finding) => rest.extend(newest.insert(finding.id.clone(), (one, finding)).map(|(before, _)| before.n)),
        }
    }
    (newest, rest)
}

/// What Security Hub answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    failed_findings: Vec<Failed>,
}

/// A finding that it did not take.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    error_code: String,
    error_message: String,
}

impl Sender {
    /// Imports findings. Answers which of them are not taken, and why.
    ///
    /// # Errors
    /// When none is.
    pub(super) async fn import(
        &self,
        product: &Product,
        findings: &[Finding],
        now: Timestamp,
    ) -> Result<BTreeMap<String, String>, SendError> {
        let broken = |why: String| SendError::SecurityHub(why);
        let config = self.aws.as_ref().ok_or_else(|| broken("nobody asked for credentials".into()))?;
        let provider = config.credentials_provider().ok_or_else(|| broken("there are no credentials".into()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| broken(crate::chain(&error)))?;
        let host = product.host();
        let endpoint = config.endpoint_url().map_or_else(|| format!("https://{host}"), ToOwned::to_owned);
        let host = endpoint.split_once("://").map_or(host, |(_, host)| host.trim_end_matches('/').to_owned());
        let documents: Vec<&Value> = findings.iter().map(|finding| &finding.document).collect();
        let body = json!({ "Findings": documents }).to_string();
        let mut request = self.http.post(format!("{}{PATH}", endpoint.trim_end_matches('/')));
        let headers = signed(&credentials, (&host, product.region.as_str()), &body, now);
        // The host says itself where it is asked.
        for (name, value) in headers.into_iter().filter(|(name, _)| *name != "host") {
            request = request.header(name, value);
        }
        let sent = request.body(body).send().await;
        let response = sent.map_err(|error| SendError::Unreached(error.without_url()))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| broken(crate::chain(&error.without_url())))?;
        if !status.is_success() {
            let why = format!("{status}: {}", said(&text));
            return Err(if status == StatusCode::BAD_REQUEST { SendError::Finding(why) } else { broken(why) });
        }
        let answer: Answer = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        let why = |failed: Failed| (failed.id, format!("{}: {}", failed.error_code, failed.error_message));
        Ok(answer.failed_findings.into_iter().map(why).collect())
    }
}

/// The headers of a call that imports this, signed with Signature Version 4.
fn signed(
    credentials: &Credentials,
    (host, region): (&str, &str),
    body: &str,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let at = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{}/{region}/securityhub/aws4_request", at.get(..8).unwrap_or_default());
    let mut headers = vec![("content-type", KIND.to_owned()), ("host", host.to_owned()), ("x-amz-date", at.clone())];
    headers.extend(credentials.session_token().map(|token| ("x-amz-security-token", token.to_owned())));
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let (names, lines) = (names.join(";"), headers.iter().map(|(name, value)| format!("{name}:{value}\n")));
    let request = format!("POST\n{PATH}\n\n{}\n{names}\n{}", lines.collect::<String>(), Digest::of(body.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", Digest::of(request.as_bytes()));
    let key = generate_signing_key(credentials.secret_access_key(), SystemTime::from(now), region, "securityhub");
    let signature = calculate_signature(key, text.as_bytes());
    let id = credentials.access_key_id();
    let value = format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
    headers.push(("authorization", value));
    headers
}

/// What an answer says in words.
fn said(text: &str) -> String {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let words = ["Code", "Message", "message"].iter().filter_map(|name| document[name].as_str());
    words.collect::<Vec<_>>().join(": ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_another_implementation_makes() {
        // Made with botocore's `SigV4Auth` of the same request.
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("token".into()), None, "a test");
        let now = "2026-11-26T12:00:00Z".parse().unwrap();
        let place = ("securityhub.eu-central-1.amazonaws.com", "eu-central-1");
        let headers = signed(&credentials, place, "{\"Findings\":[]}", now);
        let (_, value) = headers.last().unwrap();
        assert_eq!(
            value,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261126/eu-central-1/securityhub/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=095585f3c5e56c47cdbdba0407a67eb5a926f6d4ad328c06d2b99fa6988f04b3"
        );
    }
}
