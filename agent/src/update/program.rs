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
//! name only once it is whole, verified, and on the disk itself. All of it belongs to whoever runs the updater, and what lies
//! there and is something else than what is meant to is refused, or made anew.
//!
//! Not here: what is meant (`plan::update`).

use super::{
    Place, back, fetch,
    folder::{self, Draft},
};
use crate::{
    clock::SystemClock,
    cloud::{Clock, count::Calls},
    error::CommandError,
    itself::{RELEASES, STATE},
    store::plain,
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
    cell::{Cell, RefCell},
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// More than what is written down ever has.
const MOST: u64 = 1 << 20;

/// The folder of a machine's versions.
pub(super) struct Machine<'a> {
    root: PathBuf,
    restart: String,
    aws: Option<(&'a SdkConfig, Option<Region>)>,
    /// What AWS says of the time, once it was asked anything.
    calls: Option<Calls>,
    /// The package's own program; this one, where nothing else is said.
    package: Option<PathBuf>,
    /// One updater at a time; held until it ends.
    _alone: Option<File>,
    /// What was read or written last by this process, and whether somebody wrote something else since.
    known: RefCell<Option<State>>,
    overtaken: Cell<bool>,
}

/// What is written down.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    state: State,
    /// Whether the agent has yet to be started anew.
    #[serde(default)]
    restart: bool,
    /// The package's program, as it was when it was looked at last.
    #[serde(default)]
    package: Option<Package>,
}

/// What a package has installed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Package {
    version: Version,
    sha256: Digest,
}

impl<'a> Machine<'a> {
    /// For whoever only says that the agent starts.
    pub(super) fn at(root: &Path, restart: &str) -> Result<Self, CommandError> {
        let releases = root.join(RELEASES);
        let made = fs::create_dir_all(root).and_then(|()| folder::mine(root, true));
        made.map_err(|source| local("used", root, source))?;
        let made = folder::made(&releases).and_then(|()| folder::mine(&releases, false));
        made.map_err(|source| local("used", &releases, source))?;
        Ok(Self {
            root: root.into(),
            restart: restart.into(),
            aws: None,
            calls: None,
            package: None,
            _alone: None,
            known: RefCell::default(),
            overtaken: Cell::default(),
        })
    }

