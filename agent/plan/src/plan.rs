//! wanted × found × remembered → what to do now, what waits, what is settled.
//!
//! Level-triggered: the plan is made from how things are, and nobody tells it what changed. Watching a change is
//! planning again after looking again; a restart, a retry and a first run are the same path. It proposes; nothing is
//! changed here, and nothing at all before [`crate::guard`] has judged it.

use crate::{
    adopt,
    along::Along,
    asked::{Asked, Fingerprint},
    check::Answers,
    facts::{Found, FoundStack, Status},
    fence,
    guard::{Begun, case},
    health::{Pasts, well},
    leave::{LEAVING, leaving, left_over},
    memory::{Memory, Started, generation},
    order::order,
    orders::Orders,
    recover::{self, Stuck},
    resolve::{OWNER, Values, dependencies, resolve},
    rollback::rolled_back,
    seat::{seat, step, touchable},
    select::{Selected, Wanted},
    stance::{Stance, stance},
    step::{Action, Plan, Row, Stand},
    why::Why,
    window,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
};
use core::time::Duration;
use jiff::{SignedDuration, Timestamp};
use manifests::{
    guardrails::Guardrails,
    id::{Digest, Name, StackKey},
    report::State,
    stack::Stack,
};

/// In CloudFormation's words for a resource that the stack's policy does not let it change ("denied by", "not allowed
/// by"): it says so again as long as somebody does not change the policy, which is not ours to do.
const STACK_POLICY: &str = "by stack policy";

/// Everything that a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What is asked of this account.
    pub selected: &'a Selected,
    /// What is there.
    pub found: &'a Found,
    /// Values of SSM parameters.
    pub values: &'a Values,
    /// What is remembered.
    pub memory: &'a Memory,
    /// What came back for checks.
    pub answers: &'a Answers,
    /// Earlier commits that stacks go back to.
    pub pasts: &'a Pasts,
    /// Stacks that this turn does no more with, and why.
    pub stopped: &'a BTreeMap<StackKey, Why>,
    /// The account's own rules.
    pub policy: &'a Policy,
    /// What people told the account, as far as it is in force.
    pub orders: &'a Orders,
    /// What this turn has begun.
    pub begun: Begun,
    /// Why nothing at all may begin, if that is so.
    pub closed: Option<&'a str>,
    /// Now, by AWS's clock.
    pub now: Timestamp,
}

/// The account's own rules: they come from its configuration, never from the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The installation's name, the value of the tag [`OWNER`].
    pub owner: String,
    /// How many stacks are changed at a time.
    pub concurrency: usize,
    /// How often one request is tried.
    pub attempts: u32,
    /// How long after a failure it is tried again.
    pub retry_after: SignedDuration,
    /// What the account allows.
    pub guardrails: Guardrails,
}

impl Policy {
    /// How many stacks are changed at a time: the tighter of the agent's setting and the account's guardrails.
    pub fn seats(&self) -> usize {
        self.guardrails.concurrency.map_or(self.concurrency, |most| most.min(self.concurrency))
    }
}

/// Same facts, same plan.
pub fn plan(facts: &Facts<'_>) -> Plan {
    let order = order(facts.selected);
    let mut rows = BTreeMap::new();
    let mut there = Along::new(&facts.found.stacks);
    for (key, wanted) in order.iter().copied() {
        let row = row(facts, key, wanted, there.get(key), &rows);
        rows.insert(key.clone(), row);
    }
    let mut wanted = Along::new(&facts.selected.wanted);
    for (key, found) in &facts.found.stacks {
        let left = if wanted.get(key).is_none() { left(facts, key, found) } else { None };
        rows.extend(left.map(|row| (key.clone(), row)));
    }
    let seated = seat(&order, &mut rows, facts);
    let steps = seated.iter().filter_map(|key| step(facts, key, rows.get(key)?)).collect();
    Plan { rows, steps }
}

/// How a wanted stack stands, given how those before it in the order do.
fn row(
    facts: &Facts<'_>,
    key: &StackKey,
    wanted: &Wanted,
    found: Option<&FoundStack>,
    before: &BTreeMap<StackKey, Row>,
) -> Row {
    let mut row = Row {
        manifest: wanted.manifest.name.clone(),
        status: found.map(FoundStack::word),
        fingerprint: None,
        stand: Stand::Not(Why::ForSeat),
    };
    let request = open(facts, key, wanted, found, before).and_then(|()| Request::of(facts, key, wanted));
    row.stand = match request {
        Err(why) => Stand::Not(why),
        Ok(request) => {
            row.fingerprint = Some(request.fingerprint);
            let stand = rolled_back(facts, key, found).unwrap_or_else(|| well(facts, key, wanted, found, request));
            unless_stopped(facts, key, stand)
        }
    };
    row
}

