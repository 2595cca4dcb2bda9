//! What the journal comes to, in tables that pages are read from: each message changes the rows of its own account, and the
//! sums that they go into.
//!
//! Which report counts, and what of it, is `fleet`'s to say. Not here: reading the tables ([`super::view`]).

mod account;
mod belief;
mod carried;
mod known;
mod stacks;
mod told;

use super::{
    StoreError, signed,
    sql::{Transaction, params},
    view::{event as event_of, is_list},
};
use crate::{
    ingest::{Message, Said},
    journal::{Broken, Entry, Origin},
    keep::Heard,
};
use account::Account;
pub(super) use belief::{enrolled, policy};
use fleet::{
    belief::{Policy, weigh},
    fold::{Outcome, Refused, Standing, by_text, speaks_for_itself},
    page::worst,
    presence::{Share, happened},
};
use jiff::Timestamp;
pub(super) use known::Known;
use manifests::{
    id::{AccountId, CommitId, Digest},
    report::{Event, Report, State},
};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

/// The tables.
pub(super) const FORM: &str = include_str!("picture.sql");
pub(super) const BELIEF: &str = include_str!("belief.sql");

/// How an account stands to the list of those who should speak: in the column `unexpected`, and in sums.
pub(super) const EXPECTED: i64 = 0;
pub(super) const UNEXPECTED: i64 = 1;
pub(super) const SUSPENDED: i64 = 2;

/// By what stacks are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Place,
    Provided,
}

/// How many messages are kept in quarantine; of more, the newest. All of them are in the journal.
const QUARANTINE: i64 = 10_000;

/// The tables, while messages are added to them. Sums are written at the end.
pub(super) struct Picture<'t> {
    transaction: &'t Transaction<'t>,
    policy: Policy,
    sums: BTreeMap<(&'static str, String, i64), i64>,
    /// Of stacks, by place, and by list of controls: there are many to each, and their names are looked up once.
    stacks: BTreeMap<(Kind, i64, i64), i64>,
    /// Places, and lists of controls, that a stack has left: it may have been the last.
    left: BTreeSet<i64>,
    lists: BTreeSet<i64>,
    /// Whether a commit was heard of: then there may be more than are told of.
    heard_of_commits: bool,
    known: Known,
}

