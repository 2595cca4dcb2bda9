//! Everything that a turn reads before it decides: templates, SSM parameters, one listing of stacks a region.
//!
//! Not here: any conclusion. What could not be read is handed on as that, with its reason.

use crate::{
    cloud::{Cloud, CloudError, Trouble as Kind},
    reading::Reading,
    shelve,
    world::{Settings, Sight, World},
};
use futures_util::future::join_all;
use manifests::id::StackKey;
use plan::{
    facts::Found,
    memory::Memory,
    resolve::{Values, references, seal},
    select::{Account, Selected, regions, select},
    shelf::Rules,
};
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

/// What the commit asks of this account, its templates read: worked out once for as long as the commit is the same.
pub(crate) async fn selected<W: World>(
    world: &W,
    settings: &Settings,
    reading: &Reading,
    account: &Account,
) -> Rc<Selected> {
    if let Some(kept) = reading.selected(account) {
        return kept;
    }
    let shelving = settings.shelving.as_ref();
    let mine = reading.repository.stacks.values().filter(|stack| stack.targets.hold(&account.id, &account.labels));
    reading.packages(world.source(), mine.map(AsRef::as_ref)).await;
    let mut selected =
        select(&reading.repository, account.clone(), |path| reading.template(path).map(|known| known.digest));
    for (key, wanted) in &mut selected.wanted {
        if let (None, Some(role)) = (&wanted.manifest.role, &settings.role) {
            Arc::make_mut(&mut wanted.manifest).role = Some(role.clone());
        }
        let template = reading.template(&wanted.manifest.template);
        let keys =
            |rules: &Rules| template.iter().flat_map(|known| &known.shelved).map(|d| rules.template(d)).collect();
        wanted.objects = shelving.map(keys).unwrap_or_default();
        if let Err(why) = shelve::artifacts(shelving, reading, account, key, wanted) {
            wanted.template = Err(why);
        }
    }
    seal(&mut selected, &settings.policy.owner);
    reading.keep(selected)
}

/// Values of the SSM parameters that manifests refer to.
pub(crate) async fn values<W: World>(world: &W, selected: &Selected) -> Values {
    let mut values = Values::default();
    for (region, names) in references(selected) {
        match world.cloud().parameters(&region, &names).await {
            Ok(read) => drop(values.read.insert(region, read)),
            Err(error) => {
                attend(world, &error);
                values.unreadable.insert(region, error.said());
            }
        }
    }
    values
}

/// One listing a region, side by side: where something is wanted, and where something of ours still is. A region that
/// can't be listed whole is not concluded from.
pub(crate) async fn look<W: World>(world: &W, reading: &Reading, account: &Account, memory: &Memory) -> Found {
    let regions = &regions(&reading.repository, account) | &memory.regions;
    let listings = join_all(regions.iter().map(|region| world.cloud().stacks(region))).await;
    let mut found = Found::default();
    for (region, listing) in regions.into_iter().zip(listings) {
        match listing {
            Ok(stacks) => {
                found.regions.insert(region);
                found.stacks.extend(stacks);
            }
            Err(error) => {
                attend(world, &error);
                found.unreadable.insert(region, error.said());
            }
        }
    }
    found
}

/// The controls that wanted stacks provide.
pub(crate) fn provides(selected: &Selected) -> BTreeMap<StackKey, Vec<String>> {
    let wanted = selected.wanted.iter();
    wanted.map(|(key, wanted)| (key.clone(), wanted.manifest.provides.iter().cloned().collect())).collect()
}

/// Shows a denied call to whoever watches.
pub(crate) fn attend<W: World>(world: &W, error: &CloudError) {
    if matches!(error.problem, Kind::Denied | Kind::Credentials) {
        world.show(&Sight::Denied(&error.said()));
    }
}
