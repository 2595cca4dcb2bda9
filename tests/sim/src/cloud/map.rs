//! The agent's words and CloudFormation's, one for the other. Not here: any call.

use crate::cfn::{
    api::{self, CfnError, CreateChangeSet, Deployment, StackDescription},
    words::{ChangeSetStatus, ChangeSetType, ExecutionStatus, ResourceDriftStatus},
};
use agent::cloud::{ChangeSetRequest, Template, Trouble};
use plan::{
    adopt::Existing,
    facts::{Change, ChangeSetStatus as Stage, Detail, FoundStack, Seen, StackEvent},
};

/// What a refusal means: reference/cloudformation.md 1.8.
pub fn trouble(refusal: &CfnError) -> Trouble {
    let says = |text: &str| refusal.message.contains(text);
    match refusal.code {
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => Trouble::Unavailable,
        "AccessDenied" | "AccessDeniedException" => Trouble::Denied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "RequestExpired"
        | "InvalidClientTokenId" => Trouble::Credentials,
        "AlreadyExistsException" | "TokenAlreadyExistsException" => Trouble::AlreadyExists,
        "LimitExceededException" => Trouble::Limit,
        "ChangeSetNotFound" => Trouble::NotFound,
        // The change set can't be executed any more: plan again.
        "InvalidChangeSetStatus" => Trouble::Busy,
        "InsufficientCapabilitiesException" => Trouble::Invalid,
        "ValidationError" if says(" state and can not ") || says("while in status") => Trouble::Busy,
        // A listing that was stale: the stack is there, and the next look will show it.
        "ValidationError" if says("already exists and cannot be created again") => Trouble::Busy,
        "ValidationError" if says("Stack") && says("does not exist") => Trouble::NotFound,
        "ValidationError" if says("is already in progress") => Trouble::Busy,
        "ValidationError" => Trouble::Invalid,
        _ if refusal.status >= 500 => Trouble::Unavailable,
        _ => Trouble::Other,
    }
}

pub(super) fn found(stack: StackDescription) -> FoundStack {
    // …:changeSet/<name>/<uuid>
    let change_set = stack.change_set_id.as_deref().and_then(|arn| arn.split('/').nth(1)).map(str::to_owned);
    FoundStack {
        id: stack.stack_id,
        status: Ok(stack.stack_status),
        reason: stack.stack_status_reason,
        change_set,
        created: Some(stack.creation_time),
        updated: stack.last_updated_time,
        tags: stack.tags,
        outputs: stack.outputs.into_iter().map(|output| (output.key, output.value)).collect(),
        protected: stack.enable_termination_protection,
        parameters: stack.parameters.into_iter().filter_map(|one| Some((one.key, one.value?))).collect(),
        nested: stack.parent_id.is_some(),
    }
}

pub(super) fn event(event: api::StackEvent) -> StackEvent {
    StackEvent {
        at: event.timestamp,
        logical: event.logical_resource_id,
        itself: event.physical_resource_id.as_ref() == Some(&event.stack_id),
        physical: event.physical_resource_id,
        kind: event.resource_type,
        status: event.resource_status,
        reason: event.resource_status_reason,
        token: event.client_request_token,
    }
}

pub(super) fn change(change: api::Change) -> Option<Change> {
    Some(Change {
        action: Some(change.action),
        logical: change.logical_resource_id.parse().ok()?,
        physical: change.physical_resource_id,
        kind: change.resource_type,
        replacement: change.replacement,
        policy: change.policy_action,
        details: change
            .details
            .into_iter()
            .map(|detail| Detail {
                attribute: detail.target.attribute.to_string(),
                name: detail.target.name,
                before: detail.target.before_value,
                after: detail.target.after_value,
                recreation: Some(detail.target.requires_recreation.to_string()),
            })
            .collect(),
        walked: false,
        drift: change.resource_drift_status.map(seen),
    })
}

pub(super) fn seen(status: ResourceDriftStatus) -> Seen {
    match status {
        ResourceDriftStatus::InSync => Seen::InSync,
        ResourceDriftStatus::Modified => Seen::Modified,
        ResourceDriftStatus::Deleted => Seen::Deleted,
        ResourceDriftStatus::NotChecked => Seen::NotChecked,
        ResourceDriftStatus::Unknown => Seen::Unknown,
        ResourceDriftStatus::Unsupported => Seen::Unsupported,
    }
}

pub(super) fn stage(status: ChangeSetStatus, execution: ExecutionStatus) -> Stage {
    match (status, execution) {
        (ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress, _) => Stage::Pending,
        (ChangeSetStatus::Failed, _) => Stage::Failed,
        (ChangeSetStatus::CreateComplete, ExecutionStatus::Available) => Stage::Ready,
        (ChangeSetStatus::CreateComplete, _) => Stage::Gone,
    }
}

/// A stack with all that a manifest of it has to say.
pub(super) fn existing(stack: StackDescription) -> Existing {
    Existing {
        root: stack.root_id.clone().or(stack.parent_id.clone()),
        capabilities: stack.capabilities.iter().cloned().collect(),
        role: stack.role_arn.clone(),
        alarms: stack.rollback_configuration.triggers.clone(),
        monitor_min: stack.rollback_configuration.monitoring_time_in_minutes.map_or(0, u64::from),
        found: found(stack),
    }
}

/// What a request for a change set is in CloudFormation's own types.
pub(super) fn create_change_set(request: &ChangeSetRequest<'_>) -> CreateChangeSet {
    let ChangeSetRequest { key, create, nested, revert, name, template, asked, kept, description } = *request;
    let (template_body, template_url) = match template {
        Template::Inline(body) => (Some(body.to_owned()), None),
        Template::Url(url) => (None, Some(url.to_owned())),
        Template::Kept => (None, None),
    };
    let parameter = |(key, value): (&String, &String)| api::Parameter {
        key: key.clone(),
        value: (!kept.contains(key)).then(|| value.clone()),
        use_previous_value: kept.contains(key),
        resolved_value: None,
    };
    let triggers = asked.alarms.iter().map(|arn| (arn.to_string(), "AWS::CloudWatch::Alarm".to_owned())).collect();
    let rollback =
        api::RollbackConfiguration { triggers, monitoring_time_in_minutes: u32::try_from(asked.monitor_min).ok() };
    let deployment = Deployment {
        stack_name: key.stack.to_string(),
        template_body,
        template_url,
        use_previous_template: matches!(template, Template::Kept),
        parameters: asked.parameters.iter().map(parameter).collect(),
        capabilities: asked.capabilities.iter().map(|capability| capability.as_str().to_owned()).collect(),
        role_arn: asked.role.as_ref().map(ToString::to_string),
        rollback_configuration: Some(rollback),
        tags: Some(asked.tags.clone()),
        ..Deployment::default()
    };
    CreateChangeSet {
        deployment,
        change_set_name: name.to_owned(),
        change_set_type: Some(if create { ChangeSetType::Create } else { ChangeSetType::Update }),
        description: Some(description.to_owned()),
        client_token: Some(name.to_owned()),
        include_nested_stacks: nested,
        import_existing: asked.import_existing,
        revert_drift: revert,
        ..CreateChangeSet::default()
    }
}
