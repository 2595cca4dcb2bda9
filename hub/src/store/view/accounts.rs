//! The list of accounts: what a filter leaves of it, in one of three orders.
//!
//! Not here: what a row says ([`super::account_of`]).

use super::{ACCOUNT, Account, Moment, Part, ROWS, account_of, all, cursor, left, ms, part, rank, ranks, worst_first};
use crate::store::{
    Store, StoreError,
    sql::{Database, Param},
};
use fleet::presence::Freshness;
use jiff::Timestamp;
use manifests::report::State;

/// Which accounts are listed, and in which order. All that is said must be so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these states; in any when it is empty.
    pub states: Vec<State>,
    /// In this ring.
    pub ring: Option<String>,
    /// That last worked towards this commit.
    pub commit: Option<String>,
    /// Whose agent has this version.
    pub agent: Option<String>,
    /// So fresh, or less.
    pub freshness: Option<Freshness>,
    /// Whether those that nobody expects are meant.
    pub unexpected: bool,
    /// Whether those that are suspended are meant.
    pub suspended: bool,
    /// Whether those that are suspended are left out.
    pub not_suspended: bool,
    /// Whether those that have not proven that it is they who speak are meant.
    pub unproven: bool,
    /// In which order.
    pub sort: Sort,
}

/// An order of accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Worst first; of all, among those that stand alike the one that has been quiet for longest.
    #[default]
    Worst,
    /// By their numbers.
    Account(Way),
    /// By when they last gave a sign of life, the longest ago first.
    Seen(Way),
}

/// From the first to the last, or the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The least first.
    Up,
    /// The greatest first.
    Down,
}

impl Way {
    /// What comes after something, what comes first, and where there is nothing before.
    fn words(self) -> (&'static str, &'static str, i64) {
        match self {
            Self::Up => (">", "ASC", i64::MIN),
            Self::Down => ("<", "DESC", i64::MAX),
        }
    }
}

impl Sort {
    /// As an address says it: `account`, or `-account` for the other way round.
    pub fn of(text: &str) -> Option<Self> {
        let (name, way) = text.strip_prefix('-').map_or((text, Way::Up), |name| (name, Way::Down));
        match (name, way) {
            ("worst", Way::Up) => Some(Self::Worst),
            ("account", way) => Some(Self::Account(way)),
            ("seen", way) => Some(Self::Seen(way)),
            (_, Way::Up | Way::Down) => None,
        }
    }
}

/// Everything that is listed once it is known how long somebody has been quiet.
struct Listing<'l> {
    database: &'l Database,
    moment: Moment,
    filter: &'l Filter,
    /// Seen before then.
    quiet: i64,
    rows: usize,
}

/// The accounts that a filter leaves.
pub(super) fn accounts(
    database: &Database,
    moment: Moment,
    filter: &Filter,
    after: Option<&str>,
    rows: usize,
) -> Result<Part<Account>, StoreError> {
    let quiet = match filter.freshness {
        None | Some(Freshness::Fresh) => i64::MAX,
        Some(Freshness::Late) => ms(moment.now.checked_sub(moment.patience.late).unwrap_or(Timestamp::MIN)),
        Some(Freshness::Silent) => ms(moment.now.checked_sub(moment.patience.silent).unwrap_or(Timestamp::MIN)),
    };
    let (listing, after) = (Listing { database, moment, filter, quiet, rows }, after.and_then(cursor));
    let found = match filter.sort {
        Sort::Worst => listing.worst(after),
        Sort::Account(way) => listing.by_account(way, after),
        Sort::Seen(way) => listing.by_seen(way, after),
    }?;
    Ok(part(found, rows, |row| format!("{}.{}.{}", rank(row.state), ms(row.seen), row.account)))
}

