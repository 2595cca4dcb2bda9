//! What the agent shows to a git server, and how it is kept out of sight.
//!
//! Not here: where credentials come from. A [`Keyring`] is asked anew for every look at the remote, because tokens
//! are rotated.

use super::{
    error::{Fault, FetchError},
    proxy::Proxy,
};
use std::fmt;

/// What proves to a git server who is asking. Never printed: `Debug` shows stars.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// `Authorization: Basic`: a password or an access token with the user name that the host wants for it.
    Basic {
        /// The user name.
        user: String,
        /// The password or token.
        password: String,
    },
    /// `Authorization: Bearer`.
    Bearer(String),
}

/// Where credentials come from, asked once per look at the remote.
pub trait Keyring {
    /// The credentials of this moment. The error is one sentence, and is shown.
    fn credentials(&self) -> impl Future<Output = Result<Credentials, String>>;
}

/// Credentials that never change.
impl Keyring for Credentials {
    async fn credentials(&self) -> Result<Credentials, String> {
        Ok(self.clone())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(****)",
            Self::Bearer(_) => "Bearer(****)",
        })
    }
}

impl Credentials {
    /// Adds the header. reqwest marks it as sensitive, so it prints as such.
    pub(super) fn sign(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self {
            Self::None => request,
            Self::Basic { user, password } => request.basic_auth(user, Some(password)),
            Self::Bearer(token) => request.bearer_auth(token),
        }
    }

    /// Replaces the secret, in each form that travels, wherever a foreign text repeats it.
    pub(super) fn redact(&self, text: &str) -> String {
        let secrets = match self {
            Self::None => Vec::new(),
            Self::Basic { user, password } => {
                vec![aws_smithy_types::base64::encode(format!("{user}:{password}")), password.clone()]
            }
            Self::Bearer(token) => vec![token.clone()],
        };
        let secrets = secrets.iter().filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "****"))
    }

    /// # Errors
    /// When a secret would travel in clear text over a network: over `http`, to a host or a proxy that is not this one.
    pub(super) fn fit_for(&self, url: &gix::Url, proxy: Option<&Proxy>) -> Result<(), FetchError> {
        let here = url.host().is_some_and(is_loopback) && proxy.is_none_or(Proxy::is_here);
        let clear = url.scheme == gix::url::Scheme::Http && !here;
        if *self == Self::None || !clear {
            return Ok(());
        }
        let message = format!(
            "credentials are not sent over plain http to {}{}",
            url.host().unwrap_or("an unnamed host"),
            proxy.map(Proxy::via).unwrap_or_default()
        );
        Err(FetchError::new(Fault::Refused, message).hint("use an https URL"))
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic() -> Credentials {
        Credentials::Basic { user: "u".into(), password: "canary".into() }
    }

    #[test]
    fn a_secret_is_never_printed() {
        for credentials in [basic(), Credentials::Bearer("canary".into())] {
            assert!(!format!("{credentials:?}").contains("canary"));
            assert_eq!(credentials.redact("bad token canary, sorry"), "bad token ****, sorry");
        }
        assert_eq!(basic().redact("Basic dTpjYW5hcnk="), "Basic ****");
        assert_eq!(Credentials::None.redact("kept"), "kept");
    }

    #[test]
    fn a_secret_leaves_the_machine_encrypted_only() {
        let fits =
            |credentials: Credentials, url: &str| credentials.fit_for(&gix::url::parse(url).unwrap(), None).is_ok();
        for url in ["https://git.example/x", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/x"] {
            assert!(fits(basic(), url), "{url}");
        }
        for url in ["http://git.example/x", "http://127.0.0.1.example/x", "http://localhost.example/x"] {
            assert!(!fits(basic(), url), "{url}");
            assert!(fits(Credentials::None, url), "{url}");
        }
    }
}
