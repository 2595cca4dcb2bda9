//! A message's text in, a report or a reason out. The size is looked at before the content.
//!
//! Deliberately not here: whether the sender is who the report says. `fleet` holds the envelope against the report;
//! proof needs signatures, which this version does not have.

use manifests::report::{self, Event, MAX_MESSAGE};
use serde_json::Value;

/// Why a message is no report.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It was not even looked at.
    #[error("the message has {0} bytes, at most {MAX_MESSAGE} are read")]
    TooLarge(usize),
    /// SNS speaks for itself, not for an account.
    #[error("the message is SNS's own `{0}`, not a report")]
    NotAnAccount(String),
    /// It, or what SNS passed on in it, is no report that this version can read.
    #[error(transparent)]
    NotAReport(#[from] report::ReadError),
}

impl Unreadable {
    /// The reason in one line. The JSON reader quotes what it did not expect, however long that is, so it is cut.
    pub fn reason(&self) -> String {
        cut(&crate::chain(self))
    }
}

/// The report in a message: bare, or in the envelope that SNS puts round it without raw delivery.
///
/// # Errors
/// When there is none that this version can read.
pub fn read(body: &str) -> Result<Event, Unreadable> {
    if body.len() > MAX_MESSAGE {
        return Err(Unreadable::TooLarge(body.len()));
    }
    let outer: Value = serde_json::from_str(body).map_err(report::ReadError::Json)?;
    let text = |key| outer.get(key).and_then(Value::as_str);
    match (text("Type"), text("Message")) {
        (None, _) => Ok(report::read(body.as_bytes())?),
        (Some("Notification"), Some(message)) => Ok(report::read(message.as_bytes())?),
        (Some(kind), _) => Err(Unreadable::NotAnAccount(cut(kind))),
    }
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
        let told = read(body).map_or_else(|unreadable| unreadable.reason(), |event| format!("report {}", event.id));
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
