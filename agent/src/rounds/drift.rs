//! What rounds do about drift: look, ask who it was, and verify what was put back. Beginning to put it back is
//! [`super::healing`]'s.
//!
//! Nothing is waited for here: a look at a whole stack begins in one turn and is read in a later one; only a single resource
//! is looked at on the spot.
//!
//! Not here: any judgement (`plan::drift`).

use super::{Rounds, health::Ground};
use crate::{
    cloud::{Cloud, CloudError, Trouble as Kind},
    reading::Reading,
    stop::Stopped,
    wake::event::Hint,
    world::{World, now},
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    drift::Drift,
    id::{Region, StackKey},
    report::What,
};
use plan::{
    asked::Fingerprint,
    drift::{
        agenda::{due, lookable},
        author::Author,
        learn::{Lens, News, coverage, learn},
        remembered::{Coverage, Finding, Running},
        seen::{Detection, Look, Member, Place, Resource},
        verdict,
    },
    facts::Seen,
    memory::generation,
    quote::quote,
    step::Row,
};
use std::collections::BTreeMap;

/// Calls that a look at a whole stack takes: it is begun, asked after and read.
const LOOK: u32 = 3;
/// After so long a look is no longer waited for: CloudFormation takes several minutes at most.
const HANGS: SignedDuration = SignedDuration::from_mins(30);
/// How many resources a turn looks at because events named them.
const NAMED: usize = 50;
/// Authors by the resource that they are said to have changed.
pub(super) type Named = BTreeMap<String, Option<Author>>;
/// The newest event about each resource.
type Hinted = BTreeMap<Member, Hint>;

/// What of one stack events have named.
fn named(hints: &Hinted, place: &Place) -> Named {
    let here = hints.iter().filter(|(member, _)| member.place == *place);
    here.map(|(member, hint)| (member.logical.clone(), Some(hint.author.clone()))).collect()
}

