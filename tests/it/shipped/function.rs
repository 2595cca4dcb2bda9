//! The agent's own update where it is one of two Lambda functions, with real processes: releases that are good, broken, hanging,
//! lying, mislabelled or no zip at all. Whatever is on trial, each event leads to a turn.
//!
//! A release is a zip whose `bootstrap` starts the shipped program, or does not. All of them have this build's version, so the
//! fleet file says `downgrade: true`.

mod allowed;
mod platform;

use crate::binary::Ran;
use manifests::id::Digest;
use platform::{AGENT, NEXT, Pair, VERSION, good, lock, script, zipped};
use serde_json::{Value, json};
use std::{ffi::OsString, process::Command, sync::Arc, time::Duration};

#[test]
fn a_good_release_is_tried_proves_itself_and_takes_the_place_of_the_one_before_it() {
    let pair = Pair::new();
    assert_eq!(pair.turn()["state"], "in-sync");
    let first = pair.code(AGENT);
    let second = pair.release("second", &good("second"));
    pair.ask(VERSION, "second", second);
    let report = pair.turn();
    assert_eq!(report["agent"]["update"]["phase"], "waiting", "{report}");
    assert_eq!((pair.code(AGENT), pair.code(NEXT)), (first, second), "{}", pair.logs());
    // The version that is gone back to shows first what it can do.
    pair.turn();
    assert_eq!(pair.platform.ran(NEXT, second), 0);
    pair.heals();
    assert_eq!((pair.platform.ran(NEXT, second), pair.code(AGENT)), (1, first), "{}\n{}", pair.state(), pair.logs());
    let report = pair.turn();
    assert_eq!(report["agent"]["update"]["phase"], "trial", "{report}");
    assert_eq!((pair.platform.ran(NEXT, second), pair.code(AGENT)), (2, second), "{}\n{}", pair.state(), pair.logs());
    let report = pair.turn();
    let told = report["happened"].to_string();
    assert!(told.contains("proved itself and stays"), "{report}");
    assert_eq!((pair.platform.ran(NEXT, second), pair.platform.ran(AGENT, second)), (2, 1));
    assert_eq!(pair.turn()["agent"]["update"], Value::Null);
    pair.heals();
}

#[test]
fn where_nothing_is_asked_a_turn_costs_what_it_cost_without_another_function() {
    let pair = Pair::new();
    pair.turn();
    pair.turn();
    let (_, with) = pair.site.costs(|| pair.turn());
    lock(&pair.platform.set).get_mut(AGENT).unwrap().remove(&OsString::from("HOLDFAST_NEXT"));
    lock(&pair.platform.environments).clear();
    pair.turn();
    pair.turn();
    let (_, without) = pair.site.costs(|| pair.turn());
    assert_eq!(with, without);
}

#[test]
fn once_a_version_is_here_a_turn_costs_what_it_cost_before() {
    let pair = Pair::new();
    pair.turn();
    pair.turn();
    let (_, before) = pair.site.costs(|| pair.turn());
    let second = pair.release("second", &good("second"));
    pair.ask(VERSION, "second", second);
    pair.turns("the second to be kept", |report| report["agent"]["update"].is_null() && pair.code(AGENT) == second);
    pair.turn();
    let (_, after) = pair.site.costs(|| pair.turn());
    assert_eq!(before, after);
}

#[test]
fn a_release_that_ends_at_once_is_given_up_and_every_event_is_a_turn() {
    Pair::new().falls(
        "0.2.0",
        "ends",
        &script("exit 7"),
        "was started 3 times and did not prove itself (the last time: it failed with Runtime.ExitError",
    );
}

#[test]
fn a_release_that_hangs_is_given_up_and_every_event_is_a_turn() {
    let pair = Pair::new();
    lock(&pair.platform.patience).insert(NEXT.into(), Duration::from_secs(1));
    pair.falls(
        "0.2.0",
        "hangs",
        &script("exec sleep 600"),
        "(the last time: it failed: 1 Task timed out after 1.00 seconds)",
    );
}

#[test]
fn a_release_that_cannot_be_started_is_given_up_and_every_event_is_a_turn() {
    Pair::new().falls("0.2.0", "odd", &zipped("\u{7f}ELF, and no more"), "was started 3 times");
}

/// Asks for an event, says that it made a turn of it, and made none.
const LIAR: &str = r#"#!/usr/bin/env python3
import os, urllib.request
at = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    id = urllib.request.urlopen(at + "next").headers["Lambda-Runtime-Aws-Request-Id"]
    urllib.request.urlopen(at + id + "/response", data=b'{"turn": "made", "report": {"state": "in-sync"}}')
"#;

#[test]
fn a_release_that_only_says_that_it_made_a_turn_is_given_up_and_every_event_is_a_turn() {
    Pair::new().falls("0.2.0", "lies", &zipped(LIAR), "there is no turn of which it told");
}

