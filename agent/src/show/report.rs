//! A report for a person: the verdict, then what is not in sync; in-sync stacks are a count.

use super::{Ink, Style, counted, orders};
use manifests::report::{Report, State};
use plan::orders::Told;
use std::{collections::BTreeMap, fmt::Write};

/// The report, without what happened: whoever asked for a turn has watched that. Of stacks in sync, which say nothing but
/// that, at most so many are `shown`.
pub fn report(report: &Report, style: Style, shown: usize) -> String {
    let mut text = String::new();
    let verdict = verdict(report);
    let _ = writeln!(text, "{}", style.paint(ink(report.state), &verdict));
    if let Some(trouble) = &report.source.trouble {
        let _ = writeln!(text, "  {} {trouble}", style.paint(Ink::Bad, "✗"));
    }
    if let Some(closed) = &report.closed {
        let _ = writeln!(text, "  {} {closed}", style.paint(Ink::Bad, "✗"));
    }
    let told = Told {
        holds: report.holds.clone(),
        pin: report.pin.clone(),
        approvals: report.approvals.clone(),
        rollbacks: report.rollbacks.clone(),
    };
    for line in orders::lines(&told) {
        let _ = writeln!(text, "  {} {line}", style.paint(Ink::Change, "•"));
    }
    table(&mut text, report, style, shown);
    for problem in &report.problems {
        let _ = writeln!(text, "{} {problem}", style.paint(Ink::Bad, "problem:"));
    }
    let unlisted = report.problems_total.saturating_sub(report.problems.len() as u64);
    if unlisted > 0 {
        let _ = writeln!(text, "… and {unlisted} more problems");
    }
    let calls: Vec<String> =
        services(report).into_iter().map(|(service, count)| format!("{service} {count}")).collect();
    let _ = writeln!(text, "{}", style.paint(Ink::Dim, &format!("calls: {}", calls.join(", "))));
    text
}

/// One sentence, the same at the top and for a machine to look for.
pub fn verdict(report: &Report) -> String {
    let at = report.source.attempted.as_deref().and_then(|revision| revision.rsplit(':').next());
    let at = at.map_or_else(|| "no commit".to_owned(), |commit| commit.chars().take(7).collect());
    let total = counted(report.stacks.len(), "stack");
    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    for stack in &report.stacks {
        *counts.entry(stack.state).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().rev().map(|(state, count)| format!("{count} {}", state.as_str())).collect();
    let name = report.account_name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let counts = if counts.is_empty() { "nothing is asked for here".to_owned() } else { counts.join(", ") };
    format!("{}{name} at {at}: {} ({total}: {counts})", report.account, report.state.as_str())
}

fn table(text: &mut String, report: &Report, style: Style, shown: usize) {
    let (quiet, loud): (Vec<_>, Vec<_>) = report.stacks.iter().partition(|stack| stack.state == State::InSync);
    let unlisted = if shown == 0 { 0 } else { quiet.len().saturating_sub(shown) };
    let rows: Vec<_> = loud.into_iter().chain(quiet.into_iter().take(shown)).collect();
    let width = rows.iter().map(|stack| stack.stack.as_str().len()).max().unwrap_or_default();
    for stack in rows {
        let why = stack.why.as_deref().or(stack.status.as_deref()).unwrap_or_default();
        let state = style.state(stack.state, 14);
        let _ = writeln!(text, "  {:14} {:width$}  {state} {why}", stack.region, stack.stack);
    }
    if unlisted > 0 {
        let more = format!("… and {unlisted} more in sync (`--all` lists them)");
        let _ = writeln!(text, "  {}", style.paint(Ink::Dim, &more));
    }
}

/// Calls summed by service.
fn services(report: &Report) -> BTreeMap<&str, u64> {
    let mut services = BTreeMap::new();
    for (call, count) in &report.calls {
        *services.entry(call.split(':').next().unwrap_or(call)).or_default() += count;
    }
    services
}

fn ink(state: State) -> Ink {
    match state {
        State::InSync | State::Healed => Ink::Good,
        State::Pending | State::Applying | State::Excepted | State::Unknown | State::Held => Ink::Change,
        State::Drifted | State::Failed | State::NeedsAPerson => Ink::Bad,
    }
}
