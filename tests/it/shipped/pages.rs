//! The hub's pages as they ship, in a real browser: what is clicked, what moves by itself, and what is left without script.

use super::hub::{hub, place, reports, sends};
use crate::{
    binary::{Ran, Running, until},
    browser::Browser,
    site::Site,
    wire::request,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Stdio},
};

/// A hub with its pages, which ends with the test.
struct Pages {
    hub: Child,
    address: String,
}

impl Pages {
    fn of(site: &Site) -> Self {
        let mut hub = hub(site, &["run", "--listen", "127.0.0.1:0", "--late", "3000d", "--silent", "3000d"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(hub.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        let address =
            line.split_once("pages at ").unwrap_or_else(|| panic!("{line}")).1.trim_end_matches('/').to_owned();
        Self { hub, address }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.hub.kill();
        let _ = self.hub.wait();
    }
}

/// An account that is not well.
fn fails(site: &Site, account: usize, sequence: u64, state: &str) {
    let id = format!("{:012}", 100_000_000_000 + account);
    let stack = |name: &str, state: &str| {
        json!({
            "manifest": name, "region": "eu-central-1", "stack": name, "state": state, "provides": ["CIS-3.1"],
            "why": (state != "in-sync").then(|| format!("{name} says {state}")),
        })
    };
    let event = json!({
        "specversion": "1.0", "id": format!("a-{sequence}"), "source": format!("/holdfast/{id}"), "type": "holdfast.report.v1",
        "subject": id, "time": "2026-05-01T12:00:00Z", "datacontenttype": "application/json",
        "data": {
            "account": id, "accountName": format!("shop-{account}"), "epoch": "a", "sequence": sequence, "state": state,
            "agent": {"version": "0.1.0", "region": "eu-central-1"},
            "source": {"repository": "https://git.example/fleet", "branch": "main", "signature": "good", "signer": "ada",
                "attempted": format!("main@sha1:{}", "9d1e77b".repeat(6).split_at(40).0)},
            "stacks": [stack("audit-log", "in-sync"), stack("alerts", state)],
        },
    });
    sends(site, &event.to_string());
}

/// Where pictures are kept, to be looked at.
fn pictures() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("pictures")
}

#[test]
fn a_person_finds_what_is_wrong_and_sees_it_mended_without_a_click() {
    let Some(browser) = Browser::open() else { return };
    let site = place();
    (1..=12).for_each(|account| reports(&site, account, 1));
    fails(&site, 20, 1, "failed");
    fails(&site, 21, 1, "needs-a-person");
    let pages = Pages::of(&site);
    let read = || browser.ask("return document.body.innerText").as_str().unwrap_or_default().to_owned();
    browser.size(1280, 1000);
    until("all reports to be read", || {
        browser.go(&pages.at("/accounts.json"));
        read().matches("\"account\"").count() == 14
    });
    browser.go(&pages.at("/"));
    assert!(browser.title().ends_with("stacks in sync · Holdfast"), "{}", browser.title());
    // What stands worst comes first, and everything leads to it.
    assert!(browser.text("section table tbody tr").contains("needs a person"), "{}", read());
    browser.picture(&pictures().join("overview-light.png"));
    browser.click("1 failed");
    assert!(browser.url().ends_with("/accounts?state=failed"), "{}", browser.url());
    assert_eq!(browser.ask("return document.querySelectorAll('main tbody tr').length"), 1);
    browser.click("100000000020");
    assert!(browser.text("h1").contains("shop-20"), "{}", read());
    assert!(read().contains("alerts says failed"), "{}", read());
    browser.picture(&pictures().join("account-light.png"));
    browser.click("alerts");
    assert!(browser.text("h1").contains("Stack alerts") && read().contains("shop-21"), "{}", read());
    browser.click("Commits");
    browser.click("9d1e77b");
    assert!(read().contains("signed by ada"), "{}", read());
    for page in ["Accounts", "Stacks", "Drift", "Controls", "Exceptions", "Events", "Quarantine", "Overview"] {
        browser.click(page);
        assert!(!browser.text("h1").is_empty(), "{page}");
    }
    // The keyboard: `/` leads to the search.
    browser.press("/shop-2\u{e007}");
    until("the search", || browser.url().contains("/search?q=shop-2"));
    assert!(read().contains("100000000021"), "{}", read());

    // An account mends itself, and the page says so by itself.
    browser.go(&pages.at("/accounts/100000000020"));
    until("the page to listen", || browser.text("#live") == "live: on");
    fails(&site, 20, 2, "in-sync");
    until("the page to change", || browser.text("h1").contains("in sync"));
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // Dark, narrow, and without any script.
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    browser.devtools("Emulation.setEmulatedMedia", &dark);
    browser.go(&pages.at("/"));
    let ground = browser.ask("return getComputedStyle(document.body).backgroundColor");
    assert_eq!(ground, "rgb(21, 23, 26)");
    browser.picture(&pictures().join("overview-dark.png"));
    browser.devtools("Emulation.setEmulatedMedia", &json!({"features": []}));
    browser.size(500, 1400);
    browser.go(&pages.at("/"));
    let over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.ask(over), Value::from(0), "nothing sticks out");
    browser.picture(&pictures().join("overview-narrow.png"));
    browser.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.go(&pages.at("/"));
    browser.click("1 needs a person");
    assert!(browser.text("main tbody tr").contains("shop-21"));
    browser.click("100000000021");
    assert!(browser.text("h1").contains("shop-21"));
}

#[test]
fn where_others_can_reach_them_pages_are_for_those_who_show_a_token() {
    let site = place();
    let open = Ran::of(&mut hub(&site, &["run", "--listen", "0.0.0.0:0"]));
    assert_eq!((open.code, open.stderr.contains("nobody said who may look")), (Some(2), true), "{open:#?}");
    let made = Ran::of(&mut hub(&site, &["token", "ada"])).stdout;
    let last = |n: usize| made.lines().nth(n).unwrap().rsplit(": ").next().unwrap().trim().to_owned();
    let (token, line) = (last(0), last(1));
    std::fs::write(site.file("tokens"), line).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut hub = hub(&site, &["run", "--listen", &format!("0.0.0.0:{port}"), "--tokens", "tokens"]);
    let running = Running::start(hub.env("HOLDFAST_LOG", "hub=info"));
    let ask = |token: &str| {
        let shown = format!("Bearer {token}");
        request("GET", &format!("http://127.0.0.1:{port}"), "/accounts", &[("Authorization", &shown)], "")
    };
    until("the pages", || ask("").is_ok());
    assert_eq!((ask("hf_0").unwrap().status, ask(&token).unwrap().status), (401, 200));
    let log = running.terminate().stderr;
    assert!(log.contains("looked who=\"ada\" uri=/accounts") && !log.contains(&token), "{log}");
}
