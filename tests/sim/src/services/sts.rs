//! STS: who one is, and how to become somebody else ("AWS Security Token Service API Reference").
//!
//! Any role of any account can be assumed, whether it exists or not: trust policies are not evaluated.

use super::{Place, refused};
use crate::fault::Refusal;
use jiff::{SignedDuration, Timestamp};
use manifests::id::AccountId;

/// A role session that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumed {
    /// Whose account the role is in.
    pub account: AccountId,
    /// The role's name, without its path.
    pub role: String,
    /// The session's name.
    pub session: String,
    /// When its credentials end, on paper: an expired token is a fault that a test asks for.
    pub expires: Timestamp,
}

/// Assumes a role.
///
/// # Errors
/// `ValidationError` when the ARN, the session's name or the duration is none.
pub fn assume(at: &Place<'_>, role_arn: &str, session: &str, seconds: Option<i64>) -> Result<Assumed, Refusal> {
    let invalid = |message: String| refused("ValidationError", message);
    let read = || {
        let (account, role) = role_arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
        Some((account.parse().ok()?, role.rsplit('/').next().filter(|name| !name.is_empty())?.to_owned()))
    };
    let (account, role) = read().ok_or_else(|| invalid(format!("{role_arn} is invalid")))?;
    let fits = session.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if !(2..=64).contains(&session.len()) || !fits {
        return Err(invalid(format!(
            "1 validation error detected: Value '{session}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )));
    }
    let seconds = seconds.unwrap_or(3600);
    if !(900..=43_200).contains(&seconds) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200"
        )));
    }
    let expires = at.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    Ok(Assumed { account, role, session: session.to_owned(), expires })
}
