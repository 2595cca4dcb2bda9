//! `kind: Guardrails`: what one account allows, whatever a commit asks. It is the account's own document: it lies in the
//! account, the agent reads it and may not write it, and nothing of it can come from the repository.
//!
//! A guardrails document that can't be read whole is not read at all: half a rule is no rule, and a turn without
//! guardrails changes nothing.
//!
//! Not here: where it lies (that is the agent's business) and how a change is judged by it (that is `plan`'s).

mod drift;
mod written;

pub use drift::{DriftRules, PeopleRule, Who};

use crate::{
    findings::Findings,
    id::{Arn, RepoPath, StackName},
    parse,
    pattern::Pattern,
    problem::Problem,
    typed::At,
    window::{self, Window},
    yaml::{Fault, Node, brief},
};
use std::{collections::BTreeSet, time::Duration};
#[cfg(feature = "schema")]
pub(crate) use written::GuardrailsManifest as Written;
use written::{GuardrailsManifest, Spec};

/// What an account allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guardrails {
    /// How much may be destroyed, and how much changed.
    pub limits: Limits,
    /// How many stacks are changed at a time; `None` leaves the agent's own setting as it is.
    pub concurrency: Option<usize>,
    /// Resource types that are fenced.
    pub types: Types,
    /// Stacks that are never changed.
    pub protected: BTreeSet<NamePattern>,
    /// What every stack's name has to begin with.
    pub prefix: Option<String>,
    /// The service role that every stack has to name.
    pub role: Option<Arn>,
    /// What may be done at all.
    pub may: May,
    /// How deleting goes.
    pub prune: Prune,
    /// When changes may begin.
    pub windows: Vec<Window>,
    /// What is done about drift, and whose is left alone.
    pub drift: DriftRules,
}

/// How much may be destroyed, and how much changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Stacks that one turn may begin to change.
    pub stacks_per_turn: u32,
    /// Resources that one change may remove without naming them.
    pub removals_per_change: u32,
    /// Resources that one change may replace without naming them.
    pub replacements_per_change: u32,
    /// Resources that may be removed in any 24 hours, named or not.
    pub removals_per_day: u32,
    /// Resources that may be replaced in any 24 hours, named or not.
    pub replacements_per_day: u32,
    /// Stacks that one turn may delete because their manifests left.
    pub deletions_per_turn: u32,
    /// Stacks that may be deleted in any 24 hours because their manifests left.
    pub deletions_per_day: u32,
    /// Resources that somebody changed and that may be put back in any 24 hours.
    pub heals_per_day: u32,
}

/// Resource types that are fenced, as patterns (`AWS::RDS::*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types {
    /// No change set may hold one of these.
    pub denied: BTreeSet<TypePattern>,
    /// Replaced only when a person in the account approves exactly that.
    pub never_replaced: BTreeSet<TypePattern>,
    /// Removed only when a person in the account approves exactly that.
    pub never_removed: BTreeSet<TypePattern>,
}

/// What may be done at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct May {
    /// Delete stacks whose manifests left.
    pub prune: bool,
    /// Take over stacks that somebody else made.
    pub adopt: bool,
    /// Change stacks that hold custom resources: code that runs.
    pub custom_resources: bool,
    /// Change stacks whose templates hold macros: code that rewrites templates.
    pub macros: bool,
    /// Change stacks that hold other stacks.
    pub nested_stacks: bool,
    /// Ask addresses of private networks in health checks.
    pub private_checks: bool,
}

/// How deleting goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prune {
    /// How long a stack stays after its manifest was first seen to be gone.
    pub grace: Duration,
    /// The share of the account's stacks, in percent, that may want to go at once: more than that looks like a mistake.
    pub shrink: u32,
}

/// Types that hold what can't be made again: data, keys, identities.
const STATEFUL: [&str; 43] = [
    "AWS::AmazonMQ::Broker",
    "AWS::Backup::BackupVault",
    "AWS::Cassandra::Table",
    "AWS::CodeCommit::Repository",
    "AWS::Cognito::UserPool",
    "AWS::DocDB::DBCluster",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::Elasticsearch::Domain",
    "AWS::FSx::FileSystem",
    "AWS::FSx::Volume",
    "AWS::IdentityStore::Group",
    "AWS::KMS::Key",
    "AWS::KMS::ReplicaKey",
    "AWS::Kinesis::Stream",
    "AWS::Logs::LogGroup",
    "AWS::MSK::Cluster",
    "AWS::MemoryDB::Cluster",
    "AWS::Neptune::DBCluster",
    "AWS::OpenSearchServerless::Collection",
    "AWS::OpenSearchService::Domain",
    "AWS::Organizations::Account",
    "AWS::QLDB::Ledger",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::GlobalCluster",
    "AWS::Redshift::Cluster",
    "AWS::RedshiftServerless::Namespace",
    "AWS::Route53::HostedZone",
    "AWS::S3::Bucket",
    "AWS::S3Express::DirectoryBucket",
    "AWS::S3Tables::Table",
    "AWS::S3Tables::TableBucket",
    "AWS::SDB::Domain",
    "AWS::SecretsManager::Secret",
    "AWS::Timestream::Database",
    "AWS::Timestream::Table",
];

