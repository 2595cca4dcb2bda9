//! The account, as the agent may touch it: the list of everything that Holdfast ever asks of AWS for its stacks.
//!
//! [`Cloud`] is implemented twice: by `aws` over the SDK, and by the simulated account in memory, for thousands of
//! turns a second. Whatever is not in this trait, Holdfast can't do.

mod alarms;
pub mod aws;
pub mod count;
mod drift;
mod map;
pub(crate) mod objects;
pub mod permission;
pub(crate) mod probe;
mod trail;
pub(crate) mod trouble;

use jiff::Timestamp;
use manifests::id::{AccountId, Region, StackKey};
use plan::{
    adopt::Existing,
    asked::Asked,
    drift::seen::{Detection, Deviation, Member, Place, Resource},
    facts::{ChangeSet, FailedEvent, FailedHook, FoundStack, StackEvent},
    permit::Permit,
    shelf::{Object, Shelf},
};
use std::collections::{BTreeMap, BTreeSet};

/// One AWS account. Every method is one intent; paging, retries and pacing are the implementation's.
pub trait Cloud {
    /// Whose credentials these are (`sts:GetCallerIdentity`).
    fn account(&self) -> impl Future<Output = Result<AccountId, CloudError>>;

    /// Every stack of a region, all pages or an error (`cloudformation:DescribeStacks`).
    fn stacks(&self, region: &Region) -> impl Future<Output = Result<Vec<(StackKey, FoundStack)>, CloudError>>;

    /// One stack by name, with all that a manifest of it has to say; `None` when there is none
    /// (`cloudformation:DescribeStacks`).
    fn stack(&self, key: &StackKey) -> impl Future<Output = Result<Option<Existing>, CloudError>>;

    /// A stack's template, as it was given (`cloudformation:GetTemplate`).
    fn template(&self, key: &StackKey, stack_id: &str) -> impl Future<Output = Result<String, CloudError>>;

