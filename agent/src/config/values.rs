//! Single values of the configuration: what each may be, and what it is when nobody says.
//!
//! Not here: where they come from ([`super`]).

use super::{ConfigError, MemoryPlace};
use crate::{git::tags::Prefix, ready::Handle};
use manifests::id::Malformed;
use plan::quote::quote;
use std::path::PathBuf;

pub(super) fn value(key: &'static str, why: &Malformed) -> ConfigError {
    ConfigError::Value { key, why: why.to_string() }
}

pub(super) fn parsed<T: std::str::FromStr<Err = Malformed>>(
    key: &'static str,
    text: Option<String>,
) -> Result<Option<T>, ConfigError> {
    text.map(|text| text.parse()).transpose().map_err(|error| value(key, &error))
}

pub(super) fn memory_place(text: Option<String>) -> Result<MemoryPlace, ConfigError> {
    let text = text.unwrap_or_else(|| "ssm:/holdfast/memory".into());
    match text.split_once(':') {
        Some(("ssm", name)) if name.starts_with('/') => Ok(MemoryPlace::Parameter(name.to_owned())),
        Some(("file", path)) if !path.is_empty() => Ok(MemoryPlace::File(path.into())),
        _ => {
            Err(ConfigError::Value { key: "--memory", why: format!("`{text}` is neither `ssm:/name` nor `file:PATH`") })
        }
    }
}

/// A bucket's name, by the rules for those ("General purpose bucket naming rules"), with room for what stands in it.
pub(super) fn bucket(text: Option<String>) -> Result<Option<String>, ConfigError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let name = text.replace("{account}", "012345678901").replace("{region}", "eu-central-1");
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if (3..=63).contains(&name.len()) && name.chars().all(fits) && !name.starts_with(['-', '.']) {
        return Ok(Some(text));
    }
    let why = "is the name of a bucket: 3 to 63 of `a-z`, `0-9`, `-` and `.`, with `{account}` and `{region}` where they \
               should stand";
    Err(ConfigError::Value { key: "--artifact-bucket", why: why.into() })
}

/// Whose words it is refused in never holds the URL: whoever has it can say that the account is ready.
pub(super) fn handle(text: Option<String>) -> Result<Option<Handle>, ConfigError> {
    let text = text.filter(|text| !text.is_empty());
    let wrong = |why| ConfigError::Value { key: "--ready-signal", why };
    text.map(|text| text.parse().map_err(wrong)).transpose()
}

/// What the names of the tags begin with that may speak for a head.
pub(super) fn tags(text: Option<String>) -> Result<Option<Prefix>, ConfigError> {
    let wrong = |text: &str, why| ConfigError::Value { key: "--signed-tags", why: format!("`{}` {why}", quote(text)) };
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|why| wrong(&text, why))).transpose()
}

/// The owner travels as a tag's value.
pub(super) fn owner(text: Option<String>) -> Result<String, ConfigError> {
    let text = text.unwrap_or_else(|| "holdfast".into());
    let fits =
        !text.is_empty() && text.len() <= 128 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if fits {
        return Ok(text);
    }
    Err(ConfigError::Value { key: "--owner", why: "may hold letters, digits and `-_.`, at most 128".into() })
}

/// `$XDG_CACHE_HOME/holdfast`, `~/.cache/holdfast`, or a folder for temporary files where there is no home (Lambda).
pub(super) fn default_cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    home.unwrap_or_else(std::env::temp_dir).join("holdfast")
}
