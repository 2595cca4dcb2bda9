//! The agent's own version: a table of what is done when, and what is true of every way that an update can go.

use crate::table::{self, word};
use jiff::{SignedDuration, Timestamp};
use manifests::{guardrails::Guardrails, id::Digest, report::UpdatePhase};
use plan::update::{Asked, Did, Facts, Proof, STARTS, Slot, State, Step, TURNS, Turned, decide, told, trial};
use proptest::{collection::vec, option, prelude::*};

const TRIAL: SignedDuration = SignedDuration::from_mins(30);
const ALL: Did = Did { read: true, looked: true, told: true };

/// So many minutes into it.
fn at(minutes: i64) -> Timestamp {
    table::at(minutes * 60)
}

fn digest(version: &str) -> Digest {
    Digest::of(version.as_bytes())
}

fn slot(version: &str) -> Slot {
    Slot { name: version.into(), version: word(version), sha256: digest(version) }
}

fn asked(version: &str) -> Asked {
    Asked {
        version: word(version),
        sha256: digest(version),
        from: "s3://a/b".into(),
        downgrade: false,
        ring: word("first"),
        due: at(0),
    }
}

fn proof(version: &str, turns: &[(i64, Did)]) -> Proof {
    let turns = turns.iter().map(|(minute, did)| Turned { at: at(*minute), did: *did }).collect();
    Proof { slot: version.into(), version: version.into(), turns }
}

/// A world of minutes, in which 1.0.0 is good.
struct Case {
    asked: Option<Asked>,
    state: State,
    proof: Option<Proof>,
    closed: Option<&'static str>,
    garbled: Option<&'static str>,
    now: i64,
}

fn case(version: &str, now: i64) -> Case {
    Case {
        asked: Some(asked(version)),
        state: State::new(slot("1.0.0")),
        proof: None,
        closed: None,
        garbled: None,
        now,
    }
}

fn on_trial(version: &str, before: Did, now: i64) -> Case {
    let case = case(version, now);
    let state = State::new(slot("1.0.0")).fetched(slot(version), at(0)).tried(before, at(1));
    Case { state, ..case }
}

