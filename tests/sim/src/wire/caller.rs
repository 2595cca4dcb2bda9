//! Who calls, and which service in which region, as told by a request's signature (AWS Signature Version 4).
//!
//! The signature itself is **not verified**: a simulated account has no secrets, and any secret key will do. What is
//! read is the credential scope, from the `Authorization` header or, for a presigned request, from the query string.

use super::params::Params;
use crate::{fault::Refusal, services::refused};
use axum::http::HeaderMap;
use manifests::id::{AccountId, Region};

/// The caller of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose account it is.
    pub account: AccountId,
    /// The region that the request was signed for.
    pub region: Region,
    /// The service's signing name (`cloudformation`, `s3`).
    pub service: String,
    /// The access key id.
    pub key: String,
    /// The role session that `AssumeRole` gave these credentials to, as `Role/Session`.
    pub session: Option<String>,
}

impl Caller {
    /// Reads the credential scope.
    ///
    /// # Errors
    /// `MissingAuthenticationToken` when there is none, `IncompleteSignature` when it can't be read.
    pub fn read(headers: &HeaderMap, query: &Params, default: &AccountId) -> Result<Self, Refusal> {
        let missing = || Refusal::new("MissingAuthenticationToken", 403, "Request is missing Authentication Token");
        let header = headers.get("authorization").and_then(|h| h.to_str().ok());
        let credential = header
            .and_then(|h| h.split_once("Credential=").map(|(_, rest)| rest))
            .map(|rest| rest.split([',', ' ']).next().unwrap_or_default())
            .or_else(|| query.get("X-Amz-Credential"))
            .ok_or_else(missing)?;
        let broken = || {
            refused(
                "IncompleteSignature",
                format!(
                    "Credential must have 5 slash-separated elements, e.g. keyid/date/region/service/term, got {credential:?}"
                ),
            )
        };
        let mut parts = credential.split('/');
        let (Some(key), Some(_date), Some(region), Some(service), Some("aws4_request")) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(broken());
        };
        let token = headers.get("x-amz-security-token").and_then(|h| h.to_str().ok());
        Ok(Self {
            account: account_of(key).unwrap_or_else(|| default.clone()),
            region: region.parse().map_err(|_| broken())?,
            service: service.to_owned(),
            key: key.to_owned(),
            session: token.or_else(|| query.get("X-Amz-Security-Token")).and_then(session_of),
        })
    }

    /// The principal's ARN: the account's root, or a role session.
    pub fn arn(&self) -> String {
        let account = &self.account;
        match &self.session {
            Some(session) => format!("arn:aws:sts::{account}:assumed-role/{session}"),
            None => format!("arn:aws:iam::{account}:root"),
        }
    }

    /// The principal's id: the account, or the role's id and the session's name.
    pub fn user_id(&self) -> String {
        let session = self.session.as_deref().and_then(|session| session.split_once('/'));
        session.map_or_else(|| self.account.to_string(), |(_, name)| format!("AROASIMULATED{}:{name}", self.account))
    }
}

/// The account behind an access key id: twelve digits are the account itself, and a key that `AssumeRole` handed out
/// holds them after its `ASIA`.
fn account_of(key: &str) -> Option<AccountId> {
    key.strip_prefix("ASIA").and_then(|rest| rest.get(..12)).unwrap_or(key).parse().ok()
}

/// The access key id of temporary credentials for an account; `number` tells it from others.
pub(crate) fn session_key(account: &AccountId, number: u64) -> String {
    format!("ASIA{account}{:04}", number % 10_000)
}

/// The session token of temporary credentials: it carries the role session, so that nothing is to be remembered.
pub(crate) fn session_token(role: &str, session: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("holdfast-sim:{role}/{session}"))
}

fn session_of(token: &str) -> Option<String> {
    use base64::Engine as _;
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("holdfast-sim:").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::AUTHORIZATION;

    /// Account, service and ARN of the caller, or the code of the refusal.
    fn check(authorization: Option<&str>, query: &str, wanted: Result<[&str; 3], &str>) {
        let mut headers = HeaderMap::new();
        headers.extend(authorization.map(|value| (AUTHORIZATION, value.parse().unwrap())));
        let read = Caller::read(&headers, &Params::parse(query), &"000000000000".parse().unwrap());
        let read = read.map(|caller| [caller.account.to_string(), caller.service.clone(), caller.arn()]);
        assert_eq!(read.map_err(|refusal| refusal.code), wanted.map(|texts| texts.map(str::to_owned)));
    }

    const SCOPE: &str = "20260101/eu-central-1/sqs/aws4_request";

    #[test]
    fn twelve_digits_are_the_account() {
        let header = format!("AWS4-HMAC-SHA256 Credential=111111111111/{SCOPE}, SignedHeaders=host");
        check(Some(&header), "", Ok(["111111111111", "sqs", "arn:aws:iam::111111111111:root"]));
    }

    #[test]
    fn any_other_key_is_the_default_account() {
        let header = format!("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/{SCOPE}");
        check(Some(&header), "", Ok(["000000000000", "sqs", "arn:aws:iam::000000000000:root"]));
    }

    #[test]
    fn temporary_credentials_lead_back_to_their_account_and_session() {
        let key = session_key(&"222222222222".parse().unwrap(), 7);
        let token = session_token("agent", "me").replace('=', "%3D");
        let query = format!("X-Amz-Credential={key}%2F{}&X-Amz-Security-Token={token}", SCOPE.replace('/', "%2F"));
        check(None, &query, Ok(["222222222222", "sqs", "arn:aws:sts::222222222222:assumed-role/agent/me"]));
    }

    #[test]
    fn an_unsigned_request_and_a_broken_scope_are_refused() {
        check(None, "", Err("MissingAuthenticationToken"));
        check(Some("AWS4-HMAC-SHA256 Credential=111111111111/2026"), "", Err("IncompleteSignature"));
    }
}
