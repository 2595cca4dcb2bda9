//! What was asked for, for machines: JSON as it is, lists as CSV, sums as OpenMetrics, and what there is to ask for as OpenAPI.
//!
//! Not here: what is read ([`crate::shown`]).

use crate::{
    reading::Health,
    shown::{Shown, spelled},
    store::{Reach, alerts::Counts, view::Overview},
};
use fleet::page::Senders;
use jiff::Timestamp;
use manifests::report::State;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;

/// A document: what was asked for, when, and how the hub was doing.
pub(crate) fn document(shown: &Shown, (health, senders): (Option<&Health>, Senders), now: Timestamp) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        at: Timestamp,
        /// What says it itself does so once.
        #[serde(skip_serializing_if = "Option::is_none")]
        senders: Option<Senders>,
        /// Of a store that nobody writes to at the moment, there is none to tell of.
        #[serde(skip_serializing_if = "Option::is_none")]
        hub: Option<&'a Health>,
        #[serde(flatten)]
        shown: &'a Shown,
    }
    let senders = (!matches!(shown, Shown::Overview(_))).then_some(senders);
    serde_json::to_string(&Document { at: now, senders, hub: health, shown }).unwrap_or_default()
}

/// The columns of a list; `None` of what is no list.
pub(crate) fn columns(shown: &Shown) -> Option<&'static [&'static str]> {
    Some(match shown {
        Shown::Accounts(_) => &[
            "account",
            "name",
            "ring",
            "state",
            "since",
            "why",
            "applied",
            "attempted",
            "stacks",
            "stacksGood",
            "seen",
            "freshness",
            "unexpected",
            "suspended",
            "proven",
            "missing",
            "report",
            "agent",
        ],
        Shown::Alerts(_) => {
            &["id", "severity", "state", "account", "name", "ring", "since", "ended", "why", "commit", "quiet", "link"]
        }
        Shown::NotReady(_) => &["account", "name"],
        Shown::Stacks(_) => &["stack", "region", "manifest", "states"],
        Shown::Stack(_) | Shown::Control(_) => &["account", "name", "region", "stack", "state", "since", "why"],
        Shown::Commits(_) => &["commit", "first", "signature", "signer", "worked", "reached", "applied", "now"],
        Shown::Drift(_) => &[
            "account", "name", "region", "stack", "resource", "type", "how", "paths", "since", "by", "from", "call",
            "claimed", "mode", "why",
        ],
        Shown::Controls(_) => &["control", "states"],
        Shown::Exceptions(_) => &["account", "name", "kind", "what", "until", "reason", "by"],
        Shown::Events(_) => &["at", "account", "name", "what", "region", "stack", "commit", "sentence"],
        Shown::Quarantine(_) => &["digest", "received", "reason", "begins"],
        Shown::Overview(_) | Shown::Account(_) | Shown::Commit(_) | Shown::Search(_) => return None,
    })
}

/// The first line.
pub(crate) fn heading(columns: &[&str]) -> String {
    format!("{}\r\n", columns.join(","))
}

/// The lines of a part of a list (RFC 4180), and where the next part begins.
pub(crate) fn lines(shown: &Shown, columns: &[&str]) -> (String, Option<String>) {
    let value = serde_json::to_value(shown).unwrap_or_default();
    let mut text = String::new();
    for row in value.get("rows").and_then(Value::as_array).into_iter().flatten() {
        text.push_str(&self::row(row, columns));
    }
    (text, value.get("next").and_then(Value::as_str).map(ToOwned::to_owned))
}

/// A line.
pub(crate) fn row(row: &Value, columns: &[&str]) -> String {
    let cells: Vec<String> = columns.iter().map(|column| cell(row.get(column).unwrap_or(&Value::Null))).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell. What a spreadsheet would take for a formula is told that it is text.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text };
    let plain = !text.contains(['"', ',', '\r', '\n', ';']);
    if plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// OpenMetrics 1.0. Nothing an account wrote is a label but its agent's version.
