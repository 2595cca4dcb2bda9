//! `holdfast trust sign` and `holdfast trust approve`: a person vouches for a document about trust, in a folder that is yet to
//! be committed.
//!
//! `ssh-keygen` signs, because keys live where it finds them: in files, agents and hardware; and git says which files a commit
//! would have. Nothing is asked of an account,
//! and no turn ever runs a program. Not here: what a signature is worth ([`super::signers`]).

use super::{
    papers::{papers, vouches},
    paths::digest,
    signers::{DOCUMENTS, Signers},
};
use crate::{error::CommandError, git::bundle::Member};
use clap::Args;
use manifests::{
    id::{Digest, Malformed, RepoPath},
    trust::{self, Approvable, Document, FOLDER, PathApproval, PathPattern},
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
    let path = with.folder.join(file);
    let bytes = fs::read(&path).map_err(|error| refused(format!("`{}` can't be read: {error}", path.display())))?;
    let text =
        file.to_str().ok_or_else(|| refused(format!("`{}` is no path that a manifest could say", file.display())))?;
    let place: RepoPath = text.trim_start_matches("./").parse().map_err(|error: Malformed| {
        refused(format!("{error}; say it as it lies in the repository's folder, such as `{FOLDER}/1.yaml`"))
    })?;
    put(vouch(&place, &bytes, with)?, with)
}

