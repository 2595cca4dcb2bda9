//! A journal whose oldest part was taken out: what stands for that part, and how it is read with the rest.
//!
//! A cut is one entry of the hub's own ([`fleet::cut::Cut`]). From the moment that it is there, whatever is before its place and is
//! not among its lines is no part of the journal any more; it is swept away in small steps after that. So there is no moment at which
//! the journal is not whole. The database's own guard lets nobody delete anything else. Not here: how a cut is made ([`make`]).

mod make;
mod scratch;

use super::{
    CUTS, ENTRIES, ORIGIN, RECEIVED, StoreError, entry, insert,
    picture::Picture,
    signed,
    sql::{Database, Row, Transaction, params},
};
use crate::journal::{Broken, End, Entry, Line, Lines, Origin, Stays};
use fleet::{belief::Record, cut::Cut};
use jiff::Timestamp;
pub use make::{Cutting, Plan};
use manifests::id::Digest;

/// The tables.
pub(super) const FORM: &str = include_str!("cut/form.sql");

/// Who may delete what, in SQLite's words: what a cut has taken out, and nothing else.
pub(super) const GUARD_SQLITE: &str = "
    DROP TRIGGER journal_is_not_cut;
    CREATE TRIGGER journal_is_not_cut BEFORE DELETE ON journal
        WHEN OLD.n > (SELECT coalesce(max(through), 0) FROM cut)
            OR EXISTS (SELECT 1 FROM kept WHERE n = OLD.n AND through = (SELECT max(through) FROM cut))
        BEGIN SELECT RAISE(ABORT, 'what was received is not deleted, but for what a cut on record has taken out'); END;";

/// And in PostgreSQL's.
pub(super) const GUARD_POSTGRES: &str = "
    CREATE FUNCTION holdfast_cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF OLD.n <= (SELECT max(through) FROM cut) AND NOT EXISTS
            (SELECT 1 FROM kept WHERE kept.n = OLD.n AND kept.through = (SELECT max(through) FROM cut))
        THEN RETURN OLD; END IF;
        RAISE EXCEPTION 'what was received is not deleted, but for what a cut on record has taken out';
    END $$;
    DROP TRIGGER journal_is_not_cut ON journal;
    CREATE TRIGGER journal_is_not_cut BEFORE DELETE ON journal FOR EACH ROW EXECUTE FUNCTION holdfast_cut();";

/// What is left of a journal, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// First, where something was taken out: what was.
    Cut(Cut),
    /// Then what stands for it, line by line.
    Line(Line),
    /// Then every entry.
    Entry(Entry),
}

/// How far back a journal reaches.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// From when on everything that was received is there.
    pub since: Timestamp,
    /// How many entries were taken out before that.
    pub cut: u64,
}

/// The newest cut.
pub(super) fn current(database: &Database) -> Result<Option<Cut>, StoreError> {
    if database.form()? < CUTS { Ok(None) } else { of(database) }
}

/// The same, of a store that is of the newest form.
pub(super) fn of(database: &Database) -> Result<Option<Cut>, StoreError> {
    let sql = "SELECT record FROM cut WHERE through = (SELECT max(through) FROM cut)";
    let record: Option<String> = database.row(sql, params![], |row| row.get(0))?;
    let read = |record: String| {
        serde_json::from_str(&record)
            .map_err(|_| StoreError::Damaged("what it says of its last cut is not readable".into()))
    };
    record.map(read).transpose()
}

/// Where the journal ends.
pub(super) fn end(database: &Database) -> Result<End, StoreError> {
    let sql = "SELECT n, chain FROM journal ORDER BY n DESC LIMIT 1";
    let last = database.row(sql, params![], |row| {
        Ok(End { entries: row.get::<i64>(0)?.unsigned_abs(), chain: Digest(row.get(1)?) })
    })?;
    let last = last.unwrap_or(End::NOTHING);
    // What was brought in from another store may end where it was cut.
    let cut = current(database)?.map(|cut| End { entries: cut.through, chain: cut.chain });
    Ok(cut.filter(|cut| cut.entries > last.entries).unwrap_or(last))
}