#[test]
fn a_release_that_is_another_version_than_its_name_says_is_given_up() {
    let pair = Pair::new();
    let release = pair.release("mislabelled", &good("mislabelled"));
    pair.ask("0.9.0", "mislabelled", release);
    let report = pair.turns("the release to be given up", |report| report["agent"]["update"]["phase"] == "fell-back");
    assert!(report["agent"]["update"]["why"].as_str().unwrap().contains("takes itself for version"), "{report}");
    assert_eq!(pair.platform.ran(NEXT, release), 1);
    pair.heals();
}

#[test]
fn what_is_not_what_the_commit_names_or_no_zip_never_gets_into_a_function() {
    let pair = Pair::new();
    let first = pair.code(AGENT);
    let told = |name: &str, sha256: Digest, why: &str| {
        pair.ask("0.2.0", name, sha256);
        let report = pair.turns("the reason", |report| report["agent"]["update"]["why"].to_string().contains(why));
        assert_eq!(report["agent"]["update"]["phase"], "waiting");
        assert_eq!((pair.code(AGENT), pair.code(NEXT)), (first, first));
        pair.heals();
    };
    pair.release("swapped", &script("exit 1"));
    told("swapped", Digest::of(b"what was meant"), "what is there is not what the commit names");
    let text = b"#!/bin/sh\nexit 1\n";
    pair.release("text", text);
    told("text", Digest::of(text), "lambda:UpdateFunctionCode");
    told("nowhere", Digest::of(b"nowhere"), "s3:GetObject");
}

#[test]
fn a_ring_whose_turn_is_later_and_a_hold_keep_a_release_out() {
    let pair = Pair::new();
    let first = pair.code(NEXT);
    let second = pair.release("second", &good("second"));
    pair.ask_in(VERSION, "second", second, "{name: late, after: 1h}");
    pair.turns("its ring", |report| {
        report["agent"]["update"]["why"].to_string().contains("waits for its ring, `late`")
    });
    assert_eq!(pair.code(NEXT), first);
    let held = pair.site.run(&["hold", "--reason", "holiday", "--for", "1h"]);
    assert_eq!(held.code, Some(0), "{held:?}");
    pair.ask(VERSION, "second", second);
    pair.turns("the hold", |report| report["agent"]["update"]["why"].to_string().contains("holiday"));
    assert_eq!(pair.code(NEXT), first);
    assert_eq!(pair.site.run(&["release"]).code, Some(0));
    pair.turns("the second to be kept", |_| pair.code(AGENT) == second);
}

#[test]
fn what_was_given_up_is_tried_again_when_a_person_says_so() {
    let pair = Pair::new();
    let sha256 = pair.release("ends", &script("exit 7"));
    pair.ask("0.2.0", "ends", sha256);
    pair.turns("the release to be given up", |report| report["agent"]["update"]["phase"] == "fell-back");
    let ran = pair.platform.ran(NEXT, sha256);
    let mut again = pair.site.agent(&["update", "--again"]);
    let said = Ran::of(again.env("HOLDFAST_UPDATE_FOLDER", pair.site.file("nothing")));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("is told to try version 0.2.0 once more"), "{said:?}");
    pair.turns("the release to be given up again", |_| pair.platform.ran(NEXT, sha256) == ran + 3);
    pair.turn();
    assert_eq!(pair.turn()["agent"]["update"]["phase"], "fell-back");
    assert_eq!(pair.platform.ran(NEXT, sha256), ran + 3, "and once is once");
}

#[test]
fn a_stack_that_was_deployed_with_another_code_has_that_one_and_goes_on_from_there() {
    let pair = Pair::new();
    let second = pair.release("second", &good("second"));
    pair.ask(VERSION, "second", second);
    pair.turns("the second to be kept", |report| report["agent"]["update"].is_null() && pair.code(AGENT) == second);
    let third = good("third");
    pair.deploy(&third, &[]);
    pair.turn();
    assert_eq!(pair.state()["good"]["sha256"], Digest::of(&third).to_string(), "{}", pair.logs());
    pair.turns("the second to be kept again", |report| {
        report["agent"]["update"].is_null() && pair.code(AGENT) == second
    });
    // In the middle of a trial.
    let fourth = pair.on_trial("fourth");
    pair.deploy(&third, &[]);
    pair.turn();
    assert_eq!(
        (pair.state()["good"]["sha256"].clone(), pair.code(AGENT)),
        (Digest::of(&third).to_string().into(), Digest::of(&third))
    );
    pair.turns("the fourth to be kept", |_| pair.code(AGENT) == fourth);
}

