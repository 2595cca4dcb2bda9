//! Every call that is made to AWS, and what IAM has to allow for it: one list. The agent's policy is written from it
//! (`cargo x policy`), `holdfast doctor` asks by it, and each call is held against it where it leaves ([`super::count`]).
//!
//! Not here: what a policy looks like on paper, and what CloudFormation does in the name of a service role. Names in `${…}` are
//! parameters of the template that makes an account ready.

use Need::{
    Always, Artifacts, Author, Change, Checks, CodeCommit, Deletion, Doctor, Drift, Events, Kept, Person, Recovery,
    Reports, Role, Update,
};

/// What IAM has to allow, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// `service:Action`, as IAM spells it.
    pub action: &'static str,
    /// The calls that ask for it, as the SDK names them. None where AWS asks for it beside another call, or for what the SDK does
    /// not call.
    pub calls: &'static [&'static str],
    /// On what it is needed.
    pub scope: Scope,
    /// When it is needed.
    pub need: Need,
    /// What for.
    pub why: &'static str,
}

/// When a permission is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// In every turn.
    Always,
    /// Memory and the rest of what is the agent's business is in SSM.
    Kept,
    /// Something is to be changed.
    Change,
    /// A stack is changed by a service role.
    Role,
    /// A change stopped half-way.
    Recovery,
    /// A stack goes.
    Deletion,
    /// Drift is looked for, or put back.
    Drift,
    /// Somebody drifted something: who was it?
    Author,
    /// A queue of events wakes the agent.
    Events,
    /// Manifests have checks that name alarms.
    Checks,
    /// Templates over 51,200 bytes, nested ones, and artifacts go through a bucket.
    Artifacts,
    /// Reports go to a hub.
    Reports,
    /// The manifests repository is in CodeCommit.
    CodeCommit,
    /// The agent is a function, and brings itself to the version that is asked for.
    Update,
    /// `holdfast doctor` asks, for what nobody has.
    Doctor,
    /// A person says something or adopts something; no agent does.
    Person,
}

/// On what a permission is needed: what its statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Nothing has to be allowed: AWS answers whoever can sign.
    Free,
    /// What names no resource, or none that is known before it is asked.
    Everywhere,
    /// Stacks by the beginning of their names.
    Stacks,
    /// Change sets that are looked at, and what they are of.
    Previews,
    /// Change sets that are asked for.
    Requests,
    /// Transforms in templates that are asked for.
    Transforms,
    /// Change sets that are executed or deleted.
    ChangeSets,
    /// Stacks that are ours by their tag.
    Owned,
    /// Stacks that nobody has, which carry no tag.
    Nobodys,
    /// The service role.
    ServiceRole,
    /// Parameters in the agent's own folder.
    Folder,
    /// Those of them that it writes.
    Memory,
    /// Those of them that people write.
    Orders,
    /// Parameters of the account, wherever they are.
    Parameters,
    /// The artifact buckets.
    Buckets,
    /// Our own objects in them.
    Objects,
    /// The hub's topic.
    Topic,
    /// The queue of events.
    Queue,
    /// The manifests repository.
    Repository,
    /// Those of the agent's parameters in which it is told of its own version.
    Own,
    /// The bucket with releases.
    Releases,
    /// The agent's own functions.
    Functions,
    /// The one of them on which another version is tried.
    Next,
}

const fn row(
    action: &'static str,
    calls: &'static [&'static str],
    scope: Scope,
    need: Need,
    why: &'static str,
) -> Permission {
    Permission { action, calls, scope, need, why }
}