pub(crate) fn metrics(
    overview: &Overview,
    alerts: &Counts,
    (health, entries): (&Health, u64),
    now: Timestamp,
) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, samples: &[(String, f64)]| {
        let _ = writeln!(text, "# TYPE holdfast_{name} gauge\n# HELP holdfast_{name} {help}");
        samples.iter().for_each(|(labels, value)| text.push_str(&format!("holdfast_{name}{labels} {value}\n")));
    };
    let one = |value: u64| vec![(String::new(), value as f64)];
    let each = |label: &str, all: Vec<(String, u64)>| -> Vec<(String, f64)> {
        let labelled = |(name, n): (String, u64)| (format!("{{{label}=\"{}\"}}", escaped(&name)), n as f64);
        all.into_iter().map(labelled).collect()
    };
    let states = |counts: &std::collections::BTreeMap<State, u64>| {
        let count = |state: State| (spelled(state).to_owned(), counts.get(&state).copied().unwrap_or_default());
        State::RANKING.into_iter().map(count).collect::<Vec<_>>()
    };
    let share = overview.compliance;
    gauge("accounts", "Accounts by the worst state of their stacks.", &each("state", states(&overview.accounts)));
    gauge("stacks", "Stacks by state.", &each("state", states(&overview.stacks)));
    let fresh = overview.freshness.iter().map(|(word, n)| (word.as_str().to_owned(), *n)).collect();
    gauge("accounts_fresh", "Accounts by how fresh they are.", &each("freshness", fresh));
    gauge("accounts_expected", "Accounts that are expected, or spoke where nobody is.", &one(share.accounts));
    gauge("accounts_in_sync", "Of those, the ones in sync in every stack, and not silent.", &one(share.accounts_good));
    gauge("stacks_expected", "Stacks of those that spoke.", &one(share.stacks));
    gauge(
        "stacks_in_sync",
        "Of those, the ones in sync or healed, in an account that is not silent.",
        &one(share.stacks_good),
    );
    gauge("resources", "Resources of stacks that are looked at for drift.", &one(share.resources));
    gauge("resources_compared", "Of those, the ones that could be compared.", &one(share.compared));
    if let Some(n) = overview.not_ready {
        gauge("accounts_not_ready", "Accounts that are expected and never spoke.", &one(n));
    }
    gauge("accounts_suspended", "Accounts that their organization says are suspended.", &one(overview.suspended));
    gauge("accounts_unexpected", "Accounts that speak and nobody expects.", &one(overview.unexpected));
    gauge(
        "accounts_unproven",
        "Accounts that have not proven that it is they who speak.",
        &one(overview.senders.unproven),
    );
    gauge(
        "agents",
        "Accounts by the version of their agent.",
        &each("version", overview.versions.clone().into_iter().collect()),
    );
    gauge("quarantine", "Messages in quarantine.", &one(overview.quarantine.unwrap_or_default()));
    let open = alerts.open.iter().map(|(severity, n)| ((*severity).to_owned(), *n)).collect();
    gauge("alerts_open", "Alerts that are open, by severity.", &each("severity", open));
    gauge("alerts_undelivered", "Messages that wait for their route.", &one(alerts.undelivered));
    journal(overview.journal.as_ref(), entries, &mut gauge);
    if let Some(lag) = health.lag {
        gauge(
            "hub_lag_seconds",
            "How old the oldest report of the last batch was when it came.",
            &[(String::new(), lag.as_secs_f64())],
        );
    }
    if let Some(at) = health.caught_up {
        let since = now.duration_since(at).as_secs_f64();
        gauge("hub_caught_up_seconds", "How long ago the queue was last seen empty.", &[(String::new(), since)]);
    }
    gauge(
        "hub_trouble",
        "Whether queue or store can't be used at the moment.",
        &one(u64::from(health.trouble.is_some())),
    );
    text + &counted(overview) + "# EOF\n"
}

/// What has been counted since the beginning.
fn counted(overview: &Overview) -> String {
    let head = "# TYPE holdfast_messages counter\n# HELP holdfast_messages Messages by what came of them.\n";
    overview.messages.iter().fold(head.to_owned(), |text, (word, n)| {
        text + &format!("holdfast_messages_total{{outcome=\"{}\"}} {n}\n", escaped(word))
    })
}

