//! Who the agent is in the account, what time it is, and what the account keeps for it.

use super::{Check, Here};
use crate::{
    cloud::{CloudError, aws::Caller},
    config::Config,
    error::Exit,
    show::counted,
    store::{Document, Kept, Place},
    world::{Settings, World, now},
};
use jiff::{SignedDuration, Timestamp};
use plan::lease::Holder;

pub(super) fn identity(config: &Config, caller: &Result<Caller, CloudError>) -> Check {
    const NAME: &str = "identity";
    match (caller, &config.account) {
        (Err(error), _) => Check::failed(NAME, error.clone()),
        (Ok(Caller { account, arn }), Some(configured)) if configured != account => {
            let finding =
                format!("these are credentials of account {account} ({arn}), and `--account` says {configured}");
            let fix = "use the other account's credentials (AWS_PROFILE), or another `--account`";
            Check::bad(NAME, Exit::Denied, finding, fix)
        }
        (Ok(Caller { account, arn }), Some(_)) => Check::good(NAME, format!("account {account}, {arn}")),
        (Ok(Caller { account, arn }), None) => Check::warning(
            NAME,
            format!("account {account}, {arn}; any other would do"),
            "`--account` makes sure that it is always this one",
        ),
    }
}

/// AWS refuses what was signed more than five minutes ago; the agent counts by AWS's clock from five seconds on.
pub(super) fn clock(aws: Option<Timestamp>, machine: Timestamp) -> Check {
    const NAME: &str = "clock";
    let Some(aws) = aws else {
        return Check::unchecked(NAME, "AWS has not said what time it is", "mend `identity` first");
    };
    let off = machine.duration_since(aws);
    let way = if off.is_negative() { "behind" } else { "ahead of" };
    let finding = format!("this machine is {} s {way} AWS", off.as_secs().unsigned_abs());
    if off.abs() > SignedDuration::from_mins(5) {
        let fix = "set it by a time server: AWS refuses what it signs";
        Check::bad(NAME, Exit::Denied, finding, fix)
    } else if off.abs() > SignedDuration::from_secs(5) {
        Check::warning(NAME, finding, "set it by a time server; meanwhile the agent counts by AWS's clock")
    } else {
        Check::good(NAME, "as AWS's")
    }
}

/// What the account keeps for its agent.
pub(super) fn kept(here: &Here<'_>, kept: &Kept) -> Vec<Check> {
    let Here { world, settings, store, .. } = here;
    let now = now(*world);
    let another = kept.lease.anothers(&settings.me, now, |process| world.alive(process));
    vec![memory(store, kept), guardrails(settings, store, kept), orders(kept, now), lease(another)]
}

fn memory(place: &Place, kept: &Kept) -> Check {
    const NAME: &str = "memory";
    let called = place.called(Document::Memory);
    match &kept.memory {
        Some(memory) => {
            let applied = memory.applied.as_ref().map_or("none", |commit| commit.short());
            Check::good(NAME, format!("{called}: report {}, last commit that was reached: {applied}", memory.sequence))
        }
        None if kept.lost => Check::warning(
            NAME,
            format!("{called} can't be understood and begins anew"),
            "nothing has to be done; for a day nothing is destroyed, because nobody knows what was",
        ),
        None => Check::good(NAME, format!("{called} is not there yet: the agent is new here")),
    }
}

fn guardrails(settings: &Settings, place: &Place, kept: &Kept) -> Check {
    const NAME: &str = "guardrails";
    let called = place.called(Document::Guardrails);
    let gone = settings.guarded || kept.memory.as_ref().is_some_and(|memory| memory.guardrails.is_some());
    match &kept.guardrails {
        Some(Ok(rails)) => {
            let limits = &rails.limits;
            let day = format!("{} removals, {} replacements", limits.removals_per_day, limits.replacements_per_day);
            Check::good(NAME, format!("{called}: at most {day} and {} stacks a day", limits.deletions_per_day))
        }
        Some(Err(why)) => Check::bad(
            NAME,
            Exit::Held,
            format!("{called} can't be understood, so nothing is changed: {why}"),
            "mend it; `holdfast validate --guardrails FILE` checks a file first",
        ),
        None if gone => Check::bad(
            NAME,
            Exit::Held,
            format!("{called} is not there, and there were some or have to be, so nothing is changed"),
            "put it back; an empty `spec: {}` asks for the usual limits",
        ),
        None => Check::warning(
            NAME,
            format!("{called} is not there: the usual limits hold"),
            "put the account's own there, where the agent may not write",
        ),
    }
}

fn orders(kept: &Kept, now: Timestamp) -> Check {
    const NAME: &str = "orders";
    let orders = match &kept.orders {
        Ok(orders) => orders.in_force(now),
        Err(why) => {
            let finding = format!("what people told this account can't be understood, so nothing is changed: {why}");
            return Check::bad(NAME, Exit::Held, finding, "mend the parameter, or remove it and say it again");
        }
    };
    let pin = orders.pin.as_ref().map(|pin| format!(", pinned to {}", pin.commit.short())).unwrap_or_default();
    let (holds, rollbacks) = (counted(orders.holds.len(), "hold"), counted(orders.rollbacks.len(), "rollback"));
    let approvals = counted(orders.approvals.len(), "approval");
    let finding = format!("{holds}, {approvals}, {rollbacks} in force{pin}");
    match orders.holds.iter().filter(|hold| hold.stack.is_none()).max_by_key(|hold| hold.until) {
        Some(all) => {
            let finding = format!("{finding}; the whole account is on hold until {:.0}: {}", all.until, all.reason);
            Check::warning(NAME, finding, "it ends by itself then, and before with `holdfast release`")
        }
        None => Check::good(NAME, finding),
    }
}

fn lease(another: Option<(&Holder, Timestamp)>) -> Check {
    const NAME: &str = "lease";
    match another {
        Some((holder, until)) => Check::warning(
            NAME,
            format!("held by {} until {until:.0} at the latest", holder.name()),
            "nothing, if that is this account's agent at work; another one changes nothing until then",
        ),
        None => Check::good(NAME, "free"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[track_caller]
    fn check(seconds: Option<i64>, verdict: Verdict, finding: &str) {
        let machine = Timestamp::from_second(100_000).unwrap();
        let aws = seconds.map(|off| machine - SignedDuration::from_secs(off));
        let check = clock(aws, machine);
        assert_eq!((check.verdict, check.finding.as_str()), (verdict, finding));
    }

    #[test]
    fn a_clock_that_is_off_is_told_and_one_that_is_far_off_is_bad() {
        check(None, Verdict::NotChecked, "AWS has not said what time it is");
        check(Some(3), Verdict::Good, "as AWS's");
        check(Some(60), Verdict::Warning, "this machine is 60 s ahead of AWS");
        check(Some(-400), Verdict::Bad, "this machine is 400 s behind AWS");
    }
}
