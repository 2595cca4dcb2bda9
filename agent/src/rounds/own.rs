//! The agent's own version, in a turn: what the commit in force asks for is told to the updater, and what the updater makes of
//! it to everybody else. While a version is about to be tried, or is, each turn says what it got done.
//!
//! Nothing of it is worth a turn: what can't be read or written is passed over, and looked at again.

use super::Rounds;
use crate::{
    reading::Reading,
    stop::Stopped,
    store::{self, Store},
    world::{Sight, World, now},
};
use jiff::Timestamp;
use manifests::{
    id::{CommitId, Digest},
    release::Form,
    report::{Happening, UpdateReport, What},
};
use plan::{
    memory::Own,
    select::Account,
    tell,
    update::{self, Asked, Did, Facts, Proof, State, Turned},
};

/// What a turn found of the agent's own version.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What the report says.
    pub(super) report: Option<UpdateReport>,
    /// What was said of turns so far, when somebody wants to know of this one.
    wanted: Option<Option<Proof>>,
    /// Whether another version is about to be tried.
    before: bool,
    /// Whether it is over, and the copy of memory that was kept for it is of no use any more.
    over: bool,
}

impl<W: World> Rounds<'_, W> {
    /// Looks at the agent's own version.
    pub(crate) async fn own(&mut self, reading: Option<&Reading>, account: &Account) -> Result<(), Stopped> {
        let Some(reading) = reading else { return Ok(()) };
        // Whoever asks for one turn, from wherever, is not the account's agent.
        let Some(slot) = self.settings.itself.slot.clone() else {
            let asked = self.asked(reading, account, now(self.world));
            self.own.report = asked.filter(|_| self.settings.rest.is_some()).as_ref().map(update::unmanaged);
            return Ok(());
        };
        let copied = self.memory.own.as_ref().is_some_and(|own| own.copied);
        let Some(asked) = self.ask(reading, account).await? else {
            self.own.over = copied && self.settings.itself.state().is_some_and(|state| !state.is_open());
            return Ok(());
        };
        if self.memory.own.as_ref().is_some_and(|own| own.here.as_ref() == Some(&slot) && !own.copied) {
            return Ok(());
        }
        let found = match self.world.store().own().await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "what the updater needs can't be read");
                return Ok(());
            }
        };
        let itself = &self.settings.itself;
        let state = itself.state().or_else(|| found.state.clone()).filter(|state| itself.is_meant(state));
        match (state, itself.form) {
            (Some(state), _) => {
                // A version that runs on trial has to show that it can say what is asked for: nobody would ask for another
                // one. And what another one left in its place is put right.
                let is_tried = state.trial.as_ref().is_some_and(|trial| trial.slot.name == slot);
                if is_tried || found.asked.as_ref() != Some(&asked) {
                    self.take().await?;
                    if let Err(error) = self.world.store().save_asked(Some(&asked)).await {
                        tracing::warn!(%error, "the updater can't be told which version is asked for");
                        return Ok(());
                    }
                }
                self.heed(&asked, &state, found, slot, &reading.commit);
            }
            (None, Form::Function(_)) => self.own.report = Some(update::unlooked(&asked, itself.unlooked.as_deref())),
            (None, Form::Program(_)) => self.own.report = Some(update::unmanaged(&asked)),
        }
        Ok(())
    }

    fn asked(&self, reading: &Reading, account: &Account, since: Timestamp) -> Option<Asked> {
        update::asked(reading.fleet(), account, self.settings.itself.form, since)
    }

    /// What the commit in force asks for; told to the updater when it is not the same as before.
    async fn ask(&mut self, reading: &Reading, account: &Account) -> Result<Option<Asked>, Stopped> {
        let before = self.memory.own.clone();
        let now = now(self.world);
        let asked = self.asked(reading, account, now).and_then(|asked| {
            let same = before.as_ref().filter(|own| own.sha256 == asked.sha256);
            self.asked(reading, account, same.map_or(now, |own| own.since))
        });
        let said = Digest::of(format!("{asked:?}").as_bytes()).short(16);
        if asked.is_none() && before.is_none() || before.as_ref().is_some_and(|own| own.said == said) {
            return Ok(asked);
        }
        self.take().await?;
        if let Err(error) = self.world.store().save_asked(asked.as_ref()).await {
            tracing::warn!(%error, "the updater can't be told which version is asked for; it is tried again next turn");
            return Ok(asked);
        }
        let copied = before.as_ref().is_some_and(|own| own.copied);
        self.memory.own = asked.as_ref().map(|asked| match before.filter(|own| own.sha256 == asked.sha256) {
            Some(own) => Own { said, ..own },
            None => Own { sha256: asked.sha256, since: now, said, here: None, fell: false, copied },
        });
        Ok(asked)
    }

    /// Says what the updater makes of it.
    fn heed(&mut self, asked: &Asked, state: &State, found: store::Own, slot: String, commit: &CommitId) {
        let now = now(self.world);
        let hold = update::hold(&self.law.orders).map(|why| why.to_string());
        let facts = Facts {
            asked: Some(asked),
            garbled: None,
            state,
            proof: found.proof.as_ref(),
            closed: self.law.closed.as_deref().or(hold.as_deref()),
            windows: &self.law.policy.guardrails.windows,
            trial: state.trial.as_ref().and_then(|trial| trial.lasts).unwrap_or_else(|| self.settings.trial()),
            now,
        };
        self.own.report = update::told(&facts);
        // While one is on trial, what the others do proves nothing, and must not take the place of what it did.
        let proves = state.trial.as_ref().is_none_or(|trial| trial.slot.name == slot);
        self.own.wanted = (state.is_open() && proves).then_some(found.proof);
        // As long as this version runs, and another one is next: what was copied before its last turn is not what it leaves.
        let is_next = state.trial.as_ref().is_some_and(|trial| trial.slot.name != slot);
        self.own.before = state.fetched.is_some() || is_next;
        let Some(own) = &mut self.memory.own else { return };
        self.own.over = own.copied && !state.is_open();
        own.copied |= self.own.before;
        if state.trial.is_none() && state.good.sha256 == asked.sha256 && state.good.name == slot {
            own.here = Some(slot);
            self.happened(
                What::Updated,
                format!("version {} of the agent proved itself and stays", asked.version),
                commit,
            );
            return;
        }
        let fell = state.fell.as_ref().filter(|fell| fell.sha256 == asked.sha256);
        if let Some(fell) = fell.filter(|_| !std::mem::replace(&mut own.fell, true)) {
            let sentence = format!(
                "version {} of the agent {}: it was given up for {}",
                fell.version, fell.why, state.good.version
            );
            self.happened(What::Failed, sentence, commit);
        }
    }

    fn happened(&mut self, what: What, sentence: String, commit: &CommitId) {
        let commit = Some(commit.clone());
        let happening = Happening { at: now(self.world), what, region: None, stack: None, commit, sentence };
        self.world.show(&Sight::Happened(&happening));
        tell::note(&mut self.memory, happening);
    }

    /// Says what this turn got done, when somebody wants to know.
    pub(super) async fn prove(&mut self, did: Did) -> Result<(), Stopped> {
        self.forget_before().await?;
        let Some((before, slot)) = self.own.wanted.take().zip(self.settings.itself.slot.as_ref()) else {
            return Ok(());
        };
        // First the copy: once this turn is known of, the other version may be started at any moment.
        if self.own.before
            && let Err(error) = self.world.store().keep_before().await
        {
            tracing::warn!(%error, "no copy of memory can be kept, so no other version is tried yet");
            return Ok(());
        }
        let turned = Turned { at: now(self.world), did };
        let proof = Proof::with(before, slot, self.settings.version, turned);
        if let Err(error) = self.world.store().save_proof(&proof).await {
            tracing::warn!(%error, "the updater can't be told what this turn got done");
        }
        Ok(())
    }

    /// Once it is over, whoever goes back another time must not find the copy of this one. Memory is written by now, by the
    /// version that stays.
    async fn forget_before(&mut self) -> Result<(), Stopped> {
        if !std::mem::take(&mut self.own.over) {
            return Ok(());
        }
        if let Err(error) = self.world.store().forget_before().await {
            tracing::warn!(%error, "the copy of memory that nobody needs any more can't be removed");
            return Ok(());
        }
        self.memory.own.iter_mut().for_each(|own| own.copied = false);
        self.keep().await
    }
}
