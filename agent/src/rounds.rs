//! The inside of a turn: look, plan, preview, guard, apply, and again while something is under way.
//!
//! What is remembered is written before the act that it accounts for: a start that is not in memory did not happen.

use crate::{
    checks::Gathered,
    cloud::Clock,
    ending,
    eyes::Eyes,
    law::Law,
    look::{look, provides, selected, values},
    pace::Pace,
    reading::Reading,
    send::Sink,
    stop::{Stopped, Trouble},
    store::Store,
    world::{Settings, Sight, World, costs, now, spent},
};
use jiff::Timestamp;
use manifests::{
    drift::Mode,
    id::{CommitId, Region, StackKey},
    problem::Problem,
    report::{Happening, Report, What},
};
use plan::{
    drift::{heal, remembered::Drifts, why::Reason},
    facts::Found,
    lease::FoundLease,
    leave,
    lint::lint,
    memory::Memory,
    owned,
    plan::{Facts, plan},
    select::{Account, Selected},
    step::{Plan, Row},
    tell, trial,
    update::Did,
    watch,
    why::Why,
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

mod asked;
mod drift;
mod healing;
mod health;
mod lease;
mod own;
mod start;
mod sweep;
mod told;
mod who;

pub(crate) use asked::{ResourceDrift, StackDrift};
use health::Ground;

/// What a turn begins with.
#[derive(Debug)]
pub(crate) struct Begin {
    /// What is remembered.
    pub(crate) memory: Memory,
    /// What of it is written down already.
    pub(crate) kept: Memory,
    /// What holds in the account.
    pub(crate) law: Law,
    /// Whose turn it is, as it was found.
    pub(crate) lease: FoundLease,
    /// When it began.
    pub(crate) began: Timestamp,
    /// How many calls had been made before.
    pub(crate) calls: BTreeMap<String, u64>,
    /// Whether nothing was remembered.
    pub(crate) new: bool,
    /// What is remembered of drift.
    pub(crate) drifts: Drifts,
    /// What the process knows of resources.
    pub(crate) eyes: Rc<RefCell<Eyes>>,
}

/// One turn's work on the account.
pub(crate) struct Rounds<'a, W> {
    world: &'a W,
    settings: &'a Settings,
    memory: Memory,
    kept: Memory,
    began: Timestamp,
    calls: BTreeMap<String, u64>,
    new: bool,
    law: Law,
    /// The lease as it stands, and since when it is ours; `None` while it is not.
    lease: FoundLease,
    held: Option<Timestamp>,
    stopped: BTreeMap<StackKey, Why>,
    plan: Plan,
    unreadable: BTreeMap<Region, String>,
    provides: BTreeMap<StackKey, Vec<String>>,
    drifts: Drifts,
    kept_drifts: Drifts,
    eyes: Rc<RefCell<Eyes>>,
    /// Why drift is not put back.
    reasons: BTreeMap<StackKey, Reason>,
    /// What this turn has tried to put back: once is enough, whoever asks.
    tried: BTreeSet<StackKey>,
    /// Whether this turn has looked at what was due.
    looked: bool,
    /// What this turn has looked at, in whole stacks or alone.
    seen_now: BTreeSet<(StackKey, String)>,
    /// The mode of each stack towards drift, as the last plan had it.
    modes: BTreeMap<StackKey, Mode>,
    /// What was found of the agent's own version.
    own: own::Found,
}

impl<'a, W: World> Rounds<'a, W> {
    /// A turn that begins like this.
    pub(crate) fn new(world: &'a W, settings: &'a Settings, start: Begin) -> Self {
        let Begin { memory, kept, law, lease, began, calls, new, drifts, eyes } = start;
        Self {
            world,
            settings,
            kept,
            memory,
            began,
            calls,
            new,
            law,
            lease,
            held: None,
            stopped: BTreeMap::new(),
            plan: Plan::default(),
            unreadable: BTreeMap::new(),
            provides: BTreeMap::new(),
            kept_drifts: drifts.clone(),
            drifts,
            eyes,
            reasons: BTreeMap::new(),
            tried: BTreeSet::new(),
            looked: false,
            seen_now: BTreeSet::new(),
            modes: BTreeMap::new(),
            own: own::Found::default(),
        }
    }

