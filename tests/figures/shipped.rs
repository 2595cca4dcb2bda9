//! The program that ships: built as it ships, and how large it is.

use crate::{
    figure::{Figure, Unit},
    process::MeasureError,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Builds these packages in the release profile, and answers where the agent is, or would be.
pub(crate) fn built(packages: &[&str]) -> Result<PathBuf, MeasureError> {
    let name = || "cargo build".to_owned();
    let itself = std::env::current_exe().map_err(|error| MeasureError::Program(name(), error))?;
    let profile = itself.parent().unwrap_or_else(|| Path::new("."));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--quiet", "--locked"]);
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let built = cargo.status().map_err(|error| MeasureError::Program(name(), error))?;
    if !built.success() {
        return Err(MeasureError::Failed(name(), format!("{} does not build", packages.join(" and "))));
    }
    Ok(profile.with_file_name("release").join("holdfast"))
}

/// The hub beside an agent.
pub(crate) fn hub(holdfast: &Path) -> PathBuf {
    holdfast.with_file_name("holdfast-hub")
}

/// How large it is.
pub(crate) fn size(holdfast: &Path) -> Result<Figure, MeasureError> {
    let data = fs::metadata(holdfast).map_err(|error| MeasureError::File(holdfast.into(), error))?;
    let figure = Figure::new("shipped binary, stripped", data.len() as f64, Unit::Mebibytes);
    Ok(figure.at_most(20.0 * f64::from(1 << 20)))
}
