//! CreateStack, UpdateStack, DeleteStack, and what is set on a stack without changing its resources.

use super::{
    Cfn,
    api::{CfnError, CreateStack, DeleteStack, StackOperation, UpdateStack},
    guard, invalid,
    operation::Operation,
    phase::on_failure,
    stack::{Goal, Stack},
    status::{self, Asked},
    words::OperationType,
};
use crate::clock::later;
use plan::facts::Status;
use std::{sync::Arc, time::Duration};

impl Cfn<'_> {
    /// CreateStack.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn create_stack(&mut self, request: CreateStack) -> Result<StackOperation, CfnError> {
        let name = &request.deployment.stack_name;
        check_name("stackName", name)?;
        let existing = self.look(name).ok().cloned();
        let shell =
            existing.as_ref().filter(|stack| stack.status == Status::ReviewInProgress).map(|stack| stack.id.clone());
        if let Some(existing) = existing.filter(|_| shell.is_none()) {
            let past = existing
                .operations
                .iter()
                .find(|past| past.token.is_some() && past.token == request.client_request_token);
            return match past {
                Some(past) => Ok(StackOperation { stack_id: existing.id.clone(), operation_id: past.id.clone() }),
                None => Err(CfnError::new("AlreadyExistsException", 400, format!("Stack [{name}] already exists"))),
            };
        }
        self.room()?;
        // A shell that waits for its first change set becomes the stack, and the change set is overtaken.
        let id = shell.unwrap_or_else(|| self.arn("stack", name));
        let goal = self.goal(&request.deployment, &id, None)?;
        request.stack_policy_body.as_deref().map_or(Ok(()), guard::policy)?;
        let mut stack = Stack::new(id, name.clone(), Status::CreateInProgress, self.now);
        stack.protected = request.enable_termination_protection;
        stack.policy = request.stack_policy_body;
        stack.timeout_in_minutes = request.timeout_in_minutes;
        let failure = on_failure(request.disable_rollback, request.on_failure);
        let mut operation =
            Operation::new(OperationType::CreateStack, self.uuid(), request.client_request_token, Some(Arc::new(goal)));
        operation.on_failure = failure;
        operation.retain_except_on_create = request.retain_except_on_create;
        operation.deadline =
            request.timeout_in_minutes.map(|minutes| later(self.now, Duration::from_secs(u64::from(minutes) * 60)));
        stack.disable_rollback = failure == super::words::OnFailure::DoNothing;
        stack.retain_except_on_create = request.retain_except_on_create;
        let answer = StackOperation { stack_id: stack.id.clone(), operation_id: operation.id.clone() };
        self.begin(&mut stack, operation, Status::CreateInProgress);
        // What was in review has been overtaken.
        self.overtake(&stack.id);
        self.stacks().names.insert(stack.name.clone(), stack.id.clone());
        self.stacks().stacks.insert(stack.id.clone(), stack);
        Ok(answer)
    }

    /// UpdateStack.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn update_stack(&mut self, mut request: UpdateStack) -> Result<StackOperation, CfnError> {
        let stack = self.look_at(&request.deployment.stack_name)?.clone();
        if let Some(past) =
            stack.operations.iter().find(|p| p.token.is_some() && p.token == request.client_request_token)
        {
            return Ok(StackOperation { stack_id: stack.id, operation_id: past.id.clone() });
        }
        updatable(&stack)?;
        if failed_before(&stack) && request.disable_rollback != Some(true) {
            return Err(not_updatable(&stack));
        }
        request.deployment.stack_name.clone_from(&stack.name);
        let goal = self.goal(&request.deployment, &stack.id, stack.goal.as_deref())?;
        [&request.stack_policy_body, &request.stack_policy_during_update_body]
            .into_iter()
            .flatten()
            .try_for_each(|body| guard::policy(body))?;
        let changes = self.changes(&stack, &goal, false, &[]).map_err(invalid)?;
        if changes.is_empty() && !self.outputs_change(&stack, &goal) && !failed_before(&stack) {
            return Err(invalid("No updates are to be performed."));
        }
        let mut operation =
            Operation::new(OperationType::UpdateStack, self.uuid(), request.client_request_token, Some(Arc::new(goal)));
        operation.on_failure = on_failure(request.disable_rollback, None);
        operation.retain_except_on_create = request.retain_except_on_create;
        operation.policy = request.stack_policy_during_update_body.or_else(|| stack.policy.clone());
        let answer = StackOperation { stack_id: stack.id.clone(), operation_id: operation.id.clone() };
        self.overtake(&stack.id);
        self.with_stack(&stack.id, |cfn, stack| {
            if request.stack_policy_body.is_some() {
                stack.policy = request.stack_policy_body;
            }
            stack.disable_rollback = operation.on_failure == super::words::OnFailure::DoNothing;
            stack.change_set = None;
            carry_over(stack, &mut operation);
            cfn.begin(stack, operation, Status::UpdateInProgress);
        });
        Ok(answer)
    }

    /// DeleteStack. One that is gone, or never was, is fine.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn delete_stack(&mut self, request: DeleteStack) -> Result<(), CfnError> {
        let Ok(stack) = self.look(&request.stack_name).cloned() else { return Ok(()) };
        let again = stack
            .operations
            .last()
            .is_some_and(|past| past.token.is_some() && past.token == request.client_request_token);
        if matches!(stack.status, Status::DeleteComplete | Status::DeleteInProgress) || again {
            return Ok(());
        }
        if !status::lets(stack.status, Asked::Delete) {
            return Err(invalid(format!(
                "Stack [{}] cannot be deleted while in status {}",
                stack.name,
                stack.status.as_str()
            )));
        }
        if let Some((parent, _)) = &stack.parent
            && self.look(parent).is_ok_and(|parent| parent.protected)
        {
            return Err(invalid(format!(
                "Stack [{}] cannot be deleted while TerminationProtection is enabled",
                stack.name
            )));
        }
        if stack.protected {
            return Err(invalid(format!(
                "Stack [{}] cannot be deleted while TerminationProtection is enabled",
                stack.name
            )));
        }
        let failed = stack.status == Status::DeleteFailed;
        if !failed && !request.retain_resources.is_empty() {
            return Err(invalid(format!(
                "Invalid operation on stack [{}]. When you delete a stack, specify which resources to retain only when the stack is in the DELETE_FAILED state.",
                stack.id
            )));
        }
        if !failed && request.force {
            return Err(invalid(format!(
                "Invalid operation on stack [{}]. DeletionMode FORCE_DELETE_STACK is allowed only in the DELETE_FAILED state.",
                stack.id
            )));
        }
        self.deletable(&stack)?;
        let mut operation = Operation::new(OperationType::DeleteStack, self.uuid(), request.client_request_token, None);
        operation.retained = request.retain_resources;
        operation.force = request.force;
        self.overtake(&stack.id);
        self.with_stack(&stack.id, |cfn, stack| {
            cfn.begin_delete(stack, operation, Some("User Initiated".to_owned()));
        });
        Ok(())
    }

    /// UpdateTerminationProtection: answers the stack's ARN.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn update_termination_protection(&mut self, stack_name: &str, enable: bool) -> Result<String, CfnError> {
        let stack = self.look_at(stack_name)?.clone();
        if stack.parent.is_some() {
            return Err(invalid("Termination protection is set on the root stack only"));
        }
        self.with_stack(&stack.id, |_, stack| stack.protected = enable);
        Ok(stack.id)
    }

    /// SetStackPolicy.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn set_stack_policy(&mut self, stack_name: &str, body: &str) -> Result<(), CfnError> {
        guard::policy(body)?;
        let id = self.look(stack_name)?.id.clone();
        self.with_stack(&id, |_, stack| stack.policy = Some(body.to_owned()));
        Ok(())
    }

    /// GetStackPolicy.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn get_stack_policy(&mut self, stack_name: &str) -> Result<Option<String>, CfnError> {
        self.look(stack_name).map(|stack| stack.policy.clone())
    }

    /// Whether a goal changes a stack's outputs, its resources being as they are.
    pub(crate) fn outputs_change(&self, stack: &Stack, goal: &Goal) -> bool {
        let outputs = self.outputs(stack, goal, &super::evaluate::Unknowns::default());
        outputs.is_ok_and(|(outputs, _)| outputs != stack.outputs)
    }
}

