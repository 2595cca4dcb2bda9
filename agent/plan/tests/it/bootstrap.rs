//! What may be done to the agent's own stack: status by status, change by change.

use crate::table::{found, key};
use plan::{
    bootstrap::{Wants, Way, destroyed, permit, removal, told, way},
    facts::{Action, Change, ChangeSet, ChangeSetStatus, FoundStack, Replacement, Status},
    permit::Act,
    resolve::OWNER,
    stance::Stance,
};

fn stack(status: &str) -> FoundStack {
    found(&format!("agent@- {status}")).1
}

#[test]
fn every_status_is_a_way_or_says_what_ends_it() {
    assert_eq!(way("agent", None), Ok(Way::Make));
    for status in Status::ALL {
        let found = stack(status.as_str());
        match (way("agent", Some(&found)), found.stance()) {
            (Ok(Way::Make), Some(Stance::Absent | Stance::Shell))
            | (Ok(Way::Change), Some(Stance::Ready | Stance::Undone)) => {}
            (Err(why), Some(Stance::Busy | Stance::Stillborn | Stance::Stuck(_))) => {
                assert!(why.contains(status.as_str()) && why.contains("; ends when "), "{why}");
            }
            (way, stance) => panic!("{status:?}: {way:?} for {stance:?}"),
        }
    }
    let why = way("agent", Some(&stack("A_NEW_WORD"))).expect_err("a word that nobody knows");
    assert!(why.contains("A_NEW_WORD"), "{why}");
}

#[test]
fn a_stack_that_an_agent_manages_is_not_its_own() {
    let mut managed = stack("CREATE_COMPLETE");
    managed.tags.insert(OWNER.into(), "holdfast".into());
    let nested = FoundStack { nested: true, ..stack("CREATE_COMPLETE") };
    for found in [managed, nested] {
        assert!(way("agent", Some(&found)).is_err() && removal(&key("agent"), &found).is_err());
    }
    let whole = |status: &str| {
        let outputs = ["AgentRoleArn", "ServiceRoleArn", "ReadyParameter"].map(|name| (name.into(), "x".into()));
        FoundStack { outputs: outputs.into(), ..stack(status) }
    };
    let protected = FoundStack { protected: true, ..whole("CREATE_COMPLETE") };
    let anothers =
        removal(&key("agent"), &stack("CREATE_COMPLETE")).expect_err("it tells nothing that an agent's stack tells");
    assert!(anothers.contains("no agent's own stack"), "{anothers}");
    assert!(removal(&key("agent"), &protected).is_err());
    assert!(removal(&key("agent"), &whole("UPDATE_IN_PROGRESS")).is_err());
    assert!(removal(&key("agent"), &stack("ROLLBACK_COMPLETE")).is_ok(), "it never came up");
    let leave = removal(&key("agent"), &whole("CREATE_COMPLETE")).expect("an agent's own stack may go");
    assert!(matches!(leave.act(), Act::Delete { retain, .. } if retain.is_empty()));
}

fn change(action: Option<Action>, replacement: Option<Replacement>) -> Change {
    let (logical, kind) = ("Wake".parse().expect("a name"), "AWS::SQS::Queue".into());
    Change {
        action,
        logical,
        physical: None,
        kind,
        replacement,
        policy: None,
        details: vec![],
        walked: false,
        drift: None,
    }
}

#[test]
fn what_is_not_known_to_be_harmless_waits_for_a_word_of_its_own() {
    let replacements = Replacement::ALL.iter().copied().map(Some).chain([None]);
    for replacement in replacements {
        for action in Action::ALL.iter().copied().map(Some).chain([None]) {
            let harmless = match action {
                Some(Action::Add | Action::Import) => true,
                Some(Action::Modify | Action::SyncWithActual) => replacement == Some(Replacement::False),
                Some(Action::Remove | Action::Dynamic) | None => false,
            };
            let changes = vec![change(action, replacement)];
            assert_eq!(destroyed(&changes).is_empty(), harmless, "{action:?} {replacement:?}");
            let (id, stack_id, status) = ("set".to_owned(), "stack".to_owned(), ChangeSetStatus::Ready);
            let set = ChangeSet { id, stack_id, status, reason: None, changes, reverts: false };
            assert_eq!(permit(&key("agent"), &set, false).is_ok(), harmless, "{action:?} {replacement:?}");
            assert!(permit(&key("agent"), &set, true).is_ok());
        }
    }
}

#[test]
fn a_template_is_told_what_it_wants_and_nothing_else() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let wants = Wants { required: names(&["Url", "Topic"]), optional: names(&["Memory"]) };
    let all = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        told(&wants, &pairs.collect()).map_err(|wrong| wrong.join("; "))
    };
    assert_eq!(all(&[("Url", "u"), ("Topic", "t"), ("Memory", "1")]), Ok(()));
    assert_eq!(all(&[("Url", "u"), ("Topic", "")]), Err("`Topic` has to be said".into()));
    assert_eq!(
        all(&[("Topic", "t"), ("Memori", "1")]),
        Err("`Url` has to be said; the template has no parameter `Memori`".into())
    );
}
