//! What the agent's two functions may do to update themselves: all of it is needed, and what is missing is told.

use super::platform::{AGENT, BUCKET, Pair, VERSION, good};
use crate::{site::ACCOUNT, world::HOME};
use serde_json::Value;
use sim::iam::{Decision, Permissions, Policy};
use std::{fs, path::Path};

const ROLE: &str = "holdfast-agent";

/// A generated policy, as CloudFormation would fill it in.
fn generated(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../packaging/iam/{name}.json"));
    let filled = [
        ("${AWS::Partition}", "aws"),
        ("${AWS::AccountId}", ACCOUNT),
        ("${AWS::Region}", HOME),
        ("${AWS::StackName}", "holdfast"),
        ("${Prefix}", "holdfast"),
        ("${StackPrefix}", ""),
        ("${Regions}", "*"),
        ("${HubTopicArn}", "arn:aws:sns:eu-central-1:111111111111:reports"),
        ("${CodeBucket}", BUCKET),
    ];
    let text = fs::read_to_string(file).unwrap();
    let text = filled.iter().fold(text, |text, (placeholder, value)| text.replace(placeholder, value));
    serde_json::from_str(&text).unwrap()
}

/// Two functions whose role may do just this beside what every agent may.
fn confined(update: &Value) -> Pair {
    let service = format!("arn:aws:iam::{ACCOUNT}:role/holdfast/holdfast-service");
    let pair = Pair::new();
    let policies = [&generated("agent"), update].map(|policy| Policy::parse(&policy.to_string()).unwrap()).into();
    pair.site.world(|world, account| world.confine(account, ROLE, Permissions { policies, boundary: None }));
    let role = format!("arn:aws:iam::{ACCOUNT}:role/holdfast/{ROLE}");
    let assume = [("RoleArn", &*role), ("RoleSessionName", "session")];
    let answer = pair.site.operator().query("sts", "2011-06-15", "AssumeRole", &assume);
    let part = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>")).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    let set = [
        ("AWS_ACCESS_KEY_ID", part("AccessKeyId")),
        ("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey")),
        ("AWS_SESSION_TOKEN", part("SessionToken")),
        ("HOLDFAST_ROLE", service),
    ];
    pair.deploy(&good("first"), &set);
    pair
}

/// Each action and each resource of each statement.
fn parts(policy: &Value) -> Vec<(&'static str, String, String)> {
    let mut all = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        for part in ["Action", "Resource"] {
            let sid = statement["Sid"].as_str().unwrap();
            let of = statement[part].as_array().unwrap().iter().map(|one| one.as_str().unwrap());
            all.extend(of.map(|one| (part, sid.to_owned(), one.to_owned())));
        }
    }
    all
}

/// The policy without that; a statement of nothing is none.
fn without(policy: &Value, (part, sid, one): &(&'static str, String, String)) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut().filter(|statement| statement["Sid"] == sid.as_str()) {
        statement[*part].as_array_mut().unwrap().retain(|other| other != one.as_str());
    }
    statements.retain(|statement| statement[*part].as_array().is_some_and(|all| !all.is_empty()));
    policy
}

#[test]
fn what_the_update_does_is_allowed_and_what_is_allowed_it_does() {
    let policy = generated("update");
    let pair = confined(&policy);
    let second = pair.release("second", &good("second"));
    pair.ask(VERSION, "second", second);
    pair.turns("the second to be kept", |report| report["agent"]["update"].is_null() && pair.code(AGENT) == second);
    assert!(!pair.logs().contains("denied"), "{}", pair.logs());
    let asked = pair.site.world(|world, account| world.asked(account, ROLE));
    let denied = |update: &Value| {
        let policies = [&generated("agent"), update].map(|policy| Policy::parse(&policy.to_string()).unwrap()).into();
        let permissions = Permissions { policies, boundary: None };
        asked.iter().any(|question| permissions.decide(question) != Decision::Allowed)
    };
    assert!(!denied(&policy));
    for part in parts(&policy) {
        assert!(denied(&without(&policy, &part)), "{part:?} is granted in vain");
    }
}

#[test]
fn each_permission_of_the_update_that_is_missing_is_told_by_its_name_and_no_turn_is_lost() {
    let policy = generated("update");
    for part in parts(&policy).iter().filter(|(part, ..)| *part == "Action") {
        let pair = confined(&without(&policy, part));
        let second = pair.release("second", &good("second"));
        pair.ask(VERSION, "second", second);
        let told = (0..4).any(|_| pair.turn()["agent"]["update"].to_string().contains(&part.2))
            || pair.logs().contains(&part.2);
        assert!(told, "{part:?}: {}\n{}", pair.state(), pair.logs());
        pair.heals();
    }
}
