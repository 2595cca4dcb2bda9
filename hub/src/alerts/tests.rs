//! From a report to what somebody hears, with endpoints that fail and hubs that are killed.

mod endpoints;
mod findings;
mod looks;

use super::*;
use crate::{
    carry::{export, import},
    ingest::tests::report,
    journal::tests::at,
    keep::Keep,
    store::{
        Access, Place,
        tests::{
            plans,
            spot::{Spot, on_each},
        },
        view::Moment,
    },
    web::tests::fill,
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use fleet::page::View;
use serde_json::Value;
use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// On a runtime of its own.
fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn clock() -> Timestamp {
    at(NOW.get())
}

/// What came to an endpoint: headers and body.
type Heard = (HeaderMap, String);

/// An endpoint that answers as it is told to, then well.
#[derive(Clone, Default)]
struct Endpoint {
    answers: Arc<Mutex<Vec<StatusCode>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// Does not answer at all.
    hangs: Arc<Mutex<bool>>,
}

async fn heard(State(endpoint): State<Endpoint>, headers: HeaderMap, body: Bytes) -> Response {
    endpoint.heard.lock().unwrap().push((headers, String::from_utf8(body.to_vec()).unwrap()));
    if *endpoint.hangs.lock().unwrap() {
        std::future::pending::<()>().await;
    }
    let answer = { endpoint.answers.lock().unwrap().pop() };
    match answer {
        Some(status) if status.is_redirection() => (status, [(header::LOCATION, "/elsewhere")]).into_response(),
        Some(status) => (status, "not <now>\u{1b}").into_response(),
        None => StatusCode::OK.into_response(),
    }
}

impl Endpoint {
    /// Serves until the runtime ends. Answers its address.
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/hook", post(heard)).fallback(heard).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/hook")
    }

    fn bodies(&self) -> Vec<Value> {
        self.heard.lock().unwrap().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }

    fn titles(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["data"]["title"].as_str().unwrap().to_owned()).collect()
    }
}

/// A hub and whoever tells; both can be killed and begin anew with what is on the disk.
struct House<'s> {
    spot: &'s Spot,
    hub: Store,
    teller: Teller,
    tell: watch::Sender<Health>,
    sender: Sender,
    file: PathBuf,
    sequence: u64,
}

fn health() -> Health {
    Health { caught_up: Some(at(0)), ..Health::default() }
}

fn teller(place: Place, file: &Path) -> (Teller, watch::Sender<Health>) {
    let (tell, health) = watch::channel(health());
    let teller = Teller {
        store: Store::open(place, Access::Alerts).unwrap(),
        routes: Routes::read(file).unwrap(),
        expected: Expected::default(),
        patience: Patience { late: SignedDuration::from_hours(900), silent: SignedDuration::from_hours(1_000) },
        health,
        clock,
        last: Last::default(),
        pauses: Pauses::new(),
    };
    (teller, tell)
}

const HEAD: &str =
    "apiVersion: holdfast/v1\nkind: Alerts\nspec:\n  link: https://hub.example/\n  settle: 60s\n  routes:\n";

impl<'s> House<'s> {
    async fn of(spot: &'s Spot, routes: &str) -> Self {
        NOW.set(0);
        let file = spot.file("alerts.yaml");
        std::fs::write(&file, format!("{HEAD}{routes}")).unwrap();
        let hub = spot.write("hub");
        let (teller, tell) = teller(spot.place("hub"), &file);
        let sender = Sender::new(false).await.unwrap();
        let mut house = Self { spot, hub, teller, tell, sender, file, sequence: 0 };
        // The first look of all finds nothing.
        house.look(0);
        house
    }

    async fn with(spot: &'s Spot, endpoint: &Endpoint, more: &str) -> Self {
        let url = endpoint.serve().await;
        Self::of(spot, &format!("    - {{name: hook, to: {{webhook: {{url: '{url}'{more}}}}}}}\n")).await
    }

    /// Everything that is not on the disk is gone.
    fn die(&mut self) {
        let (teller, tell) = teller(self.spot.place("hub"), &self.file);
        (self.teller, self.tell) = (teller, tell);
    }

    /// The account says how it stands.
    fn says(&mut self, second: i64, state: &str, why: &str) {
        self.sequence += 1;
        let mut report = report(self.sequence, state);
        report["time"] = at(second * 1_000).to_string().into();
        report["data"]["why"] = why.into();
        self.hub.keep(&[&report.to_string()], at(second * 1_000)).unwrap();
    }

    fn look(&mut self, second: i64) {
        NOW.set(second * 1_000);
        self.teller.look(clock()).unwrap();
    }

    async fn turn(&mut self, second: i64) {
        self.look(second);
        self.teller.deliver(&self.sender).await.unwrap();
    }

    fn waiting(&self) -> u64 {
        self.teller.store.alert_counts().unwrap().undelivered
    }
}

