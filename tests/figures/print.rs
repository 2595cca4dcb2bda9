//! The figures on the terminal: tables in Markdown, which a person can read and a README can take over, or one JSON
//! document.

use crate::{
    figure::{Chapter, Figure, Goal, Side, Unit},
    machine::Machine,
};
use serde_json::json;

/// As tables.
pub(crate) fn tables(chapters: &[Chapter], machine: &Machine) -> String {
    let mut text = String::new();
    for chapter in chapters {
        let mut rows = vec![["figure", "measured", "goal", "beside"].map(str::to_owned)];
        rows.extend(chapter.figures.iter().map(cells));
        text.push_str(&format!("\n**{}**\n\n{}", chapter.title, table(&rows)));
        for figure in &chapter.figures {
            if let Some(note) = &figure.note {
                text.push_str(&format!("\n{}: {note}\n", figure.what));
            }
        }
    }
    let failing = chapters.iter().flat_map(|chapter| &chapter.figures).filter(|figure| figure.met() == Some(false));
    let failing: Vec<&str> = failing.map(|figure| figure.what.as_str()).collect();
    let verdict = match failing.len() {
        0 => "Every goal is kept.".to_owned(),
        _ => format!("Goals that are missed: {}.", failing.join("; ")),
    };
    format!("{text}\n{machine}\n{verdict}")
}

/// As one document.
pub(crate) fn document(chapters: &[Chapter], machine: &Machine) -> String {
    let missed = chapters.iter().flat_map(|chapter| &chapter.figures).filter(|figure| figure.met() == Some(false));
    let missed: Vec<&str> = missed.map(|figure| figure.what.as_str()).collect();
    json!({ "machine": machine, "chapters": chapters, "missed": missed }).to_string()
}

fn cells(figure: &Figure) -> [String; 4] {
    let goal = figure.goal.map(|Goal { limit, side, .. }| {
        let kept = if figure.met() == Some(true) { "" } else { " **missed**" };
        let sign = match side {
            Side::Most => '≤',
            Side::Least => '≥',
        };
        format!("{sign} {}{kept}", amount(limit, figure.unit))
    });
    let beside: Vec<String> = figure
        .beside
        .iter()
        .map(|peer| {
            let cited = if peer.cited { " (cited)" } else { "" };
            format!("{} {}{cited}", peer.name, amount(peer.amount, figure.unit))
        })
        .collect();
    [figure.what.clone(), amount(figure.amount, figure.unit), goal.unwrap_or_default(), beside.join(", ")]
}

fn table(rows: &[[String; 4]]) -> String {
    let widths: Vec<usize> =
        (0..4).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if number == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            text.push_str(&format!("| {} |\n", rule.join(" | ")));
        }
    }
    text
}

/// An amount as it is written for people.
pub(crate) fn amount(amount: f64, unit: Unit) -> String {
    match unit {
        Unit::Count => thousands(amount),
        Unit::Bytes => format!("{} B", thousands(amount)),
        Unit::Mebibytes => format!("{:.1} MiB", amount / f64::from(1 << 20)),
        Unit::Seconds if amount < 1.0 => format!("{} ms", short(amount * 1e3)),
        Unit::Seconds => format!("{} s", short(amount)),
        Unit::Times => format!("{}×", short(amount)),
        Unit::Dollars => format!("${}", if amount < 0.1 { format!("{amount:.4}") } else { format!("{amount:.2}") }),
        Unit::Exponent => format!("{amount:.2}"),
    }
}

/// Three digits where there are fewer, and no point where there are more.
fn short(amount: f64) -> String {
    match amount {
        _ if amount < 10.0 => format!("{amount:.2}"),
        _ if amount < 100.0 => format!("{amount:.1}"),
        _ => thousands(amount),
    }
}

fn thousands(amount: f64) -> String {
    let digits = format!("{amount:.0}");
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: f64, unit: Unit, expect: &str) {
        assert_eq!(amount(number, unit), expect);
    }

    #[test]
    fn amounts_are_written_as_people_read_them() {
        check(2.0, Unit::Count, "2");
        check(1_766.0, Unit::Bytes, "1,766 B");
        check(15.0 * 1_048_576.0, Unit::Mebibytes, "15.0 MiB");
        check(0.0178, Unit::Seconds, "17.8 ms");
        check(0.345, Unit::Seconds, "345 ms");
        check(3.4, Unit::Seconds, "3.40 s");
        check(1_234.0, Unit::Times, "1,234×");
        check(0.998, Unit::Exponent, "1.00");
        check(0.000_36, Unit::Dollars, "$0.0004");
        check(6.0, Unit::Dollars, "$6.00");
    }
}
