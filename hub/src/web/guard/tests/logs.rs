//! What is written down: everything that somebody did, and nothing that lets anybody in.

use super::{issuer::Site, way_in::Hub, *};
use serde_json::json;
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};
use tracing_subscriber::{filter::LevelFilter, fmt::layer, prelude::*};

/// A log that is read again.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().map_err(|_| io::ErrorKind::Other)?;
        all.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_that_lets_anybody_in_is_written_down() {
    let (site, folder) = (Site::start(), tempfile::tempdir().unwrap());
    let path = folder.path().join("audit.jsonl");
    let sign_in: SignIn = serde_saphyr::from_str(&file(&site)).unwrap();
    let hub = Hub::of(Guard::open(None, Some(sign_in), Some(&path)).unwrap());
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::registry()
        .with(layer().with_ansi(false).with_writer(move || written.clone()).with_filter(LevelFilter::DEBUG));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut claims = site.claims("");
    claims["aud"] = json!("holdfast-programs");
    let bearer = site.key.signed(&site.key.header(), &claims);
    claims["aud"] = json!("wiki");
    let wrong = site.key.signed(&site.key.header(), &claims);
    let mut secrets = vec![bearer.clone(), wrong.clone()];
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            for token in [&bearer, &wrong] {
                hub.get(
                    "/accounts?state=failed&access_token=SECRET-1",
                    &[("authorization", &format!("Bearer {token}"))],
                )
                .await;
            }
            hub.get("/", &[("authorization", "Basic U0VDUkVULTI6U0VDUkVULTI=")]).await;
            hub.get("/", &[("x-amzn-oidc-data", "SECRET-3"), ("cookie", "holdfast=SECRET-4.x; a=SECRET-5")]).await;
            let began = hub.get("/sign-in?to=%2F%3Fcode%3DSECRET-6", &[]).await;
            let back = site.visit(began.get("location"));
            let values = back.split('&').filter_map(|pair| pair.split_once('='));
            secrets.extend(values.filter(|(name, _)| *name != "iss").map(|(_, value)| value.to_owned()));
            let arrived = hub.get(&format!("/sign-in/callback?{back}"), &[("cookie", &began.cookie())]).await;
            hub.get(&format!("/sign-in/callback?{back}"), &[("cookie", &began.cookie())]).await;
            let again = hub.get("/sign-in", &[("cookie", &began.cookie())]).await;
            let state = site.visit(again.get("location")).split_once("&state=").unwrap().1.to_owned();
            let stale = format!("/sign-in/callback?code=SECRET-7&state={state}");
            assert_eq!(hub.get(&stale, &[("cookie", &began.cookie())]).await.status, 400);
            hub.ask("POST /sign-out", &[("cookie", &arrived.cookie())], "exit=SECRET-8").await;
            for kept in [began.cookie(), arrived.cookie()] {
                secrets.push(kept.split_once('=').unwrap().1.to_owned());
            }
        });
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let audit = std::fs::read_to_string(&path).unwrap();
    secrets.extend(["SECRET".into(), "U0VDUkVU".into()]);
    for secret in &secrets {
        assert!(secret.len() > 5 && !log.contains(secret.as_str()), "{secret} is in the log:\n{log}");
        assert!(!audit.contains(secret.as_str()), "{secret} is in the audit log:\n{audit}");
    }
    for told in [
        "looked who=\"ada@example.com\"",
        "signed in",
        "was refused",
        "it was made for somebody else",
        "the code was used",
    ] {
        assert!(log.contains(told), "{told} is missing in\n{log}");
    }
    assert!(audit.lines().count() >= 5 && audit.contains("\"act\":\"signed-in\""), "{audit}");
}
