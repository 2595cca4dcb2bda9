//! How versions get into the updater's folder and out of it: each made apart, under a name that nobody else uses, and given
//! its own only when it is whole. What was left by somebody who was killed has no name that means anything.
//!
//! Not here: which versions there are ([`super::program`]).

use crate::store::plain::{self, clear};
use manifests::id::Digest;
use sha2::Digest as _;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// What an agent is called in its folder.
pub(super) const PROGRAM: &str = "holdfast";

/// A version that is put together. Dropped before it is complete, it is removed.
pub(super) struct Draft {
    folder: PathBuf,
    /// What to write it into.
    pub(super) file: File,
}

impl Draft {
    pub(super) fn new(releases: &Path) -> io::Result<Self> {
        let folder = releases.join(apart("new"));
        fs::create_dir(&folder)?;
        let made = || {
            open_to_all(&folder)?;
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(PROGRAM))
        };
        let made = made();
        match made {
            Ok(file) => Ok(Self { folder, file }),
            Err(error) => {
                drop(fs::remove_dir_all(&folder));
                Err(error)
            }
        }
    }

    /// What was written is whole: only now may it be run, and only now has it its name. What else had it is gone.
    pub(super) fn complete(self, place: &Path) -> io::Result<()> {
        self.file.set_permissions(fs::Permissions::from_mode(0o755))?;
        self.file.sync_all()?;
        sync(&self.folder)?;
        clear(place)?;
        fs::rename(&self.folder, place)?;
        place.parent().map_or(Ok(()), sync)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A name that no other process, thread or machine uses at this moment.
fn apart(ending: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut chance = [0; 4];
    // Without chance it is still apart from every process of this machine.
    let _ = getrandom::fill(&mut chance);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(".{}-{count}-{:08x}.{ending}", std::process::id(), u32::from_ne_bytes(chance))
}

/// Whether a version lies there, and is what its name says.
pub(super) fn is_whole(place: &Path, sha256: Digest, most: u64) -> bool {
    let is_folder = fs::symlink_metadata(place).is_ok_and(|found| found.is_dir());
    let path = place.join(PROGRAM);
    let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= most);
    is_folder && is_file && sum(&path).is_ok_and(|found| found == sha256)
}

fn sum(path: &Path) -> io::Result<Digest> {
    let (mut file, mut sum, mut piece) = (File::open(path)?, sha2::Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Digest(sum.finalize().into())),
            read => sum.update(piece.get(..read).unwrap_or_default()),
        }
    }
}

/// A file is either the old one or the new one, whatever happens in between; everybody may read it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    plain::replace(path, bytes, 0o644)?;
    path.parent().map_or(Ok(()), sync)
}

/// Makes a folder that is not there.
pub(super) fn made(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder).or_else(|error| if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
}

/// Sees to it that nobody else can put anything into a folder, and that the agent's user may look in, whatever the mask of
/// this process takes away.
pub(super) fn mine(folder: &Path, follow: bool) -> io::Result<()> {
    let found = if follow { fs::metadata(folder)? } else { fs::symlink_metadata(folder)? };
    if !found.is_dir() {
        return Err(io::Error::new(ErrorKind::NotADirectory, "it is no folder; remove it"));
    }
    let me = fs::metadata("/proc/self")?.uid();
    if found.uid() != me && found.uid() != 0 {
        let why = format!("it belongs to user {}, who could put anything there; give it to root", found.uid());
        return Err(io::Error::new(ErrorKind::PermissionDenied, why));
    }
    open_to_all(folder)
}

fn open_to_all(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

/// A folder's own entries reach the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
