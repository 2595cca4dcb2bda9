//! What people look at: status, tree, history, events.

use crate::site::{Site, parameter};
use manifests::report::State;
use serde_json::Value;
use sim::store::Work;

fn json(site: &Site, arguments: &[&str]) -> Value {
    let ran = site.run(&[arguments, &["-o", "json"]].concat());
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
}

#[test]
fn history_tells_what_was_done_by_whom_for_which_commit_and_why_it_did_not_work() {
    let site = Site::of(&[("stack", "")]);
    let commit = site.once().expect(State::InSync, 0).report.source.applied.unwrap();
    let commit = commit.rsplit(':').next().unwrap();
    site.plant("stack", "Parameter", Work::Update, Some(1));
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    site.once().expect(State::Failed, 1);
    site.operator().update("stack", &parameter("stack", "by-hand"));
    let all = json(&site, &["history", "stack"]);
    let told = |at: usize, field: &str| all[at][field].clone();
    assert_eq!(all.as_array().unwrap().len(), 3, "{all:#}");
    assert_eq!((told(0, "verb"), told(0, "outcome")), ("update".into(), "done".into()));
    assert!(told(0, "by")["other"].is_null() && told(0, "by").get("commit").is_none(), "{all:#}");
    assert_eq!((told(1, "verb"), told(1, "outcome")), ("update".into(), "undone".into()));
    assert!(told(1, "why").as_str().unwrap().ends_with("Parameter (AWS::SSM::Parameter): no Parameter today"));
    assert_eq!((told(2, "verb"), told(2, "by")["commit"].as_str()), ("create".into(), Some(commit)));
    let ran = site.run(&["history", "stack"]);
    assert!(ran.code == Some(0) && ran.stdout.contains(&format!("holdfast, for {}", &commit[..7])), "{ran:#?}");
    let ran = site.run(&["history", "nothing"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("there is no stack `nothing` in eu-central-1"), "{ran:#?}");
}

#[test]
fn events_tell_oldest_first_of_one_stack_or_of_all_and_of_failures_alone() {
    let site = Site::of(&[("stack", ""), ("other", "")]);
    site.plant("other", "Parameter", Work::Create, Some(1));
    site.once().expect(State::Failed, 1);
    let of = |event: &Value| event["stack"].as_str().unwrap().to_owned();
    let all = json(&site, &["events"]);
    let all = all.as_array().unwrap();
    assert!(all.is_sorted_by_key(|event| event["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap()));
    assert!(all.iter().any(|event| of(event) == "stack"), "{all:#?}");
    let told: Vec<&str> =
        all.iter().filter(|event| of(event) == "stack").map(|event| event["status"].as_str().unwrap()).collect();
    assert_eq!((told.first(), told.last()), (Some(&"REVIEW_IN_PROGRESS"), Some(&"CREATE_COMPLETE")), "{told:?}");
    let one = json(&site, &["events", "stack"]);
    assert!(one.as_array().unwrap().iter().all(|event| of(event) == "stack"));
    let failed = json(&site, &["events", "other", "--failed"]);
    let reasons: Vec<&str> = failed.as_array().unwrap().iter().filter_map(|event| event["reason"].as_str()).collect();
    assert!(reasons.contains(&"no Parameter today"), "{failed:#}");
    let ran = site.run(&["events", "stack", "--failed"]);
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), "nothing happened in that time"));
    let ran = site.run(&["events", "--since", "soon"]);
    assert!(ran.code == Some(64) && ran.stderr.contains("--since"), "{ran:#?}");
}

#[test]
fn the_tree_shows_what_builds_on_what_and_why_the_rest_waits() {
    let site =
        Site::of(&[("net", ""), ("dns", ""), ("app", "dependsOn: [net, dns, log]"), ("log", "dependsOn: [net]")]);
    site.plant("log", "Parameter", Work::Create, None);
    site.once().expect(State::Failed, 1);
    let ran = site.run(&["tree"]);
    let lines: Vec<&str> = ran.stdout.lines().skip(1).collect();
    assert!(lines[0].starts_with("├── dns eu-central-1  ✓ in sync"), "{}", ran.stdout);
    assert!(lines[1].starts_with("└── net eu-central-1  ✓ in sync"), "{}", ran.stdout);
    assert!(lines[2].starts_with("    └── log eu-central-1  ✗ failed: "), "{}", ran.stdout);
    let app =
        "        └── app eu-central-1  • pending (and on dns): waits for eu-central-1/log to be in sync (now: failed)";
    assert_eq!((lines[3], lines.len(), ran.code), (app, 4, Some(1)));
    let all = json(&site, &["tree"]);
    let app = all.as_array().unwrap().iter().find(|row| row["stack"] == "app").unwrap();
    assert_eq!(app["needs"], serde_json::json!(["eu-central-1/dns", "eu-central-1/log", "eu-central-1/net"]));
}

#[test]
fn status_lists_what_people_said_and_no_more_in_sync_than_fit_on_a_screen() {
    let names: Vec<String> = (0..35).map(|number| format!("stack-{number:02}")).collect();
    let manifests: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let site = Site::of(&manifests);
    site.once().expect(State::InSync, 0);
    assert_eq!(site.run(&["hold", "stack-03", "--for", "4h", "--reason", "incident 42"]).code, Some(0));
    let ran = site.run(&["status"]);
    assert!(ran.stdout.contains("• on hold: stack-03: incident 42 ("), "{}", ran.stdout);
    assert!(ran.stdout.contains("… and 5 more in sync (`--all` lists them)"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("  in sync").count(), 30, "{}", ran.stdout);
    let ran = site.run(&["status", "--all"]);
    assert_eq!(ran.stdout.matches("  in sync").count(), 35, "{}", ran.stdout);
}
