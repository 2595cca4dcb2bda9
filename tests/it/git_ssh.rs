//! The manifests repository over real ssh: which servers are believed. Without OpenSSH's server these tests say so and
//! check nothing; with `CI=true` that is a failure.

#![expect(clippy::unwrap_used, reason = "a test that can't go on stops there")]

use crate::git_place::{Place, commit, fails, history};
use agent::git::{
    Descent, Limits, Offered, Origin, Repository, Source as _, Ssh,
    credentials::Credentials,
    error::{Fault, FetchError},
};
use std::{
    fs,
    net::TcpListener,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// A server that runs one `sshd` for each connection, which ends with it. Its clients log in as who runs the tests.
struct Sshd {
    port: u16,
    folder: PathBuf,
}

impl Sshd {
    /// `None` when there is no `sshd` on this machine, which is said loudly, and fails in CI.
    fn start(folder: &Path) -> Option<Self> {
        program().map(|program| Self::of(program, folder))
    }

    fn of(program: &'static Path, folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sshd = Self { port: listener.local_addr().unwrap().port(), folder: folder.to_owned() };
        for name in ["host", "other", "login", "stranger"] {
            let file = sshd.file(name);
            said("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file.to_str().unwrap()]);
        }
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin \
             prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nAcceptEnv GIT_PROTOCOL\n\
             SetEnv PATH={}\n",
            sshd.file("host").display(),
            sshd.file("login.pub").display(),
            std::env::var("PATH").unwrap(),
        );
        fs::write(sshd.file("sshd_config"), config).unwrap();
        let config = sshd.file("sshd_config");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (reads, writes) = (OwnedFd::from(stream.try_clone().unwrap()), OwnedFd::from(stream));
                let mut command = Command::new(program);
                command.arg("-i").arg("-e").arg("-f").arg(&config);
                let child = command.stdin(reads).stdout(writes).stderr(Stdio::null()).spawn();
                thread::spawn(move || child.unwrap().wait());
            }
        });
        sshd
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file of known hosts that has this key for this server.
    fn pin(&self, key: &str) -> PathBuf {
        let text = fs::read_to_string(self.file(&format!("{key}.pub"))).unwrap();
        let file = self.file(&format!("pin {key} 100%"));
        fs::write(&file, format!("[127.0.0.1]:{} {text}", self.port)).unwrap();
        file
    }

    /// Who believes this server, and shows this key.
    fn origin(&self, place: &Place, key: &str) -> Origin {
        let user = said("id", &["-un"]);
        let url = format!("ssh://{user}@127.0.0.1:{}{}", self.port, place.repository().display());
        let ssh = Ssh { known_hosts: Some(self.pin("host")), key: Some(self.file(key)), ..Ssh::default() };
        Origin { url, ssh, ..place.origin() }
    }

    fn agent(&self, place: &Place, known_hosts: Option<PathBuf>, key: &str) -> Repository<Credentials> {
        let origin = self.origin(place, key);
        let ssh = Ssh { known_hosts, ..origin.ssh };
        Repository::new(Origin { ssh, ..origin }, Credentials::None).unwrap()
    }
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn program() -> Option<&'static Path> {
    let all = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].map(Path::new);
    let found = all.into_iter().find(|program| program.is_file());
    // As root it wants a folder that its service makes.
    let able = found.filter(|_| said("id", &["-u"]) != "0" || Path::new("/run/sshd").is_dir());
    if able.is_none() {
        assert!(std::env::var_os("CI").is_none(), "sshd, or as root its folder /run/sshd, is missing, and this is CI");
        eprintln!("SKIPPED: nothing was checked against a real ssh server: there is no sshd, or no /run/sshd for root");
    }
    able
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_server_with_the_pinned_key_is_read() {
    let place = Place::new(&history(3, 200));
    let Some(sshd) = Sshd::start(place.folder.path()) else { return };
    let agent = sshd.agent(&place, Some(sshd.pin("host")), "login");
    let first = place.commit("main~150");
    let offered = agent.offered(Some(&first)).await.unwrap();
    assert_eq!(offered, Offered { commit: place.head(), descent: Descent::Forward });
    assert_eq!(agent.tree(&offered.commit).await.unwrap().manifests.len(), 3);
    let limits = Limits { objects: 5, ..Limits::default() };
    let cache = place.folder.path().join("more");
    let sparing = Repository::new(Origin { limits, cache, ..sshd.origin(&place, "login") }, Credentials::None).unwrap();
    assert_eq!(fails(&sparing).await.kind, Fault::TooMuch, "ssh is bounded like https");
    let second = place.push(&commit(900, Some("refs/heads/main^0"), &[("100644", "new.yaml", "new")]));
    let before = agent.traffic();
    let next = agent.offered(Some(&offered.commit)).await.unwrap();
    assert_eq!(next, Offered { commit: second, descent: Descent::Forward });
    let after = agent.traffic();
    assert!(after.requests > before.requests && after.down > before.down, "what ssh brings is counted too");
}

