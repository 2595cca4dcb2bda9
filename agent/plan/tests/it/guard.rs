//! What a change may destroy.

use crate::table::{World, at, key, word};
use manifests::{id::LogicalId, stack::Stack};
use plan::{
    facts::{Action, Change, ChangeSet, ChangeSetStatus, PolicyAction, Replacement},
    guard::{Budget, Harm, Held, Judgement, Limits, digest, harm, judge, judge_whole, token},
    permit::{Act, Permit},
    preview::Preview,
    step::Step,
};

/// `Modify True Table AWS::X::Y`: the action, what else CloudFormation says of it, the resource.
fn change(text: &str) -> Change {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (logical, kind) = match words.as_slice() {
        [.., kind] if kind.contains("::") => (words[words.len() - 2], *kind),
        _ => (words[words.len() - 1], "AWS::SNS::Topic"),
    };
    Change {
        action: Action::from_word(words[0]),
        logical: word(logical),
        physical: Some("physical".into()),
        kind: kind.into(),
        replacement: words.iter().find_map(|word| Replacement::from_word(word)),
        policy: words.iter().find_map(|word| PolicyAction::from_word(word)),
        details: vec![],
    }
}

fn changes(text: &str) -> Vec<Change> {
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(change).collect()
}

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

/// A change of `app` that does this, by a manifest changed like that.
struct Case {
    step: Step,
    manifest: Stack,
    set: ChangeSet,
}

fn case(does: &str, written: impl FnOnce(&mut Stack)) -> Case {
    let mut manifest = crate::table::manifest("app");
    written(&mut manifest);
    let set = ChangeSet {
        id: "arn:change-set".into(),
        stack_id: "arn:stack".into(),
        status: ChangeSetStatus::Ready,
        reason: None,
        changes: changes(does),
    };
    Case { step: World::of("app@2", "app@1 CREATE_COMPLETE ours").step("app"), manifest, set }
}

impl Case {
    fn preview(&self) -> Preview<'_> {
        Preview { step: &self.step, manifest: &self.manifest, set: self.set.clone() }
    }

    fn judge(&self, limits: &Limits, budget: &mut Budget) -> Judgement {
        judge(&self.preview(), limits, budget)
    }
}

fn ids(text: &str) -> impl Iterator<Item = LogicalId> {
    text.split_whitespace().map(word)
}

fn allows(remove: &str, replace: &str) -> impl FnOnce(&mut Stack) {
    move |stack| {
        stack.allow.remove.extend(ids(remove));
        stack.allow.replace.extend(ids(replace));
    }
}

#[track_caller]
fn permitted(judgement: Judgement) -> Permit {
    match judgement {
        Judgement::Permitted(permit) => permit,
        Judgement::Held(held) => panic!("it was held: {}", held.why),
        Judgement::NextTurn => panic!("it was left for the next turn"),
    }
}

#[track_caller]
fn held(judgement: Judgement) -> Held {
    match judgement {
        Judgement::Held(held) => held,
        Judgement::Permitted(permit) => panic!("it was permitted: {permit:?}"),
        Judgement::NextTurn => panic!("it was left for the next turn"),
    }
}

/// Whether a change that does this, with this allowed, may go ahead under the limits that a new account has.
fn goes(does: &str, remove: &str, replace: &str) -> bool {
    let limits = Limits::default();
    match case(does, allows(remove, replace)).judge(&limits, &mut Budget::new(&limits)) {
        Judgement::Permitted(_) => true,
        Judgement::Held(_) => false,
        Judgement::NextTurn => panic!("a first change is never left for the next turn"),
    }
}

