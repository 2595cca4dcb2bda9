//! The hub's store: whatever happens to the hub, what was taken off its queue is on its disk, once and as it came.

use crate::{
    binary::{Ran, Running, hub as program, until},
    site::Site,
    world::HOME,
};
use serde_json::{Value, json};
use sim::fault::Fault;
use std::{
    io::Write,
    process::{Command, Stdio},
};

const HUB: &str = "999999999999";
/// What is received and not deleted is there again after a second.
const QUEUE: &str =
    "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: reports, VisibilityTimeout: 1}}}";

/// A queue for reports.
pub(super) fn place() -> Site {
    let site = Site::of(&[]);
    site.operator_of(HUB, HOME).create("hub", QUEUE);
    until("the queue", || site.operator_of(HUB, HOME).status("hub").as_deref() == Some("CREATE_COMPLETE"));
    site
}

fn url(site: &Site) -> String {
    format!("{}/{HUB}/reports", site.url())
}

pub(super) fn hub(site: &Site, arguments: &[&str]) -> Command {
    let mut hub = program(site.home(), arguments);
    site.credentials(&mut hub, HUB);
    hub.env("HOLDFAST_HUB_STORE", site.file("hub.sqlite")).env("HOLDFAST_HUB_QUEUE", url(site));
    hub
}

fn run(site: &Site, arguments: &[&str]) -> Ran {
    Ran::of(&mut hub(site, arguments))
}

/// An account reports.
pub(super) fn reports(site: &Site, account: usize, sequence: u64) {
    let fixture = include_str!("../../../manifests/tests/fixtures/report.v1.settled.json");
    let mut event: Value = serde_json::from_str(fixture).unwrap();
    let account = format!("{:012}", 100_000_000_000 + account);
    event["subject"] = account.clone().into();
    event["source"] = format!("/holdfast/{account}").into();
    (event["data"]["account"], event["data"]["epoch"]) = (account.into(), "a".into());
    (event["id"], event["data"]["sequence"]) = (format!("a-{sequence}").into(), sequence.into());
    sends(site, &event.to_string());
}

pub(super) fn sends(site: &Site, body: &str) {
    let call = json!({ "QueueUrl": url(site), "MessageBody": body });
    let operator = site.operator_of(HUB, HOME);
    let (status, answer) = operator.json("sqs", "application/x-amz-json-1.0", "AmazonSQS.SendMessage", &call);
    assert_eq!(status, 200, "{answer}");
}

pub(super) fn called(site: &Site, call: &str) -> u64 {
    site.calls_of(HUB).get(call).copied().unwrap_or_default()
}

