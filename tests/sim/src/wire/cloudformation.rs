//! CloudFormation's query protocol: which action calls which method of [`Cfn`], and what its answer looks like.
//!
//! Not here: what an action does. That is [`crate::cfn`]'s.

mod asked;
mod change_sets;
mod drift;
mod events;
mod resources;
mod stacks;
mod templates;

use super::{params::Params, xml::Xml};
use crate::{
    cfn::{Cfn, api::StackOperation},
    fault::Refusal,
    services::unknown,
};

/// The namespace of every answer.
pub(crate) const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";

/// Does one action and writes what stands inside its `<…Result>`.
///
/// # Errors
/// What CloudFormation refuses.
pub(crate) fn call(cfn: &mut Cfn<'_>, action: &str, params: &Params, x: &mut Xml) -> Result<(), Refusal> {
    match action {
        "CreateStack" => operation(x, &cfn.create_stack(asked::create_stack(params)?)?),
        "UpdateStack" => operation(x, &cfn.update_stack(asked::update_stack(params)?)?),
        "RollbackStack" => operation(x, &cfn.rollback_stack(asked::rollback_stack(params)?)?),
        "DeleteStack" => cfn.delete_stack(asked::delete_stack(params)?)?,
        "ContinueUpdateRollback" => cfn.continue_update_rollback(asked::continue_update_rollback(params)?)?,
        "CancelUpdateStack" => {
            cfn.cancel_update_stack(&params.required("StackName")?, params.get("ClientRequestToken"))?;
        }
        "UpdateTerminationProtection" => {
            let enable = params.parsed("EnableTerminationProtection")?.unwrap_or_default();
            x.text("StackId", cfn.update_termination_protection(&params.required("StackName")?, enable)?);
        }
        "SetStackPolicy" => {
            cfn.set_stack_policy(&params.required("StackName")?, &params.required("StackPolicyBody")?)?;
        }
        "CreateChangeSet" => {
            let created = cfn.create_change_set(asked::create_change_set(params)?)?;
            x.text("Id", created.id);
            x.text("StackId", created.stack_id);
        }
        "ExecuteChangeSet" => cfn.execute_change_set(asked::execute_change_set(params)?)?,
        "DeleteChangeSet" => {
            cfn.delete_change_set(&params.required("ChangeSetName")?, params.get("StackName"))?;
        }
        "DetectStackDrift" => {
            let logical = params.texts("LogicalResourceIds");
            x.text("StackDriftDetectionId", cfn.detect_stack_drift(&params.required("StackName")?, &logical)?);
        }
        "DetectStackResourceDrift" => {
            let (stack, logical) = (params.required("StackName")?, params.required("LogicalResourceId")?);
            let found = cfn.detect_stack_resource_drift(&stack, &logical)?;
            x.element("StackResourceDrift", |x| drift::resource(x, &found));
        }
        read => look(cfn, read, params, x)?,
    }
    Ok(())
}

fn limit(x: &mut Xml, (name, value): (&str, u32)) {
    x.text("Name", name);
    x.text("Value", value);
}

/// The actions that only look.
fn look(cfn: &mut Cfn<'_>, action: &str, params: &Params, x: &mut Xml) -> Result<(), Refusal> {
    let (stack, token) = (params.get("StackName"), params.get("NextToken"));
    match action {
        "DescribeStacks" => stacks::page(x, &cfn.describe_stacks(stack, token)?),
        "ListStacks" => stacks::summaries(x, &cfn.list_stacks(&asked::statuses(params)?, token)?),
        // What an account has that nobody asked for more.
        "DescribeAccountLimits" => {
            x.members("AccountLimits", [("StackLimit", 2000), ("StackOutputsLimit", 200)], limit)
        }
        "GetStackPolicy" => x.maybe("StackPolicyBody", cfn.get_stack_policy(&params.required("StackName")?)?),
        "ListExports" => stacks::exports(x, &cfn.list_exports(token)?),
        "ListImports" => stacks::imports(x, &cfn.list_imports(&params.required("ExportName")?, token)?),
        "DescribeChangeSet" => {
            change_sets::description(x, &cfn.describe_change_set(&asked::describe_change_set(params)?)?);
        }
        "ListChangeSets" => {
            change_sets::summaries(x, &cfn.list_change_sets(&params.required("StackName")?, token)?);
        }
        "DescribeStackEvents" => {
            events::page(x, &cfn.describe_stack_events(&params.required("StackName")?, token)?);
        }
        "DescribeEvents" => events::operations(x, &cfn.describe_events(&asked::describe_events(params)?)?),
        "ListHookResults" => {
            let (kind, target) = (params.required("TargetType")?, params.required("TargetId")?);
            events::hooks(x, &cfn.list_hook_results(&kind, &target)?);
        }
        "DescribeStackResources" => {
            let (logical, physical) = (params.get("LogicalResourceId"), params.get("PhysicalResourceId"));
            resources::all(x, &cfn.describe_stack_resources(stack, logical, physical)?);
        }
        "DescribeStackResource" => {
            let (stack, logical) = (params.required("StackName")?, params.required("LogicalResourceId")?);
            resources::detail(x, &cfn.describe_stack_resource(&stack, &logical)?);
        }
        "ListStackResources" => {
            resources::page(x, &cfn.list_stack_resources(&params.required("StackName")?, token)?);
        }
        "GetTemplate" => templates::body(x, &cfn.get_template(stack, params.get("ChangeSetName"))?),
        "GetTemplateSummary" => templates::summary(x, &cfn.get_template_summary(&asked::source(params))?),
        "ValidateTemplate" => templates::validated(x, &cfn.validate_template(&asked::source(params))?),
        "DescribeStackDriftDetectionStatus" => {
            let id = params.required("StackDriftDetectionId")?;
            drift::detection(x, &cfn.describe_stack_drift_detection_status(&id)?);
        }
        "DescribeStackResourceDrifts" => {
            drift::page(x, &cfn.describe_stack_resource_drifts(&asked::describe_stack_resource_drifts(params)?)?);
        }
        other => return Err(unknown(other)),
    }
    Ok(())
}

fn operation(x: &mut Xml, started: &StackOperation) {
    x.text("StackId", &started.stack_id);
    x.text("OperationId", &started.operation_id);
}
