//! The manifests repository over real git: what is fetched, how it relates to what was known, and what that costs.

use crate::{
    git_place::{Place, commit, fails, history, path, since},
    git_server::{GitServer, Manner, git, more},
};
use agent::git::{
    Descent, Limits, Offered, Origin, Repository, Source as _, Ssh, credentials::Credentials, error::Fault,
};
use std::{fs, path::Path, time::Duration};

#[tokio::test]
async fn a_first_look_brings_one_commit_and_its_files() {
    let place = Place::new(&history(3, 5));
    let agent = place.agent();
    let offered = agent.offered(None).await.unwrap();
    assert_eq!(offered, Offered { commit: place.head(), descent: Descent::First });
    let tree = agent.tree(&offered.commit).await.unwrap();
    assert_eq!(tree.manifests.len(), 3);
    assert_eq!(tree.manifests[&path("stacks/team-0/s0.yaml")], b"name: s0\nnumber: 4\n");
    assert_eq!(tree.sizes[&path("stacks/team-1/s1.yaml")], 9);
    assert_eq!(git(&place.mirror(), &["rev-list", "--count", "refs/remotes/origin/main"]), "1");
}

#[tokio::test]
async fn nothing_new_costs_the_same_however_large_the_repository() {
    let mut costs = Vec::new();
    for (manifests, commits) in [(10, 10), (2_000, 10), (10, 2_000)] {
        let place = Place::new(&history(manifests, commits));
        let agent = place.agent();
        let first = agent.offered(None).await.unwrap().commit;
        let (before, told) = (place.server.counted(), agent.traffic());
        let again = agent.offered(Some(&first)).await.unwrap();
        assert_eq!(again, Offered { commit: first, descent: Descent::Same });
        let cost = since(before, place.server.counted());
        let (now, bytes) = (agent.traffic(), cost.up + cost.down);
        assert!(cost.requests <= 2 && bytes <= 2_048, "{cost:?}");
        assert_eq!(now.requests - told.requests, cost.requests);
        let counted = now.up + now.down - told.up - told.down;
        assert!(counted.abs_diff(bytes) * 10 <= bytes, "the agent counts {counted} of {bytes} bytes");
        costs.push(bytes);
    }
    let (least, most) = (costs.iter().min().unwrap(), costs.iter().max().unwrap());
    assert!((most - least) * 50 <= *most, "{costs:?}");
}

#[tokio::test]
async fn one_new_commit_costs_itself() {
    for (manifests, commits) in [(10, 10), (10, 2_000)] {
        let place = Place::new(&history(manifests, commits));
        let agent = place.agent();
        let first = agent.offered(None).await.unwrap().commit;
        let text = "name: s1\nnew: true\n";
        let second =
            place.push(&commit(9_000, Some("refs/heads/main^0"), &[("100644", "stacks/team-1/s1.yaml", text)]));
        let before = place.server.counted();
        let offered = agent.offered(Some(&first)).await.unwrap();
        assert_eq!(offered, Offered { commit: second.clone(), descent: Descent::Forward });
        let cost = since(before, place.server.counted());
        assert!(cost.up + cost.down <= 3_072 + text.len() as u64, "{cost:?}");
        assert_eq!(agent.tree(&second).await.unwrap().manifests[&path("stacks/team-1/s1.yaml")], text.as_bytes());
    }
}

#[tokio::test]
async fn reads_that_are_made_side_by_side_all_succeed() {
    let place = Place::new(&history(2_000, 1));
    let agent = place.agent();
    let head = agent.offered(None).await.unwrap().commit;
    let (one, other, third) = tokio::join!(agent.tree(&head), agent.tree(&head), agent.tree(&head));
    assert_eq!([one, other, third].map(|tree| tree.unwrap().manifests.len()), [2_000; 3]);
}

#[tokio::test]
async fn a_refused_commit_does_not_hide_what_follows_it() {
    let place = Place::new(&history(2, 3));
    let agent = place.agent();
    let accepted = agent.offered(None).await.unwrap().commit;
    place.push(&commit(10, Some("refs/heads/main^0"), &[("100644", "bad.yaml", "bad")]));
    assert_eq!(agent.offered(Some(&accepted)).await.unwrap().descent, Descent::Forward);
    let good = place.push(&commit(11, Some("refs/heads/main^0"), &[("100644", "good.yaml", "good")]));
    let offered = agent.offered(Some(&accepted)).await.unwrap();
    assert_eq!(offered, Offered { commit: good, descent: Descent::Forward });
}

