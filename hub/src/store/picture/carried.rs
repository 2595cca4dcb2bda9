//! The picture as it stood where the oldest part of the journal was cut off, from the lines that stand for that part.
//!
//! Not here: which lines those are ([`crate::store::cut`]).

use super::{Picture, ms, number};
use crate::{
    ingest,
    journal::{Broken, Line},
    store::{StoreError, sql::params},
};
use fleet::{
    cut::{Carried, restored},
    fold,
    presence::happened,
};

impl Picture<'_> {
    /// Takes in a line.
    pub(in crate::store) fn restore(&mut self, line: &Line) -> Result<(), StoreError> {
        let n = line.stays.as_ref().map_or(0, |stays| stays.entry.n);
        let odd = || StoreError::from(Broken::Odd { n, what: "what is carried over with it is of no use" });
        let carried: Carried = serde_json::from_str(&line.carried).map_err(|_| odd())?;
        match (carried, &line.stays) {
            (Carried::Record, Some(stays)) => self.read(&stays.entry),
            (Carried::Account { received, heard, proven, since, stacks }, Some(stays)) => {
                let event = ingest::event(&stays.entry.body).map_err(|_| odd())?;
                self.stands(n, restored(event, received, heard, proven), (since, &stacks))
            }
            (Carried::Commit { id, first, signature, signer }, None) => self.transaction.execute(
                "INSERT INTO revision (id, first, signature, signer, old) VALUES (?1, ?2, ?3, ?4, 1)
                 ON CONFLICT (id) DO UPDATE SET
                     first = excluded.first, signature = excluded.signature, signer = excluded.signer, old = 1",
                params![id, first, signature, signer],
            ),
            (Carried::Messages { outcomes }, None) => {
                outcomes.iter().for_each(|(outcome, n)| self.sum("heard", outcome, 0, *n));
                Ok(())
            }
            (Carried::Record | Carried::Account { .. }, None)
            | (Carried::Commit { .. } | Carried::Messages { .. }, Some(_)) => Err(odd()),
        }
    }

    /// An account as it stood.
    fn stands(&mut self, n: u64, account: fold::Account, since: (i64, &[i64])) -> Result<(), StoreError> {
        let fold::Account { newest: event, standing } = account;
        let (id, (since, stacks)) = (number(&event.data.account), since);
        self.show(id, &event, (super::signed(n), &standing), None)?;
        self.transaction.execute("UPDATE account SET since = ?2 WHERE id = ?1", params![id, since])?;
        let made = happened(event.time, standing.received);
        debug_assert!(ms(made) <= ms(standing.received), "nothing happens after it was received");
        self.stood(id, &event, made, stacks)
    }
}
