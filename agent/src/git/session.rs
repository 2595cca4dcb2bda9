//! One look at a remote: a few conversations with one server, all on one leash.

use super::{
    credentials::Credentials,
    error::{Fault, FetchError, cause, one_line},
    http::Exchange,
    leash::{Leash, Terms, too_much},
    limits::option,
    proxy::Proxy,
    remote::Site,
    ssh,
};
use gix::{
    ObjectId, Repository,
    progress::Discard,
    remote::{
        Connection, Direction,
        fetch::{RefLogMessage, Shallow, Tags},
    },
};
use gix_transport::{
    Protocol,
    client::blocking_io::{Transport, http},
};
use std::{io, num::NonZeroU32, rc::Rc};

mod tags;

/// How many branches an error message names.
const NAMED: usize = 10;

type Talk<'remote, 'repo> = Connection<'remote, 'static, 'repo, Box<dyn Transport>>;

pub(super) struct Session<'a> {
    site: &'a Site,
    credentials: &'a Credentials,
    leash: Rc<Leash>,
}

impl<'a> Session<'a> {
    pub(super) fn new(site: &'a Site, credentials: &'a Credentials, terms: Terms) -> Self {
        Self { site, credentials, leash: Rc::new(Leash::new(terms)) }
    }

    /// Whether no failure of this session was the connection's.
    pub(super) fn connection_held(&self) -> bool {
        self.leash.failure().is_none()
    }

    /// Asks for the branch's head and fetches it unless it is here: one commit deep into an empty copy, otherwise what
    /// is missing, so that the history here has no gap. With `depth`, so many generations of it.
    pub(super) fn fetch(&self, repository: &Repository, depth: Option<u32>) -> Result<ObjectId, FetchError> {
        let branch = &self.site.origin.branch;
        let (theirs, ours) = (format!("refs/heads/{branch}"), format!("refs/remotes/origin/{branch}"));
        let remote = self.remote(repository, &[format!("+{theirs}:{ours}")])?;
        let asked = self.connect(&remote)?.prepare_fetch(Discard, gix::remote::ref_map::Options::default());
        let asked = asked.map_err(|error| self.failed(Stage::Ask, &error))?;
        let heads = asked.ref_map().remote_refs.iter().map(|head| head.unpack());
        let head = heads.filter(|(name, ..)| *name == theirs.as_str()).find_map(|(_, id, _)| id.map(ToOwned::to_owned));
        let Some(head) = head else {
            drop(asked);
            return Err(self.no_branch(repository)?);
        };
        let known =
            repository.try_find_reference(ours.as_str()).map_err(|error| self.failed(Stage::Receive, &error))?;
        let known = known.map(|known| known.id().detach());
        if depth.is_none() && known == Some(head) && repository.has_object(head) {
            return Ok(head);
        }
        let shallow = match depth.or(known.is_none().then_some(1)).and_then(NonZeroU32::new) {
            Some(depth) => Shallow::DepthAtRemote(depth),
            None => Shallow::NoChange,
        };
        let note = RefLogMessage::Override { message: "fetch".into() };
        let received = asked.with_shallow(shallow).with_reflog_message(note).receive(Discard, self.leash.stop());
        received.map_err(|error| self.failed(Stage::Receive, &error))?;
        if repository.has_object(head) {
            return Ok(head);
        }
        Err(FetchError::new(Fault::Broken, format!("the git server did not send commit {head}, which it offers")))
    }

    /// The branch is not there: says which are.
    fn no_branch(&self, repository: &Repository) -> Result<FetchError, FetchError> {
        let remote = self.remote(repository, &["+refs/heads/*:refs/remotes/origin/*".into()])?;
        let asked = self.connect(&remote)?.ref_map(Discard, gix::remote::ref_map::Options::default());
        let (heads, _) = asked.map_err(|error| self.failed(Stage::Ask, &error))?;
        let heads = heads.remote_refs.iter().map(|head| head.unpack().0.to_string());
        let names = heads.filter_map(|name| name.strip_prefix("refs/heads/").map(one_line)).collect();
        Ok(absent(&self.site.origin.branch, names))
    }

    fn remote<'r>(&self, repository: &'r Repository, refspecs: &[String]) -> Result<gix::Remote<'r>, FetchError> {
        let remote = repository.remote_at_without_url_rewrite(self.site.url.clone());
        let refspecs = refspecs.iter().map(String::as_str);
        let remote =
            remote.and_then(|remote| remote.with_fetch_tags(Tags::None).with_refspecs(refspecs, Direction::Fetch));
        remote.map_err(|error| self.failed(Stage::Prepare, &error))
    }

    fn connect<'remote, 'repo>(&self, remote: &'remote gix::Remote<'repo>) -> Result<Talk<'remote, 'repo>, FetchError> {
        let url = self.site.url.clone();
        let transport: Box<dyn Transport> = if url.scheme == gix::url::Scheme::Ssh {
            ssh::connect(&url, &self.site.origin.ssh, &self.leash)?
        } else {
            let via = self.site.proxy.as_ref().map(Proxy::via).unwrap_or_default();
            let (client, credentials) = (self.site.client.clone(), self.credentials.clone());
            let exchange = Exchange::new(client, credentials, Rc::clone(&self.leash), via);
            Box::new(http::Transport::new_http(exchange, url, Protocol::V2, false))
        };
        let mut connection = remote.to_connection_with_transport(transport);
        // Without this, gix runs credential programs or asks on the terminal.
        connection.set_credentials(|_| Ok(None));
        Ok(connection)
    }

    /// What went wrong at that stage: the connection's own reason when there is one, otherwise gix's.
    fn failed(&self, stage: Stage, error: &gix::Error) -> FetchError {
        if let Some(failure) = self.leash.failure() {
            return failure;
        }
        let why = cause(error);
        let said = |kind, what: &str| FetchError::new(kind, format!("{what} ({why})"));
        let errors = error.iter_errors().filter_map(|error| error.downcast_ref::<io::Error>());
        let kinds: Vec<io::ErrorKind> = errors.map(io::Error::kind).collect();
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::ReadOnlyFilesystem];
        if error.is_resource_exhausted() {
            return too_much(&format!("an object is larger than allowed ({why})"), option::OBJECT_BYTES);
        }
        if kinds.iter().any(|kind| full.contains(kind)) {
            return said(Fault::Local, "what was fetched can't be kept");
        }
        match stage {
            Stage::Prepare => said(Fault::Refused, "the repository can't be asked"),
            Stage::Ask if kinds.contains(&io::ErrorKind::UnexpectedEof) => {
                let error = said(Fault::Broken, "the git server's answer broke off");
                self.leash.fail(error.clone());
                error
            }
            Stage::Ask => said(Fault::Protocol, "the answer is not a git server's"),
            Stage::Receive if error.is_unsupported() => {
                said(Fault::Protocol, "the git server speaks in a way that is not supported here")
            }
            Stage::Receive => said(Fault::Broken, "what the git server sent, or the copy of it here, is damaged"),
        }
    }
}

/// How far a conversation has come. Until objects arrive, nothing here can be to blame for what does not work.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Prepare,
    Ask,
    Receive,
}

/// What to say about a branch that is not among `names`.
pub(super) fn absent(branch: &str, names: Vec<String>) -> FetchError {
    if names.is_empty() {
        return FetchError::new(Fault::Empty, "the repository has no branch yet")
            .hint(format!("push `{branch}` to it"));
    }
    let more = names.len().saturating_sub(NAMED);
    let mut list = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    FetchError::new(Fault::NoBranch, format!("branch `{branch}` does not exist; the repository has {list}"))
}
