//! The manifests as people write them. The JSON schema is made from these types, and their comments are what an editor
//! shows, so they speak to whoever writes a manifest.
//!
//! Not here: what the texts must look like beyond their shape ([`crate::validate`]), and the model that comes of it
//! ([`crate::stack`], [`crate::fleet`]).

use crate::{
    artifact::written::Artifact,
    check::written::Check,
    drift::written::Drift,
    parameter::Parameter,
    release::written::Release,
    stack::{Capability, DeletionPolicy},
    typed::At,
};
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;

/// Texts by key.
pub(crate) type Texts = BTreeMap<At<String>, At<String>>;

/// A text that may stand there as a number or truth value; it is taken as it is written.
#[cfg(feature = "schema")]
pub(crate) struct Scalar;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// The version of this format.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) enum ApiVersion {
    #[serde(rename = "holdfast/v1")]
    V1,
}

/// The word that `kind` has in one kind of manifest.
macro_rules! kind {
    ($name:ident, $word:ident) => {
        #[derive(Debug, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
        pub(crate) enum $name {
            $word,
        }
    };
}

kind!(StackKind, Stack);
kind!(FleetKind, Fleet);
kind!(AccountsKind, Accounts);
kind!(ApprovalKind, Approval);

/// One CloudFormation stack, in every account and region that it is meant for.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Stack"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct StackManifest {
    /// Always `holdfast/v1`.
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: ApiVersion,
    /// Always `Stack`.
    #[serde(rename = "kind")]
    pub(crate) _kind: StackKind,
    /// What the manifest is called.
    pub(crate) metadata: Metadata,
    /// What is asked for.
    pub(crate) spec: StackSpec,
}

/// Who there is. At most one per repository.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Fleet"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FleetManifest {
    /// Always `holdfast/v1`.
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: ApiVersion,
    /// Always `Fleet`.
    #[serde(rename = "kind")]
    pub(crate) _kind: FleetKind,
    /// What the manifest is called; for people only.
    #[serde(rename = "metadata")]
    pub(crate) _metadata: Option<FileMetadata>,
    /// Who there is.
    pub(crate) spec: FleetSpec,
}

/// Some of the fleet's accounts. Any number of these may stand beside the Fleet, or without one.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Accounts"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AccountsManifest {
    /// Always `holdfast/v1`.
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: ApiVersion,
    /// Always `Accounts`.
    #[serde(rename = "kind")]
    pub(crate) _kind: AccountsKind,
    /// What the manifest is called; for people only.
    #[serde(rename = "metadata")]
    pub(crate) _metadata: Option<FileMetadata>,
    /// Who there is.
    pub(crate) spec: AccountsSpec,
}

/// Leave for one plan, in every account where that plan destroys exactly the same.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Approval"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ApprovalManifest {
    /// Always `holdfast/v1`.
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: ApiVersion,
    /// Always `Approval`.
    #[serde(rename = "kind")]
    pub(crate) _kind: ApprovalKind,
    /// What the manifest is called; for people only.
    #[serde(rename = "metadata")]
    pub(crate) _metadata: Option<FileMetadata>,
    /// What is approved.
    pub(crate) spec: ApprovalSpec,
}

/// What is approved.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ApprovalSpec {
    /// The plan's digest, as the held change tells it.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{16,64}$")))]
    pub(crate) plan: At<String>,
    /// Until when it holds, such as `2026-12-24T18:00:00Z`.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub(crate) until: At<String>,
    /// Why, for whoever wonders.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub(crate) reason: At<String>,
    /// In which accounts; absent means in every one.
    pub(crate) targets: Option<Targets>,
}

/// What a stack's manifest is called.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Metadata {
    /// The manifest's identity inside the repository. Renaming or moving the file changes nothing; changing this name
    /// asks for another stack.
    #[cfg_attr(feature = "schema", schemars(length(max = 128), regex(pattern = "^[a-zA-Z][-a-zA-Z0-9]*$")))]
    pub(crate) name: At<String>,
    /// Labels of the manifest, for people and tools.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Scalar>"))]
    pub(crate) labels: Texts,
}

/// What a file about accounts is called.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FileMetadata {
    /// For people only.
    #[serde(rename = "name")]
    pub(crate) _name: Option<String>,
    /// For people and tools.
    #[serde(default, rename = "labels")]
    pub(crate) _labels: BTreeMap<String, String>,
}

