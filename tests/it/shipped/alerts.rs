//! People are told by the shipped hub, through a topic: of what fails, and of what is well again.

use crate::{
    binary::{Ran, hub as program, until},
    site::Site,
    world::HOME,
};
use serde_json::{Value, json};
use std::process::Command;

const HUB: &str = "999999999999";

/// A queue for reports, a topic that people are told through, and a queue that stands for somebody's mailbox.
const PLACE: &str = "Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: reports}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: alerts}}
  Mailbox: {Type: AWS::SQS::Queue, Properties: {QueueName: mailbox}}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Mailbox.Arn}
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Mailbox]
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: sns.amazonaws.com}, Action: sqs:SendMessage, Resource: !GetAtt Mailbox.Arn}]
";

fn place() -> Site {
    let site = Site::of(&[]);
    site.operator_of(HUB, HOME).create("hub", PLACE);
    until("topic and queues", || site.operator_of(HUB, HOME).status("hub").as_deref() == Some("CREATE_COMPLETE"));
    let file = format!(
        "apiVersion: holdfast/v1\nkind: Alerts\nspec:\n  link: https://hub.example\n  settle: 0s\n  routes:\n    \
         - {{name: mail, to: {{sns: {{topic: 'arn:aws:sns:{HOME}:{HUB}:alerts'}}}}}}\n"
    );
    std::fs::write(site.file("alerts.yaml"), file).unwrap();
    site
}

fn hub(site: &Site, arguments: &[&str]) -> Command {
    let mut hub = program(site.home(), arguments);
    site.credentials(&mut hub, HUB);
    let queue = format!("{}/{HUB}/reports", site.url());
    hub.env("HOLDFAST_HUB_STORE", site.file("hub.sqlite")).env("HOLDFAST_HUB_QUEUE", queue);
    hub.env("HOLDFAST_HUB_ALERTS", site.file("alerts.yaml"));
    hub
}

/// Reads what came, tells what there is to tell, and ends.
#[track_caller]
fn once(site: &Site) {
    let ran = Ran::of(&mut hub(site, &["run", "--once", "--late", "3000d", "--silent", "3000d"]));
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:#?}");
}

fn says(site: &Site, sequence: u64, state: &str) {
    let id = "100000000020";
    let event = json!({
        "specversion": "1.0", "id": format!("a-{sequence}"), "source": format!("/holdfast/{id}"), "type": "holdfast.report.v1",
        "subject": id, "time": format!("2026-05-01T12:0{sequence}:00Z"), "datacontenttype": "application/json",
        "data": {
            "account": id, "accountName": "shop", "epoch": "a", "sequence": sequence, "state": state,
            "why": (state != "in-sync").then_some("alerts: access is denied"),
            "agent": {"version": "0.1.0", "region": HOME},
            "source": {"repository": "https://git.example/fleet", "branch": "main", "signature": "good"},
        },
    });
    let queue = format!("{}/{HUB}/reports", site.url());
    let call = json!({ "QueueUrl": queue, "MessageBody": event.to_string() });
    let operator = site.operator_of(HUB, HOME);
    let (status, answer) = operator.json("sqs", "application/x-amz-json-1.0", "AmazonSQS.SendMessage", &call);
    assert_eq!(status, 200, "{answer}");
}

/// The next mail: its subject, its text and what it can be sorted by; `None` when there is none.
fn mail(site: &Site) -> Option<(String, String, Value)> {
    let body = site.operator_of(HUB, HOME).receive("mailbox");
    let envelope: Value = serde_json::from_str(&body).ok()?;
    let text = |name: &str| envelope[name].as_str().unwrap().to_owned();
    Some((text("Subject"), text("Message"), envelope["MessageAttributes"].clone()))
}

#[test]
fn an_account_that_fails_is_told_by_mail_and_so_is_that_it_is_well_again() {
    let site = place();
    says(&site, 1, "in-sync");
    once(&site);
    assert_eq!(mail(&site), None);
    says(&site, 2, "failed");
    once(&site);
    let (subject, text, sorted) = mail(&site).expect("a mail");
    assert_eq!(subject, "Holdfast [error] shop (100000000020) failed");
    assert!(text.contains("\nwhy: alerts: access is denied\n"), "{text}");
    assert!(text.ends_with("\nhttps://hub.example/accounts/100000000020\n"), "{text}");
    for (name, value) in [("severity", "error"), ("what", "began"), ("account", "100000000020"), ("state", "failed")] {
        assert_eq!(sorted[name]["Value"], value, "{sorted}");
    }
    let listed = Ran::of(&mut hub(&site, &["fleet", "alerts", "-o", "json"])).json();
    assert_eq!((&listed["rows"][0]["state"], &listed["rows"][0]["ended"]), (&json!("failed"), &Value::Null));
    // Whoever begins anew tells nothing twice.
    once(&site);
    assert_eq!(mail(&site), None);
    says(&site, 3, "in-sync");
    once(&site);
    let (subject, _, sorted) = mail(&site).expect("another mail");
    assert!(subject.starts_with("Holdfast [recovered] shop (100000000020) is well again after "), "{subject}");
    assert_eq!(sorted["what"]["Value"], "recovered");
    once(&site);
    assert_eq!(mail(&site), None);
}

#[test]
fn a_file_is_looked_through_and_a_route_is_tried_out() {
    let site = place();
    let file = site.file("alerts.yaml");
    let file = file.to_str().unwrap();
    let ran = Ran::of(&mut hub(&site, &["alerts", file]));
    let says = format!("mail: warnings and errors to arn:aws:sns:{HOME}:{HUB}:alerts\n");
    assert_eq!((ran.code, &*ran.stdout), (Some(0), &*says), "{ran:#?}");
    let ran = Ran::of(&mut hub(&site, &["alerts", file, "--test", "mail"]));
    assert_eq!((ran.code, &*ran.stdout), (Some(0), "the route `mail` took it\n"), "{ran:#?}");
    let (subject, ..) = mail(&site).expect("a mail");
    assert_eq!(subject, "Holdfast [test] a test of the route mail: nothing is wrong");
    let ran = Ran::of(&mut hub(&site, &["alerts", file, "--test", "mails"]));
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stderr.contains("did you mean `mail`?"), "{ran:#?}");
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replace(":alerts'", ":nobody'")).unwrap();
    let ran = Ran::of(&mut hub(&site, &["alerts", file, "--test", "mail"]));
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    assert!(ran.stderr.contains("the route was not told: sns:Publish failed: NotFound"), "{ran:#?}");
    std::fs::write(file, text.replace("settle", "setle")).unwrap();
    for arguments in [&["alerts", file][..], &["run", "--once"]] {
        let ran = Ran::of(&mut hub(&site, arguments));
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(
            ran.stderr.contains("alerts.yaml:5:3: unknown field `setle`\n  hint: did you mean `settle`?"),
            "{ran:#?}"
        );
    }
}
