//! CloudFormation's API as types: one for each request and one for each answer, field by field.
//!
//! A name stands for a stack's name or its ARN wherever AWS takes either. An optional field that AWS leaves out of its
//! answer is `None` here. Not here: anything that acts.

#![expect(missing_docs, reason = "the fields are CloudFormation's own, under its own names")]

use super::words::{
    ChangeSetType, DetectionStatus, DifferenceType, OnFailure, OperationType, ResourceDriftStatus, ResourceStatus,
    StackDriftStatus,
};
use jiff::Timestamp;
pub use plan::facts::{Action, PolicyAction, Replacement, Status};
use std::collections::BTreeMap;

mod changes;
pub use changes::{Change, ChangeSetDescription, ChangeSetSummary, Detail, Target, TargetDrift};

/// What CloudFormation answers when it says no.
pub type CfnError = crate::fault::Refusal;

pub type Tags = BTreeMap<String, String>;

/// A page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameter {
    pub key: String,
    pub value: Option<String>,
    pub use_previous_value: bool,
    /// In answers: what an SSM parameter's name stood for at the last deployment.
    pub resolved_value: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollbackConfiguration {
    /// (ARN, type).
    pub triggers: Vec<(String, String)>,
    pub monitoring_time_in_minutes: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    pub key: String,
    pub value: String,
    pub description: Option<String>,
    pub export_name: Option<String>,
}

/// What CreateStack, UpdateStack and CreateChangeSet have in common. `None` keeps what the stack has.
#[derive(Debug, Clone, Default)]
pub struct Deployment {
    pub stack_name: String,
    pub template_body: Option<String>,
    pub template_url: Option<String>,
    pub use_previous_template: bool,
    pub parameters: Vec<Parameter>,
    pub capabilities: Vec<String>,
    pub resource_types: Vec<String>,
    pub role_arn: Option<String>,
    pub rollback_configuration: Option<RollbackConfiguration>,
    pub notification_arns: Option<Vec<String>>,
    pub tags: Option<Tags>,
}

#[derive(Debug, Clone, Default)]
pub struct CreateStack {
    pub deployment: Deployment,
    pub client_request_token: Option<String>,
    pub disable_rollback: Option<bool>,
    pub on_failure: Option<OnFailure>,
    pub enable_termination_protection: bool,
    pub retain_except_on_create: bool,
    pub stack_policy_body: Option<String>,
    pub timeout_in_minutes: Option<u32>,
}

#[derive(Debug, Clone, Default)]
pub struct UpdateStack {
    pub deployment: Deployment,
    pub client_request_token: Option<String>,
    pub disable_rollback: Option<bool>,
    pub retain_except_on_create: bool,
    pub stack_policy_body: Option<String>,
    pub stack_policy_during_update_body: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct DeleteStack {
    pub stack_name: String,
    pub client_request_token: Option<String>,
    pub retain_resources: Vec<String>,
    pub role_arn: Option<String>,
    /// `DeletionMode=FORCE_DELETE_STACK`.
    pub force: bool,
}

/// One entry of `ResourcesToImport`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceToImport {
    pub resource_type: String,
    pub logical_resource_id: String,
    pub resource_identifier: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default)]
pub struct CreateChangeSet {
    pub deployment: Deployment,
    pub change_set_name: String,
    /// Absent means UPDATE.
    pub change_set_type: Option<ChangeSetType>,
    pub client_token: Option<String>,
    pub description: Option<String>,
    pub resources_to_import: Vec<ResourceToImport>,
    /// `ImportExistingResources`.
    pub import_existing: bool,
    pub include_nested_stacks: bool,
    pub on_stack_failure: Option<OnFailure>,
    /// `DeploymentMode=REVERT_DRIFT`.
    pub revert_drift: bool,
}

/// What CreateStack, UpdateStack and RollbackStack answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackOperation {
    pub stack_id: String,
    pub operation_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetCreated {
    pub id: String,
    pub stack_id: String,
}

