//! What has been heard so far: every message of a journal or a queue, read and folded, and what is new in it.
//!
//! Not here: where messages come from, and where they are kept.

use crate::{
    journal::Broken,
    keep::{Heard, Memory},
    show::News,
    store::{Left, Store, StoreError},
};
use fleet::{
    fold::{Fleet, Outcome},
    presence::Freshness,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// How well the hub itself is doing: the first thing to know about any picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// How old the oldest report of the last batch that held one was when it was folded, by its sender's clock; `None`
    /// before the first report, below zero when the sender's clock is ahead.
    #[serde(rename = "lagSeconds", serialize_with = "seconds")]
    pub lag: Option<SignedDuration>,
    /// When the queue was last seen empty; `None` when there is more to read, or may be.
    pub caught_up: Option<Timestamp>,
    /// Why the queue can't be read, or what comes can't be kept, at the moment.
    pub trouble: Option<String>,
    /// Why the list of those who are expected is an older one.
    pub expected: Option<String>,
    /// Why people are not told what there is to tell, at the moment.
    pub alerts: Option<String>,
    /// Messages that made an account's newest report.
    pub newest: u64,
    /// Reports that came after a newer one.
    pub late: u64,
    /// Reports that came again.
    pub known: u64,
    /// Reports that claim another one's number.
    pub contested: u64,
    /// Messages that went into quarantine.
    pub refused: u64,
}

impl Health {
    /// What of it is for those who see some accounts alone: whether what they see is of now. What is wrong quotes others, and the counts are of
    /// everybody.
    pub fn of_a_part(&self) -> Self {
        let word = |why: &Option<String>, word: &str| why.as_ref().map(|_| word.to_owned());
        Self {
            lag: self.lag,
            caught_up: self.caught_up,
            trouble: word(&self.trouble, "reports can't be read at the moment"),
            expected: word(&self.expected, "the list of accounts is an older one"),
            ..Self::default()
        }
    }
}

fn seconds<S: Serializer>(time: &Option<SignedDuration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

/// The fleet as a store has it, up to this moment.
///
/// # Errors
/// When the store can't be read, or is not what was received: nobody is shown a picture of that. And when that is before what is left
/// of its journal.
pub fn replay(store: &Store, until: Option<Timestamp>) -> Result<Fleet, StoreError> {
    let mut memory = Memory::default();
    store.each_sound(|left| match left {
        Left::Cut(cut) if until.is_some_and(|until| until < cut.last) => {
            Err(StoreError::CutBefore { reaches: cut.last })
        }
        Left::Cut(_) => Ok(()),
        Left::Line(line) => memory.restore(&line),
        Left::Entry(entry) if until.is_some_and(|until| until < entry.received) => Ok(()),
        Left::Entry(entry) => {
            let none = |_| Broken::Odd { n: entry.n, what: "it is no record of a hub" };
            Ok(memory.replay(&entry).map_err(none)?)
        }
    })?;
    Ok(memory.fleet)
}

/// What has been read so far.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) health: Health,
    /// Whether the last picture shows all of it.
    pub(crate) shown: bool,
    /// Why some of what came last waits on the queue.
    pub(crate) waiting: Option<String>,
    /// Whether nothing of it was kept.
    pub(crate) stuck: bool,
    /// How fresh the accounts were in it.
    pub(crate) freshness: BTreeMap<Freshness, u64>,
}

impl Reading {
    /// Counts what came of a batch and gives what is new in it, in the order of arrival.
    pub(crate) fn take(&mut self, heard: Vec<Heard>, now: Timestamp) -> Vec<News> {
        (self.shown, self.health.caught_up) = (false, None);
        let before = self.health.lag.take();
        let news = heard.into_iter().flat_map(|heard| self.take_one(heard, now)).collect();
        self.health.lag = self.health.lag.or(before);
        news
    }

