//! A fleet that is brought to another version of the agent, ring by ring: six accounts on simulated machines ([`machines`]), each
//! with the updater's own decisions and steps, whole turns in memory, and a stepped clock. A version is how it behaves.
//!
//! Not here: real processes, files and links, which `shipped::update` has for one machine.

mod machines;

use agent::{
    itself::Itself,
    stop::Stopped,
    store::{Own, StoreError},
};
use machines::{ALL, CANARY, Does, HEALS, Release, Rollout};
use plan::update::{Did, State};
use sim::seed::Seed;
use std::{collections::BTreeSet, fs};

#[test]
fn a_good_release_reaches_everybody_in_the_order_of_rings() {
    let mut rollout = Rollout::new(1);
    assert_eq!(rollout.hub()[CANARY], "1.0.0");
    rollout.asks("1.1.0", Does::Well);
    rollout.pass(30);
    assert_eq!(rollout.came_to("1.1.0"), [CANARY]);
    assert_eq!((rollout.hub()[CANARY].as_str(), rollout.hub()[ALL[1]].as_str()), ("1.1.0", "1.0.0, waits for 1.1.0"));
    rollout.pass(60);
    let early = rollout.came_to("1.1.0").len();
    assert!((2..6).contains(&early), "some of them are early: {early}");
    rollout.pass(60);
    assert_eq!(rollout.came_to("1.1.0").into_iter().collect::<BTreeSet<_>>(), ALL.into());
    assert!(rollout.hub().values().all(|agent| agent == "1.1.0"), "{:?}", rollout.hub());

    // Back only when told.
    let back = rollout.release("back", Release { version: "1.0.1", does: Does::Well, downgrade: false });
    rollout.ask(Some(back));
    rollout.pass(150);
    assert_eq!(rollout.came_to("1.0.1"), Vec::<&str>::new());
    rollout.release("back", Release { version: "1.0.1", does: Does::Well, downgrade: true });
    rollout.ask(Some(back));
    rollout.pass(150);
    assert_eq!(rollout.came_to("1.0.1").len(), ALL.len());
    assert!(rollout.hub().values().all(|agent| agent == "1.0.1"), "{:?}", rollout.hub());
}

#[test]
fn a_broken_release_stops_at_the_canary_when_somebody_mends_the_fleet_file() {
    for does in Does::BADLY {
        let mut rollout = Rollout::new(2);
        let broken = rollout.asks("1.1.0", does);
        rollout.pass(50);
        let fell = rollout.fell(CANARY).unwrap_or_else(|| panic!("{does:?} is given up"));
        assert_eq!((fell.sha256, rollout.hub()[CANARY].as_str()), (broken, "1.0.0, gave up 1.1.0"), "{does:?}");
        let letters = rollout.all.letters.all.borrow();
        let told = letters.iter().filter(|event| event.data.account.as_str() == CANARY);
        let told = told.flat_map(|event| &event.data.happened).filter(|it| it.sentence.contains(&fell.why)).count();
        assert_eq!(told, 1, "{does:?}: {} is told once", fell.why);
        drop(letters);
        rollout.asks("1.1.1", Does::Well);
        rollout.pass(200);
        assert!(rollout.came_to("1.1.0").iter().all(|id| *id == CANARY), "{does:?}: nobody else ever ran it");
        // Of a trial that is over nothing is left that another one could go back to.
        let copies = ALL.map(|id| rollout.all.here(id).store.before.borrow().clone());
        assert_eq!(copies, [const { None }; 6], "{does:?}");
        assert!(rollout.hub().values().all(|agent| agent == "1.1.1"), "{does:?}: {:?}", rollout.hub());
    }
}

#[test]
fn a_broken_release_that_nobody_mends_is_gone_back_from_by_everybody_and_healing_goes_on() {
    for does in Does::BADLY {
        let mut rollout = Rollout::new(3);
        rollout.asks("1.1.0", does);
        for _ in 0..5 {
            // At every time of the rollout somebody changes something in every account; `check` sees to the rest.
            ALL.iter().for_each(|id| rollout.changes(id));
            rollout.pass(45);
        }
        assert!(rollout.hub().values().all(|agent| agent == "1.0.0, gave up 1.1.0"), "{does:?}: {:?}", rollout.hub());
        assert_eq!(rollout.came_to("1.1.0").into_iter().collect::<BTreeSet<_>>(), ALL.into());
        ALL.iter().for_each(|id| rollout.changes(id));
        rollout.pass(HEALS + 3);
        assert!(ALL.iter().all(|id| rollout.value(id).as_deref() == Some("one")), "{does:?}: it heals as before");
    }
}

#[test]
fn guardrails_that_are_gone_let_no_version_in() {
    let rails = "apiVersion: holdfast/v1\nkind: Guardrails\nspec: {}\n";
    let waits = |rollout: &mut Rollout, why: &str| {
        rollout.asks("1.1.0", Does::Well);
        rollout.pass(20);
        assert!(rollout.came_to("1.1.0").is_empty(), "{why}");
        let last = rollout.trace.lines().rfind(|line| line.contains(CANARY) && line.contains("rest:")).unwrap();
        assert!(
            last.contains("is not fetched: the account's guardrails are not there; ends when they are"),
            "{why}: {last}"
        );
    };
    // They were there once.
    let mut rollout = Rollout::new(4);
    rollout.all.here(CANARY).store.guardrails.replace(Some(rails.into()));
    rollout.pass(3);
    rollout.all.here(CANARY).store.guardrails.replace(None);
    waits(&mut rollout, "they were there");
    rollout.all.here(CANARY).store.guardrails.replace(Some(rails.into()));
    rollout.pass(10);
    assert_eq!(rollout.came_to("1.1.0"), [CANARY]);
    // Somebody says that they are there.
    let mut rollout = Rollout::new(4);
    rollout.guarded = true;
    waits(&mut rollout, "they are to be there");
}

