//! What a look says: what somebody did, what says nothing, and what could not be told.

use super::{CANARY, Eye, author, drifts, look, printed};
use crate::table::at;
use jiff::SignedDuration;
use plan::{
    drift::{
        learn::{FRESH, coverage, first},
        seen::{Look, Resource},
    },
    facts::Seen,
};

const TOPIC: &str = "Topic MODIFIED /DisplayName=b";

#[test]
fn what_somebody_changed_is_found() {
    let mut eye = Eye::default();
    let news =
        eye.sees(5, "Topic MODIFIED /DisplayName=b +/Tags/1=c -/Policy, Queue AWS::SQS::Queue DELETED, Role IN_SYNC");
    assert_eq!(eye.found(), "Queue gone, Topic /DisplayName /Tags/1 /Policy");
    assert_eq!(printed(&news.found), "Topic /DisplayName /Tags/1 /Policy, Queue gone");
    assert_eq!((news.back, news.unseen.len()), (vec![], 0));
    let [queue, topic] = eye.known.findings.as_slice() else { panic!("two") };
    assert_eq!((queue.seen(), topic.seen()), (Seen::Deleted, Seen::Modified));
    assert_eq!((queue.kind.as_str(), queue.physical.as_deref()), ("AWS::SQS::Queue", Some("Queue-physical")));
    assert_eq!((queue.since, &queue.author), (at(5), &None));
}

#[test]
fn what_differs_in_nothing_that_is_told_is_found_all_the_same() {
    let mut eye = Eye::default();
    eye.sees_first(5, "Topic MODIFIED");
    assert_eq!(eye.found(), "Topic");
}

