//! The pages: an answer in one line first, what somebody has to look at next, then the rest.
//!
//! Not here: what they are made of ([`super::html`]), and where the values come from ([`crate::shown`]).

mod account;
mod alerts;
mod commit;

use super::html::{account, bar, commit, days, grouped, legend, percent, said, stack, state, time};
use crate::{
    asked::{Asked, encoded},
    show::short,
    shown::{DriftOf, Found, Front, NamedStack, Rows, Shown, spelled},
    store::view::{Account, Control, Drifted, Exception, Happened, Part, Place, Providing, StackIn},
};
use fleet::{
    page::Quarantined,
    presence::{Compliance, Freshness, NotReady},
};
use jiff::Timestamp;
use manifests::report::State;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Of what was shown: its title and its body.
pub(super) fn page(shown: &Shown, asked: &Asked, now: Timestamp) -> (String, Markup) {
    match shown {
        Shown::Overview(front) => overview(front, now),
        Shown::Accounts(part) => ("Accounts".into(), accounts(part, asked, now)),
        Shown::Account(one) => (format!("Account {}", one.account.account), account::page(one, now)),
        Shown::Alerts(part) => ("Alerts".into(), alerts::list(part, asked, now)),
        Shown::NotReady(part) => ("Not ready".into(), not_ready(part, asked)),
        Shown::Stacks(part) => ("Stacks".into(), stacks(part, asked)),
        Shown::Stack(named) => (format!("Stack {}", named.stack), one_stack(named, asked, now)),
        Shown::Commits(rows) => ("Commits".into(), commit::list(rows, now)),
        Shown::Commit(rollout) => (format!("Commit {}", short(&rollout.revision.commit)), commit::page(rollout, now)),
        Shown::Drift(drift) => ("Drift".into(), drift_page(drift, asked, now)),
        Shown::Controls(rows) => ("Controls".into(), controls(rows)),
        Shown::Control(providing) => {
            (format!("Control {}", providing.control.control), one_control(providing, asked, now))
        }
        Shown::Exceptions(part) => ("Exceptions".into(), exceptions(part, asked, now)),
        Shown::Events(part) => ("Events".into(), events(part, asked, now)),
        Shown::Quarantine(rows) => ("Quarantine".into(), quarantine(rows, now)),
        Shown::Search(found) => ("Search".into(), search(found, now)),
    }
}

fn overview(front: &Front, now: Timestamp) -> (String, Markup) {
    let Compliance { accounts, accounts_good, stacks, stacks_good, resources, compared } = front.overview.compliance;
    let title = format!("{} of {} stacks in sync", percent(stacks_good, stacks), grouped(stacks));
    let by_state = |state: State| format!("/accounts?state={}", spelled(state));
    let quiet = |word: &Freshness| front.overview.freshness.get(word).copied().unwrap_or_default();
    let body = html! {
        h1 { (title) " " small { (grouped(accounts_good)) " of " (grouped(accounts)) " accounts" } }
        (bar(&front.overview.stacks, stacks, false))
        (legend(&front.overview.stacks, by_state))
        @if quiet(&Freshness::Silent) > 0 {
            p.quiet { "The bar has what accounts said last, also the " (grouped(quiet(&Freshness::Silent))) " that are silent; the share above does not count those as in sync." }
        }
        ul.cards {
            @match front.overview.not_ready {
                Some(n) => li { a href="/not-ready" { b { (grouped(n)) } span { "accounts not ready: expected, and never spoke" } } }
                None => li { b { "?" } span { "accounts not ready: nobody said who is expected (--accounts)" } }
            }
            li { a href="/accounts?fresh=silent" { b { (grouped(quiet(&Freshness::Silent))) } span { "silent, and not counted as in sync" } } }
            li { a href="/accounts?fresh=late" { b { (grouped(quiet(&Freshness::Late))) } span { "late" } } }
            li { a href="/accounts?unexpected=1" { b { (grouped(front.overview.unexpected)) } span { "speak unexpected" } } }
            @if front.overview.suspended > 0 {
                li { a href="/accounts?suspended=1" { b { (grouped(front.overview.suspended)) } span { "suspended, and in no sum" } } }
            }
            li { b { (percent(compared, resources)) } span { "of " (grouped(resources)) " resources compared for drift" } }
            @if let Some(n) = front.overview.quarantine {
                li { a href="/quarantine" { b { (grouped(n)) } span { "messages in quarantine" } } }
            }
        }
        @if let Some(newest) = &front.newest { (commit::rollout(newest, now)) }
        section {
            h2 { "What to look at " small { "accounts, worst first" } }
            @if front.worst.is_empty() { p.quiet { (calm(front)) } } @else { (account_rows(&front.worst, None, now)) }
        }
        div.columns {
            section {
                h2 { "Accounts by their worst stack" }
                (legend(&front.overview.accounts, by_state))
                h2 { "Agents" }
                ul.legend { @for (version, n) in &front.overview.versions {
                    li { a href=(format!("/accounts?agent={}", encoded(version))) { (grouped(*n)) " × " (said(Some(version))) } }
                } }
                @if let Some(journal) = &front.overview.journal {
                    p.quiet {
                        "The journal reaches back to " (time(journal.since, now))
                        @if journal.cut > 0 { "; " (grouped(journal.cut)) " entries before that were cut" } "."
                    }
                }
            }
            section {
                h2 { "Drift " small { "of the last 30 days" } }
                (days(("healed", &thirty(&front.healed_by_day)), ("found", &thirty(&front.drifted_by_day))))
            }
        }
    };
    (title, body)
}

