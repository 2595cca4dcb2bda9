//! `checks` of a Stack as people write them.

use crate::typed::At;
use serde::Deserialize;

/// One thing that has to be so: exactly one of `http`, `output`, `ssm` and `alarm`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Check", extend("minProperties" = 1, "maxProperties" = 3)))]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    /// What it is called where it is told; what it asks unless said.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
    pub(crate) name: Option<At<String>>,
    /// How long after a change it may not be so yet, such as `90s` or `10m`; at most `6h`. Default `5m`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]+[smhd]$")))]
    pub(crate) within: Option<At<String>>,
    /// What an address answers.
    pub(crate) http: Option<Http>,
    /// What an output of the stack says.
    pub(crate) output: Option<Output>,
    /// What an SSM parameter of the account says, in the stack's region.
    pub(crate) ssm: Option<Ssm>,
    /// That a CloudWatch alarm of the account is OK.
    pub(crate) alarm: Option<Alarm>,
}

/// What an address answers to a GET. Redirects are not followed. Loopback and private addresses are asked only where the
/// account's guardrails say `may: {privateChecks: true}`, link-local ones never.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    /// The address, `https://…` or `http://…`, without user, password or fragment.
    #[cfg_attr(feature = "schema", schemars(length(max = 2048), regex(pattern = "^https?://[^\\s@#]+$")))]
    pub(crate) url: At<String>,
    /// The status that it has to answer. Default `200`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<u16>", extend("default" = 200, "minimum" = 100, "maximum" = 599)))]
    pub(crate) status: Option<At<u32>>,
    /// A text that has to stand in the first 64 KiB of the answer.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1024)))]
    pub(crate) contains: Option<At<String>>,
}

/// What an output says: exactly one of `equals` and `matches`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CheckedOutput"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    /// The output's key.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-zA-Z0-9]{1,255}$")))]
    pub(crate) key: At<String>,
    /// Just this.
    pub(crate) equals: Option<At<String>>,
    /// This, with a `*` for anything.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1024)))]
    pub(crate) matches: Option<At<String>>,
}

/// What an SSM parameter says.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CheckedParameter"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Ssm {
    /// The parameter's name. A `SecureString` is never read.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1011), regex(pattern = "^[a-zA-Z0-9_./-]+$")))]
    pub(crate) name: At<String>,
    /// Just this.
    pub(crate) equals: At<String>,
}

/// Which alarm, a metric's or a composite one: exactly one of `name` and `arn`. One that has no data is not OK.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Alarm {
    /// Its name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub(crate) name: Option<At<String>>,
    /// Its ARN; it has to be of the account itself.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^arn:\\S+:alarm:.+$")))]
    pub(crate) arn: Option<At<String>>,
    /// The region that the name is of; the stack's own unless said.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]+(-[a-z]+)+-[0-9]+$")))]
    pub(crate) region: Option<At<String>>,
}
