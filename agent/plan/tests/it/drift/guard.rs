//! What a heal may do: what detection named and the change set says, and what nobody can approve.
//!
//! A row: what was found (as looks are written), what the change set does (as the guard's tests write it, with how it found the
//! resource), and what is said of it.

use super::{Eye, healing, rails};
use crate::{
    court::{Court, changes, held, later, permitted},
    table::{ACCOUNT, at, key, manifest, word},
};
use jiff::SignedDuration;
use manifests::{
    approval,
    guardrails::Limits,
    stack::{Location, Stack, Targets},
};
use plan::{
    drift::{
        heal::{Towards, towards},
        remembered::Drifts,
    },
    facts::{ChangeSet, ChangeSetStatus, Detail},
    guard::{HEAL, Judgement, judge_heal, token},
    orders::Approval,
    permit::Act,
    preview::Preview,
    spent::{Spent, Toll},
    step::Step,
};

/// A heal that is judged.
struct Hearing {
    step: Step,
    manifest: Stack,
    set: ChangeSet,
    transforms: Vec<String>,
}

/// The heal of what an eye has found, with a change set that does this.
fn hearing_of(eye: Eye, does: &str) -> Hearing {
    let mut drifts = Drifts::default();
    drifts.change(&key("app"), |known| *known = eye.known);
    let world = healing("app@1 CREATE_COMPLETE ours");
    let selected = world.selected();
    let towards = towards(&world.facts(&selected), &world.plan(), &drifts, &key("app"), false);
    let Towards::Due(step) = towards else { panic!("{towards:?}") };
    let mut manifest = manifest("app");
    manifest.drift = eye.rules;
    let set = ChangeSet {
        id: "arn:change-set".into(),
        stack_id: step.stack_id.clone().expect("it is there"),
        status: ChangeSetStatus::Ready,
        reason: None,
        changes: changes(does),
        reverts: true,
    };
    Hearing { step, manifest, set, transforms: vec![] }
}

fn hearing(found: &str, does: &str) -> Hearing {
    let mut eye = Eye::default();
    eye.sees(0, found);
    hearing_of(eye, does)
}

impl Hearing {
    fn preview(&self) -> Preview<'_> {
        let Self { step, manifest, set, transforms } = self;
        Preview { step, manifest, set: set.clone(), transforms: transforms.clone() }
    }

    fn judged(&self, court: &mut Court) -> Judgement {
        let judgement = judge_heal(&self.preview(), &court.law());
        court.keep(&judgement);
        judgement
    }

    /// What an account without guardrails of its own says of it.
    fn says(&self) -> String {
        said(self.judged(&mut Court::of(Limits::default())))
    }
}

fn said(judgement: Judgement) -> String {
    match judgement {
        Judgement::Permitted(_, cost) => format!("permitted, {} put back", cost.toll.heals),
        Judgement::Held(held) => format!("held: {}", held.why),
        Judgement::Later(why) => format!("later: {why}"),
    }
}

#[track_caller]
fn check(found: &str, does: &str, expect: &str) {
    let said = hearing(found, does).says();
    assert!(said.starts_with(expect), "{found} | {does}\n{said}");
}

const TOPIC: &str = "Topic MODIFIED /DisplayName=b";
const BACK: &str = "Modify False MODIFIED Topic";
const HARM: &str = "held: putting it back would remove or replace ";
const BESIDE: &str = "held: putting it back would also change ";
const NOTHING: &str = "held: CloudFormation finds nothing to put back";

#[test]
fn what_both_name_is_put_back() {
    check(TOPIC, BACK, "permitted, 1 put back");
    check(&format!("{TOPIC}, Queue DELETED"), BACK, "permitted, 1 put back");
    check(&format!("{TOPIC}, Queue DELETED"), &format!("{BACK}, Add DELETED Queue"), "permitted, 2 put back");
    check("Topic DELETED", "Add DELETED Topic", "permitted, 1 put back");
    check("Topic DELETED", "Modify True DELETED ReplaceAndDelete Topic", "permitted, 1 put back");
    check("Topic DELETED", "Modify Conditional DELETED Topic", "permitted, 1 put back");
    check(TOPIC, &format!("{BACK}, SyncWithActual IN_SYNC Queue"), "permitted, 1 put back");
    let (permit, cost) = permitted(hearing(TOPIC, BACK).judged(&mut Court::of(Limits::default())));
    let hearing = hearing(TOPIC, BACK);
    let stack_id = hearing.set.stack_id.clone();
    assert_eq!(*permit.act(), Act::Execute { change_set: "arn:change-set".into(), stack_id });
    assert_eq!((permit.key(), cost.allowed.len(), cost.toll.removals), (&key("app"), 0, 0));
    assert!(permit.token().starts_with(HEAL));
    assert_eq!(permit.token(), token(&hearing.step, None), "the same for the same");
    assert!(permit.token().len() <= 128);
}

