//! The main job: from a commit to stacks, and one look later there is nothing to do.

use crate::{
    site::{AWAY, Site, Turn, parameter, parameters},
    world::HOME,
};
use manifests::report::{State, What};
use serde_json::json;
use std::collections::BTreeMap;

/// Three stacks in a row: what one gives, the next one takes.
fn row() -> Site {
    Site::of(&[
        ("base", ""),
        ("middle", "parameters: {Value: {output: {stack: base, key: Value}}}"),
        ("top", "dependsOn: [middle]"),
    ])
}

#[test]
fn one_turn_makes_everything_in_the_order_of_dependencies() {
    let site = row();
    site.template("base", &parameter("base", "first"));
    let commit = site.repository.commit();
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["base", "middle", "top"]);
    assert_eq!(site.operator().parameter("/middle").as_deref(), Some("first"));
    assert_eq!(turn.report.source.applied, Some(format!("main@sha1:{commit}")));
    assert_eq!(turn.report.source.applied, turn.report.source.attempted);
}

#[test]
fn a_settled_turn_looks_and_nothing_else() {
    let site = row();
    site.once().expect(State::InSync, 0);
    let before = site.operator().parameter("/holdfast/memory");
    let (turn, calls) = site.costs(|| site.once());
    let turn = turn.expect(State::InSync, 0);
    let looks = [("cloudformation:DescribeStacks", 1), ("ssm:GetParameters", 1), ("sts:GetCallerIdentity", 1)];
    assert_eq!(calls, looks.map(|(call, count)| (call.to_owned(), count)).into());
    assert_eq!(calls, aws(&turn), "what the report says that the turn cost");
    assert_eq!(site.operator().parameter("/holdfast/memory"), before);
    assert!(turn.report.happened.is_empty(), "{turn:?}");
}

/// The calls to AWS that a report tells.
fn aws(turn: &Turn) -> BTreeMap<String, u64> {
    turn.report.calls.clone().into_iter().filter(|(call, _)| !call.starts_with("git:")).collect()
}

#[test]
fn a_commit_that_changes_one_stack_touches_no_other() {
    let site = row();
    site.once().expect(State::InSync, 0);
    site.write("top", "dependsOn: [middle]\nparameters: {Value: two}");
    site.repository.commit();
    let (turn, calls) = site.costs(|| site.once());
    let turn = turn.expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Updated), ["top"]);
    assert_eq!(calls["cloudformation:CreateChangeSet"], 1);
    assert_eq!(calls["cloudformation:ExecuteChangeSet"], 1);
    assert_eq!(site.operator().parameter("/top").as_deref(), Some("two"));
}

#[test]
fn a_changed_output_goes_on_to_whoever_takes_it() {
    let site = row();
    site.once().expect(State::InSync, 0);
    site.write("base", "parameters: {Value: two}");
    site.repository.commit();
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Updated), ["base", "middle"]);
    assert_eq!(site.operator().parameter("/middle").as_deref(), Some("two"));
}

#[test]
fn a_stack_in_two_regions_is_two_stacks() {
    let spec = format!("regions: [{HOME}, {AWAY}]");
    let taking = format!("parameters: {{Value: {{output: {{stack: both, key: Value, region: {HOME}}}}}}}");
    let site = Site::of(&[("both", &spec), ("away", &format!("regions: [{AWAY}]\n{taking}"))]);
    let turn = site.once().expect(State::InSync, 0);
    let places: Vec<_> = turn.report.stacks.iter().map(|s| (s.region.as_str(), s.stack.as_str())).collect();
    assert_eq!(places, [(HOME, "both"), (AWAY, "away"), (AWAY, "both")]);
    assert_eq!(turn.happened(What::Created), ["both", "both", "away"]);
    let abroad = site.operator_of(crate::site::ACCOUNT, AWAY);
    assert_eq!(abroad.parameter("/away").as_deref(), Some("one"));
    assert_eq!(site.operator().status("away"), None);
}

#[test]
fn a_parameter_comes_from_ssm_or_from_a_label() {
    let site =
        Site::of(&[("stack", "parameters: {Value: {ssm: /given}}"), ("team", "parameters: {Value: {label: team}}")]);
    let fleet = "apiVersion: holdfast/v1\nkind: Fleet\nspec: {accounts: [{id: '111111111111', name: shop, labels: {team: blue}}]}\n";
    site.repository.write("fleet.yaml", fleet);
    site.repository.commit();
    site.operator().put("/given", "String", "from ssm");
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("from ssm"));
    assert_eq!(site.operator().parameter("/team").as_deref(), Some("blue"));
    assert_eq!(turn.report.account_name.as_deref(), Some("shop"));
    site.operator().put("/given", "String", "changed");
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Updated), ["stack"]);
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("changed"));
}

#[test]
fn what_a_parameter_refers_to_and_is_not_there_stops_its_own_stack_only() {
    for (value, why) in [
        ("{ssm: /missing}", "SSM parameter `/missing` does not exist in eu-central-1; ends when it does"),
        ("{label: team}", "account 111111111111 has no label `team`; ends when the fleet file gives it one"),
        (
            "{output: {stack: other, key: Nope}}",
            "`other` has no output `Nope` in eu-central-1; ends when its template gives it one",
        ),
    ] {
        let site = Site::of(&[("other", ""), ("stack", &format!("parameters: {{Value: {value}}}"))]);
        let turn = site.once().expect(State::Failed, 1);
        assert_eq!((turn.state("other"), turn.why("stack")), (State::InSync, why));
        assert_eq!(site.operator().status("stack"), None);
    }
}

