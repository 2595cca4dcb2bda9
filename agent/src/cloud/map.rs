//! SDK shapes ↔ our words. A word that CloudFormation learned after us is kept as a text where a person sees it, and
//! becomes `None` where a decision is made of it; the decision then assumes the worst.

use aws_sdk_cloudformation::{
    operation::describe_change_set::DescribeChangeSetOutput,
    types::{self as sdk, ChangeSetStatus as SdkStatus, ExecutionStatus},
};
use jiff::Timestamp;
use manifests::{
    id::{Arn, Region, ResourcePath, StackKey},
    stack::Capability,
};
use plan::adopt::Existing;
use plan::facts::{
    Action, Change, ChangeSet, ChangeSetStatus, Detail, FailedEvent, FailedHook, FoundStack, PolicyAction, Replacement,
    Seen, StackEvent, Status,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn stack(region: &Region, stack: &sdk::Stack) -> Result<(StackKey, FoundStack), String> {
    let name = stack.stack_name().unwrap_or_default();
    let key = StackKey { region: region.clone(), stack: name.parse().map_err(|error| format!("{error}"))? };
    let word = stack.stack_status().map_or("", |status| status.as_str());
    let pairs = |pairs: Vec<(Option<&str>, Option<&str>)>| -> BTreeMap<String, String> {
        let known = pairs.into_iter().filter_map(|(key, value)| Some((key?.to_owned(), value?.to_owned())));
        known.collect()
    };
    let found = FoundStack {
        id: stack.stack_id().unwrap_or_default().to_owned(),
        status: Status::from_word(word).ok_or_else(|| word.to_owned()),
        reason: text(stack.stack_status_reason()),
        change_set: stack.change_set_id().and_then(change_set_name),
        created: stack.creation_time().and_then(time),
        updated: stack.last_updated_time().and_then(time),
        tags: pairs(stack.tags().iter().map(|tag| (tag.key(), tag.value())).collect()),
        outputs: pairs(stack.outputs().iter().map(|output| (output.output_key(), output.output_value())).collect()),
        protected: stack.enable_termination_protection().unwrap_or_default(),
        parameters: pairs(stack.parameters().iter().map(|one| (one.parameter_key(), one.parameter_value())).collect()),
        nested: text(stack.parent_id()).is_some(),
    };
    Ok((key, found))
}

/// The same, with all that a manifest of it has to say.
pub(super) fn existing(region: &Region, described: &sdk::Stack) -> Result<Existing, String> {
    let (_, found) = stack(region, described)?;
    let rollback = described.rollback_configuration();
    let triggers = rollback.map(sdk::RollbackConfiguration::rollback_triggers).unwrap_or_default();
    let alarm = |one: &sdk::RollbackTrigger| Some((text(one.arn())?, one.r#type().unwrap_or_default().to_owned()));
    Ok(Existing {
        found,
        root: text(described.root_id()).or_else(|| text(described.parent_id())),
        capabilities: described.capabilities().iter().map(|word| word.as_str().to_owned()).collect(),
        role: text(described.role_arn()),
        alarms: triggers.iter().filter_map(alarm).collect(),
        monitor_min: rollback
            .and_then(sdk::RollbackConfiguration::monitoring_time_in_minutes)
            .and_then(|minutes| u64::try_from(minutes).ok())
            .unwrap_or_default(),
    })
}

/// `arn:aws:cloudformation:<region>:<account>:changeSet/<name>/<uuid>` → name.
fn change_set_name(arn: &str) -> Option<String> {
    let (_, rest) = arn.split_once(":changeSet/")?;
    rest.split('/').next().map(ToOwned::to_owned)
}

/// An absent text and an empty one are the same: emulators send the empty element where AWS sends none.
pub(super) fn text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

pub(super) fn time(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    let nanos = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanos).ok()
}

/// Parameters of a request; of those in `kept` the value stays what it is.
pub(super) fn parameters(parameters: &BTreeMap<String, String>, kept: &BTreeSet<String>) -> Vec<sdk::Parameter> {
    let parameter = |(key, value): (&String, &String)| {
        let parameter = sdk::Parameter::builder().parameter_key(key);
        match kept.contains(key) {
            true => parameter.use_previous_value(true).build(),
            false => parameter.parameter_value(value).build(),
        }
    };
    parameters.iter().map(parameter).collect()
}

pub(super) fn tags(tags: &BTreeMap<String, String>) -> Vec<sdk::Tag> {
    tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect()
}

pub(super) fn capabilities(capabilities: &BTreeSet<Capability>) -> Vec<sdk::Capability> {
    capabilities.iter().map(|capability| sdk::Capability::from(capability.as_str())).collect()
}

pub(super) fn rollback(alarms: &[Arn], monitor_min: u64) -> sdk::RollbackConfiguration {
    let trigger =
        |arn: &Arn| sdk::RollbackTrigger::builder().arn(arn.as_str()).r#type("AWS::CloudWatch::Alarm").build();
    let minutes = i32::try_from(monitor_min).unwrap_or(i32::MAX);
    let rollback =
        sdk::RollbackConfiguration::builder().set_rollback_triggers(Some(alarms.iter().map(trigger).collect()));
    // A monitoring time without an alarm is refused by some, and means nothing to the rest.
    if alarms.is_empty() { rollback.build() } else { rollback.monitoring_time_in_minutes(minutes).build() }
}

pub(super) fn change_set(set: &DescribeChangeSetOutput) -> Result<ChangeSet, String> {
    let changes = set.changes().iter().filter_map(|change| change.resource_change());
    Ok(ChangeSet {
        id: set.change_set_id().unwrap_or_default().to_owned(),
        stack_id: set.stack_id().unwrap_or_default().to_owned(),
        status: change_set_status(set.status(), set.execution_status()),
        reason: text(set.status_reason()),
        changes: changes.map(change).collect::<Result<_, _>>()?,
        reverts: set.deployment_mode() == Some(&sdk::DeploymentMode::RevertDrift),
    })
}

/// The change sets of the stacks that are nested in it, by the nested stack.
pub(super) fn nested(set: &DescribeChangeSetOutput) -> Vec<(ResourcePath, String)> {
    let changes = set.changes().iter().filter_map(|change| change.resource_change());
    let one = |change: &sdk::ResourceChange| {
        let arn = text(change.change_set_id())?;
        Some((change.logical_resource_id()?.parse().ok()?, arn))
    };
    changes.filter_map(one).collect()
}

/// Puts what changes inside a nested stack beside what changes around it.
pub(super) fn walk(set: &mut ChangeSet, path: &ResourcePath, inner: ChangeSet) {
    for change in set.changes.iter_mut().filter(|change| change.logical == *path) {
        // One that is still being made shows less than it will do. (Only the outermost can be executed, so only that one's
        // being ready for it says anything.)
        change.walked = inner.status != ChangeSetStatus::Pending;
    }
    let inside = |change: Change| Change { logical: change.logical.inside(path), ..change };
    set.changes.extend(inner.changes.into_iter().map(inside));
}

fn change_set_status(status: Option<&SdkStatus>, execution: Option<&ExecutionStatus>) -> ChangeSetStatus {
    match (status, execution) {
        (Some(SdkStatus::CreatePending | SdkStatus::CreateInProgress), _) => ChangeSetStatus::Pending,
        (Some(SdkStatus::Failed), _) => ChangeSetStatus::Failed,
        (Some(SdkStatus::CreateComplete), Some(ExecutionStatus::Available)) => ChangeSetStatus::Ready,
        _ => ChangeSetStatus::Gone,
    }
}

fn change(change: &sdk::ResourceChange) -> Result<Change, String> {
    let logical = change.logical_resource_id().unwrap_or_default();
    Ok(Change {
        action: change.action().and_then(|word| Action::from_word(word.as_str())),
        logical: logical.parse().map_err(|error| format!("{error}"))?,
        physical: text(change.physical_resource_id()),
        kind: change.resource_type().unwrap_or_default().to_owned(),
        // A word that we don't know counts as the worst.
        replacement: change
            .replacement()
            .map(|word| Replacement::from_word(word.as_str()).unwrap_or(Replacement::True)),
        policy: change.policy_action().and_then(|word| PolicyAction::from_word(word.as_str())),
        details: change.details().iter().filter_map(|detail| detail.target()).map(detail).collect(),
        walked: false,
        drift: change.resource_drift_status().and_then(|word| Seen::from_word(word.as_str())),
    })
}

fn detail(target: &sdk::ResourceTargetDefinition) -> Detail {
    Detail {
        attribute: target.attribute().map_or_else(String::new, |word| word.as_str().to_owned()),
        name: text(target.name()),
        before: target.before_value().map(ToOwned::to_owned),
        after: target.after_value().map(ToOwned::to_owned),
        recreation: target.requires_recreation().map(|word| word.as_str().to_owned()),
    }
}

/// One event of a stack.
pub(super) fn event(event: &sdk::StackEvent) -> Option<StackEvent> {
    Some(StackEvent {
        at: event.timestamp().and_then(time)?,
        logical: event.logical_resource_id().unwrap_or_default().to_owned(),
        physical: text(event.physical_resource_id()),
        kind: event.resource_type().unwrap_or_default().to_owned(),
        status: event.resource_status().map_or_else(String::new, |word| word.as_str().to_owned()),
        reason: text(event.resource_status_reason()),
        token: text(event.client_request_token()),
        itself: event.physical_resource_id().is_some() && event.physical_resource_id() == event.stack_id(),
    })
}

/// What early validation found wrong; warnings, which stop nothing, are left out.
pub(super) fn validation(event: &sdk::OperationEvent) -> Option<FailedEvent> {
    if event.event_type() != Some(&sdk::EventType::ValidationError)
        || event.validation_failure_mode() == Some(&sdk::HookFailureMode::Warn)
    {
        return None;
    }
    let reason = text(event.validation_status_reason()).or(text(event.resource_status_reason()));
    Some(FailedEvent {
        at: event.timestamp().and_then(time)?,
        logical: event.logical_resource_id().unwrap_or_default().to_owned(),
        kind: event.resource_type().unwrap_or_default().to_owned(),
        reason: reason.unwrap_or_default(),
        path: text(event.validation_path()),
    })
}

/// A hook that failed and stops what it looked at.
pub(super) fn hook(result: &sdk::HookResultSummary) -> Option<FailedHook> {
    let failed = result.status() == Some(&sdk::HookStatus::HookCompleteFailed)
        || result.status() == Some(&sdk::HookStatus::HookFailed);
    let stops = result.failure_mode() != Some(&sdk::HookFailureMode::Warn);
    (failed && stops).then(|| FailedHook {
        hook: result.type_name().unwrap_or("a hook").to_owned(),
        reason: text(result.hook_status_reason()),
    })
}
