//! Stacks, exports and imports as XML.

use super::change_sets::{parameters, rollback_configuration, tags};
use crate::{
    cfn::api::{DriftInformation, Export, Output, Page, StackDescription, StackSummary},
    wire::xml::Xml,
};

pub(super) fn page(x: &mut Xml, page: &Page<StackDescription>) {
    x.members("Stacks", &page.items, stack);
    x.maybe("NextToken", page.next_token.as_ref());
}

fn stack(x: &mut Xml, s: &StackDescription) {
    x.text("StackId", &s.stack_id);
    x.text("StackName", &s.stack_name);
    x.maybe("ChangeSetId", s.change_set_id.as_ref());
    x.maybe("Description", s.description.as_ref());
    parameters(x, &s.parameters);
    x.time("CreationTime", s.creation_time);
    x.maybe_time("DeletionTime", s.deletion_time);
    x.maybe_time("LastUpdatedTime", s.last_updated_time);
    rollback_configuration(x, &s.rollback_configuration);
    x.text("StackStatus", s.stack_status.as_str());
    x.maybe("StackStatusReason", s.stack_status_reason.as_ref());
    x.text("DisableRollback", s.disable_rollback);
    x.texts("NotificationARNs", &s.notification_arns);
    x.maybe("TimeoutInMinutes", s.timeout_in_minutes);
    x.some_texts("Capabilities", &s.capabilities);
    x.some_members("Outputs", &s.outputs, output);
    x.maybe("RoleARN", s.role_arn.as_ref());
    tags(x, &s.tags);
    x.text("EnableTerminationProtection", s.enable_termination_protection);
    x.maybe("ParentId", s.parent_id.as_ref());
    x.maybe("RootId", s.root_id.as_ref());
    drift_information(x, s.drift);
    x.text("RetainExceptOnCreate", s.retain_except_on_create);
    x.some_members("LastOperations", &s.last_operations, |x, (kind, id)| {
        x.text("OperationType", kind);
        x.text("OperationId", id);
    });
}

fn output(x: &mut Xml, o: &Output) {
    x.text("OutputKey", &o.key);
    x.text("OutputValue", &o.value);
    x.maybe("Description", o.description.as_ref());
    x.maybe("ExportName", o.export_name.as_ref());
}

fn drift_information(x: &mut Xml, drift: DriftInformation) {
    x.element("DriftInformation", |x| {
        x.text("StackDriftStatus", drift.status);
        x.maybe_time("LastCheckTimestamp", drift.last_check);
    });
}

pub(super) fn summaries(x: &mut Xml, page: &Page<StackSummary>) {
    x.members("StackSummaries", &page.items, |x, s| {
        x.text("StackId", &s.stack_id);
        x.text("StackName", &s.stack_name);
        x.maybe("TemplateDescription", s.template_description.as_ref());
        x.time("CreationTime", s.creation_time);
        x.maybe_time("LastUpdatedTime", s.last_updated_time);
        x.maybe_time("DeletionTime", s.deletion_time);
        x.text("StackStatus", s.stack_status.as_str());
        x.maybe("StackStatusReason", s.stack_status_reason.as_ref());
        x.maybe("ParentId", s.parent_id.as_ref());
        x.maybe("RootId", s.root_id.as_ref());
        drift_information(x, s.drift);
    });
    x.maybe("NextToken", page.next_token.as_ref());
}

pub(super) fn exports(x: &mut Xml, page: &Page<Export>) {
    x.members("Exports", &page.items, |x, e| {
        x.text("ExportingStackId", &e.exporting_stack_id);
        x.text("Name", &e.name);
        x.text("Value", &e.value);
    });
    x.maybe("NextToken", page.next_token.as_ref());
}

pub(super) fn imports(x: &mut Xml, page: &Page<String>) {
    x.texts("Imports", &page.items);
    x.maybe("NextToken", page.next_token.as_ref());
}
