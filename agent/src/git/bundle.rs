//! A folder or file of a commit with everything in it, to be packed: from objects, like everything here.
//!
//! What is not simply a file is no part of a bundle and makes it useless: a link or submodule leads elsewhere, and an LFS
//! pointer stands for something else.

use super::{
    Limits,
    error::{ReadError, Unusable, cause},
    limits::option,
    tree::{entry, is_pointer, object, size},
};
use gix::{
    ObjectId, Repository,
    objs::{Kind, TreeRefIter, tree::EntryKind},
};
use manifests::{
    artifact::Below,
    id::{CommitId, RepoPath},
};
use std::collections::BTreeSet;

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path inside the folder; its name, if it is the bundle.
    pub name: String,
    /// Whether git says that it may be executed.
    pub executable: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Reads all files of a folder, or one file, sorted by name, byte by byte: so many bytes of them and no more.
pub(super) fn read(
    repository: &Repository,
    commit: &CommitId,
    (path, bytes): (&RepoPath, u64),
    limits: &Limits,
) -> Result<Vec<Member>, ReadError> {
    let mut walk = Walk { repository, path, below: Below::default(), most: bytes, members: Vec::new() };
    // Folders cost too, and a few of them can stand for any number: each may hold the same one many times.
    let most = |amount: usize, limit, what, option| {
        let excess = || ReadError::TooMuch { commit: commit.clone(), what, limit, option: Some(option) };
        if amount as u64 > limit { Err(excess()) } else { Ok(()) }
    };
    let mut seen = 0;
    let (kind, id) = entry(repository, commit, path)?;
    if kind == EntryKind::Tree {
        let mut folders = vec![(String::new(), id)];
        while let Some((prefix, id)) = folders.pop() {
            most(prefix.matches('/').count(), limits.nesting, "folders inside each other", option::NESTING)?;
            let inside = walk.folder(&prefix, id)?;
            seen += inside.len();
            most(seen, limits.entries, "files and folders", option::ENTRIES)?;
            folders.extend(inside);
        }
    } else {
        let name = path.as_str().rsplit('/').next().unwrap_or_default();
        walk.entry(name.to_owned(), kind, id)?;
    }
    walk.members.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(walk.members)
}

struct Walk<'a> {
    repository: &'a Repository,
    path: &'a RepoPath,
    below: Below,
    /// Bytes of all files together.
    most: u64,
    members: Vec<Member>,
}

impl Walk<'_> {
    /// Takes in one folder, and answers the folders in it.
    fn folder(&mut self, prefix: &str, id: ObjectId) -> Result<Vec<(String, ObjectId)>, ReadError> {
        let data = object(self.repository, id, Kind::Tree)?;
        let (mut folders, mut once) = (Vec::new(), BTreeSet::new());
        for entry in TreeRefIter::from_bytes(&data, gix::hash::Kind::Sha1) {
            let entry = entry.map_err(|error| ReadError::Broken(cause(&error)))?;
            if !once.insert(entry.filename) {
                let name = entry.filename.to_string();
                return Err(ReadError::Twice { folder: format!("{}/{prefix}", self.path), name });
            }
            let name = str::from_utf8(entry.filename)
                .ok()
                .filter(|name| !name.contains('/') && !["", ".", ".."].contains(name));
            let Some(name) = name else { return Err(self.unusable("", Unusable::Name)) };
            let name = format!("{prefix}{name}");
            match entry.mode.kind() {
                EntryKind::Tree => folders.push((format!("{name}/"), entry.oid.to_owned())),
                kind @ (EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link | EntryKind::Commit) => {
                    self.entry(name, kind, entry.oid.to_owned())?;
                }
            }
        }
        Ok(folders)
    }

    fn entry(&mut self, name: String, kind: EntryKind, id: ObjectId) -> Result<(), ReadError> {
        let executable = match kind {
            EntryKind::Blob => false,
            EntryKind::BlobExecutable => true,
            EntryKind::Tree => return Err(self.unusable(&name, Unusable::Folder)),
            EntryKind::Link => return Err(self.unusable(&name, Unusable::Link)),
            EntryKind::Commit => return Err(self.unusable(&name, Unusable::Submodule)),
        };
        // Before anything is unpacked.
        self.below = Below { files: self.below.files + 1, bytes: self.below.bytes + size(self.repository, id)? };
        if self.below.bytes > self.most {
            let why = Unusable::TooLarge { size: self.below.bytes, limit: self.most };
            return Err(ReadError::File { path: self.path.clone(), why });
        }
        if let Some(why) = self.below.too_much() {
            return Err(ReadError::Artifact { path: self.path.clone(), why });
        }
        let bytes = object(self.repository, id, Kind::Blob)?;
        if is_pointer(&bytes) {
            return Err(self.unusable(&name, Unusable::Pointer));
        }
        self.members.push(Member { name, executable, bytes });
        Ok(())
    }

    fn unusable(&self, name: &str, why: Unusable) -> ReadError {
        let path = format!("{}/{name}", self.path).parse().unwrap_or_else(|_| self.path.clone());
        ReadError::File { path, why }
    }
}
