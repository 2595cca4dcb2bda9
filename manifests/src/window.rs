//! Windows of time: when changes may begin, and when they may not.
//!
//! A window opens at the times of a cron schedule and stays open for a while, both by the clock on a wall of its time zone:
//! `0 22 * * 5` for `8h` in Berlin ends at six in the morning there, whatever summer time does to that night. The zones
//! are compiled in, so that every account reads the same ones.
//!
//! Not here: what is done about it (that is `plan`'s).

use crate::{
    findings::Findings,
    typed::At,
    yaml::{Fault, brief},
};
use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions};
use jiff::{
    SignedDuration, Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::Deserialize;
use std::time::Duration;

/// One window.
#[derive(Debug, Clone)]
pub struct Window {
    /// Whether changes may begin in it, or may not.
    pub kind: Kind,
    /// When it opens, as it was written.
    pub schedule: String,
    /// For how long.
    pub duration: Duration,
    /// Why there is such a window.
    pub reason: Option<String>,
    zone: TimeZone,
    opens: Crontab,
}

/// Whether changes may begin in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They may.
    Allow,
    /// They may not.
    Deny,
}

/// What it reads is what it is.
impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        let Self { kind, schedule, duration, reason, zone, opens: _ } = self;
        let same = (other.kind, &other.schedule, other.duration, &other.reason, &other.zone);
        (*kind, schedule, *duration, reason, zone) == same
    }
}

impl Eq for Window {}

/// A window as it is written.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Window"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Written {
    /// `deny`: nothing begins while it is open. `allow`: nothing begins unless one of these is open.
    pub(crate) kind: At<String>,
    /// When it opens: minute, hour, day of month, month, day of week, as in a crontab (`0 22 * * 5`).
    pub(crate) schedule: At<String>,
    /// How long it stays open, such as `8h`; at most `31d`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]+[smhd]$")))]
    pub(crate) duration: At<String>,
    /// The time zone of the schedule, such as `Europe/Berlin`. Default `UTC`.
    pub(crate) time_zone: Option<At<String>>,
    /// Why there is such a window, for whoever wonders.
    pub(crate) reason: Option<At<String>>,
}

/// Reads one window.
pub(crate) fn window(written: &At<Written>, findings: &mut Findings<'_>) -> Option<Window> {
    let written = &written.value;
    let kind = match written.kind.value.as_str() {
        "allow" => Some(Kind::Allow),
        "deny" => Some(Kind::Deny),
        other => {
            findings.refuse(written.kind.at, format!("expected `allow` or `deny`, found `{}`", brief(other)));
            None
        }
    };
    if let Some(reason) = &written.reason {
        findings.length(reason, "the reason", 256);
    }
    let zone = match &written.time_zone {
        None => Some(TimeZone::UTC),
        Some(name) => zone(name, findings),
    };
    let duration = findings.duration(&written.duration, 60, 31 * 86_400, "a window is open for 1m to 31d");
    Some(Window {
        opens: opens(&written.schedule, findings)?,
        kind: kind?,
        schedule: written.schedule.value.clone(),
        duration: duration?,
        reason: written.reason.as_ref().map(|reason| reason.value.clone()),
        zone: zone?,
    })
}

fn zone(name: &At<String>, findings: &mut Findings<'_>) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(&name.value);
    zone.map_err(|_| {
        let fault = Fault::new(name.at, format!("`{}` is no time zone", brief(&name.value)));
        findings.fault(fault.hint("its name in the tz database, such as `Europe/Berlin`"));
    })
    .ok()
}

fn opens(schedule: &At<String>, findings: &mut Findings<'_>) -> Option<Crontab> {
    let fields = schedule.value.split_whitespace().count();
    // A sixth field would be a time zone, which has a field of its own here.
    let mut options = ParseOptions::default();
    options.fallback_timezone_option = FallbackTimezoneOption::UTC;
    let parsed = cronexpr::parse_crontab_with(&schedule.value, options).ok().filter(|_| fields == 5);
    if parsed.is_none() {
        let fault = Fault::new(schedule.at, format!("`{}` is no schedule", brief(&schedule.value)));
        findings.fault(fault.hint("minute, hour, day of month, month, day of week, as in `0 22 * * 5`"));
    }
    parsed
}

impl Window {
    /// When it closes, if it is open at this moment.
    pub fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        let duration = SignedDuration::try_from(self.duration).ok()?;
        let wall = self.wall(now)?;
        // The last opening that is not after `now` lies within one duration, if the window is open at all.
        let mut opened = self.next(wall.checked_sub(duration).ok()?)?;
        while let Some(later) = self.next(opened).filter(|later| *later <= wall) {
            opened = later;
        }
        let closes = opened.checked_add(duration).ok()?;
        (opened <= wall && wall < closes).then(|| self.at(closes)).flatten()
    }

    /// When it opens next, after this moment.
    pub fn opens_next(&self, now: Timestamp) -> Option<Timestamp> {
        self.at(self.next(self.wall(now)?)?)
    }

    /// The next opening after a time on the wall, both written as if the wall hung in UTC.
    fn next(&self, wall: Timestamp) -> Option<Timestamp> {
        self.opens.find_next(cronexpr::MakeTimestamp(wall)).ok().map(|next| next.timestamp())
    }

    /// The clock on the wall at a moment, written as if the wall hung in UTC.
    fn wall(&self, now: Timestamp) -> Option<Timestamp> {
        let civil = now.to_zoned(self.zone.clone()).datetime();
        TimeZone::UTC.to_timestamp(civil).ok()
    }

    /// The moment at which the clock on the wall shows this.
    fn at(&self, wall: Timestamp) -> Option<Timestamp> {
        self.zone.to_timestamp(wall.to_zoned(TimeZone::UTC).datetime()).ok()
    }
}
