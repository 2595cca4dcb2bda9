//! Taking over stacks that somebody else made: what `holdfast adopt` writes and shows, and the turn that does it.

use crate::{
    binary::Ran,
    site::{ACCOUNT, AWAY, Site, parameter, parameters},
    wire::Operator,
};
use manifests::report::{State, What};
use serde_json::Value;
use sim::{
    fault::Fault,
    services::{Place, s3},
};
use std::fs;

const CFN: &str = "2010-05-15";
const MAY: &str = "{may: {adopt: true}}";

/// A stack `net` that somebody made by hand, of a template that declares the parameter `Value`.
fn made(operator: &Operator, template: &str, value: &str) {
    let fields = [
        ("StackName", "net"),
        ("TemplateBody", template),
        ("Parameters.member.1.ParameterKey", "Value"),
        ("Parameters.member.1.ParameterValue", value),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue, mostly"),
    ];
    operator.query("cloudformation", CFN, "CreateStack", &fields);
}

/// An account with the stack `net`, guardrails of this spec, and a repository of nothing.
fn with(template: &str, spec: &str) -> Site {
    let site = Site::of(&[]);
    site.repository.write("README.md", "nothing yet");
    site.repository.commit();
    made(&site.operator(), template, "kept");
    site.operator().guardrails(spec);
    site
}

/// `holdfast adopt`, which leaves the account as it was.
#[track_caller]
fn adopt(site: &Site, arguments: &[&str]) -> Ran {
    let folder = site.repository.folder().to_str().unwrap().to_owned();
    let before = site.inventory();
    let to: &[&str] = if arguments.contains(&"--stdout") { &[] } else { &["--write", &folder] };
    let ran = site.run(&[&["adopt"], arguments, to].concat());
    assert_eq!(site.inventory(), before, "{ran:#?}");
    assert_eq!(site.called("ssm:PutParameter"), 1, "nothing was written but the guardrails, by the operator");
    ran
}

#[track_caller]
fn refused(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!((ran.code, &*ran.stdout), (Some(code), ""), "{ran:#?}");
    words.iter().for_each(|word| assert!(ran.stderr.contains(word), "no {word:?}: {}", ran.stderr));
}

#[test]
fn a_stack_is_taken_over_by_committing_what_was_written() {
    let template = parameter("net", "one");
    let site = with(&template, MAY);
    let (ran, calls) = site.costs(|| adopt(&site, &["net"]));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let said = &ran.stdout;
    assert!(
        said.contains("net (eu-central-1): taking it over changes the tags of 1 resource, and nothing else"),
        "{said}"
    );
    assert!(said.contains("~ AWS::SSM::Parameter Parameter /net\n        Tags: "), "{said}");
    assert!(said.contains("next: commit both"), "{said}");
    let asked: Vec<&str> =
        calls.keys().map(String::as_str).filter(|call| call.starts_with("cloudformation:")).collect();
    let looks = ["CreateChangeSet", "DeleteChangeSet", "DescribeChangeSet", "DescribeStacks", "GetTemplate"];
    assert_eq!(asked, looks.map(|call| format!("cloudformation:{call}")));
    let read = |file: &str| fs::read_to_string(site.repository.folder().join(file)).unwrap();
    assert_eq!(read("net.template.yaml"), template, "the template is CloudFormation's, byte for byte");
    let manifest = read("net.yaml");
    for line in ["team: \"blue, mostly\"", "Value: kept", "regions: [eu-central-1]", "accounts: [\"111111111111\"]"] {
        assert!(manifest.contains(line), "no {line}: {manifest}");
    }
    site.repository.commit();
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Updated), ["net"]);
    assert_eq!(site.operator().parameter("/net").as_deref(), Some("kept"));
    // `adopt: true` may go now: by its tag and its ARN the stack is ours.
    site.repository.write("net.yaml", manifest.replace("  adopt: true   # may go once the stack is taken over\n", ""));
    site.repository.commit();
    let (turn, calls) = site.costs(|| site.once());
    turn.expect(State::InSync, 0);
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None);
}

