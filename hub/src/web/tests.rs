//! Pages over HTTP, as a browser and a machine see them.

mod links;
mod measured;
mod parts;
mod served;

pub(crate) use served::fill;

use super::*;
use crate::{
    ingest::tests::report,
    journal::tests::at,
    keep::Keep,
    store::{
        Access,
        alerts::Told,
        tests::{
            plans,
            spot::{Spot, on_each},
        },
    },
};
use fleet::{
    alert::{Rules, look, message::Message},
    page::View,
};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};
use served::{COMMIT, Served, account, clock};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
};

/// Everything that there is.
const ALL: [&str; 17] = [
    "/",
    "/accounts",
    "/accounts?state=failed&ring=",
    "/accounts/100000000000",
    "/alerts",
    "/not-ready",
    "/stacks",
    "/stacks/alerts",
    "/commits",
    "/commits/0f3c2aa000000000000000000000000000000000",
    "/drift",
    "/controls",
    "/controls/CIS-3.1",
    "/exceptions",
    "/events?what=created",
    "/quarantine",
    "/search?q=team-1",
];

#[test]
fn every_page_is_whole_and_names_what_it_is_about() {
    on_each(|spot| {
        let served = Served::of(spot, 25);
        let says = [
            "94 % of 50 stacks in sync",
            "100000000001",
            "100000000020",
            "AccessDenied on &lt;kms:PutKeyPolicy&gt;",
            "nobody said whom to tell",
            "Nobody",
            "alerts",
            "3 × AccessDenied",
            "0f3c2aa",
            "25 of 25 accounts",
            "mallory",
            "CIS-3.1",
            "3 failed, 47 in sync",
            "hold",
            "created in 12 s",
            "&lt;b&gt;no report",
            "team-10",
        ];
        for (path, says) in ALL.into_iter().zip(says) {
            let page = served.get(path);
            assert!(page.contains(says), "{says} is missing in {path}:\n{page}");
            for tag in ["main", "header", "table", "section", "h1"] {
                let count = |text: &str| page.matches(text).count();
                assert_eq!(
                    count(&format!("<{tag}>")) + count(&format!("<{tag} ")),
                    count(&format!("</{tag}>")),
                    "{path} {tag}"
                );
            }
            assert!(
                !page.contains("<b>no report") && !page.contains("<kms:") && !page.contains("style="),
                "{path}:\n{page}"
            );
        }
    });
}

#[test]
fn machines_get_the_same_as_people() {
    on_each(|spot| {
        let served = Served::of(spot, 250);
        for path in ALL {
            let path = if path == "/" { "/index" } else { path };
            let (place, query) = path.split_once('?').unwrap_or((path, ""));
            let document: Value = serde_json::from_str(&served.get(&format!("{place}.json?{query}"))).unwrap();
            assert_eq!((&document["senders"]["unproven"], document["hub"].is_object()), (&json!(250), true), "{path}");
        }
        let front: Value = serde_json::from_str(&served.get("/?format=json")).unwrap();
        assert_eq!(front["compliance"]["stacksGood"], json!(475));
        assert_eq!(front["worst"][0]["state"], json!("failed"));
        let commit: Value = serde_json::from_str(&served.get(&format!("/commits/{COMMIT}.json"))).unwrap();
        assert_eq!((&commit["reached"], &commit["convergedSeconds"][3]), (&json!(250), &json!([100, 0])));

        // A table is whole, whatever the parts in which it is read; pages and documents come in parts.
        let table = served.get("/accounts.csv");
        let ids: std::collections::BTreeSet<&str> = table.lines().skip(1).map(|line| &line[..12]).collect();
        assert_eq!((table.lines().count(), ids.len()), (251, 250));
        assert_eq!(served.get("/accounts.csv?state=failed").lines().count(), 26);
        for filter in ["agent=0.1.0", "ring=", "agent=0.1.0&fresh=fresh"] {
            let table = served.get(&format!("/accounts.csv?{filter}"));
            let ids: std::collections::BTreeSet<&str> = table.lines().skip(1).map(|line| &line[..12]).collect();
            assert_eq!((table.lines().count(), ids.len()), (251, 250), "{filter}");
        }
        for (sort, column) in
            [("account", 0), ("-account", 0), ("seen", 10), ("-seen", 10), ("account&state=failed&state=in-sync", 0)]
        {
            let table = served.get(&format!("/accounts.csv?sort={sort}"));
            let mut told: Vec<&str> = table.lines().skip(1).map(|line| line.split(',').nth(column).unwrap()).collect();
            if sort.starts_with('-') {
                told.reverse();
            }
            assert!(told.is_sorted() && told.len() == 250, "{sort}");
            let ids: std::collections::BTreeSet<&str> = table.lines().skip(1).map(|line| &line[..12]).collect();
            assert_eq!(ids.len(), 250, "{sort}");
        }
        assert!(served.get("/exceptions.csv").contains(",alerts,2026-06-01T00:00:00Z,'=cmd,ops\r\n"));
        for list in ["/drift.csv", "/exceptions.csv"] {
            assert_eq!(served.get(list).lines().count(), 26, "{list}");
        }
        assert_eq!(served.get("/events.csv").lines().count(), 251);
        assert_eq!(served.get("/stacks/alerts.csv").lines().count(), 251);
        assert_eq!(served.get("/controls/CIS-3.1.csv").lines().count(), 501);
        let mut next = "/accounts.json".to_owned();
        let (mut rows, mut parts) = (0, 0);
        loop {
            let part: Value = serde_json::from_str(&served.get(&next)).unwrap();
            (rows, parts) = (rows + part["rows"].as_array().unwrap().len(), parts + 1);
            let Some(after) = part["next"].as_str() else { break };
            next = format!("/accounts.json?after={after}");
        }
        assert_eq!((rows, parts), (250, 3));
    });
}

