//! What is not well, from its beginning to its end: what was open before and what is so now in, what begins, becomes worse and
//! ends out. Whoever looks twice at the same picture is told nothing the second time.
//!
//! An incident is one subject and one condition, from the first look that found it until it is over; nobody hears of one that
//! was over, and stayed so, before it had settled. [`tell`] says who is told of what, and folds what many say alike; [`message`] is what it
//! is told in, [`finding`] what AWS Security Hub gets of it, and [`digest`] what is told once a day.
//!
//! Deliberately not here: where the facts come from, and how a message gets to anybody.

pub mod digest;
pub mod finding;
pub mod message;
pub mod tell;

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    id::{AccountId, Digest},
    report::{Severity, State},
};

/// In what way something is not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// An account says so of itself.
    State(State),
    /// An account has stopped speaking.
    Silent,
    /// An account speaks that nobody expects.
    Unexpected,
    /// An account should have spoken and never did.
    NotReady,
    /// Messages come that are no reports.
    Quarantine,
    /// Reports come that claim another one's number.
    Contested,
    /// The hub can't read its queue, or can't keep what comes.
    Queue,
    /// The hub can't read who is expected.
    List,
}

impl Condition {
    /// Every one that is told of.
    pub const ALL: [Self; 12] = [
        Self::State(State::Unknown),
        Self::State(State::Drifted),
        Self::State(State::Held),
        Self::State(State::Failed),
        Self::State(State::NeedsAPerson),
        Self::Silent,
        Self::Unexpected,
        Self::NotReady,
        Self::Quarantine,
        Self::Contested,
        Self::Queue,
        Self::List,
    ];

    /// As machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::State(State::InSync) => "in-sync",
            Self::State(State::Healed) => "healed",
            Self::State(State::Pending) => "pending",
            Self::State(State::Applying) => "applying",
            Self::State(State::Excepted) => "excepted",
            Self::State(State::Unknown) => "unknown",
            Self::State(State::Drifted) => "drifted",
            Self::State(State::Held) => "held",
            Self::State(State::Failed) => "failed",
            Self::State(State::NeedsAPerson) => "needs-a-person",
            Self::Silent => "silent",
            Self::Unexpected => "unexpected",
            Self::NotReady => "not-ready",
            Self::Quarantine => "quarantine",
            Self::Contested => "contested",
            Self::Queue => "queue",
            Self::List => "list",
        }
    }

    /// The one of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    /// How loudly it is told.
    pub fn severity(self) -> Severity {
        match self {
            Self::State(state) => state.severity(),
            Self::Silent | Self::Queue => Severity::Error,
            Self::Unexpected | Self::NotReady | Self::Quarantine | Self::Contested | Self::List => Severity::Warning,
        }
    }

    /// What there can be one of at a time for one subject.
    pub(crate) fn axis(self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Silent => "silence",
            Self::Unexpected => "expected",
            Self::NotReady => "ready",
            Self::Quarantine => "quarantine",
            Self::Contested => "contested",
            Self::Queue => "queue",
            Self::List => "list",
        }
    }
}

/// Whose it is, and of what kind: at most one incident of a key is open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Of this account, or of the hub itself, in this way.
    pub fn of(account: Option<&AccountId>, condition: Condition) -> Self {
        Self(format!("{}/{}", account.map_or("hub", AccountId::as_str), condition.axis()))
    }

    /// As it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The account; `None` for the hub itself.
    pub account: Option<AccountId>,
    /// What the fleet file calls it.
    pub name: Option<String>,
    /// The value of its label `ring`.
    pub ring: String,
    /// The commit that it last worked towards.
    pub commit: Option<String>,
}

/// Something that is not well now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Whose.
    pub about: About,
    /// In what way.
    pub condition: Condition,
    /// Since when, where that is known better than by looking.
    pub since: Option<Timestamp>,
    /// Why, in one sentence.
    pub why: Option<String>,
}

impl Fact {
    /// What it is filed under.
    pub fn key(&self) -> Key {
        Key::of(self.about.account.as_ref(), self.condition)
    }
}

/// What there is to say of something that was not well and is no fact any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It is well, since then.
    Since(Timestamp),
    /// It is on its way: neither well nor not.
    Between,
    /// Nobody asks for it any more, which is no recovery.
    Gone,
}

/// One thing that is not well, from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// The same for as long as it lasts.
    pub id: String,
    /// Whose.
    pub about: About,
    /// In what way, at the last look.
    pub condition: Condition,
    /// Since when.
    pub since: Timestamp,
    /// Why, at the last look.
    pub why: Option<String>,
    /// Which look found it so first.
    pub noticed: Timestamp,
    /// The worst that was told of it; what it is as long as nothing was.
    pub worst: Condition,
    /// What it was when it was told last; `None` as long as it has not settled.
    pub told: Option<Condition>,
    /// Whether nobody was told: it was old already when the hub began to look.
    pub quiet: bool,
    /// Which look found it over, if it is not told yet.
    pub cleared: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
}

impl Incident {
    /// What it is filed under.
    pub fn key(&self) -> Key {
        Key::of(self.about.account.as_ref(), self.condition)
    }

    fn new(key: &Key, fact: &Fact, at: Timestamp) -> Self {
        let since = fact.since.unwrap_or(at).min(at);
        let id = Digest::of(format!("{} {}", key.0, since.as_millisecond()).as_bytes()).short(16);
        Self {
            id,
            about: fact.about.clone(),
            condition: fact.condition,
            since,
            why: fact.why.clone(),
            noticed: at,
            worst: fact.condition,
            told: None,
            quiet: false,
            cleared: None,
            ended: None,
        }
    }

