//! What takes the approval of several: what stands under some paths is what enough people signed, or the commit is refused.
//!
//! It is the content that is approved and no commit, so that an approval survives a merge, and a commit that leaves the paths
//! alone needs none. An approval counts up, so that what was approved long ago can't be brought back. A template or an
//! artifact that lies elsewhere is no part of the paths: it has to lie below them, or have a rule of its own.

use super::{
    chain::{Force, lacks, vouching},
    papers::Paper,
};
use crate::git::{
    Source,
    bundle::Member,
    error::{ReadError, Unusable},
};
use jiff::Timestamp;
use manifests::{
    artifact::BYTES,
    id::{CommitId, Digest, Malformed},
    trust::{self, Approvable, Document, PathApproval, PathPattern, PathRule, content},
};
use plan::memory::Approved;
use std::collections::BTreeMap;

/// What is remembered from now on: for each rule what was approved.
///
/// # Errors
/// The first rule that is not kept.
pub(crate) async fn approved<S: Source>(
    source: &S,
    commit: &CommitId,
    (force, papers): (&Force, &[Paper]),
    known: &BTreeMap<String, Approved>,
    seen: Timestamp,
) -> Result<BTreeMap<String, Approved>, String> {
    // What was approved under a rule that is gone counts on if it comes back.
    let mut all = known.clone();
    for rule in &force.paths {
        let found = standing(source, commit, &rule.paths).await?;
        let before = known.get(&rule.paths.to_string());
        all.extend(judge(rule, found, (force, papers), before, seen)?.map(|fresh| (rule.paths.to_string(), fresh)));
    }
    Ok(all)
}

/// What stands under the paths.
async fn standing<S: Source>(source: &S, commit: &CommitId, paths: &PathPattern) -> Result<Digest, String> {
    let unread = |error: &dyn std::fmt::Display| format!("what stands under `{paths}` can't be read: {error}");
    let (stem, folder) = match (paths.file(), paths.folder()) {
        (Some(file), _) => (file, None),
        (None, Some(folder)) => (folder.clone(), Some(folder)),
        (None, None) => return Ok(content(Vec::new())),
    };
    let members = match source.bundle(commit, &stem, BYTES).await {
        Ok(members) => members,
        Err(ReadError::File { why: Unusable::Missing, .. }) => Vec::new(),
        Err(error) => return Err(unread(&error)),
    };
    let mut files = Vec::new();
    for Member { name, executable, bytes } in members {
        let path = match &folder {
            Some(folder) => format!("{folder}/{name}").parse().map_err(|error: Malformed| unread(&error))?,
            // A folder in the file's place is not the file.
            None if stem.as_str().rsplit('/').next() == Some(name.as_str()) => stem.clone(),
            None => continue,
        };
        files.push(Approvable { path, executable, digest: Digest::of(&bytes) });
    }
    Ok(digest(paths, files))
}

/// The digest of those of these files that are meant.
pub(crate) fn digest(paths: &PathPattern, mut files: Vec<Approvable>) -> Digest {
    files.retain(|file| paths.fits(&file.path));
    content(files)
}

/// Whether a rule is kept, and what is remembered of it.
fn judge(
    rule: &PathRule,
    found: Digest,
    (force, papers): (&Force, &[Paper]),
    known: Option<&Approved>,
    seen: Timestamp,
) -> Result<Option<Approved>, String> {
    let PathRule { paths, approvals } = rule;
    let content = found.to_string();
    match known {
        Some(known) if known.content == content => return Ok(Some(known.clone())),
        // Where nothing ever stood, nobody has to approve it.
        None if found == trust::content(Vec::new()) => return Ok(None),
        Some(_) | None => {}
    }
    let least = known.map_or(1, |known| known.version.saturating_add(1));
    let given = |paper: &&Paper| matches!(&paper.document, Document::Approval(given) if given.paths == *paths);
    let given: Vec<&Paper> = papers.iter().filter(given).collect();
    let version = |paper: &&&Paper| match &paper.document {
        Document::Approval(PathApproval { version, .. }) => *version,
        Document::Rules(_) => 0,
    };
    let command = format!("`holdfast trust approve '{paths}'`");
    let Some(paper) = given.iter().max_by_key(version) else {
        return Err(format!(
            "what stands under `{paths}` takes {approvals} approvals and has none; ends with {command}"
        ));
    };
    let Document::Approval(PathApproval { version, content: stated, .. }) = &paper.document else { return Ok(None) };
    let name = &paper.name;
    if *stated != found {
        return Err(format!(
            "what stands under `{paths}` is not what `{name}` approves; ends with {command}, which writes it anew"
        ));
    }
    if *version < least {
        return Err(format!(
            "`{name}` approves what stands under `{paths}` in version {version}, and version {} was accepted before; ends with \
             {command}, which writes version {least}",
            least - 1
        ));
    }
    let signed = vouching(&force.signers, paper, seen);
    if signed.len() < *approvals {
        let lacks = lacks(name, &signed, (*approvals, &force.signers), seen);
        return Err(format!("what stands under `{paths}` takes {approvals} approvals, and `{name}` {lacks}"));
    }
    Ok(Some(Approved { version: *version, content }))
}
