//! A repository on this machine's own disk. It is read where it is: nothing is fetched, copied or written, and no
//! program is run. What is not committed is not seen.

use super::{
    Descent, Offered, Origin,
    descent::{Relation, relation},
    error::{Fault, FetchError, ReadError, cause, one_line},
    mirror::options,
    remote::{commit_id, object_id},
    session::absent,
    tags::{self, Prefix, Tag},
};
use gix::Repository;
use manifests::id::CommitId;
use std::{path::PathBuf, sync::Arc};
use tokio::task::spawn_blocking;

/// The repository in a folder.
pub(super) struct Local {
    place: Arc<Folder>,
}

struct Folder {
    path: PathBuf,
    origin: Origin,
}

impl Local {
    pub(super) fn new(url: &gix::Url, origin: Origin) -> Self {
        Self { place: Arc::new(Folder { path: PathBuf::from(url.path.to_string()), origin }) }
    }

    pub(super) async fn offered(&self, last: Option<&CommitId>) -> Result<Offered, FetchError> {
        let (place, last) = (Arc::clone(&self.place), last.cloned());
        let work = spawn_blocking(move || place.head(last.as_ref()));
        work.await.unwrap_or_else(|stopped| Err(FetchError::new(Fault::Broken, stopped.to_string())))
    }

    pub(super) async fn tags(&self, prefix: &Prefix, commit: &CommitId) -> Result<Vec<Tag>, FetchError> {
        let (prefix, commit) = (prefix.clone(), object_id(commit)?);
        let read = self.read(move |repository, _| tags::local(repository, &prefix, commit)).await;
        read.map_err(|error| FetchError::new(Fault::Local, error.to_string()))
    }

    /// Reads from its objects, on a thread of its own: gix blocks.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Repository, &Origin) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let place = Arc::clone(&self.place);
        let work = spawn_blocking(move || {
            let repository = place.open().map_err(|error| ReadError::Local(error.message))?;
            read(&repository, &place.origin)
        });
        work.await.unwrap_or_else(|stopped| Err(ReadError::Broken(stopped.to_string())))
    }
}

impl Folder {
    fn open(&self) -> Result<Repository, FetchError> {
        gix::open_opts(&self.path, options(self.origin.limits.object_bytes)).map_err(|error| {
            FetchError::new(
                Fault::NotFound,
                format!("`{}` is not a git repository ({})", self.path.display(), cause(&error)),
            )
        })
    }

    fn head(&self, last: Option<&CommitId>) -> Result<Offered, FetchError> {
        let repository = self.open()?;
        let broken = |why: String| {
            FetchError::new(Fault::Broken, format!("the repository in `{}` is damaged ({why})", self.path.display()))
        };
        let branch = format!("refs/heads/{}", self.origin.branch);
        let found = repository.try_find_reference(branch.as_str()).map_err(|error| broken(cause(&error)))?;
        let Some(mut found) = found else {
            let error = absent(&self.origin.branch, branches(&repository));
            return Err(FetchError { message: format!("{}: {}", self.path.display(), error.message), ..error });
        };
        let head = found.peel_to_id().map_err(|error| broken(cause(&error)))?.detach();
        let descent = match last.map(object_id).transpose()? {
            None => Descent::First,
            Some(last) if last == head => Descent::Same,
            Some(last) => match relation(&repository, last, head).map_err(broken)? {
                Relation::Forward => Descent::Forward,
                Relation::Rewound => Descent::Rewound,
                Relation::Cut => Descent::NotProven { why: "the repository's history is shallow".to_owned() },
                Relation::TooLong => Descent::NotProven { why: "the history between the two is too long".to_owned() },
            },
        };
        Ok(Offered { commit: commit_id(head), descent })
    }
}

/// The names of the branches there are; those that can't be read are left out, because this only helps a message.
fn branches(repository: &Repository) -> Vec<String> {
    let Ok(references) = repository.references() else { return Vec::new() };
    let Ok(heads) = references.local_branches() else { return Vec::new() };
    heads.flatten().map(|head| one_line(&head.name().shorten().to_string())).collect()
}
