//! One kind of destruction in one change: what it destroys, what the manifest lets through of it, and what is too much.

use super::{Harm, Law, digest, entry, harm};
use crate::{facts::Change, orders::Leave, preview::Preview, short::Short};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use manifests::{
    guardrails::{Guardrails, TypePattern, Types},
    id::ResourcePath,
};

/// One kind of destruction in one change.
pub(super) struct Kind<'a> {
    verb: &'static str,
    changes: Vec<&'a Change>,
    /// What the manifest lets through, each with the mark of its entry.
    pub(super) spelled: BTreeMap<&'a ResourcePath, Short>,
    /// What it names, but has let through already.
    used: BTreeSet<&'a ResourcePath>,
    fenced: &'a BTreeSet<TypePattern>,
    limit: u32,
    per_day: u32,
}

impl<'a> Kind<'a> {
    pub(super) fn removal(preview: &'a Preview<'_>, law: &Law<'a>) -> Self {
        let Guardrails { limits, types, .. } = law.guardrails;
        let limit = tighter(preview.manifest.limits.removals, limits.removals_per_change);
        let none = Self::new("remove", &types.never_removed, limit, limits.removals_per_day);
        none.of(Harm::Removes, preview, &preview.manifest.allow.remove, law)
    }

    pub(super) fn replacement(preview: &'a Preview<'_>, law: &Law<'a>) -> Self {
        let Guardrails { limits, types, .. } = law.guardrails;
        let limit = tighter(preview.manifest.limits.replacements, limits.replacements_per_change);
        let none = Self::new("replace", &types.never_replaced, limit, limits.replacements_per_day);
        none.of(Harm::Replaces, preview, &preview.manifest.allow.replace, law)
    }

    fn new(verb: &'static str, fenced: &'a BTreeSet<TypePattern>, limit: u32, per_day: u32) -> Self {
        let (changes, spelled, used) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        Self { verb, changes, spelled, used, fenced, limit, per_day }
    }

    fn of(
        mut self,
        of: Harm,
        preview: &'a Preview<'_>,
        allow: &'a BTreeMap<ResourcePath, Option<String>>,
        law: &Law<'_>,
    ) -> Self {
        self.changes = preview.set.changes.iter().filter(|change| harm(change) == of).collect();
        for (resource, reason) in allow.iter().filter(|(name, _)| self.changes.iter().any(|it| it.logical == **name)) {
            let entry = entry(&preview.step.key, self.verb, resource, reason.as_deref());
            if law.memory.used.contains(&entry) {
                self.used.insert(resource);
            } else {
                self.spelled.insert(resource, entry);
            }
        }
        self
    }

    pub(super) fn total(&self) -> u32 {
        u32::try_from(self.changes.len()).unwrap_or(u32::MAX)
    }

    /// Why it is too much, if it is.
    pub(super) fn held(&self, preview: &Preview<'_>, leave: Leave) -> Option<String> {
        let Self { verb, changes, fenced, limit, .. } = self;
        let plan = digest(preview).short(16);
        let by_hand = format!("`holdfast approve {plan} --reason …` in this account");
        let never: Vec<&Change> =
            changes.iter().copied().filter(|change| Types::fenced(fenced, &change.kind).is_some()).collect();
        if leave != Leave::Account && !never.is_empty() {
            let names = named(&never);
            let does = if *verb == "remove" { "removes" } else { "replaces" };
            return Some(format!(
                "would {verb} {names}, which this account never {does} by itself; ends with a commit that leaves them alone, \
                 or {by_hand}"
            ));
        }
        let unspelled: Vec<&Change> =
            changes.iter().copied().filter(|change| !self.spelled.contains_key(&change.logical)).collect();
        if leave != Leave::None || unspelled.len() <= *limit as usize {
            return None;
        }
        let (names, file) = (named(&unspelled), &preview.manifest.at.file);
        let limit = if *limit == 0 { "nothing unnamed may go".to_string() } else { format!("the limit is {limit}") };
        let used = unspelled.iter().any(|change| self.used.contains(&change.logical));
        let again =
            if used { " (what `allow` names was let through once already, and needs another `reason`)" } else { "" };
        Some(format!(
            "would {verb} {names}, and {limit}{again}; ends with a commit that leaves them alone, or writes `allow: \
             [{}]` in {file}, or {by_hand}",
            entries(verb, &unspelled, used)
        ))
    }

    /// Why no 24 hours could ever hold it, if that is so.
    pub(super) fn beyond_a_day(&self) -> Option<String> {
        let (Self { verb, per_day, .. }, total) = (self, self.total());
        (total > *per_day).then(|| {
            format!(
                "would {verb} {total} resources, and this account allows {per_day} in 24 hours; ends with a smaller commit, \
                 or when the account's guardrails are raised"
            )
        })
    }
}

fn tighter(manifest: Option<u32>, account: u32) -> u32 {
    manifest.map_or(account, |manifest| manifest.min(account))
}

/// `{remove: AuditTable}, {remove: Key}, …`: so many that a person copies them, and no more, because the sentence is
/// remembered and sent.
fn entries(verb: &str, changes: &[&Change], again: bool) -> String {
    const SHOWN: usize = 8;
    let reason = if again { ", reason: …" } else { "" };
    let shown = changes.iter().take(SHOWN);
    let mut entries: Vec<String> = shown.map(|change| format!("{{{verb}: {}{reason}}}", change.logical)).collect();
    if changes.len() > SHOWN {
        entries.push("…".into());
    }
    entries.join(", ")
}

/// `AuditTable (AWS::DynamoDB::Table) and 2 more`.
pub(super) fn named(changes: &[&Change]) -> String {
    const SHOWN: usize = 3;
    let shown = changes.iter().take(SHOWN);
    let mut names: Vec<String> = shown.map(|change| format!("{} ({})", change.logical, change.kind)).collect();
    if changes.len() > SHOWN {
        names.push(format!("{} more", changes.len() - SHOWN));
    }
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
