//! The agent's own policy: a statement for each scope on its list of permissions.
//!
//! What can't be narrower says why in its comment. Nothing here was tried on real AWS: the keys and resources are those of the
//! Service Authorization Reference.

use super::statement::{Condition, Statement};
use agent::cloud::permission::{ALL, Need, Scope};

/// What a statement of a scope is about.
struct Bounds {
    scope: Scope,
    sid: &'static str,
    why: &'static str,
    resources: &'static [&'static str],
    conditions: &'static [Condition],
}

const STACKS: &str = "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stack/${StackPrefix}*/*";
const NOBODYS: &str =
    "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stack/${StackPrefix}holdfast-doctor-*/*";
const CHANGE_SETS: &str = "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:changeSet/*";
const OUR_CHANGE_SETS: &str = "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:changeSet/holdfast-*";
const ROLE: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Prefix}/${Prefix}-service";
const BUCKETS: &str = "arn:${AWS::Partition}:s3:::${Prefix}-artifacts-${AWS::AccountId}-*";
const OBJECTS: &str = "arn:${AWS::Partition}:s3:::${Prefix}-artifacts-${AWS::AccountId}-*/holdfast/${Prefix}/*";
const QUEUE: &str = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Prefix}-wake*";
const REGIONS: Condition = ("StringLike", "aws:RequestedRegion", &["${Regions}"]);
const OURS: Condition = ("StringEquals", "aws:ResourceTag/holdfast:owner", &["${Prefix}"]);

const AGENT: &str = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${Prefix}-agent";
const NEXT: &str = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${Prefix}-agent-next";

macro_rules! parameters {
    ($($name:literal),+) => {
        &[$(concat!("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${Prefix}/", $name)),+]
    };
}

/// The statement of each scope of the agent's, in the order in which they stand in the policy.
const BOUNDS: &[Bounds] = &[
    bounds(
        (Scope::Everywhere, "Look"),
        "These name no resource, or are asked about all of them (a listing, several alarms, a resource's owner)",
        &["*"],
        &[],
    ),
    bounds(
        (Scope::Stacks, "LookAtStacks"),
        "Managed stacks have the names that manifests give them: StackPrefix narrows it",
        &[STACKS],
        &[],
    ),
    bounds(
        (Scope::Previews, "LookAtChangeSets"),
        "Nested change sets, and those that failed, are asked about by ARN alone",
        &[STACKS, CHANGE_SETS],
        &[],
    ),
    bounds(
        (Scope::Requests, "AskForChanges"),
        "Only change sets of ours, only as the service role, only with our tag",
        &[STACKS],
        &[
            REGIONS,
            ("StringLike", "cloudformation:ChangeSetName", &["holdfast-*"]),
            ("ArnEquals", "cloudformation:RoleArn", &[ROLE]),
            ("StringEquals", "aws:RequestTag/holdfast:owner", &["${Prefix}"]),
        ],
    ),
    bounds(
        (Scope::Transforms, "AskForTransforms"),
        "Those that AWS carries out and that read nothing but the template; others are guardrails' `macros`",
        &[
            "arn:${AWS::Partition}:cloudformation:*:aws:transform/LanguageExtensions",
            "arn:${AWS::Partition}:cloudformation:*:aws:transform/Serverless-2016-10-31",
        ],
        &[REGIONS],
    ),
    bounds(
        (Scope::ChangeSets, "ChangeStacks"),
        "By the change set's name, not by the stack's tag: a stack that is made or taken over has it only afterwards",
        &[STACKS],
        &[REGIONS, ("StringLike", "cloudformation:ChangeSetName", &["holdfast-*", OUR_CHANGE_SETS])],
    ),
    bounds((Scope::Owned, "RecoverAndDelete"), "Only stacks that carry our tag", &[STACKS], &[REGIONS, OURS]),
    bounds(
        (Scope::Nobodys, "AskWhetherLetIn"),
        "`holdfast doctor` asks for a stack that nobody has, and which therefore has no tag",
        &[NOBODYS],
        &[REGIONS],
    ),
    bounds(
        (Scope::ServiceRole, "PassTheServiceRole"),
        "And no other role, to CloudFormation and to nobody else",
        &[ROLE],
        &[("StringEquals", "iam:PassedToService", &["cloudformation.amazonaws.com"])],
    ),
    bounds(
        (Scope::Folder, "ReadOwnParameters"),
        "With decryption, by the key aws/ssm: its policy lets the account in",
        parameters!("*"),
        &[],
    ),
    bounds(
        (Scope::Memory, "WriteOwnParameters"),
        "Guardrails, signers and orders are not among them",
        parameters!("memory", "lease", "drift", "report-key", "ready"),
        &[],
    ),
    bounds(
        (Scope::Parameters, "ReadParameters"),
        "Its own, and any that a manifest names; never with decryption, so a SecureString stays one",
        &["arn:${AWS::Partition}:ssm:*:${AWS::AccountId}:parameter/*"],
        &[],
    ),
    bounds(
        (Scope::Buckets, "ListArtifacts"),
        "Its own part of the artifact buckets",
        &[BUCKETS],
        &[("StringLike", "s3:prefix", &["holdfast/${Prefix}/*"])],
    ),
    bounds((Scope::Objects, "KeepArtifacts"), "CloudFormation reads templates in the agent's name", &[OBJECTS], &[]),
    bounds((Scope::Topic, "Report"), "The hub's topic, and no other", &["${HubTopicArn}"], &[]),
    bounds((Scope::Queue, "Wake"), "Its own queue of events", &[QUEUE], &[]),
];

