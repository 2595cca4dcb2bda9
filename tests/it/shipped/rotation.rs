//! Who may sign, said by the repository itself: enough people vouch for it, it holds from the next commit on, and nothing that
//! held is gone back behind; and paths that take more than one person.

use crate::{
    binary::Ran,
    git_server::git,
    keys::Keys,
    site::{Site, manifest, parameter},
};
use manifests::report::{Signature, State};
use std::fs;

/// An account whose list has alice and bob, and a repository whose first commit alice signed.
fn two() -> Option<(Site, Keys)> {
    let keys = Keys::new()?;
    let site = Site::of(&[]);
    let list = keys.allowed(&[("alice", "", "alice"), ("bob", "", "bob")]);
    site.operator().put("/holdfast/signers", "String", &list);
    site.write("stack", "");
    site.repository.commit_signed(&keys.path("alice"));
    site.once().expect(State::InSync, 0);
    Some((site, keys))
}

/// A version of who may sign, unsigned so far.
fn version(site: &Site, keys: &Keys, number: u32, threshold: u32, names: &[&str], more: &str) -> String {
    let line = |name: &&str| format!("    - '{}'\n", keys.allowed(&[(name, "", name)]).trim_end());
    let signers: String = names.iter().map(line).collect();
    let path = format!("trust/{number}.yaml");
    let spec = format!("spec:\n  version: {number}\n  threshold: {threshold}\n  signers:\n{signers}{more}");
    site.repository.write(&path, format!("apiVersion: holdfast/v1\nkind: Trust\n{spec}"));
    path
}

/// A person vouches for something in the checkout.
#[track_caller]
fn trust(site: &Site, keys: &Keys, what: &[&str], who: &str) -> Ran {
    let (folder, key) = (site.repository.folder().display().to_string(), keys.path(who).display().to_string());
    let ran = site.run(&[&["trust"], what, &["--folder", &folder, "--key", &key]].concat());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran
}

fn change(site: &Site, value: &str) {
    site.write("stack", &format!("parameters: {{Value: {value}}}"));
}

/// A turn that does not follow the head, for this reason.
#[track_caller]
fn refused(site: &Site, why: &str) {
    let turn = site.once().expect(State::Unknown, 75);
    let trouble = turn.report.source.trouble.clone().unwrap();
    assert!(
        trouble.contains(" is refused: ") && trouble.contains(why) && trouble.contains("; ends with "),
        "{trouble}"
    );
}

#[test]
fn new_signers_hold_once_enough_of_the_present_ones_vouch_for_them_and_from_the_next_commit_on() {
    let Some((site, keys)) = two() else { return };
    let first = version(&site, &keys, 1, 1, &["bob", "mallory"], "");
    let ran = trust(&site, &keys, &["sign", &first], "alice");
    assert!(
        ran.stdout.starts_with("signed version 1 of who may sign: `trust/1.yaml` is vouched for by `trust/1.yaml.")
    );
    change(&site, "two");
    site.repository.commit_signed(&keys.path("alice"));
    refused(
        &site,
        "version 1 of who may sign has 1 of 2 signatures, by alice; ends with `holdfast trust sign` of `1.yaml`",
    );
    trust(&site, &keys, &["sign", &first], "bob");
    // Whoever is new signs from the next commit on, and not the one that names him.
    site.repository.commit_signed(&keys.path("mallory"));
    refused(&site, "which is not among those of the signers");
    site.repository.commit_signed(&keys.path("bob"));
    let turn = site.once().expect(State::InSync, 0);
    assert_eq!(turn.report.source.signature, Signature::Good);
    let ran = site.run(&["verify"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("who may sign: bob; mallory"), "{ran:#?}");
    change(&site, "three");
    site.repository.commit_signed(&keys.path("mallory"));
    site.once().expect(State::InSync, 0);
    // Alice has left.
    change(&site, "four");
    site.repository.commit_signed(&keys.path("alice"));
    refused(&site, "which is not among those of the signers");
    let ran = site.run(&["verify"]);
    assert!(ran.stdout.contains("who may sign: bob; mallory (by version 1 in the repository)"), "{ran:#?}");
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("three"));
}

