//! What this agent knows of itself: its form, and where it lies if an updater put it there.
//!
//! A function is updated where it is one of two, which its environment says: `HOLDFAST_DEPLOYED` is the digest of the code that
//! both were deployed with, and `HOLDFAST_NEXT` the name of the other one, said only to the one that gets every event.
//!
//! Not here: whether it is the version that is asked for (`plan::update`), and who changes it ([`crate::update`]).

use manifests::{
    id::Digest,
    release::{Form, Machine},
};
use plan::update::{State, called};
use std::path::{Path, PathBuf};

/// The folder of installed versions, below the updater's own.
pub(crate) const RELEASES: &str = "releases";
/// What the updater of a machine remembers.
pub(crate) const STATE: &str = "state.json";

/// What this agent knows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Itself {
    /// What it is, and what for.
    pub form: Form,
    /// What its place is called: its digest, or which of two functions it is. `None` when nobody updates it.
    pub slot: Option<String>,
    /// The function on which another version is tried, if this one has such.
    pub other: Option<Other>,
    /// Why it could not be looked at lately what is asked for, where the agent is its own updater.
    pub unlooked: Option<String>,
    /// What it is known by, if that is in the name of its place.
    pub sha256: Option<Digest>,
    /// Where the updater of this machine remembers.
    state: Option<PathBuf>,
}

/// A function of the same deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its name, by which it is invoked.
    pub function: String,
    /// What its place is called.
    pub slot: String,
}

/// What a function's environment says of it.
#[derive(Debug, Clone, Default)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it was deployed with.
    pub deployed: Option<String>,
    /// The function on which it tries another version.
    pub next: Option<String>,
}

impl Itself {
    /// What it is called by whoever started it: a program by its path, without links, and a function by its environment.
    pub fn of(program: Option<&Path>, function: Option<Function>) -> Self {
        let nobodys = Self {
            form: Form::Program(Machine::HERE),
            slot: None,
            other: None,
            unlooked: None,
            sha256: None,
            state: None,
        };
        if let Some(Function { name, deployed, next }) = function {
            let slot =
                |name: &str| deployed.as_ref().filter(|it| !it.is_empty()).map(|deployed| called(name, deployed));
            let other = next.filter(|next| !next.is_empty() && *next != name);
            let other = other.and_then(|function| slot(&function).map(|slot| Other { function, slot }));
            return Self { form: Form::Function(Machine::HERE), slot: slot(&name), other, ..nobodys };
        }
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
        let said = |name: &str| std::env::var(name).ok();
        let function = said("AWS_LAMBDA_FUNCTION_NAME").filter(|_| crate::lambda::is_here());
        let function =
            function.map(|name| Function { name, deployed: said("HOLDFAST_DEPLOYED"), next: said("HOLDFAST_NEXT") });
        Self::of(std::env::current_exe().ok().as_deref(), function)
    }

    /// Whether what an updater remembers is about this one.
    pub(crate) fn is_meant(&self, state: &State) -> bool {
        // On a machine it lies beside what it is about.
        self.state.is_some() || self.slot.as_ref().is_some_and(|slot| state.is_of(slot))
    }

    /// Whether this is the version that is good, and none other runs: the updater of its machine says so, or it is the function that
    /// gets events, which is no other by definition.
    pub(crate) fn is_good(&self) -> bool {
        if self.other.is_some() {
            return true;
        }
        let good = self.state().filter(|state| state.trial.is_none()).map(|state| state.good.name);
        good.is_some() && good == self.slot
    }

    /// What the updater of this machine remembers; nothing on none.
    pub(crate) fn state(&self) -> Option<State> {
        let text = crate::store::plain::read(self.state.as_ref()?, (1 << 20, true)).ok()??;
        serde_json::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_a_folder_of_its_digest_and_one_of_two_functions_have_an_updater() {
        let sum = Digest::of(b"x").to_string();
        let program = |path: &str| Itself::of(Some(Path::new(path)), None).slot;
        assert_eq!(program(&format!("/opt/holdfast/releases/{sum}/holdfast")), Some(sum.clone()));
        assert_eq!(program(&format!("/opt/holdfast/other/{sum}/holdfast")), None);
        assert_eq!(program("/opt/holdfast/releases/1/holdfast"), None);
        assert_eq!(program("/usr/bin/holdfast"), None);
        assert_eq!(program("holdfast"), None);
        let function = |deployed: Option<&str>, next: Option<&str>| {
            let [deployed, next] = [deployed, next].map(|said| said.map(Into::into));
            let itself = Itself::of(None, Some(Function { name: "agent".into(), deployed, next }));
            assert_eq!(itself.is_good(), itself.other.is_some(), "the one that gets events is the good one");
            (itself.slot, itself.other.map(|other| (other.function, other.slot)))
        };
        let slot = |name: &str| Some(format!("{name}@{}", &sum[..16]));
        assert_eq!(function(Some(&sum), None), (slot("agent"), None));
        assert_eq!(function(Some(&sum), Some("next")), (slot("agent"), slot("next").map(|slot| ("next".into(), slot))));
        // Who tries another version on itself has nothing to fall back to.
        assert_eq!(function(Some(&sum), Some("agent")), (slot("agent"), None));
        assert_eq!((function(None, Some("next")), function(Some(""), Some("next"))), ((None, None), (None, None)));
    }
}
