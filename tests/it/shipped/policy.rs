//! The shipped agent under exactly the policies that are generated for it: what it does is allowed, what is allowed it does, and
//! what is missing it tells by its name.

use crate::{
    binary::{Ran, Running, until},
    site::{ACCOUNT, Site, parameter, parameters},
    wire::CFN,
    world::HOME,
};
use serde_json::{Value, json};
use sim::{
    fault::Plant,
    iam::{Decision, Permissions, Policy, Question},
    store::{Break, Key, Work},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::Mutex,
    time::Duration,
};

pub(super) const ROLE: &str = "holdfast-agent";
pub(super) const SERVICE: &str = "arn:aws:iam::111111111111:role/holdfast/holdfast-service";
const BUCKET: &str = "holdfast-artifacts-111111111111-0123456789ab";
const TOPIC: &str = "arn:aws:sns:eu-central-1:111111111111:reports";

/// A generated policy, as CloudFormation would fill it in.
pub(super) fn generated(name: &str) -> Value {
    let file = format!("{}/../packaging/iam/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let filled = [
        ("${AWS::Partition}", "aws"),
        ("${AWS::AccountId}", ACCOUNT),
        ("${AWS::Region}", HOME),
        ("${AWS::StackName}", "holdfast"),
        ("${Prefix}", "holdfast"),
        ("${StackPrefix}", ""),
        ("${Regions}", "*"),
        ("${HubTopicArn}", TOPIC),
        ("${CodeBucket}", "releases"),
    ];
    let text = std::fs::read_to_string(file).unwrap();
    let text = filled.iter().fold(text, |text, (placeholder, value)| text.replace(placeholder, value));
    assert!(!text.contains("${"), "{text}");
    serde_json::from_str(&text).unwrap()
}

fn permissions(identity: &Value, boundary: Option<&Value>) -> Permissions {
    let read = |policy: &Value| Policy::parse(&policy.to_string()).unwrap();
    Permissions { policies: vec![read(identity)], boundary: boundary.map(read) }
}

/// What an agent's environment says of a session of its role.
pub(super) fn session(site: &Site) -> [(&'static str, String); 3] {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/holdfast/{ROLE}");
    let assume = [("RoleArn", &*role), ("RoleSessionName", "session")];
    let answer = site.operator().query("sts", "2011-06-15", "AssumeRole", &assume);
    let part = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>")).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    [
        ("AWS_ACCESS_KEY_ID", part("AccessKeyId")),
        ("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey")),
        ("AWS_SESSION_TOKEN", part("SessionToken")),
    ]
}

/// An account whose agent is a session of a role that may do just this.
struct Confined {
    site: Site,
    session: BTreeMap<&'static str, String>,
    /// How long a turn watches: what can't be looked at never comes to an end.
    turn: &'static str,
}

impl Confined {
    fn to(policy: &Value) -> Self {
        let site = Site::of(&[]);
        let operator = site.operator();
        operator.create("hub", include_str!("../../demo/src/hub.yaml"));
        let beside = format!(
            "Resources:\n  Bucket: {{Type: AWS::S3::Bucket, Properties: {{BucketName: {BUCKET}}}}}\n  \
             Queue: {{Type: AWS::SQS::Queue, Properties: {{QueueName: holdfast-wake}}}}\n"
        );
        operator.create("beside", &beside);
        let key = Key::new(&HOME.parse().unwrap(), "AWS::CloudWatch::Alarm", "errors");
        site.world(|world, account| {
            world.place_resource(account, key.clone(), Default::default());
            world.set_attribute(account, &key, "StateValue", "OK".into()).unwrap();
            world.confine(account, ROLE, permissions(policy, None));
        });
        let session = session(&site).into();
        Self { site, session, turn: "15m" }
    }

    fn queue(&self) -> String {
        format!("{}/{ACCOUNT}/holdfast-wake", self.site.url())
    }

    fn agent(&self, arguments: &[&str]) -> Command {
        let mut agent = self.site.agent(arguments);
        agent.envs(&self.session).env("HOLDFAST_ROLE", SERVICE).env("HOLDFAST_TOPIC", TOPIC);
        agent.env("HOLDFAST_ARTIFACT_BUCKET", BUCKET).env("HOLDFAST_EVENTS", self.queue());
        agent.env("HOLDFAST_DRIFT_CALLS", "1000").env("HOLDFAST_RETRY_AFTER", "0s");
        agent.env("HOLDFAST_TURN", self.turn).env("HOLDFAST_READY", "/holdfast/ready");
        agent
    }

