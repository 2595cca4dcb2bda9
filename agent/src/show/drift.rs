//! Drift for a person: a line for each property, what was asked for beside what is there, and who it was; then what could
//! not be seen.

use super::{Ink, Style, counted, forecast::printable};
use crate::{
    drift::{Accepted, Proof},
    rounds::{ResourceDrift, StackDrift},
};
use manifests::report::DriftReport;
use serde_json::{Value, json};
use std::fmt::Write;

/// How much of a value is shown.
const VALUE: usize = 60;

/// Everything, for a person.
pub(crate) fn text(all: &[StackDrift], style: Style) -> String {
    let mut text = String::new();
    let drifted = all.iter().filter(|stack| !stack.resources.is_empty()).count();
    let resources: usize = all.iter().map(|stack| stack.resources.len()).sum();
    for stack in all.iter().filter(|stack| !stack.resources.is_empty() || stack.doubt().is_some()) {
        one(&mut text, stack, style);
    }
    let doubtful = all.iter().filter(|stack| stack.doubt().is_some()).count();
    let unlooked = all.iter().filter(|stack| stack.doubt().is_none() && stack.report.looked.is_none()).count();
    let ink = match (drifted, unlooked + doubtful) {
        (0, 0) => Ink::Good,
        (0, _) => Ink::Change,
        (_, _) => Ink::Bad,
    };
    let stacks = counted(all.len(), "stack");
    let verdict = match (drifted, unlooked + doubtful) {
        (0, 0) => format!("{stacks} looked at, and nothing found that was changed"),
        (0, _) => "nothing found so far".to_owned(),
        (drifted, _) => format!("{} drifted, in {drifted} of {stacks}", counted(resources, "resource")),
    };
    let left = [(unlooked, "not looked at yet"), (doubtful, "not looked at in whole")];
    let left = left.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("; {n} of {stacks} {what}"));
    let verdict = left.fold(verdict, |verdict, left| verdict + &left);
    let _ = writeln!(text, "{}", style.paint(ink, &verdict));
    let (compared, of) =
        all.iter().fold((0, 0), |(n, m), stack| (n + stack.report.compared, m + stack.report.resources));
    let mut unseen: Vec<&str> = all.iter().flat_map(|stack| stack.report.unseen.iter().map(String::as_str)).collect();
    unseen.sort_unstable();
    unseen.dedup();
    let types = if unseen.is_empty() { String::new() } else { format!("; not compared: {}", unseen.join(", ")) };
    let coverage =
        format!("{compared} of {of} resources could be compared, and of those only what the template sets{types}");
    let _ = writeln!(text, "{}", style.paint(Ink::Dim, &coverage));
    text
}

fn one(text: &mut String, stack: &StackDrift, style: Style) {
    let place = format!("{}/{}", stack.key.region, stack.key.stack);
    let _ = writeln!(text, "{} {}", style.paint(Ink::Bold, &place), style.paint(Ink::Dim, &stack.manifest));
    if let Some(why) = stack.doubt() {
        let _ = writeln!(text, "  {} {}", style.paint(Ink::Bad, "✗"), printable(why));
    }
    for resource in &stack.resources {
        of_resource(text, resource, style);
    }
    if let Some(why) = &stack.report.why {
        let _ = writeln!(text, "  {} {}", style.paint(Ink::Change, "•"), printable(why));
    }
    let DriftReport { baseline, noise, ignored, .. } = &stack.report;
    let quiet =
        [(*baseline, "there since our own change"), (*noise, "known noise"), (*ignored, "ignored by the manifest")];
    let quiet: Vec<String> = quiet.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !quiet.is_empty() {
        let _ = writeln!(text, "  {}", style.paint(Ink::Dim, &format!("beside that: {}", quiet.join(", "))));
    }
    let _ = writeln!(text);
}

fn of_resource(text: &mut String, resource: &ResourceDrift, style: Style) {
    let finding = &resource.finding;
    let (ink, mark, what) = if finding.gone { (Ink::Bad, "-", " was deleted") } else { (Ink::Change, "~", "") };
    let name = style.paint(Ink::Bold, finding.logical.as_str());
    let _ = writeln!(text, "  {} {name} ({}){what}", style.paint(ink, mark), printable(&finding.kind));
    let width = resource.differences.iter().map(|one| one.path.chars().count()).max().unwrap_or_default().min(48);
    for one in &resource.differences {
        let (asked, is) = (value(&one.expected), value(&one.actual));
        let arrow = format!("{} → {}", style.paint(Ink::Good, &asked), style.paint(Ink::Bad, &is));
        let _ = writeln!(text, "      {:width$}  {arrow}", printable(&one.path));
    }
    // What is no longer there was so when it was found.
    if resource.differences.is_empty() && !finding.paths.is_empty() {
        let _ = writeln!(text, "      {}", printable(&finding.paths.join(", ")));
    }
    let who = resource.author.sentence();
    let who = if who.is_empty() { " by nobody that CloudTrail has named yet".to_owned() } else { who };
    let verb = if finding.gone { "deleted" } else { "changed" };
    let _ = writeln!(
        text,
        "      {}",
        style.paint(Ink::Dim, &format!("{verb}{}; found at {:.0}", printable(&who), finding.since))
    );
}

