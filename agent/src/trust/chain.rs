//! Who may sign, version after version: from the account's own list to what the repository says by now.
//!
//! A version holds when enough of those who may sign by the version before it signed its document, and enough of those whom it
//! names (or else it could name keys that nobody has, and nothing would ever come after it). The account's list is version 0,
//! of which more than half have to sign; it may also vouch for a later version straight away, which is how an account begins
//! whose list is younger than the first versions. And it may bar somebody from all of them: by a line for their key that has
//! run out. Everything that it takes to prove it is in the commit: what an agent remembers only keeps it from going back. Not here: reading a commit ([`super::papers`]).

use super::{
    papers::Paper,
    signers::{DOCUMENTS, Signers},
};
use jiff::Timestamp;
use manifests::{
    id::Digest,
    trust::{Document, PathRule, Rules},
};
use plan::memory::Trusted;
use std::collections::{BTreeMap, BTreeSet};

/// Who may sign, and what takes several of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Force {
    /// 0 for the account's own list.
    pub(crate) version: u32,
    /// Digest of the document; `None` for the account's own list.
    pub(crate) document: Option<Digest>,
    /// Who.
    pub(crate) signers: Signers,
    /// How many of them have to sign the next version.
    pub(crate) threshold: usize,
    /// What takes several.
    pub(crate) paths: Vec<PathRule>,
}

/// A version that the repository has.
struct Version<'p> {
    paper: &'p Paper,
    force: Force,
}

/// What holds by these documents. `seen` is when the commit was first seen: by then signatures are judged.
///
/// # Errors
/// When they go back behind what held, or have a version for which not enough people vouch.
pub(crate) fn follow(
    list: &Signers,
    known: Option<&Trusted>,
    papers: &[Paper],
    seen: Timestamp,
) -> Result<Force, String> {
    let versions = versions(list, papers, seen)?;
    let mut force = match known.filter(|known| is_of(known, list)) {
        Some(known) => remembered(known, &versions)?,
        None => {
            let own = own(list, seen);
            let vouched = |version: &&Version<'_>| missing(&own, version, seen).is_none();
            versions.values().find(vouched).map_or_else(|| own.clone(), |version| version.force.clone())
        }
    };
    while let Some(next) =
        versions.get(&force.version.saturating_add(1)).filter(|next| missing(&force, next, seen).is_none())
    {
        force = next.force.clone();
    }
    let floor = known.map_or(0, |known| known.version);
    let next = force.version.saturating_add(1);
    match versions.range(next..).next() {
        Some((number, _)) if *number > next => Err(format!(
            "version {number} of who may sign is there, and version {next} that has to come before it is not; ends with a \
             commit that has both"
        )),
        Some((_, next)) => Err(unvouched(&force, next, seen)),
        None if force.version < floor => Err(format!(
            "version {floor} of who may sign holds here, and the account's list of signers vouches for none later than {}; \
             ends with a list that enough of those are on who signed the later one",
            force.version
        )),
        None => Ok(force),
    }
}

/// What is in force already, whatever else these documents say. Where another list was put into the account since, it is
/// what that proves by them, and no less than what held.
///
/// # Errors
/// When the document that says it is gone.
pub(crate) fn standing(
    list: &Signers,
    known: Option<&Trusted>,
    papers: &[Paper],
    seen: Timestamp,
) -> Result<Force, String> {
    match known.filter(|known| known.version > 0) {
        Some(known) if is_of(known, list) => remembered(known, &versions(list, papers, seen)?),
        Some(_) => follow(list, known, papers, seen),
        None => Ok(own(list, seen)),
    }
}

/// The account's own list.
fn own(list: &Signers, seen: Timestamp) -> Force {
    let threshold = list.vouching(seen).len() / 2 + 1;
    Force { version: 0, document: None, signers: list.clone(), threshold, paths: Vec::new() }
}

/// Whether a version later than the list itself was proved from this list.
fn is_of(known: &Trusted, list: &Signers) -> bool {
    known.version > 0 && known.list == list.digest().to_string()
}

/// What is remembered, found again.
fn remembered(known: &Trusted, versions: &BTreeMap<u32, Version<'_>>) -> Result<Force, String> {
    let Trusted { version, document, .. } = known;
    match versions.get(version).map(|found| &found.force) {
        Some(found) if found.document.as_ref().is_some_and(|digest| digest.to_string() == *document) => {
            Ok(found.clone())
        }
        Some(_) => Err(format!(
            "version {version} of who may sign holds here, and its document is not the one that was accepted; ends with a \
             commit that has it as it was, and says something else in version {}",
            version.saturating_add(1)
        )),
        None => Err(format!(
            "version {version} of who may sign holds here, and its document is gone; ends with a commit that has it again"
        )),
    }
}

