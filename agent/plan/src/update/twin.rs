//! The same where a version is on trial beside the good one and not in its place: two functions, of which the one that proved
//! itself gets every event and hands it to the one on trial.
//!
//! Whoever hands an event over looks whether it led to a turn, and makes that turn itself if it did not. So what is on trial
//! can take no turn away. Not here: how a function is invoked, and how one gets its code (the shell's business).

use super::{Facts, Rest, Step, decide, worn};
use crate::update::{Fell, Proof, Slot, State, Trial};
use alloc::string::String;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A person wants to see tried once more what was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// What was given up until then is meant.
    pub at: Timestamp,
}

/// Who makes the turn that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What is written down first.
    pub first: Option<State>,
    /// Whether the version on trial makes it.
    pub other: bool,
}

/// Who makes the turn that is due now.
pub fn route(facts: &Facts<'_>) -> Route {
    match decide(facts) {
        // It is counted before it is started: one that takes whoever starts it down with it has been started all the same.
        Step::Stay(Rest::Trial(..)) => {
            let state = facts.state.clone().started();
            let other = state.trial.as_ref().and_then(worn).is_none();
            Route { first: Some(state), other }
        }
        // It proved itself: only what fails from now on counts, and that is written down when it has failed.
        Step::Keep | Step::Stay(Rest::Unkept(_)) => Route { first: None, other: true },
        Step::Stay(
            Rest::Unasked
            | Rest::Garbled(_)
            | Rest::Unstarted(_)
            | Rest::Here
            | Rest::Backward(_)
            | Rest::Fell(_)
            | Rest::ForRing(_)
            | Rest::Closed(_)
            | Rest::Unfetched(_)
            | Rest::ForTurn(_),
        )
        | Step::Fetch
        | Step::Try(_)
        | Step::FallBack(_) => Route { first: None, other: false },
    }
}

/// Whether the version on trial has made a turn since, as good as one before the trial. The error says why not, as a clause.
pub fn turned(trial: &Trial, before: Option<&Proof>, after: Option<&Proof>) -> Result<(), String> {
    let last = |proof: Option<&Proof>| {
        let own = proof.filter(|proof| proof.slot == trial.slot.name);
        own.and_then(|proof| proof.turns.last().copied())
    };
    let Some(turned) = last(after).filter(|turned| last(before) != Some(*turned)) else {
        return Err("it answered, and there is no turn of which it told".into());
    };
    match turned.did.lacks(trial.before) {
        Some(lacking) => Err(alloc::format!("it {lacking}")),
        None => Ok(()),
    }
}

impl State {
    /// What was found, if it is of what is here now; else nothing is known but that, and what was given up before.
    #[must_use]
    pub fn of(found: Option<Self>, here: Slot) -> Self {
        match found {
            Some(state) if state.good == here => state,
            other => Self { fell: other.and_then(|other| other.fell), ..Self::new(here) },
        }
    }

    /// The same after a person has said that what was given up before is to be tried once more.
    #[must_use]
    pub fn again(self, again: Option<&Again>) -> Self {
        let is_over = |at: Timestamp| again.is_some_and(|again| again.at >= at);
        let fell: Option<Fell> = self.fell.filter(|fell| !is_over(fell.at));
        let trouble = self.trouble.filter(|trouble| !is_over(trouble.at));
        Self { fell, trouble, ..self }
    }

    /// What is on trial was handed a turn and did not make it.
    #[must_use]
    pub fn failed(mut self, why: String) -> Self {
        self.trial.iter_mut().for_each(|trial| trial.last = Some(why.clone()));
        self
    }

    /// The same where it was not even started, for no fault of its own: that start does not count.
    #[must_use]
    pub fn unstarted(self, why: String) -> Self {
        let mut state = self.failed(why);
        state.trial.iter_mut().for_each(|trial| trial.starts = trial.starts.saturating_sub(1));
        state
    }

    /// What was on trial is in the place of what is good, under that name.
    #[must_use]
    pub fn kept_as(self, name: String) -> Self {
        let kept = self.kept();
        Self { good: Slot { name, ..kept.good }, ..kept }
    }

    /// Whether what is known is known of this one: its digest is what a deployment brought, or what an update did.
    pub fn is_of(&self, name: &str) -> bool {
        self.good.name == name || self.trial.as_ref().is_some_and(|trial| trial.slot.name == name)
    }
}

