//! What a store can be asked, as the command line says it.
//!
//! Not here: the answers ([`crate::ask`]).

use super::place;
use crate::store::Place;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

/// What to ask a store.
#[derive(Debug, Args)]
pub struct Fleet {
    /// What.
    #[command(subcommand)]
    pub question: Question,

    /// The store: a file, or `postgres://USER@HOST/DATABASE?sslmode=verify-full`, whose password is better in PGPASSWORD or in
    /// ~/.pgpass
    #[arg(long, env = "HOLDFAST_HUB_STORE", value_name = "FILE|URL", value_parser = place(), hide_env_values = true)]
    #[arg(global = true, default_value = "hub.sqlite")]
    pub store: Place,

    /// How long an account may be quiet before it is late
    #[arg(long, value_name = "TIME", default_value = "90m", value_parser = manifests::id::duration, global = true)]
    pub late: Duration,

    /// How long before it is silent
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = manifests::id::duration, global = true)]
    pub silent: Duration,

    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Form::Table, global = true)]
    pub output: Form,
}

/// How to print an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    Table,
    /// One document, of a long list the first part.
    Json,
    /// All of a list.
    Csv,
}

/// What there is to ask.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// The fleet in numbers, the newest commit, and what stands worst
    Status,
    /// Accounts, worst first
    Accounts {
        /// In this state, as reports spell it (`failed`, `needs-a-person`); may be there several times
        #[arg(long)]
        state: Vec<String>,
        /// Whose label `ring` is this
        #[arg(long)]
        ring: Option<String>,
        /// That last worked towards this commit
        #[arg(long)]
        commit: Option<String>,
        /// Whose agent has this version
        #[arg(long)]
        agent: Option<String>,
        /// So quiet, or more: `late` or `silent`
        #[arg(long)]
        fresh: Option<String>,
        /// In which order: `worst`, `account` or `seen` (quiet for longest first); with `-` before it the other way round
        #[arg(long, allow_hyphen_values = true, value_parser = ["worst", "account", "-account", "seen", "-seen"])]
        sort: Option<String>,
    },
    /// One account, and what it said last
    Account {
        /// Twelve digits
        id: String,
    },
    /// What people were told: what is open, worst first, then what is over
    Alerts,
    /// Accounts that are expected and never spoke
    Missing,
    /// Stacks, or one over all accounts, worst first
    Stack {
        /// CloudFormation's name of it
        stack: Option<String>,
    },
    /// Commits, the newest first, or how far one is, ring by ring
    Commit {
        /// Its whole id
        commit: Option<String>,
    },
    /// What somebody changed and nobody put back
    Drift,
    /// Controls, or where one is provided, worst first
    Control {
        /// Its name
        control: Option<String>,
    },
    /// What people told their accounts
    Exceptions,
    /// What happened, the newest first
    Events {
        /// Of this kind, such as `drifted` or `not-healed`
        #[arg(long)]
        what: Option<String>,
    },
    /// What was refused
    Quarantine,
}