/// How many entries the store has, all of them as they were received.
#[track_caller]
fn verified(site: &Site) -> u64 {
    let ran = run(site, &["verify"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.stdout.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_hub_that_is_killed_again_and_again_loses_nothing_and_keeps_nothing_twice() {
    const ACCOUNTS: usize = 24;
    let site = place();
    for sequence in 1..=10 {
        (0..ACCOUNTS).for_each(|account| reports(&site, account, sequence));
    }
    let killed = |call: &str, calls: u64| {
        let before = called(&site, call);
        let running = Running::start(&mut hub(&site, &["run", "-o", "json"]));
        until("it to be at work", || called(&site, call) > before + calls);
        drop(running.kill());
    };
    // Nothing can be deleted: what was kept comes again.
    site.fault("sqs:DeleteMessageBatch", None, Fault::Denied);
    // (Some are asked for at once.)
    killed("sqs:ReceiveMessage", 8);
    site.calm();
    assert!(verified(&site) > 0);
    // Killed while it reads, keeps or deletes: whichever it is at when a call was just made.
    for round in 0..12 {
        killed(if round % 2 == 0 { "sqs:ReceiveMessage" } else { "sqs:DeleteMessageBatch" }, round % 3);
        (0..ACCOUNTS).for_each(|account| reports(&site, account, 11 + round));
    }
    until("all of it to be kept", || {
        let ran = run(&site, &["run", "--once"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        verified(&site) == ACCOUNTS as u64 * 22
    });
    let picture = run(&site, &["replay", "-o", "json"]).json();
    let accounts = picture["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), ACCOUNTS);
    for account in accounts {
        assert_eq!((&account["report"], &account["missing"]), (&json!("a-22"), &json!([])));
    }
}

#[test]
fn what_does_not_fit_stays_on_the_queue_until_there_is_room() {
    let site = place();
    (1..=200).for_each(|sequence| reports(&site, 1, sequence));
    let ran = run(&site, &["run", "--once", "--quota", "0", "--store-size", "384KiB"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.stderr.contains("there is no room to keep more; messages stay on the queue"), "{ran:#?}");
    let kept = verified(&site);
    assert!((1..200).contains(&kept), "{kept}");
    until("the rest to come again", || {
        assert_eq!(run(&site, &["run", "--once", "--quota", "0"]).code, Some(0));
        verified(&site) == 200
    });
}

#[test]
fn a_journal_goes_from_one_store_to_another_and_says_what_was_done_to_it() {
    let site = place();
    (1..=3).for_each(|sequence| reports(&site, 1, sequence));
    sends(&site, "no report");
    assert_eq!(run(&site, &["run", "--once"]).code, Some(0));
    let before = called(&site, "sqs:ReceiveMessage");
    let other = Running::start(&mut hub(&site, &["run"]));
    until("another hub to listen", || called(&site, "sqs:ReceiveMessage") > before);
    let second = run(&site, &["run", "--once"]);
    assert_eq!(second.code, Some(4), "{second:#?}");
    assert!(second.stderr.contains("another hub has"), "{second:#?}");
    let exported = run(&site, &["export"]);
    assert_eq!((exported.code, exported.stdout.lines().count()), (Some(0), 5), "while the other one runs");
    drop(other.terminate());
    let import = |text: &str| {
        let copy = site.file("copy.sqlite");
        let mut import = hub(&site, &["import"]);
        import.env("HOLDFAST_HUB_STORE", &copy).stdin(Stdio::piped());
        let mut child = import.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap());
        (ran, Ran::of(hub(&site, &["verify"]).env("HOLDFAST_HUB_STORE", &copy)))
    };
    let (cut, _) = import(exported.stdout.lines().next().unwrap());
    assert_eq!(cut.code, Some(5), "{cut:#?}");
    assert!(cut.stderr.contains("it ends after 1 entries without its last line"), "{cut:#?}");
    let (ran, copy) = import(&exported.stdout);
    assert_eq!((ran.code, copy.stdout), (Some(0), run(&site, &["verify"]).stdout), "{ran:#?}");
    let (changed, _) = import(&exported.stdout.replace("no report", "a report"));
    assert_eq!(changed.code, Some(5), "{changed:#?}");
    let noted = run(&site, &["verify"]).stdout.lines().nth(1).unwrap().to_owned();
    assert_eq!(run(&site, &["verify", "--noted", &noted]).code, Some(0));
    let other = run(&site, &["verify", "--noted", &format!("2{}", &noted[1..])]);
    assert_eq!(
        (other.code, other.stderr.contains("entry 2 is not the one that was noted")),
        (Some(5), true),
        "{other:#?}"
    );
    assert_eq!(run(&site, &["verify", "--noted", "2"]).code, Some(2));
    let table = run(&site, &["replay"]).stdout;
    assert!(table.contains("100000000001") && table.contains("quarantine"), "{table}");
    let before = run(&site, &["replay", "--until", "2020-01-01T00:00:00Z"]).stdout;
    assert!(before.contains("no account has spoken yet"), "{before}");
    let nowhere = Ran::of(hub(&site, &["verify"]).env("HOLDFAST_HUB_STORE", site.file("nowhere")));
    assert_eq!(nowhere.code, Some(4), "{nowhere:#?}");
    assert!(!site.file("nowhere").exists());
}

#[test]
fn who_should_speak_and_does_not_is_said() {
    let site = place();
    let list = |accounts: &[usize]| {
        let line = |account: &usize| format!("    - {{id: '{:012}', name: a{account}}}\n", 100_000_000_000 + account);
        let head = "apiVersion: holdfast/v1\nkind: Accounts\nmetadata: {name: all}\nspec:\n  accounts:\n";
        std::fs::write(site.file("accounts.yaml"), head.to_owned() + &accounts.iter().map(line).collect::<String>())
            .unwrap();
    };
    // What they report is of last year.
    reports(&site, 1, 1);
    reports(&site, 3, 1);
    list(&[1, 2]);
    let file = site.file("accounts.yaml");
    let with = |arguments: &[&str]| Ran::of(hub(&site, arguments).env("HOLDFAST_HUB_ACCOUNTS", &file));
    let ran = with(&["run", "--once"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    for text in [
        "fleet  0 of 2 accounts in sync, 0 of ",
        ", 2 silent, 1 not ready, 1 unexpected\n",
        " d ago (silent) (unexpected)\n",
        "not ready  100000000002 a2\n",
    ] {
        assert!(ran.stdout.contains(text), "{text:?} is missing in\n{}", ran.stdout);
    }
    let picture = with(&["replay", "-o", "json", "--late", "3000d", "--silent", "3000d"]).json();
    assert_eq!(picture["compliance"]["accountsGood"], json!(1));
    assert_eq!(picture["notReady"][0], json!({"account": "100000000002", "name": "a2"}));
    assert_eq!(picture["freshness"], json!({"fresh": 2}));
    list(&[]);
    let nobody = with(&["replay"]);
    assert_eq!(nobody.code, Some(2), "{nobody:#?}");
}
