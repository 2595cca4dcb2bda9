//! What would happen: every step that could be taken now, previewed for people and judged as a turn would judge it.
//!
//! It makes change sets under names of their own and deletes them again, with the shells of stacks that are not there
//! yet; it executes nothing, remembers nothing, and sends nothing.

use crate::{
    cloud::{Cloud, CloudError},
    preview::{Made, described, request},
    reading::Reading,
    rounds::Rounds,
    stop::Stopped,
    turn::{Standing, start},
    world::{Settings, World},
};
use futures_util::{StreamExt, stream};
use manifests::{
    id::{CommitId, Digest, StackKey},
    problem::Problem,
};
use plan::{
    facts::{Change, ChangeSet},
    guard::{Budget, Judgement, digest, judge, judge_deletion},
    preview::{Outcome, Preview, outcome},
    select::Selected,
    step::{Action, Plan, Stand, Step},
};

/// What would happen.
#[derive(Debug)]
pub struct Forecast {
    /// At which commit; `None` when there is none to go by.
    pub commit: Option<CommitId>,
    /// Why the repository's head is not what is planned for.
    pub trouble: Option<String>,
    /// What could not be read in the repository.
    pub problems: Vec<Problem>,
    /// Every stack, and how it stands.
    pub plan: Plan,
    /// What would be done to some, in order.
    pub changes: Vec<StackChange>,
    /// The digest of everything that would be destroyed.
    pub digest: Digest,
}

/// What would be done to one stack.
#[derive(Debug)]
pub struct StackChange {
    /// Which.
    pub key: StackKey,
    /// What.
    pub act: plan::memory::Started,
    /// Resource by resource, what is destroyed first.
    pub changes: Vec<Change>,
    /// What the guard says.
    pub verdict: Verdict,
}

/// What would come of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It would be done.
    Permitted,
    /// There is nothing to change.
    NoChanges,
    /// It would be held, and why.
    Held(String),
    /// It would wait for the turn after, because a turn may destroy only so much.
    NextTurn,
    /// It can't be done, or could not be told; and why.
    Not(String),
}

/// What would happen, were a turn made now.
///
/// # Errors
/// As a turn.
pub async fn forecast<W: World>(world: &W, settings: &Settings, standing: &mut Standing) -> Result<Forecast, Stopped> {
    // One turn takes a few at a time; a forecast shows all of them.
    let mut settings = settings.clone();
    settings.policy.concurrency = usize::MAX;
    let (start, trouble) = start(world, &settings, standing).await?;
    let trouble = trouble.map(|trouble| trouble.to_string());
    let Some(reading) = start.reading else {
        let (plan, digest) = (Plan::default(), Digest::of(b""));
        return Ok(Forecast { commit: None, trouble, problems: Vec::new(), plan, changes: Vec::new(), digest });
    };
    let mut rounds = Rounds::new(world, &settings, start.memory, (start.began, start.calls));
    let selected = rounds.survey(reading, &start.account).await?;
    let mut plan = rounds.into_plan();
    let steps = std::mem::take(&mut plan.steps);
    let mut budget = Budget::new(&settings.policy.limits);
    let there = |step: &Step| plan.rows.get(&step.key).is_some_and(|row| row.status.is_some());
    let shown = steps.iter().map(|step| show(world, &settings, step, there(step), &selected, reading));
    // A few at a time: the account's people need its API too.
    let shown: Vec<Shown<'_>> = stream::iter(shown).buffered(AT_A_TIME).collect().await;
    let (mut changes, mut destroyed) = (Vec::new(), Vec::new());
    for (step, shown) in steps.iter().zip(shown) {
        changes.push(judged(step, shown, &settings, &mut budget, &mut destroyed));
    }
    settle(&mut plan, &changes);
    Ok(Forecast {
        commit: Some(reading.commit.clone()),
        trouble,
        problems: reading.problems().to_vec(),
        plan,
        changes,
        digest: Digest::of(destroyed.join("\n").as_bytes()),
    })
}

/// How many change sets are made side by side.
const AT_A_TIME: usize = 8;

/// A step's preview, with the values of properties beside it.
struct Shown<'a> {
    made: Made<'a>,
    values: Vec<Change>,
}

