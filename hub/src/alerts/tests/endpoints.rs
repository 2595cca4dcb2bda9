//! What each kind of endpoint gets, byte by byte.

use super::*;
use manifests::id::Digest;

/// HMAC-SHA256 as RFC 2104 has it, of a key that fits into a block.
fn by_hand(key: &[u8], text: &str) -> String {
    let pad = |with: u8| (0..64).map(|n| key.get(n).copied().unwrap_or_default() ^ with).collect::<Vec<u8>>();
    let inner = Digest::of(&[pad(0x36), text.as_bytes().to_vec()].concat());
    format!("sha256={}", Digest::of(&[pad(0x5c), inner.0.to_vec()].concat()))
}

#[test]
fn a_webhook_is_signed_and_no_redirect_is_followed() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let folder = tempfile::tempdir().unwrap();
            let secret = folder.path().join("secret");
            std::fs::write(&secret, "s3cret\n").unwrap();
            let mut house = House::with(spot, &endpoint, &format!(", secretFile: {}", secret.display())).await;
            *endpoint.answers.lock().unwrap() = vec![StatusCode::TEMPORARY_REDIRECT];
            house.says(10, "failed", "ünlesbar");
            house.look(20);
            house.turn(90).await;
            assert_eq!(
                (endpoint.bodies().len(), house.waiting()),
                (1, 1),
                "a redirect is an answer like any other that is not good"
            );
            // What it is signed with may be changed while the hub runs.
            for (second, key) in [(96, "s3cret"), (0, "another")] {
                if second == 0 {
                    std::fs::write(&secret, key).unwrap();
                    house.says(100, "in-sync", "");
                    house.look(101);
                    house.turn(170).await;
                } else {
                    house.turn(second).await;
                }
                let heard = endpoint.heard.lock().unwrap();
                let (headers, body) = heard.last().unwrap();
                let told = |name: &str| headers.get(name).unwrap().to_str().unwrap();
                assert_eq!(
                    told("holdfast-signature"),
                    by_hand(key.as_bytes(), &format!("{}.{body}", told("holdfast-timestamp")))
                );
                assert_eq!(told("content-type"), "application/cloudevents+json");
            }
            assert_eq!(endpoint.bodies().len(), 3);
        })
    });
}

#[test]
fn slack_gets_what_slack_reads_and_its_address_is_told_to_nobody() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let url = endpoint.serve().await;
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("url");
            std::fs::write(&file, format!("{url}/T000/B000/token\n")).unwrap();
            let mut house = House::of(
                spot,
                &format!("    - {{name: chat, to: {{slack: {{urlFile: {}}}}}, severity: error}}\n", file.display()),
            )
            .await;
            assert!(!format!("{:?}", house.teller).contains("token"));
            house.says(10, "failed", "<!here> is down");
            house.look(20);
            house.turn(90).await;
            let text = endpoint.bodies()[0]["text"].as_str().unwrap().to_owned();
            assert_eq!(
                text,
                "*[error] sandbox (111111111111) failed*\n&lt;!here&gt; is down\nsince 2026-05-01T12:00:10Z · commit 9d1e77b\n\
         <https://hub.example/accounts/111111111111|see it>"
            );
            // Nobody listens there any more.
            std::fs::write(&file, "http://127.0.0.1:1/T000/B000/token").unwrap();
            house.says(100, "in-sync", "");
            house.look(101);
            house.turn(170).await;
            let told = trouble(&house.teller.store, clock()).unwrap().unwrap();
            assert!(told.contains("the endpoint could not be reached") && !told.contains("token"), "{told}");
            std::fs::write(&file, "http://example.com/token").unwrap();
            house.turn(180).await;
            let told = trouble(&house.teller.store, clock()).unwrap().unwrap();
            assert!(told.contains("can't be used: it must begin with `https://`") && !told.contains("token"), "{told}");
        })
    });
}
