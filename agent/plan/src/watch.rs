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
        /// What CloudFormation says of resources that it could not delete and let go of, and the stack's ARN.
        orphans: Option<(String, String)>,
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

impl End {
    fn done(settled: Option<Fingerprint>) -> Self {
        Self::Done { settled, orphans: None }
    }
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
        return if removal || pending.act == Started::RollBack { Some(End::done(None)) } else { unseen() };
    };
    let failed =
        || Some(End::Failed { status: found.word(), reason: found.reason.clone(), stack_id: Some(found.id.clone()) });
    match (found.stance()?, pending.act) {
        (Stance::Busy, _) => None,
        (Stance::Absent | Stance::Shell, _) => unseen(),
        // A stack that is stuck again may look as it did before; that it was tried counts all the same.
        (Stance::Stuck(_), Started::Clear | Started::Remove | Started::Continue | Started::RollBack) if untouched => {
            unseen().and_then(|_| failed())
        }
        // A rollback that goes on may move nothing but the status.
        (Stance::Undone | Stance::Ready, Started::Continue | Started::RollBack) => Some(End::done(None)),
        _ if untouched => unseen(),
        (Stance::Ready, _) if removal => unseen(),
        // A heal leaves its name on the stack: without one, somebody else has changed it, and nothing of it is ours.
        (Stance::Ready, Started::Heal) if !found.change_set.as_deref().is_some_and(Fingerprint::is_heal) => {
            Some(End::Never)
        }
        // Another's name says that somebody changed it since: then it is not taken for what we asked.
        // After a heal it is named by the heal, and is still what it was.
        (Stance::Ready, act) => Some(End::Done {
            settled: is_unnamed(found, act).then(|| generation(found)),
            orphans: left_behind(found).map(|reason| (reason.clone(), found.id.clone())),
        }),
        (Stance::Undone | Stance::Stillborn | Stance::Stuck(_), _) => failed(),
    }
}

/// Whether a stack on which this was done does not say by its change set's name what it is.
fn is_unnamed(found: &FoundStack, act: Started) -> bool {
    found.change_set.as_deref().is_none_or(|name| act == Started::Heal && Fingerprint::is_heal(name))
}

/// The sentence that stands on a stack whose update went well and whose cleanup did not ("Resource removed from stack but
/// not deleted" in the user guide's troubleshooting).
fn left_behind(found: &FoundStack) -> Option<&String> {
    found.reason.as_ref().filter(|reason| reason.contains("could not be deleted"))
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

/// What was let go of in an update that went well all the same, as the end of a sentence: CloudFormation tries three
/// times to delete what a stack no longer needs, then forgets it.
pub fn orphaned(reason: &str, events: &[FailedEvent]) -> String {
    const SHOWN: usize = 3;
    // One resource has an event for each try.
    let mut names: Vec<String> = Vec::new();
    for event in events {
        let name = format!("{} ({}): {}", event.logical, event.kind, quote(&event.reason));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    let what = if names.is_empty() { quote(reason) } else { names.join("; ") };
    format!("left behind what it could not delete, which no stack knows any more and only a person can remove: {what}")
}

/// Writes into memory how something ended. `why` is the cause; without one the stack's own words have to do.
pub fn settle(memory: &mut Memory, ended: &Ended, why: Option<String>, now: Timestamp) {
    let Ended { key, pending, end, stack_id } = ended;
    let act = pending.act;
    if let (Some(fingerprint), End::Done { settled: Some(generation), .. }) = (pending.fingerprint, end) {
        memory.settle(key, fingerprint, *generation);
    }
    match (act, end) {
        (Started::Create, End::Done { .. }) => memory.bear(key, now),
        (Started::Clear | Started::RollBack | Started::Remove, End::Done { .. }) => memory.bury(key),
        _ => {}
    }
    let goes = matches!(act, Started::Clear | Started::Remove);
    match end {
        End::Done { .. } if goes => memory.disown(key),
        End::Done { .. } => memory.use_up(&pending.allowed),
        End::Failed { .. } | End::Never => {}
    }
    if let (Some(id), false, false) = (stack_id, goes, *end == End::Never) {
        memory.own(key, id);
    }
    let cause = |status: &str, reason: Option<&str>| why.unwrap_or_else(|| root_cause(status, reason, &[]));
    memory.change(key, |known| {
        known.pending = None;
        match (act, end) {
            (Started::Create | Started::Update | Started::Back, End::Done { .. }) => {
                (known.held, known.failed, known.tried) = (None, None, None);
            }
            // What comes of a heal is remembered with the drift that it was for.
            (Started::Heal, End::Done { .. } | End::Failed { .. }) => {}
            // A stack that was cleared away or sent back is asked again, and that attempt is counted with those before it.
            (Started::Continue | Started::RollBack, End::Done { .. }) => known.held = None,
            (Started::Clear | Started::Remove, End::Done { .. }) => (known.held, known.tried) = (None, None),
            (Started::Create | Started::Update | Started::Back, End::Failed { status, reason, stack_id: _ }) => {
                let Some(fingerprint) = pending.fingerprint else { return };
                let why = cause(status, reason.as_deref());
                known.failed = Some(Failed { fingerprint, attempts: pending.attempt, at: now, why, refused: false });
            }
            (
                Started::Clear | Started::Continue | Started::RollBack | Started::Remove,
                End::Failed { status, reason, stack_id: _ },
            ) => {
                if let Some(tried) = &mut known.tried {
                    tried.why = cause(status, reason.as_deref());
                }
            }
            // What never began is no attempt.
            (_, End::Never) => {
                if let Some(tried) = known.tried.as_mut().filter(|tried| tried.act == act) {
                    tried.attempts = tried.attempts.saturating_sub(1);
                }
            }
        }
    });
}