impl<'t> Picture<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>) -> Result<Self, StoreError> {
        Self::knowing(transaction, Known::default())
    }

    /// With what is known of the tables.
    pub(super) fn knowing(transaction: &'t Transaction<'t>, mut known: Known) -> Result<Self, StoreError> {
        let policy = match known.policy.take() {
            Some(policy) => policy,
            None => policy(transaction)?,
        };
        let (sums, stacks, left, lists) = Default::default();
        Ok(Self { transaction, policy, sums, stacks, left, lists, heard_of_commits: false, known })
    }

    /// Takes in an entry of the journal.
    pub(super) fn read(&mut self, entry: &Entry) -> Result<(), StoreError> {
        match entry.origin {
            Origin::Queue => self.take(entry.n, Message::read(&entry.body), entry.received).map(drop),
            Origin::Hub => {
                let none = |_| Broken::Odd { n: entry.n, what: "it is no record of a hub" };
                self.learn(serde_json::from_str(&entry.body).map_err(none)?, &entry.body, entry.received)
            }
        }
    }

    /// Takes in the message in the journal's entry of this number.
    pub(super) fn take(&mut self, n: u64, message: Message<'_>, received: Timestamp) -> Result<Heard, StoreError> {
        let Message { body, said, sent: _ } = message;
        let Said { event, proof } = match said {
            Ok(said) => said,
            Err(unreadable) => return self.refuse(body, unreadable.reason(), received),
        };
        let account = &event.data.account;
        let proven = match speaks_for_itself(&event) {
            Err(reason) => Err(reason),
            Ok(()) => weigh(proof.as_ref(), account, enrolled(self.transaction, account)?.as_ref(), &self.policy),
        };
        match proven {
            Err(reason) => self.refuse(body, reason, received),
            Ok(proven) => {
                let outcome = self.hear(signed(n), &event, proven, received)?;
                self.sum("heard", word(&outcome), 0, 1);
                Ok(Heard { outcome, event: Some(event) })
            }
        }
    }

    fn refuse(&mut self, body: &str, reason: String, received: Timestamp) -> Result<Heard, StoreError> {
        self.quarantine(body, reason.clone(), received)?;
        self.sum("heard", "refused", 0, 1);
        Ok(Heard { outcome: Outcome::Refused(reason), event: None })
    }

    fn quarantine(&self, body: &str, reason: String, received: Timestamp) -> Result<(), StoreError> {
        let refused = Refused::of(body.as_bytes(), reason, received);
        self.transaction.execute(
            "INSERT INTO quarantine VALUES (?1, ?2, ?3, ?4) ON CONFLICT (digest) DO UPDATE SET
                 received = CASE WHEN excluded.received < quarantine.received THEN excluded.received
                                 ELSE quarantine.received END",
            params![Digest::of(body.as_bytes()).0, ms(received), refused.reason, refused.begins],
        )
    }

    /// Adds one report.
    fn hear(&mut self, n: i64, event: &Event, proven: bool, received: Timestamp) -> Result<Outcome, StoreError> {
        let id = number(&event.data.account);
        let Some(mut known) = self.account(id)? else {
            let standing = Standing::first(event, proven, received);
            let is_expected = self.show(id, event, (n, &standing), None)?;
            self.past(id, event, (n, received), is_expected)?;
            return Ok(Outcome::Newest);
        };
        let is_expected = known.listed == EXPECTED;
        let mut tie = Ok(Ordering::Less);
        let (outcome, is_newest) = known.standing.hear(event, proven, received, || {
            tie = event_of(self.transaction, known.n)
                .map(|newest| newest.map_or(Ordering::Greater, |newest| by_text(event, &newest)));
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
            self.past(id, event, (n, received), is_expected)?;
        }
        Ok(outcome)
    }

    /// What a report tells of the past. Whoever nobody expects has no part in what is told of commits.
    fn past(
        &mut self,
        id: i64,
        event: &Event,
        (n, received): (i64, Timestamp),
        is_expected: bool,
    ) -> Result<(), StoreError> {
        self.happened(id, event, (n, received))?;
        if is_expected { self.progress(id, event, received) } else { Ok(()) }
    }

    /// Shows this report as the account's newest; answers whether the account is expected.
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
        let (ring, listed) = match &before {
            Some(before) => (before.ring.clone(), before.listed),
            None => self.welcome(id)?,
        };
        let made = happened(event.time, standing.received);
        let since = before.as_ref().filter(|before| before.state == state).map_or(ms(made), |it| it.since);
        let row = Account {
            standing: standing.clone(),
            proven: standing.proven,
            n,
            state,
            since,
            ring,
            listed,
            applied: commit(report.source.applied.as_deref()),
            attempted: commit(report.source.attempted.as_deref()),
            version: report.agent.standing(),
            share,
            form: form.to_vec(),
        };
        if before.as_ref().is_none_or(|before| before.form != row.form) {
            self.stacks(id, event, made, listed == EXPECTED)?;
            self.exceptions(id, report)?;
        }
        if before.as_ref().is_none_or(|before| !before.counts_as(&row)) {
            if let Some(before) = &before {
                self.count(before, -1);
            }
            self.count(&row, 1);
        }
        self.write(id, event, &row, why)?;
        Ok(listed == EXPECTED)
    }

    /// An account that speaks for the first time: its ring, and how it stands to the list.
    fn welcome(&self, id: i64) -> Result<(String, i64), StoreError> {
        self.transaction.execute("UPDATE expected SET spoke = 1 WHERE id = ?1", params![id])?;
        let sql = "SELECT ring FROM expected WHERE id = ?1";
        if let Some(ring) = self.transaction.row(sql, params![id], |row| row.get(0))? {
            return Ok((ring, EXPECTED));
        }
        let sql = "SELECT id FROM suspended WHERE id = ?1";
        if self.transaction.row(sql, params![id], |_| Ok(()))?.is_some() {
            return Ok((String::new(), SUSPENDED));
        }
        Ok((String::new(), if is_list(self.transaction)? { UNEXPECTED } else { EXPECTED }))
    }

    /// An account that spoke is in another ring now, or is expected now, or is not any more.
    pub(super) fn moved(&mut self, id: i64, ring: &str, listed: i64) -> Result<(), StoreError> {
        let Some(mut row) = self.account(id)? else { return Ok(()) };
        if (row.ring.as_str(), row.listed) == (ring, listed) {
            return Ok(());
        }
        self.count(&row, -1);
        let (was, is) = (row.listed == EXPECTED, listed == EXPECTED);
        if was != is {
            self.count_stacks(id, if is { 1 } else { -1 })?;
        }
        (row.ring, row.listed) = (ring.to_owned(), listed);
        self.count(&row, 1);
        let sql = "UPDATE account SET ring = ?2, unexpected = ?3 WHERE id = ?1";
        self.transaction.execute(sql, params![id, ring, listed])
    }

    /// Adds an account to the sums of tables that have none of it yet: itself, its stacks, and that it is expected.
    pub(super) fn add_up(&mut self, id: i64) -> Result<(), StoreError> {
        let sql = "SELECT ring FROM expected WHERE id = ?1";
        if let Some(ring) = self.transaction.row(sql, params![id], |row| row.get::<String>(0))? {
            self.sum("expected", &ring, 0, 1);
        }
        if let Some(row) = self.account(id)? {
            self.count(&row, 1);
            if row.listed == EXPECTED {
                self.count_stacks(id, 1)?;
            }
        }
        Ok(())
    }

    /// Adds an account to the sums, or takes it out of them.
    fn count(&mut self, row: &Account, by: i64) {
        self.sum("version", &row.version, 0, by);
        self.sum("proven", "", i64::from(row.proven), by);
        for (key, n) in [
            ("accounts", 1),
            ("accountsGood", u64::from(row.share.good)),
            ("stacks", row.share.stacks),
            ("stacksGood", row.share.stacks_good),
            ("resources", row.share.resources),
            ("compared", row.share.compared),
        ] {
            self.sum("share", key, row.listed, by * signed(n));
        }
        // What nobody expects proves nothing of what is expected.
        if row.listed != EXPECTED {
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
    pub(super) fn end(mut self, n: u64) -> Result<Known, StoreError> {
        let transaction = self.transaction;
        if self.heard_of_commits {
            self.bound()?;
        }
        self.known.policy = Some(std::mem::take(&mut self.policy));
        let known = self.settle()?;
        transaction.execute(
            "DELETE FROM quarantine WHERE digest IN (SELECT digest FROM quarantine ORDER BY received DESC, digest DESC
             LIMIT 1000000000 OFFSET ?1)",
            params![QUARANTINE],
        )?;
        let sql = "INSERT INTO mark VALUES ('journal', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        transaction.execute(sql, params![n.to_string()])?;
        Ok(known)
    }

    /// Writes the sums.
    pub(super) fn settle(mut self) -> Result<Known, StoreError> {
        let transaction = self.transaction;
        self.name_stacks()?;
        for ((what, key, value), by) in self.sums.into_iter().filter(|(_, by)| *by != 0) {
            transaction.execute(
                "INSERT INTO tally VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (what, key, value) DO UPDATE SET n = tally.n + excluded.n",
                params![what, key, value, by],
            )?;
            if by < 0 {
                let sql = "DELETE FROM tally WHERE what = ?1 AND key = ?2 AND value = ?3 AND n = 0";
                transaction.execute(sql, params![what, key, value])?;
            }
        }
        for place in self.left {
            let sql = "DELETE FROM place WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM stack WHERE place = ?1)";
            transaction.execute(sql, params![place])?;
            self.known.forget_place(place);
        }
        for provided in self.lists {
            let of = "NOT EXISTS (SELECT 1 FROM stack WHERE provided = ?1 AND provided > 0)";
            transaction.execute(&format!("DELETE FROM control WHERE provided = ?1 AND {of}"), params![provided])?;
            transaction.execute(&format!("DELETE FROM provided WHERE id = ?1 AND {of}"), params![provided])?;
            self.known.forget_provided(provided);
        }
        Ok(self.known)
    }
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

/// A word as a report spells it.
fn word_of(value: &impl serde::Serialize) -> String {
    json(value).trim_matches('"').to_owned()
}