    fn take_one(&mut self, Heard { outcome, event }: Heard, now: Timestamp) -> Vec<News> {
        let count = match &outcome {
            Outcome::Newest => &mut self.health.newest,
            Outcome::Late => &mut self.health.late,
            Outcome::Known => &mut self.health.known,
            Outcome::Contested => &mut self.health.contested,
            Outcome::Refused(_) => &mut self.health.refused,
        };
        *count += 1;
        if let Outcome::Refused(reason) = outcome {
            return vec![News::Refused { received: now, reason }];
        }
        let Some(event) = event else { return Vec::new() };
        let (account, report, age) = (event.data.account, event.id, now.duration_since(event.time));
        tracing::debug!(%account, %report, ?outcome, "heard");
        // A sender's clock that is off by more than a message is kept is no lag of ours.
        if age.abs() <= SignedDuration::from_hours(14 * 24) {
            self.health.lag = self.health.lag.max(Some(age));
        }
        let name = event.data.account_name;
        let tell = |happening| News::Happened { account: account.clone(), name: name.clone(), happening };
        let happened = event.data.happened;
        match outcome {
            Outcome::Newest | Outcome::Late => happened.into_iter().map(tell).collect(),
            Outcome::Known | Outcome::Refused(_) => Vec::new(),
            Outcome::Contested => {
                let contested = News::Contested { account: account.clone(), name: name.clone(), report };
                std::iter::once(contested).chain(happened.into_iter().map(tell)).collect()
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        carry::{export, import},
        store::view::{Filter, Moment},
    };
    use crate::{
        ingest::tests::{report, sns},
        journal::tests::at,
        keep::Keep,
        registrar::tests::{HUB, key, sealed},
        store::tests::{
            excerpt::of_a_ring,
            spot::{Spot, on_file, on_postgres},
        },
    };
    use fleet::{
        belief::{Enrolled, Policy, Record, Unproven},
        page::View,
        presence::Patience,
    };
    use manifests::id::AccountId;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    /// Messages as a queue delivers them: of three accounts, some again, some late, some in an envelope, some contested, some signed,
    /// some no reports, in batches.
    pub(crate) fn batches() -> impl Strategy<Value = Vec<Vec<String>>> {
        let state = || prop::sample::select(vec!["in-sync", "held", "failed", "healed", "needs-a-person"]);
        let one = (1_u64..8, 1..4_u8, state(), prop::collection::vec(state(), 0..4), 0..8_u8, 0..3_i64);
        let one = one.prop_map(|(sequence, number, state, stacks, form, commit)| {
            let mut report = report(sequence, state);
            let account = number.to_string().repeat(12);
            report["subject"] = account.as_str().into();
            report["source"] = format!("/holdfast/{account}").into();
            let data = &mut report["data"];
            data["account"] = account.into();
            data["stacks"] = stacks.iter().enumerate().map(stack).collect();
            data["source"]["applied"] = format!("main@sha1:{}", commit.to_string().repeat(40)).into();
            match form {
                0 => "no report".to_owned(),
                1 => sns(&report.to_string()).to_string(),
                2 => {
                    report["time"] = "2026-05-01T12:00:07.123456789Z".into();
                    report.to_string()
                }
                // Signed with the key of its account, which it may have proven or not.
                3 | 4 => sealed(&report.to_string(), (HUB, number), ("ASIAEXAMPLE", "20260501T120000Z")),
                _ => report.to_string(),
            }
        });
        prop::collection::vec(prop::collection::vec(one, 1..6), 1..6)
    }

    pub(crate) fn stack((n, state): (usize, &&str)) -> serde_json::Value {
        let drift = json!({"mode": "warn", "compared": n, "resources": n + 2, "drifted": [{
            "resource": "R", "type": "AWS::SSM::Parameter", "how": "modified", "since": "2026-05-01T11:00:00Z",
        }]});
        json!({
            "manifest": format!("m{n}"), "region": "eu-central-1", "stack": format!("s{n}"), "state": state,
            "provides": [format!("C-{}", n % 2)], "why": format!("because of {state}"), "drift": drift,
        })
    }

    /// What every sum should be, added up from the rows.
    pub(crate) fn is_added_up(store: &Store) {
        let moment = Moment { patience: Patience::default(), now: at(0) };
        let overview = store.overview(moment).unwrap();
        let mut accounts = store.accounts(moment, &Filter::default(), None).unwrap().rows;
        accounts.retain(|row| !row.unexpected);
        let (mut states, mut controls, mut stacks) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for row in &accounts {
            *states.entry(row.state).or_insert(0) += 1;
            let (_, event) = store.account(&row.account, moment).unwrap().unwrap();
            for stack in &event.data.stacks {
                *stacks.entry(stack.state).or_insert(0) += 1;
                for control in &stack.provides {
                    *controls.entry((control.clone(), stack.state)).or_insert(0) += 1;
                }
            }
        }
        assert_eq!(&overview.accounts, &states);
        assert_eq!(&overview.stacks, &stacks);
        let told = store.controls().unwrap().into_iter().flat_map(|control| {
            control.states.into_iter().map(move |(state, n)| ((control.control.clone(), state), n))
        });
        assert_eq!(told.collect::<BTreeMap<_, _>>(), controls);
        for place in store.places(None).unwrap().rows {
            let placed = store.placed(&place.stack, None).unwrap();
            let here =
                placed.accounts.rows.iter().filter(|row| accounts.iter().any(|known| known.account == row.account));
            assert_eq!(here.count() as u64, place.states.values().sum::<u64>());
        }
        for revision in store.revisions(10).unwrap() {
            let at_it = accounts.iter().filter(|row| row.applied.as_ref() == Some(&revision.commit)).count() as u64;
            assert_eq!(revision.applied, at_it);
            let rings = store.rings(&revision.commit).unwrap();
            assert_eq!(rings.iter().map(|ring| ring.applied).sum::<u64>(), at_it);
        }
        let drifted = store.drifted(None).unwrap().rows;
        let drifted = drifted.iter().filter(|row| accounts.iter().any(|known| known.account == row.account));
        assert_eq!(drifted.count() as u64, stacks.values().sum::<u64>());
    }

    fn expected(accounts: &[u8]) -> manifests::fleet::Fleet {
        let at = || manifests::stack::Location { file: "fleet.yaml".parse().unwrap(), line: 1 };
        let one = |n: &u8| {
            let id: AccountId = n.to_string().repeat(12).parse().unwrap();
            let labels = [("ring".to_owned(), (n % 2).to_string())].into();
            (id.clone(), manifests::fleet::Account { id, name: Some(format!("a{n}")), labels, at: at() })
        };
        manifests::fleet::Fleet { accounts: accounts.iter().map(one).collect(), agent: None }
    }

    /// What a store makes of these messages is what memory makes of them, and so is what another makes of its journal.
    fn shows(spot: &Spot, batches: &[Vec<String>], listed: &[u8], enrols: i64) {
        let mut store = spot.write("store");
        let mut live = Memory::default();
        let listed = expected(listed);
        let policy = Policy { hubs: [HUB.to_owned()].into(), unproven: Unproven::Allowed };
        let enrolled = Enrolled { account: "1".repeat(12).parse().unwrap(), key: key(1), arn: "arn".into(), at: at(0) };
        store.record(Record::Policy(policy.clone()), at(-1)).unwrap();
        live.record(Record::Policy(policy), at(-1)).unwrap();
        let mut seen = BTreeSet::new();
        for (batch, n) in batches.iter().zip(0..) {
            let mut bodies: Vec<&str> = batch.iter().map(String::as_str).collect();
            if n == enrols {
                store.record(Record::Enrolled(enrolled.clone()), at(n)).unwrap();
                live.record(Record::Enrolled(enrolled.clone()), at(n)).unwrap();
            }
            store.keep(&bodies, at(n)).unwrap();
            // A journal knows a text again; memory judges it anew, by what it knows of its sender since.
            bodies.retain(|body| seen.insert(*body) || n < enrols);
            live.keep(&bodies, at(n)).unwrap();
            let who = (n % 2 == 1).then_some(&listed);
            let view =
                View { expected: who, suspended: &Default::default(), patience: Patience::default(), now: at(n) };
            assert_eq!(store.page(&view).unwrap(), live.page(&view).unwrap());
            is_added_up(&store);
        }
        assert_eq!(&replay(&store, None).unwrap(), &live.fleet);
        assert_eq!(replay(&store, Some(at(-2))).unwrap(), Fleet::default());
        let last = batches.len() as i64 - 1;
        assert_eq!(&replay(&store, Some(at(last))).unwrap(), &live.fleet);

        // Whoever takes the journal in makes the same picture of it, in whatever steps.
        let mut copy = spot.write("copy");
        let mut text = Vec::new();
        export(&store, &mut text).unwrap();
        import(&mut copy, text.as_slice()).unwrap();
        let view = View {
            expected: Some(&listed),
            suspended: &Default::default(),
            patience: Patience::default(),
            now: at(last),
        };
        assert_eq!(copy.page(&view).unwrap(), live.page(&view).unwrap());
        is_added_up(&copy);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn of_some_accounts_what_they_said_is_shown_and_nothing_else(
            batches in batches(), listed in prop::collection::vec(1..6_u8, 0..4)
        ) {
            on_file(|spot| {
                let (mut store, listed) = (spot.write("store"), expected(&listed));
                for (batch, n) in batches.iter().zip(0..) {
                    let bodies: Vec<&str> = batch.iter().map(String::as_str).collect();
                    store.keep(&bodies, at(n)).unwrap();
                }
                of_a_ring(spot, &mut store, &batches, &listed);
            });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_store_shows_what_was_heard_and_shows_it_again(
            batches in batches(), listed in prop::collection::vec(1..6_u8, 0..4), enrols in 0..6_i64
        ) {
            on_file(|spot| shows(spot, &batches, &listed, enrols));
        }
    }

    proptest! {
        // Each makes two databases, which takes its time.
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn and_one_in_postgresql_does_too(
            batches in batches(), listed in prop::collection::vec(1..6_u8, 0..4), enrols in 0..6_i64
        ) {
            on_postgres(|spot| shows(spot, &batches, &listed, enrols));
        }
    }
}
