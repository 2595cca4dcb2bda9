//! IAM, as far as the policies of one role and its permissions boundary go: who may do what to what, and AWS's words for who
//! may not ("IAM User Guide: Policy evaluation logic"; "Access denied error messages").
//!
//! Not here: resource policies, service control policies, sessions' own policies, and the door's part of it: which permissions a
//! call asks for ([`crate::wire`]). Nobody is restricted unless a test restricts a role ([`World::confine`]).

mod condition;
mod pattern;
mod policy;

use crate::{fault::Refusal, world::World};
use manifests::id::AccountId;
pub use policy::{Malformed, Policy, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// One question: may this be done to that, in these circumstances?
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// `service:Action`.
    pub action: String,
    /// An ARN, or `*` where the call names no resource.
    pub resource: String,
    /// Condition keys, in lower case, with their values.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Question {
    /// A question without circumstances.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    /// One more circumstance.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.entry(key.to_ascii_lowercase()).or_default().push(value.into());
        self
    }

    fn of(&self, key: &str) -> Option<&[String]> {
        self.context.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Something allows it, and nothing denies it.
    Allowed,
    /// Something denies it.
    Denied,
    /// No identity policy allows it.
    NotAllowed,
    /// The boundary does not reach so far.
    OutOfBounds,
}

/// What a role may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Its identity policies.
    pub policies: Vec<Policy>,
    /// Its permissions boundary.
    pub boundary: Option<Policy>,
}

impl Permissions {
    /// Explicit denials first, then what is allowed; within the boundary, if there is one.
    pub fn decide(&self, question: &Question) -> Decision {
        let mut all = self.policies.iter().chain(&self.boundary);
        if all.any(|policy| policy.denies(question)) {
            return Decision::Denied;
        }
        if !self.policies.iter().any(|policy| policy.allows(question)) {
            return Decision::NotAllowed;
        }
        match &self.boundary {
            Some(boundary) if !boundary.allows(question) => Decision::OutOfBounds,
            Some(_) | None => Decision::Allowed,
        }
    }
}

/// A role that is restricted, and what its sessions have asked for so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Confined {
    permissions: Permissions,
    asked: BTreeSet<Question>,
}

impl World {
    /// From now on sessions of this role may do just this.
    pub fn confine(&mut self, account: &AccountId, role: &str, permissions: Permissions) {
        let confined = self.confined.entry((account.clone(), role.to_owned())).or_default();
        confined.permissions = permissions;
    }

    /// Everything that sessions of a restricted role have asked for, whatever the answer was.
    pub fn asked(&self, account: &AccountId, role: &str) -> BTreeSet<Question> {
        self.confined.get(&(account.clone(), role.to_owned())).map(|it| it.asked.clone()).unwrap_or_default()
    }

    /// Whether a session is of a role that is restricted.
    pub(crate) fn confines(&self, account: &AccountId, session: Option<&str>) -> bool {
        let role = session.and_then(|session| session.split('/').next());
        role.is_some_and(|role| self.confined.contains_key(&(account.clone(), role.to_owned())))
    }

    /// Whether a session may, if its role is restricted.
    ///
    /// # Errors
    /// AWS's refusal.
    pub(crate) fn authorize(
        &mut self,
        (account, session): (&AccountId, Option<&str>),
        question: Question,
    ) -> Result<(), Refusal> {
        let Some(session) = session else { return Ok(()) };
        let role = session.split('/').next().unwrap_or_default();
        let Some(confined) = self.confined.get_mut(&(account.clone(), role.to_owned())) else { return Ok(()) };
        let decision = confined.permissions.decide(&question);
        let refusal = refused(decision, &format!("arn:aws:sts::{account}:assumed-role/{session}"), &question);
        confined.asked.insert(question);
        refusal.map_or(Ok(()), Err)
    }
}

/// AWS's words.
fn refused(decision: Decision, who: &str, question: &Question) -> Option<Refusal> {
    let Question { action, resource, .. } = question;
    // Two services have spellings of their own.
    let spelled = match action.split_once(':') {
        Some(("sns", name)) => format!("SNS:{name}"),
        Some(("sqs", name)) => format!("sqs:{}", name.to_ascii_lowercase()),
        Some(_) | None => action.clone(),
    };
    let why = match decision {
        Decision::Allowed => return None,
        Decision::Denied => "with an explicit deny in an identity-based policy".to_owned(),
        Decision::NotAllowed => format!("because no identity-based policy allows the {spelled} action"),
        Decision::OutOfBounds => format!("because no permissions boundary allows the {spelled} action"),
    };
    let code = if action.starts_with("sns:") { "AuthorizationError" } else { "AccessDenied" };
    Some(Refusal::new(
        code,
        403,
        format!("User: {who} is not authorized to perform: {spelled} on resource: {resource} {why}"),
    ))
}

#[cfg(test)]
mod tests;
