//! What becomes of a baseline that is doubted: CloudTrail is asked, and an event may come before it.

use super::{Eye, author, look, printed, resource};
use crate::table::{at, word};
use jiff::Timestamp;
use plan::drift::{
    author::Author,
    doubt::Word,
    remembered::{Drifted, Drifts, Finding},
    seen::Look,
};

const TOPIC: &str = "Topic MODIFIED /DisplayName=b";
/// When the look begins, after a change of ours that began at [`BEGAN`].
const LOOKED: i64 = 1_000;
const BEGAN: i64 = 900;
/// CloudTrail has told of everything by then.
const LATER: i64 = LOOKED + 900;

/// Sees this right after our own change.
fn seen(text: &str) -> Eye {
    let mut eye = Eye::default();
    sees(&mut eye, LOOKED, BEGAN, text);
    eye
}

fn sees(eye: &mut Eye, seconds: i64, began: i64, text: &str) {
    let seen = look(seconds, text);
    let resources = seen.deviations.iter().map(|one| resource(one, at(began))).collect();
    eye.learns(Some(at(began)), &Look { resources, ..seen });
}

fn hears(known: &mut Drifted, word: Word, seconds: i64) -> Option<Finding> {
    known.hear(&self::word("Topic"), word, at(seconds))
}

fn somebody(seconds: i64) -> Word {
    Word::Said(vec![author("jane", seconds, true)])
}

/// How many are doubted, how many differences are baseline, and what is found.
fn stands(eye: &Eye) -> (usize, usize, String) {
    (eye.known.doubts.len(), eye.known.baseline.len(), eye.found())
}

fn as_stands(doubts: usize, baseline: usize, found: &str) -> (usize, usize, String) {
    (doubts, baseline, found.into())
}

#[test]
fn whoever_changed_it_between_our_change_and_the_look_is_found() {
    let check = |done: i64, heard: i64, expect: (usize, usize, String)| {
        let mut eye = seen(TOPIC);
        let found = hears(&mut eye.known, somebody(done), heard);
        assert_eq!(stands(&eye), expect, "done at {done}, heard at {heard}");
        assert_eq!(found.as_ref(), eye.known.findings.first());
        found
    };
    let by = |found: Option<Finding>| found.and_then(|found| found.author).map(|author| author.at);
    assert_eq!(by(check(950, 1_001, as_stands(0, 0, "Topic /DisplayName"))), Some(at(950)));
    assert_eq!(by(check(BEGAN, LATER, as_stands(0, 0, "Topic /DisplayName"))), Some(at(BEGAN)));
    assert_eq!(by(check(LOOKED, LATER, as_stands(0, 0, "Topic /DisplayName"))), Some(at(LOOKED)));
    check(BEGAN - 1, 1_001, as_stands(1, 1, ""));
    check(BEGAN - 1, LATER, as_stands(0, 1, ""));
    check(LOOKED + 1, LATER, as_stands(0, 1, ""));
}

#[test]
fn of_several_it_was_the_last_before_the_look_was_read() {
    let mut eye = seen(TOPIC);
    let all = [LOOKED + 1, 950, BEGAN - 1, 980].map(|seconds| author("jane", seconds, true));
    let found = hears(&mut eye.known, Word::Said(all.to_vec()), LATER).expect("somebody did");
    assert_eq!(found.author.map(|author| author.at), Some(at(980)));
}

#[test]
fn it_is_asked_at_once_and_when_cloudtrail_has_told_of_everything() {
    let mut eye = seen(TOPIC);
    let due = |eye: &Eye, seconds| eye.known.doubts.iter().any(|doubt| doubt.is_due(at(seconds)));
    assert!(due(&eye, LOOKED));
    hears(&mut eye.known, Word::Said(vec![]), LOOKED);
    assert_eq!((due(&eye, LATER - 1), due(&eye, LATER)), (false, true));
    hears(&mut eye.known, Word::Said(vec![]), LATER);
    assert_eq!(stands(&eye), as_stands(0, 1, ""));
    assert_eq!(hears(&mut eye.known, somebody(950), LATER), None, "what is not doubted any more is not asked about");
}

#[test]
fn where_nobody_may_ask_only_a_look_at_once_is_believed() {
    let check = |looked: i64, expect: (usize, usize, String)| {
        let mut eye = Eye::default();
        sees(&mut eye, looked, BEGAN, TOPIC);
        let found = hears(&mut eye.known, Word::Refused, looked);
        assert_eq!(stands(&eye), expect, "{looked}");
        assert!(found.is_none_or(|found| found.author.is_none()));
    };
    check(BEGAN + 600, as_stands(0, 1, ""));
    check(BEGAN + 601, as_stands(0, 0, "Topic /DisplayName"));
}

