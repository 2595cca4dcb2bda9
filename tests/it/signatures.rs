//! Signatures on commits, against what real git and OpenSSH make of them: whatever is trusted here, git trusts too.

use crate::{
    binary::Checkout,
    git_server::feed,
    keys::{Keys, git_says},
};
use agent::trust::signers::Signers;
use jiff::Timestamp;
use std::fs;

/// A commit and what is made of it: by us, and by git.
struct Bench {
    keys: Keys,
    repository: Checkout,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        let keys = Keys::new()?;
        let folder = tempfile::tempdir().unwrap();
        let repository = Checkout::new(folder.path().join("repository"));
        repository.write("a.yaml", "x");
        Some(Self { keys, repository, folder })
    }

    /// A commit's bytes.
    fn bytes(&self, commit: &str) -> Vec<u8> {
        feed(self.repository.folder(), &["cat-file", "commit", commit], b"").stdout
    }

    /// A commit of these bytes, however odd.
    fn commit(&self, bytes: &[u8]) -> String {
        let arguments = ["hash-object", "-t", "commit", "-w", "--stdin", "--literally"];
        String::from_utf8(feed(self.repository.folder(), &arguments, bytes).stdout).unwrap().trim().to_owned()
    }

    /// Expects this of a commit, from a file of signers; `git` says whether git takes it.
    #[track_caller]
    fn check(&self, allowed: &str, commit: &str, expect: Result<&str, &str>, git: bool) {
        let file = self.folder.path().join("allowed");
        fs::write(&file, allowed).unwrap();
        let seen: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let judged = Signers::parse(allowed).unwrap().judge(&self.bytes(commit), seen);
        match (&judged, expect) {
            (Ok(by), Ok(principals)) => assert_eq!(by.principals, principals),
            (Err(why), Err(words)) => assert!(why.to_string().contains(words), "{why}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(git_says(self.repository.folder(), &file, commit), git, "git, of {judged:?}");
    }
}

/// A commit's bytes with this signature in them.
fn with_signature(unsigned: &[u8], armour: &str) -> Vec<u8> {
    let text = String::from_utf8(unsigned.to_vec()).unwrap();
    let (head, message) = text.split_once("\n\n").unwrap();
    let armour = armour.trim_end().replace('\n', "\n ");
    format!("{head}\ngpgsig {armour}\n\n{message}").into_bytes()
}

#[test]
fn what_git_signed_is_good_and_what_is_not_is_not() {
    let Some(bench) = Bench::new() else { return };
    let alice = bench.keys.allowed(&[("alice@example.org", "", "alice"), ("bob@example.org", "", "bob")]);
    let signed = bench.repository.commit_signed(&bench.keys.path("alice"));
    bench.check(&alice, &signed, Ok("alice@example.org"), true);
    let by_bob = bench.repository.commit_signed(&bench.keys.path("bob"));
    bench.check(&alice, &by_bob, Ok("bob@example.org"), true);
    let unsigned = bench.repository.commit();
    bench.check(&alice, &unsigned, Err("nobody signed it"), false);
    let by_mallory = bench.repository.commit_signed(&bench.keys.path("mallory"));
    bench.check(&alice, &by_mallory, Err("which is not among those of the signers"), false);
    // The message was changed after it was signed; so was the tree's parent.
    let text = String::from_utf8(bench.bytes(&signed)).unwrap();
    let tampered = bench.commit(text.replace("\n\nx\n", "\n\ny\n").as_bytes());
    bench.check(&alice, &tampered, Err("it is not what alice@example.org signed"), false);
}

#[test]
fn keys_are_good_for_their_namespaces_and_their_time() {
    let Some(bench) = Bench::new() else { return };
    let signed = bench.repository.commit_signed(&bench.keys.path("alice"));
    let allowed = |options: &str| bench.keys.allowed(&[("alice", options, "alice")]);
    bench.check(&allowed("namespaces=\"git\""), &signed, Ok("alice"), true);
    bench.check(&allowed("namespaces=\"file,g?t\""), &signed, Ok("alice"), true);
    bench.check(&allowed("namespaces=\"file\""), &signed, Err("may not sign for `git`"), false);
    bench.check(&allowed("valid-after=\"20250101\",valid-before=\"20990101\""), &signed, Ok("alice"), true);
    // git goes by the date that the commit claims, which is now; we go by when the commit was first seen.
    bench.check(
        &allowed("valid-before=\"20260101\""),
        &signed,
        Err("was not valid when the commit was first seen"),
        false,
    );
    bench.check(
        &allowed("valid-after=\"20990101\""),
        &signed,
        Err("was not valid when the commit was first seen"),
        false,
    );
}

#[test]
fn a_signature_for_something_else_or_one_that_can_be_read_in_two_ways_is_none() {
    let Some(bench) = Bench::new() else { return };
    let alice = bench.keys.allowed(&[("alice", "", "alice")]);
    let unsigned = bench.bytes(&bench.repository.commit());
    let sign = |namespace: &str, bytes: &[u8]| bench.keys.sign("alice", namespace, bytes);
    let good = bench.commit(&with_signature(&unsigned, &sign("git", &unsigned)));
    bench.check(&alice, &good, Ok("alice"), true);
    let file = bench.commit(&with_signature(&unsigned, &sign("file", &unsigned)));
    bench.check(&alice, &file, Err("made for `file`, which is another use"), false);
    let another = bench.commit(&with_signature(&unsigned, &sign("git", b"something else")));
    bench.check(&alice, &another, Err("it is not what alice signed"), false);
    let nonsense =
        bench.commit(&with_signature(&unsigned, "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----"));
    bench.check(&alice, &nonsense, Err("is not one of SSH"), false);
    let pgp =
        bench.commit(&with_signature(&unsigned, "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----"));
    let words =
        if cfg!(feature = "openpgp") { "its signature of OpenPGP can't be read" } else { "feature `openpgp` does" };
    bench.check(&alice, &pgp, Err(words), false);
    let twice = with_signature(&with_signature(&unsigned, &sign("git", &unsigned)), &sign("git", &unsigned));
    // git takes it: one reader may see one signature, the next one another.
    bench.check(&alice, &bench.commit(&twice), Err("carries two signatures"), true);
}

#[test]
fn an_rsa_key_is_understood_by_a_build_that_has_it_and_refused_by_name_by_one_that_has_not() {
    let Some(bench) = Bench::new() else { return };
    let mut listed = Vec::new();
    for (name, bits) in [("small", "2048"), ("carol", "3072"), ("large", "4104")] {
        bench.keys.make(name, &["-t", "rsa", "-b", bits]);
        listed.push(Signers::parse(&bench.keys.allowed(&[(name, "", name)])));
    }
    let [small, carol, large] = listed.try_into().unwrap();
    assert_eq!(small.unwrap_err(), "line 1: the RSA key has 2048 bits: those of 3072 to 4096 are verified here");
    assert_eq!(large.unwrap_err(), "line 1: the RSA key has 4104 bits: those of 3072 to 4096 are verified here");
    if cfg!(feature = "rsa") {
        carol.unwrap();
    } else {
        let why = carol.unwrap_err();
        assert!(why.contains("this build does not verify RSA keys: one with the cargo feature `rsa` does"), "{why}");
    }
}

#[cfg(feature = "rsa")]
#[test]
fn what_was_signed_with_rsa_and_a_hash_of_today_is_good() {
    let Some(bench) = Bench::new() else { return };
    bench.keys.make("carol", &["-t", "rsa", "-b", "3072"]);
    bench.keys.make("dave", &["-t", "rsa", "-b", "4096"]);
    let allowed = bench.keys.allowed(&[("carol", "", "carol"), ("alice", "", "alice")]);
    let signed = bench.repository.commit_signed(&bench.keys.path("carol"));
    bench.check(&allowed, &signed, Ok("carol"), true);
    let unknown = bench.repository.commit_signed(&bench.keys.path("dave"));
    bench.check(&allowed, &unknown, Err("which is not among those of the signers"), false);
    let bytes = String::from_utf8(bench.bytes(&signed)).unwrap();
    let tampered = bench.commit(bytes.replace("\n\nx\n", "\n\ny\n").as_bytes());
    bench.check(&allowed, &tampered, Err("it is not what carol signed"), false);
    let unsigned = bench.bytes(&bench.repository.commit());
    let armour = bench.keys.sign("carol", "git", &unsigned);
    for (hash, expect) in [
        ("rsa-sha2-512", Ok("carol")),
        // Whose hash it says that it is has to be the one that it is of; and SHA-1 is none at all.
        ("rsa-sha2-256", Err("it is not what carol signed")),
        ("ssh-rsa", Err("its signature is not one of SSH")),
    ] {
        let commit = bench.commit(&with_signature(&unsigned, &rehashed(&armour, hash)));
        bench.check(&allowed, &commit, expect, expect.is_ok());
    }
}

/// The same signature, which says that it was made with another hash.
#[cfg(feature = "rsa")]
fn rehashed(armour: &str, hash: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
    let lines: Vec<&str> = armour.trim().lines().collect();
    let bytes = BASE64.decode(lines[1..lines.len() - 1].concat()).unwrap();
    let at = bytes.windows(12).position(|bytes| bytes == b"rsa-sha2-512").unwrap();
    // The length of the name stands before it, and that of the whole signature before that.
    let (before, signature) = (&bytes[..at - 8], &bytes[at + 12..]);
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    let whole = length(4 + hash.len() + signature.len());
    let made = [before, &whole, &length(hash.len()), hash.as_bytes(), signature].concat();
    let text = BASE64.encode(made);
    let body: Vec<&str> = text.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("{}\n{}\n{}\n", lines[0], body.join("\n"), lines[lines.len() - 1])
}

#[test]
fn a_block_of_openpgp_in_the_list_is_read_or_refused_with_a_line_and_the_feature_that_would() {
    let listed = |text: &str| Signers::parse(&format!("# ours\n{text}\n")).unwrap_err();
    let block = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----";
    let why = listed(block);
    let words = if cfg!(feature = "openpgp") { "can't be read" } else { "one with the cargo feature `openpgp` does" };
    assert!(why.starts_with("line 2: ") && why.contains(words), "{why}");
    assert_eq!(listed(&block[..40]), "line 2: the block of a public key has no end");
    let why = listed(&block.replace("PUBLIC", "PRIVATE"));
    assert!(why.starts_with("line 2: only blocks of public keys may stand here"), "{why}");
}
