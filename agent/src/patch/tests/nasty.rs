//! Texts that nobody should write, and texts that somebody did: no panic, and no change but the one that was wished.

use super::*;

/// Everything that is odd about YAML in one place.
const ODD: &str = "\u{feff}# é\nResources: # one\n  Q: \n    Type: \"T\\\n      T\"\n    Properties:\n      A: 'it''s' # é\n      ? B\n      : c\n      C:\n      - !Sub x\n      -\n      - - a\n        - é: {f: [1, 2], g, \"h\":1}\n      D: |+2\n         x\n\n\n      E: >-\n\n        y\n      F: &f {a: &g b, c: *g}\n      G: [a: b, {c}]\n      H: \"a\n        b\"\n      'I J' : [ # c\n        x # d\n        , y]\n      K: ? a\n\t\r\n...\n";

const JSON: &str =
    "{\"Resources\": {\"Q\": {\"Properties\": {\"A\": [1, {\"b\": \"\\ud83d\\ude00\"}], \"C\": {}, \"D\": \"\"}}}}";

const PATHS: [&str; 14] =
    ["", "/", "/A", "/B", "/C/0", "/C/1", "/C/2/1/é/f/1", "/D", "/E", "/F/a", "/G/0/a", "/H", "/I J/1", "/A/1/b"];

const VALUES: [&str; 6] = ["x", "1", "a\nb\n", "{\"a\":[\"\u{2028}\",\"]\"]}", "'\t", "- \u{85}"];

/// Whatever comes of it: no panic, and to wish it once more changes nothing. How many wishes were granted.
fn shake(text: &str) -> usize {
    let mut granted = 0;
    for path in PATHS {
        for actual in VALUES {
            for wish in [set(path, actual), add(path, actual), gone(path)] {
                let Ok(Patched { template: after, .. }) = template(text, &[wish]) else { continue };
                granted += 1;
                if wish.actual.is_some() && !wish.add {
                    assert_eq!(template(&after, &[wish]).unwrap().template, after, "{wish:?} of {text:?}");
                }
            }
        }
        let _ = manifest(text, path, "x");
    }
    granted
}

#[test]
fn every_beginning_of_an_odd_template_is_read_or_refused() {
    for text in [ODD, JSON] {
        for (at, _) in text.char_indices().filter(|(at, _)| at % 11 == 0) {
            shake(&text[..at]);
        }
    }
    assert!(shake(JSON) > 20);
    assert!(shake(ODD.split("      K:").next().unwrap()) > 100);
}

#[test]
fn odd_characters_are_read_or_refused() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let plain = [HEAD, "      A: x\n      C:\n      - y\n      - z: 1\n      D: |\n        u\n      E: {f: g}\n", TAIL]
        .concat();
    let odd = ODD.split("      K:").next().unwrap();
    for round in 0..120 {
        let mut text: Vec<char> = [odd, JSON, &plain][round % 3].chars().collect();
        for _ in 0..=next(2) {
            let (at, with) = (next(text.len()), next(24));
            let with = "\n\r\t :-?#&*!|>'\"%@`[]{},é\0".chars().nth(with).unwrap();
            if next(2) == 0 { text[at] = with } else { text.insert(at, with) }
        }
        shake(&text.into_iter().collect::<String>());
    }
}

#[test]
fn deep_and_large_templates_are_read_or_refused() {
    let deep = |n: usize| format!("Resources: {{Q: {{Properties: {{A: {}x{}}}}}}}", "[".repeat(n), "]".repeat(n));
    for n in [10, 90, 120, 100_000] {
        assert_eq!(template(&deep(n), &[set("/A", "x")]).is_ok(), n < 100, "{n}");
    }
    let bomb = (1..30).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)).collect::<String>();
    let text = format!("a0: &a0 x\n{bomb}Resources: {{Q: {{Properties: {{A: 1}}}}}}\n");
    assert_eq!(template(&text, &[set("/A", "2")]).unwrap().template, text.replace("A: 1}", "A: 2}"));
    let topic = |n: usize| format!("  T{n}:\n    Type: AWS::SNS::Topic\n    Properties:\n      A: {n}\n");
    let text = format!("Resources:\n{}  Q: {{Properties: {{A: 1}}}}\n", (0..500).map(topic).collect::<String>());
    assert_eq!(template(&text, &[set("/A", "2")]).unwrap().template, text.replace("{A: 1}", "{A: 2}"));
}

