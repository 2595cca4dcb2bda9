//! Why a commit could not be offered, or read: each a sentence that a person can act on.
//!
//! Not here: what a turn makes of it. Nothing in either type ever holds a secret: foreign text passes through
//! [`Credentials::redact`](super::credentials::Credentials::redact) first.

use manifests::id::{CommitId, RepoPath};
use std::{error::Error, time::Duration};

/// Why the branch's head could not be had. Whatever it is, what was known before stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// What kind of failure it is.
    pub kind: Fault,
    /// What failed, where and why, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// How long the server asked to be left alone (`Retry-After`).
    pub retry_after: Option<Duration>,
}

/// What kinds of failure there are, by what can be done about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No connection: name, network, proxy, TLS.
    Unreachable,
    /// The server is there and asks to come back later (429, 5xx).
    Busy,
    /// The deadline passed, or nothing came for too long.
    Slow,
    /// More bytes or larger objects than the limits allow.
    TooMuch,
    /// The credentials are missing, wrong, or not enough (401, 403).
    Unauthorized,
    /// There is no such repository (404).
    NotFound,
    /// Holdfast itself will not do it: a redirect to another host, credentials over plain http, an unsafe URL.
    Refused,
    /// What came is truncated or corrupt.
    Broken,
    /// The repository has no such branch.
    NoBranch,
    /// The repository has no branch at all.
    Empty,
    /// The answer is not git's.
    Protocol,
    /// The agent's own disk, files or programs.
    Local,
}

impl FetchError {
    pub(super) fn new(kind: Fault, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, retry_after: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a commit's files could not be read. The commit as a whole is unusable; a fault that costs one file only is a
/// [`Problem`](manifests::problem::Problem) in the tree instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The objects of that commit are not here.
    #[error("commit {} is not in the local copy of the repository", .0.short())]
    NoCommit(CommitId),
    /// These digits don't name a commit.
    #[error("`{digits}` {why}")]
    Unnamed {
        /// What was said.
        digits: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The configured path is not in the commit.
    #[error("commit {} has no folder `{path}`", .commit.short())]
    NoPath {
        /// What was looked for.
        path: RepoPath,
        /// Where.
        commit: CommitId,
    },
    /// Nothing below the configured path could be a manifest.
    #[error("commit {} has no `*.yaml` file{}", .commit.short(), below(.path.as_ref()))]
    NoManifests {
        /// The configured path; `None` is the whole repository.
        path: Option<RepoPath>,
        /// The commit.
        commit: CommitId,
    },
    /// Two names that some systems can't tell apart.
    #[error("`{folder}` holds both `{one}` and `{other}`, which differ only by case: rename one of them")]
    Ambiguous {
        /// The folder, `/` for the root.
        folder: String,
        /// One name.
        one: String,
        /// The other.
        other: String,
    },
    /// A name that stands in a folder twice: one reader takes the first and another the last.
    #[error("`{folder}` holds `{name}` twice, which git itself never writes: make the commit anew")]
    Twice {
        /// The folder, `/` for the root.
        folder: String,
        /// The name.
        name: String,
    },
    /// A limit on what a commit may hold.
    #[error("commit {} holds more than {limit} {what}{}", .commit.short(), raised(*.option))]
    TooMuch {
        /// The commit.
        commit: CommitId,
        /// Of what.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
        /// The option that allows more, if there is one.
        option: Option<&'static str>,
    },
    /// One file that was asked for can't be used.
    #[error("`{path}` {why}")]
    File {
        /// The file.
        path: RepoPath,
        /// What is wrong with it.
        why: Unusable,
    },
    /// A folder that was to be packed is too much.
    #[error("the artifact `{path}` {why}")]
    Artifact {
        /// The folder.
        path: RepoPath,
        /// What is too much.
        why: String,
    },
    /// The local copy is damaged. The next look at the remote replaces it.
    #[error("the local copy of the repository is damaged ({0})")]
    Broken(String),
    /// The local copy can't be used at the moment.
    #[error("the local copy of the repository can't be used: {0}")]
    Local(String),
}

/// Why a file of the repository can't be used. Reads after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is not there.
    #[error("does not exist")]
    Missing,
    /// It is a folder.
    #[error("is a folder")]
    Folder,
    /// Symbolic links are never followed: they can lead out of the repository.
    #[error("is a symbolic link, and links are not followed: put the file itself there")]
    Link,
    /// Submodules are never followed: they lead to another repository.
    #[error("is a submodule, and submodules are not followed: put the files themselves there")]
    Submodule,
    /// Git LFS keeps the content elsewhere.
    #[error("is a Git LFS pointer, not the file itself: keep it out of LFS")]
    Pointer,
    /// It is too large.
    #[error("has {size} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Its name can't be written in a manifest.
    #[error("has a name with a control character, a backslash, text that is not UTF-8, or more than 1,024 bytes")]
    Name,
}

fn below(path: Option<&RepoPath>) -> String {
    path.map(|path| format!(" below `{path}`")).unwrap_or_default()
}

fn raised(option: Option<&'static str>) -> String {
    option.map(|option| format!(" (`{option}` allows more)")).unwrap_or_default()
}

/// The innermost cause's own words, made fit for one line of a terminal.
pub(super) fn cause(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    one_line(&innermost.to_string())
}

/// Foreign text as one line of bounded length without control characters.
pub(super) fn one_line(text: &str) -> String {
    text.trim().chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
