//! Change sets as XML.

use crate::{
    cfn::api::{
        Change, ChangeSetDescription, ChangeSetSummary, Detail, Page, Parameter, RollbackConfiguration, Tags, Target,
    },
    wire::xml::Xml,
};

pub(super) fn description(x: &mut Xml, c: &ChangeSetDescription) {
    x.text("ChangeSetName", &c.change_set_name);
    x.text("ChangeSetId", &c.change_set_id);
    x.text("StackId", &c.stack_id);
    x.text("StackName", &c.stack_name);
    x.maybe("Description", c.description.as_ref());
    parameters(x, &c.parameters);
    x.time("CreationTime", c.creation_time);
    x.text("ExecutionStatus", c.execution_status);
    x.text("Status", c.status);
    x.maybe("StatusReason", c.status_reason.as_ref());
    x.maybe("StackDriftStatus", c.stack_drift_status);
    x.texts("NotificationARNs", &c.notification_arns);
    rollback_configuration(x, &c.rollback_configuration);
    x.texts("Capabilities", &c.capabilities);
    tags(x, &c.tags);
    x.members("Changes", &c.changes, change);
    x.maybe("NextToken", c.next_token.as_ref());
    x.text("IncludeNestedStacks", c.include_nested_stacks);
    x.maybe("ParentChangeSetId", c.parent_change_set_id.as_ref());
    x.maybe("RootChangeSetId", c.root_change_set_id.as_ref());
    x.maybe("OnStackFailure", c.on_stack_failure);
    x.maybe("ImportExistingResources", c.import_existing.then_some(true));
    x.maybe("DeploymentMode", c.revert_drift.then_some("REVERT_DRIFT"));
}

fn change(x: &mut Xml, c: &Change) {
    x.text("Type", "Resource");
    x.element("ResourceChange", |x| {
        x.maybe("PolicyAction", c.policy_action.map(|p| p.as_str()));
        x.text("Action", c.action.as_str());
        x.text("LogicalResourceId", &c.logical_resource_id);
        x.maybe("PhysicalResourceId", c.physical_resource_id.as_ref());
        x.text("ResourceType", &c.resource_type);
        x.maybe("Replacement", c.replacement.map(|r| r.as_str()));
        x.texts("Scope", &c.scope);
        x.maybe("ResourceDriftStatus", c.resource_drift_status);
        x.members("Details", &c.details, detail);
        x.maybe("ChangeSetId", c.change_set_id.as_ref());
        x.maybe("BeforeContext", c.before_context.as_ref());
        x.maybe("AfterContext", c.after_context.as_ref());
    });
}

fn detail(x: &mut Xml, d: &Detail) {
    x.element("Target", |x| target(x, &d.target));
    x.text("Evaluation", d.evaluation);
    x.text("ChangeSource", d.change_source);
    x.maybe("CausingEntity", d.causing_entity.as_ref());
}

fn target(x: &mut Xml, t: &Target) {
    x.text("Attribute", t.attribute);
    x.maybe("Name", t.name.as_ref());
    x.text("RequiresRecreation", t.requires_recreation);
    x.maybe("Path", t.path.as_ref());
    x.maybe("BeforeValue", t.before_value.as_ref());
    x.maybe("AfterValue", t.after_value.as_ref());
    x.maybe("AttributeChangeType", t.attribute_change_type);
    if let Some(drift) = &t.drift {
        x.element("Drift", |x| {
            x.text("PreviousValue", &drift.previous_value);
            x.text("ActualValue", &drift.actual_value);
            x.time("DriftDetectionTimestamp", drift.drift_detection_timestamp);
        });
    }
}

pub(super) fn summaries(x: &mut Xml, page: &Page<ChangeSetSummary>) {
    x.members("Summaries", &page.items, |x, c| {
        x.text("StackId", &c.stack_id);
        x.text("StackName", &c.stack_name);
        x.text("ChangeSetId", &c.change_set_id);
        x.text("ChangeSetName", &c.change_set_name);
        x.text("ExecutionStatus", c.execution_status);
        x.text("Status", c.status);
        x.maybe("StatusReason", c.status_reason.as_ref());
        x.time("CreationTime", c.creation_time);
        x.maybe("Description", c.description.as_ref());
        x.text("IncludeNestedStacks", c.include_nested_stacks);
        x.maybe("ParentChangeSetId", c.parent_change_set_id.as_ref());
        x.maybe("RootChangeSetId", c.root_change_set_id.as_ref());
    });
    x.maybe("NextToken", page.next_token.as_ref());
}

/// `Parameters`, of a stack or a change set.
pub(super) fn parameters(x: &mut Xml, parameters: &[Parameter]) {
    x.some_members("Parameters", parameters, |x, p| {
        x.text("ParameterKey", &p.key);
        x.maybe("ParameterValue", p.value.as_ref());
        x.maybe("UsePreviousValue", p.use_previous_value.then_some(true));
        x.maybe("ResolvedValue", p.resolved_value.as_ref());
    });
}

/// `RollbackConfiguration`, of a stack or a change set.
pub(super) fn rollback_configuration(x: &mut Xml, configuration: &RollbackConfiguration) {
    x.element("RollbackConfiguration", |x| {
        x.some_members("RollbackTriggers", &configuration.triggers, |x, (arn, kind)| {
            x.text("Arn", arn);
            x.text("Type", kind);
        });
        x.maybe("MonitoringTimeInMinutes", configuration.monitoring_time_in_minutes);
    });
}

/// `Tags`, of a stack or a change set.
pub(super) fn tags(x: &mut Xml, tags: &Tags) {
    x.members("Tags", tags, |x, (key, value)| {
        x.text("Key", key);
        x.text("Value", value);
    });
}
