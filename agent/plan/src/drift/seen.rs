//! What drift detection saw, as values: CloudFormation's answers in our own words.
//!
//! Not here: whether any of it matters ([`super::learn`]).

use crate::facts::Seen;
use alloc::{string::String, vec::Vec};
use jiff::Timestamp;
use manifests::id::StackKey;

/// A stack whose resources are asked about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which stack.
    pub key: StackKey,
    /// Its ARN: a name can be used again, this can't.
    pub stack_id: String,
}

/// A resource in its stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The stack.
    pub place: Place,
    /// The resource's name in its template.
    pub logical: String,
}

/// One resource of a stack, as `ListStackResources` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name in the template.
    pub logical: String,
    /// Its name in the account, if it has one.
    pub physical: Option<String>,
    /// `AWS::…::…`.
    pub kind: String,
    /// When CloudFormation did something with it last, as `LastUpdatedTimestamp`.
    pub touched: Option<Timestamp>,
    /// How the last look found it; `None` for a word that CloudFormation learned after us.
    pub seen: Option<Seen>,
}

/// One resource that is not as its stack asked for it, as `DescribeStackResourceDrifts` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// Its name in the template.
    pub logical: String,
    /// Its name in the account, if it has one.
    pub physical: Option<String>,
    /// `AWS::…::…`.
    pub kind: String,
    /// How it was found; `None` for a word that CloudFormation learned after us.
    pub seen: Option<Seen>,
    /// Why it could not be told, if CloudFormation says.
    pub reason: Option<String>,
    /// Property by property.
    pub differences: Vec<Difference>,
}

/// One property that is not as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Where, as a JSON pointer into the resource's properties.
    pub path: String,
    /// What was asked for; a value that is no text is JSON.
    pub expected: String,
    /// What is there.
    pub actual: String,
    /// `ADD`, `REMOVE` or `NOT_EQUAL`.
    pub how: String,
}

/// How far a detection has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detection {
    /// Still looking.
    Running,
    /// It has looked at everything that it can look at.
    Done,
    /// Of at least one resource it could not tell; the others were looked at.
    Failed(String),
    /// CloudFormation knows of no such detection (any more).
    Gone,
}

/// One look at a stack: all of it, or one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When it was begun.
    pub at: Timestamp,
    /// When it was read: each resource was compared at some time between the two.
    pub read: Timestamp,
    /// What there is in the stack; empty when one resource was looked at.
    pub resources: Vec<Resource>,
    /// What is not as it was asked for, or could not be told.
    pub deviations: Vec<Deviation>,
    /// The one resource that was looked at, where it was one.
    pub only: Option<String>,
    /// Why it is not whole, if it is not.
    pub failed: Option<String>,
}
