//! Whether what somebody changed is put back now: a step, or the reason why not.
//!
//! A heal asks for nothing: it goes by the template and the parameters that the stack has, so it moves no account to a
//! newer commit, and is made while one is held, refused or waits. What its change set may do is judged by the guard
//! ([`crate::guard::judge_heal`]).

use super::{
    remembered::{Drifted, Drifts, Finding, Stop},
    why::Reason,
};
use crate::{
    asked::{Fingerprint, HEAL},
    facts::{FoundStack, Seen},
    fence,
    guard::a_day,
    memory::generation,
    plan::{Facts, is_strange, unless_stopped},
    seat::touchable,
    spent::Toll,
    stance::Stance,
    step::{Action, Plan, Row, Stand, Step},
    why::Why,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    drift::{Drift, Mode},
    guardrails::Guardrails,
    id::{LogicalId, PlanDigest, StackKey},
};

/// How often a stack is healed within [`FLAPPING`] before it is left to a person.
pub const FLAPS: usize = 3;
/// See [`FLAPS`].
pub const FLAPPING: SignedDuration = SignedDuration::from_hours(24);
/// How long CloudTrail is waited for to confirm who changed something: it says it within a quarter of an hour or so.
pub const CONFIRMED: SignedDuration = SignedDuration::from_mins(15);

/// What is put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heal {
    /// The name of its change set: the same for the same findings of the same stack.
    pub change_set: String,
    /// What detection named, and how it found it.
    pub findings: BTreeMap<LogicalId, Seen>,
    /// Which properties of those it named, where that is known in whole.
    pub places: BTreeMap<LogicalId, BTreeSet<String>>,
    /// What else detection named, of which nothing matters here.
    pub noisy: BTreeSet<LogicalId>,
    /// What differs where the manifest says that it may.
    pub ignoring: BTreeSet<LogicalId>,
}

/// How a stack stands towards its drift.
#[expect(clippy::large_enum_variant, reason = "one at a time is looked at, and never kept")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Towards {
    /// There is none, as far as anybody looked.
    Nothing,
    /// It is put back now.
    Due(Step),
    /// It is not, and why.
    Not(Reason),
}

/// What a stack's manifest lets be done about drift, within what the account does; `None` for one that nobody wants.
pub fn rules<'a>(facts: &Facts<'a>, key: &StackKey) -> Option<&'a Drift> {
    facts.selected.wanted.get(key).map(|wanted| &wanted.manifest.drift)
}

/// The mode that is in force.
pub fn mode(facts: &Facts<'_>, key: &StackKey) -> Mode {
    rules(facts, key).map_or(Mode::Off, |rules| rules.mode.min(facts.policy.guardrails.drift.most))
}

/// How a stack stands towards its drift. `asked` says that a person wants it put back whatever the mode is, and whatever
/// came of it before.
pub fn towards(facts: &Facts<'_>, plan: &Plan, drifts: &Drifts, key: &StackKey, asked: bool) -> Towards {
    let Some(known) = drifts.of(key).filter(|known| !known.findings.is_empty()) else { return Towards::Nothing };
    let (Some(row), Some(found)) = (plan.rows.get(key), facts.found.stacks.get(key)) else { return Towards::Nothing };
    let step = || step(key, row, found, known);
    match bar(facts, (row, found), known, key, asked) {
        Some(reason) => Towards::Not(reason),
        None => match unless_stopped(facts, key, Stand::Due(step().action)) {
            Stand::Not(why) => Towards::Not(Reason::Stopped(why)),
            Stand::Due(_) | Stand::Settled => spent(facts, known).map_or_else(|| Towards::Due(step()), Towards::Not),
        },
    }
}

/// Whether as much was put back as the account allows: asked here too, because a change set for what may not be done would be
/// made and thrown away in every turn of a day.
fn spent(facts: &Facts<'_>, known: &Drifted) -> Option<Reason> {
    let most = a_day(&facts.policy.guardrails.limits);
    let toll = Toll { heals: u32::try_from(known.findings.len()).unwrap_or(u32::MAX), ..Toll::default() };
    let log = &facts.memory.spent;
    (!log.has_room_for(toll, most, facts.now))
        .then(|| Reason::Spent { most: most.heals, until: log.room_for(toll, most, facts.now) })
}

