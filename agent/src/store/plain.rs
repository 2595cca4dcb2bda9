//! Small files in folders that others may write too: what is opened is a plain file and not something in its place, whatever
//! somebody put there, and no more of it is read than it may have.
//!
//! Not here: what stands in them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::Path,
};

/// How a file is made that nobody else may read.
pub(crate) const OURS: u32 = 0o600;

/// The text of a file; nothing when it is not there. Where `own` says that only programs of ours write it, a link is not
/// followed. A pipe is not waited for.
pub(crate) fn read(path: &Path, (most, own): (u64, bool)) -> io::Result<Option<String>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags(own));
    let file = match options.open(path) {
        Ok(file) => plain(file)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(path, error)),
    };
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes; remove it")));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text; remove it"))
}

/// A file to lock. What stands in it is nobody's business and left as it is. Nobody else may open it: whoever can read a file can
/// lock it, and for ever.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(flags(true)).mode(0o600);
    }
    let file = options.open(path).map_err(|error| told(path, error)).and_then(plain)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // One that was made before; somebody else's can't be changed, and is his to lock.
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            drop(file.set_permissions(fs::Permissions::from_mode(0o600)));
        }
    }
    Ok(file)
}

/// A file, for one process at a time, until this is dropped.
pub(super) fn locked(path: &Path) -> io::Result<File> {
    above(path)?;
    let lock = lock(&path.with_extension("lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// A file is either the old one or the new one, whatever happens in between; who may read it, `mode` says.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    above(path)?;
    let beside = path.with_extension("new");
    // Whatever lies there: what is written into is made here.
    clear(&beside)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OURS);
    let mut file = options.open(&beside)?;
    // Whatever the mask of this process takes away.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// The folder of a file, made if it is not there.
fn above(path: &Path) -> io::Result<()> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), fs::create_dir_all)
}

/// Removes whatever lies there, and follows no link.
pub(crate) fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn plain(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(strange()) }
}

/// What was refused because it is no file, in words.
fn told(path: &Path, error: io::Error) -> io::Error {
    let is_strange = fs::symlink_metadata(path).is_ok_and(|found| !found.is_file());
    if is_strange && error.kind() != ErrorKind::PermissionDenied { strange() } else { error }
}

fn strange() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is no plain file; remove it")
}

#[cfg(unix)]
fn flags(own: bool) -> i32 {
    libc::O_NONBLOCK | if own { libc::O_NOFOLLOW } else { 0 }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{os::unix::fs::symlink, process::Command};

    #[test]
    fn only_a_plain_file_is_read_and_not_more_of_it_than_it_may_have() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        fs::write(at("binary"), [0xff]).unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        symlink("/dev/zero", at("endless")).unwrap();
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        File::create(at("huge")).unwrap().set_len(1 << 30).unwrap();
        let check = |name: &str, own: bool, expect: Result<Option<&str>, &str>| {
            let read = read(&at(name), (8, own)).map_err(|error| error.to_string());
            assert_eq!(read.as_ref().map(Option::as_deref).map_err(String::as_str), expect, "{name}");
        };
        let strange = Err("it is no plain file; remove it");
        check("file", true, Ok(Some("text")));
        check("none", true, Ok(None));
        check("link", false, Ok(Some("text")));
        check("link", true, strange);
        check("dangling", true, strange);
        check("folder", true, strange);
        check("pipe", true, strange);
        check("pipe", false, strange);
        check("endless", false, strange);
        check("huge", true, Err("it has more than 8 bytes; remove it"));
        check("binary", true, Err("it is no text; remove it"));
    }

    #[test]
    fn a_lock_is_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("other"), "text").unwrap();
        symlink(at("other"), at("link")).unwrap();
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        for name in ["link", "pipe"] {
            assert_eq!(lock(&at(name)).unwrap_err().to_string(), "it is no plain file; remove it", "{name}");
        }
        lock(&at("other")).unwrap().lock().unwrap();
        for name in ["other", "new"] {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&lock(&at(name)).unwrap().metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert_eq!(fs::read_to_string(at("other")).unwrap(), "text");
    }
}
