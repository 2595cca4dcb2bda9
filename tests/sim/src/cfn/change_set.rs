//! Change sets: asked for, made in the background, described, deleted.

use super::{
    Cfn, Due,
    api::{
        CfnError, ChangeSetCreated, ChangeSetDescription, ChangeSetSummary, CreateChangeSet, DescribeChangeSet, Page,
    },
    changes::plain,
    create::{check_name, updatable},
    evaluate::Unknowns,
    events::Subject,
    hooks, invalid,
    read::{page, parameters},
    stack::{ChangeSet, Past, Stack},
    words::{ChangeSetStatus, ChangeSetType, ExecutionStatus, OnFailure, OperationType},
};
use crate::{
    fault::Fault,
    types::{self, shape},
};
use plan::facts::Status;
use std::{collections::BTreeMap, sync::Arc};

/// Changes on a page.
const PAGE: usize = 100;
/// What a change set says that would change nothing.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";
const EARLY: &str = "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]. To \
                     troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.";

impl Cfn<'_> {
    /// CreateChangeSet.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn create_change_set(&mut self, mut request: CreateChangeSet) -> Result<ChangeSetCreated, CfnError> {
        let kind = request.change_set_type.unwrap_or(ChangeSetType::Update);
        let name = request.change_set_name.clone();
        check_name("changeSetName", &name)?;
        let existing = self.look(&request.deployment.stack_name).ok().cloned();
        let existing = self.fits(existing, kind, &request)?;
        if let Some(stack) = &existing
            && let Ok(twin) = self.find_change_set(&name, Some(&stack.id))
        {
            if twin.token.is_some() && twin.token == request.client_token {
                let id = twin.summary.change_set_id.clone();
                return Ok(ChangeSetCreated { id, stack_id: stack.id.clone() });
            }
            return Err(CfnError::new("AlreadyExistsException", 400, format!("ChangeSet {name} already exists")));
        }
        let known = existing.as_ref().map(|stack| stack.id.clone());
        let stack_id = known.unwrap_or_else(|| self.arn("stack", &request.deployment.stack_name));
        if let Some(stack) = &existing {
            request.deployment.stack_name.clone_from(&stack.name);
        }
        if request.on_stack_failure == Some(OnFailure::Delete) && kind != ChangeSetType::Create {
            return Err(invalid("OnStackFailure DELETE can only be used with a change set of type CREATE"));
        }
        let previous = existing.as_ref().and_then(|stack| stack.goal.clone());
        let goal = Arc::new(self.goal(&request.deployment, &stack_id, previous.as_deref())?);
        self.revertible(&request, &goal)?;
        if kind == ChangeSetType::Import {
            self.importable(&goal, &request.resources_to_import)?;
        }
        if existing.is_none() {
            self.room()?;
            self.shell(&stack_id, &request.deployment.stack_name, kind);
        }
        let id = self.arn("changeSet", &name);
        let summary = ChangeSetSummary {
            change_set_id: id.clone(),
            change_set_name: name,
            stack_id: stack_id.clone(),
            stack_name: request.deployment.stack_name,
            status: ChangeSetStatus::CreatePending,
            status_reason: None,
            execution_status: ExecutionStatus::Unavailable,
            creation_time: self.now,
            description: request.description,
            include_nested_stacks: request.include_nested_stacks,
            parent_change_set_id: None,
            root_change_set_id: None,
        };
        let change_set = ChangeSet {
            summary,
            kind,
            goal,
            token: request.client_token,
            changes: vec![],
            imports: request.resources_to_import,
            import_existing: request.import_existing,
            on_stack_failure: request.on_stack_failure,
            revert_drift: request.revert_drift,
            stack_drift: None,
            touches: BTreeMap::new(),
            events: vec![],
            paths: vec![],
            hooks: vec![],
            operation: self.uuid(),
        };
        self.stacks().change_sets.insert(id.clone(), change_set);
        let takes = self.takes(self.world.timing.change_set);
        self.schedule(takes, Due::ChangeSet(id.clone()));
        Ok(ChangeSetCreated { id, stack_id })
    }

    /// Whether a change set of this type fits what is there: the stack that it is for, if there is one.
    fn fits(
        &mut self,
        existing: Option<Stack>,
        kind: ChangeSetType,
        request: &CreateChangeSet,
    ) -> Result<Option<Stack>, CfnError> {
        let name = &request.deployment.stack_name;
        match (existing, kind) {
            (None, ChangeSetType::Update) => Err(invalid(format!("Stack [{name}] does not exist"))),
            (None, ChangeSetType::Create | ChangeSetType::Import) => check_name("stackName", name).map(|()| None),
            (Some(stack), ChangeSetType::Create) if stack.status != Status::ReviewInProgress => Err(invalid(format!(
                "Stack [{}] already exists and cannot be created again with the changeSet [{}].",
                stack.name, request.change_set_name
            ))),
            (Some(stack), ChangeSetType::Create) => Ok(Some(stack)),
            (Some(stack), ChangeSetType::Import) if stack.status == Status::ReviewInProgress => Ok(Some(stack)),
            (Some(stack), ChangeSetType::Update | ChangeSetType::Import) => updatable(&stack).map(|()| Some(stack)),
        }
    }

    /// The stack that a first change set is for: a name and an ARN, nothing more.
    fn shell(&mut self, id: &str, name: &str, kind: ChangeSetType) {
        let mut stack = Stack::new(id.to_owned(), name.to_owned(), Status::ReviewInProgress, self.now);
        let operation =
            if kind == ChangeSetType::Import { OperationType::UpdateStack } else { OperationType::CreateStack };
        let past = Past { kind: operation, id: self.uuid(), token: None };
        stack.operations.push(past);
        self.turn(&mut stack, Status::ReviewInProgress, Some("User Initiated".to_owned()));
        stack.operations.clear();
        self.stacks().names.insert(name.to_owned(), id.to_owned());
        self.stacks().stacks.insert(id.to_owned(), stack);
    }

    /// The next step of a change set that is being made.
    pub(crate) fn step_change_set(&mut self, id: &str) {
        let Some(mut change_set) = self.stacks().change_sets.get(id).cloned().filter(ChangeSet::pending) else {
            return;
        };
        if change_set.summary.status == ChangeSetStatus::CreatePending {
            change_set.summary.status = ChangeSetStatus::CreateInProgress;
            let takes = self.takes(self.world.timing.change_set);
            self.schedule(takes, Due::ChangeSet(id.to_owned()));
        } else {
            self.complete_change_set(&mut change_set);
        }
        self.stacks().change_sets.insert(id.to_owned(), change_set);
    }

    fn complete_change_set(&mut self, change_set: &mut ChangeSet) {
        let Some(stack) = self.stacks().stacks.get(&change_set.summary.stack_id).cloned() else { return };
        if change_set.revert_drift {
            change_set.stack_drift = Some(stack.drift.status);
        }
        let taken_in = match change_set.import_existing {
            true => self.existing(&stack, &change_set.goal).map(|found| change_set.imports = found),
            false => Ok(()),
        };
        let mut changes = taken_in
            .and_then(|()| self.changes(&stack, &change_set.goal, change_set.revert_drift, &change_set.imports));
        if let (true, Ok(changes)) = (change_set.revert_drift, &mut changes) {
            self.haunt(&stack, change_set, changes);
        }
        change_set.hooks = self.hooked(&change_set.goal, &change_set.summary.change_set_id);
        let failed = match &changes {
            Err(why) => Some(why.clone()),
            Ok(_) if !change_set.hooks.is_empty() => hooks::reason(change_set),
            Ok(_) if self.invalid_early(&stack, change_set) => Some(EARLY.to_owned()),
            Ok(changes) if changes.is_empty() && !self.outputs_change(&stack, &change_set.goal) => {
                Some(NO_CHANGES.to_owned())
            }
            Ok(_) => None,
        };
        let summary = &mut change_set.summary;
        match failed {
            Some(why) => {
                summary.status = ChangeSetStatus::Failed;
                summary.status_reason = Some(why);
            }
            None => {
                summary.status = ChangeSetStatus::CreateComplete;
                // A change set that was overtaken while it was being made can't be executed any more.
                if summary.execution_status == ExecutionStatus::Unavailable {
                    summary.execution_status = ExecutionStatus::Available;
                }
                change_set.changes = changes.unwrap_or_default();
                if change_set.summary.include_nested_stacks {
                    self.nested_change_sets(&stack, change_set);
                }
            }
        }
    }

    /// The change sets of the nested stacks that exist, each below the one of its parent.
    fn nested_change_sets(&mut self, stack: &Stack, parent: &mut ChangeSet) {
        let goal = parent.goal.clone();
        for index in 0..parent.changes.len() {
            let Some(change) = parent.changes.get(index).filter(|c| c.resource_type == "AWS::CloudFormation::Stack")
            else {
                continue;
            };
            let (logical, child) = (change.logical_resource_id.clone(), change.physical_resource_id.clone());
            let Some(child) = child.and_then(|id| self.stacks().stacks.get(&id).cloned()) else { continue };
            let wanted = self.wanted(&stack.resources, &goal, &logical, &Unknowns::default()).unwrap_or_default();
            let name = format!("{}-{logical}", parent.summary.change_set_name);
            let mut own = parent.clone();
            own.changes.clear();
            own.summary.change_set_id = self.arn("changeSet", &name);
            own.summary.change_set_name = name;
            own.summary.stack_id.clone_from(&child.id);
            own.summary.stack_name.clone_from(&child.name);
            own.summary.parent_change_set_id = Some(parent.summary.change_set_id.clone());
            let root = parent.summary.root_change_set_id.as_ref().unwrap_or(&parent.summary.change_set_id);
            own.summary.root_change_set_id = Some(root.clone());
            own.summary.status = ChangeSetStatus::CreateInProgress;
            own.summary.execution_status = ExecutionStatus::Unavailable;
            match self.child_goal(&goal, &wanted, (&child.id, &child.name), child.goal.as_deref()) {
                Ok(goal) => {
                    own.goal = Arc::new(goal);
                    self.complete_change_set(&mut own);
                }
                Err(why) => {
                    own.summary.status = ChangeSetStatus::Failed;
                    own.summary.status_reason = Some(why.clone());
                    let id = &own.summary.change_set_id;
                    parent.summary.status = ChangeSetStatus::Failed;
                    parent.summary.execution_status = ExecutionStatus::Unavailable;
                    parent.summary.status_reason = Some(format!(
                        "Nested change set {id} was not successfully created: Currently in FAILED. {why}"
                    ));
                }
            }
            let id = own.summary.change_set_id.clone();
            parent.changes[index].change_set_id = Some(id.clone());
            self.stacks().change_sets.insert(id, own);
        }
    }

    /// Early validation: what is wrong with the properties of any resource, before anything is made.
    fn invalid_early(&mut self, stack: &Stack, change_set: &mut ChangeSet) -> bool {
        let goal = change_set.goal.clone();
        for (logical, declaration) in &goal.template.resources {
            let Some(kind) = types::find(&declaration.kind) else { continue };
            let Some((sentence, path)) = shape::fault(kind, logical, &declaration.properties) else { continue };
            let mut event = self.event(
                stack,
                Subject { logical, kind: &declaration.kind, physical: None },
                "FAILED",
                Some(sentence),
            );
            event.operation_id.clone_from(&change_set.operation);
            change_set.events.push(event);
            change_set.paths.push(path);
        }
        !change_set.events.is_empty()
    }

    /// A change set by ARN, or by name and stack.
    pub(crate) fn find_change_set(&mut self, name: &str, stack: Option<&str>) -> Result<&ChangeSet, CfnError> {
        let missing = || CfnError::new("ChangeSetNotFound", 404, format!("ChangeSet [{name}] does not exist"));
        if name.starts_with("arn:") {
            return self.stacks().change_sets.get(name).ok_or_else(missing);
        }
        let Some(stack) = stack else {
            return Err(invalid("StackName must be specified if ChangeSetName is not specified as an ARN."));
        };
        let stack = self.look_at(stack)?.id.clone();
        let open =
            |set: &&ChangeSet| set.summary.stack_id == stack && set.summary.change_set_name == name && !set.executed();
        self.stacks().change_sets.values().find(open).ok_or_else(missing)
    }

    /// DescribeChangeSet.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn describe_change_set(&mut self, request: &DescribeChangeSet) -> Result<ChangeSetDescription, CfnError> {
        self.whole(request.next_token.as_deref())?;
        let set = self.find_change_set(&request.change_set_name, request.stack_name.as_deref())?.clone();
        let mut reason = set.summary.status_reason.clone();
        let mut dropped = self.dropped(&set, request.include_property_values);
        let mut changes = set.changes;
        if !request.include_property_values {
            changes = changes.into_iter().map(plain).collect();
        } else if let Some(Fault::DroppedChange { logical }) = &self.world.present {
            dropped.push(logical.clone());
        }
        if let Some(logical) = dropped.first().filter(|_| request.include_property_values) {
            // AWS says CREATE_COMPLETE all the same: reference/cloudformation.md 1.4.
            reason = Some(format!(
                "[WARN] --include-property-values option can return incomplete ChangeSet data because: Logical Id: {logical}, failed property validation"
            ));
        }
        changes.retain(|change| !dropped.contains(&change.logical_resource_id));
        let Page { items, next_token } = page(changes, request.next_token.as_deref(), PAGE)?;
        let ChangeSetSummary {
            change_set_id,
            change_set_name,
            stack_id,
            stack_name,
            status,
            execution_status,
            creation_time,
            description,
            include_nested_stacks,
            parent_change_set_id,
            root_change_set_id,
            status_reason: _,
        } = set.summary;
        Ok(ChangeSetDescription {
            change_set_name,
            change_set_id,
            stack_id,
            stack_name,
            description,
            parameters: parameters(&set.goal.parameters),
            creation_time,
            execution_status,
            status,
            status_reason: reason,
            stack_drift_status: set.stack_drift,
            notification_arns: set.goal.notification_arns.clone(),
            rollback_configuration: set.goal.rollback.clone(),
            capabilities: set.goal.capabilities.clone(),
            tags: set.goal.tags.clone(),
            changes: items,
            next_token,
            include_nested_stacks,
            parent_change_set_id,
            root_change_set_id,
            on_stack_failure: set.on_stack_failure,
            revert_drift: set.revert_drift,
            import_existing: set.import_existing,
        })
    }

    /// ListChangeSets: those that were not executed.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn list_change_sets(
        &mut self,
        stack_name: &str,
        next_token: Option<&str>,
    ) -> Result<Page<ChangeSetSummary>, CfnError> {
        self.whole(next_token)?;
        let id = self.look_at(stack_name)?.id.clone();
        let open = |set: &&ChangeSet| set.summary.stack_id == id && !set.executed();
        let mut all: Vec<ChangeSetSummary> =
            self.stacks().change_sets.values().filter(open).map(|set| set.summary.clone()).collect();
        all.sort_by(|a, b| a.creation_time.cmp(&b.creation_time).then_with(|| a.change_set_id.cmp(&b.change_set_id)));
        page(all, next_token, PAGE)
    }

    /// DeleteChangeSet. One that does not exist is fine.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn delete_change_set(&mut self, change_set_name: &str, stack_name: Option<&str>) -> Result<(), CfnError> {
        match self.find_change_set(change_set_name, stack_name) {
            Ok(set)
                if set.summary.execution_status == ExecutionStatus::ExecuteInProgress
                    || matches!(
                        set.summary.status,
                        ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress
                    ) =>
            {
                Err(CfnError::new(
                    "InvalidChangeSetStatus",
                    400,
                    format!("ChangeSet [{}] cannot be deleted in its current status", set.summary.change_set_id),
                ))
            }
            Ok(set) => {
                let id = set.summary.change_set_id.clone();
                let ours = |set: &ChangeSet| set.summary.root_change_set_id.as_deref() == Some(id.as_str());
                self.stacks().change_sets.retain(|other, set| *other != id && !ours(set));
                Ok(())
            }
            Err(refusal) if refusal.code == "ChangeSetNotFound" => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }
}
