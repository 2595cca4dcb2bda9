//! Versions of the agent on a machine: each in a folder of its digest, one link to what runs and one to what is good.
//!
//! ```text
//! <folder>/releases/<sha256>/holdfast
//! <folder>/current -> releases/<sha256>
//! <folder>/good    -> releases/<sha256>
//! <folder>/state.json
//! ```
//!
//! What is meant stands in `state.json`, written whole or not at all, before a link is moved; links are moved by renaming. So
//! after any end of this process the next run finds what was meant, and does the rest of it. A folder has its digest for its
//! name only once it is whole, verified, and on the disk itself.
//!
//! Not here: what is meant (`plan::update`).

use super::{Place, back, fetch};
use crate::{
    error::CommandError,
    itself::{RELEASES, STATE},
};
use aws_config::SdkConfig;
use jiff::Timestamp;
use manifests::{
    id::{Digest, Region},
    release::Version,
};
use plan::update::{Asked, Slot, State, worn};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What an agent is called in its folder.
const PROGRAM: &str = "holdfast";
/// Where one is put together.
const NEW: &str = ".new";

/// The folder of a machine's versions.
pub(super) struct Machine<'a> {
    root: PathBuf,
    restart: String,
    aws: Option<(&'a SdkConfig, Option<Region>)>,
    /// One updater at a time; held until it ends.
    _alone: Option<File>,
}

/// What is written down.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    state: State,
    /// Whether the agent has yet to be started anew.
    #[serde(default)]
    restart: bool,
}

impl<'a> Machine<'a> {
    /// For whoever only says that the agent starts.
    pub(super) fn at(root: &Path, restart: &str) -> Result<Self, CommandError> {
        let machine = Self { root: root.into(), restart: restart.into(), aws: None, _alone: None };
        let releases = machine.root.join(RELEASES);
        let made = fs::create_dir_all(&releases)
            .and_then(|()| open_to_all(&machine.root))
            .and_then(|()| open_to_all(&releases));
        made.map_err(|source| local("made", &releases, source))?;
        Ok(machine)
    }

    /// For the updater itself.
    pub(super) fn open(
        root: &Path,
        restart: &str,
        aws: &'a SdkConfig,
        region: Option<Region>,
    ) -> Result<Self, CommandError> {
        let machine = Self::at(root, restart)?;
        let path = root.join("update.lock");
        let alone = File::create(&path).map_err(|source| local("written", &path, source))?;
        alone
            .try_lock()
            .map_err(|_| CommandError::Refused("another updater is at work here; it ends by itself".into()))?;
        Ok(Self { aws: Some((aws, region)), _alone: Some(alone), ..machine })
    }

    /// What was meant last, with what was left half done put right; on a machine that has nothing yet, this program itself.
    pub(super) fn put_right(&self) -> Result<State, CommandError> {
        let _lock = self.locked()?;
        let written = self.read()?;
        self.link(&written.state)?;
        self.tidy(&written.state)?;
        Ok(written.state)
    }

    /// The agent is about to be started: a version that was often enough is gone back from at once.
    pub(super) fn started(&self, now: Timestamp) -> Result<State, CommandError> {
        let _lock = self.locked()?;
        let mut state = self.read()?.state.started();
        if let Some(why) = state.trial.as_ref().and_then(worn) {
            let (next, what) = back(state, Some(why), now);
            tracing::warn!("{what}");
            state = next;
        }
        self.write(&Written { state: state.clone(), restart: false })?;
        self.link(&state)?;
        Ok(state)
    }

    /// Starts the agent anew if it has yet to be. The lock is not held meanwhile: who is started says so.
    pub(super) fn restart_if_due(&self) -> Result<(), CommandError> {
        if !self.read()?.restart {
            return Ok(());
        }
        let mut words = self.restart.split_whitespace();
        let Some(program) = words.next() else { return Ok(()) };
        let ran = Command::new(program).args(words).stdin(Stdio::null()).status();
        let ran =
            ran.map_err(|source| CommandError::Local { what: format!("`{}` can't be run", self.restart), source })?;
        if !ran.success() {
            return Err(CommandError::Refused(format!(
                "`{}` ended with {ran}, so the agent is not started anew; it is tried again with the next run",
                self.restart
            )));
        }
        let _lock = self.locked()?;
        let written = self.read()?;
        self.write(&Written { restart: false, ..written })
    }

    /// The lock of `state.json`, for the moments in which it is read and written.
    fn locked(&self) -> Result<File, CommandError> {
        let path = self.root.join("state.lock");
        let lock = File::create(&path).and_then(|lock| lock.lock().map(|()| lock));
        lock.map_err(|source| local("locked", &path, source))
    }

    /// What is written down. A package that was installed since, and is newer, is what is good then: whoever installs one
    /// means it.
    fn read(&self) -> Result<Written, CommandError> {
        let path = self.root.join(STATE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(local("read", &path, source)),
        };
        let written = text.and_then(|text| serde_json::from_str::<Written>(&text).ok());
        let own: Option<Version> = env!("CARGO_PKG_VERSION").parse().ok();
        let newer = |state: &State| state.trial.is_none() && own.as_ref().is_some_and(|own| *own > state.good.version);
        match written {
            Some(written) if !newer(&written.state) => Ok(written),
            before => {
                let version = own.ok_or_else(|| CommandError::Refused("this build has no version to go by".into()))?;
                let state = State::new(self.enlist(version)?);
                let state = State { fell: before.as_ref().and_then(|before| before.state.fell.clone()), ..state };
                // The first time nothing is started anew: whoever sets this up starts the agent.
                let written = Written { state, restart: before.is_some() };
                self.write(&written)?;
                Ok(written)
            }
        }
    }

