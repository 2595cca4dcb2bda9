//! What a report says of its account's stacks, and of what people told its agent, as rows.

use super::{Picture, json, ms, rank, word_of};
use crate::store::{StoreError, signed};
use fleet::presence::happened;
use jiff::Timestamp;
use manifests::report::{Event, Report, StackReport};
use rusqlite::{OptionalExtension, params};
use std::collections::{BTreeMap, BTreeSet};

/// A stack's row, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stack {
    state: i64,
    provided: i64,
    why: Option<String>,
}

impl Picture<'_> {
    /// Brings the account's stacks, and what drifted in them, to what the report says, which was made then.
    pub(super) fn stacks(
        &mut self,
        id: i64,
        event: &Event,
        made: Timestamp,
        unexpected: bool,
    ) -> Result<(), StoreError> {
        let mut before = self.known(id)?;
        self.transaction.prepare_cached("DELETE FROM drifted WHERE account = ?1")?.execute([id])?;
        // Of one that is there twice the worse counts.
        let mut told: BTreeMap<i64, &StackReport> = BTreeMap::new();
        for stack in &event.data.stacks {
            let place = self.place(stack.stack.as_ref(), stack.region.as_ref(), stack.manifest.as_ref())?;
            let worse = told.get(&place).is_none_or(|known| known.state < stack.state);
            if worse {
                told.insert(place, stack);
            }
        }
        for (place, stack) in told {
            self.drifted(id, place, stack, made)?;
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
            write.execute(params![id, place, row.state, made.as_second(), row.provided, row.why, same])?;
            drop(write);
            if let Some(known) = known {
                self.count_stack(place, &known, (unexpected, -1))?;
            }
            self.count_stack(place, &row, (unexpected, 1))?;
        }
        for (place, gone) in before {
            let mut delete = self.transaction.prepare_cached("DELETE FROM stack WHERE account = ?1 AND place = ?2")?;
            delete.execute([id, place])?;
            drop(delete);
            self.left.insert(place);
            self.count_stack(place, &gone, (unexpected, -1))?;
        }
        Ok(())
    }

    fn known(&self, id: i64) -> Result<BTreeMap<i64, Stack>, StoreError> {
        let mut select =
            self.transaction.prepare_cached("SELECT place, state, provided, why FROM stack WHERE account = ?1")?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, Stack { state: row.get(1)?, provided: row.get(2)?, why: row.get(3)? }))
        };
        Ok(select.query_map([id], read)?.collect::<Result<_, _>>()?)
    }

    /// Adds all stacks of an account to the sums, or takes them out.
    pub(in crate::store) fn count_stacks(&mut self, id: i64, by: i64) -> Result<(), StoreError> {
        let stacks = self.known(id)?;
        stacks.iter().try_for_each(|(place, row)| self.count_stack(*place, row, (false, by)))
    }

    fn count_stack(&mut self, place: i64, row: &Stack, (unexpected, by): (bool, i64)) -> Result<(), StoreError> {
        if by < 0 && row.provided > 0 {
            self.lists.insert(row.provided);
        }
        if unexpected {
            return Ok(());
        }
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
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
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

    fn drifted(&self, id: i64, place: i64, stack: &StackReport, made: Timestamp) -> Result<(), StoreError> {
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
                word_of(&one.how),
                json(&one.paths),
                ms(happened(one.since, made)),
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

    pub(super) fn exceptions(&self, id: i64, report: &Report) -> Result<(), StoreError> {
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
}
