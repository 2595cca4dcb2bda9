//! What is told to whoever measures, and what people were told.

use super::*;

#[test]
fn sums_are_told_to_whoever_measures() {
    on_each(|spot| {
        let served = Served::of(spot, 25);
        let text = served.get("/metrics");
        for line in [
            "holdfast_stacks{state=\"failed\"} 3",
            "holdfast_accounts{state=\"in-sync\"} 22",
            "holdfast_quarantine 1",
            "holdfast_agents{version=\"0.1.0\"} 25",
            "holdfast_messages_total{outcome=\"refused\"} 1",
            "holdfast_journal_entries 26",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        let interface: Value = serde_json::from_str(&served.get("/openapi.json")).unwrap();
        for path in interface["paths"].as_object().unwrap().keys() {
            let path = path.replace("{account}", "100000000000").replace("{stack}", "alerts");
            served.get(&path.replace("{commit}", COMMIT).replace("{control}", "CIS-3.1"));
        }
    });
}

#[test]
fn alerts_are_listed_and_what_no_route_takes_is_said() {
    on_each(|spot| {
        let served = Served::of(spot, 25);
        let tag = |served: &Served| {
            let (_, head, _) = served.ask("GET /alerts", "");
            head.lines().find_map(|line| line.strip_prefix("etag: ").map(ToOwned::to_owned)).unwrap()
        };
        let before = tag(&served);
        let mut beside = Store::open(spot.place("store"), Access::Alerts).unwrap();
        let moment =
            Moment { patience: Patience { late: SignedDuration::MAX, silent: SignedDuration::MAX }, now: clock() };
        let (facts, none) = (beside.facts(moment).unwrap(), BTreeMap::new());
        let rules = Rules { settle: SignedDuration::ZERO, ..Rules::default() };
        let looked = look(&none, &facts, &BTreeMap::new(), (&rules, false), clock());
        let messages = [("hook".to_owned(), Message::test("hook", "/", clock()))];
        beside.tell(Told { looked: &looked, messages: &messages, notes: &[] }, clock()).unwrap();
        beside.undelivered(1, "the endpoint answered <500>", clock()).unwrap();
        let page = served.get("/alerts");
        // Three accounts, and the message that is no report.
        assert_eq!(page.matches("<b>open</b>").count(), 4, "{page}");
        assert_eq!(page.matches("AccessDenied on &lt;kms:PutKeyPolicy&gt;").count(), 3, "{page}");
        assert!(page.contains(
            "the route `hook` does not take what it is told, 1 since 0.0 s ago: the endpoint answered &lt;500&gt;"
        ));
        assert_ne!(tag(&served), before);
        assert_eq!(served.get("/alerts.csv").lines().count(), 5);
        let text = served.get("/metrics");
        for line in ["alerts_open{severity=\"error\"} 3", "alerts_open{severity=\"warning\"} 1", "alerts_undelivered 1"]
        {
            assert!(text.contains(&format!("holdfast_{line}\n")), "{line} is missing in\n{text}");
        }
    });
}
