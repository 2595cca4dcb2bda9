//! The report of a turn, from where its rounds have come.

use super::Rounds;
use crate::{
    stop::Trouble,
    world::{World, costs, now, spent},
};
use manifests::{
    drift::Mode,
    id::{CommitId, StackKey},
    problem::Problem,
    report::{DriftReport, Report, Signature, Source as Where, State},
};
use plan::{
    drift::{
        remembered::Finding,
        told::{self, Telling},
    },
    memory::Seal,
    quote::quote,
    select::Account,
    tell,
};
use std::collections::BTreeMap;

impl<W: World> Rounds<'_, W> {
    /// The account as this turn leaves it.
    pub(crate) fn report(&self, account: &Account, problems: &[Problem], trouble: Option<Trouble>) -> Report {
        let source = self.source(trouble);
        let calls = spent(&self.calls, &costs(self.world));
        let drift = self.drift();
        tell::tell(&tell::Turn {
            account,
            version: self.settings.version,
            digest: self.settings.itself.sha256,
            update: self.own.report.as_ref(),
            source: &source,
            plan: &self.plan,
            unreadable: &self.unreadable,
            provides: &self.provides,
            drift: &drift,
            problems,
            orders: &self.law.orders,
            closed: self.law.closed.as_deref(),
            memory: &self.memory,
            calls: &calls,
            next: self.settings.rest.and_then(|rest| now(self.world).checked_add(rest).ok()),
        })
    }

    /// What somebody changed, as far as anybody has looked.
    pub(crate) fn drifted(&self) -> BTreeMap<StackKey, Vec<Finding>> {
        let found = |key: &StackKey| (key.clone(), self.drifts.findings(key).to_vec());
        self.modes.keys().map(found).filter(|(_, found)| !found.is_empty()).collect()
    }

    /// What there is to say of drift.
    fn drift(&self) -> BTreeMap<StackKey, (DriftReport, State)> {
        let (who, now) = (self.law.policy.guardrails.drift.who, now(self.world));
        let one = |(key, mode): (&StackKey, &Mode)| {
            let telling = Telling { key, mode: *mode, who, reason: self.reasons.get(key), now };
            Some((key.clone(), told::report(&self.drifts, &telling)?))
        };
        self.modes.iter().filter_map(one).collect()
    }

    /// That the branch has stood still for longer than it should: a remote that is held back looks like one that is quiet.
    fn stale(&self) -> Option<String> {
        let (fresh, since) = (self.settings.fresh?, self.memory.since?);
        let still = now(self.world).duration_since(since);
        (still > fresh).then(|| {
            format!(
                "the branch has stood still since {since:.0}, longer than it should (`--fresh`); ends with a new commit"
            )
        })
    }

    fn source(&self, trouble: Option<Trouble>) -> Where {
        let branch = &self.settings.branch;
        let revision = |commit: &CommitId| format!("{branch}@sha1:{commit}");
        let (signature, signer, distrust) = match &self.memory.seal {
            None => (Signature::NotChecked, None, None),
            Some(Seal::Good { by, key, tag }) => {
                let tag = tag.as_ref().map(|tag| format!(", by the tag {}", quote(tag))).unwrap_or_default();
                (Signature::Good, Some(format!("{by} ({key}){tag}")), None)
            }
            Some(Seal::Tolerated { why }) => (Signature::Tolerated, None, Some(why.clone())),
        };
        let age = self.memory.answered.map(|at| format!("; the remote last answered at {at:.0}"));
        Where {
            repository: self.settings.repository.clone(),
            branch: branch.clone(),
            applied: self.memory.applied.as_ref().map(revision),
            attempted: self
                .law
                .orders
                .pin
                .as_ref()
                .map(|pin| &pin.commit)
                .or(self.memory.accepted.as_ref())
                .map(revision),
            answered: self.memory.answered,
            signature,
            signer,
            distrust,
            trouble: match trouble {
                Some(Trouble::Fetch(error)) => Some(format!("{error}{}", age.unwrap_or_default())),
                Some(Trouble::Refused(refused)) => Some(refused.to_string()),
                Some(Trouble::Reading(error)) => Some(error.to_string()),
                None => self.stale(),
            },
        }
    }
}
