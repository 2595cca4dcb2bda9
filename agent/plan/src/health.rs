//! Whether a stack is well: what its checks say, and what follows from it.
//!
//! | the stack | its checks | what follows |
//! |---|---|---|
//! | has just been changed | all good | the change is proven, and its commit remembered |
//! | | not all good, within their time | it is on trial: asked again, and whatever depends on it waits |
//! | | one is bad when its time is over | it goes back to its last good form, once; the change is held |
//! | | none is bad, one can't be told | it stays on trial: what is not known takes nothing back |
//! | was there already | not all good | that is told, and nothing else is done |
//!
//! "Not known" is a word of its own: an alarm without data, a parameter that may not be read, an address that the account
//! does not let be asked. It is never green, and it is never a reason to change anything.
//!
//! Not here: what one check says ([`crate::check`]), and what is remembered of a trial ([`crate::trial`]).

use crate::{
    asked::Fingerprint,
    check::{Said, said},
    facts::FoundStack,
    fence,
    memory::Memory,
    orders::Orders,
    plan::{Facts, Request, is_settled, is_strange, stand},
    quote::quote,
    resolve::{Values, resolve},
    select::{Selected, Wanted},
    stance::Stance,
    step::{Action, Plan, Stand},
    trial::{self, Fell, Trial},
    why::Why,
};
use alloc::{boxed::Box, collections::BTreeMap, format, string::String, vec::Vec};
use core::{fmt, time::Duration};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    check::Check,
    id::{CommitId, StackKey},
    report::State,
};

/// What all checks of a stack say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict {
    /// The first that is bad when its time is over.
    bad: Option<String>,
    /// The first that is bad and has time left.
    young: Option<String>,
    /// The first that can't be told.
    unknown: Option<String>,
    /// Until when one that is not good has time left.
    until: Option<Timestamp>,
}

/// Everything that is not in sync because of a stack's health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It was changed, and has not proven itself yet.
    OnTrial {
        /// What is not good yet.
        words: String,
        /// Until when it may not be.
        until: Timestamp,
    },
    /// It was changed, and nobody can tell whether it is well.
    Unproven(String),
    /// It was changed, and is not well: from now on that change counts as failed.
    Falls(String),
    /// It failed after a change.
    Fell {
        /// What is not good.
        words: String,
        /// What became of going back.
        back: Back,
    },
    /// It has been as it is asked to be, and is not well.
    Ill(String),
    /// It has been as it is asked to be, and nobody can tell whether it is well.
    Untold(String),
}

/// What became of going back to the last good form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Back {
    /// It is back at the form that it had at this commit.
    Done(CommitId),
    /// There is none.
    Nowhere,
    /// It is not, and why.
    Not(CommitId, Box<Why>),
}

/// What the repository asked of this account at an earlier commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// What was asked.
    pub selected: Selected,
    /// Values of the SSM parameters that were referred to, as they are now.
    pub values: Values,
}

/// Earlier commits that stacks go back to, or why they can't be read.
pub type Pasts = BTreeMap<CommitId, Result<Past, String>>;

