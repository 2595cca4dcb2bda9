//! A container image without a container engine: an OCI image layout (image-spec 1.1) in one tar archive.
//!
//! `oci-layout`, `index.json`, and below `blobs/sha256` one manifest, one configuration and one layer for each tree, each
//! under its own digest. Image tools take it as `oci-archive:FILE`.
//!
//! Not here: pushing it anywhere, and what is in it ([`super::contents`]).

use super::{
    gzip::gzip,
    tar::{TooLong, tar},
    target::Machine,
    tree::Tree,
};
use manifests::id::Digest;
use serde_json::{Value, json};

/// What an image says of itself.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    /// For which processor.
    pub(crate) machine: Machine,
    /// Its tag inside the archive.
    pub(crate) version: &'a str,
    /// What is started, and what is said to it unless somebody says something else.
    pub(crate) entry: &'a str,
    /// See there.
    pub(crate) command: &'a [&'a str],
    /// Its environment.
    pub(crate) environment: &'a [&'a str],
    /// As whom it runs.
    pub(crate) user: &'a str,
    /// `org.opencontainers.image.…`: the last word, and what it says.
    pub(crate) labels: &'a [(&'a str, &'a str)],
    /// When it was made, in seconds since 1970, and in RFC 3339's words.
    pub(crate) time: (u64, &'a str),
}

/// The image with these layers, as an archive.
pub(crate) fn oci(image: &Image<'_>, layers: &[&Tree]) -> Result<Vec<u8>, TooLong> {
    let (seconds, created) = image.time;
    let mut files = Tree::default();
    let (mut plain, mut packed) = (Vec::new(), Vec::new());
    for layer in layers {
        let bytes = tar(layer, "", seconds)?;
        plain.push(named(&bytes));
        packed.push(blob(&mut files, "application/vnd.oci.image.layer.v1.tar+gzip", gzip(&bytes)));
    }
    let labels =
        image.labels.iter().map(|(name, said)| (format!("org.opencontainers.image.{name}"), Value::from(*said)));
    let labels: Value = labels.collect::<serde_json::Map<_, _>>().into();
    let platform = json!({ "architecture": image.machine.debian(), "os": "linux" });
    let config = json!({
        "architecture": image.machine.debian(),
        "os": "linux",
        "created": created,
        "config": {
            "Entrypoint": [image.entry],
            "Cmd": image.command,
            "Env": image.environment,
            "User": image.user,
            "WorkingDir": "/",
            "Labels": labels,
        },
        "rootfs": { "type": "layers", "diff_ids": plain },
        "history": layers.iter().map(|_| json!({ "created": created, "created_by": "cargo x dist" })).collect::<Vec<_>>(),
    });
    let config = blob(&mut files, "application/vnd.oci.image.config.v1+json", config.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": packed,
        "annotations": labels,
    });
    let mut manifest =
        blob(&mut files, "application/vnd.oci.image.manifest.v1+json", manifest.to_string().into_bytes());
    manifest["platform"] = platform;
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": image.version });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    files.file("index.json", index.to_string().into_bytes());
    files.file("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string().into_bytes());
    tar(&files, "", seconds)
}

fn named(bytes: &[u8]) -> String {
    format!("sha256:{}", Digest::of(bytes))
}

/// Puts a blob in its place, and describes it.
fn blob(files: &mut Tree, kind: &str, bytes: Vec<u8>) -> Value {
    let described = json!({ "mediaType": kind, "digest": named(&bytes), "size": bytes.len() });
    files.file(&format!("blobs/sha256/{}", Digest::of(&bytes)), bytes);
    described
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::readers::python;

    /// Walks a layout as the specification has it: every descriptor's blob has its digest and size, every layer unpacks to
    /// what the configuration says of it, and no blob is left over. Prints what an engine would start.
    pub(crate) const WALK: &str = r#"
import gzip, hashlib, io, json, sys, tarfile
archive = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()))
read = lambda name: archive.extractfile(name).read()
left = {m.name for m in archive if m.isfile()} - {"oci-layout", "index.json"}
def blob(d):
    kind, digest = d["digest"].split(":")
    bytes = read(f"blobs/{kind}/{digest}")
    assert kind == "sha256" and hashlib.sha256(bytes).hexdigest() == digest and len(bytes) == d["size"], d
    left.discard(f"blobs/{kind}/{digest}")
    return bytes
assert json.loads(read("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
index = json.loads(read("index.json"))
assert index["schemaVersion"] == 2 and len(index["manifests"]) == 1
manifest = json.loads(blob(index["manifests"][0]))
assert manifest["mediaType"] == index["manifests"][0]["mediaType"]
config = json.loads(blob(manifest["config"]))
assert index["manifests"][0]["platform"] == {"architecture": config["architecture"], "os": config["os"]}
assert len(config["history"]) == len(manifest["layers"]) == len(config["rootfs"]["diff_ids"])
print(config["os"], config["architecture"], config["created"], index["manifests"][0]["annotations"])
c = config["config"]
print(c["Entrypoint"], c["Cmd"], c["User"], c["Env"], c["Labels"])
for layer, diff in zip(manifest["layers"], config["rootfs"]["diff_ids"]):
    plain = gzip.decompress(blob(layer))
    assert "sha256:" + hashlib.sha256(plain).hexdigest() == diff
    for m in tarfile.open(fileobj=io.BytesIO(plain)):
        print(m.name, oct(m.mode), m.uid)
assert not left, left
"#;

    #[test]
    fn an_independent_walk_of_the_layout_finds_every_blob_as_it_is_described() {
        let (mut base, mut program) = (Tree::default(), Tree::default());
        base.folder("tmp", 0o1777, 0);
        program.program("usr/bin/holdfast", *b"#!/bin/sh\n");
        let image = Image {
            machine: Machine::X86,
            version: "0.1.0",
            entry: "/usr/bin/holdfast",
            command: &["run"],
            environment: &["HOME=/tmp"],
            user: "65532:65532",
            labels: &[("title", "holdfast")],
            time: (0, "1970-01-01T00:00:00Z"),
        };
        let archive = oci(&image, &[&base, &program]).unwrap();
        assert_eq!(archive, oci(&image, &[&base, &program]).unwrap());
        let Some(told) = python(WALK, &archive) else {
            return;
        };
        assert_eq!(
            told,
            "linux amd64 1970-01-01T00:00:00Z {'org.opencontainers.image.ref.name': '0.1.0'}\n\
             ['/usr/bin/holdfast'] ['run'] 65532:65532 ['HOME=/tmp'] {'org.opencontainers.image.title': 'holdfast'}\n\
             tmp 0o1777 0\nusr 0o755 0\nusr/bin 0o755 0\nusr/bin/holdfast 0o755 0\n"
        );
    }
}
