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
use plan::quote::quote;

/// The largest folder, in bytes: it is read before anybody is trusted.
const MAX_FOLDER: u64 = 2 << 20;

/// The largest document, in bytes: five hundred signers. It is read before anybody is trusted.
const MAX_DOCUMENT: usize = 64 << 10;

/// The largest signature, in bytes: one by a hardware key or by RSA has less than two thousand.
const MAX_SIGNATURE: usize = 8 << 10;

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
pub(crate) async fn of<S: Source>(
    source: &S,
    (folder, owner): (&RepoPath, &str),
    commit: &CommitId,
) -> Result<Vec<Paper>, String> {
    match source.bundle(commit, folder, MAX_FOLDER).await {
        Ok(members) => papers(folder, &members).and_then(|papers| ours(papers, owner)),
        Err(ReadError::File { why: Unusable::Missing, .. }) => Ok(Vec::new()),
        Err(error) => Err(format!("what the repository says of who may sign can't be read: {error}")),
    }
}

/// The same documents, none of which is for another installation: what people signed for one holds in no other.
fn ours(papers: Vec<Paper>, owner: &str) -> Result<Vec<Paper>, String> {
    let strange = papers.iter().find_map(|paper| {
        let other = paper.document.owner().filter(|other| *other != owner)?;
        Some(format!("`{}` is for the installation `{}`, and this one is `{owner}`", paper.name, quote(other)))
    });
    strange.map_or(Ok(papers), Err)
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
        if beside.clone().any(|member| member.bytes.len() > MAX_SIGNATURE) {
            return Err(format!("a signature on `{folder}/{name}` has more than {MAX_SIGNATURE} bytes"));
        }
        if beside.clone().count() > MAX_SIGNATURES {
            return Err(format!("`{folder}/{name}` has more than {MAX_SIGNATURES} signatures, which nobody needs"));
        }
        let signatures = beside.map(|member| member.bytes.clone()).collect();
        papers.push(Paper { name: name.clone(), bytes: bytes.clone(), document, signatures });
    }
    Ok(papers)
}

/// Whether a file of this name is a signature on the document of that name: `2.yaml.sig` and `2.yaml.alice.sig` are, and
/// each is one on one document only.
pub(crate) fn vouches(name: &str, document: &str) -> bool {
    let rest = name.strip_prefix(document).and_then(|rest| rest.strip_suffix("sig")?.strip_prefix('.'));
    let one = |whose: &str| !whose.contains('.') && !["yaml", "yml"].contains(&whose);
    rest.is_some_and(|whose| whose.is_empty() || whose.strip_suffix('.').is_some_and(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_on_one_document_by_its_name() {
        for (name, expect) in [
            ("2.yaml.sig", true),
            ("2.yaml.1a2b.sig", true),
            ("2.yaml.yml.1.sig", false),
            ("2.yaml.yml.sig", false),
            ("2.yamlsig", false),
            ("12.yaml.sig", false),
        ] {
            assert_eq!(vouches(name, "2.yaml"), expect, "{name}");
        }
    }

    #[test]
    fn what_is_read_before_anybody_is_trusted_is_bounded() {
        let folder: RepoPath = "trust".parse().unwrap();
        let file = |name: &str, size| Member { name: name.into(), executable: false, bytes: vec![b'#'; size] };
        let check = |members: &[Member], words: &str| {
            let why = papers(&folder, members).unwrap_err();
            assert!(why.contains(words), "{why}");
        };
        check(&[file("1.yaml", MAX_DOCUMENT + 1)], "has 65537 bytes");
        let rules = "apiVersion: holdfast/v1\nkind: Trust\nspec: {version: 1, threshold: 1, signers: [a b c]}\n";
        let rules = Member { bytes: rules.into(), ..file("1.yaml", 0) };
        check(&[rules.clone(), file("1.yaml.a.sig", MAX_SIGNATURE + 1)], "more than 8192 bytes");
        let mut many: Vec<Member> = (0..=MAX_SIGNATURES).map(|n| file(&format!("1.yaml.{n}.sig"), 1)).collect();
        many.push(rules);
        check(&many, "more than 64 signatures");
    }
}