    /// Whether nobody was told of it, and it has been over for long enough: it never was. One that comes and goes faster than
    /// that is told, once.
    fn has_passed(&self, rules: &Rules, at: Timestamp) -> bool {
        self.told.is_none() && self.cleared.is_some_and(|cleared| at.duration_since(cleared) >= rules.settle)
    }

    /// As this look finds it. From when on it has to settle is when it began, or when it became another after it was told.
    fn seen(&self, fact: &Fact, at: Timestamp) -> Self {
        let is_same = self.told.is_none() || self.condition == fact.condition;
        let noticed = if is_same { self.noticed } else { at };
        let now = Self { about: fact.about.clone(), why: fact.why.clone(), cleared: None, ..self.clone() };
        let worst = if self.told.is_none() { fact.condition } else { self.worst };
        Self { condition: fact.condition, noticed, worst, ..now }
    }
}

/// How long one waits before anything is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Until something that is so, or is over, has settled.
    pub settle: SignedDuration,
    /// Until an account that never spoke should have.
    pub not_ready_after: SignedDuration,
}

impl Default for Rules {
    fn default() -> Self {
        Self { settle: SignedDuration::from_mins(2), not_ready_after: SignedDuration::from_hours(4) }
    }
}

impl Rules {
    fn patience(&self, condition: Condition) -> SignedDuration {
        match condition {
            Condition::NotReady => self.not_ready_after.max(self.settle),
            Condition::State(_)
            | Condition::Silent
            | Condition::Unexpected
            | Condition::Quarantine
            | Condition::Contested
            | Condition::Queue
            | Condition::List => self.settle,
        }
    }
}

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is not well.
    Began,
    /// It is worse than it was when it was told last.
    Worsened(Condition),
    /// It is over.
    Recovered,
}

/// A change, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What happened.
    pub change: Change,
    /// To which incident; as it is now.
    pub incident: Incident,
}

/// What came of a look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// Incidents that are new, or another than they were.
    pub changed: Vec<Incident>,
    /// Those that were over before they had settled: they never were.
    pub dropped: Vec<Incident>,
    /// What there is to tell.
    pub news: Vec<News>,
}

/// At the first look of all, what is older than this is nobody's news: it was taken in from somewhere else.
const OLD: SignedDuration = SignedDuration::from_hours(1);

/// Holds what is so now against what was open before. `over` says of what is no fact any more since when it is not; what is in
/// neither is over since this look.
pub fn look(
    open: &BTreeMap<Key, Incident>,
    facts: &BTreeMap<Key, Fact>,
    over: &BTreeMap<Key, Over>,
    (rules, is_first): (&Rules, bool),
    at: Timestamp,
) -> Looked {
    let mut looked = Looked::default();
    for (key, fact) in facts {
        let mut before = open.get(key);
        if let Some(past) = before.filter(|before| before.has_passed(rules, at)) {
            looked.dropped.push(past.clone());
            before = None;
        }
        let mut now = before.map_or_else(|| Incident::new(key, fact, at), |before| before.seen(fact, at));
        looked.news.extend(settled(&mut now, (rules, is_first), at));
        if before != Some(&now) {
            looked.changed.push(now);
        }
    }
    for (key, before) in open.iter().filter(|(key, _)| !facts.contains_key(*key)) {
        let over = over.get(key).copied();
        if before.told.is_none() {
            let now = Incident { cleared: Some(before.cleared.unwrap_or(at)), ..before.clone() };
            if now.has_passed(rules, at) || over == Some(Over::Gone) {
                looked.dropped.push(now);
            } else if *before != now {
                looked.changed.push(now);
            }
            continue;
        }
        let now = leaving(before, over, rules, at);
        if now.ended.is_some() && !now.quiet && over != Some(Over::Gone) {
            looked.news.push(News { change: Change::Recovered, incident: now.clone() });
        }
        if *before != now {
            looked.changed.push(now);
        }
    }
    looked
}

/// What is told of an incident that is so, once it has been so for long enough.
fn settled(now: &mut Incident, (rules, is_first): (&Rules, bool), at: Timestamp) -> Option<News> {
    if now.told.is_none() && is_first && at.duration_since(now.since) > OLD {
        (now.told, now.quiet) = (Some(now.condition), true);
        return None;
    }
    if now.told == Some(now.condition) || at.duration_since(now.noticed) < rules.patience(now.condition) {
        return None;
    }
    let change = match now.told {
        None => Some(Change::Began),
        Some(before) if now.condition > before => Some(Change::Worsened(before)),
        // Better, and still not well: nobody has to get up for that.
        Some(_) => None,
    };
    now.told = Some(now.condition);
    let change = change?;
    (now.worst, now.quiet) = (now.worst.max(now.condition), false);
    Some(News { change, incident: now.clone() })
}

/// An incident that no fact speaks for any more.
fn leaving(before: &Incident, over: Option<Over>, rules: &Rules, at: Timestamp) -> Incident {
    let mut now = before.clone();
    let since = match over {
        Some(Over::Between) => {
            now.cleared = None;
            return now;
        }
        Some(Over::Gone) => {
            now.ended = Some(at);
            return now;
        }
        Some(Over::Since(since)) => Some(since),
        None => None,
    };
    let cleared = now.cleared.unwrap_or(at);
    now.cleared = Some(cleared);
    if at.duration_since(cleared) >= rules.settle {
        now.ended = Some(since.unwrap_or(cleared).min(at).max(now.since));
    }
    now
}

#[cfg(test)]
mod tests;
