//! What people were told: what is open, and what is over.

use super::{
    super::html::{account, commit, said, time},
    more,
};
use crate::{
    asked::Asked,
    store::{alerts::Alert, view::Part},
};
use jiff::Timestamp;
use maud::{Markup, html};

pub(super) fn list(part: &Part<Alert>, asked: &Asked, now: Timestamp) -> Markup {
    html! {
        h1 { "Alerts " small { "what is open, worst first, and what is over" } }
        div.table { table {
            thead { tr {
                th scope="col" { "Severity" } th scope="col" { "What" } th scope="col" { "Account" } th scope="col" { "Ring" }
                th scope="col" { "Since" } th scope="col" { "Over" } th scope="col" { "Why" } th scope="col" { "Commit" }
            } }
            tbody { @for row in &part.rows { tr {
                td { (row.severity) }
                td { a href=(row.link) { (row.state) } @if row.quiet { " " span.quiet { "(nobody was told: it was old)" } } }
                td { @match &row.account {
                    Some(id) => { (account(id.as_str(), row.name.as_deref())) }
                    None => { "the hub" }
                } }
                td { (said(Some(&row.ring))) }
                td { (time(row.since, now)) }
                td { @match row.ended { Some(ended) => { (time(ended, now)) } None => { b { "open" } } } }
                td.why { (said(row.why.as_deref())) }
                td { (commit(row.commit.as_deref())) }
            } } }
        } }
        @if part.rows.is_empty() { p.quiet { "None: nothing was told, or nobody said whom to tell (--alerts)." } }
        (more(part.next.as_deref(), asked))
    }
}
