//! What somebody changes behind CloudFormation's back: found, named, shown, put back, by the shipped program.

use crate::{
    binary::{Ran, Running, until},
    site::{ACCOUNT, Site, Turn},
    world::HOME,
};
use manifests::report::{State, What};
use serde_json::{Value, json};
use sim::{
    cfn::quirk::{Quirk, Quirky},
    fault::Fault,
    store::Work,
    trail::Actor,
    world::Timing,
};
use std::{process::Command, time::Duration};
use tokio::time::Instant;

/// Agents of these tests look for drift.
const WATCHES: &str = "1000";

trait Watchful {
    fn watchful(&self, arguments: &[&str]) -> Command;
    fn watched(&self) -> Turn;
    fn changes(&self, stack: &str, value: &str, by: Option<&str>);
    fn listens(&self) -> String;
}

impl Watchful for Site {
    fn watchful(&self, arguments: &[&str]) -> Command {
        let mut agent = self.agent(arguments);
        agent.env("HOLDFAST_DRIFT_CALLS", WATCHES);
        agent
    }

    /// One turn.
    #[track_caller]
    fn watched(&self) -> Turn {
        Turn::of(Ran::of(&mut self.watchful(&["once", "-o", "json"])))
    }

    /// Somebody changes a stack's parameter.
    fn changes(&self, stack: &str, value: &str, by: Option<&str>) {
        self.world(|world, account| {
            let key = world.locate(account, &HOME.parse().unwrap(), stack, "Parameter").unwrap();
            let actor = by.map_or_else(|| Actor::mallory(account), Actor::new);
            world.set_property_as(account, &key, "Value", Some(Value::from(value)), &actor).unwrap();
        });
    }

    /// A queue that gets the account's events, and its URL.
    fn listens(&self) -> String {
        let template = "Resources: {Events: {Type: AWS::SQS::Queue, Properties: {QueueName: events}}}";
        self.operator().create("events", template);
        until("the queue", || self.operator().status("events").as_deref() == Some("CREATE_COMPLETE"));
        self.world(|world, account| world.deliver_events(account, &HOME.parse().unwrap(), "events").unwrap());
        format!("{}/{ACCOUNT}/events", self.url())
    }
}

const HEAL: &str = "drift: {mode: heal}";
const MALLORY: &str = "arn:aws:sts::111111111111:assumed-role/Admin/mallory";

#[test]
fn an_event_in_the_queue_wakes_the_agent_which_puts_it_back_and_names_who_it_was() {
    let site = Site::of(&[("stack", HEAL), ("other", "")]);
    let queue = site.listens();
    let agent = Running::start(site.watchful(&["run", "--interval", "1h"]).env("HOLDFAST_EVENTS", queue));
    until("the stack", || site.operator().parameter("/stack").as_deref() == Some("one"));
    site.reached("sqs:ReceiveMessage", 1);
    site.changes("stack", "tampered", Some(MALLORY));
    // Through the side door of the server, so that the events arrive.
    site.wake();
    until("the heal", || site.operator().parameter("/stack").as_deref() == Some("one"));
    site.reached("cloudformation:DetectStackResourceDrift", 2);
    let ran = agent.terminate();
    assert_eq!(ran.code, Some(0));
    let log = &ran.stderr;
    assert!(log.contains(&format!("drifted: Parameter (AWS::SSM::Parameter /Value, changed by {MALLORY}")), "{log}");
    assert!(log.contains("put back Parameter (AWS::SSM::Parameter /Value"), "{log}");
    assert_eq!(site.called("cloudformation:DescribeStackResources"), 0, "whose it is was known");
}

#[test]
fn a_storm_of_events_about_somebody_elses_resources_costs_nothing_but_reading_it() {
    let site = Site::of(&[("stack", HEAL)]);
    let queue = site.listens();
    let agent = Running::start(site.watchful(&["run", "--interval", "1h"]).env("HOLDFAST_EVENTS", queue));
    site.reached("cloudformation:ListStackResources", 1);
    site.reached("sqs:ReceiveMessage", 1);
    let looks = |site: &Site| {
        let calls = site.calls();
        calls.iter().filter(|(call, _)| call.starts_with("cloud")).map(|(_, count)| count).sum::<u64>()
    };
    let before = looks(&site);
    site.storm(10_000);
    until("the storm to be read", || site.called("sqs:ReceiveMessage") >= 1_000);
    site.changes("stack", "tampered", None);
    site.wake();
    until("the heal", || site.operator().parameter("/stack").as_deref() == Some("one"));
    until("its end", || site.called("cloudformation:DetectStackResourceDrift") >= 2);
    let made = looks(&site) - before;
    assert!(made < 40, "{made} calls for one heal in a storm: {:?}", site.calls());
    assert_eq!(agent.terminate().code, Some(0));
}

