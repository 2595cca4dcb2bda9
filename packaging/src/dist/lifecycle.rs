//! Only for tests: the packages in the hands of the real `dpkg`, from being installed to being purged, in a root of their
//! own; and what their units start, started as a unit would.
//!
//! The maintainer scripts run as they are (`--force-script-chrootless`), with Debian's own `deb-systemd-helper` and
//! systemd's own `systemd-sysusers`. No systemd runs there: what it would be told is written down and looked at.

use super::{
    build::cargo,
    contents::Release,
    papers::Papers,
    readers::{is_there, skipped},
    target::Machine,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A machine's files, on which nothing of Holdfast is installed yet.
struct Root {
    folder: TempDir,
}

/// The packages that ours depend on, as a machine has them.
const THERE: [(&str, &str); 3] =
    [("ca-certificates", "20230311"), ("init-system-helpers", "1.65"), ("systemd", "252.1")];

impl Root {
    /// None where this machine has no dpkg or none of what the scripts call.
    fn new(systemd_runs: bool) -> Option<Self> {
        let tools = ["dpkg", "deb-systemd-helper", "systemd-sysusers"];
        if !tools.into_iter().all(is_there) || (!is_root() && !is_there("fakeroot")) {
            return None;
        }
        let root = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "etc", "usr/lib/sysusers.d", "stubs"] {
            fs::create_dir_all(root.at(folder)).unwrap();
        }
        let status = THERE.map(|(name, version)| {
            format!(
                "Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: all\n\
                     Maintainer: Nobody <nobody@example.com>\nDescription: is there\n\n"
            )
        });
        fs::write(root.at("var/lib/dpkg/status"), status.concat()).unwrap();
        if systemd_runs {
            fs::create_dir_all(root.at("run/systemd/system")).unwrap();
        }
        for stub in ["systemctl", "deb-systemd-invoke"] {
            let path = root.at(&format!("stubs/{stub}"));
            fs::write(&path, format!("#!/bin/sh\necho \"{stub} $*\" >>\"$DPKG_ROOT/told\"\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Some(root)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_default()
    }

    /// What systemd was told since the last look.
    fn told(&self) -> Vec<String> {
        let told = self.read("told");
        let _ = fs::remove_file(self.at("told"));
        told.lines().map(ToOwned::to_owned).collect()
    }

    /// Runs dpkg, which has to succeed, and gives what it and the scripts said.
    #[track_caller]
    fn dpkg(&self, words: &[&str]) -> String {
        let mut dpkg = match is_root() {
            true => Command::new("dpkg"),
            false => Command::new("fakeroot"),
        };
        if !is_root() {
            dpkg.args(["dpkg", "--force-not-root"]);
        }
        let path = std::env::var("PATH").unwrap();
        dpkg.env("PATH", format!("{}:{path}:/usr/sbin:/sbin", self.at("stubs").display()));
        dpkg.arg(format!("--root={}", self.folder.path().display())).arg("--force-script-chrootless").args(words);
        let output = dpkg.env("LC_ALL", "C").stdin(Stdio::null()).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "dpkg {words:?}: {said}");
        said
    }

    /// Puts the packages of a version there, made of programs that say which one they are, and installs these of them.
    #[track_caller]
    fn install(&self, version: &str, packages: &[&str]) -> String {
        let mut files = Vec::new();
        for (name, bytes) in packages_of(version) {
            if packages.iter().any(|package| name.starts_with(&format!("{package}_")) && name.ends_with(".deb")) {
                let file = self.at(&name);
                fs::write(&file, bytes).unwrap();
                files.push(file.to_str().unwrap().to_owned());
            }
        }
        assert_eq!(files.len(), packages.len());
        let words: Vec<&str> = ["--install"].into_iter().chain(files.iter().map(String::as_str)).collect();
        self.dpkg(&words)
    }

    fn is_enabled(&self, unit: &str) -> bool {
        self.at(&format!("etc/systemd/system/multi-user.target.wants/{unit}")).is_symlink()
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

fn packages_of(version: &str) -> Vec<(String, Vec<u8>)> {
    let program = |name: &str| format!("#!/bin/sh\necho {name} {version}\n").into_bytes().into();
    let paper = || (*b"paper\n").into();
    let release = Release {
        machine: if cfg!(target_arch = "x86_64") { Machine::X86 } else { Machine::Arm },
        version,
        revision: None,
        time: (1_700_000_000, "2023-11-14T22:13:20Z"),
        programs: [program("holdfast"), program("holdfast-hub")],
        papers: Papers { sboms: [paper(), paper()], notices: paper() },
    };
    release.packages().unwrap()
}

#[test]
fn a_package_is_installed_upgraded_removed_and_purged_and_the_administrators_files_are_kept_until_then() {
    let Some(root) = Root::new(true) else {
        return;
    };
    let said = root.install("1.0.0", &["holdfast", "holdfast-hub"]);
    assert!(said.contains("name a repository in /etc/holdfast/agent.yaml"), "{said}");
    assert!(root.read("usr/bin/holdfast").contains("holdfast 1.0.0"));
    assert!(root.is_enabled("holdfast-agent.service") && root.is_enabled("holdfast-hub.service"));
    let users = root.read("etc/passwd");
    assert!(users.contains("holdfast:x:") && users.contains("holdfast-hub:x:"), "{users}");
    let mode = |path: &str| fs::metadata(root.at(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!([mode("usr/bin/holdfast"), mode("etc/holdfast/agent.yaml")], [0o755, 0o644]);
    assert_eq!([mode("etc/holdfast/agent.env"), mode("etc/holdfast/hub.env")], [0o600, 0o600]);
    let told = root.told();
    assert!(told.contains(&"deb-systemd-invoke start holdfast-agent.service".into()), "{told:?}");
    assert!(told.contains(&"deb-systemd-invoke start holdfast-hub.service".into()), "{told:?}");

    let own = "repository: https://git.example.com/ours.git\n";
    fs::write(root.at("etc/holdfast/agent.yaml"), own).unwrap();
    root.install("1.1.0", &["holdfast"]);
    assert!(root.read("usr/bin/holdfast").contains("holdfast 1.1.0"));
    assert_eq!(root.read("etc/holdfast/agent.yaml"), own);
    let expect = ["systemctl --system daemon-reload", "deb-systemd-invoke restart holdfast-agent.service"];
    assert_eq!(root.told(), expect);

    for folder in ["var/lib/holdfast/memory", "var/cache/holdfast", "var/lib/holdfast-hub", "opt/holdfast"] {
        fs::create_dir_all(root.at(folder)).unwrap();
    }
    root.dpkg(&["--remove", "holdfast"]);
    let expect =
        ["deb-systemd-invoke stop holdfast-update.timer holdfast-agent.service", "systemctl --system daemon-reload"];
    assert_eq!(root.told(), expect);
    assert!(!root.at("usr/bin/holdfast").exists() && root.at("var/lib/holdfast/memory").exists());
    assert_eq!(root.read("etc/holdfast/agent.yaml"), own);

    root.install("1.1.0", &["holdfast"]);
    assert_eq!(root.read("etc/holdfast/agent.yaml"), own);
    assert!(root.told().contains(&"deb-systemd-invoke restart holdfast-agent.service".into()));

    root.dpkg(&["--purge", "holdfast"]);
    for gone in
        ["etc/holdfast/agent.yaml", "var/lib/holdfast", "var/cache/holdfast", "opt/holdfast", "usr/share/doc/holdfast"]
    {
        assert!(!root.at(gone).exists(), "{gone}");
    }
    assert!(!root.is_enabled("holdfast-agent.service"));
    // And nothing of the other one.
    assert!(root.is_enabled("holdfast-hub.service") && root.at("var/lib/holdfast-hub").exists());
    assert!(root.at("etc/holdfast/hub.env").exists());
    root.dpkg(&["--purge", "holdfast-hub"]);
    assert!(!root.at("etc/holdfast").exists() && !root.at("var/lib/holdfast-hub").exists());
    assert!(!root.dpkg(&["--audit"]).contains("holdfast"));
}

#[test]
fn where_no_systemd_runs_nothing_is_asked_of_it() {
    let Some(root) = Root::new(false) else {
        return;
    };
    root.install("1.0.0", &["holdfast"]);
    root.install("1.1.0", &["holdfast"]);
    assert!(root.is_enabled("holdfast-agent.service"));
    root.dpkg(&["--purge", "holdfast"]);
    assert_eq!(root.told(), Vec::<String>::new());
}

#[test]
fn what_somebody_switched_off_stays_off_after_an_upgrade() {
    let Some(root) = Root::new(true) else {
        return;
    };
    root.install("1.0.0", &["holdfast"]);
    fs::remove_file(root.at("etc/systemd/system/multi-user.target.wants/holdfast-agent.service")).unwrap();
    root.install("1.1.0", &["holdfast"]);
    assert!(!root.is_enabled("holdfast-agent.service"));
}

/// systemd's own opinion of what the units may do, from 0 (nothing) to 10.
#[test]
fn the_units_may_do_little() {
    if !is_there("systemd-analyze") {
        return;
    }
    for unit in ["holdfast-agent.service", "holdfast-hub.service"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(unit);
        let mut analyze = Command::new("systemd-analyze");
        let output =
            analyze.args(["security", "--offline=true", "--threshold=20", "--no-pager"]).arg(file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if said.contains("unrecognized option") {
            return skipped("this `systemd-analyze` knows nothing of `--offline`");
        }
        assert!(output.status.success(), "{said}");
    }
}

/// The environment that a unit sets, and what it starts.
fn unit(text: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let lines = || text.lines().filter_map(|line| line.split_once('='));
    let set = lines().filter(|(key, _)| *key == "Environment").filter_map(|(_, said)| said.split_once('='));
    let start = lines().find(|(key, _)| *key == "ExecStart").unwrap().1;
    (
        set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        start.split(' ').map(ToOwned::to_owned).collect(),
    )
}

/// Starts the built program as the unit would, but with every folder of the machine in this one, and without a network; or
/// another command of it, in the same environment.
fn started(root: &Path, service: &str, said: Option<&str>) -> (Option<i32>, String) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(service)).unwrap();
    let (environment, start) = unit(&text);
    let program = start[0].strip_prefix("/usr/bin/").unwrap();
    let mut command = Command::new(built(program));
    command
        .args(said.map_or(start[1..].to_vec(), |said| vec![said.to_owned()]))
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true");
    for (name, value) in environment {
        command.env(
            name,
            value
                .replace("/etc/", &format!("{}/etc/", root.display()))
                .replace("/var/", &format!("{}/var/", root.display())),
        );
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn built(program: &str) -> PathBuf {
    let mut build = Command::new(cargo());
    // By name and not by package: cargo takes the features that the whole workspace asks for, and builds nothing twice.
    build.args(["build", "--locked", "--bin", "holdfast", "--bin", "holdfast-hub", "--message-format", "json"]);
    let output =
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the programs that ship do not build");
    let said = String::from_utf8(output.stdout).unwrap();
    let [agent, hub] = super::build::built(&said).unwrap();
    if program == "holdfast" { agent } else { hub }
}

#[test]
fn the_units_start_programs_that_read_the_packages_configuration() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at("etc/holdfast")).unwrap();
    let shipped = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/agent.yaml")).unwrap();
    // As an administrator does it: by taking the signs away.
    let named = ["repository", "region", "account"].iter().fold(shipped.clone(), |text, key| {
        assert!(text.contains(&format!("\n#{key}: ")), "{key}");
        text.replace(&format!("\n#{key}: "), &format!("\n{key}: "))
    });
    let nobody = "nobody said which manifests repository to follow";
    // With a repository, a service goes on until it has credentials; what makes one turn says that it has none.
    for (text, command, expect, asks) in
        [(shipped, None, 78, nobody), (named, Some("once"), 77, "no credentials found")]
    {
        fs::write(at("etc/holdfast/agent.yaml"), text).unwrap();
        let (code, said) = started(root.path(), "holdfast-agent.service", command);
        assert_eq!(code, Some(expect), "{said}");
        assert!(said.contains(asks), "{said}");
    }
    let (code, said) = started(root.path(), "holdfast-hub.service", None);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--queue"), "{said}");
}