/// What there is to say where no account that spoke is worse than on its way.
fn calm(front: &Front) -> &'static str {
    let of = &front.overview;
    let quiet = of.freshness.keys().any(|word| *word != Freshness::Fresh);
    if of.accounts.is_empty() {
        "No account has spoken yet."
    } else if quiet || of.not_ready.is_none_or(|n| n > 0) {
        "No account that spoke says that anything is wrong; others are silent, not ready, or nobody said who is expected."
    } else {
        "Nothing: every expected account has spoken, and says that every stack is in sync, on its way, or excepted."
    }
}

fn thirty(days: &[u64]) -> [u64; 30] {
    std::array::from_fn(|n| days.get(n).copied().unwrap_or_default())
}

/// `1 failed, 12 in sync`, the worst first.
fn words(states: &BTreeMap<State, u64>) -> Markup {
    html! { @for (n, (state, count)) in states.iter().rev().enumerate() {
        @if n > 0 { ", " } (grouped(*count)) " " (state.as_str())
    } }
}

fn accounts(part: &Part<Account>, asked: &Asked, now: Timestamp) -> Markup {
    let filters: Vec<String> = ["ring", "commit", "agent", "fresh", "unexpected", "suspended", "unproven"]
        .into_iter()
        .filter_map(|name| asked.get(name).map(|value| format!("{name} {value}")))
        .collect();
    html! {
        h1 { "Accounts" @if !filters.is_empty() { " " small { (said(Some(&filters.join(", ")))) } } }
        ul.chips aria-label="By state" {
            li { a href=(asked.with("state", None)) aria-current=[asked.get("state").is_none().then_some("true")] { "all" } }
            @for state in State::RANKING.into_iter().rev() {
                li { a href=(asked.with("state", Some(spelled(state)))) aria-current=[(asked.get("state") == Some(spelled(state))).then_some("true")] { (state.as_str()) } }
            }
        }
        ul.chips aria-label="By freshness" {
            @for (value, name) in [(None, "however fresh"), (Some("late"), "late or silent"), (Some("silent"), "silent")] {
                li { a href=(asked.with("fresh", value)) aria-current=[(asked.get("fresh") == value).then_some("true")] { (name) } }
            }
            @for name in ["ring", "commit", "agent", "unexpected", "suspended", "unproven"] {
                @if asked.get(name).is_some() { li { a href=(asked.with(name, None)) { "any " (name) " ×" } } }
            }
        }
        (account_rows(&part.rows, Some(asked), now))
        (more(part.next.as_deref(), asked))
    }
}

