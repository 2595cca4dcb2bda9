//! S3's REST protocol: paths and headers in, XML and bytes out.
//!
//! Path style (`/bucket/key`) always; virtual hosts (`bucket.s3.…`, `bucket.localhost`) are understood too. An upload's
//! `Content-MD5`, `x-amz-checksum-sha256` and length are checked; other checksums are taken off its end and believed.

use super::{answer::Answer, chunked, request::Received, xml::Xml};
use crate::{
    fault::Refusal,
    services::{
        Place,
        s3::{self, ListRequest},
        unknown,
    },
    world::World,
};
use base64::Engine as _;
use manifests::id::Digest;
use md5::{Digest as _, Md5};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// What one request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The action's name in S3's API reference.
    pub(crate) action: &'static str,
    pub(crate) bucket: String,
    key: String,
}

impl Target {
    /// The object's key; empty when the request is about a bucket.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Reads method, host, path and query.
    pub(crate) fn of(request: &Received) -> Self {
        let (bucket, key) = place(request);
        let asks = |name: &str| request.query.get(name).is_some();
        let action = match (request.method.as_str(), bucket.is_empty(), key.is_empty()) {
            // Everything that such a parameter asks for is a feature of its own.
            _ if ["uploads", "uploadId", "versionId", "tagging", "acl", "policy", "delete"].into_iter().any(asks) => "",
            ("GET", true, _) => "ListBuckets",
            ("PUT", false, true) => "CreateBucket",
            ("HEAD", false, true) => "HeadBucket",
            ("DELETE", false, true) => "DeleteBucket",
            ("GET", false, true) if asks("location") => "GetBucketLocation",
            ("GET", false, true) if request.query.get("list-type") == Some("2") => "ListObjectsV2",
            ("PUT", false, false) if request.header("x-amz-copy-source").is_none() => "PutObject",
            ("GET", false, false) => "GetObject",
            ("HEAD", false, false) => "HeadObject",
            ("DELETE", false, false) => "DeleteObject",
            _ => "",
        };
        Self { action, bucket, key }
    }
}

/// Bucket and key.
fn place(request: &Received) -> (String, String) {
    let path = request.path.trim_start_matches('/');
    let host = request.header("host").unwrap_or_default().split(':').next().unwrap_or_default();
    let hosted = host.split_once(".s3.").or_else(|| host.split_once(".s3-")).map(|(bucket, _)| bucket);
    match hosted.or_else(|| host.strip_suffix(".localhost")) {
        Some(bucket) => (bucket.to_owned(), path.to_owned()),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (bucket.to_owned(), key.to_owned())
        }
    }
}

/// Does one action.
pub(crate) fn call(world: &mut World, at: &Place<'_>, request: &Received) -> Result<Answer, Refusal> {
    let Target { action, bucket, key } = Target::of(request);
    let empty = |status| Answer::new(status, Vec::new());
    s3::expect(world, &bucket, request.header("x-amz-expected-bucket-owner"))?;
    if !key.is_empty() || action == "ListObjectsV2" {
        s3::at_home(world, at, &bucket)?;
    }
    Ok(match action {
        "ListBuckets" => list_buckets(world, at),
        "CreateBucket" => {
            s3::create_bucket(world, at, &bucket)?;
            empty(200).with("location", format!("/{bucket}"))
        }
        "HeadBucket" => empty(200).with("x-amz-bucket-region", s3::head_bucket(world, &bucket)?),
        "DeleteBucket" => {
            s3::delete_bucket(world, &bucket)?;
            empty(204)
        }
        "GetBucketLocation" => location(&s3::head_bucket(world, &bucket)?),
        "ListObjectsV2" => list(world, &bucket, request)?,
        "PutObject" => {
            let new_only = request.header("if-none-match") == Some("*");
            let over = request.header("if-match").map(|tag| tag.trim_matches('"').to_owned());
            let (body, sha256) = (upload(request)?, request.header("x-amz-checksum-sha256").map(ToOwned::to_owned));
            let etag = s3::put(world, at, (&bucket, &key), s3::Upload { body, sha256, new_only, over })?;
            empty(200).with("etag", format!("\"{etag}\""))
        }
        "GetObject" | "HeadObject" => {
            let object = s3::get(world, &bucket, &key)?;
            let modified = object.modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let asked = request.header("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED"));
            // The server answers a HEAD with the length of the body that it leaves out.
            let answer = Answer::new(200, object.body.clone());
            match object.sha256.clone().filter(|_| asked) {
                Some(sum) => answer.with("x-amz-checksum-sha256", sum),
                None => answer,
            }
            .with("etag", format!("\"{}\"", s3::etag(&object.body)))
            .with("last-modified", modified)
            .with("accept-ranges", "bytes")
            .with("content-type", "binary/octet-stream")
        }
        "DeleteObject" => {
            s3::delete(world, &bucket, &key)?;
            empty(204)
        }
        _ => return Err(unknown("that this request asks of S3")),
    })
}

