//! How the story is told: scene by scene for people, one document for machines.

use serde_json::{Value, json};
use std::io::IsTerminal;

/// Tells a story, or writes it down.
pub(crate) struct Telling {
    json: bool,
    colour: bool,
    scenes: Vec<Value>,
}

impl Telling {
    /// For people, unless as JSON.
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json, colour: wanted && std::io::stdout().is_terminal(), scenes: Vec::new() }
    }

    /// A new scene.
    pub(crate) fn scene(&mut self, title: &str) {
        let number = self.scenes.len() + 1;
        self.scenes.push(json!({ "scene": title, "lines": [], "turns": [] }));
        self.show(&format!("\n{}", self.bold(&format!("{number}. {title}"))));
    }

    /// A line of the story.
    pub(crate) fn line(&mut self, text: &str) {
        self.note("lines", json!(text));
        self.show(&format!("   {text}"));
    }

    /// What a program printed.
    pub(crate) fn quote(&mut self, command: &str, text: &str) {
        self.note("lines", json!(text));
        self.show(&format!("   {}", self.dim(&format!("$ {command}"))));
        text.trim_end().lines().for_each(|line| self.show(&format!("   {} {line}", self.dim("│"))));
    }

    /// A turn's report, for machines.
    pub(crate) fn turn(&mut self, report: Value) {
        self.note("turns", report);
    }

    /// The end.
    pub(crate) fn end(self, verdict: &str) {
        if self.json {
            say(&json!({ "ok": true, "verdict": verdict, "scenes": self.scenes }).to_string());
        } else {
            self.show(&format!("\n{}", self.bold(verdict)));
        }
    }

    fn note(&mut self, list: &str, value: Value) {
        if let Some(list) = self.scenes.last_mut().and_then(|scene| scene[list].as_array_mut()) {
            list.push(value);
        }
    }

    fn show(&self, text: &str) {
        if !self.json {
            say(text);
        }
    }

    fn bold(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Prints.
#[expect(clippy::print_stdout, reason = "this is where the story is printed")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Prints to standard error.
#[expect(clippy::print_stderr, reason = "this is where trouble is printed")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}
