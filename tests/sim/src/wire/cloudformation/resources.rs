//! A stack's resources as XML: one shape in three spellings.

use crate::{
    cfn::api::{Page, StackResourceDescription},
    wire::xml::Xml,
};

pub(super) fn all(x: &mut Xml, list: &[StackResourceDescription]) {
    x.members("StackResources", list, |x, r| {
        stack(x, r);
        resource(x, r, "Timestamp");
    });
}

pub(super) fn detail(x: &mut Xml, r: &StackResourceDescription) {
    x.element("StackResourceDetail", |x| {
        stack(x, r);
        resource(x, r, "LastUpdatedTimestamp");
        x.maybe("Metadata", r.metadata.as_ref());
    });
}

pub(super) fn page(x: &mut Xml, page: &Page<StackResourceDescription>) {
    x.members("StackResourceSummaries", &page.items, |x, r| resource(x, r, "LastUpdatedTimestamp"));
    x.maybe("NextToken", page.next_token.as_ref());
}

fn stack(x: &mut Xml, r: &StackResourceDescription) {
    x.text("StackId", &r.stack_id);
    x.text("StackName", &r.stack_name);
}

fn resource(x: &mut Xml, r: &StackResourceDescription, time: &str) {
    x.text("LogicalResourceId", &r.logical_resource_id);
    x.maybe("PhysicalResourceId", r.physical_resource_id.as_ref());
    x.text("ResourceType", &r.resource_type);
    x.time(time, r.timestamp);
    x.text("ResourceStatus", r.resource_status);
    x.maybe("ResourceStatusReason", r.resource_status_reason.as_ref());
    x.element("DriftInformation", |x| {
        x.text("StackResourceDriftStatus", r.drift_status);
        x.maybe_time("LastCheckTimestamp", r.drift_checked);
    });
}
