//! What is left to people, and why.

use super::*;

#[test]
fn what_only_cloudformation_works_out_is_left_to_people() {
    for (value, what) in [
        ("!Ref Other", "a reference to the resource `Other`"),
        ("!Ref AWS::Region", "a reference to the pseudo parameter `AWS::Region`"),
        ("!Ref Nothing", "a reference to something that is not in the template, `Nothing`"),
        ("{Ref: Other}", "a reference to the resource `Other`"),
        ("!Sub '${A}'", "`!Sub`"),
        ("!GetAtt Other.Arn", "`!GetAtt`"),
        ("!If [A, b, c]", "`!If`"),
        ("{Fn::Join: ['', [a]]}", "`Fn::Join`"),
        ("\n        Fn::GetAtt: [Other, Arn]", "`Fn::GetAtt`"),
        ("'{{resolve:ssm:/a}}'", "a dynamic reference (`{{resolve:…}}`)"),
        ("!!str 30", "`!!str`"),
        ("*shared", "an alias (`*…`)"),
        ("&mine x", "an anchor (`&…`), for which other places may stand,"),
        ("{<<: *shared, D: e}", "a merge key (`<<`)"),
    ] {
        let properties = format!("      A: {value}\n");
        refused(&properties, set("/A", "x"), &format!("{what} stands there: change it by hand"));
        let properties = format!("      A:\n        - b: {}\n", value.replace("\n        ", "\n            "));
        refused(
            &properties,
            set("/A", "x"),
            &format!("{what} stands in it, at `0/b`: change it by hand")
                .replace("the resource ", "")
                .replace("the pseudo parameter ", "")
                .replace("something that is not in the template, ", ""),
        );
    }
    let within = "`!If` stands at `Resources/Q/Properties/Tags`: change it there by hand";
    refused("      Tags: !If [A, [{Key: a, Value: b}], []]\n", set("/Tags/0/Value", "x"), within);
    refused(
        "      Tags: !If [A, [], []]\n",
        add("/Tags/0", "x"),
        "`!If` stands at `Resources/Q/Properties/Tags`: change it by hand",
    );
    refused(
        "      A: *shared\n",
        set("/A/C", "x"),
        "an alias (`*…`) stands at `Resources/Q/Properties/A`: change it there by hand",
    );
    let merged =
        "`C` is not in `Resources/Q/Properties/A` itself, which has a merge key (`<<`): look behind it by hand";
    refused("      A: {<<: *shared, D: e}\n", set("/A/C", "x"), merged);
    refused(
        "      A: {<<: *shared, D: e}\n",
        gone("/A/D"),
        "a merge key (`<<`) stands beside it, and may put another value there: look by hand",
    );
    refused(
        "      A: {<<: *shared, D: e}\n",
        add("/A/E", "x"),
        "a merge key (`<<`) stands there, and may say it already: look by hand",
    );
    check("      A: {<<: *shared, D: e}\n", &[set("/A/D", "x")], "      A: {<<: *shared, D: x}\n");
    refused(
        "      A: x\n",
        set("/A", r#"{"Ref":"Q"}"#),
        "the value in the account would be read as `Ref` if it stood in a template",
    );
    refused(
        "      A: x\n",
        set("/A", "{{resolve:ssm:/a}}"),
        "the value in the account would be read as a dynamic reference (`{{resolve:…}}`) if it stood in a template",
    );
    refused(
        "      A: x\n",
        set("/A", "[null]"),
        "the value in the account has a `null` in it, which a template can't say",
    );
}

#[test]
fn what_is_not_there_is_said() {
    let at = "`Resources/Q/Properties";
    refused("      A: x\n", set("/B", "x"), &format!("there is no `B` in {at}`"));
    refused("      A: x\n", set("/A/b", "x"), &format!("a text stands at {at}/A`, so there is no `b` in it"));
    refused("      A: [x]\n", set("/A/1", "x"), &format!("there is no `1` in {at}/A`, a list of 1"));
    refused("      A: [x]\n", set("/A/b", "x"), &format!("a list stands at {at}/A`, and `b` is no place in it"));
    refused("      A: 1\n      A: 2\n", set("/A", "x"), &format!("`A` stands more than once in {at}`"));
    refused("      A: x\n", gone("/B"), &format!("there is no `B` in {at}`"));
    refused("      A: x\n", add("/B/c", "x"), &format!("there is no `B` in {at}`"));
    refused("      A: x\n", add("/A/c", "x"), &format!("neither a list nor a map stands at {at}/A`: write it by hand"));
    refused("      A: x\n", add("/A", "y"), &format!("{at}/A` is in the template already: change it by hand"));
    refused("      A: x\n", set("A", "y"), "its path is no place in a resource's properties (`/Tags/0/Value`)");
    refused("      A: x\n", Wish { logical: "R", ..set("/A", "y") }, "there is no `R` in `Resources`");
    refused("      A: x\n", Wish { actual: None, ..add("/B", "") }, "there is nothing to add");
    refused("", set("/A", "x"), &format!("nothing stands at {at}`, so there is no `A` in it"));
    for (text, why) in [
        ("", "the template has to be one YAML document"),
        ("a: b\n---\nc: d\n", "the template has to be one YAML document"),
        ("Resources: {Q: {Type: T}}", "there is no `Properties` in `Resources/Q`"),
        ("Outputs: {}", "there is no `Resources` in the document"),
        ("\u{0}", "the template: it can't be read: there is a NUL in it"),
    ] {
        assert_eq!(template(text, &[set("/A", "x")]).unwrap_err()[0].why, why);
    }
    assert!(template("a: [", &[set("/A", "x")]).unwrap_err()[0].why.starts_with("the template: line 1 can't be read"));
}

#[test]
fn wishes_that_contradict_each_other_are_refused_and_nothing_is_written() {
    let text = [HEAD, "      A: {b: c}\n      D: e\n", TAIL].concat();
    let why = |wishes: &[Wish<'_>]| -> Vec<(String, String)> {
        template(&text, wishes).unwrap_err().into_iter().map(|one| (one.path, one.why)).collect()
    };
    let outer = "`Resources/Q/Properties/A` is to change as a whole too: take one of the two";
    assert_eq!(why(&[set("/A/b", "x"), gone("/A"), set("/D", "y")]), [("/A/b".to_owned(), outer.to_owned())]);
    assert_eq!(why(&[set("/A", "[1]"), add("/A/0", "x")])[0].1, outer);
    let two = "two different values are wished for it: take one".to_owned();
    assert_eq!(why(&[set("/D", "x"), set("/D", "y")]), [("/D".to_owned(), two.clone()), ("/D".to_owned(), two)]);
    assert_eq!(template(&text, &[]), Ok(Patched { template: text, parameters: Vec::new() }));
}
