//! The command line: what there is to say, and what is done when it is said.

mod apart;
mod command;

pub use command::{Command, DriftCommand, TrustCommand};

use crate::{
    cloud::count::Calls,
    config::{Config, ConfigError, Flags},
    drift,
    error::{CommandError, Exit, chain},
    forecast::{self, Verdict, forecast},
    lambda::{self, Function},
    people::Order,
    run::run,
    shipped::{Shipped, Watcher, aws, configuration},
    show::{self, Output, Style, progress::Progress},
    trust::sign,
    turn::{Standing, Survey, survey, turn},
    update::function::Functions,
    validate,
    world::{Settings, Sight},
};
use clap::{CommandFactory, FromArgMatches, Parser, parser::ValueSource};
use manifests::report::State;
use std::{cell::Cell, rc::Rc};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Brings one AWS account to what a git repository of CloudFormation stack manifests says, and keeps it there.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, max_term_width = 110, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The configuration.
    #[command(flatten)]
    pub flags: Flags,
    /// How to print results
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// How to log to standard error: `error`, `warn`, `info`, `debug`, or a filter as in `agent=debug,gix=info`
    /// [default: info for `run`, warn for the rest]
    #[arg(long, global = true, env = "HOLDFAST_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Log as JSON
    #[arg(long, global = true, env = "HOLDFAST_LOG_JSON")]
    pub log_json: bool,
    /// Whether `--guardrails` stands on the command line itself.
    #[arg(skip)]
    pub names_guardrails: bool,
}

const AFTER: &str = "Exit codes: 0 done or in sync · 1 something failed · 2 changes or drift (plan or drift --detailed-exitcode, adopt) · \
3 held, or a person is needed · 4 not everything is in place yet · 64 usage · 75 repository or AWS could not be reached · \
77 credentials, permission or account · 78 configuration";

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// When it makes no sense, or asks for help.
    pub fn read() -> Result<Self, clap::Error> {
        let matches = match lambda::is_here() && std::env::args_os().len() <= 1 {
            // A function is started without a word.
            true => Self::command().try_get_matches_from(["holdfast", "run"])?,
            false => Self::command().try_get_matches()?,
        };
        let command = matches.subcommand().map_or(&matches, |(_, command)| command);
        let names_guardrails = command.value_source("guardrails") == Some(ValueSource::CommandLine);
        Ok(Self { names_guardrails, ..Self::from_arg_matches(&matches)? })
    }

    /// What is logged. A daemon has no result to print: its log is all that shows that it works.
    pub fn log(&self) -> &str {
        let default = if matches!(self.command, Command::Run) { "info" } else { "warn" };
        self.log.as_deref().unwrap_or(default)
    }
}

