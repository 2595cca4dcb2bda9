//! `holdfast-hub`: arguments, log, runtime, exit code.

use clap::Parser;
use hub::{
    cli::{Arguments, Command, Output, Watch},
    clock,
    queue::Queue,
    show::{Form, Show},
    watch::{Until, WatchError, watch},
};
use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::layer,
    prelude::*,
};

fn main() -> ExitCode {
    let Command::Watch(arguments) = Arguments::parse().command;
    log();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::from(match error {
                WatchError::Output(_) => 1,
                WatchError::Queue(_) => 3,
            })
        }
    }
}

/// `HOLDFAST_LOG`, a level or a filter such as `warn,hub=debug`; one with a slip is none.
fn log() {
    let wanted = std::env::var("HOLDFAST_LOG").ok().and_then(|filter| filter.parse::<Targets>().ok());
    let usual = || Targets::new().with_default(LevelFilter::WARN).with_target("aws_config", LevelFilter::ERROR);
    let log = layer().with_writer(io::stderr).with_ansi(colour(&io::stderr()));
    tracing_subscriber::registry().with(wanted.unwrap_or_else(usual)).with(log).init();
}

fn run(arguments: &Watch) -> Result<(), WatchError> {
    let until = match arguments.duration {
        Some(time) => Until::After(time),
        None if arguments.once => Until::Dry,
        None => Until::Told,
    };
    let form = match arguments.output {
        Output::Table => Form::Table { colour: colour(&io::stdout()) },
        Output::Json => Form::Json,
    };
    let mut show = Show::new(io::stdout().lock(), form);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let stop = async {
            tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
        };
        watch(&Queue::open(&arguments.queue).await, &mut show, until, clock::now, stop).await
    })
}

/// Colours are for a terminal that did not decline them (<https://no-color.org>).
fn colour(stream: &impl IsTerminal) -> bool {
    let declined = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !declined
}

/// What went wrong, cause by cause. A reader that closed the pipe needs no telling.
#[expect(clippy::print_stderr, reason = "the program's last word")]
fn tell(error: &WatchError) {
    if matches!(error, WatchError::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe) {
        return;
    }
    eprintln!("holdfast-hub: {}", hub::chain(error));
}