impl Default for Guardrails {
    /// What holds in an account that has no guardrails of its own: nothing unspelled is destroyed, nothing stateful even
    /// when spelled out, nothing is taken over, no template rewrites itself.
    fn default() -> Self {
        let stateful: BTreeSet<TypePattern> = STATEFUL.iter().map(|name| TypePattern(Pattern::new(name))).collect();
        Self {
            limits: Limits::default(),
            concurrency: None,
            types: Types { denied: BTreeSet::new(), never_replaced: stateful.clone(), never_removed: stateful },
            protected: BTreeSet::new(),
            prefix: None,
            role: None,
            may: May::default(),
            prune: Prune::default(),
            windows: Vec::new(),
            drift: DriftRules::default(),
        }
    }
}

impl Default for Limits {
    /// Nothing unspelled; a handful spelled out; one stack at a time.
    fn default() -> Self {
        Self {
            stacks_per_turn: 200,
            removals_per_change: 0,
            replacements_per_change: 0,
            removals_per_day: 20,
            replacements_per_day: 10,
            deletions_per_turn: 1,
            deletions_per_day: 5,
            heals_per_day: 50,
        }
    }
}

impl Default for May {
    fn default() -> Self {
        Self {
            prune: true,
            adopt: false,
            custom_resources: true,
            macros: false,
            nested_stacks: true,
            private_checks: false,
        }
    }
}

impl Default for Prune {
    fn default() -> Self {
        Self { grace: Duration::from_secs(3_600), shrink: 50 }
    }
}

impl Types {
    /// The first pattern of these that a type fits.
    pub fn fenced<'a>(patterns: &'a BTreeSet<TypePattern>, kind: &str) -> Option<&'a TypePattern> {
        patterns.iter().find(|pattern| pattern.0.fits(kind))
    }
}

impl Guardrails {
    /// Whether a stack of this name is never changed, and by which pattern.
    pub fn protects(&self, stack: &StackName) -> Option<&NamePattern> {
        self.protected.iter().find(|pattern| pattern.0.fits(stack.as_str()))
    }
}

/// A pattern of resource types: `AWS::RDS::DBInstance`, `AWS::RDS::*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypePattern(Pattern);

/// A pattern of stack names: `network`, `prod-*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamePattern(Pattern);

impl std::fmt::Display for TypePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads an account's guardrails. `place` is what the problems call it.
///
/// # Errors
/// Everything that is wrong with it: then nothing of it holds.
pub fn parse(place: &RepoPath, bytes: &[u8]) -> Result<Guardrails, Vec<Problem>> {
    let mut findings = Findings::new(place, None);
    let guardrails = document(bytes, &mut findings);
    match guardrails {
        Some(guardrails) if findings.none() => Ok(guardrails),
        Some(_) | None => Err(findings.problems),
    }
}

fn document(bytes: &[u8], findings: &mut Findings<'_>) -> Option<Guardrails> {
    let root = parse::single(bytes, findings)?;
    match root.get("kind").and_then(Node::text) {
        Some("Guardrails") => {}
        other => {
            let found = other.map_or_else(String::new, |kind| format!(", found `{}`", brief(kind)));
            findings.refuse(parse::place(&root, "kind"), format!("expected `kind: Guardrails`{found}"));
            return None;
        }
    }
    let written: GuardrailsManifest = parse::typed_as(&root, findings)?;
    Some(guardrails(&written.spec, findings))
}

