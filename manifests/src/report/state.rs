//! How a stack, or an account, stands: ten words, from the best to the worst.
//!
//! Not here: why ([`super::StackReport::why`]).

use serde::{Deserialize, Serialize};

/// How a stack stands. States are ordered by how bad they are ([`State::RANKING`]); the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As the repository says.
    InSync,
    /// In sync, after the agent put back what somebody changed.
    Healed,
    /// Wanted, and waiting for something that ends by itself.
    Pending,
    /// Being changed now.
    Applying,
    /// Deviates by agreement.
    Excepted,
    /// Changed by someone else.
    Drifted,
    /// Stopped by a limit; a person can release it.
    Held,
    /// The last change did not work and was undone, or the manifest can't be read.
    Failed,
    /// Only a person can go on from here.
    NeedsAPerson,
    /// Not looked at, not supported, or a word of a newer agent. Never green.
    #[serde(other)]
    Unknown,
}

impl State {
    /// Best first.
    pub const RANKING: [Self; 10] = [
        Self::InSync,
        Self::Healed,
        Self::Pending,
        Self::Applying,
        Self::Excepted,
        Self::Unknown,
        Self::Drifted,
        Self::Held,
        Self::Failed,
        Self::NeedsAPerson,
    ];

    /// Whether nothing is left to do: as the repository says, or not so by agreement.
    pub fn is_settled(self) -> bool {
        match self {
            Self::InSync | Self::Healed | Self::Excepted => true,
            Self::Pending
            | Self::Applying
            | Self::Unknown
            | Self::Drifted
            | Self::Held
            | Self::Failed
            | Self::NeedsAPerson => false,
        }
    }

    fn rank(self) -> Option<usize> {
        Self::RANKING.iter().position(|state| *state == self)
    }

    /// As it is said to a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Healed => "healed",
            Self::Pending => "pending",
            Self::Applying => "applying",
            Self::Excepted => "excepted",
            Self::Unknown => "unknown",
            Self::Drifted => "drifted",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::NeedsAPerson => "needs a person",
        }
    }
}

impl Ord for State {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for State {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
