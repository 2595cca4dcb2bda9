//! What CloudFormation says of a patch: a change set of the patched template that goes by what is really there. It is
//! deleted again, whatever comes of it.
//!
//! Not here: the patch itself ([`super::accept`]).

use super::accept::Site;
use crate::{
    cloud::{ChangeSetRequest, Clock, Cloud, CloudError, Trouble as Kind},
    error::CommandError,
    pace::Pace,
    patch::Patched,
    preview::{Made, as_it_is, sent, shelved, waited_for},
    refusal,
    rounds::ResourceDrift,
    world::{Settings, World, now},
};
use manifests::id::{Digest, StackKey};
use plan::{
    facts::{Action, Change, ChangeSet, Detail, Seen},
    guard::{Harm, harm},
    preview::{Outcome, outcome},
};
use std::pin::Pin;

/// What CloudFormation says of a patch.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Proof {
    /// Which stack, with its region.
    pub stack: String,
    /// Why it is no proof; without it, what was accepted would change in nothing.
    pub doubt: Option<String>,
    /// What would be done to other resources because of the patch.
    pub follows: Vec<String>,
    /// What else of the stack somebody changed, which stays as it is.
    pub beside: Vec<String>,
    /// The change set, if it could not be deleted, and why.
    pub left: Option<String>,
}

impl Proof {
    /// Whether CloudFormation would do nothing because of the patch.
    pub(super) fn holds(&self) -> bool {
        self.doubt.is_none() && self.follows.is_empty()
    }

    /// What a change set says of what was accepted, of what the patch does besides, and of what is none of its business.
    fn read(&mut self, set: &ChangeSet, meant: &Stack<'_>) {
        let mut still = Vec::new();
        for change in set.changes.iter().filter(|change| change.action != Some(Action::SyncWithActual)) {
            if meant.accepted.contains(&change.logical.as_str()) {
                still.push(told(change));
            } else if is_beside(change, meant.drifted) {
                self.beside.push(name(change));
            } else {
                self.follows.push(told(change));
            }
        }
        if !still.is_empty() {
            self.doubt = Some(format!("CloudFormation would still {}", still.join(", ")));
        }
    }
}

/// A stack of the manifest.
pub(super) struct Stack<'a> {
    /// Which.
    pub(super) key: &'a StackKey,
    /// The resources of it that git is to agree with.
    pub(super) accepted: Vec<&'a str>,
    /// Everything that somebody changed in it.
    pub(super) drifted: &'a [ResourceDrift],
}

/// Whether a change only undoes what somebody did to a resource, and the patch has no part in it.
fn is_beside(change: &Change, drifted: &[ResourceDrift]) -> bool {
    if !matches!(change.drift, Some(Seen::Modified | Seen::Deleted)) || harm(change) != Harm::Nothing {
        return false;
    }
    // What is noise here, or ignored, is no finding, and nobody can tell.
    let Some(found) = drifted.iter().find(|one| one.finding.logical.as_str() == change.logical.as_str()) else {
        return true;
    };
    let differs = |place: &str| found.differences.iter().any(|one| one.path.split('/').nth(1) == Some(place));
    found.finding.gone || change.details.iter().map(Detail::place).all(differs)
}

fn name(change: &Change) -> String {
    format!("{} ({})", change.logical, change.kind)
}

fn told(change: &Change) -> String {
    let action = change.action.map_or("change in a way that this version does not know", Action::as_str);
    let action = if harm(change) == Harm::Replaces { "replace" } else { action };
    format!("{action} {}", name(change))
}

