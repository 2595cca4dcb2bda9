//! Has CloudTrail say who changed what was found, within the minute's budget.
//!
//! Not here: what an event claims ([`crate::wake::event`]), and what may be told of it (`plan::drift::author`).

use super::Rounds;
use crate::{
    cloud::{Cloud, Lookup, Trouble as Kind},
    wake::event,
    world::{World, now},
};
use jiff::{SignedDuration, Timestamp};
use manifests::id::{Region, StackKey};
use plan::drift::{
    author::Author,
    doubt::{Doubt, Word},
    remembered::{Drifted, Finding},
};
use serde_json::Value;

/// How many findings a turn asks CloudTrail about.
const LOOKUPS: usize = 4;
/// How soon CloudTrail is asked again, and for how long: it tells of a call within a quarter of an hour or so.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// How long CloudTrail is left alone where it may not be asked: somebody may give the permission.
const BLIND: SignedDuration = SignedDuration::from_hours(1);
/// See [`AGAIN`].
const TOLD: SignedDuration = SignedDuration::from_mins(40);

/// Where CloudTrail tells of a change: in the stack's own region, but for services that are the same in every region (user
/// guide, "Global service events"), which each partition tells of in one.
fn told_in(key: &StackKey, finding: &Finding) -> Region {
    const GLOBAL: [&str; 3] = ["AWS::IAM::", "AWS::Route53::", "AWS::CloudFront::"];
    const PARTITIONS: [(&str, &str); 5] = [
        ("cn-", "cn-north-1"),
        ("us-gov-", "us-gov-west-1"),
        ("us-isob-", "us-isob-east-1"),
        ("us-iso-", "us-iso-east-1"),
        ("", "us-east-1"),
    ];
    let is_global = GLOBAL.iter().any(|kind| finding.kind.starts_with(kind));
    let first = PARTITIONS.iter().find(|(prefix, _)| key.region.as_str().starts_with(prefix));
    let first = first.filter(|_| is_global).and_then(|(_, first)| first.parse().ok());
    first.unwrap_or_else(|| key.region.clone())
}

impl<W: World> Rounds<'_, W> {
    /// Asks CloudTrail about findings of which nobody knows whose they are.
    pub(super) async fn ask_who(&mut self) {
        let now = now(self.world);
        self.ask_whether(now).await;
        let due = |finding: &Finding| {
            let sure = finding.author.as_ref().is_some_and(|author| author.sure);
            let again = finding.asked.is_none_or(|asked| now.duration_since(asked) >= AGAIN);
            !sure && again && now.duration_since(finding.since) < TOLD
        };
        let of = |(key, known): (&StackKey, &Drifted)| {
            let due = known.findings.iter().filter(|finding| due(finding));
            due.map(|finding| (key.clone(), finding.clone())).collect::<Vec<_>>()
        };
        let all: Vec<(StackKey, Finding)> = self.drifts.stacks().iter().flat_map(of).take(LOOKUPS).collect();
        for (key, finding) in all {
            let region = told_in(&key, &finding);
            if self.is_blind(&region, now) {
                continue;
            }
            if !self.spend(1) {
                return;
            }
            let author = self.who(&key, &finding, &region).await;
            self.drifts.change(&key, |known| {
                for known in known.findings.iter_mut().filter(|known| known.logical == finding.logical) {
                    known.asked = Some(now);
                    known.author = author.clone().or_else(|| known.author.take());
                }
            });
        }
    }

    /// Asks CloudTrail whether somebody made what is taken for a baseline.
    async fn ask_whether(&mut self, now: Timestamp) {
        let of = |(key, known): (&StackKey, &Drifted)| {
            let due = known.doubts.iter().filter(|doubt| doubt.is_due(now));
            due.map(|doubt| (key.clone(), doubt.clone())).collect::<Vec<_>>()
        };
        let mut all: Vec<(StackKey, Doubt)> = self.drifts.stacks().iter().flat_map(of).collect();
        // Whoever was not answered waits for those that were not asked yet.
        all.sort_by_key(|(_, doubt)| doubt.finding.asked);
        all.truncate(LOOKUPS);
        for (key, Doubt { finding, began, until, marks: _ }) in all {
            let region = told_in(&key, &finding);
            let word = match &finding.physical {
                Some(physical) if !self.is_blind(&region, now) => {
                    if !self.spend(1) {
                        return;
                    }
                    self.whether(&region, physical, (began, until)).await
                }
                Some(_) | None => Word::Refused,
            };
            if let Some(found) = self.drifts.change(&key, |known| known.hear(&finding.logical, word, now)) {
                self.note_drift(&key, &[&found]);
            }
        }
    }

    /// Whom CloudTrail has heard of who changed this in that time.
    async fn whether(&self, region: &Region, physical: &str, (from, to): (Timestamp, Timestamp)) -> Word {
        // It looks up whole seconds.
        let until = to.checked_add(SignedDuration::from_secs(1)).unwrap_or(to);
        let Some(records) = self.trail(region, &Lookup::Resource(physical, (from, Some(until)))).await else {
            return if self.is_blind(region, now(self.world)) { Word::Refused } else { Word::Silent };
        };
        let authors = records.iter().filter_map(event::author).map(|author| Author { sure: true, ..author });
        let authors: Vec<Author> = authors.collect();
        // There may be more than it says at once, and nobody knows of whom.
        if authors.is_empty() && records.len() >= Lookup::PAGE { Word::Refused } else { Word::Said(authors) }
    }

    /// Whether CloudTrail may not be asked there, as far as it was tried of late.
    fn is_blind(&self, region: &Region, now: Timestamp) -> bool {
        let denied = self.eyes.borrow().blind.get(region).copied();
        denied.is_some_and(|denied| now.duration_since(denied) < BLIND)
    }

    /// Who CloudTrail says it was, if it says so yet.
    async fn who(&mut self, key: &StackKey, finding: &Finding, region: &Region) -> Option<Author> {
        let looked = self.drifts.looked(key).map_or(finding.since, |quiet| quiet.at.min(finding.since));
        let since = looked.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        let physical = finding.physical.as_deref()?;
        let author = |record: &Value| event::author(record).filter(|author| author.at <= finding.since);
        let about = |record: &&Value| event::is_about(record, physical);
        let claimed = finding.author.as_ref().map(|author| author.event.clone());
        if let Some(claimed) = claimed {
            let records = self.trail(region, &Lookup::Event(&claimed)).await?;
            // Whoever may send to the queue could have named another's doing.
            let said = records.iter().filter(about).find_map(author);
            if said.is_some() || !self.spend(1) {
                return said.map(|author| Author { sure: true, ..author });
            }
        }
        let records = self.trail(region, &Lookup::Resource(physical, (since, None))).await?;
        let said = records.iter().filter_map(author);
        said.max_by_key(|author| author.at).map(|author| Author { sure: true, ..author })
    }

    /// Records of CloudTrail; `None` when it can't be asked.
    async fn trail(&self, region: &Region, what: &Lookup<'_>) -> Option<Vec<Value>> {
        match self.world.cloud().trail(region, what).await {
            Ok(records) => Some(records.iter().filter_map(|record| serde_json::from_str(record).ok()).collect()),
            Err(error) => {
                if error.problem == Kind::Denied {
                    tracing::warn!(error = %error.said(), "who changes things can't be told");
                    self.eyes.borrow_mut().blind.insert(region.clone(), now(self.world));
                }
                None
            }
        }
    }
}
