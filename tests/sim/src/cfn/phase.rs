//! Phases: an operation begins, its jobs end, the next status follows with jobs of its own.
//!
//! Which status follows is [`super::status::after`]'s decision alone.

use super::{
    Cfn, Due,
    evaluate::Unknowns,
    guard,
    operation::{Done, Job, Leftover, Operation, State, Task},
    run::in_a_row,
    stack::{Goal, Past, Stack},
    status::{self, Outcome},
    words::{OnFailure, ResourceStatus, StackDriftStatus},
};
use crate::{
    clock::later,
    store::Key,
    template::{Policy, check},
};
use plan::facts::Status;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

impl Cfn<'_> {
    /// Begins an operation towards its goal.
    pub(crate) fn begin(&mut self, stack: &mut Stack, mut operation: Operation, status: Status) {
        let past = Past { kind: operation.kind, id: operation.id.clone(), token: operation.token.clone() };
        stack.operations.push(past);
        if !operation.carried {
            operation.before.clone_from(&stack.goal);
            operation.members.clone_from(&stack.resources);
        }
        stack.before.clone_from(&stack.goal);
        stack.updated = Some(self.now);
        stack.drift.status = StackDriftStatus::NotChecked;
        let goal = operation.goal.clone();
        if let Some(goal) = &goal {
            self.bring_jobs(stack, &mut operation, goal);
            stack.goal = Some(goal.clone());
        }
        self.turn(stack, status, Some("User Initiated".to_owned()));
        stack.work = Some(operation);
        self.in_a_moment(stack);
    }

    /// One job for each resource of the goal, in the order of their needs; what is not in the goal is left over.
    fn bring_jobs(&mut self, stack: &Stack, operation: &mut Operation, goal: &Goal) {
        let (present, _) =
            self.evaluating(&stack.resources, goal, &Unknowns::default(), |evaluation| evaluation.present());
        let present = present.unwrap_or_default();
        let needs = check::dependencies(&goal.template);
        let order = check::order(&needs).unwrap_or_default();
        let places: BTreeMap<&String, usize> = order
            .iter()
            .filter(|name| present.contains(*name))
            .enumerate()
            .map(|(index, name)| (name, index))
            .collect();
        let mut named: Vec<(&&String, &usize)> = places.iter().collect();
        named.sort_by_key(|(_, index)| **index);
        operation.jobs = named
            .into_iter()
            .map(|(name, _)| {
                let import = operation.imports.iter().find(|import| import.logical_resource_id == **name);
                let task = import.map_or(Task::Bring, |import| Task::Import(import.clone()));
                let needs = needs.get(*name).into_iter().flatten().filter_map(|need| places.get(need).copied());
                Job::new(name, task, needs.collect())
            })
            .collect();
        let gone: BTreeMap<String, BTreeSet<String>> = stack
            .resources
            .iter()
            .filter(|(name, _)| !present.contains(*name))
            .map(|(name, member)| (name.clone(), member.needs.clone()))
            .collect();
        let among = |needs: &BTreeSet<String>| needs.iter().filter(|need| gone.contains_key(*need)).cloned().collect();
        let gone = gone.iter().map(|(name, needs)| (name.clone(), among(needs))).collect();
        // What needs others goes before them.
        operation.leftovers.extend(check::order(&gone).unwrap_or_default().into_iter().rev().filter_map(|name| {
            let member = stack.resources.get(&name)?;
            let (kind, physical, policy) = (member.kind.clone(), member.physical.clone()?, member.deletion);
            Some(Leftover { logical: name, kind, physical, policy })
        }));
    }

    /// Begins to delete a stack.
    pub(crate) fn begin_delete(&mut self, stack: &mut Stack, mut operation: Operation, reason: Option<String>) {
        let past = Past { kind: operation.kind, id: operation.id.clone(), token: operation.token.clone() };
        stack.operations.push(past);
        delete_jobs(stack, &mut operation);
        self.turn(stack, Status::DeleteInProgress, reason);
        stack.work = Some(operation);
        self.in_a_moment(stack);
    }

    /// A phase is over: the next status, and its jobs.
    pub(crate) fn end_phase(
        &mut self,
        stack: &mut Stack,
        mut operation: Operation,
        outcome: Outcome,
        reason: Option<String>,
    ) {
        let (outcome, reason) = match self.complete(stack, &mut operation, outcome) {
            None => {
                stack.work = Some(operation);
                return;
            }
            Some((outcome, why)) => (outcome, reason.or(why)),
        };
        let Some(next) = status::after(stack.status, outcome) else { return };
        let reason = reason.or_else(|| failures(stack, &operation));
        match next {
            Status::RollbackInProgress => {
                let asked =
                    format!("{}Rollback requested by user.", reason.map(|r| format!("{r} ")).unwrap_or_default());
                operation.jobs = undo_creation(stack, &operation);
                self.go_on(stack, operation, next, Some(asked));
            }
            Status::UpdateRollbackInProgress | Status::ImportRollbackInProgress => {
                undo_update(stack, &mut operation);
                self.go_on(stack, operation, next, reason);
            }
            Status::UpdateCompleteCleanupInProgress | Status::UpdateRollbackCompleteCleanupInProgress => {
                let leftovers = std::mem::take(&mut operation.leftovers);
                operation.jobs = in_a_row(leftovers.into_iter().map(|l| (l.logical.clone(), Task::Drop(l))));
                if next == Status::UpdateRollbackCompleteCleanupInProgress {
                    stack.goal.clone_from(&operation.before);
                }
                self.go_on(stack, operation, next, None);
            }
            Status::DeleteInProgress => {
                delete_jobs(stack, &mut operation);
                self.go_on(stack, operation, next, reason);
            }
            Status::CreateFailed | Status::UpdateFailed | Status::UpdateRollbackFailed => {
                stack.work = Some(operation);
                self.settle(stack, next, reason);
            }
            Status::UpdateComplete | Status::UpdateRollbackComplete => {
                let left = !operation.failed().is_empty() && next == Status::UpdateComplete;
                tidy(stack, &operation, next);
                let reason = left.then(|| "Update successful. One or more resources could not be deleted.".to_owned());
                self.settle(stack, next, reason);
            }
            Status::ImportRollbackComplete => {
                stack.goal.clone_from(&operation.before);
                tidy(stack, &operation, next);
                self.settle(stack, next, None);
            }
            Status::DeleteComplete => {
                stack.deleted = Some(self.now);
                self.stacks().names.retain(|_, id| *id != stack.id);
                stack.outputs.clear();
                stack.imports.clear();
                self.settle(stack, next, None);
            }
            Status::CreateComplete | Status::ImportComplete | Status::RollbackComplete => {
                self.settle(stack, next, None)
            }
            Status::RollbackFailed | Status::DeleteFailed | Status::ImportRollbackFailed => {
                self.settle(stack, next, reason);
            }
            Status::CreateInProgress
            | Status::UpdateInProgress
            | Status::ImportInProgress
            | Status::ReviewInProgress => {}
        }
    }

    fn go_on(&mut self, stack: &mut Stack, operation: Operation, status: Status, reason: Option<String>) {
        self.turn(stack, status, reason);
        stack.work = Some(operation);
        self.in_a_moment(stack);
    }

    /// Even a phase without work takes a moment.
    pub(crate) fn in_a_moment(&mut self, stack: &Stack) {
        let moment = self.takes(Duration::from_secs(1));
        self.schedule(moment, Due::Stack(stack.id.clone()));
    }

    /// A stack comes to rest.
    fn settle(&mut self, stack: &mut Stack, status: Status, reason: Option<String>) {
        self.turn(stack, status, reason);
        self.executed(stack, status);
        if let Some((parent, _)) = stack.parent.clone() {
            self.schedule(Duration::ZERO, Due::Stack(parent));
        }
    }

    /// What else has to be right before a phase has gone well. `None`: it is not over yet.
    fn complete(
        &mut self,
        stack: &mut Stack,
        operation: &mut Operation,
        outcome: Outcome,
    ) -> Option<(Outcome, Option<String>)> {
        let forward =
            matches!(stack.status, Status::CreateInProgress | Status::UpdateInProgress | Status::ImportInProgress);
        if outcome != Outcome::Done && operation.force && stack.status == Status::DeleteInProgress {
            self.leave_behind(stack);
            return Some((Outcome::Done, None));
        }
        if outcome != Outcome::Done || !forward {
            return Some((outcome, None));
        }
        let Some(goal) = operation.goal.clone() else { return Some((outcome, None)) };
        let failed = |why: String| Some((Outcome::Failed(operation.on_failure), Some(why)));
        if let Some(why) = self.sounding(&goal).or_else(|| forbidden_removal(operation)) {
            return failed(why);
        }
        let minutes = goal.rollback.monitoring_time_in_minutes.unwrap_or(0);
        if !goal.rollback.triggers.is_empty() && minutes > 0 {
            let watch = self.takes(Duration::from_secs(u64::from(minutes) * 60));
            let until = *operation.watched.get_or_insert(later(self.now, watch));
            if self.now < until {
                let left = Duration::try_from(until.duration_since(self.now)).unwrap_or_default();
                self.schedule(left, Due::Stack(stack.id.clone()));
                return None;
            }
        }
        let outputs = self.outputs(stack, &goal, &Unknowns::default());
        match outputs.and_then(|(outputs, imports)| self.exportable(stack, &outputs).map(|()| (outputs, imports))) {
            Err(why) => failed(why),
            Ok((outputs, imports)) => {
                stack.outputs = outputs;
                stack.imports = imports;
                Some((outcome, None))
            }
        }
    }

    /// A rollback trigger that calls for a rollback, or does not exist.
    fn sounding(&self, goal: &Goal) -> Option<String> {
        goal.rollback.triggers.iter().find_map(|(arn, _)| {
            let name = arn.split_once(":alarm:").map_or(arn.as_str(), |(_, name)| name);
            match self.account.store.get(&Key::new(&self.region, "AWS::CloudWatch::Alarm", name)) {
                None => Some(format!("Invalid Rollback Trigger. The alarm {arn} does not exist.")),
                Some(alarm) if alarm.attributes.get("StateValue").is_some_and(|state| state == "ALARM") => {
                    Some(format!("Rollback Trigger {arn} went into ALARM state."))
                }
                Some(_) => None,
            }
        })
    }

    /// FORCE_DELETE_STACK: what would not go stays, as nobody's.
    fn leave_behind(&mut self, stack: &mut Stack) {
        let left: Vec<String> = stack
            .resources
            .iter()
            .filter(|(_, member)| member.physical.is_some() && member.status != ResourceStatus::DeleteComplete)
            .map(|(name, _)| name.clone())
            .collect();
        for logical in left {
            if let Some(member) = stack.resources.get(&logical) {
                self.disown(&Key::new(&self.region, &member.kind, member.physical.as_deref().unwrap_or_default()));
            }
            self.mark(stack, &logical, ResourceStatus::DeleteSkipped, None);
        }
    }
}

