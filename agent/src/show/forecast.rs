//! A forecast in the look of Terraform: destruction first, properties before and after, counts and digest last.

use super::{Ink, Style, counted};
use crate::forecast::{Forecast, StackChange, Verdict};
use manifests::{guardrails::Who, id::StackKey, report::State};
use plan::{
    drift::{remembered::Finding, verdict::names},
    facts::{Action, Change, Detail, Replacement},
    guard::{Harm, harm},
    memory::Started,
    step::{Row, Stand},
    why::Why,
};
use serde_json::json;
use std::fmt::Write;

/// For people.
pub fn text(forecast: &Forecast, style: Style) -> String {
    let mut text = String::new();
    for change in by_danger(forecast) {
        stack(&mut text, change, style);
    }
    for (key, row) in &forecast.plan.rows {
        if let Stand::Not(why) = &row.stand {
            waiting(&mut text, key, row, why, style);
        }
    }
    for (key, found) in left(forecast) {
        let what = printable(&by_hand(found));
        let _ = writeln!(text, "  {key}: {}: {what} (`holdfast drift`)", style.paint(Ink::Change, "drifted"));
    }
    for problem in &forecast.problems {
        let _ = writeln!(text, "{} {problem}", style.paint(Ink::Bad, "problem:"));
    }
    if let Some(trouble) = &forecast.trouble {
        let _ = writeln!(text, "{} {trouble}", style.paint(Ink::Bad, "trouble:"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", style.paint(Ink::Bold, &verdict(forecast)));
    text
}

/// How many resources are added, changed, replaced and removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Taken in, because they exist already.
    pub import: usize,
    /// Added.
    pub add: usize,
    /// Changed in place.
    pub change: usize,
    /// Replaced, or maybe.
    pub replace: usize,
    /// Removed.
    pub remove: usize,
}

/// Counts over all changes.
pub fn counts(forecast: &Forecast) -> Counts {
    let mut counts = Counts::default();
    for change in forecast.changes.iter().flat_map(|change| &change.changes) {
        match (harm(change), change.action) {
            (Harm::Removes | Harm::Orphans, _) => counts.remove += 1,
            (Harm::Replaces, _) => counts.replace += 1,
            (Harm::Nothing, Some(Action::Import)) => counts.import += 1,
            (Harm::Nothing, Some(Action::Add)) => counts.add += 1,
            (Harm::Nothing, _) => counts.change += 1,
        }
    }
    counts
}

/// One sentence; also the last line, for machines that read text.
pub fn verdict(forecast: &Forecast) -> String {
    let Some(commit) = &forecast.commit else {
        return "Nothing is planned: there is no commit to plan for.".into();
    };
    let Counts { import, add, change, replace, remove } = counts(forecast);
    let import = if import > 0 { format!("{import} to import, ") } else { String::new() };
    let judged = forecast.plan.rows.values().filter(|row| row.state() == State::Held).count();
    let held = judged + forecast.changes.iter().filter(|change| matches!(change.verdict, Verdict::Held(_))).count();
    let deleted = forecast.changes.iter().filter(|change| change.act == Started::Remove).count();
    let not = forecast.plan.rows.values().filter(|row| matches!(row.stand, Stand::Not(_))).count();
    let drifted: usize = forecast.drifted.values().map(Vec::len).sum();
    let drifted = if drifted > 0 { format!(", {} drifted", counted(drifted, "resource")) } else { String::new() };
    let settled = forecast.plan.rows.values().filter(|row| row.stand == Stand::Settled).count();
    format!(
        "Plan {}: {}; {import}{} to add, {change} to change, {replace} to replace, {remove} to remove, {} to delete; \
         {settled} in sync, {held} held, {not} not planned{drifted}. digest {}",
        commit.short(),
        counted(forecast.plan.rows.len(), "stack"),
        add,
        counted(deleted, "stack"),
        forecast.digest.short(16),
    )
}

/// What somebody changed and no change of this plan touches.
fn left(forecast: &Forecast) -> impl Iterator<Item = (&StackKey, &Vec<Finding>)> {
    let touched = |key: &StackKey| forecast.changes.iter().any(|one| one.key == *key && !one.overwrites.is_empty());
    forecast.drifted.iter().filter(move |(key, _)| !touched(key))
}

/// In the account itself, all of it is told.
fn by_hand(found: &[Finding]) -> String {
    names(&found.iter().collect::<Vec<_>>(), Some(Who::Full))
}

fn by_danger(forecast: &Forecast) -> Vec<&StackChange> {
    let worst = |change: &&StackChange| {
        let harm = change.changes.iter().map(harm).min().unwrap_or(Harm::Nothing);
        (change.act != Started::Remove, harm, change.key.clone())
    };
    let mut changes: Vec<&StackChange> =
        forecast.changes.iter().filter(|change| change.verdict != Verdict::NoChanges).collect();
    changes.sort_by_key(worst);
    changes
}

fn stack(text: &mut String, change: &StackChange, style: Style) {
    let (ink, mark, what) = match change.act {
        Started::Create => (Ink::Good, "+", "will be created"),
        Started::Update => (Ink::Change, "~", "will be updated"),
        Started::Back => (Ink::Change, "~", "failed its checks and will be brought back to its last good form"),
        Started::Heal => (Ink::Change, "~", "was changed by somebody and will be put back"),
        Started::Clear => (Ink::Bad, "-", "never came up and will be cleared away"),
        Started::Continue => (Ink::Change, "~", "is stuck and will have its rollback continued"),
        Started::RollBack => (Ink::Change, "~", "failed and will be rolled back"),
        Started::Remove => (Ink::Bad, "-", "will be DELETED, because its manifest left the repository"),
    };
    let StackKey { region, stack } = &change.key;
    let _ = writeln!(text, "{} {} ({region}) {what}", style.paint(ink, mark), style.paint(Ink::Bold, stack.as_str()));
    for change in &change.changes {
        resource(text, change, style);
    }
    for (path, key) in &change.shelved {
        let _ = writeln!(text, "    {} {path} as {key}", style.paint(Ink::Change, "object:"));
    }
    if !change.overwrites.is_empty() {
        let what = printable(&by_hand(&change.overwrites));
        let _ = writeln!(text, "    {} {what}", style.paint(Ink::Bad, "! writes over what somebody changed:"));
    }
    if let Some(note) = &change.note {
        let _ = writeln!(text, "    {} {}", style.paint(Ink::Change, "note:"), printable(note));
    }
    match &change.verdict {
        Verdict::Permitted | Verdict::NoChanges => {}
        Verdict::Held(why) => {
            let _ = writeln!(text, "    {} {}", style.paint(Ink::Bad, "HELD:"), printable(why));
        }
        Verdict::Later(why) => {
            let _ = writeln!(text, "    {} {}", style.paint(Ink::Change, "later:"), printable(why));
        }
        Verdict::Not(why) => {
            let _ = writeln!(text, "    {} {}", style.paint(Ink::Bad, "not possible:"), printable(why));
        }
    }
    text.push('\n');
}

/// A stack that can't be previewed now. What only waits for another to come first is a plan too, as far as it goes.
fn waiting(text: &mut String, key: &StackKey, row: &Row, why: &Why, style: Style) {
    let _ = match (why, &row.status) {
        (Why::ForStack { stack, .. }, None) => {
            writeln!(text, "{} {key} will be created, once {stack} is in place", style.paint(Ink::Good, "+"))
        }
        (Why::ForStack { stack, .. }, Some(_)) => {
            writeln!(text, "{} {key} is looked at again, once {stack} is in place", style.paint(Ink::Dim, "·"))
        }
        (why, _) => writeln!(text, "  {key}: {}: {why}", style.paint(Ink::Change, row.state().as_str())),
    };
}

/// What is done to one resource, and to which of its properties.
pub(super) fn resource(text: &mut String, change: &Change, style: Style) {
    let (ink, mark, note) = match (harm(change), change.action) {
        (Harm::Removes, _) => (Ink::Bad, "  -", " (removed)"),
        (Harm::Orphans, _) => (Ink::Change, "  -", " (leaves the stack, stays in the account)"),
        (Harm::Replaces, _) if change.replacement == Some(Replacement::True) => (Ink::Bad, "-/+", " (REPLACED)"),
        (Harm::Replaces, _) => (Ink::Bad, "-/+", " (may be replaced)"),
        (Harm::Nothing, Some(Action::Add)) => (Ink::Good, "  +", ""),
        (Harm::Nothing, Some(Action::Import)) => (Ink::Good, "  ⇣", " (exists already and is taken into the stack)"),
        (Harm::Nothing, Some(Action::SyncWithActual)) => (Ink::Dim, "  ≈", " (metadata only)"),
        (Harm::Nothing, _) => (Ink::Change, "  ~", ""),
    };
    let physical = change.physical.as_ref().map(|physical| format!(" {}", printable(physical))).unwrap_or_default();
    let name = format!("{} {}", printable(&change.kind), change.logical);
    let _ = writeln!(
        text,
        "  {} {name}{}{}",
        style.paint(ink, mark),
        style.paint(Ink::Dim, &physical),
        style.paint(ink, note)
    );
    for detail in distinct(&change.details) {
        property(text, detail, style);
    }
}

/// One property can be named by several causes; a person wants it once.
fn distinct(details: &[Detail]) -> Vec<&Detail> {
    let mut seen: Vec<&Detail> = Vec::new();
    for detail in details {
        let same = |other: &&Detail| other.attribute == detail.attribute && other.name == detail.name;
        match seen.iter().position(same) {
            None => seen.push(detail),
            Some(place) if seen[place].after.is_none() && detail.after.is_some() => seen[place] = detail,
            Some(_) => {}
        }
    }
    seen
}

fn property(text: &mut String, detail: &Detail, style: Style) {
    let Detail { attribute, name, before, after, recreation } = detail;
    let name = match name {
        Some(name) if attribute == "Properties" => name.clone(),
        Some(name) => format!("{attribute}.{name}"),
        None => attribute.clone(),
    };
    let forces = match recreation.as_deref() {
        Some("Always") => style.paint(Ink::Bad, "  # forces replacement"),
        Some("Conditionally") => style.paint(Ink::Bad, "  # may force replacement"),
        Some(_) | None => String::new(),
    };
    let values = match (before, after) {
        (None, None) => String::new(),
        (before, after) => format!(": {} → {}", value(before.as_deref()), value(after.as_deref())),
    };
    let _ = writeln!(text, "        {}{values}{forces}", printable(&name));
}

/// A value as it may be shown: a reference to a secret is shown as stars.
fn masked(value: &str) -> &str {
    if value.contains("{{resolve:") { "****" } else { value }
}

/// A value for people: cut, in quotes, and in words where it is not known yet.
fn value(value: Option<&str>) -> String {
    const MOST: usize = 120;
    match value.map(masked) {
        None => "(none)".into(),
        Some(value) if value.contains("KNOWN_AFTER_APPLY") => "(known after apply)".into(),
        Some("****") => "****".into(),
        Some(value) if value.chars().count() > MOST => {
            format!("\"{}…\"", printable(&value.chars().take(MOST).collect::<String>()))
        }
        // A list or an object is JSON already.
        Some(value) if value.starts_with(['[', '{']) => printable(value),
        Some(value) => format!("\"{}\"", printable(value)),
    }
}

/// Somebody else's text for a terminal: what would move the cursor, colour, hide or turn round what stands there is
/// shown as its escape.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let formats = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        match c.is_control() || formats {
            true => shown.extend(c.escape_debug()),
            false => shown.push(c),
        }
    }
    shown
}