#[test]
fn what_makes_no_sense_is_not_there_and_nothing_can_be_changed() {
    on_each(|spot| {
        let served = Served::of(spot, 1);
        let check = |line: &str, headers: &str, expect: u16| {
            let (status, head, body) = served.ask(line, headers);
            assert_eq!(status, expect, "{line}: {body}");
            assert!(head.contains("content-security-policy: default-src 'none'") && head.contains("nosniff"), "{head}");
        };
        for path in [
            "/nowhere",
            "/accounts/1",
            "/accounts/999999999999",
            "/stacks/none",
            "/commits/x",
            "/controls/none",
            "/a/b/c",
        ] {
            check(&format!("GET {path}"), "", 404);
            check(&format!("GET {path}.json"), "", 404);
        }
        check("GET /accounts?state=splendid", "", 404);
        check("GET /accounts?sort=-worst", "", 404);
        check("GET /accounts?colour=red", "", 404);
        check("GET /events?what=exploded", "", 404);
        check("GET /events.json?what=created&commit=0f3c2aa", "", 404);
        check("GET /events?what=not-healed", "", 200);
        check("GET /index.csv", "", 404);
        check("GET /accounts?after=%00'%3B--", "", 200);
        check("GET /search?q=%25%27%22%00%E2%80%AE", "", 200);
        check("GET /sign-in", "", 404);
        check("GET /audit.json", "", 200);
        check("POST /sign-out", "Content-Length: 0\r\n", 405);
        check("POST /accounts", "Content-Length: 0\r\n", 405);
        check("DELETE /", "", 405);
        check("GET /", "Host: evil.example\r\n", 421);
        check("GET /", "Host: 127.0.0.1.evil.example\r\n", 421);
        check("GET /", "Host: localhost:8080\r\n", 200);
        check("GET /", "Host: [::1]:80\r\n", 200);
    });
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    on_each(|spot| {
        let mut served = Served::of(spot, 3);
        let (_, head, _) = served.ask("GET /accounts", "");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
        let again = |served: &Served| served.ask("GET /accounts", &format!("If-None-Match: W/{}\r\n", &tag[2..])).0;
        assert_eq!(again(&served), 304);
        let expected = manifests::fleet::Fleet::default();
        let view = View {
            expected: Some(&expected),
            suspended: &Default::default(),
            patience: Patience::default(),
            now: clock(),
        };
        served.store.page(&view).unwrap();
        assert_eq!(again(&served), 200, "who is expected is another list");
        served.store.keep(&[&account(7).to_string()], at(2)).unwrap();
        assert_eq!(again(&served), 200);
    });
}

