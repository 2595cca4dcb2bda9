//! wanted × found × remembered → what to do now, what waits, what is settled.
//!
//! Level-triggered: the plan is made from how things are, and nobody tells it what changed. Watching a change is
//! planning again after looking again; a restart, a retry and a first run are the same path. It proposes; nothing is
//! changed here, and nothing at all before [`crate::guard`] has judged it.

use crate::{
    asked::{Asked, Fingerprint},
    facts::{Found, FoundStack},
    guard::{Limits, case},
    memory::{Known, Memory, Started, generation},
    resolve::{MANIFEST, OWNER, PRUNE, Values, dependencies, resolve},
    select::{Selected, Wanted},
    stance::{Stance, stance},
    why::Why,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use manifests::id::{Name, StackKey};

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
    /// Stacks that this turn does no more with, and why.
    pub stopped: &'a BTreeMap<StackKey, Why>,
    /// The account's own rules.
    pub policy: &'a Policy,
    /// Now.
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
    /// How much may be destroyed.
    pub limits: Limits,
}

/// What to do now, what waits, what is settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "an unread plan changes nothing"]
pub struct Plan {
    /// Every stack that is wanted here or was made here.
    pub rows: BTreeMap<StackKey, Row>,
    /// What to do now, in order: what others depend on first, removals last and alone.
    pub steps: Vec<Step>,
}

/// One stack in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The manifest that asks for it, or once did.
    pub manifest: Name,
    /// CloudFormation's word, if it is there.
    pub status: Option<String>,
    /// What is asked, once that is known.
    pub fingerprint: Option<Fingerprint>,
    /// How it stands.
    pub stand: Stand,
}

/// How a stack stands in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// It is what is asked.
    Settled,
    /// There is a step for it.
    Due(Action),
    /// Neither, and why.
    Not(Why),
}

/// One thing to do to one stack, with nothing left to decide while doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which stack.
    pub key: StackKey,
    /// Its manifest.
    pub manifest: Name,
    /// What.
    pub action: Action,
    /// The stack as it is now; `None` when it is not there, or only a shell.
    pub generation: Option<Fingerprint>,
    /// Which attempt at this request it is, from 1.
    pub attempt: u32,
}

/// What there is to do to a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Bring it up: a change set of type CREATE.
    Create(Asked),
    /// Change it: a change set of type UPDATE.
    Update(Asked),
    /// Delete a stack that never came up, so that it can be created again.
    Clear {
        /// Its ARN.
        stack_id: String,
    },
    /// Delete a stack whose manifest left the repository.
    Remove {
        /// Its ARN.
        stack_id: String,
    },
}

impl Action {
    /// The same, as it is remembered once started.
    pub fn started(&self) -> Started {
        match self {
            Self::Create(_) => Started::Create,
            Self::Update(_) => Started::Update,
            Self::Clear { .. } => Started::Clear,
            Self::Remove { .. } => Started::Remove,
        }
    }

    /// What it asks, if it asks for a configuration.
    pub fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Create(asked) | Self::Update(asked) => Some(asked),
            Self::Clear { .. } | Self::Remove { .. } => None,
        }
    }
}

/// Same facts, same plan.
pub fn plan(facts: &Facts<'_>) -> Plan {
    let mut rows = BTreeMap::new();
    for key in order(facts.selected) {
        let wanted = &facts.selected.wanted[key];
        let row = row(facts, key, wanted, &rows);
        rows.insert(key.clone(), row);
    }
    for (key, stack) in &facts.found.stacks {
        if let Some(row) = left_over(facts, key, stack) {
            rows.insert(key.clone(), row);
        }
    }
    let steps = seat(facts, &mut rows);
    Plan { rows, steps }
}

/// Wanted stacks, dependencies first, otherwise by name. The parser has refused cycles; were there one all the same,
/// its members come last, and wait for each other in words instead of for ever.
fn order(selected: &Selected) -> Vec<&StackKey> {
    let mut waiting: BTreeMap<&StackKey, BTreeSet<&StackKey>> = BTreeMap::new();
    for (key, wanted) in &selected.wanted {
        waiting.insert(key, dependencies(selected, key, &wanted.manifest).unwrap_or_default());
    }
    let mut order = Vec::with_capacity(waiting.len());
    let mut placed: BTreeSet<&StackKey> = BTreeSet::new();
    while !waiting.is_empty() {
        let ready: Vec<&StackKey> =
            waiting.iter().filter(|(_, on)| on.iter().all(|key| placed.contains(key))).map(|(key, _)| *key).collect();
        let next = if ready.is_empty() { waiting.keys().copied().collect() } else { ready };
        for key in next {
            waiting.remove(key);
            placed.insert(key);
            order.push(key);
        }
    }
    order
}

