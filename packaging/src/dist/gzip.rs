//! gzip (RFC 1952) without a name, a time or a system in it.
//!
//! What comes out depends on the compressor's version alone, which `Cargo.lock` names: `miniz_oxide` is plain Rust and takes
//! the same way on every processor.

use crc32fast::hash;
use miniz_oxide::deflate::compress_to_vec;

/// How hard it tries: a package is made once and fetched often.
const LEVEL: u8 = 9;

/// The bytes, deflated, without any frame.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, LEVEL)
}

/// The bytes as one gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Deflated, no flags, no time, "slowest and smallest", of no system in particular.
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    gzip.append(&mut deflate(bytes));
    gzip.extend(hash(bytes).to_le_bytes());
    // The length is told modulo 2³², as the format has it.
    gzip.extend(&bytes.len().to_le_bytes()[..4]);
    gzip
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::readers::python;

    #[test]
    fn python_reads_what_was_written() {
        for text in [String::new(), "holdfast".into(), "drift ".repeat(20_000)] {
            let packed = gzip(text.as_bytes());
            let Some(told) = python(
                "import gzip, sys\nsys.stdout.write(gzip.decompress(sys.stdin.buffer.read()).decode())",
                &packed,
            ) else {
                return;
            };
            assert_eq!(told, text);
        }
    }
}
