//! Whether a stack is well, and what follows from it.

use crate::table::{World, at, fingerprint, key, word};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    check::{Asks, Check, Expect, Http},
    id::CommitId,
};
use plan::{
    check::Answer,
    facts::Status,
    health::{Made, Past, learn, wayback},
    memory::{Memory, Pending, Started},
    orders::{Orders, Pin},
    plan::plan,
    step::Plan,
    trial,
    watch::{End, Ended},
};
use std::time::Duration;

/// `http`, `ssm`, `alarm`, `url` (an output): a check of that kind, five minutes after a change.
fn check(kind: &str) -> Check {
    let asks = match kind {
        "http" => Asks::Http(Http { url: "https://a.example/health?key=canary".into(), status: 200, contains: None }),
        "ssm" => Asks::Ssm { name: "/state".into(), equals: "canary".into() },
        "alarm" => Asks::Alarm { name: "errors".into(), region: None, account: None },
        "theirs" => Asks::Alarm { name: "errors".into(), region: None, account: Some(word("999988887777")) },
        "url" => Asks::Output { key: "Url".into(), expect: Expect::Equals("https://canary".into()) },
        other => panic!("no such check: {other}"),
    };
    Check { name: kind.into(), asks, within: Duration::from_secs(300) }
}

fn status(status: u16) -> Answer {
    Answer::Http { status, contains: true }
}

fn alarm(state: &str) -> Answer {
    Answer::Alarm(Some(state.into()))
}

fn commit(letter: &str) -> CommitId {
    word(&letter.repeat(40))
}

/// `app` is there as `there` says, is asked for as version 2, and has these checks with these answers.
fn world(there: &str, checks: &[(&str, Option<Answer>)]) -> World {
    let mut world = World::of("app@2", &format!("app@{there} UPDATE_COMPLETE ours"));
    world = world.with("app", |app| app.checks = checks.iter().map(|(kind, _)| check(kind)).collect());
    for (place, (_, answer)) in checks.iter().enumerate() {
        world.answers.extend(answer.clone().map(|answer| ((key("app"), place), answer)));
    }
    world
}

/// The same, with one http check that is answered like this.
fn web(there: &str, code: u16) -> World {
    world(there, &[("http", Some(status(code)))])
}

/// The change to version 2 has just been seen to be done, at this time.
fn tried(mut world: World, when: Timestamp) -> World {
    began(&mut world, Started::Update, "app@2", when);
    world
}

fn began(world: &mut World, act: Started, request: &str, when: Timestamp) {
    let pending = Pending {
        act,
        fingerprint: Some(fingerprint(request)),
        generation: None,
        token: "t".into(),
        since: when,
        attempt: 1,
        commit: None,
        allowed: vec![],
    };
    let end = End::Done { settled: None, orphans: None };
    let ended = Ended { key: key("app"), pending, end, stack_id: None };
    let selected = world.selected();
    trial::begin(&mut world.memory, &ended, &selected, when);
}

/// A round as a turn makes it: a plan, and what is learned of it, at this commit. Answers what was found to have failed.
fn round(world: &mut World, at: &str) -> (Plan, Vec<String>) {
    let selected = world.selected();
    let made = plan(&world.facts(&selected));
    let commit = commit(at);
    let fallen = learn(&mut world.memory, &Made { plan: &made, selected: &selected, commit: &commit, now: world.now });
    (made, fallen.into_iter().map(|(_, words)| words).collect())
}

/// The same, whatever comes of it.
fn turn(world: &mut World, at: &str) {
    drop(round(world, at));
}

/// What was asked at an earlier commit, `app` in this version.
fn then(world: &mut World, at: &str, version: &str) {
    let past = World::of(&format!("app@{version}"), "");
    let past = Past { selected: past.selected(), values: past.values.clone() };
    world.pasts.insert(commit(at), Ok(past));
}

