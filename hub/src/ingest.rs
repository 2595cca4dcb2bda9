//! A message's text in, a report or a reason out. The size is looked at before the content, and of a report with a proof nothing
//! but what is under its signature is read.
//!
//! Deliberately not here: whose key that is ([`crate::registrar`]), and whether it suffices (`fleet::belief`).

use ed25519_dalek::VerifyingKey;
use jiff::Timestamp;
use manifests::report::{
    self, Event, MAX_MESSAGE, Report,
    proof::{self, Proof},
};
use serde::Deserialize;
use std::borrow::Cow;

/// A message that was read.
#[derive(Debug)]
pub struct Message<'m> {
    /// Its text, as it was received.
    pub body: &'m str,
    /// When it was sent, by the queue's clock; `None` where nobody says.
    pub sent: Option<Timestamp>,
    /// What it says.
    pub said: Result<Said, Unreadable>,
}

/// A report.
#[derive(Debug)]
pub struct Said {
    /// The report.
    pub event: Event,
    /// Its proof, with a good signature.
    pub proof: Option<Proof>,
}

impl<'m> Message<'m> {
    /// Reads it.
    pub fn read(body: &'m str) -> Self {
        Self { body, sent: None, said: read(body) }
    }
}

/// Why a message is no report.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It was not even looked at.
    #[error("the message has {0} bytes, at most {MAX_MESSAGE} are read")]
    TooLarge(usize),
    /// SNS speaks for itself, not for an account.
    #[error("the message is SNS's own `{0}`, not a report")]
    NotAnAccount(String),
    /// No agent tells so much.
    #[error("it tells of {found} {what}, and an agent of {most} at most")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much it tells.
        found: usize,
        /// How much an agent does.
        most: usize,
    },
    /// It, or what SNS passed on in it, is no report that this version can read.
    #[error(transparent)]
    NotAReport(#[from] report::ReadError),
    /// What follows the report is no proof.
    #[error("what follows the report is no proof")]
    NotAProof(#[source] serde_json::Error),
    /// Somebody has changed it, or never had the key.
    #[error("its signature is not the one of its key: it was changed, or is somebody else's")]
    Signature,
}

impl Unreadable {
    /// The reason in one line. The JSON reader quotes what it did not expect, however long that is, so it is cut.
    pub fn reason(&self) -> String {
        cut(&crate::chain(self))
    }
}

/// The report in a message, and its proof.
///
/// # Errors
/// When there is none that this version can read, or the proof's signature is not good.
pub fn read(body: &str) -> Result<Said, Unreadable> {
    let message = bare(body)?;
    match proof::split(&message).map_err(Unreadable::NotAProof)? {
        None => Ok(Said { event: fit(report::read(message.as_bytes())?)?, proof: None }),
        Some((event, proof)) if is_good(&event, &proof) => {
            Ok(Said { event: fit(report::read(event.as_bytes())?)?, proof: Some(proof) })
        }
        Some(_) => Err(Unreadable::Signature),
    }
}

/// The report in a message that was taken in before: its proof was seen to then.
///
/// # Errors
/// When there is none that this version can read.
pub fn event(body: &str) -> Result<Event, Unreadable> {
    let message = bare(body)?;
    let signed = proof::split(&message).map_err(Unreadable::NotAProof)?;
    fit(report::read(signed.map_or_else(|| message.into_owned(), |(event, _)| event).as_bytes())?)
}

/// Strictly, as RFC 8032 has it and more: of one text and key there is one signature, and no key that fits many.
fn is_good(event: &str, proof: &Proof) -> bool {
    let key = VerifyingKey::from_bytes(&proof.key.0.0);
    let signature = ed25519_dalek::Signature::from_bytes(&proof.signature.0);
    key.is_ok_and(|key| key.verify_strict(&proof.signed(event), &signature).is_ok())
}

/// The message itself: bare, or in the envelope that SNS puts round it without raw delivery.
fn bare(body: &str) -> Result<Cow<'_, str>, Unreadable> {
    if body.len() > MAX_MESSAGE {
        return Err(Unreadable::TooLarge(body.len()));
    }
    /// What SNS puts round a message; a report has neither.
    #[derive(Deserialize)]
    struct Outer<'m> {
        #[serde(rename = "Type", borrow)]
        kind: Option<Cow<'m, str>>,
        #[serde(rename = "Message", borrow)]
        message: Option<Cow<'m, str>>,
    }
    // What SNS puts round a message has this, and few messages do.
    if !body.contains("\"Type\"") {
        return Ok(body.into());
    }
    let outer: Outer<'_> = serde_json::from_str(body).map_err(report::ReadError::Json)?;
    match (outer.kind.as_deref(), outer.message) {
        (None, _) => Ok(body.into()),
        (Some("Notification"), Some(message)) => Ok(message),
        (Some(kind), _) => Err(Unreadable::NotAnAccount(cut(kind))),
    }
}