#[test]
fn what_destroys_nothing_goes_ahead() {
    assert!(goes("", "", ""));
    assert!(goes("Add A, Modify False B, Import C, SyncWithActual D, Remove Retain E", "", ""));
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
fn what_is_permitted_is_exactly_what_was_judged() {
    let limits = Limits::default();
    let permit = permitted(case("Add A", |_| ()).judge(&limits, &mut Budget::new(&limits)));
    assert_eq!(*permit.key(), key("app"));
    assert_eq!(*permit.act(), Act::Execute { change_set: "arn:change-set".into(), stack_id: "arn:stack".into() });
}

#[test]
fn a_manifest_can_tighten_the_accounts_limits_and_not_loosen_them() {
    let goes = |account: u32, manifest: Option<u32>, does: &str| {
        let limits = Limits { removals_per_change: account, replacements_per_change: account, ..Limits::default() };
        let written = |stack: &mut Stack| (stack.limits.removals, stack.limits.replacements) = (manifest, manifest);
        matches!(case(does, written).judge(&limits, &mut Budget::new(&limits)), Judgement::Permitted(_))
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
fn what_a_turn_has_destroyed_is_never_given_back() {
    let limits = Limits { removals_per_turn: 3, replacements_per_turn: 1, ..Limits::default() };
    let mut budget = Budget::new(&limits);
    let mut judge = |does: &str| case(does, allows("A B", "A B")).judge(&limits, &mut budget);
    permitted(judge("Remove A, Remove B"));
    assert_eq!(judge("Remove A, Remove B"), Judgement::NextTurn);
    permitted(judge("Remove A"));
    assert_eq!(judge("Remove A"), Judgement::NextTurn);
    permitted(judge("Modify True A"));
    assert_eq!(judge("Dynamic B"), Judgement::NextTurn);
    permitted(judge("Add A"));
}

#[test]
fn what_is_left_for_the_next_turn_takes_nothing_from_this_one() {
    let limits = Limits { removals_per_turn: 1, replacements_per_turn: 1, ..Limits::default() };
    let mut budget = Budget::new(&limits);
    let mut judge = |does: &str| case(does, allows("A", "B")).judge(&limits, &mut budget);
    permitted(judge("Modify True B"));
    assert_eq!(judge("Remove A, Modify True B"), Judgement::NextTurn);
    permitted(judge("Remove A"));
}

#[test]
fn what_no_turn_could_ever_do_is_held_and_not_left_for_the_next() {
    let limits = Limits { removals_per_turn: 1, ..Limits::default() };
    let held = held(case("Remove A, Remove B", allows("A B", "")).judge(&limits, &mut Budget::new(&limits)));
    assert_eq!(
        held.why,
        "would remove 2 resources, and this account allows 1 in a turn; ends with a smaller commit, or when the \
         account's limits are raised"
    );
}

#[test]
fn a_held_change_says_what_it_would_destroy_and_what_releases_it() {
    let why = |does: &str, limits: Limits| held(case(does, |_| ()).judge(&limits, &mut Budget::new(&limits))).why;
    assert_eq!(
        why("Remove Table AWS::DynamoDB::Table, Add Other", Limits::default()),
        "would remove Table (AWS::DynamoDB::Table), and nothing unnamed may go; ends with a commit that leaves them alone, \
         or writes `allow: [{remove: Table}]` in stacks/app.yaml"
    );
    assert_eq!(
        why("Modify True A, Dynamic B", Limits { replacements_per_change: 1, ..Limits::default() }),
        "would replace A (AWS::SNS::Topic) and B (AWS::SNS::Topic), and the limit is 1; ends with a commit that leaves them \
         alone, or writes `allow: [{replace: A}, {replace: B}]` in stacks/app.yaml"
    );
    let four = why("Remove A, Remove B, Remove C, Remove D", Limits::default());
    assert!(four.starts_with("would remove A (AWS::SNS::Topic), B (AWS::SNS::Topic), C (AWS::SNS::Topic) and 1 more,"));
}

#[test]
fn a_change_that_would_destroy_everything_still_fits_a_sentence() {
    let does: Vec<String> = (0..500).map(|number| format!("Remove {}{number:03}", "R".repeat(252))).collect();
    let limits = Limits::default();
    let held = held(case(&does.join(","), |_| ()).judge(&limits, &mut Budget::new(&limits)));
    assert!(held.why.len() < 4096, "{} bytes", held.why.len());
}

#[test]
fn a_held_change_is_remembered_under_the_case_that_the_planner_looks_for() {
    let world = World::of("app@2", "app@1 CREATE_COMPLETE ours");
    let limits = world.policy.limits;
    let case = Case { step: world.step("app"), ..case("Remove A", |stack| stack.template = word("t/2.yaml")) };
    let held = held(case.judge(&limits, &mut Budget::new(&limits)));
    let was = plan::memory::WasHeld { case: held.case, why: held.why, plan: held.plan.to_string() };
    let world = world.knowing("app", plan::memory::Known { held: Some(was), ..Default::default() });
    assert_eq!(world.row("app").state().as_str(), "held");
}

#[test]
fn stacks_are_deleted_so_many_a_turn_and_one_that_is_cleared_away_costs_a_removal() {
    let limits = Limits { deletions_per_turn: 1, removals_per_turn: 2, ..Limits::default() };
    let mut budget = Budget::new(&limits);
    let mut judged = |step: &Step| judge_whole(step, &mut budget).expect("it needs no change set");
    let step = |there: &str| World::of("net@1, app@1", &format!("net@1 CREATE_COMPLETE ours, {there}")).step("app");
    let old = World::of("net@1", "net@1 CREATE_COMPLETE ours, old@1 CREATE_COMPLETE ours prune").step("old");
    let (stack_id, none) = (old.action.stack_id().expect("an ARN").to_owned(), std::collections::BTreeSet::new());
    permitted(judged(&step("app@- ROLLBACK_COMPLETE ours")));
    assert_eq!(*permitted(judged(&old)).act(), Act::Delete { stack_id, retain: none });
    assert_eq!(judged(&old), Judgement::NextTurn);
    permitted(judged(&step("app@- CREATE_FAILED ours")));
    assert_eq!(judged(&step("app@- ROLLBACK_FAILED ours")), Judgement::NextTurn);
    // What only goes on takes nothing away.
    permitted(judged(&step("app@- UPDATE_ROLLBACK_FAILED ours")));
    assert_eq!(judge_whole(&World::of("app@1", "").step("app"), &mut budget), None);
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
    let elsewhere = Case { step: World::of("web@1", "").step("web"), ..case("Remove A, Modify True B", |_| ()) };
    assert_ne!(digest(&elsewhere.preview()), one, "another stack is another destruction");
}

#[test]
fn a_token_is_the_same_for_one_attempt_and_for_no_other() {
    let there = "app@1 CREATE_COMPLETE ours";
    let step = World::of("app@2", there).step("app");
    let one = token(&step);
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