/// All of them.
pub const ALL: &[Permission] = &[
    row("sts:GetCallerIdentity", &["sts:GetCallerIdentity"], Scope::Free, Always, "whose account this is"),
    row(
        "cloudformation:DescribeStacks",
        &["cloudformation:DescribeStacks"],
        Scope::Everywhere,
        Always,
        "one listing a region",
    ),
    row(
        "cloudformation:ListStacks",
        &[],
        Scope::Everywhere,
        Always,
        "AWS asks for it too where DescribeStacks names no stack",
    ),
    row(
        "ssm:GetParameter",
        &["ssm:GetParameter"],
        Scope::Folder,
        Kept,
        "configuration, git secret, report key, earlier leases",
    ),
    row(
        "ssm:GetParameters",
        &["ssm:GetParameters"],
        Scope::Parameters,
        Kept,
        "what is kept, in one call; what manifests name",
    ),
    row(
        "ssm:PutParameter",
        &["ssm:PutParameter"],
        Scope::Memory,
        Kept,
        "memory, lease, what is known of drift, a report key once",
    ),
    row(
        "cloudformation:CreateChangeSet",
        &["cloudformation:CreateChangeSet"],
        Scope::Requests,
        Change,
        "asks for a change",
    ),
    row(
        "cloudformation:CreateChangeSet",
        &[],
        Scope::Transforms,
        Change,
        "the template has a transform that AWS itself carries out",
    ),
    row(
        "cloudformation:DescribeChangeSet",
        &["cloudformation:DescribeChangeSet"],
        Scope::Previews,
        Change,
        "the guard reads it",
    ),
    row(
        "cloudformation:DescribeEvents",
        &["cloudformation:DescribeEvents"],
        Scope::Previews,
        Change,
        "what early validation says",
    ),
    row(
        "cloudformation:ListHookResults",
        &["cloudformation:ListHookResults"],
        Scope::Everywhere,
        Change,
        "what hooks say",
    ),
    row(
        "cloudformation:ExecuteChangeSet",
        &["cloudformation:ExecuteChangeSet"],
        Scope::ChangeSets,
        Change,
        "does what was permitted",
    ),
    row(
        "cloudformation:DeleteChangeSet",
        &["cloudformation:DeleteChangeSet"],
        Scope::ChangeSets,
        Change,
        "one without changes goes",
    ),
    row(
        "cloudformation:DescribeStackEvents",
        &["cloudformation:DescribeStackEvents"],
        Scope::Stacks,
        Change,
        "why a change failed",
    ),
    row("iam:PassRole", &[], Scope::ServiceRole, Role, "CloudFormation changes stacks as the service role"),
    row(
        "cloudformation:ContinueUpdateRollback",
        &["cloudformation:ContinueUpdateRollback"],
        Scope::Owned,
        Recovery,
        "goes on with it",
    ),
    row("cloudformation:RollbackStack", &["cloudformation:RollbackStack"], Scope::Owned, Recovery, "sends it back"),
    row(
        "cloudformation:DeleteStack",
        &["cloudformation:DeleteStack"],
        Scope::Owned,
        Deletion,
        "one that nobody wants, or that never came up",
    ),
    row("cloudformation:ContinueUpdateRollback", &[], Scope::Nobodys, Doctor, "whether it is let in"),
    row("cloudformation:RollbackStack", &[], Scope::Nobodys, Doctor, "whether it is let in"),
    row("cloudformation:DeleteStack", &[], Scope::Nobodys, Doctor, "whether it is let in"),
    row(
        "cloudformation:DetectStackDrift",
        &["cloudformation:DetectStackDrift"],
        Scope::Stacks,
        Drift,
        "looks at a stack",
    ),
    row(
        "cloudformation:DetectStackResourceDrift",
        &["cloudformation:DetectStackResourceDrift"],
        Scope::Stacks,
        Drift,
        "looks at a resource",
    ),
    row(
        "cloudformation:DescribeStackDriftDetectionStatus",
        &["cloudformation:DescribeStackDriftDetectionStatus"],
        Scope::Everywhere,
        Drift,
        "how far a look has come",
    ),
    row(
        "cloudformation:DescribeStackResourceDrifts",
        &["cloudformation:DescribeStackResourceDrifts"],
        Scope::Stacks,
        Drift,
        "what it found",
    ),
    row(
        "cloudformation:ListStackResources",
        &["cloudformation:ListStackResources"],
        Scope::Stacks,
        Drift,
        "how many could be looked at",
    ),
    row(
        "cloudformation:DescribeStackResources",
        &["cloudformation:DescribeStackResources"],
        Scope::Everywhere,
        Drift,
        "whose resource it is",
    ),
    row(
        "cloudformation:BatchDescribeTypeConfigurations",
        &[],
        Scope::Everywhere,
        Drift,
        "AWS looks at resources with it in our name",
    ),
    row("cloudtrail:LookupEvents", &["cloudtrail:LookupEvents"], Scope::Everywhere, Author, "who it was"),
    row("cloudwatch:DescribeAlarms", &["cloudwatch:DescribeAlarms"], Scope::Everywhere, Checks, "how alarms stand"),
    row("s3:ListBucket", &["s3:ListObjectsV2"], Scope::Buckets, Artifacts, "what may go"),
    row(
        "s3:GetObject",
        &["s3:HeadObject", "s3:GetObject"],
        Scope::Objects,
        Artifacts,
        "whether it is there; CloudFormation reads it in our name",
    ),
    row("s3:PutObject", &["s3:PutObject"], Scope::Objects, Artifacts, "puts it there"),
    row("s3:DeleteObject", &["s3:DeleteObject"], Scope::Objects, Artifacts, "what nothing uses goes"),
    row("sns:Publish", &["sns:Publish"], Scope::Topic, Reports, "reports"),
    row("sqs:ReceiveMessage", &["sqs:ReceiveMessage"], Scope::Queue, Events, "what happened"),
    row("sqs:DeleteMessage", &["sqs:DeleteMessageBatch"], Scope::Queue, Events, "what was read is taken off"),
    row(
        "lambda:GetFunctionConfiguration",
        &["lambda:GetFunctionConfiguration"],
        Scope::Functions,
        Update,
        "what it runs",
    ),
    row(
        "lambda:UpdateFunctionCode",
        &["lambda:UpdateFunctionCode"],
        Scope::Functions,
        Update,
        "the version that is asked for: first on the other function, and here when it has proved itself",
    ),
    row("s3:GetObject", &[], Scope::Releases, Update, "that version, from the bucket that the first one came from"),
    row("ssm:PutParameter", &[], Scope::Own, Update, "what is asked for, tried and proved"),
    row("lambda:InvokeFunction", &["lambda:Invoke"], Scope::Next, Update, "hands a turn to what is on trial"),
    row("codecommit:GitPull", &[], Scope::Repository, CodeCommit, "reads the manifests repository"),
    row(
        "cloudformation:GetTemplate",
        &["cloudformation:GetTemplate"],
        Scope::Stacks,
        Person,
        "`adopt` writes it into the repository; `uninstall --delete` tells what it keeps",
    ),
    row(
        "sns:GetTopicAttributes",
        &["sns:GetTopicAttributes"],
        Scope::Topic,
        Person,
        "`bootstrap --check` looks whether the hub's topic is there",
    ),
    row(
        "cloudformation:DescribeAccountLimits",
        &["cloudformation:DescribeAccountLimits"],
        Scope::Everywhere,
        Person,
        "`bootstrap --check`: whether there is room for one more stack",
    ),
    row(
        "ssm:PutParameter",
        &[],
        Scope::Orders,
        Person,
        "`hold`, `pin`, `approve`, `rollback`, `reset`, `update --again`",
    ),
    row("ssm:DeleteParameter", &["ssm:DeleteParameter"], Scope::Orders, Person, "and what takes them back"),
];

