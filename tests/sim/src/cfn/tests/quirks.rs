//! What CloudFormation gets wrong about drift.

use super::{
    bench::Bench,
    drift::{detect, drifts, revert},
};
use crate::cfn::{
    api::{Action, Change, PolicyAction, Replacement, Status},
    quirk::{Quirk, Quirky},
    words::{ChangeSetStatus, ChangeSetType, DetectionStatus, ResourceDriftStatus, StackDriftStatus},
};

const PAIR: &str = "
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /p, Type: String, Value: good}}
  T: {Type: AWS::SNS::Topic, Properties: {DisplayName: one}}
";

/// A stack of a parameter and a topic, with one quirk in it.
fn quirky(logical: &str, quirk: Quirk) -> Bench {
    let mut bench = Bench::new();
    bench.create("s", PAIR);
    let (stack, logical) = ("s".to_owned(), logical.to_owned());
    bench.world.quirks.add(Quirky { account: None, stack, logical, quirk });
    bench
}

fn touched(bench: &mut Bench, logical: &str) -> u64 {
    let (account, region) = (bench.account.clone(), bench.region.clone());
    bench.world.touched(&account, &region, "s", logical).unwrap()
}

fn rows(changes: &[Change]) -> Vec<(&str, Action, Option<Replacement>, Option<ResourceDriftStatus>)> {
    changes.iter().map(|c| (c.logical_resource_id.as_str(), c.action, c.replacement, c.resource_drift_status)).collect()
}

const MODIFY: (Action, Option<Replacement>) = (Action::Modify, Some(Replacement::False));

#[test]
fn a_phantom_touches_what_is_in_sync() {
    let mut bench = quirky("T", Quirk::Phantom);
    bench.drift("s", "P", "Value", "bad");
    detect(&mut bench, "s");
    let plain = bench.propose(Bench::change_set("s", "plain", ChangeSetType::Update, PAIR));
    assert_eq!(plain.status, ChangeSetStatus::Failed, "only drift-aware change sets are haunted");
    let set = revert(&mut bench, "s", PAIR);
    let expected = [
        ("P", MODIFY.0, MODIFY.1, Some(ResourceDriftStatus::Modified)),
        ("T", MODIFY.0, MODIFY.1, Some(ResourceDriftStatus::InSync)),
    ];
    assert_eq!(rows(&set.changes), expected);
    bench.execute(&set.change_set_id);
    bench.rest("s");
    assert_eq!((touched(&mut bench, "P"), touched(&mut bench, "T")), (1, 1));
    assert_eq!(bench.live("s", "T", "DisplayName"), Some("one".into()));
}

#[test]
fn a_phantom_is_there_even_when_nothing_has_drifted() {
    let mut bench = quirky("T", Quirk::PhantomReplacement);
    detect(&mut bench, "s");
    let set = revert(&mut bench, "s", PAIR);
    assert_eq!((set.status, set.stack_drift_status), (ChangeSetStatus::CreateComplete, Some(StackDriftStatus::InSync)));
    let expected = [("T", Action::Modify, Some(Replacement::True), Some(ResourceDriftStatus::InSync))];
    assert_eq!(rows(&set.changes), expected);
    assert_eq!(set.changes[0].policy_action, Some(PolicyAction::ReplaceAndDelete));
    let before = bench.key("s", "T");
    bench.execute(&set.change_set_id);
    assert_eq!(bench.rest("s").last(), Some(&Status::UpdateComplete));
    assert!(!bench.exists(&before.kind, &before.id), "the healthy topic was replaced");
    assert_eq!((touched(&mut bench, "P"), touched(&mut bench, "T")), (0, 1));
}

#[test]
fn a_dropped_row_is_executed_all_the_same() {
    for (only_with_values, plain, valued) in [(false, 0, 0), (true, 1, 0)] {
        let mut bench = quirky("P", Quirk::Dropped { only_with_values });
        bench.drift("s", "P", "Value", "bad");
        let set = revert(&mut bench, "s", PAIR);
        assert_eq!((set.status, set.changes.len()), (ChangeSetStatus::CreateComplete, plain));
        let detailed = bench.describe(&set.change_set_id, true);
        assert_eq!(detailed.changes.len(), valued);
        assert!(detailed.status_reason.unwrap().contains("Logical Id: P, failed property validation"));
        bench.execute(&set.change_set_id);
        bench.rest("s");
        assert_eq!(bench.live("s", "P", "Value"), Some("good".into()));
    }
}

