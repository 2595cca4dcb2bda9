//! A turn → its report, and whether anybody needs to hear it.

use crate::{
    memory::Memory,
    orders::{Orders, Told},
    quote::quote,
    select::Account,
    step::{Plan, Row, Stand},
    why::Why,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    id::{Digest, Region, StackKey},
    problem::Problem,
    report::{Agent, DriftReport, Happening, How, Report, Source, StackReport, State, UpdateReport},
};

/// Everything that a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// Whose turn it was.
    pub account: &'a Account,
    /// The agent's version.
    pub version: &'a str,
    /// What it is known by, where it knows.
    pub digest: Option<Digest>,
    /// Another version that it is to have, and how far that is.
    pub update: Option<&'a UpdateReport>,
    /// The repository, and where in it the account stands.
    pub source: &'a Source,
    /// The last plan of the turn; empty when it did not come to one.
    pub plan: &'a Plan,
    /// Regions that could not be looked at, and why.
    pub unreadable: &'a BTreeMap<Region, String>,
    /// Controls that a stack provides, by stack.
    pub provides: &'a BTreeMap<StackKey, Vec<String>>,
    /// What is known of drift, by stack, and how that makes it stand.
    pub drift: &'a BTreeMap<StackKey, (DriftReport, State)>,
    /// What could not be read in the repository.
    pub problems: &'a [Problem],
    /// What people told the account, as far as it is in force.
    pub orders: &'a Orders,
    /// Why nothing at all may begin, if that is so.
    pub closed: Option<&'a str>,
    /// What is remembered at the end of the turn.
    pub memory: &'a Memory,
    /// AWS calls and git requests of the turn.
    pub calls: &'a BTreeMap<String, u64>,
    /// When the agent looks next.
    pub next: Option<Timestamp>,
}

/// How many problems and happenings one report carries at most, so that it stays far below the 256 KiB of a message.
const PROBLEMS: usize = 50;
/// See [`PROBLEMS`].
const HAPPENINGS: usize = 100;

/// The report of a turn. Its sequence is the memory's, which has counted it already.
pub fn tell(turn: &Turn<'_>) -> Report {
    let stacks: Vec<StackReport> = turn.plan.rows.iter().map(|(key, row)| stack(turn, key, row)).collect();
    let source = turn.source.trouble.as_ref().map(|trouble| (State::Unknown, trouble.clone()));
    let problem = turn.problems.first().map(|problem| (State::Failed, first_line(problem, turn.problems.len())));
    let unseen = turn.unreadable.iter().next().map(|(region, why)| {
        (State::Unknown, Why::Unreadable { region: region.clone(), why: why.clone() }.to_string())
    });
    let worst = stacks.iter().rev().max_by_key(|stack| stack.state).filter(|stack| stack.state != State::InSync);
    let worst = worst.map(|stack| (stack.state, format!("{}/{}: {}", stack.region, stack.stack, why_of(stack))));
    let closed = turn.closed.map(|why| (State::Held, why.to_string()));
    let (state, why) =
        [source, problem, unseen, closed, worst].into_iter().flatten().max_by_key(|(state, _)| *state).unzip();
    let happened = &turn.memory.outbox;
    let Told { holds, pin, approvals, rollbacks } = turn.orders.told();
    Report {
        account: turn.account.id.clone(),
        account_name: turn.account.name.clone(),
        epoch: turn.memory.epoch.clone(),
        sequence: turn.memory.sequence,
        agent: Agent {
            version: turn.version.to_string(),
            region: turn.account.home.clone(),
            digest: turn.digest,
            update: turn.update.cloned(),
        },
        source: turn.source.clone(),
        state: state.unwrap_or(State::InSync),
        why,
        closed: turn.closed.map(ToString::to_string),
        stacks_total: stacks.len() as u64,
        stacks,
        holds,
        pin,
        approvals,
        rollbacks,
        problems: turn.problems.iter().take(PROBLEMS).cloned().collect(),
        problems_total: turn.problems.len() as u64,
        happened: happened.iter().take(HAPPENINGS).cloned().collect(),
        calls: turn.calls.clone(),
        next: turn.next,
    }
}

