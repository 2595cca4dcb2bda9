//! The command line, as it is documented by `--help`.

mod question;

pub use question::{Fleet, Form, Question};

use crate::{journal::End, organization::As, store::Place};
use clap::{
    Args, CommandFactory, Parser, Subcommand, ValueEnum,
    builder::{PathBufValueParser, TypedValueParser},
    error::ErrorKind,
};
use jiff::Timestamp;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

const EXIT_CODES: &str = "\
Exit codes:
  0  done (the picture itself may be bad: look at `state`)
  1  the output could not be written
  2  the command line is wrong, or a file that it names
  3  the queue could not be read, or not to the end
  4  the store can't be used, or there is no room in it
  5  a journal is not what was received
  6  what was to be tried out was not taken (`alerts --test`)

Environment:
  AWS_…             credentials, profile, region and AWS_ENDPOINT_URL, as everywhere; the region in a queue's URL wins
  PGPASSWORD, PGPASSFILE, PGSSLMODE, PGSSLROOTCERT
                    how to connect to a store in PostgreSQL, as everywhere, where its address does not say
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

impl Arguments {
    /// The same, if one thing that it says does not contradict another.
    ///
    /// # Errors
    /// Why it does, as clap says such things.
    pub fn checked(self) -> Result<Self, clap::Error> {
        let patience = match &self.command {
            Command::Run(Run { watch: Watch { looking, .. }, .. })
            | Command::Watch(Watch { looking, .. })
            | Command::Replay(Replay { looking, .. }) => Some((looking.late, looking.silent)),
            Command::Fleet(Fleet { late, silent, .. }) => Some((*late, *silent)),
            Command::Alerts(_)
            | Command::Token { .. }
            | Command::Verify(_)
            | Command::Prune(_)
            | Command::Export(_)
            | Command::Import(_) => None,
        };
        if patience.is_some_and(|(late, silent)| silent < late) {
            let why = "`--silent`, which is 4h unless it is said, is shorter than `--late`: an account is late first, and silent after that";
            return Err(Self::command().error(ErrorKind::ValueValidation, why));
        }
        Ok(self)
    }
}

/// What the hub can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read reports from a queue, keep them in a store, and show how the accounts stand.
    ///
    /// As `watch`, but what comes is kept in a store before it is taken off the queue, and the picture begins with
    /// everything that the store has. Stop it as hard as you like: what was not kept comes again. Several hubs may read one
    /// queue into one store, if that is PostgreSQL.
    #[command(after_long_help = EXIT_CODES)]
    Run(Run),

    /// Read reports from a queue and show how the accounts stand; nothing is kept.
    ///
    /// First what happened, line by line as it arrives; then, whenever the queue has run dry and at the end, the
    /// picture: the hub's own lag first, then the accounts, worst first.
    ///
    /// Every message is taken off the queue once it is folded, so give this program a queue of its own. It keeps
    /// nothing when it ends. Without `--topic`, whoever may publish to the topic can speak for any account.
    #[command(after_long_help = EXIT_CODES)]
    Watch(Watch),

    /// Show how the accounts stand by what a store has, now or at some time in the past.
    #[command(after_long_help = EXIT_CODES)]
    Replay(Replay),

    /// Answer a question about the fleet from a store, also while a hub writes to it.
    ///
    /// What its pages show, for terminals and scripts: `holdfast-hub fleet status`, `holdfast-hub fleet accounts --state failed
    /// -o csv`.
    #[command(after_long_help = EXIT_CODES)]
    Fleet(Fleet),

    /// Look through a file that says whom to tell, and try a route out.
    ///
    /// Prints what each route of the file is told, and where that goes; a slip has its place. With `--test ROUTE` that route is
    /// told that this is a test.
    #[command(after_long_help = EXIT_CODES)]
    Alerts(Alerts),

    /// Make a token for somebody who is to see the pages, and the line that lets them.
    #[command(after_long_help = EXIT_CODES)]
    Token {
        /// Whose
        #[arg(value_parser = named)]
        name: String,
    },

    /// See whether what a store has is what was received.
    ///
    /// Prints how many entries there are, and a line to note somewhere else: with it as `--noted`, a later look finds out
    /// whether anything up to there was changed or taken out. Without one, nobody can tell whether there was more.
    #[command(after_long_help = EXIT_CODES)]
    Verify(Verify),

    /// Take out what was received long ago, but for what the picture rests on.
    ///
    /// Without `--yes` nothing is changed, and what would go is said. How each account stood where the cut is stays, with its newest
    /// report, and so does whom the hub believed. The journal says itself what was taken out, and `verify` proves that nothing else
    /// was. A store in a file that a hub writes to is cut by that hub (`run --keep`).
    #[command(after_long_help = EXIT_CODES)]
    Prune(Prune),

    /// Print everything that a store has, one JSON document a line.
    #[command(after_long_help = EXIT_CODES)]
    Export(Stored),

    /// Take in, from standard input, what `export` printed.
    ///
    /// The store is made if it is not there. What it has already may come again; another hub's journal is refused.
    #[command(after_long_help = EXIT_CODES)]
    Import(Stored),
}

