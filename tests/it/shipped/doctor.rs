//! `holdfast doctor`: everything that an agent needs, looked at without changing anything.

use crate::site::{ACCOUNT, AWAY, Site};
use manifests::report::State;
use serde_json::{Value, json};
use sim::fault::Fault;
use std::{fs, path::Path, time::Duration};

/// Every call that it may make, the reading ones first. What changes something asks for what is not there.
const CALLS: [&str; 19] = [
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeEvents",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ListHookResults",
    "cloudwatch:DescribeAlarms",
    "s3:GetObject",
    "s3:ListObjectsV2",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "sts:GetCallerIdentity",
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:RollbackStack",
    "s3:PutObject",
    "ssm:PutParameter",
];

/// Everything in the account, the agent's own parameters with their versions, and every file of the machine's.
fn everything(site: &Site) -> (Value, Vec<String>) {
    let all = site.world(|world, account| world.read(account));
    let mut files = Vec::new();
    let mut folders = vec![site.home().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            files.push(path.display().to_string());
            folders.extend(path.is_dir().then_some(path));
        }
    }
    files.sort();
    (json!([all["stacks"], all["resources"]]), files)
}

/// Looks, and makes sure that nothing was changed, left behind, or asked that is not on the list.
#[track_caller]
fn checks(site: &Site, arguments: &[&str], code: i32) -> Vec<Value> {
    let before = everything(site);
    let (ran, calls) = site.costs(|| site.run(&[&["doctor", "-o", "json"], arguments].concat()));
    assert_eq!(ran.code, Some(code), "{ran:#?}");
    assert_eq!(everything(site), before);
    calls.keys().for_each(|call| assert!(CALLS.contains(&call.as_str()), "{call}"));
    let checks: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    for check in &checks {
        assert_eq!(check["verdict"] == "good", check["fix"].is_null(), "what is not good says what to do: {check}");
    }
    checks
}

#[track_caller]
fn of<'c>(checks: &'c [Value], name: &str) -> (&'c str, &'c str, &'c str) {
    with(checks, name, "")
}

/// The first check of this name whose finding holds these words.
#[track_caller]
fn with<'c>(checks: &'c [Value], name: &str, words: &str) -> (&'c str, &'c str, &'c str) {
    let fits = |check: &&Value| check["name"] == name && check["finding"].as_str().unwrap().contains(words);
    let check = checks.iter().find(fits).unwrap_or_else(|| panic!("no {name} with {words}: {checks:#?}"));
    let text = |field: &str| check[field].as_str().unwrap_or_default();
    (text("verdict"), text("finding"), text("fix"))
}

#[test]
fn all_is_well_in_an_account_that_is_ready_and_nothing_is_changed() {
    let site = Site::of(&[("stack", "")]);
    site.operator().guardrails("{stacks: {prefix: st}}");
    site.once().expect(State::InSync, 0);
    let topic = "arn:aws:sns:eu-central-1:999999999999:reports";
    let found = checks(&site, &["--account", ACCOUNT, "--topic", topic], 0);
    for name in [
        "configuration",
        "identity",
        "clock",
        "memory",
        "guardrails",
        "orders",
        "lease",
        "repository",
        "commit",
        "manifests",
        "cache",
    ] {
        assert_eq!(of(&found, name).0, "good", "{found:#?}");
    }
    let stacks = with(&found, "permissions", "cloudformation:DeleteStack").1;
    for call in CALLS.iter().filter(|call| call.starts_with("cloudformation:")) {
        assert!(stacks.contains(call), "no {call}: {stacks}");
    }
    assert!(stacks.contains("asked for stack `stholdfast-doctor-"), "a name as the account wants it: {stacks}");
    for parameter in ["`/holdfast/memory`", "`/holdfast/lease`"] {
        let finding = with(&found, "permissions", &format!("ssm:PutParameter; asked for {parameter}"));
        assert_eq!(finding.0, "good", "{finding:?}");
    }
    assert_eq!(site.called("sns:Publish"), 0);
    let (verdict, finding, _) = of(&found, "topic");
    assert!(verdict == "not-checked" && finding.contains("only known once one is sent"), "{finding}");
    let ran = site.run(&["doctor"]);
    for words in ["✓ repository      it answers", "! topic           reports go nowhere\n", "→ `--topic ARN`", "0 bad"]
    {
        assert!(ran.stdout.contains(words), "no {words}: {}", ran.stdout);
    }
}

