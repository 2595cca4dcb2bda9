//! The fingerprint: whatever is asked is in it, and whatever is in it can't change unnoticed.

use crate::table::{asked, fingerprint, word};
use manifests::{id::Digest, stack::Capability};
use plan::asked::{Asked, Fingerprint};
use proptest::{collection::btree_map, prelude::*};
use std::collections::BTreeSet;

/// A request in which everything is said.
fn whole() -> Asked {
    let mut asked = asked("app@1 prune :Image=ami-1 :Size=2");
    asked.capabilities = [Capability::Iam, Capability::AutoExpand].into();
    asked.role = Some(word("arn:aws:iam::111122223333:role/deploy"));
    asked.alarms = vec![word("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:errors")];
    asked.monitor_min = 10;
    asked
}

/// These two must never change: every deployed stack carries its fingerprint as its change set's name, and another
/// form would change every stack of every account in one night.
#[test]
fn the_form_is_frozen() {
    assert_eq!(fingerprint("app@1").to_string(), "8e424d8794a617e7af47885fdc1606c0");
    assert_eq!(whole().fingerprint().to_string(), "739bd5906eb0482c326820ae10567b4c");
}

#[test]
fn every_field_is_in_it() {
    let changes: [fn(&mut Asked); 15] = [
        |_| (),
        |asked| asked.template = Digest::of(b"2"),
        |asked| drop(asked.parameters.insert("Image".into(), "ami-2".into())),
        |asked| drop(asked.parameters.insert("New".into(), String::new())),
        |asked| drop(asked.parameters.remove("Size")),
        |asked| drop(asked.tags.insert("team".into(), "blue".into())),
        |asked| drop(asked.tags.remove(plan::resolve::PRUNE)),
        |asked| asked.capabilities.extend([Capability::NamedIam]),
        |asked| asked.capabilities.retain(|capability| *capability != Capability::Iam),
        |asked| asked.role = None,
        |asked| asked.role = Some(word("arn:aws:iam::111122223333:role/other")),
        |asked| asked.alarms.clear(),
        |asked| asked.alarms.push(word("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:more")),
        |asked| asked.monitor_min = 11,
        |asked| asked.import_existing = true,
    ];
    let all: BTreeSet<Fingerprint> = changes
        .iter()
        .map(|change| {
            let mut asked = whole();
            change(&mut asked);
            asked.fingerprint()
        })
        .collect();
    assert_eq!(all.len(), changes.len());
}

#[test]
fn a_change_sets_name_carries_it_there_and_back() {
    let one = fingerprint("app@1");
    assert_eq!(Fingerprint::of_change_set(&one.change_set()), Some(one));
    assert!(one.change_set().len() <= 128);
    let hex = one.to_string();
    for foreign in [
        "",
        "holdfast-",
        "by-hand",
        &hex,
        &format!("holdfast-{}", &hex[1..]),
        &format!("holdfast-{hex}0"),
        &format!("holdfast-{}", hex.to_uppercase()),
        &format!("holdfast-+{}", &hex[1..]),
        &format!("Holdfast-{hex}"),
        &format!("holdfast-holdfast-{hex}"),
    ] {
        assert_eq!(Fingerprint::of_change_set(foreign), None, "{foreign}");
    }
}

#[test]
fn the_name_of_a_heals_change_set_carries_what_the_stack_was_before() {
    let (one, case) = (fingerprint("app@1"), Fingerprint::of(b"case"));
    let name = one.heal(case);
    assert_eq!(name, format!("holdfast-{one}-heal-{case}"));
    assert_eq!(Fingerprint::of_change_set(&name), Some(one));
    assert!(name.len() <= 128);
    assert_ne!(one.heal(case), one.heal(Fingerprint::of(b"other")));
    for nameless in [format!("holdfast-heal-{case}"), format!("holdfast--heal-{case}"), format!("{one}-heal-{case}")] {
        assert_eq!(Fingerprint::of_change_set(&nameless), None, "{nameless}");
    }
}

/// Texts that pretend to be the form's own punctuation.
fn tricky() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[0-9:,]{1,6}", "(1:a,|0:,|2:1:|,){1,3}", "[ab]{1,2}"]
}

fn requests() -> impl Strategy<Value = Asked> {
    let maps = (btree_map(tricky(), tricky(), 0..3), btree_map(tricky(), tricky(), 0..3));
    let lists = (proptest::collection::vec("[ab,:0-9]{0,3}", 0..3), proptest::option::of("[ab,:0-9]{0,3}"));
    (maps, lists, 0..3_u64).prop_map(|((parameters, tags), (alarms, role), monitor_min)| {
        let arn = |text: String| word(&format!("arn:a:b:c:d:{text}"));
        let alarms = alarms.into_iter().map(arn).collect();
        Asked { parameters, tags, alarms, role: role.map(arn), monitor_min, ..asked("app@1") }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_requests_share_a_fingerprint_only_when_they_are_the_same(one in requests(), other in requests()) {
        prop_assert_eq!(one == other, one.fingerprint() == other.fingerprint());
    }

    /// What moves over from one field to its neighbour is another request.
    #[test]
    fn nothing_moves_between_fields_unnoticed(one in requests(), text in tricky()) {
        let mut moved = one.clone();
        let (mut left, mut right) = (one.parameters.clone(), one.tags.clone());
        left.insert("k".into(), text.clone());
        right.insert("k".into(), text);
        let one = Asked { parameters: left, ..one };
        moved.tags = right;
        prop_assert_ne!(one.fingerprint(), moved.fingerprint());
    }
}