#[test]
fn a_version_that_rests_for_an_hour_is_not_too_slow() {
    let mut rollout = Rollout::new(5);
    rollout.every = 59;
    rollout.asks("1.1.0", Does::Well);
    rollout.pass(500);
    assert_eq!(rollout.came_to("1.1.0").into_iter().collect::<BTreeSet<_>>(), ALL.into());
    assert!(rollout.hub().values().all(|agent| agent == "1.1.0"), "{:?}", rollout.hub());
}

#[test]
fn a_machine_that_is_off_through_a_trial_goes_on_with_it() {
    let mut rollout = Rollout::new(6);
    rollout.asks("1.1.0", Does::Well);
    let tried = (0..60).find(|_| {
        rollout.pass(1);
        // It is put into its place, and the machine is switched off before anybody starts it.
        let state = rollout.state(CANARY);
        let is_fetched = state.fetched.is_some();
        rollout.dark = is_fetched.then_some(CANARY);
        state.trial.is_some()
    });
    assert!(tried.is_some_and(|_| rollout.came_to("1.1.0").is_empty()), "it was not started");
    rollout.off.insert(CANARY);
    rollout.pass(90);
    rollout.off.clear();
    rollout.dark = None;
    rollout.pass(30);
    assert_eq!(rollout.came_to("1.1.0").iter().filter(|id| **id == CANARY).count(), 1);
    assert_eq!((rollout.fell(CANARY), rollout.hub()[CANARY].as_str()), (None, "1.1.0"));
}

#[test]
fn memory_of_a_newer_version_begins_anew_only_where_the_updater_went_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut rollout = Rollout::new(7);
    let state = rollout.state(CANARY);
    let place = folder.path().join("releases").join(&state.good.name).join("holdfast");
    let tried = state.clone().fetched(state.good.clone(), rollout.now()).tried(Did::default(), rollout.now());
    let turn = |rollout: &mut Rollout, says: Option<&State>| {
        // A version of tomorrow wrote memory, and no copy is left from before.
        rollout.all.here(CANARY).store.foreign();
        let text = says.map(|state| serde_json::to_string(state).unwrap()).unwrap_or_default();
        fs::write(folder.path().join("state.json"), text).unwrap();
        rollout.all.settings.itself = Itself::of(Some(&place), None);
        rollout.all.turn(CANARY).unwrap()
    };
    for says in [None, Some(&tried)] {
        let stopped = turn(&mut rollout, says).unwrap_err();
        assert!(matches!(stopped, Stopped::Memory(StoreError::Newer { .. })), "{stopped}");
    }
    let report = turn(&mut rollout, Some(&state)).unwrap();
    assert_eq!(report.state, manifests::report::State::InSync, "{report:#?}");
}

/// One seed: releases of all kinds are asked for, withdrawn and asked for again; machines are off for a while, and people change
/// what they should not. Answers everything that was said.
fn run(seed: u64) -> String {
    const VERSIONS: [&str; 5] = ["0.9.0", "1.0.1", "1.1.0", "1.2.0", "2.0.0"];
    let mut rollout = Rollout::new(seed);
    let mut chance = Seed::of(seed, "rollout");
    let mut below = |most: usize| usize::try_from(chance.draw() % most as u64).unwrap();
    let mut made = Vec::new();
    for _ in 0..14 {
        match below(8) {
            0 => rollout.ask(None),
            1 if !made.is_empty() => rollout.ask(Some(made[below(made.len())])),
            2 | 3 => {
                let does = if below(3) == 0 { Does::Well } else { Does::BADLY[below(Does::BADLY.len())] };
                let release = Release { version: VERSIONS[below(VERSIONS.len())], does, downgrade: below(3) == 0 };
                made.push(rollout.release(&format!("release {}", made.len()), release));
                rollout.ask(made.last().copied());
            }
            4 => drop(rollout.off.insert(ALL[below(ALL.len())])),
            5 => rollout.off.clear(),
            _ => rollout.changes(ALL[below(ALL.len())]),
        }
        rollout.pass(i64::try_from(below(70)).unwrap() + 1);
    }
    // In the end all are on, and a good one is asked for: whatever was before, everybody comes to it.
    rollout.off.clear();
    rollout.asks("3.0.0", Does::Well);
    rollout.pass(240);
    assert!(rollout.hub().values().all(|agent| agent == "3.0.0"), "seed {seed}: {:?}", rollout.hub());
    let left = |id: &&str| rollout.all.here[&id.parse().unwrap()].store.own.borrow().clone();
    assert!(ALL.iter().map(left).all(|Own { state, .. }| state.is_some_and(|state| !state.is_open())));
    rollout.trace
}

#[test]
fn whatever_is_asked_for_healing_is_never_away_longer_than_a_trial_and_the_same_seed_goes_the_same_way() {
    let seeds = std::env::var("HOLDFAST_SEEDS").map_or(4, |count| count.parse().expect("a number"));
    for seed in 0..seeds {
        let trace = run(seed);
        if seed == 0 {
            assert!(trace == run(seed), "seed {seed}");
        }
    }
}
