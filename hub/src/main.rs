//! `holdfast-hub`: arguments, log, runtime, exit code.

use clap::Parser;
use fleet::{alert::message::Message, belief::Policy, page::Page, presence::Patience, quota::Quota};
use hub::{
    alerts::{
        Last, Pauses, Teller,
        routes::{Routes, RoutesError},
        send::{SendError, Sender},
    },
    ask::{AskError, answer},
    carry::{CarryError, export, import},
    cli::{
        Alerts, Arguments, Believing, Command, Fleet, Looking, Output, Prune, Replay, Run, Stored, Unproven, Verify,
        Watch,
    },
    clock,
    expected::{Expected, ExpectedError},
    journal::End,
    keep::{Keep, Memory},
    organization::{ListenError, Organizations},
    queue::Queue,
    reading::{Health, replay},
    registrar::{Nobody, Registrar},
    retention::{self, Keeper, PruneError},
    show::{Form, Show},
    store::{Access, AddressError, Place, Store, StoreError, view::Moment},
    sts::Aws,
    watch::{self, Until, WatchError},
    web::{
        self, Pages, WebError,
        guard::{
            Guard, GuardError,
            config::SignIn,
            tokens::{self, Tokens, TokensError},
        },
    },
};
use jiff::SignedDuration;
use std::{
    collections::BTreeSet,
    io::{self, BufWriter, IsTerminal, Write},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync,
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::layer,
    prelude::*,
};