/// Signs these bytes of a document; nothing is written before there is a signature.
fn vouch(place: &RepoPath, bytes: &[u8], with: &With) -> Result<(Signed, Vec<u8>), CommandError> {
    let document = trust::parse(place, bytes)
        .map_err(|problems| refused(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?
        .ok_or_else(|| {
            refused(format!("`{place}` is no document about trust; those are of `kind: Trust` or `PathApproval`"))
        })?;
    if let Document::Rules(rules) = &document {
        Signers::parse(&rules.signers).map_err(|why| refused(format!("`{place}`: of its signers, {why}")))?;
    }
    let armour = signature(bytes, &with.key).map_err(refused)?;
    let whose = SshSig::from_pem(armour.trim_ascii())
        .map_err(|error| refused(format!("`ssh-keygen` wrote no signature that can be read: {error}")))?;
    let key = whose.public_key().fingerprint(ssh_key::HashAlg::Sha256);
    let signature = format!("{place}.{}.sig", Digest::of(key.as_bytes()).short(8));
    let says = match &document {
        Document::Rules(rules) => format!("version {} of who may sign", rules.version),
        Document::Approval(given) => format!("approval {} of `{}`", given.version, given.paths),
    };
    Ok((Signed { document: place.to_string(), says, signature }, armour))
}

/// Puts a signature beside its document.
fn put((signed, armour): (Signed, Vec<u8>), with: &With) -> Result<Signed, CommandError> {
    write(&with.folder.join(&signed.signature), &armour)?;
    Ok(signed)
}

/// Writes down what stands under some paths as approved, unless that is written already, and signs it.
///
/// # Errors
/// When nothing ever stood there, or it can't be written or signed.
pub(crate) fn approve(paths: &str, inside: Option<&RepoPath>, with: &With) -> Result<Signed, CommandError> {
    let paths = PathPattern::new(paths).map_err(refused)?;
    let unread = |error: io::Error| refused(format!("`{}` can't be read: {error}", with.folder.display()));
    let stem = paths.file().or_else(|| paths.folder());
    let files = stem.map_or(Ok(Vec::new()), |stem| files(&with.folder, stem.as_str())).map_err(unread)?;
    let content = digest(&paths, files.into_iter().map(|(file, _)| file).collect());
    let folder = inside.map_or_else(|| FOLDER.to_owned(), |inside| format!("{inside}/{FOLDER}"));
    let place: RepoPath = folder.parse().map_err(|error: Malformed| refused(error.to_string()))?;
    let beside = members(&with.folder, &place).map_err(unread)?;
    let known = papers(&place, &beside).map_err(refused)?.into_iter().filter_map(|paper| match paper.document {
        Document::Approval(given) if given.paths == paths => Some((paper.name, paper.bytes, given)),
        Document::Approval(_) | Document::Rules(_) => None,
    });
    let known = known.max_by_key(|(_, _, given)| given.version);
    let name = known.as_ref().map_or_else(|| format!("approve-{}.yaml", slug(&paths)), |(name, ..)| name.clone());
    let document: RepoPath =
        format!("{place}/{name}").parse().map_err(|error: Malformed| refused(error.to_string()))?;
    match known {
        Some((_, bytes, given)) if given.content == content => put(vouch(&document, &bytes, with)?, with),
        None if content == trust::content(Vec::new()) => Err(refused(format!(
            "nothing stands under `{paths}` in `{}`; everything below a folder is `folder/**`",
            with.folder.display()
        ))),
        known => {
            let owner = known.as_ref().and_then(|(_, _, given)| given.owner.clone());
            let version = known.map_or(1, |(_, _, given)| given.version.saturating_add(1));
            let bytes = text(&PathApproval { owner, paths, version, content });
            let vouched = vouch(&document, bytes.as_bytes(), with)?;
            fs::create_dir_all(with.folder.join(place.as_str())).map_err(unread)?;
            write(&with.folder.join(document.as_str()), bytes.as_bytes())?;
            // What vouched for the version before vouches for nothing now.
            for stale in beside.iter().filter(|member| vouches(&member.name, &name)) {
                fs::remove_file(with.folder.join(place.as_str()).join(&stale.name)).map_err(unread)?;
            }
            put(vouched, with)
        }
    }
}

fn refused(why: String) -> CommandError {
    CommandError::Refused(why)
}

fn text(given: &PathApproval) -> String {
    let PathApproval { owner, paths, version, content } = given;
    let owner = owner.as_ref().map(|owner| format!("  owner: {}\n", serde_json::Value::from(owner.as_str())));
    let owner = owner.unwrap_or_default();
    format!(
        "apiVersion: holdfast/v1\nkind: PathApproval\nspec:\n{owner}  paths: \"{paths}\"\n  version: {version}\n  content: \
         \"{content}\"\n"
    )
}

fn slug(paths: &PathPattern) -> String {
    let text: String = paths.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    text.trim_matches('-').to_lowercase()
}

/// The files of one folder, as a commit would have them.
fn members(root: &Path, folder: &RepoPath) -> io::Result<Vec<Member>> {
    let prefix = format!("{folder}/");
    let named = |(file, bytes): (Approvable, Vec<u8>)| {
        let name = file.path.as_str().strip_prefix(&prefix)?.to_owned();
        Some(Member { name, executable: file.executable, bytes })
    };
    Ok(files(root, folder.as_str())?.into_iter().filter_map(named).collect())
}

/// Every file at or below a path that a commit of everything would have; none where there is nothing.
fn files(root: &Path, at: &str) -> io::Result<Vec<(Approvable, Vec<u8>)>> {
    let mut all = Vec::new();
    for name in names(root, at)? {
        let path = root.join(&name);
        // What was deleted is still listed, and what is no file the agent refuses by name.
        let Ok(found) = path.symlink_metadata() else { continue };
        if let (true, Ok(place)) = (found.is_file(), name.parse()) {
            let bytes = fs::read(&path)?;
            all.push((
                Approvable { path: place, executable: is_executable(&found), digest: Digest::of(&bytes) },
                bytes,
            ));
        }
    }
    Ok(all)
}

/// What git knows or would take of a path: what it ignores is in no commit.
fn names(root: &Path, at: &str) -> io::Result<Vec<String>> {
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", at]);
    let listed = git.env("GIT_LITERAL_PATHSPECS", "1").output()?;
    if !listed.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&listed.stderr).trim().to_owned()));
    }
    let mut names: Vec<String> =
        listed.stdout.split(|byte| *byte == 0).filter_map(|name| Some(str::from_utf8(name).ok()?.to_owned())).collect();
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    Ok(names)
}

#[cfg(unix)]
fn is_executable(found: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    fs::write(path, bytes)
        .map_err(|error| CommandError::Refused(format!("`{}` can't be written: {error}", path.display())))
}

/// What `ssh-keygen` makes of the bytes; it asks for a passphrase or a touch by itself.
fn signature(bytes: &[u8], key: &Path) -> Result<Vec<u8>, String> {
    use io::Write as _;
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-Y", "sign", "-n", DOCUMENTS, "-f"]).arg(key).stdin(Stdio::piped()).stdout(Stdio::piped());
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
