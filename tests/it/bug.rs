//! Planted bugs: each is one that somebody could have written, and each must be found by the one invariant of
//! [`crate::chaos`] that is there for it, and by no other. An invariant that finds no bug is no test.

use crate::{chaos::Invariant, notebook::Desk};
use agent::{
    cloud::{ChangeSetRequest, Clock as _, Cloud, CloudError, Lookup, Put, Trouble},
    world::Settings,
};
use jiff::Timestamp;
use manifests::{
    guardrails::Guardrails,
    id::{AccountId, Region, StackKey},
};
use plan::{
    adopt::Existing,
    drift::seen::{Detection, Deviation, Member, Place, Resource},
    facts::{ChangeSet, FailedEvent, FailedHook, FoundStack, Seen, StackEvent},
    memory::Memory,
    permit::{Act, Permit},
    resolve::{OWNER, PRUNE},
    shelf::{Object, Shelf},
    stance::{Stance, stance},
};
use sim::cloud::SimCloud;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    task::Poll,
};

/// A bug that is planted on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Every stack is taken for ours.
    NobodyOwnsAnything,
    /// Every stack of ours is taken for one that may go with its manifest.
    EverythingIsPruned,
    /// A branch that was set back is taken for one that went on.
    RewoundIsForward,
    /// The account's limits are not asked.
    NoLimits,
    /// Seats are not counted.
    NoSeats,
    /// A report that did not arrive is taken for one that did.
    LostIsSent,
    /// Nothing of the last turn is remembered but the commit.
    Amnesia,
    /// A permitted change is not carried out.
    NothingIsDone,
    /// What was destroyed today is forgotten between two turns.
    Refund,
    /// What was tried with a stack that is stuck is not remembered.
    NothingWasTried,
    /// Whoever holds the lease is not heeded.
    NoLease,
    /// A stack is taken for ours by its tag alone.
    TagIsEnough,
    /// What people hold is not asked.
    HoldsAreAdvice,
    /// Guardrails that can't be understood are taken for none.
    NoRailsAreNoRules,
}

impl Bug {
    /// Each bug, and the invariant that finds it.
    pub(crate) const ALL: [(Self, Invariant); 14] = [
        (Self::NobodyOwnsAnything, Invariant::Ownership),
        (Self::EverythingIsPruned, Invariant::Deletion),
        (Self::RewoundIsForward, Invariant::Monotonic),
        (Self::NoLimits, Invariant::Destruction),
        (Self::NoSeats, Invariant::Seats),
        (Self::LostIsSent, Invariant::Reported),
        (Self::Amnesia, Invariant::Stillness),
        (Self::NothingIsDone, Invariant::Convergence),
        (Self::Refund, Invariant::Budget),
        (Self::NothingWasTried, Invariant::Bounded),
        (Self::NoLease, Invariant::Alone),
        (Self::TagIsEnough, Invariant::Strangers),
        (Self::HoldsAreAdvice, Invariant::Held),
        (Self::NoRailsAreNoRules, Invariant::Guarded),
    ];

    /// What of it is in what the account keeps.
    pub(crate) fn keep_in(self, memory: &mut Memory, guardrails: &mut Guardrails) {
        match self {
            Self::NoLimits => {
                let limits = &mut guardrails.limits;
                (limits.replacements_per_change, limits.removals_per_change) = (99, 99);
            }
            Self::Refund => memory.spent = plan::spent::Spent::default(),
            Self::NothingWasTried => {
                let keys: Vec<_> = memory.stacks().keys().cloned().collect();
                keys.iter().for_each(|key| memory.change(key, |known| known.tried = None));
            }
            Self::TagIsEnough => {
                memory.owned.clear();
                memory.noticed.clear();
            }
            // What is remembered stands behind the tag; here only that of the guest nothing is.
            Self::NobodyOwnsAnything => memory.noticed.clear(),
            Self::EverythingIsPruned
            | Self::RewoundIsForward
            | Self::NoSeats
            | Self::LostIsSent
            | Self::Amnesia
            | Self::NothingIsDone
            | Self::NoLease
            | Self::HoldsAreAdvice
            | Self::NoRailsAreNoRules => {}
        }
    }

