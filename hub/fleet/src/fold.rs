//! One report at a time into the fleet. Order does not matter and repetition does not matter: any shuffling of the
//! same deliveries gives the same [`Fleet`].
//!
//! Deliberately not here: reading bytes (that is the hub's `ingest`), and any judgement on how old a report is.

use crate::{
    belief::{Belief, Record, weigh},
    numbers::Numbers,
};
use alloc::{
    collections::{BTreeMap, btree_map::Entry},
    format,
    string::String,
    vec::Vec,
};
use core::cmp::Ordering;
use jiff::Timestamp;
use manifests::{
    id::{AccountId, Digest},
    report::{Event, proof::Proof},
};
use serde::{Deserialize, Serialize};

/// Everything that was heard, and everything that was refused.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    /// The accounts that spoke, by id.
    pub accounts: BTreeMap<AccountId, Account>,
    /// What could not be taken for a report of the account it names, by the digest of its text.
    pub quarantine: BTreeMap<Digest, Refused>,
    /// Whom to believe.
    pub belief: Belief,
}

/// One account, by its newest report.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The report with the highest epoch (epochs are ordered as text), and in it the highest sequence.
    pub newest: Event,
    /// What is known of all of its reports.
    pub standing: Standing,
}

/// What is known of an account's reports, without the reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The epoch of the newest.
    pub epoch: String,
    /// Its number there.
    pub sequence: u64,
    /// When it was made, by its sender's clock.
    pub time: Timestamp,
    /// When it was first received.
    pub received: Timestamp,
    /// Every number that was heard.
    pub heard: Heard,
    /// Whether it proved whose it is.
    pub proven: bool,
}

/// The numbers of an account's reports, epoch by epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Heard(BTreeMap<String, Numbers>);

/// How many epochs are remembered: an agent begins one when its memory is lost, which is seldom.
const EPOCHS: usize = 16;

impl Heard {
    /// Adds a number; `false` when it was there already, or is of an epoch so old that nobody remembers.
    fn insert(&mut self, epoch: &str, number: u64) -> bool {
        let is_oldest = self.0.len() >= EPOCHS && self.0.keys().next().is_some_and(|oldest| epoch < oldest.as_str());
        if is_oldest {
            return false;
        }
        let new = self.0.entry(epoch.into()).or_default().insert(number);
        if self.0.len() > EPOCHS {
            self.0.pop_first();
        }
        new
    }

    /// Numbers that were never heard between two that were, epoch by epoch, as `3-4` or `7`.
    pub fn missing(&self) -> Vec<String> {
        self.0.values().flat_map(Numbers::gaps).collect()
    }
}

/// One message that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When it was first received.
    pub received: Timestamp,
    /// Why, as a sentence without a full stop.
    pub reason: String,
    /// How it begins: at most [`Refused::EXCERPT`] characters, for whoever looks into it.
    pub begins: String,
}

impl Refused {
    /// Enough to recognise a message by, too little to flood a terminal.
    pub const EXCERPT: usize = 200;

    /// A message that was refused for this reason.
    pub fn of(body: &[u8], reason: String, received: Timestamp) -> Self {
        // Of a hostile megabyte only the beginning is looked at: four bytes are the longest character.
        let head = &body[..body.len().min(4 * Self::EXCERPT)];
        Self { received, reason, begins: String::from_utf8_lossy(head).chars().take(Self::EXCERPT).collect() }
    }
}

/// What one report did to the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is the account's newest now.
    Newest,
    /// A newer one was here before. The picture stays; what it says happened is still news.
    Late,
    /// Its number was heard before. Nothing changes.
    Known,
    /// It has the number of the newest report and says something else: the one with the later time is shown. An agent
    /// whose memory was set back does this, and so does a forger.
    Contested,
    /// It is in quarantine, for this reason.
    Refused(String),
}

/// Adds one report, received at that time, with its proof. What is refused is remembered by `body`.
pub fn fold(
    mut fleet: Fleet,
    event: Event,
    proof: Option<&Proof>,
    (body, received): (&str, Timestamp),
) -> (Fleet, Outcome) {
    let account = &event.data.account;
    let known = fleet.belief.keys.get(account);
    let proven = speaks_for_itself(&event).and_then(|()| weigh(proof, account, known, &fleet.belief.policy));
    let proven = match proven {
        Ok(proven) => proven,
        Err(reason) => return (refuse(fleet, body.as_bytes(), reason.clone(), received), Outcome::Refused(reason)),
    };
    let outcome = match fleet.accounts.entry(event.data.account.clone()) {
        Entry::Vacant(place) => {
            place.insert(Account { standing: Standing::first(&event, proven, received), newest: event });
            Outcome::Newest
        }
        Entry::Occupied(mut account) => {
            let Account { newest, standing } = account.get_mut();
            let (outcome, is_newest) = standing.hear(&event, proven, received, || by_text(&event, newest));
            if is_newest {
                *newest = event;
            }
            outcome
        }
    };
    (fleet, outcome)
}

