//! Who may sign: a commit that nobody trusted signed changes nothing, and is told; and a person's way out.

use crate::{
    git_server::git,
    keys::Keys,
    site::{Site, parameter},
};
use manifests::report::{Signature, State, What};

/// An account that trusts alice, and a repository whose first commit she signed.
fn signed() -> Option<(Site, Keys)> {
    let keys = Keys::new()?;
    let site = Site::of(&[]);
    site.operator().put("/holdfast/signers", "String", &keys.allowed(&[("alice@example.org", "", "alice")]));
    site.write("stack", "");
    site.repository.commit_signed(&keys.path("alice"));
    Some((site, keys))
}

fn change(site: &Site, value: &str) {
    site.write("stack", &format!("parameters: {{Value: {value}}}"));
}

#[test]
fn a_commit_that_nobody_trusted_signed_changes_nothing_until_one_is() {
    let Some((site, keys)) = signed() else { return };
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.report.source.signature, Signature::Good);
    assert!(turn.report.source.signer.as_ref().unwrap().starts_with("alice@example.org (SHA256:"), "{turn:#?}");
    let good = turn.report.source.applied.clone().unwrap();
    for key in [None, Some("mallory")] {
        change(&site, "two");
        match key {
            None => site.repository.commit(),
            Some(key) => site.repository.commit_signed(&keys.path(key)),
        };
        let turn = site.once().expect(State::Unknown, 75);
        let trouble = turn.report.source.trouble.clone().unwrap();
        let why = if key.is_none() { "nobody signed it" } else { "which is not among those of the signers" };
        assert!(trouble.contains(" is refused: ") && trouble.contains(why), "{trouble}");
        assert!(trouble.ends_with("ends with a commit that somebody signed who may"), "{trouble}");
        assert_eq!(turn.report.source.attempted, Some(good.clone()), "the last good one stays in force");
        assert_eq!(turn.report.happened.iter().filter(|it| it.what == What::Refused).count(), 1);
        assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
        let ran = site.run(&["verify"]);
        assert!(
            ran.code == Some(1) && ran.stdout.contains(why) && ran.stdout.contains("who may sign: alice"),
            "{ran:#?}"
        );
    }
    change(&site, "three");
    site.repository.commit_signed(&keys.path("alice"));
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Updated), ["stack"]);
    let ran = site.run(&["verify"]);
    assert!(
        ran.code == Some(0) && ran.stdout.contains("is signed by alice@example.org, with the key SHA256:"),
        "{ran:#?}"
    );
}

#[test]
fn a_tag_that_comes_after_its_commit_was_refused_makes_it_accepted_at_the_next_turn() {
    let Some((site, keys)) = signed() else { return };
    let tags = ["--signed-tags", "release-"];
    site.once_with(&tags).expect(State::InSync, 0);
    change(&site, "two");
    site.repository.commit();
    let turn = site.once_with(&tags).expect(State::Unknown, 75);
    let trouble = turn.report.source.trouble.clone().unwrap();
    assert!(trouble.contains("nobody signed it, and no annotated tag `release-*` points at it"), "{trouble}");
    site.repository.tag_signed(&keys.path("alice"), "release-2", "HEAD");
    let ran = site.run(&["verify"]);
    assert!(ran.code == Some(1) && ran.stdout.contains("nobody signed it"), "no tag may, unless it was said: {ran:#?}");
    site.once().expect(State::Unknown, 75);
    let ran = site.run(&[&["verify"], &tags[..]].concat());
    let words = "is signed by alice@example.org, by the tag release-2, with the key SHA256:";
    assert!(ran.code == Some(0) && ran.stdout.contains(words), "{ran:#?}");
    let turn = site.once_with(&tags).expect(State::InSync, 0);
    assert_eq!((turn.happened(What::Updated), turn.report.source.signature), (vec!["stack"], Signature::Good));
    assert!(turn.report.source.signer.as_ref().unwrap().ends_with("), by the tag release-2"), "{turn:#?}");
    // It was accepted once, so it stays so.
    git(site.repository.folder(), &["tag", "-d", "release-2"]);
    site.once().expect(State::InSync, 0);
}

#[test]
fn where_every_commit_has_to_be_signed_one_that_is_not_is_found_behind_the_head() {
    let Some((site, keys)) = signed() else { return };
    site.once().expect(State::InSync, 0);
    change(&site, "two");
    let unsigned = site.repository.commit();
    change(&site, "three");
    site.repository.commit_signed(&keys.path("alice"));
    let turn = site.once_with(&["--signatures", "every"]).expect(State::Unknown, 75);
    let trouble = turn.report.source.trouble.clone().unwrap();
    assert!(trouble.contains(&format!("of {}, which it brings along, nobody signed it", &unsigned[..7])), "{trouble}");
    // The head speaks for what it brings along, unless the account wants it otherwise.
    site.once().expect(State::InSync, 0);
}

