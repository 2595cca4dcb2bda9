//! Manifests repositories of any size, as `git fast-import` wants them.
//!
//! Every manifest is about as long as a real one, and all share one template: an SSM parameter and an SNS topic, which
//! every tool that is compared deploys in the same form.

use std::fmt::Write as _;

/// The template that every stack here is made from.
pub(crate) const TEMPLATE: &str = r#"AWSTemplateFormatVersion: "2010-09-09"
Description: one stack of the benchmark
Parameters:
  Name: {Type: String}
  Val: {Type: String}
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Name: !Sub "/bench/${Name}", Type: String, Value: !Ref Val}}
  T: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub "bench-${Name}"}}
Outputs:
  TopicArn: {Value: !Ref T}
"#;

/// Whom the manifests of a repository that are not for the measured account are for.
pub(crate) const ELSEWHERE: &str = "222222222222";

/// How large a repository is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Manifests for the account that is measured.
    pub(crate) mine: usize,
    /// Manifests for another one.
    pub(crate) others: usize,
    /// Commits; each but the first changes one of the others' manifests, or else one of the account's.
    pub(crate) commits: usize,
}

/// The whole history of such a repository.
pub(crate) fn script(account: &str, size: Size) -> String {
    let Size { mine, others, commits } = size;
    let owner = |number: usize| if number < mine { account } else { ELSEWHERE };
    let last = mine + others - 1;
    let mut files =
        vec![("fleet.yaml".to_owned(), fleet(account)), ("templates/stack.yaml".to_owned(), TEMPLATE.to_owned())];
    files.extend((0..=last).map(|number| (path(number), manifest(number, owner(number), "v1"))));
    let mut script = commit(0, false, &files);
    for number in 1..commits {
        // The last commit leaves everything as the first one had it.
        let value = if number + 1 == commits { "v1".to_owned() } else { format!("v1-{number}") };
        script.push_str(&commit(number, false, &[(path(last), manifest(last, owner(last), &value))]));
    }
    script
}

/// One more commit: this manifest, which is the account's, has this value.
pub(crate) fn change(account: &str, number: usize, value: &str) -> String {
    commit(1_000_000, true, &[(path(number), manifest(number, account, value))])
}

/// One more commit: what is changed by hand in the stacks of the first so many manifests is put back.
pub(crate) fn healing(account: &str, many: usize) -> String {
    let one = |number| (path(number), format!("{}  drift: {{ mode: heal }}\n", manifest(number, account, "v1")));
    commit(1_000_001, true, &(0..many).map(one).collect::<Vec<_>>())
}

fn commit(number: usize, follows: bool, files: &[(String, String)]) -> String {
    let when = 1_700_000_000 + number;
    let mut script = format!("commit refs/heads/main\ncommitter F <f@example.org> {when} +0000\ndata 1\nx\n");
    if follows {
        script.push_str("from refs/heads/main^0\n");
    }
    for (path, text) in files {
        // Writing to a String can't fail.
        let _ = writeln!(script, "M 100644 inline {path}\ndata {}\n{text}", text.len());
    }
    script
}

fn fleet(account: &str) -> String {
    let other = if account == ELSEWHERE { String::new() } else { format!("    - id: \"{ELSEWHERE}\"\n") };
    format!(
        "apiVersion: holdfast/v1\nkind: Fleet\nmetadata: {{ name: bench }}\nspec:\n  accounts:\n    - id: \"{account}\"\n{other}"
    )
}

/// Where the manifest of this number lies: a hundred to a folder.
pub(crate) fn path(number: usize) -> String {
    format!("stacks/team-{:03}/s{number:05}.yaml", number / 100)
}

/// The manifest of this number.
pub(crate) fn manifest(number: usize, account: &str, value: &str) -> String {
    let team = number / 100;
    format!(
        "# A topic and a parameter of team {team}, in one account and in the region that its agent is at home in.
# Whoever changes it asks the team first; the value is read by the team's own jobs when they start.
apiVersion: holdfast/v1
kind: Stack
metadata:
  name: s{number:05}
  labels: {{ team: team-{team:03}, tier: standard }}
spec:
  template: {{ path: ../../templates/stack.yaml }}
  targets:
    accounts: [\"{account}\"]
  parameters:
    Name: holdfast-s{number:05}
    Val: {value}
  tags:
    team: team-{team:03}
    cost-centre: \"4711\"
    service: notifications
  capabilities: []
  provides: [CIS-3.1]
  limits: {{ removals: 0, replacements: 0 }}
  timeout: 20m
"
    )
}
