//! Has CloudFormation say what a step would do: one change set, waited for, described plainly.

use crate::{
    cloud::{ChangeSetRequest, Clock, Cloud, CloudError, Template, Trouble as Kind, trouble::why_of},
    pace::{Pace, Pacing},
    package::Package,
    reading::Reading,
    refusal, shelve,
    world::{Settings, World},
};
use jiff::SignedDuration;
use manifests::{
    id::{Arn, Digest, StackKey},
    stack::{Capability, Stack},
};
use plan::{
    adopt::Existing,
    asked::Asked,
    facts::ChangeSet,
    preview::{Outcome, Preview, outcome},
    select::{Account, Selected},
    step::{Action, Step},
    why::Why,
};
use std::collections::{BTreeMap, BTreeSet};

/// The most that travels inside a request (CloudFormation quotas); larger templates go through a bucket.
pub(crate) const INLINE_BYTES: usize = 51_200;
/// The longest that a change set is waited for. CloudFormation takes seconds; nested and macro templates take minutes.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// What came of previewing a step.
#[derive(Debug)]
pub(crate) enum Made<'a> {
    /// A change set to judge.
    Ready(Preview<'a>),
    /// Nothing to preview: it is done to a whole stack.
    Whole,
    /// The stack is what is asked already.
    NoChanges {
        /// The stack's ARN, if it was asked for.
        stack_id: Option<String>,
    },
    /// The request is wrong.
    Refused(String),
    /// It could not be had this time.
    Trouble(Why),
}

/// Previews a step.
pub(crate) async fn make<'a, W: World>(
    world: &W,
    settings: &Settings,
    step: &'a Step,
    selected: &'a Selected,
    reading: &Reading,
) -> Made<'a> {
    match &step.action {
        // A heal asks for nothing that a manifest says: it has a preview of its own.
        Action::Heal(_) => Made::Trouble(Why::Trouble("it is put back otherwise".into())),
        Action::Clear { .. } | Action::Continue { .. } | Action::RollBack { .. } | Action::Remove { .. } => Made::Whole,
        Action::Create(_) | Action::Update(_) | Action::Back(..) => {
            let Some(wanted) = selected.wanted.get(&step.key) else {
                return Made::Trouble(Why::Trouble("it is no longer wanted".into()));
            };
            change_set(world, settings, step, (&selected.account, &wanted.manifest), reading)
                .await
                .unwrap_or_else(|made| made)
        }
    }
}

/// Asks for the change set and waits until it is made; the error is an outcome too.
async fn change_set<'a, W: World>(
    world: &W,
    settings: &Settings,
    step: &'a Step,
    (account, manifest): (&Account, &'a Stack),
    reading: &Reading,
) -> Result<Made<'a>, Made<'a>> {
    let Some(asked) = step.action.asked() else { return Ok(Made::NoChanges { stack_id: None }) };
    let name = asked.fingerprint().change_set();
    let transforms = request(world, settings, step, (account, manifest), reading, &name).await?;
    let set = described(world, settings, step, &name).await?;
    Ok(match outcome(&set) {
        Outcome::Ready => Made::Ready(Preview { step, manifest, set, transforms }),
        Outcome::Pending => Made::Trouble(Why::Trouble("its change set is still being made".into())),
        Outcome::NoChanges => {
            discard(world, step, &name).await;
            Made::NoChanges { stack_id: Some(set.stack_id) }
        }
        Outcome::Refused(_) => {
            let why = refusal::why(world.cloud(), &step.key, &set).await;
            discard(world, step, &name).await;
            Made::Refused(why)
        }
        Outcome::Stale => {
            discard(world, step, &name).await;
            Made::Trouble(Why::Trouble("the stack has moved since its change set was made".into()))
        }
    })
}

/// Creates the change set of a step under this name. Answers what rewrites its template.
pub(crate) async fn request<'a, W: World>(
    world: &W,
    settings: &Settings,
    step: &Step,
    (account, manifest): (&Account, &Stack),
    reading: &Reading,
    name: &str,
) -> Result<Vec<String>, Made<'a>> {
    let Some(asked) = step.action.asked() else { return Ok(Vec::new()) };
    let package = reading.package(world.source(), &manifest.template).await;
    let package = package.map_err(|why| Made::Trouble(Why::Trouble(why)))?;
    let place = (account, &step.key);
    shelve::bundles(world, settings, place, (manifest, reading)).await?;
    let url = shelved(world, settings, place, &package).await?;
    let template = sent(&package, url.as_deref());
    let description = format!("{} at {} ({})", manifest.name, reading.commit, manifest.at.file);
    let kept = BTreeSet::new();
    let request = ChangeSetRequest {
        key: &step.key,
        create: matches!(step.action, Action::Create(_)),
        nested: package.nested(),
        revert: false,
        name,
        template,
        asked,
        kept: &kept,
        description: &description,
    };
    world.cloud().create_change_set(&request).await.map_err(|error| made_of(&error))?;
    Ok(package.transforms())
}

