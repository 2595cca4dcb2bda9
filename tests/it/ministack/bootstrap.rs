//! A new account, from nothing to ready: the template that ships, the program that ships in a zip, and one command of AWS's own
//! command line. ministack plays CloudFormation, the scheduler, EventBridge, the queue and the function's runtime; nobody here
//! invokes a function or sends a tick. What it doesn't have is a trail, so the event of a call is put onto the queue by hand.
//!
//! Not here: permissions, which this ministack doesn't look at, and the service role, which it ignores.

use super::{
    account::{Account, installed, path_in},
    lambda::zipped,
};
use crate::{
    binary::{Ran, until},
    site::parameter,
    world::HOME,
};
use manifests::id::Digest;
use serde_json::{Value, json};
use std::{fs, io::Write, path::PathBuf, process::Command, sync::OnceLock, time::Duration};

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/cloudformation/agent.yaml");
const CLI: &str = "1.46.3";

/// AWS's command line, in an environment of its own.
fn cli() -> PathBuf {
    static CLI_AT: OnceLock<PathBuf> = OnceLock::new();
    CLI_AT
        .get_or_init(|| path_in(&installed("awscli", CLI).unwrap_or_else(|why| panic!("awscli {CLI}: {why}")), "aws"))
        .clone()
}

/// An account in which nothing is, and a hub's topic beside it.
struct New {
    account: Account,
    topic: String,
    parameters: Vec<String>,
}

