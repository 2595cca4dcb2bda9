//! What taking over a stack would change, and where its manifest is.

use super::{Ink, Style, counted, forecast};
use crate::adopt::{Adoption, Verdict};
use serde_json::json;
use std::fmt::Write;

/// For people.
pub fn text(adoption: &Adoption, style: Style) -> String {
    let Adoption { key, draft, changes, verdict, .. } = adoption;
    let (ink, mark) = match verdict {
        Verdict::Free => (Ink::Good, "="),
        Verdict::Changes | Verdict::Refused(_) => (Ink::Bad, "!"),
        Verdict::Held(_) => (Ink::Change, "~"),
    };
    let mut text = format!(
        "{} {} ({}): {}\n",
        style.paint(ink, mark),
        style.paint(Ink::Bold, key.stack.as_str()),
        key.region,
        style.paint(Ink::Bold, &sentence(adoption))
    );
    for change in changes {
        forecast::resource(&mut text, change, style);
    }
    for note in &draft.notes {
        let _ = writeln!(text, "    {} {}", style.paint(Ink::Change, "note:"), forecast::printable(note));
    }
    if let [manifest, template] = adoption.written.as_slice() {
        let _ = writeln!(text, "\nwrote {} and {}", manifest.display(), template.display());
        let _ = writeln!(text, "{}", next(adoption));
    }
    text
}

/// What taking over comes to, in one sentence.
fn sentence(adoption: &Adoption) -> String {
    let count = counted(adoption.changes.len(), "resource");
    match &adoption.verdict {
        Verdict::Free if adoption.changes.is_empty() => "taking it over changes nothing".into(),
        Verdict::Free => format!("taking it over changes the tags of {count}, and nothing else"),
        Verdict::Changes => "taking it over would change more than tags, so it would be held".into(),
        Verdict::Held(why) | Verdict::Refused(why) => forecast::printable(why),
    }
}

/// What to do with what was written.
fn next(adoption: &Adoption) -> &'static str {
    match &adoption.verdict {
        Verdict::Free | Verdict::Held(_) if !adoption.draft.secrets.is_empty() => {
            "next: name the parameters that hold its secrets, check with `holdfast validate`, commit both"
        }
        Verdict::Free | Verdict::Held(_) => "next: commit both; the turn that finds them takes the stack over",
        Verdict::Changes => {
            "next: make the two say what the stack is, or let the change be made first by whoever has it now"
        }
        Verdict::Refused(_) => "next: mend what CloudFormation says is wrong",
    }
}

/// Manifest and template, one after the other.
pub fn files(adoption: &Adoption) -> String {
    let Adoption { draft, template, .. } = adoption;
    format!("# {}\n{}\n# {}\n{template}", draft.file, draft.text, draft.template)
}

/// For machines.
pub fn json(adoption: &Adoption) -> serde_json::Value {
    let Adoption { key, draft, template, changes, verdict, written } = adoption;
    let (word, why) = match verdict {
        Verdict::Free if changes.is_empty() => ("nothing", None),
        Verdict::Free => ("tags", None),
        Verdict::Changes => ("changes", None),
        Verdict::Held(why) => ("held", Some(why)),
        Verdict::Refused(why) => ("refused", Some(why)),
    };
    json!({
        "region": key.region,
        "stack": key.stack,
        "verdict": word,
        "why": why,
        "resources": changes.iter().map(forecast::resource_json).collect::<Vec<_>>(),
        "notes": draft.notes,
        "secrets": draft.secrets,
        "manifest": { "file": draft.file, "text": draft.text },
        "template": { "file": draft.template, "text": template },
        "written": written,
    })
}
