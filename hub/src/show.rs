//! News and pictures as text: for people, with columns and a little colour, or one JSON document a line.
//!
//! Whatever an account wrote is printed without its control characters: a report must not be able to steer a terminal.

use crate::reading::Health;
use fleet::{
    page::{Page, Quarantined, Row},
    presence::{Compliance, Freshness, NotReady},
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    id::AccountId,
    report::{Happening, Severity, State, What},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
};
use tokio::sync::watch;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines and a table.
    Table {
        /// Whether states have colours.
        colour: bool,
    },
    /// One JSON document a line, each with its `type`.
    Json,
}

/// Something that is told as it arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum News {
    /// An account says that something happened.
    Happened {
        /// Which account.
        account: AccountId,
        /// What the fleet file calls it.
        name: Option<String>,
        /// What it says.
        happening: Happening,
    },
    /// Two different reports claim one number.
    Contested {
        /// Whose.
        account: AccountId,
        /// What the fleet file calls it.
        name: Option<String>,
        /// The number, `<epoch>-<sequence>`.
        report: String,
    },
    /// A message went into quarantine.
    Refused {
        /// When.
        received: Timestamp,
        /// Why.
        reason: String,
    },
}

/// A picture, as a machine gets it.
#[derive(Serialize)]
#[serde(tag = "type", rename = "picture")]
struct Picture<'a> {
    at: Timestamp,
    hub: &'a Health,
    #[serde(flatten)]
    page: &'a Page,
}

/// Where everything is printed.
#[derive(Debug)]
pub struct Show<W> {
    out: W,
    form: Form,
    /// Who else is told how the hub is doing, whenever there is something new.
    beside: Option<watch::Sender<Health>>,
}

impl<W: Write> Show<W> {
    /// Prints there, in that form.
    pub fn new(out: W, form: Form) -> Self {
        Self { out, form, beside: None }
    }

    /// Tells this one too how the hub is doing, whenever there is something new.
    pub fn beside(self, beside: watch::Sender<Health>) -> Self {
        Self { beside: Some(beside), ..self }
    }

    /// Tells whoever else is told how the hub is doing.
    pub(crate) fn health(&self, health: &Health) {
        if let Some(beside) = &self.beside {
            // That the queue was empty once more is worth no new page; whoever asks for one hears it.
            beside.send_if_modified(|known| {
                let is_news =
                    Health { caught_up: None, ..known.clone() } != Health { caught_up: None, ..health.clone() };
                let was_behind = known.caught_up.is_none() != health.caught_up.is_none();
                *known = health.clone();
                is_news || was_behind
            });
        }
    }

    /// Hands everything printed so far on.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Prints one piece of news.
    pub(crate) fn news(&mut self, news: &News) -> io::Result<()> {
        if self.form == Form::Json {
            return self.json(news);
        }
        match news {
            News::Happened { account, name, happening } => {
                let Happening { at, what, region, stack, commit, sentence } = happening;
                let parts = [region.as_ref().map(AsRef::as_ref), stack.as_ref().map(AsRef::as_ref)];
                let place: Vec<&str> = parts.into_iter().flatten().collect();
                let commit = commit.as_ref().map(|commit| format!(" ({})", commit.short())).unwrap_or_default();
                let (who, what, place, sentence) =
                    (who(account, name.as_deref()), word(*what), place.join("/"), clean(sentence));
                writeln!(self.out, "{at:.0}  {who}  {what:<9}  {place}  {sentence}{commit}")
            }
            News::Contested { account, name, report } => {
                let (who, report) = (who(account, name.as_deref()), clean(report));
                writeln!(self.out, "{who}  contested  two different reports claim to be {report}; the later is shown")
            }
            News::Refused { received, reason } => {
                writeln!(self.out, "{received:.0}  refused  {}", clean(reason))
            }
        }
    }

    /// Prints the picture: the hub itself first.
    pub(crate) fn picture(&mut self, health: &Health, page: &Page, now: Timestamp) -> io::Result<()> {
        match self.form {
            Form::Json => self.json(&Picture { at: now, hub: health, page })?,
            Form::Table { colour } => {
                writeln!(self.out, "\nhub  {}, {}", hub(health, now), page.senders)?;
                if let Some(trouble) = &health.trouble {
                    writeln!(self.out, "     {}", clean(trouble))?;
                }
                if let Some(expected) = &health.expected {
                    writeln!(self.out, "     the list of expected accounts is an older one: {}", clean(expected))?;
                }
                self.page(page, colour, now)?;
                writeln!(self.out)?;
            }
        }
        self.flush()
    }

