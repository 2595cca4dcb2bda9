//! `holdfast drift accept`: the patch to template or manifest by which git says what is in the account, and the proof that
//! it does.
//!
//! The proof is CloudFormation's: a change set of the patched template that goes by what is really there, and has nothing to
//! do to what was accepted but to take note of it. It is deleted again.
//!
//! Not here: how a text is patched ([`crate::patch`]), and any commit: whoever asked applies the patch, or does not.

use super::{Meant, named, nobody_looks};
use crate::{
    cloud::{ChangeSetRequest, Cloud},
    error::{CommandError, Exit},
    git::Source,
    look::selected,
    patch::{self, Patched, Unpatched, Wish},
    preview::{Made, as_it_is, sent, shelved, waited_for},
    reading::{Reading, TEMPLATE_BYTES},
    refusal,
    rounds::{Rounds, StackDrift},
    turn::{Standing, Start, start},
    world::{Settings, World, now},
};
use manifests::{
    id::{Digest, RepoPath, StackKey},
    parse::MAX_FILE,
    stack::Stack,
};
use plan::{
    facts::{Action, Change, ChangeSet},
    preview::{Outcome, outcome},
    select::Account,
};

/// What git would have to say, and whether that is enough.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Accepted {
    /// The commit that the patch is for.
    pub commit: String,
    /// What `git apply` takes.
    pub patch: String,
    /// What CloudFormation says of it, for each stack that drifted.
    pub proofs: Vec<Proof>,
    /// Other manifests that use the same template, and so change with it.
    pub shared: Vec<String>,
}

/// What CloudFormation says of a patch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Proof {
    /// Which stack, with its region.
    pub stack: String,
    /// Why it is no proof; without it, what was accepted would change in nothing.
    pub doubt: Option<String>,
    /// What else of the stack is not as asked, and stays so.
    pub beside: Vec<String>,
}

impl Accepted {
    /// What it ends with: a patch that proves nothing needs a person.
    pub(crate) fn exit(&self) -> Exit {
        if self.proofs.iter().all(|proof| proof.doubt.is_none()) { Exit::Done } else { Exit::Held }
    }
}

/// The files of a commit before and after.
struct Written {
    patched: Patched,
    patch: String,
}

/// What is patched, and where it is.
struct Site<'a> {
    account: &'a Account,
    reading: &'a Reading,
    manifest: &'a Stack,
}

/// The patch that makes git agree with the account about one stack, or one resource of it, and its proof.
///
/// # Errors
/// When nothing drifted, the stack is not what the repository asks for otherwise, or one of the differences can't be written:
/// every one is named.
pub(crate) async fn accept<W: World>(world: &W, settings: &Settings, meant: &Meant) -> Result<Accepted, CommandError> {
    let stack = named(&meant.stack)?;
    let mut standing = Standing::default();
    let (Start { account, begin, reading }, _) = start(world, settings, &mut standing).await?;
    let Some(reading) = reading else { return Err(nobody_looks(&stack)) };
    let mut rounds = Rounds::new(world, settings, begin);
    let all = rounds.drifting(reading, &account, Some(&stack), true).await?;
    if all.is_empty() {
        return Err(nobody_looks(&stack));
    }
    let all = super::only(all, meant)?;
    if let Some(stack) = all.iter().find(|stack| !stack.settled) {
        return Err(CommandError::Refused(format!(
            "`{}` is not yet what commit {} asks for, so nobody can say what accepting it comes to; `holdfast status` says why",
            stack.key.stack,
            reading.commit.short()
        )));
    }
    let selected = selected(world, settings, reading, &account).await;
    let Some(wanted) = all.first().and_then(|stack| selected.wanted.get(&stack.key)) else {
        return Err(nobody_looks(&stack));
    };
    let site = Site { account: &account, reading, manifest: &wanted.manifest };
    let written = written(world, &site, &all).await?;
    let mut proofs = Vec::new();
    for stack in &all {
        proofs.push(proof(world, settings, &site, &written.patched, stack).await);
    }
    Ok(Accepted { commit: reading.commit.to_string(), patch: written.patch, proofs, shared: shared(&site) })
}

/// Other manifests whose stacks have the same template.
fn shared(site: &Site<'_>) -> Vec<String> {
    let others = site.reading.repository.stacks.values();
    let others = others.filter(|other| other.name != site.manifest.name);
    others.filter(|other| other.template == site.manifest.template).map(|other| other.at.file.to_string()).collect()
}

