//! An issuer that lives as long as its value: discovery, keys, codes for tokens; and the place where a load balancer's keys stand.

use super::now;
use crate::asked::pairs;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, crypto, jwk::Jwk};
use manifests::id::Digest;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::sync::oneshot;

/// A key that tokens are signed with.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: EncodingKey,
    pub(super) public: Value,
}

impl Key {
    pub(super) fn new(id: &str) -> Self {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let secret = EncodingKey::from_ec_der(made.as_ref());
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&secret, Algorithm::ES256).unwrap()).unwrap();
        (public["kid"], public["use"]) = (id.into(), "sig".into());
        Self { id: id.into(), secret, public }
    }

    /// The point, as it stands in a certificate.
    pub(super) fn point(&self) -> Vec<u8> {
        let part = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(self.public[name].as_str().unwrap()).unwrap();
        [vec![4], part("x"), part("y")].concat()
    }

    /// As AWS publishes it.
    pub(super) fn pem(&self) -> String {
        const P256: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let text = BASE64_STANDARD.encode([P256.to_vec(), self.point()].concat());
        let (first, second) = text.split_at(64);
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
    }

    /// A token with this header and these claims, letter for letter.
    pub(super) fn signed(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        self.signed_text(&format!("{}.{}", part(header), part(claims)))
    }

    pub(super) fn signed_text(&self, message: &str) -> String {
        format!("{message}.{}", crypto::sign(message.as_bytes(), &self.secret, Algorithm::ES256).unwrap())
    }

    pub(super) fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": self.id})
    }
}

/// What the issuer gave a code for.
struct Given {
    nonce: String,
    challenge: String,
    back: String,
}

pub(super) struct Inside {
    address: SocketAddr,
    /// What it calls itself, if it lies.
    pub(super) called: Option<String>,
    pub(super) published: Vec<Value>,
    pub(super) pems: BTreeMap<String, String>,
    pub(super) is_gone: bool,
    /// What is different in the tokens that it makes.
    pub(super) odd: Value,
    /// What was asked for, in order.
    pub(super) asked: Vec<String>,
    codes: usize,
    given: BTreeMap<String, Given>,
    key: Arc<Key>,
}

/// The issuer.
pub(super) struct Site {
    pub(super) inside: Arc<Mutex<Inside>>,
    pub(super) key: Arc<Key>,
    _stop: oneshot::Sender<()>,
}

impl Site {
    pub(super) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let key = Arc::new(Key::new("one"));
        let inside = Arc::new(Mutex::new(Inside {
            address: listener.local_addr().unwrap(),
            called: None,
            published: vec![key.public.clone()],
            pems: BTreeMap::new(),
            is_gone: false,
            odd: json!({}),
            asked: Vec::new(),
            codes: 0,
            given: BTreeMap::new(),
            key: Arc::clone(&key),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/keys/{id}", get(pem))
            .with_state(Arc::clone(&inside));
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! { served = axum::serve(listener, router) => served.unwrap(), _ = stopped => {} }
            });
        });
        Self { inside, key, _stop: stop }
    }

    pub(super) fn address(&self) -> String {
        format!("http://{}", self.inside.lock().unwrap().address)
    }

    /// How often something was asked for.
    pub(super) fn asked(&self, what: &str) -> usize {
        self.inside.lock().unwrap().asked.iter().filter(|known| *known == what).count()
    }

    /// What an ID token has to say.
    pub(super) fn claims(&self, nonce: &str) -> Value {
        json!({
            "iss": self.address(), "aud": "holdfast", "sub": "u-1", "email": "ada@example.com", "groups": ["platform"],
            "iat": now() - 1, "exp": now() + 300, "nonce": nonce,
        })
    }

    /// What a browser does that was sent here: somebody signs in, and comes back with this.
    pub(super) fn visit(&self, entrance: &str) -> String {
        let (place, query) = entrance.split_once('?').unwrap();
        assert_eq!(place, format!("{}/authorize", self.address()));
        let said: BTreeMap<String, String> = pairs(query).collect();
        let fixed = ["response_type", "client_id", "scope", "code_challenge_method"].map(|name| said[name].as_str());
        assert_eq!(fixed, ["code", "holdfast", "openid profile email", "S256"]);
        let mut inside = self.inside.lock().unwrap();
        inside.codes += 1;
        let code = format!("code-{}", inside.codes);
        let [nonce, challenge, back] = ["nonce", "code_challenge", "redirect_uri"].map(|name| said[name].clone());
        inside.given.insert(code.clone(), Given { nonce, challenge, back });
        format!(
            "code={code}&state={}&iss={}",
            said["state"],
            crate::asked::encoded(&format!("http://{}", inside.address))
        )
    }
}

type Here = State<Arc<Mutex<Inside>>>;
type Answer = (StatusCode, String);

async fn discovery(State(inside): Here) -> Answer {
    let mut inside = inside.lock().unwrap();
    inside.asked.push("discovery".into());
    let own = format!("http://{}", inside.address);
    let issuer = inside.called.clone().unwrap_or_else(|| own.clone());
    let found = json!({
        "issuer": issuer, "authorization_endpoint": format!("{own}/authorize"), "token_endpoint": format!("{own}/token"),
        "jwks_uri": format!("{own}/jwks"), "authorization_response_iss_parameter_supported": true,
    });
    answer(&inside, found)
}

async fn jwks(State(inside): Here) -> Answer {
    let mut inside = inside.lock().unwrap();
    inside.asked.push("jwks".into());
    answer(&inside, json!({"keys": inside.published}))
}

async fn pem(State(inside): Here, Path(id): Path<String>) -> Answer {
    let mut inside = inside.lock().unwrap();
    inside.asked.push(format!("pem {id}"));
    let missing = (StatusCode::NOT_FOUND, String::new());
    inside.pems.get(&id).map_or(missing, |text| (StatusCode::OK, text.clone()))
}

async fn token(State(inside): Here, headers: HeaderMap, body: String) -> Answer {
    let mut inside = inside.lock().unwrap();
    inside.asked.push("token".into());
    let said: BTreeMap<String, String> = pairs(&body).collect();
    let is_client = match headers.get("authorization") {
        Some(secret) => *secret == format!("Basic {}", BASE64_STANDARD.encode("holdfast:SECRET%20of-it")),
        None => said.get("client_id").is_some_and(|client| client == "holdfast"),
    };
    let given = inside.given.remove(&said["code"]).filter(|given| {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Digest::of(said["code_verifier"].as_bytes()).0);
        is_client && (&challenge, &said["redirect_uri"]) == (&given.challenge, &given.back)
    });
    let Some(given) = given else {
        return (StatusCode::BAD_REQUEST, json!({"error": "invalid_grant", "error_description": body}).to_string());
    };
    let mut claims = json!({
        "iss": format!("http://{}", inside.address), "aud": "holdfast", "sub": "u-1", "email": "ada@example.com",
        "groups": ["platform"], "iat": now(), "exp": now() + 300, "nonce": given.nonce,
    });
    for (name, value) in inside.odd.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let token = inside.key.signed(&inside.key.header(), &claims);
    answer(&inside, json!({"id_token": token, "access_token": "SECRET-access", "token_type": "Bearer"}))
}

fn answer(inside: &Inside, value: Value) -> Answer {
    if inside.is_gone { (StatusCode::BAD_GATEWAY, "<html>".into()) } else { (StatusCode::OK, value.to_string()) }
}