    /// What of it is in the settings.
    pub(crate) fn settle_in(self, settings: &mut Settings) {
        match self {
            Self::NoSeats => settings.policy.concurrency = 99,
            Self::NoLimits
            | Self::NobodyOwnsAnything
            | Self::EverythingIsPruned
            | Self::RewoundIsForward
            | Self::LostIsSent
            | Self::Amnesia
            | Self::Refund
            | Self::NothingIsDone
            | Self::NothingWasTried
            | Self::NoLease
            | Self::TagIsEnough
            | Self::HoldsAreAdvice
            | Self::NoRailsAreNoRules => {}
        }
    }
}

/// The account, perhaps seen or handled wrongly.
pub(crate) struct Doctored {
    pub(crate) cloud: SimCloud,
    pub(crate) bug: Option<Bug>,
    /// The most stacks of ours that were ever seen at work at a time.
    pub(crate) busiest: Cell<usize>,
    /// Every stack, and its ARN, whose rollback was made to go on since somebody last asked.
    pub(crate) tried: RefCell<Vec<(String, String)>>,
    /// Where its agent writes down what it does.
    desk: Desk,
    /// How many calls its agent makes before another one has its turn, if one waits for that.
    pub(crate) pause: Cell<Option<u64>>,
    /// Whether it waits, so that another one has its turn.
    pub(crate) paused: Cell<bool>,
    /// Whether its agent is not shown what a heal would change of what is in sync: a bug, planted on purpose.
    pub(crate) blind: Cell<bool>,
}

impl Doctored {
    pub(crate) fn new(cloud: SimCloud, bug: Option<Bug>, desk: Desk) -> Self {
        let (busiest, tried, pause, paused, blind) = Default::default();
        Self { cloud, bug, busiest, tried, desk, pause, paused, blind }
    }

