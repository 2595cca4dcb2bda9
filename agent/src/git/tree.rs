//! A commit's files, read by object id from one tree and never put on a disk.
//!
//! Not here: what is in them. Every `*.yaml` and `*.yml` below the configured path might be a manifest. What can't be
//! one, although its name says so, is a [`Problem`]; what makes the whole commit doubtful is a [`ReadError`].

use super::{
    Limits, descent,
    error::{ReadError, Unusable, cause},
    limits::option,
    remote::{commit_id, object_id},
};
use gix::{
    ObjectId, Repository,
    objs::{Data, Kind, TreeRefIter, tree::EntryKind},
};
use manifests::{
    id::{CommitId, RepoPath},
    problem::Problem,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a commit holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// The bytes of every `*.yaml` and `*.yml` file below the configured path.
    pub manifests: BTreeMap<RepoPath, Vec<u8>>,
    /// The size in bytes of every file of the repository; links and submodules are no files.
    pub sizes: BTreeMap<RepoPath, u64>,
    /// What is below the configured path and can't be read, although it may hold a manifest.
    pub problems: Vec<Problem>,
}

/// The commit whose id begins with these digits.
pub(super) fn named(repository: &Repository, digits: &str) -> Result<CommitId, ReadError> {
    let unnamed = |why| ReadError::Unnamed { digits: digits.to_owned(), why };
    let prefix = gix::hash::Prefix::from_hex(digits).map_err(|_| unnamed("is no beginning of a commit's id"))?;
    let found = repository.objects.lookup_prefix(prefix, None).map_err(|error| ReadError::Broken(cause(&error)))?;
    let id = match found {
        None => return Err(unnamed("begins no commit of the local copy; the full id names every one")),
        Some(Err(())) => return Err(unnamed("begins more than one id; more digits tell them apart")),
        Some(Ok(id)) => id,
    };
    match repository.find_header(id).map(|header| header.kind()) {
        Ok(Kind::Commit) => Ok(commit_id(id)),
        Ok(Kind::Tree | Kind::Blob | Kind::Tag) => Err(unnamed("is no commit")),
        Err(error) => Err(ReadError::Broken(cause(&error))),
    }
}

/// A commit's own bytes.
pub(super) fn commit(repository: &Repository, commit: &CommitId) -> Result<Vec<u8>, ReadError> {
    const MOST: u64 = 1 << 20;
    let id = known(repository, commit)?;
    if size(repository, id)? > MOST {
        return Err(ReadError::TooMuch { commit: commit.clone(), limit: MOST, what: "bytes of its own", option: None });
    }
    object(repository, id, Kind::Commit)
}

/// Whether `new` is `old` or descends from it.
pub(super) fn descends(repository: &Repository, old: &CommitId, new: &CommitId) -> Result<bool, ReadError> {
    let (old, new) = (known(repository, old)?, known(repository, new)?);
    let relation = descent::relation(repository, old, new).map_err(ReadError::Broken)?;
    Ok(old == new || relation == descent::Relation::Forward)
}

/// Every commit that came with `new` after `old`, but for `new` itself.
pub(super) fn between(
    repository: &Repository,
    old: &CommitId,
    new: &CommitId,
    most: usize,
) -> Result<Vec<CommitId>, ReadError> {
    let (old, id) = (known(repository, old)?, known(repository, new)?);
    match descent::between(repository, old, id, most).map_err(ReadError::Broken)? {
        Some(all) => Ok(all.into_iter().map(commit_id).collect()),
        None => {
            let what = "commits since the accepted one";
            Err(ReadError::TooMuch { commit: new.clone(), limit: most as u64, what, option: None })
        }
    }
}

/// Reads a commit's tree, and the manifests below `path`.
pub(super) fn read(
    repository: &Repository,
    commit: &CommitId,
    path: Option<&RepoPath>,
    limits: &Limits,
) -> Result<Tree, ReadError> {
    let repository = &with_deltas(repository);
    let root = root(repository, commit)?;
    let mut walk = Walk { repository, commit, path, limits, entries: 0, bytes: 0, tree: Tree::default() };
    let mut folders = vec![(String::new(), root, 0)];
    let mut found = path.is_none();
    while let Some((prefix, id, depth)) = folders.pop() {
        found |= path.is_some_and(|path| prefix.strip_suffix('/') == Some(path.as_str()));
        for (name, id) in walk.folder(&prefix, id)? {
            walk.at_most(depth + 1, limits.nesting, "folders inside each other", option::NESTING)?;
            folders.push((format!("{prefix}{name}/"), id, depth + 1));
        }
    }
    if let Some(path) = path.filter(|_| !found) {
        return Err(ReadError::NoPath { path: path.clone(), commit: commit.clone() });
    }
    let mut tree = walk.tree;
    if tree.manifests.is_empty() && tree.problems.is_empty() {
        return Err(ReadError::NoManifests { path: path.cloned(), commit: commit.clone() });
    }
    tree.problems.sort();
    Ok(tree)
}

