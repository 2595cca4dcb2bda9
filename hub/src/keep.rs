//! Where messages go: each is read once, and what came of it is told to whoever handed it in.
//!
//! Not here: the places themselves but for the simplest, which forgets with the program.

use crate::{ingest, store::StoreError};
use fleet::{
    fold::{Fleet, Outcome, fold, refuse},
    page::{Page, View},
    presence::Freshness,
};
use jiff::Timestamp;
use manifests::report::Event;
use std::collections::BTreeMap;

/// A place for messages.
pub trait Keep {
    /// Takes them in, all or none, and answers what came of each. Those that were taken in before change nothing.
    ///
    /// # Errors
    /// When they are not kept.
    fn keep(&mut self, bodies: &[&str], received: Timestamp) -> Result<Vec<Heard>, StoreError>;

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
    /// Takes one message in.
    pub fn take(&mut self, body: &str, received: Timestamp) -> Heard {
        let fleet = std::mem::take(&mut self.fleet);
        match ingest::read(body) {
            Ok(event) => {
                let (fleet, outcome) = fold(fleet, event.clone(), received);
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
    fn keep(&mut self, bodies: &[&str], received: Timestamp) -> Result<Vec<Heard>, StoreError> {
        Ok(bodies.iter().map(|body| self.take(body, received)).collect())
    }

    fn page(&mut self, view: &View<'_>) -> Result<Page, StoreError> {
        Ok(Page::of(&self.fleet, view))
    }

    fn freshness(&mut self, view: &View<'_>) -> Result<BTreeMap<Freshness, u64>, StoreError> {
        Ok(Page::of(&self.fleet, view).freshness)
    }
}
