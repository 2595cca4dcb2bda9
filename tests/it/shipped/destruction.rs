//! Destruction: only what a commit spells out, only stacks that said that they may go, one a turn.

use crate::site::{Site, parameter, parameters, table};
use manifests::report::{State, What};

/// A stack with a table, and a stack beside it.
fn with_table() -> Site {
    let site = Site::of(&[("other", "")]);
    site.write("stack", "");
    site.template("stack", &table("Id"));
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    site.template("stack", &table("Name"));
    site.repository.commit();
    // Tables are among the types that are never replaced; in this account they may be.
    site.operator().guardrails("{types: {neverReplaced: []}}");
    site
}

#[test]
fn a_replacement_is_held_until_a_commit_spells_it_out() {
    let site = with_table();
    let turn = site.once().expect(State::Held, 3);
    assert_eq!((turn.happened(What::Held), turn.state("other")), (vec!["stack"], State::InSync));
    let plan = turn.stack("stack").plan.clone().unwrap();
    assert_eq!(plan.len(), 16);
    assert_eq!(
        turn.why("stack"),
        format!(
            "would replace Table (AWS::DynamoDB::Table), and nothing unnamed may go; ends with a commit that leaves them \
             alone, or writes `allow: [{{replace: Table}}]` in stack.yaml, or `holdfast approve {plan} --reason …` in this \
             account"
        )
    );
    assert_eq!(site.operator().status("stack").as_deref(), Some("CREATE_COMPLETE"));
    site.write("stack", "allow: [{replace: Table}]");
    site.repository.commit();
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Updated), ["stack"]);
}

#[test]
fn a_table_is_not_replaced_by_a_commit_whatever_it_spells_out() {
    let site = with_table();
    site.operator().guardrails("{}");
    site.write("stack", "allow: [{replace: Table}]");
    site.repository.commit();
    let turn = site.once().expect(State::Held, 3);
    assert!(turn.why("stack").contains("which this account never replaces by itself"), "{turn:#?}");
}

#[test]
fn what_is_held_is_asked_about_once_and_told_once() {
    let site = with_table();
    assert_eq!(site.run(&["plan", "--detailed-exitcode"]).code, Some(3));
    site.once().expect(State::Held, 3);
    let ran = site.run(&["plan", "--detailed-exitcode"]);
    assert!(ran.code == Some(3) && ran.stdout.contains("1 held"), "whoever judged it: {ran:#?}");
    let (turn, calls) = site.costs(|| site.once());
    let turn = turn.expect(State::Held, 3);
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None, "the judgement would be the same");
    assert!(turn.report.happened.is_empty(), "{turn:#?}");
}

#[test]
fn a_removal_is_held_until_a_commit_spells_it_out() {
    let two = parameters(&[("Stays", "/stays", "s"), ("Goes", "/goes", "g")]);
    let site = Site::of(&[("stack", "")]);
    site.template("stack", &two);
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    site.template("stack", &parameters(&[("Stays", "/stays", "changed")]));
    site.repository.commit();
    let turn = site.once().expect(State::Held, 3);
    assert!(turn.why("stack").contains("would remove Goes (AWS::SSM::Parameter)"), "{turn:#?}");
    assert_eq!(site.operator().parameter("/stays").as_deref(), Some("s"), "all of the change is held");
    site.write("stack", "allow: [{remove: Other}]");
    site.repository.commit();
    site.once().expect(State::Held, 3);
    site.write("stack", "allow: [{remove: Goes}]");
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    assert_eq!(site.operator().parameter("/goes"), None);
    assert_eq!(site.operator().parameter("/stays").as_deref(), Some("changed"));
}

#[test]
fn the_account_may_allow_more_and_the_manifest_may_allow_less() {
    let site = with_table();
    let allowing = |count: u32| {
        site.operator()
            .guardrails(&format!("{{limits: {{replacementsPerChange: {count}}}, types: {{neverReplaced: []}}}}"));
    };
    allowing(1);
    site.write("stack", "limits: {replacements: 0}");
    site.repository.commit();
    site.once().expect(State::Held, 3);
    site.write("stack", "");
    site.repository.commit();
    allowing(0);
    site.once().expect(State::Held, 3);
    allowing(1);
    site.once().expect(State::InSync, 0);
}

#[test]
fn a_stack_whose_manifest_left_stays() {
    let site = Site::of(&[("stays", ""), ("orphan", "prune: true"), ("leaves", "")]);
    site.once().expect(State::InSync, 0);
    site.repository.remove("leaves.yaml");
    site.repository.remove("orphan.yaml");
    site.repository.commit();
    let turn = site.once().expect(State::Excepted, 0);
    for name in ["leaves", "orphan"] {
        let why = turn.why(name);
        assert!(
            why.contains(&format!("`{name}`")) && why.contains("`prune: true` with `deletionPolicy: delete`"),
            "{why}"
        );
        assert_eq!(site.operator().status(name).as_deref(), Some("CREATE_COMPLETE"));
    }
    assert_eq!(site.called("cloudformation:DeleteStack"), 0);
}