/// How a wanted stack stands, given how those before it in the order do.
fn row(facts: &Facts<'_>, key: &StackKey, wanted: &Wanted, before: &BTreeMap<StackKey, Row>) -> Row {
    let found = facts.found.stacks.get(key);
    let mut row = Row {
        manifest: wanted.manifest.name.clone(),
        status: found.map(word),
        fingerprint: None,
        stand: Stand::Not(Why::ForSeat),
    };
    row.stand = match open(facts, key, wanted, before) {
        Err(why) => Stand::Not(why),
        Ok(asked) => {
            row.fingerprint = Some(asked.fingerprint());
            match (stand(facts, key, wanted, asked), facts.stopped.get(key)) {
                (Stand::Due(_), Some(why)) => Stand::Not(why.clone()),
                (stand, _) => stand,
            }
        }
    };
    row
}

/// Everything that can stop a stack before it matters what is asked of it.
fn open(facts: &Facts<'_>, key: &StackKey, wanted: &Wanted, before: &BTreeMap<StackKey, Row>) -> Result<Asked, Why> {
    if let Some(why) = facts.found.unreadable.get(&key.region) {
        return Err(Why::Unreadable { region: key.region.clone(), why: why.clone() });
    }
    let stack = &*wanted.manifest;
    if let Some(found) = facts.found.stacks.get(key) {
        ours(facts, found)?;
        under_way(facts, key, Some(found), stack.timeout)?;
    } else {
        under_way(facts, key, None, stack.timeout)?;
    }
    if let Some(reason) = &stack.suspend {
        return Err(Why::Suspended { reason: reason.clone(), at: stack.at.clone() });
    }
    for dependency in dependencies(facts.selected, key, stack)? {
        let state = before.get(dependency).map_or(manifests::report::State::Pending, Row::state);
        if state != manifests::report::State::InSync {
            return Err(Why::ForStack { stack: dependency.clone(), state });
        }
    }
    resolve(facts.selected, key, wanted, facts.found, facts.values, &facts.policy.owner)
}

/// A stack is ours by its tag. A shell that carries no tags holds nothing, so making it ours harms nobody.
fn ours(facts: &Facts<'_>, found: &FoundStack) -> Result<(), Why> {
    let status = found.status.clone().map_err(Why::UnknownStatus)?;
    let owner = found.tags.get(OWNER);
    match stance(status) {
        Stance::Absent => return Ok(()),
        Stance::Shell if found.tags.is_empty() => return Ok(()),
        Stance::Shell | Stance::Busy | Stance::Ready | Stance::Undone | Stance::Stillborn | Stance::Stuck(_) => {}
    }
    if found.nested {
        return Err(Why::Nested);
    }
    if owner == Some(&facts.policy.owner) { Ok(()) } else { Err(Why::Conflict { owner: owner.cloned() }) }
}

/// Whether CloudFormation is at work on it, or will be seen to be in a moment.
fn under_way(
    facts: &Facts<'_>,
    key: &StackKey,
    found: Option<&FoundStack>,
    timeout: core::time::Duration,
) -> Result<(), Why> {
    let pending = facts.memory.of(key).and_then(|known| known.pending.as_ref());
    let busy = found.and_then(stance_of) == Some(Stance::Busy);
    let status = found.map_or_else(|| String::from("not to be seen yet"), word);
    match pending {
        Some(pending) => {
            let timeout = SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX);
            let late = facts.now.duration_since(pending.since) > timeout;
            let (act, since) = (pending.act, pending.since);
            Err(if late && busy { Why::Late { since, status } } else { Why::Applying { act, since, status } })
        }
        None if busy => Err(Why::Busy { status }),
        None => Ok(()),
    }
}