/// Does what was said.
pub async fn execute(cli: Cli) -> Exit {
    let output = cli.output;
    let done = match cli.command {
        Command::Version => Ok(version(output)),
        Command::Validate { folder } => match cli.flags.guardrails.filter(|_| cli.names_guardrails) {
            Some(file) => validate::guardrails(file.as_ref(), output),
            None => validate::folder(&folder, output).await,
        },
        Command::Hold { stack, ahead, said } => apart::order(cli.flags, Order::Hold(stack, ahead, said), output).await,
        Command::Release { stack } => apart::order(cli.flags, Order::Release(stack), output).await,
        Command::Pin { commit, said } => apart::order(cli.flags, Order::Pin(commit, said), output).await,
        Command::Unpin { stack } => apart::order(cli.flags, Order::Unpin(stack), output).await,
        Command::Approve { plan, leave } => apart::order(cli.flags, Order::Approve(plan, leave), output).await,
        Command::Rollback { stack, commit, said } => {
            apart::order(cli.flags, Order::RollBack(stack, commit, said), output).await
        }
        Command::Verify { commit } => apart::verify(cli.flags, commit.as_deref(), output).await,
        Command::Trust(TrustCommand::Reset { commit, said }) => {
            apart::order(cli.flags, Order::Reset(commit, said), output).await
        }
        Command::Trust(TrustCommand::Sign { file, with }) => apart::signed(sign::sign(&file, &with), output),
        Command::Trust(TrustCommand::Approve { paths, with }) => apart::approve(&cli.flags, &paths, &with, output),
        Command::Adopt(said) => apart::adopt(cli.flags, &said, output).await,
        Command::Update(said) => apart::update(cli.flags, &said, output).await,
        Command::Run => daemon(cli.flags).await,
        Command::Once => once(cli.flags, output).await,
        Command::Status { all } => status(cli.flags, output, all).await,
        Command::Tree => tree(cli.flags, output).await,
        Command::History(of) => apart::history(cli.flags, &of, output).await,
        Command::Events(of) => apart::events(cli.flags, &of, output).await,
        Command::Drift { asked, then: None } => apart::drift(cli.flags, &asked, output).await,
        Command::Drift { then: Some(DriftCommand::Heal { stack }), .. } => heal(cli.flags, &stack, output).await,
        Command::Drift { then: Some(DriftCommand::Accept(meant)), .. } => {
            apart::accept(cli.flags, &meant, output).await
        }
        Command::Drift { then: Some(DriftCommand::Ignore(meant)), .. } => {
            apart::ignore(cli.flags, &meant, output).await
        }
        Command::Bootstrap(said) => apart::bootstrap(cli.flags, &said, output).await,
        Command::Uninstall(said) => apart::uninstall(cli.flags, &said, output).await,
        Command::Doctor => apart::doctor(cli.flags, output).await,
        Command::Plan { detailed_exitcode } => plan(cli.flags, output, detailed_exitcode).await,
    };
    let exit = done.unwrap_or_else(|error| {
        complain(&error, output);
        error.exit()
    });
    // Whoever goes by the exit code alone would take half a result for a whole one.
    if show::all_written() { exit } else { Exit::Failed }
}

/// An error, once, with what to do about it. As JSON it is a result like any other.
fn complain(error: &CommandError, output: Output) {
    let text = chain(error);
    match output {
        Output::Json => show::json(&serde_json::json!({ "error": text, "hint": error.hint() })),
        Output::Text => {
            let style = Style::stderr();
            let hint = error.hint().map(|hint| format!("\n\n{} {hint}", style.paint(show::Ink::Bold, "hint:")));
            show::err(&format!("{} {text}{}", style.paint(show::Ink::Bad, "error:"), hint.unwrap_or_default()));
        }
    }
}

fn version(output: Output) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    match output {
        Output::Text => show::out(&format!("holdfast {version}")),
        Output::Json => show::json(&serde_json::json!({ "version": version })),
    }
    Exit::Done
}

async fn daemon(flags: Flags) -> Result<Exit, CommandError> {
    if lambda::is_here() {
        return lambda::serve(&flags, function).await;
    }
    let (config, aws) = configured(flags).await?;
    let (world, settings) = Shipped::new(&config, &aws, Calls::default(), Log)?;
    run(&world, &settings, config.interval, stop()).await?;
    Ok(Exit::Done)
}

/// The agent as a function makes it: how often its schedule comes is the interval that it tells.
async fn function(flags: Flags) -> Result<Function<Shipped<Log>, Functions>, CommandError> {
    let (config, aws) = configured(flags).await?;
    let calls = Calls::default();
    let (world, mut settings) = Shipped::new(&config, &aws, calls.clone(), Log)?;
    settings.rest = config.interval.try_into().ok();
    let other = settings.itself.other.clone();
    let function = Function::new(world, settings);
    Ok(match other {
        Some(other) => function.with(Functions::new(&config, &aws, calls, other.function.clone()), other),
        None => function,
    })
}

