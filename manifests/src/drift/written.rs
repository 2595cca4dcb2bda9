//! `drift` as people write it. The JSON schema is made from these types, and their comments are what an editor shows.

use super::Mode;
use crate::typed::At;
use serde::Deserialize;

/// What is done about changes that somebody makes behind CloudFormation's back.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Drift {
    /// `warn` tells of them, `heal` puts back what was changed, `off` does not look. Default `warn`.
    pub(crate) mode: Option<Mode>,
    /// How often all of the stack is looked at, such as `6h`: from `15m` to `30d`. Default `6h`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]+[smhd]$")))]
    pub(crate) every: Option<At<String>>,
    /// What does not matter, neither to what is told nor to what is put back.
    #[serde(default)]
    pub(crate) ignore: Vec<At<Ignore>>,
}

/// Something that does not matter: of exactly one of `resource` and `type`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "IgnoredDrift"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Ignore {
    /// The resource of this name in the template.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9]{1,255}$")))]
    pub(crate) resource: Option<At<String>>,
    /// All resources of this type; `*` stands for anything.
    #[serde(rename = "type")]
    pub(crate) kind: Option<At<String>>,
    /// Where in their properties, such as `/Tags`, with everything below it; `*` stands for any one part. Default: anywhere.
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = "^(/[^/]+)+$"))))]
    pub(crate) paths: Option<At<Vec<At<String>>>>,
}
