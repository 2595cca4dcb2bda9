//! A zip for Lambda: deflated, names sorted, the oldest time that a zip can say, Unix permissions (APPNOTE.TXT, 6.3.10).
//!
//! `agent/src/zip.rs` writes zips too, of what a repository says. Those are stored, because their digest decides for years
//! whether a stack is changed, and what a compressor makes of bytes may change with its version. This one is a download:
//! it is made once a release, and half the size.
//!
//! Not here: zips of 4 GiB; Lambda takes 250 MB.

use super::{
    gzip::deflate,
    tree::{Node, Tree},
};
use crc32fast::hash;

/// Made by Unix, to version 2.0: what is needed for deflate.
const MADE_BY: u16 = 3 << 8 | 20;
const NEEDED: u16 = 20;
/// The names are UTF-8.
const FLAGS: u16 = 1 << 11;
const DEFLATED: u16 = 8;
/// 1 January 1980, midnight.
const TIME: u16 = 0;
const DATE: u16 = 1 << 5 | 1;

/// The files of a tree as a zip.
pub(crate) fn zip(tree: &Tree) -> Vec<u8> {
    let (mut zip, mut directory, mut count) = (Vec::new(), Vec::new(), 0_usize);
    for (path, node) in tree.files() {
        let at = four(zip.len());
        let packed = deflate(node.bytes());
        let common = common(path, node, packed.len());
        zip.extend(b"PK\x03\x04");
        zip.extend(NEEDED.to_le_bytes());
        zip.extend(&common);
        zip.extend(path.as_bytes());
        zip.extend(packed);
        directory.extend(b"PK\x01\x02");
        directory.extend(MADE_BY.to_le_bytes());
        directory.extend(NEEDED.to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 6]); // no comment, the first disk, no attributes of its own
        directory.extend(((0o100_000 | node.mode) << 16).to_le_bytes());
        directory.extend(at);
        directory.extend(path.as_bytes());
        count += 1;
    }
    let (begin, length) = (four(zip.len()), four(directory.len()));
    zip.append(&mut directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(two(count));
    zip.extend(two(count));
    zip.extend(length);
    zip.extend(begin);
    zip.extend([0; 2]); // no comment
    zip
}

/// What a member's own header and its line in the directory have in common, from the flags to the lengths.
fn common(path: &str, node: &Node, packed: usize) -> Vec<u8> {
    let mut to = Vec::new();
    for number in [FLAGS, DEFLATED, TIME, DATE] {
        to.extend(number.to_le_bytes());
    }
    to.extend(hash(node.bytes()).to_le_bytes());
    to.extend(four(packed));
    to.extend(four(node.bytes().len()));
    to.extend(two(path.len()));
    to.extend([0; 2]); // no extra field
    to
}

fn four(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn two(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::readers::python;

    #[test]
    fn python_reads_the_same_files() {
        let mut tree = Tree::default();
        tree.program("bootstrap", "exec ".repeat(1_000).into_bytes());
        tree.file("doc/LICENSE", *b"text");
        let Some(told) = python(
            "import io, sys, zipfile\n\
             z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))\n\
             assert z.testzip() is None\n\
             for i in z.infolist():\n\
             \x20   print(i.filename, oct(i.external_attr >> 16), i.file_size, i.compress_type, i.date_time, len(z.read(i)))",
            &zip(&tree),
        ) else {
            return;
        };
        assert_eq!(
            told,
            "bootstrap 0o100755 5000 8 (1980, 1, 1, 0, 0, 0) 5000\n\
             doc/LICENSE 0o100644 4 8 (1980, 1, 1, 0, 0, 0) 4\n"
        );
    }
}
