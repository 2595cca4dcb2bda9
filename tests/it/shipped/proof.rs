//! Whose a report is: the agent signs, the hub asks STS once, and then nobody else speaks for the account.

use crate::{
    binary::{Ran, hub as program},
    site::Site,
    world::HOME,
};
use manifests::report::State;
use serde_json::{Value, json};
use sim::fault::Fault;

const HUB: &str = "999999999999";

/// Makes the hub's topic and queue, and answers the topic's ARN. What is received and not deleted is there again after a second.
fn topic(site: &Site) -> String {
    let hub = include_str!("../../demo/src/hub.yaml")
        .replace("QueueName: reports }", "QueueName: reports, VisibilityTimeout: 1 }");
    site.operator_of(HUB, HOME).create("hub", &hub);
    format!("arn:aws:sns:{HOME}:{HUB}:reports")
}

fn run(site: &Site, arguments: &[&str]) -> Ran {
    let queue = format!("{}/{HUB}/reports", site.url());
    let mut hub = program(site.home(), &[&["run", "--once", "-o", "json", "--queue", &queue], arguments].concat());
    site.credentials(&mut hub, HUB);
    Ran::of(hub.env("HOLDFAST_HUB_STORE", site.file("hub.sqlite")))
}

/// The picture that the hub shows last.
#[track_caller]
fn picture(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

fn sends(site: &Site, body: &str) {
    let queue = format!("{}/{HUB}/reports", site.url());
    let call = json!({ "QueueUrl": queue, "MessageBody": body });
    let operator = site.operator_of(HUB, HOME);
    let (status, answer) = operator.json("sqs", "application/x-amz-json-1.0", "AmazonSQS.SendMessage", &call);
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn an_account_that_has_proven_its_key_speaks_through_it_alone() {
    let site = Site::of(&[("base", "")]);
    let topic = topic(&site);
    let tell = |expect| site.once_with(&["--topic", &topic, "--heartbeat", "0s"]).expect(expect, 0);
    let asked = || site.called("sts:GetCallerIdentity");
    tell(State::InSync);
    assert_eq!((site.called("ssm:GetParameter"), site.called("ssm:PutParameter") > 0), (1, true));
    let before = asked();
    let seen = picture(&run(&site, &["--topic", &topic]));
    assert_eq!((&seen["senders"], asked() - before), (&json!({"proven": 1, "unproven": 0}), 1));
    tell(State::InSync);
    let before = asked();
    let mut forged: Value =
        serde_json::from_str(include_str!("../../../manifests/tests/fixtures/report.v1.settled.json")).unwrap();
    (forged["subject"], forged["source"]) = ("111111111111".into(), "/holdfast/111111111111".into());
    forged["data"]["account"] = "111111111111".into();
    (forged["data"]["epoch"], forged["data"]["sequence"]) = ("zzzz".into(), 9.into());
    sends(&site, &forged.to_string());
    let seen = picture(&run(&site, &["--topic", &topic]));
    assert_eq!(asked(), before, "a key that is known is nobody's question");
    assert_eq!(seen["quarantine"][0]["reason"], "111111111111 signs its reports, and this one is not signed");
    assert_eq!((&seen["senders"]["proven"], seen["accounts"][0]["report"] == "zzzz-9"), (&json!(1), false));
}

#[test]
fn what_sts_can_not_be_asked_about_stays_on_the_queue() {
    let site = Site::of(&[("base", "")]);
    let topic = topic(&site);
    site.once_with(&["--topic", &topic]).expect(State::InSync, 0);
    site.fault("sts:GetCallerIdentity", None, Fault::Server { status: 503 });
    let ran = run(&site, &["--topic", &topic]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stderr.contains("some reports stay on the queue: STS can't be asked whose key that is"), "{ran:#?}");
    site.calm();
    let later = std::iter::repeat_with(|| picture(&run(&site, &["--topic", &topic])));
    let seen = later.take(60).find(|seen| seen["accounts"].as_array().unwrap().len() == 1);
    assert_eq!(seen.unwrap()["senders"], json!({"proven": 1, "unproven": 0}));
}

#[test]
fn a_hub_that_asks_for_proof_refuses_what_has_none() {
    let site = Site::of(&[("base", "")]);
    let topic = topic(&site);
    let report = include_str!("../../../manifests/tests/fixtures/report.v1.settled.json");
    sends(&site, report);
    let seen = picture(&run(&site, &["--topic", &topic]));
    assert_eq!(seen["quarantine"][0]["reason"], "it is not signed, and this hub takes no report without proof");
    sends(&site, &report.replace("\"sequence\": ", "\"sequence\": 1"));
    let seen = picture(&run(&site, &["--topic", &topic, "--unproven", "allow"]));
    assert_eq!(seen["senders"], json!({"proven": 0, "unproven": 1}));
    let ran = run(&site, &["--topic", "arn:aws:sqs:eu-central-1:999999999999:reports"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
}