impl<W: World> Rounds<'_, W> {
    /// Looks after what somebody may have changed, once what was asked is done or under way. Answers whether something was
    /// begun.
    pub(super) async fn look_after(&mut self, on: Ground<'_>, reading: &Reading) -> Result<bool, Stopped> {
        self.verify(on).await;
        let scheduled = self.settings.heal.is_none();
        if scheduled && !std::mem::replace(&mut self.looked, true) {
            self.eyes.borrow_mut().more = false;
            let hints = self.hinted(on).await;
            self.collect(on, &hints).await;
            self.follow(on, hints).await;
        }
        self.ask_who().await;
        let started = self.heal(on, reading).await?;
        // Afterwards: while all of a stack is looked at, none of its resources can be.
        if scheduled {
            self.begin_looks(on).await;
            self.list(on).await;
        }
        Ok(started)
    }

    /// Reads the looks that are done.
    async fn collect(&mut self, on: Ground<'_>, hints: &Hinted) {
        let running: Vec<(StackKey, Running)> = self
            .drifts
            .stacks()
            .iter()
            .filter_map(|(key, known)| Some((key.clone(), known.running.clone()?)))
            .collect();
        for (key, running) in running {
            let found = on.1.stacks.get(&key);
            // The stack has moved on: what the look saw is no longer so.
            if found.map(generation) != Some(running.generation) {
                self.drifts.change(&key, |known| known.running = None);
                continue;
            }
            // Nobody is to look at it any more.
            let Some(place) = self.with_facts(on, |facts| lookable(facts, &key)) else {
                self.drifts.change(&key, |known| known.running = None);
                continue;
            };
            self.spend(1);
            let failed = match self.world.cloud().detection(&key.region, &running.id).await {
                Ok(Detection::Done) => None,
                Ok(Detection::Failed(why)) => Some(why),
                Ok(Detection::Running) if now(self.world).duration_since(running.since) > HANGS => {
                    self.unseen(&key, "it has gone on for more than half an hour");
                    continue;
                }
                Ok(Detection::Running) => {
                    self.eyes.borrow_mut().more = true;
                    continue;
                }
                Ok(Detection::Gone) => {
                    self.drifts.change(&key, |known| known.running = None);
                    continue;
                }
                Err(error) => {
                    self.doubtful(&key, &error);
                    continue;
                }
            };
            if let Err(error) = self.read(on, &place, (&running, failed), &named(hints, &place)).await {
                self.doubtful(&key, &error);
            }
        }
    }

    /// Reads a look that is done. What events have named since is nobody's baseline.
    ///
    /// # Errors
    /// When it can't be read; then nothing is learned of it.
    pub(super) async fn read(
        &mut self,
        on: Ground<'_>,
        place: &Place,
        (running, failed): (&Running, Option<String>),
        named: &Named,
    ) -> Result<(), CloudError> {
        let key = &place.key;
        self.spend(1);
        let resources = self.world.cloud().resources(place).await?;
        self.eyes.borrow_mut().list(place, running.generation, &resources);
        let deviates =
            |resource: &Resource| !matches!(resource.seen, Some(Seen::InSync | Seen::NotChecked | Seen::Unsupported));
        let mut deviations = Vec::new();
        // The stack's own word is not asked: it has been seen to be "in sync" beside resources that are not (issue 2283 of
        // `aws-cloudformation/cloudformation-coverage-roadmap`).
        if resources.iter().any(deviates) {
            self.spend(1);
            deviations = self.world.cloud().deviations(place).await?;
        }
        let covered = coverage(&resources);
        let look = Look { at: running.since, read: now(self.world), resources, deviations, only: None, failed };
        self.drifts.change(key, |known| known.running = None);
        self.drifts.look(key, running.since, &covered);
        self.learn_of(on, key, running.first, &look, named);
        // A look that began before this turn has not seen what was done since.
        if running.since >= self.began {
            let found = self.drifts.findings(key).iter().map(|finding| (key.clone(), finding.logical.to_string()));
            self.seen_now.extend(found.collect::<Vec<_>>());
        }
        Ok(())
    }

    /// Whose resources events have named, and the newest event of each.
    async fn hinted(&mut self, on: Ground<'_>) -> Hinted {
        let (hints, dropped) = self.eyes.borrow_mut().hints.take();
        if dropped > 0 {
            tracing::warn!(dropped, "more events came than are followed; what they named is looked at by its schedule");
        }
        let mut hinted = Hinted::new();
        for hint in hints {
            for member in self.resolve(on, &hint).await {
                let newest = hinted.get(&member).is_none_or(|known| known.author.at <= hint.author.at);
                if newest {
                    hinted.insert(member, hint.clone());
                }
            }
        }
        hinted
    }

    /// Follows what events have named.
    async fn follow(&mut self, on: Ground<'_>, hinted: Hinted) {
        for (number, (member, hint)) in hinted.iter().enumerate() {
            let Member { place, logical } = member;
            if self.with_facts(on, |facts| lookable(facts, &place.key)).as_ref() != Some(place) {
                // What is being changed is looked at when that is done.
                if self.plan.rows.get(&place.key).is_some_and(Row::in_flight) {
                    self.later(hint);
                }
                continue;
            }
            if number >= NAMED || !self.spend(1) {
                self.later(hint);
                continue;
            }
            let authors = Named::from([(logical.clone(), Some(hint.author.clone()))]);
            match self.look_at(on, place, logical, &authors).await {
                Ok(_) => {}
                // All of the stack is being looked at, perhaps since before it was touched.
                Err(error) if error.problem == Kind::Busy => self.later(hint),
                Err(error) => {
                    tracing::info!(stack = %place.key, resource = logical, error = %error.said(), "could not be looked at");
                }
            }
        }
    }

    /// Follows a hint in another turn, soon.
    fn later(&self, hint: &Hint) {
        let mut eyes = self.eyes.borrow_mut();
        eyes.hints.add(hint.clone());
        eyes.more = true;
    }

    /// Whose resources a hint is about.
    async fn resolve(&mut self, on: Ground<'_>, hint: &Hint) -> Vec<Member> {
        // What is asked for in a region can be answered in that of the stack alone.
        const ASKED: usize = 4;
        let mut members: Vec<Member> = self.eyes.borrow().members(hint).into_iter().collect();
        if !members.is_empty() {
            return members;
        }
        let unknown: Vec<String> =
            self.eyes.borrow().unknown(hint).into_iter().take(ASKED).map(ToOwned::to_owned).collect();
        let regions: Vec<Region> = match on.1.regions.get(&hint.region) {
            Some(region) => vec![region.clone()],
            None => on.1.regions.iter().cloned().collect(),
        };
        for name in unknown {
            for region in &regions {
                if !self.spend(1) {
                    self.later(hint);
                    return members;
                }
                match self.world.cloud().owner(region, &name).await {
                    Ok(Some(member)) => members.push(member),
                    Ok(None) => self.eyes.borrow_mut().is_strange(&name),
                    Err(error) => tracing::info!(error = %error.said(), "whose resource it is could not be told"),
                }
            }
            if !members.is_empty() {
                break;
            }
        }
        members
    }

    /// Looks at one resource, and learns from it. Answers what is new.
    pub(super) async fn look_at(
        &mut self,
        on: Ground<'_>,
        place: &Place,
        logical: &str,
        named: &Named,
    ) -> Result<News, CloudError> {
        let at = now(self.world);
        let deviation = self.world.cloud().detect_resource(place, logical).await?;
        self.seen_now.insert((place.key.clone(), logical.to_owned()));
        let look = Look {
            at,
            read: now(self.world),
            resources: Vec::new(),
            deviations: vec![deviation],
            only: Some(logical.to_owned()),
            failed: None,
        };
        Ok(self.learn_of(on, &place.key, None, &look, named))
    }

    /// Begins the looks that are due, as many as the minute lets.
    async fn begin_looks(&mut self, on: Ground<'_>) {
        let all = self.with_facts(on, |facts| due(facts, &self.drifts));
        for due in all {
            if !self.spend(LOOK) {
                self.eyes.borrow_mut().more = true;
                break;
            }
            let key = due.place.key.clone();
            match self.world.cloud().detect(&due.place).await {
                Ok(id) => {
                    let since = now(self.world);
                    let running = Running { id, since, generation: due.generation, first: due.first };
                    self.drifts.change(&key, |known| known.running = Some(running));
                    self.eyes.borrow_mut().more = true;
                }
                // Somebody else looks, or changes it, just now.
                Err(error) if error.problem == Kind::Busy => {}
                Err(error) => self.doubtful(&key, &error),
            }
        }
    }

    /// Keeps in mind what there is in each stack, so that events about everybody else's cost nothing.
    async fn list(&mut self, on: Ground<'_>) {
        if !self.settings.listens {
            return;
        }
        self.eyes.borrow_mut().are_ours(self.plan.rows.keys());
        let of = |key: &StackKey| {
            let place = self.with_facts(on, |facts| lookable(facts, key))?;
            Some((place, on.1.stacks.get(key).map(generation)?))
        };
        let all: Vec<(Place, Fingerprint)> = on.1.stacks.keys().filter_map(of).collect();
        let left: Vec<(Place, Fingerprint)> = self.eyes.borrow_mut().unlisted(&all).into_iter().cloned().collect();
        for (place, generation) in left {
            if !self.spend(1) {
                self.eyes.borrow_mut().more = true;
                return;
            }
            match self.world.cloud().resources(&place).await {
                Ok(resources) => self.eyes.borrow_mut().list(&place, generation, &resources),
                Err(error) => {
                    tracing::info!(stack = %place.key, error = %error.said(), "its resources could not be listed");
                    return;
                }
            }
        }
        self.eyes.borrow_mut().unlisted(&all);
    }

    /// Learns from a look, and notes what is new.
    fn learn_of(
        &mut self,
        on: Ground<'_>,
        key: &StackKey,
        first: Option<Timestamp>,
        look: &Look,
        named: &Named,
    ) -> News {
        let rules = on.0.wanted.get(key).map_or_else(Drift::default, |wanted| wanted.manifest.drift.clone());
        let lens = Lens { key, rules: &rules, first, named };
        let news = self.drifts.change(key, |known| learn(known, &lens, look));
        if !news.found.is_empty() {
            self.note_drift(key, &news.found.iter().collect::<Vec<_>>());
        }
        news
    }

    /// Notes what somebody is found to have changed.
    pub(super) fn note_drift(&mut self, key: &StackKey, found: &[&Finding]) {
        let who = self.law.policy.guardrails.drift.who;
        self.note_for(key, What::Drifted, format!("drifted: {}", verdict::names(found, Some(who))));
    }

    /// That a stack could not be looked at this time, by a call that may work another time.
    fn doubtful(&mut self, key: &StackKey, error: &CloudError) {
        crate::look::attend(self.world, error);
        match error.problem {
            Kind::Unavailable | Kind::Busy => {
                tracing::warn!(stack = %key, error = %error.said(), "drift could not be read")
            }
            Kind::Denied
            | Kind::Credentials
            | Kind::NotFound
            | Kind::AlreadyExists
            | Kind::Invalid
            | Kind::Limit
            | Kind::Other => self.unseen(key, &error.said()),
        }
    }

    /// That a stack could not be looked at, and won't be before it is due again.
    fn unseen(&mut self, key: &StackKey, why: &str) {
        let at = now(self.world);
        self.drifts.look(key, at, &Coverage::default());
        self.drifts.change(key, |known| (known.running, known.failed) = (None, Some(quote(why))));
    }

    /// Takes calls off the minute's budget. Answers whether there was room for them.
    pub(super) fn spend(&self, calls: u32) -> bool {
        self.eyes.borrow_mut().budget.take(calls, self.settings.drift_calls, now(self.world))
    }

    pub(super) fn note_for(&mut self, key: &StackKey, what: What, sentence: String) {
        if let Some(commit) = self.memory.accepted.clone() {
            self.note(key, what, commit, sentence);
        }
    }
}
