//! What a load balancer says, and what somebody might say in its place.

use super::{
    issuer::{Key, Site},
    way_in::Hub,
    *,
};
use base64::{Engine, prelude::BASE64_URL_SAFE};
use serde_json::{Value, json};

const SIGNER: &str = "arn:aws:elasticloadbalancing:eu-central-1:111111111111:loadbalancer/app/hub/50dc6c495c0c9188";
const KID: &str = "5d3b8d5a-6f2e-4d53-9c3b-0a1b2c3d4e5f";

fn file(site: &Site) -> String {
    format!(
        "url: https://hub.example\nalb:\n  signer: {SIGNER}\n  client: abc\n  keys: {}/keys\n  roles: {{operator: \
         [platform], everybody: reader}}\n",
        site.address()
    )
}

/// As a load balancer writes it: filled up with `=`.
fn said(key: &Key, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE.encode(value.to_string());
    let mut token = key.signed_text(&format!("{}.{}", part(header), part(claims)));
    token.push_str("==");
    token
}

fn header() -> Value {
    json!({
        "typ": "JWT", "kid": KID, "alg": "ES256", "iss": "https://login.example", "client": "abc", "signer": SIGNER,
        "exp": now() + 120,
    })
}

fn claims() -> Value {
    json!({"sub": "u-2", "email": "bob@example.com", "groups": "security", "exp": now() + 120, "iss": "https://login.example"})
}

fn ready() -> (Site, Key, Guard) {
    let (site, key) = (Site::start(), Key::new(KID));
    site.inside.lock().unwrap().pems.insert(KID.into(), key.pem());
    let guard = guard(&file(&site));
    (site, key, guard)
}

async fn ask(guard: &Guard, text: &str) -> Result<Who, Refusal> {
    guard.who(&headers(&[(alb::HEADER, text)]), clock()).await
}

#[tokio::test]
async fn who_signed_in_at_the_load_balancer_is_in() {
    let (site, key, guard) = ready();
    let mut padded = 0;
    for n in 0..4 {
        // One of them needs no filling, the others one or two.
        let mut claims = claims();
        claims["pad"] = json!("x".repeat(n));
        let text = said(&key, &header(), &claims);
        padded += usize::from(text.contains("=."));
        let who = ask(&guard, &text).await.unwrap();
        assert_eq!((who.name.as_str(), who.subject.as_str(), who.role), ("bob@example.com", "u-2", Role::Reader));
        assert_eq!(who.by, By::Balancer);
    }
    assert!(padded > 0);
    assert_eq!(site.asked(&format!("pem {KID}")), 1, "its key is asked for once");
    let mut claims = claims();
    claims["groups"] = json!(["platform"]);
    assert_eq!(ask(&guard, &said(&key, &header(), &claims)).await.unwrap().role, Role::Operator);
    assert!(matches!(guard.who(&HeaderMap::new(), clock()).await, Err(Refusal::Nobody)));
}

#[tokio::test]
async fn what_the_load_balancer_did_not_say_is_of_nobody() {
    let (site, key, guard) = ready();
    let with = |name: &str, value: Value| {
        let mut header = header();
        header[name] = value;
        header
    };
    let other = Key::new(KID);
    let mut late = claims();
    late["exp"] = json!(now() - 60);
    let mut nobody = claims();
    nobody["sub"] = json!("");
    let check = async |what: &str, text: String, flaw: Flaw| {
        let told = ask(&guard, &text).await;
        assert!(matches!(&told, Err(Refusal::Flaw(known)) if *known == flaw), "{what}: {told:?}");
    };
    let signer = SIGNER.replace("app/hub", "app/evil");
    check("another balancer", said(&key, &with("signer", json!(signer)), &claims()), Flaw::Signer).await;
    check("no balancer", said(&key, &with("signer", json!(null)), &claims()), Flaw::Signer).await;
    check("another client", said(&key, &with("client", json!("def")), &claims()), Flaw::Audience).await;
    check("too late", said(&key, &with("exp", json!(now() - 60)), &claims()), Flaw::Expired).await;
    check("for ever", said(&key, &with("exp", json!(null)), &claims()), Flaw::Expired).await;
    check("claims too late", said(&key, &header(), &late), Flaw::Expired).await;
    check("about nobody", said(&key, &header(), &nobody), Flaw::Subject).await;
    check("another key", said(&other, &header(), &claims()), Flaw::Signature).await;
    check("another algorithm", said(&key, &with("alg", json!("ES384")), &claims()), Flaw::Algorithm).await;
    check("a secret", said(&key, &with("alg", json!("HS256")), &claims()), Flaw::Algorithm).await;
    check("no algorithm", said(&key, &with("alg", json!("none")), &claims()), Flaw::Algorithm).await;
    let text = said(&key, &header(), &claims());
    check("cut", text[..text.len() - 4].to_owned(), Flaw::Signature).await;
    check("empty", String::new(), Flaw::Shape).await;
    // A key's name that is an address is asked for nowhere.
    for id in ["../secret", "a/b", "a?b", "http://evil.example/", "", "%2e%2e"] {
        check(id, said(&key, &with("kid", json!(id)), &claims()), Flaw::Key).await;
    }
    check("no key", said(&key, &with("kid", json!(null)), &claims()), Flaw::Key).await;
    let asked = site.inside.lock().unwrap().asked.clone();
    assert!(asked.iter().all(|known| known == &format!("pem {KID}")), "{asked:?}");
    check("a key that is not there", said(&key, &with("kid", json!("gone")), &claims()), Flaw::Key).await;
}

#[tokio::test]
async fn keys_that_nobody_knows_are_not_asked_for_without_end() {
    let (site, key, guard) = ready();
    let mut often = 0;
    for n in 0..50 {
        let mut header = header();
        header["kid"] = json!(format!("k{n}"));
        often += usize::from(matches!(ask(&guard, &said(&key, &header, &claims())).await, Err(Refusal::Often(_))));
    }
    assert_eq!((site.inside.lock().unwrap().asked.len(), often), (10, 40));
}

#[tokio::test]
async fn somebody_signs_out_at_the_load_balancer() {
    let (_site, key, guard) = ready();
    let (hub, mut claims) = (Hub::of(guard), claims());
    let told = said(&key, &header(), &claims);
    let page = hub.get("/", &[(alb::HEADER, &told)]).await;
    assert!(
        page.status == 200 && page.body.contains("bob@example.com") && !page.body.contains("/audit\""),
        "{}",
        page.body
    );
    let exit = page.body.split("name=\"exit\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("exit={exit}");
    let out = hub.ask("POST /sign-out", &[(alb::HEADER, &told)], &form).await;
    assert_eq!((out.status, out.get("location")), (303, "/sign-out"));
    assert!(out.cookie().contains("AWSELBAuthSessionCookie-0=; AWSELBAuthSessionCookie-1=;"), "{}", out.cookie());
    claims["sub"] = json!("u-3");
    let other = said(&key, &header(), &claims);
    assert_eq!(hub.ask("POST /sign-out", &[(alb::HEADER, &other)], &form).await.status, 403, "the form of another");
    assert_eq!(hub.ask("POST /sign-out", &[], &form).await.status, 303, "nobody is out already");
    for (path, status) in [("/style.css", 200), ("/sign-out", 200), ("/", 401), ("/sign-in", 401), ("/live.js", 401)] {
        assert_eq!(hub.get(path, &[]).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn without_a_load_balancer_its_header_says_nothing() {
    let (site, key, _) = ready();
    let guard = guard(&super::file(&site));
    assert!(matches!(ask(&guard, &said(&key, &header(), &claims())).await, Err(Refusal::Nobody)));
}