/// How a stack stands, its health included.
pub(crate) fn well(
    facts: &Facts<'_>,
    key: &StackKey,
    wanted: &Wanted,
    found: Option<&FoundStack>,
    request: Request,
) -> Stand {
    let fingerprint = request.fingerprint;
    let checks = &wanted.manifest.checks;
    let Some(found) = found.filter(|found| !checks.is_empty() && is_there(found)) else {
        return stand(facts, key, wanted, found, request);
    };
    let trial = facts.memory.of(key).and_then(|known| known.trial.as_ref()).filter(|it| it.fingerprint == fingerprint);
    let sound = matches!(found.stance(), Some(Stance::Ready | Stance::Undone));
    // What breaks once it is back is mended like everything else.
    let fell = trial.and_then(|trial| trial.fell(checks)).filter(|fell| sound || !fell.done);
    let here = sound && is_settled(facts.memory, key, found, fingerprint);
    // One whose checks are others now begins anew.
    let since = trial.map(|trial| if trial.fell.is_some() { facts.now } else { trial.since });
    let verdict = here.then(|| verdict(facts, key, checks, found, since));
    match (fell, verdict) {
        (_, Some(verdict)) if verdict.is_good() => Stand::Settled,
        (Some(Fell { to: None, why, .. }), verdict) => {
            // Nothing changes any more, so what is said is what is so now.
            let words = verdict.and_then(Verdict::words).unwrap_or_else(|| why.clone());
            Stand::Not(Why::Health(Health::Fell { words, back: Back::Nowhere }))
        }
        (Some(Fell { to: Some(commit), why, done, .. }), _) => {
            let back = match (done, facts.orders.pin.is_some()) {
                (true, _) => Err(Back::Done(commit.clone())),
                (false, true) => Err(pinned(commit)),
                (false, false) => back(facts, key, commit, (found, Some(fingerprint))),
            };
            back.unwrap_or_else(|back| Stand::Not(Why::Health(Health::Fell { words: why.clone(), back })))
        }
        (None, None) => stand(facts, key, wanted, Some(found), request),
        (None, Some(verdict)) => Stand::Not(Why::Health(verdict.follows(trial.is_some(), facts.now))),
    }
}

/// Whether there is something that could go back: what is not there, or never came up, is made as it is asked for.
pub(crate) fn is_there(found: &FoundStack) -> bool {
    match found.stance() {
        Some(Stance::Ready | Stance::Undone | Stance::Stuck(_)) => !found.is_unborn(),
        Some(Stance::Absent | Stance::Shell | Stance::Busy | Stance::Stillborn) | None => false,
    }
}

/// People pinned the account, and it stays there.
fn pinned(commit: &CommitId) -> Back {
    let pinned = "people pinned this account to a commit, and it stays there; ends with `holdfast unpin`";
    Back::Not(commit.clone(), Box::new(Why::Closed(pinned.into())))
}

/// What is done to bring a stack back to the form that it had at a commit, or what became of that. `failed` is the form
/// that it is to get away from, where there is one.
pub(crate) fn back(
    facts: &Facts<'_>,
    key: &StackKey,
    commit: &CommitId,
    (found, failed): (&FoundStack, Option<Fingerprint>),
) -> Result<Stand, Back> {
    let not = |why: Why| Back::Not(commit.clone(), Box::new(why));
    if is_strange(facts.policy, facts.memory, key, found) {
        // One that is to be taken over is taken over as it is.
        return Err(not(Why::Closed("the stack that is there is not ours yet".into())));
    }
    let past = match facts.pasts.get(commit) {
        Some(Ok(past)) => past,
        Some(Err(why)) => return Err(not(Why::Trouble(format!("that commit can't be read: {}", quote(why))))),
        None => return Err(not(Why::Trouble("that commit was not read yet".into()))),
    };
    let nothing = || not(Why::Broken("no manifest asked for it at that commit".into()));
    let form = past.selected.wanted.get(key).ok_or_else(nothing)?;
    if let Some(why) = fence::manifest(&facts.policy.guardrails, &form.manifest) {
        return Err(not(Why::Fenced(why)));
    }
    let asked = resolve(&past.selected, key, form, facts.found, &past.values, &facts.policy.owner).map_err(not)?;
    let request = Request::from(asked);
    if Some(request.fingerprint) == failed {
        let same = "what failed comes from no commit: it is the same form that was good then";
        return Err(not(Why::Broken(same.into())));
    }
    match stand(facts, key, form, Some(found), request) {
        Stand::Settled => Err(Back::Done(commit.clone())),
        Stand::Due(Action::Update(asked)) => Ok(Stand::Due(Action::Back(asked, commit.clone()))),
        Stand::Due(action) => Ok(Stand::Due(action)),
        Stand::Not(why) => Err(not(why)),
    }
}

