//! What comes of files that are sound, and what a file that is not costs the others.

use crate::{parse, stack};
use manifests::{
    parse::{Content, File, MAX_FILE, Repository, is_manifest},
    stack::{Capability, DeletionPolicy, Targets, Value},
};
use std::time::Duration;

const EVERYTHING: &str = "\
# A comment, and a directive's line, come before the document.
---
apiVersion: holdfast/v1
kind: Stack
metadata:
  name: audit
  labels: {team: security, tier: 1}
spec:
  stackName: org-audit
  template:
    path: ../stacks/t.yaml
  targets:
    accounts: ['000000000001', \"111111111111\"]
    labels: {stage: prod}
    exclude:
      accounts: ['222222222222']
      labels: {sandbox: true}
  regions: [us-east-1, eu-central-1]
  parameters:
    Text: plain text
    Number: 0012
    Ratio: 1.10
    Switch: true
    Norway: NO
    Empty: ''
    List: [subnet-1, 2]
    Team: {label: team}
    Key: {output: {stack: key, key: KeyArn, region: us-east-1}}
    Image: {ssm: /golden/image}
  tags: {cost-centre: 4711, empty: ''}
  capabilities: [CAPABILITY_NAMED_IAM, CAPABILITY_AUTO_EXPAND]
  roleArn: arn:aws:iam::111111111111:role/deploy
  dependsOn: [roles]
  prune: true
  deletionPolicy: delete
  limits: {removals: 1}
  allow: [{remove: OldTable}, {replace: Queue}]
  rollback: {alarms: ['arn:aws:cloudwatch:eu-central-1:111111111111:alarm:a'], monitor: 10m}
  recovery: {skip: [Db], retain: [Bucket, Key]}
  provides: [CIS-3.1]
  timeout: 90m
  suspend: {reason: the auditors are in}
";

#[test]
fn every_field_arrives_as_it_was_written() {
    let repository = parse(&[
        ("a/audit.yaml", EVERYTHING.to_owned()),
        ("stacks/roles.yaml", stack("roles", "")),
        ("stacks/key.yaml", stack("key", "")),
    ]);
    assert_eq!(repository.problems, []);
    assert!(repository.complete);
    let stack = &repository.stacks[&"audit".parse().expect("a name")];
    assert_eq!(stack.at.to_string(), "a/audit.yaml:3");
    assert_eq!(stack.stack_name.as_str(), "org-audit");
    assert_eq!(stack.labels["tier"], "1");
    assert_eq!(stack.template.as_str(), "stacks/t.yaml");
    assert_eq!(stack.targets.accounts.first().map(ToString::to_string).as_deref(), Some("000000000001"));
    assert_eq!(stack.targets.exclude_labels["sandbox"], "true");
    assert_eq!(stack.regions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["us-east-1", "eu-central-1"]);
    let literal = |key: &str| match &stack.parameters[key] {
        Value::Literal(text) => text.clone(),
        other @ (Value::Label(_) | Value::Output { .. } | Value::Ssm(_)) => format!("{other:?}"),
    };
    let literals = ["Text", "Number", "Ratio", "Switch", "Norway", "Empty", "List"].map(literal);
    assert_eq!(literals, ["plain text", "0012", "1.10", "true", "NO", "", "subnet-1,2"]);
    assert_eq!(stack.parameters["Team"], Value::Label("team".into()));
    assert_eq!(stack.parameters["Image"], Value::Ssm("/golden/image".into()));
    assert!(matches!(&stack.parameters["Key"], Value::Output { stack, key, region: Some(region) }
        if stack.as_str() == "key" && key == "KeyArn" && region.as_str() == "us-east-1"));
    assert_eq!(stack.tags["cost-centre"], "4711");
    assert!(stack.capabilities.contains(&Capability::NamedIam) && !stack.capabilities.contains(&Capability::Iam));
    assert_eq!(stack.role.as_ref().map(AsRef::as_ref), Some("arn:aws:iam::111111111111:role/deploy"));
    assert_eq!(stack.depends_on.iter().map(ToString::to_string).collect::<Vec<_>>(), ["key", "roles"]);
    assert!(stack.prune && stack.deletion == DeletionPolicy::Delete);
    assert_eq!((stack.limits.removals, stack.limits.replacements), (Some(1), None));
    assert_eq!((stack.allow.remove.len(), stack.allow.replace.len()), (1, 1));
    assert_eq!((stack.rollback.alarms.len(), stack.rollback.monitor), (1, Duration::from_secs(600)));
    assert_eq!((stack.recovery.skip.len(), stack.recovery.retain.len()), (1, 2));
    assert!(stack.provides.contains("CIS-3.1"));
    assert_eq!(stack.timeout, Duration::from_secs(90 * 60));
    assert_eq!(stack.suspend.as_deref(), Some("the auditors are in"));
}

#[test]
fn what_is_not_said_is_the_safe_side() {
    let repository = parse(&[("stacks/a.yaml", stack("a", ""))]);
    let stack = &repository.stacks[&"a".parse().expect("a name")];
    assert_eq!(stack.stack_name.as_str(), "a");
    assert_eq!(stack.targets, Targets::default());
    assert!(stack.regions.is_empty() && stack.capabilities.is_empty() && stack.allow.remove.is_empty());
    assert!(stack.recovery.skip.is_empty() && stack.recovery.retain.is_empty());
    assert!(!stack.prune && stack.deletion == DeletionPolicy::Orphan);
    assert_eq!(stack.timeout, Duration::from_secs(3_600));
    assert_eq!(repository.fleet, Some(Default::default()));
}

#[test]
fn anchors_and_windows_line_ends_are_read() {
    let text = stack("a", "tags: &tags {team: x}\nparameters: {A: &a one, B: *a}").replace('\n', "\r\n");
    let repository = parse(&[("stacks/a.yaml", format!("\u{feff}{text}"))]);
    assert_eq!(repository.problems, []);
    let stack = repository.stacks.values().next().expect("one stack");
    assert_eq!(stack.parameters["B"], Value::Literal("one".into()));
}

/// Which stacks are there, which problems name which manifest, and whether names were lost.
fn summary(repository: &Repository) -> (Vec<&str>, Vec<Option<&str>>, bool) {
    let stacks = repository.stacks.keys().map(AsRef::as_ref).collect();
    let cost = repository.problems.iter().map(|problem| problem.manifest.as_ref().map(AsRef::as_ref)).collect();
    (stacks, cost, repository.complete)
}

#[test]
fn a_broken_document_costs_only_its_own_stack() {
    let broken = [
        (stack("b", "prunes: true"), Some("b"), true),
        (stack("b", "tags: [a"), Some("b"), true),
        (stack("b", "tags: {a: b, a: c}"), Some("b"), true),
        (stack("b", "").replace("kind: Stack", "kind: Stak"), Some("b"), true),
        (stack("b", "").replace("v1", "v2"), Some("b"), true),
        (stack("b b", ""), None, false),
        (stack("b", "").replace("name: b", "name: b, name: c"), None, false),
        (stack("b", "").replace("{name: b}", "{name: b"), None, false),
        (stack("b", "").replace("apiVersion: holdfast/v1\n", ""), Some("b"), true),
    ];
    for (document, cost, complete) in broken {
        let file = format!("{}---\n{document}---\n{}", stack("a", ""), stack("c", ""));
        let repository = parse(&[("stacks/x.yaml", file.as_str())]);
        let (stacks, costs, is_complete) = summary(&repository);
        assert_eq!(stacks, ["a", "c"], "{document}");
        assert!(costs.iter().all(|c| *c == cost) && !costs.is_empty(), "{document}: {:?}", repository.problems);
        assert_eq!(is_complete, complete, "{document}");
        assert!(repository.fleet.is_some(), "{document}");
        let last = file.lines().count() - stack("c", "").lines().count();
        assert_eq!(repository.stacks[&"c".parse().expect("a name")].at.line as usize, last + 1);
    }
}

#[test]
fn a_file_that_cannot_be_read_costs_only_its_own_stacks() {
    let good = stack("a", "");
    for bad in [
        &b"apiVersion: holdfast/v1\n\xff"[..],
        b"version https://git-lfs.github.com/spec/v1\n",
        &vec![b' '; MAX_FILE as usize + 1],
    ] {
        let repository = parse(&[("stacks/a.yaml", good.as_bytes()), ("stacks/b.yaml", bad)]);
        assert_eq!(summary(&repository), (vec!["a"], vec![None], false));
    }
    let files = [File { path: "b.yaml".parse().expect("a path"), content: Content::TooLarge(50 << 20) }];
    let repository = manifests::parse::parse(&files, &crate::Others::default());
    assert_eq!(repository.problems[0].to_string(), "b.yaml: the file has 52428800 bytes, at most 1048576 are read");
    assert!(!repository.complete);
}

#[test]
fn when_accounts_are_lost_nobody_knows_whom_a_stack_is_for() {
    let accounts =
        "apiVersion: holdfast/v1\nkind: Accounts\nspec:\n  accounts:\n    - {id: '111111111111', labels: {a: b}}\n";
    assert_eq!(parse(&[("accounts.yaml", accounts)]).fleet.map(|fleet| fleet.accounts.len()), Some(1));
    let slips = [
        ("id: '1", "id: '"),
        ("kind: Accounts", "kind: Acounts"),
        ("labels: {a: b}", "labels: {a: b"),
        ("kind: Accounts\n", ""),
    ];
    for (right, wrong) in slips {
        let repository = parse(&[("accounts.yaml", accounts.replace(right, wrong)), ("stacks/a.yaml", stack("a", ""))]);
        assert_eq!(repository.fleet, None, "{wrong}");
        assert_eq!(repository.stacks.len(), 1, "{wrong}");
    }
}

#[test]
fn one_stack_of_two_manifests_is_refused_only_where_both_are_meant() {
    let fleet = "apiVersion: holdfast/v1\nkind: Fleet\nspec:\n  accounts:\n    - {id: '111111111111', labels: {stage: prod}}\n    \
                 - {id: '222222222222', labels: {stage: test}}\n";
    let cases = [
        ("", "", 0),
        ("targets: {labels: {stage: prod}}", "targets: {labels: {stage: test}}", 2),
        ("targets: {labels: {stage: prod}}", "targets: {accounts: ['111111111111']}", 0),
        ("targets: {labels: {stage: prod}}", "targets: {accounts: ['222222222222']}", 2),
        ("targets: {labels: {stage: prod}}", "targets: {exclude: {labels: {stage: prod}}}", 2),
        ("targets: {accounts: ['333333333333']}", "", 0),
        ("targets: {accounts: ['333333333333']}", "targets: {exclude: {accounts: ['333333333333']}}", 2),
        ("regions: [eu-west-1]", "regions: [eu-west-2]", 2),
    ];
    for (a, b, left) in cases {
        let both = |name, more: &str| stack(name, &format!("stackName: s\n{more}"));
        let repository =
            parse(&[("f.yaml", fleet.to_owned()), ("stacks/a.yaml", both("a", a)), ("stacks/b.yaml", both("b", b))]);
        assert_eq!(repository.stacks.len(), left, "{a} beside {b}: {:?}", repository.problems);
    }
}

#[test]
fn a_manifest_that_depends_on_a_broken_one_is_sound() {
    let repository = parse(&[
        ("stacks/a.yaml", stack("a", "dependsOn: [b]")),
        ("stacks/b.yaml", stack("b", "prunes: true")),
        ("stacks/c.yaml", stack("c", "dependsOn: [d]")),
        ("stacks/d.yaml", stack("d", "dependsOn: [d]")),
    ]);
    assert_eq!(summary(&repository), (vec!["a", "c"], vec![Some("b"), Some("d")], true));
}

#[test]
fn a_long_circle_is_told_short() {
    let files: Vec<(String, String)> = (0..3_000)
        .map(|n| (format!("stacks/s{n}.yaml"), stack(&format!("s{n}"), &format!("dependsOn: [s{}]", (n + 1) % 3_000))))
        .collect();
    let files: Vec<(&str, &String)> = files.iter().map(|(path, text)| (path.as_str(), text)).collect();
    let repository = parse(&files);
    assert_eq!((repository.stacks.len(), repository.problems.len()), (0, 3_000));
    assert!(repository.problems.iter().all(|problem| problem.message.len() < 400));
}

#[test]
fn other_peoples_yaml_is_none_of_our_business() {
    for (text, ours) in [
        ("apiVersion: holdfast/v1\n", true),
        ("# first\n---\napiVersion:   'holdfast/v9'\n", true),
        ("\"apiVersion\": \"holdfast/v1\"\n", true),
        ("--- \napiversion: holdfast/v1", true),
        ("apiVersion: holdfsat/v1\n", true),
        ("apiVersion: apps/v1\n", false),
        ("  apiVersion: holdfast/v1\n", false),
        ("AWSTemplateFormatVersion: 2010-09-09\nResources: {A: !Ref B}\n", false),
        ("", false),
    ] {
        assert_eq!(is_manifest(text.as_bytes()), ours, "{text}");
    }
    let mixed = format!("apiVersion: v1\nkind: ConfigMap\ndata: !x [\n---\n{}", stack("a", ""));
    let repository = parse(&[("stacks/t.yaml", "Resources: {A: !Ref B".to_owned()), ("stacks/m.yaml", mixed)]);
    assert_eq!(summary(&repository), (vec!["a"], vec![], true));
}

#[test]
fn an_approval_names_a_plan_and_ends() {
    let approval = |spec: &str| {
        let text = format!("apiVersion: holdfast/v1\nkind: Approval\nspec: {{{spec}}}\n");
        let repository = parse(&[("approvals.yaml", text.as_str()), ("stacks/a.yaml", &stack("a", ""))]);
        assert!(repository.complete && repository.stacks.len() == 1 && repository.fleet.is_some(), "it costs nobody");
        let told: Vec<String> = repository.problems.iter().map(ToString::to_string).collect();
        (repository.approvals, told.join("\n"))
    };
    let sound = "plan: 0123456789abcdef, until: 2026-12-24T18:00:00Z, reason: the table is empty";
    let (approvals, told) = approval(sound);
    assert_eq!((approvals.len(), told.as_str()), (1, ""));
    assert_eq!(approvals[0].plan.as_str(), "0123456789abcdef");
    let wrong = |spec: &str, expect: &str| {
        let (approvals, told) = approval(spec);
        assert!(approvals.is_empty() && told.contains(expect), "{told}");
    };
    wrong("plan: 0123, until: 2026-12-24T18:00:00Z, reason: r", "must be 16 to 64 lower-case hex digits");
    wrong("plan: 0123456789abcdef, until: Christmas, reason: r", "`Christmas` is no point in time");
    wrong("plan: 0123456789abcdef, reason: r", "`until`");
    wrong("plan: 0123456789abcdef, until: 2026-12-24T18:00:00Z, reason: ''", "the reason is empty");
}

#[test]
fn an_accounts_guardrails_are_not_read_from_the_repository_and_cost_nobody() {
    let text = "apiVersion: holdfast/v1\nkind: Guardrails\nspec: {limits: {removalsPerDay: 999}}\n";
    let repository = parse(&[("guardrails.yaml", text), ("stacks/a.yaml", &stack("a", ""))]);
    assert!(repository.complete && repository.stacks.len() == 1 && repository.fleet.is_some());
    assert!(repository.problems[0].to_string().contains("are not read from the repository"));
}

#[test]
fn checks_arrive_with_a_name_and_a_while_even_if_none_is_said() {
    let lines = "checks:\n- {http: {url: 'https://a.example/health?key=1'}}\n- {name: door, within: 90s, http: {url: 'http://b', status: 404, contains: no}}\n\
                 - {output: {key: Url, matches: 'https://*.example.com'}}\n- {ssm: {name: /a, equals: ''}}\n- {alarm: {name: 'a:b', region: us-east-1}}\n\
                 - {alarm: {arn: 'arn:aws:cloudwatch:eu-west-1:111111111111:alarm:a:b'}, name: other}";
    let repository = parse(&[("stacks/a.yaml", stack("a", lines))]);
    assert_eq!(repository.problems, []);
    let checks = &repository.stacks.values().next().unwrap().checks;
    let told: Vec<String> =
        checks.iter().map(|check| format!("{} {:?} {}s", check.name, check.asks, check.within.as_secs())).collect();
    assert_eq!(
        told,
        [
            "https://a.example/health Http(Http { url: \"https://a.example/health?key=1\", status: 200, contains: None }) 300s",
            "door Http(Http { url: \"http://b\", status: 404, contains: Some(\"no\") }) 90s",
            "output Url Output { key: \"Url\", expect: Matches(Pattern(\"https://*.example.com\")) } 300s",
            "ssm /a Ssm { name: \"/a\", equals: \"\" } 300s",
            "alarm a:b Alarm { name: \"a:b\", region: Some(Region(\"us-east-1\")), account: None } 300s",
            "other Alarm { name: \"a:b\", region: Some(Region(\"eu-west-1\")), account: Some(AccountId(\"111111111111\")) } 300s",
        ]
    );
}