#[test]
fn what_was_done_while_it_was_looked_is_of_whoever_did_it() {
    let mut eye = Eye::default();
    let seen = look(LOOKED, TOPIC);
    let resources = seen.deviations.iter().map(|one| resource(one, at(BEGAN))).collect();
    eye.learns(Some(at(BEGAN)), &Look { resources, read: at(LOOKED + 200), ..seen });
    hears(&mut eye.known, somebody(LOOKED + 201), LOOKED + 300);
    assert_eq!(stands(&eye), as_stands(1, 1, ""));
    hears(&mut eye.known, somebody(LOOKED + 200), LATER);
    assert_eq!(stands(&eye), as_stands(0, 0, "Topic /DisplayName"));
}

#[test]
fn one_that_is_out_of_reach_is_asked_again_and_not_for_ever() {
    let mut eye = seen(TOPIC);
    let due = |eye: &Eye, seconds| eye.known.doubts.iter().any(|doubt| doubt.is_due(at(seconds)));
    hears(&mut eye.known, Word::Silent, LATER);
    assert_eq!((due(&eye, LATER + 299), due(&eye, LATER + 300)), (false, true));
    hears(&mut eye.known, Word::Silent, LOOKED + 2 * 3_600);
    assert_eq!(stands(&eye), as_stands(0, 1, ""), "the look was at once");
}

#[test]
fn an_event_that_comes_after_the_look_is_heard_too() {
    let check = |by: Option<Author>, expect: (usize, usize, String)| {
        let mut eye = seen(TOPIC).named("Topic", by.clone());
        eye.sees_one(LOOKED + 60, "Topic", TOPIC);
        assert_eq!(stands(&eye), expect, "{by:?}");
    };
    let found = || as_stands(0, 0, "Topic /DisplayName");
    check(Some(author("jane", 950, false)), found());
    check(None, found());
    check(Some(author("jane", BEGAN - 1, false)), as_stands(1, 1, ""));
    check(Some(author("jane", LOOKED + 1, false)), as_stands(1, 1, ""));
}

#[test]
fn what_was_asked_about_before_is_not_asked_again() {
    let mut eye = seen(TOPIC);
    hears(&mut eye.known, Word::Said(vec![]), LATER);
    sees(&mut eye, 9_000, 8_900, "Topic MODIFIED /DisplayName=b, Queue MODIFIED /DelaySeconds=1");
    let doubted =
        |known: &Drifted| printed(&known.doubts.iter().map(|doubt| doubt.finding.clone()).collect::<Vec<_>>());
    assert_eq!(doubted(&eye.known), "Queue /DelaySeconds");
    sees(&mut eye, 9_500, 9_400, "Topic MODIFIED /DisplayName=b /Policy=c, Queue MODIFIED /DelaySeconds=1");
    assert_eq!(doubted(&eye.known), "Queue /DelaySeconds, Topic /Policy", "only what is new of it");
    let found = hears(&mut eye.known, somebody(9_450), 9_501).expect("somebody did");
    assert_eq!(found.paths, ["/Policy"]);
    eye.sees(9_600, "Topic MODIFIED /DisplayName=b /Policy=c, Queue MODIFIED /DelaySeconds=1");
    assert_eq!((eye.found().as_str(), eye.known.findings[0].since), ("Topic /Policy", at(9_500)), "it is the same one");
}

#[test]
fn what_is_as_asked_again_is_not_asked_about() {
    let mut eye = seen("Topic MODIFIED /DisplayName=b, Queue MODIFIED /DelaySeconds=1");
    eye.sees_one(LOOKED + 60, "Topic", "Topic IN_SYNC");
    assert_eq!(stands(&eye).0, 1);
    eye.sees(LOOKED + 70, "Queue MODIFIED /DelaySeconds=1");
    assert_eq!(stands(&eye).0, 1);
    eye.sees(LOOKED + 80, "Queue MODIFIED /DelaySeconds=2");
    assert_eq!((stands(&eye).0, eye.found().as_str()), (0, "Queue /DelaySeconds"));
}

/// What can't be doubted for want of room is told.
#[test]
fn what_is_forgotten_is_found_by_the_next_look() {
    let mut eye = seen(TOPIC);
    let mut drifts = Drifts::default();
    let key = crate::table::key("app");
    drifts.change(&key, |known| *known = eye.known.clone());
    while drifts.of(&key).is_some_and(|known| !known.doubts.is_empty()) {
        assert!(drifts.forget());
    }
    eye.known = drifts.of(&key).cloned().unwrap_or_default();
    eye.sees(LATER, TOPIC);
    assert_eq!(eye.found(), "Topic /DisplayName");
}

#[test]
fn it_is_remembered_as_it_was() {
    let known = seen(TOPIC).known;
    let text = serde_json::to_string(&known).expect("it is JSON");
    assert_eq!(serde_json::from_str::<Drifted>(&text).expect("it was just written"), known);
    let _: Timestamp = known.doubts[0].began;
}
