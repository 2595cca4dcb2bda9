//! `holdfast uninstall --delete`: everything goes that an agent manages, in the order in which it can, and the agent after it.

use super::bootstrap::{bootstrap, site_of};
use crate::{
    binary::{Running, until},
    site::Site,
};
use manifests::report::State;
use serde_json::{Value, json};
use sim::store::Work;

/// An account with its agent's stack, and two stacks of which one is built on the other, which came later.
fn installed() -> Site {
    let site = site_of(&[("app", "dependsOn: [base]"), ("base", "")]);
    let ran = bootstrap(&site, &["--deploy"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    site.operator().guardrails("{}");
    site.once().expect(State::InSync, 0);
    site
}

fn gone(site: &Site) -> bool {
    ["app", "base", "holdfast-agent"].iter().all(|stack| site.operator().status(stack).is_none())
}

#[test]
fn it_shows_first_and_deletes_what_is_built_on_others_before_those() {
    let site = installed();
    let ran = site.run(&["uninstall", "--delete", "-o", "json"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    let going = |stack: &str| json!({"stack": format!("{}/{stack}", crate::world::HOME), "resources": 1, "kept": []});
    assert_eq!((&shown["deletes"], &shown["end"]), (&json!([going("app"), going("base")]), &json!("shown")), "{shown}");
    assert!(
        !gone(&site)
            && site.called("cloudformation:DeleteStack") == 0
            && site.operator().parameter("/holdfast/hold").is_none()
    );

    let ran = site.run(&["uninstall", "--delete", "--yes"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let at = |words: &str| ran.stdout.find(words).unwrap_or_else(|| panic!("{words}: {ran:#?}"));
    assert!(
        at("app: 1 resource deleted") < at("DELETE_COMPLETE app")
            && at("DELETE_COMPLETE app") < at("DELETE_COMPLETE base")
    );
    assert!(gone(&site));
    let hold = site.operator().parameter("/holdfast/hold").unwrap_or_default();
    assert!(!hold.contains("at work"), "a later agent is not held: {hold}");
}

#[test]
fn what_may_not_go_stops_all_of_it_until_it_is_kept_and_what_stays_keeps_what_it_is_built_on() {
    let site = installed();
    let refused = |more: &[&str], words: &str| {
        let ran = site.run(&[&["uninstall", "--delete", "--yes"], more].concat());
        assert!(ran.code == Some(1) && ran.stderr.contains(words), "{words}: {ran:#?}");
    };
    site.operator().guardrails("{stacks: {protected: [base]}}");
    refused(&[], "this account protects it");
    refused(&["--keep", "app"], "`--keep base` keeps that too");
    refused(&["--keep", "another"], "manages no such stack");
    site.operator().guardrails("{may: {prune: false}}");
    refused(&[], "allows no deletion");
    site.operator().ssm("DeleteParameter", &json!({"Name": "/holdfast/guardrails"}));
    refused(&[], "guardrails are not there");
    assert_eq!(site.called("cloudformation:DeleteStack"), 0);
    site.operator().guardrails("{stacks: {protected: [base]}}");
    let ran = site.run(&["uninstall", "--delete", "--yes", "--keep", "base"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(site.operator().status("base").as_deref(), Some("CREATE_COMPLETE"));
    assert_eq!((site.operator().status("app"), site.operator().status("holdfast-agent")), (None, None));
}

#[test]
fn cut_off_or_failed_the_agent_makes_nothing_again_and_the_same_command_goes_on() {
    let site = installed();
    site.plant("base", "Parameter", Work::Delete, Some(1));
    let mut command = site.agent(&["uninstall", "--delete", "--yes"]);
    let agent = Running::start(&mut command);
    until("the first of them", || site.operator().status("app").is_none());
    agent.kill();
    site.run(&["once"]);
    assert_eq!(site.operator().status("app"), None, "its agent stands aside");
    assert!(site.operator().status("holdfast-agent").is_some());
    let ends: Vec<Option<i32>> = (0..3).map(|_| site.run(&["uninstall", "--delete", "--yes"]).code).collect();
    assert!(gone(&site), "{ends:?}");
}
