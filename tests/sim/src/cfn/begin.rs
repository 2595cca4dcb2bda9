//! What each job does: how it starts, and what it has done when its time is up.

use super::{
    Cfn,
    evaluate::Unknowns,
    guard,
    operation::{Changes, Deed, Done, Leftover, Operation, Task},
    quirk::Quirk,
    revert::with_rogue_tags,
    run::patience,
    stack::{Goal, Member, Stack},
    words::ResourceStatus,
};
use crate::{
    store::{Key, Properties},
    template::{Reference, references},
    types::{self, Kind, Making, life::For, shape::same},
};
use std::{collections::BTreeSet, time::Duration};

/// How a job starts: not at all, or with what it will do after a while, or with a failure.
type Started = Result<Option<(Duration, Deed)>, (ResourceStatus, String)>;

impl Cfn<'_> {
    pub(crate) fn start(&mut self, stack: &mut Stack, operation: &mut Operation, logical: &str, task: Task) -> Started {
        match task {
            Task::Bring => self.start_bring(stack, operation, logical),
            Task::Import(import) => self.start_import(stack, operation, &import),
            Task::Undo(done) => Ok(self.start_undo(stack, operation, done)),
            Task::Drop(leftover) => Ok(self.start_drop(stack, leftover)),
        }
    }

    fn start_bring(&mut self, stack: &mut Stack, operation: &mut Operation, logical: &str) -> Started {
        let Some(goal) = operation.goal.clone() else { return Ok(None) };
        let Some(declaration) = goal.template.resources.get(logical) else { return Ok(None) };
        let failed = if stack.resources.get(logical).is_some_and(|member| member.physical.is_some()) {
            ResourceStatus::UpdateFailed
        } else {
            stack.resources.insert(logical.to_owned(), Member::new(declaration, self.now));
            ResourceStatus::CreateFailed
        };
        let Some(kind) = types::find(&declaration.kind) else {
            return Err((failed, format!("Unrecognized resource type: {}", declaration.kind)));
        };
        let wanted =
            self.wanted(&stack.resources, &goal, logical, &Unknowns::default()).map_err(|why| (failed, why))?;
        let needs = self.needs(stack, &goal, logical);
        if let Some(member) = stack.resources.get_mut(logical) {
            member.follow(declaration);
            member.needs = needs;
        }
        if failed == ResourceStatus::CreateFailed {
            return self.start_create(stack, operation, logical, kind, wanted);
        }
        if kind.making == Making::Stack {
            return self.start_child_update(stack, operation, logical, wanted);
        }
        self.start_change(stack, operation, logical, kind, wanted)
    }

    fn needs(&self, stack: &Stack, goal: &Goal, logical: &str) -> BTreeSet<String> {
        let Some(declaration) = goal.template.resources.get(logical) else { return BTreeSet::new() };
        let named = declaration.properties.values().flat_map(references).map(|reference| match reference {
            Reference::Name(name) | Reference::Attribute(name, _) => name,
        });
        named.chain(declaration.depends_on.clone()).filter(|name| stack.resources.contains_key(name)).collect()
    }

    fn start_create(
        &mut self,
        stack: &mut Stack,
        operation: &Operation,
        logical: &str,
        kind: &'static Kind,
        wanted: Properties,
    ) -> Started {
        if let Some(member) = stack.resources.get_mut(logical) {
            member.declared.clone_from(&wanted);
        }
        self.mark(stack, logical, ResourceStatus::CreateInProgress, None);
        match kind.making {
            Making::Stack => self.start_child(stack, operation, logical, wanted),
            Making::Wait => {
                let timeout = patience(&wanted);
                // When nothing takes time, a timeout still does: somebody has to get the chance to signal.
                let timeout = if self.world.timing.by_call { timeout } else { self.takes(timeout) };
                Ok(Some((timeout, Deed::Create(wanted))))
            }
            Making::Plain | Making::Custom => {
                Ok(Some((self.takes(Duration::from_secs(kind.seconds[0])), Deed::Create(wanted))))
            }
        }
    }

    /// Decides between nothing, an update in place and a replacement.
    fn start_change(
        &mut self,
        stack: &mut Stack,
        operation: &Operation,
        logical: &str,
        kind: &'static Kind,
        wanted: Properties,
    ) -> Started {
        let Some(member) = stack.resources.get(logical) else { return Ok(None) };
        let key = Key::new(&self.region, &member.kind, member.physical.as_deref().unwrap_or_default());
        let aware = operation.revert_drift && kind.drift;
        let gone = aware && self.account.store.get(&key).is_none();
        let base = if aware { self.actual(member, kind, &wanted) } else { member.declared.clone() };
        let mut changes = differences(&base, &wanted);
        if aware
            && let (Some(Some(tags)), Some(live)) = (changes.get_mut("Tags"), self.account.store.get(&key))
            && let Some(live) = live.properties.get("Tags")
        {
            *tags = with_rogue_tags(live, tags);
        }
        if gone {
            self.mark(stack, logical, ResourceStatus::CreateInProgress, None);
            return Ok(Some((self.takes(Duration::from_secs(kind.seconds[0])), Deed::Replace(wanted))));
        }
        let touch = operation.touches.get(logical);
        if changes.is_empty() && touch.is_none() {
            if let Some(member) = stack.resources.get_mut(logical) {
                member.declared = wanted;
            }
            return Ok(None);
        }
        let replaces =
            touch == Some(&true) || changes.keys().any(|property| kind.replaces.contains(&property.as_str()));
        let action = if replaces { "Update:Replace" } else { "Update:Modify" };
        if let Some(why) = guard::forbids(operation.policy.as_deref(), action, logical, &member.kind) {
            return Err((ResourceStatus::UpdateFailed, why));
        }
        if !replaces {
            self.mark(stack, logical, ResourceStatus::UpdateInProgress, None);
            return Ok(Some((self.takes(Duration::from_secs(kind.seconds[1])), Deed::Update(wanted, changes))));
        }
        let renamed = kind.named.is_none_or(|named| !wanted.contains_key(named) || changes.contains_key(named));
        if !renamed {
            let name =
                kind.named.and_then(|named| wanted.get(named)).map(crate::template::parse::text).unwrap_or_default();
            let sentence = format!(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {name} and update the stack again."
            );
            return Err((ResourceStatus::UpdateFailed, sentence));
        }
        let reason = "Requested update requires the creation of a new physical resource; hence creating one.";
        self.mark(stack, logical, ResourceStatus::UpdateInProgress, Some(reason.to_owned()));
        Ok(Some((self.takes(Duration::from_secs(kind.seconds[0])), Deed::Replace(wanted))))
    }

    pub(crate) fn finish_create(
        &mut self,
        stack: &mut Stack,
        operation: &mut Operation,
        logical: &str,
        properties: &Properties,
    ) -> Result<(), String> {
        let physical = self.make_for(stack, logical, properties)?;
        if let Some(member) = stack.resources.get_mut(logical) {
            member.physical = Some(physical);
        }
        operation.journal.push(Done::Created { logical: logical.to_owned() });
        self.mark(stack, logical, ResourceStatus::CreateComplete, None);
        Ok(())
    }

    fn make_for(&mut self, stack: &Stack, logical: &str, properties: &Properties) -> Result<String, String> {
        let name = stack.resources.get(logical).map(|member| member.kind.clone()).unwrap_or_default();
        let kind = types::find(&name).ok_or_else(|| format!("Unrecognized resource type: {name}"))?;
        let whom = For { stack_id: &stack.id, stack: &stack.name, logical };
        let physical = self.make(whom, kind, &name, properties)?;
        if kind.making == Making::Wait {
            let (_, _, _, data) = self.signals(properties);
            let key = Key::new(&self.region, &name, &physical);
            if let Some(resource) = self.account.store.get_mut(&key) {
                resource.attributes.insert("Data".to_owned(), data);
            }
        }
        Ok(physical)
    }

    pub(crate) fn finish_update(
        &mut self,
        stack: &mut Stack,
        operation: &mut Operation,
        logical: &str,
        properties: &Properties,
        changes: &Changes,
    ) -> Result<(), String> {
        let Some(member) = stack.resources.get(logical) else { return Ok(()) };
        let key = Key::new(&self.region, &member.kind, member.physical.as_deref().unwrap_or_default());
        // A drift-aware operation is undone to what was there, any other to what was deployed.
        let live = self.account.store.get(&key).map(|resource| resource.properties.clone()).unwrap_or_default();
        let back = if operation.revert_drift { &live } else { &member.declared };
        let restore = changes.keys().map(|name| (name.clone(), back.get(name).cloned())).collect();
        let whom = For { stack_id: &stack.id.clone(), stack: &stack.name.clone(), logical };
        if operation.revert_drift && self.quirky(stack, logical, &Quirk::NeverSticks) {
            self.alter(whom, &key, &Changes::new())?;
        } else {
            self.alter(whom, &key, changes)?;
        }
        if let Some(member) = stack.resources.get_mut(logical) {
            member.declared.clone_from(properties);
        }
        operation.journal.push(Done::Updated { logical: logical.to_owned(), restore });
        self.mark(stack, logical, ResourceStatus::UpdateComplete, None);
        Ok(())
    }

    pub(crate) fn finish_replace(
        &mut self,
        stack: &mut Stack,
        operation: &mut Operation,
        logical: &str,
        properties: &Properties,
    ) -> Result<(), String> {
        let Some(Member { kind, physical: old, .. }) = stack.resources.get(logical).cloned() else { return Ok(()) };
        let old = old.map(|physical| Key::new(&self.region, &kind, &physical));
        let old = old.and_then(|key| self.account.store.get(&key).map(|live| (key.id, live.touched)));
        let new = self.make_for(stack, logical, properties)?;
        let made = Key::new(&self.region, &kind, &new);
        if old.is_none() && operation.revert_drift && self.quirky(stack, logical, &Quirk::NeverSticks) {
            self.account.store.remove(&made);
        }
        if let Some(live) = self.account.store.get_mut(&made) {
            live.touched = 1 + old.as_ref().map_or(0, |(_, touched)| *touched);
        }
        let Some(member) = stack.resources.get_mut(logical) else { return Ok(()) };
        member.physical = Some(new.clone());
        member.declared.clone_from(properties);
        if let Some((physical, _)) = old.filter(|(physical, _)| *physical != new) {
            let policy = member.replacement;
            operation.leftovers.push(Leftover { logical: logical.to_owned(), kind, physical, policy });
        }
        operation.journal.push(Done::Replaced { logical: logical.to_owned(), new });
        self.mark(stack, logical, ResourceStatus::UpdateComplete, None);
        Ok(())
    }
}

/// What has to be set or taken away so that `base` becomes `wanted`.
pub(crate) fn differences(base: &Properties, wanted: &Properties) -> Changes {
    let set = wanted.iter().filter(|(name, value)| !base.get(*name).is_some_and(|old| same(old, value)));
    let set = set.map(|(name, value)| (name.clone(), Some(value.clone())));
    let gone = base.keys().filter(|name| !wanted.contains_key(*name)).map(|name| (name.clone(), None));
    set.chain(gone).collect()
}
