//! Templates before and after, as data.

use super::*;

mod nasty;
mod refused;

/// Everything that stands above the properties of the resource `Q`.
const HEAD: &str = "# Ours.\nParameters:\n  Size: { Type: Number, Default: 30 }\n  Two: {Type: String}\n  Names: {Type: CommaDelimitedList}\n  Secret: {Type: String, NoEcho: 'true'}\n  Looked: {Type: 'AWS::SSM::Parameter::Value<String>'}\n  Few: {Type: String, AllowedValues: [a, b]}\nResources:\n  Other:\n    Type: AWS::SNS::Topic # comment\n    Properties: {A: !Ref Two, B: &shared {C: d}}\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n";
const TAIL: &str = "  Last:\n    Type: 'AWS::SNS::Topic'\n    Properties: {Name: !Sub \"${Two}-x\"}\nOutputs: {}\n";

/// Of the kind that was asked for.
fn set<'a>(path: &'a str, actual: &'a str) -> Wish<'a> {
    Wish { logical: "Q", path, expected: actual, actual: Some(actual), add: false }
}

fn add<'a>(path: &'a str, actual: &'a str) -> Wish<'a> {
    Wish { add: true, ..set(path, actual) }
}

fn gone(path: &str) -> Wish<'_> {
    Wish { logical: "Q", path, expected: "", actual: None, add: false }
}

