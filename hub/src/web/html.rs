//! What every page is made of: its frame, states as shapes and words, times, bars.
//!
//! Whatever an account wrote is escaped by the template and shown without what would turn the direction of writing round.

use super::guard::Role;
use crate::{
    asked::{Asked, encoded},
    reading::Health,
    show::{ago, clean, short, span},
    shown::spelled,
};
use fleet::page::Senders;
use jiff::{SignedDuration, Timestamp};
use manifests::report::State;
use maud::{DOCTYPE, Markup, html};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a page is framed with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// The hub itself.
    pub(super) health: &'a Health,
    /// Who has proven that it is they who speak.
    pub(super) senders: Senders,
    /// Now.
    pub(super) now: Timestamp,
    /// What was asked for.
    pub(super) asked: &'a Asked,
    /// Who looks at it.
    pub(super) looker: Looker<'a>,
}

/// Who looks at a page.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Looker<'a> {
    pub(super) name: &'a str,
    pub(super) role: &'a Role,
    /// Whether anybody is asked who they are.
    pub(super) is_asked: bool,
    /// What the form to sign out shows, for those who can.
    pub(super) exit: Option<&'a str>,
}

/// Every entry of the navigation: its address and its name. Operators see the last two.
const PLACES: [(&str, &str); 11] = [
    ("/", "Overview"),
    ("/alerts", "Alerts"),
    ("/accounts", "Accounts"),
    ("/stacks", "Stacks"),
    ("/commits", "Commits"),
    ("/drift", "Drift"),
    ("/controls", "Controls"),
    ("/exceptions", "Exceptions"),
    ("/events", "Events"),
    ("/quarantine", "Quarantine"),
    ("/audit", "Audit"),
];

/// Those that somebody with this role may see.
fn places(role: &Role) -> &'static [(&'static str, &'static str)] {
    match role {
        Role::Operator => &PLACES,
        Role::Reader | Role::Part(_) => &PLACES[..PLACES.len() - 2],
    }
}

/// A page.
pub(super) fn page(frame: &Frame<'_>, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head(title))
                noscript { meta http-equiv="refresh" content="60"; }
                script src="/live.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    strong { "Holdfast" }
                    nav aria-label="Pages" {
                        @for (address, name) in places(frame.looker.role) {
                            a href=(address) aria-current=[frame.asked.is_below(address).then_some("page")] { (name) }
                        }
                    }
                    @if frame.looker.is_asked { (looker(&frame.looker)) }
                    form.search action="/search" role="search" {
                        input type="search" name="q" aria-label="Account, stack, commit or control" placeholder="Search  ( / )";
                        button { "Search" }
                    }
                }
                p.hub { (hub(frame.health, frame.senders, frame.now)) }
                main #main { (body) }
                footer {
                    "As of " (time(frame.now, frame.now)) ". The same as "
                    a href=(frame.asked.with("format", Some("json"))) rel="nofollow" { "JSON" } ", "
                    a href=(frame.asked.with("format", Some("csv"))) rel="nofollow" { "CSV" } ", "
                    @if *frame.looker.role >= Role::Reader { a href="/metrics" { "metrics" } ", " } a href="/openapi.json" { "the interface" } ". "
                    button #live type="button" aria-pressed="true" hidden { "live" }
                }
            }
        }
    }
}

/// Who is signed in, and the way out.
fn looker(looker: &Looker<'_>) -> Markup {
    html! {
        div.looker {
            span title=(looker.role.as_str()) { (clean(looker.name)) }
            @if let Role::Part(part) = looker.role { " " span.quiet { "sees " (said(Some(&part.to_string()))) } }
            @if let Some(token) = looker.exit { " " (exit(token)) }
        }
    }
}

/// The way out.
pub(super) fn exit(token: &str) -> Markup {
    html! {
        form action="/sign-out" method="post" {
            input type="hidden" name="exit" value=(token);
            button { "Sign out" }
        }
    }
}

/// What the head of every page begins with.
fn head(title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        title { (clean(title)) " · Holdfast" }
        link rel="stylesheet" href="/style.css";
        link rel="icon" href="data:,";
    }
}

