//! Which manifests are for an account, and where.

use crate::table::{ACCOUNT, HOME, World, key, manifest, repository, word};
use manifests::{
    fleet::{self, Fleet},
    id::Region,
    stack::{Location, Targets},
};
use plan::select::{Account, keys, regions};
use std::collections::BTreeMap;

fn labels(text: &str) -> BTreeMap<String, String> {
    text.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
}

/// Whether a stack with these targets is for account 111122223333, whose labels are `env=prod team=blue`.
#[track_caller]
fn is_for(accounts: &str, wants: &str, not_accounts: &str, not: &str, expect: bool) {
    let targets = Targets {
        accounts: accounts.split_whitespace().map(word).collect(),
        labels: labels(wants),
        exclude_accounts: not_accounts.split_whitespace().map(word).collect(),
        exclude_labels: labels(not),
    };
    let mut world = World::of("app@1", "").with("app", |stack| stack.targets = targets);
    world.account.labels = labels("env=prod team=blue");
    assert_eq!(world.selected().wanted.contains_key(&key("app")), expect);
}

#[test]
fn everything_that_is_said_must_hold_and_nothing_said_means_everyone() {
    const OTHER: &str = "999988887777";
    is_for("", "", "", "", true);
    is_for(ACCOUNT, "", "", "", true);
    is_for(OTHER, "", "", "", false);
    is_for("", "env=prod", "", "", true);
    is_for("", "env=prod team=blue", "", "", true);
    is_for("", "env=prod team=red", "", "", false);
    is_for("", "owner=x", "", "", false);
    is_for(ACCOUNT, "env=test", "", "", false);
    is_for(OTHER, "env=prod", "", "", false);
    is_for("", "", ACCOUNT, "", false);
    is_for("", "", OTHER, "", true);
    is_for("", "", "", "env=prod", false);
    is_for("", "", "", "env=prod team=red", true);
    is_for(ACCOUNT, "env=prod", "", "team=blue", false);
}

#[test]
fn an_account_that_the_fleet_does_not_list_has_no_name_and_no_labels() {
    let mut fleet = Fleet::default();
    let account = |fleet: &Fleet| Account::new(word(ACCOUNT), word(HOME), fleet);
    assert_eq!((account(&fleet).name, account(&fleet).labels), (None, BTreeMap::new()));
    let listed = fleet::Account {
        id: word(ACCOUNT),
        name: Some("audit".into()),
        labels: labels("env=prod"),
        at: Location { file: word("fleet.yaml"), line: 1 },
    };
    fleet.accounts.insert(word(ACCOUNT), listed);
    assert_eq!((account(&fleet).name, account(&fleet).labels), (Some("audit".into()), labels("env=prod")));
}

#[test]
fn a_stack_lives_at_home_unless_regions_are_named() {
    let mut stack = manifest("app");
    assert_eq!(keys(&stack, &word(HOME)), [key("app")]);
    stack.regions = vec![word("us-east-1"), word("eu-west-1")];
    assert_eq!(keys(&stack, &word(HOME)), [key("app/us-east-1"), key("app/eu-west-1")]);
    stack.stack_name = word("App-v2");
    assert_eq!(keys(&stack, &word(HOME)), [key("App-v2/us-east-1"), key("App-v2/eu-west-1")]);
}

#[test]
fn a_turn_looks_at_home_and_wherever_something_is_wanted_or_read() {
    let looks = |text: &str| -> Vec<String> {
        let regions = regions(&repository(text), &World::of("", "").account);
        regions.iter().map(Region::to_string).collect()
    };
    assert_eq!(looks(""), [HOME]);
    assert_eq!(looks("a/eu-west-1+us-east-1@1"), [HOME, "eu-west-1", "us-east-1"]);
    assert_eq!(looks("a/eu-west-1@1 elsewhere"), [HOME]);
    assert_eq!(looks("a@1 P=net.Id@us-west-2"), [HOME, "us-west-2"]);
}

#[test]
fn a_template_that_cant_be_read_is_a_fact_about_its_own_stack() {
    let selected = World::of("a@x, b@1", "").selected();
    assert!(selected.wanted[&key("a")].template.is_err());
    assert!(selected.wanted[&key("b")].template.is_ok());
}

#[test]
fn a_broken_manifest_keeps_its_first_problem() {
    let mut repository = repository("net!, net!");
    repository.problems[1].message = "another".into();
    let world = World { repository, ..World::of("", "") };
    assert_eq!(world.selected().broken[&word("net")], "stacks/net.yaml:7:3: unknown field `parameterz`");
}