/// For machines: the same, with values as they are.
pub fn json(forecast: &Forecast) -> serde_json::Value {
    let Counts { import, add, change, replace, remove } = counts(forecast);
    json!({
        "commit": forecast.commit,
        "trouble": forecast.trouble,
        "problems": forecast.problems,
        "digest": forecast.digest.short(16),
        "counts": { "import": import, "add": add, "change": change, "replace": replace, "remove": remove },
        "stacks": forecast.plan.rows.iter().map(|(key, row)| json!({
            "region": key.region,
            "stack": key.stack,
            "manifest": row.manifest,
            "state": row.state(),
            "drifted": forecast.drifted.get(key).into_iter().flatten().map(|one| &one.logical).collect::<Vec<_>>(),
            "why": match &row.stand { Stand::Not(why) => Some(why.to_string()), Stand::Settled | Stand::Due(_) => None },
        })).collect::<Vec<_>>(),
        "changes": forecast.changes.iter().map(change_json).collect::<Vec<_>>(),
    })
}

fn change_json(change: &StackChange) -> serde_json::Value {
    let (verdict, why) = match &change.verdict {
        Verdict::Permitted => ("permitted", None),
        Verdict::NoChanges => ("no-changes", None),
        Verdict::Held(why) => ("held", Some(why)),
        Verdict::Later(why) => ("later", Some(why)),
        Verdict::Not(why) => ("not-possible", Some(why)),
    };
    json!({
        "region": change.key.region,
        "stack": change.key.stack,
        "act": change.act,
        "verdict": verdict,
        "why": why,
        "objects": change.shelved.iter().map(|(path, key)| json!({ "path": path, "key": key })).collect::<Vec<_>>(),
        "note": change.note,
        "overwrites": change.overwrites.iter().map(|finding| &finding.logical).collect::<Vec<_>>(),
        "resources": change.changes.iter().map(resource_json).collect::<Vec<_>>(),
    })
}