impl Permission {
    /// Whether the agent's own policy has it.
    pub fn is_the_agents(&self) -> bool {
        match self.need {
            CodeCommit | Person | Update => false,
            Always | Artifacts | Author | Change | Checks | Deletion | Doctor | Drift | Events | Kept | Recovery
            | Reports | Role => self.scope != Scope::Free,
        }
    }
}

/// Whether a call is on the list, by `service:Operation` as the SDK names it.
pub fn is_listed(call: &str) -> bool {
    ALL.iter().any(|permission| permission.calls.contains(&call))
}

/// The permission that AWS names when it denies something, if it is one of ours. It may be another one than the call's: a role is
/// passed with a change set, a template is read from a bucket.
pub(super) fn named_in(message: &str) -> Option<&'static str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let action = rest.split_whitespace().next()?.trim_end_matches(['.', ',']);
    // Some services spell it as they like: `SNS:Publish`, `sqs:receivemessage`.
    ALL.iter().map(|permission| permission.action).find(|known| known.eq_ignore_ascii_case(action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    /// Every text in the agent's source that looks like `service:Action`.
    fn spelled(folder: &Path, found: &mut BTreeSet<String>) {
        const SERVICES: [&str; 10] =
            ["cloudformation", "cloudtrail", "cloudwatch", "iam", "lambda", "s3", "sns", "sqs", "ssm", "sts"];
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                spelled(&path, found);
            } else if path != Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cloud/permission.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                found.extend(code.split('"').filter_map(|text| {
                    let (service, action) = text.split_once(':')?;
                    let is_one = SERVICES.contains(&service)
                        && action.starts_with(|first: char| first.is_ascii_uppercase())
                        && action.chars().all(|letter| letter.is_ascii_alphanumeric());
                    is_one.then(|| text.to_owned())
                }));
            }
        }
    }

    #[test]
    fn whatever_is_denied_is_told_by_a_permission_of_the_list_and_each_of_them_is() {
        let mut found = BTreeSet::new();
        spelled(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let listed: BTreeSet<_> = ALL.iter().map(|it| it.action.to_owned()).collect();
        assert_eq!(found.difference(&listed).next(), None);
        let asked = ALL.iter().filter(|it| it.is_the_agents() && !it.calls.is_empty());
        let never: Vec<_> = asked.filter(|it| !found.contains(it.action)).collect();
        assert!(never.is_empty(), "{never:?}");
    }

    #[test]
    fn a_row_is_there_once() {
        let rows: BTreeSet<_> = ALL.iter().map(|it| (it.action, it.scope)).collect();
        assert_eq!(rows.len(), ALL.len());
        let calls: Vec<_> = ALL.iter().flat_map(|it| it.calls).collect();
        assert_eq!(calls.iter().collect::<BTreeSet<_>>().len(), calls.len(), "a call asks for one permission");
    }

    #[track_caller]
    fn check(message: &str, expect: Option<&str>) {
        assert_eq!(named_in(message), expect);
    }

    #[test]
    fn the_permission_that_aws_names_is_the_one_that_is_missing() {
        let who = "User: arn:aws:sts::111111111111:assumed-role/holdfast-agent/session is not authorized to perform";
        check(&format!("{who}: iam:PassRole on resource: arn:aws:iam::1:role/x because …"), Some("iam:PassRole"));
        check(&format!("{who}: cloudformation:ListStacks"), Some("cloudformation:ListStacks"));
        check(&format!("{who}: SNS:Publish on resource: arn:aws:sns:eu-central-1:1:t"), Some("sns:Publish"));
        check(&format!("{who}: s3:ListObjectsV2"), None);
        check("Access Denied", None);
    }
}
