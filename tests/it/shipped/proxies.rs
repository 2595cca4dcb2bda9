//! The way to the repository through a proxy, as the environment says: what passes it, what does not, and what nobody sees.

use crate::{
    binary::Ran,
    git_server::{GitServer, Manner},
    proxy::{Passed, Proxy},
    site::{Site, Turn},
    tls::Tls,
};
use manifests::report::State;
use std::net::TcpListener;

/// `who:canary-4711`, as a proxy is shown it.
const SHOWN: &str = "Basic d2hvOmNhbmFyeS00NzEx";
const WHO: &str = "who:canary-4711@";

/// A site, and a git server with its repository.
fn served() -> (Site, GitServer, String) {
    let site = Site::of(&[("stack", "")]);
    let (server, url) = site.served();
    (site, server, url)
}

/// One turn in this environment, with every log there is, in which the proxy's secret is never seen.
#[track_caller]
fn once(site: &Site, environment: &[(&str, &str)]) -> Turn {
    let mut agent = site.agent(&["once", "-o", "json", "--log", "trace"]);
    let ran = Ran::of(agent.envs(environment.iter().copied()));
    assert!(!ran.said().contains("canary-4711") && !ran.said().contains(&SHOWN[6..]), "{ran:#?}");
    Turn::of(ran)
}

#[test]
fn the_repository_is_read_through_the_proxy_that_the_environment_names() {
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let (site, server, url) = served();
        let proxy = Proxy::start(Some(SHOWN));
        let environment = [("HOLDFAST_REPOSITORY", &*url), (name, &proxy.url(WHO))];
        once(&site, &environment).expect(State::InSync, 0);
        let passed = proxy.passed(server.port());
        assert_eq!(passed.len() as u64, server.counted().requests, "{name}: all of it went through the proxy");
        let aws = site.url();
        let (_, aws) = aws.trim_end_matches('/').rsplit_once(':').unwrap();
        assert!(!proxy.passed(aws.parse().unwrap()).is_empty(), "{name}: and so did what AWS is asked");
        assert!(passed.len() >= 2 && passed.iter().all(|one| one.shown == SHOWN), "{name}: {passed:?}");
    }
}

#[test]
fn what_no_proxy_names_goes_around_it_and_shows_it_nothing() {
    let (site, server, url) = served();
    let proxy = Proxy::start(None);
    let environment = [("HOLDFAST_REPOSITORY", &*url), ("HTTP_PROXY", &proxy.url(WHO)), ("NO_PROXY", "127.0.0.1")];
    once(&site, &environment).expect(State::InSync, 0);
    assert_eq!(proxy.passed(server.port()), []);
    assert!(server.counted().requests >= 2);
    // A server that repeats what it was shown has the proxy's secret to repeat in neither case.
    server.behave(Manner::Tell);
    once(&site, &environment).expect(State::Unknown, 75);
    once(&site, &environment[..2]).expect(State::Unknown, 75);
}

#[test]
fn a_proxy_that_is_dead_or_wants_somebody_else_is_named_without_its_secret() {
    let (site, server, url) = served();
    let url = url.replace("127.0.0.1", "localhost");
    once(&site, &[("HOLDFAST_REPOSITORY", &url)]).expect(State::InSync, 0);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let proxy = Proxy::start(Some("Basic somebody-else"));
    let dead = format!("http://{WHO}127.0.0.1:{closed}");
    for (by, shown, words) in [
        (dead, format!("http://127.0.0.1:{closed}"), "the git server can't be reached through the proxy"),
        (proxy.url(WHO), proxy.url(""), "the way to the git server through the proxy"),
    ] {
        // The account is reached as before: a turn without it would end sooner.
        let environment = [("HOLDFAST_REPOSITORY", &*url), ("HTTP_PROXY", &by), ("NO_PROXY", "127.0.0.1")];
        let turn = once(&site, &environment).expect(State::Unknown, 75);
        let trouble = turn.report.source.trouble.clone().unwrap_or_default();
        assert!(trouble.contains(words) && trouble.contains(&shown), "{trouble}");
        assert_eq!(turn.state("stack"), State::InSync, "what is in force is looked after");
    }
    assert!(!proxy.passed(server.port()).is_empty());
}

#[test]
fn over_https_the_proxy_sees_where_it_goes_and_nothing_of_what_is_said() {
    let (site, server, _) = served();
    let Some(tls) = Tls::before(server.port(), &site.home().join("tls")) else { return };
    server.demand("Basic Z2l0OnNlc2FtZQ==");
    let url = format!("https://localhost:{}/.git", tls.port());
    let proxy = Proxy::start(Some(SHOWN));
    let (by, authority) = (proxy.url(WHO), tls.authority("authority"));
    let mut environment = vec![
        ("HOLDFAST_REPOSITORY", &*url),
        ("HOLDFAST_GIT_USER", "git"),
        ("HOLDFAST_GIT_SECRET", "sesame"),
        ("HOLDFAST_GIT_AUTHORITIES", authority.to_str().unwrap()),
        ("HTTPS_PROXY", &by),
    ];
    once(&site, &environment).expect(State::InSync, 0);
    let tunnel = Passed {
        method: "CONNECT".into(),
        target: format!("localhost:{}", tls.port()),
        shown: SHOWN.into(),
        open: false,
    };
    assert_eq!(proxy.passed(tls.port()), [tunnel], "one tunnel, and the git password is inside");
    environment.push(("NO_PROXY", "localhost"));
    once(&site, &environment).expect(State::InSync, 0);
    assert_eq!(proxy.passed(tls.port()).len(), 1);
    let wrong = Proxy::start(Some("Basic somebody-else"));
    let by = wrong.url(WHO);
    environment.pop();
    environment[4] = ("HTTPS_PROXY", &by);
    let turn = once(&site, &environment).expect(State::Unknown, 75);
    let trouble = turn.report.source.trouble.clone().unwrap_or_default();
    assert!(trouble.contains(&wrong.url("")) && trouble.contains("authorization required"), "{trouble}");
}

#[test]
fn a_git_password_does_not_travel_in_clear_text_to_a_proxy_elsewhere() {
    let (site, server, url) = served();
    let url = url.replace("127.0.0.1", "localhost");
    let environment = [
        ("HOLDFAST_REPOSITORY", &*url),
        ("HOLDFAST_GIT_SECRET", "sesame"),
        ("HTTP_PROXY", "http://proxy.example:3128"),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let turn = once(&site, &environment).expect(State::Unknown, 75);
    let trouble = turn.report.source.trouble.clone().unwrap_or_default();
    assert!(trouble.contains("not sent over plain http") && trouble.contains("proxy.example:3128"), "{trouble}");
    assert_eq!(server.counted().requests, 0);
}