    /// Puts this program itself beside the others.
    fn enlist(&self, version: Version) -> Result<Slot, CommandError> {
        let own = std::env::current_exe()
            .map_err(|source| CommandError::Local { what: "this program can't be found".into(), source })?;
        let bytes = fs::read(&own).map_err(|source| local("read", &own, source))?;
        let sha256 = Digest::of(&bytes);
        let place = self.slot(&sha256.to_string());
        if !place.exists() {
            let write = |file: &mut File| file.write_all(&bytes).and_then(|()| file.sync_all());
            let made = self.make().and_then(|mut file| write(&mut file)).and_then(|()| self.complete(&place));
            made.map_err(|source| local("written", &place, source))?;
        }
        Ok(Slot { name: sha256.to_string(), version, sha256 })
    }

    fn write(&self, written: &Written) -> Result<(), CommandError> {
        let (path, beside) = (self.root.join(STATE), self.root.join("state.new"));
        let text = serde_json::to_string_pretty(written).unwrap_or_default();
        let write = || {
            let mut file = File::create(&beside)?;
            file.set_permissions(fs::Permissions::from_mode(0o644))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            sync(&self.root)
        };
        write().map_err(|source| local("written", &path, source))
    }

    fn slot(&self, name: &str) -> PathBuf {
        self.root.join(RELEASES).join(name)
    }

    /// Points the links at what is meant.
    fn link(&self, state: &State) -> Result<(), CommandError> {
        for (name, slot) in [("good", &state.good), ("current", state.current())] {
            let (path, target) = (self.root.join(name), Path::new(RELEASES).join(&slot.name));
            if fs::read_link(&path).is_ok_and(|found| found == target) {
                continue;
            }
            let beside = self.root.join(format!("{name}.new"));
            let link = || {
                gone(fs::remove_file(&beside))?;
                symlink(&target, &beside)?;
                fs::rename(&beside, &path)?;
                sync(&self.root)
            };
            link().map_err(|source| local("written", &path, source))?;
        }
        Ok(())
    }

    /// Removes every folder that nothing is meant with.
    fn tidy(&self, state: &State) -> Result<(), CommandError> {
        let releases = self.root.join(RELEASES);
        let fetched = state.fetched.as_ref().map(|fetched| fetched.slot.name.as_str());
        let meant = [Some(state.good.name.as_str()), Some(state.current().name.as_str()), fetched];
        let tidy = || {
            for entry in fs::read_dir(&releases)? {
                let entry = entry?;
                if !meant.contains(&entry.file_name().to_str()) {
                    fs::remove_dir_all(entry.path())?;
                }
            }
            Ok(())
        };
        tidy().map_err(|source| local("tidied", &releases, source))
    }

    /// A file to write a new version into, in a folder of its own.
    fn make(&self) -> io::Result<File> {
        let new = self.slot(NEW);
        gone(fs::remove_dir_all(&new))?;
        fs::create_dir(&new)?;
        open_to_all(&new)?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(new.join(PROGRAM))
    }

    /// What was written is whole: only now may it be run, and only now has it its name.
    fn complete(&self, place: &Path) -> io::Result<()> {
        let new = self.slot(NEW);
        fs::set_permissions(new.join(PROGRAM), fs::Permissions::from_mode(0o755))?;
        File::open(new.join(PROGRAM))?.sync_all()?;
        sync(&new)?;
        fs::rename(&new, place)?;
        sync(&self.root.join(RELEASES))
    }
}

impl Place for Machine<'_> {
    async fn fetch(&self, asked: &Asked) -> Result<Slot, String> {
        let slot = Slot { name: asked.sha256.to_string(), version: asked.version.clone(), sha256: asked.sha256 };
        let place = self.slot(&slot.name);
        let Some((aws, region)) = &self.aws else { return Err("there is nobody to fetch it".into()) };
        if place.exists() {
            return Ok(slot);
        }
        let unwritten = |error: io::Error| format!("{} can't be written: {error}", place.display());
        let mut file = self.make().map_err(unwritten)?;
        fetch::fetch((&asked.from, asked.sha256), &mut file, (aws, region.as_ref())).await?;
        self.complete(&place).map_err(unwritten)?;
        Ok(slot)
    }

    async fn settle(&self, state: &State) -> Result<(), CommandError> {
        let _lock = self.locked()?;
        let before = self.read()?;
        let restart = before.restart || before.state.current() != state.current();
        self.write(&Written { state: state.clone(), restart })?;
        self.link(state)
    }
}

/// The agent's user looks in here, whatever the mask of this process takes away.
fn open_to_all(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

/// A folder's own entries reach the disk.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What is not there need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn local(done: &str, path: &Path, source: io::Error) -> CommandError {
    CommandError::Local { what: format!("{} can't be {done}", path.display()), source }
}