/// Previews one step and leaves nothing behind.
async fn show<'a, W: World>(
    world: &W,
    settings: &Settings,
    step: &'a Step,
    there: bool,
    selected: &'a Selected,
    reading: &Reading,
) -> Shown<'a> {
    let only = |made| Shown { made, values: Vec::new() };
    let (asked, wanted) = match (&step.action, selected.wanted.get(&step.key)) {
        (Action::Clear { stack_id } | Action::Remove { stack_id }, _) => {
            return only(Made::Deletion { stack_id: stack_id.clone() });
        }
        (Action::Create(asked) | Action::Update(asked), Some(wanted)) => (asked, wanted),
        (Action::Create(_) | Action::Update(_), None) => return only(Made::NoChanges),
    };
    let name = format!("holdfast-plan-{}", asked.fingerprint());
    let manifest = &*wanted.manifest;
    if let Err(made) = request(world, step, manifest, reading, &name).await {
        return only(made);
    }
    let set = described(world, settings, step, &name).await;
    let values = world.cloud().change_set(&step.key, &name, true).await;
    let values = values.map(|set| set.changes).unwrap_or_default();
    match set {
        Err(made) => only(made),
        Ok(set) => {
            clean(world, step, there, &name, &set).await;
            let made = match outcome(&set) {
                Outcome::Ready => Made::Ready(Preview { step, manifest, set }),
                Outcome::NoChanges => Made::NoChanges,
                Outcome::Refused(why) => Made::Refused(why),
                Outcome::Pending | Outcome::Stale => Made::Refused("its change set could not be had in time".into()),
            };
            Shown { made, values }
        }
    }
}

/// Deletes the change set, and the shell that was made for it if nothing was there before.
async fn clean<W: World>(world: &W, step: &Step, there: bool, name: &str, set: &ChangeSet) {
    let noted = |what: &str, outcome: Result<(), CloudError>| {
        if let Err(error) = outcome {
            tracing::warn!(stack = %step.key, error = %error.said(), "{what} stays behind");
        }
    };
    noted("a change set", world.cloud().delete_change_set(&step.key, name).await);
    if !there {
        noted("an empty stack", world.cloud().delete_shell(&step.key, &set.stack_id).await);
    }
}

fn judged(
    step: &Step,
    shown: Shown<'_>,
    settings: &Settings,
    budget: &mut Budget,
    destroyed: &mut Vec<String>,
) -> StackChange {
    let limits = &settings.policy.limits;
    let Shown { made, values } = shown;
    let of = |judgement| match judgement {
        Judgement::Permitted(_) => Verdict::Permitted,
        Judgement::Held(held) => Verdict::Held(held.why),
        Judgement::NextTurn => Verdict::NextTurn,
    };
    let (changes, verdict) = match made {
        Made::Ready(preview) => {
            destroyed.push(digest(&preview).to_string());
            let verdict = of(judge(&preview, limits, budget));
            (beside(preview.set.changes, values), verdict)
        }
        Made::Deletion { stack_id } => {
            destroyed.push(format!("delete {}", step.key));
            (Vec::new(), of(judge_deletion(step, &stack_id, budget)))
        }
        Made::NoChanges => (Vec::new(), Verdict::NoChanges),
        Made::Refused(why) => (Vec::new(), Verdict::Not(why)),
        Made::Trouble(why) => (Vec::new(), Verdict::Not(why.to_string())),
    };
    StackChange { key: step.key.clone(), act: step.action.started(), changes, verdict }
}

/// The plain description decides what is listed; the detailed one, which may lack resources, only adds values to it.
fn beside(plain: Vec<Change>, values: Vec<Change>) -> Vec<Change> {
    let mut changes: Vec<Change> = plain
        .into_iter()
        .map(|mut change| {
            if let Some(detailed) = values.iter().find(|detailed| detailed.logical == change.logical) {
                change.details.clone_from(&detailed.details);
            }
            change
        })
        .collect();
    changes.sort_by_key(|change| (plan::guard::harm(change), change.kind.clone(), change.logical.clone()));
    changes
}

/// A stack whose change set came out empty is in sync, whatever the plan had to assume.
fn settle(plan: &mut Plan, changes: &[StackChange]) {
    for change in changes.iter().filter(|change| change.verdict == Verdict::NoChanges) {
        if let Some(row) = plan.rows.get_mut(&change.key) {
            row.stand = Stand::Settled;
        }
    }
}
