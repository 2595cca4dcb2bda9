//! What a journal is without its oldest part: a record of what was taken out, and what of it is carried over, so that whoever reads
//! the rest comes to the same picture.
//!
//! Carried over is how each account stood where the cut is (its newest report stays, with what is known of all the others), whom the
//! hub believed, which commits had been heard of, and what was counted. What happened before, and what was refused, is gone. Not
//! here: where any of it lies, and how it is proven that nothing else is gone (both are the hub's).

use crate::fold::{Account, Heard, Standing};
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use jiff::Timestamp;
use manifests::{id::Digest, report::Event};
use serde::{Deserialize, Serialize};

/// What the hub puts on record when it takes out the oldest part of its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cut {
    /// The last entry of that part.
    pub through: u64,
    /// What binds that entry to all before it: where the rest begins.
    pub chain: Digest,
    /// All of it was received before this.
    pub before: Timestamp,
    /// When the newest of it was.
    pub last: Timestamp,
    /// How many entries this cut takes out.
    pub entries: u64,
    /// How many bytes of text they have.
    pub bytes: u64,
    /// How many entries up to there stay.
    pub stay: u64,
    /// How many lines are carried over, those with an entry that stays among them.
    pub lines: u64,
    /// What binds those lines, from the first to the last.
    pub digest: Digest,
}

/// What a line carries over. (Not tagged inside: numbers that are keys would not be read again.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Carried {
    /// The hub's own record in the entry beside it is in force.
    Record,
    /// The report in the entry beside it is its account's newest.
    Account {
        /// When it was first received, in whichever text.
        received: Timestamp,
        /// The numbers of all of the account's reports.
        heard: Heard,
        /// Whether it proved whose it is.
        proven: bool,
        /// Since when the account has been in its state: milliseconds since 1970.
        since: i64,
        /// And its stacks, in the order in which the report names them: seconds since 1970.
        stacks: Vec<i64>,
    },
    /// A commit that had been heard of. How accounts came to it is not told any more.
    Commit {
        /// Its id.
        id: String,
        /// When it was first heard of: milliseconds since 1970.
        first: i64,
        /// The worst that an account said of its signature, as the hub numbers it.
        signature: i64,
        /// Who signed it.
        signer: Option<String>,
    },
    /// How many messages did what.
    Messages {
        /// By what they did.
        outcomes: BTreeMap<String, i64>,
    },
}

/// An account as it stood where the cut is.
pub fn restored(newest: Event, received: Timestamp, heard: Heard, proven: bool) -> Account {
    let (epoch, sequence, time) = (newest.data.epoch.clone(), newest.data.sequence, newest.time);
    Account { newest, standing: Standing { epoch, sequence, time, received, heard, proven } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        belief::Record,
        fold::{
            Fleet,
            tests::{report, second, taken},
        },
    };
    use alloc::{borrow::ToOwned, string::ToString, vec};

    #[test]
    fn an_account_that_was_carried_over_stands_as_it_stood() {
        let mut fleet = Fleet::default();
        for (epoch, number) in [("a", 1), ("a", 4), ("b", 2), ("a", 2), ("b", 5)] {
            (fleet, _) = taken(fleet, report(1, epoch, number, "held", &["held"]), second(number as i64));
        }
        let (_, account) = fleet.accounts.pop_first().unwrap();
        let Standing { received, heard, proven, .. } = account.standing.clone();
        let carried = Carried::Account { received, heard, proven, since: 5, stacks: vec![1, 2] };
        let text = serde_json::to_string(&carried).unwrap();
        let Carried::Account { received, heard, proven, .. } = serde_json::from_str(&text).unwrap() else {
            panic!("{text}")
        };
        assert_eq!(restored(account.newest.clone(), received, heard, proven), account);
    }

    #[test]
    fn what_is_carried_is_read_again_as_it_was_written() {
        let commit =
            Carried::Commit { id: "0".repeat(40), first: 1, signature: 2, signer: Some("ada\u{0}".to_owned()) };
        for carried in [Carried::Record, commit, Carried::Messages { outcomes: [("late".to_string(), 3)].into() }] {
            let text = serde_json::to_string(&carried).unwrap();
            assert!(!text.contains('\u{0}'), "{text}");
            assert_eq!(serde_json::from_str::<Carried>(&text).unwrap(), carried);
        }
        let (digest, at) = (Digest([7; 32]), second(0));
        let cut =
            Cut { through: 9, chain: digest, before: at, last: at, entries: 7, bytes: 100, stay: 1, lines: 2, digest };
        let text = serde_json::to_string(&Record::Cut(cut.clone())).unwrap();
        assert!(text.starts_with(r#"{"type":"holdfast.cut.v1","through":9,"#), "{text}");
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), Record::Cut(cut));
    }
}
