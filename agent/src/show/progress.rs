//! A turn, while it goes on: one line for each thing that happens, and on a terminal one line that counts and is redrawn.

use super::{Ink, Style, err};
use crate::{shipped::Watcher, world::Sight};
use manifests::report::{State, What};
use plan::step::{Plan, Row, Stand};
use std::{
    cell::Cell,
    io::{IsTerminal, Write},
};

/// Shows a turn on standard error.
pub struct Progress {
    style: Style,
    /// Whether lines can be redrawn.
    live: bool,
    drawn: Cell<bool>,
}

impl Progress {
    /// On this terminal, or into this pipe.
    pub fn new() -> Self {
        Self { style: Style::stderr(), live: std::io::stderr().is_terminal(), drawn: Cell::new(false) }
    }

    fn line(&self, text: &str) {
        self.clear();
        err(text);
    }

    fn clear(&self) {
        if self.drawn.take() {
            let _ = write!(std::io::stderr(), "\r\u{1b}[2K");
        }
    }

    fn count(&self, plan: &Plan) {
        if !self.live || !plan.rows.values().any(Row::in_flight) {
            return;
        }
        let of = |is: fn(&Row) -> bool| plan.rows.values().filter(|row| is(row)).count();
        let done = of(|row| row.stand == Stand::Settled);
        let flying = of(Row::in_flight);
        let bad = of(|row| row.state() >= State::Drifted);
        let waiting = plan.rows.len().saturating_sub(done + flying + bad);
        let text = format!("waiting {waiting} · in flight {flying} · done {done}/{} · not well {bad}", plan.rows.len());
        self.clear();
        let _ = write!(std::io::stderr(), "{}", self.style.paint(Ink::Dim, &text));
        let _ = std::io::stderr().flush();
        self.drawn.set(true);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Watcher for Progress {
    fn see(&self, sight: &Sight<'_>) {
        match sight {
            Sight::Commit(commit) => {
                self.line(&format!("{} commit {}", self.style.paint(Ink::Dim, "►"), commit.short()))
            }
            Sight::Planned(plan) => self.count(plan),
            Sight::Started(key, act) => {
                self.line(&format!("{} {key} {}", self.style.paint(Ink::Dim, "►"), act.doing()));
            }
            Sight::Denied(_) => {}
            Sight::Happened(happening) => {
                let (ink, mark) = match happening.what {
                    What::Created | What::Updated | What::Deleted | What::Recovered | What::Healed | What::Accepted => {
                        (Ink::Good, "✔")
                    }
                    What::Failed | What::Refused => (Ink::Bad, "✗"),
                    What::Held | What::Orphaned | What::Drifted | What::NotHealed => (Ink::Change, "■"),
                    What::Unknown => (Ink::Dim, "?"),
                };
                let place = match (&happening.region, &happening.stack) {
                    (Some(region), Some(stack)) => format!("{region}/{stack} "),
                    _ => String::new(),
                };
                self.line(&format!("{} {place}{}", self.style.paint(ink, mark), happening.sentence));
            }
            Sight::Told(_) => self.clear(),
        }
    }
}
