//! `artifacts` of a Stack: folders and files of the repository that its template is given as objects of a bucket.
//!
//! Not here: how they are packed and where they go. That is the agent's.

use crate::{
    findings::Findings,
    id::{LogicalId, RepoPath},
    parse::Tree,
    typed::At,
    yaml::{Fault, Mark},
};
use std::collections::BTreeMap;

pub(crate) mod written;

/// How many a stack may have.
pub const MOST: usize = 20;
/// How many files may be in one.
pub const FILES: u64 = 5_000;
/// How many bytes the files of one may have together: what Lambda takes of a zip, and what an agent can hold.
pub const BYTES: u64 = 50 << 20;

/// A folder or file that a template is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Which, resolved against the manifest's own folder.
    pub path: RepoPath,
    /// The template's parameter that is given the bucket's name.
    pub bucket: String,
    /// The template's parameter that is given the object's key.
    pub key: String,
}

/// What lies below a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Below {
    /// How many files.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

impl Below {
    /// What lies below a folder, of files that are all known with their sizes.
    pub fn of(sizes: &BTreeMap<RepoPath, u64>, folder: &RepoPath) -> Self {
        let (folder, begin) = (folder.as_str(), folder.clone()..);
        let near = sizes.range(begin).take_while(|(path, _)| path.as_str().starts_with(folder));
        let inside = near.filter(|(path, _)| path.as_str().as_bytes().get(folder.len()) == Some(&b'/'));
        inside.fold(Self::default(), |sum, (_, bytes)| Self { files: sum.files + 1, bytes: sum.bytes + bytes })
    }

    /// Why this can't be packed, if it can't.
    pub fn too_much(self) -> Option<String> {
        if self.files > FILES {
            Some(format!("has {} files, at most {FILES} are packed", self.files))
        } else if self.bytes > BYTES {
            Some(format!("has {} bytes, at most {BYTES} are packed", self.bytes))
        } else {
            None
        }
    }
}

/// The artifacts of a manifest. Each parameter is given once, whoever gives it; buckets may share one.
pub(crate) fn artifacts(
    written: &[At<written::Artifact>],
    given: &BTreeMap<At<String>, At<crate::parameter::Parameter>>,
    tree: &impl Tree,
    findings: &mut Findings<'_>,
) -> Vec<Artifact> {
    if let Some(artifact) = written.get(MOST) {
        findings.refuse(artifact.at, format!("{} artifacts are too many, {MOST} are packed", written.len()));
    }
    let mut taken: BTreeMap<&str, (Mark, bool)> =
        given.keys().map(|key| (key.value.as_str(), (key.at, false))).collect();
    let mut all = Vec::new();
    for At { value: written::Artifact { path, parameters }, .. } in written {
        for (parameter, is_bucket) in [(&parameters.bucket, true), (&parameters.key, false)] {
            findings.id::<LogicalId>(parameter);
            match taken.insert(&parameter.value, (parameter.at, is_bucket)) {
                Some((_, true)) if is_bucket => {}
                Some((first, _)) => {
                    let message = format!("the parameter `{}` is given for the second time", parameter.value);
                    findings
                        .fault(Fault::new(parameter.at, message).hint(format!("the first is on line {}", first.line)));
                }
                None => {}
            }
        }
        let (bucket, key) = (parameters.bucket.value.clone(), parameters.key.value.clone());
        all.extend(self::path(path, tree, findings).map(|path| Artifact { path, bucket, key }));
    }
    all
}

fn path(written: &At<String>, tree: &impl Tree, findings: &mut Findings<'_>) -> Option<RepoPath> {
    let path = findings.file.beside(&written.value);
    let path = path.map_err(|malformed| findings.refuse(written.at, malformed.to_string())).ok()?;
    let below = match tree.size(&path) {
        Some(bytes) => Below { files: 1, bytes },
        None => tree.below(&path),
    };
    if below.files == 0 {
        let fault = Fault::new(written.at, format!("the artifact `{path}` is not in this commit"));
        findings.fault(fault.hint("the path is relative to the manifest's own folder"));
    }
    if let Some(why) = below.too_much() {
        let fault = Fault::new(written.at, format!("the artifact `{path}` {why}"));
        findings.fault(fault.hint("keep what is built out of the repository, or split it"));
    }
    Some(path)
}
