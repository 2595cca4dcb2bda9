//! Where things are put in the artifact bucket, and what of them may go.

use crate::table::at;
use jiff::SignedDuration;
use manifests::{
    fleet::Fleet,
    id::{Digest, Region},
    parse::Repository,
};
use plan::{
    facts::{Found, FoundStack},
    select::{Account, Selected, select},
    shelf::{Object, Rules, is_due, used},
};
use std::collections::BTreeSet;

fn rules(bucket: &str) -> Rules {
    Rules { bucket: bucket.into(), owner: "mine".into(), unused: SignedDuration::from_hours(24 * 30) }
}

fn account() -> Account {
    Account::new(
        "111111111111".parse().expect("well-formed"),
        "eu-central-1".parse().expect("well-formed"),
        &Fleet::default(),
    )
}

#[track_caller]
fn check(bucket: &str, region: &str, name: &str, place: &str) {
    let region: Region = region.parse().expect("well-formed");
    let shelf = rules(bucket).shelf(&account(), &region);
    assert_eq!((&*shelf.bucket, shelf.region.as_ref(), shelf.owner.as_str()), (name, place, "111111111111"));
}

#[test]
fn a_bucket_is_named_for_its_account_and_region_and_is_at_home_without_one() {
    check("a-{account}", "us-east-1", "a-111111111111", "eu-central-1");
    check("a-{account}-{region}", "us-east-1", "a-111111111111-us-east-1", "us-east-1");
    check("plain", "eu-central-1", "plain", "eu-central-1");
}

const DAYS: i64 = 86_400;

/// The keys that go after 100 days, of objects so many days old.
fn gone(objects: &[(&str, i64)], used: &[&str]) -> Vec<String> {
    let listed: Vec<Object> =
        objects.iter().map(|(key, days)| Object { key: (*key).into(), at: at((100 - days) * DAYS) }).collect();
    let used: BTreeSet<String> = used.iter().map(|key| (*key).to_owned()).collect();
    rules("b").unused(&listed, &used, at(100 * DAYS)).into_iter().map(ToOwned::to_owned).collect()
}

#[test]
fn only_what_is_ours_old_and_unused_goes() {
    let digest = Digest::of(b"x");
    let (template, artifact) = (rules("b").template(&digest), rules("b").artifact(&digest));
    assert_eq!(gone(&[(&template, 31), (&artifact, 31)], &[]), [template.clone(), artifact.clone()]);
    assert_eq!(gone(&[(&template, 30), (&artifact, 1)], &[]), [""; 0]);
    assert_eq!(gone(&[(&template, 99), (&artifact, 99)], &[&artifact]), std::slice::from_ref(&template));
    let others = [
        format!("holdfast/theirs/templates/{digest}"),
        format!("holdfast/mine/elsewhere/{digest}"),
        format!("holdfast/mine/templates/{digest}.bak"),
        format!("holdfast/mine/templates/{}", &digest.to_string()[1..]),
        format!("x/{template}"),
        "holdfast/mine/".to_owned(),
    ];
    let others: Vec<(&str, i64)> = others.iter().map(|key| (key.as_str(), 99)).collect();
    assert_eq!(gone(&others, &[]), [""; 0], "nobody else's, and nothing that we would not have put there");
}

#[test]
fn it_is_looked_for_once_a_day() {
    assert!(is_due(None, at(0)));
    assert!(!is_due(Some(at(0)), at(DAYS - 1)));
    assert!(is_due(Some(at(0)), at(DAYS)));
}

#[test]
fn what_is_used_now_is_put_there_anew_when_half_of_its_time_is_over() {
    assert_eq!(rules("b").fresh(at(100 * DAYS)), at(85 * DAYS));
}

fn nothing() -> Selected {
    select(&Repository { complete: true, ..Repository::default() }, account(), |_| Ok(Digest::of(b"")))
}

fn found(parameters: &[(&str, &str)]) -> Found {
    let stack = FoundStack {
        id: "arn".into(),
        status: Err("X".into()),
        reason: None,
        change_set: None,
        created: None,
        updated: None,
        tags: [].into(),
        parameters: parameters.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        outputs: [].into(),
        protected: false,
        nested: false,
    };
    let key = manifests::id::StackKey {
        region: "eu-central-1".parse().expect("well-formed"),
        stack: "s".parse().expect("well-formed"),
    };
    Found { stacks: [(key, stack)].into(), ..Found::default() }
}

#[test]
fn what_a_stacks_parameters_say_is_used_wherever_in_them_it_stands() {
    let key = rules("b").artifact(&Digest::of(b"x"));
    let url = format!("https://b.s3.eu-central-1.amazonaws.com/{key}?versionId=1");
    for value in [&key, &url, &format!("a,{key},b")] {
        let used = used(&rules("b"), &nothing(), &found(&[("A", value), ("B", "other")]), false);
        assert_eq!(used, Some([key.clone()].into()), "{value}");
    }
}

#[test]
fn nothing_is_said_to_be_unused_while_that_can_not_be_known() {
    let rules = rules("b");
    assert_eq!(used(&rules, &nothing(), &Found::default(), false), Some([].into()));
    assert_eq!(used(&rules, &nothing(), &Found::default(), true), None, "a change is under way");
    let unreadable =
        Found { unreadable: [("us-east-1".parse().expect("well-formed"), "no".into())].into(), ..Found::default() };
    assert_eq!(used(&rules, &nothing(), &unreadable, false), None, "a region could not be listed");
    let partial = Selected { complete: false, ..nothing() };
    assert_eq!(used(&rules, &partial, &Found::default(), false), None, "a file could not be read");
    let broken = Selected { broken: [("a".parse().expect("well-formed"), "no".into())].into(), ..nothing() };
    assert_eq!(used(&rules, &broken, &Found::default(), false), None, "a manifest could not be read");
}