const MAY_GO: &str = "prune: true\ndeletionPolicy: delete";

#[test]
fn stacks_that_may_go_are_deleted_last_and_one_a_turn() {
    let site = Site::of(&[("stays", ""), ("first", MAY_GO), ("second", MAY_GO)]);
    site.without_grace();
    site.once().expect(State::InSync, 0);
    site.repository.remove("first.yaml");
    site.repository.remove("second.yaml");
    site.write("stays", "parameters: {Value: two}");
    site.repository.commit();
    let turn = site.once().expect(State::Pending, 4);
    assert_eq!((turn.happened(What::Updated), turn.happened(What::Deleted)), (vec!["stays"], vec!["first"]));
    let at = |what| turn.report.happened.iter().position(|happening| happening.what == what);
    assert!(at(What::Updated) < at(What::Deleted), "{turn:#?}");
    assert!(turn.why("second").contains("ends with the next turn"), "{turn:#?}");
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Deleted), ["second"]);
    assert_eq!(site.called("cloudformation:DeleteStack"), 2);
    assert_eq!((site.operator().status("first"), site.operator().status("second")), (None, None));
}

#[test]
fn nothing_goes_while_absence_is_not_proved() {
    let site = Site::of(&[("stays", ""), ("goes", MAY_GO)]);
    site.without_grace();
    site.once().expect(State::InSync, 0);
    site.repository.remove("goes.yaml");
    site.repository.write("broken.yaml", "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {name: [\n");
    site.repository.commit();
    let turn = site.once().expect(State::Failed, 1);
    assert!(turn.why("goes").contains("a manifest's name could not be read, and it might be this one's"), "{turn:#?}");
    assert_eq!((turn.state("goes"), site.called("cloudformation:DeleteStack")), (State::Unknown, 0));
    site.repository.remove("broken.yaml");
    site.repository.commit();
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Deleted), ["goes"]);
}

#[test]
fn a_repository_that_asks_for_nothing_deletes_nothing() {
    let site = Site::of(&[("goes", MAY_GO), ("goes-too", MAY_GO)]);
    site.without_grace();
    site.once().expect(State::InSync, 0);
    site.repository.remove("goes.yaml");
    site.repository.remove("goes-too.yaml");
    site.repository.write("fleet.yaml", "apiVersion: holdfast/v1\nkind: Fleet\nspec: {accounts: []}\n");
    site.repository.commit();
    let turn = site.once().expect(State::Unknown, 75);
    assert!(turn.why("goes").contains("asks for nothing at all here"), "{turn:#?}");
    site.repository.remove("fleet.yaml");
    site.repository.commit();
    let turn = site.once().expect(State::Unknown, 75);
    assert!(turn.report.source.trouble.as_deref().is_some_and(|why| why.contains("has no `*.yaml` file")), "{turn:#?}");
    assert_eq!(site.called("cloudformation:DeleteStack"), 0);
}

#[test]
fn a_file_that_moves_or_a_stack_that_is_renamed_by_its_file_deletes_nothing() {
    let site = Site::of(&[("stack", MAY_GO), ("other", "")]);
    site.once().expect(State::InSync, 0);
    site.repository.remove("stack.yaml");
    site.repository.write("elsewhere/any.yaml", crate::site::manifest("stack", MAY_GO));
    site.repository.write("elsewhere/stack.template", parameter("stack", "one"));
    site.repository.commit();
    let (turn, calls) = site.costs(|| site.once());
    turn.expect(State::InSync, 0);
    assert_eq!((calls.get("cloudformation:CreateChangeSet"), calls.get("cloudformation:DeleteStack")), (None, None));
}

#[test]
fn memory_that_is_damaged_takes_the_day_for_spent_and_a_newer_one_is_left_alone() {
    let site = Site::of(&[("stack", "")]);
    let two = parameters(&[("Stays", "/stays", "s"), ("Goes", "/goes", "g")]);
    site.template("stack", &two);
    site.repository.commit();
    // One a day, which is less than holds without guardrails.
    site.operator().guardrails("{limits: {removalsPerDay: 1}}");
    site.once().expect(State::InSync, 0);
    site.operator().put("/holdfast/memory", "String", "nonsense");
    site.template("stack", &parameters(&[("Stays", "/stays", "s")]));
    site.write("stack", "allow: [{remove: Goes}]");
    site.repository.commit();
    let turn = site.once().expect(State::Pending, 4);
    assert!(
        turn.why("stack").starts_with("as much was destroyed in the last 24 hours as this account allows"),
        "{turn:#?}"
    );
    let newer = site.operator().parameter("/holdfast/memory").unwrap().replace("\"version\":1", "\"version\":2");
    site.operator().put("/holdfast/memory", "String", &newer);
    let ran = site.run(&["once"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("was written by a newer agent (format 2)"), "{ran:#?}");
    assert_eq!(site.operator().parameter("/holdfast/memory"), Some(newer));
}
