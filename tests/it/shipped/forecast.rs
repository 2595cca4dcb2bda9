//! `plan`, `status` and every `-o json`: what they show, and that they leave nothing behind.

use crate::site::{Site, parameter, table};
use manifests::report::State;
use serde_json::Value;

/// What `plan` shows and ends with, and that the account is after it what it was before.
#[track_caller]
fn plan(site: &Site, code: i32) -> (String, Value) {
    let (before, memory) = (site.inventory(), site.operator().parameter("/holdfast/memory"));
    let text = site.run(&["plan", "--detailed-exitcode"]);
    let json = site.run(&["plan", "--detailed-exitcode", "-o", "json"]);
    assert_eq!((text.code, json.code), (Some(code), Some(code)), "{text:#?}");
    assert_eq!(site.inventory(), before);
    assert_eq!(site.operator().parameter("/holdfast/memory"), memory);
    assert_eq!(site.called("sns:Publish"), 0);
    (text.stdout, json.json())
}

#[test]
fn a_plan_for_an_empty_account_leaves_it_empty() {
    let site = Site::of(&[("base", ""), ("top", "parameters: {Value: {output: {stack: base, key: Value}}}")]);
    let (text, json) = plan(&site, 2);
    assert!(text.contains("+ base (eu-central-1) will be created"), "{text}");
    assert!(text.contains("+ AWS::SSM::Parameter Parameter"), "{text}");
    assert_eq!((&json["counts"]["add"], &json["changes"][0]["verdict"]), (&Value::from(1), &Value::from("permitted")));
    assert_eq!(site.operator().status("base"), None);
    let asked: Vec<String> = site.calls().into_keys().filter(|call| call.starts_with("cloudformation:")).collect();
    assert_eq!(asked, ["cloudformation:DescribeStacks"], "a stack that is not there is not touched");
    site.once().expect(State::InSync, 0);
}

#[test]
fn a_plan_for_a_settled_account_is_nothing_to_do() {
    let site = Site::of(&[("base", "")]);
    site.once().expect(State::InSync, 0);
    let (text, json) = plan(&site, 0);
    assert!(text.contains("0 to add, 0 to change, 0 to replace, 0 to remove"), "{text}");
    assert_eq!(json["changes"], Value::Array(vec![]));
}

#[test]
fn a_plan_shows_a_change_with_its_values() {
    let site = Site::of(&[("base", "")]);
    site.once().expect(State::InSync, 0);
    site.write("base", "parameters: {Value: two}");
    site.repository.commit();
    let (text, json) = plan(&site, 2);
    assert!(text.contains("~ base (eu-central-1) will be updated"), "{text}");
    assert!(text.contains("Value: \"one\" → \"two\""), "{text}");
    let property = &json["changes"][0]["resources"][0]["properties"][0];
    assert_eq!((&property["before"], &property["after"]), (&Value::from("one"), &Value::from("two")));
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.report.stacks.len(), 1);
}

#[test]
fn a_plan_that_would_be_held_says_so_first() {
    let site = Site::of(&[("base", ""), ("stack", "")]);
    site.template("stack", &table("Id"));
    site.repository.commit();
    site.once().expect(State::InSync, 0);
    site.template("stack", &table("Name"));
    site.write("base", "parameters: {Value: two}");
    site.repository.commit();
    let (text, json) = plan(&site, 3);
    assert!(text.contains("-/+ AWS::DynamoDB::Table Table") && text.contains("# forces replacement"), "{text}");
    assert!(text.find("HELD:") < text.find("~ base"), "what is destroyed comes first: {text}");
    let again = plan(&site, 3).1;
    assert_eq!(json["digest"], again["digest"], "the same destruction has the same digest");
    assert_eq!(site.run(&["plan"]).code, Some(0), "only those who ask get the answer as an exit code");
}

#[test]
fn a_plan_for_what_cloudformation_refuses_fails_and_leaves_nothing() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.template("stack", "Resources: {A: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Nobody}}}\n");
    site.write("other", "");
    site.repository.commit();
    let (text, _) = plan(&site, 1);
    assert!(text.contains("Unresolved resource dependencies [Nobody]"), "{text}");
    assert!(text.contains("+ other (eu-central-1) will be created"), "{text}");
}

#[test]
fn a_new_stack_whose_template_can_not_be_read_is_shown_all_the_same() {
    let site = Site::of(&[("stack", "")]);
    site.template("stack", "Resources: [\n");
    site.repository.commit();
    let (text, json) = plan(&site, 2);
    assert!(text.contains("+ stack (eu-central-1) will be created"), "{text}");
    assert!(text.contains("can't be read from its template"), "{text}");
    assert_eq!(json["changes"][0]["resources"], Value::Array(vec![]));
}

#[test]
fn a_plan_for_a_failed_creation_or_a_stack_that_goes() {
    let site = Site::of(&[("stays", ""), ("goes", "prune: true\ndeletionPolicy: delete")]);
    site.without_grace();
    site.once().expect(State::InSync, 0);
    site.repository.remove("goes.yaml");
    site.repository.commit();
    let (text, json) = plan(&site, 2);
    assert!(text.contains("- goes (eu-central-1) will be DELETED"), "{text}");
    assert_eq!(json["changes"][0]["act"], "remove");
}

#[test]
fn status_shows_everything_and_changes_nothing() {
    let site = Site::of(&[("base", ""), ("away", "targets: {accounts: ['222222222222']}")]);
    let before = site.inventory();
    let ran = site.run(&["status"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.stdout.contains("base"), "{ran:#?}");
    assert_eq!((site.inventory(), site.called("ssm:PutParameter")), (before, 0));
    site.once().expect(State::InSync, 0);
    let ran = site.run(&["status"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("base") && ran.stdout.contains("in sync"), "{}", ran.stdout);
}

#[test]
fn every_result_is_one_json_document_errors_too() {
    let site = Site::of(&[("base", "")]);
    let folder = site.repository.folder().to_str().unwrap().to_owned();
    for arguments in [&["plan"][..], &["status"], &["once"], &["validate", &folder], &["version"]] {
        for more in [&[][..], &["--repository", "/nowhere"], &["--account", "999999999999"], &["--config", "/nowhere"]]
        {
            let all = [arguments, &["-o", "json"], more].concat();
            let ran = site.run(&all);
            assert!(ran.json().is_object(), "{all:?}: {ran:#?}");
            assert!(ran.code.is_some() && !ran.stderr.contains("panicked"), "{all:?}: {ran:#?}");
        }
    }
}

#[test]
fn what_is_piped_holds_no_escape_bytes() {
    let site = Site::of(&[("base", ""), ("broken", "prunes: true")]);
    site.template("base", &parameter("base", "two"));
    site.repository.commit();
    let folder = site.repository.folder().to_str().unwrap().to_owned();
    for arguments in [&["plan"][..], &["status"], &["once"], &["validate", &folder], &["--help"], &["nonsense"]] {
        let ran = site.run(&[arguments, &["--log", "debug"]].concat());
        assert!(!ran.said().contains('\u{1b}'), "{arguments:?}: {ran:#?}");
    }
}
