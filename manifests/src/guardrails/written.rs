//! Guardrails as people write them. The JSON schema is made from these types, and their comments are what an editor
//! shows.

use super::Who;
use crate::{drift::Mode, typed::At, window::Written as Window, written::ApiVersion};
use serde::Deserialize;

/// The word that `kind` has here.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub(crate) enum Kind {
    Guardrails,
}

/// What one account allows, whatever a commit asks.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Guardrails"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GuardrailsManifest {
    /// Always `holdfast/v1`.
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: ApiVersion,
    /// Always `Guardrails`.
    #[serde(rename = "kind")]
    pub(crate) _kind: Kind,
    /// What is allowed. Whatever is left out is as in an account without guardrails.
    pub(crate) spec: Spec,
}

/// What is allowed.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Spec {
    /// How much may be destroyed, and how much changed. A manifest's own limits can only be tighter.
    pub(crate) limits: Option<Limits>,
    /// How many stacks are changed at a time.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub(crate) concurrency: Option<At<u32>>,
    /// Resource types that are fenced.
    pub(crate) types: Option<Types>,
    /// Rules about stacks by name.
    pub(crate) stacks: Option<Stacks>,
    /// The service role that every stack has to name in `roleArn`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^arn:\\S+$")))]
    pub(crate) role_arn: Option<At<String>>,
    /// What may be done at all.
    pub(crate) may: Option<May>,
    /// How deleting goes.
    pub(crate) prune: Option<Prune>,
    /// When changes may begin: never while a `deny` window is open, and, if there are `allow` windows, only while one of
    /// them is. What has begun is not interrupted.
    #[serde(default)]
    pub(crate) windows: Vec<At<Window>>,
    /// What is done about changes that somebody makes behind CloudFormation's back.
    pub(crate) drift: Option<DriftRules>,
}

/// What is done about changes that somebody makes behind CloudFormation's back.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct DriftRules {
    /// The most that a manifest may ask for. Default `heal`.
    pub(crate) mode: Option<Mode>,
    /// What may be told of who changed something, in reports: principal and address in full, as hashes, or neither. Default
    /// `full`.
    pub(crate) who: Option<Who>,
    /// Whose changes are left alone for a while.
    #[serde(default)]
    pub(crate) people: Vec<PeopleRule>,
}

/// Changes of some principals are left alone for a while.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PeopleRule {
    /// The ARN of a user, a session or the role behind it; `*` stands for anything.
    pub(crate) by: At<String>,
    /// For how long after the change, such as `4h`: at most `30d`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]+[smhd]$")))]
    pub(crate) hold: At<String>,
}

/// How much may be destroyed, and how much changed.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AccountLimits"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Limits {
    /// Stacks that one turn may begin to change. Default 200.
    pub(crate) stacks_per_turn: Option<u32>,
    /// Resources that one change may remove without naming them. Default 0.
    pub(crate) removals_per_change: Option<u32>,
    /// Resources that one change may replace without naming them. Default 0.
    pub(crate) replacements_per_change: Option<u32>,
    /// Resources that may be removed in any 24 hours, named or not. Default 20.
    pub(crate) removals_per_day: Option<u32>,
    /// Resources that may be replaced in any 24 hours, named or not. Default 10.
    pub(crate) replacements_per_day: Option<u32>,
    /// Stacks that one turn may delete because their manifests left. Default 1.
    pub(crate) deletions_per_turn: Option<u32>,
    /// Stacks that may be deleted in any 24 hours because their manifests left. Default 5.
    pub(crate) deletions_per_day: Option<u32>,
    /// Resources that somebody changed and that may be put back in any 24 hours. Default 50.
    pub(crate) heals_per_day: Option<u32>,
}

/// Resource types that are fenced; `*` stands for anything.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Types {
    /// No change may touch a resource of these types, in any way. Default: none.
    pub(crate) denied: Option<Vec<At<String>>>,
    /// Replaced only when a person in the account approves exactly that. Default: databases, buckets, keys and other
    /// types that hold what can't be made again.
    pub(crate) never_replaced: Option<Vec<At<String>>>,
    /// Removed only when a person in the account approves exactly that. Default: as `neverReplaced`.
    pub(crate) never_removed: Option<Vec<At<String>>>,
}

/// Rules about stacks by name.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Stacks {
    /// Stacks that are never changed, created or deleted; `*` stands for anything.
    pub(crate) protected: Option<Vec<At<String>>>,
    /// What the name of every stack has to begin with.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z][-a-zA-Z0-9]*$")))]
    pub(crate) prefix: Option<At<String>>,
}

/// What may be done at all.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct May {
    /// Delete stacks whose manifests left the repository and said that they may go. Default true.
    pub(crate) prune: Option<bool>,
    /// Take over stacks that somebody else made, where a manifest says `adopt: true`. Default false.
    pub(crate) adopt: Option<bool>,
    /// Change stacks that hold custom resources: code that runs. Default true.
    pub(crate) custom_resources: Option<bool>,
    /// Change stacks whose templates hold macros or transforms: code that rewrites templates. Default false.
    pub(crate) macros: Option<bool>,
    /// Change stacks that hold other stacks. Default true.
    pub(crate) nested_stacks: Option<bool>,
    /// Ask addresses of private networks in health checks. Default false.
    pub(crate) private_checks: Option<bool>,
}

/// How deleting goes.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Prune {
    /// How long a stack stays after its manifest was first seen to be gone, such as `1h`. Default `1h`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]+[smhd]$")))]
    pub(crate) grace: Option<At<String>>,
    /// The share of the account's stacks, in percent, that may want to go at once; more looks like a mistake, and none
    /// goes then. Default 50.
    #[cfg_attr(feature = "schema", schemars(range(max = 100)))]
    pub(crate) shrink: Option<At<u32>>,
}