fn stack(turn: &Turn<'_>, key: &StackKey, row: &Row) -> StackReport {
    let held = turn.memory.of(key).and_then(|known| known.held.as_ref()).filter(|_| row.state() == State::Held);
    let drift = turn.drift.get(key);
    // What drifted while a change is held is both, and said as the worse; the rest of drift is said beside it.
    let worse = drift.filter(|(_, state)| *state > row.state());
    StackReport {
        manifest: row.manifest.clone(),
        region: key.region.clone(),
        stack: key.stack.clone(),
        state: worse.map_or(row.state(), |(_, state)| *state),
        why: match (&row.stand, worse) {
            (_, Some((drift, State::Healed))) => drift.healed.map(|at| format!("was put back at {at:.0}")),
            (_, Some((drift, _))) => drifted(drift),
            (Stand::Settled, None) => None,
            (Stand::Due(action), None) => Some(format!("is {} next", action.started().doing())),
            (Stand::Not(why), None) => Some(why.to_string()),
        },
        drift: drift.map(|(drift, _)| drift.clone()),
        status: row.status.clone(),
        fingerprint: row.fingerprint.map(|fingerprint| fingerprint.to_string()),
        plan: held.map(|held| held.plan.chars().take(16).collect()),
        provides: turn.provides.get(key).cloned().unwrap_or_default(),
    }
}

/// One sentence on what drifted; nothing where it was put back.
fn drifted(drift: &DriftReport) -> Option<String> {
    let first = drift.drifted.first()?;
    let by = first.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let verb = match first.how {
        How::Deleted => "deleted",
        How::Modified | How::Unknown => "changed",
    };
    let more = drift.drifted_total.saturating_sub(1);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let why = drift.why.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
    Some(format!("drifted: {} ({}) was {verb}{by}{more}{why}", first.resource, quote(&first.kind)))
}

fn why_of(stack: &StackReport) -> &str {
    stack.why.as_deref().unwrap_or("is not in sync")
}

fn first_line(problem: &Problem, total: usize) -> String {
    let problem = Problem { hint: None, ..problem.clone() };
    let more = if total > 1 { format!(" (and {} more)", total - 1) } else { String::new() };
    format!("{}{more}", quote(&problem.to_string()))
}

/// The digest of what a report says of the account: what changes with every turn (numbers, times) left out.
pub fn said(report: &Report) -> String {
    let Report {
        account,
        account_name,
        epoch,
        agent,
        source,
        state,
        why,
        closed,
        stacks,
        holds,
        pin,
        approvals,
        rollbacks,
        problems,
        problems_total,
        ..
    } = report;
    // When a stack was looked at changes with every look, and nothing else does with most.
    let unlooked = |drift: &DriftReport| DriftReport { looked: None, ..drift.clone() };
    let unlooked = |stack: &StackReport| StackReport { drift: stack.drift.as_ref().map(unlooked), ..stack.clone() };
    let stacks: Vec<StackReport> = stacks.iter().map(unlooked).collect();
    let Source { repository, branch, applied, attempted, answered: _, signature, signer, distrust, trouble } = source;
    let text = format!(
        "{account:?}{account_name:?}{epoch:?}{agent:?}{repository:?}{branch:?}{applied:?}{attempted:?}{signature:?}{signer:?}{distrust:?}{trouble:?}\
         {state:?}{why:?}{closed:?}{stacks:?}{holds:?}{pin:?}{approvals:?}{rollbacks:?}{problems:?}{problems_total}"
    );
    Digest::of(text.as_bytes()).short(16)
}

/// Whether anybody needs to hear it: something happened, something reads differently, or it has been quiet for long.
pub fn is_due(report: &Report, memory: &Memory, heartbeat: SignedDuration, now: Timestamp) -> bool {
    let Some(told) = &memory.told else { return true };
    !report.happened.is_empty() || told.said != said(report) || now.duration_since(told.at) >= heartbeat
}

/// Notes that something happened, for the next report. When nobody has listened for very long, the oldest goes: the
/// report's whole picture still says how everything stands.
pub fn note(memory: &mut Memory, happening: Happening) {
    memory.outbox.push(happening);
    let over = memory.outbox.len().saturating_sub(HAPPENINGS);
    memory.outbox.drain(..over);
}

/// Whether every stack is as this commit says, so that the commit can be called applied.
pub fn reached(plan: &Plan, problems: &[Problem], unreadable: &BTreeMap<Region, String>) -> bool {
    problems.is_empty() && unreadable.is_empty() && plan.rows.values().all(|row| row.state().is_settled())
}
