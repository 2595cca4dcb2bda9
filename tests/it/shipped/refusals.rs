//! What is not there or not allowed: one sentence that names it, and an exit code for whoever started the program.

use crate::{
    binary::{Ran, holdfast},
    git_server::{Manner, git},
    site::Site,
};
use manifests::report::State;
use sim::fault::{Fault, Rule};
use std::fs;

/// Nothing was done, and the error is one sentence with these words in it.
#[track_caller]
fn refused(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!((ran.code, &*ran.stdout), (Some(code), ""), "{ran:#?}");
    let error: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(error.len(), 1, "{}", ran.stderr);
    words.iter().for_each(|word| assert!(ran.stderr.contains(word), "no {word:?}: {}", ran.stderr));
    assert_eq!(ran.stderr.matches(words[0]).count(), 1, "said twice: {}", ran.stderr);
}

#[test]
fn whoever_may_not_say_who_he_is_does_nothing() {
    let site = Site::of(&[("stack", "")]);
    for (fault, words) in [
        (Fault::ExpiredToken, ["ExpiredToken", "sts:GetCallerIdentity", "check the credentials"]),
        (Fault::Denied, ["AccessDenied", "sts:GetCallerIdentity", "give the agent's role the permission"]),
    ] {
        site.fault("sts:GetCallerIdentity", None, fault);
        refused(&site.run(&["once"]), 77, &words);
        refused(&site.run(&["plan"]), 77, &words);
        refused(&site.run(&["status"]), 77, &words);
        site.calm();
    }
    assert_eq!(site.called("cloudformation:DescribeStacks"), 0);
}

#[test]
fn no_credentials_at_all() {
    let site = Site::of(&[("stack", "")]);
    let mut agent = holdfast(site.home(), &["once"]);
    agent.env("AWS_ENDPOINT_URL", site.url()).env("AWS_REGION", "eu-central-1");
    agent.env("HOLDFAST_REPOSITORY", site.repository.folder());
    refused(&Ran::of(&mut agent), 77, &["could not tell which account this is", "credentials"]);
}

#[test]
fn credentials_of_another_account() {
    let site = Site::of(&[("stack", "")]);
    let words = ["credentials of account 111111111111", "configured for 222222222222", "AWS_PROFILE"];
    refused(&site.run(&["once", "--account", "222222222222"]), 77, &words);
    refused(&site.run(&["run", "--account", "222222222222"]), 77, &words);
    assert_eq!(site.called("cloudformation:DescribeStacks"), 0);
}

#[test]
fn a_configuration_that_makes_no_sense() {
    let site = Site::of(&[("stack", "")]);
    fs::write(site.file("slip.yaml"), "branch: main\nintervall: 60s\n").unwrap();
    for (arguments, words) in [
        (&["--region", "middle-earth"][..], &["middle-earth", "`--region`"][..]),
        (&["--account", "12"], &["`--account`", "12"]),
        (&["--interval", "soon"], &["`--interval`"]),
        (&["--config", "nowhere.yaml"], &["nowhere.yaml", "can't be read"]),
        (&["--config", "slip.yaml"], &["slip.yaml: ", "line 2", "unknown field `intervall`"]),
        (&["--config", "ssm:/nowhere"], &["`/nowhere`", "ssm:GetParameter"]),
        (&["--memory", "somewhere"], &["`somewhere`", "`--memory`"]),
        (&["--repository", "ftp://example.org/x"], &["the repository's URL is neither https, ssh nor a path"]),
        (&["--repository", "ext::sh -c true"], &["the repository's URL is neither https, ssh nor a path"]),
        (&["--repository", ""], &["which manifests repository"]),
        (&["--repository", "https://example.org/x?token=y"], &["`--repository`", "no query"]),
    ] {
        refused(&site.run(&[&["once"], arguments].concat()), 78, words);
    }
    let mut agent = site.agent(&["once"]);
    refused(&Ran::of(agent.env_remove("HOLDFAST_REPOSITORY")), 78, &["which manifests repository", "`--repository`"]);
    let mut agent = site.agent(&["once"]);
    refused(&Ran::of(agent.env_remove("AWS_REGION")), 78, &["no region is configured", "`--region`"]);
    let mut agent = site.agent(&["once"]);
    refused(&Ran::of(agent.env("AWS_REGION", "middle-earth")), 78, &["`middle-earth` is not a region", "`--region`"]);
    assert_eq!(site.called("cloudformation:DescribeStacks"), 0);
}

#[test]
fn a_configuration_in_ssm_is_one_too() {
    let site = Site::of(&[("stack", "")]);
    let text = format!("repository: {}\nowner: from-ssm\n", site.repository.folder().display());
    site.operator().put("/holdfast/config", "String", &text);
    let mut agent = site.agent(&["once", "--config", "ssm:/holdfast/config"]);
    let ran = Ran::of(agent.env_remove("HOLDFAST_REPOSITORY"));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let stack = site.operator().query("cloudformation", "2010-05-15", "DescribeStacks", &[("StackName", "stack")]);
    assert!(stack.contains("<Value>from-ssm</Value>"), "{stack}");
}