    fn run(&self, arguments: &[&str]) -> String {
        Ran::of(&mut self.agent(arguments)).said()
    }

    fn once(&self) -> String {
        self.run(&["once", "-o", "json"])
    }

    /// Everything that the role's sessions have asked for.
    fn asked(&self) -> BTreeSet<Question> {
        self.site.world(|world, account| world.asked(account, ROLE))
    }
}

fn large(text: &str) -> String {
    let value = text.repeat(4_000);
    let names: Vec<_> = (0..14).map(|n| (format!("P{n}"), format!("/large/{n}"))).collect();
    let all: Vec<_> = names.iter().map(|(logical, name)| (logical.as_str(), name.as_str(), value.as_str())).collect();
    parameters(&all)
}

/// The first turn of an account that has little to do.
fn gets_ready(it: &Confined) -> String {
    it.site.write("plain", "");
    it.site.repository.commit();
    it.once()
}

/// A turn that makes stacks of every kind.
fn makes(it: &Confined) -> String {
    let Confined { site, .. } = it;
    site.write("plain", "drift: {mode: heal}\nchecks: [{alarm: {name: errors}}]");
    site.template("large", &large("x"));
    site.write("large", "");
    for (name, transform) in [("extended", "LanguageExtensions"), ("serverless", "Serverless-2016-10-31")] {
        site.template(name, &format!("Transform: AWS::{transform}\n{}", parameter(name, "one")));
        site.write(name, "");
    }
    site.write("born", "");
    site.plant("born", "Parameter", Work::Create, Some(1));
    // What early validation finds is asked about by the change set's ARN.
    site.template("slip", &parameter("slip", "one").replace("Value: !Ref Value", "Valeu: !Ref Value"));
    site.write("slip", "");
    site.repository.commit();
    it.once()
}

fn doctor(it: &Confined) -> String {
    it.run(&["doctor"])
}

/// Two turns: what never came up is cleared away, and what stopped in the middle is made to go on.
fn recovers(it: &Confined) -> String {
    let Confined { site, .. } = it;
    let more = "  More: {Type: AWS::SSM::Parameter, DependsOn: Parameter, Properties: {Name: /more, Type: String, Value: m}}\n";
    site.template("plain", &parameter("plain", "two").replace("Outputs:\n", &format!("{more}Outputs:\n")));
    site.repository.commit();
    site.plant("plain", "More", Work::Create, Some(1));
    let planted = Break { work: Work::Update, reason: "no way back".into(), after: 1, times: Some(1) };
    let plant = Plant { account: None, stack: "plain".into(), logical: "Parameter".into(), planted };
    site.world(|world, _| world.faults.plant(plant));
    it.once() + &it.once()
}

/// Somebody updates a stack by hand, with its rollback switched off.
fn sends_back(it: &Confined) -> String {
    let Confined { site, .. } = it;
    site.calm();
    let said = it.once();
    site.plant("plain", "Parameter", Work::Update, Some(1));
    let template = parameter("plain", "tampered");
    let update = [("StackName", "plain"), ("TemplateBody", &*template), ("DisableRollback", "true")];
    site.operator().query("cloudformation", CFN, "UpdateStack", &update);
    until("the update", || site.operator().status("plain").is_some_and(|status| status == "UPDATE_FAILED"));
    said + &it.once()
}

/// The agent as a process of its own, woken by its queue.
fn wakes(it: &Confined) -> String {
    let send = json!({ "QueueUrl": it.queue(), "MessageBody": "{}" });
    let operator = it.site.operator();
    let (status, answer) = operator.json("sqs", "application/x-amz-json-1.0", "AmazonSQS.SendMessage", &send);
    assert_eq!(status, 200, "{answer}");
    let before = it.site.called("sqs:ReceiveMessage");
    let agent = Running::start(it.agent(&["run", "--interval", "1h"]).env("HOLDFAST_DRIFT_CALLS", "0"));
    // What came is taken off before the next is asked for.
    it.site.reached("sqs:ReceiveMessage", before + 2);
    let ran = agent.terminate();
    ran.said()
}

/// A month later nothing uses the first template any more.
fn sweeps(it: &Confined) -> String {
    let Confined { site, .. } = it;
    site.template("large", &large("y"));
    site.repository.commit();
    let said = it.once();
    site.world(|world, _| world.pass(Duration::from_secs(40 * 86_400)));
    said + &it.once()
}

