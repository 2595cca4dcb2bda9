//! How one commit relates to another, decided from the objects that are here.
//!
//! Not here: fetching more of them. A walk that meets the edge of a shallow history has no answer, and says so.

use super::error::cause;
use gix::{ObjectId, Repository};
use std::collections::{BTreeSet, BinaryHeap};

/// The most commits that one walk visits.
const WALK: usize = 200_000;

/// What the objects here say about two commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// The new one descends from the old one.
    Forward,
    /// It does not: its whole history is here without the old one, or it is itself an ancestor of the old one.
    Rewound,
    /// The history here ends too early to tell.
    Cut,
    /// The history is longer than a walk may be.
    TooLong,
}

/// How `new` relates to `old`, another commit.
///
/// # Errors
/// When an object is missing or unreadable.
pub(super) fn relation(repo: &Repository, old: ObjectId, new: ObjectId) -> Result<Relation, String> {
    Ok(match reaches(repo, new, old)? {
        Walk::Found => Relation::Forward,
        Walk::Ended => Relation::Rewound,
        Walk::TooLong => Relation::TooLong,
        // An ancestor of the old commit can't also descend from it: that needs no more history.
        Walk::Cut if repo.has_object(old) && reaches(repo, old, new)? == Walk::Found => Relation::Rewound,
        Walk::Cut => Relation::Cut,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    Found,
    Ended,
    Cut,
    TooLong,
}

/// Walks from `start` to its ancestors, newest first, until `wanted`.
fn reaches(repo: &Repository, start: ObjectId, wanted: ObjectId) -> Result<Walk, String> {
    let text = |error: gix::Error| cause(&error);
    let edge: BTreeSet<ObjectId> =
        repo.shallow_commits().map_err(text)?.map(|edge| edge.iter().copied().collect()).unwrap_or_default();
    let (mut seen, mut next, mut cut) = (BTreeSet::from([start]), BinaryHeap::new(), false);
    next.push((0, start));
    while let Some((_, id)) = next.pop() {
        if id == wanted {
            return Ok(Walk::Found);
        }
        if seen.len() > WALK {
            return Ok(Walk::TooLong);
        }
        if edge.contains(&id) {
            cut = true;
            continue;
        }
        let commit = repo.find_commit(id).map_err(text)?;
        for parent in commit.parent_ids().map(gix::Id::detach).filter(|parent| seen.insert(*parent)).collect::<Vec<_>>()
        {
            let time = repo.find_commit(parent).map_err(text)?.time().map_err(text)?.seconds;
            next.push((time, parent));
        }
    }
    Ok(if cut { Walk::Cut } else { Walk::Ended })
}

/// Every commit that `new` reaches and `old` does not, but for `new` itself; `None` when there are more than so many.
///
/// # Errors
/// When an object is missing or unreadable, or the history here ends before that can be told.
pub(super) fn between(
    repo: &Repository,
    old: ObjectId,
    new: ObjectId,
    most: usize,
) -> Result<Option<Vec<ObjectId>>, String> {
    let known = ancestors(repo, old, |_| false)?.0;
    let (mut all, cut) = ancestors(repo, new, |id| known.contains(&id))?;
    if cut {
        return Err("the history here ends too early".into());
    }
    all.remove(&new);
    Ok((all.len() <= most).then(|| all.into_iter().collect()))
}

/// A commit and its ancestors, as far as they are here and `end` does not say that it is enough; and whether the history was
/// cut short.
fn ancestors(
    repo: &Repository,
    start: ObjectId,
    end: impl Fn(ObjectId) -> bool,
) -> Result<(BTreeSet<ObjectId>, bool), String> {
    let text = |error: gix::Error| cause(&error);
    let edge: BTreeSet<ObjectId> =
        repo.shallow_commits().map_err(text)?.map(|edge| edge.iter().copied().collect()).unwrap_or_default();
    let (mut seen, mut next, mut cut) = (BTreeSet::new(), vec![start], false);
    while let Some(id) = next.pop() {
        if seen.len() > WALK {
            return Err("the history is too long".into());
        }
        if end(id) || !seen.insert(id) {
            continue;
        }
        if edge.contains(&id) {
            cut = true;
            continue;
        }
        next.extend(repo.find_commit(id).map_err(text)?.parent_ids().map(gix::Id::detach));
    }
    Ok((seen, cut))
}
