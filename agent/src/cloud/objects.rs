//! The account's artifact bucket over the AWS SDK. Every call says whose the bucket has to be (`ExpectedBucketOwner`), so
//! that a bucket of the same name in somebody else's account is given nothing and believed nothing.
//!
//! Not here: what is put there, and what may go. That is `plan::shelf`'s.

use super::{CloudError, Put, Trouble, count::Calls, trouble::trouble};
use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client,
    config::{Builder, Region},
    operation::head_object::HeadObjectOutput,
    types::ChecksumMode,
};
use aws_smithy_types::base64;
use jiff::Timestamp;
use manifests::id::Digest;
use plan::shelf::{Object, Shelf};

pub(super) fn client(config: &SdkConfig, calls: &Calls, shelf: &Shelf) -> Client {
    let endpoint = config.endpoint_url();
    let config = Builder::from(config)
        .region(Region::new(shelf.region.to_string()))
        // A local endpoint has no name for each bucket.
        .force_path_style(endpoint.is_some())
        .interceptor(calls.clone());
    Client::from_conf(config.build())
}

/// An object as a whole, whoever's its bucket is, up to so many bytes.
pub(crate) async fn whole(
    config: &SdkConfig,
    calls: &Calls,
    (region, bucket, key): (&manifests::id::Region, &str, &str),
    most: u64,
) -> Result<Vec<u8>, CloudError> {
    const CALL: &str = "s3:GetObject";
    let place_style = config.endpoint_url().is_some();
    let s3 = Builder::from(config).region(Region::new(region.to_string())).force_path_style(place_style);
    let s3 = Client::from_conf(s3.interceptor(calls.clone()).build());
    let object = s3.get_object().bucket(bucket).key(key).send().await.map_err(|error| trouble(CALL, &error))?;
    let size = object.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX);
    if size > most {
        return Err(CloudError::odd(
            CALL,
            &format!("s3://{bucket}/{key} has {size} bytes, and at most {most} are read"),
        ));
    }
    let bytes = object.body.collect().await.map_err(|error| CloudError::odd(CALL, &error))?;
    Ok(bytes.to_vec())
}

/// Looks first: that is a tenth of the price, and most of what is put is there already.
pub(super) async fn put(config: &SdkConfig, calls: &Calls, put: &Put<'_>) -> Result<String, CloudError> {
    let Put { shelf, key, body, fresh } = *put;
    let (s3, sum) = (client(config, calls, shelf), base64::encode(Digest::of(body).0));
    let head = s3.head_object().bucket(&shelf.bucket).key(key).checksum_mode(ChecksumMode::Enabled);
    // Whoever may not list a bucket is denied an object that is not there: only putting it tells.
    let there = match head.expected_bucket_owner(shelf.owner.as_ref()).send().await {
        Ok(found) => is_there(&found, &sum, fresh),
        Err(_) => false,
    };
    if !there {
        let put = s3.put_object().bucket(&shelf.bucket).key(key).checksum_sha256(sum);
        let put = put.expected_bucket_owner(shelf.owner.as_ref()).body(body.to_vec().into());
        put.send().await.map_err(|error| located(trouble("s3:PutObject", &error), shelf))?;
    }
    Ok(url(config.endpoint_url(), shelf, key))
}

/// Whether just these bytes are there, since this moment.
fn is_there(found: &HeadObjectOutput, sum: &str, fresh: Timestamp) -> bool {
    let at = found.last_modified().and_then(|at| Timestamp::new(at.secs(), 0).ok());
    found.checksum_sha256() == Some(sum) && at.is_some_and(|at| at >= fresh)
}

pub(super) async fn listed(
    config: &SdkConfig,
    calls: &Calls,
    shelf: &Shelf,
    prefix: &str,
) -> Result<Vec<Object>, CloudError> {
    let s3 = client(config, calls, shelf);
    let mut objects = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let list = s3.list_objects_v2().bucket(&shelf.bucket).prefix(prefix);
        let list = list.expected_bucket_owner(shelf.owner.as_ref()).set_continuation_token(next.clone());
        let page = list.send().await.map_err(|error| located(trouble("s3:ListBucket", &error), shelf))?;
        objects.extend(page.contents().iter().filter_map(|object| {
            let at = Timestamp::new(object.last_modified()?.secs(), 0).ok()?;
            Some(Object { key: object.key()?.to_owned(), at })
        }));
        // A token that comes again would page for ever.
        match page.next_continuation_token().filter(|token| !token.is_empty() && next.as_deref() != Some(token)) {
            None => return Ok(objects),
            Some(token) => next = Some(token.to_owned()),
        }
    }
}

/// One after the other: there are few, and a deletion costs nothing.
pub(super) async fn clear(config: &SdkConfig, calls: &Calls, shelf: &Shelf, keys: &[&str]) -> Result<(), CloudError> {
    let s3 = client(config, calls, shelf);
    for key in keys {
        let delete = s3.delete_object().bucket(&shelf.bucket).key(*key).expected_bucket_owner(shelf.owner.as_ref());
        delete.send().await.map_err(|error| trouble("s3:DeleteObject", &error))?;
    }
    Ok(())
}

/// What S3 says when it is asked about a bucket in the wrong region is no help to anybody.
fn located(error: CloudError, shelf: &Shelf) -> CloudError {
    let elsewhere = ["PermanentRedirect", "AuthorizationHeaderMalformed"];
    if !elsewhere.iter().any(|code| error.message.starts_with(code)) {
        return error;
    }
    let message = format!(
        "the bucket `{}` is not in {}: without `{{region}}` in its name it has to be where the agent is at home",
        shelf.bucket, shelf.region
    );
    CloudError { message, problem: Trouble::Limit, ..error }
}

fn url(endpoint: Option<&str>, shelf: &Shelf, key: &str) -> String {
    let Shelf { bucket, region, .. } = shelf;
    let china = if region.as_ref().starts_with("cn-") { ".cn" } else { "" };
    match endpoint {
        Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
        None => format!("https://{bucket}.s3.{region}.amazonaws.com{china}/{key}"),
    }
}
