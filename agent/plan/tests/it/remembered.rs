//! What is remembered, how long it holds, and what forgetting costs.

use crate::table::{World, at, check, fingerprint, key};
use jiff::SignedDuration;
use manifests::stack::Limits as StackLimits;
use plan::{
    guard::case,
    leave::notice,
    memory::{Failed, Known, Memory, Pending, Started, WasHeld, generation},
    orders::Leave,
    short::Short,
};

const THERE: &str = "app@1 CREATE_COMPLETE ours";

fn failed(request: &str, attempts: u32, refused: bool) -> Known {
    let why = "ROLLBACK: Topic (AWS::SNS::Topic): no".into();
    let failed = Failed { fingerprint: fingerprint(request), attempts, at: at(3000), why, refused };
    Known { failed: Some(failed), ..Known::default() }
}

#[test]
fn what_somebody_else_changed_is_asked_again() {
    check("app@1", "app@- UPDATE_COMPLETE ours", "update app");
    check("app@1", "app@x UPDATE_COMPLETE ours", "update app");
    check("app@1", "app@2 UPDATE_COMPLETE ours", "update app");
}

#[test]
fn no_changes_holds_while_nobody_touches_the_stack() {
    let world = World::of("app@2", THERE).settled("app", "app@2");
    world.reads("app: in sync");
    let touched = |change: fn(&mut plan::facts::FoundStack)| {
        let mut world = world.clone();
        change(world.found.stacks.get_mut(&key("app")).expect("it is there"));
        world.reads("update app");
    };
    touched(|stack| stack.updated = Some(at(1)));
    touched(|stack| stack.change_set = None);
    touched(|stack| stack.id.push('2'));
    world.with("app", |stack| stack.template = "t/3.yaml".parse().expect("a path")).reads("update app");
}

#[test]
fn no_changes_holds_for_a_stack_whose_last_change_was_undone() {
    let world = World::of("app@1", "app@1 UPDATE_ROLLBACK_COMPLETE ours");
    world.reads("update app");
    world.settled("app", "app@1").reads("app: in sync");
}

#[test]
fn a_failure_is_tried_again_when_its_time_has_come() {
    let mut world = World::of("app@2", THERE).knowing("app", failed("app@2", 1, false));
    world.now = at(3000) + SignedDuration::from_secs(899);
    world.reads("app: failed: ROLLBACK: Topic (AWS::SNS::Topic): no; tried again at 2025-06-15T16:11:40Z");
    world.now = at(3000) + SignedDuration::from_secs(900);
    world.reads("update app #2");
}

#[test]
fn after_so_many_attempts_only_another_request_is_tried() {
    let mut world = World::of("app@2", THERE).knowing("app", failed("app@2", 3, false));
    world.now = at(1_000_000);
    world.reads(
        "app: failed: ROLLBACK: Topic (AWS::SNS::Topic): no; tried 3 times; ends with a commit that asks for something else",
    );
    World::of("app@3", THERE).knowing("app", failed("app@2", 3, false)).reads("update app");
}

/// Whether a request that was refused so often, last at 3000, is asked for again at that time.
fn is_asked_again(attempts: u32, now: i64) -> bool {
    let mut world = World::of("app@2", THERE).knowing("app", failed("app@2", attempts, true));
    (world.now, world.policy.retry_after) = (at(now), SignedDuration::from_secs(900));
    let plan = world.plan();
    plan.steps.len() == 1
}

#[test]
fn a_refused_request_is_asked_again_ever_more_rarely_and_at_least_once_a_day() {
    for (attempts, rest) in [(1, 900), (2, 1_800), (4, 7_200), (12, 86_400), (u32::MAX, 86_400)] {
        assert!(!is_asked_again(attempts, 3000 + rest - 1), "after {attempts}");
        assert!(is_asked_again(attempts, 3000 + rest), "after {attempts}");
    }
    World::of("app@1", THERE).knowing("app", failed("app@2", 1, true)).reads("app: in sync");
}

