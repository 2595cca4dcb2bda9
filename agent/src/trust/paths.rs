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
    id::{CommitId, Digest, RepoPath},
    trust::{Document, PathApproval, PathPattern, PathRule, content},
};
use plan::memory::Approved;
use std::collections::BTreeMap;

/// The largest file that a rule may name.
const MAX_BYTES: u64 = 16 << 20;

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
    let mut all = BTreeMap::new();
    for rule in &force.paths {
        let found = standing(source, commit, &rule.paths).await?;
        let known = known.get(&rule.paths.to_string());
        all.extend(judge(rule, &found, (force, papers), known, seen)?.map(|fresh| (rule.paths.to_string(), fresh)));
    }
    Ok(all)
}

/// What stands under the paths; nothing, if there is no such file.
async fn standing<S: Source>(source: &S, commit: &CommitId, paths: &PathPattern) -> Result<Option<Digest>, String> {
    let read = match (paths.file(), paths.folder()) {
        (Some(file), _) => {
            let bytes = source.blob(commit, &file, MAX_BYTES).await;
            bytes.map(|bytes| vec![(file, bytes)])
        }
        (None, Some(folder)) => {
            let members = source.bundle(commit, &folder).await;
            let named = |Member { name, bytes, .. }| Some((format!("{folder}/{name}").parse().ok()?, bytes));
            members.map(|members| members.into_iter().filter_map(named).collect())
        }
        (None, None) => return Ok(None),
    };
    match read {
        Ok(files) => Ok(digest(paths, &files)),
        Err(ReadError::File { why: Unusable::Missing, .. }) => Ok(None),
        Err(error) => Err(format!("what stands under `{paths}` can't be read: {error}")),
    }
}

/// The digest of those of these files that are meant; `None` when none is.
pub(crate) fn digest(paths: &PathPattern, files: &[(RepoPath, Vec<u8>)]) -> Option<Digest> {
    let meant: Vec<(&RepoPath, &[u8])> =
        files.iter().filter(|(path, _)| paths.fits(path)).map(|(path, bytes)| (path, bytes.as_slice())).collect();
    (!meant.is_empty()).then(|| content(meant.into_iter()))
}

/// Whether a rule is kept, and what is remembered of it.
fn judge(
    rule: &PathRule,
    found: &Option<Digest>,
    (force, papers): (&Force, &[Paper]),
    known: Option<&Approved>,
    seen: Timestamp,
) -> Result<Option<Approved>, String> {
    let PathRule { paths, approvals } = rule;
    let content = found.map(|digest| digest.short(32)).unwrap_or_default();
    match known {
        Some(known) if known.content == content => return Ok(Some(known.clone())),
        None if found.is_none() => return Ok(None),
        Some(_) | None => {}
    }
    let least = known.map_or(1, |known| known.version + 1);
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
    if Some(*stated) != *found {
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
        let lacks = lacks(name, &signed, *approvals, &force.signers);
        return Err(format!("what stands under `{paths}` takes {approvals} approvals, and `{name}` {lacks}"));
    }
    Ok(Some(Approved { version: *version, content }))
}
