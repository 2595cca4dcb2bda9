//! Events: what a stack says while it works.

use super::{
    Cfn,
    api::CfnError,
    api::{DescribeEvents, OperationEvent, Page, StackEvent},
    invalid,
    read::page,
    stack::Stack,
    status,
    words::{OperationType, ResourceStatus},
};
use plan::facts::Status;
use serde_json::json;

/// Events on a page.
const PAGE: usize = 100;

/// What an event is about.
pub(crate) struct Subject<'a> {
    pub(crate) logical: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) physical: Option<String>,
}

impl Cfn<'_> {
    /// A stack goes over to a status, and says so.
    pub(crate) fn turn(&mut self, stack: &mut Stack, status: Status, reason: Option<String>) {
        stack.status = status;
        stack.reason.clone_from(&reason);
        let (name, physical) = (stack.name.clone(), Some(stack.id.clone()));
        let subject = Subject { logical: &name, kind: "AWS::CloudFormation::Stack", physical };
        let event = self.event(stack, subject, status.as_str(), reason);
        stack.events.push(event);
        let token = stack.operations.last().and_then(|past| past.token.clone()).unwrap_or_default();
        let detail = json!({
            "stack-id": stack.id,
            "status-details":
                { "status": status.as_str(), "status-reason": stack.reason.clone().unwrap_or_default() },
            "client-request-token": token,
        });
        self.announce("CloudFormation Stack Status Change", &stack.id, detail);
    }

    /// A resource goes over to a status, and says so.
    pub(crate) fn mark(&mut self, stack: &mut Stack, logical: &str, status: ResourceStatus, reason: Option<String>) {
        let Some(member) = stack.resources.get_mut(logical) else { return };
        member.status = status;
        member.reason.clone_from(&reason);
        member.at = self.now;
        let (kind, physical) = (member.kind.clone(), member.physical.clone());
        let properties = serde_json::to_string(&member.declared).ok();
        let subject = Subject { logical, kind: &kind, physical };
        let mut event = self.event(stack, subject, status.as_str(), reason);
        event.resource_properties = properties;
        stack.events.push(event);
    }

    /// An event of a resource that the stack's records no longer show.
    pub(crate) fn say(&mut self, stack: &mut Stack, subject: Subject<'_>, status: ResourceStatus) {
        let event = self.event(stack, subject, status.as_str(), None);
        stack.events.push(event);
    }

    pub(crate) fn event(
        &mut self,
        stack: &Stack,
        subject: Subject<'_>,
        word: &str,
        reason: Option<String>,
    ) -> StackEvent {
        let Subject { logical, kind, physical } = subject;
        let last = stack.operations.last();
        let own = physical.as_deref() == Some(stack.id.as_str());
        StackEvent {
            event_id: if own { self.uuid() } else { format!("{logical}-{word}-{}", stack.events.len()) },
            stack_id: stack.id.clone(),
            stack_name: stack.name.clone(),
            operation_id: last.map(|past| past.id.clone()).unwrap_or_default(),
            logical_resource_id: logical.to_owned(),
            physical_resource_id: physical,
            resource_type: kind.to_owned(),
            timestamp: self.now,
            resource_status: word.to_owned(),
            resource_status_reason: reason,
            resource_properties: None,
            client_request_token: last.and_then(|past| past.token.clone()),
        }
    }

    /// DescribeStackEvents: newest first.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn describe_stack_events(
        &mut self,
        stack_name: &str,
        next_token: Option<&str>,
    ) -> Result<Page<StackEvent>, CfnError> {
        let stack = self.look(stack_name).map_err(|_| invalid(format!("Stack [{stack_name}] does not exist")))?;
        let events: Vec<StackEvent> = stack.events.iter().rev().cloned().collect();
        self.whole(next_token)?;
        page(events, next_token, PAGE)
    }

    /// DescribeEvents: newest first.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn describe_events(&mut self, request: &DescribeEvents) -> Result<Page<OperationEvent>, CfnError> {
        let mut events = match (&request.change_set_name, &request.stack_name, &request.operation_id) {
            (Some(name), stack, _) => self.validation_events(name, stack.as_deref())?,
            (None, Some(name), _) => self.look(name).map(|stack| of_stack(stack, None))?,
            (None, None, Some(id)) => {
                let stacks = &self.stacks().stacks;
                let stack = stacks.values().find(|stack| stack.operations.iter().any(|past| past.id == *id));
                of_stack(stack.ok_or_else(|| invalid(format!("Operation [{id}] does not exist")))?, Some(id))
            }
            (None, None, None) => {
                return Err(invalid("Either StackName, ChangeSetName or OperationId must be specified."));
            }
        };
        if let Some(id) = &request.operation_id {
            events.retain(|event| event.event.operation_id == *id);
        }
        if request.failed_events {
            events.retain(|event| matches!(event.event_type, "PROVISIONING_ERROR" | "VALIDATION_ERROR"));
        }
        self.whole(request.next_token.as_deref())?;
        page(events, request.next_token.as_deref(), PAGE)
    }

    fn validation_events(&mut self, name: &str, stack: Option<&str>) -> Result<Vec<OperationEvent>, CfnError> {
        let change_set = self.find_change_set(name, stack)?.clone();
        let events = change_set.events.into_iter().zip(change_set.paths);
        let event = |(event, path)| OperationEvent {
            event,
            operation_type: OperationType::CreateChangeset,
            operation_status: None,
            event_type: "VALIDATION_ERROR",
            validation_path: Some(path),
        };
        Ok(events.map(event).collect())
    }
}

fn of_stack(stack: &Stack, operation: Option<&str>) -> Vec<OperationEvent> {
    let wanted = |event: &&StackEvent| operation.is_none_or(|id| event.operation_id == id);
    let events = stack.events.iter().rev().filter(wanted).map(|event| {
        let past = stack.operations.iter().find(|past| past.id == event.operation_id);
        let operation_type = past.map_or(OperationType::CreateStack, |past| past.kind);
        let own = event.physical_resource_id.as_deref() == Some(stack.id.as_str());
        let status = Status::from_word(&event.resource_status).filter(|_| own);
        let failed = event.resource_status.ends_with("_FAILED") && !own;
        OperationEvent {
            event: event.clone(),
            operation_type,
            operation_status: status.map(|status| status::of_operation(operation_type, status)),
            event_type: if failed { "PROVISIONING_ERROR" } else { "STACK_EVENT" },
            validation_path: None,
        }
    });
    events.collect()
}
