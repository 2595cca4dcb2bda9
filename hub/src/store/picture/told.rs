//! What reports tell of the past: what happened, and when an account was at which commit. It stays, whichever report is the newest.

use super::{Picture, commit, ms, word_of};
use crate::store::{
    StoreError, signed,
    sql::{Row, params},
};
use fleet::presence::happened;
use jiff::Timestamp;
use manifests::report::{Event, Signature};

/// How many commits are told of: the newest.
const REVISIONS: i64 = 1_000;

impl Picture<'_> {
    /// More things than a report may tell of ([`crate::ingest`]).
    pub(in crate::store) const EACH: i64 = 128;

    /// What happened stays, whether the report is the newest or not. `n` is its place in the journal.
    pub(super) fn happened(
        &mut self,
        id: i64,
        event: &Event,
        (n, received): (i64, Timestamp),
    ) -> Result<(), StoreError> {
        for (i, one) in event.data.happened.iter().enumerate() {
            let (what, at) = (word_of(&one.what), happened(one.at, received));
            self.transaction.execute(
                "INSERT INTO happened VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    n * Self::EACH + signed(i as u64),
                    id,
                    ms(at),
                    what,
                    one.region.as_ref().map(AsRef::<str>::as_ref),
                    one.stack.as_ref().map(AsRef::<str>::as_ref),
                    one.commit.as_ref().map(AsRef::<str>::as_ref),
                    one.sentence,
                ],
            )?;
            self.sum("day", &what, at.as_second().div_euclid(86_400), 1);
        }
        Ok(())
    }

    /// When the account was at which commit: the earliest report counts, in whatever order they come.
    pub(super) fn progress(&mut self, id: i64, event: &Event, received: Timestamp) -> Result<(), StoreError> {
        let source = &event.data.source;
        let (applied, attempted) = (commit(source.applied.as_deref()), commit(source.attempted.as_deref()));
        let at = ms(happened(event.time, received));
        let (is_same, is_other) = (attempted == applied, attempted != applied);
        for (revision, is_applied) in [(attempted, is_same), (applied.filter(|_| is_other), true)] {
            let Some(revision) = &revision else { continue };
            let applied = is_applied.then_some(at);
            let sql = "SELECT r.old, p.attempted, p.applied FROM revision r
                       LEFT JOIN progress p ON p.revision = r.id AND p.account = ?2 WHERE r.id = ?1";
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let known: Option<(bool, Option<i64>, Option<i64>)> =
                self.transaction.row(sql, params![revision, id], read)?;
            // How accounts came to a commit is not told where some of it was cut out.
            if known.is_some_and(|(is_old, ..)| is_old) {
                continue;
            }
            let known = known.and_then(|(_, attempted, applied)| Some((attempted?, applied)));
            let is_news = known.is_none_or(|(first, reached)| {
                at < first || applied.is_some_and(|at| reached.is_none_or(|reached| at < reached))
            });
            if !is_news {
                continue;
            }
            self.transaction.execute(
                "INSERT INTO progress VALUES (?1, ?2, ?3, ?4) ON CONFLICT (revision, account) DO UPDATE SET
                     attempted = CASE WHEN excluded.attempted < progress.attempted THEN excluded.attempted
                                      ELSE progress.attempted END,
                     applied = CASE WHEN progress.applied IS NULL OR excluded.applied < progress.applied
                                    THEN excluded.applied ELSE progress.applied END",
                params![revision, id, at, applied],
            )?;
            self.sum("worked", revision, 0, i64::from(known.is_none()));
            let reached = applied.is_some() && known.is_none_or(|(_, reached)| reached.is_none());
            self.sum("reached", revision, 0, i64::from(reached));
            self.revision(revision, event, at)?;
        }
        Ok(())
    }

    fn revision(&mut self, revision: &str, event: &Event, at: i64) -> Result<(), StoreError> {
        let source = &event.data.source;
        // What a report says of a signature is about the commit that it works towards; the worst that any account says counts.
        let is_own = commit(source.attempted.as_deref()).as_deref() == Some(revision);
        let (signature, signer): (i64, _) = match (is_own, source.signature) {
            (true, Signature::Good) => (0, source.signer.as_ref()),
            (false, _) | (_, Signature::NotChecked) => (1, None),
            (true, Signature::Tolerated | Signature::Unknown) => (2, None),
        };
        self.transaction.execute(
            "INSERT INTO revision (id, first, signature, signer) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET
                 first = CASE WHEN excluded.first < revision.first THEN excluded.first ELSE revision.first END,
                 signature = CASE WHEN excluded.signature > revision.signature THEN excluded.signature
                                  ELSE revision.signature END,
                 signer = CASE WHEN revision.signer IS NULL OR excluded.signer < revision.signer THEN excluded.signer
                               ELSE revision.signer END",
            params![revision, at, signature, signer],
        )?;
        self.heard_of_commits = true;
        Ok(())
    }

    /// Of the oldest commits nothing is told any more.
    pub(super) fn bound(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT id FROM revision ORDER BY first DESC, id LIMIT 1000000000 OFFSET ?1";
        let gone = self.transaction.rows(sql, params![REVISIONS], |row| row.get::<String>(0))?;
        for id in gone {
            self.transaction.execute("DELETE FROM progress WHERE revision = ?1", params![id])?;
            self.transaction.execute("DELETE FROM revision WHERE id = ?1", params![id])?;
            let sql = "DELETE FROM tally WHERE what IN ('worked', 'reached') AND key = ?1";
            self.transaction.execute(sql, params![id])?;
            // And what this batch is about to add to it.
            self.sums.retain(|(what, key, _), _| !(matches!(*what, "worked" | "reached") && *key == id));
        }
        Ok(())
    }
}
