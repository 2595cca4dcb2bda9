//! A look at the remote's tags: which of them point at a commit, and those fetched.
//!
//! Two conversations, and the second only for tags that are not here yet. Nothing is written but objects: no reference of
//! the remote's becomes one of ours. Not here: the first question, for the branch's head.

use super::{Session, Stage};
use crate::git::{
    error::{Fault, FetchError},
    tags::Prefix,
};
use gix::{
    ObjectId, Repository,
    progress::Discard,
    protocol::handshake::Ref,
    remote::fetch::{RefLogMessage, Shallow},
};

impl Session<'_> {
    /// The names and ids of the annotated tags that point at a commit, by name; their objects are here then.
    pub(in crate::git) fn tags(
        &self,
        repository: &Repository,
        prefix: &Prefix,
        commit: ObjectId,
    ) -> Result<Vec<(String, ObjectId)>, FetchError> {
        let mut found = prefix.bounded(self.tags_of(repository, prefix, commit)?)?;
        found.sort();
        let missing = || found.iter().filter(|(_, id)| !repository.has_object(*id));
        let wanted: Vec<String> = missing().map(|(name, _)| format!("refs/tags/{name}")).collect();
        if wanted.is_empty() {
            return Ok(found);
        }
        let remote = self.remote(repository, &wanted)?;
        let asked = self.connect(&remote)?.prepare_fetch(Discard, gix::remote::ref_map::Options::default());
        let asked = asked.map_err(|error| self.failed(Stage::Ask, &error))?;
        let note = RefLogMessage::Override { message: "fetch".into() };
        let received = asked.with_shallow(Shallow::NoChange).with_reflog_message(note);
        let received = received.receive(Discard, self.leash.stop());
        received.map_err(|error| self.failed(Stage::Receive, &error))?;
        match missing().next() {
            None => Ok(found),
            Some((name, _)) => {
                let message = format!("the git server did not send the tag {name}, which it offers");
                Err(FetchError::new(Fault::Broken, message))
            }
        }
    }

    /// Which there are. The server is asked for the tags below the prefix only.
    fn tags_of(
        &self,
        repository: &Repository,
        prefix: &Prefix,
        commit: ObjectId,
    ) -> Result<Vec<(String, ObjectId)>, FetchError> {
        let pattern = prefix.pattern();
        let remote = self.remote(repository, &[format!("{pattern}:{pattern}")])?;
        let asked = self.connect(&remote)?.ref_map(Discard, gix::remote::ref_map::Options::default());
        let (map, _) = asked.map_err(|error| self.failed(Stage::Ask, &error))?;
        let tag = |reference: &Ref| match reference {
            Ref::Peeled { full_ref_name, tag, object } if *object == commit => {
                Some((prefix.name(full_ref_name)?, *tag))
            }
            Ref::Peeled { .. } | Ref::Direct { .. } | Ref::Symbolic { .. } | Ref::Unborn { .. } => None,
        };
        Ok(map.remote_refs.iter().filter_map(tag).collect())
    }
}
