//! The hub's own stack (`packaging/cloudformation/hub.yaml`), made by somebody else's CloudFormation: who may report to its topic
//! and who may not, what arrives, and what its instances would make of themselves.
//!
//! What can't be shown here: keys are made and nobody asks them, no instance runs, and a volume is a type that this CloudFormation
//! does not know, so that the form with one is only linted.

use super::account::{Account, run};
use super::proof::Session;
use crate::{
    binary::{Ran, hub as program, program_at, until},
    site::{Turn, parameter},
    wire::CFN,
    world::HOME,
};
use manifests::report::State;
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

const TEMPLATE: &str = include_str!("../../../packaging/cloudformation/hub.yaml");

/// Makes the stack in an account, with these parameters, in one call.
#[track_caller]
fn deploy(hub: &Account, parameters: &[(&str, &str)]) {
    // Where AWS has its own parameters, nobody else can put one.
    hub.operator.put("/image", "String", "ami-0123456789abcdef0");
    let mut asked: Vec<(String, String)> =
        [("StackName", "hub"), ("TemplateBody", TEMPLATE), ("Capabilities.member.1", "CAPABILITY_NAMED_IAM")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    for (n, (name, value)) in [("ImageId", "/image")].iter().chain(parameters).enumerate() {
        let field = |field: &str| format!("Parameters.member.{}.Parameter{field}", n + 1);
        asked.extend([(field("Key"), (*name).to_owned()), (field("Value"), (*value).to_owned())]);
    }
    let asked: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    hub.operator.query("cloudformation", CFN, "CreateStack", &asked);
    until("the hub's stack", || hub.operator.status("hub").is_some_and(|status| !status.ends_with("IN_PROGRESS")));
    assert_eq!(hub.operator.status("hub").as_deref(), Some("CREATE_COMPLETE"));
}

/// The organization that an account is the only one of.
fn organization(account: &Account) -> String {
    let call = "AWSOrganizationsV20161128.DescribeOrganization";
    let (_, answer) = account.operator.json("organizations", "application/x-amz-json-1.1", call, &json!({}));
    answer["Organization"]["Id"].as_str().unwrap().to_owned()
}

/// A turn of an agent that has something to tell, with the credentials of a role of its account.
#[track_caller]
fn report(account: &Account, role: &str, topic: &str) -> Ran {
    account.write("stack", "", &parameter("stack", role));
    account.repository.commit();
    let mut agent = account.agent(&["once", "-o", "json", "--topic", topic]);
    Session::of(&account.operator, role).put(&mut agent);
    Ran::of(&mut agent)
}

fn queue(hub: &Account) -> String {
    format!("{}/{}/holdfast-reports", hub.operator.endpoint, hub.operator.account)
}

/// What the hub makes of what came.
fn picture(hub: &Account, topic: &str) -> Value {
    let (queue, store) = (queue(hub), hub.file("hub.sqlite"));
    let arguments = ["run", "--once", "-o", "json", "--queue", &queue, "--store", &store, "--topic", topic];
    let mut program = program(hub.home(), &[&arguments[..], &["--agent-role", "holdfast-agent"]].concat());
    hub.credentials(&mut program);
    let ran = Ran::of(&mut program);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

#[test]
fn agents_of_listed_organizations_and_accounts_report_and_nobody_else() {
    let accounts: Option<Vec<Account>> = (0..5).map(|_| Account::guarded()).collect();
    let Some([hub, one, two, alone, stranger]) = accounts.and_then(|all| <[Account; 5]>::try_from(all).ok()) else {
        return;
    };
    let organizations = format!("{},{}", organization(&one), organization(&two));
    let (_, listed) = (organization(&stranger), alone.operator.account.as_str());
    deploy(&hub, &[("OrganizationIds", &organizations), ("AccountIds", listed)]);
    let topic = format!("arn:aws:sns:{HOME}:{}:holdfast-reports", hub.operator.account);

    for refused in [report(&stranger, "holdfast-agent", &topic), report(&one, "intern", &topic)] {
        assert!(refused.stderr.contains("sns:Publish was denied"), "{refused:#?}");
    }
    assert_eq!(hub.operator.receive("holdfast-reports"), "");
    for account in [&one, &two, &alone] {
        Turn::of(report(account, "holdfast-agent", &topic)).expect(State::InSync, 0);
    }
    let picture = picture(&hub, &topic);
    assert_eq!((&picture["senders"], &picture["quarantine"]), (&json!({"proven": 3, "unproven": 0}), &json!([])));
    let mut spoke: Vec<&str> =
        picture["accounts"].as_array().unwrap().iter().filter_map(|row| row["account"].as_str()).collect();
    let mut expected = [&one, &two, &alone].map(|account| account.operator.account.as_str());
    spoke.sort_unstable();
    expected.sort_unstable();
    assert_eq!(spoke, expected);
}

/// Every parameter that the form with PostgreSQL and a load balancer has.
fn everything(sha256: &str) -> Vec<(&'static str, String)> {
    let plain = [
        ("OrganizationIds", "o-aaaaaaaaaa"),
        ("VpcId", "vpc-0123456789abcdef0"),
        ("SubnetId", "subnet-0123456789abcdef0"),
        ("AvailabilityZone", "eu-central-1a"),
        ("CodeBucket", "code"),
        ("CodeKey", "hub.tar.gz"),
        ("AccountsKey", "accounts.yaml"),
        ("AlertsKey", "alerts.yaml"),
        ("Store", "postgres://hub_writer@db.example.com/fleet?sslmode=verify-full&sslrootcert=system"),
        ("StoreSecretArn", "arn:aws:secretsmanager:eu-central-1:999999999999:secret:store"),
        ("LoadBalancerSubnets", "subnet-0123456789abcdef0,subnet-0123456789abcdef1"),
        ("CertificateArn", "arn:aws:acm:eu-central-1:999999999999:certificate/one"),
        ("Url", "https://hub.example"),
        ("OidcIssuer", "https://login.example"),
        ("OidcAuthorizationEndpoint", "https://login.example/authorize"),
        ("OidcTokenEndpoint", "https://login.example/token"),
        ("OidcUserInfoEndpoint", "https://login.example/userinfo"),
        ("OidcClientId", "hub"),
        ("OidcClientSecret", "secret"),
        ("Operators", "platform, on call"),
        ("Readers", "security"),
    ];
    let mut all: Vec<_> = plain.map(|(name, value)| (name, value.to_owned())).into();
    all.push(("CodeSha256", sha256.to_owned()));
    all
}

/// The text that an instance of the stack begins with.
pub(super) fn user_data(hub: &Account, of: &str) -> String {
    let name = [("LaunchTemplateName", of)];
    let answer = hub.operator.query("ec2", "2016-11-15", "DescribeLaunchTemplateVersions", &name);
    let (_, rest) = answer.split_once("<userData>").unwrap();
    let text = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, rest.split('<').next().unwrap());
    String::from_utf8(text.unwrap()).unwrap()
}

/// Where the text writes, or looks for a program.
const PLACES: [&str; 5] = ["/etc/", "/usr/local/bin/", "/var/", "/tmp/hub", "/opt/aws/"];

/// A machine that the text can be tried on: these places below a folder, and programs that only note that they were called.
/// Storage answers with files of the folder `bucket`.
pub(super) fn tried(text: &str, root: &Path, places: &[&str]) -> (Ran, String) {
    let folder = root.display();
    let mut here = text.to_owned();
    for place in places {
        here = here.replace(place, &format!("{folder}{place}"));
    }
    let bin = root.join("bin");
    for made in ["etc/systemd/system", "etc/logrotate.d", "usr/local/bin", "usr/bin", "tmp", "bin"] {
        fs::create_dir_all(root.join(made)).unwrap();
    }
    let noted = |name: &str, more: &str| {
        let path = if name.contains('/') { root.join(name) } else { bin.join(name) };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\necho {name} \"$@\" >>{folder}/calls\n{more}\n")).unwrap();
        run(Command::new("chmod").arg("0755").arg(path)).unwrap();
    };
    for name in ["useradd", "chown", "chgrp", "systemctl", "systemd-sysusers", "dnf", "id", "sleep"] {
        noted(name, "");
    }
    noted("aws", &format!("case \"$1\" in s3) cp {folder}/bucket/\"${{4##*/}}\" \"$5\" ;; *) echo password ;; esac"));
    noted("opt/aws/bin/cfn-signal", "");
    noted("opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl", "");
    let mut shell = Command::new("bash");
    let path = format!("{}:{}", bin.display(), crate::binary::path().to_string_lossy());
    let ran = Ran::of(shell.arg("-c").arg(here).env_clear().env("PATH", path).current_dir(root));
    (ran, fs::read_to_string(root.join("calls")).unwrap_or_default())
}

