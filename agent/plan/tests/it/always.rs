//! What is true of every plan, whatever the repository says, whatever is found, whatever is remembered.

use crate::table::{World, at, fingerprint, found};
use jiff::SignedDuration;
use manifests::{
    id::{CommitId, StackKey},
    report::State,
};
use plan::{
    facts::Status,
    health::Past,
    memory::{Failed, Known, Pending, Started, Tried, WasHeld},
    orders::{Hold, Orders, Rollback},
    resolve::{OWNER, PRUNE},
    step::{Action, Plan, Stand},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Manifests that wait for anything, themselves included.
fn tangled() -> impl Strategy<Value = String> {
    let words = vec(
        select(vec![
            "prune",
            "suspended",
            "skips",
            "retains",
            "elsewhere",
            "P=label:no",
            "Q=ssm:/p",
            "R=b.Id",
            "S=c.Id@eu-west-1",
        ]),
        0..2,
    );
    let places = select(vec!["", "/eu-west-1", "/eu-central-1+eu-west-1"]);
    let on = prop_oneof![2 => Just(vec![]), 1 => vec(select(NAMES.to_vec()), 0..3)];
    let entry = (places, 1..3_u32, on, prop_oneof![1 => Just(vec![]), 1 => words]);
    let entry = prop_oneof![
        8 => entry.prop_map(Some),
        1 => Just(None),
    ];
    (vec(entry, 0..=6), prop::bool::weighted(0.1)).prop_map(|(entries, hole)| {
        let entries = NAMES.iter().zip(entries).map(|(name, entry)| match entry {
            None => format!("{name}!"),
            Some((place, version, on, words)) => {
                format!("{name}{place}@{version} <- {} {}", on.join(" "), words.join(" "))
            }
        });
        entries.chain(hole.then(|| "?".into())).collect::<Vec<_>>().join(", ")
    })
}

/// Manifests that wait only for those before them, so that all of it can come true.
fn ordered() -> impl Strategy<Value = String> {
    vec((1..3_u32, vec(0..6_usize, 0..3)), 1..=6).prop_map(|entries| {
        let entries = entries.into_iter().enumerate().map(|(i, (version, on))| {
            let on: Vec<&str> = on.into_iter().filter(|on| *on < i).map(|on| NAMES[on]).collect();
            format!("{}@{version} <- {}", NAMES[i], on.join(" "))
        });
        entries.collect::<Vec<_>>().join(", ")
    })
}

fn word_of_status() -> impl Strategy<Value = &'static str> {
    let mut words: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    words.push("NEW_WORD");
    prop_oneof![1 => Just("CREATE_COMPLETE"), 1 => Just("ROLLBACK_COMPLETE"), 1 => Just("UPDATE_ROLLBACK_FAILED"), 1 => Just("UPDATE_FAILED"), 4 => select(words)]
}

/// Stacks in every state, ours and other people's.
fn wild() -> impl Strategy<Value = String> {
    let entry = (
        select(NAMES.to_vec()),
        select(vec!["", "/eu-west-1"]),
        select(vec!["1", "2", "-", "x"]),
        word_of_status(),
        select(vec![
            "ours",
            "ours",
            "ours prune",
            "ours prune retains",
            "ours protected",
            "ours nested",
            "theirs",
            "theirs prune",
            "",
            "prune",
            "ours Id=1",
        ]),
    );
    let entry =
        entry.prop_map(|(name, place, version, status, words)| format!("{name}{place}@{version} {status} {words}"));
    vec(entry, 0..8).prop_map(|entries| entries.join(", "))
}

/// Stacks that are ours and can all be brought to anything.
fn tame() -> impl Strategy<Value = String> {
    let status = select(vec![
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "ROLLBACK_COMPLETE",
        "REVIEW_IN_PROGRESS",
        "IMPORT_COMPLETE",
    ]);
    let entry = (select([&NAMES[..], &["old", "older"]].concat()), select(vec!["1", "2", "-", "x"]), status);
    let entry = entry.prop_map(|(name, version, status)| format!("{name}@{version} {status} ours prune"));
    vec(entry, 0..6).prop_map(|entries| entries.join(", "))
}

