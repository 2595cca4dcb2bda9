//! Commits signed with OpenPGP, by keys that the real gpg made, against what git and gpg make of them: whatever is trusted here,
//! git trusts too. Only in a build with the feature.
//!
//! Where gpg is not installed these tests say so and are skipped; with `CI=true` that is a failure.

use crate::{binary::Checkout, git_server::feed, keys::Keys};
use agent::{
    accept::accept,
    git::{Descent, Limits, Offered, Origin, Repository, Ssh, credentials::Credentials},
    trust::{Policy, Trust, signers::Signers, tag::Tags},
};
use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use jiff::Timestamp;
use plan::memory::Seal;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output},
};
use tempfile::TempDir;

const SEEN: &str = "2026-06-01T00:00:00Z";

/// A gpg of its own, and a repository.
struct Bench {
    home: TempDir,
    repository: Checkout,
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Its agent would go on without a home.
        let _ = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", self.home.path()).output();
    }
}

impl Bench {
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn new() -> Option<Self> {
        if Command::new("gpg").arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "gpg is missing, and this is CI");
            eprintln!("SKIPPED: gpg is not installed");
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let repository = Checkout::new(home.path().join("repository"));
        repository.write("a.yaml", "x");
        Some(Self { home, repository })
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("GNUPGHOME", self.home.path())
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.output().unwrap()
    }

    #[track_caller]
    fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.run("gpg", &[&["--batch", "--yes", "--passphrase", ""], arguments].concat());
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Makes a key, and answers its fingerprint.
    fn key(&self, options: &[&str], name: &str, kind: &str, usage: &str, expires: &str) -> String {
        self.gpg(&[options, &["--quick-gen-key", name, kind, usage, expires]].concat());
        let listed = String::from_utf8(self.gpg(&["--with-colons", "--list-keys", &format!("={name}")])).unwrap();
        listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':').to_owned()
    }

    fn export(&self, key: &str) -> String {
        String::from_utf8(self.gpg(&["--armor", "--export", key])).unwrap()
    }

    /// gpg with more options than git gives it.
    fn gpg_with(&self, name: &str, options: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, format!("#!/bin/sh\nexec gpg {options} \"$@\"\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn commit(&self, key: &str) -> String {
        self.commit_by("gpg", key)
    }

    fn commit_by(&self, program: &str, key: &str) -> String {
        let folder = self.repository.folder().to_str().unwrap();
        let (program, key) = (format!("gpg.program={program}"), format!("user.signingkey={key}"));
        let who = ["-C", folder, "-c", "user.name=T", "-c", "user.email=t@example.org", "-c", &program, "-c", &key];
        let output = self.run("git", &[&who[..], &["commit", "-q", "--allow-empty", "-S", "-m", "x"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.repository.head()
    }

    fn bytes(&self, commit: &str) -> Vec<u8> {
        feed(self.repository.folder(), &["cat-file", "commit", commit], b"").stdout
    }

    /// A commit of these bytes, however odd.
    fn made(&self, text: &str) -> String {
        let arguments = ["hash-object", "-t", "commit", "-w", "--stdin", "--literally"];
        String::from_utf8(feed(self.repository.folder(), &arguments, text.as_bytes()).stdout).unwrap().trim().to_owned()
    }

    /// Expects this of a commit first seen then, by a list of signers; `git` says whether git takes it, where that is said.
    #[track_caller]
    fn check(&self, list: &str, commit: &str, seen: &str, git: Option<bool>, expect: Result<&str, &str>) {
        let seen: Timestamp = seen.parse().unwrap();
        let judged = Signers::parse(list).unwrap().judge(&self.bytes(commit), seen);
        match (&judged, expect) {
            (Ok(by), Ok(principals)) => assert_eq!(by.principals, principals),
            (Err(why), Err(words)) => assert!(why.to_string().contains(words), "{why}"),
            other => panic!("{other:?}"),
        }
        let folder = self.repository.folder().to_str().unwrap();
        let said = || self.run("git", &["-C", folder, "verify-commit", commit]).status.success();
        assert!(git.is_none_or(|git| git == said()), "git, of {judged:?}");
    }
}

#[test]
fn what_a_listed_key_signed_is_good_and_what_is_not_is_not() {
    let Some(bench) = Bench::new() else { return };
    let alice = bench.key(&[], "Alice <alice@example.org>", "ed25519", "default", "never");
    let carol = bench.key(&[], "Carol <carol@example.org>", "rsa3072", "sign", "never");
    let mallory = bench.key(&[], "Mallory <mallory@example.org>", "ed25519", "sign", "never");
    let list = format!("# ours\n{}\n{}", bench.export(&alice), bench.export(&carol));
    let by_alice = bench.commit(&alice);
    bench.check(&list, &by_alice, SEEN, Some(true), Ok("Alice <alice@example.org>"));
    bench.check(&list, &bench.commit(&carol), SEEN, Some(true), Ok("Carol <carol@example.org>"));
    // git takes it because gpg has the key: who may sign is the account's list here.
    let unknown = format!("it is signed with the key {mallory}, which is not among");
    bench.check(&list, &bench.commit(&mallory), SEEN, None, Err(&unknown));
    let text = String::from_utf8(bench.bytes(&by_alice)).unwrap();
    let tampered = bench.made(&text.replace("\n\nx\n", "\n\ny\n"));
    bench.check(&list, &tampered, SEEN, Some(false), Err("it is not what Alice <alice@example.org> signed"));
    let armour = text.split_once("gpgsig ").unwrap().1.split_once("\n\nx\n").unwrap().0;
    let broken = bench.made(&text.replace(armour, &armour.replace("-----\n \n ", "-----\n \n A")));
    bench.check(&list, &broken, SEEN, Some(false), Err(""));
}

#[test]
fn keys_of_both_kinds_stand_in_one_list_each_once() {
    let (Some(bench), Some(ssh)) = (Bench::new(), Keys::new()) else { return };
    let alice = bench.key(&[], "Alice <alice@example.org>", "ed25519", "default", "never");
    let block = bench.export(&alice);
    let list = format!("{block}{}", ssh.allowed(&[("bob@example.org", "", "bob")]));
    let signers = Signers::parse(&list).unwrap();
    let names = std::collections::BTreeSet::from_iter(signers.principals());
    assert_eq!(names, ["Alice <alice@example.org>", "bob@example.org"].into());
    bench.check(&list, &bench.commit(&alice), SEEN, Some(true), Ok("Alice <alice@example.org>"));
    let by_bob = bench.repository.commit_signed(&ssh.path("bob"));
    bench.check(&list, &by_bob, SEEN, None, Ok("bob@example.org"));
    let why = Signers::parse(&format!("{list}{block}")).unwrap_err();
    assert!(why.starts_with("line ") && why.contains("stands in the list twice"), "{why}");
}

#[test]
fn a_subkey_signs_for_its_key_and_nobody_else_s_subkey_does() {
    let Some(bench) = Bench::new() else { return };
    let alice = bench.key(&[], "Alice <alice@example.org>", "rsa3072", "cert", "never");
    bench.gpg(&["--quick-add-key", &alice, "ed25519", "sign", "never"]);
    let mallory = bench.key(&[], "Mallory <mallory@example.org>", "ed25519", "cert", "never");
    bench.gpg(&["--quick-add-key", &mallory, "ed25519", "sign", "never"]);
    let list = bench.export(&alice);
    bench.check(&list, &bench.commit(&alice), SEEN, Some(true), Ok("Alice <alice@example.org>"));
    let by_mallory = bench.commit(&mallory);
    bench.check(&list, &by_mallory, SEEN, None, Err("which is not among those of the signers"));
    // Whoever keeps keys for others can put any subkey behind any key.
    let exported = |key: &str| packets(&bench.gpg(&["--export", key]));
    let theirs = exported(&mallory);
    let at = theirs.iter().position(|packet| packet[0] & 0x3c == 14 << 2).unwrap();
    let both = [exported(&alice).concat(), theirs[at..].concat()].concat();
    let block = format!(
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{}\n-----END PGP PUBLIC KEY BLOCK-----\n",
        BASE64.encode(both)
    );
    bench.check(&block, &by_mallory, SEEN, None, Err("which is not among those of the signers"));
    bench.check(&block, &bench.commit(&alice), SEEN, None, Ok("Alice <alice@example.org>"));
}

/// The packets of an exported key, which all have headers of the old format.
fn packets(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let [tag, rest @ ..] = bytes {
        assert_eq!(tag & 0xc0, 0x80, "an old header");
        let width = 1_usize << (tag & 3);
        let length = rest[..width].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (packet, more) = bytes.split_at(1 + width + length);
        all.push(packet.to_vec());
        bytes = more;
    }
    all
}

#[test]
fn a_key_is_good_until_it_runs_out_or_is_revoked() {
    let Some(bench) = Bench::new() else { return };
    let past = ["--faked-system-time", "20250101T000000!"];
    let alice = bench.key(&past, "Alice <alice@example.org>", "ed25519", "default", "2025-12-31");
    let list = bench.export(&alice);
    let signed = bench.commit_by(bench.gpg_with("past", &past.join(" ")).to_str().unwrap(), &alice);
    bench.check(&list, &signed, "2025-06-01T00:00:00Z", None, Ok("Alice <alice@example.org>"));
    let late = "whose key";
    bench.check(&list, &signed, SEEN, Some(false), Err(late));
    bench.check(&list, &signed, SEEN, Some(false), Err("was not valid when the commit was first seen"));
    // Somebody made it last longer, and so it did then: the newest of its own signatures counts.
    bench.gpg(&["--quick-set-expire", &alice, "never"]);
    bench.check(&bench.export(&alice), &signed, SEEN, Some(true), Ok("Alice <alice@example.org>"));
    let revocation = bench.home.path().join("openpgp-revocs.d").join(format!("{alice}.rev"));
    let text = fs::read_to_string(&revocation).unwrap().replace(":-----BEGIN", "-----BEGIN");
    fs::write(&revocation, text).unwrap();
    bench.gpg(&["--import", revocation.to_str().unwrap()]);
    let revoked = bench.export(&alice);
    bench.check(&revoked, &signed, "2025-06-01T00:00:00Z", Some(false), Err("was revoked"));
}

#[test]
fn what_does_not_count_is_said() {
    let Some(bench) = Bench::new() else { return };
    let alice = bench.key(&[], "Alice <alice@example.org>", "ed25519", "sign", "never");
    let bob = bench.key(&[], "Bob <bob@example.org>", "ed25519", "sign", "never");
    let list = format!("{}{}", bench.export(&alice), bench.export(&bob));
    for (name, options, expect) in [
        ("weak", "--digest-algo SHA1".to_owned(), "was made with the hash SHA1; SHA-256 or stronger is needed"),
        ("text", "--textmode".to_owned(), "is not one of a document as it stands"),
        ("two", format!("-u {bob}"), "carries more than one signature"),
        ("strange", "--sig-notation !a@example.org=b".to_owned(), "depends on something that is not understood here"),
    ] {
        let signed = bench.commit_by(bench.gpg_with(name, &options).to_str().unwrap(), &alice);
        bench.check(&list, &signed, SEEN, None, Err(expect));
    }
    let brief = bench.gpg_with("brief", "--default-sig-expire 1d --faked-system-time 20260101T000000");
    let gone =
        bench.key(&["--faked-system-time", "20250101T000000"], "Dora <d@example.org>", "ed25519", "sign", "never");
    let signed = bench.commit_by(brief.to_str().unwrap(), &gone);
    bench.check(&bench.export(&gone), &signed, "2026-01-01T12:00:00Z", None, Ok("Dora <d@example.org>"));
    bench.check(&bench.export(&gone), &signed, SEEN, Some(false), Err("had run out when the commit was first seen"));
    let small = bench.key(&[], "Small <s@example.org>", "rsa2048", "sign", "never");
    let why = Signers::parse(&bench.export(&small)).unwrap_err();
    assert_eq!(why, "line 1: the RSA key has 2048 bits: those of 3072 and more are verified here");
    let old = bench.key(&["--cert-digest-algo", "SHA1"], "Old <o@example.org>", "ed25519", "sign", "never");
    let why = Signers::parse(&bench.export(&old)).unwrap_err();
    assert!(why.contains("nothing that the key says of itself can be verified with SHA-256 or stronger"), "{why}");
    let seals = bench.key(&[], "Seals <c@example.org>", "rsa3072", "cert", "never");
    let why = Signers::parse(&bench.export(&seals)).unwrap_err();
    assert!(why.contains("no key that may sign"), "{why}");
}

#[test]
fn whatever_a_signature_is_changed_into_is_an_answer() {
    let Some(bench) = Bench::new() else { return };
    let alice = bench.key(&[], "Alice <alice@example.org>", "ed25519", "sign", "never");
    let (signers, seen) = (Signers::parse(&bench.export(&alice)).unwrap(), SEEN.parse().unwrap());
    let text = String::from_utf8(bench.bytes(&bench.commit(&alice))).unwrap();
    let armour = text.split_once("gpgsig ").unwrap().1.split_once("\n\nx\n").unwrap().0;
    let lines: Vec<&str> = armour.lines().map(str::trim).collect();
    // The last line but one is a checksum, which nobody has to write.
    let bytes = BASE64.decode(lines[2..lines.len() - 2].concat()).unwrap();
    let with = |bytes: &[u8]| {
        let signature = format!("{}\n \n {}\n {}", lines[0], BASE64.encode(bytes), lines[lines.len() - 1]);
        signers.judge(text.replace(armour, &signature).as_bytes(), seen).map(|by| by.principals)
    };
    assert_eq!(with(&bytes).as_deref(), Ok("Alice <alice@example.org>"));
    let mut good = 0;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            good += usize::from(with(&changed).is_ok());
        }
        with(&bytes[..at]).unwrap_err();
    }
    // Who claims to have made it is only a hint to the key, and no part of what was signed.
    assert!(good <= 8 * 24, "{good} changes of a bit are taken for what alice signed");
}

#[tokio::test]
async fn a_tag_that_was_signed_with_openpgp_speaks_for_its_commit_too() {
    let Some(bench) = Bench::new() else { return };
    let alice = bench.key(&[], "Alice <alice@example.org>", "ed25519", "sign", "never");
    let head = bench.repository.commit().parse().unwrap();
    let folder = bench.repository.folder().to_str().unwrap();
    let who =
        ["-C", folder, "-c", "user.name=T", "-c", "user.email=t@example.org", "tag", "-u", &alice, "-m", "x", "v1"];
    assert!(bench.run("git", &who).status.success());
    assert!(bench.run("git", &["-C", folder, "verify-tag", "v1"]).status.success());
    let origin = Origin {
        url: folder.into(),
        branch: "main".into(),
        path: None,
        cache: bench.home.path().join("cache"),
        authorities: None,
        ssh: Ssh::default(),
        limits: Limits::default(),
    };
    let source = Repository::new(origin, Credentials::None).unwrap();
    let tags = Tags { prefix: "v".parse().unwrap(), now: SEEN.parse().unwrap() };
    let trust = Trust {
        policy: Policy::Required,
        signers: Signers::parse(&bench.export(&alice)),
        folder: "trust".parse().unwrap(),
        owner: "holdfast".into(),
        trusted: None,
        tags: Some(tags),
    };
    let offered = Offered { commit: head, descent: Descent::First };
    let proven = trust.prove(&source, offered, (None, None), SEEN.parse().unwrap()).await.unwrap();
    let seal = accept(proven, None, None).unwrap().seal().cloned().unwrap();
    assert!(matches!(&seal, Seal::Good { tag: Some(tag), key, .. } if tag == "v1" && *key == alice), "{seal:?}");
}