/// How much was kept, and from when on all of it is there.
fn journal(reach: Option<&Reach>, entries: u64, gauge: &mut impl FnMut(&str, &str, &[(String, f64)])) {
    let one = |value: f64| [(String::new(), value)];
    gauge("journal_entries", "Entries that were ever made in the journal.", &one(entries as f64));
    if let Some(Reach { since, cut }) = reach {
        gauge("journal_entries_cut", "Of those, the ones that were taken out.", &one(*cut as f64));
        let since = one(since.as_second() as f64);
        gauge("journal_since_timestamp_seconds", "From when on everything that was received is there.", &since);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// OpenAPI 3.1 of everything that there is to ask for.
pub(crate) fn interface() -> Value {
    let query = |name: &str, what: &str| json!({"name": name, "in": "query", "description": what, "schema": {"type": "string"}});
    let path = |name: &str, what: &str| json!({"name": name, "in": "path", "required": true, "description": what, "schema": {"type": "string"}});
    let get = |summary: &str, parameters: Vec<Value>, lists: bool| {
        let mut content = json!({"application/json": {"schema": {"type": "object"}}});
        if lists {
            content["text/csv"] = json!({"schema": {"type": "string"}});
        }
        json!({"get": {"summary": summary, "parameters": parameters, "responses": {
            "200": {"description": "as of `at`; the same page again is 304 with its ETag", "content": content},
            "401": {"description": "who it is has to be said, where anybody is asked"},
            "403": {"description": "it is for operators"},
            "404": {"description": "there is no such thing"},
            "429": {"description": "too often; `Retry-After` says how long to wait"},
        }}})
    };
    let after = || query("after", "`next` of the part before");
    let filters = vec![
        query("state", "one of the ten states as reports spell them; may be there several times"),
        query("ring", "the value of the label `ring`"),
        query("commit", "that the account last worked towards"),
        query("agent", "the version of the agent"),
        query("fresh", "`late` or `silent`: so quiet, or more"),
        query("sort", "`worst` (as without it), `account` or `seen`; with `-` before it the other way round"),
        query("unexpected", "`1`: only those that nobody expects"),
        query("suspended", "`1`: only those that their organization says are suspended"),
        query("unproven", "`1`: only those that have not proven that it is they who speak"),
        after(),
    ];
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Holdfast's hub", "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything is read only. Each address is a page, and with `.json` or `.csv` the same for machines."},
        "paths": {
            "/index.json": get("The fleet in numbers, what stands worst, the newest commit", vec![], false),
            "/alerts.json": get("What people were told: open alerts, worst first, then those that are over", vec![after()], true),
            "/accounts.json": get("Accounts, worst first", filters, true),
            "/accounts/{account}.json": get("An account and its newest report", vec![path("account", "twelve digits")], false),
            "/not-ready.json": get("Accounts that are expected and never spoke", vec![after()], true),
            "/stacks.json": get("Stacks by name, region and manifest", vec![after()], true),
            "/stacks/{stack}.json": get("A stack over all accounts, worst first", vec![path("stack", "CloudFormation's name"), after()], true),
            "/commits.json": get("Commits, the newest first", vec![], true),
            "/commits/{commit}.json": get("A commit: rings, convergence, what was done for it", vec![path("commit", "its id"), after()], false),
            "/drift.json": get("What somebody changed and nobody put back", vec![after()], true),
            "/controls.json": get("Controls", vec![], true),
            "/controls/{control}.json": get("Where a control is provided, worst first", vec![path("control", "its name"), after()], true),
            "/exceptions.json": get("What people told their accounts", vec![after()], true),
            "/events.json": get("What happened, the newest first", vec![query("what", "of one kind, such as `drifted`; of these three one at a time"), query("account", "of one account"), query("commit", "of one commit"), after()], true),
            "/quarantine.json": get("What was refused; for operators", vec![], true),
            "/audit.json": get("Who looked, signed in and out, and was refused; for operators", vec![], true),
            "/search.json": get("What begins so", vec![query("q", "the beginning")], false),
        },
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"bearer": []}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_and_never_a_formula() {
        let check = |value: Value, expect: &str| assert_eq!(cell(&value), expect);
        check(json!("plain"), "plain");
        check(json!("a,b"), "\"a,b\"");
        check(json!("say \"x\"\n"), "\"say \"\"x\"\"\n\"");
        check(json!("=1+1"), "'=1+1");
        check(json!("@cmd,x"), "\"'@cmd,x\"");
        check(json!(null), "");
        check(json!(7), "7");
        check(json!({"failed": 1}), "\"{\"\"failed\"\":1}\"");
    }
}
