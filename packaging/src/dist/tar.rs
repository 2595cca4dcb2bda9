//! A tape archive that is the same whoever writes it: POSIX's `ustar`, one time for everything, owners by number.
//!
//! Not here: links, devices, names over 255 bytes and files of 8 GiB, which no package has.

use super::tree::{Content, Node, Tree};

/// Why a tree can't be an archive.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path `{0}` is too long for an archive")]
pub(crate) struct TooLong(pub(crate) String);

const BLOCK: usize = 512;
/// GNU tar and dpkg expect whole records.
const RECORD: usize = 20 * BLOCK;

/// The archive of a tree; `prefix` goes before each path, `time` is in seconds since 1970.
pub(crate) fn tar(tree: &Tree, prefix: &str, time: u64) -> Result<Vec<u8>, TooLong> {
    let mut archive = Vec::new();
    for (path, node) in tree.nodes() {
        archive.extend(header(&format!("{prefix}{path}"), node, time)?);
        archive.extend(node.bytes());
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize((archive.len() + 2 * BLOCK).next_multiple_of(RECORD), 0);
    Ok(archive)
}

fn header(path: &str, node: &Node, time: u64) -> Result<[u8; BLOCK], TooLong> {
    let (slash, kind) = match node.content {
        Content::Folder => ("/", b'5'),
        Content::File(_) => ("", b'0'),
    };
    let path = format!("{path}{slash}");
    let (prefix, name) = split(&path).ok_or_else(|| TooLong(path.clone()))?;
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{:07o}", node.mode).as_bytes());
    put(108, format!("{:07o}", node.owner).as_bytes());
    put(116, format!("{:07o}", node.owner).as_bytes());
    put(124, format!("{:011o}", node.bytes().len()).as_bytes());
    put(136, format!("{time:011o}").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    if node.owner == 0 {
        put(265, b"root");
        put(297, b"root");
    }
    put(329, b"0000000\x000000000");
    put(345, prefix.as_bytes());
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

/// A path as `ustar` has it: at most 100 bytes, or 155 and 100 with a slash between them.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let slashes = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
    slashes.into_iter().find(|(prefix, name)| prefix.len() <= 155 && !name.is_empty() && name.len() <= 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::readers::python;

    #[test]
    fn python_reads_the_same_tree() {
        let mut tree = Tree::default();
        let long = format!("{}/{}/name", "a".repeat(90), "b".repeat(60));
        tree.program("bin/run", *b"#!/bin/sh\n");
        tree.file(&long, vec![7; 513]);
        tree.folder("var/own", 0o700, 65_532);
        let archive = tar(&tree, "./", 1_700_000_000).unwrap();
        assert_eq!(archive.len() % RECORD, 0);
        let Some(told) = python(
            "import io, sys, tarfile\n\
             for m in tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())):\n\
             \x20   print(m.name, m.type.decode(), oct(m.mode), m.uid, m.gid, m.uname, m.size, m.mtime)",
            &archive,
        ) else {
            return;
        };
        let (a, b) = ("a".repeat(90), "b".repeat(60));
        let expect = format!(
            "./{a} 5 0o755 0 0 root 0 1700000000\n\
             ./{a}/{b} 5 0o755 0 0 root 0 1700000000\n\
             ./{a}/{b}/name 0 0o644 0 0 root 513 1700000000\n\
             ./bin 5 0o755 0 0 root 0 1700000000\n\
             ./bin/run 0 0o755 0 0 root 10 1700000000\n\
             ./var 5 0o755 0 0 root 0 1700000000\n\
             ./var/own 5 0o700 65532 65532  0 1700000000\n"
        );
        assert_eq!(told, expect);
    }

    #[test]
    fn what_does_not_fit_is_said_and_not_cut() {
        let mut tree = Tree::default();
        tree.file(&"x".repeat(101), *b"");
        assert_eq!(tar(&tree, "", 0), Err(TooLong("x".repeat(101))));
    }
}
