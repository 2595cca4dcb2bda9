//! Documents about who may sign: they are read before anybody is trusted, and nothing is half understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use manifests::{
    id::RepoPath,
    trust::{Document, parse},
};

fuzz_target!(|bytes: &[u8]| {
    let place: RepoPath = "trust/1.yaml".parse().expect("a path");
    match parse(&place, bytes) {
        Ok(Some(Document::Rules(rules))) => {
            let lines = rules.signers.lines().count();
            assert!(rules.version > 0 && (1..=lines).contains(&rules.threshold), "{rules:?}");
            assert!(rules.paths.iter().all(|rule| (1..=lines).contains(&rule.approvals)), "{rules:?}");
        }
        Ok(Some(Document::Approval(given))) => assert!(given.version > 0),
        Ok(None) => {}
        Err(problems) => assert!(!problems.is_empty()),
    }
});