/// What is asked for.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct StackSpec {
    /// What CloudFormation calls the stack; `metadata.name` unless said otherwise.
    #[cfg_attr(feature = "schema", schemars(length(max = 128), regex(pattern = "^[a-zA-Z][-a-zA-Z0-9]*$")))]
    pub(crate) stack_name: Option<At<String>>,
    /// The CloudFormation template.
    pub(crate) template: Template,
    /// Which accounts the stack is for; absent means every account.
    pub(crate) targets: Option<Targets>,
    /// Which regions it is for; absent means the region that the account's agent is at home in.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(regex(pattern = "^[a-z]+(-[a-z]+)+-[0-9]+$"))))]
    pub(crate) regions: Option<At<Vec<At<String>>>>,
    /// The template's parameters, by key: a literal (a list is joined with commas), `{label: …}`, `{output: …}` or
    /// `{ssm: …}`. Secrets belong in Secrets Manager or Parameter Store, as dynamic references in the template.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = 200)))]
    pub(crate) parameters: BTreeMap<At<String>, At<Parameter>>,
    /// Folders and files of the repository that the template is given: packed into a zip, put into the account's artifact
    /// bucket under the digest of its content, and named to the template by two of its parameters.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("maxItems" = 20)))]
    pub(crate) artifacts: Vec<At<Artifact>>,
    /// The stack's tags; CloudFormation hands them on to the stack's resources. `aws:` and `holdfast:` are reserved.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Scalar>", extend("maxProperties" = 50)))]
    pub(crate) tags: Texts,
    /// What the template may do beyond the ordinary. Never implied.
    #[serde(default)]
    pub(crate) capabilities: Vec<At<Capability>>,
    /// The service role that CloudFormation acts as.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^arn:\\S+$")))]
    pub(crate) role_arn: Option<At<String>>,
    /// Names of manifests whose stacks must be in place first. A reference to an output implies it.
    #[serde(default)]
    pub(crate) depends_on: Vec<At<String>>,
    /// Whether the stack may go when its manifest leaves the repository.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = false)))]
    pub(crate) prune: bool,
    /// What becomes of the stack when it goes: `orphan` leaves it standing and lets go of it, `delete` deletes it.
    #[serde(default)]
    pub(crate) deletion_policy: DeletionPolicy,
    /// Takes over a stack of that name which somebody else made, if that changes nothing but tags, and if the account's
    /// guardrails let it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = false)))]
    pub(crate) adopt: bool,
    /// Takes resources into the stack that exist already under the names which the template gives them, instead of
    /// failing because of them, if the account's guardrails let things be taken over. Such a resource needs a name that is
    /// written out and `DeletionPolicy: Retain` or `RetainExceptOnCreate`, and may be in no other stack.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = false)))]
    pub(crate) import_existing: bool,
    /// How much one change may destroy without naming it. Can only tighten the account's own limits.
    pub(crate) limits: Option<Limits>,
    /// The destruction that this commit spells out, resource by resource. An entry is used up by the change that it let
    /// through; for another one it needs another `reason`.
    #[serde(default)]
    pub(crate) allow: Vec<At<Allowed>>,
    /// CloudFormation's rollback triggers.
    pub(crate) rollback: Option<Rollback>,
    /// What may be given up to get the stack going again when CloudFormation leaves it half done.
    pub(crate) recovery: Option<Recovery>,
    /// What has to be so for the stack to be well. All of it is asked after every change and on every turn; a change after
    /// which it is not so within a while is taken back, once.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("maxItems" = 10)))]
    pub(crate) checks: Vec<At<Check>>,
    /// Names of controls that the stack provides, such as `CIS-3.1`.
    #[serde(default)]
    pub(crate) provides: Vec<At<String>>,
    /// How long one change may take before it is called late, such as `90s`, `30m` or `2h`. Default `60m`, at least `1m`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]+[smhd]$")))]
    pub(crate) timeout: Option<At<String>>,
    /// Leaves the stack as it is, whatever the repository says.
    pub(crate) suspend: Option<Suspend>,
    /// What is done about changes that somebody makes behind CloudFormation's back.
    pub(crate) drift: Option<Drift>,
}