/// The same of one resource, for machines.
pub(super) fn resource_json(change: &Change) -> serde_json::Value {
    json!({
        "action": change.action.map(Action::as_str),
        "logicalId": change.logical,
        "physicalId": change.physical,
        "type": change.kind,
        "replacement": change.replacement.map(Replacement::as_str),
        "destroys": matches!(harm(change), Harm::Removes | Harm::Replaces),
        "properties": distinct(&change.details).into_iter().map(|detail| json!({
            "attribute": detail.attribute,
            "name": detail.name,
            "before": detail.before.as_deref().map(masked),
            "after": detail.after.as_deref().map(masked),
            "recreation": detail.recreation,
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use manifests::id::Digest;
    use plan::step::Plan;

    /// The text of a forecast that has these words of somebody else's wherever there can be any.
    fn shown(foreign: &str) -> String {
        let detail = Detail {
            attribute: foreign.into(),
            name: Some(foreign.into()),
            before: Some(foreign.into()),
            after: Some(format!("[\"{foreign}\"]")),
            recreation: None,
        };
        let change = Change {
            action: Some(Action::Modify),
            logical: "Table".parse().unwrap(),
            physical: Some(foreign.into()),
            kind: foreign.into(),
            replacement: Some(Replacement::False),
            policy: None,
            details: vec![detail],
            walked: false,
            drift: None,
        };
        let stack = |verdict| StackChange {
            key: StackKey { region: "eu-central-1".parse().unwrap(), stack: "base".parse().unwrap() },
            act: Started::Update,
            changes: vec![change.clone()],
            shelved: vec![],
            note: Some(foreign.into()),
            verdict,
            overwrites: vec![],
        };
        let forecast = Forecast {
            commit: None,
            trouble: None,
            problems: vec![],
            plan: Plan::default(),
            changes: vec![stack(Verdict::Held(foreign.into())), stack(Verdict::Not(foreign.into()))],
            drifted: std::collections::BTreeMap::new(),
            digest: Digest::of(b""),
        };
        text(&forecast, Style::plain())
    }

    #[track_caller]
    fn check(foreign: &str, escaped: &str) {
        let (shown, plain) = (shown(foreign), shown("foreign"));
        assert!(!shown.contains(foreign), "{shown:?}");
        assert_eq!(shown.matches(escaped).count(), plain.matches("foreign").count(), "{shown}");
        assert_eq!(shown.lines().count(), plain.lines().count(), "{shown}");
    }

    #[test]
    fn no_word_of_a_template_reaches_the_terminal_raw() {
        check("\u{1b}[2J", "\\u{1b}[2J");
        check("\u{9b}2J", "\\u{9b}2J");
        check("a\r\nb", "a\\r\\nb");
        check("\u{202e}cod.exe", "\\u{202e}cod.exe");
        check("\u{2066}cod\u{2069}", "\\u{2066}cod\\u{2069}");
    }

    #[test]
    fn what_is_only_foreign_stays_as_it_is() {
        for text in ["Grüße, 世界 \u{1f680}", r#"{"a": "b\c"}"#] {
            assert_eq!(printable(text), text);
        }
    }
}
