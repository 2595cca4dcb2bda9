//! Requests: from flat parameters to the types of [`crate::cfn::api`].

use crate::{
    cfn::{
        api::{
            ContinueUpdateRollback, CreateChangeSet, CreateStack, DeleteStack, Deployment, DescribeChangeSet,
            DescribeEvents, DescribeStackResourceDrifts, ExecuteChangeSet, Parameter, ResourceToImport,
            RollbackConfiguration, RollbackStack, Status, TemplateSource, UpdateStack,
        },
        words::{ChangeSetType, OnFailure, ResourceDriftStatus},
    },
    fault::Refusal,
    services::refused,
    wire::params::Params,
};

pub(super) fn create_stack(p: &Params) -> Result<CreateStack, Refusal> {
    Ok(CreateStack {
        deployment: deployment(p)?,
        client_request_token: p.text("ClientRequestToken"),
        disable_rollback: p.parsed("DisableRollback")?,
        on_failure: word(p, "OnFailure", OnFailure::from_word)?,
        enable_termination_protection: flag(p, "EnableTerminationProtection")?,
        retain_except_on_create: flag(p, "RetainExceptOnCreate")?,
        stack_policy_body: p.text("StackPolicyBody"),
        timeout_in_minutes: p.parsed("TimeoutInMinutes")?,
    })
}

pub(super) fn update_stack(p: &Params) -> Result<UpdateStack, Refusal> {
    Ok(UpdateStack {
        deployment: deployment(p)?,
        client_request_token: p.text("ClientRequestToken"),
        disable_rollback: p.parsed("DisableRollback")?,
        retain_except_on_create: flag(p, "RetainExceptOnCreate")?,
        stack_policy_body: p.text("StackPolicyBody"),
        stack_policy_during_update_body: p.text("StackPolicyDuringUpdateBody"),
    })
}

pub(super) fn delete_stack(p: &Params) -> Result<DeleteStack, Refusal> {
    Ok(DeleteStack {
        stack_name: p.required("StackName")?,
        client_request_token: p.text("ClientRequestToken"),
        retain_resources: p.texts("RetainResources"),
        role_arn: p.text("RoleARN"),
        force: p.get("DeletionMode") == Some("FORCE_DELETE_STACK"),
    })
}

pub(super) fn create_change_set(p: &Params) -> Result<CreateChangeSet, Refusal> {
    let import = |entry: &Params| {
        Ok(ResourceToImport {
            resource_type: entry.required("ResourceType")?,
            logical_resource_id: entry.required("LogicalResourceId")?,
            resource_identifier: pairs(&entry.entries("ResourceIdentifier", "entry"), "key", "value")?,
        })
    };
    let revert_drift = match p.get("DeploymentMode") {
        None => false,
        Some("REVERT_DRIFT") => true,
        Some(other) => return Err(no_word("deploymentMode", other)),
    };
    Ok(CreateChangeSet {
        deployment: deployment(p)?,
        change_set_name: p.required("ChangeSetName")?,
        change_set_type: word(p, "ChangeSetType", ChangeSetType::from_word)?,
        client_token: p.text("ClientToken"),
        description: p.text("Description"),
        resources_to_import: p.members("ResourcesToImport").iter().map(import).collect::<Result<_, Refusal>>()?,
        import_existing: flag(p, "ImportExistingResources")?,
        include_nested_stacks: flag(p, "IncludeNestedStacks")?,
        on_stack_failure: word(p, "OnStackFailure", OnFailure::from_word)?,
        revert_drift,
    })
}

pub(super) fn describe_change_set(p: &Params) -> Result<DescribeChangeSet, Refusal> {
    Ok(DescribeChangeSet {
        change_set_name: p.required("ChangeSetName")?,
        stack_name: p.text("StackName"),
        include_property_values: flag(p, "IncludePropertyValues")?,
        next_token: p.text("NextToken"),
    })
}

pub(super) fn execute_change_set(p: &Params) -> Result<ExecuteChangeSet, Refusal> {
    Ok(ExecuteChangeSet {
        change_set_name: p.required("ChangeSetName")?,
        stack_name: p.text("StackName"),
        client_request_token: p.text("ClientRequestToken"),
        disable_rollback: p.parsed("DisableRollback")?,
        retain_except_on_create: flag(p, "RetainExceptOnCreate")?,
    })
}

pub(super) fn rollback_stack(p: &Params) -> Result<RollbackStack, Refusal> {
    Ok(RollbackStack {
        stack_name: p.required("StackName")?,
        role_arn: p.text("RoleARN"),
        retain_except_on_create: flag(p, "RetainExceptOnCreate")?,
        client_request_token: p.text("ClientRequestToken"),
    })
}

pub(super) fn continue_update_rollback(p: &Params) -> Result<ContinueUpdateRollback, Refusal> {
    Ok(ContinueUpdateRollback {
        stack_name: p.required("StackName")?,
        role_arn: p.text("RoleARN"),
        resources_to_skip: p.texts("ResourcesToSkip"),
        client_request_token: p.text("ClientRequestToken"),
    })
}

