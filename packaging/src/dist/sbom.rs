//! What a program is made of, as a CycloneDX 1.6 document: its crates with their features and digests, who needs whom,
//! and what is in it that is no crate (Rust's standard library, glibc, SQLite).
//!
//! The document is as reproducible as the program: its time is the commit's, and its serial number a digest of what it says.

use super::crates::{Crates, Id};
use manifests::id::Digest;
use serde_json::{Value, json};

/// The program that the document is about.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its version.
    pub(crate) version: &'a str,
    /// The crate that it is built from.
    pub(crate) root: &'a str,
    /// The digest of the program itself.
    pub(crate) digest: Digest,
    /// The commit's time, as RFC 3339 has it.
    pub(crate) created: &'a str,
}

/// Something in a program that is no crate.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: String,
    /// Its licence, in SPDX's words.
    pub(crate) licence: &'static str,
    /// The crate that brings it; none if every program has it.
    pub(crate) by: Option<&'static str>,
}

/// The document.
pub(crate) fn sbom(subject: &Subject<'_>, crates: &Crates, foreign: &[Foreign]) -> Vec<u8> {
    let foreign: Vec<&Foreign> = foreign.iter().filter(|one| one.is_in(crates)).collect();
    let root = crates.keys().find(|(name, _)| name == subject.root);
    let others = crates.iter().filter(|(id, _)| Some(*id) != root);
    let mut components: Vec<Value> = others
        .map(|(id, one)| {
            let mut component = component(&purl(id), &id.0, &id.1, &one.licence);
            if let Some(checksum) = &one.checksum {
                component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
            }
            let features = one.features.iter().map(|name| json!({ "name": "cargo:feature", "value": name }));
            component["properties"] = features.collect();
            component
        })
        .collect();
    components.extend(foreign.iter().map(|one| component(&one.purl(), one.name, &one.version, one.licence)));

    let own = format!("pkg:generic/{}@{}", subject.name, subject.version);
    let dependencies = crates.iter().map(|(id, one)| {
        let brought = |by: &Foreign| by.by == Some(&id.0) || (by.by.is_none() && Some(id) == root);
        let mut needs: Vec<String> = one.needs.iter().map(purl).collect();
        needs.extend(foreign.iter().filter(|one| brought(one)).map(|one| one.purl()));
        json!({ "ref": if Some(id) == root { own.clone() } else { purl(id) }, "dependsOn": needs })
    });
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": subject.created,
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": subject.name,
                "version": subject.version,
                "purl": own,
                "licenses": [{ "expression": "Apache-2.0" }],
                "hashes": [{ "alg": "SHA-256", "content": subject.digest.to_string() }],
            },
        },
        "components": components,
        "dependencies": dependencies.collect::<Vec<_>>(),
    });
    document["serialNumber"] = serial(&Digest::of(document.to_string().as_bytes())).into();
    let mut text = format!("{document:#}").into_bytes();
    text.push(b'\n');
    text
}

impl Foreign {
    fn purl(&self) -> String {
        format!("pkg:generic/{}@{}", self.name, self.version)
    }

    fn is_in(&self, crates: &Crates) -> bool {
        self.by.is_none_or(|by| crates.keys().any(|(name, _)| name == by))
    }
}

fn component(purl: &str, name: &str, version: &str, licence: &str) -> Value {
    json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{ "expression": licence }],
    })
}

/// A package URL; `+` would mean a blank in one.
fn purl((name, version): &Id) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// A digest in the form of a UUID of version 8, which is for what somebody makes up.
fn serial(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!("urn:uuid:{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::{crates::Crate, readers::python};

    fn of(needs: &[(&str, &str)], checksum: Option<&str>) -> Crate {
        let needs = needs.iter().map(|(name, version)| ((*name).into(), (*version).into())).collect();
        Crate {
            licence: "MIT OR Apache-2.0".into(),
            features: vec!["std".into()],
            needs,
            checksum: checksum.map(Into::into),
            ..Crate::default()
        }
    }

    fn document() -> Value {
        let mut crates = Crates::new();
        crates.insert(("agent".into(), "0.1.0".into()), of(&[("left", "1.0.0+x")], None));
        crates.insert(("left".into(), "1.0.0+x".into()), of(&[], Some(&"ab".repeat(32))));
        let foreign = |name, by| Foreign { name, version: "3".into(), licence: "MIT", by };
        let foreign =
            [foreign("glibc", None), foreign("liblefty", Some("left")), foreign("sqlite", Some("libsqlite3-sys"))];
        let subject = Subject {
            name: "holdfast",
            version: "0.1.0",
            root: "agent",
            digest: Digest::of(b"program"),
            created: "2026-05-01T12:00:00Z",
        };
        serde_json::from_slice(&sbom(&subject, &crates, &foreign)).unwrap()
    }

    #[test]
    fn it_has_what_is_in_the_program_and_nothing_else() {
        let document = document();
        let all = document["components"].as_array().unwrap();
        let names: Vec<_> = all.iter().map(|one| one["purl"].as_str().unwrap()).collect();
        assert_eq!(names, ["pkg:cargo/left@1.0.0%2Bx", "pkg:generic/glibc@3", "pkg:generic/liblefty@3"]);
        let expect = json!([
            { "ref": "pkg:generic/holdfast@0.1.0", "dependsOn": ["pkg:cargo/left@1.0.0%2Bx", "pkg:generic/glibc@3"] },
            { "ref": "pkg:cargo/left@1.0.0%2Bx", "dependsOn": ["pkg:generic/liblefty@3"] },
        ]);
        assert_eq!(document["dependencies"], expect);
    }

    /// The official schema, as the project behind CycloneDX ships it for Python.
    #[test]
    fn it_is_what_the_official_schema_asks_for() {
        let script = "import sys\n\
             try:\n\
             \x20   from cyclonedx.validation.json import JsonStrictValidator\n\
             \x20   from cyclonedx.schema import SchemaVersion\n\
             \x20   validator = JsonStrictValidator(SchemaVersion.V1_6)\n\
             except ImportError as why:\n\
             \x20   print('missing', why)\n\
             \x20   sys.exit()\n\
             try:\n\
             \x20   wrong = validator.validate_str(sys.stdin.read())\n\
             \x20   print('valid' if wrong is None else wrong)\n\
             except Exception as why:\n\
             \x20   print('missing', repr(why))";
        let Some(told) = python(script, document().to_string().as_bytes()) else {
            return;
        };
        if told.starts_with("missing") {
            return crate::dist::readers::skipped("`cyclonedx-python-lib[json-validation]` is not installed");
        }
        assert_eq!(told, "valid\n");
    }
}
