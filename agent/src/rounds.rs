//! The inside of a turn: look, plan, preview, guard, apply, and again while something is under way.
//!
//! What is remembered is written before the act that it accounts for: a start that is not in memory did not happen.

use crate::{
    checks::Gathered,
    cloud::{Clock, Cloud, CloudError, Trouble as Kind, trouble::why_of},
    ending,
    law::Law,
    look::{look, provides, selected, values},
    pace::Pace,
    preview::{self, Made},
    reading::Reading,
    send::Sink,
    stop::{Stopped, Trouble},
    store::Store,
    world::{Settings, Sight, World, costs, now, spent},
};
use futures_util::future::join_all;
use jiff::Timestamp;
use manifests::{
    id::{CommitId, Region, StackKey},
    problem::Problem,
    report::{Happening, Report, What},
};
use plan::{
    facts::{Found, FoundStack},
    guard::{Cost, Held, Judgement, a_day, judge, judge_whole},
    lease::FoundLease,
    leave,
    lint::lint,
    memory::{Memory, Pending, WasHeld},
    permit::Permit,
    plan::{Facts, plan},
    recover,
    resolve::OWNER,
    select::{Account, Selected},
    stance::Stance,
    step::{Plan, Row, Step},
    tell, trial, watch,
    why::Why,
};
use std::{collections::BTreeMap, rc::Rc};

mod health;
mod lease;
mod sweep;
mod told;

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
}

