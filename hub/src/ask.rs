//! `holdfast-hub fleet …`: one question about the fleet, answered from a store and printed for a person, a program or a
//! spreadsheet. The same values as on the pages, by the same addresses.
//!
//! Not here: what there is to ask for ([`crate::shown`]).

use crate::{
    asked::Asked,
    cli::{Form, Question},
    data,
    show::{clean, counts, span},
    shown::{Front, Rollout, Shown, shown},
    store::{Store, StoreError, view::Moment},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::io::{self, Write};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output could not be written.
    #[error("the output could not be written")]
    Output(#[from] io::Error),
    /// Nobody has heard of it.
    #[error("no account has told of {0}")]
    Unknown(String),
    /// It has no lines.
    #[error("that is no list, which `-o csv` is for; ask for `-o json`")]
    NoList,
}

/// Answers a question.
///
/// # Errors
/// When there is no such thing, the store can't be read, or the output can't be written.
pub fn answer(
    store: &Store,
    question: &Question,
    form: Form,
    moment: Moment,
    out: &mut impl Write,
) -> Result<(), AskError> {
    let mut asked = question.asked();
    let Some(first) = shown(store, &asked, moment)? else { return Err(AskError::Unknown(question.about())) };
    match (form, data::columns(&first)) {
        (Form::Json, _) => writeln!(out, "{}", data::document(&first, (None, store.senders()?), moment.now))?,
        (Form::Csv, Some(columns)) => {
            write!(out, "{}", data::heading(columns))?;
            let mut part = Some(first);
            while let Some(shown_now) = part {
                let (lines, next) = data::lines(&shown_now, columns);
                write!(out, "{lines}")?;
                part = match next {
                    None => None,
                    Some(next) => {
                        asked = asked.after(&next);
                        shown(store, &asked, moment)?
                    }
                };
            }
        }
        (Form::Csv, None) => return Err(AskError::NoList),
        (Form::Table, _) => match &first {
            Shown::Overview(front) => overview(front, moment.now, out)?,
            Shown::Commit(rollout) => commit(rollout, moment.now, out)?,
            Shown::Accounts(_)
            | Shown::Account(_)
            | Shown::Alerts(_)
            | Shown::NotReady(_)
            | Shown::Stacks(_)
            | Shown::Stack(_)
            | Shown::Commits(_)
            | Shown::Drift(_)
            | Shown::Controls(_)
            | Shown::Control(_)
            | Shown::Exceptions(_)
            | Shown::Events(_)
            | Shown::Quarantine(_)
            | Shown::Search(_) => list(&first, moment.now, out)?,
        },
    }
    Ok(out.flush()?)
}

fn overview(front: &Front, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
    let of = &front.overview;
    let share = &of.compliance;
    writeln!(
        out,
        "{} of {} stacks in sync, {} of {} accounts",
        share.stacks_good, share.stacks, share.accounts_good, share.accounts
    )?;
    writeln!(out, "{} of {} resources compared for drift", share.compared, share.resources)?;
    writeln!(out, "stacks    {}", counts(&of.stacks))?;
    writeln!(out, "accounts  {}", counts(&of.accounts))?;
    let fresh: Vec<String> = of.freshness.iter().map(|(word, n)| format!("{n} {}", word.as_str())).collect();
    let suspended = if of.suspended > 0 { format!(", {} suspended", of.suspended) } else { String::new() };
    let ready = of.not_ready.map_or("nobody said who is expected".to_owned(), |n| format!("{n} not ready"));
    writeln!(
        out,
        "          {}; {ready}, {} unexpected{suspended}; {}; {} messages in quarantine",
        fresh.join(", "),
        of.unexpected,
        of.senders,
        of.quarantine.unwrap_or_default()
    )?;
    if let Some(journal) = &of.journal {
        let cut =
            if journal.cut > 0 { format!("; {} entries before that were cut", journal.cut) } else { String::new() };
        writeln!(out, "journal   reaches back to {:.0}{cut}", journal.since)?;
    }
    if let Some(newest) = &front.newest {
        writeln!(out)?;
        commit(newest, now, out)?;
    }
    if !front.worst.is_empty() {
        writeln!(out)?;
        let rows = serde_json::to_value(&front.worst).unwrap_or_default();
        table(&["state", "account", "name", "since", "why"], rows.as_array().map_or(&[], Vec::as_slice), now, out)?;
    }
    Ok(())
}

fn commit(rollout: &Rollout, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
    let revision = &rollout.revision;
    let signer = revision.signer.as_ref().map(|by| format!(" by {}", clean(by))).unwrap_or_default();
    let since = span(now.duration_since(revision.first).max(SignedDuration::ZERO));
    writeln!(
        out,
        "commit {}  first heard of {since} ago, signature {}{signer}",
        clean(&revision.commit),
        revision.signature
    )?;
    let reached = rollout.converged.iter().filter_map(|(percent, seconds)| {
        Some(format!("{percent} % after {}", span(SignedDuration::from_secs((*seconds)?))))
    });
    let reached: Vec<String> = reached.collect();
    if revision.old {
        let before = "how they came to it was before the journal reaches back";
        writeln!(out, "  {} accounts are at it; {before}", revision.applied)?;
        return rings(rollout, out);
    }
    writeln!(
        out,
        "  {} accounts are at it, {} of {} that worked towards it reached it{}{}",
        revision.applied,
        revision.reached,
        revision.worked,
        if reached.is_empty() { "" } else { ": " },
        reached.join(", ")
    )?;
    rings(rollout, out)
}

fn rings(rollout: &Rollout, out: &mut impl Write) -> io::Result<()> {
    for ring in &rollout.rings {
        let name = if ring.ring.is_empty() { "no ring".to_owned() } else { clean(&ring.ring) };
        writeln!(out, "  {name}: {} of {} accounts at it; {}", ring.applied, ring.accounts, counts(&ring.now))?;
    }
    Ok(())
}

/// A list, or whatever else there is, as rows.
fn list(shown: &Shown, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
    let value = serde_json::to_value(shown).unwrap_or_default();
    let Some(columns) = data::columns(shown) else { return writeln!(out, "{value:#}") };
    let rows = value.get("rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    table(columns, rows, now, out)?;
    match value.get("next") {
        Some(_) => writeln!(out, "and more: `-o csv` and `-o json` have all of it"),
        None => Ok(()),
    }
}

/// Rows under their names. What is empty in all of them is left out, and what nobody reads on a screen.
fn table(columns: &[&str], rows: &[Value], now: Timestamp, out: &mut impl Write) -> io::Result<()> {
    const LONGEST: usize = 70;
    if rows.is_empty() {
        return writeln!(out, "none");
    }
    let text = |row: &Value, column: &str| cell(row.get(column).unwrap_or(&Value::Null), now);
    let is_shown = |column: &&&str| rows.iter().any(|row| !text(row, column).is_empty());
    let columns: Vec<&str> = columns.iter().filter(is_shown).copied().collect();
    let short = |text: String| match text.chars().count() {
        0..=LONGEST => text,
        _ => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    };
    let mut lines = vec![columns.iter().map(|column| column.to_uppercase()).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| columns.iter().map(|column| short(text(row, column))).collect()));
    let width = |n: usize| lines.iter().map(|line| line[n].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for line in &lines {
        let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn cell(value: &Value, now: Timestamp) -> String {
    match value {
        Value::Null | Value::Bool(false) => String::new(),
        Value::Bool(true) => "yes".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(at) if at > now => format!("in {}", span(at.duration_since(now))),
            Ok(at) => format!("{} ago", span(now.duration_since(at))),
            Err(_) => clean(text),
        },
        Value::Array(all) => all.iter().map(|one| cell(one, now)).collect::<Vec<_>>().join(" "),
        Value::Object(all) => {
            let each = all.iter().map(|(name, value)| format!("{} {}", cell(value, now), clean(name)));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

impl Question {
    /// The address of the page that answers it.
    fn asked(&self) -> Asked {
        let at = |parts: &[&str]| Asked::of("/", "").at(parts);
        let with = |asked: Asked, name: &str, value: &Option<String>| match value {
            Some(value) => asked.and(name, value),
            None => asked,
        };
        match self {
            Self::Status => at(&[]),
            Self::Accounts { state, ring, commit, agent, fresh, sort } => {
                let said = [("ring", ring), ("commit", commit), ("agent", agent), ("fresh", fresh), ("sort", sort)];
                let asked = said.into_iter().fold(at(&["accounts"]), |asked, (name, value)| with(asked, name, value));
                state.iter().fold(asked, |asked, state| asked.and("state", state))
            }
            Self::Account { id } => at(&["accounts", id]),
            Self::Alerts => at(&["alerts"]),
            Self::Missing => at(&["not-ready"]),
            Self::Stack { stack: None } => at(&["stacks"]),
            Self::Stack { stack: Some(stack) } => at(&["stacks", stack]),
            Self::Commit { commit: None } => at(&["commits"]),
            Self::Commit { commit: Some(commit) } => at(&["commits", commit]),
            Self::Drift => at(&["drift"]),
            Self::Control { control: None } => at(&["controls"]),
            Self::Control { control: Some(control) } => at(&["controls", control]),
            Self::Exceptions => at(&["exceptions"]),
            Self::Events { what } => with(at(&["events"]), "what", what),
            Self::Quarantine => at(&["quarantine"]),
        }
    }

    /// What it is about, in words.
    fn about(&self) -> String {
        match self {
            Self::Account { id } => format!("account `{id}`"),
            Self::Stack { stack: Some(stack) } => format!("a stack `{stack}`"),
            Self::Commit { commit: Some(commit) } => format!("commit `{commit}`"),
            Self::Control { control: Some(control) } => format!("a control `{control}`"),
            Self::Accounts { state, .. } => {
                format!("a state `{}`, or how fresh is none of fresh, late, silent", state.join("`, `"))
            }
            Self::Status
            | Self::Alerts
            | Self::Missing
            | Self::Stack { stack: None }
            | Self::Commit { commit: None }
            | Self::Drift
            | Self::Control { control: None }
            | Self::Exceptions
            | Self::Events { what: None }
            | Self::Quarantine => "anything".into(),
            Self::Events { what: Some(what) } => {
                format!("anything that is `{what}`: it is a word of `what` in the list")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::Arguments,
        journal::tests::at,
        keep::Keep,
        store::tests::spot::{Spot, on_each},
        web::tests::fill,
    };
    use clap::Parser;
    use fleet::presence::Patience;

    /// 250 accounts, of which every tenth has a stack that failed.
    fn full(spot: &Spot) -> Store {
        let mut store = spot.write("store");
        fill(&mut store, 250);
        store.keep(&["no report\u{1b}"], at(1)).unwrap();
        store
    }

    /// What is printed when that is asked.
    fn asked(store: &Store, words: &str) -> String {
        let arguments = Arguments::parse_from(["holdfast-hub", "fleet"].into_iter().chain(words.split(' ')));
        let crate::cli::Command::Fleet(fleet) = arguments.command else { panic!("{words}") };
        let moment = Moment { patience: Patience::default(), now: at(10_000) };
        let mut out = Vec::new();
        if let Err(error) = answer(store, &fleet.question, fleet.output, moment, &mut out) {
            return crate::chain(&error);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_question_is_answered_for_people() {
        on_each(|spot| {
            let store = full(spot);
            let check = |words: &str, says: &str| {
                let text = asked(&store, words);
                assert!(text.contains(says) && !text.contains('\u{1b}'), "{words}: {says} is missing in\n{text}");
            };
            check("status", "475 of 500 stacks in sync, 225 of 250 accounts");
            check("status", "  250 accounts are at it, 250 of 250 that worked towards it reached it\n");
            check("status", "STATE   ACCOUNT       NAME ");
            check("accounts --state failed", "100000000240  team-240  failed");
            check("accounts", "and more: `-o csv` and `-o json` have all of it");
            check("account 100000000010", "\"accountName\": \"team-10\"");
            check("alerts", "none");
            check("missing", "none");
            check("stack", "audit   eu-central-1  audit     250 in-sync");
            check("stack alerts", "AccessDenied on <kms:PutKeyPolicy>");
            check("commit", "0f3c2aa");
            check("commit 0f3c2aa000000000000000000000000000000000", "reached it: 50 % after 0.0 s, 90 % after");
            let commit = format!("commit 9d1e77b{}", "0".repeat(33));
            check("commit 9d1e77b", "  no ring: 0 of 250 accounts at it; 25 failed, 225 in sync");
            check(&commit, "  no ring: 0 of 250 accounts at it; 25 failed, 225 in sync");
            check("drift", "arn:aws:iam::111111111111:user/mallory");
            check("control", "CIS-3.1  25 failed, 475 in-sync");
            check("control CIS-3.1", "team-10");
            check("exceptions", "alerts");
            check("events --what created", "created in 12 s");
            check("quarantine", "no report\u{fffd}");
        });
    }

    #[test]
    fn and_for_programs_and_spreadsheets() {
        on_each(|spot| {
            let store = full(spot);
            let document: Value = serde_json::from_str(&asked(&store, "accounts --state failed -o json")).unwrap();
            assert_eq!(document["rows"].as_array().unwrap().len(), 25);
            assert_eq!(asked(&store, "accounts -o csv").lines().count(), 251);
            assert_eq!(asked(&store, "stack alerts -o csv").lines().count(), 251);
            let status = asked(&store, "status -o json");
            assert!(status.starts_with(r#"{"at":"2026-05-01T12:00:10Z","compliance":"#), "{status}");
            let senders = r#""senders":{"proven":0,"unproven":250}"#;
            assert_eq!((status.matches(senders).count(), status.matches(r#""senders":"#).count()), (1, 1), "{status}");
        });
    }

    #[test]
    fn what_nobody_has_heard_of_is_said() {
        on_each(|spot| {
            let store = full(spot);
            assert!(asked(&store, "status -o csv").starts_with("that is no list"));
            for words in [
                "account 9",
                "account 999999999999",
                "stack x",
                "commit x",
                "commit 0f3",
                "control x",
                "accounts --state splendid",
                "events --what exploded",
            ] {
                assert!(asked(&store, words).starts_with("no account has told of "), "{words}");
            }
        });
    }
}