#[test]
fn what_each_answer_says() {
    let told = "unknown: it can't be told whether it is well: the check `";
    let ill = "failed: the check `";
    let table: &[(&str, Option<Answer>, &str)] = &[
        ("http", Some(status(200)), "in sync"),
        ("http", Some(status(503)), "http` says: https://a.example/health answered 503 instead of 200;"),
        ("http", Some(status(302)), "answered 302 instead of 200, and redirects are not followed;"),
        ("http", Some(Answer::Http { status: 200, contains: false }), "answered without the text that it should hold;"),
        ("http", Some(Answer::Silence("connection refused".into())), "gave no answer (connection refused);"),
        ("ssm", Some(Answer::Text(Some("canary".into()))), "in sync"),
        ("ssm", Some(Answer::Text(Some("other".into()))), "the parameter is another one than it should be;"),
        ("ssm", Some(Answer::Text(None)), "the parameter does not exist;"),
        ("alarm", Some(alarm("OK")), "in sync"),
        ("alarm", Some(alarm("ALARM")), "the alarm is in ALARM;"),
        ("alarm", Some(Answer::Alarm(None)), "the alarm does not exist;"),
        ("url", None, "the stack has no such output;"),
    ];
    for (kind, answer, expect) in table {
        let text = crate::table::printed(&world("2", &[(kind, answer.clone())]).plan());
        let begins = if *expect == "in sync" { "app: " } else { &format!("app: {ill}") };
        assert!(text.starts_with(begins) && text.contains(expect), "{kind} {answer:?}: {text}");
        assert!(!text.contains("canary") && !text.contains("other;"), "no value travels: {text}");
    }
    let unknown: &[(&str, Option<Answer>, &str)] = &[
        ("alarm", Some(alarm("INSUFFICIENT_DATA")), "alarm` says: the alarm is in INSUFFICIENT_DATA, which is not OK;"),
        ("alarm", Some(alarm("NEW_WORD")), "the alarm is in NEW_WORD, which is not OK;"),
        (
            "theirs",
            Some(Answer::Alarm(None)),
            "the alarm is account 999988887777's, and only this account's are looked at;",
        ),
        ("http", Some(Answer::Unasked("it is not asked".into())), "it is not asked;"),
        ("http", None, "it was not asked this time;"),
        ("http", Some(alarm("OK")), "what came back is no answer to it;"),
    ];
    for (kind, answer, expect) in unknown {
        let text = crate::table::printed(&world("2", &[(kind, answer.clone())]).plan());
        assert!(text.starts_with(&format!("app: {told}")) && text.contains(expect), "{kind} {answer:?}: {text}");
    }
}

#[test]
fn an_output_is_compared_or_fits_and_never_repeated() {
    let mut world = World::of("app@2", "app@2 UPDATE_COMPLETE ours Url=https://canary");
    world = world.with("app", |app| app.checks = vec![check("url")]);
    world.reads("app: in sync");
    let there = world.found.stacks.get_mut(&key("app")).expect("app");
    there.outputs.insert("Url".into(), "https://canary/2".into());
    world.reads(
        "app: failed: the check `url` says: the output is another one than it should be; nothing was changed just now, so \
         nothing is taken back; ends when the check is good",
    );
}

#[test]
fn a_change_is_proven_when_all_of_its_checks_are_good_and_its_commit_is_remembered() {
    let mut world = tried(web("2", 200), at(3_600));
    assert_eq!(world.memory.proven(&key("app")), None);
    let (made, fallen) = round(&mut world, "a");
    assert_eq!((crate::table::printed(&made).as_str(), fallen.len()), ("app: in sync\n", 0));
    assert_eq!(world.memory.of(&key("app")), None, "the trial is over");
    assert_eq!(world.memory.proven(&key("app")), Some(&commit("a")));
    let before = world.memory.clone();
    turn(&mut world, "a");
    assert_eq!(world.memory, before, "and then nothing more is written");
    turn(&mut world, "b");
    assert_eq!(world.memory.proven(&key("app")), Some(&commit("b")), "what is good is good at the newest commit");
    assert_eq!(world.memory.good.len(), 1);
}

#[test]
fn within_its_time_it_is_on_trial_and_what_depends_on_it_waits() {
    let mut world = tried(web("2", 503), at(3_600));
    world.repository.stacks.extend(crate::table::repository("web@1 <- app").stacks);
    let words = "the check `http` says: https://a.example/health answered 503 instead of 200";
    world.reads(&format!(
        "app: applying: was changed and is on trial: {words}; asked again, until 2025-06-15T16:11:40Z at the latest
         web: pending: waits for eu-central-1/app to be in sync (now: applying)"
    ));
    assert!(world.row("app").in_flight() && world.row("app").takes_seat());
    world.answers.insert((key("app"), 0), status(200));
    world.reads("create web\napp: in sync");
}