#[test]
fn an_agent_that_dies_between_what_it_does_and_what_it_writes_down_goes_on_where_it_was() {
    let pair = Arc::new(Pair::new());
    let second = pair.release("second", &good("second"));
    pair.ask(VERSION, "second", second);
    let dies = |times: u64| {
        pair.site.stall("lambda:UpdateFunctionCode");
        let other = Arc::clone(&pair);
        let event = std::thread::spawn(move || {
            while other.site.called("lambda:UpdateFunctionCode") < times {
                drop(other.invoke(&json!({})));
            }
        });
        pair.site.reached("lambda:UpdateFunctionCode", times);
        let process = lock(&pair.platform.processes)[AGENT];
        assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
        event.join().unwrap();
        pair.site.flow();
    };
    dies(1);
    assert_eq!((pair.code(NEXT), pair.state()["fetched"].clone()), (second, Value::Null));
    pair.heals();
    assert_eq!(pair.site.called("lambda:UpdateFunctionCode"), 1, "what is there is not brought again");
    // And while it takes the place of the one before it.
    dies(2);
    assert_eq!(
        (pair.code(AGENT), pair.state()["trial"]["slot"]["sha256"].clone()),
        (second, second.to_string().into())
    );
    pair.heals();
    pair.turns("everybody to know", |report| report["agent"]["update"].is_null());
    assert_eq!(pair.state()["good"]["sha256"], second.to_string());
}

#[test]
fn a_version_on_trial_that_dies_at_work_leaves_no_lease_behind() {
    let pair = Pair::new();
    let sha256 = pair.release("ends", &script("exit 7"));
    pair.ask("0.2.0", "ends", sha256);
    pair.tries(sha256);
    let lease = |function: &str, version: u64| {
        let holder = json!({ "host": format!("host|boot|pid|{function} stream"), "process": 1, "began": "2026-01-01T00:00:00Z" });
        json!({ "holder": holder, "until": "2100-01-01T00:00:00Z", "over": version }).to_string()
    };
    let version = || {
        let (_, answer) = pair.site.operator().ssm("GetParameter", &json!({ "Name": "/holdfast/lease" }));
        answer["Parameter"]["Version"].as_u64().unwrap()
    };
    pair.site.operator().put("/holdfast/lease", "String", &lease(NEXT, version()));
    pair.heals();
    // Anybody else's is waited for, as ever.
    pair.site.operator().put("/holdfast/lease", "String", &lease("somebody", version()));
    let failed = pair.invoke(&json!({})).unwrap_err();
    assert!(failed["errorMessage"].as_str().unwrap().contains("another agent is at work"), "{failed}");
}

#[test]
fn what_cannot_take_its_place_now_goes_on_making_the_turns() {
    let pair = Pair::new();
    let first = pair.code(AGENT);
    let second = pair.on_trial("second");
    // The release is gone from where it was.
    pair.release("second", &script("exit 1"));
    pair.turn();
    pair.turn();
    pair.heals();
    let report = pair.turn();
    let why = report["agent"]["update"]["why"].as_str().unwrap();
    assert!(why.contains("proved itself and makes the turns") && why.contains("is not what the commit names"), "{why}");
    assert_eq!((pair.platform.ran(NEXT, second), pair.code(AGENT)), (4, first));
}

#[test]
fn what_nobody_can_reach_is_nothing_to_hold_against_a_release() {
    let pair = Pair::new();
    let second = pair.on_trial("second");
    let (there, away) = (pair.site.repository.folder().to_owned(), pair.site.file("away"));
    std::fs::rename(&there, &away).unwrap();
    for _ in 0..5 {
        drop(pair.invoke(&json!({})));
    }
    assert!(pair.platform.ran(NEXT, second) >= 4, "{}", pair.logs());
    assert_eq!(pair.state()["trial"]["starts"], 0, "{}", pair.state());
    std::fs::rename(&away, &there).unwrap();
    pair.turns("the second to be kept", |_| pair.code(AGENT) == second);
}

#[test]
fn what_proved_itself_and_breaks_before_it_can_take_its_place_is_given_up() {
    let pair = Pair::new();
    let first = pair.code(AGENT);
    pair.on_trial("second");
    pair.release("second", &script("exit 1"));
    pair.turn();
    pair.turn();
    lock(&pair.platform.patience).insert(NEXT.into(), Duration::ZERO);
    pair.heals();
    pair.heals();
    let report = pair.turn();
    let update = &report["agent"]["update"];
    assert_eq!(update["phase"], "fell-back", "{update}");
    assert!(update["why"].as_str().unwrap().starts_with("proved itself, and then failed"), "{update}");
    assert_eq!(pair.code(AGENT), first);
}

/// A stack that is deployed with an older code than the one that was here finds what that one wrote, and no copy from before.
#[test]
fn memory_of_a_newer_version_ends_no_function() {
    let pair = Pair::new();
    pair.turn();
    let memory = json!({ "what": "nobody knows" });
    let sha256 = Digest::of(memory.to_string().as_bytes()).to_string();
    let newer = json!({ "version": 2, "sha256": sha256, "memory": memory }).to_string();
    pair.site.operator().put("/holdfast/memory", "String", &newer);
    pair.heals();
}
