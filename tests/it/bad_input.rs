//! Bad input, line by line: what `validate` says of it before there is a commit, and what a turn does after there is
//! one. Whatever it is, it costs its own stacks and nobody else's.

use crate::site::{Site, manifest, parameter};
use manifests::report::State;
use serde_json::Value;
use std::os::unix::fs::symlink;

/// What a repository holds beside a sound stack `good`, and what is said of it.
struct Case {
    files: Vec<(&'static str, Vec<u8>)>,
    /// The beginning of each diagnostic, in order.
    said: Vec<&'static str>,
}

fn case(files: &[(&'static str, &str)], said: &[&'static str]) -> Case {
    let files = files.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect();
    Case { files, said: said.to_vec() }
}

/// Holds `validate` and `once` against a case.
#[track_caller]
fn check(case: &Case) {
    let site = Site::of(&[("good", "")]);
    site.repository.write("bad.template", parameter("bad", "one"));
    case.files.iter().for_each(|(path, content)| site.repository.write(path, content));
    validated(&site, &case.said);
    site.repository.commit();
    told(&site, &case.said);
}

/// A person is told every problem with its place, and how many there are.
#[track_caller]
fn validated(site: &Site, said: &[&str]) {
    let folder = site.repository.folder().to_str().unwrap();
    let ran = site.run(&["validate", folder]);
    assert_eq!((ran.code, &*ran.stderr), (Some(1), ""), "{ran:#?}");
    let problems: Vec<&str> = ran.stdout.lines().filter_map(|line| line.strip_prefix("problem: ")).collect();
    assert_eq!(problems.len(), said.len(), "{ran:#?}");
    problems.iter().zip(said).for_each(|(problem, said)| assert!(problem.starts_with(said), "{problem}"));
    let json = site.run(&["validate", folder, "-o", "json"]).json();
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(said.len()));
    assert!(json["stacks"].as_array().unwrap().contains(&Value::from("good")), "{json}");
}

/// A turn reports the same problems, makes the sound stack, and touches nothing else.
#[track_caller]
fn told(site: &Site, said: &[&str]) {
    let turn = site.once().expect(State::Failed, 1);
    let problems: Vec<String> = turn.report.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), said.len(), "{turn:#?}");
    problems.iter().zip(said).for_each(|(problem, said)| assert!(problem.starts_with(said), "{problem}"));
    assert_eq!((turn.state("good"), turn.report.source.applied.as_ref()), (State::InSync, None), "{turn:#?}");
    assert_eq!((site.operator().status("bad"), site.operator().parameter("/good").as_deref()), (None, Some("one")));
}

#[test]
fn a_name_that_no_manifest_may_have() {
    check(&case(
        &[("bad\u{1}.yaml", &manifest("bad", ""))],
        &["bad\u{fffd}\u{fffd}.yaml: has a name with a control character"],
    ));
}

#[test]
fn an_unknown_field() {
    check(&case(&[("bad.yaml", &manifest("bad", "prunes: true"))], &["bad.yaml:6:3: unknown field `prunes`"]));
}

#[test]
fn a_value_of_the_wrong_type() {
    let said = ["bad.yaml:6:12: `regions`: expected a list, found a text"];
    check(&case(&[("bad.yaml", &manifest("bad", "regions: eu-west-1"))], &said));
}

#[test]
fn a_key_that_stands_there_twice() {
    let said = ["bad.yaml:7:3: `prune` stands here for the second time"];
    check(&case(&[("bad.yaml", &manifest("bad", "prune: true\nprune: false"))], &said));
}

#[test]
fn two_stacks_of_one_name() {
    let (one, two) = (manifest("bad", ""), manifest("bad", ""));
    check(&case(
        &[("bad.yaml", &one), ("worse.yaml", &two)],
        &[
            "bad.yaml:1: the name `bad` is also that of the manifest at worse.yaml:1",
            "worse.yaml:1: the name `bad` is also that of the manifest at bad.yaml:1",
        ],
    ));
}

#[test]
fn a_circle_of_dependencies() {
    let (one, two) = (manifest("bad", "dependsOn: [worse]"), manifest("worse", "dependsOn: [bad]"));
    check(&case(
        &[("bad.yaml", &one), ("worse.yaml", &two), ("worse.template", "Resources: {}")],
        &[
            "bad.yaml:6:15: the manifest depends on itself: bad ",
            "worse.yaml:6:15: the manifest depends on itself: worse ",
        ],
    ));
}

