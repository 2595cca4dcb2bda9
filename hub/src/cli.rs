//! The command line, as it is documented by `--help`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::time::Duration;

const EXIT_CODES: &str = "\
Exit codes:
  0  the queue was read and shown (the picture itself may be bad: look at `state`)
  1  the output could not be written
  2  the command line is wrong
  3  the queue could not be read, or not to the end

Environment:
  AWS_…             credentials, profile, region and AWS_ENDPOINT_URL, as everywhere; the region in a queue's URL wins
  HOLDFAST_LOG      what to log to stderr, as `warn` or `hub=debug`
  NO_COLOR          no colours";

/// Adds the accounts up for the people who answer for all of them.
#[derive(Debug, Parser)]
#[command(name = "holdfast-hub", version, after_long_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the hub can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read reports from a queue and show how the accounts stand.
    ///
    /// First what happened, line by line as it arrives; then, whenever the queue has run dry and at the end, the
    /// picture: the hub's own lag first, then the accounts, worst first.
    ///
    /// Every message is taken off the queue once it is folded, so give this program a queue of its own. It keeps
    /// nothing when it ends. Reports are not signed in this version: whoever may publish to the topic can speak for
    /// any account.
    #[command(after_long_help = EXIT_CODES)]
    Watch(Watch),
}

/// How to watch.
#[derive(Debug, Args)]
pub struct Watch {
    /// The SQS queue that is subscribed to the reports' topic (raw delivery or not)
    #[arg(long, env = "HOLDFAST_HUB_QUEUE", value_name = "URL")]
    pub queue: String,

    /// End when the queue is empty
    #[arg(long, conflicts_with = "duration")]
    pub once: bool,

    /// End after this time, as `30s` or `10m`; without it and `--once`, on Ctrl-C
    #[arg(long = "for", id = "duration", value_name = "TIME", value_parser = manifests::id::duration)]
    pub duration: Option<Duration>,

    /// A table for people, or one JSON document a line for machines
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For machines: lines of type `happened`, `contested`, `refused` and `picture`.
    Json,
}