/// A resource that left the template though the stack policy does not let it.
fn forbidden_removal(operation: &Operation) -> Option<String> {
    let goal = operation.goal.as_deref()?;
    let mut removed = operation.leftovers.iter().filter(|left| !goal.template.resources.contains_key(&left.logical));
    removed.find_map(|left| guard::forbids(operation.policy.as_deref(), "Update:Delete", &left.logical, &left.kind))
}

/// One job for each resource that is there; what needs others goes before them.
fn delete_jobs(stack: &mut Stack, operation: &mut Operation) {
    stack.resources.retain(|_, member| member.physical.is_some());
    let there =
        |status: ResourceStatus| !matches!(status, ResourceStatus::DeleteComplete | ResourceStatus::DeleteSkipped);
    let left: Vec<(&String, &super::stack::Member)> =
        stack.resources.iter().filter(|(_, member)| there(member.status)).collect();
    let jobs = left.iter().map(|(name, member)| {
        let before = left.iter().enumerate().filter(|(_, (_, other))| other.needs.contains(*name));
        let retained = operation.retained.contains(name);
        let fresh = operation.retain_except_on_create || member.deletion == Policy::RetainExceptOnCreate;
        let policy = match (retained, stack.status) {
            (true, _) => Policy::Retain,
            (false, Status::CreateInProgress) if fresh => Policy::Delete,
            (false, _) => member.deletion,
        };
        let physical = member.physical.clone().unwrap_or_default();
        let leftover = Leftover { logical: (*name).clone(), kind: member.kind.clone(), physical, policy };
        Job::new(name, Task::Drop(leftover), before.map(|(index, _)| index).collect())
    });
    operation.jobs = jobs.collect();
}