#[test]
fn a_page_is_told_that_there_is_something_new() {
    on_each(|spot| {
        let served = Served::of(spot, 1);
        let mut stream = TcpStream::connect(served.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let (mut heard, mut bytes) = (String::new(), [0; 1_024]);
        while !heard.contains("data: new") {
            // Whatever was told before somebody listened is on the page already.
            served.tell.send_replace(Health { newest: 1, ..Health::default() });
            let read = stream.read(&mut bytes).unwrap();
            heard.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        }
        assert!(heard.to_ascii_lowercase().contains("text/event-stream"), "{heard}");
    });
}

#[test]
fn whoever_has_no_token_sees_nothing_where_one_is_asked_for() {
    on_each(|spot| {
        let (folder, (token, line)) = (tempfile::tempdir().unwrap(), guard::tokens::made("ada").unwrap());
        let file = folder.path().join("tokens");
        std::fs::write(&file, line).unwrap();
        let guard = Guard::open(Some(guard::tokens::Tokens::read(&file).unwrap()), None, None).unwrap();
        let served = Served::with(spot, 3, guard);
        for (n, path) in
            ALL.into_iter().chain(["/metrics", "/live", "/style.css", "/openapi.json", "/nowhere"]).enumerate()
        {
            let (status, head, body) = served.ask(&format!("GET {path}"), "");
            assert_eq!((status, body.contains("1000000")), (401, false), "{path}");
            assert!(head.contains("www-authenticate: basic realm"), "{head}");
            let (status, head, _) = served.ask(&format!("GET {path}"), "Authorization: Bearer hf_0\r\n");
            let expect = if n < 10 { (401, false) } else { (429, true) };
            assert_eq!((status, head.contains("retry-after: 6")), expect, "{path}");
        }
        let own = format!("Host: hub.example.com\r\nAuthorization: Bearer {token}\r\n");
        assert_eq!(served.ask("GET /accounts", &own).0, 200);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// A panic would end the hub: there is none, whatever somebody asks for.
    #[test]
    fn whatever_is_asked_for_there_is_an_answer(
        place in prop_oneof![Just(""), Just("accounts"), Just("stacks"), Just("commits"), Just("controls"), Just("events"), Just("search")],
        rest in "(/\\PC{0,12}){0,3}(\\.json|\\.csv|)",
        query in "(&?(state|ring|after|what|q|fresh|account|format)=(\\PC{0,8}|[0-9.,-]{0,24}|%[0-9a-f]{0,3})){0,4}",
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path().join("hub.sqlite"), Access::Write(None)).unwrap();
        fill(&mut store, 2);
        let asked = Asked::of(&format!("/{place}{rest}"), &query);
        let moment = Moment { patience: Patience::default(), now: clock() };
        if let Some(shown) = shown::shown(&store, &asked, moment).unwrap() {
            let (title, body) = pages::page(&shown, &asked, moment.now);
            let looker = html::Looker { name: "ada", role: &Role::Reader, is_asked: true, exit: None };
            let senders = store.senders().unwrap();
            let frame = Frame { health: &Health::default(), senders, now: moment.now, asked: &asked, looker };
            let page = html::page(&frame, &title, &body).into_string();
            prop_assert!(page.ends_with("</html>"));
            prop_assert!(serde_json::from_str::<Value>(&data::document(&shown, (None, senders), moment.now)).is_ok());
            if let Some(columns) = data::columns(&shown) {
                data::lines(&shown, columns);
            }
        }
    }
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let refused = runtime.block_on(listen(address.parse().unwrap(), false)).unwrap_err();
        assert!(matches!(refused, WebError::Open(_)), "{refused}");
    }
}

#[test]
fn a_first_page_is_light_and_no_page_reads_a_whole_table() {
    on_each(|spot| {
        let served = Served::of(spot, 600);
        let page = served.get("/");
        let weight = page.len() + include_str!("style.css").len() + include_str!("live.js").len();
        assert!(weight <= 40_000, "{weight} bytes");
        let moment = Moment { patience: Patience::default(), now: clock() };
        let scans = plans(&served.store, 31, |store| {
            for path in ALL {
                let (path, query) = path.split_once('?').unwrap_or((path, ""));
                shown::shown(store, &Asked::of(path, query), moment).unwrap().unwrap();
            }
            for query in [
                "ring=a",
                "commit=b",
                "agent=c",
                "unexpected=1",
                "unproven=1",
                "fresh=late",
                "sort=seen",
                "sort=-seen",
                "sort=account",
                "sort=-account",
                "sort=account&state=failed&after=8.5.1",
                "q=1",
                "q=1000",
                "after=5.1.1",
            ] {
                for path in
                    ["/accounts", "/search", "/drift", "/events", "/exceptions", "/stacks/alerts", "/controls/CIS-3.1"]
                {
                    shown::shown(store, &Asked::of(path, query), moment).unwrap();
                }
            }
        });
        assert!(scans.is_empty(), "{scans:#?}");
    });
}
