//! What is remembered of drift, how long it is, and what is forgotten first.

use super::{app, drifts};
use crate::table::{at, key, word};
use jiff::SignedDuration;
use plan::{
    asked::Fingerprint,
    drift::remembered::{Coverage, Drifted, Drifts, Finding, Running, Stop},
};
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::BTreeSet;

fn text(drifts: &Drifts) -> String {
    serde_json::to_string(drifts).expect("it is JSON")
}

fn read(text: &str) -> Result<Drifts, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn coverage(compared: u32, resources: u32, unseen: &[&str]) -> Coverage {
    Coverage { compared, resources, unseen: unseen.iter().map(ToString::to_string).collect() }
}

/// So many stacks of which nothing is known but how much of them could be seen, with so many types that could not.
fn quiet(stacks: u32, types: u32) -> Drifts {
    let mut drifts = Drifts::default();
    for number in 0..stacks {
        let kinds = [format!("AWS::EC2::Kind{}", number % types), format!("AWS::EC2::Kind{}", number * 7 % types)];
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        drifts.look(&app(number), at(i64::from(number) * 61), &coverage(number % 500, 500, &kinds));
    }
    drifts
}

/// Everything that there is to remember of a stack.
fn whole() -> Drifted {
    let found = drifts(5, "Topic MODIFIED /DisplayName=b /Policy=c, Queue AWS::SQS::Queue DELETED");
    let mut known = found.of(&key("app")).expect("it is there").clone();
    known.findings[0].author = Some(super::author("deploy", 3, true));
    known.findings[1].asked = Some(at(6));
    let mut noisy = super::Eye::default();
    noisy.sees_first(1, "Noisy MODIFIED /DisplayName=b");
    Drifted {
        running: Some(Running {
            id: "d-1".into(),
            since: at(7),
            generation: Fingerprint::of(b"g"),
            first: Some(at(4)),
        }),
        failed: Some("it could not be compared".into()),
        baseline: noisy.known.baseline,
        noise: 1,
        ignored: 2,
        noisy: BTreeSet::from([word("Noisy")]),
        ignoring: BTreeSet::from([word("Ignoring")]),
        heals: vec![at(1), at(2)],
        stopped: Some(Stop { case: Fingerprint::of(b"c"), why: "why".into(), plan: Some("0123456789abcdef".into()) }),
        healing: vec![word("Topic")],
        ..known
    }
}

#[test]
fn all_of_it_comes_back() {
    let mut drifts = quiet(300, 43);
    drifts.change(&key("app"), |known| *known = whole());
    drifts.change(&key("other/eu-west-1"), |known| *known = whole());
    assert_eq!(read(&text(&drifts)), Ok(drifts.clone()));
    for number in 0..300 {
        let looked = drifts.looked(&app(number)).expect("it was looked at");
        let second = at(i64::from(number) * 61);
        assert_eq!(looked.at.as_second(), second.as_second(), "a look is remembered to the second");
        assert_eq!((looked.compared, looked.resources), (number % 500, 500));
        let unseen = drifts.unseen(&app(number));
        let own = format!("AWS::EC2::Kind{}", number % 43);
        assert!(unseen.contains(&own) || unseen.contains(&"others".into()), "{unseen:?} lacks {own}");
    }
    assert_eq!(drifts.types.len(), 35, "the types that came after those have one bit together");
    assert_eq!(read("{}"), Ok(Drifts::default()));
    assert_eq!(text(&Drifts::default()), "{}");
}

#[test]
fn types_are_told_by_name_while_there_is_room_for_their_names() {
    let mut drifts = Drifts::default();
    drifts.look(&app(1), at(0), &coverage(3, 5, &["AWS::IAM::Policy", "AWS::EKS::Cluster"]));
    drifts.look(&app(2), at(0), &coverage(1, 2, &["AWS::IAM::Policy"]));
    drifts.look(&app(3), at(0), &coverage(9, 9, &[]));
    assert_eq!(drifts.unseen(&app(1)), ["AWS::EKS::Cluster", "AWS::IAM::Policy"]);
    assert_eq!(drifts.unseen(&app(2)), ["AWS::IAM::Policy"]);
    assert_eq!(drifts.unseen(&app(3)), Vec::<String>::new());
    assert_eq!(drifts.unseen(&app(4)), Vec::<String>::new());
    let last = quiet(300, 43);
    assert!((0..300).any(|number| drifts_others(&last, number)));
}

