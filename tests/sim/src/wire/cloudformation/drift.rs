//! Drift as XML.

use crate::{
    cfn::api::{DetectionDescription, Page, StackResourceDrift},
    wire::xml::Xml,
};

pub(super) fn detection(x: &mut Xml, d: &DetectionDescription) {
    x.text("StackId", &d.stack_id);
    x.text("StackDriftDetectionId", &d.stack_drift_detection_id);
    x.maybe("StackDriftStatus", d.stack_drift_status);
    x.text("DetectionStatus", d.detection_status);
    x.maybe("DetectionStatusReason", d.detection_status_reason.as_ref());
    x.maybe("DriftedStackResourceCount", d.drifted_stack_resource_count);
    x.time("Timestamp", d.timestamp);
}

pub(super) fn page(x: &mut Xml, page: &Page<StackResourceDrift>) {
    x.members("StackResourceDrifts", &page.items, resource);
    x.maybe("NextToken", page.next_token.as_ref());
}

pub(super) fn resource(x: &mut Xml, d: &StackResourceDrift) {
    x.text("StackId", &d.stack_id);
    x.text("LogicalResourceId", &d.logical_resource_id);
    x.maybe("PhysicalResourceId", d.physical_resource_id.as_ref());
    x.text("ResourceType", &d.resource_type);
    x.maybe("ExpectedProperties", d.expected_properties.as_ref());
    x.maybe("ActualProperties", d.actual_properties.as_ref());
    x.some_members("PropertyDifferences", &d.property_differences, |x, p| {
        x.text("PropertyPath", &p.property_path);
        x.text("ExpectedValue", &p.expected_value);
        x.text("ActualValue", &p.actual_value);
        x.text("DifferenceType", p.difference_type);
    });
    x.text("StackResourceDriftStatus", d.status);
    x.maybe("DriftStatusReason", d.status_reason.as_ref());
    x.time("Timestamp", d.timestamp);
}
