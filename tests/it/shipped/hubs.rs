//! Several hubs on one queue, and their store in PostgreSQL: whichever of them is killed, and whenever, every message is in the journal
//! once, and a journal goes from there to a file and back.

use super::hub::{called, hub, place, reports, sends};
use crate::{
    binary::{Ran, Running, until},
    site::Site,
};
use cluster::Cluster;
use serde_json::json;
use std::{
    fs::File,
    process::{Command, Stdio},
};

const ACCOUNTS: usize = 12;

fn with(site: &Site, store: &str, arguments: &[&str]) -> Command {
    let mut hub = hub(site, arguments);
    hub.env("HOLDFAST_HUB_STORE", store);
    hub
}

#[track_caller]
fn done(site: &Site, store: &str, arguments: &[&str]) -> Ran {
    let ran = Ran::of(&mut with(site, store, arguments));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran
}

#[test]
fn several_hubs_of_which_any_is_killed_keep_every_message_once() {
    let Some(cluster) = Cluster::shared() else { return };
    let (site, store) = (place(), cluster.database());
    let start = || Running::start(&mut with(&site, &store, &["run", "-o", "json"]));
    let mut hubs = [Some(start()), Some(start())];
    const ROUNDS: u64 = 8;
    for round in 1..=ROUNDS {
        (0..ACCOUNTS).for_each(|account| reports(&site, account, round));
        let call = if round % 2 == 0 { "sqs:ReceiveMessage" } else { "sqs:DeleteMessageBatch" };
        let before = called(&site, call);
        until("one of them to be at work", || called(&site, call) > before);
        let one = &mut hubs[round as usize % 2];
        drop(one.take().map(Running::kill));
        *one = Some(start());
    }
    sends(&site, "no report");
    let entries = || -> u64 { done(&site, &store, &["verify"]).stdout.split(' ').next().unwrap().parse().unwrap() };
    until("all of it to be kept", || entries() == ACCOUNTS as u64 * ROUNDS + 1);
    for running in hubs.into_iter().flatten() {
        let ran = running.terminate();
        assert_eq!(ran.code, Some(0), "{ran:#?}");
    }
    let picture = done(&site, &store, &["replay", "-o", "json"]).json();
    for account in picture["accounts"].as_array().unwrap() {
        assert_eq!((&account["report"], &account["missing"]), (&json!(format!("a-{ROUNDS}")), &json!([])));
    }
    let status = done(&site, &store, &["fleet", "status", "-o", "json"]).json();
    assert_eq!((&status["compliance"]["accounts"], &status["quarantine"]), (&json!(ACCOUNTS), &json!(1)), "{status:#}");

    // To a file, and to another database.
    let text = site.file("journal");
    std::fs::write(&text, done(&site, &store, &["export"]).stdout).unwrap();
    let noted = done(&site, &store, &["verify"]).stdout;
    for copy in [site.file("copy.sqlite").display().to_string(), cluster.database()] {
        let mut import = with(&site, &copy, &["import"]);
        let ran = Ran::of(import.stdin(Stdio::from(File::open(&text).unwrap())));
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert_eq!(done(&site, &copy, &["verify"]).stdout, noted);
        let again = done(&site, &copy, &["fleet", "accounts", "-o", "csv"]).stdout;
        assert_eq!(again, done(&site, &store, &["fleet", "accounts", "-o", "csv"]).stdout);
    }
}

#[test]
fn a_password_is_in_nothing_that_a_hub_says() {
    let site = place();
    let store = format!("postgres://hub:geheim@/fleet?host={}", site.file("nowhere").display());
    for arguments in
        [&["run", "--once"][..], &["verify"], &["fleet", "status"], &["run", "--help"], &["fleet", "--help"]]
    {
        let ran = Ran::of(with(&site, &store, arguments).env("HOLDFAST_LOG", "debug"));
        assert!(!ran.said().contains("geheim"), "{arguments:?}: {ran:#?}");
        let expect = if arguments.contains(&"--help") { 0 } else { 4 };
        assert_eq!(ran.code, Some(expect), "{arguments:?}: {ran:#?}");
    }
    let slip = Ran::of(&mut with(&site, "postgres://hub:geheim@h/fleet?sslmode=on", &["verify"]));
    assert_eq!((slip.code, slip.said().contains("geheim")), (Some(2), false), "{slip:#?}");
}
