//! Whose turn it is to change an account: one agent at a time, fenced by the version number of one small document.
//!
//! The document says who is at work and until when. Whoever wants to work writes it, and may if the version that comes
//! back is the one after the version that was read; otherwise somebody else wrote in between, and has it. An agent that
//! died without letting go is waited for until its time is over, unless it is seen to be dead from here.
//!
//! Not here: the document itself, which machine this is, and who is alive (the shell's business).

use alloc::{
    format,
    string::{String, ToString},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a lease is taken for; whoever works longer renews it.
pub const TERM: SignedDuration = SignedDuration::from_mins(5);
/// How far two machines' clocks may lie apart: AWS refuses requests of a clock that is further off.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Who is at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The machine, container or function instance: two that are alike share one list of processes.
    pub host: String,
    /// The process.
    pub process: u32,
    /// When it began, so that it is told from an earlier process of the same number.
    pub began: Timestamp,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Who wrote it.
    pub holder: Holder,
    /// Until when it works; in the past when it has let go.
    pub until: Timestamp,
    /// The version over which it was written. When the document's own is not the next one, two wrote at once.
    pub over: u64,
}

/// A document as it was found, with its version; version 0 when there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundLease {
    /// What it says; `None` when there is none, or when it can't be understood.
    pub lease: Option<Lease>,
    /// Its version.
    pub version: u64,
}

impl FoundLease {
    /// Who is at work, and until when at most, if that is somebody else. `alive` answers whether a process of the same
    /// host still runs.
    pub fn anothers(&self, me: &Holder, now: Timestamp, alive: impl Fn(u32) -> bool) -> Option<(&Holder, Timestamp)> {
        let lease = self.lease.as_ref()?;
        let Lease { holder, until, over: _ } = lease;
        let over = until.checked_add(SKEW).unwrap_or(*until);
        if *until <= Timestamp::UNIX_EPOCH || over <= now {
            return None;
        }
        // Two wrote at once, and this one came second: it is the other's turn, whose name is gone, for about as long.
        let void = !lease.was_written_over(self.version);
        // The process that had my number before me is dead, and so is one that is no longer in the list.
        let dead = holder.host == me.host && (holder.process == me.process || !alive(holder.process));
        (void || (holder != me && !dead)).then_some((holder, over))
    }

    /// Whether it is the lease of this function, by the part of a host's name in which a function says its own.
    pub fn is_of(&self, holder: &Holder, function: &str) -> bool {
        let said = |holder: &Holder| {
            holder
                .host
                .split('|')
                .next_back()
                .is_some_and(|last| last.strip_prefix(function).is_some_and(|rest| rest.starts_with(' ')))
        };
        self.lease.as_ref().is_some_and(|lease| lease.was_written_over(self.version)) && said(holder)
    }

    /// Whether whoever took it may let it go: nobody else can have taken it since.
    pub fn may_let_go(&self, now: Timestamp) -> bool {
        self.lease.as_ref().is_some_and(|lease| now < lease.until)
    }

    /// What to write to have it for another term.
    pub fn taken(&self, me: &Holder, now: Timestamp) -> Lease {
        let until = now.checked_add(TERM).unwrap_or(Timestamp::MAX);
        Lease { holder: me.clone(), until, over: self.version }
    }

    /// What to write to let it go.
    pub fn let_go(&self, me: &Holder) -> Lease {
        Lease { holder: me.clone(), until: Timestamp::UNIX_EPOCH, over: self.version }
    }

    /// The version under which this document is in force that was written over this one, if nobody else has written since:
    /// `since` is everything that was, oldest first. An answer that was lost is asked for again, and who writes twice has
    /// come before nobody but himself.
    pub fn is_followed_by_none_but(&self, taken: &Lease, since: &[(u64, Option<Lease>)]) -> Option<u64> {
        let in_a_row = since.iter().enumerate().all(|(at, (version, lease))| {
            let next = u64::try_from(at).ok().and_then(|at| self.version.checked_add(at)?.checked_add(1));
            next == Some(*version) && lease.as_ref().is_some_and(|lease| lease.holder == taken.holder)
        });
        let (version, last) = since.last()?;
        (in_a_row && last.as_ref() == Some(taken)).then_some(*version)
    }

    /// Whether a document that was written over this one, and came out with that version, is in force.
    pub fn is_followed_by(&self, version: u64) -> bool {
        version == self.version.wrapping_add(1)
    }
}

impl Lease {
    /// Whether a document that has this version now is the one that was written over the version it names.
    fn was_written_over(&self, version: u64) -> bool {
        version == self.over.wrapping_add(1)
    }
}

impl Holder {
    /// As a person reads it.
    pub fn name(&self) -> String {
        let host = self.host.split('|').next().unwrap_or_default();
        format!("process {} on {}", self.process, if host.is_empty() { "?".to_string() } else { host.to_string() })
    }
}
