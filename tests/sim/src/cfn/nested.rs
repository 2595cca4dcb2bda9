//! Nested stacks: a resource that is a stack (`AWS::CloudFormation::Stack`).
//!
//! A child carries out its own operation; its parent's job waits until it comes to rest, and is woken by it.

use super::{
    Cfn,
    operation::{Deed, Done, Operation},
    phase::on_failure,
    stack::{Goal, Stack},
    status::{self, Asked},
    words::{OperationType, ResourceStatus},
};
use crate::{
    cfn::api::{Deployment, Parameter},
    store::Properties,
    template::parse::text,
};
use plan::facts::Status;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

type Started = Result<Option<(Duration, Deed)>, (ResourceStatus, String)>;

impl Cfn<'_> {
    /// What a nested stack is asked to be.
    pub(crate) fn child_goal(
        &self,
        parent: &Goal,
        wanted: &Properties,
        (id, name): (&str, &str),
        previous: Option<&Goal>,
    ) -> Result<Goal, String> {
        let parameters = wanted.get("Parameters").and_then(Value::as_object).into_iter().flatten();
        let listed = |value: &Value| match value {
            Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => text(value),
        };
        let deployment = Deployment {
            stack_name: name.to_owned(),
            template_url: wanted.get("TemplateURL").map(text),
            parameters: parameters
                .map(|(key, value)| Parameter { key: key.clone(), value: Some(listed(value)), ..Parameter::default() })
                .collect(),
            capabilities: parent.capabilities.clone(),
            role_arn: parent.role_arn.clone(),
            tags: Some(parent.tags.clone()),
            ..Deployment::default()
        };
        self.goal(&deployment, id, previous).map_err(|refusal| refusal.message)
    }

    pub(crate) fn start_child(
        &mut self,
        stack: &mut Stack,
        operation: &Operation,
        logical: &str,
        wanted: Properties,
    ) -> Started {
        let failed = |why| (ResourceStatus::CreateFailed, why);
        let Some(parent) = operation.goal.clone() else { return Ok(None) };
        let mut seed = self.seed();
        let name = format!("{}-{logical}-{}", stack.name, seed.tail());
        self.put_seed(seed);
        let id = self.arn("stack", &name);
        let goal = self.child_goal(&parent, &wanted, (&id, &name), None).map_err(failed)?;
        let mut child = Stack::new(id.clone(), name.clone(), Status::CreateInProgress, self.now);
        child.parent = Some((stack.id.clone(), logical.to_owned()));
        child.root = Some(stack.root.clone().unwrap_or_else(|| stack.id.clone()));
        let mut own =
            Operation::new(OperationType::CreateStack, self.uuid(), operation.token.clone(), Some(Arc::new(goal)));
        own.on_failure = on_failure(None, Some(operation.on_failure));
        own.retain_except_on_create = operation.retain_except_on_create;
        self.begin(&mut child, own, Status::CreateInProgress);
        self.stacks().names.insert(name, id.clone());
        self.stacks().stacks.insert(id.clone(), child);
        if let Some(member) = stack.resources.get_mut(logical) {
            member.physical = Some(id.clone());
        }
        Ok(Some((Duration::MAX, Deed::Child(id, wanted))))
    }

    pub(crate) fn start_child_update(
        &mut self,
        stack: &mut Stack,
        operation: &Operation,
        logical: &str,
        wanted: Properties,
    ) -> Started {
        let failed = |why| (ResourceStatus::UpdateFailed, why);
        let Some(parent) = operation.goal.clone() else { return Ok(None) };
        let id = stack.resources.get(logical).and_then(|member| member.physical.clone()).unwrap_or_default();
        let Some(child) = self.stacks().stacks.get(&id).cloned() else {
            return Err(failed(format!("Stack with id {id} does not exist")));
        };
        let goal = self.child_goal(&parent, &wanted, (&id, &child.name), child.goal.as_deref()).map_err(failed)?;
        if child.goal.as_deref() == Some(&goal) {
            if let Some(member) = stack.resources.get_mut(logical) {
                member.declared = wanted;
            }
            return Ok(None);
        }
        if !status::lets(child.status, Asked::Update) {
            return Err(failed(format!("Stack:{id} is in {} state and can not be updated.", child.status.as_str())));
        }
        self.mark(stack, logical, ResourceStatus::UpdateInProgress, None);
        self.move_child(&id, operation, Arc::new(goal), OperationType::UpdateStack, Status::UpdateInProgress);
        Ok(Some((Duration::MAX, Deed::Child(id, wanted))))
    }

    fn move_child(&mut self, id: &str, operation: &Operation, goal: Arc<Goal>, kind: OperationType, status: Status) {
        let mut own = Operation::new(kind, self.uuid(), operation.token.clone(), Some(goal));
        own.on_failure = operation.on_failure;
        own.revert_drift = operation.revert_drift;
        self.with_stack(id, |cfn, child| cfn.begin(child, own, status));
    }

    /// Undoes a nested stack's update: it goes back to the goal it had, unless it has done so by itself.
    pub(crate) fn send_child_back(&mut self, stack: &Stack, operation: &Operation, logical: &str, goal: Arc<Goal>) {
        let id = stack.resources.get(logical).and_then(|member| member.physical.clone()).unwrap_or_default();
        let child = self.stacks().stacks.get(&id);
        if child.is_some_and(|child| child.status == Status::UpdateComplete) {
            self.move_child(&id, operation, goal.clone(), OperationType::Rollback, Status::UpdateRollbackInProgress);
            self.with_stack(&id, |_, child| {
                // There is nothing further back to which a rollback could go.
                if let Some(own) = &mut child.work {
                    own.before = Some(goal);
                }
            });
        }
    }

    /// How a nested stack's operation ended, if it has.
    pub(crate) fn child_ended(&mut self, id: &str) -> Option<Result<(), String>> {
        let Some(child) = self.stacks().stacks.get(id) else {
            return Some(Err(format!("Stack with id {id} does not exist")));
        };
        let failed = |word: &str| {
            let why = child.events.iter().rev().find(|event| {
                event.resource_status_reason.as_deref().is_some_and(|reason| reason.contains("failed to"))
            });
            let why = why.and_then(|event| event.resource_status_reason.clone()).unwrap_or_default();
            Some(Err(format!("Embedded stack {id} was not successfully {word}: {why}")))
        };
        if status::busy(child.status) {
            return None;
        }
        let sent_back = child.operations.last().is_some_and(|past| past.kind == OperationType::Rollback);
        let creating = child.operations.last().is_some_and(|past| past.kind == OperationType::CreateStack);
        if matches!(child.status, Status::CreateComplete | Status::UpdateComplete)
            || (child.status == Status::UpdateRollbackComplete && sent_back)
        {
            return Some(Ok(()));
        }
        failed(if creating { "created" } else { "updated" })
    }

    /// A nested stack has come to rest. One that could not be made is there all the same, and has to go again.
    pub(crate) fn finish_child(
        &mut self,
        stack: &mut Stack,
        operation: &mut Operation,
        logical: &str,
        properties: &Properties,
        result: Result<(), String>,
    ) -> Result<(), String> {
        let creating =
            stack.resources.get(logical).is_some_and(|member| member.status == ResourceStatus::CreateInProgress);
        if creating {
            operation.journal.push(Done::Created { logical: logical.to_owned() });
        }
        result?;
        let before = operation.members.get(logical).and_then(|member| member.physical.clone());
        let before = before.and_then(|id| self.stacks().stacks.get(&id)?.before.clone());
        if let Some(goal) = before.filter(|_| !creating) {
            operation.journal.push(Done::Child { logical: logical.to_owned(), goal });
        }
        if let Some(member) = stack.resources.get_mut(logical) {
            member.declared.clone_from(properties);
        }
        let status = if creating { ResourceStatus::CreateComplete } else { ResourceStatus::UpdateComplete };
        self.mark(stack, logical, status, None);
        Ok(())
    }

    /// Begins to delete a nested stack.
    pub(crate) fn delete_child(&mut self, id: &str) {
        let operation = Operation::new(OperationType::DeleteStack, self.uuid(), None, None);
        self.with_stack(id, |cfn, child| {
            if child.status != Status::DeleteComplete && child.status != Status::DeleteInProgress {
                cfn.begin_delete(child, operation, None);
            }
        });
    }

    /// Whether a nested stack is gone; `None` while it is on its way.
    pub(crate) fn child_gone(&mut self, id: &str) -> Option<Result<(), String>> {
        let Some(child) = self.stacks().stacks.get(id) else { return Some(Ok(())) };
        let failed = || {
            let why = child.reason.clone().unwrap_or_default();
            format!("Embedded stack {id} was not successfully deleted: {why}")
        };
        let ended = matches!(child.status, Status::DeleteComplete | Status::DeleteFailed);
        ended.then(|| if child.status == Status::DeleteComplete { Ok(()) } else { Err(failed()) })
    }
}
