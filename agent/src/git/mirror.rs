//! The local copy of the remote's objects: a bare repository that may be lost at any time without harm.
//!
//! One process owns its folder. Another one beside it (whoever asks `holdfast status` on a machine where the agent runs) makes
//! a copy of its own there, which goes with it. Nothing that an earlier process left behind stops the next one, and a copy
//! that turns out to be damaged is replaced as a whole, after its replacement is there. Not here: any word with the remote.

use super::error::{Fault, FetchError, cause};
use gix::{Repository, ThreadSafeRepository};
use manifests::id::Digest;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// gix never repacks. Every fetch that brings something adds a pack, and looking through this many still takes no time.
const PACKS: usize = 200;

/// How often the lock is tried, twenty times a second.
const PATIENCE: u32 = 6;

/// The folder, its lock and its repository.
pub(super) struct Mirror {
    folder: PathBuf,
    repository: ThreadSafeRepository,
    /// A read found it damaged.
    suspect: bool,
    /// Whether the folder goes with this.
    passing: bool,
    _lock: File,
}

impl Mirror {
    /// Takes the folder, removes what a killed process left, and opens the copy or begins an empty one.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub(super) fn open(folder: &Path, url: &str, object_bytes: u64) -> Result<Self, FetchError> {
        let unwritable = |error: io::Error| local(folder, &error);
        let (taken, passing) = match take(folder).map_err(unwritable)? {
            Some(lock) => ((folder.to_owned(), lock), false),
            None => (beside(folder).map_err(unwritable)?, true),
        };
        let (folder, lock) = taken;
        let unwritable = |error: io::Error| local(&folder, &error);
        tidy(&folder, url).map_err(unwritable)?;
        let current = current(&folder);
        let repository = match open(&current, object_bytes) {
            Ok(repository) => repository,
            // Not even a repository any more: nothing in it can be of use.
            Err(_) => {
                remove(&current).map_err(unwritable)?;
                init(&current, object_bytes).map_err(|why| FetchError::new(Fault::Local, why))?
            }
        };
        Ok(Self { folder, repository, suspect: false, passing, _lock: lock })
    }

    /// A handle to the copy's objects.
    pub(super) fn repository(&self) -> Repository {
        self.repository.to_thread_local()
    }

    /// Remembers that a read found damage.
    pub(super) fn suspect(&mut self) {
        self.suspect = true;
    }

    /// Whether the copy should be replaced by a new one.
    pub(super) fn is_worn(&self) -> bool {
        self.suspect || packs(&current(&self.folder)) > PACKS
    }

    /// Removes the locks and temporary files of a fetch that failed.
    pub(super) fn sweep(&self) -> Result<(), FetchError> {
        sweep(&current(&self.folder)).map_err(|error| local(&self.folder, &error))
    }

    /// Fills a new copy with `fill` and, when that worked, puts it in the old one's place.
    pub(super) fn renew<T>(
        &mut self,
        object_bytes: u64,
        fill: impl FnOnce(&Repository) -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        let (current, fresh, old) = (current(&self.folder), self.folder.join("fresh.git"), self.folder.join("old.git"));
        let unwritable = |error: io::Error| local(&self.folder, &error);
        let broken = |why| FetchError::new(Fault::Local, why);
        remove(&fresh).map_err(unwritable)?;
        let filled = fill(&init(&fresh, object_bytes).map_err(broken)?.to_thread_local()).inspect_err(|_| {
            // Only to give the space back: the next attempt removes it too.
            remove(&fresh).ok();
        })?;
        remove(&old).map_err(unwritable)?;
        fs::rename(&current, &old).and_then(|()| fs::rename(&fresh, &current)).map_err(unwritable)?;
        self.repository = open(&current, object_bytes).map_err(broken)?;
        self.suspect = false;
        remove(&old).map_err(unwritable)?;
        Ok(filled)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if self.passing {
            // What stays is removed by the next one.
            remove(&self.folder).ok();
        }
    }
}

/// Takes a folder; `None` when another process owns it. With some patience: it may be about to end, or to run a program of
/// its own.
fn take(folder: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("owner"))?;
    for _ in 0..PATIENCE {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(50)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}

/// Takes a folder in that folder which nobody has, and removes those whose processes are gone.
fn beside(folder: &Path) -> io::Result<(PathBuf, File)> {
    let all = folder.join("beside");
    fs::create_dir_all(&all)?;
    for entry in fs::read_dir(&all)? {
        let left = entry?.path();
        let lock = File::create(left.join("owner"));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            remove(&left)?;
        }
    }
    for number in 0..1_000 {
        let mine = all.join(format!("{}-{number}", std::process::id()));
        match fs::create_dir(&mine) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => {
                let lock = File::create(mine.join("owner"))?;
                lock.lock()?;
                return Ok((mine, lock));
            }
        }
    }
    Err(io::Error::other("there is no name left for a copy"))
}

fn current(folder: &Path) -> PathBuf {
    folder.join("mirror.git")
}

/// Options that read no configuration but our own: no file of the machine's, no variable, no program.
pub(super) fn options(object_bytes: u64) -> gix::open::Options {
    let limit = format!("gitoxide.objects.allocLimit={object_bytes}");
    let agent = concat!("gitoxide.userAgent=holdfast/", env!("CARGO_PKG_VERSION"));
    gix::open::Options::isolated().config_overrides([limit.as_str(), agent])
}

fn open(folder: &Path, object_bytes: u64) -> Result<ThreadSafeRepository, String> {
    let options = options(object_bytes).open_path_as_is(true);
    ThreadSafeRepository::open_opts(folder, options).map_err(|error| cause(&error))
}

fn init(folder: &Path, object_bytes: u64) -> Result<ThreadSafeRepository, String> {
    let create = gix::create::Options::default();
    ThreadSafeRepository::init_opts(folder, gix::create::Kind::Bare, create, options(object_bytes))
        .map_err(|error| format!("no repository can be made in `{}`: {}", folder.display(), cause(&error)))
}

/// Brings the folder to rest: a replacement that was under way is finished or undone, another remote's copy is
/// removed, and so are the locks and temporary files of a killed fetch.
fn tidy(folder: &Path, url: &str) -> io::Result<()> {
    let (current, old, origin) = (current(folder), folder.join("old.git"), folder.join("origin"));
    remove(&folder.join("fresh.git"))?;
    if old.exists() && !current.exists() {
        fs::rename(&old, &current)?;
    }
    remove(&old)?;
    let wanted = Digest::of(url.as_bytes()).to_string();
    if fs::read_to_string(&origin).ok().as_deref() != Some(wanted.as_str()) {
        remove(&current)?;
        fs::write(&origin, wanted)?;
    }
    if current.exists() { sweep(&current) } else { Ok(()) }
}

/// Removes every `*.lock` and `.tmp*` below `folder`.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            sweep(&entry.path())?;
        } else if name.ends_with(".lock") || name.starts_with(".tmp") || name.starts_with("tmp_") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn packs(folder: &Path) -> usize {
    let files = fs::read_dir(folder.join("objects/pack")).into_iter().flatten().flatten();
    files.filter(|file| file.path().extension().is_some_and(|end| end == "pack")).count()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn local(folder: &Path, error: &io::Error) -> FetchError {
    FetchError::new(
        Fault::Local,
        format!("the repository's local copy in `{}` can't be written: {error}", folder.display()),
    )
    .hint("check the cache folder's owner, mode and free space")
}