/// A store.
#[derive(Debug, Args)]
pub struct Stored {
    /// The store: a file, or `postgres://USER@HOST/DATABASE?sslmode=verify-full`, whose password is better in PGPASSWORD or in
    /// ~/.pgpass
    #[arg(long, env = "HOLDFAST_HUB_STORE", value_name = "FILE|URL", value_parser = place(), hide_env_values = true)]
    pub store: Place,
}

/// Any text is a place; whether there is anything is seen when it is opened, so that no message repeats what it says.
fn place() -> impl TypedValueParser<Value = Place> {
    PathBufValueParser::new().map(Place::from)
}

/// What to look through.
#[derive(Debug, Args)]
pub struct Alerts {
    /// The file, as `holdfast-hub run --alerts` takes it
    pub file: PathBuf,

    /// Tell this route that this is a test
    #[arg(long, value_name = "ROUTE")]
    pub test: Option<String>,
}

/// What to verify.
#[derive(Debug, Args)]
pub struct Verify {
    /// Which store.
    #[command(flatten)]
    pub stored: Stored,

    /// What an earlier look printed, as `1234:9f86d0…`
    #[arg(long, value_name = "N:DIGEST", value_parser = noted)]
    pub noted: Option<End>,
}

/// The end of a journal, as `verify` prints it.
fn noted(text: &str) -> Result<End, String> {
    let parsed = text.split_once(':').and_then(|(n, chain)| Some((n.parse().ok()?, chain.parse().ok()?)));
    let (entries, chain) = parsed.ok_or("it is a number, a colon and 64 hexadecimal digits")?;
    Ok(End { entries, chain })
}

/// How to run.
#[derive(Debug, Args)]
pub struct Run {
    /// What to watch.
    #[command(flatten)]
    pub watch: Watch,
    /// Where to keep it.
    #[command(flatten)]
    pub stored: Stored,

    /// Where to serve pages, as `127.0.0.1:8080`; where others can reach it, with `--tokens` or `--sign-in` [default: no pages]
    #[arg(long, env = "HOLDFAST_HUB_LISTEN", value_name = "ADDRESS", value_parser = listen)]
    pub listen: Option<SocketAddr>,

    /// Who may look, as `holdfast-hub token NAME` prints it, a line each, with `reader` at its end for whoever is to see neither
    /// quarantine nor audit, or with labels (`team=payments`) for whoever is to see the accounts alone that have them by
    /// `--accounts`; this or `--sign-in` is needed where others can reach the address, and TLS in front of it [default:
    /// whoever is on this machine]
    #[arg(long, env = "HOLDFAST_HUB_TOKENS", value_name = "FILE")]
    pub tokens: Option<PathBuf>,

