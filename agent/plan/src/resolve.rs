//! From a wanted stack to a request with nothing left open, or to what it still waits for.

use crate::{
    asked::{Asked, Fingerprint},
    facts::Found,
    select::{Account, Selected, Wanted},
    why::Why,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use manifests::{
    id::{LogicalId, Name, Region, StackKey},
    stack::{DeletionPolicy, Stack, Value},
};

/// The tag that says whose a stack is. Its value is the installation's name.
pub const OWNER: &str = "holdfast:owner";
/// The tag that says which manifest asked for a stack.
pub const MANIFEST: &str = "holdfast:manifest";
/// The tag that says that a stack may be deleted when its manifest goes: the last manifest had `prune: true` and
/// `deletionPolicy: delete`. None of these tags changes with a commit, because stack tags travel to every resource.
pub const PRUNE: &str = "holdfast:prune";

/// The tag that holds the names, with spaces between, of resources that may be left standing when a stack that may go
/// can't be deleted: when that is known its manifest is gone, and a stack that is half deleted takes no new tag.
pub const RETAIN: &str = "holdfast:retain";

/// Values of SSM parameters, as they were read for this turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// By region and name, with the value or why it may not be used; a name that was read and is absent does not exist.
    pub read: BTreeMap<Region, BTreeMap<String, Result<String, String>>>,
    /// The regions in which they could not be read, and why.
    pub unreadable: BTreeMap<Region, String>,
}

/// Which SSM parameters a turn has to read, by region.
pub fn references(selected: &Selected) -> BTreeMap<Region, BTreeSet<String>> {
    let mut names: BTreeMap<Region, BTreeSet<String>> = BTreeMap::new();
    for (key, wanted) in &selected.wanted {
        for value in wanted.manifest.parameters.values() {
            if let Value::Ssm(name) = value {
                names.entry(key.region.clone()).or_default().insert(name.clone());
            }
        }
    }
    names
}

/// Where the stacks are that this one waits for, or why that can't be said.
pub fn dependencies<'a>(
    selected: &'a Selected,
    key: &StackKey,
    stack: &'a Stack,
) -> Result<BTreeSet<&'a StackKey>, Why> {
    let nowhere = |manifest: &Name| match selected.broken.contains_key(manifest) {
        true => Why::ForManifest { manifest: manifest.clone() },
        false => Why::NotHere { manifest: manifest.clone() },
    };
    let mut all = BTreeSet::new();
    if stack.depends_on.is_empty() {
        return Ok(all); // an output that is referred to is among them
    }
    for name in &stack.depends_on {
        let places = selected.places.get(name).ok_or_else(|| nowhere(name))?;
        // A stack beside it in the same region is the one that is meant; a stack that is only elsewhere is meant there.
        match places.iter().find(|place| place.region == key.region) {
            Some(beside) => all.insert(beside),
            None => {
                all.extend(places);
                true
            }
        };
    }
    for value in stack.parameters.values() {
        if let Value::Output { stack, region: Some(region), .. } = value {
            let places = selected.places.get(stack).ok_or_else(|| nowhere(stack))?;
            all.insert(places.iter().find(|place| place.region == *region).ok_or_else(|| nowhere(stack))?);
        }
    }
    Ok(all)
}

/// Works out the fingerprint of every request in which nothing is looked up in the account. A look at ten thousand settled
/// stacks then makes no request at all.
pub fn seal(selected: &mut Selected, owner: &str) {
    let (found, values) = (Found::default(), Values::default());
    let looked_up = |value: &Value| matches!(value, Value::Ssm(_) | Value::Output { .. });
    let sealed = selected.wanted.iter().map(|(key, wanted)| {
        let whole = !wanted.manifest.parameters.values().any(looked_up);
        let asked = whole.then(|| resolve(selected, key, wanted, &found, &values, owner).ok()).flatten();
        asked.map(|asked| asked.fingerprint())
    });
    let sealed: Vec<Option<Fingerprint>> = sealed.collect();
    selected.wanted.values_mut().zip(sealed).for_each(|(wanted, sealed)| wanted.sealed = sealed);
}

/// The request for a wanted stack. Its dependencies are in place; what else is missing is the error.
pub(crate) fn resolve(
    selected: &Selected,
    key: &StackKey,
    wanted: &Wanted,
    found: &Found,
    values: &Values,
    owner: &str,
) -> Result<Asked, Why> {
    let stack = &*wanted.manifest;
    let template = wanted.template.clone().map_err(Why::Broken)?;
    let mut parameters = BTreeMap::new();
    for (name, value) in &stack.parameters {
        let value = match value {
            Value::Literal(text) => text.clone(),
            Value::Label(label) => label_of(&selected.account, label)?,
            Value::Ssm(parameter) => ssm(values, &key.region, parameter)?,
            Value::Output { stack, key: output, region } => {
                output_of(selected, found, stack, output, region.as_ref().unwrap_or(&key.region))?
            }
        };
        parameters.insert(name.clone(), value);
    }
    parameters.extend(wanted.artifacts.clone());
    Ok(Asked {
        template,
        parameters,
        tags: tags(stack, owner),
        capabilities: stack.capabilities.clone(),
        role: stack.role.clone(),
        alarms: stack.rollback.alarms.clone(),
        monitor_min: stack.rollback.monitor.as_secs().div_ceil(60),
        import_existing: stack.import_existing,
    })
}

fn tags(stack: &Stack, owner: &str) -> BTreeMap<String, String> {
    let mut tags = stack.tags.clone();
    tags.insert(OWNER.to_string(), owner.to_string());
    tags.insert(MANIFEST.to_string(), stack.name.to_string());
    if stack.prune && stack.deletion == DeletionPolicy::Delete {
        tags.insert(PRUNE.to_string(), "delete".to_string());
        let names: Vec<&str> = stack.recovery.retain.iter().map(LogicalId::as_str).collect();
        if !names.is_empty() {
            tags.insert(RETAIN.to_string(), names.join(" "));
        }
    }
    tags
}

fn label_of(account: &Account, label: &str) -> Result<String, Why> {
    account
        .labels
        .get(label)
        .cloned()
        .ok_or_else(|| Why::NoLabel { label: label.to_string(), account: account.id.clone() })
}

fn ssm(values: &Values, region: &Region, name: &str) -> Result<String, Why> {
    if let Some(why) = values.unreadable.get(region) {
        return Err(Why::Unreadable { region: region.clone(), why: why.clone() });
    }
    let value = values.read.get(region).and_then(|values| values.get(name)).cloned();
    let value = value.ok_or_else(|| Why::NoParameter { name: name.to_string(), region: region.clone() })?;
    value.map_err(Why::Broken)
}

fn output_of(
    selected: &Selected,
    found: &Found,
    manifest: &Name,
    output: &str,
    region: &Region,
) -> Result<String, Why> {
    let places: Vec<&StackKey> = selected.places.get(manifest).into_iter().flatten().collect();
    let place = places.iter().find(|place| place.region == *region).or(match places.as_slice() {
        [only] => Some(only),
        _ => None,
    });
    let none = || Why::NoOutput { manifest: manifest.clone(), output: output.to_string(), region: region.clone() };
    let place = place.ok_or_else(none)?;
    found.stacks.get(*place).and_then(|stack| stack.outputs.get(output)).cloned().ok_or_else(none)
}
