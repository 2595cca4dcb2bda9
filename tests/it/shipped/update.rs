//! The agent's own update with real processes: the shipped program as agent and as updater, releases that are good, broken,
//! cut short, mislabelled, hanging or dying, and between them somebody who does what systemd does.
//!
//! All releases are this build's program with other bytes at its end, so that each is another one by its digest and the same
//! by its version: the fleet file says `downgrade: true` where one of those is asked for.

use crate::{binary::Ran, site::Site, world::HOME};
use manifests::id::Digest;
use sim::services::s3;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

const BUCKET: &str = "releases";
/// Far more than any of these tests takes.
const PATIENT: &str = "30m";

/// A machine with an agent, an updater, and a bucket with releases.
struct Machine {
    site: Site,
    program: Vec<u8>,
}

impl Machine {
    fn new() -> Self {
        let site = Site::of(&[("stack", "")]);
        let machine = Self { program: stripped(&site.file("stripped")), site };
        machine.site.world(|world, account| {
            let region = HOME.parse().unwrap();
            let at = sim::services::Place { account, region: &region, now: world.now() };
            s3::create_bucket(world, &at, BUCKET).unwrap();
        });
        fs::write(machine.site.file("program"), &machine.program).unwrap();
        fs::set_permissions(machine.site.file("program"), fs::Permissions::from_mode(0o755)).unwrap();
        machine
    }

    /// Puts a release into the bucket, and answers its digest.
    fn release(&self, name: &str, bytes: &[u8]) -> Digest {
        self.site.world(|world, account| {
            let region = HOME.parse().unwrap();
            let at = sim::services::Place { account, region: &region, now: world.now() };
            let upload = s3::Upload { body: bytes.to_vec(), sha256: None, new_only: false, over: None };
            s3::put(world, &at, (BUCKET, name), upload).unwrap();
        });
        Digest::of(bytes)
    }

    /// This build's program as another release.
    fn another(&self, name: &str) -> Digest {
        self.release(name, &[&self.program, name.as_bytes()].concat())
    }

    /// A release that is a script.
    fn script(&self, name: &str, lines: &str) -> Digest {
        self.release(name, format!("#!/bin/sh\n{lines}\n").as_bytes())
    }

    /// The fleet asks for this one.
    fn ask(&self, version: &str, name: &str, sha256: Digest) {
        let arch = std::env::consts::ARCH;
        let fleet = format!(
            "apiVersion: holdfast/v1\nkind: Fleet\nspec:\n  agent:\n    version: {version}\n    downgrade: true\n    \
             program: {{{arch}: {{from: 's3://{BUCKET}/{name}', sha256: '{sha256}'}}}}\n    rings: [{{name: everyone}}]\n"
        );
        self.site.repository.write("fleet.yaml", fleet);
        self.site.repository.commit();
    }

    fn root(&self) -> PathBuf {
        self.site.file("opt")
    }

