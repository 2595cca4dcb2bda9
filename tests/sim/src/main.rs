//! `holdfast-sim`: simulated AWS accounts on a port of this machine, to try a manifests repository without an account.
//!
//! This file is the command line and what it prints; everything else is the library's.

use clap::{Args, Parser, Subcommand};
use manifests::id::AccountId;
use sim::{
    clock::Clock,
    wire,
    world::{Timing, World},
};
use std::{
    io::{self, IsTerminal as _, Write},
    process::ExitCode,
    sync::{Arc, Mutex},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// AWS accounts that live in memory, keep their own clock, and say no.
#[derive(Debug, Parser)]
#[command(name = "holdfast-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve simulated accounts to anything that speaks to AWS: CloudFormation, CloudTrail, SSM, SNS, SQS, STS and S3.
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Serve {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// Accounts to make at the start, as `id` or `id=name`. Any other comes into being when it is first used.
    #[arg(long, value_delimiter = ',', value_parser = named, default_value = "111111111111=dev")]
    accounts: Vec<(AccountId, String)>,
    /// How many times faster than on AWS things are done; 0 takes no time at all, one status for each call.
    #[arg(long, default_value_t = 10.0, value_parser = speed)]
    speed: f64,
    /// The seed of everything that looks random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A line for each call.
    #[arg(long, short)]
    verbose: bool,
    /// Stop when standard input ends: a parent process that dies takes this one with it.
    #[arg(long)]
    exit_when_stdin_closes: bool,
}

fn named(text: &str) -> Result<(AccountId, String), manifests::id::Malformed> {
    let (id, name) = text.split_once('=').unwrap_or((text, text));
    Ok((id.parse()?, name.to_owned()))
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if speed.is_finite() && speed >= 0.0 { Ok(speed) } else { Err("must be 0 or more".to_owned()) }
}

fn main() -> ExitCode {
    let Cli { command: Command::Serve(serve) } = Cli::parse();
    let level = if serve.verbose { tracing::Level::INFO } else { tracing::Level::WARN };
    let log = tracing_subscriber::fmt().with_max_level(level).with_target(false);
    log.with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).init();
    match run(&serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(serve.port, &error);
            ExitCode::FAILURE
        }
    }
}

fn run(serve: &Serve) -> io::Result<()> {
    let timing = if serve.speed == 0.0 { Timing::instant() } else { Timing::scaled(1.0 / serve.speed) };
    let mut world = World::new(serve.seed, Clock::Real { scale: 1.0 }, timing);
    for (account, _) in &serve.accounts {
        world.account(account);
    }
    let world = Arc::new(Mutex::new(world));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", serve.port)).await?;
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let url = format!("http://{}", listener.local_addr()?);
        if let Err(error) = greet(&mut io::stdout(), &url, &serve.accounts) {
            tracing::debug!(%error, "nobody reads the greeting");
        }
        tokio::select! {
            served = wire::serve(world, listener) => served,
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
            () = input_ends(serve.exit_when_stdin_closes) => Ok(()),
        }
    })
}

/// Comes back when standard input ends; never, if that is not watched.
async fn input_ends(watched: bool) {
    if !watched {
        return std::future::pending().await;
    }
    let (ended, end) = oneshot::channel::<()>();
    // A thread, not a task: a read of standard input can't be cancelled, and the process ends with it pending.
    std::thread::spawn(move || {
        drop(io::copy(&mut io::stdin(), &mut io::sink()));
        drop(ended);
    });
    drop(end.await);
}

/// How to use what was started; its first line is for programs that wait for the port.
fn greet(out: &mut impl Write, url: &str, accounts: &[(AccountId, String)]) -> io::Result<()> {
    writeln!(out, "listening on {url}\n")?;
    writeln!(out, "In another terminal, an account is chosen by its access key id:\n")?;
    writeln!(out, "  export AWS_ENDPOINT_URL={url} AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1")?;
    writeln!(out, "  export AWS_SECRET_ACCESS_KEY=any")?;
    for (account, name) in accounts {
        writeln!(out, "  export AWS_ACCESS_KEY_ID={account}    # {name}")?;
    }
    writeln!(
        out,
        "\nThen `holdfast once`, `aws cloudformation deploy` and the like work as on AWS. To make something"
    )?;
    writeln!(out, "drift, change it behind CloudFormation's back:\n")?;
    writeln!(out, "  aws ssm put-parameter --overwrite --name /some/name --value tampered")?;
    writeln!(out, "  curl {url}/_sim/drift -d '{}'\n", drift(accounts))?;
    writeln!(out, "`curl {url}/_sim/help` lists what else can be done to an account.")
}

/// A request of the side door, to copy.
fn drift(accounts: &[(AccountId, String)]) -> String {
    let account = accounts.first().map_or("111111111111", |(id, _)| id.as_str());
    let resource = r#""region": "eu-central-1", "stack": "app", "logical": "Topic""#;
    format!(r#"{{"account": "{account}", {resource}, "property": "DisplayName", "value": "tampered"}}"#)
}

#[expect(clippy::print_stderr, reason = "the program's terminal output")]
fn complain(port: u16, error: &io::Error) {
    eprintln!("holdfast-sim: port {port} of 127.0.0.1 can't be served: {error}");
    if error.kind() == io::ErrorKind::AddrInUse {
        eprintln!("  something listens there already: choose another with `--port`, or `--port 0` for a free one");
    }
}
