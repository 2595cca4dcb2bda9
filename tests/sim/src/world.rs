//! The world: a clock, all accounts, what goes wrong in them, and a count of every call.
//!
//! Nothing happens in the background. Each call first brings its account forward to the present, step by step in the
//! order of time; so a stepped world is deterministic, and a served one needs no ticking thread.

use crate::{
    bus::Notice,
    cfn::{self, Cfn, quirk::Quirks},
    clock::{Clock, Timekeeper},
    fault::{Fault, Faults, Refusal},
    iam::Confined,
    seed::Seed,
    services::{
        lambda::Functions,
        post::{Address, Post},
    },
    store::{Properties, Store},
    trail::Trail,
};
use jiff::Timestamp;
use manifests::id::{AccountId, Region};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long things take.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Times every duration of the catalogue of types and of the fields below.
    pub scale: f64,
    /// How long a change set is `CREATE_PENDING`, and then `CREATE_IN_PROGRESS`.
    pub change_set: Duration,
    /// How long drift detection takes.
    pub detection: Duration,
    /// How long it takes until CloudTrail's event history shows an event.
    pub trail: Duration,
    /// Nothing takes time, but a stack goes on to its next status only with the next call: every status is seen.
    pub by_call: bool,
}

impl Timing {
    /// As long as on AWS, roughly.
    pub fn realistic() -> Self {
        Self {
            scale: 1.0,
            change_set: Duration::from_secs(2),
            detection: Duration::from_secs(8),
            trail: Duration::from_secs(300),
            by_call: false,
        }
    }

    /// As on AWS, but `scale` times as long.
    pub fn scaled(scale: f64) -> Self {
        Self { scale, ..Self::realistic() }
    }

    /// Nothing takes time; one status for each call.
    pub fn instant() -> Self {
        Self { scale: 0.0, by_call: true, ..Self::realistic() }
    }

    /// A duration in this world.
    pub fn of(&self, time: Duration) -> Duration {
        Duration::try_from_secs_f64(time.as_secs_f64() * self.scale).unwrap_or(Duration::MAX)
    }
}

/// What comes back from a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply<T> {
    /// An answer.
    Answer(T),
    /// An answer that says no.
    Refused(Refusal),
    /// Nothing, ever: the caller's own timeout must end it.
    Silence,
    /// The connection breaks.
    Reset,
    /// The caller is dead, and must not go on.
    Crash,
}

/// The answer of a custom resource's provider: its attributes, or why it failed.
pub type CustomAnswer = Result<Properties, String>;

/// One account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// What is really there.
    pub store: Store,
    /// How often each call was made, by `service:Action`.
    pub calls: BTreeMap<String, u64>,
    /// What providers of custom resources answer, by type (`Custom::Thing`).
    pub custom: BTreeMap<String, CustomAnswer>,
    /// Hooks that forbid a type of resources in change sets: the hook's type name, the resources' type, what it says.
    pub hooks: Vec<(String, String, String)>,
    /// Who did what to it.
    pub trail: Trail,
    /// The queues that the events of each region go into.
    pub(crate) listeners: BTreeMap<Region, BTreeSet<Address>>,
    pub(crate) regions: BTreeMap<Region, cfn::Stacks>,
    pub(crate) agenda: cfn::Agenda,
    pub(crate) seed: Option<Seed>,
}

/// A clock and accounts.
#[derive(Debug)]
pub struct World {
    /// What goes wrong.
    pub faults: Faults,
    /// What CloudFormation gets wrong about drift.
    pub quirks: Quirks,
    /// How long things take.
    pub timing: Timing,
    /// Lambda's functions.
    pub functions: Functions,
    pub(crate) time: Timekeeper,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) calls: u64,
    /// Counts what may see a new status: calls, and looks from outside of any call.
    pub(crate) ticks: u64,
    /// The messages of every queue; see [`Self::with_post`].
    pub(crate) post: Post,
    /// Events on their way into queues, oldest first.
    pub(crate) outbox: Vec<Notice>,
    /// How many there were so far.
    pub(crate) announced: u64,
    /// Roles that may not do everything.
    pub(crate) confined: BTreeMap<(AccountId, String), Confined>,
    calling: bool,
    /// The fault under which the present call runs.
    pub(crate) present: Option<Fault>,
    pub(crate) crash: Option<(u64, bool)>,
    seed: u64,
}

