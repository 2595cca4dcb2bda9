//! The machine's side: what was configured, where reports go, and whether its folders can be written.
//!
//! Nothing stays behind: a file is taken out of its folder before anything is written to it, and the copy of the repository
//! that is looked at has a folder of its own, which goes with it.

use super::Check;
use crate::{
    config::{Config, MemoryPlace},
    error::Exit,
    world::Settings,
};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// What a folder has to have room for: far more than memory ever takes, and than one commit's manifests bring.
const ROOM: usize = 16 << 20;

/// What was configured, and where that was said.
pub(super) fn configuration(settings: &Settings, config: &Config, from: Option<&str>) -> Check {
    let Settings { repository, branch, home, .. } = settings;
    let from = from.map(|file| format!("{file}, with ")).unwrap_or_default();
    let path = config.path.as_ref().map(|path| format!(", `{path}` in it")).unwrap_or_default();
    let account = config.account.as_ref().map_or_else(|| "any account".to_owned(), |id| format!("account {id} only"));
    Check::good(
        "configuration",
        format!(
            "from {from}flags and environment: {repository}{path}, branch `{branch}`; at home in {home}, for {account}, owner `{}`",
            config.owner
        ),
    )
}

/// Whether a message would arrive can't be asked without sending one.
pub(super) fn topic(config: &Config) -> Check {
    const NAME: &str = "topic";
    match config.topic.as_deref() {
        None => Check::warning(NAME, "reports go nowhere", "`--topic ARN` names the hub's topic"),
        Some(arn) if !is_topic(arn) => Check::bad(
            NAME,
            Exit::Config,
            format!("`{arn}` is not the ARN of a topic"),
            "`--topic` takes one as in `arn:aws:sns:eu-central-1:999999999999:reports`",
        ),
        Some(arn) => Check::unchecked(
            NAME,
            format!("{arn}: whether reports arrive is only known once one is sent"),
            "the first turn in which something happens sends one; what does not arrive is logged, and told again later",
        ),
    }
}

pub(super) fn is_topic(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(*parts, ["arn", partition, "sns", region, account, name]
        if [partition, region, name].iter().all(|part| !part.is_empty()) && account.len() == 12)
}

/// Where git objects are kept, and memory if that is a file.
pub(super) fn folders(config: &Config) -> Vec<Check> {
    let mut all = vec![folder("cache", &config.cache, "--cache")];
    if let MemoryPlace::File(memory) = &config.memory {
        all.push(folder("memory folder", memory.parent().unwrap_or(Path::new(".")), "--memory"));
    }
    all
}

fn folder(name: &'static str, folder: &Path, flag: &str) -> Check {
    let there = standing(folder);
    let new = if there == folder { "" } else { "not there yet, where it will be made " };
    match room(there) {
        Ok(()) => Check::good(name, format!("{}: {new}{} MiB can be written", folder.display(), ROOM >> 20)),
        Err(error) => Check::bad(
            name,
            Exit::Config,
            format!("{} can't be written: {error}", folder.display()),
            format!("`{flag}` names a place that this user may write, with {} MiB of room", ROOM >> 20),
        ),
    }
}

/// The folder, or the nearest one above it that is there.
fn standing(folder: &Path) -> &Path {
    let named = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    named.into_iter().find(|folder| folder.exists()).unwrap_or(Path::new("."))
}

/// Whether there is room in a folder.
fn room(folder: &Path) -> io::Result<()> {
    let path = folder.join(unused());
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    // Without a name it goes with this process, whatever becomes of that.
    fs::remove_file(&path)?;
    let chunk = vec![0; 1 << 20];
    (0..ROOM / chunk.len()).try_for_each(|_| file.write_all(&chunk))?;
    file.sync_data()
}

/// A name that nothing has.
fn unused() -> String {
    format!(".holdfast-doctor-{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// A folder for a copy of the repository, as long as it is needed: the agent's own is not touched, and may be in use.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// On the disk where the agent's own copy is, if that can be written.
    pub(super) fn beside(cache: &Path) -> Self {
        let name = unused();
        let near = standing(cache).join(&name);
        // A private repository is nobody else's business.
        let made = |path: &Path| DirBuilder::new().mode(0o700).create(path).is_ok();
        if made(&near) {
            return Self(near);
        }
        let far = std::env::temp_dir().join(&name);
        // If that fails as well, whoever writes there says so.
        let _ = made(&far);
        Self(far)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_folder_is_tried_and_nothing_stays_behind() {
        let home = tempfile::tempdir().unwrap();
        let deep = home.path().join("not/there/yet");
        let there = folder("cache", home.path(), "--cache");
        let new = folder("cache", &deep, "--cache");
        assert_eq!((there.verdict, new.verdict), (Verdict::Good, Verdict::Good), "{there:?} {new:?}");
        assert!(new.finding.contains("not there yet"), "{new:?}");
        fs::write(home.path().join("taken"), "").unwrap();
        let taken = folder("cache", &home.path().join("taken"), "--cache");
        assert_eq!((taken.verdict, taken.exit), (Verdict::Bad, Exit::Config), "{taken:?}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "the file that was there before");
    }

    #[test]
    fn the_scratch_folder_goes_with_its_owner() {
        let home = tempfile::tempdir().unwrap();
        let scratch = Scratch::beside(&home.path().join("cache"));
        fs::write(scratch.path().join("object"), "x").unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        drop(scratch);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_topic_is_told_by_its_arn() {
        assert!(is_topic("arn:aws:sns:eu-central-1:999999999999:reports"));
        assert!(is_topic("arn:aws-cn:sns:cn-north-1:999999999999:reports.fifo"));
        for wrong in ["reports", "arn:aws:sqs:eu-central-1:999999999999:reports", "arn:aws:sns:eu-central-1:9:reports"]
        {
            assert!(!is_topic(wrong), "{wrong}");
        }
    }
}
