//! `cargo x dist`: the packages of a release, made from one commit, the same wherever they are made.
//!
//! In the order in which it goes: what was said ([`options`]), static programs ([`build`], [`elf`]), what is in them
//! ([`crates`], [`sbom`], [`papers`]), what is in each package ([`contents`]), and the forms of packages, which are pure
//! functions from trees to bytes ([`tar`], [`gzip`], [`zip`], [`ar`], [`deb`], [`oci`]).
//!
//! Not here: signing and publishing.

mod options;
mod build;
mod elf;
mod crates;
mod sbom;
mod papers;
mod contents;
mod target;
mod tree;
mod tar;
mod gzip;
mod zip;
mod ar;
mod deb;
mod oci;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod lifecycle;

pub(crate) use options::{Options, USAGE};

use build::{BuildError, PROGRAMS, Place, cargo, said};
use contents::Release;
use elf::NotStatic;
use jiff::Timestamp;
use manifests::id::Digest;
use papers::papers;
use serde_json::json;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
};
use tar::TooLong;
use target::Target;

/// Why there are no packages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    TooLong(#[from] TooLong),
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: io::Error },
    #[error("{} can't be shipped: {why}\nhint: `cargo x dist` without `--binaries` builds static ones", path.display())]
    Program { path: PathBuf, why: NotStatic },
    #[error(
        "when this commit was made is not known, and packages carry that time\nhint: run it in a git clone, or set SOURCE_DATE_EPOCH to seconds since 1970"
    )]
    Time,
    #[error("there are changes that no commit has, so a clone would be something else\nhint: commit or stash them")]
    Dirty,
    #[error("not reproducible: of two builds, these files differ: {}", .0.join(", "))]
    Differs(Vec<String>),
}

/// A file that was made.
#[derive(Debug)]
struct Made {
    name: String,
    size: usize,
    digest: Digest,
}

/// Makes what was asked for, and says what it made.
pub(crate) fn run(options: &Options) -> Result<String, Error> {
    let place = place()?;
    let out = options.out.clone().unwrap_or_else(|| place.target.join("dist"));
    if options.twice {
        return twice(&place, options, &out);
    }
    let made = make(&place, options, &out)?;
    Ok(if options.json { as_json(&out, &made) } else { as_table(&out, &made) })
}

fn make(place: &Place, options: &Options, out: &Path) -> Result<Vec<Made>, Error> {
    let mut packages = Vec::new();
    for target in &options.targets {
        let paths = match &options.binaries {
            Some(folder) => PROGRAMS.map(|name| folder.join(name)),
            None => build::build(place, target)?,
        };
        let programs = paths.map(|path| read(&path).map(|bytes| (path, bytes)));
        let [agent, hub] = programs;
        let programs = [agent?, hub?];
        for (path, bytes) in &programs {
            elf::check(bytes, target.machine).map_err(|why| Error::Program { path: path.clone(), why })?;
        }
        packages.extend(packed(place, target, programs.map(|(_, bytes)| bytes.into()))?);
    }
    let mut made: Vec<Made> = Vec::new();
    for (name, bytes) in &packages {
        write(&out.join(name), bytes)?;
        made.push(Made { name: name.clone(), size: bytes.len(), digest: Digest::of(bytes) });
    }
    made.sort_by(|one, other| one.name.cmp(&other.name));
    let sums: String = made.iter().map(|Made { name, digest, .. }| format!("{digest}  {name}\n")).collect();
    write(&out.join("SHA256SUMS"), sums.as_bytes())?;
    made.push(Made { name: "SHA256SUMS".into(), size: sums.len(), digest: Digest::of(sums.as_bytes()) });
    Ok(made)
}

/// The packages of one target.
fn packed(place: &Place, target: &Target, programs: [Rc<[u8]>; 2]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let version = env!("CARGO_PKG_VERSION");
    let seconds = i64::try_from(place.time).ok().and_then(|time| Timestamp::from_second(time).ok());
    let created = seconds.ok_or(Error::Time)?.to_string();
    let papers = papers(place, target, &programs, version, &created)?;
    let revision = git(&place.root, &["rev-parse", "HEAD"]);
    let (machine, revision) = (target.machine, revision.as_deref());
    Ok(Release { machine, version, revision, time: (place.time, &created), programs, papers }.packages()?)
}

