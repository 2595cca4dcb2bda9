//! What was destroyed, and put back, in the last 24 hours: a sliding log, because a calendar's days can be used up twice in a minute.
//!
//! The time is AWS's own, and nothing is ever taken out of the log but by it: not by a crash, because it is written before
//! the act; not by a change that failed, because what it had destroyed by then nobody knows; not by a machine's clock.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How long what was destroyed counts.
pub const DAY: SignedDuration = SignedDuration::from_hours(24);
/// What lies this close together counts from the later of the two: the log stays short, and nothing is let go early.
const TOGETHER: SignedDuration = SignedDuration::from_mins(15);

/// How much was destroyed, or may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Toll {
    /// Resources removed.
    pub removals: u32,
    /// Resources replaced, or perhaps replaced.
    pub replacements: u32,
    /// Stacks deleted because their manifests left.
    pub deletions: u32,
    /// Resources put back that somebody had changed.
    pub heals: u32,
}

impl Toll {
    fn plus(self, other: Self) -> Self {
        Self {
            removals: self.removals.saturating_add(other.removals),
            replacements: self.replacements.saturating_add(other.replacements),
            deletions: self.deletions.saturating_add(other.deletions),
            heals: self.heals.saturating_add(other.heals),
        }
    }

    /// Whether it is within that much.
    fn within(self, most: Self) -> bool {
        self.removals <= most.removals
            && self.replacements <= most.replacements
            && self.deletions <= most.deletions
            && self.heals <= most.heals
    }
}

/// The log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent(Vec<(Timestamp, Toll)>);

impl Spent {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes down what is about to be destroyed.
    pub fn add(&mut self, now: Timestamp, toll: Toll) {
        if toll == Toll::default() {
            return;
        }
        self.0.retain(|(at, _)| counts(*at, now));
        match self.0.last_mut() {
            Some((at, sum)) if now.duration_since(*at) <= TOGETHER => (*at, *sum) = ((*at).max(now), sum.plus(toll)),
            Some(_) | None => self.0.push((now, toll)),
        }
    }

    /// What was destroyed in the 24 hours before now. What lies in the future counts too: then a clock was wrong, and
    /// nothing is given back for that.
    pub fn of_the_day(&self, now: Timestamp) -> Toll {
        self.0.iter().filter(|(at, _)| counts(*at, now)).fold(Toll::default(), |sum, (_, toll)| sum.plus(*toll))
    }

    /// When there is room again for this much, if no more is destroyed until then; `None` when there is room now, or
    /// never will be.
    pub fn room_for(&self, toll: Toll, most: Toll, now: Timestamp) -> Option<Timestamp> {
        let fits = |at: Timestamp| self.of_the_day(at).plus(toll).within(most);
        let ends = self.0.iter().filter_map(|(at, _)| at.checked_add(DAY).ok()).filter(|end| *end > now);
        if fits(now) { None } else { ends.into_iter().find(|end| fits(*end)) }
    }

    /// Whether there is room now.
    pub fn has_room_for(&self, toll: Toll, most: Toll, now: Timestamp) -> bool {
        self.of_the_day(now).plus(toll).within(most)
    }
}

fn counts(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < DAY
}

/// As one text, `<second>:<removals>:<replacements>:<deletions>:<heals>` with spaces between, the last left out where it is
/// none. A part of a second counts longer.
impl Serialize for Spent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one = |(at, toll): &(Timestamp, Toll)| {
            let Toll { removals, replacements, deletions, heals } = toll;
            let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
            let heals = if *heals > 0 { format!(":{heals}") } else { String::new() };
            format!("{second}:{removals}:{replacements}:{deletions}{heals}")
        };
        serializer.serialize_str(&self.0.iter().map(one).collect::<Vec<_>>().join(" "))
    }
}

impl<'de> Deserialize<'de> for Spent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let all: Option<Vec<_>> = text.split(' ').filter(|one| !one.is_empty()).map(one).collect();
        all.map(Self).ok_or_else(|| de::Error::custom("what was destroyed is four or five numbers each".to_string()))
    }
}

fn one(text: &str) -> Option<(Timestamp, Toll)> {
    let mut parts = text.split(':');
    let at = Timestamp::from_second(parts.next()?.parse().ok()?).ok()?;
    let mut number = || parts.next()?.parse().ok();
    let (removals, replacements, deletions) = (number()?, number()?, number()?);
    let heals = match parts.next() {
        Some(heals) => heals.parse().ok()?,
        None => 0,
    };
    parts.next().is_none().then_some((at, Toll { removals, replacements, deletions, heals }))
}
