//! The answers that tell of change sets.

use super::{Action, Parameter, PolicyAction, Replacement, RollbackConfiguration, Tags};
use crate::cfn::words::{
    ChangeSetStatus, ChangeSource, Evaluation, ExecutionStatus, OnFailure, RequiresRecreation, ResourceDriftStatus,
    Scope, StackDriftStatus,
};
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct ChangeSetDescription {
    pub change_set_name: String,
    pub change_set_id: String,
    pub stack_id: String,
    pub stack_name: String,
    pub description: Option<String>,
    pub parameters: Vec<Parameter>,
    pub creation_time: Timestamp,
    pub execution_status: ExecutionStatus,
    pub status: ChangeSetStatus,
    pub status_reason: Option<String>,
    /// Drift-aware change sets only.
    pub stack_drift_status: Option<StackDriftStatus>,
    pub notification_arns: Vec<String>,
    pub rollback_configuration: RollbackConfiguration,
    pub capabilities: Vec<String>,
    pub tags: Tags,
    pub changes: Vec<Change>,
    pub next_token: Option<String>,
    pub include_nested_stacks: bool,
    pub parent_change_set_id: Option<String>,
    pub root_change_set_id: Option<String>,
    pub on_stack_failure: Option<OnFailure>,
    /// `DeploymentMode=REVERT_DRIFT`.
    pub revert_drift: bool,
    pub import_existing: bool,
}

/// One change (`ResourceChange`).
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub action: Action,
    pub policy_action: Option<PolicyAction>,
    pub logical_resource_id: String,
    pub physical_resource_id: Option<String>,
    pub resource_type: String,
    pub replacement: Option<Replacement>,
    pub scope: Vec<Scope>,
    pub details: Vec<Detail>,
    /// A nested stack's own change set.
    pub change_set_id: Option<String>,
    /// Drift-aware change sets only.
    pub resource_drift_status: Option<ResourceDriftStatus>,
    /// With property values only: JSON texts.
    pub before_context: Option<String>,
    pub after_context: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    pub target: Target,
    pub evaluation: Evaluation,
    pub change_source: ChangeSource,
    pub causing_entity: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub attribute: Scope,
    pub name: Option<String>,
    pub requires_recreation: RequiresRecreation,
    /// JSON pointer of the property.
    pub path: Option<String>,
    /// With property values only.
    pub before_value: Option<String>,
    pub after_value: Option<String>,
    /// `Add`, `Remove`, `Modify`; with property values only.
    pub attribute_change_type: Option<&'static str>,
    /// Drift-aware change sets only.
    pub drift: Option<TargetDrift>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TargetDrift {
    pub previous_value: String,
    pub actual_value: String,
    pub drift_detection_timestamp: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChangeSetSummary {
    pub change_set_id: String,
    pub change_set_name: String,
    pub stack_id: String,
    pub stack_name: String,
    pub status: ChangeSetStatus,
    pub status_reason: Option<String>,
    pub execution_status: ExecutionStatus,
    pub creation_time: Timestamp,
    pub description: Option<String>,
    pub include_nested_stacks: bool,
    pub parent_change_set_id: Option<String>,
    pub root_change_set_id: Option<String>,
}
