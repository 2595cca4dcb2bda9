//! Who can release what: a commit, an approval in the repository, a person in the account, nobody.

use crate::{
    court::{Case, Court, allows, case, goes, held, later, permitted},
    table::{World, at, word},
};
use manifests::{
    approval::Approval,
    guardrails::{Guardrails, Limits},
    id::Digest,
    stack::{Location, Targets},
};
use plan::{
    facts::Detail,
    guard::{Held, Judgement, judge},
    orders,
    preview::Preview,
};

/// Whether a change that removes this goes ahead when its own digest, or another, is approved by one or the other.
fn released(does: &str, by_account: bool, until: i64, other: bool) -> bool {
    let case = case(does, |_| ());
    let digest = if other { Digest::of(b"other") } else { case.digest() };
    let mut court = Court::of(Limits::default());
    let (plan, until) = (word(&digest.short(16)), at(until));
    match by_account {
        true => {
            let (reason, by) = ("it is empty".into(), "alice".into());
            court.orders.approvals.push(orders::Approval { plan, until, reason, by });
        }
        false => {
            let at = Location { file: word("approvals.yaml"), line: 1 };
            court.approvals.push(Approval {
                plan,
                until,
                reason: "it is empty".into(),
                targets: Targets::default(),
                at,
            });
        }
    }
    matches!(court.judge(&case), Judgement::Permitted(..))
}

#[test]
fn an_approval_releases_exactly_its_digest_until_it_ends() {
    for by_account in [true, false] {
        assert!(released("Remove A, Modify True B", by_account, 60, false));
        assert!(!released("Remove A, Modify True B", by_account, 60, true), "another digest releases nothing");
        assert!(!released("Remove A, Modify True B", by_account, 0, false), "it has ended");
    }
}

#[test]
fn only_a_person_in_the_account_lets_a_type_go_that_is_never_destroyed() {
    for stateful in ["Remove Table AWS::DynamoDB::Table", "Modify True Key AWS::KMS::Key"] {
        assert!(released(stateful, true, 60, false));
        assert!(!released(stateful, false, 60, false));
        assert!(!goes(stateful, "Table Key", "Table Key"));
    }
    assert!(goes("Modify False Table AWS::DynamoDB::Table, Add Key AWS::KMS::Key", "", ""));
}

#[test]
fn an_approval_raises_no_limit_of_a_day() {
    let case = case("Remove A", |_| ());
    let mut court = Court::of(Limits { removals_per_day: 1, ..Limits::default() });
    let (plan, reason, by) = (word(&case.digest().short(16)), "it is empty".into(), "alice".into());
    court.orders.approvals.push(orders::Approval { plan, until: at(86_400), reason, by });
    permitted(court.judge(&case));
    later(court.judge(&case));
}

#[test]
fn an_entry_of_allow_is_used_up_by_the_change_that_it_let_through() {
    let mut court = Court::of(Limits::default());
    let (_, cost) = permitted(court.judge(&case("Remove A", allows("A B", ""))));
    assert_eq!(cost.allowed.len(), 1, "B was not needed");
    permitted(court.judge(&case("Remove A", allows("A", ""))));
    court.memory.use_up(&cost.allowed);
    let again = held(court.judge(&case("Remove A", allows("A", ""))));
    assert!(again.why.contains("was let through once already"), "{}", again.why);
    assert!(again.why.contains("allow: [{remove: A, reason: …}]"), "{}", again.why);
    permitted(court.judge(&case("Remove A", allows("A:again", ""))));
    permitted(court.judge(&case("Remove B", allows("A B", ""))));
    permitted(court.judge(&case("Modify True A", allows("", "A"))));
}

/// Why an account with these guardrails holds a change, whatever is allowed and approved.
#[track_caller]
fn forbidden(does: &str, change: impl FnOnce(&mut Guardrails), expect: &str) {
    let case = case(does, allows("R", "R"));
    let mut court = Court::of(Limits::default());
    change(&mut court.guardrails);
    let (plan, reason, by) = (word(&case.digest().short(16)), "it is empty".into(), "alice".into());
    court.orders.approvals.push(orders::Approval { plan, until: at(86_400), reason, by });
    let why = held(court.judge(&case)).why;
    assert!(
        why.contains(expect) && why.contains("; ends with a commit that asks for something else, or when"),
        "{why}"
    );
}