    /// Before a call: waits, once, when it is another agent's turn.
    async fn breathe(&self) {
        let left = self.pause.get();
        self.pause.set(left.and_then(|left| left.checked_sub(1)));
        if left != Some(0) {
            return;
        }
        self.paused.set(true);
        poll_fn(|_| if self.paused.get() { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    fn count(&self, region: &Region) {
        let id = self.cloud.account_id().clone();
        let mut world = self.cloud.world().borrow_mut();
        let stacks = world.cfn(&id, region).describe_stacks(None, None).map(|page| page.items).unwrap_or_default();
        let busy = stacks.iter().filter(|stack| stance(stack.stack_status) == Stance::Busy).count();
        self.busiest.set(self.busiest.get().max(busy));
    }
}

impl Cloud for Doctored {
    async fn account(&self) -> Result<AccountId, CloudError> {
        self.cloud.account().await
    }

    async fn stacks(&self, region: &Region) -> Result<Vec<(StackKey, FoundStack)>, CloudError> {
        self.breathe().await;
        let mut stacks = self.cloud.stacks(region).await?;
        for (_, stack) in &mut stacks {
            // Not before something is remembered: an agent that is new where its stacks are has other doubts.
            if self.bug == Some(Bug::NobodyOwnsAnything) && self.desk.read().is_some() {
                stack.tags.insert(OWNER.into(), "holdfast".into());
            }
            if self.bug == Some(Bug::EverythingIsPruned) && stack.tags.contains_key(OWNER) {
                stack.tags.insert(PRUNE.into(), "delete".into());
            }
        }
        Ok(stacks)
    }

    async fn stack(&self, key: &StackKey) -> Result<Option<Existing>, CloudError> {
        self.cloud.stack(key).await
    }

    async fn template(&self, key: &StackKey, stack_id: &str) -> Result<String, CloudError> {
        self.cloud.template(key, stack_id).await
    }

    async fn create_change_set(&self, request: &ChangeSetRequest<'_>) -> Result<(), CloudError> {
        self.breathe().await;
        self.cloud.create_change_set(request).await
    }

    async fn change_set(&self, key: &StackKey, name: &str, values: bool) -> Result<ChangeSet, CloudError> {
        self.breathe().await;
        let mut set = self.cloud.change_set(key, name, values).await?;
        if self.blind.get() {
            set.changes.retain(|change| change.drift != Some(Seen::InSync));
        }
        Ok(set)
    }

    async fn delete_change_set(&self, key: &StackKey, name: &str) -> Result<(), CloudError> {
        self.cloud.delete_change_set(key, name).await
    }

    async fn validation(&self, key: &StackKey, change_set: &str) -> Result<Vec<FailedEvent>, CloudError> {
        self.cloud.validation(key, change_set).await
    }

    async fn hooks(&self, key: &StackKey, change_set: &str) -> Result<Vec<FailedHook>, CloudError> {
        self.cloud.hooks(key, change_set).await
    }

    async fn act(&self, permit: &Permit) -> Result<(), CloudError> {
        self.breathe().await;
        self.desk.acts(self.cloud.now(), permit.key());
        let done = match permit.act() {
            Act::Execute { .. } if self.bug == Some(Bug::NothingIsDone) => Ok(()),
            Act::Execute { .. } | Act::Delete { .. } | Act::Continue { .. } | Act::RollBack { .. } => {
                self.cloud.act(permit).await
            }
        };
        // Who was let in nowhere has tried nothing.
        let refused = matches!(&done, Err(error) if matches!(error.problem, Trouble::Denied | Trouble::Credentials));
        if let (Act::Continue { stack_id, .. } | Act::RollBack { stack_id }, false) = (permit.act(), refused) {
            self.tried.borrow_mut().push((permit.key().stack.to_string(), stack_id.clone()));
        }
        self.count(&permit.key().region);
        done
    }

    async fn events(&self, region: &Region, id: &str, since: Option<Timestamp>) -> Result<Vec<StackEvent>, CloudError> {
        self.cloud.events(region, id, since).await
    }

    async fn detect(&self, place: &Place) -> Result<String, CloudError> {
        self.cloud.detect(place).await
    }

    async fn detection(&self, region: &Region, id: &str) -> Result<Detection, CloudError> {
        self.cloud.detection(region, id).await
    }

    async fn detect_resource(&self, place: &Place, logical: &str) -> Result<Deviation, CloudError> {
        self.cloud.detect_resource(place, logical).await
    }

    async fn resources(&self, place: &Place) -> Result<Vec<Resource>, CloudError> {
        self.cloud.resources(place).await
    }

    async fn deviations(&self, place: &Place) -> Result<Vec<Deviation>, CloudError> {
        self.cloud.deviations(place).await
    }

    async fn owner(&self, region: &Region, physical: &str) -> Result<Option<Member>, CloudError> {
        self.cloud.owner(region, physical).await
    }

    async fn trail(&self, region: &Region, what: &Lookup<'_>) -> Result<Vec<String>, CloudError> {
        self.cloud.trail(region, what).await
    }

    async fn parameters(
        &self,
        region: &Region,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Result<String, String>>, CloudError> {
        self.cloud.parameters(region, names).await
    }

    async fn alarms(&self, region: &Region, names: &BTreeSet<String>) -> Result<BTreeMap<String, String>, CloudError> {
        self.cloud.alarms(region, names).await
    }

    async fn put(&self, put: &Put<'_>) -> Result<String, CloudError> {
        self.cloud.put(put).await
    }

    async fn shelved(&self, shelf: &Shelf, prefix: &str) -> Result<Vec<Object>, CloudError> {
        self.cloud.shelved(shelf, prefix).await
    }

    async fn clear(&self, shelf: &Shelf, keys: &[&str]) -> Result<(), CloudError> {
        self.cloud.clear(shelf, keys).await
    }

    fn time(&self) -> Option<Timestamp> {
        self.cloud.time()
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.cloud.calls()
    }
}