#[test]
fn events_lead_to_so_many_turns_a_minute_and_looks_to_so_many_calls() {
    let site = Site::of(&[("stack", "")]);
    let queue = site.listens();
    let mut agent = site.agent(&["run", "--interval", "1h"]);
    let agent = Running::start(agent.env("HOLDFAST_DRIFT_CALLS", "12").env("HOLDFAST_EVENTS", queue));
    site.reached("cloudformation:ListStackResources", 1);
    site.reached("sqs:ReceiveMessage", 1);
    let (turns, looks) = ("cloudformation:DescribeStacks", "cloudformation:DetectStackResourceDrift");
    let (begun, before) = (Instant::now(), site.called(turns));
    // Whoever changes it changes it back.
    for number in 0..200 {
        site.changes("stack", if number % 2 == 0 { "tampered" } else { "one" }, None);
        site.wake();
        std::thread::sleep(Duration::from_millis(10));
    }
    until("some turns", || site.called(turns) >= before + 12);
    let minutes = begun.elapsed().as_secs() / 60 + 1;
    let (turns, looks) = (site.called(turns) - before, site.called(looks));
    assert!(turns <= 12 * minutes + 1, "{turns} turns in {minutes} minutes");
    assert!((1..=12 * minutes).contains(&looks), "{looks} looks in {minutes} minutes");
    assert_eq!(agent.terminate().code, Some(0));
}

#[test]
fn drift_is_shown_with_its_values_its_author_and_what_could_not_be_seen() {
    let site = Site::of(&[("stack", "")]);
    site.watched();
    site.changes("stack", "tampered", None);
    // Nothing was changed, remembered or told by showing it.
    let before = site.inventory();
    let ran = Ran::of(&mut site.watchful(&["drift", "--detect", "--detailed-exitcode"]));
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert_eq!(site.inventory(), before);
    for text in [
        "eu-central-1/stack stack.yaml\n  ~ Parameter (AWS::SSM::Parameter)\n      /Value  one → tampered\n",
        &format!("changed by {MALLORY} from 198.51.100.7 with ssm:PutParameter at "),
        "is told and not put back (`mode: warn`)",
        "1 resource drifted, in 1 of 1 stack\n1 of 1 resources could be compared",
    ] {
        assert!(ran.stdout.contains(text), "{text:?} is missing in\n{}", ran.stdout);
    }
    let ran = Ran::of(&mut site.watchful(&["drift", "stack", "--detect", "-o", "json"]));
    let all: Value = serde_json::from_str(&ran.stdout).unwrap();
    let resource = &all[0]["resources"][0];
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(
        resource["differences"][0],
        json!({"path": "/Value", "expected": "one", "actual": "tampered", "how": "NOT_EQUAL"})
    );
    assert_eq!((&resource["by"], &resource["confirmed"]), (&json!(MALLORY), &json!(true)));
    let ran = Ran::of(&mut site.watchful(&["drift", "ignore", "stack"]));
    assert_eq!(
        ran.stdout,
        "# stack.yaml, below `spec:`\n  drift:\n    ignore:\n      - resource: Parameter\n        paths: [\"/Value\"]\n"
    );
}

#[test]
fn what_is_ignored_as_it_is_printed_is_no_longer_told() {
    let site = Site::of(&[("stack", "")]);
    site.watched();
    site.changes("stack", "tampered", None);
    let ran = Ran::of(&mut site.watchful(&["drift", "ignore", "stack"]));
    let lines: Vec<&str> = ran.stdout.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap()).collect();
    site.write("stack", &lines.join("\n"));
    site.repository.commit();
    site.watched();
    let ran = Ran::of(&mut site.watchful(&["drift", "--detect", "--detailed-exitcode"]));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
}

#[test]
fn a_person_puts_back_one_stack_and_nothing_else_is_done() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.watched();
    site.changes("stack", "tampered", None);
    site.write("other", "parameters: {Value: two}");
    site.repository.commit();
    let ran = Ran::of(&mut site.watchful(&["drift", "heal", "stack"]));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stderr.contains("put back Parameter (AWS::SSM::Parameter /Value"), "{ran:#?}");
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
    assert_eq!(site.operator().parameter("/other").as_deref(), Some("one"), "the commit was not what was asked for");
    let ran = Ran::of(&mut site.watchful(&["drift", "heal", "nowhere"]));
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stderr.contains("nobody looks for drift of `nowhere`"), "{ran:#?}");
}

