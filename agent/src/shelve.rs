//! Puts what a stack is made of where CloudFormation can read it, and takes away what nothing uses any more.
//!
//! Where something goes and what may go is decided in [`plan::shelf`]; this is the order in which it is asked for: what is
//! nested first, because what it is nested in has to name it.

use crate::{
    cloud::trouble::why_of,
    cloud::{Cloud, Put},
    package::{Package, too_large},
    preview::Made,
    reading::Reading,
    world::{Settings, World, now},
};
use manifests::{
    id::{Digest, StackKey},
    stack::Stack,
};
use plan::{
    facts::Found,
    select::{Account, Selected, Wanted},
    shelf::{self, Rules, Shelf},
    why::Why,
};
use std::collections::{BTreeMap, BTreeSet};

/// Says to the template's parameters where the stack's artifacts are.
pub(crate) fn artifacts(
    rules: Option<&Rules>,
    reading: &Reading,
    account: &Account,
    key: &StackKey,
    wanted: &mut Wanted,
) -> Result<(), String> {
    for artifact in &wanted.manifest.artifacts {
        let rules =
            rules.ok_or("the stack has artifacts, and no bucket for them is configured (`--artifact-bucket`)")?;
        let shelf = rules.shelf(account, &key.region);
        if shelf.region != key.region {
            return Err(format!(
                "its artifacts would lie in {}, and what takes code wants it in its own region: put `{{region}}` into \
                 `--artifact-bucket`",
                shelf.region
            ));
        }
        let object = rules.artifact(&reading.artifact(&artifact.path)?);
        wanted.artifacts.insert(artifact.bucket.clone(), shelf.bucket);
        wanted.artifacts.insert(artifact.key.clone(), object.clone());
        wanted.objects.insert(object);
    }
    Ok(())
}

/// The bucket of a stack, and the rules for it.
fn place<'s>(settings: &'s Settings, account: &Account, key: &StackKey) -> Option<(&'s Rules, Shelf)> {
    settings.shelving.as_ref().map(|rules| (rules, rules.shelf(account, &key.region)))
}

/// Puts a template and all that is nested in it into the bucket, and answers its URL.
pub(crate) async fn template<'a, W: World>(
    world: &W,
    settings: &Settings,
    (account, key): (&Account, &StackKey),
    package: &Package,
) -> Result<String, Made<'a>> {
    let Some((rules, shelf)) = place(settings, account, key) else {
        let what = if package.parts().len() > 1 { "has files nested in it" } else { "is larger than 51,200 bytes" };
        let why = format!("the template {what}, and no bucket for it is configured (`--artifact-bucket`)");
        return Err(Made::Trouble(Why::Refused(why)));
    };
    let mut urls: BTreeMap<Digest, String> = BTreeMap::new();
    let mut last = String::new();
    for part in package.parts() {
        let text = part.said(&urls);
        if let Some(why) = too_large(&text) {
            return Err(Made::Refused(why));
        }
        let object = rules.template(&part.digest);
        let put = Put { shelf: &shelf, key: &object, body: text.as_bytes(), fresh: rules.fresh(now(world)) };
        // Whatever is wrong with the bucket is the account's to mend, and no commit's.
        last = world.cloud().put(&put).await.map_err(|error| Made::Trouble(why_of(&error)))?;
        urls.insert(part.digest, last.clone());
    }
    Ok(last)
}

/// Puts a stack's artifacts into the bucket.
pub(crate) async fn bundles<'a, W: World>(
    world: &W,
    settings: &Settings,
    (account, key): (&Account, &StackKey),
    (manifest, reading): (&Stack, &Reading),
) -> Result<(), Made<'a>> {
    let Some((rules, shelf)) = place(settings, account, key) else { return Ok(()) };
    for artifact in &manifest.artifacts {
        let trouble = |why: String| Made::Trouble(Why::Trouble(why));
        let zip = reading.zip(world.source(), &artifact.path).await.map_err(trouble)?;
        let object = rules.artifact(&Digest::of(&zip));
        let put = Put { shelf: &shelf, key: &object, body: &zip, fresh: rules.fresh(now(world)) };
        world.cloud().put(&put).await.map_err(|error| Made::Trouble(why_of(&error)))?;
    }
    Ok(())
}

/// Deletes what lies in the buckets of all regions in use, is old enough, and is used by nothing. What goes wrong is only
/// noted: nobody waits for it, and it is tried again another day.
pub(crate) async fn sweep<W: World>(
    world: &W,
    rules: &Rules,
    selected: &Selected,
    found: &Found,
    used: &BTreeSet<String>,
) {
    let shelves: BTreeSet<Shelf> = found.regions.iter().map(|region| rules.shelf(&selected.account, region)).collect();
    for shelf in shelves {
        let listed = match world.cloud().shelved(&shelf, &rules.prefix()).await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(bucket = %shelf.bucket, error = %error.said(), "what is unused could not be looked for");
                continue;
            }
        };
        let unused = rules.unused(&listed, used, now(world));
        if let Err(error) = world.cloud().clear(&shelf, &unused).await {
            tracing::warn!(bucket = %shelf.bucket, error = %error.said(), "what is unused could not be deleted");
        } else if !unused.is_empty() {
            tracing::info!(bucket = %shelf.bucket, objects = unused.len(), "what was unused is deleted");
        }
    }
}

/// What is used, when it is time to look for what is not, and can be told.
pub(crate) fn due(
    settings: &Settings,
    (selected, found): (&Selected, &Found),
    swept: Option<jiff::Timestamp>,
    now: jiff::Timestamp,
    open: bool,
) -> Option<BTreeSet<String>> {
    let rules = settings.shelving.as_ref().filter(|_| shelf::is_due(swept, now))?;
    shelf::used(rules, selected, found, open)
}
