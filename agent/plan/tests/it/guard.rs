//! What a change may destroy, of itself and in a day.

use crate::{
    court::{Case, Court, allows, case, change, goes, held, later, permitted},
    table::{World, at, key, word},
};
use jiff::SignedDuration;
use manifests::{guardrails::Limits, stack::Stack};
use plan::{
    facts::Change,
    guard::{Begun, Harm, Judgement, digest, harm, judge_whole, token},
    permit::Act,
    spent::Toll,
    step::Step,
    why::Why,
};

#[track_caller]
fn is(text: &str, expect: Harm) {
    assert_eq!(harm(&change(text)), expect, "{text}");
}

#[test]
fn every_change_is_counted_for_the_worst_that_it_can_do() {
    is("Add R", Harm::Nothing);
    is("Add True R", Harm::Nothing);
    is("Add R Custom::Thing", Harm::Nothing);
    is("Import R", Harm::Nothing);
    is("SyncWithActual R", Harm::Nothing);
    is("Modify False R", Harm::Nothing);
    is("Modify True R", Harm::Replaces);
    is("Modify Conditional R", Harm::Replaces);
    is("Modify R", Harm::Replaces);
    is("Modify True ReplaceAndRetain R", Harm::Replaces);
    is("Modify True ReplaceAndSnapshot R", Harm::Replaces);
    is("Dynamic R", Harm::Replaces);
    is("Remove R", Harm::Removes);
    is("Remove Delete R", Harm::Removes);
    is("Remove Snapshot R", Harm::Removes);
    is("Remove Retain R", Harm::Orphans);
    is("Vaporise R", Harm::Removes);
    is("Vaporise Retain R", Harm::Removes);
}

#[test]
fn what_cant_be_seen_into_counts_as_replaced() {
    is("Modify False Child AWS::CloudFormation::Stack", Harm::Replaces);
    is("Modify False Code AWS::CloudFormation::CustomResource", Harm::Replaces);
    is("Modify False Code Custom::Anything", Harm::Replaces);
    is("Modify False Set AWS::CloudFormation::StackSet", Harm::Nothing);
}

#[test]
fn what_destroys_nothing_goes_ahead() {
    assert!(goes("", "", ""));
    assert!(goes("Add A, Modify False B, SyncWithActual D, Remove Retain E", "", ""));
}

#[test]
fn what_exists_is_taken_in_only_where_the_account_lets_things_be_taken_over() {
    let mut court = Court::of(Limits::default());
    let why = held(court.judge(&case("Add A, Import C, Import Child/D", |_| ()))).why;
    assert_eq!(
        why,
        "would take in C (AWS::SNS::Topic physical), which exists already, and this account lets nothing be taken over \
         (`may.adopt`); ends with a commit that asks for something else, or when the account's guardrails change"
    );
    court.guardrails.may.adopt = true;
    permitted(court.judge(&case("Add A, Import C, Import Child/D", |_| ())));
}

#[test]
fn what_is_spelled_out_is_allowed_and_nothing_beside_it() {
    assert!(!goes("Remove A", "", ""));
    assert!(goes("Remove A", "A", ""));
    assert!(!goes("Remove A", "a", ""));
    assert!(!goes("Remove A, Remove B", "A", ""));
    assert!(!goes("Remove A", "", "A"), "leave to replace is no leave to remove");
    assert!(!goes("Modify True A", "A", ""), "leave to remove is no leave to replace");
    assert!(goes("Modify True A, Remove B, Dynamic C", "B", "A C"));
    assert!(goes("Vaporise A", "A", ""));
}

#[test]
fn what_lies_in_a_nested_stack_is_named_by_its_way() {
    assert!(!goes("Modify False walked Child AWS::CloudFormation::Stack, Remove Child/Topic", "Topic", ""));
    assert!(goes("Modify False walked Child AWS::CloudFormation::Stack, Remove Child/Topic", "Child/Topic", ""));
    assert!(!goes("Modify False Child AWS::CloudFormation::Stack", "", ""), "it was not walked");
}

#[test]
fn what_is_permitted_is_exactly_what_was_judged() {
    let case = case("Add A", |_| ());
    let stack_id = case.set.stack_id.clone();
    let (permit, _) = permitted(Court::of(Limits::default()).judge(&case));
    assert_eq!(*permit.key(), key("app"));
    assert_eq!(*permit.act(), Act::Execute { change_set: "arn:change-set".into(), stack_id });
}

#[test]
fn a_change_of_another_stack_than_the_one_that_was_looked_at_is_not_permitted() {
    let mut case = case("Add A", |_| ());
    case.set.stack_id.push('2');
    let why = later(Court::of(Limits::default()).judge(&case));
    assert_eq!(why.to_string(), "another stack of its name has taken its place; tried again next turn");
}

