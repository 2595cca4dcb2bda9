//! `holdfast trust sign` and `holdfast trust approve`: a person vouches for a document about trust, in a folder that is yet to
//! be committed.
//!
//! `ssh-keygen` signs, because keys live where it finds them: in files, agents and hardware. Nothing is asked of an account,
//! and no turn ever runs a program. Not here: what a signature is worth ([`super::signers`]).

use super::{
    papers::{papers, vouches},
    paths::digest,
    signers::{DOCUMENTS, Signers},
};
use crate::{error::CommandError, git::bundle::Member};
use clap::Args;
use manifests::{
    id::{Digest, RepoPath},
    trust::{self, Document, FOLDER, PathApproval, PathPattern},
};
use serde::Serialize;
use ssh_key::SshSig;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// With what, and where.
#[derive(Debug, Args)]
pub struct With {
    /// The key: a private one, or a public one whose other half an SSH agent has
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The repository's folder
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The document, from the repository's folder.
    pub document: String,
    /// What it says, in words.
    pub says: String,
    /// The signature's file.
    pub signature: String,
}

/// Signs a document about trust as it lies there.
///
/// # Errors
/// When it is none, or can't be signed.
pub(crate) fn sign(file: &Path, with: &With) -> Result<Signed, CommandError> {
    let refused = CommandError::Refused;
    let path = with.folder.join(file);
    let bytes = fs::read(&path).map_err(|error| refused(format!("`{}` can't be read: {error}", path.display())))?;
    let place: RepoPath = file
        .to_str()
        .and_then(|text| text.trim_start_matches("./").parse().ok())
        .ok_or_else(|| refused(format!("`{}` is no path from the repository's folder", file.display())))?;
    let document = trust::parse(&place, &bytes)
        .map_err(|problems| refused(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?
        .ok_or_else(|| {
            refused(format!("`{place}` is no document about trust; those are of `kind: Trust` or `PathApproval`"))
        })?;
    if let Document::Rules(rules) = &document {
        Signers::parse(&rules.signers).map_err(|why| refused(format!("`{place}`: of its signers, {why}")))?;
    }
    let armour = signature(&bytes, &with.key).map_err(refused)?;
    let whose = SshSig::from_pem(armour.trim_ascii())
        .map_err(|error| refused(format!("`ssh-keygen` wrote no signature that can be read: {error}")))?;
    let key = whose.public_key().fingerprint(ssh_key::HashAlg::Sha256);
    let name = format!("{place}.{}.sig", Digest::of(key.as_bytes()).short(8));
    write(&with.folder.join(&name), &armour)?;
    let says = match &document {
        Document::Rules(rules) => format!("version {} of who may sign", rules.version),
        Document::Approval(given) => format!("approval {} of `{}`", given.version, given.paths),
    };
    Ok(Signed { document: place.to_string(), says, signature: name })
}

/// Writes down what stands under some paths as approved, unless that is written already, and signs it.
///
/// # Errors
/// When nothing stands there, or it can't be written or signed.
pub(crate) fn approve(paths: &str, inside: Option<&RepoPath>, with: &With) -> Result<Signed, CommandError> {
    let refused = CommandError::Refused;
    let paths = PathPattern::new(paths).map_err(refused)?;
    let unread = |error: io::Error| refused(format!("`{}` can't be read: {error}", with.folder.display()));
    let stem = paths.file().or_else(|| paths.folder());
    let files = stem.map_or(Ok(Vec::new()), |stem| files(&with.folder, stem.as_str())).map_err(unread)?;
    let content = digest(&paths, &files)
        .ok_or_else(|| refused(format!("nothing stands under `{paths}` in `{}`", with.folder.display())))?;
    let folder = inside.map_or_else(|| FOLDER.to_owned(), |inside| format!("{inside}/{FOLDER}"));
    let place: RepoPath = folder.parse().map_err(|error: manifests::id::Malformed| refused(error.to_string()))?;
    let beside = files_of(&with.folder, &place).map_err(unread)?;
    let known = papers(&place, &beside).map_err(refused)?.into_iter().filter_map(|paper| match paper.document {
        Document::Approval(given) if given.paths == paths => Some((paper.name, given)),
        Document::Approval(_) | Document::Rules(_) => None,
    });
    let known = known.max_by_key(|(_, given)| given.version);
    let name = known.as_ref().map_or_else(|| format!("approve-{}.yaml", slug(&paths)), |(name, _)| name.clone());
    let document = format!("{place}/{name}");
    if known.as_ref().is_none_or(|(_, given)| given.content != content) {
        let version = known.map_or(1, |(_, given)| given.version.saturating_add(1));
        fs::create_dir_all(with.folder.join(place.as_str())).map_err(unread)?;
        write(&with.folder.join(&document), text(&PathApproval { paths, version, content }).as_bytes())?;
        // What vouched for the version before vouches for nothing now.
        for stale in beside.iter().filter(|member| vouches(&member.name, &name)) {
            fs::remove_file(with.folder.join(place.as_str()).join(&stale.name)).map_err(unread)?;
        }
    }
    sign(Path::new(&document), with)
}

fn text(given: &PathApproval) -> String {
    let PathApproval { paths, version, content } = given;
    format!(
        "apiVersion: holdfast/v1\nkind: PathApproval\nspec:\n  paths: \"{paths}\"\n  version: {version}\n  content: \
         \"{content}\"\n"
    )
}

fn slug(paths: &PathPattern) -> String {
    let text: String = paths.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    text.trim_matches('-').to_lowercase()
}

/// The files of one folder, as a commit would have them.
fn files_of(root: &Path, folder: &RepoPath) -> io::Result<Vec<Member>> {
    let prefix = format!("{folder}/");
    let named = |(path, bytes): (RepoPath, Vec<u8>)| {
        let name = path.as_str().strip_prefix(&prefix)?.to_owned();
        Some(Member { name, executable: false, bytes })
    };
    Ok(files(root, folder.as_str())?.into_iter().filter_map(named).collect())
}

/// Every file at or below a path; none where there is nothing. Links are not followed.
fn files(root: &Path, at: &str) -> io::Result<Vec<(RepoPath, Vec<u8>)>> {
    let (mut all, mut left) = (Vec::new(), vec![at.to_owned()]);
    while let Some(name) = left.pop() {
        let path = root.join(&name);
        let Ok(found) = path.symlink_metadata() else { continue };
        if found.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.extend(entry?.file_name().to_str().map(|inner| format!("{name}/{inner}")));
            }
        } else if let (true, Ok(place)) = (found.is_file(), name.parse()) {
            all.push((place, fs::read(&path)?));
        }
    }
    Ok(all)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    fs::write(path, bytes)
        .map_err(|error| CommandError::Refused(format!("`{}` can't be written: {error}", path.display())))
}

/// What `ssh-keygen` makes of the bytes; it asks for a passphrase or a touch by itself.
fn signature(bytes: &[u8], key: &Path) -> Result<Vec<u8>, String> {
    use io::Write as _;
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "sign", "-n", DOCUMENTS, "-f"]).arg(key).stdin(Stdio::piped()).stdout(Stdio::piped());
    let missing = |error: io::Error| format!("`ssh-keygen` can't be run: {error}; it comes with OpenSSH's client");
    let mut child = command.spawn().map_err(missing)?;
    // Standard input is closed by dropping it.
    let given = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(bytes));
    let done = child.wait_with_output().map_err(missing)?;
    if given.is_ok() && done.status.success() {
        return Ok(done.stdout);
    }
    Err(format!("`ssh-keygen` did not sign with `{}`; what it says stands above", key.display()))
}
