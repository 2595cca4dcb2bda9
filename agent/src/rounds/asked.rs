//! Drift, when a person asks: looked at on the spot, waited for, and shown with its values.
//!
//! Not here: what is looked at by schedule ([`super::drift`]), and how it is shown ([`crate::show`]).

use super::{Rounds, drift::Named, health::Ground};
use crate::{
    checks::Gathered,
    cloud::{Clock, Cloud, CloudError, Trouble as Kind},
    look::{look, selected, values},
    pace::Pace,
    reading::Reading,
    stop::Stopped,
    world::{Which, World, now},
};
use jiff::{SignedDuration, Timestamp};
use manifests::{drift::Mode, id::StackKey, report::DriftReport};
use plan::{
    asked::Fingerprint,
    drift::{
        agenda::lookable,
        author::Told,
        learn::told,
        remembered::{Finding, Running},
        seen::{Detection, Deviation, Difference, Place},
        told::{Telling, report},
    },
    memory::generation,
    select::Account,
    step::Stand,
};

/// The longest that a person waits for one stack (the CDK gives up after as long).
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// One stack's drift, as a person is shown it.
#[derive(Debug, Clone)]
pub(crate) struct StackDrift {
    /// Which stack.
    pub(crate) key: StackKey,
    /// Where its manifest is.
    pub(crate) manifest: String,
    /// Where its template is.
    pub(crate) template: String,
    /// Whether it is what the repository asks for, but for that.
    pub(crate) settled: bool,
    /// What a report says of it.
    pub(crate) report: DriftReport,
    /// Everything that somebody changed.
    pub(crate) resources: Vec<ResourceDrift>,
    /// Why it could not be looked at just now.
    pub(crate) trouble: Option<String>,
    /// Why the last look was not whole.
    pub(crate) failed: Option<String>,
}

impl StackDrift {
    /// Why what is shown may not be all.
    pub(crate) fn doubt(&self) -> Option<&str> {
        self.trouble.as_deref().or(self.failed.as_deref())
    }
}

/// One resource that somebody changed.
#[derive(Debug, Clone)]
pub(crate) struct ResourceDrift {
    /// What was found.
    pub(crate) finding: Finding,
    /// Property by property, as it is now.
    pub(crate) differences: Vec<Difference>,
    /// Who it was, as far as that is known: in the account itself, all of it is told.
    pub(crate) author: Told,
}