#[test]
fn what_is_shown_is_told_to_machines_too_and_files_are_never_written_over() {
    let site = with(&parameter("net", "one"), MAY);
    let json = adopt(&site, &["net", "-o", "json"]).json();
    assert_eq!((&json["verdict"], &json["why"]), (&Value::from("tags"), &Value::Null));
    assert_eq!(json["resources"][0]["properties"][0]["attribute"], "Tags");
    let text = fs::read_to_string(site.repository.folder().join("net.yaml")).unwrap();
    assert_eq!(json["manifest"]["text"], text);
    assert_eq!(json["written"].as_array().unwrap().len(), 2);
    let ran = adopt(&site, &["net"]);
    refused(&ran, 1, &["net.yaml is there already and is not written over", "--stdout"]);
    fs::remove_file(site.repository.folder().join("net.yaml")).unwrap();
    refused(&adopt(&site, &["net"]), 1, &["net.template.yaml is there already"]);
    let ran = adopt(&site, &["net", "--stdout"]);
    assert_eq!((ran.code, ran.stdout.starts_with(&format!("# net.yaml\n{text}"))), (Some(0), true), "{ran:#?}");
    assert!(ran.stdout.contains("# net.template.yaml\nParameters:"), "{ran:#?}");
    assert!(ran.stderr.contains("changes the tags of 1 resource"), "{ran:#?}");
    assert!(!site.repository.folder().join("net.yaml").exists());
}

