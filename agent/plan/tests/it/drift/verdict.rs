//! Whether a heal helped: what is seen to be as asked again, and nothing else.

use super::{CANARY, Eye, author};
use crate::table::{at, found, word};
use manifests::{
    drift::Drift,
    guardrails::{Guardrails, Who},
    id::LogicalId,
};
use plan::drift::{
    heal::Scene,
    learn::News,
    verdict::{Verdict, judge, names},
};
use std::collections::BTreeMap;

/// An eye that has found this, and whose findings are being put back.
fn healing(text: &str) -> Eye {
    let mut eye = Eye::default();
    eye.sees(0, text);
    eye.known.healing = eye.known.findings.iter().map(|finding| finding.logical.clone()).collect();
    eye.known.heals = vec![at(10)];
    eye
}

/// In an account that tells everything.
fn within<T>(ask: impl FnOnce(Scene<'_>) -> T) -> T {
    let mut guardrails = Guardrails::default();
    guardrails.drift.who = Who::Full;
    ask(Scene { found: &found("app@1 UPDATE_COMPLETE ours").1, rules: &Drift::default(), guardrails: &guardrails })
}

/// What comes of it when each of these resources looks like that again; one that is not named could not be looked at.
fn after(eye: &mut Eye, looks: &[&str]) -> Verdict {
    // So late that nobody tries to look any more.
    after_at(eye, looks, 4_000)
}

fn after_at(eye: &mut Eye, looks: &[&str], now: i64) -> Verdict {
    let one = |text: &&str| -> (LogicalId, News) {
        let logical = text.split_whitespace().next().expect(text);
        (word(logical), eye.sees_one(20, logical, text))
    };
    let looks: BTreeMap<LogicalId, News> = looks.iter().map(one).collect();
    within(|scene| judge(&mut eye.known, scene, &looks, at(now)))
}

const BOTH: &str = "Topic MODIFIED /DisplayName=canary-hunter2, Queue AWS::SQS::Queue DELETED";

#[test]
fn what_is_as_asked_again_was_put_back() {
    let mut eye = healing(BOTH);
    let verdict = after(&mut eye, &["Topic IN_SYNC", "Queue AWS::SQS::Queue IN_SYNC"]);
    let healed = "put back Queue (AWS::SQS::Queue, deleted) and Topic (AWS::SNS::Topic /DisplayName)";
    assert_eq!(verdict, Verdict { healed: Some(healed.into()), left: None });
    assert_eq!((eye.found().as_str(), eye.known.healing.len(), &eye.known.stopped), ("", 0, &None));
}

#[test]
fn what_is_as_before_is_not_tried_again() {
    let mut eye = healing(BOTH);
    let verdict = after(&mut eye, &["Topic MODIFIED /DisplayName=canary-hunter2", "Queue AWS::SQS::Queue IN_SYNC"]);
    assert_eq!(verdict.healed.as_deref(), Some("put back Queue (AWS::SQS::Queue, deleted)"));
    assert_eq!(verdict.left.as_deref(), Some("Topic (AWS::SNS::Topic /DisplayName) is as before after it"));
    let stop = eye.known.stopped.clone().expect("it is stopped");
    assert_eq!(
        stop.why,
        "does not stay put back (HealNotConverging): Topic (AWS::SNS::Topic /DisplayName) is as before after a heal that went \
         well; ends with a commit that asks for what is there, when a person puts it back, or with `holdfast drift heal`"
    );
    assert_eq!(stop, within(|scene| scene.stop(&eye.known, stop.why.clone(), None)));
    let mut eye = healing(BOTH);
    let verdict = after(&mut eye, &["Topic MODIFIED /DisplayName=canary-hunter2", "Queue AWS::SQS::Queue DELETED"]);
    assert_eq!(verdict.healed, None);
    let left = "Queue (AWS::SQS::Queue, deleted) and Topic (AWS::SNS::Topic /DisplayName) are as before after it";
    assert_eq!(verdict.left.as_deref(), Some(left));
}

#[test]
fn what_could_not_be_looked_at_says_nothing() {
    for looks in [&["Queue AWS::SQS::Queue IN_SYNC"][..], &["Queue AWS::SQS::Queue IN_SYNC", "Topic UNKNOWN"]] {
        let mut eye = healing(BOTH);
        let verdict = after(&mut eye, looks);
        assert_eq!(verdict.healed.as_deref(), Some("put back Queue (AWS::SQS::Queue, deleted)"));
        assert_eq!(verdict.left.as_deref(), Some("Topic could not be looked at again"));
        assert_eq!((eye.found().as_str(), &eye.known.stopped), ("Topic /DisplayName", &None));
    }
    let mut eye = healing("Topic MODIFIED /DisplayName=b");
    let verdict = after(&mut eye, &["Topic NOT_CHECKED"]);
    assert_eq!((verdict.healed, verdict.left.as_deref()), (None, Some("Topic could not be looked at again")));
    let mut eye = healing(BOTH);
    let verdict = after(&mut eye, &[]);
    assert_eq!((verdict.healed, verdict.left.as_deref()), (None, Some("Queue, Topic could not be looked at again")));
}

#[test]
fn what_could_not_be_looked_at_is_looked_at_in_another_turn() {
    let mut eye = healing(BOTH);
    let verdict = after_at(&mut eye, &["Queue AWS::SQS::Queue IN_SYNC"], 60);
    assert_eq!(verdict.healed.as_deref(), Some("put back Queue (AWS::SQS::Queue, deleted)"));
    assert_eq!((verdict.left, &eye.known.healing), (None, &vec![word("Topic")]));
    let verdict = after_at(&mut eye, &["Topic IN_SYNC"], 120);
    assert_eq!(verdict.healed.as_deref(), Some("put back Topic (AWS::SNS::Topic /DisplayName)"));
    assert_eq!((eye.known.healing.len(), eye.known.put_back), (0, Some(at(10))));
}

#[test]
fn what_did_not_help_is_counted_and_nothing_is_called_put_back() {
    let mut eye = healing("Topic MODIFIED /DisplayName=b");
    after(&mut eye, &["Topic MODIFIED /DisplayName=c"]);
    assert_eq!((eye.known.heals.len(), eye.known.put_back), (1, None), "another value each time is the same fight");
}

#[test]
fn what_was_found_meanwhile_or_is_never_put_back_does_not_count_against_it() {
    let mut eye = healing("Topic MODIFIED /DisplayName=b, Proxy AWS::RDS::DBProxy MODIFIED /Auth=b");
    eye.sees_one(15, "Role", "Role AWS::IAM::Role MODIFIED /Path=c");
    let verdict = after(&mut eye, &["Topic IN_SYNC", "Proxy AWS::RDS::DBProxy MODIFIED /Auth=b"]);
    assert_eq!(verdict.healed.as_deref(), Some("put back Topic (AWS::SNS::Topic /DisplayName)"));
    let left =
        "Proxy (AWS::RDS::DBProxy /Auth) and Role (AWS::IAM::Role /Path) were not part of what CloudFormation put back";
    assert_eq!((verdict.left.as_deref(), &eye.known.stopped), (Some(left), &None));
}

#[test]
fn nothing_that_was_being_put_back_is_nothing_to_say() {
    let mut eye = Eye::default();
    assert_eq!(after(&mut eye, &[]), Verdict::default());
}

#[test]
fn only_so_many_heals_are_remembered() {
    let mut eye = healing("Topic MODIFIED /DisplayName=b");
    eye.known.heals = (0..20).map(at).collect();
    after(&mut eye, &["Topic IN_SYNC"]);
    assert_eq!(eye.known.heals, (13..20).map(at).collect::<Vec<_>>());
}

#[test]
fn resources_are_named_with_what_is_different_and_who_it_was() {
    let mut eye = Eye::default().named("Topic", Some(author("deploy", 3, true)));
    eye.named.insert("Queue".into(), Some(author("deploy", 4, true)));
    eye.sees(5, &format!("{BOTH}, Role AWS::IAM::Role MODIFIED /Path={CANARY} /Tags={CANARY}, Other MODIFIED"));
    let by = |who| {
        let all: Vec<_> = eye.known.findings.iter().collect();
        names(&all, who)
    };
    let jane = "by arn:aws:sts::111122223333:assumed-role/deploy/jane from 192.0.2.7 with sns:SetTopicAttributes at";
    assert_eq!(
        by(Some(Who::Full)),
        format!(
            "Other (AWS::SNS::Topic), Queue (AWS::SQS::Queue, deleted {jane} 2025-06-15T15:06:44Z), Role (AWS::IAM::Role /Path \
             and 1 more) and 1 more"
        )
    );
    assert!(!by(Some(Who::Hashed)).contains("jane") && by(Some(Who::Hashed)).contains("by sha256:"));
    assert!(by(Some(Who::None)).contains("deleted with sns:SetTopicAttributes at"));
    assert!(!by(Some(Who::Full)).contains(CANARY));
    assert_eq!(names(&[], None), "");
}
