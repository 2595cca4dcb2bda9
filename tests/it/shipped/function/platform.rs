//! Two functions of an account, and who runs them: the shipped program behind a runtime of its own, made anew when it died or when
//! its code is another, and ended when its time is over.
//!
//! Not here: any expectation but those that hold whatever is on trial.

#![expect(clippy::unwrap_in_result, reason = "a test that can't go on stops there")]

use crate::{
    binary::{program_at, until},
    runtime::Runtime,
    site::{Site, parameter},
    world::HOME,
};
use agent::zip::{Packed, archive};
use manifests::id::Digest;
use serde_json::{Value, json};
use sim::services::{
    lambda::{Function, Invoked},
    s3,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub(super) const AGENT: &str = "holdfast-agent";
pub(super) const NEXT: &str = "holdfast-agent-next";
pub(super) const BUCKET: &str = "releases";
/// What this build calls itself.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// After so long a function is ended by the platform; the agent's own turn has far more.
const PATIENCE: Duration = Duration::from_secs(20);

/// An execution environment: a process, of which code it is, and its runtime.
pub(super) struct Environment {
    sha256: Digest,
    runtime: Runtime,
    child: Child,
}

impl Drop for Environment {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What runs functions: at most one environment each, made anew when it died or the code is another.
pub(super) struct Platform {
    folder: PathBuf,
    /// What is set for each function.
    pub(super) set: Mutex<BTreeMap<String, BTreeMap<OsString, OsString>>>,
    pub(super) environments: Mutex<BTreeMap<String, Arc<Mutex<Option<Environment>>>>>,
    /// After how long each is ended.
    pub(super) patience: Mutex<BTreeMap<String, Duration>>,
    /// Every invocation, by function and code.
    invoked: Mutex<Vec<(String, Digest)>>,
    /// The process of each that runs.
    pub(super) processes: Mutex<BTreeMap<String, u32>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Platform {
    pub(super) fn invoke(&self, function: &Function, event: &Value) -> Invoked {
        let name = &function.name;
        lock(&self.invoked).push((name.clone(), function.sha256()));
        let place = Arc::clone(lock(&self.environments).entry(name.clone()).or_default());
        let mut place = lock(&place);
        let is_fit = |it: &mut Environment| it.sha256 == function.sha256() && it.child.try_wait().unwrap().is_none();
        if !place.as_mut().is_some_and(is_fit) {
            *place = None;
            *place = Some(self.start(function)?);
        }
        let environment = place.as_mut().unwrap();
        let patience = lock(&self.patience).get(name).copied().unwrap_or(PATIENCE);
        let answer = environment.runtime.send(event, Duration::from_secs(300).min(patience * 10));
        let mut waited = Duration::ZERO;
        let failed = loop {
            const GLANCE: Duration = Duration::from_millis(10);
            if let Ok(ended) = answer.recv_timeout(GLANCE) {
                return ended.into_result();
            }
            if let Some(status) = environment.child.try_wait().unwrap() {
                let message = format!("RequestId: 1 Error: Runtime exited with error: {status}");
                break json!({ "errorType": "Runtime.ExitError", "errorMessage": message });
            }
            waited += GLANCE;
            if waited > patience {
                break json!({ "errorMessage": format!("1 Task timed out after {:.2} seconds", patience.as_secs_f64()) });
            }
        };
        *place = None;
        Err(failed)
    }

    pub(super) fn start(&self, function: &Function) -> Result<Environment, Value> {
        let folder = self.folder.join(format!("{}-{}", function.name, function.sha256().short(12)));
        fs::create_dir_all(&folder).unwrap();
        let bootstrap = folder.join("bootstrap");
        if !bootstrap.exists() {
            fs::write(&bootstrap, unpacked(&function.zip)).unwrap();
            fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let runtime = Runtime::start();
        let log = File::options().create(true).append(true).open(self.log(&function.name)).unwrap();
        let mut command = Command::new(&bootstrap);
        command.env_clear().envs(lock(&self.set)[&function.name].clone()).current_dir(&self.folder);
        runtime.of(&mut command, &function.name);
        command.env("AWS_LAMBDA_FUNCTION_NAME", &function.name);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().map_err(|error| {
            json!({ "errorType": "Runtime.InvalidEntrypoint", "errorMessage": format!("RequestId: 1 Error: {error}") })
        })?;
        lock(&self.processes).insert(function.name.clone(), child.id());
        Ok(Environment { sha256: function.sha256(), runtime, child })
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// How often a function ran a code.
    pub(super) fn ran(&self, name: &str, sha256: Digest) -> usize {
        lock(&self.invoked).iter().filter(|(of, code)| of == name && *code == sha256).count()
    }
}

/// A zip with this program as its only member.
pub(super) fn zipped(program: &str) -> Vec<u8> {
    let bytes = program.as_bytes();
    archive([Packed { name: "bootstrap", mode: 0o755, bytes, deflated: None }].into_iter())
}

/// The one member of such a zip, which is stored.
pub(super) fn unpacked(zip: &[u8]) -> &[u8] {
    let number =
        |at: usize, bytes: usize| zip[at..at + bytes].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let from = 30 + number(26, 2) + number(28, 2);
    &zip[from..from + number(18, 4)]
}

/// A good release: the shipped program, under a name that makes it another zip.
pub(super) fn good(name: &str) -> Vec<u8> {
    zipped(&format!("#!/bin/sh\n# {name}\nexec {} \"$@\"\n", program_at("holdfast").display()))
}

pub(super) fn script(lines: &str) -> Vec<u8> {
    zipped(&format!("#!/bin/sh\n{lines}\n"))
}

/// An account whose agent is two functions.
pub(super) struct Pair {
    pub(super) site: Site,
    pub(super) platform: Arc<Platform>,
}

impl Pair {
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    pub(super) fn with(set: &[(&str, String)]) -> Self {
        let site = Site::of(&[("stack", "")]);
        let folder = site.file("lambda");
        fs::create_dir_all(&folder).unwrap();
        let platform = Arc::new(Platform {
            folder,
            set: Mutex::default(),
            environments: Mutex::default(),
            patience: Mutex::default(),
            invoked: Mutex::default(),
            processes: Mutex::default(),
        });
        let pair = Self { site, platform };
        pair.at(|world, at| s3::create_bucket(world, at, BUCKET).unwrap());
        let runs = Arc::clone(&pair.platform);
        pair.site.world(|world, _| {
            world.functions.run_by(Arc::new(move |function, event| runs.invoke(function, event)));
        });
        pair.deploy(&good("first"), set);
        pair
    }

    pub(super) fn at<T>(&self, act: impl FnOnce(&mut sim::world::World, &sim::services::Place<'_>) -> T) -> T {
        self.site.world(|world, account| {
            let region = HOME.parse().unwrap();
            let at = sim::services::Place { account, region: &region, now: world.now() };
            act(world, &at)
        })
    }

    /// Somebody deploys the stack: both functions have this code, and know of each other what the template tells them.
    pub(super) fn deploy(&self, zip: &[u8], set: &[(&str, String)]) {
        let deployed = Digest::of(zip).to_string();
        for name in [AGENT, NEXT] {
            let told = self.site.agent(&[]);
            let mut all: BTreeMap<OsString, OsString> =
                told.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
            let cache = self.site.file(&format!("cache-{name}")).display().to_string();
            let more = [
                ("HOLDFAST_CACHE", cache),
                ("HOLDFAST_INTERVAL", "5m".into()),
                ("HOLDFAST_DEPLOYED", deployed.clone()),
            ];
            all.extend(more.into_iter().map(|(name, value)| (name.into(), value.into())));
            all.extend(set.iter().map(|(name, value)| (name.into(), value.into())));
            if name == AGENT {
                all.insert("HOLDFAST_NEXT".into(), NEXT.into());
            }
            lock(&self.platform.set).insert(name.into(), all);
            self.at(|world, at| world.functions.place((at.account, at.region), name, zip.to_vec()));
        }
        lock(&self.platform.environments).clear();
    }

    /// What a function is made of now.
    pub(super) fn code(&self, name: &str) -> Digest {
        self.at(|world, at| world.functions.of((at.account, at.region), name).unwrap().sha256())
    }

    /// An event for the agent, which is what its queue wakes.
    pub(super) fn invoke(&self, event: &Value) -> Invoked {
        let function = self.at(|world, at| world.functions.of((at.account, at.region), AGENT).unwrap().clone());
        self.platform.invoke(&function, event)
    }

    /// A tick of its schedule: whatever is on trial, there is a turn. Answers its report.
    #[track_caller]
    pub(super) fn turn(&self) -> Value {
        let answer = self.invoke(&json!({})).unwrap_or_else(|error| panic!("no turn: {error}\n{}", self.logs()));
        assert_eq!(answer["turn"], "made", "{answer}");
        answer["report"].clone()
    }

    /// Turns until something is so.
    #[track_caller]
    pub(super) fn turns(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..8 {
            let report = self.turn();
            if is(&report) {
                return report;
            }
        }
        panic!("waited for {what}: {}\n{}", self.state(), self.logs());
    }

    pub(super) fn logs(&self) -> String {
        [AGENT, NEXT].map(|name| fs::read_to_string(self.platform.log(name)).unwrap_or_default()).join("\n--\n")
    }

    /// Puts a release where one lies.
    pub(super) fn release(&self, name: &str, zip: &[u8]) -> Digest {
        self.at(|world, at| {
            let upload = s3::Upload { body: zip.to_vec(), sha256: None, new_only: false, over: None };
            s3::put(world, at, (BUCKET, name), upload).unwrap();
        });
        Digest::of(zip)
    }

    /// The fleet asks for one, in this ring.
    pub(super) fn ask(&self, version: &str, name: &str, sha256: Digest) {
        self.ask_in(version, name, sha256, "{name: everyone}");
    }

    pub(super) fn ask_in(&self, version: &str, name: &str, sha256: Digest, ring: &str) {
        let arch = std::env::consts::ARCH;
        self.site.repository.write(
            "fleet.yaml",
            format!(
                "apiVersion: holdfast/v1\nkind: Fleet\nspec:\n  agent:\n    version: {version}\n    downgrade: true\n    \
                 function: {{{arch}: {{from: 's3://{BUCKET}/{name}', sha256: '{sha256}'}}}}\n    rings: [{ring}]\n"
            ),
        );
        self.site.repository.commit();
    }

    /// What the updater remembers.
    pub(super) fn state(&self) -> Value {
        let text = self.site.operator().parameter("/holdfast/update");
        text.map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default()
    }

    /// A good release that is on trial.
    #[track_caller]
    pub(super) fn on_trial(&self, name: &str) -> Digest {
        let sha256 = self.release(name, &good(name));
        self.ask(VERSION, name, sha256);
        self.tries(sha256);
        sha256
    }

    /// Turns until a release is on trial.
    #[track_caller]
    pub(super) fn tries(&self, sha256: Digest) {
        self.turns("the trial", |_| self.state()["trial"]["slot"]["sha256"] == sha256.to_string());
    }

    /// What somebody changes by hand is put back with the very next event.
    #[track_caller]
    pub(super) fn heals(&self) {
        self.site.operator().update("stack", &parameter("stack", "by-hand"));
        until("the change by hand", || self.site.operator().status("stack").is_some_and(|it| it == "UPDATE_COMPLETE"));
        assert_eq!(self.site.operator().parameter("/stack").as_deref(), Some("by-hand"));
        self.turn();
        assert_eq!(self.site.operator().parameter("/stack").as_deref(), Some("one"), "{}", self.logs());
    }

    /// A release that is tried, and given up with this reason, while everything that is changed by hand is put back.
    #[track_caller]
    pub(super) fn falls(&self, version: &str, name: &str, zip: &[u8], why: &str) {
        let first = self.code(AGENT);
        let sha256 = self.release(name, zip);
        self.ask(version, name, sha256);
        self.tries(sha256);
        for _ in 0..4 {
            self.heals();
        }
        let report = self.turn();
        let update = &report["agent"]["update"];
        assert_eq!(
            (&update["phase"], &update["wanted"]),
            (&json!("fell-back"), &json!(version)),
            "{report}\n{}",
            self.logs()
        );
        assert!(update["why"].as_str().unwrap().contains(why), "{update}");
        assert_eq!((self.code(AGENT), self.state()["trial"].clone()), (first, Value::Null));
        let ran = self.platform.ran(NEXT, sha256);
        self.heals();
        assert_eq!(self.platform.ran(NEXT, sha256), ran, "it is not tried again");
        assert!(ran > 0, "{name}");
    }
}