    /// Prints what a store has heard: there is no queue that could lag behind.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn replayed(&mut self, page: &Page, now: Timestamp) -> io::Result<()> {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "replayed")]
        struct Replayed<'a> {
            at: Timestamp,
            #[serde(flatten)]
            page: &'a Page,
        }
        match self.form {
            Form::Json => self.json(&Replayed { at: now, page })?,
            Form::Table { colour } => {
                writeln!(self.out, "as it was known at {now:.0}, {}", page.senders)?;
                self.page(page, colour, now)?;
            }
        }
        self.flush()
    }

    fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, document)?;
        writeln!(self.out)
    }

    fn page(&mut self, page: &Page, colour: bool, now: Timestamp) -> io::Result<()> {
        writeln!(self.out, "fleet  {}", fleet(page))?;
        self.accounts(&page.accounts, colour, now)?;
        match page.accounts_total.saturating_sub(page.accounts.len() as u64) {
            0 => {}
            more => writeln!(self.out, "and {more} more")?,
        }
        self.not_ready(page.not_ready.as_deref().unwrap_or_default(), page.not_ready_total)?;
        page.quarantine.iter().try_for_each(|refused| self.refused(refused))
    }

    fn not_ready(&mut self, all: &[NotReady], total: u64) -> io::Result<()> {
        /// As many as a person reads.
        const SHOWN: usize = 20;
        for NotReady { account, name } in all.iter().take(SHOWN) {
            writeln!(self.out, "not ready  {}", who(account, name.as_deref()))?;
        }
        match total.saturating_sub(all.len().min(SHOWN) as u64) {
            0 => Ok(()),
            more => writeln!(self.out, "not ready  and {more} more"),
        }
    }

    fn accounts(&mut self, rows: &[Row], colour: bool, now: Timestamp) -> io::Result<()> {
        if rows.is_empty() {
            return writeln!(self.out, "no account has spoken yet");
        }
        let head = ["ACCOUNT", "NAME", "STATE", "COMMIT", "STACKS", "LAST SEEN"].map(str::to_owned);
        let table: Vec<[String; 6]> = std::iter::once(head).chain(rows.iter().map(|row| cells(row, now))).collect();
        let width = |column: usize| table.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..6).map(width).collect();
        for (n, cells) in table.iter().enumerate() {
            let row = n.checked_sub(1).map(|n| &rows[n]);
            let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                let cell = format!("{cell:<width$}");
                row.filter(|_| colour && column == 2).map_or(cell.clone(), |row| paint(row.state, &cell))
            });
            writeln!(self.out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
            if let Some(why) = row.and_then(|row| row.why.as_ref()) {
                writeln!(self.out, "    why: {}", clean(why))?;
            }
            if let Some(row) = row.filter(|row| !row.missing.is_empty()) {
                writeln!(self.out, "    missing: reports {}", row.missing.join(", "))?;
            }
        }
        Ok(())
    }

    fn refused(&mut self, refused: &Quarantined) -> io::Result<()> {
        let Quarantined { digest, received, reason, begins } = refused;
        writeln!(self.out, "quarantine  {received:.0}  {}  {}", digest.short(12), clean(reason))?;
        writeln!(self.out, "    begins: {}", clean(&begins.chars().take(80).collect::<String>()))
    }
}

/// The hub on itself.
fn hub(health: &Health, now: Timestamp) -> String {
    let Health { lag, caught_up, trouble: _, expected: _, alerts: _, newest, late, known, contested, refused } = health;
    let lag = match lag {
        None => "lag unknown".to_owned(),
        Some(lag) if lag.is_negative() => format!("lag unknown (a sender's clock is {} ahead)", span(lag.abs())),
        Some(lag) => format!("lag {}", span(*lag)),
    };
    let caught_up = caught_up.map_or("not caught up".to_owned(), |at| format!("caught up {}", ago(at, now)));
    format!("{lag}, {caught_up}, {newest} newest, {late} late, {known} known, {contested} contested, {refused} refused")
}

/// The fleet in one line: shares with what they are of, and who is missing.
fn fleet(page: &Page) -> String {
    let Compliance { accounts, accounts_good, stacks, stacks_good, resources, compared } = page.compliance;
    let of = |good, all, what: &str| (all > 0).then(|| format!("{good} of {all} {what}"));
    let mut words = vec![format!("{accounts_good} of {accounts} accounts in sync")];
    words.extend(of(stacks_good, stacks, "stacks"));
    words.extend(of(compared, resources, "resources compared for drift"));
    let quiet = [Freshness::Late, Freshness::Silent].map(|word| (page.freshness.get(&word).copied(), word.as_str()));
    let others = [
        (Some(page.not_ready_total), "not ready"),
        (Some(page.unexpected), "unexpected"),
        (Some(page.suspended), "suspended"),
    ];
    let counted = quiet.into_iter().chain(others).filter_map(|(count, word)| Some((count.filter(|n| *n > 0)?, word)));
    words.extend(counted.map(|(count, word)| format!("{count} {word}")));
    words.join(", ")
}