/// Has CloudFormation say what the patched template would change of a stack as it is.
///
/// # Errors
/// When somebody said stop first.
pub(super) async fn proof<W: World>(
    world: &W,
    settings: &Settings,
    site: &Site<'_>,
    patched: &Patched,
    stack: &Stack<'_>,
    stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<Proof, CommandError> {
    let key = stack.key;
    // One that stayed behind was made of what was there at another time, and shows nothing now.
    let name = format!(
        "holdfast-accept-{}-{}",
        Digest::of(patched.template.as_bytes()).short(16),
        now(world).as_millisecond()
    );
    // A request that is on its way is not called back: a delete that overtakes it would find nothing.
    let asked = asked(world, settings, site, (patched, key), &name).await;
    let set = tokio::select! {
        set = come(world, settings, key, (&name, asked)) => Some(set),
        // What was asked for and not waited for is deleted all the same.
        () = stop => None,
    };
    let left = delete(world, settings, key, &name).await.err();
    let left = left.map(|error| format!("the change set `{name}` stays behind, and harms nobody: {}", error.said()));
    let Some(set) = set else {
        let left = left.map(|left| format!("; {left}")).unwrap_or_default();
        let why = format!("stopped before CloudFormation had said what the patch comes to; nothing was changed{left}");
        return Err(CommandError::Refused(why));
    };
    let mut proof = Proof { stack: key.to_string(), left, ..Proof::default() };
    match set {
        Ok(set) => proof.read(&set, stack),
        Err(why) => proof.doubt = Some(why),
    }
    Ok(proof)
}

/// Deletes a change set. One that is still being made can't be deleted yet.
async fn delete<W: World>(world: &W, settings: &Settings, key: &StackKey, name: &str) -> Result<(), CloudError> {
    const TIMES: usize = 8;
    let mut pace = Pace::new(settings.poll);
    let mut tried = Ok(());
    for _ in 0..TIMES {
        tried = world.cloud().delete_change_set(key, name).await;
        match tried.as_ref().map_err(|error| error.problem) {
            Ok(()) | Err(Kind::Denied | Kind::Credentials | Kind::NotFound | Kind::Limit) => return tried,
            Err(Kind::Busy | Kind::Unavailable | Kind::Invalid | Kind::AlreadyExists | Kind::Other) => {
                world.clock().sleep(pace.wait()).await;
            }
        }
    }
    tried
}

/// Asks for the change set.
async fn asked<W: World>(
    world: &W,
    settings: &Settings,
    site: &Site<'_>,
    (patched, key): (&Patched, &StackKey),
    name: &str,
) -> Result<(), String> {
    let cloud = world.cloud();
    let template = &site.manifest.template;
    let package = site.reading.package_with(world.source(), template, Some((template, &patched.template))).await?;
    let url = shelved(world, settings, (site.account, key), &package).await.map_err(|made| why(&made))?;
    let existing = cloud.stack(key).await.map_err(|error| error.said())?.ok_or("it is gone")?;
    let (mut asked, mut kept) = as_it_is(&existing)
        .ok_or("its capabilities or its role are written in a way that this version does not know")?;
    for (name, value) in &patched.parameters {
        asked.parameters.insert(name.clone(), value.clone());
        kept.remove(name);
    }
    let request = ChangeSetRequest {
        key,
        create: false,
        nested: false,
        revert: true,
        name,
        template: sent(&package, url.as_deref()),
        asked: &asked,
        kept: &kept,
        description: "shows that git would say what is there; never executed",
    };
    cloud.create_change_set(&request).await.map_err(|error| error.said())
}

/// The change set, once it is made.
async fn come<W: World>(
    world: &W,
    settings: &Settings,
    key: &StackKey,
    (name, asked): (&str, Result<(), String>),
) -> Result<ChangeSet, String> {
    asked?;
    let cloud = world.cloud();
    let set = waited_for(cloud, world.clock(), settings.poll, key, name).await.map_err(|error| error.said())?;
    match outcome(&set) {
        Outcome::Ready if !set.reverts => {
            Err("CloudFormation made a change set that does not go by what is really there".into())
        }
        Outcome::Ready => Ok(set),
        Outcome::NoChanges => Ok(ChangeSet { changes: Vec::new(), ..set }),
        Outcome::Refused(_) => Err(refusal::why(cloud, key, &set).await),
        Outcome::Pending => Err("its change set is still being made".into()),
        Outcome::Stale => Err("the stack has moved since its change set was made".into()),
    }
}

fn why(made: &Made<'_>) -> String {
    match made {
        Made::Refused(why) => why.clone(),
        Made::Trouble(why) => why.to_string(),
        Made::Ready(_) | Made::Whole | Made::NoChanges { .. } => "the template could not be put anywhere".into(),
    }
}