impl Case {
    fn facts(&self) -> Facts<'_> {
        Facts {
            asked: self.asked.as_ref(),
            garbled: self.garbled,
            state: &self.state,
            proof: self.proof.as_ref(),
            closed: self.closed,
            windows: &[],
            trial: TRIAL,
            now: at(self.now),
        }
    }

    #[track_caller]
    fn check(&self, expected: &str) {
        let step = decide(&self.facts());
        let said = match &step {
            Step::Stay(rest) => format!("stay: {rest}"),
            Step::FallBack(Some(why)) => format!("fall back: {why}"),
            Step::Fetch | Step::Try(_) | Step::Keep | Step::FallBack(None) => format!("{step:?}"),
        };
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn nobody_asks_or_it_is_here() {
    Case { asked: None, ..case("1.0.0", 5) }.check("stay: is not asked for");
    case("1.0.0", 5).check("stay: is here");
}

#[test]
fn only_forward_unless_told() {
    case("0.9.0", 5).check("stay: is not newer than 1.0.0, which is here; ends with");
    case("1.0.0-rc.1", 5).check("stay: is not newer than 1.0.0");
    let rebuilt = Asked { sha256: digest("other"), ..asked("1.0.0") };
    Case { asked: Some(rebuilt), ..case("1.0.0", 5) }.check("stay: is not newer than 1.0.0");
    Case { asked: Some(Asked { downgrade: true, ..asked("0.9.0") }), ..case("0.9.0", 5) }.check("Fetch");
}

#[test]
fn a_ring_has_its_turn_and_a_hold_holds() {
    Case { asked: Some(Asked { due: at(9), ..asked("1.1.0") }), ..case("1.1.0", 5) }
        .check("stay: waits for its ring, `first`, whose turn is at ");
    Case { closed: Some("on hold by alice"), ..case("1.1.0", 5) }.check("stay: is not fetched: on hold by alice");
    case("1.1.0", 5).check("Fetch");
}

#[test]
fn what_can_t_be_fetched_is_tried_ever_more_rarely() {
    let mut case = case("1.1.0", 6);
    case.state = case.state.unfetched(digest("1.1.0"), "no such object".into(), at(5));
    case.check("stay: could not be fetched: no such object; it is tried again at ");
    case.now = 10;
    case.check("Fetch");
    case.state = case.state.unfetched(digest("1.1.0"), "no such object".into(), at(10));
    case.now = 19;
    case.check("stay: could not be fetched");
    case.now = 20;
    case.check("Fetch");
    // Another one is another matter.
    case.state = case.state.unfetched(digest("1.1.0"), "no such object".into(), at(20));
    case.asked = Some(asked("1.2.0"));
    case.check("Fetch");
}

#[test]
fn the_version_that_runs_shows_first_what_it_can_do() {
    let mut case = case("1.1.0", 6);
    case.state = case.state.fetched(slot("1.1.0"), at(5));
    case.proof = Some(proof("1.0.0", &[(4, ALL)]));
    case.check("stay: is here, and is tried when the version that runs has finished a turn");
    case.proof = Some(proof("1.0.0", &[(4, ALL), (6, Did { told: false, ..ALL })]));
    assert_eq!(decide(&case.facts()), Step::Try(Did { told: false, ..ALL }));
    // One that can't even do that is not waited for.
    case.proof = None;
    case.now = 20;
    assert_eq!(decide(&case.facts()), Step::Try(Did::default()));
}

#[test]
fn a_version_is_kept_when_it_did_as_much_as_the_one_before_it_twice() {
    let mut case = on_trial("1.1.0", ALL, 10);
    case.check("stay: runs on trial since ");
    case.proof = Some(proof("1.1.0", &[(2, ALL)]));
    case.check("stay: runs on trial");
    case.proof = Some(proof("1.1.0", &[(2, ALL), (3, ALL)]));
    case.check("Keep");
    case.proof = Some(proof("1.0.0", &[(2, ALL), (3, ALL)]));
    case.check("stay: runs on trial");
    case.proof = Some(proof("1.1.0", &[(0, ALL), (1, ALL)]));
    case.check("stay: runs on trial");
    case.proof = Some(proof("1.1.0", &[(2, Did { read: false, ..ALL }), (3, ALL)]));
    case.check("stay: runs on trial");
    // What the one before it could not do either is nothing to hold against it.
    let mut case = on_trial("1.1.0", Did { read: false, ..ALL }, 10);
    case.proof = Some(proof("1.1.0", &[(2, Did { read: false, ..ALL }), (3, ALL)]));
    case.check("Keep");
}

#[test]
fn a_version_that_is_no_good_is_gone_back_from_and_not_tried_again() {
    let mut case = on_trial("1.1.0", ALL, 31);
    case.check("fall back: finished no turn in 30 min");
    case.proof = Some(proof("1.1.0", &[(2, ALL)]));
    case.check("fall back: finished 1 of 2 turns in 30 min");
    case.proof = Some(proof("1.1.0", &[(2, Did { read: false, ..ALL })]));
    case.check("fall back: finished turns in 30 min, but did not read the repository, as the version before it did");
    case.proof = Some(Proof { version: "9.9.9".into(), ..proof("1.1.0", &[(2, ALL)]) });
    case.check("fall back: takes itself for version ");
    case.proof = None;
    case.now = 2;
    for _ in 0..STARTS {
        case.state = case.state.started();
        case.check("stay: runs on trial");
    }
    case.state = case.state.started();
    case.check("fall back: was started 3 times and did not prove itself");
    case.state = case.state.fallen(Some("was no good".into()), at(2));
    case.check("stay: was no good, and was given up at ");
    assert_eq!(told(&case.facts()).map(|told| told.phase), Some(UpdatePhase::FellBack));
    case.asked = Some(asked("1.2.0"));
    case.check("Fetch");
}

#[test]
fn what_nobody_asks_for_any_more_is_gone_back_from_and_may_be_tried_again() {
    let mut case = on_trial("1.1.0", ALL, 2);
    case.asked = Some(asked("1.0.0"));
    assert_eq!(decide(&case.facts()), Step::FallBack(None));
    case.state = case.state.fallen(None, at(2));
    assert_eq!(case.state, State::new(slot("1.0.0")));
    case.check("stay: is here");
    case.asked = Some(asked("1.1.0"));
    case.check("Fetch");
}

#[test]
fn what_is_on_trial_can_t_end_the_asking() {
    // It may be that the commit asks for nothing any more: that is nothing to hold against what is tried.
    let mut case = Case { asked: None, ..on_trial("1.1.0", ALL, 2) };
    assert_eq!(decide(&case.facts()), Step::FallBack(None));
    case.state = case.state.left().fallen(None, at(2));
    case.check("stay: is not asked for");
    // The version before it knows better, and asks again.
    case.asked = Some(asked("1.1.0"));
    case.check("Fetch");
    case.state = case.state.fetched(slot("1.1.0"), at(3)).tried(ALL, at(4));
    case.check("stay: runs on trial");
    case.asked = None;
    case.check("fall back: leaves nothing of what is asked for, for the second time");
    case.state = case.state.fallen(Some("was no good".into()), at(5));
    case.asked = Some(asked("1.1.0"));
    case.check("stay: was no good, and was given up");
    // What nobody understands is nobody's wish.
    let mut case = Case { asked: None, garbled: Some("no JSON"), ..on_trial("1.1.0", ALL, 2) };
    case.proof = Some(proof("1.1.0", &[(2, ALL), (3, ALL)]));
    case.check("fall back: leaves what is asked for so that it can't be understood (no JSON)");
    Case { asked: None, garbled: Some("no JSON"), ..self::case("1.1.0", 2) }
        .check("stay: what is asked for can't be understood: no JSON; ends when");
}

#[test]
fn a_trial_begins_when_it_is_started() {
    let mut case = on_trial("1.1.0", ALL, 500);
    case.state = case.state.waiting("`systemctl` ended with 1");
    case.check("stay: is in its place to run on trial, but `systemctl` ended with 1; ends when it is started");
    assert_eq!(told(&case.facts()).map(|told| told.phase), Some(UpdatePhase::Waiting), "the version before it runs");
    // Whoever starts it says so, and the updater notes when it saw that.
    case.state = case.state.seen(at(500));
    case.check("stay: is in its place");
    case.state = case.state.started().seen(at(501));
    case.now = 530;
    case.check("stay: runs on trial since ");
    case.state = case.state.seen(at(530));
    case.now = 531;
    case.check("fall back: finished no turn in 30 min");
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_last_longer() {
    let mut case = on_trial("1.1.0", ALL, -5_000);
    case.state = case.state.seen(at(-5_000));
    case.check("stay: runs on trial");
    case.now = -4_970;
    case.check("fall back: finished no turn");
    let mut case = self::case("1.1.0", -5_000);
    case.asked = Some(Asked { due: at(-9_000), ..asked("1.1.0") });
    case.state = case.state.fetched(slot("1.1.0"), at(5)).seen(at(-5_000));
    case.now = -4_985;
    assert_eq!(decide(&case.facts()), Step::Try(Did::default()), "the version that runs is not waited for longer");
    case.state = State::new(slot("1.0.0")).unfetched(digest("1.1.0"), "nobody is there".into(), at(5)).seen(at(-5_000));
    case.check("Fetch");
}

#[test]
fn a_window_that_is_shut_keeps_a_version_out() {
    let text = "apiVersion: holdfast/v1\nkind: Guardrails\nspec:\n  windows: [{kind: deny, schedule: '* * * * *', duration: 1h}]\n";
    let place = word("guardrails.yaml");
    let guardrails: Guardrails = manifests::guardrails::parse(&place, text.as_bytes()).expect("guardrails");
    let case = case("1.1.0", 5);
    let facts = Facts { windows: &guardrails.windows, ..case.facts() };
    let Step::Stay(rest) = decide(&facts) else { panic!("nothing begins while a window is shut") };
    assert!(rest.to_string().starts_with("is not fetched: "), "{rest}");
}

/// What may happen to an updater in a minute.
#[derive(Debug, Clone)]
enum Event {
    /// The fleet asks for one of some versions, or for none.
    Ask(Option<usize>, bool),
    /// What runs is started again.
    Start,
    /// What runs finishes a turn, and gets that much done.
    Turn(Did),
    /// Nothing, for so many minutes.
    Pass(i64),
    /// What is asked can't be fetched.
    Broken,
}

const VERSIONS: [&str; 5] = ["0.9.0", "1.0.0", "1.1.0", "1.2.0", "2.0.0"];

fn did() -> impl Strategy<Value = Did> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(read, looked, told)| Did { read, looked, told })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (option::weighted(0.9, 0..VERSIONS.len()), any::<bool>()).prop_map(|(asked, back)| Event::Ask(asked, back)),
        2 => Just(Event::Start),
        6 => prop_oneof![3 => Just(ALL), 1 => did()].prop_map(Event::Turn),
        2 => (1..40_i64).prop_map(Event::Pass),
        1 => Just(Event::Broken),
    ]
}

