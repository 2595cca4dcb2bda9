//! The shipped program says that its account is ready: to whoever asks, and to whoever waits.

use crate::{
    binary::{Running, until},
    handle::{Handle, Mood},
    site::{Site, Turn},
};
use manifests::report::State;
use serde_json::Value;

use super::reports::hub;

/// An account of which somebody waits to hear.
struct Waited {
    site: Site,
    handle: Handle,
    topic: String,
}

impl Waited {
    fn of(site: Site) -> Self {
        let topic = hub(&site);
        Self { site, handle: Handle::start(), topic }
    }

    fn agent(&self) -> std::process::Command {
        let mut agent = self.site.agent(&["once", "-o", "json"]);
        agent.env("HOLDFAST_TOPIC", &self.topic).env("HOLDFAST_READY_SIGNAL", self.handle.url());
        agent.env("HOLDFAST_LOG", "info");
        agent
    }

    #[track_caller]
    fn once(&self) -> Turn {
        Turn::of(crate::binary::Ran::of(&mut self.agent()))
    }

    /// What the account says of itself.
    fn says(&self) -> Value {
        let text = self.site.operator().parameter("/holdfast/ready").unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn signals(&self) -> usize {
        self.handle.came().len()
    }
}

#[test]
fn after_its_first_good_turn_the_account_says_so_once_and_whoever_waits_hears_it() {
    let waited = Waited::of(Site::of(&[("one", ""), ("two", "dependsOn: [one]")]));
    let turn = waited.once().expect(State::InSync, 0);
    let commit = waited.site.repository.head();
    let came = waited.handle.came();
    assert_eq!(came.len(), 1, "{came:?}");
    assert_eq!((&came[0]["Status"], &came[0]["UniqueId"]), (&Value::from("SUCCESS"), &Value::from("holdfast")));
    assert_eq!(came[0]["Data"], commit.as_str());
    let says = waited.says();
    assert_eq!((&says["state"], &says["commit"]), (&Value::from("ready"), &Value::from(commit)), "{says}");
    assert!(
        says["version"].is_string() && says["at"].is_string() && says["signalled"]["status"] == "SUCCESS",
        "{says}"
    );
    let secret = |text: &str| text.contains("canary");
    assert!(!secret(&turn.ran.said()) && !secret(&says.to_string()), "the handle is a secret");
    // Every process asks once, and says nothing again.
    let (_, calls) = waited.site.costs(|| waited.once().expect(State::InSync, 0));
    assert_eq!((waited.signals(), calls.get("ssm:PutParameter"), calls.get("ssm:GetParameter")), (1, None, Some(&1)));
}

#[test]
fn an_agent_that_nobody_asked_says_nothing_of_it() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    assert_eq!(site.operator().parameter("/holdfast/ready"), None);
    let mut agent = site.agent(&["once", "-o", "json"]);
    agent.env("HOLDFAST_READY", "/elsewhere/ready");
    Turn::of(crate::binary::Ran::of(&mut agent)).expect(State::InSync, 0);
    assert!(site.operator().parameter("/elsewhere/ready").unwrap().contains(r#""state":"ready""#));
}

#[test]
fn killed_between_report_and_signal_the_next_one_signals_and_reports_nothing_again() {
    let waited = Waited::of(Site::of(&[("stack", "")]));
    waited.handle.is(Mood::Silent);
    let agent = Running::start(&mut waited.agent());
    until("the signal", || waited.signals() == 1);
    agent.kill();
    assert_eq!((waited.site.called("sns:Publish"), waited.says()), (1, Value::Null));
    waited.handle.is(Mood::Takes);
    waited.once().expect(State::InSync, 0);
    let came = waited.handle.came();
    assert_eq!((came.len(), came[0].clone()), (2, came[1].clone()), "CloudFormation counts the same once");
    assert_eq!(waited.site.called("sns:Publish"), 1);
    waited.once();
    assert_eq!(waited.signals(), 2);
}

#[test]
fn whoever_waits_and_does_not_answer_is_told_next_turn_and_the_account_is_ready_all_the_same() {
    let waited = Waited::of(Site::of(&[("stack", "")]));
    waited.handle.is(Mood::Answers(503));
    let turn = waited.once().expect(State::InSync, 0);
    assert!(turn.ran.stderr.contains("could not be told that the account is ready"), "{turn:#?}");
    assert_eq!((&waited.says()["state"], &waited.says()["signalled"]), (&Value::from("ready"), &Value::Null));
    waited.handle.is(Mood::Takes);
    waited.once().expect(State::InSync, 0);
    assert_eq!((waited.signals(), &waited.says()["signalled"]["status"]), (2, &Value::from("SUCCESS")));
}

#[test]
fn a_handle_that_is_worth_nothing_any_more_is_said_once_and_stops_nothing() {
    let waited = Waited::of(Site::of(&[("stack", "")]));
    waited.handle.is(Mood::Answers(403));
    let turn = waited.once().expect(State::InSync, 0);
    assert!(turn.ran.stderr.contains("Request has expired"), "{turn:#?}");
    let turn = waited.once().expect(State::InSync, 0);
    assert!(!turn.ran.stderr.contains("waits"), "{turn:#?}");
    assert_eq!((waited.signals(), &waited.says()["state"]), (1, &Value::from("ready")));
}

#[test]
fn the_hub_hears_why_before_whoever_waits_undoes_everything() {
    // A stack of that name is there, and it is nobody's here.
    let waited = Waited::of(Site::of(&[("stack", "")]));
    let operator = waited.site.operator();
    operator.create("stack", "Resources: {Q: {Type: AWS::SQS::Queue}}");
    until("the stack", || operator.status("stack").as_deref() == Some("CREATE_COMPLETE"));
    waited.site.fault("sns:Publish", None, sim::fault::Fault::Denied);
    let turn = waited.once();
    assert_eq!((turn.report.state, waited.signals()), (State::NeedsAPerson, 0), "{turn:#?}");
    assert_eq!(waited.says()["state"], "waiting");
    waited.site.calm();
    waited.once();
    let came = waited.handle.came();
    assert_eq!((came.len(), &came[0]["Status"]), (1, &Value::from("FAILURE")), "{came:?}");
    assert!(came[0]["Reason"].as_str().unwrap().starts_with("needs a person"), "{came:?}");
    assert_eq!(waited.says()["state"], "failed");
    // It is told once. What becomes of it later is the hub's business.
    waited.once();
    assert_eq!(waited.signals(), 1);
}

#[test]
fn a_handle_that_is_none_is_a_mistake_in_the_configuration() {
    let site = Site::of(&[("stack", "")]);
    let mut agent = site.agent(&["once"]);
    let ran = crate::binary::Ran::of(agent.env("HOLDFAST_READY_SIGNAL", "ftp://example.org/canary"));
    assert_eq!(ran.code, Some(78), "{ran:#?}");
    assert!(ran.stderr.contains("--ready-signal") && !ran.stderr.contains("canary"), "{ran:#?}");
}
