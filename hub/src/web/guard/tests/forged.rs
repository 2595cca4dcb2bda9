//! Tokens of the issuer, and what somebody might show instead.

use super::super::part::Labels;
use super::{
    super::jwt::Unproven,
    issuer::{Key, Site},
    *,
};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

/// How a token is forged: its header and claims are changed, and somebody signs it.
type Forge = fn(&mut Value, &mut Value, &Key) -> Option<String>;

fn without(value: &mut Value, name: &str) -> Option<String> {
    value.as_object_mut()?.remove(name);
    None
}

fn set(value: &mut Value, name: &str, to: Value) -> Option<String> {
    value[name] = to;
    None
}

fn with_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let mark = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).unwrap();
    format!("{message}.{mark}")
}

/// What is wrong with any token.
const FORGED: [(&str, Flaw, Forge); 25] = [
    ("another issuer", Flaw::Issuer, |_, claims, _| set(claims, "iss", json!("https://evil.example"))),
    ("an issuer with a slash", Flaw::Issuer, |_, claims, _| {
        let issuer = format!("{}/", claims["iss"].as_str().unwrap());
        set(claims, "iss", json!(issuer))
    }),
    ("no issuer", Flaw::Issuer, |_, claims, _| without(claims, "iss")),
    ("for somebody else", Flaw::Audience, |_, claims, _| set(claims, "aud", json!("wiki"))),
    ("for several others", Flaw::Audience, |_, claims, _| set(claims, "aud", json!(["wiki", "chat"]))),
    ("for nobody", Flaw::Audience, |_, claims, _| without(claims, "aud")),
    ("for an object", Flaw::Audience, |_, claims, _| set(claims, "aud", json!({"holdfast": 1}))),
    ("expired", Flaw::Expired, |_, claims, _| set(claims, "exp", json!(now() - 60))),
    ("that never ends", Flaw::Expired, |_, claims, _| without(claims, "exp")),
    ("that ends at no time", Flaw::Expired, |_, claims, _| set(claims, "exp", json!("never"))),
    ("not yet valid", Flaw::Early, |_, claims, _| set(claims, "nbf", json!(now() + 61))),
    ("of the future", Flaw::Early, |_, claims, _| set(claims, "iat", json!(now() + 61))),
    ("about nobody", Flaw::Subject, |_, claims, _| without(claims, "sub")),
    ("about an empty name", Flaw::Subject, |_, claims, _| set(claims, "sub", json!(""))),
    ("by no algorithm", Flaw::Algorithm, |header, claims, key| {
        header["alg"] = json!("none");
        let token = key.signed(header, claims);
        Some(format!("{}.", token.rsplit_once('.').unwrap().0))
    }),
    ("by no algorithm, loudly", Flaw::Algorithm, |header, _, _| set(header, "alg", json!("NONE"))),
    ("by the public key as a secret", Flaw::Algorithm, |header, claims, key| {
        header["alg"] = json!("HS256");
        Some(with_secret(header, claims, key.public.to_string().as_bytes()))
    }),
    ("by the public point as a secret, called by the key's own algorithm", Flaw::Signature, |header, claims, key| {
        Some(with_secret(header, claims, &key.point()))
    }),
    ("by an algorithm that the key is not for", Flaw::Key, |header, _, _| set(header, "alg", json!("RS256"))),
    ("by a key that nobody knows", Flaw::Key, |header, _, _| set(header, "kid", json!("two"))),
    ("by another key under the same name", Flaw::Signature, |header, claims, _| {
        Some(Key::new("one").signed(header, claims))
    }),
    ("with a signature cut off", Flaw::Signature, |header, claims, key| {
        let token = key.signed(header, claims);
        Some(token[..token.len() - 2].to_owned())
    }),
    ("with other claims under the signature", Flaw::Signature, |header, claims, key| {
        let token = key.signed(header, claims);
        let mut parts: Vec<&str> = token.split('.').collect();
        claims["groups"] = json!(["platform", "root"]);
        let body = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        parts[1] = &body;
        Some(parts.join("."))
    }),
    ("that has to be understood", Flaw::Shape, |header, _, _| set(header, "crit", json!(["b64"]))),
    ("that is one for signing out", Flaw::Kind, |header, _, _| set(header, "typ", json!("logout+jwt"))),
];

