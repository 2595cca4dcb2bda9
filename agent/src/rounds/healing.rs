//! From findings to a heal that has begun: previewed, judged, remembered, and only then begun, as every other change
//! ([`super::start`]).
//!
//! Afterwards what was put back is looked at again: only that counts. Not here: any judgement (`plan::drift`, `plan::guard`).

use super::{Rounds, drift::Named, health::Ground};
use crate::{
    cloud::{ChangeSetRequest, Cloud, CloudError, Template, Trouble as Kind, trouble::why_of},
    preview::{as_it_is, waited_for},
    reading::Reading,
    refusal,
    stop::Stopped,
    template,
    world::{World, now},
};
use futures_util::future::join_all;
use manifests::{
    drift::Drift,
    id::{LogicalId, StackKey},
    report::What,
    stack::Stack,
};
use plan::{
    drift::{
        agenda::lookable,
        heal::{Heal, Scene, Towards, towards},
        remembered::Drifted,
        verdict,
        why::Reason,
    },
    facts::{ChangeSet, Found},
    guard::{Cost, Judgement, judge_heal},
    lint::lint_heals,
    memory::{Pending, Started, generation},
    orders::Leave,
    permit::Permit,
    preview::{Outcome, Preview, outcome},
    select::Selected,
    stance::Stance,
    step::{Action, Row, Stand, Step},
    watch::{End, Ended},
    why::Why,
};
use std::collections::BTreeMap;

/// What came of asking for a heal's change set.
enum Made {
    Ready(ChangeSet),
    /// It won't be had while everything is as it is.
    Never(String),
    /// It could not be had this time.
    Trouble(Why),
}

