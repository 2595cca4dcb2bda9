//! A simulated account as the agent's [`Cloud`], in process: thousands of turns a second, no socket.
//!
//! Refusals become [`Trouble`] by the table in reference/cloudformation.md 1.8. An answer that never comes is
//! [`Trouble::Unavailable`] at once, as after the SDK's own timeout; a crash never comes back at all.

mod drift;
mod map;

use crate::{
    cfn::api::{self, CfnError, DeleteStack, DescribeChangeSet, ExecuteChangeSet, Page, StackDescription},
    services::{Place, cloudwatch, s3},
    store::Key,
    world::{Reply, World},
};
use agent::cloud::{ChangeSetRequest, Clock, Cloud, CloudError, Lookup, Put, Trouble, is_secret};
use jiff::Timestamp;
use manifests::id::{AccountId, Region, StackKey};
pub use map::trouble;
use plan::{
    adopt::Existing,
    drift::seen::{Detection, Deviation, Member, Place as Stack, Resource},
    facts::{ChangeSet, FailedEvent, FailedHook, FoundStack, StackEvent},
    permit::{Act, Permit},
    shelf::{Object, Shelf},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    future::pending,
    rc::Rc,
    time::Duration,
};

/// One account of a shared world. Its futures complete at once.
#[derive(Debug, Clone)]
pub struct SimCloud {
    world: Rc<RefCell<World>>,
    account: AccountId,
}

impl SimCloud {
    /// An account of a world.
    pub fn new(world: Rc<RefCell<World>>, account: AccountId) -> Self {
        Self { world, account }
    }

    /// Which account it is.
    pub fn account_id(&self) -> &AccountId {
        &self.account
    }

    /// The world that it is in.
    pub fn world(&self) -> &Rc<RefCell<World>> {
        &self.world
    }

    /// One call, tried once.
    async fn call<T>(
        &self,
        call: &'static str,
        work: impl FnOnce(&mut World) -> Result<T, CfnError>,
    ) -> Result<T, CloudError> {
        let reply = self.world.borrow_mut().call(&self.account, call, work);
        let lost = |message: &str| CloudError { call, problem: Trouble::Unavailable, message: message.to_owned() };
        match reply {
            Reply::Answer(answer) => Ok(answer),
            Reply::Refused(refusal) => Err(CloudError { call, problem: trouble(&refusal), message: refusal.message }),
            Reply::Silence => Err(lost("no answer in time")),
            Reply::Reset => Err(lost("connection reset")),
            Reply::Crash => pending().await,
        }
    }
}

impl Cloud for SimCloud {
    async fn account(&self) -> Result<AccountId, CloudError> {
        let account = self.account.clone();
        self.call("sts:GetCallerIdentity", move |_| Ok(account)).await
    }

