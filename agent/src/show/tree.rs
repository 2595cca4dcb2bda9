//! Stacks as they build on each other, for a person: what depends on a stack stands below it.

use super::{Ink, Style, report::verdict};
use crate::turn::Survey;
use manifests::{
    id::StackKey,
    report::{StackReport, State},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// The account's stacks as a tree. A stack that builds on several stands below the one that is deepest, and names
/// those of the others that it does not stand below anyway.
pub fn tree(survey: &Survey, style: Style) -> String {
    let rows: BTreeMap<StackKey, &StackReport> = survey.report.stacks.iter().map(|row| (key(row), row)).collect();
    let forest = Forest::of(survey, &rows);
    let mut text = format!("{}\n", verdict(&survey.report));
    for trouble in survey.report.source.trouble.iter().chain(&survey.report.closed) {
        let _ = writeln!(text, "  {} {trouble}", style.paint(Ink::Bad, "✗"));
    }
    let roots: Vec<&StackKey> = rows.keys().filter(|key| !forest.above.contains_key(*key)).collect();
    for (at, root) in roots.iter().enumerate() {
        forest.branch(&mut text, root, "", at + 1 == roots.len(), style);
    }
    text
}

/// The same for a machine: every stack with what it builds on.
pub fn json(survey: &Survey) -> serde_json::Value {
    let stack = |row: &StackReport| {
        let needs: Vec<String> = survey.needs.get(&key(row)).into_iter().flatten().map(ToString::to_string).collect();
        let mut value = serde_json::to_value(row).unwrap_or_default();
        value["needs"] = needs.into();
        value
    };
    survey.report.stacks.iter().map(stack).collect()
}

fn key(row: &StackReport) -> StackKey {
    StackKey { region: row.region.clone(), stack: row.stack.clone() }
}

struct Forest<'a> {
    rows: &'a BTreeMap<StackKey, &'a StackReport>,
    needs: &'a BTreeMap<StackKey, Vec<StackKey>>,
    /// Below which other each stack stands.
    above: BTreeMap<&'a StackKey, &'a StackKey>,
}

impl<'a> Forest<'a> {
    fn of(survey: &'a Survey, rows: &'a BTreeMap<StackKey, &'a StackReport>) -> Self {
        let mut forest = Self { rows, needs: &survey.needs, above: BTreeMap::new() };
        for (key, needs) in &survey.needs {
            let known = needs.iter().filter(|need| rows.contains_key(*need));
            let deepest = known.max_by_key(|need| forest.depth(need, &mut BTreeSet::new()));
            if let Some(above) = deepest.filter(|_| rows.contains_key(key)) {
                forest.above.insert(key, above);
            }
        }
        forest
    }

    /// How many stacks stand before this one, one behind the other. The parser lets no circle through.
    fn depth(&self, key: &'a StackKey, seen: &mut BTreeSet<&'a StackKey>) -> usize {
        if !seen.insert(key) {
            return 0;
        }
        let needs = self.needs.get(key).into_iter().flatten();
        needs.map(|need| 1 + self.depth(need, seen)).max().unwrap_or_default()
    }

    /// What a stack builds on and does not stand below.
    fn elsewhere(&self, key: &StackKey) -> Vec<String> {
        let mut line = BTreeSet::new();
        let mut at = key;
        while let Some(above) = self.above.get(at).filter(|above| line.insert(**above)) {
            at = above;
        }
        let others = self.needs.get(key).into_iter().flatten().filter(|need| !line.contains(need));
        let named = |need: &StackKey| if need.region == key.region { need.stack.to_string() } else { need.to_string() };
        others.map(named).collect()
    }

    fn branch(&self, text: &mut String, key: &StackKey, indent: &str, last: bool, style: Style) {
        let Some(row) = self.rows.get(key) else { return };
        let (mark, ink) = match row.state {
            State::InSync | State::Healed => ("✓", Ink::Good),
            State::Pending | State::Applying | State::Excepted | State::Unknown | State::Held => ("•", Ink::Change),
            State::Drifted | State::Failed | State::NeedsAPerson => ("✗", Ink::Bad),
        };
        let joint = if last { "└── " } else { "├── " };
        let others = self.elsewhere(key);
        let others = if others.is_empty() { String::new() } else { format!(" (and on {})", others.join(", ")) };
        let why = row.why.as_ref().filter(|_| row.state != State::InSync);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let state = style.paint(ink, &format!("{mark} {}", row.state.as_str()));
        let place = style.paint(Ink::Dim, row.region.as_str());
        let _ = writeln!(text, "{indent}{joint}{} {place}  {state}{others}{why}", row.stack);
        let below: Vec<&StackKey> =
            self.above.iter().filter(|(_, above)| **above == key).map(|(below, _)| *below).collect();
        let indent = format!("{indent}{}", if last { "    " } else { "│   " });
        for (at, below_key) in below.iter().enumerate() {
            self.branch(text, below_key, &indent, at + 1 == below.len(), style);
        }
    }
}