impl World {
    /// A world without accounts: each is made when it is first used.
    pub fn new(seed: u64, clock: Clock, timing: Timing) -> Self {
        Self {
            faults: Faults::new(seed),
            quirks: Quirks::default(),
            timing,
            functions: Functions::default(),
            time: Timekeeper::new(clock),
            accounts: BTreeMap::new(),
            calls: 0,
            ticks: 0,
            post: Post::new(0),
            outbox: vec![],
            announced: 0,
            confined: BTreeMap::new(),
            calling: false,
            present: None,
            crash: None,
            seed,
        }
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Lets time pass at once.
    pub fn pass(&mut self, time: Duration) {
        self.time.pass(time);
    }

    /// How many calls were made in this world.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// The caller dies at the call of this number (from 1), before or after its work.
    pub fn crash_at(&mut self, call: u64, after: bool) {
        self.crash = Some((call, after));
    }

    /// Makes one call: counts it, lets it go wrong if it must, and does the work if it may.
    pub fn call<T>(
        &mut self,
        account: &AccountId,
        action: &str,
        work: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Reply<T> {
        self.calls += 1;
        self.ticks += 1;
        *self.known(account).calls.entry(action.to_owned()).or_default() += 1;
        let judged = self.faults.judge(account, action);
        let crash = self.crash.filter(|(call, _)| *call == self.calls).map(|(_, after)| Fault::Crash { after });
        let fault = crash.or(judged);
        let denied = || {
            format!("User: arn:aws:sts::{account}:assumed-role/holdfast/agent is not authorized to perform: {action}")
        };
        let refused = match &fault {
            Some(Fault::Throttle) => Refusal::new("Throttling", 400, "Rate exceeded"),
            Some(Fault::Server { status: 503 }) => Refusal::new("ServiceUnavailable", 503, "Service Unavailable"),
            Some(Fault::Server { status }) => Refusal::new("InternalFailure", *status, "Internal failure"),
            Some(Fault::ExpiredToken) => {
                Refusal::new("ExpiredToken", 403, "The security token included in the request is expired")
            }
            Some(Fault::Denied) => Refusal::new("AccessDenied", 403, denied()),
            Some(Fault::TimeoutBefore) => return Reply::Silence,
            Some(Fault::Reset) => return Reply::Reset,
            Some(Fault::Crash { after: false }) => return Reply::Crash,
            Some(Fault::TimeoutAfter | Fault::Crash { after: true })
            | Some(Fault::Stale { .. } | Fault::FailedPage { .. } | Fault::DroppedChange { .. })
            | None => {
                self.present = fault.clone();
                self.calling = true;
                let result = work(self);
                self.calling = false;
                self.present = None;
                return match (fault, result) {
                    (Some(Fault::TimeoutAfter), _) => Reply::Silence,
                    (Some(Fault::Crash { .. }), _) => Reply::Crash,
                    (_, Ok(answer)) => Reply::Answer(answer),
                    (_, Err(refusal)) => Reply::Refused(refusal),
                };
            }
        };
        Reply::Refused(refused)
    }

    /// An account, brought forward to the present. It is made when it is first used.
    pub fn account(&mut self, id: &AccountId) -> &mut Account {
        self.known(id);
        if !self.calling {
            self.ticks += 1;
        }
        cfn::bring_forward(self, id);
        self.known(id)
    }

    pub(crate) fn known(&mut self, id: &AccountId) -> &mut Account {
        let known = self.accounts.entry(id.clone()).or_default();
        known.seed.get_or_insert_with(|| Seed::of(self.seed, id.as_str()));
        known
    }

    /// Lets what is due happen in an account whose events somebody waits for. A look that waits is no call: where
    /// nothing takes time, nothing goes on because of it.
    pub(crate) fn listen(&mut self, id: &AccountId) {
        if !self.known(id).listeners.is_empty() {
            cfn::bring_forward(self, id);
        }
    }

    /// CloudFormation in one region of an account, brought forward to the present.
    pub fn cfn(&mut self, account: &AccountId, region: &Region) -> Cfn<'_> {
        self.account(account);
        Cfn::open(self, account, region)
    }

    /// Every account so far.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountId, &Account)> {
        self.accounts.iter()
    }

    /// Which account has a bucket of this name: bucket names are the world's, not an account's.
    pub fn bucket_owner(&self, name: &str) -> Option<&AccountId> {
        self.accounts.iter().find(|(_, account)| account.store.bucket(name).is_some()).map(|(id, _)| id)
    }
}
