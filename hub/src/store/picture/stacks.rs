//! What a report says of its account's stacks, and of what people told its agent, as rows.

use super::{Kind, Picture, json, ms, rank, word_of};
use crate::store::{
    StoreError, signed,
    sql::{Param, Row, params},
};
use fleet::presence::happened;
use jiff::Timestamp;
use manifests::report::{Event, Report, StackReport};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// A stack's row, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stack {
    state: i64,
    provided: i64,
    why: Option<String>,
}

/// What a row is made of, in the order of its columns.
fn values<'v>(id: &'v i64, since: &'v i64, (place, row): &'v (i64, Stack)) -> [&'v dyn Param; 6] {
    [id, place, &row.state, since, &row.provided, &row.why]
}

/// So many rows. A stack that stands as it stood has done so since then.
fn upsert(rows: usize) -> String {
    let row = |n: usize| {
        let values: Vec<String> = (1..=6).map(|value| format!("?{}", n * 6 + value)).collect();
        format!("({})", values.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO stack VALUES {} ON CONFLICT (account, place) DO UPDATE SET state = excluded.state,
             since = CASE WHEN stack.state = excluded.state THEN stack.since ELSE excluded.since END,
             provided = excluded.provided, why = excluded.why",
        rows.join(", ")
    )
}

impl Picture<'_> {
    /// Brings the account's stacks, and what drifted in them, to what the report says, which was made then.
    pub(super) fn stacks(
        &mut self,
        id: i64,
        event: &Event,
        made: Timestamp,
        is_expected: bool,
    ) -> Result<(), StoreError> {
        let (mut before, mut changed) = (self.known(id)?, Vec::new());
        self.transaction.execute("DELETE FROM drifted WHERE account = ?1", params![id])?;
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
            if let Some(known) = known {
                self.count_stack(place, &known, (is_expected, -1));
            }
            self.count_stack(place, &row, (is_expected, 1));
            changed.push((place, row));
        }
        self.put(id, made, &changed)?;
        for (place, gone) in before {
            self.transaction.execute("DELETE FROM stack WHERE account = ?1 AND place = ?2", params![id, place])?;
            self.left.insert(place);
            self.count_stack(place, &gone, (is_expected, -1));
        }
        Ok(())
    }

    /// The stacks of a report stand so since then, in its order; those that are not named since it was made.
    pub(super) fn stood(&mut self, id: i64, event: &Event, made: Timestamp, since: &[i64]) -> Result<(), StoreError> {
        for (stack, since) in event.data.stacks.iter().zip(since).filter(|(_, since)| **since != made.as_second()) {
            let place = self.place(stack.stack.as_ref(), stack.region.as_ref(), stack.manifest.as_ref())?;
            let sql = "UPDATE stack SET since = ?3 WHERE account = ?1 AND place = ?2";
            self.transaction.execute(sql, params![id, place, *since])?;
        }
        Ok(())
    }

    /// Writes stacks: many in one statement, which costs a server a third of as many statements.
    fn put(&self, id: i64, made: Timestamp, stacks: &[(i64, Stack)]) -> Result<(), StoreError> {
        const MANY: usize = 10;
        static TOGETHER: LazyLock<String> = LazyLock::new(|| upsert(MANY));
        static ALONE: LazyLock<String> = LazyLock::new(|| upsert(1));
        let since = made.as_second();
        let (together, alone) = stacks.as_chunks::<MANY>();
        for some in together {
            self.transaction.execute(&TOGETHER, some.each_ref().map(|one| values(&id, &since, one)).as_flattened())?;
        }
        alone.iter().try_for_each(|one| self.transaction.execute(&ALONE, &values(&id, &since, one)))
    }

    fn known(&self, id: i64) -> Result<BTreeMap<i64, Stack>, StoreError> {
        let sql = "SELECT place, state, provided, why FROM stack WHERE account = ?1";
        let read =
            |row: &Row<'_>| Ok((row.get(0)?, Stack { state: row.get(1)?, provided: row.get(2)?, why: row.get(3)? }));
        Ok(self.transaction.rows(sql, params![id], read)?.into_iter().collect())
    }

    /// Adds all stacks of an account to the sums, or takes them out.
    pub(in crate::store) fn count_stacks(&mut self, id: i64, by: i64) -> Result<(), StoreError> {
        let stacks = self.known(id)?;
        stacks.iter().for_each(|(place, row)| self.count_stack(*place, row, (true, by)));
        Ok(())
    }

    fn count_stack(&mut self, place: i64, row: &Stack, (is_expected, by): (bool, i64)) {
        if by < 0 && row.provided > 0 {
            self.lists.insert(row.provided);
        }
        if !is_expected {
            return;
        }
        *self.stacks.entry((Kind::Place, place, row.state)).or_default() += by;
        if row.provided > 0 {
            *self.stacks.entry((Kind::Provided, row.provided, row.state)).or_default() += by;
        }
    }

    /// Adds what was added up by number to the sums, which are by name.
    pub(super) fn name_stacks(&mut self) -> Result<(), StoreError> {
        for ((kind, number, state), by) in std::mem::take(&mut self.stacks) {
            match kind {
                Kind::Place => {
                    self.sum("stack", "", state, by);
                    self.sum("place", &number.to_string(), state, by);
                }
                Kind::Provided => {
                    let names = self.controls(number)?;
                    names.iter().for_each(|name| self.sum("control", name, state, by));
                }
            }
        }
        Ok(())
    }

    fn place(&mut self, stack: &str, region: &str, manifest: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.known.place(stack, region, manifest) {
            return Ok(id);
        }
        let values = params![stack, region, manifest];
        let sql = "SELECT id FROM place WHERE stack = ?1 AND region = ?2 AND manifest = ?3";
        let id = match self.transaction.row(sql, values, |row| row.get(0))? {
            Some(id) => id,
            None => {
                let sql = "INSERT INTO place (id, stack, region, manifest)
                           VALUES ((SELECT coalesce(max(id), 0) + 1 FROM place), ?1, ?2, ?3) RETURNING id";
                self.numbered(sql, values)?
            }
        };
        self.known.is_place((stack, region, manifest), id);
        Ok(id)
    }

    /// The number that a row was given.
    fn numbered(&self, sql: &str, values: &[&dyn Param]) -> Result<i64, StoreError> {
        let number = self.transaction.row(sql, values, |row| row.get(0))?;
        number.ok_or_else(|| StoreError::Damaged("a row that was written is not there".into()))
    }

    /// The number of a list of controls; 0 is the empty one.
    fn provided(&mut self, told: &[String]) -> Result<i64, StoreError> {
        if let Some(id) = self.known.told.get(told) {
            return Ok(*id);
        }
        let names: BTreeSet<&str> = told.iter().map(String::as_str).collect();
        if names.is_empty() {
            return Ok(0);
        }
        let text = json(&names);
        let sql = "SELECT id FROM provided WHERE names = ?1";
        let id = match self.transaction.row(sql, params![text], |row| row.get(0))? {
            Some(id) => id,
            None => {
                let sql = "INSERT INTO provided (id, names)
                           VALUES ((SELECT coalesce(max(id), 0) + 1 FROM provided), ?1) RETURNING id";
                let id = self.numbered(sql, params![text])?;
                for name in names {
                    // Two may be one to PostgreSQL, which has no place for a NUL.
                    let sql = "INSERT INTO control VALUES (?1, ?2) ON CONFLICT (name, provided) DO NOTHING";
                    self.transaction.execute(sql, params![name, id])?;
                }
                id
            }
        };
        self.known.told.insert(told.to_vec(), id);
        Ok(id)
    }

    fn controls(&mut self, provided: i64) -> Result<Vec<String>, StoreError> {
        if let Some(names) = self.known.controls.get(&provided) {
            return Ok(names.clone());
        }
        let sql = "SELECT names FROM provided WHERE id = ?1";
        let names: Option<String> = self.transaction.row(sql, params![provided], |row| row.get(0))?;
        let names: Vec<String> = names.and_then(|names| serde_json::from_str(&names).ok()).unwrap_or_default();
        self.known.controls.insert(provided, names.clone());
        Ok(names)
    }

    fn drifted(&self, id: i64, place: i64, stack: &StackReport, made: Timestamp) -> Result<(), StoreError> {
        let Some(drift) = &stack.drift else { return Ok(()) };
        for one in &drift.drifted {
            self.transaction.execute(
                "INSERT INTO drifted VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                 ON CONFLICT (account, place, resource) DO UPDATE SET type = excluded.type, how = excluded.how,
                     paths = excluded.paths, since = excluded.since, by = excluded.by, source = excluded.source,
                     call = excluded.call, claimed = excluded.claimed, mode = excluded.mode, why = excluded.why",
                params![
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
                ],
            )?;
        }
        Ok(())
    }

    pub(super) fn exceptions(&self, id: i64, report: &Report) -> Result<(), StoreError> {
        self.transaction.execute("DELETE FROM exception WHERE account = ?1", params![id])?;
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
            self.transaction.execute(
                "INSERT INTO exception VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![id, signed(i as u64), kind, what, ms(until), reason, by],
            )?;
        }
        Ok(())
    }
}
