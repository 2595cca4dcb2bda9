//! What reports tell of the past: what happened, and when an account was at which commit. It stays, whichever report is the newest.

use super::{Picture, commit, json, ms};
use crate::store::{StoreError, signed};
use manifests::report::{Event, Report, Signature};
use rusqlite::{OptionalExtension, params};

impl Picture<'_> {
    /// What happened stays, whether the report is the newest or not.
    pub(super) fn happened(&mut self, id: i64, event: &Event) -> Result<(), StoreError> {
        let Report { epoch, sequence, happened, .. } = &event.data;
        for (i, one) in happened.iter().enumerate() {
            let mut insert = self
                .transaction
                .prepare_cached("INSERT OR IGNORE INTO happened VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
            let what = json(&one.what);
            let what = what.trim_matches('"');
            let inserted = insert.execute(params![
                id,
                epoch,
                sequence.cast_signed(),
                signed(i as u64),
                ms(one.at),
                what,
                one.region.as_ref().map(AsRef::<str>::as_ref),
                one.stack.as_ref().map(AsRef::<str>::as_ref),
                one.commit.as_ref().map(AsRef::<str>::as_ref),
                one.sentence,
            ])?;
            drop(insert);
            if inserted > 0 {
                self.sum("day", what, one.at.as_second().div_euclid(86_400), 1);
            }
        }
        Ok(())
    }

    /// When the account was at which commit: the earliest report counts, in whatever order they come.
    pub(super) fn progress(&mut self, id: i64, event: &Event) -> Result<(), StoreError> {
        let source = &event.data.source;
        let (applied, attempted) = (commit(source.applied.as_deref()), commit(source.attempted.as_deref()));
        let at = ms(event.time);
        for (revision, is_applied) in [(&attempted, attempted == applied), (&applied, true)] {
            let Some(revision) = revision else { continue };
            let applied = is_applied.then_some(at);
            let mut known = self
                .transaction
                .prepare_cached("SELECT attempted, applied FROM progress WHERE revision = ?1 AND account = ?2")?;
            let known: Option<(i64, Option<i64>)> =
                known.query_row(params![revision, id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let is_news = known.is_none_or(|(first, reached)| {
                at < first || applied.is_some_and(|at| reached.is_none_or(|reached| at < reached))
            });
            if !is_news {
                continue;
            }
            let mut write = self.transaction.prepare_cached(
                "INSERT INTO progress VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
                     attempted = min(attempted, excluded.attempted),
                     applied = min(coalesce(applied, excluded.applied), coalesce(excluded.applied, applied))",
            )?;
            write.execute(params![revision, id, at, applied])?;
            drop(write);
            self.sum("worked", revision, 0, i64::from(known.is_none()));
            let reached = applied.is_some() && known.is_none_or(|(_, reached)| reached.is_none());
            self.sum("reached", revision, 0, i64::from(reached));
            self.revision(revision, event)?;
        }
        Ok(())
    }

    fn revision(&self, revision: &str, event: &Event) -> Result<(), StoreError> {
        let source = &event.data.source;
        // What a report says of a signature is about the commit that it works towards.
        let is_own = commit(source.attempted.as_deref()).as_deref() == Some(revision);
        let signature = if is_own { source.signature } else { Signature::NotChecked };
        let mut write = self.transaction.prepare_cached(
            "INSERT INTO revision VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET first = min(first, excluded.first),
                 signature = iif(signature = 'not-checked', excluded.signature, signature),
                 signer = coalesce(signer, excluded.signer)",
        )?;
        let signer = source.signer.as_ref().filter(|_| is_own);
        write.execute(params![revision, ms(event.time), json(&signature).trim_matches('"'), signer])?;
        Ok(())
    }
}
