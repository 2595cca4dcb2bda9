//! `agent` of a Fleet as people write it.

use crate::{typed::At, written::Targets};
use serde::Deserialize;

/// The version that the fleet's agents are to have. It takes effect where a machine or function has Holdfast's updater; all
/// other agents stay as whoever installed them made them.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    /// Which, such as `1.4.0`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?$")))]
    pub(crate) version: At<String>,
    /// The program, for agents on machines.
    pub(crate) program: Option<Machines>,
    /// The zip, for agents that are Lambda functions.
    pub(crate) function: Option<Machines>,
    /// Lets the version be older than what an account has.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = false)))]
    pub(crate) downgrade: bool,
    /// Who goes there, in which order; an account is in the first ring that it fits into, and one that fits into none stays as
    /// it is. Default: one of a hundred at once, ten after `4h`, everyone after `1d`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub(crate) rings: Option<At<Vec<Ring>>>,
}

/// One for each kind of machine.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minProperties" = 1)))]
#[serde(deny_unknown_fields)]
pub(crate) struct Machines {
    /// For x86_64.
    pub(crate) x86_64: Option<Download>,
    /// For aarch64, which AWS calls arm64.
    pub(crate) aarch64: Option<Download>,
}

pub(crate) const NONE: Machines = Machines { x86_64: None, aarch64: None };

/// Where a release is, and what it is known by.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Download {
    /// `https://…`, or `s3://bucket/key`; `{account}` and `{region}` may stand in it. Whoever updates the
    /// agent fetches it, and verifies it before anybody runs it.
    #[cfg_attr(feature = "schema", schemars(length(max = 2048), regex(pattern = "^(https|s3)://[^\\s@#]+$")))]
    pub(crate) from: At<String>,
    /// SHA-256 of its bytes, as `sha256sum` prints it.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub(crate) sha256: At<String>,
}

/// Some of the accounts, and how long they wait. Everything said must hold.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Ring {
    /// What it is called.
    #[cfg_attr(feature = "schema", schemars(length(max = 128), regex(pattern = "^[a-zA-Z][-a-zA-Z0-9]*$")))]
    pub(crate) name: At<String>,
    /// Who is in it; absent means every account.
    pub(crate) targets: Option<Targets>,
    /// How many of a hundred of them. Default: all.
    #[cfg_attr(feature = "schema", schemars(with = "Option<u32>", range(min = 1, max = 100), extend("default" = 100)))]
    pub(crate) percent: Option<At<u32>>,
    /// How long after an account has accepted the commit, such as `30m`, `4h` or `2d`. Default: at once. No ring comes before
    /// the one above it.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]+[smhd]$")))]
    pub(crate) after: Option<At<String>>,
}
