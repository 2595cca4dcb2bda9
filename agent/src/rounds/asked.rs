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
    world::{World, now},
};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    drift::Mode,
    id::{StackKey, StackName},
    report::DriftReport,
};
use plan::{
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
        stack: Option<&StackName>,
        detect: bool,
    ) -> Result<Vec<StackDrift>, Stopped> {
        let selected = selected(self.world, self.settings, reading, account).await;
        let values = values(self.world, &selected).await;
        let found = look(self.world, reading, account, &self.memory).await;
        self.doubt(&found);
        let on = (&*selected, &found, &values);
        self.consider(on, &mut Gathered::default(), reading).await?;
        let keys: Vec<StackKey> =
            self.modes.keys().filter(|key| stack.is_none_or(|stack| *stack == key.stack)).cloned().collect();
        let mut all = Vec::new();
        for key in keys {
            let place = self.with_facts(on, |facts| lookable(facts, &key));
            let mut trouble = None;
            if let (Some(place), true) = (&place, detect) {
                trouble = self.look_now(on, place).await.err().map(|error| error.said());
            }
            all.push((key, place, trouble));
        }
        self.ask_who().await;
        self.due_heals(on);
        let mut shown = Vec::new();
        for (key, place, trouble) in all {
            shown.extend(self.shown(on, &key, place.as_ref(), trouble).await);
        }
        Ok(shown)
    }

    /// Looks at the stack that a person wants healed, once, before anything is decided.
    pub(super) async fn look_first(&mut self, on: Ground<'_>) {
        if std::mem::replace(&mut self.looked, true) {
            return;
        }
        let keys: Vec<StackKey> =
            self.modes.keys().filter(|key| self.settings.heal.as_ref() == Some(&key.stack)).cloned().collect();
        for key in keys {
            let Some(place) = self.with_facts(on, |facts| lookable(facts, &key)) else { continue };
            if let Err(error) = self.look_now(on, &place).await {
                tracing::warn!(stack = %key, error = %error.said(), "it could not be looked at");
            }
        }
    }

    /// Looks at all of a stack, and waits for it.
    async fn look_now(&mut self, on: Ground<'_>, place: &Place) -> Result<(), CloudError> {
        let Some(generation) = on.1.stacks.get(&place.key).map(generation) else { return Ok(()) };
        let cloud = self.world.cloud();
        let id = match cloud.detect(place).await {
            Ok(id) => id,
            // Somebody looks already: that one is as good, if we know it.
            Err(error) if error.problem == Kind::Busy => {
                let running = self.drifts.of(&place.key).and_then(|known| known.running.as_ref());
                running.map(|running| running.id.clone()).ok_or(error)?
            }
            Err(error) => return Err(error),
        };
        let since = now(self.world);
        let until = since.checked_add(LONGEST).unwrap_or(Timestamp::MAX);
        let running = Running { id, since, generation, first: None };
        let mut pace = Pace::new(self.settings.poll);
        loop {
            let failed = match cloud.detection(&place.key.region, &running.id).await? {
                Detection::Done => None,
                Detection::Failed(why) => Some(why),
                Detection::Gone => return Ok(()),
                Detection::Running if now(self.world) >= until => {
                    let why = "it was still looking after five minutes";
                    return Err(CloudError {
                        call: "cloudformation:DetectStackDrift",
                        problem: Kind::Other,
                        message: why.into(),
                    });
                }
                Detection::Running => {
                    self.world.clock().sleep(pace.wait()).await;
                    continue;
                }
            };
            self.read(on, place, (&running, failed), &Named::new()).await;
            return Ok(());
        }
    }

    /// One stack as it is shown; nothing of one at which nobody looks.
    async fn shown(
        &self,
        on: Ground<'_>,
        key: &StackKey,
        place: Option<&Place>,
        trouble: Option<String>,
    ) -> Option<StackDrift> {
        let mode = self.modes.get(key).copied().unwrap_or(Mode::Off);
        let wanted = on.0.wanted.get(key)?;
        let who = manifests::guardrails::Who::Full;
        let telling = Telling { key, mode, who, reason: self.reasons.get(key), now: now(self.world) };
        let (report, _) = report(&self.drifts, &telling)?;
        let findings = self.drifts.findings(key);
        let mut deviations: Vec<Deviation> = Vec::new();
        if let (Some(place), false) = (place, findings.is_empty()) {
            deviations = self.world.cloud().deviations(place).await.unwrap_or_default();
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
        })
    }
}
