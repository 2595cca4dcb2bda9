//! S3 over the accounts' `AWS::S3::Bucket` resources and the objects in them ("Amazon S3 API Reference").
//!
//! Bucket policies are kept and not evaluated: every caller may read and write every bucket. Not here: versions,
//! multipart uploads, metadata and ranges.

use super::{Place, message::md5_hex};
use crate::{
    fault::Refusal,
    store::{Key, Object, Properties, Resource},
    world::World,
};
use jiff::Timestamp;
use manifests::id::AccountId;

const KIND: &str = "AWS::S3::Bucket";

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// When it was put.
    pub modified: Timestamp,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its size in bytes.
    pub size: usize,
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Objects.
    pub entries: Vec<Entry>,
    /// What keys begin with up to the delimiter, each once.
    pub prefixes: Vec<String>,
    /// The key or prefix that the next page comes after.
    pub next: Option<String>,
}

/// What `ListObjectsV2` is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys that have it after the prefix are rolled up; none if empty.
    pub delimiter: String,
    /// Only keys after this one.
    pub after: String,
    /// How many entries at most.
    pub most: usize,
}

/// What `PutObject` is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upload {
    /// The bytes.
    pub body: Vec<u8>,
    /// Their SHA-256 checksum in base64, if the caller said one.
    pub sha256: Option<String>,
    /// Never in the place of another (`If-None-Match: *`).
    pub new_only: bool,
    /// Only in the place of one with this entity tag (`If-Match`).
    pub over: Option<String>,
}

/// Whether a bucket is whose the caller says (`x-amz-expected-bucket-owner`): "Verifying bucket ownership with bucket owner
/// condition" in the S3 user guide.
///
/// # Errors
/// `AccessDenied` when it is somebody else's.
pub fn expect(world: &World, bucket: &str, expected: Option<&str>) -> Result<(), Refusal> {
    match (world.bucket_owner(bucket), expected) {
        (Some(owner), Some(expected)) if owner.as_str() != expected => {
            Err(Refusal::new("AccessDenied", 403, "Access Denied"))
        }
        _ => Ok(()),
    }
}

/// Whether a request came to the bucket's region: "Request redirection" in the S3 user guide.
///
/// # Errors
/// `PermanentRedirect` when it did not.
pub fn at_home(world: &mut World, at: &Place<'_>, bucket: &str) -> Result<(), Refusal> {
    if head_bucket(world, bucket)? == at.region.to_string() {
        return Ok(());
    }
    let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
                   future requests to this endpoint.";
    Err(Refusal::new("PermanentRedirect", 301, message))
}

/// An entity tag, as S3 makes it for an object in one piece.
pub fn etag(body: &[u8]) -> String {
    md5_hex(body)
}

fn owner(world: &World, bucket: &str) -> Result<AccountId, Refusal> {
    let missing = || Refusal::new("NoSuchBucket", 404, "The specified bucket does not exist");
    world.bucket_owner(bucket).cloned().ok_or_else(missing)
}

/// Makes a bucket.
///
/// # Errors
/// `InvalidBucketName`; `BucketAlreadyExists` when it is another account's, `BucketAlreadyOwnedByYou`.
pub fn create_bucket(world: &mut World, at: &Place<'_>, bucket: &str) -> Result<(), Refusal> {
    let fits = bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    if !(3..=63).contains(&bucket.len()) || !fits || bucket.starts_with(['-', '.']) || bucket.ends_with(['-', '.']) {
        return Err(Refusal::new("InvalidBucketName", 400, "The specified bucket is not valid."));
    }
    match world.bucket_owner(bucket) {
        Some(owner) if owner == at.account => Err(Refusal::new(
            "BucketAlreadyOwnedByYou",
            409,
            "Your previous request to create the named bucket succeeded and you already own it.",
        )),
        Some(_) => Err(Refusal::new(
            "BucketAlreadyExists",
            409,
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system.",
        )),
        None => {
            let properties = Properties::from_iter([("BucketName".to_owned(), bucket.into())]);
            let mut resource = Resource::new(properties, at.now);
            resource.attributes.insert("Arn".to_owned(), format!("arn:aws:s3:::{bucket}").into());
            world.account(at.account).store.insert(Key::new(at.region, KIND, bucket), resource);
            Ok(())
        }
    }
}

