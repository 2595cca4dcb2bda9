//! `holdfast run`: turn after turn, through whatever comes, until somebody says stop.

use crate::{
    binary::{Running, until},
    git_server::Manner,
    site::{Site, parameter},
};
use manifests::report::{State, What};
use sim::{fault::Fault, world::Timing};
use std::time::Duration;

const OFTEN: [&str; 3] = ["run", "--interval", "1s"];

#[test]
fn it_converges_follows_commits_and_stops_when_asked() {
    let site = Site::of(&[("stack", "")]);
    let mut agent = Running::start(&mut site.agent(&OFTEN));
    until("the stack", || site.operator().parameter("/stack").as_deref() == Some("one"));
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    until("the commit", || site.operator().parameter("/stack").as_deref() == Some("two"));
    assert!(agent.runs());
    let ran = agent.terminate();
    assert_eq!((ran.code, &*ran.stdout), (Some(0), ""), "{ran:#?}");
    assert!(ran.stderr.contains("turn done") && ran.stderr.lines().all(|line| line.contains(" INFO ")), "{ran:#?}");
    assert_eq!(site.called("sts:GetCallerIdentity"), 1, "once in the life of a process");
}

#[test]
fn a_git_server_that_is_away_stops_nothing() {
    let site = Site::of(&[("stack", "")]);
    let (server, url) = site.served();
    let mut command = site.agent(&OFTEN);
    let agent = Running::start(command.env("HOLDFAST_REPOSITORY", url));
    until("the stack", || site.operator().parameter("/stack").as_deref() == Some("one"));

    server.behave(Manner::Status(503, String::new()));
    let (asked, looked) = (server.counted().requests, site.called("cloudformation:DescribeStacks"));
    until("two more attempts", || server.counted().requests >= asked + 2);
    site.operator().update("stack", &parameter("stack", "by-hand"));
    until("a change by hand to be put back", || site.operator().parameter("/stack").as_deref() == Some("one"));
    assert!(site.called("cloudformation:DescribeStacks") > looked);

    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    server.behave(Manner::Honest);
    until("the commit", || site.operator().parameter("/stack").as_deref() == Some("two"));
    assert_eq!(agent.terminate().code, Some(0));
}

#[test]
fn an_account_that_is_away_stops_nothing() {
    let site = Site::of(&[("stack", "")]);
    site.fault("ssm:*", Some(7), Fault::Denied);
    let mut agent = Running::start(&mut site.agent(&OFTEN));
    site.reached("ssm:GetParameters", 2);
    assert!(agent.runs());
    site.calm();
    until("the stack", || site.operator().status("stack").as_deref() == Some("CREATE_COMPLETE"));
    let ran = agent.terminate();
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("the turn ended before it could look at anything"), "{ran:#?}");
}

#[test]
fn a_stop_does_not_wait_for_cloudformation_and_loses_nothing() {
    // A stack comes up in a minute.
    let site = Site::with(Timing { change_set: Duration::ZERO, ..Timing::scaled(10.0) }, &[("stack", "")]);
    let agent = Running::start(&mut site.agent(&OFTEN));
    site.reached("cloudformation:ExecuteChangeSet", 1);
    let ran = agent.terminate();
    assert_eq!(
        (ran.code, site.operator().status("stack").as_deref()),
        (Some(0), Some("CREATE_IN_PROGRESS")),
        "{ran:#?}"
    );
    site.world(|world, _| world.pass(Duration::from_secs(600)));
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(
        (turn.report.sequence, turn.happened(What::Created)),
        (2, vec!["stack"]),
        "the daemon told what it had begun"
    );
    assert_eq!(site.called("cloudformation:ExecuteChangeSet"), 1);
}
