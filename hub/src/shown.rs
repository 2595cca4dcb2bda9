//! What there is to ask for, as values: each is read once, and then shown as a page, as JSON or as lines of a table.
//!
//! Not here: how any of it looks ([`crate::web`], [`crate::data`]).

use crate::{
    asked::Asked,
    store::{
        Store, StoreError,
        alerts::Alert,
        view::{
            Account, Control, Drifted, Exception, Filter, Happened, Moment, Of, Overview, Part, Place, Placed,
            Providing, Revision, Ring, Search, Sort,
        },
    },
};
use fleet::{
    belief::Enrolled,
    page::Quarantined,
    presence::{Freshness, NotReady},
};
use manifests::{
    id::AccountId,
    report::{Event, State, What},
};
use serde::Serialize;

/// Something that was asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Shown {
    Overview(Box<Front>),
    Accounts(Part<Account>),
    Account(Box<One>),
    Alerts(Part<Alert>),
    NotReady(Part<NotReady>),
    Stacks(Part<Place>),
    Stack(Box<NamedStack>),
    Commits(Rows<Revision>),
    Commit(Box<Rollout>),
    Drift(Box<DriftOf>),
    Controls(Rows<Control>),
    Control(Box<Providing>),
    Exceptions(Part<Exception>),
    Events(Part<Happened>),
    Quarantine(Rows<Quarantined>),
    Search(Box<Found>),
}

/// A list that is shown whole.
#[derive(Debug, Serialize)]
pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<T>,
}

/// The first page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Front {
    #[serde(flatten)]
    pub(crate) overview: Overview,
    /// The accounts that stand worst, one row each.
    pub(crate) worst: Vec<Account>,
    /// The newest commit.
    pub(crate) newest: Option<Rollout>,
    pub(crate) drifted_by_day: Vec<u64>,
    pub(crate) healed_by_day: Vec<u64>,
}

/// An account.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct One {
    pub(crate) account: Account,
    /// The key that STS said is its own.
    pub(crate) enrolled: Option<Enrolled>,
    /// What it said last.
    pub(crate) newest: Event,
    pub(crate) happened: Vec<Happened>,
}

/// A stack by its name.
#[derive(Debug, Serialize)]
pub(crate) struct NamedStack {
    pub(crate) stack: String,
    #[serde(flatten)]
    pub(crate) placed: Placed,
}

/// A commit and where it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rollout {
    #[serde(flatten)]
    pub(crate) revision: Revision,
    pub(crate) rings: Vec<Ring>,
    /// After how many seconds 50, 90, 99 and 100 of a hundred accounts that worked towards it had reached it.
    #[serde(rename = "convergedSeconds", skip_serializing_if = "Vec::is_empty")]
    pub(crate) converged: Vec<(u64, Option<i64>)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) happened: Vec<Happened>,
}

/// What somebody changed, and how often.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DriftOf {
    #[serde(flatten)]
    pub(crate) part: Part<Drifted>,
    pub(crate) drifted_by_day: Vec<u64>,
    pub(crate) healed_by_day: Vec<u64>,
}

/// What a search found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    pub(crate) q: String,
    #[serde(flatten)]
    pub(crate) found: Search,
}

/// Reads what was asked for; `None` when there is no such thing.
pub(crate) fn shown(store: &Store, asked: &Asked, moment: Moment) -> Result<Option<Shown>, StoreError> {
    let parts: Vec<&str> = asked.parts.iter().map(String::as_str).collect();
    if asked.filters().any(|name| !filters(&parts).contains(&name)) {
        return Ok(None);
    }
    let after = asked.get("after");
    Ok(Some(match parts[..] {
        [] => Shown::Overview(Box::new(front(store, moment)?)),
        ["accounts"] => {
            let Some(filter) = filter(asked) else { return Ok(None) };
            Shown::Accounts(store.accounts(moment, &filter, after)?)
        }
        ["accounts", id] => {
            let Ok(id) = id.parse::<AccountId>() else { return Ok(None) };
            let Some((account, newest)) = store.account(&id, moment)? else { return Ok(None) };
            let happened = store.happened(&Of::Account(&id), None)?.rows;
            let enrolled = store.key(&id)?;
            Shown::Account(Box::new(One { account, enrolled, newest, happened }))
        }
        ["alerts"] => Shown::Alerts(store.alerts(after)?),
        ["not-ready"] => Shown::NotReady(store.not_ready(after)?),
        ["stacks"] => Shown::Stacks(store.places(after)?),
        ["stacks", stack] => {
            let placed = store.placed(stack, after)?;
            if placed.places.is_empty() {
                return Ok(None);
            }
            Shown::Stack(Box::new(NamedStack { stack: stack.to_owned(), placed }))
        }
        ["commits"] => Shown::Commits(Rows { rows: store.revisions(200)? }),
        ["commits", id] => {
            let Some(revision) = store.revision(id)? else { return Ok(None) };
            let mut rollout = rollout(store, revision)?;
            rollout.happened = store.happened(&Of::Commit(&rollout.revision.commit), after)?.rows;
            Shown::Commit(Box::new(rollout))
        }
        ["drift"] => {
            let (drifted, healed) = (store.days("drifted", moment.now)?, store.days("healed", moment.now)?);
            let part = store.drifted(after)?;
            Shown::Drift(Box::new(DriftOf { part, drifted_by_day: drifted.into(), healed_by_day: healed.into() }))
        }
        ["controls"] => Shown::Controls(Rows { rows: store.controls()? }),
        ["controls", name] => match store.control(name, after)? {
            Some(providing) => Shown::Control(Box::new(providing)),
            None => return Ok(None),
        },
        ["exceptions"] => Shown::Exceptions(store.exceptions(after)?),
        ["events"] => {
            let account = asked.get("account").map(str::parse::<AccountId>).transpose();
            let Ok(account) = account else { return Ok(None) };
            let of = match (&account, asked.get("commit"), asked.get("what")) {
                (None, None, None) => Of::All,
                (Some(account), None, None) => Of::Account(account),
                (None, Some(commit), None) => Of::Commit(commit),
                (None, None, Some(what)) if is_news(what) => Of::What(what),
                // There is an index for one of them, and no word for nothing.
                (None, None, Some(_)) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) | (Some(_), Some(_), None) => {
                    return Ok(None);
                }
            };
            Shown::Events(store.happened(&of, after)?)
        }
        ["quarantine"] => Shown::Quarantine(Rows { rows: store.quarantine()? }),
        ["search"] => {
            let q = asked.get("q").unwrap_or_default().to_owned();
            let found = store.search(&q, moment)?;
            Shown::Search(Box::new(Found { q, found }))
        }
        _ => return Ok(None),
    }))
}

