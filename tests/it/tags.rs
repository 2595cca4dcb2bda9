//! Annotated tags that speak for a head, in a repository on this machine and behind a real git server, against what real git
//! makes of them: a tag that is trusted here, git trusts too. And what looking at them costs.

use crate::{
    binary::Checkout,
    git_server::{GitServer, Manner, feed, git},
    keys::{Keys, git_says_of_tag},
};
use agent::{
    accept::accept,
    git::{Limits, Origin, Repository, Source as _, Ssh, credentials::Credentials},
    trust::{Policy, Trust, signers::Signers, tag::Tags},
};
use jiff::Timestamp;
use plan::memory::Seal;
use std::fs;
use tempfile::TempDir;

const FIRST_SEEN: &str = "2026-06-01T00:00:00Z";
const NOW: &str = "2026-06-03T00:00:00Z";

/// A repository with two commits that nobody signed, a server in front of it, and alice's list of signers.
struct Bench {
    keys: Keys,
    repository: Checkout,
    server: GitServer,
    folder: TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        let keys = Keys::new()?;
        let folder = tempfile::tempdir().unwrap();
        let repository = Checkout::new(folder.path().join("fleet"));
        for text in ["one", "two"] {
            repository.write("a.yaml", text);
            repository.commit();
        }
        let server = GitServer::start(folder.path());
        Some(Self { keys, repository, server, folder })
    }

    fn tag(&self, key: &str, name: &str, revision: &str) {
        self.repository.tag_signed(&self.keys.path(key), name, revision);
    }

    /// Makes a tag of these bytes, however odd.
    fn made(&self, name: &str, bytes: &str) {
        let arguments = ["hash-object", "-t", "tag", "-w", "--stdin", "--literally"];
        let id = String::from_utf8(feed(self.repository.folder(), &arguments, bytes.as_bytes()).stdout).unwrap();
        git(self.repository.folder(), &["update-ref", &format!("refs/tags/{name}"), id.trim()]);
    }

    fn bytes(&self, name: &str) -> String {
        String::from_utf8(feed(self.repository.folder(), &["cat-file", "tag", name], b"").stdout).unwrap()
    }

    fn source(&self, url: &str, cache: &str) -> Repository<Credentials> {
        let origin = Origin {
            url: url.into(),
            branch: "main".into(),
            path: None,
            cache: self.folder.path().join(cache),
            authorities: None,
            ssh: Ssh::default(),
            limits: Limits::default(),
        };
        Repository::new(origin, Credentials::None).unwrap()
    }

    fn trust(&self, options: &str) -> Trust {
        let signers = Signers::parse(&self.keys.allowed(&[("alice", options, "alice")]));
        let tags = Tags { prefix: "v".parse().unwrap(), now: NOW.parse().unwrap() };
        Trust {
            policy: Policy::Required,
            signers,
            folder: "trust".parse().unwrap(),
            owner: "holdfast".into(),
            trusted: None,
            tags: Some(tags),
        }
    }

    /// Expects this of the head, wherever it is read: the tag that speaks for it, or why none does.
    #[track_caller]
    fn check(&self, options: &str, expect: Result<&str, &str>) {
        let url = self.server.url("fleet/.git");
        for (url, cache) in [(self.repository.folder().to_str().unwrap(), "none"), (url.as_str(), "cache")] {
            let source = self.source(url, cache);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let seen: Timestamp = FIRST_SEEN.parse().unwrap();
            let proven = runtime.block_on(async {
                let offered = source.offered(None).await.unwrap();
                self.trust(options).prove(&source, offered, (None, None), seen).await
            });
            let seal = proven.map(|proven| accept(proven, None, None).unwrap().seal().cloned().unwrap());
            match (&seal, expect) {
                (Ok(Seal::Good { by, tag: Some(tag), .. }), Ok(expect)) => {
                    assert_eq!((&**by, &**tag), ("alice", expect))
                }
                (Err(refused), Err(words)) => {
                    assert!(
                        refused.why.starts_with("nobody signed it, and ") && refused.why.contains(words),
                        "{refused}"
                    );
                }
                other => panic!("{url}: {other:?}"),
            }
        }
    }

    /// The same, and expects that of git, which looks at one tag and not at what it is of.
    #[track_caller]
    fn check_with_git(&self, tag: &str, git: bool, expect: Result<&str, &str>) {
        let allowed = self.folder.path().join("allowed");
        fs::write(&allowed, self.keys.allowed(&[("alice", "", "alice")])).unwrap();
        assert_eq!(git_says_of_tag(self.repository.folder(), &allowed, tag), git, "git");
        self.check("", expect);
        git_in(self, &["tag", "-d", tag]);
    }
}