#[test]
fn what_held_is_not_gone_back_behind_and_an_account_that_begins_proves_it_all() {
    let Some((site, keys)) = two() else { return };
    for (number, names) in [(1, ["alice", "bob"]), (2, ["bob", "mallory"])] {
        let path = version(&site, &keys, number, 1, &names, "");
        ["alice", "bob"].iter().for_each(|who| drop(trust(&site, &keys, &["sign", &path], who)));
        site.repository.commit_signed(&keys.path("alice"));
        site.once().expect(State::InSync, 0);
    }
    site.repository.remove("trust/2.yaml");
    site.repository.commit_signed(&keys.path("bob"));
    refused(&site, "version 2 of who may sign holds here, and its document is gone");
    // Mallory signs by version 2, which an agent that remembers it finds again and one that forgot it proves anew.
    version(&site, &keys, 2, 1, &["bob", "mallory"], "");
    site.repository.commit_signed(&keys.path("mallory"));
    site.once().expect(State::InSync, 0);
    change(&site, "two");
    site.repository.commit_signed(&keys.path("mallory"));
    site.operator().ssm("DeleteParameter", &serde_json::json!({ "Name": "/holdfast/memory" }));
    site.once();
    site.once().expect(State::InSync, 0);
    assert_eq!(site.operator().parameter("/stack").as_deref(), Some("two"));
}

