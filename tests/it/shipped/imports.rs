//! Resources that exist already and are taken into a stack (`importExisting`).

use crate::site::{Site, parameters};
use manifests::report::{State, What};

/// A template of one parameter that is kept when it leaves the stack.
fn kept(name: &str, value: &str) -> String {
    parameters(&[("Parameter", name, value)]).replace("    Properties", "    DeletionPolicy: Retain\n    Properties")
}

#[test]
fn what_exists_is_taken_in_and_is_the_stack_s_from_then_on() {
    let site = Site::of(&[]);
    site.operator().put("/stack", "String", "theirs");
    site.operator().guardrails("{may: {adopt: true}}");
    site.template("stack", &kept("/stack", "ours"));
    site.write("stack", "importExisting: true");
    site.repository.commit();
    let plan = site.run(&["plan"]);
    assert!(plan.stdout.contains("is taken in, and not made (`importExisting`)"), "{plan:#?}");
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["stack"]);
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("theirs"));
    site.template("stack", &kept("/stack", "new"));
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("new"));
}

#[test]
fn an_import_into_a_stack_that_is_there_is_shown_and_needs_the_account_s_leave() {
    let site = Site::of(&[("stack", "importExisting: true")]);
    site.once().expect(State::InSync, 0);
    site.operator().put("/more", "String", "theirs");
    let both = parameters(&[("Parameter", "/stack", "one"), ("More", "/more", "x")]);
    let retained = both.replace("    Properties", "    DeletionPolicy: Retain\n    Properties");
    site.template("stack", &retained);
    site.repository.commit();
    let plan = site.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, Some(3), "{plan:#?}");
    let line = "⇣ AWS::SSM::Parameter More /more (exists already and is taken into the stack)";
    assert!(plan.stdout.contains(line) && plan.stdout.contains("1 to import, 0 to add"), "{plan:#?}");
    let json = site.run(&["plan", "-o", "json"]).json();
    assert_eq!((&json["counts"]["import"], &json["counts"]["add"]), (&1.into(), &0.into()));
    let turn = site.once().expect(State::Held, 3);
    let why = "would take in More (AWS::SSM::Parameter /more), which exists already, and this account lets nothing be taken over";
    assert!(turn.why("stack").starts_with(why), "{turn:#?}");
    site.operator().guardrails("{may: {adopt: true}}");
    site.once().expect(State::InSync, 0);
    assert_eq!(site.operator().parameter("/more").as_deref(), Some("theirs"));
}

#[test]
fn what_would_go_with_its_stack_is_not_taken_in() {
    let site = Site::of(&[]);
    site.operator().put("/stack", "String", "theirs");
    site.operator().guardrails("{may: {adopt: true}}");
    site.write("stack", "importExisting: true");
    site.repository.commit();
    let turn = site.once().expect(State::Failed, 1);
    let why = "must have the DeletionPolicy attribute set to 'Retain' or 'RetainExceptOnCreate'";
    assert!(turn.why("stack").contains(why) && turn.why("stack").contains("Parameter"), "{turn:#?}");
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("theirs"));
}
