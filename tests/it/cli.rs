//! The command line as a user meets it: its help word for word, its exit codes, its behaviour in a pipe.
//!
//! A help text that changes on purpose is written anew with `HOLDFAST_WRITE_FIXTURES=1 cargo test -p tests cli`.

use crate::binary::{Ran, holdfast, hub};
use agent::error::Exit;
use std::{collections::BTreeMap, fs, path::PathBuf};

const COMMANDS: [&str; 24] = [
    "",
    "run",
    "once",
    "plan",
    "status",
    "tree",
    "history",
    "events",
    "drift",
    "doctor",
    "validate",
    "hold",
    "release",
    "pin",
    "unpin",
    "approve",
    "rollback",
    "verify",
    "trust",
    "adopt",
    "bootstrap",
    "uninstall",
    "update",
    "version",
];

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/cli").join(name)
}

/// Compares a help text with the one that is committed.
#[track_caller]
fn check(name: &str, ran: &Ran) {
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
    if std::env::var_os("HOLDFAST_WRITE_FIXTURES").is_some() {
        fs::create_dir_all(fixture(name).parent().unwrap()).unwrap();
        fs::write(fixture(name), &ran.stdout).unwrap();
    }
    let committed = fs::read_to_string(fixture(name)).unwrap_or_default();
    assert_eq!(ran.stdout, committed, "{name} is not as committed; see this file's first lines");
    let widest = ran.stdout.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    assert!(widest <= 110, "{name} is {widest} wide");
}

#[test]
fn the_help_of_every_command_is_as_committed() {
    let home = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let ran = Ran::of(&mut holdfast(home.path(), &arguments));
        check(&format!("holdfast{}{command}.txt", if command.is_empty() { "" } else { "-" }), &ran);
        let asked = Ran::of(&mut holdfast(home.path(), &["help", command][..if command.is_empty() { 1 } else { 2 }]));
        assert_eq!(asked.stdout, ran.stdout, "`help {command}` and `{command} --help` say the same");
    }
    for command in ["reset", "sign", "approve"] {
        let ran = Ran::of(&mut holdfast(home.path(), &["trust", command, "--help"]));
        check(&format!("holdfast-trust-{command}.txt"), &ran);
    }
    for command in ["heal", "accept", "ignore"] {
        let ran = Ran::of(&mut holdfast(home.path(), &["drift", command, "--help"]));
        check(&format!("holdfast-drift-{command}.txt"), &ran);
    }
    check("holdfast-hub.txt", &Ran::of(&mut hub(home.path(), &["--help"])));
    for command in ["run", "watch", "replay", "verify", "prune", "export", "import", "fleet", "token", "alerts"] {
        check(&format!("holdfast-hub-{command}.txt"), &Ran::of(&mut hub(home.path(), &[command, "--help"])));
    }
}

#[test]
fn the_help_shows_every_command_and_no_value_of_the_environment() {
    let home = tempfile::tempdir().unwrap();
    let mut agent = holdfast(home.path(), &["--help"]);
    let ran = Ran::of(agent.env("HOLDFAST_REPOSITORY", "https://u:canary@git.example/x"));
    COMMANDS.iter().for_each(|command| assert!(ran.stdout.contains(command), "{command}"));
    assert!(!ran.stdout.contains("canary"), "{}", ran.stdout);
}

/// The codes in the first column of the README's table.
fn documented() -> Vec<(u8, String)> {
    let readme = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let section = readme.split("\n## Exit codes\n").nth(1).expect("README.md has a section `## Exit codes`");
    let section = section.split("\n## ").next().unwrap_or_default();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?.trim().parse().ok()?, cells.next()?.trim_end_matches('|').trim().to_owned()))
    };
    section.lines().filter_map(row).collect()
}

#[test]
fn the_readme_documents_every_exit_code_and_no_other() {
    let codes: Vec<u8> = documented().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, Exit::ALL.map(|exit| exit as u8));
    assert!(documented().iter().all(|(_, meaning)| !meaning.is_empty()));
}

#[test]
fn the_help_names_every_exit_code_too() {
    let home = tempfile::tempdir().unwrap();
    let help = Ran::of(&mut holdfast(home.path(), &["--help"])).stdout;
    let (_, codes) = help.split_once("Exit codes:").unwrap();
    let named: Vec<u8> = codes.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(named, Exit::ALL.map(|exit| exit as u8));
}

#[test]
fn a_version_is_the_workspace_s_own() {
    let home = tempfile::tempdir().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    for arguments in [["version"], ["--version"]] {
        let ran = Ran::of(&mut holdfast(home.path(), &arguments));
        assert_eq!((ran.code, ran.stdout), (Some(0), format!("holdfast {version}\n")));
    }
    let ran = Ran::of(&mut holdfast(home.path(), &["version", "-o", "json"]));
    assert_eq!(ran.json()["version"], version);
    assert_eq!(Ran::of(&mut hub(home.path(), &["--version"])).stdout, format!("holdfast-hub {version}\n"));
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_64_and_a_way_on() {
    let home = tempfile::tempdir().unwrap();
    let wrong: BTreeMap<&[&str], &str> = BTreeMap::from([
        (&[][..], "Usage: holdfast"),
        (&["stauts"], "'status'"),
        (&["plan", "--detailed-exitcodes"], "'--detailed-exitcode'"),
        (&["once", "-o", "yaml"], "[possible values: text, json]"),
        (&["once", "--concurrency", "many"], "--concurrency"),
        (&["once", "--branch"], "--branch"),
        (&["status", "extra"], "extra"),
    ]);
    for (arguments, words) in wrong {
        let ran = Ran::of(&mut holdfast(home.path(), arguments));
        assert_eq!((ran.code, &*ran.stdout), (Some(64), ""), "{arguments:?}: {ran:#?}");
        assert!(ran.stderr.contains(words), "{arguments:?}: {ran:#?}");
    }
}

#[test]
fn a_pipe_gets_no_escape_bytes_and_a_closed_one_no_panic() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["--help"][..], &["nonsense"], &["validate", "."], &["once"], &["once", "--log", "trace"]] {
        for colours in [("NO_COLOR", "1"), ("TERM", "xterm-256color")] {
            let ran = Ran::of(holdfast(home.path(), arguments).envs([colours]));
            assert!(!ran.said().contains('\u{1b}'), "{arguments:?} {colours:?}: {ran:#?}");
        }
    }
    for arguments in [&["--help"][..], &["version"], &["validate", "."]] {
        let mut command = holdfast(home.path(), arguments);
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert!(!ran.stderr.contains("panicked"), "{arguments:?}: {ran:#?}");
    }
}

/// `/dev/full` takes nothing, as a full disk does. It is Linux's.
#[cfg(target_os = "linux")]
#[test]
fn a_result_that_can_not_be_written_is_no_success() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["version"][..], &["version", "-o", "json"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = Ran::of(holdfast(home.path(), arguments).stdout(full));
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert_eq!(ran.stderr.matches("error: the result can't be written: ").count(), 1, "{ran:#?}");
    }
}
