//! What people tell their account: holds, pins and approvals, and a guardrails file before it is put there.

use crate::site::{Site, parameter, parameters};
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
    assert_eq!(site.run(&["approve", "0123456789abcdef", "--reason", "wrong"]).code, Some(0));
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
}
