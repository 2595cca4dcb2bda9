//! A cut is made: looked for, put on record, and what it has taken out swept away.
//!
//! Finding out what is to stay writes nothing that counts. The record is one entry in one transaction, and from then on the rest is no
//! part of the journal; sweeping it away goes in steps that hold nobody up for long. Whoever is killed anywhere in between leaves a
//! whole journal, and whoever cuts next goes on from there. Not here: how often it is done ([`crate::retention`]).

use super::{Cut, Database, Lines, StoreError, current, note, of, params, put, scratch::Scratch};
use crate::{
    journal::{End, Origin},
    keep::recorded,
    store::{
        Store, insert,
        picture::{Picture, ms},
        signed,
        sql::Row,
    },
};
use fleet::{belief::Record, cut::Carried};
use jiff::Timestamp;
use manifests::id::Digest;
use std::collections::BTreeMap;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cutting {
    /// There is nothing that old.
    Nothing,
    /// Another hub is at it.
    Busy,
    /// It was told to stop; whoever cuts next goes on.
    Stopped,
    /// It is done.
    Done(Plan),
}

/// What a cut takes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// As it is put on record.
    pub cut: Cut,
    /// When the oldest entry of it was received that no cut before has looked at.
    pub first: Timestamp,
}

/// How many entries, or rows, are written or swept away at once.
const STEP: i64 = 500;

impl Store {
    /// What a cut of everything that was received before this would take out; `None`: nothing.
    ///
    /// # Errors
    /// When the journal can't be read, or is not what was received: that is not to be hidden.
    pub fn plan(&self, before: Timestamp) -> Result<Option<Plan>, StoreError> {
        Ok(planned(&self.database, before, |_, _| Ok(()))?.map(|(plan, _)| plan))
    }

