//! What a turn needs of the world, and what it shows of itself.

use crate::{
    checks::web::Web,
    cloud::{Clock, Cloud},
    git::{Source, tags::Prefix},
    itself::Itself,
    pace::Pacing,
    ready::Gate,
    send::Sink,
    store::Store,
    trust::Policy as Signatures,
    wake::Bell,
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    id::{AccountId, Arn, CommitId, Malformed, Region, RepoPath, StackKey, StackName},
    report::{Happening, Report},
};
use plan::{lease::Holder, memory::Started, plan::Policy, shelf::Rules, step::Plan};
use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    str::FromStr,
};

/// The doors of a turn. The shipped ones are git over gix, AWS over its SDK, SSM or a file, SNS, and the machine's
/// clock; tests bring a world in memory.
pub trait World {
    /// Where manifests come from.
    type Source: Source;
    /// The account.
    type Cloud: Cloud;
    /// Who asks addresses.
    type Web: Web;
    /// Where memory is kept.
    type Store: Store;
    /// Where reports go.
    type Sink: Sink;
    /// Where it is said that the account is ready.
    type Gate: Gate;
    /// What wakes it between turns.
    type Bell: Bell;
    /// The time.
    type Clock: Clock;
    /// Where manifests come from.
    fn source(&self) -> &Self::Source;
    /// The account.
    fn cloud(&self) -> &Self::Cloud;
    /// Who asks addresses.
    fn web(&self) -> &Self::Web;
    /// Where memory is kept.
    fn store(&self) -> &Self::Store;
    /// Where reports go.
    fn sink(&self) -> &Self::Sink;
    /// Where it is said that the account is ready; nowhere, unless somebody asked for it.
    fn gate(&self) -> Option<&Self::Gate> {
        None
    }
    /// What wakes it between turns.
    fn bell(&self) -> &Self::Bell;
    /// The time.
    fn clock(&self) -> &Self::Clock;
    /// Shows what is going on to whoever watches. Decides nothing.
    fn show(&self, _: &Sight<'_>) {}
    /// Whether a process of this machine still runs.
    fn alive(&self, process: u32) -> bool;
    /// Somebody wants the process to end: a turn that is under way watches no longer, and tells what it has.
    fn leave(&self) {}
    /// Whether somebody does.
    fn leaving(&self) -> bool {
        false
    }
}

/// What a watcher of a turn gets to see.
#[derive(Debug)]
pub enum Sight<'a> {
    /// A commit is worked towards.
    Commit(&'a CommitId),
    /// A round has a plan.
    Planned(&'a Plan),
    /// A step was started.
    Started(&'a StackKey, Started),
    /// A call was denied: a permission is missing, or the credentials are not good.
    Denied(&'a str),
    /// Something happened that the report will tell.
    Happened(&'a Happening),
    /// The report is out.
    Told(&'a Report),
}

/// The account's own settings for a turn; they come from its configuration, never from the repository.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The agent's version.
    pub version: &'static str,
    /// What it is, and where it lies.
    pub itself: Itself,
    /// The repository's address, without credentials.
    pub repository: String,
    /// The branch that is followed.
    pub branch: String,
    /// The region that the agent is at home in.
    pub home: Region,
    /// The account that it was configured for, if that was said.
    pub account: Option<AccountId>,
    /// Who this agent is among the processes of its machine.
    pub me: Holder,
    /// What is made of signatures; `None` leaves it to whether the account has a list of signers.
    pub signatures: Option<Signatures>,
    /// Where the repository says who may sign.
    pub trust: RepoPath,
    /// Which tags may speak for a head that is not signed itself; `None` when none may.
    pub signed_tags: Option<Prefix>,
    /// How long the branch may stand still before that is told; `None` is for ever.
    pub fresh: Option<SignedDuration>,
    /// Whether the account must have guardrails: it was said where they are.
    pub guarded: bool,
    /// What `plan` decides by; its guardrails are those that hold where the account has none.
    pub policy: Policy,
    /// The service role of stacks whose manifests name none.
    pub role: Option<Arn>,
    /// The artifact bucket, if there is one.
    pub shelving: Option<Rules>,
    /// How long a turn may go on watching.
    pub turn: SignedDuration,
    /// How soon, and how rarely at most, a change is looked at again.
    pub poll: Pacing,
    /// How long it may be quiet when nothing changes.
    pub heartbeat: SignedDuration,
    /// How many calls a minute may look for drift, and ask who it was.
    pub drift_calls: u32,
    /// Whether events wake it: then it keeps in mind whose resource is whose.
    pub listens: bool,
    /// A stack of which a person wants put back what was changed, whatever its mode is.
    pub heal: Option<Which>,
    /// How long the agent rests before the next turn, if there is one.
    pub rest: Option<SignedDuration>,
}

impl Settings {
    /// How long a version of the agent has to prove itself, unless its updater was told otherwise.
    pub(crate) fn trial(&self) -> SignedDuration {
        plan::update::trial(self.rest.unwrap_or_default(), self.turn)
    }
}

/// Which stack a person means: by its name, and by its region where that is said too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which {
    region: Option<Region>,
    stack: StackName,
}

impl Which {
    /// Whether this is one.
    pub fn is(&self, key: &StackKey) -> bool {
        key.stack == self.stack && self.region.as_ref().is_none_or(|region| *region == key.region)
    }
}

impl FromStr for Which {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (region, stack) = text.split_once('/').map_or((None, text), |(region, stack)| (Some(region), stack));
        Ok(Self { region: region.map(str::parse).transpose()?, stack: stack.parse()? })
    }
}

impl Display for Which {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.region {
            Some(region) => write!(f, "{region}/{}", self.stack),
            None => write!(f, "{}", self.stack),
        }
    }
}

/// Now. A machine's clock can be wrong, and nothing that is counted by the day may depend on it: where it is more than a
/// little off what AWS says (whole seconds, and those late), AWS's counts.
pub(crate) fn now<W: World>(world: &W) -> Timestamp {
    agreed(world.clock().now(), world.cloud().time())
}

/// What the time is by a machine's clock and by what AWS said, if it said anything.
pub(crate) fn agreed(machine: Timestamp, aws: Option<Timestamp>) -> Timestamp {
    const BLUR: SignedDuration = SignedDuration::from_secs(5);
    let off = |aws: &Timestamp| machine.duration_since(*aws).abs() > BLUR;
    aws.filter(off).unwrap_or(machine)
}

/// Every call so far: AWS's by `service:Action`, git's as `git:request`.
pub(crate) fn costs<W: World>(world: &W) -> BTreeMap<String, u64> {
    let mut calls = world.cloud().calls();
    calls.insert("git:request".into(), world.source().traffic().requests);
    calls
}

/// What a turn cost, by service: the difference of two counts.
pub(crate) fn spent(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let spent = after.iter().map(|(call, count)| (call.clone(), count - before.get(call).copied().unwrap_or_default()));
    spent.filter(|(_, count)| *count > 0).collect()
}
