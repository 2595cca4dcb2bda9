//! The problems of one document, as they are found.
//!
//! Checking goes on after a problem, so that one look shows them all; whoever checks asks [`Findings::none`] at the end.

use crate::{
    id::{self, AccountId, Malformed, Name, RepoPath},
    problem::Problem,
    typed::At,
    yaml::{Fault, Mark, brief},
};
use std::{collections::BTreeSet, str::FromStr, time::Duration};

/// The problems of one document.
pub(crate) struct Findings<'a> {
    pub(crate) file: &'a RepoPath,
    /// The manifest that they cost, if its name could be read.
    pub(crate) manifest: Option<Name>,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(file: &'a RepoPath, manifest: Option<Name>) -> Self {
        Self { file, manifest, problems: Vec::new() }
    }

    /// Whether nothing was found so far.
    pub(crate) fn none(&self) -> bool {
        self.problems.is_empty()
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        let Fault { at, message, hint } = fault;
        self.problems.push(Problem {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            message,
            hint,
            manifest: self.manifest.clone(),
        });
    }

    pub(crate) fn refuse(&mut self, at: Mark, message: impl Into<String>) {
        self.fault(Fault::new(at, message));
    }

    /// The identifier that a text is, or a problem.
    pub(crate) fn id<T: FromStr<Err = Malformed>>(&mut self, text: &At<String>) -> Option<T> {
        text.value.parse().map_err(|malformed: Malformed| self.refuse(text.at, malformed.to_string())).ok()
    }

    /// The identifiers that texts are, in their order, each once.
    pub(crate) fn ids<T: FromStr<Err = Malformed>>(&mut self, texts: &[At<String>]) -> Vec<T> {
        let mut seen = BTreeSet::new();
        let mut ids = Vec::new();
        for text in texts {
            let id = self.id(text);
            if id.is_some() && !seen.insert(&text.value) {
                self.refuse(text.at, format!("`{}` stands here for the second time", text.value));
            }
            ids.extend(id);
        }
        ids
    }

    /// An account's digits must stand in quotes: half of the YAML readers drop the leading zero of a bare number.
    pub(crate) fn account(&mut self, text: &At<String>) -> Option<AccountId> {
        let id = self.id(text)?;
        if !text.quoted {
            let fault = Fault::new(text.at, format!("the account id `{id}` stands here as a number"));
            self.fault(fault.hint(format!("put it in quotes: \"{id}\"")));
        }
        Some(id)
    }

    /// A duration within these bounds, told in the words of `bounds`.
    pub(crate) fn duration(&mut self, text: &At<String>, least: u64, most: u64, bounds: &str) -> Option<Duration> {
        let duration =
            id::duration(&text.value).map_err(|malformed| self.refuse(text.at, malformed.to_string())).ok()?;
        if !(least..=most).contains(&duration.as_secs()) {
            self.refuse(text.at, format!("`{}` is out of bounds: {bounds}", text.value));
        }
        Some(duration)
    }

    /// The name of an SSM parameter.
    pub(crate) fn parameter(&mut self, name: &At<String>) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        if name.value.is_empty() {
            let fault = Fault::new(name.at, "an SSM parameter's name is missing here");
            self.fault(fault.hint("name the one that holds the value, such as `/team/value`"));
        } else if name.value.len() > 1_011 || !name.value.chars().all(fits) {
            self.refuse(name.at, format!("`{}` is not the name of an SSM parameter", brief(&name.value)));
        }
    }

    /// A text of at most so many characters, and not without any.
    pub(crate) fn length(&mut self, text: &At<String>, what: &str, most: usize) {
        let length = text.value.chars().count();
        if length == 0 {
            self.refuse(text.at, format!("{what} is empty"));
        }
        if length > most {
            self.refuse(
                text.at,
                format!("{what} `{}` has {length} characters, {most} are allowed", brief(&text.value)),
            );
        }
    }

    /// Refuses a field that the design has and this version does not act on.
    pub(crate) fn unsupported<T>(&mut self, name: &str, field: Option<&At<T>>) {
        if let Some(field) = field {
            let fault = Fault::new(field.at, format!("`{name}` is not supported by this version"));
            self.fault(fault.hint("take it out: nothing would act on it"));
        }
    }
}
