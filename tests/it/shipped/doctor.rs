//! `holdfast doctor`: everything that an agent needs, looked at without changing anything.

use crate::site::{ACCOUNT, Site};
use manifests::report::State;
use serde_json::Value;
use sim::fault::Fault;

fn checks(site: &Site, arguments: &[&str], code: i32) -> Vec<Value> {
    let ran = site.run(&[&["doctor", "-o", "json"], arguments].concat());
    assert_eq!(ran.code, Some(code), "{ran:#?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[track_caller]
fn of<'c>(checks: &'c [Value], name: &str) -> (&'c str, &'c str, &'c str) {
    let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{checks:#?}"));
    let text = |field: &str| check[field].as_str().unwrap_or_default();
    (text("verdict"), text("finding"), text("fix"))
}

#[test]
fn all_is_well_in_an_account_that_is_ready_and_nothing_is_changed() {
    let site = Site::of(&[("stack", "")]);
    site.operator().guardrails("{}");
    site.once().expect(State::InSync, 0);
    let (before, memory) = (site.inventory(), site.operator().parameter("/holdfast/memory"));
    let (found, calls) = site.costs(|| checks(&site, &["--account", ACCOUNT], 0));
    assert_eq!((site.inventory(), site.operator().parameter("/holdfast/memory")), (before, memory));
    for name in ["configuration", "identity", "clock", "memory", "guardrails", "orders", "lease", "repository", "cache"]
    {
        assert_eq!(of(&found, name).0, "good", "{found:#?}");
    }
    assert!(of(&found, "permissions").1.contains("lets in all 10 calls"), "{found:#?}");
    assert_eq!(of(&found, "topic"), ("warning", "reports go nowhere", "`--topic ARN` names the hub's topic"));
    assert!(!calls.keys().any(|call| call.contains("PutParameter") || call.contains("Publish")), "{calls:?}");
    let ran = site.run(&["doctor"]);
    assert!(ran.stdout.contains("✓ repository      at ") && ran.stdout.contains("0 bad, 3 warnings"), "{}", ran.stdout);
}

#[test]
fn a_permission_that_is_missing_is_named_with_what_to_do() {
    let site = Site::of(&[("stack", "")]);
    site.fault("cloudformation:ExecuteChangeSet", None, Fault::Denied);
    let found = checks(&site, &[], 77);
    let (verdict, finding, fix) = of(&found, "permissions");
    assert!(
        verdict == "bad" && finding.starts_with("eu-central-1: cloudformation:ExecuteChangeSet was denied"),
        "{finding}"
    );
    assert!(fix.contains("the permission `cloudformation:ExecuteChangeSet`"), "{fix}");
    site.calm();
    site.fault("cloudformation:DescribeStacks", None, Fault::Denied);
    assert!(of(&checks(&site, &[], 77), "permissions").1.contains("cloudformation:DescribeStacks was denied"));
}

#[test]
fn what_stands_on_something_that_is_not_well_is_not_called_good() {
    let site = Site::of(&[("stack", "")]);
    site.fault("*", None, Fault::ExpiredToken);
    let found = checks(&site, &[], 77);
    assert_eq!(
        (of(&found, "identity").0, of(&found, "memory").0, of(&found, "permissions").0),
        ("bad", "bad", "not-checked")
    );
    site.calm();
    let found = checks(&site, &["--account", "222222222222"], 77);
    assert!(of(&found, "identity").1.contains("and `--account` says 222222222222"), "{found:#?}");
}

#[test]
fn what_the_account_keeps_is_told_with_its_slips() {
    let site = Site::of(&[("stack", "")]);
    assert_eq!(of(&checks(&site, &[], 0), "guardrails").0, "warning");
    site.operator().guardrails("{limit: {}}");
    site.operator().put("/holdfast/hold", "String", "nonsense");
    let found = checks(&site, &[], 3);
    let (verdict, finding, _) = of(&found, "guardrails");
    assert!(verdict == "bad" && finding.contains("unknown field `limit`"), "{finding}");
    assert!(of(&found, "orders").1.contains("`/holdfast/hold` can't be understood"), "{found:#?}");
}

#[test]
fn a_repository_that_is_gone_or_has_a_slip_is_told() {
    let site = Site::of(&[("stack", "")]);
    site.repository
        .write("slip.yaml", "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {name: slip}\nspec: {tmplate: x}\n");
    site.repository.commit();
    let found = checks(&site, &[], 1);
    assert!(of(&found, "repository").1.contains("2 problems, the first: slip.yaml:4:7"), "{found:#?}");
    let found = checks(&site, &["--repository", "/nowhere"], 75);
    assert_eq!(of(&found, "repository").0, "bad");
}

#[test]
fn a_cache_and_a_bucket_that_cannot_be_used_are_told() {
    let site = Site::of(&[("stack", "")]);
    std::fs::write(site.file("taken"), "").unwrap();
    let taken = site.file("taken");
    let found = checks(&site, &["--cache", taken.to_str().unwrap(), "--artifact-bucket", "nobodys"], 78);
    assert!(of(&found, "cache").1.contains("can't be written"), "{found:#?}");
    let (verdict, _, fix) = of(&found, "artifact bucket");
    assert!(verdict == "bad" && fix.contains("a bucket `nobodys` in this account"), "{found:#?}");
}
