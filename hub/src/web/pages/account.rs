//! The page of one account: what it said last, stack by stack, and what happened there.

use super::{
    super::html::{commit, said, stack, state, time},
    event_rows,
};
use crate::shown::One;
use jiff::Timestamp;
use manifests::report::{DriftReport, Report};
use maud::{Markup, html};

pub(super) fn page(one: &One, now: Timestamp) -> Markup {
    let (row, report) = (&one.account, &one.newest.data);
    html! {
        h1 { span.id { (row.account.as_str()) } " " (said(row.name.as_deref())) " " small { (state(row.state)) " since " (time(row.since, now)) } }
        @if let Some(why) = &row.why { p { (said(Some(why))) } }
        @if let Some(closed) = &report.closed { p { b { "Nothing may begin: " } (said(Some(closed))) } }
        @if let Some(trouble) = &report.source.trouble { p { b { "The repository: " } (said(Some(trouble))) } }
        @if let Some(update) = &report.agent.update {
            p { b { "The agent: " } "version " (said(Some(&update.wanted))) " " (said(Some(&update.why))) }
        }
        ul.cards {
            li { b { (commit(row.applied.as_deref())) } span { "reached" @if row.attempted != row.applied { ", working towards " (commit(row.attempted.as_deref())) } } }
            li { b { (row.stacks_good) " / " (row.stacks) } span { "stacks in sync" } }
            li { b { (row.freshness.as_str()) } span { "last seen " (time(row.seen, now)) @if let Some(next) = report.next { ", next look " (time(next, now)) } } }
            li { b { (said(Some(&row.agent))) } span { "agent, at home in " (report.agent.region.as_ref()) } }
            li {
                b { @if row.proven { "proven" } @else { "unproven" } }
                span { @match &one.enrolled {
                    Some(key) => { "key " (key.key.0.short(12)) ", by " (said(Some(&key.arn))) ", " (time(key.at, now)) }
                    None => { "whoever may publish to the topic could have said this" }
                } }
            }
            li { b { (row.missing) } span { "gaps in its reports, of which the newest is " (said(Some(&row.report))) } }
        }
        h2 { "Stacks" @if report.stacks_total > report.stacks.len() as u64 { " " small { "those in sync are left out of a report that would not fit" } } }
        (own_stacks(report, now))
        (orders(report, now))
        @if !report.problems.is_empty() {
            h2 { "What could not be read in the repository" }
            ul { @for problem in &report.problems { li { (said(Some(&problem.to_string()))) } } }
        }
        h2 { "What happened " small { "the newest; " a href=(format!("/events?account={}", row.account)) { "all of it" } } }
        (event_rows(&one.happened, now))
    }
}

fn own_stacks(report: &Report, now: Timestamp) -> Markup {
    html! {
        div.table { table {
            thead { tr { th scope="col" { "Stack" } th scope="col" { "Region" } th scope="col" { "State" } th scope="col" { "Why" } th scope="col" { "CloudFormation" } th scope="col" { "Drift" } } }
            tbody { @for one in &report.stacks { tr {
                td { (stack(one.stack.as_ref())) }
                td { (one.region.as_ref()) }
                td { (state(one.state)) }
                td.why { (said(one.why.as_deref())) }
                td { (said(one.status.as_deref())) }
                td { (drift_of(one.drift.as_ref(), now)) }
            } } }
        } }
    }
}

fn drift_of(drift: Option<&DriftReport>, now: Timestamp) -> Markup {
    html! { @match drift {
        None => span.quiet { "not looked at" }
        Some(drift) => {
            (drift.compared) " of " (drift.resources) " compared"
            @if drift.drifted_total > 0 { ", " (drift.drifted_total) " changed" }
            @if let Some(looked) = drift.looked { ", " (time(looked, now)) }
        }
    } }
}

/// What people told the account's agent.
fn orders(report: &Report, now: Timestamp) -> Markup {
    let any = !report.holds.is_empty()
        || report.pin.is_some()
        || !report.rollbacks.is_empty()
        || !report.approvals.is_empty();
    let line = |what: String, reason: &str, by: &str, until: Timestamp| {
        html! {
            li { (said(Some(&what))) ": " (said(Some(reason))) " (" (said(Some(by))) ", ends " (time(until, now)) ")" }
        }
    };
    html! { @if any {
        h2 { "What people told its agent" }
        ul {
            @for it in &report.holds { (line(format!("hold of {}", it.stack.as_ref().map_or("the whole account", AsRef::as_ref)), &it.reason, &it.by, it.until)) }
            @if let Some(it) = &report.pin { (line(format!("pinned to {}", it.commit.short()), &it.reason, &it.by, it.until)) }
            @for it in &report.rollbacks { (line(format!("{} sent back to {}", it.stack, it.commit.short()), &it.reason, &it.by, it.until)) }
            @for it in &report.approvals { (line(format!("approved {}", it.plan), &it.reason, &it.by, it.until)) }
        }
    } }
}
