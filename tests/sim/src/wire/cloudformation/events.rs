//! Events of stacks and of operations as XML.

use crate::{
    cfn::api::{HookResult, OperationEvent, Page, StackEvent},
    wire::xml::Xml,
};

pub(super) fn page(x: &mut Xml, page: &Page<StackEvent>) {
    x.members("StackEvents", &page.items, |x, e| {
        x.text("StackName", &e.stack_name);
        event(x, e);
    });
    x.maybe("NextToken", page.next_token.as_ref());
}

pub(super) fn operations(x: &mut Xml, page: &Page<OperationEvent>) {
    x.members("OperationEvents", &page.items, |x, e| {
        event(x, &e.event);
        x.text("OperationType", e.operation_type);
        x.maybe("OperationStatus", e.operation_status);
        x.text("EventType", e.event_type);
        if e.event_type == "VALIDATION_ERROR" {
            x.text("ValidationStatus", "FAILED");
            x.text("ValidationFailureMode", "FAIL");
            x.maybe("ValidationStatusReason", e.event.resource_status_reason.as_ref());
        }
        x.maybe("ValidationPath", e.validation_path.as_ref());
    });
    x.maybe("NextToken", page.next_token.as_ref());
}

pub(super) fn hooks(x: &mut Xml, results: &[HookResult]) {
    x.text("TargetType", "CHANGE_SET");
    x.members("HookResults", results, |x, result| {
        x.text("InvocationPoint", "PRE_PROVISION");
        x.text("FailureMode", "FAIL");
        x.text("TypeName", &result.type_name);
        x.text("Status", result.status);
        x.maybe("HookStatusReason", result.reason.as_ref());
        x.text("TargetId", &result.target_id);
    });
}

fn event(x: &mut Xml, e: &StackEvent) {
    x.text("StackId", &e.stack_id);
    x.text("EventId", &e.event_id);
    x.filled("OperationId", &e.operation_id);
    x.text("LogicalResourceId", &e.logical_resource_id);
    x.maybe("PhysicalResourceId", e.physical_resource_id.as_ref());
    x.text("ResourceType", &e.resource_type);
    x.time("Timestamp", e.timestamp);
    x.text("ResourceStatus", &e.resource_status);
    x.maybe("ResourceStatusReason", e.resource_status_reason.as_ref());
    x.maybe("ResourceProperties", e.resource_properties.as_ref());
    x.maybe("ClientRequestToken", e.client_request_token.as_ref());
}
