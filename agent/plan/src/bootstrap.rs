//! What may be done to the agent's own stack, by the person who provisions it.
//!
//! It is no stack that the agent manages: no manifest asks for it, no owner's tag is on it, and no turn ever touches it. What a
//! person is shown is what is executed, and destroying something in it takes a word of its own. Not here: asking AWS, and any
//! stack but this one.

use crate::{
    asked::Fingerprint,
    facts::{Action, Change, ChangeSet, FoundStack, Replacement},
    permit::{Act, Permit},
    resolve::OWNER,
    stance::{Stance, WayOut},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use manifests::id::StackKey;

/// What its template has to be told, and may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wants {
    /// Its parameters that have no default.
    pub required: BTreeSet<String>,
    /// The others.
    pub optional: BTreeSet<String>,
}

/// How its stack is made to be what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is not there, or a shell of it.
    Make,
    /// It is there.
    Change,
}

/// Whether nothing that has to be said is missing, and nothing is said that the template does not know.
///
/// # Errors
/// What is wrong, one sentence each.
pub fn told(wants: &Wants, told: &BTreeMap<String, String>) -> Result<(), Vec<String>> {
    let missing = wants.required.iter().filter(|name| told.get(*name).is_none_or(String::is_empty));
    let missing = missing.map(|name| format!("`{name}` has to be said"));
    let unknown = told.keys().filter(|name| !wants.required.contains(*name) && !wants.optional.contains(*name));
    let unknown = unknown.map(|name| format!("the template has no parameter `{name}`"));
    let wrong: Vec<String> = missing.chain(unknown).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// How to go about it, by how the stack is found.
///
/// # Errors
/// Why it can't be changed now, and what ends that.
pub fn way(name: &str, found: Option<&FoundStack>) -> Result<Way, String> {
    let Some(found) = found else { return Ok(Way::Make) };
    if found.tags.contains_key(OWNER) {
        return Err(format!("`{name}` is a stack that an agent manages; ends with another name (`--stack`)"));
    }
    if found.nested {
        return Err(format!("`{name}` is nested in another stack; ends with another name (`--stack`)"));
    }
    let status = match &found.status {
        Ok(status) => status.as_str(),
        Err(word) => word,
    };
    let ended_by = match found.stance() {
        Some(Stance::Absent | Stance::Shell) => return Ok(Way::Make),
        Some(Stance::Ready | Stance::Undone) => return Ok(Way::Change),
        Some(Stance::Busy) => "when CloudFormation is done with it",
        Some(Stance::Stillborn | Stance::Stuck(WayOut::Clear)) => {
            "when it is deleted: it never came up, so nothing is lost (`aws cloudformation delete-stack`); its events say why"
        }
        Some(Stance::Stuck(WayOut::RollBack)) => "when it is rolled back (`aws cloudformation rollback-stack`)",
        Some(Stance::Stuck(WayOut::ContinueRollback)) => {
            "when its rollback is continued (`aws cloudformation continue-update-rollback`)"
        }
        Some(Stance::Stuck(WayOut::Delete)) => "when it is deleted again, once what stops that is mended",
        Some(Stance::Stuck(WayOut::Undocumented)) | None => "when a person has looked at it",
    };
    Err(format!("`{name}` is {status}; ends {ended_by}"))
}

/// What a change set destroys, one sentence each. What is not known counts as destroyed.
pub fn destroyed(changes: &[Change]) -> Vec<String> {
    let told = |change: &Change| {
        let Change { logical, kind, .. } = change;
        match (change.action, change.replacement) {
            (Some(Action::Add | Action::Import), _)
            | (Some(Action::Modify | Action::SyncWithActual), Some(Replacement::False)) => None,
            (Some(Action::Remove), _) => Some(format!("{logical} ({kind}) would be removed")),
            (Some(Action::Modify | Action::SyncWithActual), Some(Replacement::True)) => {
                Some(format!("{logical} ({kind}) would be replaced"))
            }
            (Some(Action::Modify | Action::SyncWithActual), Some(Replacement::Conditional) | None)
            | (Some(Action::Dynamic) | None, _) => Some(format!("{logical} ({kind}) may be replaced")),
        }
    };
    changes.iter().filter_map(told).collect()
}

/// Leave to execute a change set of this stack.
///
/// # Errors
/// What it would destroy, if nobody said that it may.
pub fn permit(key: &StackKey, set: &ChangeSet, may_destroy: bool) -> Result<Permit, Vec<String>> {
    let destroyed = destroyed(&set.changes);
    if !destroyed.is_empty() && !may_destroy {
        return Err(destroyed);
    }
    let act = Act::Execute { change_set: set.id.clone(), stack_id: set.stack_id.clone() };
    Ok(Permit::new(key.clone(), act, token(&set.id)))
}

/// What the template tells of a stack that is whole.
const OUTPUTS: [&str; 3] = ["AgentRoleArn", "ServiceRoleArn", "ReadyParameter"];

/// Leave to delete the agent's stack, and only that one.
///
/// # Errors
/// Why it may not go, and what ends that.
pub fn removal(key: &StackKey, found: &FoundStack) -> Result<Permit, String> {
    let name = key.stack.as_str();
    let is_an_agents = OUTPUTS.iter().all(|output| found.outputs.contains_key(*output));
    // One that never came up has no outputs, and nothing else either.
    let is_empty = matches!(found.stance(), Some(Stance::Stillborn | Stance::Shell));
    if found.tags.contains_key(OWNER) || found.nested || !(is_an_agents || is_empty) {
        return Err(format!("`{name}` is no agent's own stack; ends with another name (`--stack`)"));
    }
    if found.protected {
        return Err(format!("`{name}` is protected against deletion; ends when somebody ends that, as a person"));
    }
    if found.stance() == Some(Stance::Busy) {
        return Err(format!("CloudFormation is at work on `{name}`; ends when it is done"));
    }
    let act = Act::Delete { stack_id: found.id.clone(), retain: BTreeSet::new() };
    // One whose deletion failed is deleted again.
    Ok(Permit::new(key.clone(), act, token(&format!("{}|{:?}", found.id, found.status))))
}

/// The same for the same, so that an answer lost after the work was done does not make CloudFormation do it twice.
pub(crate) fn token(of: &str) -> String {
    format!("holdfast-bootstrap-{}", Fingerprint::of(of.as_bytes()))
}
