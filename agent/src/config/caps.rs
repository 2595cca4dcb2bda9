//! The limits on what a repository may bring, as they are said: flags, environment, file.
//!
//! Not here: why each is as large as it is ([`Limits`]), nor any limit that the account sets (its guardrails).

use super::ConfigError;
use crate::git::{Limits, limits::option};
use clap::Args;
use std::time::Duration;

const HEADING: &str = "Limits on what a repository may bring (sizes as in 256MiB)";

/// What was said about them.
#[derive(Debug, Clone, Default, Args)]
pub struct Caps {
    /// How long one look at the repository may take [default: 120s]
    #[arg(long, global = true, env = "HOLDFAST_GIT_TIMEOUT", value_name = "TIME", help_heading = HEADING)]
    pub git_timeout: Option<String>,
    /// How long a git server may say nothing [default: 20s]
    #[arg(long, global = true, env = "HOLDFAST_GIT_IDLE", value_name = "TIME", help_heading = HEADING)]
    pub git_idle: Option<String>,
    /// How much one look may bring [default: 256MiB]
    #[arg(long, global = true, env = "HOLDFAST_GIT_BYTES", value_name = "SIZE", help_heading = HEADING)]
    pub git_bytes: Option<String>,
    /// How many objects one pack may announce [default: 250000]
    #[arg(long, global = true, env = "HOLDFAST_GIT_OBJECTS", value_name = "N", help_heading = HEADING)]
    pub git_objects: Option<u64>,
    /// How large an object may be that is unpacked, in memory [default: 64MiB]
    #[arg(long, global = true, env = "HOLDFAST_GIT_OBJECT_BYTES", value_name = "SIZE", help_heading = HEADING)]
    pub git_object_bytes: Option<String>,
    /// How many commits back one look goes to prove that the branch was not rewritten [default: 16384]
    #[arg(long, global = true, env = "HOLDFAST_GIT_DEPTH", value_name = "N", help_heading = HEADING)]
    pub git_depth: Option<u32>,
    /// How many files and folders a commit may have [default: 100000]
    #[arg(long, global = true, env = "HOLDFAST_GIT_ENTRIES", value_name = "N", help_heading = HEADING)]
    pub git_entries: Option<u64>,
    /// How many folders may stand inside each other [default: 64]
    #[arg(long, global = true, env = "HOLDFAST_GIT_NESTING", value_name = "N", help_heading = HEADING)]
    pub git_nesting: Option<u64>,
    /// How many `*.yaml` files there may be below the configured path [default: 20000]
    #[arg(long, global = true, env = "HOLDFAST_GIT_MANIFESTS", value_name = "N", help_heading = HEADING)]
    pub git_manifests: Option<u64>,
    /// How large one of them may be [default: 1MiB]
    #[arg(long, global = true, env = "HOLDFAST_GIT_MANIFEST_BYTES", value_name = "SIZE", help_heading = HEADING)]
    pub git_manifest_bytes: Option<String>,
    /// How large all of them together may be [default: 64MiB]
    #[arg(long, global = true, env = "HOLDFAST_GIT_TOTAL_BYTES", value_name = "SIZE", help_heading = HEADING)]
    pub git_total_bytes: Option<String>,
}

impl Caps {
    /// These over those over the defaults.
    ///
    /// # Errors
    /// When one can't be understood, or would let nothing in.
    pub(super) fn over(self, file: Self) -> Result<Limits, ConfigError> {
        let otherwise = Limits::default();
        Ok(Limits {
            deadline: time(option::TIMEOUT, self.git_timeout.or(file.git_timeout), otherwise.deadline)?,
            idle: time(option::IDLE, self.git_idle.or(file.git_idle), otherwise.idle)?,
            bytes: size(option::BYTES, self.git_bytes.or(file.git_bytes), otherwise.bytes)?,
            objects: count(option::OBJECTS, self.git_objects.or(file.git_objects), otherwise.objects)?,
            object_bytes: size(
                option::OBJECT_BYTES,
                self.git_object_bytes.or(file.git_object_bytes),
                otherwise.object_bytes,
            )?,
            depth: count(option::DEPTH, self.git_depth.or(file.git_depth), otherwise.depth)?,
            entries: count(option::ENTRIES, self.git_entries.or(file.git_entries), otherwise.entries)?,
            nesting: count(option::NESTING, self.git_nesting.or(file.git_nesting), otherwise.nesting)?,
            manifests: count(option::MANIFESTS, self.git_manifests.or(file.git_manifests), otherwise.manifests)?,
            manifest_bytes: size(
                option::MANIFEST_BYTES,
                self.git_manifest_bytes.or(file.git_manifest_bytes),
                otherwise.manifest_bytes,
            )?,
            total_bytes: size(
                option::TOTAL_BYTES,
                self.git_total_bytes.or(file.git_total_bytes),
                otherwise.total_bytes,
            )?,
        })
    }
}

fn time(key: &'static str, said: Option<String>, otherwise: Duration) -> Result<Duration, ConfigError> {
    let Some(text) = said else { return Ok(otherwise) };
    let time = manifests::id::duration(&text).map_err(|error| super::value(key, &error))?;
    if time.is_zero() { Err(nothing(key)) } else { Ok(time) }
}

fn count<T: PartialEq + Default>(key: &'static str, said: Option<T>, otherwise: T) -> Result<T, ConfigError> {
    let count = said.unwrap_or(otherwise);
    if count == T::default() { Err(nothing(key)) } else { Ok(count) }
}

/// A whole number and its unit.
fn size(key: &'static str, said: Option<String>, otherwise: u64) -> Result<u64, ConfigError> {
    let Some(text) = said else { return Ok(otherwise) };
    match manifests::id::size(&text).map_err(|error| super::value(key, &error))? {
        0 => Err(nothing(key)),
        bytes => Ok(bytes),
    }
}

fn nothing(key: &'static str) -> ConfigError {
    ConfigError::Value { key, why: "with 0 nothing could ever be read".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<u64, &str>) {
        match (size("--git-bytes", Some(text.into()), 0), expect) {
            (Ok(bytes), Ok(expect)) => assert_eq!(bytes, expect),
            (Err(error), Err(words)) => {
                let error = error.to_string();
                assert!(error.contains("`--git-bytes`") && error.contains(words), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_size_is_a_number_and_its_unit() {
        check("7B", Ok(7));
        check("64KiB", Ok(65_536));
        check("256MiB", Ok(268_435_456));
        check("2GiB", Ok(2_147_483_648));
        for text in ["", "256", "MiB", "256 MiB", "256MB", "-1B", "1.5GiB", "99999999999GiB"] {
            check(text, Err("as in `256MiB`"));
        }
        check("0B", Err("nothing could ever be read"));
    }

    #[test]
    fn a_flag_wins_over_the_file_and_what_nobody_said_is_the_default() {
        let flag = Caps { git_entries: Some(7), ..Caps::default() };
        let file = Caps { git_entries: Some(8), git_idle: Some("3s".into()), ..Caps::default() };
        let limits = flag.over(file).unwrap();
        assert_eq!(limits, Limits { entries: 7, idle: Duration::from_secs(3), ..Limits::default() });
        for caps in [
            Caps { git_depth: Some(0), ..Caps::default() },
            Caps { git_timeout: Some("0s".into()), ..Caps::default() },
            Caps { git_idle: Some("soon".into()), ..Caps::default() },
        ] {
            assert!(caps.over(Caps::default()).is_err());
        }
    }
}
