//! What people told this account's agent, outside the repository: leave something alone (a hold), stay at a commit (a pin),
//! go ahead with exactly that (an approval), let one stack stay as an earlier commit asked for it (a rollback). Each has a
//! reason, an author and an end.
//!
//! They are the account's own, written by `holdfast hold`, `pin`, `approve` and `rollback`; the agent reads them and writes
//! none.
//! What has ended no longer holds, whether anybody has tidied it away or not.

use crate::why::Why;
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use jiff::Timestamp;
use manifests::{
    approval,
    id::{CommitId, Digest, PlanDigest, StackKey, StackName},
    report::{ApprovalReport, HoldReport, PinReport, RollbackReport},
};
use serde::{Deserialize, Serialize};

/// Everything that people told the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orders {
    /// What is left alone.
    pub holds: Vec<Hold>,
    /// Where the account stays.
    pub pin: Option<Pin>,
    /// What may go ahead.
    pub approvals: Vec<Approval>,
    /// What stays at an earlier form.
    pub rollbacks: Vec<Rollback>,
    /// The commit that may be followed although it does not descend from the last accepted one.
    pub reset: Option<Reset>,
}

/// A stack, or the whole account, that is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Which stack, by CloudFormation's name, in every region; the whole account when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackName>,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
}

/// The commit that the account stays at, whatever the branch does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Which.
    pub commit: CommitId,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
}

/// Leave for what one plan destroys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The plan, by the first digits of its digest.
    pub plan: PlanDigest,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
}

/// A stack that stays as an earlier commit asked for it, whatever the branch does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// Which stack, by CloudFormation's name, in every region.
    pub stack: StackName,
    /// The commit whose form it has.
    pub commit: CommitId,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
}

/// Leave to follow a branch that was rewritten, set back or swapped, to exactly this commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Which.
    pub commit: CommitId,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
}

/// The same, as the report tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// What is left alone.
    pub holds: Vec<HoldReport>,
    /// Where the account stays.
    pub pin: Option<PinReport>,
    /// What may go ahead.
    pub approvals: Vec<ApprovalReport>,
    /// What stays at an earlier form.
    pub rollbacks: Vec<RollbackReport>,
}

/// Whose leave a plan has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leave {
    /// A person in the account gave it.
    Account,
    /// The repository did.
    Repository,
    /// Nobody.
    #[default]
    None,
}

impl Hold {
    /// The same as the reason for which a stack is not changed.
    pub(crate) fn why(&self) -> Why {
        Why::OnHold { until: self.until, reason: self.reason.clone(), by: self.by.clone() }
    }
}

impl Orders {
    /// Those that hold at this moment.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> Self {
        Self {
            holds: self.holds.iter().filter(|hold| hold.until > now).cloned().collect(),
            pin: self.pin.clone().filter(|pin| pin.until > now),
            approvals: self.approvals.iter().filter(|approval| approval.until > now).cloned().collect(),
            rollbacks: self.rollbacks.iter().filter(|rollback| rollback.until > now).cloned().collect(),
            reset: self.reset.clone().filter(|reset| reset.until > now),
        }
    }

    /// The hold on a stack that lasts longest.
    pub fn hold(&self, key: &StackKey) -> Option<&Hold> {
        let meant = |hold: &&Hold| hold.stack.as_ref().is_none_or(|stack| *stack == key.stack);
        self.holds.iter().filter(meant).max_by_key(|hold| hold.until)
    }

    /// Whose leave a plan has, these in force and the repository's beside them.
    pub fn leave(&self, plan: &Digest, repository: &[approval::Approval], now: Timestamp) -> Leave {
        if self.approvals.iter().any(|approval| approval.until > now && approval.plan.is_of(plan)) {
            Leave::Account
        } else if repository.iter().any(|approval| approval.until > now && approval.plan.is_of(plan)) {
            Leave::Repository
        } else {
            Leave::None
        }
    }

    /// The earlier form that a stack stays at.
    pub fn rollback(&self, key: &StackKey) -> Option<&Rollback> {
        self.rollbacks.iter().find(|rollback| rollback.stack == key.stack)
    }

    /// As the report tells them.
    pub fn told(&self) -> Told {
        let hold = |Hold { stack, until, reason, by }: Hold| HoldReport { stack, until, reason, by };
        let pin = |Pin { commit, until, reason, by }: Pin| PinReport { commit, until, reason, by };
        let approval = |Approval { plan, until, reason, by }: Approval| ApprovalReport {
            plan: plan.to_string(),
            until,
            reason,
            by,
        };
        let rollback = |Rollback { stack, commit, until, reason, by }: Rollback| RollbackReport {
            stack,
            commit,
            until,
            reason,
            by,
        };
        let Self { holds, pin: stays, approvals, rollbacks, reset: _ } = self.clone();
        Told {
            holds: holds.into_iter().map(hold).collect(),
            pin: stays.map(pin),
            approvals: approvals.into_iter().map(approval).collect(),
            rollbacks: rollbacks.into_iter().map(rollback).collect(),
        }
    }
}