/// A page for somebody who is not in: nothing of the fleet is on it. `onward` is where it leads by itself.
pub(super) fn bare(title: &str, onward: Option<&str>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head(title))
                @if let Some(onward) = onward { meta http-equiv="refresh" content=(format!("0; url={onward}")); }
            }
            body {
                header { strong { "Holdfast" } }
                main #main { (body) }
            }
        }
    }
}

/// The hub's own lag: the first thing to know about any picture.
fn hub(health: &Health, senders: Senders, now: Timestamp) -> Markup {
    html! {
        "Hub: "
        @match health.lag {
            Some(lag) => { "the newest reports were " (span(lag.max(SignedDuration::ZERO))) " old when they came" }
            None => { "nothing has come since it began" }
        }
        @match health.caught_up {
            Some(at) => { ", the queue was empty " (ago(at, now)) }
            None => { ", there is more to read" }
        }
        ". "
        @match senders {
            Senders { unproven: 0, proven: 1.. } => { "All senders are proven." }
            Senders { proven: 0, .. } => { "Senders are not proven." }
            Senders { unproven, proven } => {
                a href="/accounts?unproven=1" { (grouped(unproven)) " of " (grouped(proven + unproven)) " senders are not proven." }
            }
        }
        @for trouble in health.trouble.iter().chain(&health.expected).chain(&health.alerts) {
            " " span.bad { (clean(trouble)) }
        }
    }
}

/// A state: its shape and its word.
pub(super) fn state(state: State) -> Markup {
    html! { span.state { (shape(state)) (state.as_str()) } }
}

/// One shape each, so that nobody needs the colour.
fn shape(state: State) -> Markup {
    let path = match state {
        State::InSync => "M5 0a5 5 0 1 1 0 10a5 5 0 1 1 0-10",
        State::Healed => "M3.5 0h3v3.5H10v3H6.5V10h-3V6.5H0v-3h3.5z",
        State::Pending => "M0 4h10v2H0z",
        State::Applying => "M1 0l9 5l-9 5z",
        State::Excepted => "M1 0h3v10H1zM6 0h3v10H6z",
        State::Unknown => "M2 2h6v6H2z",
        State::Drifted => "M5 0l5 5l-5 5l-5-5z",
        State::Held => "M3 0h4l3 3v4l-3 3H3L0 7V3z",
        State::Failed => "M1.8 0L5 3.2L8.2 0L10 1.8L6.8 5L10 8.2L8.2 10L5 6.8L1.8 10L0 8.2L3.2 5L0 1.8z",
        State::NeedsAPerson => "M5 0l5 10H0z",
    };
    html! { svg viewBox="0 0 10 10" aria-hidden="true" { path class=(spelled(state)) d=(path) {} } }
}

/// How many stand how, as a bar, the best first. What is not said to be anything is the ground.
pub(super) fn bar(states: &BTreeMap<State, u64>, of: u64, thin: bool) -> Markup {
    let whole = of.max(states.values().sum()).max(1);
    let mut from = 0;
    let parts: Vec<(State, f64, f64)> = states
        .iter()
        .map(|(state, n)| {
            let part = (*state, share(from, whole), share(*n, whole));
            from += n;
            part
        })
        .collect();
    let said: Vec<String> = states.iter().map(|(state, n)| format!("{n} {}", state.as_str())).collect();
    html! {
        svg class=(if thin { "bar thin" } else { "bar" }) viewBox="0 0 1000 10" preserveAspectRatio="none" role="img"
            aria-label=(format!("{} of {whole}", said.join(", "))) {
            rect.ground width="1000" height="10" {}
            @for (state, x, width) in parts {
                rect class=(spelled(state)) x=(format!("{x:.1}")) width=(format!("{width:.1}")) height="10" {}
            }
        }
    }
}

fn share(n: u64, of: u64) -> f64 {
    n as f64 * 1000.0 / of as f64
}

/// The same in words, each with where to see which.
pub(super) fn legend(states: &BTreeMap<State, u64>, address: impl Fn(State) -> String) -> Markup {
    html! {
        ul.legend {
            @for (state, n) in states.iter().rev() {
                li { a href=(address(*state)) { (shape(*state)) (grouped(*n)) " " (state.as_str()) } }
            }
        }
    }
}