/// Puts a template that does not fit into a request where CloudFormation reads it. Answers its URL.
pub(crate) async fn shelved<'a, W: World>(
    world: &W,
    settings: &Settings,
    place: (&Account, &StackKey),
    package: &Package,
) -> Result<Option<String>, Made<'a>> {
    match package.inline() {
        Some(_) => Ok(None),
        None => shelve::template(world, settings, place, package).await.map(Some),
    }
}

/// How a template travels.
pub(crate) fn sent<'t>(package: &'t Package, url: Option<&'t str>) -> Template<'t> {
    match (package.inline(), url) {
        (Some(text), _) => Template::Inline(text),
        (None, url) => Template::Url(url.unwrap_or_default()),
    }
}

/// A change set, once it is made: plainly described, because that is what the guard has to see.
pub(crate) async fn described<'a, W: World>(
    world: &W,
    settings: &Settings,
    step: &Step,
    name: &str,
) -> Result<ChangeSet, Made<'a>> {
    let set = waited_for(world.cloud(), world.clock(), settings.poll, &step.key, name).await;
    set.map_err(|error| Made::Trouble(why_of(&error)))
}

/// A change set, once it is made, or after as long as that can take: plainly described.
pub(crate) async fn waited_for<C: Cloud, K: Clock>(
    cloud: &C,
    clock: &K,
    poll: Pacing,
    key: &StackKey,
    name: &str,
) -> Result<ChangeSet, CloudError> {
    let mut pace = Pace::new(poll);
    let until = clock.now().checked_add(LONGEST).unwrap_or(jiff::Timestamp::MAX);
    loop {
        let set = cloud.change_set(key, name, false).await?;
        if outcome(&set) != Outcome::Pending || clock.now() >= until {
            return Ok(set);
        }
        clock.sleep(pace.wait()).await;
    }
}

/// Deletes a change set that nobody will execute. One that stays behind harms nobody, so a failure is only noted.
async fn discard<W: World>(world: &W, step: &Step, name: &str) {
    if let Err(error) = world.cloud().delete_change_set(&step.key, name).await {
        tracing::warn!(stack = %step.key, %error, "a change set stays behind");
    }
}

/// What a refused `CreateChangeSet` means: a request that is wrong stays wrong until the commit changes.
fn made_of<'a>(error: &CloudError) -> Made<'a> {
    match error.problem {
        Kind::Invalid => Made::Refused(error.to_string()),
        Kind::Unavailable
        | Kind::Denied
        | Kind::Credentials
        | Kind::NotFound
        | Kind::Busy
        | Kind::AlreadyExists
        | Kind::Limit
        | Kind::Other => Made::Trouble(why_of(error)),
    }
}

/// What a stack is asked to be already, and the parameters whose values it keeps: all of them.
pub(crate) fn as_it_is(existing: &Existing) -> Option<(Asked, BTreeSet<String>)> {
    let capabilities = existing.capabilities.iter().map(|word| Capability::from_word(word));
    let alarms = existing.alarms.iter().filter(|(_, kind)| kind == "AWS::CloudWatch::Alarm");
    let alarms: Option<Vec<Arn>> = alarms.map(|(arn, _)| arn.parse().ok()).collect();
    let role = match &existing.role {
        Some(role) => Some(role.parse().ok()?),
        None => None,
    };
    let parameters: BTreeMap<String, String> = existing.found.parameters.clone();
    let kept = parameters.keys().cloned().collect();
    let asked = Asked {
        template: Digest::of(b""),
        parameters,
        tags: existing.found.tags.clone(),
        capabilities: capabilities.collect::<Option<_>>()?,
        role,
        alarms: alarms?,
        monitor_min: existing.monitor_min,
        import_existing: false,
    };
    Some((asked, kept))
}
