//! The way to the issuer, back, around and out again, as a browser goes it.

use super::{issuer::Site, *};
use crate::{
    asked::encoded,
    keep::Keep,
    reading::Health,
    store::{Access, Store},
    web::{Pages, connections::Peer, router, tests::fill},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode},
};
use fleet::presence::Patience;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use tempfile::TempDir;

/// A hub with pages, in this process.
pub(super) struct Hub {
    router: Router,
    _folder: TempDir,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn get(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What a browser keeps of it, as it sends it back.
    pub(super) fn cookie(&self) -> String {
        let all = self.headers.get_all("set-cookie").iter();
        let pairs: Vec<&str> = all.map(|set| set.to_str().unwrap().split(';').next().unwrap()).collect();
        pairs.join("; ")
    }
}

const PAGE: (&str, &str) = ("accept", "text/html,application/xhtml+xml");

impl Hub {
    pub(super) fn of(guard: Guard) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sqlite");
        let mut store = Store::open(&path, Access::Write(None)).unwrap();
        fill(&mut store, 3);
        store.keep(&["no report"], at(1)).unwrap();
        let (_, health) = tokio::sync::watch::channel(Health::default());
        let store = Store::open(&path, Access::Read).unwrap();
        let pages = Pages { store, health, patience: Patience::default(), clock, guard };
        Self { router: router(pages), _folder: folder }
    }

