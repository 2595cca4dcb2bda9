//! `holdfast drift accept`: the patch that makes git agree with the account is one that git takes, and CloudFormation finds
//! nothing to do with it.

use crate::{
    binary::{Ran, Running},
    site::{AWAY, Site, parameters},
    world::HOME,
};
use serde_json::{Value, json};
use sim::{fault::Fault, trail::Actor, world::Timing};
use std::{io::Write, process::Stdio, time::Duration};

/// Runs the agent where drift is looked for.
fn runs(site: &Site, arguments: &[&str]) -> Ran {
    Ran::of(site.agent(arguments).env("HOLDFAST_DRIFT_CALLS", "1000"))
}

/// Somebody changes a parameter.
fn changes(site: &Site, logical: &str, value: &str) {
    changes_in(site, HOME, logical, value);
}

fn changes_in(site: &Site, region: &str, logical: &str, value: &str) {
    site.world(|world, account| {
        let key = world.locate(account, &region.parse().unwrap(), "stack", logical).unwrap();
        world.set_property_as(account, &key, "Value", Some(Value::from(value)), &Actor::mallory(account)).unwrap();
    });
}

/// Pipes a patch into `git apply`, and commits what comes of it.
fn commits(site: &Site, patch: &str) {
    let mut git = std::process::Command::new("git");
    git.args(["apply", "--index", "-"]).current_dir(site.repository.folder()).stdin(Stdio::piped());
    let mut git = git.spawn().unwrap();
    git.stdin.take().unwrap().write_all(patch.as_bytes()).unwrap();
    assert!(git.wait().unwrap().success(), "git does not take it:\n{patch}");
    site.repository.commit();
}