impl New {
    /// The code is uploaded; nothing is installed.
    fn of(account: Account) -> Self {
        let topic = account.hub();
        let zip = zipped(account.home());
        let bucket = format!("code-{}", account.operator.account);
        let sha256 = Digest::of(&fs::read(&zip).unwrap()).to_string();
        let parameters = [
            ("RepositoryUrl", account.repository.folder().display().to_string()),
            ("HubTopicArn", topic.clone()),
            ("Version", env!("CARGO_PKG_VERSION").to_owned()),
            ("CodeBucket", bucket.clone()),
            ("CodeKey", format!("{sha256}.zip")),
            ("CodeSha256", sha256.clone()),
            ("Schedule", "rate(1 minute)".to_owned()),
            ("WaitSeconds", "300".to_owned()),
        ];
        let parameters = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let new = Self { account, topic, parameters };
        new.aws(&["s3", "mb", &format!("s3://{bucket}")]);
        new.aws(&["s3", "cp", "--quiet", &zip.display().to_string(), &format!("s3://{bucket}/{sha256}.zip")]);
        new
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut aws = Command::new(cli());
        aws.args(arguments).env_clear().env("PATH", crate::binary::path()).env("HOME", self.account.home());
        self.account.credentials(&mut aws);
        Ran::of(aws.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_DEFAULT_REGION", HOME))
    }

    #[track_caller]
    fn aws(&self, arguments: &[&str]) {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
    }

    /// The one command.
    fn deploy(&self) -> Ran {
        let deploy = ["cloudformation", "deploy", "--stack-name", "holdfast-agent", "--template-file", TEMPLATE];
        let mut arguments =
            [&deploy[..], &["--capabilities", "CAPABILITY_NAMED_IAM", "--parameter-overrides"]].concat();
        arguments.extend(self.parameters.iter().map(String::as_str));
        self.run(&arguments)
    }

    /// What the account says of itself.
    fn ready(&self) -> Value {
        let text = self.account.operator.parameter("/holdfast/ready").unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The next report that came to the hub.
    fn report(&self) -> Value {
        serde_json::from_str(&self.account.operator.receive("reports")).unwrap_or_default()
    }

    /// Whether the rule for calls takes this event.
    fn takes(&self, event: &Value) -> bool {
        let call = |action: &str, fields: &Value| {
            let target = format!("AWSEvents.{action}");
            self.account.operator.json("events", "application/x-amz-json-1.1", &target, fields).1
        };
        let rule = call("DescribeRule", &json!({"Name": "holdfast-agent-writes"}));
        let asked = json!({"EventPattern": rule["EventPattern"], "Event": event.to_string()});
        call("TestEventPattern", &asked)["Result"] == true
    }

    /// What CloudFormation says of the bootstrap stack.
    fn events(&self) -> String {
        self.run(&["cloudformation", "describe-stack-events", "--stack-name", "holdfast-agent"]).stdout
    }
}

#[test]
fn one_command_makes_an_account_ready_and_events_lead_it_to_what_somebody_changed() {
    let Some(account) = Account::new() else { return };
    account.write("stack", "drift: {mode: heal}", &parameter("stack", "one"));
    let commit = account.repository.commit();
    let new = New::of(account);
    let began = tokio::time::Instant::now();
    let deployed = new.deploy();
    let took = began.elapsed();
    assert_eq!(deployed.code, Some(0), "{deployed:#?}\n{}", new.events());
    let (operator, ready) = (&new.account.operator, new.ready());
    assert_eq!((&ready["state"], &ready["commit"]), (&json!("ready"), &json!(commit)), "{ready}");
    assert_eq!(ready["signalled"]["status"], "SUCCESS", "{ready}");
    assert_eq!(operator.status("stack").as_deref(), Some("CREATE_COMPLETE"));
    assert_eq!(operator.parameter("/stack").as_deref(), Some("one"));
    let outputs = new.run(&["cloudformation", "describe-stacks", "--stack-name", "holdfast-agent"]).json();
    assert!(outputs["Stacks"][0]["Outputs"].to_string().contains(&commit), "{outputs}");
    let report = new.report();
    assert_eq!((&report["data"]["state"], &report["data"]["account"]), (&json!("in-sync"), &json!(operator.account)));
    told(&report["data"], &ready, took);
    healed(&new);
}

/// Prints what it cost, past the harness, which shows nothing of what a test prints that passes.
fn told(report: &Value, ready: &Value, took: Duration) {
    let calls: u64 = report["calls"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    let at = |time: &Value| time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let turn = at(&ready["at"]).duration_since(at(&report["happened"][0]["at"]));
    let line = format!(
        "new account to ready (ministack, a schedule of one minute): {:.0} s from the command on; the agent's first turn made \
         {calls} calls before its report, {} kinds, in {:.1} s\n",
        took.as_secs_f64(),
        report["calls"].as_object().unwrap().len(),
        turn.as_secs_f64(),
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Somebody changes a resource: the rule takes the event, and the queue and the mapping lead the agent to it. Nobody but AWS may
/// put such an event onto a bus, here as there, so the bus's part is played: the rule is asked, and the queue is given it.
#[track_caller]
fn healed(new: &New) {
    let operator = &new.account.operator;
    operator.put("/stack", "String", "tampered");
    let by_mallory = event(&operator.account, "arn:aws:iam::111111111111:role/Admin");
    let by_itself =
        event(&operator.account, &format!("arn:aws:iam::{}:role/holdfast/holdfast-agent", operator.account));
    assert!(new.takes(&by_mallory) && !new.takes(&by_itself), "what the agent does wakes nobody");
    let queue = format!("{}/{}/holdfast-wake.fifo", operator.endpoint, operator.account);
    let send = json!({"QueueUrl": queue, "MessageBody": by_mallory.to_string(), "MessageGroupId": "agent"});
    let (status, answer) = operator.json("sqs", "application/x-amz-json-1.0", "AmazonSQS.SendMessage", &send);
    assert_eq!(status, 200, "{answer}");
    until("the heal", || operator.parameter("/stack").as_deref() == Some("one"));
    until("its report", || new.report()["data"]["state"] == "healed");
}

/// A call that CloudTrail tells of, made as this role.
pub(super) fn event(account: &str, role: &str) -> Value {
    json!({
        "version": "0", "id": "e", "account": account, "region": HOME, "time": "2026-11-26T10:00:00Z", "resources": [],
        "source": "aws.ssm", "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "ssm.amazonaws.com", "eventName": "PutParameter", "eventTime": "2026-11-26T10:00:00Z",
            "eventID": "1", "awsRegion": HOME, "readOnly": false, "requestParameters": {"name": "/stack"},
            "userIdentity": {
                "type": "AssumedRole", "arn": "arn:aws:sts::111111111111:assumed-role/Admin/mallory",
                "sessionContext": {"sessionIssuer": {"arn": role}},
            },
        },
    })
}

#[test]
fn an_account_that_does_not_get_ready_is_told_to_the_hub_before_its_stack_is_taken_back() {
    let Some(account) = Account::new() else { return };
    account.write("stack", "", &parameter("stack", "one"));
    account.repository.commit();
    account.operator.create("stack", "Resources: {Q: {Type: AWS::SQS::Queue}}");
    until("the stack", || account.operator.status("stack").as_deref() == Some("CREATE_COMPLETE"));
    let new = New::of(account);
    let deployed = new.deploy();
    assert_ne!(deployed.code, Some(0), "{deployed:#?}");
    let events = new.events();
    assert!(events.contains("needs a person") && events.contains("ROLLBACK_COMPLETE"), "{events}");
    let report = new.report();
    assert_eq!(report["data"]["state"], "needs-a-person", "the evidence is with the hub: {report}");
    assert!(report["data"]["why"].as_str().unwrap().contains("stack"), "{report}");
    assert_eq!(new.ready()["state"], "failed");
    assert!(new.topic.contains(&new.account.operator.account));
    assert_eq!(
        new.account.operator.status("stack").as_deref(),
        Some("CREATE_COMPLETE"),
        "what was there is left alone"
    );
}