#[test]
fn one_that_is_bad_when_its_time_is_over_goes_back_to_the_last_good_form_once_and_is_held() {
    let mut world = web("1", 200);
    world.memory = proven(world.memory, "a");
    world.found.stacks = World::of("", "app@2 UPDATE_COMPLETE ours").found.stacks;
    world.answers.insert((key("app"), 0), status(503));
    let mut world = tried(world, at(3_300));
    let words = "the check `http` says: https://a.example/health answered 503 instead of 200";
    let (made, fallen) = round(&mut world, "b");
    assert!(made.steps.is_empty() && made.rows[&key("app")].in_flight());
    assert_eq!(fallen, [words]);
    let selected = world.selected();
    assert_eq!(wayback(&world.memory, &selected, &Orders::default()).into_keys().collect::<Vec<_>>(), [commit("a")]);
    // Until that commit is read nothing is done, and when it can't be, that is said.
    let not = format!("app: failed: {words}; it is not back at its form at aaaaaaa, the last good one: ");
    world.reads(&format!("{not}that commit was not read yet; tried again next turn"));
    world.pasts.insert(commit("a"), Err("it is not here".into()));
    world.reads(&format!("{not}that commit can't be read: it is not here; tried again next turn"));
    then(&mut world, "a", "1");
    world.reads("back app");
    assert_eq!(world.step("app").action.asked().map(|asked| asked.fingerprint()), Some(fingerprint("app@1")));
    // It is done; from now on the change is held, whatever the check says, and nothing needs to be read for it.
    began(&mut world, Started::Back, "app@1", at(3_700));
    world.found.stacks = World::of("", "app@1 UPDATE_COMPLETE ours").found.stacks;
    world.pasts.clear();
    let held = format!(
        "app: failed: {words}; it was brought back to its form at aaaaaaa, the last good one; ends with a commit that asks \
         for something else"
    );
    for code in [200, 503] {
        world.answers.insert((key("app"), 0), status(code));
        world.reads(&held);
        let (_, fallen) = round(&mut world, "b");
        assert_eq!((fallen.len(), wayback(&world.memory, &selected, &Orders::default()).len()), (0, 0));
    }
    assert_eq!(world.memory.proven(&key("app")), Some(&commit("a")));
    // Another commit, or other checks, are another matter.
    let other = World { repository: crate::table::repository("app@3"), ..world.clone() };
    other.reads("update app");
    world.clone().with("app", |app| app.checks[0].name = "other".into()).reads("update app");
    // A commit that takes the change back finds the stack as it asks for it.
    World { repository: crate::table::repository("app@1"), ..world }.reads("app: in sync");
}

/// The same memory, in which `app` was good at a commit.
fn proven(memory: Memory, at: &str) -> Memory {
    let mut world = World { memory, ..World::of("app@1", "app@1 UPDATE_COMPLETE ours") };
    world = world.with("app", |app| app.checks = vec![check("url")]);
    world.found.stacks.get_mut(&key("app")).expect("app").outputs.insert("Url".into(), "https://canary".into());
    turn(&mut world, at);
    world.memory
}

#[test]
fn a_first_change_has_nowhere_to_go_back_to_and_stays() {
    let mut world = tried(web("2", 503), at(3_300));
    let (_, fallen) = round(&mut world, "a");
    assert_eq!(fallen.len(), 1);
    world.reads(
        "app: failed: the check `http` says: https://a.example/health answered 503 instead of 200; no earlier form of it is \
         known to be good, so it stays as it is; ends when the check is good, or with a commit that asks for something else",
    );
    world.answers.insert((key("app"), 0), status(200));
    world.reads("app: in sync");
    turn(&mut world, "a");
    assert_eq!(world.memory.proven(&key("app")), Some(&commit("a")));
}

#[test]
fn what_cannot_be_told_takes_nothing_back_and_is_never_green() {
    for answer in [alarm("INSUFFICIENT_DATA"), Answer::Unasked("cloudwatch:DescribeAlarms was denied".into())] {
        let mut world = tried(world("2", &[("http", Some(status(200))), ("alarm", Some(answer))]), at(0));
        world.memory = with_good(world.memory);
        let (made, fallen) = round(&mut world, "b");
        let text = crate::table::printed(&made);
        assert!(text.starts_with("app: unknown: was changed, and it can't be told whether it is well"), "{text}");
        assert!(fallen.is_empty() && !made.rows[&key("app")].in_flight());
        // It is still unproven: when it turns out to be bad, it goes back all the same.
        world.answers.insert((key("app"), 1), alarm("ALARM"));
        assert_eq!(round(&mut world, "b").1.len(), 1);
    }
}

fn with_good(mut memory: Memory) -> Memory {
    memory.good = proven(Memory::new("e1".into()), "a").good;
    memory
}

#[test]
fn what_was_good_and_is_not_any_more_is_told_and_nothing_is_taken_back() {
    let mut world = web("2", 200);
    turn(&mut world, "a");
    world.answers.insert((key("app"), 0), status(500));
    for _ in 0..3 {
        let (made, fallen) = round(&mut world, "a");
        assert!(made.steps.is_empty() && fallen.is_empty());
        world.now += SignedDuration::from_hours(24);
    }
    world.reads(
        "app: failed: the check `http` says: https://a.example/health answered 500 instead of 200; nothing was changed just \
         now, so nothing is taken back; ends when the check is good",
    );
}