const STORY: [fn(&Confined) -> String; 7] = [gets_ready, makes, doctor, recovers, sends_back, wakes, sweeps];

/// Where an action that is missing is told: in the turn that needs it, or by the doctor.
fn tells(action: &str) -> [fn(&Confined) -> String; 2] {
    match action {
        "s3:DeleteObject" => [makes, sweeps],
        "sqs:DeleteMessage" => [makes, wakes],
        _ => [makes, doctor],
    }
}

/// The policy without the parts that `leave` says to leave out; a statement of nothing is none.
fn without(policy: &Value, part: &str, leave: impl Fn(&str, &str) -> bool) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        let sid = statement["Sid"].as_str().unwrap().to_owned();
        let deny = statement["Effect"] == "Deny";
        if let Some(all) = statement[part].as_array_mut().filter(|_| !deny) {
            all.retain(|one| !leave(&sid, one.as_str().unwrap()));
        }
    }
    statements.retain(|statement| statement[part].as_array().is_none_or(|all| !all.is_empty()));
    policy
}

/// Every part of every statement that allows something, with the statement's name.
fn parts(policy: &Value, part: &str) -> Vec<(String, String)> {
    let statements = policy["Statement"].as_array().unwrap().iter().filter(|it| it["Effect"] == "Allow");
    let of = |statement: &Value| {
        let sid = statement["Sid"].as_str().unwrap().to_owned();
        let all = statement[part].as_array().unwrap().iter();
        all.map(|one| (sid.clone(), one.as_str().unwrap().to_owned())).collect::<Vec<_>>()
    };
    statements.flat_map(of).collect()
}

#[test]
fn everything_that_the_agent_does_is_allowed_and_it_does_everything_that_is() {
    let policy = generated("agent");
    let it = Confined::to(&policy);
    for (number, step) in STORY.iter().enumerate() {
        let said = step(&it);
        assert!(!said.contains("denied") && !said.contains("not authorized"), "step {number}: {said}");
    }
    let asked = it.asked();
    let denied = |policy: &Value| {
        let permissions = permissions(policy, None);
        asked.iter().any(|question| permissions.decide(question) != Decision::Allowed)
    };
    assert!(!denied(&policy));
    for part in ["Action", "Resource"] {
        for (sid, one) in parts(&policy, part) {
            let less = without(&policy, part, |statement, other| statement == sid && other == one);
            assert!(denied(&less), "{sid}: {one} is granted in vain");
        }
    }
    // What stands in a condition and is not met is not allowed: another role, another owner's stack, another name.
    let permissions = permissions(&policy, None);
    let changed = |key: &str, value: &str| {
        let other = |question: &Question| {
            let mut other = question.clone();
            let there = other.context.get_mut(key)?;
            *there = vec![value.to_owned()];
            Some(other)
        };
        let all: Vec<Question> = asked.iter().filter_map(other).collect();
        assert!(!all.is_empty(), "{key}");
        all
    };
    for (key, value, action) in [
        ("cloudformation:rolearn", "arn:aws:iam::111111111111:role/Admin", "cloudformation:CreateChangeSet"),
        ("cloudformation:changesetname", "somebodys", "cloudformation:ExecuteChangeSet"),
        ("aws:requesttag/holdfast:owner", "another", "cloudformation:CreateChangeSet"),
        ("aws:resourcetag/holdfast:owner", "another", "cloudformation:DeleteStack"),
        ("iam:passedtoservice", "lambda.amazonaws.com", "iam:PassRole"),
    ] {
        let fits = |question: &&Question| question.action == action && !question.resource.contains("/transform/");
        let all = changed(key, value);
        let mut found = all.iter().filter(fits).filter(|question| !question.resource.contains(":transform/"));
        assert!(found.all(|question| permissions.decide(question) != Decision::Allowed), "{key}");
    }
}

#[test]
fn each_permission_that_is_missing_is_told_by_its_name() {
    let policy = generated("agent");
    let actions: BTreeSet<String> = parts(&policy, "Action").into_iter().map(|(_, action)| action).collect();
    assert!(actions.len() > 25, "{actions:?}");
    let left = Mutex::new(actions.into_iter().collect::<Vec<_>>());
    let silent = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(action) = left.lock().unwrap().pop() else { return };
                    let less = without(&policy, "Action", |_, other| other == action);
                    // A turn that has to come to its end is not cut short.
                    let whole = ["s3:DeleteObject", "sqs:DeleteMessage"].contains(&&*action);
                    let it = Confined { turn: if whole { "15m" } else { "2s" }, ..Confined::to(&less) };
                    let words = format!("the permission `{action}`");
                    let said = tells(&action).map(|step| step(&it));
                    if !said.iter().any(|said| said.contains(&words)) {
                        silent.lock().unwrap().push(format!("{action}: {said:?}"));
                    }
                }
            });
        }
    });
    let silent = silent.into_inner().unwrap();
    assert!(silent.is_empty(), "nobody is told of {silent:#?}");
}