/// Accepts all of `stack`, commits the patch, and sees that nothing drifts any more and nothing was changed.
#[track_caller]
fn agrees(site: &Site, value: &str, patch: &[&str]) {
    let ran = runs(site, &["drift", "accept", "stack"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    patch.iter().for_each(|line| assert!(ran.stdout.contains(line), "{line:?} is missing in\n{}", ran.stdout));
    assert!(ran.stderr.contains("✓ eu-central-1/stack: with this patch"), "{ran:#?}");
    let sets =
        |site: &Site| (site.called("cloudformation:CreateChangeSet"), site.called("cloudformation:DeleteChangeSet"));
    assert_eq!(sets(site), (2, 1), "what shows it does not stay behind");
    commits(site, &ran.stdout);
    runs(site, &["once"]);
    let ran = runs(site, &["drift", "--detect", "--detailed-exitcode"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some(value));
}

#[test]
fn a_value_of_a_template_is_accepted() {
    let site = Site::of(&[("stack", "")]);
    site.template("stack", &format!("# Ours.\n{}", parameters(&[("Parameter", "/stack", "one")])));
    site.repository.commit();
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    let value = "Properties: {Name: /stack, Type: String, Value: ";
    agrees(&site, "tampered", &[&format!("-    {value}one"), &format!("+    {value}tampered")]);
}

#[test]
fn a_parameter_of_a_template_is_accepted_in_the_manifest() {
    let site = Site::of(&[("stack", "parameters: {Value: two} # why")]);
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    agrees(&site, "tampered", &["-  parameters: {Value: two} # why\n+  parameters: {Value: tampered} # why\n"]);
}

#[test]
fn a_parameter_that_was_its_default_is_added_to_the_manifest() {
    let site = Site::of(&[("stack", "")]);
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    agrees(&site, "tampered", &["+  parameters: {Value: tampered}\n"]);
}

#[test]
fn one_of_two_is_accepted_and_the_other_is_said_to_stay() {
    let site = Site::of(&[("stack", "")]);
    let stack = std::fs::read_to_string(site.repository.folder().join("stack.yaml")).unwrap();
    // In an account that is somebody else's.
    let twin = stack.replace("name: stack", "name: twin") + "  targets: {accounts: [\"222222222222\"]}\n";
    site.repository.write("twin.yaml", twin);
    site.template("stack", &parameters(&[("A", "/a", "one"), ("B", "/b", "one")]));
    site.repository.commit();
    runs(&site, &["once"]);
    changes(&site, "A", "tampered");
    changes(&site, "B", "tampered");
    let ran = runs(&site, &["drift", "accept", "stack", "A", "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["proofs"][0]["doubt"], Value::Null);
    assert_eq!(said["proofs"][0]["beside"], json!(["B (AWS::SSM::Parameter)"]));
    assert_eq!(said["shared"], json!(["twin.yaml"]));
    let patch = said["patch"].as_str().unwrap();
    assert!(patch.contains("Name: /a, Type: String, Value: tampered"), "{patch}");
    assert!(!patch.contains("+    Properties: {Name: /b"), "{patch}");
}

#[test]
fn what_can_not_be_accepted_says_why_and_leaves_nothing_behind() {
    let site = Site::of(&[("stack", "")]);
    runs(&site, &["once"]);
    let nothing = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!(nothing.code, Some(1), "{nothing:#?}");
    assert!(nothing.stderr.contains("nothing of `stack` has drifted"), "{nothing:#?}");
    changes(&site, "Parameter", "tampered");
    site.template("stack", &parameters(&[("Parameter", "/stack", "!Sub '${AWS::StackName}'")]));
    site.repository.commit();
    let behind = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!(behind.code, Some(1), "{behind:#?}");
    assert!(behind.stderr.contains("`stack` is not yet what commit"), "{behind:#?}");
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    let unwritten = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!((unwritten.code, &*unwritten.stdout), (Some(1), ""), "{unwritten:#?}");
    assert!(unwritten.stderr.contains("Parameter /Value: `!Sub` stands there: change it by hand"), "{unwritten:#?}");
    site.world(|world, account| {
        let key = world.locate(account, &HOME.parse().unwrap(), "stack", "Parameter").unwrap();
        world.delete_resource(account, &key).unwrap();
    });
    let gone = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!(gone.code, Some(1), "{gone:#?}");
    assert!(gone.stderr.contains("Parameter was deleted"), "{gone:#?}");
    assert_eq!(site.called("cloudformation:CreateChangeSet"), 2, "no patch, no change set");
}

#[test]
fn a_patch_without_a_proof_is_printed_and_needs_a_person() {
    let site = Site::of(&[("stack", "")]);
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    site.fault("cloudformation:CreateChangeSet", None, Fault::Denied);
    let ran = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stdout.contains("+  parameters: {Value: tampered}"), "{ran:#?}");
    assert!(ran.stderr.contains("✗ eu-central-1/stack: that this patch is enough could not be shown: "), "{ran:#?}");
}

#[test]
fn what_would_change_because_of_a_patch_is_not_said_to_stay() {
    let site = Site::of(&[("stack", "")]);
    site.template("stack", &parameters(&[("A", "/a", "one"), ("B", "/b", "!GetAtt A.Value"), ("C", "/c", "one")]));
    site.repository.commit();
    runs(&site, &["once"]);
    changes(&site, "A", "tampered");
    changes(&site, "C", "tampered");
    let ran = runs(&site, &["drift", "accept", "stack", "A"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    for line in [
        "✗ eu-central-1/stack: because of this patch, CloudFormation would Modify B (AWS::SSM::Parameter)\n",
        "not part of it, and left as it is: C (AWS::SSM::Parameter)\n",
    ] {
        assert!(ran.stderr.contains(line), "{line:?} is missing in\n{}", ran.stderr);
    }
    assert!(ran.stdout.contains("Name: /a, Type: String, Value: tampered"), "the patch is there all the same");
}

#[test]
fn a_manifest_of_two_regions_is_proven_in_both() {
    let site = Site::of(&[("stack", &format!("regions: [{HOME}, {AWAY}]"))]);
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    let ran = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    for line in [
        "✓ eu-central-1/stack: with this patch",
        "✗ us-east-1/stack: because of this patch, CloudFormation would Modify Parameter (AWS::SSM::Parameter)",
    ] {
        assert!(ran.stderr.contains(line), "{line:?} is missing in\n{}", ran.stderr);
    }
    changes_in(&site, AWAY, "Parameter", "otherwise");
    let ran = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{ran:#?}");
    assert!(ran.stderr.contains("Parameter /Value: two different values are wished for it"), "{ran:#?}");
    changes_in(&site, AWAY, "Parameter", "tampered");
    let ran = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
}

#[test]
fn two_manifests_with_stacks_of_one_name_are_told_apart_by_their_regions() {
    let site = Site::of(&[("one", "stackName: stack"), ("other", &format!("stackName: stack\nregions: [{AWAY}]"))]);
    runs(&site, &["once"]);
    changes_in(&site, HOME, "Parameter", "tampered");
    changes_in(&site, AWAY, "Parameter", "tampered");
    let ran = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let said = "say which is meant, `eu-central-1/stack` of one.yaml or `us-east-1/stack` of other.yaml";
    assert!(ran.stderr.contains(said), "{ran:#?}");
    let ran = runs(&site, &["drift", "accept", "us-east-1/stack"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains("--- a/other.yaml") && !ran.stdout.contains("--- a/one.yaml"), "{ran:#?}");
    // The same way of saying it puts back one and leaves the other.
    let ran = runs(&site, &["drift", "heal", "eu-central-1/stack"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(site.operator().parameter("/one").as_deref(), Some("one"));
    assert_eq!(site.operator_of("111111111111", AWAY).parameter("/other").as_deref(), Some("tampered"));
    let ran = runs(&site, &["drift", "heal", "nowhere-1/stack"]);
    assert_eq!(ran.code, Some(64), "{ran:#?}");
}

#[test]
fn only_manifests_whose_templates_change_are_said_to_change_with_it() {
    let site = Site::of(&[("stack", ""), ("around", "targets: {accounts: [\"222222222222\"]}")]);
    let nested =
        "Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties: {TemplateURL: stack.template}\n";
    site.template("around", nested);
    site.template("stack", &parameters(&[("Parameter", "/stack", "one")]));
    site.repository.commit();
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    let ran = runs(&site, &["drift", "accept", "stack", "-o", "json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["shared"], json!(["around.yaml"]), "{ran:#?}");
    // The manifest says another value, and the template stays.
    let site = Site::of(&[("stack", "")]);
    let twin = std::fs::read_to_string(site.repository.folder().join("stack.yaml")).unwrap();
    let twin = twin.replace("name: stack", "name: twin") + "  targets: {accounts: [\"222222222222\"]}\n";
    site.repository.write("twin.yaml", twin);
    site.repository.commit();
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    let ran = runs(&site, &["drift", "accept", "stack", "-o", "json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &said["shared"]), (Some(0), &json!([])), "{ran:#?}");
}

#[test]
fn what_shows_it_does_not_stay_behind_when_somebody_stops_it() {
    // A change set takes its time.
    let site = Site::with(
        Timing { change_set: Duration::from_secs(2), detection: Duration::ZERO, ..Timing::scaled(1.0) },
        &[("stack", "")],
    );
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    let mut accept = site.agent(&["drift", "accept", "stack"]);
    let running = Running::start(accept.env("HOLDFAST_DRIFT_CALLS", "1000"));
    site.reached("cloudformation:CreateChangeSet", 2);
    let ran = running.terminate();
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{ran:#?}");
    assert!(ran.stderr.contains("stopped before CloudFormation had said what the patch comes to"), "{ran:#?}");
    assert!(!ran.stderr.contains("stays behind"), "{ran:#?}");
    let left = site.world(|world, account| {
        let all = world.cfn(account, &HOME.parse().unwrap()).list_change_sets("stack", None).unwrap();
        all.items.into_iter().map(|set| set.change_set_name).filter(|name| name.contains("accept")).collect::<Vec<_>>()
    });
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_change_set_that_stays_behind_is_named() {
    let site = Site::of(&[("stack", "")]);
    runs(&site, &["once"]);
    changes(&site, "Parameter", "tampered");
    site.fault("cloudformation:DeleteChangeSet", None, Fault::Denied);
    let ran = runs(&site, &["drift", "accept", "stack"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stderr.contains("the change set `holdfast-accept-"), "{ran:#?}");
    assert!(ran.stderr.contains("stays behind, and harms nobody: "), "{ran:#?}");
}

#[test]
fn what_drifted_and_changes_with_the_patch_too_is_not_beside_it() {
    let site = Site::of(&[("stack", "")]);
    let template = "Resources:\n  A:\n    Type: AWS::SSM::Parameter\n    Properties: {Name: /a, Type: String, Value: one}\n  B:\n    \
                    Type: AWS::SSM::Parameter\n    Properties: {Name: /b, Type: String, Value: one, Description: !GetAtt A.Value}\n";
    site.template("stack", template);
    site.repository.commit();
    runs(&site, &["once"]);
    changes(&site, "A", "tampered");
    changes(&site, "B", "tampered");
    let ran = runs(&site, &["drift", "accept", "stack", "A"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stderr.contains("because of this patch, CloudFormation would Modify B"), "{ran:#?}");
}
