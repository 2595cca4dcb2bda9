//! What a look says: which differences somebody made, and which say nothing.
//!
//! A difference says nothing when the manifest ignores it, when it is known noise ([`super::noise`]), or when it was there
//! right after our own change of the same resource, with the same value: nobody but us had touched it, as far as anybody
//! knows ([`super::doubt`]). A resource that is gone is never noise. One that our change left alone, that an event has named, or that somebody was found to have changed
//! before, gets no baseline: what differs in it may be theirs.
//!
//! Not here: what is done about it ([`super::heal`]).

use super::{
    author::Author,
    doubt::Doubt,
    noise,
    remembered::{Coverage, Drifted, Finding},
    seen::{Deviation, Difference, Look, Resource},
};
use crate::{facts::Seen, quote::quote, short::Short};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use jiff::Timestamp;
use manifests::{
    drift::Drift,
    id::{LogicalId, StackKey},
};

/// Through which a look is seen.
#[derive(Debug, Clone, Copy)]
pub struct Lens<'a> {
    /// Which stack.
    pub key: &'a StackKey,
    /// What its manifest says of drift.
    pub rules: &'a Drift,
    /// When our own change began, if this is the first look after it.
    pub first: Option<Timestamp>,
    /// Resources that events have named, and whom they named with them.
    pub named: &'a BTreeMap<String, Option<Author>>,
}

/// What is new in a look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Changed since the look before, or differently.
    pub found: Vec<Finding>,
    /// As asked again.
    pub back: Vec<Finding>,
    /// What could not be compared, and so stands as it stood.
    pub unseen: BTreeSet<String>,
}

/// What of a resource's differences says something, and what does not.
#[derive(Default)]
struct Sorted<'a> {
    told: Vec<&'a Difference>,
    ignored: u32,
    noise: u32,
    baseline: Vec<(Short, &'a Difference)>,
}

/// Writes into memory what a look found. Answers what is new in it.
pub fn learn(known: &mut Drifted, lens: &Lens<'_>, look: &Look) -> News {
    match &look.only {
        None => {
            (known.noise, known.ignored, known.failed) = (0, 0, look.failed.as_deref().map(quote));
            known.noisy.clear();
            known.ignoring.clear();
        }
        Some(only) => {
            known.noisy.retain(|logical| logical.as_str() != only);
            known.ignoring.retain(|logical| logical.as_str() != only);
        }
    }
    for (logical, author) in lens.named {
        known.suspect(logical, author.as_ref());
    }
    let (mut findings, mut baseline, mut doubts) = (Vec::new(), BTreeSet::new(), Vec::new());
    for deviation in &look.deviations {
        let Ok(logical) = deviation.logical.parse::<LogicalId>() else { continue };
        if look.only.as_ref().is_some_and(|only| *only != deviation.logical) {
            continue;
        }
        match deviation.seen {
            Some(Seen::Modified | Seen::Deleted) => {
                let sorted = differences(known, lens, deviation, is_ours(lens, look, &deviation.logical));
                baseline.extend(sorted.baseline.iter().map(|(mark, _)| *mark));
                doubts.extend(doubted(known, lens, look, (deviation, &logical), &sorted));
                findings.extend(sort_out(known, lens, look, (deviation, logical), sorted));
            }
            Some(Seen::Unknown) | None => {
                let reason = deviation.reason.as_deref().unwrap_or("CloudFormation does not say why");
                known.failed = Some(format!("{logical} could not be compared: {}", quote(reason)));
            }
            Some(Seen::InSync | Seen::NotChecked | Seen::Unsupported) => {}
        }
    }
    let about = |logical: &LogicalId| look.only.as_ref().is_none_or(|only| logical.as_str() == only);
    // What is no longer so is nobody's any more.
    known.doubts.retain(|one| !about(&one.finding.logical) || one.marks.iter().any(|mark| baseline.contains(mark)));
    if lens.first.is_some() && look.only.is_none() {
        known.baseline = baseline;
        known.doubts.retain(|one| !doubts.iter().any(|new: &Doubt| new.finding.logical == one.finding.logical));
        known.doubts.append(&mut doubts);
    }
    replace(known, look, findings)
}

