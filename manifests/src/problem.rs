//! What could not be read, where, and what to do about it.

use crate::id::{Name, RepoPath};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing wrong with the repository. It costs the stacks it names and nobody else's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// The file, from the repository's root.
    pub file: RepoPath,
    /// Line, from 1; 0 when the problem is the file as a whole.
    #[serde(default)]
    pub line: u32,
    /// Column, from 1; 0 when the problem is the line as a whole.
    #[serde(default)]
    pub column: u32,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The manifest that it costs, if its name could still be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Name>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, hint, manifest: _ } = self;
        match (line, column) {
            (0, _) => write!(f, "{file}: {message}")?,
            (line, 0) => write!(f, "{file}:{line}: {message}")?,
            (line, column) => write!(f, "{file}:{line}:{column}: {message}")?,
        }
        hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  hint: {hint}"))
    }
}
