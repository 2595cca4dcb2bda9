//! What people tell their account: holds, pins and approvals, and a guardrails file before it is put there.

use crate::{
    binary::Ran,
    site::{Site, parameter, parameters},
};
use manifests::report::{State, What};

#[test]
fn what_is_held_is_left_alone_until_it_is_released() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.once().expect(State::InSync, 0);
    let ran = site.run(&["hold", "stack", "--for", "4h", "--reason", "incident 42"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("on hold: stack: incident 42"), "{ran:#?}");
    site.write("stack", "parameters: {Value: two}");
    site.write("other", "parameters: {Value: two}");
    site.repository.commit();
    let turn = site.once().expect(State::Excepted, 0);
    assert!(turn.why("stack").starts_with("on hold: incident 42"), "{turn:#?}");
    assert_eq!((turn.happened(What::Updated), turn.report.holds.len()), (vec!["other"], 1));
    let ran = site.run(&["release", "stack"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("nothing is on hold"), "{ran:#?}");
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Updated), ["stack"]);
}

#[test]
fn an_approval_releases_the_change_that_it_names_and_no_other() {
    let two = parameters(&[("Stays", "/stays", "s"), ("Goes", "/goes", "g")]);
    let site = Site::of(&[("stack", "")]);
    site.template("stack", &two);
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    site.template("stack", &parameters(&[("Stays", "/stays", "s")]));
    site.repository.commit();
    let plan = site.once().expect(State::Held, 3).stack("stack").plan.clone().unwrap();
    let ran = site.run(&["approve", "0123456789abcdef", "--reason", "wrong"]);
    assert!(ran.code == Some(1) && ran.stderr.contains(&format!("held are {plan} (eu-central-1/stack)")), "{ran:#?}");
    assert_eq!(site.run(&["approve", "0123456789abcdef", "--reason", "wrong", "--ahead"]).code, Some(0));
    site.once().expect(State::Held, 3);
    assert_eq!(site.run(&["approve", &plan, "--reason", "it is empty"]).code, Some(0));
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Updated), ["stack"]);
    assert_eq!(site.operator().parameter("/goes"), None);
}

#[test]
fn a_pinned_account_stays_where_it_is() {
    let site = Site::of(&[("stack", "")]);
    let commit = site.once().expect(State::InSync, 0).report.source.applied.unwrap();
    let commit = commit.rsplit(':').next().unwrap();
    assert_eq!(site.run(&["pin", commit, "--for", "7d", "--reason", "the next one is broken"]).code, Some(0));
    site.write("stack", "parameters: {Value: two}");
    site.template("stack", &parameter("stack", "two"));
    site.repository.commit();
    let turn = site.once().expect(State::InSync, 0);
    assert!(turn.report.pin.is_some() && turn.report.source.attempted.as_ref().unwrap().ends_with(commit), "{turn:#?}");
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
    assert_eq!(site.run(&["unpin"]).code, Some(0));
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Updated), ["stack"]);
}

#[test]
fn a_guardrails_file_is_checked_before_it_is_put_there() {
    let site = Site::of(&[]);
    let check = |text: &str| {
        std::fs::write(site.file("rails.yaml"), text).unwrap();
        site.run(&["validate", "--guardrails", "rails.yaml"])
    };
    let head = "apiVersion: holdfast/v1\nkind: Guardrails\nspec:\n";
    let ran = check(&format!("{head}  limits: {{removalsPerDay: 3}}\n"));
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), "guardrails, 0 problems"));
    let ran = check(&format!("{head}  limit: {{}}\n"));
    assert!(ran.code == Some(1) && ran.stdout.contains("rails.yaml:4:3: unknown field `limit`"), "{ran:#?}");
    // Where the agent is told where they are, a folder is meant unless the file is named once more.
    let ran = |arguments: &[&str]| Ran::of(site.agent(arguments).env("HOLDFAST_GUARDRAILS", "rails.yaml"));
    assert_eq!(ran(&["validate", "--guardrails", "rails.yaml"]).code, Some(1));
    assert!(ran(&["validate", "."]).stdout.contains("0 stack manifests"));
}

/// A command that is refused with this in its message, and this exit code.
#[track_caller]
fn refused(site: &Site, arguments: &[&str], code: i32, expect: &str) {
    let ran = site.run(arguments);
    assert!(ran.code == Some(code) && ran.stderr.contains(expect), "{arguments:?}: {ran:#?}");
}

#[test]
fn an_order_has_an_end_an_author_and_the_right_account() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    refused(&site, &["hold", "--reason", "r"], 64, "--for <TIME>|--until <TIME>");
    refused(
        &site,
        &["hold", "--for", "4h", "--until", "2030-01-01T00:00Z", "--reason", "r"],
        64,
        "cannot be used with",
    );
    refused(&site, &["hold", "--for", "4h"], 64, "--reason <TEXT>");
    refused(&site, &["hold", "--until", "2020-01-01T00:00Z", "--reason", "r"], 64, "is over");
    refused(&site, &["release"], 1, "the whole account is not on hold");
    refused(&site, &["unpin"], 1, "the account is not pinned");
    let wrong = ["hold", "--for", "4h", "--reason", "r", "--account", "222222222222"];
    refused(&site, &wrong, 77, "the agent is configured for 222222222222");
    refused(&site, &["hold", "STACK", "--for", "4h", "--reason", "r"], 1, "has no stack `STACK`; `--ahead` holds");
    let ran = site.run(&["hold", "stack", "--until", "2100-01-01T00:00Z", "--reason", "r", "-o", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["holds"][0]["until"], "2100-01-01T00:00:00Z");
    let by = told["holds"][0]["by"].as_str().unwrap();
    assert!(!by.is_empty() && by != "somebody", "{by}");
}

