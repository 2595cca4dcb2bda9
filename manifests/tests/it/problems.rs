//! What people see who wrote something wrong: whole texts.

use crate::{parse, stack};

/// Reads one file, `stacks/a.yaml`, and compares every problem as it is printed.
fn check(yaml: impl AsRef<[u8]>, expected: &str) {
    let repository = parse(&[("stacks/a.yaml", yaml)]);
    let told: Vec<String> = repository.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.join("\n"), expected);
}

/// The same, for further lines in the `spec` of a stack `a`; they begin on line 6.
fn check_spec(lines: &str, expected: &str) {
    check(stack("a", lines), expected);
}

#[test]
fn a_slip_in_a_field_is_told_with_the_nearest_one() {
    check_spec("prunes: true", "stacks/a.yaml:6:3: unknown field `prunes`\n  hint: did you mean `prune`?");
    check_spec(
        "rollback: {alarms: [], monitored: 3}\nlimits: {removal: 1, rabbits: 2}",
        "stacks/a.yaml:6:26: unknown field `monitored`\n  hint: did you mean `monitor`?\n\
         stacks/a.yaml:7:12: unknown field `removal`\n  hint: did you mean `removals`?\n\
         stacks/a.yaml:7:24: unknown field `rabbits`\n  hint: known here: removals, replacements",
    );
    check_spec(
        "parameters: {Team: {lable: team}}",
        "stacks/a.yaml:6:23: `Team`: unknown field `lable`\n  hint: did you mean `label`?",
    );
}

#[test]
fn a_value_of_the_wrong_shape_is_told_in_plain_words() {
    check_spec(
        "regions: eu-central-1",
        "stacks/a.yaml:6:12: `regions`: expected a list, found a text\n  hint: put it in brackets: `[…]`",
    );
    check_spec("tags: [a]", "stacks/a.yaml:6:9: `tags`: expected a map, found a list");
    check_spec("tags: {a: [b]}", "stacks/a.yaml:6:13: `a`: expected a text, found a list");
    check_spec("prune: yes", "stacks/a.yaml:6:10: `prune`: expected `true` or `false`, found `yes`");
    check_spec("limits: {removals: -1}", "stacks/a.yaml:6:22: `removals`: expected a whole number, found `-1`");
    check_spec("suspend: true", "stacks/a.yaml:6:12: `suspend`: expected a map, found a text");
    check_spec("suspend: {}", "stacks/a.yaml:6:12: `suspend`: the field `reason` is missing");
    check_spec(
        "deletionPolicy: dlete",
        "stacks/a.yaml:6:19: `deletionPolicy`: unknown word `dlete`\n  hint: did you mean `delete`?",
    );
    check_spec(
        "capabilities: [CAPABILITY_IAMM]",
        "stacks/a.yaml:6:18: `capabilities`: unknown word `CAPABILITY_IAMM`\n  hint: did you mean `CAPABILITY_IAM`?",
    );
}

#[test]
fn a_field_without_a_value_does_not_mean_all() {
    check_spec(
        "targets:\n#  accounts: ['111111111111']",
        "stacks/a.yaml:6:10: `targets`: expected a map, found nothing\n  \
         hint: leave it out, or give it a value (an empty text is `\"\"`)",
    );
    check_spec(
        "targets: {accounts: []}",
        "stacks/a.yaml:6:23: nothing is listed here\n  hint: for every account, leave the field out",
    );
    check_spec(
        "regions: []",
        "stacks/a.yaml:6:12: nothing is listed here\n  hint: for every account's home region, leave the field out",
    );
}

#[test]
fn what_yaml_allows_and_a_manifest_does_not() {
    check_spec(
        "prune: true\nprune: false",
        "stacks/a.yaml:7:3: `prune` stands here for the second time\n  hint: the first is on line 6",
    );
    check_spec(
        "template: !Ref x",
        "stacks/a.yaml:6:18: YAML tags (`!…`) are not read here\n  \
         hint: CloudFormation's short forms belong in the template",
    );
    check_spec("<<: {prune: true}", "stacks/a.yaml:6:3: merge keys (`<<`) are not read\n  hint: write the fields out");
    check_spec("tags: {[a]: b}", "stacks/a.yaml:6:10: a key must be a text");
    check_spec("tags: *t", "stacks/a.yaml:6:9: this alias stands for nothing");
    check_spec("tags: &t {a: *t}", "stacks/a.yaml:6:16: this alias stands inside of what it stands for");
}

