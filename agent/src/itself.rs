//! What this agent knows of itself: its form, and where it lies if an updater put it there.
//!
//! Not here: whether it is the version that is asked for (`plan::update`), and who changes it ([`crate::update`]).

use jiff::SignedDuration;
use manifests::{
    id::Digest,
    release::{Form, Machine},
};
use plan::update::State;
use std::path::{Path, PathBuf};

/// How long a version has to prove itself, unless the updater is told otherwise.
pub(crate) const TRIAL: SignedDuration = SignedDuration::from_mins(30);
/// The folder of installed versions, below the updater's own.
pub(crate) const RELEASES: &str = "releases";
/// What the updater of a machine remembers.
pub(crate) const STATE: &str = "state.json";

/// What this agent knows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Itself {
    /// What it is, and what for.
    pub form: Form,
    /// What its place is called: its digest, or its number among a function's versions. `None` when nobody updates it.
    pub slot: Option<String>,
    /// What it is known by, if that is in the name of its place.
    pub sha256: Option<Digest>,
    /// Where the updater of this machine remembers.
    state: Option<PathBuf>,
}

impl Itself {
    /// What it is called by whoever started it: a program by its path, without links, and a function by its version.
    pub fn of(program: Option<&Path>, function: Option<String>) -> Self {
        if let Some(version) = function {
            // What runs as `$LATEST` can't be gone back to, and is nobody's slot.
            let slot =
                Some(version).filter(|version| version.bytes().all(|b| b.is_ascii_digit()) && !version.is_empty());
            return Self { form: Form::Function(Machine::HERE), slot, sha256: None, state: None };
        }
        let nobodys = Self { form: Form::Program(Machine::HERE), slot: None, sha256: None, state: None };
        let Some(folder) = program.and_then(Path::parent) else { return nobodys };
        let name = folder.file_name().and_then(|name| name.to_str());
        let (Some(sha256), Some(releases)) = (name.and_then(|name| name.parse().ok()), folder.parent()) else {
            return nobodys;
        };
        let state = releases.parent().map(|root| root.join(STATE));
        let is_one = releases.ends_with(RELEASES);
        if !is_one { nobodys } else { Self { slot: name.map(Into::into), sha256: Some(sha256), state, ..nobodys } }
    }

    /// This process.
    pub(crate) fn here() -> Self {
        let function = std::env::var("AWS_LAMBDA_FUNCTION_VERSION").ok().filter(|_| crate::lambda::is_here());
        Self::of(std::env::current_exe().ok().as_deref(), function)
    }

    /// Whether the updater of this machine says that this is the version that is good, and none other runs.
    pub(crate) fn is_good(&self) -> bool {
        let good = self.state().filter(|state| state.trial.is_none()).map(|state| state.good.name);
        good.is_some() && good == self.slot
    }

    /// What the updater of this machine remembers; nothing on none.
    pub(crate) fn state(&self) -> Option<State> {
        let text = crate::store::plain::read(self.state.as_ref()?, 1 << 20, true).ok()??;
        serde_json::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_a_folder_of_its_digest_and_a_numbered_version_have_an_updater() {
        let sum = Digest::of(b"x").to_string();
        let program = |path: &str| Itself::of(Some(Path::new(path)), None).slot;
        assert_eq!(program(&format!("/opt/holdfast/releases/{sum}/holdfast")), Some(sum.clone()));
        assert_eq!(program(&format!("/opt/holdfast/other/{sum}/holdfast")), None);
        assert_eq!(program("/opt/holdfast/releases/1/holdfast"), None);
        assert_eq!(program("/usr/bin/holdfast"), None);
        assert_eq!(program("holdfast"), None);
        let function = |version: &str| Itself::of(None, Some(version.into())).slot;
        assert_eq!(function("7"), Some("7".into()));
        assert_eq!((function("$LATEST"), function("")), (None, None));
    }
}
