//! The operator's side door: what people do to an account behind CloudFormation's back, and to the world behind AWS's.
//!
//! Methods of [`World`] that no call counts and no fault meets. Not here: the HTTP paths under which the program offers
//! them.

use crate::{
    cfn::api::{CfnError, StackOperation, UpdateStack},
    store::{Break, Key, Properties, Resource},
    trail::{Actor, Deed, Done},
    world::{CustomAnswer, World},
};
use manifests::id::{AccountId, Region};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the operator named is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} does not exist in account {account}")]
pub struct Missing {
    /// What was named.
    pub what: String,
    /// Where.
    pub account: AccountId,
}

/// A signal to a wait condition's handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Signal {
    /// `SUCCESS` or `FAILURE`.
    pub status: String,
    /// Tells signals apart.
    pub unique_id: String,
    /// What `Fn::GetAtt` `Data` gives.
    #[serde(default)]
    pub data: String,
    /// Why it failed.
    #[serde(default)]
    pub reason: String,
}

impl World {
    fn live(&mut self, account: &AccountId, key: &Key) -> Result<&mut Resource, Missing> {
        let missing =
            || Missing { what: format!("{} {} in {}", key.kind, key.id, key.region), account: account.clone() };
        self.account(account).store.get_mut(key).ok_or_else(missing)
    }

    /// Where a stack's resource lives.
    ///
    /// # Errors
    /// When there is no such stack, or it has no such resource yet.
    pub fn locate(&mut self, account: &AccountId, region: &Region, stack: &str, logical: &str) -> Result<Key, Missing> {
        let found = self.cfn(account, region).describe_stack_resource(stack, logical);
        let found =
            found.ok().and_then(|found| Some(Key::new(region, &found.resource_type, &found.physical_resource_id?)));
        found.ok_or_else(|| Missing {
            what: format!("resource {logical} of stack {stack} in {region}"),
            account: account.clone(),
        })
    }

    /// How often CloudFormation changed a stack's resource since it made it.
    ///
    /// # Errors
    /// When there is no such stack or resource, or it is gone.
    pub fn touched(
        &mut self,
        account: &AccountId,
        region: &Region,
        stack: &str,
        logical: &str,
    ) -> Result<u64, Missing> {
        let key = self.locate(account, region, stack, logical)?;
        self.live(account, &key).map(|resource| resource.touched)
    }

    /// Sets a property of a live resource, or takes it away: drift.
    ///
    /// # Errors
    /// When there is no such resource.
    pub fn set_property(
        &mut self,
        account: &AccountId,
        key: &Key,
        property: &str,
        value: Option<Value>,
    ) -> Result<(), Missing> {
        self.set_property_as(account, key, property, value, &Actor::mallory(account))
    }

    /// The same, by somebody: CloudTrail records who.
    ///
    /// # Errors
    /// When there is no such resource.
    pub fn set_property_as(
        &mut self,
        account: &AccountId,
        key: &Key,
        property: &str,
        value: Option<Value>,
        actor: &Actor,
    ) -> Result<(), Missing> {
        let now = self.now();
        let resource = self.live(account, key)?;
        resource.set(property, value, now);
        let deed = Deed::to(account, key, resource, Done::Changed(property));
        self.record(account, &key.region, deed, actor);
        Ok(())
    }

    /// Sets what a resource gives, such as an alarm's `StateValue`.
    ///
    /// # Errors
    /// When there is no such resource.
    pub fn set_attribute(
        &mut self,
        account: &AccountId,
        key: &Key,
        attribute: &str,
        value: Value,
    ) -> Result<(), Missing> {
        self.live(account, key)?.attributes.insert(attribute.to_owned(), value);
        Ok(())
    }

    /// Deletes a live resource.
    ///
    /// # Errors
    /// When there is no such resource.
    pub fn delete_resource(&mut self, account: &AccountId, key: &Key) -> Result<(), Missing> {
        self.delete_resource_as(account, key, &Actor::mallory(account))
    }

    /// The same, by somebody: CloudTrail records who.
    ///
    /// # Errors
    /// When there is no such resource.
    pub fn delete_resource_as(&mut self, account: &AccountId, key: &Key, actor: &Actor) -> Result<(), Missing> {
        let deed = Deed::to(account, key, self.live(account, key)?, Done::Deleted);
        self.account(account).store.remove(key);
        self.record(account, &key.region, deed, actor);
        Ok(())
    }

    /// Puts a resource there that no stack made.
    pub fn place_resource(&mut self, account: &AccountId, key: Key, properties: Properties) {
        self.place_resource_as(account, key, properties, &Actor::mallory(account));
    }

    /// The same, by somebody: CloudTrail records who.
    pub fn place_resource_as(&mut self, account: &AccountId, key: Key, properties: Properties, actor: &Actor) {
        let resource = Resource::new(properties, self.now());
        let deed = Deed::to(account, &key, &resource, Done::Made);
        let region = key.region.clone();
        self.account(account).store.insert(key, resource);
        self.record(account, &region, deed, actor);
    }

    /// Plants a failure in a live resource.
    ///
    /// # Errors
    /// When there is no such resource.
    pub fn break_resource(&mut self, account: &AccountId, key: &Key, planted: Break) -> Result<(), Missing> {
        self.live(account, key)?.breaks.push(planted);
        Ok(())
    }

    /// Takes all planted failures out of a live resource.
    ///
    /// # Errors
    /// When there is no such resource.
    pub fn mend_resource(&mut self, account: &AccountId, key: &Key) -> Result<(), Missing> {
        self.live(account, key)?.breaks.clear();
        Ok(())
    }

    /// Signals a wait condition through its handle.
    ///
    /// # Errors
    /// When there is no such handle.
    pub fn signal(&mut self, account: &AccountId, handle: &Key, signal: &Signal) -> Result<(), Missing> {
        let resource = self.live(account, handle)?;
        let entry = resource.attributes.entry("Signals").or_insert_with(|| json!([]));
        if let (Value::Array(signals), Ok(signal)) = (entry, serde_json::to_value(signal)) {
            signals.push(signal);
        }
        let owner = resource.owner.as_ref().map(|owner| owner.stack.clone());
        if let Some(stack) = owner {
            self.cfn(account, &handle.region).wake(&stack);
        }
        Ok(())
    }

    /// UpdateStack by a person: no change set, no fingerprint.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn update_by_hand(
        &mut self,
        account: &AccountId,
        region: &Region,
        request: UpdateStack,
    ) -> Result<StackOperation, CfnError> {
        self.cfn(account, region).update_stack(request)
    }

    /// Registers what the provider of a type of custom resources answers.
    pub fn answer_custom(&mut self, account: &AccountId, kind: &str, answer: CustomAnswer) {
        self.account(account).custom.insert(kind.to_owned(), answer);
    }

    /// Stops the clock.
    pub fn freeze(&mut self) {
        self.time.freeze();
    }

    /// Lets the clock run on.
    pub fn thaw(&mut self) {
        self.time.thaw();
    }

    /// A whole account, to read.
    pub fn read(&mut self, id: &AccountId) -> Value {
        let now = self.now();
        let account = self.account(id);
        let resources: Vec<Value> =
            account.store.iter().map(|(key, resource)| json!({ "key": key, "resource": resource })).collect();
        let calls = account.calls.clone();
        let regions: Vec<Region> = account.regions.keys().cloned().collect();
        let mut stacks = vec![];
        for region in regions {
            stacks.extend(self.cfn(id, &region).survey());
        }
        json!({ "account": id, "now": now, "stacks": stacks, "resources": resources, "calls": calls })
    }
}