fn drifts_others(drifts: &Drifts, number: u32) -> bool {
    drifts.unseen(&app(number)).last().is_some_and(|name| name == "others")
}

#[test]
fn as_many_resources_as_a_stack_may_have_are_counted() {
    let mut drifts = Drifts::default();
    drifts.look(&app(1), at(0), &coverage(500, 511, &[]));
    drifts.look(&app(2), at(0), &coverage(512, u32::MAX, &[]));
    let of = |drifts: &Drifts, number| drifts.looked(&app(number)).map(|quiet| (quiet.compared, quiet.resources));
    assert_eq!((of(&drifts, 1), of(&drifts, 2)), (Some((500, 511)), Some((511, 511))));
    assert_eq!(read(&text(&drifts)), Ok(drifts));
}

#[test]
fn a_hundred_and_eighty_quiet_stacks_fit_where_they_are_kept() {
    let length = text(&quiet(180, 12)).len();
    assert!(length <= 4096, "{length}");
}

#[test]
fn what_is_not_known_here_is_refused() {
    let good = {
        let mut drifts = quiet(1, 1);
        drifts.change(&key("app"), |known| *known = whole());
        text(&drifts)
    };
    for (of, with) in [
        ("{\"looked\"", "{\"new\":1,\"looked\""),
        ("{\"running\"", "{\"new\":1,\"running\""),
        ("{\"id\"", "{\"new\":1,\"id\""),
        ("{\"logical\"", "{\"new\":1,\"logical\""),
        ("{\"by\"", "{\"new\":1,\"by\""),
        ("{\"case\"", "{\"new\":1,\"case\""),
    ] {
        assert!(good.contains(of), "{of} is not in {good}");
        let error = read(&good.replacen(of, with, 1)).expect_err(with);
        assert!(error.contains("unknown field `new`"), "{error}");
    }
}