/// Takes in what the hub put on record then, in these words.
pub fn note(mut fleet: Fleet, record: Record, body: &str, recorded: Timestamp) -> Fleet {
    match record {
        Record::Dropped(dropped) => refuse(fleet, body.as_bytes(), format!("{dropped}"), recorded),
        // What it takes out, nobody reads again.
        Record::Policy(_) | Record::Enrolled(_) | Record::Cut(_) => {
            fleet.belief.learn(record);
            fleet
        }
    }
}

/// Puts a message into quarantine that is no report, or nobody's.
pub fn refuse(mut fleet: Fleet, body: &[u8], reason: String, received: Timestamp) -> Fleet {
    let refused = fleet.quarantine.entry(Digest::of(body)).or_insert_with(|| Refused::of(body, reason, received));
    refused.received = refused.received.min(received);
    fleet
}

/// The envelope and the report must name the same account.
///
/// # Errors
/// Why they do not, as a sentence without a full stop.
pub fn speaks_for_itself(event: &Event) -> Result<(), String> {
    let account = &event.data.account;
    if event.subject != *account {
        return Err(format!("its subject is {} and its report is {account}'s", event.subject));
    }
    if event.source.strip_prefix("/holdfast/") != Some(account.as_str()) {
        let source: String = event.source.chars().take(80).collect();
        return Err(format!("its source is `{source}` and its report is {account}'s"));
    }
    Ok(())
}

impl Standing {
    /// Of an account's first report.
    pub fn first(event: &Event, proven: bool, received: Timestamp) -> Self {
        let (epoch, sequence) = (event.data.epoch.clone(), event.data.sequence);
        let mut heard = Heard::default();
        heard.insert(&epoch, sequence);
        Self { epoch, sequence, time: event.time, received, heard, proven }
    }

    /// Takes in another one. Answers what it did, and whether it is the newest now. `against` compares it with the newest
    /// by their texts, and is asked only when nothing else tells them apart.
    ///
    /// The first that proves whose it is counts whatever was heard before: that may have been anybody's.
    pub fn hear(
        &mut self,
        event: &Event,
        proven: bool,
        received: Timestamp,
        against: impl FnOnce() -> Ordering,
    ) -> (Outcome, bool) {
        if proven && !self.proven {
            *self = Self::first(event, proven, received);
            return (Outcome::Newest, true);
        }
        let new = self.heard.insert(&event.data.epoch, event.data.sequence);
        let number = (event.data.epoch.as_str(), event.data.sequence);
        let newest = (self.epoch.as_str(), self.sequence);
        // A contested number goes by time, then by text, so that the order of arrival never decides.
        let order = number.cmp(&newest).then_with(|| event.time.cmp(&self.time)).then_with(against);
        let is_same = number == newest;
        match order {
            Ordering::Greater => {
                let heard = core::mem::take(&mut self.heard);
                let (epoch, sequence) = (event.data.epoch.clone(), event.data.sequence);
                *self = Self { epoch, sequence, time: event.time, received, heard, proven };
                (if new { Outcome::Newest } else { Outcome::Contested }, true)
            }
            Ordering::Equal => {
                // Delivered again: that is no sign of life, so the first time stands.
                self.received = self.received.min(received);
                (Outcome::Known, false)
            }
            Ordering::Less if new => (Outcome::Late, false),
            Ordering::Less if is_same => (Outcome::Contested, false),
            Ordering::Less => (Outcome::Known, false),
        }
    }
}

/// Which of two reports of one number and time counts. Equal only when they are the same report.
pub fn by_text(one: &Event, other: &Event) -> Ordering {
    if one == other { Ordering::Equal } else { text(one).cmp(&text(other)) }
}