#[test]
fn what_failed_for_a_forgotten_reason_is_not_tried_again_before_another_commit() {
    let mut world = World::of("app@2", THERE).knowing("app", failed("app@2", 1, false));
    world.memory.give_up(&key("app"));
    world.now = at(1_000_000);
    assert!(world.memory.of(&key("app")).is_none());
    assert!(world.plan().steps.is_empty());
    let mut other = World::of("app@3", THERE);
    other.memory = world.memory;
    other.reads("update app");
}

#[test]
fn a_creation_that_failed_is_cleared_away_and_tried_so_often_and_no_more() {
    let dead = "app@- ROLLBACK_COMPLETE ours";
    let ready = |there: &str, attempts| {
        let mut world = World::of("app@2", there).knowing("app", failed("app@2", attempts, false));
        world.now = at(5000);
        world
    };
    ready(dead, 1).reads("clear app");
    ready("", 1).reads("create app #2");
    ready(dead, 2).reads("clear app");
    ready("", 2).reads("create app #3");
    assert_eq!(ready(dead, 3).plan().steps, [], "and then it is left for a person to see");
    assert_eq!(ready(dead, u32::MAX).plan().steps, []);
}

#[test]
fn a_clock_that_was_set_back_only_waits() {
    let mut world = World::of("app@2", THERE).knowing("app", failed("app@2", 1, false));
    world.now = at(-1_000_000);
    assert_eq!(world.plan().steps, []);
    world.policy.retry_after = SignedDuration::MAX;
    assert_eq!(world.plan().steps, []);
}

/// `app`, held under the judgement that this world makes.
fn held(world: World, there: bool) -> World {
    let stack = world.found.stacks.get(&key("app")).filter(|_| there).map(generation);
    let manifest = &world.repository.stacks[&"app".parse().expect("a name")];
    let case = case(&key("app"), fingerprint("app@2"), stack, manifest, &world.policy.guardrails, &world.memory);
    let held = WasHeld { case, why: "would remove Table".into(), plan: "0123".into(), leave: Leave::None };
    world.knowing("app", Known { held: Some(held), ..Known::default() })
}

#[test]
fn a_held_change_stays_held_while_its_case_is_the_same() {
    let world = held(World::of("app@2", THERE), true);
    world.reads("app: held: would remove Table");
    let again = |change: fn(&mut World)| {
        let mut world = world.clone();
        change(&mut world);
        world.reads("update app");
    };
    again(|world| world.policy.guardrails.limits.removals_per_change = 1);
    again(|world| world.policy.guardrails.limits.replacements_per_day = 11);
    again(|world| world.found.stacks.get_mut(&key("app")).expect("it is there").updated = Some(at(9)));
    let allow = |stack: &mut manifests::stack::Stack| {
        stack.allow.remove.extend("Table".parse().map(|table| (table, None)));
    };
    world.clone().with("app", allow).reads("update app");
    let tighter = |stack: &mut manifests::stack::Stack| {
        stack.limits = StackLimits { removals: Some(0), replacements: None };
    };
    world.clone().with("app", tighter).reads("update app");
    world.with("app", |stack| stack.timeout = std::time::Duration::from_secs(1)).reads("app: held: would remove Table");
}

#[test]
fn a_held_creation_stays_held_too_and_is_not_asked_again_and_again() {
    held(World::of("app@2", ""), false).reads("app: held: would remove Table");
    held(World::of("app@2", "app@- REVIEW_IN_PROGRESS ours"), false).reads("app: held: would remove Table");
}

#[test]
fn a_creation_has_no_generation_whatever_once_had_its_name() {
    for there in ["", "app@- REVIEW_IN_PROGRESS ours", "app@1 DELETE_COMPLETE ours"] {
        assert_eq!(World::of("app@2", there).step("app").generation, None, "{there}");
    }
    assert!(World::of("app@2", THERE).step("app").generation.is_some());
}

#[test]
fn nothing_is_begun_while_something_is_under_way() {
    for act in [Started::Create, Started::Update, Started::Clear, Started::Remove] {
        assert_eq!(World::of("app@2", THERE).pending("app", act, 5).plan().steps, [], "{act:?}");
    }
}

