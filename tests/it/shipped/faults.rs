//! What goes wrong between agent and AWS: answers that are late, lost, refused or broken.

use crate::site::{Site, parameter};
use manifests::report::{State, What};
use sim::fault::Fault;

#[test]
fn throttled_calls_are_made_again_and_each_is_counted() {
    let site = Site::of(&[("stack", "")]);
    site.fault("cloudformation:DescribeStacks", Some(1), Fault::Throttle);
    let (turn, calls) = site.costs(|| site.once());
    let turn = turn.expect(State::InSync, 0);
    let told = turn.report.calls["cloudformation:DescribeStacks"];
    assert_eq!(
        (told, told),
        (calls["cloudformation:DescribeStacks"], 3),
        "one refused, one before and one after the change"
    );
}

#[test]
fn a_start_whose_answer_is_lost_happens_once() {
    let site = Site::of(&[("stack", "")]);
    site.fault("cloudformation:ExecuteChangeSet", Some(1), Fault::TimeoutAfter);
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["stack"]);
    assert_eq!(operations(&site, "stack"), 1);
}

/// How often CloudFormation has begun to do something to a stack.
fn operations(site: &Site, stack: &str) -> usize {
    let events = site.operator().query("cloudformation", "2010-05-15", "DescribeStackEvents", &[("StackName", stack)]);
    let of_stack = |event: &&str| event.contains("<ResourceType>AWS::CloudFormation::Stack</ResourceType>");
    let begins = |event: &&str| {
        event.contains("<ResourceStatus>CREATE_IN_PROGRESS<") || event.contains("<ResourceStatus>UPDATE_IN_PROGRESS<")
    };
    events.split("<member>").filter(of_stack).filter(begins).count()
}

#[test]
fn a_request_whose_answer_is_lost_is_asked_for_once() {
    let site = Site::of(&[("stack", "")]);
    site.fault("cloudformation:CreateChangeSet", Some(1), Fault::TimeoutAfter);
    site.fault("cloudformation:DescribeChangeSet", Some(1), Fault::Reset);
    site.once().expect(State::InSync, 0);
    assert_eq!(operations(&site, "stack"), 1);
}

#[test]
fn a_service_that_is_down_changes_nothing_and_ends_the_turn_in_time() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.write("stack", "parameters: {Value: two}");
    site.write("new", "");
    site.repository.commit();
    site.fault("cloudformation:*", None, Fault::Server { status: 503 });
    let (turn, calls) = site.costs(|| site.once());
    let turn = turn.expect(State::Unknown, 75);
    assert!(turn.why("stack").contains("cloudformation:DescribeStacks was not answered"), "{turn:#?}");
    assert_eq!((turn.state("new"), calls.get("cloudformation:CreateChangeSet")), (State::Unknown, None));
    site.calm();
    site.once().expect(State::InSync, 0);
}

#[test]
fn a_listing_that_breaks_off_on_its_second_page_proves_nothing() {
    let may_go = "prune: true\ndeletionPolicy: delete";
    let site = Site::of(&[("stays", ""), ("goes", may_go)]);
    site.without_grace();
    site.once().expect(State::InSync, 0);
    // So many that they don't fit on one page.
    for n in 0..100 {
        site.operator().create(&format!("foreign-{n}"), &parameter(&format!("foreign-{n}"), "x"));
    }
    site.repository.remove("goes.yaml");
    site.write("stays", "parameters: {Value: two}");
    site.repository.commit();
    site.fault("cloudformation:DescribeStacks", None, Fault::FailedPage { page: 2 });
    let (turn, calls) = site.costs(|| site.once());
    let turn = turn.expect(State::Unknown, 75);
    assert!(turn.why("stays").contains("cloudformation:DescribeStacks was not answered"), "{turn:#?}");
    assert_eq!((calls.get("cloudformation:CreateChangeSet"), calls.get("cloudformation:DeleteStack")), (None, None));
    site.calm();
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Deleted), ["goes"]);
}

#[test]
fn a_stale_look_does_nothing_twice() {
    let site = Site::of(&[("stack", "")]);
    site.fault("cloudformation:DescribeStacks", Some(3), Fault::Stale { calls: 2 });
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!((turn.happened(What::Created), operations(&site, "stack")), (vec!["stack"], 1));
}

#[test]
fn a_hub_that_does_not_listen_is_told_next_turn() {
    let site = Site::of(&[("stack", "")]);
    let topic = ["--topic", "arn:aws:sns:eu-central-1:999999999999:nobody"];
    let turn = site.once_with(&topic).expect(State::InSync, 0);
    assert!(turn.ran.stderr.contains("sns:Publish"), "{turn:#?}");
    let turn = site.once_with(&topic).expect(State::InSync, 0);
    assert_eq!((turn.report.sequence, turn.happened(What::Created)), (2, vec!["stack"]));
}