/// The head of a column by which a list may be in order; what it is in order by already leads to the other way round.
fn ordered(name: &str, sort: &'static str, asked: Option<&Asked>) -> Markup {
    let Some(asked) = asked else { return html! { th scope="col" { (name) } } };
    let is = asked.get("sort").unwrap_or("worst");
    let (is_up, is_down) = (is == sort, is.strip_prefix('-') == Some(sort));
    let other = if is_up && sort != "worst" { format!("-{sort}") } else { sort.to_owned() };
    let order = if is_up { "ascending" } else { "descending" };
    html! { th scope="col" aria-sort=[(is_up || is_down).then_some(order)] {
        a href=(asked.with("sort", Some(&other))) { (name) @if is_up || is_down { span aria-hidden="true" { @if is_up { " ▴" } @else { " ▾" } } } }
    } }
}

fn account_rows(rows: &[Account], asked: Option<&Asked>, now: Timestamp) -> Markup {
    let caption = match asked.and_then(|asked| asked.get("sort")).unwrap_or("worst") {
        "account" | "-account" => "By number",
        "seen" => "Quiet for longest first",
        "-seen" => "Seen last first",
        _ => "Worst first",
    };
    html! {
        div.table { table {
            caption { (caption) }
            thead { tr {
                (ordered("Account", "account", asked)) th scope="col" { "Ring" } (ordered("State", "worst", asked))
                th scope="col" { "Why" } th scope="col" { "Commit" } th.n scope="col" { "Stacks" }
                (ordered("Last seen", "seen", asked)) th scope="col" { "Agent" }
            } }
            tbody { @for row in rows { tr {
                td { (account(row.account.as_str(), row.name.as_deref())) @if row.unexpected { " " span.quiet { "(unexpected)" } } @if row.suspended { " " span.quiet { "(suspended)" } } }
                td { (said(Some(&row.ring))) }
                td { (state(row.state)) }
                td.why { (said(row.why.as_deref())) }
                td { (commit(row.applied.as_deref())) @if row.attempted != row.applied { " → " (commit(row.attempted.as_deref())) } }
                td.n { (row.stacks_good) " / " (row.stacks) }
                td { (time(row.seen, now)) @if row.freshness != Freshness::Fresh { " " span.quiet { "(" (row.freshness.as_str()) ")" } } }
                td { (said(Some(&row.agent))) }
            } } }
        } }
        @if rows.is_empty() { p.quiet { "No account." } }
    }
}

fn not_ready(part: &Part<NotReady>, asked: &Asked) -> Markup {
    html! {
        h1 { "Not ready " small { "expected, and never spoke" } }
        ul { @for one in &part.rows { li { span.id { (one.account.as_str()) } " " (said(one.name.as_deref())) } } }
        @if part.rows.is_empty() { p.quiet { "Nobody: every expected account has spoken, or nobody said who is expected." } }
        (more(part.next.as_deref(), asked))
    }
}

fn stacks(part: &Part<Place>, asked: &Asked) -> Markup {
    html! {
        h1 { "Stacks" }
        (place_rows(&part.rows))
        (more(part.next.as_deref(), asked))
    }
}

fn place_rows(rows: &[Place]) -> Markup {
    html! { div.table { table {
        thead { tr { th scope="col" { "Stack" } th scope="col" { "Region" } th scope="col" { "Manifest" } th scope="col" { "Accounts" } th scope="col" { "How they stand" } } }
        tbody { @for row in rows { tr {
            td { (stack(&row.stack)) } td { (said(Some(&row.region))) } td { (said(Some(&row.manifest))) }
            td { (bar(&row.states, 0, true)) }
            td { (words(&row.states)) }
        } } }
    } } }
}

fn one_stack(named: &NamedStack, asked: &Asked, now: Timestamp) -> Markup {
    html! {
        h1 { "Stack " (said(Some(&named.stack))) }
        (place_rows(&named.placed.places))
        @if !named.placed.reasons.is_empty() {
            h2 { "Why it is not in sync " small { "where it stands worst" } }
            ul { @for (why, n) in &named.placed.reasons { li { (grouped(*n)) " × " (said(Some(why))) } } }
        }
        h2 { "Accounts " small { "worst first" } }
        (stack_rows(&named.placed.accounts.rows, now))
        (more(named.placed.accounts.next.as_deref(), asked))
    }
}