#[test]
fn what_the_agent_writes_first_can_not_be_asked_about_before_it_is_there() {
    let site = Site::of(&[("stack", "")]);
    let found = checks(&site, &[], 0);
    assert_eq!(of(&found, "topic"), ("warning", "reports go nowhere", "`--topic ARN` names the hub's topic"));
    let (verdict, _, fix) = with(&found, "permissions", "ssm:PutParameter for `/holdfast/memory`");
    assert!(verdict == "not-checked" && fix.contains("the first turn writes it"), "{fix}");
    assert_eq!((site.called("ssm:PutParameter"), of(&found, "commit").0), (0, "good"));
    let ran = site.run(&["doctor"]);
    assert!(ran.stdout.contains("? permissions     not checked: eu-central-1: ssm:PutParameter"), "{}", ran.stdout);
}

#[test]
fn a_permission_that_is_missing_is_named_with_what_was_asked_for_and_what_to_do() {
    let site = Site::of(&[("stack", &format!("regions: [eu-central-1, {AWAY}]"))]);
    site.once().expect(State::InSync, 0);
    for call in CALLS.iter().filter(|call| call.starts_with("cloudformation:") || **call == "ssm:PutParameter") {
        site.fault(call, None, Fault::Denied);
        let found = checks(&site, &[], 77);
        let (verdict, finding, fix) = with(&found, "permissions", &format!("{call} was denied"));
        assert_eq!(verdict, "bad", "{finding}");
        assert!(
            finding.contains("(asked for ") && fix.contains(&format!("the permission `{call}`")),
            "{finding} {fix}"
        );
        // One that is missing keeps nobody from asking about the others.
        assert_eq!(with(&found, "permissions", &format!("{AWAY}: let in: ")).0, "good");
        site.calm();
    }
    site.fault("cloudformation:DescribeStacks", None, Fault::Denied);
    let found = checks(&site, &[], 77);
    assert_eq!(with(&found, "permissions", "DeleteStack is asked for only where").0, "not-checked");
}

#[test]
fn a_service_that_does_not_answer_is_no_missing_permission() {
    let site = Site::of(&[("stack", "")]);
    site.fault("cloudformation:RollbackStack", None, Fault::Server { status: 503 });
    let found = checks(&site, &[], 75);
    assert_eq!(with(&found, "permissions", "cloudformation:RollbackStack was not answered").0, "bad");
}

#[test]
fn what_stands_on_something_that_is_not_well_is_not_called_good() {
    let site = Site::of(&[("stack", "")]);
    site.fault("*", None, Fault::ExpiredToken);
    let found = checks(&site, &[], 77);
    let stood = ["identity", "clock", "memory", "signatures", "repository", "commit", "permissions"];
    let verdicts = stood.map(|name| of(&found, name).0);
    let none = "not-checked";
    assert_eq!(verdicts, ["bad", "good", none, none, "good", none, none], "an answer that says no tells the time too");
    assert_eq!(of(&found, "permissions").2, "mend `identity` first");
}