impl Verdict {
    fn is_good(&self) -> bool {
        self.bad.is_none() && self.young.is_none() && self.unknown.is_none()
    }

    /// The first that is not good, the worst before the others.
    fn words(self) -> Option<String> {
        self.bad.or(self.young).or(self.unknown)
    }

    /// What follows for a stack that stands as it is asked to, and is not good.
    fn follows(self, on_trial: bool, now: Timestamp) -> Health {
        let Self { bad, young, unknown, until } = self;
        let untold = unknown.clone().unwrap_or_default();
        match (bad, young.or(unknown), until.filter(|until| now < *until)) {
            (Some(words), ..) if on_trial => Health::Falls(words),
            (Some(words), ..) => Health::Ill(words),
            (None, Some(words), Some(until)) if on_trial => Health::OnTrial { words, until },
            (None, ..) if on_trial => Health::Unproven(untold),
            (None, ..) => Health::Untold(untold),
        }
    }
}

/// What all checks of a stack say, given since when it is on trial, if it is.
fn verdict(
    facts: &Facts<'_>,
    key: &StackKey,
    checks: &[Check],
    found: &FoundStack,
    since: Option<Timestamp>,
) -> Verdict {
    let mut verdict = Verdict { bad: None, young: None, unknown: None, until: None };
    for (place, check) in checks.iter().enumerate() {
        let answer = facts.answers.get(&(key.clone(), place));
        let until = since.map(|since| end(since, check.within));
        let has_time = until.is_some_and(|until| facts.now < until);
        let (words, slot) = match said(check, answer, found, &facts.selected.account.id) {
            Said::Good => continue,
            Said::Bad(words) if has_time => (words, &mut verdict.young),
            Said::Bad(words) => (words, &mut verdict.bad),
            Said::Unknown(words) => (words, &mut verdict.unknown),
        };
        slot.get_or_insert_with(|| format!("the check `{}` says: {words}", quote(&check.name)));
        verdict.until = verdict.until.max(until);
    }
    verdict
}

fn end(since: Timestamp, within: Duration) -> Timestamp {
    SignedDuration::try_from(within).ok().and_then(|within| since.checked_add(within).ok()).unwrap_or(Timestamp::MAX)
}

impl Health {
    /// How a stack stands of which this is said.
    pub fn state(&self) -> State {
        match self {
            Self::OnTrial { .. } | Self::Falls(_) => State::Applying,
            Self::Unproven(_) | Self::Untold(_) => State::Unknown,
            Self::Ill(_) | Self::Fell { back: Back::Done(_) | Back::Nowhere, .. } => State::Failed,
            Self::Fell { back: Back::Not(_, why), .. } => match why.state() {
                state @ (State::Held | State::NeedsAPerson) => state,
                State::InSync
                | State::Healed
                | State::Pending
                | State::Applying
                | State::Excepted
                | State::Unknown
                | State::Drifted
                | State::Failed => State::Failed,
            },
        }
    }

    /// Whether another look soon can show it further on.
    pub(crate) fn is_on_trial(&self) -> bool {
        match self {
            Self::OnTrial { .. } | Self::Falls(_) => true,
            Self::Unproven(_) | Self::Fell { .. } | Self::Ill(_) | Self::Untold(_) => false,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnTrial { words, until } => {
                write!(f, "was changed and is on trial: {words}; asked again, until {until:.0} at the latest")
            }
            Self::Unproven(words) => {
                write!(
                    f,
                    "was changed, and it can't be told whether it is well: {words}; ends when it can, or with a commit that asks for something else"
                )
            }
            Self::Falls(words) => {
                write!(f, "{words}; the change that it came with is taken back, if there is a good form to go back to")
            }
            Self::Fell { words, back: Back::Done(commit) } => write!(
                f,
                "{words}; it was brought back to its form at {}, the last good one; ends with a commit that asks for something else",
                commit.short()
            ),
            Self::Fell { words, back: Back::Nowhere } => write!(
                f,
                "{words}; no earlier form of it is known to be good, so it stays as it is; ends when the check is good, or with \
                 a commit that asks for something else"
            ),
            Self::Fell { words, back: Back::Not(commit, why) } => {
                write!(f, "{words}; it is not back at its form at {}, the last good one: {why}", commit.short())
            }
            Self::Ill(words) => {
                write!(
                    f,
                    "{words}; nothing was changed just now, so nothing is taken back; ends when the check is good"
                )
            }
            Self::Untold(words) => write!(
                f,
                "it can't be told whether it is well: {words}; ends when it can, or with a commit that checks something else"
            ),
        }
    }
}

