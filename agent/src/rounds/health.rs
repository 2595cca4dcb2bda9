//! What rounds do about health: have checks asked, read the commits that stacks go back to, tell what failed.
//!
//! Not here: any judgement (`plan::health`).

use super::Rounds;
use crate::{
    checks::{self, Gathered},
    look,
    reading::Reading,
    stop::Stopped,
    world::{World, now},
};
use manifests::{
    id::{CommitId, StackKey},
    report::What,
    stack::Stack,
};
use plan::{
    facts::Found,
    health::{self, Past},
    resolve::Values,
    select::{Account, Selected},
};
use std::{rc::Rc, sync::Arc};

/// What a plan is made of, as far as it was read in this round.
pub(super) type Ground<'a> = (&'a Selected, &'a Found, &'a Values);

impl<W: World> Rounds<'_, W> {
    /// Has checks asked, and decides. A change that failed just now goes back at once.
    pub(super) async fn consider(
        &mut self,
        on: Ground<'_>,
        gathered: &mut Gathered,
        reading: &Reading,
    ) -> Result<(), Stopped> {
        let (selected, found, _) = on;
        let private = self.law.policy.guardrails.may.private_checks;
        checks::ask(self.world, private, (selected, found, &self.memory), &mut gathered.answers).await;
        self.recall(selected, gathered).await;
        if self.decide(on, gathered, &reading.commit)? {
            self.recall(selected, gathered).await;
            self.decide(on, gathered, &reading.commit)?;
        }
        Ok(())
    }

    /// Notes what the plan says of trials. Answers whether one was found to have failed.
    pub(super) fn learn(&mut self, selected: &Selected, commit: &CommitId) -> bool {
        let made = health::Made { plan: &self.plan, selected, commit, now: now(self.world) };
        let fallen = health::learn(&mut self.memory, &made);
        for (key, words) in &fallen {
            self.note(key, What::Failed, commit.clone(), words.clone());
        }
        !fallen.is_empty()
    }

    /// Reads the commits that stacks go back to, each once a turn.
    async fn recall(&self, selected: &Selected, gathered: &mut Gathered) {
        for (commit, keys) in health::wayback(&self.memory, selected, &self.law.orders) {
            if !gathered.pasts.contains_key(&commit) {
                let past = self.past(&commit, &selected.account).await;
                let past = past.map(|(past, reading)| {
                    gathered.readings.insert(commit.clone(), reading);
                    past
                });
                gathered.pasts.insert(commit.clone(), past);
            }
            if let Some(Ok(past)) = gathered.pasts.get_mut(&commit) {
                keys.iter().for_each(|key| let_speak(past, selected, key));
            }
        }
    }

    /// What an earlier commit asked.
    async fn past(&self, commit: &CommitId, account: &Account) -> Result<(Past, Reading), String> {
        let reading = Reading::trusted(self.world.source(), commit, self.memory.accepted.as_ref()).await?;
        let selected = look::selected(self.world, self.settings, &reading, account).await;
        let values = look::values(self.world, &selected).await;
        Ok((Past { selected: Rc::unwrap_or_clone(selected), values }, reading))
    }
}

/// What may be destroyed and given up on the way back is said by the commit that is in force: the earlier one could not know.
fn let_speak(past: &mut Past, selected: &Selected, key: &StackKey) {
    if let (Some(form), Some(wanted)) = (past.selected.wanted.get_mut(key), selected.wanted.get(key)) {
        let Stack { at, allow, limits, recovery, .. } = (*wanted.manifest).clone();
        form.sealed = None;
        form.manifest = Arc::new(Stack { at, allow, limits, recovery, ..(*form.manifest).clone() });
    }
}