    /// Asks for a change set. One of the same name that exists already is the same request: its name is its
    /// fingerprint (`cloudformation:CreateChangeSet`). One that reverts goes by what was there when it was made, so that
    /// there is one already is an error.
    fn create_change_set(&self, request: &ChangeSetRequest<'_>) -> impl Future<Output = Result<(), CloudError>>;

    /// A change set by name, all pages. With `values`, property values before and after are asked for too: for people
    /// only, because CloudFormation then leaves out whole resources at times (`cloudformation:DescribeChangeSet`).
    fn change_set(
        &self,
        key: &StackKey,
        name: &str,
        values: bool,
    ) -> impl Future<Output = Result<ChangeSet, CloudError>>;

    /// Deletes a change set by name; one that is gone already is fine (`cloudformation:DeleteChangeSet`).
    fn delete_change_set(&self, key: &StackKey, name: &str) -> impl Future<Output = Result<(), CloudError>>;

    /// What early validation says is wrong with a change set (ARN), resource by resource
    /// (`cloudformation:DescribeEvents`). The change set's own reason only says that something is.
    fn validation(
        &self,
        key: &StackKey,
        change_set: &str,
    ) -> impl Future<Output = Result<Vec<FailedEvent>, CloudError>>;

    /// What hooks say is wrong with a change set (ARN), each hook by its type's name
    /// (`cloudformation:ListHookResults`).
    fn hooks(&self, key: &StackKey, change_set: &str) -> impl Future<Output = Result<Vec<FailedHook>, CloudError>>;

    /// Does what the guard permitted (`cloudformation:ExecuteChangeSet`, `cloudformation:DeleteStack`,
    /// `cloudformation:ContinueUpdateRollback`, `cloudformation:RollbackStack`).
    fn act(&self, permit: &Permit) -> impl Future<Output = Result<(), CloudError>>;

    /// What happened to a stack, by ARN or name, newest first: whole pages, until one reaches back to `since`, and at most
    /// some 2,000 events (`cloudformation:DescribeStackEvents`).
    fn events(
        &self,
        region: &Region,
        stack: &str,
        since: Option<Timestamp>,
    ) -> impl Future<Output = Result<Vec<StackEvent>, CloudError>>;

    /// Begins to look at all of a stack, and answers the number of that look (`cloudformation:DetectStackDrift`).
    fn detect(&self, place: &Place) -> impl Future<Output = Result<String, CloudError>>;

    /// How far a look has come (`cloudformation:DescribeStackDriftDetectionStatus`).
    fn detection(&self, region: &Region, id: &str) -> impl Future<Output = Result<Detection, CloudError>>;

    /// Looks at one resource of a stack, and comes back with what it is like (`cloudformation:DetectStackResourceDrift`).
    fn detect_resource(&self, place: &Place, logical: &str) -> impl Future<Output = Result<Deviation, CloudError>>;

    /// Every resource of a stack, and how the last look found it; all pages or an error
    /// (`cloudformation:ListStackResources`).
    fn resources(&self, place: &Place) -> impl Future<Output = Result<Vec<Resource>, CloudError>>;

    /// What the last look found otherwise than it was asked for, or could not tell; all pages or an error
    /// (`cloudformation:DescribeStackResourceDrifts`).
    fn deviations(&self, place: &Place) -> impl Future<Output = Result<Vec<Deviation>, CloudError>>;

    /// Which stack's resource has this name in the account, if one's has (`cloudformation:DescribeStackResources`).
    fn owner(&self, region: &Region, physical: &str) -> impl Future<Output = Result<Option<Member>, CloudError>>;

    /// What CloudTrail has of an event or a resource: records as JSON, the newest first, at most 50
    /// (`cloudtrail:LookupEvents`).
    fn trail(&self, region: &Region, what: &Lookup<'_>) -> impl Future<Output = Result<Vec<String>, CloudError>>;

    /// Values of `String` and `StringList` parameters; a name that is absent from the answer does not exist
    /// (`ssm:GetParameters`). A `SecureString` is never read: in its place stands a sentence that says so.
    fn parameters(
        &self,
        region: &Region,
        names: &BTreeSet<String>,
    ) -> impl Future<Output = Result<BTreeMap<String, Result<String, String>>, CloudError>>;

    /// The state of each of these alarms, in CloudWatch's word; a name that is absent from the answer does not exist
    /// (`cloudwatch:DescribeAlarms`).
    fn alarms(
        &self,
        region: &Region,
        names: &BTreeSet<String>,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, CloudError>>;

    /// Puts an object into a bucket, unless it is there, with just these bytes and young enough; answers its URL
    /// (`s3:GetObject` to look, `s3:PutObject`).
    fn put(&self, put: &Put<'_>) -> impl Future<Output = Result<String, CloudError>>;

    /// Every object of a bucket whose key begins like this, all pages or an error (`s3:ListBucket`).
    fn shelved(&self, shelf: &Shelf, prefix: &str) -> impl Future<Output = Result<Vec<Object>, CloudError>>;

    /// Deletes objects; those that are gone already are fine (`s3:DeleteObject`).
    fn clear(&self, shelf: &Shelf, keys: &[&str]) -> impl Future<Output = Result<(), CloudError>>;

    /// The time by AWS's own clock, as far as an answer has told it.
    fn time(&self) -> Option<Timestamp>;

    /// How often each call was made so far, retries included, by `service:Action`.
    fn calls(&self) -> BTreeMap<String, u64>;
}

/// One `CreateChangeSet`.
#[derive(Debug, Clone, Copy)]
pub struct ChangeSetRequest<'a> {
    /// Which stack.
    pub key: &'a StackKey,
    /// `CREATE` for a stack that is not there (or is only a shell), `UPDATE` for one that is.
    pub create: bool,
    /// Whether the template has stacks nested in it, whose changes are asked for too.
    pub nested: bool,
    /// Whether it goes by what is really there, and puts that back (`DeploymentMode` `REVERT_DRIFT`).
    pub revert: bool,
    /// The change set's name.
    pub name: &'a str,
    /// The template.
    pub template: Template<'a>,
    /// Everything else.
    pub asked: &'a Asked,
    /// Parameters of it that keep the value which the stack has, whatever stands there.
    pub kept: &'a BTreeSet<String>,
    /// For people: commit and manifest, at most 1,024 characters.
    pub description: &'a str,
}

/// What CloudTrail is asked about.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'a> {
    /// The event of this number.
    Event(&'a str),
    /// What is known about the resource of this name since then, and until then: the newest [`Lookup::PAGE`].
    Resource(&'a str, (Timestamp, Option<Timestamp>)),
}

impl Lookup<'_> {
    /// As many as are told of at most: a page (API Reference, LookupEvents, `MaxResults`).
    pub const PAGE: usize = 50;
}

/// One object on its way into a bucket.
#[derive(Debug, Clone, Copy)]
pub struct Put<'a> {
    /// The bucket, which has to be the account's own.
    pub shelf: &'a Shelf,
    /// Its key.
    pub key: &'a str,
    /// Its bytes.
    pub body: &'a [u8],
    /// One that was put there before this is put there anew.
    pub fresh: Timestamp,
}

/// How a template travels.
#[derive(Debug, Clone, Copy)]
pub enum Template<'a> {
    /// In the request, up to 51,200 bytes.
    Inline(&'a str),
    /// From an S3 object, up to 1 MB.
    Url(&'a str),
    /// Not at all: the stack keeps the one that it has.
    Kept,
}

/// What stands in place of a secret's value.
pub fn is_secret(name: &str) -> String {
    format!(
        "SSM parameter `{name}` is a SecureString, which is never read; refer to it in the template, as `{{{{resolve:ssm-secure:{name}}}}}`"
    )
}

/// Why a call to AWS did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call} {problem}: {message}")]
pub struct CloudError {
    /// `service:Action`, as an IAM policy spells it.
    pub call: &'static str,
    /// What kind of failure it is.
    pub problem: Trouble,
    /// AWS's own words, or the connection's.
    pub message: String,
}

/// What kinds of failure there are, by what can be done about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The answer did not come, or AWS was busy (throttling, 5xx, timeout, reset) after the SDK's own retries. Whether
    /// the work was done is not known: look again.
    Unavailable,
    /// A permission is missing.
    Denied,
    /// The credentials are missing, expired or not valid.
    Credentials,
    /// What was named does not exist.
    NotFound,
    /// The stack is in a state that does not allow it now.
    Busy,
    /// Something of that name exists already.
    AlreadyExists,
    /// The request itself is wrong (template, parameters, capabilities): it stays wrong until the commit changes.
    Invalid,
    /// A quota.
    Limit,
    /// Anything else.
    Other,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "was not answered",
            Self::Denied => "was denied",
            Self::Credentials => "was refused for its credentials",
            Self::NotFound => "found nothing",
            Self::Busy => "came while the stack is busy",
            Self::AlreadyExists => "found it there already",
            Self::Invalid => "was not accepted",
            Self::Limit => "ran into a quota",
            Self::Other => "failed",
        })
    }
}

/// Reads the time and sleeps: the one door to the clock, so that a test can be its keeper.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Comes back after about that long.
    fn sleep(&self, time: std::time::Duration) -> impl Future<Output = ()>;
}
