//! An account's guardrails: what they say when nothing is said, what is wrong with them, and when a window is open.

use jiff::Timestamp;
use manifests::{
    guardrails::{Guardrails, Types, parse},
    id::RepoPath,
};

fn place() -> RepoPath {
    "guardrails.yaml".parse().expect("a path")
}

/// Guardrails with these lines below `spec`; they begin on line 4.
fn spec(lines: &str) -> Result<Guardrails, String> {
    let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    read(&format!("apiVersion: holdfast/v1\nkind: Guardrails\nspec:\n{lines}"))
}

fn read(text: &str) -> Result<Guardrails, String> {
    parse(&place(), text.as_bytes())
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[track_caller]
fn wrong(lines: &str, expect: &str) {
    assert_eq!(spec(lines).expect_err(lines), expect);
}

#[test]
fn what_is_left_out_is_as_in_an_account_without_guardrails() {
    assert_eq!(spec("limits: {}\nmay: {}\ntypes: {}\nprune: {}\nstacks: {}").expect("sound"), Guardrails::default());
    let some = spec("limits: {removalsPerDay: 3}").expect("sound");
    assert_eq!(some.limits.removals_per_day, 3);
    assert_eq!(some.limits.replacements_per_day, Guardrails::default().limits.replacements_per_day);
    assert_eq!(some.types, Guardrails::default().types);
}

#[test]
fn without_guardrails_nothing_unspelled_goes_and_nothing_stateful_even_when_spelled() {
    let usual = Guardrails::default();
    assert_eq!((usual.limits.removals_per_change, usual.limits.replacements_per_change), (0, 0));
    for kind in ["AWS::DynamoDB::Table", "AWS::RDS::DBInstance", "AWS::S3::Bucket", "AWS::KMS::Key"] {
        assert!(Types::fenced(&usual.types.never_replaced, kind).is_some(), "{kind}");
        assert!(Types::fenced(&usual.types.never_removed, kind).is_some(), "{kind}");
    }
    assert_eq!(Types::fenced(&usual.types.never_replaced, "AWS::SNS::Topic"), None);
    assert!(usual.may.prune && !usual.may.adopt && !usual.may.macros && !usual.may.private_checks);
}

#[test]
fn a_mistake_is_told_with_its_place_and_nothing_of_the_rest_holds() {
    wrong("limit: {}", "guardrails.yaml:4:3: unknown field `limit`\n  hint: did you mean `limits`?");
    wrong(
        "limits: {removalsPerTurn: 3}",
        "guardrails.yaml:4:12: unknown field `removalsPerTurn`\n  hint: did you mean `removalsPerDay`?",
    );
    wrong("concurrency: 0", "guardrails.yaml:4:16: at least one stack has to be changed at a time");
    wrong(
        "prune: {grace: soon}",
        "guardrails.yaml:4:18: `soon` is not a duration: it must begin with a whole number, as in `90s`",
    );
    wrong("prune: {shrink: 101}", "guardrails.yaml:4:19: `101` is no share in percent");
    // What fences nothing off for a slip in its spelling is no pattern.
    for kind in ["Table", "AWS::SNS", "aws::sns::topic", "AWS::SNS::topic", "aws::*"] {
        let expect = format!(
            "guardrails.yaml:4:20: `{kind}` is not a resource type or a pattern of some\n  hint: such as \
             `AWS::RDS::DBInstance` or `AWS::RDS::*`"
        );
        wrong(&format!("types: {{denied: ['{kind}']}}"), &expect);
    }
    wrong(
        "stacks: {protected: [a b]}",
        "guardrails.yaml:4:24: `a b` is not a stack's name or a pattern of some\n  hint: such as `network` or `prod-*`",
    );
}

#[test]
fn only_one_whole_document_of_the_kind_is_read() {
    let wrong = |text: &str, expect: &str| assert_eq!(read(text).expect_err(text), expect);
    wrong("", "guardrails.yaml: there is nothing in it");
    wrong("# nothing\n", "guardrails.yaml: there is nothing in it");
    wrong(
        "kind: Guardrails\n",
        "guardrails.yaml:1:1: the field `apiVersion` is missing\n  hint: begin the document with `apiVersion: holdfast/v1`",
    );
    wrong("apiVersion: holdfast/v1\nkind: Stack\n", "guardrails.yaml:2:7: expected `kind: Guardrails`, found `Stack`");
    wrong(
        "apiVersion: holdfast/v1\nkind: Guardrails\nspec: {}\n---\na: 1\n",
        "guardrails.yaml:4: a second document stands here, one is read",
    );
    assert!(parse(&place(), b"\xff\xfe").is_err());
}

#[track_caller]
fn fits(pattern: &str, kind: &str, expect: bool) {
    let guardrails = spec(&format!("types: {{denied: ['{pattern}']}}")).expect(pattern);
    assert_eq!(Types::fenced(&guardrails.types.denied, kind).is_some(), expect, "{pattern} and {kind}");
}

#[test]
fn a_star_stands_for_anything() {
    fits("AWS::RDS::DBInstance", "AWS::RDS::DBInstance", true);
    fits("AWS::RDS::DBInstance", "AWS::RDS::DBInstanceX", false);
    fits("AWS::RDS::*", "AWS::RDS::DBInstance", true);
    fits("AWS::RDS::*", "AWS::RDSX::DBInstance", false);
    fits("*::Table", "AWS::DynamoDB::Table", true);
    fits("*::Table", "AWS::DynamoDB::TableX", false);
    fits("AWS::*::Table", "AWS::DynamoDB::Table", true);
    fits("AWS::*::Table", "AWS::Table", false);
    fits("AWS::*Cluster*", "AWS::RDS::DBCluster", true);
    fits("*", "Custom::Anything", true);
    // Two parts may not share a letter.
    fits("AWS::EC2*2::Volume", "AWS::EC2::Volume", false);
}

/// Whether a window is open then, as `until …` or `opens …`.
#[track_caller]
fn window(window: &str, now: &str, expect: &str) {
    let guardrails = spec(&format!("windows: [{window}]")).expect(window);
    let window = &guardrails.windows[0];
    let now: Timestamp = now.parse().expect(now);
    let told = match window.closes(now) {
        Some(closes) => format!("until {closes}"),
        None => window.opens_next(now).map_or("never".into(), |opens| format!("opens {opens}")),
    };
    assert_eq!(told, expect);
}

#[test]
fn a_window_is_open_from_its_time_for_its_duration() {
    let nightly = "{kind: deny, schedule: '0 22 * * *', duration: 8h}";
    window(nightly, "2026-03-02T21:59:59Z", "opens 2026-03-02T22:00:00Z");
    window(nightly, "2026-03-02T22:00:00Z", "until 2026-03-03T06:00:00Z");
    window(nightly, "2026-03-03T05:59:59Z", "until 2026-03-03T06:00:00Z");
    window(nightly, "2026-03-03T06:00:00Z", "opens 2026-03-03T22:00:00Z");
    let weekend = "{kind: deny, schedule: '0 18 * * FRI', duration: 60h}";
    window(weekend, "2026-03-07T12:00:00Z", "until 2026-03-09T06:00:00Z");
    window(weekend, "2026-03-09T06:00:00Z", "opens 2026-03-13T18:00:00Z");
    // Openings that lie closer together than a window is long keep it open.
    window("{kind: deny, schedule: '0 * * * *', duration: 2h}", "2026-03-02T10:30:00Z", "until 2026-03-02T12:00:00Z");
}

#[test]
fn a_window_ends_when_the_clock_on_the_wall_says_so_whatever_summer_time_does() {
    let berlin = "{kind: deny, schedule: '0 22 * * *', duration: 8h, timeZone: Europe/Berlin}";
    // The clocks go forward in the night to 2026-03-29: ten at night is 21:00 UTC, six in the morning 04:00 UTC.
    window(berlin, "2026-03-28T21:00:00Z", "until 2026-03-29T04:00:00Z");
    window(berlin, "2026-03-29T04:00:00Z", "opens 2026-03-29T20:00:00Z");
    // They go back in the night to 2026-10-25.
    window(berlin, "2026-10-24T20:00:00Z", "until 2026-10-25T05:00:00Z");
    // An opening in the hour that is left out is at its end.
    window(
        "{kind: allow, schedule: '30 2 * * *', duration: 1h, timeZone: Europe/Berlin}",
        "2026-03-29T00:00:00Z",
        "opens 2026-03-29T01:30:00Z",
    );
}

#[test]
fn what_is_no_window_is_told() {
    let wrong = |window: &str, expect: &str| {
        let told = spec(&format!("windows: [{window}]")).expect_err(window);
        assert!(told.contains(expect), "{told}");
    };
    wrong("{kind: block, schedule: '0 0 * * *', duration: 1h}", "expected `allow` or `deny`, found `block`");
    wrong("{kind: deny, schedule: 'weekends', duration: 1h}", "`weekends` is no schedule");
    wrong("{kind: deny, schedule: '0 25 * * *', duration: 1h}", "`0 25 * * *` is no schedule");
    wrong("{kind: deny, schedule: '0 0 * * * Europe/Berlin', duration: 1h}", "is no schedule");
    wrong("{kind: deny, schedule: '0 0 * * *', duration: 0s}", "a window is open for 1m to 31d");
    wrong(
        "{kind: deny, schedule: '0 0 * * *', duration: 1h, timeZone: Mars/Olympus}",
        "`Mars/Olympus` is no time zone",
    );
    wrong("{schedule: '0 0 * * *', duration: 1h}", "`kind`");
}
