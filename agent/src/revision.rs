//! Which commit a person means, and that it is one of the branch: an account never goes where the branch has not been.
//!
//! Not here: whether the branch's head is believed ([`crate::accept`]).

use crate::{
    error::CommandError,
    git::{Descent, Source},
};
use manifests::id::CommitId;

/// The commit that somebody named, by its id or the first seven digits of it or more.
///
/// # Errors
/// When there is none, it is not in the branch's history, or that can't be told.
pub(crate) async fn named<S: Source>(source: &S, branch: &str, text: &str) -> Result<CommitId, CommandError> {
    let commit = match text.parse() {
        Ok(commit) => commit,
        Err(_) if (7..40).contains(&text.len()) => {
            source.offered(None).await?;
            source.named(text).await.map_err(|error| CommandError::Refused(error.to_string()))?
        }
        Err(error) => {
            return Err(CommandError::Usage {
                key: "REV",
                why: format!("{error}, or at least seven of its first digits"),
            });
        }
    };
    let refuse = |why: &str| {
        let short = commit.short();
        Err(CommandError::Refused(format!(
            "{short} {why}; a commit in the history of the branch `{branch}` can be named"
        )))
    };
    match source.offered(Some(&commit)).await?.descent {
        Descent::Same | Descent::Forward => Ok(commit),
        Descent::First | Descent::Rewound => refuse("is not in the branch's history"),
        Descent::NotProven { why } => refuse(&format!("can't be proved to be in the branch's history ({why})")),
    }
}
