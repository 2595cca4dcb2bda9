//! The engine: carries an operation on, one step at a time.
//!
//! A step finishes the jobs whose time is up, starts those whose predecessors are done, and, when nothing is left,
//! ends the phase ([`super::phase`]). Jobs take effect when they finish, so one that is given up has done nothing.

use super::{
    Cfn, Due,
    events::Subject,
    operation::{Deed, Done, Job, Leftover, Operation, State, Task},
    stack::Stack,
    status::Outcome,
    words::ResourceStatus,
};
use crate::{
    clock::later,
    store::Key,
    template::{Policy, parse::text},
    types::{self, Making, life::For},
};
use jiff::Timestamp;
use plan::facts::Status;
use std::time::Duration;

/// What became of a running job.
enum Ended {
    NotYet,
    Well,
    Badly(String),
}

impl Cfn<'_> {
    /// One step of a stack's operation.
    pub(crate) fn step(&mut self, stack: &mut Stack) {
        if !super::status::busy(stack.status) {
            return;
        }
        let Some(mut operation) = stack.work.take() else { return };
        let forward =
            matches!(stack.status, Status::CreateInProgress | Status::UpdateInProgress | Status::ImportInProgress);
        if forward && operation.cancelled {
            drop_all(&mut operation);
            return self.end_phase(stack, operation, Outcome::Cancelled, Some("User Initiated".to_owned()));
        }
        self.finish_due(stack, &mut operation, forward);
        if forward && operation.deadline.is_some_and(|deadline| deadline <= self.now) {
            drop_all(&mut operation);
            let reason = format!(
                "Stack creation time exceeded the specified timeout. Rollback requested by user. ({})",
                stack.name
            );
            let outcome = Outcome::Failed(operation.on_failure);
            return self.end_phase(stack, operation, outcome, Some(reason));
        }
        self.start_ready(stack, &mut operation, forward);
        let next = operation.jobs.iter().filter_map(|job| match &job.state {
            State::Running(until, _) => Some(*until),
            State::Waiting | State::Done | State::Failed | State::Dropped => None,
        });
        if let Some(next) = next.chain(operation.deadline.filter(|_| forward)).min().filter(|_| running(&operation)) {
            stack.work = Some(operation);
            let wait = Duration::try_from(next.duration_since(self.now)).unwrap_or_default();
            return self.schedule(wait, Due::Stack(stack.id.clone()));
        }
        let outcome = match operation.failed().is_empty() {
            true => Outcome::Done,
            false => Outcome::Failed(operation.on_failure),
        };
        self.end_phase(stack, operation, outcome, None);
    }

    fn finish_due(&mut self, stack: &mut Stack, operation: &mut Operation, forward: bool) {
        let mut due: Vec<(Timestamp, usize)> = vec![];
        for (index, job) in operation.jobs.iter().enumerate() {
            if let State::Running(until, deed) = &job.state
                && (*until <= self.now || waits_for_others(stack, deed, &job.logical))
            {
                due.push((*until, index));
            }
        }
        due.sort();
        for (until, index) in due {
            let Some(job) = operation.jobs.get(index) else { continue };
            let State::Running(_, deed) = job.state.clone() else { continue };
            let logical = job.logical.clone();
            let ended = self.finish(stack, operation, &logical, &deed, until <= self.now);
            let state = match ended {
                Ended::NotYet => continue,
                Ended::Well => State::Done,
                Ended::Badly(reason) => {
                    self.report_failure(stack, &logical, &deed, reason);
                    State::Failed
                }
            };
            let failed = state == State::Failed;
            operation.jobs[index].state = state;
            if failed && forward {
                self.give_up(stack, operation);
            }
        }
    }

    fn report_failure(&mut self, stack: &mut Stack, logical: &str, deed: &Deed, reason: String) {
        let status = match deed {
            Deed::Create(_) => ResourceStatus::CreateFailed,
            Deed::Child(..) if stack.status == Status::CreateInProgress => ResourceStatus::CreateFailed,
            Deed::Update(..) | Deed::Replace(_) | Deed::Child(..) => ResourceStatus::UpdateFailed,
            Deed::Import(..) => ResourceStatus::ImportFailed,
            Deed::Undo(Done::Imported { .. }) => ResourceStatus::ImportRollbackFailed,
            Deed::Undo(Done::Created { .. }) | Deed::Drop(_) => ResourceStatus::DeleteFailed,
            Deed::Undo(_) => ResourceStatus::UpdateFailed,
        };
        self.mark(stack, logical, status, Some(reason));
    }

    /// After the first failure: what runs is cancelled, what waits never starts.
    fn give_up(&mut self, stack: &mut Stack, operation: &mut Operation) {
        for job in &mut operation.jobs {
            let word = match &job.state {
                State::Running(_, Deed::Create(_)) => {
                    Some((ResourceStatus::CreateFailed, "Resource creation cancelled"))
                }
                State::Running(_, Deed::Child(..)) => None,
                State::Running(..) => Some((ResourceStatus::UpdateFailed, "Resource update cancelled")),
                State::Waiting => None,
                State::Done | State::Failed | State::Dropped => continue,
            };
            if matches!(job.state, State::Running(_, Deed::Child(..))) {
                continue;
            }
            job.state = State::Dropped;
            if let Some((status, reason)) = word {
                self.mark(stack, &job.logical.clone(), status, Some(reason.to_owned()));
            }
        }
    }

    fn start_ready(&mut self, stack: &mut Stack, operation: &mut Operation, forward: bool) {
        while let Some(index) = ready(&operation.jobs) {
            let Job { logical, task, .. } = operation.jobs[index].clone();
            operation.jobs[index].state = match self.start(stack, operation, &logical, task) {
                Ok(None) => State::Done,
                Ok(Some((takes, deed))) => State::Running(later(self.now, takes), deed),
                Err((status, reason)) => {
                    self.mark(stack, &logical, status, Some(reason));
                    State::Failed
                }
            };
            if operation.jobs[index].state == State::Failed && forward {
                self.give_up(stack, operation);
            }
            // Work that takes no time is done at once, and may make other work ready.
            self.finish_due(stack, operation, forward);
        }
    }

    fn finish(&mut self, stack: &mut Stack, operation: &mut Operation, logical: &str, deed: &Deed, up: bool) -> Ended {
        let result = match deed {
            Deed::Create(properties) => {
                if is_wait(stack, logical) {
                    match self.finish_wait(properties, up) {
                        Ended::Well => {}
                        ended @ (Ended::NotYet | Ended::Badly(_)) => return ended,
                    }
                }
                self.finish_create(stack, operation, logical, properties)
            }
            Deed::Update(properties, changes) => self.finish_update(stack, operation, logical, properties, changes),
            Deed::Replace(properties) => self.finish_replace(stack, operation, logical, properties),
            Deed::Child(child, properties) => match self.child_ended(child) {
                None => return Ended::NotYet,
                Some(result) => self.finish_child(stack, operation, logical, properties, result),
            },
            Deed::Import(properties, physical) => self.finish_import(stack, operation, logical, properties, physical),
            Deed::Undo(done) => match self.finish_undo(stack, operation, done) {
                None => return Ended::NotYet,
                Some(result) => result,
            },
            Deed::Drop(leftover) => match self.finish_drop(stack, leftover) {
                None => return Ended::NotYet,
                Some(result) => result,
            },
        };
        result.map_or_else(Ended::Badly, |()| Ended::Well)
    }

    fn finish_wait(&self, properties: &crate::store::Properties, up: bool) -> Ended {
        let (received, failed, needed, _) = self.signals(properties);
        match failed {
            Some(reason) => Ended::Badly(reason),
            None if received >= needed => Ended::Well,
            None if up => {
                Ended::Badly(format!("WaitCondition timed out. Received {received} conditions when expecting {needed}"))
            }
            None => Ended::NotYet,
        }
    }

    /// Deletes a leftover. `None` while a nested stack is still on its way out.
    pub(crate) fn finish_drop(&mut self, stack: &mut Stack, leftover: &Leftover) -> Option<Result<(), String>> {
        if leftover.kind == "AWS::CloudFormation::Stack" {
            let gone = self.child_gone(&leftover.physical)?;
            if gone.is_ok() {
                self.forget(stack, leftover);
            }
            return Some(gone);
        }
        let whom = For { stack_id: &stack.id.clone(), stack: &stack.name.clone(), logical: &leftover.logical };
        let result = self.unmake(whom, &Key::new(&self.region, &leftover.kind, &leftover.physical));
        if result.is_ok() {
            self.forget(stack, leftover);
        }
        Some(result)
    }

    /// A leftover is gone: the record goes too, unless it is of a resource that took its place.
    pub(crate) fn forget(&mut self, stack: &mut Stack, leftover: &Leftover) {
        let status = ResourceStatus::DeleteComplete;
        let current = stack.resources.get(&leftover.logical).and_then(|member| member.physical.clone());
        if current.as_deref() == Some(leftover.physical.as_str()) {
            self.mark(stack, &leftover.logical, status, None);
            return;
        }
        self.say(stack, subject(leftover), status);
    }

    /// Starts to delete a leftover, or leaves it where it is.
    pub(crate) fn start_drop(&mut self, stack: &mut Stack, leftover: Leftover) -> Option<(Duration, Deed)> {
        let current = stack.resources.get(&leftover.logical).and_then(|member| member.physical.clone());
        let stays = matches!(leftover.policy, Policy::Retain | Policy::RetainExceptOnCreate);
        let status = if stays { ResourceStatus::DeleteSkipped } else { ResourceStatus::DeleteInProgress };
        if current.as_deref() == Some(leftover.physical.as_str()) {
            self.mark(stack, &leftover.logical, status, None);
        } else {
            self.say(stack, subject(&leftover), status);
        }
        if stays {
            self.disown(&Key::new(&self.region, &leftover.kind, &leftover.physical));
            return None;
        }
        if leftover.kind == "AWS::CloudFormation::Stack" {
            self.delete_child(&leftover.physical);
            return Some((Duration::MAX, Deed::Drop(leftover)));
        }
        let seconds = types::find(&leftover.kind).map_or(1, |kind| kind.seconds[2]);
        Some((self.takes(Duration::from_secs(seconds)), Deed::Drop(leftover)))
    }
}

