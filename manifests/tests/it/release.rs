//! What a Fleet says of its agents' version, and what people see who wrote it wrong.

use crate::parse;
use manifests::release::{Form, Machine, Release, Version};
use std::{collections::BTreeMap, time::Duration};

const SUM: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn place(sha256: &str) -> String {
    format!("program: {{x86_64: {{from: 's3://releases-{{region}}/a', sha256: '{sha256}'}}}}")
}

/// A Fleet with these lines about its agents, which begin on line 5.
fn text(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("apiVersion: holdfast/v1\nkind: Fleet\nspec:\n  agent:\n{lines}")
}

fn release(lines: &str) -> Release {
    let repository = parse(&[("fleet.yaml", text(lines))]);
    assert_eq!(repository.problems, [], "{lines}");
    repository.fleet.expect("a fleet").agent.expect("a release")
}

#[track_caller]
fn check(lines: &str, expected: &str) {
    let repository = parse(&[("fleet.yaml", text(lines))]);
    let told: Vec<String> = repository.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.join("\n"), expected);
    assert_eq!(repository.fleet, None, "nobody knows what else was meant, so nothing of it holds");
}

#[test]
fn a_release_is_told_by_version_place_and_digest() {
    let release = release(&format!("version: 1.4.0\n{}", place(SUM)));
    let download = &release.downloads[&Form::Program(Machine::X86)];
    assert_eq!((download.from.as_str(), download.sha256.to_string().as_str()), ("s3://releases-{region}/a", SUM));
    assert!(!release.downgrade && release.downloads.len() == 1);
}

#[test]
fn an_account_is_in_the_first_ring_that_it_fits_into() {
    let release = release(&format!(
        "version: 1.4.0\n{}\nrings:\n- {{name: canary, targets: {{labels: {{ring: first}}}}}}\n\
         - {{name: some, percent: 30, after: 4h}}\n- {{name: rest, after: 1d, targets: {{exclude: {{labels: {{keep: old}}}}}}}}",
        place(SUM)
    ));
    let ring = |n: u64, labels: &[(&str, &str)]| {
        let labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let id = format!("{n:012}").parse().expect("an account");
        release.ring(&id, &labels).map(|ring| (ring.name.to_string(), ring.after))
    };
    assert_eq!(ring(1, &[("ring", "first")]), Some(("canary".into(), Duration::ZERO)));
    let all: Vec<String> = (0..1_000).filter_map(|n| Some(ring(n, &[])?.0)).collect();
    let some = all.iter().filter(|name| *name == "some").count();
    assert!(all.len() == 1_000 && (200..400).contains(&some), "{some} of 1,000 accounts are in a ring of 30 %");
    let none = (0..1_000).filter(|n| ring(*n, &[("keep", "old")]).is_none()).count();
    assert_eq!(none, 1_000 - some, "who fits into no ring stays as it is");
}

#[test]
fn without_rings_a_hundredth_goes_first() {
    let release = release(&format!("version: 1.4.0\n{}", place(SUM)));
    let waits: Vec<u64> = release.rings.iter().map(|ring| ring.after.as_secs()).collect();
    assert_eq!(waits, [0, 4 * 3_600, 86_400]);
    assert_eq!(release.rings.last().expect("a ring").percent, 100);
}

#[test]
fn slips_are_told_with_their_place() {
    check(
        "version: 1.4\nprogram: {}",
        "fleet.yaml:5:14: `1.4` is not a version: it must look like `1.4.0` or `1.4.0-rc.1`\n\
         fleet.yaml:5:14: nobody says where this release is\n  \
         hint: name it: `program: {x86_64: {from: …, sha256: …}}`, `function: {…}`, or both",
    );
    check(
        &format!("version: 1.4.0\n{}", place("00")),
        "fleet.yaml:6:66: `00` is not a digest: it must be 64 lower-case hex digits",
    );
    let at = |from: &str, why: &str| {
        check(
            &format!("version: 1.4.0\nfunction: {{aarch64: {{from: '{from}', sha256: '{SUM}'}}}}"),
            &format!("fleet.yaml:6:32: `{from}` is no place to fetch a release from: it {why}"),
        );
    };
    at("http://a.example/b", "begins with neither `https://` nor `s3://`");
    at("s3://bucket", "must look like `s3://bucket/key`");
    at("https://", "names no host");
    let rings = |rings: &str, told: &str| check(&format!("version: 1.4.0\n{}\nrings: {rings}", place(SUM)), told);
    rings("[{name: a, percent: 0}]", "fleet.yaml:7:32: `0` is no share of a hundred: it is from 1 to 100");
    rings(
        "[{name: a, after: 2h}, {name: b, after: 1h}]",
        "fleet.yaml:7:52: the ring `b` comes before the one above it",
    );
    rings("[{name: a}, {name: a}]", "fleet.yaml:7:31: there is a ring `a` already");
    rings(
        "[]",
        "fleet.yaml:7:12: nothing is listed here\n  \
         hint: for the usual rings, leave the field out; for all at once, say `[{name: everyone}]`",
    );
}

#[test]
fn versions_are_ordered_as_semantic_versioning_has_it() {
    // From its own item 11, and one of each kind beside.
    let ordered = [
        "0.9.12",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.10",
        "1.2.0",
        "10.0.0",
    ];
    let versions = ordered.map(|text| text.parse::<Version>().expect("a version"));
    assert!(versions.is_sorted_by(|one, other| one < other));
    assert_eq!(versions.each_ref().map(ToString::to_string), ordered);
    for text in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+4", "v1.2.3", "1.2.-3"]
    {
        assert!(text.parse::<Version>().is_err(), "{text}");
    }
}
