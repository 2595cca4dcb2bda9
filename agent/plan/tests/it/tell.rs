//! The report of a turn, and whether anybody needs to hear it.

use crate::table::{World, at, fingerprint, found, key, word};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    problem::Problem,
    report::{Happening, Report, Signature, Source, State, What},
};
use plan::{
    guard::case,
    memory::{Known, Memory, Told, WasHeld, generation},
    step::Plan,
    tell::{Turn, is_due, note, reached, said, tell},
};
use std::collections::BTreeMap;

const NET: &str = "net@1 CREATE_COMPLETE ours";

fn source() -> Source {
    Source {
        repository: "https://git.example.org/fleet".into(),
        branch: "main".into(),
        applied: Some("main@sha1:1".into()),
        attempted: Some("main@sha1:1".into()),
        answered: Some(at(0)),
        signature: Signature::NotChecked,
        signer: None,
        distrust: None,
        trouble: None,
    }
}

/// The report on this world, with the source changed like that.
fn report(world: &World, change: impl FnOnce(&mut Source)) -> Report {
    let mut source = source();
    change(&mut source);
    let plan = world.plan();
    tell(&Turn {
        account: &world.account,
        version: "0.1.0",
        digest: None,
        update: None,
        source: &source,
        plan: &plan,
        unreadable: &world.found.unreadable,
        drift: &BTreeMap::new(),
        provides: &BTreeMap::from([(key("net"), vec!["CIS-3.1".into()])]),
        problems: &world.repository.problems,
        orders: &world.orders,
        closed: world.closed.as_deref(),
        memory: &world.memory,
        calls: &BTreeMap::from([("cloudformation:DescribeStacks".into(), 2)]),
        next: Some(at(9)),
    })
}

fn of(wanted: &str, there: &str) -> Report {
    report(&World::of(wanted, there), |_| ())
}

#[test]
fn a_settled_account_is_in_sync_and_has_nothing_to_explain() {
    let report = of("net@1", NET);
    assert_eq!((report.state, &report.why), (State::InSync, &None));
    let [stack] = report.stacks.as_slice() else { panic!("{report:?}") };
    assert_eq!((stack.state, &stack.why, &stack.plan), (State::InSync, &None, &None));
    assert_eq!(stack.status.as_deref(), Some("CREATE_COMPLETE"));
    assert_eq!(stack.fingerprint.as_deref(), Some(fingerprint("net@1").to_string().as_str()));
    assert_eq!(stack.provides, ["CIS-3.1"]);
    assert_eq!((report.account.as_str(), report.account_name.as_deref()), ("111122223333", Some("audit")));
    assert_eq!((report.agent.version.as_str(), report.agent.region.as_str()), ("0.1.0", "eu-central-1"));
}

#[test]
fn the_worst_stack_speaks_for_the_account() {
    let check = |wanted: &str, there: &str, state: State, why: &str| {
        let report = of(wanted, &format!("{NET}, {there}"));
        assert_eq!((report.state, report.why.as_deref()), (state, Some(why)));
    };
    check("net@1, app@1", "", State::Pending, "eu-central-1/app: is being created next");
    check(
        "net@1, app@1, web@1",
        "app@1 CREATE_COMPLETE theirs",
        State::NeedsAPerson,
        "eu-central-1/app: a stack of this name exists and belongs to the installation `other`: it is left alone until it \
         goes, the manifest takes another `stackName`, or the other installation lets go of it",
    );
    check(
        "net@1, app@1 T=label:nope, web@1 suspended",
        "odd@1 ODD_WORD ours prune",
        State::Failed,
        "eu-central-1/app: account 111122223333 has no label `nope`; ends when the fleet file gives it one",
    );
}

/// One stack each for as many states as a plan knows, put beside each other in pairs: the one that [`State::RANKING`]
/// calls worse is the account's.
#[test]
fn of_two_stacks_the_worse_one_is_told() {
    let ways: [(&str, &str, State); 6] = [
        ("1", "@1 CREATE_COMPLETE ours", State::InSync),
        ("1", "@1 UPDATE_IN_PROGRESS ours", State::Pending),
        ("1 suspended", "@1 CREATE_COMPLETE ours", State::Excepted),
        ("1", "@1 ODD_WORD ours", State::Unknown),
        ("x", "@1 CREATE_COMPLETE ours", State::Failed),
        ("1", "@1 IMPORT_ROLLBACK_FAILED ours", State::NeedsAPerson),
    ];
    for (i, (wanted, there, state)) in ways.iter().enumerate() {
        for (other_wanted, other_there, other) in &ways[..=i] {
            let both = of(&format!("a@{wanted}, b@{other_wanted}"), &format!("a{there}, b{other_there}"));
            assert_eq!(both.state, *state, "{state:?} is worse than {other:?}");
            assert_eq!(both.why.is_some(), both.state != State::InSync);
            for stack in &both.stacks {
                assert_eq!(stack.why.is_some(), stack.state != State::InSync, "{stack:?}");
            }
        }
    }
}

#[test]
fn a_source_that_cant_be_read_is_never_green() {
    let report = report(&World::of("net@1", NET), |source| source.trouble = Some("no answer from git".into()));
    assert_eq!((report.state, report.why.as_deref()), (State::Unknown, Some("no answer from git")));
}

#[test]
fn what_cant_be_read_in_the_repository_is_a_failure_of_the_account() {
    let report = of("net@1, app!, web!", NET);
    assert_eq!(report.state, State::Failed);
    assert_eq!(report.why.as_deref(), Some("stacks/app.yaml:7:3: unknown field `parameterz` (and 1 more)"));
    assert_eq!((report.problems.len(), report.problems_total), (2, 2));
}