impl<W: World> Rounds<'_, W> {
    /// How everything stands towards drift, or one stack; with `detect`, all of it is looked at first.
    pub(crate) async fn drifting(
        &mut self,
        reading: &Reading,
        account: &Account,
        which: Option<&Which>,
        detect: bool,
    ) -> Result<Vec<StackDrift>, Stopped> {
        let selected = selected(self.world, self.settings, reading, account).await;
        let values = values(self.world, &selected).await;
        let found = look(self.world, reading, account, &self.memory).await;
        self.doubt(&found);
        let on = (&*selected, &found, &values);
        self.consider(on, &mut Gathered::default(), reading).await?;
        let keys: Vec<StackKey> =
            self.modes.keys().filter(|key| which.is_none_or(|which| which.is(key))).cloned().collect();
        let mut all = Vec::new();
        for key in keys {
            let trouble = if detect { self.look_now(on, &key).await.err() } else { None };
            all.push((key, trouble));
        }
        self.ask_who().await;
        self.due_heals(on);
        let mut shown = Vec::new();
        for (key, trouble) in all {
            shown.extend(self.shown(on, &key, trouble).await);
        }
        Ok(shown)
    }

    /// Looks at what a person wants healed, once, before anything is decided.
    ///
    /// # Errors
    /// When one of the stacks could not be looked at: what is not known is not put back.
    pub(super) async fn look_first(&mut self, on: Ground<'_>) -> Result<(), Stopped> {
        let Some(which) = self.settings.heal.as_ref() else { return Ok(()) };
        if std::mem::replace(&mut self.looked, true) {
            return Ok(());
        }
        let keys: Vec<StackKey> = self.modes.keys().filter(|key| which.is(key)).cloned().collect();
        for key in keys {
            let looked = self.look_now(on, &key).await;
            looked.map_err(|why| Stopped::Unlooked { stack: key.to_string(), why })?;
        }
        Ok(())
    }

    /// Looks at all of a stack, and waits for it.
    ///
    /// # Errors
    /// Why it could not be looked at.
    async fn look_now(&mut self, on: Ground<'_>, key: &StackKey) -> Result<(), String> {
        let Some(found) = on.1.stacks.get(key) else { return Err("the account has no such stack".into()) };
        let Some(place) = self.with_facts(on, |facts| lookable(facts, key)) else {
            let status = found.status.as_ref().map_or_else(String::as_str, |status| status.as_str());
            return Err(format!(
                "CloudFormation looks at a stack of ours that is at rest, and this one is {status}, or somebody else's"
            ));
        };
        let generation = generation(found);
        let running = match self.begun(&place, generation).await {
            // Somebody looks already, perhaps since before what is asked about: it is waited for, and looked at again.
            Err(error) if error.problem == Kind::Busy => {
                let theirs = self.drifts.of(key).and_then(|known| known.running.clone()).ok_or_else(|| error.said())?;
                self.detected(key, &theirs.id).await?;
                self.begun(&place, generation).await
            }
            begun => begun,
        };
        let running = running.map_err(|error| error.said())?;
        let failed = self.detected(key, &running.id).await?;
        let read = self.read(on, &place, (&running, failed), &Named::new()).await;
        read.map_err(|error| error.said())
    }

    /// A look at a whole stack, begun now.
    async fn begun(&self, place: &Place, generation: Fingerprint) -> Result<Running, CloudError> {
        let since = now(self.world);
        let id = self.world.cloud().detect(place).await?;
        Ok(Running { id, since, generation, first: None })
    }

    /// Waits for a look. Answers why it is not whole, if it is not.
    async fn detected(&self, key: &StackKey, id: &str) -> Result<Option<String>, String> {
        let until = now(self.world).checked_add(LONGEST).unwrap_or(Timestamp::MAX);
        let mut pace = Pace::new(self.settings.poll);
        loop {
            let come = self.world.cloud().detection(&key.region, id).await;
            match come.map_err(|error| error.said())? {
                Detection::Done => return Ok(None),
                Detection::Failed(why) => return Ok(Some(why)),
                Detection::Gone => return Err("CloudFormation no longer knows of the look that had begun".into()),
                Detection::Running if now(self.world) >= until => {
                    return Err("CloudFormation was still looking after five minutes".into());
                }
                Detection::Running => self.world.clock().sleep(pace.wait()).await,
            }
        }
    }

    /// One stack as it is shown; nothing of one at which nobody looks.
    async fn shown(&self, on: Ground<'_>, key: &StackKey, mut trouble: Option<String>) -> Option<StackDrift> {
        let mode = self.modes.get(key).copied().unwrap_or(Mode::Off);
        let wanted = on.0.wanted.get(key)?;
        let who = manifests::guardrails::Who::Full;
        let telling = Telling { key, mode, who, reason: self.reasons.get(key), now: now(self.world) };
        let (report, _) = report(&self.drifts, &telling)?;
        let findings = self.drifts.findings(key);
        let mut deviations: Vec<Deviation> = Vec::new();
        let place = self.with_facts(on, |facts| lookable(facts, key));
        if let (Some(place), false) = (place, findings.is_empty()) {
            match self.world.cloud().deviations(&place).await {
                Ok(found) => deviations = found,
                Err(error) => drop(trouble.get_or_insert(error.said())),
            }
        }
        let known = self.drifts.of(key);
        let differences = |finding: &Finding| -> Vec<Difference> {
            let here = known.zip(deviations.iter().find(|one| one.logical == finding.logical.as_str()));
            let rules = &wanted.manifest.drift;
            here.map(|(known, one)| told(known, key, rules, one).into_iter().cloned().collect()).unwrap_or_default()
        };
        let one = |finding: &Finding| ResourceDrift {
            finding: finding.clone(),
            differences: differences(finding),
            author: finding.author.as_ref().map(|author| author.told(who)).unwrap_or_default(),
        };
        Some(StackDrift {
            key: key.clone(),
            manifest: wanted.manifest.at.file.to_string(),
            template: wanted.manifest.template.to_string(),
            settled: self.plan.rows.get(key).is_some_and(|row| row.stand == Stand::Settled),
            report,
            resources: findings.iter().map(one).collect(),
            trouble,
            failed: known.and_then(|known| known.failed.clone()),
        })
    }
}
