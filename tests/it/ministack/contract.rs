//! One story, told in our own simulated account and in ministack's: what the agent reports has to be the same, word for
//! word, save times. Where both claim to be like AWS, neither may be unlike the other.

use super::account::Account;
use crate::{
    binary::Checkout,
    site::{Site, Turn, manifest, parameter, table},
    wire::Operator,
};
use manifests::report::What;

/// What an account is after a turn: its state and exit code, each stack with state, status and what happened to it.
type Scene = (String, Option<i32>, Vec<(String, String, Option<String>)>, Vec<(String, What)>);

fn scene(turn: &Turn) -> Scene {
    let stacks = turn
        .report
        .stacks
        .iter()
        .map(|stack| (stack.stack.to_string(), stack.state.as_str().to_owned(), stack.status.clone()));
    let happened = turn.report.happened.iter().filter_map(|one| Some((one.stack.as_ref()?.to_string(), one.what)));
    (turn.report.state.as_str().to_owned(), turn.ran.code, stacks.collect(), happened.collect())
}

/// The story. Every commit in it is one that somebody makes on some day.
fn story(repository: &Checkout, operator: &Operator, once: impl Fn(&[&str]) -> Turn) -> Vec<Scene> {
    let write = |name: &str, spec: &str, template: &str| {
        repository.write(&format!("{name}.yaml"), manifest(name, spec));
        repository.write(&format!("{name}.template"), template);
    };
    operator.guardrails("{prune: {grace: 0s, shrink: 100}}");
    let mut scenes = Vec::new();
    let mut turn = |arguments: &[&str]| scenes.push(scene(&once(arguments)));
    let taking = "parameters: {Value: {output: {stack: base, key: Value}}}";
    write("base", "", &parameter("base", "one"));
    write("top", taking, &parameter("top", "x"));
    write("kept", "", &table("Id"));
    write("goes", "prune: true\ndeletionPolicy: delete", &parameter("goes", "one"));
    repository.commit();
    turn(&[]);
    turn(&[]);
    write("base", "parameters: {Value: two}", &parameter("base", "one"));
    repository.commit();
    turn(&[]);
    write("kept", "", &table("Name"));
    repository.commit();
    turn(&[]);
    write("kept", "", &table("Id"));
    repository.remove("goes.yaml");
    repository.commit();
    turn(&[]);
    operator.put("/late", "String", "somebody else's");
    write("late", "", &parameter("late", "one"));
    repository.commit();
    turn(&[]);
    operator.ssm("DeleteParameter", &serde_json::json!({ "Name": "/late" }));
    turn(&["--retry-after", "0s"]);
    turn(&[]);
    scenes
}

#[test]
fn both_accounts_tell_the_same_story() {
    let Some(theirs) = Account::new() else { return };
    let ours = Site::of(&[]);
    let told_there = story(&theirs.repository, &theirs.operator, |arguments| theirs.once_with(arguments));
    let told_here = story(&ours.repository, &ours.operator(), |arguments| ours.once_with(arguments));
    for (number, (here, there)) in told_here.iter().zip(&told_there).enumerate() {
        assert_eq!(here, there, "scene {number}: ours, and ministack's");
    }
    assert_eq!(told_here.len(), told_there.len());
}
