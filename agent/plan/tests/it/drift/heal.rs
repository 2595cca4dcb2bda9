//! Whether what somebody changed is put back now, and if not, why, and what ends that.

use super::{CANARY, author, drifts, healing, rails};
use crate::table::{World, at, fingerprint, key, word};
use jiff::SignedDuration;
use manifests::{
    approval,
    drift::Mode,
    guardrails::{Guardrails, Limits, Who},
    stack::{Location, Targets},
};
use plan::{
    asked::Fingerprint,
    drift::{
        heal::{Heal, Scene, Towards, is_asked, towards},
        remembered::Drifts,
    },
    facts::Seen,
    memory::{Failed, Known, Started, WasHeld},
    orders::{Approval, Hold, Leave},
    spent::Toll,
    step::{Action, Step},
    why::Why,
};

const THERE: &str = "app@1 CREATE_COMPLETE ours";
const TOPIC: &str = "Topic MODIFIED /DisplayName=canary-hunter2";

fn ask(world: &World, drifts: &Drifts, asked: bool) -> Towards {
    let selected = world.selected();
    towards(&world.facts(&selected), &world.plan(), drifts, &key("app"), asked)
}

/// Its sentence, or `due`, or `nothing`.
#[track_caller]
fn says(world: &World, drifts: &Drifts, asked: bool) -> String {
    let said = match ask(world, drifts, asked) {
        Towards::Nothing => "nothing".into(),
        Towards::Due(step) => {
            assert_eq!((step.key, step.manifest.as_str(), step.attempt, step.adopting), (key("app"), "app", 1, false));
            "due".into()
        }
        Towards::Not(reason) => reason.to_string(),
    };
    assert!(!said.contains(CANARY), "{said}");
    said
}

/// How that drift stands in this world, and how it does when a person asks for it to be put back.
#[track_caller]
fn is(world: &World, drifts: &Drifts, expect: &str, asked: &str) {
    let (by_itself, by_a_person) = (says(world, drifts, false), says(world, drifts, true));
    assert!(by_itself.contains(expect), "{by_itself}");
    assert!(by_a_person.contains(asked), "asked: {by_a_person}");
}

/// What was found in the usual world stands like that.
#[track_caller]
fn found(world: &World, expect: &str, asked: &str) {
    is(world, &drifts(0, TOPIC), expect, asked);
}

fn step(world: &World, drifts: &Drifts) -> (Step, Heal) {
    let towards = ask(world, drifts, false);
    let Towards::Due(step) = towards else { panic!("{towards:?}") };
    let Action::Heal(heal) = step.action.clone() else { panic!("{step:?}") };
    (step, heal)
}

#[test]
fn what_nobody_changed_is_not_put_back() {
    assert_eq!(ask(&healing(THERE), &Drifts::default(), true), Towards::Nothing);
    assert_eq!(ask(&healing(THERE), &drifts(0, ""), true), Towards::Nothing);
    assert_eq!(ask(&healing(""), &drifts(0, TOPIC), true), Towards::Nothing, "it is not there any more");
    found(&healing(THERE), "due", "due");
}

#[test]
fn the_manifest_and_the_account_say_how_much_is_done() {
    let with = |mode, most| {
        let mut world = healing(THERE).with("app", |stack| stack.drift.mode = mode);
        world.policy.guardrails.drift.most = most;
        world
    };
    let off = "is not looked at; ends when its manifest says another `mode` than `off`";
    found(&with(Mode::Off, Mode::Heal), off, off);
    let off = "is not looked at; ends when this account's guardrails say another";
    found(&with(Mode::Heal, Mode::Off), off, off);
    let warn = "is told and not put back (`mode: warn`); ends with `mode: heal` in its manifest";
    found(&with(Mode::Warn, Mode::Heal), warn, "due");
    found(&with(Mode::Warn, Mode::Warn), warn, "due");
    let warn = "because this account's guardrails allow no more (`drift.mode`); ends when they do";
    found(&with(Mode::Heal, Mode::Warn), warn, "due");
}

