//! What the agent's two functions may do to update themselves: all of it is needed, and what is missing is told.

use super::{
    super::policy::{ROLE, SERVICE, generated, session},
    platform::{AGENT, Pair, VERSION, good},
};
use serde_json::Value;
use sim::iam::{Decision, Permissions, Policy};

/// Two functions whose role may do just this beside what every agent may.
fn confined(update: &Value) -> Pair {
    let pair = Pair::new();
    let policies = [&generated("agent"), update].map(|policy| Policy::parse(&policy.to_string()).unwrap()).into();
    pair.site.world(|world, account| world.confine(account, ROLE, Permissions { policies, boundary: None }));
    let mut set = session(&pair.site).to_vec();
    set.push(("HOLDFAST_ROLE", SERVICE.to_owned()));
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
