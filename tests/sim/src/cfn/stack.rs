//! What CloudFormation keeps of a region: stacks, change sets, detections.
//!
//! Records only. What a stack believes of a resource is its [`Member`]; what is really there is the
//! [`crate::store::Store`]'s.

use super::{
    api::{
        Change, ChangeSetSummary, DriftInformation, HookResult, Output, ResourceToImport, RollbackConfiguration,
        StackDescription, StackEvent, StackResourceDrift, StackSummary, Tags,
    },
    operation::Operation,
    words::{
        ChangeSetStatus, ChangeSetType, DetectionStatus, ExecutionStatus, OnFailure, OperationType, ResourceStatus,
        StackDriftStatus,
    },
};
use crate::{
    store::Properties,
    template::{Declaration, Policy, Template, eval::Pseudo, parameters::Given},
};
use jiff::Timestamp;
use plan::facts::Status;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// One region.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stacks {
    /// By ARN, the deleted ones too.
    pub(crate) stacks: BTreeMap<String, Stack>,
    /// The ARNs of those that are not deleted, by name.
    pub(crate) names: BTreeMap<String, String>,
    /// By ARN.
    pub(crate) change_sets: BTreeMap<String, ChangeSet>,
    /// By id.
    pub(crate) detections: BTreeMap<String, Detection>,
    /// Past answers of DescribeStacks, newest first, for stale reads.
    pub(crate) past: VecDeque<Vec<StackDescription>>,
}

/// What a stack is brought to by an operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    pub(crate) template: Arc<Template>,
    pub(crate) parameters: BTreeMap<String, Given>,
    pub(crate) tags: Tags,
    pub(crate) capabilities: Vec<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) notification_arns: Vec<String>,
    pub(crate) rollback: RollbackConfiguration,
    pub(crate) pseudo: Pseudo,
}

impl Goal {
    /// What `Ref` of each parameter gives.
    pub(crate) fn values(&self) -> BTreeMap<String, Value> {
        self.parameters.iter().map(|(name, given)| (name.clone(), given.value.clone())).collect()
    }
}

/// One stack.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The ARN of the stack that it belongs to, and its name there.
    pub(crate) parent: Option<(String, String)>,
    pub(crate) root: Option<String>,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Option<Timestamp>,
    pub(crate) deleted: Option<Timestamp>,
    /// `None` for a shell in review.
    pub(crate) goal: Option<Arc<Goal>>,
    /// What it was before its last operation.
    pub(crate) before: Option<Arc<Goal>>,
    /// The change set executed last; none after a direct update.
    pub(crate) change_set: Option<String>,
    pub(crate) resources: BTreeMap<String, Member>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) imports: BTreeSet<String>,
    pub(crate) protected: bool,
    pub(crate) policy: Option<String>,
    pub(crate) disable_rollback: bool,
    pub(crate) retain_except_on_create: bool,
    pub(crate) timeout_in_minutes: Option<u32>,
    pub(crate) drift: DriftInformation,
    /// Oldest first.
    pub(crate) events: Vec<StackEvent>,
    /// Oldest first.
    pub(crate) operations: Vec<Past>,
    /// The operation under way, or the one that got stuck.
    pub(crate) work: Option<Operation>,
}

/// One operation that a stack has had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) kind: OperationType,
    pub(crate) id: String,
    pub(crate) token: Option<String>,
}

/// A resource as its stack knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) kind: String,
    pub(crate) physical: Option<String>,
    /// What it was deployed as; dynamic references unread.
    pub(crate) declared: Properties,
    pub(crate) status: ResourceStatus,
    pub(crate) reason: Option<String>,
    pub(crate) at: Timestamp,
    pub(crate) deletion: Policy,
    pub(crate) replacement: Policy,
    pub(crate) metadata: Option<Value>,
    /// The resources of the stack that it needs.
    pub(crate) needs: BTreeSet<String>,
    pub(crate) drift: Option<StackResourceDrift>,
}

impl Member {
    /// A resource that is not there yet.
    pub(crate) fn new(declaration: &Declaration, at: Timestamp) -> Self {
        let mut member = Self {
            kind: declaration.kind.clone(),
            physical: None,
            declared: Properties::new(),
            status: ResourceStatus::CreateInProgress,
            reason: None,
            at,
            deletion: Policy::Delete,
            replacement: Policy::Delete,
            metadata: None,
            needs: BTreeSet::new(),
            drift: None,
        };
        member.follow(declaration);
        member
    }

    /// Takes over what the template says beside the properties.
    pub(crate) fn follow(&mut self, declaration: &Declaration) {
        self.deletion = declaration.deletion.unwrap_or(Policy::Delete);
        self.replacement = declaration.replacement.unwrap_or(Policy::Delete);
        self.metadata.clone_from(&declaration.metadata);
    }
}

