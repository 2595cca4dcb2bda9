//! Faults and traces: the same seed gives the same world, call by call.

use super::bench::SMALL;
use crate::{
    clock::Clock,
    cloud::SimCloud,
    fault::{Fault, Rule},
    world::{Timing, World},
};
use agent::cloud::{ChangeSetRequest, Clock as _, Cloud, Template, Trouble};
use manifests::id::{Digest, Region, StackKey};
use plan::asked::Asked;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A future that has completed at once, or `None` for one that never will.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn cloud(seed: u64) -> SimCloud {
    let world = World::new(seed, Clock::Stepped, Timing::instant());
    SimCloud::new(Rc::new(RefCell::new(world)), "111111111111".parse().unwrap())
}

fn asked() -> Asked {
    Asked {
        import_existing: false,
        template: Digest::of(SMALL.as_bytes()),
        parameters: BTreeMap::new(),
        tags: BTreeMap::new(),
        capabilities: BTreeSet::new(),
        role: None,
        alarms: vec![],
        monitor_min: 0,
    }
}

fn region() -> Region {
    "eu-central-1".parse().unwrap()
}

fn propose(cloud: &SimCloud, stack: &str) -> Option<Result<(), agent::cloud::CloudError>> {
    let key = StackKey { region: region(), stack: stack.parse().unwrap() };
    let asked = asked();
    let name = asked.fingerprint().change_set();
    let request = ChangeSetRequest {
        key: &key,
        nested: false,
        create: true,
        revert: false,
        name: &name,
        template: Template::Inline(SMALL),
        asked: &asked,
        kept: &BTreeSet::new(),
        description: "for a test",
    };
    now(cloud.create_change_set(&request))
}

/// What forty calls under faults look like.
fn trace(seed: u64, rules: &[Rule]) -> Vec<String> {
    let cloud = cloud(seed);
    rules.iter().for_each(|rule| cloud.world().borrow_mut().faults.add(rule.clone()));
    let step = |i: usize| {
        let proposed = propose(&cloud, &format!("s{}", i % 5));
        now(cloud.sleep(Duration::from_secs(1))).unwrap();
        let seen = now(cloud.stacks(&region()));
        format!("{proposed:?} {seen:?}")
    };
    (0..20).map(step).collect()
}

fn flaky(fault: Fault) -> Rule {
    Rule { action: "cloudformation:*".into(), account: None, after: 0, count: None, probability: Some(0.3), fault }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let rules = [flaky(Fault::Throttle), flaky(Fault::TimeoutAfter), flaky(Fault::Stale { calls: 2 })];
    assert_eq!(trace(6124, &rules), trace(6124, &rules));
    assert_ne!(trace(6124, &rules), trace(6125, &rules));
}

#[test]
fn leaving_one_rule_out_leaves_the_chances_of_the_others() {
    let struck = |rules: &[Rule]| {
        let lost = |line: &String| {
            line.starts_with("Some(Err(CloudError { call: \"cloudformation:CreateChangeSet\", problem: Unavailable")
        };
        trace(1, rules).iter().map(lost).collect::<Vec<bool>>()
    };
    let never = Rule { probability: Some(0.0), ..flaky(Fault::Reset) };
    assert_eq!(struck(&[flaky(Fault::Throttle)]), struck(&[flaky(Fault::Throttle), never]));
}

#[test]
fn an_answer_that_is_lost_leaves_the_work_done() {
    let cloud = cloud(1);
    cloud.world().borrow_mut().faults.add(Rule { count: Some(1), probability: None, ..flaky(Fault::TimeoutAfter) });
    assert_eq!(propose(&cloud, "s").unwrap().unwrap_err().problem, Trouble::Unavailable);
    assert_eq!(now(cloud.stacks(&region())).unwrap().unwrap().len(), 1);
}

#[test]
fn a_crash_never_comes_back_and_happens_before_or_after_the_work() {
    for (after, stacks) in [(false, 0), (true, 1)] {
        let cloud = cloud(1);
        cloud.world().borrow_mut().crash_at(1, after);
        assert_eq!(propose(&cloud, "s"), None);
        assert_eq!(now(cloud.stacks(&region())).unwrap().unwrap().len(), stacks);
    }
}

#[test]
fn a_stale_read_answers_what_was() {
    let cloud = cloud(1);
    let rule = Rule { after: 1, probability: None, ..flaky(Fault::Stale { calls: 1 }) };
    cloud.world().borrow_mut().faults.add(Rule { action: "cloudformation:DescribeStacks".into(), ..rule });
    let count = || now(cloud.stacks(&region())).unwrap().unwrap().len();
    assert_eq!(count(), 0);
    propose(&cloud, "s").unwrap().unwrap();
    assert_eq!(count(), 0);
    assert_eq!(count(), 1);
}

#[test]
fn a_failed_page_fails_the_whole_listing() {
    let cloud = cloud(1);
    (0..101).for_each(|i| propose(&cloud, &format!("s{i}")).unwrap().unwrap());
    assert_eq!(now(cloud.stacks(&region())).unwrap().unwrap().len(), 101);
    let rule = Rule { probability: None, ..flaky(Fault::FailedPage { page: 2 }) };
    cloud.world().borrow_mut().faults.add(rule);
    assert_eq!(now(cloud.stacks(&region())).unwrap().unwrap_err().problem, Trouble::Unavailable);
    assert_eq!(cloud.calls()["cloudformation:DescribeStacks"], 4);
}
