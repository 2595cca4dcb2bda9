//! What a bad server, a bad disk and a sudden end can't do to the agent's view of the repository.

#![expect(clippy::unwrap_used, reason = "a test that can't go on stops there")]

use crate::{
    git_place::{Place, commit, fails, history, since},
    git_server::{Manner, git, import},
    tls::Tls,
};
use agent::git::{
    Descent, Limits, Offered, Origin, Repository, Source as _,
    credentials::Credentials,
    error::{Fault, ReadError},
};
use std::{fs, path::Path, time::Duration};

#[tokio::test]
async fn credentials_are_not_sent_in_clear_text() {
    let place = Place::new(&history(1, 1));
    let origin = Origin { url: "http://git.example/fleet.git".into(), ..place.origin() };
    let agent = Repository::new(origin, Credentials::Bearer("canary".into())).unwrap();
    assert_eq!(fails(&agent).await.kind, Fault::Refused);
    assert_eq!(agent.traffic().requests, 0);
}

#[tokio::test]
async fn what_the_server_says_is_what_is_reported() {
    let place = Place::new(&history(1, 1));
    let elsewhere =
        format!("Location: http://localhost:{}/fleet.git/info/refs?service=git-upload-pack", place.server.port());
    let cases = [
        (401, "", Fault::Unauthorized),
        (403, "", Fault::Unauthorized),
        (404, "", Fault::NotFound),
        (418, "", Fault::Protocol),
        (429, "Retry-After: 17", Fault::Busy),
        (500, "", Fault::Busy),
        (503, "", Fault::Busy),
        (302, "", Fault::Protocol),
        (302, elsewhere.as_str(), Fault::Refused),
        (302, "Location: https://elsewhere.example/", Fault::Refused),
        (200, "Content-Type: text/html", Fault::Protocol),
    ];
    for (status, lines, kind) in cases {
        place.server.behave(Manner::Status(status, lines.to_owned()));
        let error = fails(&place.agent()).await;
        assert_eq!(error.kind, kind, "{status} {lines}: {error}");
        assert_eq!(error.retry_after, (status == 429).then_some(Duration::from_secs(17)));
        assert!(error.message.starts_with(&place.server.url("fleet.git")), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let place = Place::new(&history(1, 1));
    let closed = place.server.url("fleet.git").replace(&place.server.port().to_string(), "1");
    let agent = Repository::new(Origin { url: closed, ..place.origin() }, Credentials::None).unwrap();
    assert_eq!(fails(&agent).await.kind, Fault::Unreachable);
}

#[tokio::test]
async fn a_slow_server_is_left_at_the_deadline_or_when_it_falls_silent() {
    let place = Place::new(&history(1, 1));
    place.server.behave(Manner::Drip);
    let short = Duration::from_millis(400);
    for (deadline, idle) in [(short, Duration::from_secs(60)), (Duration::from_secs(60), Duration::from_millis(1))] {
        let limits = Limits { deadline, idle, ..Limits::default() };
        let agent = Repository::new(Origin { limits, ..place.origin() }, Credentials::None).unwrap();
        assert_eq!(fails(&agent).await.kind, Fault::Slow);
    }
}

#[tokio::test]
async fn a_look_that_nobody_waits_for_ends() {
    let place = Place::new(&history(1, 1));
    place.server.behave(Manner::Drip);
    let agent = place.agent();
    let given_up = tokio::time::timeout(Duration::from_millis(200), agent.offered(None)).await;
    assert!(given_up.is_err());
    place.server.behave(Manner::Honest);
    // The abandoned look still owns the local copy until it notices.
    while let Err(error) = agent.offered(None).await {
        assert_eq!(error.kind, Fault::Local, "{error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_endless_pack_is_left_at_the_budget() {
    let place = Place::new(&history(1, 1));
    place.server.behave(Manner::Endless);
    let limits = Limits { bytes: 200_000, ..Limits::default() };
    let agent = Repository::new(Origin { limits, ..place.origin() }, Credentials::None).unwrap();
    assert_eq!(fails(&agent).await.kind, Fault::TooMuch);
    assert!(agent.traffic().down < 400_000);
    place.server.behave(Manner::Honest);
    agent.offered(None).await.unwrap();
}

#[tokio::test]
async fn a_pack_of_too_many_objects_is_left_at_its_announcement() {
    let place = Place::new(&history(1, 1));
    for manner in [Manner::Endless, Manner::Honest, Manner::Old] {
        place.server.behave(manner.clone());
        // A commit, its three trees and its file; or 65,536.
        for (objects, fits) in [(4, false), (5, manner != Manner::Endless)] {
            let limits = Limits { objects, ..Limits::default() };
            let agent = Repository::new(Origin { limits, ..place.origin() }, Credentials::None).unwrap();
            match agent.offered(None).await {
                Ok(_) => assert!(fits, "{manner:?} {objects}"),
                Err(error) => {
                    assert_eq!((error.kind, fits), (Fault::TooMuch, false), "{manner:?} {objects}: {error}");
                    assert!(error.message.contains("`--git-objects`"));
                    assert!(agent.traffic().down < 200_000, "{:?}", agent.traffic());
                }
            }
            drop(agent);
            fs::remove_dir_all(place.folder.path().join("cache")).unwrap();
        }
    }
}

/// Expects that a look ends with this fault, and that its sentence names this option.
async fn ends(place: &Place, manner: Manner, limits: Limits, fault: Fault, option: &str) {
    place.server.behave(manner);
    let agent = Repository::new(Origin { limits, ..place.origin() }, Credentials::None).unwrap();
    let error = fails(&agent).await;
    assert_eq!(error.kind, fault, "{error}");
    assert!(error.message.contains(&format!("`{option}`")), "{error:?}");
}

#[tokio::test]
async fn a_look_that_is_left_at_a_limit_says_what_would_allow_more() {
    let place = Place::new(&commit(0, None, &[("100644", "x.yaml", &"0".repeat(2 << 20))]));
    let (short, long, limits) = (Duration::from_millis(300), Duration::from_secs(60), Limits::default());
    ends(&place, Manner::Drip, Limits { deadline: short, idle: long, ..limits }, Fault::Slow, "--git-timeout").await;
    let idle = Duration::from_millis(1);
    ends(&place, Manner::Drip, Limits { idle, deadline: long, ..limits }, Fault::Slow, "--git-idle").await;
    ends(&place, Manner::Honest, Limits { bytes: 900, ..limits }, Fault::TooMuch, "--git-bytes").await;
    let limits = Limits { object_bytes: 1 << 20, ..limits };
    ends(&place, Manner::Honest, limits, Fault::TooMuch, "--git-object-bytes").await;
}

#[tokio::test]
async fn a_truncated_answer_changes_nothing_and_the_next_look_works() {
    for announced in [true, false] {
        let place = Place::new(&history(20, 3));
        let agent = place.agent();
        let first = agent.offered(None).await.unwrap().commit;
        let known = agent.tree(&first).await.unwrap();
        let second = place.push(&commit(9, Some("refs/heads/main^0"), &[("100644", "new.yaml", "new")]));
        for after in (0..600).step_by(30) {
            place.server.behave(Manner::Cut { after, announced });
            let before = place.server.counted();
            let looked = agent.offered(Some(&first)).await;
            let asked = since(before, place.server.counted()).requests;
            // An end that nobody announced may as well be damage of the copy here.
            assert!(
                asked <= 3 || !announced,
                "{asked}: what broke on the way here is no reason to fetch everything anew"
            );
            match looked {
                Ok(offered) => assert_eq!(offered.commit, second, "the whole answer fits into {after} bytes"),
                Err(error) => {
                    assert_eq!(error.kind, Fault::Broken, "{after} {announced}: {error}");
                    assert_eq!(agent.tree(&first).await.unwrap(), known, "{after} {announced}");
                }
            }
        }
        place.server.behave(Manner::Honest);
        let offered = agent.offered(Some(&first)).await.unwrap();
        assert_eq!(offered, Offered { commit: second, descent: Descent::Forward });
    }
}

#[tokio::test]
async fn a_corrupt_answer_is_noticed_or_harmless_wherever_it_is_corrupt() {
    let place = Place::new(&history(5, 3));
    let agent = place.agent();
    let first = agent.offered(None).await.unwrap().commit;
    let right = agent.tree(&first).await.unwrap();
    drop(agent);
    let mut noticed = 0;
    for back in (0..520).step_by(13) {
        let agent = place.newcomer();
        place.server.behave(Manner::Flip { back });
        noticed += u32::from(agent.offered(None).await.is_err());
        place.server.behave(Manner::Honest);
        assert_eq!(agent.offered(Some(&first)).await.unwrap().commit, first, "{back}");
        assert_eq!(agent.tree(&first).await.unwrap(), right, "{back}");
    }
    assert!(noticed > 20, "{noticed}");
}

#[tokio::test]
async fn what_a_killed_process_left_does_not_stop_the_next() {
    let place = Place::new(&history(3, 3));
    let first = place.agent().offered(None).await.unwrap().commit;
    for left in ["shallow.lock", "HEAD.lock", "refs/remotes/origin/main.lock", "objects/pack/.tmp1", "packed-refs.lock"]
    {
        fs::write(place.mirror().join(left), "left").unwrap();
    }
    fs::write(place.mirror().join("kept"), "still the same copy").unwrap();
    fs::create_dir_all(place.folder.path().join("cache/fresh.git/objects")).unwrap();
    let second = place.push(&commit(9, Some("refs/heads/main^0"), &[("100644", "new.yaml", "new")]));
    let agent = place.agent();
    let offered = agent.offered(Some(&first)).await.unwrap();
    assert_eq!(offered, Offered { commit: second.clone(), descent: Descent::Forward });
    assert_eq!(agent.tree(&second).await.unwrap().manifests.len(), 4);
    assert!(place.mirror().join("kept").exists() && !place.mirror().join("shallow.lock").exists());
}

#[tokio::test]
async fn a_killed_replacement_is_undone() {
    let place = Place::new(&history(3, 3));
    let first = place.agent().offered(None).await.unwrap().commit;
    fs::rename(place.mirror(), place.folder.path().join("cache/old.git")).unwrap();
    let before = place.server.counted();
    assert_eq!(place.agent().offered(Some(&first)).await.unwrap().descent, Descent::Same);
    assert!(since(before, place.server.counted()).requests <= 2, "nothing needs to be fetched again");
}

#[tokio::test]
async fn who_looks_beside_the_agent_has_a_copy_of_its_own_which_goes_with_it() {
    let place = Place::new(&history(3, 2));
    let agent = place.agent();
    let head = agent.offered(None).await.unwrap().commit;
    let beside = place.mirror().with_file_name("beside");
    let copies = || fs::read_dir(&beside).into_iter().flatten().count();
    // What a killed one left is removed by the next one, and what is in use is not.
    fs::create_dir_all(beside.join("4711-0/mirror.git")).unwrap();
    let (one, other) = (place.agent(), place.agent());
    for looker in [&one, &other] {
        assert_eq!(looker.offered(None).await.unwrap().commit, head);
        assert_eq!(looker.tree(&head).await.unwrap().manifests.len(), 3);
    }
    assert_eq!(copies(), 2);
    drop(one);
    assert_eq!(other.offered(None).await.unwrap().commit, head);
    drop(other);
    assert_eq!(copies(), 0);
    assert_eq!(agent.offered(Some(&head)).await.unwrap().commit, head, "and the agent's own is as it was");
}

/// Overwrites the middle of every pack and index.
fn damage(mirror: &Path, ending: &str) {
    for file in fs::read_dir(mirror.join("objects/pack")).unwrap().flatten() {
        if file.path().extension().is_some_and(|end| end == ending) {
            let mut bytes = fs::read(file.path()).unwrap();
            let (from, to) = (bytes.len() / 4, bytes.len() * 3 / 4);
            bytes[from..to].fill(0x55);
            fs::remove_file(file.path()).unwrap();
            fs::write(file.path(), bytes).unwrap();
        }
    }
}

#[tokio::test]
async fn a_damaged_copy_is_replaced() {
    for ending in ["pack", "idx"] {
        let place = Place::new(&history(20, 3));
        let first = place.agent().offered(None).await.unwrap().commit;
        damage(&place.mirror(), ending);
        let agent = place.agent();
        // A copy may be so broken that asking notices, or only so that reading does; the look after that is sound.
        let offered = agent.offered(Some(&first)).await.unwrap();
        assert_eq!(offered.commit, first);
        if agent.tree(&first).await.is_err() {
            assert_eq!(agent.offered(Some(&first)).await.unwrap().descent, Descent::Same, "{ending}");
        }
        assert_eq!(agent.tree(&first).await.unwrap().manifests.len(), 20, "{ending}");
    }
    let place = Place::new(&history(2, 2));
    let first = place.agent().offered(None).await.unwrap().commit;
    fs::write(place.mirror().join("HEAD"), "no head").unwrap();
    assert_eq!(place.agent().offered(Some(&first)).await.unwrap().commit, first);
}

#[tokio::test]
async fn an_object_that_is_not_what_its_id_says_is_not_read() {
    let place = Place::new(&history(2, 1));
    let object = |path: &str| {
        let id = git(&place.repository(), &["rev-parse", &format!("main:{path}")]);
        place.repository().join("objects").join(&id[..2]).join(&id[2..])
    };
    let (one, other) = (object("stacks/team-0/s0.yaml"), object("stacks/team-1/s1.yaml"));
    fs::remove_file(&one).unwrap();
    fs::copy(&other, &one).unwrap();
    let url = place.repository().display().to_string();
    let agent = Repository::new(Origin { url, ..place.origin() }, Credentials::None).unwrap();
    let read = agent.tree(&place.head()).await;
    assert!(matches!(read, Err(ReadError::Broken(_))), "{read:?}");
}

#[tokio::test]
async fn a_copy_of_many_packs_is_replaced() {
    let place = Place::new(&history(2, 2));
    let agent = place.agent();
    let first = agent.offered(None).await.unwrap().commit;
    let packs = place.mirror().join("objects/pack");
    for n in 0..=200 {
        fs::write(packs.join(format!("pack-{n:040x}.pack")), "").unwrap();
    }
    assert_eq!(agent.offered(Some(&first)).await.unwrap().descent, Descent::Same);
    assert!(fs::read_dir(&packs).unwrap().count() <= 4);
    assert_eq!(agent.tree(&first).await.unwrap().manifests.len(), 2);
}

#[tokio::test]
async fn another_repository_gets_a_copy_of_its_own() {
    let place = Place::new(&history(2, 2));
    place.agent().offered(None).await.unwrap();
    import(&place.folder.path().join("other.git"), history(1, 1).as_bytes());
    let origin = Origin { url: place.server.url("other.git"), ..place.origin() };
    let agent = Repository::new(origin, Credentials::None).unwrap();
    let offered = agent.offered(None).await.unwrap();
    assert_eq!(agent.tree(&offered.commit).await.unwrap().manifests.len(), 1);
}

#[tokio::test]
async fn an_object_that_would_fill_the_memory_is_refused() {
    let zeros = "0".repeat(3 << 20);
    let place = Place::new(&commit(0, None, &[("100644", "bomb.bin", &zeros), ("100644", "x.yaml", "x")]));
    let limits = Limits { object_bytes: 1 << 20, ..Limits::default() };
    let agent = Repository::new(Origin { limits, ..place.origin() }, Credentials::None).unwrap();
    let error = fails(&agent).await;
    assert_eq!(error.kind, Fault::TooMuch, "{error}");
}

#[tokio::test]
async fn other_ways_to_a_repository_are_refused() {
    let place = Place::new("");
    for url in ["git://git.example/fleet.git", "ext::sh -c true", "ftp://git.example/fleet.git"] {
        let made = Repository::new(Origin { url: url.to_owned(), ..place.origin() }, Credentials::None);
        assert_eq!(made.err().map(|error| error.kind), Some(Fault::Refused), "{url}");
    }
}

#[tokio::test]
async fn authorities_that_can_not_be_read_are_named() {
    let place = Place::new("");
    let file = place.folder.path().join("authorities.pem");
    for content in [None, Some(""), Some("no certificate")] {
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        }
        let origin = Origin { authorities: Some(file.clone()), ..place.origin() };
        let error = Repository::new(origin, Credentials::None).err().unwrap();
        assert_eq!(error.kind, Fault::Local);
        assert!(error.message.contains("authorities.pem"), "{error}");
    }
}

#[tokio::test]
async fn a_server_is_believed_whose_authority_is_named_and_no_other() {
    let place = Place::new(&history(2, 1));
    let Some(tls) = Tls::before(place.server.port(), &place.folder.path().join("tls")) else { return };
    let url = format!("https://127.0.0.1:{}/fleet.git", tls.port());
    for (authority, believed) in [(None, false), (Some("stranger"), false), (Some("authority"), true)] {
        let authorities = authority.map(|name| tls.authority(name));
        let before = place.server.counted().requests;
        let agent =
            Repository::new(Origin { url: url.clone(), authorities, ..place.origin() }, Credentials::None).unwrap();
        match agent.offered(None).await {
            Ok(offered) => {
                assert!(believed, "{authority:?}");
                assert_eq!(agent.tree(&offered.commit).await.unwrap().manifests.len(), 2);
            }
            Err(error) => {
                assert_eq!((error.kind, believed), (Fault::Unreachable, false), "{error}");
                assert!(error.message.contains("certificate") && error.hint.is_some(), "{error:?}");
                assert_eq!(place.server.counted().requests, before, "nothing was asked of it");
            }
        }
    }
}
