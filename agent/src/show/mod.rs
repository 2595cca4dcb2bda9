//! What a person sees. The only place that prints.
//!
//! Results go to standard output, everything about getting them to standard error. Colour is for terminals, never
//! needed to understand, and off with `NO_COLOR`. Every text here is a rendering of what `-o json` gives whole.

pub mod adopt;
pub mod bootstrap;
pub mod doctor;
pub(crate) mod drift;
pub mod forecast;
pub mod history;
pub mod orders;
pub mod progress;
pub mod report;
pub mod tree;
pub(crate) mod update;
pub mod verify;

use manifests::report::State;
use std::{
    io::{ErrorKind, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Whether there is colour.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    colour: bool,
}

/// What a text is about, as a colour.
#[derive(Debug, Clone, Copy)]
pub enum Ink {
    /// All is well; something is added.
    Good,
    /// Something changes, or waits.
    Change,
    /// Something is destroyed, or wrong.
    Bad,
    /// Beside the point.
    Dim,
    /// The point.
    Bold,
}

impl Style {
    /// For standard output.
    pub fn stdout() -> Self {
        Self { colour: wanted() && std::io::stdout().is_terminal() }
    }

    /// For standard error.
    pub fn stderr() -> Self {
        Self { colour: wanted() && std::io::stderr().is_terminal() }
    }

    /// Without any.
    pub fn plain() -> Self {
        Self { colour: false }
    }

    /// Whether there is colour.
    pub fn is_coloured(self) -> bool {
        self.colour
    }

    /// The text in that colour.
    pub fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Good => "32",
            Ink::Change => "33",
            Ink::Bad => "31",
            Ink::Dim => "2",
            Ink::Bold => "1",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A state in its colour, padded to that width.
    pub fn state(self, state: State, width: usize) -> String {
        let ink = match state {
            State::InSync | State::Healed => Ink::Good,
            State::Pending | State::Applying | State::Excepted | State::Unknown | State::Held => Ink::Change,
            State::Drifted | State::Failed | State::NeedsAPerson => Ink::Bad,
        };
        self.paint(ink, &format!("{:width$}", state.as_str()))
    }
}

/// <https://no-color.org>: any value but the empty one.
fn wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether a result could not be written: the disk is full, say.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints a result. Whoever closed the pipe has read enough.
pub fn out(text: &str) {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            if !LOST.swap(true, Ordering::Relaxed) {
                err(&format!("error: the result can't be written: {error}"));
            }
        }
        Ok(()) | Err(_) => {}
    }
}

/// Whether all results so far were written.
pub fn all_written() -> bool {
    !LOST.load(Ordering::Relaxed)
}

/// Prints something about getting a result.
pub fn err(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

/// Prints a result as JSON.
pub fn json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => out(&text),
        Err(error) => err(&format!("error: the result can't be written as JSON: {error}")),
    }
}

/// `1 stack`, `2 stacks`.
pub fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
