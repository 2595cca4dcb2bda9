//! ContinueUpdateRollback, RollbackStack, CancelUpdateStack: what people do to a stack that is stuck or on its way.

use super::{
    Cfn,
    api::{CfnError, ContinueUpdateRollback, RollbackStack, StackOperation},
    invalid,
    operation::{Operation, State},
    stack::{Past, Stack},
    status::{self, Asked, Outcome},
    words::{OperationType, ResourceStatus},
};
use plan::facts::Status;

impl Cfn<'_> {
    fn ask(&mut self, name: &str, asked: Asked, action: &str) -> Result<Stack, CfnError> {
        let stack = self.look_at(name)?.clone();
        if stack.parent.is_some() {
            return Err(invalid(format!("{action} can be called on the root stack only")));
        }
        if status::lets(stack.status, asked) {
            return Ok(stack);
        }
        Err(invalid(format!("Stack:{} is in {} state and can not {action}.", stack.id, stack.status.as_str())))
    }

    /// ContinueUpdateRollback: tries again what failed, or skips it.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn continue_update_rollback(&mut self, request: ContinueUpdateRollback) -> Result<(), CfnError> {
        let stack = self.ask(&request.stack_name, Asked::Continue, "be continued with ContinueUpdateRollback")?;
        let failed: Vec<String> = stack.work.iter().flat_map(Operation::failed).map(str::to_owned).collect();
        if let Some(odd) = request.resources_to_skip.iter().find(|name| !failed.contains(name)) {
            return Err(invalid(format!(
                "Invalid resource {odd}: only resources in the UPDATE_FAILED state because of a rollback can be skipped"
            )));
        }
        let id = self.uuid();
        self.with_stack(&stack.id, |cfn, stack| {
            let Some(mut operation) = stack.work.take() else { return };
            stack.operations.push(Past {
                kind: OperationType::ContinueRollback,
                id,
                token: request.client_request_token,
            });
            cfn.turn(stack, Status::UpdateRollbackInProgress, Some("User Initiated".to_owned()));
            for index in 0..operation.jobs.len() {
                if operation.jobs[index].state != State::Failed {
                    continue;
                }
                let logical = operation.jobs[index].logical.clone();
                if !request.resources_to_skip.contains(&logical) {
                    operation.jobs[index].state = State::Waiting;
                    continue;
                }
                operation.jobs[index].state = State::Done;
                cfn.restore(stack, &operation, &logical);
                let reason = "Resource rollback skipped by user".to_owned();
                cfn.mark(stack, &logical, ResourceStatus::UpdateComplete, Some(reason));
            }
            stack.work = Some(operation);
            cfn.in_a_moment(stack);
        });
        Ok(())
    }

    /// RollbackStack: back to the last good state; a stack that never had one is deleted.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn rollback_stack(&mut self, request: RollbackStack) -> Result<StackOperation, CfnError> {
        let stack = self.ask(&request.stack_name, Asked::Rollback, "be rolled back with RollbackStack")?;
        let id = self.uuid();
        let answer = StackOperation { stack_id: stack.id.clone(), operation_id: id.clone() };
        self.with_stack(&stack.id, |cfn, stack| {
            let never_good = stack.work.as_ref().is_none_or(|work| work.before.is_none());
            if never_good {
                let operation = Operation::new(OperationType::Rollback, id, request.client_request_token, None);
                stack.work = None;
                return cfn.begin_delete(stack, operation, Some("User Initiated".to_owned()));
            }
            let Some(mut operation) = stack.work.take() else { return };
            operation.retain_except_on_create |= request.retain_except_on_create;
            stack.operations.push(Past { kind: OperationType::Rollback, id, token: request.client_request_token });
            // From UPDATE_FAILED the rollback begins as if the update had only now failed.
            stack.status = Status::UpdateInProgress;
            cfn.end_phase(stack, operation, Outcome::Cancelled, Some("User Initiated".to_owned()));
        });
        Ok(answer)
    }

    /// CancelUpdateStack.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn cancel_update_stack(
        &mut self,
        stack_name: &str,
        client_request_token: Option<&str>,
    ) -> Result<(), CfnError> {
        let stack = self.look_at(stack_name)?.clone();
        if !status::lets(stack.status, Asked::Cancel) {
            return Err(invalid(format!(
                "CancelUpdateStack cannot be called from current stack status {}",
                stack.status.as_str()
            )));
        }
        self.with_stack(&stack.id, |cfn, stack| {
            if let Some(operation) = &mut stack.work {
                operation.cancelled = true;
            }
            if let (Some(past), Some(token)) = (stack.operations.last_mut(), client_request_token) {
                past.token = Some(token.to_owned());
            }
            cfn.in_a_moment(stack);
        });
        Ok(())
    }
}
