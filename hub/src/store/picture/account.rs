//! The row of an account: how its newest report stands, and what is known of all of them.

use super::{Picture, at, json, ms};
use crate::store::{
    StoreError, signed,
    sql::{Row, params},
};
use fleet::{fold::Standing, presence::Share};
use manifests::report::Event;

/// What the tables say of an account.
pub(super) struct Account {
    pub(super) standing: Standing,
    /// Whether the report that the row shows has proven whose it is: its standing may be another one's by now.
    pub(super) proven: bool,
    pub(super) n: i64,
    pub(super) state: i64,
    pub(super) since: i64,
    pub(super) ring: String,
    /// [`super::EXPECTED`] or not.
    pub(super) listed: i64,
    pub(super) applied: Option<String>,
    pub(super) attempted: Option<String>,
    pub(super) version: String,
    pub(super) share: Share,
    pub(super) form: Vec<u8>,
}

impl Account {
    /// Whether it is the same in every sum.
    pub(super) fn counts_as(&self, other: &Self) -> bool {
        let Self {
            standing: _,
            n: _,
            since: _,
            form: _,
            proven,
            state,
            ring,
            listed,
            applied,
            attempted,
            version,
            share,
        } = self;
        (proven, state, listed, share) == (&other.proven, &other.state, &other.listed, &other.share)
            && (ring, version, applied, attempted) == (&other.ring, &other.version, &other.applied, &other.attempted)
    }
}

impl Picture<'_> {
    pub(super) fn account(&self, id: i64) -> Result<Option<Account>, StoreError> {
        let sql =
            "SELECT epoch, sequence, time, received, heard, n, state, since, ring, unexpected, applied, attempted,
                          version, good, stacks, stacks_good, resources, compared, form, proven
                   FROM account WHERE id = ?1";
        let read = |row: &Row<'_>| {
            let heard: String = row.get(4)?;
            let count = |at| row.get::<i64>(at).map(i64::unsigned_abs);
            let standing = Standing {
                epoch: row.get(0)?,
                sequence: row.get::<i64>(1)?.cast_unsigned(),
                time: at(row.get(2)?),
                received: at(row.get(3)?),
                heard: serde_json::from_str(&heard).unwrap_or_default(),
                proven: row.get(19)?,
            };
            let share = Share {
                good: row.get(13)?,
                stacks: count(14)?,
                stacks_good: count(15)?,
                resources: count(16)?,
                compared: count(17)?,
            };
            Ok(Account {
                proven: standing.proven,
                standing,
                n: row.get(5)?,
                state: row.get(6)?,
                since: row.get(7)?,
                ring: row.get(8)?,
                listed: row.get(9)?,
                applied: row.get(10)?,
                attempted: row.get(11)?,
                version: row.get(12)?,
                share,
                form: row.get(18)?,
            })
        };
        self.transaction.row(sql, params![id], read)
    }

    /// Writes what is known of an account's reports, and nothing else.
    pub(super) fn stand(&self, id: i64, standing: &Standing) -> Result<(), StoreError> {
        self.transaction.execute(
            "UPDATE account SET received = ?2, seen = CASE WHEN time < ?2 THEN time ELSE ?2 END, heard = ?3, missing = ?4
             WHERE id = ?1",
            params![id, ms(standing.received), json(&standing.heard), gaps(standing)],
        )
    }

    pub(super) fn write(&self, id: i64, event: &Event, row: &Account, why: Option<&String>) -> Result<(), StoreError> {
        let Account { standing, share, .. } = row;
        self.transaction.execute(
            // Not REPLACE, which would write every index anew.
            "INSERT INTO account VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                                         ?21, ?22, ?23, ?24, ?25, ?26)
             ON CONFLICT (id) DO UPDATE SET
                 name = excluded.name, ring = excluded.ring, unexpected = excluded.unexpected, n = excluded.n, epoch
                 = excluded.epoch, sequence = excluded.sequence, time = excluded.time, received = excluded.received,
                 seen = excluded.seen, heard = excluded.heard, missing = excluded.missing, state = excluded.state,
                 since = excluded.since, why = excluded.why, applied = excluded.applied, attempted =
                 excluded.attempted, version = excluded.version, region = excluded.region, good = excluded.good,
                 stacks = excluded.stacks, stacks_good = excluded.stacks_good, resources = excluded.resources,
                 compared = excluded.compared, form = excluded.form, proven = excluded.proven",
            params![
            id,
            event.data.account_name,
            row.ring,
            row.listed,
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
            AsRef::<str>::as_ref(&event.data.agent.region),
            share.good,
            signed(share.stacks),
            signed(share.stacks_good),
            signed(share.resources),
            signed(share.compared),
            row.form,
            standing.proven,
        ])
    }
}

/// How many gaps there are in the numbers that were heard.
fn gaps(standing: &Standing) -> i64 {
    signed(standing.heard.missing().len() as u64)
}