fn stack_rows(rows: &[StackIn], now: Timestamp) -> Markup {
    html! { @if !rows.is_empty() { div.table { table {
        thead { tr { th scope="col" { "State" } th scope="col" { "Stack" } th scope="col" { "Account" } th scope="col" { "Since" } th scope="col" { "Why" } } }
        tbody { @for row in rows { tr {
            td { (state(row.state)) }
            td { (stack(&row.stack)) " " span.quiet { (said(Some(&row.region))) } }
            td { (account(row.account.as_str(), row.name.as_deref())) }
            td { (time(row.since, now)) }
            td.why { (said(row.why.as_deref())) }
        } } }
    } } } }
}

fn drift_page(drift: &DriftOf, asked: &Asked, now: Timestamp) -> Markup {
    html! {
        h1 { "Drift " small { "what somebody changed and nobody put back yet" } }
        (days(("healed", &thirty(&drift.healed_by_day)), ("found", &thirty(&drift.drifted_by_day))))
        div.table { table {
            caption { "Found last first" }
            thead { tr { th scope="col" { "Found" } th scope="col" { "Account" } th scope="col" { "Stack" } th scope="col" { "Resource" } th scope="col" { "By" } th scope="col" { "Mode" } th scope="col" { "Why it is not put back" } } }
            tbody { @for row in &drift.part.rows { (drifted(row, now)) } }
        } }
        @if drift.part.rows.is_empty() { p.quiet { "None that an account that looks for it has told of." } }
        p { a href="/events?what=drifted" { "What was found" } ", " a href="/events?what=healed" { "what was put back" } ", "
            a href="/events?what=not-healed" { "what could not be" } "." }
        (more(drift.part.next.as_deref(), asked))
    }
}

fn drifted(row: &Drifted, now: Timestamp) -> Markup {
    html! { tr {
        td { (time(row.since, now)) }
        td { (account(row.account.as_str(), row.name.as_deref())) }
        td { (stack(&row.stack)) " " span.quiet { (said(Some(&row.region))) } }
        td { (said(Some(&row.resource))) " " span.quiet { (said(Some(&row.kind))) " " (said(Some(&row.how))) " " (said(Some(&row.paths.join(" ")))) } }
        td.why { @match &row.by {
            Some(by) => { (said(Some(by))) " " (said(row.call.as_deref())) @if row.claimed { " (an event says so)" } }
            None => { "not known" }
        } }
        td { (said(Some(&row.mode))) }
        td.why { (said(row.why.as_deref())) }
    } }
}

fn controls(rows: &Rows<Control>) -> Markup {
    html! {
        h1 { "Controls " small { "by what the stacks' manifests say that they provide" } }
        div.table { table {
            thead { tr { th scope="col" { "Control" } th scope="col" { "Stacks" } th scope="col" { "How they stand" } } }
            tbody { @for row in &rows.rows { tr {
                td { a href=(format!("/controls/{}", encoded(&row.control))) { (said(Some(&row.control))) } }
                td { (bar(&row.states, 0, true)) }
                td { (words(&row.states)) }
            } } }
        } }
        @if rows.rows.is_empty() { p.quiet { "No manifest says " code { "provides" } "." } }
    }
}

fn one_control(providing: &Providing, asked: &Asked, now: Timestamp) -> Markup {
    html! {
        h1 { "Control " (said(Some(&providing.control.control))) }
        (bar(&providing.control.states, 0, false))
        p { (words(&providing.control.states)) }
        (stack_rows(&providing.stacks.rows, now))
        (more(providing.stacks.next.as_deref(), asked))
    }
}

fn exceptions(part: &Part<Exception>, asked: &Asked, now: Timestamp) -> Markup {
    html! {
        h1 { "Exceptions " small { "what people in the accounts told their agents; what ends first first" } }
        div.table { table {
            thead { tr { th scope="col" { "Ends" } th scope="col" { "Account" } th scope="col" { "Kind" } th scope="col" { "What" } th scope="col" { "Reason" } th scope="col" { "By" } } }
            tbody { @for row in &part.rows { tr {
                td { (time(row.until, now)) } td { (account(row.account.as_str(), row.name.as_deref())) }
                td { (row.kind) } td { (said(Some(&row.what))) } td.why { (said(Some(&row.reason))) } td { (said(Some(&row.by))) }
            } } }
        } }
        @if part.rows.is_empty() { p.quiet { "None." } }
        (more(part.next.as_deref(), asked))
    }
}

