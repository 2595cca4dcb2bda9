//! The repository's own documents about trust, as they lie in a commit: each with the signatures on it.
//!
//! A signature is a file beside the document, whose name begins with the document's and ends with `.sig`: what
//! `ssh-keygen -Y sign -n holdfast` writes. Not here: whether any of it is good ([`super::chain`]).

use crate::git::{
    Source,
    bundle::Member,
    error::{ReadError, Unusable},
};
use manifests::{
    id::{CommitId, RepoPath},
    trust::{self, Document},
};

/// The largest document, in bytes: five hundred signers. It is read before anybody is trusted.
const MAX_DOCUMENT: usize = 64 << 10;

/// The most signatures on one: each is checked before anybody is trusted.
const MAX_SIGNATURES: usize = 64;

/// One document, and what was put beside it to vouch for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paper {
    /// Where it lies, inside the folder.
    pub(crate) name: String,
    /// What was signed.
    pub(crate) bytes: Vec<u8>,
    /// What it says.
    pub(crate) document: Document,
    /// The signatures, armoured.
    pub(crate) signatures: Vec<Vec<u8>>,
}

/// The documents of a commit; none where there is no such folder.
///
/// # Errors
/// When one can't be read: half a rule is no rule.
pub(crate) async fn of<S: Source>(source: &S, folder: &RepoPath, commit: &CommitId) -> Result<Vec<Paper>, String> {
    match source.bundle(commit, folder).await {
        Ok(members) => papers(folder, &members),
        Err(ReadError::File { why: Unusable::Missing, .. }) => Ok(Vec::new()),
        Err(error) => Err(format!("what the repository says of who may sign can't be read: {error}")),
    }
}

/// Documents and signatures out of the files of the folder; what is neither is nobody's.
pub(crate) fn papers(folder: &RepoPath, members: &[Member]) -> Result<Vec<Paper>, String> {
    let mut papers = Vec::new();
    for Member { name, bytes, .. } in members {
        if name.contains('/') || ![".yaml", ".yml"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        if bytes.len() > MAX_DOCUMENT {
            return Err(format!("`{folder}/{name}` has {} bytes, at most {MAX_DOCUMENT} are read", bytes.len()));
        }
        let place = format!("{folder}/{name}").parse().map_err(|error: manifests::id::Malformed| error.to_string())?;
        let read = trust::parse(&place, bytes);
        let wrong = |problems: Vec<_>| problems.first().map_or_else(String::new, ToString::to_string);
        let Some(document) = read.map_err(wrong)? else { continue };
        let beside = members.iter().filter(|member| vouches(&member.name, name));
        if beside.clone().count() > MAX_SIGNATURES {
            return Err(format!("`{folder}/{name}` has more than {MAX_SIGNATURES} signatures, which nobody needs"));
        }
        let signatures = beside.map(|member| member.bytes.clone()).collect();
        papers.push(Paper { name: name.clone(), bytes: bytes.clone(), document, signatures });
    }
    Ok(papers)
}

/// Whether a file of this name is a signature on the document of that name.
pub(crate) fn vouches(name: &str, document: &str) -> bool {
    name.strip_prefix(document).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".sig"))
}