#[test]
fn a_heal_asks_for_nothing_and_waits_for_no_commit() {
    let mut world = healing("app@1 CREATE_COMPLETE ours").with("app", |stack| stack.template = word("t/2.yaml"));
    found(&world, "is put back with, or after, the change", "is put back with, or after, the change");
    let held = WasHeld { case: Fingerprint::of(b""), why: "held".into(), plan: String::new(), leave: Leave::None };
    let failed = Failed { fingerprint: fingerprint("app@2"), attempts: 9, at: at(0), why: "no".into(), refused: false };
    found(&world.clone().knowing("app", Known { failed: Some(failed), ..Known::default() }), "due", "due");
    let selected = world.selected();
    let facts = world.facts(&selected);
    let wanted = &selected.wanted[&key("app")];
    let generation = plan::memory::generation(&world.found.stacks[&key("app")]);
    let case = plan::guard::case(
        &key("app"),
        fingerprint("app@2"),
        Some(generation),
        &wanted.manifest,
        &facts.policy.guardrails,
        facts.memory,
    );
    world = world.knowing("app", Known { held: Some(WasHeld { case, ..held }), ..Known::default() });
    world.reads("app: held: held");
    found(&world, "due", "due");
    for broken in ["app@1 P=label:no", "app@1 P=ssm:/p", "app@1 P=app2.Id"] {
        let world = World::of(broken, THERE).with("app", |stack| stack.drift.mode = Mode::Heal);
        found(&world, "due", "due");
    }
}

#[test]
fn what_is_under_way_comes_first() {
    for there in ["app@1 UPDATE_IN_PROGRESS ours", THERE] {
        let world = healing(there).pending("app", Started::Update, 5);
        found(&world, "is not put back now: being updated since", "is not put back now: being updated since");
    }
    let busy = "is not put back now: somebody else is changing it";
    found(&healing("app@1 UPDATE_IN_PROGRESS ours"), busy, busy);
    let seat = World::of("app@2, b@1", "app@1 CREATE_COMPLETE ours, b@1 UPDATE_IN_PROGRESS ours")
        .with("app", |stack| stack.drift.mode = Mode::Heal)
        .seats(1);
    found(&seat, "is put back with, or after,", "is put back with, or after,");
}

#[test]
fn people_the_clock_and_guardrails_stop_it_as_they_stop_every_change() {
    let hold = |stack: Option<&str>| {
        let mut world = healing(THERE);
        let hold = Hold { stack: stack.map(word), until: at(9_000), reason: "audit".into(), by: "jane".into() };
        world.orders.holds.push(hold);
        world
    };
    found(&hold(Some("app")), "is not put back now: on hold", "is not put back now: on hold");
    found(&hold(None), "on hold", "on hold");
    found(&hold(Some("other")), "due", "due");
    let closed = World { closed: Some("guardrails can't be read; ends when they can".into()), ..healing(THERE) };
    found(&closed, "is not put back now: guardrails can't be read", "is not put back now: guardrails can't be read");
    let mut shut = healing(THERE);
    shut.policy.guardrails = rails("{windows: [{kind: deny, schedule: '* * * * *', duration: 2m, reason: frozen}]}");
    found(&shut, "waits for the account's window (frozen)", "waits for the account's window (frozen)");
    let mut stopped = healing(THERE);
    stopped.stopped.insert(key("app"), Why::Trouble("the account is being moved".into()));
    found(&stopped, "the account is being moved", "the account is being moved");
    let suspended = healing(THERE).with("app", |stack| stack.suspend = Some("the audit is on".into()));
    found(&suspended, "is not put back now: suspended: the audit is on", "is not put back now: suspended");
}