#[test]
fn a_form_that_is_no_other_or_is_forbidden_or_gone_is_not_gone_back_to() {
    let mut world = tried(web("2", 503), at(3_300));
    world.memory = with_good(world.memory);
    turn(&mut world, "b");
    let says = |world: &World, text: &str| {
        let printed = crate::table::printed(&world.plan());
        assert!(printed.contains("it is not back at its form at aaaaaaa") && printed.contains(text), "{printed}");
    };
    then(&mut world, "a", "2");
    says(&world, "what failed comes from no commit");
    then(&mut world, "a", "x");
    says(&world, "is not in the commit");
    let elsewhere = World::of("net@1", "");
    let past = Past { selected: elsewhere.selected(), values: elsewhere.values.clone() };
    world.pasts.insert(commit("a"), Ok(past));
    says(&world, "no manifest asked for it at that commit");
}

#[test]
fn a_check_that_turns_good_before_anything_was_taken_back_proves_the_change() {
    let mut world = tried(web("2", 503), at(3_300));
    world.memory = with_good(world.memory);
    turn(&mut world, "b");
    then(&mut world, "a", "1");
    world.reads("back app");
    let pin = Pin { commit: commit("b"), until: at(9_000), reason: "we stay".into(), by: "alice".into() };
    let pinned = World { orders: Orders { pin: Some(pin), ..Orders::default() }, ..world.clone() };
    let text = crate::table::printed(&pinned.plan());
    assert!(
        text.starts_with("app: held: ") && text.ends_with("ends with `holdfast unpin`\n"),
        "nor where people stay: {text}"
    );
    world.answers.insert((key("app"), 0), status(200));
    world.reads("app: in sync");
}

#[test]
fn other_checks_for_the_same_form_begin_a_trial_of_their_own() {
    let mut world = tried(web("2", 503), at(3_300));
    turn(&mut world, "a");
    let mut world = world.with("app", |app| app.checks[0].name = "other".into());
    let text = crate::table::printed(&world.plan());
    assert!(text.contains("on trial") && text.contains("until 2025-06-15T16:11:40Z"), "{text}");
    turn(&mut world, "b");
    world.now = at(3_900);
    assert_eq!(round(&mut world, "b").1.len(), 1);
}

#[test]
fn a_stack_that_is_gone_or_never_came_up_is_made_as_it_is_asked_for() {
    let mut world = tried(web("2", 503), at(3_300));
    world.memory = with_good(world.memory);
    turn(&mut world, "b");
    world.found.stacks.clear();
    world.reads("create app");
}

#[test]
fn a_stack_without_checks_has_no_trial_and_leaves_no_mark() {
    let mut world = tried(World::of("app@2", "app@2 UPDATE_COMPLETE ours"), at(3_600));
    turn(&mut world, "a");
    assert_eq!(world.memory, Memory::new("e1".into()));
}

#[test]
fn only_so_many_commits_are_remembered_and_the_oldest_goes_first() {
    let mut memory = Memory::new("e1".into());
    let names: Vec<String> = (0..20).map(|number| format!("s{number:02}")).collect();
    for (number, name) in names.iter().enumerate() {
        let mut world =
            World { memory, ..World::of(&format!("{name}@1"), &format!("{name}@1 CREATE_COMPLETE ours Url=u")) };
        let mut check = check("url");
        check.asks = Asks::Output { key: "Url".into(), expect: Expect::Equals("u".into()) };
        world = world.with(name, |stack| stack.checks = vec![check]);
        let selected = world.selected();
        let made = plan(&world.facts(&selected));
        let commit: CommitId = word(&format!("{number:040x}"));
        learn(&mut world.memory, &Made { plan: &made, selected: &selected, commit: &commit, now: world.now });
        memory = world.memory;
    }
    let kept: Vec<bool> = names.iter().map(|name| memory.proven(&key(name)).is_some()).collect();
    assert_eq!(kept, (0..20).map(|number| number >= 8).collect::<Vec<_>>());
}

#[test]
fn a_stack_that_breaks_on_its_way_back_or_after_it_is_mended_like_every_other() {
    let mut world = tried(web("2", 503), at(3_300));
    world.memory = with_good(world.memory);
    turn(&mut world, "b");
    then(&mut world, "a", "1");
    let stuck = |world: &mut World| {
        let there = world.found.stacks.get_mut(&key("app")).expect("app");
        there.status = Ok(Status::UpdateRollbackFailed);
    };
    stuck(&mut world);
    world.reads("continue app");
    began(&mut world, Started::Back, "app@1", at(3_700));
    world.pasts.clear();
    world.reads("continue app");
}