    /// For the updater itself.
    pub(super) fn open(
        (root, restart): (&Path, &str),
        (aws, region): (&'a SdkConfig, Option<Region>),
        calls: Calls,
    ) -> Result<Self, CommandError> {
        let machine = Self::at(root, restart)?;
        let path = root.join("update.lock");
        let alone = plain::lock(&path).map_err(|source| local("locked", &path, source))?;
        alone
            .try_lock()
            .map_err(|_| CommandError::Refused("another updater is at work here; it ends by itself".into()))?;
        Ok(Self { aws: Some((aws, region)), calls: Some(calls), _alone: Some(alone), ..machine })
    }

    /// What was meant last, with what was left half done put right; on a machine that has nothing yet, this program itself.
    pub(super) fn put_right(&self) -> Result<State, CommandError> {
        let _lock = self.locked()?;
        let written = self.read()?;
        self.link(&written.state)?;
        self.tidy(&written.state)?;
        self.know(&written.state);
        Ok(written.state)
    }

    /// Whether somebody wrote something else down than what this process went by, so that what it meant to was not.
    pub(super) fn is_overtaken(&self) -> bool {
        self.overtaken.get()
    }

    fn know(&self, state: &State) {
        *self.known.borrow_mut() = Some(state.clone());
        self.overtaken.set(false);
    }

    /// The agent is about to be started: a version that was often enough is gone back from at once.
    pub(super) fn started(&self, now: Timestamp) -> Result<State, CommandError> {
        let _lock = self.locked()?;
        let written = self.read()?;
        let mut state = written.state.started();
        if let Some(why) = state.trial.as_ref().and_then(worn) {
            let (next, what) = back(state, Some(why), now);
            tracing::warn!("{what}");
            state = next;
        }
        self.write(&Written { state: state.clone(), restart: false, ..written })?;
        self.link(&state)?;
        Ok(state)
    }

    /// Starts the agent anew if it has yet to be. The lock is not held meanwhile: who is started says so.
    pub(super) fn restart_if_due(&self) -> Result<(), CommandError> {
        let is_due = || {
            let _lock = self.locked()?;
            Ok::<_, CommandError>(self.read()?.restart)
        };
        let mut words = self.restart.split_whitespace();
        let Some(program) = words.next() else { return Ok(()) };
        if !is_due()? {
            return Ok(());
        }
        let ran = Command::new(program).args(words).stdin(Stdio::null()).status();
        let (why, failed) = match ran {
            Ok(ran) if ran.success() => (None, None),
            Ok(ran) => {
                let why = format!("`{}` ended with {ran}", self.restart);
                let told = format!("{why}, so the agent is not started anew; it is tried again with the next run");
                (Some(why), Some(CommandError::Refused(told)))
            }
            Err(source) => {
                let what = format!("`{}` can't be run", self.restart);
                (Some(format!("{what}: {source}")), Some(CommandError::Local { what, source }))
            }
        };
        let _lock = self.locked()?;
        let written = self.read()?;
        let state = written.state.clone();
        let is_started = state.trial.as_ref().is_some_and(|trial| trial.starts > 0 || trial.waits.is_none());
        let (state, restart) = match &why {
            None => (state.running(self.now()), false),
            // It may have been started all the same, and have ended at once: who started it said so.
            Some(_) if is_started => (state, written.restart),
            Some(why) => (state.waiting(why), written.restart),
        };
        self.write(&Written { state, restart, ..written })?;
        failed.map_or(Ok(()), Err)
    }

    /// The lock of `state.json`, for the moments in which it is read and written.
    fn locked(&self) -> Result<File, CommandError> {
        let path = self.root.join("state.lock");
        let lock = plain::lock(&path).and_then(|lock| lock.lock().map(|()| lock));
        lock.map_err(|source| local("locked", &path, source))
    }

    /// What is written down. A package that was installed since, and is newer, is what is good then: whoever installs one
    /// means it. One that was looked at before is not: the commit asked for an older version since.
    fn read(&self) -> Result<Written, CommandError> {
        let path = self.root.join(STATE);
        let text = plain::read(&path, (MOST, true)).map_err(|source| local("read", &path, source))?;
        let before = text.and_then(|text| serde_json::from_str::<Written>(&text).ok());
        let own: Option<Version> = env!("CARGO_PKG_VERSION").parse().ok();
        let own = own.ok_or_else(|| CommandError::Refused("this build has no version to go by".into()))?;
        let Some(written) = before else { return self.begin(own) };
        if !self.has(&written.state.good) {
            // There is always one to go back to: this program itself.
            tracing::warn!(
                "version {} is not there any more: the package's own takes its place",
                written.state.good.version
            );
            return self.take(own, written);
        }
        let is_newer = own > written.state.good.version;
        // Nobody hashes a program each time that is the same as ever.
        let is_known = written.package.as_ref().is_some_and(|package| package.version == own);
        if written.state.trial.is_some() || is_known && !is_newer {
            return Ok(written);
        }
        let package = Package { sha256: Digest::of(&self.package()?), version: own.clone() };
        if written.package.as_ref() == Some(&package) {
            return Ok(written);
        }
        if is_newer {
            return self.take(own, written);
        }
        let written = Written { package: Some(package), ..written };
        self.write(&written)?;
        Ok(written)
    }

    /// Nothing is written down, or nothing that can be understood: this program is what is good.
    fn begin(&self, own: Version) -> Result<Written, CommandError> {
        let slot = self.enlist(own)?;
        // The first time nothing is started anew: whoever sets this up starts the agent.
        let current = fs::read_link(self.root.join("current")).ok();
        let restart = current.is_some_and(|current| !current.ends_with(&slot.name));
        let package = Some(Package { version: slot.version.clone(), sha256: slot.sha256 });
        let written = Written { state: State::new(slot), restart, package };
        self.write(&written)?;
        Ok(written)
    }

    /// This program takes the place of what was good. What was given up stays that.
    fn take(&self, own: Version, before: Written) -> Result<Written, CommandError> {
        let good = self.enlist(own)?;
        let package = Some(Package { version: good.version.clone(), sha256: good.sha256 });
        let restart = before.restart || before.state.trial.is_none();
        let written = Written { state: State { good, fetched: None, ..before.state }, restart, package };
        self.write(&written)?;
        Ok(written)
    }

    /// Whether a version is where it is said to be.
    fn has(&self, slot: &Slot) -> bool {
        fs::symlink_metadata(self.slot(&slot.name).join(folder::PROGRAM)).is_ok_and(|found| found.is_file())
    }

    /// The bytes of the package's own program.
    fn package(&self) -> Result<Vec<u8>, CommandError> {
        let own = self.package.clone().map_or_else(std::env::current_exe, Ok);
        let own = own.map_err(|source| CommandError::Local { what: "this program can't be found".into(), source })?;
        fs::read(&own).map_err(|source| local("read", &own, source))
    }

    /// Puts this program itself beside the others.
    fn enlist(&self, version: Version) -> Result<Slot, CommandError> {
        let bytes = self.package()?;
        let sha256 = Digest::of(&bytes);
        let place = self.slot(&sha256.to_string());
        if !folder::is_whole(&place, sha256, u64::MAX) {
            let put = || {
                let mut draft = Draft::new(&self.root.join(RELEASES))?;
                draft.file.write_all(&bytes)?;
                draft.complete(&place)
            };
            put().map_err(|source| local("written", &place, source))?;
        }
        Ok(Slot { name: sha256.to_string(), version, sha256 })
    }

    fn write(&self, written: &Written) -> Result<(), CommandError> {
        let path = self.root.join(STATE);
        let text = serde_json::to_string_pretty(written).unwrap_or_default();
        folder::replace(&path, text.as_bytes()).map_err(|source| local("written", &path, source))
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
                plain::clear(&beside)?;
                symlink(&target, &beside)?;
                if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
                    return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder, and no link; remove it"));
                }
                fs::rename(&beside, &path)?;
                folder::sync(&self.root)
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
                    plain::clear(&entry.path())?;
                }
            }
            Ok(())
        };
        tidy().map_err(|source| local("tidied", &releases, source))
    }
}

