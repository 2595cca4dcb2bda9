//! What people do: they commit, they break things and mend them, and they make stacks beside and in place of ours.

use super::{Chaos, GUEST, ME, RAILS, Want, home, me};
use crate::bug::Bug;
use plan::{
    orders::Hold,
    resolve::OWNER,
    stance::{Stance, WayOut, stance},
};
use sim::{
    cfn::api::{ContinueUpdateRollback, CreateStack, DeleteStack, Deployment, Parameter},
    fault::Plant,
    store::{Break, Work},
};
use std::time::Duration;

impl Chaos {
    /// Somebody else makes a stack.
    pub(super) fn invite(&mut self) {
        let template =
            "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: /guest/0, Type: String, Value: theirs}}}";
        let deployment =
            Deployment { stack_name: GUEST.into(), template_body: Some(template.into()), ..Deployment::default() };
        let mut world = self.all.accounts.borrow_mut();
        world.cfn(&me(), &home()).create_stack(CreateStack { deployment, ..CreateStack::default() }).unwrap();
        world.pass(Duration::from_secs(600));
        drop(world);
        self.guest = self.seen(GUEST);
    }

    /// A stack as it is now: which one, how it stands, and since when.
    pub(super) fn seen(&self, name: &str) -> String {
        let mut world = self.all.accounts.borrow_mut();
        let page = world.cfn(&me(), &home()).describe_stacks(Some(name), None);
        page.map_or_else(
            |_| "gone".into(),
            |page| {
                let stack = &page.items[0];
                format!("{} {:?} {:?}", stack.stack_id, stack.stack_status, stack.last_updated_time)
            },
        )
    }

    /// Somebody deletes a stack of ours and makes another one of its name, with all of its tags. One that the agent does not
    /// know by its ARN yet has nothing but its tags to be told by, so that is left out.
    pub(super) fn recreate(&mut self) {
        let Some(memory) = self.all.here(ME).store.read() else { return };
        let mut world = self.all.accounts.borrow_mut();
        let region = home();
        let known = |stack: &sim::cfn::api::StackDescription| {
            let key = manifests::id::StackKey { region: region.clone(), stack: stack.stack_name.parse().unwrap() };
            let idle = memory.of(&key).is_none_or(|known| known.pending.is_none());
            let ours = stack.tags.contains_key(OWNER) && memory.owns(&key, &stack.stack_id) == Some(true);
            ours && idle && matches!(stance(stack.stack_status), Stance::Ready | Stance::Undone)
        };
        let mut stacks = world.cfn(&me(), &region).describe_stacks(None, None).unwrap().items;
        stacks.retain(known);
        let one = self.seed.draw() as usize % stacks.len().max(1);
        let forgets = self.all.bug == Some(Bug::Amnesia);
        let Some(stack) = stacks.get(one).filter(|_| !forgets) else { return };
        let stack_name = stack.stack_name.clone();
        let template = world.cfn(&me(), &region).get_template(Some(&stack_name), None).unwrap();
        let delete = DeleteStack { stack_name: stack_name.clone(), ..DeleteStack::default() };
        world.cfn(&me(), &region).delete_stack(delete).unwrap();
        world.pass(Duration::from_secs(600));
        let value = Parameter { key: "Value".into(), value: Some("theirs".into()), ..Parameter::default() };
        let deployment = Deployment {
            stack_name: stack_name.clone(),
            template_body: Some(template),
            parameters: vec![value],
            tags: Some(stack.tags.clone()),
            ..Deployment::default()
        };
        // What would not go is in the way of another one.
        let made = world.cfn(&me(), &region).create_stack(CreateStack { deployment, ..CreateStack::default() });
        world.pass(Duration::from_secs(600));
        drop(world);
        if made.is_ok() {
            let stranger = self.seen(&stack_name);
            self.strangers.insert(stack_name, stranger);
        }
    }

    /// The account's own people hold a stack or everything for a while, let it go, or make a slip in the guardrails.
    pub(super) fn keep(&mut self) {
        let stack = self.any().filter(|_| self.below(3) > 0).map(|name| name.parse().unwrap());
        let time = Duration::from_secs(60 + self.below(7_200));
        let until = self.all.accounts.borrow().now() + time;
        match self.below(4) {
            0 => self.all.here(ME).store.guardrails.replace(Some(RAILS.replace("kind", "knid"))),
            1 => {
                self.mend();
                None
            }
            _ => {
                let (reason, by) = ("incident".to_owned(), "alice".to_owned());
                self.all.here(ME).store.orders.borrow_mut().holds.push(Hold { stack, until, reason, by });
                None
            }
        };
    }

    /// The account's guardrails are as they should be, and nothing is on hold.
    pub(super) fn mend(&mut self) {
        let rails = RAILS.replace("deletionsPerDay: 1", &format!("deletionsPerDay: {}", self.a_day));
        let store = &self.all.here(ME).store;
        store.guardrails.replace(Some(rails));
        store.orders.borrow_mut().holds.clear();
    }

    pub(super) fn ask(&mut self) {
        let name = ["a", "b", "c", "d", "e", "f", "g", "h", GUEST][self.below(9) as usize];
        let ordered = self.below(2) == 0;
        self.ask_for(name, ordered);
    }

