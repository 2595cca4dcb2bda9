//! What people tell their account's agent, from a terminal: `hold`, `release`, `pin`, `unpin`, `approve`.
//!
//! Each is written where the agent reads it with its next turn, has a reason and an end, and tidies away what has ended.
//! The agent itself writes none of it.

use crate::{
    clock::SystemClock,
    cloud::{Clock, count::Calls},
    config::ConfigError,
    error::{CommandError, Exit},
    show::{self, Output},
    stop::Stopped,
    store::{Document, Place},
};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use manifests::id::{CommitId, PlanDigest, StackName};
use plan::orders::{Approval, Hold, Orders, Pin};

/// Why, and for how long.
#[derive(Debug, Clone, Args)]
pub struct Said {
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// For how long, such as `90m`, `4h` or `7d`
    #[arg(long = "for", value_name = "TIME", default_value = "24h")]
    pub time: String,
}

/// What is said.
#[derive(Debug, Clone)]
pub enum Order {
    /// Leave a stack, or the whole account, alone.
    Hold(Option<String>, Said),
    /// Do so no longer.
    Release(Option<String>),
    /// Stay at this commit.
    Pin(String, Said),
    /// Do so no longer.
    Unpin,
    /// Go ahead with exactly this.
    Approve(String, Said),
}

/// Says it, and shows what is in force then.
///
/// # Errors
/// When it makes no sense, or can't be read or written.
pub(crate) async fn say(place: &Place, calls: &Calls, order: Order, output: Output) -> Result<Exit, CommandError> {
    let stood = place.orders().await.map_err(Stopped::from)?;
    // What can't be understood is not written over: somebody may have meant it.
    let stood = stood.map_err(|why| mistake("orders", why))?;
    // The agent counts by AWS's clock, so what it is told ends by that one too.
    let now = calls.time().unwrap_or_else(|| SystemClock.now());
    let (document, orders) = changed(stood.in_force(now), order, now)?;
    let written = match document {
        Document::Hold => place.say(document, &orders.holds).await,
        Document::Pin => place.say(document, &orders.pin).await,
        Document::Approvals => place.say(document, &orders.approvals).await,
        Document::Memory | Document::Guardrails | Document::Lease => Ok(()),
    };
    written.map_err(Stopped::from)?;
    match output {
        Output::Text => show::out(&in_force(&orders)),
        Output::Json => {
            let Orders { holds, pin, approvals } = &orders;
            show::json(&serde_json::json!({ "holds": holds, "pin": pin, "approvals": approvals }));
        }
    }
    Ok(Exit::Done)
}

/// The orders with one more, or one fewer, and which document that changes.
fn changed(mut orders: Orders, order: Order, now: Timestamp) -> Result<(Document, Orders), CommandError> {
    let document = match order {
        Order::Hold(stack, said) => {
            let (stack, (until, reason, by)) = (name(stack)?, said.parts(now)?);
            orders.holds.retain(|hold| hold.stack != stack);
            orders.holds.push(Hold { stack, until, reason, by });
            Document::Hold
        }
        Order::Release(stack) => {
            let stack = name(stack)?;
            orders.holds.retain(|hold| hold.stack != stack);
            Document::Hold
        }
        Order::Pin(commit, said) => {
            let commit: CommitId = commit.parse().map_err(|error| mistake("REV", error))?;
            let (until, reason, by) = said.parts(now)?;
            orders.pin = Some(Pin { commit, until, reason, by });
            Document::Pin
        }
        Order::Unpin => {
            orders.pin = None;
            Document::Pin
        }
        Order::Approve(plan, said) => {
            let plan: PlanDigest = plan.parse().map_err(|error| mistake("DIGEST", error))?;
            let (until, reason, by) = said.parts(now)?;
            orders.approvals.retain(|approval| approval.plan != plan);
            orders.approvals.push(Approval { plan, until, reason, by });
            Document::Approvals
        }
    };
    Ok((document, orders))
}

impl Said {
    /// Until when, why, and who says so.
    fn parts(self, now: Timestamp) -> Result<(Timestamp, String, String), CommandError> {
        let Self { reason, time } = self;
        let time = manifests::id::duration(&time).map_err(|error| mistake("--for", error))?;
        let until = SignedDuration::try_from(time).ok().and_then(|time| now.checked_add(time).ok());
        if reason.trim().is_empty() || reason.chars().count() > 256 || reason.contains(char::is_control) {
            return Err(mistake("--reason", "has to say something, on one line of at most 256 characters"));
        }
        let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        Ok((until.unwrap_or(Timestamp::MAX), reason, user.unwrap_or_else(|| "somebody".into())))
    }
}

fn name(stack: Option<String>) -> Result<Option<StackName>, CommandError> {
    stack.map(|stack| stack.parse().map_err(|error| mistake("STACK", error))).transpose()
}

fn mistake(key: &'static str, why: impl std::fmt::Display) -> CommandError {
    ConfigError::Value { key, why: why.to_string() }.into()
}

/// Everything that is in force, a line each.
fn in_force(orders: &Orders) -> String {
    let Orders { holds, pin, approvals } = orders;
    let mut lines = Vec::new();
    for Hold { stack, until, reason, by } in holds {
        let what = stack.as_ref().map_or_else(|| "the whole account".to_owned(), ToString::to_string);
        lines.push(format!("on hold: {what}: {reason} ({by}); ends at {until:.0}"));
    }
    if let Some(Pin { commit, until, reason, by }) = pin {
        lines.push(format!("pinned to {}: {reason} ({by}); ends at {until:.0}", commit.short()));
    }
    for Approval { plan, until, reason, by } in approvals {
        lines.push(format!("approved: {plan}: {reason} ({by}); ends at {until:.0}"));
    }
    if lines.is_empty() { "nothing is on hold, pinned or approved".into() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(time: &str) -> Said {
        Said { reason: "incident".into(), time: time.into() }
    }

    #[track_caller]
    fn check(order: Order, expect: Result<&str, &str>) {
        let done = changed(Orders::default(), order, Timestamp::UNIX_EPOCH);
        match (done.map(|(_, orders)| in_force(&orders)), expect) {
            (Ok(text), Ok(expect)) => assert!(text.starts_with(expect), "{text}"),
            (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (done, expect) => panic!("{done:?} for {expect:?}"),
        }
    }

    #[test]
    fn what_is_said_is_shown_with_its_end_and_what_makes_no_sense_is_refused() {
        check(Order::Hold(Some("net".into()), said("4h")), Ok("on hold: net: incident ("));
        check(Order::Hold(None, said("4h")), Ok("on hold: the whole account: incident ("));
        check(Order::Hold(Some("n_t".into()), said("4h")), Err("is not a stack name"));
        check(Order::Hold(None, said("soon")), Err("is not a duration"));
        check(Order::Hold(None, Said { reason: " ".into(), time: "4h".into() }), Err("has to say something"));
        check(Order::Hold(None, Said { reason: "a\nb".into(), time: "4h".into() }), Err("on one line"));
        check(Order::Pin("a".repeat(40), said("7d")), Ok("pinned to aaaaaaa: incident ("));
        check(Order::Pin("HEAD".into(), said("7d")), Err("is not a commit id"));
        check(Order::Approve("0123456789abcdef".into(), said("1h")), Ok("approved: 0123456789abcdef: incident ("));
        check(Order::Approve("0123".into(), said("1h")), Err("is not a plan's digest"));
        check(Order::Release(None), Ok("nothing is on hold, pinned or approved"));
        check(Order::Unpin, Ok("nothing is on hold, pinned or approved"));
    }
}