#[test]
fn a_heal_that_cloudformation_takes_back_is_told_and_not_repeated() {
    let site = Site::of(&[("stack", HEAL)]);
    site.watched();
    site.changes("stack", "tampered", None);
    site.plant("stack", "Parameter", Work::Update, None);
    let ran = Ran::of(&mut site.watchful(&["drift", "heal", "stack", "-o", "json"]));
    let turn = Turn::of(ran).expect(State::Drifted, 1);
    assert!(
        turn.why("stack").contains("could not be put back, and CloudFormation has left it as it was found"),
        "{turn:#?}"
    );
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("tampered"));
    let (turn, calls) = site.costs(|| site.watched());
    assert_eq!((turn.state("stack"), calls.get("cloudformation:CreateChangeSet")), (State::Drifted, None));
}

#[test]
fn an_agent_that_is_killed_while_it_heals_is_followed_by_one_that_looks_whether_it_helped() {
    // An update takes some seconds.
    let site = Site::with(Timing { change_set: Duration::ZERO, ..Timing::scaled(1.0) }, &[("stack", HEAL)]);
    let queue = site.listens();
    let agent = Running::start(site.watchful(&["run", "--interval", "1s"]).env("HOLDFAST_EVENTS", &queue));
    site.reached("cloudformation:ListStackResources", 1);
    site.changes("stack", "tampered", None);
    site.wake();
    site.reached("cloudformation:ExecuteChangeSet", 2);
    drop(agent);
    let mut told = Vec::new();
    until("the stack to be seen healed", || {
        let turn = site.watched();
        told.extend(turn.happened(What::Healed).into_iter().map(ToOwned::to_owned));
        turn.state("stack") == State::Healed
    });
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
    assert!(told.contains(&"stack".to_owned()), "{told:?}");
    assert_eq!(site.called("cloudformation:ExecuteChangeSet"), 2, "it was put back once");
}

#[test]
fn without_the_permission_to_look_everything_else_goes_on_and_says_which_is_missing() {
    let site = Site::of(&[("stack", HEAL)]);
    site.fault("cloudformation:DetectStackDrift", None, Fault::Denied);
    let turn = site.watched();
    assert_eq!((turn.state("stack"), turn.happened(What::Created)), (State::InSync, vec!["stack"]));
    let turn = site.watched();
    let drift = turn.stack("stack").drift.as_ref().unwrap();
    let why = drift.why.as_deref().unwrap_or_default();
    assert!(why.contains("give the agent's role the permission `cloudformation:DetectStackDrift`"), "{turn:#?}");
    assert_eq!((drift.compared, drift.resources), (0, 0), "unknown is never green");
}

#[test]
fn who_it_was_is_told_as_far_as_the_account_allows() {
    let site = Site::of(&[("stack", "")]);
    site.watched();
    site.watched();
    site.operator().guardrails("{drift: {who: none}}");
    site.changes("stack", "tampered", None);
    site.world(|world, _| world.pass(Duration::from_secs(7 * 3_600)));
    site.watched();
    let turn = site.watched();
    let drifted = &turn.stack("stack").drift.as_ref().unwrap().drifted[0];
    assert_eq!((&drifted.by, &drifted.from), (&None, &None), "{turn:#?}");
    assert_eq!(drifted.call.as_deref(), Some("ssm:PutParameter"));
    assert!(!turn.ran.stdout.contains("mallory") && !turn.ran.stdout.contains("tampered"), "{turn:#?}");
}

#[test]
fn the_doctor_asks_for_every_call_that_looks_for_drift() {
    const CALLS: [&str; 8] = [
        "cloudformation:DetectStackDrift",
        "cloudformation:DetectStackResourceDrift",
        "cloudformation:DescribeStackDriftDetectionStatus",
        "cloudformation:DescribeStackResourceDrifts",
        "cloudformation:ListStackResources",
        "cloudformation:DescribeStackResources",
        "cloudtrail:LookupEvents",
        "sqs:ReceiveMessage",
    ];
    let site = Site::of(&[("stack", "")]);
    let queue = site.listens();
    let doctor = || Ran::of(site.watchful(&["doctor"]).env("HOLDFAST_EVENTS", &queue));
    let ran = doctor();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    for call in CALLS {
        assert!(ran.stdout.contains(call), "no {call}: {}", ran.stdout);
        site.fault(call, None, Fault::Denied);
        let ran = doctor();
        assert_eq!(ran.code, Some(77), "{ran:#?}");
        assert!(ran.stdout.contains(&format!("the permission `{call}`")), "{ran:#?}");
        site.calm();
    }
    assert_eq!(Ran::of(&mut site.agent(&["doctor"])).code, Some(0));
    assert!(!Ran::of(&mut site.agent(&["doctor"])).stdout.contains("Drift"), "nobody looks, so nobody asks");
}

