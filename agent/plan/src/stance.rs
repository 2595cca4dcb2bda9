//! CloudFormation has 23 stack statuses; there are seven ways to stand towards them.
//!
//! The one match below is the whole table. Its basis is the CloudFormation User Guide ("Stack status codes",
//! "Continue rolling back an update", "Choose how to handle failures") and the `StackStatus` shape of the service model.

use crate::facts::{FoundStack, Status};
use alloc::string::{String, ToString};

/// What can be done with a stack in some status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// There is nothing of that name.
    Absent,
    /// Made to hold a change set, never more: no template, no resource.
    Shell,
    /// CloudFormation is at work; every call to change it would be refused.
    Busy,
    /// It is what it was last asked to be.
    Ready,
    /// The last change was refused and undone. The stack is sound, on what it was before.
    Undone,
    /// It never came up. CloudFormation will delete it, and do nothing else with it.
    Stillborn,
    /// Half done, and left so by CloudFormation. [`crate::recover`] says what is tried before a person is asked.
    Stuck(WayOut),
}

/// How a stuck stack gets going again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayOut {
    /// `RollbackStack`: one that never came up is deleted by it.
    RollBack,
    /// `ContinueUpdateRollback`, once what stops it is mended.
    ContinueRollback,
    /// It never came up, and not even that could be undone: delete it.
    Clear,
    /// Its deletion stopped: delete it again, once what stops that is mended.
    Delete,
    /// AWS documents none.
    Undocumented,
}

/// How to stand towards a stack in this status.
pub fn stance(status: Status) -> Stance {
    match status {
        Status::DeleteComplete => Stance::Absent,
        Status::ReviewInProgress => Stance::Shell,

        Status::CreateInProgress
        | Status::RollbackInProgress
        | Status::DeleteInProgress
        | Status::UpdateInProgress
        | Status::UpdateRollbackInProgress
        | Status::ImportInProgress
        | Status::ImportRollbackInProgress => Stance::Busy,
        // The new (or the old) configuration is live already; what it no longer needs is still being deleted, and
        // until that is done no change set can be executed.
        Status::UpdateCompleteCleanupInProgress | Status::UpdateRollbackCompleteCleanupInProgress => Stance::Busy,

        Status::CreateComplete | Status::UpdateComplete | Status::ImportComplete => Stance::Ready,
        Status::UpdateRollbackComplete | Status::ImportRollbackComplete => Stance::Undone,
        Status::RollbackComplete => Stance::Stillborn,

        // These two only exist where rollback was switched off, which Holdfast never does.
        Status::CreateFailed | Status::UpdateFailed => Stance::Stuck(WayOut::RollBack),
        Status::UpdateRollbackFailed => Stance::Stuck(WayOut::ContinueRollback),
        // Only a creation is rolled back to nothing, so what is left of it was never in use.
        Status::RollbackFailed => Stance::Stuck(WayOut::Clear),
        Status::DeleteFailed => Stance::Stuck(WayOut::Delete),
        Status::ImportRollbackFailed => Stance::Stuck(WayOut::Undocumented),
    }
}

impl FoundStack {
    /// How to stand towards it; `None` when its status is a word that we don't know.
    pub fn stance(&self) -> Option<Stance> {
        self.status.as_ref().ok().map(|status| stance(*status))
    }

    /// Whether it failed on the way up: CloudFormation has no earlier state of it to go back to, so nothing of value was
    /// ever in it. Its status alone proves that; outputs, which only a stack that came up has, would disprove it.
    pub fn is_unborn(&self) -> bool {
        let never = matches!(self.status, Ok(Status::CreateFailed | Status::RollbackFailed | Status::RollbackComplete));
        never && self.outputs.is_empty()
    }

    /// CloudFormation's word for its status.
    pub fn word(&self) -> String {
        match &self.status {
            Ok(status) => status.as_str().to_string(),
            Err(word) => word.clone(),
        }
    }
}

impl WayOut {
    /// What to do, as the end of a sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::RollBack => "roll it back (`aws cloudformation rollback-stack`) or delete it",
            Self::ContinueRollback => {
                "mend what stops the rollback, then `aws cloudformation continue-update-rollback` it, or name what it may \
                 leave out in the manifest's `recovery.skip`"
            }
            Self::Clear => "mend what stops its deletion, then `aws cloudformation delete-stack` it",
            Self::Delete => {
                "mend what stops its deletion, then `aws cloudformation delete-stack` it, or name what may be left \
                 standing in the manifest's `recovery.retain`"
            }
            Self::Undocumented => "ask AWS Support: no way out is documented",
        }
    }
}
