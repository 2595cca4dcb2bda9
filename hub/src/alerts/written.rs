//! Whom to tell, as people write it: the shape of the file. What it means is [`super::routes`]'s to say.

use manifests::document::At;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The file's `spec`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Spec {
    /// What links begin with.
    pub(super) link: At<String>,
    /// How long something must be so, or over, before anybody is told.
    pub(super) settle: Option<At<String>>,
    /// How long an account that is expected may take before it speaks for the first time.
    pub(super) not_ready_after: Option<At<String>>,
    /// From how many accounts on that say the same it is one message.
    pub(super) fold_at: Option<At<u32>>,
    pub(super) routes: Vec<Route>,
}

/// Whom to tell, and of what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Route {
    pub(super) name: At<String>,
    pub(super) to: At<To>,
    pub(super) severity: Option<Least>,
    pub(super) rings: Option<Vec<At<String>>>,
    pub(super) labels: Option<BTreeMap<At<String>, At<String>>>,
    pub(super) fold_at: Option<At<u32>>,
    /// At which time each day, in UTC.
    pub(super) digest: Option<At<String>>,
    /// `false`: nothing but the digest.
    pub(super) changes: Option<At<bool>>,
}

/// At least so loud.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Least {
    Warning,
    Error,
}

/// Where to; one of these.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct To {
    pub(super) slack: Option<At<Slack>>,
    pub(super) webhook: Option<At<Webhook>>,
    pub(super) sns: Option<At<Sns>>,
    pub(super) security_hub: Option<At<SecurityHub>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Slack {
    pub(super) url_file: Option<At<String>>,
    pub(super) url_env: Option<At<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Webhook {
    pub(super) url: Option<At<String>>,
    pub(super) url_file: Option<At<String>>,
    pub(super) url_env: Option<At<String>>,
    pub(super) secret_file: Option<At<String>>,
    pub(super) secret_env: Option<At<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecurityHub {
    pub(super) product: At<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sns {
    pub(super) topic: At<String>,
}