/// A repository that the account is nearly at: most stacks are in place, and some have been given up.
fn calm() -> impl Strategy<Value = (String, String)> {
    let entry = (1..3_u32, prop_oneof![8 => Just(None), 1 => word_of_status().prop_map(Some)]);
    (vec(entry, 1..4), vec(word_of_status(), 0..3)).prop_map(|(entries, left)| {
        let (mut wanted, mut there) = (vec![], vec![]);
        for (name, (version, odd)) in NAMES.iter().zip(entries) {
            wanted.push(format!("{name}@{version}"));
            there.push(format!("{name}@{version} {} ours", odd.unwrap_or("UPDATE_COMPLETE")));
        }
        let left = ["old", "older"].iter().zip(left).map(|(name, status)| format!("{name}@1 {status} ours prune"));
        there.extend(left);
        (wanted.join(", "), there.join(", "))
    })
}

/// Whatever can be remembered of one stack.
fn known() -> impl Strategy<Value = Known> {
    let fingerprints = || select(vec!["a@1", "b@2", "c@3", "d@1 prune"]).prop_map(fingerprint);
    let acts = || {
        select(vec![
            Started::Create,
            Started::Update,
            Started::Clear,
            Started::Continue,
            Started::RollBack,
            Started::Remove,
        ])
    };
    let pending = (acts(), option::of(fingerprints()), 0..10_000_i64, any::<u32>()).prop_map(
        |(act, fingerprint, since, attempt)| Pending {
            act,
            fingerprint,
            generation: None,
            token: "t".into(),
            since: at(since),
            attempt,
            commit: None,
            allowed: vec![],
        },
    );
    let failed = (fingerprints(), any::<u32>(), 0..10_000_i64, any::<bool>()).prop_map(
        |(fingerprint, attempts, when, refused)| Failed {
            fingerprint,
            attempts,
            at: at(when),
            why: "no".into(),
            refused,
        },
    );
    let held = fingerprints().prop_map(|case| WasHeld {
        case,
        why: "would remove".into(),
        plan: "p".into(),
        leave: Default::default(),
    });
    let tried = (acts(), fingerprints(), any::<u32>(), 0..10_000_i64, option::of(fingerprints())).prop_map(
        |(act, case, attempts, when, gave_up)| Tried { act, case, attempts, at: at(when), gave_up, why: "no".into() },
    );
    (option::weighted(0.2, pending), option::weighted(0.4, failed), option::weighted(0.4, tried), option::of(held))
        .prop_map(|(pending, failed, tried, held)| Known { pending, failed, tried, held, ..Known::default() })
}

fn worlds() -> impl Strategy<Value = World> {
    let memory = vec((select(NAMES.to_vec()), select(vec!["", "/eu-west-1"]), known()), 0..4);
    let places = prop_oneof![2 => (tangled(), wild()), 1 => calm()];
    let settled = vec((select(NAMES.to_vec()), select(vec!["a@1", "b@2", "c@3", "d@1 prune"])), 0..3);
    let names = (vec(select(NAMES.to_vec()), 0..2), vec(select(NAMES.to_vec()), 0..3));
    let worlds = (places, memory, settled, 0..5_usize, prop::bool::weighted(0.1), names);
    worlds.prop_map(|((wanted, there), memory, settled, seats, dark, (held, sent_back))| {
        let mut world = World::of(&wanted, &there).seats(seats);
        world.found.regions.insert(crate::table::word("eu-west-1"));
        for (name, place, known) in memory {
            world = world.knowing(&format!("{name}{place}"), known);
        }
        for (name, request) in settled {
            if world.found.stacks.contains_key(&crate::table::key(name)) {
                world = world.settled(name, request);
            }
        }
        world.orders = orders(&held, &sent_back);
        let then = World::of("a@3, b@1, c@2 <- a, d@1 skips, e@x", "");
        world.pasts.insert(earlier(), Ok(Past { selected: then.selected(), values: then.values.clone() }));
        if dark { world.unreadable("eu-west-1") } else { world }
    })
}

