//! Alerts as a list: what is open, the worst first, and then what ended, the latest first.

use super::{INCIDENT, Store, StoreError, incident_of, last, severity};
use crate::store::{
    sql::{Row, params},
    view::{Part, ROWS, cursor, part},
};
use fleet::alert::{Incident, tell::place};
use jiff::Timestamp;
use manifests::id::AccountId;
use serde::Serialize;
use std::collections::BTreeMap;

/// One thing that somebody was told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// The same for as long as it lasts.
    pub id: String,
    /// How loud it is.
    pub severity: &'static str,
    /// In which way something is, or was, not well.
    pub state: &'static str,
    /// Whose; nobody's when it is the hub's own.
    pub account: Option<AccountId>,
    /// What the fleet file calls it.
    pub name: Option<String>,
    /// The value of its label `ring`.
    pub ring: String,
    /// Since when.
    pub since: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Why, in the account's own sentence.
    pub why: Option<String>,
    /// The commit that the account worked towards.
    pub commit: Option<String>,
    /// Whether nobody was told, because it was old when the hub began to look.
    pub quiet: bool,
    /// Where there is more of it.
    pub link: String,
}

/// How many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// That are open, by how loud they are.
    pub open: BTreeMap<&'static str, u64>,
    /// Messages that wait for their route.
    pub undelivered: u64,
}

impl Alert {
    fn of(incident: Incident) -> Self {
        // What ended is shown as bad as it was.
        let condition = if incident.ended.is_some() { incident.worst } else { incident.condition };
        Self {
            severity: condition.severity().as_str(),
            state: condition.word(),
            link: place(&incident),
            id: incident.id,
            account: incident.about.account,
            name: incident.about.name,
            ring: incident.about.ring,
            since: incident.since,
            ended: incident.ended,
            why: incident.why,
            commit: incident.about.commit,
            quiet: incident.quiet,
        }
    }
}

impl Store {
    /// The alerts, open ones first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn alerts(&self, after: Option<&str>) -> Result<Part<Alert>, StoreError> {
        let (is_open, first, second) = after.and_then(cursor).unwrap_or((1, i64::MAX, i64::MAX));
        let most = ROWS as i64 + 1;
        let (mut rows, mut from) = (Vec::new(), (first, second));
        if is_open == 1 {
            let open = "ended IS NULL AND told IS NOT NULL AND (severity, n) < (?1, ?2) ORDER BY severity DESC, n DESC";
            rows = self.some_alerts(open, from, most)?;
            from = (i64::MAX, i64::MAX);
        }
        let left = most - rows.len() as i64;
        if left > 0 {
            let ended = "ended IS NOT NULL AND (ended, n) < (?1, ?2) ORDER BY ended DESC, n DESC";
            rows.extend(self.some_alerts(ended, from, left)?);
        }
        let part = part(rows, ROWS, |(_, cursor)| cursor.clone());
        Ok(Part { rows: part.rows.into_iter().map(|(row, _)| row).collect(), next: part.next })
    }

    fn some_alerts(&self, that: &str, from: (i64, i64), left: i64) -> Result<Vec<(Alert, String)>, StoreError> {
        self.database.rows(&format!("{INCIDENT} WHERE {that} LIMIT ?3"), params![from.0, from.1, left], |row| {
            let (incident, n) = (incident_of(row)?, row.get::<i64>(14)?);
            let cursor = match incident.ended {
                Some(ended) => format!("0.{}.{n}", ended.as_millisecond()),
                None => format!("1.{}.{n}", severity(incident.condition)),
            };
            Ok((Alert::of(incident), cursor))
        })
    }

    /// A word that changes with the newest of them, and whenever one begins or ends.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn last_alert(&self) -> Result<(i64, Option<i64>, u64), StoreError> {
        let sql = "SELECT ended FROM incident WHERE ended IS NOT NULL ORDER BY ended DESC, n DESC LIMIT 1";
        let ended = self.database.row(sql, params![], |row| row.get(0))?;
        Ok((last(&self.database, "incident")?, ended, self.alert_counts()?.open.values().sum()))
    }

    /// How many there are.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn alert_counts(&self) -> Result<Counts, StoreError> {
        let sql = "SELECT severity, count(*) FROM incident WHERE ended IS NULL AND told IS NOT NULL GROUP BY severity";
        let mut counts = Counts { open: [("warning", 0), ("error", 0)].into(), undelivered: 0 };
        let read = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?.unsigned_abs()));
        for (severity, n) in self.database.rows(sql, params![], read)? {
            counts.open.insert(if severity >= 2 { "error" } else { "warning" }, n);
        }
        counts.undelivered = self.waiting()?.iter().map(|waiting| waiting.count).sum();
        Ok(counts)
    }
}
