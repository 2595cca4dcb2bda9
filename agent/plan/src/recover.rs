//! The ways out of the statuses in which CloudFormation leaves a stack half done: what is tried, how often, and when it
//! becomes a person's.
//!
//! Everything is tried plainly first. What gives something up (a resource that a rollback skips, one that a deletion
//! leaves standing) is done only with the names that a manifest lists, and once for each list. Attempts are counted for
//! one stack (by ARN) and one request: another commit begins anew, another try does not. They are not counted for one
//! generation of the stack, because nobody documents whether a continued rollback moves its time.
//!
//! Not here: what is deleted by force. Nothing is.

use crate::{
    asked::Fingerprint,
    facts::{FoundStack, Status},
    memory::{Known, Started, Tried},
    plan::{Facts, rest},
    quote::quote,
    resolve::RETAIN,
    stance::WayOut,
    step::{Action, Stand, Step},
    why::Why,
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use jiff::Timestamp;
use manifests::{
    id::{LogicalId, StackKey},
    stack::Recovery,
};

/// How often a rollback that stopped is continued as it is. It renews the credentials and waits again for what was slow,
/// so it may help when nothing was mended.
pub const CONTINUES: u32 = 3;
/// How often a failed stack whose rollback was switched off is sent back.
pub const ROLLBACKS: u32 = 2;
/// How often a stack that came up and was there no more the next time is made again within a day. Somebody, or something,
/// takes it away, and a stack that comes and goes is worse than none.
pub const FLAPS: usize = 3;
/// How often a stack is deleted as it is.
pub const DELETIONS: u32 = 2;

/// A stack in a status that it does not leave by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stuck<'a> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) key: &'a StackKey,
    pub(crate) found: &'a FoundStack,
    pub(crate) way_out: WayOut,
    /// What is asked of it; `None` when nobody wants it any more.
    pub(crate) asked: Option<Fingerprint>,
}

/// What may be done now.
enum Next {
    Plainly,
    /// With what the manifest lets be given up.
    GivingUp,
    Later(Timestamp),
    Person,
}

/// What attempts are counted for: this stack and this request.
pub(crate) fn case(asked: Option<Fingerprint>, stack_id: &str) -> Fingerprint {
    Fingerprint::of(format!("{asked:?}|{stack_id}").as_bytes())
}

/// What a list of names is remembered by; `None` for an empty one.
pub(crate) fn list(names: &BTreeSet<LogicalId>) -> Option<Fingerprint> {
    let names: Vec<&str> = names.iter().map(LogicalId::as_str).collect();
    (!names.is_empty()).then(|| Fingerprint::of(names.join(" ").as_bytes()))
}

/// The resources that a stack may leave standing when its manifest is gone: its last manifest listed them, in a tag.
pub(crate) fn retained(found: &FoundStack) -> BTreeSet<LogicalId> {
    found.tags.get(RETAIN).into_iter().flat_map(|names| names.split(' ')).filter_map(|name| name.parse().ok()).collect()
}

impl Tried {
    /// Whether it counts as an attempt at this.
    pub(crate) fn counts(&self, act: Started, case: Fingerprint) -> bool {
        // What is rolled back to nothing is deleted, and how that goes on is a deletion's matter.
        let same = self.act == act || (act == Started::Clear && self.act == Started::RollBack);
        same && self.case == case
    }
}

/// What is remembered of a step before it is done, after what is remembered already; `None` for one that a change set
/// carries.
pub fn about_to(step: &Step, known: Option<&Known>, now: Timestamp) -> Option<Tried> {
    let case = step.case?;
    let before = known.and_then(|known| known.tried.as_ref()).filter(|tried| tried.case == case);
    let gave_up = step.action.gives_up().and_then(list).or_else(|| before?.gave_up);
    Some(Tried { act: step.action.started(), case, attempts: step.attempt, at: now, gave_up, why: String::new() })
}

/// An attempt that was never made, because it was not let through, is none.
pub fn take_back(known: &mut Known) {
    if let Some(tried) = &mut known.tried {
        tried.attempts = tried.attempts.saturating_sub(1);
    }
}

