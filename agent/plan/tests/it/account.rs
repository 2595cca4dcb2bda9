//! What the account and its people say: guardrails that forbid by name, holds, windows, grace, whose a stack is.

use crate::table::{World, at, word};
use manifests::guardrails::{self, Guardrails};
use plan::{
    leave::notice,
    orders::{Hold, Pin},
};
use std::time::Duration;

const HERE: &str = "net@1 CREATE_COMPLETE ours, old@1 CREATE_COMPLETE ours prune";

fn spec(spec: &str) -> Guardrails {
    let text = format!("apiVersion: holdfast/v1\nkind: Guardrails\nspec: {spec}\n");
    guardrails::parse(&word("guardrails.yaml"), text.as_bytes()).expect(spec)
}

/// A world whose account has these guardrails.
fn guarded(wanted: &str, there: &str, rails: &str) -> World {
    let mut world = World::of(wanted, there);
    world.policy.guardrails = spec(rails);
    world
}

fn hold(stack: Option<&str>, until: i64) -> Hold {
    Hold { stack: stack.map(word), until: at(until), reason: "incident 42".into(), by: "alice".into() }
}

#[test]
fn a_protected_stack_is_never_changed_created_or_deleted() {
    let because = "held: this account protects it (`stacks.protected: net*`); ends with a commit that asks for something \
                   else, or when the account's guardrails change";
    let rails = "{stacks: {protected: ['net*']}}";
    guarded("net@2", "net@1 CREATE_COMPLETE ours", rails).reads(&format!("net: {because}"));
    guarded("net@2, app@1", "", rails).reads(&format!("create app\nnet: {because}"));
    guarded("app@1", "app@1 CREATE_COMPLETE ours, network@1 CREATE_COMPLETE ours prune", rails)
        .reads(&format!("app: in sync\nnetwork: {because}"));
    guarded("net@1", "net@1 CREATE_COMPLETE ours", rails).reads("net: in sync");
}

#[test]
fn a_stack_has_the_prefix_and_the_role_that_the_account_wants() {
    guarded("net@1, prod-net@1", "", "{stacks: {prefix: prod-}}").reads(
        "create prod-net
         net: held: this account only has stacks whose names begin with `prod-`; ends with a commit that asks for something \
         else, or when the account's guardrails change",
    );
    let role = "arn:aws:iam::111122223333:role/cfn";
    let world = guarded("net@1, app@1", "", &format!("{{roleArn: '{role}'}}"));
    world.with("app", |app| app.role = Some(word(role))).reads(&format!(
        "create app
         net: held: this account only has stacks that CloudFormation changes as `{role}`; ends with a commit that writes it \
         as `roleArn` in stacks/net.yaml, or when the account's guardrails change"
    ));
}

#[test]
fn what_a_person_holds_is_left_alone_until_the_hold_ends_and_can_be_built_on() {
    let mut world = World::of("net@2, app@1 <- net", "net@1 CREATE_COMPLETE ours");
    world.orders.holds = vec![hold(Some("net"), 9_000), hold(Some("net"), 5_000)];
    world.reads(
        "create app
         net: excepted: on hold: incident 42 (alice); ends at 2025-06-15T17:36:40Z, or with `holdfast release`",
    );
    world.orders = world.orders.in_force(at(9_000));
    world.reads("update net\napp: pending: waits for eu-central-1/net to be in sync (now: pending)");
    world.orders.holds = vec![hold(None, 9_000)];
    let row = world.row("app");
    assert!(world.plan().steps.is_empty(), "the whole account is held: {row:?}");
}

#[test]
fn what_is_held_and_settled_is_in_sync() {
    let mut world = World::of("net@1", "net@1 CREATE_COMPLETE ours");
    world.orders.holds = vec![hold(None, 9_000)];
    world.reads("net: in sync");
}

#[test]
fn nothing_begins_while_a_window_is_shut_and_what_waits_says_until_when() {
    // It is 2025-06-15 16:06:40 UTC, a Sunday.
    let world = |windows: &str| guarded("net@2", "net@1 CREATE_COMPLETE ours", &format!("{{windows: [{windows}]}}"));
    let freeze = "{kind: deny, schedule: '0 0 * * SUN', duration: 1d, reason: no Sundays}";
    world(freeze).reads("net: pending: waits for the account's window (no Sundays); begins at 2025-06-16T00:00:00Z");
    let longer = "{kind: deny, schedule: '0 12 * * SUN', duration: 2d}";
    world(&format!("{freeze}, {longer}"))
        .reads("net: pending: waits for the account's window; begins at 2025-06-17T12:00:00Z");
    world("{kind: deny, schedule: '0 0 * * MON', duration: 1d}").reads("update net");
    let nights = "{kind: allow, schedule: '0 22 * * *', duration: 4h, timeZone: Europe/Berlin}";
    world(nights).reads("net: pending: waits for the account's window; begins at 2025-06-15T20:00:00Z");
    world(&format!("{nights}, {{kind: allow, schedule: '0 16 * * *', duration: 1h}}")).reads("update net");
}

#[test]
fn what_has_begun_is_not_interrupted_by_a_window() {
    let rails = "{windows: [{kind: deny, schedule: '0 0 * * SUN', duration: 1d}]}";
    guarded("net@2", "net@1 UPDATE_IN_PROGRESS ours", rails)
        .pending("net", plan::memory::Started::Update, 60)
        .reads("net: applying: being updated since 2025-06-15T16:05:40Z (UPDATE_IN_PROGRESS); ends when CloudFormation is done");
}