#[test]
fn of_all_who_speak_at_once_none_is_lost() {
    let site = Site::of(&[("stack", "")]);
    let names: Vec<String> = (0..8).map(|number| format!("stack-{number}")).collect();
    let said = |stack: &String| {
        let mut hold = site.agent(&["hold", stack, "--for", "4h", "--reason", "r"]);
        hold.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut all: Vec<_> = names.iter().map(said).collect();
    for one in &mut all {
        assert!(one.wait().unwrap().success());
    }
    let told = site.operator().parameter("/holdfast/hold").unwrap();
    assert!(names.iter().all(|name| told.contains(name)), "{told}");
    assert_eq!(site.operator().parameter("/holdfast/hold.saying"), None);
}

#[test]
fn what_cannot_be_understood_is_not_written_over() {
    let site = Site::of(&[("stack", "")]);
    site.operator().put("/holdfast/hold", "String", "nonsense");
    refused(&site, &["hold", "--for", "4h", "--reason", "r"], 1, "is not written over: `/holdfast/hold` can't be");
    assert_eq!(site.operator().parameter("/holdfast/hold").as_deref(), Some("nonsense"));
}

#[test]
fn an_account_is_pinned_to_commits_of_the_branch_only() {
    let site = Site::of(&[("stack", "")]);
    let commit = site.once().expect(State::InSync, 0).report.source.applied.unwrap();
    let commit = commit.rsplit(':').next().unwrap().to_owned();
    let pin = |commit: &str| site.run(&["pin", commit, "--for", "7d", "--reason", "r"]);
    let ran = pin(&commit[..7]);
    assert!(ran.code == Some(0) && ran.stdout.starts_with(&format!("pinned to {}: r", &commit[..7])), "{ran:#?}");
    let refused = |commit: &str, expect: &str| {
        let ran = pin(commit);
        assert!(matches!(ran.code, Some(1 | 64)) && ran.stderr.contains(expect), "{ran:#?}");
    };
    refused("HEAD", "must be 40 or 64 lower-case hex digits, or at least seven");
    refused("fffffff", "`fffffff` begins no commit");
    refused(&"f".repeat(40), "is not in the branch's history");
    // One that is there, and on another branch.
    let other = site.repository.aside("other");
    refused(&other, "is not in the branch's history; a commit in the history of the branch `main` can be named");
}

#[test]
fn a_stack_is_sent_back_to_the_change_before_and_follows_again_when_that_ends() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.once().expect(State::InSync, 0);
    refused(&site, &["rollback", "stack", "--for", "4h", "--reason", "r"], 1, "tells of no earlier change of `stack`");
    refused(&site, &["rollback", "nothing", "--for", "4h", "--reason", "r"], 1, "there is no stack `nothing`");
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    let ran = site.run(&["rollback", "stack", "--for", "4h", "--reason", "two is broken"]);
    assert!(ran.code == Some(0) && ran.stdout.starts_with("rolled back: stack to "), "{ran:#?}");
    let turn = site.once().expect(State::Excepted, 0);
    assert_eq!((turn.happened(What::Recovered), turn.report.rollbacks.len()), (vec!["stack"], 1));
    assert!(turn.why("stack").starts_with("rolled back to its form at "), "{turn:#?}");
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
    site.once().expect(State::Excepted, 0);
    refused(&site, &["unpin", "other"], 1, "the stack `other` is not rolled back");
    assert_eq!(site.run(&["unpin", "stack"]).code, Some(0));
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Updated), ["stack"]);
    let head = site.once().expect(State::InSync, 0).report.source.applied.unwrap();
    let head = head.rsplit(':').next().unwrap();
    refused(&site, &["rollback", "elsewhere", head, "--for", "4h", "--reason", "r"], 1, "no manifest asks for a stack");
}

#[test]
fn a_rollback_that_is_said_again_means_the_same_commit_and_outlasts_the_manifest() {
    let site = Site::of(&[("stack", "prune: true\ndeletionPolicy: delete"), ("other", "")]);
    site.without_grace();
    let first = site.repository.head();
    site.once().expect(State::InSync, 0);
    site.write("stack", "prune: true\ndeletionPolicy: delete\nparameters: {Value: two}");
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    site.write("other", "parameters: {Value: three}");
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    let back = || {
        let ran = site.run(&["rollback", "stack", "--for", "4h", "--reason", "r"]);
        assert!(ran.stdout.contains(&format!("rolled back: stack to {}", &first[..7])), "{ran:#?}");
    };
    back();
    site.once().expect(State::Excepted, 0);
    back();
    // What brought it back is told with the commit whose form it is.
    let ran = site.run(&["history", "stack"]);
    assert!(ran.stdout.lines().next().unwrap().ends_with(&format!("holdfast, for {}", &first[..7])), "{ran:#?}");
    site.repository.remove("stack.yaml");
    site.repository.commit();
    for _ in 0..2 {
        let turn = site.once();
        assert!(turn.why("stack").contains("a person sent it back and lets it stay there"), "{turn:#?}");
    }
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
}

#[test]
fn what_cannot_be_understood_is_told_also_when_there_is_nothing_to_do() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    for (place, text) in [("/holdfast/hold", "nonsense"), ("/holdfast/guardrails", "nonsense: [")] {
        site.operator().put(place, "String", text);
        let turn = site.once().expect(State::Held, 3);
        assert!(turn.report.closed.as_ref().is_some_and(|why| why.contains("can't be understood")), "{turn:#?}");
        let ran = site.run(&["status"]);
        assert!(
            ran.code == Some(3) && ran.stdout.contains("✗ ") && ran.stdout.contains("can't be understood"),
            "{ran:#?}"
        );
        site.operator().ssm("DeleteParameter", &serde_json::json!({ "Name": place }));
    }
}
