//! Input that nobody meant well, and input that nobody wrote.

use crate::{parse, stack};
use proptest::prelude::*;

/// What is told of a `spec` of these lines.
fn told(lines: &str) -> String {
    let repository = parse(&[("stacks/a.yaml", stack("a", lines))]);
    assert!(repository.stacks.is_empty());
    repository.problems.first().map(|problem| problem.message.clone()).unwrap_or_default()
}

#[test]
fn a_bomb_of_aliases_goes_off_in_the_budget() {
    let mut bomb = String::from("tags: {a0: &a0 [x, x, x, x, x, x, x, x, x, x]");
    for n in 1..10 {
        let one = format!("*a{}, ", n - 1);
        bomb.push_str(&format!(", a{n}: &a{n} [{}]", one.repeat(10)));
    }
    bomb.push('}');
    assert_eq!(told(&bomb), "the document has more than 200,000 values once its aliases are written out");
}

#[test]
fn aliases_do_not_lead_deeper_than_lists_do() {
    let mut chain = String::from("tags: {a0: &a0 [x]");
    for n in 1..50 {
        chain.push_str(&format!(", a{n}: &a{n} [*a{}]", n - 1));
    }
    chain.push('}');
    assert_eq!(told(&chain), "lists and maps stand in each other more than 16 deep");
}

#[test]
fn deep_nesting_is_refused_where_it_begins() {
    let deep = "lists and maps stand in each other more than 16 deep";
    assert_eq!(told(&format!("tags: {}", "[".repeat(80_000))), deep);
    assert_eq!(told(&format!("tags: {}", "{a: ".repeat(20_000))), deep);
    assert_eq!(told(&format!("tags:\n  {}x", "- ".repeat(40_000))), deep);
}

#[test]
fn a_file_of_ten_thousand_documents_is_read_up_to_a_point() {
    let file: String = (0..10_000).map(|n| format!("{}---\n", stack(&format!("s{n}"), ""))).collect();
    let repository = parse(&[("stacks/a.yaml", file)]);
    let told: Vec<String> = repository.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "stacks/a.yaml:6000: 10000 documents in one file are too many, 1000 are read\n  hint: put the rest into other files"
        ]
    );
    assert_eq!((repository.stacks.len(), repository.complete), (1_000, false));
}

#[test]
fn many_stacks_that_all_ask_for_one_are_told_once_each() {
    let files: Vec<(String, String)> = (0..2_000)
        .map(|n| (format!("stacks/s{n}.yaml"), stack(&format!("s{n}"), &format!("stackName: s\ndependsOn: [x{n}]"))))
        .collect();
    let files: Vec<(&str, &String)> = files.iter().map(|(path, text)| (path.as_str(), text)).collect();
    let repository = parse(&files);
    assert_eq!((repository.stacks.len(), repository.problems.len()), (0, 4_000));
}

/// A manifest that uses most of the format.
fn rich() -> String {
    let more = "targets: {accounts: ['111111111111'], exclude: {labels: {a: b}}}\nregions: [eu-central-1]\n\
                parameters:\n  A: text\n  B: {label: team}\n  C: {output: {stack: b, key: K}}\n  D: [1, 2]\n\
                tags: &t {team: x}\nallow:\n  - remove: Table\ntimeout: 30m\nsuspend: {reason: why not}";
    format!("{}---\n{}", stack("a", more), stack("b", ""))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_to_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut file = b"apiVersion: holdfast/v1\n".to_vec();
        file.extend(bytes);
        let repository = parse(&[("stacks/a.yaml", file)]);
        prop_assert!(repository.stacks.is_empty());
        prop_assert!(!repository.problems.is_empty());
    }

    #[test]
    fn any_text_of_yaml_signs_is_read_to_the_end(text in "[-a:{}\\[\\], &*!|>'\"#%@?~<\n\t]{0,300}") {
        let repository = parse(&[("stacks/a.yaml", format!("apiVersion: holdfast/v1\n{text}"))]);
        prop_assert!(repository.stacks.is_empty());
    }

    /// An edit may be harmless. If it is not, it is told, and nothing is lost without a word.
    #[test]
    fn an_edit_never_loses_a_stack_without_a_word(at in 0usize..700, length in 0usize..40, put in "[-a:{}\\[\\], &*!|>'\"#\n\t0-9]{0,8}") {
        let rich = rich();
        let (from, to) = (at.min(rich.len()), (at + length).min(rich.len()));
        let edited = format!("{}{put}{}", &rich[..from], &rich[to..]);
        let repository = parse(&[("stacks/a.yaml", edited.as_str())]);
        let both = repository.stacks.len() == 2;
        let renamed = edited.matches("name: a}").count() + edited.matches("name: b}").count() < 2;
        let hidden = edited.matches("apiVersion: holdfast/").count() < 2 || edited.contains('#');
        let merged = edited.matches("\n---\n").count() == 0;
        prop_assert!(both || !repository.problems.is_empty() || renamed || hidden || merged, "{edited}");
    }

    #[test]
    fn a_bad_file_costs_only_its_own_stacks(good in proptest::collection::vec(any::<bool>(), 1..20), kinds in proptest::collection::vec(0usize..7, 20)) {
        let text = |n: usize, good: bool| {
            let name = format!("s{n}");
            let bad = [
                stack(&name, "prunes: true"),
                stack(&name, "tags: ["),
                stack("no name", ""),
                stack(&name, &format!("tags: {}", "[".repeat(100))),
                stack(&name, &format!("dependsOn: [s{n}]")),
                stack(&name, "").replace("t.yaml", "gone.yaml"),
                format!("{}\u{0}", stack(&name, "")),
            ];
            (format!("stacks/{name}.yaml"), if good { stack(&name, "") } else { bad[kinds[n]].clone() })
        };
        let files: Vec<(String, String)> = good.iter().enumerate().map(|(n, good)| text(n, *good)).collect();
        let files: Vec<(&str, &String)> = files.iter().map(|(path, text)| (path.as_str(), text)).collect();
        let repository = parse(&files);
        let there: Vec<String> = repository.stacks.keys().map(ToString::to_string).collect();
        let mut expected: Vec<String> = good.iter().enumerate().filter(|(_, good)| **good).map(|(n, _)| format!("s{n}")).collect();
        expected.sort();
        prop_assert_eq!(there, expected);
        for (n, good) in good.iter().enumerate() {
            let path = format!("stacks/s{n}.yaml");
            prop_assert_eq!(repository.problems.iter().any(|problem| problem.file.as_str() == path), !good);
        }
    }
}