/// Whether a name can be a stack's or a change set's, as `field` says.
pub(crate) fn check_name(field: &str, name: &str) -> Result<(), CfnError> {
    name.parse::<manifests::id::StackName>().map(drop).map_err(|_| {
        invalid(format!(
            "1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        ))
    })
}

/// CREATE_FAILED and UPDATE_FAILED: to be updated only with DisableRollback.
pub(crate) fn failed_before(stack: &Stack) -> bool {
    matches!(stack.status, Status::CreateFailed | Status::UpdateFailed)
}

/// An update of a failed stack goes on from where that failed: it can still be rolled back to the last good state.
pub(crate) fn carry_over(stack: &mut Stack, operation: &mut Operation) {
    if let Some(failed) = stack.work.take() {
        operation.carried = true;
        operation.before = failed.before;
        operation.members = failed.members;
        operation.journal = failed.journal;
        operation.leftovers = failed.leftovers;
    }
}

pub(crate) fn not_updatable(stack: &Stack) -> CfnError {
    invalid(format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status.as_str()))
}

/// Whether a stack can be updated now.
pub(crate) fn updatable(stack: &Stack) -> Result<(), CfnError> {
    if status::lets(stack.status, Asked::Update) { Ok(()) } else { Err(not_updatable(stack)) }
}