fn happening(number: usize) -> Happening {
    let sentence = number.to_string();
    Happening { at: at(0), what: What::Created, region: None, stack: None, commit: None, sentence }
}

#[test]
fn a_report_carries_only_so_many_problems_and_happenings_and_says_how_many_there_are() {
    let mut world = World::of("net@1", NET);
    world.repository.problems = (0..70)
        .map(|line| Problem { file: word("a.yaml"), line, column: 0, message: "no".into(), hint: None, manifest: None })
        .collect();
    world.memory.outbox = (0..130).map(happening).collect();
    let report = report(&world, |_| ());
    assert_eq!((report.problems.len(), report.problems_total, report.happened.len()), (50, 70, 100));
}

#[test]
fn when_nobody_listens_the_oldest_happening_goes() {
    let mut memory = Memory::new("e1".into());
    (0..130).for_each(|number| note(&mut memory, happening(number)));
    let kept: Vec<&str> = memory.outbox.iter().map(|happening| happening.sentence.as_str()).collect();
    assert_eq!((kept.len(), kept[0], kept[99]), (100, "30", "129"));
}

#[test]
fn a_held_stack_names_its_plan_and_nobody_elses() {
    let world = World::of("app@2", "app@1 CREATE_COMPLETE ours");
    let manifest = &world.repository.stacks[&word("app")];
    let there = generation(&found("app@1 CREATE_COMPLETE ours").1);
    let case = case(&key("app"), fingerprint("app@2"), Some(there), manifest, &world.policy.guardrails, &world.memory);
    let held = Some(WasHeld {
        case,
        why: "would remove Table".into(),
        plan: "0123456789abcdef".repeat(4),
        leave: plan::orders::Leave::None,
    });
    let mut world = world.clone().knowing("app", Known { held, ..Known::default() });
    let stack = |world: &World| report(world, |_| ()).stacks.remove(0);
    assert_eq!((stack(&world).state, stack(&world).plan.as_deref()), (State::Held, Some("0123456789abcdef")));
    world.policy.guardrails.limits.removals_per_change = 9;
    assert_eq!((stack(&world).state, stack(&world).plan), (State::Pending, None));
}

#[test]
fn what_changes_every_turn_is_not_what_is_said() {
    let one = of("net@1, app@1", NET);
    let same = |change: fn(&mut Report)| {
        let mut other = one.clone();
        change(&mut other);
        assert_eq!(said(&other), said(&one));
    };
    same(|report| report.sequence += 1);
    same(|report| report.source.answered = Some(at(77)));
    same(|report| report.next = None);
    same(|report| report.calls.clear());
    same(|report| report.happened.push(happening(1)));
    let differs = |change: fn(&mut Report)| {
        let mut other = one.clone();
        change(&mut other);
        assert_ne!(said(&other), said(&one));
    };
    differs(|report| report.state = State::Failed);
    differs(|report| report.why = None);
    differs(|report| report.stacks[0].state = State::Held);
    differs(|report| report.stacks[0].why = Some("otherwise".into()));
    differs(|report| drop(report.stacks.pop()));
    differs(|report| report.source.applied = None);
    differs(|report| report.source.trouble = Some("no".into()));
    differs(|report| report.epoch.push('2'));
    differs(|report| report.problems_total = 1);
    differs(|report| report.account_name = None);
}

#[test]
fn a_report_is_due_when_something_is_new_or_it_has_been_quiet_for_long() {
    let report = of("net@1", NET);
    let heartbeat = SignedDuration::from_hours(6);
    let due = |report: &Report, told: Option<Told>, now: Timestamp| {
        let mut memory = Memory::new("e1".into());
        memory.told = told;
        is_due(report, &memory, heartbeat, now)
    };
    let told = Some(Told { at: at(0), said: said(&report) });
    assert!(due(&report, None, at(0)), "nobody has heard anything yet");
    assert!(!due(&report, told.clone(), at(6 * 3600 - 1)));
    assert!(due(&report, told.clone(), at(6 * 3600)));
    assert!(!due(&report, told.clone(), at(-1_000_000)), "a clock that was set back is no news");
    assert!(due(&Report { happened: vec![happening(1)], ..report.clone() }, told.clone(), at(1)));
    assert!(due(&Report { state: State::Failed, ..report }, told, at(1)));
}

#[test]
fn a_commit_is_reached_when_every_stack_is_as_it_says_and_all_of_it_could_be_read() {
    let is_reached = |wanted: &str, there: &str| {
        let world = World::of(wanted, there);
        reached(&world.plan(), &world.repository.problems, &world.found.unreadable)
    };
    assert!(is_reached("net@1", NET));
    assert!(is_reached("net@1, app@1 suspended", NET));
    assert!(is_reached("net@1", &format!("{NET}, old@1 CREATE_COMPLETE ours")), "what is kept is kept by agreement");
    assert!(!is_reached("net@2", NET));
    assert!(!is_reached("net@1, app!", NET));
    assert!(!is_reached("net@1", &format!("{NET}, old@1 CREATE_COMPLETE ours prune")));
    assert!(!is_reached("net@1, app@1", &format!("{NET}, app@1 ODD_WORD ours")));
    assert!(reached(&Plan::default(), &[], &BTreeMap::new()), "an account for which nothing is meant has reached it");
}

#[test]
fn an_account_that_could_not_be_looked_at_is_unknown_even_when_nothing_is_wanted_there() {
    let mut world = World::of("", "");
    world.found.regions.clear();
    world.found.unreadable.insert(key("net").region, "denied".into());
    let report = report(&world, |_| ());
    assert_eq!(report.state, State::Unknown);
    assert!(report.why.is_some_and(|why| why.contains("denied")));
    assert!(!reached(&world.plan(), &[], &world.found.unreadable));
}
