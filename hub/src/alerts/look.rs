//! One look: what was open and what is so now in, what is decided and what is to be sent out, kept together.

use super::Teller;
use crate::store::{
    StoreError,
    alerts::Told,
    view::{Moment, Overview},
};
use fleet::alert::{
    About, Condition, Fact, Incident, Key, Looked,
    digest::{self, Numbers},
    look,
    message::Message,
    tell::{self, Telling},
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Without news one looks as often: silence, and what has settled, are news that nobody sends.
const QUIET: SignedDuration = SignedDuration::from_secs(10);

/// When the queue does not run dry, one looks as often.
const BEHIND: SignedDuration = SignedDuration::from_secs(60);

/// The list of those who are expected, and their labels, is read as often.
const LIST: SignedDuration = SignedDuration::from_secs(60);

/// What is old is cleared away as often.
const TIDY: SignedDuration = SignedDuration::from_hours(1);

/// How long reports that claim another one's number are something that is not well.
const CONTESTED: SignedDuration = SignedDuration::from_hours(1);

/// What the last look saw, and when.
#[derive(Debug, Default)]
pub struct Last {
    seen: Option<(u64, Option<String>, Option<String>)>,
    looked: Option<Timestamp>,
    /// Not before: a look that took long is not repeated at once.
    next: Option<Timestamp>,
    list: Option<Timestamp>,
    tidied: Option<Timestamp>,
    began: Option<Timestamp>,
}

impl Teller {
    /// Looks, if it is time to.
    ///
    /// # Errors
    /// When the store can't be used; nothing is decided then.
    pub fn look(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let health = self.health.borrow().clone();
        let began = *self.last.began.get_or_insert(now);
        let passed = |last: Option<Timestamp>, time| last.is_none_or(|last| now.duration_since(last) >= time);
        // What is read in a hurry, before the queue has run dry, is half a picture.
        if health.caught_up.is_none() && !passed(Some(self.last.looked.unwrap_or(began)), BEHIND) {
            return Ok(());
        }
        let seen = Some((self.store.mark()?, self.store.listed()?, health.trouble.clone()));
        let is_news = seen != self.last.seen;
        if self.last.next.is_some_and(|next| now < next) || !(is_news || passed(self.last.looked, QUIET)) {
            return Ok(());
        }
        if passed(self.last.list, LIST) || is_news && self.last.list.is_none() {
            // What can't be read leaves the list as it was, and the hub says so.
            drop(self.expected.read());
            self.last.list = Some(now);
        }
        self.decide(&health, now)?;
        (self.last.seen, self.last.looked) = (seen, Some(now));
        let took = (self.clock)().duration_since(now).max(SignedDuration::ZERO);
        self.last.next = now.checked_add(took * 20).ok();
        if passed(self.last.tidied, TIDY) {
            self.last.tidied = Some(now);
            match self.store.tidy(now)? {
                0 => {}
                n => tracing::error!(n, "messages that no route took for a day, or too many of them, are given up"),
            }
        }
        Ok(())
    }

    fn decide(&mut self, health: &crate::reading::Health, now: Timestamp) -> Result<(), StoreError> {
        let is_first = self.store.noted("looked")?.is_none();
        let mut notes = Vec::new();
        if is_first {
            notes.push(("looked".to_owned(), now.as_millisecond().to_string()));
        }
        let moment = Moment { patience: self.patience, now };
        let mut facts = self.store.facts(moment)?;
        let own = [(Condition::Queue, &health.trouble), (Condition::List, &health.expected)];
        let own = own.into_iter().filter_map(|(condition, why)| Some((condition, why.clone()?)));
        let own = own.chain(self.contested(is_first, now, &mut notes)?.map(|why| (Condition::Contested, why)));
        for (condition, why) in own {
            let fact = Fact { about: About::default(), condition, since: None, why: Some(why) };
            facts.insert(fact.key(), fact);
        }
        let open = self.store.open_incidents()?;
        let over = self.store.over(&open, &facts)?;
        let looked = look(&open, &facts, &over, (&self.routes.rules, is_first), now);
        let standing = standing(open, &looked);
        let told: Vec<tell::Route> = self.routes.all.iter().map(|route| route.is.clone()).collect();
        let telling =
            Telling { routes: &told, expected: self.expected.view(now).expected, link: &self.routes.link, at: now };
        let mut messages = tell::messages(&looked.news, &standing, &telling);
        messages.extend(self.digests(&standing, &looked, &telling, &mut notes)?);
        self.store.tell(Told { looked: &looked, messages: &messages, notes: &notes }, now)
    }

    /// Why it is not well that reports claim another one's number: more came within the last hour than there had been.
    fn contested(
        &self,
        is_first: bool,
        now: Timestamp,
        notes: &mut Vec<(String, String)>,
    ) -> Result<Option<String>, StoreError> {
        let count = self.store.contested()?;
        let noted = self.store.noted("contested")?.filter(|_| !is_first);
        let known = noted.as_deref().and_then(|text| {
            let (count, at) = text.split_once(' ')?;
            Some((count.parse::<u64>().ok()?, Timestamp::from_millisecond(at.parse().ok()?).ok()?))
        });
        let (before, at) = match known {
            Some((known, at)) if known == count => (known, at),
            Some((known, _)) => (known, now),
            None => (count, Timestamp::UNIX_EPOCH),
        };
        if known != Some((count, at)) {
            notes.push(("contested".to_owned(), format!("{count} {}", at.as_millisecond())));
        }
        let is_lately = now.duration_since(at) < CONTESTED && (before != count || known.is_some());
        Ok(is_lately.then(|| format!("{count} so far: an agent's memory was set back, or somebody forges reports")))
    }

    /// The digests that are due.
    fn digests(
        &self,
        standing: &[Incident],
        looked: &Looked,
        telling: &Telling<'_>,
        notes: &mut Vec<(String, String)>,
    ) -> Result<Vec<(String, Message)>, StoreError> {
        let mut due = Vec::new();
        for route in &self.routes.all {
            let Some(second) = route.digest else { continue };
            let name = format!("digest/{}", route.is.name);
            let last: Option<i64> = self.store.noted(&name)?.and_then(|day| day.parse().ok());
            if last.is_none() {
                notes.push((name, digest::begin(second, telling.at).to_string()));
            } else if digest::is_due(second, last, telling.at) {
                notes.push((name, digest::day(telling.at).to_string()));
                due.push(&route.is);
            }
        }
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let yesterday = telling.at.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        let mut incidents = standing.to_vec();
        incidents.extend(self.store.ended_incidents(yesterday)?);
        incidents.extend(looked.changed.iter().filter(|one| one.ended.is_some()).cloned());
        let numbers = numbers(self.store.overview(Moment { patience: self.patience, now: telling.at })?);
        let one = |route: &tell::Route| (route.name.clone(), digest::digest(route, &numbers, &incidents, telling));
        Ok(due.into_iter().map(one).collect())
    }
}

/// Everything that was told and is not over, after this look.
fn standing(mut open: BTreeMap<Key, Incident>, looked: &Looked) -> Vec<Incident> {
    for gone in &looked.dropped {
        open.remove(&gone.key());
    }
    for changed in &looked.changed {
        open.insert(changed.key(), changed.clone());
    }
    open.into_values().filter(|one| one.told.is_some() && one.ended.is_none()).collect()
}

fn numbers(overview: Overview) -> Numbers {
    Numbers {
        compliance: overview.compliance,
        states: overview.accounts,
        freshness: overview.freshness,
        not_ready: overview.not_ready,
        unexpected: overview.unexpected,
        quarantine: overview.quarantine.unwrap_or_default(),
    }
}