/// The policy for a resource that this very operation made.
fn fresh_policy(operation: &Operation, policy: Policy) -> Policy {
    match policy {
        Policy::Delete | Policy::RetainExceptOnCreate | Policy::Snapshot => Policy::Delete,
        Policy::Retain if operation.retain_except_on_create => Policy::Delete,
        Policy::Retain => Policy::Retain,
    }
}

/// What a failed creation has made is deleted, last first.
fn undo_creation(stack: &Stack, operation: &Operation) -> Vec<Job> {
    let made = operation.journal.iter().rev().filter_map(|done| {
        let logical = done.logical();
        let member = stack.resources.get(logical)?;
        let leftover = Leftover {
            logical: logical.to_owned(),
            kind: member.kind.clone(),
            physical: member.physical.clone()?,
            policy: match done {
                // It was there before, and nobody made it.
                Done::Imported { .. } => Policy::Retain,
                Done::Created { .. } | Done::Updated { .. } | Done::Replaced { .. } | Done::Child { .. } => {
                    fresh_policy(operation, member.deletion)
                }
            },
        };
        Some((logical.to_owned(), Task::Drop(leftover)))
    });
    in_a_row(made)
}

/// What a failed update has changed is put back, last first; what it has made is left for the cleanup.
fn undo_update(stack: &Stack, operation: &mut Operation) {
    operation.leftovers.clear();
    let mut tasks = vec![];
    for done in operation.journal.iter().rev() {
        let Done::Created { logical } = done else {
            tasks.push((done.logical().to_owned(), Task::Undo(done.clone())));
            continue;
        };
        let Some(member) = stack.resources.get(logical) else { continue };
        if let Some(physical) = member.physical.clone() {
            let policy = fresh_policy(operation, member.deletion);
            let leftover = Leftover { logical: logical.clone(), kind: member.kind.clone(), physical, policy };
            operation.leftovers.push(leftover);
        }
    }
    operation.jobs = in_a_row(tasks);
}