#[test]
fn what_the_account_fences_off_is_not_put_back() {
    let fenced = |change: fn(&mut Guardrails)| {
        let mut world = healing(THERE);
        change(&mut world.policy.guardrails);
        world
    };
    let prefix = "this account only has stacks whose names begin with `prod-`";
    found(&fenced(|rails| rails.prefix = Some("prod-".into())), prefix, prefix);
    let role = "CloudFormation changes as `arn:aws:iam::111122223333:role/deploy`";
    found(&fenced(|rails| rails.role = Some(word("arn:aws:iam::111122223333:role/deploy"))), role, role);
    let mut protected = healing(THERE);
    protected.policy.guardrails = rails("{stacks: {protected: [app]}}");
    found(&protected, "this account protects it", "this account protects it");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    for there in ["app@1 CREATE_COMPLETE theirs", "app@1 CREATE_COMPLETE", "app@1 CREATE_COMPLETE ours nested"] {
        let said = says(&healing(there), &drifts(0, TOPIC), true);
        assert!(said != "due" && said.starts_with("is not put back now: "), "{there}: {said}");
    }
    // Where it may be taken over, it is so first.
    let mut world = healing(THERE).with("app", |stack| stack.adopt = true);
    world.policy.guardrails.may.adopt = true;
    world.memory.own(&key("app"), "arn:aws:cloudformation:eu-central-1:111122223333:stack/app/2");
    for asked in [false, true] {
        let said = says(&world, &drifts(0, TOPIC), asked);
        assert!(said != "due", "{said}");
    }
}

#[test]
fn only_a_sound_stack_can_be_put_back() {
    found(&healing("app@1 UPDATE_ROLLBACK_COMPLETE ours").settled("app", "app@1"), "due", "due");
    found(&healing("app@1 IMPORT_COMPLETE ours"), "due", "due");
    for there in ["ROLLBACK_COMPLETE", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "NEW_WORD"] {
        let said = says(&healing(&format!("app@1 {there} ours")), &drifts(0, TOPIC), true);
        assert!(said != "due" && said != "nothing", "{there}: {said}");
    }
}

#[test]
fn a_turn_begins_only_so_much_and_a_day_puts_back_only_so_much() {
    let mut world = healing(THERE);
    world.policy.guardrails.limits.stacks_per_turn = 2;
    world.begun.stacks = 1;
    found(&world, "due", "due");
    world.begun.stacks = 2;
    found(&world, "is not put back now: this turn has begun 2 changes", "this turn has begun 2 changes");
    let mut world = healing(THERE);
    world.policy.guardrails.limits = Limits { heals_per_day: 3, ..Limits::default() };
    world.memory.spent.add(at(0), Toll { heals: 2, ..Toll::default() });
    found(&world, "due", "due");
    let two = drifts(0, "Topic DELETED, Queue DELETED");
    let full = "waits, because this account allows 3 to be put back in 24 hours (`limits.healsPerDay`); goes on at \
                2025-06-16T15:06:40Z";
    is(&world, &two, full, full);
    let four = drifts(0, "A DELETED, B DELETED, C DELETED, D DELETED");
    let never = "is more than this account allows to be put back in 24 hours (3, `limits.healsPerDay`); ends when";
    is(&world, &four, never, never);
}

#[test]
fn what_cloudformation_never_puts_back_is_a_persons() {
    let kinds =
        "can't be put back: CloudFormation's drift-aware change sets leave out AWS::MSK::Cluster, AWS::RDS::DBProxy";
    let both = drifts(0, "A AWS::RDS::DBProxy MODIFIED /X=1, B AWS::MSK::Cluster DELETED");
    is(&healing(THERE), &both, kinds, kinds);
    is(&healing(THERE), &drifts(0, "A AWS::RDS::DBProxy MODIFIED /X=1, B DELETED"), "due", "due");
}

