//! A plan as a value: every stack and how it stands, and the steps to take now. Who makes it is [`crate::plan`].

use crate::{
    asked::{Asked, Fingerprint},
    drift::heal::Heal,
    memory::Started,
    why::Why,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use manifests::{
    id::{CommitId, LogicalId, Name, StackKey},
    report::State,
};

/// What to do now, what waits, what is settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "an unread plan changes nothing"]
pub struct Plan {
    /// Every stack that is wanted here or was made here.
    pub rows: BTreeMap<StackKey, Row>,
    /// What to do now, in order: what others depend on first, removals last and alone.
    pub steps: Vec<Step>,
}

/// One stack in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The manifest that asks for it, or once did.
    pub manifest: Name,
    /// CloudFormation's word, if it is there.
    pub status: Option<String>,
    /// What is asked, once that is known.
    pub fingerprint: Option<Fingerprint>,
    /// How it stands.
    pub stand: Stand,
}

/// How a stack stands in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// It is what is asked.
    Settled,
    /// There is a step for it.
    Due(Action),
    /// Neither, and why.
    Not(Why),
}

/// One thing to do to one stack, with nothing left to decide while doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which stack.
    pub key: StackKey,
    /// Its manifest.
    pub manifest: Name,
    /// What.
    pub action: Action,
    /// The stack's ARN; `None` when it is not there, or only a shell.
    pub stack_id: Option<String>,
    /// The stack as it is now; `None` when it is not there, or only a shell.
    pub generation: Option<Fingerprint>,
    /// What its attempts are counted for, where no change set carries it.
    pub case: Option<Fingerprint>,
    /// Which attempt at this request it is, from 1.
    pub attempt: u32,
    /// Whether the stack is somebody else's so far, and is taken over with this.
    pub adopting: bool,
}

/// What there is to do to a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Bring it up: a change set of type CREATE.
    Create(Asked),
    /// Change it: a change set of type UPDATE.
    Update(Asked),
    /// Bring it back to the form that a commit had asked for: the same, for what failed its checks.
    Back(Asked, CommitId),
    /// Put back what somebody changed: a drift-aware change set of what the stack has already.
    Heal(Heal),
    /// Delete a stack that never came up, so that it can be created again.
    Clear {
        /// Its ARN.
        stack_id: String,
        /// Resources that are left standing, after a deletion that failed.
        retain: BTreeSet<LogicalId>,
    },
    /// Go on with an update's rollback that stopped.
    Continue {
        /// Its ARN.
        stack_id: String,
        /// Resources that are left out.
        skip: BTreeSet<LogicalId>,
    },
    /// Roll back a change that failed where rollback was switched off.
    RollBack {
        /// Its ARN.
        stack_id: String,
    },
    /// Delete a stack whose manifest left the repository.
    Remove {
        /// Its ARN.
        stack_id: String,
        /// Resources that are left standing, after a deletion that failed.
        retain: BTreeSet<LogicalId>,
    },
}

impl Action {
    /// The same, as it is remembered once started.
    pub fn started(&self) -> Started {
        match self {
            Self::Create(_) => Started::Create,
            Self::Update(_) => Started::Update,
            Self::Back(..) => Started::Back,
            Self::Heal(_) => Started::Heal,
            Self::Clear { .. } => Started::Clear,
            Self::Continue { .. } => Started::Continue,
            Self::RollBack { .. } => Started::RollBack,
            Self::Remove { .. } => Started::Remove,
        }
    }

    /// What it asks, if it asks for a configuration.
    pub fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Create(asked) | Self::Update(asked) | Self::Back(asked, _) => Some(asked),
            Self::Heal(_)
            | Self::Clear { .. }
            | Self::Continue { .. }
            | Self::RollBack { .. }
            | Self::Remove { .. } => None,
        }
    }

    /// The stack that it is done to by ARN; `None` for what a change set carries.
    pub fn stack_id(&self) -> Option<&str> {
        match self {
            Self::Create(_) | Self::Update(_) | Self::Back(..) | Self::Heal(_) => None,
            Self::Clear { stack_id, .. }
            | Self::Continue { stack_id, .. }
            | Self::RollBack { stack_id }
            | Self::Remove { stack_id, .. } => Some(stack_id),
        }
    }

    /// What it gives up because a manifest said that it may.
    pub fn gives_up(&self) -> Option<&BTreeSet<LogicalId>> {
        let names = match self {
            Self::Clear { retain, .. } | Self::Remove { retain, .. } => retain,
            Self::Continue { skip, .. } => skip,
            Self::Create(_) | Self::Update(_) | Self::Back(..) | Self::Heal(_) | Self::RollBack { .. } => return None,
        };
        (!names.is_empty()).then_some(names)
    }
}

impl Row {
    /// How it stands, in the report's word.
    pub fn state(&self) -> State {
        match &self.stand {
            Stand::Settled => State::InSync,
            Stand::Due(_) => State::Pending,
            Stand::Not(why) => why.state(),
        }
    }

    /// Whether nothing is left to do for it: it is what is asked, or is left as it is because its manifest says so.
    pub(crate) fn is_in_place(&self) -> bool {
        match &self.stand {
            Stand::Settled => true,
            Stand::Due(_) => false,
            Stand::Not(why) => why.state() == State::Excepted,
        }
    }

    /// Whether it is being changed now, by us or by somebody else, and as long as that may take, or has yet to prove
    /// itself: others wait for it to be done, so that a change that is no good does not get far.
    pub fn takes_seat(&self) -> bool {
        match &self.stand {
            Stand::Not(Why::Health(health)) => health.is_on_trial(),
            Stand::Not(why) => matches!(why, Why::Applying { .. } | Why::Busy { .. }),
            Stand::Settled | Stand::Due(_) => false,
        }
    }

    /// Whether another look can show it further on: it takes a seat, or is late and gave its seat up, so that what hangs
    /// stops nobody else.
    pub fn in_flight(&self) -> bool {
        match &self.stand {
            Stand::Not(why) => self.takes_seat() || matches!(why, Why::Late { .. }),
            Stand::Settled | Stand::Due(_) => false,
        }
    }
}
