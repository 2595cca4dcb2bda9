//! The programs that ship, built if they are not.

use crate::stage::StageError;
use std::{path::PathBuf, process::Command};

/// Where the built programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The agent.
    pub(crate) holdfast: PathBuf,
    /// The hub.
    pub(crate) hub: PathBuf,
}

impl Programs {
    /// Builds agent and hub, in the profile that this program was built in.
    pub(crate) fn built() -> Result<Self, StageError> {
        let itself = std::env::current_exe().map_err(|error| StageError::Program("cargo demo".into(), error))?;
        let folder = itself.parent().unwrap_or_else(|| std::path::Path::new(".")).to_path_buf();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // By name and not by package: then cargo takes the features that the whole workspace asks for, as it did for this
        // program, and builds no dependency twice.
        cargo.args(["build", "--quiet", "--locked", "--bin", "holdfast", "--bin", "holdfast-hub"]);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let built = cargo.status().map_err(|error| StageError::Program("cargo build".into(), error))?;
        if !built.success() {
            return Err(StageError::Failed("cargo build".into(), "the agent and the hub do not build".into()));
        }
        Ok(Self { holdfast: folder.join("holdfast"), hub: folder.join("holdfast-hub") })
    }
}