fn versions<'p>(list: &Signers, papers: &'p [Paper], seen: Timestamp) -> Result<BTreeMap<u32, Version<'p>>, String> {
    let mut versions = BTreeMap::new();
    for paper in papers {
        let Document::Rules(Rules { owner: _, version, threshold, signers, paths }) = &paper.document else { continue };
        let name = &paper.name;
        let signers = Signers::parse(signers).map_err(|why| format!("`{name}`: of its signers, {why}"))?;
        let people = signers.people();
        let most = paths.iter().map(|rule| rule.approvals).chain([*threshold]).max().unwrap_or_default();
        if most > people {
            return Err(format!("`{name}`: it takes {most} of {people} people, however many keys they have"));
        }
        let signers = signers.without_barred(list, seen);
        let document = Some(Digest::of(&paper.bytes));
        let force = Force { version: *version, document, signers, threshold: *threshold, paths: paths.clone() };
        if let Some(other) = versions.insert(*version, Version { paper, force }) {
            return Err(format!("`{}` and `{name}` are both version {version} of who may sign", other.paper.name));
        }
    }
    Ok(versions)
}

/// Everybody of these who signed a document. Somebody with two keys is one.
pub(crate) fn vouching(signers: &Signers, paper: &Paper, seen: Timestamp) -> BTreeSet<String> {
    let signed = |armour: &Vec<u8>| signers.vouched(DOCUMENTS, (&paper.bytes, armour), seen).ok();
    paper.signatures.iter().filter_map(signed).map(|by| by.principals).collect()
}

/// Whose signatures a version lacks to follow another: those who signed, how many it takes, and of whom.
fn missing<'f>(
    before: &'f Force,
    next: &'f Version<'_>,
    seen: Timestamp,
) -> Option<(BTreeSet<String>, usize, &'f Signers)> {
    [before, &next.force].into_iter().find_map(|force| {
        let signed = vouching(&force.signers, next.paper, seen);
        (signed.len() < force.threshold).then_some((signed, force.threshold, &force.signers))
    })
}

fn unvouched(before: &Force, next: &Version<'_>, seen: Timestamp) -> String {
    let (number, name) = (next.force.version, &next.paper.name);
    let Some((signed, threshold, signers)) = missing(before, next, seen) else { return String::new() };
    format!("version {number} of who may sign {}", lacks(name, &signed, (threshold, signers), seen))
}

/// What a document lacks, and what ends that.
pub(crate) fn lacks(
    name: &str,
    signed: &BTreeSet<String>,
    (needed, signers): (usize, &Signers),
    seen: Timestamp,
) -> String {
    let who =
        if signed.is_empty() { String::new() } else { format!(", by {}", join(signed.iter().map(String::as_str))) };
    let others = signers.vouching(seen).into_iter().filter(|principal| !signed.contains(*principal));
    let others = join(others);
    let missing = needed - signed.len();
    if others.is_empty() {
        return format!(
            "has {} of {needed} signatures{who}, and nobody else may sign documents (by `namespaces`, the time of their keys, or \
             the account's list); ends with a list of signers of whom {missing} more may",
            signed.len()
        );
    }
    format!(
        "has {} of {needed} signatures{who}; ends with `holdfast trust sign` of `{name}` by {} more of {}",
        signed.len(),
        missing,
        others
    )
}