/// How far back it reaches; `None` of an empty one.
pub(super) fn reach(database: &Database) -> Result<Option<Reach>, StoreError> {
    let cut = of(database)?;
    let through = cut.as_ref().map_or(0, |cut| cut.through);
    let sql = "SELECT received FROM journal WHERE n > ?1 ORDER BY n LIMIT 1";
    let since: Option<i64> = database.row(sql, params![signed(through)], |row| row.get(0))?;
    let since = since.and_then(|since| Timestamp::from_millisecond(since).ok()).or(cut.as_ref().map(|cut| cut.last));
    let stay = cut.map_or(0, |cut| cut.stay);
    Ok(since.map(|since| Reach { since, cut: through.saturating_sub(stay) }))
}

/// Shows what is left, in order and up to this entry, as long as each piece follows from what is before it.
pub(super) fn walk<E: From<StoreError>>(
    database: &Database,
    upto: u64,
    mut each: impl FnMut(Left) -> Result<(), E>,
) -> Result<End, E> {
    let cut = current(database)?;
    let walked = walk_from(database, cut.as_ref(), upto, &mut each);
    if walked.is_err() && current(database)? != cut {
        return Err(StoreError::CutMeanwhile.into());
    }
    walked
}

fn walk_from<E: From<StoreError>>(
    database: &Database,
    cut: Option<&Cut>,
    upto: u64,
    each: &mut impl FnMut(Left) -> Result<(), E>,
) -> Result<End, E> {
    let mut end = End::NOTHING;
    if let Some(cut) = cut {
        each(Left::Cut(cut.clone()))?;
        end = lines(database, cut, |line| each(Left::Line(line)))?;
    }
    let mut is_on_record = cut.is_none() || upto < u64::MAX;
    entries(database, cut.map(|cut| cut.through), upto, |entry| {
        end = end.after(&entry).map_err(StoreError::from)?;
        is_on_record |= cut.is_some() && recorded_in(&entry).as_ref() == cut;
        each(Left::Entry(entry))
    })?;
    match cut.filter(|_| !is_on_record) {
        Some(cut) => Err(StoreError::from(Broken::Gap { through: cut.through }).into()),
        None => Ok(end),
    }
}

/// The cut that an entry is the record of.
pub(crate) fn recorded_in(entry: &Entry) -> Option<Cut> {
    match entry.origin {
        Origin::Queue => None,
        Origin::Hub => match serde_json::from_str(&entry.body).ok()? {
            Record::Cut(cut) => Some(cut),
            Record::Policy(_) | Record::Enrolled(_) | Record::Dropped(_) => None,
        },
    }
}

