//! Lists, worst or newest first, some at a time. That of accounts is in [`super::accounts`].

use super::rows::{
    Control, Drifted, Exception, Happened, Place, Placed, Providing, Revision, Ring, Search, StackIn, drifted_of,
    happened_of, place_of, revision_of, stack_of,
};
use super::{
    ACCOUNT, MORE, Moment, Part, ROWS, account_of, all, at, cursor, first, id, keyed, left, ms, part, rank, ranks,
    states, sum, sums, worst_first,
};
use crate::store::{
    Store, StoreError,
    picture::{json, state},
    sql::Param,
};
use manifests::{id::AccountId, report::State};
use std::collections::BTreeMap;

const STACK: &str = "SELECT s.account, a.name, p.region, p.stack, s.state, s.since, s.why, s.place \
                     FROM stack s JOIN place p ON p.id = s.place JOIN account a ON a.id = s.account";
const HAPPENED: &str = "SELECT h.at, h.account, a.name, h.what, h.region, h.stack, h.revision, h.sentence \
                        FROM happened h JOIN account a ON a.id = h.account";

impl Store {
    /// Every stack by name, region and manifest.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn places(&self, after: Option<&str>) -> Result<Part<Place>, StoreError> {
        let after = after.and_then(|after| serde_json::from_str::<(String, String, String)>(after).ok());
        let (stack, region, manifest) = after.unwrap_or_default();
        let sql = "SELECT id, stack, region, manifest FROM place WHERE (stack, region, manifest) > (?1, ?2, ?3)
                   ORDER BY stack, region, manifest LIMIT ?4";
        let found = all(&self.database, sql, &[&stack, &region, &manifest, &MORE], place_of)?;
        let mut part = part(found, ROWS, |row| json(&(&row.stack, &row.region, &row.manifest)));
        for place in &mut part.rows {
            place.states = states(sums(&self.database, "place", &place.number.to_string())?);
        }
        Ok(part)
    }

    /// The stacks of one name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn placed(&self, stack: &str, after: Option<&str>) -> Result<Placed, StoreError> {
        let sql = "SELECT id, stack, region, manifest FROM place WHERE stack = ?1 ORDER BY region, manifest LIMIT 500";
        let mut places = all(&self.database, sql, &[&stack], place_of)?;
        let (mut reasons, mut rows) = (BTreeMap::<String, u64>::new(), Vec::new());
        for place in &mut places {
            place.states = states(sums(&self.database, "place", &place.number.to_string())?);
            let sql =
                "SELECT why, count(*) FROM (SELECT why FROM stack WHERE place = ?1 AND state > 1 AND why IS NOT NULL
                       LIMIT 200) AS told GROUP BY why ORDER BY 2 DESC, 1 LIMIT 10";
            let some = all(&self.database, sql, &[&place.number], |row| {
                Ok((row.get::<String>(0)?, row.get::<i64>(1)?.unsigned_abs()))
            })?;
            some.into_iter().for_each(|(why, n)| *reasons.entry(why).or_default() += n);
        }
        let sql = format!("{STACK} WHERE s.place = ?1 AND s.state = ?2 AND s.account > ?3 ORDER BY s.account LIMIT ?4");
        // One after the other: a place's number is the middle of the cursor.
        let from = after.and_then(cursor);
        let ranked = |n: usize, it: &StackIn| format!("{}.{n}.{}", rank(it.state), it.account);
        let mut numbers = Vec::new();
        'all: for state in ranks() {
            for (n, place) in places.iter().enumerate() {
                let begin = match from {
                    Some((worst, middle, _)) if state > worst || (state == worst && (n as i64) < middle) => continue,
                    Some((worst, middle, account)) if (state, n as i64) == (worst, middle) => account,
                    Some(_) | None => -1,
                };
                let left = left(ROWS, rows.len());
                if left == 0 {
                    break 'all;
                }
                let some = all(&self.database, &sql, &[&place.number, &state, &begin, &left], stack_of)?;
                numbers.extend(some.iter().map(|_| n));
                rows.extend(some);
            }
        }
        let last = rows.get(ROWS - 1).zip(numbers.get(ROWS - 1)).map(|(row, n)| ranked(*n, row));
        let accounts = part(rows, ROWS, |_| last.unwrap_or_default());
        let mut reasons: Vec<(String, u64)> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        reasons.truncate(10);
        Ok(Placed { places, reasons, accounts })
    }

    /// Every control.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn controls(&self) -> Result<Vec<Control>, StoreError> {
        let mut found = BTreeMap::<String, BTreeMap<State, u64>>::new();
        for (name, value, n) in keyed(&self.database, "control")? {
            found.entry(name).or_default().insert(state(value), n);
        }
        Ok(found.into_iter().map(|(control, states)| Control { control, states }).collect())
    }

    /// Where one is provided.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn control(&self, name: &str, after: Option<&str>) -> Result<Option<Providing>, StoreError> {
        let states = states(sums(&self.database, "control", name)?);
        if states.is_empty() {
            return Ok(None);
        }
        let sql = format!(
            "{STACK} WHERE s.provided IN (SELECT provided FROM control WHERE name = ?5) AND s.provided > 0 AND s.state = ?1
             AND (s.account, s.place) > (?2, ?3) ORDER BY s.account, s.place LIMIT ?4"
        );
        let found = worst_first(ranks(), after.and_then(cursor), ROWS, |state, (account, place), left| {
            all(&self.database, &sql, &[&state, &account, &place, &left, &name], |row| {
                Ok((stack_of(row)?, row.get::<i64>(7)?))
            })
        })?;
        let part = part(found, ROWS, |(row, place)| format!("{}.{}.{place}", rank(row.state), row.account));
        let stacks = Part { rows: part.rows.into_iter().map(|(row, _)| row).collect(), next: part.next };
        Ok(Some(Providing { control: Control { control: name.into(), states }, stacks }))
    }

    /// The commits, the newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn revisions(&self, rows: u32) -> Result<Vec<Revision>, StoreError> {
        let sql = "SELECT id, first, signature, signer, old FROM revision ORDER BY first DESC, id LIMIT ?1";
        let found = all(&self.database, sql, &[&rows], revision_of)?;
        found.into_iter().map(|revision| self.counted(revision)).collect()
    }

    /// One commit.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn revision(&self, id: &str) -> Result<Option<Revision>, StoreError> {
        let sql = "SELECT id, first, signature, signer, old FROM revision WHERE id = ?1";
        let found = match first(&self.database, sql, &[&id], revision_of)? {
            Some(revision) => Some(revision),
            None => self.abbreviated(id)?,
        };
        found.map(|revision| self.counted(revision)).transpose()
    }

    /// The one commit whose id begins so, as git and people write ids down.
    fn abbreviated(&self, id: &str) -> Result<Option<Revision>, StoreError> {
        const LEAST: usize = 4;
        if id.len() < LEAST || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let from = id.to_ascii_lowercase();
        let sql =
            "SELECT id, first, signature, signer, old FROM revision WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 2";
        let found = all(&self.database, sql, &[&from, &format!("{from}g")], revision_of)?;
        Ok(<[Revision; 1]>::try_from(found).ok().map(|[revision]| revision))
    }

    fn counted(&self, revision: Revision) -> Result<Revision, StoreError> {
        let of = |what| sum(&self.database, what, &revision.commit);
        let now = states(sums(&self.database, "attempted", &revision.commit)?);
        Ok(Revision { worked: of("worked")?, reached: of("reached")?, applied: of("applied")?, now, ..revision })
    }

    /// How far every ring is with a commit: the furthest first, and by their names where two are as far.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn rings(&self, commit: &str) -> Result<Vec<Ring>, StoreError> {
        // Where somebody said who is expected, whoever spoke in a ring is among those.
        let expected = keyed(&self.database, "expected")?;
        let counted = if expected.is_empty() { keyed(&self.database, "ring")? } else { expected };
        let mut accounts = BTreeMap::<String, u64>::new();
        counted.into_iter().for_each(|(ring, _, n)| *accounts.entry(ring).or_default() += n);
        let ring = |(ring, accounts): (String, u64)| {
            let key = format!("{commit} {ring}");
            let applied = sum(&self.database, "ringApplied", &key)?;
            let now = states(sums(&self.database, "ringAttempted", &key)?);
            Ok(Ring { ring, accounts, applied, now })
        };
        let mut rings: Vec<Ring> = accounts.into_iter().map(ring).collect::<Result<_, StoreError>>()?;
        // Rings are named by people, and nothing says which comes first: the furthest is.
        let share = |ring: &Ring| u128::from(ring.applied) * 1_000_000 / u128::from(ring.accounts.max(1));
        rings.sort_by_key(|ring| std::cmp::Reverse(share(ring)));
        Ok(rings)
    }

    /// After which time so many of a hundred accounts that ever worked towards a commit had reached it; `None` as long as they
    /// have not.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn converged(&self, revision: &Revision, percent: u64) -> Result<Option<jiff::SignedDuration>, StoreError> {
        let nth = (revision.worked * percent).div_ceil(100).max(1);
        if nth > revision.reached {
            return Ok(None);
        }
        let sql = "SELECT applied FROM progress WHERE revision = ?1 AND applied IS NOT NULL ORDER BY applied
                   LIMIT 1 OFFSET ?2";
        let nth = i64::try_from(nth - 1).unwrap_or(i64::MAX);
        let reached = first(&self.database, sql, &[&revision.commit, &nth], |row| Ok(at(row.get(0)?)))?;
        Ok(reached.map(|reached| reached.duration_since(revision.first)))
    }

    /// What somebody changed, found last first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn drifted(&self, after: Option<&str>) -> Result<Part<Drifted>, StoreError> {
        let (since, offset) = after.and_then(cursor).map_or((i64::MAX, 0), |(since, offset, _)| (since, offset.max(0)));
        let sql =
            "SELECT d.account, a.name, p.region, p.stack, d.resource, d.type, d.how, d.paths, d.since, d.by, d.source,
                          d.call, d.claimed, d.mode, d.why
                   FROM drifted d JOIN place p ON p.id = d.place JOIN account a ON a.id = d.account
                   WHERE d.since <= ?1 ORDER BY d.since DESC, d.account, d.place, d.resource LIMIT ?2 OFFSET ?3";
        let found = all(&self.database, sql, &[&since, &MORE, &offset], drifted_of)?;
        let next = paged(&found, (since, offset), |row| ms(row.since));
        Ok(part(found, ROWS, |_| next))
    }

    /// What people told their accounts, what ends first first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn exceptions(&self, after: Option<&str>) -> Result<Part<Exception>, StoreError> {
        let (until, account, i) = after.and_then(cursor).unwrap_or((i64::MIN, -1, -1));
        let sql = "SELECT e.account, a.name, e.kind, e.what, e.until, e.reason, e.by, e.i
                   FROM exception e JOIN account a ON a.id = e.account
                   WHERE (e.until, e.account, e.i) > (?1, ?2, ?3) ORDER BY e.until, e.account, e.i LIMIT ?4";
        let found = all(&self.database, sql, &[&until, &account, &i, &MORE], |row| {
            let exception = Exception {
                account: id(row.get(0)?),
                name: row.get(1)?,
                kind: row.get(2)?,
                what: row.get(3)?,
                until: at(row.get(4)?),
                reason: row.get(5)?,
                by: row.get(6)?,
            };
            Ok((exception, row.get::<i64>(7)?))
        })?;
        let part = part(found, ROWS, |(row, i)| format!("{}.{}.{i}", ms(row.until), row.account));
        Ok(Part { rows: part.rows.into_iter().map(|(row, _)| row).collect(), next: part.next })
    }

    /// What happened, the newest first: in the whole fleet, in one account, of one kind, or for one commit.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn happened(&self, of: &Of<'_>, after: Option<&str>) -> Result<Part<Happened>, StoreError> {
        let (since, offset) = after.and_then(cursor).map_or((i64::MAX, 0), |(since, offset, _)| (since, offset.max(0)));
        let (condition, value): (&str, Box<dyn Param>) = match of {
            Of::All => ("", Box::new(0_i64)),
            Of::Account(account) => ("h.account = ?4 AND", Box::new(crate::store::picture::number(account))),
            Of::What(what) => ("h.what = ?4 AND", Box::new((*what).to_owned())),
            Of::Commit(commit) => ("h.revision = ?4 AND h.revision IS NOT NULL AND", Box::new((*commit).to_owned())),
        };
        let sql = format!("{HAPPENED} WHERE {condition} h.at <= ?1 ORDER BY h.at DESC LIMIT ?2 OFFSET ?3");
        let with: [&dyn Param; 4] = [&since, &MORE, &offset, value.as_ref()];
        let with = if condition.is_empty() { &with[..3] } else { &with[..] };
        let found = all(&self.database, &sql, with, happened_of)?;
        let next = paged(&found, (since, offset), |row| ms(row.at));
        Ok(part(found, ROWS, |_| next))
    }

    /// What begins so.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn search(&self, text: &str, moment: Moment) -> Result<Search, StoreError> {
        let text: String = text.trim().chars().take(100).collect();
        if text.is_empty() {
            return Ok(Search::default());
        }
        let (end, digits) = (format!("{text}\u{10ffff}"), text.bytes().all(|byte| byte.is_ascii_digit()));
        let mut accounts = Vec::new();
        if digits && text.len() <= 12 {
            let fill = |with: char| format!("{text}{}", with.to_string().repeat(12 - text.len()));
            let bound = |with| fill(with).parse::<i64>().unwrap_or_default();
            let sql = format!("{ACCOUNT} WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 20");
            accounts = all(&self.database, &sql, &[&bound('0'), &bound('9')], |row| account_of(row, moment))?;
        }
        let sql = format!(
            "{ACCOUNT} WHERE name COLLATE NOCASE >= ?1 AND name COLLATE NOCASE < ?2 ORDER BY name COLLATE NOCASE LIMIT 20"
        );
        let (from, to) = (text.to_ascii_lowercase(), end.to_ascii_lowercase());
        accounts.extend(all(&self.database, &sql, &[&from, &to], |row| account_of(row, moment))?);
        let texts = |sql| all(&self.database, sql, &[&text, &end], |row| row.get(0));
        let mut stacks: Vec<String> =
            texts("SELECT stack FROM place WHERE stack >= ?1 AND stack < ?2 ORDER BY stack LIMIT 100")?;
        stacks.dedup();
        stacks.truncate(20);
        let commits = texts("SELECT id FROM revision WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 20")?;
        let mut controls: Vec<String> =
            texts("SELECT name FROM control WHERE name >= ?1 AND name < ?2 ORDER BY name LIMIT 100")?;
        controls.dedup();
        Ok(Search { accounts, stacks, commits, controls })
    }
}

/// Of what one wants to know what happened.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    /// Of the fleet.
    All,
    /// Of an account.
    Account(&'a AccountId),
    /// Of a kind.
    What(&'a str),
    /// Of a commit.
    Commit(&'a str),
}

/// Where a list by time goes on: at the last row's time, and after so many rows of that time.
fn paged<T>(rows: &[T], (since, offset): (i64, i64), time: impl Fn(&T) -> i64) -> String {
    let shown = &rows[..rows.len().min(ROWS)];
    let Some(last) = shown.last().map(&time) else { return String::new() };
    let alike = shown.iter().filter(|row| time(row) == last).count() as i64;
    let before = if last == since { offset } else { 0 };
    format!("{last}.{}.0", alike.saturating_add(before))
}