fn events(part: &Part<Happened>, asked: &Asked, now: Timestamp) -> Markup {
    const KINDS: [&str; 12] = [
        "created",
        "updated",
        "deleted",
        "failed",
        "held",
        "accepted",
        "refused",
        "recovered",
        "orphaned",
        "drifted",
        "healed",
        "not-healed",
    ];
    html! {
        h1 { "Events " small { "what happened, the newest first" } }
        ul.chips aria-label="By kind" {
            li { a href=(asked.of_these(&[]).with("what", None)) aria-current=[asked.get("what").is_none().then_some("true")] { "all" } }
            @for kind in KINDS {
                li { a href=(asked.of_these(&[]).with("what", Some(kind))) aria-current=[(asked.get("what") == Some(kind)).then_some("true")] { (kind.replace('-', " ")) } }
            }
        }
        (event_rows(&part.rows, now))
        (more(part.next.as_deref(), asked))
    }
}

fn event_rows(rows: &[Happened], now: Timestamp) -> Markup {
    html! {
        @if !rows.is_empty() { div.table { table {
            thead { tr { th scope="col" { "When" } th scope="col" { "Account" } th scope="col" { "What" } th scope="col" { "Stack" } th scope="col" { "In words" } th scope="col" { "Commit" } } }
            tbody { @for row in rows { tr {
                td { (time(row.at, now)) } td { (account(row.account.as_str(), row.name.as_deref())) } td { (row.what.replace('-', " ")) }
                td { @if let Some(name) = &row.stack { (stack(name)) " " span.quiet { (said(row.region.as_deref())) } } }
                td.why { (said(Some(&row.sentence))) } td { @if row.commit.is_some() { (commit(row.commit.as_deref())) } }
            } } }
        } } }
        @if rows.is_empty() { p.quiet { "Nothing." } }
    }
}

fn quarantine(rows: &Rows<Quarantined>, now: Timestamp) -> Markup {
    html! {
        h1 { "Quarantine " small { "the newest 100 messages that are no reports, or not of the account that they name" } }
        div.table { table {
            thead { tr { th scope="col" { "Came first" } th scope="col" { "Why" } th scope="col" { "Begins" } th scope="col" { "Digest" } } }
            tbody { @for row in rows.rows.iter().rev() { tr {
                td { (time(row.received, now)) } td { (said(Some(&row.reason))) } td.why { code { (said(Some(&row.begins.chars().take(80).collect::<String>()))) } }
                td { code { (row.digest.short(12)) } }
            } } }
        } }
        @if rows.rows.is_empty() { p.quiet { "Nothing was refused." } }
    }
}

fn search(found: &Found, now: Timestamp) -> Markup {
    let Found { q, found } = found;
    let nothing =
        found.accounts.is_empty() && found.stacks.is_empty() && found.commits.is_empty() && found.controls.is_empty();
    html! {
        h1 { "What begins with “" (said(Some(q))) "”" }
        @if nothing { p.quiet { "Nothing. Accounts are found by their number or name, stacks and controls by their name, commits by their id." } }
        @if !found.accounts.is_empty() { h2 { "Accounts" } (account_rows(&found.accounts, None, now)) }
        @if !found.stacks.is_empty() { h2 { "Stacks" } ul { @for name in &found.stacks { li { (stack(name)) } } } }
        @if !found.commits.is_empty() { h2 { "Commits" } ul { @for id in &found.commits { li { a.id href=(format!("/commits/{}", encoded(id))) { (said(Some(id))) } } } } }
        @if !found.controls.is_empty() { h2 { "Controls" } ul { @for name in &found.controls { li { a href=(format!("/controls/{}", encoded(name))) { (said(Some(name))) } } } } }
    }
}

/// Where the list goes on.
fn more(next: Option<&str>, asked: &Asked) -> Markup {
    html! { @if let Some(next) = next { p.more { a href=(asked.with("after", Some(next))) rel="next" { "More" } } } }
}
