//! From steps to starts: previewed, judged, remembered, and only then begun.

use super::Rounds;
use crate::{
    checks::Gathered,
    cloud::{Cloud, CloudError, Trouble as Kind, trouble::why_of},
    preview::{self, Made},
    reading::Reading,
    stop::Stopped,
    world::{Sight, World, now},
};
use futures_util::future::join_all;
use manifests::{
    id::{CommitId, StackKey},
    report::What,
};
use plan::{
    guard::{Cost, Held, Judgement, judge, judge_whole},
    memory::{Pending, WasHeld},
    permit::Permit,
    recover,
    select::Selected,
    step::{Action, Step},
    why::Why,
};

impl<W: World> Rounds<'_, W> {
    /// Previews steps, has them judged, remembers what is about to start, and starts it. Answers whether anything was.
    pub(super) async fn perform(
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
        // Our own deletions are forgotten with what they deleted.
        if matches!(step.action, Action::Create(_)) && step.stack_id.is_none() && self.memory.knows(&step.key) {
            let why = "the stack itself was deleted, by nobody here; it is made again".to_owned();
            self.note(&step.key, What::Drifted, commit.clone(), why);
        }
        let tried = recover::about_to(step, self.memory.of(&step.key), pending.since);
        self.memory.regions.insert(step.key.region.clone());
        self.memory.change(&step.key, |known| {
            known.pending = Some(pending);
            known.held = None;
            known.tried = tried.or_else(|| known.tried.take());
        });
    }

    /// Whether a start may have happened. An answer that never came says nothing: the next look will.
    pub(super) fn started(&mut self, permit: &Permit, outcome: Result<(), CloudError>) -> bool {
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
}