    /// Brings the account to what was read, as far as this turn gets.
    pub(crate) async fn run(&mut self, reading: &Reading, account: &Account) -> Result<(), Stopped> {
        let selected = selected(self.world, self.settings, reading, account).await;
        self.provides = provides(&selected);
        let values = values(self.world, &selected).await;
        let mut gathered = Gathered::default();
        let mut pace = Pace::new(self.settings.poll);
        let deadline = self.began.checked_add(self.settings.turn).unwrap_or(Timestamp::MAX);
        loop {
            let found = look(self.world, reading, account, &self.memory).await;
            self.doubt(&found);
            if self.end(&found, &selected, &reading.commit).await {
                pace.restart();
            }
            self.consider((&selected, &found, &values), &mut gathered, reading).await?;
            let mut steps = std::mem::take(&mut self.plan.steps);
            if self.settings.heal.is_some() {
                // A person asked for one thing, and nothing else is done.
                steps.clear();
                self.look_first((&selected, &found, &values)).await?;
            }
            let mut started = false;
            // What turns out to need nothing, or is held, makes room for others; nothing moved, so nobody looks again.
            while !steps.is_empty() && !started {
                started = self.perform(&steps, (&selected, reading), &gathered).await?;
                if !started {
                    self.decide((&selected, &found, &values), &gathered, &reading.commit)?;
                    steps = std::mem::take(&mut self.plan.steps);
                }
            }
            if !started {
                started = self.look_after((&selected, &found, &values), reading).await?;
            }
            let under_way = started || self.plan.rows.values().any(Row::in_flight);
            if !under_way || self.world.leaving() || now(self.world) >= deadline {
                let (rows, owner) = (&self.plan.rows, &self.law.policy.owner);
                self.memory.keep(rows.len(), |key| rows.contains_key(key));
                self.drifts.keep(rows.keys());
                leave::notice(&mut self.memory, &selected, &found, owner, now(self.world));
                self.memory.regions = leave::regions(&self.memory, &selected, &found, owner);
                if tell::reached(&self.plan, reading.problems(), &self.unreadable) {
                    self.memory.applied = Some(reading.commit.clone());
                }
                return self.sweep(&selected, &found, under_way).await;
            }
            self.world.clock().sleep(pace.wait()).await;
        }
    }

    /// A memory that is new may be one that was lost: what is found tells.
    fn doubt(&mut self, found: &Found) {
        if std::mem::take(&mut self.new) {
            owned::doubt(&mut self.memory, found, &self.law.policy, now(self.world));
        }
    }

    /// wanted × found × remembered → the plan, checked from outside before anything is done.
    /// Answers whether it was found that a change failed its checks: then there is more to read.
    fn decide(&mut self, on: Ground<'_>, gathered: &Gathered, commit: &CommitId) -> Result<bool, Stopped> {
        let (selected, found, _) = on;
        let facts = self.facts(on, gathered);
        let plan = plan(&facts);
        let notes = lint(&plan, &facts);
        let modes = plan.rows.keys().map(|key| (key.clone(), heal::mode(&facts, key))).collect();
        self.modes = modes;
        self.world.show(&Sight::Planned(&plan));
        self.plan = plan;
        self.unreadable.clone_from(&found.unreadable);
        match notes.first() {
            Some(note) => Err(Stopped::Unsound(note.clone())),
            None => Ok(self.learn(selected, commit)),
        }
    }