async fn once(flags: Flags, output: Output) -> Result<Exit, CommandError> {
    let denied = Rc::new(Cell::new(false));
    let watcher: Box<dyn Watcher> = match output {
        Output::Text => Box::new(Progress::new()),
        Output::Json => Box::new(Log),
    };
    let (world, settings) = world(flags, Attentive { watcher, denied: Rc::clone(&denied) }).await?;
    let report = turn(&world, &settings, &mut Standing::default()).await?;
    print(&report, output, 0);
    Ok(Exit::of(&report, denied.get()))
}

/// Puts back what was changed in one stack.
async fn heal(flags: Flags, stack: &str, output: Output) -> Result<Exit, CommandError> {
    let denied = Rc::new(Cell::new(false));
    let watcher: Box<dyn Watcher> = match output {
        Output::Text => Box::new(Progress::new()),
        Output::Json => Box::new(Log),
    };
    let (config, aws) = configured(flags).await?;
    let report = drift::heal(&config, &aws, stack, Attentive { watcher, denied: Rc::clone(&denied) }).await?;
    print(&report, output, usize::MAX);
    Ok(if denied.get() { Exit::Denied } else { drift::exit(&report) })
}

async fn status(flags: Flags, output: Output, all: bool) -> Result<Exit, CommandError> {
    // As many as fit on a screen.
    const SCREEN: usize = 30;
    let (Survey { report, needs: _ }, denied) = look(flags).await?;
    print(&report, output, if all { usize::MAX } else { SCREEN });
    Ok(Exit::of(&report, denied))
}

async fn tree(flags: Flags, output: Output) -> Result<Exit, CommandError> {
    let (survey, denied) = look(flags).await?;
    match output {
        Output::Text => show::out(&show::tree::tree(&survey, Style::stdout())),
        Output::Json => show::json(&show::tree::json(&survey)),
    }
    Ok(Exit::of(&survey.report, denied))
}

/// How everything stands, and whether a call was denied.
async fn look(flags: Flags) -> Result<(Survey, bool), CommandError> {
    let denied = Rc::new(Cell::new(false));
    let (world, settings) = world(flags, Attentive { watcher: Box::new(Log), denied: Rc::clone(&denied) }).await?;
    let survey = survey(&world, &settings, &mut Standing::default()).await?;
    Ok((survey, denied.get()))
}

/// Stacks in sync are listed up to so many.
fn print(report: &manifests::report::Report, output: Output, shown: usize) {
    match output {
        Output::Text => show::out(&show::report::report(report, Style::stdout(), shown)),
        Output::Json => show::json(report),
    }
}

async fn plan(flags: Flags, output: Output, detailed: bool) -> Result<Exit, CommandError> {
    let (world, settings) = world(flags, Log).await?;
    let forecast = forecast(&world, &settings, &mut Standing::default()).await?;
    match output {
        Output::Text => show::out(&show::forecast::text(&forecast, Style::stdout())),
        Output::Json => show::json(&show::forecast::json(&forecast)),
    }
    Ok(exit_of(&forecast, detailed))
}

/// A plan that could not be made is an error; what it found is an exit code only for those who ask.
fn exit_of(forecast: &forecast::Forecast, detailed: bool) -> Exit {
    let any = |is: fn(&Verdict) -> bool| forecast.changes.iter().any(|change| is(&change.verdict));
    // What is shown may be yesterday's commit: that there is nothing to do is not known then.
    if forecast.commit.is_none() || forecast.trouble.is_some() {
        Exit::Unreachable
    } else if !forecast.problems.is_empty() || any(|verdict| matches!(verdict, Verdict::Not(_))) {
        Exit::Failed
    } else if detailed && (any(|verdict| matches!(verdict, Verdict::Held(_))) || is_held(forecast)) {
        Exit::Held
    } else if detailed && any(|verdict| *verdict != Verdict::NoChanges) {
        Exit::Changes
    } else {
        Exit::Done
    }
}

/// Whether a change is held, or needs a person, that was judged before.
fn is_held(forecast: &forecast::Forecast) -> bool {
    forecast.plan.rows.values().any(|row| matches!(row.state(), State::Held | State::NeedsAPerson))
}

