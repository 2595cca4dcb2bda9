//! The bench on which scenarios run: a stepped world with one account, and short names for what operators do.

use crate::{
    cfn::{
        Cfn,
        api::{
            Change, ChangeSetDescription, CreateChangeSet, CreateStack, DeleteStack, Deployment, DescribeChangeSet,
            ExecuteChangeSet, Parameter, Status, UpdateStack,
        },
        words::{ChangeSetStatus, ChangeSetType},
    },
    clock::Clock,
    store::{Break, Key, Work},
    world::{Timing, World},
};
use manifests::id::{AccountId, Region};
use serde_json::Value;
use std::time::Duration;

/// One parameter, one topic.
pub(super) const SMALL: &str = "
Parameters:
  V: {Type: String, Default: one}
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /p, Type: String, Value: !Ref V}}
  T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Sub 'x-${P}'}}
Outputs:
  Topic: {Value: !Ref T}
";

pub(super) struct Bench {
    pub(super) world: World,
    pub(super) account: AccountId,
    pub(super) region: Region,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Timing::realistic())
    }

    pub(super) fn with(timing: Timing) -> Self {
        let world = World::new(7, Clock::Stepped, timing);
        Self { world, account: "111111111111".parse().unwrap(), region: "eu-central-1".parse().unwrap() }
    }

    pub(super) fn cfn(&mut self) -> Cfn<'_> {
        self.world.cfn(&self.account, &self.region)
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.world.pass(Duration::from_secs(seconds));
    }

    pub(super) fn status(&mut self, stack: &str) -> Status {
        self.cfn().describe_stacks(Some(stack), None).unwrap().items[0].stack_status
    }

    pub(super) fn reason(&mut self, stack: &str) -> Option<String> {
        self.cfn().describe_stacks(Some(stack), None).unwrap().items[0].stack_status_reason.clone()
    }

    /// Lets time pass until a stack rests; every status that it was seen in.
    pub(super) fn rest(&mut self, stack: &str) -> Vec<Status> {
        let first = self.cfn().describe_stacks(Some(stack), None).unwrap().items.remove(0);
        let id = first.stack_id;
        let mut seen = vec![first.stack_status];
        for _ in 0..5_000 {
            if !crate::cfn::status::busy(*seen.last().unwrap()) {
                return seen;
            }
            self.world.pass(Duration::from_millis(500));
            let now = self.status(&id);
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
        panic!("{stack} never rests: {seen:?}");
    }

    pub(super) fn deployment(stack: &str, body: &str, parameters: &[(&str, &str)]) -> Deployment {
        let parameter = |(key, value): &(&str, &str)| Parameter {
            key: (*key).to_owned(),
            value: Some((*value).to_owned()),
            ..Parameter::default()
        };
        Deployment {
            stack_name: stack.to_owned(),
            template_body: Some(body.to_owned()),
            parameters: parameters.iter().map(parameter).collect(),
            capabilities: vec!["CAPABILITY_NAMED_IAM".to_owned()],
            ..Deployment::default()
        }
    }

    pub(super) fn create(&mut self, stack: &str, body: &str) -> Vec<Status> {
        let deployment = Self::deployment(stack, body, &[]);
        self.cfn().create_stack(CreateStack { deployment, ..CreateStack::default() }).unwrap();
        self.rest(stack)
    }

    pub(super) fn update(&mut self, stack: &str, body: &str) -> Vec<Status> {
        let deployment = Self::deployment(stack, body, &[]);
        self.cfn().update_stack(UpdateStack { deployment, ..UpdateStack::default() }).unwrap();
        self.rest(stack)
    }

    pub(super) fn delete(&mut self, stack: &str) -> Vec<Status> {
        let id = self.cfn().describe_stacks(Some(stack), None).unwrap().items[0].stack_id.clone();
        self.cfn().delete_stack(DeleteStack { stack_name: stack.to_owned(), ..DeleteStack::default() }).unwrap();
        self.rest(&id)
    }

    /// Asks for a change set and waits until it is made.
    pub(super) fn propose(&mut self, request: CreateChangeSet) -> ChangeSetDescription {
        let id = self.cfn().create_change_set(request).unwrap().id;
        for _ in 0..10 {
            self.pass(1);
            let seen = self.describe(&id, false);
            if !matches!(seen.status, ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) {
                return seen;
            }
        }
        panic!("{id} is never made");
    }

    pub(super) fn describe(&mut self, id: &str, values: bool) -> ChangeSetDescription {
        let request = DescribeChangeSet {
            change_set_name: id.to_owned(),
            include_property_values: values,
            ..DescribeChangeSet::default()
        };
        self.cfn().describe_change_set(&request).unwrap()
    }

    pub(super) fn change_set(stack: &str, name: &str, kind: ChangeSetType, body: &str) -> CreateChangeSet {
        CreateChangeSet {
            deployment: Self::deployment(stack, body, &[]),
            change_set_name: name.to_owned(),
            change_set_type: Some(kind),
            ..CreateChangeSet::default()
        }
    }

    pub(super) fn changes(&mut self, stack: &str, body: &str) -> Vec<Change> {
        self.propose(Self::change_set(stack, "look", ChangeSetType::Update, body)).changes
    }

    pub(super) fn execute(&mut self, id: &str) {
        let request = ExecuteChangeSet {
            change_set_name: id.to_owned(),
            disable_rollback: Some(false),
            ..ExecuteChangeSet::default()
        };
        self.cfn().execute_change_set(request).unwrap();
    }

    pub(super) fn key(&mut self, stack: &str, logical: &str) -> Key {
        let (account, region) = (self.account.clone(), self.region.clone());
        self.world.locate(&account, &region, stack, logical).unwrap()
    }

    /// A live property of a stack's resource.
    pub(super) fn live(&mut self, stack: &str, logical: &str, property: &str) -> Option<Value> {
        let key = self.key(stack, logical);
        let account = self.account.clone();
        self.world.account(&account).store.get(&key).and_then(|resource| resource.properties.get(property).cloned())
    }

    pub(super) fn exists(&mut self, kind: &str, id: &str) -> bool {
        let key = Key::new(&self.region.clone(), kind, id);
        let account = self.account.clone();
        self.world.account(&account).store.get(&key).is_some()
    }

    pub(super) fn drift(&mut self, stack: &str, logical: &str, property: &str, value: &str) {
        let key = self.key(stack, logical);
        let account = self.account.clone();
        self.world.set_property(&account, &key, property, Some(value.into())).unwrap();
    }

    pub(super) fn wreck(&mut self, stack: &str, logical: &str, work: Work, after: u32) {
        let key = self.key(stack, logical);
        let account = self.account.clone();
        let planted = Break { work, reason: "wrecked".to_owned(), after, times: None };
        self.world.break_resource(&account, &key, planted).unwrap();
    }

    pub(super) fn mend(&mut self, stack: &str, logical: &str) {
        let key = self.key(stack, logical);
        let account = self.account.clone();
        self.world.mend_resource(&account, &key).unwrap();
    }
}
