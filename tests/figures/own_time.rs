//! Holdfast's own time: what is left of the time from a commit to its report when CloudFormation takes none.
//!
//! Told from when calls came to the account, and not from what the agent says of itself. The account does everything at
//! once, so the stack is finished in the moment that its change set is executed.

use crate::{
    figure::{Chapter, Figure, Unit, median},
    process::MeasureError,
    stage::{Stage, Tenant},
};
use sim::wire::ledger::Seen;
use tokio::time::Instant;

/// How many commits.
const RUNS: usize = 7;

/// One stack changes, in an account of 200.
pub(crate) fn own_time(stage: &Stage, tenant: &Tenant) -> Result<Chapter, MeasureError> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        stage.push(tenant, run, &format!("own-time-{run}"));
        stage.accounts().watch();
        stage.turn(tenant)?;
        let seen = stage.accounts().seen();
        // The last thing that is asked before git is.
        let asked = first(&seen, "ssm:GetParameters")?.answered;
        let created = first(&seen, "cloudformation:CreateChangeSet")?.came;
        let finished = first(&seen, "cloudformation:ExecuteChangeSet")?.answered;
        let sent = first(&seen, "sns:Publish")?.came;
        before.push(seconds(asked, created));
        after.push(seconds(finished, sent));
    }
    let both: Vec<f64> = before.iter().zip(&after).map(|(before, after)| before + after).collect();
    let figures = vec![
        Figure::new("from asking git to the first change set asked for", median(before), Unit::Seconds)
            .note("the git server's own time is in it: it is asked for the head and for the commit"),
        Figure::new("from the stack finished to the report sent", median(after), Unit::Seconds)
            .note("most of it is the first wait before the account is looked at again, 0.5 s ± 30 %"),
        Figure::new("both", median(both), Unit::Seconds).at_most(1.5),
    ];
    Ok(Chapter { title: "Own time of a change, CloudFormation taking none (time on the clock)", figures })
}

fn first<'a>(seen: &'a [Seen], call: &str) -> Result<&'a Seen, MeasureError> {
    let none = || MeasureError::Untrue(format!("{call} was not called while one stack changed"));
    seen.iter().find(|seen| seen.action == call).ok_or_else(none)
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.duration_since(from).as_secs_f64()
}
