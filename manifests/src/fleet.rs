//! `kind: Fleet` and `kind: Accounts`: who there is.
//!
//! One Fleet per repository; accounts may also stand in any number of `kind: Accounts` files. Rings, windows, pins,
//! quarantine and brake belong to the Fleet too; this version acts on none of them, so it refuses them by name. Who may sign
//! is said in documents of its own ([`crate::trust`]).

use crate::{id::AccountId, release::Release, stack::Location};
use std::collections::BTreeMap;

/// Everyone the repository knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    /// The accounts, by id.
    pub accounts: BTreeMap<AccountId, Account>,
    /// The version that their agents are to have, if that is said.
    pub agent: Option<Release>,
}

/// What the repository says about one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its twelve digits.
    pub id: AccountId,
    /// What people call it.
    pub name: Option<String>,
    /// What targets and `{label: …}` parameters look at.
    pub labels: BTreeMap<String, String>,
    /// Where it is listed.
    pub at: Location,
}
