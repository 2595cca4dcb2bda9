//! What a manifest and an account say of drift, and what people see who wrote it wrong.

use crate::{parse, stack};
use manifests::{
    drift::{Drift, Mode},
    guardrails::{self, Guardrails, Who},
    id::RepoPath,
};
use std::time::Duration;

/// The drift rules of a stack with these further lines, which begin on line 6.
fn rules(lines: &str) -> Drift {
    let repository = parse(&[("stacks/a.yaml", stack("a", lines))]);
    assert_eq!(repository.problems, [], "{lines}");
    repository.stacks.values().next().expect("one stack").drift.clone()
}

#[track_caller]
fn check(lines: &str, expected: &str) {
    let repository = parse(&[("stacks/a.yaml", stack("a", lines))]);
    let told: Vec<String> = repository.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.join("\n"), expected);
}

fn place() -> RepoPath {
    "guardrails.yaml".parse().expect("a path")
}

fn account(spec: &str) -> Result<Guardrails, String> {
    let text = format!("apiVersion: holdfast/v1\nkind: Guardrails\nspec: {spec}\n");
    guardrails::parse(&place(), text.as_bytes()).map_err(|problems| problems[0].to_string())
}

#[test]
fn a_manifest_that_says_nothing_is_warned_every_six_hours() {
    assert_eq!(rules(""), Drift { mode: Mode::Warn, every: Duration::from_secs(6 * 3_600), ignore: vec![] });
    assert_eq!(rules("drift: {}"), Drift::default());
}

#[test]
fn off_is_a_mode_and_no_truth_value() {
    assert_eq!(rules("drift: {mode: off}").mode, Mode::Off);
    assert_eq!(rules("drift: {mode: heal, every: 30m}").mode, Mode::Heal);
}

#[test]
fn a_rule_is_about_a_resource_or_a_type_and_covers_what_lies_below_its_places() {
    let rules = rules(
        "drift:\n  ignore: [{resource: Topic}, {type: 'AWS::IAM::*', paths: [/Tags, /Policies/*/PolicyDocument]}]",
    );
    assert!(rules.ignores_resource("Topic", "AWS::SNS::Topic") && rules.ignores("Topic", "AWS::SNS::Topic", "/X"));
    assert!(!rules.ignores_resource("Role", "AWS::IAM::Role"));
    let role = |path| rules.ignores("Role", "AWS::IAM::Role", path);
    assert!(role("/Tags") && role("/Tags/0/Value") && role("/Policies/3/PolicyDocument/Statement"));
    assert!(!role("/TagsOf") && !role("/Policies/3/PolicyName") && !role("/Policies") && !role(""));
    assert!(!rules.ignores("Key", "AWS::KMS::Key", "/Tags"));
}

#[test]
fn slips_are_told_with_their_place() {
    check("drift: {mode: fix}", "stacks/a.yaml:6:17: `mode`: unknown word `fix`\n  hint: known here: off, warn, heal");
    check("drift: {modes: heal}", "stacks/a.yaml:6:11: unknown field `modes`\n  hint: did you mean `mode`?");
    check(
        "drift: {every: 1m}",
        "stacks/a.yaml:6:18: `1m` is out of bounds: a stack is looked at every 15m at most, and every 30d at least",
    );
    check(
        "drift: {ignore: [{paths: [/Tags]}]}",
        "stacks/a.yaml:6:20: each entry is about exactly one of `resource` and `type`",
    );
    check(
        "drift: {ignore: [{resource: Topic, paths: []}]}",
        "stacks/a.yaml:6:45: nothing is listed here\n  hint: to ignore the whole resource, leave `paths` out",
    );
    check(
        "drift: {ignore: [{type: 'aws::sns::topic', paths: [Tags]}]}",
        "stacks/a.yaml:6:27: `aws::sns::topic` is not a resource type or a pattern of some\n  hint: such as \
         `AWS::SNS::Topic` or `AWS::IAM::*`\nstacks/a.yaml:6:54: `Tags` is not a place in a resource's properties: it must \
         begin with `/`, such as `/Tags` or `/Policies/*/PolicyDocument`",
    );
}

#[test]
fn an_account_may_allow_less_hide_who_it_was_and_leave_people_alone() {
    let usual = account("{}").expect("it is sound");
    assert_eq!((usual.drift.most, usual.drift.who, usual.limits.heals_per_day), (Mode::Heal, Who::Full, 50));
    let rails = account(
        "{limits: {healsPerDay: 3}, drift: {mode: warn, who: hashed, people: [{by: '*role/break-glass*', hold: 4h}]}}",
    );
    let rails = rails.expect("it is sound");
    assert_eq!((rails.drift.most, rails.drift.who, rails.limits.heals_per_day), (Mode::Warn, Who::Hashed, 3));
    let rule = &rails.drift.people[0];
    assert!(
        rule.by.fits("arn:aws:iam::111122223333:role/break-glass-1") && rule.hold == Duration::from_secs(4 * 3_600)
    );
    let all = account("{drift: {people: [{by: '*', hold: 4h}]}}").expect_err("that is everybody");
    assert!(all.starts_with("guardrails.yaml:3:30: `*` is not the ARN of a principal"), "{all}");
    assert!(account("{drift: {people: [{by: 'arn:x', hold: 90d}]}}").is_err());
}