#[tokio::test]
async fn a_rewritten_branch_is_rewound_for_everyone() {
    let place = Place::new(&history(3, 30));
    let (seen, last) = (place.agent(), place.head());
    seen.offered(None).await.unwrap();
    let older = place.commit("main~20");
    let elsewhere = commit(99, Some(older.as_str()), &[("100644", "other.yaml", "other")]);
    let unrelated = format!("reset refs/heads/main\n{}", commit(100, None, &[("100644", "new.yaml", "new")]));
    for script in [format!("reset refs/heads/main\nfrom {older}\n"), elsewhere, unrelated] {
        let head = place.push(&script);
        let rewound = Offered { commit: head, descent: Descent::Rewound };
        assert_eq!(seen.offered(Some(&last)).await.unwrap(), rewound, "{script}");
        let before = place.server.counted();
        assert_eq!(seen.offered(Some(&last)).await.unwrap(), rewound, "{script}");
        assert!(since(before, place.server.counted()).requests <= 2, "a standing answer is not proved again");
    }
    drop(seen);
    assert_eq!(place.newcomer().offered(Some(&last)).await.unwrap().descent, Descent::Rewound);
}

#[tokio::test]
async fn descent_is_proved_from_as_much_history_as_that_takes() {
    let place = Place::new(&history(3, 400));
    for (back, descent) in [("main", Descent::Same), ("main~1", Descent::Forward), ("main~399", Descent::Forward)] {
        let last = place.commit(back);
        assert_eq!(place.newcomer().offered(Some(&last)).await.unwrap().descent, descent, "{back}");
    }
    let (near, far) = (place.commit("main~90"), place.commit("main~399"));
    let origin = Origin { limits: Limits { depth: 128, ..Limits::default() }, ..place.origin() };
    for (last, proved) in [(near, true), (far, false)] {
        fs::remove_dir_all(place.folder.path().join("cache")).unwrap();
        let agent = Repository::new(origin.clone(), Credentials::None).unwrap();
        let offered = agent.offered(Some(&last)).await.unwrap();
        assert_eq!(offered.commit, place.head());
        assert_eq!(offered.descent == Descent::Forward, proved, "{:?}", offered.descent);
        assert_eq!(matches!(offered.descent, Descent::NotProven { .. }), !proved, "{:?}", offered.descent);
        let before = place.server.counted();
        assert_eq!(agent.offered(Some(&last)).await.unwrap(), offered);
        assert!(since(before, place.server.counted()).requests <= 2, "a standing answer is not looked for again");
    }
}

#[tokio::test]
async fn an_older_head_needs_no_more_history_to_be_told() {
    let place = Place::new(&history(3, 400));
    let last = place.commit("main~5");
    let agent = place.newcomer();
    assert_eq!(agent.offered(Some(&last)).await.unwrap().descent, Descent::Forward);
    place.push(&format!("reset refs/heads/main\nfrom {}\n", place.commit("main~20")));
    let before = place.server.counted();
    assert_eq!(agent.offered(Some(&last)).await.unwrap().descent, Descent::Rewound);
    assert!(since(before, place.server.counted()).requests <= 2);
}

#[tokio::test]
async fn a_server_of_the_first_protocol_serves_as_well() {
    let place = Place::new(&history(3, 40));
    place.server.behave(Manner::Old);
    let agent = place.agent();
    let first = agent.offered(None).await.unwrap();
    assert_eq!(agent.offered(Some(&first.commit)).await.unwrap().descent, Descent::Same);
    let second = place.push(&commit(50, Some("refs/heads/main^0"), &[("100644", "new.yaml", "new")]));
    let offered = agent.offered(Some(&first.commit)).await.unwrap();
    assert_eq!(offered, Offered { commit: second, descent: Descent::Forward });
}

