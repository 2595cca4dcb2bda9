//! What the journal comes to, in tables that pages are read from: each message changes the rows of its own account, and the
//! sums that they go into.
//!
//! Which report counts, and what of it, is `fleet`'s to say. Not here: reading the tables ([`super::view`]).

mod stacks;
mod told;

use super::{StoreError, signed};
use crate::{ingest, keep::Heard};
use fleet::{
    fold::{Outcome, Refused, Standing, by_text, speaks_for_itself},
    page::worst,
    presence::{Share, happened},
};
use jiff::Timestamp;
use manifests::{
    id::{AccountId, CommitId, Digest},
    report::{Event, Report, State},
};
use rusqlite::{OptionalExtension, Transaction, params};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

/// The tables.
pub(super) const FORM: &str = include_str!("picture.sql");

/// How many messages are kept in quarantine; of more, the newest. All of them are in the journal.
const QUARANTINE: i64 = 10_000;

/// The tables, while messages are added to them. Sums are written at the end.
pub(super) struct Picture<'t> {
    transaction: &'t Transaction<'t>,
    sums: BTreeMap<(&'static str, String, i64), i64>,
    /// Places, and lists of controls, that a stack has left: it may have been the last.
    left: BTreeSet<i64>,
    lists: BTreeSet<i64>,
}

/// What the tables say of an account.
struct Account {
    standing: Standing,
    n: i64,
    state: i64,
    since: i64,
    ring: String,
    unexpected: bool,
    applied: Option<String>,
    attempted: Option<String>,
    version: String,
    share: Share,
    form: Vec<u8>,
}

