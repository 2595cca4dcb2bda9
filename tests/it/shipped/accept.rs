//! `holdfast drift accept`: the patch that makes git agree with the account is one that git takes, and CloudFormation finds
//! nothing to do with it.

use crate::{
    binary::Ran,
    site::{Site, parameters},
    world::HOME,
};
use serde_json::{Value, json};
use sim::{fault::Fault, trail::Actor};
use std::{io::Write, process::Stdio};

/// Runs the agent where drift is looked for.
fn runs(site: &Site, arguments: &[&str]) -> Ran {
    Ran::of(site.agent(arguments).env("HOLDFAST_DRIFT_CALLS", "1000"))
}

/// Somebody changes a parameter.
fn changes(site: &Site, logical: &str, value: &str) {
    site.world(|world, account| {
        let key = world.locate(account, &HOME.parse().unwrap(), "stack", logical).unwrap();
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
