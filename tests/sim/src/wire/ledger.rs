//! What went over the wire: calls and bytes, by account and action, and when; and which calls are to be answered late.
//!
//! Every attempt counts, the SDK's retries too. Not here: faults, which are the world's ([`crate::fault`]).

use crate::fault::matches;
use manifests::id::AccountId;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// Calls and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// How many calls were made.
    pub calls: u64,
    /// Bytes of their bodies.
    pub bytes_in: u64,
    /// Bytes of the bodies of their answers.
    pub bytes_out: u64,
}

/// A rule that some calls are answered late, in real time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delay {
    /// `service:Action`; `*` stands for any text.
    pub action: String,
    /// In this account only.
    #[serde(default)]
    pub account: Option<AccountId>,
    /// How late.
    pub milliseconds: u64,
}

/// One call, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// In which account.
    pub account: AccountId,
    /// `service:Action`.
    pub action: String,
    /// When it came.
    pub came: Instant,
    /// When its work was done.
    pub answered: Instant,
}

/// The traffic so far.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    traffic: BTreeMap<AccountId, BTreeMap<String, Traffic>>,
    delays: Vec<Delay>,
    seen: Option<Vec<Seen>>,
}

impl Ledger {
    /// Counts one call.
    pub fn count(&mut self, account: &AccountId, action: &str, bytes_in: usize, bytes_out: usize) {
        let actions = self.traffic.entry(account.clone()).or_default();
        let traffic = actions.entry(action.to_owned()).or_default();
        traffic.calls += 1;
        traffic.bytes_in += bytes_in as u64;
        traffic.bytes_out += bytes_out as u64;
    }

    /// An account's traffic, by `service:Action`.
    pub fn of(&self, account: &AccountId) -> BTreeMap<String, Traffic> {
        self.traffic.get(account).cloned().unwrap_or_default()
    }

    /// Counts from zero again.
    pub fn reset(&mut self) {
        self.traffic.clear();
    }

    /// From now on every call is noted with its time, and what was noted before is forgotten.
    pub fn watch(&mut self) {
        self.seen = Some(Vec::new());
    }

    /// Notes a call, while somebody watches.
    pub fn note(&mut self, seen: impl FnOnce() -> Seen) {
        if let Some(all) = &mut self.seen {
            all.push(seen());
        }
    }

    /// What was noted so far, in the order of the answers.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.clone().unwrap_or_default()
    }

    /// From now on these calls are answered late, and no others.
    pub fn delay(&mut self, delays: Vec<Delay>) {
        self.delays = delays;
    }

    /// How late this call is answered: the first rule that matches decides.
    pub fn lateness(&self, account: &AccountId, action: &str) -> Duration {
        let due = |delay: &&Delay| {
            matches(&delay.action, action) && delay.account.as_ref().is_none_or(|only| only == account)
        };
        self.delays.iter().find(due).map(|delay| Duration::from_millis(delay.milliseconds)).unwrap_or_default()
    }
}
