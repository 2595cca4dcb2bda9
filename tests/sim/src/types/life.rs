//! Making, changing and removing live resources, as CloudFormation does it for a stack.
//!
//! The reasons of failures are what CloudFormation shows in `ResourceStatusReason`.

use super::{
    Kind, Making, Reach,
    shape::{self, Names},
};
use crate::{
    cfn::Cfn,
    store::{Key, Owner, Properties, Resource, Work, strike},
    template::parse::text,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// For whom a resource is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct For<'a> {
    /// The stack's ARN.
    pub(crate) stack_id: &'a str,
    /// The stack's name.
    pub(crate) stack: &'a str,
    /// The resource's name in the template.
    pub(crate) logical: &'a str,
}

impl Cfn<'_> {
    fn planted(&mut self, whom: For<'_>, key: Option<&Key>, work: Work) -> Result<(), String> {
        let own = key.and_then(|key| self.account.store.get_mut(key)).and_then(|r| strike(&mut r.breaks, work));
        let planted = own.or_else(|| self.world.faults.strike(&self.id, whom.stack, whom.logical, work));
        planted.map_or(Ok(()), Err)
    }

    /// Makes a resource, and answers its physical id.
    pub(crate) fn make(
        &mut self,
        whom: For<'_>,
        kind: &'static Kind,
        kind_name: &str,
        declared: &Properties,
    ) -> Result<String, String> {
        self.planted(whom, None, Work::Create)?;
        if let Some((sentence, _)) = shape::fault(kind, whom.logical, declared) {
            return Err(format!(
                "Properties validation failed for resource {} with message:\n{sentence}",
                whom.logical
            ));
        }
        let mut properties = self.read_dynamic_map(declared)?;
        if kind.name == "AWS::SSM::Parameter" {
            // SSM knows texts only.
            for value in properties.values_mut().filter(|value| value.is_number() || value.is_boolean()) {
                *value = Value::String(text(value));
            }
        }
        let custom = match kind.making {
            Making::Custom => Some(self.ask_provider(kind_name)?),
            Making::Plain | Making::Wait | Making::Stack => None,
        };
        let (account, region) = (self.id.to_string(), self.region.to_string());
        let mut names = Names {
            account: &account,
            region: &region,
            stack: whom.stack,
            logical: whom.logical,
            name: "",
            id: "",
            version: 1,
        };
        let mut seed = self.seed();
        let given = kind.named.and_then(|named| properties.get(named)).map(text);
        let name = given
            .clone()
            .unwrap_or_else(|| shape::fill(kind.generated, names, &properties, &mut seed).unwrap_or_default());
        let lower = matches!(kind.reach, Reach::World) && given.is_none();
        let name = if lower { name.to_lowercase() } else { name };
        names.name = &name;
        let id = shape::fill(kind.id, names, &properties, &mut seed)
            .ok_or_else(|| format!("{} lacks what its id is made of", whom.logical))?;
        names.id = &id;
        let key = Key::new(&self.region, kind_name, &id);
        self.free(kind, &key, &name)?;
        let mut attributes = Properties::new();
        for (attribute, pattern) in kind.attributes {
            if let Some(value) = shape::fill(pattern, names, &properties, &mut seed) {
                attributes.insert((*attribute).to_owned(), value.into());
            }
        }
        attributes.extend(custom.unwrap_or_default());
        self.put_seed(seed);
        let mut resource = Resource::new(properties, self.now);
        if let Some(named) = kind.named {
            resource.properties.entry(named).or_insert_with(|| name.clone().into());
        }
        resource.attributes = attributes;
        resource.owner = Some(Owner { stack: whom.stack_id.to_owned(), logical: whom.logical.to_owned() });
        self.account.store.insert(key, resource);
        Ok(id)
    }

    /// Whether a name is still to be had.
    fn free(&self, kind: &Kind, key: &Key, name: &str) -> Result<(), String> {
        let store = &self.account.store;
        let taken = match kind.reach {
            Reach::Region => store.get(key).is_some(),
            Reach::Account => store.anywhere(&key.kind, &key.id).is_some(),
            Reach::World => store.bucket(name).is_some() || self.world.bucket_owner(name).is_some(),
        };
        match (taken, kind.reach) {
            (false, _) => Ok(()),
            (true, Reach::World) => Err(format!("{name} already exists")),
            (true, Reach::Region | Reach::Account) => Err(format!(
                "Resource handler returned message: \"Resource of type '{}' with identifier '{}' already exists.\" (HandlerErrorCode: AlreadyExists)",
                key.kind, key.id
            )),
        }
    }

    fn ask_provider(&self, kind: &str) -> Result<Properties, String> {
        match self.account.custom.get(kind) {
            Some(Ok(attributes)) => Ok(attributes.clone()),
            Some(Err(reason)) => {
                Err(format!("Received response status [FAILED] from custom resource. Message returned: {reason}"))
            }
            None => Err("CloudFormation did not receive a response from your custom resource.".to_owned()),
        }
    }

    /// Changes a resource in place.
    pub(crate) fn alter(
        &mut self,
        whom: For<'_>,
        key: &Key,
        changes: &BTreeMap<String, Option<Value>>,
    ) -> Result<(), String> {
        self.planted(whom, Some(key), Work::Update)?;
        if key.kind.starts_with("Custom::") {
            self.ask_provider(&key.kind)?;
        }
        let mut read = vec![];
        for (property, value) in changes {
            let value = value.as_ref().map(|value| self.read_dynamic(value)).transpose()?;
            let value = value.map(|value| {
                if key.kind == "AWS::SSM::Parameter" && (value.is_number() || value.is_boolean()) {
                    Value::String(text(&value))
                } else {
                    value
                }
            });
            read.push((property, value));
        }
        let now = self.now;
        let Some(resource) = self.account.store.get_mut(key) else {
            return Err(format!(
                "Resource handler returned message: \"Resource of type '{}' with identifier '{}' was not found.\" (HandlerErrorCode: NotFound)",
                key.kind, key.id
            ));
        };
        let version = resource.version + 1;
        for (property, value) in read {
            resource.set(property, value, now);
        }
        resource.version = version;
        resource.touched += 1;
        if let Some(latest) = resource.attributes.get_mut("LatestVersionNumber") {
            *latest = version.to_string().into();
        }
        Ok(())
    }

    /// Removes a resource. One that is gone already is fine.
    pub(crate) fn unmake(&mut self, whom: For<'_>, key: &Key) -> Result<(), String> {
        self.planted(whom, Some(key), Work::Delete)?;
        if key.kind == "AWS::S3::Bucket" && self.account.store.objects(&key.id).next().is_some() {
            return Err("The bucket you tried to delete is not empty (Service: S3, Status Code: 409)".to_owned());
        }
        let protected = self.account.store.get(key).and_then(|r| r.properties.get("DeletionProtectionEnabled"));
        if protected.is_some_and(|value| text(value) == "true") {
            return Err(format!(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first. ({})",
                key.id
            ));
        }
        self.account.store.remove(key);
        Ok(())
    }

    /// Leaves a resource where it is, as nobody's.
    pub(crate) fn disown(&mut self, key: &Key) {
        if let Some(resource) = self.account.store.get_mut(key) {
            resource.owner = None;
        }
    }

    fn read_dynamic_map(&self, map: &Properties) -> Result<Properties, String> {
        map.iter().map(|(key, value)| Ok((key.clone(), self.read_dynamic(value)?))).collect()
    }

    /// A value with its dynamic references (`{{resolve:…}}`) read.
    fn read_dynamic(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) if text.contains("{{resolve:") => Value::String(self.read_dynamic_text(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.read_dynamic(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(map) => Value::Object(self.read_dynamic_map(map)?),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn read_dynamic_text(&self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{resolve:") {
            let (reference, tail) = after.split_once("}}").unwrap_or((after, ""));
            out.push_str(before);
            let mut parts = reference.splitn(3, ':');
            let (service, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let found = match service {
                "ssm" | "ssm-secure" => self.parameter(name),
                "secretsmanager" => {
                    let mut secrets = self.account.store.of_kind(&self.region, "AWS::SecretsManager::Secret");
                    secrets
                        .find(|(id, secret)| *id == name || secret.text("Name") == Some(name))
                        .and_then(|(_, secret)| secret.text("SecretString").map(str::to_owned))
                }
                _ => None,
            };
            out.push_str(&found.ok_or_else(|| format!("Parameters: [{service}:{name}] cannot be found."))?);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// An SSM parameter's value.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.account.store.get(&Key::new(&self.region, "AWS::SSM::Parameter", name))?.properties.get("Value").map(text)
    }

    /// What a wait condition has to wait for: signals so far, a failure among them, signals needed.
    pub(crate) fn signals(&self, properties: &Properties) -> (usize, Option<String>, usize, Value) {
        let handle = properties.get("Handle").map(text).unwrap_or_default();
        let key = Key::new(&self.region, "AWS::CloudFormation::WaitConditionHandle", &handle);
        let signals = self.account.store.get(&key).and_then(|r| r.attributes.get("Signals")).and_then(Value::as_array);
        let needed = properties.get("Count").map(text).and_then(|count| count.parse().ok()).unwrap_or(1);
        let mut data = Properties::new();
        let mut failed = None;
        for signal in signals.into_iter().flatten() {
            let field = |name: &str| signal.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            if field("Status") == "FAILURE" {
                failed.get_or_insert(format!(
                    "WaitCondition received failed message: '{}' for uniqueId: {}",
                    field("Reason"),
                    field("UniqueId")
                ));
            } else {
                data.insert(field("UniqueId"), field("Data").into());
            }
        }
        (data.len(), failed, needed, json!(Value::Object(data).to_string()))
    }
}