    /// Whom to tell what is not well, and when it is well again: a file of `kind: Alerts`, which `holdfast-hub alerts FILE` looks
    /// through [default: nobody]
    #[arg(long, env = "HOLDFAST_HUB_ALERTS", value_name = "FILE")]
    pub alerts: Option<PathBuf>,

    /// How people sign in (YAML): at which issuer of OpenID Connect, or at a load balancer, and who is reader or operator by which
    /// claim
    #[arg(long, env = "HOLDFAST_HUB_SIGN_IN", value_name = "FILE")]
    pub sign_in: Option<PathBuf>,

    /// Where to write down who looked, signed in and out, and was refused, one JSON document a line [default: the newest are on
    /// the page `/audit`, and nowhere else]
    #[arg(long, env = "HOLDFAST_HUB_AUDIT", value_name = "FILE")]
    pub audit: Option<PathBuf>,

    /// How long what was received is kept, as `400d`, and no shorter than 15 days: once a day what is older is taken out, but for what
    /// the picture rests on [default: for ever]
    #[arg(long, env = "HOLDFAST_HUB_KEEP", value_name = "TIME", value_parser = kept)]
    pub keep: Option<Duration>,

    /// How large a store in a file may become, as `20GiB`; what does not fit stays on the queue [default: as large as the disk]
    #[arg(long, env = "HOLDFAST_HUB_STORE_SIZE", value_name = "SIZE", value_parser = manifests::id::size)]
    pub store_size: Option<u64>,
}

/// Where to listen.
fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "it is an address and a port, such as `127.0.0.1:8080` or `[::1]:8080`".into())
}

/// A point in time.
fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "it is a time and how far that is from UTC, such as `2026-05-01T12:00:00Z`".into())
}

/// What to take out.
#[derive(Debug, Args)]
pub struct Prune {
    /// Of which store.
    #[command(flatten)]
    pub stored: Stored,

    /// How long what was received is kept, as `400d`, and no shorter than 15 days
    #[arg(long, env = "HOLDFAST_HUB_KEEP", value_name = "TIME", value_parser = kept)]
    pub keep: Duration,

    /// Take it out, and do not only say what would go
    #[arg(long)]
    pub yes: bool,
}

/// A queue may bring a message again for 14 days; what is not known any more by then would be taken for a new one.
fn kept(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_secs(15 * 86_400);
    let time = manifests::id::duration(text).map_err(|error| error.to_string())?;
    if time < LEAST {
        Err("it is less than 15 days, and a queue may bring a message again for 14".into())
    } else {
        Ok(time)
    }
}

/// What to show again.
#[derive(Debug, Args)]
pub struct Replay {
    /// Of which store.
    #[command(flatten)]
    pub stored: Stored,

    /// Who is expected.
    #[command(flatten)]
    pub looking: Looking,

    /// As it was known at this time, as `2026-05-01T12:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,

    /// A table for people, or one JSON document for machines
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Who is expected to speak.
#[derive(Debug, Args)]
pub struct Looking {
    /// File of the manifests repository that lists accounts (`kind: Fleet` or `kind: Accounts`), read anew for every
    /// picture; several are one list [default: nobody is expected, and silence says nothing]
    #[arg(long = "accounts", env = "HOLDFAST_HUB_ACCOUNTS", value_name = "FILE", value_delimiter = ',')]
    pub accounts: Vec<PathBuf>,

    /// Whose accounts are expected beside the listed ones, but for those that are suspended: `own` is the organization of the hub's
    /// credentials (`organizations:ListAccounts`), the ARN of a role that of another; several are one list [default: nobody's]
    #[arg(long = "organization", env = "HOLDFAST_HUB_ORGANIZATION", value_name = "own|ARN", value_delimiter = ',')]
    pub organizations: Vec<As>,