pub(super) fn describe_events(p: &Params) -> Result<DescribeEvents, Refusal> {
    Ok(DescribeEvents {
        stack_name: p.text("StackName"),
        change_set_name: p.text("ChangeSetName"),
        operation_id: p.text("OperationId"),
        failed_events: p.below("Filters").parsed("FailedEvents")?.unwrap_or_default(),
        next_token: p.text("NextToken"),
    })
}

pub(super) fn describe_stack_resource_drifts(p: &Params) -> Result<DescribeStackResourceDrifts, Refusal> {
    let status = |text: &String| {
        ResourceDriftStatus::from_word(text).ok_or_else(|| no_word("stackResourceDriftStatusFilters", text))
    };
    Ok(DescribeStackResourceDrifts {
        stack_name: p.required("StackName")?,
        status_filters: p.texts("StackResourceDriftStatusFilters").iter().map(status).collect::<Result<_, _>>()?,
        max_results: p.parsed("MaxResults")?,
        next_token: p.text("NextToken"),
    })
}

pub(super) fn statuses(p: &Params) -> Result<Vec<Status>, Refusal> {
    let status = |text: &String| Status::from_word(text).ok_or_else(|| no_word("stackStatusFilter", text));
    p.texts("StackStatusFilter").iter().map(status).collect()
}

pub(super) fn source(p: &Params) -> TemplateSource {
    TemplateSource {
        template_body: p.text("TemplateBody"),
        template_url: p.text("TemplateURL"),
        stack_name: p.text("StackName"),
    }
}

/// What would change the outcome and is not simulated is refused, so that nobody believes that it was tried.
const NOT_SIMULATED: [&str; 4] = ["DeploymentConfig", "StackPolicyURL", "StackPolicyDuringUpdateURL", "AliasName"];

/// Whether a deployment configuration asks for what is done without one.
fn is_standard(config: &Params) -> bool {
    matches!(config.get("Mode"), None | Some("STANDARD")) && config.get("DisableRollback") != Some("true")
}

fn deployment(p: &Params) -> Result<Deployment, Refusal> {
    let harmless =
        |name: &str| p.get(name) == Some("false") || (name == "DeploymentConfig" && is_standard(&p.below(name)));
    if let Some(name) = NOT_SIMULATED.iter().find(|name| p.has(name) && !harmless(name)) {
        return Err(refused("ValidationError", format!("{name} is not simulated")));
    }
    let tags = p.has("Tags").then(|| pairs(&p.members("Tags"), "Key", "Value")).transpose()?;
    Ok(Deployment {
        stack_name: p.required("StackName")?,
        template_body: p.text("TemplateBody"),
        template_url: p.text("TemplateURL"),
        use_previous_template: flag(p, "UsePreviousTemplate")?,
        parameters: p.members("Parameters").iter().map(parameter).collect::<Result<_, _>>()?,
        capabilities: p.texts("Capabilities"),
        resource_types: p.texts("ResourceTypes"),
        role_arn: p.text("RoleARN"),
        rollback_configuration: rollback_configuration(p)?,
        notification_arns: p.has("NotificationARNs").then(|| p.texts("NotificationARNs")),
        tags,
    })
}

fn parameter(p: &Params) -> Result<Parameter, Refusal> {
    Ok(Parameter {
        key: p.required("ParameterKey")?,
        value: p.text("ParameterValue"),
        use_previous_value: flag(p, "UsePreviousValue")?,
        resolved_value: None,
    })
}

fn rollback_configuration(p: &Params) -> Result<Option<RollbackConfiguration>, Refusal> {
    if !p.has("RollbackConfiguration") {
        return Ok(None);
    }
    let given = p.below("RollbackConfiguration");
    let trigger = |entry: &Params| Ok((entry.required("Arn")?, entry.required("Type")?));
    Ok(Some(RollbackConfiguration {
        triggers: given.members("RollbackTriggers").iter().map(trigger).collect::<Result<_, Refusal>>()?,
        monitoring_time_in_minutes: given.parsed("MonitoringTimeInMinutes")?,
    }))
}

fn pairs<T: FromIterator<(String, String)>>(list: &[Params], key: &str, value: &str) -> Result<T, Refusal> {
    list.iter().map(|entry| Ok((entry.required(key)?, entry.text(value).unwrap_or_default()))).collect()
}

fn flag(p: &Params, name: &str) -> Result<bool, Refusal> {
    Ok(p.parsed(name)?.unwrap_or_default())
}

fn word<T>(p: &Params, name: &str, from_word: fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
    p.get(name).map(|text| from_word(text).ok_or_else(|| no_word(name, text))).transpose()
}

fn no_word(field: &str, text: &str) -> Refusal {
    refused(
        "ValidationError",
        format!(
            "1 validation error detected: Value '{text}' at '{field}' failed to satisfy constraint: Member must satisfy enum value set"
        ),
    )
}