impl<'t> Picture<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>) -> Self {
        Self { transaction, sums: BTreeMap::new(), left: BTreeSet::new(), lists: BTreeSet::new() }
    }

    /// Takes in the journal's entry of this number.
    pub(super) fn take(&mut self, n: u64, body: &str, received: Timestamp) -> Result<Heard, StoreError> {
        let event = match ingest::read(body) {
            Ok(event) => event,
            Err(unreadable) => return self.refuse(body, unreadable.reason(), received),
        };
        if let Err(reason) = speaks_for_itself(&event) {
            return self.refuse(body, reason, received);
        }
        let outcome = self.hear(signed(n), &event, received)?;
        self.sum("heard", word(&outcome), 0, 1);
        Ok(Heard { outcome, event: Some(event) })
    }

    fn refuse(&mut self, body: &str, reason: String, received: Timestamp) -> Result<Heard, StoreError> {
        let refused = Refused::of(body.as_bytes(), reason.clone(), received);
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO quarantine VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET received = min(received, excluded.received)",
        )?;
        let digest = Digest::of(body.as_bytes()).0;
        insert.execute(params![digest, ms(received), refused.reason, refused.begins])?;
        self.sum("heard", "refused", 0, 1);
        Ok(Heard { outcome: Outcome::Refused(reason), event: None })
    }

    /// Adds one report.
    fn hear(&mut self, n: i64, event: &Event, received: Timestamp) -> Result<Outcome, StoreError> {
        let id = number(&event.data.account);
        let Some(mut known) = self.account(id)? else {
            let standing = Standing::first(event, received);
            let unexpected = self.show(id, event, (n, &standing), None)?;
            self.past(id, event, (n, received), unexpected)?;
            return Ok(Outcome::Newest);
        };
        let unexpected = known.unexpected;
        let mut tie = Ok(Ordering::Less);
        let (outcome, is_newest) = known.standing.hear(event, received, || {
            tie = self.event(known.n).map(|newest| newest.map_or(Ordering::Greater, |newest| by_text(event, &newest)));
            *tie.as_ref().unwrap_or(&Ordering::Less)
        });
        tie?;
        if is_newest {
            let standing = known.standing.clone();
            self.show(id, event, (n, &standing), Some(known))?;
        } else {
            self.stand(id, &known.standing)?;
        }
        if outcome != Outcome::Known {
            self.past(id, event, (n, received), unexpected)?;
        }
        Ok(outcome)
    }

    /// What a report tells of the past. Whoever nobody expects has no part in what is told of commits.
    fn past(
        &mut self,
        id: i64,
        event: &Event,
        (n, received): (i64, Timestamp),
        unexpected: bool,
    ) -> Result<(), StoreError> {
        self.happened(id, event, (n, received))?;
        if unexpected { Ok(()) } else { self.progress(id, event, received) }
    }

    /// The report in an entry of the journal.
    fn event(&self, n: i64) -> Result<Option<Event>, StoreError> {
        let mut body = self.transaction.prepare_cached("SELECT body FROM journal WHERE n = ?1")?;
        let body: Option<Vec<u8>> = body.query_row([n], |row| row.get(0)).optional()?;
        Ok(body.and_then(|body| ingest::read(&String::from_utf8(body).ok()?).ok()))
    }

    fn account(&self, id: i64) -> Result<Option<Account>, StoreError> {
        let mut select = self.transaction.prepare_cached(
            "SELECT epoch, sequence, time, received, heard, n, state, since, ring, unexpected, applied, attempted, version,
                    good, stacks, stacks_good, resources, compared, form
             FROM account WHERE id = ?1",
        )?;
        let read = |row: &rusqlite::Row<'_>| {
            let heard: String = row.get(4)?;
            let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
            let standing = Standing {
                epoch: row.get(0)?,
                sequence: row.get::<_, i64>(1)?.cast_unsigned(),
                time: at(row.get(2)?),
                received: at(row.get(3)?),
                heard: serde_json::from_str(&heard).unwrap_or_default(),
            };
            let share = Share {
                good: row.get(13)?,
                stacks: count(14)?,
                stacks_good: count(15)?,
                resources: count(16)?,
                compared: count(17)?,
            };
            Ok(Account {
                standing,
                n: row.get(5)?,
                state: row.get(6)?,
                since: row.get(7)?,
                ring: row.get(8)?,
                unexpected: row.get(9)?,
                applied: row.get(10)?,
                attempted: row.get(11)?,
                version: row.get(12)?,
                share,
                form: row.get(18)?,
            })
        };
        Ok(select.query_row([id], read).optional()?)
    }

    /// Writes what is known of an account's reports, and nothing else.
    fn stand(&self, id: i64, standing: &Standing) -> Result<(), StoreError> {
        let mut update = self.transaction.prepare_cached(
            "UPDATE account SET received = ?2, seen = min(time, ?2), heard = ?3, missing = ?4 WHERE id = ?1",
        )?;
        let missing = gaps(standing);
        update.execute(params![id, ms(standing.received), json(&standing.heard), missing])?;
        Ok(())
    }

    /// Shows this report as the account's newest.
    fn show(
        &mut self,
        id: i64,
        event: &Event,
        (n, standing): (i64, &Standing),
        before: Option<Account>,
    ) -> Result<bool, StoreError> {
        let report = &event.data;
        let (state, why) = worst(report);
        let (state, share, form) = (rank(state), Share::of(report), form(report));
        let (ring, unexpected) = match &before {
            Some(before) => (before.ring.clone(), before.unexpected),
            None => self.welcome(id)?,
        };
        let made = happened(event.time, standing.received);
        let since = before.as_ref().filter(|before| before.state == state).map_or(ms(made), |it| it.since);
        let row = Account {
            standing: standing.clone(),
            n,
            state,
            since,
            ring,
            unexpected,
            applied: commit(report.source.applied.as_deref()),
            attempted: commit(report.source.attempted.as_deref()),
            version: report.agent.version.chars().take(40).collect(),
            share,
            form: form.to_vec(),
        };
        if before.as_ref().is_none_or(|before| before.form != row.form) {
            self.stacks(id, event, made, unexpected)?;
            self.exceptions(id, report)?;
        }
        if let Some(before) = &before {
            self.count(before, -1);
        }
        self.count(&row, 1);
        self.write(id, event, &row, why)?;
        Ok(unexpected)
    }

    fn write(&self, id: i64, event: &Event, row: &Account, why: Option<&String>) -> Result<(), StoreError> {
        let Account { standing, share, .. } = row;
        let mut write = self.transaction.prepare_cached(
            // Not REPLACE, which would write every index anew.
            "INSERT INTO account VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                                         ?21, ?22, ?23, ?24, ?25)
             ON CONFLICT DO UPDATE SET
                 name = excluded.name, ring = excluded.ring, unexpected = excluded.unexpected, n = excluded.n, epoch
                 = excluded.epoch, sequence = excluded.sequence, time = excluded.time, received = excluded.received,
                 seen = excluded.seen, heard = excluded.heard, missing = excluded.missing, state = excluded.state,
                 since = excluded.since, why = excluded.why, applied = excluded.applied, attempted =
                 excluded.attempted, version = excluded.version, region = excluded.region, good = excluded.good,
                 stacks = excluded.stacks, stacks_good = excluded.stacks_good, resources = excluded.resources,
                 compared = excluded.compared, form = excluded.form",
        )?;
        write.execute(params![
            id,
            event.data.account_name,
            row.ring,
            row.unexpected,
            row.n,
            standing.epoch,
            standing.sequence.cast_signed(),
            ms(standing.time),
            ms(standing.received),
            ms(standing.time.min(standing.received)),
            json(&standing.heard),
            gaps(standing),
            row.state,
            row.since,
            why,
            row.applied,
            row.attempted,
            row.version,
            event.data.agent.region.as_ref(),
            share.good,
            signed(share.stacks),
            signed(share.stacks_good),
            signed(share.resources),
            signed(share.compared),
            row.form,
        ])?;
        Ok(())
    }

    /// An account that speaks for the first time: its ring, and whether nobody expects it.
    fn welcome(&self, id: i64) -> Result<(String, bool), StoreError> {
        self.transaction.prepare_cached("UPDATE expected SET spoke = 1 WHERE id = ?1")?.execute([id])?;
        let mut ring = self.transaction.prepare_cached("SELECT ring FROM expected WHERE id = ?1")?;
        if let Some(ring) = ring.query_row([id], |row| row.get(0)).optional()? {
            return Ok((ring, false));
        }
        let mut any = self
            .transaction
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM mark WHERE name = 'expected' AND value LIKE 'true%')")?;
        Ok((String::new(), any.query_row([], |row| row.get(0))?))
    }

    /// An account that spoke is in another ring now, or is expected now, or is not any more.
    pub(super) fn moved(&mut self, id: i64, ring: &str, unexpected: bool) -> Result<(), StoreError> {
        let Some(mut row) = self.account(id)? else { return Ok(()) };
        if (row.ring.as_str(), row.unexpected) == (ring, unexpected) {
            return Ok(());
        }
        self.count(&row, -1);
        if row.unexpected != unexpected {
            self.count_stacks(id, if unexpected { -1 } else { 1 })?;
        }
        (row.ring, row.unexpected) = (ring.to_owned(), unexpected);
        self.count(&row, 1);
        let mut update =
            self.transaction.prepare_cached("UPDATE account SET ring = ?2, unexpected = ?3 WHERE id = ?1")?;
        update.execute(params![id, ring, unexpected])?;
        Ok(())
    }

    /// Adds an account to the sums, or takes it out of them.
    fn count(&mut self, row: &Account, by: i64) {
        let unexpected = i64::from(row.unexpected);
        self.sum("version", &row.version, 0, by);
        for (key, n) in [
            ("accounts", 1),
            ("accountsGood", u64::from(row.share.good)),
            ("stacks", row.share.stacks),
            ("stacksGood", row.share.stacks_good),
            ("resources", row.share.resources),
            ("compared", row.share.compared),
        ] {
            self.sum("share", key, unexpected, by * signed(n));
        }
        // What nobody expects proves nothing of what is expected.
        if row.unexpected {
            return;
        }
        self.sum("account", "", row.state, by);
        self.sum("ring", &row.ring, row.state, by);
        if let Some(applied) = &row.applied {
            self.sum("applied", applied, 0, by);
            self.sum("ringApplied", &format!("{applied} {}", row.ring), 0, by);
        }
        if let Some(attempted) = &row.attempted {
            self.sum("attempted", attempted, row.state, by);
            self.sum("ringAttempted", &format!("{attempted} {}", row.ring), row.state, by);
        }
    }

    pub(super) fn sum(&mut self, what: &'static str, key: &str, value: i64, by: i64) {
        if by != 0 {
            *self.sums.entry((what, key.to_owned(), value)).or_default() += by;
        }
    }

    /// Writes the sums, and how far the journal has been read; clears away what nothing refers to any more.
    pub(super) fn end(self, n: u64) -> Result<(), StoreError> {
        let transaction = self.transaction;
        self.settle()?;
        let mut bound = transaction.prepare_cached(
            "DELETE FROM quarantine WHERE digest IN (SELECT digest FROM quarantine ORDER BY received DESC, digest DESC
             LIMIT -1 OFFSET ?1)",
        )?;
        bound.execute([QUARANTINE])?;
        let mut mark = transaction.prepare_cached("INSERT OR REPLACE INTO mark VALUES ('journal', ?1)")?;
        mark.execute([n.to_string()])?;
        Ok(())
    }

    /// Writes the sums.
    pub(super) fn settle(self) -> Result<(), StoreError> {
        for ((what, key, value), by) in self.sums.into_iter().filter(|(_, by)| *by != 0) {
            let mut write = self.transaction.prepare_cached(
                "INSERT INTO tally VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            )?;
            write.execute(params![what, key, value, by])?;
            if by < 0 {
                let mut clear = self
                    .transaction
                    .prepare_cached("DELETE FROM tally WHERE what = ?1 AND key = ?2 AND value = ?3 AND n = 0")?;
                clear.execute(params![what, key, value])?;
            }
        }
        for place in self.left {
            let mut clear = self.transaction.prepare_cached(
                "DELETE FROM place WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM stack WHERE place = ?1)",
            )?;
            clear.execute([place])?;
        }
        for provided in self.lists {
            let of = "NOT EXISTS (SELECT 1 FROM stack WHERE provided = ?1 AND provided > 0)";
            let mut clear =
                self.transaction.prepare_cached(&format!("DELETE FROM control WHERE provided = ?1 AND {of}"))?;
            clear.execute([provided])?;
            let mut clear = self.transaction.prepare_cached(&format!("DELETE FROM provided WHERE id = ?1 AND {of}"))?;
            clear.execute([provided])?;
        }
        Ok(())
    }
}

