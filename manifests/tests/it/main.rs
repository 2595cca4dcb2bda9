//! What the crate promises to those who use it: the manifests that it reads, the problems that it tells, the reports
//! that it carries.
#![expect(clippy::expect_used, reason = "a test that can't go on says why")]

mod drift;
mod guardrails;
mod problems;
mod release;
mod repository;
mod trust;
mod wild;
mod wire;

use manifests::{
    artifact::Below,
    id::RepoPath,
    parse::{Content, File, Repository, Tree},
};
use std::collections::BTreeMap;

/// The files of a commit that are no manifests, with their sizes.
#[derive(Default)]
struct Others(BTreeMap<RepoPath, u64>);

impl Tree for Others {
    fn size(&self, path: &RepoPath) -> Option<u64> {
        self.0.get(path).copied()
    }

    fn below(&self, folder: &RepoPath) -> Below {
        Below::of(&self.0, folder)
    }
}

/// Reads these files, beside the templates `stacks/t.yaml` (small), `stacks/large.yaml` and `stacks/huge.yaml`, and what can
/// be an artifact.
fn parse<B: AsRef<[u8]>>(files: &[(&str, B)]) -> Repository {
    let sizes = [("stacks/t.yaml", 600), ("stacks/large.yaml", 1_000_000), ("stacks/huge.yaml", 1_000_001)];
    let packed = [("api/app.py", 9), ("api-2/app.py", 9), ("large/a", 50 << 20), ("large/b", 1), ("one.py", 9)];
    let sizes = sizes.into_iter().chain(packed);
    let others = Others(sizes.map(|(path, size)| (path.parse().expect("a path"), size)).collect());
    let files: Vec<File<'_>> = files
        .iter()
        .map(|(path, bytes)| File { path: path.parse().expect("a path"), content: Content::Bytes(bytes.as_ref()) })
        .collect();
    manifests::parse::parse(&files, &others)
}

/// A stack's manifest with these further lines below `spec`.
fn stack(name: &str, more: &str) -> String {
    let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {{name: {name}}}\nspec:\n  template: {{path: t.yaml}}\n{more}"
    )
}