#[test]
fn a_policy_of_warn_deploys_and_tells_and_off_says_so() {
    let Some((site, _)) = signed() else { return };
    change(&site, "two");
    site.repository.commit();
    let turn = site.once_with(&["--signatures", "warn"]).expect(State::InSync, 0);
    assert_eq!(turn.report.source.signature, Signature::Tolerated);
    assert_eq!(turn.report.source.distrust.as_deref(), Some("nobody signed it"));
    change(&site, "three");
    site.repository.commit();
    let turn = site.once_with(&["--signatures", "off"]).expect(State::InSync, 0);
    assert_eq!((turn.report.source.signature, turn.report.source.distrust), (Signature::NotChecked, None));
}

#[test]
fn signers_that_are_gone_or_have_a_slip_trust_nobody_new() {
    let Some((site, keys)) = signed() else { return };
    site.once().expect(State::InSync, 0);
    change(&site, "two");
    site.repository.commit_signed(&keys.path("alice"));
    for (text, why) in [
        (Some("alice@example.org ssh-ed25519 AAAA"), "line 1: the key can't be read"),
        (None, "has no list of signers"),
    ] {
        match text {
            Some(text) => site.operator().put("/holdfast/signers", "String", text),
            None => drop(site.operator().ssm("DeleteParameter", &serde_json::json!({ "Name": "/holdfast/signers" }))),
        }
        let turn = site.once().expect(State::Unknown, 75);
        assert!(turn.report.source.trouble.as_ref().unwrap().contains(why), "{turn:#?}");
        assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
    }
}

#[test]
fn a_branch_that_was_rewritten_is_followed_only_when_a_person_says_so() {
    let site = Site::of(&[("stack", "")]);
    site.once().expect(State::InSync, 0);
    site.template("stack", &parameter("stack", "two"));
    let other = site.repository.rewrite();
    let turn = site.once().expect(State::Unknown, 75);
    assert!(turn.report.source.trouble.as_ref().unwrap().contains("or with `holdfast trust reset`"), "{turn:#?}");
    let ran = site.run(&["trust", "reset", &"f".repeat(40), "--reason", "we moved"]);
    assert!(ran.code == Some(1) && ran.stderr.contains(&format!("the branch `main` is at {other}")), "{ran:#?}");
    let ran = site.run(&["trust", "reset", &other[..12], "--reason", "we moved"]);
    let told = format!("may be followed, whatever it descends from: {}: we moved (", &other[..7]);
    assert!(ran.code == Some(0) && ran.stdout.starts_with(&told), "{ran:#?}");
    assert_eq!(site.once().expect(State::InSync, 0).happened(What::Updated), ["stack"]);
    // It was leave for that commit alone.
    site.template("stack", &parameter("stack", "three"));
    site.repository.rewrite();
    site.once().expect(State::Unknown, 75);
}

#[test]
fn a_branch_that_stands_still_for_longer_than_it_should_is_told() {
    let site = Site::of(&[("stack", "")]);
    site.once_with(&["--fresh", "1d"]).expect(State::InSync, 0);
    let turn = site.once_with(&["--fresh", "0s"]).expect(State::Unknown, 75);
    let trouble = turn.report.source.trouble.as_ref().unwrap();
    assert!(
        trouble.starts_with("the branch has stood still since ") && turn.state("stack") == State::InSync,
        "{turn:#?}"
    );
    change(&site, "two");
    site.repository.commit();
    site.once_with(&["--fresh", "1d"]).expect(State::InSync, 0);
}

#[test]
fn no_order_leads_to_a_commit_that_was_not_accepted() {
    let Some((site, keys)) = signed() else { return };
    let good = site.repository.commit_signed(&keys.path("alice"));
    site.once().expect(State::InSync, 0);
    change(&site, "evil");
    let evil = site.repository.commit();
    site.once().expect(State::Unknown, 75);
    let orders = [vec!["pin", &*evil], vec!["rollback", "stack", &evil]];
    for order in orders {
        let ran = site.run(&[&order[..], &["--for", "1h", "--reason", "r"]].concat());
        let words = "it is neither the last accepted commit nor one before it";
        assert!(ran.code == Some(1) && ran.stderr.contains(words), "{ran:#?}");
    }
    // Neither when somebody writes it past the command line.
    let (until, reason, by) = ("2100-01-01T00:00:00Z", "r", "mallory");
    let pin = serde_json::json!({ "commit": evil, "until": until, "reason": reason, "by": by });
    site.operator().put("/holdfast/pin", "String", &pin.to_string());
    let turn = site.once();
    assert!(turn.report.closed.as_ref().unwrap().contains("is neither the last accepted commit"), "{turn:#?}");
    site.operator().put("/holdfast/pin", "String", "null");
    let rollback =
        serde_json::json!([{ "stack": "stack", "commit": evil, "until": until, "reason": reason, "by": by }]);
    site.operator().put("/holdfast/rollbacks", "String", &rollback.to_string());
    assert!(site.once().why("stack").contains("is neither the last accepted commit"));
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("one"));
    site.operator().put("/holdfast/rollbacks", "String", "[]");
    assert_eq!(site.run(&["pin", &good, "--for", "1h", "--reason", "r"]).code, Some(0));
}