#[test]
fn a_broken_text_is_refused() {
    for text in [
        "",
        "5",
        r#"{"looked":"A"}"#,
        r#"{"looked":"AAAAAAAAAAAAAAAAAA!"}"#,
        r#"{"looked":"ÄÄÄÄÄÄÄÄÄÄ"}"#,
        r#"{"looked":5}"#,
        r#"{"stacks":[["app",{}]]}"#,
        r#"{"stacks":[[{"region":"eu-central-1","stack":"app"},{"baseline":"abc"}]]}"#,
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

/// More types than have a bit of their own, such as another program could write.
#[test]
fn more_types_than_there_are_bits_harm_nobody() {
    let names: Vec<String> = (0..200).map(|number| format!("T{number}")).collect();
    let many = format!(r#"{{"looked":"____________________","types":{}}}"#, serde_json::to_string(&names).unwrap());
    let mut drifts = read(&many).expect("it is well formed");
    drifts.look(&app(1), at(0), &coverage(1, 2, &["T3", "T36", "T70", "T199", "new"]));
    assert_eq!(drifts.unseen(&app(1)), ["T3", "others"]);
    assert_eq!(read(&text(&drifts)), Ok(drifts));
}

#[test]
fn what_matters_least_is_forgotten_first() {
    let mut drifts = quiet(3, 3);
    for stack in ["app", "net"] {
        drifts.change(&key(stack), |known| *known = whole());
    }
    let sum = |drifts: &Drifts, of: fn(&Drifted) -> usize| drifts.stacks().values().map(of).sum::<usize>();
    let counts = |drifts: &Drifts| {
        [
            sum(drifts, |known| known.noisy.len()),
            sum(drifts, |known| known.findings.iter().filter(|one| one.paths.len() > 1).count()),
            sum(drifts, |known| known.baseline.len()),
            sum(drifts, |known| known.findings.iter().filter(|one| one.author.is_some()).count()),
            sum(drifts, |known| known.findings.len()),
            drifts.types.len(),
            drifts.looked.len(),
        ]
    };
    let mut before = counts(&drifts);
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    let mut length = text(&drifts).len();
    while drifts.forget() {
        let after = counts(&drifts);
        let first = before.iter().position(|count| *count > 0).unwrap_or(before.len());
        assert_eq!(before[..first], after[..first]);
        if first < before.len() {
            assert!(after[first] < before[first], "{before:?} {after:?}");
            assert_eq!(before[first + 1..], after[first + 1..], "one kind at a time");
        }
        assert!(text(&drifts).len() < length + 32, "it gets no longer");
        (before, length) = (after, text(&drifts).len());
    }
    assert_eq!(drifts, Drifts::default());
}

#[test]
fn a_type_whose_name_was_forgotten_is_not_called_by_anothers() {
    let mut drifts = Drifts::default();
    drifts.look(&app(1), at(0), &coverage(1, 2, &["AWS::IAM::Policy"]));
    drifts.look(&app(2), at(0), &coverage(2, 2, &[]));
    assert!(drifts.forget());
    drifts.look(&app(3), at(0), &coverage(1, 2, &["AWS::EKS::Cluster"]));
    assert_eq!(drifts.unseen(&app(1)), ["others"]);
    assert_eq!(drifts.unseen(&app(2)), Vec::<String>::new());
    assert_eq!(drifts.unseen(&app(3)), ["AWS::EKS::Cluster"]);
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut drifts = quiet(5, 2);
    drifts.change(&app(1), |known| *known = whole());
    drifts.change(&app(9), |known| *known = whole());
    let still = [app(1), app(2)];
    drifts.keep(still.iter());
    assert_eq!(drifts.stacks().keys().collect::<Vec<_>>(), [&app(1)]);
    assert_eq!(drifts.looked.len(), 2);
    drifts.change(&app(1), |known| *known = Drifted::default());
    assert!(drifts.of(&app(1)).is_none(), "of nothing nothing is kept");
}

#[test]
fn heals_are_counted_within_a_time() {
    let drifts = {
        let mut drifts = Drifts::default();
        drifts.change(&key("app"), |known| known.heals = vec![at(0), at(3_600), at(90_000)]);
        drifts
    };
    let day = SignedDuration::from_hours(24);
    assert_eq!(drifts.heals(&key("app"), at(3_600), day), 3, "what lies in the future counts");
    assert_eq!(drifts.heals(&key("app"), at(86_399), day), 3);
    assert_eq!(drifts.heals(&key("app"), at(86_400), day), 2);
    assert_eq!(drifts.heals(&key("net"), at(0), day), 0);
}

fn nasty() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"looked\":",
        "\"types\":",
        "\"stacks\":",
        "\"findings\":",
        "\"AAAAAAAAAAAAAAAAAAA\"",
        "\"___________________\"",
        ",",
        "null",
        "1e999",
        "\"\\u0000\"",
        "-1",
        "{\"region\":\"eu-west-1\",\"stack\":\"a\"}",
    ]);
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(pieces in nasty(), any in ".{0,60}", looks in "[A-Za-z0-9_-]{0,80}") {
        let _ = (read(&pieces), read(&any));
        if let Ok(mut drifts) = read(&format!(r#"{{"looked":"{looks}"}}"#)) {
            prop_assert_eq!(read(&text(&drifts)), Ok(drifts.clone()));
            while drifts.forget() {}
        }
    }

    /// Whatever is remembered, forgetting comes to an end, and nothing is left.
    #[test]
    fn forgetting_ends(stacks in vec((0..9_u32, 0..4_usize, 0..4_usize, any::<bool>()), 0..8)) {
        let mut drifts = quiet(4, 40);
        for (stack, findings, noisy, more) in stacks {
            drifts.change(&app(stack), |known| {
                let finding = |number: usize| Finding { logical: word(&format!("R{number}")), ..whole().findings[0].clone() };
                known.findings = (0..findings).map(finding).collect();
                known.noisy = (0..noisy).map(|number| word(&format!("R{number}"))).collect();
                if more {
                    (known.heals, known.stopped) = (whole().heals, whole().stopped);
                }
            });
        }
        let mut times = 0;
        while drifts.forget() {
            times += 1;
            prop_assert!(times < 1_000);
        }
        prop_assert_eq!(drifts, Drifts::default());
    }
}
