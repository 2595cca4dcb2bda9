//! ExecuteChangeSet, and the import of resources that exist.

use super::{
    Cfn,
    api::{CfnError, ExecuteChangeSet, ResourceToImport},
    create::{carry_over, failed_before, not_updatable},
    evaluate::Unknowns,
    invalid,
    operation::{Deed, Done, Operation},
    phase::on_failure,
    stack::{Goal, Member, Stack},
    status,
    words::{ChangeSetStatus, ChangeSetType, ExecutionStatus, OnFailure, OperationType, ResourceStatus},
};
use crate::{
    store::{Key, Owner, Properties},
    template::Policy,
    types::{self, Reach, life::For},
};
use plan::facts::Status;
use std::{collections::BTreeMap, time::Duration};

type Started = Result<Option<(Duration, Deed)>, (ResourceStatus, String)>;

impl Cfn<'_> {
    /// ExecuteChangeSet.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn execute_change_set(&mut self, request: ExecuteChangeSet) -> Result<(), CfnError> {
        if self.begun_already(&request) {
            return Ok(());
        }
        let set = self.find_change_set(&request.change_set_name, request.stack_name.as_deref())?.clone();
        let stack = self.look_at(&set.summary.stack_id)?.clone();
        if !set.available() {
            let made = set.summary.status == ChangeSetStatus::CreateComplete;
            let shown = if made { set.summary.execution_status.as_str() } else { set.summary.status.as_str() };
            let id = &set.summary.change_set_id;
            let message = format!("ChangeSet [{id}] cannot be executed in its current status of [{shown}]");
            return Err(CfnError::new("InvalidChangeSetStatus", 400, message));
        }
        if set.summary.root_change_set_id.is_some() {
            return Err(invalid("A nested change set can be executed from its root change set only"));
        }
        if set.on_stack_failure.is_some() && request.disable_rollback.is_some() {
            return Err(invalid("DisableRollback cannot be specified together with OnStackFailure"));
        }
        let ready = stack.status == Status::ReviewInProgress || status::lets(stack.status, status::Asked::Update);
        if !ready || (failed_before(&stack) && request.disable_rollback == Some(false)) {
            return Err(not_updatable(&stack));
        }
        let (kind, status) = match (set.kind, stack.status) {
            (ChangeSetType::Import, _) => (OperationType::UpdateStack, Status::ImportInProgress),
            (_, Status::ReviewInProgress) => (OperationType::CreateStack, Status::CreateInProgress),
            _ => (OperationType::UpdateStack, Status::UpdateInProgress),
        };
        let mut operation = Operation::new(kind, self.uuid(), request.client_request_token, Some(set.goal.clone()));
        operation.on_failure = on_failure(Some(request.disable_rollback.unwrap_or(true)), set.on_stack_failure);
        operation.retain_except_on_create = request.retain_except_on_create;
        operation.revert_drift = set.revert_drift;
        operation.touches = set.touches;
        operation.imports = set.imports;
        operation.policy.clone_from(&stack.policy);
        let id = set.summary.change_set_id;
        if let Some(set) = self.stacks().change_sets.get_mut(&id) {
            set.summary.execution_status = ExecutionStatus::ExecuteInProgress;
        }
        self.stacks().change_sets.retain(|other, set| {
            let below = set.summary.root_change_set_id.as_deref() == Some(id.as_str());
            let beside = set.summary.stack_id == stack.id && !set.executed();
            *other == id || !(below || beside)
        });
        self.with_stack(&stack.id, |cfn, stack| {
            stack.change_set = Some(id);
            stack.disable_rollback = operation.on_failure == OnFailure::DoNothing;
            stack.retain_except_on_create = request.retain_except_on_create;
            carry_over(stack, &mut operation);
            cfn.begin(stack, operation, status);
        });
        Ok(())
    }

    /// Whether this is a second call with the token of the first.
    fn begun_already(&mut self, request: &ExecuteChangeSet) -> bool {
        let Some(token) = &request.client_request_token else { return false };
        let name = request.change_set_name.as_str();
        let stacks = self.stacks();
        stacks.stacks.values().any(|stack| {
            let same = stack.change_set.as_deref().is_some_and(|id| {
                let named = stacks.change_sets.get(id).is_some_and(|set| set.summary.change_set_name == name);
                id == name || (named && request.stack_name.as_deref().is_some_and(|s| s == stack.name || s == stack.id))
            });
            same && stack.operations.last().is_some_and(|past| past.token.as_ref() == Some(token))
        })
    }

    /// A stack has changed otherwise: what was planned for it can't be executed any more.
    pub(crate) fn overtake(&mut self, stack_id: &str) {
        for set in self.stacks().change_sets.values_mut() {
            if set.summary.stack_id == stack_id && !set.executed() {
                set.summary.execution_status = ExecutionStatus::Obsolete;
            }
        }
    }

    /// A stack has come to rest: the change set that it was executing has, too.
    pub(crate) fn executed(&mut self, stack: &Stack, status: Status) {
        let Some(set) = stack.change_set.as_ref().and_then(|id| self.stacks().change_sets.get_mut(id)) else { return };
        if set.summary.execution_status == ExecutionStatus::ExecuteInProgress {
            set.summary.execution_status = match status::went_well(status) {
                true => ExecutionStatus::ExecuteComplete,
                false => ExecutionStatus::ExecuteFailed,
            };
        }
    }

    /// Whether everything to be imported can be (user guide, "Import AWS resources into a CloudFormation stack").
    pub(crate) fn importable(&self, goal: &Goal, imports: &[ResourceToImport]) -> Result<(), CfnError> {
        if imports.is_empty() {
            return Err(invalid("ResourcesToImport must be specified for a change set of type IMPORT"));
        }
        for import in imports {
            let logical = &import.logical_resource_id;
            let Some(declaration) = goal.template.resources.get(logical) else {
                return Err(invalid(format!("Resource [{logical}] to import is not in the template")));
            };
            if declaration.deletion.is_none() {
                return Err(invalid(format!(
                    "As part of the import operation, you must specify a DeletionPolicy for the resource [{logical}]"
                )));
            }
            if declaration.kind != import.resource_type
                || types::find(&import.resource_type).is_none_or(|kind| !kind.drift)
            {
                return Err(invalid(format!("ResourceTypes [{}] are not supported for Import", import.resource_type)));
            }
        }
        Ok(())
    }

    /// What a stack is to have and what exists already, as nobody's, under the very name that its template writes out
    /// (user guide, "Import AWS resources automatically").
    pub(crate) fn existing(&self, stack: &Stack, goal: &Goal) -> Result<Vec<ResourceToImport>, String> {
        let (present, _) = self.evaluating(&stack.resources, goal, &Unknowns::default(), |e| e.present());
        let mut found = vec![];
        let mut unkept = vec![];
        for logical in present? {
            let has = stack.resources.get(&logical).is_some_and(|member| member.physical.is_some());
            let declared = goal.template.resources.get(&logical).filter(|_| !has);
            let named = declared.and_then(|declared| {
                // Only a name that is the physical id and is written out can be looked for.
                let kind = types::find(&declared.kind).filter(|kind| kind.drift && kind.id == "{name}")?;
                let property = kind.named?;
                let name = declared.properties.get(property)?.as_str()?.to_owned();
                let live = match kind.reach {
                    Reach::Region => self.account.store.get(&Key::new(&self.region, kind.name, &name)),
                    Reach::Account | Reach::World => {
                        self.account.store.anywhere(kind.name, &name).map(|(_, live)| live)
                    }
                };
                Some((declared, property, name, live?))
            });
            let Some((declared, property, name, live)) = named else { continue };
            if let Some(owner) = &live.owner {
                return Err(format!("{name} already exists in stack {}", owner.stack));
            }
            if !matches!(declared.deletion, Some(Policy::Retain | Policy::RetainExceptOnCreate)) {
                unkept.push(format!("{logical} ({{{property}={name}}})"));
            }
            found.push(ResourceToImport {
                resource_type: declared.kind.clone(),
                logical_resource_id: logical,
                resource_identifier: BTreeMap::from([(property.to_owned(), name)]),
            });
        }
        if unkept.is_empty() {
            return Ok(found);
        }
        Err(format!(
            "CloudFormation is attempting to import some resources because they already exist in your account. The resources must have the DeletionPolicy attribute set to 'Retain' or 'RetainExceptOnCreate' in the template for successful import. The affected resources are {}",
            unkept.join(", ")
        ))
    }

    pub(crate) fn start_import(
        &mut self,
        stack: &mut Stack,
        operation: &Operation,
        import: &ResourceToImport,
    ) -> Started {
        let logical = import.logical_resource_id.as_str();
        let Some(goal) = operation.goal.clone() else { return Ok(None) };
        let Some(declaration) = goal.template.resources.get(logical) else { return Ok(None) };
        let failed = |why| (ResourceStatus::ImportFailed, why);
        stack.resources.insert(logical.to_owned(), Member::new(declaration, self.now));
        let wanted = self.wanted(&stack.resources, &goal, logical, &Unknowns::default()).map_err(failed)?;
        let physical = import.resource_identifier.values().next().cloned().unwrap_or_default();
        if let Some(member) = stack.resources.get_mut(logical) {
            member.declared.clone_from(&wanted);
            member.physical = Some(physical.clone());
        }
        self.mark(stack, logical, ResourceStatus::ImportInProgress, None);
        let seconds = types::find(&declaration.kind).map_or(1, |kind| kind.seconds[1]);
        Ok(Some((self.takes(Duration::from_secs(seconds)), Deed::Import(wanted, physical))))
    }

    pub(crate) fn finish_import(
        &mut self,
        stack: &mut Stack,
        operation: &mut Operation,
        logical: &str,
        properties: &Properties,
        physical: &str,
    ) -> Result<(), String> {
        let kind = stack.resources.get(logical).map(|member| member.kind.clone()).unwrap_or_default();
        let key = Key::new(&self.region, &kind, physical);
        let whom = For { stack_id: &stack.id.clone(), stack: &stack.name.clone(), logical };
        match self.account.store.get(&key).map(|resource| resource.owner.clone()) {
            None => return Err(format!("Resource of type '{kind}' with identifier '{physical}' was not found.")),
            Some(Some(owner)) => return Err(format!("{physical} already exists in stack {}", owner.stack)),
            Some(None) => {}
        }
        // An import puts the stack's tags on the resource, and changes nothing else.
        let tags: BTreeMap<_, _> =
            properties.get("Tags").map(|tags| ("Tags".to_owned(), Some(tags.clone()))).into_iter().collect();
        self.alter(whom, &key, &tags)?;
        if let Some(resource) = self.account.store.get_mut(&key) {
            resource.owner = Some(Owner { stack: stack.id.clone(), logical: logical.to_owned() });
        }
        operation.journal.push(Done::Imported { logical: logical.to_owned() });
        self.mark(stack, logical, ResourceStatus::ImportComplete, None);
        Ok(())
    }
}
