//! Undoing: how one entry of the journal is taken back in an update's rollback.

use super::{
    Cfn,
    operation::{Deed, Done, Leftover, Operation},
    stack::Stack,
    words::ResourceStatus,
};
use crate::{
    store::Key,
    template::Policy,
    types::{self, life::For},
};
use std::time::Duration;

impl Cfn<'_> {
    pub(crate) fn start_undo(
        &mut self,
        stack: &mut Stack,
        operation: &Operation,
        done: Done,
    ) -> Option<(Duration, Deed)> {
        let logical = done.logical().to_owned();
        let kind = stack.resources.get(&logical).and_then(|member| types::find(&member.kind));
        let seconds = Duration::from_secs(kind.map_or(1, |kind| kind.seconds[1]));
        let (status, takes) = match &done {
            Done::Updated { .. } => (ResourceStatus::UpdateInProgress, self.takes(seconds)),
            Done::Created { .. } | Done::Replaced { .. } => (ResourceStatus::UpdateInProgress, Duration::ZERO),
            Done::Imported { .. } => (ResourceStatus::ImportRollbackInProgress, self.takes(seconds)),
            Done::Child { goal, .. } => {
                self.send_child_back(stack, operation, &logical, goal.clone());
                (ResourceStatus::UpdateInProgress, Duration::MAX)
            }
        };
        self.mark(stack, &logical, status, None);
        Some((takes, Deed::Undo(done)))
    }

    /// `None` while a nested stack is still on its way back.
    pub(crate) fn finish_undo(
        &mut self,
        stack: &mut Stack,
        operation: &mut Operation,
        done: &Done,
    ) -> Option<Result<(), String>> {
        let logical = done.logical();
        let Some(member) = stack.resources.get(logical) else { return Some(Ok(())) };
        let key = Key::new(&self.region, &member.kind, member.physical.as_deref().unwrap_or_default());
        let whom = For { stack_id: &stack.id.clone(), stack: &stack.name.clone(), logical };
        match done {
            Done::Created { .. } => {}
            Done::Updated { restore, .. } => {
                if let Err(why) = self.alter(whom, &key, restore) {
                    return Some(Err(why));
                }
            }
            Done::Replaced { new, .. } => {
                let leftover = Leftover {
                    logical: logical.to_owned(),
                    kind: member.kind.clone(),
                    physical: new.clone(),
                    policy: Policy::Delete,
                };
                operation.leftovers.push(leftover);
            }
            Done::Child { .. } => match self.child_ended(&key.id)? {
                Ok(()) => {}
                Err(why) => return Some(Err(why)),
            },
            Done::Imported { .. } => return Some(self.undo_import(stack, logical, &key)),
        }
        self.restore(stack, operation, logical);
        self.mark(stack, logical, ResourceStatus::UpdateComplete, None);
        Some(Ok(()))
    }

    /// A resource's record becomes what it was before the operation.
    pub(crate) fn restore(&mut self, stack: &mut Stack, operation: &Operation, logical: &str) {
        if let Some(before) = operation.members.get(logical) {
            stack.resources.insert(logical.to_owned(), before.clone());
        }
    }

    /// The stack's tags come off the resource again, and it is nobody's.
    fn undo_import(&mut self, stack: &mut Stack, logical: &str, key: &Key) -> Result<(), String> {
        let whom = For { stack_id: &stack.id.clone(), stack: &stack.name.clone(), logical };
        self.alter(whom, key, &std::collections::BTreeMap::new())?;
        self.disown(key);
        self.mark(stack, logical, ResourceStatus::ImportRollbackComplete, None);
        if let Some(member) = stack.resources.get_mut(logical) {
            member.physical = None;
        }
        Ok(())
    }
}
