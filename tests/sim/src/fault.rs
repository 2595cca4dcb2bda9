//! What goes wrong on purpose: which call fails, how, and how often.
//!
//! A rule's chance is decided by (rule, account, action, occurrence) and the seed alone, so that leaving one fault out
//! of a trace leaves the others as they were. Not here: what a fault looks like on the wire, and AWS's own refusals.

use crate::{seed::Seed, store::Break};
use manifests::id::AccountId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An answer that says no, as every AWS service says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// AWS's error code.
    pub code: &'static str,
    /// AWS's sentence.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

impl Refusal {
    /// An answer that says no.
    pub fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status }
    }
}

/// What can be made to go wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fault {
    /// `Throttling`, "Rate exceeded": nothing is done.
    Throttle,
    /// A 5xx: nothing is done.
    Server {
        /// 500 to 599.
        status: u16,
    },
    /// No answer, and nothing is done.
    TimeoutBefore,
    /// The work is done, and its answer is lost.
    TimeoutAfter,
    /// The connection breaks before the work.
    Reset,
    /// `ExpiredToken`: nothing is done.
    ExpiredToken,
    /// `AccessDenied`: nothing is done.
    Denied,
    /// A read answers what it would have answered so many `DescribeStacks` calls ago.
    Stale {
        /// How many calls.
        calls: usize,
    },
    /// A listing fails with a 500 on this page, from 1.
    FailedPage {
        /// The page.
        page: usize,
    },
    /// `DescribeChangeSet` with property values leaves a resource out, as AWS does at times.
    DroppedChange {
        /// Its name in the template.
        logical: String,
    },
    /// The caller dies during the call: in process its future never completes, over HTTP the connection breaks.
    Crash {
        /// Whether the work is done first.
        after: bool,
    },
}

/// When a fault strikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// `service:Action`; `*` stands for any text: `cloudformation:Describe*`.
    pub action: String,
    /// In this account only.
    #[serde(default)]
    pub account: Option<AccountId>,
    /// So many matching calls go well first.
    #[serde(default)]
    pub after: u64,
    /// At most so often; absent means always.
    #[serde(default)]
    pub count: Option<u64>,
    /// The chance of each matching call, 0 to 1; absent means every one.
    #[serde(default)]
    pub probability: Option<f64>,
    /// What happens.
    pub fault: Fault,
}

/// A planted failure of resources that may not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plant {
    /// In this account only.
    #[serde(default)]
    pub account: Option<AccountId>,
    /// The stack's name; `*` stands for any text.
    pub stack: String,
    /// The resource's name in the template; `*` stands for any text.
    pub logical: String,
    /// What fails, and why.
    #[serde(flatten)]
    pub planted: Break,
}

/// Everything that goes wrong in one world.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    seed: u64,
    rules: Vec<Rule>,
    plants: Vec<Plant>,
    /// Matching calls so far, by (rule, account, action): the occurrence that decides a rule's chance.
    seen: BTreeMap<(usize, AccountId, String), u64>,
    /// Matching calls and strikes so far, by rule.
    totals: BTreeMap<usize, (u64, u64)>,
}

impl Faults {
    /// No faults yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// One more rule. Of several that match, the first decides.
    pub fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// One more planted failure.
    pub fn plant(&mut self, plant: Plant) {
        self.plants.push(plant);
    }

    /// From now on nothing goes wrong (the calm phase of a chaos test).
    pub fn clear(&mut self) {
        *self = Self::new(self.seed);
    }

    /// Whether any rule asks for a stale read: only then are old answers kept.
    pub(crate) fn remembers(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.fault, Fault::Stale { .. }))
    }

    /// What happens to this call. Counts it.
    pub fn judge(&mut self, account: &AccountId, action: &str) -> Option<Fault> {
        let mut verdict = None;
        for (index, rule) in self.rules.iter().enumerate() {
            if !matches(&rule.action, action) || rule.account.as_ref().is_some_and(|only| only != account) {
                continue;
            }
            let occurrence = self.seen.entry((index, account.clone(), action.to_owned())).or_default();
            *occurrence += 1;
            let (calls, strikes) = self.totals.entry(index).or_default();
            *calls += 1;
            let due = *calls > rule.after && rule.count.is_none_or(|count| *strikes < count);
            let site = format!("{index}/{account}/{action}/{occurrence}");
            let lucky = rule.probability.is_none_or(|p| Seed::of(self.seed, &site).fraction() < p);
            if verdict.is_none() && due && lucky {
                *strikes += 1;
                verdict = Some(rule.fault.clone());
            }
        }
        verdict
    }

    /// The reason, if a planted failure strikes this piece of work now. Counts.
    pub fn strike(
        &mut self,
        account: &AccountId,
        stack: &str,
        logical: &str,
        work: crate::store::Work,
    ) -> Option<String> {
        self.plants.iter_mut().find_map(|plant| {
            let here = plant.account.as_ref().is_none_or(|only| only == account);
            let fits = here && matches(&plant.stack, stack) && matches(&plant.logical, logical);
            fits.then(|| crate::store::strike(std::slice::from_mut(&mut plant.planted), work)).flatten()
        })
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
pub fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(tail, &rest[at..]))
        }),
    }
}