/// The filters that an address takes. One that it doesn't would be passed over, and what is answered taken for what was asked.
fn filters(parts: &[&str]) -> &'static [&'static str] {
    match parts {
        ["accounts"] => {
            &["state", "ring", "commit", "agent", "fresh", "sort", "unexpected", "suspended", "unproven", "after"]
        }
        ["events"] => &["account", "commit", "what", "after"],
        ["search"] => &["q"],
        [] | ["commits" | "controls" | "quarantine"] => &[],
        _ => &["after"],
    }
}

/// Whether a report can tell of something like this.
fn is_news(what: &str) -> bool {
    serde_json::from_value(what.into()).is_ok_and(|what: What| what != What::Unknown)
}

fn front(store: &Store, moment: Moment) -> Result<Front, StoreError> {
    let newest = match store.revisions(1)?.pop() {
        None => None,
        // How long it took is read from every account's row: the commit's own page does.
        Some(revision) => Some(Rollout {
            rings: store.rings(&revision.commit)?,
            converged: Vec::new(),
            happened: Vec::new(),
            revision,
        }),
    };
    Ok(Front {
        overview: store.overview(moment)?,
        worst: worst(store, moment)?,
        newest,
        drifted_by_day: store.days("drifted", moment.now)?.into(),
        healed_by_day: store.days("healed", moment.now)?.into(),
    })
}

/// The accounts that are not well, as many as somebody looks at.
fn worst(store: &Store, moment: Moment) -> Result<Vec<Account>, StoreError> {
    let states = State::RANKING.into_iter().filter(|state| *state >= State::Unknown).collect();
    store.first_accounts(moment, &Filter { states, not_suspended: true, ..Filter::default() }, 12)
}

fn rollout(store: &Store, revision: Revision) -> Result<Rollout, StoreError> {
    let reached = |percent: u64| -> Result<_, StoreError> {
        Ok((percent, store.converged(&revision, percent)?.map(|time| time.as_secs())))
    };
    let converged = [50, 90, 99, 100].into_iter().map(reached).collect::<Result<_, _>>()?;
    Ok(Rollout { rings: store.rings(&revision.commit)?, converged, happened: Vec::new(), revision })
}

/// What an address says of which accounts are meant; `None` when it makes no sense.
fn filter(asked: &Asked) -> Option<Filter> {
    let states = asked.all("state").map(named).collect::<Option<Vec<State>>>()?;
    let freshness = match asked.get("fresh") {
        None => None,
        Some("fresh") => Some(Freshness::Fresh),
        Some("late") => Some(Freshness::Late),
        Some("silent") => Some(Freshness::Silent),
        Some(_) => return None,
    };
    let sort = match asked.get("sort") {
        None => Sort::Worst,
        Some(text) => Sort::of(text)?,
    };
    let text = |name| asked.get(name).map(ToOwned::to_owned);
    let is = |name| asked.get(name).is_some();
    let (unexpected, suspended, unproven) = (is("unexpected"), is("suspended"), is("unproven"));
    let (ring, commit, agent) = (text("ring"), text("commit"), text("agent"));
    // Whoever is suspended is listed where all are, and where they are asked for.
    let not_suspended = !suspended && (!states.is_empty() || freshness.is_some());
    Some(Filter { states, ring, commit, agent, freshness, unexpected, suspended, not_suspended, unproven, sort })
}

/// The state of this name.
fn named(name: &str) -> Option<State> {
    State::RANKING.into_iter().find(|state| spelled(*state) == name)
}

/// A state in addresses and metrics, and as the name of a class: as a report spells it.
pub(crate) fn spelled(state: State) -> &'static str {
    match state {
        State::InSync => "in-sync",
        State::Healed => "healed",
        State::Pending => "pending",
        State::Applying => "applying",
        State::Excepted => "excepted",
        State::Unknown => "unknown",
        State::Drifted => "drifted",
        State::Held => "held",
        State::Failed => "failed",
        State::NeedsAPerson => "needs-a-person",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_spelled_as_reports_spell_it() {
        for state in State::RANKING {
            assert_eq!(serde_json::to_value(state).unwrap(), spelled(state));
            assert_eq!(named(spelled(state)), Some(state));
        }
        assert_eq!(named("splendid"), None);
    }
}
