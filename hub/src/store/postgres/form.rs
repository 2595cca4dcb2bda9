//! A database becomes a store: seen to be one, or to be empty, and brought to the newest form by one hub at a time.
//!
//! Not here: what the tables are ([`super::super::FORMS`]).

use super::{Postgres, words};
use crate::store::{
    APPLICATION, Access, CUTS, FORMS, Place, StoreError, cut, newest,
    sql::{Database, Row, params},
};

/// What there is beside the tables that both have: which version of them, and what refuses to change what was received.
const ALSO: &str = "
    CREATE TABLE holdfast (version BIGINT NOT NULL);
    CREATE UNIQUE INDEX holdfast_once ON holdfast ((1));
    INSERT INTO holdfast VALUES (0);
    CREATE FUNCTION holdfast_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;";
/// What SQLite has no word for.
const EMPTIED: &str = "
    CREATE TRIGGER journal_is_not_emptied BEFORE TRUNCATE ON journal
        FOR EACH STATEMENT EXECUTE FUNCTION holdfast_refuse('what was received is not deleted');";

/// The database at this address.
pub(in crate::store) fn open(place: &Place, access: Access) -> Result<Database, StoreError> {
    if let Access::Write(Some(_)) = access {
        return Err(StoreError::Unbounded);
    }
    let postgres = Postgres::connect(place.clone(), matches!(access, Access::Read | Access::Journal))?;
    let database = Database::Postgres(Box::new(postgres));
    let text = |sql| database.row(sql, params![], |row| row.get::<String>(0)).map(Option::unwrap_or_default);
    let encoding = text("SELECT current_setting('server_encoding')")?;
    if encoding != "UTF8" {
        return Err(StoreError::Encoding { place: place.clone(), encoding });
    }
    let Database::Postgres(postgres) = &database else { return Ok(database) };
    let (found, known) = (found(postgres)?, newest());
    match (access, found) {
        (_, Some(found)) if found > known => return Err(StoreError::Newer { place: place.clone(), found, known }),
        (Access::Read | Access::Alerts | Access::Cut | Access::Journal, None) => {
            return Err(StoreError::Foreign { place: place.clone() });
        }
        (Access::Read | Access::Alerts | Access::Cut, Some(found)) if found < known => {
            return Err(StoreError::Older { place: place.clone(), found, known });
        }
        (Access::Write(_), found) if found.is_none_or(|found| found < known) => bring(postgres)?,
        (Access::Read | Access::Alerts | Access::Cut | Access::Journal | Access::Write(_), _) => {}
    }
    Ok(database)
}

/// Of which version the store is; `None` when there is none here.
fn found(postgres: &Postgres) -> Result<Option<u32>, StoreError> {
    // Not `to_regclass`: in a transaction that waited for another hub it still says what was so before.
    let sql = "SELECT count(*) FILTER (WHERE relname = 'holdfast') > 0, count(*) FILTER (WHERE relname = 'journal') > 0
               FROM pg_class WHERE relname IN ('holdfast', 'journal') AND pg_table_is_visible(oid)";
    let rows = postgres.query(sql, &[])?;
    let there = |at| rows.first().map_or(Ok(false), |row| Row::Postgres(row).get::<bool>(at));
    match (there(0)?, there(1)?) {
        (true, true) => version(&postgres.query("SELECT version FROM holdfast", &[])?).map(Some),
        (false, false) => Ok(None),
        (true, false) | (false, true) => Err(StoreError::Foreign { place: postgres.place().clone() }),
    }
}

impl Postgres {
    /// Which form its tables have.
    pub(in crate::store) fn form(&self) -> Result<u32, StoreError> {
        version(&self.query("SELECT version FROM holdfast", &[])?)
    }
}

/// The version in an answer.
pub(super) fn version(rows: &[tokio_postgres::Row]) -> Result<u32, StoreError> {
    let version = rows.first().map(|row| Row::Postgres(row).get::<i64>(0)).transpose()?;
    let version = version.and_then(|version| u32::try_from(version).ok());
    version.ok_or_else(|| StoreError::Damaged("the row that says of which version it is is gone".into()))
}

/// Brings it to the newest form, unless another hub has just done so.
fn bring(postgres: &Postgres) -> Result<(), StoreError> {
    postgres.begin_bare()?;
    let brought = forward(postgres).and_then(|()| postgres.commit());
    if brought.is_err() {
        postgres.rollback();
    }
    brought
}

fn forward(postgres: &Postgres) -> Result<(), StoreError> {
    // There may be no row yet that could be held.
    postgres.batch(format!("SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({APPLICATION})"))?;
    let found = match found(postgres)? {
        None => {
            postgres.batch(ALSO.to_owned())?;
            0
        }
        // And whoever writes at the moment is waited for.
        Some(_) => version(&postgres.query(super::LOCK, &[])?)?,
    };
    for (form, number) in FORMS.iter().zip(1..).skip(found as usize) {
        postgres.batch_at_leisure(words::form(form))?;
        match number {
            1 => postgres.batch(EMPTIED.to_owned())?,
            CUTS => postgres.batch(cut::GUARD_POSTGRES.to_owned())?,
            _ => {}
        }
    }
    let known = newest();
    if found > known {
        return Err(StoreError::Newer { place: postgres.place().clone(), found, known });
    }
    postgres.execute("UPDATE holdfast SET version = ?1", params![known])
}

/// A store of an earlier form, empty.
#[cfg(test)]
pub(in crate::store) fn of_form(place: Place, version: usize) -> Postgres {
    let postgres = Postgres::connect(place, false).expect("a database");
    let forms = FORMS.iter().take(version).map(|form| words::form(form));
    let set = format!("UPDATE holdfast SET version = {version}");
    for text in [ALSO.to_owned()].into_iter().chain(forms).chain([EMPTIED.to_owned(), set]) {
        postgres.batch(text).expect("it was a form");
    }
    postgres
}
