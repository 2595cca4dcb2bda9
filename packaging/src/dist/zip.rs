//! A zip for Lambda: deflated, with Unix permissions.
//!
//! Not here: the form of a zip ([`agent::zip`]); and zips of 4 GiB, Lambda takes 250 MB.

use super::{gzip::deflate, tree::Tree};
use agent::zip::{Packed, archive};

/// The files of a tree as a zip.
pub(crate) fn zip(tree: &Tree) -> Vec<u8> {
    archive(tree.files().map(|(name, node)| {
        let bytes = node.bytes();
        Packed { name, mode: node.mode, bytes, deflated: Some(deflate(bytes)) }
    }))
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