    /// Takes out everything that was received before this, but for what the picture rests on. `goes_on` is asked between
    /// steps, where others have their turn.
    ///
    /// # Errors
    /// When the journal is not what was received, or the store can't be written. What was done is done.
    pub fn cut(
        &mut self,
        before: Timestamp,
        now: Timestamp,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Cutting, StoreError> {
        if !self.database.alone()? {
            return Ok(Cutting::Busy);
        }
        let cut = self.cut_alone(before, now, goes_on);
        self.database.not_alone()?;
        cut
    }

    /// Writes a file anew that was made before room was given back step by step; answers whether it did. Nobody else may use it.
    ///
    /// # Errors
    /// When there is no room for what is left beside it.
    pub fn make_compact(&mut self) -> Result<bool, StoreError> {
        self.database.make_compact()
    }

    fn cut_alone(
        &mut self,
        before: Timestamp,
        now: Timestamp,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Cutting, StoreError> {
        // What whoever cut last has left to do.
        if !self.sweep(goes_on)? {
            return Ok(Cutting::Stopped);
        }
        let mut step = Vec::new();
        let (mut written, mut is_on) = (0, true);
        let found = planned(&self.database, before, |through, line| {
            step.push(line);
            if step.len() < STEP as usize || !is_on {
                return Ok(());
            }
            written = lines(&self.database, through, written, &std::mem::take(&mut step))?;
            is_on = goes_on();
            Ok(())
        })?;
        let Some((plan, base)) = found else { return Ok(Cutting::Nothing) };
        if !is_on {
            return Ok(Cutting::Stopped);
        }
        lines(&self.database, plan.cut.through, written, &step)?;
        if !goes_on() {
            return Ok(Cutting::Stopped);
        }
        if !self.declare(&plan, base.as_ref(), now)? {
            return Ok(Cutting::Busy);
        }
        let is_done = goes_on() && self.sweep(goes_on)?;
        Ok(if is_done { Cutting::Done(plan) } else { Cutting::Stopped })
    }

    /// Puts it on record; `false` when another hub was faster.
    fn declare(&mut self, plan: &Plan, base: Option<&Cut>, now: Timestamp) -> Result<bool, StoreError> {
        let cut = &plan.cut;
        let (transaction, end) = self.begin()?;
        let through = signed(cut.through);
        let sql = "SELECT count(*) FROM kept WHERE through = ?1";
        let lines: Option<i64> = transaction.row(sql, params![through], |row| row.get(0))?;
        if of(&transaction)?.as_ref() != base || lines.map(i64::unsigned_abs) != Some(cut.lines) {
            return Ok(false);
        }
        let sql = "SELECT count(*) FROM account a WHERE a.n <= ?1
                   AND NOT EXISTS (SELECT 1 FROM kept k WHERE k.n = a.n AND k.through = ?1)";
        let missing: i64 = transaction.row(sql, params![through], |row| row.get(0))?.unwrap_or_default();
        if missing > 0 {
            return Err(StoreError::Shown { missing: missing.unsigned_abs() });
        }
        let text = recorded(&Record::Cut(cut.clone()), now);
        let entry = end.next(now, Origin::Hub, &text);
        insert(&transaction, &entry)?;
        Picture::new(&transaction)?.end(entry.n)?;
        note(&transaction, cut)?;
        forget_progress(&transaction, cut)?;
        transaction.commit()?;
        self.end = End { entries: entry.n, chain: entry.chain };
        Ok(true)
    }

    /// Sweeps away what the newest cut has taken out; `false` when it was told to stop.
    fn sweep(&mut self, goes_on: &mut dyn FnMut() -> bool) -> Result<bool, StoreError> {
        let cut = current(&self.database)?;
        let mut after = 0;
        while let Some(last) = match &cut {
            Some(cut) => self.sweep_entries(cut, after)?,
            None => None,
        } {
            after = last;
            if !goes_on() {
                return Ok(false);
            }
        }
        while self.sweep_progress()? || self.sweep_lines(cut.as_ref())? || self.database.give_back()? {
            if !goes_on() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Some entries of the journal after this one, and what was made of them. Answers which was the last.
    fn sweep_entries(&mut self, cut: &Cut, after: i64) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT j.n, j.origin, j.digest, (SELECT count(*) FROM kept k WHERE k.n = j.n AND k.through = ?2)
                   FROM journal j WHERE j.n > ?1 AND j.n <= ?2 ORDER BY j.n LIMIT ?3";
        let read =
            |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<bool>(1)?, row.get::<[u8; 32]>(2)?, row.get::<bool>(3)?));
        let through = signed(cut.through);
        let all = self.database.rows(sql, params![after, through, STEP], read)?;
        let Some((last, ..)) = all.last() else { return Ok(None) };
        let (last, gone) = (*last, all.iter().filter(|(.., stays)| !stays).collect::<Vec<_>>());
        let transaction = self.database.begin()?;
        // Only the newest counts: another hub may have gone further.
        if of(&transaction)?.as_ref() != Some(cut) {
            return Ok(None);
        }
        forget_happened(&transaction, (after, last))?;
        for (n, is_own, digest, _) in gone {
            let refused = match is_own {
                false => Some(*digest),
                true => {
                    let sql = "SELECT body FROM journal WHERE n = ?1";
                    let body: Option<Vec<u8>> = transaction.row(sql, params![*n], |row| row.get(0))?;
                    body.map(|body| Digest::of(&body).0)
                }
            };
            if let Some(refused) = refused {
                transaction.execute("DELETE FROM quarantine WHERE digest = ?1", params![refused])?;
            }
            transaction.execute("DELETE FROM journal WHERE n = ?1", params![*n])?;
        }
        transaction.commit()?;
        Ok(Some(last))
    }

    /// Some of how accounts came to commits that were heard of before.
    fn sweep_progress(&self) -> Result<bool, StoreError> {
        let sql = "SELECT p.revision, p.account FROM revision r JOIN progress p ON p.revision = r.id WHERE r.old = 1 LIMIT ?1";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<i64>(1)?));
        let some = self.database.rows(sql, params![STEP], read)?;
        if some.is_empty() {
            return Ok(false);
        }
        let transaction = self.database.begin()?;
        for (revision, account) in some {
            let sql = "DELETE FROM progress WHERE revision = ?1 AND account = ?2";
            transaction.execute(sql, params![revision, account])?;
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Some lines that stand for nothing, or not any more.
    fn sweep_lines(&self, cut: Option<&Cut>) -> Result<bool, StoreError> {
        let through = cut.map_or(0, |cut| signed(cut.through));
        let sql = "SELECT through, min(i) FROM kept WHERE through <> ?1 GROUP BY through ORDER BY through LIMIT 1";
        let other = self.database.row(sql, params![through], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
        let Some((other, first)) = other else { return Ok(false) };
        let transaction = self.database.begin()?;
        if of(&transaction)?.as_ref() != cut {
            return Ok(false);
        }
        let sql = "DELETE FROM kept WHERE through = ?1 AND i < ?2";
        transaction.execute(sql, params![other, first + STEP])?;
        transaction.execute("DELETE FROM cut WHERE through < ?1", params![through])?;
        transaction.commit()?;
        Ok(true)
    }
}

/// What would go, and the cut before it; every line that would stay is shown with the last entry that would go.
fn planned(
    database: &Database,
    before: Timestamp,
    mut each: impl FnMut(u64, super::Line) -> Result<(), StoreError>,
) -> Result<Option<(Plan, Option<Cut>)>, StoreError> {
    let Some((through, first, last)) = boundary(database, before)? else { return Ok(None) };
    let scratch = Scratch::at(database, through)?;
    let (mut read, mut stay, mut bytes) = (Lines::NONE, 0, 0);
    scratch.lines(database, |line| {
        read = read.after(&line, through)?;
        if let Some(stays) = &line.stays {
            (stay, bytes) = (stay + 1, bytes + stays.entry.body.len() as u64);
        }
        each(through, line)
    })?;
    let entries = scratch.entries.saturating_sub(stay);
    if entries == 0 {
        return Ok(None);
    }
    let Lines { lines, digest, .. } = read;
    let (chain, bytes) = (scratch.end.chain, scratch.bytes.saturating_sub(bytes));
    let cut = Cut { through, chain, before, last, entries, bytes, stay, lines, digest };
    Ok(Some((Plan { cut, first }, scratch.base().cloned())))
}

/// The last entry of those at the journal's beginning that were all received before this, and when the first and the newest of those
/// that no cut has looked at were.
fn boundary(database: &Database, before: Timestamp) -> Result<Option<(u64, Timestamp, Timestamp)>, StoreError> {
    const MANY: i64 = 10_000;
    let base = of(database)?;
    let mut after = base.as_ref().map_or(0, |cut| signed(cut.through));
    let (mut first, mut last) = (None, base.map_or(i64::MIN, |cut| ms(cut.last)));
    let sql = "SELECT n, received FROM journal WHERE n > ?1 ORDER BY n LIMIT ?2";
    loop {
        let read = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?));
        let some = database.rows(sql, params![after, MANY], read)?;
        let old = some.iter().take_while(|(_, received)| *received < ms(before));
        let mut count = 0;
        for (n, received) in old {
            (after, last, count) = (*n, last.max(*received), count + 1);
            first.get_or_insert(*received);
        }
        if count < some.len() || some.is_empty() {
            break;
        }
    }
    let time = |at| Timestamp::from_millisecond(at).map_err(|_| StoreError::Damaged("an entry has no time".into()));
    first.map(|first| Ok((after.unsigned_abs(), time(first)?, time(last)?))).transpose()
}

