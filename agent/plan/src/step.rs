//! A plan as a value: every stack and how it stands, and the steps to take now. Who makes it is [`crate::plan`].

use crate::{
    asked::{Asked, Fingerprint},
    memory::Started,
    why::Why,
};
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use manifests::{
    id::{Name, StackKey},
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
    /// The stack as it is now; `None` when it is not there, or only a shell.
    pub generation: Option<Fingerprint>,
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
    /// Delete a stack that never came up, so that it can be created again.
    Clear {
        /// Its ARN.
        stack_id: String,
    },
    /// Delete a stack whose manifest left the repository.
    Remove {
        /// Its ARN.
        stack_id: String,
    },
}

impl Action {
    /// The same, as it is remembered once started.
    pub fn started(&self) -> Started {
        match self {
            Self::Create(_) => Started::Create,
            Self::Update(_) => Started::Update,
            Self::Clear { .. } => Started::Clear,
            Self::Remove { .. } => Started::Remove,
        }
    }

    /// What it asks, if it asks for a configuration.
    pub fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Create(asked) | Self::Update(asked) => Some(asked),
            Self::Clear { .. } | Self::Remove { .. } => None,
        }
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

    /// Whether it is being changed now, by us or by somebody else, and as long as that may take: others wait for it to
    /// be done.
    pub fn takes_seat(&self) -> bool {
        match &self.stand {
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
