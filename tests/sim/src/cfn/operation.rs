//! One operation on a stack: its jobs, and the journal from which it is undone.
//!
//! Values only; [`super::run`] does the jobs.

use super::{
    api::ResourceToImport,
    stack::{Goal, Member},
    words::{OnFailure, OperationType},
};
use crate::{store::Properties, template::Policy};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Values to set, and properties to take away.
pub(crate) type Changes = BTreeMap<String, Option<Value>>;

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) kind: OperationType,
    pub(crate) id: String,
    pub(crate) token: Option<String>,
    /// `None` for a deletion.
    pub(crate) goal: Option<Arc<Goal>>,
    /// What the stack was before.
    pub(crate) before: Option<Arc<Goal>>,
    /// Its resources before.
    pub(crate) members: BTreeMap<String, Member>,
    /// Compare with what is really there, not with the last deployment.
    pub(crate) revert_drift: bool,
    /// Resources to write to though nothing differs, and whether to replace them.
    pub(crate) touches: BTreeMap<String, bool>,
    pub(crate) on_failure: OnFailure,
    pub(crate) retain_except_on_create: bool,
    pub(crate) imports: Vec<ResourceToImport>,
    /// Resources that a deletion leaves where they are.
    pub(crate) retained: Vec<String>,
    /// A deletion that leaves behind whatever will not go.
    pub(crate) force: bool,
    pub(crate) jobs: Vec<Job>,
    /// What was done, in order.
    pub(crate) journal: Vec<Done>,
    /// What is to be deleted in cleanup.
    pub(crate) leftovers: Vec<Leftover>,
    pub(crate) cancelled: bool,
    /// The stack policy under which it runs.
    pub(crate) policy: Option<String>,
    /// It goes on from where a failed one stopped, and is undone to where that one began.
    pub(crate) carried: bool,
    /// When a creation has taken too long.
    pub(crate) deadline: Option<Timestamp>,
    /// Until when rollback triggers are watched, once the resources are done.
    pub(crate) watched: Option<Timestamp>,
}

impl Operation {
    /// An operation with nothing to do yet.
    pub(crate) fn new(kind: OperationType, id: String, token: Option<String>, goal: Option<Arc<Goal>>) -> Self {
        Self {
            kind,
            id,
            token,
            goal,
            before: None,
            members: BTreeMap::new(),
            revert_drift: false,
            touches: BTreeMap::new(),
            on_failure: OnFailure::Rollback,
            retain_except_on_create: false,
            imports: vec![],
            retained: vec![],
            force: false,
            jobs: vec![],
            journal: vec![],
            leftovers: vec![],
            cancelled: false,
            policy: None,
            carried: false,
            deadline: None,
            watched: None,
        }
    }

    /// The resources whose jobs failed.
    pub(crate) fn failed(&self) -> Vec<&str> {
        self.jobs.iter().filter(|job| job.state == State::Failed).map(|job| job.logical.as_str()).collect()
    }
}

/// One piece of work on one resource.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) logical: String,
    pub(crate) task: Task,
    /// Jobs that come first, by index.
    pub(crate) needs: BTreeSet<usize>,
    /// Whether a failed job before it does not hold it up.
    pub(crate) stubborn: bool,
    pub(crate) state: State,
}

impl Job {
    /// A job that waits.
    pub(crate) fn new(logical: &str, task: Task, needs: BTreeSet<usize>) -> Self {
        Self { logical: logical.to_owned(), task, needs, stubborn: false, state: State::Waiting }
    }
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    Waiting,
    Running(Timestamp, Deed),
    Done,
    Failed,
    /// Given up because another failed.
    Dropped,
}

/// What a job is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Task {
    /// Bring a resource to the goal.
    Bring,
    /// Take a resource that exists into the stack.
    Import(ResourceToImport),
    /// Undo something.
    Undo(Done),
    /// Delete something.
    Drop(Leftover),
}

/// What a running job does when its time is up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deed {
    Create(Properties),
    Update(Properties, Changes),
    /// Make a new one; the old one becomes a leftover if it is still there.
    Replace(Properties),
    /// Wait for a nested stack.
    Child(String, Properties),
    Import(Properties, String),
    Undo(Done),
    Drop(Leftover),
}

/// What was done to a resource, as far as undoing needs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Done {
    Created {
        logical: String,
    },
    /// What puts it back.
    Updated {
        logical: String,
        restore: Changes,
    },
    /// The new physical id.
    Replaced {
        logical: String,
        new: String,
    },
    /// A nested stack, and what it was.
    Child {
        logical: String,
        goal: Arc<Goal>,
    },
    Imported {
        logical: String,
    },
}

impl Done {
    pub(crate) fn logical(&self) -> &str {
        match self {
            Self::Created { logical }
            | Self::Updated { logical, .. }
            | Self::Replaced { logical, .. }
            | Self::Child { logical, .. }
            | Self::Imported { logical } => logical,
        }
    }
}

/// A resource that is to go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leftover {
    pub(crate) logical: String,
    pub(crate) kind: String,
    pub(crate) physical: String,
    pub(crate) policy: Policy,
}