#[test]
fn a_manifest_can_tighten_the_accounts_limits_and_not_loosen_them() {
    let goes = |account: u32, manifest: Option<u32>, does: &str| {
        let limits = Limits { removals_per_change: account, replacements_per_change: account, ..Limits::default() };
        let written = |stack: &mut Stack| (stack.limits.removals, stack.limits.replacements) = (manifest, manifest);
        matches!(Court::of(limits).judge(&case(does, written)), Judgement::Permitted(..))
    };
    for two in ["Remove A, Remove B", "Modify True A, Modify True B"] {
        assert!(goes(2, None, two));
        assert!(!goes(1, None, two));
        assert!(!goes(2, Some(1), two));
        assert!(goes(2, Some(9), two));
        assert!(!goes(1, Some(9), two));
        assert!(!goes(0, Some(9), two));
    }
}

#[test]
fn what_was_destroyed_counts_for_24_hours_and_not_a_minute_less() {
    let limits = Limits { removals_per_day: 3, replacements_per_day: 1, ..Limits::default() };
    let mut court = Court::of(limits);
    let both = || allows("A B", "A B");
    permitted(court.judge(&case("Remove A, Remove B", both())));
    court.pass(60);
    let why = later(court.judge(&case("Remove A, Remove B", both())));
    assert_eq!(why, Why::ForBudget { until: Some(at(86_400)) });
    assert_eq!(
        why.to_string(),
        "as much was destroyed in the last 24 hours as this account allows; goes on at 2025-06-16T15:06:40Z"
    );
    permitted(court.judge(&case("Remove A", both())));
    later(court.judge(&case("Remove A", both())));
    permitted(court.judge(&case("Modify True A", both())));
    later(court.judge(&case("Dynamic B", both())));
    permitted(court.judge(&case("Add A", both())));
    court.pass(23 * 60 - 1);
    later(court.judge(&case("Remove A, Remove B", both())));
    court.pass(1);
    permitted(court.judge(&case("Remove A, Remove B", both())));
    later(court.judge(&case("Remove A", both())));
}

#[test]
fn a_clock_that_jumps_gives_nothing_back() {
    let limits = Limits { removals_per_day: 1, ..Limits::default() };
    let mut court = Court::of(limits);
    court.pass(10 * 24 * 60);
    permitted(court.judge(&case("Remove A", allows("A", ""))));
    court.pass(-9 * 24 * 60);
    later(court.judge(&case("Remove A", allows("A", ""))));
}

#[test]
fn what_is_left_for_later_takes_nothing_from_today() {
    let limits = Limits { removals_per_day: 1, replacements_per_day: 1, ..Limits::default() };
    let mut court = Court::of(limits);
    let both = || allows("A", "B");
    permitted(court.judge(&case("Modify True B", both())));
    later(court.judge(&case("Remove A, Modify True B", both())));
    permitted(court.judge(&case("Remove A", both())));
}

#[test]
fn what_no_day_could_ever_hold_is_held_and_not_left_for_later() {
    let limits = Limits { removals_per_day: 1, ..Limits::default() };
    let held = held(Court::of(limits).judge(&case("Remove A, Remove B", allows("A B", ""))));
    assert_eq!(
        held.why,
        "would remove 2 resources, and this account allows 1 in 24 hours; ends with a smaller commit, or when the \
         account's guardrails are raised"
    );
}