/// How a stack stands that nothing stops, towards what is asked of it.
fn stand(facts: &Facts<'_>, key: &StackKey, wanted: &Wanted, asked: Asked) -> Stand {
    let found = facts.found.stacks.get(key);
    let known = facts.memory.of(key);
    let fingerprint = asked.fingerprint();
    let stance = found.and_then(stance_of).unwrap_or(Stance::Absent);
    if let (Stance::Stuck(way_out), Some(found)) = (stance, found) {
        return Stand::Not(Why::Stuck { status: word(found), reason: found.reason.clone(), way_out });
    }
    if let (Stance::Ready | Stance::Undone, Some(found)) = (stance, found)
        && is_settled(stance, found, known, fingerprint)
    {
        return Stand::Settled;
    }
    let case = case(fingerprint, touchable(found), &wanted.manifest, &facts.policy.limits);
    if let Some(held) = known.and_then(|known| known.held.as_ref()).filter(|held| held.case == case) {
        return Stand::Not(Why::Held(held.why.clone()));
    }
    if let Some(why) = gave_up(facts, known, fingerprint) {
        return Stand::Not(why);
    }
    match (stance, found) {
        (Stance::Ready | Stance::Undone, _) => Stand::Due(Action::Update(asked)),
        (Stance::Stillborn, Some(found)) => Stand::Due(Action::Clear { stack_id: found.id.clone() }),
        (Stance::Absent | Stance::Shell | Stance::Stillborn | Stance::Busy | Stance::Stuck(_), _) => {
            Stand::Due(Action::Create(asked))
        }
    }
}

/// Whether the stack is what is asked: it says so itself, or CloudFormation found nothing to change and nobody has
/// touched it since. After an undone change it can't say so itself, because which change set it then names is not
/// documented.
fn is_settled(stance: Stance, found: &FoundStack, known: Option<&Known>, fingerprint: Fingerprint) -> bool {
    let named = found.change_set.as_deref().and_then(Fingerprint::of_change_set);
    let says_so = stance == Stance::Ready && named == Some(fingerprint);
    let settled = known.and_then(|known| known.settled);
    says_so || settled.is_some_and(|s| s.fingerprint == fingerprint && s.generation == generation(found))
}

/// Whether this request has failed often enough, or not long enough ago.
fn gave_up(facts: &Facts<'_>, known: Option<&Known>, fingerprint: Fingerprint) -> Option<Why> {
    let failed = known?.failed.as_ref().filter(|failed| failed.fingerprint == fingerprint)?;
    let why = failed.why.clone();
    if failed.refused || failed.attempts >= facts.policy.attempts {
        return Some(Why::Failed { fingerprint, attempts: failed.attempts, why });
    }
    let at = failed.at.checked_add(facts.policy.retry_after).unwrap_or(Timestamp::MAX);
    (facts.now < at).then_some(Why::ForRetry { at, why })
}

/// How long a deletion may take before it is called late. Its manifest, which said how long, is gone, so this is what a
/// manifest that says nothing gets.
const LEAVING: core::time::Duration = core::time::Duration::from_secs(3600);

/// A stack that we made and that nobody wants here any more.
fn left_over(facts: &Facts<'_>, key: &StackKey, found: &FoundStack) -> Option<Row> {
    let ours = found.tags.get(OWNER) == Some(&facts.policy.owner) && !found.nested;
    if !ours || facts.selected.wanted.contains_key(key) || stance_of(found) == Some(Stance::Absent) {
        return None;
    }
    let manifest: Name = found.tags.get(MANIFEST)?.parse().ok()?;
    let stand = match under_way(facts, key, Some(found), LEAVING) {
        Err(why) => Stand::Not(why),
        Ok(()) => match (leaving(facts, found, &manifest), facts.stopped.get(key)) {
            (Stand::Due(_), Some(why)) => Stand::Not(why.clone()),
            (stand, _) => stand,
        },
    };
    Some(Row { manifest, status: Some(word(found)), fingerprint: None, stand })
}

/// Whether it may go. Deleting is never a side effect: absence has to be proved, and the last manifest must have said so.
fn leaving(facts: &Facts<'_>, found: &FoundStack, manifest: &Name) -> Stand {
    let selected = facts.selected;
    if let Some(why) = selected.broken.get(manifest) {
        return Stand::Not(Why::Broken(why.clone()));
    }
    if found.tags.get(PRUNE).map(String::as_str) != Some("delete") {
        return Stand::Not(Why::Kept { manifest: manifest.clone() });
    }
    let not_pruned = |because| Stand::Not(Why::NotPruned { manifest: manifest.clone(), because });
    if !selected.complete {
        return not_pruned(
            "a manifest's name could not be read, and it might be this one's; ends when every name can be read",
        );
    }
    if selected.wanted.is_empty() {
        return not_pruned(
            "the repository asks for nothing at all here, which is more likely a mistake; ends when it asks for something",
        );
    }
    if facts.policy.limits.deletions_per_turn == 0 {
        return not_pruned("this account allows no deletion; ends when its limit `deletionsPerTurn` is raised");
    }
    match stance_of(found) {
        Some(Stance::Stuck(way_out)) => {
            Stand::Not(Why::Stuck { status: word(found), reason: found.reason.clone(), way_out })
        }
        None => Stand::Not(Why::UnknownStatus(word(found))),
        Some(Stance::Absent | Stance::Shell | Stance::Busy | Stance::Ready | Stance::Undone | Stance::Stillborn) => {
            Stand::Due(Action::Remove { stack_id: found.id.clone() })
        }
    }
}

