//! House rules that a machine can keep: which room may see which, how long a file may be, what begins it, and that no
//! test file is forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every file below `folder` whose name ends like this, with its path from the root.
fn files(folder: &str, end: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !name.starts_with("target") && !name.ends_with("/target") && !name.starts_with(".git") {
                folders.push(path);
            } else if name.ends_with(end) {
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The rooms that a room's `Cargo.toml` names in a section.
fn arrows(manifest: &str, section: &str) -> BTreeSet<String> {
    let rooms = ["manifests", "plan", "agent", "fleet", "hub", "sim", "cluster", "demo", "packaging", "tests"];
    let text = fs::read_to_string(root().join(manifest).join("Cargo.toml")).unwrap();
    let section = text.split(&format!("\n[{section}]\n")).nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split([' ', '.', '=']).next());
    names.filter(|name| rooms.contains(name)).map(ToOwned::to_owned).collect()
}

#[track_caller]
fn check(room: &str, sees: &[&str]) {
    let expect: BTreeSet<String> = sees.iter().map(|room| (*room).to_owned()).collect();
    assert_eq!(arrows(room, "dependencies"), expect, "{room} may see these rooms and no other");
}

#[test]
fn every_arrow_is_one_of_the_design() {
    check("manifests", &[]);
    check("agent/plan", &["manifests"]);
    check("agent", &["manifests", "plan"]);
    check("hub/fleet", &["manifests"]);
    check("hub", &["manifests", "fleet"]);
    check("tests/sim", &["agent", "manifests", "plan"]);
    check("tests/cluster", &[]);
    check("tests/demo", &["manifests", "sim"]);
    check("packaging", &["agent", "hub", "manifests"]);
}

#[test]
fn what_ships_never_depends_on_what_tests_it() {
    for room in ["manifests", "agent/plan", "agent", "hub/fleet", "hub", "packaging"] {
        for section in ["dependencies", "dev-dependencies"] {
            let seen = arrows(room, section);
            assert!(
                seen.is_disjoint(&["sim".into(), "demo".into(), "tests".into()].into()),
                "{room} [{section}]: {seen:?}"
            );
        }
    }
}

#[test]
fn the_pure_rooms_are_without_std() {
    for room in ["agent/plan", "hub/fleet"] {
        let text = fs::read_to_string(root().join(room).join("src/lib.rs")).unwrap();
        assert!(text.contains("#![no_std]"), "{room}");
        for (file, text) in files(&format!("{room}/src"), ".rs") {
            let outside_tests = text.replace("#[cfg(test)]\nextern crate std;", "");
            assert!(!outside_tests.contains("extern crate std"), "{file}");
        }
    }
}

#[test]
fn every_module_begins_with_what_it_is() {
    for (file, text) in files(".", ".rs") {
        let begins = text.lines().find(|line| !line.starts_with("#!"));
        assert!(begins.is_some_and(|line| line.starts_with("//! ") && line.len() > 8), "{file}");
    }
}

#[test]
fn a_file_is_read_in_one_sitting() {
    const MOST: usize = 460;
    for (file, text) in files(".", ".rs") {
        let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
        assert!(lines <= MOST, "{file} has {lines} lines before its tests: is it two rooms?");
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let main = fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    for file in files("tests/it", ".rs").keys() {
        let name = file.strip_prefix("tests/it/").unwrap().split(['/', '.']).next().unwrap();
        assert!(name == "main" || main.contains(&format!("mod {name};")), "{file} is in no test");
    }
}

#[test]
fn only_one_module_knows_backoff_and_one_of_each_program_reads_the_clock() {
    let naming = |needle: &str| -> Vec<String> {
        let rust = files(".", ".rs").into_iter().filter(|(file, _)| !file.starts_with("tests/it/"));
        rust.filter(|(_, text)| text.contains(needle)).map(|(file, _)| file).collect()
    };
    assert_eq!(naming("use backoff"), ["agent/src/pace.rs"]);
    assert_eq!(naming("Timestamp::now()"), ["agent/src/clock.rs", "hub/src/clock.rs", "tests/sim/src/clock.rs"]);
}

#[test]
fn nothing_is_left_to_do_silently() {
    // Spelled apart, so that this file does not hold what it looks for.
    for needle in [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ign", "ore"),
        concat!("FIX", "ME"),
        concat!("#[all", "ow("),
    ] {
        for (file, text) in files(".", ".rs") {
            assert!(!text.contains(needle), "{file} holds {needle}");
        }
    }
}