fn git_in(bench: &Bench, arguments: &[&str]) {
    let who = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
    git(bench.repository.folder(), &[&who[..], arguments].concat());
}

#[test]
fn a_good_tag_of_the_head_speaks_for_it_and_no_other_does() {
    let Some(bench) = Bench::new() else { return };
    bench.check("", Err("no annotated tag `v*` points at it"));
    bench.tag("alice", "v1", "HEAD");
    bench.check_with_git("v1", true, Ok("v1"));
    bench.tag("alice", "v/1.0", "HEAD");
    git_in(&bench, &["pack-refs", "--all"]);
    bench.check_with_git("v/1.0", true, Ok("v/1.0"));
    git_in(&bench, &["tag", "-a", "-m", "x", "v1"]);
    bench.check_with_git("v1", false, Err("of the tag `v1`, nobody signed it"));
    git_in(&bench, &["tag", "v1"]);
    bench.check_with_git("v1", false, Err("no annotated tag `v*` points at it"));
    bench.tag("mallory", "v1", "HEAD");
    bench.check_with_git("v1", false, Err("which is not among those of the signers"));
    bench.tag("alice", "v1", "HEAD~1");
    bench.check_with_git("v1", true, Err("no annotated tag `v*` points at it"));
    bench.tag("alice", "w1", "HEAD");
    bench.check_with_git("w1", true, Err("no annotated tag `v*` points at it"));
    bench.tag("alice", "v1", "HEAD^{tree}");
    bench.check_with_git("v1", true, Err("no annotated tag `v*` points at it"));
}

#[test]
fn a_tag_that_was_renamed_or_changed_speaks_for_nothing() {
    let Some(bench) = Bench::new() else { return };
    bench.tag("alice", "x1", "HEAD");
    git_in(&bench, &["update-ref", "refs/tags/v2", "refs/tags/x1"]);
    bench.check_with_git("v2", true, Err("of the tag `v2`, it was made under another name"));
    // A tag of a tag: what it points at may be another's.
    bench.tag("alice", "v1", "x1");
    bench.check_with_git("v1", true, Err(""));
    bench.tag("alice", "v1", "HEAD");
    let good = bench.bytes("v1");
    bench.made("v1", &good.replace("\n\nx\n", "\n\ny\n"));
    bench.check_with_git("v1", false, Err("it is not what alice signed"));
    bench.made("v2", &good.replace("tag v1\n", "tag v2\n"));
    bench.check_with_git("v2", false, Err("it is not what alice signed"));
    bench.tag("alice", "v1", "HEAD~1");
    let (head, before) = (bench.repository.head(), git(bench.repository.folder(), &["rev-parse", "HEAD~1"]));
    bench.made("v1", &bench.bytes("v1").replace(&before, &head));
    bench.check_with_git("v1", false, Err("it is not what alice signed"));
    // git takes the last signature it sees; what stands before it is then the message.
    let armour = good.split_once("\n\nx\n").unwrap().1;
    let twice = good.clone() + &bench.keys.sign("alice", "git", good.as_bytes());
    bench.made("v1", &twice);
    bench.check_with_git("v1", true, Err("of the tag `v1`, it carries two signatures"));
    bench.made("v1", &good.replace(armour, &bench.keys.sign("alice", "file", good.replace(armour, "").as_bytes())));
    bench.check_with_git("v1", false, Err("made for `file`, which is another use"));
}