#[derive(Debug, Clone, Default)]
pub struct DescribeChangeSet {
    pub change_set_name: String,
    pub stack_name: Option<String>,
    pub include_property_values: bool,
    pub next_token: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct ExecuteChangeSet {
    pub change_set_name: String,
    pub stack_name: Option<String>,
    pub client_request_token: Option<String>,
    /// Absent means true, as the API reference says ("Default: True").
    pub disable_rollback: Option<bool>,
    pub retain_except_on_create: bool,
}

/// A stack as `DescribeStacks` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct StackDescription {
    pub stack_id: String,
    pub stack_name: String,
    pub change_set_id: Option<String>,
    pub description: Option<String>,
    pub parameters: Vec<Parameter>,
    pub creation_time: Timestamp,
    pub deletion_time: Option<Timestamp>,
    pub last_updated_time: Option<Timestamp>,
    pub rollback_configuration: RollbackConfiguration,
    pub stack_status: Status,
    pub stack_status_reason: Option<String>,
    pub disable_rollback: bool,
    pub notification_arns: Vec<String>,
    pub timeout_in_minutes: Option<u32>,
    pub capabilities: Vec<String>,
    pub outputs: Vec<Output>,
    pub role_arn: Option<String>,
    pub tags: Tags,
    pub enable_termination_protection: bool,
    pub parent_id: Option<String>,
    pub root_id: Option<String>,
    pub drift: DriftInformation,
    pub retain_except_on_create: bool,
    /// Newest first.
    pub last_operations: Vec<(OperationType, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriftInformation {
    pub status: StackDriftStatus,
    pub last_check: Option<Timestamp>,
}

/// A stack as `ListStacks` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct StackSummary {
    pub stack_id: String,
    pub stack_name: String,
    pub template_description: Option<String>,
    pub creation_time: Timestamp,
    pub last_updated_time: Option<Timestamp>,
    pub deletion_time: Option<Timestamp>,
    pub stack_status: Status,
    pub stack_status_reason: Option<String>,
    pub parent_id: Option<String>,
    pub root_id: Option<String>,
    pub drift: DriftInformation,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StackEvent {
    pub event_id: String,
    pub stack_id: String,
    pub stack_name: String,
    pub operation_id: String,
    pub logical_resource_id: String,
    pub physical_resource_id: Option<String>,
    pub resource_type: String,
    pub timestamp: Timestamp,
    /// A stack's own events use the 23 words of stacks, a resource's events those of resources.
    pub resource_status: String,
    pub resource_status_reason: Option<String>,
    pub resource_properties: Option<String>,
    pub client_request_token: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct DescribeEvents {
    pub stack_name: Option<String>,
    pub change_set_name: Option<String>,
    pub operation_id: Option<String>,
    pub failed_events: bool,
    pub next_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OperationEvent {
    pub event: StackEvent,
    pub operation_type: OperationType,
    /// `IN_PROGRESS`, `SUCCEEDED`, `FAILED`, on the stack's own events.
    pub operation_status: Option<&'static str>,
    /// `STACK_EVENT`, `PROVISIONING_ERROR` or `VALIDATION_ERROR`.
    pub event_type: &'static str,
    pub validation_path: Option<String>,
}

/// What one hook said of one change set, as ListHookResults shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookResult {
    pub type_name: String,
    /// `HOOK_COMPLETE_SUCCEEDED` or `HOOK_COMPLETE_FAILED`.
    pub status: &'static str,
    pub reason: Option<String>,
    pub target_id: String,
}

/// A resource of a stack, as DescribeStackResource(s) and ListStackResources show it.
#[derive(Debug, Clone, PartialEq)]
pub struct StackResourceDescription {
    pub stack_id: String,
    pub stack_name: String,
    pub logical_resource_id: String,
    pub physical_resource_id: Option<String>,
    pub resource_type: String,
    pub timestamp: Timestamp,
    pub resource_status: ResourceStatus,
    pub resource_status_reason: Option<String>,
    pub drift_status: ResourceDriftStatus,
    pub drift_checked: Option<Timestamp>,
    /// JSON text; DescribeStackResource only.
    pub metadata: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TemplateParameter {
    pub parameter_key: String,
    pub default_value: Option<String>,
    pub no_echo: bool,
    pub description: Option<String>,
    pub parameter_type: String,
    pub allowed_values: Vec<String>,
}

/// What GetTemplateSummary and ValidateTemplate answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateSummary {
    pub description: Option<String>,
    pub parameters: Vec<TemplateParameter>,
    pub capabilities: Vec<String>,
    pub capabilities_reason: Option<String>,
    pub resource_types: Vec<String>,
    pub declared_transforms: Vec<String>,
    pub version: Option<String>,
    pub metadata: Option<String>,
}

/// Where a template is: exactly one of them.
#[derive(Debug, Clone, Default)]
pub struct TemplateSource {
    pub template_body: Option<String>,
    pub template_url: Option<String>,
    pub stack_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub exporting_stack_id: String,
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, Default)]
pub struct ContinueUpdateRollback {
    pub stack_name: String,
    pub role_arn: Option<String>,
    pub resources_to_skip: Vec<String>,
    pub client_request_token: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct RollbackStack {
    pub stack_name: String,
    pub role_arn: Option<String>,
    pub retain_except_on_create: bool,
    pub client_request_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DetectionDescription {
    pub stack_id: String,
    pub stack_drift_detection_id: String,
    pub detection_status: DetectionStatus,
    pub detection_status_reason: Option<String>,
    /// Absent until detection is complete.
    pub stack_drift_status: Option<StackDriftStatus>,
    pub drifted_stack_resource_count: Option<u32>,
    pub timestamp: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StackResourceDrift {
    pub stack_id: String,
    pub logical_resource_id: String,
    pub physical_resource_id: Option<String>,
    pub resource_type: String,
    pub status: ResourceDriftStatus,
    pub status_reason: Option<String>,
    /// JSON texts, absent when the resource is gone.
    pub expected_properties: Option<String>,
    pub actual_properties: Option<String>,
    pub property_differences: Vec<PropertyDifference>,
    pub timestamp: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyDifference {
    pub property_path: String,
    pub expected_value: String,
    pub actual_value: String,
    pub difference_type: DifferenceType,
}

#[derive(Debug, Clone, Default)]
pub struct DescribeStackResourceDrifts {
    pub stack_name: String,
    pub status_filters: Vec<ResourceDriftStatus>,
    pub max_results: Option<usize>,
    pub next_token: Option<String>,
}
