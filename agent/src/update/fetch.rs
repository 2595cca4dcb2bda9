//! A release, from where the commit says that it is, into a file: in one piece, within limits, and only if its digest is the
//! one that the commit names.
//!
//! Whoever serves it is not believed, so it may come from anywhere: a redirect to another host is followed, as long as it is
//! https. No credentials are sent but AWS's own, to S3.

use aws_config::SdkConfig;
use jiff::SignedDuration;
use manifests::id::{Digest, Region};
use sha2::Digest as _;
use std::{fs::File, io::Write, time::Duration};

/// More than any release has: who serves more than this fills a disk.
pub(super) const MOST: u64 = 256 << 20;
/// The longest that a release takes to come.
const DEADLINE: Duration = Duration::from_secs(600);
/// How long nothing may come.
const IDLE: Duration = Duration::from_secs(60);
const REDIRECTS: usize = 5;

/// Writes what is there into a file, to the disk itself. The error is a clause that says why not.
pub(super) async fn fetch(
    (from, sha256): (&str, Digest),
    into: &mut File,
    (aws, region): (&SdkConfig, Option<&Region>),
) -> Result<(), String> {
    let mut copy = Copy { into, sum: sha2::Sha256::new(), bytes: 0 };
    let read = async {
        match from.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
            Some((bucket, key)) => object(aws, region, (bucket, key), &mut copy).await,
            None => address(from, &mut copy).await,
        }
    };
    tokio::time::timeout(DEADLINE, read).await.map_err(|_| {
        let minutes = SignedDuration::try_from(DEADLINE).unwrap_or_default().as_mins();
        format!("it was not here whole after {minutes} min")
    })??;
    let found = Digest(copy.sum.finalize().into());
    if found != sha256 {
        return Err(format!("what is there is not what the commit names: its SHA-256 is {found}"));
    }
    copy.into.sync_all().map_err(|error| format!("it can't be written: {error}"))
}

/// What has come so far.
struct Copy<'f> {
    into: &'f mut File,
    sum: sha2::Sha256,
    bytes: u64,
}

impl Copy<'_> {
    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > MOST {
            return Err(format!("it has more than {} MiB", MOST >> 20));
        }
        self.sum.update(piece);
        self.into.write_all(piece).map_err(|error| format!("it can't be written: {error}"))
    }
}

async fn address(from: &str, copy: &mut Copy<'_>) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
        .https_only(true)
        .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
        .referer(false)
        .read_timeout(IDLE)
        .build()
        .map_err(|error| format!("the HTTP client can't be set up: {error}"))?;
    let told = |error: reqwest::Error| plan::quote::quote(&crate::error::chain(&error.without_url()));
    let answer = client.get(from).send().await.map_err(told)?;
    if !answer.status().is_success() {
        return Err(format!("the server says {}", answer.status()));
    }
    let mut answer = answer;
    while let Some(piece) = answer.chunk().await.map_err(told)? {
        copy.take(&piece)?;
    }
    Ok(())
}

async fn object(
    aws: &SdkConfig,
    region: Option<&Region>,
    (bucket, key): (&str, &str),
    copy: &mut Copy<'_>,
) -> Result<(), String> {
    // A local endpoint has no name for each bucket.
    let mut config = aws_sdk_s3::config::Builder::from(aws).force_path_style(aws.endpoint_url().is_some());
    if let Some(region) = region {
        config = config.region(aws_sdk_s3::config::Region::new(region.to_string()));
    }
    let s3 = aws_sdk_s3::Client::from_conf(config.build());
    let answer = s3.get_object().bucket(bucket).key(key).send().await;
    let answer = answer.map_err(|error| crate::cloud::trouble::trouble("s3:GetObject", &error).to_string())?;
    let mut body = answer.body;
    while let Some(piece) = body.try_next().await.map_err(|error| plan::quote::quote(&error.to_string()))? {
        copy.take(&piece)?;
    }
    Ok(())
}