/// The same repository, which keeps what it has unpacked for as long as this handle is there: a pack holds most files as
/// differences to others, fifty behind each other, and each would be unpacked again for every one that builds on it.
fn with_deltas(repository: &Repository) -> Repository {
    const BYTES: usize = 16 << 20;
    let mut repository = repository.clone();
    repository.objects.set_pack_cache(|| Box::new(gix::odb::pack::cache::lru::MemoryCappedHashmap::new(BYTES)));
    repository
}

/// Reads one file of a commit.
pub(super) fn blob(
    repository: &Repository,
    commit: &CommitId,
    path: &RepoPath,
    limit: u64,
) -> Result<Vec<u8>, ReadError> {
    let unusable = |why| Err(ReadError::File { path: path.clone(), why });
    let id = match entry(repository, commit, path)? {
        (EntryKind::Blob | EntryKind::BlobExecutable, id) => id,
        (EntryKind::Tree, _) => return unusable(Unusable::Folder),
        (EntryKind::Link, _) => return unusable(Unusable::Link),
        (EntryKind::Commit, _) => return unusable(Unusable::Submodule),
    };
    let size = size(repository, id)?;
    if size > limit {
        return unusable(Unusable::TooLarge { size, limit });
    }
    let data = object(repository, id, Kind::Blob)?;
    if is_pointer(&data) { unusable(Unusable::Pointer) } else { Ok(data) }
}

/// What stands at a path of a commit.
pub(super) fn entry(
    repository: &Repository,
    commit: &CommitId,
    path: &RepoPath,
) -> Result<(EntryKind, ObjectId), ReadError> {
    let missing = || ReadError::File { path: path.clone(), why: Unusable::Missing };
    let mut at = (EntryKind::Tree, root(repository, commit)?);
    for part in path.as_str().split('/') {
        let (EntryKind::Tree, folder) = at else { return Err(missing()) };
        let data = object(repository, folder, Kind::Tree)?;
        let mut found = None;
        for entry in TreeRefIter::from_bytes(&data, gix::hash::Kind::Sha1) {
            let entry = entry.map_err(|error| ReadError::Broken(cause(&error)))?;
            if entry.filename == part && found.replace((entry.mode.kind(), entry.oid.to_owned())).is_some() {
                let above = path.as_str().split_once(part).map_or("", |(above, _)| above);
                return Err(ReadError::Twice { folder: shown_folder(above), name: part.to_owned() });
            }
        }
        at = found.ok_or_else(missing)?;
    }
    Ok(at)
}

/// A folder as it is told: the root has no name.
pub(super) fn shown_folder(prefix: &str) -> String {
    if prefix.is_empty() { "/" } else { prefix }.to_owned()
}

struct Walk<'a> {
    repository: &'a Repository,
    commit: &'a CommitId,
    path: Option<&'a RepoPath>,
    limits: &'a Limits,
    entries: u64,
    bytes: u64,
    tree: Tree,
}

