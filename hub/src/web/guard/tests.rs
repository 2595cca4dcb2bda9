//! Who gets in, and who does not: with an issuer and a load balancer of our own, on this machine.

mod balancer;
mod issuer;
mod logs;
mod forged;
mod way_in;

use super::*;
use crate::journal::tests::at;
use axum::http::HeaderValue;
use issuer::Site;
use proptest::prelude::*;

/// When everything happens, in seconds.
fn now() -> i64 {
    clock().as_second()
}

fn clock() -> Timestamp {
    at(10_000)
}

/// A guard by this text of a file.
fn guard(text: &str) -> Guard {
    let sign_in: SignIn = serde_saphyr::from_str(text).unwrap();
    Guard::open(None, Some(sign_in), None).unwrap()
}

fn file(site: &Site) -> String {
    format!(
        "url: http://localhost:8080\noidc:\n  issuer: {}\n  client: holdfast\n  audience: holdfast-programs\n  roles: \
         {{operator: [platform], reader: [security, '42']}}\n",
        site.address()
    )
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn after_signing_in_somebody_goes_to_a_page_of_this_hub_and_nowhere_else() {
    let place = Url::parse("https://hub.example").unwrap();
    let check = |to: &str, expect: &str| assert_eq!(own(&place, to), expect, "{to}");
    check("/accounts?state=failed&ring=a", "/accounts?state=failed&ring=a");
    check("/stacks/a%2Fb.json", "/stacks/a%2Fb.json");
    check("/a/../accounts", "/accounts");
    for to in [
        "",
        "accounts",
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "/..//evil.example",
        "/.//evil.example",
        "/%2e%2e//evil.example",
        "javascript:alert(1)",
        "/sign-in?to=/",
        "/sign-out",
        "@evil.example",
        ":80@evil.example/",
        "/é",
        &format!("/{}", "a".repeat(1_000)),
    ] {
        check(to, "/");
    }
}

#[test]
fn behind_proxies_an_address_is_what_the_outermost_of_them_saw() {
    let site = Site::start();
    let check = |proxies: usize, lines: &[&str], expect: &str| {
        let guard = Guard { proxies, ..guard(&file(&site)) };
        let lines: Vec<(&'static str, &str)> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        let from = guard.from(Some("10.0.0.9".parse().unwrap()), &headers(&lines));
        assert_eq!(from, Some(expect.parse().unwrap()), "{proxies} {lines:?}");
    };
    check(0, &["192.0.2.1"], "10.0.0.9");
    check(1, &["6.6.6.6, 192.0.2.1"], "192.0.2.1");
    check(1, &["6.6.6.6,192.0.2.1:4711"], "192.0.2.1");
    check(1, &["[2001:db8::1]:80"], "2001:db8::1");
    check(2, &["6.6.6.6, 192.0.2.1, 10.1.1.1"], "192.0.2.1");
    check(2, &["10.1.1.1"], "10.0.0.9");
    check(1, &["nobody"], "10.0.0.9");
    check(1, &[], "10.0.0.9");
}

#[test]
fn each_of_those_who_are_known_may_ask_for_so_much() {
    let site = Site::start();
    let guard = guard(&file(&site));
    let who = |name: &str, by: By| Who { name: name.into(), subject: String::new(), role: Role::Reader, by };
    let count = |who: &Who, millisecond: i64| (0..3_000).filter(|_| guard.take(who, at(millisecond)).is_ok()).count();
    assert_eq!(count(&who("ada", By::Token), 0), 1_200);
    assert_eq!(count(&who("ada", By::Token), 1_000), 20, "a sixtieth of it is there again after a second");
    assert_eq!(count(&who("bob", By::Token), 1_000), 1_200);
    assert_eq!(count(&who("ada", By::Session("x".into())), 1_000), 1_200);
    assert_eq!(count(&Who::machine(), 0), 3_000);
    assert!(matches!(guard.take(&who("ada", By::Token), at(1_000)), Err(Refusal::Often(Wait(1)))));
}

proptest! {
    /// A panic would end the hub: there is none, whatever somebody shows.
    #[test]
    fn whatever_is_shown_is_a_refusal_and_no_panic(text in "(Bearer |Basic |)(\\PC{0,40}|[A-Za-z0-9_=-]{0,60}(\\.[A-Za-z0-9_=-]{0,60}){0,3})") {
        let place = Url::parse("https://hub.example").unwrap();
        let to = own(&place, &text);
        prop_assert!(to.starts_with('/') && !to.starts_with("//"));
        prop_assert_eq!(place.join(&to).unwrap().origin(), place.origin());
        prop_assert!(jwt::Unproven::of(&text).is_err());
        prop_assert!(Tokens::default().whose(&text).is_none());
        let seal = Seal::new().unwrap();
        prop_assert!(seal.opened::<Errand>(("errand", ""), &text).is_none());
        address(&text);
        Jar { is_secure: true }.get(Kind::Session, text.split('\n'));
    }
}
