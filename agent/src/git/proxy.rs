//! The proxy between here and the repository, if the environment names one: `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY`, and
//! `NO_PROXY` against them, in capitals or small.
//!
//! reqwest finds its way through it by itself. Here is only which one that is, by the same rules: an error names it, and
//! what proves to it who is asking is kept out of sight.

use super::credentials::is_loopback;
use hyper_util::client::proxy::matcher::Matcher;

/// Why a proxy is in use, for those who did not know.
pub(super) const WHY: &str =
    "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY in the agent's environment say when a proxy is used";

/// A proxy.
pub(super) struct Proxy {
    /// Without user and password.
    address: String,
    host: String,
    secrets: Vec<String>,
}

impl Proxy {
    /// The one that a URL is reached through.
    pub(super) fn between(url: &gix::Url) -> Option<Self> {
        let uri = url.to_bstring().to_string().parse().ok()?;
        let found = Matcher::from_system().intercept(&uri)?;
        let host = found.uri().host().unwrap_or_default().to_owned();
        let port = found.uri().port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let address = format!("{}://{host}{port}", found.uri().scheme_str().unwrap_or("http"));
        let sent = found.basic_auth().and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
        let mut secrets: Vec<String> = sent.iter().map(|&text| text.to_owned()).collect();
        let known = sent.and_then(|text| String::from_utf8(aws_smithy_types::base64::decode(text).ok()?).ok());
        secrets.extend(known.and_then(|text| Some(text.split_once(':')?.1.to_owned())).filter(|text| !text.is_empty()));
        Some(Self { address, host, secrets })
    }

    /// How it is mentioned behind what is reached through it.
    pub(super) fn via(&self) -> String {
        format!(" through the proxy {}", self.address)
    }

    /// Whether it is on this machine.
    pub(super) fn is_here(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Replaces its secret wherever a foreign text repeats it.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "****"))
    }
}
