//! How far a commit is: the list of them, one by itself, and its part of the first page.

use super::{
    super::html::{bar, commit, grouped, said, time},
    event_rows, words,
};
use crate::{
    asked::encoded,
    show::span,
    shown::{Rollout, Rows},
    store::view::Revision,
};
use jiff::{SignedDuration, Timestamp};
use manifests::report::State;
use maud::{Markup, html};

/// How far a commit is, ring by ring.
pub(super) fn rollout(rollout: &Rollout, now: Timestamp) -> Markup {
    let Rollout { revision, rings, converged, happened: _ } = rollout;
    html! {
        h2 {
            "Commit " (commit(Some(&revision.commit)))
            " " small { "first heard of " (time(revision.first, now)) ", " (signed(revision)) }
        }
        p {
            @if revision.old {
                (grouped(revision.applied)) " accounts are at it; how they came to it was before the journal reaches back"
            } @else { (grouped(revision.applied)) " of " (grouped(revision.worked.max(revision.applied))) " accounts that worked towards it are at it" }
            @for (percent, seconds) in converged {
                @if let Some(seconds) = seconds { ", " (percent) " % after " (span(SignedDuration::from_secs(*seconds))) }
            }
            "."
        }
        div.table { table {
            caption { "By the accounts' label " code { "ring" } }
            thead { tr { th scope="col" { "Ring" } th scope="col" { "At it" } th.n scope="col" { "Accounts" } th scope="col" { "Those that work towards it" } } }
            tbody { @for ring in rings { tr {
                th scope="row" { a href=(format!("/accounts?ring={}", encoded(&ring.ring))) {
                    @if ring.ring.is_empty() { "no ring" } @else { (said(Some(&ring.ring))) }
                } }
                td { (bar(&[(State::InSync, ring.applied)].into(), ring.accounts, true)) }
                td.n { (grouped(ring.applied)) " / " (grouped(ring.accounts)) }
                td { (words(&ring.now)) }
            } } }
        } }
    }
}

fn signed(revision: &Revision) -> Markup {
    html! {
        @match revision.signature {
            "good" => { "signed by " (said(revision.signer.as_deref())) ", as all accounts say" }
            "not-good" => { "an account says that its signature is not good" }
            _ => { "its signature was not checked, or not by all accounts" }
        }
    }
}

pub(super) fn list(rows: &Rows<Revision>, now: Timestamp) -> Markup {
    html! {
        h1 { "Commits " small { "the newest 200, as accounts tell of them" } }
        div.table { table {
            thead { tr { th scope="col" { "Commit" } th scope="col" { "First heard of" } th scope="col" { "Signature" } th.n scope="col" { "At it now" } th.n scope="col" { "Reached it" } th scope="col" { "Work towards it now" } } }
            tbody { @for row in &rows.rows { tr {
                td { (commit(Some(&row.commit))) } td { (time(row.first, now)) } td { (signed(row)) }
                td.n { (grouped(row.applied)) } td.n { (grouped(row.reached)) " / " (grouped(row.worked)) } td { (words(&row.now)) }
            } } }
        } }
    }
}

pub(super) fn page(shown: &Rollout, now: Timestamp) -> Markup {
    html! {
        h1 { "Commit " span.id { (said(Some(&shown.revision.commit))) } }
        (rollout(shown, now))
        p { a href=(format!("/accounts?commit={}", encoded(&shown.revision.commit))) { "The accounts that work towards it" } ", "
            (words(&shown.revision.now)) }
        h2 { "What was done for it " small { "the newest; " a href=(format!("/events?commit={}", encoded(&shown.revision.commit))) { "all of it" } } }
        (event_rows(&shown.happened, now))
    }
}
