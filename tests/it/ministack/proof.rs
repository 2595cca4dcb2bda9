//! Whose a report is, by somebody else's STS, which looks at signatures: an account proves its key once, and whoever is not that
//! account, or not its agent, proves nothing.

use super::account::Account;
use crate::{
    binary::{Ran, hub as program, until},
    site::{Turn, parameter},
    wire::Operator,
    world::HOME,
};
use agent::{cloud::count::Calls, config::MemoryPlace, seal::Seal};
use aws_config::{Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use manifests::report::State;
use serde_json::{Value, json};
use std::process::Command;

/// The hub's topic, to which every account may publish, and its queue.
const HUB: &str = concat!(
    include_str!("../../demo/src/hub.yaml"),
    "  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Version: \"2012-10-17\"
        Statement: [{Effect: Allow, Principal: \"*\", Action: \"sns:Publish\", Resource: !Ref Topic}]
"
);

/// Temporary credentials of a role.
pub(super) struct Session {
    id: String,
    secret: String,
    token: String,
}

impl Session {
    /// Makes a role that may do anything, and assumes it.
    pub(super) fn of(operator: &Operator, role: &str) -> Self {
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        Self::with(operator, role, all)
    }

    /// Makes a role that may do just this, and assumes it.
    pub(super) fn with(operator: &Operator, role: &str, policy: &str) -> Self {
        let iam = |action: &str, fields: &[(&str, &str)]| operator.query("iam", "2010-05-08", action, fields);
        let allow = |more: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{more}}}]}}"#);
        let root = format!("arn:aws:iam::{}:root", operator.account);
        let trust = allow(&format!(r#""Principal":{{"AWS":"{root}"}},"Action":"sts:AssumeRole""#));
        iam("CreateRole", &[("RoleName", role), ("AssumeRolePolicyDocument", &trust)]);
        iam("PutRolePolicy", &[("RoleName", role), ("PolicyName", "given"), ("PolicyDocument", policy)]);
        let arn = format!("arn:aws:iam::{}:role/{role}", operator.account);
        let assume = [("RoleArn", &*arn), ("RoleSessionName", "session")];
        let answer = operator.query("sts", "2011-06-15", "AssumeRole", &assume);
        let part = |name: &str| {
            let (_, rest) = answer.split_once(&format!("<{name}>")).unwrap();
            rest.split('<').next().unwrap().to_owned()
        };
        Self { id: part("AccessKeyId"), secret: part("SecretAccessKey"), token: part("SessionToken") }
    }

    pub(super) fn put(&self, program: &mut Command) {
        program.env("AWS_ACCESS_KEY_ID", &self.id).env("AWS_SECRET_ACCESS_KEY", &self.secret);
        program.env("AWS_SESSION_TOKEN", &self.token);
    }
}

/// The account's agent, with these credentials.
#[track_caller]
fn once(account: &Account, session: &Session, topic: &str) -> Turn {
    let mut agent = account.agent(&["once", "-o", "json", "--topic", topic]);
    session.put(&mut agent);
    Turn::of(Ran::of(&mut agent)).expect(State::InSync, 0)
}

/// A report in the name of an account, sealed with a key of its own that these credentials prove.
fn forged(account: &str, (id, secret, token): (&str, &str, &str), topic: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let credentials = Credentials::new(id, secret, Some(token.to_owned()), None, "test");
    let provider = SharedCredentialsProvider::new(credentials);
    let aws = SdkConfig::builder().credentials_provider(provider).region(Region::new(HOME)).build();
    let memory = MemoryPlace::File(folder.path().join("memory"));
    let fixture = include_str!("../../../manifests/tests/fixtures/report.v1.settled.json");
    let mut event: Value = serde_json::from_str(fixture).unwrap();
    (event["subject"], event["source"]) = (account.into(), format!("/holdfast/{account}").into());
    event["data"]["account"] = account.into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Seal::new(&memory, &aws, &Calls::default(), topic).sealed(event.to_string())).unwrap()
}

/// What the hub makes of what came, and what it logs.
fn run(hub: &Account, topic: &str) -> (Value, String) {
    let queue = format!("{}/{}/reports", hub.operator.endpoint, hub.operator.account);
    let store = hub.file("hub.sqlite");
    let arguments = ["run", "--once", "-o", "json", "--queue", &queue, "--store", &store, "--topic", topic];
    let mut program = program(hub.home(), &[&arguments[..], &["--agent-role", "holdfast-agent"]].concat());
    hub.credentials(&mut program);
    let ran = Ran::of(&mut program);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    (serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap(), ran.stderr)
}

#[test]
fn an_account_proves_its_key_to_sts_and_nobody_else_speaks_for_it() {
    let (Some(hub), Some(account), Some(other)) = (Account::guarded(), Account::guarded(), Account::guarded()) else {
        return;
    };
    hub.operator.create("hub", HUB);
    until("the hub's stack", || hub.operator.status("hub").as_deref() == Some("CREATE_COMPLETE"));
    let topic = format!("arn:aws:sns:{HOME}:{}:reports", hub.operator.account);
    for one in [&account, &other] {
        one.write("stack", "", &parameter("stack", "one"));
        one.repository.commit();
    }
    let agent = Session::of(&account.operator, "holdfast-agent");
    once(&account, &agent, &topic);
    let (picture, log) = run(&hub, &topic);
    assert_eq!(
        (&picture["senders"], &picture["quarantine"]),
        (&json!({"proven": 1, "unproven": 0}), &json!([])),
        "{log}"
    );

    // Somebody of another account, an intern of this one, and somebody who knows no secret.
    let (id, theirs) = (&*other.operator.account, Session::of(&other.operator, "holdfast-agent"));
    once(&other, &Session::of(&other.operator, "intern"), &topic);
    for (id_of, secret, token) in [(&agent.id, &agent.secret, &agent.token), (&theirs.id, &agent.secret, &theirs.token)]
    {
        let queue = format!("{}/{}/reports", hub.operator.endpoint, hub.operator.account);
        let send = json!({ "QueueUrl": queue, "MessageBody": forged(id, (id_of, secret, token), &topic) });
        let (status, answer) = hub.operator.json("sqs", "application/x-amz-json-1.0", "AmazonSQS.SendMessage", &send);
        assert_eq!(status, 200, "{answer}");
    }
    let (picture, log) = run(&hub, &topic);
    let refused = picture["quarantine"].as_array().unwrap();
    let why = format!("it is signed with a key that nobody has proven to be {id}'s");
    assert!(
        refused.len() == 3 && refused.iter().all(|it| it["reason"].as_str().unwrap().starts_with(&why)),
        "{picture:#}"
    );
    let signer = format!("assumed-role/holdfast-agent/session of {} signed its request", account.operator.account);
    for words in ["has none of the roles that may enrol one", &signer, "SignatureDoesNotMatch"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert!(!log.contains(&agent.token) && !log.contains(&agent.secret), "{log}");

    // And then its own agent: another turn tells what the first one could not.
    other.write("stack", "", &parameter("stack", "two"));
    other.repository.commit();
    once(&other, &theirs, &topic);
    let (picture, log) = run(&hub, &topic);
    assert_eq!(picture["senders"], json!({"proven": 2, "unproven": 0}), "{log}");
}