impl Stuck<'_> {
    /// How a stack stands that is wanted.
    pub(crate) fn wanted(&self, recovery: &Recovery) -> Stand {
        let stack_id = self.found.id.clone();
        match self.way_out {
            WayOut::ContinueRollback => {
                let skip = among_the_failed(&recovery.skip, self.found.reason.as_deref());
                self.stand(self.next(Started::Continue, (CONTINUES, 1), &skip), |given_up| Action::Continue {
                    stack_id,
                    skip: if given_up { skip.clone() } else { BTreeSet::new() },
                })
            }
            // There is nothing that it could be rolled back to, so it is deleted.
            WayOut::RollBack if self.found.status == Ok(Status::CreateFailed) => self.unless_kept(|| {
                let next = self.next(Started::RollBack, (ROLLBACKS, u32::MAX), &BTreeSet::new());
                self.stand(next, |_| Action::RollBack { stack_id })
            }),
            WayOut::RollBack => {
                let next = self.next(Started::RollBack, (ROLLBACKS, u32::MAX), &BTreeSet::new());
                self.stand(next, |_| Action::RollBack { stack_id })
            }
            WayOut::Clear => self.unless_kept(|| {
                let next = self.next(Started::Clear, (DELETIONS, u32::MAX), &BTreeSet::new());
                self.stand(next, |_| Action::Clear { stack_id, retain: BTreeSet::new() })
            }),
            WayOut::Delete => self.unless_kept(|| {
                let next = match self.tried(Started::Clear) {
                    // Somebody else began to delete a stack that is wanted, and may have had more in mind.
                    None if recovery.retain.is_empty() => Next::Person,
                    None => Next::GivingUp,
                    Some(_) => self.next(Started::Clear, (DELETIONS, DELETIONS), &recovery.retain),
                };
                self.stand(next, |given_up| Action::Clear { stack_id, retain: if_so(given_up, &recovery.retain) })
            }),
            WayOut::Undocumented => self.stand(Next::Person, |_| Action::RollBack { stack_id }),
        }
    }

    /// How a stack stands that nobody wants any more and that may go.
    pub(crate) fn leaving(&self) -> Stand {
        let stack_id = self.found.id.clone();
        let retain = match self.way_out {
            // A list of resources to leave is taken in this status only.
            WayOut::Delete => retained(self.found),
            WayOut::Undocumented => return self.stand(Next::Person, |_| Action::RollBack { stack_id }),
            WayOut::ContinueRollback | WayOut::RollBack | WayOut::Clear => BTreeSet::new(),
        };
        let next = self.next(Started::Remove, (DELETIONS, DELETIONS), &retain);
        self.stand(next, |given_up| Action::Remove { stack_id, retain: if_so(given_up, &retain) })
    }

    /// What was tried of this stack and request before.
    fn before(&self) -> Option<&Tried> {
        let tried = self.facts.memory.of(self.key)?.tried.as_ref()?;
        (tried.case == case(self.asked, &self.found.id)).then_some(tried)
    }

    fn tried(&self, act: Started) -> Option<&Tried> {
        self.before().filter(|tried| tried.counts(act, tried.case))
    }

    /// What is due after everything of this kind that was tried: so many times plainly, with growing pauses, and after
    /// some of them once with what may be given up.
    fn next(&self, act: Started, (plain, before): (u32, u32), names: &BTreeSet<LogicalId>) -> Next {
        let Some(tried) = self.tried(act) else { return Next::Plainly };
        let list = list(names);
        if tried.attempts >= before && list.is_some() && tried.gave_up != list {
            return Next::GivingUp;
        }
        if tried.attempts >= plain {
            return Next::Person;
        }
        let at = tried.at.checked_add(rest(self.facts.policy, tried.attempts)).unwrap_or(Timestamp::MAX);
        if self.facts.now < at { Next::Later(at) } else { Next::Plainly }
    }

    fn stand(&self, next: Next, action: impl FnOnce(bool) -> Action) -> Stand {
        match next {
            Next::Plainly => Stand::Due(action(false)),
            Next::GivingUp => Stand::Due(action(true)),
            Next::Later(at) => Stand::Not(Why::ForRetry { at, why: self.cause() }),
            Next::Person => {
                let tried = self.before().map_or(0, |tried| tried.attempts);
                Stand::Not(Why::Stuck { why: self.cause(), tried, way_out: self.way_out })
            }
        }
    }

    /// What a deletion has to respect first.
    fn unless_kept(&self, stand: impl FnOnce() -> Stand) -> Stand {
        kept(self.facts, self.found).unwrap_or_else(stand)
    }

    /// Why it is stuck, as far as anybody said: the last try's events, those of the change that failed, or the stack.
    fn cause(&self) -> String {
        let status = self.found.word();
        let known = self.facts.memory.of(self.key);
        let tried = self.before().map(|tried| tried.why.as_str());
        let failed = known.and_then(|known| known.failed.as_ref()).map(|failed| failed.why.as_str());
        let said = [tried, failed].into_iter().flatten().find(|why| why.starts_with(&status));
        match (said, self.found.reason.as_deref()) {
            (Some(why), _) => why.to_string(),
            (None, Some(reason)) => format!("{status} ({})", quote(reason)),
            (None, None) => status,
        }
    }
}

/// Why a stack that never came up may not be deleted here, if it may not.
pub(crate) fn kept(facts: &Facts<'_>, found: &FoundStack) -> Option<Stand> {
    if found.protected {
        return Some(Stand::Not(Why::Protected { status: found.word() }));
    }
    if !found.is_unborn() && found.status != Ok(Status::DeleteFailed) {
        let why = format!("{}, and has outputs as only a stack that was in use has", found.word());
        return Some(Stand::Not(Why::Stuck { why, tried: 0, way_out: WayOut::Clear }));
    }
    (facts.policy.guardrails.limits.removals_per_day == 0).then(|| {
        Stand::Not(Why::Held(format!(
            "{} and would be deleted to be made again, and this account allows no removal; ends when its limit \
             `removalsPerDay` is raised, or a person deletes it",
            found.word()
        )))
    })
}

fn if_so(so: bool, names: &BTreeSet<LogicalId>) -> BTreeSet<LogicalId> {
    if so { names.clone() } else { BTreeSet::new() }
}

/// The names that a rollback may skip, of those that stop it: CloudFormation refuses a list with any other in it. Its
/// reason names them in brackets; one that does not is no reason to keep back what the manifest says.
fn among_the_failed(names: &BTreeSet<LogicalId>, reason: Option<&str>) -> BTreeSet<LogicalId> {
    let failed: BTreeSet<&str> = reason
        .into_iter()
        .flat_map(|reason| reason.split('[').skip(1))
        .filter_map(|rest| rest.split_once(']'))
        .flat_map(|(names, _)| names.split(", "))
        .collect();
    names.iter().filter(|name| failed.is_empty() || failed.contains(name.as_str())).cloned().collect()
}