fn cells(row: &Row, now: Timestamp) -> [String; 6] {
    let commit = match (row.applied.as_deref().map(short), row.attempted.as_deref().map(short)) {
        (None, None) => "none".to_owned(),
        (Some(applied), None) => applied,
        (Some(applied), Some(attempted)) if applied == attempted => applied,
        (applied, Some(attempted)) => format!("{} / {attempted}", applied.unwrap_or("none".into())),
    };
    let name = row.name.as_deref().map(clean).unwrap_or_default();
    let state = row.state.as_str().to_owned();
    let seen = ago(row.seen, now);
    let seen = if row.freshness == Freshness::Fresh { seen } else { format!("{seen} ({})", row.freshness.as_str()) };
    let seen = if row.unexpected { seen + " (unexpected)" } else { seen };
    let seen = if row.suspended { seen + " (suspended)" } else { seen };
    [row.account.to_string(), name, state, commit, counts(&row.stacks), seen]
}

/// Worst first, as the eye looks for it.
pub(crate) fn counts(stacks: &BTreeMap<State, u64>) -> String {
    let words: Vec<String> = stacks.iter().rev().map(|(state, n)| format!("{n} {}", state.as_str())).collect();
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

/// `main@sha1:0f3c2aa…` as `0f3c2aa`.
pub(crate) fn short(revision: &str) -> String {
    let commit = revision.rsplit(':').next().unwrap_or(revision);
    clean(&commit.chars().take(7).collect::<String>())
}

fn who(account: &AccountId, name: Option<&str>) -> String {
    name.map_or(account.to_string(), |name| format!("{account} {}", clean(name)))
}

fn word(what: What) -> &'static str {
    match what {
        What::Created => "created",
        What::Updated => "updated",
        What::Deleted => "deleted",
        What::Failed => "failed",
        What::Held => "held",
        What::Accepted => "accepted",
        What::Refused => "refused",
        What::Recovered => "recovered",
        What::Orphaned => "orphaned",
        What::Drifted => "drifted",
        What::Healed => "healed",
        What::NotHealed => "not healed",
        What::Unknown => "unknown",
    }
}

pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", span(now.duration_since(then).max(SignedDuration::ZERO)))
}

pub(crate) fn span(time: SignedDuration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Only what is known to be good is green.
fn paint(state: State, text: &str) -> String {
    let colour = match (state, state.severity()) {
        (State::InSync | State::Healed, _) => "32",
        (_, Severity::Info) => return text.to_owned(),
        (_, Severity::Warning) => "33",
        (_, Severity::Error) => "31",
    };
    format!("\u{1b}[{colour}m{text}\u{1b}[0m")
}

/// Without control characters and without the marks that turn the direction of writing round.
pub(crate) fn clean(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{clean, counts, paint, short, span};
    use jiff::SignedDuration;
    use manifests::report::State;

    #[test]
    fn only_what_is_known_to_be_good_is_green() {
        let green: Vec<State> =
            State::RANKING.into_iter().filter(|state| paint(*state, "x").contains("[32m")).collect();
        assert_eq!(green, [State::InSync, State::Healed]);
    }

    #[test]
    fn nothing_that_an_account_wrote_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}d\u{9b}1me"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}1me");
        assert_eq!(clean("Prüfkonto 東京"), "Prüfkonto 東京");
    }

    #[test]
    fn revisions_are_cut_to_what_git_shows() {
        assert_eq!(short("main@sha1:0f3c2aa000000000000000000000000000000000"), "0f3c2aa");
        assert_eq!(short("v2"), "v2");
        assert_eq!(short(""), "");
    }

    #[test]
    fn counts_name_the_worst_first() {
        let stacks = [(State::InSync, 5), (State::Failed, 1), (State::Unknown, 2)].into();
        assert_eq!(counts(&stacks), "1 failed, 2 unknown, 5 in sync");
    }

    #[test]
    fn spans_are_as_coarse_as_they_are_long() {
        let check = |seconds, expect: &str| assert_eq!(span(SignedDuration::from_secs(seconds)), expect);
        check(9, "9.0 s");
        check(10, "10 s");
        check(120, "2 min");
        check(7_199, "119 min");
        check(7_200, "2 h");
        check(200_000, "2 d");
    }
}
