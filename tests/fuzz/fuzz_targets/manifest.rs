//! The manifest parser, as a turn calls it: whatever one file holds, it says what is wrong with it and comes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use manifests::{
    id::RepoPath,
    parse::{Content, File, parse},
};
use std::collections::BTreeMap;

fuzz_target!(|bytes: &[u8]| {
    let path: RepoPath = "stack.yaml".parse().expect("a path");
    let repository = parse(&[File { path, content: Content::Bytes(bytes) }], &BTreeMap::new());
    for problem in &repository.problems {
        assert!(!problem.to_string().is_empty());
    }
});
