//! What became of what was started: one more look, one step further.
//!
//! Not here: any waiting. The shell looks again when it likes; a turn that ends, or an agent that is killed, leaves the
//! question to the next look.

use crate::{
    asked::Fingerprint,
    facts::{FailedEvent, Found, FoundStack},
    memory::{Failed, Memory, Pending, Started, generation},
    quote::quote,
    stance::Stance,
};
use alloc::{format, string::String, vec::Vec};
use jiff::{SignedDuration, Timestamp};
use manifests::id::StackKey;

/// How long a start may stay invisible: AWS publishes no bound on how stale `DescribeStacks` may be; the CDK found three
/// reads to be enough. After that it is taken for a start that never happened (the agent was killed before it).
pub const UNSEEN: SignedDuration = SignedDuration::from_secs(45);

/// Something that was started and has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Which stack.
    pub key: StackKey,
    /// What was started.
    pub pending: Pending,
    /// How it ended.
    pub end: End,
    /// The ARN of the stack as it is now, if it is there.
    pub stack_id: Option<String>,
}

/// How something ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As asked.
    Done {
        /// The stack as it is now, if it shows no change set by whose name a later look could tell what it is.
        settled: Option<Fingerprint>,
    },
    /// Not as asked; CloudFormation's word and reason, and the stack whose events say more.
    Failed {
        /// The stack's status.
        status: String,
        /// Its reason.
        reason: Option<String>,
        /// The stack's ARN.
        stack_id: Option<String>,
    },
    /// It never began: it is planned again.
    Never,
}

/// What has ended, of all that was started.
pub fn ended(memory: &Memory, found: &Found, now: Timestamp) -> Vec<Ended> {
    let pending = memory.stacks().iter().filter_map(|(key, known)| Some((key, known.pending.as_ref()?)));
    pending
        .filter(|(key, _)| found.regions.contains(&key.region))
        .filter_map(|(key, pending)| {
            let stack = found.stacks.get(key);
            let end = end(pending, stack, now)?;
            let stack_id = stack.map(|stack| stack.id.clone());
            Some(Ended { key: key.clone(), pending: pending.clone(), end, stack_id })
        })
        .collect()
}

/// How it ended; `None` while it goes on.
fn end(pending: &Pending, found: Option<&FoundStack>, now: Timestamp) -> Option<End> {
    let unseen = || (now.duration_since(pending.since) > UNSEEN).then_some(End::Never);
    let untouched = found.map(generation) == pending.generation;
    let removal = matches!(pending.act, Started::Clear | Started::Remove);
    let Some(found) = found.filter(|found| found.stance() != Some(Stance::Absent)) else {
        return if removal { Some(End::Done { settled: None }) } else { unseen() };
    };
    match found.stance()? {
        Stance::Busy => None,
        Stance::Absent | Stance::Shell => unseen(),
        _ if untouched => unseen(),
        Stance::Ready if removal => unseen(),
        // Another's name says that somebody changed it since: then it is not taken for what we asked.
        Stance::Ready => Some(End::Done { settled: found.change_set.is_none().then(|| generation(found)) }),
        Stance::Undone | Stance::Stillborn | Stance::Stuck(_) => {
            Some(End::Failed { status: found.word(), reason: found.reason.clone(), stack_id: Some(found.id.clone()) })
        }
    }
}

/// Why an operation failed, as one sentence: the first failed event that is a cause and not an effect.
pub fn root_cause(status: &str, reason: Option<&str>, events: &[FailedEvent]) -> String {
    // CloudFormation cancels what runs beside the first failure, and sums all of it up on the stack itself.
    let effect = |event: &&FailedEvent| {
        event.reason.contains("cancelled") || event.reason.starts_with("The following resource(s) failed")
    };
    let cause = events.iter().find(|event| !effect(event)).or(events.first());
    match (cause, reason) {
        (Some(event), _) => format!("{status}: {} ({}): {}", event.logical, event.kind, quote(&event.reason)),
        (None, Some(reason)) => format!("{status}: {}", quote(reason)),
        (None, None) => format!("{status}, and CloudFormation says nothing about why"),
    }
}

/// Writes into memory how something ended. `why` is the cause; without one the stack's own words have to do.
pub fn settle(memory: &mut Memory, ended: &Ended, why: Option<String>, now: Timestamp) {
    let Ended { key, pending, end, stack_id } = ended;
    if let (Some(fingerprint), End::Done { settled: Some(generation) }) = (pending.fingerprint, end) {
        memory.settle(key, fingerprint, *generation);
    }
    let goes = matches!(pending.act, Started::Clear | Started::Remove);
    match end {
        End::Done { .. } if goes => memory.disown(key),
        End::Done { .. } => memory.use_up(&pending.allowed),
        End::Failed { .. } | End::Never => {}
    }
    if let (Some(id), false, false) = (stack_id, goes, *end == End::Never) {
        memory.own(key, id);
    }
    memory.change(key, |known| {
        known.pending = None;
        let Some(fingerprint) = pending.fingerprint else { return };
        match end {
            End::Done { .. } => {
                known.held = None;
                // A stack that was cleared away is created again, and that attempt is counted with those before it.
                known.failed = known.failed.take().filter(|_| goes);
            }
            End::Failed { status, reason, stack_id: _ } => {
                let why = why.unwrap_or_else(|| root_cause(status, reason.as_deref(), &[]));
                known.failed = Some(Failed { fingerprint, attempts: pending.attempt, at: now, why, refused: false });
            }
            End::Never => {}
        }
    });
}