impl Place for Machine<'_> {
    async fn fetch(&self, asked: &Asked) -> Result<Slot, String> {
        let slot = Slot { name: asked.sha256.to_string(), version: asked.version.clone(), sha256: asked.sha256 };
        let place = self.slot(&slot.name);
        let Some((aws, region)) = &self.aws else { return Err("there is nobody to fetch it".into()) };
        if folder::is_whole(&place, asked.sha256, fetch::MOST) {
            return Ok(slot);
        }
        let unwritten = |error: io::Error| format!("{} can't be written: {error}", place.display());
        // What is left of it is removed when it comes to nothing: the disk may be full of it.
        let mut draft = Draft::new(&self.root.join(RELEASES)).map_err(unwritten)?;
        fetch::fetch((&asked.from, asked.sha256), &mut draft.file, (aws, region.as_ref())).await?;
        draft.complete(&place).map_err(unwritten)?;
        Ok(slot)
    }

    async fn settle(&self, state: &State) -> Result<(), CommandError> {
        let _lock = self.locked()?;
        let before = self.read()?;
        if self.known.borrow().as_ref().is_some_and(|known| *known != before.state) {
            self.overtaken.set(true);
            return Err(CommandError::Refused("the agent was started meanwhile; it is looked at anew".into()));
        }
        let restart = before.restart || before.state.current() != state.current();
        self.write(&Written { state: state.clone(), restart, ..before })?;
        self.know(state);
        self.link(state)
    }

    fn starts_later(&self) -> bool {
        true
    }

    /// The machine's clock, unless it is off what AWS says, as in a turn.
    fn now(&self) -> Timestamp {
        crate::world::agreed(SystemClock.now(), self.calls.as_ref().and_then(Calls::time))
    }
}