/// Properties before and after, in a template that stays as it is.
#[track_caller]
fn check(before: &str, wishes: &[Wish<'_>], after: &str) {
    for line_end in ["\n", "\r\n"] {
        let text = |properties: &str| [HEAD, properties, TAIL].concat().replace('\n', line_end);
        let patched = template(&text(before), wishes).unwrap();
        assert_eq!(patched.template, text(after));
        assert_eq!(patched.parameters, []);
    }
}

/// A whole template before and after.
#[track_caller]
fn whole(before: &str, wishes: &[Wish<'_>], after: &str) {
    let patched = template(before, wishes).unwrap();
    assert_eq!(patched.template, after);
}

/// The sentence with which the only wish is refused.
#[track_caller]
fn refused(properties: &str, wish: Wish<'_>, why: &str) {
    let refused = template(&[HEAD, properties, TAIL].concat(), &[wish]).unwrap_err();
    assert_eq!(
        refused,
        [Unpatched { logical: wish.logical.to_owned(), path: wish.path.to_owned(), why: why.to_owned() }]
    );
}

#[test]
fn a_text_that_looks_like_a_list_stays_a_text_where_nothing_else_can_stand() {
    let json = r#"{"a": ["b"]}"#;
    let written = r#""{\"a\": [\"b\"]}""#;
    let text = |path| Wish { expected: "x", ..set(path, json) };
    check("      Value: x\n", &[text("/Value")], &format!("      Value: {written}\n"));
    let map = |value: &str| format!("      Environment: {{Variables: {{A: {value}}}}}\n");
    check(&map("x"), &[text("/Environment/Variables/A")], &map(written));
    // Who may do something is a text or a list, as it comes.
    let policy = |value: &str| format!("      PolicyDocument:\n        Statement:\n          - Action: {value}\n");
    let wish = Wish { expected: "ec2:Get", ..set("/PolicyDocument/Statement/0/Action", r#"["ec2:Get","ec2:Put"]"#) };
    check(&policy("ec2:Get"), &[wish], &policy("[ec2:Get, ec2:Put]"));
}

#[test]
fn a_text_is_replaced_and_keeps_its_quotes() {
    let props = |value: &str| format!("      A: {value} # why\n      B: [x, {value}]\n");
    for (old, actual, new) in [
        ("30", "60", "60"),
        ("30", "060", "\"060\""),
        ("30", "abc", "abc"),
        ("'30'", "60", "'60'"),
        ("\"30\"", "60", "\"60\""),
        ("old", "new", "new"),
        ("old", "30", "\"30\""),
        ("old", "true", "\"true\""),
        ("false", "true", "true"),
        ("false", "True", "\"True\""),
        ("old", "no", "\"no\""),
        ("old", "2012-10-17", "\"2012-10-17\""),
        ("old", "", "\"\""),
        ("old", "~", "\"~\""),
        ("old", "a: b", "\"a: b\""),
        ("old", "a #b", "\"a #b\""),
        ("old", "*", "\"*\""),
        ("old", "arn:aws:sqs:eu-central-1:1:x", "arn:aws:sqs:eu-central-1:1:x"),
        ("'o''ld'", "it's", "'it''s'"),
        ("'old'", "two\nlines", "\"two\\nlines\""),
        ("\"old\"", "a\"b\\c\u{85}é", "\"a\\\"b\\\\c\\u0085é\""),
        ("old", "é", "é"),
    ] {
        check(&props(old), &[set("/A", actual), set("/B/1", actual)], &props(new));
    }
    check("      A: x\n      B: [x]\n", &[set("/A", "a,b"), set("/B/0", "a,b")], "      A: a,b\n      B: [\"a,b\"]\n");
    check("      A:\n", &[set("/A", "x")], "      A: x\n");
    check("      A: # why\n      B: 1\n", &[set("/A", "x")], "      A: x # why\n      B: 1\n");
    check("      A: {b: , c: 1}\n", &[set("/A/b", "x")], "      A: {b: x , c: 1}\n");
    check("      A: one\n        two\n      B: 1\n", &[set("/A", "x")], "      A: x\n      B: 1\n");
}

#[test]
fn places_are_found_by_json_pointer() {
    check(
        "      Tags:\n      - Key: a\n        Value: b\n      -   Key: c\n          Value: d # e\n",
        &[set("/Tags/0/Value", "x"), set("/Tags/1/Value", "z")],
        "      Tags:\n      - Key: a\n        Value: x\n      -   Key: c\n          Value: z # e\n",
    );
    check("      a/b: {c~d: 1}\n", &[set("/a~1b/c~0d", "2")], "      a/b: {c~d: 2}\n");
    check(
        "      RedrivePolicy: {maxReceiveCount: 3}\n",
        &[set("/RedrivePolicy/maxReceiveCount", "5")],
        "      RedrivePolicy: {maxReceiveCount: 5}\n",
    );
}

#[test]
fn lists_and_maps_are_replaced_as_a_whole() {
    check(
        "      A: {b: c}\n",
        &[set("/A", r#"{"d":"e f","g":[1,"1",true]}"#)],
        "      A: {d: e f, g: [1, \"1\", true]}\n",
    );
    check(
        "      A:\n        b: c\n\n      # Next.\n      D: e\n",
        &[set("/A", r#"["x","y, z"]"#)],
        "      A: [x, \"y, z\"]\n\n      # Next.\n      D: e\n",
    );
    check(
        "      A: # why\n        # this\n        - b # gone\n        - c\n      D: e\n",
        &[set("/A", "x")],
        "      A: x # why\n        # this\n      D: e\n",
    );
    check(
        "      A:\n      - b: c\n        d: e\n      - f\n",
        &[set("/A/0", r#"{"b":"x"}"#)],
        "      A:\n      - {b: x}\n      - f\n",
    );
    check("      A: one\n", &[set("/A", r#"["one","two"]"#)], "      A: [one, two]\n");
    // A text that held JSON goes on to hold JSON.
    check("      A: '{\"b\": 1}'\n", &[set("/A", "{\"b\": 2}")], "      A: '{\"b\": 2}'\n");
}

#[test]
fn a_text_in_lines_stays_one() {
    let next = "      # Next.\n      B: 1\n";
    let old = "      A: |\n        one\n\n          two\n\n";
    check(
        &[old, next].concat(),
        &[set("/A", "1\n\n 2\n")],
        &["      A: |\n        1\n\n         2\n\n", next].concat(),
    );
    check(&[old, next].concat(), &[set("/A", "1\n2")], &["      A: |-\n        1\n        2\n\n", next].concat());
    check(&[old, next].concat(), &[set("/A", " 1\n2")], &["      A: \" 1\\n2\"\n\n", next].concat());
    check(
        &["      A: >-\n        one\n        two\n", next].concat(),
        &[set("/A", "x")],
        &["      A: \"x\"\n", next].concat(),
    );
    refused(
        "      A: | # why\n        one\n",
        set("/A", "x"),
        "its text in lines can't be rewritten: change it by hand",
    );
}

#[test]
fn what_is_gone_is_taken_out_with_its_lines() {
    check("      A: 1 # gone\n      B: 2\n", &[gone("/A")], "      B: 2\n");
    check(
        "      A: 1\n      # Stays.\n      B:\n        - c\n        - d\n",
        &[gone("/B")],
        "      A: 1\n      # Stays.\n",
    );
}

#[test]
fn what_is_gone_leaves_no_list_or_map_without_a_value() {
    let text = |properties: &str| format!("Resources:\n  Q:\n    Properties:{properties}    Type: T\n");
    whole(&text("\n      A: 1\n"), &[gone("/A")], &text(" {}\n"));
    whole(&text(" # why\n      A: 1\n"), &[gone("/A")], &text(" {} # why\n"));
    check("      A:\n        - b\n      C: d\n", &[gone("/A/0")], "      A: []\n      C: d\n");
    check("      A: [ b ]\n      C: { d: e }\n", &[gone("/A/0"), gone("/C/d")], "      A: []\n      C: {}\n");
    check("      A:\n      - b: c\n", &[gone("/A/0/b")], "      A:\n      - {}\n");
    check("      A:\n      - b\n      - c\n", &[gone("/A/0"), gone("/A/1")], "      A: []\n");
    whole(
        "Resources:\n  Q:\n    Properties:\n      A: 1\n      B: 2",
        &[gone("/B")],
        "Resources:\n  Q:\n    Properties:\n      A: 1",
    );
    whole("Resources:\n  Q:\n    Properties:\n      B: 2", &[gone("/B")], "Resources:\n  Q:\n    Properties: {}");
}

#[test]
fn items_and_first_keys_are_taken_out_too() {
    let tags = "      Tags:\n        - Key: a\n          Value: b\n        - Key: c\n          Value: d\n        -\n          Key: e\n      Z: 1\n";
    check(tags, &[gone("/Tags/0"), gone("/Tags/2")], "      Tags:\n        - Key: c\n          Value: d\n      Z: 1\n");
    check(tags, &[gone("/Tags/0/Key")], &tags.replace("Key: a\n          ", ""));
    check("      A: [a, b, c]\n", &[gone("/A/0"), gone("/A/1")], "      A: [c]\n");
    check("      A: [a, b, c]\n", &[gone("/A/2")], "      A: [a, b]\n");
    check("      A: [!Ref Size, b, !Ref Size]\n", &[gone("/A/1")], "      A: [!Ref Size, !Ref Size]\n");
    check("      A: {b: c, d: e}\n", &[gone("/A/d")], "      A: {b: c}\n");
    check("      A:\n        - - a\n          - b\n", &[gone("/A/0/0")], "      A:\n        - - b\n");
    refused("      A: [a, # why\n        b]\n", gone("/A/0"), "a comment stands behind it: take both out by hand");
}

#[test]
fn what_is_new_goes_to_the_end() {
    check(
        "      A: 1 # one\n",
        &[add("/B", "x"), add("/C", r#"[{"d":1}]"#)],
        "      A: 1 # one\n      B: x\n      C: [{d: 1}]\n",
    );
    check("      A: 1\n\n      # Free.\n", &[add("/B", "x")], "      A: 1\n      B: x\n\n      # Free.\n");
    check("      A: |\n        one\n\n", &[add("/B", "30")], "      A: |\n        one\n      B: 30\n\n");
    let tags = "      Tags:\n        - Key: a\n          Value: b\n";
    check(
        tags,
        &[add("/Tags/0", r#"{"Value":"444444444444","Key":"c"}"#)],
        &[tags, "        - {Value: \"444444444444\", Key: c}\n"].concat(),
    );
    check(tags, &[add("/Tags/0/C", "no")], &[tags, "          C: \"no\"\n"].concat());
    check(
        "      A: [b]\n      C: {d: e}\n",
        &[add("/A/1", "x"), add("/C/z", "1")],
        "      A: [b, x]\n      C: {d: e, z: 1}\n",
    );
    check("      A: [!Ref Two]\n", &[add("/A/0", "x")], "      A: [!Ref Two, x]\n");
    check("      A: []\n      C: { }\n", &[add("/A/0", "x"), add("/C/z", "1")], "      A: [x]\n      C: {z: 1}\n");
    check("      A: [b]\n", &[add("/A/10", "z"), add("/A/9", "x")], "      A: [b, x, z]\n");
    check("      A: [b, c]\n", &[add("/A/2", "x"), gone("/A/0"), set("/A/1", "z")], "      A: [z, x]\n");
    check(
        "      A: [b, {c: d}]\n",
        &[gone("/A/0"), add("/A/0", "x"), add("/A/1", "z"), set("/A/1/c", "e")],
        "      A: [{c: e}, x, z]\n",
    );
    whole(
        "Resources:\n  Q:\n    Properties:\n      A: 1",
        &[add("/B", "2")],
        "Resources:\n  Q:\n    Properties:\n      A: 1\n      B: 2",
    );
    whole("Resources: {Q: {Properties: {}}}", &[add("/B", "2")], "Resources: {Q: {Properties: {B: 2}}}");
}

#[test]
fn json_stays_json() {
    let text = |properties: &str| {
        format!(
            "{{\n\t\"Resources\": {{\n\t\t\"Q\": {{ \"Type\": \"T\\/x\", \"Properties\": {{\n{properties}\n\t\t}} }}\n\t}}\n}}\n"
        )
    };
    let before = "\t\t\t\"A\": 30,\n\t\t\t\"B\": \"30\",\n\t\t\t\"C\": [\"x\"],\n\t\t\t\"D\": {\"e\": true}";
    for (wish, old, new) in [
        (set("/A", "60"), "30,", "60,"),
        (set("/A", "060"), "30,", "\"060\","),
        (set("/A", "abc"), "30,", "\"abc\","),
        (set("/B", "60"), "\"30\"", "\"60\""),
        (set("/B", "a\"\n"), "\"30\"", "\"a\\\"\\n\""),
        (set("/D/e", "false"), "true", "false"),
        (set("/C", r#"{"a":{"b":[1,"1"]}}"#), "[\"x\"]", r#"{"a": {"b": [1, "1"]}}"#),
        (gone("/A"), "\"A\": 30,\n\t\t\t", ""),
        (gone("/D"), ",\n\t\t\t\"D\": {\"e\": true}", ""),
        (gone("/C/0"), "[\"x\"]", "[]"),
        (add("/E", "new"), "true}", "true},\n\t\t\t\"E\": \"new\""),
        (add("/C/1", "1"), "\"x\"", "\"x\", 1"),
    ] {
        whole(&text(before), &[wish], &text(&before.replace(old, new)));
    }
    whole(
        r#"{"Resources":{"Q":{"Properties":{"A":1}}}}"#,
        &[add("/B", "x")],
        r#"{"Resources":{"Q":{"Properties":{"A":1, "B":"x"}}}}"#,
    );
    whole(
        r#"{"Resources":{"Q":{"Properties":{"A":1,"B":2}}}}"#,
        &[add("/C", "x"), gone("/A")],
        r#"{"Resources":{"Q":{"Properties":{"B":2,"C":"x"}}}}"#,
    );
}

#[test]
fn a_parameter_of_its_own_gets_another_value() {
    for (properties, wish, expect) in [
        ("      A: !Ref Size\n", set("/A", "60"), ("Size", "60")),
        ("      A: {Ref: Size}\n", set("/A", "60"), ("Size", "60")),
        ("      A: {'Ref': \"Names\"}\n", set("/A", r#"["a","b"]"#), ("Names", "a,b")),
        ("      A: [!Ref Few]\n", set("/A/0", "b"), ("Few", "b")),
    ] {
        let text = [HEAD, properties, TAIL].concat();
        let expect = vec![(expect.0.to_owned(), expect.1.to_owned())];
        assert_eq!(template(&text, &[wish, wish]), Ok(Patched { template: text, parameters: expect }));
    }
    let text = [HEAD, "      A: !Ref Size\n      B: !Ref Size\n      C: 1\n", TAIL].concat();
    let patched = template(&text, &[set("/A", "60"), set("/C", "2"), set("/B", "60")]).unwrap();
    assert_eq!(patched.parameters, [("Size".to_owned(), "60".to_owned())]);
    assert_eq!(patched.template, text.replace("C: 1", "C: 2"));
    let refused = template(&text, &[set("/A", "60"), set("/B", "70")]).unwrap_err();
    assert_eq!(refused.len(), 2);
    assert_eq!(
        refused[0].why,
        "the parameter `Size` would need two values, for `Resources/Q/Properties/A` and `Resources/Q/Properties/B`"
    );
}

#[test]
fn a_parameter_that_others_use_is_left_alone() {
    refused(
        "      A: !Ref Two\n",
        set("/A", "x"),
        "it refers to the parameter `Two`, which is also used at `Resources/Other/Properties/A`, `Resources/Last/Properties/Name`: change it by hand",
    );
    refused(
        "      A: !Ref Secret\n",
        set("/A", "x"),
        "it refers to the parameter `Secret`, which is a secret (`NoEcho`): no file may hold it",
    );
    refused(
        "      A: !Ref Looked\n",
        set("/A", "x"),
        "it refers to the parameter `Looked`, whose value is looked up in the SSM parameter that it names: change that one",
    );
    refused(
        "      A: !Ref Few\n",
        set("/A", "x"),
        "it refers to the parameter `Few`, whose `AllowedValues` have no such value",
    );
    refused(
        "      A: !Ref Names\n",
        set("/A", r#"["a,b"]"#),
        "it refers to the parameter `Names`, a list, which can't hold what is in the account",
    );
    refused(
        "      A: !Ref Size\n",
        gone("/A"),
        "a reference to the parameter `Size` stands there: take it out by hand",
    );
    refused(
        "      A: !Ref Size\n",
        add("/A", "1"),
        "a reference to the parameter `Size` stands there already: change it by hand",
    );
}
