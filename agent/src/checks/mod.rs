//! Asks what the checks of stacks are about: addresses, SSM parameters, alarms. Each call takes as many as it can.
//!
//! Not here: which are to be asked, what an answer means and what follows (`plan::health`). What could not be asked is
//! handed on as that, with its reason.

pub mod web;

use crate::{
    cloud::{Cloud, CloudError},
    look::attend,
    reading::Reading,
    world::World,
};
use futures_util::{StreamExt, stream};
use manifests::{
    check::{Asks, Check, Http},
    id::{CommitId, Region, StackKey},
};
use plan::{
    check::{Answer, Answers, due},
    facts::Found,
    health::Pasts,
    memory::Memory,
    select::Selected,
    step::Action,
};
use std::collections::{BTreeMap, BTreeSet};
use web::Web;

/// How many addresses are asked side by side.
const AT_A_TIME: usize = 16;

/// What a turn has found out about health.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// What came back for checks.
    pub(crate) answers: Answers,
    /// What earlier commits asked, where stacks go back to them.
    pub(crate) pasts: Pasts,
    /// The same commits, as they were read.
    pub(crate) readings: BTreeMap<CommitId, Reading>,
}

impl Gathered {
    /// By what a step back is made; `None` for every other.
    pub(crate) fn of(&self, action: &Action) -> Option<(&Selected, &Reading)> {
        let Action::Back(_, commit) = action else { return None };
        let past = self.pasts.get(commit)?.as_ref().ok()?;
        Some((&past.selected, self.readings.get(commit)?))
    }
}

/// A check in its place.
type Asked<'a> = (&'a StackKey, usize, &'a Check);
/// Names by region.
type Names = BTreeMap<Region, BTreeSet<String>>;
/// What came back by region and name, or why nothing did.
type Said<T> = BTreeMap<Region, Result<BTreeMap<String, T>, String>>;

/// Asks what is due, and puts what came back to the other answers of this turn.
pub(crate) async fn ask<W: World>(
    world: &W,
    private: bool,
    (selected, found, memory): (&Selected, &Found, &Memory),
    answers: &mut Answers,
) {
    let due = due(selected, found, memory, answers);
    if due.is_empty() {
        return;
    }
    let (web, texts, alarms) =
        futures_util::join!(pages(world, private, &due), texts(world, &due), alarms(world, &due));
    for (key, place, check) in due {
        let answer = match &check.asks {
            Asks::Http(http) => web.get(http).cloned(),
            Asks::Ssm { name, .. } => said(&texts, &key.region, name, |value| match value {
                Some(Err(why)) => Answer::Unasked(why.clone()),
                Some(Ok(value)) => Answer::Text(Some(value.clone())),
                None => Answer::Text(None),
            }),
            Asks::Alarm { name, region, .. } => {
                said(&alarms, region.as_ref().unwrap_or(&key.region), name, |state| Answer::Alarm(state.cloned()))
            }
            Asks::Output { .. } => None,
        };
        answers.extend(answer.map(|answer| ((key.clone(), place), answer)));
    }
}

/// What came back for one name.
fn said<T>(all: &Said<T>, region: &Region, name: &str, answer: impl FnOnce(Option<&T>) -> Answer) -> Option<Answer> {
    all.get(region).map(|said| match said {
        Ok(said) => answer(said.get(name)),
        Err(why) => Answer::Unasked(why.clone()),
    })
}

/// Asks each address once, whoever wants to know.
async fn pages<'a, W: World>(world: &W, private: bool, due: &[Asked<'a>]) -> BTreeMap<&'a Http, Answer> {
    let https: BTreeSet<&Http> = due
        .iter()
        .filter_map(|(_, _, check)| match &check.asks {
            Asks::Http(http) => Some(http),
            Asks::Output { .. } | Asks::Ssm { .. } | Asks::Alarm { .. } => None,
        })
        .collect();
    let asked = https.into_iter().map(async |http| (http, world.web().get(http, private).await));
    stream::iter(asked).buffer_unordered(AT_A_TIME).collect().await
}

async fn texts<W: World>(world: &W, due: &[Asked<'_>]) -> Said<Result<String, String>> {
    let mut names = Names::new();
    for (key, _, check) in due {
        if let Asks::Ssm { name, .. } = &check.asks {
            names.entry(key.region.clone()).or_default().insert(name.clone());
        }
    }
    let mut all = Said::new();
    for (region, names) in names {
        let read = world.cloud().parameters(&region, &names).await;
        all.insert(region, read.map_err(|error| untold(world, &error)));
    }
    all
}

async fn alarms<W: World>(world: &W, due: &[Asked<'_>]) -> Said<String> {
    let mut names = Names::new();
    for (key, _, check) in due {
        if let Asks::Alarm { name, region, .. } = &check.asks {
            let region = region.as_ref().unwrap_or(&key.region);
            names.entry(region.clone()).or_default().insert(name.clone());
        }
    }
    let mut all = Said::new();
    for (region, names) in names {
        let read = world.cloud().alarms(&region, &names).await;
        all.insert(region, read.map_err(|error| untold(world, &error)));
    }
    all
}

fn untold<W: World>(world: &W, error: &CloudError) -> String {
    attend(world, error);
    error.said()
}
