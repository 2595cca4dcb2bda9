//! Every one of the 23 statuses is reached, and by which road.

use super::bench::{Bench, SMALL};
use crate::{
    cfn::{
        api::{ContinueUpdateRollback, CreateStack, DeleteStack, ResourceToImport, RollbackStack, Status, UpdateStack},
        words::{ChangeSetType, OnFailure},
    },
    store::{Key, Work},
    world::Timing,
};
use Status::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const TWO: &str = "
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /p, Type: String, Value: one}}
";
const TWO_CHANGED: &str = "
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /p, Type: String, Value: two}}
  Q: {Type: AWS::SSM::Parameter, DependsOn: P, Properties: {Name: /taken, Type: String, Value: x}}
";
const IMPORTS: &str = "
Resources:
  P: {Type: AWS::SSM::Parameter, DeletionPolicy: Retain, Properties: {Name: /found, Type: String, Value: x}}
  Q: {Type: AWS::SSM::Parameter, DependsOn: P, DeletionPolicy: Retain, Properties: {Name: /found2, Type: String, Value: x}}
";

fn taken(bench: &mut Bench) {
    place(bench, "/taken");
}

fn place(bench: &mut Bench, name: &str) {
    let key = Key::new(&bench.region, "AWS::SSM::Parameter", name);
    let properties = json!({"Name": name, "Type": "String", "Value": "x"}).as_object().unwrap().clone();
    let account = bench.account.clone();
    bench.world.place_resource(&account, key, properties);
}

fn creation_that_fails(bench: &mut Bench, on_failure: OnFailure) -> Vec<Status> {
    taken(bench);
    let deployment = Bench::deployment("s", TWO_CHANGED, &[]);
    bench
        .cfn()
        .create_stack(CreateStack { deployment, on_failure: Some(on_failure), ..CreateStack::default() })
        .unwrap();
    bench.rest("s")
}

fn good(bench: &mut Bench) -> Vec<Status> {
    let mut seen = bench.create("s", TWO);
    seen.extend(bench.update("s", &TWO.replace("one", "two")));
    seen.extend(bench.delete("s"));
    seen
}

fn failed_update(bench: &mut Bench) -> Vec<Status> {
    bench.create("s", TWO);
    taken(bench);
    bench.update("s", TWO_CHANGED)
}

fn failed_creation(bench: &mut Bench) -> Vec<Status> {
    creation_that_fails(bench, OnFailure::Rollback)
}

fn failed_creation_left_there(bench: &mut Bench) -> Vec<Status> {
    let mut seen = creation_that_fails(bench, OnFailure::DoNothing);
    bench.cfn().rollback_stack(RollbackStack { stack_name: "s".into(), ..RollbackStack::default() }).unwrap();
    seen.push(DeleteInProgress);
    seen
}

fn failed_creation_that_cleans_up(bench: &mut Bench) -> Vec<Status> {
    creation_that_fails(bench, OnFailure::Delete)
}

fn cancelled_update(bench: &mut Bench) -> Vec<Status> {
    bench.create("s", TWO);
    let deployment = Bench::deployment("s", &TWO.replace("one", "two"), &[]);
    bench.cfn().update_stack(UpdateStack { deployment, ..UpdateStack::default() }).unwrap();
    bench.cfn().cancel_update_stack("s", None).unwrap();
    let seen = bench.rest("s");
    assert_eq!(bench.live("s", "P", "Value"), Some("one".into()));
    seen
}

fn failed_update_left_there(bench: &mut Bench) -> Vec<Status> {
    bench.create("s", TWO);
    taken(bench);
    let deployment = Bench::deployment("s", TWO_CHANGED, &[]);
    let request = UpdateStack { deployment, disable_rollback: Some(true), ..UpdateStack::default() };
    bench.cfn().update_stack(request).unwrap();
    let mut seen = bench.rest("s");
    bench.cfn().rollback_stack(RollbackStack { stack_name: "s".into(), ..RollbackStack::default() }).unwrap();
    seen.extend(bench.rest("s"));
    assert_eq!(bench.live("s", "P", "Value"), Some("one".into()));
    seen
}

fn stuck_rollback(bench: &mut Bench) -> Vec<Status> {
    bench.create("s", TWO);
    taken(bench);
    bench.wreck("s", "P", Work::Update, 1);
    let mut seen = bench.update("s", TWO_CHANGED);
    assert_eq!(bench.reason("s").as_deref(), Some("The following resource(s) failed to update: [P]."));
    bench.mend("s", "P");
    let again = ContinueUpdateRollback { stack_name: "s".into(), ..ContinueUpdateRollback::default() };
    bench.cfn().continue_update_rollback(again).unwrap();
    seen.extend(bench.rest("s"));
    assert_eq!(bench.live("s", "P", "Value"), Some("one".into()));
    seen
}

fn stuck_rollback_of_a_creation(bench: &mut Bench) -> Vec<Status> {
    let plant = json!({"stack": "s", "logical": "P", "work": "delete", "reason": "wrecked"});
    bench.world.faults.plant(serde_json::from_value(plant).unwrap());
    creation_that_fails(bench, OnFailure::Rollback)
}