/// Every entry after the place of a cut.
pub(super) fn entries<E: From<StoreError>>(
    database: &Database,
    after: Option<u64>,
    upto: u64,
    mut each: impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E> {
    /// How many are read at once; a text may be as long as a message.
    const STEP: i64 = 64;
    let columns = if database.form()? < ORIGIN { RECEIVED } else { ENTRIES };
    let sql = format!("{columns} WHERE n > ?1 AND n <= ?2 ORDER BY n LIMIT ?3");
    let mut after = after.map_or(i64::MIN, signed);
    loop {
        let mut last = None;
        let some = database.rows(&sql, params![after, signed(upto), STEP], |row| {
            last = Some(row.get(0)?);
            Ok(entry(row))
        })?;
        let Some(last) = last else { return Ok(()) };
        some.into_iter().try_for_each(|entry| each(entry?))?;
        after = last;
    }
}

/// Every line of a cut.
fn lines<E: From<StoreError>>(
    database: &Database,
    cut: &Cut,
    mut each: impl FnMut(Line) -> Result<(), E>,
) -> Result<End, E> {
    const STEP: i64 = 64;
    let sql = "SELECT j.n, j.received, j.chain, j.digest, j.body, j.origin, k.n, k.after, k.carried, k.i
               FROM kept k LEFT JOIN journal j ON j.n = k.n WHERE k.through = ?1 AND k.i > ?2 ORDER BY k.i LIMIT ?3";
    let (mut read, mut after) = (Lines::NONE, 0);
    loop {
        let some = database.rows(sql, params![signed(cut.through), after, STEP], |row| Ok((row.get(9)?, line(row))))?;
        if some.is_empty() {
            return Ok(read.are_of(cut).map_err(StoreError::from)?);
        }
        for (i, line) in some {
            let line = line?;
            after = i;
            read = read.after(&line, cut.through).map_err(StoreError::from)?;
            each(line)?;
        }
    }
}

fn line(row: &Row<'_>) -> Result<Line, StoreError> {
    let (n, carried) = (row.get::<i64>(6)?, row.get(8)?);
    if n == 0 {
        return Ok(Line { carried, stays: None });
    }
    if row.get::<Option<i64>>(0)?.is_none() {
        return Err(Broken::Missing { n: n.unsigned_abs() }.into());
    }
    Ok(Line { carried, stays: Some(Stays { after: Digest(row.get(7)?), entry: entry(row)? }) })
}

/// Writes a line of a cut, which is its `i`th, without the entry that stays with it.
fn put(database: &Database, through: u64, i: u64, line: &Line) -> Result<(), StoreError> {
    let (n, after) = line.stays.as_ref().map_or((0, &[][..]), |stays| (stays.entry.n, &stays.after.0));
    database.execute(
        "INSERT INTO kept (through, i, n, after, carried) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![signed(through), signed(i), signed(n), after, line.carried],
    )
}

fn note(database: &Database, cut: &Cut) -> Result<(), StoreError> {
    let record = super::picture::json(cut);
    database.execute("INSERT INTO cut (through, record) VALUES (?1, ?2)", params![signed(cut.through), record])
}

/// Begins a picture anew with what stands for what was taken out.
pub(super) fn restore(transaction: &Transaction<'_>, picture: &mut Picture<'_>, cut: &Cut) -> Result<(), StoreError> {
    lines(transaction, cut, |line| picture.restore(&line)).map(drop)
}

/// Takes in the lines of another store's cut, into an empty store; one that has it all looks whether it is the same.
pub(super) fn take<E: From<StoreError>>(
    transaction: &Transaction<'_>,
    (cut, end): (&Cut, End),
    lines: impl Iterator<Item = Result<Line, E>>,
) -> Result<End, E> {
    if end != End::NOTHING && end.entries < cut.through {
        return Err(StoreError::Behind { entries: end.entries, through: cut.through }.into());
    }
    let own = of(transaction)?.map_or(0, |cut| cut.through);
    let mut picture = Picture::new(transaction)?;
    let mut read = Lines::NONE;
    for line in lines {
        let line = line?;
        read = read.after(&line, cut.through).map_err(StoreError::from)?;
        if end == End::NOTHING {
            line.stays.iter().try_for_each(|stays| insert(transaction, &stays.entry))?;
            put(transaction, cut.through, read.lines, &line)?;
            picture.restore(&line)?;
        } else if let Some(stays) = &line.stays {
            is_same(transaction, &stays.entry, own, end)?;
        }
    }
    let there = read.are_of(cut).map_err(StoreError::from)?;
    if end == End::NOTHING {
        note(transaction, cut)?;
        picture.end(cut.through)?;
    }
    Ok(there)
}

/// That an entry is the one that is there; of what was taken out here there is none.
pub(super) fn is_same(database: &Database, entry: &Entry, own: u64, end: End) -> Result<(), StoreError> {
    let sql = "SELECT chain = ?2 FROM journal WHERE n = ?1";
    let same: Option<bool> = database.row(sql, params![signed(entry.n), entry.chain.0], |row| row.get(0))?;
    if same.unwrap_or(entry.n <= own) { Ok(()) } else { Err(StoreError::Other { entries: end.entries, n: entry.n }) }
}