    fn facts<'f>(&'f self, (selected, found, values): Ground<'f>, gathered: &'f Gathered) -> Facts<'f> {
        Facts {
            selected,
            found,
            values,
            answers: &gathered.answers,
            pasts: &gathered.pasts,
            memory: &self.memory,
            stopped: &self.stopped,
            policy: &self.law.policy,
            orders: &self.law.orders,
            begun: self.law.begun,
            closed: self.law.closed.as_deref(),
            now: now(self.world),
        }
    }

    /// Asks something of the facts that needs no answers of checks.
    fn with_facts<T>(&self, on: Ground<'_>, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        ask(&self.facts(on, &Gathered::default()))
    }

    /// Notes what has ended since the last look. Answers whether anything did.
    async fn end(&mut self, found: &Found, selected: &Selected, commit: &CommitId) -> bool {
        let now = now(self.world);
        let all = watch::ended(&self.memory, found, now);
        for ended in &all {
            let (why, orphaned) = ending::told(self.world.cloud(), ended).await;
            watch::settle(&mut self.memory, ended, why.clone(), now);
            trial::begin(&mut self.memory, ended, selected, now);
            self.heal_ended((selected, found), ended, why.as_deref());
            let sentence = ending::sentence(ended, why.as_deref());
            for (what, sentence) in sentence.into_iter().chain(orphaned.map(|orphaned| (What::Orphaned, orphaned))) {
                let commit = ended.pending.commit.clone().unwrap_or_else(|| commit.clone());
                self.note(&ended.key, what, commit, sentence);
            }
        }
        !all.is_empty()
    }

    fn note(&mut self, key: &StackKey, what: What, commit: CommitId, sentence: String) {
        let happening = Happening {
            at: now(self.world),
            what,
            region: Some(key.region.clone()),
            stack: Some(key.stack.clone()),
            commit: Some(commit),
            sentence,
        };
        self.world.show(&Sight::Happened(&happening));
        tell::note(&mut self.memory, happening);
    }

    /// Writes what is remembered, if it has changed. Only one agent at a time does.
    async fn keep(&mut self) -> Result<(), Stopped> {
        // First what is pending: a heal that is counted, and of which nobody knows that it began, would be judged.
        if self.memory != self.kept {
            self.take().await?;
            self.world.store().save(&self.memory).await?;
            self.kept = self.memory.clone();
        }
        if self.drifts != self.kept_drifts {
            self.take().await?;
            self.world.store().save_drifts(&self.drifts).await?;
            self.kept_drifts = self.drifts.clone();
        }
        Ok(())
    }

    /// The same, without doing anything: one look, one plan. Answers what it was made for.
    pub(crate) async fn survey(
        &mut self,
        reading: &Reading,
        account: &Account,
    ) -> Result<(Rc<Selected>, Gathered), Stopped> {
        let selected = selected(self.world, self.settings, reading, account).await;
        self.provides = provides(&selected);
        let values = values(self.world, &selected).await;
        let found = look(self.world, reading, account, &self.memory).await;
        self.doubt(&found);
        self.end(&found, &selected, &reading.commit).await;
        let mut gathered = Gathered::default();
        self.consider((&selected, &found, &values), &mut gathered, reading).await?;
        self.due_heals((&selected, &found, &values));
        Ok((selected, gathered))
    }

    /// The plan that was made last, and what it was made by.
    pub(crate) fn into_parts(self) -> (Plan, Law, Memory) {
        (self.plan, self.law, self.memory)
    }

    /// The report; sent when somebody needs to hear it. With what it was made from.
    pub(crate) async fn tell(
        mut self,
        account: &Account,
        problems: &[Problem],
        trouble: Option<Trouble>,
    ) -> Result<(Report, Did, Plan, Memory), Stopped> {
        let now = now(self.world);
        let mut report = self.report(account, problems, trouble);
        let mut did = Did { read: report.source.trouble.is_none(), looked: self.unreadable.is_empty(), told: true };
        if tell::is_due(&report, &self.memory, self.settings.heartbeat, now) {
            self.memory.sequence += 1;
            report.sequence = self.memory.sequence;
            // The number is used up before the report is out, so that no two reports ever carry the same.
            self.keep().await?;
            match self.world.sink().send(&report.clone().into_event(now)).await {
                Ok(()) => {
                    self.memory.outbox.clear();
                    self.memory.told = Some(plan::memory::Told { at: now, said: tell::said(&report) });
                }
                Err(error) => {
                    did.told = false;
                    tracing::warn!(error = %error.said(), "the report did not arrive; it is told again next turn");
                }
            }
        }
        self.keep().await?;
        self.prove(did).await?;
        self.let_go().await;
        // Whoever asked for the turn hears what it cost to the end; the report that went out can't.
        report.calls = spent(&self.calls, &costs(self.world));
        Ok((report, did, self.plan, self.memory))
    }
}