#[test]
fn an_account_that_is_not_meant_is_asked_for_nothing_more() {
    let site = Site::of(&[("stack", "")]);
    let (found, calls) = site.costs(|| checks(&site, &["--account", "222222222222"], 77));
    assert!(of(&found, "identity").1.contains("and `--account` says 222222222222"), "{found:#?}");
    assert_eq!(calls.into_iter().collect::<Vec<_>>(), [("sts:GetCallerIdentity".to_owned(), 1)]);
    assert_eq!((of(&found, "permissions").0, of(&found, "repository").0), ("not-checked", "good"));
    // Nor is it asked for what lets the agent in elsewhere.
    let codecommit = "https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/fleet";
    for arguments in [["--git-secret-parameter", "/git"], ["--repository", codecommit]] {
        let found = checks(&site, &[&["--account", "222222222222"], &arguments[..]].concat(), 77);
        assert_eq!(of(&found, "repository").0, "not-checked");
    }
    assert_eq!(site.called("ssm:GetParameter"), 0);
}

#[test]
fn a_clock_that_is_off_is_told() {
    let site = Site::of(&[("stack", "")]);
    site.world(|world, _| world.pass(Duration::from_secs(60)));
    let found = checks(&site, &[], 0);
    let (verdict, finding, _) = of(&found, "clock");
    assert!(verdict == "warning" && finding.ends_with("s behind AWS"), "{finding}");
    site.world(|world, _| world.pass(Duration::from_secs(600)));
    assert_eq!(of(&checks(&site, &[], 77), "clock").0, "bad");
}

#[test]
fn what_the_account_keeps_is_told_with_its_slips() {
    let site = Site::of(&[("stack", "")]);
    assert_eq!(of(&checks(&site, &[], 0), "guardrails").0, "warning");
    site.operator().guardrails("{limit: {}}");
    site.operator().put("/holdfast/hold", "String", "nonsense");
    let found = checks(&site, &[], 3);
    let (verdict, finding, fix) = of(&found, "guardrails");
    assert!(verdict == "bad" && finding.contains("guardrails:3:8: unknown field `limit`"), "{finding}");
    assert!(fix.contains("holdfast validate --guardrails FILE"), "{fix}");
    assert!(of(&found, "orders").1.contains("`/holdfast/hold` can't be understood"), "{found:#?}");
}

#[test]
fn who_is_at_work_and_what_people_said_is_told() {
    let site = Site::of(&[("stack", "")]);
    assert_eq!(site.run(&["hold", "--for", "4h", "--reason", "incident 42"]).code, Some(0));
    let until = site.world(|world, _| world.now()) + jiff::SignedDuration::from_mins(4);
    let holder = json!({ "host": "elsewhere", "process": 7, "began": "2026-01-01T00:00:00Z" });
    let lease = json!({ "holder": holder, "until": until, "over": 0 });
    site.operator().put("/holdfast/lease", "String", &lease.to_string());
    let found = checks(&site, &[], 0);
    let (verdict, finding, fix) = of(&found, "orders");
    assert!(verdict == "warning" && finding.contains("incident 42") && fix.contains("holdfast release"), "{finding}");
    let (verdict, finding, _) = of(&found, "lease");
    assert!(verdict == "warning" && finding.starts_with("held by process 7 on elsewhere until "), "{finding}");
}

#[test]
fn a_repository_that_is_gone_or_has_a_slip_is_told() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.repository
        .write("slip.yaml", "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {name: slip}\nspec: {tmplate: x}\n");
    site.repository.commit();
    let found = checks(&site, &[], 1);
    let (_, finding, _) = of(&found, "manifests");
    assert!(finding.contains("1 for this account, 2 problems, the first: slip.yaml:4:7"), "{finding}");
    assert!(of(&found, "commit").1.ends_with("would be accepted"), "{found:#?}");
    let found = checks(&site, &["--repository", "/nowhere"], 75);
    assert_eq!((of(&found, "repository").0, of(&found, "commit").0), ("bad", "not-checked"));
    let found = checks(&site, &["--repository", "http://127.0.0.1:1/x"], 75);
    assert!(of(&found, "repository").1.contains("127.0.0.1"), "{found:#?}");
}