/// A plan that was just made, and what it was made for.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What is asked of this account.
    pub selected: &'a Selected,
    /// By which commit.
    pub commit: &'a CommitId,
    /// When.
    pub now: Timestamp,
}

/// Writes into memory what a plan says of trials: what is proven, what failed. Answers which changes were found to have
/// failed just now, and by which words: then it is time to read the commits that they go back to, and to plan again.
pub fn learn(memory: &mut Memory, made: &Made<'_>) -> Vec<(StackKey, String)> {
    let mut fallen = Vec::new();
    for (key, row) in &made.plan.rows {
        let Some(wanted) = made.selected.wanted.get(key) else { continue };
        let checks = &wanted.manifest.checks;
        match &row.stand {
            Stand::Settled => {
                if !checks.is_empty() {
                    memory.prove(key, made.commit);
                }
                // A change that failed is no better for another one being good (an older one, while people pinned the account).
                let another = |trial: &Trial| trial.fell.is_some() && Some(trial.fingerprint) != row.fingerprint;
                memory.change(key, |known| known.trial = known.trial.take().filter(another));
            }
            Stand::Not(Why::Health(health)) => match health {
                Health::Falls(words) => {
                    let (why, to) = (quote(words), memory.proven(key).cloned());
                    let fell = Fell { case: trial::case(checks), why: why.clone(), to, done: false };
                    of(memory, key, |trial| trial.fell = Some(fell));
                    fallen.push((key.clone(), why));
                }
                Health::Fell { back: Back::Done(_), .. } => {
                    of(memory, key, |trial| trial.fell.iter_mut().for_each(|fell| fell.done = true));
                }
                // One that failed by other checks is tried by these.
                Health::OnTrial { .. } | Health::Unproven(_) => of(memory, key, |trial| {
                    if trial.fell.take().is_some() {
                        trial.since = made.now;
                    }
                }),
                Health::Fell { back: Back::Nowhere | Back::Not(..), .. } | Health::Ill(_) | Health::Untold(_) => {}
            },
            Stand::Not(_) | Stand::Due(_) => {}
        }
    }
    fallen
}

fn of(memory: &mut Memory, key: &StackKey, change: impl FnOnce(&mut Trial)) {
    memory.change(key, |known| {
        if let Some(trial) = &mut known.trial {
            change(trial);
        }
    });
}

/// The commits that stacks are to go back to, each with the stacks: because their checks failed, or a person says so.
pub fn wayback(memory: &Memory, selected: &Selected, orders: &Orders) -> BTreeMap<CommitId, Vec<StackKey>> {
    let mut commits: BTreeMap<CommitId, Vec<StackKey>> = BTreeMap::new();
    for key in selected.wanted.keys() {
        if let Some(rollback) = orders.rollback(key) {
            commits.entry(rollback.commit.clone()).or_default().push(key.clone());
        }
    }
    for (key, known) in memory.stacks() {
        let checks = selected.wanted.get(key).map_or(&[][..], |wanted| &wanted.manifest.checks);
        let fell = known.trial.as_ref().and_then(|trial| trial.fell(checks)).filter(|fell| !fell.done);
        if let Some(commit) = fell.and_then(|fell| fell.to.as_ref()) {
            commits.entry(commit.clone()).or_default().push(key.clone());
        }
    }
    commits
}
