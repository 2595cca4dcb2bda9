//! What a heal may do: put back what drift detection named too, and nothing else.
//!
//! Two witnesses, because each is known to be wrong: drift-aware change sets list changes of resources that are as they were
//! asked for, replacements among them (issues 2505 and 2559 of `aws-cloudformation/cloudformation-coverage-roadmap`), and
//! detection names differences that are none. A person in the account, or the repository, can approve exactly one plan that
//! changes more; no approval lets a heal remove or replace anything, or touch what a manifest ignores.

use super::{Cost, Harm, Held, Judgement, Law, harm, kind::named, later, permit};
use crate::{
    asked::Fingerprint,
    drift::heal::Heal,
    facts::{Action, Change, Seen},
    fence,
    orders::Leave,
    permit::Act,
    preview::Preview,
    spent::Toll,
    step,
    why::Why,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use manifests::{
    drift::Drift,
    id::{Digest, LogicalId},
};

/// Judges the change set of a heal.
pub fn judge_heal(preview: &Preview<'_>, law: &Law<'_>) -> Judgement {
    let step::Action::Heal(heal) = &preview.step.action else {
        return Judgement::Later(Why::Trouble("it is no heal".into()));
    };
    if preview.step.stack_id.as_ref().is_some_and(|looked_at| *looked_at != preview.set.stack_id) {
        return Judgement::Later(Why::Trouble("another stack of its name has taken its place".into()));
    }
    let leave = law.orders.leave(&digest(preview), law.approvals, law.now);
    if let Some(why) = forbidden(preview, heal, law).or_else(|| beyond(preview, heal, leave)) {
        return Judgement::Held(held(preview, why, leave));
    }
    let touched = preview.set.changes.iter().filter(|change| is_physical(change)).count();
    if touched == 0 {
        let why = "CloudFormation finds nothing to put back, although its drift detection named something; ends when it no \
                   longer does, or `drift.ignore` in the manifest says so";
        return Judgement::Held(held(preview, why.into(), leave));
    }
    let toll = Toll { heals: u32::try_from(touched).unwrap_or(u32::MAX), ..Toll::default() };
    let most = law.guardrails.limits.heals_per_day;
    if toll.heals > most {
        let why = format!(
            "putting it back would change {touched} resources, and this account allows {most} in 24 hours \
             (`limits.healsPerDay`); ends when a person puts it back, or when the account's guardrails are raised"
        );
        return Judgement::Held(held(preview, why, leave));
    }
    if let Some(why) = later(law, toll) {
        return Judgement::Later(why);
    }
    let act = Act::Execute { change_set: preview.set.id.clone(), stack_id: preview.set.stack_id.clone() };
    Judgement::Permitted(permit(preview.step, act, law), Cost { toll, allowed: Vec::new() })
}

/// What nobody can approve.
fn forbidden(preview: &Preview<'_>, heal: &Heal, law: &Law<'_>) -> Option<String> {
    let changes = &preview.set.changes;
    if !preview.set.reverts {
        return Some(
            "CloudFormation made a change set that does not go by what is really there; ends with a newer agent".into(),
        );
    }
    let fenced = fence::transforms(law.guardrails, &preview.transforms)
        .or_else(|| changes.iter().find_map(|change| fence::change(law.guardrails, change)));
    if fenced.is_some() {
        return fenced;
    }
    let harmful: Vec<&Change> = changes.iter().filter(|change| is_harmful(change, heal)).collect();
    if !harmful.is_empty() {
        return Some(format!(
            "putting it back would remove or replace {}, which a heal never does; ends when a person puts it back, or a commit \
             asks for what is there",
            named(&harmful)
        ));
    }
    let rules = &preview.manifest.drift;
    let ignored = |change: &&Change| {
        let logical = change.logical.as_str();
        let ignored = rules.ignores_resource(logical, &change.kind) || is_among(&heal.ignoring, logical);
        is_physical(change) && (ignored || names_ignored(change, rules))
    };
    let ignored: Vec<&Change> = changes.iter().filter(ignored).collect();
    (!ignored.is_empty()).then(|| {
        format!(
            "putting it back would also undo what the manifest ignores (`drift.ignore`) of {}; ends when it no longer ignores \
             it, or a person puts the rest back",
            named(&ignored)
        )
    })
}

/// Whether it says itself that it changes what is ignored: that may differ only since detection looked.
fn names_ignored(change: &Change, rules: &Drift) -> bool {
    let ignored = |place: &str| rules.ignores(change.logical.as_str(), &change.kind, &format!("/{place}"));
    change.details.iter().any(|detail| ignored(detail.place()))
}

/// What it changes beside what detection named.
fn beyond(preview: &Preview<'_>, heal: &Heal, leave: Leave) -> Option<String> {
    if leave != Leave::None {
        return None;
    }
    let beside: Vec<&Change> =
        preview.set.changes.iter().filter(|change| is_physical(change) && !is_witnessed(change, heal)).collect();
    (!beside.is_empty()).then(|| {
        let plan = digest(preview).short(16);
        format!(
            "putting it back would also change {}, of which drift detection says nothing; ends with `holdfast approve {plan} \
             --reason …` in this account, or when both say the same",
            named(&beside)
        )
    })
}

/// Whether it changes anything but CloudFormation's own notes.
fn is_physical(change: &Change) -> bool {
    change.action != Some(Action::SyncWithActual)
}

/// Whether detection says the same of it as the change set does.
fn is_witnessed(change: &Change, heal: &Heal) -> bool {
    let logical = change.logical.as_str();
    let found = heal.findings.iter().find(|(name, _)| name.as_str() == logical).map(|(_, seen)| *seen);
    let is_modified = change.drift == Some(Seen::Modified) && change.action == Some(Action::Modify);
    match found {
        Some(Seen::Deleted) => change.drift == Some(Seen::Deleted),
        Some(Seen::Modified) => is_modified && is_named(change, heal),
        Some(Seen::InSync | Seen::NotChecked | Seen::Unknown | Seen::Unsupported) => false,
        None => is_among(&heal.noisy, logical) && is_modified,
    }
}

/// Whether detection named every property that it changes: a parameter that is looked up anew, or a macro that runs again,
/// may change others of the same resource.
fn is_named(change: &Change, heal: &Heal) -> bool {
    let places =
        heal.places.iter().find(|(name, _)| name.as_str() == change.logical.as_str()).map(|(_, places)| places);
    let named = |place: &str| places.is_none_or(|places| places.contains(place));
    change.details.iter().all(|detail| named(detail.place()))
}

/// Whether it destroys something. A resource that is gone is not replaced by being made again.
fn is_harmful(change: &Change, heal: &Heal) -> bool {
    let gone = |name: &LogicalId, seen: &Seen| name.as_str() == change.logical.as_str() && *seen == Seen::Deleted;
    let is_gone = change.drift == Some(Seen::Deleted) && heal.findings.iter().any(|(name, seen)| gone(name, seen));
    match change.action {
        Some(Action::Add | Action::Modify) if is_gone => false,
        // What is new destroys nothing; that nobody asked for it is said elsewhere.
        Some(Action::Add) => false,
        Some(Action::Import | Action::Remove | Action::Dynamic) | None => true,
        Some(Action::Modify | Action::SyncWithActual) => harm(change) != Harm::Nothing,
    }
}

fn is_among<'a>(names: impl IntoIterator<Item = &'a LogicalId>, logical: &str) -> bool {
    names.into_iter().any(|name| name.as_str() == logical)
}

fn held(preview: &Preview<'_>, why: String, leave: Leave) -> Held {
    Held { why, plan: digest(preview), case: Fingerprint::of(b""), leave }
}

/// The digest of everything that a heal changes: the same in every account where that is the same.
fn digest(preview: &Preview<'_>) -> Digest {
    let line = |change: &Change| {
        let action = change.action.map_or("?", Action::as_str);
        format!("{action} {} {} {:?}", change.kind, change.logical, harm(change))
    };
    let mut lines: Vec<String> = preview.set.changes.iter().map(line).collect();
    lines.sort();
    lines.insert(0, format!("holdfast/1 heal {} {}", preview.step.manifest, preview.step.key));
    Digest::of(lines.join("\n").to_string().as_bytes())
}
