//! The quick reader of plain YAML, held against the library: on what people write, on what they should not, and on both at
//! random.

use super::{
    MAX_DEPTH, MAX_NODES, documents, library,
    plain::{MAX_KEY, read},
};
use proptest::prelude::*;

/// Wherever there is an answer, the library gives the same. Says how many documents were answered.
#[track_caller]
fn check(text: &str) -> usize {
    let answered = documents(text).into_iter().filter_map(|document| Some((document, read(document)?)));
    let alike = answered.map(|(document, node)| assert_eq!((Some(node), Vec::new()), library(document), "{text}"));
    alike.count()
}

#[test]
fn what_manifests_are_written_in_is_answered() {
    for text in [
        "a: b\n",
        "a: b",
        "---\n# about it\n\na: b # more\nc:   'd e'  \n",
        "a:\n  b: 1.10\n  c:\n    - x\n    - y z\nd:\n- 'x'\n- {}\n",
        "- a: b\n  c:\n  - d\n-   e: f\n    g: []\n- h\n",
        "a: {b: c, 'd': [e, \"f, g\", h i], j: {}}\nk: [ 1 , {l: m} ]\n",
        "path: ../t.yaml\nrole: arn:aws:iam::111111111111:role/a\nall: [arn:aws:sns::1:x, ../y]\n",
        "'a b': \"grüße, größer\" # für alle\n\"c\": wer [ist] {da}, \"und\" 'wo'\n",
    ] {
        assert_eq!(check(text), 1, "{text}");
    }
}

#[test]
fn what_is_not_certain_is_left_to_the_library() {
    for text in [
        "",
        "a",
        "- ",
        "a:",
        "a:\n",
        "a: b\n  c\n",
        "a: 'b\n  c'\n",
        "a: |\n  b\n",
        "a: &x b\n",
        "a: *x\n",
        "a: !x b\n",
        "a: b: c\n",
        "a: b:\n",
        "a:\tb\n",
        "\ta: b\n",
        "a: b\r\n",
        "a: \"b\\n\"\n",
        "a: 'b''c'\n",
        "a: b\na: c\n",
        "? a\n: b\n",
        "<<: {a: b}\n",
        "null: b\n",
        "[a]: b\n",
        "a: [b\n",
        "a: [b,]\n",
        "a: {b}\n",
        "a: {b: }\n",
        "a: {\"b\":c}\n",
        "a: b\n c: d\n",
        "a:\n    b: c\n  d: e\n",
        "- a\nb: c\n",
        "a: b\n- c\n",
        "- - a\n",
        "a: -\n",
        "a: [b]c\n",
        "a: 'b'c\n",
        "a: 'b'#c\n",
        "a: {b: c}#d\n",
        "--- a\n",
        "---\na: b\n...\n",
        "a: \u{feff}b\n",
        "a: \u{85}b\n",
        "a: @b\n",
        "a: %b\n",
        "a: [b: c]\n",
        "a: {b: c: d}\n",
        "a: {b c}\n",
        "a: {a: b, a: c}\n",
    ] {
        assert_eq!(check(text), 0, "{text}");
    }
}

#[test]
fn budgets_are_the_librarys_business() {
    let deep = |levels: usize| format!("a: {}{}\n", "[".repeat(levels), "]".repeat(levels));
    assert_eq!((check(&deep(MAX_DEPTH - 1)), check(&deep(MAX_DEPTH))), (1, 0));
    let blocks: String = (0..=MAX_DEPTH).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert_eq!(check(&blocks), 0);
    let items: String = format!("a:\n{}", "- [b, c, d, e]\n".repeat(MAX_NODES / 5));
    assert_eq!(check(&items), 0);
    assert_eq!(check(&format!("{}: b\n", "a".repeat(MAX_KEY + 1))), 0);
}

