//! What fuzzing began with and what it found, read again by every test run: `tests/fuzz` has the targets.
//!
//! Not here: anything random.

use agent::{trust::signers::Signers, wake::event};
use manifests::{
    id::RepoPath,
    parse::{Content, File, parse},
    report,
};
use std::{collections::BTreeMap, fs, path::Path};

fn fuzz() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

/// Every file of a target's corpus.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(fuzz().join("corpus").join(target)).unwrap();
    let mut all: Vec<(String, Vec<u8>)> = files
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    all.sort();
    assert!(!all.is_empty(), "{target}");
    all
}

#[test]
fn every_manifest_comes_back_with_its_problems() {
    for (name, bytes) in corpus("manifest") {
        let path: RepoPath = "stack.yaml".parse().unwrap();
        let repository = parse(&[File { path, content: Content::Bytes(&bytes) }], &BTreeMap::new());
        let good = matches!(name.as_str(), "fleet" | "approval");
        assert!(good || !repository.problems.is_empty() || repository.stacks.is_empty(), "{name}: {repository:?}");
    }
}

#[test]
fn of_every_commit_only_what_alice_signed_is_hers() {
    let allowed = fs::read_to_string(fuzz().join("allowed_signers")).unwrap();
    let signers = Signers::parse(&allowed).unwrap();
    for (name, bytes) in corpus("commit") {
        let judged = signers.judge(&bytes, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(judged.is_ok(), name == "signed", "{name}: {judged:?}");
    }
}

#[test]
fn every_list_of_signers_is_understood_or_refused_with_a_line() {
    for (name, bytes) in corpus("signers") {
        let parsed = Signers::parse(&String::from_utf8_lossy(&bytes));
        assert!(
            parsed.is_ok() == (name == "list") && parsed.err().is_none_or(|why| why.starts_with("line ")),
            "{name}"
        );
    }
}

#[test]
fn every_document_about_trust_is_understood_whole_or_not_at_all() {
    for (name, bytes) in corpus("trust") {
        let read = manifests::trust::parse(&"trust/1.yaml".parse().unwrap(), &bytes);
        let understood = matches!(read, Ok(Some(_)));
        assert_eq!(understood, matches!(name.as_str(), "rules" | "approval"), "{name}: {read:?}");
    }
}

#[test]
fn every_report_reads_again() {
    for (name, bytes) in corpus("report") {
        let Ok(event) = report::read(&bytes) else { continue };
        assert_eq!(report::read(&serde_json::to_vec(&event).unwrap()).unwrap(), event, "{name}");
    }
}

#[test]
fn of_every_event_only_a_call_of_this_account_says_what_was_touched() {
    let account = "111111111111".parse().unwrap();
    for (name, bytes) in corpus("event") {
        let said = event::read(&String::from_utf8_lossy(&bytes), &account);
        let touched = matches!(said, event::Said::Touched(_));
        assert_eq!(touched, matches!(name.as_str(), "call" | "forged"), "{name}: {said:?}");
    }
}
