//! The shipped program as a Lambda function: a turn for each event that is worth one, in the time that there is.

use crate::{
    binary::{Ran, Running, holdfast, until},
    runtime::Runtime,
    site::{ACCOUNT, Site},
    world::HOME,
};
use serde_json::{Value, json};
use sim::{trail::Actor, world::Timing};
use std::time::Duration;

const HEAL: &str = "drift: {mode: heal}";
const MALLORY: &str = "arn:aws:sts::111111111111:assumed-role/Admin/mallory";

/// An account whose agent is a function.
struct Function {
    runtime: Runtime,
    site: Site,
}

impl Function {
    fn of(site: Site) -> Self {
        Self { runtime: Runtime::start(), site }
    }

    /// A new execution environment.
    fn environment(&self, name: &str) -> Running {
        let mut agent = self.site.agent(&[]);
        agent.env("HOLDFAST_DRIFT_CALLS", "1000").env("HOLDFAST_INTERVAL", "5m");
        self.runtime.of(&mut agent, name);
        Running::start(&mut agent)
    }

    /// What its schedule sends.
    #[track_caller]
    fn tick(&self) -> Value {
        let answer = self.runtime.invoke(&json!({})).answer();
        assert_eq!(answer["turn"], "made", "{answer}");
        answer["report"].clone()
    }

    /// Somebody changes a stack's parameter; answers what the queue then hands to the function.
    fn changes(&self, stack: &str, value: &str) -> Value {
        self.site.world(|world, account| {
            let key = world.locate(account, &HOME.parse().unwrap(), stack, "Parameter").unwrap();
            world.set_property_as(account, &key, "Value", Some(Value::from(value)), &Actor::new(MALLORY)).unwrap();
        });
        self.site.wake();
        let mut bodies = Vec::new();
        until("the event", || {
            bodies.extend(Some(self.site.operator().receive("events")).filter(|body| body.contains("mallory")));
            !bodies.is_empty()
        });
        json!({ "Records": bodies.iter().map(|body| json!({
            "messageId": "1", "receiptHandle": "r", "body": body, "eventSource": "aws:sqs", "awsRegion": HOME,
            "eventSourceARN": format!("arn:aws:sqs:{HOME}:{ACCOUNT}:events"),
        })).collect::<Vec<_>>() })
    }

    /// A queue that gets the account's events.
    fn listens(&self) {
        let template = "Resources: {Events: {Type: AWS::SQS::Queue, Properties: {QueueName: events}}}";
        let operator = self.site.operator();
        operator.create("events", template);
        until("the queue", || operator.status("events").as_deref() == Some("CREATE_COMPLETE"));
        self.site.world(|world, account| world.deliver_events(account, &HOME.parse().unwrap(), "events").unwrap());
    }
}

#[test]
fn a_tick_of_the_schedule_is_a_turn_and_the_next_finds_nothing_to_do() {
    let function = Function::of(Site::of(&[("one", ""), ("two", "dependsOn: [one]")]));
    let environment = function.environment("a");
    let report = function.tick();
    assert_eq!((&report["state"], report["stacks"].as_array().unwrap().len()), (&json!("in-sync"), 2), "{report}");
    let (report, calls) = function.site.costs(|| function.tick());
    assert_eq!(report["state"], "in-sync");
    assert!(!calls.contains_key("cloudformation:CreateChangeSet") && !calls.contains_key("sts:GetCallerIdentity"));
    // Whoever hears of it knows when to expect the next.
    assert!(report["next"].is_string(), "{report}");
    let log = environment.kill().stderr;
    assert!(log.contains("turn done") && !log.contains('\u{1b}'), "{log}");
}

#[test]
fn an_event_in_the_queue_leads_a_warm_function_to_the_resource_which_is_put_back() {
    let function = Function::of(Site::of(&[("stack", HEAL), ("other", HEAL)]));
    function.listens();
    let _environment = function.environment("a");
    function.tick();
    let event = function.changes("stack", "tampered");
    let (answer, calls) = function.site.costs(|| function.runtime.invoke(&event).answer());
    assert_eq!(answer["report"]["state"], "healed", "{answer}");
    assert_eq!(function.site.operator().parameter("/stack").as_deref(), Some("one"));
    let told: Vec<&str> =
        answer["report"]["happened"].as_array().unwrap().iter().filter_map(|one| one["sentence"].as_str()).collect();
    assert!(told.iter().any(|told| told.contains(MALLORY)), "{told:?}");
    // Only what was named was looked at, and afterwards once more.
    assert_eq!(calls.get("cloudformation:DetectStackResourceDrift"), Some(&2), "{calls:?}");
}

