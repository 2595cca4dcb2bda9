//! Programs, run as they are and measured from outside: processor time, peak memory, wall time.
//!
//! Each measured program runs under a process of its own (this very program, called as `figures measure`), which has no
//! other child. So what the system counts of that process's children is what the one program took, with everything that
//! it started itself. It also keeps the peak honest: a child is charged with the memory that its parent had when it was
//! started, and that parent is a few MiB small.

use crate::machine::{now, peak_of_children, processor};
use nix::sys::resource::UsageWho;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasureError {
    /// A program could not be run.
    #[error("`{0}` could not be run: {1}")]
    Program(String, io::Error),
    /// A program did not do what it was asked.
    #[error("`{0}` failed: {1}")]
    Failed(String, String),
    /// A file.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, io::Error),
    /// What was to be measured did not happen.
    #[error("{0}")]
    Untrue(String),
}

/// What a run of a program took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Processor seconds, user and system.
    pub(crate) processor: f64,
    /// The most memory that it, or any one program that it started, had at a time, in bytes.
    pub(crate) peak: u64,
}

/// A program, its arguments and everything that it knows of its surroundings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    /// Which.
    pub(crate) file: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Its environment: this and nothing else.
    pub(crate) environment: BTreeMap<String, String>,
    /// Where it is run.
    pub(crate) folder: PathBuf,
}

/// A run of a program.
#[derive(Debug)]
pub(crate) struct Run {
    /// What it took.
    pub(crate) cost: Cost,
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) out: String,
    /// What it complained of.
    pub(crate) err: String,
}

impl Program {
    /// As it is, not measured.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.args(&self.arguments).env_clear().envs(&self.environment).current_dir(&self.folder);
        command.stdin(Stdio::null());
        command
    }

    /// Runs it to its end, and measures it.
    pub(crate) fn run(&self) -> Result<Run, MeasureError> {
        let name = || self.name();
        let itself = std::env::current_exe().map_err(|error| MeasureError::Program(name(), error))?;
        let scratch = tempfile::NamedTempFile::new().map_err(|error| MeasureError::Program(name(), error))?;
        let mut command = Command::new(itself);
        command.arg("measure").arg(scratch.path()).arg(&self.file).args(&self.arguments);
        command.env_clear().envs(&self.environment).current_dir(&self.folder).stdin(Stdio::null());
        let output = command.output().map_err(|error| MeasureError::Program(name(), error))?;
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let text = fs::read(scratch.path()).map_err(|error| MeasureError::File(scratch.path().into(), error))?;
        let cost = serde_json::from_slice(&text).map_err(|_| MeasureError::Failed(name(), last_lines(&err)))?;
        Ok(Run { cost, code: output.status.code(), out, err })
    }

    /// The same; anything but success is an error.
    pub(crate) fn succeed(&self) -> Result<Run, MeasureError> {
        let run = self.run()?;
        if run.code == Some(0) {
            return Ok(run);
        }
        let said = if run.err.trim().is_empty() { &run.out } else { &run.err };
        Err(MeasureError::Failed(self.name(), last_lines(said)))
    }

    fn name(&self) -> String {
        let program = self.file.file_name().unwrap_or_default().to_string_lossy();
        format!("{program} {}", self.arguments.join(" "))
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

/// The other side: runs one program, and writes to a file what it took. Its exit code is the program's.
pub(crate) fn measure(to: &Path, command: &[String]) -> Result<ExitCode, MeasureError> {
    let [file, arguments @ ..] = command else { return Ok(ExitCode::FAILURE) };
    let began = now();
    let status = Command::new(file).args(arguments).status();
    let wall = began.elapsed().as_secs_f64();
    let status = status.map_err(|error| MeasureError::Program(file.clone(), error))?;
    let cost = Cost { wall, processor: processor(UsageWho::RUSAGE_CHILDREN), peak: peak_of_children() };
    let text = serde_json::to_vec(&cost).map_err(|error| MeasureError::Failed(file.clone(), error.to_string()))?;
    fs::write(to, text).map_err(|error| MeasureError::File(to.into(), error))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
