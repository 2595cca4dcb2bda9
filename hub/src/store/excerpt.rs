//! A store of some accounts alone: all that the tables say of them, with sums of their own, and nothing of anybody else. Whoever may
//! see only these is shown the pages of such a store, so that there is no question that leads to others.
//!
//! It lies in memory, and is made anew whenever the one that it is taken from has changed. What happened is told of the last thirty
//! days, and of the newest hundred commits. Not here: who may see which ([`crate::web`]).

use super::{
    End, Known, Store, StoreError,
    picture::{Picture, ms},
    sql::{Database, Param, Transaction, params},
    sqlite,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How far back what happened is told.
const PAST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Of how many commits it is told how they were rolled out.
const REVISIONS: i64 = 100;

/// How many accounts are asked for at once.
const STEP: usize = 50;

impl Store {
    /// The part of it that is about the expected accounts whose labels are meant.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn excerpt(
        &self,
        is_meant: impl Fn(&BTreeMap<String, String>) -> bool,
        now: Timestamp,
    ) -> Result<Store, StoreError> {
        let sql = "SELECT id, labels FROM expected ORDER BY id";
        let listed = self.database.rows(sql, params![], |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?)))?;
        let labels = |text: &str| serde_json::from_str(text).unwrap_or_default();
        let meant: BTreeSet<i64> =
            listed.iter().filter(|(_, text)| is_meant(&labels(text))).map(|(id, _)| *id).collect();
        let database = sqlite::in_memory()?;
        let transaction = database.begin()?;
        let excerpt = Excerpt { from: &self.database, to: &transaction };
        excerpt.marks()?;
        let all: Vec<i64> = meant.iter().copied().collect();
        all.chunks(STEP).try_for_each(|some| excerpt.accounts(some, now))?;
        excerpt.what_is_the_same_everywhere()?;
        excerpt.rollouts(&meant)?;
        excerpt.incidents(&meant)?;
        excerpt.sums(&meant)?;
        transaction.commit()?;
        Ok(Store { database, end: End::NOTHING, expected: String::new(), known: Known::default(), lock: None })
    }
}

struct Excerpt<'e> {
    from: &'e Database,
    to: &'e Transaction<'e>,
}

/// The places of as many values as are asked for at once, from this one on.
fn numbers(first: usize) -> String {
    (first..first + STEP).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ")
}

/// As many, of which those that are too many are nobody's: every statement is of one form.
fn padded(some: &[i64]) -> impl Iterator<Item = &dyn Param> {
    some.iter().chain(std::iter::repeat(&-1)).take(STEP).map(|number| number as &dyn Param)
}

