//! Keys that sign commits, made by OpenSSH itself. Where it is not installed the tests that need it say so and are skipped;
//! with `CI=true` that is a failure.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A folder of keys: alice's, bob's (P-256), mallory's.
pub(crate) struct Keys {
    folder: TempDir,
}

impl Keys {
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub(crate) fn new() -> Option<Self> {
        if Command::new("ssh-keygen").arg("-?").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "ssh-keygen is missing, and this is CI");
            eprintln!("SKIPPED: ssh-keygen is not installed");
            return None;
        }
        let keys = Self { folder: tempfile::tempdir().unwrap() };
        for (name, kind) in [("alice", "ed25519"), ("bob", "ecdsa"), ("mallory", "ed25519")] {
            keys.make(name, &["-t", kind]);
        }
        Some(keys)
    }

    /// One more key, of another kind.
    pub(crate) fn make(&self, name: &str, kind: &[&str]) {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-N", "", "-C", name, "-f"]).arg(self.path(name)).args(kind);
        assert!(keygen.status().unwrap().success());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of allowed signers: each by principal, options and whose key it is.
    pub(crate) fn allowed(&self, all: &[(&str, &str, &str)]) -> String {
        let line = |(principal, options, key): &(&str, &str, &str)| {
            let key = fs::read_to_string(self.path(key).with_extension("pub")).unwrap();
            format!("{principal} {options} {key}")
        };
        all.iter().map(line).collect()
    }

    /// A signature of these bytes in a namespace, armoured.
    pub(crate) fn sign(&self, key: &str, namespace: &str, bytes: &[u8]) -> String {
        let file = self.folder.path().join("signed");
        fs::write(&file, bytes).unwrap();
        let _ = fs::remove_file(file.with_extension("sig"));
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(self.path(key)).arg(&file);
        assert!(keygen.output().unwrap().status.success());
        fs::read_to_string(file.with_extension("sig")).unwrap()
    }
}

/// Whether git itself takes a commit for well signed.
pub(crate) fn git_says(repository: &Path, allowed: &Path, commit: &str) -> bool {
    git_verifies("verify-commit", repository, allowed, commit)
}

/// Whether git itself takes a tag for well signed. What it is called, and what it points at, git does not ask.
pub(crate) fn git_says_of_tag(repository: &Path, allowed: &Path, tag: &str) -> bool {
    git_verifies("verify-tag", repository, allowed, tag)
}

fn git_verifies(command: &str, repository: &Path, allowed: &Path, what: &str) -> bool {
    let config = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).args(["-c", &config, "-c", "gpg.format=ssh", command, what]);
    git.output().unwrap().status.success()
}
