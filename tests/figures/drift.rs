//! What drift costs: from a change by hand to its being put back, told from when calls came to the account; and a day in
//! which nobody changes anything.

use crate::{
    figure::{Chapter, Figure, Unit, median},
    history::{Size, healing},
    process::MeasureError,
    settled::Daemon,
    stage::{Stage, Tenant, region},
};
use manifests::report::{Report, State};
use sim::{services::post::Address, store::Key, trail::Actor, wire::ledger::Seen};
use std::{collections::BTreeMap, time::Duration};

/// How often a heal is measured: each in another stack, because what is changed again and again is left alone; and no more
/// often than events lead to turns in one minute, two for each: the event's, and that of the stack that was put back.
const RUNS: usize = 5;
/// How many stacks the account has.
const STACKS: usize = 50;
/// A turn every five minutes.
const TURNS: u64 = 288;
/// AWS Config's price of one evaluation of a rule, in dollars (price list, us-east-1, the first 100,000).
const EVALUATION: f64 = 0.001;
/// SNS's price of a million messages, in dollars (price list, us-east-1).
const MESSAGES: f64 = 0.5;

/// Both.
pub(crate) fn drift(stage: &Stage) -> Result<Vec<Chapter>, MeasureError> {
    let tenant = stage.tenant("700000000001", Size { mine: STACKS, others: 0, commits: 1 });
    stage.commit(&tenant, &healing(tenant.account.as_str(), RUNS));
    for _ in 0..3 {
        stage.watchful(&tenant, "1000")?;
    }
    Ok(vec![healed(stage, &tenant)?, a_day(stage, &tenant)?])
}

/// A resource is changed, and an event says so.
fn healed(stage: &Stage, tenant: &Tenant) -> Result<Chapter, MeasureError> {
    let queue = listen(stage, tenant)?;
    let mut agent = stage.agent(tenant, &["run", "--interval", "1h"]);
    agent.environment.insert("HOLDFAST_EVENTS".into(), queue);
    agent.environment.insert("HOLDFAST_DRIFT_CALLS".into(), "1000".into());
    let _daemon = Daemon::start(&agent)?;
    let called = |call: &str| stage.accounts().traffic(&tenant.account).get(call).map_or(0, |traffic| traffic.calls);
    wait("the agent to listen", || called("sqs:ReceiveMessage") > 0)?;
    let (mut times, mut counts) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        stage.accounts().watch();
        tamper(stage, tenant, &format!("s{run:05}"))?;
        wait("the heal", || is_over(&stage.accounts().seen()))?;
        let seen = stage.accounts().seen();
        let (time, calls) = between(&seen)?;
        times.push(time);
        counts.push(calls);
    }
    let sum = |calls: &BTreeMap<String, u64>, is: fn(&str) -> bool| -> f64 {
        calls.iter().filter(|(call, _)| is(call)).map(|(_, count)| *count).sum::<u64>() as f64
    };
    let middle = |is: fn(&str) -> bool| median(counts.iter().map(|calls| sum(calls, is)).collect());
    let last: Vec<String> =
        counts.last().into_iter().flatten().map(|(call, count)| format!("{call} {count}")).collect();
    let figures = vec![
        Figure::new("from the event read to the resource seen to be as asked again", median(times), Unit::Seconds)
            .at_most(1.0)
            .note("most of it is the first wait before the account is looked at again, 0.5 s ± 30 %"),
        Figure::new("calls to CloudFormation for it", middle(|call| call.starts_with("cloudformation:")), Unit::Count)
            .at_most(8.0)
            .note(last.join(", ")),
        Figure::new("calls to all services for it", middle(|_| true), Unit::Count)
            .note("memory and lease are written before anything is changed; the report and the queue are in it"),
    ];
    let title = "A change by hand, named by an event and put back: 50 stacks, CloudFormation taking no time";
    Ok(Chapter { title, figures })
}

/// Whether something was put back, looked at, and the agent listens again.
fn is_over(seen: &[Seen]) -> bool {
    let mut steps =
        ["cloudformation:ExecuteChangeSet", "cloudformation:DetectStackResourceDrift", "sqs:ReceiveMessage"].iter();
    let mut next = steps.next();
    for seen in seen {
        if next.is_some_and(|next| *next == seen.action) {
            next = steps.next();
        }
    }
    next.is_none()
}

/// From the event read to the last look, and every call from then on until the agent listens again.
fn between(seen: &[Seen]) -> Result<(f64, BTreeMap<String, u64>), MeasureError> {
    let none = |what: &str| MeasureError::Untrue(format!("{what} was not called while a resource was put back"));
    let looks = |seen: &&Seen| seen.action == "cloudformation:DetectStackResourceDrift";
    let first =
        seen.iter().position(|seen| looks(&seen)).ok_or_else(|| none("cloudformation:DetectStackResourceDrift"))?;
    let last = seen.iter().rfind(looks).unwrap_or(&seen[first]);
    // What was read before may be about the stack that was put back last.
    let reads = |seen: &Seen| seen.action == "sqs:DeleteMessageBatch";
    let read = seen[..first].iter().rposition(reads).ok_or_else(|| none("sqs:DeleteMessageBatch"))?;
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    for seen in &seen[read..] {
        if seen.action == "sqs:ReceiveMessage" && calls.contains_key("cloudformation:ExecuteChangeSet") {
            break;
        }
        *calls.entry(seen.action.clone()).or_default() += 1;
    }
    Ok((last.answered.duration_since(seen[read].answered).as_secs_f64(), calls))
}

