//! The body encoding `aws-chunked`, in which today's SDKs upload to S3: `size[;chunk-signature=…]`, the bytes, and
//! after the last chunk the checksums as trailing headers.
//!
//! Chunk signatures are not verified, as no signature is.

use std::collections::BTreeMap;

/// A decoded upload.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Upload {
    /// The object's bytes.
    pub(crate) bytes: Vec<u8>,
    /// The trailing headers, names in lower case.
    pub(crate) trailers: BTreeMap<String, String>,
}

/// Decodes a whole body; `None` when it is cut short or is no such encoding.
pub(crate) fn decode(body: &[u8]) -> Option<Upload> {
    let mut upload = Upload::default();
    let mut rest = body;
    loop {
        let (head, after) = line(rest)?;
        let size = usize::from_str_radix(head.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            rest = after;
            break;
        }
        upload.bytes.extend_from_slice(after.get(..size)?);
        rest = after.get(size..)?.strip_prefix(b"\r\n")?;
    }
    while let Some((trailer, after)) = line(rest) {
        if let Some((name, value)) = trailer.split_once(':') {
            upload.trailers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
        rest = after;
    }
    Some(upload)
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_trailers_kept() {
        let body = b"3;chunk-signature=00\r\nabc\r\n2\r\nde\r\n0\r\nX-Amz-Checksum-Crc32:NhCmhg==\r\n\r\n";
        let upload = decode(body).unwrap();
        assert_eq!(upload.bytes, b"abcde");
        assert_eq!(upload.trailers["x-amz-checksum-crc32"], "NhCmhg==");
    }

    #[test]
    fn an_upload_that_was_cut_short_is_no_upload() {
        let body = b"3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(decode(body).unwrap().bytes, b"abc");
        for cut in 0..9 {
            assert_eq!(decode(&body[..cut]), None, "{cut} bytes");
        }
    }
}
