//! Who is expected, by somebody else's Organizations: accounts that were made are waited for, and one that was closed is not.

use super::account::Account;
use crate::{
    binary::{Ran, hub as program, until},
    wire::Operator,
    world::HOME,
};
use serde_json::{Value, json};

const HUB: &str = include_str!("../../demo/src/hub.yaml");

fn organizations(operator: &Operator, action: &str, fields: &Value) -> Value {
    let target = format!("AWSOrganizationsV20161128.{action}");
    let (status, answer) = operator.json("organizations", "application/x-amz-json-1.1", &target, fields);
    assert_eq!(status, 200, "{answer}");
    answer
}

fn made(operator: &Operator, name: &str) -> String {
    let account = json!({"AccountName": name, "Email": format!("{name}@example.com")});
    let answer = organizations(operator, "CreateAccount", &account);
    answer["CreateAccountStatus"]["AccountId"].as_str().unwrap().to_owned()
}

#[test]
fn accounts_of_the_organization_are_expected_until_they_are_closed() {
    let Some(hub) = Account::new() else { return };
    hub.operator.create("hub", HUB);
    until("the hub's stack", || hub.operator.status("hub").as_deref() == Some("CREATE_COMPLETE"));
    let (payments, sandbox) = (made(&hub.operator, "payments"), made(&hub.operator, "sandbox"));
    let queue = format!("{}/{}/reports", hub.operator.endpoint, hub.operator.account);
    let (store, topic) = (hub.file("hub.sqlite"), format!("arn:aws:sns:{HOME}:{}:reports", hub.operator.account));
    let expected = || {
        let arguments = ["run", "--once", "-o", "json", "--queue", &queue, "--store", &store, "--topic", &topic];
        let mut program = program(hub.home(), &[&arguments[..], &["--organization", "own"]].concat());
        hub.credentials(&mut program);
        let ran = Ran::of(&mut program);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let picture: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
        let all = picture["notReady"].as_array().unwrap_or_else(|| panic!("{picture:#}")).clone();
        let mut all: Vec<_> = all
            .iter()
            .map(|it| (it["account"].as_str().unwrap().to_owned(), it["name"].as_str().unwrap().to_owned()))
            .collect();
        all.sort();
        all
    };
    let is = |accounts: &[(&str, &str)]| {
        let mut all: Vec<_> = accounts.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect();
        all.push((hub.operator.account.clone(), "Master Account".to_owned()));
        all.sort();
        all
    };
    assert_eq!(expected(), is(&[(&payments, "payments"), (&sandbox, "sandbox")]));
    organizations(&hub.operator, "CloseAccount", &json!({ "AccountId": sandbox }));
    assert_eq!(expected(), is(&[(&payments, "payments")]));
}