#[test]
fn detection_that_fails_for_one_resource_finds_the_others() {
    let mut bench = quirky("T", Quirk::DetectionFails);
    bench.drift("s", "P", "Value", "bad");
    let found = detect(&mut bench, "s");
    assert_eq!(found, (DetectionStatus::Failed, Some(StackDriftStatus::Drifted), Some(1)));
    let expected = [("P".to_owned(), ResourceDriftStatus::Modified), ("T".to_owned(), ResourceDriftStatus::Unknown)];
    assert_eq!(drifts(&mut bench, "s"), expected);
}

#[test]
fn detection_hangs_for_a_while_or_for_ever() {
    for (seconds, after, ends) in [(Some(600), 599, false), (Some(600), 601, true), (None, 1_000_000, false)] {
        let mut bench = quirky("*", Quirk::DetectionHangs { seconds });
        let id = bench.cfn().detect_stack_drift("s", &[]).unwrap();
        bench.pass(after);
        let status = bench.cfn().describe_stack_drift_detection_status(&id).unwrap().detection_status;
        assert_eq!(status != DetectionStatus::InProgress, ends, "{seconds:?} after {after}");
        assert_eq!(bench.cfn().detect_stack_drift("s", &[]).is_ok(), ends);
    }
}

#[test]
fn a_revert_is_refused_where_it_must_be() {
    let mut bench = quirky("*", Quirk::RefusesRevert { reason: "not here".to_owned() });
    let mut request = Bench::change_set("s", "heal", ChangeSetType::Update, PAIR);
    request.revert_drift = true;
    let refused = bench.cfn().create_change_set(request.clone()).unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), ("ValidationError", "not here"));
    bench.world.quirks.clear();
    let child =
        "\n  C: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://b.s3.amazonaws.com/t'}}\n";
    request.deployment.template_body = Some(format!("{}{child}", PAIR.trim_end()));
    let refused = bench.cfn().create_change_set(request).unwrap_err();
    assert!(refused.message.contains("nested stacks"), "{refused}");
}

#[test]
fn noise_is_found_again_after_every_revert() {
    let (path, expected, actual) = ("/DisplayName".to_owned(), "one".to_owned(), "ONE".to_owned());
    let mut bench = quirky("T", Quirk::Noise { path, expected, actual });
    for _ in 0..2 {
        let found = detect(&mut bench, "s");
        assert_eq!(found, (DetectionStatus::Complete, Some(StackDriftStatus::Drifted), Some(1)));
        let set = revert(&mut bench, "s", PAIR);
        assert_eq!(rows(&set.changes), [("T", MODIFY.0, MODIFY.1, Some(ResourceDriftStatus::Modified))]);
        let drift = set.changes[0].details[0].target.drift.as_ref().unwrap();
        assert_eq!((drift.previous_value.as_str(), drift.actual_value.as_str()), ("one", "ONE"));
        bench.execute(&set.change_set_id);
        assert_eq!(bench.rest("s").last(), Some(&Status::UpdateComplete));
        assert_eq!(bench.live("s", "T", "DisplayName"), Some("one".into()));
    }
    assert_eq!((touched(&mut bench, "P"), touched(&mut bench, "T")), (0, 2));
}

#[test]
fn a_revert_that_never_sticks_ends_well_and_heals_nothing() {
    let mut bench = quirky("*", Quirk::NeverSticks);
    bench.drift("s", "P", "Value", "bad");
    let (account, topic) = (bench.account.clone(), bench.key("s", "T"));
    bench.world.delete_resource(&account, &topic).unwrap();
    for _ in 0..2 {
        assert_eq!(detect(&mut bench, "s").2, Some(2));
        let set = revert(&mut bench, "s", PAIR);
        assert_eq!(set.changes.len(), 2);
        bench.execute(&set.change_set_id);
        assert_eq!(bench.rest("s").last(), Some(&Status::UpdateComplete));
    }
    assert_eq!((bench.live("s", "P", "Value"), touched(&mut bench, "P")), (Some("bad".into()), 2));
}