#[test]
fn what_only_the_change_set_names_is_held() {
    check(TOPIC, &format!("{BACK}, Modify False IN_SYNC Queue"), &format!("{BESIDE}Queue (AWS::SNS::Topic), of which"));
    check(TOPIC, &format!("{BACK}, Modify False Queue"), BESIDE);
    check(TOPIC, &format!("{BACK}, Modify False NOT_CHECKED Queue"), BESIDE);
    check(TOPIC, &format!("{BACK}, Modify False MODIFIED Queue"), BESIDE);
    check(TOPIC, &format!("{BACK}, Add Queue"), BESIDE);
    check(TOPIC, &format!("{BACK}, Add DELETED Queue"), BESIDE);
    check(TOPIC, "Modify False IN_SYNC Topic", BESIDE);
    check(TOPIC, "Modify False DELETED Topic", BESIDE);
    check(TOPIC, "Modify False A_NEW_WORD Topic", BESIDE);
    check(TOPIC, "Add MODIFIED Topic", BESIDE);
    check("Topic DELETED", BACK, BESIDE);
    check("Topic DELETED", "Add IN_SYNC Topic", BESIDE);
    let why = held(hearing(TOPIC, &format!("{BACK}, Modify False Queue")).judged(&mut Court::of(Limits::default())));
    let digest = why.plan.short(16);
    assert!(why.why.ends_with(&format!(
        "ends with `holdfast approve {digest} --reason …` in this account, or when both say the same"
    )));
}

#[test]
fn nothing_is_removed_or_replaced() {
    let end = " (AWS::SNS::Topic), which a heal never does; ends when a person puts it back, or a commit asks for what is there";
    for does in [
        "Modify True MODIFIED Topic",
        "Modify Conditional MODIFIED Topic",
        "Modify MODIFIED Topic",
        "Remove MODIFIED Topic",
        "Remove Retain MODIFIED Topic",
        "Dynamic MODIFIED Topic",
        "Vaporise MODIFIED Topic",
        "Modify True DELETED Topic",
    ] {
        assert_eq!(hearing(TOPIC, does).says(), format!("{HARM}Topic{end}"), "{does}");
    }
    for does in
        ["Modify True IN_SYNC ReplaceAndDelete Queue", "Remove Queue", "Dynamic Queue", "Modify True DELETED Queue"]
    {
        assert_eq!(hearing(TOPIC, &format!("{BACK}, {does}")).says(), format!("{HARM}Queue{end}"), "{does}");
    }
    for does in ["Remove DELETED Topic", "Dynamic DELETED Topic", "Modify True MODIFIED Topic"] {
        check("Topic DELETED", does, HARM);
    }
}

#[test]
fn what_cant_be_seen_into_is_not_touched() {
    let code = format!("{BACK}, Modify False Code Custom::Thing");
    check(TOPIC, &code, HARM);
    check(TOPIC, &format!("{BACK}, Modify False Child AWS::CloudFormation::Stack"), HARM);
    check(TOPIC, &format!("{BACK}, Modify False walked Child AWS::CloudFormation::Stack"), BESIDE);
    check(TOPIC, &format!("{BACK}, Modify False MODIFIED Child/Topic"), BESIDE);
    check("Code Custom::Thing MODIFIED /X=1", "Modify False MODIFIED Code Custom::Thing", HARM);
}