/// Whatever a report tells is its sender's to choose, and goes onto pages beside everybody else's. What an agent never does is
/// refused, and texts are cut to what a page can show.
fn fit(mut event: Event) -> Result<Event, Unreadable> {
    let Report { epoch, stacks, happened, holds, approvals, rollbacks, problems, .. } = &event.data;
    let most = |what, found: usize, most: usize| {
        if found > most { Err(Unreadable::TooMuch { what, found, most }) } else { Ok(()) }
    };
    most("letters of an epoch", epoch.len(), 64)?;
    most("stacks", stacks.len(), 2_500)?;
    most("things that happened", happened.len(), 100)?;
    most("holds, approvals and rollbacks", holds.len() + approvals.len() + rollbacks.len(), 300)?;
    most("problems", problems.len(), 50)?;
    for stack in stacks {
        most("controls of a stack", stack.provides.len(), 50)?;
        let drifted = stack.drift.iter().flat_map(|drift| &drift.drifted);
        most("changed resources of a stack", drifted.clone().count(), 20)?;
        drifted.clone().try_for_each(|one| most("paths of a resource", one.paths.len(), 8))?;
    }
    shorten(&mut event.data);
    // As the store keeps times: two envelopes of one report are one report.
    event.time = crate::journal::whole(event.time);
    Ok(event)
}