#[test]
fn what_some_people_change_is_left_alone_for_a_while() {
    let people = "[{by: '*role/break-glass*', hold: 4h}, {by: '*break-glass/j*', hold: 2h}]";
    let mut world = healing(THERE);
    world.policy.guardrails = rails(&format!("{{drift: {{people: {people}}}}}"));
    let by = |name: &str, sure: bool| {
        let mut drifts = drifts(3_500, TOPIC);
        drifts.change(&key("app"), |known| known.findings[0].author = Some(author(name, 3_400, sure)));
        drifts
    };
    let left = "is left alone until 2025-06-15T20:03:20Z, because this account's guardrails say so of what \
                arn:aws:sts::111122223333:assumed-role/break-glass/jane changes (`drift.people`)";
    is(&world, &by("break-glass", true), left, "due");
    let waits = "waits for CloudTrail to say whether it was arn:aws:sts::111122223333:assumed-role/break-glass/jane, because \
                 this account leaves alone what some change (`drift.people`); put back at 2025-06-15T16:20:00Z if it says nothing";
    is(&world, &by("break-glass", false), waits, "due");
    is(&world, &by("deploy", true), "due", "due");
    // What an event says decides nothing, and neither does that there was none.
    is(&world, &by("deploy", false), "waits for CloudTrail to say whether it was arn:", "due");
    is(&world, &drifts(3_500, TOPIC), "waits for CloudTrail to say who it was, because this account", "due");
    world.policy.guardrails.drift.who = Who::None;
    is(&world, &by("break-glass", true), "of what the one who did it changes", "due");
    is(&world, &by("break-glass", false), "to say who it was, because", "due");
    world.now = at(3_500) + SignedDuration::from_mins(15);
    is(&world, &by("break-glass", false), "due", "due");
    is(&world, &drifts(3_500, TOPIC), "due", "due");
    is(&world, &by("break-glass", true), "is left alone until", "due");
    world.now = at(3_400) + SignedDuration::from_hours(4);
    is(&world, &by("break-glass", true), "due", "due");
}

#[test]
fn who_fights_the_healer_wins_for_a_day() {
    let world = healing(THERE);
    let healed = |times: &[i64]| {
        let mut drifts = drifts(3_500, TOPIC);
        drifts.change(&key("app"), |known| {
            known.heals = times.iter().copied().map(at).collect();
            known.findings[0].author = Some(author("deploy", 3, true));
        });
        drifts
    };
    is(&world, &healed(&[0, 10]), "due", "due");
    let flaps = "was put back 3 times within a day and changed again each time by \
                 arn:aws:sts::111122223333:assumed-role/deploy/jane: left as it is until 2025-06-16T15:06:40Z; ends sooner";
    is(&world, &healed(&[0, 10, 20]), flaps, "due");
    let mut hashed = world.clone();
    hashed.policy.guardrails.drift.who = Who::None;
    is(&hashed, &healed(&[0, 10, 20]), "changed again each time: left as it is", "due");
    let mut later = world.clone();
    later.now = at(86_399);
    is(&later, &healed(&[0, 10, 20]), "was put back 3 times", "due");
    later.now = at(86_400);
    is(&later, &healed(&[0, 10, 20]), "due", "due");
    is(&later, &healed(&[0, 10, 20, 86_399]), "was put back 3 times", "due");
}

#[test]
fn what_was_tried_and_stopped_is_not_tried_again_while_all_is_as_it_was() {
    let stopped = |world: &World, text: &str, plan: Option<&str>| {
        let mut drifts = drifts(0, TOPIC);
        let (selected, key) = (world.selected(), key("app"));
        let rules = &selected.wanted[&key].manifest.drift;
        let scene = Scene { found: &world.found.stacks[&key], rules, guardrails: &world.policy.guardrails };
        let stop = |known: &_| scene.stop(known, "it did not help; ends some day".into(), plan.map(Into::into));
        drifts.change(&key, |known| known.stopped = Some(stop(known)));
        let other = super::drifts(5, text).of(&key).expect("it is there").findings.clone();
        drifts.change(&key, |known| known.findings = other);
        drifts
    };
    let world = healing(THERE);
    is(&world, &stopped(&world, TOPIC, None), "it did not help; ends some day", "due");
    is(&world, &stopped(&world, "Topic MODIFIED /DisplayName=c", None), "due", "due");
    is(&world, &stopped(&world, "Topic MODIFIED /DisplayName=canary-hunter2, Queue DELETED", None), "due", "due");
    is(
        &healing("app@1 UPDATE_COMPLETE ours :P=x").settled("app", "app@1"),
        &stopped(&world, TOPIC, None),
        "due",
        "due",
    );
    let mut raised = world.clone();
    raised.policy.guardrails.limits.heals_per_day += 1;
    is(&raised, &stopped(&world, TOPIC, None), "due", "due");
    let digest = "0123456789abcdef";
    let mut approved = world.clone();
    let approval =
        |plan: &str, until| Approval { plan: word(plan), until, reason: "so be it".into(), by: "jane".into() };
    let with = |world: &mut World, plan: &str, until| world.orders.approvals = vec![approval(plan, until)];
    with(&mut approved, digest, at(9_000));
    is(&approved, &stopped(&world, TOPIC, Some(digest)), "due", "due");
    is(&approved, &stopped(&world, TOPIC, None), "it did not help", "due");
    with(&mut approved, &format!("{digest}0123"), at(9_000));
    is(&approved, &stopped(&world, TOPIC, Some(digest)), "due", "due");
    with(&mut approved, "1123456789abcdef", at(9_000));
    is(&approved, &stopped(&world, TOPIC, Some(digest)), "it did not help", "due");
    with(&mut approved, digest, at(3_600));
    is(&approved, &stopped(&world, TOPIC, Some(digest)), "it did not help", "due");
    let mut selected = world.selected();
    let until = at(9_000);
    let at = Location { file: word("approvals/1.yaml"), line: 1 };
    let (plan, reason, targets) = (word(digest), "so be it".into(), Targets::default());
    selected.approvals = vec![approval::Approval { plan, until, reason, targets, at }];
    let drifts = stopped(&world, TOPIC, Some(digest));
    let towards = towards(&world.facts(&selected), &world.plan(), &drifts, &key("app"), false);
    assert!(matches!(towards, Towards::Due(_)), "the repository approves as well: {towards:?}");
}