#[test]
fn a_permission_that_is_missing_is_named_with_its_call() {
    for (call, what) in [("ssm:GetParameters", "memory"), ("ssm:PutParameter", "lease")] {
        let site = Site::of(&[("stack", "")]);
        site.fault(call, None, Fault::Denied);
        let ran = site.run(&["once"]);
        refused(
            &ran,
            77,
            &[&format!("the agent's {what} `/holdfast/{what}`"), call, "give the agent's role the permission"],
        );
        assert_eq!(site.called("cloudformation:ExecuteChangeSet"), 0, "what is remembered is written first");
    }
    for (call, state) in [
        ("cloudformation:DescribeStacks", State::Unknown),
        ("cloudformation:CreateChangeSet", State::Failed),
        ("cloudformation:DescribeChangeSet", State::Failed),
        ("cloudformation:ExecuteChangeSet", State::Failed),
    ] {
        let site = Site::of(&[("stack", "")]);
        site.fault(call, None, Fault::Denied);
        let turn = site.once().expect(state, 77);
        let why = turn.why("stack");
        assert!(why.contains(&format!("{call} was denied")), "{why}");
        assert!(why.contains(&format!("give the agent's role the permission `{call}`")), "{why}");
        assert_eq!(why.matches(call).count(), 3, "once as the call, once as AWS says it, once as what to do: {why}");
        site.calm();
        site.once().expect(State::InSync, 0);
    }
}

#[test]
fn a_parameter_that_may_not_be_read_stops_its_own_stack_only() {
    let site = Site::of(&[("stack", "parameters: {Value: {ssm: /given}}"), ("other", "")]);
    // The agent's own parameters are read in the first call, the manifests' in the second.
    let (action, fault) = ("ssm:GetParameters".into(), Fault::Denied);
    let rule = Rule { action, account: None, after: 1, count: None, probability: None, fault };
    site.world(|world, _| world.faults.add(rule));
    let turn = site.once().expect(State::Unknown, 77);
    let why = turn.why("stack");
    assert!(why.contains("ssm:GetParameters was denied"), "{why}");
    assert_eq!(turn.state("other"), State::InSync);
}

#[test]
fn credentials_that_expire_in_the_middle_are_told_and_the_next_turn_goes_on() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.fault("cloudformation:CreateChangeSet", None, Fault::ExpiredToken);
    let turn = site.once().expect(State::Failed, 77);
    assert!(turn.why("stack").contains("cloudformation:CreateChangeSet was refused for its credentials"), "{turn:#?}");
    site.calm();
    site.once().expect(State::InSync, 0);
}

/// What is said of the repository, whatever command asks; and nothing is changed.
#[track_caller]
fn troubled(site: &Site, arguments: &[&str], words: &[&str]) {
    let before = site.inventory();
    let turn = site.once_with(arguments).expect(State::Unknown, 75);
    let trouble = turn.report.source.trouble.unwrap_or_default();
    words.iter().for_each(|word| assert!(trouble.contains(word), "no {word:?}: {trouble}"));
    let ran = site.run(&[&["plan"], arguments].concat());
    assert_eq!(ran.code, Some(75), "{ran:#?}");
    assert!(ran.stdout.contains(&trouble[..20]), "{ran:#?}");
    assert_eq!(site.inventory(), before);
}

#[test]
fn a_repository_that_can_not_be_reached_changes_nothing() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    troubled(&site, &["--repository", "http://127.0.0.1:1/x"], &["127.0.0.1", "the remote last answered at"]);
    troubled(&site, &["--repository", "/nowhere"], &["/nowhere"]);
    troubled(&site, &["--branch", "nowhere"], &["nowhere"]);
    troubled(&site, &["--path", "nowhere"], &["has no folder `nowhere`"]);
}

#[test]
fn a_repository_that_was_never_reached_asks_for_nothing() {
    let site = Site::of(&[]);
    troubled(&site, &[], &["the repository has no branch yet"]);
    troubled(&site, &["--repository", "/nowhere"], &["/nowhere"]);
}

#[test]
fn a_branch_that_was_rewritten_is_refused_and_the_last_commit_stays_in_force() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.write("stack", "parameters: {Value: two}");
    git(site.repository.folder(), &["checkout", "--quiet", "--orphan", "elsewhere"]);
    site.repository.commit();
    git(site.repository.folder(), &["branch", "--force", "main", "elsewhere"]);
    let turn = site.once().expect(State::Unknown, 75);
    let trouble = turn.report.source.trouble.clone().unwrap_or_default();
    assert!(trouble.contains("is refused") && trouble.contains("ends with a commit on top of"), "{trouble}");
    assert_eq!((turn.state("stack"), site.operator().parameter("/stack").as_deref()), (State::InSync, Some("one")));
    assert_eq!(turn.report.happened.len(), 1, "{turn:#?}");
    assert!(site.once().report.happened.is_empty(), "it is told once");
}

#[test]
fn a_git_server_lets_in_whoever_knows_the_password() {
    let site = Site::of(&[("stack", "")]);
    let (server, url) = site.served();
    server.demand("Basic Z2l0OnNlc2FtZQ==");
    let said = |secret: &str| {
        let mut agent = site.agent(&["once", "-o", "json", "--repository", &url, "--git-user", "git"]);
        Ran::of(agent.env("HOLDFAST_GIT_SECRET", secret))
    };
    let turn = crate::site::Turn::of(said("wrong")).expect(State::Unknown, 77);
    let trouble = turn.report.source.trouble.clone().unwrap_or_default();
    assert!(trouble.contains("does not accept the credentials (HTTP 401)"), "{trouble}");
    crate::site::Turn::of(said("sesame")).expect(State::InSync, 0);
    server.behave(Manner::Status(503, "Retry-After: 1".into()));
    let turn = crate::site::Turn::of(said("sesame")).expect(State::Unknown, 75);
    assert_eq!(turn.state("stack"), State::InSync, "what is in force is looked after");
}