#[test]
fn what_stands_under_a_path_takes_as_many_people_as_the_rule_says() {
    let Some((site, keys)) = two() else { return };
    let rule = "  paths:\n    - {paths: 'identity/**', approvals: 2}\n";
    let first = version(&site, &keys, 1, 2, &["alice", "bob"], rule);
    ["alice", "bob"].iter().for_each(|who| drop(trust(&site, &keys, &["sign", &first], who)));
    let role = |value: &str| {
        site.repository.write("identity/role.template", parameter("role", "none"));
        site.repository.write("identity/role.yaml", manifest("role", &format!("parameters: {{Value: {value}}}")));
    };
    site.repository.commit_signed(&keys.path("alice"));
    site.once().expect(State::InSync, 0);
    role("one");
    site.repository.commit_signed(&keys.path("alice"));
    refused(&site, "what stands under `identity/**` takes 2 approvals and has none");
    trust(&site, &keys, &["approve", "identity/**"], "alice");
    site.repository.commit_signed(&keys.path("alice"));
    refused(&site, "`approve-identity.yaml` has 1 of 2 signatures, by alice");
    let before = fs::read(site.repository.folder().join("trust/approve-identity.yaml")).unwrap();
    trust(&site, &keys, &["approve", "identity/**"], "bob");
    site.repository.commit_signed(&keys.path("alice"));
    site.once().expect(State::InSync, 0);
    // Whatever lies elsewhere takes one person, as before.
    change(&site, "two");
    site.repository.commit_signed(&keys.path("alice"));
    site.once().expect(State::InSync, 0);
    // Approval is of what stands there, and of nothing else.
    role("two");
    site.repository.commit_signed(&keys.path("bob"));
    refused(&site, "what stands under `identity/**` is not what `approve-identity.yaml` approves");
    ["alice", "bob"].iter().for_each(|who| drop(trust(&site, &keys, &["approve", "identity/**"], who)));
    site.repository.commit_signed(&keys.path("bob"));
    site.once().expect(State::InSync, 0);
    // Whether a file may be executed is part of it, and what git ignores is not.
    let template = site.repository.folder().join("identity/role.template");
    fs::set_permissions(&template, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    site.repository.commit_signed(&keys.path("alice"));
    refused(&site, "is not what `approve-identity.yaml` approves");
    fs::set_permissions(&template, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    site.repository.write(".gitignore", "*.orig\n");
    site.repository.write("identity/role.orig", "mine");
    ["alice", "bob"].iter().for_each(|who| drop(trust(&site, &keys, &["approve", "identity/**"], who)));
    site.repository.commit_signed(&keys.path("alice"));
    site.once().expect(State::InSync, 0);
    // What was approved long ago is not approved for ever.
    let approved = fs::read(site.repository.folder().join("trust/approve-identity.yaml")).unwrap();
    role("one");
    site.repository.write("trust/approve-identity.yaml", before);
    site.repository.commit_signed(&keys.path("alice"));
    refused(&site, "approves what stands under `identity/**` in version 1, and version 2 was accepted before");
    // That nothing is left is approved like anything else.
    site.repository.write("trust/approve-identity.yaml", approved);
    ["role.yaml", "role.template"].iter().for_each(|name| site.repository.remove(&format!("identity/{name}")));
    ["alice", "bob"].iter().for_each(|who| drop(trust(&site, &keys, &["approve", "identity/**"], who)));
    site.repository.commit_signed(&keys.path("alice"));
    site.once_with(&["--signatures", "required"]);
    assert_eq!(site.run(&["verify"]).code, Some(0));
}

#[test]
fn nobody_chooses_older_rules_by_the_parents_of_a_commit() {
    let Some((site, keys)) = two() else { return };
    let folder = site.repository.folder();
    let before = site.repository.head();
    let path = version(&site, &keys, 1, 1, &["bob"], "");
    ["alice", "bob"].iter().for_each(|who| drop(trust(&site, &keys, &["sign", &path], who)));
    site.repository.commit_signed(&keys.path("alice"));
    site.once().expect(State::InSync, 0);
    // Alice has left by version 1, and is still on the account's list, which somebody has put a remark into since.
    let list = keys.allowed(&[("alice", "", "alice"), ("bob", "", "bob")]);
    site.operator().put("/holdfast/signers", "String", &format!("# ours\n{list}"));
    // A merge whose first parent is older than version 1.
    change(&site, "evil");
    git(folder, &["add", "--all"]);
    let tree = git(folder, &["write-tree"]);
    let head = site.repository.head();
    let key = format!("user.signingkey={}", keys.path("alice").display());
    let signed = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "gpg.format=ssh", "-c", &key];
    let merge = ["commit-tree", "-S", "-m", "x", "-p", &before, "-p", &head, &tree];
    let merged = git(folder, &[&signed[..], &merge].concat());
    git(folder, &["reset", "--quiet", "--soft", &merged]);
    refused(&site, "which is not among those of the signers");
    // A parent that says nothing of who may sign.
    git(folder, &["reset", "--quiet", "--soft", &head]);
    let document = fs::read(folder.join(&path)).unwrap();
    site.repository.remove(&path);
    site.repository.commit();
    site.repository.write(&path, document);
    site.repository.commit_signed(&keys.path("alice"));
    refused(&site, "which is not among those of the signers");
    site.repository.commit_signed(&keys.path("bob"));
    site.once().expect(State::InSync, 0);
}

#[test]
fn what_was_signed_for_one_installation_holds_in_no_other() {
    let Some((site, keys)) = two() else { return };
    let path = version(&site, &keys, 1, 1, &["alice", "bob"], "  owner: development\n");
    ["alice", "bob"].iter().for_each(|who| drop(trust(&site, &keys, &["sign", &path], who)));
    site.repository.commit_signed(&keys.path("alice"));
    refused(&site, "`1.yaml` is for the installation `development`, and this one is `holdfast`");
}

#[test]
fn the_accounts_list_bars_somebody_at_once() {
    let Some((site, keys)) = two() else { return };
    let path = version(&site, &keys, 1, 1, &["alice", "bob", "mallory"], "");
    ["alice", "bob"].iter().for_each(|who| drop(trust(&site, &keys, &["sign", &path], who)));
    site.repository.commit_signed(&keys.path("alice"));
    site.once().expect(State::InSync, 0);
    let list = [("alice", "", "alice"), ("bob", "", "bob"), ("mallory", "valid-before=\"20200101\"", "mallory")];
    site.operator().put("/holdfast/signers", "String", &keys.allowed(&list));
    change(&site, "evil");
    site.repository.commit_signed(&keys.path("mallory"));
    refused(&site, "which is not among those of the signers");
    site.repository.commit_signed(&keys.path("bob"));
    site.once().expect(State::InSync, 0);
}
