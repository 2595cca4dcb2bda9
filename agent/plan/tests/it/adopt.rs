//! Taking over what somebody else made: what can be, what stands in the way, and the manifest that comes of it.

use crate::table::{World, found, key, word};
use manifests::{
    artifact::Below,
    guardrails,
    id::{AccountId, RepoPath},
    parse::{Content, File, Repository, Tree, parse},
    stack::{Stack, Value},
};
use plan::{
    adopt::{Draft, Existing, Secrets, draft, refused, scalar},
    memory::Memory,
    resolve::OWNER,
};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

const ACCOUNT: &str = "111122223333";

fn existing(entry: &str) -> Existing {
    let (_, found) = found(entry);
    Existing { found, root: None, capabilities: [].into(), role: None, alarms: vec![], monitor_min: 0 }
}

fn drawn(existing: &Existing, template: &str, secrets: Secrets) -> Draft {
    let account: AccountId = word(ACCOUNT);
    draft(&key("net"), existing, &account, template, secrets)
}

struct Template(RepoPath);

impl Tree for Template {
    fn size(&self, path: &RepoPath) -> Option<u64> {
        (*path == self.0).then_some(100)
    }

    fn below(&self, _: &RepoPath) -> Below {
        Below::default()
    }
}

fn read(draft: &Draft) -> Repository {
    let file = File { path: word(&draft.file), content: Content::Bytes(draft.text.as_bytes()) };
    parse(&[file], &Template(word(&draft.template)))
}

/// The stack that a draft asks for.
#[track_caller]
fn stack(draft: &Draft) -> Arc<Stack> {
    let read = read(draft);
    assert_eq!(read.problems, [], "{}", draft.text);
    Arc::clone(&read.stacks[&word("net")])
}

#[test]
fn what_can_be_taken_over_and_what_ends_it_when_it_cannot() {
    let check = |entry: &str, root: Option<&str>, expect: Option<&str>| {
        let existing = Existing { root: root.map(Into::into), ..existing(entry) };
        let why = refused(&key("net"), &existing, "main", &Memory::new("e1".into()));
        assert_eq!(why.as_deref(), expect, "{entry}");
    };
    check("net@- CREATE_COMPLETE", None, None);
    check("net@x UPDATE_ROLLBACK_COMPLETE", None, None);
    check("net@- IMPORT_COMPLETE", None, None);
    check(
        "net@- CREATE_COMPLETE nested",
        Some("arn:aws:cloudformation:eu-central-1:111122223333:stack/outer/1"),
        Some("`net` is nested in another stack and goes with it; adopt the root stack instead: `outer`"),
    );
    check(
        "net@- CREATE_COMPLETE theirs",
        None,
        Some(
            "`net` belongs to the installation other; it can be taken over once that lets go of it (its tag \
             `holdfast:owner` is gone)",
        ),
    );
    check(
        "net@1 CREATE_COMPLETE ours",
        None,
        Some("`net` is this installation's already (manifest net); there is nothing to take over"),
    );
    check(
        "net@- REVIEW_IN_PROGRESS",
        None,
        Some(
            "`net` holds nothing yet (REVIEW_IN_PROGRESS): it waits for its first change set; adopt it once that was \
             executed, or delete it and let a manifest make it",
        ),
    );
    check(
        "net@- UPDATE_IN_PROGRESS",
        None,
        Some("`net` is being changed (UPDATE_IN_PROGRESS); adopt it again when CloudFormation is done"),
    );
    check(
        "net@- ROLLBACK_COMPLETE",
        None,
        Some("`net` never came up (ROLLBACK_COMPLETE); delete it, and let a manifest make it"),
    );
    check(
        "net@- UPDATE_ROLLBACK_FAILED",
        None,
        Some(
            "`net` is half done (UPDATE_ROLLBACK_FAILED) and takes no change set; first mend what stops the rollback, then \
             `aws cloudformation continue-update-rollback` it, or name what it may leave out in the manifest's \
             `recovery.skip`",
        ),
    );
    check("net@- DELETE_COMPLETE", None, Some("`net` is gone (DELETE_COMPLETE); there is nothing to take over"));
    check(
        "net@- CREATE_PAUSED",
        None,
        Some("`net` is CREATE_PAUSED, which this version does not know; adopt it with a newer one"),
    );
}

