//! What the journal comes to, in tables that pages are read from: each message changes the rows of its own account, and the
//! sums that they go into.
//!
//! Which report counts, and what of it, is `fleet`'s to say. Not here: reading the tables ([`super::view`]).

use super::{StoreError, signed};
use crate::{ingest, keep::Heard};
use fleet::{
    fold::{Outcome, Refused, Standing, by_text, speaks_for_itself},
    page::worst,
    presence::Share,
};
use jiff::Timestamp;
use manifests::{
    id::{AccountId, Digest},
    report::{Event, Report, Signature, State},
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

/// A stack's row, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stack {
    state: i64,
    provided: i64,
    why: Option<String>,
}

impl<'t> Picture<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>) -> Self {
        Self { transaction, sums: BTreeMap::new() }
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
        self.happened(id, event)?;
        self.progress(id, event)?;
        let Some(mut known) = self.account(id)? else {
            let standing = Standing::first(event, received);
            self.show(id, event, (n, &standing), None)?;
            return Ok(Outcome::Newest);
        };
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
        Ok(outcome)
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
    ) -> Result<(), StoreError> {
        let report = &event.data;
        let (state, why) = worst(report);
        let (state, share, form) = (rank(state), Share::of(report), form(report));
        let (ring, unexpected) = match &before {
            Some(before) => (before.ring.clone(), before.unexpected),
            None => self.welcome(id)?,
        };
        let since = before.as_ref().filter(|before| before.state == state).map_or(ms(event.time), |it| it.since);
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
            self.stacks(id, event)?;
            self.exceptions(id, report)?;
        }
        if let Some(before) = &before {
            self.count(before, -1);
        }
        self.count(&row, 1);
        self.write(id, event, &row, why)
    }

    fn write(&self, id: i64, event: &Event, row: &Account, why: Option<&String>) -> Result<(), StoreError> {
        let Account { standing, share, .. } = row;
        let mut write = self.transaction.prepare_cached(
            "INSERT OR REPLACE INTO account VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                                                    ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
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
        let mut any = self.transaction.prepare_cached("SELECT EXISTS (SELECT 1 FROM expected)")?;
        Ok((String::new(), any.query_row([], |row| row.get(0))?))
    }

    /// Adds an account to the sums, or takes it out of them.
    fn count(&mut self, row: &Account, by: i64) {
        let unexpected = i64::from(row.unexpected);
        self.sum("account", "", row.state, by);
        self.sum("ring", &row.ring, row.state, by);
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
        if let Some(applied) = &row.applied {
            self.sum("applied", applied, 0, by);
            self.sum("ringApplied", &format!("{applied} {}", row.ring), 0, by);
        }
        if let Some(attempted) = &row.attempted {
            self.sum("attempted", attempted, row.state, by);
            self.sum("ringAttempted", &format!("{attempted} {}", row.ring), row.state, by);
        }
    }

    /// Brings the account's stacks, and what drifted in them, to what the report says.
    fn stacks(&mut self, id: i64, event: &Event) -> Result<(), StoreError> {
        let mut before: BTreeMap<i64, Stack> = BTreeMap::new();
        {
            let mut select =
                self.transaction.prepare_cached("SELECT place, state, provided, why FROM stack WHERE account = ?1")?;
            let mut rows = select.query([id])?;
            while let Some(row) = rows.next()? {
                before.insert(row.get(0)?, Stack { state: row.get(1)?, provided: row.get(2)?, why: row.get(3)? });
            }
        }
        self.transaction.prepare_cached("DELETE FROM drifted WHERE account = ?1")?.execute([id])?;
        let mut seen = BTreeSet::new();
        for stack in &event.data.stacks {
            let place = self.place(stack.stack.as_ref(), stack.region.as_ref(), stack.manifest.as_ref())?;
            // One that is there twice counts once.
            if !seen.insert(place) {
                continue;
            }
            self.drifted(id, place, stack)?;
            let provided = self.provided(&stack.provides)?;
            let row = Stack { state: rank(stack.state), provided, why: stack.why.clone() };
            let known = before.remove(&place);
            if known.as_ref() == Some(&row) {
                continue;
            }
            let same = known.as_ref().is_some_and(|known| known.state == row.state);
            let mut write = self.transaction.prepare_cached(
                "INSERT INTO stack VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET state = excluded.state,
                 since = iif(?7, since, excluded.since), provided = excluded.provided, why = excluded.why",
            )?;
            write.execute(params![id, place, row.state, event.time.as_second(), row.provided, row.why, same])?;
            drop(write);
            if let Some(known) = known {
                self.count_stack(place, &known, -1)?;
            }
            self.count_stack(place, &row, 1)?;
        }
        for (place, gone) in before {
            let mut delete = self.transaction.prepare_cached("DELETE FROM stack WHERE account = ?1 AND place = ?2")?;
            delete.execute([id, place])?;
            drop(delete);
            self.count_stack(place, &gone, -1)?;
        }
        Ok(())
    }

    fn count_stack(&mut self, place: i64, row: &Stack, by: i64) -> Result<(), StoreError> {
        self.sum("stack", "", row.state, by);
        self.sum("place", &place.to_string(), row.state, by);
        if row.provided > 0 {
            let names = self.controls(row.provided)?;
            names.iter().for_each(|name| self.sum("control", name, row.state, by));
        }
        Ok(())
    }

    fn place(&self, stack: &str, region: &str, manifest: &str) -> Result<i64, StoreError> {
        let mut known = self
            .transaction
            .prepare_cached("SELECT id FROM place WHERE stack = ?1 AND region = ?2 AND manifest = ?3")?;
        if let Some(id) = known.query_row([stack, region, manifest], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        let mut insert =
            self.transaction.prepare_cached("INSERT INTO place (stack, region, manifest) VALUES (?1, ?2, ?3)")?;
        Ok(insert.insert([stack, region, manifest])?)
    }

    /// The number of a list of controls; 0 is the empty one.
    fn provided(&self, names: &[String]) -> Result<i64, StoreError> {
        let names: BTreeSet<&str> =
            names.iter().map(String::as_str).filter(|name| name.len() <= 100).take(50).collect();
        if names.is_empty() {
            return Ok(0);
        }
        let text = json(&names);
        let mut known = self.transaction.prepare_cached("SELECT id FROM provided WHERE names = ?1")?;
        if let Some(id) = known.query_row([&text], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        let id = self.transaction.prepare_cached("INSERT INTO provided (names) VALUES (?1)")?.insert([&text])?;
        for name in names {
            self.transaction.prepare_cached("INSERT INTO control VALUES (?1, ?2)")?.execute(params![name, id])?;
        }
        Ok(id)
    }

    fn controls(&self, provided: i64) -> Result<Vec<String>, StoreError> {
        let mut select = self.transaction.prepare_cached("SELECT names FROM provided WHERE id = ?1")?;
        let names: String = select.query_row([provided], |row| row.get(0))?;
        Ok(serde_json::from_str(&names).unwrap_or_default())
    }

    fn drifted(&self, id: i64, place: i64, stack: &manifests::report::StackReport) -> Result<(), StoreError> {
        let Some(drift) = &stack.drift else { return Ok(()) };
        for one in &drift.drifted {
            let mut insert = self.transaction.prepare_cached(
                "INSERT OR REPLACE INTO drifted VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?;
            insert.execute(params![
                id,
                place,
                one.resource,
                one.kind,
                json(&one.how).trim_matches('"'),
                json(&one.paths),
                ms(one.since),
                one.by,
                one.from,
                one.call,
                one.claimed,
                drift.mode.as_str(),
                drift.why,
            ])?;
        }
        Ok(())
    }

    fn exceptions(&self, id: i64, report: &Report) -> Result<(), StoreError> {
        self.transaction.prepare_cached("DELETE FROM exception WHERE account = ?1")?.execute([id])?;
        let whole = || "the whole account".to_owned();
        let hold = report.holds.iter().map(|it| {
            ("hold", it.stack.as_ref().map_or_else(whole, ToString::to_string), it.until, &it.reason, &it.by)
        });
        let pin = report.pin.iter().map(|it| ("pin", it.commit.to_string(), it.until, &it.reason, &it.by));
        let approval = report.approvals.iter().map(|it| ("approval", it.plan.clone(), it.until, &it.reason, &it.by));
        let back = report
            .rollbacks
            .iter()
            .map(|it| ("rollback", format!("{} to {}", it.stack, it.commit.short()), it.until, &it.reason, &it.by));
        for (i, (kind, what, until, reason, by)) in hold.chain(pin).chain(approval).chain(back).enumerate() {
            let mut insert =
                self.transaction.prepare_cached("INSERT INTO exception VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            insert.execute(params![id, signed(i as u64), kind, what, ms(until), reason, by])?;
        }
        Ok(())
    }

    /// What happened stays, whether the report is the newest or not.
    fn happened(&mut self, id: i64, event: &Event) -> Result<(), StoreError> {
        let Report { epoch, sequence, happened, .. } = &event.data;
        for (i, one) in happened.iter().enumerate() {
            let mut insert = self
                .transaction
                .prepare_cached("INSERT OR IGNORE INTO happened VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
            let what = json(&one.what);
            let what = what.trim_matches('"');
            let inserted = insert.execute(params![
                id,
                epoch,
                sequence.cast_signed(),
                signed(i as u64),
                ms(one.at),
                what,
                one.region.as_ref().map(AsRef::<str>::as_ref),
                one.stack.as_ref().map(AsRef::<str>::as_ref),
                one.commit.as_ref().map(AsRef::<str>::as_ref),
                one.sentence,
            ])?;
            drop(insert);
            if inserted > 0 {
                self.sum("day", what, one.at.as_second().div_euclid(86_400), 1);
            }
        }
        Ok(())
    }

    /// When the account was at which commit: the earliest report counts, in whatever order they come.
    fn progress(&mut self, id: i64, event: &Event) -> Result<(), StoreError> {
        let source = &event.data.source;
        let (applied, attempted) = (commit(source.applied.as_deref()), commit(source.attempted.as_deref()));
        let at = ms(event.time);
        for (revision, is_applied) in [(&attempted, attempted == applied), (&applied, true)] {
            let Some(revision) = revision else { continue };
            let applied = is_applied.then_some(at);
            let mut known = self
                .transaction
                .prepare_cached("SELECT attempted, applied FROM progress WHERE revision = ?1 AND account = ?2")?;
            let known: Option<(i64, Option<i64>)> =
                known.query_row(params![revision, id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let is_news = known.is_none_or(|(first, reached)| {
                at < first || applied.is_some_and(|at| reached.is_none_or(|reached| at < reached))
            });
            if !is_news {
                continue;
            }
            let mut write = self.transaction.prepare_cached(
                "INSERT INTO progress VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
                     attempted = min(attempted, excluded.attempted),
                     applied = min(coalesce(applied, excluded.applied), coalesce(excluded.applied, applied))",
            )?;
            write.execute(params![revision, id, at, applied])?;
            drop(write);
            self.sum("worked", revision, 0, i64::from(known.is_none()));
            let reached = applied.is_some() && known.is_none_or(|(_, reached)| reached.is_none());
            self.sum("reached", revision, 0, i64::from(reached));
            self.revision(revision, event)?;
        }
        Ok(())
    }

    fn revision(&self, revision: &str, event: &Event) -> Result<(), StoreError> {
        let source = &event.data.source;
        // What a report says of a signature is about the commit that it works towards.
        let is_own = commit(source.attempted.as_deref()).as_deref() == Some(revision);
        let signature = if is_own { source.signature } else { Signature::NotChecked };
        let mut write = self.transaction.prepare_cached(
            "INSERT INTO revision VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET first = min(first, excluded.first),
                 signature = iif(signature = 'not-checked', excluded.signature, signature),
                 signer = coalesce(signer, excluded.signer)",
        )?;
        let signer = source.signer.as_ref().filter(|_| is_own);
        write.execute(params![revision, ms(event.time), json(&signature).trim_matches('"'), signer])?;
        Ok(())
    }

    fn sum(&mut self, what: &'static str, key: &str, value: i64, by: i64) {
        if by != 0 {
            *self.sums.entry((what, key.to_owned(), value)).or_default() += by;
        }
    }

    /// Writes the sums, and how far the journal has been read.
    pub(super) fn end(self, n: u64) -> Result<(), StoreError> {
        for ((what, key, value), by) in self.sums.into_iter().filter(|(_, by)| *by != 0) {
            let mut write = self.transaction.prepare_cached(
                "INSERT INTO tally VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            )?;
            write.execute(params![what, key, value, by])?;
        }
        let mut bound = self.transaction.prepare_cached(
            "DELETE FROM quarantine WHERE digest IN (SELECT digest FROM quarantine ORDER BY received DESC, digest DESC
             LIMIT -1 OFFSET ?1)",
        )?;
        bound.execute([QUARANTINE])?;
        let mut mark = self.transaction.prepare_cached("INSERT OR REPLACE INTO mark VALUES ('journal', ?1)")?;
        mark.execute([n.to_string()])?;
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

/// `main@sha1:<commit>`, or what stands in its place.
fn commit(revision: Option<&str>) -> Option<String> {
    let revision = revision?;
    Some(revision.rsplit(':').next().unwrap_or(revision).chars().take(64).collect())
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