/// Expects that this server is not believed, and that everything stays as it was.
async fn refused(place: &Place, sshd: &Sshd, pin: Option<PathBuf>, words: &str) -> FetchError {
    let known = sshd.agent(place, Some(sshd.pin("host")), "login");
    let first = known.offered(None).await.unwrap().commit;
    let tree = known.tree(&first).await.unwrap();
    drop(known);
    let second = place.push(&commit(900, Some("refs/heads/main^0"), &[("100644", "new.yaml", "new")]));
    let before = pin.as_deref().map(fs::read);
    let agent = sshd.agent(place, pin.clone(), "login");
    let error = agent.offered(Some(&first)).await.unwrap_err();
    assert_eq!(error.kind, Fault::Refused, "{error}");
    assert!(error.message.contains(words) && error.message.contains("127.0.0.1"), "{error}");
    assert!(error.message.contains("`--ssh-known-hosts`"), "one sentence says what to do: {error}");
    assert_eq!(agent.tree(&first).await.unwrap(), tree);
    assert!(agent.tree(&second).await.is_err(), "nothing of a server that is not believed is kept");
    if let (Some(pin), Some(before)) = (pin, before) {
        assert_eq!(fs::read(pin).unwrap(), before.unwrap(), "no key is written down by itself");
    }
    error
}

#[tokio::test]
async fn a_server_with_another_key_is_not_believed() {
    let place = Place::new(&history(3, 3));
    let Some(sshd) = Sshd::start(place.folder.path()) else { return };
    refused(&place, &sshd, Some(sshd.pin("other")), "another host key than the one that is known").await;
}

#[tokio::test]
async fn a_server_that_nobody_knows_is_not_believed() {
    let place = Place::new(&history(3, 3));
    let Some(sshd) = Sshd::start(place.folder.path()) else { return };
    let nobody = sshd.file("nobody");
    fs::write(&nobody, "").unwrap();
    refused(&place, &sshd, Some(nobody), "a host key that is not known here").await;
    let error = refused(&place, &sshd, None, "a host key that is not known here").await;
    assert!(error.message.contains("the user's `known_hosts`"), "{error}");
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_and_a_file_that_is_not_there_are_told_apart() {
    let place = Place::new(&history(1, 1));
    let Some(sshd) = Sshd::start(place.folder.path()) else { return };
    let error = fails(&sshd.agent(&place, Some(sshd.pin("host")), "stranger")).await;
    assert_eq!(error.kind, Fault::Unauthorized, "{error}");
    for (pin, key, option) in [("none", "login", "--ssh-known-hosts"), ("host.pub", "none", "--ssh-key")] {
        let error = fails(&sshd.agent(&place, Some(sshd.file(pin)), key)).await;
        assert_eq!(error.kind, Fault::Local, "{error}");
        assert!(error.message.contains(option), "{error}");
    }
    fs::rename(place.repository(), place.folder.path().join("moved.git")).unwrap();
    let error = fails(&sshd.agent(&place, Some(sshd.pin("host")), "login")).await;
    assert_eq!(error.kind, Fault::NotFound, "{error}");
}
