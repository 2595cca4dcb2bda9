//! An account of 200 stacks that is as its repository says: what a turn costs that has nothing to do, and what an agent
//! holds that rests.

use crate::{
    figure::{Chapter, Figure, Unit, median},
    process::{MeasureError, Program},
    shipped,
    stage::{Stage, Tenant, Turn},
};
use std::{fs, path::Path, process::Child, time::Duration};

const MEBIBYTE: f64 = 1_048_576.0;
/// How often a settled turn is measured.
const RUNS: usize = 9;

/// A settled turn.
pub(crate) fn settled(stage: &Stage, tenant: &Tenant) -> Result<Chapter, MeasureError> {
    let turns = (0..RUNS).map(|_| stage.turn(tenant)).collect::<Result<Vec<_>, _>>()?;
    let most = |count: &dyn Fn(&Turn) -> u64| turns.iter().map(count).max().unwrap_or_default() as f64;
    let count = |turn: &Turn, is: fn(&str) -> bool| -> u64 {
        turn.calls.iter().filter(|(call, _)| is(call)).map(|(_, count)| count).sum()
    };
    let middle = |of: &dyn Fn(&Turn) -> f64| median(turns.iter().map(of).collect());
    let calls: Vec<String> = turns[0].calls.iter().map(|(call, count)| format!("{call} {count}")).collect();
    let figures = vec![
        Figure::new("calls to CloudFormation", most(&|turn| count(turn, is_cloudformation)), Unit::Count)
            .exactly_at_most(2.0)
            .cited("sceptre", 400.0)
            .cited("cdk", 401.0)
            .cited("aws cloudformation deploy", 800.0)
            .note(calls.join(", ")),
        Figure::new("of those, writes, refused ones too", most(&|turn| count(turn, is_write)), Unit::Count)
            .exactly_at_most(0.0)
            .cited("sceptre", 200.0)
            .cited("cdk", 0.0)
            .cited("aws cloudformation deploy", 200.0),
        Figure::new(
            "calls to other AWS services",
            most(&|turn| count(turn, |call| !is_cloudformation(call))),
            Unit::Count,
        )
        .exactly_at_most(2.0),
        Figure::new("processor time, whole process", middle(&|turn| turn.cost.processor), Unit::Seconds)
            .at_most(0.060)
            .cited("sceptre", 3.4)
            .cited("cdk", 4.0)
            .cited("bare SDK client, 400 stacks, read only", 0.018),
        Figure::new("peak memory, whole process", middle(&|turn| turn.cost.peak as f64), Unit::Mebibytes)
            .at_most(24.0 * MEBIBYTE)
            .cited("sceptre", 80e6)
            .cited("cdk", 214e6)
            .cited("bare SDK client", 7.5e6),
        Figure::new("time from start to end", middle(&|turn| turn.cost.wall), Unit::Seconds)
            .cited("sceptre", 7.0)
            .cited("cdk", 14.0),
    ];
    Ok(Chapter { title: "A settled turn of `holdfast once`: 200 stacks, one region, nothing to do", figures })
}

fn is_cloudformation(call: &str) -> bool {
    call.starts_with("cloudformation:")
}

/// Whatever is not plainly a question counts as a write.
pub(crate) fn is_write(call: &str) -> bool {
    let action = call.split(':').nth(1).unwrap_or(call);
    !["Describe", "Get", "List", "Validate", "AssumeRole"].iter().any(|reads| action.starts_with(reads))
}

/// The program that ships: its size, and the memory of a daemon that has made some turns and rests.
pub(crate) fn footprint(stage: &Stage, tenant: &Tenant, holdfast: &Path) -> Result<Chapter, MeasureError> {
    const TURNS: u64 = 10;
    let program = stage.agent(tenant, &["run", "--interval", "1s"]);
    let turns = || stage.accounts().traffic(&tenant.account).get("ssm:GetParameters").map_or(0, |seen| seen.calls);
    let before = turns();
    let mut daemon = Daemon::start(&program)?;
    let mut patience = 120;
    while turns() < before + TURNS {
        patience -= 1;
        let ended = daemon.0.try_wait().map_err(|error| MeasureError::Program("holdfast run".into(), error))?;
        if patience == 0 || ended.is_some() {
            return Err(MeasureError::Untrue(format!("the daemon did not make {TURNS} turns in a minute")));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    // The last of these turns has begun; a settled one is long over after this.
    std::thread::sleep(Duration::from_millis(500));
    let status = Path::new("/proc").join(daemon.0.id().to_string()).join("status");
    let text = fs::read_to_string(&status).map_err(|error| MeasureError::File(status, error))?;
    let idle =
        Figure::new("memory of the daemon between two turns, 200 stacks", field(&text, "VmRSS:"), Unit::Mebibytes)
            .at_most(16.0 * MEBIBYTE)
            .cited("Bottlerocket's updater, limit", 50.0 * MEBIBYTE);
    let own = Figure::new("of that, not pages of the program's own file", field(&text, "RssAnon:"), Unit::Mebibytes);
    let peak = Figure::new("the most that it had at a time", field(&text, "VmHWM:"), Unit::Mebibytes);
    let title = "The program that ships";
    Ok(Chapter { title, figures: vec![shipped::size(holdfast)?, idle, own, peak] })
}

/// A field of `/proc/<pid>/status`, in bytes.
pub(crate) fn field(status: &str, name: &str) -> f64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = value.and_then(|value| value.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kibibytes.unwrap_or(f64::NAN) * 1024.0
}

/// A daemon that ends with its owner.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Starts it.
    pub(crate) fn start(program: &Program) -> Result<Self, MeasureError> {
        let started = program.command().spawn();
        started.map(Self).map_err(|error| MeasureError::Program("holdfast run".into(), error))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It is between two turns, and has nothing to lose.
        if self.0.kill().is_ok() {
            let _ = self.0.wait();
        }
    }
}
