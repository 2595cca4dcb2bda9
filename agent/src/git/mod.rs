//! The manifests repository, as the agent sees it: one branch's head, and the files of a commit.
//!
//! Objects only: no checkout, no symbolic link, no submodule. No child process either, save `ssh` for an ssh URL.
//! What is offered here is not yet accepted: whether a commit may be believed is decided elsewhere, and this module
//! only says how it relates to the one that was believed before.

pub mod bundle;
pub mod credentials;
mod descent;
pub mod error;
mod http;
mod leash;
pub mod limits;
mod local;
mod mirror;
mod pack;
mod proxy;
mod remote;
mod session;
mod ssh;
pub mod tags;
pub mod tree;

pub use leash::Traffic;
pub use limits::Limits;

use bundle::Member;
use credentials::{Credentials, Keyring};
use error::{Fault, FetchError, ReadError};
use local::Local;
use manifests::id::{CommitId, RepoPath};
use remote::Remote;
use std::path::PathBuf;
use tags::{Prefix, Tag};
use tree::Tree;

/// Where manifests come from.
pub trait Source {
    /// Asks for the branch's head, and fetches what is new about it. `last` is the commit that was accepted last.
    fn offered(&self, last: Option<&CommitId>) -> impl Future<Output = Result<Offered, FetchError>>;

    /// The commit of the local copy whose id begins with these digits.
    fn named(&self, digits: &str) -> impl Future<Output = Result<CommitId, ReadError>>;

    /// A commit itself, as git stores it: what a signature is made of.
    fn commit(&self, commit: &CommitId) -> impl Future<Output = Result<Vec<u8>, ReadError>>;

    /// The annotated tags below a prefix that point at a commit. A remote is asked anew each time.
    fn tags(&self, prefix: &Prefix, commit: &CommitId) -> impl Future<Output = Result<Vec<Tag>, FetchError>>;

    /// Whether `new` is `old` or descends from it, as far as the local copy shows.
    fn descends(&self, old: &CommitId, new: &CommitId) -> impl Future<Output = Result<bool, ReadError>>;

    /// Every commit that came with `new` after `old`, but for `new` itself; no more than so many.
    fn between(
        &self,
        old: &CommitId,
        new: &CommitId,
        most: usize,
    ) -> impl Future<Output = Result<Vec<CommitId>, ReadError>>;

    /// What a commit holds: the bytes of its manifests, the sizes of all its files.
    fn tree(&self, commit: &CommitId) -> impl Future<Output = Result<Tree, ReadError>>;

    /// One file of a commit, if it has at most `limit` bytes.
    fn blob(&self, commit: &CommitId, path: &RepoPath, limit: u64) -> impl Future<Output = Result<Vec<u8>, ReadError>>;

    /// Every file of a folder of a commit, or one file, by name: what an artifact is packed of.
    fn bundle(
        &self,
        commit: &CommitId,
        path: &RepoPath,
        bytes: u64,
    ) -> impl Future<Output = Result<Vec<Member>, ReadError>>;

    /// What all of this has cost so far.
    fn traffic(&self) -> Traffic;
}

/// A commit that was offered. Nobody has verified it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The branch's head.
    pub commit: CommitId,
    /// How it relates to the commit that was accepted last.
    pub descent: Descent,
}

/// How an offered commit relates to the one that was accepted last, as far as objects can prove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Descent {
    /// None was accepted before.
    First,
    /// It is the same.
    Same,
    /// It descends from the accepted one.
    Forward,
    /// It does not: the branch was rewritten, set back, or belongs to another repository.
    Rewound,
    /// Not enough of the history could be had to tell.
    NotProven {
        /// Why, in a clause.
        why: String,
    },
}

/// Where a source is, as configured.
#[derive(Debug, Clone)]
pub struct Origin {
    /// `https://…`, `ssh://…`, `user@host:path`, `file://…` or a plain path; a password in it is used, and never shown.
    pub url: String,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The folder with the manifests; `None` is the whole repository.
    pub path: Option<RepoPath>,
    /// A folder for the local copy of a remote's objects; this process will be the only one to use it.
    pub cache: PathBuf,
    /// PEM certificates of authorities that are trusted beside the system's.
    pub authorities: Option<PathBuf>,
    /// How ssh URLs are reached.
    pub ssh: Ssh,
    /// Bounds.
    pub limits: Limits,
}

/// How a repository behind ssh is reached, and how its server is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// The program, found in `PATH` unless it is a path itself.
    pub program: PathBuf,
    /// The only file of host keys that counts; without it, those of ssh's own configuration.
    pub known_hosts: Option<PathBuf>,
    /// The private key to show; without it, those of ssh's own configuration and agent.
    pub key: Option<PathBuf>,
}

impl Default for Ssh {
    fn default() -> Self {
        Self { program: "ssh".into(), known_hosts: None, key: None }
    }
}

