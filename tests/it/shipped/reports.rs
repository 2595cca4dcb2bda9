//! Reports on their way: SNS, SQS, and the hub that reads them.

use crate::{
    binary::{Ran, hub as program},
    site::Site,
    world::HOME,
};
use manifests::report::{Event, State};
use serde_json::Value;
use std::collections::BTreeSet;

/// The hub's own account.
const HUB: &str = "999999999999";

/// Makes the hub's topic and queue, and answers the topic's ARN.
pub(super) fn hub(site: &Site) -> String {
    site.operator_of(HUB, HOME).create("hub", include_str!("../../demo/src/hub.yaml"));
    format!("arn:aws:sns:{HOME}:{HUB}:reports")
}

/// What the hub shows of what came since it was asked last.
#[track_caller]
fn watch(site: &Site, form: &str) -> Ran {
    let queue = format!("{}/{HUB}/reports", site.url());
    let mut hub = program(site.home(), &["watch", "--once", "-o", form, "--queue", &queue]);
    site.credentials(&mut hub, HUB);
    let ran = Ran::of(&mut hub);
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:#?}");
    ran
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_hub_shows_what_the_agent_reports() {
    let site = Site::of(&[("base", ""), ("broken", "parameters: {Value: {ssm: /missing}}")]);
    let topic = hub(&site);
    let turn = site.once_with(&["--topic", &topic]).expect(State::Failed, 1);
    let all = lines(&watch(&site, "json"));
    let (picture, news) = all.split_last().unwrap();
    let kinds: Vec<&str> = news.iter().map(|line| line["happening"]["what"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["accepted", "created"]);
    let row = &picture["accounts"][0];
    assert_eq!((&row["account"], &row["state"]), (&Value::from("111111111111"), &Value::from("failed")));
    assert_eq!(row["why"].as_str(), turn.report.why.as_deref(), "the same sentence everywhere");
    assert_eq!(row["report"], format!("{}-1", turn.report.epoch));
    let table = watch(&site, "table").stdout;
    assert!(!table.contains("111111111111"), "what was read is off the queue: {table}");
}

#[test]
fn a_settled_account_is_quiet_until_its_heartbeat() {
    let site = Site::of(&[("base", "")]);
    let topic = hub(&site);
    let told = |more: &[&str]| site.once_with(&[&["--topic", &topic], more].concat()).expect(State::InSync, 0).report;
    let first = told(&[]);
    assert_eq!((first.sequence, site.called("sns:Publish")), (1, 1));
    told(&[]);
    assert_eq!(site.called("sns:Publish"), 1);
    let beat = told(&["--heartbeat", "0s"]);
    assert_eq!((beat.sequence, site.called("sns:Publish")), (2, 2));
    assert_eq!(beat.epoch, first.epoch);
    site.operator().ssm("DeleteParameter", &serde_json::json!({ "Name": "/holdfast/memory" }));
    let anew = told(&[]);
    assert_eq!(anew.sequence, 1);
    assert!(anew.epoch > first.epoch, "a later memory sorts after an earlier one");
    let row = lines(&watch(&site, "json")).pop().unwrap()["accounts"][0].clone();
    assert_eq!((&row["report"], &row["missing"]), (&format!("{}-1", anew.epoch).into(), &Value::Array(vec![])));
}

#[test]
fn what_is_sent_is_what_once_prints_in_its_envelope() {
    let site = Site::of(&[("base", "")]);
    let topic = hub(&site);
    let mut turn = site.once_with(&["--topic", &topic]);
    let sent = site.operator_of(HUB, HOME).receive("reports");
    let mut event: Event = serde_json::from_str(&sent).unwrap();
    // Printed last, it counts the calls that sending took.
    assert!(event.data.calls.iter().all(|(call, count)| turn.report.calls[call] >= *count), "{turn:#?}");
    (event.data.calls, turn.report.calls) = Default::default();
    assert_eq!(event.data, turn.report);
    assert_eq!(event.id, format!("{}-{}", turn.report.epoch, turn.report.sequence));
    assert_eq!(event.source, "/holdfast/111111111111");
}

#[test]
fn two_accounts_at_one_hub() {
    let site = Site::of(&[("base", "")]);
    let topic = hub(&site);
    for account in ["111111111111", "222222222222"] {
        let mut agent = site.agent(&["once", "--topic", &topic]);
        site.credentials(&mut agent, account);
        assert_eq!(Ran::of(&mut agent).code, Some(0));
    }
    let picture = lines(&watch(&site, "json")).pop().unwrap();
    let rows = picture["accounts"].as_array().unwrap();
    let accounts: BTreeSet<&str> = rows.iter().filter_map(|row| row["account"].as_str()).collect();
    assert_eq!(accounts, ["111111111111", "222222222222"].into());
    assert_eq!(picture["states"]["in-sync"], 2);
}

#[test]
fn a_queue_that_is_not_there_is_said_so() {
    let site = Site::of(&[]);
    let mut hub = program(site.home(), &["watch", "--once", "--queue", &format!("{}/{HUB}/nowhere", site.url())]);
    site.credentials(&mut hub, HUB);
    let ran = Ran::of(&mut hub);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert_eq!(ran.stderr.matches("the queue could not be read").count(), 1, "{ran:#?}");
}