async fn written<W: World>(world: &W, site: &Site<'_>, all: &[StackDrift]) -> Result<Written, CommandError> {
    let Site { reading, manifest, .. } = site;
    let template = text(world, reading, (&manifest.template, TEMPLATE_BYTES)).await?;
    let patched = patch::template(&template, &wishes(all)?).map_err(|all| unwritten(&all))?;
    let mut patch = patch::diff(manifest.template.as_str(), &template, &patched.template);
    if !patched.parameters.is_empty() {
        let file = &manifest.at.file;
        let before = text(world, reading, (file, MAX_FILE)).await?;
        let mut after = before.clone();
        for (name, value) in &patched.parameters {
            after = patch::manifest_of(&after, manifest.name.as_str(), name, value)
                .map_err(|why| CommandError::Refused(format!("{file} can't say it: {why}")))?;
        }
        patch.push_str(&patch::diff(file.as_str(), &before, &after));
    }
    Ok(Written { patched, patch })
}

/// A file of the commit, as text.
async fn text<W: World>(world: &W, reading: &Reading, (path, most): (&RepoPath, u64)) -> Result<String, CommandError> {
    let bytes = world.source().blob(&reading.commit, path, most).await;
    let bytes = bytes.map_err(|error| CommandError::Refused(format!("`{path}` could not be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| CommandError::Refused(format!("`{path}` is not UTF-8")))
}

/// Everything that git should agree with.
fn wishes(all: &[StackDrift]) -> Result<Vec<Wish<'_>>, CommandError> {
    let mut wishes = Vec::new();
    for resource in all.iter().flat_map(|stack| &stack.resources) {
        let logical = resource.finding.logical.as_str();
        if resource.finding.gone {
            return Err(CommandError::Refused(format!(
                "{logical} was deleted, and what refers to it is for people to say: take it out of the template by hand, or have \
                 it made again with `holdfast drift heal`"
            )));
        }
        if resource.differences.is_empty() {
            return Err(CommandError::Refused(format!(
                "CloudFormation does not say in what {logical} differs: change the template by hand"
            )));
        }
        wishes.extend(resource.differences.iter().map(|one| Wish {
            logical,
            path: &one.path,
            actual: (one.how != "REMOVE").then_some(one.actual.as_str()),
            add: one.how == "ADD",
        }));
    }
    Ok(wishes)
}

fn unwritten(all: &[Unpatched]) -> CommandError {
    let lines: Vec<String> =
        all.iter().map(|Unpatched { logical, path, why }| format!("\n  {logical} {path}: {why}")).collect();
    CommandError::Refused(format!("no patch can be made of it:{}", lines.concat()))
}

/// Has CloudFormation say what the patched template would change of a stack as it is.
async fn proof<W: World>(
    world: &W,
    settings: &Settings,
    site: &Site<'_>,
    patched: &Patched,
    stack: &StackDrift,
) -> Proof {
    let key = &stack.key;
    // One that stayed behind was made of what was there at another time, and shows nothing now.
    let name = format!(
        "holdfast-accept-{}-{}",
        Digest::of(patched.template.as_bytes()).short(16),
        now(world).as_millisecond()
    );
    let set = tried(world, settings, site, (patched, key), &name).await;
    if let Err(error) = world.cloud().delete_change_set(key, &name).await {
        tracing::warn!(stack = %key, error = %error.said(), "a change set stays behind");
    }
    let (doubt, beside) = match set {
        Ok(set) => said(&set, stack),
        Err(why) => (Some(why), Vec::new()),
    };
    Proof { stack: key.to_string(), doubt, beside }
}

/// What a change set says of what was accepted, and of everything else.
fn said(set: &ChangeSet, stack: &StackDrift) -> (Option<String>, Vec<String>) {
    let named = |change: &&Change| {
        let meant = |one: &crate::rounds::ResourceDrift| one.finding.logical.as_str() == change.logical.as_str();
        stack.resources.iter().any(meant)
    };
    let name = |change: &Change| format!("{} ({})", change.logical, change.kind);
    let told = |change: &Change| {
        let action = change.action.map_or("change in a way that this version does not know", Action::as_str);
        format!("{action} {}", name(change))
    };
    let real = set.changes.iter().filter(|change| change.action != Some(Action::SyncWithActual));
    let (meant, beside): (Vec<&Change>, Vec<&Change>) = real.partition(named);
    let beside = beside.into_iter().map(name).collect();
    if meant.is_empty() {
        return (None, beside);
    }
    let still: Vec<String> = meant.into_iter().map(told).collect();
    (Some(format!("CloudFormation would still {}", still.join(", "))), beside)
}

/// The change set, described.
async fn tried<W: World>(
    world: &W,
    settings: &Settings,
    site: &Site<'_>,
    (patched, key): (&Patched, &StackKey),
    name: &str,
) -> Result<ChangeSet, String> {
    let cloud = world.cloud();
    let package = site.reading.package_with(world.source(), &site.manifest.template, Some(&patched.template)).await?;
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
    cloud.create_change_set(&request).await.map_err(|error| error.said())?;
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
