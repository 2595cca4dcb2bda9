//! Which crates are really in a program: what cargo's own resolver links into it for this target, with its features.
//!
//! `cargo tree` is asked and not `cargo metadata`, which counts in what only tests or other members switch on. The lock file
//! adds the digests, and metadata only where a crate's files lie.
//!
//! Not here: build scripts and procedural macros. They run while a program is built and are not in it.

use super::{
    build::{BuildError, Place, cargo, said},
    target::Target,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

/// A crate's name and version.
pub(crate) type Id = (String, String);

/// What is known of a crate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Crate {
    /// Its licence, in SPDX's words.
    pub(crate) licence: String,
    /// Its features that are switched on.
    pub(crate) features: Vec<String>,
    /// What it is built on.
    pub(crate) needs: BTreeSet<Id>,
    /// The SHA-256 of its archive at the registry; our own crates have none.
    pub(crate) checksum: Option<String>,
    /// Where its files are.
    pub(crate) folder: Option<PathBuf>,
}

/// Crates by name and version.
pub(crate) type Crates = BTreeMap<Id, Crate>;

/// The crates of both programs.
pub(crate) fn crates(place: &Place, target: &Target) -> Result<Crates, BuildError> {
    let mut tree = Command::new(cargo());
    tree.args(["tree", "--locked", "-p", "agent", "-p", "hub", "--target", &target.triple]);
    tree.args([
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "depth",
        "--charset",
        "ascii",
        "--format",
        "|{p}|{l}|{f}",
    ]);
    let mut crates = graph(&said(tree.current_dir(&place.root), "does Cargo.lock stand as the manifests have it?")?);

    let lock = place.root.join("Cargo.lock");
    let lock = fs::read_to_string(&lock).map_err(|why| BuildError::File { path: lock, why })?;
    for (id, checksum) in checksums(&lock) {
        if let Some(found) = crates.get_mut(&id) {
            found.checksum = Some(checksum);
        }
    }

    let mut metadata = Command::new(cargo());
    metadata.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", &target.triple]);
    let metadata = said(metadata.current_dir(&place.root), "can the crates be fetched?")?;
    let metadata = serde_json::from_str::<Value>(&metadata)
        .map_err(|why| BuildError::Said { program: "cargo metadata".into(), said: why.to_string() })?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        if let Some(found) = crates.get_mut(&(text("name"), text("version"))) {
            found.folder = PathBuf::from(text("manifest_path")).parent().map(Into::into);
        }
    }
    Ok(crates)
}

/// What `cargo tree` printed: a depth, then `name vVERSION …`, a licence, features. What was printed before ends in `(*)` and
/// has nothing below it.
fn graph(printed: &str) -> Crates {
    let (mut crates, mut way) = (Crates::new(), Vec::<Id>::new());
    for line in printed.lines() {
        let mut parts = line.split('|');
        let mut part = || parts.next().unwrap_or_default();
        let (depth, package, licence, features) = (part(), part(), part(), part());
        let mut words = package.split(' ');
        let (Ok(depth), Some(name), Some(version)) = (depth.parse::<usize>(), words.next(), words.next()) else {
            continue;
        };
        let id = (name.to_owned(), version.trim_start_matches('v').to_owned());
        way.truncate(depth);
        if let Some(above) = way.last().and_then(|above| crates.get_mut(above)) {
            above.needs.insert(id.clone());
        }
        let found = crates.entry(id.clone()).or_default();
        found.licence = spdx(licence);
        let features = features.trim_end_matches("(*)").split(',').map(|feature| feature.trim().to_owned());
        found.features = features.filter(|feature| !feature.is_empty()).collect();
        way.push(id);
    }
    crates
}

/// A licence as SPDX has it now; older crates write a slash for "or".
fn spdx(licence: &str) -> String {
    licence.trim_end_matches("(*)").split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

/// The digests that a lock file has.
fn checksums(lock: &str) -> Vec<(Id, String)> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")))?;
        line.strip_suffix('"').map(ToOwned::to_owned)
    };
    let blocks = lock.split("[[package]]").skip(1);
    let of = |block| Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?));
    blocks.filter_map(of).collect()
}

/// What one crate is built on, all the way down, itself included.
pub(crate) fn below(crates: &Crates, root: &str) -> Crates {
    let mut found = Crates::new();
    let mut ahead: Vec<&Id> = crates.keys().filter(|(name, _)| name == root).collect();
    while let Some(id) = ahead.pop() {
        if let Some(of) = crates.get(id)
            && found.insert(id.clone(), of.clone()).is_none()
        {
            ahead.extend(&of.needs);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
0|agent v0.1.0 (/w/agent)|Apache-2.0|
1|left v1.2.0|MIT/Apache-2.0|alloc,std
2|deep v0.3.0+x|ISC|
1|right v2.0.0|MIT|
2|left v1.2.0|MIT/Apache-2.0|alloc,std (*)

0|hub v0.1.0 (/w/hub)|Apache-2.0|
1|deep v0.3.0+x|ISC|
";

    fn id(name: &str, version: &str) -> Id {
        (name.into(), version.into())
    }

    #[test]
    fn a_printed_tree_is_a_graph_again() {
        let crates = graph(PRINTED);
        assert_eq!(crates.len(), 5);
        let left = &crates[&id("left", "1.2.0")];
        assert_eq!((left.licence.as_str(), left.features.join(" ").as_str()), ("MIT OR Apache-2.0", "alloc std"));
        assert_eq!(left.needs, [id("deep", "0.3.0+x")].into());
        assert_eq!(crates[&id("right", "2.0.0")].needs, [id("left", "1.2.0")].into());
        assert_eq!(crates[&id("agent", "0.1.0")].needs, [id("left", "1.2.0"), id("right", "2.0.0")].into());
        let hub: Vec<_> = below(&crates, "hub").into_keys().map(|(name, _)| name).collect();
        assert_eq!(hub, ["deep", "hub"]);
    }

    #[test]
    fn digests_come_from_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"agent\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"left\"\n\
                    version = \"1.2.0\"\nsource = \"r\"\nchecksum = \"ab\"\n";
        assert_eq!(checksums(lock), [(id("left", "1.2.0"), "ab".to_owned())]);
    }
}