/// A source at a URL.
pub struct Repository<K>(Place<K>);

enum Place<K> {
    Local(Local),
    Remote(Box<Remote<K>>),
}

impl<K: Keyring> Repository<K> {
    /// Prepares to look there. Neither the network nor the disk is touched yet, save to read the certificates.
    ///
    /// # Errors
    /// When the URL or the branch's name can't be used.
    pub fn new(origin: Origin, keyring: K) -> Result<Self, FetchError> {
        let branch = format!("refs/heads/{}", origin.branch);
        gix::validate::reference::name(branch.as_str().into())
            .map_err(|_| FetchError::new(Fault::NoBranch, format!("`{}` is not a branch name", origin.branch)))?;
        // The text is not repeated: it may hold a password.
        let unusable = |_| FetchError::new(Fault::Refused, "the repository's URL can't be read as one");
        let mut url = gix::url::parse(origin.url.as_str()).map_err(unusable)?;
        Ok(Self(match &url.scheme {
            gix::url::Scheme::File => Place::Local(Local::new(&url, origin)),
            gix::url::Scheme::Http | gix::url::Scheme::Https => {
                let (user, password) = (url.set_user(None), url.set_password(None));
                let user = user.unwrap_or_default();
                let written = match password {
                    Some(password) => Credentials::Basic { user, password },
                    None if user.is_empty() => Credentials::None,
                    None => Credentials::Basic { user, password: String::new() },
                };
                Place::Remote(Box::new(Remote::new(url, origin, keyring, written)?))
            }
            gix::url::Scheme::Ssh => {
                url.set_password(None);
                Place::Remote(Box::new(Remote::new(url, origin, keyring, Credentials::None)?))
            }
            gix::url::Scheme::Git
            | gix::url::Scheme::Ext
            | gix::url::Scheme::Helper(_)
            | gix::url::Scheme::HelperUrl(_) => {
                let message = "the repository's URL is neither https, ssh nor a path";
                return Err(FetchError::new(Fault::Refused, message).hint("use https or ssh"));
            }
        }))
    }
}

impl<K: Keyring> Repository<K> {
    /// Reads from the objects that are here.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&gix::Repository, &Origin) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        match &self.0 {
            Place::Local(local) => local.read(read).await,
            Place::Remote(remote) => remote.read(read).await,
        }
    }
}

impl<K: Keyring> Source for Repository<K> {
    async fn offered(&self, last: Option<&CommitId>) -> Result<Offered, FetchError> {
        match &self.0 {
            Place::Local(local) => local.offered(last).await,
            Place::Remote(remote) => remote.offered(last).await,
        }
    }

    async fn named(&self, digits: &str) -> Result<CommitId, ReadError> {
        let digits = digits.to_owned();
        self.read(move |repository, _| tree::named(repository, &digits)).await
    }

    async fn commit(&self, commit: &CommitId) -> Result<Vec<u8>, ReadError> {
        let commit = commit.clone();
        self.read(move |repository, _| tree::commit(repository, &commit)).await
    }

    async fn tags(&self, prefix: &Prefix, commit: &CommitId) -> Result<Vec<Tag>, FetchError> {
        match &self.0 {
            Place::Local(local) => local.tags(prefix, commit).await,
            Place::Remote(remote) => remote.tags(prefix, commit).await,
        }
    }

    async fn descends(&self, old: &CommitId, new: &CommitId) -> Result<bool, ReadError> {
        let (old, new) = (old.clone(), new.clone());
        self.read(move |repository, _| tree::descends(repository, &old, &new)).await
    }

    async fn between(&self, old: &CommitId, new: &CommitId, most: usize) -> Result<Vec<CommitId>, ReadError> {
        let (old, new) = (old.clone(), new.clone());
        self.read(move |repository, _| tree::between(repository, &old, &new, most)).await
    }

    async fn tree(&self, commit: &CommitId) -> Result<Tree, ReadError> {
        let commit = commit.clone();
        self.read(move |repository, origin| tree::read(repository, &commit, origin.path.as_ref(), &origin.limits)).await
    }

    async fn blob(&self, commit: &CommitId, path: &RepoPath, limit: u64) -> Result<Vec<u8>, ReadError> {
        let (commit, path) = (commit.clone(), path.clone());
        self.read(move |repository, _| tree::blob(repository, &commit, &path, limit)).await
    }

    async fn bundle(&self, commit: &CommitId, path: &RepoPath, bytes: u64) -> Result<Vec<Member>, ReadError> {
        let (commit, path) = (commit.clone(), path.clone());
        self.read(move |repository, origin| bundle::read(repository, &commit, (&path, bytes), &origin.limits)).await
    }

    fn traffic(&self) -> Traffic {
        match &self.0 {
            Place::Local(_) => Traffic::default(),
            Place::Remote(remote) => remote.traffic(),
        }
    }
}