#[test]
fn a_branch_that_was_rewritten_is_not_read() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.write("stack", "parameters: {Value: two}");
    crate::git_server::git(site.repository.folder(), &["checkout", "--quiet", "--orphan", "elsewhere"]);
    site.repository.commit();
    crate::git_server::git(site.repository.folder(), &["branch", "--force", "main", "elsewhere"]);
    let found = checks(&site, &[], 75);
    let (verdict, finding, _) = of(&found, "commit");
    assert!(verdict == "bad" && finding.contains("ends with a commit on top of"), "{finding}");
    assert!(!found.iter().any(|check| check["name"] == "manifests"), "{found:#?}");
}

#[test]
fn a_remote_s_copy_is_gone_afterwards() {
    let site = Site::of(&[("stack", "")]);
    let (_server, url) = site.served();
    let found = checks(&site, &["--repository", &url], 0);
    assert_eq!((of(&found, "repository").0, of(&found, "manifests").0), ("good", "good"));
    assert!(!Path::new(&site.file("cache")).exists());
}

#[test]
fn what_manifests_name_is_looked_up() {
    let spec = "parameters: {Value: {ssm: /given}}\nroleArn: arn:aws:iam::111111111111:role/deploy\n\
                checks: [{alarm: {name: errors}}]";
    let site = Site::of(&[("stack", spec)]);
    let found = checks(&site, &[], 0);
    assert_eq!(with(&found, "permissions", "ssm:GetParameters; asked for 1 parameter").0, "good");
    assert_eq!(with(&found, "permissions", "cloudwatch:DescribeAlarms; asked for 1 alarm").0, "good");
    assert_eq!(with(&found, "permissions", "iam:PassRole for arn:aws:iam::111111111111:role/deploy").0, "not-checked");
    assert_eq!(with(&found, "manifests", "there is no parameter `/given`").0, "warning");
    assert_eq!(with(&found, "manifests", "there is no alarm `errors`").0, "warning");
}

#[test]
fn a_bucket_is_looked_into_and_has_to_be_the_account_s_own() {
    let site = Site::of(&[("stack", "")]);
    let bucket = "Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: mine}}}";
    site.operator().create("bucket", bucket);
    let arguments = ["--artifact-bucket", "mine"];
    let found = checks(&site, &arguments, 0);
    assert_eq!(of(&found, "artifact bucket"), ("good", "mine in eu-central-1: 0 objects", ""));
    assert_eq!(with(&found, "permissions", "s3:GetObject, s3:PutObject; asked for `mine/holdfast/").0, "good");
    assert_eq!(with(&found, "permissions", "s3:DeleteObject on mine").0, "not-checked");
    site.fault("s3:PutObject", None, Fault::Denied);
    assert_eq!(with(&checks(&site, &arguments, 77), "permissions", "s3:PutObject was denied").0, "bad");
    site.calm();
    let theirs = "Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: theirs}}}";
    let other = site.operator_of("222222222222", "eu-central-1");
    other.create("bucket", theirs);
    assert_eq!(other.status("bucket").as_deref(), Some("CREATE_COMPLETE"));
    let found = checks(&site, &["--artifact-bucket", "theirs"], 77);
    let (verdict, _, fix) = of(&found, "artifact bucket");
    assert!(verdict == "bad" && fix.contains("belongs to account 111111111111"), "{fix}");
}

#[test]
fn a_cache_and_a_bucket_that_cannot_be_used_are_told() {
    let site = Site::of(&[("stack", "")]);
    fs::write(site.file("taken"), "").unwrap();
    let taken = site.file("taken");
    let found = checks(&site, &["--cache", taken.to_str().unwrap(), "--artifact-bucket", "nobodys"], 78);
    assert!(of(&found, "cache").1.contains("can't be written"), "{found:#?}");
    let (verdict, _, fix) = of(&found, "artifact bucket");
    assert!(verdict == "bad" && fix.contains("a bucket `nobodys` in this account"), "{found:#?}");
    let found = checks(&site, &["--memory", "file:state/memory.json"], 0);
    assert_eq!(of(&found, "memory folder").0, "good", "{found:#?}");
}
