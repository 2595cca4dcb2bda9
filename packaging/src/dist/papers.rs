//! The papers of a release: what each program is made of, and the licences of others that have to go with it.
//!
//! Not here: what a component is ([`super::sbom`]), and legal advice. The texts are those that the crates themselves carry.

use super::{
    build::{BuildError, PROGRAMS, Place, cc, said},
    crates::{Crates, below, crates},
    sbom::{Foreign, Subject, sbom},
    target::Target,
};
use manifests::id::Digest;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    process::Command,
    rc::Rc,
};

/// The crates that the programs are built from, in their order.
const ROOTS: [&str; 2] = ["agent", "hub"];

/// What goes with the programs.
#[derive(Debug)]
pub(crate) struct Papers {
    /// What each program is made of, in their order.
    pub(crate) sboms: [Rc<[u8]>; 2],
    /// The licences of everybody's crates.
    pub(crate) notices: Rc<[u8]>,
}

/// The papers of these programs.
pub(crate) fn papers(
    place: &Place,
    target: &Target,
    programs: &[Rc<[u8]>; 2],
    version: &str,
    created: &str,
) -> Result<Papers, BuildError> {
    let all = crates(place, target)?;
    let foreign = foreign(place, target, &all)?;
    let of = |index: usize| {
        let (name, root, digest) = (PROGRAMS[index], ROOTS[index], Digest::of(&programs[index]));
        sbom(&Subject { name, version, root, digest, created }, &below(&all, root), &foreign).into()
    };
    Ok(Papers { sboms: [of(0), of(1)], notices: notices(&all)?.into_bytes().into() })
}

/// What is in the programs and is no crate.
fn foreign(place: &Place, target: &Target, all: &Crates) -> Result<Vec<Foreign>, BuildError> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let rust = said(Command::new(rustc).arg("--version").current_dir(&place.root), "is Rust installed?")?;
    let rust = rust.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut found = vec![Foreign { name: "rust-std", version: rust, licence: "MIT OR Apache-2.0", by: None }];
    if target.is_glibc() {
        let mut macros = Command::new(cc(target));
        macros.args(["-E", "-dM", "-include", "features.h", "-x", "c", "/dev/null"]);
        let macros = said(&mut macros, "are the C library's headers there?")?;
        let version = [defined(&macros, "__GLIBC__"), defined(&macros, "__GLIBC_MINOR__")].join(".");
        found.push(Foreign { name: "glibc", version, licence: "LGPL-2.1-or-later", by: None });
    }
    let by = "libsqlite3-sys";
    let folder = all.iter().find(|((name, _), _)| name == by).and_then(|(_, one)| one.folder.as_deref());
    if let Some(header) = folder.map(|folder| folder.join("sqlite3/sqlite3.h")) {
        let text = read(&header)?;
        let version = defined(&text, "SQLITE_VERSION").trim_matches('"').to_owned();
        found.push(Foreign { name: "sqlite", version, licence: "blessing", by: Some(by) });
    }
    Ok(found)
}

/// What a C header defines a name as.
fn defined<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("#define ")?.strip_prefix(name));
    lines.find(|rest| rest.starts_with(' ')).unwrap_or_default().trim()
}

/// Every licence text once, with the crates that carry it.
fn notices(all: &Crates) -> Result<String, BuildError> {
    let mut texts = BTreeMap::<String, BTreeSet<String>>::new();
    let mut bare = BTreeSet::new();
    // Our own crates have no digest, and their licence lies beside this paper.
    for ((name, version), one) in all.iter().filter(|(_, one)| one.checksum.is_some()) {
        let carried = one.folder.as_deref().map(carried).transpose()?.unwrap_or_default();
        if carried.is_empty() {
            bare.insert(format!("{name} {version} ({})", one.licence));
        }
        for text in carried {
            texts.entry(text).or_default().insert(format!("{name} {version}"));
        }
    }
    let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let rule = "=".repeat(100);
    let mut paper = "Crates of others that are in Holdfast's programs, and the licences that they carry.\n".to_owned();
    paper.push_str(&format!("\nWithout a text of their own: {}.\n", list(&bare)));
    for (text, names) in &texts {
        paper.push_str(&format!("\n{rule}\n{}\n{rule}\n\n{}\n", list(names), text.trim_end()));
    }
    Ok(paper)
}

/// The licence texts that a crate carries.
fn carried(folder: &Path) -> Result<Vec<String>, BuildError> {
    let entries = fs::read_dir(folder).map_err(|why| BuildError::File { path: folder.to_owned(), why })?;
    let is_paper = |name: &str| {
        let name = name.to_ascii_uppercase();
        ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"]
            .iter()
            .any(|begin| name.starts_with(begin))
    };
    let entries = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_file());
    let mut papers: Vec<_> =
        entries.filter(|path| path.file_name().is_some_and(|name| is_paper(&name.to_string_lossy()))).collect();
    papers.sort();
    papers.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<String, BuildError> {
    let bytes = fs::read(path).map_err(|why| BuildError::File { path: path.to_owned(), why })?;
    Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::crates::Crate;

    #[test]
    fn a_licence_is_there_once_with_everybody_who_carries_it() {
        let folder = tempfile::tempdir().unwrap();
        let one = |name: &str, text: Option<&str>| {
            let folder = folder.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("README.md"), "not a licence").unwrap();
            if let Some(text) = text {
                fs::write(folder.join("LICENSE-MIT"), text).unwrap();
            }
            let (licence, checksum) = ("MIT".into(), Some(String::new()));
            (
                (name.to_owned(), "1.0.0".to_owned()),
                Crate { licence, checksum, folder: Some(folder), ..Crate::default() },
            )
        };
        let all =
            Crates::from([one("left", Some("Be free.\r\n")), one("right", Some("Be free.\n")), one("bare", None)]);
        let paper = notices(&all).unwrap();
        assert!(paper.contains("\nleft 1.0.0, right 1.0.0\n"), "{paper}");
        assert_eq!(paper.matches("Be free.").count(), 1);
        assert!(paper.contains("Without a text of their own: bare 1.0.0 (MIT).") && !paper.contains("not a licence"));
    }

    #[test]
    fn a_name_that_only_begins_so_is_another() {
        let text = "#define __GLIBC_MINOR__ 36\n#define __GLIBC__ 2\n#define SQLITE_VERSION \"3.51.0\"\n";
        assert_eq!((defined(text, "__GLIBC__"), defined(text, "__GLIBC_MINOR__")), ("2", "36"));
        assert_eq!((defined(text, "SQLITE_VERSION"), defined(text, "SQLITE")), ("\"3.51.0\"", ""));
    }
}
