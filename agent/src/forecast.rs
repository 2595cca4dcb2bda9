//! What would happen: every step that could be taken now, previewed for people and judged as a turn would judge it.
//!
//! For a stack that is there it makes a change set under a name of its own and deletes it again. A stack that is not
//! there is never touched: its change set would make a shell, and a shell that is deleted again could by then be the
//! stack that an agent is bringing up. What a new stack is made of is read from its template; CloudFormation itself is
//! asked about it by the turn alone. Nothing is executed, remembered or sent.

mod template;

use crate::{
    cloud::Cloud,
    git::Source,
    preview::{Made, described, request},
    reading::{Reading, TEMPLATE_BYTES},
    refusal,
    rounds::Rounds,
    stop::Stopped,
    turn::{Standing, start},
    world::{Settings, World},
};
use futures_util::{StreamExt, stream};
use manifests::{
    id::{CommitId, Digest, StackKey},
    problem::Problem,
    stack::Stack,
};
use plan::{
    facts::Change,
    guard::{Budget, Judgement, digest, judge, judge_whole},
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
    /// What can't be told of them before it is done.
    pub note: Option<String>,
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
    let shown = steps.iter().map(|step| show(world, &settings, step, &selected, reading));
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

/// What can be shown of a step.
enum Shown<'a> {
    /// What its template says: the stack is not there.
    New { changes: Vec<Change>, note: Option<String> },
    /// What came of its preview, with the values of properties beside it.
    Previewed { made: Made<'a>, values: Vec<Change> },
}

/// Looks at one step and leaves nothing behind.
async fn show<'a, W: World>(
    world: &W,
    settings: &Settings,
    step: &'a Step,
    selected: &'a Selected,
    reading: &Reading,
) -> Shown<'a> {
    let only = |made| Shown::Previewed { made, values: Vec::new() };
    match (&step.action, selected.wanted.get(&step.key)) {
        (Action::Clear { .. } | Action::Continue { .. } | Action::RollBack { .. } | Action::Remove { .. }, _) => {
            only(Made::Whole)
        }
        (Action::Create(_), Some(wanted)) => {
            let blob = world.source().blob(&reading.commit, &wanted.manifest.template, TEMPLATE_BYTES).await;
            let (changes, note) = match blob {
                Ok(bytes) => template::read(&bytes),
                Err(error) => (Vec::new(), Some(error.to_string())),
            };
            Shown::New { changes, note }
        }
        (Action::Update(asked), Some(wanted)) => {
            let name = format!("holdfast-plan-{}", asked.fingerprint());
            let (made, values) = change_set(world, settings, (step, &wanted.manifest), reading, &name).await;
            Shown::Previewed { made, values }
        }
        (Action::Create(_) | Action::Update(_), None) => only(Made::NoChanges),
    }
}

/// Makes a change set of this name, has it described plainly and with values, and deletes it.
async fn change_set<'a, W: World>(
    world: &W,
    settings: &Settings,
    (step, manifest): (&'a Step, &'a Stack),
    reading: &Reading,
    name: &str,
) -> (Made<'a>, Vec<Change>) {
    if let Err(made) = request(world, step, manifest, reading, name).await {
        return (made, Vec::new());
    }
    let set = described(world, settings, step, name).await;
    let values = world.cloud().change_set(&step.key, name, true).await;
    let values = values.map(|set| set.changes).unwrap_or_default();
    let refused = match &set {
        Ok(set) if matches!(outcome(set), Outcome::Refused(_)) => Some(refusal::why(world, &step.key, set).await),
        _ => None,
    };
    if let Err(error) = world.cloud().delete_change_set(&step.key, name).await {
        tracing::warn!(stack = %step.key, error = %error.said(), "a change set stays behind");
    }
    let made = set.map(|set| match outcome(&set) {
        Outcome::Ready => Made::Ready(Preview { step, manifest, set }),
        Outcome::NoChanges => Made::NoChanges,
        Outcome::Refused(why) => Made::Refused(refused.unwrap_or(why)),
        Outcome::Pending | Outcome::Stale => Made::Refused("its change set could not be had in time".into()),
    });
    (made.unwrap_or_else(|made| made), values)
}

fn judged(
    step: &Step,
    shown: Shown<'_>,
    settings: &Settings,
    budget: &mut Budget,
    destroyed: &mut Vec<String>,
) -> StackChange {
    let limits = &settings.policy.limits;
    let of = |judgement| match judgement {
        Judgement::Permitted(_) => Verdict::Permitted,
        Judgement::Held(held) => Verdict::Held(held.why),
        Judgement::NextTurn => Verdict::NextTurn,
    };
    let (made, values) = match shown {
        Shown::Previewed { made, values } => (made, values),
        // What adds a stack destroys nothing, so the guard has nothing to say.
        Shown::New { changes, note } => {
            return StackChange {
                key: step.key.clone(),
                act: step.action.started(),
                changes,
                note,
                verdict: Verdict::Permitted,
            };
        }
    };
    let (changes, verdict) = match made {
        Made::Ready(preview) => {
            destroyed.push(digest(&preview).to_string());
            let verdict = of(judge(&preview, limits, budget));
            (beside(preview.set.changes, values), verdict)
        }
        Made::Whole => {
            if let Action::Clear { .. } | Action::Remove { .. } = step.action {
                destroyed.push(format!("delete {}", step.key));
            }
            (Vec::new(), judge_whole(step, budget).map_or(Verdict::Permitted, of))
        }
        Made::NoChanges => (Vec::new(), Verdict::NoChanges),
        Made::Refused(why) => (Vec::new(), Verdict::Not(why)),
        Made::Trouble(why) => (Vec::new(), Verdict::Not(why.to_string())),
    };
    StackChange { key: step.key.clone(), act: step.action.started(), changes, note: None, verdict }
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
