//! What `holdfast update` did, and why it does no more.

use crate::update::Updated;

/// In a few lines.
pub(crate) fn text(updated: &Updated) -> String {
    let Updated { current, good, asked, done, rest } = updated;
    let mut lines = done.clone();
    let short = current.sha256.short(12);
    let trial = if current == good { String::new() } else { format!(", on trial; {} is good", good.version) };
    lines.push(format!("version {} ({short}) runs{trial}", current.version));
    lines.push(match asked {
        Some(asked) => format!("version {asked} {rest}"),
        None => rest.clone(),
    });
    lines.join("\n")
}