#[test]
fn of_a_stack_of_which_nothing_is_left_to_remember_nothing_is_kept() {
    let mut memory = Memory::new("e1".into());
    memory.change(&key("app"), |known| *known = failed("app@2", 1, false));
    assert_eq!(memory.stacks().len(), 1);
    memory.change(&key("app"), |known| known.failed = None);
    assert_eq!(memory, Memory::new("e1".into()));
    memory.change(&key("app"), |known| *known = failed("app@2", 1, false));
    memory.keep(1, |key| key.stack.as_str() != "app");
    assert_eq!(memory, Memory::new("e1".into()));
}

#[test]
fn what_was_started_is_not_forgotten_before_it_was_seen_to_end() {
    let mut memory = World::of("app@1", "").pending("app", Started::Create, 5).memory;
    memory.keep(0, |_| false);
    assert!(memory.of(&key("app")).is_some_and(|known| known.pending.is_some()));
}

/// A memory in which everything is said.
fn full() -> Memory {
    let mut memory = Memory::new("e1".into());
    let commit: manifests::id::CommitId = "a".repeat(40).parse().expect("a commit");
    (memory.accepted, memory.refused, memory.applied) =
        (Some(commit.clone()), Some(commit.clone()), Some(commit.clone()));
    (memory.answered, memory.sequence) = (Some(at(1)), 7);
    memory.told = Some(plan::memory::Told { at: at(2), said: "ab".into() });
    let one = fingerprint("app@1");
    let pending = Pending {
        act: Started::Clear,
        fingerprint: Some(one),
        generation: Some(one),
        token: "t".into(),
        since: at(3),
        attempt: 2,
        commit: Some(commit),
        allowed: vec![],
    };
    memory.change(&key("app"), |known| {
        *known = Known { pending: Some(pending), ..failed("app@1", 2, true) };
        known.held = Some(WasHeld { case: one, why: "w".into(), plan: "p".into(), leave: Leave::None });
    });
    memory.change(&key("app/eu-west-1"), |known| *known = failed("app@1", 2, true));
    memory.settle(&key("app"), one, one);
    memory.settle(&key("app/eu-west-1"), one, one);
    memory.own(&key("app"), "arn:1");
    memory.spent.add(at(5), plan::spent::Toll { removals: 1, replacements: 2, deletions: 3, heals: 0 });
    memory.spent.add(at(5_000), plan::spent::Toll { heals: 4, ..Default::default() });
    memory.use_up(&memory.settled.clone());
    memory.guardrails = Some("ab".into());
    memory.regions.extend([key("app").region, key("app/eu-west-1").region]);
    memory
}