#[test]
fn what_is_not_yaml() {
    check_spec(
        "\tprune: true",
        "stacks/a.yaml:6:4: a tab stands where YAML allows only spaces\n  hint: indent with spaces",
    );
    check_spec("regions: [eu-central-1", "stacks/a.yaml:6:12: this is not YAML: unclosed bracket '['");
    check(b"apiVersion: holdfast/v1\nkind: \xff\n", "stacks/a.yaml:2: this is not UTF-8 text");
    check("apiVersion: holdfast/v1\nkind: \0\n", "stacks/a.yaml:2: a zero byte stands in the text");
    check(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "stacks/a.yaml: this is a Git LFS pointer, and not the file that it points to\n  \
         hint: keep manifests and templates out of LFS",
    );
}

#[test]
fn what_begins_a_document() {
    check(
        "apiVersion: holdfast/v2\nkind: Stack\nmetadata: {name: a}\n",
        "stacks/a.yaml:1:13: `apiVersion: holdfast/v2` is not read by this version\n  hint: it reads `holdfast/v1`",
    );
    check(
        "apiversion: holdfast/v1\nkind: Stack\n",
        "stacks/a.yaml:1:1: the field `apiVersion` is missing\n  hint: begin the document with `apiVersion: holdfast/v1`",
    );
    check(
        "apiVersion: holdfast/v1\nkind: Stak\nmetadata: {name: a}\n",
        "stacks/a.yaml:2:7: unknown kind `Stak`\n  hint: did you mean `Stack`?",
    );
    check(
        "apiVersion: holdfast/v1\nmetadata: {name: a}\n",
        "stacks/a.yaml:1:1: the field `kind` is missing\n  hint: known here: Stack, Fleet, Accounts, Approval, Trust, PathApproval, Preview",
    );
    check(
        "apiVersion: holdfast/v1\nkind: Stack\nspec: {}\n",
        "stacks/a.yaml:3:7: `spec`: the field `template` is missing",
    );
    check(
        "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {name: 'a b'}\nspec: {template: {path: t.yaml}}\n",
        "stacks/a.yaml:3:18: `a b` is not a name: it may hold only letters, digits and hyphens",
    );
}

#[test]
fn what_the_design_has_and_this_version_does_not_act_on() {
    let hint = "\n  hint: take it out: nothing would act on it";
    check(
        "apiVersion: holdfast/v1\nkind: Fleet\nspec:\n  rings: []\n  trust: {}\n",
        &format!(
            "stacks/a.yaml:4:10: `rings` is not supported by this version{hint}\n\
             stacks/a.yaml:5:10: who may sign is not said here, because all of it is read before it is trusted\n  \
             hint: say it in `trust/1.yaml`, a document of `kind: Trust`"
        ),
    );
    check(
        "apiVersion: holdfast/v1\nkind: Preview\nspec: {branches: 'feature/*'}\n",
        "stacks/a.yaml:2:7: `kind: Preview` is not supported by this version",
    );
}

#[test]
fn an_artifact_is_there_fits_and_is_named_to_the_template_once() {
    let one = |path: &str, bucket: &str, key: &str| {
        format!("artifacts: [{{path: {path}, parameters: {{bucket: {bucket}, key: {key}}}}}]")
    };
    check_spec(&one("../api", "Bucket", "Key"), "");
    check_spec(&one("../one.py", "Bucket", "Key"), "");
    check_spec(
        &one("api", "Bucket", "Key"),
        "stacks/a.yaml:6:22: the artifact `stacks/api` is not in this commit\n  \
         hint: the path is relative to the manifest's own folder",
    );
    check_spec(
        &one("../large", "Bucket", "Key"),
        "stacks/a.yaml:6:22: the artifact `large` has 52428801 bytes, at most 52428800 are packed\n  \
         hint: keep what is built out of the repository, or split it",
    );
    check_spec(
        &format!("parameters: {{Key: x}}\n{}", one("../api", "A-b", "Key")),
        "stacks/a.yaml:7:51: `A-b` is not a logical id: it may hold only letters and digits, at most 255\n\
         stacks/a.yaml:7:61: the parameter `Key` is given for the second time\n  hint: the first is on line 6",
    );
    check_spec(
        "artifacts: [{path: ../api, parameters: {bucket: B, key: K}}, {path: ../api-2, parameters: {bucket: B, key: L}}]",
        "",
    );
    check_spec(
        "artifacts: [{path: ../../api, parameters: {bucket: B}}]",
        "stacks/a.yaml:6:45: `parameters`: the field `key` is missing",
    );
}