#[tokio::test]
async fn a_branch_that_is_not_there_is_told_from_one_that_is_empty() {
    let place = Place::new(&history(1, 1));
    git(&place.repository(), &["branch", "develop", "main"]);
    git(&place.repository(), &["branch", "-m", "main", "trunk"]);
    let error = fails(&place.agent()).await;
    assert_eq!(error.kind, Fault::NoBranch);
    assert!(error.message.contains("`main`") && error.message.contains("develop, trunk"), "{error}");
    let empty = Place::new("");
    assert_eq!(fails(&empty.agent()).await.kind, Fault::Empty);
    fs::remove_dir_all(empty.repository()).unwrap();
    git(empty.folder.path(), &["init", "--quiet", "--bare", "--object-format=sha256", "fleet.git"]);
    more(&empty.repository(), history(1, 1).as_bytes());
    assert_eq!(fails(&empty.agent()).await.kind, Fault::Protocol, "SHA-256 is not supported");
    let (agent, other) = (place.agent(), "a".repeat(64).parse().unwrap());
    assert_eq!(agent.offered(Some(&other)).await.unwrap_err().kind, Fault::Protocol);
    assert!(Repository::new(Origin { branch: "a b".into(), ..place.origin() }, Credentials::None).is_err());
}

#[tokio::test]
async fn who_is_asking_decides_who_may_read() {
    const BASIC: &str = "Basic YWdlbnQ6Y2FuYXJ5";
    let basic = |password: &str| Credentials::Basic { user: "agent".into(), password: password.into() };
    let bearer = |token: &str| Credentials::Bearer(token.into());
    for (demanded, right, wrong) in
        [(BASIC, basic("canary"), basic("wrong")), ("Bearer canary", bearer("canary"), bearer("wrong"))]
    {
        let place = Place::new(&history(1, 1));
        place.server.demand(demanded);
        for (credentials, may) in [(Credentials::None, false), (wrong, false), (right, true)] {
            let looked = Repository::new(place.origin(), credentials).unwrap().offered(None).await;
            match looked {
                Ok(_) => assert!(may),
                Err(error) => assert_eq!((error.kind, may), (Fault::Unauthorized, false), "{error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_password_in_the_url_is_used_and_never_shown() {
    let place = Place::new(&history(1, 1));
    place.server.demand("Basic YWdlbnQ6Y2FuYXJ5");
    let url = place.server.url("fleet.git").replace("http://", "http://agent:canary@");
    let agent = |url: &str| Repository::new(Origin { url: url.to_owned(), ..place.origin() }, Credentials::None);
    agent(&url).unwrap().offered(None).await.unwrap();
    let closed = url.replace(&place.server.port().to_string(), "1");
    let mut texts = vec![format!("{:?}", fails(&agent(&closed).unwrap()).await)];
    for manner in [Manner::Tell, Manner::Status(404, String::new()), Manner::Status(302, "Location: /".into())] {
        place.server.behave(manner);
        texts.push(format!("{:?}", fails(&agent(&url).unwrap()).await));
    }
    for broken in ["http://agent:canary@", "https://agent:canary@[::1/x", "ext::sh -c canary"] {
        texts.extend(agent(broken).err().map(|error| format!("{error:?}")));
    }
    assert!(texts.len() >= 6, "{texts:?}");
    for text in texts {
        assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5"), "{text}");
    }
    let config = fs::read_to_string(place.mirror().join("config")).unwrap();
    assert!(!config.contains("canary"), "{config}");
}

#[tokio::test]
async fn a_moved_repository_is_followed_on_its_own_host() {
    let place = Place::new(&history(1, 1));
    place.server.behave(Manner::Moved { from: "old.git", to: "fleet.git" });
    let agent =
        Repository::new(Origin { url: place.server.url("old.git"), ..place.origin() }, Credentials::None).unwrap();
    let first = agent.offered(None).await.unwrap().commit;
    assert_eq!(first, place.head());
    let second = place.push(&commit(9, Some("refs/heads/main^0"), &[("100644", "new.yaml", "new")]));
    assert_eq!(agent.offered(Some(&first)).await.unwrap().commit, second);
    let other = GitServer::start(place.folder.path());
    let target = format!("Location: {}/info/refs?service=git-upload-pack", place.server.url("fleet.git"));
    other.behave(Manner::Status(301, target));
    let origin = Origin { url: other.url("fleet.git"), cache: place.folder.path().join("more"), ..place.origin() };
    let agent = Repository::new(origin, Credentials::None).unwrap();
    assert_eq!(fails(&agent).await.kind, Fault::Refused, "another port is another server");
}

#[tokio::test]
async fn a_local_repository_is_read_where_it_is() {
    let place = Place::new(&history(3, 5));
    let folder = place.repository();
    for url in [folder.display().to_string(), format!("file://{}", folder.display())] {
        let agent = Repository::new(Origin { url, ..place.origin() }, Credentials::None).unwrap();
        let (last, head) = (place.commit("main~3"), place.head());
        let offered = agent.offered(Some(&last)).await.unwrap();
        assert_eq!(offered, Offered { commit: head.clone(), descent: Descent::Forward });
        assert_eq!(agent.tree(&head).await.unwrap().manifests.len(), 3);
        assert_eq!(agent.blob(&head, &path("stacks/team-1/s1.yaml"), 99).await.unwrap(), b"name: s1\n");
        assert_eq!(agent.offered(Some(&head)).await.unwrap().descent, Descent::Same);
    }
    assert!(!place.folder.path().join("cache").exists());
    let agent = |url: &Path, branch: &str| {
        let origin = Origin { url: url.display().to_string(), branch: branch.to_owned(), ..place.origin() };
        Repository::new(origin, Credentials::None).unwrap()
    };
    assert_eq!(fails(&agent(&folder, "develop")).await.kind, Fault::NoBranch);
    assert_eq!(fails(&agent(&folder.join("none"), "main")).await.kind, Fault::NotFound);
    let later = place.head();
    place.push(&format!("reset refs/heads/main\nfrom {}\n", place.commit("main~2")));
    assert_eq!(agent(&folder, "main").offered(Some(&later)).await.unwrap().descent, Descent::Rewound);
}

#[tokio::test]
async fn ssh_needs_its_program_and_then_works() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new(&history(3, 5));
    // Stands in for ssh: drops options and host, and runs on this machine what was meant for the other.
    let program = place.folder.path().join("ssh");
    let script = |text: &str| {
        fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("while [ \"$1\" != git-upload-pack ]; do shift; done; exec sh -c \"$*\"");
    let url = format!("ssh://git@fleet.example{}", place.repository().display());
    let agent = |ssh: &Path| {
        let ssh = Ssh { program: ssh.to_owned(), ..Ssh::default() };
        Repository::new(Origin { url: url.clone(), ssh, ..place.origin() }, Credentials::None).unwrap()
    };
    let error = fails(&agent(Path::new("no-such-ssh"))).await;
    assert_eq!(error.kind, Fault::Local);
    assert!(error.message.contains("no-such-ssh"), "{error}");
    let agent = agent(&program);
    let first = agent.offered(None).await.unwrap();
    assert_eq!(agent.tree(&first.commit).await.unwrap().manifests.len(), 3);
    let second = place.push(&commit(50, Some("refs/heads/main^0"), &[("100644", "new.yaml", "new")]));
    let offered = agent.offered(Some(&first.commit)).await.unwrap();
    assert_eq!(offered, Offered { commit: second, descent: Descent::Forward });
    let denied = "echo 'git@fleet.example: Permission denied (publickey).' >&2; exit 255";
    for (text, kind) in [(denied, Fault::Unauthorized), ("exit 255", Fault::Unreachable), ("exit 0", Fault::Broken)] {
        script(text);
        let error = agent.offered(Some(&first.commit)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
    }
    script("exec sleep 600");
    let limits = Limits { deadline: Duration::from_millis(400), ..Limits::default() };
    let ssh = Ssh { program: program.clone(), ..Ssh::default() };
    let cache = place.folder.path().join("more");
    let hasty = Repository::new(Origin { url, ssh, limits, cache, ..place.origin() }, Credentials::None).unwrap();
    // The second look needs the copy that the first one had: so that one is over, and its program with it.
    for _ in 0..2 {
        assert_eq!(fails(&hasty).await.kind, Fault::Slow);
    }
}
