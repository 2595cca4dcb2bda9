//! `holdfast`: arguments, log, runtime, exit code.

use agent::{
    cli::{Cli, execute},
    error::Exit,
    show,
};
use std::process::ExitCode;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::layer,
    prelude::*,
};

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come this way too, and are no mistake.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return ExitCode::from(exit as u8);
        }
    };
    log(&cli);
    // One thread: a turn is a straight line, and everything that waits, waits side by side on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => runtime.block_on(execute(cli)),
        Err(error) => {
            show::err(&format!("error: the runtime could not be started: {error}"));
            Exit::Failed
        }
    };
    ExitCode::from(exit as u8)
}

/// A level alone is ours; what the libraries say below an error is for those who ask for it by name. (The AWS SDK logs
/// whole answers, which nobody should find in a log by accident.)
fn log(cli: &Cli) {
    let wanted = cli.log();
    let level = wanted.parse::<LevelFilter>();
    let filter = level.map_or_else(|_| wanted.to_owned(), |level| format!("error,agent={level}"));
    let filter = filter.parse::<Targets>().unwrap_or_else(|error| {
        show::err(&format!("warning: `--log {wanted}` is no filter ({error}); logging warnings"));
        [("agent", LevelFilter::WARN)].into_iter().collect::<Targets>().with_default(LevelFilter::ERROR)
    });
    let log = layer().with_writer(std::io::stderr).with_ansi(show::Style::stderr().is_coloured());
    let log = if cli.log_json { log.json().boxed() } else { log.boxed() };
    tracing_subscriber::registry().with(filter).with(log).init();
}