    async fn stacks(&self, region: &Region) -> Result<Vec<(StackKey, FoundStack)>, CloudError> {
        let mut all = vec![];
        let mut token: Option<String> = None;
        loop {
            let at = token.clone();
            let page: Page<StackDescription> = self
                .call("cloudformation:DescribeStacks", |world| {
                    world.cfn(&self.account, region).describe_stacks(None, at.as_deref())
                })
                .await?;
            for stack in page.items {
                let Ok(name) = stack.stack_name.parse() else { continue };
                all.push((StackKey { region: region.clone(), stack: name }, map::found(stack)));
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    async fn stack(&self, key: &StackKey) -> Result<Option<Existing>, CloudError> {
        let page = self.call("cloudformation:DescribeStacks", |world| {
            world.cfn(&self.account, &key.region).describe_stacks(Some(key.stack.as_str()), None)
        });
        match page.await {
            Ok(page) => Ok(page.items.into_iter().next().map(map::existing)),
            Err(error) if error.problem == Trouble::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn template(&self, key: &StackKey, stack_id: &str) -> Result<String, CloudError> {
        self.call("cloudformation:GetTemplate", |world| {
            world.cfn(&self.account, &key.region).get_template(Some(stack_id), None)
        })
        .await
    }

    async fn create_change_set(&self, request: &ChangeSetRequest<'_>) -> Result<(), CloudError> {
        let create = map::create_change_set(request);
        self.call("cloudformation:CreateChangeSet", |world| {
            world.cfn(&self.account, &request.key.region).create_change_set(create).map(drop)
        })
        .await
    }

    async fn change_set(&self, key: &StackKey, name: &str, values: bool) -> Result<ChangeSet, CloudError> {
        let mut request = DescribeChangeSet {
            change_set_name: name.to_owned(),
            stack_name: Some(key.stack.to_string()),
            include_property_values: values,
            next_token: None,
        };
        let mut changes = vec![];
        loop {
            let page = self
                .call("cloudformation:DescribeChangeSet", |world| {
                    world.cfn(&self.account, &key.region).describe_change_set(&request)
                })
                .await?;
            changes.extend(page.changes.into_iter().filter_map(map::change));
            request.next_token = page.next_token;
            if request.next_token.is_none() {
                return Ok(ChangeSet {
                    id: page.change_set_id,
                    stack_id: page.stack_id,
                    status: map::stage(page.status, page.execution_status),
                    reason: page.status_reason,
                    changes,
                    reverts: page.revert_drift,
                });
            }
        }
    }

    async fn delete_change_set(&self, key: &StackKey, name: &str) -> Result<(), CloudError> {
        self.call("cloudformation:DeleteChangeSet", |world| {
            world.cfn(&self.account, &key.region).delete_change_set(name, Some(key.stack.as_str()))
        })
        .await
    }

    async fn validation(&self, key: &StackKey, change_set: &str) -> Result<Vec<FailedEvent>, CloudError> {
        let request = api::DescribeEvents {
            change_set_name: Some(change_set.to_owned()),
            failed_events: true,
            ..api::DescribeEvents::default()
        };
        let page = self
            .call("cloudformation:DescribeEvents", |world| {
                world.cfn(&self.account, &key.region).describe_events(&request)
            })
            .await?;
        let event = |event: api::OperationEvent| FailedEvent {
            at: event.event.timestamp,
            logical: event.event.logical_resource_id,
            kind: event.event.resource_type,
            reason: event.event.resource_status_reason.unwrap_or_default(),
            path: event.validation_path,
        };
        Ok(page.items.into_iter().map(event).collect())
    }

    async fn hooks(&self, key: &StackKey, change_set: &str) -> Result<Vec<FailedHook>, CloudError> {
        let results = self
            .call("cloudformation:ListHookResults", |world| {
                world.cfn(&self.account, &key.region).list_hook_results("CHANGE_SET", change_set)
            })
            .await?;
        let failed = results.into_iter().filter(|result| result.status == "HOOK_COMPLETE_FAILED");
        Ok(failed.map(|result| FailedHook { hook: result.type_name, reason: result.reason }).collect())
    }

    async fn act(&self, permit: &Permit) -> Result<(), CloudError> {
        let region = &permit.key().region;
        let token = Some(permit.token().to_owned());
        match permit.act() {
            Act::Execute { change_set, stack_id } => {
                let request = ExecuteChangeSet {
                    change_set_name: change_set.clone(),
                    stack_name: Some(stack_id.clone()),
                    client_request_token: token,
                    disable_rollback: Some(false),
                    retain_except_on_create: true,
                };
                self.call("cloudformation:ExecuteChangeSet", |world| {
                    world.cfn(&self.account, region).execute_change_set(request)
                })
                .await
            }
            Act::Continue { stack_id, skip } => {
                let request = api::ContinueUpdateRollback {
                    stack_name: stack_id.clone(),
                    resources_to_skip: skip.iter().map(ToString::to_string).collect(),
                    client_request_token: token,
                    ..Default::default()
                };
                self.call("cloudformation:ContinueUpdateRollback", |world| {
                    world.cfn(&self.account, region).continue_update_rollback(request)
                })
                .await
            }
            Act::RollBack { stack_id } => {
                let request = api::RollbackStack {
                    stack_name: stack_id.clone(),
                    retain_except_on_create: true,
                    client_request_token: token,
                    ..Default::default()
                };
                self.call("cloudformation:RollbackStack", |world| {
                    world.cfn(&self.account, region).rollback_stack(request).map(drop)
                })
                .await
            }
            Act::Delete { stack_id, retain } => {
                let request = DeleteStack {
                    stack_name: stack_id.clone(),
                    client_request_token: token,
                    retain_resources: retain.iter().map(ToString::to_string).collect(),
                    ..DeleteStack::default()
                };
                self.call("cloudformation:DeleteStack", |world| world.cfn(&self.account, region).delete_stack(request))
                    .await
            }
        }
    }

    async fn events(
        &self,
        region: &Region,
        stack: &str,
        _since: Option<Timestamp>,
    ) -> Result<Vec<StackEvent>, CloudError> {
        let mut events = vec![];
        let mut next: Option<String> = None;
        loop {
            let at = next.clone();
            let page = self
                .call("cloudformation:DescribeStackEvents", |world| {
                    world.cfn(&self.account, region).describe_stack_events(stack, at.as_deref())
                })
                .await?;
            events.extend(page.items.into_iter().map(map::event));
            next = page.next_token;
            if next.is_none() {
                return Ok(events);
            }
        }
    }

    async fn detect(&self, place: &Stack) -> Result<String, CloudError> {
        self.begin_detection(place).await
    }

    async fn detection(&self, region: &Region, id: &str) -> Result<Detection, CloudError> {
        self.detection_status(region, id).await
    }

    async fn detect_resource(&self, place: &Stack, logical: &str) -> Result<Deviation, CloudError> {
        self.one_resource(place, logical).await
    }

    async fn resources(&self, place: &Stack) -> Result<Vec<Resource>, CloudError> {
        self.all_resources(place).await
    }

    async fn deviations(&self, place: &Stack) -> Result<Vec<Deviation>, CloudError> {
        self.all_deviations(place).await
    }

    async fn owner(&self, region: &Region, physical: &str) -> Result<Option<Member>, CloudError> {
        self.whose(region, physical).await
    }

    async fn trail(&self, region: &Region, what: &Lookup<'_>) -> Result<Vec<String>, CloudError> {
        self.records(region, what).await
    }

    async fn parameters(
        &self,
        region: &Region,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Result<String, String>>, CloudError> {
        const CALL: &str = "ssm:GetParameters";
        let names: Vec<&String> = names.iter().collect();
        let mut values = BTreeMap::new();
        // GetParameters takes ten names at a time.
        for some in names.chunks(10) {
            let read = self
                .call(CALL, |world| {
                    let store = &world.account(&self.account).store;
                    let one = |name: &&&String| {
                        let parameter = store.get(&Key::new(region, "AWS::SSM::Parameter", name))?;
                        let secret = parameter.text("Type") == Some("SecureString");
                        Some(((**name).clone(), (secret, parameter.text("Value").unwrap_or_default().to_owned())))
                    };
                    Ok(some.iter().filter_map(|name| one(&name)).collect::<Vec<_>>())
                })
                .await?;
            for (name, (secret, value)) in read {
                let value = if secret { Err(is_secret(&name)) } else { Ok(value) };
                values.insert(name, value);
            }
        }
        Ok(values)
    }

    async fn alarms(&self, region: &Region, names: &BTreeSet<String>) -> Result<BTreeMap<String, String>, CloudError> {
        self.call("cloudwatch:DescribeAlarms", |world| cloudwatch::states(world, &self.account, region, names)).await
    }

    async fn put(&self, put: &Put<'_>) -> Result<String, CloudError> {
        let Put { shelf, key, body, fresh } = *put;
        let there = self.call("s3:GetObject", |world| {
            s3::expect(world, &shelf.bucket, Some(shelf.owner.as_str()))?;
            s3::get(world, &shelf.bucket, key)
        });
        if !there.await.is_ok_and(|object| object.body == body && object.modified >= fresh) {
            let upload = s3::Upload { body: body.to_vec(), ..s3::Upload::default() };
            let put = self.call("s3:PutObject", |world| {
                s3::expect(world, &shelf.bucket, Some(shelf.owner.as_str()))?;
                let at = Place { account: &self.account, region: &shelf.region, now: world.now() };
                s3::put(world, &at, (&shelf.bucket, key), upload)
            });
            put.await?;
        }
        Ok(format!("https://{}.s3.{}.amazonaws.com/{key}", shelf.bucket, shelf.region))
    }

    async fn shelved(&self, shelf: &Shelf, prefix: &str) -> Result<Vec<Object>, CloudError> {
        let asked = s3::ListRequest { prefix: prefix.to_owned(), most: usize::MAX, ..s3::ListRequest::default() };
        let listed = self.call("s3:ListBucket", |world| {
            s3::expect(world, &shelf.bucket, Some(shelf.owner.as_str()))?;
            s3::list(world, &shelf.bucket, &asked)
        });
        let entries = listed.await?.entries.into_iter();
        Ok(entries.map(|entry| Object { key: entry.key, at: entry.modified }).collect())
    }

    async fn clear(&self, shelf: &Shelf, keys: &[&str]) -> Result<(), CloudError> {
        for key in keys {
            self.call("s3:DeleteObject", |world| s3::delete(world, &shelf.bucket, key)).await?;
        }
        Ok(())
    }

    fn time(&self) -> Option<Timestamp> {
        Some(self.world.borrow().now())
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.world.borrow_mut().account(&self.account).calls.clone()
    }
}

impl Clock for SimCloud {
    fn now(&self) -> Timestamp {
        self.world.borrow().now()
    }

    async fn sleep(&self, time: Duration) {
        self.world.borrow_mut().pass(time);
    }
}