#[test]
fn what_began_and_ended_is_told_once_however_often_the_hub_begins_anew() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            house.says(10, "failed", "access is denied");
            house.turn(20).await;
            assert_eq!(endpoint.titles(), [""; 0], "it has not settled");
            house.die();
            for second in [80, 100, 120] {
                house.turn(second).await;
                house.die();
            }
            assert_eq!(endpoint.titles(), ["[error] sandbox (111111111111) failed"]);
            // It recovers while nobody looks.
            house.says(130, "in-sync", "");
            house.die();
            for second in [1_000, 1_100, 1_200] {
                house.turn(second).await;
                house.die();
            }
            let bodies = endpoint.bodies();
            assert_eq!(
                endpoint.titles()[1..],
                ["[recovered] sandbox (111111111111) is well again after 2 min; it failed"]
            );
            let data = &bodies[0]["data"];
            assert_eq!((&bodies[0]["type"], &bodies[0]["specversion"]), (&"holdfast.alert.v1".into(), &"1.0".into()));
            assert_eq!(
                (&data["why"], &data["link"]),
                (&"access is denied".into(), &"https://hub.example/accounts/111111111111".into())
            );
            assert_eq!(
                (&bodies[1]["data"]["previousState"], &bodies[1]["data"]["recoveredAfter"]),
                (&"failed".into(), &120.into())
            );
            assert_eq!(data["incidents"], bodies[1]["data"]["incidents"], "it is the same one");
            let listed = house.teller.store.alerts(None).unwrap().rows;
            assert_eq!((listed.len(), listed[0].ended, listed[0].state), (1, Some(at(130_000)), "failed"));
        })
    });
}

#[test]
fn what_was_decided_is_told_although_the_hub_is_killed_before_it_or_while_it_is() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            house.says(10, "failed", "x");
            house.look(20);
            house.look(90);
            house.die();
            assert_eq!((house.waiting(), endpoint.bodies().len()), (1, 0));
            *endpoint.hangs.lock().unwrap() = true;
            let killed = tokio::time::timeout(Duration::from_millis(500), house.teller.deliver(&house.sender)).await;
            assert!(killed.is_err());
            house.die();
            *endpoint.hangs.lock().unwrap() = false;
            house.turn(100).await;
            house.turn(120).await;
            let ids: Vec<Value> = endpoint.bodies().iter().map(|body| body["id"].clone()).collect();
            assert_eq!((ids.len(), &ids[0], house.waiting()), (2, &ids[1], 0), "twice, and by its id it is the same");
        })
    });
}

#[test]
fn who_does_not_take_it_is_asked_again_later_and_in_order() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            *endpoint.answers.lock().unwrap() = vec![StatusCode::INTERNAL_SERVER_ERROR; 2];
            house.says(10, "failed", "x");
            house.look(20);
            house.turn(90).await;
            let trouble = trouble(&house.teller.store, clock()).unwrap().unwrap();
            assert!(
                trouble.contains(
                    "the route `hook` does not take what it is told, 1 since 0.0 s ago: the endpoint answered 500"
                ),
                "{trouble}"
            );
            assert!(!trouble.contains("now") && !trouble.contains("127.0.0.1"), "{trouble}");
            house.says(91, "in-sync", "");
            // 5 s, then 10 s.
            for (second, heard) in [(92, 1), (96, 2), (100, 2), (105, 2)] {
                house.turn(second).await;
                assert_eq!(endpoint.bodies().len(), heard, "at {second}");
            }
            house.look(170);
            assert_eq!(house.waiting(), 2);
            house.turn(171).await;
            let titles = endpoint.titles();
            assert_eq!((house.waiting(), titles.len()), (0, 4));
            assert!(
                titles[..3].iter().all(|title| title.ends_with("failed")) && titles[3].contains("well again"),
                "{titles:?}"
            );
            assert_eq!(super::trouble(&house.teller.store, clock()).unwrap(), None);
        })
    });
}

#[test]
fn what_is_refused_for_itself_holds_up_others_for_a_while() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            *endpoint.answers.lock().unwrap() = vec![StatusCode::UNPROCESSABLE_ENTITY; 4];
            house.says(10, "failed", "x");
            house.look(20);
            house.look(90);
            house.says(91, "in-sync", "");
            house.look(92);
            // Three times again, after 5, 10 and 20 seconds; nobody hears that it is over before it is given up.
            for (second, heard, waits) in [(170, 1, 2), (176, 2, 2), (187, 3, 2), (208, 5, 0), (209, 5, 0)] {
                house.turn(second).await;
                assert_eq!((endpoint.bodies().len(), house.waiting()), (heard, waits), "at {second}");
            }
            assert!(endpoint.titles()[4].contains("is well again"), "{:?}", endpoint.titles());
        })
    });
}

#[test]
fn what_nobody_takes_for_a_day_is_given_up() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            *endpoint.answers.lock().unwrap() = vec![StatusCode::BAD_GATEWAY; 100];
            house.says(10, "failed", "x");
            house.look(20);
            house.turn(90).await;
            house.turn(3_600 * 23).await;
            assert_eq!(house.waiting(), 1);
            house.look(3_600 * 25);
            assert_eq!(house.waiting(), 0);
            assert_eq!(
                house.teller.store.alert_counts().unwrap().open["error"],
                1,
                "it is still open, and on the page"
            );
        })
    });
}

#[test]
fn what_comes_from_another_store_is_nobodys_news() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            house.says(10, "failed", "x");
            let mut text = Vec::new();
            export(&house.hub, &mut text).unwrap();
            let mut copy = spot.write("copy");
            import(&mut copy, text.as_slice()).unwrap();
            (house.teller, house.tell) = teller(spot.place("copy"), &house.file);
            house.hub = copy;
            for second in [86_400, 86_500, 86_600] {
                house.turn(second).await;
            }
            assert_eq!(endpoint.titles(), [""; 0]);
            assert_eq!(house.teller.store.alert_counts().unwrap().open["error"], 1);
            house.says(86_700, "needs-a-person", "y");
            house.look(86_710);
            house.turn(86_800).await;
            assert_eq!(endpoint.titles(), ["[error] sandbox (111111111111) needs a person; before, it failed"]);
        })
    });
}