fn earlier() -> CommitId {
    crate::table::word(&"a".repeat(40))
}

/// People hold some stacks, and have sent others back.
fn orders(held: &[&str], sent_back: &[&str]) -> Orders {
    let (until, reason, by) = (at(1_000_000), "reason".to_owned(), "alice".to_owned());
    let hold = |name: &&str| {
        let stack = Some(crate::table::word(name));
        Hold { stack, until, reason: reason.clone(), by: by.clone() }
    };
    let rollback = |name: &&str| {
        let stack = crate::table::word(name);
        Rollback { stack, commit: earlier(), until, reason: reason.clone(), by: by.clone() }
    };
    Orders {
        holds: held.iter().map(hold).collect(),
        rollbacks: sent_back.iter().map(rollback).collect(),
        ..Orders::default()
    }
}

/// Every step's wish comes true.
fn come_true(world: &mut World, plan: &Plan) {
    for step in &plan.steps {
        let there = &mut world.found.stacks;
        match &step.action {
            Action::Clear { .. } | Action::Remove { .. } => drop(there.remove(&step.key)),
            Action::RollBack { .. } if there[&step.key].is_unborn() => drop(there.remove(&step.key)),
            Action::Continue { .. } | Action::RollBack { .. } => {
                there.entry(step.key.clone()).and_modify(|stack| stack.status = Ok(Status::UpdateRollbackComplete));
            }
            Action::Heal(_) => unreachable!("no plan holds a heal"),
            Action::Create(asked) | Action::Update(asked) | Action::Back(asked, _) => {
                let status = if there.contains_key(&step.key) { "UPDATE_COMPLETE" } else { "CREATE_COMPLETE" };
                let (key, mut stack) = found(&format!("{}@- {status}", step.key.stack));
                stack.change_set = Some(asked.fingerprint().change_set());
                stack.tags = asked.tags.clone();
                there.insert(key, stack);
            }
        }
    }
    world.now += SignedDuration::from_mins(1);
}

/// How many stacks wait for each other in the longest row.
fn levels(world: &World) -> usize {
    fn height(world: &World, name: &str) -> usize {
        let on = &world.repository.stacks[&crate::table::word(name)].depends_on;
        1 + on.iter().map(|on| height(world, on.as_str())).max().unwrap_or_default()
    }
    world.repository.stacks.keys().map(|name| height(world, name.as_str())).max().unwrap_or_default()
}

