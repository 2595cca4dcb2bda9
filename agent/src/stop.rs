//! Why a turn ended early, and why the repository's head is not what it works towards.

use crate::{
    accept::Refused,
    cloud::CloudError,
    git::error::{Fault, FetchError},
    reading::ReadingError,
    store::StoreError,
};
use jiff::Timestamp;
use manifests::id::AccountId;

/// Why a turn ended before it could look at anything.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Whose account it is could not be told.
    #[error("could not tell which account this is")]
    Identity(#[source] CloudError),
    /// It is not the account that the agent was configured for.
    #[error("these are credentials of account {found}, and the agent is configured for {configured}")]
    WrongAccount {
        /// Configured.
        configured: AccountId,
        /// Found.
        found: AccountId,
    },
    /// Memory could not be read or written.
    #[error(transparent)]
    Memory(#[from] StoreError),
    /// Another agent is at work in this account.
    #[error(
        "another agent is at work in this account ({by}), so nothing was changed; ends when it is done, at {until:.0} at the latest"
    )]
    Fenced {
        /// Which.
        by: String,
        /// When its time is over, if it does not go on.
        until: Timestamp,
    },
    /// What a person wants put back could not be looked at.
    #[error("`{stack}` could not be looked at, so nothing was put back: {why}")]
    Unlooked {
        /// Which stack, with its region.
        stack: String,
        /// Why.
        why: String,
    },
    /// The plan was not sound: a bug, and nothing was changed.
    #[error("the plan is not sound, so nothing was changed: {0}")]
    Unsound(String),
}

/// The account that these credentials are of, if it is the one that was configured.
pub(crate) fn meant(configured: Option<&AccountId>, found: AccountId) -> Result<AccountId, Stopped> {
    match configured {
        Some(configured) if *configured != found => {
            Err(Stopped::WrongAccount { configured: configured.clone(), found })
        }
        Some(_) | None => Ok(found),
    }
}

/// Why the repository's head is not what this turn works towards.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The remote could not be read.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The head was refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The commit could not be read.
    #[error(transparent)]
    Reading(#[from] ReadingError),
}

impl Trouble {
    /// Whether the remote wants other credentials.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self, Self::Fetch(error) if error.kind == Fault::Unauthorized)
    }
}