fn join<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{git::bundle::Member, trust::papers::papers};
    use ssh_key::{HashAlg, LineEnding, PrivateKey, private::Ed25519Keypair};

    const SEEN: Timestamp = Timestamp::UNIX_EPOCH;

    /// Everybody has a key of their own: a letter's worth of seed.
    fn key(name: &str) -> PrivateKey {
        let mut seed = [0; 32];
        name.bytes().zip(&mut seed).for_each(|(letter, byte)| *byte = letter);
        Ed25519Keypair::from_seed(&seed).into()
    }

    fn line(name: &str) -> String {
        format!("{name} {}", key(name).public_key().to_openssh().unwrap())
    }

    fn list(names: &str) -> Signers {
        Signers::parse(&names.split(' ').map(|name| line(name) + "\n").collect::<String>()).unwrap()
    }

    /// `2: alice bob (2) < alice` is version 2, which says that two of alice and bob are needed, and which alice signed.
    fn version(text: &str) -> Vec<Member> {
        let (version, rest) = text.split_once(": ").unwrap();
        let (said, by) = rest.split_once(" < ").unwrap();
        let (names, threshold) = said.split_once(" (").unwrap();
        let signers: String = names.split(' ').map(|name| format!("    - \"{}\"\n", line(name))).collect();
        let threshold = threshold.trim_end_matches(')');
        let document = format!(
            "apiVersion: holdfast/v1\nkind: Trust\nspec:\n  version: {version}\n  threshold: {threshold}\n  signers:\n{signers}"
        );
        let file = |name: String, bytes: Vec<u8>| Member { name, executable: false, bytes };
        let sign = |name: &str| {
            let signature = key(name).sign(DOCUMENTS, HashAlg::Sha512, document.as_bytes()).unwrap();
            file(format!("{version}.yaml.{name}.sig"), signature.to_pem(LineEnding::LF).unwrap().into_bytes())
        };
        let mut all: Vec<Member> = by.split(' ').filter(|name| *name != "nobody").map(sign).collect();
        all.push(file(format!("{version}.yaml"), document.into_bytes()));
        all
    }

    fn repository(versions: &[&str]) -> Vec<Paper> {
        let members: Vec<Member> = versions.iter().flat_map(|text| version(text)).collect();
        papers(&"trust".parse().unwrap(), &members).unwrap()
    }

    /// From this list, with these versions in the repository, this one holds, or none does for this reason.
    #[track_caller]
    fn check(names: &str, versions: &[&str], expect: Result<u32, &str>) {
        after(names, None, versions, expect);
    }

    #[track_caller]
    fn after(names: &str, known: Option<&Trusted>, versions: &[&str], expect: Result<u32, &str>) {
        match (follow(&list(names), known, &repository(versions), SEEN), expect) {
            (Ok(force), Ok(version)) => assert_eq!(force.version, version),
            (Err(why), Err(words)) => assert!(why.contains(words) && why.contains("; ends with "), "{why}"),
            (found, expect) => panic!("{found:?}, and not {expect:?}"),
        }
    }

    /// What is remembered when this version holds, proved from this list.
    fn known(names: &str, version: u32, versions: &[&str]) -> Trusted {
        let force = follow(&list(names), None, &repository(versions), SEEN).unwrap();
        assert_eq!(force.version, version);
        let document = force.document.map(|digest| digest.to_string()).unwrap_or_default();
        Trusted { version, document, list: list(names).digest().to_string(), approved: BTreeMap::new() }
    }

    #[test]
    fn the_accounts_own_list_holds_until_enough_of_it_say_otherwise() {
        check("alice bob carol", &[], Ok(0));
        check("alice bob carol", &["1: alice bob dave (2) < alice bob"], Ok(1));
        let why = "version 1 of who may sign has 1 of 2 signatures, by alice; ends with `holdfast trust sign` of `1.yaml` by 1 \
                   more of bob, carol";
        check("alice bob carol", &["1: alice bob dave (2) < alice"], Err(why));
        check("alice bob carol", &["1: alice bob dave (2) < alice dave"], Err("has 1 of 2 signatures, by alice"));
        check("alice bob carol", &["1: alice bob dave (2) < nobody"], Err("has 0 of 2 signatures"));
        check("alice", &["1: bob (1) < alice bob"], Ok(1));
    }

    #[test]
    fn every_version_is_vouched_for_by_the_one_before_it_and_by_its_own() {
        let first = "1: alice bob (2) < alice bob";
        check("alice bob", &[first, "2: bob carol (1) < alice bob"], Ok(2));
        check("alice bob", &[first, "2: bob carol (1) < bob carol"], Err("has 1 of 2 signatures, by bob"));
        // Keys that nobody has shown to have would be the last ever.
        check("alice bob", &[first, "2: carol dave (1) < alice bob"], Err("has 0 of 1 signatures; ends with"));
        check("alice bob", &[first, "2: bob (1) < alice bob", "3: carol (1) < bob carol"], Ok(3));
        check(
            "alice bob",
            &[first, "3: carol (1) < alice bob carol"],
            Err("version 2 that has to come before it is not"),
        );
    }

    #[test]
    fn two_keys_of_one_person_are_one_person() {
        let bob = line("bob").replace("bob ssh", "alice ssh");
        let both = Signers::parse(&format!("{}\n{bob}\n{}\n", line("alice"), line("carol"))).unwrap();
        let found = follow(&both, None, &repository(&["1: alice (1) < alice bob"]), SEEN);
        assert!(found.unwrap_err().contains("has 1 of 2 signatures, by alice"));
    }

    #[test]
    fn what_held_is_never_gone_back_behind() {
        let all = ["1: alice bob (1) < alice bob", "2: bob (1) < alice bob"];
        let known = known("alice bob", 2, &all);
        after("alice bob", Some(&known), &all, Ok(2));
        after(
            "alice bob",
            Some(&known),
            &all[..1],
            Err("version 2 of who may sign holds here, and its document is gone"),
        );
        after("alice bob", Some(&known), &[], Err("its document is gone"));
        let other = [all[0], "2: bob carol (1) < alice bob"];
        after("alice bob", Some(&known), &other, Err("its document is not the one that was accepted"));
        // Who was taken off the list does not come back.
        let third = [all[0], all[1], "3: alice (1) < alice"];
        after("alice bob", Some(&known), &third, Err("version 3 of who may sign has 0 of 1 signatures"));
    }

    #[test]
    fn another_list_in_the_account_begins_anew_and_not_earlier() {
        let all = ["1: alice bob (1) < alice bob", "2: bob carol (2) < alice bob carol"];
        let known = known("alice bob", 2, &all);
        // A list that is younger than the first versions vouches for the later one.
        check("bob carol", &all, Ok(2));
        after("bob carol", Some(&known), &all, Ok(2));
        // All keys were lost: new ones in the account vouch for a version of their own.
        after("dave", Some(&known), &all, Err("version 1 of who may sign has 0 of 1 signatures"));
        after("dave", Some(&known), &[all[0], all[1], "3: dave (1) < dave"], Ok(3));
        after("alice", Some(&known), &["1: alice (1) < alice"], Err("vouches for none later than 1"));
    }

    #[test]
    fn a_remark_in_the_list_is_no_other_list_and_a_line_that_ran_out_bars_a_key_from_every_version() {
        let all = ["1: alice bob mallory (2) < alice bob"];
        let known = known("alice bob", 1, &all);
        let text = format!("# ours\n{}\n\n  {}\n", line("alice"), line("bob"));
        let remarked = Signers::parse(&text).unwrap();
        let papers = repository(&all);
        assert_eq!(follow(&remarked, Some(&known), &papers, SEEN).unwrap().signers.principals().len(), 3);
        assert!(follow(&remarked, Some(&known), &[], SEEN).unwrap_err().contains("its document is gone"));
        let barred = line("mallory").replace(" ssh", " valid-before=\"19690101\" ssh");
        let barring = Signers::parse(&format!("{text}{barred}\n")).unwrap();
        let force = follow(&barring, Some(&known), &papers, SEEN).unwrap();
        assert_eq!((force.version, force.signers.principals()), (1, vec!["alice", "bob"]));
    }

    #[test]
    fn with_another_list_nothing_less_is_in_force_than_what_held() {
        let all = ["1: alice bob (2) < alice bob"];
        let known = known("alice bob mallory", 1, &all);
        let papers = repository(&all);
        assert_eq!(standing(&list("alice bob"), Some(&known), &papers, SEEN).unwrap().version, 1);
        standing(&list("alice bob"), Some(&known), &[], SEEN).unwrap_err();
        assert_eq!(standing(&list("alice bob"), None, &papers, SEEN).unwrap().version, 0);
    }

    #[test]
    fn whoever_may_not_sign_documents_is_not_asked_to() {
        let for_git = |name: &str| line(name).replace(" ssh", " namespaces=\"git\" ssh");
        let list = Signers::parse(&format!("{}\n{}\n", for_git("alice"), for_git("bob"))).unwrap();
        let why = follow(&list, None, &repository(&["1: alice (1) < alice bob"]), SEEN).unwrap_err();
        assert!(why.contains("has 0 of 1 signatures, and nobody else may sign documents"), "{why}");
    }

    #[test]
    fn what_can_be_read_in_two_ways_holds_in_none() {
        let mut twice = version("1: alice (1) < alice");
        twice.extend(version("1: alice bob (1) < alice").into_iter().map(|mut member| {
            member.name = member.name.replace("1.yaml", "one.yaml");
            member
        }));
        let papers = papers(&"trust".parse().unwrap(), &twice).unwrap();
        assert!(follow(&list("alice"), None, &papers, SEEN).unwrap_err().contains("are both version 1"));
    }

    #[test]
    fn a_signature_for_another_use_is_none() {
        let mut members = version("1: alice (1) < nobody");
        let document = members[0].bytes.clone();
        let commit = key("alice").sign("git", HashAlg::Sha512, &document).unwrap().to_pem(LineEnding::LF).unwrap();
        members.push(Member { name: "1.yaml.sig".into(), executable: false, bytes: commit.into_bytes() });
        let papers = papers(&"trust".parse().unwrap(), &members).unwrap();
        assert!(follow(&list("alice"), None, &papers, SEEN).unwrap_err().contains("has 0 of 1 signatures"));
    }
}