#[test]
fn what_guardrails_forbid_nobody_releases() {
    let guardrails = |spec: &str| {
        let text = format!("apiVersion: holdfast/v1\nkind: Guardrails\nspec: {spec}\n");
        let read = manifests::guardrails::parse(&word("guardrails.yaml"), text.as_bytes()).expect(spec);
        move |guardrails: &mut Guardrails| *guardrails = read
    };
    forbidden(
        "Add R AWS::IAM::User",
        guardrails("{types: {denied: ['AWS::IAM::*']}}"),
        "would touch R (AWS::IAM::User), and this account denies `AWS::IAM::*`",
    );
    forbidden("Modify False R Custom::X", guardrails("{may: {customResources: false}}"), "would run the code behind R");
    forbidden("Add R Custom::X", guardrails("{may: {customResources: false}}"), "would run the code behind R");
    forbidden(
        "Add R AWS::CloudFormation::Stack",
        guardrails("{may: {nestedStacks: false}}"),
        "holds the nested stack R",
    );
}

#[test]
fn a_template_that_rewrites_itself_needs_leave_unless_aws_does_it_alone() {
    let goes = |macros: bool, transforms: &[&str]| {
        let case = case("Add A", |_| ());
        let mut court = Court::of(Limits::default());
        court.guardrails.may.macros = macros;
        let transforms = transforms.iter().map(|name| (*name).to_owned()).collect();
        matches!(judge(&Preview { transforms, ..case.preview() }, &court.law()), Judgement::Permitted(..))
    };
    assert!(goes(false, &["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"]));
    assert!(!goes(false, &["AWS::Include"]));
    assert!(!goes(false, &["AWS::LanguageExtensions", "OurMacro"]));
    assert!(goes(true, &["OurMacro", "AWS::Include"]));
}

#[test]
fn taking_over_changes_tags_and_nothing_else() {
    let goes = |does: &str, attributes: &[&str]| {
        let mut case = case(does, |_| ());
        let detail = |attribute: &&str| Detail {
            attribute: (*attribute).into(),
            name: None,
            before: None,
            after: None,
            recreation: None,
        };
        case.set.changes.iter_mut().for_each(|change| change.details = attributes.iter().map(detail).collect());
        case.step.adopting = true;
        let court = Court::of(Limits { replacements_per_change: 9, ..Limits::default() });
        matches!(judge(&case.preview(), &court.law()), Judgement::Permitted(..))
    };
    assert!(goes("", &[]), "nothing at all changes");
    assert!(goes("Modify False A, Modify False B", &["Tags", "Tags"]));
    assert!(!goes("Modify False A", &["Tags", "Properties"]));
    assert!(!goes("Modify False A", &[]), "what changes is not said");
    assert!(!goes("Modify True A", &["Tags"]));
    assert!(!goes("Add A", &["Tags"]));
    let (child, inside) = ("Child AWS::CloudFormation::Stack", "Modify False Child/Topic");
    assert!(!goes(&format!("Modify False {child}, {inside}"), &["Tags", "Properties"]), "nobody has looked into it");
    assert!(!goes(&format!("Modify True walked {child}"), &["Tags"]));
    assert!(goes(&format!("Modify False walked {child}"), &["Properties"]), "and nothing changes inside");
    assert!(!goes(&format!("Modify False walked {child}, {inside}"), &["Properties"]), "what changes inside is no tag");
}

#[test]
fn a_held_change_is_remembered_under_the_case_that_the_planner_looks_for() {
    let world = World::of("app@2", "app@1 CREATE_COMPLETE ours");
    let case = Case { step: world.step("app"), ..case("Remove A", |stack| stack.template = word("t/2.yaml")) };
    let mut court = Court::of(Limits::default());
    court.guardrails = world.policy.guardrails.clone();
    let Held { why, plan, case, leave } = held(court.judge(&case));
    let was = plan::memory::WasHeld { case, why, plan: plan.to_string(), leave };
    let mut world = world.knowing("app", plan::memory::Known { held: Some(was), ..Default::default() });
    assert_eq!(world.row("app").state().as_str(), "held");
    // Approved, it is judged again.
    let (reason, by) = ("it is empty".into(), "alice".into());
    world.orders.approvals.push(orders::Approval { plan: word(&plan.short(16)), until: at(90_000), reason, by });
    assert_eq!(world.row("app").state().as_str(), "pending");
}