/// Thirty days as columns, what is good above and what is not below.
pub(super) fn days(above: (&str, &[u64; 30]), below: (&str, &[u64; 30])) -> Markup {
    let most = above.1.iter().chain(below.1).copied().max().unwrap_or(0).max(1);
    let height = |n: u64| format!("{:.1}", n as f64 * 24.0 / most as f64);
    let sum = |days: &[u64; 30]| days.iter().sum::<u64>();
    let label = format!("{} {} and {} {} in 30 days", sum(above.1), above.0, sum(below.1), below.0);
    html! {
        svg.days viewBox="0 0 300 52" preserveAspectRatio="none" role="img" aria-label=(label) {
            @for (n, (up, down)) in above.1.iter().zip(below.1).enumerate() {
                rect.healed x=(n * 10) y=(format!("{:.1}", 25.0 - *up as f64 * 24.0 / most as f64)) width="8" height=(height(*up)) {}
                rect.drifted x=(n * 10) y="27" width="8" height=(height(*down)) {}
            }
            rect.ground y="25.5" width="300" height="1" {}
        }
        p.quiet { (label) }
    }
}

/// A moment, as it is said and as a machine reads it.
pub(super) fn time(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(format!("{at:.0}")) title=(format!("{at:.0}")) {
        @if at == now { (format!("{at:.0}")) } @else if at > now { "in " (span(at.duration_since(now))) } @else { (ago(at, now)) }
    } }
}

/// What an account wrote.
pub(super) fn said(text: Option<&str>) -> Markup {
    html! { (text.map(clean).unwrap_or_default()) }
}

/// A commit, and where to see more of it.
pub(super) fn commit(id: Option<&str>) -> Markup {
    html! {
        @match id {
            Some(id) => a.id href=(format!("/commits/{}", encoded(id))) { (short(id)) }
            None => span.quiet { "none" }
        }
    }
}

/// An account, and where to see more of it.
pub(super) fn account(id: &str, name: Option<&str>) -> Markup {
    html! { a href=(format!("/accounts/{id}")) { span.id { (id) } } @if let Some(name) = name { " " (clean(name)) } }
}

/// A stack, and where to see more of it.
pub(super) fn stack(name: &str) -> Markup {
    html! { a href=(format!("/stacks/{}", encoded(name))) { (clean(name)) } }
}

/// `12,345`
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `97.31 %`, never rounded up to all of it.
pub(super) fn percent(good: u64, all: u64) -> String {
    match all {
        0 => "0 %".into(),
        _ => {
            let hundredths = u128::from(good) * 10_000 / u128::from(all);
            let (whole, rest) = (hundredths / 100, hundredths % 100);
            if rest == 0 { format!("{whole} %") } else { format!("{whole}.{rest:02} %") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_said_to_be_whole_who_is_not() {
        let check = |good, all, expect: &str| assert_eq!(percent(good, all), expect);
        check(0, 0, "0 %");
        check(1, 1, "100 %");
        check(999_999, 1_000_000, "99.99 %");
        check(1, 3, "33.33 %");
        check(1, 2, "50 %");
    }

    #[test]
    fn numbers_are_read_in_groups() {
        let check = |n, expect: &str| assert_eq!(grouped(n), expect);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }

    #[test]
    fn every_state_has_a_shape_and_a_class_of_its_own() {
        let all: std::collections::BTreeSet<String> =
            State::RANKING.iter().map(|it| state(*it).into_string()).collect();
        assert_eq!(all.len(), State::RANKING.len());
    }

    #[test]
    fn what_an_account_wrote_is_text() {
        let evil = "<script>alert(1)</script>\u{202e}";
        let shown =
            html! { (said(Some(evil))) (stack(evil)) (account("111111111111", Some(evil))) (commit(Some(evil))) };
        let shown = shown.into_string();
        assert!(!shown.contains("<script") && !shown.contains('\u{202e}'), "{shown}");
    }
}