/// A request, as far as it had to be worked out.
pub(crate) struct Request {
    pub(crate) fingerprint: Fingerprint,
    /// `None` where the fingerprint was known without it.
    asked: Option<Asked>,
}

impl From<Asked> for Request {
    fn from(asked: Asked) -> Self {
        Self { fingerprint: asked.fingerprint(), asked: Some(asked) }
    }
}

impl Request {
    fn of(facts: &Facts<'_>, key: &StackKey, wanted: &Wanted) -> Result<Self, Why> {
        if let Some(fingerprint) = wanted.sealed {
            return Ok(Self { fingerprint, asked: None });
        }
        asked(facts, key, wanted).map(Self::from)
    }
}

fn asked(facts: &Facts<'_>, key: &StackKey, wanted: &Wanted) -> Result<Asked, Why> {
    resolve(facts.selected, key, wanted, facts.found, facts.values, &facts.policy.owner)
}

/// How a stack stands that nobody wants and that once was ours to make; `None` for every other.
fn left(facts: &Facts<'_>, key: &StackKey, found: &FoundStack) -> Option<Row> {
    let manifest = left_over(facts.selected, &facts.policy.owner, key, found)?;
    let stand = match facts.memory.owns(key, &found.id) {
        Some(false) => Stand::Not(Why::Recreated { bar: adopt::Bar::Manifest }),
        Some(true) | None => gone(facts, key, found, &manifest),
    };
    Some(Row { manifest, status: Some(found.word()), fingerprint: None, stand })
}

/// How a stack of ours stands that nobody wants.
fn gone(facts: &Facts<'_>, key: &StackKey, found: &FoundStack, manifest: &Name) -> Stand {
    match under_way(facts, key, Some(found), LEAVING) {
        Err(why) => Stand::Not(why),
        Ok(()) => unless_stopped(facts, key, leaving(facts, key, found, manifest)),
    }
}

/// Everything that can stop what is due, whatever it is: people, guardrails, the time of day, this turn.
pub(crate) fn unless_stopped(facts: &Facts<'_>, key: &StackKey, stand: Stand) -> Stand {
    if !matches!(stand, Stand::Due(_)) {
        return stand;
    }
    let closed = || facts.closed.map(|why| Why::Closed(why.into()));
    let held = || facts.orders.hold(key).map(|hold| hold.why());
    let fenced = || fence::name(&facts.policy.guardrails, key).map(Why::Fenced);
    let stopped = || facts.stopped.get(key).cloned();
    let shut = || window::shut(&facts.policy.guardrails.windows, facts.now);
    let why = closed().or_else(held).or_else(fenced).or_else(stopped).or_else(shut);
    why.map_or(stand, Stand::Not)
}

/// Everything that can stop a stack before it matters what is asked of it.
fn open(
    facts: &Facts<'_>,
    key: &StackKey,
    wanted: &Wanted,
    found: Option<&FoundStack>,
    before: &BTreeMap<StackKey, Row>,
) -> Result<(), Why> {
    if let Some(why) = facts.found.unreadable.get(&key.region) {
        return Err(Why::Unreadable { region: key.region.clone(), why: why.clone() });
    }
    let stack = &*wanted.manifest;
    if let Some(why) = fence::manifest(&facts.policy.guardrails, stack) {
        return Err(Why::Fenced(why));
    }
    if let Some(found) = found {
        ours(facts, key, stack, found)?;
    }
    under_way(facts, key, found, stack.timeout)?;
    if let Some(reason) = &stack.suspend {
        return Err(Why::Suspended { reason: reason.clone(), at: stack.at.clone() });
    }
    for dependency in dependencies(facts.selected, key, stack)? {
        let row = before.get(dependency);
        if !row.is_some_and(|row| can_be_built_on(row, facts.found.stacks.get(dependency))) {
            let state = row.map_or(State::Pending, Row::state);
            return Err(Why::ForStack { stack: dependency.clone(), state });
        }
    }
    Ok(())
}

