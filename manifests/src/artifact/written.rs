//! `artifacts` of a Stack as people write them.

use crate::typed::At;
use serde::Deserialize;

/// A folder or file that the template is given.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Artifact {
    /// The folder or file, relative to the manifest's own folder. A folder's content stands at the root of the zip; a file
    /// that is a `.zip` already is taken as it is.
    pub(crate) path: At<String>,
    /// Which of the template's parameters say where it is.
    pub(crate) parameters: ArtifactParameters,
}

/// The template's parameters that say where an artifact is.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ArtifactParameters {
    /// The parameter that is given the bucket's name.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9]+$")))]
    pub(crate) bucket: At<String>,
    /// The parameter that is given the object's key.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9]+$")))]
    pub(crate) key: At<String>,
}