/// A release's archive in a bucket, and the files beside it; answers the archive's digest.
fn bucket(root: &Path) -> String {
    let bucket = root.join("bucket");
    fs::create_dir_all(&bucket).unwrap();
    let hub = program_at("holdfast-hub");
    let archive = bucket.join("hub.tar.gz");
    run(Command::new("tar").arg("-C").arg(hub.parent().unwrap()).arg("-czf").arg(&archive).arg("holdfast-hub"))
        .unwrap();
    fs::write(bucket.join("accounts.yaml"), "apiVersion: holdfast/v1\nkind: Fleet\nspec: {accounts: []}\n").unwrap();
    let to = "{webhook: {url: \"https://siem.example/holdfast\"}}";
    let alerts = format!(
        "apiVersion: holdfast/v1\nkind: Alerts\nspec:\n  link: https://hub.example\n  routes: [{{name: siem, to: {to}}}]\n"
    );
    fs::write(bucket.join("alerts.yaml"), alerts).unwrap();
    manifests::id::Digest::of(&fs::read(archive).unwrap()).to_string()
}

#[test]
fn an_instance_makes_itself_a_hub_that_reads_its_configuration() {
    let (Some(hub), root) = (Account::new(), tempfile::tempdir().unwrap()) else { return };
    let all = everything(&bucket(root.path()));
    deploy(&hub, &all.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>());
    let text = user_data(&hub, "holdfast-hub");
    let (ran, calls) = tried(&text, root.path(), &PLACES);
    assert_eq!(ran.code, Some(0), "{ran:#?} {calls}");
    for call in [
        "systemctl enable --now holdfast-hub.service",
        "systemctl enable --now holdfast-hub-accounts.timer",
        "opt/aws/bin/cfn-signal --exit-code 0 --stack hub --resource Group",
    ] {
        assert!(calls.contains(call), "{call}: {calls}");
    }
    let environment = fs::read_to_string(root.path().join("etc/holdfast-hub/environment")).unwrap();
    let set: Vec<(&str, &str)> = environment.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |name: &str| set.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| *value);
    assert_eq!((value("HOLDFAST_HUB_QUEUE"), value("PGPASSWORD")), (&*queue(&hub), "\"password\""));
    // The hub that was installed, in that environment: everything is understood until it meets a database that is not there.
    let mut program = Command::new(root.path().join("usr/local/bin/holdfast-hub"));
    program.args(["run", "--once"]).env_clear().envs(set).env("HOLDFAST_HUB_LISTEN", "0.0.0.0:0");
    let ran = Ran::of(&mut program);
    assert_eq!(ran.code, Some(4), "the store can't be used, and all before that was: {ran:#?}");
    assert!(ran.stderr.contains("db.example.com"), "{ran:#?}");
}

#[test]
fn code_that_is_not_what_was_meant_is_never_started() {
    let (Some(hub), root) = (Account::new(), tempfile::tempdir().unwrap()) else { return };
    bucket(root.path());
    let all = everything(&"0".repeat(64));
    deploy(&hub, &all.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>());
    let (ran, calls) = tried(&user_data(&hub, "holdfast-hub"), root.path(), &PLACES);
    assert_ne!(ran.code, Some(0), "{ran:#?}");
    assert!(calls.contains("cfn-signal --exit-code 1") && !calls.contains("systemctl"), "{calls}");
    assert!(!root.path().join("usr/local/bin/holdfast-hub").exists());
}
