//! Errors at the edge: each printed once, with what to do about it, and a documented exit code.

use crate::{
    cloud::{CloudError, Trouble as Kind},
    config::ConfigError,
    git::error::{Fault, FetchError},
    stop::Stopped,
    store::StoreError,
};
use manifests::report::{Report, State};
use std::error::Error;

/// What a command ends with. The README's table is held against this one by a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything is as the repository says; or the command did what it was asked.
    Done = 0,
    /// Something failed: a stack, a manifest, a command.
    Failed = 1,
    /// `plan --detailed-exitcode`: there are changes.
    Changes = 2,
    /// Something is held, or needs a person.
    Held = 3,
    /// Not everything is in place yet; another turn goes on.
    Pending = 4,
    /// The command line makes no sense.
    Usage = 64,
    /// The repository, or AWS, could not be reached, or another agent is at work; nothing was changed.
    Unreachable = 75,
    /// Credentials or a permission are missing, or these are another account's.
    Denied = 77,
    /// The configuration can't be used.
    Config = 78,
}

impl Exit {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Changes,
        Self::Held,
        Self::Pending,
        Self::Usage,
        Self::Unreachable,
        Self::Denied,
        Self::Config,
    ];

    /// What a turn that ended like this means for whoever started it. `denied` is whether a call was.
    pub fn of(report: &Report, denied: bool) -> Self {
        let is_open = |state| matches!(state, State::Pending | State::Applying);
        match report.state {
            State::Unknown | State::Failed if denied => Self::Denied,
            // What deviates by agreement ranks above what is not in place yet, and must not hide it.
            State::Excepted if report.stacks.iter().any(|stack| is_open(stack.state)) => Self::Pending,
            State::InSync | State::Healed | State::Excepted => Self::Done,
            State::Pending | State::Applying => Self::Pending,
            State::Unknown => Self::Unreachable,
            State::Drifted | State::Failed => Self::Failed,
            State::Held | State::NeedsAPerson => Self::Held,
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::Stopped(error.into())
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The turn.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The repository.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A call to AWS.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A value on the command line makes no sense.
    #[error("`{key}`: {why}")]
    Usage {
        /// Where it stands.
        key: &'static str,
        /// Why.
        why: String,
    },
    /// It can't be done as things are; the sentence says what would have to be otherwise.
    #[error("{0}")]
    Refused(String),
    /// Something on this machine.
    #[error("{what}")]
    Local {
        /// What could not be done.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl CommandError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(ConfigError::Value { .. }) => Some("`holdfast help` lists every setting".into()),
            Self::Config(_) | Self::Usage { .. } | Self::Local { .. } | Self::Refused(_) => None,
            Self::Cloud(error) => error.hint(),
            Self::Stopped(Stopped::Identity(error)) => error.hint(),
            Self::Stopped(Stopped::Memory(error)) => error.hint(),
            Self::Stopped(Stopped::WrongAccount { .. }) => Some("check AWS_PROFILE, or `--account`".into()),
            Self::Stopped(Stopped::Fenced { .. } | Stopped::Unlooked { .. }) => None,
            Self::Stopped(Stopped::Unsound(_)) => Some("this is a bug in Holdfast: please report it".into()),
            Self::Fetch(error) => error.hint.clone(),
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Config,
            Self::Usage { .. } => Exit::Usage,
            Self::Fetch(error) => match error.kind {
                Fault::Refused | Fault::NoBranch | Fault::Local => Exit::Config,
                Fault::Unauthorized => Exit::Denied,
                Fault::Unreachable
                | Fault::Busy
                | Fault::Slow
                | Fault::TooMuch
                | Fault::NotFound
                | Fault::Broken
                | Fault::Empty
                | Fault::Protocol => Exit::Unreachable,
            },
            Self::Stopped(Stopped::Identity(error)) => of(error),
            Self::Stopped(Stopped::Memory(StoreError::Parameter { source, .. })) => of(source),
            Self::Stopped(Stopped::Memory(_) | Stopped::Unsound(_) | Stopped::Unlooked { .. })
            | Self::Local { .. }
            | Self::Refused(_) => Exit::Failed,
            Self::Cloud(error) => of(error),
            Self::Stopped(Stopped::WrongAccount { .. }) => Exit::Denied,
            Self::Stopped(Stopped::Fenced { .. }) => Exit::Unreachable,
        }
    }
}

fn of(error: &CloudError) -> Exit {
    match error.problem {
        Kind::Unavailable => Exit::Unreachable,
        Kind::Denied | Kind::Credentials => Exit::Denied,
        Kind::NotFound | Kind::Busy | Kind::AlreadyExists | Kind::Invalid | Kind::Limit | Kind::Other => Exit::Failed,
    }
}

/// The one place an error becomes text: `outer: inner: innermost`, each said once.
pub fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}