/// How many gaps there are in the numbers that were heard.
fn gaps(standing: &Standing) -> i64 {
    signed(standing.heard.missing().len() as u64)
}

/// Twelve digits are a number.
pub(super) fn number(account: &AccountId) -> i64 {
    account.as_str().parse().unwrap_or_default()
}

pub(super) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

pub(super) fn rank(state: State) -> i64 {
    State::RANKING.iter().position(|known| *known == state).map_or(0, |rank| signed(rank as u64))
}

pub(super) fn state(rank: i64) -> State {
    usize::try_from(rank).ok().and_then(|rank| State::RANKING.get(rank)).copied().unwrap_or(State::Unknown)
}

/// The commit in `main@sha1:<commit>`; nothing of what is none.
fn commit(revision: Option<&str>) -> Option<String> {
    let revision = revision?;
    let commit: CommitId = revision.rsplit(':').next().unwrap_or(revision).parse().ok()?;
    Some(commit.to_string())
}

/// What the tables beside `account` are made of, as a digest: a report that says the same of it changes none of them.
fn form(report: &Report) -> [u8; 32] {
    let Report { stacks, holds, pin, approvals, rollbacks, .. } = report;
    Digest::of(json(&(stacks, holds, pin, approvals, rollbacks)).as_bytes()).0
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Newest => "newest",
        Outcome::Late => "late",
        Outcome::Known => "known",
        Outcome::Contested => "contested",
        Outcome::Refused(_) => "refused",
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