/// The statement of the one scope that is not in every account.
const REPOSITORY: Bounds = bounds(
    (Scope::Repository, "ReadTheRepository"),
    "For a repository in CodeCommit alone; put its name in the place of the star",
    &["arn:${AWS::Partition}:codecommit:*:${AWS::AccountId}:*"],
    &[],
);

/// The statements of the agent that is a function and updates itself.
const UPDATE: &[Bounds] = &[
    bounds((Scope::Functions, "UpdateItself"), "Its own two functions", &[AGENT, NEXT], &[]),
    bounds(
        (Scope::Next, "HandOver"),
        "The one on which another version is tried; nobody else invokes it",
        &[NEXT],
        &[],
    ),
    bounds(
        (Scope::Own, "WriteOfItself"),
        "What is asked for, what the updater remembers, what a turn got done, memory before a version was tried",
        parameters!("release", "update", "proof", "memory-before"),
        &[],
    ),
    bounds(
        (Scope::Releases, "FetchReleases"),
        "From where the first version came; one at an https address needs none of it",
        &["arn:${AWS::Partition}:s3:::${CodeBucket}/*"],
        &[],
    ),
];

const fn bounds(
    (scope, sid): (Scope, &'static str),
    why: &'static str,
    resources: &'static [&'static str],
    conditions: &'static [Condition],
) -> Bounds {
    Bounds { scope, sid, why, resources, conditions }
}

impl Bounds {
    /// The statement, for the actions that are needed on this.
    fn statement(&self) -> Statement {
        let Self { scope, sid, why, resources, conditions } = *self;
        let rows = ALL.iter().filter(|row| row.scope == scope && row.need != Need::Person);
        let actions = rows.map(|row| row.action).collect();
        Statement::allow((sid, why), actions, resources, conditions)
    }
}

/// What the agent's role may do.
pub(super) fn agent() -> Vec<Statement> {
    BOUNDS.iter().map(Bounds::statement).chain([own_stack()]).collect()
}

/// What it may do besides where the manifests repository is in CodeCommit.
pub(super) fn codecommit() -> Vec<Statement> {
    vec![REPOSITORY.statement()]
}

/// What it may do besides where it is a function, so that it can bring itself to the version that is asked for.
pub(super) fn update() -> Vec<Statement> {
    UPDATE.iter().map(Bounds::statement).collect()
}

/// The stack that the agent comes from is not its own to change.
fn own_stack() -> Statement {
    let writes = [Scope::Requests, Scope::ChangeSets, Scope::Owned];
    let rows = ALL.iter().filter(|row| writes.contains(&row.scope));
    let why = "The stack that made this role stays as it is, whatever a commit asks";
    let resource = ["arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stack/${AWS::StackName}/*"];
    Statement::allow(("KeepWhatMadeIt", why), rows.map(|row| row.action).collect(), &resource, &[]).denied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_of_the_agent_stands_in_the_policy_where_it_is_needed() {
        let policy = agent();
        for row in ALL.iter().filter(|row| row.is_the_agents()) {
            let it = BOUNDS.iter().find(|it| it.scope == row.scope).unwrap_or_else(|| panic!("{row:?}"));
            let statement = policy.iter().find(|statement| statement.sid == it.sid).unwrap();
            assert!(statement.action.contains(&row.action), "{row:?}");
        }
        for row in ALL.iter().filter(|row| row.need == Need::Update) {
            let it = UPDATE.iter().find(|it| it.scope == row.scope).unwrap_or_else(|| panic!("{row:?}"));
            assert!(it.statement().action.contains(&row.action), "{row:?}");
        }
    }
}