#[test]
fn memory_reads_back_as_it_was_written() {
    for memory in [Memory::new("e1".into()), full()] {
        let text = serde_json::to_string(&memory).expect("it can be written");
        assert_eq!(serde_json::from_str::<Memory>(&text).expect("it can be read"), memory, "{text}");
    }
    // What a newer agent wrote beside it is passed over: the older one has to be able to go on.
    let newer = serde_json::from_str::<Memory>(r#"{"epoch":"e","sequence":1,"surprise":1}"#);
    assert_eq!(newer.expect("it can be read").sequence, 1);
}

#[test]
fn a_fingerprint_in_memory_is_32_lower_case_hex_digits_or_memory_is_not_believed() {
    let text = serde_json::to_string(&full()).expect("it can be written");
    let hex = fingerprint("app@1").to_string();
    assert!(text.contains(&hex));
    assert!(serde_json::from_str::<Memory>(&text.replace(&hex, &hex.to_uppercase())).is_err());
    assert!(serde_json::from_str::<Memory>(&text.replace(&hex, &hex[1..])).is_err());
}

#[test]
fn a_mark_in_memory_is_eight_letters_or_memory_is_not_believed() {
    let text = serde_json::to_string(&full()).expect("it can be written");
    let mark = full().settled[0].to_string();
    assert!(mark.len() == Short::BYTES && text.contains(&mark), "{text}");
    for other in [format!("{mark}0"), mark[1..].to_owned(), format!("+{}", &mark[1..]), format!("é{}", &mark[2..])] {
        assert!(serde_json::from_str::<Memory>(&text.replace(&mark, &other)).is_err(), "{other}");
    }
}

#[test]
fn two_hundred_settled_stacks_take_less_than_four_kilobytes() {
    let bytes = |stacks: usize| {
        let mut memory = full();
        memory.settled.clear();
        for number in 0..stacks {
            let one = fingerprint(&format!("app@{number}"));
            memory.settle(&key(&format!("baseline-audit-{number:03}")), one, one);
        }
        serde_json::to_string(&memory).expect("it can be written").len()
    };
    assert_eq!(bytes(200) - bytes(100), 100 * Short::BYTES, "a mark is as large as it says");
    assert!(bytes(200) - bytes(1) < 3_400, "{} bytes", bytes(200) - bytes(1));
}

#[test]
fn of_marks_the_newest_are_kept_and_one_that_comes_again_is_new() {
    let one = fingerprint("app@1");
    let stack = |number: usize| key(&format!("app-{number}"));
    let kept = |marks: usize, rows: usize| {
        let mut memory = Memory::new("e1".into());
        (0..marks).for_each(|number| memory.settle(&stack(number), one, one));
        memory.settle(&stack(0), one, one);
        assert_eq!(memory.settled.len(), marks, "nothing is remembered twice");
        memory.keep(rows, |_| true);
        assert!(memory.is_settled(&stack(0), one, one), "it came again last");
        assert!(memory.is_settled(&stack(marks - 1), one, one));
        (memory.settled.len(), memory.is_settled(&stack(1), one, one))
    };
    assert_eq!(kept(64, 1), (64, true));
    assert_eq!(kept(65, 1), (64, false));
    assert_eq!(kept(400, 200), (400, true));
    assert_eq!(kept(401, 200), (400, false));
}

#[test]
fn of_ten_thousand_stacks_none_is_taken_for_another_and_each_is_told_from_one_made_anew() {
    let mut memory = Memory::new("e1".into());
    let key = |number: usize| key(&format!("s{number:05}"));
    let arn = |number: usize| format!("arn:aws:cloudformation:eu-central-1:111111111111:stack/s{number:05}/one");
    (0..10_000).for_each(|number| memory.own(&key(number), &arn(number)));
    let text = serde_json::to_string(&memory).expect("it is JSON");
    let memory: Memory = serde_json::from_str(&text).expect("it reads again");
    let wrong: Vec<usize> = (0..10_000).filter(|at| memory.owns(&key(*at), &arn(*at)) != Some(true)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let anew = (0..10_000).filter(|at| memory.owns(&key(*at), &format!("{} again", arn(*at))) != Some(false));
    assert!(anew.count() <= 1, "by chance, one in a million");
}

#[test]
fn what_has_our_tag_where_all_was_looked_at_and_is_not_among_ours_is_somebody_else_s() {
    let mut world = World::of("app@1", "app@1 CREATE_COMPLETE ours");
    let selected = world.selected();
    notice(&mut world.memory, &selected, &world.found, "main", world.now);
    world.reads("app: in sync");
    // Somebody makes a stack with copied tags, where a manifest then asks for one, and one that says that it may go.
    let mut world = World {
        memory: world.memory,
        ..World::of(
            "app@1, net@1",
            "app@1 CREATE_COMPLETE ours, net@- CREATE_COMPLETE ours, old@1 CREATE_COMPLETE ours prune",
        )
    };
    let plan = world.plan();
    assert!(plan.steps.is_empty(), "{plan:#?}");
    let text = crate::table::printed(&plan);
    assert_eq!(text.matches("is not the one that was ours: somebody made it anew").count(), 2, "{text}");
    // A memory that is new has nothing but the tag to go by.
    world.memory = Memory::new("e2".into());
    assert!(!world.plan().steps.is_empty());
}
