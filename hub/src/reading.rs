//! What has been heard so far: every message of a journal or a queue, read and folded, and what is new in it.
//!
//! Not here: where messages come from, and where they are kept.

use crate::{
    ingest,
    show::News,
    store::{Store, StoreError},
};
use fleet::{
    fold::{Fleet, Outcome, fold, refuse},
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

fn seconds<S: Serializer>(time: &Option<SignedDuration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

/// The fleet as a store has it, up to this moment.
///
/// # Errors
/// When the store can't be read, or is not what was received: nobody is shown a picture of that.
pub fn replay(store: &Store, until: Option<Timestamp>) -> Result<Fleet, StoreError> {
    let mut reading = Reading::default();
    store.each_sound(|entry| {
        if until.is_none_or(|until| entry.received <= until) {
            drop(reading.take_one(&entry.body, entry.received));
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(reading.fleet)
}

/// What has been read so far.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) fleet: Fleet,
    pub(crate) health: Health,
    /// Whether the last picture shows all of it.
    pub(crate) shown: bool,
    /// How fresh the accounts were in it.
    pub(crate) freshness: BTreeMap<Freshness, u64>,
}

impl Reading {
    /// Folds a batch and gives what is new in it, in the order of arrival.
    pub(crate) fn take<'a>(&mut self, bodies: impl Iterator<Item = &'a str>, now: Timestamp) -> Vec<News> {
        (self.shown, self.health.caught_up) = (false, None);
        let before = self.health.lag.take();
        let news = bodies.flat_map(|body| self.take_one(body, now)).collect();
        self.health.lag = self.health.lag.or(before);
        news
    }

    fn take_one(&mut self, body: &str, now: Timestamp) -> Vec<News> {
        let fleet = std::mem::take(&mut self.fleet);
        let event = match ingest::read(body) {
            Ok(event) => event,
            Err(unreadable) => {
                let reason = unreadable.reason();
                self.fleet = refuse(fleet, body.as_bytes(), reason.clone(), now);
                self.health.refused += 1;
                return vec![News::Refused { received: now, reason }];
            }
        };
        let (account, name, happened) =
            (event.data.account.clone(), event.data.account_name.clone(), event.data.happened.clone());
        let (report, age) = (event.id.clone(), now.duration_since(event.time));
        let (fleet, outcome) = fold(fleet, event, now);
        self.fleet = fleet;
        tracing::debug!(%account, %report, ?outcome, "folded");
        let tell = |happening| News::Happened { account: account.clone(), name: name.clone(), happening };
        let count = match &outcome {
            Outcome::Newest => &mut self.health.newest,
            Outcome::Late => &mut self.health.late,
            Outcome::Known => &mut self.health.known,
            Outcome::Contested => &mut self.health.contested,
            Outcome::Refused(_) => &mut self.health.refused,
        };
        *count += 1;
        if !matches!(outcome, Outcome::Refused(_)) {
            self.health.lag = self.health.lag.max(Some(age));
        }
        match outcome {
            Outcome::Newest | Outcome::Late => happened.into_iter().map(tell).collect(),
            Outcome::Known => Vec::new(),
            Outcome::Contested => {
                let contested = News::Contested { account: account.clone(), name: name.clone(), report };
                std::iter::once(contested).chain(happened.into_iter().map(tell)).collect()
            }
            Outcome::Refused(reason) => vec![News::Refused { received: now, reason }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ingest::tests::{report, sns},
        journal::tests::at,
        store::{Access, Keep},
    };
    use proptest::prelude::*;

    /// Messages as a queue delivers them: some again, some in an envelope, some no reports, in batches.
    fn batches() -> impl Strategy<Value = Vec<Vec<String>>> {
        let one = (1_u64..8, prop::sample::select(vec!["in-sync", "held", "failed"]), 0..6_u8);
        let one = one.prop_map(|(sequence, state, form)| {
            let report = report(sequence, state).to_string();
            match form {
                0 => "no report".to_owned(),
                1 => sns(&report).to_string(),
                _ => report,
            }
        });
        prop::collection::vec(prop::collection::vec(one, 1..6), 1..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_store_shows_again_what_was_heard(batches in batches()) {
            let folder = tempfile::tempdir().unwrap();
            let mut store = Store::open(&folder.path().join("store"), Access::Write(None)).unwrap();
            let mut live = Reading::default();
            for (batch, n) in batches.iter().zip(0..) {
                let bodies: Vec<&str> = batch.iter().map(String::as_str).collect();
                store.keep(&bodies, at(n)).unwrap();
                live.take(bodies.into_iter(), at(n));
            }
            prop_assert_eq!(&replay(&store, None).unwrap(), &live.fleet);
            prop_assert_eq!(replay(&store, Some(at(-1))).unwrap(), Fleet::default());
            let last = batches.len() as i64 - 1;
            prop_assert_eq!(replay(&store, Some(at(last))).unwrap(), live.fleet);
        }
    }
}