async fn world<V: Watcher>(flags: Flags, watcher: V) -> Result<(Shipped<V>, Settings), CommandError> {
    let (config, aws) = configured(flags).await?;
    Shipped::new(&config, &aws, Calls::default(), watcher)
}

/// Flags, environment, file or parameter, defaults. AWS is asked last, and only for what nobody said: finding out the
/// region can take seconds on a machine that is not in AWS.
async fn configured(flags: Flags) -> Result<(Config, aws_config::SdkConfig), CommandError> {
    known(flags, |config| config.repository().map(drop)).await
}

/// The same, with another look at the configuration before AWS is asked.
async fn known(
    flags: Flags,
    check: impl Fn(&Config) -> Result<(), ConfigError>,
) -> Result<(Config, aws_config::SdkConfig), CommandError> {
    let place = flags.config.clone();
    if let Some(name) = place.as_deref().and_then(|place| place.strip_prefix("ssm:")) {
        let text = configuration(&aws(flags.region.as_deref()).await, name).await?;
        let config = flags.over(Some((&format!("ssm:{name}"), &text)))?;
        let aws = aws(config.region.as_ref().map(AsRef::as_ref)).await;
        return Ok((config, aws));
    }
    let text = match &place {
        None => None,
        Some(path) => {
            let read = std::fs::read_to_string(path);
            Some(read.map_err(|source| ConfigError::File { path: path.clone().into(), source })?)
        }
    };
    let config = flags.over(place.as_deref().zip(text.as_deref()))?;
    check(&config)?;
    let aws = aws(config.region.as_ref().map(AsRef::as_ref)).await;
    Ok((config, aws))
}

/// Resolves when somebody wants the program to stop. It is listened for from this moment on, and not only once somebody waits
/// for it: what is begun meanwhile is not cut off.
fn stop() -> impl Future<Output = ()> {
    let listen = |kind: SignalKind, name: &str| match signal(kind) {
        Ok(signal) => Some(signal),
        Err(error) => {
            tracing::error!(%error, "{name} can't be listened for");
            None
        }
    };
    let mut interrupted = listen(SignalKind::interrupt(), "SIGINT");
    let mut terminated = listen(SignalKind::terminate(), "SIGTERM");
    async move {
        tokio::select! {
            // Cancel-safe, both: a signal that came is remembered by the process.
            () = came(&mut terminated) => (),
            () = came(&mut interrupted) => (),
        }
    }
}

/// Resolves when the signal comes; never where it can't be listened for.
async fn came(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Remembers, for the exit code, whether a call was denied.
struct Attentive {
    watcher: Box<dyn Watcher>,
    denied: Rc<Cell<bool>>,
}

impl Watcher for Attentive {
    fn see(&self, sight: &Sight<'_>) {
        self.denied.set(self.denied.get() || matches!(sight, Sight::Denied(_)));
        self.watcher.see(sight);
    }
}

/// Writes what a turn sees to the log.
struct Log;

impl Watcher for Log {
    fn see(&self, sight: &Sight<'_>) {
        match sight {
            Sight::Commit(commit) => tracing::debug!(%commit, "working towards"),
            Sight::Planned(plan) => tracing::debug!(stacks = plan.rows.len(), steps = plan.steps.len(), "planned"),
            Sight::Started(key, act) => tracing::info!(stack = %key, act = ?act, "started"),
            Sight::Happened(happening) => {
                tracing::info!(what = ?happening.what, sentence = %happening.sentence, "happened");
            }
            Sight::Denied(why) => tracing::warn!(%why, "a call was denied"),
            Sight::Told(report) => tracing::info!(
                state = report.state.as_str(),
                why = report.why.as_deref().unwrap_or_default(),
                sequence = report.sequence,
                calls = report.calls.values().sum::<u64>(),
                "turn done"
            ),
        }
    }
}
