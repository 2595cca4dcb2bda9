//! The programs that ship, as a user has them: built once, run in an environment with nothing of this machine's in it.
//! And the repository that a user commits to, made with the real `git`.
//!
//! Not here: any account. [`crate::shipped`] has the simulated ones, [`crate::ministack`] somebody else's.

use crate::git_server::git;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

/// The agent, ready to be run; nothing in its environment but what this machine's programs need to start.
pub(crate) fn holdfast(home: &Path, arguments: &[&str]) -> Command {
    program("holdfast", home, arguments)
}

/// The hub, likewise.
pub(crate) fn hub(home: &Path, arguments: &[&str]) -> Command {
    program("holdfast-hub", home, arguments)
}

fn program(name: &str, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(built(name));
    command.args(arguments).current_dir(home).env_clear().env("HOME", home).env("PATH", path());
    // Without it, a program that finds no credentials asks the network for an instance's.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// Where a program that ships is.
pub(crate) fn program_at(name: &str) -> &'static Path {
    built(name)
}

/// Where cargo put a program. Cargo is asked, so that no target folder, triple or profile is guessed.
fn built(name: &str) -> &'static Path {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let all = BUILT.get_or_init(build);
    all.iter().find(|path| path.file_name().is_some_and(|file| file == name)).unwrap()
}

fn build() -> Vec<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // By name and not by package: cargo takes the features that the whole workspace asks for, and builds nothing twice.
    cargo.args(["build", "--locked", "--bin", "holdfast", "--bin", "holdfast-hub", "--profile", &profile()]);
    cargo.args(["--message-format", "json-render-diagnostics"]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let output = cargo.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the programs that ship do not build");
    let text = String::from_utf8(output.stdout).unwrap();
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| Some(message["executable"].as_str()?.into())).collect()
}

/// The profile that this test was built in: its own folder's name, save that `dev` is kept in `debug`.
fn profile() -> String {
    let itself = std::env::current_exe().unwrap();
    let folder = itself.ancestors().nth(2).and_then(Path::file_name).unwrap().to_str().unwrap();
    if folder == "debug" { "dev".into() } else { folder.into() }
}

/// What came of running a program.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Runs a program to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// Its result, for machines.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Everything that it printed.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A program that goes on beside the test, and ends with it at the latest.
pub(crate) struct Running(Option<Child>);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    /// Kills it, as a machine that loses its power does.
    pub(crate) fn kill(mut self) -> Ran {
        let mut child = self.0.take().unwrap();
        child.kill().unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn terminate(mut self) -> Ran {
        let mut child = self.0.take().unwrap();
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
        assert!(asked.success());
        until("a stopped program to end", || child.try_wait().unwrap().is_some());
        child.wait_with_output().unwrap().into()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.0.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Looks until something is so. Half a minute is much longer than any of it takes.
#[track_caller]
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    const GLANCE: Duration = Duration::from_millis(10);
    for _ in 0..3_000 {
        if is() {
            return;
        }
        std::thread::sleep(GLANCE);
    }
    panic!("waited for {what}, and it never came");
}

/// A repository in a folder, with a working copy, as a user has it.
pub(crate) struct Checkout {
    folder: PathBuf,
}

impl Checkout {
    /// An empty repository on the branch `main`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).unwrap();
        git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.folder.join(path)).unwrap();
    }

    /// The same, signed with this key.
    pub(crate) fn commit_signed(&self, key: &Path) -> String {
        git(&self.folder, &["add", "--all"]);
        let key = format!("user.signingkey={}", key.display());
        let who = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "gpg.format=ssh", "-c", &key];
        git(&self.folder, &[&who[..], &["commit", "--quiet", "--allow-empty", "-S", "--message", "x"]].concat());
        git(&self.folder, &["rev-parse", "HEAD"])
    }

    /// A tag of this, signed with this key.
    pub(crate) fn tag_signed(&self, key: &Path, name: &str, revision: &str) {
        let key = format!("user.signingkey={}", key.display());
        let who = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "gpg.format=ssh", "-c", &key];
        git(&self.folder, &[&who[..], &["tag", "--force", "-s", "--message", "x", name, revision]].concat());
    }

    /// Which commit the branch is at.
    pub(crate) fn head(&self) -> String {
        git(&self.folder, &["rev-parse", "HEAD"])
    }

    /// The branch begins anew, with everything as it is.
    pub(crate) fn rewrite(&self) -> String {
        git(&self.folder, &["checkout", "--quiet", "--orphan", "anew"]);
        self.commit();
        git(&self.folder, &["branch", "--quiet", "-M", "anew", "main"]);
        git(&self.folder, &["rev-parse", "HEAD"])
    }

    /// A commit that only another branch has; the files stay as they are.
    pub(crate) fn aside(&self, branch: &str) -> String {
        git(&self.folder, &["checkout", "--quiet", "-b", branch]);
        let commit = self.commit();
        git(&self.folder, &["checkout", "--quiet", "main"]);
        commit
    }

    /// Commits everything as it is, and answers the commit's id.
    pub(crate) fn commit(&self) -> String {
        git(&self.folder, &["add", "--all"]);
        let who = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
        git(&self.folder, &[&who[..], &["commit", "--quiet", "--allow-empty", "--message", "x"]].concat());
        git(&self.folder, &["rev-parse", "HEAD"])
    }
}