#[test]
fn one_that_carries_our_tags_and_was_made_anew_can_be_taken_over() {
    let ours = existing("net@1 CREATE_COMPLETE ours");
    let mut memory = Memory::new("e1".into());
    memory.own(&key("net"), &ours.found.id);
    assert!(refused(&key("net"), &ours, "main", &memory).is_some());
    memory.own(&key("net"), "arn:another");
    assert_eq!(refused(&key("net"), &ours, "main", &memory), None);
}

/// A world whose account lets stacks be taken over, or not, and a manifest that asks for it, or does not.
fn world(adopt: bool, may: bool, there: &str) -> World {
    let mut world = World::of("net@1", there).with("net", |net| net.adopt = adopt);
    let text = format!("apiVersion: holdfast/v1\nkind: Guardrails\nspec: {{may: {{adopt: {may}}}}}\n");
    world.policy.guardrails = guardrails::parse(&word("guardrails.yaml"), text.as_bytes()).expect("guardrails");
    world
}

#[test]
fn a_stack_of_somebody_else_is_taken_over_only_when_both_sides_say_so() {
    let stays = |adopt: bool, may: bool, there: &str, whose: &str, way: &str| {
        world(adopt, may, there).reads(&format!(
            "net: needs a person: a stack of this name exists and {whose}: it is left alone until it goes, the manifest takes \
             another `stackName`, {way}"
        ));
    };
    let (nobodys, theirs) = ("carries no `holdfast:owner` tag", "belongs to the installation `other`");
    let manifest = "or a manifest takes it over with `adopt: true` (`holdfast adopt` writes one)";
    let guardrails = "or the account's guardrails let it be taken over (`may.adopt`), as its manifest asks";
    world(true, true, "net@- CREATE_COMPLETE").reads("update net");
    world(true, true, "net@- UPDATE_ROLLBACK_COMPLETE").reads("update net");
    stays(false, true, "net@- CREATE_COMPLETE", nobodys, manifest);
    stays(false, false, "net@- CREATE_COMPLETE", nobodys, manifest);
    stays(true, false, "net@- CREATE_COMPLETE", nobodys, guardrails);
    let status = "or it is no longer UPDATE_ROLLBACK_FAILED, in which it can't be taken over, as its manifest asks";
    stays(true, true, "net@- UPDATE_ROLLBACK_FAILED", nobodys, status);
    stays(true, true, "net@- CREATE_COMPLETE theirs", theirs, "or the other installation lets go of it");
    world(true, true, "net@- CREATE_COMPLETE nested").reads(
        "net: needs a person: is part of another stack and left alone until the manifest takes another `stackName`",
    );
}

#[test]
fn one_that_was_made_anew_is_a_stranger_until_both_sides_say_so() {
    let anew = |adopt: bool, may: bool| {
        let mut world = world(adopt, may, "net@2 CREATE_COMPLETE ours");
        world.memory.own(&key("net"), "arn:another");
        world
    };
    let step = anew(true, true).step("net");
    assert!(step.adopting, "{step:?}");
    anew(true, false).reads(
        "net: needs a person: a stack of this name carries our tags and is not the one that was ours: somebody made it anew; \
         left alone until it goes, or the account's guardrails let it be taken over (`may.adopt`), as its manifest asks",
    );
}

#[test]
fn a_manifest_says_what_the_stack_is_and_for_which_account() {
    let mut net = existing("net@- CREATE_COMPLETE");
    net.found.parameters = BTreeMap::from([("Days".into(), "030".into()), ("Name".into(), "a: b # c".into())]);
    for (key, value) in [("team", "blue"), ("aws:cloudformation:x", "y"), ("Holdfast:manifest", "m"), ("a b", "")] {
        net.found.tags.insert(key.into(), value.into());
    }
    net.capabilities = ["CAPABILITY_NAMED_IAM".into(), "CAPABILITY_IAM".into()].into();
    net.role = Some("arn:aws:iam::111122223333:role/cfn".into());
    net.alarms =
        vec![("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:a-b".into(), "AWS::CloudWatch::Alarm".into())];
    net.monitor_min = 12;
    let draft = drawn(&net, "\n {\"Resources\": {}}", Secrets::Open);
    assert_eq!((draft.file.as_str(), draft.template.as_str()), ("net.yaml", "net.template.json"));
    assert_eq!((draft.notes.len(), draft.secrets.len()), (0, 0));
    let asked = stack(&draft);
    let text = |text: &str| Value::Literal(text.into());
    assert_eq!(asked.parameters, BTreeMap::from([("Days".into(), text("030")), ("Name".into(), text("a: b # c"))]));
    assert_eq!(asked.tags, BTreeMap::from([("team".into(), "blue".into()), ("a b".into(), String::new())]));
    assert_eq!(asked.capabilities.len(), 2);
    assert_eq!(asked.role, Some(word("arn:aws:iam::111122223333:role/cfn")));
    assert_eq!((asked.rollback.alarms.len(), asked.rollback.monitor.as_secs()), (1, 720));
    assert_eq!(asked.regions, [word("eu-central-1")]);
    assert!(asked.adopt && !asked.prune);
    assert!(asked.targets.hold(&word(ACCOUNT), &BTreeMap::new()));
    assert!(!asked.targets.hold(&word("222222222222"), &BTreeMap::new()), "no other account is asked for it");
}