#[test]
fn a_change_set_that_puts_nothing_back_is_held() {
    check(TOPIC, "", NOTHING);
    check(TOPIC, "SyncWithActual MODIFIED Topic", NOTHING);
    let says = hearing(TOPIC, "SyncWithActual MODIFIED Topic, SyncWithActual Queue").says();
    assert!(says.contains("ends when it no longer does, or `drift.ignore` in the manifest says so"));
}

#[test]
fn a_change_set_that_does_not_go_by_what_is_there_is_held() {
    let mut plain = hearing(TOPIC, BACK);
    plain.set.reverts = false;
    assert!(
        plain.says().starts_with("held: CloudFormation made a change set that does not go by what is really there")
    );
}

#[test]
fn another_stack_in_its_place_is_not_put_back() {
    let mut other = hearing(TOPIC, BACK);
    other.set.stack_id.push('2');
    assert_eq!(other.says(), "later: another stack of its name has taken its place; tried again next turn");
    let no_heal = Hearing { step: crate::court::case("", |_| ()).step, ..hearing(TOPIC, BACK) };
    assert_eq!(no_heal.says(), "later: it is no heal; tried again next turn");
}

#[test]
fn what_the_manifest_ignores_is_not_touched() {
    let ignored = "held: putting it back would also undo what the manifest ignores (`drift.ignore`) of Topic (AWS::SNS::Topic); \
                   ends when it no longer ignores it, or a person puts the rest back";
    let mut property = Eye::ignoring("Topic", &["/DisplayName"]);
    property.sees(0, "Topic MODIFIED /DisplayName=b /Policy=c, Queue DELETED");
    assert_eq!(hearing_of(property.clone(), &format!("{BACK}, Add DELETED Queue")).says(), ignored);
    assert_eq!(hearing_of(property, "Add DELETED Queue").says(), "permitted, 1 put back");
    let mut whole = Eye::ignoring("Topic", &[]);
    whole.sees(0, "Queue DELETED");
    assert_eq!(hearing_of(whole.clone(), &format!("{BACK}, Add DELETED Queue")).says(), ignored);
    assert_eq!(hearing_of(whole.clone(), "Modify False IN_SYNC Topic, Add DELETED Queue").says(), ignored);
    assert_eq!(hearing_of(whole, "SyncWithActual Topic, Add DELETED Queue").says(), "permitted, 1 put back");
}

/// What is ignored can have come to differ after detection looked: then the change set alone says so.
#[test]
fn what_the_change_set_itself_says_of_something_ignored_counts() {
    let with = |paths: &[&str], attribute: &str, name: Option<&str>| {
        let mut eye = Eye::ignoring("Topic", paths);
        eye.sees(0, "Topic MODIFIED /Policy=c");
        let mut hearing = hearing_of(eye, BACK);
        let name = name.map(Into::into);
        let detail = Detail { attribute: attribute.into(), name, before: None, after: None, recreation: None };
        hearing.set.changes[0].details.push(detail);
        hearing.says()
    };
    assert!(with(&["/DesiredCount"], "Properties", Some("DesiredCount")).contains("`drift.ignore`"));
    assert!(with(&["/Tags"], "Tags", None).contains("`drift.ignore`"));
    assert_eq!(with(&["/DesiredCount"], "Properties", Some("Policy")), "permitted, 1 put back");
    assert_eq!(with(&["/Policy/Statement/0"], "Properties", Some("Policy")), "permitted, 1 put back");
}

#[test]
fn what_is_noisy_may_be_put_back_along_with_the_rest() {
    let mut eye = Eye::default();
    eye.sees_first(0, "Noisy MODIFIED /DisplayName=b");
    eye.sees(5, &format!("{TOPIC}, Noisy MODIFIED /DisplayName=b"));
    let says = |does: &str| hearing_of(eye.clone(), &format!("{BACK}, {does}")).says();
    assert_eq!(says("Modify False MODIFIED Noisy"), "permitted, 2 put back");
    assert!(says("Modify False IN_SYNC Noisy").starts_with(BESIDE));
    assert!(says("Add MODIFIED Noisy").starts_with(BESIDE));
    assert!(says("Modify True MODIFIED Noisy").starts_with(HARM));
}

