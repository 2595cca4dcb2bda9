//! `cargo figures`: measures what Holdfast costs, and prints it with the goal and the peers beside it.
//!
//! A program and not a test: times depend on the machine, and no test should. Counts do not, so a count that misses its
//! goal is a failure. Everything that is measured is the program that ships or the library that it is made of; only
//! the accounts are simulated.

mod deploy;
mod drift;
mod figure;
#[path = "../it/git_bombs.rs"]
mod git_bombs;
#[path = "../it/git_server.rs"]
#[expect(dead_code, reason = "the tests also let it misbehave")]
mod git_server;
mod history;
mod hostile;
mod hub;
mod machine;
mod own_time;
mod peers;
mod print;
mod process;
mod reading;
mod remote;
mod settled;
mod shipped;
mod stage;

use clap::{Parser, Subcommand};
use figure::{Chapter, Figure};
use hub::Extent;
use peers::Peers;
use process::MeasureError;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Measures what Holdfast costs, and prints it with the goal and the peers beside it.
#[derive(Debug, Parser)]
#[command(name = "cargo figures", after_long_help = ROWS, max_term_width = 110)]
struct Arguments {
    /// One JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Measure sceptre, cdk and `aws cloudformation deploy` in the same run, instead of citing them (needs python3 with
    /// venv, npm and their registries; takes about seven minutes)
    #[arg(long)]
    peers: bool,
    /// Measure nothing but the reading and planning of 10,000 manifests, for which no agent is built
    #[arg(long, conflicts_with = "holdfast")]
    reading: bool,
    /// Measure nothing but hostile repositories
    #[arg(long, conflicts_with = "reading")]
    hostile: bool,
    /// Measure nothing but drift
    #[arg(long, conflicts_with = "reading")]
    drift: bool,
    /// Measure nothing but the hub, for which no agent is built
    #[arg(long, conflicts_with = "reading")]
    hub: bool,
    /// Measure the hub with few accounts and for seconds, which says nothing but that it can be measured
    #[arg(long)]
    quick: bool,
    /// Measure this agent, and the hub beside it, instead of those that are built now as they ship
    #[arg(long, value_name = "PATH")]
    holdfast: Option<PathBuf>,
    #[command(subcommand)]
    inner: Option<Inner>,
}

#[derive(Debug, Subcommand)]
enum Inner {
    /// Run one program, and write what it took to a file: how the figures' own processes are measured
    #[command(hide = true)]
    Measure {
        to: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
}

const ROWS: &str = "\
What is measured:

A settled turn: `holdfast once` as a process of its own, against a simulated account of 200 stacks over HTTP and a \
repository behind git's own `http-backend`. Calls are counted where they arrive. Processor time and peak memory are the \
system's count for the whole process; the median of 9 turns.

Git traffic: requests and bytes at the git server, both directions, heads and bodies, of a turn that finds nothing new \
and of one that finds one commit; for 10 manifests and 10 commits, for 10,000 manifests, and for 100,000 commits. Beside \
it, what git itself needs on the same server.

Reading: the functions that a turn calls, in this process: every file out of git, parsed, selected for the account, \
planned. `Seen again` is a turn whose commit was read before, so that what it asks of the account is at hand, everything \
being in place. Processor time; the median of 5. Growth is the slope on logarithmic paper: 1 is linear.

Own time: told from when calls arrive at an account that does everything at once; the median of 7 commits.

The program that ships: the size of the file, and the memory of `holdfast run` after ten turns, from /proc.

Drift: everything else is measured while nobody looks for it. One resource of an account of 50 stacks is changed by hand, \
an event about it is in the queue, and `holdfast run` puts it back; told from when calls arrive, the median of 5. A day is \
288 turns of `holdfast once` while the account's clock goes five minutes further after each.

A hostile repository: one turn of an account of ten stacks that is in sync, after somebody pushed what is small on the wire \
and large behind it, or while the git server lies. Each has to end with an exit code that says so and without one write to \
CloudFormation; the limit beside the amount is the agent's own, as it is set or as it ships.

The hub: signed reports of 50 stacks, every batch on disk before the next. Processor time of this process; the median of 3. \
Then stores of 10,000 and of 100,000 accounts: their pages, 400 times each over one connection, each time after the hub had \
news; their size; and `holdfast-hub run` on them with a simulated queue: its memory from /proc, what others notice of an \
account that sends a thousand reports a second, and an open page. With PostgreSQL if there is one.

Deploying: first deploy, settled pass and one change, of 20 stacks (the median of 3 rounds) and of 200. With --peers \
every tool does the same at the same endpoint, taking turns; its amount stands beside Holdfast's, with the ratio.

`cited` was measured earlier, on two shared processors too, and not in this run. Time and memory depend on the machine, \
so no exit code does: 0 is measured, 1 is a count that misses its goal, 2 is could not be measured.

To repeat: `cargo figures` on a machine that is otherwise idle. It needs Rust and git, and takes about two minutes after \
the build, and the hub ten more; `cargo figures --reading` and `--drift` take half a minute each, `--hostile` one.";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Inner::Measure { to, command }) = &arguments.inner {
        return process::measure(to, command).unwrap_or_else(|error| {
            complain(&error.to_string());
            ExitCode::FAILURE
        });
    }
    match figures(&arguments) {
        Ok(chapters) if chapters.iter().flat_map(|chapter| &chapter.figures).any(Figure::fails) => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("the figures could not be measured: {error}"));
            ExitCode::from(2)
        }
    }
}