#[test]
fn when_nothing_may_begin_everything_due_says_why_and_the_rest_stands_as_it_does() {
    let mut world = World::of("net@1, app@1", HERE);
    world.closed = Some("the account's guardrails can't be read: no; ends when they can".into());
    world.reads(
        "app: held: the account's guardrails can't be read: no; ends when they can
         net: in sync
         old: held: the account's guardrails can't be read: no; ends when they can",
    );
}

#[test]
fn a_turn_begins_only_so_many_changes_and_the_account_may_have_fewer_seats() {
    let mut world = guarded("a@1, b@1, c@1", "", "{limits: {stacksPerTurn: 2}}");
    let wait = "pending: this turn has begun 2 changes, as many as the account allows in one; ends with the next turn";
    world.reads(&format!("create a\ncreate b\nc: {wait}"));
    world.begun.stacks = 2;
    world.reads(&format!("a: {wait}\nb: {wait}\nc: {wait}"));
    let world = guarded("a@1, b@1", "", "{concurrency: 1}");
    world.reads("create a\nb: pending: waits for one of the stacks being changed now to be done");
}

/// A world in which deleting goes like this.
fn pruning(wanted: &str, there: &str, grace: u64, shrink: u32) -> World {
    let mut world = World::of(wanted, there);
    world.policy.guardrails.prune = guardrails::Prune { grace: Duration::from_secs(grace), shrink };
    world
}

/// Notes what a turn notes when it has looked.
fn noticing(mut world: World) -> World {
    let selected = world.selected();
    notice(&mut world.memory, &selected, &world.found, &world.policy.owner, world.now);
    world
}

#[test]
fn a_stack_whose_manifest_left_is_given_a_while() {
    let world = pruning("net@1", HERE, 3_600, 100);
    let wait = |until: &str| {
        format!(
            "net: in sync\nold: pending: the manifest `old` no longer asks for it; deleted at {until}, unless it does again by then"
        )
    };
    world.reads(&wait("2025-06-15T17:06:40Z"));
    let mut world = noticing(world);
    world.now = at(7_199);
    world.reads(&wait("2025-06-15T17:06:40Z"));
    world.now = at(7_200);
    world.reads("remove old\nnet: in sync");
    // The manifest comes back, and leaves again: the while begins anew.
    let mut back = World { memory: world.memory.clone(), ..pruning("net@1, old@1 prune", HERE, 3_600, 100) };
    back.now = at(7_200);
    let mut gone = World { memory: noticing(back).memory, ..world };
    gone.now = at(9_000);
    gone.reads(&wait("2025-06-15T18:36:40Z"));
}

#[test]
fn when_half_of_everything_would_go_at_once_nothing_does() {
    let all = "net@1 CREATE_COMPLETE ours, a@1 CREATE_COMPLETE ours prune, b@1 CREATE_COMPLETE ours prune";
    let because = "unknown: the manifest `$` no longer asks for it, but the stack stays: 2 of this account's 3 stacks would go at \
                   once, and more than 50 % looks like a mistake; ends with a commit that removes fewer, or when the \
                   account's guardrails raise `prune.shrink`";
    let stays = |name: &str| format!("{name}: {}", because.replace('$', name));
    pruning("net@1", all, 0, 50).reads(&format!("{}\n{}\nnet: in sync", stays("a"), stays("b")));
    pruning("net@1", all, 0, 67).reads("remove a\nremove b\nnet: in sync");
    pruning("net@1, a@1 prune", all, 0, 50).reads("remove b\na: in sync\nnet: in sync");
}

#[test]
fn the_last_word_of_a_manifest_counts_and_not_the_tag_that_an_earlier_one_left() {
    // The last commit that had the manifest said that the stack stays; that change was not made before it left.
    let mut held = noticing(pruning("net@1, old@2", HERE, 0, 100));
    held.orders.holds = vec![hold(Some("old"), 9_000)];
    let gone = World { memory: held.memory, ..pruning("net@1", HERE, 0, 100) };
    gone.reads(
        "net: in sync
         old: excepted: the manifest `old` no longer asks for it, and did not say `prune: true` with `deletionPolicy: \
         delete`; stays until a person deletes it or a manifest asks for it again",
    );
}

#[test]
fn a_pinned_account_deletes_nothing() {
    let mut world = World::of("net@1", HERE);
    let (reason, by) = ("the new one is broken".into(), "alice".into());
    world.orders.pin = Some(Pin { commit: word(&"a".repeat(40)), until: at(9_000), reason, by });
    let row = world.row("old");
    assert!(row.stand != plan::step::Stand::Settled && world.plan().steps.is_empty(), "{row:?}");
}

#[test]
fn a_stack_that_was_made_anew_by_somebody_is_not_ours_whatever_its_tags_say() {
    let anew = "a stack of this name carries our tags and is not the one that was ours: somebody made it anew; left alone until \
                it goes, or a manifest takes it over with `adopt: true` (`holdfast adopt` writes one)";
    let world = noticing(World::of("net@1", HERE));
    let mut other = World { memory: world.memory, ..World::of("net@2", HERE) };
    for stack in other.found.stacks.values_mut() {
        stack.id.push('2');
    }
    other.reads(&format!("net: needs a person: {anew}\nold: needs a person: {anew}"));
    // While we bring one up ourselves, its ARN is not known yet.
    let coming = other.clone().pending("net", plan::memory::Started::Create, 60);
    assert!(coming.row("net").stand != other.row("net").stand);
    // Without a memory of it, the tag is all there is.
    World { memory: plan::memory::Memory::new("e2".into()), ..other }
        .reads("update net\nold: pending: is removed once every stack that is wanted here is in sync");
}