#[test]
fn what_the_account_fences_off_is_not_touched() {
    let says = |spec: &str, does: &str| {
        let mut court = Court::of(Limits::default());
        court.guardrails = rails(spec);
        said(hearing(TOPIC, does).judged(&mut court))
    };
    let denied = "held: would touch Topic (AWS::SNS::Topic), and this account denies `AWS::SNS::*`";
    assert!(says("{types: {denied: ['AWS::SNS::*']}}", BACK).starts_with(denied));
    assert!(says("{may: {adopt: false}}", "Import Topic").starts_with("held: would take in Topic"));
    assert!(says("{may: {adopt: true}}", "Import Topic").starts_with(HARM));
    assert_eq!(says("{types: {denied: ['AWS::SQS::*']}}", BACK), "permitted, 1 put back");
    let code = format!("{BACK}, Add Code Custom::Thing");
    assert!(says("{may: {customResources: false}}", &code).starts_with("held: would run the code behind Code"));
    let nested = format!("{BACK}, SyncWithActual Child AWS::CloudFormation::Stack");
    assert!(says("{may: {nestedStacks: false}}", &nested).starts_with("held: holds the nested stack Child"));
    let mut macros = hearing(TOPIC, BACK);
    macros.transforms.push("Company::Macro".into());
    assert!(macros.says().starts_with("held: its template is rewritten by `Company::Macro`"));
}

#[test]
fn a_day_puts_back_only_so_much() {
    let mut court = Court::of(Limits { heals_per_day: 3, ..Limits::default() });
    let two = || hearing("A DELETED, B DELETED", "Add DELETED A, Add DELETED B");
    let one = || hearing(TOPIC, BACK);
    permitted(two().judged(&mut court));
    court.pass(60);
    let why = later(two().judged(&mut court));
    assert_eq!(
        why.to_string(),
        "as much was destroyed in the last 24 hours as this account allows; goes on at 2025-06-16T15:06:40Z"
    );
    permitted(one().judged(&mut court));
    later(one().judged(&mut court));
    court.now = at(0) + SignedDuration::from_hours(24);
    permitted(two().judged(&mut court));
    let four = hearing(
        "A DELETED, B DELETED, C DELETED, D DELETED",
        "Add DELETED A, Add DELETED B, Add DELETED C, Add DELETED D",
    );
    let why = held(four.judged(&mut court)).why;
    assert!(
        why.starts_with("putting it back would change 4 resources, and this account allows 3 in 24 hours"),
        "{why}"
    );
    let mut never = Court::of(Limits { heals_per_day: 0, ..Limits::default() });
    assert!(held(one().judged(&mut never)).why.contains("allows 0 in 24 hours"));
    assert_eq!(court.memory.spent.of_the_day(court.now).removals, 0, "what is put back is not what is destroyed");
}

#[test]
fn an_approval_releases_what_destroys_nothing() {
    let beside = || hearing(TOPIC, &format!("{BACK}, Modify False IN_SYNC Queue, Add Other"));
    let plan = held(beside().judged(&mut Court::of(Limits::default()))).plan;
    let account = |court: &mut Court, plan: &str, until: i64| {
        let (until, reason, by) = (at(until), "so be it".into(), "jane".into());
        court.orders.approvals = vec![Approval { plan: word(plan), until, reason, by }];
    };
    let mut court = Court::of(Limits::default());
    account(&mut court, &plan.short(16), 100);
    assert_eq!(said(beside().judged(&mut court)), "permitted, 3 put back");
    court.now = at(100);
    assert!(said(beside().judged(&mut court)).starts_with(BESIDE), "it has ended");
    let mut court = Court::of(Limits::default());
    court.approvals = vec![approval::Approval {
        plan: word(&plan.short(16)),
        until: at(100),
        reason: "so be it".into(),
        targets: Targets::default(),
        at: Location { file: word("approvals/1.yaml"), line: 1 },
    }];
    assert_eq!(said(beside().judged(&mut court)), "permitted, 3 put back");
    let more = hearing(TOPIC, &format!("{BACK}, Modify False IN_SYNC Queue, Add Other, Add Third"));
    assert!(said(more.judged(&mut court)).starts_with(BESIDE), "that is another plan");
    for (eye, does, expect) in [
        (Eye::default(), "Modify True MODIFIED Topic", HARM),
        (Eye::default(), "Remove Queue", HARM),
        (Eye::ignoring("Queue", &[]), "Modify False MODIFIED Queue", "held: putting it back would also undo"),
        (Eye::default(), "SyncWithActual Topic", NOTHING),
    ] {
        let of = || {
            let mut eye = eye.clone();
            eye.sees(0, TOPIC);
            hearing_of(eye, does)
        };
        let mut court = Court::of(Limits::default());
        let plan = held(of().judged(&mut court)).plan;
        account(&mut court, &plan.short(16), 100);
        let said = said(of().judged(&mut court));
        assert!(said.starts_with(expect), "{does}: {said}");
    }
}

