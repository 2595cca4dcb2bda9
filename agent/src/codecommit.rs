//! AWS CodeCommit over https, without a secret of its own: what git sends as a password is a request signed with the AWS
//! credentials that the agent has anyway, good for some minutes.
//!
//! The form is the one of AWS's own `git-remote-codecommit`: Signature Version 4 of a request `GIT <path>` with no header but
//! the host. Not here: repositories of other hosts ([`crate::shipped`] chooses).

use crate::git::credentials::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use jiff::Timestamp;
use manifests::id::{Digest, Region};
use std::time::SystemTime;

/// A repository of CodeCommit, as its URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    host: String,
    path: String,
    region: Region,
}

/// The AWS credentials of a moment.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) session: Option<&'a str>,
}

impl Place {
    /// The repository at this URL, if CodeCommit has it: `https://git-codecommit.<region>.amazonaws.com/v1/repos/<name>`.
    pub(crate) fn of(url: &str) -> Option<Self> {
        let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
        let rest = host.strip_prefix("git-codecommit.").or_else(|| host.strip_prefix("git-codecommit-fips."))?;
        let (region, domain) = rest.split_once('.')?;
        let known = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu"].contains(&domain);
        let region = region.parse().ok().filter(|_| known)?;
        Some(Self { host: host.to_owned(), path: format!("/{path}"), region })
    }

    /// What git shows it at this moment.
    pub(crate) fn credentials(&self, key: Key<'_>, now: Timestamp) -> Credentials {
        let Self { host, path, region } = self;
        let at = now.strftime("%Y%m%dT%H%M%S").to_string();
        let day = at.get(..8).unwrap_or_default();
        let request = format!("GIT\n{path}\n\nhost:{host}\n\nhost\n");
        let scope = format!("{day}/{region}/codecommit/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", Digest::of(request.as_bytes()));
        let signing = generate_signing_key(key.secret, SystemTime::from(now), region.as_str(), "codecommit");
        let signature = calculate_signature(signing, text.as_bytes());
        let user = key.session.map_or_else(|| key.id.to_owned(), |session| format!("{}%{session}", key.id));
        Credentials::Basic { user, password: format!("{at}Z{signature}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/fleet";

    #[test]
    fn the_signature_is_the_one_that_another_implementation_makes() {
        // Made with Python's hmac and hashlib from the published form.
        let password = "20261126T120000Za70e0610e4ca7ea674a6da212ea2f5ff0b230ac1c17f8ee6993487a15210c1eb";
        let key = Key { id: "AKIDEXAMPLE", secret: "secret", session: Some("token") };
        let now = "2026-11-26T12:00:00Z".parse().unwrap();
        let expect = Credentials::Basic { user: "AKIDEXAMPLE%token".into(), password: password.into() };
        assert_eq!(Place::of(URL).unwrap().credentials(key, now), expect);
    }

    #[test]
    fn only_codecommit_s_own_hosts_are_shown_it() {
        for url in [
            "https://git-codecommit.eu-central-1.amazonaws.com.evil.example/v1/repos/fleet",
            "https://git-codecommit.eu-central-1.evil.example/v1/repos/fleet",
            "http://git-codecommit.eu-central-1.amazonaws.com/v1/repos/fleet",
            "https://evil.example/git-codecommit.eu-central-1.amazonaws.com/v1/repos/fleet",
            "https://git@git-codecommit.eu-central-1.amazonaws.com/v1/repos/fleet",
        ] {
            assert_eq!(Place::of(url), None, "{url}");
        }
        assert_eq!(Place::of(URL).map(|place| place.region.to_string()).as_deref(), Some("eu-central-1"));
    }
}