/// What is wrong only with one that somebody signed in with.
const FORGED_IDS: [(&str, Flaw, Forge); 7] = [
    ("with the nonce of another", Flaw::Nonce, |_, claims, _| set(claims, "nonce", json!("other"))),
    ("without a nonce", Flaw::Nonce, |_, claims, _| without(claims, "nonce")),
    ("for two, and made for neither", Flaw::Audience, |_, claims, _| set(claims, "aud", json!(["holdfast", "wiki"]))),
    ("for two, made for the other", Flaw::Audience, |_, claims, _| {
        claims["azp"] = json!("wiki");
        set(claims, "aud", json!(["holdfast", "wiki"]))
    }),
    ("for one, made for another", Flaw::Audience, |_, claims, _| set(claims, "azp", json!("wiki"))),
    ("for a program", Flaw::Audience, |_, claims, _| set(claims, "aud", json!("holdfast-programs"))),
    ("of no time", Flaw::Early, |_, claims, _| without(claims, "iat")),
];

fn forged(site: &Site, claims: &Value, forge: Forge) -> String {
    let (mut header, mut claims) = (site.key.header(), claims.clone());
    forge(&mut header, &mut claims, &site.key).unwrap_or_else(|| site.key.signed(&header, &claims))
}

#[tokio::test]
async fn a_token_that_is_forged_is_of_nobody() {
    let site = Site::start();
    let guard = guard(&file(&site));
    let issuer = guard.issuer.as_ref().unwrap();
    let id = site.claims("nonce");
    let mut program = site.claims("nonce");
    program["aud"] = json!(["holdfast-programs", "other"]);

    for (what, flaw, forge) in FORGED.into_iter().chain(FORGED_IDS) {
        let told = issuer.proven(&forged(&site, &id, forge), Some("nonce"), clock()).await;
        assert!(matches!(&told, Err(Refusal::Flaw(known)) if *known == flaw), "{what}: {told:?}");
    }
    for (what, flaw, forge) in FORGED {
        let shown = format!("Bearer {}", forged(&site, &program, forge));
        let told = guard.who(&headers(&[("authorization", &shown)]), clock()).await;
        assert!(matches!(&told, Err(Refusal::Flaw(known)) if *known == flaw), "{what}: {told:?}");
    }
    // And what is right is believed, also at the edge of its time.
    let good: Forge = |_, _, _| None;
    assert!(issuer.proven(&forged(&site, &id, good), Some("nonce"), clock()).await.is_ok());
    let edge: Forge = |_, claims, _| {
        (claims["exp"], claims["nbf"], claims["aud"]) =
            (json!(now() - 59), json!(now() + 60), json!(["holdfast", "b"]));
        (claims["azp"], claims["iat"]) = (json!("holdfast"), json!(now() as f64 + 0.5));
        None
    };
    assert!(issuer.proven(&forged(&site, &id, edge), Some("nonce"), clock()).await.is_ok());
    let shown = format!("bearer {}", forged(&site, &program, good));
    let who = guard.who(&headers(&[("authorization", &shown)]), clock()).await.unwrap();
    assert_eq!((who.name.as_str(), who.role, who.by), ("ada@example.com", Role::Operator, By::Bearer));
}

