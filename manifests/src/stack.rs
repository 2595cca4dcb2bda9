//! `kind: Stack`: one CloudFormation stack that somebody asks for, as it stands after parsing and validation.
//!
//! Not here: how it is written (that is [`crate::parse`]) and whether it is due (that is `plan`).

use crate::artifact::Artifact;
use crate::check::Check;
use crate::drift::Drift;
use crate::id::{AccountId, Arn, LogicalId, Name, Region, RepoPath, ResourcePath, StackName};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Where something was said: for diagnostics, and for the report's reader.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The file, from the repository's root.
    pub file: RepoPath,
    /// Its line, from 1.
    pub line: u32,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A stack as the repository asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// `metadata.name`: its identity inside the repository. Renaming the file changes nothing.
    pub name: Name,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// Where the manifest begins.
    pub at: Location,
    /// What CloudFormation calls it; `metadata.name` unless said otherwise.
    pub stack_name: StackName,
    /// The template, resolved against the manifest's own folder.
    pub template: RepoPath,
    /// Which accounts it is for.
    pub targets: Targets,
    /// Which regions it is for, in the order written; empty means the agent's home region.
    pub regions: Vec<Region>,
    /// Its parameters, by key.
    pub parameters: BTreeMap<String, Value>,
    /// Folders and files that it is given as objects of a bucket.
    pub artifacts: Vec<Artifact>,
    /// Its tags. The agent adds its own (`holdfast:…`).
    pub tags: BTreeMap<String, String>,
    /// Capabilities, never implied.
    pub capabilities: BTreeSet<Capability>,
    /// The service role that CloudFormation acts as.
    pub role: Option<Arn>,
    /// Manifests whose stacks must be in place first: said with `dependsOn`, or implied by an output reference.
    pub depends_on: BTreeSet<Name>,
    /// Whether the stack may go when its manifest does.
    pub prune: bool,
    /// What becomes of the stack when it goes.
    pub deletion: DeletionPolicy,
    /// Whether a stack of that name which somebody else made is taken over.
    pub adopt: bool,
    /// Whether resources that exist already are taken into the stack instead of being made.
    pub import_existing: bool,
    /// How much one change may destroy without naming it.
    pub limits: Limits,
    /// The destruction that this commit spells out.
    pub allow: Allow,
    /// CloudFormation's own rollback triggers.
    pub rollback: Rollback,
    /// What may be given up to get it going again.
    pub recovery: Recovery,
    /// What is done about changes that somebody makes behind CloudFormation's back.
    pub drift: Drift,
    /// What has to be so for it to be well.
    pub checks: Vec<Check>,
    /// Names of controls that the stack provides.
    pub provides: BTreeSet<String>,
    /// How long one change may take before it is called late.
    pub timeout: Duration,
    /// Why it is suspended, if it is.
    pub suspend: Option<String>,
}

/// Which accounts a stack is for. Everything said must hold; nothing said means every account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// Only these accounts.
    pub accounts: BTreeSet<AccountId>,
    /// Only accounts that carry all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Not these accounts.
    pub exclude_accounts: BTreeSet<AccountId>,
    /// Not accounts that carry all of these labels (when any are said).
    pub exclude_labels: BTreeMap<String, String>,
}

impl Targets {
    /// Whether they hold for an account with these labels (none, when the fleet does not list it).
    pub fn hold(&self, account: &AccountId, its: &BTreeMap<String, String>) -> bool {
        let Self { accounts, labels, exclude_accounts, exclude_labels } = self;
        let carries = |wanted: &BTreeMap<String, String>| wanted.iter().all(|(key, value)| its.get(key) == Some(value));
        let named = accounts.is_empty() || accounts.contains(account);
        let excluded = exclude_accounts.contains(account) || (!exclude_labels.is_empty() && carries(exclude_labels));
        named && carries(labels) && !excluded
    }
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Written in the manifest.
    Literal(String),
    /// `{label: team}`: the account's label in the fleet file.
    Label(String),
    /// `{output: {stack, key, region?}}`: another managed stack's output.
    Output {
        /// The other manifest's name.
        stack: Name,
        /// The output's key.
        key: String,
        /// The region to read it in; the stack's own unless said.
        region: Option<Region>,
    },
    /// `{ssm: /name}`: a `String` or `StringList` parameter of the account, read by the agent, part of the fingerprint.
    Ssm(String),
}

/// A CloudFormation capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Capability {
    /// The template makes IAM resources.
    #[serde(rename = "CAPABILITY_IAM")]
    Iam,
    /// The template makes IAM resources with names of its own choosing.
    #[serde(rename = "CAPABILITY_NAMED_IAM")]
    NamedIam,
    /// The template holds macros.
    #[serde(rename = "CAPABILITY_AUTO_EXPAND")]
    AutoExpand,
}

impl Capability {
    /// From CloudFormation's own word; `None` for one that it learned after us.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Iam, Self::NamedIam, Self::AutoExpand].into_iter().find(|one| one.as_str() == word)
    }

    /// As CloudFormation spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iam => "CAPABILITY_IAM",
            Self::NamedIam => "CAPABILITY_NAMED_IAM",
            Self::AutoExpand => "CAPABILITY_AUTO_EXPAND",
        }
    }
}

/// What becomes of a stack whose manifest left the repository, once `prune` says that it may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DeletionPolicy {
    /// It stays, and is no longer ours.
    #[default]
    Orphan,
    /// It is deleted.
    Delete,
}

/// How much one change may destroy without naming it. `None` leaves the account's own limit as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Resources removed.
    pub removals: Option<u32>,
    /// Resources replaced.
    pub replacements: Option<u32>,
}

/// The destruction that a commit spells out, resource by resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    /// Resources that may be removed, with the reason if one was written.
    pub remove: BTreeMap<ResourcePath, Option<String>>,
    /// Resources that may be replaced, with the reason if one was written.
    pub replace: BTreeMap<ResourcePath, Option<String>>,
}

/// CloudFormation's rollback triggers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollback {
    /// Alarms that undo the change when they fire, at most five.
    pub alarms: Vec<Arn>,
    /// How long they are watched after the change, at most three hours.
    pub monitor: Duration,
}

/// What may be given up to get a stack going again that CloudFormation left half done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Resources that a rollback which can't be finished may leave out.
    pub skip: BTreeSet<LogicalId>,
    /// Resources that a deletion which can't be finished may leave standing.
    pub retain: BTreeSet<LogicalId>,
}