/// A piece of a document: what people write, and what they should not.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-c]{1,3}",
        2 => "[a-z0-9_./$+()-]{1,6}",
        1 => "[ -~\u{a0}-\u{ff}]{0,6}",
        1 => "\"[ -~]{0,5}\"",
        1 => "'[ -~]{0,5}'",
        1 => prop::sample::select(vec![
            "null", "~", "true", "<<", "-", "---", "...", "?", ":", "|", ">", "&a", "*a", "!t", "#", "\t", "\u{2028}", "-1", "a:b", "::",
        ]).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let inside = |inner: BoxedStrategy<String>| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((word(), inner), 0..3).prop_map(|entries| {
                let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    };
    prop_oneof![4 => word(), 1 => word().boxed().prop_recursive(3, 8, 3, inside)]
}

fn line() -> impl Strategy<Value = String> {
    let end = prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just(" # c"), 1 => Just("#c"), 1 => Just(":")];
    let body = prop_oneof![
        6 => (word(), value()).prop_map(|(key, value)| format!("{key}: {value}")),
        3 => word().prop_map(|key| format!("{key}:")),
        3 => value().prop_map(|item| format!("- {item}")),
        3 => (word(), value()).prop_map(|(key, value)| format!("- {key}: {value}")),
        1 => word().prop_map(|key| format!("- {key}:")),
        1 => value(),
        1 => Just(String::new()),
        1 => word().prop_map(|text| format!("# {text}")),
    ];
    (0usize..4, 0usize..3, body, end)
        .prop_map(|(levels, odd, body, end)| format!("{}{body}{end}", " ".repeat(2 * levels + usize::from(odd == 1))))
}

/// A document whose indentation is right, so that most of it is answered.
fn tree() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![3 => value().prop_map(|value| vec![value]), 1 => Just(vec!["x".to_owned()])];
    let tree = leaf.boxed().prop_recursive(4, 24, 4, |inner| {
        let below = |head: String, lines: &[String], pad: usize| -> Vec<String> {
            match lines {
                [one] => vec![format!("{head} {one}")],
                _ => {
                    let pad = " ".repeat(pad);
                    std::iter::once(head).chain(lines.iter().map(|line| format!("{pad}{line}"))).collect()
                }
            }
        };
        let entry = ("[a-z]{1,4}", inner.clone(), 0usize..4);
        prop_oneof![
            prop::collection::vec(entry, 2..4).prop_map(move |entries| {
                entries.iter().flat_map(|(key, lines, pad)| below(format!("{key}:"), lines, *pad)).collect()
            }),
            prop::collection::vec(inner, 2..4).prop_map(|items| {
                let item = |lines: &Vec<String>| -> Vec<String> {
                    lines
                        .iter()
                        .enumerate()
                        .map(|(n, line)| format!("{}{line}", if n == 0 { "- " } else { "  " }))
                        .collect()
                };
                items.iter().flat_map(item).collect()
            }),
        ]
    });
    tree.prop_map(|lines: Vec<String>| lines.join("\n"))
}

/// The manifests that this repository comes with.
fn real() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fleet");
    let folders = [folder.to_owned(), format!("{folder}/stacks"), format!("{folder}/templates")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_manifest_of_the_fleet_is_answered() {
    let ours = real().into_iter().filter(|text| text.contains("\napiVersion: holdfast/"));
    let asked: Vec<String> = ours.collect();
    assert!(asked.len() > 8);
    let left: Vec<&String> = asked.iter().filter(|text| check(text) != documents(text).len()).collect();
    assert!(left.is_empty(), "{left:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_are_read_as_the_library_reads_them(lines in prop::collection::vec(line(), 1..7)) {
        check(&lines.join("\n"));
    }

    #[test]
    fn trees_are_read_as_the_library_reads_them(tree in tree()) {
        check(&tree);
    }

    #[test]
    fn real_files_are_read_as_the_library_reads_them_after_any_edit(
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in 0usize..12,
        put in "[-a:{}\\[\\], &*!|>'\"#\n\t0-9~?%@\\\\]{0,5}",
    ) {
        let files = real();
        let text = file.get(&files);
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let from = at.index(places.len());
        let to = places.get(from + length).copied().unwrap_or(text.len());
        check(&format!("{}{put}{}", &text[..places[from]], &text[to..]));
    }
}
