//! What people told the agent, a line each: on a terminal after it was said, and in `status`.

use manifests::report::{ApprovalReport, HoldReport, PinReport, RollbackReport};
use plan::{
    orders::{Orders, Reset, Told},
    quote::quote,
};

/// Everything that is in force, a line each.
pub fn in_force(orders: &Orders) -> String {
    let mut lines = lines(&orders.told());
    if let Some(Reset { commit, until, reason, by }) = &orders.reset {
        let (reason, by) = (quote(reason), quote(by));
        lines.push(format!(
            "may be followed, whatever it descends from: {}: {reason} ({by}); ends at {until:.0}",
            commit.short()
        ));
    }
    if lines.is_empty() { "nothing is on hold, pinned, approved or rolled back".into() } else { lines.join("\n") }
}

/// The same, as lines.
pub fn lines(told: &Told) -> Vec<String> {
    let Told { holds, pin, approvals, rollbacks } = told;
    let mut lines = Vec::new();
    for HoldReport { stack, until, reason, by } in holds {
        let (reason, by) = (quote(reason), quote(by));
        let what = stack.as_ref().map_or_else(|| "the whole account".to_owned(), ToString::to_string);
        lines.push(format!("on hold: {what}: {reason} ({by}); ends at {until:.0}"));
    }
    if let Some(PinReport { commit, until, reason, by }) = pin {
        let (reason, by) = (quote(reason), quote(by));
        lines.push(format!("pinned to {}: {reason} ({by}); ends at {until:.0}", commit.short()));
    }
    for ApprovalReport { plan, until, reason, by } in approvals {
        let (reason, by) = (quote(reason), quote(by));
        lines.push(format!("approved: {plan}: {reason} ({by}); ends at {until:.0}"));
    }
    for RollbackReport { stack, commit, until, reason, by } in rollbacks {
        let (reason, by) = (quote(reason), quote(by));
        lines.push(format!("rolled back: {stack} to {}: {reason} ({by}); ends at {until:.0}", commit.short()));
    }
    lines
}

/// The same for a machine.
pub fn json(orders: &Orders) -> serde_json::Value {
    let Told { holds, pin, approvals, rollbacks } = orders.told();
    let reset = orders.reset.as_ref().map(|Reset { commit, until, reason, by }| {
        serde_json::json!({ "commit": commit, "until": until, "reason": reason, "by": by })
    });
    serde_json::json!({ "holds": holds, "pin": pin, "approvals": approvals, "rollbacks": rollbacks, "reset": reset })
}