#[tokio::test]
async fn what_is_no_token_is_none_and_harms_nobody() {
    let site = Site::start();
    let guard = guard(&file(&site));
    let long = format!("{}.{}.{}", "a".repeat(9_000), "a".repeat(9_000), "a");
    for text in ["", ".", "..", "...", "a.b.c", "e30.e30.", "bnVsbA.e30.", "W10.W10.W10", "é.é.é", &long] {
        assert!(Unproven::of(text).is_err(), "{text}");
        let told = guard.who(&headers(&[("authorization", &format!("Bearer {text}"))]), clock()).await;
        assert!(matches!(told, Err(Refusal::Flaw(_) | Refusal::Token)), "{text}: {told:?}");
    }
    for shown in ["", "Bearer", "Basic x", "Negotiate a.b.c", "Bearer  "] {
        let told = guard.who(&headers(&[("authorization", shown)]), clock()).await;
        assert!(matches!(told, Err(Refusal::Token)), "{shown}: {told:?}");
    }
    assert!(matches!(guard.who(&HeaderMap::new(), clock()).await, Err(Refusal::Nobody)));
}

#[tokio::test]
async fn a_role_is_by_what_the_issuer_says_and_nobody_without_one_gets_in() {
    let site = Site::start();
    let check = async |roles: &str, claims: Value, expect: Option<Role>| {
        let text = file(&site).replace("{operator: [platform], reader: [security, '42']}", roles);
        let (guard, mut all) = (guard(&text), site.claims(""));
        all["aud"] = json!("holdfast-programs");
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        let shown = format!("Bearer {}", site.key.signed(&site.key.header(), &all));
        let who = guard.who(&headers(&[("authorization", &shown)]), clock()).await;
        let no_role = matches!(who, Err(Refusal::NoRole(_)));
        let nobody = expect.is_none();
        assert_eq!((who.ok().map(|who| who.role), no_role), (expect, nobody), "{roles} {claims}");
    };
    let parts = "{reader: [security], parts: {pay: {team: payments, stage: prod}, ops: {team: ops}}}";
    let part = |all: &[&str]| Some(Role::Part(all.iter().map(|labels| labels.parse::<Labels>().unwrap()).collect()));
    check(parts, json!({"groups": ["pay", "else"]}), part(&["team=payments,stage=prod"])).await;
    check(parts, json!({"groups": ["pay", "ops"]}), part(&["team=ops", "stage=prod,team=payments"])).await;
    check(parts, json!({"groups": ["pay", "security"]}), Some(Role::Reader)).await;
    check(parts, json!({"groups": ["else"]}), None).await;
    let two = "{operator: [platform], reader: [security]}";
    check(two, json!({"groups": ["security", "platform"]}), Some(Role::Operator)).await;
    check(two, json!({"groups": ["security"]}), Some(Role::Reader)).await;
    check(two, json!({"groups": "security"}), Some(Role::Reader)).await;
    check(two, json!({"groups": "not platform"}), None).await;
    check(two, json!({"groups": ["Platform", "platform "]}), None).await;
    check(two, json!({"groups": {"platform": true}}), None).await;
    check(two, json!({"groups": null}), None).await;
    check("{reader: [security], everybody: reader}", json!({"groups": []}), Some(Role::Reader)).await;
    check("{claim: realm.roles, operator: [x]}", json!({"realm": {"roles": ["x"]}}), Some(Role::Operator)).await;
    check("{claim: 'cognito:groups', operator: [x]}", json!({"cognito:groups": ["x"]}), Some(Role::Operator)).await;
    check("{claim: scope, reader: [fleet]}", json!({"scope": "openid fleet"}), Some(Role::Reader)).await;
    check("{claim: scope, reader: [fleet]}", json!({"scope": "openid fleets"}), None).await;
}