#[test]
fn a_plan_says_what_it_writes_over_and_what_else_drifted() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.watched();
    for stack in ["stack", "other"] {
        site.changes(stack, "tampered", None);
    }
    site.world(|world, _| world.pass(Duration::from_secs(7 * 3_600)));
    site.watched();
    site.watched();
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    let ran = Ran::of(&mut site.watchful(&["plan"]));
    let by =
        format!("Parameter (AWS::SSM::Parameter /Value, changed by {MALLORY} from 198.51.100.7 with ssm:PutParameter");
    for text in [
        &format!("! writes over what somebody changed: {by}"),
        &format!("  eu-central-1/other: drifted: {by}"),
        "0 not planned, 2 resources drifted. digest",
    ] {
        assert!(ran.stdout.contains(text), "{text:?} is missing in\n{}", ran.stdout);
    }
    let ran = Ran::of(&mut site.watchful(&["plan", "-o", "json"]));
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(plan["changes"][0]["overwrites"], json!(["Parameter"]));
}

#[test]
fn what_could_not_be_looked_at_is_never_said_to_be_as_asked() {
    let site = Site::of(&[("stack", "")]);
    site.watched();
    site.changes("stack", "tampered", None);
    let shown = || Ran::of(&mut site.watchful(&["drift", "--detect"]));
    for call in ["DetectStackDrift", "DescribeStackDriftDetectionStatus", "ListStackResources"] {
        site.fault(&format!("cloudformation:{call}"), None, Fault::Denied);
        let ran = shown();
        assert_eq!(ran.code, Some(1), "{call}: {ran:#?}");
        assert!(ran.stdout.contains("; 1 of 1 stack not looked at in whole\n"), "{call}: {ran:#?}");
        assert!(!ran.stdout.contains("nothing found that was changed"), "{call}: {ran:#?}");
        let ran = Ran::of(&mut site.watchful(&["drift", "heal", "stack"]));
        assert_eq!(ran.code, Some(1), "{call}: {ran:#?}");
        assert!(
            ran.stderr.contains("`eu-central-1/stack` could not be looked at, so nothing was put back"),
            "{ran:#?}"
        );
        site.calm();
    }
    site.world(|world, _| {
        let (stack, logical) = ("stack".to_owned(), "Parameter".to_owned());
        world.quirks.add(Quirky { account: None, stack, logical, quirk: Quirk::DetectionFails });
    });
    let ran = shown();
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains("✗ Parameter could not be compared"), "{ran:#?}");
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("tampered"));
}

#[test]
fn what_nobody_has_looked_at_yet_is_not_said_to_have_no_drift() {
    let site = Site::of(&[("stack", "")]);
    site.once();
    let ran = Ran::of(&mut site.watchful(&["drift", "--detailed-exitcode"]));
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.stdout.contains("nothing found so far; 1 of 1 stack not looked at yet\n"), "{ran:#?}");
    site.world(|world, account| {
        let key = world.locate(account, &HOME.parse().unwrap(), "stack", "Parameter").unwrap();
        world.delete_resource(account, &key).unwrap();
    });
    site.operator().query("cloudformation", "2010-05-15", "DeleteStack", &[("StackName", "stack")]);
    until("the stack to be gone", || site.operator().status("stack").is_none_or(|status| status == "DELETE_COMPLETE"));
    let ran = Ran::of(&mut site.watchful(&["drift", "--detect"]));
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains("✗ the account has no such stack"), "{ran:#?}");
}

#[test]
fn what_is_printed_to_be_ignored_is_all_that_differs() {
    let tags: String = (0..12).map(|n| format!(", {{Key: k{n:02}, Value: one}}")).collect();
    let site = Site::of(&[("stack", "")]);
    let topic = format!("Resources: {{Topic: {{Type: AWS::SNS::Topic, Properties: {{Tags: [{}]}}}}}}", &tags[2..]);
    site.template("stack", &topic);
    site.repository.commit();
    site.watched();
    site.world(|world, account| {
        let key = world.locate(account, &HOME.parse().unwrap(), "stack", "Topic").unwrap();
        let tags: Vec<Value> = (0..12).map(|n| json!({"Key": format!("k{n:02}"), "Value": "two"})).collect();
        world.set_property_as(account, &key, "Tags", Some(Value::from(tags)), &Actor::mallory(account)).unwrap();
    });
    let ran = Ran::of(&mut site.watchful(&["drift", "ignore", "stack", "-o", "json"]));
    let all: Value = serde_json::from_str(&ran.stdout).unwrap();
    let text = all[0]["text"].as_str().unwrap();
    assert_eq!(text.matches("/Value\"").count(), 12, "{text}");
}