#[test]
fn a_bad_tag_does_not_hide_a_good_one_and_a_key_has_to_be_valid_when_the_tag_is_looked_at() {
    let Some(bench) = Bench::new() else { return };
    bench.tag("mallory", "v1", "HEAD");
    bench.tag("alice", "v2", "HEAD");
    bench.check("", Ok("v2"));
    bench.check("valid-before=\"20260604\"", Ok("v2"));
    // It was valid when the commit was first seen: the tag may have come after that.
    bench.check("valid-before=\"20260602\"", Err("was not valid when the commit was first seen"));
    for number in 0..64 {
        git_in(&bench, &["tag", "-a", "-m", "x", &format!("v3-{number}")]);
    }
    bench.check("", Err("more than 64 tags `v*` point at one commit"));
}

#[tokio::test]
async fn a_look_at_tags_brings_those_of_one_commit_and_costs_no_more_than_those_below_the_prefix() {
    let Some(bench) = Bench::new() else { return };
    for number in 0..40 {
        bench.repository.commit();
        git_in(&bench, &["tag", "-a", "-m", "x", &format!("other-{number}")]);
    }
    bench.tag("alice", "v1", "HEAD~1");
    bench.tag("alice", "v2", "HEAD");
    let (prefix, head) = ("v".parse().unwrap(), bench.repository.head().parse().unwrap());
    for manner in [Manner::Honest, Manner::Old] {
        bench.server.behave(manner.clone());
        let _ = fs::remove_dir_all(bench.folder.path().join("cache"));
        let source = bench.source(&bench.server.url("fleet/.git"), "cache");
        source.offered(None).await.unwrap();
        let mirror = bench.folder.path().join("cache/mirror.git");
        let objects = || {
            let all = git(&mirror, &["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]);
            ["commit", "tree", "blob", "tag"].map(|kind| all.lines().filter(|line| *line == kind).count())
        };
        let (had, before) = (objects(), source.traffic());
        let found = source.tags(&prefix, &head).await.unwrap();
        assert_eq!(found.iter().map(|tag| &*tag.name).collect::<Vec<_>>(), ["v2"]);
        assert_eq!(found[0].bytes, bench.bytes("v2").into_bytes());
        let first = source.traffic();
        assert!(first.requests - before.requests <= 5, "{first:?} after {before:?}");
        assert_eq!(source.tags(&prefix, &head).await.unwrap(), found);
        let second = source.traffic();
        assert!(second.requests - first.requests <= 2, "a tag that is here is not fetched again");
        if manner == Manner::Honest {
            assert!(second.down - first.down <= 1_024, "{second:?} after {first:?}");
        }
        let [commits, trees, blobs, tags] = had;
        assert_eq!(objects(), [commits, trees, blobs, tags + 1], "one tag, and nothing else: {manner:?}");
        assert_eq!(git(&mirror, &["for-each-ref", "--format=%(refname)"]), "refs/remotes/origin/main");
    }
}

#[tokio::test]
async fn a_head_that_is_signed_itself_and_an_account_that_did_not_ask_for_it_pay_nothing_for_tags() {
    let Some(bench) = Bench::new() else { return };
    bench.tag("alice", "v1", "HEAD");
    let source = bench.source(&bench.server.url("fleet/.git"), "cache");
    let seen: Timestamp = FIRST_SEEN.parse().unwrap();
    let unasked = Trust { tags: None, ..bench.trust("") };
    for (signed, trust) in [(false, unasked), (true, bench.trust(""))] {
        if signed {
            bench.repository.commit_signed(&bench.keys.path("alice"));
        }
        let offered = source.offered(None).await.unwrap();
        let before = source.traffic();
        let proven = trust.prove(&source, offered, (None, None), seen).await;
        assert_eq!((proven.is_ok(), source.traffic()), (signed, before));
    }
}
