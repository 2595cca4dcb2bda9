//! The report on the wire: version 1 is what these fixtures say, for good.

use manifests::report::{self, Event, MAX_MESSAGE, ReadError, Signature, State, What};
use serde_json::Value;

const SETTLED: &str = include_str!("../fixtures/report.v1.settled.json");
const BUSY: &str = include_str!("../fixtures/report.v1.busy.json");
const NEWER: &str = include_str!("../fixtures/report.v1.newer.json");

fn read(text: &str) -> Event {
    report::read(text.as_bytes()).expect("the fixture is a report")
}

#[test]
fn every_report_ever_sent_is_still_read_and_written_alike() {
    for fixture in [SETTLED, BUSY] {
        let written = serde_json::to_value(read(fixture)).expect("an event is JSON");
        let fixture: Value = serde_json::from_str(fixture).expect("the fixture is JSON");
        assert_eq!(written, fixture);
    }
}

#[test]
fn a_newer_agents_words_and_fields_are_let_pass() {
    let event = read(NEWER);
    assert_eq!(event.data.state, State::Unknown);
    assert_eq!(event.data.source.signature, Signature::Unknown);
    assert_eq!(event.data.stacks[0].state, State::Unknown);
    assert_eq!(event.data.happened[0].what, What::Unknown);
    let again = serde_json::to_string(&event).expect("an event is JSON");
    assert_eq!(read(&again), event);
}

#[test]
fn what_is_no_report_is_told_apart() {
    let told =
        |message: &[u8]| report::read(message).map_err(|error| error.to_string()).expect_err("this is no report");
    assert_eq!(told(&vec![b' '; MAX_MESSAGE + 1]), "the message has 262145 bytes, at most 262144 are read");
    assert_eq!(
        told(SETTLED.replace("report.v1", "report.v2").as_bytes()),
        "the message is of type `holdfast.report.v2`, and `holdfast.report.v1` is read here: a newer agent needs a newer hub"
    );
    for message in [&b""[..], b"{}", b"\xff", b"[1]", &b"[".repeat(100_000), br#"{"type": "holdfast.report.v1"}"#] {
        assert!(matches!(report::read(message), Err(ReadError::Json(_))));
    }
    assert!(report::read(SETTLED.replace("012345678901", "12345678901").as_bytes()).is_err());
}

/// The largest account that one message can carry: CloudFormation's default quota is 2,000 stacks per region.
#[test]
fn five_hundred_stacks_with_long_sentences_fit_into_a_message() {
    let mut event = read(BUSY);
    let mut stack = event.data.stacks[0].clone();
    stack.why = Some("x".repeat(200));
    event.data.stacks = vec![stack; 500];
    let message = serde_json::to_vec(&event).expect("an event is JSON");
    assert!(message.len() < MAX_MESSAGE * 4 / 5, "{} bytes", message.len());
    assert_eq!(report::read(&message).expect("a report"), event);
}
