//! The manifest parser, as a turn calls it: whatever one file holds, it says what is wrong with it and comes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use manifests::{
    artifact::Below,
    id::RepoPath,
    parse::{Content, File, Tree, parse},
};

/// A repository with nothing else in it.
struct Nothing;

impl Tree for Nothing {
    fn size(&self, _: &RepoPath) -> Option<u64> {
        None
    }

    fn below(&self, _: &RepoPath) -> Below {
        Below::default()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let path: RepoPath = "stack.yaml".parse().expect("a path");
    let repository = parse(&[File { path, content: Content::Bytes(bytes) }], &Nothing);
    for problem in &repository.problems {
        assert!(!problem.to_string().is_empty());
    }
});