#[test]
fn without_the_account_s_leave_it_says_so_and_so_does_the_turn() {
    let site = with(&parameter("net", "one"), "{}");
    let ran = adopt(&site, &["net"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stdout.contains("guardrails don't let a stack be taken over; ends when they say `may: {adopt: true}`"));
    assert!(ran.stdout.contains("Tags: "), "and what it would change: {ran:#?}");
    site.repository.commit();
    let turn = site.once().expect(State::NeedsAPerson, 3);
    assert!(turn.why("net").contains("or the account's guardrails let it be taken over (`may.adopt`)"), "{turn:#?}");
    site.operator().guardrails("{may: {adopt: true}, stacks: {protected: [net]}}");
    let ran = site.run(&["adopt", "net", "--stdout"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stderr.contains("this account protects it (`stacks.protected: net`)"), "{ran:#?}");
    site.operator().guardrails("nonsense");
    let ran = site.run(&["adopt", "net", "--stdout"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stderr.contains("the account's guardrails can't be understood"), "{ran:#?}");
}

#[test]
fn a_secret_is_left_open_and_nothing_is_accepted_before_it_is_filled_in() {
    let template = parameter("net", "one").replacen("Type: String,", "Type: String, NoEcho: true,", 1);
    let site = with(&template, MAY);
    let ran = adopt(&site, &["net"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stdout.contains("the value of the parameter `Value` is a secret"), "{ran:#?}");
    assert!(ran.stdout.contains("changes the tags of 1 resource, and nothing else"), "with the value that it has");
    assert!(!ran.said().contains("kept"), "{ran:#?}");
    let folder = site.repository.folder().to_str().unwrap();
    let ran = site.run(&["validate", folder]);
    assert!(ran.code == Some(1) && ran.stdout.contains("an SSM parameter's name is missing here"), "{ran:#?}");
    let manifest = fs::read_to_string(site.repository.folder().join("net.yaml")).unwrap();
    site.repository.write("net.yaml", manifest.replace("ssm: \"\"", "ssm: /net/value"));
    site.operator().put("/net/value", "String", "kept");
    site.repository.commit();
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(
        (turn.happened(What::Updated), site.operator().parameter("/net").as_deref()),
        (vec!["net"], Some("kept"))
    );
}

#[test]
fn what_taking_over_would_change_beside_tags_is_shown_and_held() {
    // The parameter is read when the stack is deployed, and was another one then.
    let kind = "Type: 'AWS::SSM::Parameter::Value<String>',";
    let template = parameter("net", "/value").replacen("Type: String,", kind, 1);
    let site = Site::of(&[("other", "")]);
    site.operator().put("/value", "String", "before");
    made(&site.operator(), &template, "/value");
    site.operator().guardrails(MAY);
    site.operator().put("/value", "String", "after");
    let folder = site.repository.folder().to_str().unwrap().to_owned();
    let ran = site.run(&["adopt", "net", "--write", &folder]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stdout.contains("taking it over would change more than tags, so it would be held"), "{ran:#?}");
    assert!(ran.stdout.contains("Value: \"before\" → \"after\""), "{ran:#?}");
    site.repository.commit();
    let turn = site.once().expect(State::Held, 3);
    assert!(turn.why("net").starts_with("taking it over would change Parameter (AWS::SSM::Parameter)"), "{turn:#?}");
    assert_eq!(site.operator().parameter("/net").as_deref(), Some("before"));
}

#[test]
fn a_stack_in_another_region_and_one_with_a_large_template() {
    let site = Site::of(&[]);
    let large = format!("{}# {}\n", parameter("net", "one"), "x".repeat(60_000));
    // A template of that size can only be handed over through a bucket.
    let url = site.world(|world, account| {
        let region = AWAY.parse().unwrap();
        let at = Place { account, region: &region, now: world.now() };
        let upload = s3::Upload { body: large.clone().into_bytes(), ..s3::Upload::default() };
        s3::create_bucket(world, &at, "templates").unwrap();
        s3::put(world, &at, ("templates", "net"), upload).unwrap();
        format!("https://templates.s3.{AWAY}.amazonaws.com/net")
    });
    let fields = [("StackName", "net"), ("TemplateURL", &url)];
    site.operator_of(ACCOUNT, AWAY).query("cloudformation", CFN, "CreateStack", &fields);
    site.operator().guardrails(MAY);
    refused(&adopt(&site, &["net"]), 1, &["there is no stack `net` in eu-central-1", "`REGION/net`"]);
    let ran = adopt(&site, &[&format!("{AWAY}/net")]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains("net (us-east-1): taking it over changes the tags of 1 resource"), "{ran:#?}");
    assert!(ran.stdout.contains("bytes, and the agent hands over 51200 without an artifact bucket"), "{ran:#?}");
    let manifest = fs::read_to_string(site.repository.folder().join("net.yaml")).unwrap();
    assert!(manifest.contains("regions: [us-east-1]"), "{manifest}");
}

#[test]
fn what_can_not_be_taken_over_is_told_in_one_sentence() {
    let site = with(&parameter("net", "one"), MAY);
    refused(&adopt(&site, &["nett"]), 1, &["there is no stack `nett` in eu-central-1"]);
    refused(&adopt(&site, &["n_t"]), 64, &["`STACK`", "is not a stack name"]);
    refused(&adopt(&site, &["nowhere/net"]), 64, &["`STACK`", "is not a region"]);
    refused(&adopt(&site, &["net", "--account", "222222222222"]), 77, &["credentials of account 111111111111"]);
    let shell = [
        ("StackName", "shell"),
        ("ChangeSetName", "first"),
        ("ChangeSetType", "CREATE"),
        ("TemplateBody", &parameter("shell", "one")),
    ];
    site.operator().query("cloudformation", CFN, "CreateChangeSet", &shell);
    refused(&adopt(&site, &["shell"]), 1, &["`shell` holds nothing yet (REVIEW_IN_PROGRESS)"]);
    for (call, code, words) in [
        ("cloudformation:DescribeStacks", 77, "give the agent's role the permission `cloudformation:DescribeStacks`"),
        ("cloudformation:GetTemplate", 77, "give the agent's role the permission `cloudformation:GetTemplate`"),
        ("cloudformation:CreateChangeSet", 77, "give the agent's role the permission `cloudformation:CreateChangeSet`"),
        ("ssm:GetParameters", 77, "give the agent's role the permission `ssm:GetParameters`"),
    ] {
        site.fault(call, None, Fault::Denied);
        refused(&adopt(&site, &["net"]), code, &[words]);
        site.calm();
    }
    assert!(
        !site.repository.folder().join("net.yaml").exists(),
        "nothing is written that could not be looked at whole"
    );
}

#[test]
fn what_is_ours_already_needs_no_taking_over() {
    let site = Site::of(&[("net", "")]);
    site.once().expect(State::InSync, 0);
    let ran = site.run(&["adopt", "net", "--stdout"]);
    refused(&ran, 1, &["`net` is this installation's already (manifest net); there is nothing to take over"]);
    let ran = site.run(&["adopt", "net", "--stdout", "--owner", "another"]);
    refused(&ran, 1, &["`net` belongs to the installation holdfast"]);
}

#[test]
fn a_stack_that_was_made_anew_is_a_strangers_until_its_manifest_takes_it_over() {
    let site = Site::of(&[("net", "")]);
    site.once().expect(State::InSync, 0);
    let operator = site.operator();
    operator.query("cloudformation", CFN, "DeleteStack", &[("StackName", "net")]);
    let tags = [
        ("StackName", "net"),
        ("TemplateBody", &*parameters(&[("Parameter", "/net", "theirs")])),
        ("Tags.member.1.Key", "holdfast:owner"),
        ("Tags.member.1.Value", "holdfast"),
        ("Tags.member.2.Key", "holdfast:manifest"),
        ("Tags.member.2.Value", "net"),
    ];
    operator.query("cloudformation", CFN, "CreateStack", &tags);
    let why = "carries our tags and is not the one that was ours: somebody made it anew; left alone until it goes, or";
    let turn = site.once().expect(State::NeedsAPerson, 3);
    assert!(turn.why("net").contains(why) && turn.why("net").contains("`adopt: true`"), "{turn:#?}");
    assert_eq!(operator.parameter("/net").as_deref(), Some("theirs"));
    operator.guardrails(MAY);
    let ran = site.run(&["adopt", "net", "--stdout"]);
    assert_eq!(ran.code, Some(0), "it can be taken over as it is: {ran:#?}");
    // Its own template and what the manifest says differ in more than tags: that is no taking over.
    site.write("net", "adopt: true");
    site.repository.commit();
    assert!(site.once().expect(State::Held, 3).why("net").starts_with("taking it over would change "));
    site.template("net", &parameters(&[("Parameter", "/net", "theirs")]));
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    site.write("net", "");
    site.repository.commit();
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.report.stacks.len(), 1, "it is remembered by its new ARN, and `adopt` may go: {turn:#?}");
}

/// The commands of the README's section, word for word, in the repository's folder.
#[test]
fn the_readme_s_commands_take_a_stack_over() {
    let site = Site::of(&[("other", "")]);
    site.operator().create("network", &parameter("network", "one"));
    site.operator().guardrails(MAY);
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let section = readme.split_once("## Taking over a stack that is there").unwrap().1;
    let commands = section.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    let agent = site.agent(&[]);
    let folder = std::path::Path::new(agent.get_program()).parent().unwrap();
    let mut path = folder.as_os_str().to_owned();
    path.push(":");
    path.push(crate::binary::path());
    let mut bash = std::process::Command::new("bash");
    bash.args(["-ec", commands]).current_dir(site.repository.folder()).env_clear();
    bash.envs(agent.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", path);
    for name in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
        bash.env(name, "t@example.org");
    }
    let ran = Ran::of(&mut bash);
    assert!(
        ran.code == Some(0) && ran.stdout.contains("wrote stacks/network.yaml and stacks/network.template.yaml"),
        "{ran:#?}"
    );
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!((turn.happened(What::Created), turn.happened(What::Updated)), (vec!["other"], vec!["network"]));
}