/// What keeps it from being put back, if something does, but for what stops every change.
fn bar(
    facts: &Facts<'_>,
    (row, found): (&Row, &FoundStack),
    known: &Drifted,
    key: &StackKey,
    asked: bool,
) -> Option<Reason> {
    match mode(facts, key) {
        Mode::Off => {
            return Some(Reason::Off { account: !matches!(rules(facts, key), Some(rules) if rules.mode == Mode::Off) });
        }
        Mode::Warn if !asked => return Some(Reason::Warn { account: is_accounts(facts, key) }),
        Mode::Warn | Mode::Heal => {}
    }
    if let Some(reason) = in_the_way(row) {
        return Some(reason);
    }
    if found.nested || is_strange(facts.policy, facts.memory, key, found) {
        return Some(Reason::Strange);
    }
    if let Some(reason) = unfit(facts, found) {
        return Some(reason);
    }
    if let Some(fenced) =
        facts.selected.wanted.get(key).and_then(|it| fence::manifest(&facts.policy.guardrails, &it.manifest))
    {
        return Some(Reason::Stopped(Why::Fenced(fenced)));
    }
    if !known.healing.is_empty() {
        return Some(Reason::Stopped(Why::Trouble("whether the last time helped could not be looked at yet".into())));
    }
    if known.findings.iter().all(|finding| super::kinds::is_never_reverted(&finding.kind)) {
        return Some(Reason::Kinds(known.findings.iter().map(|finding| finding.kind.clone()).collect()));
    }
    if asked {
        return None;
    }
    left_alone(facts, known).or_else(|| worn_out(facts, known)).or_else(|| stopped(facts, known, (key, found)))
}

/// Whether it is the account that asks for no more than a warning.
fn is_accounts(facts: &Facts<'_>, key: &StackKey) -> bool {
    rules(facts, key).is_some_and(|rules| rules.mode == Mode::Heal)
}

/// What about the stack itself comes first, or is nobody's to put right.
fn in_the_way(row: &Row) -> Option<Reason> {
    match &row.stand {
        Stand::Settled => None,
        Stand::Due(_) => Some(Reason::ForChange),
        Stand::Not(why) if row.in_flight() => Some(Reason::Stopped(why.clone())),
        Stand::Not(why) => match why {
            // The stack stands as it was last asked for, and so it shall.
            Why::Held(_)
            | Why::ForStack { .. }
            | Why::ForManifest { .. }
            | Why::ForRetry { .. }
            | Why::ForWindow { .. }
            | Why::ForBudget { .. }
            | Why::RolledBack(_)
            | Why::Health(_)
            | Why::Failed { .. }
            | Why::Refused(_)
            | Why::Broken(_)
            | Why::NoLabel { .. }
            | Why::NoParameter { .. }
            | Why::NoOutput { .. }
            | Why::NotHere { .. } => None,
            Why::ForSeat | Why::ForTurn { .. } | Why::ForOthers => Some(Reason::ForChange),
            Why::Applying { .. }
            | Why::Late { .. }
            | Why::Busy { .. }
            | Why::OnHold { .. }
            | Why::Leaving { .. }
            | Why::Fenced(_)
            | Why::Closed(_)
            | Why::Suspended { .. }
            | Why::Kept { .. }
            | Why::NotPruned { .. }
            | Why::Stuck { .. }
            | Why::Protected { .. }
            | Why::Flapping { .. }
            | Why::Conflict { .. }
            | Why::Recreated { .. }
            | Why::Nested
            | Why::UnknownStatus(_)
            | Why::Denied(_)
            | Why::Trouble(_)
            | Why::Unreadable { .. } => Some(Reason::Stopped(why.clone())),
        },
    }
}

/// Whether CloudFormation takes a change set of it now, and a place is free.
fn unfit(facts: &Facts<'_>, found: &FoundStack) -> Option<Reason> {
    let sound = matches!(found.stance(), Some(Stance::Ready | Stance::Undone));
    let most = facts.policy.guardrails.limits.stacks_per_turn;
    if !sound {
        Some(Reason::Status(found.word()))
    } else if facts.begun.stacks >= most {
        Some(Reason::Stopped(Why::ForTurn { most, what: "changes" }))
    } else {
        None
    }
}

/// What the account's rules say of who changed it. A rule is about who CloudTrail says it was: where there are rules, it is
/// waited for, whatever an event says, but not for ever.
fn left_alone(facts: &Facts<'_>, known: &Drifted) -> Option<Reason> {
    let rules = &facts.policy.guardrails.drift;
    if rules.people.is_empty() {
        return None;
    }
    let of = |finding: &Finding| {
        let sure = finding.author.as_ref().filter(|author| author.sure);
        let until = match sure {
            Some(author) => author.left_alone(rules)?,
            None => finding.since.checked_add(CONFIRMED).unwrap_or(finding.since),
        };
        let by = || finding.author.as_ref().and_then(|author| author.told(rules.who).by);
        (until > facts.now).then(|| (until, by(), sure.is_some()))
    };
    let (until, by, sure) = known.findings.iter().filter_map(of).max_by_key(|(until, ..)| *until)?;
    Some(if sure { Reason::Rule { by, until } } else { Reason::Unconfirmed { by, until } })
}