/// One change set.
#[derive(Debug, Clone)]
pub(crate) struct ChangeSet {
    pub(crate) summary: ChangeSetSummary,
    pub(crate) kind: ChangeSetType,
    pub(crate) goal: Arc<Goal>,
    pub(crate) token: Option<String>,
    pub(crate) changes: Vec<Change>,
    pub(crate) imports: Vec<ResourceToImport>,
    /// Whether what exists already is taken in.
    pub(crate) import_existing: bool,
    pub(crate) on_stack_failure: Option<OnFailure>,
    pub(crate) revert_drift: bool,
    pub(crate) stack_drift: Option<StackDriftStatus>,
    /// Resources in sync that it writes to all the same, and whether it replaces them.
    pub(crate) touches: BTreeMap<String, bool>,
    /// What early validation found.
    pub(crate) events: Vec<StackEvent>,
    /// The paths of what it found, one for each event.
    pub(crate) paths: Vec<String>,
    /// What hooks said of it.
    pub(crate) hooks: Vec<HookResult>,
    pub(crate) operation: String,
}

impl ChangeSet {
    /// Whether it is still being made.
    pub(crate) fn pending(&self) -> bool {
        matches!(self.summary.status, ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress)
    }

    /// Whether it was executed, or is being.
    pub(crate) fn executed(&self) -> bool {
        match self.summary.execution_status {
            ExecutionStatus::ExecuteInProgress | ExecutionStatus::ExecuteComplete | ExecutionStatus::ExecuteFailed => {
                true
            }
            ExecutionStatus::Unavailable | ExecutionStatus::Available | ExecutionStatus::Obsolete => false,
        }
    }

    /// Whether it can be executed.
    pub(crate) fn available(&self) -> bool {
        self.summary.execution_status == ExecutionStatus::Available
    }
}

/// One run of drift detection.
#[derive(Debug, Clone)]
pub(crate) struct Detection {
    pub(crate) stack_id: String,
    /// Empty means all.
    pub(crate) logical: Vec<String>,
    pub(crate) status: DetectionStatus,
    pub(crate) reason: Option<String>,
    pub(crate) drift: Option<StackDriftStatus>,
    pub(crate) drifted: Option<u32>,
    pub(crate) at: Timestamp,
}

impl Stack {
    /// A stack that nothing was done to yet.
    pub(crate) fn new(id: String, name: String, status: Status, now: Timestamp) -> Self {
        Self {
            id,
            name,
            parent: None,
            root: None,
            status,
            reason: None,
            created: now,
            updated: None,
            deleted: None,
            goal: None,
            before: None,
            change_set: None,
            resources: BTreeMap::new(),
            outputs: vec![],
            imports: BTreeSet::new(),
            protected: false,
            policy: None,
            disable_rollback: false,
            retain_except_on_create: false,
            timeout_in_minutes: None,
            drift: DriftInformation { status: StackDriftStatus::NotChecked, last_check: None },
            events: vec![],
            operations: vec![],
            work: None,
        }
    }

    /// As `DescribeStacks` shows it.
    pub(crate) fn describe(&self) -> StackDescription {
        let goal = self.goal.as_deref();
        let dead = matches!(self.status, Status::RollbackComplete | Status::RollbackFailed)
            || self.status.as_str().starts_with("DELETE_");
        StackDescription {
            stack_id: self.id.clone(),
            stack_name: self.name.clone(),
            // reference/cloudformation.md 1.2: absent in ROLLBACK_COMPLETE, ROLLBACK_FAILED and DELETE_*.
            change_set_id: self.change_set.clone().filter(|_| !dead),
            description: goal.and_then(|goal| goal.template.description.clone()),
            parameters: goal.map(|goal| super::read::parameters(&goal.parameters)).unwrap_or_default(),
            creation_time: self.created,
            deletion_time: self.deleted,
            last_updated_time: self.updated,
            rollback_configuration: goal.map(|goal| goal.rollback.clone()).unwrap_or_default(),
            stack_status: self.status,
            stack_status_reason: self.reason.clone(),
            disable_rollback: self.disable_rollback,
            notification_arns: goal.map(|goal| goal.notification_arns.clone()).unwrap_or_default(),
            timeout_in_minutes: self.timeout_in_minutes,
            capabilities: goal.map(|goal| goal.capabilities.clone()).unwrap_or_default(),
            outputs: self.outputs.clone(),
            role_arn: goal.and_then(|goal| goal.role_arn.clone()),
            tags: goal.map(|goal| goal.tags.clone()).unwrap_or_default(),
            enable_termination_protection: self.protected,
            parent_id: self.parent.as_ref().map(|(id, _)| id.clone()),
            root_id: self.root.clone(),
            drift: self.drift,
            retain_except_on_create: self.retain_except_on_create,
            last_operations: self.operations.iter().rev().map(|past| (past.kind, past.id.clone())).take(10).collect(),
        }
    }

    /// As `ListStacks` shows it.
    pub(crate) fn summary(&self) -> StackSummary {
        StackSummary {
            stack_id: self.id.clone(),
            stack_name: self.name.clone(),
            template_description: self.goal.as_ref().and_then(|goal| goal.template.description.clone()),
            creation_time: self.created,
            last_updated_time: self.updated,
            deletion_time: self.deleted,
            stack_status: self.status,
            stack_status_reason: self.reason.clone(),
            parent_id: self.parent.as_ref().map(|(id, _)| id.clone()),
            root_id: self.root.clone(),
            drift: self.drift,
        }
    }
}