#[test]
fn a_template_that_is_missing_too_large_or_outside() {
    let with = |path: &str| manifest("bad", "").replace("bad.template", path);
    let said = ["bad.yaml:5:20: the template `none.template` is not in this commit"];
    check(&case(&[("bad.yaml", &with("none.template"))], &said));
    let large = "#".repeat(1_000_001);
    let said = ["bad.yaml:5:20: the template `large.template` has 1000001 bytes, CloudFormation takes at most 1000000"];
    check(&case(&[("bad.yaml", &with("large.template")), ("large.template", &large)], &said));
    let said = ["bad.yaml:5:20: `../../etc/passwd` is not a path in the repository: it leads out of the repository"];
    check(&case(&[("bad.yaml", &with("../../etc/passwd"))], &said));
    let said = ["bad.yaml:5:20: `/etc/passwd` is not a path in the repository"];
    check(&case(&[("bad.yaml", &with("/etc/passwd"))], &said));
}

#[test]
fn what_is_not_text() {
    let mut bytes = manifest("bad", "").into_bytes();
    bytes.extend(b"  # \xff\xfe\n");
    check(&Case { files: vec![("bad.yaml", bytes)], said: vec!["bad.yaml:6: this is not UTF-8 text"] });
}

#[test]
fn a_file_of_fifty_megabytes() {
    let mut bytes = manifest("bad", "").into_bytes();
    bytes.resize(50 << 20, b'#');
    check(&Case { files: vec![("bad.yaml", bytes)], said: vec!["bad.yaml: "] });
}

#[test]
fn a_yaml_bomb() {
    let mut spec = "tags:\n  a: &a x".to_owned();
    for (from, to) in ('a'..='y').zip('b'..='z') {
        spec.push_str(&format!("\n  {to}: &{to} [{}]", vec![format!("*{from}"); 10].join(", ")));
    }
    let text = manifest("bad", &spec);
    let site = Site::of(&[("good", "")]);
    site.repository.write("bad.template", parameter("bad", "one"));
    site.repository.write("bad.yaml", text);
    let ran = site.run(&["validate", "manifests"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("bad.yaml:") && ran.stdout.contains("more than 200,000 values"), "{ran:#?}");
    site.repository.commit();
    let turn = site.once().expect(State::Failed, 1);
    assert_eq!((turn.state("good"), site.operator().status("bad")), (State::InSync, None));
}

#[test]
fn what_is_not_yaml() {
    let text = "apiVersion: holdfast/v1\nkind: Stack\nmetadata: [\n";
    check(&case(&[("bad.yaml", text)], &["bad.yaml:3:11: this is not YAML"]));
}

#[test]
fn a_link_is_not_followed() {
    for (linked, said) in [
        ("bad.yaml", "bad.yaml: is a symbolic link, and links are not followed"),
        ("bad.template", "bad.yaml:5:20: the template `bad.template` is not in this commit"),
    ] {
        let site = Site::of(&[("good", "")]);
        site.write("bad", "");
        let (inside, outside) = (site.repository.folder().join(linked), site.file("outside"));
        std::fs::rename(&inside, &outside).unwrap();
        symlink(&outside, &inside).unwrap();
        validated(&site, &[said]);
        site.repository.commit();
        told(&site, &[said]);
    }
}

#[test]
fn a_fleet_file_that_can_not_be_read_changes_nothing_at_all() {
    let site = Site::of(&[("good", "")]);
    site.once().expect(State::InSync, 0);
    site.repository
        .write("fleet.yaml", "apiVersion: holdfast/v1\nkind: Fleet\nspec: {accounts: [{id: 111111111111}]}\n");
    site.write("good", "parameters: {Value: two}");
    site.repository.commit();
    let turn = site.once().expect(State::Unknown, 75);
    let trouble = turn.report.source.trouble.as_deref().unwrap_or_default();
    assert!(trouble.contains("fleet.yaml:3:24: the account id `111111111111` stands here as a number"), "{trouble}");
    assert_eq!(site.operator().parameter("/good").as_deref(), Some("one"));
}

#[test]
fn a_folder_that_is_sound_or_is_not_there() {
    let site = Site::of(&[("good", "")]);
    let ran = site.run(&["validate", site.repository.folder().to_str().unwrap()]);
    assert_eq!((ran.code, &*ran.stdout), (Some(0), "1 stack manifest, 0 accounts, 0 problems\n"));
    let ran = site.run(&["validate", "nowhere"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{ran:#?}");
    assert!(ran.stderr.starts_with("error: the folder nowhere can't be read: "), "{ran:#?}");
    let ran = site.run(&["validate", env!("CARGO_MANIFEST_DIR").replace("/tests", "/manifests/fleet").as_str()]);
    assert_eq!(ran.code, Some(0), "the reference fleet is sound: {ran:#?}");
}
