//! A zip that is the same, byte by byte, whoever makes it and when (PKWARE's APPNOTE.TXT, 6.3.10).
//!
//! What a repository says is stored, not deflated: what a compressor makes of the same bytes differs between its versions and
//! between processors, and the digest of a zip decides whether a stack is changed. Names are sorted, the time is the oldest
//! that a zip can say, and of the mode only git's executable bit is kept. A release of Holdfast itself, which is made once and
//! downloaded, is handed over deflated.
//!
//! Not here: what is in it, and zips of 4 GiB or of 65,536 members; [`manifests::artifact`] has bounds far below both.

use crate::git::bundle::Member;
use crc32fast::hash;

/// Made by Unix, to version 2.0: what is needed for folders in names.
const MADE_BY: u16 = 3 << 8 | 20;
const NEEDED: u16 = 20;
/// The names are UTF-8.
const FLAGS: u16 = 1 << 11;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// 1 January 1980, midnight.
const TIME: u16 = 0;
const DATE: u16 = 1 << 5 | 1;

/// One file in a zip, as its bytes stand there.
#[derive(Debug)]
pub struct Packed<'a> {
    /// Its path.
    pub name: &'a str,
    /// Its permissions, as `0o644`.
    pub mode: u32,
    /// What its bytes are when they are unpacked.
    pub bytes: &'a [u8],
    /// The same, deflated; `None` where they are stored.
    pub deflated: Option<Vec<u8>>,
}

/// The members, which are sorted by name, as one zip. What is a single zip already is that zip.
pub(crate) fn zip(members: &[Member]) -> Vec<u8> {
    if let [Member { name, bytes, .. }] = members
        && name.ends_with(".zip")
        && bytes.starts_with(b"PK")
    {
        return bytes.clone();
    }
    archive(members.iter().map(|Member { name, executable, bytes }| {
        let mode = if *executable { 0o755 } else { 0o644 };
        Packed { name, mode, bytes, deflated: None }
    }))
}

/// Files, which are sorted by name, as one zip.
pub fn archive<'a>(files: impl Iterator<Item = Packed<'a>>) -> Vec<u8> {
    let (mut zip, mut directory, mut count) = (Vec::new(), Vec::new(), 0_usize);
    for file in files {
        let at = four(zip.len());
        zip.extend(b"PK\x03\x04");
        zip.extend(NEEDED.to_le_bytes());
        common(&mut zip, &file);
        zip.extend(file.name.as_bytes());
        zip.extend(file.stands());
        directory.extend(b"PK\x01\x02");
        directory.extend(MADE_BY.to_le_bytes());
        directory.extend(NEEDED.to_le_bytes());
        common(&mut directory, &file);
        directory.extend([0; 6]); // no comment, the first disk, no attributes of its own
        directory.extend(((0o100_000 | file.mode) << 16).to_le_bytes());
        directory.extend(at);
        directory.extend(file.name.as_bytes());
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

impl Packed<'_> {
    fn stands(&self) -> &[u8] {
        self.deflated.as_deref().unwrap_or(self.bytes)
    }
}

/// What a member's own header and its line in the directory have in common, from the flags to the lengths.
fn common(to: &mut Vec<u8>, file: &Packed<'_>) {
    let method = if file.deflated.is_some() { DEFLATED } else { STORED };
    for number in [FLAGS, method, TIME, DATE] {
        to.extend(number.to_le_bytes());
    }
    to.extend(hash(file.bytes).to_le_bytes());
    to.extend(four(file.stands().len()));
    to.extend(four(file.bytes.len()));
    to.extend(two(file.name.len()));
    to.extend([0; 2]); // no extra field
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
    use manifests::id::Digest;

    fn member(name: &str, executable: bool, bytes: &[u8]) -> Member {
        Member { name: name.into(), executable, bytes: bytes.into() }
    }

    #[test]
    fn the_same_files_are_the_same_zip_in_every_account_and_build() {
        let members = [
            member("app.py", false, b"def handler(event, context):\n    return 'ok'\n"),
            member("bin/run", true, b"#!/bin/sh\nexec true\n"),
            member("empty", false, b""),
            member("\u{fc}ber/text.txt", false, "gr\u{fc}n\n".as_bytes()),
        ];
        let digest = Digest::of(&zip(&members)).to_string();
        assert_eq!(digest, "952e00a991c7bc70df61018afe4155c42d62d61651a476ad643c7049e9f60888");
    }

    #[test]
    fn a_zip_is_not_packed_again() {
        let inner = zip(&[member("a", false, b"a")]);
        assert_eq!(zip(&[member("a.zip", false, &inner)]), inner);
        assert_ne!(zip(&[member("a.zip", false, b"text")]), b"text");
    }
}