/// Whether it was put back so often that somebody must want it otherwise.
fn worn_out(facts: &Facts<'_>, known: &Drifted) -> Option<Reason> {
    let recent: Vec<Timestamp> =
        known.heals.iter().copied().filter(|at| facts.now.duration_since(*at) < FLAPPING).collect();
    if recent.len() < FLAPS {
        return None;
    }
    let who = facts.policy.guardrails.drift.who;
    let authors = known.findings.iter().filter_map(|finding| finding.author.as_ref()?.told(who).by).collect();
    let until = recent.iter().min().and_then(|first| first.checked_add(FLAPPING).ok())?;
    Some(Reason::Flapping { times: recent.len(), authors, until })
}

/// Whether it was tried just so, and did not help.
fn stopped(facts: &Facts<'_>, known: &Drifted, (key, found): (&StackKey, &FoundStack)) -> Option<Reason> {
    let scene = Scene { found, rules: rules(facts, key)?, guardrails: &facts.policy.guardrails };
    let stop = known.stopped.as_ref().filter(|stop| stop.case == scene.case(known))?;
    let in_account = facts.orders.approvals.iter().map(|one| (&one.plan, one.until));
    let in_repository = facts.selected.approvals.iter().map(|one| (&one.plan, one.until));
    // An approval may spell out more of the digest than is remembered here.
    let meant = |plan: &PlanDigest| stop.plan.as_ref().is_some_and(|stop| plan.as_str().starts_with(stop.as_str()));
    let approved = in_account.chain(in_repository).any(|(plan, until)| meant(plan) && until > facts.now);
    (!approved).then(|| Reason::Held(stop.why.clone()))
}

/// Beside the findings, everything that decides whether a heal may be tried.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The stack as it is.
    pub found: &'a FoundStack,
    /// What its manifest says of drift.
    pub rules: &'a Drift,
    /// What the account allows.
    pub guardrails: &'a Guardrails,
}

impl Scene<'_> {
    /// That it is not tried again while all of it is as it is now. `plan` is what a person can approve, if that helps.
    pub fn stop(&self, known: &Drifted, why: String, plan: Option<String>) -> Stop {
        Stop { case: self.case(known), why, plan }
    }

    fn case(&self, known: &Drifted) -> Fingerprint {
        let Guardrails { limits, types, may, .. } = self.guardrails;
        let (ignore, case, version) = (&self.rules.ignore, case(known, self.found), env!("CARGO_PKG_VERSION"));
        Fingerprint::of(format!("{version}|{case}|{ignore:?}|{limits:?}|{types:?}|{may:?}").as_bytes())
    }
}

/// What a heal is of: these findings, of the stack as it is.
fn case(known: &Drifted, found: &FoundStack) -> Fingerprint {
    let mut text = generation(found).to_string();
    known.findings.iter().for_each(|finding| text.push_str(&format!("|{}={}", finding.logical, finding.mark)));
    Fingerprint::of(text.as_bytes())
}

/// The step that puts back everything that was found.
fn step(key: &StackKey, row: &Row, found: &FoundStack, known: &Drifted) -> Step {
    let findings = known.findings.iter().map(|finding| (finding.logical.clone(), finding.seen())).collect();
    let whole = known.findings.iter().filter(|one| !one.gone && (1..Finding::PATHS).contains(&one.paths.len()));
    let top = |path: &String| path.split('/').nth(1).map(String::from);
    let heal = Heal {
        places: whole.map(|one| (one.logical.clone(), one.paths.iter().filter_map(top).collect())).collect(),
        change_set: name(found, case(known, found)),
        findings,
        noisy: known.noisy.clone(),
        ignoring: known.ignoring.clone(),
    };
    Step {
        key: key.clone(),
        manifest: row.manifest.clone(),
        action: Action::Heal(heal),
        stack_id: Some(found.id.clone()),
        generation: touchable(Some(found)),
        case: None,
        attempt: 1,
        adopting: false,
    }
}

/// The name of a heal's change set. The stack is named by it afterwards, and has to say still what it was asked to be; where
/// it does not say so before, memory does ([`crate::watch`]). After an undone change it might name what was undone.
fn name(found: &FoundStack, case: Fingerprint) -> String {
    let says = found.change_set.as_deref().and_then(Fingerprint::of_change_set);
    let sure = says.filter(|_| found.stance() == Some(Stance::Ready));
    sure.map_or_else(|| format!("holdfast{HEAL}{case}"), |asked| asked.heal(case))
}

/// Whether the stack's last change was a request of ours, and neither a heal nor somebody else's.
pub fn is_asked(found: &FoundStack) -> bool {
    let name = found.change_set.as_deref().filter(|name| !name.contains(HEAL));
    name.and_then(Fingerprint::of_change_set).is_some()
}
