//! The files of `packaging/bootstrap`: whatever mechanism gives an account its agent, it tells the template what that wants to be told,
//! and nothing that it does not know.
//!
//! Not here: whether a mechanism works. Each is some other program's, and `packaging/bootstrap/README.md` says where it was tried.

use crate::binary::Ran;
use serde_json::Value;
use sim::template::parse;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

const AGENT: &str = include_str!("../../packaging/cloudformation/agent.yaml");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/bootstrap");

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(FOLDER).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Holds the parameters that a file tells against the template's.
#[track_caller]
fn check(file: &str, told: &BTreeSet<String>) {
    let template = parse::template(AGENT).unwrap();
    for name in told {
        assert!(template.parameters.contains_key(name), "{file} tells `{name}`, which the template does not know");
    }
    for (name, declared) in &template.parameters {
        assert!(declared.default.is_some() || told.contains(name), "{file} does not tell `{name}`");
    }
}

/// The words before `=` or `:` of the lines of a block, which begins with a line that ends so and is indented less.
fn block(text: &str, begins: &str, between: char) -> BTreeSet<String> {
    let mut lines = text.lines().skip_while(|line| line.trim() != begins);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let outside = indent(lines.next().unwrap_or_else(|| panic!("no `{begins}`")));
    let inside = lines.take_while(|line| line.trim().is_empty() || indent(line) > outside);
    inside.filter_map(|line| Some(line.trim().split_once(between)?.0.trim().to_owned())).collect()
}

#[test]
fn stacksets_tell_the_template_what_it_wants() {
    let all: Value = serde_json::from_str(&file("stacksets/parameters.json")).unwrap();
    let told = all.as_array().unwrap().iter().map(|one| one["ParameterKey"].as_str().unwrap().to_owned());
    check("stacksets/parameters.json", &told.collect());
}

#[test]
fn terraform_tells_the_template_what_it_wants_from_variables_that_are_there() {
    let main = file("terraform/main.tf");
    check("terraform/main.tf", &block(&main, "{", '='));
    let variables = file("terraform/variables.tf");
    let declared = |name: &str| variables.contains(&format!("variable \"{name}\" {{"));
    for used in
        main.split("var.").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
    {
        assert!(declared(used), "no variable `{used}`");
    }
    // What a customization of Account Factory hands to the module are its variables, all that have no default among them.
    let handed = block(&file("aft/terraform/holdfast.tf"), "module \"holdfast\" {", '=');
    let handed: BTreeSet<&str> = handed.iter().map(String::as_str).filter(|name| *name != "source").collect();
    handed.iter().for_each(|name| assert!(declared(name), "the module has no variable `{name}`"));
    for one in variables.split("variable \"").skip(1) {
        let (name, rest) = one.split_once('"').unwrap();
        assert!(rest.contains("default ") || handed.contains(name), "the customization does not hand `{name}` on");
    }
}

#[test]
fn org_formation_tells_the_template_what_it_wants() {
    check(
        "org-formation/organization-tasks.yml",
        &block(&file("org-formation/organization-tasks.yml"), "Parameters:", ':'),
    );
}

#[test]
fn templates_beside_the_agents_are_plain_and_small() {
    for name in [
        "control-tower/lifecycle.yaml",
        "stacksets/roles.yaml",
        "../cloudformation/hub.yaml",
        "../cloudformation/agent.yaml",
        "../cloudformation/agent-fargate.yaml",
        "../cloudformation/agent-ec2.yaml",
    ] {
        let text = file(name);
        let template = parse::template(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(template.transforms.is_empty() && text.len() < 51_200, "{name}: {} bytes", text.len());
    }
}

/// `createStackInstances` answers at once: whoever stops there would call every account given, and its alarm would never ring.
#[test]
fn control_tower_s_account_is_given_when_its_operation_succeeded_and_the_alarm_hears_of_every_other_end() {
    let template = parse::template(&file("control-tower/lifecycle.yaml")).unwrap();
    let states = &template.resources["Give"].properties["Definition"]["States"];
    let next = |state: &str| states[state]["Next"].as_str().unwrap_or_else(|| panic!("{state} ends")).to_owned();
    assert_eq!((next("Give").as_str(), next("Wait").as_str(), next("Look").as_str()), ("Wait", "Look", "Judge"));
    // Every status of an operation (API Reference, StackSetOperation).
    let check = |status: &str, expect: &str| {
        let choices = states["Judge"]["Choices"].as_array().unwrap();
        let chosen = choices.iter().find(|choice| choice["StringEquals"] == status);
        let to = chosen.map_or(&states["Judge"]["Default"], |choice| &choice["Next"]).as_str().unwrap();
        assert_eq!(states[to]["Type"], expect, "{status}");
    };
    ["RUNNING", "STOPPING", "QUEUED"].iter().for_each(|status| check(status, "Wait"));
    ["FAILED", "STOPPED"].iter().for_each(|status| check(status, "Fail"));
    check("SUCCEEDED", "Succeed");
    let alarm = &template.resources["NotGiven"].properties;
    assert_eq!(
        (&alarm["MetricName"], &alarm["TreatMissingData"]),
        (&"ExecutionsFailed".into(), &"notBreaching".into())
    );
}

/// What Account Factory runs last, with an `aws` that answers after a while, or never.
#[track_caller]
fn helper(answers: &str, code: i32, says: &str) {
    let folder = tempfile::tempdir().unwrap();
    let aws = folder.path().join("aws");
    fs::write(&aws, format!("#!/bin/sh\ncd {}\n{answers}\n", folder.path().display())).unwrap();
    let mode = Command::new("chmod").arg("0755").arg(&aws).status().unwrap();
    assert!(mode.success());
    let path = format!("{}:{}", folder.path().display(), crate::binary::path().to_string_lossy());
    let mut helper = Command::new("bash");
    helper.arg(Path::new(FOLDER).join("aft/api_helpers/post-api-helpers.sh")).env("PATH", path);
    let ran = Ran::of(helper.env("HOLDFAST_READY_ATTEMPTS", "3").env("HOLDFAST_READY_PAUSE", "0"));
    assert_eq!(ran.code, Some(code), "{ran:#?}");
    assert!(ran.stdout.contains(says) || ran.stderr.contains(says), "{ran:#?}");
}

#[test]
fn account_factory_waits_for_the_account_to_be_ready_and_says_when_it_is_not() {
    helper(
        "[ -e second ] && echo since yesterday && exit 0; touch second; exit 255",
        0,
        "the account is ready: since yesterday",
    );
    helper("exit 255", 1, "the account is not ready");
}
