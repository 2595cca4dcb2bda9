//! Where messages go: each is read once, and what came of it is told to whoever handed it in.
//!
//! Not here: the places themselves but for the simplest, which forgets with the program.

use crate::{
    ingest::{self, Message, Said},
    journal::{Broken, Entry, Line, Origin},
    store::StoreError,
};
use fleet::{
    belief::{Enrolled, Policy, Record},
    cut::{Carried, restored},
    fold::{Fleet, Outcome, fold, note, refuse},
    page::{Page, View},
    presence::Freshness,
};
use jiff::Timestamp;
use manifests::{id::AccountId, report::Event};
use serde::Serialize;
use std::collections::BTreeMap;

/// A place for messages.
pub trait Keep {
    /// Takes them in, all or none, and answers what came of each. Those that were taken in before change nothing.
    ///
    /// # Errors
    /// When they are not kept.
    fn hear(&mut self, messages: Vec<Message<'_>>, received: Timestamp) -> Result<Vec<Heard>, StoreError>;

    /// Reads messages and takes them in.
    ///
    /// # Errors
    /// When they are not kept.
    fn keep(&mut self, bodies: &[&str], received: Timestamp) -> Result<Vec<Heard>, StoreError> {
        self.hear(bodies.iter().map(|body| Message::read(body)).collect(), received)
    }

    /// Puts something on record of the hub's own, before what comes next.
    ///
    /// # Errors
    /// When it is not kept.
    fn record(&mut self, record: Record, now: Timestamp) -> Result<(), StoreError>;

    /// The policy that is on record.
    ///
    /// # Errors
    /// When what was kept can't be read.
    fn policy(&mut self) -> Result<Policy, StoreError>;

    /// The key of an account that is on record.
    ///
    /// # Errors
    /// When what was kept can't be read.
    fn enrolled(&mut self, account: &AccountId) -> Result<Option<Enrolled>, StoreError>;

    /// What there is to show.
    ///
    /// # Errors
    /// When what was kept can't be read.
    fn page(&mut self, view: &View<'_>) -> Result<Page, StoreError>;

    /// How many accounts are how fresh.
    ///
    /// # Errors
    /// When what was kept can't be read.
    fn freshness(&mut self, view: &View<'_>) -> Result<BTreeMap<Freshness, u64>, StoreError>;
}

/// The words in which something is put on record. Of two that say the same, each has words of its own.
pub(crate) fn recorded(record: &Record, now: Timestamp) -> String {
    #[derive(Serialize)]
    struct Recorded<'r> {
        recorded: Timestamp,
        #[serde(flatten)]
        record: &'r Record,
    }
    serde_json::to_string(&Recorded { recorded: now, record }).unwrap_or_default()
}

/// What came of a message.
#[derive(Debug)]
pub struct Heard {
    /// What it did.
    pub outcome: Outcome,
    /// The report, if it is one.
    pub event: Option<Event>,
}

/// A fleet that is forgotten with the program.
#[derive(Debug, Default)]
pub struct Memory {
    /// What was heard.
    pub fleet: Fleet,
}

impl Memory {
    /// Takes in what a journal has.
    ///
    /// # Errors
    /// When a record is none.
    pub fn replay(&mut self, entry: &Entry) -> Result<(), serde_json::Error> {
        match entry.origin {
            Origin::Queue => drop(self.take(Message::read(&entry.body), entry.received)),
            Origin::Hub => self.note(serde_json::from_str(&entry.body)?, &entry.body, entry.received),
        }
        Ok(())
    }

    /// Takes in what stands for a part of a journal that was taken out.
    ///
    /// # Errors
    /// When a line is of no use.
    pub fn restore(&mut self, line: &Line) -> Result<(), StoreError> {
        let n = line.stays.as_ref().map_or(0, |stays| stays.entry.n);
        let odd = || Broken::Odd { n, what: "what is carried over with it is of no use" };
        match (serde_json::from_str(&line.carried).map_err(|_| odd())?, &line.stays) {
            (Carried::Record, Some(stays)) => self.replay(&stays.entry).map_err(|_| odd())?,
            (Carried::Account { received, heard, proven, .. }, Some(stays)) => {
                let event = ingest::event(&stays.entry.body).map_err(|_| odd())?;
                let id = event.data.account.clone();
                self.fleet.accounts.insert(id, restored(event, received, heard, proven));
            }
            // Of commits and of numbers memory keeps nothing.
            (Carried::Commit { .. } | Carried::Messages { .. }, None) => {}
            (Carried::Record | Carried::Account { .. }, None)
            | (Carried::Commit { .. } | Carried::Messages { .. }, Some(_)) => return Err(odd().into()),
        }
        Ok(())
    }

    fn note(&mut self, record: Record, body: &str, recorded: Timestamp) {
        self.fleet = note(std::mem::take(&mut self.fleet), record, body, recorded);
    }

    /// Takes one message in.
    fn take(&mut self, Message { body, said, sent: _ }: Message<'_>, received: Timestamp) -> Heard {
        let fleet = std::mem::take(&mut self.fleet);
        match said {
            Ok(Said { event, proof }) => {
                let (fleet, outcome) = fold(fleet, event.clone(), proof.as_ref(), (body, received));
                self.fleet = fleet;
                Heard { outcome, event: Some(event) }
            }
            Err(unreadable) => {
                let reason = unreadable.reason();
                self.fleet = refuse(fleet, body.as_bytes(), reason.clone(), received);
                Heard { outcome: Outcome::Refused(reason), event: None }
            }
        }
    }
}

impl Keep for Memory {
    fn hear(&mut self, messages: Vec<Message<'_>>, received: Timestamp) -> Result<Vec<Heard>, StoreError> {
        Ok(messages.into_iter().map(|message| self.take(message, received)).collect())
    }

    fn record(&mut self, record: Record, now: Timestamp) -> Result<(), StoreError> {
        let body = recorded(&record, now);
        self.note(record, &body, now);
        Ok(())
    }

    fn policy(&mut self) -> Result<Policy, StoreError> {
        Ok(self.fleet.belief.policy.clone())
    }

    fn enrolled(&mut self, account: &AccountId) -> Result<Option<Enrolled>, StoreError> {
        Ok(self.fleet.belief.keys.get(account).cloned())
    }

    fn page(&mut self, view: &View<'_>) -> Result<Page, StoreError> {
        Ok(Page::of(&self.fleet, view))
    }

    fn freshness(&mut self, view: &View<'_>) -> Result<BTreeMap<Freshness, u64>, StoreError> {
        Ok(Page::of(&self.fleet, view).freshness)
    }
}