fn place() -> Result<Place, Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = folder.canonicalize().map_err(|why| Error::File { path: folder, why })?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let said = env::var("SOURCE_DATE_EPOCH").ok();
    let time = said.or_else(|| git(&root, &["log", "-1", "--format=%ct"]));
    let time = time.and_then(|time| time.trim().parse().ok()).ok_or(Error::Time)?;
    Ok(Place { target: root.join(target), root, time })
}

/// What git says, if it is there and knows.
fn git(root: &Path, words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).current_dir(root).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Makes everything here and in a clone elsewhere, and compares.
fn twice(place: &Place, options: &Options, out: &Path) -> Result<String, Error> {
    if git(&place.root, &["status", "--porcelain"]).is_none_or(|changes| !changes.is_empty()) {
        return Err(Error::Dirty);
    }
    let made = make(place, options, out)?;
    let folder = place.target.join("dist-again");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|why| Error::File { path: folder.clone(), why })?;
    }
    let (clone, again) = (folder.join("a/folder/of/another/length"), folder.join("out"));
    let mut copy = Command::new("git");
    copy.args(["clone", "--quiet"]).arg(&place.root).arg(&clone);
    said(&mut copy, "is git there?")?;
    let mut build = Command::new(cargo());
    build.args(["run", "--quiet", "--locked", "--bin", "packaging", "--", "dist", "--out"]).arg(&again);
    build.args(options.targets.iter().flat_map(|target| ["--target", &target.triple]));
    build.current_dir(&clone).env_remove("CARGO_TARGET_DIR").env("SOURCE_DATE_EPOCH", place.time.to_string());
    said(&mut build, "the commit builds here, and not in a clone of it")?;

    let mut differ = Vec::new();
    for Made { name, digest, .. } in &made {
        if Digest::of(&read(&again.join(name))?) != *digest {
            differ.push(name.clone());
        }
    }
    if !differ.is_empty() {
        return Err(Error::Differs(differ));
    }
    fs::remove_dir_all(&folder).map_err(|why| Error::File { path: folder, why })?;
    let told = if options.json { as_json(out, &made) } else { as_table(out, &made) };
    Ok(if options.json { told } else { format!("{told}\ntwo builds in two folders: the same bytes\n") })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|why| Error::File { path: path.to_owned(), why })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(path, bytes)).map_err(|why| Error::File { path: path.to_owned(), why })
}

fn as_table(out: &Path, made: &[Made]) -> String {
    let width = made.iter().map(|made| made.name.len()).max().unwrap_or_default();
    let mut table = format!("{:width$}  {:>10}  SHA256\n", "FILE", "SIZE");
    for Made { name, size, digest } in made {
        table.push_str(&format!("{name:width$}  {size:>10}  {}\n", digest.short(16)));
    }
    format!("{table}\nin {}\n", out.display())
}

fn as_json(out: &Path, made: &[Made]) -> String {
    let files = made
        .iter()
        .map(|Made { name, size, digest }| json!({ "name": name, "size": size, "sha256": digest.to_string() }));
    format!("{:#}\n", json!({ "folder": out.to_string_lossy(), "files": files.collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_for_people_and_json_for_machines() {
        let made = [Made { name: "a.deb".into(), size: 12_345, digest: Digest::of(b"a") }];
        assert_eq!(
            as_table("out".as_ref(), &made),
            "FILE         SIZE  SHA256\na.deb       12345  ca978112ca1bbdca\n\nin out\n"
        );
        let json: serde_json::Value = serde_json::from_str(&as_json("out".as_ref(), &made)).unwrap();
        assert_eq!(json["files"][0]["sha256"], Digest::of(b"a").to_string());
    }

    #[test]
    fn a_program_that_is_not_static_is_not_shipped() {
        let folder = tempfile::tempdir().unwrap();
        for name in PROGRAMS {
            fs::copy(env::current_exe().unwrap(), folder.path().join(name)).unwrap();
        }
        let words = ["--binaries", folder.path().to_str().unwrap(), "--out", folder.path().to_str().unwrap()];
        let refused = run(&Options::read(&words).unwrap()).unwrap_err().to_string();
        let why = if cfg!(target_arch = "x86_64") { "it is not static" } else { "it is for another processor" };
        assert!(refused.contains("holdfast can't be shipped: ") && refused.contains(why), "{refused}");
        assert!(!folder.path().join("SHA256SUMS").exists());
    }
}