/// Why the program ended badly.
#[derive(Debug, thiserror::Error)]
enum HubError {
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Carry(#[from] CarryError),
    #[error(transparent)]
    Prune(#[from] PruneError),
    #[error(transparent)]
    Expected(#[from] ExpectedError),
    #[error(transparent)]
    Organization(#[from] ListenError),
    #[error(transparent)]
    Web(#[from] WebError),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Tokens(#[from] TokensError),
    #[error(transparent)]
    Guard(#[from] GuardError),
    #[error(transparent)]
    Routes(#[from] RoutesError),
    #[error("the route was not told")]
    Send(#[from] SendError),
    #[error("the output could not be written")]
    Output(#[from] io::Error),
}

/// What is shown beside what was heard.
fn expected(looking: &Looking, organizations: Option<Organizations>) -> Result<Expected, ExpectedError> {
    Expected::of(looking.accounts.clone(), organizations, patience(looking))
}

/// What organizations say, where one is to be asked.
fn organizations(looking: &Looking) -> Result<Option<Organizations>, ListenError> {
    let all = looking.organizations.clone();
    if all.is_empty() { Ok(None) } else { Organizations::listen(all).map(Some) }
}

fn patience(Looking { late, silent, .. }: &Looking) -> Patience {
    patience_of(*late, *silent)
}

fn patience_of(late: Duration, silent: Duration) -> Patience {
    let span = |time: Duration| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    Patience { late: span(late), silent: span(silent) }
}

fn main() -> ExitCode {
    let command = Arguments::parse().checked().unwrap_or_else(|why| why.exit()).command;
    log();
    match execute(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::from(error.code())
        }
    }
}

fn execute(command: Command) -> Result<(), HubError> {
    match command {
        Command::Watch(watch) => {
            let expected = expected(&watch.looking, organizations(&watch.looking)?)?;
            run(watch, expected, &mut Memory::default(), None)
        }
        Command::Alerts(alerts) => look_through(&alerts),
        Command::Token { name } => {
            let (token, line) = tokens::made(&name)?;
            Ok(writeln!(
                io::stdout(),
                "the token, which is shown once: {token}\nthe line for --tokens:           {line}"
            )?)
        }
        Command::Run(Run { watch, stored, listen, tokens, sign_in, audit, alerts, keep, store_size }) => {
            let routes = alerts.map(|file| Routes::read(&file)).transpose()?;
            let tokens = tokens.map(|file| Tokens::read(&file)).transpose()?;
            let sign_in = sign_in.map(|file| SignIn::read(&file)).transpose().map_err(GuardError::SignIn)?;
            let guard = Guard::open(tokens, sign_in, audit.as_deref())?;
            let mut store = Store::open(&stored.store, Access::Write(store_size))?;
            let (tell, health) = sync::watch::channel(Health::default());
            if let Some(address) = listen {
                pages(address, &stored.store, &watch.looking, guard, health.clone())?;
            }
            let organizations = organizations(&watch.looking)?;
            let begin = |routes| {
                let expected = expected(&watch.looking, organizations.clone())?;
                teller(routes, &stored.store, expected, (patience(&watch.looking), health))
            };
            let teller = routes.map(begin).transpose()?;
            let expected = expected(&watch.looking, organizations)?;
            let keeper = keep.map(|keep| Keeper::start(&stored.store, keep, clock::now)).transpose()?;
            let ran = run(watch, expected, &mut store, Some(tell));
            drop(keeper);
            // Nobody reads reports any more: what there is to tell is told once more, and that was all.
            if let Some(teller) = teller {
                drop(teller.join());
            }
            ran
        }
        Command::Replay(Replay { stored, looking, until, output }) => {
            let expected = expected(&looking, organizations(&looking)?)?;
            let fleet = replay(&Store::open(&stored.store, Access::Journal)?, until)?;
            let at = until.unwrap_or_else(clock::now);
            let mut show = Show::new(io::stdout().lock(), form(output));
            Ok(show.replayed(&Page::of(&fleet, &expected.view(at)), at)?)
        }
        Command::Fleet(Fleet { question, store, late, silent, output }) => {
            let store = Store::open(&store, Access::Read)?;
            let moment = Moment { patience: patience_of(late, silent), now: clock::now() };
            Ok(answer(&store, &question, output, moment, &mut BufWriter::new(io::stdout().lock()))?)
        }
        Command::Verify(Verify { stored, noted }) => {
            let End { entries, chain } = Store::open(&stored.store, Access::Journal)?.verify(noted)?;
            let since = noted.map(|noted| format!(", the noted {} among them", noted.entries)).unwrap_or_default();
            Ok(writeln!(io::stdout(), "{entries} entries, as they were received{since}\n{entries}:{chain}")?)
        }
        Command::Prune(Prune { stored, keep, yes }) => {
            let mut out = io::stdout().lock();
            Ok(retention::prune(&stored.store, keep, yes, clock::now(), |line| writeln!(out, "{line}"))?)
        }
        Command::Export(Stored { store }) => {
            let mut out = BufWriter::new(io::stdout().lock());
            export(&Store::open(&store, Access::Journal)?, &mut out)?;
            Ok(())
        }
        Command::Import(Stored { store }) => {
            let End { entries, chain } = import(&mut Store::open(&store, Access::Write(None))?, io::stdin().lock())?;
            Ok(writeln!(io::stdout(), "{entries} entries; {chain}")?)
        }
    }
}

impl HubError {
    fn code(&self) -> u8 {
        match self {
            Self::Output(_)
            | Self::Watch(WatchError::Output(_))
            | Self::Ask(AskError::Output(_))
            | Self::Prune(PruneError::Output(_))
            | Self::Organization(ListenError::Machine(_)) => 1,
            Self::Prune(PruneError::Busy) => 4,
            Self::Watch(WatchError::Queue(_) | WatchError::Sts(_))
            | Self::Organization(ListenError::Organization(_)) => 3,
            Self::Watch(WatchError::Store(error))
            | Self::Store(error)
            | Self::Prune(PruneError::Store(error))
            | Self::Carry(CarryError::Store(error))
            | Self::Ask(AskError::Store(error)) => match error {
                StoreError::Broken(_)
                | StoreError::Damaged(_)
                | StoreError::Other { .. }
                | StoreError::Behind { .. }
                | StoreError::Shown { .. } => 5,
                StoreError::File { .. }
                | StoreError::InUse { .. }
                | StoreError::Foreign { .. }
                | StoreError::Newer { .. }
                | StoreError::Older { .. }
                | StoreError::Full(_)
                | StoreError::ReadOnly(_)
                | StoreError::Sqlite(_)
                | StoreError::Unreachable { .. }
                | StoreError::Encoding { .. }
                | StoreError::Denied(_)
                | StoreError::Postgres(_)
                | StoreError::CutMeanwhile
                | StoreError::Address(AddressError::Tls(_)) => 4,
                StoreError::Unbounded
                | StoreError::CutSince { .. }
                | StoreError::CutBefore { .. }
                | StoreError::Address(AddressError::Parse(_) | AddressError::Mode(_) | AddressError::Roots { .. }) => 2,
            },
            Self::Carry(CarryError::Text(_)) => 1,
            Self::Send(_) => 6,
            Self::Expected(_)
            | Self::Tokens(_)
            | Self::Guard(_)
            | Self::Web(_)
            | Self::Routes(_)
            | Self::Carry(CarryError::Input(_))
            | Self::Ask(AskError::Unknown(_) | AskError::NoList) => 2,
            Self::Carry(
                CarryError::Line { .. } | CarryError::Cut { .. } | CarryError::End { .. } | CarryError::After { .. },
            ) => 5,
        }
    }

    /// Whether whoever reads the output has gone.
    fn is_closed(&self) -> bool {
        match self {
            Self::Output(cause)
            | Self::Watch(WatchError::Output(cause))
            | Self::Carry(CarryError::Text(cause))
            | Self::Prune(PruneError::Output(cause))
            | Self::Ask(AskError::Output(cause)) => cause.kind() == io::ErrorKind::BrokenPipe,
            Self::Watch(_)
            | Self::Store(_)
            | Self::Carry(_)
            | Self::Expected(_)
            | Self::Organization(_)
            | Self::Tokens(_)
            | Self::Guard(_)
            | Self::Web(_)
            | Self::Routes(_)
            | Self::Send(_)
            | Self::Prune(_)
            | Self::Ask(_) => false,
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

/// Serves pages of a store beside everything else.
fn pages(
    address: SocketAddr,
    store: &Place,
    looking: &Looking,
    guard: Guard,
    health: sync::watch::Receiver<Health>,
) -> Result<(), HubError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(web::listen(address, guard.is_set()))?;
    let pages = Pages {
        store: Store::open(store, Access::Read)?,
        health,
        patience: patience(looking),
        clock: clock::now,
        guard,
    };
    address_is(&listener)?;
    std::thread::spawn(move || {
        if let Err(error) = runtime.block_on(web::serve(listener, pages)) {
            tracing::error!(%error, "pages are served no longer");
        }
    });
    Ok(())
}

/// Tells people what is not well, beside everything else, until nobody tells it any more how the hub is doing.
fn teller(
    routes: Routes,
    store: &Place,
    expected: Expected,
    (patience, health): (Patience, sync::watch::Receiver<Health>),
) -> Result<std::thread::JoinHandle<()>, HubError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sender = runtime.block_on(Sender::new(routes.has_aws()))?;
    let teller = Teller {
        store: Store::open(store, Access::Alerts)?,
        routes,
        expected,
        patience,
        health,
        clock: clock::now,
        last: Last::default(),
        pauses: Pauses::new(),
    };
    Ok(std::thread::spawn(move || runtime.block_on(teller.run(&sender))))
}

/// What a file says of whom to tell; and whether a route of it takes what it is told.
fn look_through(Alerts { file, test }: &Alerts) -> Result<(), HubError> {
    let routes = Routes::read(file)?;
    let mut out = io::stdout().lock();
    let Some(name) = test else {
        return Ok(routes.says().iter().try_for_each(|line| writeln!(out, "{line}"))?);
    };
    let route = routes.named(file, name)?;
    let now = clock::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sender = Sender::new(routes.has_aws()).await?;
        sender.send(&route.to, &Message::test(name, &format!("{}/alerts", routes.link), now), now).await
    })?;
    Ok(writeln!(out, "the route `{name}` took it")?)
}

/// Where the pages are. What is printed to standard output is for whoever reads news.
#[expect(clippy::print_stderr, reason = "the one thing that somebody has to know before anything comes")]
fn address_is(listener: &tokio::net::TcpListener) -> io::Result<()> {
    eprintln!("holdfast-hub: pages at http://{}/", listener.local_addr()?);
    Ok(())
}

/// Whom to believe, and who may say whose a key is.
fn believing(Believing { topics, unproven, agent_roles, quota: _ }: Believing) -> (Policy, BTreeSet<String>) {
    let unproven = match unproven {
        Some(Unproven::Allow) => fleet::belief::Unproven::Allowed,
        Some(Unproven::Refuse) => fleet::belief::Unproven::Refused,
        None if topics.is_empty() => fleet::belief::Unproven::Allowed,
        None => fleet::belief::Unproven::Refused,
    };
    (Policy { hubs: topics.into_iter().collect(), unproven }, agent_roles.into_iter().collect())
}

fn run(
    arguments: Watch,
    mut expected: Expected,
    kept: &mut impl Keep,
    told: Option<sync::watch::Sender<Health>>,
) -> Result<(), HubError> {
    let quota = (arguments.believing.quota > 0).then(|| Quota::new(arguments.believing.quota));
    let (policy, roles) = believing(arguments.believing);
    let until = match arguments.duration {
        Some(time) => Until::After(time),
        None if arguments.once => Until::Dry,
        None => Until::Told,
    };
    let mut show = Show::new(io::stdout().lock(), form(arguments.output));
    if let Some(told) = told {
        show = show.beside(told);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let stop = async {
            tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
        };
        let queue = Queue::open(&arguments.queue).await;
        let beside = (&mut expected, &mut show);
        if policy.hubs.is_empty() {
            let mut registrar = Registrar::new(Nobody, policy, roles, quota);
            return Ok(watch::watch(&queue, (kept, &mut registrar), beside, until, clock::now, stop).await?);
        }
        let mut registrar = Registrar::new(Aws::open().await, policy, roles, quota);
        Ok(watch::watch(&queue, (kept, &mut registrar), beside, until, clock::now, stop).await?)
    })
}

fn form(output: Output) -> Form {
    match output {
        Output::Table => Form::Table { colour: colour(&io::stdout()) },
        Output::Json => Form::Json,
    }
}

/// Colours are for a terminal that did not decline them (<https://no-color.org>).
fn colour(stream: &impl IsTerminal) -> bool {
    let declined = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !declined
}

/// What went wrong, cause by cause. A reader that closed the pipe needs no telling.
#[expect(clippy::print_stderr, reason = "the program's last word")]
fn tell(error: &HubError) {
    if error.is_closed() {
        return;
    }
    eprintln!("holdfast-hub: {}", hub::chain(error));
}
