//! Whether a heal helped: what was to be put back is looked at again, and only what is as it was asked for counts.
//!
//! Not here: looking.

use super::{
    heal::Scene,
    kinds::is_never_reverted,
    learn::News,
    remembered::{Drifted, Finding},
};
use crate::quote::quote;
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use manifests::{guardrails::Who, id::LogicalId};

/// How long one tries to look whether a heal helped.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What came of a heal, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What was put back, as one sentence, if anything was.
    pub healed: Option<String>,
    /// What was not, and why, if something was not.
    pub left: Option<String>,
}

/// Judges a heal by what was found before and what each look since found. `looks` has what is new by resource; a resource
/// that could not be looked at is not in it. What could not be compared, or is of a type that CloudFormation never puts back,
/// says nothing of the heal.
pub fn judge(known: &mut Drifted, scene: Scene<'_>, looks: &BTreeMap<LogicalId, News>, now: Timestamp) -> Verdict {
    let healing = core::mem::take(&mut known.healing);
    // What could not be looked at is looked at in another turn, but not for ever.
    let recent = known.heals.last().is_some_and(|at| now.duration_since(*at) < PATIENCE);
    let (again, healing): (Vec<LogicalId>, Vec<LogicalId>) =
        healing.into_iter().partition(|logical| recent && !looks.contains_key(logical));
    known.healing = again;
    let back: Vec<&Finding> =
        looks.values().flat_map(|news| &news.back).filter(|finding| healing.contains(&finding.logical)).collect();
    let seen = |logical: &LogicalId| looks.get(logical).is_some_and(|news| !news.unseen.contains(logical.as_str()));
    let unseen: Vec<&LogicalId> = healing.iter().filter(|logical| !seen(logical)).collect();
    let was_healed = |one: &&Finding| healing.contains(&one.logical) && !is_never_reverted(&one.kind);
    let (healed, others): (Vec<&Finding>, Vec<&Finding>) =
        known.findings.iter().filter(|one| !known.healing.contains(&one.logical)).partition(was_healed);
    let still: Vec<&Finding> = healed.into_iter().filter(|one| seen(&one.logical)).collect();
    let verdict = Verdict {
        healed: (!back.is_empty()).then(|| format!("put back {}", names(&back, Some(scene.guardrails.drift.who)))),
        left: left(&still, &others, &unseen),
    };
    if !back.is_empty() {
        known.stopped = None;
        known.put_back = known.heals.last().copied();
    }
    if !still.is_empty() {
        let why = format!(
            "does not stay put back (HealNotConverging): {} after a heal that went well; ends with a commit that asks for what \
             is there, when a person puts it back, or with `holdfast drift heal`",
            are_as_before(&still)
        );
        known.stopped = Some(scene.stop(known, why, None));
    }
    let over = known.heals.len().saturating_sub(7);
    known.heals.drain(..over);
    verdict
}

fn left(still: &[&Finding], others: &[&Finding], unseen: &[&LogicalId]) -> Option<String> {
    let mut parts = Vec::new();
    if !still.is_empty() {
        parts.push(format!("{} after it", are_as_before(still)));
    }
    if !others.is_empty() {
        parts.push(format!("{} not part of what CloudFormation put back", were(others)));
    }
    if !unseen.is_empty() {
        let names: Vec<String> = unseen.iter().map(ToString::to_string).collect();
        parts.push(format!("{} could not be looked at again", names.join(", ")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn are_as_before(findings: &[&Finding]) -> String {
    format!("{} {} as before", names(findings, None), if findings.len() == 1 { "is" } else { "are" })
}

fn were(findings: &[&Finding]) -> String {
    format!("{} {}", names(findings, None), if findings.len() == 1 { "was" } else { "were" })
}

/// Resources with what is different about them, and with who changed them where that is asked for; three at most.
pub fn names(findings: &[&Finding], who: Option<Who>) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = findings.iter().take(SHOWN).map(|finding| name(finding, who)).collect();
    if findings.len() > SHOWN {
        shown.push(format!("{} more", findings.len() - SHOWN));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// `Topic (AWS::SNS::Topic /DisplayName, changed by … at …)`.
fn name(finding: &Finding, who: Option<Who>) -> String {
    let Finding { logical, kind, gone, paths, author, .. } = finding;
    let place = match (gone, paths.as_slice()) {
        (true, _) | (false, []) => String::new(),
        (false, [path]) => format!(" {path}"),
        (false, [path, more @ ..]) => format!(" {path} and {} more", more.len()),
    };
    let verb = if *gone { "deleted" } else { "changed" };
    let by = who.zip(author.as_ref()).map(|(who, author)| author.told(who).sentence()).filter(|by| !by.is_empty());
    let by = by.map(|by| format!(", {verb}{by}"));
    // Without an author, that it is gone still has to be said.
    let by = by.unwrap_or_else(|| if *gone { ", deleted".into() } else { String::new() });
    format!("{logical} ({}{place}{by})", quote(kind))
}
