//! A repository, the server in front of it and room for an agent: where the tests of `agent::git` take place.

#![expect(clippy::unwrap_used, reason = "a test that can't go on stops there")]

use crate::git_server::{Counted, GitServer, git, import, more};
use agent::git::{Limits, Origin, Repository, Source as _, Ssh, credentials::Credentials, error::FetchError};
use manifests::id::{CommitId, RepoPath};
use std::{fmt::Write as _, fs, path::PathBuf};
use tempfile::TempDir;

/// A folder with a repository `fleet.git`, a server in front of it, and room for an agent's cache.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) server: GitServer,
}

impl Place {
    pub(crate) fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        import(&folder.path().join("fleet.git"), script.as_bytes());
        let server = GitServer::start(folder.path());
        Self { folder, server }
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("fleet.git")
    }

    pub(crate) fn mirror(&self) -> PathBuf {
        self.folder.path().join("cache/mirror.git")
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin {
            url: self.server.url("fleet.git"),
            branch: "main".to_owned(),
            path: None,
            cache: self.folder.path().join("cache"),
            authorities: None,
            ssh: Ssh::default(),
            limits: Limits::default(),
        }
    }

    pub(crate) fn agent(&self) -> Repository<Credentials> {
        Repository::new(self.origin(), Credentials::None).unwrap()
    }

    /// An agent on a disk that has never seen the repository.
    pub(crate) fn newcomer(&self) -> Repository<Credentials> {
        fs::remove_dir_all(self.folder.path().join("cache")).ok();
        self.agent()
    }

    pub(crate) fn head(&self) -> CommitId {
        self.commit("main")
    }

    pub(crate) fn commit(&self, revision: &str) -> CommitId {
        git(&self.repository(), &["rev-parse", revision]).parse().unwrap()
    }

    pub(crate) fn push(&self, script: &str) -> CommitId {
        more(&self.repository(), script.as_bytes());
        self.head()
    }
}

/// One commit on `main` as `git fast-import` wants it; each file is a mode, a path and a text.
pub(crate) fn commit(number: usize, parent: Option<&str>, files: &[(&str, &str, &str)]) -> String {
    let mut script =
        format!("commit refs/heads/main\ncommitter T <t@example.org> {} +0000\ndata 1\nx\n", 1_700_000_000 + number);
    if let Some(parent) = parent {
        writeln!(script, "from {parent}").unwrap();
    }
    for (mode, path, text) in files {
        if *mode == "160000" {
            writeln!(script, "M {mode} {text} {path}").unwrap();
        } else {
            writeln!(script, "M {mode} inline {path}\ndata {}\n{text}", text.len()).unwrap();
        }
    }
    script
}

/// A commit with so many manifests, after so many commits that each change one of them.
pub(crate) fn history(manifests: usize, commits: usize) -> String {
    let texts: Vec<(String, String)> =
        (0..manifests).map(|n| (format!("stacks/team-{}/s{n}.yaml", n % 20), format!("name: s{n}\n"))).collect();
    let files: Vec<_> = texts.iter().map(|(path, text)| ("100644", path.as_str(), text.as_str())).collect();
    let mut script = commit(0, None, &files);
    for n in 1..commits {
        script.push_str(&commit(n, None, &[("100644", "stacks/team-0/s0.yaml", &format!("name: s0\nnumber: {n}\n"))]));
    }
    script
}

pub(crate) fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

pub(crate) fn since(before: Counted, after: Counted) -> Counted {
    let Counted { requests, up, down } = after;
    Counted { requests: requests - before.requests, up: up - before.up, down: down - before.down }
}

pub(crate) async fn fails(agent: &Repository<Credentials>) -> FetchError {
    agent.offered(None).await.expect_err("this look at the remote should fail")
}