/// The region that a bucket lives in.
///
/// # Errors
/// `NoSuchBucket`.
pub fn head_bucket(world: &mut World, bucket: &str) -> Result<String, Refusal> {
    let owner = owner(world, bucket)?;
    let found = world.account(&owner).store.bucket(bucket).map(|(key, _)| key.region.to_string());
    found.ok_or_else(|| Refusal::new("NoSuchBucket", 404, "The specified bucket does not exist"))
}

/// Deletes an empty bucket.
///
/// # Errors
/// `NoSuchBucket`, `BucketNotEmpty`.
pub fn delete_bucket(world: &mut World, bucket: &str) -> Result<(), Refusal> {
    let owner = owner(world, bucket)?;
    let store = &mut world.account(&owner).store;
    if store.objects(bucket).next().is_some() {
        return Err(Refusal::new("BucketNotEmpty", 409, "The bucket you tried to delete is not empty"));
    }
    if let Some(key) = store.bucket(bucket).map(|(key, _)| key.clone()) {
        store.remove(&key);
    }
    Ok(())
}

/// The names of the account's buckets and when they were made.
pub fn list_buckets(world: &mut World, at: &Place<'_>) -> Vec<(String, Timestamp)> {
    let store = &world.account(at.account).store;
    store.iter().filter(|(key, _)| key.kind == KIND).map(|(key, r)| (key.id.clone(), r.created)).collect()
}

/// Puts an object. Answers its entity tag. Conditions: "How to prevent object overwrites with conditional writes" in the S3 user
/// guide.
///
/// # Errors
/// `NoSuchBucket`, `PreconditionFailed`; `NoSuchKey` when one was to be replaced that is not there.
pub fn put(world: &mut World, at: &Place<'_>, (bucket, key): (&str, &str), upload: Upload) -> Result<String, Refusal> {
    let owner = owner(world, bucket)?;
    let store = &mut world.account(&owner).store;
    let Upload { body, sha256, new_only, over } = upload;
    let there = store.object(bucket, key).map(|object| etag(&object.body));
    if over.is_some() && there.is_none() {
        return Err(Refusal::new("NoSuchKey", 404, "The specified key does not exist."));
    }
    if (new_only && there.is_some()) || (over.is_some() && over != there) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(Refusal::new("PreconditionFailed", 412, message));
    }
    let tag = etag(&body);
    store.put_object(bucket, key, Object { body, modified: at.now, sha256 });
    Ok(tag)
}

/// An object.
///
/// # Errors
/// `NoSuchBucket`, `NoSuchKey`.
pub fn get(world: &mut World, bucket: &str, key: &str) -> Result<Object, Refusal> {
    let owner = owner(world, bucket)?;
    let found = world.account(&owner).store.object(bucket, key).cloned();
    found.ok_or_else(|| Refusal::new("NoSuchKey", 404, "The specified key does not exist."))
}

/// Deletes an object; one that is gone already is fine.
///
/// # Errors
/// `NoSuchBucket`.
pub fn delete(world: &mut World, bucket: &str, key: &str) -> Result<(), Refusal> {
    let owner = owner(world, bucket)?;
    world.account(&owner).store.remove_object(bucket, key);
    Ok(())
}

/// A page of a bucket's objects.
///
/// # Errors
/// `NoSuchBucket`.
pub fn list(world: &mut World, bucket: &str, asked: &ListRequest) -> Result<Listing, Refusal> {
    let owner = owner(world, bucket)?;
    let store = &world.account(&owner).store;
    let mut listing = Listing::default();
    let mut last = String::new();
    for (key, object) in store.objects(bucket).filter(|(key, _)| key.starts_with(&asked.prefix)) {
        let rest = &key[asked.prefix.len()..];
        let rolled = rest.find(&asked.delimiter).filter(|_| !asked.delimiter.is_empty());
        let name = rolled.map_or(key, |at| &key[..asked.prefix.len() + at + asked.delimiter.len()]);
        if name <= asked.after.as_str() || (rolled.is_some() && last == name) {
            continue;
        }
        if listing.entries.len() + listing.prefixes.len() == asked.most {
            listing.next = Some(last);
            break;
        }
        name.clone_into(&mut last);
        match rolled {
            Some(_) => listing.prefixes.push(name.to_owned()),
            None => listing.entries.push(Entry {
                key: key.to_owned(),
                modified: object.modified,
                etag: etag(&object.body),
                size: object.body.len(),
            }),
        }
    }
    Ok(listing)
}
