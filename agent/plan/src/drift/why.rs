//! Why what somebody changed is not put back: one sentence each, that says what ends it.

use crate::why::Why;
use alloc::{
    collections::BTreeSet,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;
use jiff::Timestamp;

/// Why drift of a stack is not put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nobody looks.
    Off {
        /// Whether that is the account's word, and not the manifest's.
        account: bool,
    },
    /// It is told, and no more.
    Warn {
        /// Whether that is the account's word, and not the manifest's.
        account: bool,
    },
    /// A change of the stack comes first.
    ForChange,
    /// The stack's status takes no change set.
    Status(String),
    /// The same stops it that would stop any change.
    Stopped(Why),
    /// The account leaves alone what this author changes.
    Rule {
        /// Who, as far as that may be said.
        by: Option<String>,
        /// Until when.
        until: Timestamp,
    },
    /// The account leaves alone what some authors change, and CloudTrail has not said yet who it was.
    Unconfirmed {
        /// Who, as far as that may be said.
        by: Option<String>,
        /// Until when CloudTrail is waited for.
        until: Timestamp,
    },
    /// It was put back again and again.
    Flapping {
        /// How often within a day.
        times: usize,
        /// Who changed it last, as far as that may be said.
        authors: BTreeSet<String>,
        /// Until when it is left alone.
        until: Timestamp,
    },
    /// CloudFormation puts back no resource of these types.
    Kinds(BTreeSet<String>),
    /// The stack is somebody else's, or part of another one.
    Strange,
    /// As much was put back as the account allows in 24 hours.
    Spent {
        /// How much that is.
        most: u32,
        /// When there is room again.
        until: Option<Timestamp>,
    },
    /// It was tried, and stopped; the sentence says what ends that.
    Held(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off { account: false } => {
                f.write_str("is not looked at; ends when its manifest says another `mode` than `off` (`drift`)")
            }
            Self::Off { account: true } => {
                f.write_str("is not looked at; ends when this account's guardrails say another `mode` than `off` (`drift`)")
            }
            Self::Warn { account: false } => f.write_str(
                "is told and not put back (`mode: warn`); ends with `mode: heal` in its manifest, `holdfast drift heal`, or \
                 when the template says the same (`holdfast drift accept`)",
            ),
            Self::Warn { account: true } => f.write_str(
                "is told and not put back, because this account's guardrails allow no more (`drift.mode`); ends when they \
                 do, with `holdfast drift heal`, or when the template says the same (`holdfast drift accept`)",
            ),
            Self::ForChange => f.write_str("is put back with, or after, the change that the stack waits for"),
            Self::Status(status) => write!(f, "can't be put back while the stack is {status}; ends with a change that works"),
            Self::Stopped(why) => write!(f, "is not put back now: {why}"),
            Self::Rule { by, until } => write!(
                f,
                "is left alone until {until:.0}, because this account's guardrails say so of what {} changes (`drift.people`)",
                by.as_deref().unwrap_or("the one who did it")
            ),
            Self::Unconfirmed { by: Some(by), until } => write!(
                f,
                "waits for CloudTrail to say whether it was {by}, because this account leaves alone what some change \
                 (`drift.people`); put back at {until:.0} if it says nothing"
            ),
            Self::Unconfirmed { by: None, until } => write!(
                f,
                "waits for CloudTrail to say who it was, because this account leaves alone what some change (`drift.people`); put \
                 back at {until:.0} if it says nothing"
            ),
            Self::Flapping { times, authors, until } => {
                let who: Vec<String> = authors.iter().cloned().collect();
                let who = if who.is_empty() { String::new() } else { " by ".to_string() + &who.join(", ") };
                write!(
                    f,
                    "was put back {times} times within a day and changed again each time{who}: left as it is until {until:.0}; \
                     ends sooner with `holdfast drift heal`, or when the template says the same"
                )
            }
            Self::Kinds(kinds) => {
                let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
                write!(
                    f,
                    "can't be put back: CloudFormation's drift-aware change sets leave out {}; ends when a person does it, or \
                     the template says the same",
                    kinds.join(", ")
                )
            }
            Self::Strange => f.write_str(
                "is left alone, because the stack is somebody else's or part of another one; ends when it is taken over",
            ),
            Self::Spent { most, until: Some(until) } => write!(
                f,
                "waits, because this account allows {most} to be put back in 24 hours (`limits.healsPerDay`); goes on at \
                 {until:.0}"
            ),
            Self::Spent { most, until: None } => write!(
                f,
                "is more than this account allows to be put back in 24 hours ({most}, `limits.healsPerDay`); ends when its \
                 guardrails are raised, or a person puts it back"
            ),
            Self::Held(why) => f.write_str(why),
        }
    }
}