#[test]
fn names_ids_and_durations() {
    check_spec(
        "targets: {accounts: [012345678901, '123']}",
        "stacks/a.yaml:6:24: the account id `012345678901` stands here as a number\n  \
         hint: put it in quotes: \"012345678901\"\n\
         stacks/a.yaml:6:38: `123` is not an account id: it must be twelve digits, in quotes",
    );
    check_spec(
        "regions: [eu-central-1, eu-central-1, mars]",
        "stacks/a.yaml:6:27: `eu-central-1` stands here for the second time\n\
         stacks/a.yaml:6:41: `mars` is not a region: it must look like `eu-central-1`",
    );
    check_spec("stackName: 1a", "stacks/a.yaml:6:14: `1a` is not a stack name: it must begin with a letter");
    check_spec("timeout: 10", "stacks/a.yaml:6:12: `10` is not a duration: it needs a unit: `s`, `m`, `h` or `d`");
    check_spec("timeout: 59s", "stacks/a.yaml:6:12: `59s` is out of bounds: a change may take from 1m to 7d");
    check_spec(
        "roleArn: admin",
        "stacks/a.yaml:6:12: `admin` is not an ARN: it must look like `arn:aws:iam::123456789012:role/name`",
    );
}

#[test]
fn what_cloudformation_would_not_take() {
    let alarms: Vec<String> =
        (0..6).map(|n| format!("'arn:aws:cloudwatch:eu-central-1:111111111111:alarm:{n}'")).collect();
    check_spec(
        &format!("rollback: {{alarms: [{}], monitor: 181m}}", alarms.join(", ")),
        "stacks/a.yaml:6:303: 6 alarms are too many, CloudFormation takes 5\n\
         stacks/a.yaml:6:369: `181m` is out of bounds: alarms are watched for at most 180m",
    );
    check_spec(
        "tags: {aws:x: y, Holdfast:z: w, '': v}",
        "stacks/a.yaml:6:10: the tag `aws:x` is reserved: nobody else may set tags that begin with `aws:`\n\
         stacks/a.yaml:6:20: the tag `Holdfast:z` is reserved: nobody else may set tags that begin with `holdfast:`\n\
         stacks/a.yaml:6:35: the tag's key is empty",
    );
    let tags: String = (10..61).map(|n| format!("\n  t{n}: x")).collect();
    check_spec(&format!("tags:{tags}"), "stacks/a.yaml:57:5: 51 tags are too many, CloudFormation takes 50");
    let parameters: String = (100..301).map(|n| format!("\n  P{n}: x")).collect();
    check_spec(
        &format!("parameters:{parameters}"),
        "stacks/a.yaml:207:5: 201 parameters are too many, CloudFormation takes 200",
    );
    check_spec(
        &format!("parameters: {{A: {}}}", "x".repeat(4_097)),
        "stacks/a.yaml:6:19: the value has 4097 bytes, CloudFormation takes at most 4096",
    );
    check_spec(
        "parameters: {A-b: [x, 'c,d']}",
        "stacks/a.yaml:6:16: `A-b` is not a logical id: it may hold only letters and digits, at most 255\n\
         stacks/a.yaml:6:25: `c,d` has a comma in it, and a list's items are joined with commas",
    );
}

#[test]
fn references_and_permissions_are_exactly_one_of_their_forms() {
    let message = "a reference is exactly one of `{label: …}`, `{output: …}` and `{ssm: …}`";
    check_spec("parameters: {A: {label: x, ssm: y}}", &format!("stacks/a.yaml:6:19: {message}"));
    check_spec("parameters: {A: {}}", &format!("stacks/a.yaml:6:19: {message}"));
    check_spec("parameters: {A: {output: {stack: b}}}", "stacks/a.yaml:6:28: `output`: the field `key` is missing");
    check_spec("parameters: {A: {ssm: 'a b'}}", "stacks/a.yaml:6:25: `a b` is not the name of an SSM parameter");
    check_spec(
        "allow: [{remove: A, replace: B}, {remove: a-b}]",
        "stacks/a.yaml:6:11: each entry is exactly one of `{remove: …}` and `{replace: …}`\n\
         stacks/a.yaml:6:45: `a-b` is not a resource: it must be a logical id, or some with `/` between them",
    );
    check_spec("suspend: {reason: ''}", "stacks/a.yaml:6:21: the reason is empty");
}

