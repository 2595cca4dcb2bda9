//! A stack that a person sent back to the form which an earlier commit asked, until a time: the branch goes on, and this
//! stack does not go with it.
//!
//! What the way back destroys is judged like every other change. Not here: going back because a change failed its checks
//! ([`crate::health`]).

use crate::{
    facts::FoundStack,
    health::{Back, back, is_there},
    orders::Rollback,
    plan::Facts,
    step::Stand,
    why::Why,
};
use alloc::{boxed::Box, format};
use core::fmt;
use jiff::Timestamp;
use manifests::{
    id::{CommitId, StackKey},
    report::State,
};

/// That a stack stays at an earlier form, or is on its way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The commit whose form it is.
    pub commit: CommitId,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: alloc::string::String,
    /// Who said so.
    pub by: alloc::string::String,
    /// Why it is not there yet; `None` when it is.
    pub not_yet: Option<Box<Why>>,
}

/// How a stack stands that was sent back; `None` for every other.
pub(crate) fn rolled_back(facts: &Facts<'_>, key: &StackKey, found: Option<&FoundStack>) -> Option<Stand> {
    let order = facts.orders.rollback(key)?;
    let stays = |not_yet: Option<Why>| {
        let Rollback { commit, until, reason, by, .. } = order.clone();
        let not_yet = not_yet.map(Box::new);
        Stand::Not(Why::RolledBack(RolledBack { commit, until, reason, by, not_yet }))
    };
    let Some(found) = found.filter(|found| is_there(found)) else {
        return Some(stays(Some(Why::Closed("there is no stack that could go back".into()))));
    };
    Some(match back(facts, key, &order.commit, (found, None)) {
        Ok(stand) => stand,
        Err(Back::Done(_)) => stays(None),
        Err(Back::Nowhere) => stays(Some(Why::Closed("there is nothing to go back to".into()))),
        Err(Back::Not(_, why)) => stays(Some(*why)),
    })
}

impl RolledBack {
    /// How a stack stands of which this is said.
    pub fn state(&self) -> State {
        match &self.not_yet {
            None => State::Excepted,
            Some(why) => why.state(),
        }
    }
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, until, reason, by, not_yet } = self;
        let (reason, by, commit) = (crate::quote::quote(reason), crate::quote::quote(by), commit.short());
        let ends = format!("ends at {until:.0}, or with `holdfast unpin STACK`");
        match not_yet {
            None => write!(f, "rolled back to its form at {commit}: {reason} ({by}); {ends}"),
            Some(why) => {
                write!(f, "is to go back to its form at {commit} ({reason}, {by}) and is not there: {why}; {ends}")
            }
        }
    }
}
