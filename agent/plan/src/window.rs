//! Whether the account's windows let changes begin now. What has begun is not interrupted.

use crate::why::Why;
use jiff::Timestamp;
use manifests::window::{Kind, Window};

/// Why nothing may begin now, if that is so.
pub(crate) fn shut(windows: &[Window], now: Timestamp) -> Option<Why> {
    // Of several that are open, the one that closes last is what is waited for.
    let denied = windows.iter().filter(|window| window.kind == Kind::Deny);
    let denied = denied.filter_map(|window| Some((window.closes(now)?, window))).max_by_key(|(closes, _)| *closes);
    if let Some((closes, window)) = denied {
        return Some(Why::ForWindow { until: Some(closes), reason: window.reason.clone() });
    }
    let mut allowing = windows.iter().filter(|window| window.kind == Kind::Allow).peekable();
    allowing.peek()?;
    let (mut next, mut reason) = (None, None);
    for window in allowing {
        if window.closes(now).is_some() {
            return None;
        }
        let opens = window.opens_next(now);
        if opens.is_some() && (next.is_none() || opens < next) {
            (next, reason) = (opens, window.reason.clone());
        }
    }
    Some(Why::ForWindow { until: next, reason })
}
