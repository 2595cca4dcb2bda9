//! Why something could not be read or written, and what to do about it.

use crate::cloud::CloudError;
use std::path::PathBuf;

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// In SSM.
    #[error("the agent's {what} `{parameter}` could not be reached")]
    Parameter {
        /// What is kept there.
        what: &'static str,
        /// Which parameter.
        parameter: String,
        /// Why.
        #[source]
        source: CloudError,
    },
    /// In a file.
    #[error("the agent's {what} {} could not be reached", .path.display())]
    File {
        /// What is kept there.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What people told the agent is no such thing.
    #[error("what people told this account can't be understood, and is not written over: {0}; mend it, or remove it")]
    Garbled(String),
    /// Somebody else speaks, for longer than that can take.
    #[error(
        "somebody else tells this account something, and has not ended in three minutes; say it once more, and remove the parameter \
         `{parameter}` if nobody does"
    )]
    Crossed {
        /// What they made for it.
        parameter: String,
    },
    /// A newer agent remembers what this one doesn't know.
    #[error(
        "the agent's memory `{place}` was written by a newer agent (format {version}), so nothing is changed; ends when an \
         agent of that version runs here"
    )]
    Newer {
        /// Where it is kept.
        place: String,
        /// The format.
        version: u32,
    },
    /// It does not fit where it is kept.
    #[error(
        "the agent's memory `{parameter}` would take {bytes} bytes and a parameter holds {}: too many stacks are under \
         way, held or failed at once",
        super::MOST
    )]
    TooLarge {
        /// Which parameter.
        parameter: String,
        /// What it would take, with everything forgotten that may be.
        bytes: usize,
    },
}

impl StoreError {
    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Parameter { source, .. } => source.hint(),
            Self::File { .. } | Self::TooLarge { .. } => Some("`--memory file:PATH` takes another place".into()),
            Self::Garbled(_) | Self::Crossed { .. } | Self::Newer { .. } => None,
        }
    }
}
