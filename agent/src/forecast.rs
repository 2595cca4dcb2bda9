//! What would happen: every step that could be taken now, previewed for people and judged as a turn would judge it.
//!
//! For a stack that is there it makes a change set under a name of its own and deletes it again. A stack that is not
//! there is never touched: its change set would make a shell, and a shell that is deleted again could by then be the
//! stack that an agent is bringing up. What a new stack is made of is read from its template; CloudFormation itself is
//! asked about it by the turn alone. Nothing is executed, remembered or sent.

use crate::{
    cloud::Cloud,
    git::Source,
    law::Law,
    preview::{Made, described, request},
    reading::{Reading, TEMPLATE_BYTES},
    refusal,
    rounds::Rounds,
    stop::Stopped,
    template,
    turn::{Standing, start},
    world::{Settings, World, now},
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use manifests::{
    id::{CommitId, Digest, RepoPath, StackKey},
    problem::Problem,
    stack::Stack,
};
use plan::{
    drift::remembered::Finding,
    facts::{Change, ChangeSet, ChangeSetStatus},
    guard::{Judgement, digest, judge, judge_whole},
    memory::Memory,
    preview::{Outcome, Preview, outcome},
    select::{Account, Selected, Wanted},
    step::{Action, Plan, Stand, Step},
};
use std::collections::BTreeMap;

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
    /// What somebody changed in the account, as far as anybody has looked.
    pub drifted: BTreeMap<StackKey, Vec<Finding>>,
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
    /// What is put into the artifact bucket for it: each file or folder, and its key.
    pub shelved: Vec<(RepoPath, String)>,
    /// What can't be told of them before it is done.
    pub note: Option<String>,
    /// What the guard says.
    pub verdict: Verdict,
    /// What somebody changed in what it changes: theirs is written over.
    pub overwrites: Vec<Finding>,
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
    /// It would wait, and for what.
    Later(String),
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
        let (problems, changes, drifted) = (Vec::new(), Vec::new(), BTreeMap::new());
        return Ok(Forecast { commit: None, trouble, problems, plan, changes, drifted, digest });
    };
    let mut rounds = Rounds::new(world, &settings, start.begin);
    let (selected, gathered) = rounds.survey(reading, &start.account).await?;
    let drifted = rounds.drifted();
    let (mut plan, law, memory) = rounds.into_parts();
    let steps = std::mem::take(&mut plan.steps);
    let mut court = Court { law, memory, selected: &selected, now: now(world), destroyed: Vec::new() };
    let shown = steps.iter().map(|step| {
        let (selected, reading) = gathered.of(&step.action).unwrap_or((&selected, reading));
        show(world, &settings, step, selected, reading)
    });
    // A few at a time: the account's people need its API too.
    let shown: Vec<Shown<'_>> = stream::iter(shown).buffered(AT_A_TIME).collect().await;
    let judged = steps.iter().zip(shown).map(|(step, shown)| court.judged(step, shown));
    let changes: Vec<StackChange> = judged.map(|change| overwriting(change, &drifted)).collect();
    settle(&mut plan, &changes);
    Ok(Forecast {
        commit: Some(reading.commit.clone()),
        trouble,
        problems: reading.problems().to_vec(),
        plan,
        changes,
        drifted,
        digest: Digest::of(court.destroyed.join("\n").as_bytes()),
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
        (
            Action::Clear { .. }
            | Action::Continue { .. }
            | Action::RollBack { .. }
            | Action::Remove { .. }
            // No plan holds one: it comes of what was found, and not of what is asked.
            | Action::Heal(_),
            _,
        ) => only(Made::Whole),
        (Action::Create(_), Some(wanted)) => {
            let blob = world.source().blob(&reading.commit, &wanted.manifest.template, TEMPLATE_BYTES).await;
            let (changes, note) = match blob {
                Ok(bytes) => with_imports(template::read(&bytes), &wanted.manifest),
                Err(error) => (Vec::new(), Some(error.to_string())),
            };
            Shown::New { changes, note }
        }
        (Action::Update(asked) | Action::Back(asked, _), Some(wanted)) => {
            let name = format!("holdfast-plan-{}", asked.fingerprint());
            let (made, values) =
                change_set(world, settings, (step, &selected.account, &wanted.manifest), reading, &name).await;
            Shown::Previewed { made, values }
        }
        (Action::Create(_) | Action::Update(_) | Action::Back(..), None) => only(Made::NoChanges { stack_id: None }),
    }
}

/// What is read from the template of a stack that may take in what exists: which that is, nobody asks before the turn.
fn with_imports((changes, note): (Vec<Change>, Option<String>), manifest: &Stack) -> (Vec<Change>, Option<String>) {
    let imports = "what exists already under a name of its template is taken in, and not made (`importExisting`)";
    let imports = manifest.import_existing.then(|| imports.to_owned());
    let notes: Vec<String> = imports.into_iter().chain(note).collect();
    (changes, (!notes.is_empty()).then(|| notes.join("; ")))
}