/// A day, with a turn every five minutes, and nobody who changes anything.
fn a_day(stage: &Stage, tenant: &Tenant) -> Result<Chapter, MeasureError> {
    let before = stage.accounts().traffic(&tenant.account);
    for _ in 0..TURNS {
        stage.world(|world| world.pass(Duration::from_secs(300)));
        stage.watchful(tenant, "30")?;
    }
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    for (call, traffic) in stage.accounts().traffic(&tenant.account) {
        let spent = traffic.calls - before.get(&call).map_or(0, |before| before.calls);
        // A daemon asks whose account it is once in its life.
        if spent > 0 && call != "sts:GetCallerIdentity" {
            calls.insert(call, spent);
        }
    }
    let of = |is: fn(&str) -> bool| calls.iter().filter(|(call, _)| is(call)).map(|(_, n)| *n).sum::<u64>() as f64;
    let looks = |call: &str| {
        ["Detect", "ListStackResources", "DriftDetection", "ResourceDrifts"].iter().any(|word| call.contains(word))
    };
    let messages = of(|call| call == "sns:Publish");
    let each: Vec<String> = calls.iter().map(|(call, count)| format!("{call} {count}")).collect();
    let figures = vec![
        Figure::new("calls to AWS a day", of(|_| true), Unit::Count).note(each.join(", ")),
        Figure::new("of those, to look for drift", of(looks), Unit::Count)
            .beside("one look at every stack in every turn", (STACKS as u64 * TURNS * 3) as f64)
            .note("three for each look at a stack: begun, asked after, read"),
        Figure::new("dollars a month for those calls", messages * 30.0 * MESSAGES / 1e6, Unit::Dollars)
            .cited("AWS Config's rule as often, evaluations alone", (STACKS * 4 * 30) as f64 * EVALUATION)
            .note(
                "CloudFormation, SSM's standard parameters and STS cost nothing by the call; what CloudFormation reads of \
                 each resource while it looks is a read event of CloudTrail, which costs where a second trail or GuardDuty \
                 counts them, for AWS Config's rule as for this",
            ),
    ];
    Ok(Chapter { title: "A day of 50 stacks, a turn every 5 min, drift every 6 h, nobody changing anything", figures })
}

/// The account gets a queue that its events come to.
fn listen(stage: &Stage, tenant: &Tenant) -> Result<String, MeasureError> {
    let address = Address { account: tenant.account.clone(), region: region(), name: "events".into() };
    let name = [("QueueName".to_owned(), serde_json::Value::from("events"))].into_iter().collect();
    stage
        .world(|world| {
            world.place_resource(&tenant.account, Key::new(&region(), "AWS::SQS::Queue", &address.url()), name);
            world.deliver_events(&tenant.account, &region(), "events")
        })
        .map_err(|missing| MeasureError::Untrue(missing.to_string()))?;
    Ok(format!("{}/{}/events", stage.accounts().url(), tenant.account))
}

/// Somebody changes a stack's parameter.
fn tamper(stage: &Stage, tenant: &Tenant, stack: &str) -> Result<(), MeasureError> {
    let done = stage.world(|world| {
        let key = world.locate(&tenant.account, &region(), stack, "P")?;
        world.set_property_as(&tenant.account, &key, "Value", Some("by-hand".into()), &Actor::mallory(&tenant.account))
    });
    done.map_err(|missing| MeasureError::Untrue(missing.to_string()))
}

fn wait(what: &str, is: impl Fn() -> bool) -> Result<(), MeasureError> {
    for _ in 0..3_000 {
        if is() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(MeasureError::Untrue(format!("waited for {what}, and it never came")))
}

impl Stage {
    /// One turn that looks for drift, with so many calls a minute.
    fn watchful(&self, tenant: &Tenant, calls: &str) -> Result<(), MeasureError> {
        let mut agent = self.agent(tenant, &["once", "-o", "json"]);
        agent.environment.insert("HOLDFAST_DRIFT_CALLS".into(), calls.into());
        let run = agent.run()?;
        let report: Result<Report, _> = serde_json::from_str(&run.out);
        match report {
            Ok(report) if matches!(report.state, State::InSync | State::Healed) => Ok(()),
            Ok(report) => Err(MeasureError::Untrue(format!("the account is not in sync: {:?}", report.why))),
            Err(error) => Err(MeasureError::Failed("holdfast once".into(), format!("{error}: {}{}", run.out, run.err))),
        }
    }
}