impl<W: World> Rounds<'_, W> {
    /// Puts back what may be put back. Answers whether anything was begun.
    pub(super) async fn heal(&mut self, on: Ground<'_>, reading: &Reading) -> Result<bool, Stopped> {
        let mut steps = self.due_heals(on);
        if self.look_again(on, &steps).await {
            steps = self.due_heals(on);
        }
        if steps.is_empty() {
            return Ok(false);
        }
        let made: Vec<Made> = join_all(steps.iter().map(|step| self.made(step))).await;
        let mut permits = Vec::new();
        if let Some(note) = self.with_facts(on, |facts| lint_heals(&steps, facts)).into_iter().next() {
            return Err(Stopped::Unsound(note));
        }
        self.tried.extend(steps.iter().map(|step| step.key.clone()));
        for (step, made) in steps.iter().zip(made) {
            if let Some((permit, cost)) = self.judged(on, step, made, reading).await {
                self.about_to(step, &permit, &cost, reading);
                permits.push(permit);
            }
        }
        self.keep().await?;
        let outcomes = join_all(permits.iter().map(|permit| self.world.cloud().act(permit))).await;
        let mut started = false;
        for (permit, outcome) in permits.iter().zip(outcomes) {
            let begun = self.started(permit, outcome);
            if !begun {
                self.drifts.change(permit.key(), |known| {
                    known.healing.clear();
                    known.heals.pop();
                });
            }
            started |= begun;
        }
        Ok(started)
    }

    /// Looks again at everything that is about to be put back and was not looked at in this turn: what somebody has changed
    /// since may be ignored, or theirs. Answers whether anything was.
    async fn look_again(&mut self, on: Ground<'_>, steps: &[Step]) -> bool {
        let mut again = false;
        for step in steps {
            let Some(place) = self.with_facts(on, |facts| lookable(facts, &step.key)) else { continue };
            let findings: Vec<LogicalId> =
                self.drifts.findings(&step.key).iter().map(|finding| finding.logical.clone()).collect();
            for logical in findings {
                if self.seen_now.contains(&(step.key.clone(), logical.to_string())) {
                    continue;
                }
                again = true;
                self.spend(1);
                if let Err(error) = self.look_at(on, &place, logical.as_str(), &Named::new()).await {
                    tracing::warn!(stack = %step.key, error = %error.said(), "what is to be put back could not be looked at");
                    // What is not known is not put back; another turn tries again.
                    self.tried.insert(step.key.clone());
                }
            }
        }
        again
    }

    /// What rewrites the template that the stack has, where that matters.
    async fn transforms(&self, step: &Step, manifest: &Stack, reading: &Reading) -> Result<Vec<String>, String> {
        if self.law.policy.guardrails.may.macros {
            return Ok(Vec::new());
        }
        // What is settled has the template of the commit.
        if self.plan.rows.get(&step.key).is_some_and(|row| row.stand == Stand::Settled) {
            let package = reading.package(self.world.source(), &manifest.template).await?;
            return Ok(package.transforms());
        }
        let id = step.stack_id.as_deref().unwrap_or_default();
        let text = self.world.cloud().template(&step.key, id).await.map_err(|error| error.said())?;
        Ok(template::transforms(&text))
    }

    /// Whether what was to be put back is.
    pub(super) async fn verify(&mut self, on: Ground<'_>) {
        let healed = |(key, known): (&StackKey, &Drifted)| {
            let pending = self.memory.of(key).is_some_and(|known| known.pending.is_some());
            (!known.healing.is_empty() && !pending).then(|| (key.clone(), known.healing.clone()))
        };
        let all: Vec<(StackKey, Vec<LogicalId>)> = self.drifts.stacks().iter().filter_map(healed).collect();
        for (key, healing) in all {
            let Some(found) = on.1.stacks.get(&key) else { continue };
            let Some(place) = self.with_facts(on, |facts| lookable(facts, &key)) else { continue };
            let remade = self.drifts.findings(&key).iter().any(|finding| finding.gone);
            let mut looks = BTreeMap::new();
            for logical in healing {
                // What was begun is seen to its end, whatever is left of the minute.
                self.spend(1);
                match self.look_at(on, &place, logical.as_str(), &Named::new()).await {
                    Ok(news) => drop(looks.insert(logical, news)),
                    Err(error) => {
                        tracing::warn!(stack = %key, error = %error.said(), "what was put back could not be looked at")
                    }
                }
            }
            // What was made anew has another name in the account.
            if !remade {
                self.eyes.borrow_mut().is_same(&key, generation(found));
            }
            let rules = on.0.wanted.get(&key).map_or_else(Drift::default, |wanted| wanted.manifest.drift.clone());
            let scene = Scene { found, rules: &rules, guardrails: &self.law.policy.guardrails };
            let at = now(self.world);
            let verdict = self.drifts.change(&key, |known| verdict::judge(known, scene, &looks, at));
            if let Some(healed) = verdict.healed {
                self.note_for(&key, What::Healed, healed);
            }
            if let Some(left) = verdict.left {
                self.note_for(&key, What::NotHealed, left);
            }
        }
    }

    /// The heals that are due, as many as there are places; of all other drift why it is not put back.
    pub(super) fn due_heals(&mut self, on: Ground<'_>) -> Vec<Step> {
        let taken = self.plan.rows.values().filter(|row| row.takes_seat()).count();
        let limit = self.law.policy.guardrails.limits.stacks_per_turn.saturating_sub(self.law.begun.stacks);
        let seats = self.law.policy.seats().saturating_sub(taken).min(limit as usize);
        let meant = |key: &&StackKey| self.settings.heal.as_ref().is_none_or(|which| which.is(key));
        let keys: Vec<StackKey> = self.drifts.stacks().keys().filter(meant).cloned().collect();
        let mut steps = Vec::new();
        self.reasons.clear();
        for key in keys {
            if self.tried.contains(&key) {
                let stop = self.drifts.of(&key).and_then(|known| known.stopped.as_ref());
                let reason = stop.map_or(Reason::Stopped(Why::ForSeat), |stop| Reason::Held(stop.why.clone()));
                if !self.drifts.findings(&key).is_empty() {
                    self.reasons.insert(key, reason);
                }
                continue;
            }
            let asked = self.settings.heal.is_some();
            match self.with_facts(on, |facts| towards(facts, &self.plan, &self.drifts, &key, asked)) {
                Towards::Nothing => {}
                Towards::Not(reason) => drop(self.reasons.insert(key, reason)),
                Towards::Due(_) if steps.len() >= seats => {
                    drop(self.reasons.insert(key, Reason::Stopped(Why::ForSeat)))
                }
                Towards::Due(step) => steps.push(step),
            }
        }
        steps
    }

    /// Has CloudFormation say what putting it back would change.
    async fn made(&self, step: &Step) -> Made {
        let Action::Heal(heal) = &step.action else { return Made::Trouble(Why::Trouble("it is no heal".into())) };
        let made = self.change_set(step, heal).await;
        made.unwrap_or_else(|error| match error.problem {
            Kind::Invalid => {
                Made::Never(format!("CloudFormation makes no change set that puts it back: {}", error.said()))
            }
            Kind::Unavailable
            | Kind::Denied
            | Kind::Credentials
            | Kind::NotFound
            | Kind::Busy
            | Kind::AlreadyExists
            | Kind::Limit
            | Kind::Other => Made::Trouble(why_of(&error)),
        })
    }

    async fn change_set(&self, step: &Step, heal: &Heal) -> Result<Made, CloudError> {
        let cloud = self.world.cloud();
        let trouble = |why: &str| Ok(Made::Trouble(Why::Trouble(why.into())));
        let Some(existing) = cloud.stack(&step.key).await? else { return trouble("it is gone") };
        if Some(&existing.found.id) != step.stack_id.as_ref() {
            return trouble("another stack of its name has taken its place");
        }
        let Some((asked, kept)) = as_it_is(&existing) else {
            return trouble("its capabilities or its role are written in a way that this version does not know");
        };
        let request = ChangeSetRequest {
            key: &step.key,
            create: false,
            nested: false,
            revert: true,
            name: &heal.change_set,
            template: Template::Kept,
            asked: &asked,
            kept: &kept,
            description: "puts back what was changed behind CloudFormation's back",
        };
        if let Err(error) = cloud.create_change_set(&request).await {
            // One that stayed behind was made of what was there at another time, and would undo what nobody judged.
            if error.problem == Kind::AlreadyExists {
                return trouble(
                    "a change set of its name was left over; it goes, and another is made in the next turn",
                );
            }
            return Err(error);
        }
        let set = waited_for(cloud, self.world.clock(), self.settings.poll, &step.key, &heal.change_set).await?;
        Ok(match outcome(&set) {
            Outcome::Ready => Made::Ready(set),
            Outcome::NoChanges => Made::Ready(ChangeSet { changes: Vec::new(), reverts: true, ..set }),
            Outcome::Refused(_) => Made::Never(refusal::why(cloud, &step.key, &set).await),
            Outcome::Pending => Made::Trouble(Why::Trouble("its change set is still being made".into())),
            Outcome::Stale => Made::Trouble(Why::Trouble("the stack has moved since its change set was made".into())),
        })
    }

    /// What the guard says; what is not permitted is remembered, and its change set goes.
    async fn judged(&mut self, on: Ground<'_>, step: &Step, made: Made, reading: &Reading) -> Option<(Permit, Cost)> {
        let wanted = on.0.wanted.get(&step.key)?;
        let judgement = match made {
            Made::Ready(set) => match self.transforms(step, &wanted.manifest, reading).await {
                Ok(transforms) => {
                    let law = self.law.judges((&self.memory, on.0), None, now(self.world));
                    judge_heal(&Preview { step, manifest: &wanted.manifest, set, transforms }, &law)
                }
                Err(why) => Judgement::Later(Why::Trouble(why)),
            },
            Made::Never(why) => {
                let why = format!(
                    "{why}; ends with a commit that changes the stack, when a person puts it back, or with a newer agent"
                );
                self.stop_healing((on.0, on.1), &step.key, why, None);
                self.discard(step).await;
                return None;
            }
            Made::Trouble(why) => Judgement::Later(why),
        };
        match judgement {
            Judgement::Permitted(permit, cost) => return Some((permit, cost)),
            Judgement::Held(held) => {
                // Where an approval does not help, none is offered.
                let plan = (held.leave == Leave::None).then(|| held.plan.short(16));
                self.stop_healing((on.0, on.1), &step.key, held.why, plan);
            }
            Judgement::Later(Why::ForBudget { until }) => {
                let most = self.law.policy.guardrails.limits.heals_per_day;
                self.reasons.insert(step.key.clone(), Reason::Spent { most, until });
            }
            Judgement::Later(why) => drop(self.reasons.insert(step.key.clone(), Reason::Stopped(why))),
        }
        self.discard(step).await;
        None
    }

    /// A change set that nobody will execute. One that stays behind harms nobody.
    async fn discard(&self, step: &Step) {
        let Action::Heal(heal) = &step.action else { return };
        if let Err(error) = self.world.cloud().delete_change_set(&step.key, &heal.change_set).await {
            tracing::warn!(stack = %step.key, error = %error.said(), "a change set stays behind");
        }
    }

    /// That a heal has ended otherwise than it should have.
    pub(super) fn heal_ended(&mut self, (selected, found): (&Selected, &Found), ended: &Ended, why: Option<&str>) {
        if ended.pending.act != Started::Heal {
            return;
        }
        match &ended.end {
            End::Done { .. } => {}
            // What is not remembered to be healing was never counted, or is no longer.
            End::Never => self.drifts.change(&ended.key, |known| {
                if !std::mem::take(&mut known.healing).is_empty() {
                    known.heals.pop();
                }
            }),
            End::Failed { status, .. } => {
                self.drifts.change(&ended.key, |known| known.healing.clear());
                // What it was asked to be it still is: CloudFormation has undone the heal, and nothing else.
                let undone = found.stacks.get(&ended.key).filter(|found| found.stance() == Some(Stance::Undone));
                if let (Some(fingerprint), Some(found)) = (ended.pending.fingerprint, undone) {
                    self.memory.settle(&ended.key, fingerprint, generation(found));
                }
                let why = format!(
                    "could not be put back, and CloudFormation has left it as it was found: {}; ends with a commit that changes \
                     the stack, when a person puts it back, or with `holdfast drift heal`",
                    why.unwrap_or(status)
                );
                self.stop_healing((selected, found), &ended.key, why, None);
            }
        }
    }

    /// Remembers why it is not tried again while everything is as it is.
    fn stop_healing(
        &mut self,
        (selected, found): (&Selected, &Found),
        key: &StackKey,
        why: String,
        plan: Option<String>,
    ) {
        let (Some(found), Some(wanted)) = (found.stacks.get(key), selected.wanted.get(key)) else { return };
        let scene = Scene { found, rules: &wanted.manifest.drift, guardrails: &self.law.policy.guardrails };
        self.reasons.insert(key.clone(), Reason::Held(why.clone()));
        let sentence = why.clone();
        let new = self.drifts.change(key, |known| {
            let stop = scene.stop(known, why, plan);
            let new = known.stopped.as_ref() != Some(&stop);
            known.stopped = Some(stop);
            new
        });
        if new {
            self.note_for(key, What::NotHealed, sentence);
        }
    }

    /// Notes what is about to begin, and what it takes.
    fn about_to(&mut self, step: &Step, permit: &Permit, cost: &Cost, reading: &Reading) {
        let at = now(self.world);
        self.law.begun.stacks += 1;
        self.memory.spent.add(at, cost.toll);
        let settled = |row: &Row| row.fingerprint.filter(|_| row.stand == Stand::Settled);
        let pending = Pending {
            act: step.action.started(),
            // What it is asked to be it still is afterwards.
            fingerprint: self.plan.rows.get(&step.key).and_then(settled),
            generation: step.generation,
            token: permit.token().to_owned(),
            since: at,
            attempt: step.attempt,
            commit: Some(reading.commit.clone()),
            allowed: Vec::new(),
        };
        self.memory.change(&step.key, |known| known.pending = Some(pending));
        self.drifts.change(&step.key, |known| {
            known.healing = known.findings.iter().map(|finding| finding.logical.clone()).collect();
            known.heals.push(at);
            known.stopped = None;
        });
    }
}