/// A patch: byte for byte where a program reads it, in colour and with nothing that moves a cursor where a person does.
pub(crate) fn patch(patch: &str, style: Style) -> String {
    let line = |line: &str| match line.chars().next() {
        Some('+') => style.paint(Ink::Good, &printable(line)),
        Some('-') => style.paint(Ink::Bad, &printable(line)),
        Some('@') => style.paint(Ink::Dim, &printable(line)),
        Some(_) | None => printable(line),
    };
    let patch = patch.strip_suffix('\n').unwrap_or(patch);
    if style.is_coloured() { patch.split('\n').map(line).collect::<Vec<_>>().join("\n") } else { patch.to_owned() }
}

/// What beside its patch there is to say of what was accepted.
pub(crate) fn accepted(accepted: &Accepted, style: Style) -> String {
    let mut text = String::new();
    for Proof { stack, doubt, follows, beside, left } in &accepted.proofs {
        let (good, bad) = (style.paint(Ink::Good, "✓"), style.paint(Ink::Bad, "✗"));
        if let Some(why) = doubt {
            let why = printable(why);
            let _ = writeln!(text, "{bad} {stack}: that this patch is enough could not be shown: {why}");
        }
        if !follows.is_empty() {
            let follows = printable(&follows.join(", "));
            let _ = writeln!(text, "{bad} {stack}: because of this patch, CloudFormation would {follows}");
        }
        if doubt.is_none() && follows.is_empty() {
            let _ = writeln!(text, "{good} {stack}: with this patch, CloudFormation finds nothing of it to change");
        }
        if let Some(left) = left {
            let _ = writeln!(text, "  {}", style.paint(Ink::Change, &printable(left)));
        }
        if !beside.is_empty() {
            let beside = printable(&beside.join(", "));
            let _ =
                writeln!(text, "  {}", style.paint(Ink::Dim, &format!("not part of it, and left as it is: {beside}")));
        }
    }
    if !accepted.shared.is_empty() {
        let shared = accepted.shared.join(", ");
        let _ = writeln!(
            text,
            "{} {shared} has the same template in it, and changes with it",
            style.paint(Ink::Change, "•")
        );
    }
    let commit: String = accepted.commit.chars().take(7).collect();
    let last = format!("for commit {commit}; it takes hold wherever the manifest does, once it is committed");
    let _ = write!(text, "{}", style.paint(Ink::Dim, &last));
    text
}

/// A value on one line, cut where it is long.
fn value(text: &str) -> String {
    let line = printable(text);
    if line.is_empty() || line == "null" {
        return "(none)".into();
    }
    let short: String = line.chars().take(VALUE).collect();
    if line.chars().count() > VALUE { format!("{short}…") } else { short }
}

/// The same, for machines.
pub(crate) fn json(all: &[StackDrift]) -> Value {
    all.iter().map(stack).collect()
}

fn stack(stack: &StackDrift) -> Value {
    let resource = |one: &ResourceDrift| {
        let differences: Vec<Value> = one
            .differences
            .iter()
            .map(|it| json!({ "path": it.path, "expected": it.expected, "actual": it.actual, "how": it.how }))
            .collect();
        json!({
            "resource": one.finding.logical,
            "type": one.finding.kind,
            "how": if one.finding.gone { "deleted" } else { "modified" },
            "differences": differences,
            "since": one.finding.since.to_string(),
            "by": one.author.by,
            "from": one.author.from,
            "call": one.author.call,
            "at": one.author.at.map(|at| at.to_string()),
            "confirmed": one.finding.author.as_ref().map(|author| author.sure),
        })
    };
    json!({
        "region": stack.key.region,
        "stack": stack.key.stack,
        "manifest": stack.manifest,
        "template": stack.template,
        "drift": stack.report,
        "resources": stack.resources.iter().map(resource).collect::<Vec<_>>(),
        "trouble": stack.trouble,
        "failed": stack.failed,
    })
}
