//! Documents about trust as people write them. The JSON schema is made from these types, and their comments are what an
//! editor shows.

use crate::{
    typed::At,
    written::{ApiVersion, FileMetadata},
};
use serde::Deserialize;

/// The word that `kind` has in one of them.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub(crate) enum TrustKind {
    Trust,
}

/// The word that `kind` has in the other.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub(crate) enum PathApprovalKind {
    PathApproval,
}

/// Who may sign from the next commit on. Holds once enough of those who may sign now have signed this file.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Trust"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TrustManifest {
    /// Always `holdfast/v1`.
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: ApiVersion,
    /// Always `Trust`.
    #[serde(rename = "kind")]
    pub(crate) _kind: TrustKind,
    /// What the document is called; for people only.
    #[serde(rename = "metadata")]
    pub(crate) _metadata: Option<FileMetadata>,
    /// Who may sign, and how many it takes.
    pub(crate) spec: TrustSpec,
}

/// Who may sign, and how many it takes.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TrustSpec {
    /// One more than the version before it; the first is 1. Earlier versions stay in the repository.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub(crate) version: At<u32>,
    /// The installation that it is for, as its agents' `--owner` says; absent is any whose list of signers vouches for it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 128)))]
    pub(crate) owner: Option<At<String>>,
    /// How many of these signers it takes to change who may sign.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub(crate) threshold: At<u32>,
    /// Who may sign, each as a line of OpenSSH's allowed signers: `alice@example.org ssh-ed25519 AAAA…`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub(crate) signers: Vec<At<String>>,
    /// What takes the approval of more than one of them.
    #[serde(default)]
    pub(crate) paths: Vec<PathRule>,
}

/// What takes the approval of more than one.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PathRule {
    /// Files, from the repository's root: `stacks/identity/**` is everything below a folder, a `*` anything in one name.
    pub(crate) paths: At<String>,
    /// How many of the signers have to approve what stands there.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub(crate) approvals: At<u32>,
}

/// Approval of what stands under some paths, by those who signed this file.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PathApproval"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PathApprovalManifest {
    /// Always `holdfast/v1`.
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: ApiVersion,
    /// Always `PathApproval`.
    #[serde(rename = "kind")]
    pub(crate) _kind: PathApprovalKind,
    /// What the document is called; for people only.
    #[serde(rename = "metadata")]
    pub(crate) _metadata: Option<FileMetadata>,
    /// What is approved.
    pub(crate) spec: PathApprovalSpec,
}

/// What is approved.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PathApprovalSpec {
    /// The paths, as the rule has them.
    pub(crate) paths: At<String>,
    /// The installation that it is for, as its agents' `--owner` says; absent is any whose signers vouch for it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 128)))]
    pub(crate) owner: Option<At<String>>,
    /// More than the version before it, so that what was approved long ago can't be brought back.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub(crate) version: At<u32>,
    /// SHA-256 of what `sha256sum` prints of these files, sorted by path. `holdfast trust approve` writes it.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub(crate) content: At<String>,
}