fn subject(leftover: &Leftover) -> Subject<'_> {
    Subject { logical: &leftover.logical, kind: &leftover.kind, physical: Some(leftover.physical.clone()) }
}

fn is_wait(stack: &Stack, logical: &str) -> bool {
    let kind = stack.resources.get(logical).and_then(|member| types::find(&member.kind));
    kind.is_some_and(|kind| kind.making == Making::Wait)
}

/// Whether a job may end before its time: it waits for signals or for another stack.
fn waits_for_others(stack: &Stack, deed: &Deed, logical: &str) -> bool {
    match deed {
        Deed::Child(..) | Deed::Undo(Done::Child { .. }) => true,
        Deed::Drop(leftover) => leftover.kind == "AWS::CloudFormation::Stack",
        Deed::Undo(Done::Created { logical }) => {
            stack.resources.get(logical).is_some_and(|member| member.kind == "AWS::CloudFormation::Stack")
        }
        Deed::Create(_) => is_wait(stack, logical),
        Deed::Update(..) | Deed::Replace(_) | Deed::Import(..) | Deed::Undo(_) => false,
    }
}

/// The time that a wait condition waits: its own, not the world's.
pub(crate) fn patience(properties: &crate::store::Properties) -> Duration {
    let seconds = properties.get("Timeout").map(text).and_then(|text| text.parse().ok()).unwrap_or(43_200);
    Duration::from_secs(seconds)
}

fn running(operation: &Operation) -> bool {
    operation.jobs.iter().any(|job| matches!(job.state, State::Running(..)))
}

fn drop_all(operation: &mut Operation) {
    for job in &mut operation.jobs {
        if matches!(job.state, State::Waiting | State::Running(..)) {
            job.state = State::Dropped;
        }
    }
}

/// The first job that can start.
fn ready(jobs: &[Job]) -> Option<usize> {
    let settled = |job: &Job, need: &usize| match jobs.get(*need).map(|job| &job.state) {
        Some(State::Done) | None => true,
        Some(State::Failed | State::Dropped) => job.stubborn,
        Some(State::Waiting | State::Running(..)) => false,
    };
    jobs.iter().position(|job| job.state == State::Waiting && job.needs.iter().all(|need| settled(job, need)))
}

/// Jobs that run one after the other, whatever becomes of the one before.
pub(crate) fn in_a_row(tasks: impl IntoIterator<Item = (String, Task)>) -> Vec<Job> {
    let jobs = tasks.into_iter().enumerate().map(|(index, (logical, task))| {
        let needs = index.checked_sub(1).into_iter().collect();
        Job { stubborn: true, ..Job::new(&logical, task, needs) }
    });
    jobs.collect()
}