/// What one of two functions is called: another deployment of it is another one.
pub fn called(function: &str, deployed: &str) -> String {
    alloc::format!("{function}@{}", deployed.get(..16).unwrap_or(deployed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::{Asked, Did, STARTS, TURNS, Turned};
    use alloc::{string::ToString, vec::Vec};
    use jiff::SignedDuration;
    use manifests::id::Digest;

    const ALL: Did = Did { read: true, looked: true, told: true };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn slot(name: &str, version: &str, of: &str) -> Slot {
        Slot { name: name.into(), version: version.parse().unwrap(), sha256: Digest::of(of.as_bytes()) }
    }

    fn good() -> Slot {
        slot("agent@d", "1.0.0", "old")
    }

    fn on_trial() -> State {
        State::new(good()).fetched(slot("next@d", "1.1.0", "new"), at(1)).tried(ALL, at(2))
    }

    fn proof(minutes: &[i64], did: Did) -> Proof {
        let turns: Vec<_> = minutes.iter().map(|minute| Turned { at: at(*minute), did }).collect();
        Proof { slot: "next@d".into(), version: "1.1.0".to_string(), turns }
    }

    fn decided<T>(state: &State, proof: Option<&Proof>, now: i64, decide: impl FnOnce(&Facts<'_>) -> T) -> T {
        let asked = Asked {
            version: "1.1.0".parse().unwrap(),
            sha256: Digest::of(b"new"),
            from: "https://example.com/a.zip".into(),
            downgrade: false,
            ring: "one".parse().unwrap(),
            due: at(0),
        };
        let trial = SignedDuration::from_mins(30);
        let (asked, now) = (Some(&asked), at(now));
        decide(&Facts { asked, garbled: None, state, proof, closed: None, windows: &[], trial, now })
    }

    fn routed(state: &State, proof: Option<&Proof>, now: i64) -> Route {
        decided(state, proof, now, route)
    }

    #[test]
    fn what_is_on_trial_gets_its_turns_counted_and_no_more_than_that() {
        assert_eq!(routed(&State::new(good()), None, 3), Route { first: None, other: false });
        let mut state = on_trial();
        for start in 1..=STARTS {
            let Route { first, other } = routed(&state, None, 3);
            state = first.unwrap();
            assert!(other, "start {start}");
            assert_eq!(state.trial.as_ref().unwrap().starts, start);
        }
        let Route { first, other } = routed(&state, None, 3);
        assert!(!other);
        // And what is written down says enough to go back.
        assert!(first.unwrap().trial.as_ref().and_then(worn).is_some());
        // Its time is over.
        assert_eq!(routed(&on_trial(), None, 40), Route { first: None, other: false });
    }

    #[test]
    fn what_proved_itself_goes_on_until_it_is_in_its_place() {
        let proven = proof(&[3, 4], ALL);
        assert_eq!(proven.turns.len(), TURNS);
        assert_eq!(routed(&on_trial(), Some(&proven), 5), Route { first: None, other: true });
        let stuck = on_trial().unfetched(Digest::of(b"new"), "gone".into(), at(5));
        assert_eq!(routed(&stuck, Some(&proven), 6), Route { first: None, other: true });
        let step = decided(&stuck, Some(&proven), 50, decide);
        assert_eq!(step, Step::Keep, "and it is tried again, even when the time of the trial is over");
        let worn_out = (0..=STARTS).fold(stuck, |state, _| state.started()).failed("it died".into());
        let Step::FallBack(Some(why)) = decided(&worn_out, Some(&proven), 6, decide) else { panic!("it goes on") };
        assert_eq!(why, "proved itself, and then failed (the last time: it died)");
    }

    #[test]
    fn only_a_turn_that_is_told_of_anew_and_as_good_as_before_is_one() {
        let state = on_trial();
        let trial = state.trial.as_ref().unwrap();
        let check = |before: Option<&Proof>, after: Option<&Proof>, expect: Option<&str>| {
            let found = turned(trial, before, after).err();
            assert_eq!(found.as_deref().map(|why| expect.is_some_and(|part| why.contains(part))), expect.map(|_| true));
        };
        let (one, two) = (proof(&[3], ALL), proof(&[3, 4], ALL));
        let others = Proof { slot: "agent@d".into(), ..one.clone() };
        check(None, Some(&one), None);
        check(Some(&one), Some(&two), None);
        check(Some(&others), Some(&one), None);
        check(None, None, Some("no turn"));
        check(Some(&one), Some(&one), Some("no turn"));
        check(None, Some(&others), Some("no turn"));
        check(Some(&one), Some(&proof(&[3, 4], Did { told: false, ..ALL })), Some("did not tell"));
    }

    #[test]
    fn what_is_remembered_of_another_code_is_forgotten_but_for_what_was_given_up() {
        let state = on_trial();
        assert_eq!(State::of(Some(state.clone()), good()), state);
        let fell = state.fallen(Some("broke".into()), at(9));
        let other = slot("agent@e", "1.0.0", "old");
        for here in [other, slot("agent@d", "1.0.0", "other"), slot("agent@d", "1.0.1", "old")] {
            let anew = State::of(Some(fell.clone()), here.clone());
            assert_eq!((anew.good, anew.trial, anew.fell), (here, None, fell.fell.clone()));
        }
        assert_eq!(State::of(None, good()), State::new(good()));
    }

    #[test]
    fn a_person_has_it_tried_again_once() {
        let fell = on_trial().fallen(Some("broke".into()), at(9));
        assert_eq!(fell.clone().again(Some(&Again { at: at(10) })).fell, None);
        assert_eq!(fell.clone().again(Some(&Again { at: at(9) })).fell, None);
        assert_eq!(fell.clone().again(Some(&Again { at: at(8) })), fell, "what fell after that stays fallen");
        assert_eq!(fell.clone().again(None), fell);
    }

    #[test]
    fn who_was_not_started_has_used_up_no_start_and_who_is_kept_lies_in_its_place() {
        let started = on_trial().started();
        assert_eq!(started.clone().unstarted("throttled".into()).trial.unwrap().starts, 0);
        assert_eq!(started.clone().failed("died".into()).trial.unwrap().starts, 1);
        let never = started.clone().unstarted("throttled".into());
        assert_eq!(decided(&never, None, 40, decide), Step::FallBack(None), "and nothing is held against it");
        let kept = started.kept_as("agent@d".into());
        assert_eq!(kept, State::new(slot("agent@d", "1.1.0", "new")));
        assert!(kept.is_of("agent@d") && !kept.is_of("agent@e"));
        assert!(on_trial().is_of("next@d"));
    }
}