#[test]
fn a_function_that_is_new_follows_an_event_too_and_one_of_somebody_else_is_no_turn() {
    let function = Function::of(Site::of(&[("stack", HEAL)]));
    function.listens();
    assert_eq!(function.site.once().ran.code, Some(0));
    let event = function.changes("stack", "tampered");
    let _environment = function.environment("b");
    assert_eq!(function.runtime.invoke(&event).answer()["report"]["state"], "healed");
    assert_eq!(function.site.operator().parameter("/stack").as_deref(), Some("one"));
    let foreign = json!({"Records": [{"body": json!({
        "account": "222222222222", "source": "aws.ssm", "detail-type": "AWS API Call via CloudTrail", "detail": {},
    }).to_string()}, {"body": json!({"detail-type": "x"}).to_string()}]});
    let (answer, calls) = function.site.costs(|| function.runtime.invoke(&foreign).answer());
    assert_eq!((answer, calls.len()), (json!({"turn": "none"}), 0));
}

#[test]
fn whoever_fills_the_queue_makes_no_more_than_so_many_turns_a_minute() {
    let function = Function::of(Site::of(&[("stack", "")]));
    let _environment = function.environment("a");
    function.tick();
    let push = json!({"Records": [{"body": json!({
        "account": ACCOUNT, "source": "aws.codecommit", "detail-type": "CodeCommit Repository State Change",
    }).to_string()}]});
    let turns: Vec<Value> = (0..14).map(|_| function.runtime.invoke(&push).answer()["turn"].clone()).collect();
    assert_eq!(turns[..12], [const { "made" }; 12]);
    assert!(turns[12..].contains(&json!("later")), "{turns:?}");
    // The schedule is nobody's but the account's.
    function.tick();
}

#[test]
fn a_turn_ends_before_its_time_is_over_says_what_is_under_way_and_the_next_one_finds_it() {
    let timing = Timing { change_set: Duration::ZERO, ..Timing::scaled(1.0) };
    let function = Function::of(Site::with(timing, &[("one", ""), ("two", "dependsOn: [one]")]));
    let _environment = function.environment("a");
    let answer = function.runtime.send(&json!({}), Duration::from_secs(6));
    let answer = answer.recv_timeout(Duration::from_secs(6)).unwrap().answer();
    assert_eq!(answer["report"]["state"], "applying", "{answer}");
    until("the rest", || function.tick()["state"] == "in-sync");
    assert_eq!(function.site.called("cloudformation:ExecuteChangeSet"), 2, "nothing was begun twice");
}

#[test]
fn a_turn_that_is_cut_off_is_picked_up_by_another_environment() {
    let function = Function::of(Site::of(&[("stack", "")]));
    function.site.stall("ExecuteChangeSet");
    let environment = function.environment("a");
    let answer = function.runtime.send(&json!({}), Duration::from_secs(30));
    function.site.reached("cloudformation:ExecuteChangeSet", 1);
    environment.kill();
    assert!(answer.try_recv().is_err());
    function.site.flow();
    // Lambda begins a process of the same environment anew, whose lease is that of a dead one.
    let _environment = function.environment("a");
    until("the stack", || function.tick()["state"] == "in-sync");
    assert_eq!(function.site.called("cloudformation:ExecuteChangeSet"), 1, "it had been begun");
}

#[test]
fn what_is_wrong_with_its_configuration_is_what_the_invocation_answers() {
    let function = Function::of(Site::of(&[("stack", "")]));
    let mut agent = function.site.agent(&[]);
    agent.env("HOLDFAST_CONFIG", "ssm:/holdfast/config").env_remove("HOLDFAST_REPOSITORY");
    function.runtime.of(&mut agent, "a");
    let _environment = Running::start(&mut agent);
    let failed = function.runtime.invoke(&json!({})).error();
    assert_eq!(failed["errorType"], "Holdfast.Config", "{failed}");
    assert!(failed["errorMessage"].as_str().unwrap().contains("/holdfast/config"), "{failed}");
    let repository = function.site.repository.folder().display().to_string();
    function.site.operator().put("/holdfast/config", "String", &format!("repository: {repository}"));
    assert_eq!(function.tick()["state"], "in-sync");
}

#[test]
fn while_another_agent_is_at_work_the_event_has_to_come_again() {
    let function = Function::of(Site::of(&[("stack", "")]));
    function.site.stall("ExecuteChangeSet");
    let other = Running::start(&mut function.site.agent(&["once"]));
    function.site.reached("cloudformation:ExecuteChangeSet", 1);
    let _environment = function.environment("a");
    let failed = function.runtime.invoke(&json!({})).error();
    assert_eq!(failed["errorType"], "Holdfast.Unreachable", "{failed}");
    assert!(failed["errorMessage"].as_str().unwrap().contains("another agent is at work"), "{failed}");
    other.kill();
}

#[test]
fn half_an_environment_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let ran = Ran::of(holdfast(folder.path(), &[]).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"));
    assert!(ran.stderr.contains("AWS_LAMBDA_FUNCTION_NAME is not: this is no Lambda function"), "{ran:#?}");
    assert_eq!(ran.code, Some(1));
}