/// The places of all literal texts below a node.
fn literals(node: &Node, path: &str) -> Vec<String> {
    if inside(node).is_none() && node.text().is_some() {
        return vec![path.to_owned()];
    }
    let name = |at: usize, key: Option<&Node>| key.and_then(Node::text).map_or_else(|| at.to_string(), str::to_owned);
    let children = node.children().into_iter().enumerate();
    children.flat_map(|(at, (key, child))| literals(child, &format!("{path}/{}", name(at, key)))).collect()
}

#[test]
fn every_literal_of_our_own_templates_can_be_changed_alone() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/fleet/templates");
    let (mut changed, mut refused) = (0, 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let document = Document::read(text.clone()).unwrap();
        for (name, resource) in document.roots[0].get("Resources").unwrap().entries() {
            let Some(properties) = resource.get("Properties") else { continue };
            for path in literals(properties, "") {
                let wish = Wish { logical: name.text().unwrap(), ..set(&path, "what: else") };
                let Ok(patched) = template(&text, &[wish]) else {
                    refused += 1;
                    continue;
                };
                let diff = diff("x", &text, &patched.template);
                let added: Vec<&str> = diff.lines().skip(2).filter(|line| line.starts_with('+')).collect();
                let in_lines = added.len() == 2 && added[0].ends_with(": |-");
                assert!(added.last().unwrap().contains("what: else") && (added.len() == 1 || in_lines), "{diff}");
                assert_eq!(diff.matches("@@ -").count(), 1, "{diff}");
                changed += 1;
            }
        }
    }
    assert!(changed > 100 && refused < changed / 4, "{changed} and {refused}");
}

/// Texts that some program takes for something else when they stand without quotes.
const TRAPS: [&str; 86] = [
    "",
    " ",
    "~",
    "null",
    "NULL",
    "yes",
    "No",
    "on",
    "y",
    "True",
    "false",
    "0",
    "-0",
    "007",
    "0x1f",
    "0o7",
    "1_000",
    "1e3",
    "1.50",
    ".5",
    "+1",
    "1:30",
    ".inf",
    "-.Inf",
    ".NaN",
    "2012-10-17",
    "2001-12-14t21:59:43Z",
    "=",
    "<<",
    "-",
    "- a",
    "-a",
    "?",
    "? a",
    ":",
    ": a",
    "a:",
    "a: b",
    "a:b",
    "#",
    "a #b",
    "a# b",
    "&a",
    "*a",
    "!a",
    "!!a",
    "|",
    ">",
    "'",
    "it's",
    "\"",
    "%a",
    "@a",
    "`a`",
    "[",
    "]",
    "a,b",
    "a, b",
    "a]",
    "a}",
    "---",
    "...",
    "--- a",
    "a\nb",
    "a\n\nb\n",
    "a\n b\n",
    " a",
    "a ",
    "\ta",
    "a\tb",
    "a\r\nb",
    "a\\n",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{1f600}",
    "é",
    "\u{e000}",
    "\n",
    "\n\n",
    "a\n\n",
    "${A}",
    "{{a}}",
    "arn:aws:iam::1:role/x",
];

#[test]
fn another_reader_reads_the_same_texts() {
    let places = [
        ("Resources:\n  Q:\n    Properties:\n      A: old\n", "A: old"),
        ("Resources: {Q: {Properties: {A: old}}}\n", "A: old"),
        ("{\"Resources\": {\"Q\": {\"Properties\": {\"A\": \"old\"}}}}", "\"A\": \"old\""),
        ("Resources:\n  Q:\n    Properties:\n      A: 'old'\n", "A: 'old'"),
        ("Resources:\n  Q:\n    Properties:\n      A: |\n        old\n", "A: |"),
    ];
    for value in TRAPS {
        for (text, old) in places {
            let after = template(text, &[set("/A", value)]).unwrap().template;
            let read: serde_json::Value = serde_saphyr::from_str(&after).unwrap();
            assert_eq!(read["Resources"]["Q"]["Properties"]["A"], value, "{old} became {after}");
        }
    }
}
