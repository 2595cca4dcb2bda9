//! The state machine of stacks: which status follows which, and what each status lets happen.
//!
//! The source of every row is reference/cloudformation.md 1.1 (the user guide's "View stack events" and "Stack failure
//! options", the API reference of each action). Not here: what happens to the resources on the way.

use super::words::{OnFailure, OperationType};
use plan::facts::Status::{self, *};

/// What ends the work of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it is done.
    Done,
    /// Something failed, and this is what was asked for that case.
    Failed(OnFailure),
    /// Somebody cancelled it.
    Cancelled,
}

/// The status after a status. `None`: nothing is under way in it, so nothing ends.
pub(crate) fn after(status: Status, outcome: Outcome) -> Option<Status> {
    use OnFailure::{Delete, DoNothing, Rollback};
    use Outcome::{Cancelled, Done, Failed};
    Some(match (status, outcome) {
        (CreateInProgress, Done) => CreateComplete,
        (CreateInProgress, Failed(Rollback) | Cancelled) => RollbackInProgress,
        (CreateInProgress, Failed(DoNothing)) => CreateFailed,
        (CreateInProgress, Failed(Delete)) => DeleteInProgress,
        (RollbackInProgress, Done) => RollbackComplete,
        (RollbackInProgress, Failed(_) | Cancelled) => RollbackFailed,

        (UpdateInProgress, Done) => UpdateCompleteCleanupInProgress,
        (UpdateInProgress, Failed(Rollback | Delete) | Cancelled) => UpdateRollbackInProgress,
        (UpdateInProgress, Failed(DoNothing)) => UpdateFailed,
        // After three failed deletes CloudFormation lets the old resource go, and says UPDATE_COMPLETE all the same.
        (UpdateCompleteCleanupInProgress, Done | Failed(_) | Cancelled) => UpdateComplete,
        (UpdateRollbackInProgress, Done) => UpdateRollbackCompleteCleanupInProgress,
        (UpdateRollbackInProgress, Failed(_) | Cancelled) => UpdateRollbackFailed,
        (UpdateRollbackCompleteCleanupInProgress, Done | Failed(_) | Cancelled) => UpdateRollbackComplete,

        (ImportInProgress, Done) => ImportComplete,
        (ImportInProgress, Failed(_) | Cancelled) => ImportRollbackInProgress,
        (ImportRollbackInProgress, Done) => ImportRollbackComplete,
        (ImportRollbackInProgress, Failed(_) | Cancelled) => ImportRollbackFailed,

        (DeleteInProgress, Done) => DeleteComplete,
        (DeleteInProgress, Failed(_) | Cancelled) => DeleteFailed,

        (
            CreateFailed
            | CreateComplete
            | RollbackFailed
            | RollbackComplete
            | DeleteFailed
            | DeleteComplete
            | UpdateComplete
            | UpdateFailed
            | UpdateRollbackFailed
            | UpdateRollbackComplete
            | ReviewInProgress
            | ImportComplete
            | ImportRollbackFailed
            | ImportRollbackComplete,
            _,
        ) => return None,
    })
}

/// What somebody asks of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// UpdateStack, or a change set of type UPDATE or IMPORT.
    Update,
    /// DeleteStack.
    Delete,
    /// ContinueUpdateRollback.
    Continue,
    /// RollbackStack.
    Rollback,
    /// CancelUpdateStack.
    Cancel,
    /// Drift detection.
    Detect,
}

/// Whether a status lets something be asked.
pub(crate) fn lets(status: Status, asked: Asked) -> bool {
    use Asked::{Cancel, Continue, Delete, Detect, Rollback, Update};
    match status {
        CreateComplete | UpdateComplete | UpdateRollbackComplete => matches!(asked, Update | Delete | Detect),
        // The user guide's list for drift detection does not name these.
        ImportComplete | ImportRollbackComplete => matches!(asked, Update | Delete),
        // An update only with DisableRollback, which is known when it is executed.
        CreateFailed | UpdateFailed => matches!(asked, Update | Delete | Rollback),
        UpdateRollbackFailed => matches!(asked, Delete | Continue | Detect),
        UpdateInProgress => asked == Cancel,
        CreateInProgress | RollbackInProgress => asked == Delete,
        RollbackComplete | RollbackFailed | DeleteFailed | ReviewInProgress | ImportRollbackFailed => asked == Delete,
        // A second DeleteStack is taken for the first.
        DeleteInProgress => asked == Delete,
        DeleteComplete
        | UpdateCompleteCleanupInProgress
        | UpdateRollbackInProgress
        | UpdateRollbackCompleteCleanupInProgress
        | ImportInProgress
        | ImportRollbackInProgress => false,
    }
}

/// Whether something is under way.
pub(crate) fn busy(status: Status) -> bool {
    status != ReviewInProgress && status.as_str().ends_with("_IN_PROGRESS")
}

/// The statuses in which a stack's last operation went well.
pub(crate) fn went_well(status: Status) -> bool {
    matches!(status, CreateComplete | UpdateComplete | ImportComplete | DeleteComplete)
}

/// The `OperationStatus` of an operation whose stack shows this status.
pub(crate) fn of_operation(kind: OperationType, status: Status) -> &'static str {
    if busy(status) {
        return "IN_PROGRESS";
    }
    let back = matches!(kind, OperationType::Rollback | OperationType::ContinueRollback);
    let is_back = matches!(status, RollbackComplete | UpdateRollbackComplete | ImportRollbackComplete);
    if went_well(status) || (back && is_back) { "SUCCEEDED" } else { "FAILED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_busy_statuses_have_a_next_one() {
        for status in Status::ALL {
            let next = after(*status, Outcome::Done);
            assert_eq!(next.is_some(), busy(*status), "{status:?}");
            assert_ne!(next, Some(*status));
        }
    }

    #[test]
    fn every_chain_of_good_ends_is_short() {
        for status in Status::ALL {
            let mut at = *status;
            let steps = std::iter::from_fn(|| after(at, Outcome::Done).inspect(|next| at = *next)).take(9).count();
            assert!(steps <= 2, "{status:?} takes {steps} steps");
        }
    }
}
