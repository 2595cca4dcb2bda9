//! Where ministack comes from, and an account of it for each test.
//!
//! The program lives in an environment of its own in the target folder, made once; one server serves all tests of this
//! process, and each test takes an account that nobody else has. It is started by `strict.py`, which refuses more of what
//! AWS refuses, and heals drift as AWS does.

use crate::{
    binary::{Checkout, Ran, holdfast, hub as program, path, until},
    site::{Turn, manifest},
    wire::{Operator, request},
    world::HOME,
};
use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tempfile::TempDir;

pub(super) const VERSION: &str = "1.5.33";
/// What starts it; the wrapper knows the same version.
pub(super) const STRICT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/ministack/strict.py");

/// An account, a repository, and room for an agent.
pub(super) struct Account {
    folder: TempDir,
    pub(super) repository: Checkout,
    pub(super) operator: Operator,
}

impl Account {
    /// A new account; `None` when ministack can't be had on this machine, which is said loudly, and fails in CI.
    pub(super) fn new() -> Option<Self> {
        static SERVED: Served = Served::new();
        served(&SERVED, false).map(Self::at)
    }

    /// The same where signatures and policies are looked at, unless they are the account's own.
    pub(super) fn guarded() -> Option<Self> {
        static SERVED: Served = Served::new();
        served(&SERVED, true).map(Self::at)
    }

    fn at(endpoint: String) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = 100_000_000_000 + u64::from(std::process::id()) * 10_000 + NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::tempdir().unwrap();
        let repository = Checkout::new(folder.path().join("manifests"));
        let operator = Operator { endpoint, account: number.to_string(), region: HOME.into() };
        Self { folder, repository, operator }
    }

    pub(super) fn write(&self, name: &str, spec: &str, template: &str) {
        self.repository.write(&format!("{name}.yaml"), manifest(name, spec));
        self.repository.write(&format!("{name}.template"), template);
    }

    pub(super) fn credentials(&self, program: &mut Command) {
        program.env("AWS_ENDPOINT_URL", &self.operator.endpoint).env("AWS_REGION", HOME);
        program.env("AWS_ACCESS_KEY_ID", &self.operator.account).env("AWS_SECRET_ACCESS_KEY", "simulated");
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.agent(arguments))
    }

    /// The agent of this account and this repository, with nothing else said.
    pub(super) fn agent(&self, arguments: &[&str]) -> Command {
        let mut agent = holdfast(self.folder.path(), arguments);
        self.credentials(&mut agent);
        // Nobody looks for drift where a test is about something else.
        agent.env("HOLDFAST_DRIFT_CALLS", "0").env("HOLDFAST_REPOSITORY", self.repository.folder());
        agent
    }

    pub(super) fn home(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    #[track_caller]
    pub(super) fn once(&self) -> Turn {
        self.once_with(&[])
    }

    #[track_caller]
    pub(super) fn once_with(&self, arguments: &[&str]) -> Turn {
        Turn::of(self.run(&[&["once", "-o", "json"], arguments].concat()))
    }

    /// Makes the hub's topic and queue in this account, and answers the topic's ARN.
    pub(super) fn hub(&self) -> String {
        self.operator.create("hub", include_str!("../../demo/src/hub.yaml"));
        until("the hub's stack", || self.operator.status("hub").as_deref() == Some("CREATE_COMPLETE"));
        format!("arn:aws:sns:{HOME}:{}:reports", self.operator.account)
    }

    /// What the hub shows of what came.
    #[track_caller]
    pub(super) fn watch(&self) -> String {
        let queue = format!("{}/{}/reports", self.operator.endpoint, self.operator.account);
        let mut hub = program(self.folder.path(), &["watch", "--once", "-o", "json", "--queue", &queue]);
        self.credentials(&mut hub);
        let ran = Ran::of(&mut hub);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran.stdout
    }
}

/// With the child its input is kept open, and so the server.
type Served = OnceLock<Result<(String, Child), String>>;

/// Where it is served; started by whoever asks first.
fn served(served: &'static Served, guarded: bool) -> Option<String> {
    let python = || installed("ministack", VERSION).map(|home| path_in(&home, "python"));
    match served.get_or_init(|| python().map(|python| serve(&python, guarded))) {
        Ok((endpoint, _)) => Some(endpoint.clone()),
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "ministack is needed in CI: {why}");
            // Past the harness, which shows nothing of what a test prints that passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED: ministack {VERSION} can't be had: {why}");
            None
        }
    }
}

/// Where cargo keeps what it builds, this test among it.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

/// A program of a Python environment.
pub(super) fn path_in(home: &Path, program: &str) -> PathBuf {
    home.join("bin").join(program)
}

/// The Python environment that has this package of PyPI, which is installed if it is not.
pub(super) fn installed(package: &str, version: &str) -> Result<PathBuf, String> {
    let home = target().join(format!("{package}-{version}"));
    if home.join("complete").exists() {
        return Ok(home);
    }
    // Half of an earlier attempt is worth nothing.
    let _ = fs::remove_dir_all(&home);
    run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    let pip = ["install", "--quiet", "--disable-pip-version-check", &format!("{package}=={version}")];
    run(Command::new(path_in(&home, "pip")).args(pip))?;
    fs::write(home.join("complete"), "").map_err(|error| error.to_string())?;
    Ok(home)
}

pub(super) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{name}: {}", said.trim())) }
}

/// Serves on a port that was free a moment ago, until this process is gone.
fn serve(python: &Path, guarded: bool) -> (String, Child) {
    // What the wrapper has against this ministack, which nobody would hear of a server.
    run(Command::new(python).args([STRICT, "--check"])).unwrap_or_else(|why| panic!("{why}"));
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
    for _ in 0..5 {
        let port = free();
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut server = start(python, port, guarded);
        // Somebody else may have taken the port meanwhile: then the server ends at once.
        let (mut answers, mut ended) = (false, false);
        until("ministack", || {
            answers = request("GET", &endpoint, "/_ministack/health", &[], "").is_ok_and(|answer| answer.status == 200);
            ended = server.try_wait().unwrap().is_some();
            answers || ended
        });
        if answers && !ended {
            return (endpoint, server);
        }
    }
    panic!("ministack does not come up");
}

/// A test process ends without a word, so the server is held by a shell that waits for the end of its own input, which
/// only this process keeps open.
fn start(python: &Path, port: u16, guarded: bool) -> Child {
    const HELD: &str = r#""$0" "$1" & server=$!; cat >/dev/null; kill "$server"; wait "$server"; rm -rf "$HOME""#;
    let folder = std::env::temp_dir().join(format!("holdfast-ministack-{port}"));
    fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", HELD]).args([python, Path::new(STRICT)]).env_clear().env("PATH", path());
    command.env("HOME", &folder).env("TMPDIR", &folder);
    command.env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
    command.env("AUTH", guarded.to_string());
    // Where a function finds it, which is run with what this process has in its environment.
    command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")).env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("IOT_MTLS_ENABLED", "0").env("SFTP_ENABLED", "0").env("LOG_LEVEL", "ERROR");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
