//! `holdfast bootstrap` and `holdfast uninstall`: the agent's own stack, from the template that the program carries.

use crate::{
    binary::{Ran, holdfast},
    site::Site,
    world::HOME,
};
use manifests::{id::Digest, report::State};
use serde_json::Value;
use sim::store::Work;

const TOPIC: &str = "arn:aws:sns:eu-central-1:111111111111:holdfast-reports";
const CODE: &str = "the agent's code";

/// A site with a bucket that has the code, and a topic.
fn site() -> Site {
    site_of(&[("stack", "")])
}

/// The same, with these manifests.
pub(super) fn site_of(manifests: &[(&str, &str)]) -> Site {
    let site = Site::of(manifests);
    let made = "Resources:
  Code: {Type: AWS::S3::Bucket, Properties: {BucketName: code}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: holdfast-reports}}\n";
    site.operator().create("before", made);
    crate::binary::until("the bucket", || site.operator().status("before").as_deref() == Some("CREATE_COMPLETE"));
    let credential = site.operator().credential("s3");
    let put = crate::wire::request("PUT", &site.url(), "/code/agent.zip", &[("Authorization", &credential)], CODE);
    assert_eq!(put.unwrap().status, 200);
    site
}

/// The command with everything that has to be said, and more.
pub(super) fn bootstrap(site: &Site, more: &[&str]) -> Ran {
    let digest = Digest::of(CODE.as_bytes()).to_string();
    let mut said = vec!["bootstrap", "--code", "s3://code/agent.zip"];
    for (flag, value) in [("--topic", TOPIC), ("--sha256", &digest)] {
        if !more.contains(&flag) {
            said.extend([flag, value]);
        }
    }
    let unwaited = ["--parameter", "WaitForFirstTurn=no"];
    // The template takes an address; what is looked at here is a folder.
    site.run(&[&said[..], &unwaited, more].concat())
}

fn of<'c>(checks: &'c Value, name: &str) -> (&'c str, &'c str) {
    let check = checks.as_array().unwrap().iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name}: {checks:#}"));
    (check["verdict"].as_str().unwrap(), check["finding"].as_str().unwrap())
}

#[test]
fn it_prints_the_template_that_it_carries_and_what_is_still_to_be_said() {
    let site = site();
    let ran = bootstrap(&site, &[]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let carried = include_str!("../../../packaging/cloudformation/agent.yaml");
    assert_eq!(ran.stdout.trim_end(), carried.trim_end());
    assert!(ran.stderr.contains("--parameter-overrides") && ran.stderr.contains("CodeKey=agent.zip"), "{}", ran.stderr);
    let ran = Ran::of(holdfast(site.home(), &["bootstrap", "-o", "json"]).env("AWS_REGION", HOME));
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed["template"].as_str().map(str::trim_end), Some(carried.trim_end()));
    let missing = printed["missing"].to_string();
    for name in ["RepositoryUrl", "HubTopicArn", "CodeBucket", "CodeKey", "CodeSha256"] {
        assert!(missing.contains(name), "{name}: {missing}");
    }
}

#[test]
fn it_looks_first_and_changes_nothing_where_something_is_missing() {
    let site = site();
    let look = |more: &[&str], code: i32| {
        let ran = bootstrap(&site, &[&["--check", "-o", "json"], more].concat());
        assert_eq!(ran.code, Some(code), "{ran:#?}");
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let all = look(&[], 0);
    for name in ["clock", "stack", "parameters", "room", "permissions", "code", "repository"] {
        assert_eq!(of(&all, name).0, "good", "{all:#}");
    }
    assert_eq!(of(&all, "topic").0, "not-checked");
    let wrong = look(&["--sha256", &"0".repeat(64)], 1);
    assert!(of(&wrong, "code").1.contains("was expected"), "{wrong:#}");
    let wrong = look(&["--topic", "arn:aws:sns:eu-central-1:111111111111:another"], 1);
    assert_eq!(of(&wrong, "topic").0, "bad", "{wrong:#}");
    let wrong = look(&["--parameter", "Colour=red"], 78);
    assert!(of(&wrong, "parameters").1.contains("no parameter `Colour`"), "{wrong:#}");
    let wrong = look(&["--account", "222222222222"], 77);
    assert_eq!((of(&wrong, "identity").0, of(&wrong, "code").0), ("bad", "not-checked"));
    assert_eq!(bootstrap(&site, &["--deploy", "--parameter", "Colour=red"]).code, Some(78));
    assert_eq!(site.operator().status("holdfast-agent"), None);
}

#[test]
fn it_makes_the_stack_changes_it_and_takes_it_away_and_managed_stacks_stay() {
    let site = site();
    let ran = bootstrap(&site, &["--deploy"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    for words in ["CREATE_COMPLETE Agent (AWS::Lambda::Function)", "`holdfast-agent` is as asked"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert_eq!(site.operator().status("holdfast-agent").as_deref(), Some("CREATE_COMPLETE"));
    assert!(site.operator().parameter("/holdfast/config").unwrap().contains(TOPIC));
    let ran = bootstrap(&site, &["--deploy"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("as asked already"), "{ran:#?}");

    // What is not said again stays as it was; what would be replaced is held until somebody says that it may.
    let ran = bootstrap(&site, &["--deploy", "--parameter", "MemorySize=512"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let ran = site.run(&["bootstrap", "--deploy", "--parameter", "Prefix=another"]);
    assert!(ran.code == Some(3) && ran.stdout.contains("would be replaced"), "{ran:#?}");
    assert_eq!(site.operator().status("holdfast-agent").as_deref(), Some("UPDATE_COMPLETE"));

    // The agent of this site finds what the template put there, and leaves its own stack alone.
    site.operator().guardrails("{}");
    site.once().expect(State::InSync, 0);
    let ran = site.run(&["uninstall"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stdout.contains(&format!("{HOME}/stack: stays")) && ran.stdout.contains("`--yes` does it"), "{ran:#?}");
    let ran = site.run(&["uninstall", "--yes"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(site.operator().status("holdfast-agent"), None);
    assert_eq!(site.operator().status("stack").as_deref(), Some("CREATE_COMPLETE"));
    assert_eq!(site.run(&["uninstall"]).code, Some(1), "there is none any more");
}

#[test]
fn a_creation_that_fails_says_why_and_is_in_the_way_until_it_is_deleted() {
    let site = site();
    site.plant("holdfast-agent", "Agent", Work::Create, Some(1));
    let ran = bootstrap(&site, &["--deploy"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains("Agent (AWS::Lambda::Function): no Agent today"), "{ran:#?}");
    let ran = bootstrap(&site, &["--deploy"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stdout.contains("ROLLBACK_COMPLETE; ends when it is deleted"), "{ran:#?}");
}
