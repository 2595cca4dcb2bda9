//! The sentences that take more than a line.

use crate::{adopt::Bar, quote::quote, stance::WayOut};
use core::fmt;
use jiff::Timestamp;
use manifests::id::Name;

pub(super) fn recreated(f: &mut fmt::Formatter<'_>, bar: &Bar) -> fmt::Result {
    write!(
        f,
        "a stack of this name carries our tags and is not the one that was ours: somebody made it anew; left alone until it \
         goes, {bar}"
    )
}

pub(super) fn on_hold(f: &mut fmt::Formatter<'_>, until: Timestamp, reason: &str, by: &str) -> fmt::Result {
    write!(f, "on hold: {} ({}); ends at {until:.0}, or with `holdfast release`", quote(reason), quote(by))
}

pub(super) fn leaving(f: &mut fmt::Formatter<'_>, manifest: &Name, until: Timestamp) -> fmt::Result {
    write!(f, "the manifest `{manifest}` no longer asks for it; deleted at {until:.0}, unless it does again by then")
}

pub(super) fn kept(f: &mut fmt::Formatter<'_>, manifest: &Name) -> fmt::Result {
    write!(
        f,
        "the manifest `{manifest}` no longer asks for it, and did not say `prune: true` with `deletionPolicy: delete`; stays \
         until a person deletes it or a manifest asks for it again"
    )
}

pub(super) fn budget(f: &mut fmt::Formatter<'_>, until: Option<Timestamp>) -> fmt::Result {
    f.write_str("as much was destroyed in the last 24 hours as this account allows; ")?;
    match until {
        Some(until) => write!(f, "goes on at {until:.0}"),
        None => f.write_str("ends when the account's guardrails are raised"),
    }
}

pub(super) fn turn(f: &mut fmt::Formatter<'_>, most: u32, what: &str) -> fmt::Result {
    write!(f, "this turn has begun {most} {what}, as many as the account allows in one; ends with the next turn")
}

pub(super) fn window(f: &mut fmt::Formatter<'_>, until: Option<Timestamp>, reason: Option<&str>) -> fmt::Result {
    f.write_str("waits for the account's window")?;
    if let Some(reason) = reason {
        write!(f, " ({})", quote(reason))?;
    }
    match until {
        Some(until) => write!(f, "; begins at {until:.0}"),
        None => f.write_str("; ends when the account's guardrails open one"),
    }
}

pub(super) fn failed(f: &mut fmt::Formatter<'_>, attempts: u32, why: &str) -> fmt::Result {
    match attempts {
        1 => write!(f, "{why}; tried once; ends with a commit that asks for something else"),
        _ => write!(f, "{why}; tried {attempts} times; ends with a commit that asks for something else"),
    }
}

/// Only a direct update that still goes forward can be cancelled ("Cancel a stack update" in the user guide).
pub(super) fn late(f: &mut fmt::Formatter<'_>, since: &Timestamp, status: &str) -> fmt::Result {
    write!(f, "{status} since {since:.0}, longer than its `timeout`; ends when CloudFormation is done")?;
    match status {
        "UPDATE_IN_PROGRESS" => f.write_str(" or a person cancels it (`aws cloudformation cancel-update-stack`)"),
        _ => f.write_str(", which nobody can hurry in this status: if it hangs, ask AWS Support"),
    }
}

pub(super) fn stuck(f: &mut fmt::Formatter<'_>, why: &str, tried: u32, way_out: WayOut) -> fmt::Result {
    f.write_str(why)?;
    match tried {
        0 => {}
        1 => f.write_str("; tried once to get it going again")?,
        _ => write!(f, "; tried {tried} times to get it going again")?,
    }
    write!(f, "; ends when a person acts: {}", way_out.advice())
}

pub(super) fn protected(f: &mut fmt::Formatter<'_>, status: &str) -> fmt::Result {
    write!(
        f,
        "is to be deleted ({status}) and is protected against termination, which is never lifted here; ends when a person \
         lifts it (`aws cloudformation update-termination-protection --no-enable-termination-protection`) or deletes it"
    )
}

pub(super) fn flapping(f: &mut fmt::Formatter<'_>, times: usize, until: &Timestamp) -> fmt::Result {
    write!(
        f,
        "came up {times} times within a day and was gone again each time: somebody deletes it; ends at {until:.0}, when it \
         is made once more, or with a commit that no longer asks for it"
    )
}

pub(super) fn conflict(f: &mut fmt::Formatter<'_>, owner: Option<&str>, bar: &Bar) -> fmt::Result {
    f.write_str("a stack of this name exists and ")?;
    match owner {
        Some(owner) => write!(f, "belongs to the installation `{owner}`")?,
        None => f.write_str("carries no `holdfast:owner` tag")?,
    }
    write!(f, ": it is left alone until it goes, the manifest takes another `stackName`, {bar}")
}