    /// The package's program, with what agent and updater are both told.
    fn holdfast(&self, program: &Path, arguments: &[&str]) -> Command {
        let told = self.site.agent(arguments);
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command.envs(told.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", path).env("HOLDFAST_UPDATE_FOLDER", self.root());
        command.env("HOLDFAST_MEMORY", format!("file:{}", self.site.file("state/memory.json").display()));
        command.env("HOLDFAST_UPDATE_RESTART", format!("touch {}", self.site.file("restart").display()));
        command
    }

    /// One run of the updater.
    #[track_caller]
    fn update(&self, arguments: &[&str]) -> serde_json::Value {
        let trial: &[&str] = if arguments.contains(&"--trial") { &[] } else { &["--trial", PATIENT] };
        let all = [&["update", "-o", "json"], trial, arguments].concat();
        let ran = Ran::of(&mut self.holdfast(&self.site.file("program"), &all));
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// Runs of the updater until its answer is this.
    #[track_caller]
    fn updates(&self, what: &str, is: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let mut last = serde_json::Value::Null;
        until(what, || {
            last = self.update(&[]);
            is(&last)
        });
        last
    }

    fn link(&self, name: &str) -> String {
        let target = fs::read_link(self.root().join(name)).unwrap();
        target.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// What somebody changes by hand is put back: the agent of this account heals.
    #[track_caller]
    fn heals(&self) {
        self.site.operator().update("stack", &crate::site::parameter("stack", "by-hand"));
        until("what was changed by hand to be put back", || {
            self.site.operator().parameter("/stack").as_deref() == Some("one")
        });
    }
}

/// Looks until something is so. A whole program is hashed, fetched and started in it, by a build that is not optimised.
#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if is() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("waited for {what}, and it never came");
}

/// This build's program, without what only a debugger reads.
fn stripped(into: &Path) -> Vec<u8> {
    let program = crate::binary::holdfast(into.parent().unwrap(), &[]);
    let done = Command::new("strip").arg("-o").arg(into).arg(program.get_program()).status();
    assert!(done.unwrap().success(), "`strip` of binutils, which Rust's linker brings along");
    fs::read(into).unwrap()
}

/// Does what systemd does with the agent's unit: says that it starts, starts it, and starts it again when it ends or when
/// somebody wants that.
struct Supervisor {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    starts: Arc<Mutex<Vec<String>>>,
}

impl Supervisor {
    fn of(machine: &Machine) -> Self {
        let (ends, starts): (Arc<AtomicBool>, Arc<Mutex<Vec<String>>>) = Default::default();
        let (root, restart) = (machine.root(), machine.site.file("restart"));
        let mut before = machine.holdfast(&machine.site.file("program"), &["update", "--starting"]);
        let mut agent = machine.holdfast(&root.join("current/holdfast"), &["run", "--interval", "1s"]);
        let (over, started) = (Arc::clone(&ends), Arc::clone(&starts));
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let said = before.stdout(Stdio::null()).stderr(Stdio::null()).status();
                assert!(said.unwrap().success(), "whatever is on trial, the agent can be started");
                started.lock().unwrap().push(current(&root));
                drop(fs::remove_file(&restart));
                // What can't even be started has ended, as far as systemd is concerned.
                if let Ok(mut child) = agent.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
                    wait(&mut child, || over.load(Ordering::SeqCst) || restart.exists());
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self { ends, thread: Some(thread), starts }
    }

    /// How often a version was started.
    fn started(&self, sha256: Digest) -> usize {
        self.starts.lock().unwrap().iter().filter(|name| **name == sha256.to_string()).count()
    }
}

fn current(root: &Path) -> String {
    fs::read_link(root.join("current")).unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

/// Waits for its end, or makes it: kindly, and after a second not.
fn wait(child: &mut Child, stop: impl Fn() -> bool) {
    while child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(20));
        if stop() {
            drop(Command::new("kill").arg(child.id().to_string()).status());
            let patience = (0..300).find(|_| {
                std::thread::sleep(Duration::from_millis(20));
                child.try_wait().unwrap().is_some()
            });
            if patience.is_none() {
                drop(child.kill());
                child.wait().unwrap();
            }
            return;
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[test]
fn a_good_release_is_tried_proves_itself_and_stays() {
    let machine = Machine::new();
    let own = machine.update(&["--starting"])["good"]["name"].as_str().unwrap().to_owned();
    assert_eq!((machine.link("good"), machine.link("current")), (own.clone(), own.clone()));
    let _agent = Supervisor::of(&machine);
    until("the stack", || machine.site.operator().parameter("/stack").as_deref() == Some("one"));
    let quiet = machine.update(&[]);
    assert_eq!(
        (&quiet["done"], quiet["rest"].as_str()),
        (&serde_json::json!([]), Some("the commit in force asks for no version"))
    );

    let next = machine.another("next");
    machine.ask("0.1.0", "next", next);
    let kept = machine.updates("the release to be kept", |said| said["good"]["name"] == next.to_string());
    assert_eq!(kept["current"], kept["good"]);
    assert_eq!((machine.link("good"), machine.link("current")), (next.to_string(), next.to_string()));
    assert_eq!(machine.update(&[])["rest"], "is here");
    let left: Vec<_> = fs::read_dir(machine.root().join("releases")).unwrap().collect();
    assert_eq!(left.len(), 1, "what nobody goes back to any more is gone");
    machine.heals();
}

#[test]
fn a_release_that_is_no_good_is_gone_back_from_and_healing_goes_on() {
    let machine = Machine::new();
    let own = machine.update(&["--starting"])["good"]["name"].as_str().unwrap().to_owned();
    let agent = Supervisor::of(&machine);
    let ends_at_once = machine.script("ends-at-once", "exit 1");
    let dies_later = machine.script("dies-later", "sleep 1; kill -9 $$");
    let no_program = machine.release("no-program", &machine.program[..machine.program.len() / 2]);
    for (version, name, release) in [
        ("0.2.0", "ends-at-once", ends_at_once),
        ("0.3.0", "dies-later", dies_later),
        ("0.4.0", "no-program", no_program),
    ] {
        machine.ask(version, name, release);
        let fell = machine.updates("the release to be given up", |said| {
            let rest = said["rest"].as_str().unwrap();
            said["asked"] == version
                && rest.starts_with("was started 3 times and did not prove itself, and was given up")
        });
        assert_eq!((fell["asked"].as_str(), fell["current"]["name"].as_str()), (Some(version), Some(own.as_str())));
        assert_eq!(agent.started(release), 3, "{name}");
        machine.heals();
        assert_eq!(machine.update(&[])["done"], serde_json::json!([]), "it is not tried again");
    }
}

#[test]
fn a_release_that_hangs_is_gone_back_from_when_its_time_is_over() {
    let machine = Machine::new();
    let own = machine.update(&["--starting"])["good"]["name"].as_str().unwrap().to_owned();
    let agent = Supervisor::of(&machine);
    let hangs = machine.script("hangs", "trap '' TERM; while :; do sleep 1; done");
    machine.ask("0.2.0", "hangs", hangs);
    machine.updates("the release to be started", |_| agent.started(hangs) > 0);
    // Its time is over: for this updater a trial lasts no longer than a second.
    let mut fell = serde_json::Value::Null;
    until("the release to be given up", || {
        fell = machine.update(&["--trial", "1s"]);
        fell["current"]["name"] == own
    });
    assert!(fell["rest"].as_str().unwrap().starts_with("finished no turn in 1 s, and was given up"), "{fell}");
    machine.heals();
}

#[test]
fn what_is_not_what_the_commit_names_is_never_run() {
    let machine = Machine::new();
    let own = machine.update(&["--starting"])["good"]["name"].as_str().unwrap().to_owned();
    let agent = Supervisor::of(&machine);
    let meant = Digest::of(b"what was meant");
    machine.script("swapped", "exit 1");
    machine.ask("0.2.0", "swapped", meant);
    let refused = machine.updates("the release to be refused", |said| {
        said["rest"].as_str().unwrap().starts_with("could not be fetched: what is there is not what the commit names")
    });
    assert_eq!(refused["current"]["name"], own);
    // Another digest, or it would wait until the first one is tried again.
    machine.ask("0.3.0", "nowhere", Digest::of(b"what is nowhere"));
    machine.updates("the release to be missed", |said| {
        said["rest"].as_str().unwrap().contains("could not be fetched: s3:GetObject")
    });
    assert_eq!(agent.started(meant), 0);
    machine.heals();
}

#[test]
fn the_agents_user_may_look_whatever_the_mask_of_the_unit_is() {
    let machine = Machine::new();
    let told = machine.holdfast(&machine.site.file("program"), &["update", "--starting"]);
    let mut masked = Command::new("sh");
    masked.args(["-c", "umask 077 && exec \"$@\"", "sh"]).arg(told.get_program()).args(told.get_args());
    masked.env_clear().envs(told.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = masked.stdout(Stdio::null()).status().unwrap();
    assert!(ran.success(), "{ran}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let root = machine.root();
    for folder in [root.clone(), root.join("releases"), root.join("current"), root.join("current/holdfast")] {
        assert_eq!(mode(&folder), 0o755, "{}", folder.display());
    }
    assert_eq!(mode(&root.join("state.json")), 0o644);
}

#[test]
fn an_updater_that_is_killed_anywhere_leaves_the_old_or_the_new_one_whole() {
    let machine = Machine::new();
    let own = machine.update(&["--starting"])["good"]["name"].as_str().unwrap().to_owned();
    let agent = Supervisor::of(&machine);
    let next = machine.another("next");
    machine.ask("0.1.0", "next", next);
    let (mut killed, mut after) = (0, Duration::from_millis(20));
    // What is whole is found out once; the same bytes are the same.
    let mut whole: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let is_kept = (0..40).any(|_| {
        let mut updater = machine.holdfast(&machine.site.file("program"), &["update", "--trial", PATIENT]);
        let mut updater = updater.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        killed += usize::from(updater.try_wait().unwrap().is_none());
        drop(updater.kill());
        updater.wait().unwrap();
        // A little later each time, so that it dies in every part of its work and comes to the end of it at last.
        after = after.mul_f64(1.4);
        for name in ["good", "current"] {
            let link = machine.link(name);
            assert!(link == own || link == next.to_string(), "{link}");
            let program = fs::read(machine.root().join(name).join("holdfast")).unwrap();
            let known = whole.entry(link.clone()).or_insert_with(|| {
                assert_eq!(Digest::of(&program).to_string(), link, "whole, whatever was being done");
                program.clone()
            });
            assert!(*known == program, "{name} is not what it was");
        }
        machine.link("good") == next.to_string()
    });
    assert!(is_kept, "it never came to its end");
    assert!(killed > 5, "{killed} of them were killed");
    assert!(agent.started(next) > 0);
    machine.heals();
}