/// The bytes of an upload, after the checks that S3 makes.
fn upload(request: &Received) -> Result<Vec<u8>, Refusal> {
    let incomplete = || {
        let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
        Refusal::new("IncompleteBody", 400, message)
    };
    let encoded = request.header("content-encoding").is_some_and(|e| e.contains("aws-chunked"))
        || request.header("x-amz-content-sha256").is_some_and(|sha| sha.starts_with("STREAMING-"));
    let body = if encoded {
        let upload = chunked::decode(&request.body).ok_or_else(incomplete)?;
        let length = request.header("x-amz-decoded-content-length").and_then(|n| n.parse().ok());
        let announced = request.header("x-amz-trailer").is_none_or(|name| {
            name.split(',').all(|name| upload.trailers.contains_key(&name.trim().to_ascii_lowercase()))
        });
        if length.is_some_and(|length: usize| length != upload.bytes.len()) || !announced {
            return Err(incomplete());
        }
        upload.bytes
    } else {
        request.body.to_vec()
    };
    let encode = |digest: &[u8]| base64::engine::general_purpose::STANDARD.encode(digest);
    let digest = || encode(&Md5::digest(&body));
    if request.header("x-amz-checksum-sha256").is_some_and(|said| said != encode(&Digest::of(&body).0)) {
        let message = "The SHA256 you specified did not match the calculated checksum.";
        return Err(Refusal::new("BadDigest", 400, message));
    }
    if request.header("content-md5").is_some_and(|said| said != digest()) {
        return Err(Refusal::new("BadDigest", 400, "The Content-MD5 you specified did not match what we received."));
    }
    Ok(body)
}

fn document(root: &str, body: impl FnOnce(&mut Xml)) -> Answer {
    Answer::new(200, Xml::document(root, Some(NAMESPACE), body).into_bytes()).with("content-type", "application/xml")
}

fn list_buckets(world: &mut World, at: &Place<'_>) -> Answer {
    let buckets = s3::list_buckets(world, at);
    document("ListAllMyBucketsResult", |x| {
        x.element("Owner", |x| x.text("ID", at.account));
        x.element("Buckets", |x| {
            for (name, created) in buckets {
                x.element("Bucket", |x| {
                    x.text("Name", name);
                    x.time("CreationDate", created);
                });
            }
        });
    })
}

fn location(region: &str) -> Answer {
    // The oldest region has no name here.
    document("LocationConstraint", |x| {
        if region != "us-east-1" {
            x.say(region)
        }
    })
}

fn list(world: &mut World, bucket: &str, request: &Received) -> Result<Answer, Refusal> {
    let query = &request.query;
    let text = |name: &str| query.text(name).unwrap_or_default();
    let most = query.parsed("max-keys")?.unwrap_or(1000).min(1000);
    let after = query.text("continuation-token").unwrap_or_else(|| text("start-after"));
    let asked = ListRequest { prefix: text("prefix"), delimiter: text("delimiter"), after, most };
    let page = s3::list(world, bucket, &asked)?;
    let encode = query.get("encoding-type") == Some("url");
    let spelled = |key: &str| if encode { super::params::encode(key) } else { key.to_owned() };
    Ok(document("ListBucketResult", |x| {
        x.text("Name", bucket);
        x.text("Prefix", spelled(&asked.prefix));
        x.filled("Delimiter", &spelled(&asked.delimiter));
        x.maybe("EncodingType", encode.then_some("url"));
        x.text("KeyCount", page.entries.len() + page.prefixes.len());
        x.text("MaxKeys", most);
        x.text("IsTruncated", page.next.is_some());
        x.maybe("NextContinuationToken", page.next);
        for entry in &page.entries {
            x.element("Contents", |x| {
                x.text("Key", spelled(&entry.key));
                x.time("LastModified", entry.modified);
                x.text("ETag", format!("\"{}\"", entry.etag));
                x.text("Size", entry.size);
                x.text("StorageClass", "STANDARD");
            });
        }
        for prefix in &page.prefixes {
            x.element("CommonPrefixes", |x| x.text("Prefix", spelled(prefix)));
        }
    }))
}
