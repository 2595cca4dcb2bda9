//! Somebody else's words, made fit to stand inside a sentence of ours.

use alloc::{format, string::String};

/// Somebody else's words inside a sentence of ours: one line, no control characters, 300 characters at most.
pub fn quote(words: &str) -> String {
    const MOST: usize = 300;
    let line: String = words.chars().map(|c| if unprintable(c) { ' ' } else { c }).take(MOST).collect();
    let line = line.trim().trim_end_matches(['.', ' ']);
    if words.chars().count() > MOST { format!("{line}…") } else { line.into() }
}

/// What would break the line, or turn what stands after it round.
pub fn unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