fn local(done: &str, path: &Path, source: io::Error) -> CommandError {
    CommandError::Local { what: format!("{} can't be {done}", path.display()), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plan::update::Did;
    use std::collections::BTreeSet;

    /// A machine whose package's program is a small file.
    struct Here {
        folder: tempfile::TempDir,
    }

    impl Here {
        fn new() -> Self {
            let here = Self { folder: tempfile::tempdir().unwrap() };
            here.package("the package's program");
            here
        }

        /// Installs a package.
        fn package(&self, program: &str) {
            fs::write(self.path("package"), program).unwrap();
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn root(&self, name: &str) -> PathBuf {
            self.path("opt").join(name)
        }

        fn machine(&self, restart: &str) -> Machine<'static> {
            let package = Some(self.path("package"));
            Machine { package, ..Machine::at(&self.path("opt"), restart).unwrap() }
        }

        /// Puts a release there, and answers what it is called.
        fn release(&self, version: &str, program: &str) -> Slot {
            let sha256 = Digest::of(program.as_bytes());
            let slot = Slot { name: sha256.to_string(), version: version.parse().unwrap(), sha256 };
            let mut draft = Draft::new(&self.root(RELEASES)).unwrap();
            draft.file.write_all(program.as_bytes()).unwrap();
            draft.complete(&self.root(RELEASES).join(&slot.name)).unwrap();
            slot
        }

        fn link(&self, name: &str) -> String {
            let link = fs::read_link(self.root(name)).unwrap();
            link.file_name().unwrap().to_str().unwrap().to_owned()
        }
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + 60 * minutes).unwrap()
    }

    /// What this release is put on trial with.
    fn tried(state: State, slot: Slot) -> State {
        state.fetched(slot, at(0)).tried(Did::default(), at(1)).waiting("nobody has started it yet")
    }

    #[tokio::test]
    async fn only_a_package_that_is_installed_anew_takes_the_place_of_what_the_commit_asked_for() {
        let here = Here::new();
        let machine = here.machine("true");
        let own = machine.put_right().unwrap();
        let older = here.release("0.0.1", "older");
        let state = tried(own.clone(), older.clone());
        machine.settle(&state).await.unwrap();
        machine.settle(&state.kept()).await.unwrap();
        for _ in 0..3 {
            assert_eq!(
                here.machine("true").put_right().unwrap().good,
                older,
                "the commit asked for it, and nobody for another one"
            );
            assert_eq!(here.machine("true").started(at(2)).unwrap().good, older);
        }
        here.package("another build of it");
        let good = here.machine("true").put_right().unwrap().good;
        assert_eq!((good.sha256, good.version), (Digest::of(b"another build of it"), own.good.version));
        assert_eq!((here.link("good"), here.link("current")), (good.name.clone(), good.name));
    }

    #[tokio::test]
    async fn what_somebody_wrote_meanwhile_is_not_written_over() {
        let here = Here::new();
        let machine = here.machine("true");
        let state = tried(machine.put_right().unwrap(), here.release("9.0.0", "next"));
        machine.settle(&state).await.unwrap();
        here.machine("true").started(at(2)).unwrap();
        machine.settle(&state.kept()).await.unwrap_err();
        assert!(machine.is_overtaken());
        let found = machine.put_right().unwrap();
        assert_eq!(found.trial.as_ref().map(|trial| trial.starts), Some(1));
        assert!(!machine.is_overtaken());
        machine.settle(&found.kept()).await.unwrap();
    }

    #[tokio::test]
    async fn what_can_t_be_started_is_told_as_that_and_its_time_begins_when_it_is() {
        let here = Here::new();
        let waits = |machine: &Machine<'_>| machine.put_right().unwrap().trial.unwrap().waits;
        let machine = here.machine("false");
        let state = tried(machine.put_right().unwrap(), here.release("9.0.0", "next"));
        machine.settle(&state).await.unwrap();
        let told = machine.restart_if_due().unwrap_err().to_string();
        assert_eq!(
            told,
            "`false` ended with exit status: 1, so the agent is not started anew; it is tried again with the next run"
        );
        assert_eq!(waits(&machine).as_deref(), Some("`false` ended with exit status: 1"));
        here.machine("/nowhere/at all").restart_if_due().unwrap_err();
        let why = waits(&machine).unwrap();
        assert!(why.starts_with("`/nowhere/at all` can't be run: "), "{why}");
        here.machine("true").restart_if_due().unwrap();
        let trial = machine.put_right().unwrap().trial.unwrap();
        assert_eq!(trial.waits, None);
        assert!(trial.since.is_some_and(|since| since > trial.began), "{trial:?}");
        // Done is done.
        here.machine("false").restart_if_due().unwrap();
    }

    #[tokio::test]
    async fn a_start_that_failed_at_once_was_one_all_the_same() {
        let here = Here::new();
        let machine = here.machine("false");
        let state = tried(machine.put_right().unwrap(), here.release("9.0.0", "next"));
        machine.settle(&state).await.unwrap();
        // systemd says both: that the agent is about to be started, and that it could not be.
        here.machine("true").started(at(2)).unwrap();
        machine.restart_if_due().unwrap();
        let state = machine.put_right().unwrap().seen(at(3));
        assert_eq!(state.trial.map(|trial| (trial.waits, trial.since)), Some((None, Some(at(3)))));
    }

    #[test]
    fn something_else_in_the_place_of_what_is_kept_is_refused_or_made_anew() {
        let elsewhere = |here: &Here| {
            fs::write(here.path("elsewhere"), "precious").unwrap();
            here.path("elsewhere")
        };
        let check = |what: &str, spoil: &dyn Fn(&Here), expect: Result<(), &str>| {
            let here = Here::new();
            let good = here.machine("true").put_right().unwrap().good;
            spoil(&here);
            let put = Machine::at(&here.path("opt"), "true")
                .map(|machine| Machine { package: Some(here.path("package")), ..machine })
                .and_then(|machine| machine.put_right());
            let said =
                put.map(|state| assert_eq!(state.good, good, "{what}")).map_err(|error| crate::error::chain(&error));
            match expect {
                Ok(()) => assert_eq!(said, Ok(()), "{what}"),
                Err(why) => assert!(said.as_ref().is_err_and(|said| said.contains(why)), "{what}: {said:?}"),
            }
            assert!(fs::read(here.path("elsewhere")).is_ok_and(|text| text == b"precious"), "{what}");
        };
        let spoil = |path: &'static str, with: &'static str| {
            move |here: &Here| {
                let (elsewhere, path) = (elsewhere(here), here.root(path));
                plain::clear(&path).unwrap();
                match with {
                    "a link" => symlink(elsewhere, &path).unwrap(),
                    "a pipe" => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
                    "a folder" => {
                        fs::create_dir(&path).unwrap();
                        fs::write(path.join("file"), "").unwrap();
                    }
                    "a gigabyte" => File::create(&path).unwrap().set_len(1 << 30).unwrap(),
                    _ => fs::write(&path, "{").unwrap(),
                }
            }
        };
        let strange = Err("it is no plain file; remove it");
        for with in ["a link", "a pipe", "a folder"] {
            check(with, &spoil("state.lock", with), strange);
            check(with, &spoil("state.json", with), strange);
            check(with, &spoil("state.new", with), Ok(()));
            check(with, &spoil("good.new", with), Ok(()));
            check(with, &spoil("releases/stray", with), Ok(()));
        }
        check("garbage", &spoil("state.json", "garbage"), Ok(()));
        check("a gigabyte", &spoil("state.json", "a gigabyte"), Err("it has more than 1048576 bytes; remove it"));
        for link in ["good", "current"] {
            check("a link", &spoil(link, "a link"), Ok(()));
            check("a file", &spoil(link, "garbage"), Ok(()));
            check("a folder", &spoil(link, "a folder"), Err("it is a folder, and no link; remove it"));
        }
        check("a link", &spoil("releases", "a link"), Err("it is no folder; remove it"));
        check("a file", &spoil("releases", "garbage"), Err("it is no folder; remove it"));
        // All versions are gone: there is one to go back to.
        check("nothing", &|here| (elsewhere(here), fs::remove_dir_all(here.root(RELEASES)).unwrap()).1, Ok(()));
    }

    #[test]
    fn a_version_is_what_its_name_says_or_is_put_there_anew() {
        let here = Here::new();
        let machine = here.machine("true");
        let good = machine.put_right().unwrap().good;
        let place = here.root(RELEASES).join(&good.name);
        assert!(folder::is_whole(&place, good.sha256, 1 << 20));
        assert!(!folder::is_whole(&place, good.sha256, 3), "it may have no more than so much");
        fs::write(place.join(folder::PROGRAM), "meddled with").unwrap();
        assert!(!folder::is_whole(&place, good.sha256, 1 << 20));
        machine.enlist(good.version.clone()).unwrap();
        assert!(folder::is_whole(&place, good.sha256, 1 << 20));
    }

    #[test]
    fn two_at_once_never_write_into_one_another_and_leave_nothing() {
        let here = Here::new();
        let machine = here.machine("true");
        let releases = here.root(RELEASES);
        let mut drafts: Vec<_> = (0..3).map(|_| Draft::new(&releases).unwrap()).collect();
        for (draft, text) in drafts.iter_mut().zip(["one", "two", "three"]) {
            draft.file.write_all(text.as_bytes()).unwrap();
        }
        // The first one comes to nothing, and the others to something.
        for (draft, text) in drafts.into_iter().zip(["one", "two", "three"]).skip(1) {
            draft.complete(&releases.join(text)).unwrap();
        }
        let names = || -> BTreeSet<String> {
            fs::read_dir(&releases).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        assert_eq!(names(), ["three", "two"].map(String::from).into());
        for text in ["two", "three"] {
            assert_eq!(fs::read_to_string(releases.join(text).join(folder::PROGRAM)).unwrap(), text);
        }
        // Somebody was killed in the middle of it.
        std::mem::forget(Draft::new(&releases).unwrap());
        let good = machine.put_right().unwrap().good;
        assert_eq!(names(), [good.name].into());
    }
}
