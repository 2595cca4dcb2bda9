//! Leave to do one thing to one stack. Only [`crate::guard`] makes one; only the cloud's `act` takes one.

use alloc::{collections::BTreeSet, string::String};
use manifests::id::{LogicalId, StackKey};

/// Leave to do one thing to one stack. It can't be made outside this crate, so nothing is executed or deleted that the
/// guard has not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    key: StackKey,
    act: Act,
    token: String,
}

/// What is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Execute exactly this change set (ARN), which is the one that was judged.
    Execute {
        /// The change set's ARN.
        change_set: String,
        /// The stack's ARN.
        stack_id: String,
    },
    /// Delete exactly this stack (ARN).
    Delete {
        /// The stack's ARN.
        stack_id: String,
        /// Resources that are left standing; a stack takes such a list only after a deletion that failed.
        retain: BTreeSet<LogicalId>,
    },
    /// Go on with exactly this stack's rollback (ARN).
    Continue {
        /// The stack's ARN.
        stack_id: String,
        /// Resources that are left out.
        skip: BTreeSet<LogicalId>,
    },
    /// Roll exactly this stack back (ARN).
    RollBack {
        /// The stack's ARN.
        stack_id: String,
    },
}

impl Permit {
    pub(crate) fn new(key: StackKey, act: Act, token: String) -> Self {
        Self { key, act, token }
    }

    /// Which stack.
    pub fn key(&self) -> &StackKey {
        &self.key
    }

    /// What.
    pub fn act(&self) -> &Act {
        &self.act
    }

    /// The `ClientRequestToken`: CloudFormation copies it to every event of the operation, and takes a second call with
    /// the same one for the first.
    pub fn token(&self) -> &str {
        &self.token
    }
}