#[test]
fn a_secret_has_to_be_filled_in_before_its_manifest_is_accepted() {
    let mut net = existing("net@- CREATE_COMPLETE protected");
    net.found.parameters = BTreeMap::from([("Password".into(), "****".into()), ("Open".into(), "x".into())]);
    net.alarms = vec![("arn:c".into(), "AWS::CloudWatch::CompositeAlarm".into())];
    net.capabilities = ["CAPABILITY_FLY".into()].into();
    let draft = drawn(&net, "Resources: {}", Secrets::Open);
    assert_eq!(draft.template, "net.template.yaml");
    assert_eq!(
        draft.notes,
        [
            "the value of the parameter `Password` is a secret, which CloudFormation does not show; net.yaml is not accepted \
             before it names the SSM parameter (of type String) that holds it",
            "the stack is protected against termination, and stays so: Holdfast never lifts that",
            "its rollback trigger arn:c is of type AWS::CloudWatch::CompositeAlarm, which no manifest can ask for: taking it \
             over takes it off",
            "its capability CAPABILITY_FLY is none that this version knows, and is left out",
        ]
    );
    let problems = read(&draft).problems;
    let problem = problems.first().expect("it is not accepted").to_string();
    assert!(problems.len() == 1 && problem.contains("an SSM parameter's name is missing here"), "{problem}");
    let filled = Draft { text: draft.text.replace("ssm: \"\"", "ssm: /net/password"), ..draft };
    assert_eq!(stack(&filled).parameters["Password"], Value::Ssm("/net/password".into()));
    assert_eq!(stack(&drawn(&net, "", Secrets::Kept)).parameters["Password"], Value::Literal("****".into()));
}

#[test]
fn plain_words_stand_bare_and_everything_else_in_quotes() {
    for (text, expect) in [
        ("one", "one"),
        ("a-b_c.d/e", "a-b_c.d/e"),
        ("", "\"\""),
        ("yes", "\"yes\""),
        ("Null", "\"Null\""),
        ("1", "\"1\""),
        ("/x", "\"/x\""),
        ("a b", "\"a b\""),
        ("\"\\", "\"\\\"\\\\\""),
        ("a\nb\tc\r", "\"a\\nb\\tc\\U0000000d\""),
        ("\u{202e}", "\"\\U0000202e\""),
        ("ä", "\"ä\""),
    ] {
        assert_eq!(scalar(text), expect);
    }
}

proptest! {
    /// Whatever a stack's parameters and tags hold, its manifest asks for just that.
    #[test]
    fn every_text_comes_back_as_it_was(
        values in proptest::collection::btree_map("[A-Za-z0-9]{1,8}", any::<String>(), 0..4),
        tags in proptest::collection::btree_map("[^\\x00]{1,20}", any::<String>(), 0..4),
    ) {
        let mut net = existing("net@- CREATE_COMPLETE");
        net.found.parameters = values.into_iter().filter(|(_, value)| value != "****" && value.len() < 4_096).collect();
        let own = |key: &str| ["aws:", "holdfast:"].iter().any(|mark| key.to_ascii_lowercase().starts_with(mark));
        net.found.tags.extend(tags.into_iter().filter(|(key, value)| !own(key) && value.chars().count() <= 256));
        net.found.tags.insert(OWNER.into(), "main".into());
        let asked = stack(&drawn(&net, "", Secrets::Open));
        let literal = |(key, value): (&String, &String)| (key.clone(), Value::Literal(value.clone()));
        prop_assert_eq!(&asked.parameters, &net.found.parameters.iter().map(literal).collect());
        net.found.tags.remove(OWNER);
        prop_assert_eq!(&asked.tags, &net.found.tags);
    }
}