/// One resource's finding, if it is one; what says nothing is counted.
fn sort_out(
    known: &mut Drifted,
    lens: &Lens<'_>,
    look: &Look,
    (deviation, logical): (&Deviation, LogicalId),
    sorted: Sorted<'_>,
) -> Option<Finding> {
    let gone = deviation.seen == Some(Seen::Deleted);
    let whole = look.only.is_none();
    if lens.rules.ignores_resource(&deviation.logical, &deviation.kind) {
        known.ignored += u32::from(whole);
        known.ignoring.insert(logical);
        return None;
    }
    let Sorted { told, ignored, noise, baseline: _ } = sorted;
    if whole {
        (known.noise, known.ignored) = (known.noise + noise, known.ignored + ignored);
    }
    if ignored > 0 {
        known.ignoring.insert(logical.clone());
    }
    // Of one that is said to differ, and not in what, nobody can say that it is noise.
    if told.is_empty() && !gone && !deviation.differences.is_empty() {
        known.noisy.insert(logical);
        return None;
    }
    Some(finding(lens, look, (deviation, logical), &told))
}

/// What is found when these differences say something.
fn finding(
    lens: &Lens<'_>,
    look: &Look,
    (deviation, logical): (&Deviation, LogicalId),
    told: &[&Difference],
) -> Finding {
    let gone = deviation.seen == Some(Seen::Deleted);
    let mut values: Vec<String> = told.iter().map(|one| format!("|{}={}", one.path, one.actual)).collect();
    values.sort();
    let text = format!("{}|{}|{gone}{}", lens.key, deviation.logical, values.concat());
    Finding {
        logical,
        physical: deviation.physical.clone(),
        kind: deviation.kind.clone(),
        gone,
        paths: told.iter().take(Finding::PATHS).map(|one| quote(&one.path)).collect(),
        since: look.at,
        mark: Short::of(&text),
        author: lens.named.get(&deviation.logical).cloned().flatten(),
        asked: None,
    }
}

/// What a resource will have been found to be, if what is taken of it into a baseline now was somebody. What is in the
/// baseline already has been asked about.
fn doubted(
    known: &Drifted,
    lens: &Lens<'_>,
    look: &Look,
    (deviation, logical): (&Deviation, &LogicalId),
    sorted: &Sorted<'_>,
) -> Option<Doubt> {
    let began = lens.first.filter(|_| look.only.is_none())?;
    let taken = || sorted.baseline.iter().filter(|(mark, _)| !known.baseline.contains(mark));
    let differences: Vec<&Difference> =
        sorted.told.iter().copied().chain(taken().map(|(_, difference)| *difference)).collect();
    let marks: BTreeSet<Short> = taken().map(|(mark, _)| *mark).collect();
    let finding = || finding(lens, look, (deviation, logical.clone()), &differences);
    (!marks.is_empty()).then(|| Doubt { finding: finding(), began, until: look.read, marks })
}

/// The differences of a resource that say something, by what is known.
pub fn told<'a>(known: &Drifted, key: &StackKey, rules: &Drift, deviation: &'a Deviation) -> Vec<&'a Difference> {
    let lens = Lens { key, rules, first: None, named: &BTreeMap::new() };
    differences(known, &lens, deviation, false).told
}

fn differences<'a>(known: &Drifted, lens: &Lens<'_>, deviation: &'a Deviation, ours: bool) -> Sorted<'a> {
    let Deviation { logical, kind, .. } = deviation;
    let suspect = lens.named.contains_key(logical) || known.findings.iter().any(|one| one.logical.as_str() == logical);
    // What is gone was not so from the beginning.
    let first = ours && !suspect && deviation.seen == Some(Seen::Modified);
    let mut sorted = Sorted::default();
    if lens.rules.ignores_resource(logical, kind) {
        return sorted;
    }
    for difference in &deviation.differences {
        let mark = mark(lens.key, kind, logical, difference);
        if lens.rules.ignores(logical, kind, &difference.path) {
            sorted.ignored += 1;
        } else if noise::known(kind, difference).is_some() {
            sorted.noise += 1;
        } else if first || known.baseline.contains(&mark) {
            sorted.baseline.push((mark, difference));
        } else {
            sorted.told.push(difference);
        }
    }
    sorted
}

