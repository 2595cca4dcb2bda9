//! A commit, as it was read: kept for as long as the commit is the same, so that a settled turn reads nothing.

use crate::git::{Source, error::ReadError};
use manifests::{
    fleet::Fleet,
    id::{CommitId, Digest, RepoPath},
    parse::{self, Content, File, Repository},
    problem::Problem,
};
use std::{cell::RefCell, collections::BTreeMap};

/// The largest template that CloudFormation takes, from S3 (CloudFormation quotas).
pub const TEMPLATE_BYTES: u64 = 1_000_000;

/// Everything that a commit says.
#[derive(Debug)]
pub struct Reading {
    /// Which commit.
    pub commit: CommitId,
    /// What it says.
    pub repository: Repository,
    /// Digests of the templates that this account needed so far.
    templates: RefCell<BTreeMap<RepoPath, Result<Digest, String>>>,
}

/// Why a commit can't be worked towards.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// Its files could not be read.
    #[error(transparent)]
    Files(#[from] ReadError),
    /// Its fleet file could not be understood, so nobody knows which accounts a stack is for.
    #[error("commit {} says nothing that can be relied on about accounts: {problem}", .commit.short())]
    Fleet {
        /// Which commit.
        commit: CommitId,
        /// The first problem in it.
        problem: String,
    },
}

/// What lies in a commit, for the parser.
struct Sizes<'a>(&'a BTreeMap<RepoPath, u64>);

impl parse::Tree for Sizes<'_> {
    fn size(&self, path: &RepoPath) -> Option<u64> {
        self.0.get(path).copied()
    }
}

impl Reading {
    /// Reads a commit.
    pub(crate) async fn read<S: Source>(source: &S, commit: &CommitId) -> Result<Self, ReadingError> {
        let tree = source.tree(commit).await?;
        let files: Vec<File<'_>> = tree
            .manifests
            .iter()
            .map(|(path, bytes)| File { path: path.clone(), content: Content::Bytes(bytes) })
            .collect();
        let mut repository = parse::parse(&files, &Sizes(&tree.sizes));
        if repository.fleet.is_none() {
            let problem = repository.problems.first().map(|problem| Problem { hint: None, ..problem.clone() });
            let problem = problem.map_or_else(String::new, |problem| problem.to_string());
            return Err(ReadingError::Fleet { commit: commit.clone(), problem });
        }
        if !tree.problems.is_empty() {
            // What could not be read may have been a manifest, so absence proves nothing.
            repository.complete = false;
            repository.problems.extend(tree.problems);
            repository.problems.sort();
        }
        Ok(Self { commit: commit.clone(), repository, templates: RefCell::default() })
    }

    /// Reads the templates of these paths that were not read yet.
    pub(crate) async fn templates<S: Source>(&self, source: &S, paths: impl Iterator<Item = &RepoPath>) {
        for path in paths {
            if self.templates.borrow().contains_key(path) {
                continue;
            }
            let bytes = source.blob(&self.commit, path, TEMPLATE_BYTES).await;
            let digest = bytes.map(|bytes| Digest::of(&bytes)).map_err(|error| error.to_string());
            self.templates.borrow_mut().insert(path.clone(), digest);
        }
    }

    /// The digest of a template that [`Self::templates`] has read.
    pub(crate) fn template(&self, path: &RepoPath) -> Result<Digest, String> {
        let known = self.templates.borrow().get(path).cloned();
        known.unwrap_or_else(|| Err(format!("template `{path}` was not read")))
    }

    /// Who there is.
    pub fn fleet(&self) -> &Fleet {
        static NOBODY: Fleet = Fleet { accounts: BTreeMap::new() };
        self.repository.fleet.as_ref().unwrap_or(&NOBODY)
    }

    /// What could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.repository.problems
    }
}
