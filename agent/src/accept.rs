//! Offered → Proven → Accepted: the one door, and only the far side is ever remembered.
//!
//! Not here: whether its signature is good ([`crate::trust`]).

use crate::{
    git::{Descent, Offered},
    trust::Proven,
};
use manifests::id::CommitId;
use plan::{
    memory::{Seal, Trusted},
    orders::Reset,
};

/// A commit that the account acts on. There is no other way to one than [`accept`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    commit: CommitId,
    seal: Option<Seal>,
    trusted: Option<Trusted>,
}

impl Accepted {
    /// Which.
    pub fn commit(&self) -> &CommitId {
        &self.commit
    }

    /// What its signature is worth; `None` when nobody looked.
    pub fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// What the repository says by now of who may sign.
    pub fn trusted(&self) -> Option<&Trusted> {
        self.trusted.as_ref()
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

/// Only a descendant of the last accepted commit is accepted: a branch that was rewritten or set back is not followed, unless
/// a person let exactly this commit be followed all the same.
///
/// # Errors
/// When it is not one, or can't be proved to be.
pub fn accept(proven: Proven, last: Option<&CommitId>, reset: Option<&Reset>) -> Result<Accepted, Refused> {
    let (Offered { commit, descent }, seal, trusted) = proven.into_parts();
    let last = last.map_or("the last accepted commit", CommitId::short);
    let let_be = reset.is_some_and(|reset| reset.commit == commit);
    let why = match descent {
        Descent::First | Descent::Same | Descent::Forward => return Ok(Accepted { commit, seal, trusted }),
        Descent::Rewound | Descent::NotProven { .. } if let_be => return Ok(Accepted { commit, seal, trusted }),
        Descent::Rewound => format!(
            "it does not descend from {last}, so the branch was rewritten or set back; ends with a commit on top of {last}, or \
             with `holdfast trust reset` of whoever means it"
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
        let text = answer(descent, &commit, &last, None);
        assert!(text.contains(expect), "{text}");
    }

    fn answer(descent: Descent, commit: &CommitId, last: &CommitId, reset: Option<&Reset>) -> String {
        let proven = Proven::unasked(Offered { commit: commit.clone(), descent });
        let answer = accept(proven, Some(last), reset);
        answer.map_or_else(|refused| refused.to_string(), |accepted| accepted.commit().to_string())
    }

    #[test]
    fn what_a_person_let_be_followed_is_and_nothing_else() {
        let (commit, last) = (id("b"), id("a"));
        let (until, reason, by) = (jiff::Timestamp::MAX, "moved".to_owned(), "alice".to_owned());
        let reset = |commit| Reset { commit, until, reason: reason.clone(), by: by.clone() };
        assert_eq!(answer(Descent::Rewound, &commit, &last, Some(&reset(id("b")))), "b".repeat(40));
        assert!(answer(Descent::Rewound, &commit, &last, Some(&reset(id("c")))).contains("does not descend"));
    }

    fn id(letter: &str) -> CommitId {
        letter.repeat(40).parse().unwrap()
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