/// Whether those that depend on it may begin: it is what is asked, or is left as it is by its manifest and stands.
fn can_be_built_on(row: &Row, found: Option<&FoundStack>) -> bool {
    let stands = || matches!(found.and_then(FoundStack::stance), Some(Stance::Ready | Stance::Undone));
    match &row.stand {
        Stand::Settled => true,
        Stand::Due(_) => false,
        Stand::Not(Why::RolledBack(rolled_back)) => rolled_back.not_yet.is_none() && stands(),
        Stand::Not(why) => matches!(why, Why::Suspended { .. } | Why::OnHold { .. }) && stands(),
    }
}

/// A stack is ours by its tag and its ARN. A shell holds nothing, so making one ours that carries no tags, or going on with
/// one that carries ours, harms nobody. What somebody else made is ours to change only when manifest and account both say
/// that it may be taken over.
fn ours(facts: &Facts<'_>, key: &StackKey, stack: &Stack, found: &FoundStack) -> Result<(), Why> {
    let status = found.status.clone().map_err(Why::UnknownStatus)?;
    let owner = found.tags.get(OWNER);
    let tagged = owner == Some(&facts.policy.owner);
    match stance(status) {
        Stance::Absent => return Ok(()),
        Stance::Shell if found.tags.is_empty() || (tagged && !found.nested) => return Ok(()),
        Stance::Shell | Stance::Busy | Stance::Ready | Stance::Undone | Stance::Stillborn | Stance::Stuck(_) => {}
    }
    if found.nested {
        return Err(Why::Nested);
    }
    let Some(bar) = adopt::bar(facts.policy, Some(stack), found) else { return Ok(()) };
    if !tagged {
        return Err(Why::Conflict { owner: owner.cloned(), bar });
    }
    // While we bring one up, or take one over, its ARN is not known yet.
    let pending = facts.memory.of(key).and_then(|known| known.pending.as_ref());
    let taken_over = |act| act == Started::Update && !facts.memory.knows(key);
    let coming = pending.is_some_and(|pending| pending.act == Started::Create || taken_over(pending.act));
    if facts.memory.owns(key, &found.id) == Some(false) && !coming { Err(Why::Recreated { bar }) } else { Ok(()) }
}

/// Whether a stack is somebody else's so far: it has not our tag, or was not the one that was ours.
pub fn is_strange(policy: &Policy, memory: &Memory, key: &StackKey, found: &FoundStack) -> bool {
    found.tags.get(OWNER) != Some(&policy.owner) || memory.owns(key, &found.id) == Some(false)
}

/// Whether CloudFormation is at work on it, or will be seen to be in a moment; and whether that takes too long.
fn under_way(facts: &Facts<'_>, key: &StackKey, found: Option<&FoundStack>, timeout: Duration) -> Result<(), Why> {
    let pending = facts.memory.of(key).and_then(|known| known.pending.as_ref());
    let busy = found.filter(|found| found.stance() == Some(Stance::Busy));
    let status = found.map_or_else(|| String::from("not to be seen yet"), FoundStack::word);
    let timeout = SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX);
    let late = |since: &Timestamp| busy.is_some() && facts.now.duration_since(*since) > timeout;
    match pending {
        Some(pending) if !late(&pending.since) => Err(Why::Applying { act: pending.act, since: pending.since, status }),
        Some(pending) => Err(Why::Late { since: pending.since, status }),
        None => match (busy, busy.and_then(began).filter(late)) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Why::Busy { status }),
            (Some(_), Some(since)) => Err(Why::Late { since, status }),
        },
    }
}

/// When somebody else's operation began, as far as CloudFormation says. Of a deletion it does not before the stack is
/// gone: the time of the last change before it would call every deletion late.
fn began(found: &FoundStack) -> Option<Timestamp> {
    found.updated.or(found.created).filter(|_| found.status != Ok(Status::DeleteInProgress))
}