#[test]
fn a_step_holds_everything_that_was_found() {
    let mut drifts = drifts(0, "Topic MODIFIED /DisplayName=b, Queue DELETED");
    drifts.change(&key("app"), |known| {
        known.noisy.insert(word("Noisy"));
        known.ignoring.insert(word("Ignoring"));
    });
    let (step, heal) = step(&healing(THERE), &drifts);
    let found: Vec<_> = heal.findings.iter().map(|(name, seen)| (name.as_str(), *seen)).collect();
    assert_eq!(found, [("Queue", Seen::Deleted), ("Topic", Seen::Modified)]);
    assert_eq!((heal.noisy.len(), heal.ignoring.len()), (1, 1));
    assert_eq!(step.stack_id.as_deref(), Some("arn:aws:cloudformation:eu-central-1:111122223333:stack/app/1"));
    assert!(step.generation.is_some());
}

#[test]
fn a_heals_change_set_says_what_the_stack_is_where_that_is_sure() {
    let name = |world: &World, text: &str| step(world, &drifts(0, text)).1.change_set;
    let ready = name(&healing(THERE), TOPIC);
    assert!(ready.starts_with(&format!("holdfast-{}-heal-", fingerprint("app@1"))), "{ready}");
    assert_eq!(Fingerprint::of_change_set(&ready), Some(fingerprint("app@1")));
    assert!(ready.len() <= 128);
    assert_eq!(name(&healing(THERE), TOPIC), ready, "the same for the same");
    assert_ne!(name(&healing(THERE), "Topic MODIFIED /DisplayName=c"), ready);
    // After a heal it is the same stack still.
    let mut healed = healing(THERE);
    let app = healed.found.stacks.get_mut(&key("app")).expect("it is there");
    app.change_set = Some(ready.clone());
    assert!(!is_asked(app));
    let again = name(&healed, TOPIC);
    assert_eq!(Fingerprint::of_change_set(&again), Some(fingerprint("app@1")));
    assert_ne!(again, ready);
    let undone = name(&healing("app@1 UPDATE_ROLLBACK_COMPLETE ours").settled("app", "app@1"), TOPIC);
    assert!(undone.starts_with("holdfast-heal-"), "{undone}");
    assert_eq!(Fingerprint::of_change_set(&undone), None);
    let unnamed = name(&healing("app@- UPDATE_COMPLETE ours").settled("app", "app@1"), TOPIC);
    assert!(unnamed.starts_with("holdfast-heal-"), "{unnamed}");
}

#[test]
fn a_request_of_ours_is_told_from_a_heal_and_from_somebody_elses() {
    let asked = |there: &str| is_asked(&crate::table::found(there).1);
    assert!(asked("app@1 CREATE_COMPLETE ours"));
    assert!(!asked("app@x CREATE_COMPLETE ours"));
    assert!(!asked("app@- CREATE_COMPLETE ours"));
}
