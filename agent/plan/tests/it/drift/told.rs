//! What a report says of drift: how the stack stands, where and by whom, and never a value.

use super::{CANARY, Eye, author, drifts};
use crate::table::{at, key};
use jiff::SignedDuration;
use manifests::{
    drift::Mode,
    guardrails::Who,
    report::{DriftReport, How, State},
};
use plan::drift::{
    remembered::{Coverage, Drifts},
    told::{HEALED, Telling, report, sentence},
    why::Reason,
};

fn told(drifts: &Drifts, mode: Mode, who: Who, reason: Option<&Reason>) -> Option<(DriftReport, State)> {
    report(drifts, &Telling { key: &key("app"), mode, who, reason, now: at(3_600) })
}

#[track_caller]
fn full(drifts: &Drifts) -> (DriftReport, State) {
    told(drifts, Mode::Heal, Who::Full, None).expect("it is looked at")
}

fn coverage(unseen: impl IntoIterator<Item = &'static str>) -> Coverage {
    Coverage { compared: 3, resources: 5, unseen: unseen.into_iter().map(Into::into).collect() }
}

#[test]
fn where_nobody_looks_nothing_is_told() {
    assert_eq!(told(&drifts(0, "Topic DELETED"), Mode::Off, Who::Full, None), None);
}

#[test]
fn a_stack_is_drifted_then_healed_then_in_sync() {
    let mut drifts = drifts(0, "Topic DELETED");
    assert_eq!(full(&drifts).1, State::Drifted);
    drifts.change(&key("app"), |known| (known.heals, known.put_back) = (vec![at(0), at(-9)], Some(at(0))));
    assert_eq!((full(&drifts).1, full(&drifts).0.healed), (State::Drifted, Some(at(0))));
    drifts.change(&key("app"), |known| known.findings.clear());
    assert_eq!(full(&drifts).1, State::Healed);
    drifts.change(&key("app"), |known| known.put_back = Some(at(3_600) - HEALED));
    assert_eq!(full(&drifts).1, State::InSync);
    drifts.change(&key("app"), |known| known.put_back = Some(at(3_600) - HEALED + SignedDuration::from_secs(1)));
    assert_eq!(full(&drifts).1, State::Healed);
    assert_eq!(full(&Drifts::default()).1, State::InSync);
}

#[test]
fn how_much_could_be_seen_is_always_told() {
    let mut drifts = Drifts::default();
    let (never, _) = full(&drifts);
    assert_eq!((never.looked, never.compared, never.resources), (None, 0, 0));
    drifts.look(&key("app"), at(20), &coverage(["AWS::IAM::Policy", "AWS::EKS::Cluster"]));
    let (quiet, _) = full(&drifts);
    assert_eq!((quiet.looked, quiet.compared, quiet.resources), (Some(at(20)), 3, 5));
    assert_eq!(quiet.unseen, ["AWS::EKS::Cluster", "AWS::IAM::Policy"]);
    let many = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];
    drifts.look(&key("app"), at(20), &coverage(many));
    assert_eq!(full(&drifts).0.unseen, many[..10]);
}

#[test]
fn what_says_nothing_is_counted() {
    let mut eye = Eye::ignoring("Topic", &["/DisplayName"]);
    let text = "Topic MODIFIED /DisplayName=b /Policy=c, Pair AWS::EC2::KeyPair MODIFIED -/Tags/0";
    eye.sees_first(0, text);
    let mut drifts = Drifts::default();
    drifts.change(&key("app"), |known| *known = eye.known);
    let (report, state) = full(&drifts);
    assert_eq!((report.baseline, report.noise, report.ignored, report.drifted_total), (1, 1, 1, 0));
    assert_eq!(state, State::InSync);
}

#[test]
fn what_somebody_changed_is_told_with_who_it_was() {
    let mut drifts = drifts(5, "Topic MODIFIED /DisplayName=b, Queue AWS::SQS::Queue DELETED");
    drifts.change(&key("app"), |known| known.findings[1].author = Some(author("deploy", 3, true)));
    let (report, _) = full(&drifts);
    let [queue, topic] = report.drifted.as_slice() else { panic!("two") };
    assert_eq!((queue.resource.as_str(), queue.how, queue.paths.len()), ("Queue", How::Deleted, 0));
    assert_eq!((queue.by.as_ref(), queue.call.as_ref(), queue.at), (None, None, None));
    assert_eq!((topic.resource.as_str(), topic.how, topic.since), ("Topic", How::Modified, at(5)));
    assert_eq!(topic.paths, ["/DisplayName"]);
    assert!(topic.by.as_ref().is_some_and(|by| by.ends_with("/jane")));
    assert_eq!((topic.from.as_deref(), topic.at), (Some("192.0.2.7"), Some(at(3))));
    let (report, _) = told(&drifts, Mode::Warn, Who::None, None).expect("it is looked at");
    assert_eq!((report.drifted[1].by.as_ref(), report.drifted[1].from.as_ref()), (None, None));
    let text = serde_json::to_string(&report).expect("it is JSON");
    assert!(!text.contains("jane") && !text.contains("192.0.2.7"), "{text}");
}

#[test]
fn only_so_many_resources_are_told_and_how_many_there_are() {
    let all: Vec<String> = (0..30).map(|number| format!("R{number} DELETED")).collect();
    let (report, _) = full(&drifts(0, &all.join(",")));
    assert_eq!((report.drifted.len(), report.drifted_total), (20, 30));
}

#[test]
fn why_it_is_not_put_back_comes_before_why_it_could_not_be_seen() {
    let mut drifts = drifts(0, "Topic DELETED");
    assert_eq!(full(&drifts).0.why, None);
    drifts.change(&key("app"), |known| known.failed = Some("Queue could not be compared: no".into()));
    let why = "the last look was not whole: Queue could not be compared: no; tried again when it is due";
    assert_eq!(full(&drifts).0.why.as_deref(), Some(why));
    let (report, _) = told(&drifts, Mode::Warn, Who::Full, Some(&Reason::ForChange)).expect("it is looked at");
    assert_eq!(report.why.as_deref(), Some("is put back with, or after, the change that the stack waits for"));
}

#[test]
fn one_sentence_says_all_of_it() {
    let drifts = drifts(0, "Topic MODIFIED /DisplayName=b");
    let findings = drifts.findings(&key("app"));
    assert_eq!(sentence(findings, Who::Full, None), "drifted: Topic (AWS::SNS::Topic /DisplayName)");
    assert_eq!(
        sentence(findings, Who::Full, Some(&Reason::ForChange)),
        "drifted: Topic (AWS::SNS::Topic /DisplayName); is put back with, or after, the change that the stack waits for"
    );
}

#[test]
fn no_value_is_told() {
    let text =
        format!("Topic MODIFIED /DisplayName={CANARY} +/Tags/1={CANARY} -/Policy={CANARY}, Queue DELETED /X={CANARY}");
    let mut eye = Eye::default();
    let news = eye.sees(0, &text);
    let mut drifts = Drifts::default();
    drifts.change(&key("app"), |known| *known = eye.known);
    let said = sentence(drifts.findings(&key("app")), Who::Full, None);
    let told = serde_json::to_string(&full(&drifts).0).expect("it is JSON");
    assert!(told.contains("/Policy") && said.contains("/DisplayName"));
    for text in [said, told, format!("{news:?}")] {
        assert!(!text.contains(CANARY), "{text}");
    }
}