impl<'a, W: World> Rounds<'a, W> {
    /// A turn that begins like this.
    pub(crate) fn new(world: &'a W, settings: &'a Settings, start: Begin) -> Self {
        let Begin { memory, kept, law, lease, began, calls, new } = start;
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
            let mut started = false;
            // What turns out to need nothing, or is held, makes room for others; nothing moved, so nobody looks again.
            while !steps.is_empty() && !started {
                started = self.perform(&steps, (&selected, reading), &gathered).await?;
                if !started {
                    self.decide((&selected, &found, &values), &gathered, &reading.commit)?;
                    steps = std::mem::take(&mut self.plan.steps);
                }
            }
            let under_way = started || self.plan.rows.values().any(Row::in_flight);
            if !under_way || self.world.leaving() || now(self.world) >= deadline {
                let (rows, owner) = (&self.plan.rows, &self.law.policy.owner);
                self.memory.keep(rows.len(), |key| rows.contains_key(key));
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

    /// A memory that is new in an account where our stacks are was lost: nobody knows what was destroyed today, so it is taken
    /// for as much as the account allows.
    fn doubt(&mut self, found: &Found) {
        let stands = |found: &FoundStack| matches!(found.stance(), Some(Stance::Ready | Stance::Undone));
        let ours = |found: &FoundStack| found.tags.get(OWNER) == Some(&self.law.policy.owner) && stands(found);
        if self.new && found.stacks.values().any(ours) {
            self.memory.spent.add(now(self.world), a_day(&self.law.policy.guardrails.limits));
        }
        self.new = false;
    }

    /// wanted × found × remembered → the plan, checked from outside before anything is done.
    /// Answers whether it was found that a change failed its checks: then there is more to read.
    fn decide(&mut self, on: Ground<'_>, gathered: &Gathered, commit: &CommitId) -> Result<bool, Stopped> {
        let (selected, found, values) = on;
        let facts = Facts {
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
        };
        let plan = plan(&facts);
        let notes = lint(&plan, &facts);
        self.world.show(&Sight::Planned(&plan));
        self.plan = plan;
        self.unreadable.clone_from(&found.unreadable);
        match notes.first() {
            Some(note) => Err(Stopped::Unsound(note.clone())),
            None => Ok(self.learn(selected, commit)),
        }
    }

    /// Notes what has ended since the last look. Answers whether anything did.
    async fn end(&mut self, found: &Found, selected: &Selected, commit: &CommitId) -> bool {
        let now = now(self.world);
        let all = watch::ended(&self.memory, found, now);
        for ended in &all {
            let (why, orphaned) = ending::told(self.world.cloud(), ended).await;
            watch::settle(&mut self.memory, ended, why.clone(), now);
            trial::begin(&mut self.memory, ended, selected, now);
            let sentence = ending::sentence(ended, why.as_deref());
            for (what, sentence) in sentence.into_iter().chain(orphaned.map(|orphaned| (What::Orphaned, orphaned))) {
                let commit = ended.pending.commit.clone().unwrap_or_else(|| commit.clone());
                self.note(&ended.key, what, commit, sentence);
            }
        }
        !all.is_empty()
    }

    /// Previews steps, has them judged, remembers what is about to start, and starts it. Answers whether anything was.
    async fn perform(
        &mut self,
        steps: &[Step],
        (selected, reading): (&Selected, &Reading),
        gathered: &Gathered,
    ) -> Result<bool, Stopped> {
        let previews = steps.iter().map(|step| {
            let (selected, reading) = gathered.of(&step.action).unwrap_or((selected, reading));
            preview::make(self.world, self.settings, step, selected, reading)
        });
        let made: Vec<Made<'_>> = join_all(previews).await;
        let mut permits = Vec::new();
        for (step, made) in steps.iter().zip(made) {
            permits.extend(self.judge(step, made, selected, &reading.commit));
        }
        // What is about to start and to be destroyed is written down, and nobody else is at work, before anything is.
        self.keep().await?;
        let acts = permits.iter().map(|permit| self.world.cloud().act(permit));
        let outcomes = join_all(acts).await;
        let mut started = false;
        for (permit, outcome) in permits.iter().zip(outcomes) {
            started |= self.started(permit, outcome);
        }
        Ok(started)
    }

    /// What comes of one preview: a permit, or a place in memory that says why not.
    fn judge(&mut self, step: &Step, made: Made<'_>, selected: &Selected, commit: &CommitId) -> Option<Permit> {
        let law = self.law.judges((&self.memory, selected), Some(commit), now(self.world));
        let key = &step.key;
        let judgement = match made {
            Made::Ready(preview) => judge(&preview, &law),
            Made::Whole => judge_whole(step, &law)?,
            Made::NoChanges { stack_id } => {
                // Taken over without a change: from now on it is known by its ARN.
                if let Some(id) = stack_id.filter(|_| step.adopting) {
                    self.memory.own(key, &id);
                }
                self.memory.change(key, |known| (known.held, known.failed, known.tried) = (None, None, None));
                match step.action.asked().map(|asked| asked.fingerprint()).zip(step.generation) {
                    Some((fingerprint, generation)) => self.memory.settle(key, fingerprint, generation),
                    None => {
                        self.stopped.insert(key.clone(), Why::Refused("the template makes no resource at all".into()));
                    }
                }
                return None;
            }
            Made::Refused(why) => {
                self.refuse(step, why, commit);
                return None;
            }
            Made::Trouble(why) => {
                self.stop(key, why);
                return None;
            }
        };
        match judgement {
            Judgement::Permitted(permit, cost) => {
                self.remember(step, &permit, cost, commit);
                Some(permit)
            }
            Judgement::Held(held) => {
                let Held { why, plan, case, leave } = held;
                let known = WasHeld { case, why: why.clone(), plan: plan.to_string(), leave };
                let before = self.memory.of(key).and_then(|known| known.held.as_ref());
                if before.is_none_or(|before| before.why != why) {
                    self.note(key, What::Held, commit.clone(), why);
                }
                self.memory.change(key, |memory| memory.held = Some(known));
                None
            }
            Judgement::Later(why) => {
                self.stopped.insert(key.clone(), why);
                None
            }
        }
    }

    /// CloudFormation refused the request itself, and nothing was touched.
    fn refuse(&mut self, step: &Step, why: String, commit: &CommitId) {
        let Some(fingerprint) = step.action.asked().map(|asked| asked.fingerprint()) else { return };
        let (at, attempts) = (now(self.world), step.attempt);
        let known = self.memory.of(&step.key).and_then(|known| known.failed.as_ref());
        if known.is_none_or(|known| known.why != why) {
            self.note(&step.key, What::Failed, commit.clone(), why.clone());
        }
        // Once a turn is enough, however soon the account wants it asked again.
        self.stop(&step.key, Why::Refused(why.clone()));
        let failed = plan::memory::Failed { fingerprint, attempts, at, why, refused: true };
        self.memory.change(&step.key, |known| known.failed = Some(failed));
    }

    /// Notes what is about to start, and what it destroys.
    fn remember(&mut self, step: &Step, permit: &Permit, cost: Cost, commit: &CommitId) {
        self.law.begun.stacks += 1;
        self.law.begun.deletions += cost.toll.deletions;
        self.memory.spent.add(now(self.world), cost.toll);
        let pending = Pending {
            act: step.action.started(),
            fingerprint: step.action.asked().map(|asked| asked.fingerprint()),
            generation: step.generation,
            token: permit.token().to_owned(),
            since: now(self.world),
            attempt: step.attempt,
            commit: Some(commit.clone()),
            allowed: cost.allowed,
        };
        let tried = recover::about_to(step, self.memory.of(&step.key), pending.since);
        self.memory.regions.insert(step.key.region.clone());
        self.memory.change(&step.key, |known| {
            known.pending = Some(pending);
            known.held = None;
            known.tried = tried.or_else(|| known.tried.take());
        });
    }

    /// Whether a start may have happened. An answer that never came says nothing: the next look will.
    fn started(&mut self, permit: &Permit, outcome: Result<(), CloudError>) -> bool {
        let key = permit.key();
        match outcome {
            Ok(()) => {}
            Err(error) if error.problem == Kind::Unavailable => {
                tracing::warn!(stack = %key, %error, "it is not known whether it was started");
            }
            Err(error) => {
                self.memory.change(key, |known| {
                    known.pending = None;
                    if matches!(error.problem, Kind::Denied | Kind::Credentials) {
                        recover::take_back(known);
                    }
                });
                self.stop(key, why_of(&error));
                return false;
            }
        }
        let pending = self.memory.of(key).and_then(|known| known.pending.as_ref());
        if let Some(pending) = pending {
            self.world.show(&Sight::Started(key, pending.act));
        }
        true
    }

    /// This turn does no more with a stack.
    fn stop(&mut self, key: &StackKey, why: Why) {
        if let Why::Denied(why) = &why {
            self.world.show(&Sight::Denied(why));
        }
        self.stopped.insert(key.clone(), why);
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

    /// Writes memory, if it has changed. Only one agent at a time does.
    async fn keep(&mut self) -> Result<(), Stopped> {
        if self.memory != self.kept {
            self.take().await?;
            self.world.store().save(&self.memory).await?;
            self.kept = self.memory.clone();
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
        Ok((selected, gathered))
    }

    /// The plan that was made last, and what it was made by.
    pub(crate) fn into_parts(self) -> (Plan, Law, Memory) {
        (self.plan, self.law, self.memory)
    }

    /// The report; sent when somebody needs to hear it.
    pub(crate) async fn tell(
        mut self,
        account: &Account,
        problems: &[Problem],
        trouble: Option<Trouble>,
    ) -> Result<Report, Stopped> {
        let now = now(self.world);
        let mut report = self.report(account, problems, trouble);
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
                Err(error) => tracing::warn!(%error, "the report did not arrive; it is told again next turn"),
            }
        }
        self.keep().await?;
        self.let_go().await;
        // Whoever asked for the turn hears what it cost to the end; the report that went out can't.
        report.calls = spent(&self.calls, &costs(self.world));
        Ok(report)
    }
}