/// Cuts texts.
fn shorten(report: &mut Report) {
    /// A name, and a sentence.
    const NAME: usize = 128;
    const SENTENCE: usize = 1_024;
    fn to(text: &mut String, most: usize) {
        if text.len() > most {
            *text = text.chars().take(most).collect();
        }
    }
    let Report { account_name, agent, source, why, closed, stacks, holds, pin, approvals, rollbacks, happened, .. } =
        report;
    let texts = [why, closed, &mut source.signer, &mut source.distrust, &mut source.trouble];
    texts.into_iter().flatten().for_each(|text| to(text, SENTENCE));
    account_name.iter_mut().chain([&mut agent.version]).for_each(|text| to(text, NAME));
    if let Some(update) = &mut agent.update {
        to(&mut update.wanted, NAME);
        to(&mut update.why, SENTENCE);
    }
    for stack in stacks {
        stack.why.iter_mut().chain(&mut stack.status).for_each(|text| to(text, SENTENCE));
        stack.provides.iter_mut().for_each(|text| to(text, NAME));
        if let Some(drift) = &mut stack.drift {
            drift.why.iter_mut().for_each(|text| to(text, SENTENCE));
            for one in &mut drift.drifted {
                to(&mut one.resource, 255);
                to(&mut one.kind, 255);
                one.paths.iter_mut().for_each(|text| to(text, 255));
                [&mut one.by, &mut one.from, &mut one.call].into_iter().flatten().for_each(|text| to(text, 255));
            }
        }
    }
    happened.iter_mut().for_each(|one| to(&mut one.sentence, SENTENCE));
    let held = holds.iter_mut().flat_map(|it| [&mut it.reason, &mut it.by]);
    let pinned = pin.iter_mut().flat_map(|it| [&mut it.reason, &mut it.by]);
    let approved = approvals.iter_mut().flat_map(|it| [&mut it.reason, &mut it.by]);
    let sent = rollbacks.iter_mut().flat_map(|it| [&mut it.reason, &mut it.by]);
    held.chain(pinned).chain(approved).chain(sent).for_each(|text| to(text, 255));
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{MAX_MESSAGE, read};
    use serde_json::{Value, json};

    /// A report of account 111111111111, as an agent would write it.
    pub(crate) fn report(sequence: u64, state: &str) -> Value {
        json!({
            "specversion": "1.0", "id": format!("a-{sequence}"), "source": "/holdfast/111111111111",
            "type": "holdfast.report.v1", "subject": "111111111111", "time": "2026-05-01T12:00:00Z",
            "datacontenttype": "application/json",
            "data": {
                "account": "111111111111", "accountName": "sandbox", "epoch": "a", "sequence": sequence, "state": state,
                "agent": { "version": "0.1.0", "region": "eu-central-1" },
                "source": {
                    "repository": "https://git.example/fleet", "branch": "main", "signature": "not-checked",
                    "applied": "main@sha1:0f3c2aa000000000000000000000000000000000",
                    "attempted": "main@sha1:9d1e77b000000000000000000000000000000000",
                },
                "happened": [{
                    "at": "2026-05-01T11:59:58Z", "what": "created", "region": "eu-central-1", "stack": "alerts",
                    "sentence": "created in 12 s",
                }],
            },
        })
    }

    pub(crate) fn sns(message: &str) -> Value {
        json!({ "Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:eu-central-1:999999999999:reports",
            "Message": message, "Timestamp": "2026-05-01T12:00:01.000Z" })
    }

    fn check(body: &str, expect: &str) {
        let told = read(body).map_or_else(|unreadable| unreadable.reason(), |said| format!("report {}", said.event.id));
        assert!(told.contains(expect) && told.len() < 1_000, "{expect} / {told}");
    }

    #[test]
    fn a_report_is_read_bare_and_in_an_envelope() {
        let report = report(7, "in-sync");
        check(&report.to_string(), "report a-7");
        check(&sns(&report.to_string()).to_string(), "report a-7");
    }

    #[test]
    fn what_is_no_report_is_told_with_a_short_reason() {
        check("", "the message is not a report: EOF");
        check("[]", "the message is not a report");
        check("{}", "the message is not a report: missing field");
        check(&sns("hello").to_string(), "the message is not a report: expected value");
        check(&json!({ "Type": "SubscriptionConfirmation", "Message": "m" }).to_string(), "`SubscriptionConfirmation`");
        check(&json!({ "Type": "Notification" }).to_string(), "`Notification`");
        check(&json!({ "type": "holdfast.report.v9", "data": {} }).to_string(), "of type `holdfast.report.v9`");
        check(&json!({ "type": "x".repeat(9_000) }).to_string(), "of type `xxx");
        let mut other = report(1, "in-sync");
        other["data"]["sequence"] = "x".repeat(9_000).into();
        check(&other.to_string(), "the message is not a report: invalid type: string \"xxx");
    }

    #[test]
    fn more_than_an_agent_tells_is_refused_and_longer_than_a_page_can_show_is_cut() {
        let with = |change: &dyn Fn(&mut Value)| {
            let mut report = report(1, "in-sync");
            change(&mut report["data"]);
            report.to_string()
        };
        let happened = report(1, "in-sync")["data"]["happened"][0].clone();
        check(
            &with(&|data| data["happened"] = vec![happened.clone(); 101].into()),
            "it tells of 101 things that happened",
        );
        check(&with(&|data| data["epoch"] = "e".repeat(65).into()), "it tells of 65 letters of an epoch");
        let stack = json!({"manifest": "m", "region": "eu-central-1", "stack": "s", "state": "in-sync"});
        check(&with(&|data| data["stacks"] = vec![stack.clone(); 2_501].into()), "it tells of 2501 stacks");
        let long = read(&with(&|data| {
            data["accountName"] = "ä".repeat(5_000).into();
            data["why"] = "w".repeat(5_000).into();
        }));
        let report = long.unwrap().event.data;
        assert_eq!((report.account_name.unwrap().chars().count(), report.why.unwrap().len()), (128, 1_024));
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused_in_either_form() {
        let twice = report(1, "in-sync").to_string().replacen('{', r#"{"subject":"222222222222","#, 1);
        check(&twice, "duplicate field `subject`");
        check(&sns(&twice).to_string(), "duplicate field `subject`");
    }

    #[test]
    fn a_message_that_is_too_large_is_not_looked_at() {
        check(&" ".repeat(MAX_MESSAGE + 1), "has 262145 bytes");
        let report = report(1, "in-sync").to_string();
        check(&(report.clone() + &" ".repeat(MAX_MESSAGE - report.len())), "report a-1");
    }
}