#[tokio::test]
async fn a_new_key_is_found_a_removed_one_is_forgotten_and_an_issuer_may_be_away() {
    let site = Site::start();
    let guard = guard(&file(&site));
    let two = Key::new("two");
    let ask = async |key: &Key, second: i64| {
        let mut claims = site.claims("");
        claims["aud"] = json!("holdfast-programs");
        (claims["iat"], claims["exp"]) = (json!(now()), json!(now() + 100_000));
        let shown = format!("Bearer {}", key.signed(&key.header(), &claims));
        guard.who(&headers(&[("authorization", &shown)]), at(10_000 + second * 1_000)).await.is_ok()
    };
    assert!(ask(&site.key, 0).await && !ask(&two, 1).await);
    assert_eq!((site.asked("discovery"), site.asked("jwks")), (1, 1));
    site.inside.lock().unwrap().published = vec![two.public.clone(), json!({"kty": "new", "kid": "three"})];
    assert!(!ask(&two, 2).await, "once a minute");
    for _ in 0..20 {
        assert!(!ask(&Key::new("nobody's"), 59).await);
    }
    assert_eq!(site.asked("jwks"), 1);
    assert!(ask(&two, 61).await && !ask(&site.key, 62).await, "what is published no longer is believed no longer");
    assert_eq!(site.asked("jwks"), 2);
    site.inside.lock().unwrap().is_gone = true;
    assert!(ask(&two, 61 + 3_599).await && ask(&two, 61 + 3_700).await && ask(&two, 61 + 7_300).await);
    assert!(site.asked("jwks") <= 5, "{}", site.asked("jwks"));
}

#[tokio::test]
async fn an_issuer_is_believed_only_by_the_name_that_it_was_called_by() {
    let site = Site::start();
    site.inside.lock().unwrap().called = Some("https://evil.example".into());
    let guard = guard(&file(&site));
    let told = guard.entrance(&HeaderMap::new(), "/", clock()).await;
    assert!(matches!(told, Err(Refusal::Unreachable(AskError::Senseless { .. }))), "{told:?}");
}

#[tokio::test]
async fn keys_of_every_kind_are_known_and_a_published_secret_is_none() {
    let site = Site::start();
    let guard = guard(&file(&site));
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let big = |number: aws_lc_rs::rsa::PublicKeyComponents<Vec<u8>>| (part(&number.n), part(&number.e));
    let (n, e) = big(public.into());
    site.inside.lock().unwrap().published = vec![
        json!({"kty": "RSA", "kid": "rsa", "n": n, "e": e, "alg": "RS256"}),
        json!({"kty": "oct", "kid": "oct", "k": part(b"published")}),
        json!({"kty": "RSA", "kid": "enc", "n": n, "e": e, "use": "enc"}),
    ];
    let mut claims = site.claims("");
    claims["aud"] = json!("holdfast-programs");
    let ask = async |header: Value, how: Option<&'static dyn RsaEncoding>| {
        let message = format!("{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()));
        let mark = match how {
            Some(how) => {
                let mut mark = vec![0; pair.public_modulus_len()];
                pair.sign(how, &SystemRandom::new(), message.as_bytes(), &mut mark).unwrap();
                part(&mark)
            }
            None => {
                let known = EncodingKey::from_secret(b"published");
                crypto::sign(message.as_bytes(), &known, Algorithm::HS256).unwrap()
            }
        };
        let shown = format!("Bearer {message}.{mark}");
        guard.who(&headers(&[("authorization", &shown)]), clock()).await.is_ok()
    };
    let (pkcs1, pss): (&dyn RsaEncoding, &dyn RsaEncoding) = (&RSA_PKCS1_SHA256, &RSA_PSS_SHA256);
    assert!(ask(json!({"alg": "RS256", "kid": "rsa"}), Some(pkcs1)).await);
    assert!(ask(json!({"alg": "RS256"}), Some(pkcs1)).await, "it can be no other");
    assert!(!ask(json!({"alg": "PS256", "kid": "rsa"}), Some(pss)).await, "it is for RS256");
    assert!(!ask(json!({"alg": "RS256", "kid": "enc"}), Some(pkcs1)).await, "it signs nothing");
    assert!(!ask(json!({"alg": "HS256", "kid": "oct"}), None).await, "everybody knows it");
}