/// Makes a change set of this name, has it described plainly and with values, and deletes it.
async fn change_set<'a, W: World>(
    world: &W,
    settings: &Settings,
    (step, account, manifest): (&'a Step, &Account, &'a Stack),
    reading: &Reading,
    name: &str,
) -> (Made<'a>, Vec<Change>) {
    let transforms = match request(world, settings, step, (account, manifest), reading, name).await {
        Ok(transforms) => transforms,
        Err(made) => return (made, Vec::new()),
    };
    let set = described(world, settings, step, name).await;
    let values = world.cloud().change_set(&step.key, name, true).await;
    let values = values.map(|set| set.changes).unwrap_or_default();
    let refused = match &set {
        Ok(set) if matches!(outcome(set), Outcome::Refused(_)) => {
            Some(refusal::why(world.cloud(), &step.key, set).await)
        }
        _ => None,
    };
    if let Err(error) = world.cloud().delete_change_set(&step.key, name).await {
        tracing::warn!(stack = %step.key, error = %error.said(), "a change set stays behind");
    }
    let made = set.map(|set| match outcome(&set) {
        Outcome::Ready => Made::Ready(Preview { step, manifest, set, transforms }),
        Outcome::NoChanges => Made::NoChanges { stack_id: Some(set.stack_id) },
        Outcome::Refused(why) => Made::Refused(refused.unwrap_or(why)),
        Outcome::Pending | Outcome::Stale => Made::Refused("its change set could not be had in time".into()),
    });
    (made.unwrap_or_else(|made| made), values)
}

/// Judges one step after the other, each after what those before it would have taken.
struct Court<'a> {
    law: Law,
    memory: Memory,
    selected: &'a Selected,
    now: Timestamp,
    /// The digests of what would be destroyed.
    destroyed: Vec<String>,
}

impl Court<'_> {
    fn judged(&mut self, step: &Step, shown: Shown<'_>) -> StackChange {
        let (made, values) = match shown {
            Shown::Previewed { made, values } => (made, values),
            Shown::New { changes, note } => {
                let verdict = self.added(step, &changes);
                let (key, act, shelved) = (step.key.clone(), step.action.started(), shelved(self.selected, step));
                return StackChange { key, act, changes, shelved, note, verdict, overwrites: Vec::new() };
            }
        };
        let law = self.law.judges((&self.memory, self.selected), None, self.now);
        let (changes, verdict) = match made {
            Made::Ready(preview) => {
                self.destroyed.push(digest(&preview).to_string());
                let judgement = judge(&preview, &law);
                (beside(preview.set.changes, values), self.verdict(judgement))
            }
            Made::Whole => {
                if let Action::Clear { .. } | Action::Remove { .. } = step.action {
                    self.destroyed.push(format!("delete {}", step.key));
                }
                let judgement = judge_whole(step, &law);
                (Vec::new(), judgement.map_or(Verdict::Permitted, |judgement| self.verdict(judgement)))
            }
            Made::NoChanges { .. } => (Vec::new(), Verdict::NoChanges),
            Made::Refused(why) => (Vec::new(), Verdict::Not(why)),
            Made::Trouble(why) => (Vec::new(), Verdict::Not(why.to_string())),
        };
        let (key, act, shelved) = (step.key.clone(), step.action.started(), shelved(self.selected, step));
        StackChange { key, act, changes, shelved, note: None, verdict, overwrites: Vec::new() }
    }

    /// What adds a stack destroys nothing, but may hold what the account has none of.
    fn added(&mut self, step: &Step, changes: &[Change]) -> Verdict {
        let Some(wanted) = self.selected.wanted.get(&step.key) else { return Verdict::NoChanges };
        let (id, stack_id, reason) = (String::new(), String::new(), None);
        let set = ChangeSet {
            id,
            stack_id,
            status: ChangeSetStatus::Ready,
            reason,
            changes: changes.to_vec(),
            reverts: false,
        };
        let preview = Preview { step, manifest: &wanted.manifest, set, transforms: Vec::new() };
        let judgement = judge(&preview, &self.law.judges((&self.memory, self.selected), None, self.now));
        self.verdict(judgement)
    }

    fn verdict(&mut self, judgement: Judgement) -> Verdict {
        match judgement {
            Judgement::Permitted(_, cost) => {
                self.memory.spent.add(self.now, cost.toll);
                Verdict::Permitted
            }
            Judgement::Held(held) => Verdict::Held(held.why),
            Judgement::Later(why) => Verdict::Later(why.to_string()),
        }
    }
}

/// What is put into the artifact bucket for a step.
fn shelved(selected: &Selected, step: &Step) -> Vec<(RepoPath, String)> {
    let made = matches!(step.action, Action::Create(_) | Action::Update(_));
    let wanted = selected.wanted.get(&step.key).filter(|_| made);
    let Some(Wanted { manifest, artifacts, objects, .. }) = wanted else { return Vec::new() };
    let packed = manifest.artifacts.iter().filter_map(|one| Some((one.path.clone(), artifacts.get(&one.key)?.clone())));
    // What is no artifact is the template, or nested in it.
    let templates = objects.iter().filter(|key| !artifacts.values().any(|artifact| artifact == *key));
    packed.chain(templates.map(|key| (manifest.template.clone(), key.clone()))).collect()
}

/// The same, with what it changes that somebody else changed before.
fn overwriting(mut change: StackChange, drifted: &BTreeMap<StackKey, Vec<Finding>>) -> StackChange {
    let is_changed =
        |finding: &&Finding| change.changes.iter().any(|one| one.logical.as_str() == finding.logical.as_str());
    let found = drifted.get(&change.key).into_iter().flatten();
    change.overwrites = found.filter(is_changed).cloned().collect();
    change
}

/// The plain description decides what is listed; the detailed one, which may lack resources, only adds values to it.
pub(crate) fn beside(plain: Vec<Change>, values: Vec<Change>) -> Vec<Change> {
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