#[test]
fn what_may_be_given_up_is_named_and_fits_into_a_tag() {
    check_spec(
        "recovery: {skip: [a-b], retain: [A, A]}",
        "stacks/a.yaml:6:21: `a-b` is not a logical id: it may hold only letters and digits, at most 255\n\
         stacks/a.yaml:6:39: `A` stands here for the second time",
    );
    let (long, short) = ("L".repeat(200), "S".repeat(55));
    check_spec(&format!("recovery: {{retain: [{long}, {short}]}}"), "");
    check_spec(
        &format!("recovery: {{retain: [{long}, {short}S]}}"),
        "stacks/a.yaml:6:225: the names to retain take 257 characters, and a tag that holds them has 256",
    );
    check_spec(
        "recovery: {skip: [], force: true}",
        "stacks/a.yaml:6:24: unknown field `force`\n  hint: known here: skip, retain",
    );
}

#[test]
fn templates() {
    let with = |path: &str| stack("a", "").replace("t.yaml", path);
    check(
        with("no.yaml"),
        "stacks/a.yaml:5:20: the template `stacks/no.yaml` is not in this commit\n  \
         hint: the path is relative to the manifest's own folder",
    );
    check(
        with("huge.yaml"),
        "stacks/a.yaml:5:20: the template `stacks/huge.yaml` has 1000001 bytes, CloudFormation takes at most 1000000\n  \
         hint: split it into several stacks",
    );
    check(
        with("../../etc/passwd"),
        "stacks/a.yaml:5:20: `../../etc/passwd` is not a path in the repository: it leads out of the repository",
    );
    check(with("large.yaml"), "");
    check(with("../stacks/./t.yaml"), "");
}

#[test]
fn what_takes_two_manifests_to_see() {
    let two = |a: &str, b: &str| format!("{}---\n{}", stack("a", a), stack("b", b));
    check(
        format!("{}---\n{}", stack("a", ""), stack("a", "")),
        "stacks/a.yaml:1: the name `a` is also that of the manifest at stacks/a.yaml:7\n  \
         hint: give one of them another name\n\
         stacks/a.yaml:7: the name `a` is also that of the manifest at stacks/a.yaml:1\n  \
         hint: give one of them another name",
    );
    check(
        two("stackName: s\nregions: [eu-west-1, eu-west-2]", "stackName: s\nregions: [eu-west-2]"),
        "stacks/a.yaml:1: the stack `s` is also asked for by `b` at stacks/a.yaml:9, in the same region and account\n  \
         hint: give one of them another `stackName`, or targets that do not overlap\n\
         stacks/a.yaml:9: the stack `s` is also asked for by `a` at stacks/a.yaml:1, in the same region and account\n  \
         hint: give one of them another `stackName`, or targets that do not overlap",
    );
    check(two("dependsOn: [c]", ""), "stacks/a.yaml:6:15: there is no manifest `c`\n  hint: did you mean `a`?");
    check(
        two("dependsOn: [b]", "parameters: {A: {output: {stack: a, key: K}}}"),
        "stacks/a.yaml:6:15: the manifest depends on itself: \
         a (stacks/a.yaml:1) -> b (stacks/a.yaml:8) -> a (stacks/a.yaml:1)\n  \
         hint: take one of these dependencies out\n\
         stacks/a.yaml:13:36: the manifest depends on itself: \
         b (stacks/a.yaml:8) -> a (stacks/a.yaml:1) -> b (stacks/a.yaml:8)\n  \
         hint: take one of these dependencies out",
    );
    check(
        stack("a", "dependsOn: [a]"),
        "stacks/a.yaml:6:15: the manifest depends on itself: a (stacks/a.yaml:1) -> a (stacks/a.yaml:1)\n  \
         hint: take one of these dependencies out",
    );
}

#[test]
fn the_fleet() {
    let fleet = "apiVersion: holdfast/v1\nkind: Fleet\nspec: {accounts: [{id: '111111111111'}]}\n";
    check(
        format!("{fleet}---\n{}", fleet.replace("111111111111", "222222222222")),
        "stacks/a.yaml:1: there is a second Fleet at stacks/a.yaml:5, and a repository has one\n\
         stacks/a.yaml:5: there is a second Fleet at stacks/a.yaml:1, and a repository has one",
    );
    check(
        format!("{fleet}---\n{}", fleet.replace("Fleet", "Accounts")),
        "stacks/a.yaml:7:24: the account 111111111111 is listed twice, first at stacks/a.yaml:3",
    );
    check(
        "apiVersion: holdfast/v1\nkind: Accounts\nspec: {accounts: [{id: 111111111111}]}\n",
        "stacks/a.yaml:3:24: the account id `111111111111` stands here as a number\n  \
         hint: put it in quotes: \"111111111111\"",
    );
}