#[test]
fn the_same_plan_has_the_same_digest_in_every_account() {
    let digest = |hearing: &Hearing| held(hearing.judged(&mut Court::of(Limits::default()))).plan;
    let one = hearing(TOPIC, &format!("{BACK}, Modify False Queue"));
    let mut other = hearing("Topic MODIFIED /DisplayName=c", &format!("Modify False Queue, {BACK}"));
    other.set.changes.iter_mut().for_each(|change| change.physical = Some("another".into()));
    (other.set.id, other.set.stack_id) = ("arn:other".into(), other.set.stack_id.replace(ACCOUNT, "999988887777"));
    other.step.stack_id = Some(other.set.stack_id.clone());
    assert_eq!(digest(&one), digest(&other));
    for does in ["Modify False Queue", "Modify False Other", "Add Queue", "Modify False Queue AWS::SQS::Queue"] {
        let other = hearing(TOPIC, &format!("{BACK}, {does}, Modify False Another"));
        assert_ne!(digest(&one), digest(&other), "{does}");
    }
    let mut elsewhere = hearing(TOPIC, &format!("{BACK}, Modify False Queue"));
    elsewhere.step.key = key("net");
    assert_ne!(digest(&one), digest(&elsewhere));
}

#[test]
fn what_was_found_differently_is_another_heal_with_another_token() {
    let token = |text: &str| token(&hearing(text, BACK).step, None);
    assert_eq!(token(TOPIC), token(TOPIC));
    assert_ne!(token(TOPIC), token("Topic MODIFIED /DisplayName=c"));
}

#[test]
fn what_was_put_back_is_remembered_beside_what_was_destroyed() {
    let read = |text: &str| serde_json::from_str::<Spent>(&format!("\"{text}\""));
    let toll = |heals| Toll { removals: 1, replacements: 2, deletions: 3, heals };
    let of = |text: &str| read(text).expect(text).of_the_day(at(5));
    assert_eq!((of("1750000000:1:2:3"), of("1750000000:1:2:3:4")), (toll(0), toll(4)));
    let mut spent = Spent::default();
    spent.add(at(0), toll(0));
    assert_eq!(serde_json::to_string(&spent).unwrap(), "\"1750000000:1:2:3\"", "as before there were heals");
    spent.add(at(1), Toll { heals: 4, ..Toll::default() });
    assert_eq!(serde_json::to_string(&spent).unwrap(), "\"1750000001:1:2:3:4\"");
    for broken in ["1:2:3", "1:2:3:4:5:6", "1:2:3:4:", "1:2:3:4:-1", "1:2:3:4:99999999999"] {
        assert!(read(broken).is_err(), "{broken}");
    }
}

#[test]
fn what_of_a_named_resource_only_the_change_set_names_is_held() {
    let says = |found: &str, places: &[&str]| {
        let mut hearing = hearing(found, BACK);
        let detail = |name: &&str| Detail {
            attribute: "Properties".into(),
            name: Some((*name).into()),
            before: None,
            after: None,
            recreation: None,
        };
        hearing.set.changes[0].details = places.iter().map(detail).collect();
        hearing.says()
    };
    assert!(says(TOPIC, &["DisplayName"]).starts_with("permitted"));
    // A parameter that is looked up anew, for one, changes another property of the same resource.
    assert!(says(TOPIC, &["DisplayName", "KmsMasterKeyId"]).starts_with(BESIDE));
    assert!(says("Topic MODIFIED /Tags/0/Value=b", &["Tags"]).starts_with("permitted"));
    // Where detection does not say in what it differs, nobody can tell.
    assert!(says("Topic MODIFIED", &["DisplayName"]).starts_with("permitted"));
}
