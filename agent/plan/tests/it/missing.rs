//! What a request still lacks, and the sentence that says so.

use crate::table::{HOME, World, check, fingerprint, word};

#[test]
fn a_label_that_the_account_lacks_is_named() {
    check(
        "app@1 Team=label:tier",
        "",
        "app: failed: account 111122223333 has no label `tier`; ends when the fleet file gives it one",
    );
    let world = World::of("app@1 Team=label:team", "");
    assert_eq!(world.step("app").action.asked().expect("created").fingerprint(), fingerprint("app@1 :Team=blue"));
}

#[test]
fn a_parameter_that_does_not_exist_is_named_with_its_region() {
    let text = "app: failed: SSM parameter `/ami` does not exist in eu-central-1; ends when it does";
    let mut world = World::of("app@1 Image=ssm:/ami", "");
    world.reads(text);
    world.values.read.insert(word(HOME), [("/other".into(), Ok("1".into()))].into());
    world.reads(text);
    world.values.read.insert(word(HOME), [("/ami".into(), Ok("ami-1".into()))].into());
    assert_eq!(world.step("app").action.asked().expect("created").fingerprint(), fingerprint("app@1 :Image=ami-1"));
}

#[test]
fn parameters_that_cant_be_read_are_not_taken_for_absent() {
    let mut world = World::of("app@1 Image=ssm:/ami", "");
    world.values.unreadable.insert(word(HOME), "AccessDeniedException: no".into());
    world.reads(
        "app: unknown: could not be looked at in eu-central-1: AccessDeniedException: no; ends when that succeeds",
    );
}

#[test]
fn an_output_that_the_other_stack_lacks_is_named() {
    check(
        "net@1, app@1 Vpc=net.Id",
        "net@1 CREATE_COMPLETE ours Arn=x",
        "app: failed: `net` has no output `Id` in eu-central-1; ends when its template gives it one
         net: in sync",
    );
}

#[test]
fn a_template_that_cant_be_read_costs_its_own_stack() {
    check(
        "app@x, net@1",
        "",
        "create net
         app: failed: t/x.yaml is not in the commit; ends with a commit that mends it",
    );
}

#[test]
fn a_changed_value_is_a_changed_request() {
    let mut world = World::of("app@1 Image=ssm:/ami", "app@1 CREATE_COMPLETE ours :Image=ami-1");
    world.values.read.insert(word(HOME), [("/ami".into(), Ok("ami-1".into()))].into());
    world.reads("app: in sync");
    world.values.read.insert(word(HOME), [("/ami".into(), Ok("ami-2".into()))].into());
    world.reads("update app");
}

#[test]
fn what_a_turn_has_to_read_is_known_before_it_reads() {
    let world = World::of("a@1 P=ssm:/x Q=ssm:/y, b/eu-west-1@1 P=ssm:/x, c@1 elsewhere P=ssm:/z", "");
    let references = plan::resolve::references(&world.selected());
    let flat: Vec<(&str, &str)> = references
        .iter()
        .flat_map(|(region, names)| names.iter().map(|name| (region.as_str(), name.as_str())))
        .collect();
    assert_eq!(flat, [(HOME, "/x"), (HOME, "/y"), ("eu-west-1", "/x")]);
}