fn guardrails(spec: &Spec, findings: &mut Findings<'_>) -> Guardrails {
    let usual = Guardrails::default();
    let types = spec.types.as_ref();
    let patterns = |written: Option<&Vec<At<String>>>, usual: BTreeSet<TypePattern>, findings: &mut Findings<'_>| {
        written.map_or(usual, |written| written.iter().filter_map(|text| type_pattern(text, findings)).collect())
    };
    let denied = types.and_then(|types| types.denied.as_ref());
    let replaced = types.and_then(|types| types.never_replaced.as_ref());
    let removed = types.and_then(|types| types.never_removed.as_ref());
    let stacks = spec.stacks.as_ref();
    let protected = stacks.and_then(|stacks| stacks.protected.as_ref());
    Guardrails {
        limits: limits(spec.limits.as_ref()),
        concurrency: spec.concurrency.as_ref().and_then(|number| match number.value {
            0 => {
                findings.refuse(number.at, "at least one stack has to be changed at a time");
                None
            }
            number => Some(number as usize),
        }),
        types: Types {
            denied: patterns(denied, usual.types.denied, findings),
            never_replaced: patterns(replaced, usual.types.never_replaced, findings),
            never_removed: patterns(removed, usual.types.never_removed, findings),
        },
        protected: protected.into_iter().flatten().filter_map(|text| name_pattern(text, findings)).collect(),
        prefix: stacks.and_then(|stacks| stacks.prefix.as_ref()).and_then(|text| {
            let prefix: Option<StackName> = findings.id(text);
            prefix.map(|prefix| prefix.to_string())
        }),
        role: spec.role_arn.as_ref().and_then(|text| findings.id(text)),
        may: may(spec.may.as_ref()),
        prune: prune(spec.prune.as_ref(), findings),
        drift: drift::rules(spec.drift.as_ref(), findings),
        windows: spec.windows.iter().filter_map(|written| window::window(written, findings)).collect(),
    }
}

fn limits(written: Option<&written::Limits>) -> Limits {
    let usual = Limits::default();
    let Some(written) = written else { return usual };
    Limits {
        stacks_per_turn: written.stacks_per_turn.unwrap_or(usual.stacks_per_turn),
        removals_per_change: written.removals_per_change.unwrap_or(usual.removals_per_change),
        replacements_per_change: written.replacements_per_change.unwrap_or(usual.replacements_per_change),
        removals_per_day: written.removals_per_day.unwrap_or(usual.removals_per_day),
        replacements_per_day: written.replacements_per_day.unwrap_or(usual.replacements_per_day),
        deletions_per_turn: written.deletions_per_turn.unwrap_or(usual.deletions_per_turn),
        deletions_per_day: written.deletions_per_day.unwrap_or(usual.deletions_per_day),
        heals_per_day: written.heals_per_day.unwrap_or(usual.heals_per_day),
    }
}

fn may(written: Option<&written::May>) -> May {
    let usual = May::default();
    let Some(written) = written else { return usual };
    May {
        prune: written.prune.unwrap_or(usual.prune),
        adopt: written.adopt.unwrap_or(usual.adopt),
        custom_resources: written.custom_resources.unwrap_or(usual.custom_resources),
        macros: written.macros.unwrap_or(usual.macros),
        nested_stacks: written.nested_stacks.unwrap_or(usual.nested_stacks),
        private_checks: written.private_checks.unwrap_or(usual.private_checks),
    }
}

fn prune(written: Option<&written::Prune>, findings: &mut Findings<'_>) -> Prune {
    let mut prune = Prune::default();
    let Some(written) = written else { return prune };
    if let Some(text) = &written.grace {
        let grace = findings.duration(text, 0, 30 * 86_400, "a stack may be kept for at most 30d");
        prune.grace = grace.unwrap_or(prune.grace);
    }
    if let Some(percent) = &written.shrink {
        if percent.value > 100 {
            findings.refuse(percent.at, format!("`{}` is no share in percent", percent.value));
        }
        prune.shrink = percent.value;
    }
    prune
}

/// Whether it is a type's name or a pattern of some: only what can be part of one, and stars.
pub(crate) fn is_type(text: &str) -> bool {
    // CloudFormation's names are spelled with capitals, in three parts (`Custom::Name` has two): another spelling would fence
    // nothing off, and nobody would notice.
    let fits = |c: char| c.is_ascii_alphanumeric() || "_@*".contains(c);
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase() || c == '*') && part.chars().all(fits);
    let parts: Vec<&str> = text.split("::").collect();
    let whole = parts.len() >= 3 || (parts.len() == 2 && parts.first() == Some(&"Custom"));
    let shaped = text == "*" || whole || (parts.len() == 2 && text.contains('*'));
    shaped && parts.iter().all(|text| part(text))
}

fn type_pattern(text: &At<String>, findings: &mut Findings<'_>) -> Option<TypePattern> {
    if is_type(&text.value) {
        return Some(TypePattern(Pattern::new(&text.value)));
    }
    let fault = Fault::new(text.at, format!("`{}` is not a resource type or a pattern of some", brief(&text.value)));
    findings.fault(fault.hint("such as `AWS::RDS::DBInstance` or `AWS::RDS::*`"));
    None
}

fn name_pattern(text: &At<String>, findings: &mut Findings<'_>) -> Option<NamePattern> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-*".contains(c);
    if !text.value.is_empty() && text.value.chars().all(fits) {
        return Some(NamePattern(Pattern::new(&text.value)));
    }
    let fault = Fault::new(text.at, format!("`{}` is not a stack's name or a pattern of some", brief(&text.value)));
    findings.fault(fault.hint("such as `network` or `prod-*`"));
    None
}