/// Whether our change was the last thing that was done with this resource, by CloudFormation.
fn is_ours(lens: &Lens<'_>, look: &Look, logical: &str) -> bool {
    let touched = look.resources.iter().find(|one| one.logical == logical).and_then(|one| one.touched);
    matches!((lens.first, touched), (Some(began), Some(touched)) if touched.as_second() >= began.as_second())
}

/// A difference as it is kept in a baseline: another value is another one.
fn mark(key: &StackKey, kind: &str, logical: &str, difference: &Difference) -> Short {
    let Difference { path, expected: _, actual, how } = difference;
    Short::of(&format!("{key}|{kind}|{logical}|{path}|{how}|{actual}"))
}

/// Puts findings in the place of those that the look is about. One that is as it was keeps its time and its author.
fn replace(known: &mut Drifted, look: &Look, findings: Vec<Finding>) -> News {
    let about = |finding: &Finding| look.only.as_ref().is_none_or(|only| finding.logical.as_str() == only);
    let (before, others): (Vec<Finding>, Vec<Finding>) = known.findings.drain(..).partition(about);
    let mut news = News { unseen: unseen(look), ..News::default() };
    known.findings = others;
    for mut finding in findings {
        match before.iter().find(|other| other.logical == finding.logical) {
            Some(same) if same.mark == finding.mark => {
                let author = finding.author.take().filter(|_| same.author.is_none());
                finding = Finding { author: author.or_else(|| same.author.clone()), ..same.clone() };
            }
            Some(_) | None => news.found.push(finding.clone()),
        }
        known.findings.push(finding);
    }
    // What could not be compared is neither found nor back.
    let found: BTreeSet<LogicalId> = known.findings.iter().map(|finding| finding.logical.clone()).collect();
    let doubtful = |one: &&Finding| news.unseen.contains(one.logical.as_str()) && !found.contains(&one.logical);
    known.findings.extend(before.iter().filter(doubtful).cloned());
    known.findings.sort_by(|one, other| one.logical.cmp(&other.logical));
    let still = |finding: &Finding| known.findings.iter().any(|other| other.logical == finding.logical);
    news.back = before.into_iter().filter(|finding| !still(finding)).collect();
    news
}

/// What a look could not compare. Whoever asks about one resource, and hears that it was not looked at, has heard nothing of it.
fn unseen(look: &Look) -> BTreeSet<String> {
    let doubtful = |seen: Option<Seen>| match seen {
        Some(Seen::Unknown) | None => true,
        Some(Seen::NotChecked | Seen::Unsupported) => look.only.is_some(),
        Some(Seen::InSync | Seen::Modified | Seen::Deleted) => false,
    };
    let deviations = look.deviations.iter().filter(|one| doubtful(one.seen)).map(|one| &one.logical);
    let resources = look.resources.iter().filter(|one| doubtful(one.seen)).map(|one| &one.logical);
    deviations.chain(resources).cloned().collect()
}

/// How much of a stack could be seen. A resource that was never made is none that could be compared.
pub fn coverage(resources: &[Resource]) -> Coverage {
    let there = || resources.iter().filter(|resource| resource.physical.is_some());
    let is_seen = |resource: &&Resource| match resource.seen {
        Some(Seen::InSync | Seen::Modified | Seen::Deleted) => true,
        Some(Seen::NotChecked | Seen::Unknown | Seen::Unsupported) | None => false,
    };
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let unseen: BTreeSet<String> =
        there().filter(|resource| !is_seen(resource)).map(|resource| resource.kind.to_string()).collect();
    Coverage { compared: count(there().filter(is_seen).count()), resources: count(there().count()), unseen }
}

/// Since when a look may be taken for a first one: a baseline that is taken late could be somebody's.
pub const FRESH: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// When our own change began, if a look that begins now is the first after it, and soon enough.
pub fn first(ours: bool, touched: Option<Timestamp>, looked: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    // A look is remembered to the second.
    let before = |touched: &Timestamp| looked.is_none_or(|looked| looked.as_second() < touched.as_second());
    touched.filter(|touched| ours && before(touched) && now.duration_since(*touched) <= FRESH)
}
