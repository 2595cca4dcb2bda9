//! SSM and STS.

use crate::stage::{DEV, HUB, account, calls, server, session};
use aws_sdk_ssm::{
    error::ProvideErrorMetadata,
    types::{ParameterTier, ParameterType, Tag},
};

#[tokio::test]
async fn a_parameter_is_read_as_it_was_put_and_counts_its_versions() {
    let server = server();
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    let put = ssm.put_parameter().name("/a/b").value("one").r#type(ParameterType::String);
    let tag = Tag::builder().key("team").value("x").build().unwrap();
    assert_eq!(put.tags(tag).send().await.unwrap().version(), 1);
    let again = ssm.put_parameter().name("/a/b").value("two").overwrite(true).send().await.unwrap();
    assert_eq!((again.version(), again.tier()), (2, Some(&ParameterTier::Standard)));

    let read = ssm.get_parameter().name("/a/b:2").send().await.unwrap().parameter.unwrap();
    assert_eq!((read.value(), read.version(), read.selector()), (Some("two"), 2, Some(":2")));
    let before = ssm.get_parameter().name("/a/b:1").send().await.unwrap().parameter.unwrap();
    assert_eq!((before.value(), before.version(), before.selector()), (Some("one"), 1, Some(":1")));
    let missing = ssm.get_parameter().name("/a/b:3").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("ParameterVersionNotFound"));
    assert!(read.last_modified_date().is_some());
    assert_eq!(read.arn(), Some("arn:aws:ssm:eu-central-1:111111111111:parameter/a/b"));
}

#[tokio::test]
async fn accounts_on_one_port_do_not_see_each_other() {
    let server = server();
    let dev = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    let hub = aws_sdk_ssm::Client::new(&account(&server, HUB).await);
    dev.put_parameter().name("/a").value("dev").r#type(ParameterType::String).send().await.unwrap();
    let missing = hub.get_parameter().name("/a").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("ParameterNotFound"));
    assert!(missing.into_service_error().is_parameter_not_found());
    assert_eq!((calls(&server, DEV, "ssm:PutParameter"), calls(&server, HUB, "ssm:GetParameter")), (1, 1));
}

#[tokio::test]
async fn what_can_not_be_read_is_listed_and_not_an_error() {
    let server = server();
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    ssm.put_parameter().name("/s").value("secret").r#type(ParameterType::SecureString).send().await.unwrap();
    let read = ssm.get_parameters().names("/s").names("/none").send().await.unwrap();
    assert_eq!(read.invalid_parameters(), ["/none"]);
    assert_ne!(read.parameters()[0].value(), Some("secret"), "it was not asked to be decrypted");
    let open = ssm.get_parameters().names("/s").with_decryption(true).send().await.unwrap();
    assert_eq!(open.parameters()[0].value(), Some("secret"));
}

#[tokio::test]
async fn a_path_is_read_page_by_page() {
    let server = server();
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    for n in 0..23 {
        let put = ssm.put_parameter().name(format!("/app/{n:02}/x")).value("v").r#type(ParameterType::String);
        put.send().await.unwrap();
    }
    ssm.put_parameter().name("/apple").value("v").r#type(ParameterType::String).send().await.unwrap();
    let pages = ssm.get_parameters_by_path().path("/app").recursive(true).into_paginator().send();
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    let sizes: Vec<_> = pages.iter().map(|page| page.parameters().len()).collect();
    assert_eq!(sizes, [10, 10, 3]);
    let flat = ssm.get_parameters_by_path().path("/app").send().await.unwrap();
    assert!(flat.parameters().is_empty(), "nothing stands directly below the path");
}

#[tokio::test]
async fn limits_are_those_of_the_tiers() {
    let server = server();
    let ssm = aws_sdk_ssm::Client::new(&account(&server, DEV).await);
    let put = |bytes: usize, tier| {
        let put = ssm.put_parameter().name("/big").value("x".repeat(bytes)).r#type(ParameterType::String);
        put.overwrite(true).tier(tier).send()
    };
    assert_eq!(put(4097, ParameterTier::Standard).await.unwrap_err().code(), Some("ValidationException"));
    assert!(put(4097, ParameterTier::Advanced).await.is_ok());
    assert_eq!(put(8193, ParameterTier::Advanced).await.unwrap_err().code(), Some("ValidationException"));
    assert_eq!(put(1, ParameterTier::Standard).await.unwrap_err().code(), Some("ValidationException"), "no way back");
    let taken = ssm.put_parameter().name("/big").value("x").r#type(ParameterType::String).send().await.unwrap_err();
    assert_eq!(taken.code(), Some("ParameterAlreadyExists"));
}

#[tokio::test]
async fn assumed_credentials_lead_into_the_other_account() {
    let server = server();
    let sts = aws_sdk_sts::Client::new(&account(&server, DEV).await);
    let me = sts.get_caller_identity().send().await.unwrap();
    assert_eq!((me.account(), me.arn()), (Some(DEV), Some("arn:aws:iam::111111111111:root")));
    let role = "arn:aws:iam::222222222222:role/holdfast/agent";
    let assumed = sts.assume_role().role_arn(role).role_session_name("me").send().await.unwrap();
    let given = assumed.credentials().unwrap();
    let other = session(&server, given.access_key_id(), Some(given.session_token().to_owned())).await;
    let there = aws_sdk_sts::Client::new(&other).get_caller_identity().send().await.unwrap();
    assert_eq!((there.account(), there.arn()), (Some(HUB), Some("arn:aws:sts::222222222222:assumed-role/agent/me")));
}