/// An updater and its agent, and everything that was ever done.
struct Run {
    case: Case,
    broken: bool,
    /// Turns that were finished by what is on trial, since it began.
    turns: usize,
}

impl Run {
    fn happens(&mut self, event: &Event) {
        match event {
            Event::Ask(which, downgrade) => {
                self.broken = false;
                self.case.asked = which.map(|which| Asked { downgrade: *downgrade, ..asked(VERSIONS[which]) });
            }
            Event::Start => self.case.state = self.case.state.clone().started(),
            Event::Turn(did) => {
                let turned = Turned { at: at(self.case.now), did: *did };
                let slot = self.case.state.current().clone();
                let version = slot.version.to_string();
                self.case.proof = Some(Proof::with(self.case.proof.take(), &slot.name, &version, turned));
                self.turns += 1;
            }
            Event::Pass(minutes) => self.case.now += minutes,
            Event::Broken => self.broken = true,
        }
        self.case.now += 1;
    }

    /// Acts until there is nothing to do, and answers what was done.
    fn acts(&mut self) -> Vec<Step> {
        let mut done = Vec::new();
        loop {
            let step = decide(&self.case.facts());
            let (state, now) = (self.case.state.clone(), at(self.case.now));
            self.case.state = match (&step, &self.case.asked) {
                (Step::Fetch, Some(asked)) if self.broken => state.unfetched(asked.sha256, "broken".into(), now),
                (Step::Fetch, Some(asked)) => state.fetched(slot(&asked.version.to_string()), now),
                (Step::Try(before), _) => {
                    self.turns = 0;
                    state.tried(*before, now)
                }
                (Step::Keep, _) => state.kept(),
                (Step::FallBack(why), _) => state.fallen(why.clone(), now),
                (Step::Stay(_) | Step::Fetch, _) => return done,
            };
            done.push(step);
            assert!(done.len() < 12, "it comes to rest: {done:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever happens in whatever order: only what was asked for runs; forward, unless told; kept only after turns of its
    /// own; what was given up is tried again only after another one was kept; and there is always one to go back to.
    #[test]
    fn whatever_happens_a_good_version_is_there(events in vec(event(), 1..80)) {
        let mut run = Run { case: Case { asked: None, ..case("1.0.0", 1) }, broken: false, turns: 0 };
        let mut given_up: Option<Digest> = None;
        for event in &events {
            let good = run.case.state.good.clone();
            run.happens(event);
            let before = run.case.state.clone();
            let turns = run.turns;
            for step in run.acts() {
                let asked = run.case.asked.clone();
                match step {
                    Step::Try(_) => {
                        let asked = asked.expect("somebody asks");
                        prop_assert!(asked.version > good.version || asked.downgrade);
                        prop_assert_ne!(Some(asked.sha256), given_up, "what was given up is not tried again");
                    }
                    Step::Keep => {
                        prop_assert!(turns >= TURNS, "kept after {turns} turns");
                        given_up = None;
                    }
                    Step::FallBack(Some(_)) => given_up = before.trial.as_ref().map(|trial| trial.slot.sha256),
                    Step::FallBack(None) | Step::Fetch | Step::Stay(_) => {}
                }
            }
            let after = &run.case.state;
            let kept = before.trial.as_ref().is_some_and(|trial| trial.slot == after.good);
            prop_assert!(after.good == good || kept, "what is good was good before, or was on trial");
            prop_assert!(after.trial.as_ref().is_none_or(|trial| trial.slot != after.good), "nothing is tried in its own place");
            if let Some(trial) = &after.trial {
                let minutes = at(run.case.now).duration_since(trial.began).as_mins();
                prop_assert!(minutes < TRIAL.as_mins(), "no trial lasts longer than it may");
            }
        }
    }

    /// However long an agent rests and takes for a turn: one that is good has shown it before its time is over, even if a turn
    /// was lost; and before another one is tried, it has had the time to show what it can do.
    #[test]
    fn a_good_version_is_never_too_slow(rest in 1..86_400_i64, turn in 1..3_600_i64, chance in 0.0..0.2_f64) {
        let seconds = SignedDuration::from_secs;
        let lasts = trial(seconds(rest), seconds(turn));
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a day has few seconds")]
        let rests = (rest as f64 * (1.0 + chance)) as i64;
        prop_assert!(lasts >= seconds(2 * turn + rests), "two turns");
        prop_assert!(lasts >= seconds(2 * turn + 2 * rests), "and one that was over at once, for nothing");
        prop_assert!(lasts >= TRIAL);
        let mut case = case("1.1.0", 0);
        case.state = case.state.fetched(slot("1.1.0"), at(0));
        let shown = at(0) + seconds(rests + turn) - SignedDuration::from_secs(1);
        let waits = matches!(decide(&Facts { trial: lasts, now: shown, ..case.facts() }), Step::Stay(_));
        prop_assert!(waits);
    }

    /// Of two documents about turns, what one version did is never counted for another.
    #[test]
    fn turns_are_a_versions_own(turns in vec((0..2_usize, did()), 1..20)) {
        let mut proof = None;
        for (n, (who, did)) in turns.iter().enumerate() {
            let turned = Turned { at: at(i64::try_from(n).expect("a few")), did: *did };
            proof = Some(Proof::with(proof, VERSIONS[*who], VERSIONS[*who], turned));
        }
        let (last, proof) = (turns.last().expect("one").0, proof.expect("one"));
        let own = turns.iter().rev().take_while(|(who, _)| *who == last).count();
        prop_assert_eq!(proof.turns.len(), own.min(4));
        prop_assert_eq!(proof.slot.as_str(), VERSIONS[last]);
    }
}