#[test]
fn the_stack_that_made_the_role_is_not_the_agents_to_change() {
    let policy = generated("agent");
    let permissions = permissions(&policy, None);
    let change = |stack: &str, action: &str| {
        let resource = format!("arn:aws:cloudformation:{HOME}:{ACCOUNT}:stack/{stack}/*");
        Question::new(format!("cloudformation:{action}"), resource)
            .with("aws:RequestedRegion", HOME)
            .with("cloudformation:ChangeSetName", "holdfast-0123")
            .with("cloudformation:RoleArn", SERVICE)
            .with("aws:RequestTag/holdfast:owner", "holdfast")
            .with("aws:ResourceTag/holdfast:owner", "holdfast")
    };
    for action in ["CreateChangeSet", "ExecuteChangeSet", "DeleteStack", "ContinueUpdateRollback", "RollbackStack"] {
        assert_eq!(permissions.decide(&change("holdfast", action)), Decision::Denied);
        assert_eq!(permissions.decide(&change("app", action)), Decision::Allowed);
    }
    for action in ["CreateStack", "UpdateStack", "SetStackPolicy", "UpdateTerminationProtection", "CancelUpdateStack"] {
        assert_eq!(permissions.decide(&change("app", action)), Decision::NotAllowed);
    }
}

#[test]
fn what_is_made_for_manifests_stays_within_the_boundary() {
    let mut boundary = generated("boundary");
    let roles = generated("boundary-roles")["Statement"].as_array().unwrap().clone();
    boundary["Statement"].as_array_mut().unwrap().extend(roles);
    let all = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let permissions = permissions(&all, Some(&boundary));
    let iam = |kind: &str| format!("arn:aws:iam::{ACCOUNT}:{kind}");
    let own = iam("policy/holdfast/holdfast-boundary");
    let check = |question: Question, may: bool| {
        assert_eq!(permissions.decide(&question) == Decision::Allowed, may, "{question:?}");
    };
    check(Question::new("iam:CreateRole", iam("role/app")), false);
    check(Question::new("iam:CreateRole", iam("role/app")).with("iam:PermissionsBoundary", &own), true);
    check(Question::new("iam:PutRolePolicy", iam("role/app")).with("iam:PermissionsBoundary", iam("policy/x")), false);
    check(Question::new("iam:DeleteRolePermissionsBoundary", iam("role/app")), false);
    check(Question::new("iam:CreatePolicyVersion", &own), false);
    check(Question::new("iam:PassRole", iam("role/holdfast/holdfast-agent")), false);
    check(Question::new("sts:AssumeRole", iam("role/holdfast/holdfast-agent")), false);
    check(Question::new("iam:GetRole", iam("role/holdfast/holdfast-agent")), true);
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{HOME}:{ACCOUNT}:{rest}");
    check(Question::new("lambda:UpdateFunctionCode", arn("lambda", "function:holdfast-agent")), false);
    check(Question::new("lambda:GetFunction", arn("lambda", "function:holdfast-agent")), true);
    check(Question::new("lambda:UpdateFunctionCode", arn("lambda", "function:app")), true);
    check(Question::new("ssm:PutParameter", arn("ssm", "parameter/holdfast/guardrails")), false);
    check(Question::new("ssm:GetParameter", arn("ssm", "parameter/holdfast/report-key")), false);
    check(Question::new("ssm:PutParameter", arn("ssm", "parameter/app")), true);
    check(Question::new("s3:GetObject", format!("arn:aws:s3:::{BUCKET}/holdfast/holdfast/artifacts/a.zip")), true);
    check(Question::new("s3:DeleteBucket", format!("arn:aws:s3:::{BUCKET}")), false);
    check(Question::new("cloudformation:DeleteStack", arn("cloudformation", "stack/holdfast/0123")), false);
    check(Question::new("cloudformation:CreateStack", arn("cloudformation", "stack/app-nested/0123")), true);
}
