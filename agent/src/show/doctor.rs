//! What was looked at, a line each, for a person.

use super::{Ink, Style, counted};
use crate::doctor::{Check, Verdict};

/// One check, with what to do about it.
pub fn check(check: &Check, style: Style) -> String {
    let Check { name, verdict, finding, fix, exit: _ } = check;
    let (mark, ink) = match verdict {
        Verdict::Good => ("✓", Ink::Good),
        Verdict::Warning => ("!", Ink::Change),
        Verdict::NotChecked => ("?", Ink::Dim),
        Verdict::Bad => ("✗", Ink::Bad),
    };
    let said = if *verdict == Verdict::NotChecked { "not checked: " } else { "" };
    let fix = fix.as_ref().map(|fix| format!("\n  {:15} → {fix}", "")).unwrap_or_default();
    let finding: String = finding.lines().collect::<Vec<_>>().join("; ");
    format!("{} {name:15} {said}{finding}{}", style.paint(ink, mark), style.paint(Ink::Bold, &fix))
}

/// What all of it comes to.
pub fn verdict(checks: &[Check], style: Style) -> String {
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let (bad, warnings, unchecked) = (count(Verdict::Bad), count(Verdict::Warning), count(Verdict::NotChecked));
    let ink = if bad > 0 { Ink::Bad } else { Ink::Good };
    let text = format!("{bad} bad, {}, {unchecked} not checked", counted(warnings, "warning"));
    style.paint(ink, &text)
}
