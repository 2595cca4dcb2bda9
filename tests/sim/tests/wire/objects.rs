//! S3: objects and buckets.

use crate::stage::{DEV, HUB, REGION, account, server};
use aws_sdk_s3::{
    error::ProvideErrorMetadata,
    primitives::ByteStream,
    types::{BucketLocationConstraint, CreateBucketConfiguration},
};
use sim::wire::Server;

async fn bucket(server: &Server, account_id: &str) -> aws_sdk_s3::Client {
    let s3 = aws_sdk_s3::Client::new(&account(server, account_id).await);
    let place =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION)).build();
    s3.create_bucket().bucket("artifacts").create_bucket_configuration(place).send().await.unwrap();
    s3
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, body: &[u8]) -> String {
    let put = s3.put_object().bucket("artifacts").key(key).body(ByteStream::from(body.to_vec()));
    put.send().await.unwrap().e_tag.unwrap()
}

#[tokio::test]
async fn an_object_is_read_as_it_was_put() {
    let server = server();
    let s3 = bucket(&server, DEV).await;
    // Larger than one chunk of the upload's encoding.
    let body: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let tag = put(&s3, "a b/ü+1.zip", &body).await;
    let got = s3.get_object().bucket("artifacts").key("a b/ü+1.zip").send().await.unwrap();
    assert_eq!(got.e_tag(), Some(tag.as_str()));
    assert!(got.body.collect().await.unwrap().into_bytes() == body, "the bytes differ");
    let head = s3.head_object().bucket("artifacts").key("a b/ü+1.zip").send().await.unwrap();
    assert_eq!(head.content_length(), i64::try_from(body.len()).ok());
}

#[tokio::test]
async fn a_listing_is_paged_and_rolled_up() {
    let server = server();
    let s3 = bucket(&server, DEV).await;
    for key in ["a/1", "a/2", "b/1", "c"] {
        put(&s3, key, b"x").await;
    }
    let list = s3.list_objects_v2().bucket("artifacts");
    let pages: Vec<_> = list.clone().max_keys(3).into_paginator().send().try_collect().await.unwrap();
    let keys: Vec<_> = pages.iter().map(|p| p.contents().iter().filter_map(|o| o.key()).collect::<Vec<_>>()).collect();
    assert_eq!(keys, [vec!["a/1", "a/2", "b/1"], vec!["c"]]);
    let rolled = list.delimiter("/").send().await.unwrap();
    let prefixes: Vec<_> = rolled.common_prefixes().iter().filter_map(|p| p.prefix()).collect();
    assert_eq!((prefixes, rolled.contents()[0].key()), (vec!["a/", "b/"], Some("c")));
}

#[tokio::test]
async fn what_is_missing_or_taken_is_the_error_that_the_sdk_knows() {
    let server = server();
    let s3 = bucket(&server, DEV).await;
    let missing = s3.get_object().bucket("artifacts").key("none").send().await.unwrap_err();
    assert!(missing.into_service_error().is_no_such_key());
    let missing = s3.head_object().bucket("artifacts").key("none").send().await.unwrap_err();
    assert!(missing.into_service_error().is_not_found());
    let other = aws_sdk_s3::Client::new(&account(&server, HUB).await);
    let taken = other.create_bucket().bucket("artifacts").send().await.unwrap_err();
    assert_eq!(taken.code(), Some("BucketAlreadyExists"));
    put(&s3, "once", b"1").await;
    let again = s3.put_object().bucket("artifacts").key("once").if_none_match("*").send().await.unwrap_err();
    assert_eq!(again.code(), Some("PreconditionFailed"));
}

#[tokio::test]
async fn a_deleted_object_is_gone_and_its_bucket_may_go() {
    let server = server();
    let s3 = bucket(&server, DEV).await;
    put(&s3, "k", b"x").await;
    let full = s3.delete_bucket().bucket("artifacts").send().await.unwrap_err();
    assert_eq!(full.code(), Some("BucketNotEmpty"));
    s3.delete_object().bucket("artifacts").key("k").send().await.unwrap();
    s3.delete_bucket().bucket("artifacts").send().await.unwrap();
    assert!(s3.head_bucket().bucket("artifacts").send().await.unwrap_err().into_service_error().is_not_found());
}

/// The SHA-256 checksum of a text, as S3 writes it.
fn sum(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(manifests::id::Digest::of(text.as_bytes()).0)
}

#[tokio::test]
async fn a_checksum_is_checked_and_told_to_whoever_asks() {
    let server = server();
    let s3 = bucket(&server, DEV).await;
    let put = || s3.put_object().bucket("artifacts").key("k").body(ByteStream::from_static(b"text"));
    let wrong = put().checksum_sha256(sum("other")).send().await.unwrap_err();
    assert_eq!(wrong.code(), Some("BadDigest"));
    put().checksum_sha256(sum("text")).send().await.unwrap();
    let head = s3.head_object().bucket("artifacts").key("k");
    assert_eq!(head.clone().send().await.unwrap().checksum_sha256(), None);
    let told = head.checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(told.checksum_sha256(), Some(sum("text").as_str()));
}

#[tokio::test]
async fn a_bucket_of_somebody_else_is_denied_to_whoever_says_whose_it_should_be() {
    let server = server();
    let s3 = bucket(&server, DEV).await;
    let other = aws_sdk_s3::Client::new(&account(&server, HUB).await);
    let put = || other.put_object().bucket("artifacts").key("k").body(ByteStream::from_static(b"x"));
    let denied = put().expected_bucket_owner(HUB).send().await.unwrap_err();
    assert_eq!(denied.code(), Some("AccessDenied"));
    let denied = other.list_objects_v2().bucket("artifacts").expected_bucket_owner(HUB).send().await.unwrap_err();
    assert_eq!(denied.code(), Some("AccessDenied"));
    assert_eq!(s3.list_objects_v2().bucket("artifacts").send().await.unwrap().key_count(), Some(0));
    put().expected_bucket_owner(DEV).send().await.unwrap();
}

#[tokio::test]
async fn a_bucket_answers_only_in_its_region() {
    let server = server();
    bucket(&server, DEV).await;
    let config = account(&server, DEV).await;
    let elsewhere = aws_sdk_s3::config::Builder::from(&config).region(aws_sdk_s3::config::Region::new("us-east-2"));
    let s3 = aws_sdk_s3::Client::from_conf(elsewhere.build());
    let put = s3.put_object().bucket("artifacts").key("k").body(ByteStream::from_static(b"x"));
    assert_eq!(put.send().await.unwrap_err().code(), Some("PermanentRedirect"));
}