fn ours(world: &World, key: &StackKey) -> bool {
    world
        .found
        .stacks
        .get(key)
        .is_some_and(|stack| stack.tags.get(OWNER).is_some_and(|owner| owner == "main") && !stack.nested)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// [`World::plan`] holds each plan against `lint` and against the same plan made again.
    #[test]
    fn a_plan_is_sound_and_every_stack_that_waits_says_why(world in worlds()) {
        let plan = world.plan();
        for (key, row) in &plan.rows {
            match &row.stand {
                Stand::Settled => prop_assert_eq!(row.state(), State::InSync),
                Stand::Due(_) => prop_assert!(plan.steps.iter().any(|step| step.key == *key)),
                Stand::Not(why) => {
                    let sentence = why.to_string();
                    prop_assert!(!sentence.trim().is_empty() && !sentence.contains('\n'));
                    prop_assert!(row.state() != State::InSync, "{} is not in sync by waiting", key);
                }
            }
        }
        for key in world.selected().wanted.keys() {
            prop_assert!(plan.rows.contains_key(key), "{} is wanted and nothing is said of it", key);
        }
    }

    #[test]
    fn what_is_not_ours_is_never_touched(world in worlds()) {
        for step in world.plan().steps {
            let there = world.found.stacks.get(&step.key);
            let harmless = there.is_none_or(|stack| match stack.status {
                Ok(Status::DeleteComplete) => true,
                Ok(Status::ReviewInProgress) => stack.tags.is_empty(),
                _ => false,
            });
            prop_assert!(ours(&world, &step.key) || harmless, "{:?} on {:?}", step, there);
        }
    }

    #[test]
    fn what_a_person_holds_or_sent_back_is_left_alone_but_for_its_way_back(world in worlds()) {
        for step in world.plan().steps {
            prop_assert!(world.orders.hold(&step.key).is_none(), "{:?} is held", step);
            let sent_back = world.orders.rollback(&step.key).is_some();
            let wanted = world.repository.stacks.values().any(|stack| stack.stack_name == step.key.stack);
            let onwards = matches!(step.action, Action::Create(_) | Action::Update(_));
            prop_assert!(!(sent_back && wanted && onwards), "{:?} goes on, and was sent back", step);
        }
    }

    #[test]
    fn nothing_is_removed_that_was_not_given_up_in_so_many_words(world in worlds()) {
        let plan = world.plan();
        let removed: Vec<_> = plan.steps.iter().filter(|step| step.action.started() == Started::Remove).collect();
        prop_assert!(removed.is_empty() || removed.len() == plan.steps.len(), "removals are alone");
        for step in removed {
            let stack = &world.found.stacks[&step.key];
            let shell = stack.status == Ok(Status::ReviewInProgress);
            prop_assert!(shell || stack.tags.get(PRUNE).map(String::as_str) == Some("delete"));
            prop_assert!(!stack.protected);
            prop_assert!(!world.selected().wanted.contains_key(&step.key));
        }
    }

    #[test]
    fn there_is_never_more_changed_at_a_time_than_there_are_seats_for(world in worlds()) {
        let plan = world.plan();
        let before = plan.rows.values().filter(|row| row.takes_seat()).count();
        prop_assert!(plan.steps.is_empty() || before + plan.steps.len() <= world.policy.concurrency);
    }

    /// One round for each level of dependencies, one more if something had to be cleared away first, one for what leaves.
    #[test]
    fn when_every_wish_comes_true_all_is_soon_settled(wanted in ordered(), there in tame()) {
        let mut world = World::of(&wanted, &there);
        let dead = |stack: &plan::facts::FoundStack| stack.status == Ok(Status::RollbackComplete);
        let cleared = world.found.stacks.values().filter(|stack| dead(stack)).count();
        let most = levels(&world) + cleared + 1;
        let mut rounds = 0;
        loop {
            let plan = world.plan();
            if plan.steps.is_empty() {
                prop_assert!(plan.rows.values().all(|row| row.stand == Stand::Settled), "{:#?}", plan);
                prop_assert!(plan.rows.len() == world.repository.stacks.len(), "what left is gone: {:#?}", plan);
                break;
            }
            come_true(&mut world, &plan);
            rounds += 1;
            prop_assert!(rounds <= most, "round {} of {}", rounds, most);
        }
    }
}

#[test]
fn the_worlds_are_not_all_dull() {
    // A generator that makes nothing makes every property true.
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for _ in 0..1_000 {
        let world = worlds().new_tree(&mut runner).expect("a world").current();
        let plan = world.plan();
        for step in &plan.steps {
            let act = match step.action.started() {
                Started::Create => "create",
                Started::Update => "update",
                Started::Clear => "clear",
                Started::Continue => "continue",
                Started::RollBack => "roll back",
                Started::Remove => "remove",
                Started::Back => "back",
                Started::Heal => "heal",
            };
            *seen.entry(act).or_default() += 1;
        }
        for row in plan.rows.values() {
            *seen.entry(row.state().as_str()).or_default() += 1;
        }
    }
    for what in [
        "create",
        "update",
        "clear",
        "continue",
        "roll back",
        "remove",
        "back",
        "in sync",
        "pending",
        "applying",
        "excepted",
        "unknown",
        "failed",
        "needs a person",
    ] {
        assert!(seen.get(what).is_some_and(|times| *times >= 10), "{what}: {seen:?}");
    }
}