/// The CloudFormation template.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Template {
    /// Its path, YAML or JSON, relative to the manifest's own folder; at most 1,000,000 bytes.
    pub(crate) path: At<String>,
}

/// Which accounts a stack is for. Everything said must hold.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Targets {
    /// Only these accounts.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(regex(pattern = "^[0-9]{12}$"))))]
    pub(crate) accounts: Option<At<Vec<At<String>>>>,
    /// Only accounts that carry all of these labels.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Scalar>"))]
    pub(crate) labels: Option<At<Texts>>,
    /// Not these.
    pub(crate) exclude: Option<Exclude>,
}

/// Which accounts a stack is not for. Either is enough.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Exclude {
    /// Not these accounts.
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = "^[0-9]{12}$"))))]
    pub(crate) accounts: Vec<At<String>>,
    /// Not accounts that carry all of these labels.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Scalar>"))]
    pub(crate) labels: Texts,
}

/// How much one change may destroy without naming it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// How many resources one change may remove.
    pub(crate) removals: Option<u32>,
    /// How many resources one change may replace.
    pub(crate) replacements: Option<u32>,
}

/// One resource that this commit may destroy: exactly one of `remove` and `replace`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minProperties" = 1, "maxProperties" = 2)))]
#[serde(deny_unknown_fields)]
pub(crate) struct Allowed {
    /// The logical id of a resource that may be removed; in a nested stack, `Child/Table`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9]{1,255}(/[a-zA-Z0-9]{1,255})*$")))]
    pub(crate) remove: Option<At<String>>,
    /// The logical id of a resource that may be replaced; in a nested stack, `Child/Table`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9]{1,255}(/[a-zA-Z0-9]{1,255})*$")))]
    pub(crate) replace: Option<At<String>>,
    /// Why, for whoever wonders. Another reason is another entry.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub(crate) reason: Option<At<String>>,
}

/// CloudFormation's rollback triggers.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    /// ARNs of the alarms that undo the change when they fire; at most five.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 5), inner(regex(pattern = "^arn:\\S+$"))))]
    pub(crate) alarms: Vec<At<String>>,
    /// How long they are watched after the change, in whole minutes, such as `10m`; at most `3h`. Default: only during
    /// the change.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]+[smhd]$")))]
    pub(crate) monitor: Option<At<String>>,
}

/// What may be given up to get the stack going again. Nothing of it is used before it was tried without.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Recovery {
    /// Logical ids of resources that may be left out when the rollback of an update can't be finished
    /// (UPDATE_ROLLBACK_FAILED). CloudFormation then takes them for rolled back, whatever they really are.
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = "^[a-zA-Z0-9]{1,255}$"))))]
    pub(crate) skip: Vec<At<String>>,
    /// Logical ids of resources that may be left standing, as nobody's, when the stack can't be deleted (DELETE_FAILED).
    /// 256 characters at most in all, because they are kept in a tag of a stack that may go with its manifest.
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = "^[a-zA-Z0-9]{1,255}$"))))]
    pub(crate) retain: Vec<At<String>>,
}

/// Why the stack is left as it is.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Suspend {
    /// The reason, for whoever wonders.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub(crate) reason: At<String>,
}

/// Who there is.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct FleetSpec {
    /// The accounts; more may stand in files of `kind: Accounts`.
    #[serde(default)]
    pub(crate) accounts: Vec<Account>,
    /// The version that their agents are to have.
    pub(crate) agent: Option<Release>,

    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) rings: Option<At<IgnoredAny>>,
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) windows: Option<At<IgnoredAny>>,
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) pins: Option<At<IgnoredAny>>,
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) quarantine: Option<At<IgnoredAny>>,
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) brake: Option<At<IgnoredAny>>,
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) trust: Option<At<IgnoredAny>>,
}

/// Some of the fleet's accounts.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountsSpec {
    /// The accounts.
    pub(crate) accounts: Vec<Account>,
}

/// One AWS account.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// Its twelve digits, in quotes.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]{12}$")))]
    pub(crate) id: At<String>,
    /// What people call it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 128)))]
    pub(crate) name: Option<At<String>>,
    /// What targets and `{label: …}` parameters look at.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Scalar>"))]
    pub(crate) labels: Texts,
}
