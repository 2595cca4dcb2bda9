//! Who changed something, as far as CloudTrail says, and how much of that may leave the account.
//!
//! What an event says of an author is a claim until CloudTrail itself has said the same: anybody who may send to the queue
//! could have written it. So a claim is shown, and nothing is decided by it but to ask.

use crate::{asked::Fingerprint, quote::quote};
use alloc::{format, string::String};
use jiff::{SignedDuration, Timestamp};
use manifests::guardrails::{DriftRules, PeopleRule, Who};
use serde::{Deserialize, Serialize};

/// Who changed something, when, from where, by what call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// The principal: its ARN, or what stands in its place.
    pub by: String,
    /// The role behind a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The address, or the service that called for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `service:Action`.
    pub call: String,
    /// When.
    pub at: Timestamp,
    /// CloudTrail's own number of it.
    pub event: String,
    /// Whether CloudTrail itself was asked, and said so.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub sure: bool,
}

/// An author as far as the account lets it be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Who.
    pub by: Option<String>,
    /// From where.
    pub from: Option<String>,
    /// By what call.
    pub call: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// Whether all of it is what an event says, and CloudTrail itself has not said it yet.
    pub claimed: bool,
}

impl Author {
    /// As far as the account lets it be told: principal and address in full, as hashes that are the same for the same, or
    /// not at all. What was called, and when, says nothing of a person.
    pub fn told(&self, who: Who) -> Told {
        let shown = |text: &str| match who {
            Who::Full => Some(quote(text)),
            Who::Hashed => Some(hashed(text)),
            Who::None => None,
        };
        let from = self.from.as_deref().and_then(shown);
        Told { by: shown(&self.by), from, call: Some(quote(&self.call)), at: Some(self.at), claimed: !self.sure }
    }

    /// Until when the account's rules leave alone what this author changed, if one of them is about this author.
    pub fn left_alone(&self, rules: &DriftRules) -> Option<Timestamp> {
        let meant =
            |rule: &&PeopleRule| rule.by.fits(&self.by) || self.role.as_ref().is_some_and(|role| rule.by.fits(role));
        let longest = rules.people.iter().filter(meant).map(|rule| rule.hold).max()?;
        self.at.checked_add(SignedDuration::try_from(longest).ok()?).ok()
    }
}

impl Told {
    /// As a part of a sentence: ` by … from … with … at …`; empty when nothing may be said.
    pub fn sentence(&self) -> String {
        let part = |word: &str, text: &Option<String>| text.as_ref().map(|text| format!(" {word} {text}"));
        let at = self.at.map(|at| format!(" at {at:.0}"));
        let claimed = (self.claimed && at.is_some()).then(|| String::from(" (an event says so)"));
        let parts = [part("by", &self.by), part("from", &self.from), part("with", &self.call), at, claimed];
        parts.into_iter().flatten().collect()
    }
}

/// The same text has the same hash in every report of every account, so that a hub can say "the same person".
fn hashed(text: &str) -> String {
    let digest = format!("{}", Fingerprint::of(text.as_bytes()));
    format!("sha256:{}", digest.get(..12).unwrap_or_default())
}