/// A sentence with the digest taken out, which nobody can know beforehand.
fn without_digest(why: &str) -> String {
    let words = why
        .split(' ')
        .map(|word| if word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit()) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_held_change_says_what_it_would_destroy_and_what_releases_it() {
    let why = |does: &str, limits: Limits| without_digest(&held(Court::of(limits).judge(&case(does, |_| ()))).why);
    assert_eq!(
        why("Remove Topic, Add Other", Limits::default()),
        "would remove Topic (AWS::SNS::Topic), and nothing unnamed may go; ends with a commit that leaves them alone, or \
         writes `allow: [{remove: Topic}]` in stacks/app.yaml, or `holdfast approve … --reason …` in this account"
    );
    assert_eq!(
        why("Modify True A, Dynamic B", Limits { replacements_per_change: 1, ..Limits::default() }),
        "would replace A (AWS::SNS::Topic) and B (AWS::SNS::Topic), and the limit is 1; ends with a commit that leaves them \
         alone, or writes `allow: [{replace: A}, {replace: B}]` in stacks/app.yaml, or `holdfast approve … --reason …` in \
         this account"
    );
    assert_eq!(
        why("Remove Table AWS::DynamoDB::Table", Limits { removals_per_change: 9, ..Limits::default() }),
        "would remove Table (AWS::DynamoDB::Table), which this account never removes by itself; ends with a commit that \
         leaves them alone, or `holdfast approve … --reason …` in this account"
    );
    let four = why("Remove A, Remove B, Remove C, Remove D", Limits::default());
    assert!(four.starts_with("would remove A (AWS::SNS::Topic), B (AWS::SNS::Topic), C (AWS::SNS::Topic) and 1 more,"));
}

#[test]
fn a_change_that_would_destroy_everything_still_fits_a_sentence() {
    let does: Vec<String> = (0..500).map(|number| format!("Remove {}{number:03}", "R".repeat(252))).collect();
    let held = held(Court::of(Limits::default()).judge(&case(&does.join(","), |_| ())));
    assert!(held.why.len() < 4096, "{} bytes", held.why.len());
}

#[test]
fn stacks_are_deleted_so_many_a_turn_and_a_day_and_one_that_is_cleared_away_costs_a_removal() {
    let mut court = Court::of(Limits { deletions_per_day: 2, removals_per_day: 2, ..Limits::default() });
    let step = |there: &str| World::of("net@1, app@1", &format!("net@1 CREATE_COMPLETE ours, {there}")).step("app");
    let old = World::of("net@1", "net@1 CREATE_COMPLETE ours, old@1 CREATE_COMPLETE ours prune").step("old");
    let (stack_id, none) = (old.action.stack_id().expect("an ARN").to_owned(), std::collections::BTreeSet::new());
    permitted(court.delete(&step("app@- ROLLBACK_COMPLETE ours")));
    let (permit, _) = permitted(court.delete(&old));
    assert_eq!(*permit.act(), Act::Delete { stack_id, retain: none });
    assert_eq!(later(court.delete(&old)), Why::ForTurn { most: 1, what: "deletions" });
    permitted(court.delete(&step("app@- CREATE_FAILED ours")));
    let full = Why::ForBudget { until: Some(at(86_400)) };
    assert_eq!(later(court.delete(&step("app@- ROLLBACK_FAILED ours"))), full);
    // What only goes on takes nothing away.
    permitted(court.delete(&step("app@- UPDATE_ROLLBACK_FAILED ours")));
    court.begun = Begun::default();
    permitted(court.delete(&old));
    court.begun = Begun::default();
    assert_eq!(later(court.delete(&old)), full);
    assert_eq!(judge_whole(&World::of("app@1", "").step("app"), &court.law()), None);
}

#[test]
fn what_was_destroyed_is_written_in_few_letters_and_never_counts_less_for_it() {
    let mut court = Court::of(Limits::default());
    for number in 0..96 {
        court.now = at(number * 20 * 60) + SignedDuration::from_millis(700);
        court.memory.spent.add(court.now, Toll { removals: 1, ..Toll::default() });
    }
    let text = serde_json::to_string(&court.memory.spent).expect("it can be written");
    assert!(text.len() < 1_400, "{} bytes", text.len());
    let read: plan::spent::Spent = serde_json::from_str(&text).expect("it can be read");
    for minutes in [0, 1, 15, 20, 60, 600, 1_439, 1_440, 1_441, 2_000] {
        let now = court.now + SignedDuration::from_mins(minutes);
        let (before, after) = (court.memory.spent.of_the_day(now), read.of_the_day(now));
        assert!(after.removals >= before.removals, "{minutes}: {after:?} and {before:?}");
    }
}

#[test]
fn the_digest_is_of_the_destruction_and_of_nothing_else() {
    let of = |does: &str, change: fn(&mut Change)| {
        let mut case = case(does, |_| ());
        case.set.changes.iter_mut().for_each(change);
        digest(&case.preview())
    };
    let one = of("Remove A, Modify True B, Add C", |_| ());
    assert_eq!(of("Modify True B, Remove A", |_| ()), one, "order and what destroys nothing don't matter");
    assert_eq!(
        of("Remove A, Modify True B", |change| change.physical = Some("other".into())),
        one,
        "nor do physical ids"
    );
    for other in [
        "Remove A",
        "Remove A, Modify True B, Remove C",
        "Remove B, Modify True A",
        "Remove A AWS::X::Y, Modify True B",
    ] {
        assert_ne!(of(other, |_| ()), one, "{other}");
    }
    let later = Case {
        step: World::of("app@3", "app@1 CREATE_COMPLETE ours").step("app"),
        ..case("Remove A, Modify True B", |_| ())
    };
    assert_ne!(digest(&later.preview()), one, "so is the same for another template");
    let elsewhere = Case { step: World::of("web@1", "").step("web"), ..case("Remove A, Modify True B", |_| ()) };
    assert_ne!(digest(&elsewhere.preview()), one, "another stack is another destruction");
}

#[test]
fn a_token_is_the_same_for_one_attempt_and_for_no_other() {
    let there = "app@1 CREATE_COMPLETE ours";
    let step = World::of("app@2", there).step("app");
    let commit = word(&"c0ffee".repeat(7)[..40]);
    let token = |step: &Step| token(step, Some(&commit));
    let one = token(&step);
    assert!(one.ends_with("-c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff"), "{one}");
    assert_eq!(one, token(&World::of("app@2", there).step("app")));
    assert!(one.len() <= 128 && one.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{one}");
    let mut touched = World::of("app@2", there);
    touched.found.stacks.get_mut(&key("app")).expect("it is there").updated = Some(at(5));
    let others = [
        token(&Step { attempt: 2, ..step.clone() }),
        token(&World::of("app@3", there).step("app")),
        token(&touched.step("app")),
        token(&World::of("app@2", "").step("app")),
        token(&World::of("web@2", "").step("web")),
    ];
    let all: std::collections::BTreeSet<&String> = others.iter().chain([&one]).collect();
    assert_eq!(all.len(), 6, "{all:?}");
}