    pub(super) async fn ask(&self, line: &str, pairs: &[(&str, &str)], body: &str) -> Answer {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(uri).extension(Peer(Ipv4Addr::LOCALHOST.into()));
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer: Response<Body> = TowerToHyperService::new(self.router.clone()).call(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(super) async fn get(&self, uri: &str, pairs: &[(&str, &str)]) -> Answer {
        self.ask(&format!("GET {uri}"), pairs, "").await
    }

    /// Signs somebody in; what their browser keeps then.
    pub(super) async fn signed_in(&self, site: &Site) -> String {
        let began = self.get("/sign-in?to=%2F", &[]).await;
        let back = site.visit(began.get("location"));
        let arrived = self.get(&format!("/sign-in/callback?{back}"), &[("cookie", &began.cookie())]).await;
        assert_eq!(arrived.status, 303, "{}", arrived.body);
        arrived.cookie()
    }
}

fn hub(site: &Site) -> Hub {
    Hub::of(guard(&file(site)))
}

#[tokio::test]
async fn somebody_signs_in_looks_and_signs_out() {
    let site = Site::start();
    let hub = hub(&site);

    // A link leads to the issuer: where a form leads, the policy would have to know every host on the way.
    let asked = hub.get("/accounts?ring=a", &[PAGE, ("sec-fetch-mode", "navigate")]).await;
    let way = format!("/sign-in?to={}", encoded("/accounts?ring=a"));
    assert_eq!((asked.status, asked.get("location"), asked.get("cache-control")), (401, "", "no-store"));
    assert!(
        asked.body.contains(&format!("href=\"{way}\"")) && asked.body.contains(&format!("0; url={way}")),
        "{}",
        asked.body
    );
    assert!(!asked.body.contains("Hub:") && !asked.body.contains("/quarantine"), "{}", asked.body);
    assert!(
        asked.get("content-security-policy").contains("form-action 'self';")
            && asked.get("www-authenticate").starts_with("Bearer")
    );
    assert_eq!(hub.get("/style.css", &[]).await.status, 200, "it looks as everything else");

    let began = hub.get(&way, &[]).await;
    assert_eq!((began.status, began.get("cache-control")), (303, "no-store"));
    let set = began.get("set-cookie").to_owned();
    assert!(
        set.starts_with("holdfast-browser=") && set.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"),
        "{set}"
    );
    let back = format!("/sign-in/callback?{}", site.visit(began.get("location")));
    let arrived = hub.get(&back, &[("cookie", &began.cookie())]).await;
    assert_eq!((arrived.status, arrived.get("location")), (303, "/accounts?ring=a"), "{}", arrived.body);
    let set = arrived.get("set-cookie").to_owned();
    assert!(set.starts_with("holdfast=") && set.ends_with("; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax"), "{set}");

    let kept = arrived.cookie();
    let page = hub.get("/accounts", &[PAGE, ("cookie", &kept)]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("ada@example.com") && page.body.contains("/audit\""), "{}", page.body);
    let exit = page.body.split("name=\"exit\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();

    // No other page signs somebody out.
    for form in ["", "exit=", "exit=x", &format!("exit={}", "a".repeat(5_000)), "%%%"] {
        let told = hub.ask("POST /sign-out", &[("cookie", &kept)], form).await;
        assert_eq!((told.status, told.get("set-cookie")), (403, ""), "{form}");
    }
    assert_eq!(hub.get("/accounts", &[("cookie", &kept)]).await.status, 200);
    let out = hub.ask("POST /sign-out", &[("cookie", &kept)], &format!("exit={exit}")).await;
    assert_eq!((out.status, out.get("location")), (303, "/sign-out"));
    assert!(out.get("set-cookie").starts_with("holdfast=; Path=/; Max-Age=0"));
    assert_eq!(hub.get("/accounts", &[("cookie", &kept)]).await.status, 401, "a copy of the cookie is nothing either");
    assert!(hub.get("/sign-out", &[("cookie", &kept)]).await.body.contains("You are signed out"));

    let kept = hub.signed_in(&site).await;
    let audit: Value = serde_json::from_str(&hub.get("/audit.json", &[("cookie", &kept)]).await.body).unwrap();
    let acts: Vec<&str> = audit["rows"].as_array().unwrap().iter().map(|row| row["act"].as_str().unwrap()).collect();
    for act in ["looked", "signed-in", "signed-out", "refused"] {
        assert!(acts.contains(&act), "{act} is missing in {audit:#}");
    }
    assert_eq!((&audit["rows"][0]["subject"], &audit["rows"][0]["from"]), (&json!("u-1"), &json!("127.0.0.1")));
    assert!(hub.get("/audit", &[PAGE, ("cookie", &kept)]).await.body.contains("the form is none of this page"));
    assert!(hub.get("/audit.csv", &[("cookie", &kept)]).await.body.starts_with("at,last,times,act,who"));
}

#[tokio::test]
async fn nobody_comes_back_who_did_not_go_and_nobody_twice() {
    let site = Site::start();
    let hub = hub(&site);
    let go = async |cookie: &str| {
        let began = hub.get("/sign-in", &[("cookie", cookie)]).await;
        (site.visit(began.get("location")), began.cookie())
    };
    let come = async |back: &str, cookie: &str| {
        let came = hub.get(&format!("/sign-in/callback?{back}"), &[("cookie", cookie)]).await;
        assert_eq!(came.status == 303, came.cookie().contains("holdfast="), "{}", came.body);
        came.status
    };
    let (ada, browser) = go("").await;
    let (eve, other) = go("").await;
    assert_eq!(come(&eve, &browser).await, 400, "the state of another browser");
    assert_eq!(come(&ada, "").await, 400, "no browser");
    assert_eq!(come(&ada.replace("state=", "stat="), &browser).await, 400, "no state");
    assert_eq!(site.asked("token"), 0, "none of them is a reason to ask");
    let state = ada.split("state=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(come(&ada, &browser).await, 303);
    assert_eq!(come(&ada, &browser).await, 400, "the same once more");
    assert_eq!(come(&format!("state={state}&code=code-2"), &browser).await, 400);
    assert_eq!(site.asked("token"), 1, "whoever comes twice is no reason to ask either");

    // A code that was given to one browser is nothing for another: neither nonce nor verifier are its.
    let code = eve.split('&').next().unwrap();
    let (mine, browser) = go(&browser).await;
    let stolen = mine.replacen(mine.split('&').next().unwrap(), code, 1);
    assert_eq!(come(&stolen, &browser).await, 400);
    assert_eq!(come(&eve, &other).await, 400, "and it is used up");

    // Another issuer's answer, and a refusal, which is no failure of anybody's.
    let (back, browser) = go("").await;
    let mixed = format!("{}&iss=https%3A%2F%2Fevil.example", back.rsplit_once("&iss").unwrap().0);
    assert_eq!(come(&mixed, &browser).await, 400);
    let (back, browser) = go("").await;
    assert_eq!(come(back.rsplit_once("&iss").unwrap().0, &browser).await, 400, "it says that it always says who it is");
    let (back, browser) = go("").await;
    assert_eq!(come(&format!("error=access_denied&{}", back.split_once('&').unwrap().1), &browser).await, 403);
    assert_eq!(come("", "").await, 400, "the tenth");
    assert_eq!(come("", "").await, 429, "whoever fails so often waits");
    let (back, browser) = go("").await;
    assert_eq!(come(&back, &browser).await, 429, "and nobody is asked whether it is right this time");
}

#[tokio::test]
async fn however_many_windows_sign_in_at_once_each_comes_to_its_own_page() {
    let site = Site::start();
    let hub = hub(&site);
    let first = hub.get("/sign-in?to=%2Faccounts", &[]).await;
    let second = hub.get("/sign-in?to=%2Fdrift", &[("cookie", &first.cookie())]).await;
    assert_eq!(first.cookie(), second.cookie());
    for (began, to) in [(second, "/drift"), (first, "/accounts")] {
        let back = site.visit(began.get("location"));
        let arrived = hub.get(&format!("/sign-in/callback?{back}"), &[("cookie", &began.cookie())]).await;
        assert_eq!((arrived.status, arrived.get("location")), (303, to));
    }
    let evil = hub.get("/sign-in?to=https%3A%2F%2Fevil.example", &[]).await;
    let back = site.visit(evil.get("location"));
    let arrived = hub.get(&format!("/sign-in/callback?{back}"), &[("cookie", &evil.cookie())]).await;
    assert_eq!(arrived.get("location"), "/");
}

#[tokio::test]
async fn whoever_the_issuer_knows_and_the_hub_does_not_is_told_so() {
    let site = Site::start();
    let hub = hub(&site);
    for (odd, expect) in [
        (json!({"groups": ["sales"], "email": "<b>eve</b>"}), 403),
        (json!({"nonce": "other"}), 401),
        (json!({"aud": ["holdfast", "wiki"]}), 401),
        (json!({"exp": now() - 100}), 401),
        (json!({}), 303),
    ] {
        site.inside.lock().unwrap().odd = odd.clone();
        let began = hub.get("/sign-in", &[]).await;
        let back = format!("/sign-in/callback?{}", site.visit(began.get("location")));
        let came = hub.get(&back, &[PAGE, ("cookie", &began.cookie())]).await;
        assert_eq!((came.status, came.cookie().contains("holdfast=")), (expect, expect == 303), "{odd}: {}", came.body);
        assert!(!came.body.contains("<b>") && (expect != 403 || came.body.contains("&lt;b&gt;eve")), "{}", came.body);
    }
    site.inside.lock().unwrap().is_gone = true;
    let began = hub.get("/sign-in", &[]).await;
    let back = format!("/sign-in/callback?{}", site.visit(began.get("location")));
    assert_eq!(hub.get(&back, &[("cookie", &began.cookie())]).await.status, 503);
}

#[tokio::test]
async fn a_session_is_of_this_process_and_of_its_time() {
    let site = Site::start();
    let hub = hub(&site);
    let kept = hub.signed_in(&site).await;
    assert_eq!(hub.get("/", &[("cookie", &kept)]).await.status, 200);
    let other = Hub::of(guard(&file(&site)));
    assert_eq!(other.get("/", &[("cookie", &kept)]).await.status, 401);
    let (body, mark) = kept.split_once('.').unwrap();
    for odd in [
        format!("{body}x.{mark}"),
        format!("{body}.{mark}x"),
        body.to_owned(),
        "holdfast=".into(),
        "holdfast=a.b".into(),
    ] {
        assert_eq!(hub.get("/", &[("cookie", &odd)]).await.status, 401, "{odd}");
    }

    let guard = guard(&file(&site));
    let session = |until: i64| {
        let who = Who { name: "ada".into(), subject: "u-1".into(), role: Role::Reader, by: By::Token };
        let sealed = guard.seal.sealed(("session", ""), &Session::of(&who, "x".into(), until));
        headers(&[("cookie", &format!("holdfast={sealed}"))])
    };
    assert!(guard.who(&session(now() + 1), clock()).await.is_ok());
    assert!(matches!(guard.who(&session(now()), clock()).await, Err(Refusal::Nobody)));
}

#[tokio::test]
async fn a_script_is_led_nowhere_and_a_program_is_asked_for_a_token() {
    let site = Site::start();
    let hub = hub(&site);
    let cases: [&[(&str, &str)]; 3] = [&[], &[PAGE, ("sec-fetch-mode", "cors")], &[("accept", "application/json")]];
    for pairs in cases {
        let told = hub.get("/accounts", pairs).await;
        assert_eq!((told.status, told.body.as_str()), (401, "a token is needed: as a password, or as a bearer\n"));
        assert_eq!(told.get("www-authenticate"), "Bearer realm=\"Holdfast\"");
    }
    assert_eq!(hub.get("/live", &[]).await.status, 401);
    assert_eq!(hub.get("/metrics", &[]).await.status, 401);
    for path in
        ["/sign-in/", "/sign-in/callback/x", "/sign-out/x", "//sign-in", "/sign-in%2f", "/Sign-in", "/style.css/"]
    {
        assert_eq!(hub.get(path, &[]).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn by_https_a_cookie_is_sent_nowhere_else_and_the_host_is_remembered() {
    let site = Site::start();
    let hub = Hub::of(guard(&file(&site).replace("http://localhost:8080", "https://hub.example")));
    let began = hub.get("/sign-in", &[]).await;
    let set = began.get("set-cookie");
    assert!(set.starts_with("__Host-holdfast-browser=") && set.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{set}");
    assert!(began.get("location").contains("redirect_uri=https%3A%2F%2Fhub.example%2Fsign-in%2Fcallback"));
    assert_eq!(began.get("strict-transport-security"), "max-age=31536000");
    assert!(hub.signed_in(&site).await.starts_with("__Host-holdfast="));
}

#[tokio::test]
async fn a_client_with_a_secret_shows_it_to_the_issuer_and_to_nobody_else() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "SECRET of-it\n").unwrap();
    let text =
        file(&site).replace("client: holdfast", &format!("client: holdfast\n  clientSecretFile: {}", secret.display()));
    let guard = guard(&text);
    assert!(!format!("{guard:?}").contains("SECRET"));
    let hub = Hub::of(guard);
    hub.signed_in(&site).await;
    std::fs::write(&secret, "").unwrap();
    let began = hub.get("/sign-in", &[]).await;
    let back = format!("/sign-in/callback?{}", site.visit(began.get("location")));
    assert_eq!(hub.get(&back, &[("cookie", &began.cookie())]).await.status, 503, "it is read anew each time");
}

#[tokio::test]
async fn what_strangers_sent_and_who_looked_is_for_operators_however_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let (reader, operator) = (tokens::made("rita").unwrap(), tokens::made("otto").unwrap());
    std::fs::write(&path, format!("{} reader\n{} operator\n", reader.1, operator.1)).unwrap();
    let hub = Hub::of(Guard::open(Some(Tokens::read(&path).unwrap()), None, None).unwrap());
    let ask = async |path: &str, token: &str| hub.get(path, &[("authorization", &format!("Bearer {token}"))]).await;
    let check = async |path: &str, expect: (u16, u16)| {
        let (read, operated) = (ask(path, &reader.0).await, ask(path, &operator.0).await);
        assert_eq!((read.status, operated.status), expect, "{path}");
        let told = ["digest", "Came first", "received", "Last</th>", "\"act\"", "at,last"];
        assert!(read.status != 403 || read.body == "this is for operators\n", "{path}: {}", read.body);
        assert!(expect.1 != 200 || told.iter().any(|word| operated.body.contains(word)), "{path}: {}", operated.body);
    };
    for page in ["quarantine", "audit"] {
        let odd = page.replace('a', "%61");
        for name in [page, &odd, &page.replace('u', "%75")] {
            for path in [
                format!("/{name}"),
                format!("//{name}"),
                format!("/{name}/"),
                format!("///{name}//"),
                format!("/{name}.json"),
                format!("/{name}%2Ejson"),
                format!("/{name}.csv"),
                format!("/{name}.csv/"),
                format!("/{name}?format=json"),
                format!("/{name}.csv?format=json"),
            ] {
                check(&path, (403, 200)).await;
            }
            // A filter that makes no sense opens no door.
            assert_eq!(ask(&format!("/{name}?after=1&x=%00"), &reader.0).await.status, 403);
            // Nothing is there for anybody, and a reader is not told so.
            check(&format!("/{name}/x"), (403, 404)).await;
        }
        for path in
            [page.to_uppercase(), format!("{page}%00"), format!("x/{page}"), format!("./{page}"), format!("{page};x")]
        {
            check(&format!("/{path}"), (404, 404)).await;
        }
    }
    for path in [
        "/",
        "/index.json",
        "/accounts",
        "/accounts.csv",
        "/search?q=quarantine",
        "/metrics",
        "/openapi.json",
        "/live.js",
    ] {
        let (read, operated) = (ask(path, &reader.0).await, ask(path, &operator.0).await);
        assert_eq!((read.status, operated.status), (200, 200), "{path}");
    }
    let (read, operated) = (ask("/", &reader.0).await, ask("/", &operator.0).await);
    assert!(!read.body.contains("href=\"/audit\"") && operated.body.contains("href=\"/audit\""));
    assert_ne!(read.get("etag"), operated.get("etag"), "what one sees is no copy of what the other sees");
    let denied = hub.ask("POST /quarantine", &[("authorization", &format!("Bearer {}", reader.0))], "").await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN.as_u16());
}
