//! What a row of each list is, and how it is read.

use super::{Account, Part, at, id};
use crate::store::{StoreError, picture::state, sql::Row};
use jiff::Timestamp;
use manifests::{id::AccountId, report::State};
use serde::Serialize;
use std::collections::BTreeMap;

/// Stacks of one name, and how they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// What CloudFormation calls it.
    pub stack: String,
    /// Where it lives.
    pub region: String,
    /// The manifest that asks for it.
    pub manifest: String,
    /// In how many accounts it stands how.
    pub states: BTreeMap<State, u64>,
    /// Its number.
    #[serde(skip)]
    pub(crate) number: i64,
}

/// A stack in an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackIn {
    /// Which account.
    pub account: AccountId,
    /// What the fleet file calls it.
    pub name: Option<String>,
    /// Where it lives.
    pub region: String,
    /// What CloudFormation calls it.
    pub stack: String,
    /// How it stands.
    pub state: State,
    /// Since when, as far as was heard in order.
    pub since: Timestamp,
    /// Why.
    pub why: Option<String>,
}

/// A stack over the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// Where it is.
    pub places: Vec<Place>,
    /// Why it is not in sync, and how often, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// Where it stands worst.
    #[serde(flatten)]
    pub accounts: Part<StackIn>,
}

/// A control, and how the stacks stand that provide it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// Its name.
    pub control: String,
    /// How many stacks that provide it stand how.
    pub states: BTreeMap<State, u64>,
}

/// Where a control is provided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Providing {
    /// The control.
    #[serde(flatten)]
    pub control: Control,
    /// The stacks, worst first.
    #[serde(flatten)]
    pub stacks: Part<StackIn>,
}

/// A commit, as the accounts tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its id.
    pub commit: String,
    /// When an account first worked towards it.
    pub first: Timestamp,
    /// The worst that an account says of its signature: `good`, `not-checked` or `not-good`.
    pub signature: &'static str,
    /// Who signed it, by those who say that it is good.
    pub signer: Option<String>,
    /// Whether it was heard of in a part of the journal that was taken out: how accounts came to it is not known any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub old: bool,
    /// How many accounts ever worked towards it.
    pub worked: u64,
    /// How many of those reached it.
    pub reached: u64,
    /// How many are at it now.
    pub applied: u64,
    /// How those stand that work towards it now.
    pub now: BTreeMap<State, u64>,
}

/// How far a ring is with a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ring {
    /// The value of the label `ring`; empty for accounts without one.
    pub ring: String,
    /// How many accounts of it are expected; where nobody said who is, how many have spoken.
    pub accounts: u64,
    /// How many are at the commit.
    pub applied: u64,
    /// How those stand that work towards it now.
    pub now: BTreeMap<State, u64>,
}

/// A resource that somebody changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drifted {
    /// Which account.
    pub account: AccountId,
    /// What the fleet file calls it.
    pub name: Option<String>,
    /// Where.
    pub region: String,
    /// Of which stack.
    pub stack: String,
    /// Its name in the template.
    pub resource: String,
    /// `AWS::…::…`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What became of it.
    pub how: String,
    /// Where in its properties.
    pub paths: Vec<String>,
    /// When it was found.
    pub since: Timestamp,
    /// Who did it.
    pub by: Option<String>,
    /// From where.
    pub from: Option<String>,
    /// By what call.
    pub call: Option<String>,
    /// Whether that is only what an event says.
    pub claimed: bool,
    /// What is done about drift there.
    pub mode: String,
    /// Why it is not put back.
    pub why: Option<String>,
}

/// What people in an account told its agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// Which account.
    pub account: AccountId,
    /// What the fleet file calls it.
    pub name: Option<String>,
    /// `hold`, `pin`, `approval` or `rollback`.
    pub kind: String,
    /// What it is about.
    pub what: String,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// Which account.
    pub account: AccountId,
    /// What the fleet file calls it.
    pub name: Option<String>,
    /// What.
    pub what: String,
    /// Where.
    pub region: Option<String>,
    /// Which stack.
    pub stack: Option<String>,
    /// The commit it was done for.
    pub commit: Option<String>,
    /// In words.
    pub sentence: String,
}

/// What a search finds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    /// Accounts whose id or name begins so.
    pub accounts: Vec<Account>,
    /// Stacks whose name begins so.
    pub stacks: Vec<String>,
    /// Commits whose id begins so.
    pub commits: Vec<String>,
    /// Controls whose name begins so.
    pub controls: Vec<String>,
}

pub(super) fn place_of(row: &Row<'_>) -> Result<Place, StoreError> {
    Ok(Place {
        number: row.get(0)?,
        stack: row.get(1)?,
        region: row.get(2)?,
        manifest: row.get(3)?,
        states: BTreeMap::new(),
    })
}

pub(super) fn stack_of(row: &Row<'_>) -> Result<StackIn, StoreError> {
    Ok(StackIn {
        account: id(row.get(0)?),
        name: row.get(1)?,
        region: row.get(2)?,
        stack: row.get(3)?,
        state: state(row.get(4)?),
        since: Timestamp::from_second(row.get(5)?).unwrap_or_default(),
        why: row.get(6)?,
    })
}

pub(super) fn revision_of(row: &Row<'_>) -> Result<Revision, StoreError> {
    Ok(Revision {
        commit: row.get(0)?,
        first: at(row.get(1)?),
        signature: match row.get(2)? {
            0_i64 => "good",
            1 => "not-checked",
            _ => "not-good",
        },
        signer: row.get(3)?,
        old: row.get(4)?,
        worked: 0,
        reached: 0,
        applied: 0,
        now: BTreeMap::new(),
    })
}

pub(super) fn drifted_of(row: &Row<'_>) -> Result<Drifted, StoreError> {
    let paths: String = row.get(7)?;
    Ok(Drifted {
        account: id(row.get(0)?),
        name: row.get(1)?,
        region: row.get(2)?,
        stack: row.get(3)?,
        resource: row.get(4)?,
        kind: row.get(5)?,
        how: row.get(6)?,
        paths: serde_json::from_str(&paths).unwrap_or_default(),
        since: at(row.get(8)?),
        by: row.get(9)?,
        from: row.get(10)?,
        call: row.get(11)?,
        claimed: row.get(12)?,
        mode: row.get(13)?,
        why: row.get(14)?,
    })
}

pub(super) fn happened_of(row: &Row<'_>) -> Result<Happened, StoreError> {
    Ok(Happened {
        at: at(row.get(0)?),
        account: id(row.get(1)?),
        name: row.get(2)?,
        what: row.get(3)?,
        region: row.get(4)?,
        stack: row.get(5)?,
        commit: row.get(6)?,
        sentence: row.get(7)?,
    })
}
