//! What stands beside the hub: each part of its work alone, and a page without sums.

use super::senders::{STACKS, signed};
use crate::{machine::spent, process::MeasureError};
use ed25519_dalek::{Signature, VerifyingKey};
use rusqlite::{Connection, OpenFlags, params};
use std::path::Path;
use tokio::time::Instant;

/// How many signatures of reports a processor verifies in a second, and nothing else.
pub(super) fn verified(reports: usize) -> Result<f64, MeasureError> {
    let all: Vec<_> = (0..reports).map(|account| signed(account, 1)).collect();
    let is_good = |(key, text, signature): &([u8; 32], Vec<u8>, [u8; 64])| {
        let key = VerifyingKey::from_bytes(key);
        key.is_ok_and(|key| key.verify_strict(text, &Signature::from_bytes(signature)).is_ok())
    };
    let (good, time) = spent(|| all.iter().filter(|one| is_good(one)).count());
    if good != reports {
        return Err(MeasureError::Untrue("a signature that was just made is not good".into()));
    }
    Ok(reports as f64 / time)
}

/// How many reports' worth of rows SQLite brings from one state to another in a processor second: one table without any index, whole
/// reports in a statement after the other, so many reports to a commit that is on disk.
pub(super) fn written(file: &Path, accounts: usize, batch: usize) -> Result<f64, MeasureError> {
    let mut database = Connection::open(file).map_err(failed)?;
    let form = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        CREATE TABLE stack (account INTEGER, place INTEGER, state INTEGER, since INTEGER, PRIMARY KEY (account, place)) WITHOUT ROWID";
    database.execute_batch(form).map_err(failed)?;
    let mut round = |state: usize| {
        let all: Vec<usize> = (0..accounts).collect();
        all.chunks(batch).try_for_each(|some| {
            let transaction = database.transaction()?;
            {
                let sql = "INSERT INTO stack VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account, place) DO UPDATE SET
                           state = excluded.state, since = excluded.since";
                let mut statement = transaction.prepare_cached(sql)?;
                for account in some {
                    for place in 0..STACKS {
                        statement.execute(params![*account as i64, place as i64, state as i64, 0])?;
                    }
                }
            }
            transaction.commit()
        })
    };
    round(0).map_err(failed)?;
    let (done, time) = spent(|| round(1));
    done.map_err(failed)?;
    Ok(accounts as f64 / time)
}

/// How long it takes to add up a store's rows, as a page without sums would; of three the best.
pub(super) fn added_up(file: &Path) -> Result<f64, MeasureError> {
    let database = read(file)?;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let began = Instant::now();
        let mut statement = database.prepare("SELECT state, count(*) FROM stack GROUP BY state").map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while rows.next().map_err(failed)?.is_some() {}
        best = best.min(began.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// How many bytes of a store hold its picture, and how many its journal: whole pages, with what is empty in them.
pub(super) fn sizes(file: &Path) -> Result<(f64, f64), MeasureError> {
    let sql = "SELECT coalesce(sum(CASE WHEN name LIKE '%journal%' THEN 0 ELSE pgsize END), 0),
                      coalesce(sum(CASE WHEN name LIKE '%journal%' THEN pgsize ELSE 0 END), 0)
               FROM dbstat WHERE aggregate = TRUE";
    let both = read(file)?.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
    both.map(|(picture, journal)| (picture as f64, journal as f64)).map_err(failed)
}

fn read(file: &Path) -> Result<Connection, MeasureError> {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)
}

fn failed(error: rusqlite::Error) -> MeasureError {
    MeasureError::Failed("SQLite".into(), error.to_string())
}