/// A template that does not fit into a request.
fn large() -> String {
    let value = "x".repeat(4_000);
    let names: Vec<_> = (0..14).map(|n| (format!("P{n}"), format!("/large/{n}"))).collect();
    let all: Vec<_> = names.iter().map(|(logical, name)| (logical.as_str(), name.as_str(), value.as_str())).collect();
    parameters(&all)
}

#[test]
fn a_template_that_is_too_large_for_a_request_goes_through_a_bucket() {
    let site = Site::of(&[("large", ""), ("small", "")]);
    site.template("large", &large());
    site.repository.commit();
    let turn = site.once().expect(State::Failed, 1);
    assert!(turn.why("large").contains("larger than 51,200 bytes"), "{turn:#?}");
    assert!(turn.why("large").contains("--artifact-bucket"), "{turn:#?}");
    assert_eq!(turn.state("small"), State::InSync);
    let bucket = "Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: templates}}}";
    site.operator().create("bucket", bucket);
    let (turn, calls) = site.costs(|| site.once_with(&["--artifact-bucket", "templates"]));
    turn.expect(State::InSync, 0);
    assert_eq!(calls["s3:PutObject"], 1);
    assert_eq!(site.operator().status("large").as_deref(), Some("CREATE_COMPLETE"));
}

#[test]
fn a_suspended_stack_stays_as_it_is_and_says_why() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.once().expect(State::InSync, 0);
    site.write("stack", "parameters: {Value: two}\nsuspend: {reason: audit until Friday}");
    site.repository.commit();
    let turn = site.once().expect(State::Excepted, 0);
    assert_eq!(turn.why("stack"), "suspended: audit until Friday; ends when `suspend` leaves stack.yaml:1");
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Updated), ["stack"]);
}

#[test]
fn a_stack_of_that_name_that_is_not_ours_is_never_touched() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.operator().create("stack", &parameters(&[("Theirs", "/theirs", "theirs")]));
    let ((turn, calls), before) = (site.costs(|| site.once()), site.operator().parameter("/theirs"));
    let turn = turn.expect(State::NeedsAPerson, 3);
    assert!(turn.why("stack").contains("carries no `holdfast:owner` tag"), "{turn:#?}");
    assert_eq!((turn.state("other"), before.as_deref()), (State::InSync, Some("theirs")));
    assert_eq!(calls["cloudformation:CreateChangeSet"], 1, "for the other stack");
    let turn = site.once_with(&["--owner", "somebody-else"]);
    assert!(turn.why("other").contains("belongs to the installation `holdfast`"), "{turn:#?}");
}

#[test]
fn what_a_person_changes_by_hand_is_put_back() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.operator().update("stack", &parameter("stack", "by-hand"));
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("by-hand"));
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Updated), ["stack"]);
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
}

#[test]
fn a_hand_that_put_everything_back_itself_costs_one_change_set() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.operator().update("stack", &parameter("stack", "by-hand"));
    site.operator().update("stack", &parameter("stack", "one"));
    let (turn, calls) = site.costs(|| site.once());
    turn.expect(State::InSync, 0);
    assert_eq!(calls["cloudformation:CreateChangeSet"], 1, "the stack no longer says what it is");
    assert_eq!(calls.get("cloudformation:ExecuteChangeSet"), None);
    let (turn, calls) = site.costs(|| site.once());
    turn.expect(State::InSync, 0);
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None, "and that it is the same is remembered");
}

#[test]
fn an_account_that_a_stack_is_not_for_does_not_get_it() {
    let site = Site::of(&[("here", ""), ("there", "targets: {accounts: ['222222222222']}")]);
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.report.stacks.len(), 1);
    assert_eq!(site.operator().status("there"), None);
}

#[test]
fn memory_in_a_file_serves_as_well() {
    let site = row();
    let place = format!("file:{}", site.file("memory.json").display());
    site.once_with(&["--memory", &place]).expect(State::InSync, 0);
    let (turn, calls) = site.costs(|| site.once_with(&["--memory", &place]));
    turn.expect(State::InSync, 0);
    assert_eq!(calls.get("ssm:GetParameters"), None);
    assert_eq!(site.operator().ssm("GetParameter", &json!({"Name": "/holdfast/memory"})).0, 400);
}

#[test]
fn lost_memory_does_no_harm() {
    let site = row();
    site.once().expect(State::InSync, 0);
    let before = site.inventory();
    for damage in ["", "{", "{\"version\":1,\"sha256\":\"0\",\"memory\":{}}"] {
        site.operator().put("/holdfast/memory", "String", if damage.is_empty() { " " } else { damage });
        let turn = site.once().expect(State::InSync, 0);
        assert_eq!((turn.report.sequence, turn.happened(What::Updated)), (1, vec![]), "a new epoch begins");
        assert_eq!(site.inventory(), before);
    }
}