/// Picks what is done now: as many as there are seats, removals only when all that is wanted is in place, because what
/// leaves may be what something wanted still stands on.
fn seat(facts: &Facts<'_>, rows: &mut BTreeMap<StackKey, Row>) -> Vec<Step> {
    let in_flight = rows.values().filter(|row| row.in_flight()).count();
    let others_open = rows.iter().any(|(key, row)| facts.selected.wanted.contains_key(key) && !row.is_in_place());
    let mut seats = facts.policy.concurrency.saturating_sub(in_flight);
    let mut keys: Vec<StackKey> = order(facts.selected).into_iter().cloned().collect();
    let wanted: BTreeSet<StackKey> = keys.iter().cloned().collect();
    keys.extend(rows.keys().filter(|key| !wanted.contains(*key)).cloned());
    let mut steps = Vec::new();
    for key in keys {
        let Some(row) = rows.get_mut(&key) else { continue };
        let Stand::Due(action) = &row.stand else { continue };
        if is_removal(action) && (others_open || in_flight > 0) {
            row.stand = Stand::Not(Why::ForOthers);
        } else if seats == 0 {
            row.stand = Stand::Not(Why::ForSeat);
        } else {
            seats -= 1;
            steps.push(step(facts, &key, row, action.clone()));
        }
    }
    steps
}

fn is_removal(action: &Action) -> bool {
    match action {
        Action::Remove { .. } => true,
        Action::Create(_) | Action::Update(_) | Action::Clear { .. } => false,
    }
}

fn step(facts: &Facts<'_>, key: &StackKey, row: &Row, action: Action) -> Step {
    let known = facts.memory.of(key);
    let failed =
        known.and_then(|known| known.failed.as_ref()).filter(|failed| Some(failed.fingerprint) == row.fingerprint);
    Step {
        key: key.clone(),
        manifest: row.manifest.clone(),
        generation: touchable(facts.found.stacks.get(key)),
        attempt: failed.map_or(1, |failed| failed.attempts.saturating_add(1)),
        action,
    }
}

/// The stack as it is now; `None` when there is nothing, or only a shell.
fn touchable(found: Option<&FoundStack>) -> Option<Fingerprint> {
    found.filter(|found| !matches!(stance_of(found), Some(Stance::Absent | Stance::Shell))).map(generation)
}

/// CloudFormation's word for a stack's status.
pub(crate) fn word(found: &FoundStack) -> String {
    match &found.status {
        Ok(status) => status.as_str().to_string(),
        Err(word) => word.clone(),
    }
}

/// How to stand towards a stack; `None` when its status is a word that we don't know.
pub(crate) fn stance_of(found: &FoundStack) -> Option<Stance> {
    found.status.as_ref().ok().map(|status| stance(*status))
}

impl Row {
    /// How it stands, in the report's word.
    pub fn state(&self) -> manifests::report::State {
        match &self.stand {
            Stand::Settled => manifests::report::State::InSync,
            Stand::Due(_) => manifests::report::State::Pending,
            Stand::Not(why) => why.state(),
        }
    }

    /// Whether nothing is left to do for it: it is what is asked, or is left as it is because its manifest says so.
    fn is_in_place(&self) -> bool {
        match &self.stand {
            Stand::Settled => true,
            Stand::Due(_) => false,
            Stand::Not(why) => why.state() == manifests::report::State::Excepted,
        }
    }

    /// Whether it is being changed now: by us, by us before memory was lost, or by somebody else. Each takes a seat, and
    /// each is worth another look.
    pub fn in_flight(&self) -> bool {
        match &self.stand {
            Stand::Not(why) => matches!(why, Why::Applying { .. } | Why::Late { .. } | Why::Busy { .. }),
            Stand::Settled | Stand::Due(_) => false,
        }
    }
}