impl Excerpt<'_> {
    /// Copies the rows of a table of which this is so.
    fn copy(&self, table: &str, which: &str, with: &[&dyn Param]) -> Result<(), StoreError> {
        let rows = self.from.rows(&format!("SELECT * FROM {table} {which}"), with, |row| row.all())?;
        let Some(first) = rows.first() else { return Ok(()) };
        let places: Vec<String> = (1..=first.len()).map(|n| format!("?{n}")).collect();
        let sql = format!("INSERT INTO {table} VALUES ({})", places.join(", "));
        rows.iter().try_for_each(|row| {
            let values: Vec<&dyn Param> = row.iter().map(|value| value as &dyn Param).collect();
            self.to.execute(&sql, &values)
        })
    }

    /// How far everything has been read, and that this is not all of it.
    fn marks(&self) -> Result<(), StoreError> {
        self.copy("mark", "", params![])?;
        self.to.execute("INSERT INTO mark VALUES ('part', '')", params![])
    }

    /// Copies the rows of a table whose column has one of these numbers, of which there are no more than are asked for at once.
    fn among(&self, (table, column): (&str, &str), some: &[i64]) -> Result<(), StoreError> {
        self.copy(table, &format!("WHERE {column} IN ({})", numbers(1)), &padded(some).collect::<Vec<_>>())
    }

    fn accounts(&self, some: &[i64], now: Timestamp) -> Result<(), StoreError> {
        for whose in [("expected", "id"), ("account", "id"), ("stack", "account"), ("drifted", "account")] {
            self.among(whose, some)?;
        }
        for whose in [("exception", "account"), ("enrolled", "account")] {
            self.among(whose, some)?;
        }
        let since = ms(now.checked_sub(PAST).unwrap_or(Timestamp::MIN));
        let which = format!("WHERE at >= ?1 AND account IN ({})", numbers(2));
        self.copy("happened", &which, &std::iter::once(&since as &dyn Param).chain(padded(some)).collect::<Vec<_>>())?;
        // The newest report, which the account's own page shows.
        let sql = format!("SELECT n FROM account WHERE id IN ({})", numbers(1));
        let newest = self.to.rows(&sql, &padded(some).collect::<Vec<_>>(), |row| row.get::<i64>(0))?;
        self.among(("journal", "n"), &newest)
    }

    /// Names of stacks and of controls, as far as these accounts have them.
    fn what_is_the_same_everywhere(&self) -> Result<(), StoreError> {
        // Each is called as the column that refers to it.
        let of = |table: &str| {
            let sql = format!("SELECT DISTINCT {table} FROM stack WHERE {table} > 0");
            self.to.rows(&sql, params![], |row| row.get::<i64>(0))
        };
        of("place")?.chunks(STEP).try_for_each(|some| self.among(("place", "id"), some))?;
        for provided in of("provided")? {
            self.copy("provided", "WHERE id = ?1", params![provided])?;
            self.copy("control", "WHERE provided = ?1", params![provided])?;
        }
        Ok(())
    }

    /// The newest commits, and when these accounts were at them.
    fn rollouts(&self, meant: &BTreeSet<i64>) -> Result<(), StoreError> {
        let sql = "SELECT id FROM revision ORDER BY first DESC, id LIMIT ?1";
        let newest = self.from.rows(sql, params![REVISIONS], |row| row.get::<String>(0))?;
        let which = format!("WHERE revision = ?1 AND account IN ({})", numbers(2));
        let all: Vec<i64> = meant.iter().copied().collect();
        for revision in newest {
            for some in all.chunks(STEP) {
                let values: Vec<&dyn Param> = std::iter::once(&revision as &dyn Param).chain(padded(some)).collect();
                self.copy("progress", &which, &values)?;
            }
        }
        let sql = "SELECT revision FROM progress UNION SELECT applied FROM account WHERE applied IS NOT NULL
                   UNION SELECT attempted FROM account WHERE attempted IS NOT NULL";
        for revision in self.to.rows(sql, params![], |row| row.get::<String>(0))? {
            self.copy("revision", "WHERE id = ?1", params![revision])?;
            self.revision(&revision)?;
        }
        Ok(())
    }

    /// Of a commit what these accounts say of it, not what anybody does: when they first worked towards it, and whether their newest
    /// reports call its signature good.
    fn revision(&self, revision: &str) -> Result<(), StoreError> {
        let sql =
            "UPDATE revision SET first = coalesce((SELECT min(attempted) FROM progress WHERE revision = ?1), first),
                       signature = 1, signer = NULL WHERE id = ?1";
        self.to.execute(sql, params![revision])
    }

    /// What people were told of them.
    fn incidents(&self, meant: &BTreeSet<i64>) -> Result<(), StoreError> {
        let sql = "SELECT n, account FROM incident WHERE account IS NOT NULL";
        let all = self.from.rows(sql, params![], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
        let mut theirs = all.into_iter().filter(|(_, account)| meant.contains(account));
        theirs.try_for_each(|(n, _)| self.copy("incident", "WHERE n = ?1", params![n]))
    }

    /// What all of it adds up to.
    fn sums(&self, meant: &BTreeSet<i64>) -> Result<(), StoreError> {
        let mut picture = Picture::new(self.to)?;
        for id in meant {
            picture.add_up(*id)?;
        }
        for (what, column) in [("worked", "account"), ("reached", "applied")] {
            let sql = format!("SELECT revision, count({column}) FROM progress GROUP BY revision");
            for (revision, n) in self.to.rows(&sql, params![], |row| Ok((row.get::<String>(0)?, row.get(1)?)))? {
                picture.sum(what, &revision, 0, n);
            }
        }
        let sql = "SELECT what, at FROM happened";
        for (what, at) in self.to.rows(sql, params![], |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)))? {
            picture.sum("day", &what, at.div_euclid(86_400_000), 1);
        }
        picture.settle().map(drop)
    }
}
