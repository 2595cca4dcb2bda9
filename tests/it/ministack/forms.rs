//! The agent's other forms (`agent-fargate.yaml`, `agent-ec2.yaml`), made by somebody else's CloudFormation. What that makes of
//! them runs nowhere, so the machine's part is played: the shipped program is started with just the environment that the task's
//! definition has, or that the instance's own text writes. It signals the stack that waits for it, and its queue wakes it.
//!
//! Not here: whether ECS or EC2 would start it; and the common parts, which `bootstrap` shows.

use super::{
    account::{Account, run},
    bootstrap::event,
    hub_stack::{tried, user_data},
};
use crate::{
    binary::{Running, path, program_at, until},
    site::parameter,
    wire::CFN,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

const FARGATE: &str = include_str!("../../../packaging/cloudformation/agent-fargate.yaml");
const EC2: &str = include_str!("../../../packaging/cloudformation/agent-ec2.yaml");
const IMAGE: &str = "registry.example/holdfast@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An account with a commit to follow, in which the agent's stack is being made in one of its forms.
fn begun(template: &str, more: &[(&str, &str)]) -> Option<Account> {
    let account = Account::new()?;
    account.write("stack", "drift: {mode: heal}", &parameter("stack", "one"));
    account.repository.commit();
    let (topic, folder) = (account.hub(), account.repository.folder().display().to_string());
    // Where AWS has its own parameters, nobody else can put one.
    account.operator.put("/image", "String", "ami-0123456789abcdef0");
    let told = [
        ("RepositoryUrl", folder.as_str()),
        ("HubTopicArn", &topic),
        ("Version", env!("CARGO_PKG_VERSION")),
        ("VpcId", "vpc-0123456789abcdef0"),
        ("SubnetIds", "subnet-0123456789abcdef0,subnet-0123456789abcdef1"),
        ("WaitSeconds", "300"),
    ];
    let mut asked: Vec<(String, String)> = [
        ("StackName", "holdfast-agent"),
        ("TemplateBody", template),
        ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (n, (name, value)) in told.iter().chain(more).enumerate() {
        let field = |field: &str| format!("Parameters.member.{}.Parameter{field}", n + 1);
        asked.extend([(field("Key"), (*name).to_owned()), (field("Value"), (*value).to_owned())]);
    }
    let asked: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    account.operator.query("cloudformation", CFN, "CreateStack", &asked);
    Some(account)
}

/// A call of a service that speaks JSON.
fn call(account: &Account, service: &str, target: &str, fields: &Value) -> Value {
    account.operator.json(service, "application/x-amz-json-1.1", target, fields).1
}

/// The program, started with this environment and an account's credentials, makes the account ready; then a message wakes it.
#[track_caller]
fn becomes_ready(account: &Account, program: &Path, environment: &[(String, String)]) {
    let mut agent = Command::new(program);
    agent
        .arg("run")
        .env_clear()
        .env("PATH", path())
        .env("HOME", account.home())
        .env("AWS_EC2_METADATA_DISABLED", "true");
    agent.current_dir(account.home()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    account.credentials(&mut agent);
    agent.envs(environment.iter().map(|(name, value)| (name, value)));
    let agent = Running::start(&mut agent);
    let operator = &account.operator;
    until("the wait condition", || {
        operator.status("holdfast-agent").is_some_and(|status| !status.ends_with("IN_PROGRESS"))
    });
    assert_eq!(operator.status("holdfast-agent").as_deref(), Some("CREATE_COMPLETE"));
    assert_eq!(operator.parameter("/stack").as_deref(), Some("one"));
    assert!(operator.parameter("/holdfast/ready").unwrap().contains(r#""state":"ready""#));

    // Five minutes lie between two turns of its own; this one comes at once.
    operator.put("/stack", "String", "tampered");
    let by_mallory = event(&operator.account, "arn:aws:iam::111111111111:role/Admin");
    let queue = format!("{}/{}/holdfast-wake.fifo", operator.endpoint, operator.account);
    let send = json!({"QueueUrl": queue, "MessageBody": by_mallory.to_string(), "MessageGroupId": "agent"});
    let (status, answer) = operator.json("sqs", "application/x-amz-json-1.0", "AmazonSQS.SendMessage", &send);
    assert_eq!(status, 200, "{answer}");
    until("the heal", || operator.parameter("/stack").as_deref() == Some("one"));
    let ran = agent.terminate();
    let turns = ran.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let turns = turns.filter(|line| line["fields"]["message"] == "turn done").count();
    assert!(turns >= 2, "what the alarm counts is in the log: {ran:#?}");
}

#[test]
fn a_task_with_the_environment_of_its_definition_makes_the_account_ready_and_wakes_on_its_queue() {
    let Some(account) = begun(FARGATE, &[("Image", IMAGE)]) else { return };
    let described = || {
        let asked = json!({"taskDefinition": "holdfast-agent"});
        call(&account, "ecs", "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", &asked)
    };
    until("the task's definition", || described()["taskDefinition"].is_object());
    let task = &described()["taskDefinition"];
    let agent = &task["containerDefinitions"][0];
    assert_eq!((&agent["image"], &task["networkMode"]), (&json!(IMAGE), &json!("awsvpc")), "{task}");
    assert_eq!((&task["cpu"], &task["memory"]), (&json!("256"), &json!("512")), "{task}");
    let word = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    let environment =
        agent["environment"].as_array().unwrap().iter().map(|one| (word(one, "name"), word(one, "value")));
    becomes_ready(&account, program_at("holdfast"), &environment.collect::<Vec<_>>());
}

/// A release's tarball in a bucket of this folder; answers its digest.
fn tarball(root: &Path) -> String {
    let release = root.join("release/holdfast-0.1.0-linux-x86_64");
    let put = |path: &str, from: &Path| {
        let to = release.join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    let systemd = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd");
    put("holdfast", program_at("holdfast"));
    put("root/usr/lib/systemd/system/holdfast-agent.service", &systemd.join("holdfast-agent.service"));
    put("root/usr/lib/sysusers.d/holdfast.conf", &systemd.join("holdfast.sysusers"));
    put("root/etc/holdfast/agent.yaml", &systemd.join("agent.yaml"));
    put("root/etc/holdfast/agent.env", &systemd.join("agent.env"));
    fs::create_dir_all(root.join("bucket")).unwrap();
    let archive = root.join("bucket/holdfast.tar.gz");
    let mut tar = Command::new("tar");
    run(tar.arg("-C").arg(root.join("release")).arg("-czf").arg(&archive).arg("holdfast-0.1.0-linux-x86_64")).unwrap();
    manifests::id::Digest::of(&fs::read(archive).unwrap()).to_string()
}

/// What instances are launched by, once it is there.
fn launched(account: &Account) -> String {
    let name = [("LaunchTemplateName", "holdfast-agent")];
    let versions = || account.operator.ask("ec2", "2016-11-15", "DescribeLaunchTemplateVersions", &name).body;
    until("the launch template", || versions().contains("<userData>"));
    versions()
}

/// Where the instance's text writes, or looks for a program.
const PLACES: [&str; 5] = ["/etc/", "/usr/bin/holdfast", "/var/log/", "/tmp/holdfast", "/opt/aws/"];

#[test]
fn an_instance_makes_itself_the_agents_makes_the_account_ready_and_wakes_on_its_queue() {
    let root = tempfile::tempdir().unwrap();
    let digest = tarball(root.path());
    let code =
        [("CodeBucket", "code"), ("CodeKey", "holdfast.tar.gz"), ("CodeSha256", &*digest), ("ImageId", "/image")];
    let Some(account) = begun(EC2, &code) else { return };
    assert!(launched(&account).contains("<httpTokens>required</httpTokens>"), "{}", launched(&account));
    let (ran, calls) = tried(&user_data(&account, "holdfast-agent"), root.path(), &PLACES);
    assert_eq!(ran.code, Some(0), "{ran:#?} {calls}");
    for call in [
        "systemctl enable --now holdfast-agent.service",
        "opt/aws/bin/cfn-signal --exit-code 0 --stack holdfast-agent --resource Group",
    ] {
        assert!(calls.contains(call), "{call}: {calls}");
    }
    let unit = fs::read_to_string(root.path().join("etc/systemd/system/holdfast-agent.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/holdfast run") && unit.contains("/etc/holdfast/agent.env"), "{unit}");
    let environment = fs::read_to_string(root.path().join("etc/holdfast/agent.env")).unwrap();
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment: Vec<_> = environment.lines().filter_map(pair).collect();
    becomes_ready(&account, &root.path().join("usr/bin/holdfast"), &environment);
}

#[test]
fn a_tarball_that_is_not_what_was_meant_is_never_started() {
    let root = tempfile::tempdir().unwrap();
    tarball(root.path());
    let wrong = "0".repeat(64);
    let code = [("CodeBucket", "code"), ("CodeKey", "holdfast.tar.gz"), ("CodeSha256", &*wrong), ("ImageId", "/image")];
    let Some(account) = begun(EC2, &code) else { return };
    launched(&account);
    let (ran, calls) = tried(&user_data(&account, "holdfast-agent"), root.path(), &PLACES);
    assert_ne!(ran.code, Some(0), "{ran:#?}");
    assert!(calls.contains("cfn-signal --exit-code 1") && !calls.contains("systemctl"), "{calls}");
    assert!(!root.path().join("usr/bin/holdfast").exists());
}