#[test]
fn a_baseline_is_taken_with_the_first_look_and_holds_for_the_same_value() {
    let mut eye = Eye::default();
    assert_eq!(eye.sees_first(0, TOPIC).found, []);
    assert_eq!((eye.found().as_str(), eye.known.baseline.len()), ("", 1));
    assert_eq!(eye.known.noisy.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Topic"]);
    eye.sees(10, TOPIC);
    assert_eq!((eye.found().as_str(), eye.known.baseline.len()), ("", 1));
    for other in [
        "Topic MODIFIED /DisplayName=c",
        "Topic MODIFIED +/DisplayName=b",
        "Topic MODIFIED /Other=b",
        "Queue MODIFIED /DisplayName=b",
        "Topic AWS::SQS::Queue MODIFIED /DisplayName=b",
        "Topic MODIFIED /DisplayName=b /Other=b",
        "Topic DELETED /DisplayName=b",
        "Topic DELETED",
    ] {
        let mut eye = eye.clone();
        eye.sees(20, other);
        assert_ne!(eye.found(), "", "{other}");
    }
    let mut eye = Eye::default();
    eye.sees(0, TOPIC);
    assert_eq!((eye.found().as_str(), eye.known.baseline.len()), ("Topic /DisplayName", 0), "not with a later one");
}

#[test]
fn only_what_is_new_about_a_resource_is_told() {
    let mut eye = Eye::default();
    eye.sees_first(0, TOPIC);
    eye.sees(20, "Topic MODIFIED /DisplayName=b /Policy=c");
    assert_eq!(eye.found(), "Topic /Policy");
    assert!(eye.known.noisy.is_empty());
}

#[test]
fn another_first_look_is_another_baseline() {
    let mut eye = Eye::default();
    eye.sees_first(0, TOPIC);
    eye.sees_first(100, "Queue MODIFIED /DelaySeconds=1");
    assert_eq!(eye.known.baseline.len(), 1);
    eye.sees(200, TOPIC);
    assert_eq!(eye.found(), "Topic /DisplayName");
}

#[test]
fn what_our_change_left_alone_gets_no_baseline() {
    let mut eye = Eye::default();
    eye.sees_change(100, 99, TOPIC);
    assert_eq!((eye.found().as_str(), eye.known.baseline.len()), ("Topic /DisplayName", 0));
    let mut eye = Eye::default();
    eye.sees_first(0, TOPIC);
    eye.sees_change(100, 0, "Topic MODIFIED /DisplayName=b /Policy=c");
    assert_eq!((eye.found().as_str(), eye.known.baseline.len()), ("Topic /Policy", 1), "what was baseline is so still");
    let mut eye = Eye::default();
    eye.learns(Some(at(5)), &look(5, TOPIC));
    assert_eq!(eye.found(), "Topic /DisplayName", "nor does one of which nothing is listed");
}

#[test]
fn a_single_look_takes_no_baseline() {
    let mut eye = Eye::default();
    eye.sees_first(0, TOPIC);
    let single = super::only(5, "Queue", "Queue MODIFIED /DelaySeconds=1");
    eye.learns(Some(at(5)), &single);
    assert_eq!(eye.known.baseline.len(), 1);
    eye.sees(9, "Topic MODIFIED /DisplayName=b, Queue MODIFIED /DelaySeconds=1");
    assert_ne!(eye.found(), "");
}

#[test]
fn what_an_event_named_is_never_baseline() {
    let mut eye = Eye::default().named("Topic", Some(author("jane", 3, false)));
    eye.sees_first(5, "Topic MODIFIED /DisplayName=b, Queue MODIFIED /DelaySeconds=1");
    assert_eq!((eye.found().as_str(), eye.known.baseline.len()), ("Topic /DisplayName", 1));
    assert_eq!(eye.known.findings[0].author, Some(author("jane", 3, false)));
    let mut eye = Eye::default().named("Topic", None);
    eye.sees_first(5, TOPIC);
    assert_eq!((eye.found().as_str(), &eye.known.findings[0].author), ("Topic /DisplayName", &None));
}

/// Our own change touches what it changes, and leaves alone what somebody did elsewhere.
#[test]
fn what_was_found_before_our_change_is_not_taken_into_the_baseline_after_it() {
    let mut eye = Eye::default();
    eye.sees_first(0, "Noisy MODIFIED /DisplayName=b, Topic MODIFIED /Policy=n");
    eye.sees(10, "Noisy MODIFIED /DisplayName=b, Topic MODIFIED /Policy=n /DisplayName=b");
    assert_eq!(eye.found(), "Topic /DisplayName");
    let news = eye.sees_first(20, "Noisy MODIFIED /DisplayName=b, Topic MODIFIED /Policy=n /DisplayName=b");
    assert_eq!((eye.found().as_str(), news.back.len(), news.found.len()), ("Topic /DisplayName", 0, 0));
    assert_eq!(eye.known.findings[0].since, at(10));
    assert_eq!(eye.known.baseline.len(), 2, "what was baseline before is so still");
    let news = eye.sees(30, "Noisy MODIFIED /DisplayName=b, Topic MODIFIED /Policy=n");
    assert_eq!((eye.found().as_str(), news.back.len()), ("", 1));
}

#[test]
fn what_is_gone_is_neither_noise_nor_baseline() {
    let mut eye = Eye::default();
    eye.sees_first(0, "Topic DELETED, Pair AWS::EC2::KeyPair DELETED -/Tags/0");
    assert_eq!((eye.found().as_str(), eye.known.baseline.len()), ("Pair gone, Topic gone", 0));
    eye.sees(9, "Topic DELETED");
    assert_eq!(eye.found(), "Topic gone");
}

#[test]
fn known_noise_is_counted_and_not_told() {
    let mut eye = Eye::default();
    eye.sees(0, "Pair AWS::EC2::KeyPair MODIFIED -/Tags/0 -/Tags/1, Topic MODIFIED +/Tags/0={\"Key\":\"aws:x\"}");
    assert_eq!((eye.found().as_str(), eye.known.noise, eye.known.baseline.len()), ("", 3, 0));
    assert_eq!(eye.known.noisy.len(), 2);
    eye.sees_one(1, "Pair", "Pair AWS::EC2::KeyPair MODIFIED -/Tags/0");
    assert_eq!(eye.known.noise, 3, "a single look counts nothing");
    eye.sees(2, "");
    assert_eq!((eye.known.noise, eye.known.noisy.len()), (0, 0));
}

#[test]
fn what_the_manifest_ignores_is_counted_and_not_told() {
    let mut eye = Eye::ignoring("Topic", &["/DisplayName", "/Tags/*/Value"]);
    eye.sees(0, "Topic MODIFIED /DisplayName=b /Tags/0/Value=c");
    assert_eq!((eye.found().as_str(), eye.known.ignored), ("", 2));
    eye.sees(1, "Topic MODIFIED /DisplayName=b /Tags/0/Key=c, Queue MODIFIED /DisplayName=b");
    assert_eq!((eye.found().as_str(), eye.known.ignored), ("Queue /DisplayName, Topic /Tags/0/Key", 1));
    assert_eq!(eye.known.ignoring.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Topic"]);
    eye.sees(2, "Topic DELETED");
    assert_eq!(eye.found(), "Topic gone", "that a property does not matter does not say that the resource doesn't");
    let mut eye = Eye::ignoring("Topic", &[]);
    eye.sees(0, "Topic DELETED, Queue MODIFIED /DelaySeconds=1");
    assert_eq!((eye.found().as_str(), eye.known.ignored), ("Queue /DelaySeconds", 1));
    eye.sees_one(1, "Topic", "Topic MODIFIED /DisplayName=b");
    assert_eq!((eye.known.ignored, eye.known.ignoring.len()), (1, 1), "a single look counts nothing");
}

#[test]
fn a_single_look_at_one_that_is_well_again_leaves_nothing_of_it() {
    let mut eye = Eye::ignoring("Topic", &["/DisplayName"]);
    eye.sees(0, "Topic MODIFIED /DisplayName=b, Pair AWS::EC2::KeyPair MODIFIED -/Tags/0");
    assert_eq!((eye.known.noisy.len(), eye.known.ignoring.len()), (2, 1));
    eye.sees_one(1, "Topic", "Topic IN_SYNC");
    assert_eq!((eye.known.noisy.len(), eye.known.ignoring.len()), (1, 0));
    eye.sees_one(2, "Pair", "Pair AWS::EC2::KeyPair MODIFIED -/KeyName");
    assert_eq!((eye.found().as_str(), eye.known.noisy.len()), ("Pair /KeyName", 0));
}

#[test]
fn what_stays_as_it_was_found_keeps_its_time_and_its_author() {
    let mut eye = Eye::default().named("Topic", Some(author("jane", 3, false)));
    eye.sees(5, "Topic MODIFIED /DisplayName=b /Policy=c");
    eye.known.findings[0].asked = Some(at(7));
    let before = eye.known.findings.clone();
    eye.named.insert("Topic".into(), Some(author("john", 8, false)));
    let news = eye.sees(9, "Topic MODIFIED /Policy=c /DisplayName=b");
    assert_eq!((eye.known.findings.clone(), news.found.len()), (before, 0), "in whatever order it is told");
    let news = eye.sees(20, "Topic MODIFIED /DisplayName=c /Policy=c");
    let found = &eye.known.findings[0];
    assert_eq!((found.since, found.author.as_ref(), found.asked), (at(20), Some(&author("john", 8, false)), None));
    assert_eq!((news.found.len(), news.back.len()), (1, 0));
}

#[test]
fn an_author_who_is_known_later_is_kept() {
    let mut eye = Eye::default();
    eye.sees(5, TOPIC);
    let mut eye = eye.named("Topic", Some(author("jane", 3, false)));
    eye.sees_one(9, "Topic", TOPIC);
    assert_eq!(eye.known.findings[0].since, at(5));
    assert_eq!(eye.known.findings[0].author, Some(author("jane", 3, false)));
}

#[test]
fn what_is_as_asked_again_is_told_once() {
    let mut eye = Eye::default();
    eye.sees(5, "Topic MODIFIED /DisplayName=b, Queue DELETED");
    let news = eye.sees(9, TOPIC);
    assert_eq!((printed(&news.back).as_str(), eye.found().as_str()), ("Queue gone", "Topic /DisplayName"));
    assert_eq!(eye.sees(10, TOPIC).back, []);
}

#[test]
fn a_look_at_one_resource_touches_what_is_known_of_that_one_alone() {
    let mut eye = Eye::default();
    eye.sees(5, "Topic MODIFIED /DisplayName=b, Queue DELETED");
    let news = eye.sees_one(9, "Topic", "Topic IN_SYNC");
    assert_eq!((printed(&news.back).as_str(), eye.found().as_str()), ("Topic /DisplayName", "Queue gone"));
    let news = eye.sees_one(10, "Topic", "Role MODIFIED /Path=c");
    assert_eq!((news.found.len(), eye.found().as_str()), (0, "Queue gone"), "what was not asked for is not told");
}

#[test]
fn what_could_not_be_compared_is_told_and_stands_as_it_stood() {
    let mut eye = Eye::default();
    eye.sees(5, "Topic MODIFIED /DisplayName=b, Queue DELETED, Role MODIFIED /Path=c");
    for word in ["UNKNOWN", "A_NEW_WORD"] {
        let mut eye = eye.clone();
        let news = eye.sees(9, &format!("Topic {word}, Queue {word}, Stranger {word}"));
        assert_eq!(
            (printed(&news.back).as_str(), eye.found().as_str()),
            ("Role /Path", "Queue gone, Topic /DisplayName")
        );
        assert_eq!(eye.known.findings[1].since, at(5));
        let failed = eye.known.failed.clone().unwrap_or_default();
        assert_eq!(failed, "Stranger could not be compared: CloudFormation does not say why");
        eye.sees(10, "");
        assert_eq!((eye.known.failed.clone(), eye.found().as_str()), (None, ""));
    }
    let mut single = eye.clone();
    let news = single.sees_one(9, "Topic", "Topic UNKNOWN");
    assert_eq!((news.back.len(), single.found()), (0, eye.found()));
    assert!(news.unseen.contains("Topic"));
}

#[test]
fn what_the_listing_says_could_not_be_compared_is_not_taken_for_well() {
    let mut eye = Eye::default();
    eye.sees(5, TOPIC);
    let resources = vec![resource("Topic", "AWS::SNS::Topic", Some("t"), Some(Seen::Unknown))];
    eye.learns(None, &Look { resources, ..look(9, "") });
    assert_eq!(eye.found(), "Topic /DisplayName");
    let resources = vec![resource("Topic", "AWS::SNS::Topic", Some("t"), Some(Seen::InSync))];
    eye.learns(None, &Look { resources, ..look(9, "") });
    assert_eq!(eye.found(), "");
}

#[test]
fn why_a_look_is_not_whole_is_kept_until_one_is() {
    let mut eye = Eye::default();
    eye.learns(None, &Look { failed: Some("Rate\nexceeded.".into()), ..look(5, TOPIC) });
    assert_eq!((eye.known.failed.as_deref(), eye.found().as_str()), (Some("Rate exceeded"), "Topic /DisplayName"));
    eye.sees_one(6, "Topic", TOPIC);
    assert!(eye.known.failed.is_some());
    eye.sees(7, TOPIC);
    assert_eq!(eye.known.failed, None);
}

#[test]
fn a_name_that_no_template_can_have_is_passed_over() {
    let mut eye = Eye::default();
    eye.sees(5, "not-a-name MODIFIED /DisplayName=b, Topic MODIFIED /DisplayName=b");
    assert_eq!(eye.found(), "Topic /DisplayName");
}

#[test]
fn no_value_is_remembered() {
    let drifts =
        drifts(5, &format!("Topic MODIFIED /DisplayName={CANARY} +/Tags/1={CANARY}, Queue DELETED -/Policy={CANARY}"));
    let mut eye = Eye::default();
    eye.sees_first(5, &format!("Topic MODIFIED /DisplayName={CANARY}"));
    let text = serde_json::to_string(&(drifts, eye.known)).expect("it is JSON");
    assert!(!text.contains(CANARY), "{text}");
    assert!(text.contains("/DisplayName"));
}

#[test]
fn only_so_many_places_are_remembered_of_one_resource() {
    let paths: Vec<String> = (0..20).map(|number| format!("/P{number}=b")).collect();
    let mut eye = Eye::default();
    eye.sees(5, &format!("Topic MODIFIED {}", paths.join(" ")));
    assert_eq!(eye.known.findings[0].paths.len(), 8);
    let before = eye.known.findings[0].mark;
    eye.sees(6, &format!("Topic MODIFIED {}c", paths.join(" ")));
    assert_ne!(eye.known.findings[0].mark, before, "what is not shown counts too");
}

fn resource(logical: &str, kind: &str, physical: Option<&str>, seen: Option<Seen>) -> Resource {
    Resource { logical: logical.into(), physical: physical.map(Into::into), kind: kind.into(), touched: None, seen }
}

#[test]
fn coverage_is_so_many_of_so_many() {
    let there = Some("there");
    let covered = coverage(&[
        resource("A", "AWS::SNS::Topic", there, Some(Seen::InSync)),
        resource("B", "AWS::SNS::Topic", there, Some(Seen::Modified)),
        resource("C", "AWS::SQS::Queue", there, Some(Seen::Deleted)),
        resource("D", "AWS::IAM::Policy", there, Some(Seen::NotChecked)),
        resource("E", "AWS::EKS::Cluster", there, Some(Seen::Unknown)),
        resource("F", "AWS::IAM::Policy", there, Some(Seen::Unsupported)),
        resource("G", "AWS::X::New", there, None),
        resource("H", "AWS::Never::Made", None, Some(Seen::NotChecked)),
    ]);
    assert_eq!((covered.compared, covered.resources), (3, 7));
    let unseen: Vec<&str> = covered.unseen.iter().map(String::as_str).collect();
    assert_eq!(unseen, ["AWS::EKS::Cluster", "AWS::IAM::Policy", "AWS::X::New"]);
    assert_eq!(coverage(&[]), Default::default());
}

#[test]
fn a_look_is_the_first_when_ours_was_the_last_change_and_is_fresh() {
    let fresh = at(0) + FRESH;
    assert_eq!(first(true, Some(at(0)), None, at(5)), Some(at(0)));
    assert_eq!(first(true, Some(at(0)), None, fresh), Some(at(0)));
    assert_eq!(
        first(true, Some(at(0)), None, fresh + SignedDuration::from_secs(1)),
        None,
        "late ones could be somebody's"
    );
    assert_eq!(first(true, Some(at(60)), Some(at(59)), at(90)), Some(at(60)), "it was changed since it was looked at");
    assert_eq!(first(true, Some(at(60)), Some(at(60)), at(90)), None, "a look is remembered to the second");
    assert_eq!(first(true, Some(at(59)), Some(at(60)), at(90)), None, "it was looked at since");
    assert_eq!(first(false, Some(at(0)), None, at(5)), None, "it was not ours");
    assert_eq!(first(true, None, None, at(5)), None);
}