    /// How long an account may be quiet before it is late
    #[arg(long, value_name = "TIME", default_value = "90m", value_parser = manifests::id::duration)]
    pub late: Duration,

    /// How long before it is silent
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = manifests::id::duration)]
    pub silent: Duration,
}

/// Whom to believe.
#[derive(Debug, Args)]
pub struct Believing {
    /// ARN of the topic that this hub reads: reports that are signed for it are proven once STS has said whose key that is;
    /// several are one hub [default: none, and no report proves anything]
    #[arg(long = "topic", env = "HOLDFAST_HUB_TOPIC", value_name = "ARN", value_delimiter = ',', value_parser = topic)]
    pub topics: Vec<String>,

    /// What to make of accounts that prove nothing: show them as unproven, or put what they say into quarantine
    /// [default: refuse, if there is a topic]
    #[arg(long, env = "HOLDFAST_HUB_UNPROVEN", value_enum, value_name = "POLICY")]
    pub unproven: Option<Unproven>,

    /// Name of the role that agents have: only it may prove a key; several are any of them [default: whoever has
    /// credentials of the account]
    #[arg(long = "agent-role", env = "HOLDFAST_HUB_AGENT_ROLE", value_name = "NAME", value_delimiter = ',')]
    pub agent_roles: Vec<String>,

    /// How many reports of one account are kept of those it sent in a minute; of more, the newest and their number. 0: all of
    /// them
    #[arg(long, env = "HOLDFAST_HUB_QUOTA", value_name = "N", default_value_t = 60)]
    pub quota: u32,
}

/// What to make of accounts that prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Unproven {
    /// They are taken, and shown as unproven.
    Allow,
    /// They go into quarantine.
    Refuse,
}

/// A name as it can stand in a list of tokens.
fn named(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    let is_name = is_name && !text.starts_with('#');
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| "it is letters, digits and signs, no blank, no colon, and no `#` at its beginning".into())
}

/// A topic of a region whose STS can be asked.
fn topic(text: &str) -> Result<String, String> {
    let nothing = manifests::report::proof::Key(manifests::id::Digest([0; 32]));
    let request = manifests::report::proof::Request::new(text, &nothing, "20260101T000000Z", None);
    request
        .map(|_| text.to_owned())
        .ok_or_else(|| "it is an ARN such as `arn:aws:sns:eu-central-1:111111111111:reports`".into())
}

/// How to watch.
#[derive(Debug, Args)]
pub struct Watch {
    /// The SQS queue that is subscribed to the reports' topic (raw delivery or not)
    #[arg(long, env = "HOLDFAST_HUB_QUEUE", value_name = "URL")]
    pub queue: String,

    /// Who is expected.
    #[command(flatten)]
    pub looking: Looking,

    /// Whom to believe.
    #[command(flatten)]
    pub believing: Believing,

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_itself_or_makes_no_sense_is_said() {
        let check = |words: &str, expect: Option<&str>| {
            let arguments = ["holdfast-hub"].into_iter().chain(words.split(' '));
            let said = Arguments::try_parse_from(arguments).and_then(Arguments::checked).err();
            let said = said.map(|error| error.to_string());
            assert_eq!(said.is_some(), expect.is_some(), "{words}: {said:?}");
            assert!(said.unwrap_or_default().contains(expect.unwrap_or_default()), "{words}");
        };
        let shorter = Some("is shorter than `--late`");
        check("fleet status --store x", None);
        check("fleet status --store x --late 1h --silent 1h", None);
        check("fleet status --store x --late 2h --silent 1h", shorter);
        check("replay --store x --late 5h", shorter);
        check("watch --queue x --late 5h", shorter);
        check("run --queue x --store x --silent 1h", shorter);
        check("run --queue x --store x --listen 8080", Some("an address and a port, such as `127.0.0.1:8080`"));
        check("replay --store x --until yesterday", Some("such as `2026-05-01T12:00:00Z`"));
    }
}