/// Writes some lines after those that are there; answers how many there are then.
fn lines(database: &Database, through: u64, written: u64, some: &[super::Line]) -> Result<u64, StoreError> {
    let transaction = database.begin()?;
    let mut i = written;
    for line in some {
        i += 1;
        put(&transaction, through, i, line)?;
    }
    transaction.commit()?;
    Ok(i)
}

/// Commits that had been heard of stand as they did, and how accounts came to them is not told any more.
fn forget_progress(database: &Database, cut: &Cut) -> Result<(), StoreError> {
    let sql = "SELECT carried FROM kept WHERE n = 0 AND through = ?1";
    for carried in database.rows(sql, params![signed(cut.through)], |row| row.get::<String>(0))? {
        let Ok(Carried::Commit { id, first, signature, signer }) = serde_json::from_str(&carried) else { continue };
        let sql = "UPDATE revision SET first = ?2, signature = ?3, signer = ?4, old = 1 WHERE id = ?1";
        database.execute(sql, params![id, first, signature, signer])?;
        database.execute("DELETE FROM tally WHERE what IN ('worked', 'reached') AND key = ?1", params![id])?;
    }
    Ok(())
}

/// What was told in entries after one and up to another.
fn forget_happened(
    transaction: &crate::store::sql::Transaction<'_>,
    (after, last): (i64, i64),
) -> Result<(), StoreError> {
    let first_of = |n: i64| n.saturating_mul(Picture::EACH);
    let values = params![first_of(after + 1), first_of(last + 1)];
    let sql = "SELECT what, at FROM happened WHERE id >= ?1 AND id < ?2";
    let gone = transaction.rows(sql, values, |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)))?;
    if gone.is_empty() {
        return Ok(());
    }
    let mut days = BTreeMap::<_, i64>::new();
    for (what, at) in gone {
        *days.entry((what, at.div_euclid(86_400_000))).or_default() += 1;
    }
    let mut picture = Picture::new(transaction)?;
    days.iter().for_each(|((what, day), n)| picture.sum("day", what, *day, -n));
    picture.settle()?;
    transaction.execute("DELETE FROM happened WHERE id >= ?1 AND id < ?2", values)
}