impl Listing<'_> {
    fn worst(&self, after: Option<(i64, i64, i64)>) -> Result<Vec<Account>, StoreError> {
        let said = self.said();
        let Filter { unexpected, suspended, unproven, .. } = self.filter;
        let is_all = said.is_empty() && !unexpected && !suspended && !unproven;
        let (from, order) = if is_all {
            ("(seen, id) > (?2, ?3)", "seen, id")
        } else {
            ("CAST(?2 AS BIGINT) IS NOT NULL AND id > ?3", "id")
        };
        let that = self.that(6);
        let sql = format!("{ACCOUNT} WHERE state = ?1 AND {from} AND seen < ?4{that} ORDER BY {order} LIMIT ?5");
        worst_first(self.states(), after, self.rows, |state, (seen, id), left| {
            self.read(&sql, &[&state, &seen, &id, &self.quiet, &left])
        })
    }

    /// Of each state in that order, and the first of them all.
    fn by_seen(&self, way: Way, after: Option<(i64, i64, i64)>) -> Result<Vec<Account>, StoreError> {
        let (beyond, order, nothing) = way.words();
        let that = self.that(6);
        let sql = format!(
            "{ACCOUNT} WHERE state = ?1 AND (seen, id) {beyond} (?2, ?3) AND seen < ?4{that}
             ORDER BY seen {order}, id {order} LIMIT ?5"
        );
        let (seen, id) = after.map_or((nothing, nothing), |(_, seen, id)| (seen, id));
        let mut found = Vec::new();
        for state in self.states() {
            found.extend(self.read(&sql, &[&state, &seen, &id, &self.quiet, &left(self.rows, 0)])?);
        }
        found.sort_by(|one, other| (one.seen, &one.account).cmp(&(other.seen, &other.account)));
        if way == Way::Down {
            found.reverse();
        }
        found.truncate(self.rows + 1);
        Ok(found)
    }

    /// `+ 0`: the order of the table is read, not an index of something else that would have to be put in order.
    fn by_account(&self, way: Way, after: Option<(i64, i64, i64)>) -> Result<Vec<Account>, StoreError> {
        let (beyond, order, nothing) = way.words();
        let that = self.that(14);
        let sql = format!(
            "{ACCOUNT} WHERE id {beyond} ?1 AND seen + 0 < ?2 AND state + 0 IN (?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13){that}
             ORDER BY id {order} LIMIT ?3"
        );
        let from = after.map_or(nothing, |(_, _, id)| id);
        let mut states: Vec<i64> = self.states().collect();
        states.resize(State::RANKING.len(), -1);
        let left = left(self.rows, 0);
        let mut with: Vec<&dyn Param> = vec![&from, &self.quiet, &left];
        with.extend(states.iter().map(|state| state as &dyn Param));
        self.read(&sql, &with)
    }

    fn states(&self) -> impl Iterator<Item = i64> {
        let wanted = &self.filter.states;
        ranks().filter(move |it| wanted.is_empty() || wanted.iter().any(|state| rank(*state) == *it))
    }

    /// What a column is said to be; the narrowest of it is looked up, and the rest is held against what that gives.
    fn said(&self) -> Vec<(&'static str, &String)> {
        let Filter { commit, ring, agent, .. } = self.filter;
        let narrow = [("attempted", commit), ("ring", ring), ("version", agent)];
        narrow.into_iter().filter_map(|(column, value)| Some((column, value.as_ref()?))).collect()
    }

    /// The same as the end of a condition, whose values have numbers from this one on.
    fn that(&self, first: usize) -> String {
        let mut that = String::new();
        for ((column, _), n) in self.said().iter().zip(first..) {
            that.push_str(&format!(" AND {column} = ?{n}"));
        }
        that.push_str(if self.filter.unexpected { " AND unexpected = 1" } else { "" });
        that.push_str(if self.filter.suspended { " AND unexpected = 2" } else { "" });
        that.push_str(if self.filter.not_suspended { " AND unexpected < 2" } else { "" });
        that.push_str(if self.filter.unproven { " AND proven = 0" } else { "" });
        that
    }

    fn read(&self, sql: &str, with: &[&dyn Param]) -> Result<Vec<Account>, StoreError> {
        let said = self.said();
        let mut with = with.to_vec();
        with.extend(said.iter().map(|(_, value)| *value as &dyn Param));
        all(self.database, sql, &with, |row| account_of(row, self.moment))
    }
}

impl Store {
    /// The accounts that a filter leaves.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn accounts(&self, moment: Moment, filter: &Filter, after: Option<&str>) -> Result<Part<Account>, StoreError> {
        accounts(&self.database, moment, filter, after, ROWS)
    }

    /// The first of them.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn first_accounts(&self, moment: Moment, filter: &Filter, rows: usize) -> Result<Vec<Account>, StoreError> {
        Ok(accounts(&self.database, moment, filter, None, rows)?.rows)
    }
}