fn text(event: &Event) -> String {
    serde_json::to_string(event).expect("an event is texts, numbers and lists of them")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::belief::{Enrolled, Record, tests::signed};
    use manifests::report::{State, TYPE};
    use proptest::prelude::*;
    use std::vec;

    /// A report of the account `n` (one digit, twelve times), as an agent would write it.
    pub(crate) fn report(account: u8, epoch: &str, sequence: u64, state: &str, stacks: &[&str]) -> Event {
        let account = std::format!("{account}").repeat(12);
        let stack = |(n, state): (usize, &&str)| {
            serde_json::json!({
                "manifest": format!("stack{n}"), "region": "eu-central-1", "stack": format!("stack{n}"), "state": state,
                "why": format!("stack{n} says {state}"),
            })
        };
        let stacks: Vec<_> = stacks.iter().enumerate().map(stack).collect();
        let event = serde_json::json!({
            "specversion": "1.0", "id": format!("{epoch}-{sequence}"), "source": format!("/holdfast/{account}"),
            "type": TYPE, "subject": account, "time": "2026-05-01T12:00:00Z", "datacontenttype": "application/json",
            "data": {
                "account": account, "epoch": epoch, "sequence": sequence, "state": state, "stacks": stacks,
                "agent": { "version": "0.1.0", "region": "eu-central-1" },
                "source": { "repository": "https://git.example/fleet", "branch": "main", "signature": "not-checked" },
            },
        });
        serde_json::from_value(event).unwrap()
    }

    /// Folds a report that claims nothing.
    pub(crate) fn taken(fleet: Fleet, event: Event, received: Timestamp) -> (Fleet, Outcome) {
        let body = text(&event);
        fold(fleet, event, None, (&body, received))
    }

    pub(crate) fn second(n: i64) -> Timestamp {
        Timestamp::from_second(1_777_636_800 + n).unwrap()
    }

    /// Folds reports of one account, written as `epoch.sequence`, and tells what each did, which one counts, and what
    /// is missing.
    fn check(heard: &str, expect: &str) {
        let mut fleet = Fleet::default();
        let mut told = Vec::new();
        for (n, word) in heard.split(' ').enumerate() {
            let (epoch, sequence) = word.split_once('.').unwrap();
            let event = report(1, epoch, sequence.parse().unwrap(), "in-sync", &[]);
            let (next, outcome) = taken(fleet, event, second(n as i64));
            fleet = next;
            told.push(format!("{outcome:?}").to_lowercase());
        }
        let account = fleet.accounts.values().next().unwrap();
        told.push(format!(
            "= {} received {}",
            account.newest.id,
            account.standing.received.as_second() - second(0).as_second()
        ));
        told.extend(account.standing.heard.missing().iter().map(|gap| format!("missing {gap}")));
        assert_eq!(told.join(" "), expect, "{heard}");
    }

    #[test]
    fn the_highest_number_counts_whatever_the_order() {
        check("a.1 a.2 a.3", "newest newest newest = a-3 received 2");
        check("a.3 a.1 a.2", "newest late late = a-3 received 0");
    }

    #[test]
    fn a_report_delivered_again_is_no_sign_of_life() {
        check("a.1 a.1 a.1", "newest known known = a-1 received 0");
        check("a.2 a.1 a.1", "newest late known = a-2 received 0");
    }

    #[test]
    fn a_new_epoch_counts_although_its_sequence_is_lower() {
        check("a.7 b.1 a.8", "newest newest late = b-1 received 1");
    }

    #[test]
    fn gaps_are_noted_until_they_are_filled() {
        check("a.1 a.2 a.5", "newest newest newest = a-5 received 2 missing 3-4");
        check("a.1 a.2 a.5 a.4", "newest newest newest late = a-5 received 2 missing 3");
        check("a.1 a.3 b.4 b.6", "newest newest newest newest = b-6 received 3 missing 2 missing 5");
    }

    #[test]
    fn two_reports_that_claim_one_number_are_told_and_the_later_one_is_shown() {
        let (early, mut late) = (report(1, "a", 1, "in-sync", &[]), report(1, "a", 1, "held", &[]));
        late.time = second(60);
        for (first, then) in [(&early, &late), (&late, &early)] {
            let (fleet, _) = taken(Fleet::default(), first.clone(), second(0));
            let (fleet, outcome) = taken(fleet, then.clone(), second(1));
            assert_eq!(outcome, Outcome::Contested);
            assert_eq!(fleet.accounts.values().next().unwrap().newest, late);
        }
    }

    #[test]
    fn what_strangers_said_before_does_not_outlast_the_first_proof() {
        let mut fleet = Fleet::default();
        fleet.belief.policy.hubs.insert("hub".into());
        (fleet, _) = taken(fleet, report(1, "zzzz", u64::MAX, "in-sync", &[]), second(0));
        let proof = signed("hub", 7);
        let account = report(1, "a", 1, "failed", &[]).data.account;
        let enrolled = Enrolled { account, key: proof.key, arn: "arn".into(), at: second(1) };
        fleet.belief.learn(Record::Enrolled(enrolled));
        for (epoch, sequence, proof, expect) in [
            ("zzzz", 1, None, "refused"),
            ("a", 1, Some(signed("hub", 8)), "refused"),
            ("a", 1, Some(signed("hub", 7)), "newest"),
            ("a", 3, Some(signed("hub", 7)), "newest"),
            ("zzzz", 9, None, "refused"),
            ("a", 2, Some(signed("hub", 7)), "late"),
        ] {
            let (next, outcome) =
                fold(fleet, report(1, epoch, sequence, "failed", &[]), proof.as_ref(), ("", second(2)));
            fleet = next;
            assert!(format!("{outcome:?}").to_lowercase().starts_with(expect), "{epoch}-{sequence}: {outcome:?}");
        }
        let account = fleet.accounts.values().next().unwrap();
        assert_eq!((account.standing.proven, account.newest.data.sequence), (true, 3));
        assert!(account.standing.heard.missing().is_empty());
    }

    #[test]
    fn an_account_speaks_only_for_itself() {
        let cases = [
            ("222222222222", "/holdfast/111111111111", "subject is 222222222222"),
            ("111111111111", "/holdfast/222222222222", "source is `/holdfast/222222222222`"),
            ("111111111111", "111111111111", "source is `111111111111`"),
        ];
        for (subject, source, reason) in cases {
            let mut event = report(1, "a", 1, "in-sync", &[]);
            (event.subject, event.source) = (subject.parse().unwrap(), source.into());
            let (fleet, outcome) = taken(Fleet::default(), event, second(0));
            assert!(matches!(&outcome, Outcome::Refused(why) if why.contains(reason)), "{outcome:?}");
            assert!(fleet.accounts.is_empty());
            assert_eq!(fleet.quarantine.len(), 1);
        }
    }

    #[test]
    fn a_refused_message_is_remembered_by_how_it_begins() {
        let body = "ä".repeat(100_000);
        let fleet = refuse(Fleet::default(), body.as_bytes(), "too long".into(), second(5));
        let fleet = refuse(fleet, body.as_bytes(), "too long".into(), second(3));
        let refused: Vec<&Refused> = fleet.quarantine.values().collect();
        let begins = "ä".repeat(Refused::EXCERPT);
        assert_eq!(refused, [&Refused { received: second(3), reason: "too long".into(), begins }]);
    }

    #[test]
    fn a_word_of_a_newer_agent_is_unknown() {
        let event = report(1, "a", 1, "transcended", &[]);
        assert_eq!(event.data.state, State::Unknown);
    }

    /// Reports, each with the second in which it was received.
    type Deliveries = Vec<(Event, i64)>;

    /// Reports of three accounts, two epochs and a few numbers, now and then contested or under a false name.
    fn deliveries() -> impl Strategy<Value = Deliveries> {
        let state = prop::sample::select(vec!["in-sync", "held", "transcended"]);
        let one = (1_u8..4, prop::sample::select(vec!["a", "b"]), 1_u64..7, state, 0..10_u8, 0_i64..50, 0_i64..3);
        let one = one.prop_map(|(account, epoch, sequence, state, forged, received, time)| {
            let mut event = report(account, epoch, sequence, state, &[]);
            event.time = second(time);
            if forged == 0 {
                event.source = "/holdfast/999999999999".into();
            }
            (event, received)
        });
        prop::collection::vec(one, 1..25)
    }

    /// The same deliveries in another order, some of them again and later.
    fn shuffled(once: Deliveries) -> impl Strategy<Value = (Deliveries, Deliveries)> {
        let again = prop::collection::vec((any::<prop::sample::Index>(), 0_i64..50), 0..20);
        again.prop_flat_map(move |again| {
            let mut all = once.clone();
            all.extend(again.iter().map(|(which, later)| {
                let (event, received) = which.get(&once);
                (event.clone(), received + later)
            }));
            (Just(once.clone()), Just(all).prop_shuffle())
        })
    }

    fn fold_all(deliveries: Deliveries) -> Fleet {
        deliveries.into_iter().fold(Fleet::default(), |fleet, (event, at)| taken(fleet, event, second(at)).0)
    }

    proptest! {
        #[test]
        fn no_order_and_no_repetition_changes_the_fleet((once, again) in deliveries().prop_flat_map(shuffled)) {
            prop_assert_eq!(fold_all(once), fold_all(again));
        }

        #[test]
        fn every_report_is_counted_or_refused(once in deliveries()) {
            let fleet = fold_all(once.clone());
            for (event, _) in once {
                let newest = fleet.accounts.get(&event.data.account).map(|account| &account.newest);
                let number = |event: &Event| (event.data.epoch.clone(), event.data.sequence);
                let counted = newest.is_some_and(|newest| number(newest) >= number(&event));
                let refused = fleet.quarantine.contains_key(&Digest::of(text(&event).as_bytes()));
                prop_assert_eq!(refused, event.source.ends_with("999999999999"));
                prop_assert!(refused || counted);
            }
        }
    }
}