impl Walk<'_> {
    /// Takes in one folder, and answers the folders in it.
    fn folder(&mut self, prefix: &str, id: ObjectId) -> Result<Vec<(String, ObjectId)>, ReadError> {
        let data = object(self.repository, id, Kind::Tree)?;
        let (mut folders, mut names) = (Vec::new(), BTreeMap::<String, String>::new());
        let mut once = BTreeSet::new();
        for entry in TreeRefIter::from_bytes(&data, gix::hash::Kind::Sha1) {
            let entry = entry.map_err(|error| ReadError::Broken(cause(&error)))?;
            self.entries += 1;
            self.at_most(self.entries, self.limits.entries, "files and folders", option::ENTRIES)?;
            let (kind, id) = (entry.mode.kind(), entry.oid.to_owned());
            let lossy = entry.filename.to_string();
            if !once.insert(entry.filename) {
                return Err(ReadError::Twice { folder: shown_folder(prefix), name: lossy });
            }
            let name = std::str::from_utf8(entry.filename).ok().filter(|name| !name.contains('/'));
            let Some(path) = name.and_then(|name| format!("{prefix}{name}").parse::<RepoPath>().ok()) else {
                self.problem(shown(prefix, &lossy), kind, Unusable::Name);
                continue;
            };
            if (self.counts(&path, kind) || self.leads(&path))
                && let Some(one) = names.insert(lossy.to_lowercase(), lossy.clone())
            {
                return Err(ReadError::Ambiguous { folder: shown_folder(prefix), one, other: lossy });
            }
            match kind {
                EntryKind::Tree => folders.push((lossy, id)),
                EntryKind::Blob | EntryKind::BlobExecutable => self.file(path, id)?,
                EntryKind::Link => self.problem(path, kind, Unusable::Link),
                EntryKind::Commit => self.problem(path, kind, Unusable::Submodule),
            }
        }
        Ok(folders)
    }

    fn file(&mut self, path: RepoPath, id: ObjectId) -> Result<(), ReadError> {
        let size = size(self.repository, id)?;
        if self.is_below(&path) && is_yaml(path.as_str()) {
            self.manifest(&path, id, size)?;
        }
        self.tree.sizes.insert(path, size);
        Ok(())
    }

    fn manifest(&mut self, path: &RepoPath, id: ObjectId, size: u64) -> Result<(), ReadError> {
        let limit = self.limits.manifest_bytes;
        if size > limit {
            self.problem(path.clone(), EntryKind::Blob, Unusable::TooLarge { size, limit });
            return Ok(());
        }
        self.bytes += size;
        self.at_most(self.bytes, self.limits.total_bytes, "bytes of manifests", option::TOTAL_BYTES)?;
        let count = self.tree.manifests.len() as u64 + 1;
        self.at_most(count, self.limits.manifests, "`*.yaml` files", option::MANIFESTS)?;
        let data = object(self.repository, id, Kind::Blob)?;
        if is_pointer(&data) {
            self.problem(path.clone(), EntryKind::Blob, Unusable::Pointer);
        } else {
            self.tree.manifests.insert(path.clone(), data);
        }
        Ok(())
    }

    /// Whether a manifest may be behind an entry: a YAML file, a folder, or a link or submodule in place of either.
    fn counts(&self, path: &RepoPath, kind: EntryKind) -> bool {
        let text = path.as_str();
        let name = text.rsplit('/').next().unwrap_or(text);
        let may_be = match kind {
            EntryKind::Tree | EntryKind::Commit => true,
            EntryKind::Blob | EntryKind::BlobExecutable => is_yaml(name),
            EntryKind::Link => is_yaml(name) || !name.contains('.'),
        };
        may_be && self.is_below(path)
    }

    /// Whether the configured path goes through it, in whatever case.
    fn leads(&self, path: &RepoPath) -> bool {
        let wanted = self.path.map(|path| path.as_str().to_lowercase()).unwrap_or_default();
        let rest = wanted.strip_prefix(&path.as_str().to_lowercase());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn is_below(&self, path: &RepoPath) -> bool {
        let rest =
            |folder: &RepoPath| path.as_str().strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.path.is_none_or(rest)
    }

    fn problem(&mut self, file: RepoPath, kind: EntryKind, why: Unusable) {
        if self.counts(&file, kind) {
            let large = matches!(why, Unusable::TooLarge { .. });
            let hint = large.then(|| format!("`{}` allows more", option::MANIFEST_BYTES));
            let problem = Problem { file, line: 0, column: 0, message: why.to_string(), hint, manifest: None };
            self.tree.problems.push(problem);
        }
    }

    fn at_most(&self, amount: u64, limit: u64, what: &'static str, option: &'static str) -> Result<(), ReadError> {
        let excess = || ReadError::TooMuch { commit: self.commit.clone(), limit, what, option: Some(option) };
        if amount > limit { Err(excess()) } else { Ok(()) }
    }
}

/// The id of a commit that is here.
fn known(repository: &Repository, commit: &CommitId) -> Result<ObjectId, ReadError> {
    let id = object_id(commit).map_err(|error| ReadError::Local(error.message))?;
    if repository.has_object(id) { Ok(id) } else { Err(ReadError::NoCommit(commit.clone())) }
}

fn root(repository: &Repository, commit: &CommitId) -> Result<ObjectId, ReadError> {
    let id = known(repository, commit)?;
    let data = object(repository, id, Kind::Commit)?;
    gix::objs::CommitRefIter::from_bytes(&data, gix::hash::Kind::Sha1)
        .tree_id()
        .map_err(|error| ReadError::Broken(cause(&error)))
}

/// The size of an object, from its header.
pub(super) fn size(repository: &Repository, id: ObjectId) -> Result<u64, ReadError> {
    repository.find_header(id).map(|header| header.size()).map_err(|error| ReadError::Broken(cause(&error)))
}

/// An object's bytes, when they are what its id says.
pub(super) fn object(repository: &Repository, id: ObjectId, kind: Kind) -> Result<Vec<u8>, ReadError> {
    let mut object = repository.find_object(id).map_err(|error| ReadError::Broken(cause(&error)))?;
    if object.kind != kind {
        return Err(ReadError::Broken(format!("{id} is a {}, not a {kind}", object.kind)));
    }
    let data = Data::new(&object.data, kind, id.kind());
    data.verify_checksum(&id).map_err(|error| ReadError::Broken(cause(&error)))?;
    Ok(std::mem::take(&mut object.data))
}

pub(crate) fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Whether these bytes stand for a file that Git LFS keeps elsewhere.
pub(super) fn is_pointer(data: &[u8]) -> bool {
    data.starts_with(b"version https://git-lfs.github.com/spec/")
}

/// A path that may be written, in place of one that may not.
pub(crate) fn shown(prefix: &str, name: &str) -> RepoPath {
    let end = if name.ends_with(".yml") {
        ".yml"
    } else if is_yaml(name) {
        ".yaml"
    } else {
        ""
    };
    let stem = name.strip_suffix(end).unwrap_or(name).chars().take(80);
    let stem: String = stem.map(|c| if c.is_control() || matches!(c, '/' | '\\') { '\u{fffd}' } else { c }).collect();
    let within = |folder: &str| format!("{folder}{stem}\u{fffd}{end}").parse();
    // The path as a whole may be what is too long.
    within(prefix).or_else(|_| within("")).expect("a short name without special characters is a path")
}
