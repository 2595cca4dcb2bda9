//! What fails in CloudFormation: undone there, told with its cause, tried again when it may help.

use crate::site::{Site, parameter};
use manifests::report::{State, What};
use sim::{
    fault::Plant,
    store::{Break, Work},
};

const NOW: [&str; 2] = ["--retry-after", "0s"];

#[test]
fn a_failed_update_is_undone_told_with_its_cause_and_tried_again_in_time() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.once().expect(State::InSync, 0);
    site.plant("stack", "Parameter", Work::Update, Some(1));
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    let turn = site.once().expect(State::Failed, 1);
    assert_eq!(turn.happened(What::Failed), ["stack"]);
    let why = turn.why("stack");
    assert!(
        why.starts_with(
            "UPDATE_ROLLBACK_COMPLETE: Parameter (AWS::SSM::Parameter): no Parameter today; tried again at "
        ),
        "{why}"
    );
    assert_eq!((turn.state("other"), site.operator().parameter("/stack").as_deref()), (State::InSync, Some("one")));
    let (turn, calls) = site.costs(|| site.once());
    turn.expect(State::Failed, 1);
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None, "it is not time yet");
    let turn = site.once_with(&NOW).expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Updated), ["stack"]);
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("two"));
}

#[test]
fn what_fails_again_waits_for_another_commit() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.plant("stack", "Parameter", Work::Update, Some(2));
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    site.once().expect(State::Failed, 1);
    let turn = site.once_with(&NOW).expect(State::Failed, 1);
    let why = turn.why("stack");
    assert!(why.contains("tried 2 times") && why.contains("ends with a commit that asks for something else"), "{why}");
    let (turn, calls) = site.costs(|| site.once_with(&NOW));
    turn.expect(State::Failed, 1);
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None);
    site.write("stack", "parameters: {Value: three}");
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("three"));
}

#[test]
fn a_commit_that_takes_the_failed_change_back_finds_everything_as_it_was() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.plant("stack", "Parameter", Work::Update, Some(1));
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    site.once().expect(State::Failed, 1);
    site.write("stack", "");
    site.repository.commit();
    let (turn, calls) = site.costs(|| site.once());
    turn.expect(State::InSync, 0);
    assert_eq!(calls.get("cloudformation:ExecuteChangeSet"), None);
    let (turn, calls) = site.costs(|| site.once());
    turn.expect(State::InSync, 0);
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None, "no changes is remembered");
}

#[test]
fn a_stack_that_never_came_up_is_cleared_away_and_created_again() {
    let site = Site::of(&[("stack", ""), ("after", "dependsOn: [stack]"), ("other", "")]);
    site.plant("stack", "Parameter", Work::Create, Some(1));
    let turn = site.once().expect(State::Failed, 1);
    assert!(
        turn.why("stack").starts_with("ROLLBACK_COMPLETE: Parameter (AWS::SSM::Parameter): no Parameter today"),
        "{turn:#?}"
    );
    assert_eq!(site.operator().status("stack").as_deref(), Some("ROLLBACK_COMPLETE"));
    assert_eq!((turn.state("other"), site.operator().status("after")), (State::InSync, None));
    assert!(turn.why("after").contains("waits for"), "{turn:#?}");
    let (turn, calls) = site.costs(|| site.once_with(&NOW));
    let turn = turn.expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["stack", "after"]);
    assert_eq!(calls["cloudformation:DeleteStack"], 1);
}

#[test]
fn a_template_that_cloudformation_refuses_is_told_once_and_asked_about_again_after_its_rest() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.template("stack", "Resources: {A: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Nobody}}}\n");
    site.repository.commit();
    let turn = site.once().expect(State::Failed, 1);
    assert!(turn.why("stack").contains("Unresolved resource dependencies [Nobody]"), "{turn:#?}");
    assert_eq!((turn.happened(What::Failed), turn.state("other")), (vec!["stack"], State::InSync));
    let (turn, calls) = site.costs(|| site.once());
    assert!(turn.expect(State::Failed, 1).why("stack").contains("tried again at"));
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None);
    // However short the rest is: once a turn, and nobody hears the same again.
    let (turn, calls) = site.costs(|| site.once_with(&NOW));
    assert!(turn.expect(State::Failed, 1).report.happened.is_empty());
    assert_eq!(calls["cloudformation:CreateChangeSet"], 1);
}

#[test]
fn a_capability_that_the_manifest_does_not_give_is_named() {
    let role = "Resources: {Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}}}}\n";
    let site = Site::of(&[("stack", "")]);
    site.template("stack", role);
    site.repository.commit();
    let turn = site.once().expect(State::Failed, 1);
    assert!(turn.why("stack").contains("CAPABILITY_IAM"), "{turn:#?}");
    site.write("stack", "capabilities: [CAPABILITY_IAM]");
    site.repository.commit();
    site.once().expect(State::InSync, 0);
}

#[test]
fn a_rollback_that_stopped_is_made_to_go_on_and_in_the_end_needs_a_person_and_says_how() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    let more = "  More: {Type: AWS::SSM::Parameter, DependsOn: Parameter, Properties: {Name: /more, Type: String, Value: m}}\n";
    let template = parameter("stack", "two").replace("Outputs:\n", &format!("{more}Outputs:\n"));
    site.template("stack", &template);
    site.repository.commit();
    // The first resource is changed, the second fails, and then the first can't be changed back.
    site.plant("stack", "More", Work::Create, Some(1));
    let planted = Break { work: Work::Update, reason: "no way back".into(), after: 1, times: None };
    let plant = Plant { account: None, stack: "stack".into(), logical: "Parameter".into(), planted };
    site.world(|world, _| world.faults.plant(plant));
    let turn = site.once().expect(State::Failed, 1);
    let why = turn.why("stack");
    assert!(
        why.starts_with("UPDATE_ROLLBACK_FAILED: Parameter (AWS::SSM::Parameter): no way back; tried again"),
        "{why}"
    );
    assert_eq!(site.called("cloudformation:ContinueUpdateRollback"), 1, "at once, as it is");
    let turn = site.once_with(&NOW).expect(State::NeedsAPerson, 3);
    let why = turn.why("stack");
    assert!(why.contains("tried 3 times") && why.contains("continue-update-rollback"), "{why}");
    assert_eq!(site.called("cloudformation:ContinueUpdateRollback"), 3);
    let (turn, calls) = site.costs(|| site.once_with(&NOW));
    turn.expect(State::NeedsAPerson, 3);
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None);
    assert_eq!(calls.get("cloudformation:ContinueUpdateRollback"), None);
    // The person looks at it with `status`, which says the same and does nothing.
    let ran = site.run(&["status"]);
    assert!(
        ran.stdout.contains("no way back; tried 3 times to get it going again; ends when a person acts"),
        "{ran:?}"
    );
    // What stopped it is mended, and the manifest names what may be left out: that is one more try.
    site.calm();
    site.write("stack", "recovery: {skip: [Parameter]}");
    site.repository.commit();
    let turn = site.once_with(&NOW);
    assert_eq!(turn.happened(What::Recovered), ["stack"], "{turn:#?}");
    turn.expect(State::InSync, 0);
}
