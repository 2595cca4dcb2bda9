//! Offered → Accepted: the one door, and only the far side is ever remembered.

use crate::git::{Descent, Offered};
use manifests::id::CommitId;

/// A commit that the account acts on. There is no other way to one than [`accept`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted(CommitId);

impl Accepted {
    /// Which.
    pub fn commit(&self) -> &CommitId {
        &self.0
    }
}

/// A commit that was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("commit {} is refused: {why}", .commit.short())]
pub struct Refused {
    /// Which.
    pub commit: CommitId,
    /// Why, and what ends it.
    pub why: String,
}

/// Only a descendant of the last accepted commit is accepted: a branch that was rewritten or set back is not followed.
///
/// # Errors
/// When it is not one, or can't be proved to be.
pub fn accept(offered: Offered, last: Option<&CommitId>) -> Result<Accepted, Refused> {
    let Offered { commit, descent } = offered;
    let last = last.map_or("the last accepted commit", CommitId::short);
    let why = match descent {
        Descent::First | Descent::Same | Descent::Forward => return Ok(Accepted(commit)),
        Descent::Rewound => format!(
            "it does not descend from {last}, so the branch was rewritten or set back; ends with a commit on top of {last}"
        ),
        Descent::NotProven { why } => {
            format!("that it descends from {last} could not be proved ({why}); ends when it can")
        }
    };
    Err(Refused { commit, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(descent: Descent, expect: &str) {
        let commit: CommitId = "b".repeat(40).parse().unwrap();
        let last: CommitId = "a".repeat(40).parse().unwrap();
        let answer = accept(Offered { commit: commit.clone(), descent }, Some(&last));
        let text = answer.map_or_else(|refused| refused.to_string(), |accepted| accepted.commit().to_string());
        assert!(text.contains(expect), "{text}");
    }

    #[test]
    fn a_descendant_is_accepted() {
        check(Descent::First, &"b".repeat(40));
        check(Descent::Same, &"b".repeat(40));
        check(Descent::Forward, &"b".repeat(40));
    }

    #[test]
    fn anything_else_is_refused_in_a_sentence_that_says_what_ends_it() {
        check(Descent::Rewound, "ends with a commit on top of aaaaaaa");
        check(Descent::NotProven { why: "the history is too long".into() }, "the history is too long");
    }
}
