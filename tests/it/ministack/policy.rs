//! The shipped agent under exactly its generated policy, where somebody else's IAM looks at it.
//!
//! ministack asks for no `iam:PassRole`, no `ListStacks` beside `DescribeStacks`, and for nothing in CloudFormation's own name:
//! what only those show, [`crate::shipped`] does.

use super::{account::Account, proof::Session};
use crate::{
    binary::Ran,
    site::{Turn, parameter},
    world::HOME,
};
use manifests::report::{State, What};

/// The agent's policy in this account, as CloudFormation would fill it in.
fn generated(account: &Account, topic: &str) -> String {
    let text = include_str!("../../../packaging/iam/agent.json");
    let filled = [
        ("${AWS::Partition}", "aws"),
        ("${AWS::AccountId}", &account.operator.account),
        ("${AWS::Region}", HOME),
        ("${AWS::StackName}", "holdfast-agent"),
        ("${Prefix}", "holdfast"),
        ("${StackPrefix}", ""),
        ("${Regions}", "*"),
        ("${HubTopicArn}", topic),
    ];
    filled.iter().fold(text.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value))
}

#[test]
fn the_generated_policy_is_enough_and_nothing_else_is_let_in() {
    let Some(account) = Account::guarded() else { return };
    let topic = account.hub();
    let session = Session::with(&account.operator, "holdfast-agent", &generated(&account, &topic));
    let service = format!("arn:aws:iam::{}:role/holdfast/holdfast-service", account.operator.account);
    let agent = |arguments: &[&str], role: &str| {
        let mut agent = account.agent(arguments);
        session.put(&mut agent);
        Ran::of(agent.env("HOLDFAST_ROLE", role).env("HOLDFAST_TOPIC", &topic).env("HOLDFAST_DRIFT_CALLS", "1000"))
    };
    let once = |role: &str| Turn::of(agent(&["once", "-o", "json"], role));
    account.write("stack", "drift: {mode: heal}", &parameter("stack", "one"));
    account.repository.commit();
    let turn = once(&service).expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Created), ["stack"]);
    account.write("stack", "drift: {mode: heal}", &parameter("stack", "two"));
    account.repository.commit();
    assert_eq!(once(&service).expect(State::InSync, 0).happened(What::Updated), ["stack"]);
    assert_eq!(account.operator.parameter("/stack").as_deref(), Some("two"));
    assert!(account.watch().contains(&account.operator.account), "the hub hears of it");

    // Another role is none of the service's, and so is no role.
    account.write("other", "", &parameter("other", "one"));
    account.repository.commit();
    let turn = once(&format!("arn:aws:iam::{}:role/Admin", account.operator.account));
    assert_ne!(turn.ran.code, Some(0), "{turn:#?}");
    let why = turn.why("other");
    assert!(why.contains("give the agent's role the permission `cloudformation:CreateChangeSet`"), "{why}");

    let ran = agent(&["doctor"], &service);
    assert!(!ran.said().contains("denied"), "{}", ran.said());
}