fn stuck_deletion(bench: &mut Bench) -> Vec<Status> {
    bench.create("s", TWO);
    bench.wreck("s", "P", Work::Delete, 0);
    let mut seen = bench.delete("s");
    let id = bench.cfn().describe_stacks(Some("s"), None).unwrap().items[0].stack_id.clone();
    let retain = DeleteStack { stack_name: "s".into(), retain_resources: vec!["P".into()], ..DeleteStack::default() };
    bench.cfn().delete_stack(retain).unwrap();
    seen.extend(bench.rest(&id));
    assert!(bench.exists("AWS::SSM::Parameter", "/p"));
    seen
}

fn review(bench: &mut Bench) -> Vec<Status> {
    bench.propose(Bench::change_set("s", "c", ChangeSetType::Create, SMALL));
    vec![bench.status("s")]
}

fn imports(bench: &mut Bench) -> Vec<Status> {
    import(bench, &["/found", "/found2"])
}

fn failed_import(bench: &mut Bench) -> Vec<Status> {
    import(bench, &["/found"])
}

fn stuck_import(bench: &mut Bench) -> Vec<Status> {
    let plant = json!({"stack": "s", "logical": "P", "work": "update", "reason": "wrecked", "after": 1});
    bench.world.faults.plant(serde_json::from_value(plant).unwrap());
    import(bench, &["/found"])
}

fn import(bench: &mut Bench, there: &[&str]) -> Vec<Status> {
    there.iter().for_each(|name| place(bench, name));
    let entry = |logical: &str, name: &str| ResourceToImport {
        resource_type: "AWS::SSM::Parameter".to_owned(),
        logical_resource_id: logical.to_owned(),
        resource_identifier: BTreeMap::from([("Name".to_owned(), name.to_owned())]),
    };
    let mut request = Bench::change_set("s", "c", ChangeSetType::Import, IMPORTS);
    request.resources_to_import = vec![entry("P", "/found"), entry("Q", "/found2")];
    let set = bench.propose(request);
    bench.execute(&set.change_set_id);
    bench.rest("s")
}

/// A name, how it is walked, and all the statuses on it.
type Road = (&'static str, fn(&mut Bench) -> Vec<Status>, &'static [Status]);

const ROADS: &[Road] = &[
    (
        "create, update, delete",
        good,
        &[
            CreateInProgress,
            CreateComplete,
            UpdateInProgress,
            UpdateCompleteCleanupInProgress,
            UpdateComplete,
            DeleteInProgress,
            DeleteComplete,
        ],
    ),
    (
        "an update that fails",
        failed_update,
        &[UpdateInProgress, UpdateRollbackInProgress, UpdateRollbackCompleteCleanupInProgress, UpdateRollbackComplete],
    ),
    ("a creation that fails", failed_creation, &[CreateInProgress, RollbackInProgress, RollbackComplete]),
    (
        "a creation that fails, rollback disabled",
        failed_creation_left_there,
        &[CreateInProgress, CreateFailed, DeleteInProgress],
    ),
    (
        "a creation that fails, to be deleted",
        failed_creation_that_cleans_up,
        &[CreateInProgress, DeleteInProgress, DeleteComplete],
    ),
    (
        "an update that is cancelled",
        cancelled_update,
        &[UpdateInProgress, UpdateRollbackInProgress, UpdateRollbackCompleteCleanupInProgress, UpdateRollbackComplete],
    ),
    (
        "an update that fails, rollback disabled",
        failed_update_left_there,
        &[
            UpdateInProgress,
            UpdateFailed,
            UpdateRollbackInProgress,
            UpdateRollbackCompleteCleanupInProgress,
            UpdateRollbackComplete,
        ],
    ),
    (
        "a rollback that gets stuck and is continued",
        stuck_rollback,
        &[
            UpdateInProgress,
            UpdateRollbackInProgress,
            UpdateRollbackFailed,
            UpdateRollbackInProgress,
            UpdateRollbackCompleteCleanupInProgress,
            UpdateRollbackComplete,
        ],
    ),
    (
        "a creation whose rollback gets stuck",
        stuck_rollback_of_a_creation,
        &[CreateInProgress, RollbackInProgress, RollbackFailed],
    ),
    ("a deletion that gets stuck", stuck_deletion, &[DeleteInProgress, DeleteFailed, DeleteInProgress, DeleteComplete]),
    ("a shell", review, &[ReviewInProgress]),
    ("an import", imports, &[ImportInProgress, ImportComplete]),
    ("an import that fails", failed_import, &[ImportInProgress, ImportRollbackInProgress, ImportRollbackComplete]),
    (
        "an import whose rollback gets stuck",
        stuck_import,
        &[ImportInProgress, ImportRollbackInProgress, ImportRollbackFailed],
    ),
];

fn walk(timing: &Timing) {
    let mut reached = BTreeSet::new();
    for (name, road, statuses) in ROADS {
        let mut seen = road(&mut Bench::with(timing.clone()));
        seen.dedup();
        assert_eq!(seen, *statuses, "{name}");
        reached.extend(seen);
    }
    let missing: Vec<&Status> = Status::ALL.iter().filter(|status| !reached.contains(*status)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn all_23_statuses_are_reached_with_time() {
    walk(&Timing::realistic());
}

#[test]
fn all_23_statuses_are_seen_without_time() {
    walk(&Timing::instant());
}
