//! The lines of a scenario in which people touch stacks themselves, past the agent.

use super::{Scene, home, me, template};
use sim::{
    cfn::api::{ContinueUpdateRollback, CreateStack, DeleteStack, Deployment, Parameter, Tags, UpdateStack},
    store::{Key, Resource},
};

impl Scene {
    /// What people do to a stack.
    pub(super) fn operate(&mut self, what: &str, stack: &str) -> Result<(), String> {
        let mut world = self.all.accounts.borrow_mut();
        let region = home();
        let mut cfn = world.cfn(&me(), &region);
        let done = match what {
            "vanish" => cfn.delete_stack(DeleteStack { stack_name: stack.into(), ..DeleteStack::default() }),
            "continue" => cfn.continue_update_rollback(ContinueUpdateRollback {
                stack_name: stack.into(),
                ..ContinueUpdateRollback::default()
            }),
            "forbid-updates" => {
                let policy =
                    r#"{"Statement": [{"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}"#;
                cfn.set_stack_policy(stack, policy)
            }
            _ => cfn.update_termination_protection(stack, what == "protect").map(drop),
        };
        drop(cfn);
        world.pass(std::time::Duration::from_secs(300));
        done.map_err(|error| error.to_string())
    }

    /// A person updates a stack directly.
    pub(super) fn by_hand(&mut self, stack: &str, value: &str, disable_rollback: bool) -> Result<(), String> {
        let deployment = Deployment {
            stack_name: stack.into(),
            template_body: Some(template(stack, "").replace("!Ref Value", value)),
            parameters: vec![Parameter { key: "Value".into(), value: Some("unused".into()), ..Parameter::default() }],
            ..Deployment::default()
        };
        let disable_rollback = Some(disable_rollback);
        let update = UpdateStack { deployment, disable_rollback, ..UpdateStack::default() };
        let mut world = self.all.accounts.borrow_mut();
        let done = world.cfn(&me(), &home()).update_stack(update);
        done.map_err(|error| error.to_string())?;
        world.pass(std::time::Duration::from_secs(300));
        // What goes wrong now goes wrong now: an account moves on when somebody looks.
        world.cfn(&me(), &home()).describe_stacks(Some(stack), None).map(drop).map_err(|error| error.to_string())
    }

    /// Somebody else has a stack of this name.
    pub(super) fn foreign(
        &mut self,
        stack: &str,
        template: &str,
        value: Option<&str>,
        tags: Option<Tags>,
    ) -> Result<(), String> {
        let value =
            value.map(|value| Parameter { key: "Value".into(), value: Some(value.into()), ..Parameter::default() });
        let deployment = Deployment {
            stack_name: stack.into(),
            template_body: Some(template.into()),
            parameters: value.into_iter().collect(),
            tags,
            ..Deployment::default()
        };
        let mut world = self.all.accounts.borrow_mut();
        let made = world.cfn(&me(), &home()).create_stack(CreateStack { deployment, ..CreateStack::default() });
        made.map_err(|error| error.to_string())?;
        world.pass(std::time::Duration::from_secs(300));
        Ok(())
    }

    /// Somebody deletes a stack and makes it again, with this value and the tags that it had.
    pub(super) fn anew(&mut self, stack: &str, value: &str) -> Result<(), String> {
        let page = self.all.accounts.borrow_mut().cfn(&me(), &home()).describe_stacks(Some(stack), None);
        let tags = page.map_err(|error| error.to_string())?.items[0].tags.clone();
        self.operate("vanish", stack)?;
        self.foreign(stack, &template(stack, ""), Some(value), Some(tags))
    }

    /// There is an SSM parameter of the name that a stack's would have, and it is nobody's.
    pub(super) fn exists(&mut self, stack: &str, value: &str) {
        let mut world = self.all.accounts.borrow_mut();
        let (name, now) = (format!("/{stack}"), world.now());
        let properties = [("Name", &*name), ("Type", "String"), ("Value", value)];
        let properties = properties.map(|(property, text)| (property.to_owned(), text.into())).into_iter().collect();
        let key = Key::new(&home(), "AWS::SSM::Parameter", &name);
        world.account(&me()).store.insert(key, Resource::new(properties, now));
    }
}