    pub(super) fn ask_for(&mut self, name: &str, ordered: bool) {
        let others: Vec<String> = self.wanted.keys().filter(|other| other.as_str() < name).cloned().collect();
        let other = self.below(others.len().max(1) as u64) as usize;
        let want = Want {
            value: format!("v{}", self.below(1_000)),
            generation: self.names.get(name).copied().unwrap_or_default(),
            prune: self.below(3) == 0,
            needs: others.get(other).filter(|_| ordered).cloned(),
        };
        self.write(name, &want);
        self.wanted.insert(name.to_owned(), want);
    }

    /// From now on work on some resource fails: for a while, or until all is calm. Together these leave stacks in every
    /// status that CloudFormation does not leave by itself.
    pub(super) fn spoil(&mut self) {
        let stack = self.any().unwrap_or_else(|| "*".into());
        let times = (self.below(2) == 0).then_some(1 + self.below(4) as u32);
        let plant = |logical: &str, work, after| {
            let planted = Break { work, reason: format!("no {logical}"), after, times };
            let plant = Plant { account: None, stack: stack.clone(), logical: logical.into(), planted };
            self.all.accounts.borrow_mut().faults.plant(plant);
        };
        match self.seed.draw() % 4 {
            0 => plant("Q", Work::Create, 0),
            // Not the one that a replacement would leave behind, under a name that a later one needs.
            1 => plant("Q", Work::Delete, 0),
            _ => {
                plant("Q", Work::Update, 0);
                plant("P", Work::Update, 1);
                self.change();
                self.commit();
            }
        }
    }

    /// A person does what the report says of a stack that is stuck.
    pub(super) fn help(&mut self) {
        let mut world = self.all.accounts.borrow_mut();
        let region = home();
        let stacks = world.cfn(&me(), &region).describe_stacks(None, None).unwrap().items;
        for stack in stacks {
            let mut cfn = world.cfn(&me(), &region);
            let stack_name = stack.stack_name;
            if matches!(stance(stack.stack_status), Stance::Stuck(_)) {
                self.strangers.remove(&stack_name);
            }
            let _ = match stance(stack.stack_status) {
                Stance::Stuck(WayOut::ContinueRollback) => cfn.continue_update_rollback(ContinueUpdateRollback {
                    stack_name,
                    ..ContinueUpdateRollback::default()
                }),
                Stance::Stuck(WayOut::Clear | WayOut::Delete) => {
                    cfn.delete_stack(DeleteStack { stack_name, ..DeleteStack::default() })
                }
                Stance::Stuck(WayOut::RollBack | WayOut::Undocumented)
                | Stance::Absent
                | Stance::Shell
                | Stance::Busy
                | Stance::Ready
                | Stance::Undone
                | Stance::Stillborn => Ok(()),
            };
        }
    }

    fn any(&mut self) -> Option<String> {
        let names: Vec<String> = self.wanted.keys().cloned().collect();
        (!names.is_empty()).then(|| names[self.below(names.len() as u64) as usize].clone())
    }

    pub(super) fn change(&mut self) {
        let Some(name) = self.any() else { return };
        let value = format!("v{}", self.below(1_000));
        let want = Want { value, ..self.wanted[&name].clone() };
        self.write(&name, &want);
        self.wanted.insert(name, want);
    }

    pub(super) fn rename(&mut self) {
        let Some(name) = self.any() else { return };
        let want = Want { generation: self.wanted[&name].generation + 1, ..self.wanted[&name].clone() };
        self.write(&name, &want);
        self.wanted.insert(name, want);
    }

    /// A manifest leaves, unless another one needs it.
    pub(super) fn drop_one(&mut self) {
        let Some(name) = self.any() else { return };
        if self.wanted.values().all(|want| want.needs.as_ref() != Some(&name)) {
            self.wanted.remove(&name);
            self.all.commits.remove(&format!("{name}.yaml"));
        }
    }

    pub(super) fn write(&self, name: &str, want: &Want) {
        let Want { value, generation, prune, needs } = want;
        let prune = if *prune { "  prune: true\n  deletionPolicy: delete\n" } else { "" };
        let needs = needs.as_ref().map(|needs| format!("  dependsOn: [{needs}]\n")).unwrap_or_default();
        let manifest = format!(
            "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {{name: {name}}}\nspec:\n  template: {{path: {name}.template}}\n\
             \x20 parameters: {{Value: {value}}}\n{prune}{needs}"
        );
        let template = format!(
            "Parameters: {{Value: {{Type: String}}}}\nResources:\n  P:\n    Type: AWS::SSM::Parameter\n\
             \x20   Properties: {{Name: /{name}/{generation}, Type: String, Value: !Ref Value}}\n\
             \x20 Q:\n    Type: AWS::SSM::Parameter\n    DependsOn: P\n\
             \x20   Properties: {{Name: /second/{name}, Type: String, Value: !Ref Value}}\n"
        );
        self.all.commits.write(&format!("{name}.yaml"), &manifest);
        self.all.commits.write(&format!("{name}.template"), &template);
    }

    /// Whoever commits does it on top of everything, also after the branch was set back.
    pub(super) fn commit(&mut self) {
        if let Some((head, _)) = self.commits.last() {
            self.all.commits.force(head.clone());
        }
        let commit = self.all.commits.commit();
        self.commits.push((commit, self.wanted.clone()));
    }

    /// The branch is set back behind the accepted commit, as an attacker or an accident would.
    pub(super) fn set_back(&mut self) {
        let Some((commit, _)) = self.commits.first() else { return };
        self.all.commits.force(commit.clone());
    }
}
