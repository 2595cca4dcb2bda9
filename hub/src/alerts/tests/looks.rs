//! What a look finds, and when it is not looked at all.

use super::*;

#[test]
fn half_a_picture_is_not_looked_at() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            house.tell.send_modify(|health| health.caught_up = None);
            house.says(10, "failed", "x");
            house.look(20);
            house.look(55);
            assert_eq!(house.teller.store.open_incidents().unwrap().len(), 0, "there is more to read");
            house.look(61);
            assert_eq!(house.teller.store.open_incidents().unwrap().len(), 1, "once a minute, however much there is");
        })
    });
}

#[test]
fn the_hubs_own_trouble_and_what_is_no_report_are_told() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            house.tell.send_modify(|health| health.trouble = Some("the queue could not be read: AccessDenied".into()));
            house.hub.keep(&["no report"], at(5_000)).unwrap();
            let contested = |time: &str| {
                let mut report = report(7, "in-sync");
                report["time"] = time.into();
                report.to_string()
            };
            house
                .hub
                .keep(&[&contested("2026-05-01T12:00:00Z"), &contested("2026-05-01T12:00:01Z")], at(5_000))
                .unwrap();
            house.look(10);
            house.turn(80).await;
            let mut titles = endpoint.titles();
            titles.sort();
            assert_eq!(
                titles,
                [
                    "[error] the hub can't read its queue, or keep what comes",
                    "[warning] the hub gets messages that are no reports",
                    "[warning] the hub gets reports that claim another one's number",
                ]
            );
            house.tell.send_modify(|health| health.trouble = None);
            house.look(4_000);
            house.turn(4_100).await;
            let titles = endpoint.titles();
            assert_eq!(titles.len(), 6, "{titles:?}");
            assert!(
                titles[3..].iter().all(|title| title.starts_with("[recovered] the hub is well again after")),
                "{titles:?}"
            );
        })
    });
}

#[test]
fn who_is_missing_and_who_is_unexpected_is_told() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            let id: manifests::id::AccountId = "222222222222".parse().unwrap();
            let location = manifests::stack::Location { file: "fleet.yaml".parse().unwrap(), line: 1 };
            let listed = manifests::fleet::Account {
                id: id.clone(),
                name: Some("shop".into()),
                labels: [].into(),
                at: location,
            };
            let expected = manifests::fleet::Fleet { accounts: [(id, listed)].into(), agent: None };
            house.says(10, "failed", "x");
            let view = View {
                expected: Some(&expected),
                suspended: &Default::default(),
                patience: Patience::default(),
                now: at(10_000),
            };
            house.hub.page(&view).unwrap();
            house.look(20);
            house.turn(90).await;
            // What an account says that nobody expects is nobody's alert.
            assert_eq!(endpoint.titles(), ["[warning] sandbox (111111111111) speaks, and nobody expects it"]);
            house.turn(4 * 3_600 + 30).await;
            assert_eq!(endpoint.titles()[1..], ["[warning] shop (222222222222) never spoke, and should have"]);
        })
    });
}

#[test]
fn a_digest_is_sent_once_a_day() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let url = endpoint.serve().await;
            let route =
                format!("    - {{name: daily, to: {{webhook: {{url: '{url}'}}}}, digest: '13:00', changes: false}}\n");
            let mut house = House::of(spot, &route).await;
            house.says(10, "failed", "x");
            let hour = 3_600;
            for second in [20, 90, hour - 1, hour + 5, hour + 600, 25 * hour - 20, 25 * hour + 20] {
                house.turn(second).await;
                house.die();
            }
            assert_eq!(endpoint.titles(), ["[digest] 0 of 1 accounts in sync, 1 alerts open"; 2]);
            let ids: Vec<Value> = endpoint.bodies().iter().map(|body| body["id"].clone()).collect();
            assert_ne!(ids[0], ids[1]);
            let lines = endpoint.bodies()[0]["data"]["lines"].clone();
            assert!(lines.to_string().contains("- sandbox (111111111111) failed for 59 min 55 s: x"), "{lines}");
        })
    });
}

#[test]
fn many_accounts_are_one_message_and_a_list_that_is_read_in_parts() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            fill(&mut house.hub, 2_500);
            house.look(20);
            house.turn(90).await;
            assert_eq!(endpoint.titles(), ["[error] 250 accounts failed"]);
            let (mut after, mut seen) = (None, std::collections::BTreeSet::new());
            loop {
                let part = house.teller.store.alerts(after.as_deref()).unwrap();
                assert!(part.rows.iter().all(|row| seen.insert(row.id.clone())));
                after = part.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen.len(), 250);
        })
    });
}

#[test]
fn no_look_reads_a_whole_table() {
    on_each(|spot| {
        block_on(async {
            let endpoint = Endpoint::default();
            let mut house = House::with(spot, &endpoint, "").await;
            fill(&mut house.hub, 600);
            house.look(20);
            house.look(90);
            // A list of those who are expected, so that all of it is asked.
            let expected = manifests::fleet::Fleet::default();
            let moment = Moment { patience: Patience::default(), now: clock() };
            house
                .hub
                .page(&View {
                    expected: Some(&expected),
                    suspended: &Default::default(),
                    patience: moment.patience,
                    now: moment.now,
                })
                .unwrap();
            let scans = plans(&house.teller.store, 15, |store| {
                for _ in 0..3 {
                    let open = store.open_incidents().unwrap();
                    let facts = store.facts(moment).unwrap();
                    store.over(&open, &facts).unwrap();
                    store.contested().unwrap();
                    store.noted("looked").unwrap();
                    store.ended_incidents(at(0)).unwrap();
                    store.alerts(None).unwrap();
                    store.alerts(Some("0.5.5")).unwrap();
                    store.alert_counts().unwrap();
                    store.last_alert().unwrap();
                    store.due("hook", clock()).unwrap();
                }
            });
            assert!(scans.is_empty(), "{scans:#?}");
        })
    });
}