#[test]
fn a_check_is_one_thing_with_a_name_of_its_own() {
    check_spec(
        "checks:\n- {}\n- {http: {url: 'https://a.example'}, ssm: {name: /a, equals: b}}\n- {htpp: {url: a}}",
        "stacks/a.yaml:7:5: a check is exactly one of `http`, `output`, `ssm` and `alarm`\n\
         stacks/a.yaml:8:5: a check is exactly one of `http`, `output`, `ssm` and `alarm`\n\
         stacks/a.yaml:9:5: a check is exactly one of `http`, `output`, `ssm` and `alarm`\n\
         stacks/a.yaml:9:6: unknown field `htpp`\n  hint: did you mean `http`?",
    );
    check_spec(
        "checks: [{alarm: {name: a}}, {alarm: {name: a}}]",
        "stacks/a.yaml:6:32: a check `alarm a` stands here for the second time\n  hint: give it a `name` of its own",
    );
    check_spec(
        "checks: [{within: 7h, alarm: {name: a}}]",
        "stacks/a.yaml:6:21: `7h` is out of bounds: a check may take at most 6h to be so after a change",
    );
    let eleven: Vec<String> = (0..11).map(|number| format!("{{alarm: {{name: a{number}}}}}")).collect();
    let told = parse(&[("stacks/a.yaml", stack("a", &format!("checks: [{}]", eleven.join(", "))))]);
    assert!(told.problems[0].to_string().ends_with("11 checks are too many, 10 are asked"), "{:?}", told.problems);
}

#[test]
fn an_address_is_one_that_can_be_asked_and_gives_nothing_away() {
    let check_url = |url: &str, why: &str| {
        let lines = format!("checks: [{{http: {{url: '{url}'}}}}]");
        // What may be a secret is not repeated.
        let shown = url.replace("user:secret@", "").replace("#top", "");
        check_spec(&lines, &format!("stacks/a.yaml:6:25: `{shown}` is not an address to ask: it {why}"));
    };
    check_url("ftp://a.example/", "begins with neither `https://` nor `http://`");
    check_url("https:///health", "names no host");
    check_url(
        "https://user:secret@a.example/",
        "holds a user or a password, which everybody who reads the repository would know",
    );
    check_url("https://a.example/#top", "has a fragment, which is never sent");
    check_url("https://a.example/a b", "holds a space, a backslash or a control character");
    check_spec(
        "checks: [{http: {url: 'https://a.example', status: 99}}]",
        "stacks/a.yaml:6:54: `99` is no HTTP status",
    );
}

#[test]
fn what_a_check_expects_is_said_once() {
    check_spec(
        "checks: [{output: {key: Url}}, {output: {key: Url2, equals: a, matches: b}}, {output: {key: 'a b', equals: a}}]",
        "stacks/a.yaml:6:27: an output has exactly one of `equals` and `matches`\n\
         stacks/a.yaml:6:49: an output has exactly one of `equals` and `matches`\n\
         stacks/a.yaml:6:95: `a b` is not a logical id: it may hold only letters and digits, at most 255",
    );
    check_spec(
        "checks: [{ssm: {name: 'a b', equals: c}}]",
        "stacks/a.yaml:6:25: `a b` is not the name of an SSM parameter",
    );
    let arn = "arn:aws:cloudwatch:eu-central-1:111111111111:alarm:errors";
    check_spec(
        &format!(
            "checks:\n- {{alarm: {{}}}}\n- {{alarm: {{name: a, arn: '{arn}'}}}}\n- {{alarm: {{arn: 'arn:aws:sns:x'}}}}\n\
             - {{alarm: {{arn: '{arn}', region: eu-west-1}}}}"
        ),
        "stacks/a.yaml:7:5: an alarm has exactly one of `name` and `arn`\n\
         stacks/a.yaml:8:5: an alarm has exactly one of `name` and `arn`\n\
         stacks/a.yaml:9:19: `arn:aws:sns:x` is not the ARN of an alarm\n\
         stacks/a.yaml:10:88: the alarm's ARN says its region already",
    );
}
