//! A commit, as it was read: kept for as long as the commit is the same, so that a settled turn reads nothing.

use crate::{
    git::{Source, error::ReadError},
    package, zip,
};
use manifests::{
    artifact,
    fleet::Fleet,
    id::{CommitId, Digest, RepoPath},
    parse::{self, Content, File, Repository},
    problem::Problem,
    stack::Stack,
};
use plan::select::{Account, Selected};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

/// The largest template that CloudFormation takes, from S3 (CloudFormation quotas).
pub const TEMPLATE_BYTES: u64 = 1_000_000;

/// Everything that a commit says.
#[derive(Debug)]
pub struct Reading {
    /// Which commit.
    pub commit: CommitId,
    /// What it says.
    pub repository: Repository,
    /// The templates that this account needed so far.
    templates: RefCell<BTreeMap<RepoPath, Result<Known, String>>>,
    /// Digests of the artifacts that it needed so far, packed.
    artifacts: RefCell<BTreeMap<RepoPath, Result<Digest, String>>>,
    /// What it asks of the account, once that was worked out.
    selected: RefCell<Option<Rc<Selected>>>,
}

/// A template, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Digest of everything that it is made of: of its bytes, if no file is nested in it.
    pub(crate) digest: Digest,
    /// The digests of all that is put into a bucket for it.
    pub(crate) shelved: Vec<Digest>,
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

impl Reading {
    /// Reads a commit.
    pub(crate) async fn read<S: Source>(source: &S, commit: &CommitId) -> Result<Self, ReadingError> {
        let tree = source.tree(commit).await?;
        let files: Vec<File<'_>> = tree
            .manifests
            .iter()
            .map(|(path, bytes)| File { path: path.clone(), content: Content::Bytes(bytes) })
            .collect();
        let mut repository = parse::parse(&files, &tree.sizes);
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
        Ok(Self {
            commit: commit.clone(),
            repository,
            templates: RefCell::default(),
            artifacts: RefCell::default(),
            selected: RefCell::default(),
        })
    }

    /// The same, for a commit that a local copy which began after it may not hold: proving how the branch relates to a commit
    /// brings the history up to it.
    pub(crate) async fn reach<S: Source>(source: &S, commit: &CommitId) -> Result<Self, String> {
        match Self::read(source, commit).await {
            Err(ReadingError::Files(ReadError::NoCommit(_))) => {
                source.offered(Some(commit)).await.map_err(|error| error.to_string())?;
                Self::read(source, commit).await.map_err(|error| error.to_string())
            }
            read => read.map_err(|error| error.to_string()),
        }
    }

    /// The same, for a commit that somebody named: only what was accepted once, or stands before it, is ever gone to, whoever
    /// says so.
    pub(crate) async fn trusted<S: Source>(
        source: &S,
        commit: &CommitId,
        accepted: Option<&CommitId>,
    ) -> Result<Self, String> {
        let reading = Self::reach(source, commit).await?;
        let strange = || "it is neither the last accepted commit nor one before it".to_owned();
        let accepted = accepted.ok_or_else(strange)?;
        let before = async || source.descends(commit, accepted).await.map_err(|error| error.to_string());
        if before().await? {
            return Ok(reading);
        }
        // The history between the two may not be here yet.
        source.offered(Some(commit)).await.map_err(|error| error.to_string())?;
        if before().await? { Ok(reading) } else { Err(strange()) }
    }

    /// Reads the templates of these stacks, with all that is nested in them, and packs their artifacts, unless that was
    /// done already.
    pub(crate) async fn packages<'s, S: Source>(&self, source: &S, stacks: impl Iterator<Item = &'s Stack>) {
        for stack in stacks {
            let path = &stack.template;
            if !self.templates.borrow().contains_key(path) {
                let package = self.package(source, path).await;
                let known = package.map(|package| Known { digest: package.digest(), shelved: package.shelved() });
                self.templates.borrow_mut().insert(path.clone(), known);
            }
            for path in stack.artifacts.iter().map(|artifact| &artifact.path) {
                if !self.artifacts.borrow().contains_key(path) {
                    let digest = self.zip(source, path).await.map(|zip| Digest::of(&zip));
                    self.artifacts.borrow_mut().insert(path.clone(), digest);
                }
            }
        }
    }

    /// A template with all that is nested in it.
    pub(crate) async fn package<S: Source>(&self, source: &S, path: &RepoPath) -> Result<package::Package, String> {
        self.package_with(source, path, None).await
    }

    /// The same, if the template at this path said this instead.
    pub(crate) async fn package_with<S: Source>(
        &self,
        source: &S,
        path: &RepoPath,
        instead: Option<(&RepoPath, &str)>,
    ) -> Result<package::Package, String> {
        let read = async |path: &RepoPath| match instead {
            Some((other, text)) if path == other => Ok(text.as_bytes().to_vec()),
            Some(_) | None => {
                let bytes = source.blob(&self.commit, path, TEMPLATE_BYTES).await;
                bytes.map_err(|error| error.to_string())
            }
        };
        let package = package::package(&read, path).await;
        package.map_err(|problem| Problem { hint: None, ..problem }.to_string())
    }

    /// An artifact, packed.
    pub(crate) async fn zip<S: Source>(&self, source: &S, path: &RepoPath) -> Result<Vec<u8>, String> {
        let members = source.bundle(&self.commit, path, artifact::BYTES).await.map_err(|error| error.to_string())?;
        Ok(zip::zip(&members))
    }

    /// A template that [`Self::packages`] has read.
    pub(crate) fn template(&self, path: &RepoPath) -> Result<Known, String> {
        let known = self.templates.borrow().get(path).cloned();
        known.unwrap_or_else(|| Err(format!("template `{path}` was not read")))
    }

    /// The digest of an artifact that [`Self::packages`] has packed.
    pub(crate) fn artifact(&self, path: &RepoPath) -> Result<Digest, String> {
        let known = self.artifacts.borrow().get(path).cloned();
        known.unwrap_or_else(|| Err(format!("artifact `{path}` was not packed")))
    }

    /// What it asks of this account, if that was worked out already.
    pub(crate) fn selected(&self, account: &Account) -> Option<Rc<Selected>> {
        self.selected.borrow().clone().filter(|kept| kept.account == *account)
    }

    /// Keeps what it asks of an account.
    pub(crate) fn keep(&self, selected: Selected) -> Rc<Selected> {
        Rc::clone(self.selected.borrow_mut().insert(Rc::new(selected)))
    }

    /// Who there is.
    pub fn fleet(&self) -> &Fleet {
        static NOBODY: Fleet = Fleet { accounts: BTreeMap::new(), agent: None };
        self.repository.fleet.as_ref().unwrap_or(&NOBODY)
    }

    /// What could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.repository.problems
    }
}