/// How a stack stands that nothing stops, towards what is asked of it.
pub(crate) fn stand(
    facts: &Facts<'_>,
    key: &StackKey,
    wanted: &Wanted,
    found: Option<&FoundStack>,
    request: Request,
) -> Stand {
    let fingerprint = request.fingerprint;
    let stance = found.and_then(FoundStack::stance).unwrap_or(Stance::Absent);
    if let (Stance::Stuck(way_out), Some(found)) = (stance, found) {
        return Stuck { facts, key, found, way_out, asked: Some(fingerprint) }.wanted(&wanted.manifest.recovery);
    }
    if let (Stance::Ready | Stance::Undone, Some(found)) = (stance, found)
        && is_settled(facts.memory, key, found, fingerprint)
    {
        return Stand::Settled;
    }
    if let Some(why) = held(facts, key, wanted, fingerprint, touchable(found)) {
        return Stand::Not(why);
    }
    if let Some(why) = gave_up(facts, key, fingerprint) {
        return Stand::Not(why);
    }
    let asked = match request.asked.map_or_else(|| asked(facts, key, wanted), Ok) {
        Ok(asked) => asked,
        Err(why) => return Stand::Not(why),
    };
    match (stance, found) {
        (Stance::Ready | Stance::Undone, _) => Stand::Due(Action::Update(asked)),
        (Stance::Stillborn, Some(found)) => recover::kept(facts, found)
            .unwrap_or_else(|| Stand::Due(Action::Clear { stack_id: found.id.clone(), retain: BTreeSet::new() })),
        (Stance::Absent, _) => match facts.memory.births(key, facts.now) {
            (times, until) if times >= recover::FLAPS => Stand::Not(Why::Flapping { times, until }),
            _ => Stand::Due(Action::Create(asked)),
        },
        (Stance::Shell | Stance::Stillborn | Stance::Busy | Stance::Stuck(_), _) => Stand::Due(Action::Create(asked)),
    }
}

/// Whether the change was held, and everything is still as it was when it was judged, and nobody has approved it since.
fn held(
    facts: &Facts<'_>,
    key: &StackKey,
    wanted: &Wanted,
    fingerprint: Fingerprint,
    generation: Option<Fingerprint>,
) -> Option<Why> {
    let held = facts.memory.of(key)?.held.as_ref()?;
    let case = case(key, fingerprint, generation, &wanted.manifest, &facts.policy.guardrails, facts.memory);
    let plan: Option<Digest> = held.plan.parse().ok();
    let leave = plan.map(|plan| facts.orders.leave(&plan, &facts.selected.approvals, facts.now));
    let released = leave.is_some_and(|leave| leave != held.leave);
    (held.case == case && !released).then(|| Why::Held(held.why.clone()))
}

/// Whether the stack is what is asked: it says so itself, or CloudFormation found nothing to change and nobody has
/// touched it since. After an undone change it can't say so itself, because which change set it then names is not
/// documented.
pub(crate) fn is_settled(memory: &Memory, key: &StackKey, found: &FoundStack, fingerprint: Fingerprint) -> bool {
    let named = found.change_set.as_deref().and_then(Fingerprint::of_change_set);
    let says_so = found.stance() == Some(Stance::Ready) && named == Some(fingerprint);
    says_so || memory.is_settled(key, fingerprint, generation(found))
}

/// Whether this request has failed often enough, or not long enough ago. One that was undone in the account is tried a few
/// times. One that was refused touched nothing, and what was missing may come (an export, a role, a parameter), so it is
/// asked for again, each time after twice as long.
fn gave_up(facts: &Facts<'_>, key: &StackKey, fingerprint: Fingerprint) -> Option<Why> {
    if facts.memory.has_given_up(key, fingerprint) {
        let why = "it failed before; why is no longer remembered, and stands in the stack's events".into();
        return Some(Why::Failed { fingerprint, attempts: facts.policy.attempts, why });
    }
    let failed = facts.memory.of(key)?.failed.as_ref().filter(|failed| failed.fingerprint == fingerprint)?;
    let why = failed.why.clone();
    let is_final = why.contains(STACK_POLICY);
    if !failed.refused && (is_final || failed.attempts >= facts.policy.attempts) {
        return Some(Why::Failed { fingerprint, attempts: failed.attempts, why });
    }
    let times = if failed.refused { failed.attempts } else { 1 };
    let at = failed.at.checked_add(rest(facts.policy, times)).unwrap_or(Timestamp::MAX);
    (facts.now < at).then_some(Why::ForRetry { at, why })
}

/// How long to rest after so many tries: each time twice as long, up to a day.
pub(crate) fn rest(policy: &Policy, times: u32) -> SignedDuration {
    const RAREST: SignedDuration = SignedDuration::from_hours(24);
    let doubled = times.saturating_sub(1).min(16);
    policy.retry_after.saturating_mul(1 << doubled).min(RAREST.max(policy.retry_after))
}