/// Forgets the records of what is gone or never came to be.
fn tidy(stack: &mut Stack, operation: &Operation, status: Status) {
    let goal = stack.goal.clone();
    let kept: BTreeSet<&String> = if status == Status::UpdateComplete {
        operation.goal.iter().flat_map(|goal| goal.template.resources.keys()).collect()
    } else {
        operation.members.keys().collect()
    };
    stack.resources.retain(|name, member| {
        let gone = member.status == ResourceStatus::DeleteComplete || member.status == ResourceStatus::DeleteSkipped;
        kept.contains(name) && member.physical.is_some() && !gone
    });
    if status != Status::UpdateComplete {
        // What was recreated and taken away again is as missing as before, but it is still the stack's.
        for (name, before) in operation.members.iter().filter(|(_, before)| before.physical.is_some()) {
            stack.resources.entry(name.clone()).or_insert_with(|| before.clone());
        }
        for (name, member) in &mut stack.resources {
            if let Some(declaration) = goal.as_ref().and_then(|goal| goal.template.resources.get(name)) {
                member.follow(declaration);
            }
        }
    }
}

/// "The following resource(s) failed to create: [A]. The following resource(s) failed to update: [B]."
fn failures(stack: &Stack, operation: &Operation) -> Option<String> {
    let mut words: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for logical in operation.jobs.iter().filter(|job| job.state == State::Failed).map(|job| job.logical.as_str()) {
        let word = match stack.resources.get(logical).map(|member| member.status) {
            Some(ResourceStatus::CreateFailed) => "create",
            Some(ResourceStatus::DeleteFailed) => "delete",
            Some(ResourceStatus::ImportFailed) => "import",
            _ => "update",
        };
        words.entry(word).or_default().push(logical);
    }
    let sentences: Vec<String> = words
        .into_iter()
        .map(|(word, names)| format!("The following resource(s) failed to {word}: [{}].", names.join(", ")))
        .collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// `OnFailure` from `DisableRollback` and itself.
pub(crate) fn on_failure(disable_rollback: Option<bool>, asked: Option<OnFailure>) -> OnFailure {
    match (asked, disable_rollback) {
        (Some(asked), _) => asked,
        (None, Some(true)) => OnFailure::DoNothing,
        (None, Some(false) | None) => OnFailure::Rollback,
    }
}
