//! What is the same in several templates: entries of a section (parameters, conditions, resources, outputs), copied from the one
//! that has them of its own into the places of the others, from one name to another.
//!
//! ```yaml
//! Resources:
//!   # begin: as in agent.yaml: Configuration to Signers
//!   # end: as in agent.yaml
//! ```
//!
//! Not here: what they say. A template stays one file that can be read and deployed by itself.

const BEGIN: &str = "  # begin: as in ";
const END: &str = "  # end: as in ";

/// A template with all its places filled from others, whose texts `of` knows; or the line of a place that can't be, and why.
pub(super) fn filled<'t>(text: &str, of: impl Fn(&str) -> Option<&'t str>) -> Result<String, (usize, String)> {
    let (mut whole, mut section) = (String::new(), "");
    let mut open: Option<(usize, &str)> = None;
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if let Some(words) = line.strip_prefix(BEGIN) {
            if let Some((begun, _)) = open {
                return Err((number, format!("a place begins inside the one of line {begun}")));
            }
            let place = words.split_once(": ").and_then(|(from, range)| Some((from, range.split_once(" to ")?)));
            let (from, range) = place.ok_or_else(|| (number, "a place is `as in FILE: NAME to NAME`".to_owned()))?;
            let source = of(from).ok_or_else(|| (number, format!("there is no template `{from}`")))?;
            open = Some((number, from));
            whole.push_str(&format!("{line}\n{}", entries(source, section, range).map_err(|why| (number, why))?));
        } else if let Some(from) = line.strip_prefix(END) {
            if open.is_none_or(|(_, begun)| begun != from) {
                return Err((number, format!("a place of `{from}` ends here, and none has begun")));
            }
            open = None;
            whole.push_str(&format!("{line}\n"));
        } else if open.is_none() {
            section = heading(line).unwrap_or(section);
            whole.push_str(&format!("{line}\n"));
        }
    }
    match open {
        Some((number, from)) => Err((number, format!("the place of `{from}` has no end"))),
        None => Ok(whole),
    }
}

/// A section's name.
fn heading(line: &str) -> Option<&str> {
    line.strip_suffix(':').filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// An entry's name: what is indented by two.
fn name(line: &str) -> Option<&str> {
    let words = line.strip_prefix("  ").filter(|words| words.starts_with(|c: char| c.is_ascii_alphabetic()))?;
    words.split_once(':').map(|(name, _)| name)
}

/// The entries of a section from one to another, both with the comments above them.
fn entries(source: &str, section: &str, (first, last): (&str, &str)) -> Result<String, String> {
    let lines = source.lines().skip_while(|line| heading(line) != Some(section)).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let (mut taken, mut above, mut current) = (String::new(), String::new(), None);
    let (mut inside, mut done) = (false, false);
    for line in lines {
        // A line above an entry is nobody's until that entry comes.
        if line.is_empty() || line.starts_with("  #") {
            above.push_str(&format!("{line}\n"));
            continue;
        }
        if let Some(name) = name(line) {
            done |= inside && current == Some(last);
            inside = !done && (inside || name == first);
            current = Some(name);
        }
        if inside {
            let above = if taken.is_empty() { above.trim_start_matches('\n') } else { &above };
            taken.push_str(&format!("{above}{line}\n"));
        }
        above.clear();
    }
    if taken.is_empty() {
        return Err(format!("{section} has no `{first}` there"));
    }
    if !done && current != Some(last) {
        return Err(format!("{section} has no `{last}` there after `{first}`"));
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "Parameters:\n  One: {}\nResources:\n  # ── the first ──\n  One:\n    Type: A\n\n    # inside\n  # above\n  \
                          Two:\n    Type: B\n\n  # ── the last ──\n  Three:\n    Type: C\nOutputs:\n  One: {}\n";

    fn of(name: &str) -> Option<&'static str> {
        (name == "agent.yaml").then_some(SOURCE)
    }

    #[test]
    fn a_place_has_the_entries_of_its_own_section_and_filling_it_again_changes_nothing() {
        let check = |range: &str, expect: &str| {
            let text = |inside: &str| {
                format!(
                    "Resources:\n  Own: {{}}\n  # begin: as in agent.yaml: {range}\n{inside}  # end: as in agent.yaml\n  More: {{}}\n"
                )
            };
            let once = filled(&text("  Old: {}\n"), of).unwrap();
            assert_eq!(once, text(expect), "{range}");
            assert_eq!(filled(&once, of).unwrap(), once);
        };
        check("Two to Two", "  # above\n  Two:\n    Type: B\n");
        check("Two to Three", "  # above\n  Two:\n    Type: B\n\n  # ── the last ──\n  Three:\n    Type: C\n");
        check("One to One", "  # ── the first ──\n  One:\n    Type: A\n\n    # inside\n");
        check("Three to Three", "  # ── the last ──\n  Three:\n    Type: C\n");
    }

    #[track_caller]
    fn refused(text: &str, line: usize, expect: &str) {
        let (number, why) = filled(text, of).unwrap_err();
        assert!(number == line && why.contains(expect), "{number}: {why}");
    }

    #[test]
    fn a_place_that_is_none_is_told_with_its_line() {
        let place = |words: &str| format!("Resources:\n  # begin: as in {words}\n  # end: as in agent.yaml\n");
        refused(&place("agent.yaml"), 2, "NAME to NAME");
        refused(&place("hub.yaml: One to Two"), 2, "no template `hub.yaml`");
        refused(&place("agent.yaml: Four to Two"), 2, "no `Four`");
        refused(&place("agent.yaml: Two to One"), 2, "no `One` there after `Two`");
        refused("Resources:\n  # begin: as in agent.yaml: One to Two\n", 2, "no end");
        refused("  # end: as in agent.yaml\n", 1, "none has begun");
        let twice = "Resources:\n  # begin: as in agent.yaml: One to Two\n  # begin: as in agent.yaml: One to Two\n";
        refused(twice, 3, "inside the one of line 2");
    }
}