fn figures(arguments: &Arguments) -> Result<Vec<Chapter>, MeasureError> {
    let holdfast = match &arguments.holdfast {
        Some(path) => path.canonicalize().map_err(|error| MeasureError::File(path.clone(), error))?,
        None if arguments.reading => PathBuf::new(),
        None if arguments.hub => {
            complain("building the hub as it ships");
            shipped::built(&["hub"])?
        }
        None => {
            complain("building the agent as it ships");
            shipped::built(&["agent", "hub"])?
        }
    };
    let peers = if arguments.peers { Peers::installed() } else { Peers::default() };
    let machine = machine::Machine::before();
    let stage = stage::Stage::set(holdfast.clone())?;
    // (What a debug build takes for many says nothing, and takes minutes.)
    let extent = if arguments.quick || cfg!(debug_assertions) { Extent::QUICK } else { Extent::WHOLE };
    let chapters = match arguments {
        Arguments { reading: true, .. } => vec![reading::reading(&stage, &peers)?],
        Arguments { drift: true, .. } => drift::drift(&stage)?,
        Arguments { hub: true, .. } => hub::hub(&stage, &shipped::hub(&holdfast), extent)?,
        Arguments { hostile: true, .. } => vec![hostile::hostile(&stage)?],
        Arguments { .. } => chapters(&stage, &peers, (&holdfast, extent))?,
    };
    let machine = machine.after();
    say(&if arguments.json { print::document(&chapters, &machine) } else { print::tables(&chapters, &machine) });
    Ok(chapters)
}

/// Everything that there is to measure.
fn chapters(
    stage: &stage::Stage,
    peers: &Peers,
    (holdfast, extent): (&Path, Extent),
) -> Result<Vec<Chapter>, MeasureError> {
    complain("deploying");
    let deployed = deploy::deploy(stage, &peers.tools)?;
    complain("settled turns");
    let mut chapters = vec![settled::settled(stage, &deployed.large)?];
    complain("git traffic");
    chapters.extend(remote::traffic(stage)?);
    complain("reading and planning");
    chapters.push(reading::reading(stage, peers)?);
    complain("own time");
    chapters.push(own_time::own_time(stage, &deployed.large)?);
    complain("the resting daemon");
    chapters.push(settled::footprint(stage, &deployed.large, holdfast)?);
    complain("drift");
    chapters.extend(drift::drift(stage)?);
    complain("hostile repositories");
    chapters.push(hostile::hostile(stage)?);
    chapters.extend(hub::hub(stage, &shipped::hub(holdfast), extent)?);
    chapters.extend(deployed.chapters);
    Ok(chapters)
}

/// Prints.
#[expect(clippy::print_stdout, reason = "this is where the figures are printed")]
fn say(text: &str) {
    println!("{text}");
}

/// Says what is going on, to whoever waits.
#[expect(clippy::print_stderr, reason = "progress and trouble are no figures")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}
