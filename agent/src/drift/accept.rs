//! `holdfast drift accept`: the patch to template or manifest by which git says what is in the account, and the proof that
//! it does.
//!
//! The proof is CloudFormation's: a change set of the patched template that goes by what is really there, and has nothing to
//! do to what was accepted but to take note of it. It is deleted again.
//!
//! Not here: how a text is patched ([`crate::patch`]), and any commit: whoever asked applies the patch, or does not.

use super::{
    Meant, named, nobody_looks,
    proof::{self, Proof, proof},
};
use crate::{
    error::{CommandError, Exit},
    git::Source,
    look::selected,
    patch::{self, Patched, Unpatched, Wish},
    reading::{Reading, TEMPLATE_BYTES},
    rounds::{Rounds, StackDrift},
    turn::{Standing, Start, start},
    world::{Settings, World},
};
use manifests::{id::RepoPath, parse::MAX_FILE, stack::Stack};
use plan::select::{Account, Selected};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};

/// What git would have to say, and whether that is enough.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Accepted {
    /// The commit that the patch is for.
    pub commit: String,
    /// What `git apply` takes.
    pub patch: String,
    /// What CloudFormation says of it, for each stack that the manifest asks for in this account.
    pub proofs: Vec<Proof>,
    /// Files of other manifests whose templates change with it.
    pub shared: Vec<String>,
}

impl Accepted {
    /// What it ends with: a patch that proves nothing needs a person.
    pub(crate) fn exit(&self) -> Exit {
        if self.proofs.iter().all(Proof::holds) { Exit::Done } else { Exit::Held }
    }
}

/// The files of a commit before and after.
struct Written {
    before: String,
    patched: Patched,
    patch: String,
}

/// What is patched, and where it is.
pub(super) struct Site<'a> {
    pub(super) account: &'a Account,
    pub(super) reading: &'a Reading,
    pub(super) manifest: &'a Stack,
}

/// The patch that makes git agree with the account about one stack, or one resource of it, and its proof.
///
/// # Errors
/// When nothing drifted, the stack is not what the repository asks for otherwise, one of the differences can't be written
/// (every one is named), or `stop` comes.
pub(crate) async fn accept<W: World>(
    world: &W,
    settings: &Settings,
    meant: &Meant,
    stop: impl Future<Output = ()>,
) -> Result<Accepted, CommandError> {
    let stack = named(&meant.stack)?;
    let mut standing = Standing::default();
    let (Start { account, begin, reading }, _) = start(world, settings, &mut standing).await?;
    let Some(reading) = reading else { return Err(nobody_looks(&stack)) };
    let mut rounds = Rounds::new(world, settings, begin);
    let all = rounds.drifting(reading, &account, Some(&stack), true).await?;
    if all.is_empty() {
        return Err(nobody_looks(&stack));
    }
    let found = all.clone();
    let all = super::only(all, meant)?;
    if let (None, Some(why)) = (&meant.resource, all.iter().find_map(StackDrift::doubt)) {
        return Err(CommandError::Refused(format!(
            "what drifted in `{stack}` is not known in whole ({why}): say which resource is meant"
        )));
    }
    if let Some(stack) = all.iter().find(|stack| !stack.settled) {
        return Err(CommandError::Refused(format!(
            "`{}` is not yet what commit {} asks for, so nobody can say what accepting it comes to; `holdfast status` says why",
            stack.key.stack,
            reading.commit.short()
        )));
    }
    let selected = selected(world, settings, reading, &account).await;
    let site = Site { account: &account, reading, manifest: one_manifest(&all, &selected)? };
    let written = written(world, &site, &all).await?;
    // The manifest's other stacks change with it, whether anybody looks for drift of them or not.
    let keys = selected.wanted.iter().filter(|(_, wanted)| wanted.manifest.name == site.manifest.name);
    let (mut stop, mut proofs) = (pin!(stop), Vec::new());
    for (key, _) in keys {
        let of = |all: &'_ [StackDrift]| all.iter().position(|stack| stack.key == *key);
        let accepted = of(&all).into_iter().flat_map(|at| &all[at].resources);
        let accepted = accepted.map(|one| one.finding.logical.as_str()).collect();
        let drifted = of(&found).map_or(&[][..], |at| &found[at].resources);
        let stack = proof::Stack { key, accepted, drifted };
        proofs.push(proof(world, settings, &site, &written.patched, &stack, stop.as_mut()).await?);
    }
    let shared = shared(world, &site, &written).await;
    Ok(Accepted { commit: reading.commit.to_string(), patch: written.patch, proofs, shared })
}

/// The manifest that asks for all of these stacks.
fn one_manifest<'s>(all: &[StackDrift], selected: &'s Selected) -> Result<&'s Stack, CommandError> {
    let asks = |stack: &StackDrift| selected.wanted.get(&stack.key).map(|wanted| &*wanted.manifest);
    let manifests: Vec<&Stack> = all.iter().filter_map(asks).collect();
    let names: BTreeSet<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    match manifests.first() {
        Some(first) if names.len() == 1 => Ok(first),
        Some(_) | None => {
            let places = all.iter().map(|stack| format!("`{}` of {}", stack.key, stack.manifest));
            let places: Vec<String> = places.collect();
            Err(CommandError::Refused(format!(
                "several manifests ask for a stack of this name: say which is meant, {}",
                places.join(" or ")
            )))
        }
    }
}

/// Other manifests whose templates change with this one, because theirs is the same or has it nested in it.
async fn shared<W: World>(world: &W, site: &Site<'_>, written: &Written) -> Vec<String> {
    let (mut shared, mut known) = (Vec::new(), BTreeMap::new());
    let path = &site.manifest.template;
    if written.before == written.patched.template {
        return shared;
    }
    for other in site.reading.repository.stacks.values().filter(|other| other.name != site.manifest.name) {
        let changes = match known.get(&other.template) {
            Some(changes) => *changes,
            None => {
                let digest = async |text: &str| {
                    let package = site.reading.package_with(world.source(), &other.template, Some((path, text))).await;
                    package.map(|package| package.digest())
                };
                // One that can't be read is said to be so by `holdfast validate`, and asks for nothing.
                let (before, after) = (digest(&written.before).await, digest(&written.patched.template).await);
                before.is_ok() && before != after
            }
        };
        known.insert(other.template.clone(), changes);
        shared.extend(changes.then(|| other.at.file.to_string()));
    }
    shared
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
    Ok(Written { before: template, patched, patch })
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
        if let Some(one) = resource.differences.iter().find(|one| one.how == "NOT_EQUAL" && one.actual == "null") {
            return Err(CommandError::Refused(format!(
                "{logical} has nothing at {}, and CloudFormation does not say whether that was taken out: change the template by \
                 hand",
                one.path
            )));
        }
        wishes.extend(resource.differences.iter().map(|one| Wish {
            logical,
            path: &one.path,
            expected: &one.expected,
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
